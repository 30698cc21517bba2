//! What the first opener does before anybody may allocate.
//!
//! One rule for all durabilities: a word that the trust map does not vouch for loses its free bits to the
//! quarantine. The order of stores and syncs is what makes that right when the machine goes down again at
//! any point of it:
//!
//! ```text
//! machine went down:  Q |= F; sync Q; F := 0                  for every word with T = 0
//! unknown file:       the same                                for every word, whatever T says
//! always:             counters := 0; F &= usable; Q &= usable; Q &= !F
//! not left in order:  every page of T, F, Q written as it is; sync
//! always:             T := as the durability says; state := OPEN; sync; witness := its sequence; sync
//! always:             poison := 0
//! ```
//!
//! Q is not synced with F. So the disk may know that a suspect has been freed by its bit in F, and not yet
//! by its bit in Q. In Q it would be freed again when somebody has got it.
//!
//! The poison goes last. Whoever dies in a recovery leaves it to the next one, and a recovery whose sync
//! fails sets it.
//!
//! The last two share a sync: whichever of them the machine takes down with it, T vouches for nothing that
//! was not durable before, and nobody has allocated yet.
//!
//! Nobody else is there: the caller holds the presence lock exclusively. All accesses are Relaxed but for
//! those that say otherwise; whoever joins later has taken the lock that we release, which the kernel
//! orders.

use super::bytes::WordSum;
use super::disk::Disk;
use super::identity::{Identity, Witness};
use super::layout::{ALIGN, Kind};
use super::poison;
use super::state::{Belief, Doubt, Evidence, Phase, State, States};
use crate::durability::{Durability, RecoveryKind};
use crate::slot::{SLOTS_PER_WORD, Slot};
use crate::storage::heap::bits_of_ranges;
use crate::sync::{AtomicU64, Ordering};
use std::io;

/// Words of one page: what is written back together.
const PAGE_WORDS: usize = ALIGN as usize / size_of::<u64>();

/// What a recovery goes by: what is known of the past, and what is to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecoveryBasis {
    pub(crate) belief: Belief,
    /// The words are exact, and the last process has synced everything and taken its leave.
    pub(crate) is_clean: bool,
    /// Whether the durability of the file lets the disk's words be believed from now on.
    pub(crate) trusts_the_disk: bool,
}

impl RecoveryBasis {
    /// What the states say together with what else there is to know. `sum`: as of [`States::belief`].
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

    /// Why what is quarantined after this opening is so; `older` is what the newest state says.
    pub(crate) fn reason(&self, older: Option<RecoveryKind>) -> Option<RecoveryKind> {
        match self.belief {
            Belief::Exact => older,
            Belief::Vouched | Belief::Nothing(_) => Some(self.kind()),
        }
    }
}

/// Makes the words fit to be used, and writes that they are in use. An error means that they are not, and
/// that nobody may use them.
///
/// `usable`: the slots that can be handed out, as ascending ranges.
pub(crate) fn recover(
    disk: &impl Disk,
    basis: RecoveryBasis,
    usable: &[(Slot, Slot)],
    opened: Opened,
) -> io::Result<State> {
    // A page that could not be written may be dropped, and what is in memory then is not exact.
    let state = poison::unless_ok(disk, recover_durably(disk, basis, usable, opened))?;
    // Durable before anybody allocates: otherwise the machine may take it down with it, and an older content of
    // the file would fit again.
    if disk.write_witness(state.seq)? {
        poison::unless_ok(disk, disk.sync_witness())?;
    }
    // With it goes what a pass may have left: nobody is in one. Relaxed: as everywhere here.
    poison::word(disk).store(0, Ordering::Relaxed);
    Ok(state)
}

