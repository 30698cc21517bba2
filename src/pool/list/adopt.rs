//! Adopts a user list: marks listed addresses as taken, and never frees any.

use super::listing::Listing;
use crate::bitmap::WordBits;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::Slot;
use crate::storage::Claimed;
use crate::sync::Snooze;
use crate::users::{AdoptError, Adopted, Entry, Listed, Record, Unreadable, read};
use std::net::IpAddr;
use std::ops::RangeInclusive;

impl<N: Network> Pool<N> {
    /// Returns the first and the last address that an entry of a list names, as [`adopt`](Self::adopt) reads it. Some
    /// or all of them may be outside the pool.
    ///
    /// Returns `None` for a user without an address, for an entry that cannot be read, for an address that does not
    /// belong to a user, and for a route to the whole network of the pool. Claims nothing.
    ///
    /// ```
    /// use hostbits::{Pool, users::Listed};
    ///
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let last = |text| Some(pool.named_by(Listed::Text(text))?.end().to_string());
    /// assert_eq!(last("10.0.0.5/24").as_deref(), Some("10.0.0.5"));
    /// assert_eq!(last("10.0.0.16/28").as_deref(), Some("10.0.0.31"));
    /// assert_eq!((last("10.0.0.0/16"), last("(none)")), (None, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named_by(&self, listed: Listed<'_>) -> Option<RangeInclusive<IpAddr>> {
        match read(listed) {
            Entry::Addr(addr) => Some(addr..=addr),
            Entry::Net(net) if self.geometry.is_route(net) => {
                let is_unit = self.geometry.is_one_unit(net.trunc());
                (is_unit || net != net.trunc()).then(|| net.addr()..=net.addr())
            }
            Entry::Net(net) => Some(net.network()..=net.broadcast()),
            Entry::Range(first, last) => Some(first..=last),
            Entry::Unassigned | Entry::Unparseable | Entry::Stray(..) => None,
        }
    }

    /// Marks the addresses of a user list as taken, and reports the result for every entry.
    ///
    /// The whole list is read first; only then are its addresses taken. Adopting never frees an address, is safe at any
    /// time while other threads allocate, and is idempotent. A running reconciliation pass frees none of the listed
    /// addresses, even those that were taken before; if a pass is freeing at this moment, the call waits for it. Listed
    /// addresses leave the quarantine, and a [`reclaim`](Self::reclaim) whose list was read earlier does not free them.
    /// In a pool file with `Durability::Strict`, the result is durable when the call returns, or the pool is poisoned.
    /// An address within a unit takes the unit. `10.0.0.5/24` is a host and its network, and takes the host;
    /// `10.0.0.16/28` and `10.0.0.16-10.0.0.31` take the whole block.
    ///
    /// # Errors
    ///
    /// [`AdoptError::Unreadable`] if an entry cannot be read, because its address could be handed out. Nothing was
    /// taken.
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
        users: impl IntoIterator<Item = impl Record>,
    ) -> Result<Adopted, AdoptError> {
        self.adopt_with(Unreadable::default(), users)
    }

    /// Adopts like [`adopt`](Self::adopt), with a choice of what to do with unreadable entries.
    ///
    /// # Errors
    ///
    /// [`AdoptError::Unreadable`] if more entries cannot be read than allowed.
    ///
    /// ```
    /// use hostbits::{Pool, users::Unreadable};
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
        users: impl IntoIterator<Item = impl Record>,
    ) -> Result<Adopted, AdoptError> {
        let mut listing = self.read_list(users);
        listing.report.check(unreadable)?;
        self.adopt_all(&mut listing);
        Ok(listing.report)
    }

    /// Reads a list without taking anything.
    pub(in crate::pool) fn read_list(
        &self,
        users: impl IntoIterator<Item = impl Record>,
    ) -> Listing<'_, N> {
        let mut listing = Listing::new(&self.geometry);
        for user in users {
            listing.read(&user);
        }
        listing
    }

    /// Takes every listed address, also out of the quarantine, because it has a holder. A reclaim whose list was read
    /// earlier does not free it.
    pub(in crate::pool) fn adopt_all(&self, listing: &mut Listing<'_, N>) {
        self.leave_quarantine(listing.words());
        self.take_all(listing);
    }

    /// Takes slots out of the quarantine, by words, and waits for reclaims that have just done so themselves: what they
    /// free can then be taken. Returns how many slots were in the quarantine.
    pub(in crate::pool) fn leave_quarantine(&self, words: &[u64]) -> u64 {
        if !self.had_suspects() || !self.words.enter() {
            return 0;
        }
        let named = words.iter().enumerate().filter(|&(_, &bits)| bits != 0);
        let left = named.map(|(word_index, &bits)| self.words.clear_suspects(word_index, bits));
        let left = left.map(|bits| u64::from(bits.count_ones())).sum();
        // After leaving the quarantine: a reclaim that took a slot out before us is still in flight, or has freed the
        // slot.
        self.bitmap().wait_for_flights();
        left
    }

    /// Takes every listed address, and completes the report. The whole list is known by now, so it goes word by word: a
    /// claim for each entry takes three times as long.
    pub(in crate::pool) fn take_all(&self, listing: &mut Listing<'_, N>) {
        let words = listing.words();
        let named: u64 = words.iter().map(|word| u64::from(word.count_ones())).sum();
        // An address that was released in between is not counted twice.
        let taken = self
            .take_words(|| words.iter().copied().enumerate())
            .min(named);
        self.count_adopted(taken);
        (listing.report.taken, listing.report.already) = (taken, named - taken);
        listing.report.problems = listing.problems();
    }

    /// Takes slots, by words, and waits until all of them are durable. Returns how many were free.
    ///
    /// From here on, no pass frees any of them, not even those that were taken already: they have a holder now, whom
    /// the pass's own list may not contain. Waits while a pass is freeing. What is taken stays taken, durable or not: a
    /// pool that could not make it durable is poisoned, and hands out nothing.
    pub(in crate::pool) fn take_words<I: Iterator<Item = WordBits>>(
        &self,
        words: impl Fn() -> I,
    ) -> u64 {
        let named = Named(|| words().filter(|&(_, bits)| bits != 0));
        let snooze = Snooze::default();
        let mut taken = 0;
        loop {
            let before = self.words.gate();
            if before.is_applying() && self.is_anybody_freeing() {
                // It may have checked the marks of a slot already, and free it in a moment.
                snooze.snooze();
                continue;
            }
            if before.is_passing() {
                self.words.touch(&named);
            }
            taken += self.take_free(&named);
            // The phase and number are the same: a pass that runs has seen the marks before it applies anything, and
            // one that begins later reads its list later.
            if self.words.gate_again().is_as(before) {
                return taken;
            }
        }
    }

    /// Takes the free slots, and waits for the disk. It waits for taken slots, too: the thread that claimed them may
    /// have died before its sync.
    fn take_free<I: Iterator<Item = WordBits>>(&self, named: &Named<impl Fn() -> I>) -> u64 {
        loop {
            let claimed = self.claim_unanswered(|bitmap| {
                let claimed = named.0().map(|(word, bits)| (word, bitmap.claim_bits(word, bits)));
                let claimed: Vec<WordBits> = claimed.filter(|&(_, bits)| bits != 0).collect();
                (!claimed.is_empty()).then_some(claimed)
            });
            let waited = self.wait_until_durable();
            let Some(claimed) = claimed else { return 0 };
            let count = claimed.count();
            if self.keep(claimed).is_some() {
                return count;
            }
            if waited.is_err() {
                return 0;
            }
        }
    }

    /// Takes exactly this slot without waiting, for the reconciler: no other pass can run. All slots that are taken
    /// like this are made durable together.
    pub(in crate::pool) fn take_exact(&self, slot: Slot) -> bool {
        let claimed = self.claim_unanswered(|bitmap| bitmap.claim_exact(slot).then_some(slot));
        claimed.is_some_and(|of| self.keep(of).is_some())
    }
}

/// The listed slots, by words.
struct Named<F>(F);

impl<I: Iterator<Item = WordBits>, F: Fn() -> I> Claimed for Named<F> {
    fn for_each_word(&self, tell: &mut dyn FnMut(usize, u64)) {
        self.0().for_each(|(word_index, bits)| tell(word_index, bits));
    }
}
