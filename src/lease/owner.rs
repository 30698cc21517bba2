//! Get or allocate: an owner gets the lease that it holds already.
//!
//! Calls for one owner take turns, from the look to the tag. An owner has two home words, of 64 slots each. Its lease is
//! placed elsewhere only if both are full, and then the lock, which the tag chooses, remembers where.

use super::allocate::Granted;
use super::error::OfferError;
use super::lease::Lease;
use super::pool::LeasePool;
use super::record::Tag;
use super::time::{Grant, Tick};
use super::word::{LAST_GENERATION, State, Word};
use crate::client::Client;
use crate::file_refusal::FileRefusal;
use crate::network::Network;
use crate::slot::{SLOTS_PER_WORD, Slot, slot_at, word_of};
use crate::stats::Event;
#[cfg(pool_files)]
use crate::storage::{Attached, file::records::at};
#[cfg(pool_files)]
use crate::sync::Ordering;
use crate::sync::{Mutex, MutexGuard, SLOTS_PER_LOCK};
use std::collections::BTreeSet;
use std::sync::PoisonError;

/// The most locks of a pool.
const MOST_LOCKS: u64 = 256;
/// How many seconds an owner's new lease is an offer, until its tag is written.
const UNTIL_TAGGED: u32 = 10;
/// The number of leases outside that are remembered before those that have ended are looked for.
const FEW: usize = 16;

/// The locks of owners.
pub(super) struct Owners(Box<[Mutex<Outside>]>);

/// The leases of a lock's owners that are not in a home word: of each tag usually one, several if a list says so. Those
/// that have ended stay until there are many.
#[derive(Default)]
pub(super) struct Outside {
    slots: BTreeSet<(Tag, Slot)>,
    /// How many there were when those that had ended were last removed.
    kept: usize,
    /// Which placements these are, if other processes place leases, too: their count when the map was complete.
    #[cfg(pool_files)]
    version: u64,
}

impl Outside {
    /// Where leases of an owner may be.
    fn slots_of(&self, tag: Tag) -> impl Iterator<Item = Slot> {
        let those = self.slots.range((tag, 0)..=(tag, Slot::MAX));
        those.map(|&(_, slot)| slot)
    }
}

impl Owners {
    pub(super) fn new(slot_count: u64) -> Self {
        let locks = (slot_count / SLOTS_PER_LOCK).clamp(1, MOST_LOCKS);
        Self((0..locks).map(|_| Mutex::default()).collect())
    }

    fn index_of(&self, tag: Tag) -> usize {
        (scattered(tag.0, 1) % self.0.len() as u64) as usize
    }

    fn lock(&self, index: usize) -> MutexGuard<'_, Outside> {
        // A panic while it was locked leaves a plain map behind, whose entries are checked when they are used.
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many leases outside are remembered.
    #[cfg(all(test, not(loom)))]
    pub(super) fn remembered(&self) -> usize {
        let of_lock = |lock: &Mutex<Outside>| lock.lock().map_or(0, |outside| outside.slots.len());
        self.0.iter().map(of_lock).sum()
    }

    /// Without the leases outside.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// Returns one of several independent numbers that belong to a tag.
fn scattered(tag: u64, which: u64) -> u64 {
    // Fibonacci hashing (Knuth): the tag is a good hash, and only its uses must not agree.
    (tag ^ which.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xd6e8_feb8_6659_fd93)
        .rotate_left(32)
}

/// Where an owner's lease is looked for, and placed.
struct Homes([Slot; 2]);

impl Homes {
    /// The slots of the home words, each word from its place on.
    fn slots(&self) -> impl Iterator<Item = Slot> {
        let is_one = word_of(self.0[0]) == word_of(self.0[1]);
        let homes = self.0.into_iter().take(if is_one { 1 } else { 2 });
        homes.flat_map(|place| {
            let start = place % SLOTS_PER_WORD;
            let bits = (0..SLOTS_PER_WORD).map(move |step| (start + step) % SLOTS_PER_WORD);
            bits.map(move |bit| slot_at(word_of(place), bit))
        })
    }

