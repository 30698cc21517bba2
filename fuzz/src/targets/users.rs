//! A pool and a list of users: every entry is counted in its category, nothing is freed, and a second
//! reading changes nothing.
//!
//! The input is a plan, a line `users`, and one `address,owner` per line; without such a line, all of
//! it is a list for 10.0.0.0/24.

use super::Target;
use super::adoption::{Adoption, Line};
use super::judge::addr;
use super::kind::{Kind, bits_of};
use super::listed::{Means, means};
use super::naive::{Expected, Layout, expected};
use super::plan::Plan;
use crate::run::Trace;
use hostbits::{
    NextFreeError, Pool, next_free,
    users::{Adopted, Unreadable},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(crate) const TARGET: Target = Target {
    name: "users",
    words: &[
        "users\n",
        ",alice\n",
        ",bob\n",
        "10.0.0.",
        "/28\n",
        "10.0.0.16/28,",
        "::ffff:",
        "unit 28\n",
    ],
    run,
};

/// Any number of unreadable entries may pass: the model counts them.
const ALL: Unreadable = Unreadable::Skip { at_most: u64::MAX };

/// The most addresses that a model of sets can afford.
const AT_MOST: u64 = 1024;
const MOST_LINES: usize = 300;

fn run(input: &[u8], trace: &mut Trace) {
    let text = String::from_utf8_lossy(input);
    let (plan, list) = text.split_once("users\n").unwrap_or(("10.0.0.0/24", &text));
    let mut plan = Plan::read(plan);
    plan.at_most = Some(plan.at_most.unwrap_or(AT_MOST).min(AT_MOST));
    let lines: Vec<Line<'_>> = list.split('\n').take(MOST_LINES).map(Line::read).collect();
    if let Some(network) = plan.network {
        judge_next_free(network, &lines, trace);
    }
    let Expected::Layout(layout) = expected(&plan) else {
        return;
    };
    judge::<IpNet>(&plan, &layout, &lines, trace);
    judge::<Ipv4Net>(&plan, &layout, &lines, trace);
    judge::<Ipv6Net>(&plan, &layout, &lines, trace);
}

fn judge<N: Kind>(plan: &Plan, layout: &Layout, lines: &[Line<'_>], trace: &mut Trace) {
    let Some(builder) = plan.builder::<N>() else {
        return;
    };
    let new_pool = || {
        builder
            .build()
            .expect("the naive layout says that it can be built")
    };
    {
        let pool = new_pool();
        // Some addresses are taken before, and must not be freed.
        for unit in layout.usable().skip(1).step_by(5) {
            pool.allocate_exact(addr::<N>(layout, layout.addr(unit)))
                .expect("the pool is new");
        }
        judge_adoption(&pool, layout, lines, trace);
    }
    judge_typed_records(&new_pool(), &new_pool(), lines);
}

fn judge_adoption<N: Kind>(pool: &Pool<N>, layout: &Layout, lines: &[Line<'_>], trace: &mut Trace) {
    let before = pool.snapshot();
    let taken_before: BTreeSet<u128> = pool
        .iter()
        .map(|addr| bits_of(addr) >> layout.shift)
        .collect();
    let report = match pool.adopt(lines) {
        Ok(report) => report,
        Err(_) => {
            let is_as_before = pool.allocated() == taken_before.len() as u64;
            assert!(is_as_before, "what is refused changes nothing");
            let report = pool.adopt_with(ALL, lines).expect("whatever it is");
            assert_ne!(report.unparseable, 0);
            report
        }
    };
    let mut model = Adoption::new(layout, taken_before);
    lines.iter().for_each(|line| model.adopt(line));
    model.judge(&report);
    judge_problems(&report);
    let held: BTreeSet<u128> = pool
        .iter()
        .map(|addr| bits_of(addr) >> layout.shift)
        .collect();
    assert_eq!(held, model.held, "what is held");
    let diff = pool.snapshot().diff(&before).expect("the same pool");
    assert!(diff.released.is_empty(), "an adoption frees nothing");
    assert_eq!(diff.allocated.len() as u64, report.taken);
    assert_eq!(pool.allocated(), held.len() as u64);

    // Once more: what was taken counts as already taken, and everything else is the same.
    let again = pool.adopt_with(ALL, lines).expect("whatever it is");
    let mut expected = report.clone();
    (expected.taken, expected.already) = (0, report.taken + report.already);
    assert_eq!(again, expected, "a second reading");
    assert!(
        pool.iter()
            .map(|addr| bits_of(addr) >> layout.shift)
            .eq(held)
    );
    note(&report, trace);
}

fn note(report: &Adopted, trace: &mut Trace) {
    let counts = [
        report.taken,
        report.already,
        report.repeated,
        report.duplicate,
        report.reserved,
        report.out_of_range,
        report.wrong_family,
        report.blocks,
        report.routes,
        report.unassigned,
        report.unparseable,
    ];
    counts
        .iter()
        .enumerate()
        .for_each(|count| trace.note((count.0, count.1.checked_ilog2())));
    trace.note(counts.map(|count| count != 0));
}

fn judge_problems(report: &Adopted) {
    assert!(report.problems.len() <= 500);
    for problem in &report.problems {
        assert!((1..=report.entries).contains(&problem.position));
        assert!(problem.text.chars().count() <= 64, "{:?}", problem.text);
        // Two names of 64 characters at most, each of which may be escaped.
        assert!(problem.to_string().len() <= 3 * 64 * 10 + 100, "{problem}");
    }
}

/// Checks that typed addresses mean the same as their text.
fn judge_typed_records<N: Kind>(of_text: &Pool<N>, of_addrs: &Pool<N>, lines: &[Line<'_>]) {
    let addrs: Vec<(IpAddr, String)> = lines
        .iter()
        .filter_map(|line| match means(line.text) {
            Means::Addr(addr) => Some((addr, line.owner.unwrap_or_default().to_owned())),
            _ => None,
        })
        .collect();
    let texts: Vec<(String, String)> = addrs
        .iter()
        .map(|(addr, owner)| (addr.to_string(), owner.clone()))
        .collect();
    assert_eq!(of_text.adopt(&texts), of_addrs.adopt(&addrs));
    let nets: Vec<IpNet> = addrs.iter().map(|&(addr, _)| addr.into()).collect();
    assert_eq!(
        of_text.adopt(&nets).expect("networks").taken,
        0,
        "as networks of the full length, they are known"
    );
}

/// Checks that the next address is the first one that a scan finds neither reserved nor listed.
fn judge_next_free(network: IpNet, lines: &[Line<'_>], trace: &mut Trace) {
    let found = next_free(network, lines);
    let plan = Plan {
        network: Some(network),
        at_most: Some(lines.len() as u64 + 4),
        ..Plan::default()
    };
    let Expected::Layout(layout) = expected(&plan) else {
        return match found {
            Err(NextFreeError::Network { .. }) => trace.note("no network"),
            other => panic!("{network} cannot be used, but {other:?}"),
        };
    };
    let unreadable = lines
        .iter()
        .any(|line| means(line.text) == Means::Unparseable);
    if unreadable || matches!(found, Err(NextFreeError::Unreadable { .. })) {
        let is_refused = matches!(found, Err(NextFreeError::Unreadable { .. }));
        return assert!(unreadable && is_refused, "{found:?}");
    }
    let held = |addr: IpAddr| {
        lines.iter().any(|line| match means(line.text) {
            Means::Addr(listed) => listed == addr,
            Means::Net(first, prefix_len) => {
                let block = IpNet::new(first, prefix_len).expect("it was read");
                block.contains(&addr) && !block.contains(&network)
            }
            Means::Range(first, last) => {
                first.is_ipv4() == addr.is_ipv4() && (first..=last).contains(&addr)
            }
            Means::Unassigned | Means::Unparseable => false,
        })
    };
    // Blocks may hold more than a scan can see.
    let is_small = |line: &Line<'_>| matches!(means(line.text), Means::Addr(_) | Means::Unassigned);
    if !lines.iter().all(is_small) {
        if let Ok(found) = &found {
            assert!(!held(found.addr()), "{found} is held");
        }
        return;
    }
    let free = layout
        .usable()
        .find(|&unit| !held(super::kind::addr_of(layout.wide, unit)));
    trace.note(("next free", free.is_some()));
    match (found, free) {
        (Ok(found), Some(free)) => {
            assert_eq!(
                (bits_of(found.addr()), found.prefix_len()),
                (free, layout.width())
            );
        }
        (Err(NextFreeError::Exhausted { .. }), None) => {}
        (found, free) => panic!("{found:?}, not {free:x?}"),
    }
}
