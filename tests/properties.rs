//! Properties of one thread: whatever the pool and whatever the calls, the answers are those of a set.
//!
//! The model is dumb on purpose (`support/model.rs`). Where the policy says which address comes next,
//! the answers are equal and not merely valid.
//!
//! `HOSTBITS_CASES=20 cargo test --test properties` runs 20 times as many cases; `PROPTEST_RNG_SEED`
//! repeats a run. A failure prints the smallest layout and sequence that fail, and what was returned.

#[path = "support/layout.rs"]
mod layout;
#[path = "support/model.rs"]
mod model;

use hostbits::{NextFreeError, Policy, Pool, Search, StatsLevel, Status, next_free};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use layout::{
    Choices, Content, Family, Kind, Layout, any_choices, any_kind, any_layout, bits_of, down, low,
};
use model::{Act, Answer, Model, Op, any_op, perform};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use std::collections::BTreeSet;
use std::net::IpAddr;

const POLICIES: [Policy; Policy::ALL.len()] = Policy::ALL;
const SEARCHES: [Search; 2] = [Search::Tree, Search::Linear];

fn cases(count: u32) -> ProptestConfig {
    let factor = std::env::var("HOSTBITS_CASES").ok();
    let factor: u32 = factor.map_or(1, |text| text.parse().expect("HOSTBITS_CASES is a number"));
    ProptestConfig {
        cases: count * factor,
        max_global_rejects: 1_000_000,
        // A failure is to be seen soon, if not as small as can be.
        max_shrink_iters: 3000,
        max_shrink_time: 20_000,
        // The failing sequence is printed; nothing is written beside the sources.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Calls a function of `N` with the type of pool that the layout wants.
macro_rules! with_family {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            Kind::V4 => $function::<Ipv4Net>($($argument),*),
            Kind::V6 => $function::<Ipv6Net>($($argument),*),
            Kind::AnyV4 | Kind::AnyV6 => $function::<IpNet>($($argument),*),
        }
    };
}

fn failed(trace: &[(Act, Answer)], why: &str) -> TestCaseError {
    let mut text = format!("{why}\n");
    for (step, (act, answer)) in trace.iter().enumerate() {
        text += &format!("  step {step}: {act:x?} -> {answer:x?}\n");
    }
    TestCaseError::fail(text)
}

/// One bit per slot, reserved slots and gaps included: 1 is free.
fn all_bits<N: Family>(pool: &Pool<N>) -> Vec<u32> {
    let mut cells = vec![0; pool.info().slots as usize];
    assert_eq!(pool.fill(0, &mut cells), cells.len() as u64);
    cells
}

/// Everything that can be listed and counted, against the model.
fn judge_listings<N: Family>(pool: &Pool<N>, model: &Model, wide: bool) -> TestCaseResult {
    let addrs = |units: &BTreeSet<u128>| -> Vec<u128> {
        units.iter().map(|&unit| model.addr(unit)).collect()
    };
    let (taken, free) = (addrs(&model.taken), addrs(&model.free));
    let listed: Vec<u128> = pool.iter().map(bits_of).collect();
    prop_assert_eq!(&listed, &taken, "iter");
    let snapshot = pool.snapshot();
    let listed: Vec<u128> = snapshot.iter().map(bits_of).collect();
    prop_assert_eq!(&listed, &taken, "snapshot");
    prop_assert_eq!(snapshot.allocated(), taken.len() as u64);
    let lowest = N::addr_from(wide, 0);
    let listed: Vec<u128> = pool.free_from(lowest).map(bits_of).collect();
    prop_assert_eq!(&listed, &free, "free_from the lowest address there is");

    // From the middle, and from an address that is free.
    let middle = taken.get(taken.len() / 2).or(free.get(free.len() / 2));
    if let Some(&middle) = middle {
        for from in [
            middle,
            middle.saturating_add(1) & low(if wide { 128 } else { 32 }),
        ] {
            let above = |addrs: &[u128]| -> Vec<u128> {
                addrs.iter().copied().filter(|&addr| addr >= from).collect()
            };
            let from_addr = N::addr_from(wide, from);
            let listed: Vec<u128> = pool.iter_from(from_addr).map(bits_of).collect();
            prop_assert_eq!(listed, above(&taken), "iter_from {:x}", from);
            let listed: Vec<u128> = pool.free_from(from_addr).map(bits_of).collect();
            prop_assert_eq!(listed, above(&free), "free_from {:x}", from);
            let highest = low(if wide { 128 } else { 32 });
            let last = from
                .saturating_add(300 << model.shift.min(100))
                .min(highest);
            let counted = match model.units_inside(from, last) {
                Some((first, last)) => model.taken.range(first..=last).count(),
                None => 0,
            };
            let last = N::addr_from(wide, last);
            prop_assert_eq!(pool.count_in(from_addr..=last), counted as u64, "count_in");
        }
    }
    Ok(())
}

