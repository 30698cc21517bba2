//! The first claimant of an address: what a report says of repeats and duplicates, against a table of addresses.
//!
//! `HOSTBITS_CASES=20 cargo test --test owners` runs 20 times as many cases.

mod common;

use common::{ten, v4};
use hostbits::{
    Pool,
    users::{self, Adopted, Listed, Unreadable},
};
use proptest::prelude::*;
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// The addresses of the lists: of these, nothing is reserved.
const FIRST: u32 = 256;
const COUNT: u32 = 512;
/// How many bytes a name has: as many as fit into one byte or two of their number, one more, and far more.
const LENGTHS: [usize; 10] = [0, 1, 11, 36, 63, 64, 127, 128, 8191, 8192];

#[derive(Clone, Debug)]
struct Entry {
    text: String,
    /// The addresses it names, above 10.0.0.0.
    named: std::ops::Range<u32>,
    owner: Option<String>,
}

impl users::Record for Entry {
    fn listed(&self) -> Listed<'_> {
        Listed::Text(&self.text)
    }

    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
}

/// What a report should say.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    taken: u64,
    repeated: u64,
    duplicate: u64,
    blocks: u64,
    problems: Vec<String>,
}

impl Expected {
    fn of(list: &[Entry]) -> Self {
        let mut expected = Self::default();
        let mut first: HashMap<u32, Option<(usize, &str)>> = HashMap::new();
        for (entry, position) in list.iter().zip(1..) {
            expected.read(entry, position, &mut first);
        }
        expected.taken = first.len() as u64;
        // Of each kind a hundred, the unreadable ones first.
        let (mut unreadable, mut others): (Vec<_>, Vec<_>) = expected
            .problems
            .into_iter()
            .partition(|problem| problem.ends_with("is not an address"));
        unreadable.truncate(100);
        others.truncate(100);
        expected.problems = [unreadable, others].concat();
        expected
    }

    fn read<'a>(
        &mut self,
        entry: &'a Entry,
        position: usize,
        first: &mut HashMap<u32, Option<(usize, &'a str)>>,
    ) {
        if entry.named.is_empty() {
            self.note(position, entry, "is not an address");
            return;
        }
        let owner = entry.owner.as_deref();
        let holders = entry.named.clone().filter_map(|addr| *first.get(&addr)?);
        let mut others = holders.filter(|(_, holder)| owner.is_some_and(|owner| owner != *holder));
        if let Some((holder_position, holder)) = others.next() {
            self.duplicate += 1;
            let (owner, holder) = (cut(owner.unwrap_or_default()), cut(holder));
            let what =
                format!("is claimed by {owner:?}, and by {holder:?} in entry {holder_position}");
            self.note(position, entry, &what);
        } else if entry.named.clone().all(|addr| first.contains_key(&addr)) {
            self.repeated += 1;
        } else if entry.named.len() > 1 {
            self.blocks += 1;
        }
        for addr in entry.named.clone() {
            first
                .entry(addr)
                .or_insert(owner.map(|owner| (position, owner)));
        }
    }

    fn note(&mut self, position: usize, entry: &Entry, what: &str) {
        self.problems
            .push(format!("entry {position}: {:?} {what}", entry.text));
    }

