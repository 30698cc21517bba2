//! Repairs of others that freed live addresses, as they happened, and what this one does.

#[path = "support/clock.rs"]
mod clock;
mod common;

use clock::Clock;
use common::{host, v4};
use hostbits::{
    Pool,
    reconcile::{ApplyError, Plan, Reconciler},
};
use ipnet::Ipv4Net;

const LATER: u64 = 720;

fn pool() -> Pool<Ipv4Net> {
    Pool::new(v4("10.0.0.0/24")).unwrap()
}

fn pass(reconciler: &mut Reconciler<'_, Ipv4Net>, list: &[String]) -> Plan {
    let mut pass = reconciler.begin().unwrap();
    pass.read(list);
    pass.finish(list.len() as u64).unwrap()
}

/// kubernetes#37488: the service's address was allocated, the repair listed the services, the service was
/// written, and the repair freed the address.
#[test]
fn kubernetes_37488_an_address_between_allocation_and_record_was_freed() {
    let (pool, clock) = (pool(), Clock::default());
    let addr = pool.allocate().unwrap();
    let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
    let plan = pass(&mut reconciler, &[]);
    let written = vec![addr.to_string()];
    assert_eq!(reconciler.apply(&plan).unwrap().freed, 0, "seen once");
    for _ in 0..3 {
        clock.wait(LATER);
        let plan = pass(&mut reconciler, &written);
        assert_eq!(reconciler.apply(&plan).unwrap().freed, 0);
    }
    assert!(pool.iter().eq([addr]));

    // The other order: the pass began first.
    let mut pass_in_between = reconciler.begin().unwrap();
    let late = pool.allocate().unwrap();
    pass_in_between.read(&written);
    let plan = pass_in_between.finish(1).unwrap();
    assert_eq!((plan.slots.in_flight, plan.slots.orphan), (1, 0));
    let _ = reconciler.apply(&plan).unwrap();
    assert!(!pool.is_available(late));
}

/// kubernetes#104769: a service was deleted while the repair ran, which marked its address as taken again,
/// for ever.
#[test]
fn kubernetes_104769_an_address_released_during_the_repair_was_marked_again() {
    let (pool, clock) = (pool(), Clock::default());
    let addr = pool.allocate().unwrap();
    let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
    let plan = pass(&mut reconciler, &[addr.to_string()]);
    pool.release(addr).unwrap();
    assert_eq!(
        reconciler.apply(&plan).unwrap().adopted,
        0,
        "it was taken when the pass began"
    );
    assert!(pool.is_available(addr));

    // Listed, released and not yet deleted when the pass begins: marked, and found as a leak.
    let plan = pass(&mut reconciler, &[addr.to_string()]);
    assert_eq!(reconciler.apply(&plan).unwrap().adopted, 1);
    for ripe in [0, 0, 1] {
        clock.wait(LATER);
        let plan = pass(&mut reconciler, &[]);
        assert_eq!(reconciler.apply_at_most(&plan, 1).unwrap().freed, ripe);
    }
    assert_eq!(pool.allocated(), 0);
}

/// whereabouts#176: the name of a pod came back with another address, and the repair, which went by names,
/// freed one that was in use.
#[test]
fn whereabouts_176_two_addresses_of_one_owner_are_two() {
    let (pool, clock) = (pool(), Clock::default());
    let [old, new] = [pool.allocate().unwrap(), pool.allocate().unwrap()];
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let mut pass = reconciler.begin().unwrap();
    pass.read([(old, "pod-0"), (new, "pod-0")]);
    let plan = pass.finish(2).unwrap();
    assert_eq!((plan.entries.matched, plan.slots.ripe), (2, 0));
    let _ = reconciler.apply(&plan).unwrap();
    assert_eq!(pool.allocated(), 2);
}

