//! One pass, from reading the state of the pool to the plan.

use super::reconciler::Reconciler;
use super::sightings::{Sighting, Times, see};
use crate::bitmap::{Gate, WordBits};
use crate::network::Network;
use crate::plan::{EntryCounts, PassError, Plan, PlanRange, SlotCounts};
use crate::pool::Pool;
use crate::pool::list::listing::{BlockSays, Listing};
use crate::slot::{Slot, runs_in};
use crate::sync::Ordering;
use crate::users::Record;

/// A pass that has begun: give it the whole list, then finish it.
///
/// If it is dropped, nothing changes.
#[must_use = "a pass without a list finds nothing"]
pub struct Pass<'r, 'a, N: Network> {
    reconciler: &'r mut Reconciler<'a, N>,
    gate: Gate,
    began: u64,
    /// The slots that were free when the pass began, as a bit per slot.
    free: Vec<u64>,
    quarantined: Vec<u64>,
    listing: Listing<'a, N>,
    is_incomplete: bool,
}

/// The states of the slots of a word.
#[derive(Clone, Copy, Default)]
struct WordState {
    matched: u64,
    orphan: u64,
    in_flight: u64,
    missing: u64,
    conflict_taken: u64,
    quarantined: u64,
    free: u64,
}

impl<'r, 'a, N: Network> Pass<'r, 'a, N> {
    pub(super) fn new(
        reconciler: &'r mut Reconciler<'a, N>,
        gate: Gate,
        began: u64,
        free: Vec<u64>,
    ) -> Self {
        let pool = reconciler.pool;
        let file = pool.words.file().filter(|_| pool.words.has_suspects());
        let quarantine = file.map(|file| file.quarantine()).unwrap_or_default();
        // Relaxed: a slot that has left it meanwhile was listed or released; neither is for us to free.
        let load = |word: &crate::sync::AtomicU64| word.load(Ordering::Relaxed);
        Self {
            gate,
            began,
            free,
            quarantined: quarantine.iter().map(load).collect(),
            listing: Listing::new(&pool.geometry),
            is_incomplete: false,
            reconciler,
        }
    }

