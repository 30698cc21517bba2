//! The user-list table: what each entry of a list means to `adopt` and to `next_free`.

mod common;

use common::{a4, a6, drain, host, ip, net, taken, ten, unchanged, v4, v6};
use hostbits::{
    Gateway, NextFreeError, Pool, next_free,
    users::{self, AdoptError, Adopted, Listed, Problem, ProblemKind, Unreadable},
};
use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn slash24() -> Pool<IpNet> {
    Pool::builder(net("10.0.0.0/24"))
        .reserve(ip("10.0.0.50")..=ip("10.0.0.59"), "printers")
        .build()
        .unwrap()
}

/// Every count of a report, in a fixed order.
fn counts(report: &Adopted) -> [(&'static str, u64); 11] {
    [
        ("taken", report.taken),
        ("already", report.already),
        ("repeated", report.repeated),
        ("duplicate", report.duplicate),
        ("reserved", report.reserved),
        ("out_of_range", report.out_of_range),
        ("wrong_family", report.wrong_family),
        ("blocks", report.blocks),
        ("routes", report.routes),
        ("unassigned", report.unassigned),
        ("unparseable", report.unparseable),
    ]
}

fn assert_counts(report: &Adopted, expected: &[(&str, u64)], what: &str) {
    for (name, count) in counts(report) {
        let expected = expected
            .iter()
            .find(|(of, _)| *of == name)
            .map_or(0, |(_, count)| *count);
        assert_eq!(count, expected, "{what}: {name} of {report:?}");
    }
}

/// Lists without blocks: no entry is skipped, and none is counted twice.
fn assert_nothing_skipped(report: &Adopted) {
    let sum: u64 = counts(report).iter().map(|(_, count)| count).sum();
    assert_eq!(sum, report.entries, "{report:?}");
}

const TAKEN: &str = "taken";
const BLOCKS: &str = "blocks";
const ROUTES: &str = "routes";
/// In these tables, what cannot be read is a row like any other.
const ALL: Unreadable = Unreadable::Skip { at_most: u64::MAX };

/// The table of semantics.md: the entry, what it takes, what it is counted as, what is reported.
const TABLE: [(&str, &str, &[&str], &[&str]); 50] = [
    ("10.0.0.5", "10.0.0.5", &[TAKEN], &[]),
    ("10.0.0.5/32", "10.0.0.5", &[TAKEN], &[]),
    ("  10.0.0.5", "10.0.0.5", &[TAKEN], &[]),
    ("\t10.0.0.5/32 \r\n", "10.0.0.5", &[TAKEN], &[]),
    ("::ffff:10.0.0.5", "10.0.0.5", &[TAKEN], &[]),
    ("::FFFF:a00:5", "10.0.0.5", &[TAKEN], &[]),
    ("::ffff:10.0.0.5/128", "10.0.0.5", &[TAKEN], &[]),
    (
        "::ffff:10.0.0.0/120",
        "",
        &["unparseable"],
        &["is not an address"],
    ),
    ("10.0.0.5/24", "10.0.0.5", &[TAKEN], &[]),
    ("10.0.0.5/0", "10.0.0.5", &[TAKEN], &[]),
    ("10.0.0.0/24", "", &[ROUTES], &[]),
    ("10.0.0.0/8", "", &[ROUTES], &[]),
    ("0.0.0.0/0", "", &[ROUTES], &[]),
    ("::/0", "", &[ROUTES], &[]),
    ("10.0.0.*", "", &[ROUTES], &[]),
    (
        "10.0.0.52/30",
        "",
        &["reserved"],
        &["is reserved: printers"],
    ),
    ("::ffff:10.0.0.5/96", "10.0.0.5", &[TAKEN], &[]),
    (
        "10.0.7.7/24",
        "",
        &["out_of_range"],
        &["is not in the pool"],
    ),
    (
        "2001:db8::5/64",
        "",
        &["wrong_family"],
        &["belongs to the other address family"],
    ),
    ("10.0.0.0", "", &["reserved"], &["is reserved: network"]),
    ("10.0.0.1", "", &["reserved"], &["is reserved: gateway"]),
    ("10.0.0.255", "", &["reserved"], &["is reserved: broadcast"]),
    (
        "10.0.0.55/32",
        "",
        &["reserved"],
        &["is reserved: printers"],
    ),
    ("10.0.1.0", "", &["out_of_range"], &["is not in the pool"]),
    (
        "255.255.255.255",
        "",
        &["out_of_range"],
        &["is not in the pool"],
    ),
    (
        "2001:db8::5",
        "",
        &["wrong_family"],
        &["belongs to the other address family"],
    ),
    (
        "2001:DB8::5/128",
        "",
        &["wrong_family"],
        &["belongs to the other address family"],
    ),
    ("", "", &["unassigned"], &[]),
    (" \t ", "", &["unassigned"], &[]),
    ("0.0.0.0", "", &["unassigned"], &[]),
    ("0.0.0.0/32", "", &["unassigned"], &[]),
    ("::", "", &["unassigned"], &[]),
    ("(none)", "", &["unassigned"], &[]),
    ("NULL", "", &["unassigned"], &[]),
    ("::ffff:0.0.0.0", "", &["unassigned"], &[]),
    ("010.0.0.5", "", &["unparseable"], &["is not an address"]),
    ("10.0.0.05", "", &["unparseable"], &["is not an address"]),
    ("10.0.0.5:80", "", &["unparseable"], &["is not an address"]),
    (
        "[2001:db8::5]",
        "",
        &["unparseable"],
        &["is not an address"],
    ),
    ("fe80::1%eth0", "", &["unparseable"], &["is not an address"]),
    (
        "router.example",
        "",
        &["unparseable"],
        &["is not an address"],
    ),
    ("10.0.0.5/33", "", &["unparseable"], &["is not an address"]),
    ("10.0.0.5/032", "", &["unparseable"], &["is not an address"]),
    ("10.0.0.5/+32", "", &["unparseable"], &["is not an address"]),
    ("10.0.0.5/", "", &["unparseable"], &["is not an address"]),
    (
        "10.0.0.5/255.255.255.0",
        "",
        &["unparseable"],
        &["is not an address"],
    ),
    ("10.0.0.5 /32", "", &["unparseable"], &["is not an address"]),
    (
        "10.0.0.9-10.0.0.5",
        "",
        &["unparseable"],
        &["is not an address"],
    ),
    ("10.0.0.256", "", &["unparseable"], &["is not an address"]),
    (
        "10.0.0.5,10.0.0.6",
        "",
        &["unparseable"],
        &["is not an address"],
    ),
];

/// Every row, alone in its list: taken or not, counted once, reported with position and text.
#[test]
fn every_entry_means_what_the_table_says() {
    for (entry, takes, counted, reported) in TABLE {
        let pool = slash24();
        let report = pool.adopt_with(ALL, [entry]).unwrap();
        assert_eq!(report.entries, 1);
        let expected: Vec<_> = counted.iter().map(|&name| (name, 1)).collect();
        assert_counts(&report, &expected, entry);
        assert_nothing_skipped(&report);
        let takes: Vec<IpAddr> = takes.parse().into_iter().collect();
        assert_eq!(taken(&pool), takes, "{entry:?}");
        assert_eq!(report.problems.len(), reported.len(), "{entry:?}");
        for (problem, end) in report.problems.iter().zip(reported) {
            assert_eq!((problem.position, &*problem.text), (1, entry));
            assert_eq!(problem.to_string(), format!("entry 1: {entry:?} {end}"));
        }
    }
}

/// The whole table as one list: the sums, the positions, and the same address again is harmless.
#[test]
fn a_list_of_everything_adds_up() {
    let pool = slash24();
    let report = pool.adopt_with(ALL, TABLE.map(|row| row.0)).unwrap();
    let count = |name| TABLE.iter().filter(|row| row.2.contains(&name)).count() as u64;
    assert_eq!(report.entries, TABLE.len() as u64);
    assert_nothing_skipped(&report);
    assert_eq!(
        (report.taken, report.repeated),
        (1, count(TAKEN) - 1),
        ".5 again and again"
    );
    for name in [
        "duplicate",
        "reserved",
        "out_of_range",
        "wrong_family",
        ROUTES,
        "unassigned",
        "unparseable",
    ] {
        assert_eq!(
            counts(&report).iter().find(|of| of.0 == name).unwrap().1,
            count(name),
            "{name}"
        );
    }
    let mut positions: Vec<_> = report
        .problems
        .iter()
        .map(|problem| problem.position)
        .collect();
    let unreadable = report.unparseable as usize;
    assert!(positions[..unreadable].is_sorted(), "unreadable ones first");
    positions.sort_unstable();
    let expected: Vec<_> = (1..)
        .zip(TABLE)
        .filter(|(_, row)| !row.3.is_empty())
        .map(|(position, _)| position)
        .collect();
    assert_eq!(positions, expected);
}

/// The IPv6 half of the table.
#[test]
fn ipv6_entries_mean_what_the_table_says() {
    for (entry, takes, counted) in [
        ("2001:DB8::5/128", "2001:db8::5", TAKEN),
        ("2001:0db8:0:0:0:0:0:5", "2001:db8::5", TAKEN),
        (" 2001:db8::0.0.0.5 ", "2001:db8::5", TAKEN),
        ("2001:db8::", "", "reserved"),
        ("2001:db8::1", "", "reserved"),
        ("2001:db8::ff", "2001:db8::ff", TAKEN),
        ("2001:db8::100", "", "out_of_range"),
        ("10.0.0.5", "", "wrong_family"),
        ("::ffff:10.0.0.5", "", "wrong_family"),
        ("::", "", "unassigned"),
        ("2001:db8::5%1", "", "unparseable"),
        ("2001:db8::5/129", "", "unparseable"),
    ] {
        let pool = Pool::new(v6("2001:db8::/120")).unwrap();
        assert_counts(
            &pool.adopt_with(ALL, [entry]).unwrap(),
            &[(counted, 1)],
            entry,
        );
        assert_eq!(
            taken(&pool),
            takes.parse().into_iter().collect::<Vec<Ipv6Addr>>(),
            "{entry}"
        );
    }
}

/// A prefix means one thing: with host bits the host, without them all of it; all of the pool is a route. And a
/// route or a delegation is always all of it.
#[test]
fn prefixes_and_ranges_mean_one_thing() {
    type Row = (
        Listed<'static>,
        std::ops::Range<u32>,
        &'static [(&'static str, u64)],
    );
    use Listed::{Block, Own, Text};
    let rows: [Row; 17] = [
        (Text("10.0.0.16/28"), 16..32, &[(TAKEN, 16), (BLOCKS, 1)]),
        (Text("10.0.0.21/28"), 21..22, &[(TAKEN, 1)]),
        (Text("10.0.0.0/29"), 2..8, &[(TAKEN, 6), (BLOCKS, 1)]),
        (Text("10.0.0.0/31"), 0..0, &[("reserved", 1)]),
        (Text("10.0.0.0/8"), 0..0, &[(ROUTES, 1)]),
        (Text("10.0.1.0/28"), 0..0, &[("out_of_range", 1)]),
        (Text("2001:db8::/64"), 0..0, &[("wrong_family", 1)]),
        (Text("10.0.0.7/32"), 7..8, &[(TAKEN, 1)]),
        (
            Text("10.0.0.250-10.0.1.9"),
            250..255,
            &[(TAKEN, 5), (BLOCKS, 1)],
        ),
        (
            Text("10.0.0.0-10.0.0.255"),
            2..255,
            &[(TAKEN, 253), (BLOCKS, 1)],
        ),
        (Block("10.0.0.21/28"), 16..32, &[(TAKEN, 16), (BLOCKS, 1)]),
        (Block("10.0.0.21"), 21..22, &[(TAKEN, 1)]),
        (Block("0.0.0.0/0"), 0..0, &[(ROUTES, 1)]),
        // The beginning of 10.0.0.7/32: routes are not written like that.
        (Block("10.0.0.7/3"), 7..8, &[(TAKEN, 1)]),
        (Own("10.0.0.16/28"), 16..17, &[(TAKEN, 1)]),
        (Own("10.0.0.1/24"), 0..0, &[("own", 1)]),
        (Listed::Stray("10.0.1.7"), 0..0, &[("passed", 1)]),
    ];
    struct One(Listed<'static>);
    impl users::Record for One {
        fn listed(&self) -> Listed<'_> {
            self.0
        }
    }
    for (entry, takes, expected) in rows {
        let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
        let report = pool.adopt([One(entry)]).unwrap();
        assert_counts(&report, expected, &format!("{entry:?}"));
        assert!(pool.iter().eq(takes.map(ten)), "{entry:?}");
        let again = pool.adopt([One(entry)]).unwrap();
        assert_eq!((again.taken, again.already), (0, report.taken), "{entry:?}");
    }
    let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
    for entry in [Listed::Stray("10.0.0.7/24"), Listed::Broken("10.0.0.7")] {
        let AdoptError::Unreadable { adopted, .. } = pool.adopt([One(entry)]).unwrap_err() else {
            panic!("{entry:?}");
        };
        assert_eq!((adopted.unparseable, pool.allocated()), (1, 0), "{entry:?}");
    }
}

