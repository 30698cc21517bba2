//! Passes over a pool of leases: what a plan says of each address, what is ended and what is spared, and the way back.

mod common;
#[path = "support/entries.rs"]
mod entries;

use common::{host, ip, v4, v6};
use entries::sum;
use hostbits::lease::{Lease, LeasePool, LeaseStatus, ManualClock, Released, RenewError, Term};
use hostbits::reconcile::{ApplyError, EntryCounts, Plan, PlanRange, SlotCounts};
use hostbits::users::{Listed, ProblemKind, Record, Unreadable};
use hostbits::{Client, Pool};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const OFFER: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);
const ALICE: Client = Client::from_hash(0x9e37_79b9_7f4a_7c15);

type Held = Lease<Ipv4Addr>;

/// A pool with a cooldown of a minute, and its clock.
fn pool() -> (LeasePool<Ipv4Net>, ManualClock) {
    let clock = ManualClock::new();
    let pool = LeasePool::builder(v4("10.0.0.0/24")).clock(&clock).build();
    (pool.unwrap(), clock)
}

fn leased(pool: &LeasePool<Ipv4Net>, last: u8) -> Held {
    pool.allocate_exact(host(last), Term::Forever).unwrap()
}

fn plan(pool: &LeasePool<Ipv4Net>, list: &[impl Record]) -> Plan {
    let mut pass = pool.pass().unwrap();
    pass.read(list);
    pass.finish(list.len() as u64).unwrap()
}

fn is_leased(pool: &LeasePool<Ipv4Net>, lease: Held) -> bool {
    let status = pool.status(lease.addr());
    matches!(status, LeaseStatus::Leased { generation, .. } if generation == lease.generation())
}

/// An entry with a generation.
struct Entry(Ipv4Addr, u64);

impl Record for Entry {
    fn listed(&self) -> Listed<'_> {
        Listed::Addr(self.0.into())
    }

    fn generation(&self) -> Option<u64> {
        Some(self.1)
    }
}

/// Every kind of entry and every kind of address, each counted once.
#[test]
fn every_entry_and_every_address_is_in_one_category() {
    let (pool, _) = pool();
    for last in 2..=6 {
        leased(&pool, last);
    }
    for last in [20, 21] {
        pool.allocate_exact(host(last), OFFER).unwrap();
    }
    for last in [30, 31] {
        let _ = pool.release(&leased(&pool, last)).unwrap();
    }
    let left = leased(&pool, 40);
    let mut pass = pool.pass().unwrap();
    leased(&pool, 100); // In flight: it was leased after the pass had begun.
    leased(&pool, 101); // Listed: its holder has written it before it was leased.
    let _ = pool.release(&left).unwrap(); // Its holder leaves while the list is read.
    pass.read([
        ("10.0.0.2", "ann"),      // matched
        ("10.0.0.3/32", "bob"),   // matched
        ("10.0.0.3", "bob"),      // repeated
        ("10.0.0.3", "eve"),      // duplicate
        ("10.0.0.4/31", "style"), // a block: 10.0.0.4 and 10.0.0.5 are matched
        ("10.0.0.20", "fay"),     // offered: she has not renewed yet
        ("10.0.0.30", "gus"),     // cooling
        ("10.0.0.40", "hal"),     // matched, though he has left since
        ("10.0.0.101", "dave"),   // matched
        ("10.0.0.200", "carol"),  // missing
        ("10.0.0.1", "gateway"),  // reserved_in_use
        ("10.9.9.9", "far"),      // out_of_range
        ("fd00::1", "six"),       // wrong_family
        ("", "nobody"),           // unassigned
        ("10.0.0.05", "odd"),     // unparseable
    ]);
    let plan = pass.finish(15).unwrap();
    let EntryCounts {
        matched,
        missing,
        offered,
        cooling,
        duplicate,
        repeated,
        ..
    } = plan.entries;
    assert_eq!((matched, missing, offered, cooling), (4, 1, 1, 1));
    assert_eq!((duplicate, repeated, plan.entries.blocks), (1, 1, 1));
    let EntryCounts {
        reserved_in_use,
        out_of_range,
        wrong_family,
        unassigned,
        unparseable,
        ..
    } = plan.entries;
    assert_eq!((reserved_in_use, out_of_range, wrong_family), (1, 1, 1));
    assert_eq!((unassigned, unparseable), (1, 1));
    assert_eq!(sum(&plan.entries), 15);
    let SlotCounts {
        matched,
        orphan,
        ripe,
        in_flight,
        missing,
        offered,
        cooling,
        free,
        ..
    } = plan.slots;
    assert_eq!((matched, orphan, ripe), (6, 1, 1), "2 to 5, 40, 101; 6");
    assert_eq!(in_flight, 2, "the offer 21, and 100");
    assert_eq!((missing, offered, cooling), (1, 1, 1));
    assert_eq!((plan.slots.total, free), (253, 253 - 12));
    assert_eq!(
        (plan.listed, plan.is_unclear, plan.is_in_order()),
        (9, true, false)
    );
}

