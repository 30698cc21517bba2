//! The pass: which leases a list of users does not name.
//!
//! A pass marks the records of all leases, and only then is the list read. Whatever renews or adopts a lease takes the mark
//! away, since it writes the word anew. So a word that still has its mark is the word that the pass has seen, even if the
//! lease is for ever and a renewal would change nothing else.

use super::compare::Found;
use super::pool::LeasePool;
use super::time::Tick;
use super::word::{State, Word};
use crate::network::Network;
use crate::plan::{PassError, Plan, ReconcilerError};
use crate::pool::LeaseListing;
use crate::pool::reconcile::check_whole;
use crate::slot::{Slot, bit_of, word_of};
use crate::sync::{Mutex, MutexGuard};
use crate::users::{ProblemKind, Record, Unreadable};
use std::hash::{BuildHasher, RandomState};
use std::sync::PoisonError;
use std::time::SystemTime;

/// What passes over a pool know of each other. They take turns while they mark, plan, apply and undo.
pub(super) struct Passes(Mutex<Latest>);

/// The latest pass.
pub(super) struct Latest {
    /// Its number. A plan of an earlier one is void: this one has marked again what was renewed since.
    pub(super) number: u32,
    /// Whether this process alone may mark the records of the file: from its first pass on, until it closes the pool.
    has_lock: bool,
    /// How many addresses the longest list contained since a plan ended something.
    pub(super) listed_before: Option<u64>,
}

impl Default for Passes {
    fn default() -> Self {
        Self(Mutex::new(Latest {
            // Random: no plan of another process, or of an earlier opening of a file, has the number of a pass here.
            number: RandomState::new().hash_one(0) as u32,
            has_lock: false,
            listed_before: None,
        }))
    }
}

impl Passes {
    pub(super) fn turn(&self) -> MutexGuard<'_, Latest> {
        // A panic while it was locked leaves a number and a count behind, which are right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pass over a lease pool that has begun: give it the whole list, then finish it.
///
/// If it is dropped, nothing changes.
///
/// ```
/// use hostbits::lease::{LeasePool, Term};
/// use std::time::Duration;
///
/// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let (alice, lost) = (pool.allocate(Term::Forever)?, pool.allocate(Term::Forever)?);
/// let offer = pool.allocate(Duration::from_secs(30))?;
///
/// let mut pass = pool.pass()?;
/// pass.read([(alice, "alice")]); // Read the list only now.
/// let plan = pass.finish(1)?;    // It has one entry.
/// assert_eq!((plan.slots.matched, plan.slots.ripe, plan.slots.in_flight), (1, 1, 1));
/// assert_eq!(plan.ranges[0].generation, Some(lost.generation()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a pass without a list finds nothing"]
pub struct LeasePass<'a, N: Network> {
    pool: &'a LeasePool<N>,
    number: u32,
    began_ms: u64,
    /// The slots that were leased when the pass began, as a bit per slot.
    leased: Vec<u64>,
    listing: LeaseListing<'a, N>,
    unreadable: Unreadable,
    is_incomplete: bool,
}