/// A list in which something cannot be read takes nothing, unless so many are let pass.
#[test]
fn a_list_that_cannot_be_read_is_refused() {
    let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
    let list = ["10.0.0.5", "10.0.0.x", "10.0.0.6", "what"];
    let error = pool.adopt(list).unwrap_err();
    assert_eq!(error.code(), "unreadable");
    let says = "2 entries of the list cannot be read; entry 2: \"10.0.0.x\" is not an address";
    assert_eq!(error.to_string(), says);
    assert_eq!(pool.allocated(), 0);
    assert!(
        pool.adopt_with(Unreadable::Skip { at_most: 1 }, list)
            .is_err()
    );
    assert_eq!(pool.allocated(), 0);
    let report = pool
        .adopt_with(Unreadable::Skip { at_most: 2 }, list)
        .unwrap();
    assert_eq!((report.taken, report.unparseable), (2, 2));
    assert_eq!(
        next_free(v4("10.0.0.0/24"), list).unwrap_err().code(),
        "unreadable"
    );
}

/// The stateless form means the same, in networks of any size.
#[test]
fn next_free_skips_blocks_ranges_and_nothing_else() {
    let next = |net: &str, list: &[&str]| next_free(net_of(net), list.iter().copied());
    for (net, list, expected) in [
        ("10.0.0.0/24", &["10.0.0.0/28"][..], "10.0.0.16/32"),
        ("10.0.0.0/24", &["10.0.0.2/24"], "10.0.0.3/32"),
        ("10.0.0.0/24", &["10.0.0.0/24", "0.0.0.0/0"], "10.0.0.2/32"),
        (
            "10.0.0.0/24",
            &["10.0.0.1-10.0.0.99", "10.0.0.100"],
            "10.0.0.101/32",
        ),
        ("10.0.0.0/8", &["10.0.0.0/9"], "10.128.0.0/32"),
        ("fd00::/64", &["fd00::/65"], "fd00::8000:0:0:0/128"),
    ] {
        assert_eq!(
            next(net, list).unwrap().to_string(),
            expected,
            "{net} {list:?}"
        );
    }
    let full = next("10.0.0.0/24", &["10.0.0.2-10.0.0.254"]).unwrap_err();
    assert_eq!(full.code(), "exhausted");
    assert!(matches!(
        full,
        NextFreeError::Exhausted { capacity: 253, .. }
    ));
}