/// What applying a plan would do, and what an operator has to look at, are ranges with generations.
#[test]
fn ranges_name_generations() {
    let (pool, _) = pool();
    let first = leased(&pool, 10);
    for last in 11..=12 {
        pool.allocate_exact(host(last), Term::For(HOUR)).unwrap();
    }
    let again = {
        let _ = pool
            .release(&pool.allocate_for(ALICE, Term::Forever).unwrap())
            .unwrap();
        pool.allocate_for(ALICE, Term::Forever).unwrap()
    };
    let offer = pool.allocate_exact(host(250), OFFER).unwrap();
    let ended = leased(&pool, 251);
    let _ = pool.release(&ended).unwrap();
    let plan = plan(&pool, &[host(250), host(251), host(252), host(253)]);
    let ranges = plan.ranges.iter().map(|of| {
        (
            of.state.as_str(),
            of.first,
            of.last,
            of.generation,
            of.until,
        )
    });
    let mut expected = vec![
        (
            "ripe",
            host(10).into(),
            host(10).into(),
            Some(first.generation()),
            None,
        ),
        (
            "ripe",
            host(11).into(),
            host(12).into(),
            Some(first.generation()),
            Some(3601),
        ),
        (
            "ripe",
            again.addr().into(),
            again.addr().into(),
            Some(again.generation()),
            None,
        ),
    ];
    expected.sort_by_key(|range| range.1);
    expected.extend([
        ("missing", host(252).into(), host(253).into(), None, None),
        (
            "cooling",
            host(251).into(),
            host(251).into(),
            Some(ended.generation()),
            None,
        ),
        (
            "offered",
            host(250).into(),
            host(250).into(),
            Some(offer.generation()),
            None,
        ),
    ]);
    assert_eq!(again.generation(), first.generation() + 1);
    assert_eq!(ranges.collect::<Vec<_>>(), expected);
}

/// The counts add up for any mixture of states and entries.
#[test]
fn the_counts_add_up() {
    let mut random = 7u64;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    for round in 0..60 {
        let builder = Pool::builder(v4("10.0.0.0/22"))
            .reserve(common::ten(500)..=common::ten(530), "held back");
        let pool = builder.leases().build().unwrap();
        let mut step = |pool: &LeasePool<Ipv4Net>| {
            let addr = common::ten(draw(1024) as u32);
            match draw(4) {
                0 => drop(pool.allocate_exact(addr, OFFER)),
                1 => drop(pool.lease_of(addr).map(|lease| pool.release(&lease))),
                _ => drop(pool.allocate_exact(addr, Term::Forever)),
            }
        };
        (0..600).for_each(|_| step(&pool));
        let mut pass = pool.pass().unwrap();
        (0..50).for_each(|_| step(&pool));
        let list: Vec<(String, String)> = (0..draw(400))
            .map(|_| {
                let addr = common::ten(draw(1100) as u32);
                let text = match draw(12) {
                    0 => format!("{addr}/{}", 20 + draw(13)),
                    1 => "nonsense".into(),
                    2 => String::new(),
                    _ => addr.to_string(),
                };
                (text, format!("user {}", draw(3)))
            })
            .collect();
        pass.read(&list);
        let plan = pass.finish(list.len() as u64).unwrap();
        let of = plan.slots;
        assert_eq!(sum(&plan.entries), list.len() as u64, "round {round}");
        let slots =
            of.matched + of.orphan + of.in_flight + of.missing + of.offered + of.cooling + of.free;
        assert_eq!(
            (of.total, slots),
            (pool.capacity(), pool.capacity()),
            "round {round}"
        );
        let ripe = plan
            .ranges
            .iter()
            .filter(|range| range.state == "ripe")
            .map(|range| range.count);
        assert_eq!(ripe.sum::<u64>(), of.ripe, "round {round}");
    }
}

/// One pass is enough: there is no grace.
#[test]
fn a_leak_ends_in_one_pass_and_rests_for_the_window() {
    let (pool, clock) = pool();
    let (kept, lost) = (leased(&pool, 2), leased(&pool, 3));
    let plan = plan(&pool, &[kept]);
    let applied = pool.apply(&plan, HOUR).unwrap();
    assert_eq!((applied.freed, applied.spared), (1, 0));
    assert_eq!(pool.stats().releases, 1);
    assert!(is_leased(&pool, kept));
    assert_eq!(
        pool.renew(&lost, Term::Forever).unwrap_err().code(),
        "ended"
    );
    assert_eq!(pool.release(&lost), Ok(Released::AlreadyEnded));
    clock.advance(HOUR);
    assert_eq!(pool.sweep().freed, 0);
    clock.advance(Duration::from_secs(2));
    assert_eq!(pool.sweep().freed, 1);
    assert!(matches!(pool.status(lost.addr()), LeaseStatus::Free));
}

