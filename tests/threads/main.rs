//! Many threads on one pool: no address is shared, no thread is refused while by counting one is free, and what is
//! returned is free again, bit for bit.
//!
//! More threads than processors, and pools so small that everything collides; big ones with almost
//! nothing free, so that the summary tree is what decides. No test looks at the clock; a watchdog ends
//! the process if one hangs. `HOSTBITS_ROUNDS=20 cargo test --test threads` does 20 times the work.

mod churn;
mod counts;
mod draining;
mod holders;
mod seekers;
mod several;
#[path = "../support/storm.rs"]
mod storm;

use hostbits::{Allocations, Gateway, GuardArc, Policy, Pool, Search, StatsLevel};
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use storm::{
    Before, Dice, Ledger, Meeting, Pool4, Stop, addr, disturbed, effort, for_all_kinds,
    nearly_full, plain_pool, together, watchdog,
};

trait EveryAddr {
    fn hosts_and_edges(&self) -> impl Iterator<Item = Ipv4Addr>;
}

impl EveryAddr for Ipv4Net {
    fn hosts_and_edges(&self) -> impl Iterator<Item = Ipv4Addr> {
        (self.network().to_bits()..=self.broadcast().to_bits()).map(Ipv4Addr::from_bits)
    }
}

/// Listings during a storm are out of date when they are read, but never wrong: ascending, in the
/// pool, never a reserved address; what is held all the time is always in them.
#[test]
fn listings_during_a_storm_show_only_what_can_be() {
    let _watchdog = watchdog("listings_during_a_storm_show_only_what_can_be");
    for_all_kinds(|policy, search| {
        let ip = |text: &str| text.parse::<Ipv4Addr>().expect("an address");
        let pool = Pool::builder("10.0.0.0/22".parse::<Ipv4Net>().expect("a network"))
            .range(ip("10.0.0.0")..=ip("10.0.0.150"))
            .range(ip("10.0.2.33")..=ip("10.0.3.255"))
            .reserve(ip("10.0.0.70")..=ip("10.0.0.80"), "printers")
            .gateway(Gateway::Last)
            .policy(policy)
            .search(search)
            .build()
            .expect("a pool");
        let usable: BTreeSet<Ipv4Addr> = pool.free_from(ip("10.0.0.0")).collect();
        assert_eq!(usable.len(), 150 - 11 + 479 - 2);
        let kept = [ip("10.0.0.69"), ip("10.0.2.33"), ip("10.0.3.253")];
        for addr in kept {
            pool.allocate_exact(addr).expect("it is usable");
        }
        let (empty, before) = (pool.snapshot(), Before::of(&pool));
        let running = AtomicUsize::new(0);
        together(4, |thread| {
            if thread < 3 {
                let _stop = Stop(&running);
                let mut dice = Dice::new(thread);
                for _ in 0..100 * effort() {
                    let mut batch = vec![ip("0.0.0.0"); dice.below(300)];
                    let taken = pool.allocate_into(&mut batch);
                    let block = pool.allocate_block(26);
                    if let Ok(block) = block {
                        pool.release_block(block).expect("it is held");
                    }
                    let _ = pool.release_many(&batch[..taken]);
                }
                return;
            }
            let expect_good = |listed: Vec<Ipv4Addr>, what: &str| {
                assert!(listed.is_sorted_by(|one, next| one < next), "{what}");
                for addr in &listed {
                    assert!(usable.contains(addr), "{what}: {addr}");
                }
                listed
            };
            while running.load(Ordering::SeqCst) < 3 {
                let listed = expect_good(pool.iter().collect(), "iter");
                assert!(kept.iter().all(|addr| listed.contains(addr)));
                let snapshot = pool.snapshot();
                let listed = expect_good(snapshot.iter().collect(), "snapshot");
                assert!(kept.iter().all(|addr| listed.contains(addr)));
                assert_eq!(snapshot.allocated(), listed.len() as u64);
                let copy = pool.to_heap();
                let copied = expect_good(copy.iter().collect(), "to_heap");
                assert!(kept.iter().all(|addr| copied.contains(addr)));
                assert_eq!(copy.allocated(), copied.len() as u64);
                let diff = snapshot.diff(&empty).expect("the same pool");
                assert_eq!(
                    (diff.allocated.len() + 3, diff.released.len()),
                    (listed.len(), 0)
                );
                let from = ip("10.0.2.0");
                let listed = expect_good(pool.iter_from(from).collect(), "iter_from");
                assert!(listed.contains(&kept[1]) && listed[0] >= from);
                let listed = expect_good(pool.free_from(ip("0.0.0.0")).collect(), "free_from");
                assert!(!kept.iter().any(|addr| listed.contains(addr)));
                assert!(pool.allocated() <= pool.capacity());
                assert!(pool.available() <= pool.capacity());
                assert!(pool.count_in(kept[0]..=kept[2]) >= 3);
            }
        });
        before.expect_again(&pool, &format!("{pool:?}"));
    });
}

/// Two families behind one type: threads with an IPv4 and an IPv6 pool of `IpNet` do not mix them up.
#[test]
fn pools_of_either_family_keep_to_it() {
    let _watchdog = watchdog("pools_of_either_family_keep_to_it");
    let pools = ["10.0.0.0/26", "2001:db8::/122"].map(|text| {
        let net: IpNet = text.parse().expect("a network");
        Pool::new(net).expect("a pool")
    });
    let given = together(4, |_| {
        let all = pools.each_ref().map(|pool| {
            let mut mine = Vec::new();
            while let Ok(addr) = pool.allocate() {
                mine.push(addr);
            }
            mine
        });
        assert!(all[0].iter().all(|addr| addr.is_ipv4()));
        assert!(all[1].iter().all(|addr| addr.is_ipv6()));
        all.map(|mine| mine.len())
    });
    assert_eq!(given.iter().map(|[v4, _]| v4).sum::<usize>(), 61);
    assert_eq!(given.iter().map(|[_, v6]| v6).sum::<usize>(), 62);
}
