//! Seeding from a user list: marks what is listed as taken, and never frees anything.

use super::Pool;
use crate::geometry::Place;
use crate::network::Network;
use crate::run_map::RunMap;
use crate::slot::Slot;
use crate::stats::Event;
use crate::users::{Adopted, Ambiguous, Entry, Listed, ProblemKind, UserRecord, quoted, read};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Who named an address first.
#[derive(Clone)]
struct Claimant {
    position: u64,
    owner: Option<Arc<str>>,
}

impl<N: Network> Pool<N> {
    /// Marks the addresses of a user list as taken, and reports what it made of every entry.
    ///
    /// Never frees anything, is safe at any time while others allocate, and is idempotent. In a pool file
    /// with `Durability::Strict` it is durable when the call returns, or the pool is poisoned. An address
    /// inside a unit takes the unit. Ambiguous entries are read as [`Ambiguous::Host`].
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let report = pool.adopt([("10.0.0.2", "alice"), ("10.0.0.3/32", "bob")]);
    /// assert_eq!((report.taken, report.problems.len()), (2, 0));
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.4");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt(&self, users: impl IntoIterator<Item = impl UserRecord>) -> Adopted {
        self.adopt_reading(Ambiguous::default(), users)
    }

    /// Adopts like [`adopt`](Self::adopt), with a choice of how to read `10.0.0.5/24`.
    ///
    /// ```
    /// use hostbits::{Ambiguous, Pool};
    ///
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let report = pool.adopt_reading(Ambiguous::Expand, ["10.0.0.16/28"]);
    /// assert_eq!((report.taken, report.ambiguous), (16, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt_reading(
        &self,
        ambiguous: Ambiguous,
        users: impl IntoIterator<Item = impl UserRecord>,
    ) -> Adopted {
        self.adopt_listed(ambiguous, users).report
    }

    /// Adopts, and keeps who was listed.
    pub(super) fn adopt_listed(
        &self,
        ambiguous: Ambiguous,
        users: impl IntoIterator<Item = impl UserRecord>,
    ) -> Adoption<'_, N> {
        let mut adoption = Adoption {
            pool: self,
            ambiguous,
            report: Adopted::default(),
            claimants: RunMap::default(),
        };
        for user in users {
            adoption.adopt(&user);
        }
        let report = &adoption.report;
        if report.taken != 0 {
            self.counters.allocated(Event::Adopted, report.taken);
            // What is taken stays taken, durable or not; a pool that could not make it durable is poisoned,
            // and hands out nothing.
            let _ = self.confirm();
        }
        adoption
    }
}

/// One pass over a list.
pub(super) struct Adoption<'a, N: Network> {
    pool: &'a Pool<N>,
    ambiguous: Ambiguous,
    pub(super) report: Adopted,
    /// Every slot that was listed.
    claimants: RunMap<Claimant>,
}