/// The cooldown is kept, however short the window is.
#[test]
fn an_address_rests_at_least_for_the_cooldown() {
    let (pool, clock) = pool();
    leased(&pool, 3);
    let plan = plan(&pool, &[] as &[Ipv4Addr]);
    let applied = pool.apply_at_most(&plan, Duration::ZERO, 1).unwrap();
    assert_eq!(applied.freed, 1);
    clock.advance(Duration::from_secs(60));
    assert_eq!(pool.sweep().freed, 0);
    clock.advance(Duration::from_secs(2));
    assert_eq!(pool.sweep().freed, 1);
}

/// Without a cooldown and without a window, an address rests for a second; the longest window is four years.
#[test]
fn any_window_is_possible() {
    let clock = ManualClock::new();
    let builder = LeasePool::builder(v4("10.0.0.0/24")).clock(&clock);
    let pool = builder.cooldown(Duration::ZERO).build().unwrap();
    for window in [Duration::ZERO, Duration::MAX] {
        let lease = leased(&pool, 9);
        let plan = plan(&pool, &[] as &[Ipv4Addr]);
        assert_eq!(pool.apply_at_most(&plan, window, 1).unwrap().freed, 1);
        assert_eq!(pool.undo(&plan).unwrap().taken_back, 1, "{window:?}");
        assert_eq!(pool.release(&lease), Ok(Released::Ended));
    }
}

/// Whatever happens to a lease after the pass has begun, it is left alone, and counted: also a renewal that changes
/// nothing.
#[test]
fn what_was_touched_since_is_spared() {
    type Touch = fn(&LeasePool<Ipv4Net>, Held);
    let touches: [(&str, Touch); 8] = [
        ("renewed for ever", |pool, lease| {
            pool.renew(&lease, Term::Forever).unwrap()
        }),
        ("renewed for less", |pool, lease| {
            pool.renew(&lease, Term::For(OFFER)).unwrap()
        }),
        ("released", |pool, lease| {
            assert_eq!(pool.release(&lease), Ok(Released::Ended))
        }),
        ("retaken", |pool, lease| {
            let _ = pool.release(&lease).unwrap();
            assert_ne!(pool.allocate_for(ALICE, Term::Forever).unwrap(), lease);
        }),
        ("offered again", |pool, lease| {
            let _ = pool.release(&lease).unwrap();
            assert_ne!(pool.allocate_for(ALICE, OFFER).unwrap(), lease);
        }),
        ("got again", |pool, lease| {
            assert_eq!(pool.allocate_for(ALICE, Term::Forever), Ok(lease))
        }),
        ("got again for an offer", |pool, lease| {
            assert_eq!(pool.allocate_for(ALICE, OFFER), Ok(lease))
        }),
        ("adopted", |pool, lease| {
            let adopted = pool
                .adopt(Unreadable::default(), [lease], |_| None)
                .unwrap();
            assert_eq!((adopted.report.already, adopted.leases), (1, vec![lease]));
        }),
    ];
    for (name, touch) in touches {
        for before_the_plan in [true, false] {
            let (pool, _) = pool();
            let lease = pool.allocate_for(ALICE, Term::Forever).unwrap();
            let pass = pool.pass().unwrap();
            if before_the_plan {
                touch(&pool, lease);
            }
            let plan = pass.finish(0).unwrap();
            if !before_the_plan {
                touch(&pool, lease);
            }
            let before = pool.status(lease.addr());
            let applied = pool.apply_at_most(&plan, HOUR, 1).unwrap();
            let spared = u64::from(!before_the_plan);
            assert_eq!((applied.freed, applied.spared), (0, spared), "{name}");
            assert_eq!(plan.slots.orphan, spared, "{name}");
            assert_eq!(pool.status(lease.addr()), before, "{name}");
            // Nor does an undo bring back what the plan has not ended.
            let undone = pool.undo(&plan).unwrap();
            assert_eq!((undone.taken_back, undone.not_free), (0, spared), "{name}");
            assert_eq!(pool.status(lease.addr()), before, "{name}");
        }
    }
}

