//! Passes over a set: what is counted where, what keeps it from freeing, and that it frees what single passes
//! would free.

#[path = "support/clock.rs"]
mod clock;

use clock::Clock;
use hostbits::{
    Ambiguous, EntryCounts, Fuse, Listed, Plan, Pool, PoolSet, Problem, ProblemKind, Reconciler,
    SetApplyError, SetPlan, SetReconciler, Strategy, UserRecord,
};
use ipnet::{IpNet, Ipv4Net};
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

fn pass(reconciler: &mut SetReconciler<'_, Ipv4Net>, list: &[String]) -> SetPlan {
    let mut pass = reconciler.begin().unwrap();
    pass.read(list);
    pass.finish(list.len() as u64).unwrap()
}

fn member(set: &Set, index: usize) -> Arc<Pool<Ipv4Net>> {
    Arc::clone(set.members().nth(index).unwrap().pool())
}

fn sum(of: &EntryCounts) -> u64 {
    of.matched
        + of.missing
        + of.conflict_taken
        + of.duplicate
        + of.repeated
        + of.reserved_in_use
        + of.out_of_range
        + of.wrong_family
        + of.ambiguous
        + of.unassigned
        + of.unparseable
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
        ("10.0.1.4/24", "style"), // ambiguous
        ("10.9.0.4/24", "style"), // out_of_range, whatever it means
        ("10.0.2.4/22", "style"), // ambiguous: of no member as an address, of both as a block
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
    assert_eq!((of.out_of_range, of.wrong_family), (2, 1));
    assert_eq!((of.ambiguous, of.unassigned, of.unparseable), (2, 1, 1));
    let slots = plan.slots;
    assert_eq!(
        (slots.total, slots.matched, slots.orphan, slots.in_flight),
        (506, 3, 3, 1)
    );
    assert_eq!((slots.missing, slots.conflict_taken), (1, 1));
    assert_eq!((plan.listed, plan.listed_before), (5, None));
    assert!(plan.is_unclear && !plan.is_in_order());
    let unclear = plan.members.iter().all(|member| member.plan.is_unclear);
    assert!(unclear, "what cannot be read may be of any of them");
    let names: Vec<_> = plan.members.iter().map(|member| &*member.name).collect();
    assert_eq!(names, ["10.0.0.0/24", "10.0.1.0/24"]);
    let positions: Vec<_> = plan.problems.iter().map(|of| of.position).collect();
    // The block of no member by its address: ambiguous, and out of range.
    assert_eq!(positions, [4, 7, 8, 9, 10, 11, 12, 12, 14]);
    let of_members = plan.members.iter().map(|member| member.plan.entries.total);
    assert_eq!(of_members.collect::<Vec<_>>(), [3, 5]);
}

/// An expanded block of both members is one entry.
#[test]
fn a_block_over_members_counts_once() {
    let set = set_of(&["10.0.0.0/29", "10.0.0.8/29"]);
    set.allocate_many(10).unwrap();
    let options = Clock::default().at_first_sight();
    let mut reconciler = set
        .reconciler_with(options.ambiguous(Ambiguous::Expand))
        .unwrap();
    let plan = pass(&mut reconciler, &["10.0.0.0/28".to_owned()]);
    assert_eq!((plan.entries.ambiguous, sum(&plan.entries)), (1, 1));
    assert_eq!((plan.slots.matched, plan.slots.ripe), (10, 0));
    assert!(!plan.is_unclear);
    let ambiguous = |problem: &&Problem| problem.kind == ProblemKind::Ambiguous;
    assert_eq!(plan.problems.iter().filter(ambiguous).count(), 1);
}

/// All barriers are up before the caller reads its list: whatever is allocated from then on is in flight, in the
/// last member as in the first one, though nobody has read anything for it.
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