    fn contains(&self, slot: Slot) -> bool {
        self.0.iter().any(|&place| word_of(place) == word_of(slot))
    }
}

/// An owner, and where to look.
pub(super) struct Owner {
    pub(super) tag: Tag,
    homes: Homes,
}

/// What the pool knows of an owner.
enum Known {
    Holds(Slot, Word),
    /// Its last lease has ended, and the address has had no holder since.
    Had(Slot, Word),
    Nothing,
}

/// What became of an address that an owner had.
enum TakenBack {
    Taken(Slot, Word),
    /// Look again at what the owner has.
    Changed,
    /// The owner has nothing any more.
    Gone,
}

impl<N: Network> LeasePool<N> {
    /// Returns the lease of an owner; allocates one if the owner has none.
    ///
    /// An owner who holds a lease gets it again, renewed for the time of `grant`: so a call whose answer was lost can
    /// simply be repeated. An owner's own resting address comes back to it at once, with a new generation. Otherwise the
    /// search begins at the owner's own place, whatever the policy. Calls for one owner take turns, and end with one
    /// lease; they also do if they come at the same time. An owner for whom a list has several gets one of them.
    ///
    /// The owner is known by a number, not by a name: two owners with the same number are one. Use a keyed hash of all 64
    /// bits, such as [`ClientKey`](crate::ClientKey).
    ///
    /// # Errors
    ///
    /// As [`allocate`](Self::allocate).
    ///
    /// ```
    /// use hostbits::{Client, lease::{LeasePool, Term}};
    /// use std::time::Duration;
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let (alice, offer) = (Client::from_hash(0x9e37_79b9_7f4a_7c15), Duration::from_secs(30));
    /// let lease = pool.allocate_for(alice, offer)?;
    /// assert_eq!(pool.allocate_for(alice, offer)?, lease);
    ///
    /// pool.release(&lease)?;
    /// let again = pool.allocate_for(alice, offer)?;
    /// assert_eq!(again.addr(), lease.addr());
    /// assert_ne!(again, lease);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_for(
        &self,
        owner: Client,
        grant: impl Into<Grant>,
    ) -> Result<Lease<N::Addr>, OfferError> {
        let granted = self.granted(grant.into())?;
        let lease = self.beside_others_of(owner, |owner, outside| {
            self.get_or_allocate(owner, outside, granted)
        })??;
        self.wait_until_durable()?;
        Ok(lease)
    }

    /// Calls `act` while no other thread, of any process, does so for the same owner.
    pub(super) fn beside_others_of<T>(
        &self,
        owner: Client,
        act: impl FnOnce(&Owner, &mut Outside) -> T,
    ) -> Result<T, FileRefusal> {
        let owner = self.owner(Tag::of(owner));
        let index = self.owners.index_of(owner.tag);
        // In this order: the lock of a file does not keep out threads of this process.
        let mut outside = self.owners.lock(index);
        #[cfg(pool_files)]
        let _others = match self.pool.lease_file() {
            Some(file) => {
                let locked = file.lock_owners(index)?;
                self.learn_outside(index, &mut outside, file);
                Some(locked)
            }
            None => None,
        };
        Ok(act(&owner, &mut outside))
    }

    fn owner(&self, tag: Tag) -> Owner {
        let places = [tag.0, scattered(tag.0, 2)];
        let homes = places.map(|number| self.pool.place_of(Client::from_hash(number)));
        Owner {
            tag,
            homes: Homes(homes),
        }
    }

