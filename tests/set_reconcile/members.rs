//! Members that come and go between passes, refuse, are drained, or are of another family.

use crate::clock::Clock;
use crate::{LATER, host, list, member, pass, pool, set_of, take};
use hostbits::{Pool, PoolSet};
use ipnet::{IpNet, Ipv4Net};
use std::sync::Arc;

/// A member that refuses leaves none of the others held.
#[test]
fn a_busy_member_refuses_for_all() {
    let set = set_of(&["10.0.0.0/28", "10.0.1.0/28"]);
    let last = member(&set, 1);
    let theirs = last.reconciler().unwrap();
    let error = set.reconciler().unwrap_err();
    assert_eq!((error.code(), error.id.index()), ("busy", 1));
    assert!(
        error
            .to_string()
            .starts_with("10.0.1.0/28: this pool is already being reconciled"),
        "{error}"
    );
    assert!(
        member(&set, 0).reconciler().is_ok(),
        "the first one is free"
    );
    drop(theirs);
    let mut reconciler = set.reconciler().unwrap();
    assert_eq!(last.reconciler().unwrap_err().code(), "busy");
    let added = Arc::new(pool("10.0.2.0/28"));
    let theirs = added.reconciler().unwrap();
    set.add(Arc::clone(&added)).unwrap();
    assert_eq!(
        reconciler.begin().err().map(|error| error.id.index()),
        Some(2)
    );
    drop(theirs);
    assert_eq!(
        reconciler.begin().unwrap().finish(0).unwrap().members.len(),
        3
    );
}

/// A member that comes in the middle of a pass is no part of it, and of the next one it is.
#[test]
fn members_that_come_meanwhile_are_of_the_next_pass() {
    let set = set_of(&["10.0.0.0/28"]);
    let clock = Clock::default();
    let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
    let mut pass = reconciler.begin().unwrap();
    set.add(pool("10.0.1.0/28")).unwrap();
    take(&set, 1, 2..=3);
    pass.read(["10.0.1.2"]);
    let plan = pass.finish(1).unwrap();
    assert_eq!((plan.members.len(), plan.entries.out_of_range), (1, 1));
    assert_eq!(reconciler.apply(&plan).unwrap().members.len(), 1);
    let plan = crate::pass(&mut reconciler, &list(1, 2..=2));
    assert_eq!(
        (plan.members.len(), plan.entries.matched, plan.slots.ripe),
        (2, 1, 1)
    );
    assert_eq!(reconciler.apply(&plan).unwrap().total.freed, 1);
}

/// The holder of an address in a drained member or under a cordon is in the list like all others.
#[test]
fn drained_members_and_cordons_are_reconciled() {
    let set = set_of(&["10.0.0.0/24", "10.0.1.0/24"]);
    take(&set, 0, 2..=5);
    take(&set, 1, 2..=5);
    set.drain(set.members().nth(1).unwrap().id()).unwrap();
    set.cordon(host(0, 0)..=host(0, 3)).unwrap();
    let clock = Clock::default();
    let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
    let users = [list(0, 3..=5), list(1, 3..=6)].concat();
    let plan = pass(&mut reconciler, &users);
    assert_eq!((plan.slots.ripe, plan.slots.missing), (2, 1));
    let applied = reconciler.apply(&plan).unwrap().total;
    assert_eq!((applied.freed, applied.adopted), (2, 1));
    assert_eq!(set.stragglers().count(), 1 + 4);
    assert_eq!(
        set.allocate(),
        Ok(host(0, 6)),
        "what was freed is under the cordon"
    );
}