impl<N: Network> LeasePool<N> {
    /// Begins a pass: marks all leases, and finds those that the list, read after this, does not name.
    ///
    /// One pass is exact if every caller writes its record before it renews, and deletes it before it releases: what is
    /// leased and not listed has no holder. No call waits for a pass, and there is no grace: an offer is never touched,
    /// and a lease that is renewed, adopted or released after this is left alone.
    ///
    /// A lease that was taken at once, by a [`Term`](super::Term), has no record at first. Run no pass beside such
    /// allocations, or list their addresses before.
    ///
    /// It looks at every record, and writes those of leases. A pass that has begun before can no longer be finished, nor
    /// its plan be applied.
    ///
    /// # Errors
    ///
    /// None on the heap. [`ReconcilerError::Busy`] if another process has begun a pass over this file, and still has it
    /// open; or the file is unusable.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let lease = pool.allocate(Term::Forever)?;
    /// let pass = pool.pass()?;
    /// pool.renew(&lease, Term::Forever)?; // It is left alone, though it is not listed.
    /// let plan = pass.finish(0)?;
    /// assert_eq!((plan.slots.orphan, plan.slots.in_flight), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pass(&self) -> Result<LeasePass<'_, N>, ReconcilerError> {
        // Each time: a child of the process that has the lock has not.
        if let Some(refusal) = self.refusal() {
            return Err(refusal.into());
        }
        let mut latest = self.passes.turn();
        if !latest.has_lock {
            self.lock_passes()?;
            latest.has_lock = true;
        }
        latest.number = latest.number.wrapping_add(1);
        let began_ms = self.now_ms();
        Ok(LeasePass {
            number: latest.number,
            began_ms,
            leased: self.mark_leases(),
            listing: self.pool.lease_listing(),
            unreadable: Unreadable::default(),
            is_incomplete: false,
            pool: self,
        })
    }

    /// Makes sure that no other process has passes over the same file. The lock is given back with the file.
    fn lock_passes(&self) -> Result<(), ReconcilerError> {
        let Some(file) = self.pool.lease_file() else {
            return Ok(());
        };
        match file.try_lock_reconcile() {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReconcilerError::Busy),
            Err(error) => Err(ReconcilerError::Lock {
                errno: error.raw_os_error().unwrap_or_default(),
            }),
        }
    }

    /// Marks the records of all leases, and returns them as a bit per slot.
    fn mark_leases(&self) -> Vec<u64> {
        let mut leased = vec![0; word_of(self.last_slot()) + 1];
        for (slot, word) in self.words() {
            if self.mark_lease(slot, word) {
                leased[word_of(slot)] |= bit_of(slot);
            }
        }
        leased
    }

    fn mark_lease(&self, slot: Slot, mut word: Word) -> bool {
        while word.state() == State::Leased {
            if word.is_marked() {
                return true;
            }
            match self.records.exchange(slot, word, word.marked()) {
                Ok(()) => return true,
                Err(other) => word = other,
            }
        }
        false
    }

    /// Returns the time in milliseconds since 1970: that at which the pool was built, and what its clock has counted.
    pub(super) fn now_ms(&self) -> u64 {
        self.built_ms + 1000 * u64::from(self.clock.now().number())
    }
}

/// Returns the time of the system, less what a clock has counted already.
pub(super) fn built_ms(now: Tick) -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.map_or(0, |since| since.as_millis() as u64);
    since.saturating_sub(1000 * u64::from(now.number()))
}