/// The rules of all members are asked before anything is freed in any, and those of the whole list.
#[test]
fn one_fuse_keeps_all_members_from_freeing() {
    struct Case {
        taken: [u8; 3],
        list: Vec<String>,
        age: u64,
        member: Option<&'static str>,
        fuse: Option<&'static str>,
    }
    let case = |taken, listed: [u8; 3], member, fuse| Case {
        taken,
        list: (0..3)
            .flat_map(|net| list(net, 2..=1 + listed[usize::from(net)]))
            .collect(),
        age: 0,
        member,
        fuse,
    };
    let with = |mut case: Case, odd: &str| {
        case.list.push(odd.to_owned());
        case
    };
    let last = Some("10.0.2.0/24");
    let cases = [
        case([9, 9, 9], [8, 9, 8], None, None),
        // Somebody forgot the file of the last network.
        case([9, 9, 5], [8, 9, 0], last, Some("empty-list")),
        case([9, 9, 40], [8, 9, 20], last, Some("too-many")),
        // Each of them may free 16, but not all of them together.
        case([30, 30, 30], [20, 25, 29], None, None),
        case([30, 30, 30], [20, 23, 30], None, Some("too-many")),
        with(
            case([9, 9, 9], [8, 9, 8], None, Some("unclear")),
            "10.0.0.x",
        ),
        with(
            case([9, 9, 9], [8, 9, 8], None, Some("unclear")),
            "10.0.0.3/24",
        ),
        with(
            case([9, 9, 9], [8, 9, 8], None, Some("unclear")),
            "10.0.3.3/22",
        ),
        with(case([9, 9, 9], [8, 9, 8], None, None), "10.9.0.3/22"),
        Case {
            age: 901,
            ..case([9, 9, 9], [8, 9, 8], Some("10.0.0.0/24"), Some("stale"))
        },
    ];
    for (index, case) in cases.into_iter().enumerate() {
        let set = set_of(&["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]);
        for (net, &taken) in case.taken.iter().enumerate() {
            take(&set, net as u8, 2..=1 + taken);
        }
        let clock = Clock::default();
        let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
        let plan = pass(&mut reconciler, &case.list);
        let ripe = plan.slots.ripe;
        assert_ne!(ripe, 0, "case {index}");
        clock.wait(case.age);
        let before: Vec<_> = set.iter().collect();
        let applied = reconciler.apply(&plan);
        let Some(code) = case.fuse else {
            assert_eq!(applied.unwrap().total.freed, ripe, "case {index}");
            continue;
        };
        let error = applied.unwrap_err();
        assert_eq!(error.code(), code, "case {index}: {error}");
        let SetApplyError::Fuse {
            member,
            ripe: of_all,
            ..
        } = error
        else {
            panic!("case {index}: {error}");
        };
        assert_eq!(
            (member.as_deref(), of_all),
            (case.member, ripe),
            "case {index}"
        );
        assert!(set.iter().eq(before.iter().copied()), "case {index}");
        // The number is that of the whole set, and stands for every rule about numbers.
        let error = reconciler.apply_at_most(&plan, ripe - 1).unwrap_err();
        assert!(set.iter().eq(before), "case {index}: {error}");
        let by_number = ["too-many", "empty-list"].contains(&code);
        let applied = reconciler.apply_at_most(&plan, ripe);
        assert_eq!(applied.is_ok(), by_number, "case {index}");
    }
}

/// A list that lost half of what the longest one had is short for the set, though each member has a little.
#[test]
fn a_list_that_shrank_frees_nothing() {
    let set = set_of(&["10.0.0.0/24", "10.0.1.0/24"]);
    take(&set, 0, 2..=21);
    take(&set, 1, 2..=21);
    let clock = Clock::default();
    let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
    let whole = [list(0, 2..=21), list(1, 2..=21)].concat();
    assert!(pass(&mut reconciler, &whole).is_in_order());
    for last in 5..=21 {
        set.release(host(0, last)).unwrap();
    }
    let short = [list(0, 2..=4), list(1, 2..=16)].concat();
    let plan = pass(&mut reconciler, &short);
    assert_eq!(
        (plan.listed, plan.listed_before, plan.slots.ripe),
        (18, Some(40), 5)
    );
    let error = reconciler.apply(&plan).unwrap_err();
    let SetApplyError::Fuse {
        member: None,
        fuse: Fuse::Shrunk { listed, before, .. },
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((listed, before), (18, 40));
    assert_eq!(reconciler.apply_at_most(&plan, 5).unwrap().total.freed, 5);
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

/// An error of the list, at whatever entry, and no member has a plan, or has seen anything.
#[test]
fn a_list_that_fails_at_entry_k_frees_nothing_for_every_k() {
    let set = set_of(&["10.0.0.0/28", "10.0.1.0/27"]);
    let held = set.allocate_many(40).unwrap();
    let users: Vec<String> = held.iter().map(ToString::to_string).collect();
    let clock = Clock::default();
    let mut reconciler = set.reconciler_with(clock.options()).unwrap();
    for k in 0..users.len() {
        let mut pass = reconciler.begin().unwrap();
        let entries = users[..k].iter().map(Ok).chain([Err("connection lost")]);
        assert_eq!(pass.try_read(entries), Err("connection lost"), "entry {k}");
        let error = pass.finish(k as u64).unwrap_err();
        assert_eq!(error.code(), "incomplete", "entry {k}");
        let mut pass = reconciler.begin().unwrap();
        pass.read(&users[..k]);
        let error = pass.finish(users.len() as u64).unwrap_err();
        assert_eq!(error.code(), "count-mismatch", "entry {k}");
        let mut pass = reconciler.begin().unwrap();
        pass.read(&users[..k]);
        drop(pass);
        clock.wait(LATER);
    }
    // Nothing was seen by all of these: an orphan is seen for the first time now.
    let plan = pass(&mut reconciler, &users[1..]);
    assert_eq!((plan.slots.orphan, plan.slots.ripe), (1, 0));
    assert!(plan.members[0].plan.ranges[0].again_ms.is_none());
    assert_eq!(set.allocated(), 40);
}

/// A member that refuses leaves none of the others held.
#[test]
fn a_busy_member_refuses_for_all() {
    let set = set_of(&["10.0.0.0/28", "10.0.1.0/28"]);
    let last = member(&set, 1);
    let theirs = last.reconciler().unwrap();
    let error = set.reconciler().unwrap_err();
    assert_eq!((error.code(), error.id.index()), ("busy", 1));
    assert!(
        error.to_string().starts_with("10.0.1.0/28: somebody else"),
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
    let plan = self::pass(&mut reconciler, &list(1, 2..=2));
    assert_eq!(
        (plan.members.len(), plan.entries.matched, plan.slots.ripe),
        (2, 1, 1)
    );
    assert_eq!(reconciler.apply(&plan).unwrap().total.freed, 1);
}

/// Whoever holds an address in a drained member or under a cordon is in the list as everybody else.
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

/// A plan that was left open goes on with the members that there are; a removed pool stays usable, and whoever
/// reconciles it next takes its barrier down.
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
        "10.0.1.0/24: the plan is of another pool"
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

/// Who is refused has still a plan to go on with: none of the members' numbers is spent.
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
    // A member that somebody has reconciled alone begins anew, and the other one goes on.
    let plan = second.leave_open(plan);
    drop(last.reconciler().unwrap().begin().unwrap());
    let third = set.resume_reconciler(clock.options(), &plan).unwrap();
    let anew: Vec<_> = third.began_anew().iter().map(|id| id.index()).collect();
    assert_eq!(anew, [1]);
}

/// A plan that is not the latest of one member is applied in none.
#[test]
fn plans_of_others_and_old_ones_are_refused_whole() {
    let set = set_of(&["10.0.0.0/24", "10.0.1.0/24"]);
    take(&set, 0, 2..=3);
    let clock = Clock::default();
    let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut reconciler, &list(0, 2..=2));
    let mut mixed = pass(&mut reconciler, &list(0, 2..=2));
    mixed.members[1] = plan.members[1].clone();
    let error = reconciler.apply(&mixed).unwrap_err();
    assert_eq!(error.code(), "superseded");
    assert!(error.to_string().starts_with("10.0.1.0/24: "), "{error}");
    let other = set_of(&["10.0.0.0/24", "10.0.1.0/24"]);
    let mut elsewhere = other.reconciler_with(clock.at_first_sight()).unwrap();
    pass(&mut elsewhere, &[]);
    assert_eq!(elsewhere.apply(&plan).unwrap_err().code(), "other-pool");
    assert_eq!(elsewhere.undo(&plan).unwrap_err().code(), "other-pool");
    assert_eq!(set.allocated(), 2);
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

struct User {
    position: u64,
    text: String,
    owner: Option<String>,
}

impl UserRecord for User {
    fn listed(&self) -> Listed<'_> {
        Listed::Text(&self.text)
    }

    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
}

/// The part of a list that names addresses of one network.
fn share<'u>(users: &'u [User], pool: &Pool<Ipv4Net>, reading: Ambiguous) -> Vec<&'u User> {
    let net = pool.info().network.unwrap();
    let is_for = |user: &&User| {
        let text = &user.text;
        match text.parse::<Ipv4Net>() {
            Ok(block) if block.prefix_len() != 32 && reading == Ambiguous::Expand => {
                let net: Ipv4Net = net.to_string().parse().unwrap();
                net.contains(&block.trunc()) || block.contains(&net)
            }
            Ok(block) => net.contains(&IpAddr::V4(block.addr())),
            Err(_) => text.parse().is_ok_and(|addr: IpAddr| net.contains(&addr)),
        }
    };
    users.iter().filter(is_for).collect()
}

/// The same plan for another pool, whose part of the list has its own positions.
fn as_of(mut plan: Plan, of: &Plan, share: &[&User]) -> Plan {
    plan.pool = of.pool.clone();
    let whole = |position: u64| share[position as usize - 1].position;
    let problem = |problem: &mut Problem| {
        problem.position = whole(problem.position);
        if let ProblemKind::Duplicate { first_position, .. } = &mut problem.kind {
            *first_position = whole(*first_position);
        }
    };
    plan.problems.iter_mut().for_each(problem);
    plan
}

/// A pass over a set of pools makes the plans of passes over the pools, each with its own part of the list, and
/// frees and takes the same.
#[test]
fn a_pass_over_a_set_is_the_passes_of_its_members() {
    let mut random = 7u64;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    let (mut freed, mut refused) = (0, 0);
    for round in 0..200 {
        let nets = ["10.0.2.0/25", "10.0.0.0/26", "10.0.0.64/27", "10.0.0.96/29"];
        let nets = &nets[..1 + draw(4) as usize];
        let set = set_of(nets);
        let alone: Vec<_> = nets.iter().map(|net| pool(net)).collect();
        let reading = [Ambiguous::Host, Ambiguous::Expand][draw(2) as usize];
        let clock = Clock::default();
        let options = || clock.options().ambiguous(reading);
        let mut of_set = set.reconciler_with(options()).unwrap();
        let reconciler = |pool| Pool::reconciler_with(pool, options()).unwrap();
        let mut of_each: Vec<Reconciler<'_, _>> = alone.iter().map(reconciler).collect();
        let mut rows: Vec<Ipv4Addr> = Vec::new();
        for _ in 0..6 {
            for _ in 0..draw(40) {
                let addr = host([0, 0, 2][draw(3) as usize], draw(130) as u8);
                let mut pools = alone.iter();
                let taken = pools.any(|pool| pool.allocate_exact(addr).is_ok());
                assert_eq!(taken, set.allocate_exact(addr).is_ok());
                if taken && draw(3) != 0 {
                    rows.push(addr);
                }
            }
            let texts = rows.iter().map(ToString::to_string);
            let odd = (0..draw(4)).map(|_| {
                let addr = host([0, 2, 7][draw(3) as usize], draw(130) as u8);
                let suffix = if draw(3) == 0 {
                    format!("/{}", 23 + draw(10))
                } else {
                    String::new()
                };
                format!("{addr}{suffix}")
            });
            let odd: Vec<_> = odd.collect();
            let users: Vec<User> = texts
                .chain(odd)
                .zip(1..)
                .map(|(text, position)| User {
                    position,
                    text,
                    owner: (draw(2) == 0).then(|| format!("user {}", draw(9))),
                })
                .collect();
            let mut pass = of_set.begin().unwrap();
            pass.read(&users);
            let plan = pass.finish(users.len() as u64).unwrap();
            assert_eq!(sum(&plan.entries), plan.entries.total, "round {round}");
            let mut plans = Vec::new();
            for ((pool, reconciler), member) in alone.iter().zip(&mut of_each).zip(&plan.members) {
                let share = match alone.len() {
                    // The only one reads all, and says what is not its own.
                    1 => users.iter().collect(),
                    _ => share(&users, pool, reading),
                };
                let mut pass = reconciler.begin().unwrap();
                pass.read(&share);
                let mut single = pass.finish(share.len() as u64).unwrap();
                // What is unclear in one part is so for all of them.
                single.is_unclear = plan.is_unclear;
                assert_eq!(
                    as_of(single.clone(), &member.plan, &share),
                    member.plan,
                    "round {round}"
                );
                plans.push(single);
            }
            match of_set.apply_at_most(&plan, plan.slots.ripe) {
                Ok(applied) => {
                    let applied_of = |(reconciler, plan): (&mut Reconciler<'_, _>, &Plan)| {
                        reconciler.apply_at_most(plan, plan.slots.ripe).unwrap()
                    };
                    let singles: Vec<_> = of_each.iter_mut().zip(&plans).map(applied_of).collect();
                    assert_eq!(applied.members, singles, "round {round}");
                    freed += applied.total.freed;
                }
                Err(error) => {
                    assert_eq!(error.code(), "unclear");
                    refused += 1;
                }
            }
            let taken = alone.iter().flat_map(Pool::iter);
            assert!(set.iter().eq(taken), "round {round}");
            rows.retain(|_| draw(9) != 0);
            clock.wait(draw(2) * LATER);
        }
    }
    assert!(
        freed > 1_000 && refused > 20,
        "too little was tried: {freed}, {refused}"
    );
}
