//! Shared parts of the benchmarks: a measurement is a ratio to a reference taken in the same round.

pub mod barrier;
mod cores;
pub mod fills;
mod json;
pub mod latency;
mod lists;
mod ratio;
pub mod rivals;
mod rows;
pub mod scaling;
mod sets;
mod workload;

pub use json::{target_dir, write_json};
pub use lists::TextList;
pub use ratio::{Row, measure_ratio, per_operation};
pub use rows::{RowName, Work, work};
pub use sets::SetPairs;
pub use workload::{Pairs, pool_of, two_rmws};
