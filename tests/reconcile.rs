//! The reconciliation pass: what falls in which category, what keeps it from freeing, what it frees.

#[path = "support/clock.rs"]
mod clock;
mod common;
#[path = "support/entries.rs"]
mod entries;

use clock::Clock;
use common::{a4, host, ten, v4, v6};
use entries::sum;
use hostbits::{
    Policy, Pool,
    reconcile::{self, ApplyError, EntryCounts, Fuse, Plan, Reconciler, SlotCounts},
};
use ipnet::Ipv4Net;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Twelve minutes: more than the grace of ten.
const LATER: u64 = 720;

fn pool() -> Pool<Ipv4Net> {
    Pool::new(v4("10.0.0.0/24")).unwrap()
}

fn hosts(of: std::ops::RangeInclusive<u8>) -> Vec<String> {
    of.map(|last| host(last).to_string()).collect()
}

fn pass(reconciler: &mut Reconciler<'_, Ipv4Net>, list: &[String]) -> Plan {
    let mut pass = reconciler.begin().unwrap();
    pass.read(list);
    pass.finish(list.len() as u64).unwrap()
}

fn fuse_of(error: ApplyError) -> Fuse {
    match error {
        ApplyError::Fuse { fuse, .. } => fuse,
        other => panic!("{other:?}"),
    }
}

/// Every kind of entry and every kind of address, each counted once.
#[test]
fn every_entry_and_every_address_is_in_one_category() {
    let pool = pool();
    for last in 2..=6 {
        pool.allocate_exact(host(last)).unwrap();
    }
    let clock = Clock::default();
    let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
    let mut pass = reconciler.begin().unwrap();
    pool.allocate_exact(host(100)).unwrap(); // in flight
    pool.allocate_exact(host(101)).unwrap(); // in conflict
    let list = [
        ("10.0.0.2", "ann"),      // matched
        ("10.0.0.3/32", "bob"),   // matched
        ("10.0.0.3", "bob"),      // repeated
        ("10.0.0.3", "eve"),      // duplicate
        ("10.0.0.200", "carol"),  // missing
        ("10.0.0.101", "dave"),   // conflict_taken
        ("10.0.0.1", "gateway"),  // reserved_in_use
        ("10.9.9.9", "far"),      // out_of_range
        ("fd00::1", "six"),       // wrong_family
        ("10.0.0.4/31", "style"), // a block: 10.0.0.4 and 10.0.0.5 are listed
        ("10.0.0.0/31", "style"), // reserved_in_use, all of it: counted once
        ("10.9.0.4/24", "style"), // out_of_range, whatever it means
        ("", "nobody"),           // unassigned
        ("10.0.0.05", "odd"),     // unparseable
    ];
    pass.read(list);
    let plan = pass.finish(14).unwrap();
    let EntryCounts {
        total,
        matched,
        missing,
        conflict_taken,
        duplicate,
        repeated,
        ..
    } = plan.entries;
    assert_eq!((total, matched, missing, conflict_taken), (14, 2, 1, 1));
    assert_eq!((duplicate, repeated), (1, 1));
    let EntryCounts {
        reserved_in_use,
        out_of_range,
        wrong_family,
        blocks,
        ..
    } = plan.entries;
    assert_eq!(
        (reserved_in_use, out_of_range, wrong_family, blocks),
        (2, 2, 1, 1)
    );
    assert_eq!((plan.entries.unassigned, plan.entries.unparseable), (1, 1));
    let SlotCounts {
        total,
        matched,
        orphan,
        in_flight,
        missing,
        conflict_taken,
        free,
        ..
    } = plan.slots;
    assert_eq!(
        (matched, orphan, in_flight),
        (4, 1, 1),
        "2, 3, 4, 5; 6; 100"
    );
    assert_eq!((missing, conflict_taken), (1, 1));
    assert_eq!((total, free, plan.slots.quarantined), (253, 253 - 8, 0));
    assert_eq!((plan.listed, plan.is_in_order()), (6, false));
    assert_eq!(plan.problems.len(), 7);
}

