//! The only way to use pools in files: open, work, close, and only then report.
//!
//! The last process that closes a file waits for the disk, which may fail. If a result were printed before that, it
//! could be followed by an error. So the work on a pool is passed to `using`, which returns what there is to report.

use crate::failure::Failure;
use hostbits::{DualStack, Network, Pool, PoolSet, file::SyncError, lease::LeasePool};
use hostbits_config::{Family, OpenPair, OpenSet};
use std::sync::Arc;

/// Closes one pool.
pub(crate) type Closer = Box<dyn FnOnce() -> Result<(), SyncError>>;

/// Open pools, however they are bundled.
pub(crate) trait Pools {
    /// Returns the closers of the pools, in their order.
    fn closers(self) -> Vec<Closer>;
}

/// Runs `work` on open pools and closes them, whatever its result.
///
/// `unclosed` gets the result, and the number of the pool whose disk failed.
pub(crate) fn using<P: Pools, T>(
    pools: P,
    work: impl FnOnce(&P) -> Result<T, Failure>,
    unclosed: impl FnOnce(T, usize, SyncError) -> Failure,
) -> Result<T, Failure> {
    let done = work(&pools);
    let closed: Vec<_> = pools.closers().into_iter().map(|close| close()).collect();
    let done = done?;
    let mut closed = closed.into_iter().enumerate();
    match closed.find_map(|(index, closed)| Some((index, closed.err()?))) {
        None => Ok(done),
        Some((index, error)) => Err(unclosed(done, index, error)),
    }
}

impl<N: Network> Pools for Pool<N> {
    fn closers(self) -> Vec<Closer> {
        vec![Box::new(|| self.close())]
    }
}

impl<N: Network> Pools for LeasePool<N> {
    fn closers(self) -> Vec<Closer> {
        vec![Box::new(|| self.close())]
    }
}

impl<N: Network> Pools for PoolSet<N> {
    fn closers(self) -> Vec<Closer> {
        self.members().map(|it| closer(it.pool())).collect()
    }
}

impl<F: Family> Pools for OpenSet<F> {
    fn closers(self) -> Vec<Closer> {
        // Named ranges refer to the pools, too, and are dropped first.
        let Self { set, .. } = self;
        set.closers()
    }
}

impl<P: Pools> Pools for Vec<P> {
    fn closers(self) -> Vec<Closer> {
        self.into_iter().flat_map(P::closers).collect()
    }
}

impl Pools for OpenPair {
    fn closers(self) -> Vec<Closer> {
        fn of<N: Network>(set: &PoolSet<N>) -> impl Iterator<Item = Closer> {
            set.members().map(|it| closer(it.pool()))
        }
        let of_both = |both: &DualStack| of(both.v4()).chain(of(both.v6())).collect();
        match &self {
            Self::Any(both) => of_both(both),
            Self::Same(twins) => vec![closer(twins.v4()), closer(twins.v6())],
            // More kinds may be added, and this command knows none of them.
            _ => Vec::new(),
        }
    }
}

/// Returns a closer for use after the bundle that contains the pool is gone.
fn closer<N: Network>(pool: &Arc<Pool<N>>) -> Closer {
    let pool = Arc::clone(pool);
    Box::new(|| {
        let pool = Arc::into_inner(pool).expect("no other reference to the pool is left");
        pool.close()
    })
}
