//! The reconciliation pass beside threads that allocate and release.
//!
//! The list is a plain one that is never interrupted: an address is in it as soon as its allocation returns, so no user
//! is half-way, and one sighting (`grace` zero) must be enough. Whether an allocation returned before the barrier was
//! up is checked at that very moment, through the clock. A later allocation is not in the list of the pass, and must be
//! protected by its mark.
#![cfg(loom)]

use hostbits::{Gateway, Policy, Pool, StatsLevel, reconcile, set::SubPool};
use ipnet::Ipv4Net;
use loom::thread;
use loom_tests::explore;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

type Users = Arc<Mutex<BTreeSet<Ipv4Addr>>>;

/// A pool of two addresses, and the users of each.
struct Net {
    pool: Arc<Pool<Ipv4Net>>,
    users: Users,
}

impl Net {
    fn new(policy: Policy) -> Self {
        let net: Ipv4Net = "10.0.0.0/30".parse().unwrap();
        let pool = Pool::builder(net)
            .gateway(Gateway::None)
            .policy(policy)
            .stats(StatsLevel::Off)
            .build()
            .unwrap();
        Self {
            pool: Arc::new(pool),
            users: Users::default(),
        }
    }

    /// Returns the pool with an address that is allocated, but has no user.
    fn leak(self, addr: Ipv4Addr) -> Self {
        self.pool.allocate_exact(addr).unwrap();
        self
    }

    /// Returns the pool with an address that has a user from the beginning.
    fn with_user(self, addr: Ipv4Addr) -> Self {
        self.pool.allocate_exact(addr).unwrap();
        self.users.lock().unwrap().insert(addr);
        self
    }

    fn is_new_user(&self, addr: Ipv4Addr) -> Ipv4Addr {
        let is_new = self.users.lock().unwrap().insert(addr);
        assert!(is_new, "{addr} has two users");
        addr
    }

    fn join(&self) -> Option<Ipv4Addr> {
        self.pool.allocate().ok().map(|addr| self.is_new_user(addr))
    }

    fn join_at(&self, addr: Ipv4Addr) {
        if self.pool.allocate_exact(addr).is_ok() {
            self.is_new_user(addr);
        }
    }

    fn join_many(&self) {
        for addr in self.pool.allocate_many(2).unwrap_or_default() {
            self.is_new_user(addr);
        }
    }

    fn join_into(&self) {
        let mut addrs = [Ipv4Addr::UNSPECIFIED; 2];
        let count = self.pool.allocate_into(&mut addrs);
        for &addr in &addrs[..count] {
            self.is_new_user(addr);
        }
    }

    fn join_locally(&self) {
        let mut local = self.pool.local();
        if let Ok(addr) = local.allocate() {
            self.is_new_user(addr);
        }
    }

    /// Releases an address and deletes the user, in this order. No thread joins here, and by contract no
    /// pass begins between deleting a user and the release.
    fn leave(&self, addr: Ipv4Addr) {
        self.pool.release(addr).unwrap();
        assert!(self.users.lock().unwrap().remove(&addr));
    }

    /// Runs a pass with one sighting, and applies it the given number of times. The list is that of the moment at which
    /// the barrier
    /// was up.
    fn reconcile(&self, applications: usize) {
        let users = Arc::clone(&self.users);
        let listed: Arc<Mutex<Option<Vec<Ipv4Addr>>>> = Arc::default();
        let at_once = Arc::clone(&listed);
        let options = reconcile::Options::new()
            .grace(Duration::ZERO)
            .clock(move || {
                let now = || users.lock().unwrap().iter().copied().collect();
                at_once.lock().unwrap().get_or_insert_with(now);
                SystemTime::UNIX_EPOCH
            });
        let mut reconciler = self.pool.reconciler_with(options).unwrap();
        let mut pass = reconciler.begin().unwrap();
        let listed = listed.lock().unwrap().take().unwrap();
        pass.read(&listed);
        let plan = pass.finish(listed.len() as u64).unwrap();
        for _ in 0..applications {
            let _ = reconciler.apply_at_most(&plan, 2).unwrap();
        }
    }

    /// Checks that no user's address can be allocated, and that every other address is free or was given up.
    fn check(&self) {
        let users: Vec<_> = self.users.lock().unwrap().iter().copied().collect();
        for addr in users {
            assert!(self.pool.allocate_exact(addr).is_err(), "{addr} is free");
        }
    }
}

/// Runs a pass on its own thread or on the main one, with another role beside it.
fn beside_a_pass(
    label: &str,
    preemptions: usize,
    net: impl Fn() -> Net + Clone + Send + Sync + 'static,
    applications: usize,
    other: fn(&Net),
) {
    for swapped in [false, true] {
        let net = net.clone();
        let body = move || {
            let net = Arc::new(net());
            let spawned = {
                let net = Arc::clone(&net);
                thread::spawn(move || {
                    if swapped {
                        other(&net);
                    } else {
                        net.reconcile(applications);
                    }
                })
            };
            if swapped {
                net.reconcile(applications);
            } else {
                other(&net);
            }
            spawned.join().unwrap();
            net.check();
        };
        explore(
            &format!("{label}, swapped: {swapped}"),
            Some(preemptions),
            body,
        );
    }
}

