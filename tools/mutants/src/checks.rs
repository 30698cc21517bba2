//! The checks, as commands in the copy.

use crate::Outcome;
use crate::copy::Copy;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The loom model whose negative twin the mutant is: the file in `loom-tests/tests` and the
    /// test's name.
    Loom(&'static str, &'static str),
    /// A loom model with chunks of two words: the file and the test's name.
    WideLoom(&'static str, &'static str),
    /// One test: the file in `tests` and the test's name.
    Test(&'static str, &'static str),
    /// All tests of a file in `tests`: one of them must fail.
    Tests(&'static str),
    /// The unit tests of a module of the pool file: one of them must fail.
    Unit(&'static str),
    /// The unit tests of a file in `src` and the name of its module: one of them must fail.
    UnitIn(&'static str, &'static str),
    /// A test of the formats of lists: the module and the test's name.
    Lists(&'static str, &'static str),
    /// The unit tests of a file of the crate for lists and the name of its module: one of them must fail.
    ListsUnit(&'static str, &'static str),
}

#[derive(Debug)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    Hung,
    NotBuilt(String),
}

/// The longest time that a check may take: one that takes longer counts as hanging.
const PATIENCE: Duration = Duration::from_secs(600);

impl Check {
    /// Returns the file of the check, from the root of the repository, and for a single test its name for cargo.
    pub(crate) fn place(self) -> (String, Option<String>) {
        match self {
            Self::Loom(file, name) | Self::WideLoom(file, name) => {
                (format!("loom-tests/tests/{file}.rs"), Some(name.to_owned()))
            }
            Self::Test(file, name) => {
                let (file, name) = place_of_test(file, name);
                (file, Some(name))
            }
            Self::Tests(file) => (place_of_test(file, "").0, None),
            Self::Unit(module) => (place_of_unit(module), None),
            Self::UnitIn(file, _) => (file.to_owned(), None),
            Self::Lists(module, name) => (
                format!("crates/hostbits-lists/tests/formats/{module}.rs"),
                Some(format!("{module}::{name}")),
            ),
            Self::ListsUnit(file, _) => (format!("crates/hostbits-lists/src/{file}"), None),
        }
    }

    fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Loom(file, _) | Self::WideLoom(file, _) => ["-p", "loom-tests", "--test", file],
            Self::Test(file, _) | Self::Tests(file) => ["-p", "hostbits", "--test", file],
            Self::Unit(module) | Self::UnitIn(_, module) => ["-p", "hostbits", "--lib", module],
            Self::Lists(module, _) => ["-p", "hostbits-lists", "--test=formats", module],
            Self::ListsUnit(_, module) => ["-p", "hostbits-lists", "--lib", module],
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
        let (file, name) = self.place();
        if let Some(name) = &name {
            command.args(["--", "--exact", name]);
        }
        // A process group of its own, so that a test that hangs is killed together with its cargo.
        command
            .process_group(0)
            .stdout(output)
            .stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("cargo: {error}"))?;
        let printed = || fs::read_to_string(&log).unwrap_or_default();
        let verdict = wait(child, PATIENCE, || fails(&printed(), name.as_deref()))?;
        let name = name.unwrap_or_default();
        let ran = format!("test {name}");
        if !printed()
            .lines()
            .any(|line| line.starts_with(&ran) && !line.starts_with("test result"))
        {
            return Err(format!("no test {name} in {file}"));
        }
        Ok(verdict)
    }

    fn command(self, copy: &Copy) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(["test", "--release", "--locked"])
            .args(self.arguments());
        let kind = match self {
            Self::Test(..) | Self::Tests(_) | Self::Unit(_) | Self::UnitIn(..) => "std",
            Self::Lists(..) | Self::ListsUnit(..) => "std",
            Self::Loom(..) => "loom",
            Self::WideLoom(..) => "wide-loom",
        };
        command
            .env_remove("RUSTFLAGS")
            .env_remove("HOSTBITS_LOOM_WIDE_CHUNKS");
        if matches!(self, Self::Loom(..) | Self::WideLoom(..)) {
            command.env("RUSTFLAGS", "--cfg loom");
        }
        if matches!(self, Self::WideLoom(..)) {
            command.env("HOSTBITS_LOOM_WIDE_CHUNKS", "1");
        }
        command
            .env("CARGO_TARGET_DIR", copy.target(kind))
            .current_dir(copy.tree());
        command
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loom(file, name) => write!(f, "loom {file}::{name}"),
            Self::WideLoom(file, name) => write!(f, "loom {file}::{name}, wide chunks"),
            Self::Test(file, name) => write!(f, "{file}::{name}"),
            Self::Lists(module, name) => write!(f, "lists {module}::{name}"),
            Self::ListsUnit(_, module) => write!(f, "unit tests of lists {module}"),
            Self::Tests(file) => f.write_str(file),
            Self::Unit(module) | Self::UnitIn(_, module) => write!(f, "unit tests of {module}"),
        }
    }
}

/// Returns the file of a module of the pool file, which may be one of its simulators.
fn place_of_unit(module: &str) -> String {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let simulator = format!("src/storage/file/tests/{module}.rs");
    match root.join(&simulator).is_file() {
        true => simulator,
        false => format!("src/storage/file/{module}.rs"),
    }
}

/// Returns the file in `tests`, or the file in its folder that has the test, and the test's name with its module.
fn place_of_test(file: &str, name: &str) -> (String, String) {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let whole = format!("tests/{file}.rs");
    if root.join(&whole).is_file() {
        return (whole, name.to_owned());
    }
    let main = (format!("tests/{file}/main.rs"), name.to_owned());
    let modules = fs::read_dir(root.join("tests").join(file));
    let mut modules = modules.into_iter().flatten().flatten();
    let has_it = |path: &Path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.contains(&format!("fn {name}("))
    };
    let found = modules.find_map(|entry| {
        let path = entry.path();
        let module = path.file_stem()?.to_str()?.to_owned();
        (module != "main" && has_it(&path)).then_some(module)
    });
    match found {
        Some(module) => (
            format!("tests/{file}/{module}.rs"),
            format!("{module}::{name}"),
        ),
        None => main,
    }
}

/// Returns whether the output reports this test, or any test, as failed.
fn fails(printed: &str, name: Option<&str>) -> bool {
    let is_failure = |line: &str| {
        let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        name.is_none_or(|name| name == test).then_some(())
    };
    printed.lines().find_map(is_failure).is_some()
}

/// Waits until the check ends, or until its output shows a failure.
pub(crate) fn wait(
    mut child: Child,
    patience: Duration,
    failed: impl Fn() -> bool,
) -> Outcome<Verdict> {
    let deadline = Instant::now() + patience;
    loop {
        let ended = child.try_wait().map_err(|error| error.to_string())?;
        if failed() {
            stop(&mut child);
            return Ok(Verdict::Failed);
        }
        match ended {
            Some(status) if status.success() => return Ok(Verdict::Passed),
            Some(_) => return Ok(Verdict::Failed),
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
