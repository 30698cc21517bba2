//! Where a search begins.
//!
//! Policies are only hints, all Relaxed: a policy proposes and may be wrong, and the bitmap decides. Nothing here can
//! make a claim or a result wrong; a stale hint costs a longer search.

mod backoff;
mod keyed_hash;
mod random;
mod thread_hint;

use crate::bitmap::Way;
use crate::slot::{Slot, chunk_of, slot_at, word_of};
use crate::stripes::Stripes;
use crate::sync::hint::AtomicU32;
use crate::sync::{Ordering, known_thread_index, likely_thread_index, thread_index};
use crate::table::names;
use backoff::Backoff;
use crossbeam_utils::CachePadded;
pub(crate) use random::Random;
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
    /// Hands out the lowest free address.
    ///
    /// With one thread, always exactly that: the same calls return the same addresses. With several threads, every
    /// lower address was seen taken at some moment of the call.
    #[default]
    Lowest,
    /// Hands out the highest free address: the mirror image of `Lowest`.
    ///
    /// With one thread, always exactly that: the same calls return the same addresses. With several threads, every
    /// higher address was seen taken at some moment of the call, so that N threads that take k addresses of an empty
    /// pool take exactly the k highest ones. Parts of a pool and batches are searched from above in the same way; a
    /// batch is returned highest first. Blocks come from the top with every policy, so this one leaves fewer whole
    /// blocks than `Lowest`. A [`Local`](crate::Local) takes the highest word with a free address, and hands that word
    /// out lowest first. Use this policy with few threads: where many compete for the same word, it does not make them
    /// step back as `Lowest` does.
    Highest,
    /// Hands out the next free address after the last one that the policy returned, and wraps around: the longest time
    /// until reuse. Exact addresses, granted preferences and blocks do not move the position.
    ///
    /// The position belongs to one `Pool` value; it is not stored in a pool file. Each process that has a file open has
    /// its own position, and so does a second `Pool` in the same process. Opening a file starts at its lowest address.
    /// So an address that one process has released may be the next one that another process hands out, and a command
    /// that opens the file for a single allocation returns the lowest free address each time. An address that is held
    /// is never handed out.
    Next,
    /// Lets each thread search near its own last address, for throughput. No order is promised.
    Spread,
    /// Hands out a pseudo-random address: unpredictable without the seed, reproducible with it on one thread.
    ///
    /// Each thread draws for itself: the addresses of several threads, even one after the other, are not reproducible.
    /// The seed is a key: draw it from the system's random source. In a nearly full pool there is little choice, and an
    /// address that follows a run of taken ones is more likely than others.
    Random(u64),
}

// The name omits the seed of a random policy, because the seed is a key and is never shown.
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
    /// Parses a [name](Self::name). `seed` is called if the policy needs a seed: draw it from the system's random
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

    /// Returns whether an address that was released may be the next one to be handed out.
    pub(crate) const fn reuses_at_once(self) -> bool {
        match self {
            Self::Lowest | Self::Highest | Self::Spread => true,
            Self::Next | Self::Random(_) => false,
        }
    }

    /// Returns the same policy with this seed, if it needs one.
    pub(crate) fn seeded(self, seed: impl FnOnce() -> u64) -> Self {
        match self {
            Self::Random(_) => Self::Random(seed()),
            Self::Lowest | Self::Highest | Self::Next | Self::Spread => self,
        }
    }
}

/// Writes the name, without the seed.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Writes the name, without the seed.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Serializes the name, without the seed.
#[cfg(feature = "serde")]
impl serde::Serialize for Policy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Where a thread with the policy `Spread` looks first: near this word, at a bit that differs between threads.
pub(crate) struct Near<'a> {
    pub(crate) word_index: usize,
    pub(crate) start_bit: u32,
    hint: &'a ThreadHint,
}

impl<'a> Near<'a> {
    #[inline]
    fn of(hint: &'a ThreadHint, start_bit: u32) -> Self {
        Self {
            word_index: hint.home(),
            start_bit,
            hint,
        }
    }

    /// Returns the word of the thread's last release.
    pub(crate) fn freed_word(&self) -> usize {
        self.hint.freed_word()
    }
}

/// Where `Next` continues: the slot behind the last one. It may be behind the last slot of the pool.
pub(crate) struct Position(CachePadded<AtomicU32>);

impl Position {
    fn new() -> Self {
        Self(CachePadded::new(AtomicU32::new(0)))
    }