/// An allocation beside a pass is in its list, or marked, or has not returned: with every policy.
#[test]
fn an_allocation_beside_a_pass_is_never_freed() {
    for policy in [
        Policy::Lowest,
        Policy::Highest,
        Policy::Next,
        Policy::Spread,
    ] {
        let label = format!("{policy:?}");
        beside_a_pass(
            &label,
            3,
            move || Net::new(policy),
            1,
            |net| {
                net.join();
            },
        );
    }
}

/// The same for verbs that take a given address, several at once, or through a local.
#[test]
fn other_verbs_beside_a_pass_are_never_freed() {
    let net = || Net::new(Policy::Lowest);
    beside_a_pass("exact", 3, net, 1, |net| net.join_at(SECOND));
    beside_a_pass("many", 2, net, 1, Net::join_many);
    beside_a_pass("local", 2, net, 1, Net::join_locally);
    beside_a_pass("into", 2, net, 1, Net::join_into);
}

/// An address that a pass has freed may be allocated at once, and the plan can then be applied again.
#[test]
fn a_plan_that_is_applied_twice_frees_no_new_holder() {
    let net = || Net::new(Policy::Lowest).leak(FIRST).with_user(SECOND);
    beside_a_pass("", 3, net, 2, |net| {
        net.join();
    });
}

/// An address that changes hands beside a pass stays with the new holder.
#[test]
fn an_address_that_changes_hands_beside_a_pass_is_never_freed() {
    let net = || Net::new(Policy::Lowest).with_user(FIRST).with_user(SECOND);
    beside_a_pass("", 2, net, 1, |net| {
        net.leave(FIRST);
        net.join();
    });
}

/// The addresses of a local are no orphans, although no list has them; the leak beside them is one.
#[test]
fn what_a_local_has_is_never_freed() {
    let net = || Net::new(Policy::Lowest).leak(FIRST);
    beside_a_pass("", 2, net, 1, |net| {
        let mut local = net.pool.local();
        if let Ok(addr) = local.allocate() {
            net.is_new_user(addr);
            net.users.lock().unwrap().remove(&addr);
            local.release(addr).unwrap();
            // Again, because the pass may have begun in between.
            net.is_new_user(local.allocate().unwrap());
        }
    });
}

/// An address that a pass has freed may belong to a local at once, and the plan can then be applied again.
#[test]
fn a_plan_that_is_applied_twice_frees_nothing_of_a_local() {
    let net = || Net::new(Policy::Lowest).leak(FIRST).with_user(SECOND);
    beside_a_pass("", 3, net, 2, Net::join_locally);
}

/// An address that a list takes beside a pass stays allocated. Everyone on the list was a user before it was adopted,
/// so a
/// pass has the user in its own list, or has its barrier up before the list takes anything.
#[test]
fn what_is_adopted_beside_a_pass_is_never_freed() {
    let net = || Net::new(Policy::Lowest).leak(FIRST);
    beside_a_pass("", 3, net, 1, |net| {
        net.is_new_user(SECOND);
        let report = net.pool.adopt([SECOND]).unwrap();
        // The pass may take it as missing; the list does not count an address that a pass may have freed.
        assert_eq!(report.taken + report.already, 1, "{report:?}");
    });
}

/// A leak that an operator gives to a user: the adopted list contains an address that was taken already.
#[test]
fn what_is_adopted_though_it_was_taken_is_never_freed() {
    let net = || Net::new(Policy::Lowest).leak(FIRST);
    beside_a_pass("", 3, net, 1, |net| {
        net.is_new_user(FIRST);
        let report = net.pool.adopt([FIRST]).unwrap();
        assert_eq!(report.taken + report.already, 1, "{report:?}");
    });
}

/// An address that a pass has freed may be adopted from a list at once, and the plan can then be applied again.
#[test]
fn a_plan_that_is_applied_twice_frees_nothing_that_was_adopted() {
    let net = || Net::new(Policy::Lowest).leak(FIRST).with_user(SECOND);
    beside_a_pass("", 3, net, 2, |net| {
        if net.pool.adopt([FIRST]).unwrap().taken == 1 {
            net.is_new_user(FIRST);
        }
    });
}

/// An allocation of a tenant beside a pass is like any other.
#[test]
fn an_allocation_of_a_sub_pool_beside_a_pass_is_never_freed() {
    fn join_as_tenant(net: &Net, policy: Policy) {
        let pool = Arc::clone(&net.pool);
        let tenant = SubPool::new("blue", pool, FIRST..=SECOND, policy).unwrap();
        if let Ok(addr) = tenant.allocate() {
            net.is_new_user(addr);
        }
    }
    let net = || Net::new(Policy::Lowest).leak(FIRST);
    beside_a_pass("lowest", 3, net, 1, |net| {
        join_as_tenant(net, Policy::Lowest)
    });
    beside_a_pass("spread", 3, net, 1, |net| {
        join_as_tenant(net, Policy::Spread)
    });
}