/// An offer is never ended, before its time or after it, and a lease whose time has passed is like any other.
#[test]
fn offers_are_never_touched() {
    let (pool, clock) = pool();
    let offer = pool.allocate(OFFER).unwrap();
    let short = pool.allocate(Term::For(OFFER)).unwrap();
    clock.advance(OFFER * 2);
    let plan = plan(&pool, &[] as &[Ipv4Addr]);
    assert_eq!((plan.slots.in_flight, plan.slots.ripe), (1, 1));
    pool.renew(&offer, Term::Forever).unwrap();
    assert_eq!(pool.apply_at_most(&plan, HOUR, 9).unwrap().freed, 1);
    assert!(is_leased(&pool, offer));
    assert!(matches!(
        pool.status(short.addr()),
        LeaseStatus::Cooling { .. }
    ));
}

/// A user whose record was deleted comes back while a pass runs: the lease that he gets is one that the pass has seen.
#[test]
fn an_owner_who_comes_back_is_spared() {
    let (pool, _) = pool();
    let lease = pool.allocate_for(ALICE, Term::Forever).unwrap();
    let plan = plan(&pool, &[] as &[Ipv4Addr]);
    let again = pool.allocate_for(ALICE, OFFER).unwrap();
    // Here the record is written.
    pool.renew(&again, Term::Forever).unwrap();
    assert_eq!(
        (again, pool.apply_at_most(&plan, HOUR, 1).unwrap().freed),
        (lease, 0)
    );
    assert!(is_leased(&pool, lease));
}

/// A generation that the list has and the pool has not is reported, unless the address may have changed hands since.
#[test]
fn other_generations_are_reported() {
    let (pool, _) = pool();
    let lease = pool.allocate_for(ALICE, Term::Forever).unwrap();
    let _ = pool.release(&lease).unwrap();
    let new = pool.allocate_for(ALICE, Term::Forever).unwrap();
    let (addr, old, now) = (new.addr(), lease.generation(), new.generation());
    for (generation, is_reported) in [
        (old, true),
        (now, false),
        (now + 1, true),
        (1, true),
        (u64::MAX, true),
    ] {
        let plan = plan(&pool, &[Entry(addr, generation)]);
        let problems: Vec<_> = plan.problems.iter().map(ToString::to_string).collect();
        let expected = format!(
            "entry 1: \"{addr}\" has generation {generation}, but is leased in generation {now}"
        );
        assert_eq!(
            problems,
            is_reported
                .then_some(expected)
                .into_iter()
                .collect::<Vec<_>>()
        );
        assert_eq!(plan.entries.other_generation, u64::from(is_reported));
        // It names the address all the same.
        assert_eq!((plan.entries.matched, plan.slots.ripe), (1, 0));
        assert_eq!(plan.is_in_order(), !is_reported);
    }
    // Renewed since the pass began: it may have changed hands.
    let mut pass = pool.pass().unwrap();
    pool.renew(&new, Term::Forever).unwrap();
    pass.read([Entry(addr, old)]);
    pass.read([Entry(host(200), old)]); // Missing, whatever its generation was.
    let plan = pass.finish(2).unwrap();
    assert_eq!(
        (plan.entries.other_generation, plan.entries.missing),
        (0, 1)
    );
    assert!(
        plan.problems
            .iter()
            .all(|problem| !matches!(problem.kind, ProblemKind::OtherGeneration { .. }))
    );
}

/// An error of the list, at whatever entry, or a wrong count, and the pass has no plan.
#[test]
fn a_list_that_fails_ends_nothing() {
    let (pool, _) = pool();
    let leases = pool.allocate_many(40, Term::Forever).unwrap();
    for k in 0..leases.len() {
        let mut pass = pool.pass().unwrap();
        let entries = leases[..k].iter().map(Ok).chain([Err("connection lost")]);
        assert_eq!(pass.try_read(entries), Err("connection lost"), "entry {k}");
        let error = pass.finish(k as u64).unwrap_err();
        assert_eq!(error.code(), "incomplete", "entry {k}");
        let mut pass = pool.pass().unwrap();
        pass.read(&leases[..k]);
        let error = pass.finish(40).unwrap_err();
        assert_eq!(error.code(), "count-mismatch", "entry {k}");
    }
    assert_eq!(pool.census().leased, 40);
    let mut whole = pool.pass().unwrap();
    assert_eq!(whole.try_read(leases.iter().map(Ok::<_, &str>)), Ok(()));
    assert!(whole.finish(40).unwrap().is_in_order());
}

/// A list that panics on the way has not been read, even if the panic is caught: finishing is refused.
#[test]
fn a_list_that_panics_ends_nothing() {
    let (pool, _) = pool();
    let leases = pool.allocate_many(40, Term::Forever).unwrap();
    for k in [0, 1, 20] {
        let mut pass = pool.pass().unwrap();
        let entries = leases.iter().enumerate().map(|(index, lease)| {
            assert_ne!(index, k, "the row cannot be read");
            lease
        });
        assert!(catch_unwind(AssertUnwindSafe(|| pass.read(entries))).is_err());
        let entries = pass.entries();
        let error = pass.finish(entries).unwrap_err();
        assert_eq!(error.code(), "incomplete", "entry {k}");
    }
    assert_eq!(pool.census().leased, 40);
}

