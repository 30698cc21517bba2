//! The test binaries: cargo builds several at once, and they run without it.

use crate::Outcome;
use crate::checks::{Verdict, wait};
use crate::copy::Copy;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::schemata;

/// One test binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Check {
    /// The unit tests of the library.
    Unit,
    /// A file in `tests`.
    Test(&'static str),
    /// A file of loom models.
    Loom(&'static str),
}

/// The outcome of a check.
pub(super) enum Ended {
    Passed,
    /// A test failed; this is its name.
    Caught(String),
}

/// An error of the compiler, and the places that it names: a file and a line each.
#[derive(Debug)]
pub(super) struct CompileError {
    pub(super) told: String,
    pub(super) places: Vec<(String, usize)>,
}

pub(super) type Binaries = HashMap<Check, PathBuf>;

/// The features whose code has mutants and tests.
const FEATURES: &str = "serde,sticky";

/// The longest time that a check may take: no check that passes takes longer.
const LONGEST: Duration = Duration::from_secs(900);

impl Check {
    fn package(self) -> &'static str {
        match self {
            Self::Unit | Self::Test(_) => "hostbits",
            Self::Loom(_) => "loom-tests",
        }
    }

    /// Returns the name of the target for cargo, if it is not the library.
    fn target(self) -> Option<&'static str> {
        match self {
            Self::Unit => None,
            Self::Test(file) | Self::Loom(file) => Some(file),
        }
    }

    /// Runs the binary with a mutant, for at most `patience`: a check that takes longer counts as hanging.
    pub(super) fn run(
        self,
        binary: &Path,
        mutant: Option<usize>,
        patience: Duration,
        worker: &Worker,
    ) -> Outcome<Ended> {
        let log = &worker.log;
        let output = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let both = output.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new(binary);
        if let Some(number) = mutant {
            command.env(schemata::NUMBER, number.to_string());
        }
        command
            .env("TMPDIR", worker.scratch()?)
            .current_dir(&worker.home)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(both);
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let printed = || String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
        let verdict = wait(child, patience, || first_failure(&printed()).is_some())?;
        Ok(match verdict {
            Verdict::Passed => Ended::Passed,
            Verdict::Hung => Ended::Caught(format!("{self} (hangs)")),
            _ => Ended::Caught(match first_failure(&printed()) {
                Some(test) => format!("{self}::{test}"),
                None => format!("{self} (aborts)"),
            }),
        })
    }

    /// Returns how long it took without a mutant, from the latest run of this binary or of an earlier build of it.
    pub(super) fn time_before(self, binary: &Path) -> Option<Duration> {
        known_time(binary).map(|(_, taken)| taken)
    }

    /// Returns how long it takes without a mutant. This is measured once for each binary, and stored beside it.
    pub(super) fn time_unchanged(self, binary: &Path, worker: &Worker) -> Outcome<Duration> {
        let told = |error| format!("{}: {error}", binary.display());
        let built = binary
            .metadata()
            .and_then(|of| of.modified())
            .map_err(told)?;
        let built = built
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        if let Some((of, taken)) = known_time(binary)
            && of == built
        {
            return Ok(taken);
        }
        let begin = Instant::now();
        match self.run(binary, None, LONGEST, worker)? {
            Ended::Passed => {
                let taken = begin.elapsed();
                let text = format!("{built} {}\n", taken.as_millis());
                fs::write(beside(binary), text).map_err(told)?;
                Ok(taken)
            }
            Ended::Caught(by) => Err(format!("unchanged, {by} fails: {}", worker.log.display())),
        }
    }
}

fn beside(binary: &Path) -> PathBuf {
    binary.with_extension("unchanged")
}

/// Returns when the timed binary was built, and how long it took.
fn known_time(binary: &Path) -> Option<(u128, Duration)> {
    let known = fs::read_to_string(beside(binary)).ok()?;
    let (built, millis) = known.trim_end().split_once(' ')?;
    Some((
        built.parse().ok()?,
        Duration::from_millis(millis.parse().ok()?),
    ))
}

/// Returns how long to wait for a check that took this time without a mutant. It is long, because other programs may
/// use the machine by now.
pub(super) fn patience(taken: Duration) -> Duration {
    (taken * 12 + Duration::from_secs(12)).min(LONGEST)
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => f.write_str("unit"),
            Self::Test(file) => f.write_str(file),
            Self::Loom(file) => write!(f, "loom::{file}"),
        }
    }
}

/// The folders and the log of one of several workers.
pub(super) struct Worker {
    home: PathBuf,
    scratch: PathBuf,
    log: PathBuf,
}

impl Worker {
    pub(super) fn new(index: usize, copy: &Copy) -> Self {
        Self {
            home: copy.tree().to_owned(),
            scratch: copy.target(&format!("scratch-{index}")),
            log: copy.target(&format!("last-check-{index}.log")),
        }
    }

