//! User lists of a million entries, against the standard library reading the same texts.

use crate::per_operation;
use hostbits::{Pool, StatsLevel};
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Instant;

/// Addresses of 10.0.0.0/8 as text, each once.
pub struct TextList {
    entries: Vec<(String, String)>,
}

impl TextList {
    /// Makes `len` entries: every sixteenth address in order, as a database that is read by its key has them, or
    /// addresses in no order.
    pub fn new(len: u32, is_ordered: bool) -> Self {
        // An odd factor visits each of the 2^24 addresses once.
        let factor = if is_ordered { 16 } else { 4_001_567 };
        let addr =
            |index: u32| Ipv4Addr::from_bits(0x0a00_0000 | (index * factor + 99) & 0xff_ffff);
        let entry = |index| (addr(index).to_string(), format!("user-{index}"));
        Self {
            entries: (0..len).map(entry).collect(),
        }
    }

    /// Returns the nanoseconds that the standard library needs for one entry.
    pub fn parse(&self) -> f64 {
        let start = Instant::now();
        let mut sum = 0u32;
        for (text, _) in &self.entries {
            let addr: Ipv4Addr = text.parse().expect("an address");
            sum = sum.wrapping_add(black_box(addr).to_bits());
        }
        black_box(sum);
        self.per_entry(start)
    }

    /// Returns the nanoseconds that an empty /8 needs to adopt one entry, without owners. Building the pool is not
    /// timed.
    pub fn adopt(&self) -> f64 {
        let pool = pool();
        let start = Instant::now();
        let report = pool
            .adopt(self.entries.iter().map(|(text, _)| text))
            .unwrap();
        let time = self.per_entry(start);
        self.check(
            report.taken + report.reserved,
            report.duplicate + report.repeated,
        );
        time
    }

    /// Returns the nanoseconds that an empty /8 needs to adopt one entry with its owner.
    pub fn adopt_owned(&self) -> f64 {
        let pool = pool();
        let start = Instant::now();
        let report = pool.adopt(&self.entries).unwrap();
        let time = self.per_entry(start);
        self.check(
            report.taken + report.reserved,
            report.duplicate + report.repeated,
        );
        time
    }

    /// Measures a whole pass, from the barrier to the plan, over a /8 that holds all entries, with owners.
    pub fn pass_owned(&self) -> f64 {
        let pool = pool();
        let _ = pool
            .adopt(self.entries.iter().map(|(text, _)| text))
            .unwrap();
        let mut reconciler = pool.reconciler().expect("nobody else reconciles");
        let start = Instant::now();
        let mut pass = reconciler.begin().expect("a pass on the heap");
        pass.read(&self.entries);
        let plan = pass
            .finish(self.entries.len() as u64)
            .expect("the whole list");
        let time = self.per_entry(start);
        self.check(
            plan.entries.matched + plan.entries.reserved_in_use,
            plan.slots.orphan,
        );
        time
    }

    fn check(&self, found: u64, odd: u64) {
        assert_eq!((found, odd), (self.entries.len() as u64, 0));
    }

    fn per_entry(&self, start: Instant) -> f64 {
        per_operation(start.elapsed(), self.entries.len() as u64)
    }
}

fn pool() -> Pool<ipnet::Ipv4Net> {
    crate::pool_of(8, hostbits::Policy::Lowest, StatsLevel::Off)
}
