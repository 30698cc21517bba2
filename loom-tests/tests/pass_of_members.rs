//! Claims through a set, beside a pass on a member: whatever the verb, none is freed.
//!
//! Like in `pass`, one sighting must be enough, and an address whose claim has returned when the barrier is up is
//! in the list. A verb that holds a part of what it takes before it returns (pairs, batches over members) may be
//! half-way at that moment; `grace` is for this, and the list is read when the verb is through. A claim that begins
//! later is in no list, and must be protected by its mark.
#![cfg(loom)]

use hostbits::{
    Client, DualStack, Policy, Pool, PoolSet, StatsLevel, reconcile,
    set::{SubPool, TwinPools},
};
use ipnet::{Ipv4Net, Ipv6Net};
use loom::thread;
use loom_tests::explore;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
const LAST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SIXTH: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);

type Addrs = Vec<Ipv4Addr>;

/// The users of each address, and whether a verb is half-way.
#[derive(Default)]
struct Users {
    listed: BTreeSet<Ipv4Addr>,
    is_joining: bool,
}

/// A member of two addresses, both taken but without a user, and what claims from it.
struct Net<T> {
    pool: Arc<Pool<Ipv4Net>>,
    taker: T,
    users: Arc<Mutex<Users>>,
}

impl<T> Net<T> {
    fn new(leaks: usize, taker: impl Fn(&Arc<Pool<Ipv4Net>>) -> T) -> Self {
        let pool = Pool::over([FIRST..=LAST]).stats(StatsLevel::Off);
        let pool = Arc::new(pool.build().unwrap());
        let net = Self {
            taker: taker(&pool),
            pool,
            users: Arc::default(),
        };
        net.pool.allocate_many(leaks).unwrap();
        net
    }

    /// Claims by a verb; the result is in the list at once.
    fn join(&self, take: impl Fn(&T) -> Addrs) {
        self.users.lock().unwrap().is_joining = true;
        let addrs = take(&self.taker);
        let mut users = self.users.lock().unwrap();
        users.is_joining = false;
        for addr in addrs {
            assert!(users.listed.insert(addr), "{addr} has two users");
        }
    }

    /// Runs a pass with one sighting, and applies it twice.
    fn reconcile(&self, waits_for_half_ways: bool) {
        let users = Arc::clone(&self.users);
        let seen: Arc<Mutex<Option<(Addrs, bool)>>> = Arc::default();
        let at_once = Arc::clone(&seen);
        let options = reconcile::Options::new()
            .grace(Duration::ZERO)
            .clock(move || {
                let users = users.lock().unwrap();
                let now = || (users.listed.iter().copied().collect(), users.is_joining);
                at_once.lock().unwrap().get_or_insert_with(now);
                SystemTime::UNIX_EPOCH
            });
        let mut reconciler = self.pool.reconciler_with(options).unwrap();
        let mut pass = reconciler.begin().unwrap();
        let (mut listed, is_half_way) = seen.lock().unwrap().take().unwrap();
        if is_half_way && waits_for_half_ways {
            while self.users.lock().unwrap().is_joining {
                thread::yield_now();
            }
            listed = self.users.lock().unwrap().listed.iter().copied().collect();
        }
        pass.read(&listed);
        let plan = pass.finish(listed.len() as u64).unwrap();
        for _ in 0..2 {
            let _ = reconciler.apply_at_most(&plan, 2).unwrap();
        }
    }
}

fn beside_a_pass<T: Send + Sync + 'static>(
    label: &str,
    taker: impl Fn(&Arc<Pool<Ipv4Net>>) -> T + Copy + Send + Sync + 'static,
    take: fn(&T) -> Addrs,
    is_of_parts: bool,
) {
    let worlds = [0, 1, 2].map(|leaks| [(leaks, false), (leaks, true)]);
    for (leaks, swapped) in worlds.into_iter().flatten() {
        let body = move || {
            let net = Arc::new(Net::new(leaks, taker));
            let spawned = {
                let net = Arc::clone(&net);
                thread::spawn(move || {
                    if swapped {
                        net.join(take);
                    } else {
                        net.reconcile(is_of_parts);
                    }
                })
            };
            if swapped {
                net.reconcile(is_of_parts);
            } else {
                net.join(take);
            }
            spawned.join().unwrap();
            for &addr in &net.users.lock().unwrap().listed {
                assert!(net.pool.allocate_exact(addr).is_err(), "{addr} is free");
            }
        };
        explore(
            &format!("{label}, leaks: {leaks}, swapped: {swapped}"),
            Some(2),
            body,
        );
    }
}

