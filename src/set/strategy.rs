//! Which member is tried first. Hints only: they may be stale, and cannot make a result wrong.

use super::member::Member;
use super::members::Members;
use crate::bitmap::MemberSummary;
use crate::network::Network;
use crate::sync::Ordering;
use crate::sync::hint::{AtomicU32, AtomicU64};
use crate::table::names;
use crossbeam_utils::CachePadded;

/// Which member of a set an address is taken from.
///
/// With every strategy, a full member is skipped, and a set is exhausted only when every member is.
/// [`PoolSet::allocate_for`](crate::PoolSet::allocate_for) chooses by the client instead.
///
/// ```
/// use hostbits::{Pool, PoolSet, set::Strategy};
///
/// let nets = ["10.0.0.0/24", "10.0.1.0/24"].map(|net| net.parse::<ipnet::Ipv4Net>().unwrap());
/// let pools = nets.map(|net| Pool::new(net).unwrap());
/// let set = PoolSet::builder().strategy(Strategy::RoundRobin).members(pools).build()?;
/// let addrs: Vec<_> = (0..3).map(|_| set.allocate().unwrap().to_string()).collect();
/// assert_eq!(addrs, ["10.0.0.2", "10.0.1.2", "10.0.0.3"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// The first member with a free address, in the order in which they were added. With one thread, always exactly
    /// that.
    #[default]
    InOrder,
    /// The next member with a free address after the one that was used last.
    RoundRobin,
    /// A member with the most free addresses. Exact with one thread, as long as all allocations and releases go through
    /// the set; otherwise, as far as the set's counts are correct.
    MostFree,
    /// Each member in proportion to its weight, however full it is. A full member leaves its turn to the next one with
    /// a free address.
    Weighted,
}

names! {
    plain pub Strategy {
        InOrder = "in-order",
        RoundRobin = "round-robin",
        MostFree = "most-free",
        Weighted = "weighted",
    }
}

/// The strategy of one set, with its state.
pub(super) struct Chooser {
    strategy: Strategy,
    /// The member that was used last.
    last: CachePadded<AtomicU32>,
    /// How many members were drawn by weight.
    draws: CachePadded<AtomicU64>,
    /// Members with at least this many free addresses count as fullest; see `with_most_free`.
    enough: CachePadded<AtomicU64>,
}

impl Chooser {
    pub(super) fn new(strategy: Strategy, room: usize) -> Self {
        let last = match strategy {
            // The one before the first.
            Strategy::RoundRobin => room as u32 - 1,
            Strategy::InOrder | Strategy::MostFree | Strategy::Weighted => 0,
        };
        Self {
            strategy,
            last: CachePadded::new(AtomicU32::new(last)),
            draws: CachePadded::new(AtomicU64::new(0)),
            enough: CachePadded::new(AtomicU64::new(u64::MAX)),
        }
    }

    pub(super) fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Returns the member that was used last.
    #[inline]
    pub(super) fn last(&self) -> usize {
        // Relaxed: a starting guess.
        self.last.load(Ordering::Relaxed) as usize
    }

    /// Returns the member to try first, if that takes only a few loads.
    #[inline]
    pub(super) fn likely<N: Network>(
        &self,
        summary: &MemberSummary,
        members: &Members<N>,
    ) -> Option<usize> {
        let last = self.last();
        match self.strategy {
            Strategy::InOrder => summary.is_lowest(last).then_some(last),
            Strategy::RoundRobin if summary.is_only(last) => Some(last),
            Strategy::RoundRobin => {
                let behind = summary.next(last + 1);
                behind.or_else(|| summary.next(0))
            }
            Strategy::MostFree => {
                let free = members.get(last)?.free_now();
                // Relaxed: a guess about when to compare all members again.
                (free >= self.enough.load(Ordering::Relaxed)).then_some(last)
            }
            Strategy::Weighted => None,
        }
    }

    /// Returns the member with which to begin a search.
    pub(super) fn first<N: Network>(&self, members: &Members<N>) -> usize {
        match self.strategy {
            Strategy::InOrder => 0,
            Strategy::RoundRobin => self.last() + 1,
            Strategy::MostFree => self.with_most_free(members),
            Strategy::Weighted => self.draw(members),
        }
    }

