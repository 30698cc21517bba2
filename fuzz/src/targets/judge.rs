//! Compares a pool that was built from a plan with the naive layout of that plan.

use super::kind::{Kind, addr_of, bits_of, low};
use super::naive::{Expected, Layout, expected};
use super::plan::Plan;
use crate::run::Trace;
use hostbits::{BuildError, NetworkInfo, Policy, Pool, Status};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeSet;

/// Pools up to this size are examined slot by slot, and drained.
const SMALL: u128 = 1500;

/// Builds the plan in every kind that can express it, and checks each pool.
pub(crate) fn judge(plan: &Plan, trace: &mut Trace) {
    let expected = expected(plan);
    if let Expected::TooSlow = expected {
        return trace.note("too slow");
    }
    let any = judge_kind::<IpNet>(plan, &expected, trace).expect("takes both families");
    let v4 = judge_kind::<Ipv4Net>(plan, &expected, trace);
    let v6 = judge_kind::<Ipv6Net>(plan, &expected, trace);
    for info in v4.into_iter().chain(v6) {
        assert_eq!(info, any, "the kinds of pool differ");
    }
}

/// Builds the plan in one kind and returns the outcome, without what may differ between the kinds; `None` if this kind
/// cannot express it.
fn judge_kind<N: Kind>(
    plan: &Plan,
    expected: &Expected,
    trace: &mut Trace,
) -> Option<Result<NetworkInfo, BuildError>> {
    let answer = plan.builder::<N>()?.build();
    match (answer, expected) {
        (Ok(pool), Expected::Layout(layout)) => {
            judge_pool(&pool, layout, plan.policy, trace);
            let mut info = pool.info();
            info.memory_bytes = 0;
            Some(Ok(info))
        }
        (Err(error), Expected::Refused) => {
            judge_error(&error);
            trace.note(error.code());
            if let BuildError::BadRange { reason, .. } = error {
                trace.note(format!("{reason:?}"));
            }
            Some(Err(error))
        }
        (Ok(pool), _) => panic!("built, but should be refused: {pool:?}"),
        (Err(error), _) => panic!("refused: {error}"),
    }
}

/// Checks that an error is true.
fn judge_error(error: &BuildError) {
    assert!(!error.to_string().is_empty());
    match *error {
        BuildError::HostBitsSet {
            given,
            network,
            last,
            ..
        } => {
            assert_eq!((network, network.broadcast()), (given.trunc(), last));
            assert_ne!(given, network);
        }
        BuildError::TooLarge { slots, max, .. } => assert!(slots > max.into()),
        BuildError::BadUnit {
            unit,
            shortest,
            longest,
            ..
        } => {
            assert!(!(shortest..=longest).contains(&unit));
        }
        BuildError::GatewayReserved { label, .. } => assert!(!label.is_empty()),
        _ => {}
    }
}

fn judge_pool<N: Kind>(pool: &Pool<N>, layout: &Layout, policy: Policy, trace: &mut Trace) {
    let info = pool.info();
    assert!(format!("{pool:?} {:?}", pool.snapshot()).contains("capacity"));
    let slots = layout.slots();
    assert_eq!(
        u128::from(info.capacity) + u128::from(info.reserved),
        slots,
        "of all slots"
    );
    assert_eq!((pool.capacity(), pool.allocated()), (info.capacity, 0));
    assert_eq!(info.unit, layout.unit());
    assert_eq!(info.gateway.map(bits_of), layout.gateway);
    let ranges: Vec<_> = info
        .ranges
        .iter()
        .map(|range| (bits_of(range.first), bits_of(range.last)))
        .collect();
    let expected: Vec<_> = layout
        .ranges
        .iter()
        .map(|&(first, last)| (layout.addr(first), layout.last_addr(last)))
        .collect();
    assert_eq!(ranges, expected, "ranges");
    let ends = layout.usable_ends();
    assert_eq!(
        info.first_usable.map(bits_of),
        ends.map(|ends| layout.addr(ends.0))
    );
    assert_eq!(
        info.last_usable.map(bits_of),
        ends.map(|ends| layout.last_addr(ends.1))
    );
    judge_reservations(&info, layout);
    trace.note((
        info.capacity.checked_ilog2(),
        info.ranges.len().min(6),
        info.reservations.len().min(6),
    ));
    trace.note(("unit", layout.unit(), layout.wide));

    for &(first, last) in &layout.ranges {
        for unit in [first, last, first / 2 + last / 2] {
            judge_unit(pool, layout, unit);
        }
        let highest = low(layout.unit());
        let above = last.checked_add(1).filter(|&unit| unit <= highest);
        for unit in first.checked_sub(1).into_iter().chain(above) {
            if !layout.contains(unit) {
                let addr = addr::<N>(layout, layout.addr(unit));
                assert_eq!(pool.status(addr), Status::OutOfRange, "{addr}");
                assert_eq!(pool.slot_of(addr), None, "{addr}");
            }
        }
    }
    if slots <= SMALL {
        judge_slot_by_slot(pool, layout);
        drain(pool, layout, policy);
    }
}

