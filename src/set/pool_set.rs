//! The set itself.

use super::AddError;
use super::builder::{Builder, NewMember};
use super::directory::Directory;
use super::members::Members;
use super::strategy::Chooser;
use crate::bitmap::MemberSummary;
use crate::network::Network;
use crate::sync::{AtomicU64, hint};
use ipnet::IpNet;
use std::fmt;
use std::sync::Mutex;

/// Several pools as one: for example a second network when the first one is full, or a network per rack.
///
/// Every method takes `&self`, members can be added, drained and cordoned while other threads allocate, and the
/// promises of a [`Pool`](crate::Pool) hold for the whole set:
///
/// * No two holders ever share an address. Members never overlap.
/// * `Exhausted` means that at some instant of the call no member had anything to hand out.
/// * A full member is skipped without being searched.
/// * Lock-free for single addresses. Adding, draining and cordoning wait for each other; no other call waits for them.
///
/// A set is a routing domain of its own: another set may have the same networks. Members are shared pools, on the heap
/// or in files, and can also be used directly. But the set finds an address that was released directly in the pool only
/// when it has nothing else, and a drain or a cordon of the set affects only the set.
///
/// ```
/// use hostbits::{Pool, PoolSet};
///
/// let set = PoolSet::new([
///     Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?,
///     Pool::new("10.0.7.0/24".parse()?)?,
/// ])?;
/// assert_eq!(set.allocate()?.to_string(), "10.0.0.2");
/// let addr = set.allocate()?;
/// assert_eq!(addr.to_string(), "10.0.7.2");
/// set.release(addr)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PoolSet<N: Network = IpNet> {
    pub(super) members: Members<N>,
    pub(super) summary: MemberSummary,
    pub(super) directory: Directory<N>,
    pub(super) chooser: Chooser,
    /// Not 0 if some member has a static band.
    pub(super) bands: hint::AtomicU64,
    /// How often something became available without a release.
    pub(super) openings: AtomicU64,
    /// Locked while the set is changed, but not while it is used.
    pub(super) changing: Mutex<()>,
}

impl<N: Network> PoolSet<N> {
    /// Combines pools, in this order, with [`Strategy::InOrder`](super::Strategy::InOrder) and room for 256 members.
    ///
    /// # Errors
    ///
    /// Returns an [`AddError`] with both networks if two pools overlap, or if there are more than 256 pools.
    ///
    /// ```
    /// use hostbits::{Pool, PoolSet};
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?);
    /// let set = PoolSet::new([Arc::clone(&pool)])?;
    /// set.allocate()?;
    /// assert_eq!(pool.allocated(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(pools: impl IntoIterator<Item = impl Into<NewMember<N>>>) -> Result<Self, AddError> {
        Self::builder().members(pools).build()
    }

    /// Returns a builder for a set, with choices: strategy, weights, static bands, room.
    ///
    /// ```
    /// use hostbits::{Pool, PoolSet, set::Strategy};
    ///
    /// let set = PoolSet::builder()
    ///     .strategy(Strategy::Weighted)
    ///     .weighted(Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?, 3)
    ///     .weighted(Pool::new("10.0.1.0/24".parse()?)?, 1)
    ///     .build()?;
    /// for _ in 0..40 {
    ///     set.allocate()?;
    /// }
    /// let taken: Vec<_> = set.members().map(|member| member.pool().allocated()).collect();
    /// assert!((29..=31).contains(&taken[0]), "three quarters of 40: {taken:?}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> Builder<N> {
        Builder::new()
    }
}

impl<N: Network> fmt::Debug for PoolSet<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let infos = self.members.iter().map(|(_, member)| member.pool.info());
        f.write_str("PoolSet")?;
        f.debug_list()
            .entries(infos.map(|info| info.to_string()))
            .finish()
    }
}
