//! Passes over a set: what is counted where, and what is freed and taken back.
//!
//! | file | what it knows |
//! |---|---|
//! | `rules` | what keeps a plan from freeing, in any member |
//! | `members` | members that come, go, refuse, and are drained |
//! | `json` | the field names |
//! | `split` | a pass over a set is the passes of its members |

#[path = "../support/clock.rs"]
mod clock;
#[path = "../support/entries.rs"]
mod entries;
#[cfg(feature = "serde")]
mod json;
mod members;
mod rules;
mod split;

use clock::Clock;
use entries::sum;
use hostbits::{
    Pool, PoolSet,
    set::{self, Strategy},
};
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Twelve minutes: more than the grace of ten.
const LATER: u64 = 720;

type Set = PoolSet<Ipv4Net>;

fn host(net: u8, last: u8) -> Ipv4Addr {
    [10, 0, net, last].into()
}

fn pool(text: &str) -> Pool<Ipv4Net> {
    Pool::new(text.parse().unwrap()).unwrap()
}

fn set_of(nets: &[&str]) -> Set {
    PoolSet::new(nets.iter().map(|net| pool(net))).unwrap()
}

fn take(set: &Set, net: u8, hosts: std::ops::RangeInclusive<u8>) {
    hosts.for_each(|last| set.allocate_exact(host(net, last)).unwrap());
}

fn list(net: u8, hosts: std::ops::RangeInclusive<u8>) -> Vec<String> {
    hosts.map(|last| host(net, last).to_string()).collect()
}

fn pass(reconciler: &mut set::Reconciler<'_, Ipv4Net>, list: &[String]) -> set::Plan {
    let mut pass = reconciler.begin().unwrap();
    pass.read(list);
    pass.finish(list.len() as u64).unwrap()
}

fn member(set: &Set, index: usize) -> Arc<Pool<Ipv4Net>> {
    Arc::clone(set.members().nth(index).unwrap().pool())
}

/// Every kind of entry, of both members and of none, each counted once; and every address.
#[test]
fn every_entry_is_in_one_category_whichever_member_it_is_of() {
    let set = set_of(&["10.0.0.0/24", "10.0.1.0/24"]);
    take(&set, 0, 2..=4);
    take(&set, 1, 2..=4);
    let clock = Clock::default();
    let mut reconciler = set.reconciler_with(clock.options()).unwrap();
    let mut pass = reconciler.begin().unwrap();
    set.allocate_exact(host(1, 100)).unwrap(); // in flight
    set.allocate_exact(host(0, 101)).unwrap(); // in conflict
    let entries = [
        ("10.0.1.2", "ann"),      // matched
        ("10.0.0.2/32", "bob"),   // matched
        ("10.0.1.2", "ann"),      // repeated
        ("10.0.0.2", "eve"),      // duplicate
        ("10.0.1.200", "carol"),  // missing
        ("10.0.0.101", "dave"),   // conflict_taken
        ("10.0.1.1", "gateway"),  // reserved_in_use
        ("10.9.9.9", "far"),      // out_of_range
        ("fd00::1", "six"),       // wrong_family
        ("10.0.1.4/31", "style"), // a block
        ("10.9.0.4/24", "style"), // out_of_range, whatever it means
        ("10.0.2.4/22", "style"), // out_of_range: the host
        ("", "nobody"),           // unassigned
        ("10.0.0.05", "odd"),     // unparseable
    ];
    pass.read(entries);
    assert_eq!(pass.entries(), 14);
    let plan = pass.finish(14).unwrap();
    let of = plan.entries;
    assert_eq!((of.total, sum(&of)), (14, 14));
    assert_eq!((of.matched, of.missing, of.conflict_taken), (2, 1, 1));
    assert_eq!((of.duplicate, of.repeated, of.reserved_in_use), (1, 1, 1));
    assert_eq!((of.out_of_range, of.wrong_family), (3, 1));
    assert_eq!((of.blocks, of.unassigned, of.unparseable), (1, 1, 1));
    let slots = plan.slots;
    assert_eq!(
        (slots.total, slots.matched, slots.orphan, slots.in_flight),
        (506, 3, 3, 1)
    );
    assert_eq!((slots.missing, slots.conflict_taken), (2, 1));
    assert_eq!((plan.listed, plan.listed_before), (6, None));
    assert!(plan.is_unclear && !plan.is_in_order());
    let unclear = plan.members.iter().all(|member| member.plan.is_unclear);
    assert!(unclear, "what cannot be read may be of any of them");
    let names: Vec<_> = plan.members.iter().map(|member| &*member.name).collect();
    assert_eq!(names, ["10.0.0.0/24", "10.0.1.0/24"]);
    let positions: Vec<_> = plan.problems.iter().map(|of| of.position).collect();
    // By weight: unreadable, duplicate, reserved, out of range, of the other family.
    assert_eq!(positions, [14, 4, 7, 8, 11, 12, 9]);
    let of_members = plan.members.iter().map(|member| member.plan.entries.total);
    assert_eq!(of_members.collect::<Vec<_>>(), [3, 4]);
}

