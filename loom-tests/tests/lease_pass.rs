//! The pass over a pool of leases beside holders who write their record before they renew, sweeps, and other passes.
//!
//! The list is a plain one that is never interrupted. One address, so that every thread wants the same record.
#![cfg(loom)]

use hostbits::lease::{Lease, LeasePool, LeaseStatus, ManualClock, Released, Term};
use hostbits::{Client, Gateway, Pool, StatsLevel, reconcile::Plan};
use ipnet::Ipv4Net;
use loom::thread;
use loom_tests::explore;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ADDR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SECOND: Duration = Duration::from_secs(1);
const OFFER: Duration = Duration::from_secs(3600);

const ALICE: Client = Client::from_hash(7);

type Held = Lease<Ipv4Addr>;

struct Net {
    pool: LeasePool<Ipv4Net>,
    clock: ManualClock,
    users: Mutex<BTreeSet<Ipv4Addr>>,
    first: Held,
}

impl Net {
    /// A pool whose one address is offered, or leased for ever and lost.
    fn new(is_leased: bool) -> Self {
        let clock = ManualClock::new();
        let pool = Pool::<Ipv4Net>::over([ADDR..=ADDR])
            .gateway(Gateway::None)
            .stats(StatsLevel::Off)
            .leases()
            .cooldown(Duration::ZERO)
            .clock(&clock)
            .build()
            .unwrap();
        let first = match is_leased {
            true => pool.allocate(Term::Forever),
            false => pool.allocate(OFFER),
        };
        Self {
            first: first.unwrap(),
            users: Mutex::default(),
            pool,
            clock,
        }
    }

    /// Writes the record, and renews for ever. Returns whether that succeeded.
    fn commit(&self, lease: Held) -> bool {
        self.users.lock().unwrap().insert(lease.addr());
        self.pool.renew(&lease, Term::Forever).is_ok()
    }

    fn is_leased(&self, lease: Held) -> bool {
        let status = self.pool.status(lease.addr());
        matches!(status, LeaseStatus::Leased { generation, .. } if generation == lease.generation())
    }

    fn plan(&self) -> Option<Plan> {
        let mut pass = self.pool.pass().unwrap();
        let users: Vec<_> = self.users.lock().unwrap().iter().copied().collect();
        pass.read(&users);
        pass.finish(users.len() as u64).ok()
    }

    fn apply(&self, plan: &Plan) -> u64 {
        let applied = self.pool.apply_at_most(plan, SECOND, u64::MAX);
        applied.map_or(0, |applied| applied.freed)
    }

    fn reconcile(&self) {
        if let Some(plan) = self.plan() {
            self.apply(&plan);
        }
    }
}

/// What a thread does with the network, and what it finds.
type Role<T> = fn(&Net) -> T;

/// Runs two roles at the same time, in both orders: loom misses some interleavings, and different ones in each.
fn race<A: Send + 'static, B: Send + 'static>(
    label: &str,
    preemptions: usize,
    net: fn() -> Net,
    (one, other): (Role<A>, Role<B>),
    judge: fn(&Net, A, B),
) {
    for swapped in [false, true] {
        let body = move || {
            let net = Arc::new(net());
            let spawned = Arc::clone(&net);
            let (a, b) = if swapped {
                let b = thread::spawn(move || other(&spawned));
                (one(&net), b.join().unwrap())
            } else {
                let a = thread::spawn(move || one(&spawned));
                let b = other(&net);
                (a.join().unwrap(), b)
            };
            judge(&net, a, b);
        };
        explore(
            &format!("{label}, swapped: {swapped}"),
            Some(preemptions),
            body,
        );
    }
}

/// An offer is not ended; committed, it is in the list of the pass, or not among what the pass has seen.
#[test]
fn a_commit_beside_a_pass_stands() {
    let judge = |net: &Net, is_committed: bool, ()| {
        assert!(is_committed, "an offer was ended");
        assert!(net.is_leased(net.first));
    };
    let commit = |net: &Net| net.commit(net.first);
    race("", 4, || Net::new(false), (commit, Net::reconcile), judge);
}

/// A renewal for ever of what was leased for ever changes nothing but the mark.
#[test]
fn a_renewal_beside_a_pass_stands() {
    let judge = |net: &Net, is_committed, ()| assert_eq!(is_committed, net.is_leased(net.first));
    let commit = |net: &Net| net.commit(net.first);
    race("", 4, || Net::new(true), (commit, Net::reconcile), judge);
}

/// The same beside two passes, of which one marks again what was renewed since the list of the other.
#[test]
fn a_renewal_beside_two_passes_stands() {
    let passes = |net: &Net| {
        let plan = net.plan();
        net.reconcile();
        plan.is_some_and(|plan| net.apply(&plan) != 0)
    };
    let commit = |net: &Net| net.commit(net.first);
    let judge = |net: &Net, is_committed, is_void: bool| {
        assert_eq!(is_committed, net.is_leased(net.first));
        assert!(!is_void, "the plan of the first pass was applied");
    };
    race("one thread", 3, || Net::new(true), (commit, passes), judge);
    let judge = |net: &Net, (), is_committed| assert_eq!(is_committed, net.is_leased(net.first));
    let commit = |net: &Net| {
        let is_committed = net.commit(net.first);
        net.reconcile();
        is_committed
    };
    race(
        "two threads",
        3,
        || Net::new(true),
        (Net::reconcile, commit),
        judge,
    );
}

/// A list is adopted while a pass runs whose own list is older.
#[test]
fn an_adoption_beside_a_pass_stands() {
    let adopt = |net: &Net| {
        net.users.lock().unwrap().insert(ADDR);
        let adopted = net.pool.adopt(Default::default(), [ADDR], |_| None);
        adopted.unwrap().leases[0]
    };
    let judge = |net: &Net, lease, ()| assert!(net.is_leased(lease));
    race("", 3, || Net::new(true), (adopt, Net::reconcile), judge);
}

/// An owner who is in the list by now gets a lease again that it already had, and that a pass may have seen.
#[test]
fn a_lease_that_is_got_again_beside_a_pass_stands() {
    let owned = || {
        let mut net = Net::new(true);
        let released = net.pool.release(&net.first);
        assert_eq!(released, Ok(Released::Ended));
        net.first = net.pool.allocate_for(ALICE, Term::Forever).unwrap();
        net
    };
    let get = |net: &Net| {
        net.users.lock().unwrap().insert(ADDR);
        net.pool.allocate_for(ALICE, Term::Forever).unwrap()
    };
    let judge = |net: &Net, lease, ()| assert!(net.is_leased(lease));
    race("", 3, owned, (get, Net::reconcile), judge);
}

/// An undo brings back the lease that its pass has ended, or the address has another holder, and never both.
#[test]
fn an_undo_and_the_next_holder_exclude_each_other() {
    let undo = |net: &Net| {
        let plan = net.plan().expect("no other pass");
        assert_eq!(net.apply(&plan), 1);
        net.pool.undo(&plan).unwrap().taken_back
    };
    let take = |net: &Net| {
        net.clock.advance(SECOND * 9);
        net.pool.allocate(Term::Forever).ok()
    };
    let judge = |net: &Net, taken_back, taken: Option<Held>| {
        assert_eq!(taken_back == 1, net.is_leased(net.first));
        assert_eq!(
            taken.is_some(),
            taken_back == 0 && net.pool.lease_of(ADDR) == taken
        );
    };
    race("", 3, || Net::new(true), (undo, take), judge);
}
