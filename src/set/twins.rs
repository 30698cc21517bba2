//! Twins: the same index in an IPv4 and in an IPv6 network, as in OpenVPN and WireGuard setups.

use super::error::{AllocatePairError, ReleasePairError};
use super::pair::Pair;
use super::proof::given_back;
use crate::bitmap::Evidence;
use crate::client::Client;
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::{Part, Pool};
use crate::slot::Slot;
use crate::stats::Event;
use ipnet::{Ipv4Net, Ipv6Net};
use std::fmt;
use std::sync::Arc;

/// Two pools in which a client gets the same index: `10.8.0.5` and `fd00::5`.
///
/// The index of an address is its distance from the first address of its network, in units. So one address determines
/// the other, without a table. This has limits:
///
/// * Each side is one network, or one range: with several ranges, there is no such distance.
/// * Only indices count that both sides have and neither reserves: for a /24 and a /112, those of the /24 without its
///   network, gateway and broadcast addresses.
/// * An index is used up when *either* half is taken. Single addresses that are allocated from one side cost pairs.
/// * The lowest index comes first, whatever the policies of the pools. The search checks the free addresses of the IPv4
///   side one by one: it is fast as long as mostly the same indices are taken on both sides.
///
/// ```
/// use hostbits::{Pool, set::TwinPools};
///
/// let twins = TwinPools::new(
///     Pool::new("10.8.0.0/24".parse()?)?,
///     Pool::new("fd00:8::/112".parse()?)?,
/// )
/// .expect("one network each");
/// assert_eq!(twins.allocate_pair()?.to_string(), "10.8.0.2, fd00:8::2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TwinPools {
    v4: Arc<Pool<Ipv4Net>>,
    v6: Arc<Pool<Ipv6Net>>,
    /// The slots of the IPv4 side that have a counterpart.
    shared: Part,
    /// How many of those are reserved on neither side.
    indices: u64,
    /// The number to add to a slot of the IPv4 side, wrapping around.
    to_v6: Slot,
}

impl TwinPools {
    /// Combines two pools; returns `None` if one of them consists of several ranges.
    pub fn new(
        v4: impl Into<Arc<Pool<Ipv4Net>>>,
        v6: impl Into<Arc<Pool<Ipv6Net>>>,
    ) -> Option<Self> {
        let (v4, v6) = (v4.into(), v6.into());
        let (ours, theirs) = (v4.only_stretch()?, v6.only_stretch()?);
        let shared_len = (ours.1 - ours.0).min(theirs.1 - theirs.0);
        let usable = [
            v4.usable_in((ours.0, ours.0 + shared_len)),
            v6.usable_in((theirs.0, theirs.0 + shared_len)),
        ];
        Some(Self {
            v4,
            v6,
            shared: (ours.0, ours.0 + shared_len),
            indices: common_len(&usable[0], &usable[1]),
            to_v6: theirs.0.wrapping_sub(ours.0),
        })
    }

    /// Returns the IPv4 pool.
    pub fn v4(&self) -> &Arc<Pool<Ipv4Net>> {
        &self.v4
    }

    /// Returns the IPv6 pool.
    pub fn v6(&self) -> &Arc<Pool<Ipv6Net>> {
        &self.v6
    }