fn net_of(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// What a pool delegates is no longer ambiguous: a /28 is one slot of a pool of /28.
#[test]
fn a_prefix_of_the_unit_is_an_address() {
    let pool = Pool::builder(v4("10.0.0.0/24")).unit(28).build().unwrap();
    let report = pool
        .adopt(["10.0.0.16/28", "10.0.0.32", "10.0.0.50", "10.0.0.64/32"])
        .unwrap();
    assert_counts(&report, &[(TAKEN, 4)], "units");
    assert!(pool.iter().eq([16, 32, 48, 64].map(host)));
    let report = pool
        .adopt(["10.0.0.81/28", "10.0.0.96/27", "10.0.0.17"])
        .unwrap();
    assert_counts(
        &report,
        &[(TAKEN, 3), ("already", 1), (BLOCKS, 1)],
        "not the unit",
    );
    let pool = Pool::builder(v6("2001:db8::/40")).unit(56).build().unwrap();
    assert_counts(
        &pool
            .adopt(["2001:db8:0:100::/56", "2001:db8:0:2ff::1"])
            .unwrap(),
        &[(TAKEN, 2)],
        "IPv6",
    );
    assert_eq!(drain(&pool).len(), 65_534);
}

/// The same address again is harmless for the same owner, and a duplicate for another: all claimants
/// are named and none wins.
#[test]
fn duplicates_name_all_claimants() {
    let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
    let report = pool
        .adopt([
            ("10.0.0.5", "alice"),
            ("10.0.0.6", "bob"),
            (" 10.0.0.5/32", "alice"),
            ("::ffff:10.0.0.5", "bob"),
            ("10.0.0.5", "carol"),
            ("10.0.0.5/24", "dave"),
        ])
        .unwrap();
    assert_counts(
        &report,
        &[(TAKEN, 2), ("repeated", 1), ("duplicate", 3)],
        "duplicates",
    );
    assert!(pool.iter().eq([host(5), host(6)]));
    let messages: Vec<_> = report.problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        messages,
        [
            r#"entry 4: "::ffff:10.0.0.5" is claimed by "bob", and by "alice" in entry 1"#,
            r#"entry 5: "10.0.0.5" is claimed by "carol", and by "alice" in entry 1"#,
            r#"entry 6: "10.0.0.5/24" is claimed by "dave", and by "alice" in entry 1"#,
        ]
    );
    let ProblemKind::Duplicate {
        addr,
        owner,
        first_position,
        first_owner,
        ..
    } = &report.problems[0].kind
    else {
        panic!("{:?}", report.problems[0]);
    };
    assert_eq!(
        (*addr, &**owner, *first_position, &**first_owner),
        (ip("10.0.0.5"), "bob", 1, "alice")
    );
    let unnamed = pool.adopt(["10.0.0.9", "10.0.0.9", "10.0.0.5"]).unwrap();
    assert_counts(
        &unnamed,
        &[(TAKEN, 1), ("repeated", 1), ("already", 1)],
        "no owners, no duplicate",
    );
}

