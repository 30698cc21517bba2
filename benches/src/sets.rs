//! Sets of pools whose members are all full except the last.

use crate::ratio::time;
use hostbits::{Pool, PoolSet, StatsLevel, set::Strategy};
use ipnet::Ipv4Net;
use std::hint::black_box;
use std::net::Ipv4Addr;

/// Allocates and releases on a set whose members are all full except the last.
pub struct SetPairs(PoolSet<Ipv4Net>);

impl SetPairs {
    /// Builds a set of /24 members, all full except the last one.
    ///
    /// # Panics
    ///
    /// If the set does not hand out what it should.
    pub fn with_room_in_the_last(strategy: Strategy, members: u32, stats: StatsLevel) -> Self {
        let pools = (0..members).map(|index| {
            let first = Ipv4Addr::from_bits((10 << 24) + (index << 8));
            let network = Ipv4Net::new(first, 24).expect("a prefix length");
            let builder = Pool::builder(network).reserve_edges(false).stats(stats);
            builder.build().expect("a valid pool")
        });
        let set = PoolSet::builder().strategy(strategy).members(pools);
        let set = set.build().expect("members that do not overlap");
        let (last, full) = {
            let mut members: Vec<_> = set.members().collect();
            (members.pop().expect("a member"), members)
        };
        for member in &full {
            let pool = member.pool();
            while pool.allocate().is_ok() {}
        }
        let addr = set.allocate().expect("the last one is empty");
        assert!(last.pool().slot_of(addr).is_some(), "it is the last one's");
        set.release(addr).expect("just allocated");
        Self(set)
    }

    /// Allocates an address and releases it.
    ///
    /// # Panics
    ///
    /// If the set is exhausted.
    pub fn allocate_release(&self, operations: u64) -> f64 {
        time(operations, || {
            let addr = self.0.allocate().expect("not exhausted");
            self.0.release(black_box(addr)).expect("just allocated");
        })
    }
}
