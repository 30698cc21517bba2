//! Timing two things side by side, so that a busy machine slows both.

use serde::Serialize;
use std::time::{Duration, Instant};

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Nanoseconds per operation of ours: the median of all rounds.
    pub ours_ns: f64,
    /// Nanoseconds per operation of the reference: the median of all rounds.
    pub reference_ns: f64,
    /// The median of the ratios of each round.
    pub ratio: f64,
}

/// Nanoseconds per operation of `operations` that took `elapsed`.
pub fn per_operation(elapsed: Duration, operations: u64) -> f64 {
    elapsed.as_nanos() as f64 / operations as f64
}

/// Measures `ours` against `reference`, round by round. Both answer nanoseconds per operation.
pub fn measure_ratio(
    name: &str,
    rounds: usize,
    mut ours: impl FnMut() -> f64,
    mut reference: impl FnMut() -> f64,
) -> Row {
    // The first round warms up both.
    reference();
    ours();
    let mut ours_ns = Vec::new();
    let mut reference_ns = Vec::new();
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let before = reference();
        let own = ours();
        let around = (before + reference()) / 2.0;
        ours_ns.push(own);
        reference_ns.push(around);
        ratios.push(own / around);
    }
    Row {
        name: name.to_owned(),
        ours_ns: median(ours_ns),
        reference_ns: median(reference_ns),
        ratio: median(ratios),
    }
}

/// Times `operation`, `operations` times over.
pub(crate) fn time(operations: u64, mut operation: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..operations {
        operation();
    }
    per_operation(start.elapsed(), operations)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
