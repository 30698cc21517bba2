//! Reads a list for a lease pool, which claims the slots itself.

use super::listing::Listing;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::{Slot, slots_in};
use crate::users::{AdoptError, Adopted, Record, Unreadable};

impl<N: Network> Pool<N> {
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
