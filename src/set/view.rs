//! Queries about a set: hints that may be outdated when they are read, and listings.

use super::member::Member as Inner;
use super::{MemberId, PoolSet, Strategy};
use crate::network::Network;
use crate::pool::{Part, Pool, Status};
use crate::stats::Stats;
use std::fmt;
use std::sync::Arc;

/// A view of one member of a set.
///
/// ```
/// use hostbits::{Pool, PoolSet};
///
/// let set = PoolSet::new([
///     Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?,
///     Pool::new("10.0.1.0/24".parse()?)?,
/// ])?;
/// set.allocate()?;
/// let taken: Vec<_> = set.members().map(|member| member.pool().allocated()).collect();
/// assert_eq!(taken, [1, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Member<'a, N: Network> {
    id: MemberId,
    inner: &'a Inner<N>,
}

impl<'a, N: Network> Member<'a, N> {
    /// Returns the identifier of the member in its set.
    pub fn id(&self) -> MemberId {
        self.id
    }

    /// Returns the pool.
    pub fn pool(&self) -> &'a Arc<Pool<N>> {
        &self.inner.pool
    }

    /// Returns whether it is drained, so that no new addresses are handed out.
    pub fn is_drained(&self) -> bool {
        self.inner.is_drained()
    }

    /// Returns the first and the last address of each cordon.
    pub fn cordons(&self) -> Vec<(N::Addr, N::Addr)> {
        let cordons = self.inner.cordons.list().into_iter();
        cordons.map(|part| self.addrs_of(part)).collect()
    }

    /// Returns the first and the last address of the static band; `None` if it has none.
    pub fn band(&self) -> Option<(N::Addr, N::Addr)> {
        self.inner.band.map(|part| self.addrs_of(part))
    }

    fn addrs_of(&self, (first, last): Part) -> (N::Addr, N::Addr) {
        let pool = &self.inner.pool;
        (pool.addr_at(first), pool.last_addr_at(last))
    }
}

/// Serializes `id`, the pool's `info`, `is_drained`, `cordons` and `band` as first and last addresses, and `allocated`.
#[cfg(feature = "serde")]
impl<N: Network<Addr: serde::Serialize>> serde::Serialize for Member<'_, N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Member", 6)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("info", &self.pool().info())?;
        fields.serialize_field("is_drained", &self.is_drained())?;
        fields.serialize_field("cordons", &self.cordons())?;
        fields.serialize_field("band", &self.band())?;
        fields.serialize_field("allocated", &self.pool().allocated())?;
        fields.end()
    }
}

/// Writes the description of the pool.
impl<N: Network> fmt::Debug for Member<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.inner.pool.info())
    }
}

impl<N: Network> PoolSet<N> {
    /// Returns the members, in order.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// assert_eq!(set.members().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn members(&self) -> impl Iterator<Item = Member<'_, N>> {
        self.members.iter().map(|(index, inner)| Member {
            id: MemberId(index as u32),
            inner,
        })
    }

    /// Returns the member that contains this address, including reserved addresses.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// assert_eq!(set.member_of("10.0.0.1".parse()?).unwrap().id().index(), 0);
    /// assert!(set.member_of("10.0.1.1".parse()?).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn member_of(&self, addr: N::Addr) -> Option<Member<'_, N>> {
        let (index, inner) = self.member_at(addr)?;
        Some(Member {
            id: MemberId(index as u32),
            inner,
        })
    }

    /// Returns the strategy, which chooses the member that an address is taken from.
    pub fn strategy(&self) -> Strategy {
        self.chooser.strategy()
    }

    /// Returns how many addresses the members can hand out in total, including drained and cordoned ones.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// assert_eq!((set.capacity(), set.allocated()), (253, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capacity(&self) -> u64 {
        let members = self.members.iter();
        members.map(|(_, member)| member.pool.capacity()).sum()
    }

    /// Returns how many addresses are allocated: the sum of [`Pool::allocated`] of all members, read one after the
    /// other.
    pub fn allocated(&self) -> u64 {
        let members = self.members.iter();
        members.map(|(_, member)| member.pool.allocated()).sum()
    }

    /// Returns how many free addresses would be handed out: without drained members and cordons. A hint. O(words) for
    /// members with a cordon; otherwise, like [`Pool::available`].
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// set.cordon("10.0.0.0".parse()?..="10.0.0.127".parse()?)?;
    /// assert_eq!(set.available(), 127);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn available(&self) -> u64 {
        let members = self.members.iter();
        members.map(|(_, member)| member.available()).sum()
    }

    /// Returns the state of `addr`, like [`Pool::status`]. It does not depend on drains and cordons.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet, Status};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// assert_eq!(set.status("10.0.0.1".parse()?).label(), Some("gateway"));
    /// assert_eq!(set.status("10.0.1.1".parse()?), Status::OutOfRange);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(&self, addr: N::Addr) -> Status<'_> {
        match self.member_at(addr) {
            Some((_, member)) => member.pool.status(addr),
            None => Status::OutOfRange,
        }
    }

    /// Returns the sum of the members' counters, see [`Pool::stats`]; each counts at its own level.
    ///
    /// Direct use of a pool is included. A refusal of the set itself is not counted: a member counts that it was tried
    /// and had nothing, which also happens when another member had something.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.1.0/24".parse()?)?,
    /// ])?;
    /// for _ in 0..3 {
    ///     set.allocate()?;
    /// }
    /// assert_eq!(set.stats().allocations.any, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for (_, member) in self.members.iter() {
            stats.add(&member.pool.stats());
        }
        stats
    }

    /// Returns the allocated addresses, member by member, in ascending order within each; see [`Pool::iter`].
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let addr = set.allocate()?;
    /// assert!(set.iter().eq([addr]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = N::Addr> + '_ {
        let members = self.members.iter();
        members.flat_map(|(_, member)| member.pool.iter())
    }

    /// Returns the addresses that are still allocated where no new ones are handed out: in drained members and under
    /// cordons. Weakly consistent, like [`Pool::iter`].
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let addr = set.allocate()?;
    /// assert_eq!(set.stragglers().count(), 0);
    /// set.cordon(addr..=addr)?;
    /// assert!(set.stragglers().eq([addr]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stragglers(&self) -> impl Iterator<Item = N::Addr> + '_ {
        let members = self.members.iter();
        members.flat_map(|(_, member)| {
            let closed = member.closed_parts().into_iter();
            closed.flat_map(|part| member.pool.taken_in(part))
        })
    }

    /// Returns the memory of the set itself on the heap, in bytes, without that of its pools.
    pub fn memory_bytes(&self) -> usize {
        self.members.memory_bytes() + self.summary.memory_bytes() + self.directory.memory_bytes()
    }
}
