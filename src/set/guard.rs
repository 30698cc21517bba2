//! Addresses of a set that are released automatically.

use super::PoolSet;
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::{AddrGuard, Lender};
use std::sync::Arc;

/// A guard that borrows its set; see [`Guard`](crate::Guard).
pub type Guard<'a, N> = AddrGuard<N, &'a PoolSet<N>>;

/// A guard that keeps its set alive; see [`GuardArc`](crate::GuardArc).
pub type GuardArc<N> = AddrGuard<N, Arc<PoolSet<N>>>;

impl<N: Network> Lender<N> for PoolSet<N> {
    fn take_back(&self, addr: N::Addr) {
        // A drop cannot return an error; the member counts it.
        let _ = self.release(addr);
    }
}

impl<N: Network> PoolSet<N> {
    /// Allocates a free address that is released when the guard is dropped, even on panic, and even if its member is
    /// drained by then.
    ///
    /// # Errors
    ///
    /// The same errors as [`allocate`](Self::allocate).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let guard = set.guard()?;
    /// assert_eq!((guard.addr().to_string(), set.allocated()), ("10.0.0.2".into(), 1));
    /// drop(guard);
    /// assert_eq!(set.allocated(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn guard(&self) -> Result<Guard<'_, N>, AllocateError> {
        Ok(AddrGuard::new(self, self.allocate()?))
    }

    /// Allocates a free address that is released when the guard is dropped. The guard shares ownership of the set.
    ///
    /// # Errors
    ///
    /// The same errors as [`allocate`](Self::allocate).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// # use std::sync::Arc;
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let set = Arc::new(set);
    /// let guard = set.guard_arc()?;
    /// let task = std::thread::spawn(move || guard.addr());
    /// assert_eq!(task.join().unwrap().to_string(), "10.0.0.2");
    /// assert_eq!(set.allocated(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn guard_arc(self: &Arc<Self>) -> Result<GuardArc<N>, AllocateError> {
        Ok(AddrGuard::new(Arc::clone(self), self.allocate()?))
    }
}
