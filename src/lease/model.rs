//! What the model checker does to a pool, and no caller can. It exists only under loom.

use super::pool::LeasePool;
use super::sweep::Round;
use crate::network::Network;

impl<N: Network> LeasePool<N> {
    /// Gives an address a token, whatever its record says, as a repair does after a death: it may be one too many.
    #[doc(hidden)]
    pub fn repair(&self, addr: N::Addr) {
        let slot = self.pool.slot_of(addr).expect("an address of the pool");
        self.pool.give_token(slot);
    }

    /// Does what a refused call does that knows of no round: its search was before all that the caller has done.
    #[doc(hidden)]
    pub fn look_as_if_refused_before(&self) {
        self.sweep_for_refused(Round::NONE);
    }
}