    /// Returns an empty folder: a test that was stopped may have left files in it.
    fn scratch(&self) -> Outcome<&Path> {
        let _ = fs::remove_dir_all(&self.scratch);
        fs::create_dir_all(&self.scratch)
            .map_err(|error| format!("{}: {error}", self.scratch.display()))?;
        Ok(&self.scratch)
    }
}

/// Builds all of these checks, or returns the compiler's errors.
pub(super) fn build(copy: &Copy, checks: &[Check]) -> Outcome<Result<Binaries, Vec<CompileError>>> {
    let packages = ["hostbits", "loom-tests"];
    let of = |package| {
        let of_package = checks.iter().copied();
        of_package.filter(move |check| check.package() == package)
    };
    let packages = packages.map(|package| (package, of(package).collect::<Vec<_>>()));
    let packages = packages.iter().filter(|(_, checks)| !checks.is_empty());
    // The library first: errors in it show before much else is built.
    for (package, _) in packages.clone() {
        if let Err(errors) = messages_of(&mut of_library(copy, package))? {
            return Ok(Err(errors));
        }
    }
    let mut binaries = HashMap::new();
    for (package, checks) in packages {
        let messages = match messages_of(&mut of_checks(copy, package, checks))? {
            Ok(messages) => messages,
            Err(errors) => return Ok(Err(errors)),
        };
        for (name, path) in messages.iter().filter_map(binary_of) {
            let is_it = |check: &&Check| check.target().unwrap_or("hostbits") == name;
            if let Some(&check) = checks.iter().find(is_it) {
                binaries.insert(check, path);
            }
        }
        let is_missing = |check: &&Check| !binaries.contains_key(*check);
        if let Some(missing) = checks.iter().find(is_missing) {
            return Err(format!("{missing} was not built"));
        }
    }
    Ok(Ok(binaries))
}

/// Runs cargo, and returns its messages, or the compiler's errors.
fn messages_of(command: &mut Command) -> Outcome<Result<Vec<Value>, Vec<CompileError>>> {
    let output = command.output();
    let output = output.map_err(|error| format!("cargo: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let messages = printed
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let messages: Vec<Value> = messages.collect();
    if output.status.success() {
        return Ok(Ok(messages));
    }
    let errors: Vec<_> = messages.iter().filter_map(error_of).collect();
    if errors.is_empty() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(Err(errors))
}

fn of_library(copy: &Copy, package: &str) -> Command {
    let mut command = Command::new("cargo");
    let features = match package {
        "loom-tests" => "_loom",
        _ => FEATURES,
    };
    command.args(["check", "--lib", "--package", "hostbits"]);
    command.args(["--features", features]);
    set_up(&mut command, copy, package);
    command
}

fn of_checks(copy: &Copy, package: &str, checks: &[Check]) -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--no-run", "--package", package]);
    for check in checks {
        match check.target() {
            None => _ = command.arg("--lib"),
            Some(file) => _ = command.args(["--test", file]),
        }
    }
    if package == "hostbits" {
        command.args(["--features", FEATURES]);
    }
    set_up(&mut command, copy, package);
    command
}

/// Sets up cargo: incremental builds, optimized enough to be fast, with overflow checks as in a test.
fn set_up(command: &mut Command, copy: &Copy, package: &str) {
    let (flags, target) = match package {
        "loom-tests" => ("--cfg loom --cap-lints allow", "quick-loom"),
        _ => ("--cap-lints allow", "quick"),
    };
    command
        .args(["--locked", "--message-format=json"])
        .env("CARGO_INCREMENTAL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "2")
        .env_remove("HOSTBITS_LOOM_WIDE_CHUNKS")
        .env("RUSTFLAGS", flags)
        .env("CARGO_TARGET_DIR", copy.target(target))
        .current_dir(copy.tree());
}

/// Returns the name and the path of a test binary, if the message is about one.
fn binary_of(message: &Value) -> Option<(String, PathBuf)> {
    let path = message["executable"].as_str()?;
    let name = message["target"]["name"].as_str()?;
    Some((name.to_owned(), path.into()))
}

/// Returns the error of the compiler, if the message is one.
pub(super) fn error_of(message: &Value) -> Option<CompileError> {
    let message = message.get("message")?;
    let told = message["rendered"].as_str()?.to_owned();
    if message["level"] != "error" {
        return None;
    }
    let of_span = |span: &Value| {
        let line = usize::try_from(span["line_start"].as_u64()?).ok()?;
        Some((span["file_name"].as_str()?.to_owned(), line))
    };
    let spans = message["spans"].as_array()?;
    let places: Vec<_> = spans.iter().filter_map(of_span).collect();
    // "Aborting due to two errors" has no place, and does not count.
    (!places.is_empty()).then_some(CompileError { told, places })
}

/// Returns the first test that the output reports as failed.
pub(super) fn first_failure(printed: &str) -> Option<&str> {
    let mut lines = printed.lines();
    lines.find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
}