    /// Reads a list, or a part of it. If the iterator panics, the pass makes no plan.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut reconciler = pool.reconciler()?;
    /// let mut pass = reconciler.begin()?;
    /// pass.read(["10.0.0.2"]);
    /// pass.read([("10.0.0.3", "bob")]);
    /// assert_eq!(pass.finish(2)?.entries.missing, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&mut self, users: impl IntoIterator<Item = impl Record>) {
        // Until the end is reached; see `try_read`.
        let was_incomplete = std::mem::replace(&mut self.is_incomplete, true);
        for user in users {
            self.listing.read(&user);
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
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut reconciler = pool.reconciler()?;
    /// let mut pass = reconciler.begin()?;
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
            self.listing.read(&user?);
        }
        self.is_incomplete = was_incomplete;
        Ok(())
    }

    /// Returns how many entries have been read.
    pub fn entries(&self) -> u64 {
        self.listing.report.entries
    }

    /// Makes the plan, after the list has been read to its end. `entries` is how many entries the list should have. If
    /// possible, take this number from a separate source (`SELECT count(*)`), because a list that is read in pieces
    /// while it changes may be incomplete without an error.
    ///
    /// # Errors
    ///
    /// Returns a [`PassError`]. Nothing was changed, and the pass counts for no sighting.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut reconciler = pool.reconciler()?;
    /// let mut pass = reconciler.begin()?;
    /// pass.read(["10.0.0.2"]);
    /// assert_eq!(pass.finish(2).unwrap_err().code(), "count-mismatch");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(self, entries: u64) -> Result<Plan, PassError> {
        check_whole(self.is_incomplete, entries, self.entries())?;
        self.check_gate()?;
        Ok(self.plan())
    }

    /// Checks that the barrier is still the one that this pass has put up.
    pub(crate) fn check_gate(&self) -> Result<(), PassError> {
        let gate = self.reconciler.pool.words.gate_again();
        match gate.is_as(self.gate) {
            true => Ok(()),
            false => Err(PassError::Superseded),
        }
    }

    /// Reads entry number `position` of a list whose other entries may go to other readers.
    pub(crate) fn read_as(&mut self, position: u64, user: &impl Record) {
        self.listing.read_as(position, user);
    }

    /// Reads the part that belongs to this pool of an entry for several pools, at `position`.
    pub(crate) fn read_part(&mut self, position: u64, user: &impl Record) -> BlockSays {
        self.listing.read_part(position, user)
    }

    /// Returns whether the entries leave open what the list says.
    pub(crate) fn is_unclear(&self) -> bool {
        let unreadable = self.reconciler.options.unreadable;
        self.listing.report.is_unclear(unreadable)
    }

    /// Makes the plan for a share of a list. `entries` is the number of our entries; the rest of the list may be
    /// unclear.
    pub(crate) fn plan_share(mut self, entries: u64, is_unclear: bool) -> Plan {
        self.listing.report.entries = entries;
        let mut plan = self.plan();
        plan.is_unclear |= is_unclear;
        plan
    }

    fn plan(mut self) -> Plan {
        let pool = self.reconciler.pool;
        let times = Times {
            began: self.began,
            finished: self.reconciler.now_ms(),
            grace: self.reconciler.options.grace_ms(),
        };
        let listed = std::mem::take(self.listing.words());
        let found = self.compare(&listed);
        let touched = &self.reconciler.touched;
        let orphans = found
            .orphan
            .iter()
            .map(|&(word, bits)| (word, bits & !touched[word], bits & touched[word]));
        let seen = see(&self.reconciler.seen, orphans, times);
        let mut slots = found.slots;
        slots.ripe = seen.iter().filter(|of| of.is_ripe).map(Sighting::len).sum();
        let mut ranges = pool.plan_ranges(&seen);
        let missing = runs_of(&found.missing);
        let missing = missing.flat_map(|(first, last)| pool.ranges_of(first, last, Plan::MISSING));
        ranges.extend(missing);
        let plan = Plan {
            version: Plan::VERSION,
            pool: pool.plan_identity(),
            number: self.gate.number(),
            began_ms: times.began,
            finished_ms: times.finished,
            grace_ms: times.grace,
            entries: found.entries,
            slots,
            listed: slots.matched + slots.missing + slots.conflict_taken,
            listed_before: self.reconciler.listed_before,
            is_unclear: self.is_unclear(),
            ranges,
            problems: self.listing.problems(),
        };
        self.reconciler.seen = seen;
        // New and not filled, because a page that is never written costs nothing.
        self.reconciler.touched = vec![0; self.reconciler.touched.len()];
        self.reconciler.listed_before = plan.listed_before.max(Some(plan.listed));
        self.reconciler.accepts = Some(plan.number);
        plan
    }

    /// Reads every word once, and classifies its slots.
    fn compare(&self, listed: &[u64]) -> Found {
        let pool = self.reconciler.pool;
        let marks = pool.words.touched_or_new();
        let runs = pool.geometry.runs().iter().map(|run| (run.first, run.last));
        let mut usable = crate::storage::bits_of_ranges(runs);
        let mut found = Found {
            orphan: Vec::new(),
            missing: Vec::new(),
            slots: SlotCounts::default(),
            entries: EntryCounts::odd(&self.listing.report),
        };
        for (word_index, &listed) in listed.iter().enumerate() {
            let usable = usable();
            let taken = usable & !self.free[word_index];
            let suspect = of_word(&self.quarantined, word_index);
            // The word first, then its marks: a thread that has taken a slot by now has marked it before.
            let free_now = pool.bitmap().free_in(word_index);
            let touched = marks.bits(word_index);
            let (unlisted, untouched) = (usable & !listed, !touched);
            let state = WordState {
                matched: taken & listed,
                missing: listed & !taken & free_now,
                conflict_taken: listed & !taken & !free_now,
                in_flight: unlisted & touched,
                orphan: taken & unlisted & untouched & !suspect,
                quarantined: taken & unlisted & untouched & suspect,
                free: unlisted & !taken & untouched,
            };
            found.add(
                word_index,
                &state,
                of_word(&self.listing.in_blocks, word_index),
            );
        }
        found
    }
}

