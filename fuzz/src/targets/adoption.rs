//! An adoption on sets: what the report must say.

use super::kind::{bits_of, low};
use super::listed::{Means, means};
use super::naive::Layout;
use hostbits::{Adopted, Ambiguous, Listed, ProblemKind, UserRecord};
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

impl UserRecord for Line<'_> {
    fn listed(&self) -> Listed<'_> {
        Listed::Text(self.text)
    }

    fn owner(&self) -> Option<&str> {
        self.owner
    }
}

pub(crate) struct Adoption<'a> {
    layout: &'a Layout,
    ambiguous: Ambiguous,
    pub(crate) held: BTreeSet<u128>,
    named: BTreeMap<u128, Option<&'a str>>,
    counts: Adopted,
    /// Entry and name of every problem, not only of the first hundred.
    problems: Vec<(u64, &'static str)>,
}

impl<'a> Adoption<'a> {
    pub(crate) fn new(layout: &'a Layout, ambiguous: Ambiguous, held: BTreeSet<u128>) -> Self {
        Self {
            layout,
            ambiguous,
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
        }
    }

    fn adopt_net(&mut self, addr: IpAddr, prefix_len: u8, owner: Option<&'a str>) {
        let bits = bits_of(addr);
        let width = if addr.is_ipv6() { 128 } else { 32 };
        let first = bits & !low(width - prefix_len);
        let last = first | low(width - prefix_len);
        let is_one_unit = prefix_len == self.layout.unit() && bits == first;
        if is_one_unit || addr.is_ipv6() != self.layout.wide || !self.has_any(first, last) {
            return self.adopt_addr(addr, owner);
        }
        self.counts.ambiguous += 1;
        self.note("ambiguous");
        match self.ambiguous {
            Ambiguous::Host => self.adopt_addr(addr, owner),
            Ambiguous::Reject => self.counts.unparseable += 1,
            _ => self.adopt_block(first, last, owner),
        }
    }

    fn has_any(&self, first: u128, last: u128) -> bool {
        let (first, last) = (first >> self.layout.shift, last >> self.layout.shift);
        let mut units = self.layout.units();
        units.any(|unit| (first..=last).contains(&unit))
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

    fn adopt_block(&mut self, first: u128, last: u128, owner: Option<&'a str>) {
        let (first, last) = (first >> self.layout.shift, last >> self.layout.shift);
        let layout = self.layout;
        let units = layout.units().filter(|unit| (first..=last).contains(unit));
        let (reserved, usable): (Vec<u128>, Vec<u128>) =
            units.partition(|&unit| layout.is_reserved(unit));
        self.counts.reserved += reserved.len() as u64;
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

    /// The report says the same.
    pub(crate) fn judge(&self, report: &Adopted) {
        let mut said = report.clone();
        said.problems.clear();
        if self.ambiguous == Ambiguous::Expand {
            // A block counts these by its parts; how many is the library's business.
            said.repeated = self.counts.repeated;
            said.duplicate = self.counts.duplicate;
            // Here by the address, there by the reservation.
            assert_eq!(said.reserved == 0, self.counts.reserved == 0);
            assert!(said.reserved <= self.counts.reserved);
            said.reserved = self.counts.reserved;
        }
        assert_eq!(said, self.counts, "{:?}", self.ambiguous);
        if self.ambiguous != Ambiguous::Expand {
            let problems: Vec<_> = report
                .problems
                .iter()
                .map(|problem| (problem.position, name_of(&problem.kind)))
                .collect();
            let first_hundred = &self.problems[..self.problems.len().min(100)];
            assert_eq!(problems, first_hundred);
        }
    }
}

fn name_of(kind: &ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Duplicate { .. } => "duplicate",
        ProblemKind::Reserved { label, .. } => {
            assert!(!label.is_empty(), "a reservation has a name");
            "reserved"
        }
        ProblemKind::OutOfRange => "out of range",
        ProblemKind::WrongFamily => "wrong family",
        ProblemKind::Ambiguous => "ambiguous",
        ProblemKind::Unparseable => "unparseable",
        _ => "unknown",
    }
}