    /// Records that a member gave an address.
    #[inline]
    pub(super) fn note_taken<N: Network>(&self, index: usize, member: &Member<N>) {
        // Written only when it changes, so that the line stays shared.
        if self.last() != index {
            // Relaxed: a starting guess for the next search.
            self.last.store(index as u32, Ordering::Relaxed);
        }
        if self.strategy == Strategy::MostFree {
            member.note_taken(1);
        }
    }

    /// Records an exact allocation: the next search begins where it would have begun anyway.
    pub(super) fn note_named<N: Network>(&self, member: &Member<N>, count: u64) {
        if self.strategy == Strategy::MostFree {
            member.note_taken(count);
        }
    }

    /// Records a release: the member may now be the one with the most free addresses.
    #[inline]
    pub(super) fn note_released<N: Network>(&self, index: usize, count: u64, members: &Members<N>) {
        if self.strategy == Strategy::MostFree {
            self.count_released(index, count, members);
        }
    }

    #[inline(never)]
    fn count_released<N: Network>(&self, index: usize, count: u64, members: &Members<N>) {
        if let Some(member) = members.get(index) {
            let free = member.note_released(count);
            let last = self.last();
            if index != last {
                self.prefer_if_more(index, free, members.get(last).map_or(0, Member::free_now));
            }
        }
    }

    /// Switches to `index` if it has more free addresses than the member in use, until it has fewer.
    #[cold]
    fn prefer_if_more(&self, index: usize, free: u64, in_use: u64) {
        // Relaxed: a guess about when to compare all members again.
        let enough = self.enough.load(Ordering::Relaxed);
        let less = free.min(in_use);
        if less > enough {
            // Relaxed: a guess about when to compare all members again.
            self.enough.store(less, Ordering::Relaxed);
        }
        if free > in_use {
            // Relaxed: a starting guess for the next search.
            self.last.store(index as u32, Ordering::Relaxed);
        }
    }

    /// Returns a member with the most free addresses.
    ///
    /// Compares all members only now and then. Let the top two have `most` and `second` free addresses: the first one
    /// is used until it has fewer than `second`, then any other that has at least as many, in turn. When none is left,
    /// all are compared again. With equal members, this is once for as many allocations as there are members; with
    /// unequal ones, it is no more often.
    #[cold]
    fn with_most_free<N: Network>(&self, members: &Members<N>) -> usize {
        let last = self.last();
        // Relaxed: a guess about when to compare all members again.
        let enough = self.enough.load(Ordering::Relaxed);
        let count = members.len();
        let has_enough = |&index: &usize| {
            let free = |member: &Member<N>| !member.is_drained() && member.free_now() >= enough;
            members.get(index).is_some_and(free)
        };
        let near = (last..count).chain(0..last.min(count)).find(has_enough);
        near.unwrap_or_else(|| self.compare_all(members))
    }

    fn compare_all<N: Network>(&self, members: &Members<N>) -> usize {
        let (mut best, mut most, mut second) = (0, 0, 0);
        for (index, member) in members.iter().filter(|(_, member)| !member.is_drained()) {
            let free = member.recount();
            if free > most {
                (best, most, second) = (index, free, most);
            } else {
                second = second.max(free);
            }
        }
        // Relaxed: a guess about when to compare all members again.
        self.enough.store(second.max(1), Ordering::Relaxed);
        best
    }

    /// Returns the next member by weight: multiples of the golden ratio fill a circle evenly at any time.
    #[cold]
    fn draw<N: Network>(&self, members: &Members<N>) -> usize {
        // Relaxed: it only has to be a unique number.
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        let count = members.len();
        if count == 0 {
            return 0;
        }
        let total = members.weight_until(count - 1);
        let turn = draw.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let point = ((u128::from(turn) * u128::from(total)) >> 64) as u64;
        let (mut low, mut high) = (0, count - 1);
        while low < high {
            let middle = (low + high) / 2;
            if members.weight_until(middle) <= point {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Returns whether a member had nothing when it was checked; a missing member never has anything.
pub(super) fn looks_full<N: Network>(members: &Members<N>, index: usize) -> bool {
    members.get(index).is_none_or(Member::looks_full)
}
