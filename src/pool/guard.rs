//! Addresses that give themselves back.

use super::Pool;
use crate::error::AllocateError;
use crate::network::Network;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// What a guard gives its address back to: a pool, or a set of pools.
pub trait Lender<N: Network> {
    /// Releases the address, if nobody has released it behind the guard's back.
    #[doc(hidden)]
    fn take_back(&self, addr: N::Addr);
}

impl<N: Network> Lender<N> for Pool<N> {
    fn take_back(&self, addr: N::Addr) {
        // A drop cannot report an error; the pool counts it.
        let _ = self.release(addr);
    }
}

/// A held address that is released when the guard is dropped: [`Guard`] or [`GuardArc`], or those of a set.
///
/// The guard releases once, on panic too, and [`keep`](Self::keep) ends that: nothing is forgotten, and nothing
/// is released twice by guards alone.
///
/// **What it does not protect from:** [`Pool::release`] with the address of a guard that lives. The bit of an
/// address does not say who holds it, so that is an ordinary release; the address may be somebody else's
/// when the guard is dropped, which then takes it from them. Do not hand [`addr`](Self::addr) to whoever
/// releases by address; where that must be, hand over what [`keep`](Self::keep) answers.
#[must_use = "the address is released when the guard is dropped"]
pub struct AddrGuard<N: Network, P: Deref<Target: Lender<N>>> {
    lender: P,
    addr: N::Addr,
    kept: bool,
}

/// A held address that borrows its pool.
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

/// A held address that keeps its pool alive: for tasks, handles and bindings, which carry no lifetime.
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

    /// Allocates a free address that is released when the guard is dropped; the guard owns a share
    /// of the pool.
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

    /// The address that is held.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.guard()?.addr().to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn addr(&self) -> N::Addr {
        self.addr
    }

    /// Keeps the address: it stays allocated, and the caller releases it.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addr = pool.guard()?.keep();
    /// assert_eq!(pool.allocated(), 1);
    /// pool.release(addr)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "nobody else will release it"]
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
