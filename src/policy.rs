//! Where to look first.
//!
//! Hints only, all Relaxed: a policy proposes and may be wrong, the bitmap decides. Nothing here can
//! make a claim or an answer wrong; a stale hint costs a longer search.

mod backoff;
mod thread_hint;

use crate::bitmap::Way;
use crate::slot::{Slot, chunk_of, slot_at, word_of};
use crate::stripes::Stripes;
use crate::sync::hint::{AtomicU32, AtomicU64};
use crate::sync::{Ordering, known_thread_index, thread_index};
use crate::table::names;
use backoff::Backoff;
use crossbeam_utils::CachePadded;
use std::fmt;
use thread_hint::ThreadHint;

/// Which free address a pool hands out.
///
/// ```
/// use hostbits::{Policy, Pool};
///
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// let pool = Pool::builder(net).policy(Policy::Next).build()?;
/// let first = pool.allocate()?;
/// pool.release(first)?;
/// assert_ne!(pool.allocate()?, first, "the longest possible time until reuse");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// The lowest free address.
    ///
    /// On one thread always exactly that: the same calls give the same addresses. On many threads
    /// every lower address was seen taken at some moment of the call.
    #[default]
    Lowest,
    /// The highest free address: the mirror of `Lowest`.
    ///
    /// On one thread always exactly that: the same calls give the same addresses. On many threads every higher
    /// address was seen taken at some moment of the call, so that N threads that take k addresses of an empty pool
    /// take exactly the k highest. A part of a pool, and a batch, are taken from above in the same way, a batch
    /// highest first. Blocks come from the top whatever the policy: beside them, this one leaves fewer whole blocks
    /// than `Lowest`. A [`Local`](crate::Local) takes the highest word that has something free, and hands that out
    /// lowest first. For a few threads: where many want the same word, it does not make them step back as `Lowest`
    /// does.
    Highest,
    /// The next free address after the last one the policy gave, wrapping around: the longest reuse
    /// distance. Exact addresses, granted preferences and blocks do not move it.
    ///
    /// Where the policy stands is known to one `Pool` value, and to nobody else: it is not in a pool
    /// file. Each process that has a file open goes round by itself, and so does a second `Pool` of one
    /// process. Whoever opens a file begins at its lowest address. So an address that one process has
    /// released may be the next one that another hands out, and a command that opens the file for one
    /// allocation gives the lowest free address each time. Nobody is given an address that is held.
    Next,
    /// Each thread looks near its own last address: for throughput. No order is promised.
    Spread,
    /// A pseudo-random address: unpredictable without the seed, reproducible with it on one thread.
    ///
    /// The seed is a key: draw it from the system's random source. On a nearly full pool the choice
    /// is among few, and an address that follows a run of taken ones is more likely than others.
    Random(u64),
}

// The name is without the seed of a random policy: that is a key, and is never shown.
names! {
    pub Policy {
        Lowest = "lowest",
        Highest = "highest",
        Next = "next",
        Spread = "spread",
        Random(0) = "random",
    }
}

impl Policy {
    /// Reads a [name](Self::name). `seed` is asked by a policy that needs one: draw it from the system's random
    /// source.
    ///
    /// ```
    /// use hostbits::Policy;
    ///
    /// assert_eq!(Policy::of_name("next", || 7), Some(Policy::Next));
    /// assert_eq!(Policy::of_name("random", || 7), Some(Policy::Random(7)));
    /// assert_eq!(Policy::of_name("best", || 7), None);
    /// ```
    #[must_use]
    pub fn of_name(name: &str, seed: impl FnOnce() -> u64) -> Option<Self> {
        let policy = Self::ALL.into_iter().find(|policy| policy.name() == name)?;
        Some(policy.seeded(seed))
    }

    /// Whether an address that was released may be the next one to be handed out.
    pub(crate) const fn reuses_at_once(self) -> bool {
        match self {
            Self::Lowest | Self::Highest | Self::Spread => true,
            Self::Next | Self::Random(_) => false,
        }
    }

    /// The same policy with this seed, if it needs one.
    pub(crate) fn seeded(self, seed: impl FnOnce() -> u64) -> Self {
        match self {
            Self::Random(_) => Self::Random(seed()),
            Self::Lowest | Self::Highest | Self::Next | Self::Spread => self,
        }
    }
}

/// The name, without the seed.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name, without the seed.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name, without the seed.
#[cfg(feature = "serde")]
impl serde::Serialize for Policy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How many random slots are looked at before the next free one after the last of them is taken.
const RANDOM_TRIES: usize = 4;

/// Where a thread that spreads looks first: near this word; the bit spreads threads that meet there.
pub(crate) struct Near {
    pub(crate) word_index: usize,
    /// Where the thread released last.
    pub(crate) freed_word: usize,
    pub(crate) start_bit: u32,
}