fn follow<N: Family>(layout: &Layout, choices: Choices, ops: &[Op]) -> TestCaseResult {
    let content = layout.content().expect("the strategy made it");
    let wide = layout.kind.is_wide();
    let pool: Pool<N> = layout.pool(choices);
    let mut model = Model::new(layout, content, choices);
    let (before, bits_before) = (pool.snapshot(), all_bits(&pool));
    let mut trace = Vec::new();
    for op in ops {
        let act = model.resolve(op);
        let answer = perform(&pool, wide, &act);
        trace.push((act, answer));
        let (act, answer) = &trace[trace.len() - 1];
        model
            .judge(act, answer)
            .and_then(|()| model.judge_counts(&pool))
            .map_err(|why| failed(&trace, &why))?;
    }
    judge_listings(&pool, &model, wide).map_err(|error| failed(&trace, &error.to_string()))?;
    let held: Vec<_> = pool.iter().collect();
    let report = pool.release_many(&held);
    prop_assert_eq!(report.released, held.len() as u64);
    let diff = pool.snapshot().diff(&before).expect("the same pool");
    prop_assert!(
        diff.allocated.is_empty() && diff.released.is_empty(),
        "{:?}",
        diff
    );
    prop_assert_eq!(all_bits(&pool), bits_before, "released everything");
    prop_assert_eq!(pool.allocated(), 0);
    Ok(())
}

fn follow_twins<N: Family>(
    layout: &Layout,
    policy: Policy,
    levels: [StatsLevel; 2],
    ops: &[Op],
) -> TestCaseResult {
    let content = layout.content_up_to(20_000).expect("the strategy made it");
    let wide = layout.kind.is_wide();
    let [tree, linear] =
        [(Search::Tree, levels[0]), (Search::Linear, levels[1])].map(|(search, stats)| {
            layout.pool::<N>(Choices {
                policy,
                search,
                stats,
            })
        });
    let choices = Choices {
        policy,
        search: Search::Tree,
        stats: levels[0],
    };
    let mut model = Model::new(layout, content, choices);
    let mut trace = Vec::new();
    for op in ops {
        let act = model.resolve(op);
        let answer = perform(&tree, wide, &act);
        let other = perform(&linear, wide, &act);
        trace.push((act, answer));
        let (act, answer) = &trace[trace.len() - 1];
        if *answer != other {
            return Err(failed(
                &trace,
                &format!("the linear search answers {other:x?}"),
            ));
        }
        model
            .judge(act, answer)
            .map_err(|why| failed(&trace, &why))?;
    }
    prop_assert!(tree.iter().eq(linear.iter()));
    prop_assert_eq!(all_bits(&tree), all_bits(&linear));
    Ok(())
}

