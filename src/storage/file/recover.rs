//! What the first opener does before any process may allocate.
//!
//! One rule for all durabilities: a word that the trust map does not vouch for loses its free bits to the quarantine.
//! The order of stores and syncs makes this correct even if the machine goes down again at any point:
//!
//! ```text
//! machine went down:  Q |= F; sync Q; F := 0                  for every word with T = 0
//! unknown file:       the same                                for every word, whatever T says
//! always:             counters := 0; F &= usable; Q &= usable; Q &= !F
//! not closed cleanly: every page of T, F, Q written as it is; sync
//! always:             T := as the durability says; state := OPEN; sync; witness := its sequence; sync
//! always:             poison := 0
//! ```
//!
//! Q is not synced with F. So the disk may already have a freed suspect in F, but not yet its removal from Q. According
//! to Q, it would be freed again after it was allocated.
//!
//! The poison goes last. If the process dies during recovery, the next one still finds it, and a recovery whose sync
//! fails sets it.
//!
//! The last two share a sync: whichever of them a crash loses, T vouches for nothing that was not durable before, and
//! nothing was allocated yet.
//!
//! A file of leases is recovered by its records, and F follows from them: see `records`.
//!
//! There is no concurrent access: the caller holds the presence lock exclusively. All accesses are Relaxed, except for
//! those that say otherwise; a process that joins later has taken the lock that we release, which the kernel orders.

use super::bytes::WordSum;
use super::disk::Disk;
use super::identity::{Identity, Witness};
use super::layout::{ALIGN, Kind};
use super::poison;
use super::records;
use super::state::{Belief, Doubt, Evidence, Phase, State, States};
use crate::durability::{Durability, RecoveryKind};
use crate::slot::{SLOTS_PER_WORD, Slot};
use crate::storage::heap::bits_of_ranges;
use crate::sync::{AtomicU64, Ordering};
use std::io;

/// The number of words of one page, which is written back as a unit.
const PAGE_WORDS: usize = ALIGN as usize / size_of::<u64>();

/// What recovery is based on: what is known about the past, and the durability.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecoveryBasis {
    pub(crate) belief: Belief,
    /// Whether the words are exact, and the last process has synced everything and closed the file.
    pub(crate) is_clean: bool,
    /// Whether the durability of the file lets the disk's words be trusted from now on.
    pub(crate) trusts_the_disk: bool,
}

impl RecoveryBasis {
    /// Determines the basis from the states and other evidence. `sum`: see [`States::belief`].
    pub(crate) fn of(
        states: &States,
        evidence: Evidence<'_>,
        sum: impl FnOnce() -> u64,
        durability: Durability,
    ) -> Self {
        let belief = states.belief(evidence, sum);
        let was_clean = states
            .newest
            .is_some_and(|state| state.phase == Phase::Clean);
        Self {
            belief,
            is_clean: belief == Belief::Exact && was_clean,
            trusts_the_disk: durability.trusts_the_disk(),
        }
    }

    pub(crate) fn kind(&self) -> RecoveryKind {
        match self.belief {
            Belief::Exact if self.is_clean => RecoveryKind::Clean,
            Belief::Exact => RecoveryKind::ProcessCrash,
            Belief::Vouched => RecoveryKind::MachineCrash,
            Belief::Nothing(Doubt::NoState) => RecoveryKind::NoState,
            Belief::Nothing(Doubt::WriteFailed) => RecoveryKind::WriteFailed,
            Belief::Nothing(Doubt::Backup) => RecoveryKind::Backup,
            Belief::Nothing(Doubt::Copy) => RecoveryKind::Copy,
            Belief::Nothing(Doubt::Changed) => RecoveryKind::Changed,
        }
    }

    /// Returns why addresses will be quarantined after this open; `older` is the reason in the newest state.
    pub(crate) fn reason(&self, older: Option<RecoveryKind>) -> Option<RecoveryKind> {
        match self.belief {
            Belief::Exact => older,
            Belief::Vouched | Belief::Nothing(_) => Some(self.kind()),
        }
    }
}

