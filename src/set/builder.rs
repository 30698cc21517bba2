//! Building a set.

use super::band::StaticBand;
use super::directory::Directory;
use super::error::AddError;
use super::members::Members;
use super::strategy::{Chooser, Strategy};
use super::{MemberId, PoolSet};
use crate::bitmap::Roster;
use crate::network::Network;
use crate::pool::Pool;
use crate::sync::AtomicU64;
use std::sync::{Arc, Mutex};

/// Room where nothing else is asked for.
const ROOM: usize = 256;

/// Two levels of thousands of members would do; more is a mistake.
const MOST_ROOM: usize = 1 << 16;

/// One pool with its place in the set.
struct Planned<N: Network> {
    pool: Arc<Pool<N>>,
    band: Option<StaticBand>,
    weight: u32,
}

/// Choices for a new set.
///
/// ```
/// use hostbits::{Pool, PoolSet, Strategy};
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
pub struct SetBuilder<N: Network> {
    strategy: Strategy,
    room: usize,
    planned: Vec<Planned<N>>,
}

impl<N: Network> SetBuilder<N> {
    pub(super) fn new() -> Self {
        Self {
            strategy: Strategy::default(),
            room: ROOM,
            planned: Vec::new(),
        }
    }

    /// Chooses which member an address comes from. Default: [`Strategy::InOrder`].
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Chooses how many members the set can ever have, removed ones included: 1 to 65,536. Default: 256,
    /// or as many as are given. 16 bytes for each, and the summary is one level of loads per factor 16.
    pub fn room(mut self, members: usize) -> Self {
        self.room = members.clamp(1, MOST_ROOM);
        self
    }

    /// Adds a pool behind those before.
    pub fn member(self, pool: impl Into<Arc<Pool<N>>>) -> Self {
        self.plan(pool.into(), None, 1)
    }

    /// Adds pools in this order.
    pub fn members(self, pools: impl IntoIterator<Item = impl Into<Arc<Pool<N>>>>) -> Self {
        pools.into_iter().fold(self, Self::member)
    }

    /// Adds a pool with a weight for [`Strategy::Weighted`]; others have the weight 1. Of weight 0, it is
    /// used only when the others have nothing.
    pub fn weighted(self, pool: impl Into<Arc<Pool<N>>>, weight: u32) -> Self {
        self.plan(pool.into(), None, weight)
    }

    /// Adds a pool with a static band: a lower part that is used last by whoever takes any address.
    pub fn banded(self, pool: impl Into<Arc<Pool<N>>>, band: StaticBand) -> Self {
        self.plan(pool.into(), Some(band), 1)
    }

    fn plan(mut self, pool: Arc<Pool<N>>, band: Option<StaticBand>, weight: u32) -> Self {
        self.planned.push(Planned { pool, band, weight });
        self
    }

    /// Builds the set.
    ///
    /// # Errors
    ///
    /// [`AddError`] if two members overlap, with both networks, or if there are more than 65,536.
    pub fn build(self) -> Result<PoolSet<N>, AddError> {
        let room = self.room.max(self.planned.len()).min(MOST_ROOM);
        let set = PoolSet {
            members: Members::new(room),
            roster: Roster::new(room),
            directory: Directory::new(room),
            chooser: Chooser::new(self.strategy, room),
            has_bands: self.planned.iter().any(|planned| planned.band.is_some()),
            openings: AtomicU64::new(0),
            changing: Mutex::new(()),
        };
        for planned in self.planned {
            set.push(planned.pool, planned.band, planned.weight)?;
        }
        set.directory.renew(&set.members);
        Ok(set)
    }
}

impl<N: Network> PoolSet<N> {
    /// Adds a member and makes it known. One caller at a time.
    pub(super) fn push(
        &self,
        pool: Arc<Pool<N>>,
        band: Option<StaticBand>,
        weight: u32,
    ) -> Result<MemberId, AddError> {
        self.members.check_overlap(&pool)?;
        let index = self.members.push(pool, band, weight)?;
        // After the number: whoever finds it in the summary finds it in the list.
        self.roster.publish(index);
        Ok(MemberId(index as u32))
    }
}