    fn seen(report: &Adopted) -> Self {
        Self {
            taken: report.taken,
            repeated: report.repeated,
            duplicate: report.duplicate,
            blocks: report.blocks,
            problems: report.problems.iter().map(ToString::to_string).collect(),
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A few names of each length that differ in the last letter alone; or no owner.
fn any_owner() -> impl Strategy<Value = Option<String>> {
    let name = (prop::sample::select(&LENGTHS[..]), 0..3u8).prop_map(|(len, last)| {
        let mut name = "ä".repeat(len / 2);
        // Neither half of an `ä` fits before the last letter.
        name.truncate(len.saturating_sub(1) & !1);
        name.extend((name.len() + 1 < len).then_some('-'));
        name.extend((len > 0).then_some(char::from(b'a' + last)));
        assert_eq!(name.len(), len);
        name
    });
    prop::option::weighted(0.9, name)
}

fn address(host: u32, owner: Option<String>) -> Entry {
    Entry {
        text: ten(host).to_string(),
        named: host..host + 1,
        owner,
    }
}

/// Addresses, each once, and nothing else: no owner is looked up.
fn quiet_part() -> impl Strategy<Value = Vec<Entry>> {
    let hosts = Just((FIRST..FIRST + COUNT).collect::<Vec<_>>()).prop_shuffle();
    (hosts, prop::collection::vec(any_owner(), 0..300)).prop_map(|(hosts, owners)| {
        let entries = hosts.into_iter().zip(owners);
        entries.map(|(host, owner)| address(host, owner)).collect()
    })
}

/// Addresses, blocks, and what is no address.
fn any_entry() -> impl Strategy<Value = Entry> {
    let host = FIRST..FIRST + COUNT;
    prop_oneof![
        20 => (host.clone(), any_owner()).prop_map(|(host, owner)| address(host, owner)),
        1 => (host, 24..32u32, any_owner()).prop_map(|(host, prefix_len, owner)| {
            let len = 1 << (32 - prefix_len);
            let first = host & !(len - 1);
            Entry { text: format!("{}/{prefix_len}", ten(first)), named: first..first + len, owner }
        }),
        2 => any_owner().prop_map(|owner| Entry { text: "10.0.1".into(), named: 0..0, owner }),
    ]
}

fn any_list() -> impl Strategy<Value = Vec<Entry>> {
    let noisy_part = prop::collection::vec(any_entry(), 0..400);
    (quiet_part(), noisy_part).prop_map(|(quiet, noisy)| [quiet, noisy].concat())
}

fn pool() -> Pool<ipnet::Ipv4Net> {
    Pool::new(v4("10.0.0.0/22")).expect("a pool")
}

const ALL: Unreadable = Unreadable::Skip { at_most: u64::MAX };

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300 * std::env::var("HOSTBITS_CASES").map_or(1, |cases| cases.parse().expect("a number")),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever the list: the same counts, and the same first owners by name and position.
    #[test]
    fn the_first_owner_is_named(list in any_list()) {
        let report = pool().adopt_with(ALL, &list).unwrap();
        prop_assert_eq!(Expected::seen(&report), Expected::of(&list));
    }

    /// A pass that reads the list in pieces says the same.
    #[test]
    fn a_pass_names_the_first_owner_too(list in any_list(), piece in 1..200usize) {
        let pool = pool();
        let mut reconciler = pool.reconciler().expect("nobody else reconciles");
        let mut pass = reconciler.begin().expect("a pass on the heap");
        for part in list.chunks(piece) {
            pass.read(part);
        }
        let plan = pass.finish(list.len() as u64).expect("the whole list");
        let problems: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
        prop_assert_eq!(problems, Expected::of(&list).problems);
    }
}

/// A list of which every address comes three times: each time after the first is looked up.
#[test]
fn many_repeats_are_all_told() {
    const ADDRS: u32 = 100_000;
    let addrs = || (0..ADDRS).map(|index| Ipv4Addr::from_bits(0x0a00_0100 + index));
    let named = |name: fn(u32) -> String| addrs().zip((0..ADDRS).map(name));
    let owners = named(|index| format!("user-{index}"));
    let list = owners
        .clone()
        .chain(owners)
        .chain(named(|index| format!("user-{}", index % 1000)));
    let pool = Pool::new(v4("10.0.0.0/8")).expect("a pool");
    let report = pool.adopt(list).unwrap();
    assert_eq!(report.taken, u64::from(ADDRS));
    assert_eq!(report.repeated, u64::from(ADDRS) + 1000);
    assert_eq!(report.duplicate, u64::from(ADDRS) - 1000);
    let first = report.problems[0].to_string();
    assert_eq!(
        first,
        r#"entry 201001: "10.0.4.232" is claimed by "user-0", and by "user-1000" in entry 1001"#
    );
}