    /// Allocates the lowest index that is free on both sides, or nothing.
    ///
    /// # Errors
    ///
    /// [`AllocatePairError::NoCommonIndex`] if at some instant of the call no index was free on both sides. If one side
    /// is full, proving this takes a scan of its words during which nothing is released in that pool. Otherwise, it
    /// takes a scan of every free index of the IPv4 side during which nothing is released in either pool, by any
    /// thread. In two networks with millions of free addresses, a scan takes tenths of a second; with steady releases,
    /// it may never end.
    ///
    /// ```
    /// # use hostbits::{Pool, set::TwinPools};
    /// # let twins = TwinPools::new(Pool::new("10.8.0.0/24".parse()?)?, Pool::new("fd00:8::/112".parse()?)?).unwrap();
    /// twins.v6().allocate_exact("fd00:8::2".parse()?)?;
    /// assert_eq!(twins.allocate_pair()?.to_string(), "10.8.0.3, fd00:8::3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_pair(&self) -> Result<Pair, AllocatePairError> {
        self.allocate_from(self.shared.0)
    }

    /// Allocates the first index from the place of this client on that is free on both sides, wrapping around: the same
    /// client usually gets the same pair back. See [`Pool::allocate_for`].
    ///
    /// # Errors
    ///
    /// As [`allocate_pair`](Self::allocate_pair).
    ///
    /// ```
    /// # use hostbits::{Client, Pool, set::TwinPools};
    /// # let twins = TwinPools::new(Pool::new("10.8.0.0/24".parse()?)?, Pool::new("fd00:8::/112".parse()?)?).unwrap();
    /// let alice = Client::from_hash(1 << 63);
    /// let pair = twins.allocate_pair_for(alice)?;
    /// assert_eq!(pair.to_string(), "10.8.0.128, fd00:8::80");
    /// twins.release_pair(pair)?;
    /// assert_eq!(twins.allocate_pair_for(alice)?, pair);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_pair_for(&self, client: Client) -> Result<Pair, AllocatePairError> {
        let (first, last) = self.shared;
        let index = client.place_of(u64::from(last - first) + 1);
        self.allocate_from(first + index as Slot)
    }

    fn allocate_from(&self, start: Slot) -> Result<Pair, AllocatePairError> {
        if let Some(pair) = self.search(start)? {
            return Ok(pair);
        }
        self.search_or_prove(start)
    }

    /// Searches under watch until something is found, or until both sides are unchanged since before the search.
    #[cold]
    fn search_or_prove(&self, start: Slot) -> Result<Pair, AllocatePairError> {
        loop {
            // A thread that may not claim anything would wait for the claims of others in vain.
            if let Some(refusal) = self.v4.file_refusal() {
                return Err(AllocatePairError::V4(refusal));
            }
            if let Some(refusal) = self.v6.file_refusal() {
                return Err(AllocatePairError::V6(refusal));
            }
            if self.has_full_side() {
                return Err(self.no_common_index());
            }
            let evidence = [self.v4.watch_for_slots(), self.v6.watch_for_slots()];
            if let Some(pair) = self.search(start)? {
                return Ok(pair);
            }
            if evidence.iter().all(Evidence::still_holds) && given_back(&evidence) == 0 {
                return Err(self.no_common_index());
            }
        }
    }

    /// Returns whether it was seen that at some instant of the call one side was full: then no index was free on both
    /// sides, whatever becomes free on the other one.
    fn has_full_side(&self) -> bool {
        let (first, last) = self.shared;
        let twins = (
            first.wrapping_add(self.to_v6),
            last.wrapping_add(self.to_v6),
        );
        is_full(&self.v6, twins) || is_full(&self.v4, self.shared)
    }

    fn no_common_index(&self) -> AllocatePairError {
        AllocatePairError::NoCommonIndex {
            indices: self.indices,
        }
    }

    /// Claims the lowest index that is free on both sides. `None` proves nothing.
    fn search(&self, start: Slot) -> Result<Option<Pair>, AllocatePairError> {
        let (first, last) = self.shared;
        let before = start.checked_sub(1).filter(|&before| first <= before);
        let before = before.map(|before| self.v4.free_slots_in((first, before)));
        let from_start = self.v4.free_slots_in((start, last));
        for slot in from_start.chain(before.into_iter().flatten()) {
            let twin = slot.wrapping_add(self.to_v6);
            if self.v6.is_slot_free(twin)
                && let Some(pair) = self.try_claim(slot, twin)?
            {
                return Ok(Some(pair));
            }
        }
        Ok(None)
    }

    fn try_claim(&self, slot: Slot, twin: Slot) -> Result<Option<Pair>, AllocatePairError> {
        let half: Result<_, AllocateError> = self.v4.try_allocate_half_at(slot, Event::Exact);
        let Some(half) = half.map_err(AllocatePairError::V4)? else {
            return Ok(None);
        };
        let v6 = self.v6.try_allocate_slot(twin, Event::Exact);
        // Without its counterpart, the half is given back before its flight ends.
        let Some(v6) = v6.map_err(AllocatePairError::V6)? else {
            return Ok(None);
        };
        if let Some(v4) = half.keep() {
            return Ok(Some(Pair { v4, v6 }));
        }
        // A pass has freed it while its counterpart was waited for: then that half goes back, too. If it was released
        // meanwhile, there is nothing to give back.
        drop(self.v6.release(v6));
        Ok(None)
    }

    /// Returns the IPv6 address with the same index, free or not; `None` if there is none.
    ///
    /// ```
    /// # use hostbits::{Pool, set::TwinPools};
    /// # let twins = TwinPools::new(Pool::new("10.8.0.0/24".parse()?)?, Pool::new("fd00:8::/112".parse()?)?).unwrap();
    /// assert_eq!(twins.twin_of("10.8.0.5".parse()?), Some("fd00:8::5".parse()?));
    /// assert_eq!(twins.twin_of("10.9.0.5".parse()?), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn twin_of(&self, v4: std::net::Ipv4Addr) -> Option<std::net::Ipv6Addr> {
        let slot = self.v4.slot_of(v4)?;
        let is_shared = (self.shared.0..=self.shared.1).contains(&slot);
        is_shared.then(|| self.v6.addr_at(slot.wrapping_add(self.to_v6)))
    }

    /// Releases both addresses, one after the other.
    ///
    /// # Errors
    ///
    /// Returns a [`ReleasePairError`] with the reasons; a half without an error was released.
    pub fn release_pair(&self, pair: Pair) -> Result<(), ReleasePairError> {
        ReleasePairError::of(self.v4.release(pair.v4), self.v6.release(pair.v6))
    }
}

