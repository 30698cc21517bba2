//! Builds sets.

use super::band::StaticBand;
use super::directory::Directory;
use super::error::AddError;
use super::members::Members;
use super::strategy::{Chooser, Strategy};
use super::{MemberId, PoolSet};
use crate::bitmap::MemberSummary;
use crate::network::Network;
use crate::pool::Pool;
use crate::sync::{AtomicU64, Ordering, hint};
use std::sync::{Arc, Mutex};

/// The default maximum number of members.
const ROOM: usize = 256;

/// The highest maximum number of members. Two levels of summary would allow thousands; more is a mistake.
const MOST_ROOM: usize = 1 << 16;

/// A pool that is to become a member, with its options. A pool without options has weight 1 and no band.
///
/// ```
/// use hostbits::{Pool, PoolSet, set::{NewMember, StaticBand, Strategy}};
///
/// let pool = |net: &str| Pool::new(net.parse::<ipnet::Ipv4Net>().unwrap());
/// let first = NewMember::new(pool("10.0.0.0/24")?).weight(3).band(StaticBand::Lowest(16));
/// let set = PoolSet::builder().strategy(Strategy::Weighted).member(first).build()?;
/// // Also while other threads allocate.
/// set.add(NewMember::new(pool("10.0.1.0/24")?).weight(2))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NewMember<N: Network> {
    pub(super) pool: Arc<Pool<N>>,
    pub(super) band: Option<StaticBand>,
    pub(super) weight: u32,
}

impl<N: Network> NewMember<N> {
    /// Creates a member with weight 1 and no band.
    pub fn new(pool: impl Into<Arc<Pool<N>>>) -> Self {
        Self {
            pool: pool.into(),
            band: None,
            weight: 1,
        }
    }

    /// Sets its weight for [`Strategy::Weighted`]. A member with weight 0 is used only when the others are full.
    #[must_use = "this is another value"]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets a static band: a lower part that allocations of any address use last.
    #[must_use = "this is another value"]
    pub fn band(mut self, band: StaticBand) -> Self {
        self.band = Some(band);
        self
    }
}

impl<N: Network> From<Pool<N>> for NewMember<N> {
    fn from(pool: Pool<N>) -> Self {
        Self::new(pool)
    }
}

impl<N: Network> From<Arc<Pool<N>>> for NewMember<N> {
    fn from(pool: Arc<Pool<N>>) -> Self {
        Self::new(pool)
    }
}

/// Configures a new set.
///
/// ```
/// use hostbits::{Pool, PoolSet, set::Strategy};
///
/// let set = PoolSet::builder()
///     .strategy(Strategy::MostFree)
///     .member(Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?)
///     .member(Pool::new("10.0.1.0/24".parse()?)?)
///     .build()?;
/// assert_eq!(set.allocate()?.to_string(), "10.0.1.2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder builds nothing until `build`"]
pub struct Builder<N: Network> {
    strategy: Strategy,
    room: usize,
    planned: Vec<NewMember<N>>,
}

impl<N: Network> Builder<N> {
    pub(super) fn new() -> Self {
        Self {
            strategy: Strategy::default(),
            room: ROOM,
            planned: Vec::new(),
        }
    }

    /// Chooses which member an address is taken from. Default: [`Strategy::InOrder`].
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets how many members the set can ever have, including removed ones: 1 to 65,536. Default: 256, or as many as
    /// are given. Each costs about 190 bytes, used or not ([`PoolSet::memory_bytes`]). The summary needs one more level
    /// of loads per factor of 16.
    pub fn room(mut self, members: usize) -> Self {
        self.room = members.clamp(1, MOST_ROOM);
        self
    }

    /// Adds a pool after the previous ones.
    pub fn member(mut self, member: impl Into<NewMember<N>>) -> Self {
        self.planned.push(member.into());
        self
    }

    /// Adds pools, in this order.
    pub fn members(self, pools: impl IntoIterator<Item = impl Into<NewMember<N>>>) -> Self {
        pools.into_iter().fold(self, Self::member)
    }

    /// Adds a pool with a weight for [`Strategy::Weighted`]; the default weight is 1. A pool with weight 0 is used only
    /// when the others are full.
    pub fn weighted(self, pool: impl Into<Arc<Pool<N>>>, weight: u32) -> Self {
        self.member(NewMember::new(pool).weight(weight))
    }

    /// Adds a pool with a static band: a lower part that allocations of any address use last.
    pub fn banded(self, pool: impl Into<Arc<Pool<N>>>, band: StaticBand) -> Self {
        self.member(NewMember::new(pool).band(band))
    }

    /// Builds the set.
    ///
    /// # Errors
    ///
    /// Returns an [`AddError`] with both networks if two members overlap, or if there are more than 65,536 members.
    pub fn build(self) -> Result<PoolSet<N>, AddError> {
        let room = self.room.max(self.planned.len()).min(MOST_ROOM);
        let set = PoolSet {
            members: Members::new(room),
            summary: MemberSummary::new(room),
            directory: Directory::new(room),
            chooser: Chooser::new(self.strategy, room),
            bands: hint::AtomicU64::new(0),
            openings: AtomicU64::new(0),
            changing: Mutex::new(()),
        };
        for planned in self.planned {
            set.push(planned)?;
        }
        set.directory.renew(&set.members);
        Ok(set)
    }
}

impl<N: Network> PoolSet<N> {
    /// Adds a member and publishes it. One caller at a time.
    pub(super) fn push(&self, new: NewMember<N>) -> Result<MemberId, AddError> {
        self.members.check_overlap(&new.pool)?;
        if new.band.is_some() {
            // Relaxed: before the number of members, which is how other threads learn of it. A call in progress may
            // miss it, and use the band too early.
            self.bands.store(1, Ordering::Relaxed);
        }
        let index = self.members.push(new.pool, new.band, new.weight)?;
        // After the number: a thread that finds the member in the summary also finds it in the list.
        self.summary.publish(index);
        Ok(MemberId(index as u32))
    }

    /// Returns whether some member has a static band.
    pub(super) fn has_bands(&self) -> bool {
        // Relaxed: see `push`.
        self.bands.load(Ordering::Relaxed) != 0
    }
}