/// Checks that a list was read to its end, and has as many entries as announced.
pub(crate) fn check_whole(is_incomplete: bool, announced: u64, read: u64) -> Result<(), PassError> {
    if is_incomplete {
        return Err(PassError::Incomplete);
    }
    if read != announced {
        return Err(PassError::CountMismatch { announced, read });
    }
    Ok(())
}

fn of_word(words: &[u64], word_index: usize) -> u64 {
    words.get(word_index).copied().unwrap_or_default()
}

/// The result of a pass: the words with findings, in ascending order, and the counts.
struct Found {
    orphan: Vec<WordBits>,
    missing: Vec<WordBits>,
    slots: SlotCounts,
    entries: EntryCounts,
}

impl Found {
    fn add(&mut self, word_index: usize, state: &WordState, in_blocks: u64) {
        if state.orphan != 0 {
            self.orphan.push((word_index, state.orphan));
        }
        if state.missing != 0 {
            self.missing.push((word_index, state.missing));
        }
        let slots = &mut self.slots;
        for (count, bits) in [
            (&mut slots.matched, state.matched),
            (&mut slots.orphan, state.orphan),
            (&mut slots.in_flight, state.in_flight),
            (&mut slots.missing, state.missing),
            (&mut slots.conflict_taken, state.conflict_taken),
            (&mut slots.quarantined, state.quarantined),
            (&mut slots.free, state.free),
        ] {
            *count += ones(bits);
            slots.total += ones(bits);
        }
        let entries = &mut self.entries;
        entries.matched += ones(state.matched & !in_blocks);
        entries.missing += ones(state.missing & !in_blocks);
        entries.conflict_taken += ones(state.conflict_taken & !in_blocks);
    }
}

fn ones(bits: u64) -> u64 {
    bits.count_ones().into()
}

/// Returns the runs of set bits in ascending order, as first and last slots.
fn runs_of(words: &[WordBits]) -> impl Iterator<Item = (Slot, Slot)> {
    let mut runs: Vec<(Slot, Slot)> = Vec::new();
    let in_words = words
        .iter()
        .flat_map(|&(word_index, bits)| runs_in(word_index, bits));
    for (first, last) in in_words {
        match runs.last_mut() {
            Some(latest) if latest.1.checked_add(1) == Some(first) => latest.1 = last,
            _ => runs.push((first, last)),
        }
    }
    runs.into_iter()
}

impl<N: Network> Pool<N> {
    /// Returns consecutive slots as ranges of consecutive addresses.
    pub(crate) fn ranges_of(
        &self,
        first: Slot,
        last: Slot,
        state: &'static str,
    ) -> impl Iterator<Item = PlanRange> {
        self.geometry
            .runs_within(first, last)
            .map(move |run| PlanRange {
                first: self.geometry.addr_of(run.first).into(),
                last: self.geometry.addr_of(run.last).into(),
                count: run.slot_count(),
                state: state.to_owned(),
                since_ms: None,
                again_ms: None,
                generation: None,
                until: None,
            })
    }

    fn plan_ranges(&self, seen: &[Sighting]) -> Vec<PlanRange> {
        let range_of = |of: &Sighting| {
            let state = if of.is_ripe { Plan::RIPE } else { Plan::ORPHAN };
            let (since, again) = (of.since, of.again);
            let ranges = self.ranges_of(of.first, of.last, state);
            ranges.map(move |range| PlanRange {
                since_ms: Some(since),
                again_ms: again,
                ..range
            })
        };
        seen.iter().flat_map(range_of).collect()
    }

    /// Returns the slots of a range of a plan, if they are in this pool.
    pub(crate) fn slots_of_range(&self, range: &PlanRange) -> Option<(Slot, Slot)> {
        let ends = self
            .geometry
            .in_family(range.first)
            .zip(self.geometry.in_family(range.last));
        let (first, last) = ends?;
        (first <= last).then(|| self.geometry.slots_around(&(first..=last)))?
    }
}
