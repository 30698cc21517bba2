//! What was recorded and checked, by verb and result.

use crate::check::Checked;
use crate::complete::Explained;
use crate::history::History;
use hostbits::Policy;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Verbs with the results that must occur, or a campaign proves nothing.
const EXPECTED: [(&str, &str); 36] = [
    ("allocate", "claimed"),
    ("allocate", "exhausted"),
    ("allocate_net", "claimed"),
    ("allocate_net", "exhausted"),
    ("guard", "claimed"),
    ("guard", "exhausted"),
    ("guard_arc", "claimed"),
    ("guard_arc", "exhausted"),
    ("allocate_exact", "claimed"),
    ("allocate_exact", "already allocated"),
    ("allocate_exact", "reserved"),
    ("adopt", "claimed"),
    ("adopt", "already allocated"),
    ("allocate_preferring", "claimed"),
    ("allocate_preferring", "exhausted"),
    ("allocate_many", "claimed"),
    ("allocate_many", "exhausted"),
    ("allocate_into", "claimed"),
    ("allocate_into", "fewer"),
    ("allocate_block", "claimed"),
    ("allocate_block", "exhausted"),
    ("allocate_block_exact", "claimed"),
    ("allocate_block_exact", "already allocated"),
    ("allocate_in", "claimed"),
    ("allocate_in", "exhausted"),
    ("allocate_from", "claimed"),
    ("allocate_from", "exhausted"),
    ("local", "claimed"),
    ("local", "exhausted"),
    ("local release", "released"),
    ("release", "released"),
    ("release", "reserved"),
    ("release", "not allocated"),
    ("release_many", "released"),
    ("release_block", "released"),
    ("drop", "released"),
];

/// Expected only if the policy lets a local keep what is released to it.
const EXPECTED_OF_KEEPERS: (&str, &str) = ("local drop", "released");

/// Totals of many histories.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The number of histories checked.
    pub histories: u64,
    /// The number of calls recorded.
    pub calls: u64,
    /// The number of calls that overlapped an earlier call of another thread.
    pub overlapping: u64,
    /// The duration of the longest call, in nanoseconds, and its verb.
    pub longest: (u64, &'static str),
    by_answer: BTreeMap<(&'static str, &'static str), u64>,
    checked: Checked,
    explained: Explained,
}

impl Tally {
    /// Adds a history that has been checked; `timed` says that its stamps are nanoseconds.
    pub fn add(&mut self, history: &History, checked: Checked, timed: bool) {
        self.histories += 1;
        self.checked.holds += checked.holds;
        self.checked.already_allocated += checked.already_allocated;
        self.checked.exhausted += checked.exhausted;
        self.checked.lowest += checked.lowest;
        self.checked.from += checked.from;
        self.checked.preferred += checked.preferred;
        let mut spans = Vec::with_capacity(history.call_count());
        for (thread, event, _) in history.iter() {
            self.calls += 1;
            let key = (event.call.name(), event.answer.name());
            *self.by_answer.entry(key).or_default() += 1;
            spans.push((event.invoked, event.responded, thread));
            if timed {
                let length = event.responded - event.invoked;
                self.longest = self.longest.max((length, event.call.name()));
            }
        }
        spans.sort_unstable();
        let mut latest = 0;
        for (invoked, responded, _) in spans {
            // Calls of one thread never overlap each other.
            self.overlapping += u64::from(invoked <= latest);
            latest = latest.max(responded);
        }
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        self.histories += other.histories;
        self.add_explained(other.explained);
        self.calls += other.calls;
        self.overlapping += other.overlapping;
        self.longest = self.longest.max(other.longest);
        for (&key, &count) in &other.by_answer {
            *self.by_answer.entry(key).or_default() += count;
        }
        self.checked.holds += other.checked.holds;
        self.checked.already_allocated += other.checked.already_allocated;
        self.checked.exhausted += other.checked.exhausted;
        self.checked.lowest += other.checked.lowest;
        self.checked.from += other.checked.from;
        self.checked.preferred += other.checked.preferred;
    }

    /// Adds the result of the complete checker for a history.
    pub fn add_explained(&mut self, explained: Explained) {
        self.explained.overlaps += explained.overlaps;
        self.explained.overlapping_calls += explained.overlapping_calls;
        self.explained.lone_calls += explained.lone_calls;
        self.explained.skipped_calls += explained.skipped_calls;
        self.explained.given_up_calls += explained.given_up_calls;
    }

    /// Returns the totals of the complete checker.
    pub fn explained(&self) -> Explained {
        self.explained
    }

    /// Returns how many results each rule was applied to.
    pub fn checked(&self) -> Checked {
        self.checked
    }

    /// Returns the verbs and results that should have occurred with these policies, but did not.
    pub fn missing(&self, policies: &[Policy]) -> Vec<(&'static str, &'static str)> {
        let keeps =
            |policy: &Policy| matches!(policy, Policy::Lowest | Policy::Highest | Policy::Spread);
        let of_keepers = policies.iter().any(keeps).then_some(EXPECTED_OF_KEEPERS);
        let is_missing = |key: &(&'static str, &'static str)| !self.by_answer.contains_key(key);
        EXPECTED
            .into_iter()
            .chain(of_keepers)
            .filter(is_missing)
            .collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} calls in {} histories; {} calls overlapped another",
            self.calls, self.histories, self.overlapping
        )?;
        let (nanos, verb) = self.longest;
        writeln!(f, "longest call: {:?}, {verb}", Duration::from_nanos(nanos))?;
        let Explained {
            overlaps,
            overlapping_calls,
            lone_calls,
            skipped_calls,
            given_up_calls,
        } = self.explained;
        writeln!(
            f,
            "explained completely: {overlaps} parts of {overlapping_calls} overlapping calls, {lone_calls} calls \
             alone; left out: {skipped_calls} calls in longer parts, {given_up_calls} in parts with too many orders"
        )?;
        let Checked {
            holds,
            already_allocated,
            exhausted,
            lowest,
            from,
            preferred,
        } = self.checked;
        writeln!(
            f,
            "checked: {holds} holds, {exhausted} \"exhausted\", {already_allocated} \"already allocated\", \
             {lowest} lowest first, {from} next from there, {preferred} preferences not granted"
        )?;
        for ((verb, answer), count) in &self.by_answer {
            writeln!(f, "{count:>12}  {verb}: {answer}")?;
        }
        Ok(())
    }
}