proptest! {
    #![proptest_config(cases(2500))]

    /// Random calls of all verbs to random pools: every answer, every count and every listing is the
    /// model's, and giving everything back leaves the pool as it was, bit for bit.
    #[test]
    fn every_answer_is_that_of_a_set(
        layout in any_layout(),
        choices in any_choices(),
        ops in prop::collection::vec(any_op(), 1..50),
    ) {
        with_family!(layout.kind, follow(&layout, choices, &ops))?;
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// The same on pools with two levels of summaries: drained, so that the tree says "nothing" up to
    /// its root, and then used.
    #[test]
    fn big_trees_answer_like_a_scan_and_a_set(
        slots in prop_oneof![Just(8193u64), 8000u64..20_000],
        policy in prop_oneof![
            3 => Just(Policy::Lowest),
            2 => Just(Policy::Next),
            3 => prop::sample::select(&Policy::ALL[..]),
            1 => any::<u64>().prop_map(Policy::Random),
        ],
        then in prop::collection::vec(any_op(), 1..60),
    ) {
        let mut layout = Layout::of_network(Kind::V4, 0x0a00_0000, 8);
        layout.at_most = Some(slots);
        let ops = [&[Op::drain(), Op::Allocate], &then[..]].concat();
        let levels = [StatsLevel::Off, StatsLevel::Counts];
        follow_twins::<Ipv4Net>(&layout, policy, levels, &ops)?;
    }
}

proptest! {
    #![proptest_config(cases(1200))]

    /// The same calls on a tree and on a plain scan: the same answers step by step, of every policy
    /// and whatever is counted.
    #[test]
    fn tree_and_linear_search_answer_alike(
        layout in any_layout(),
        policy in prop_oneof![
            4 => prop::sample::select(&Policy::ALL[..]),
            1 => any::<u64>().prop_map(Policy::Random),
        ],
        swapped in any::<bool>(),
        ops in prop::collection::vec(any_op(), 1..50),
    ) {
        let mut levels = [StatsLevel::Off, StatsLevel::Full];
        if swapped {
            levels.reverse();
        }
        with_family!(layout.kind, follow_twins(&layout, policy, levels, &ops))?;
    }

    /// Slots and addresses name each other, and the status of an address says what it is in the
    /// layout: in the pool, reserved, or outside.
    #[test]
    fn slots_and_addresses_are_inverse_and_status_agrees(
        layout in any_layout(),
        choices in any_choices(),
        inside in any::<u64>(),
    ) {
        with_family!(layout.kind, judge_numbers(&layout, choices, inside))?;
    }
}

fn judge_numbers<N: Family>(layout: &Layout, choices: Choices, inside: u64) -> TestCaseResult {
    let content = layout.content().expect("the strategy made it");
    let (wide, shift) = (layout.kind.is_wide(), layout.shift());
    let pool: Pool<N> = layout.pool(choices);
    let first_addr = |unit: u128| unit.checked_shl(shift.into()).unwrap_or(0);
    let mut previous = None;
    for &unit in &content.units {
        let bits = first_addr(unit);
        let addr = N::addr_from(wide, bits);
        let slot = pool.slot_of(addr);
        prop_assert!(slot > previous, "slots ascend with the addresses: {}", addr);
        previous = slot;
        prop_assert_eq!(slot.and_then(|slot| pool.addr_of(slot)), Some(addr));
        let within = N::addr_from(wide, bits | (u128::from(inside) & low(shift)));
        prop_assert_eq!(pool.slot_of(within), slot, "an address inside its unit");
        let reserved = content.reserved.contains(&unit);
        match pool.status(within) {
            Status::Free => prop_assert!(!reserved),
            Status::Reserved { label, .. } => prop_assert!(reserved && !label.is_empty()),
            other => prop_assert!(false, "{}: {:?}", addr, other),
        }
        prop_assert_eq!(pool.is_available(within), !reserved);
        prop_assert!(pool.contains(within) && !pool.is_allocated(within));
    }
    let usable = || content.units.difference(&content.reserved);
    prop_assert_eq!(
        pool.first().map(bits_of),
        usable().next().map(|&unit| first_addr(unit))
    );
    let last_addr = |&unit: &u128| first_addr(unit) | low(shift);
    prop_assert_eq!(pool.last().map(bits_of), usable().last().map(last_addr));
    let info = pool.info();
    prop_assert_eq!(
        info.slots,
        u64::from(previous.expect("there are units")) + 1
    );
    prop_assert_eq!(info.reserved, content.reserved.len() as u64);
    prop_assert_eq!(info.capacity, pool.capacity());
    for slot in 0..info.slots as u32 {
        if let Some(addr) = pool.addr_of(slot) {
            prop_assert_eq!(pool.slot_of(addr), Some(slot));
            prop_assert!(content.units.contains(&down(bits_of(addr), shift)));
        }
    }
    prop_assert_eq!(pool.addr_of(info.slots as u32), None);
    // Just outside each range, unless another range begins there.
    let highest = down(low(layout.kind.width()), shift);
    for &(first, last) in &content.ranges {
        let above = last.checked_add(1).filter(|&unit| unit <= highest);
        for unit in first.checked_sub(1).into_iter().chain(above) {
            if !content.units.contains(&unit) {
                let addr = N::addr_from(wide, first_addr(unit));
                prop_assert_eq!(pool.status(addr), Status::OutOfRange, "{}", addr);
                prop_assert_eq!(pool.slot_of(addr), None);
                prop_assert!(!pool.contains(addr) && !pool.is_allocated(addr));
            }
        }
    }
    Ok(())
}

/// The naive scan: address after address until one is neither reserved nor listed.
fn scan(layout: &Layout, content: &Content, users: &BTreeSet<u128>) -> Option<u128> {
    let wanted = users.len() + 4;
    let near = content.units.iter().take(wanted);
    let free = |unit: &&u128| !content.reserved.contains(unit) && !users.contains(unit);
    debug_assert_eq!(layout.shift(), 0);
    near.copied().find(|unit| free(&unit))
}

fn judge_next_free<N: Family>(layout: &Layout, listed: &[u32], repeat: bool) -> TestCaseResult {
    let (base, prefix_len) = layout.network.expect("a network");
    let (wide, width) = (layout.kind.is_wide(), layout.kind.width());
    let last = base | low(width - prefix_len);
    // Mostly from the beginning without a hole, so that the answer is somewhere interesting.
    let mut users: Vec<u128> = (0..200u128)
        .zip(listed.iter().cycle())
        .take(listed.len() * 8)
        .map(|(index, random)| base.saturating_add(index + u128::from(random % 16 == 0)))
        .chain(
            listed
                .iter()
                .map(|&random| base.wrapping_add(random.into())),
        )
        .collect();
    if repeat {
        users.extend(users.clone());
        users.reverse();
    }
    let users: Vec<u128> = users.iter().map(|&user| user & low(width)).collect();
    let mut cut = layout.clone();
    cut.at_most = Some(1500);
    let content = cut.content().expect("at most 1500");
    // The unspecified address in a list is a user without an address.
    let held = users.iter().copied().filter(|&user| user != 0).collect();
    let expected = scan(&cut, &content, &held);
    let records: Vec<IpAddr> = users
        .iter()
        .map(|&user| IpNet::addr_from(wide, user))
        .collect();
    let found = next_free(N::net_from(wide, base, prefix_len), &records);
    match (found, expected) {
        (Ok(net), Some(expected)) => {
            let net: IpNet = net.into();
            prop_assert_eq!((bits_of(net.addr()), net.prefix_len()), (expected, width));
            prop_assert!(expected <= last);
        }
        (Err(NextFreeError::Exhausted { .. }), None) => {}
        (found, expected) => prop_assert!(false, "{:?}, not {:x?}", found, expected),
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(1500))]

    /// The stateless search finds what a scan from the first address finds, in networks of any size.
    #[test]
    fn next_free_is_what_a_scan_finds(
        kind in any_kind(),
        base in any::<u128>(),
        prefix_len in prop_oneof![0u8..=128, 24u8..=32, 120u8..=128],
        listed in prop::collection::vec(prop_oneof![0u32..300, any::<u32>()], 0..40),
        repeat in any::<bool>(),
    ) {
        let prefix_len = prefix_len % (kind.width() + 1);
        let layout = Layout::of_network(kind, base & low(kind.width()), prefix_len);
        with_family!(kind, judge_next_free(&layout, &listed, repeat))?;
    }
}

