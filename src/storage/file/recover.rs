//! What the first opener does before anybody may allocate.
//!
//! One rule for all durabilities: a word that the trust map does not vouch for loses its free bits to the
//! quarantine. The order of stores and syncs is what makes that right when the machine goes down again at
//! any point of it:
//!
//! ```text
//! machine went down:  Q |= F; sync Q; F := 0                  for every word with T = 0
//! always:             counters := 0; F &= usable; Q &= usable
//! not left in order:  every page of T, F, Q written as it is; sync
//! always:             T := as the durability says; state := OPEN; sync
//! ```
//!
//! The last two share a sync: whichever of them the machine takes down with it, T vouches for nothing that
//! was not durable before, and nobody has allocated yet.
//!
//! Nobody else is there: the caller holds the presence lock exclusively. All accesses are Relaxed but for
//! those that say otherwise; whoever joins later has taken the lock that we release, which the kernel
//! orders.

use super::disk::Disk;
use super::layout::{ALIGN, Kind};
use super::state::{State, States};
use crate::slot::{SLOTS_PER_WORD, Slot};
use crate::storage::heap::bits_of_ranges;
use crate::sync::{AtomicU64, Ordering};
use std::io;

/// Words of one page: what is written back together.
const PAGE_WORDS: usize = ALIGN as usize / size_of::<u64>();

/// What is known of the past, and what is to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    /// The words are those of the last process: the machine has not gone down since.
    pub(crate) is_exact: bool,
    /// Moreover the last process has synced everything and taken its leave.
    pub(crate) is_clean: bool,
    /// Whether the durability of the file lets the disk's words be believed from now on.
    pub(crate) trusts_the_disk: bool,
}

/// Makes the words fit to be used, and writes that they are in use. An error means that they are not, and
/// that nobody may use them.
///
/// `usable`: the slots that can be handed out, as ascending ranges.
pub(crate) fn recover(
    disk: &impl Disk,
    past: Past,
    usable: &[(Slot, Slot)],
    opened: Opened,
) -> io::Result<State> {
    if !past.is_exact {
        quarantine_untrusted(disk)?;
    }
    forget_volatile(disk);
    mask_unusable(disk, usable);
    if !past.is_clean {
        // Pages may be clean in memory and stale on the disk since a failed write-back. Whatever is
        // believed below must have been written by a sync of ours.
        for kind in [Kind::Trust, Kind::Free, Kind::Quarantine] {
            dirty_every_page(disk.words(kind));
        }
        disk.sync(&[Kind::Trust, Kind::Free, Kind::Quarantine])?;
    }
    // Not before the sync of F: a word that T vouches for must be durable.
    let trust = if past.trusts_the_disk { u64::MAX } else { 0 };
    store_all(disk.words(Kind::Trust), trust);
    opened.write(disk)
}

/// The state to be written when everything else is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) states: States,
    /// Without the size of the quarantine, which only the recovery knows.
    pub(crate) state: State,
}

impl Opened {
    /// Once, and twice where neither slot could be read: a pair that follows each other is what the next
    /// one believes.
    fn write(self, disk: &impl Disk) -> io::Result<State> {
        let state = State {
            quarantined: count(disk.words(Kind::Quarantine)),
            ..self.state
        };
        disk.write_state(self.states.next_slot, &state)?;
        if self.states.newest.is_none() {
            let second = State {
                seq: state.seq + 1,
                ..state
            };
            disk.write_state(1 - self.states.next_slot, &second)?;
        }
        Ok(state)
    }
}

/// Moves the free bits of every word that T does not vouch for to the quarantine.
fn quarantine_untrusted(disk: &impl Disk) -> io::Result<()> {
    let free = disk.words(Kind::Free);
    let quarantine = disk.words(Kind::Quarantine);
    for (free, quarantine) in untrusted(disk, free, quarantine) {
        quarantine.fetch_or(free.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    // Not together with F: a crash that loses the one and keeps the other would turn suspects into
    // leaks that nobody can find.
    disk.sync(&[Kind::Quarantine])?;
    for (free, _) in untrusted(disk, free, quarantine) {
        free.store(0, Ordering::Relaxed);
    }
    // F is synced with everything else, before T says a word.
    Ok(())
}

fn untrusted<'a>(
    disk: &'a impl Disk,
    free: &'a [AtomicU64],
    quarantine: &'a [AtomicU64],
) -> impl Iterator<Item = (&'a AtomicU64, &'a AtomicU64)> {
    let trust = disk.words(Kind::Trust);
    let is_untrusted = |word_index: usize| {
        let bits = trust[word_index / SLOTS_PER_WORD as usize].load(Ordering::Relaxed);
        bits >> (word_index % SLOTS_PER_WORD as usize) & 1 == 0
    };
    free.iter()
        .zip(quarantine)
        .enumerate()
        .filter(move |&(word_index, _)| is_untrusted(word_index))
        .map(|(_, pair)| pair)
}

/// Nothing of the volatile regions is believed: whoever wrote it is gone.
fn forget_volatile(disk: &impl Disk) {
    for kind in [Kind::Volatile, Kind::Nodes, Kind::Ready] {
        for word in disk.words(kind) {
            // Stored only where it differs: a page that stays clean need not be written back.
            if word.load(Ordering::Relaxed) != 0 {
                word.store(0, Ordering::Relaxed);
            }
        }
    }
}

/// Free are only slots that can be handed out, whatever the file says: of reserved ones and of padding
/// there is no address, or not for us. The same for suspects.
fn mask_unusable(disk: &impl Disk, usable: &[(Slot, Slot)]) {
    let mut usable = bits_of_ranges(usable.iter().copied());
    let words = disk
        .words(Kind::Free)
        .iter()
        .zip(disk.words(Kind::Quarantine));
    for (free, quarantine) in words {
        let usable = usable();
        for word in [free, quarantine] {
            let bits = word.load(Ordering::Relaxed);
            if bits & !usable != 0 {
                word.store(bits & usable, Ordering::Relaxed);
            }
        }
    }
}

/// Makes the next sync write every page, with what it holds.
fn dirty_every_page(words: &[AtomicU64]) {
    for page in words.chunks(PAGE_WORDS) {
        let value = page[0].load(Ordering::Relaxed);
        // Not `fetch_or(0)`, which compiles to a fence and a load and dirties nothing. If it fails,
        // which nobody is there to make it do, somebody else has stored and dirtied the page.
        let _ = page[0].compare_exchange(value, value, Ordering::SeqCst, Ordering::Relaxed);
    }
}

pub(super) fn store_all(words: &[AtomicU64], value: u64) {
    for word in words {
        word.store(value, Ordering::Relaxed);
    }
}

/// How many bits of a map are set.
pub(crate) fn count(words: &[AtomicU64]) -> u64 {
    let ones = |word: &AtomicU64| u64::from(word.load(Ordering::Relaxed).count_ones());
    words.iter().map(ones).sum()
}