/// The hints of one pool.
pub(crate) enum Hints {
    Lowest {
        last_chunk: CachePadded<AtomicU32>,
        backoff: CachePadded<Backoff>,
    },
    Next {
        cursor: CachePadded<AtomicU32>,
    },
    Spread {
        threads: Stripes<ThreadHint>,
    },
    Random {
        seed: u64,
        draws: CachePadded<AtomicU64>,
    },
    /// None: the summary tells at once where the highest is.
    Highest,
}

impl Hints {
    /// Hints for words `0..word_count`.
    pub(crate) fn new(policy: Policy, word_count: u64) -> Self {
        match policy {
            Policy::Lowest => Self::Lowest {
                last_chunk: CachePadded::new(AtomicU32::new(0)),
                backoff: CachePadded::new(Backoff::new()),
            },
            Policy::Next => Self::Next {
                cursor: CachePadded::new(AtomicU32::new(0)),
            },
            Policy::Spread => Self::Spread {
                threads: Stripes::new(|stripe| ThreadHint::new(far_apart(stripe, word_count))),
            },
            Policy::Random(seed) => Self::Random {
                seed,
                draws: CachePadded::new(AtomicU64::new(0)),
            },
            Policy::Highest => Self::Highest,
        }
    }

    #[inline]
    pub(crate) fn policy(&self) -> Policy {
        match self {
            Self::Lowest { .. } => Policy::Lowest,
            Self::Next { .. } => Policy::Next,
            Self::Spread { .. } => Policy::Spread,
            Self::Random { seed, .. } => Policy::Random(*seed),
            Self::Highest => Policy::Highest,
        }
    }

