//! A pool beside a set of free units and a set of taken ones; each call is made on both.

use super::judge::addr;
use super::kind::{Kind, bits_of, low};
use super::naive::Layout;
use super::operations::Bytes;
use super::plan::Plan;
use hostbits::{AllocateError, GuardArc, Policy, Pool, Snapshot, Stats, StatsLevel, Status};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A choice of an address that is not resolved yet.
pub(crate) struct Pick {
    pub(crate) of: u8,
    pub(crate) index: usize,
}

pub(crate) struct Model<N: Kind> {
    pool: Arc<Pool<N>>,
    layout: Layout,
    policy: Policy,
    level: StatsLevel,
    free: BTreeSet<u128>,
    taken: BTreeSet<u128>,
    /// `Policy::Next`: the last unit that a search gave.
    last_given: Option<u128>,
    guards: Vec<GuardArc<N>>,
    stats: Stats,
    total: Stats,
    /// An older state, as a snapshot and as the set of taken units.
    older: (Snapshot<N>, BTreeSet<u128>),
}

/// The name of a result, for the trace.
pub(crate) type Answer = &'static str;

/// What an allocation under the policy may return.
enum Choice {
    Nothing,
    Exactly(u128),
    AnyOf(u128, u128),
}

impl<N: Kind> Model<N> {
    pub(crate) const VERBS: u8 = 20;

    pub(crate) fn new(plan: &Plan, layout: Layout) -> Self {
        let builder = plan.builder::<N>().expect("the layout is of this kind");
        let pool = Arc::new(builder.build().expect("the layouts can be built"));
        Self {
            free: layout.usable().collect(),
            taken: BTreeSet::new(),
            policy: plan.policy,
            level: plan.stats,
            last_given: None,
            guards: Vec::new(),
            stats: Stats::default(),
            total: Stats::default(),
            older: (pool.snapshot(), BTreeSet::new()),
            layout,
            pool,
        }
    }

    pub(crate) fn call(&mut self, verb: u8, bytes: &mut Bytes<'_>) -> Answer {
        match verb % Self::VERBS {
            0 => self.allocate(),
            1 => self.allocate_exact(bytes.pick()),
            2 => self.release(bytes.pick()),
            3 => self.allocate_preferring(bytes.pick()),
            4 => self.allocate_many(bytes.number()),
            5 => self.allocate_into(bytes.number()),
            6 => self.allocate_block(bytes.byte()),
            7 => self.allocate_in(bytes.pick(), bytes.pick()),
            8 => self.release_block(bytes.pick(), bytes.byte()),
            9 => self.release_many(bytes),
            10 => self.adopt(bytes),
            11 => self.allocate_net(),
            12 => self.drain(),
            13 => self.guard(),
            14 => self.end_guard(bytes.byte()),
            15 => self.list(bytes.pick()),
            16 => self.snapshot(),
            17 => self.reset_stats(),
            18 => self.allocate_from(bytes.pick()),
            _ => self.allocate_block_exact(bytes.pick(), bytes.byte()),
        }
    }

    /// Returns how full the pool is, in quarters.
    pub(crate) fn fill_level(&self) -> usize {
        (self.taken.len() * 4).div_ceil((self.free.len() + self.taken.len()).max(1))
    }

    // The verbs.

    fn allocate(&mut self) -> Answer {
        let answer = self.pool.allocate();
        let given = self.judge_search(answer, self.choice(0, u128::MAX));
        self.count(|stats| stats.allocations.any += u64::from(given != "exhausted"));
        given
    }

    fn allocate_net(&mut self) -> Answer {
        let unit_len = self.layout.unit();
        let answer = self.pool.allocate_net().map(|net| {
            let net: IpNet = net.into();
            assert_eq!(net.prefix_len(), unit_len);
            assert_eq!(net, net.trunc());
            N::addr(net.addr()).expect("of this kind")
        });
        let given = self.judge_search(answer, self.choice(0, u128::MAX));
        self.count(|stats| stats.allocations.any += u64::from(given != "exhausted"));
        given
    }