    #[inline]
    pub(crate) fn get(&self) -> Slot {
        // Relaxed: a starting guess. Two threads may start at the same slot.
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn move_behind(&self, slot: Slot) {
        self.go_to(slot.wrapping_add(1));
    }

    #[inline]
    fn go_to(&self, slot: Slot) {
        // Relaxed: a starting guess.
        self.0.store(slot, Ordering::Relaxed);
    }
}

/// The hint of lowest first where nothing was free when it was last looked for. No chunk has this number: 2^32 slots are
/// 2^23 chunks.
pub(crate) const NO_CHUNK: usize = 1 << 30;

/// What a policy tries before it searches.
pub(crate) enum FirstStep<'a> {
    /// The word of the position, from the position on.
    From(&'a Position),
    /// The slots of a draw.
    Draw(&'a Random),
    /// Nothing, or what [`Hints::last_chunk`] and [`Hints::near`] say.
    Search,
}

/// The hints of one pool.
pub(crate) enum Hints {
    Lowest {
        last_chunk: CachePadded<AtomicU32>,
        backoff: CachePadded<Backoff>,
    },
    Next(Position),
    Spread {
        threads: Stripes<ThreadHint>,
    },
    Random(Random),
    /// No hint: the summary finds the highest slot at once.
    Highest,
}

impl Hints {
    /// Creates hints for words `0..word_count`, and for so many threads at once, a power of two.
    pub(crate) fn new(policy: Policy, word_count: u64, threads: usize) -> Self {
        match policy {
            Policy::Lowest => Self::Lowest {
                last_chunk: CachePadded::new(AtomicU32::new(0)),
                backoff: CachePadded::new(Backoff::new()),
            },
            Policy::Next => Self::Next(Position::new()),
            Policy::Spread => Self::Spread {
                threads: Stripes::new(threads, |stripe| {
                    ThreadHint::new(far_apart(stripe, word_count), spread_bit(stripe))
                }),
            },
            Policy::Random(seed) => Self::Random(Random::new(seed)),
            Policy::Highest => Self::Highest,
        }
    }

    /// Returns how many bytes each thread has to itself.
    pub(crate) fn bytes_each(policy: Policy) -> usize {
        match policy {
            Policy::Spread => size_of::<ThreadHint>(),
            Policy::Random(_) => Random::BYTES_EACH,
            Policy::Lowest | Policy::Highest | Policy::Next => 0,
        }
    }

    #[inline]
    pub(crate) fn policy(&self) -> Policy {
        match self {
            Self::Lowest { .. } => Policy::Lowest,
            Self::Next(_) => Policy::Next,
            Self::Spread { .. } => Policy::Spread,
            Self::Random(random) => Policy::Random(random.seed()),
            Self::Highest => Policy::Highest,
        }
    }

    /// Continues from the state of `other`, which has the same policy. For a copy that is not shared yet.
    pub(crate) fn go_on_from(&self, other: &Self) {
        match (self, other) {
            // They are starting points. While others claim, any of them is as good.
            (Self::Next(position), Self::Next(theirs)) => position.go_to(theirs.get()),
            (Self::Random(random), Self::Random(theirs)) => random.go_on_from(theirs),
            // Lowest and highest do not depend on a starting point, and spread promises no order.
            (Self::Lowest { .. } | Self::Spread { .. } | Self::Highest, _)
            | (Self::Next(_) | Self::Random(_), _) => {}
        }
    }

    /// Returns the chunk of the last claim if the policy is lowest first, because the lowest free slot is likely there;
    /// or [`NO_CHUNK`].
    #[inline]
    pub(crate) fn last_chunk(&self) -> Option<usize> {
        match self {
            // Relaxed: only a starting guess; the summary decides whether it is right.
            Self::Lowest { last_chunk, .. } => Some(last_chunk.load(Ordering::Relaxed) as usize),
            Self::Next(_) | Self::Spread { .. } | Self::Random(_) | Self::Highest => None,
        }
    }

    /// Returns what to try first, of policies that begin neither in a chunk nor near the thread.
    #[inline]
    pub(crate) fn first_step(&self) -> FirstStep<'_> {
        match self {
            Self::Next(position) => FirstStep::From(position),
            Self::Random(random) => FirstStep::Draw(random),
            Self::Lowest { .. } | Self::Spread { .. } | Self::Highest => FirstStep::Search,
        }
    }

    /// Steps back if many threads compete for the same word. Call this after a lost exchange.
    #[cold]
    pub(crate) fn after_loss(&self) {
        if let Self::Lowest { backoff, .. } = self {
            backoff.after_loss();
        }
    }

    /// Returns where the calling thread found its last slot, if the policy spreads threads, and this one is known to
    /// have a hint to itself.
    #[inline]
    pub(crate) fn near_own(&self) -> Option<Near<'_>> {
        match self {
            Self::Spread { threads } => {
                let hint = threads.own(likely_thread_index())?;
                Some(Near::of(hint, hint.start_bit()))
            }
            Self::Lowest { .. } | Self::Next(_) | Self::Random(_) | Self::Highest => None,
        }
    }

