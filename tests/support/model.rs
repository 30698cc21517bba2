//! The dumb model: a set of free units and a set of taken ones, every policy written out naively.
//!
//! An [`Op`] is what a random sequence says ("release the 7th of those held"); the model makes an
//! [`Act`] of it ("release 10.0.0.9"), [`perform`] does that to a pool, and the model judges the
//! [`Answer`]. Nothing here looks at the pool's own state.

use super::layout::{Choices, Content, Family, Kind, Layout, bits_of, down, low};
use hostbits::{
    AllocateError, AllocateExactError, Policy, Pool, ReleaseError, Stats, StatsLevel,
    users::{self, Listed, Unreadable},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// An address, before it is known which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick {
    of: PickOf,
    index: u16,
    /// Inside the unit, if it has an inside; mostly 0.
    inside: u8,
}

#[derive(Clone, Copy, Debug)]
enum PickOf {
    Held,
    Free,
    Any,
    /// Beside the pool: an address that is not in it, if there is one near.
    Beside,
}

/// A step of a random sequence.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Allocate,
    AllocateNet,
    Exact(Pick),
    Preferring(Pick),
    Many(u16),
    Into(u16),
    /// This many bits shorter than the unit.
    Block(u8),
    BlockExact(Pick, u8),
    In(Pick, Pick),
    From(Pick),
    Release(Pick),
    ReleaseBlock(Pick, u8),
    /// Everything held that lies in the block.
    EmptyBlock(Pick, u8),
    ReleaseMany(Vec<Pick>),
    Adopt(Vec<(Pick, Form, Option<bool>)>),
    Guard {
        keep: bool,
    },
}

impl Op {
    /// Takes everything that is free.
    pub(crate) fn drain() -> Self {
        Self::Into(110)
    }
}

/// How a user list writes an address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Plain,
    FullPrefix,
    Unit,
    Interface,
    Garbage,
    Blank,
    OtherFamily,
}

/// One user, as the list has it.
#[derive(Clone, Debug)]
pub(crate) struct User {
    text: String,
    owner: Option<&'static str>,
    /// What the model is to understand by it.
    means: Means,
}

#[derive(Clone, Copy, Debug)]
enum Means {
    Addr(u128),
    Unassigned,
    Unparseable,
    OtherFamily,
}

impl users::Record for User {
    fn listed(&self) -> Listed<'_> {
        Listed::Text(&self.text)
    }

    fn owner(&self) -> Option<&str> {
        self.owner
    }
}

/// A step with its addresses.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Allocate,
    AllocateNet,
    Exact(u128),
    Preferring(u128),
    Many(usize),
    Into(usize),
    Block(u8),
    BlockExact(u128, u8),
    In(u128, u128),
    From(u128),
    Release(u128),
    ReleaseBlock(u128, u8),
    ReleaseMany(Vec<u128>),
    Adopt(Vec<User>),
    Guard { keep: bool },
}

