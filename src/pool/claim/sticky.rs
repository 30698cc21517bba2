//! Sticky clients: the search begins at a place that depends on the client.

use crate::client::Client;
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::Slot;

impl<N: Network> Pool<N> {
    /// Allocates the first free address from this client's place on, wrapping around. With every policy, the same
    /// client usually gets the same address back.
    ///
    /// There is no table: nothing is stored about a client. In a pool that is three quarters full, about one client in
    /// four finds its place free, and the others get the next free address. As long as no other client comes or goes,
    /// that is the same one again.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no address was free.
    ///
    /// ```
    /// use hostbits::{Client, Pool};
    ///
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let (alice, bob) = (Client::from_hash(1 << 62), Client::from_hash(3 << 62));
    /// let addr = pool.allocate_for(alice)?;
    /// assert_ne!(pool.allocate_for(bob)?, addr);
    /// pool.release(addr)?;
    /// assert_eq!(pool.allocate_for(alice)?, addr);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_for(&self, client: Client) -> Result<N::Addr, AllocateError> {
        self.allocate_from_slot(self.place_of(client))
    }

    /// Returns the slot where the search for this client begins: a usable one, if there is any.
    pub(crate) fn place_of(&self, client: Client) -> Slot {
        let mut rest = client.place_of(self.capacity());
        for run in self.geometry.runs() {
            if rest < run.slot_count() {
                return run.first + rest as Slot;
            }
            rest -= run.slot_count();
        }
        0
    }
}
