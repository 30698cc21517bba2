//! Sweeps: what is due becomes free, and gets its token back.

use super::pool::LeasePool;
use super::time::Tick;
use super::word::{LAST_GENERATION, State, Word};
use crate::network::Network;
use crate::slot::{SLOTS_PER_WORD, Slot, bit_of, bits_within, slots_in, words_within};
use crate::sync::hint;
use crate::sync::{AtomicU64, Ordering};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long an address rests after its last generation.
const DAY: u32 = 24 * 60 * 60;

/// What a sweep did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "it says when to sweep again"]
#[non_exhaustive]
pub struct Swept {
    /// How many addresses were made free.
    pub freed: u64,
    /// When the next address becomes free by itself, unless it is renewed; `None` if none does.
    pub next_in: Option<Duration>,
}

/// The last tick at which nothing was due any more, and the next one at which something can be.
pub(super) struct SweptAt {
    word: AtomicU64,
    /// The slot where the next sweep of a refused call begins.
    hint: hint::AtomicU64,
}

impl Default for SweptAt {
    fn default() -> Self {
        Self {
            // Before the first tick, nothing is due.
            word: AtomicU64::new(Round::NONE.0),
            hint: hint::AtomicU64::new(0),
        }
    }
}

/// A round over all records that freed nothing: its tick, and when the next record can be due. A later round is a larger
/// number.
#[derive(Clone, Copy)]
pub(super) struct Round(u64);

impl Round {
    const NONE: Self = Self(0);

    fn new(now: Tick, next: Tick) -> Self {
        // One more, so that no round is 0.
        Self(u64::from(now.number() + 1) << 32 | u64::from(next.number()))
    }

    /// Returns whether everything that is due at this tick has been freed.
    fn covers(self, now: Tick) -> bool {
        self.0 >> 32 > u64::from(now.number())
    }

    fn next(self) -> Tick {
        Tick::of_number(self.0 as u32)
    }
}

impl SweptAt {
    #[inline]
    pub(super) fn last_round(&self) -> Round {
        // Acquire: with `raise`. A search for a token that follows finds what that round found free.
        Round(self.word.load(Ordering::Acquire))
    }

    fn raise(&self, round: Round) {
        // Release: with `last_round`. A call that is refused because of this round sees all that the round has seen.
        self.word.fetch_max(round.0, Ordering::Release);
    }
}

/// Why a call found no token, and what to do.
pub(super) enum Refused {
    /// Something has been freed, or may have been: search again.
    Again,
    /// Nothing was due, and nothing was free. When the next address can be.
    Exhausted(Option<Duration>),
}