fn drain_everything<N: Family>(layout: &Layout) {
    let content = layout.content().expect("at most 700");
    let wide = layout.kind.is_wide();
    let usable: Vec<u128> = content
        .units
        .difference(&content.reserved)
        .copied()
        .collect();
    for policy in POLICIES {
        for search in SEARCHES {
            let pool: Pool<N> = layout.pool(Choices {
                policy,
                search,
                stats: StatsLevel::Counts,
            });
            assert_eq!(pool.capacity(), usable.len() as u64, "{layout:?}");
            let mut given = Vec::new();
            while let Ok(addr) = pool.allocate() {
                given.push(bits_of(addr));
                assert!(
                    given.len() <= usable.len(),
                    "{layout:?} {policy:?} {search:?}"
                );
            }
            if policy == Policy::Highest {
                given.reverse();
            }
            if matches!(policy, Policy::Lowest | Policy::Highest | Policy::Next) {
                assert_eq!(given, usable, "{layout:?} {policy:?} {search:?}");
            } else {
                given.sort_unstable();
                assert_eq!(given, usable, "{layout:?} {policy:?} {search:?}");
            }
            for &bits in given.iter().rev() {
                pool.release(N::addr_from(wide, bits))
                    .expect("it was given");
            }
            assert_eq!(pool.allocated(), 0);
            assert_eq!(
                pool.allocate_many(usable.len()).map(|all| all.len()),
                Ok(usable.len())
            );
        }
    }
}