/// Each rule that forbids to end leases, just before and just beyond its limit.
#[test]
fn fuses_blow_at_their_limits() {
    struct Case {
        leased: u8,
        before: u8,
        listed: u8,
        odd: Option<&'static str>,
        age: u64,
        fuse: Option<&'static str>,
    }
    let case = |leased, listed, fuse| Case {
        leased,
        before: 0,
        listed,
        odd: None,
        age: 0,
        fuse,
    };
    let cases = [
        case(17, 1, None),
        case(18, 1, Some("too-many")),
        case(200, 180, None),
        case(200, 179, Some("too-many")),
        case(5, 0, Some("empty-list")),
        Case {
            odd: Some("x"),
            ..case(5, 4, Some("unclear"))
        },
        Case {
            odd: Some(""),
            ..case(5, 4, None)
        },
        Case {
            age: 900,
            ..case(5, 4, None)
        },
        Case {
            age: 901,
            ..case(5, 4, Some("stale"))
        },
        Case {
            before: 10,
            ..case(10, 5, None)
        },
        Case {
            before: 10,
            ..case(10, 4, Some("shrunk"))
        },
    ];
    for (index, case) in cases.into_iter().enumerate() {
        let (pool, clock) = pool();
        let leases = pool
            .allocate_many(case.leased.into(), Term::Forever)
            .unwrap();
        let list = |count: u8| -> Vec<String> {
            let listed = leases[..usize::from(count)]
                .iter()
                .map(|lease| lease.addr().to_string());
            listed.chain(case.odd.map(str::to_owned)).collect()
        };
        let _ = plan(&pool, &list(case.before));
        let plan = plan(&pool, &list(case.listed));
        assert_ne!(plan.slots.ripe, 0, "case {index}");
        clock.advance(Duration::from_secs(case.age));
        let applied = pool.apply(&plan, HOUR);
        let Some(fuse) = case.fuse else {
            assert_eq!(applied.unwrap().freed, plan.slots.ripe, "case {index}");
            continue;
        };
        assert_eq!(applied.unwrap_err().code(), fuse, "case {index}");
        assert_eq!(pool.census().leased, u64::from(case.leased), "case {index}");
        let (ripe, by_number) = (
            plan.slots.ripe,
            ["too-many", "empty-list", "shrunk"].contains(&fuse),
        );
        assert!(
            pool.apply_at_most(&plan, HOUR, ripe - 1).is_err(),
            "case {index}"
        );
        assert_eq!(
            pool.apply_at_most(&plan, HOUR, ripe).is_ok(),
            by_number,
            "case {index}"
        );
    }
}

/// A list with unreadable entries ends leases only if so many are allowed.
#[test]
fn unreadable_entries_end_nothing_unless_allowed() {
    for (at_most, is_applied) in [(0, false), (1, false), (2, true)] {
        let (pool, _) = pool();
        let (kept, _lost) = (leased(&pool, 2), leased(&pool, 3));
        let mut pass = pool
            .pass()
            .unwrap()
            .unreadable(Unreadable::Skip { at_most });
        pass.read([kept.addr().to_string(), "10.0.0.05".into(), "x".into()]);
        let plan = pass.finish(3).unwrap();
        assert_eq!(pool.apply(&plan, HOUR).is_ok(), is_applied, "{at_most}");
        assert_eq!(pool.census().leased, if is_applied { 1 } else { 2 });
    }
}

/// A plan is for the latest pass of one pool.
#[test]
fn plans_of_others_and_old_ones_are_refused() {
    let ((pool, _), (other, _)) = (pool(), pool());
    leased(&pool, 2);
    let old = plan(&pool, &[] as &[Ipv4Addr]);
    assert_eq!(other.apply(&old, HOUR), Err(ApplyError::OtherPool));
    assert_eq!(other.undo(&old), Err(ApplyError::OtherPool));
    let pass = pool.pass().unwrap();
    assert_eq!(
        pool.apply_at_most(&old, HOUR, 9),
        Err(ApplyError::Superseded)
    );
    let newer = pool.pass().unwrap();
    assert_eq!(pass.finish(0).unwrap_err().code(), "superseded");
    let mut newer = newer.finish(0).unwrap();
    newer.version = 9;
    assert_eq!(
        pool.apply_at_most(&newer, HOUR, 9).unwrap_err().code(),
        "version"
    );
    assert_eq!(pool.undo(&newer).unwrap_err().code(), "version");
    assert_eq!(pool.census().leased, 1);
}

