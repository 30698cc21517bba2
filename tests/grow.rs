//! A pool on the heap that grows: what is held stays where it is, and nothing else does.

mod common;

use common::{a4, v4};
use hostbits::{Builder, GrowError, Policy, Pool, Search, StatsLevel, Status};
use ipnet::Ipv4Net;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A pool, and how it may become a larger one.
#[derive(Clone, Debug)]
struct Growth {
    prefix_len: u8,
    by: u8,
    has_label: bool,
    second_range: bool,
    unit: u8,
    policies: (u8, u8),
    stats: (u8, u8),
    is_linear: bool,
}

fn growth() -> impl Strategy<Value = Growth> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let choices = (20..=28u8, 0..=4u8, 30..=32u8);
    (choices, flags, (0..4u8, 0..4u8), (0..2u8, 0..2u8)).prop_map(
        |((prefix_len, by, unit), (has_label, second_range, is_linear), policies, stats)| Growth {
            prefix_len,
            by,
            has_label,
            second_range,
            unit,
            policies,
            stats,
            is_linear,
        },
    )
}

fn chosen(builder: Builder<Ipv4Net>, of: &Growth, policy: u8, stats: u8) -> Builder<Ipv4Net> {
    let policies = Policy::ALL;
    let levels = [StatsLevel::Off, StatsLevel::Counts];
    let search = [Search::Tree, Search::Linear][usize::from(of.is_linear)];
    let builder = builder.unit(of.unit).gateway(hostbits::Gateway::None);
    let builder = builder.policy(policies[usize::from(policy)]).search(search);
    builder.stats(levels[usize::from(stats)])
}

impl Growth {
    fn smaller(&self) -> Builder<Ipv4Net> {
        let net = v4(&format!("10.0.0.0/{}", self.prefix_len));
        let mut builder = Pool::builder(net).range(net.network()..=net.broadcast());
        if self.has_label {
            builder = builder.reserve(a4("10.0.0.4")..=a4("10.0.0.7"), "printers");
        }
        chosen(builder, self, self.policies.0, self.stats.0)
    }

    fn larger(&self) -> Builder<Ipv4Net> {
        let net = v4(&format!("10.0.0.0/{}", self.prefix_len - self.by));
        let mut builder = Pool::builder(v4("10.0.0.0/8")).range(net.network()..=net.broadcast());
        if self.second_range {
            builder = builder.range(a4("10.9.0.0")..=a4("10.9.0.255"));
        }
        chosen(builder, self, self.policies.1, self.stats.1)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_held_stays_where_it_is(
        growth in growth(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let mut pool = growth.smaller().build().unwrap();
        let all: Vec<_> = (0..pool.info().slots as u32).filter_map(|slot| pool.addr_of(slot)).collect();
        for pick in picks {
            let _ = pool.allocate_exact(*pick.get(&all));
        }
        let held: BTreeMap<_, _> = pool.iter().map(|addr| (addr, pool.slot_of(addr))).collect();
        let (capacity, stats) = (pool.capacity(), pool.stats());

        let added = growth.larger().grow(&mut pool).unwrap();

        let now: BTreeMap<_, _> = pool.iter().map(|addr| (addr, pool.slot_of(addr))).collect();
        prop_assert_eq!(&now, &held);
        let fresh = growth.larger().build().unwrap();
        prop_assert_eq!(pool.capacity(), fresh.capacity());
        prop_assert_eq!(pool.capacity(), capacity + added);
        prop_assert_eq!(pool.allocated(), held.len() as u64);
        match growth.stats {
            (0, 0) | (1, 1) => prop_assert_eq!(pool.stats(), stats),
            (0, 1) => prop_assert_eq!(pool.stats().allocations.adopted, held.len() as u64),
            _ => prop_assert_eq!(pool.stats().allocations.adopted, 0),
        }

        // Every address without a holder can be had, once.
        while let Ok(addr) = pool.allocate() {
            prop_assert!(!held.contains_key(&addr), "{} twice", addr);
        }
        prop_assert_eq!(pool.allocated(), pool.capacity());
        for addr in held.into_keys() {
            prop_assert!(pool.release(addr).is_ok());
            prop_assert_eq!(pool.allocate(), Ok(addr));
        }
    }
}

/// Each refusal names an address, and leaves the pool as it was.
#[test]
fn a_growth_that_would_lose_an_address_is_refused() {
    let of_ranges = |ranges: &[(&str, &str)]| {
        Pool::<Ipv4Net>::over(ranges.iter().map(|&(first, last)| a4(first)..=a4(last)))
    };
    let small = [("10.0.0.10", "10.0.0.19"), ("10.0.0.30", "10.0.0.39")];
    let cases = [
        // Before the others, in one with them (so all are numbered otherwise), shorter, away.
        (
            of_ranges(&[("10.0.0.0", "10.0.0.5"), small[0], small[1]]),
            "10.0.0.10",
        ),
        (of_ranges(&[("10.0.0.10", "10.0.0.39")]), "10.0.0.10"),
        (
            of_ranges(&[("10.0.0.10", "10.0.0.18"), small[1]]),
            "10.0.0.19",
        ),
        (of_ranges(&[small[0]]), "10.0.0.30"),
        (
            of_ranges(&small).reserve(a4("10.0.0.12")..=a4("10.0.0.13"), "printers"),
            "10.0.0.12",
        ),
        (of_ranges(&small).unit(31), "10.0.0.10"),
    ];
    for (larger, lost) in cases {
        let mut pool = of_ranges(&small).build().unwrap();
        pool.allocate_exact(a4("10.0.0.33")).unwrap();
        let (info, stats) = (pool.info(), pool.stats());
        let refused = larger.grow(&mut pool).unwrap_err();
        assert!(
            matches!(refused, GrowError::AddressLost { addr, .. } if addr == a4(lost)),
            "{refused}, not {lost}"
        );
        assert_eq!((pool.info(), pool.stats()), (info, stats));
        assert!(matches!(
            pool.status(a4("10.0.0.33")),
            Status::Allocated { .. }
        ));
    }
    let mut pool = of_ranges(&small).build().unwrap();
    let twice = of_ranges(&[small[0], small[0]]);
    let refused = twice.grow(&mut pool).unwrap_err();
    assert_eq!(refused.code(), twice.build().unwrap_err().code());
    // The only slot would be a larger one.
    let only = of_ranges(&[("10.0.0.0", "10.0.0.0")]);
    let of_pairs = of_ranges(&[("10.0.0.0", "10.0.0.3")]).unit(31);
    let refused = of_pairs.grow(&mut only.build().unwrap()).unwrap_err();
    assert_eq!(refused.code(), "address-lost");
}
