//! An adoption on plain sets: what the report must say.

use super::kind::{bits_of, low};
use super::listed::{Means, means};
use super::naive::Layout;
use hostbits::users::{self, Adopted, Listed, ProblemKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// One line of the list.
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) owner: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub(crate) fn read(line: &'a str) -> Self {
        let (text, owner) = match line.split_once(',') {
            Some((text, owner)) => (text, Some(owner)),
            None => (line, None),
        };
        Self { text, owner }
    }
}

impl users::Record for Line<'_> {
    fn listed(&self) -> Listed<'_> {
        Listed::Text(self.text)
    }

    fn owner(&self) -> Option<&str> {
        self.owner
    }
}

pub(crate) struct Adoption<'a> {
    layout: &'a Layout,
    pub(crate) held: BTreeSet<u128>,
    named: BTreeMap<u128, Option<&'a str>>,
    counts: Adopted,
    /// The entry and the name of every problem, not only of the first hundred.
    problems: Vec<(u64, &'static str)>,
}

impl<'a> Adoption<'a> {
    pub(crate) fn new(layout: &'a Layout, held: BTreeSet<u128>) -> Self {
        Self {
            layout,
            held,
            named: BTreeMap::new(),
            counts: Adopted::default(),
            problems: Vec::new(),
        }
    }

    pub(crate) fn adopt(&mut self, line: &'a Line<'_>) {
        self.counts.entries += 1;
        match means(line.text) {
            Means::Unassigned => self.counts.unassigned += 1,
            Means::Unparseable => {
                self.counts.unparseable += 1;
                self.note("unparseable");
            }
            Means::Addr(addr) => self.adopt_addr(addr, line.owner),
            Means::Net(addr, prefix_len) => self.adopt_net(addr, prefix_len, line.owner),
            Means::Range(first, last) => {
                self.adopt_block(first.is_ipv6(), bits_of(first), bits_of(last), line.owner);
            }
        }
    }

    fn adopt_net(&mut self, addr: IpAddr, prefix_len: u8, owner: Option<&'a str>) {
        let width = if addr.is_ipv6() { 128 } else { 32 };
        let first = bits_of(addr);
        let last = first | low(width - prefix_len);
        let is_ours = addr.is_ipv6() == self.layout.wide;
        if is_ours && prefix_len == self.layout.unit() {
            return self.adopt_addr(addr, owner);
        }
        let network = self.layout.network;
        let covers = network.is_some_and(|(low, high)| first <= low && high <= last);
        if prefix_len == 0 || (is_ours && covers) {
            self.counts.routes += 1;
        } else {
            self.adopt_block(addr.is_ipv6(), first, last, owner);
        }
    }

    fn adopt_addr(&mut self, addr: IpAddr, owner: Option<&'a str>) {
        let unit = bits_of(addr) >> self.layout.shift.min(if addr.is_ipv6() { 127 } else { 31 });
        if addr.is_ipv6() != self.layout.wide {
            self.counts.wrong_family += 1;
            self.note("wrong family");
        } else if !self.layout.contains(unit) {
            self.counts.out_of_range += 1;
            self.note("out of range");
        } else if self.layout.is_reserved(unit) {
            self.counts.reserved += 1;
            self.note("reserved");
        } else {
            match (self.named.get(&unit), owner) {
                (Some(Some(first)), Some(owner)) if *first != owner => {
                    self.counts.duplicate += 1;
                    self.note("duplicate");
                }
                (Some(_), _) => self.counts.repeated += 1,
                (None, _) => self.take(unit, owner),
            }
        }
    }

    fn adopt_block(&mut self, wide: bool, first: u128, last: u128, owner: Option<&'a str>) {
        if wide != self.layout.wide {
            self.counts.wrong_family += 1;
            return self.note("wrong family");
        }
        let (first, last) = (first >> self.layout.shift, last >> self.layout.shift);
        let layout = self.layout;
        let units = layout.units().filter(|unit| (first..=last).contains(unit));
        let (reserved, usable): (Vec<u128>, Vec<u128>) =
            units.partition(|&unit| layout.is_reserved(unit));
        let others = usable.iter().filter_map(|unit| *self.named.get(unit)?);
        let is_contested = owner.is_some_and(|owner| others.clone().any(|other| other != owner));
        let is_fresh = usable.iter().any(|unit| !self.named.contains_key(unit));
        match (usable.is_empty(), reserved.is_empty()) {
            (true, true) => {
                self.counts.out_of_range += 1;
                self.note("out of range");
            }
            (true, false) => {
                self.counts.reserved += 1;
                self.note("reserved");
            }
            _ if is_contested => {
                self.counts.duplicate += 1;
                self.note("duplicate");
            }
            _ if is_fresh => self.counts.blocks += 1,
            _ => self.counts.repeated += 1,
        }
        for unit in usable {
            if !self.named.contains_key(&unit) {
                self.take(unit, owner);
            }
        }
    }

    fn take(&mut self, unit: u128, owner: Option<&'a str>) {
        self.named.insert(unit, owner);
        if self.held.insert(unit) {
            self.counts.taken += 1;
        } else {
            self.counts.already += 1;
        }
    }

    fn note(&mut self, name: &'static str) {
        self.problems.push((self.counts.entries, name));
    }

    /// Checks that the report says the same.
    pub(crate) fn judge(&self, report: &Adopted) {
        let mut said = report.clone();
        said.problems.clear();
        assert_eq!(said, self.counts);
        // A hundred of each kind, the most harmful kinds first.
        let mut expected = Vec::new();
        for kind in KINDS {
            let of_kind = self.problems.iter().filter(|(_, name)| *name == kind);
            expected.extend(of_kind.take(100).copied());
        }
        let problems = report.problems.iter();
        let problems: Vec<_> = problems
            .map(|problem| (problem.position, name_of(&problem.kind)))
            .collect();
        assert_eq!(problems, expected);
    }
}

const KINDS: [&str; 5] = [
    "unparseable",
    "duplicate",
    "reserved",
    "out of range",
    "wrong family",
];

fn name_of(kind: &ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Duplicate { .. } => "duplicate",
        ProblemKind::Reserved { label, .. } => {
            assert!(!label.is_empty(), "a reservation has a name");
            "reserved"
        }
        ProblemKind::OutOfRange => "out of range",
        ProblemKind::WrongFamily => "wrong family",
        ProblemKind::Unparseable => "unparseable",
        _ => "unknown",
    }
}