/// Another pass marks again what was renewed since the list of the first: the plan of the first is void.
#[test]
fn a_pass_that_begins_makes_the_plan_before_it_void() {
    let (pool, _) = pool();
    let lease = leased(&pool, 2);
    let old = plan(&pool, &[] as &[Ipv4Addr]);
    pool.renew(&lease, Term::Forever).unwrap();
    drop(pool.pass().unwrap());
    assert_eq!(
        pool.apply_at_most(&old, HOUR, 9),
        Err(ApplyError::Superseded)
    );
    assert!(is_leased(&pool, lease));
}

/// Applied twice it ends once; undone, leases hold again as long as before; and a plan that was undone ends nothing.
#[test]
fn a_plan_can_be_applied_again_and_undone() {
    let (pool, clock) = pool();
    let (forever, long) = (
        leased(&pool, 2),
        pool.allocate(Term::For(HOUR * 9)).unwrap(),
    );
    let short = pool.allocate(Term::For(OFFER)).unwrap();
    let plan = plan(&pool, &[] as &[Ipv4Addr]);
    assert_eq!(pool.apply_at_most(&plan, HOUR, 9).unwrap().freed, 3);
    let again = pool.apply_at_most(&plan, HOUR, 9).unwrap();
    assert_eq!((again.freed, again.spared), (0, 3));
    clock.advance(HOUR / 6);
    let undone = pool.undo(&plan).unwrap();
    assert_eq!((undone.taken_back, undone.not_free), (3, 0));
    assert_eq!(
        (pool.stats().releases, pool.stats().allocations.adopted),
        (3, 3)
    );
    let remaining = |lease: Held| match pool.status(lease.addr()) {
        LeaseStatus::Leased {
            remaining,
            generation,
            ..
        } if generation == lease.generation() => remaining,
        other => panic!("{other:?}"),
    };
    assert_eq!(remaining(forever), None);
    assert_eq!(
        remaining(long),
        Some(HOUR * 9 - HOUR / 6 + Duration::from_secs(1))
    );
    // Its time has passed, so it lasts as long as it would have rested.
    assert_eq!(
        remaining(short),
        Some(HOUR - HOUR / 6 + Duration::from_secs(1))
    );
    let undone = pool.undo(&plan).unwrap();
    assert_eq!((undone.taken_back, undone.not_free), (0, 3));
    assert_eq!(pool.apply_at_most(&plan, HOUR, 9).unwrap().spared, 3);
    pool.renew(&short, Term::Forever).unwrap();
    assert_eq!(pool.release(&long), Ok(Released::Ended));
    assert_eq!(pool.census().leased, 2);
}

/// An undo brings back neither what has another holder, nor what is free, and names them.
#[test]
fn an_undo_names_what_it_cannot_take_back() {
    let (pool, clock) = pool();
    let owned = pool.allocate_for(ALICE, Term::Forever).unwrap();
    let others = pool.allocate_many(3, Term::Forever).unwrap();
    let plan = plan(&pool, &[] as &[Ipv4Addr]);
    assert_eq!(pool.apply_at_most(&plan, HOUR, 9).unwrap().freed, 4);
    let again = pool.allocate_for(ALICE, Term::Forever).unwrap();
    assert_eq!(
        again.addr(),
        owned.addr(),
        "it rests, and is its owner's at once"
    );
    let adopted = pool
        .adopt(Unreadable::default(), [others[1]], |_| None)
        .unwrap();
    assert_eq!(adopted.report.taken, 1);
    let undone = pool.undo(&plan).unwrap();
    assert_eq!((undone.taken_back, undone.not_free), (2, 2));
    let mut named = undone.not_free_addrs;
    named.sort();
    let mut expected: [std::net::IpAddr; 2] = [owned.addr().into(), others[1].addr().into()];
    expected.sort();
    assert_eq!(named, expected);
    assert_eq!(
        (is_leased(&pool, again), is_leased(&pool, adopted.leases[0])),
        (true, true)
    );
    // When the rest is over, there is nothing to take back.
    let (pool, plan) = {
        let (pool, plan_clock) = self::pool();
        leased(&pool, 7);
        let plan = self::plan(&pool, &[] as &[Ipv4Addr]);
        let _ = pool.apply_at_most(&plan, HOUR, 9).unwrap();
        plan_clock.advance(HOUR * 2);
        assert_eq!(pool.sweep().freed, 1);
        (pool, plan)
    };
    assert_eq!(pool.undo(&plan).unwrap().not_free, 1);
    assert_eq!(pool.census().free, 253);
    drop(clock);
}

