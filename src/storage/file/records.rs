//! The records of leases in a file: where they are, and what a first opener does with them.
//!
//! ```text
//! a page of facts | record of slot 0: word, owner | record of slot 1 | ...
//! ```
//!
//! F is derived: a first opener sets the bit of each slot whose record is free. So the free map of the disk is never
//! believed, and neither is Q, which stays empty. What T vouches for are the records:
//!
//! ```text
//! machine went down:  records := Quarantined                     for every word with T = 0
//! unknown file:       the same                                   for every word, whatever T says
//! something was:      a new epoch, so that every lease from before is stale
//! machine went down:  floor := limit + 1; limit := higher        what was offered and lost never comes back
//! not left in order:  every page of T and the records written as it is; sync
//! always:             F := free records, in memory alone
//! ```
//!
//! All of it is durable before T vouches for a record again, and before any process allocates. Unlike Q and F, a record
//! is one word: whatever part of the sync reaches the disk, it is a record from before or a quarantined one, and until T
//! vouches for it, the next opener distrusts it again.

use super::bytes::WordSum;
use super::disk::Disk;
use super::layout::{ALIGN, Kind};
use super::state::Belief;
use crate::slot::{SLOTS_PER_WORD, Slot};
use crate::storage::heap::bits_of_ranges;
use crate::storage::records::{FREE, LEASED_FOR_EVER, NEW, QUARANTINED, STATE_SHIFT, VOID};
use crate::sync::{AtomicU64, Ordering};

/// The number of words of the page of facts.
pub(crate) const FACT_WORDS: usize = ALIGN as usize / size_of::<u64>();
/// The number of words of a record.
pub(crate) const RECORD_WORDS: usize = 2;

/// Indices of words in the page of facts.
pub(crate) mod at {
    /// The upper bits of all generations, above the 32 of a record. Never 0.
    pub(crate) const EPOCH: usize = 0;
    /// The lowest generation that a new holder gets: all below may have been offered and lost.
    pub(crate) const FLOOR: usize = 1;
    /// No generation above it has been offered.
    pub(crate) const LIMIT: usize = 2;
    /// Up to here, the facts are part of the sum of a file that was left in order.
    pub(super) const SUMMED: usize = 8;
    /// The latest tick that a process has seen.
    pub(crate) const LAST_TICK: usize = 8;
    /// The tick at which the clock of this boot was started.
    pub(crate) const BASE_TICK: usize = 9;
    /// The second of the coarse clock at that tick.
    pub(crate) const BASE_SECOND: usize = 10;
    /// How many seconds the machine had been suspended then.
    pub(crate) const BASE_SUSPENDED: usize = 11;
    /// The name of that boot, two words; zero is unknown, and equal to nothing.
    pub(crate) const BOOT: usize = 12;
    /// The name of the clock: that of its time namespace.
    pub(crate) const CLOCK: usize = 14;
    /// How many seconds the machine was suspended since, and when that was noticed.
    pub(crate) const SUSPENDED: usize = 15;
    /// One word for each lock of owners: how often a lease was placed outside its owner's home.
    pub(crate) const OUTSIDE: usize = 256;
}

/// Epochs are below it, so that generations are below 2^53.
pub(crate) const EPOCHS: u64 = 1 << 21;
/// How many generations are reserved at once.
pub(crate) const RESERVED_GENERATIONS: u64 = 1 << 20;
/// The last generation of a record.
const LAST_GENERATION: u64 = u32::MAX as u64;

/// Returns how many words the region has for this many words of F.
pub(super) fn words_for(free_words: u64) -> u64 {
    FACT_WORDS as u64 + free_words * u64::from(SLOTS_PER_WORD) * RECORD_WORDS as u64
}

/// Returns whether the file has records.
pub(super) fn are_in(disk: &impl Disk) -> bool {
    !disk.words(Kind::Records).is_empty()
}

/// Returns the regions that say what is taken, and what it depends on.
pub(super) fn maps(disk: &impl Disk) -> &'static [Kind] {
    match are_in(disk) {
        true => &[Kind::Free, Kind::Quarantine, Kind::Records],
        false => &[Kind::Free, Kind::Quarantine],
    }
}

