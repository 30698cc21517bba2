//! The facts of a pool one by one, typed, and without a copy: [`Pool::info`] returns all of them at once.

use crate::geometry::Place;
use crate::network::Network;
use crate::pool::Pool;

impl<N: Network> Pool<N> {
    /// Returns the network; `None` for a pool of ranges alone.
    ///
    /// The value never changes. The call costs a few loads and allocates no memory, as the other facts here.
    ///
    /// ```
    /// use hostbits::Pool;
    /// use ipnet::Ipv4Net;
    ///
    /// let net: Ipv4Net = "10.0.0.0/24".parse()?;
    /// assert_eq!(Pool::new(net)?.network(), Some(net));
    /// let range = "10.0.0.100".parse()?..="10.0.0.199".parse()?;
    /// assert_eq!(Pool::<Ipv4Net>::over([range]).build()?.network(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn network(&self) -> Option<N> {
        self.geometry.network()
    }

    /// Returns the prefix length of the network in bits; `None` for a pool of ranges alone.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.prefix_len(), Some(24));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn prefix_len(&self) -> Option<u8> {
        self.network().map(N::mask_len)
    }

    /// Returns the gateway, which is reserved, if there is one.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.gateway(), Some("10.0.0.1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn gateway(&self) -> Option<N::Addr> {
        self.geometry.gateway()
    }

    /// Returns the lowest address that can be handed out; `None` if everything is reserved.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.first(), Some("10.0.0.2".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn first(&self) -> Option<N::Addr> {
        let run = self.geometry.runs().first()?;
        Some(self.geometry.addr_of(run.first))
    }

    /// Returns the highest address that can be handed out; where a slot is a prefix, the last address of the last one.
    /// `None` if everything is reserved.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.last(), Some("10.0.0.254".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn last(&self) -> Option<N::Addr> {
        let run = self.geometry.runs().last()?;
        Some(self.geometry.last_addr_of(run.last))
    }

    /// Reports whether `addr` is in the pool, reserved or not. The result never changes.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert!(pool.contains("10.0.0.7".parse()?));
    /// assert!(pool.contains("10.0.0.255".parse()?), "the broadcast address is of it, too");
    /// assert!(!pool.contains("10.0.1.7".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn contains(&self, addr: N::Addr) -> bool {
        self.geometry.slot_of(addr).is_some()
    }

    /// Reports whether `addr` was allocated at the time of the check. A hint: it may have changed when you read it.
    ///
    /// `false` for addresses that are reserved or not of the pool. An address inside a unit is allocated with it.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addr = pool.allocate()?;
    /// assert!(pool.is_allocated(addr));
    /// assert!(!pool.is_allocated("10.0.0.1".parse()?), "the gateway is reserved");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_allocated(&self, addr: N::Addr) -> bool {
        match self.geometry.place_of(addr) {
            Place::Usable(slot) => !self.bitmap().is_free(slot),
            Place::Reserved(_) | Place::Outside => false,
        }
    }
}