/// Returns whether it was seen that at some instant of the call nothing of a part was free.
fn is_full<N: Network>(pool: &Pool<N>, part: Part) -> bool {
    let evidence = pool.evidence_of_none(Some(&[part]));
    evidence.is_some_and(|of| of.still_holds() && given_back(&[of]) == 0)
}

/// Returns how many numbers are in both lists of ascending ranges.
fn common_len(ours: &[Part], theirs: &[Part]) -> u64 {
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    let mut len = 0;
    while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
        let (first, last) = (a.0.max(b.0), a.1.min(b.1));
        if first <= last {
            len += u64::from(last - first) + 1;
        }
        match a.1 < b.1 {
            true => drop(ours.next()),
            false => drop(theirs.next()),
        }
    }
    len
}

impl fmt::Debug for TwinPools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TwinPools({}; {})", self.v4.info(), self.v6.info())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// An address that is reserved on either side is no index, and networks without a common index report that.
    #[test]
    fn only_indices_that_both_can_hand_out_are_counted() {
        let v4 = |net: &str| Pool::builder(net.parse::<Ipv4Net>().unwrap());
        let v6 = || Pool::new("fd00::/124".parse::<Ipv6Net>().unwrap()).unwrap();
        let none = v4("10.0.0.0/30")
            .reserve(
                "10.0.0.2".parse().unwrap()..="10.0.0.2".parse().unwrap(),
                "it",
            )
            .build()
            .unwrap();
        assert_eq!(none.capacity(), 0);
        for (v4, indices, message) in [
            (none, 0, "exhausted: the networks have no index in common"),
            (
                v4("10.0.0.0/30").build().unwrap(),
                1,
                "exhausted: the only common index is not free in both networks",
            ),
            (
                v4("10.0.0.0/29").build().unwrap(),
                5,
                "exhausted: none of 5 indices is free in both networks",
            ),
        ] {
            let twins = TwinPools::new(v4, v6()).unwrap();
            let pairs = std::iter::from_fn(|| twins.allocate_pair().ok()).count();
            assert_eq!(pairs as u64, indices);
            let error = twins.allocate_pair().unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    /// One side is full, and the other one is large and changes all the time: the search must still end.
    #[test]
    fn a_full_side_is_refused_whatever_the_other_one_does() {
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::time::{Duration, Instant};

        for is_v4_full in [false, true] {
            let v4 = Pool::new("10.0.0.0/12".parse::<Ipv4Net>().unwrap()).unwrap();
            let v6 = Pool::new("fd00::/108".parse::<Ipv6Net>().unwrap()).unwrap();
            let taken = match is_v4_full {
                true => v4.adopt(["10.0.0.0/13", "10.8.0.0/13"]),
                false => v6.adopt(["fd00::/109", "fd00::8:0/109"]),
            };
            assert!(taken.unwrap().taken > 1_000_000);
            let twins = TwinPools::new(v4, v6).unwrap();
            let (is_busy, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
            std::thread::scope(|scope| {
                let others = scope.spawn(|| {
                    let until = Instant::now() + Duration::from_secs(20);
                    while !is_over.load(Ordering::Relaxed) && Instant::now() < until {
                        let _ = twins.v4.allocate().map(|addr| twins.v4.release(addr));
                        let _ = twins.v6.allocate().map(|addr| twins.v6.release(addr));
                        is_busy.store(true, Ordering::Relaxed);
                    }
                    is_busy.store(false, Ordering::Relaxed);
                });
                while !is_busy.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                for _ in 0..3 {
                    assert!(twins.allocate_pair().is_err());
                }
                assert!(is_busy.load(Ordering::Relaxed), "it waited for a rest");
                is_over.store(true, Ordering::Relaxed);
                others.join().expect("it stops when it is told");
            });
        }
    }

    #[test]
    fn ranges_have_their_numbers_in_common() {
        assert_eq!(common_len(&[(0, 3), (5, 9)], &[(2, 6), (9, 9)]), 2 + 2 + 1);
        assert_eq!(common_len(&[(0, 3)], &[]), 0);
        assert_eq!(common_len(&[(0, u32::MAX)], &[(0, u32::MAX)]), 1 << 32);
    }
}
