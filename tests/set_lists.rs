//! Sets as a whole: lists that name addresses of several members, batches over members, guards, statistics.
//!
//! What a set makes of a list is compared with what one pool over the same ranges makes of it.

use hostbits::{
    Pool, PoolSet, StatsLevel,
    set::{NewMember, StaticBand, Strategy},
    users::{self, Adopted, Problem, ProblemKind, Unreadable},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn pool(text: &str) -> Pool<Ipv4Net> {
    Pool::new(text.parse().unwrap()).unwrap()
}

/// A pool of 10.0.`index`.1 to 10.0.`index`.`count`.
fn small(index: u8, count: u8) -> Pool<Ipv4Net> {
    let (first, last) = ([10, 0, index, 1], [10, 0, index, count]);
    Pool::over([first.into()..=last.into()]).build().unwrap()
}

fn set_of(counts: &[u8]) -> PoolSet<Ipv4Net> {
    let pools = counts.iter().zip(0..);
    PoolSet::new(pools.map(|(&count, index)| small(index, count))).unwrap()
}

const RANGES: [(u8, u8, u8); 3] = [(0, 0, 19), (0, 32, 47), (2, 8, 250)];

fn ranges() -> [RangeInclusive<Ipv4Addr>; 3] {
    RANGES.map(|(net, first, last)| Ipv4Addr::from([10, 0, net, first])..=[10, 0, net, last].into())
}

/// Two labels in the second range, the same in both worlds.
fn whole() -> Pool<Ipv4Net> {
    Pool::over(ranges())
        .reserve(ip("10.0.0.40")..=ip("10.0.0.41"), "routers")
        .build()
        .unwrap()
}

fn in_members() -> PoolSet<Ipv4Net> {
    let [first, second, third] = ranges().map(|range| Pool::over([range]));
    let second = second.reserve(ip("10.0.0.40")..=ip("10.0.0.41"), "routers");
    PoolSet::new([third, first, second].map(|pool| pool.build().unwrap())).unwrap()
}

/// Entries of one address are in exactly one count.
fn entries_counted(report: &Adopted) -> u64 {
    let of_addrs = report.taken + report.already + report.repeated + report.duplicate;
    let others = report.reserved + report.out_of_range + report.wrong_family + report.routes;
    of_addrs + others + report.unassigned + report.unparseable
}

fn any_entry() -> impl Strategy2<Value = (String, Option<u8>)> {
    let addr = prop_oneof![
        8 => (0..3u8, 0..=255u8).prop_map(|(net, host)| format!("10.0.{net}.{host}")),
        2 => (30..50u8).prop_map(|host| format!("10.0.0.{host}")),
        1 => Just("2001:db8::5".to_owned()),
        1 => Just("::ffff:10.0.0.7".to_owned()),
        1 => Just(String::new()),
        1 => Just("10.0.0.007".to_owned()),
    ];
    let prefix = prop_oneof![
        6 => Just(String::new()),
        1 => Just("/32".to_owned()),
        3 => (20..32u8).prop_map(|len| format!("/{len}")),
    ];
    (addr, prefix, proptest::option::of(0..4u8)).prop_map(|(addr, prefix, owner)| {
        let text = if addr.is_empty() {
            addr
        } else {
            addr + &prefix
        };
        (text, owner)
    })
}

use proptest::strategy::Strategy as Strategy2;

/// What is the matter with one entry may be found in another order: of a block that has several addresses of
/// others, any one is named.
fn sorted(mut report: Adopted) -> Adopted {
    let problems = &mut report.problems;
    for problem in problems.iter_mut() {
        let Problem { text, kind, .. } = problem;
        if let ProblemKind::Duplicate {
            addr,
            first_position,
            first_owner,
            ..
        } = kind
            && text.contains('/')
        {
            (*addr, *first_position) = (Ipv4Addr::UNSPECIFIED.into(), 0);
            first_owner.clear();
        }
    }
    problems.sort_by_key(|problem| (problem.position, format!("{problem:?}")));
    report
}

struct User(String, Option<String>);

impl users::Record for User {
    fn listed(&self) -> hostbits::users::Listed<'_> {
        hostbits::users::Listed::Text(&self.0)
    }

    fn owner(&self) -> Option<&str> {
        self.1.as_deref()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Members are an implementation detail of a list: the report is that of one pool with the same ranges.
    #[test]
    fn a_set_makes_of_a_list_what_one_pool_makes_of_it(
        entries in proptest::collection::vec(any_entry(), 0..30),
    ) {
        let users: Vec<_> = entries
            .into_iter()
            .map(|(text, owner)| User(text, owner.map(|owner| format!("user {owner}"))))
            .collect();
        let (whole, set) = (whole(), in_members());
        for _ in 0..2 {
            let all = Unreadable::Skip { at_most: 30 };
            let report = sorted(set.adopt_with(all, &users).unwrap());
            prop_assert_eq!(&report, &sorted(whole.adopt_with(all, &users).unwrap()));
            if report.blocks + report.duplicate + report.repeated == 0 {
                prop_assert_eq!(entries_counted(&report), report.entries);
            }
        }
        let taken: BTreeSet<_> = set.iter().collect();
        prop_assert_eq!(taken, whole.iter().collect::<BTreeSet<_>>());
    }
}

#[test]
fn an_entry_is_out_of_range_only_if_no_member_has_it() {
    let set = PoolSet::new([pool("10.0.0.0/24"), pool("10.0.4.0/24")]).unwrap();
    set.drain(set.members().next().unwrap().id()).unwrap();
    let users = [
        ("10.0.4.9", "alice"),
        ("10.0.0.9", "bob"),
        ("10.0.2.9", "carol"),
        ("2001:db8::9", "dave"),
        ("10.0.4.9", "erin"),
        ("10.0.0.9", "bob"),
        ("10.0.4.1", "frank"),
    ];
    let report = set.adopt(users).unwrap();
    assert_eq!((report.entries, report.taken), (7, 2));
    assert_eq!((report.out_of_range, report.wrong_family), (1, 1));
    assert_eq!(
        (report.duplicate, report.repeated, report.reserved),
        (1, 1, 1)
    );
    let positions: Vec<_> = report
        .problems
        .iter()
        .map(|problem| problem.position)
        .collect();
    assert_eq!(positions, [5, 7, 3, 4], "by weight");
    let ProblemKind::Duplicate { first_position, .. } = &report.problems[0].kind else {
        panic!("{:?}", report.problems);
    };
    assert_eq!(*first_position, 1, "positions are those of the whole list");
    assert!(
        set.stragglers().eq([ip("10.0.0.9")]),
        "a holder in a drained member is one"
    );
}

#[test]
fn a_set_of_both_families_reads_lists_of_both() {
    let net = |text: &str| Pool::new(text.parse::<IpNet>().unwrap()).unwrap();
    let set = PoolSet::new([net("10.0.0.0/24"), net("2001:db8::/112")]).unwrap();
    let users: [IpAddr; 3] =
        ["10.0.0.9", "2001:db8::9", "2001:db8:1::9"].map(|text| text.parse().unwrap());
    let report = set.adopt(users).unwrap();
    assert_eq!(
        (report.taken, report.out_of_range, report.wrong_family),
        (2, 1, 0)
    );
    let none = PoolSet::<Ipv6Net>::builder().build().unwrap();
    assert_eq!(
        none.adopt(users).unwrap().out_of_range,
        3,
        "a set without members has no family"
    );
}

#[test]
fn a_report_names_the_first_hundred_problems_of_the_list() {
    let set = set_of(&[9, 9]);
    let users: Vec<_> = (0..150)
        .map(|index| format!("10.0.{}.200", index % 3))
        .collect();
    let report = set.adopt(&users).unwrap();
    assert_eq!((report.out_of_range, report.problems.len()), (150, 100));
    assert!(
        report
            .problems
            .iter()
            .zip(1..)
            .all(|(problem, position)| problem.position == position)
    );
}

#[test]
fn a_batch_spans_members_and_is_all_or_nothing() {
    for strategy in [
        Strategy::InOrder,
        Strategy::RoundRobin,
        Strategy::MostFree,
        Strategy::Weighted,
    ] {
        let pools = [small(2, 3), small(0, 4), small(1, 5)];
        let set = PoolSet::builder()
            .strategy(strategy)
            .members(pools)
            .build()
            .unwrap();
        assert!(set.allocate_many(13).is_err());
        assert_eq!(set.allocated(), 0, "nothing is left of it");
        let many = set.allocate_many(12).unwrap();
        assert_eq!(
            many.iter().collect::<BTreeSet<_>>().len(),
            12,
            "{strategy:?}"
        );
        assert!(set.allocate_many(1).is_err());
        assert_eq!(set.allocate_many(0), Ok(vec![]));
        for addr in many {
            set.release(addr).unwrap();
        }
        // All from one member where that is possible, in the order of the strategy.
        assert_eq!(
            set.allocate_many(3)
                .unwrap()
                .iter()
                .map(|addr| addr.octets()[2])
                .collect::<BTreeSet<_>>()
                .len(),
            1
        );
    }
}

#[test]
fn a_batch_keeps_off_cordons_and_drained_members_and_takes_bands_last() {
    let banded = NewMember::new(pool("10.0.0.0/28")).band(StaticBand::Lowest(4));
    let set = PoolSet::builder()
        .member(banded)
        .member(small(1, 3))
        .member(small(2, 9))
        .build()
        .unwrap();
    set.drain(set.member_of(ip("10.0.2.1")).unwrap().id())
        .unwrap();
    set.cordon(ip("10.0.0.8")..=ip("10.0.0.9")).unwrap();
    // .1 is the gateway, .1 to .4 the band, .8 and .9 under the cordon.
    let outside = set.allocate_many(11).unwrap();
    let expected = [5, 6, 7, 10, 11, 12, 13, 14].map(|host| Ipv4Addr::from([10, 0, 0, host]));
    let expected: BTreeSet<_> = expected
        .into_iter()
        .chain((1..=3).map(|host| [10, 0, 1, host].into()))
        .collect();
    assert_eq!(outside.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert!(set.allocate_many(4).is_err());
    assert_eq!(
        set.allocate_many(3).unwrap(),
        [2, 3, 4].map(|host| Ipv4Addr::from([10, 0, 0, host]))
    );
    let mut addrs = [Ipv4Addr::UNSPECIFIED; 2];
    assert_eq!(set.allocate_into(&mut addrs), 0);
    set.uncordon(ip("10.0.0.8")..=ip("10.0.0.9")).unwrap();
    assert_eq!(set.allocate_into(&mut addrs), 2);
    assert_eq!(addrs, [ip("10.0.0.8"), ip("10.0.0.9")]);
}

/// Each thread wants half of everything: one that gets it has all of it, and none waits for ever.
#[test]
fn batches_that_take_from_each_other_give_way() {
    let set = set_of(&[40, 70, 90]);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let single = scope.spawn(|| {
            let mut refused = 0u32;
            while !over.load(Ordering::Relaxed) {
                match set.allocate() {
                    Ok(addr) => set.release(addr).unwrap(),
                    Err(_) => refused += 1,
                }
            }
            refused
        });
        let batches: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut held: u32 = 0;
                    for _ in 0..300 {
                        if let Ok(addrs) = set.allocate_many(99) {
                            assert_eq!(addrs.iter().collect::<BTreeSet<_>>().len(), 99);
                            held += 1;
                            addrs
                                .into_iter()
                                .for_each(|addr| set.release(addr).unwrap());
                        }
                    }
                    held
                })
            })
            .collect();
        let held: Vec<_> = batches.into_iter().map(|batch| batch.join()).collect();
        over.store(true, Ordering::Relaxed);
        let held: u32 = held.into_iter().map(Result::unwrap).sum();
        // Two batches at a time leave two addresses, and three never fit: a single claim always finds one.
        assert_eq!(single.join().unwrap(), 0, "something was free all the time");
        assert!(held > 0);
    });
    assert_eq!(set.allocated(), 0);
}

