//! Timing two things side by side, so that a busy machine slows both.

use serde::Serialize;
use std::time::{Duration, Instant};

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Nanoseconds per operation of ours, in the least disturbed round.
    pub ours_ns: f64,
    /// Nanoseconds per operation of the reference, in the least disturbed round.
    pub reference_ns: f64,
    /// The ratio of ours to the reference.
    pub ratio: f64,
    /// The limit for the ratio, if the row has one.
    pub target: Option<f64>,
}

/// Returns the nanoseconds per operation if `operations` of them took `elapsed`.
pub fn per_operation(elapsed: Duration, operations: u64) -> f64 {
    elapsed.as_nanos() as f64 / operations as f64
}

/// Measures `ours` against `reference` in alternating rounds. Both return nanoseconds per operation.
///
/// The least disturbed round of each counts: anything else that the machine does only adds time, and with
/// short rounds each of the two finds a moment without it.
pub fn measure_ratio(
    name: &str,
    rounds: usize,
    mut ours: impl FnMut() -> f64,
    mut reference: impl FnMut() -> f64,
) -> Row {
    let mut ours_ns = f64::INFINITY;
    let mut reference_ns = f64::INFINITY;
    for _ in 0..rounds {
        reference_ns = reference_ns.min(reference());
        ours_ns = ours_ns.min(ours());
    }
    Row {
        name: name.to_owned(),
        ours_ns,
        reference_ns,
        ratio: ours_ns / reference_ns,
        target: None,
    }
}

/// Times `operations` runs of `operation`.
pub(crate) fn time(operations: u64, mut operation: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..operations {
        operation();
    }
    per_operation(start.elapsed(), operations)
}