/// Two owners of one block claim the same addresses: it must be seen.
#[test]
fn duplicates_are_seen_in_blocks_too() {
    for (what, list) in [
        (
            "block twice",
            [("10.0.0.16/28", "alice"), ("10.0.0.16/28", "bob")],
        ),
        (
            "block, address",
            [("10.0.0.16/28", "alice"), ("10.0.0.17", "bob")],
        ),
        (
            "address, block",
            [("10.0.0.17", "alice"), ("10.0.0.16/28", "bob")],
        ),
    ] {
        let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
        let report = pool.adopt(list).unwrap();
        assert_eq!(pool.allocated(), 16, "{what}");
        assert!(report.duplicate > 0, "{what}: {report:?}");
    }
}

/// Adopting never frees: an address that is not listed stays held, and a second pass changes nothing.
#[test]
fn adopting_never_frees_and_is_idempotent() {
    let pool = slash24();
    let held = pool.allocate_many(5).unwrap();
    let list = [
        "10.0.0.3",
        "10.0.0.99",
        "10.0.0.100/24",
        "garbage",
        "",
        "10.0.0.1",
    ];
    let report = pool.adopt_with(ALL, list).unwrap();
    assert_counts(
        &report,
        &[
            (TAKEN, 2),
            ("already", 1),
            ("reserved", 1),
            ("unassigned", 1),
            ("unparseable", 1),
        ],
        "first",
    );
    for lists in [&list[..], &[], &["10.0.0.2"], &["garbage"]] {
        let report = unchanged(&pool, "adopt", || pool.adopt_with(ALL, lists).unwrap());
        assert_eq!(report.taken, 0);
        assert_eq!(report.entries, lists.len() as u64);
    }
    assert!(held.iter().all(|addr| !pool.is_available(*addr)));
    assert_eq!(
        (
            pool.allocated(),
            pool.stats().allocations.adopted,
            pool.stats().releases
        ),
        (7, 2, 0)
    );
    assert_eq!(pool.adopt([""; 0]).unwrap(), Adopted::default());
}

