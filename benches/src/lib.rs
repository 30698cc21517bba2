//! Shared parts of the benchmarks: a measurement is a ratio to a reference taken in the same round.

mod ratio;
mod workload;

pub use ratio::{Row, measure_ratio, per_operation};
pub use workload::{Pairs, pool_of, two_rmws};