/// The counts add up for any mixture, on any kind of pool.
#[test]
fn the_counts_add_up() {
    let mut random = 99u64;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    for round in 0..60 {
        let pool = Pool::builder(v4("10.0.0.0/22"))
            .reserve(ten(500)..=ten(530), "held back")
            .policy(Policy::Random(round))
            .build()
            .unwrap();
        let _ = pool.allocate_many(draw(900) as usize).unwrap();
        let options = reconcile::Options::new();
        let mut reconciler = pool.reconciler_with(options).unwrap();
        let mut pass = reconciler.begin().unwrap();
        let _ = pool.allocate_many(draw(50) as usize);
        let list: Vec<(String, String)> = (0..draw(400))
            .map(|_| {
                let addr = ten(draw(1100) as u32);
                let text = match draw(12) {
                    0 => format!("{addr}/{}", 20 + draw(13)),
                    1 => "nonsense".into(),
                    2 => String::new(),
                    3 => format!("fd00::{}", draw(9) + 1),
                    _ => addr.to_string(),
                };
                (text, format!("user {}", draw(3)))
            })
            .collect();
        pass.read(&list);
        let plan = pass.finish(list.len() as u64).unwrap();
        assert_eq!(
            (sum(&plan.entries), plan.entries.total),
            (list.len() as u64, list.len() as u64),
            "round {round}"
        );
        assert_eq!(plan.slots.total, pool.capacity(), "round {round}");
    }
}

/// Three sights, two graces; the default is ten minutes.
#[test]
fn a_leak_is_freed_at_its_third_sight() {
    let (pool, clock) = (pool(), Clock::default());
    let _leaked = pool.allocate_many(3).unwrap();
    pool.allocate_exact(host(50)).unwrap();
    let list = hosts(50..=50);
    let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
    for (sight, ripe) in [(1, 0), (2, 0), (3, 3)] {
        let plan = pass(&mut reconciler, &list);
        assert_eq!(
            (plan.slots.orphan, plan.slots.ripe),
            (3, ripe),
            "sight {sight}"
        );
        let applied = reconciler.apply(&plan).unwrap();
        assert_eq!(applied.freed, ripe, "sight {sight}");
        clock.wait(LATER);
    }
    assert!(pool.iter().eq([host(50)]));
}

/// Sights that follow each other faster than `grace` are worth one.
#[test]
fn grace_is_waited_for_twice() {
    let (pool, clock) = (pool(), Clock::default());
    let _leaked = pool.allocate_many(3).unwrap();
    let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
    let mut ripe_after = None;
    for minute in 0..40 {
        let plan = pass(&mut reconciler, &[]);
        if plan.slots.ripe != 0 {
            ripe_after.get_or_insert(minute);
        }
        clock.wait(60);
    }
    assert_eq!(ripe_after, Some(20));
}

/// An address that was released and allocated between two sights has another holder.
#[test]
fn what_was_touched_between_two_sights_begins_anew() {
    let (pool, clock) = (pool(), Clock::default());
    let [lost, moved] = [pool.allocate().unwrap(), pool.allocate().unwrap()];
    let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
    for _ in 0..2 {
        pass(&mut reconciler, &[]);
        clock.wait(LATER);
    }
    pool.release(moved).unwrap();
    pool.allocate_exact(moved).unwrap();
    let plan = pass(&mut reconciler, &[]);
    assert_eq!((plan.slots.orphan, plan.slots.ripe), (2, 1));
    assert_eq!(plan.ranges[0].first, lost);
    let _ = reconciler.apply_at_most(&plan, 1).unwrap();
    assert!(pool.is_available(lost) && !pool.is_available(moved));
}

/// A list that has an address once forgets what was seen of it.
#[test]
fn what_is_listed_in_between_begins_anew() {
    let (pool, clock) = (pool(), Clock::default());
    pool.allocate_exact(host(9)).unwrap();
    let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
    for list in [vec![], hosts(9..=9), vec![], vec![]] {
        assert_eq!(pass(&mut reconciler, &list).slots.ripe, 0);
        clock.wait(LATER);
    }
    assert_eq!(pass(&mut reconciler, &[]).slots.ripe, 1);
}

