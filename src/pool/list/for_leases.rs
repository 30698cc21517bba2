//! Reads a list for a lease pool, which claims the slots itself.

use super::listing::Listing;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::{Slot, slots_in};
use crate::users::{AdoptError, Adopted, Problem, ProblemKind, Quoted, Record, Unreadable};

/// A list that a pass over a lease pool reads.
pub(crate) struct LeaseListing<'a, N: Network> {
    pool: &'a Pool<N>,
    listing: Listing<'a, N>,
}

/// A list that was read to its end.
pub(crate) struct ListOfLeases {
    /// Without the problems.
    pub(crate) report: Adopted,
    pub(crate) problems: Vec<Problem>,
    /// A bit for each listed slot, by words.
    pub(crate) listed: Vec<u64>,
    /// The listed slots that a block listed first. Words without any may be left out.
    pub(crate) in_blocks: Vec<u64>,
}

impl<N: Network> LeaseListing<'_, N> {
    pub(crate) fn read(&mut self, user: &impl Record) {
        self.listing.read(user);
    }

    /// Returns how many entries have been read.
    pub(crate) fn entries(&self) -> u64 {
        self.listing.report.entries
    }

    /// Returns the slot that an entry names, if it names one alone.
    pub(crate) fn slot_named_by(&self, user: &impl Record) -> Option<Slot> {
        let geometry = self.pool.geometry();
        let named = self.pool.named_by(user.listed())?;
        let first = geometry.in_family(*named.start())?;
        let last = geometry.in_family(*named.end())?;
        let (first, last) = geometry.slots_around(&(first..=last))?;
        (first == last).then_some(first)
    }

    /// Counts and records a problem of the entry that was read last.
    pub(crate) fn note(&mut self, kind: ProblemKind, user: &impl Record) {
        let report = &mut self.listing.report;
        report.note(kind, Quoted(user.listed()), user.owner());
    }

    pub(crate) fn finish(mut self) -> ListOfLeases {
        let problems = self.listing.problems();
        let in_blocks = std::mem::take(&mut self.listing.in_blocks);
        let (report, listed) = self.listing.into_words();
        ListOfLeases {
            report,
            problems,
            listed,
            in_blocks,
        }
    }
}

impl<N: Network> Pool<N> {
    /// Begins to read a list for a pass.
    pub(crate) fn lease_listing(&self) -> LeaseListing<'_, N> {
        LeaseListing {
            pool: self,
            listing: Listing::new(self.geometry()),
        }
    }

    /// Reads a list, and calls `adopt` for each slot that it names, in ascending order, with the owner that named it
    /// first. `adopt` returns whether it has taken the slot now.
    ///
    /// The whole list is read before: if it is refused, nothing is called.
    pub(crate) fn adopt_slots(
        &self,
        unreadable: Unreadable,
        users: impl IntoIterator<Item = impl Record>,
        mut adopt: impl FnMut(Slot, Option<&[u8]>) -> bool,
    ) -> Result<Adopted, AdoptError> {
        let mut listing = Listing::new(self.geometry());
        for user in users {
            listing.read(&user);
        }
        listing.report.check(unreadable)?;
        let words = std::mem::take(listing.words());
        let (mut taken, mut already) = (0, 0);
        {
            let owners = listing.owners();
            for (word_index, &bits) in words.iter().enumerate() {
                for slot in slots_in(word_index, bits) {
                    let owner = owners.of(slot).map(|(_, owner)| owner);
                    *match adopt(slot, owner) {
                        true => &mut taken,
                        false => &mut already,
                    } += 1;
                }
            }
        }
        (listing.report.taken, listing.report.already) = (taken, already);
        listing.report.problems = listing.problems();
        Ok(listing.report)
    }
}
