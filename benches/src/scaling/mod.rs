//! How contestants behave as threads are added.

mod patterns;
mod race;
mod record;
mod runner;
mod survey;

pub use patterns::{NoWatch, Watch, run};
pub use race::{Raced, race, race_watched};
pub use record::{Measure, Releases, ScalingRecord};
pub use runner::{HandOver, Runner, runners};
pub use survey::{Effort, Survey};