/// Whether the witness can be written, asked before anything else is, so that a full disk is an error that changes
/// nothing. What somebody was cut off from writing, or found no room for, is written now: otherwise each opening would
/// leave the states one further ahead of it, and the second one a file that looks like a copy.
pub(super) fn try_witness(disk: &impl Disk, states: &States, found: &Identity) -> io::Result<()> {
    let Witness::Seq(seq) = found.witness else {
        return Ok(());
    };
    match states.newest.filter(|state| state.is_of(found)) {
        Some(newest) if newest.seq != seq => {
            // Once more, since whoever wrote it may have died before it was durable: the witness must not come
            // to the disk before it.
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
    match basis.belief {
        Belief::Exact => {}
        Belief::Vouched => quarantine(disk, |word_index| !is_vouched_for(disk, word_index))?,
        Belief::Nothing(_) => quarantine(disk, |_| true)?,
    }
    forget_volatile(disk);
    let quarantined = mask_unusable(disk, usable);
    if !basis.is_clean {
        // Pages may be clean in memory and stale on the disk since a failed write-back. Whatever is
        // believed below must have been written by a sync of ours.
        for kind in [Kind::Trust, Kind::Free, Kind::Quarantine] {
            dirty_every_page(disk.words(kind));
        }
        disk.sync(&[Kind::Trust, Kind::Free, Kind::Quarantine])?;
    }
    // Not before the sync of F: a word that T vouches for must be durable.
    let trust = if basis.trusts_the_disk { u64::MAX } else { 0 };
    store_all(disk.words(Kind::Trust), trust);
    opened.write(disk, quarantined)
}

/// The state to be written when everything else is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) states: States,
    /// Without the size of the quarantine, which only the recovery knows.
    pub(crate) state: State,
}

impl Opened {
    /// Once, and twice where the other slot does not come right before it: a pair that follows each other is
    /// what the next one believes.
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

/// Moves the free bits of the words that are suspect to the quarantine.
fn quarantine(disk: &impl Disk, is_suspect: impl Fn(usize) -> bool) -> io::Result<()> {
    let suspects = || {
        let words = disk.words(Kind::Free).iter();
        let words = words.zip(disk.words(Kind::Quarantine)).enumerate();
        words.filter(|&(word_index, _)| is_suspect(word_index))
    };
    for (_, (free, quarantine)) in suspects() {
        // Stored even if nothing changes: after a sync that failed the page may be clean and stale.
        quarantine.fetch_or(free.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    // Not together with F: a crash that loses the one and keeps the other would turn suspects into
    // leaks that nobody can find.
    disk.sync(&[Kind::Quarantine])?;
    for (_, (free, _)) in suspects() {
        free.store(0, Ordering::Relaxed);
    }
    // F is synced with everything else, before T says a word.
    Ok(())
}

fn is_vouched_for(disk: &impl Disk, word_index: usize) -> bool {
    let bits =
        disk.words(Kind::Trust)[word_index / SLOTS_PER_WORD as usize].load(Ordering::Relaxed);
    bits >> (word_index % SLOTS_PER_WORD as usize) & 1 == 1
}

/// Nothing of the volatile regions is believed: whoever wrote it is gone. Only the poison stays.
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

/// Free are only slots that can be handed out, whatever the file says: of reserved ones and of padding
/// there is no address, or not for us. The same for suspects, of which none is free. Answers how many
/// suspects are left: in the same pass, since a large pool is opened as fast as its words are read.
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

/// What is left of a word.
fn keep(word: &AtomicU64, kept: u64) -> u64 {
    let bits = word.load(Ordering::Relaxed);
    // Stored only where it differs: whoever needs it on the disk dirties every page afterwards.
    if bits & !kept != 0 {
        word.store(bits & kept, Ordering::Relaxed);
    }
    bits & kept
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

/// The sum of the words of F and Q, which a state has of a file that was left in order.
pub(super) fn sum_of_maps(disk: &impl Disk) -> u64 {
    let mut sum = WordSum::new();
    for kind in [Kind::Free, Kind::Quarantine] {
        // Relaxed: nobody else is there.
        sum.add_map(disk.words(kind), |word| word.load(Ordering::Relaxed));
    }
    sum.finish()
}

/// How many bits of a map are set.
pub(crate) fn count(words: &[AtomicU64]) -> u64 {
    let ones = |word: &AtomicU64| u64::from(word.load(Ordering::Relaxed).count_ones());
    words.iter().map(ones).sum()
}
