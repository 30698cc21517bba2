//! Allocating exactly one block, whichever member contains it.

use super::PoolSet;
use super::cordons::Parts;
use super::member::Member;
use super::verbs::units_of;
use crate::error::AllocateExactError;
use crate::network::Network;

impl<N: Network> PoolSet<N> {
    /// Allocates exactly this block: all addresses of the prefix, from one member, or none. See
    /// [`Pool::allocate_block_exact`](crate::Pool::allocate_block_exact).
    ///
    /// # Errors
    ///
    /// [`AllocateExactError::Cordoned`] if a cordon touches the block, or its member is drained; otherwise as there.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// set.allocate_block_exact("10.0.0.64/27".parse()?)?;
    /// set.cordon("10.0.0.100".parse()?..="10.0.0.100".parse()?)?;
    /// let error = set.allocate_block_exact("10.0.0.96/27".parse()?).unwrap_err();
    /// assert_eq!((error.code(), set.allocated()), ("cordoned", 32));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_block_exact(&self, block: N) -> Result<(), AllocateExactError> {
        let addr = block.written_addr();
        let Some((_, member)) = self.member_at(addr) else {
            return Err(AllocateExactError::OutOfRange { addr: addr.into() });
        };
        if !member.is_open_in(block) {
            return Err(AllocateExactError::Cordoned { addr: addr.into() });
        }
        member.pool.allocate_block_exact(block)?;
        let units = units_of(member, block.mask_len());
        self.chooser.note_named(member, units);
        Ok(())
    }
}

impl<N: Network> Member<N> {
    /// Reports whether a block may be handed out on request. A prefix that is not a block of the pool is refused by the
    /// pool.
    fn is_open_in(&self, block: N) -> bool {
        let Some(parts) = self.open_parts() else {
            return true;
        };
        let Some((first, last)) = self.pool.slots_of_block(block) else {
            return !self.is_drained();
        };
        let holds = |part: &(_, _)| part.0 <= first && last <= part.1;
        Parts::as_slice(&parts).iter().any(holds)
    }
}