#[test]
fn an_array_is_filled_member_by_member() {
    let set = set_of(&[3, 2, 4]);
    let mut addrs = [Ipv4Addr::UNSPECIFIED; 7];
    assert_eq!(set.allocate_into(&mut addrs), 7);
    assert_eq!(addrs.map(|addr| addr.octets()[2]), [0, 0, 0, 1, 1, 2, 2]);
    let mut rest = [Ipv4Addr::UNSPECIFIED; 7];
    assert_eq!(set.allocate_into(&mut rest), 2);
    assert_eq!(set.allocate_into(&mut rest), 0);
    assert_eq!(set.allocate_into(&mut []), 0);
    // The summary knows what came back.
    set.release(addrs[0]).unwrap();
    assert_eq!(set.allocate(), Ok(addrs[0]));
}

#[test]
fn guards_give_back_to_the_set() {
    let set = std::sync::Arc::new(set_of(&[1, 1]));
    let (first, second) = (set.guard().unwrap(), set.guard_arc().unwrap());
    assert_ne!(first.addr(), second.addr());
    assert!(set.guard().is_err());
    let given_back = first.addr();
    drop(first);
    // Through the set, so that in order is in order again.
    assert_eq!(set.allocate(), Ok(given_back));
    let kept = second.keep();
    assert_eq!(set.allocated(), 2);
    set.release(kept).unwrap();
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = set.guard().unwrap();
        panic!("with a guard");
    }));
    assert!(unwound.is_err());
    assert_eq!(set.allocated(), 1);
}

