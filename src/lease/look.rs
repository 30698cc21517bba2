//! Looking at a lease pool without changing it. The record of each address decides, not the clock.

use super::lease::Lease;
use super::pool::LeasePool;
use super::record::Tag;
use super::word::{State, Word};
use crate::client::Client;
use crate::geometry::Place;
use crate::network::Network;
use crate::pool::Snapshot;
use crate::slot::Slot;
use std::time::Duration;

/// The state of an address at some moment.
///
/// ```
/// use hostbits::lease::{LeasePool, LeaseStatus, Term};
/// use std::time::Duration;
///
/// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let lease = pool.allocate(Duration::from_secs(30))?;
/// assert!(matches!(pool.status(lease.addr()), LeaseStatus::Offered { .. }));
/// pool.renew(&lease, Term::Forever)?;
/// assert!(matches!(pool.status(lease.addr()), LeaseStatus::Leased { remaining: None, .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "status", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum LeaseStatus<'a> {
    /// The address was free when it was checked. This is no promise: to get it, allocate it.
    Free,
    /// The address is offered, and not confirmed by a renewal yet.
    #[non_exhaustive]
    Offered {
        /// The generation of the lease.
        generation: u64,
        /// How long the offer lasts. Zero if its time has passed, and nothing has freed the address yet.
        remaining: Duration,
    },
    /// The address is leased.
    #[non_exhaustive]
    Leased {
        /// The generation of the lease.
        generation: u64,
        /// The owner, if the lease was made for one.
        #[cfg_attr(feature = "serde", serde(serialize_with = "as_hex"))]
        owner: Option<Client>,
        /// How long the lease lasts; `None` for ever. Zero if its time has passed, and nothing has freed the address yet.
        remaining: Option<Duration>,
    },
    /// The lease has ended, and the address is not handed out to another owner yet.
    #[non_exhaustive]
    Cooling {
        /// The generation of the lease that has ended.
        generation: u64,
        /// The owner of the lease that has ended, if it was made for one.
        #[cfg_attr(feature = "serde", serde(serialize_with = "as_hex"))]
        owner: Option<Client>,
        /// How long the address still rests.
        remaining: Duration,
    },
    /// It is unknown whether the address is held. It is not handed out.
    Quarantined,
    /// The address is reserved, and never handed out.
    #[non_exhaustive]
    Reserved {
        /// The reason: `network`, `broadcast`, `gateway`, `subnet-router anycast`, or the caller's label.
        label: &'a str,
    },
    /// The address is not in the pool.
    OutOfRange,
}

/// Serializes an owner as 16 hexadecimal digits: numbers of this size lose digits in JSON.
#[cfg(feature = "serde")]
#[allow(clippy::trivially_copy_pass_by_ref)] // The signature is serde's.
fn as_hex<S: serde::Serializer>(owner: &Option<Client>, serializer: S) -> Result<S::Ok, S::Error> {
    match owner {
        Some(owner) => serializer.collect_str(&format_args!("{owner:016x}")),
        None => serializer.serialize_none(),
    }
}

/// How many addresses of a pool are in which state.
///
/// ```
/// use hostbits::lease::{LeasePool, Term};
/// use std::time::Duration;
///
/// let pool = LeasePool::new("10.0.0.0/29".parse::<ipnet::Ipv4Net>()?)?;
/// pool.allocate(Duration::from_secs(30))?;
/// let lease = pool.allocate(Term::Forever)?;
/// pool.release(&lease)?;
/// let census = pool.census();
/// assert_eq!((census.free, census.offered, census.leased, census.cooling), (3, 1, 0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Census {
    /// Addresses that are free.
    pub free: u64,
    /// Addresses that are offered.
    pub offered: u64,
    /// Addresses that are leased.
    pub leased: u64,
    /// Addresses that rest.
    pub cooling: u64,
    /// Addresses of which it is unknown whether they are held.
    pub quarantined: u64,
}

impl Census {
    fn count(&mut self, state: State) {
        *match state {
            State::Free => &mut self.free,
            State::Offered => &mut self.offered,
            State::Leased => &mut self.leased,
            State::Cooling => &mut self.cooling,
            State::Quarantined | State::Void => &mut self.quarantined,
        } += 1;
    }

    /// Counts the numbers of the states of records, as a file has them.
    #[cfg(pool_files)]
    pub(crate) fn of_numbers(numbers: impl Iterator<Item = u8>) -> Self {
        let mut census = Self::default();
        for number in numbers {
            census.count(State::of_record(number));
        }
        census
    }
}

