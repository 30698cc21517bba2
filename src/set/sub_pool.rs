//! A named part of a pool with its own policy, for a tenant or a class of clients.

use crate::error::{AllocateError, AllocateExactError, ReleaseError};
use crate::network::Network;
use crate::policy::{Hints, Policy};
use crate::pool::{Part, Pool};
use crate::slot::word_of;
use crate::stripes::threads_for;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A named range of a pool, with its own policy and its own counts.
///
/// Its addresses still belong to the pool: an allocation from the whole pool may return one. To keep a range for its
/// tenant alone, put the pool into a [`PoolSet`](crate::PoolSet), let all others allocate from the set, and
/// [cordon](crate::PoolSet::cordon) the range there; a sub-pool uses the pool directly.
///
/// ```
/// use hostbits::{Policy, Pool, set::SubPool};
/// use std::sync::Arc;
///
/// let pool = Arc::new(Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?);
/// let range = "10.0.0.100".parse()?..="10.0.0.103".parse()?;
/// let tenant = SubPool::new("blue", Arc::clone(&pool), range, Policy::Next)?;
/// assert_eq!(tenant.allocate()?.to_string(), "10.0.0.100");
/// assert_eq!((tenant.capacity(), tenant.allocated(), pool.allocated()), (4, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SubPool<N: Network> {
    name: String,
    pool: Arc<Pool<N>>,
    part: Part,
    hints: Hints,
}

impl<N: Network> SubPool<N> {
    /// Creates a sub-pool of a range of `pool`. The range may extend beyond the pool. Units count only if they lie
    /// completely within it.
    ///
    /// # Errors
    ///
    /// [`AllocateError::OutOfRange`] if the range contains no address of the pool.
    pub fn new(
        name: impl Into<String>,
        pool: impl Into<Arc<Pool<N>>>,
        range: RangeInclusive<N::Addr>,
        policy: Policy,
    ) -> Result<Self, AllocateError> {
        let pool = pool.into();
        let Some(part) = pool.slots_inside(&range) else {
            return Err(AllocateError::OutOfRange {
                first: (*range.start()).into(),
                last: (*range.end()).into(),
            });
        };
        let word_count = word_of(part.1) as u64 + 1;
        let threads = threads_for(u64::from(part.1), Hints::bytes_each(policy));
        Ok(Self {
            name: name.into(),
            hints: Hints::new(policy, word_count, threads),
            pool,
            part,
        })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the pool that it is a part of.
    pub fn pool(&self) -> &Arc<Pool<N>> {
        &self.pool
    }

    /// Allocates an address of the range, by the policy of the range.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no address of the range was free; its capacity is
    /// that of the range.
    ///
    /// ```
    /// # use hostbits::{Policy, Pool, set::SubPool};
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let one = "10.0.0.9".parse()?;
    /// let tenant = SubPool::new("blue", pool, one..=one, Policy::Lowest)?;
    /// assert_eq!(tenant.allocate()?, one);
    /// assert!(tenant.allocate().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate(&self) -> Result<N::Addr, AllocateError> {
        self.pool.allocate_with(&self.hints, self.part)
    }

    /// Allocates exactly `addr`, if it is in the range.
    ///
    /// # Errors
    ///
    /// [`AllocateExactError::OutOfRange`] if it is not; otherwise, the errors of [`Pool::allocate_exact`].
    pub fn allocate_exact(&self, addr: N::Addr) -> Result<(), AllocateExactError> {
        if !self.contains(addr) {
            return Err(AllocateExactError::OutOfRange { addr: addr.into() });
        }
        self.pool.allocate_exact(addr)
    }

    /// Releases `addr`, if it is in the range: a tenant cannot release an address of another one.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::OutOfRange`] if it is not; otherwise, the errors of [`Pool::release`].
    ///
    /// ```
    /// # use hostbits::{Policy, Pool, set::SubPool};
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let other = pool.allocate()?;
    /// let range = "10.0.0.100".parse()?..="10.0.0.199".parse()?;
    /// let tenant = SubPool::new("blue", pool, range, Policy::Lowest)?;
    /// assert!(tenant.release(other).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release(&self, addr: N::Addr) -> Result<(), ReleaseError> {
        if !self.contains(addr) {
            return Err(ReleaseError::OutOfRange { addr: addr.into() });
        }
        self.pool.release(addr)
    }

    /// Returns whether an address is in the range.
    pub fn contains(&self, addr: N::Addr) -> bool {
        let slot = self.pool.slot_of(addr);
        slot.is_some_and(|slot| (self.part.0..=self.part.1).contains(&slot))
    }

    /// Returns how many addresses of the range can be handed out in total.
    pub fn capacity(&self) -> u64 {
        self.pool.count_part(self.part).0
    }

    /// Returns how many addresses of the range are allocated, by whatever method. O(words) of the range.
    pub fn allocated(&self) -> u64 {
        let (capacity, free) = self.pool.count_part(self.part);
        capacity - free
    }

    /// Returns how many addresses of the range are free: a hint, at the cost of [`allocated`](Self::allocated).
    pub fn available(&self) -> u64 {
        self.pool.count_part(self.part).1
    }
}

impl<N: Network> fmt::Debug for SubPool<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.part;
        let (first, last) = (self.pool.addr_at(first), self.pool.last_addr_at(last));
        write!(f, "SubPool({}, {first} to {last})", self.name)
    }
}