/// 0.0.0.0/0 to /32 and ::/0 to /128: drained to the last address by every policy and search mode,
/// each usable address once, in order where there is one, and back again.
#[test]
fn every_prefix_length_gives_each_usable_address_once() {
    for kind in [Kind::V4, Kind::V6, Kind::AnyV4, Kind::AnyV6] {
        for prefix_len in 0..=kind.width() {
            for base in [0, 0x5a5a_5a5a_5a5a_5a5a_5a5a_5a5a_0a01_0203, u128::MAX] {
                let mut layout = Layout::of_network(kind, base & low(kind.width()), prefix_len);
                let host_bits = kind.width() - prefix_len;
                if host_bits > 9 {
                    layout.at_most = Some(70 + u64::from(prefix_len));
                } else if base != 0 && host_bits > 7 {
                    continue;
                }
                with_family!(kind, drain_everything(&layout));
            }
        }
    }
}

/// A pool of three addresses and every sequence of four calls from a list of ten: small enough
/// to try them all.
#[test]
fn every_short_history_of_a_tiny_pool_is_right() {
    let base = 0x0a00_0000u128;
    let mut layout = Layout::of_network(Kind::V4, base, 24);
    // .2 and .3 make a block, .5 is alone.
    layout.ranges = vec![(base + 2, base + 3), (base + 5, base + 5)];
    let content = layout.content().expect("three addresses");
    let acts = [
        Act::Allocate,
        Act::Exact(base + 3),
        Act::Preferring(base + 5),
        Act::Many(2),
        Act::Into(2),
        Act::Block(31),
        Act::In(base + 3, base + 5),
        Act::Release(base + 2),
        Act::Release(base + 5),
        Act::ReleaseBlock(base + 2, 31),
    ];
    for policy in [Policy::Lowest, Policy::Highest, Policy::Next] {
        for search in SEARCHES {
            let choices = Choices {
                policy,
                search,
                stats: StatsLevel::Counts,
            };
            for history in 0..acts.len().pow(4) {
                let pool: Pool<Ipv4Net> = layout.pool(choices);
                let mut model = Model::new(&layout, content.clone(), choices);
                let mut digits = history;
                let mut done = Vec::new();
                for _ in 0..4 {
                    let act = &acts[digits % acts.len()];
                    digits /= acts.len();
                    let answer = perform(&pool, false, act);
                    done.push((act, answer.clone()));
                    model
                        .judge(act, &answer)
                        .and_then(|()| model.judge_counts(&pool))
                        .unwrap_or_else(|why| panic!("{why}: {policy:?} {search:?} {done:x?}"));
                }
            }
        }
    }
}
