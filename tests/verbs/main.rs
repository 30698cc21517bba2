//! Every public verb on one thread, against sets and lists that are dumb on purpose.

mod blocks;
#[path = "../common/mod.rs"]
mod common;
mod copies;
mod facts;
mod from;
mod layouts;
mod looks;
mod many;
mod parts;
mod policies;
mod singles;
mod statistics;

use common::{
    Numbers, POLICIES, SEARCHES, a4, a6, drain, host, ip, net, taken, ten, unchanged, v4, v6,
};
use hostbits::{
    AllocateError, Allocations, Builder, Failures, Gateway, Guard, GuardArc, Local, LocalArc,
    Network, NetworkInfo, Policy, Pool, ReleaseError, Search, Snapshot, Stats, StatsLevel, Status,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const LEVELS: [StatsLevel; 3] = [StatsLevel::Off, StatsLevel::Counts, StatsLevel::Full];

fn slash24() -> Pool<Ipv4Net> {
    Pool::new(v4("10.0.0.0/24")).unwrap()
}

/// Runs `test` for every policy and search.
fn every_way(mut test: impl FnMut(Policy, Search)) {
    for policy in POLICIES {
        for search in SEARCHES {
            test(policy, search);
        }
    }
}

/// Pools, guards and plain data go to any thread and through any unwinding.
#[test]
fn pools_are_send_sync_unwind_safe_and_debug() {
    fn of_pool<T: Send + Sync + UnwindSafe + RefUnwindSafe + Debug + 'static>() {}
    fn of_local<T: Send + UnwindSafe + Debug>() {}
    fn of_data<T: Send + Sync + Clone + Debug + 'static>() {}
    of_pool::<Pool<Ipv4Net>>();
    of_pool::<Pool<Ipv6Net>>();
    of_pool::<Pool<IpNet>>();
    of_pool::<Pool>();
    of_pool::<GuardArc<IpNet>>();
    of_pool::<Guard<'static, Ipv6Net>>();
    of_local::<LocalArc<IpNet>>();
    of_local::<Local<'static, Ipv4Net>>();
    of_data::<Snapshot<Ipv4Net>>();
    of_data::<Builder<IpNet>>();
    of_data::<Stats>();
    of_data::<NetworkInfo>();
}

/// A call and what it adds to the counters, nothing else.
type Counted = (&'static str, fn(&Pool<Ipv4Net>), fn(&mut Stats));

/// About one bit per slot: at most 1.1 bits and 8 KiB, whatever is chosen.
#[test]
fn a_pool_costs_about_one_bit_per_slot() {
    for prefix_len in 8..=32 {
        for (policy, level) in POLICIES
            .into_iter()
            .flat_map(|policy| LEVELS.map(|level| (policy, level)))
        {
            for search in SEARCHES {
                let net = Ipv4Net::new(ten(0), prefix_len).unwrap();
                let info = Pool::builder(net)
                    .policy(policy)
                    .stats(level)
                    .search(search)
                    .build()
                    .unwrap()
                    .info();
                let bound = info.slots as f64 * 1.1 / 8.0 + 8192.0;
                assert!(
                    info.memory_bytes as f64 <= bound,
                    "{net} {policy:?} {level:?}: {} bytes",
                    info.memory_bytes
                );
                assert!(info.memory_bytes as u64 >= info.slots / 8, "{net}");
            }
        }
    }
}

/// The builder can be kept, and builds as many pools as are wanted; they share nothing.
#[test]
fn a_builder_builds_many_pools() {
    let builder = Pool::builder(v4("10.0.0.0/24")).gateway(Gateway::None);
    let (first, second) = (builder.build().unwrap(), builder.build().unwrap());
    assert_eq!(
        (first.allocate(), first.allocate()),
        (Ok(host(1)), Ok(host(2)))
    );
    assert_eq!(second.allocate(), Ok(host(1)));
}

/// Generic code works for the three kinds of network.
#[test]
fn the_three_kinds_of_network_behave_alike() {
    fn life<N: Network>(pool: &Pool<N>) -> Vec<IpAddr> {
        let first = pool.allocate().unwrap();
        let second = pool.allocate_preferring(first).unwrap();
        pool.release(first).unwrap();
        let third = pool.allocate_net().unwrap().into().addr();
        [first, second]
            .map(Into::into)
            .into_iter()
            .chain([third])
            .collect()
    }
    let v4_addrs = ["10.0.0.2", "10.0.0.3", "10.0.0.2"].map(ip);
    assert_eq!(life(&Pool::new(v4("10.0.0.0/24")).unwrap()), v4_addrs);
    assert_eq!(life(&Pool::new(net("10.0.0.0/24")).unwrap()), v4_addrs);
    let v6_addrs = ["2001:db8::2", "2001:db8::3", "2001:db8::2"].map(ip);
    assert_eq!(life(&Pool::new(v6("2001:db8::/120")).unwrap()), v6_addrs);
    assert_eq!(life(&Pool::new(net("2001:db8::/120")).unwrap()), v6_addrs);
    let _: Ipv6Addr = Pool::new(v6("2001:db8::/120")).unwrap().allocate().unwrap();
}
