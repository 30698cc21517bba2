//! Statistics of threads that come and go.

use super::*;
use std::cell::RefCell;

/// A pool that is used once more when the thread is being destroyed.
struct UsedAtTheEnd(Option<Arc<Pool4>>);

impl Drop for UsedAtTheEnd {
    fn drop(&mut self) {
        if let Some(pool) = &self.0 {
            allocate_and_release(pool, 1);
        }
    }
}

thread_local! {
    static BEFORE: RefCell<UsedAtTheEnd> = const { RefCell::new(UsedAtTheEnd(None)) };
    static AFTER: RefCell<UsedAtTheEnd> = const { RefCell::new(UsedAtTheEnd(None)) };
}

fn allocate_and_release(pool: &Pool4, times: u64) {
    for _ in 0..times {
        let addr = pool
            .allocate()
            .expect("there are more addresses than threads");
        pool.release(addr).expect("it is held");
    }
}

/// Threads begin while others end, and take over what those counted in. Some use the pool from destructors, registered
/// before the first call of the thread and after it.
#[test]
fn statistics_are_exact_whatever_threads_come_and_go() {
    let _watchdog = watchdog("statistics_are_exact_whatever_threads_come_and_go");
    for policy in [Policy::Lowest, Policy::Spread] {
        let net: Ipv4Net = "10.0.0.0/24".parse().expect("a network");
        let pool = Arc::new(Pool::builder(net).policy(policy).build().expect("a pool"));
        let lines = 24;
        let lives = 20 * effort() as u64;
        let pairs = 50;
        // Each line of threads starts its next one when the last one has ended, at its own time.
        std::thread::scope(|scope| {
            let run = |line| {
                let pool = &pool;
                scope.spawn(move || {
                    for life in 0..lives {
                        let pool = Arc::clone(pool);
                        let uses_it_last = (line + life) % 3 == 0;
                        let thread = std::thread::spawn(move || {
                            let last = || uses_it_last.then(|| Arc::clone(&pool));
                            BEFORE.with_borrow_mut(|before| before.0 = last());
                            allocate_and_release(&pool, pairs);
                            AFTER.with_borrow_mut(|after| after.0 = last());
                        });
                        thread.join().expect("no thread panics");
                    }
                })
            };
            let running: Vec<_> = (0..lines).map(run).collect();
            for line in running {
                line.join().expect("no line of threads panics");
            }
        });
        let last: u64 = (0..lines)
            .map(|line| (0..lives).filter(|life| (line + life) % 3 == 0).count() as u64)
            .sum();
        let stats = pool.stats();
        assert_eq!(stats.allocations.any, lines * lives * pairs + 2 * last);
        assert_eq!(stats.releases, stats.allocations.any);
        assert_eq!(pool.allocated(), 0);
    }
}