/// What the pool said, without its types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Addr(u128),
    /// Network address and prefix length.
    Net(u128, u8),
    Addrs(Vec<u128>),
    Done,
    /// The code, and the address that the error names.
    Refused(&'static str, Option<u128>),
    /// Counts in the order of the struct, and the first error.
    Many([u64; 5], Option<(&'static str, Option<u128>)>),
    Adopted([u64; 10]),
}

/// Does it.
pub(crate) fn perform<N: Family>(pool: &Pool<N>, wide: bool, act: &Act) -> Answer {
    let addr = |bits| N::addr_from(wide, bits);
    let net = |net: N| {
        let net: ipnet::IpNet = net.into();
        Answer::Net(bits_of(net.addr()), net.prefix_len())
    };
    let one = |result: Result<N::Addr, AllocateError>| match result {
        Ok(addr) => Answer::Addr(bits_of(addr)),
        Err(error) => Answer::Refused(error.code(), None),
    };
    match act {
        Act::Allocate => one(pool.allocate()),
        Act::AllocateNet => match pool.allocate_net() {
            Ok(unit) => net(unit),
            Err(error) => Answer::Refused(error.code(), None),
        },
        Act::Exact(bits) => match pool.allocate_exact(addr(*bits)) {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Refused(error.code(), Some(exact_error_addr(&error))),
        },
        Act::Preferring(bits) => one(pool.allocate_preferring(addr(*bits))),
        Act::Many(count) => match pool.allocate_many(*count) {
            Ok(addrs) => Answer::Addrs(addrs.into_iter().map(bits_of).collect()),
            Err(error) => Answer::Refused(error.code(), None),
        },
        Act::Into(count) => {
            let mut addrs = vec![addr(0); *count];
            let taken = pool.allocate_into(&mut addrs);
            Answer::Addrs(addrs[..taken].iter().copied().map(bits_of).collect())
        }
        Act::Block(prefix_len) => match pool.allocate_block(*prefix_len) {
            Ok(block) => net(block),
            Err(error) => Answer::Refused(error.code(), None),
        },
        Act::BlockExact(bits, prefix_len) => {
            match pool.allocate_block_exact(N::net_from(wide, *bits, *prefix_len)) {
                Ok(()) => Answer::Done,
                Err(error) => Answer::Refused(error.code(), Some(exact_error_addr(&error))),
            }
        }
        Act::In(first, last) => one(pool.allocate_in(addr(*first)..=addr(*last))),
        Act::From(bits) => one(pool.allocate_from(addr(*bits))),
        Act::Release(bits) => match pool.release(addr(*bits)) {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Refused(error.code(), Some(release_error_addr(&error))),
        },
        Act::ReleaseBlock(bits, prefix_len) => {
            match pool.release_block(N::net_from(wide, *bits, *prefix_len)) {
                Ok(()) => Answer::Done,
                Err(error) => Answer::Refused(error.code(), Some(release_error_addr(&error))),
            }
        }
        Act::ReleaseMany(list) => {
            let list: Vec<_> = list.iter().copied().map(addr).collect();
            let report = pool.release_many(&list);
            Answer::Many(
                [
                    report.released,
                    report.not_allocated,
                    report.reserved,
                    report.out_of_range,
                    report.misaligned,
                ],
                report
                    .first_error
                    .map(|error| (error.code(), Some(release_error_addr(&error)))),
            )
        }
        Act::Adopt(users) => {
            let all = Unreadable::Skip { at_most: u64::MAX };
            let report = pool.adopt_with(all, users).unwrap();
            Answer::Adopted([
                report.entries,
                report.taken,
                report.already,
                report.repeated,
                report.duplicate,
                report.reserved,
                report.out_of_range,
                report.wrong_family,
                report.unassigned,
                report.unparseable,
            ])
        }
        Act::Guard { keep } => match pool.guard() {
            Ok(guard) => {
                let held = guard.addr();
                if *keep {
                    assert_eq!(guard.keep(), held);
                } else {
                    drop(guard);
                }
                Answer::Addr(bits_of(held))
            }
            Err(error) => Answer::Refused(error.code(), None),
        },
    }
}

fn exact_error_addr(error: &AllocateExactError) -> u128 {
    bits_of(match error {
        AllocateExactError::OutOfRange { addr, .. }
        | AllocateExactError::Reserved { addr, .. }
        | AllocateExactError::AlreadyAllocated { addr, .. }
        | AllocateExactError::Misaligned { addr, .. } => *addr,
        other => panic!("an error nobody knew of: {other}"),
    })
}

fn release_error_addr(error: &ReleaseError) -> u128 {
    bits_of(match error {
        ReleaseError::OutOfRange { addr, .. }
        | ReleaseError::Reserved { addr, .. }
        | ReleaseError::NotAllocated { addr, .. }
        | ReleaseError::Misaligned { addr, .. } => *addr,
        other => panic!("an error nobody knew of: {other}"),
    })
}

/// What the pool should hold.
pub(crate) struct Model {
    kind: Kind,
    /// log2 of the addresses in a unit.
    pub(crate) shift: u8,
    shortest_block: u8,
    choices: Choices,
    pub(crate) content: Content,
    pub(crate) free: BTreeSet<u128>,
    pub(crate) taken: BTreeSet<u128>,
    /// `Policy::Next`: the last unit that a search gave.
    last_given: Option<u128>,
    pub(crate) stats: Stats,
}

type Verdict = Result<(), String>;

impl Model {
    pub(crate) fn new(layout: &Layout, content: Content, choices: Choices) -> Self {
        Self {
            kind: layout.kind,
            shift: layout.shift(),
            shortest_block: match layout.network {
                Some((_, prefix_len)) => prefix_len,
                None => layout.unit.saturating_sub(32),
            },
            choices,
            free: content
                .units
                .difference(&content.reserved)
                .copied()
                .collect(),
            taken: BTreeSet::new(),
            content,
            last_given: None,
            stats: Stats::default(),
        }
    }

    fn unit(&self) -> u8 {
        self.kind.width() - self.shift
    }

    /// The first address of a unit.
    pub(crate) fn addr(&self, unit: u128) -> u128 {
        unit.checked_shl(self.shift.into()).unwrap_or(0)
    }

    pub(crate) fn capacity(&self) -> u64 {
        (self.free.len() + self.taken.len()) as u64
    }

    // From an op to an act.

    fn resolve_pick(&self, pick: Pick) -> u128 {
        let nth = |set: &BTreeSet<u128>| {
            let index = usize::from(pick.index).checked_rem(set.len())?;
            set.iter().nth(index).copied()
        };
        let any = || nth(&self.content.units).expect("a pool has units");
        let unit = match pick.of {
            PickOf::Held => nth(&self.taken).unwrap_or_else(any),
            PickOf::Free => nth(&self.free).unwrap_or_else(any),
            PickOf::Any => any(),
            PickOf::Beside => {
                let (first, last) =
                    self.content.ranges[usize::from(pick.index) % self.content.ranges.len()];
                let distance = u128::from(pick.index) / 7 % 600;
                let highest = down(low(self.kind.width()), self.shift);
                if pick.index.is_multiple_of(2) {
                    last.saturating_add(1 + distance).min(highest)
                } else {
                    first.saturating_sub(1 + distance)
                }
            }
        };
        self.addr(unit) | (u128::from(pick.inside) & low(self.shift))
    }

    pub(crate) fn resolve(&self, op: &Op) -> Act {
        let prefix_of = |shorter: u8| self.unit().saturating_sub(shorter);
        match op {
            Op::Allocate => Act::Allocate,
            Op::AllocateNet => Act::AllocateNet,
            Op::Exact(pick) => Act::Exact(self.resolve_pick(*pick)),
            Op::Preferring(pick) => Act::Preferring(self.resolve_pick(*pick)),
            Op::Many(count) => Act::Many(self.batch_size(*count)),
            Op::Into(count) => Act::Into(self.batch_size(*count)),
            Op::Block(shorter) => Act::Block(prefix_of(*shorter)),
            Op::In(first, last) => Act::In(self.resolve_pick(*first), self.resolve_pick(*last)),
            Op::From(pick) => Act::From(self.resolve_pick(*pick)),
            Op::Release(pick) => Act::Release(self.resolve_pick(*pick)),
            Op::ReleaseBlock(pick, shorter) => {
                let (addr, prefix_len) = self.resolve_block(*pick, prefix_of(*shorter));
                Act::ReleaseBlock(addr, prefix_len)
            }
            Op::BlockExact(pick, shorter) => {
                let (addr, prefix_len) = self.resolve_block(*pick, prefix_of(*shorter));
                Act::BlockExact(addr, prefix_len)
            }
            Op::EmptyBlock(pick, shorter) => {
                let shorter = (*shorter).min(12);
                let first = down(self.resolve_pick(*pick), self.shift) >> shorter << shorter;
                let units = self.taken.range(first..=first | low(shorter));
                Act::ReleaseMany(units.map(|&unit| self.addr(unit)).collect())
            }
            Op::ReleaseMany(picks) => {
                Act::ReleaseMany(picks.iter().map(|&pick| self.resolve_pick(pick)).collect())
            }
            Op::Adopt(users) => {
                let user = |&(pick, form, owner): &(Pick, Form, Option<bool>)| {
                    self.user(self.resolve_pick(pick), form, owner)
                };
                Act::Adopt(users.iter().map(user).collect())
            }
            Op::Guard { keep } => Act::Guard { keep: *keep },
        }
    }

    /// Mostly aligned; as picked otherwise.
    fn resolve_block(&self, pick: Pick, prefix_len: u8) -> (u128, u8) {
        let host_bits = low(self.kind.width() - prefix_len);
        let addr = self.resolve_pick(pick);
        match pick.index.is_multiple_of(5) {
            true => (addr, prefix_len),
            false => (addr & !host_bits, prefix_len),
        }
    }

    /// Small numbers as they are, the rest of the scale around what is free.
    fn batch_size(&self, count: u16) -> usize {
        let count = usize::from(count);
        match count {
            0..100 => count,
            // `Op::drain` is in the middle.
            100..120 => (self.free.len() + count).saturating_sub(110),
            _ => count - 20,
        }
    }

    fn user(&self, addr: u128, form: Form, owner: Option<bool>) -> User {
        let wide = self.kind.is_wide();
        let show = |bits| ipnet::IpNet::addr_from(wide, bits);
        let means = if addr == 0 {
            Means::Unassigned
        } else {
            Means::Addr(addr)
        };
        let unit_addr = addr & !low(self.shift);
        let (text, means) = match form {
            Form::Plain => (format!(" {}\t", show(addr)), means),
            Form::FullPrefix => (format!("{}/{}", show(addr), self.kind.width()), means),
            Form::Unit if unit_addr == 0 => ("::".into(), Means::Unassigned),
            Form::Unit => (
                format!("{}/{}", show(unit_addr), self.unit()),
                Means::Addr(unit_addr),
            ),
            // Without host bits it would be a block.
            Form::Interface if self.unit() == 0 || addr & low(self.shift + 1) == 0 => {
                (String::new(), Means::Unassigned)
            }
            Form::Interface => (
                format!("{}/{}", show(addr), self.unit() - 1),
                Means::Addr(addr),
            ),
            Form::Garbage => (format!("{}:80", show(addr)), Means::Unparseable),
            Form::Blank => ("  ".into(), Means::Unassigned),
            Form::OtherFamily => (
                if wide { "192.0.2.1" } else { "2001:db8::1" }.into(),
                Means::OtherFamily,
            ),
        };
        // "…:80" would still be an IPv6 address.
        let text = match form {
            Form::Garbage => format!("[{text}"),
            _ => text,
        };
        User {
            text,
            owner: owner.map(|first| if first { "alice" } else { "bob" }),
            means,
        }
    }

    // What the answer must be.

    /// Says what is wrong with the answer; notes what it changed.
    pub(crate) fn judge(&mut self, act: &Act, answer: &Answer) -> Verdict {
        match act {
            Act::Allocate => self.judge_one(answer, self.any_unit(), Counted::Any),
            Act::AllocateNet => {
                let unit = self.unit();
                let answer = match *answer {
                    Answer::Net(addr, prefix_len) if prefix_len == unit => Answer::Addr(addr),
                    ref other => other.clone(),
                };
                self.judge_one(&answer, self.any_unit(), Counted::Any)
            }
            Act::Exact(addr) => self.judge_exact(*addr, answer),
            Act::Preferring(addr) => {
                let unit = down(*addr, self.shift);
                if self.free.contains(&unit) {
                    let answer = self.expect_addr(answer, |candidate| candidate == unit)?;
                    self.take(answer);
                    self.stats.allocations.preferred += 1;
                    return Ok(());
                }
                self.judge_one(answer, self.any_unit(), Counted::Preferred)
            }
            Act::Many(count) => {
                if *count > self.free.len() {
                    return self.expect_exhausted(answer);
                }
                self.judge_batch(*count, answer)
            }
            Act::Into(count) => {
                if *count > self.free.len() {
                    self.stats.failures.exhausted += 1;
                }
                self.judge_batch((*count).min(self.free.len()), answer)
            }
            Act::Block(prefix_len) => self.judge_block(*prefix_len, answer),
            Act::BlockExact(addr, prefix_len) => self.judge_block_exact(*addr, *prefix_len, answer),
            Act::In(first, last) => self.judge_in(*first, *last, answer),
            Act::From(addr) => self.judge_from(*addr, answer),
            Act::Release(addr) => {
                let expected = self.release_one(*addr);
                match expected {
                    Ok(()) => self.stats.releases += 1,
                    Err(_) => self.stats.release_errors += 1,
                }
                expect(answer, &refused(expected, *addr))
            }
            Act::ReleaseBlock(addr, prefix_len) => {
                self.judge_release_block(*addr, *prefix_len, answer)
            }
            Act::ReleaseMany(addrs) => self.judge_release_many(addrs, answer),
            Act::Adopt(users) => self.judge_adopt(users, answer),
            Act::Guard { keep } => {
                self.judge_one(answer, self.any_unit(), Counted::Any)?;
                if let (Answer::Addr(addr), false) = (answer, keep) {
                    self.give_back(down(*addr, self.shift));
                    self.stats.releases += 1;
                }
                Ok(())
            }
        }
    }

    fn take(&mut self, unit: u128) {
        assert!(self.free.remove(&unit));
        self.taken.insert(unit);
    }

    fn give_back(&mut self, unit: u128) {
        assert!(self.taken.remove(&unit));
        self.free.insert(unit);
    }

    fn any_unit(&self) -> Choice {
        self.choice_in(0, u128::MAX)
    }

    /// Returns what the policy may choose now, of the units from `first` to `last`.
    fn choice_in(&self, first: u128, last: u128) -> Choice {
        let Some(&lowest) = self.free.range(first..=last).next() else {
            return Choice::Nothing;
        };
        match self.choices.policy {
            Policy::Lowest => Choice::Exactly(lowest),
            Policy::Highest => {
                let highest = self.free.range(first..=last).next_back();
                Choice::Exactly(*highest.unwrap_or(&lowest))
            }
            Policy::Next => {
                let after = self.last_given.map_or(Some(0), |last| last.checked_add(1));
                let after = after
                    .map(|after| after.max(first))
                    .filter(|&after| after <= last);
                let next = after.and_then(|after| self.free.range(after..=last).next());
                Choice::Exactly(*next.unwrap_or(&lowest))
            }
            Policy::Spread | Policy::Random(_) => Choice::AnyFree(first, last),
            other => panic!("what does {other} promise?"),
        }
    }

    fn allows(&self, choice: Choice, unit: u128) -> bool {
        match choice {
            Choice::Nothing => false,
            Choice::Exactly(right) => unit == right,
            Choice::AnyFree(first, last) => {
                (first..=last).contains(&unit) && self.free.contains(&unit)
            }
        }
    }

    fn expect_addr(&self, answer: &Answer, good: impl Fn(u128) -> bool) -> Result<u128, String> {
        let Answer::Addr(addr) = *answer else {
            return Err("an address was to be expected".into());
        };
        let unit = down(addr, self.shift);
        if self.addr(unit) != addr || !good(unit) {
            return Err("a wrong address".into());
        }
        Ok(unit)
    }

    fn expect_exhausted(&mut self, answer: &Answer) -> Verdict {
        self.stats.failures.exhausted += 1;
        expect(answer, &Answer::Refused("exhausted", None))
    }

    fn judge_one(&mut self, answer: &Answer, choice: Choice, counted: Counted) -> Verdict {
        if matches!(choice, Choice::Nothing) {
            return self.expect_exhausted(answer);
        }
        self.judge_choice(answer, choice)?;
        match counted {
            Counted::Any => self.stats.allocations.any += 1,
            Counted::Preferred => self.stats.allocations.preferred += 1,
        }
        Ok(())
    }

    fn judge_choice(&mut self, answer: &Answer, choice: Choice) -> Verdict {
        let unit = self
            .expect_addr(answer, |unit| self.allows(choice, unit))
            .map_err(|error| format!("{error}: units {choice:x?} are right"))?;
        self.take(unit);
        self.last_given = Some(unit);
        Ok(())
    }

    fn judge_batch(&mut self, count: usize, answer: &Answer) -> Verdict {
        let Answer::Addrs(addrs) = answer else {
            return Err(format!("{count} addresses were to be expected"));
        };
        if addrs.len() != count {
            return Err(format!("{count} addresses were to be expected"));
        }
        for &addr in addrs {
            self.judge_choice(&Answer::Addr(addr), self.any_unit())?;
        }
        self.stats.allocations.batch += count as u64;
        Ok(())
    }

    fn judge_exact(&mut self, addr: u128, answer: &Answer) -> Verdict {
        let unit = down(addr, self.shift);
        let misaligned = self.addr(unit) != addr;
        let failures = &mut self.stats.failures;
        let code = if !self.content.units.contains(&unit) {
            failures.out_of_range += 1;
            "out-of-range"
        } else if self.content.reserved.contains(&unit) {
            failures.reserved += 1;
            "reserved"
        } else if misaligned {
            failures.out_of_range += 1;
            "misaligned"
        } else if self.taken.contains(&unit) {
            failures.taken += 1;
            "already-allocated"
        } else {
            self.take(unit);
            self.stats.allocations.exact += 1;
            return expect(answer, &Answer::Done);
        };
        expect(answer, &Answer::Refused(code, Some(addr)))
    }

    /// The highest block that is wholly free and lies in one range.
    fn judge_block(&mut self, prefix_len: u8, answer: &Answer) -> Verdict {
        if !(self.shortest_block..=self.unit()).contains(&prefix_len) {
            return expect(answer, &Answer::Refused("bad-block", None));
        }
        let order = self.unit() - prefix_len;
        let highest = self
            .content
            .ranges
            .iter()
            .flat_map(|&(first, last)| {
                let mut blocks = Vec::new();
                if order < 64 {
                    let size = 1u128 << order;
                    let mut next = first.checked_next_multiple_of(size);
                    while let Some(block) = next
                        && block.checked_add(size - 1).is_some_and(|end| end <= last)
                    {
                        blocks.push(block);
                        next = block.checked_add(size);
                    }
                }
                blocks
            })
            .filter(|&block| (block..=block | low(order)).all(|unit| self.free.contains(&unit)))
            .max();
        let Some(block) = highest else {
            return self.expect_exhausted(answer);
        };
        expect(answer, &Answer::Net(self.addr(block), prefix_len))?;
        for unit in block..=block | low(order) {
            self.take(unit);
        }
        self.stats.allocations.block += 1 << order;
        Ok(())
    }

    fn judge_in(&mut self, first: u128, last: u128, answer: &Answer) -> Verdict {
        let Some((first_unit, last_unit)) = self.units_inside(first, last) else {
            self.stats.failures.out_of_range += 1;
            return expect(answer, &Answer::Refused("out-of-range", None));
        };
        self.judge_one(answer, self.choice_in(first_unit, last_unit), Counted::Any)
    }

    /// Whatever the policy, and without moving it.
    fn judge_from(&mut self, addr: u128, answer: &Answer) -> Verdict {
        let begins_there = |unit: &&u128| self.addr(**unit) >= addr;
        let right = self.free.iter().find(begins_there);
        let Some(right) = right.or(self.free.first()).copied() else {
            return self.expect_exhausted(answer);
        };
        let unit = self.expect_addr(answer, |unit| unit == right)?;
        self.take(unit);
        self.stats.allocations.preferred += 1;
        Ok(())
    }

    /// The first and the last unit of the pool that lie wholly inside the range.
    pub(crate) fn units_inside(&self, first: u128, last: u128) -> Option<(u128, u128)> {
        let inside = |unit: &u128| {
            let begin = self.addr(*unit);
            first <= begin && begin | low(self.shift) <= last
        };
        let mut units = self.content.units.iter().copied().filter(inside);
        let first_unit = units.next()?;
        Some((first_unit, units.next_back().unwrap_or(first_unit)))
    }

    fn release_one(&mut self, addr: u128) -> Result<(), &'static str> {
        let unit = down(addr, self.shift);
        if !self.content.units.contains(&unit) {
            Err("out-of-range")
        } else if self.content.reserved.contains(&unit) {
            Err("reserved")
        } else if self.addr(unit) != addr {
            Err("misaligned")
        } else if self.free.contains(&unit) {
            Err("not-allocated")
        } else {
            self.give_back(unit);
            Ok(())
        }
    }

    /// The first and the last unit of a block, and why it is none of the pool.
    fn block_of(&self, addr: u128, prefix_len: u8) -> (u128, u128, Option<&'static str>) {
        let host_bits = low(self.kind.width() - prefix_len);
        let (first, last) = (down(addr, self.shift), down(addr | host_bits, self.shift));
        let in_one_range = self
            .content
            .ranges
            .iter()
            .any(|range| range.0 <= first && last <= range.1);
        let code = if !self.content.units.contains(&first) {
            Some("out-of-range")
        } else if addr & host_bits != 0 {
            Some("misaligned")
        } else if !in_one_range {
            Some("out-of-range")
        } else {
            None
        };
        (first, last, code)
    }

    fn judge_block_exact(&mut self, addr: u128, prefix_len: u8, answer: &Answer) -> Verdict {
        let (first, last, code) = self.block_of(addr, prefix_len);
        if let Some(code) = code {
            self.stats.failures.out_of_range += 1;
            return expect(answer, &Answer::Refused(code, Some(addr)));
        }
        let first_of = |set: &BTreeSet<u128>| set.range(first..=last).next().copied();
        if let Some(unit) = first_of(&self.content.reserved) {
            self.stats.failures.reserved += 1;
            return expect(answer, &Answer::Refused("reserved", Some(self.addr(unit))));
        }
        if let Some(unit) = first_of(&self.taken) {
            self.stats.failures.taken += 1;
            let addr = Some(self.addr(unit));
            return expect(answer, &Answer::Refused("already-allocated", addr));
        }
        (first..=last).for_each(|unit| self.take(unit));
        self.stats.allocations.block += (last - first) as u64 + 1;
        expect(answer, &Answer::Done)
    }

    fn judge_release_block(&mut self, addr: u128, prefix_len: u8, answer: &Answer) -> Verdict {
        let (first, last, code) = self.block_of(addr, prefix_len);
        if let Some(code) = code {
            self.stats.release_errors += 1;
            return expect(answer, &Answer::Refused(code, Some(addr)));
        }
        let first_of = |set: &BTreeSet<u128>| set.range(first..=last).next().copied();
        let refusal = first_of(&self.content.reserved)
            .map(|unit| ("reserved", unit))
            .or_else(|| first_of(&self.free).map(|unit| ("not-allocated", unit)));
        if let Some((code, unit)) = refusal {
            self.stats.release_errors += 1;
            return expect(answer, &Answer::Refused(code, Some(self.addr(unit))));
        }
        for unit in first..=last {
            self.give_back(unit);
            self.stats.releases += 1;
        }
        expect(answer, &Answer::Done)
    }

    fn judge_release_many(&mut self, addrs: &[u128], answer: &Answer) -> Verdict {
        let mut counts = [0; 5];
        let mut first_error = None;
        for &addr in addrs {
            let outcome = self.release_one(addr);
            let index = match outcome {
                Ok(()) => 0,
                Err("not-allocated") => 1,
                Err("reserved") => 2,
                Err("out-of-range") => 3,
                Err(_) => 4,
            };
            counts[index] += 1;
            if let Err(code) = outcome {
                first_error = first_error.or(Some((code, Some(addr))));
            }
        }
        self.stats.releases += counts[0];
        self.stats.release_errors += counts[1..].iter().sum::<u64>();
        match answer {
            // Words are released one after another: errors of one word may come in another order.
            Answer::Many(said, error)
                if *said == counts && error.is_some() == first_error.is_some() =>
            {
                Ok(())
            }
            _ => Err(format!(
                "{counts:?} were to be expected, first {first_error:?}"
            )),
        }
    }

    fn judge_adopt(&mut self, users: &[User], answer: &Answer) -> Verdict {
        let mut entries = 0;
        let [
            mut taken,
            mut already,
            mut repeated,
            mut duplicate,
            mut reserved,
        ] = [0; 5];
        let [mut out, mut wrong_family, mut unassigned, mut unparseable] = [0; 4];
        let mut named: BTreeMap<u128, Option<&str>> = BTreeMap::new();
        for user in users {
            entries += 1;
            let addr = match user.means {
                Means::Addr(addr) => addr,
                Means::Unassigned => {
                    unassigned += 1;
                    continue;
                }
                Means::Unparseable => {
                    unparseable += 1;
                    continue;
                }
                Means::OtherFamily => {
                    wrong_family += 1;
                    continue;
                }
            };
            let unit = down(addr, self.shift);
            if !self.content.units.contains(&unit) {
                out += 1;
            } else if self.content.reserved.contains(&unit) {
                reserved += 1;
            } else if let Some(first_owner) = named.get(&unit) {
                match (first_owner, user.owner) {
                    (Some(first), Some(owner)) if *first != owner => duplicate += 1,
                    _ => repeated += 1,
                }
            } else {
                named.insert(unit, user.owner);
                if self.taken.contains(&unit) {
                    already += 1;
                } else {
                    self.take(unit);
                    taken += 1;
                }
            }
        }
        self.stats.allocations.adopted += taken;
        let counts = [
            entries,
            taken,
            already,
            repeated,
            duplicate,
            reserved,
            out,
            wrong_family,
            unassigned,
            unparseable,
        ];
        expect(answer, &Answer::Adopted(counts))
    }

    /// Whether the pool's counters, and its counts, are the model's.
    pub(crate) fn judge_counts<N: Family>(&self, pool: &Pool<N>) -> Verdict {
        let counted = (pool.capacity(), pool.allocated(), pool.available());
        let expected = (
            self.capacity(),
            self.taken.len() as u64,
            self.free.len() as u64,
        );
        if counted != expected {
            return Err(format!(
                "capacity, allocated, available: {counted:?}, not {expected:?}"
            ));
        }
        let mut stats = pool.stats();
        let timed = stats.last_allocation.take().is_some();
        let expected = match self.choices.stats {
            StatsLevel::Off => Stats::default(),
            _ => self.stats.clone(),
        };
        if stats != expected {
            return Err(format!("{stats:?}, not {expected:?}"));
        }
        if timed != (self.choices.stats == StatsLevel::Full && expected.allocations.total() > 0) {
            return Err("the time of the last allocation".into());
        }
        Ok(())
    }
}

/// What a policy may choose.
#[derive(Clone, Copy, Debug)]
enum Choice {
    Nothing,
    Exactly(u128),
    AnyFree(u128, u128),
}

/// The counter that a single allocation belongs to.
#[derive(Clone, Copy)]
enum Counted {
    Any,
    Preferred,
}

fn refused(outcome: Result<(), &'static str>, addr: u128) -> Answer {
    match outcome {
        Ok(()) => Answer::Done,
        Err(code) => Answer::Refused(code, Some(addr)),
    }
}

fn expect(answer: &Answer, expected: &Answer) -> Verdict {
    if answer == expected {
        Ok(())
    } else {
        Err(format!("{expected:?} was to be expected"))
    }
}

fn any_pick() -> impl Strategy<Value = Pick> {
    let of = prop_oneof![
        4 => Just(PickOf::Held),
        3 => Just(PickOf::Free),
        3 => Just(PickOf::Any),
        1 => Just(PickOf::Beside),
    ];
    let inside = prop_oneof![4 => Just(0u8), 1 => any::<u8>()];
    (of, any::<u16>(), inside).prop_map(|(of, index, inside)| Pick { of, index, inside })
}

fn any_form() -> impl Strategy<Value = Form> {
    prop_oneof![
        6 => Just(Form::Plain),
        2 => Just(Form::FullPrefix),
        2 => Just(Form::Unit),
        1 => Just(Form::Interface),
        1 => Just(Form::Garbage),
        1 => Just(Form::Blank),
        1 => Just(Form::OtherFamily),
    ]
}

fn any_batch() -> impl Strategy<Value = u16> {
    prop_oneof![4 => 0u16..20, 3 => 20u16..100, 1 => 100u16..120, 2 => 120u16..900]
}

fn any_order() -> impl Strategy<Value = u8> {
    prop_oneof![6 => 0u8..7, 4 => 7u8..11, 1 => 0u8..=128]
}

pub(crate) fn any_op() -> impl Strategy<Value = Op> {
    let users = (any_pick(), any_form(), any::<Option<bool>>());
    prop_oneof![
        6 => Just(Op::Allocate),
        1 => Just(Op::AllocateNet),
        4 => any_pick().prop_map(Op::Exact),
        3 => any_pick().prop_map(Op::Preferring),
        3 => any_batch().prop_map(Op::Many),
        3 => any_batch().prop_map(Op::Into),
        5 => any_order().prop_map(Op::Block),
        4 => (any_pick(), any_order()).prop_map(|(pick, order)| Op::BlockExact(pick, order)),
        4 => (any_pick(), any_pick()).prop_map(|(first, last)| Op::In(first, last)),
        4 => any_pick().prop_map(Op::From),
        7 => any_pick().prop_map(Op::Release),
        3 => (any_pick(), any_order()).prop_map(|(pick, order)| Op::ReleaseBlock(pick, order)),
        3 => (any_pick(), any_order()).prop_map(|(pick, order)| Op::EmptyBlock(pick, order)),
        3 => prop::collection::vec(any_pick(), 0..40).prop_map(Op::ReleaseMany),
        2 => prop::collection::vec(users, 0..12).prop_map(Op::Adopt),
        2 => any::<bool>().prop_map(|keep| Op::Guard { keep }),
    ]
}