impl<N: Network> LeasePass<'_, N> {
    /// Chooses whether a list with unreadable entries may end leases. Default: it ends nothing.
    ///
    /// ```
    /// use hostbits::{lease::LeasePool, users::Unreadable};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut pass = pool.pass()?.unreadable(Unreadable::Skip { at_most: 1 });
    /// pass.read(["10.0.0.2x"]);
    /// assert!(!pass.finish(1)?.is_unclear);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unreadable(mut self, unreadable: Unreadable) -> Self {
        self.unreadable = unreadable;
        self
    }

    /// Reads a list, or a part of it. If the iterator panics, the pass makes no plan.
    ///
    /// An entry with a [generation](Record::generation), such as a [`Lease`](super::Lease), names its address whatever the
    /// generation is. If the address is leased in another one, the plan reports it.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let leases = pool.allocate_many(2, Term::Forever)?;
    /// let mut pass = pool.pass()?;
    /// pass.read(&leases);
    /// assert!(pass.finish(2)?.is_in_order());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&mut self, users: impl IntoIterator<Item = impl Record>) {
        // Until the end is reached; see `try_read`.
        let was_incomplete = std::mem::replace(&mut self.is_incomplete, true);
        for user in users {
            self.read_one(&user);
        }
        self.is_incomplete = was_incomplete;
    }

    /// Reads a list that may fail. After an error, the pass makes no plan.
    ///
    /// # Errors
    ///
    /// Returns the first error of the list.
    ///
    /// ```
    /// let pool = hostbits::lease::LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut pass = pool.pass()?;
    /// assert!(pass.try_read([Ok("10.0.0.2"), Err("the database went away")]).is_err());
    /// assert_eq!(pass.finish(1).unwrap_err().code(), "incomplete");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_read<E>(
        &mut self,
        users: impl IntoIterator<Item = Result<impl Record, E>>,
    ) -> Result<(), E> {
        // Until the end is reached: a list that panics has not been read completely either.
        let was_incomplete = std::mem::replace(&mut self.is_incomplete, true);
        for user in users {
            self.read_one(&user?);
        }
        self.is_incomplete = was_incomplete;
        Ok(())
    }

    fn read_one(&mut self, user: &impl Record) {
        self.listing.read(user);
        let Some(generation) = user.generation() else {
            return;
        };
        if let Some(slot) = self.listing.slot_named_by(user)
            && let Some(leased) = self.other_generation(slot, generation)
        {
            let kind = ProblemKind::OtherGeneration { generation, leased };
            self.listing.note(kind, user);
        }
    }

    /// Returns the generation in which a slot is leased, if that of its entry was over before the pass began, or is of
    /// another pool. In doubt, the lease has changed hands since.
    fn other_generation(&self, slot: Slot, generation: u64) -> Option<u64> {
        let word = self.pool.records.load(slot);
        let leased = self.pool.generation_of(word);
        if !word.is_held() || generation == leased {
            return None;
        }
        let first = self.pool.first_generation();
        let may_have_ended_since = !word.is_marked() && (first..leased).contains(&generation);
        (!may_have_ended_since).then_some(leased)
    }

    /// Returns how many entries have been read.
    pub fn entries(&self) -> u64 {
        self.listing.entries()
    }

    /// Makes the plan, after the list has been read to its end. `entries` is how many entries the list should have. If
    /// possible, take this number from a separate source (`SELECT count(*)`), because a list that is read in pieces
    /// while it changes may be incomplete without an error.
    ///
    /// What is leased and not listed is `ripe` at once: [`LeasePool::apply`] ends it. What is listed and not leased is
    /// `missing`, `cooling` or `offered`; [`LeasePool::adopt`] leases it, and returns the leases.
    ///
    /// # Errors
    ///
    /// Returns a [`PassError`]. Nothing was changed.
    ///
    /// ```
    /// let pool = hostbits::lease::LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut pass = pool.pass()?;
    /// pass.read(["10.0.0.2"]);
    /// assert_eq!(pass.finish(2).unwrap_err().code(), "count-mismatch");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(self, entries: u64) -> Result<Plan, PassError> {
        check_whole(self.is_incomplete, entries, self.entries())?;
        let passes = &self.pool.passes;
        let mut latest = passes.turn();
        if latest.number != self.number {
            return Err(PassError::Superseded);
        }
        let before = latest.listed_before;
        let plan = self.plan(before);
        latest.listed_before = before.max(Some(plan.listed));
        Ok(plan)
    }

    fn plan(self, listed_before: Option<u64>) -> Plan {
        let pool = self.pool;
        let finished_ms = pool.now_ms();
        let list = self.listing.finish();
        let found = Found::by_comparing(pool.words(), &self.leased, &list);
        let slots = found.slots;
        let listed = slots.matched + slots.missing + slots.cooling + slots.offered;
        Plan {
            version: Plan::VERSION,
            pool: pool.pool.plan_identity(),
            number: self.number,
            began_ms: self.began_ms,
            finished_ms,
            grace_ms: 0,
            entries: found.entries,
            slots,
            listed,
            listed_before,
            is_unclear: list.report.is_unclear(self.unreadable),
            ranges: found.ranges(pool, finished_ms),
            problems: list.problems,
        }
    }
}