    /// Does the same for a thread that shares a hint, or is not known yet.
    #[inline]
    pub(crate) fn near(&self) -> Option<Near<'_>> {
        match self {
            Self::Spread { threads } => {
                let thread = thread_index();
                Some(Near::of(threads.get(thread)?, spread_bit(thread)))
            }
            Self::Lowest { .. } | Self::Next(_) | Self::Random(_) | Self::Highest => None,
        }
    }

    /// Records a release of the calling thread, if that helps its next search.
    #[inline]
    pub(crate) fn note_freed(&self, slot: Slot) {
        if !self.note_freed_alone(slot)
            && let Self::Spread { threads } = self
            && let Some(thread) = known_thread_index()
            && let Some(hint) = threads.get(thread)
        {
            hint.note_freed(slot);
        }
    }

    /// Does the same, unless the thread shares its hint, or is not known yet: then returns `false`.
    #[inline(always)]
    pub(crate) fn note_freed_alone(&self, slot: Slot) -> bool {
        if let Self::Spread { threads } = self {
            let Some(own) = threads.own(likely_thread_index()) else {
                return false;
            };
            own.note_freed(slot);
        }
        true
    }

    /// Returns how to search `first..=last`, which is not empty. `is_free` is called before a random slot is chosen.
    pub(crate) fn way(&self, first: Slot, last: Slot, is_free: impl Fn(Slot) -> bool) -> Way {
        let slot = match self {
            Self::Lowest { .. } => first,
            Self::Next(position) => position.get(),
            Self::Spread { threads } => slot_at(threads.of(thread_index()).home(), 0),
            Self::Random(random) => random.draw().slot(first, last, is_free),
            Self::Highest => return Way::Down,
        };
        Way::UpFrom(match (first..=last).contains(&slot) {
            true => slot,
            false => first,
        })
    }

    /// Returns whether a batch is returned highest first, and not in the order in which it was taken.
    #[inline]
    pub(crate) fn descends(&self) -> bool {
        match self {
            Self::Highest => true,
            Self::Lowest { .. } | Self::Next(_) | Self::Spread { .. } | Self::Random(_) => false,
        }
    }

    /// Returns whether the slots of one batch are scattered, and not consecutive.
    #[inline]
    pub(crate) fn scatters(&self) -> bool {
        matches!(self, Self::Random(_))
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn places(&self) -> Vec<crate::sync::traced::Place> {
        use crate::sync::traced::place;
        match self {
            Self::Lowest {
                last_chunk,
                backoff,
            } => vec![place(last_chunk, "last chunk"), place(backoff, "backoff")],
            Self::Next(position) => vec![place(position, "position")],
            Self::Spread { threads } => vec![threads.place("trail")],
            Self::Random(random) => random.places(),
            Self::Highest => vec![],
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Spread { threads } => threads.memory_bytes(),
            Self::Random(random) => random.memory_bytes(),
            Self::Lowest { .. } | Self::Next(_) | Self::Highest => 0,
        }
    }

    /// Records where the calling thread's last claim was found.
    #[inline]
    pub(crate) fn found(&self, slot: Slot) {
        match self {
            Self::Lowest { last_chunk, .. } => change(last_chunk, chunk_of(slot)),
            Self::Next(position) => position.move_behind(slot),
            Self::Spread { threads } => threads.of(thread_index()).move_to(word_of(slot)),
            Self::Random(_) | Self::Highest => {}
        }
    }

    /// Records where a claim was found, if the policy is lowest first.
    #[inline]
    pub(crate) fn found_lowest(&self, slot: Slot) {
        if let Self::Lowest { last_chunk, .. } = self {
            change(last_chunk, chunk_of(slot));
        }
    }

    /// Records that nothing was free: a caller that tries again asks that first.
    #[inline]
    pub(crate) fn found_nothing(&self) {
        if let Self::Lowest { last_chunk, .. } = self {
            change(last_chunk, NO_CHUNK);
        }
    }
}

/// Changes a hint. Written only when it changes, so that the line stays shared among the threads that read it.
#[inline]
fn change(last_chunk: &AtomicU32, chunk: usize) {
    // Relaxed, both: a starting guess.
    if last_chunk.load(Ordering::Relaxed) != chunk as u32 {
        last_chunk.store(chunk as u32, Ordering::Relaxed);
    }
}

/// Multiples of the golden ratio place any number of threads far apart, without knowing their number in advance.
fn far_apart(index: usize, len: u64) -> u32 {
    let fraction = (index as u32).wrapping_mul(0x9e37_79b9);
    ((u64::from(fraction) * len) >> 32) as u32
}

#[inline]
fn spread_bit(thread: usize) -> u32 {
    // Odd, hence all 64 bits occur; a third of a word apart.
    (thread as u32).wrapping_mul(21) % u64::BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A refusal takes the place of the chunk of the last claim, and the next claim that of the refusal.
    #[test]
    fn lowest_remembers_its_last_chunk_or_that_there_was_none() {
        let hints = Hints::new(Policy::Lowest, 1024, 1);
        assert_eq!(hints.last_chunk(), Some(0));
        for chunk in [7, 0] {
            hints.found_nothing();
            assert_eq!(hints.last_chunk(), Some(NO_CHUNK));
            hints.found(slot_at(chunk * 8 + 3, 9));
            assert_eq!(hints.last_chunk(), Some(chunk));
        }
    }

    #[test]
    fn threads_start_in_different_words_as_long_as_there_are_enough() {
        let words: BTreeSet<_> = (0..32).map(|index| far_apart(index, 1024)).collect();
        assert_eq!(words.len(), 32);
        assert!(words.iter().all(|&word| word < 1024));
        let bits: BTreeSet<_> = (0..64).map(spread_bit).collect();
        assert_eq!(bits.len(), 64);
    }
}
