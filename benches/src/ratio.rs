//! Timing things side by side, so that a busy machine slows all of them.

use crate::floors::Floor;
use crate::machine::Kind;
use crate::targets::Target;
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
    /// The name of the floor, if there is one of the row's shape.
    pub floor: Option<&'static str>,
    /// Nanoseconds per operation of the floor, in the least disturbed round.
    pub floor_ns: Option<f64>,
    /// The ratio of ours to the floor.
    pub floor_ratio: Option<f64>,
    /// The limit for the ratio to the floor, if the row has one.
    pub floor_target: Option<f64>,
}

impl Row {
    /// Makes a row of three times, without limits.
    pub fn new(name: &str, ours_ns: f64, reference_ns: f64, floor: Option<(&Floor, f64)>) -> Self {
        Self {
            name: name.to_owned(),
            ours_ns,
            reference_ns,
            ratio: ours_ns / reference_ns,
            target: None,
            floor: floor.map(|(floor, _)| floor.name),
            floor_ns: floor.map(|(_, ns)| ns),
            floor_ratio: floor.map(|(_, ns)| ours_ns / ns),
            floor_target: None,
        }
    }

    /// Sets the limits.
    pub fn judged_by(mut self, target: &Target, kind: Kind) -> Self {
        self.target = target.limit(kind);
        self.floor_target = target.of_floor;
        self
    }

    /// Returns whether a limit is exceeded.
    pub fn is_missed(&self) -> bool {
        let exceeds = |ratio: Option<f64>, limit: Option<f64>| {
            ratio.zip(limit).is_some_and(|(ratio, limit)| ratio > limit)
        };
        exceeds(Some(self.ratio), self.target) || exceeds(self.floor_ratio, self.floor_target)
    }
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
    ours: impl FnMut() -> f64,
    reference: impl FnMut() -> f64,
) -> Row {
    measure_above_floor(name, (rounds, 0), ours, reference, None)
}

/// Measures as [`measure_ratio`], and the floor in the same rounds, with this number of operations.
pub fn measure_above_floor(
    name: &str,
    (rounds, operations): (usize, u64),
    mut ours: impl FnMut() -> f64,
    mut reference: impl FnMut() -> f64,
    mut floor: Option<Floor>,
) -> Row {
    let [mut ours_ns, mut reference_ns, mut floor_ns] = [f64::INFINITY; 3];
    for _ in 0..rounds {
        reference_ns = reference_ns.min(reference());
        if let Some(floor) = &mut floor {
            floor_ns = floor_ns.min((floor.work)(operations));
        }
        ours_ns = ours_ns.min(ours());
    }
    let floor = floor.as_ref().map(|floor| (floor, floor_ns));
    Row::new(name, ours_ns, reference_ns, floor)
}

/// Times `operations` runs of `operation`.
pub(crate) fn time(operations: u64, mut operation: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..operations {
        operation();
    }
    per_operation(start.elapsed(), operations)
}