/// What is allocated after the plan is not in its way, and not freed by it.
#[test]
fn an_orphan_that_is_touched_after_the_plan_is_spared() {
    let (pool, clock) = (pool(), Clock::default());
    let [a, b] = [pool.allocate().unwrap(), pool.allocate().unwrap()];
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut reconciler, &[]);
    pool.release(a).unwrap();
    assert_eq!(pool.allocate(), Ok(a));
    let applied = reconciler.apply_at_most(&plan, 2).unwrap();
    assert_eq!((applied.freed, applied.spared), (1, 1));
    assert!(!pool.is_available(a) && pool.is_available(b));
}

/// Every verb leaves a mark while a pass runs.
#[test]
fn no_verb_takes_an_address_past_the_barrier() {
    type Verb = fn(&Pool<Ipv4Net>) -> usize;
    let verbs: [(&str, Verb); 12] = [
        ("allocate", |pool| pool.allocate().into_iter().count()),
        ("net", |pool| pool.allocate_net().into_iter().count()),
        ("exact", |pool| {
            pool.allocate_exact(host(99)).into_iter().count()
        }),
        ("preferring", |pool| {
            pool.allocate_preferring(host(77)).into_iter().count()
        }),
        ("preferring any", |pool| {
            pool.allocate_preferring(a4("1.2.3.4")).into_iter().count()
        }),
        ("many", |pool| pool.allocate_many(70).unwrap().len()),
        ("into", |pool| {
            let mut addrs = [host(0); 70];
            let taken = pool.allocate_into(&mut addrs);
            assert_eq!(taken, 70);
            taken
        }),
        ("small block", |pool| {
            1 << (32 - pool.allocate_block(30).unwrap().prefix_len())
        }),
        ("large block", |pool| {
            1 << (32 - pool.allocate_block(25).unwrap().prefix_len())
        }),
        ("in", |pool| {
            pool.allocate_in(host(60)..=host(70)).into_iter().count()
        }),
        ("guard", |pool| {
            pool.guard().map(hostbits::Guard::keep).into_iter().count()
        }),
        ("adopt", |pool| {
            pool.adopt(["10.0.0.8", "10.0.0.9"]).unwrap().taken as usize
        }),
    ];
    for policy in common::POLICIES {
        for search in common::SEARCHES {
            for (name, verb) in verbs {
                let net = v4("10.0.0.0/23");
                let pool = Pool::builder(net)
                    .policy(policy)
                    .search(search)
                    .build()
                    .unwrap();
                let mut reconciler = pool.reconciler().unwrap();
                let pass = reconciler.begin().unwrap();
                let taken = verb(&pool);
                let plan = pass.finish(0).unwrap();
                let counts = (plan.slots.in_flight, plan.slots.orphan);
                assert_eq!(counts, (taken as u64, 0), "{name}, {policy:?}, {search:?}");
            }
        }
    }
}

/// A leak is given to a user by hand: the list has the user before it is adopted, and the plan, whose list is
/// older, must not free the address. That it was taken already makes no difference.
#[test]
fn what_a_list_names_is_spared_though_it_was_taken_already() {
    let (pool, clock) = (pool(), Clock::default());
    pool.allocate_exact(host(9)).unwrap();
    pool.allocate_exact(host(10)).unwrap();
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut reconciler, &[]);
    let report = pool.adopt(["10.0.0.9"]).unwrap();
    assert_eq!((report.taken, report.already), (0, 1));
    let applied = reconciler.apply_at_most(&plan, 2).unwrap();
    assert_eq!((applied.freed, applied.spared), (1, 1));
    assert!(pool.iter().eq([host(9)]));
}

/// What a local has is no orphan: before the pass, taken during it, or taken back.
#[test]
fn what_a_local_has_is_no_orphan() {
    let (pool, clock) = (pool(), Clock::default());
    let lost = pool.allocate_exact(host(200));
    assert_eq!(lost, Ok(()));
    let mut local = pool.local();
    let mine = local.allocate().unwrap();
    let far = host(150);
    pool.allocate_exact(far).unwrap();
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut reconciler, &hosts(150..=150));
    assert_eq!(
        plan.slots.orphan, 1,
        "{mine} and the rest of its word are in flight"
    );
    // Full, then a foreign address comes into its hands.
    while local.reserved() != 0 {
        let _ = local.allocate().unwrap();
    }
    local.release(far).unwrap();
    assert_eq!(local.reserved(), 1);
    let plan = pass(&mut reconciler, &[]);
    let in_its_hands = plan.ranges.iter().all(|range| range.first != far);
    assert!(in_its_hands, "{:?}", plan.ranges);
    drop(local);
    assert!(pool.is_available(far));
}