impl<N: Network> LeasePool<N> {
    /// Frees what is due: ended leases after their cooldown, offers that were not confirmed, and addresses that have rested.
    ///
    /// Never needed: a pool that would refuse sweeps by itself. Call it for exact counts, or so that the call that would
    /// be refused does not have to. It looks at every record, 1.4 ns each.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    /// use std::time::Duration;
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate(Term::For(Duration::from_secs(60)))?;
    /// let swept = pool.sweep();
    /// assert_eq!(swept.freed, 0);
    /// assert!(swept.next_in > Some(Duration::from_secs(118)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sweep(&self) -> Swept {
        let Some(now) = self.clock.settled() else {
            return Swept {
                freed: 0,
                next_in: Some(Duration::from_secs(1)),
            };
        };
        let (freed, next) = self.sweep_slots(0..=self.last_slot(), now);
        Swept {
            freed,
            next_in: next.remaining(now),
        }
    }

    /// Looks for something due, for a call that has found no token since it saw `before`.
    ///
    /// The call is refused only if it knew before its search that nothing was due any more. So whatever had been due
    /// when it began had its token back before the search that found none.
    #[cold]
    #[inline(never)]
    pub(super) fn sweep_for_refused(&self, before: Round) -> Refused {
        let Some(now) = self.clock.settled() else {
            // Nothing ends at such a moment.
            return Refused::Exhausted(Some(Duration::from_secs(1)));
        };
        if before.covers(now) {
            return Refused::Exhausted(before.next().remaining(now));
        }
        if !self.swept_at.last_round().covers(now) {
            self.sweep_round(now);
        }
        Refused::Again
    }

    /// Looks at all records, from where the last one stopped, and stops after the first words in which it freed
    /// something.
    fn sweep_round(&self, now: Tick) {
        let words = u64::from(self.last_slot() / SLOTS_PER_WORD) + 1;
        // Relaxed: a hint. It may be that of a sweep that is not finished; then both look at the same records.
        let first = self.swept_at.hint.load(Ordering::Relaxed) % words;
        let mut next = Tick::NEVER;
        for word_index in (first..words).chain(0..first) {
            let slot = (word_index * u64::from(SLOTS_PER_WORD)) as Slot;
            let last = slot
                .saturating_add(SLOTS_PER_WORD - 1)
                .min(self.last_slot());
            let (freed, next_here) = self.sweep_slots(slot..=last, now);
            if freed != 0 {
                // Relaxed: as above.
                self.swept_at.hint.store(word_index, Ordering::Relaxed);
                return;
            }
            next = next.min(next_here);
        }
        self.swept_at.raise(Round::new(now, next));
    }

    /// Frees what is due among these slots. Returns how many that were, and when the next one will be.
    pub(super) fn sweep_slots(&self, slots: RangeInclusive<Slot>, now: Tick) -> (u64, Tick) {
        let (mut freed, mut next) = (0, Tick::NEVER);
        if self.may_lack_tokens() {
            freed += self.give_missing_tokens(slots.clone());
        }
        for slot in slots {
            let word = self.records.glance(slot);
            let Some(due) = word.free_at(self.cooldown) else {
                continue;
            };
            if now < due {
                next = next.min(due);
            } else if self.free_due(slot, word, now) {
                freed += 1;
            }
        }
        (freed, next)
    }

    /// Returns whether another process may have died between a record and its token.
    fn may_lack_tokens(&self) -> bool {
        self.pool.lease_file().is_some_and(|file| !file.is_sole())
    }

    /// Gives free slots their token if they have none: a process has died after it had claimed it and before it took the
    /// record, or after it had freed the record and before it gave the token. Returns how many there were.
    #[cold]
    fn give_missing_tokens(&self, slots: RangeInclusive<Slot>) -> u64 {
        let (first, last) = (*slots.start(), *slots.end());
        let given = words_within(first, last).map(|word_index| {
            let in_word = slots_in(word_index, bits_within(word_index, first, last));
            let free = in_word.filter(|&slot| self.records.glance(slot).state() == State::Free);
            let free = free.fold(0, |bits, slot| bits | bit_of(slot));
            self.pool.give_missing_tokens(word_index, free)
        });
        given.sum()
    }

    /// Frees a slot whose record is due, and returns whether it did.
    #[cold]
    #[inline(never)]
    fn free_due(&self, slot: Slot, word: Word, now: Tick) -> bool {
        let is_held_for_the_last_time = word.is_held() && word.generation() == LAST_GENERATION;
        let after = match word.generation() {
            LAST_GENERATION if is_held_for_the_last_time => {
                word.tagged(false).changed(State::Cooling, rest(now, DAY))
            }
            LAST_GENERATION => Word::NEW,
            _ => word.changed(State::Free, Tick::ZERO),
        };
        // The exchange first, then the token: a token without a free record would be lost.
        let ours = self.records.exchange(slot, word, after).is_ok();
        let is_free = ours && after.state() == State::Free;
        if is_free {
            self.pool.give_token(slot);
        }
        is_free
    }

    /// Gives back what was taken and not returned to any caller: it need not rest.
    pub(super) fn give_back(&self, slot: Slot, word: Word) {
        let after = match word.generation() {
            LAST_GENERATION => word.changed(State::Cooling, rest(self.clock.now(), DAY)),
            _ => word.changed(State::Free, Tick::ZERO),
        };
        if self.records.exchange(slot, word, after).is_ok() && after.state() == State::Free {
            self.pool.give_token(slot);
        }
    }

    /// Returns whether a slot rests when its holder lets go of it.
    #[inline(always)]
    pub(super) fn rests_after(&self, word: Word) -> bool {
        self.cooldown != 0 || word.generation() == LAST_GENERATION
    }

    /// Returns when that rest ends.
    #[inline(never)]
    pub(super) fn rested_after(&self, word: Word) -> Tick {
        self.end_of_rest(word, self.cooldown)
    }

    /// Returns when a rest of so many seconds ends; longer after the last generation.
    pub(super) fn end_of_rest(&self, word: Word, seconds: u32) -> Tick {
        let seconds = match word.generation() {
            LAST_GENERATION => seconds.max(DAY),
            _ => seconds,
        };
        rest(self.clock.now(), seconds)
    }

    pub(super) fn last_slot(&self) -> Slot {
        (self.records.len() - 1) as Slot
    }
}

/// Returns when a rest ends that begins within the second `now`.
fn rest(now: Tick, seconds: u32) -> Tick {
    now.plus(seconds + 1).min(Tick::NEVER)
}