/// Returns the words of a new region: the facts, and records that are free where the bits are set.
pub(super) fn first_words(epoch: u64, mut free: impl FnMut() -> u64) -> impl FnMut() -> u64 {
    let mut index = 0;
    let mut bits = 0;
    move || {
        let here = index;
        index += 1;
        if here < FACT_WORDS {
            return match here {
                at::EPOCH => epoch,
                at::LIMIT => RESERVED_GENERATIONS,
                _ => 0,
            };
        }
        let (slot, part) = (
            (here - FACT_WORDS) / RECORD_WORDS,
            (here - FACT_WORDS) % RECORD_WORDS,
        );
        let bit = slot % SLOTS_PER_WORD as usize;
        if part != 0 {
            return 0;
        }
        if bit == 0 {
            bits = free();
        }
        match bits >> bit & 1 {
            1 => NEW,
            _ => VOID,
        }
    }
}

/// What becomes of the slots of a file when a larger one replaces it, word by word.
pub(super) struct Change<'a> {
    /// The slots that could be handed out until now.
    pub(super) usable: &'a mut dyn FnMut() -> u64,
    pub(super) added: &'a mut dyn FnMut() -> u64,
    pub(super) closed: &'a mut dyn FnMut() -> u64,
}

/// Returns the words of the region of a larger file. What is taken in a plain one is leased for ever; what is quarantined
/// stays so.
pub(super) fn grown_words<'a>(
    old: &'a impl Disk,
    uuid: &[u8; 16],
    change: Change<'a>,
) -> impl FnMut() -> u64 + 'a {
    let Change {
        usable,
        added,
        closed,
    } = change;
    let records = old.words(Kind::Records);
    let (free, suspects) = (old.words(Kind::Free), old.words(Kind::Quarantine));
    // Relaxed: no thread stores.
    let load = |words: &[AtomicU64], at: usize| {
        words.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
    };
    let epoch = first_epoch(uuid);
    let (mut index, mut bits) = (0, [0; 3]);
    move || {
        let here = index;
        index += 1;
        if here < FACT_WORDS {
            return match here {
                // The homes of owners are others now.
                at::OUTSIDE.. => load(records, here).wrapping_add(1),
                _ if !records.is_empty() => load(records, here),
                at::EPOCH => epoch,
                at::LIMIT => RESERVED_GENERATIONS,
                _ => 0,
            };
        }
        let slot = (here - FACT_WORDS) / RECORD_WORDS;
        let (word_index, bit) = (
            slot / SLOTS_PER_WORD as usize,
            slot % SLOTS_PER_WORD as usize,
        );
        let is_first = (here - FACT_WORDS).is_multiple_of(RECORD_WORDS);
        if bit == 0 && is_first {
            bits = [usable(), added(), closed()];
        }
        let [is_usable, is_added, is_closed] = bits.map(|bits| bits >> bit & 1 == 1);
        let has_bit = |words| load(words, word_index) >> bit & 1 == 1;
        match is_first {
            _ if is_closed => VOID,
            true if is_added => NEW,
            false if is_added => 0,
            _ if !records.is_empty() => load(records, here),
            true if has_bit(free) => NEW,
            true if has_bit(suspects) => QUARANTINED << STATE_SHIFT,
            true if is_usable => LEASED_FOR_EVER | 1,
            _ => 0,
        }
    }
}

/// Adds to a sum what is known of leases. F and Q are not part of it: a first opener changes them before it has written
/// a state, and a death in between must not look like damage.
pub(super) fn add_to_sum<W>(sum: &mut WordSum, words: &[W], load: impl Fn(&W) -> u64) {
    add_facts_to_sum(sum, words, &load);
    sum.add_map(&words[FACT_WORDS..], &load);
}

/// Adds the part of the first page that no process changes after it has closed the file.
pub(super) fn add_facts_to_sum<W>(sum: &mut WordSum, words: &[W], load: impl Fn(&W) -> u64) {
    sum.add_map(&words[..at::SUMMED], load);
}

/// Returns the epoch of a new file, by its random name.
pub(super) fn first_epoch(uuid: &[u8; 16]) -> u64 {
    (u128::from_ne_bytes(*uuid) % u128::from(EPOCHS - 1)) as u64 + 1
}

/// Returns an epoch other than this one. `seed` makes a copy of the file go another way than the file.
pub(super) fn next_epoch(epoch: u64, seed: u64) -> u64 {
    const COUNT: u64 = EPOCHS - 1;
    // Different seeds below the count give different epochs.
    match seed % COUNT * 1_000_003 % COUNT + 1 {
        same if same == epoch => same % COUNT + 1,
        other => other,
    }
}

