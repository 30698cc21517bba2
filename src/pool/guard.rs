//! Addresses that are released automatically.

use super::Pool;
use crate::error::AllocateError;
use crate::network::Network;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Something that a guard returns its address to: a pool, or a set of pools.
pub trait Lender<N: Network> {
    /// Releases the address, unless it was already released by hand.
    #[doc(hidden)]
    fn take_back(&self, addr: N::Addr);
}

impl<N: Network> Lender<N> for Pool<N> {
    fn take_back(&self, addr: N::Addr) {
        // A drop cannot return an error; the pool counts it.
        let _ = self.release(addr);
    }
}

/// An allocated address that is released when the guard is dropped: [`Guard`] or [`GuardArc`], or the guards of a set.
///
/// The guard releases its address exactly once, even on panic; [`keep`](Self::keep) prevents this. With guards alone,
/// no address is forgotten or released twice.
///
/// **What it does not protect from:** a call of [`Pool::release`] with the address of a live guard. The bit of an
/// address does not say who holds it, so this is an ordinary release. When the guard is dropped, the address may belong
/// to another holder, and is then taken from it. Do not pass [`addr`](Self::addr) to code that releases by address;
/// pass the result of [`keep`](Self::keep) instead.
#[must_use = "the address is released when the guard is dropped"]
pub struct AddrGuard<N: Network, P: Deref<Target: Lender<N>>> {
    lender: P,
    addr: N::Addr,
    kept: bool,
}

/// A guard that borrows its pool.
///
/// ```
/// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// {
///     let guard = pool.guard()?;
///     assert_eq!(guard.addr().to_string(), "10.0.0.2");
///     assert_eq!(pool.allocated(), 1);
/// }
/// assert_eq!(pool.allocated(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Guard<'a, N> = AddrGuard<N, &'a Pool<N>>;

/// A guard that keeps its pool alive, for tasks, handles and language bindings, which have no lifetime.
///
/// ```
/// use hostbits::Pool;
/// use std::sync::Arc;
///
/// let pool = Arc::new(Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?);
/// let guard = pool.guard_arc()?;
/// let task = std::thread::spawn(move || guard.addr());
/// assert_eq!(task.join().unwrap().to_string(), "10.0.0.2");
/// assert_eq!(pool.allocated(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type GuardArc<N> = AddrGuard<N, Arc<Pool<N>>>;

impl<N: Network> Pool<N> {
    /// Allocates a free address that is released when the guard is dropped.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no address was free.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let guard = pool.guard()?;
    /// let kept = pool.guard()?.keep();
    /// drop(guard);
    /// assert!(pool.iter().eq([kept]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn guard(&self) -> Result<Guard<'_, N>, AllocateError> {
        Ok(AddrGuard::new(self, self.allocate()?))
    }

    /// Allocates a free address that is released when the guard is dropped. The guard shares ownership of the pool.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no address was free.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// let pool = Arc::new(hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?);
    /// let guard = pool.guard_arc()?;
    /// assert_eq!(pool.allocated(), 1);
    /// drop(guard);
    /// assert_eq!(pool.allocated(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn guard_arc(self: &Arc<Self>) -> Result<GuardArc<N>, AllocateError> {
        Ok(AddrGuard::new(Arc::clone(self), self.allocate()?))
    }
}

impl<N: Network, P: Deref<Target: Lender<N>>> AddrGuard<N, P> {
    pub(crate) fn new(lender: P, addr: N::Addr) -> Self {
        Self {
            lender,
            addr,
            kept: false,
        }
    }

    /// Returns the address.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.guard()?.addr().to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn addr(&self) -> N::Addr {
        self.addr
    }

    /// Keeps the address: it stays allocated, and the caller has to release it.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addr = pool.guard()?.keep();
    /// assert_eq!(pool.allocated(), 1);
    /// pool.release(addr)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the address stays allocated until the caller releases it"]
    pub fn keep(mut self) -> N::Addr {
        self.kept = true;
        self.addr
    }
}

impl<N: Network, P: Deref<Target: Lender<N>>> Drop for AddrGuard<N, P> {
    fn drop(&mut self) {
        if !self.kept {
            self.lender.take_back(self.addr);
        }
    }
}

impl<N: Network, P: Deref<Target: Lender<N>>> fmt::Debug for AddrGuard<N, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.addr).finish()
    }
}
