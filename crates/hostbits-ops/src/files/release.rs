//! Releases one address at a time, with a result for each.

use hostbits::ReleaseError;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The result of releasing an address or a block.
#[derive(Clone, Debug)]
pub struct Released {
    /// The address or the block.
    pub address: IpNet,
    /// Why it was not released; `None` if it was.
    pub error: Option<ReleaseError>,
}

/// The ranges that one call has released; they do not touch.
///
/// Another user may hold an address by then, so a repeated address must not reach the pool: it would release theirs.
#[derive(Default)]
pub(crate) struct ReleasedOnce(BTreeMap<IpAddr, IpAddr>);

impl ReleasedOnce {
    /// Releases the address, unless some of it was released before.
    pub(crate) fn release(
        &mut self,
        net: IpNet,
        addr: IpAddr,
        release: impl FnOnce() -> Result<(), ReleaseError>,
    ) -> Released {
        let (first, last) = (net.network(), net.broadcast());
        if self.has_some_of(first, last) {
            return Released {
                address: net,
                error: Some(ReleaseError::NotAllocated { addr }),
            };
        }
        let result = release();
        if result.is_ok() {
            self.0.insert(first, last);
        }
        Released {
            address: net,
            error: result.err(),
        }
    }

    fn has_some_of(&self, first: IpAddr, last: IpAddr) -> bool {
        let before = self.0.range(..=last).next_back();
        before.is_some_and(|(_, &end)| end >= first)
    }
}