/// Makes the words usable, and writes that they are in use. After an error, they are not, and no process may use them.
///
/// `usable`: the slots that can be handed out, as ascending ranges.
pub(crate) fn recover(
    disk: &impl Disk,
    basis: RecoveryBasis,
    usable: &[(Slot, Slot)],
    opened: Opened,
) -> io::Result<State> {
    // A page that could not be written may be dropped, and what is in memory is then not exact.
    let state = poison::unless_ok(disk, recover_durably(disk, basis, usable, opened))?;
    // Durable before any allocation: otherwise, a crash could lose it, and older contents of the file would match
    // again.
    if disk.write_witness(state.seq)? {
        poison::unless_ok(disk, disk.sync_witness())?;
    }
    // This also clears what a pass may have left: there is none now. Relaxed: as everywhere here.
    poison::word(disk).store(0, Ordering::Relaxed);
    Ok(state)
}

/// Tests whether the witness can be written, before anything else is, so that a full disk is an error that changes
/// nothing. What an earlier process was kept from writing is written now: otherwise, each open would move the states
/// further ahead of the witness, and the second one would leave a file that looks like a copy.
pub(super) fn try_witness(disk: &impl Disk, states: &States, found: &Identity) -> io::Result<()> {
    let Witness::Seq(seq) = found.witness else {
        return Ok(());
    };
    match states.newest.filter(|state| state.is_of(found)) {
        Some(newest) if newest.seq != seq => {
            // Again, because the process that wrote it may have died before it was durable: the witness must not reach
            // the disk before it.
            let written = disk.write_state(1 - states.next_slot, &newest);
            poison::unless_ok(disk, written)?;
            if disk.write_witness(newest.seq)? {
                poison::unless_ok(disk, disk.sync_witness())?;
            }
        }
        _ => _ = disk.write_witness(seq)?,
    }
    Ok(())
}

fn recover_durably(
    disk: &impl Disk,
    basis: RecoveryBasis,
    usable: &[(Slot, Slot)],
    opened: Opened,
) -> io::Result<State> {
    let is_of_leases = records::are_in(disk);
    let mut is_in_doubt = !basis.is_clean;
    match basis.belief {
        belief if is_of_leases => {
            let is_vouched_for = |word_index| is_vouched_for(disk, word_index);
            let seed = opened.state.opened_ns ^ opened.state.seq;
            is_in_doubt |= records::distrust(disk, belief, is_vouched_for, seed);
        }
        Belief::Exact => {}
        Belief::Vouched => quarantine(disk, |word_index| !is_vouched_for(disk, word_index))?,
        Belief::Nothing(_) => quarantine(disk, |_| true)?,
    }
    forget_volatile(disk);
    let quarantined = match is_of_leases {
        true => records::derive_free(disk, usable),
        false => mask_unusable(disk, usable),
    };
    if is_in_doubt {
        // After a failed write-back, pages may be clean in memory and stale on the disk. Whatever is trusted below must
        // have been written by a sync of ours.
        let kinds = match is_of_leases {
            true => [Kind::Trust, Kind::Quarantine, Kind::Records],
            false => [Kind::Trust, Kind::Free, Kind::Quarantine],
        };
        for kind in kinds {
            dirty_every_page(disk.words(kind));
        }
        disk.sync(&kinds)?;
    }
    // Not before the sync of F: a word that T vouches for must be durable.
    let trust = if basis.trusts_the_disk { u64::MAX } else { 0 };
    store_all(disk.words(Kind::Trust), trust);
    opened.write(disk, quarantined)
}

/// The state that is written after everything else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) states: States,
    /// The state, without the size of the quarantine, which only the recovery knows.
    pub(crate) state: State,
}

impl Opened {
    /// Writes the state once, or twice if the other slot is not the one directly before it: the next opener trusts a
    /// pair of consecutive states.
    fn write(self, disk: &impl Disk, quarantined: u64) -> io::Result<State> {
        let state = State {
            quarantined,
            reason: self.state.reason.filter(|_| quarantined != 0),
            ..self.state
        };
        disk.write_state(self.states.next_slot, &state)?;
        let newest = self.states.newest.map(|state| state.seq + 1);
        let state = match newest == Some(state.seq) {
            true => state,
            false => {
                let second = State {
                    seq: state.seq + 1,
                    ..state
                };
                disk.write_state(1 - self.states.next_slot, &second)?;
                second
            }
        };
        Ok(state)
    }
}

