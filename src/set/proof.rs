//! Proves that a whole set had nothing: at some instant of the call, every member had nothing.
//!
//! Checking one member after another proves nothing, because the free address moves. See `bitmap::collect`.

use super::PoolSet;
use super::cordons::Parts;
use crate::bitmap::Evidence;
use crate::error::AllocateError;
use crate::network::Network;
use crate::sync::{Ordering, load_seq_cst};

impl<N: Network> PoolSet<N> {
    /// Returns whether it was seen that at some instant of the call no member had anything; if not, search again. Waits
    /// for claims that were in flight, except for the caller's own.
    ///
    /// Updates the summary for members that have something although it says otherwise: they were released into
    /// directly.
    #[cold]
    fn proves_none(&self) -> bool {
        let evidence = self.evidence_of_none();
        evidence.is_some_and(|evidence| given_back(&evidence) == 0)
    }

    /// Makes both collects. What may have been free at the instant between them was in flight, and is [given
    /// back](given_back).
    #[cold]
    pub(super) fn evidence_of_none(&self) -> Option<Vec<Evidence<'_>>> {
        let before = self.shape_now();
        let mut evidence = Vec::new();
        for (index, member) in self.members.iter() {
            if member.is_drained() || member.pool.file_refusal().is_some() {
                continue;
            }
            let parts = member.open_parts();
            let parts = parts.as_ref().map(Parts::as_slice);
            let Some(found) = member.pool.evidence_of_none(parts) else {
                self.summary.publish(index);
                return None;
            };
            evidence.push(found);
        }
        self.still_holds(before, &evidence).then_some(evidence)
    }

    /// Makes the second collect.
    pub(super) fn still_holds(&self, before: (usize, u64), evidence: &[Evidence<'_>]) -> bool {
        evidence.iter().all(Evidence::still_holds) && self.shape_now() == before
    }

    /// Returns how many members there are, and how often one was resumed or a cordon was lifted: what makes addresses
    /// available without a release.
    pub(super) fn shape_now(&self) -> (usize, u64) {
        // SeqCst: read before the first collect and after the second one. Whatever was finished in between has changed
        // it, and what was finished before is seen by the first collect.
        (self.members.len(), load_seq_cst(&self.openings))
    }

    /// Records that a member has more to hand out than before.
    pub(super) fn note_opening(&self, index: usize) {
        // SeqCst: after the store that opens it. Before it, a proof could read the new count, find the member closed,
        // and not notice that it was open before the others became full; see `shape_now`.
        self.openings.fetch_add(1, Ordering::SeqCst);
        self.summary.publish(index);
    }

    /// Returns the error for a set that had nothing.
    #[cold]
    pub(super) fn exhausted(&self, refusal: Option<AllocateError>) -> AllocateError {
        let refusal = refusal.or_else(|| self.file_refusal());
        refusal.unwrap_or_else(|| AllocateError::Exhausted {
            capacity: self.capacity(),
            quarantined: self
                .members
                .iter()
                .map(|(_, member)| member.pool.quarantined_count())
                .sum(),
            closed: self
                .members
                .iter()
                .map(|(_, member)| member.closed_count())
                .sum(),
        })
    }

    /// Returns why the first member whose file refuses hands out nothing. A member that looked full was not asked.
    fn file_refusal(&self) -> Option<AllocateError> {
        let mut open = self
            .members
            .iter()
            .filter(|(_, member)| !member.is_drained());
        open.find_map(|(_, member)| member.pool.file_refusal())
    }

    /// Repeats `search` until it finds something, or until it is proven that there was nothing at some instant.
    #[cold]
    pub(super) fn search_or_prove<T>(
        &self,
        mut search: impl FnMut(&mut Option<AllocateError>) -> Option<T>,
    ) -> Result<T, AllocateError> {
        loop {
            let mut refusal = None;
            if let Some(found) = search(&mut refusal) {
                return Ok(found);
            }
            if self.proves_none() {
                return Err(self.exhausted(refusal));
            }
        }
    }
}

/// Waits for all claims in flight, and returns how many slots may have been given back since before the first collect.
pub(super) fn given_back(evidence: &[Evidence<'_>]) -> u64 {
    evidence.iter().fold(0, |sum: u64, evidence| {
        sum.saturating_add(evidence.given_back())
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use ipnet::Ipv4Net;

    type Set = PoolSet<Ipv4Net>;

    fn pool(text: &str) -> Pool<Ipv4Net> {
        Pool::new(text.parse().expect("a network")).expect("a pool")
    }

    /// Something opens between the collects, in a member that the first collect does not know.
    #[test]
    fn what_opens_between_the_collects_is_seen() {
        let add = |set: &Set| drop(set.add(pool("10.0.2.0/32")));
        let resume = |set: &Set| drop(set.resume(crate::set::MemberId(1)));
        let part =
            || "10.0.0.2".parse().expect("an address")..="10.0.0.2".parse().expect("an address");
        let uncordon = |set: &Set| drop(set.uncordon(part()));
        let changes: [&dyn Fn(&Set); 3] = [&add, &resume, &uncordon];
        for (index, change) in changes.into_iter().enumerate() {
            // One address of the first member is cordoned, and the second member is drained.
            let set = PoolSet::new([pool("10.0.0.0/29"), pool("10.0.1.0/32")]).expect("a set");
            set.drain(crate::set::MemberId(1)).expect("a member");
            set.cordon(part()).expect("an address");
            while set.allocate().is_ok() {}
            let before = set.shape_now();
            let evidence: Vec<_> = set
                .members
                .iter()
                .filter(|(_, member)| !member.is_drained())
                .map(|(_, member)| {
                    let parts = member.open_parts();
                    let parts = parts.as_ref().map(Parts::as_slice);
                    let found = member.pool.evidence_of_none(parts);
                    found.expect("nothing is free")
                })
                .collect();
            assert!(set.still_holds(before, &evidence));
            change(&set);
            assert!(!set.still_holds(before, &evidence), "change {index}");
            assert!(set.allocate().is_ok());
        }
    }
}
