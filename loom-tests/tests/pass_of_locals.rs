//! The reconciliation pass beside a local: the addresses in its word, among its spares, and those that it has handed out.
//!
//! Like in `pass`, an address is in the list as soon as its allocation returns, one sighting must be enough, and
//! the list of a pass is that of the moment at which its barrier was up.
#![cfg(loom)]

use hostbits::{Gateway, LocalArc, Pool, StatsLevel, reconcile};
use ipnet::Ipv4Net;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use loom_tests::explore;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Two addresses of one word, and one of another word.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 65);

type Local = LocalArc<Ipv4Net>;

/// A pool of the three addresses, and the users of each.
struct Net {
    pool: Arc<Pool<Ipv4Net>>,
    users: Arc<Mutex<BTreeSet<Ipv4Addr>>>,
    turns: Arc<AtomicUsize>,
}

/// Lets another thread run in between, where the code itself does nothing that loom can see.
fn pause(turns: &AtomicUsize) {
    // Relaxed: it orders nothing. A load would not do, because loom tries both orders only where that can make a
    // difference.
    turns.fetch_add(1, Ordering::Relaxed);
}

impl Net {
    fn new() -> Self {
        let net: Ipv4Net = "10.0.0.0/25".parse().unwrap();
        let between = Ipv4Addr::new(10, 0, 0, 3)..=Ipv4Addr::new(10, 0, 0, 64);
        let above = Ipv4Addr::new(10, 0, 0, 66)..=Ipv4Addr::new(10, 0, 0, 126);
        let pool = Pool::builder(net)
            .gateway(Gateway::None)
            .reserve(between, "between")
            .reserve(above, "above")
            .stats(StatsLevel::Off)
            .build()
            .unwrap();
        Self {
            pool: Arc::new(pool),
            users: Arc::default(),
            turns: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// Returns the pool with an address that has a user from the beginning.
    fn with_user(self, addr: Ipv4Addr) -> Self {
        self.pool.allocate_exact(addr).unwrap();
        self.is_new_user(addr);
        self
    }

    fn is_new_user(&self, addr: Ipv4Addr) {
        let is_new = self.users.lock().unwrap().insert(addr);
        assert!(is_new, "{addr} has two users");
    }

    /// Adds a user of this address, through a local.
    fn join(&self, local: &mut Local, addr: Ipv4Addr) {
        assert_eq!(local.allocate(), Ok(addr));
        self.is_new_user(addr);
    }

    /// Releases into a local, and deletes the user, in this order as in `pass`.
    fn leave(&self, local: &mut Local, addr: Ipv4Addr) {
        local.release(addr).unwrap();
        assert!(self.users.lock().unwrap().remove(&addr));
        pause(&self.turns);
    }

    /// Runs a pass, and applies it.
    fn reconcile(&self) {
        let (users, turns) = (Arc::clone(&self.users), Arc::clone(&self.turns));
        let listed: Arc<Mutex<Option<Vec<Ipv4Addr>>>> = Arc::default();
        let at_once = Arc::clone(&listed);
        let options = reconcile::Options::new()
            .grace(Duration::ZERO)
            .clock(move || {
                let now = || users.lock().unwrap().iter().copied().collect();
                at_once.lock().unwrap().get_or_insert_with(now);
                pause(&turns);
                SystemTime::UNIX_EPOCH
            });
        let mut reconciler = self.pool.reconciler_with(options).unwrap();
        let mut pass = reconciler.begin().unwrap();
        let listed = listed.lock().unwrap().take().unwrap();
        pass.read(&listed);
        let plan = pass.finish(listed.len() as u64).unwrap();
        let _ = reconciler.apply_at_most(&plan, 3).unwrap();
    }

    /// After the local is gone, checks that no user's address is free, and that a pass finds every address without a
    /// user.
    fn settle_accounts(&self) {
        let users = self.users.lock().unwrap().clone();
        for &addr in &users {
            // Before the pass, which would take it as missing.
            assert!(!self.pool.is_available(addr), "{addr} is free");
        }
        self.reconcile();
        for addr in [FIRST, SECOND, FAR] {
            let is_taken = self.pool.allocate_exact(addr).is_err();
            assert_eq!(is_taken, users.contains(&addr), "{addr}");
        }
    }
}

/// Runs a pass and a thread that takes what the pass has freed, beside a local that is `prepared`, each on its own
/// thread and on the main one.
fn beside_a_pass(
    net: fn() -> Net,
    prepared: fn(&Net, &mut Local),
    preemptions: usize,
    act: fn(&Net, Local),
) {
    for swapped in [false, true] {
        let body = move || {
            let net = Arc::new(net());
            let mut local = net.pool.local_arc();
            prepared(&net, &mut local);
            let pass = |net: &Net| {
                net.reconcile();
                if let Ok(addr) = net.pool.allocate() {
                    net.is_new_user(addr);
                }
            };
            let spawned = Arc::clone(&net);
            if swapped {
                let other = thread::spawn(move || act(&spawned, local));
                pass(&net);
                other.join().unwrap();
            } else {
                let other = thread::spawn(move || pass(&spawned));
                act(&net, local);
                other.join().unwrap();
            }
            net.settle_accounts();
        };
        explore(&format!("swapped: {swapped}"), Some(preemptions), body);
    }
}

fn as_it_is(_: &Net, _: &mut Local) {}

/// The local has both addresses of its word.
fn with_a_word(net: &Net, local: &mut Local) {
    net.join(local, FIRST);
    net.leave(local, FIRST);
    assert_eq!(local.reserved(), 2);
}

/// The local has one address of its word, and the other one has a user.
fn with_little_left(net: &Net, local: &mut Local) {
    net.join(local, FIRST);
}

/// Both addresses of the local's word have users.
fn with_nothing_left(net: &Net, local: &mut Local) {
    net.join(local, FIRST);
    net.join(local, SECOND);
}

/// A word that a local takes belongs to it, although no list has it.
#[test]
fn a_word_that_is_taken_is_never_freed() {
    let net = || Net::new().with_user(FAR);
    beside_a_pass(net, as_it_is, 3, |net, mut local| {
        if let Ok(addr) = local.allocate() {
            net.is_new_user(addr);
            if let Ok(addr) = local.allocate() {
                net.is_new_user(addr);
            }
        }
    });
}

/// An address of another word enters the spares, and leaves them.
#[test]
fn what_goes_into_the_spares_is_never_freed() {
    let net = || Net::new().with_user(FAR);
    beside_a_pass(net, with_little_left, 4, |net, mut local| {
        net.leave(&mut local, FAR);
        net.join(&mut local, SECOND);
        net.join(&mut local, FAR);
    });
}

/// An address that leaves the spares is, at every moment, there or allocated through the local.
#[test]
fn what_leaves_the_spares_is_never_freed() {
    fn with_far_in_the_spares(net: &Net, local: &mut Local) {
        with_little_left(net, local);
        net.leave(local, FAR);
        net.join(local, SECOND);
        assert_eq!(local.reserved(), 1);
    }
    let net = || Net::new().with_user(FAR);
    beside_a_pass(net, with_far_in_the_spares, 4, |net, mut local| {
        net.join(&mut local, FAR);
        net.leave(&mut local, FAR);
        net.join(&mut local, FAR);
    });
}

/// An address of the local's word that the local did not have before.
#[test]
fn what_is_taken_back_in_its_word_is_never_freed() {
    let net = || Net::new().with_user(SECOND).with_user(FAR);
    beside_a_pass(net, with_little_left, 4, |net, mut local| {
        net.leave(&mut local, SECOND);
        net.join(&mut local, SECOND);
    });
}

/// A local without addresses left moves to the word of an address that is released.
#[test]
fn what_is_taken_back_with_nothing_left_is_never_freed() {
    let net = || Net::new().with_user(FAR);
    beside_a_pass(net, with_nothing_left, 4, |net, mut local| {
        net.leave(&mut local, FAR);
        net.join(&mut local, FAR);
    });
}

/// The addresses that a local has handed out in an earlier word have users.
#[test]
fn what_was_handed_out_in_the_word_before_is_never_freed() {
    beside_a_pass(Net::new, with_a_word, 3, |net, mut local| {
        net.join(&mut local, FIRST);
        net.join(&mut local, SECOND);
        if let Ok(addr) = local.allocate() {
            net.is_new_user(addr);
        }
    });
}

/// Dropping a local gives back what no other thread has taken meanwhile; the addresses it has handed out have users.
#[test]
fn what_a_dropped_local_had_is_freed_once() {
    let net = || Net::new().with_user(FAR);
    beside_a_pass(net, with_a_word, 4, |net, mut local| {
        net.join(&mut local, FIRST);
        drop(local);
    });
}
