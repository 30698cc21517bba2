//! Seeding from a user list: marks what is listed as taken, and never frees anything.

use super::Pool;
use super::listing::Listing;
use crate::bitmap::WordBits;
use crate::network::Network;
use crate::slot::Slot;
use crate::users::{AdoptError, Adopted, Unreadable, UserRecord};

impl<N: Network> Pool<N> {
    /// Marks the addresses of a user list as taken, and reports what it made of every entry.
    ///
    /// The list is read to its end first, then all that it names is taken. Never frees anything, is safe at any
    /// time while others allocate, and is idempotent. In a pool file
    /// with `Durability::Strict` it is durable when the call returns, or the pool is poisoned. An address
    /// inside a unit takes the unit. `10.0.0.5/24` is a host and its network, and takes the host; `10.0.0.16/28`
    /// and `10.0.0.16-10.0.0.31` take all of the block.
    ///
    /// # Errors
    ///
    /// [`AdoptError::Unreadable`] if an entry cannot be read: its holder would not be safe. Nothing was taken.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let report = pool.adopt([("10.0.0.2", "alice"), ("10.0.0.3/32", "bob")])?;
    /// assert_eq!((report.taken, report.problems.len()), (2, 0));
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.4");
    /// assert!(pool.adopt(["10.0.0.5:80"]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt(
        &self,
        users: impl IntoIterator<Item = impl UserRecord>,
    ) -> Result<Adopted, AdoptError> {
        self.adopt_with(Unreadable::default(), users)
    }

    /// Adopts like [`adopt`](Self::adopt), with a choice of what to do with entries that cannot be read.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use hostbits::{Pool, Unreadable};
    ///
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let one = Unreadable::Skip { at_most: 1 };
    /// let report = pool.adopt_with(one, ["10.0.0.16/28", "10.0.0.2x"])?;
    /// assert_eq!((report.taken, report.unparseable), (16, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt_with(
        &self,
        unreadable: Unreadable,
        users: impl IntoIterator<Item = impl UserRecord>,
    ) -> Result<Adopted, AdoptError> {
        let mut listing = self.read_list(users);
        listing.report.check(unreadable)?;
        self.take_all(&mut listing);
        Ok(listing.report)
    }

    /// Reads a list, and takes nothing.
    pub(super) fn read_list(
        &self,
        users: impl IntoIterator<Item = impl UserRecord>,
    ) -> Listing<'_, N> {
        let mut listing = Listing::new(&self.geometry);
        for user in users {
            listing.read(&user);
        }
        listing
    }

    /// Takes all that a list has named, and says in its report what became of it.
    // Word by word when all of the list is known: a claim for each entry takes three times as long.
    pub(super) fn take_all(&self, listing: &mut Listing<'_, N>) {
        let words = listing.words();
        let named: u64 = words.iter().map(|word| u64::from(word.count_ones())).sum();
        let taken = self.take_words(|| words.iter().copied().enumerate());
        self.count_adopted(taken);
        (listing.report.taken, listing.report.already) = (taken, named - taken);
        listing.report.problems = listing.problems();
    }

    /// Takes slots, by words, and waits once until all of them are durable; answers how many were free.
    ///
    /// What a pass frees meanwhile is taken again. What is taken stays taken, durable or not: a pool that could
    /// not make it durable is poisoned, and hands out nothing.
    pub(super) fn take_words<I: Iterator<Item = WordBits>>(&self, words: impl Fn() -> I) -> u64 {
        loop {
            let claimed = self.claim_unanswered(|bitmap| {
                let named = words().filter(|&(_, bits)| bits != 0);
                let claimed = named.map(|(word, bits)| (word, bitmap.claim_bits(word, bits)));
                let claimed: Vec<WordBits> = claimed.filter(|&(_, bits)| bits != 0).collect();
                (!claimed.is_empty()).then_some(claimed)
            });
            let Some(claimed) = claimed else { return 0 };
            let confirmed = self.confirm();
            let count = claimed.count();
            if self.keep(claimed).is_some() {
                return count;
            }
            if confirmed.is_err() {
                return 0;
            }
        }
    }

    /// Takes exactly this slot and waits for nothing, for the one who reconciles: no other pass goes by. What
    /// is taken so is made durable together.
    pub(super) fn take_exact(&self, slot: Slot) -> bool {
        let claimed = self.claim_unanswered(|bitmap| bitmap.claim_exact(slot).then_some(slot));
        claimed.is_some_and(|of| self.keep(of).is_some())
    }
}