    fn allocate_exact(&mut self, pick: Pick) -> Answer {
        let bits = self.resolve(&pick);
        let answer = self.pool.allocate_exact(self.addr(bits));
        let unit = bits >> self.layout.shift;
        let expected = if !self.layout.contains(unit) {
            self.count(|stats| stats.failures.out_of_range += 1);
            "out-of-range"
        } else if self.layout.is_reserved(unit) {
            self.count(|stats| stats.failures.reserved += 1);
            "reserved"
        } else if self.layout.addr(unit) != bits {
            self.count(|stats| stats.failures.out_of_range += 1);
            "misaligned"
        } else if self.taken.contains(&unit) {
            self.count(|stats| stats.failures.taken += 1);
            "already-allocated"
        } else {
            self.take(unit);
            self.count(|stats| stats.allocations.exact += 1);
            "ok"
        };
        let said = answer.as_ref().map_or_else(|error| error.code(), |()| "ok");
        assert_eq!(said, expected, "allocate_exact {bits:x}: {answer:?}");
        expected
    }

    fn allocate_preferring(&mut self, pick: Pick) -> Answer {
        let bits = self.resolve(&pick);
        let answer = self.pool.allocate_preferring(self.addr(bits));
        let unit = bits >> self.layout.shift;
        let given = if self.free.contains(&unit) {
            assert_eq!(
                answer.map(bits_of),
                Ok(self.layout.addr(unit)),
                "it was free"
            );
            self.take(unit);
            "preferred"
        } else {
            self.judge_search(answer, self.choice(0, u128::MAX))
        };
        self.count(|stats| stats.allocations.preferred += u64::from(given != "exhausted"));
        given
    }

    fn allocate_many(&mut self, number: usize) -> Answer {
        let count = match number {
            65_535 => usize::MAX,
            number => self.batch(number),
        };
        let answer = self.pool.allocate_many(count);
        if count > self.free.len() {
            return self.exhausted(answer.err());
        }
        let addrs = answer.expect("enough are free");
        self.judge_batch(&addrs, count)
    }

    fn allocate_into(&mut self, number: usize) -> Answer {
        let count = self.batch(number);
        let mut addrs = vec![self.addr(0); count];
        let taken = self.pool.allocate_into(&mut addrs);
        if count > self.free.len() {
            self.count(|stats| stats.failures.exhausted += 1);
        }
        let expected = count.min(self.free.len());
        self.judge_batch(&addrs[..taken], expected)
    }

    fn drain(&mut self) -> Answer {
        let count = self.free.len();
        let mut addrs = vec![self.addr(0); count];
        let taken = self.pool.allocate_into(&mut addrs);
        self.judge_batch(&addrs[..taken], count)
    }

    fn allocate_block(&mut self, shorter: u8) -> Answer {
        let unit_len = self.layout.unit();
        // Mostly a possible length, sometimes any number.
        let prefix_len = if shorter < 200 {
            unit_len.wrapping_sub(shorter % 12)
        } else {
            shorter
        };
        let answer = self.pool.allocate_block(prefix_len);
        if !(self.layout.shortest_block..=unit_len).contains(&prefix_len) {
            assert_eq!(answer.map_err(|error| error.code()), Err("bad-block"));
            return "bad-block";
        }
        let order = unit_len - prefix_len;
        let Some(block) = self.highest_free_block(order) else {
            return self.exhausted(answer.err());
        };
        let net: IpNet = answer.expect("such a block is free").into();
        let given = (
            bits_of(net.network()),
            bits_of(net.addr()),
            net.prefix_len(),
        );
        let expected = self.layout.addr(block);
        assert_eq!(
            given,
            (expected, expected, prefix_len),
            "the highest free block"
        );
        (block..=block | low(order)).for_each(|unit| self.take(unit));
        self.count(|stats| stats.allocations.block += 1 << order);
        "block"
    }