/// What a local has among its spares, an address of another word than its own, is no orphan either.
#[test]
fn what_a_local_has_in_its_spares_is_no_orphan() {
    let (pool, clock) = (pool(), Clock::default());
    pool.allocate_exact(host(150)).unwrap();
    let mut local = pool.local();
    // Few enough of its own that there is room for others.
    while local.reserved() != 3 {
        let _ = local.allocate().unwrap();
    }
    local.release(host(150)).unwrap();
    assert_eq!(local.reserved(), 4, "it is among its spares");
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut reconciler, &[]);
    assert_eq!(plan.slots.ripe, 0, "{:?}", plan.ranges);
    // Nor is it when it has come from there to the word of its own, and is held.
    let held: Vec<_> = (0..4).map(|_| local.allocate().unwrap()).collect();
    assert_eq!(held[3], host(150));
    let plan = pass(&mut reconciler, &[]);
    let freed = plan.ranges.iter().any(|range| range.first == host(150));
    assert!(!freed, "{:?}", plan.ranges);
}

/// An error of the list, at whatever entry, and the pass has no plan.
#[test]
fn a_list_that_fails_at_entry_k_frees_nothing_for_every_k() {
    let (pool, clock) = (pool(), Clock::default());
    let held = pool.allocate_many(40).unwrap();
    let list: Vec<String> = held.iter().map(ToString::to_string).collect();
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    for k in 0..list.len() {
        let mut pass = reconciler.begin().unwrap();
        let entries = list[..k].iter().map(Ok).chain([Err("connection lost")]);
        assert_eq!(pass.try_read(entries), Err("connection lost"), "entry {k}");
        assert_eq!(
            pass.finish(k as u64).unwrap_err().code(),
            "incomplete",
            "entry {k}"
        );
        // Cut off in silence: the number of entries tells.
        let mut pass = reconciler.begin().unwrap();
        pass.read(&list[..k]);
        let error = pass.finish(list.len() as u64).unwrap_err();
        assert_eq!(error.code(), "count-mismatch", "entry {k}");
        // Or the list is never reported as read.
        let mut pass = reconciler.begin().unwrap();
        pass.read(&list[..k]);
        drop(pass);
    }
    assert_eq!(pool.allocated(), 40);
    let mut whole = reconciler.begin().unwrap();
    assert_eq!(whole.try_read(list.iter().map(Ok::<_, &str>)), Ok(()));
    assert!(whole.finish(list.len() as u64).unwrap().is_in_order());
}

/// A list that panics on the way has not been read, even if the panic is caught: finishing is refused.
#[test]
fn a_list_that_panics_frees_nothing() {
    let (pool, clock) = (pool(), Clock::default());
    let users = pool.allocate_many(40).unwrap();
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
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
    assert_eq!(pool.allocated(), 40);
}