/// Makes every record that is not believed quarantined, and prepares the facts. Returns whether anything was changed, so
/// that a sync is needed.
///
/// There is no concurrent access; all accesses are Relaxed, as in `recover`.
pub(super) fn distrust(
    disk: &impl Disk,
    belief: Belief,
    is_vouched_for: impl Fn(usize) -> bool,
    seed: u64,
) -> bool {
    let words = disk.words(Kind::Records);
    let (facts, records) = words.split_at(FACT_WORDS);
    let fact = |at: usize| facts[at].load(Ordering::Relaxed);
    let set = |at: usize, value| facts[at].store(value, Ordering::Relaxed);
    let is_worn =
        belief != Belief::Exact && fact(at::LIMIT) + RESERVED_GENERATIONS > LAST_GENERATION;
    let has_no_facts = !(1..EPOCHS).contains(&fact(at::EPOCH)) || fact(at::LIMIT) == 0;
    let believes = |word_index| match belief {
        _ if is_worn || has_no_facts => false,
        Belief::Exact => true,
        Belief::Vouched => is_vouched_for(word_index),
        Belief::Nothing(_) => false,
    };
    let mut is_all_believed = true;
    let per_word = SLOTS_PER_WORD as usize * RECORD_WORDS;
    for (word_index, group) in records.chunks(per_word).enumerate() {
        if believes(word_index) {
            continue;
        }
        for record in group.iter().step_by(RECORD_WORDS) {
            let word = record.load(Ordering::Relaxed);
            if word >> STATE_SHIFT != VOID {
                is_all_believed = false;
                let generation = word & u64::from(u32::MAX);
                record.store(QUARANTINED << STATE_SHIFT | generation, Ordering::Relaxed);
            }
        }
    }
    if !is_all_believed || has_no_facts {
        set(at::EPOCH, next_epoch(fact(at::EPOCH) % EPOCHS, seed));
        set(at::FLOOR, 0);
        set(at::LIMIT, RESERVED_GENERATIONS);
    } else if belief != Belief::Exact {
        set(at::FLOOR, fact(at::LIMIT) + 1);
        set(at::LIMIT, fact(at::LIMIT) + RESERVED_GENERATIONS);
    }
    if belief != Belief::Exact {
        // What was placed outside a home may have reached the disk without its count.
        for count in &facts[at::OUTSIDE..] {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    !is_all_believed || has_no_facts || belief != Belief::Exact
}

/// Gives every slot whose record is free its bit, and no other. Returns how many slots that can be handed out are
/// quarantined.
///
/// There is no concurrent access; all accesses are Relaxed, as in `recover`.
pub(super) fn derive_free(disk: &impl Disk, usable: &[(Slot, Slot)]) -> u64 {
    let records = &disk.words(Kind::Records)[FACT_WORDS..];
    let mut usable = bits_of_ranges(usable.iter().copied());
    let per_word = SLOTS_PER_WORD as usize * RECORD_WORDS;
    let mut quarantined = 0;
    let maps = disk.words(Kind::Free).iter();
    let maps = maps.zip(disk.words(Kind::Quarantine));
    for ((free, suspects), group) in maps.zip(records.chunks(per_word)) {
        let load = |record: &AtomicU64| record.load(Ordering::Relaxed);
        let usable = usable();
        let (free_bits, unknown) = bits_of(group, load);
        quarantined += u64::from((unknown & usable).count_ones());
        store_if_other(free, free_bits & usable);
        store_if_other(suspects, 0);
    }
    quarantined
}

/// Returns which of 64 records are free, and of which nothing is known.
pub(super) fn bits_of<W>(group: &[W], load: impl Fn(&W) -> u64) -> (u64, u64) {
    let (mut free, mut unknown) = (0, 0);
    for (bit, record) in group.iter().step_by(RECORD_WORDS).enumerate() {
        match load(record) >> STATE_SHIFT {
            FREE => free |= 1 << bit,
            // A usable slot is never void. The numbers above are leases and rests with the mark of a pass.
            VOID | QUARANTINED => unknown |= 1 << bit,
            _ => {}
        }
    }
    (free, unknown)
}

/// Stored only where it differs: a page that stays clean need not be written back. Relaxed, as in its callers.
fn store_if_other(word: &AtomicU64, value: u64) {
    if word.load(Ordering::Relaxed) != value {
        word.store(value, Ordering::Relaxed);
    }
}