/// A quote has 64 characters at most, counted as characters; positions count from 1.
#[test]
fn quotes_are_cut_after_64_characters() {
    let pool = slash24();
    let exactly = "x".repeat(64);
    for (text, quoted) in [
        (exactly.clone(), exactly.clone()),
        ("x".repeat(65), exactly.clone()),
        ("é".repeat(100), "é".repeat(64)),
        ("\u{1f600}".repeat(70), "\u{1f600}".repeat(64)),
        (
            format!("{}\u{0}\n\"", "a".repeat(10)),
            format!("{}\u{0}\n\"", "a".repeat(10)),
        ),
    ] {
        let report = pool
            .adopt_with(ALL, ["10.0.0.9".to_owned(), String::new(), text])
            .unwrap();
        assert_eq!(
            (report.problems[0].position, &report.problems[0].text),
            (3, &quoted)
        );
        assert!(report.problems[0].to_string().is_ascii() || quoted.contains(['é', '\u{1f600}']));
    }
}

/// A report names 100 problems of each kind, those that could cost an address first, and counts all of them.
#[test]
fn reports_name_a_hundred_problems_of_each_kind_and_count_all() {
    let pool = slash24();
    let list: Vec<_> = (0..1000)
        .map(|index| {
            if index % 2 == 0 {
                "garbage"
            } else {
                "10.9.9.9"
            }
        })
        .collect();
    let report = pool.adopt_with(ALL, list).unwrap();
    assert_eq!(
        (report.entries, report.unparseable, report.out_of_range),
        (1000, 500, 500)
    );
    let positions = report.problems.iter().map(|problem| problem.position);
    let unreadable = (1..=199).step_by(2);
    assert!(positions.eq(unreadable.chain((2..=200).step_by(2))));
}

/// A caller's own record.
struct Peer {
    name: Option<&'static str>,
    addr: IpAddr,
}

impl users::Record for Peer {
    fn listed(&self) -> Listed<'_> {
        Listed::Addr(self.addr)
    }

    fn owner(&self) -> Option<&str> {
        self.name
    }
}