/// A plan that was left open goes on with the members that there are; a removed pool stays usable, and its next
/// reconciler takes its barrier down.
#[test]
fn a_member_is_removed_between_two_passes() {
    let mut set = set_of(&["10.0.0.0/24", "10.0.1.0/24"]);
    take(&set, 0, 2..=5);
    let clock = Clock::default();
    let mut first = set.reconciler_with(clock.options()).unwrap();
    pass(&mut first, &list(0, 2..=4));
    clock.wait(LATER);
    let plan = pass(&mut first, &list(0, 2..=4));
    let plan = first.leave_open(plan);
    clock.wait(LATER);
    let id = set.members().nth(1).unwrap().id();
    set.drain(id).unwrap();
    let removed = set.remove(id).unwrap();
    set.add(pool("10.0.2.0/24")).unwrap();
    let mut second = set.resume_reconciler(clock.options(), &plan).unwrap();
    let anew: Vec<_> = second.began_anew().iter().map(|id| id.index()).collect();
    assert_eq!(anew, [2], "the added one");
    let error = second.apply_at_most(&plan, 9).unwrap_err();
    assert_eq!(
        error.to_string(),
        "10.0.1.0/24: the plan belongs to another pool"
    );
    let third_sight = pass(&mut second, &list(0, 2..=4));
    assert_eq!((third_sight.members.len(), third_sight.slots.ripe), (2, 1));
    assert_eq!(second.apply(&third_sight).unwrap().total.freed, 1);
    // The other one goes on by itself: its slot is free, its barrier is up until a pass of its own.
    let lost = removed.allocate().unwrap();
    let mut alone = removed.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = alone.begin().unwrap().finish(0).unwrap();
    assert_eq!(
        (
            plan.slots.orphan,
            alone.apply_at_most(&plan, 1).unwrap().freed
        ),
        (1, 1)
    );
    assert!(removed.is_available(lost));
}

/// A refused resumption keeps the plan to go on with: none of the members' numbers is spent.
#[test]
fn a_refused_resumption_costs_nothing() {
    let set = set_of(&["10.0.0.0/24", "10.0.1.0/24"]);
    take(&set, 0, 2..=3);
    take(&set, 1, 2..=3);
    let clock = Clock::default();
    let users = [list(0, 2..=2), list(1, 2..=2)].concat();
    let mut first = set.reconciler_with(clock.options()).unwrap();
    pass(&mut first, &users);
    clock.wait(LATER);
    let plan = pass(&mut first, &users);
    let plan = first.leave_open(plan);
    clock.wait(LATER);
    let last = member(&set, 1);
    let theirs = last.reconciler().unwrap();
    let refused = set.resume_reconciler(clock.options(), &plan).unwrap_err();
    assert_eq!(refused.code(), "busy");
    drop(theirs);
    let touched = host(1, 3);
    set.release(touched).unwrap();
    set.allocate_exact(touched).unwrap();
    let mut second = set.resume_reconciler(clock.options(), &plan).unwrap();
    assert_eq!(second.began_anew(), []);
    let plan = pass(&mut second, &users);
    assert_eq!(
        (plan.slots.orphan, plan.slots.ripe),
        (2, 1),
        "the barriers stayed up"
    );
    assert_eq!(second.apply(&plan).unwrap().total.freed, 1);
    // A member that was reconciled alone begins anew, and the other one goes on.
    let plan = second.leave_open(plan);
    drop(last.reconciler().unwrap().begin().unwrap());
    let third = set.resume_reconciler(clock.options(), &plan).unwrap();
    let anew: Vec<_> = third.began_anew().iter().map(|id| id.index()).collect();
    assert_eq!(anew, [1]);
}

/// A set of both families reads a list of both.
#[test]
fn a_set_of_both_families_is_reconciled_with_one_list() {
    let net = |text: &str| Pool::new(text.parse::<IpNet>().unwrap()).unwrap();
    let set = PoolSet::new([net("10.0.0.0/24"), net("2001:db8::/112")]).unwrap();
    let clock = Clock::default();
    let addrs = ["10.0.0.9", "10.0.0.10", "2001:db8::9", "2001:db8::a"];
    for addr in addrs {
        set.allocate_exact(addr.parse().unwrap()).unwrap();
    }
    let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
    let mut pass = reconciler.begin().unwrap();
    pass.read(["10.0.0.9", "2001:db8::9", "2001:db8:1::9"]);
    let plan = pass.finish(3).unwrap();
    assert_eq!((plan.entries.matched, plan.entries.out_of_range), (2, 1));
    assert_eq!(plan.entries.wrong_family, 0);
    assert_eq!(reconciler.apply(&plan).unwrap().total.freed, 2);
}

#[test]
fn a_set_without_members_has_nothing_to_do() {
    let set = PoolSet::<Ipv4Net>::builder().build().unwrap();
    let mut reconciler = set.reconciler().unwrap();
    let plan = pass(&mut reconciler, &list(0, 2..=3));
    assert_eq!((plan.entries.out_of_range, plan.members.len()), (2, 0));
    assert_eq!(reconciler.apply(&plan).unwrap().total.freed, 0);
}
