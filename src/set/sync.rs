//! All pool files of a set made durable.

use super::PoolSet;
use crate::network::Network;
use crate::open_error::SyncError;

impl<N: Network> PoolSet<N> {
    /// Waits until what every member has done is durable: [`Pool::sync`](crate::Pool::sync) of one after the other.
    ///
    /// # Errors
    ///
    /// [`SyncError`] of the first member whose sync failed. The others were synced all the same. Members on the heap are
    /// passed over; [`SyncError::NoFile`] if there are no others.
    ///
    /// ```
    /// # use hostbits::{Durability, Pool, PoolSet};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-set-sync-{}", std::process::id()));
    /// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)
    ///     .durability(Durability::Barrier)
    ///     .create(&path)?;
    /// let set = PoolSet::new([pool])?;
    /// let addr = set.allocate()?;
    /// set.sync()?; // from here on it outlives the machine
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync(&self) -> Result<(), SyncError> {
        let mut first = Err(SyncError::NoFile);
        for (_, member) in self.members.iter() {
            match (member.pool.sync(), &first) {
                // On the heap: that of the others counts.
                (Err(SyncError::NoFile), _) => {}
                (next, Ok(()) | Err(SyncError::NoFile)) => first = next,
                // The others all the same.
                (_, Err(_)) => {}
            }
        }
        first
    }
}