/// Checks that the reservations have the reserved slots of the layout, each once.
fn judge_reservations(info: &NetworkInfo, layout: &Layout) {
    let mut count = 0;
    let mut after = None;
    for reservation in &info.reservations {
        let (first, last) = (bits_of(reservation.first), bits_of(reservation.last));
        assert!(after < Some(first) && first <= last, "reservations ascend");
        after = Some(last);
        assert!(!reservation.label.is_empty());
        let (first, last) = (first >> layout.shift, last >> layout.shift);
        count += last - first + 1;
        assert!(layout.is_reserved(first) && layout.is_reserved(last));
    }
    assert_eq!(count, info.reserved.into(), "reservations add up");
}

fn judge_unit<N: Kind>(pool: &Pool<N>, layout: &Layout, unit: u128) {
    if !layout.contains(unit) {
        return;
    }
    let first = addr::<N>(layout, layout.addr(unit));
    let last = addr::<N>(layout, layout.last_addr(unit));
    let slot = pool
        .slot_of(first)
        .unwrap_or_else(|| panic!("{first} has no slot"));
    assert!(u64::from(slot) < pool.info().slots);
    assert_eq!(
        pool.slot_of(last),
        Some(slot),
        "{last} is of the unit of {first}"
    );
    assert_eq!(pool.addr_of(slot), Some(first));
    match pool.status(last) {
        Status::Free => assert!(!layout.is_reserved(unit), "{first} is reserved"),
        Status::Reserved { label, .. } => {
            assert!(
                layout.is_reserved(unit) && !label.is_empty(),
                "{first} is not reserved"
            );
        }
        other => panic!("{first} of a new pool: {other:?}"),
    }
}

fn judge_slot_by_slot<N: Kind>(pool: &Pool<N>, layout: &Layout) {
    let mut slots = Vec::new();
    for unit in layout.units() {
        judge_unit(pool, layout, unit);
        slots.push(pool.slot_of(addr::<N>(layout, layout.addr(unit))));
    }
    assert!(
        slots.is_sorted_by(|one, next| one < next),
        "slots ascend with the addresses"
    );
    let slot_count = pool.info().slots;
    assert_eq!(
        slots.last().copied().flatten().map(u64::from),
        slot_count.checked_sub(1)
    );
    let named = (0..slot_count).filter(|&slot| pool.addr_of(slot as u32).is_some());
    assert_eq!(named.count(), slots.len(), "padding has no address");
    let usable: Vec<u128> = layout.usable().map(|unit| layout.addr(unit)).collect();
    let free: Vec<u128> = pool.free_from(addr::<N>(layout, 0)).map(bits_of).collect();
    assert_eq!(free, usable, "free_from the lowest address there is");
}

/// Checks that everything usable is handed out once, lowest first if that is the policy.
fn drain<N: Kind>(pool: &Pool<N>, layout: &Layout, policy: Policy) {
    let mut given = Vec::new();
    while let Ok(addr) = pool.allocate() {
        given.push(bits_of(addr));
        assert!(
            given.len() as u64 <= pool.capacity(),
            "more than the capacity"
        );
    }
    let usable: BTreeSet<u128> = layout.usable().map(|unit| layout.addr(unit)).collect();
    assert_eq!(given.len(), usable.len(), "a drain is the capacity");
    if matches!(policy, Policy::Lowest | Policy::Next) {
        assert!(given.is_sorted(), "lowest first");
    }
    if policy == Policy::Highest {
        assert!(given.is_sorted_by(|a, b| a > b), "highest first");
    }
    assert_eq!(given.iter().copied().collect::<BTreeSet<_>>(), usable);
    assert_eq!((pool.allocated(), pool.available()), (pool.capacity(), 0));
    let held: Vec<N::Addr> = pool.iter().collect();
    assert_eq!(pool.release_many(&held).released, pool.capacity());
    assert_eq!(pool.allocated(), 0);
}

pub(crate) fn addr<N: Kind>(layout: &Layout, bits: u128) -> N::Addr {
    N::addr(addr_of(layout.wide, bits)).expect("the layout is of this kind")
}