/// calico#3589: an address was released and allocated to another pod; then the repair freed it, for the sake
/// of the one before.
#[test]
fn calico_3589_a_late_free_took_the_address_from_its_new_owner() {
    let (pool, clock) = (pool(), Clock::default());
    let addr = pool.allocate().unwrap();
    let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
    for _ in 0..2 {
        pass(&mut reconciler, &[]);
        clock.wait(LATER);
    }
    let plan = pass(&mut reconciler, &[]);
    assert_eq!(plan.slots.ripe, 1);
    pool.release(addr).unwrap();
    assert_eq!(pool.allocate(), Ok(addr));
    let applied = reconciler.apply_at_most(&plan, 1).unwrap();
    assert_eq!((applied.freed, applied.spared), (0, 1));
    assert!(!pool.is_available(addr));
}

/// amazon-vpc-cni-k8s#2896: everything was busy, and no message said so. Here nothing is handed out twice, and a
/// full pool is full also while a pass runs.
#[test]
fn aws_2896_a_full_pool_is_exhausted_beside_a_pass() {
    let pool = pool();
    let mut reconciler = pool.reconciler().unwrap();
    let pass = reconciler.begin().unwrap();
    assert_eq!(std::iter::from_fn(|| pool.allocate().ok()).count(), 253);
    assert_eq!(pool.allocate().unwrap_err().code(), "exhausted");
    assert_eq!(pass.finish(0).unwrap().slots.in_flight, 253);
}

/// amazon-vpc-cni-k8s#3876: the pool had become smaller, and what lay outside of it was erased.
#[test]
fn aws_3876_addresses_outside_of_a_pool_that_shrank_are_reported_and_left_alone() {
    let (small, clock) = (Pool::new(v4("10.0.0.0/25")).unwrap(), Clock::default());
    let list: Vec<String> = [5, 130, 200].map(|last| host(last).to_string()).into();
    let mut reconciler = small.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut reconciler, &list);
    assert_eq!((plan.entries.missing, plan.entries.out_of_range), (1, 2));
    let problems: Vec<_> = plan.problems.iter().map(|problem| &*problem.text).collect();
    assert_eq!(problems, ["10.0.0.130", "10.0.0.200"]);
    assert_eq!(reconciler.apply(&plan).unwrap().adopted, 1);
}

/// A list read page by page with OFFSET, while entries were deleted, leaves some out: the number of entries
/// does not fit, or too many orphans appear at once.
#[test]
fn offset_pagination_with_deletes_in_between_is_noticed() {
    let (pool, clock) = (pool(), Clock::default());
    let held = pool.allocate_many(100).unwrap();
    let mut table: Vec<String> = held.iter().map(ToString::to_string).collect();
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let mut pass = reconciler.begin().unwrap();
    let announced = table.len() as u64;
    let mut offset = 0;
    while offset < table.len() {
        let page: Vec<String> = table.iter().skip(offset).take(10).cloned().collect();
        pass.read(&page);
        offset += 10;
        table.drain(..7.min(table.len()));
    }
    let read = pass.entries();
    assert!(read < announced);
    assert_eq!(pass.finish(announced).unwrap_err().code(), "count-mismatch");

    // A caller that believes the source, and announces what came, is stopped by the fuse.
    let mut pass = reconciler.begin().unwrap();
    pass.read(&table);
    let plan = pass.finish(table.len() as u64).unwrap();
    assert!(matches!(
        reconciler.apply(&plan),
        Err(ApplyError::Fuse { .. })
    ));
    assert_eq!(pool.allocated(), 100);
}

/// Two who repair one pool at once: the second one waits its turn. The first one is gone half-way, and the
/// second one's pass is a whole one.
#[test]
fn two_reconcilers_do_not_meet_and_a_dead_one_is_in_nobody_s_way() {
    let (pool, clock) = (pool(), Clock::default());
    let _ = pool.allocate_many(5).unwrap();
    let mut first = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let _plan = pass(&mut first, &[]);
    assert_eq!(pool.reconciler().unwrap_err().code(), "busy");
    drop(first);
    let mut second = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut second, &[]);
    assert_eq!(second.apply_at_most(&plan, 5).unwrap().freed, 5);
}
