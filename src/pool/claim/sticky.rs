//! Sticky clients: where to begin is a number of the client.

use crate::client::Client;
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::Slot;

impl<N: Network> Pool<N> {
    /// Allocates the first free address from the place of this client on, wrapping around: whatever the
    /// policy, the same client usually gets the same address back.
    ///
    /// There is no table: nothing is kept of a client. On a pool that is three quarters full, about one
    /// client in four finds its place free, and the others get the next free address; while nobody else
    /// comes or goes, that is the same one again.
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

    /// The slot where the search for this client begins: one that can be handed out, if there is any.
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
