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
use crate::network::Network;
use crate::slot::{SLOTS_PER_WORD, Slot, slot_at, word_of};
use crate::stats::Event;
use crate::sync::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::sync::PoisonError;

/// The most locks of a pool.
const MOST_LOCKS: u64 = 256;
/// How many slots there are for each lock.
const SLOTS_PER_LOCK: u64 = 64;
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

    fn lock(&self, tag: Tag) -> MutexGuard<'_, Outside> {
        let index = scattered(tag.0, 1) % self.0.len() as u64;
        // A panic while it was locked leaves a plain map behind, whose entries are checked when they are used.
        self.0[index as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
        self.beside_others_of(owner, |owner, outside| {
            self.get_or_allocate(owner, outside, granted)
        })
    }

    /// Calls `act` while no other thread does so for the same owner.
    pub(super) fn beside_others_of<T>(
        &self,
        owner: Client,
        act: impl FnOnce(&Owner, &mut Outside) -> T,
    ) -> T {
        let second = Client::from_hash(scattered(owner.number(), 2));
        let owner = Owner {
            tag: Tag::of(owner),
            homes: Homes([self.pool.place_of(owner), self.pool.place_of(second)]),
        };
        act(&owner, &mut self.owners.lock(owner.tag))
    }

    fn get_or_allocate(
        &self,
        owner: &Owner,
        outside: &mut Outside,
        granted: Granted,
    ) -> Result<Lease<N::Addr>, OfferError> {
        loop {
            let known = self.known(owner, outside);
            if let Known::Holds(slot, word) = known {
                match self.confirm(slot, word, granted) {
                    Some(word) => return Ok(self.lease_at(slot, word)),
                    // It ended, or was renewed, in this moment.
                    None => continue,
                }
            }
            // An offer first, with a tag, and leased only then: a caller that dies in between leaves an offer.
            let offer = self.first_offer(granted);
            let (slot, word) = match self.take_back(known, offer, owner) {
                Some(taken) => taken,
                None => self.take_near(offer, owner)?,
            };
            self.remember_outside(outside, owner, slot);
            if let Some(word) = self.confirm(slot, word, granted) {
                self.counters.allocated(Event::Preferred, 1);
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
        if renewed == word {
            return Some(word);
        }
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

    /// Takes the address that an owner had last. While it rests it has no token, and no other thread can take it.
    fn take_back(&self, known: Known, until: Tick, owner: &Owner) -> Option<(Slot, Word)> {
        let Known::Had(slot, mut word) = known else {
            return None;
        };
        if word.state() == State::Free {
            if !self.pool.claim_token_of(slot) {
                return None;
            }
            // Read with the token in hand: now it changes no more. The word from before may be of an earlier holding, and its
            // exchange would fail, and lose the token.
            word = self.records.load(slot);
            if word.state() != State::Free {
                return None;
            }
        }
        let word = self.records.take_for(slot, word, until, owner.tag)?;
        Some((slot, word))
    }

    /// Takes a free slot, preferably at home.
    fn take_near(&self, until: Tick, owner: &Owner) -> Result<(Slot, Word), OfferError> {
        let take = |slot| {
            let word = self.records.load(slot);
            let is_free = word.state() == State::Free;
            is_free.then(|| self.records.take_for(slot, word, until, owner.tag))?
        };
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