/// Text, addresses, networks, pairs, own records, by value and by reference: the same meaning.
#[test]
fn anything_that_can_name_its_address_is_a_record() {
    fn adopted<R: users::Record>(list: &[R]) -> Vec<IpAddr> {
        let pool = slash24();
        assert_eq!(pool.adopt(list).unwrap().entries, list.len() as u64);
        taken(&pool)
    }
    let expected = ["10.0.0.5", "10.0.0.9"].map(ip);
    let texts = ["10.0.0.9", "10.0.0.5/32"];
    assert_eq!(adopted(&texts), expected);
    assert_eq!(adopted(&texts.map(String::from)), expected);
    assert_eq!(adopted(&[host(9), host(5)]), expected);
    assert_eq!(
        adopted(&[
            ip("10.0.0.9"),
            ip("::ffff:10.0.0.5"),
            ip("::1"),
            ip("0.0.0.0")
        ]),
        expected
    );
    assert_eq!(
        adopted(&[a6("::ffff:10.0.0.9"), a6("::ffff:10.0.0.5"), a6("::")]),
        expected
    );
    assert_eq!(adopted(&[v4("10.0.0.9/32"), v4("10.0.0.5/24")]), expected);
    assert_eq!(adopted(&[net("10.0.0.9/32"), net("10.0.0.5/32")]), expected);
    assert_eq!(
        adopted(&[
            v6("::ffff:10.0.0.9/128"),
            v6("::ffff:10.0.0.5/128"),
            v6("::ffff:10.0.0.5/127")
        ]),
        expected
    );
    assert_eq!(adopted(&[("10.0.0.9", "a"), ("10.0.0.5", "b")]), expected);
    assert_eq!(
        adopted(&[(host(9), String::from("a")), (host(5), String::new())]),
        expected
    );
    assert_eq!(
        adopted(&[&&("10.0.0.9", "a"), &&("10.0.0.5", "b")]),
        expected
    );
    let peers = [
        (Some("a"), "10.0.0.9"),
        (None, "10.0.0.5"),
        (Some("b"), "10.0.0.9"),
    ];
    let peers = peers.map(|(name, addr)| Peer {
        name,
        addr: ip(addr),
    });
    assert_eq!(adopted(&peers), expected);
    assert_eq!(slash24().adopt(&peers).unwrap().duplicate, 1);
    assert_eq!(users::Record::generation(&peers[0]), None);
    let vec: Vec<String> = texts.iter().map(ToString::to_string).collect();
    assert_eq!(
        (
            slash24().adopt(&vec).unwrap().taken,
            slash24().adopt(vec).unwrap().taken
        ),
        (2, 2)
    );
}

/// Typed entries are quoted as they print.
#[test]
fn typed_entries_are_quoted_as_they_print() {
    let pool = slash24();
    let report = pool
        .adopt([net("10.9.9.5/24"), net("2001:db8::/64")])
        .unwrap();
    let texts: Vec<_> = report
        .problems
        .iter()
        .map(|problem| &*problem.text)
        .collect();
    assert_eq!(texts, ["10.9.9.5/24", "2001:db8::/64"]);
}

