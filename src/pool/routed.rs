//! What a set needs to read one list for all of its members.
//!
//! Each member reads the entries that are its own with its own listing, and counts them. Positions are those
//! of the whole list: the number of an entry is told, and not counted here.

use super::Pool;
use super::listing::Listing;
use crate::network::Network;
use crate::stats::Event;
use crate::users::{Adopted, Ambiguous, UserRecord};
use ipnet::IpNet;

/// One member's share of a list, adopted as it is read.
pub(crate) struct Share<'a, N: Network> {
    pool: &'a Pool<N>,
    listing: Listing<'a, N>,
    entries: u64,
    taken: u64,
    already: u64,
}

impl<'a, N: Network> Share<'a, N> {
    /// Reads the entry `position` of the whole list, and takes what it names.
    pub(crate) fn adopt(&mut self, position: u64, user: &impl UserRecord) {
        let Self {
            pool,
            listing,
            taken,
            already,
            ..
        } = self;
        let mut take = |word_index, bits: u64| {
            let taken_now = pool.take_listed(word_index, bits);
            *taken += taken_now;
            *already += u64::from(bits.count_ones()) - taken_now;
        };
        listing.read_as(position, user, &mut take);
        self.entries += 1;
    }

    /// What became of this share; what was taken is counted, and durable if the pool promises that.
    pub(crate) fn finish(self) -> Adopted {
        let mut report = self.listing.report;
        report.entries = self.entries;
        (report.taken, report.already) = (self.taken, self.already);
        self.pool.note_adopted(report.taken);
        report
    }
}

impl<N: Network> Pool<N> {
    /// Begins to adopt a share of a list.
    pub(crate) fn share(&self, ambiguous: Ambiguous) -> Share<'_, N> {
        Share {
            pool: self,
            listing: Listing::new(&self.geometry, ambiguous),
            entries: 0,
            taken: 0,
            already: 0,
        }
    }

    /// Whether the prefix is exactly what the pool hands out.
    pub(crate) fn is_one_unit(&self, net: IpNet) -> bool {
        net == net.trunc() && net.prefix_len() == self.geometry.unit()
    }

    pub(super) fn note_adopted(&self, taken: u64) {
        if taken != 0 {
            self.counters.allocated(Event::Adopted, taken);
            // What is taken stays taken, durable or not; a pool that could not make it durable is poisoned,
            // and hands out nothing.
            let _ = self.confirm();
        }
    }
}
