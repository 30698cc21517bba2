//! Several checks in one command: built in one go, over at the first failure.

use crate::Outcome;
use crate::checks::wait;
use crate::copy::Copy;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// The unit tests of the library.
    Unit,
    /// Files in `tests`.
    Tests(&'static [&'static str]),
    /// Files of loom models.
    Loom(&'static [&'static str]),
    /// Histories of real threads.
    Storms,
}

/// What came of a stage.
pub(crate) enum Ended {
    Passed,
    /// The check that noticed.
    Caught(String),
    NotBuilt,
}

enum Built {
    Yes,
    No,
    /// Of which no mutant is the cause.
    NotLinked(String),
}

/// No check of a stage that passes takes longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(300);

impl Stage {
    pub(crate) fn is_loom(&self) -> bool {
        matches!(self, Self::Loom(_))
    }

    /// Builds the stage, and runs it for at most `patience`: then it hangs.
    pub(crate) fn run(self, copy: &Copy, patience: Duration) -> Outcome<Ended> {
        match self.build(copy)? {
            Built::Yes => {}
            Built::No => return Ok(Ended::NotBuilt),
            Built::NotLinked(why) => {
                // What is kept from build to build does not survive every build that was stopped.
                self.clean(copy)?;
                if !matches!(self.build(copy)?, Built::Yes) {
                    return Err(format!("{self}: {why}"));
                }
            }
        }
        let log = copy.target("last-stage.log");
        let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let both = output.try_clone().map_err(|error| error.to_string())?;
        let mut command = self.command(copy);
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(both);
        let child = command.spawn().map_err(|error| format!("cargo: {error}"))?;
        let printed = || String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
        let verdict = wait(child, patience, || first_failure(&printed()).is_some())?;
        let printed = printed();
        Ok(match verdict {
            crate::checks::Verdict::Passed => Ended::Passed,
            crate::checks::Verdict::Hung => Ended::Caught(format!("{} (hangs)", running(&printed))),
            _ => Ended::Caught(
                first_failure(&printed)
                    .unwrap_or_else(|| format!("{} (aborts)", running(&printed))),
            ),
        })
    }

    fn build(self, copy: &Copy) -> Outcome<Built> {
        let built = self.command(copy).arg("--no-run").output();
        let built = built.map_err(|error| format!("cargo: {error}"))?;
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        if built.status.success() {
            Ok(Built::Yes)
        } else if said.contains("error: linking with") {
            Ok(Built::NotLinked(said))
        } else if said.contains("error: could not compile") {
            Ok(Built::No)
        } else {
            Err(format!("{self}: {said}"))
        }
    }

    /// Forgets what was built of the workspace.
    fn clean(self, copy: &Copy) -> Outcome<()> {
        let mut command = Command::new("cargo");
        let packages = ["hostbits", "loom-tests", "linearizability"];
        command
            .arg("clean")
            .args(packages.iter().flat_map(|name| ["--package", name]));
        self.set_up(&mut command, copy);
        let status = command.stderr(Stdio::null()).status();
        let status = status.map_err(|error| format!("cargo: {error}"))?;
        status
            .success()
            .then_some(())
            .ok_or("cargo clean failed".to_owned())
    }

    /// How long it takes where nothing is changed.
    pub(crate) fn time_unchanged(self, copy: &Copy) -> Outcome<Duration> {
        if let Built::NotLinked(_) = self.build(copy)? {
            self.clean(copy)?;
            self.build(copy)?;
        }
        let begin = Instant::now();
        match self.run(copy, LONGEST)? {
            Ended::Passed => Ok(begin.elapsed()),
            Ended::Caught(by) => Err(format!("unchanged, {self} fails: {by}")),
            Ended::NotBuilt => Err(format!("unchanged, {self} does not compile")),
        }
    }

    fn command(self, copy: &Copy) -> Command {
        let mut command = Command::new("cargo");
        command.args(["test", "--locked", "--package"]);
        let (package, files) = match self {
            Self::Unit => ("hostbits", None),
            Self::Tests(files) => ("hostbits", Some(files)),
            Self::Loom(files) => ("loom-tests", Some(files)),
            Self::Storms => ("linearizability", Some(&["short_histories", "storms"][..])),
        };
        command.arg(package);
        match files {
            None => _ = command.arg("--lib"),
            Some(files) => _ = command.args(files.iter().flat_map(|file| ["--test", file])),
        }
        self.set_up(&mut command, copy);
        command
    }

    /// Built in little time, a part at a time, and fast enough.
    fn set_up(self, command: &mut Command, copy: &Copy) {
        command
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env(
                "CARGO_PROFILE_DEV_OPT_LEVEL",
                if self.is_loom() { "2" } else { "1" },
            )
            .env_remove("HOSTBITS_LOOM_WIDE_CHUNKS")
            .env(
                "CARGO_TARGET_DIR",
                copy.target(if self.is_loom() {
                    "quick-loom"
                } else {
                    "quick"
                }),
            )
            .current_dir(copy.tree());
        if self.is_loom() {
            command.env("RUSTFLAGS", "--cfg loom --cap-lints allow");
        } else {
            command.env("RUSTFLAGS", "--cap-lints allow");
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => f.write_str("unit tests"),
            Self::Tests(files) => write!(f, "tests ({})", files.join(", ")),
            Self::Loom(files) => write!(f, "loom ({})", files.join(", ")),
            Self::Storms => f.write_str("linearizability"),
        }
    }
}

/// The first test that is said to have failed, with the file it is in.
pub(super) fn first_failure(printed: &str) -> Option<String> {
    let mut lines = printed.lines();
    let at = lines.position(|line| line.starts_with("test ") && line.ends_with(" ... FAILED"))?;
    let line = printed.lines().nth(at)?;
    let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    let before: Vec<&str> = printed.lines().take(at).collect();
    Some(format!("{}::{test}", running(&before.join("\n"))))
}

/// The file of the test binary that was begun last.
pub(super) fn running(printed: &str) -> String {
    let begun = printed
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix("Running "));
    let path = begun
        .and_then(|begun| begun.split(" (").next())
        .unwrap_or("");
    let is_loom = begun.is_some_and(|begun| begun.contains("quick-loom"));
    if path.starts_with("unittests") || path.is_empty() {
        return "unit".to_owned();
    }
    let name = path.trim_start_matches("tests/");
    let name = name.trim_end_matches("/main.rs").trim_end_matches(".rs");
    if is_loom {
        format!("loom::{name}")
    } else {
        name.to_owned()
    }
}
