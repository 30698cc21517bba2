//! Seeding from a user list: marks what is listed as taken, and never frees anything.

use super::Pool;
use super::listing::Listing;
use crate::network::Network;
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
        let (mut taken, mut named) = (0, 0);
        for (word_index, &bits) in listing.words().iter().enumerate() {
            if bits != 0 {
                named += u64::from(bits.count_ones());
                taken += self.take_listed(word_index, bits);
            }
        }
        (listing.report.taken, listing.report.already) = (taken, named - taken);
        listing.report.problems = listing.problems();
        self.note_adopted(taken);
    }

    /// Takes slots of a word, as a list names them; answers how many were free.
    pub(super) fn take_listed(&self, word_index: usize, bits: u64) -> u64 {
        let taken = self.claim_inside_barrier(|bitmap| {
            let taken = bitmap.claim_bits(word_index, bits);
            (taken != 0).then_some((word_index, taken))
        });
        taken.map_or(0, |(_, taken)| u64::from(taken.count_ones()))
    }
}