impl<N: Network> LeasePool<N> {
    /// Returns the state of `addr`. It may be outdated when you read it.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, LeaseStatus, Term};
    /// use std::time::Duration;
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let lease = pool.allocate(Term::Forever)?;
    /// pool.release(&lease)?;
    /// let status = pool.status(lease.addr());
    /// assert!(matches!(status, LeaseStatus::Cooling { generation, .. } if generation == lease.generation()));
    /// assert_eq!(pool.status("10.0.0.1".parse()?), pool.status("10.0.0.1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(&self, addr: N::Addr) -> LeaseStatus<'_> {
        let geometry = self.pool.geometry();
        match geometry.place_of(addr) {
            Place::Usable(slot) => self.status_of(slot),
            Place::Reserved(slot) => LeaseStatus::Reserved {
                label: geometry.label_of(slot).unwrap_or_default(),
            },
            Place::Outside => LeaseStatus::OutOfRange,
        }
    }

    fn status_of(&self, slot: Slot) -> LeaseStatus<'_> {
        let word = self.records.load(slot);
        let generation = self.generation_of(word);
        let remaining = word.until().remaining(self.clock.now());
        match word.state() {
            State::Free => LeaseStatus::Free,
            State::Offered => LeaseStatus::Offered {
                generation,
                remaining: remaining.unwrap_or(Duration::MAX),
            },
            State::Leased => LeaseStatus::Leased {
                generation,
                owner: self.records.owner_of(slot, word),
                remaining,
            },
            State::Cooling => LeaseStatus::Cooling {
                generation,
                owner: self.records.owner_of(slot, word),
                remaining: remaining.unwrap_or(Duration::MAX),
            },
            // A usable slot is never void; if its memory was lost, it is unknown.
            State::Quarantined | State::Void => LeaseStatus::Quarantined,
        }
    }

    /// Returns the lease of an address, offered or committed; `None` if it is not held. For operators:
    /// `release(lease_of(addr))` is the release that asks for nothing, spelled out.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let lease = pool.allocate(Term::Forever)?;
    /// assert_eq!(pool.lease_of(lease.addr()), Some(lease));
    /// assert_eq!(pool.lease_of("10.0.0.77".parse()?), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lease_of(&self, addr: N::Addr) -> Option<Lease<N::Addr>> {
        let Place::Usable(slot) = self.pool.geometry().place_of(addr) else {
            return None;
        };
        let word = self.records.load(slot);
        word.is_held().then(|| self.lease_at(slot, word))
    }

    /// Returns all leases, offered and committed, by ascending address. Each is from its own moment.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let leases = pool.allocate_many(3, Term::Forever)?;
    /// assert_eq!(pool.iter().collect::<Vec<_>>(), leases);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = Lease<N::Addr>> + '_ {
        let held = self.words().filter(|(_, word)| word.is_held());
        held.map(|(slot, word)| self.lease_at(slot, word))
    }

    /// Returns the leases that were made for an owner, offered and committed, by ascending address. It looks at every
    /// record, 1.4 ns each.
    ///
    /// It may miss a lease whose allocation has not returned yet. It never names one of another owner.
    ///
    /// ```
    /// use hostbits::{Client, lease::{LeasePool, Term}};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let alice = Client::from_hash(0x9e37_79b9_7f4a_7c15);
    /// let lease = pool.allocate_for(alice, Term::Forever)?;
    /// assert_eq!(pool.owned_by(alice).collect::<Vec<_>>(), [lease]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn owned_by(&self, owner: Client) -> impl Iterator<Item = Lease<N::Addr>> + '_ {
        let tag = Tag::of(owner);
        let held = self.words().filter(|(_, word)| word.is_held());
        let owned = held.filter(move |&(slot, word)| self.records.is_of(slot, word, tag));
        owned.map(|(slot, word)| self.lease_at(slot, word))
    }

    /// Counts the addresses by state. Each is from its own moment; exact if no other thread uses the pool.
    ///
    /// An address whose time has come counts as what its record says, until a [`sweep`](Self::sweep) has freed it.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for (_, word) in self.words() {
            census.count(word.state());
        }
        census
    }

    /// Returns a copy of which addresses are free and which are not, to be compared with a later one.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let before = pool.snapshot();
    /// let lease = pool.allocate(Term::Forever)?;
    /// assert_eq!(pool.snapshot().diff(&before)?.allocated, [lease.addr()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot(&self) -> Snapshot<N> {
        let free = self.words().filter(|(_, word)| word.state() == State::Free);
        Snapshot::of_free(self.pool.geometry().clone(), free.map(|(slot, _)| slot))
    }

    /// Counts the free addresses of each cell of 2^`depth` slots, for a picture of the pool; see
    /// [`Pool::fill`](crate::Pool::fill). Returns how many cells the pool has.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate(Term::Forever)?;
    /// let mut cells = [0; 4];
    /// assert_eq!(pool.fill(6, &mut cells), 4);
    /// assert_eq!(cells, [61, 64, 64, 63]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fill(&self, depth: u32, cells: &mut [u32]) -> u64 {
        self.pool.fill(depth, cells)
    }

    /// The records of all slots that can be handed out, by ascending address.
    pub(super) fn words(&self) -> impl Iterator<Item = (Slot, Word)> + '_ {
        let runs = self.pool.geometry().runs().iter();
        runs.flat_map(|run| run.first..=run.last)
            .map(|slot| (slot, self.records.load(slot)))
    }
}
