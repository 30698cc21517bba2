//! First halves of pairs: claimed, and still to be kept.

use super::PoolSet;
use super::member::Member;
use crate::client::Client;
use crate::error::{AllocateError, AllocateExactError};
use crate::network::Network;
use crate::pool::PairHalf;

impl<N: Network> PoolSet<N> {
    /// Claims the first half of a pair like [`allocate`](Self::allocate); it still has to be kept.
    pub(super) fn allocate_half(&self) -> Result<PairHalf<'_, N>, AllocateError> {
        self.search_or_prove(|refusal| {
            let start = self.chooser.first(&self.members);
            let (index, half) = self.walk_bands_last(start, refusal, Member::try_allocate_half)?;
            self.note(index);
            Some(half)
        })
    }

    /// Claims the first half for a client like [`allocate_for`](Self::allocate_for).
    pub(super) fn allocate_half_for(
        &self,
        client: Client,
    ) -> Result<PairHalf<'_, N>, AllocateError> {
        self.search_or_prove(|refusal| {
            let start = self.home_of(client);
            let (index, half) = self.walk_bands_last(start, refusal, |member, with_band| {
                member.try_allocate_half_for(client, with_band)
            })?;
            self.note(index);
            Some(half)
        })
    }

    /// Claims exactly this address as the first half; fails as [`allocate_exact`](Self::allocate_exact) does.
    pub(super) fn allocate_half_exact(
        &self,
        addr: N::Addr,
    ) -> Result<PairHalf<'_, N>, AllocateExactError> {
        let Some((_, member)) = self.member_at(addr) else {
            return Err(AllocateExactError::OutOfRange { addr: addr.into() });
        };
        if !member.is_open_at(addr) {
            return Err(AllocateExactError::Cordoned { addr: addr.into() });
        }
        let half = member.pool.allocate_half_exact(addr)?;
        self.chooser.note_named(member, 1);
        Ok(half)
    }
}