/// Each rule that forbids to free, just before and just beyond its limit.
#[test]
fn fuses_blow_at_their_limits() {
    struct Case {
        taken: u8,
        before: Option<std::ops::RangeInclusive<u8>>,
        list: Vec<String>,
        age: u64,
        fuse: Option<&'static str>,
    }
    let case = |taken, list: Vec<String>, fuse| Case {
        taken,
        before: None,
        list,
        age: 0,
        fuse,
    };
    let with = |mut list: Vec<String>, odd: &str| {
        list.push(odd.to_owned());
        list
    };
    // Addresses from 10.0.0.2 on.
    let cases = [
        case(17, hosts(2..=2), None),
        case(18, hosts(2..=2), Some("too-many")),
        case(200, hosts(22..=201), None),
        case(200, hosts(23..=201), Some("too-many")),
        case(5, vec![], Some("empty-list")),
        case(5, with(hosts(2..=5), "x"), Some("unclear")),
        case(5, with(hosts(2..=5), "10.0.0.2/33"), Some("unclear")),
        case(5, with(hosts(2..=5), ""), None),
        Case {
            age: 900,
            ..case(5, hosts(2..=5), None)
        },
        Case {
            age: 901,
            ..case(5, hosts(2..=5), Some("stale"))
        },
        Case {
            before: Some(2..=11),
            ..case(10, hosts(2..=6), None)
        },
        Case {
            before: Some(2..=11),
            ..case(10, hosts(2..=5), Some("shrunk"))
        },
    ];
    for (index, case) in cases.into_iter().enumerate() {
        let (pool, clock) = (pool(), Clock::default());
        let _ = pool.allocate_many(case.taken.into()).unwrap();
        let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
        if let Some(before) = case.before {
            pass(&mut reconciler, &hosts(before));
        }
        let plan = pass(&mut reconciler, &case.list);
        assert_ne!(plan.slots.ripe, 0, "case {index}");
        clock.wait(case.age);
        let applied = reconciler.apply(&plan);
        match case.fuse {
            None => assert_eq!(applied.unwrap().freed, plan.slots.ripe, "case {index}"),
            Some(fuse) => {
                assert_eq!(fuse_of(applied.unwrap_err()).code(), fuse, "case {index}");
                assert_eq!(pool.allocated(), u64::from(case.taken), "case {index}");
                let by_number = ["too-many", "empty-list", "shrunk"].contains(&fuse);
                let ripe = plan.slots.ripe;
                assert!(
                    reconciler.apply_at_most(&plan, ripe - 1).is_err(),
                    "case {index}"
                );
                assert_eq!(reconciler.apply_at_most(&plan, ripe).is_ok(), by_number);
            }
        }
    }
}

/// A block is clear, and does not blow a fuse.
#[test]
fn blocks_are_clear() {
    let (pool, clock) = (pool(), Clock::default());
    let block = pool.allocate_block(28).unwrap();
    pool.allocate_exact(host(9)).unwrap();
    let options = clock.at_first_sight();
    let mut reconciler = pool.reconciler_with(options).unwrap();
    let plan = pass(&mut reconciler, &[block.to_string()]);
    assert_eq!((plan.slots.matched, plan.slots.ripe), (16, 1));
    assert_eq!(reconciler.apply(&plan).unwrap().freed, 1);
}

/// A listed address that is free is taken, also where nothing may be freed.
#[test]
fn missing_addresses_are_adopted() {
    let (pool, clock) = (pool(), Clock::default());
    let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
    let plan = pass(
        &mut reconciler,
        &["10.0.0.7".into(), "10.0.0.8".into(), "x".into()],
    );
    pool.allocate_exact(host(8)).unwrap();
    let applied = reconciler.apply(&plan).unwrap();
    assert_eq!((applied.adopted, applied.conflicts), (1, 1));
    assert_eq!(pool.allocated(), 2);
    assert_eq!(pool.stats().allocations.adopted, 1);
}

/// A plan is for the latest pass of one pool, and for as long as the barrier is up.
#[test]
fn plans_of_others_and_old_ones_are_refused() {
    let (pool, other, clock) = (pool(), self::pool(), Clock::default());
    let _ = pool.allocate_many(3).unwrap();
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut reconciler, &[]);
    let mut elsewhere = other.reconciler_with(clock.at_first_sight()).unwrap();
    pass(&mut elsewhere, &[]);
    assert_eq!(
        elsewhere.apply_at_most(&plan, 9),
        Err(ApplyError::OtherPool)
    );
    let newer = pass(&mut reconciler, &[]);
    assert_eq!(
        reconciler.apply_at_most(&plan, 9),
        Err(ApplyError::Superseded)
    );
    let mut odd = newer.clone();
    odd.version = 9;
    assert_eq!(
        reconciler.apply_at_most(&odd, 9).unwrap_err().code(),
        "version"
    );
    drop(reconciler);
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    assert_eq!(
        reconciler.apply_at_most(&newer, 9),
        Err(ApplyError::Superseded)
    );
    assert_eq!(pool.allocated(), 3);
}

/// Applied twice it frees once; undone, what is still free is taken back and the rest is named.
#[test]
fn applying_twice_frees_once_and_undoing_takes_back_what_is_free() {
    let (pool, clock) = (pool(), Clock::default());
    let lost = pool.allocate_many(10).unwrap();
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut reconciler, &[]);
    assert_eq!(reconciler.apply_at_most(&plan, 10).unwrap().freed, 10);
    let new = pool.allocate().unwrap();
    let again = reconciler.apply_at_most(&plan, 10).unwrap();
    assert_eq!((again.freed, again.spared), (0, 10));
    assert!(!pool.is_available(new));
    let undone = reconciler.undo(&plan).unwrap();
    assert_eq!((undone.taken_back, undone.not_free), (9, 1));
    assert_eq!(pool.stats().allocations.adopted, 9);
    assert_eq!(undone.not_free_addrs, [new]);
    assert!(pool.iter().eq(lost));
}

