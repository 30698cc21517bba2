//! Shared parts of the benchmarks: a measurement is a ratio to a reference taken in the same round.

pub mod barrier;
mod cores;
pub mod fills;
mod floors;
mod json;
pub mod latency;
mod leases;
mod lists;
mod machine;
mod ratio;
pub mod rivals;
mod rows;
pub mod scaling;
mod sets;
mod targets;
mod workload;

pub use floors::{Floor, floor};
pub use json::{target_dir, write_json};
pub use leases::LeasePairs;
pub use lists::TextList;
pub use machine::{Kind, Machine};
pub use ratio::{Row, measure_above_floor, measure_ratio, per_operation};
pub use rows::{RowName, Work, work};
pub use sets::SetPairs;
pub use targets::{TARGETS, Target};
pub use workload::{Pairs, builder_of, pool_in_file, pool_of, two_rmws};