/// No state at all: the lowest address that has no holder in the list.
#[test]
fn next_free_is_the_lowest_address_nobody_holds() {
    let rows: [(&str, &[&str], &str); 26] = [
        ("10.0.0.0/24", &[], "10.0.0.2/32"),
        (
            "10.0.0.0/24",
            &["10.0.0.2", "10.0.0.3/32", " 10.0.0.5 "],
            "10.0.0.4/32",
        ),
        (
            "10.0.0.0/24",
            &["10.0.0.9", "10.0.0.1", "10.0.0.0", "10.0.0.255"],
            "10.0.0.2/32",
        ),
        (
            "10.0.0.0/24",
            &["10.0.0.2", "10.0.0.2", "10.0.0.2", "::ffff:10.0.0.3"],
            "10.0.0.4/32",
        ),
        (
            "10.0.0.0/24",
            &["", "0.0.0.0", "2001:db8::2", "10.9.9.9"],
            "10.0.0.2/32",
        ),
        (
            "10.0.0.0/24",
            &["10.0.0.2/24", "10.0.0.3/30"],
            "10.0.0.4/32",
        ),
        ("10.0.0.0/30", &[], "10.0.0.2/32"),
        ("10.0.0.0/30", &["10.0.0.2"], ""),
        (
            "10.0.0.0/30",
            &["10.0.0.3", "10.0.0.1", "10.0.0.0"],
            "10.0.0.2/32",
        ),
        ("10.0.0.0/31", &[], "10.0.0.0/32"),
        ("10.0.0.0/31", &["10.0.0.0"], "10.0.0.1/32"),
        ("10.0.0.0/31", &["10.0.0.1"], "10.0.0.0/32"),
        ("10.0.0.0/31", &["10.0.0.1", "10.0.0.0"], ""),
        ("10.0.0.7/32", &[], "10.0.0.7/32"),
        ("10.0.0.7/32", &["10.0.0.7"], ""),
        ("2001:db8::/64", &[], "2001:db8::2/128"),
        (
            "2001:db8::/64",
            &["2001:db8::2", "2001:DB8::4/128"],
            "2001:db8::3/128",
        ),
        (
            "2001:db8::/64",
            &["2001:db8::ffff:ffff:ffff:ffff", "10.0.0.2"],
            "2001:db8::2/128",
        ),
        ("::/0", &[], "::2/128"),
        (
            "::/0",
            &["::2", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            "::3/128",
        ),
        ("0.0.0.0/0", &["0.0.0.2", "255.255.255.254"], "0.0.0.3/32"),
        ("2001:db8::/126", &["2001:db8::2"], "2001:db8::3/128"),
        ("2001:db8::/126", &["2001:db8::3", "2001:db8::2"], ""),
        ("2001:db8::/127", &["2001:db8::"], "2001:db8::1/128"),
        ("2001:db8::7/128", &["2001:db8::8"], "2001:db8::7/128"),
        (
            "255.255.255.254/31",
            &["255.255.255.254"],
            "255.255.255.255/32",
        ),
    ];
    for (network, users, expected) in rows {
        let answer = next_free(net(network), users);
        match expected.parse::<IpNet>() {
            Ok(expected) => assert_eq!(answer, Ok(expected), "{network} {users:?}"),
            Err(_) => {
                let capacity = Pool::new(net(network)).unwrap().capacity();
                let error = answer.unwrap_err();
                let same = matches!(error, NextFreeError::Exhausted { capacity: told, .. } if told == capacity);
                assert!(same, "{network} {users:?}: {error}");
            }
        }
    }
}

/// Taken together, one call after the other: exactly the pool's lowest-first order, to the end.
#[test]
fn next_free_agrees_with_a_pool_until_the_network_is_full() {
    fn fill<N: hostbits::Network + users::Record>(network: N) {
        let pool = Pool::new(network).unwrap();
        let mut users: Vec<N> = Vec::new();
        while let Ok(expected) = pool.allocate_net() {
            assert_eq!(next_free(network, &users), Ok(expected));
            users.insert(users.len() / 2, expected);
        }
        let error = next_free(network, &users).unwrap_err();
        assert!(
            matches!(error, NextFreeError::Exhausted { capacity, .. } if capacity == pool.capacity())
        );
    }
    for network in [
        "10.0.0.0/24",
        "10.0.0.0/29",
        "10.0.0.0/31",
        "2001:db8::/121",
        "2001:db8::/128",
    ] {
        fill(net(network));
    }
    fill(v4("10.0.0.0/26"));
    fill(v6("2001:db8::/122"));
}

/// A long list costs time and memory of the list alone, in a network of any size.
#[test]
fn next_free_takes_lists_of_tens_of_thousands() {
    let users: Vec<Ipv4Addr> = (0..65_000).rev().map(|index| ten(index + 2)).collect();
    assert_eq!(
        next_free(v4("10.0.0.0/8"), &users),
        Ok(v4("10.0.253.234/32"))
    );
    assert_eq!(
        next_free(v4("10.0.0.0/16"), &users),
        Ok(v4("10.0.253.234/32"))
    );
    assert_eq!(next_free(v4("0.0.0.0/0"), &users), Ok(v4("0.0.0.2/32")));
    let full: Vec<Ipv4Net> = (2..65_535).map(|index| ten(index).into()).collect();
    assert!(next_free(v4("10.0.0.0/16"), &full).is_err());
    assert_eq!(
        next_free(v4("10.0.0.0/16"), &full[1..]),
        Ok(v4("10.0.0.2/32"))
    );
    let base = u128::from(a6("2001:db8::"));
    let users: Vec<Ipv6Addr> = (2..65_002)
        .map(|index| Ipv6Addr::from(base + index))
        .collect();
    assert_eq!(
        next_free(v6("2001:db8::/32"), &users),
        Ok(v6("2001:db8::fdea/128"))
    );
    assert_eq!(a4("10.0.253.234"), ten(65_002));
}

/// The same list, the same answer: nothing is kept.
#[test]
fn next_free_keeps_nothing() {
    for _ in 0..3 {
        assert_eq!(
            next_free(v4("10.0.0.0/24"), [host(2)]),
            Ok(v4("10.0.0.3/32"))
        );
    }
}

/// A prefix within the network is a block with a holder, also where it covers all that the pool hands out: only what
/// covers the network is a route to it. Ranges without a network have no known route, except the default route.
#[test]
fn what_covers_the_ranges_alone_is_a_block() {
    let range = || ip("10.0.0.17")..=ip("10.0.0.30");
    let within = || {
        let pool = Pool::builder(net("10.0.0.0/24"));
        pool.range(range()).build().unwrap()
    };
    let alone = || Pool::over([range()]).build().unwrap();
    for (prefix, of_network, of_ranges) in [
        ("10.0.0.16/28", BLOCKS, BLOCKS),
        ("10.0.0.0/25", BLOCKS, BLOCKS),
        ("10.0.0.0/24", ROUTES, BLOCKS),
        ("10.0.0.*", ROUTES, BLOCKS),
        ("10.0.0.0/8", ROUTES, BLOCKS),
        ("0.0.0.0/0", ROUTES, ROUTES),
    ] {
        for (pool, expected) in [(within(), of_network), (alone(), of_ranges)] {
            let report = pool.adopt([prefix, "10.0.0.20"]).unwrap();
            let is_block = expected == BLOCKS;
            assert_eq!(report.blocks, u64::from(is_block), "{prefix}: {report:?}");
            assert_eq!(report.routes, u64::from(!is_block), "{prefix}: {report:?}");
            let free = if is_block { 0 } else { 13 };
            assert_eq!(
                pool.available(),
                free,
                "{prefix} over {:?}",
                pool.info().network
            );
        }
    }
}

/// The same for a set: a route covers the networks of all members.
#[test]
fn what_covers_the_ranges_of_a_set_alone_is_a_block() {
    let member = |network: &str, first: &str, last: &str| {
        let pool = Pool::builder(net(network));
        pool.range(ip(first)..=ip(last)).build().unwrap()
    };
    let set = || {
        hostbits::PoolSet::new([
            member("10.0.0.0/24", "10.0.0.248", "10.0.0.250"),
            member("10.0.1.0/24", "10.0.1.4", "10.0.1.6"),
        ])
        .unwrap()
    };
    for (prefix, blocks, routes, free) in [
        ("10.0.0.0/23", 0, 1, 6),
        ("10.0.0.0/24", 1, 0, 3),
        ("10.0.0.248/29", 1, 0, 3),
        ("10.0.1.0/29", 1, 0, 3),
        ("10.0.0.248-10.0.1.7", 1, 0, 0),
    ] {
        let set = set();
        let report = set.adopt([prefix]).unwrap();
        assert_eq!((report.blocks, report.routes), (blocks, routes), "{prefix}");
        assert_eq!(set.available(), free, "{prefix}");
    }
}

/// Each address by itself is taken and counted, wherever it stands in its word.
#[test]
fn every_address_is_adopted_alone() {
    let pool = Pool::new(net("10.0.0.0/24")).unwrap();
    let free: Vec<IpAddr> = (2..255)
        .map(|host| IpAddr::from([10, 0, 0, host]))
        .collect();
    for (count, &addr) in (1..).zip(&free) {
        let adopted = pool.adopt([addr]).unwrap();
        assert_eq!((adopted.taken, adopted.already), (1, 0), "{addr}");
        assert_eq!(pool.allocated(), count, "{addr}");
    }
}

/// What an entry names, asked for by itself, is what a list of it alone would take.
#[test]
fn what_an_entry_names_is_what_adopting_it_takes() {
    let pools = [
        Pool::builder(net("10.0.0.0/24")),
        Pool::builder(net("10.0.0.0/24")).unit(28),
        Pool::builder(net("10.0.0.0/28")).unit(28),
        Pool::builder(net("10.0.0.0/24")).range(ip("10.0.0.16")..=ip("10.0.0.31")),
        Pool::over([ip("10.0.0.16")..=ip("10.0.0.31")]),
        Pool::builder(net("2001:db8::/112")),
    ];
    for builder in pools {
        let builder = builder.gateway(Gateway::None).reserve_edges(false);
        for text in [
            "10.0.0.5",
            "10.0.0.5/24",
            "10.0.0.5/32",
            "10.0.0.16/28",
            "10.0.0.17/28",
            "10.0.0.0/24",
            "10.0.0.0/28",
            "10.0.0.3/28",
            "10.0.0.0/16",
            "10.0.0.5/16",
            "10.0.0.8-10.0.0.19",
            "10.0.0.0-10.0.0.255",
            "10.0.0.*",
            "0.0.0.0/0",
            "0.0.0.0",
            "(none)",
            "",
            "what?",
            "::/0",
            "2001:db8::5",
            "2001:db8::/112",
            "2001:db8::10/124",
            "2001:db8::/120",
            "::ffff:10.0.0.5",
        ] {
            for listed in [
                Listed::Text(text),
                Listed::Block(text),
                Listed::Own(text),
                Listed::Broken(text),
            ] {
                let pool = builder.build().unwrap();
                let named = pool.named_by(listed);
                let _ = pool
                    .adopt_with(Unreadable::Skip { at_most: 1 }, [One(listed)])
                    .unwrap();
                let taken: Vec<IpAddr> = pool.iter().collect();
                let expected: Vec<IpAddr> = builder
                    .build()
                    .unwrap()
                    .free_from(pool_first(&pool))
                    .filter(|&first| {
                        named.as_ref().is_some_and(|named| {
                            // A unit is taken by any of its addresses.
                            let unit = ipnet::IpNet::new(first, pool.info().unit).unwrap();
                            named.start() <= &unit.broadcast()
                                && named.end() >= &unit.network()
                                && first.is_ipv4() == named.start().is_ipv4()
                        })
                    })
                    .collect();
                assert_eq!(taken, expected, "{listed:?} in {}", pool.info());
            }
        }
    }
}

fn pool_first(pool: &Pool) -> IpAddr {
    pool.info().first_usable.unwrap()
}

/// A list of one entry.
struct One<'a>(Listed<'a>);

impl users::Record for One<'_> {
    fn listed(&self) -> Listed<'_> {
        self.0
    }
}
