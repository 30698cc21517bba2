//! The queries of a pool, for a set.

use super::{MemberId, PoolSet};
use crate::network::Network;
use crate::pool::Snapshot;
use crate::slot::Slot;
use crate::stats::Stats;
use std::iter::Peekable;
use std::ops::RangeInclusive;

impl<N: Network> PoolSet<N> {
    /// Reports whether `addr` is in a member, reserved or not.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// assert!(set.contains("10.0.0.1".parse()?) && !set.contains("10.0.1.1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn contains(&self, addr: N::Addr) -> bool {
        self.member_at(addr).is_some()
    }

    /// Reports whether `addr` was allocated at the time of the check. A hint: it may have changed when you read it.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let addr = set.allocate()?;
    /// assert!(set.is_allocated(addr) && !set.is_allocated("10.0.0.1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_allocated(&self, addr: N::Addr) -> bool {
        let member = self.member_at(addr);
        member.is_some_and(|(_, member)| member.pool.is_allocated(addr))
    }

    /// Reports whether `addr` was free and could be handed out at the time of the check: not if its member is drained
    /// or the address is cordoned. A hint.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let addr = "10.0.0.7".parse()?;
    /// assert!(set.is_available(addr));
    /// set.cordon(addr..=addr)?;
    /// assert!(!set.is_available(addr));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_available(&self, addr: N::Addr) -> bool {
        let member = self.member_at(addr);
        member.is_some_and(|(_, member)| member.is_open_at(addr) && member.pool.is_available(addr))
    }

    /// Returns the member that contains an address, and its slot there. See [`Pool::slot_of`](crate::Pool::slot_of).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let (member, slot) = set.slot_of("10.0.0.7".parse()?).unwrap();
    /// assert_eq!((member.index(), slot), (0, 7));
    /// assert_eq!(set.addr_of(member, slot), Some("10.0.0.7".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn slot_of(&self, addr: N::Addr) -> Option<(MemberId, Slot)> {
        let (index, member) = self.member_at(addr)?;
        Some((MemberId(index as u32), member.pool.slot_of(addr)?))
    }

    /// Returns the first address of a slot of a member. `None` if there is no such member or slot.
    pub fn addr_of(&self, member: MemberId, slot: Slot) -> Option<N::Addr> {
        self.members.get(member.index())?.pool.addr_of(slot)
    }

    /// Lists the allocated addresses from `addr` on, ascending, across all members: for paging. Weakly
    /// consistent, as [`Pool::iter`](crate::Pool::iter).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.1.0/30".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.0.0/30".parse()?)?,
    /// ])?;
    /// let (second, first) = (set.allocate()?, set.allocate()?);
    /// assert!(set.iter_from("10.0.0.0".parse()?).eq([first, second]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter_from(&self, addr: N::Addr) -> impl Iterator<Item = N::Addr> + '_ {
        let members = self.members.iter();
        let lists = members.map(|(_, member)| {
            // Of the other family, all or nothing.
            let from = member.pool.first_addr().max(addr);
            member.pool.iter_from(from).peekable()
        });
        Merged(lists.collect())
    }

    /// Lists the free addresses from `addr` on that would be handed out, ascending. A hint, as
    /// [`Pool::free_from`](crate::Pool::free_from).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/29".parse::<ipnet::Ipv4Net>()?)?])?;
    /// set.cordon("10.0.0.0".parse()?..="10.0.0.4".parse()?)?;
    /// assert_eq!(set.free_from("10.0.0.0".parse()?).next(), Some("10.0.0.5".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn free_from(&self, addr: N::Addr) -> impl Iterator<Item = N::Addr> + '_ {
        let members = self.members.iter();
        let lists = members.map(|(_, member)| {
            let is_open = move |next: &N::Addr| member.is_open_at(*next);
            let from = member.pool.first_addr().max(addr);
            member.pool.free_from(from).filter(is_open).peekable()
        });
        Merged(lists.collect())
    }

    /// Counts the allocated addresses of a range, which may reach over members and beyond. O(words).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.1.0/24".parse()?)?,
    /// ])?;
    /// let _ = set.allocate_many(4)?;
    /// assert_eq!(set.count_in("10.0.0.0".parse()?..="10.0.1.3".parse()?), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count_in(&self, range: RangeInclusive<N::Addr>) -> u64 {
        let members = self.members.iter();
        members
            .map(|(_, member)| member.pool.count_in(range.clone()))
            .sum()
    }

    /// Fills `cells` with the number of free slots in each cell of 2^`depth` slots, member by member, each from a cell
    /// of its own on: [`Pool::fill`](crate::Pool::fill) of all of them. A drain or a cordon does not show in it.
    ///
    /// Returns how many cells the set has; cells beyond that are left alone.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.1.0/24".parse()?)?,
    /// ])?;
    /// let mut cells = [0; 3];
    /// assert_eq!(set.fill(7, &mut cells), 3);
    /// assert_eq!(cells, [1, 126, 127]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fill(&self, depth: u32, cells: &mut [u32]) -> u64 {
        let (mut rest, mut count) = (cells, 0);
        for (_, member) in self.members.iter() {
            let of_member = member.pool.fill(depth, rest);
            let used = usize::try_from(of_member).unwrap_or(usize::MAX);
            rest = rest.split_at_mut(used.min(rest.len())).1;
            count += of_member;
        }
        count
    }

    /// Copies what is allocated, member by member: [`Pool::snapshot`](crate::Pool::snapshot) of each.
    ///
    /// One after the other, each word at its own moment: an address that moved from one member to another may be in
    /// both, or in none.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let addr = set.allocate()?;
    /// let (member, snapshot) = set.snapshot().remove(0);
    /// assert_eq!(member.index(), 0);
    /// assert!(snapshot.iter().eq([addr]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot(&self) -> Vec<(MemberId, Snapshot<N>)> {
        let members = self.members.iter();
        members
            .map(|(index, member)| (MemberId(index as u32), member.pool.snapshot()))
            .collect()
    }

    /// Adds up what the members have counted since they were built: [`Pool::stats_total`](crate::Pool::stats_total).
    /// It goes back only when a member is removed.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// set.allocate()?;
    /// set.reset_stats();
    /// assert_eq!((set.stats().allocations.any, set.stats_total().allocations.any), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats_total(&self) -> Stats {
        let mut stats = Stats::default();
        for (_, member) in self.members.iter() {
            stats.add(&member.pool.stats_total());
        }
        stats
    }

    /// Moves the base line of [`stats`](Self::stats) of every member to now, one after the other.
    pub fn reset_stats(&self) {
        for (_, member) in self.members.iter() {
            member.pool.reset_stats();
        }
    }
}

/// Ascending lists as one. Members may lie between the ranges of others.
struct Merged<I: Iterator>(Vec<Peekable<I>>);

impl<I: Iterator<Item: Ord + Copy>> Iterator for Merged<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let heads = self.0.iter_mut().enumerate();
        let heads = heads.filter_map(|(index, list)| Some((*list.peek()?, index)));
        let (_, index) = heads.min()?;
        self.0[index].next()
    }
}