/// One at a time; a reconciler that stops in the middle is in no other's way.
#[test]
fn there_is_one_reconciler_at_a_time() {
    let (pool, clock) = (pool(), Clock::default());
    let _ = pool.allocate_many(3).unwrap();
    let mut first = pool.reconciler_with(clock.at_first_sight()).unwrap();
    assert_eq!(pool.reconciler().unwrap_err().code(), "busy");
    let _plan = pass(&mut first, &[]);
    let pass_in_progress = first.begin().unwrap();
    drop(pass_in_progress);
    drop(first);
    let mut second = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = pass(&mut second, &[]);
    assert_eq!(second.apply_at_most(&plan, 3).unwrap().freed, 3);
}

/// Sightings go on in another reconciler if the barrier stayed up, and only then.
#[test]
fn sightings_are_handed_on() {
    let (pool, clock) = (pool(), Clock::default());
    let _ = pool.allocate_many(3).unwrap();
    let mut first = pool.reconciler_with(clock.options()).unwrap();
    pass(&mut first, &[]);
    clock.wait(LATER);
    let plan = pass(&mut first, &[]);
    let plan = first.leave_open(plan);
    clock.wait(LATER);
    let touched = host(2);
    pool.release(touched).unwrap();
    assert_eq!(pool.allocate(), Ok(touched), "the barrier is up");
    let mut second = pool.resume_reconciler(clock.options(), &plan).unwrap();
    let third_sight = pass(&mut second, &[]);
    assert_eq!((third_sight.slots.orphan, third_sight.slots.ripe), (3, 2));
    drop(second);
    let stale = pool.resume_reconciler(clock.options(), &plan).unwrap_err();
    assert_eq!(stale.code(), "superseded");
    assert!(pool.reconciler().is_ok(), "the slot is free");
}

/// Pools of prefixes, of ranges, and of the other family.
#[test]
fn passes_over_other_kinds_of_pools() {
    let clock = Clock::default();
    let pool = Pool::builder(v6("2001:db8::/48")).unit(56).build().unwrap();
    let nets = pool.allocate_many(3).unwrap();
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let mut pass = reconciler.begin().unwrap();
    pass.read([format!("{}/56", nets[1])]);
    let plan = pass.finish(1).unwrap();
    assert_eq!((plan.slots.matched, plan.slots.ripe), (1, 2));
    assert_eq!(reconciler.apply(&plan).unwrap().freed, 2);
    assert!(pool.iter().eq([nets[1]]));

    let ranges = [host(10)..=host(12), host(20)..=host(22)];
    let pool = Pool::<Ipv4Net>::over(ranges).build().unwrap();
    let all = pool.allocate_many(6).unwrap();
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let plan = reconciler.begin().unwrap().finish(0).unwrap();
    let ends: Vec<_> = plan
        .ranges
        .iter()
        .map(|of| (of.first, of.last, of.count))
        .collect();
    let range = |first: u8, last: u8| (host(first).into(), host(last).into(), 3);
    assert_eq!(ends, [range(10, 12), range(20, 22)]);
    assert_eq!(
        reconciler.apply_at_most(&plan, 6).unwrap().freed,
        all.len() as u64
    );
}

/// The default of ten minutes is in the plan, and so is what the caller chose.
#[test]
fn the_plan_tells_the_grace_that_was_used() {
    let pool = pool();
    for (grace, ms) in [
        (None, 600_000),
        (Some(Duration::ZERO), 0),
        (Some(Duration::from_secs(9)), 9000),
    ] {
        let mut options = reconcile::Options::new();
        if let Some(grace) = grace {
            options = options.grace(grace);
        }
        let mut reconciler = pool.reconciler_with(options).unwrap();
        assert_eq!(reconciler.begin().unwrap().finish(0).unwrap().grace_ms, ms);
    }
}