#[test]
fn a_member_is_added_with_its_weight_and_band() {
    let first = NewMember::new(small(0, 200));
    let set = PoolSet::builder()
        .strategy(Strategy::Weighted)
        .member(first)
        .build()
        .unwrap();
    set.add(NewMember::new(small(1, 200)).weight(3)).unwrap();
    let share = (0..80)
        .filter(|_| set.allocate().unwrap().octets()[2] == 1)
        .count();
    assert!((58..=62).contains(&share), "three quarters of 80: {share}");
    let set = set_of(&[1]);
    set.add(NewMember::new(pool("10.0.1.0/24")).band(StaticBand::Kubernetes))
        .unwrap();
    assert_eq!(set.allocate(), Ok(ip("10.0.0.1")));
    assert_eq!(set.allocate(), Ok(ip("10.0.1.17")));
}

#[test]
fn statistics_are_those_of_the_members_together() {
    let off = Pool::over([ip("10.0.9.1")..=ip("10.0.9.1")]).stats(StatsLevel::Off);
    let set = PoolSet::new([small(0, 2), off.build().unwrap(), small(1, 4)]).unwrap();
    let held: Vec<_> = (0..4).map(|_| set.allocate().unwrap()).collect();
    set.release(held[0]).unwrap();
    assert!(set.release(held[0]).is_err());
    assert!(set.allocate_exact(held[1]).is_err());
    set.allocate_many(2).unwrap();
    let _ = set.adopt(["10.0.1.4"]).unwrap();
    let stats = set.stats();
    assert_eq!(
        (
            stats.allocations.any,
            stats.allocations.batch,
            stats.allocations.adopted
        ),
        (3, 2, 1)
    );
    assert_eq!(
        (stats.releases, stats.release_errors, stats.failures.taken),
        (1, 1, 1)
    );
}