    fn highest_free_block(&self, order: u8) -> Option<u128> {
        let size = 1u128.checked_shl(order.into())?;
        let blocks = self.layout.ranges.iter().rev().flat_map(|&(first, last)| {
            let highest = last.checked_sub(size - 1).map(|block| block & !(size - 1));
            std::iter::successors(highest, move |block| block.checked_sub(size))
                .take_while(move |&block| block >= first)
        });
        let is_free =
            |block: &u128| self.free.range(block..=&(block | low(order))).count() as u128 == size;
        { blocks }.find(is_free)
    }

    fn allocate_in(&mut self, from: Pick, to: Pick) -> Answer {
        let (first, last) = (self.resolve(&from), self.resolve(&to));
        let answer = self.pool.allocate_in(self.addr(first)..=self.addr(last));
        let inside = self.units_inside(first, last);
        let (Some(&first), Some(&last)) = (inside.first(), inside.last()) else {
            self.count(|stats| stats.failures.out_of_range += 1);
            assert_eq!(answer.map_err(|error| error.code()), Err("out-of-range"));
            return "out-of-range";
        };
        let given = self.judge_search(answer, self.choice(first, last));
        self.count(|stats| stats.allocations.any += u64::from(given != "exhausted"));
        given
    }

    fn allocate_from(&mut self, pick: Pick) -> Answer {
        let bits = self.resolve(&pick);
        let answer = self.pool.allocate_from(self.addr(bits));
        let begins_there = |unit: &&u128| self.layout.addr(**unit) >= bits;
        let next = self.free.iter().find(begins_there);
        let Some(unit) = next.or(self.free.first()).copied() else {
            return self.exhausted(answer.err());
        };
        let right = self.layout.addr(unit);
        assert_eq!(answer.map(bits_of), Ok(right), "allocate_from {bits:x}");
        self.take(unit);
        self.count(|stats| stats.allocations.preferred += 1);
        "from"
    }

    fn release(&mut self, pick: Pick) -> Answer {
        let bits = self.resolve(&pick);
        let answer = self.pool.release(self.addr(bits));
        let expected = self.release_one(bits);
        let said = answer.as_ref().map_or_else(|error| error.code(), |()| "ok");
        assert_eq!(said, expected, "release {bits:x}: {answer:?}");
        expected
    }

    fn allocate_block_exact(&mut self, pick: Pick, shorter: u8) -> Answer {
        let (net, written, host_bits) = self.block(pick, shorter);
        let answer = self
            .pool
            .allocate_block_exact(N::net(net).expect("of this kind"));
        let shift = self.layout.shift;
        let (first, last) = (written >> shift, (written | host_bits) >> shift);
        let expected = self.refused_block(written, host_bits).or_else(|| {
            let taken = self.taken.range(first..=last).next();
            taken.map(|_| "already-allocated")
        });
        let said = answer.as_ref().map_or_else(|error| error.code(), |()| "ok");
        assert_eq!(
            said,
            expected.unwrap_or("ok"),
            "allocate_block_exact {net}: {answer:?}"
        );
        match expected {
            None => {
                (first..=last).for_each(|unit| self.take(unit));
                self.count(|stats| stats.allocations.block += (last - first) as u64 + 1);
                "ok"
            }
            Some(code) => {
                self.count(|stats| match code {
                    "reserved" => stats.failures.reserved += 1,
                    "already-allocated" => stats.failures.taken += 1,
                    _ => stats.failures.out_of_range += 1,
                });
                code
            }
        }
    }

    /// Returns a block, mostly an aligned one, with its address as written and its host bits.
    fn block(&self, pick: Pick, shorter: u8) -> (IpNet, u128, u128) {
        let width = self.layout.width();
        let prefix_len = match shorter {
            0..200 => self.layout.unit().saturating_sub(shorter % 12),
            _ => shorter % (width + 1),
        };
        let host_bits = low(width - prefix_len);
        let written = self.resolve(&pick);
        let written = if shorter % 5 == 4 {
            written
        } else {
            written & !host_bits
        };
        let net = IpNet::new_assert(super::kind::addr_of(self.layout.wide, written), prefix_len);
        (net, written, host_bits)
    }

