//! All contestants in networks of one size, and the rows that are measured there.

use super::addresses::{capacity_of, random_victims};
use super::contestant::{BURST, Contestant};
use super::duel::{Figure, Limits, Timed, TimedLoop, interleaved};
use super::record::{Bench, Outcome, RivalRecord};
use super::registry::entries;
use crate::cores::CoreTime;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const VICTIMS: usize = 1 << 16;

/// If other virtual machines took more of the time than this, a figure of several threads says nothing.
const MOST_STOLEN_PERCENT: f64 = 1.0;

/// One column of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The operations that are timed.
    pub bench: Bench,
    /// The share of slots that are taken, in per cent.
    pub fill: f64,
    /// The number of threads at work.
    pub threads: usize,
}

impl Row {
    /// Makes a row for one thread.
    pub const fn alone(bench: Bench, fill: f64) -> Self {
        Self {
            bench,
            fill,
            threads: 1,
        }
    }

    fn taken(&self, capacity: u32) -> u32 {
        (f64::from(capacity) * self.fill / 100.0) as u32
    }
}

/// All contestants in networks of one size.
pub struct Field {
    prefix_len: u8,
    limits: Limits,
    victims: Vec<Ipv4Addr>,
    contestants: Vec<Box<dyn Contestant>>,
}

impl Field {
    /// Builds all contestants for 10.0.0.0/`prefix_len`. Everything is free.
    pub fn new(prefix_len: u8, limits: Limits) -> Self {
        let build = |entry: &super::Entry| entry.build(prefix_len);
        Self {
            prefix_len,
            limits,
            victims: random_victims(capacity_of(prefix_len), VICTIMS, BURST),
            contestants: entries().iter().map(build).collect(),
        }
    }

    /// Measures one row. The fill must not be lower than that of the row before.
    ///
    /// `known` are the records so far: those from smaller networks show which contestants would take too long.
    pub fn measure(&mut self, row: Row, known: &[RivalRecord]) -> Vec<RivalRecord> {
        let mut records: Vec<RivalRecord> = self
            .contestants
            .iter()
            .map(|contestant| self.blank(row, &**contestant))
            .collect();
        for record in &mut records {
            self.foresee(record, known);
        }
        self.fill(row, &records);
        self.fight(row, &mut records);
        compare(&mut records);
        records
    }

    fn blank(&self, row: Row, contestant: &dyn Contestant) -> RivalRecord {
        let profile = contestant.profile();
        RivalRecord {
            bench: row.bench,
            contestant: profile.name.to_owned(),
            ours: profile.ours,
            order: profile.order.name().to_owned(),
            size: self.prefix_len,
            fill: row.fill,
            taken: row.taken(capacity_of(self.prefix_len)).into(),
            threads: row.threads,
            outcome: Outcome::Measured,
            ns_per_pair: None,
            pairs_per_second: None,
            times_ours: None,
            times_ours_counting: None,
            times_best: None,
            beats_ours: false,
            bytes_per_slot: contestant.bytes_per_slot(),
            cannot: profile.cannot(),
            note: String::new(),
        }
    }

    /// Excuses a contestant that walks over everything that is taken, if that takes longer than a round may.
    fn foresee(&self, record: &mut RivalRecord, known: &[RivalRecord]) {
        let contestant = self.contestant(&record.contestant);
        let here = f64::from(capacity_of(self.prefix_len));
        let same = |earlier: &&RivalRecord| {
            (
                &earlier.contestant,
                earlier.bench,
                earlier.fill,
                earlier.threads,
            ) == (
                &record.contestant,
                record.bench,
                record.fill,
                record.threads,
            )
        };
        let smaller = |earlier: &&RivalRecord| earlier.size > self.prefix_len;
        let Some(earlier) = known.iter().rev().filter(same).find(smaller) else {
            return;
        };
        let there = f64::from(capacity_of(earlier.size));
        let Some(ns) = earlier.ns_per_pair.map(|ns| ns * here / there) else {
            return;
        };
        if contestant.profile().walks && ns > self.limits.longest.as_nanos() as f64 {
            record.outcome = Outcome::NotRun;
            record.note = format!(
                "about {:.1} s a pair, judged by the /{}",
                ns / 1e9,
                earlier.size
            );
        }
    }

    fn contestant(&self, name: &str) -> &dyn Contestant {
        let mut all = self.contestants.iter();
        let found = all.find(|contestant| contestant.profile().name == name);
        &**found.expect("records are made of contestants")
    }

    fn fill(&mut self, row: Row, records: &[RivalRecord]) {
        let taken = row.taken(capacity_of(self.prefix_len));
        for (contestant, record) in self.contestants.iter_mut().zip(records) {
            if record.outcome == Outcome::Measured {
                contestant.fill_to(taken);
            }
        }
    }

