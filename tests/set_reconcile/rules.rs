//! What keeps a plan from being made, and from freeing anything in any member.

use crate::clock::Clock;
use crate::{LATER, host, list, pass, set_of, take};
use hostbits::{reconcile::Fuse, set};
use std::panic::{AssertUnwindSafe, catch_unwind};

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
        // The file of the last network was forgotten.
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
            "10.0.0.3/33",
        ),
        // A host of no member, whatever its network is.
        with(case([9, 9, 9], [8, 9, 8], None, None), "10.0.3.3/22"),
        with(case([9, 9, 9], [8, 9, 8], None, None), "10.9.0.3/22"),
        Case {
            age: 901,
            ..case([9, 9, 9], [8, 9, 8], None, Some("stale"))
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
        let set::ApplyError::Fuse {
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
    assert!(!plan.is_in_order(), "what is taken and not listed");
    assert_eq!(
        (plan.listed, plan.listed_before, plan.slots.ripe),
        (18, Some(40), 5)
    );
    let error = reconciler.apply(&plan).unwrap_err();
    let set::ApplyError::Fuse {
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

/// A list that panics on the way has not been read, even if the panic is caught: finishing is refused.
#[test]
fn a_list_that_panics_frees_nothing() {
    let set = set_of(&["10.0.0.0/28", "10.0.1.0/27"]);
    let users = set.allocate_many(40).unwrap();
    let clock = Clock::default();
    let mut reconciler = set.reconciler_with(clock.at_first_sight()).unwrap();
    for k in [0, 1, 20] {
        let mut pass = reconciler.begin().unwrap();
        let entries = users.iter().enumerate().map(|(index, user)| {
            assert_ne!(index, k, "the row cannot be read");
            user
        });
        let read = catch_unwind(AssertUnwindSafe(|| pass.read(entries)));
        assert!(read.is_err(), "entry {k}");
        // What has been read by then is all that there is, as far as the pass can count.
        let entries = pass.entries();
        let error = pass.finish(entries).unwrap_err();
        assert_eq!(error.code(), "incomplete", "entry {k}");
    }
    assert_eq!(set.allocated(), 40);
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
