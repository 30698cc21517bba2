//! The only way to use pools of files: open, do, close, and only then tell.
//!
//! The last one who leaves a file waits for its disk, which may fail. Whoever prints before that has an answer
//! and an error; so what a command does to a pool is given to `using`, and what it has to say comes out of it.

use crate::failure::Failure;
use hostbits::{DualStack, Network, Pool, PoolSet, file::SyncError};
use hostbits_config::{Family, OpenPair, OpenSet};
use std::sync::Arc;

/// Closes one pool.
pub(crate) type Closer = Box<dyn FnOnce() -> Result<(), SyncError>>;

/// Open pools, however they are bundled.
pub(crate) trait Pools {
    /// What closes each of them, in their order.
    fn closers(self) -> Vec<Closer>;
}

/// Does something with open pools and closes them, whatever became of it.
///
/// `unclosed` has what was done, and the number of the pool whose disk did not take it.
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

impl<N: Network> Pools for PoolSet<N> {
    fn closers(self) -> Vec<Closer> {
        self.members().map(|it| closer(it.pool())).collect()
    }
}

impl<F: Family> Pools for OpenSet<F> {
    fn closers(self) -> Vec<Closer> {
        // Named ranges have the pools, too, and go first.
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
            // More kinds may come, and this command knows none of them.
            _ => Vec::new(),
        }
    }
}

/// For when the bundle that has the pool is gone.
fn closer<N: Network>(pool: &Arc<Pool<N>>) -> Closer {
    let pool = Arc::clone(pool);
    Box::new(|| {
        let pool = Arc::into_inner(pool).expect("whoever had the pool has let go of it");
        pool.close()
    })
}