    fn fight(&self, row: Row, records: &mut [RivalRecord]) {
        let refused: Vec<AtomicU64> = records.iter().map(|_| AtomicU64::new(0)).collect();
        let contestants = self.contestants.iter().zip(&refused).zip(&*records);
        let mut loops: Vec<TimedLoop<'_>> = contestants
            .filter(|(_, record)| record.outcome == Outcome::Measured)
            .map(|((contestant, refused), _)| self.timed_loop(row, &**contestant, refused))
            .collect();
        let before = CoreTime::now();
        let figures = interleaved(self.limits, &mut loops);
        let stolen_percent = CoreTime::now().stolen_percent_since(before);
        drop(loops);
        let measured = records.iter_mut().zip(refused);
        let measured = measured.filter(|(record, _)| record.outcome == Outcome::Measured);
        for ((record, refused), figure) in measured.zip(figures) {
            match record.threads {
                1 => enter_ns(record, &figure, figure.best_ns()),
                _ => enter_together(record, &figure, refused.into_inner(), stolen_percent),
            }
        }
    }

    fn timed_loop<'a>(
        &'a self,
        row: Row,
        contestant: &'a dyn Contestant,
        refused: &'a AtomicU64,
    ) -> TimedLoop<'a> {
        let victims = &self.victims;
        match row.bench {
            Bench::Pair | Bench::Users => Box::new(|pairs| contestant.pairs(pairs).into()),
            Bench::FullRandom => Box::new(|pairs| contestant.random_pairs(victims, pairs).into()),
            Bench::FullBurst => Box::new(|pairs| {
                // An operation is a pair, and a burst cannot be divided.
                let whole = pairs.next_multiple_of(BURST as u64);
                let elapsed = contestant.bursts(victims, whole);
                elapsed.mul_f64(pairs as f64 / whole as f64).into()
            }),
            Bench::AllCores => Box::new(move |pairs| {
                let each = pairs.div_ceil(row.threads as u64);
                let raced = contestant.pairs_together(row.threads, each);
                // Relaxed: one thread reads it, later.
                refused.fetch_add(raced.answers.iter().sum(), Ordering::Relaxed);
                Timed {
                    elapsed: scaled(raced.elapsed, pairs, each * row.threads as u64),
                    had_cores: raced.had_cores,
                }
            }),
        }
    }
}

/// Returns the time that `pairs` would have taken, given that `done` of them took `elapsed`.
fn scaled(elapsed: Duration, pairs: u64, done: u64) -> Duration {
    elapsed.mul_f64(pairs as f64 / done as f64)
}

fn enter_ns(record: &mut RivalRecord, figure: &Figure, ns: f64) {
    record.ns_per_pair = Some(ns);
    record.pairs_per_second = Some(1e9 / ns);
    if figure.operations == 1 {
        record.note = "single pairs were timed".to_owned();
    }
}

/// Enters the figure of several threads, if each of them had a core for itself in at least half of the rounds.
fn enter_together(record: &mut RivalRecord, figure: &Figure, refused: u64, stolen_percent: f64) {
    if refused != 0 {
        record.outcome = Outcome::Cannot;
        record.note = format!("{refused} allocations refused while there was something free");
        return;
    }
    let (free, disturbed) = (figure.undisturbed(), figure.disturbed);
    let cores = format!(
        "each thread had a core for itself in {free} of {} rounds, {stolen_percent:.1} % were stolen",
        free + disturbed
    );
    if free < disturbed || stolen_percent > MOST_STOLEN_PERCENT {
        record.outcome = Outcome::Disturbed;
    } else {
        enter_ns(record, figure, figure.median_ns());
    }
    record.note = cores;
}

/// Fills in the ratios to hostbits at the same service: to the shared pool, which is the first and the
/// second of ours, and to the fastest of ours.
fn compare(records: &mut [RivalRecord]) {
    let ours = |order: &str| -> Vec<Option<f64>> {
        let same = records
            .iter()
            .filter(|record| record.ours && record.order == order);
        same.map(|record| record.ns_per_pair).collect()
    };
    let of_order = |order| (order, ours(order));
    let references = ["lowest", "any"].map(of_order);
    for record in records {
        let same = references.iter().find(|(order, _)| *order == record.order);
        let (_, ours) = same.expect("two orders there are");
        let times = |ours: Option<f64>| Some(record.ns_per_pair? / ours?);
        record.times_ours = times(ours[0]);
        record.times_ours_counting = times(ours[1]);
        record.times_best = times(ours.iter().copied().flatten().reduce(f64::min));
        record.beats_ours = !record.ours && record.times_best.is_some_and(|times| times < 1.0);
    }
}