    /// Makes the map complete, if other processes have placed leases outside since.
    #[cfg(pool_files)]
    fn learn_outside(&self, index: usize, outside: &mut Outside, file: &Attached) {
        // Acquire: with the addition in `note_outside`. A take that was counted before is found by the scan, or its
        // process has died before it.
        let version = file.facts()[at::OUTSIDE + index].load(Ordering::Acquire);
        if version != outside.version {
            self.scan_outside(index, outside);
            outside.version = version;
        }
    }

    #[cfg(pool_files)]
    #[cold]
    #[inline(never)]
    fn scan_outside(&self, index: usize, outside: &mut Outside) {
        outside.slots.clear();
        for (slot, word) in self.words() {
            let state = word.state();
            if !matches!(state, State::Offered | State::Leased | State::Cooling) {
                continue;
            }
            let Some(tag) = self.records.tag_of(slot, word) else {
                continue;
            };
            if self.owners.index_of(tag) != index || self.owner(tag).homes.contains(slot) {
                continue;
            }
            outside.slots.insert((tag, slot));
        }
        outside.kept = outside.slots.len();
    }

    /// Tells other processes that a lease of this lock's owners is about to be outside. Before the take: a process that dies
    /// in between has made others look in vain.
    fn note_outside(&self, owner: &Owner, outside: &mut Outside, slot: Slot) {
        #[cfg(pool_files)]
        if let Some(file) = self.pool.lease_file()
            && !owner.homes.contains(slot)
        {
            let index = self.owners.index_of(owner.tag);
            // AcqRel: Release, for `learn_outside`. The lock orders all additions to this word.
            let before = file.facts()[at::OUTSIDE + index].fetch_add(1, Ordering::AcqRel);
            outside.version = before.wrapping_add(1);
        }
        #[cfg(not(pool_files))]
        let _ = (owner, outside, slot);
    }

    /// Makes this owner the holder of a slot that it may take; see `Records::take_for`.
    pub(super) fn take_for(
        &self,
        slot: Slot,
        word: Word,
        until: Tick,
        owner: &Owner,
        outside: &mut Outside,
    ) -> Option<Word> {
        let next = self.records.raised(word, State::Offered, until);
        if !self.may_offer(next.generation()) {
            return None;
        }
        self.note_outside(owner, outside, slot);
        self.records.take_for(slot, word, until, owner.tag)
    }

    fn get_or_allocate(
        &self,
        owner: &Owner,
        outside: &mut Outside,
        granted: Granted,
    ) -> Result<Lease<N::Addr>, OfferError> {
        loop {
            // An offer first, with a tag, and leased only then: a caller that dies in between leaves an offer.
            let offer = self.first_offer(granted);
            let taken = match self.known(owner, outside) {
                Known::Holds(slot, word) => match self.confirm(slot, word, granted) {
                    Some(word) => return Ok(self.lease_at(slot, word)),
                    // It ended, or was renewed, in this moment.
                    None => continue,
                },
                Known::Had(slot, word) => self.take_back((slot, word), offer, owner, outside),
                Known::Nothing => TakenBack::Gone,
            };
            let (slot, word) = match taken {
                TakenBack::Taken(slot, word) => (slot, word),
                TakenBack::Changed => continue,
                TakenBack::Gone => self.take_near(offer, owner, outside)?,
            };
            self.remember_outside(outside, owner, slot);
            if let Some(word) = self.confirm(slot, word, granted) {
                self.count_allocated(Event::Preferred, 1);
                return Ok(self.lease_at(slot, word));
            }
        }
    }

    /// Looks for an owner's lease: outside, if the lock remembers one, and at home.
    fn known(&self, owner: &Owner, outside: &Outside) -> Known {
        let mut known = Known::Nothing;
        for slot in outside.slots_of(owner.tag).chain(owner.homes.slots()) {
            if slot > self.last_slot() {
                continue;
            }
            let word = self.records.load(slot);
            if !self.records.is_of(slot, word, owner.tag) {
                continue;
            }
            match word.state() {
                State::Offered | State::Leased => return Known::Holds(slot, word),
                // Resting before free: no other owner can get that one.
                State::Cooling => known = Known::Had(slot, word),
                State::Free if matches!(known, Known::Nothing) => known = Known::Had(slot, word),
                State::Free | State::Void | State::Quarantined => {}
            }
        }
        match known {
            Known::Had(_, word) if word.generation() == LAST_GENERATION => Known::Nothing,
            known => known,
        }
    }

