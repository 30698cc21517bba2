//! Questions about a set: hints that may be out of date when they are read, and listings.

use super::member::Member as Inner;
use super::{MemberId, PoolSet, Strategy};
use crate::network::Network;
use crate::pool::{Part, Pool, Status};
use crate::stats::Stats;
use std::fmt;
use std::sync::Arc;

/// One member of a set, to look at.
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
    /// The name of the member in its set.
    pub fn id(&self) -> MemberId {
        self.id
    }

    /// The pool.
    pub fn pool(&self) -> &'a Arc<Pool<N>> {
        &self.inner.pool
    }

    /// Whether it is drained: nothing new is handed out.
    pub fn is_drained(&self) -> bool {
        self.inner.is_drained()
    }

    /// The first and the last addresses of each cordon.
    pub fn cordons(&self) -> Vec<(N::Addr, N::Addr)> {
        let cordons = self.inner.cordons.list().into_iter();
        cordons.map(|part| self.addrs_of(part)).collect()
    }

    /// The first and the last addresses of the static band.
    pub fn band(&self) -> Option<(N::Addr, N::Addr)> {
        self.inner.band.map(|part| self.addrs_of(part))
    }

    fn addrs_of(&self, (first, last): Part) -> (N::Addr, N::Addr) {
        let pool = &self.inner.pool;
        (pool.addr_at(first), pool.last_addr_at(last))
    }
}

/// `id`, `info` of the pool, `is_drained`, `cordons` and `band` as first and last addresses, `allocated`.
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

/// The pool's info line.
impl<N: Network> fmt::Debug for Member<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.inner.pool.info())
    }
}

impl<N: Network> PoolSet<N> {
    /// Lists the members in their order.
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

    /// Finds the member that has this address, reserved ones included.
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

    /// Which member an address comes from.
    pub fn strategy(&self) -> Strategy {
        self.chooser.strategy()
    }

    /// Counts the addresses that the members can hand out in all, drained and cordoned ones included.
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

    /// Counts the addresses that are allocated: [`Pool::allocated`] of all members, one after the other.
    pub fn allocated(&self) -> u64 {
        let members = self.members.iter();
        members.map(|(_, member)| member.pool.allocated()).sum()
    }

    /// Counts the free addresses that would be handed out: not those of drained members, and not those under
    /// a cordon. A hint. O(words) of members under a cordon, otherwise as [`Pool::available`].
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

    /// Says what `addr` is, as [`Pool::status`]. A drain or a cordon does not show in it.
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

    /// Adds up what the members have counted: [`Pool::stats`], each at its own level.
    ///
    /// Also what was done with a pool beside the set. A refusal of the set is no event of it: the members
    /// count that they were asked and had nothing, which they also do when another one had something.
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

    /// Lists the allocated addresses, member by member, ascending within each: see [`Pool::iter`].
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

    /// Lists the addresses that are still held where nothing new is handed out: in drained members and under
    /// cordons. Weakly consistent, as [`Pool::iter`].
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

    /// Counts the memory of the set itself on the heap, in bytes; that of its pools is theirs.
    pub fn memory_bytes(&self) -> usize {
        self.members.memory_bytes() + self.summary.memory_bytes() + self.directory.memory_bytes()
    }
}