/// A block of both members is one entry, and what covers all of them is a route.
#[test]
fn a_block_over_members_counts_once() {
    let set = set_of(&["10.0.0.0/29", "10.0.0.8/29"]);
    set.allocate_many(10).unwrap();
    let options = Clock::default().at_first_sight();
    let mut reconciler = set.reconciler_with(options).unwrap();
    let list = ["10.0.0.2-10.0.0.14", "10.0.0.0/28"].map(str::to_owned);
    let plan = pass(&mut reconciler, &list);
    assert_eq!((plan.entries.blocks, plan.entries.routes), (1, 1));
    assert_eq!(sum(&plan.entries), 2);
    assert_eq!((plan.slots.matched, plan.slots.ripe), (10, 0));
    assert!(!plan.is_unclear && plan.problems.is_empty());
}

/// All barriers are up before the caller reads its list: whatever is allocated from then on is in flight, in the
/// last member as in the first one, though nothing was read for it.
#[test]
fn all_barriers_are_up_when_a_pass_has_begun() {
    for strategy in [Strategy::InOrder, Strategy::MostFree] {
        let nets = ["10.0.0.0/29", "10.0.1.0/29", "10.0.2.0/29"];
        let set = PoolSet::builder()
            .strategy(strategy)
            .members(nets.map(pool))
            .build()
            .unwrap();
        let clock = Clock::default();
        let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
        let mut pass = reconciler.begin().unwrap();
        while set.allocate().is_ok() {}
        pass.read(list(0, 2..=2));
        let plan = pass.finish(1).unwrap();
        assert_eq!((plan.slots.in_flight, plan.slots.orphan), (14, 0));
        assert_eq!(reconciler.apply_at_most(&plan, 99).unwrap().total.freed, 0);
        assert_eq!(set.allocated(), 15);
    }
}

/// Three sights, two graces, over members; what is missing is taken.
#[test]
fn leaks_of_all_members_are_freed_at_their_third_sight() {
    let set = set_of(&["10.0.0.0/24", "10.0.1.0/24"]);
    let clock = Clock::default();
    take(&set, 0, 2..=9);
    take(&set, 1, 2..=9);
    let users = [list(0, 4..=9), list(1, 3..=10)].concat();
    let mut reconciler = set.reconciler_with(clock.options()).unwrap();
    for (sight, ripe) in [(1, 0), (2, 0), (3, 3)] {
        let plan = pass(&mut reconciler, &users);
        assert_eq!(
            (plan.slots.orphan, plan.slots.ripe),
            (3, ripe),
            "sight {sight}"
        );
        let applied = reconciler.apply(&plan).unwrap();
        let adopted = u64::from(sight == 1);
        assert_eq!(
            (applied.total.freed, applied.total.adopted),
            (ripe, adopted)
        );
        let freed: Vec<_> = applied.members.iter().map(|member| member.freed).collect();
        assert_eq!(freed, if sight == 3 { [2, 1] } else { [0, 0] });
        clock.wait(LATER);
    }
    let taken: Vec<_> = set.iter().map(|addr| addr.to_string()).collect();
    assert_eq!(taken, users);
}

/// What a plan frees is found in the order of the set, and not only when it has nothing else.
#[test]
fn what_is_freed_is_handed_out_next() {
    // With and without something that keeps the set from looking at everything.
    let cases =
        [Strategy::InOrder, Strategy::MostFree].map(|strategy| [(strategy, 0), (strategy, 3)]);
    for (strategy, free) in cases.concat() {
        let nets = ["10.0.0.0/28", "10.0.1.0/28", "10.0.2.0/26"];
        let set = PoolSet::builder()
            .strategy(strategy)
            .members(nets.map(pool))
            .build()
            .unwrap();
        while set.allocate().is_ok() {}
        for last in 60..60 + free {
            set.release(host(2, last)).unwrap();
        }
        let held: Vec<_> = set.iter().filter(|addr| addr.octets()[2] != 0).collect();
        let clock = Clock::default();
        let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
        let mut pass = reconciler.begin().unwrap();
        pass.read(&held);
        let plan = pass.finish(held.len() as u64).unwrap();
        let applied = reconciler.apply_at_most(&plan, 13).unwrap();
        assert_eq!(applied.total.freed, 13);
        drop(reconciler);
        assert_eq!(set.allocate(), Ok(host(0, 2)), "{strategy:?}, {free}");
        let rest = std::iter::from_fn(|| set.allocate().ok());
        assert_eq!(rest.count(), 12 + usize::from(free), "{strategy:?}");
    }
}

/// Undone, what is still free is taken back in every member, and the rest is named.
#[test]
fn undoing_takes_back_what_is_free() {
    let set = set_of(&["10.0.0.0/29", "10.0.1.0/24"]);
    let lost = set.allocate_many(9).unwrap();
    let clock = Clock::default();
    let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut reconciler, &[]);
    assert_eq!(reconciler.apply_at_most(&plan, 9).unwrap().total.freed, 9);
    let again = reconciler.apply_at_most(&plan, 9).unwrap().total;
    assert_eq!((again.freed, again.spared), (0, 9));
    let new = set.allocate().unwrap();
    let undone = reconciler.undo(&plan).unwrap();
    assert_eq!((undone.total.taken_back, undone.total.not_free), (8, 1));
    assert_eq!(undone.total.not_free_addrs, [IpAddr::from(new)]);
    assert_eq!(
        (undone.members[0].not_free, undone.members[1].taken_back),
        (1, 4)
    );
    assert!(set.iter().eq(lost));
}