/// A lease that its holder releases while a pass runs is not brought back, though it rests like those that are.
#[test]
fn an_undo_does_not_bring_back_what_was_released() {
    let (pool, _) = pool();
    let (left, lost) = (leased(&pool, 2), leased(&pool, 3));
    let plan = plan(&pool, &[] as &[Ipv4Addr]);
    let _ = pool.release(&left).unwrap();
    // The window is the cooldown: both rest until the same second.
    let applied = pool
        .apply_at_most(&plan, Duration::from_secs(60), 9)
        .unwrap();
    assert_eq!((applied.freed, applied.spared), (1, 1));
    let undone = pool.undo(&plan).unwrap();
    assert_eq!(
        (undone.taken_back, undone.not_free_addrs),
        (1, vec![left.addr().into()])
    );
    assert_eq!((is_leased(&pool, lost), pool.census().leased), (true, 1));
}

/// A plan that was stored can be applied and undone.
#[cfg(feature = "serde")]
#[test]
fn a_plan_survives_being_stored() {
    let (pool, _) = pool();
    let (kept, _) = (leased(&pool, 2), pool.allocate(Term::For(HOUR)).unwrap());
    let plan = plan(&pool, &[Entry(kept.addr(), 7)]);
    let stored = serde_json::to_string(&plan).unwrap();
    let value: serde_json::Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(value["ranges"][0]["generation"], kept.generation());
    assert_eq!(value["ranges"][0]["until"], 3601);
    assert_eq!(value["problems"][0]["code"], "other-generation");
    let read: Plan = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, plan);
    assert_eq!(pool.apply(&read, HOUR).unwrap().freed, 1);
    let stored = serde_json::to_string(&read).unwrap();
    let read: Plan = serde_json::from_str(&stored).unwrap();
    assert_eq!(pool.undo(&read).unwrap().taken_back, 1);
}

/// A stored plan is input: whatever it says, only what a pass has seen is ended, and nothing panics.
#[test]
fn a_plan_that_was_tampered_with_ends_only_what_a_pass_has_seen() {
    let (pool, _) = pool();
    let lease = leased(&pool, 9);
    let plan = plan(&pool, &[] as &[Ipv4Addr]);
    let changed = |change: fn(&mut PlanRange)| {
        let mut plan = plan.clone();
        change(&mut plan.ranges[0]);
        plan
    };
    for other in [
        changed(|range| range.generation = Some(1)),
        changed(|range| range.generation = None),
        changed(|range| range.first = host(200).into()),
        changed(|range| range.first = ip("fd00::1")),
        changed(|range| (range.first, range.last) = (ip("0.0.0.0"), host(8).into())),
    ] {
        assert_eq!(pool.apply_at_most(&other, HOUR, 300).unwrap().freed, 0);
        assert!(is_leased(&pool, lease));
    }
    let wide = changed(|range| (range.first, range.last) = (ip("0.0.0.0"), ip("255.255.255.255")));
    assert_eq!(pool.apply_at_most(&wide, HOUR, 300).unwrap().freed, 1);
    let late = changed(|range| range.until = Some(u64::MAX));
    assert_eq!(pool.undo(&late).unwrap().taken_back, 1);
    assert!(is_leased(&pool, lease));
}

/// Pools of prefixes, of ranges, and of the other family.
#[test]
fn passes_over_other_kinds_of_pools() {
    let pool = Pool::builder(v6("2001:db8::/48"))
        .unit(56)
        .leases()
        .build()
        .unwrap();
    let units = pool.allocate_many(3, Term::Forever).unwrap();
    let mut pass = pool.pass().unwrap();
    pass.read([format!("{}/56", units[1].addr())]);
    let plan = pass.finish(1).unwrap();
    assert_eq!((plan.slots.matched, plan.slots.ripe), (1, 2));
    assert_eq!(pool.apply(&plan, HOUR).unwrap().freed, 2);
    assert!(pool.iter().eq([units[1]]));

    let ranges = [host(10)..=host(12), host(20)..=host(22)];
    let pool = Pool::<Ipv4Net>::over(ranges).leases().build().unwrap();
    pool.allocate_many(6, Term::Forever).unwrap();
    let plan = self::plan(&pool, &[] as &[Ipv4Addr]);
    let ends: Vec<_> = plan
        .ranges
        .iter()
        .map(|of| (of.first, of.last, of.count))
        .collect();
    let range = |first: u8, last: u8| (host(first).into(), host(last).into(), 3);
    assert_eq!(ends, [range(10, 12), range(20, 22)]);
    assert_eq!(pool.apply_at_most(&plan, HOUR, 6).unwrap().freed, 6);
}

/// The list of users beside a pool, and how often it was read.
#[derive(Default)]
struct Users(Mutex<BTreeMap<Ipv4Addr, u64>>);

