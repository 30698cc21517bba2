//! The machine that a bench ran on, and the version that it measured: they go into the data.

use crate::two_rmws;
use serde::Serialize;
use std::fmt;
use std::fs;
use std::num::NonZero;
use std::process::Command;
use std::thread::available_parallelism;

/// Where, when and at which version it was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The name of the processor, with its family and model.
    pub processor: String,
    /// The number of hardware threads.
    pub hardware_threads: usize,
    /// The compiler.
    pub compiler: String,
    /// The day.
    pub date: String,
    /// The commit; with a `+` if the sources were changed since.
    pub commit: String,
}

impl Machine {
    /// Describes the machine that this runs on, with today's date.
    pub fn this() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let commit = printed_by("git", &["rev-parse", "--short", "HEAD"]);
        let changes = [
            "status",
            "--porcelain",
            "-uno",
            "--",
            ":/src",
            ":/benches",
            ":/Cargo.lock",
        ];
        let is_changed = !printed_by("git", &changes).is_empty();
        Self {
            processor: processor(&cpus),
            hardware_threads: available_parallelism().map_or(1, NonZero::get),
            compiler: printed_by("rustc", &["--version"]),
            date: printed_by("date", &["-u", "+%F"]),
            commit: commit + if is_changed { "+" } else { "" },
        }
    }
}

/// Returns the name of the first processor of `/proc/cpuinfo`.
fn processor(cpus: &str) -> String {
    let field = |wanted: &str| {
        cpus.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == wanted).then(|| value.trim())
        })
    };
    match (field("model name"), field("cpu family"), field("model")) {
        (Some(name), Some(family), Some(model)) => {
            format!("{name}, family {family} model {model}")
        }
        (name, _, _) => name.unwrap_or("unknown").to_owned(),
    }
}

fn printed_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let printed = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    printed.unwrap_or_else(|_| "unknown".to_owned())
}

/// The kind of a processor, by what its locked instructions cost: it decides which targets apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Locked instructions are cheap and hide little, as on AMD Zen 3.
    Zen,
    /// Locked instructions are dear and hide what stands around them, as on Intel Xeons.
    Intel,
}

impl Kind {
    /// Below this many nanoseconds, two read-modify-writes are cheap.
    const CHEAP_NS: f64 = 8.0;

    /// Measures two read-modify-writes. Returns the kind, and nanoseconds.
    pub fn measure(rounds: usize, operations: u64) -> (Self, f64) {
        let times = (0..rounds).map(|_| two_rmws(operations));
        let ns = times.fold(f64::INFINITY, f64::min);
        (Self::of(ns), ns)
    }

    fn of(two_rmws_ns: f64) -> Self {
        if two_rmws_ns < Self::CHEAP_NS {
            Self::Zen
        } else {
            Self::Intel
        }
    }
}

/// Names the column of the targets.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zen => "zen",
            Self::Intel => "intel",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, processor};

    /// The name alone does not say which processor it is: whole families have the same one.
    #[test]
    fn the_name_of_a_processor_has_its_family_and_model() {
        let cpus =
            "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n";
        assert_eq!(processor(cpus), "AMD EPYC, family 25 model 1");
        assert_eq!(processor(""), "unknown");
    }

    /// The two machines that the targets are for are of different kinds.
    #[test]
    fn the_kind_is_what_two_read_modify_writes_cost() {
        assert_eq!([5.2, 10.8].map(Kind::of), [Kind::Zen, Kind::Intel]);
    }
}
