//! The checks, as commands in the copy.

use crate::Outcome;
use crate::copy::Copy;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// One loom model, whose negative twin the mutant is: the file in `loom-tests/tests` and the
    /// test's name.
    Loom(&'static str, &'static str),
    /// One file of `tests`.
    Tests(&'static str),
    /// The unit tests whose names contain this.
    Unit(&'static str),
}

#[derive(Debug)]
pub(crate) enum Verdict {
    Passed,
    /// The first test that failed, if one says so.
    Failed(Option<String>),
    Hung,
    NotBuilt(String),
}

/// A check that takes longer than this does not come back.
const PATIENCE: Duration = Duration::from_secs(600);

impl Check {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loom(..) => "loom",
            Self::Tests(file) => file,
            Self::Unit(module) => module,
        }
    }

    fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Loom(file, _) => vec!["-p", "loom-tests", "--test", file],
            Self::Tests(file) => vec!["-p", "hostbits", "--test", file],
            Self::Unit(module) => vec!["-p", "hostbits", "--lib", module],
        }
    }

    pub(crate) fn run(self, copy: &Copy) -> Outcome<Verdict> {
        let built = self.command(copy).arg("--no-run").output();
        let built = built.map_err(|error| format!("cargo: {error}"))?;
        if !built.status.success() {
            let why = String::from_utf8_lossy(&built.stderr).into_owned();
            return Ok(Verdict::NotBuilt(why));
        }
        let log = copy.target("last-check.log");
        let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = self.command(copy);
        if let Self::Loom(_, name) = self {
            command.args(["--", "--exact", name]);
        }
        // A process group of its own, so that a test that hangs goes away with the cargo that ran it.
        command
            .process_group(0)
            .stdout(output)
            .stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("cargo: {error}"))?;
        let printed = || fs::read_to_string(&log).unwrap_or_default();
        let verdict = wait(child, || failed_test(&printed()))?;
        match self {
            Self::Loom(file, name) if !printed().contains(&format!("test {name}")) => {
                Err(format!("no model {name} in loom-tests/tests/{file}.rs"))
            }
            _ => Ok(verdict),
        }
    }

    fn command(self, copy: &Copy) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(["test", "--release", "--locked"])
            .args(self.arguments());
        let kind = if matches!(self, Self::Loom(..)) {
            command.env("RUSTFLAGS", "--cfg loom");
            "loom"
        } else {
            command.env_remove("RUSTFLAGS");
            "std"
        };
        command
            .env("CARGO_TARGET_DIR", copy.target(kind))
            .current_dir(copy.tree());
        command
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Loom(_, model) => write!(f, ": {model}"),
            _ => Ok(()),
        }
    }
}

/// The first test that a test run says has failed.
fn failed_test(printed: &str) -> Option<String> {
    let name = |line: &str| {
        let line = line.strip_prefix("test ")?;
        Some(line.strip_suffix(" ... FAILED")?.to_owned())
    };
    printed.lines().find_map(name)
}

/// Waits for the end, or for the first test that fails: with a mutant, the others may go on for ever.
fn wait(mut child: Child, failed: impl Fn() -> Option<String>) -> Outcome<Verdict> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ended = child.try_wait().map_err(|error| error.to_string())?;
        if let Some(test) = failed() {
            stop(&mut child);
            return Ok(Verdict::Failed(Some(test)));
        }
        match ended {
            Some(status) if status.success() => return Ok(Verdict::Passed),
            Some(_) => return Ok(Verdict::Failed(None)),
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            None => {
                stop(&mut child);
                return Ok(Verdict::Hung);
            }
        }
    }
}

fn stop(child: &mut Child) {
    let group = format!("-{}", child.id());
    let _ = Command::new("kill")
        .args(["-9", "--", &group])
        .stderr(Stdio::null())
        .status();
    let _ = child.wait();
}
