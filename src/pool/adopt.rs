//! Seeding from a user list: marks what is listed as taken, and never frees anything.

use super::Pool;
use super::listing::Listing;
use crate::network::Network;
use crate::slot::slots_in;
use crate::users::{Adopted, Ambiguous, UserRecord};

impl<N: Network> Pool<N> {
    /// Marks the addresses of a user list as taken, and reports what it made of every entry.
    ///
    /// Never frees anything, is safe at any time while others allocate, and is idempotent. In a pool file
    /// with `Durability::Strict` it is durable when the call returns, or the pool is poisoned. An address
    /// inside a unit takes the unit. Ambiguous entries are read as [`Ambiguous::Host`].
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let report = pool.adopt([("10.0.0.2", "alice"), ("10.0.0.3/32", "bob")]);
    /// assert_eq!((report.taken, report.problems.len()), (2, 0));
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.4");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt(&self, users: impl IntoIterator<Item = impl UserRecord>) -> Adopted {
        self.adopt_reading(Ambiguous::default(), users)
    }

    /// Adopts like [`adopt`](Self::adopt), with a choice of how to read `10.0.0.5/24`.
    ///
    /// ```
    /// use hostbits::{Ambiguous, Pool};
    ///
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let report = pool.adopt_reading(Ambiguous::Expand, ["10.0.0.16/28"]);
    /// assert_eq!((report.taken, report.ambiguous), (16, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt_reading(
        &self,
        ambiguous: Ambiguous,
        users: impl IntoIterator<Item = impl UserRecord>,
    ) -> Adopted {
        self.adopt_listed(ambiguous, users).report
    }

    /// Adopts, and keeps what was listed.
    pub(super) fn adopt_listed(
        &self,
        ambiguous: Ambiguous,
        users: impl IntoIterator<Item = impl UserRecord>,
    ) -> Listing<'_, N> {
        let mut listing = Listing::new(&self.geometry, ambiguous);
        let (mut taken, mut already) = (0, 0);
        let mut take = |word_index, bits: u64| {
            let taken_now = self.take_listed(word_index, bits);
            taken += taken_now;
            already += u64::from(bits.count_ones()) - taken_now;
        };
        for user in users {
            listing.read(&user, &mut take);
        }
        (listing.report.taken, listing.report.already) = (taken, already);
        self.note_adopted(taken);
        listing
    }

    /// Takes slots of a word that a list names; answers how many were free.
    pub(super) fn take_listed(&self, word_index: usize, bits: u64) -> u64 {
        // The exact claim waits for claims in flight: "already" must not be a bit that comes back.
        let taken = slots_in(word_index, bits).filter(|&slot| self.take_exact(slot));
        taken.count() as u64
    }
}