    /// Renews what an owner holds; `None` if the word has changed.
    fn confirm(&self, slot: Slot, word: Word, granted: Granted) -> Option<Word> {
        let until = granted.until.max(word.until());
        let state = match word.state() {
            State::Leased => State::Leased,
            _ => granted.state,
        };
        let renewed = word.changed(state, until);
        // Even if nothing changes: a pass whose list is older may have marked the word since we read it.
        self.records.exchange(slot, word, renewed).ok()?;
        Some(renewed)
    }

    /// Returns what is granted until the tag is written: an offer that ends soon if it never is.
    fn first_offer(&self, granted: Granted) -> Tick {
        match granted.state {
            State::Leased => self.soon().min(granted.until),
            _ => granted.until,
        }
    }

    /// Returns the end of an offer whose tag is about to be written.
    pub(super) fn soon(&self) -> Tick {
        self.clock.now().plus(UNTIL_TAGGED).min(Tick::NEVER)
    }

    /// Takes the address that an owner had last.
    fn take_back(
        &self,
        (slot, word): (Slot, Word),
        until: Tick,
        owner: &Owner,
        outside: &mut Outside,
    ) -> TakenBack {
        // While it rests it has no token, and no other thread can take it.
        if word.state() == State::Cooling {
            return match self.take_for(slot, word, until, owner, outside) {
                Some(word) => TakenBack::Taken(slot, word),
                // It is free now; or the undo of a pass has made it this owner's lease again.
                None => TakenBack::Changed,
            };
        }
        if !self.pool.claim_token_of(slot) {
            return TakenBack::Gone;
        }
        // After the claim: the token may be that of a later release than the one that was seen.
        match self.take_claimed(slot, until, owner, outside) {
            Some(word) => TakenBack::Taken(slot, word),
            None => TakenBack::Gone,
        }
    }

    /// Takes a slot whose token was claimed; `None` if it is not free, and then the token was one too many.
    fn take_claimed(
        &self,
        slot: Slot,
        until: Tick,
        owner: &Owner,
        outside: &mut Outside,
    ) -> Option<Word> {
        let word = self.records.load(slot);
        let is_free = word.state() == State::Free;
        is_free.then(|| self.take_for(slot, word, until, owner, outside))?
    }

    /// Takes a free slot, preferably at home.
    fn take_near(
        &self,
        until: Tick,
        owner: &Owner,
        outside: &mut Outside,
    ) -> Result<(Slot, Word), OfferError> {
        let mut take = |slot| self.take_claimed(slot, until, owner, outside);
        for place in owner.homes.0 {
            let (word_index, start) = (word_of(place), place % SLOTS_PER_WORD);
            if let Some(slot) = self.pool.claim_token_near(word_index, start)?
                && let Some(word) = take(slot)
            {
                return Ok((slot, word));
            }
        }
        self.take_until_refused(|| Ok(self.pool.claim_token().get()), take)
    }

    /// Remembers where an owner's lease is, if it is not at home; forgets those that are no more.
    pub(super) fn remember_outside(&self, outside: &mut Outside, owner: &Owner, slot: Slot) {
        if owner.homes.contains(slot) {
            return;
        }
        if outside.slots.len() >= FEW.max(2 * outside.kept) {
            let records = &self.records;
            let is_known = |tag, slot| records.is_of(slot, records.load(slot), tag);
            outside.slots.retain(|&(tag, slot)| is_known(tag, slot));
            outside.kept = outside.slots.len();
        }
        outside.slots.insert((owner.tag, slot));
    }
}