impl<N: Network> Adoption<'_, N> {
    /// The report, and all slots that were listed, as ascending ranges.
    #[allow(dead_code)] // Where there are no pool files, nobody asks.
    pub(super) fn into_listed(self) -> (Adopted, impl Iterator<Item = (Slot, Slot)>) {
        let runs = self.claimants.into_runs();
        (self.report, runs.map(|(first, last, _)| (first, last)))
    }

    fn adopt(&mut self, user: &impl UserRecord) {
        self.report.entries += 1;
        let listed = user.listed();
        match read(listed) {
            Entry::Addr(addr) => self.adopt_addr(addr, user.owner(), listed),
            Entry::Net(net) if self.is_one_unit(net) => {
                self.adopt_addr(net.addr(), user.owner(), listed);
            }
            Entry::Net(net) => self.adopt_ambiguous(net, user.owner(), listed),
            Entry::Unassigned => self.report.unassigned += 1,
            Entry::Unparseable => {
                self.report.unparseable += 1;
                self.note(ProblemKind::Unparseable, listed);
            }
        }
    }

    /// Whether the prefix is exactly what the pool hands out.
    fn is_one_unit(&self, net: IpNet) -> bool {
        net == net.trunc() && net.prefix_len() == self.pool.geometry.unit()
    }

    fn adopt_ambiguous(&mut self, net: IpNet, owner: Option<&str>, listed: Listed<'_>) {
        self.report.ambiguous += 1;
        self.note(ProblemKind::Ambiguous, listed);
        match self.ambiguous {
            Ambiguous::Host => self.adopt_addr(net.addr(), owner, listed),
            Ambiguous::Expand => self.adopt_block(net, owner, listed),
            Ambiguous::Reject => self.report.unparseable += 1,
        }
    }

    fn adopt_addr(&mut self, addr: IpAddr, owner: Option<&str>, listed: Listed<'_>) {
        let Some(own) = self.pool.geometry.in_family(addr) else {
            self.report.wrong_family += 1;
            return self.note(ProblemKind::WrongFamily, listed);
        };
        match self.pool.geometry.place_of(own) {
            Place::Usable(slot) => self.adopt_slots(slot..=slot, owner, listed),
            Place::Reserved(slot) => {
                self.report.reserved += 1;
                self.note_reserved(slot, listed);
            }
            Place::Outside => {
                self.report.out_of_range += 1;
                self.note(ProblemKind::OutOfRange, listed);
            }
        }
    }

    /// Takes consecutive slots for one owner; those that were named before stay with their claimant.
    fn adopt_slots(
        &mut self,
        slots: RangeInclusive<Slot>,
        owner: Option<&str>,
        listed: Listed<'_>,
    ) {
        let contested = owner.and_then(|owner| self.contested(&slots, owner));
        let claimant = Claimant {
            position: self.report.entries,
            owner: owner.map(Into::into),
        };
        let fresh = self.claimants.insert(slots, claimant);
        if let Some(kind) = contested {
            self.report.duplicate += 1;
            self.note(kind, listed);
        } else if fresh.is_empty() {
            self.report.repeated += 1;
        }
        for (first, last) in fresh {
            (first..=last).for_each(|slot| self.take(slot));
        }
    }

    /// The first of these slots that another owner has claimed.
    fn contested(&self, slots: &RangeInclusive<Slot>, owner: &str) -> Option<ProblemKind> {
        self.claimants.overlapping(slots).find_map(|(slot, first)| {
            let first_owner = first.owner.as_deref().filter(|&first| first != owner)?;
            Some(ProblemKind::Duplicate {
                addr: self.pool.geometry.addr_of(slot).into(),
                owner: quoted(owner),
                first_position: first.position,
                first_owner: quoted(first_owner),
            })
        })
    }

    fn adopt_block(&mut self, net: IpNet, owner: Option<&str>, listed: Listed<'_>) {
        let geometry = &self.pool.geometry;
        let ends = geometry
            .in_family(net.network())
            .zip(geometry.in_family(net.broadcast()));
        let Some((first, last)) = ends else {
            self.report.wrong_family += 1;
            return self.note(ProblemKind::WrongFamily, listed);
        };
        let Some((first, last)) = geometry.slots_around(&(first..=last)) else {
            self.report.out_of_range += 1;
            return self.note(ProblemKind::OutOfRange, listed);
        };
        for run in geometry.reserved_within(first, last) {
            self.report.reserved += 1;
            self.note_reserved(run.first, listed);
        }
        for run in geometry.runs_within(first, last) {
            self.adopt_slots(run.first..=run.last, owner, listed);
        }
    }

    fn note_reserved(&mut self, slot: Slot, listed: Listed<'_>) {
        let label = self.pool.geometry.label_of(slot).unwrap_or_default();
        let label = label.to_owned();
        self.note(ProblemKind::Reserved { label }, listed);
    }

    fn take(&mut self, slot: Slot) {
        // The exact claim waits for claims in flight: "already" must not be a bit that comes back.
        if self.pool.bitmap().claim_exact(slot) {
            self.report.taken += 1;
        } else {
            self.report.already += 1;
        }
    }

    fn note(&mut self, kind: ProblemKind, listed: Listed<'_>) {
        self.report.note(kind, Quoted(listed));
    }
}

/// An entry as it was written.
struct Quoted<'a>(Listed<'a>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Listed::Text(text) => f.write_str(text),
            Listed::Addr(addr) => addr.fmt(f),
            Listed::Net(net) => net.fmt(f),
        }
    }
}