    /// Goes on where `other`, of the same policy, stands: for a copy, of which nobody knows yet.
    pub(crate) fn go_on_from(&self, other: &Self) {
        match (self, other) {
            // Relaxed, all of these: starting points. While others claim, one is as good as the next.
            (Self::Next { cursor }, Self::Next { cursor: theirs }) => {
                cursor.store(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            (Self::Random { draws, .. }, Self::Random { draws: theirs, .. }) => {
                draws.store(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            // Lowest and highest are the same from anywhere, and spread promises no order.
            (Self::Lowest { .. } | Self::Spread { .. } | Self::Highest, _)
            | (Self::Next { .. } | Self::Random { .. }, _) => {}
        }
    }

    /// The chunk of the last claim, if the policy is lowest first: the lowest slot is likely there.
    #[inline]
    pub(crate) fn last_chunk(&self) -> Option<usize> {
        match self {
            // Relaxed: only a starting guess; the summary is asked whether it is right.
            Self::Lowest { last_chunk, .. } => Some(last_chunk.load(Ordering::Relaxed) as usize),
            Self::Next { .. } | Self::Spread { .. } | Self::Random { .. } | Self::Highest => None,
        }
    }

    /// Lets others go first if there are many, where all want the same. To be called after a lost
    /// exchange.
    #[cold]
    pub(crate) fn after_loss(&self) {
        if let Self::Lowest { backoff, .. } = self {
            backoff.after_loss();
        }
    }

    /// Where `thread`, if it is known, has found its last one, if the policy spreads threads.
    #[inline]
    pub(crate) fn near(&self, thread: Option<usize>) -> Option<Near> {
        match self {
            Self::Spread { threads } => {
                let thread = thread?;
                let hint = threads.of(thread);
                Some(Near {
                    word_index: hint.home(),
                    freed_word: hint.freed(),
                    start_bit: spread_bit(thread),
                })
            }
            Self::Lowest { .. } | Self::Next { .. } | Self::Random { .. } | Self::Highest => None,
        }
    }

    /// Notes a release of the calling thread, where that helps its next search.
    #[inline]
    pub(crate) fn note_freed(&self, slot: Slot) {
        if let Self::Spread { threads } = self
            && let Some(thread) = known_thread_index()
        {
            threads.of(thread).note_freed(word_of(slot));
        }
    }

    /// The way to search `first..=last`, which is not empty. `is_free` is asked before a random slot is settled
    /// for.
    pub(crate) fn way(&self, first: Slot, last: Slot, is_free: impl Fn(Slot) -> bool) -> Way {
        let slot = match self {
            Self::Lowest { .. } => first,
            // Relaxed, all of these: starting guesses. Two threads may begin at the same slot.
            Self::Next { cursor } => cursor.load(Ordering::Relaxed),
            Self::Spread { threads } => slot_at(threads.of(thread_index()).home(), 0),
            Self::Random { seed, draws } => {
                // Relaxed: only a number nobody else gets; it orders nothing.
                let draw = draws.fetch_add(1, Ordering::Relaxed);
                random_slot(*seed, draw, first, last, is_free)
            }
            Self::Highest => return Way::Down,
        };
        Way::UpFrom(match (first..=last).contains(&slot) {
            true => slot,
            false => first,
        })
    }

    /// Whether a batch is answered highest first: else it is in the order in which it was taken.
    #[inline]
    pub(crate) fn descends(&self) -> bool {
        match self {
            Self::Highest => true,
            Self::Lowest { .. } | Self::Next { .. } | Self::Spread { .. } | Self::Random { .. } => {
                false
            }
        }
    }

    /// Whether the slots of one batch are scattered, or may follow each other.
    #[inline]
    pub(crate) fn scatters(&self) -> bool {
        matches!(self, Self::Random { .. })
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Spread { threads } => threads.memory_bytes(),
            Self::Lowest { .. } | Self::Next { .. } | Self::Random { .. } | Self::Highest => 0,
        }
    }

    /// Notes where the last claim of this thread was found.
    #[inline]
    pub(crate) fn found(&self, slot: Slot) {
        match self {
            // Relaxed, all of these: starting guesses. Written only when they change, so that the
            // line stays shared among the threads that read it.
            Self::Lowest { last_chunk, .. } => {
                let chunk = chunk_of(slot) as u32;
                if last_chunk.load(Ordering::Relaxed) != chunk {
                    last_chunk.store(chunk, Ordering::Relaxed);
                }
            }
            Self::Next { cursor } => cursor.store(slot.wrapping_add(1), Ordering::Relaxed),
            Self::Spread { threads } => threads.of(thread_index()).move_to(word_of(slot)),
            Self::Random { .. } | Self::Highest => {}
        }
    }
}

/// The golden ratio places any number of threads far apart without knowing how many there will be.
fn far_apart(index: usize, len: u64) -> u32 {
    let fraction = (index as u32).wrapping_mul(0x9e37_79b9);
    ((u64::from(fraction) * len) >> 32) as u32
}

#[inline]
fn spread_bit(thread: usize) -> u32 {
    // Odd, hence all 64 bits come up; a third of a word apart.
    (thread as u32).wrapping_mul(21) % u64::BITS
}

// Not inlined: four hashes would burden the hot path of every other policy.
#[inline(never)]
fn random_slot(
    seed: u64,
    draw: u64,
    first: Slot,
    last: Slot,
    is_free: impl Fn(Slot) -> bool,
) -> Slot {
    let len = u128::from(last - first) + 1;
    let attempt = |attempt| {
        let random = keyed_hash(seed, draw, attempt);
        first + ((u128::from(random) * len) >> 64) as Slot
    };
    (0..RANDOM_TRIES as u64)
        .map(attempt)
        .find(|&slot| is_free(slot))
        .unwrap_or_else(|| attempt(0))
}

/// SipHash 2-4 of the two numbers under the seed: without the seed, no output tells of another.
// Deprecated in favour of hashers that promise no algorithm; here the promise is what is wanted.
#[allow(deprecated)]
fn keyed_hash(seed: u64, draw: u64, attempt: u64) -> u64 {
    use std::hash::{Hasher, SipHasher};
    let mut hasher = SipHasher::new_with_keys(seed, 0x686f_7374_6269_7473);
    hasher.write(&draw.to_le_bytes());
    hasher.write(&attempt.to_le_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn threads_start_in_different_words_as_long_as_there_are_enough() {
        let words: BTreeSet<_> = (0..32).map(|index| far_apart(index, 1024)).collect();
        assert_eq!(words.len(), 32);
        assert!(words.iter().all(|&word| word < 1024));
        let bits: BTreeSet<_> = (0..64).map(spread_bit).collect();
        assert_eq!(bits.len(), 64);
    }

    /// The draw is a promise to those who keep a seed: it may not change from release to release.
    #[test]
    fn random_slots_are_what_they_always_were() {
        let slots = |seed| [0, 1, 2].map(|draw| random_slot(seed, draw, 0, Slot::MAX, |_| true));
        assert_eq!(slots(1), [799_864_790, 3_076_216_247, 2_250_188_281]);
        assert_ne!(slots(1), slots(2));
    }

    #[test]
    fn random_slots_stay_within_bounds_and_prefer_free_ones() {
        for draw in 0..1000 {
            assert!((5..=9).contains(&random_slot(7, draw, 5, 9, |_| false)));
            assert_eq!(random_slot(7, draw, 3, 3, |_| true), 3);
        }
        let free = (0..1000).filter(|&draw| random_slot(7, draw, 0, 1, |slot| slot == 0) == 0);
        assert!(
            free.count() > 900,
            "four tries find the free half nearly always"
        );
    }
}