impl Users {
    fn write(&self, lease: Held) {
        self.0
            .lock()
            .unwrap()
            .insert(lease.addr(), lease.generation());
    }

    /// Deletes the record, unless it is another holder's by now.
    fn delete(&self, lease: Held) {
        let mut users = self.0.lock().unwrap();
        if users.get(&lease.addr()) == Some(&lease.generation()) {
            users.remove(&lease.addr());
        }
    }

    fn list(&self) -> Vec<Entry> {
        let users = self.0.lock().unwrap();
        users
            .iter()
            .map(|(&addr, &generation)| Entry(addr, generation))
            .collect()
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Joins, holds and leaves, in the order of the contract, and sometimes forgets a lease.
fn live(pool: &LeasePool<Ipv4Net>, users: &Users, owner: Client, rounds: u64) {
    for round in 0..rounds {
        let allocated = match round % 16 {
            15 => pool.allocate(YEAR),
            _ => pool.allocate_for(owner, YEAR),
        };
        let Ok(lease) = allocated else {
            std::thread::yield_now();
            continue;
        };
        users.write(lease);
        match pool.renew(&lease, Term::Forever) {
            Ok(()) => {}
            // It was held already, its record was deleted, and a pass has ended it before it was written again.
            Err(RenewError::Ended { .. } | RenewError::Stale { .. }) => {
                users.delete(lease);
                continue;
            }
            Err(other) => panic!("{other}"),
        }
        for _ in 0..4 {
            assert!(
                is_leased(pool, lease),
                "{lease} ended, though its record was written"
            );
            pool.renew(&lease, Term::Forever)
                .expect("it is held and listed");
        }
        users.delete(lease);
        // Otherwise it is neither released nor forgotten, and its owner gets it again; or it is lost.
        if round % 4 == 0 {
            let released = pool.release(&lease).unwrap();
            assert_ne!(released, Released::Stale, "{lease}");
        }
    }
}

fn storm(net: &str, passes_apply: impl Fn(&LeasePool<Ipv4Net>, &Plan) + Sync) {
    let clock = ManualClock::new();
    let builder = LeasePool::builder(v4(net)).clock(&clock);
    let pool = builder.cooldown(Duration::from_secs(1)).build().unwrap();
    let users = Users::default();
    let (is_over, passes) = (AtomicBool::new(false), AtomicU64::new(0));
    let rounds = std::env::var("HOSTBITS_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1)
        * 4000;
    std::thread::scope(|scope| {
        let holders: Vec<_> = (1..=4)
            .map(|owner| {
                let (pool, users) = (&pool, &users);
                scope.spawn(move || {
                    live(pool, users, Client::from_hash(owner << 40 | owner), rounds)
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let Ok(mut pass) = pool.pass() else { continue };
                    let list = users.list();
                    pass.read(&list);
                    let Ok(plan) = pass.finish(list.len() as u64) else {
                        continue;
                    };
                    passes_apply(&pool, &plan);
                    passes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                clock.advance(Duration::from_secs(1));
                let _ = pool.sweep();
            }
        });
        let outcomes: Vec<_> = holders.into_iter().map(|holder| holder.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
    });
    // One more pass ends whatever is leased and has no record; then all comes back.
    let list = users.list();
    assert!(list.is_empty());
    let last = plan(&pool, &list);
    let _ = pool.apply_at_most(&last, Duration::ZERO, u64::MAX).unwrap();
    clock.advance(YEAR * 2);
    let _ = pool.sweep();
    assert_eq!(pool.census().free, pool.capacity());
    for addr in pool
        .allocate_many(pool.capacity() as usize, Term::Forever)
        .unwrap()
    {
        assert_eq!(pool.release(&addr), Ok(Released::Ended));
    }
    println!("{net}: {} passes", passes.load(Ordering::Relaxed));
}

/// Threads that join, come back, leave and die keep what they hold, beside passes that end all they may.
#[test]
fn no_live_lease_ends_beside_passes() {
    for net in ["10.0.0.0/29", "10.0.0.0/24"] {
        storm(net, |pool, plan| {
            let _ = pool.apply_at_most(plan, Duration::ZERO, u64::MAX);
        });
    }
}

/// The same where plans are applied twice, and undone in between.
#[test]
fn no_live_lease_ends_beside_passes_that_are_undone() {
    for net in ["10.0.0.0/29", "10.0.0.0/24"] {
        storm(net, |pool, plan| {
            let _ = pool.apply_at_most(plan, Duration::ZERO, u64::MAX);
            let _ = pool.undo(plan);
            let _ = pool.apply_at_most(plan, Duration::ZERO, u64::MAX);
        });
    }
}