fn set_over(pool: &Arc<Pool<Ipv4Net>>) -> PoolSet<Ipv4Net> {
    PoolSet::builder()
        .room(2)
        .member(Arc::clone(pool))
        .build()
        .unwrap()
}

fn cordoned(pool: &Arc<Pool<Ipv4Net>>) -> PoolSet<Ipv4Net> {
    let set = set_over(pool);
    set.cordon(LAST..=LAST).unwrap();
    set
}

fn single(claimed: Option<Ipv4Addr>) -> Addrs {
    claimed.into_iter().collect()
}

/// Single claims from a set, under a cordon, for a client, and by a tenant.
#[test]
fn single_claims_through_a_set_beside_a_pass_are_never_freed() {
    beside_a_pass("plain", set_over, |set| single(set.allocate().ok()), false);
    beside_a_pass("parts", cordoned, |set| single(set.allocate().ok()), false);
    let for_client = |set: &PoolSet<Ipv4Net>| single(set.allocate_for(Client::from_hash(0)).ok());
    beside_a_pass("client", set_over, for_client, false);
    beside_a_pass("client, parts", cordoned, for_client, false);
    let tenant = |pool: &Arc<Pool<Ipv4Net>>| {
        SubPool::new("blue", Arc::clone(pool), FIRST..=LAST, Policy::Lowest).unwrap()
    };
    beside_a_pass(
        "sub-pool",
        tenant,
        |tenant| single(tenant.allocate().ok()),
        false,
    );
}

#[test]
fn blocks_through_a_set_beside_a_pass_are_never_freed() {
    let block = |set: &PoolSet<Ipv4Net>| {
        let block = set.allocate_block(32).ok();
        block.map_or(vec![], |block| block.hosts().collect())
    };
    beside_a_pass("parts", cordoned, block, false);
    let pair = |set: &PoolSet<Ipv4Net>| {
        let block = set.allocate_block(31).ok();
        block.map_or(vec![], |block| block.hosts().collect())
    };
    beside_a_pass("whole", set_over, pair, false);
}

/// Halves of pairs, including pairs with the same index.
#[test]
fn halves_of_pairs_beside_a_pass_are_never_freed() {
    fn sixths() -> Pool<Ipv6Net> {
        let last = Ipv6Addr::from_bits(SIXTH.to_bits() + 1);
        Pool::over([SIXTH..=last])
            .stats(StatsLevel::Off)
            .build()
            .unwrap()
    }
    let both = |pool: &Arc<Pool<Ipv4Net>>| {
        DualStack::new(
            set_over(pool),
            PoolSet::builder().room(2).member(sixths()).build().unwrap(),
        )
    };
    beside_a_pass(
        "pair",
        both,
        |both| single(both.allocate_pair().ok().map(|pair| pair.v4)),
        true,
    );
    beside_a_pass(
        "pair for a client",
        both,
        |both| {
            let pair = both.allocate_pair_for(Client::from_hash(0));
            single(pair.ok().map(|pair| pair.v4))
        },
        true,
    );
    let twins = |pool: &Arc<Pool<Ipv4Net>>| TwinPools::new(Arc::clone(pool), sixths()).unwrap();
    beside_a_pass(
        "twins",
        twins,
        |twins| single(twins.allocate_pair().ok().map(|pair| pair.v4)),
        true,
    );
}

/// A batch over several members, one of which has a pass.
#[test]
fn batches_through_a_set_beside_a_pass_are_never_freed() {
    let with_another = |pool: &Arc<Pool<Ipv4Net>>| {
        let other = Ipv4Addr::new(10, 0, 1, 0);
        let other = Pool::over([other..=other])
            .stats(StatsLevel::Off)
            .build()
            .unwrap();
        let set = set_over(pool);
        set.add(other).unwrap();
        set
    };
    let many = |set: &PoolSet<Ipv4Net>| {
        let mut addrs = set.allocate_many(2).unwrap_or_default();
        addrs.retain(|&addr| addr <= LAST);
        addrs
    };
    beside_a_pass("many", with_another, many, true);
}