    fn release_block(&mut self, pick: Pick, shorter: u8) -> Answer {
        let (net, written, host_bits) = self.block(pick, shorter);
        let answer = self.pool.release_block(N::net(net).expect("of this kind"));
        let expected = self.refused_block(written, host_bits).or_else(|| {
            let shift = self.layout.shift;
            let units = written >> shift..=(written | host_bits) >> shift;
            self.free.range(units).next().map(|_| "not-allocated")
        });
        let said = answer.as_ref().map_or_else(|error| error.code(), |()| "ok");
        assert_eq!(
            said,
            expected.unwrap_or("ok"),
            "release_block {net}: {answer:?}"
        );
        if let Some(code) = expected {
            self.count(|stats| stats.release_errors += 1);
            return code;
        }
        let shift = self.layout.shift;
        for unit in written >> shift..=(written | host_bits) >> shift {
            self.give_back(unit);
            self.count(|stats| stats.releases += 1);
        }
        "ok"
    }

    /// Returns why the block cannot be handed out, if it cannot.
    fn refused_block(&self, written: u128, host_bits: u128) -> Option<&'static str> {
        let shift = self.layout.shift;
        let (first, last) = (written >> shift, (written | host_bits) >> shift);
        let holds = |range: &(u128, u128)| range.0 <= first && last <= range.1;
        if !self.layout.contains(first) {
            Some("out-of-range")
        } else if written & host_bits != 0 || host_bits < low(shift) {
            Some("misaligned")
        } else if !self.layout.ranges.iter().any(holds) {
            Some("out-of-range")
        } else if (first..=last).any(|unit| self.layout.is_reserved(unit)) {
            Some("reserved")
        } else {
            None
        }
    }

    fn release_many(&mut self, bytes: &mut Bytes<'_>) -> Answer {
        let len = bytes.byte();
        let list: Vec<u128> = match len {
            // Everything, in order.
            255 => self
                .taken
                .iter()
                .map(|&unit| self.layout.addr(unit))
                .collect(),
            len => (0..len % 40).map(|_| self.resolve(&bytes.pick())).collect(),
        };
        let addrs: Vec<N::Addr> = list.iter().map(|&bits| self.addr(bits)).collect();
        let report = self.pool.release_many(&addrs);
        let mut counts = [0u64; 5];
        for bits in list {
            let index = match self.release_one(bits) {
                "ok" => 0,
                "not-allocated" => 1,
                "reserved" => 2,
                "out-of-range" => 3,
                _ => 4,
            };
            counts[index] += 1;
        }
        let said = [
            report.released,
            report.not_allocated,
            report.reserved,
            report.out_of_range,
            report.misaligned,
        ];
        assert_eq!(said, counts, "release_many");
        assert_eq!(
            report.first_error.is_some(),
            counts[1..].iter().any(|&count| count != 0)
        );
        if report.first_error.is_some() {
            "some"
        } else {
            "all"
        }
    }

    /// Adopts addresses as values; the target `users` tries what text can mean.
    fn adopt(&mut self, bytes: &mut Bytes<'_>) -> Answer {
        // A byte that once chose how to read prefixes: the inputs of the corpus still have it.
        let _ = bytes.byte();
        let list: Vec<u128> = (0..bytes.byte() % 20)
            .map(|_| self.resolve(&bytes.pick()))
            .collect();
        let wide = self.layout.wide;
        let users = list.iter().map(|&bits| super::kind::addr_of(wide, bits));
        let report = self.pool.adopt(users).expect("addresses");
        let mut taken = 0;
        for bits in list {
            let unit = bits >> self.layout.shift;
            // The unspecified address is a user without one; a mapped one is of the other family.
            let is_listed = bits != 0 && !(wide && bits >> 32 == 0xffff);
            if is_listed && self.free.contains(&unit) {
                self.take(unit);
                taken += 1;
            }
        }
        assert_eq!(report.taken, taken, "{report:?}");
        self.count(|stats| stats.allocations.adopted += taken);
        if taken == 0 { "none" } else { "some" }
    }

    fn guard(&mut self) -> Answer {
        let guard = self.pool.guard_arc();
        let given = self.judge_search(
            guard.as_ref().map(GuardArc::addr).map_err(Clone::clone),
            self.choice(0, u128::MAX),
        );
        self.count(|stats| stats.allocations.any += u64::from(given != "exhausted"));
        self.guards.extend(guard);
        given
    }

    /// Drops a guard, or keeps its address.
    fn end_guard(&mut self, byte: u8) -> Answer {
        let index = usize::from(byte >> 1).checked_rem(self.guards.len());
        let Some(index) = index else {
            return "no guard";
        };
        let guard = self.guards.swap_remove(index);
        let bits = bits_of(guard.addr());
        if byte & 1 == 1 {
            assert_eq!(bits_of(guard.keep()), bits);
            return "kept";
        }
        drop(guard);
        // The address may have been released without the guard.
        self.release_one(bits)
    }

    fn reset_stats(&mut self) -> Answer {
        self.pool.reset_stats();
        self.stats = Stats::default();
        "reset"
    }

    // Queries.

    fn list(&mut self, pick: Pick) -> Answer {
        let from = self.resolve(&pick);
        let addrs = |units: &BTreeSet<u128>, from: u128| -> Vec<u128> {
            let addrs = units.iter().map(|&unit| self.layout.addr(unit));
            addrs.filter(|&addr| addr >= from).collect()
        };
        let pool = &self.pool;
        let listed: Vec<u128> = pool.iter().map(bits_of).collect();
        assert_eq!(listed, addrs(&self.taken, 0), "iter");
        let listed: Vec<u128> = pool.iter_from(self.addr(from)).map(bits_of).collect();
        assert_eq!(listed, addrs(&self.taken, from), "iter_from {from:x}");
        let listed: Vec<u128> = pool.free_from(self.addr(from)).map(bits_of).collect();
        assert_eq!(listed, addrs(&self.free, from), "free_from {from:x}");
        let last =
            from.saturating_add(300 << self.layout.shift.min(100)) & low(self.layout.width());
        let inside = self.units_inside(from, last);
        let count = inside
            .iter()
            .filter(|unit| self.taken.contains(unit))
            .count() as u64;
        assert_eq!(
            pool.count_in(self.addr(from)..=self.addr(last)),
            count,
            "count_in"
        );
        let depth = pick.index as u32 % 40;
        let mut cells = vec![0u32; 9000];
        let cell_count = pool.fill(depth, &mut cells);
        assert_eq!(cell_count, pool.info().slots.div_ceil(1 << depth.min(33)));
        let free: u64 = cells.iter().map(|&cell| u64::from(cell)).sum();
        assert_eq!(free, self.free.len() as u64, "fill {depth}");
        self.judge_status(from);
        "listed"
    }

    fn judge_status(&self, bits: u128) {
        let unit = bits >> self.layout.shift;
        let addr = self.addr(bits);
        let status = self.pool.status(addr);
        let is_right = match status {
            Status::Free => self.free.contains(&unit),
            Status::Allocated { .. } => self.taken.contains(&unit),
            Status::Reserved { .. } => self.layout.contains(unit) && self.layout.is_reserved(unit),
            Status::OutOfRange => !self.layout.contains(unit),
            _ => false,
        };
        assert!(is_right, "{addr}: {status:?}");
        assert_eq!(self.pool.is_available(addr), self.free.contains(&unit));
        assert_eq!(self.pool.is_allocated(addr), self.taken.contains(&unit));
        assert_eq!(self.pool.contains(addr), self.layout.contains(unit));
    }

    fn snapshot(&mut self) -> Answer {
        let snapshot = self.pool.snapshot();
        let addrs = |one: &BTreeSet<u128>, other: &BTreeSet<u128>| -> Vec<u128> {
            one.difference(other)
                .map(|&unit| self.layout.addr(unit))
                .collect()
        };
        assert_eq!(snapshot.allocated(), self.taken.len() as u64);
        let diff = snapshot.diff(&self.older.0).expect("the same pool");
        let bits = |addrs: Vec<N::Addr>| -> Vec<u128> { addrs.into_iter().map(bits_of).collect() };
        assert_eq!(bits(diff.allocated), addrs(&self.taken, &self.older.1));
        assert_eq!(bits(diff.released), addrs(&self.older.1, &self.taken));
        self.older = (snapshot, self.taken.clone());
        "snapshot"
    }

    pub(crate) fn judge_counts(&self) {
        let counted = (
            self.pool.allocated(),
            self.pool.available(),
            self.pool.capacity(),
        );
        let (taken, free) = (self.taken.len() as u64, self.free.len() as u64);
        assert_eq!(
            counted,
            (taken, free, taken + free),
            "allocated, available, capacity"
        );
        for (said, expected) in [
            (self.pool.stats(), &self.stats),
            (self.pool.stats_total(), &self.total),
        ] {
            let mut said = said;
            said.last_allocation = None;
            let off = Stats::default();
            let expected = if self.level == StatsLevel::Off {
                &off
            } else {
                expected
            };
            assert_eq!(&said, expected);
        }
    }

    /// Releases everything: then the pool is as good as new.
    pub(crate) fn finish(mut self) {
        self.list(Pick { of: 0, index: 0 });
        self.guards.drain(..).for_each(|guard| {
            let _kept = guard.keep();
        });
        let held: Vec<N::Addr> = self.pool.iter().collect();
        assert_eq!(self.pool.release_many(&held).released, held.len() as u64);
        assert_eq!((self.pool.allocated(), self.pool.iter().count()), (0, 0));
        let mut again = 0;
        while self.pool.allocate().is_ok() {
            again += 1;
        }
        assert_eq!(
            again,
            self.pool.capacity(),
            "all of it can be allocated again"
        );
    }

    // Helpers.

    fn addr(&self, bits: u128) -> N::Addr {
        addr::<N>(&self.layout, bits)
    }

    fn resolve(&self, pick: &Pick) -> u128 {
        let nth = |set: &BTreeSet<u128>| {
            let index = pick.index.checked_rem(set.len())?;
            set.iter().nth(index).copied()
        };
        let any = || {
            let index = pick.index as u128 % self.layout.slots();
            self.layout
                .units()
                .nth(index as usize)
                .expect("below the count")
        };
        let unit = match pick.of % 5 {
            0 => nth(&self.taken).unwrap_or_else(any),
            1 => nth(&self.free).unwrap_or_else(any),
            2 => any(),
            _ => {
                // Beside a range, or inside it at its ends.
                let ranges = &self.layout.ranges;
                let (first, last) = ranges[pick.index / 8 % ranges.len()];
                let highest = low(self.layout.unit());
                let distance = (pick.index / 8 % 67) as u128;
                match pick.index % 4 {
                    0 => first.saturating_sub(1 + distance),
                    1 => last.saturating_add(1 + distance).min(highest),
                    2 => first,
                    _ => last,
                }
            }
        };
        let inside = u128::from(pick.of / 5) & low(self.layout.shift);
        self.layout.addr(unit) | inside
    }

    /// Returns the size of a batch: small numbers as they are, larger ones relative to the number of free slots.
    fn batch(&self, number: usize) -> usize {
        match number {
            0..200 => number,
            200..220 => (self.free.len() + number).saturating_sub(210),
            _ => number % 1000,
        }
    }

    fn units_inside(&self, first: u128, last: u128) -> Vec<u128> {
        let layout = &self.layout;
        let is_inside = |&unit: &u128| first <= layout.addr(unit) && layout.last_addr(unit) <= last;
        layout.units().filter(is_inside).collect()
    }

    fn choice(&self, first: u128, last: u128) -> Choice {
        let Some(&lowest) = self.free.range(first..=last).next() else {
            return Choice::Nothing;
        };
        match self.policy {
            Policy::Lowest => Choice::Exactly(lowest),
            Policy::Highest => {
                let highest = self.free.range(first..=last).next_back();
                Choice::Exactly(*highest.unwrap_or(&lowest))
            }
            Policy::Next => {
                let after = self.last_given.map_or(Some(0), |last| last.checked_add(1));
                let after = after.map(|after| after.max(first));
                let next = after
                    .filter(|&after| after <= last)
                    .and_then(|after| self.free.range(after..=last).next());
                Choice::Exactly(*next.unwrap_or(&lowest))
            }
            Policy::Spread | Policy::Random(_) => Choice::AnyOf(first, last),
            other => panic!("what does {other} promise?"),
        }
    }

    fn judge_search(&mut self, answer: Result<N::Addr, AllocateError>, choice: Choice) -> Answer {
        let addr = match (answer, choice) {
            (answer, Choice::Nothing) => return self.exhausted(answer.err()),
            (answer, Choice::Exactly(unit)) => {
                let addr = answer.map(bits_of);
                assert_eq!(addr, Ok(self.layout.addr(unit)), "what the policy says");
                self.layout.addr(unit)
            }
            (answer, Choice::AnyOf(first, last)) => {
                let addr = bits_of(answer.expect("something is free"));
                assert!(
                    (first..=last).contains(&(addr >> self.layout.shift)),
                    "{addr:x} is outside"
                );
                addr
            }
        };
        let unit = addr >> self.layout.shift;
        assert_eq!(self.layout.addr(unit), addr, "the first address of a unit");
        self.take(unit);
        self.last_given = Some(unit);
        "given"
    }

    fn judge_batch(&mut self, addrs: &[N::Addr], count: usize) -> Answer {
        assert_eq!(addrs.len(), count, "how many");
        for &addr in addrs {
            self.judge_search(Ok(addr), self.choice(0, u128::MAX));
        }
        self.count(|stats| stats.allocations.batch += count as u64);
        "batch"
    }

    fn exhausted(&mut self, error: Option<AllocateError>) -> Answer {
        let capacity = (self.free.len() + self.taken.len()) as u64;
        match error {
            Some(AllocateError::Exhausted { capacity: said, .. }) => assert_eq!(said, capacity),
            other => panic!("exhausted, but {other:?}"),
        }
        self.count(|stats| stats.failures.exhausted += 1);
        "exhausted"
    }

    fn release_one(&mut self, bits: u128) -> &'static str {
        let unit = bits >> self.layout.shift;
        let code = if !self.layout.contains(unit) {
            "out-of-range"
        } else if self.layout.is_reserved(unit) {
            "reserved"
        } else if self.layout.addr(unit) != bits {
            "misaligned"
        } else if self.free.contains(&unit) {
            "not-allocated"
        } else {
            self.give_back(unit);
            self.count(|stats| stats.releases += 1);
            return "ok";
        };
        self.count(|stats| stats.release_errors += 1);
        code
    }

    fn take(&mut self, unit: u128) {
        assert!(self.free.remove(&unit), "unit {unit:x} was not free");
        self.taken.insert(unit);
    }

    fn give_back(&mut self, unit: u128) {
        assert!(self.taken.remove(&unit), "unit {unit:x} was not taken");
        self.free.insert(unit);
    }

    fn count(&mut self, change: impl Fn(&mut Stats)) {
        change(&mut self.stats);
        change(&mut self.total);
    }
}
