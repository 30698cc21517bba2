//! The pass: compares a pool with a list while it is in use, and repairs the differences.
//!
//! The page `design::reconciliation` (`docs/design/reconciliation.md`) explains what may be freed, and why it has no
//! holder.
//!
//! | file | what it does |
//! |---|---|
//! | `options` | grace, reading, clock |
//! | `reconciler` | holds the only reconciler slot of a pool; begins passes, takes the barrier down at the end |
//! | `pass` | reads a list and makes a plan |
//! | `sightings` | which orphans were seen when |
//! | `fuse` | the rules that keep a plan from freeing |
//! | `apply` | frees and adopts, and takes back |

mod apply;
mod fuse;
mod options;
mod pass;
mod reconciler;
mod sightings;

pub(crate) use fuse::{Facts, blown};
pub use options::Options;
pub use pass::Pass;
pub(crate) use pass::check_whole;
pub use reconciler::Reconciler;

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::plan::PassError;
    use crate::{Pool, PoolSet};
    use ipnet::Ipv4Net;
    use std::sync::Arc;

    fn pool(text: &str) -> Arc<Pool<Ipv4Net>> {
        let pool = Pool::new(text.parse().expect("a network"));
        Arc::new(pool.expect("a pool"))
    }

    #[test]
    fn a_reconciler_takes_its_barrier_down() {
        let pool = pool("10.0.0.0/24");
        let mut reconciler = pool.reconciler().expect("nobody else reconciles");
        drop(reconciler.begin().expect("nothing is poisoned"));
        assert!(
            pool.words.gate_again().is_passing(),
            "it is up between passes"
        );
        drop(reconciler);
        assert!(pool.words.gate_again().is_quiet());
    }

    /// Whichever member it is: the sightings of the other members are void, too.
    #[test]
    fn a_pass_over_a_set_is_superseded_if_one_of_its_members_is() {
        let pools = [pool("10.0.0.0/24"), pool("10.0.1.0/24")];
        for superseded in &pools {
            let set = PoolSet::new(pools.clone()).expect("they are apart");
            let mut reconciler = set.reconciler().expect("nobody else reconciles");
            let pass = reconciler.begin().expect("nothing is poisoned");
            assert!(pass.finish(0).is_ok());
            let pass = reconciler.begin().expect("nothing is poisoned");
            superseded.words.gate_word().collect();
            assert!(matches!(pass.finish(0), Err(PassError::Superseded)));
        }
    }
}
