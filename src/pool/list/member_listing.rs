//! What a set needs to read one list for all its members.
//!
//! Each member reads its own entries with its own listing, and counts them. Positions are those of the whole list, and
//! are passed in.

use super::listing::{BlockSays, Listing};
use crate::network::Network;
use crate::pool::Pool;
use crate::stats::Event;
use crate::users::{Adopted, Record};
use ipnet::IpNet;
use std::net::IpAddr;

/// One member's share of a list.
pub(crate) struct MemberListing<'a, N: Network> {
    pool: &'a Pool<N>,
    listing: Listing<'a, N>,
    entries: u64,
}

impl<'a, N: Network> MemberListing<'a, N> {
    /// Reads entry number `position` of the whole list.
    pub(crate) fn read(&mut self, position: u64, user: &impl Record) {
        self.listing.read_as(position, user);
        self.entries += 1;
    }

    /// Reads the part that belongs to this member of an entry for several members, at `position`.
    pub(crate) fn read_part(&mut self, position: u64, user: &impl Record) -> BlockSays {
        self.listing.read_part(position, user)
    }

    /// Returns how many of its entries cannot be read.
    pub(crate) fn unparseable(&self) -> u64 {
        self.listing.report.unparseable
    }

    /// Returns the report, before anything is taken.
    pub(crate) fn report(&self) -> Adopted {
        self.listing.report.clone()
    }

    /// Takes every listed address, and returns the report.
    pub(crate) fn adopt(self) -> Adopted {
        let mut listing = self.listing;
        self.pool.adopt_all(&mut listing);
        Adopted {
            entries: self.entries,
            ..listing.report
        }
    }

    /// Takes every listed address without changing the quarantine; also returns a bit for each slot, by words.
    pub(crate) fn adopt_listed(mut self) -> (Adopted, Vec<u64>) {
        self.pool.take_all(&mut self.listing);
        let (mut report, listed) = self.listing.into_words();
        report.entries = self.entries;
        (report, listed)
    }
}

impl<N: Network> Pool<N> {
    /// Begins to read a share of a list.
    pub(crate) fn member_listing(&self) -> MemberListing<'_, N> {
        MemberListing {
            pool: self,
            listing: Listing::new(&self.geometry),
            entries: 0,
        }
    }

    /// Returns whether some address from `first` to `last` may be handed out.
    pub(crate) fn hands_out(&self, first: IpAddr, last: IpAddr) -> bool {
        self.geometry.hands_out(first, last)
    }

    /// Returns whether the prefix is exactly one unit of the pool.
    pub(crate) fn is_one_unit(&self, net: IpNet) -> bool {
        self.geometry.is_one_unit(net)
    }

    /// Counts what [`take_exact`](Self::take_exact) has taken, and waits until it is durable.
    pub(in crate::pool) fn note_adopted(&self, taken: u64) {
        if taken != 0 {
            self.count_adopted(taken);
            // What is taken stays taken, durable or not; a pool that could not make it durable is poisoned, and hands
            // out nothing.
            let _ = self.wait_until_durable();
        }
    }

    pub(in crate::pool) fn count_adopted(&self, taken: u64) {
        if taken != 0 {
            self.counters.allocated(Event::Adopted, taken);
        }
    }
}
