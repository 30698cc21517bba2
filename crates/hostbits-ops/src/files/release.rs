//! Each address for itself: what became of one that was to be released.

use hostbits::ReleaseError;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What became of an address, or of a block, that was to be released.
#[derive(Clone, Debug)]
pub struct Released {
    /// Which.
    pub address: IpNet,
    /// Why it was not released; `None` if it was.
    pub error: Option<ReleaseError>,
}

/// What one call has released, as ranges that do not touch.
///
/// Somebody else may hold it by now, so a second mention must not reach the pool: to one bit it would be
/// that somebody's release.
#[derive(Default)]
pub(crate) struct ReleasedOnce(BTreeMap<IpAddr, IpAddr>);

impl ReleasedOnce {
    /// Releases, unless some of it was released before.
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
