//! Many addresses on their way back, each to its member.

use super::PoolSet;
use crate::error::ReleaseError;
use crate::network::Network;
use crate::pool::ReleasedMany;

impl<N: Network> PoolSet<N> {
    /// Releases many addresses, whichever members they are of, and says what became of them. Also from drained members
    /// and under cordons. See [`Pool::release_many`](crate::Pool::release_many): the whole is not one step.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.1.0/24".parse()?)?,
    /// ])?;
    /// let addrs = set.allocate_many(9)?;
    /// assert_eq!(set.release_many(&addrs).released, 9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_many(&self, addrs: &[N::Addr]) -> ReleasedMany {
        let mut report = ReleasedMany::default();
        let mut rest = addrs;
        while let Some(&addr) = rest.first() {
            let home = self.member_at(addr);
            let index_of = |addr: &N::Addr| self.member_at(*addr).map(|(index, _)| index);
            let index = home.map(|(index, _)| index);
            let together = rest
                .iter()
                .take_while(|addr| index_of(addr) == index)
                .count();
            let (now, later) = rest.split_at(together);
            rest = later;
            match home {
                Some((index, member)) => {
                    let released = member.pool.release_many(now);
                    self.note_freed(index, released.released);
                    report.add(released);
                }
                None => now.iter().for_each(|&addr| {
                    report.refuse(ReleaseError::OutOfRange { addr: addr.into() });
                }),
            }
        }
        report
    }
}