/// Moves the free bits of the suspect words to the quarantine.
fn quarantine(disk: &impl Disk, is_suspect: impl Fn(usize) -> bool) -> io::Result<()> {
    let suspects = || {
        let words = disk.words(Kind::Free).iter();
        let words = words.zip(disk.words(Kind::Quarantine)).enumerate();
        words.filter(|&(word_index, _)| is_suspect(word_index))
    };
    for (_, (free, quarantine)) in suspects() {
        // Stored even if nothing changes: after a failed sync, the page may be clean and stale.
        quarantine.fetch_or(free.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    // Not together with F: a crash that loses one and keeps the other would turn suspects into leaks that cannot be
    // found.
    disk.sync(&[Kind::Quarantine])?;
    for (_, (free, _)) in suspects() {
        free.store(0, Ordering::Relaxed);
    }
    // F is synced with everything else, before T vouches for any word.
    Ok(())
}

fn is_vouched_for(disk: &impl Disk, word_index: usize) -> bool {
    let bits =
        disk.words(Kind::Trust)[word_index / SLOTS_PER_WORD as usize].load(Ordering::Relaxed);
    bits >> (word_index % SLOTS_PER_WORD as usize) & 1 == 1
}

/// Clears the volatile regions, which are not trusted because their writers are gone. Only the poison stays.
fn forget_volatile(disk: &impl Disk) {
    let poison = poison::word(disk);
    for kind in [Kind::Volatile, Kind::Nodes, Kind::Ready] {
        for word in disk.words(kind) {
            // Stored only where it differs: a page that stays clean need not be written back.
            if word.load(Ordering::Relaxed) != 0 && !std::ptr::eq(word, poison) {
                word.store(0, Ordering::Relaxed);
            }
        }
    }
}

/// Clears the free bits of slots that cannot be handed out, whatever the file says: reserved slots and padding. Does
/// the same for suspects, and clears suspects that are free. Returns how many suspects are left, in the same pass,
/// because opening a large pool is as fast as reading its words.
fn mask_unusable(disk: &impl Disk, usable: &[(Slot, Slot)]) -> u64 {
    let mut usable = bits_of_ranges(usable.iter().copied());
    let words = disk
        .words(Kind::Free)
        .iter()
        .zip(disk.words(Kind::Quarantine));
    let mut suspects = 0;
    for (free, quarantine) in words {
        let usable = usable();
        let free = keep(free, usable);
        suspects += u64::from(keep(quarantine, usable & !free).count_ones());
    }
    suspects
}

/// Clears all bits of a word except `kept`.
fn keep(word: &AtomicU64, kept: u64) -> u64 {
    let bits = word.load(Ordering::Relaxed);
    // Stored only where it differs: where it must be on the disk, every page is made dirty afterwards.
    if bits & !kept != 0 {
        word.store(bits & kept, Ordering::Relaxed);
    }
    bits & kept
}

/// Makes the next sync write every page, with its current contents.
fn dirty_every_page(words: &[AtomicU64]) {
    for page in words.chunks(PAGE_WORDS) {
        let value = page[0].load(Ordering::Relaxed);
        // Not `fetch_or(0)`, which compiles to a fence and a load and makes nothing dirty. If it fails, which cannot
        // happen here, another process has stored and dirtied the page.
        let _ = page[0].compare_exchange(value, value, Ordering::SeqCst, Ordering::Relaxed);
    }
}

pub(super) fn store_all(words: &[AtomicU64], value: u64) {
    for word in words {
        word.store(value, Ordering::Relaxed);
    }
}

/// Returns the sum of the words of F and Q, or of the records, which is in the state of a file that was closed cleanly.
pub(super) fn sum_of_maps(disk: &impl Disk) -> u64 {
    let mut sum = WordSum::new();
    if records::are_in(disk) {
        // Relaxed: there is no concurrent access.
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
        records::add_to_sum(&mut sum, disk.words(Kind::Records), load);
        return sum.finish();
    }
    for kind in [Kind::Free, Kind::Quarantine] {
        // Relaxed: there is no concurrent access.
        sum.add_map(disk.words(kind), |word| word.load(Ordering::Relaxed));
    }
    sum.finish()
}

/// Returns how many bits of a map are set.
pub(crate) fn count(words: &[AtomicU64]) -> u64 {
    let ones = |word: &AtomicU64| u64::from(word.load(Ordering::Relaxed).count_ones());
    words.iter().map(ones).sum()
}
