//! The checks, as commands in the copy.

use crate::Outcome;
use crate::copy::Copy;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Loom,
    Threads,
    Verbs,
    Properties,
    Linearizability,
}

#[derive(Debug)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    Hung,
    NotBuilt(String),
}

/// A check that takes longer than this does not come back.
const PATIENCE: Duration = Duration::from_secs(600);

impl Check {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loom => "loom",
            Self::Threads => "threads",
            Self::Verbs => "verbs",
            Self::Properties => "properties",
            Self::Linearizability => "linearizability",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Loom => &["-p", "loom-tests"],
            Self::Threads => &["-p", "hostbits", "--test", "threads"],
            Self::Verbs => &["-p", "hostbits", "--test", "verbs"],
            Self::Properties => &["-p", "hostbits", "--test", "properties"],
            Self::Linearizability => &["-p", "linearizability"],
        }
    }

    pub(crate) fn run(self, copy: &Copy) -> Outcome<Verdict> {
        let built = self.command(copy).arg("--no-run").output();
        let built = built.map_err(|error| format!("cargo: {error}"))?;
        if !built.status.success() {
            let why = String::from_utf8_lossy(&built.stderr).into_owned();
            return Ok(Verdict::NotBuilt(why));
        }
        let mut command = self.command(copy);
        // A process group of its own, so that a test that hangs goes away with the cargo that ran it.
        command
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("cargo: {error}"))?;
        wait(child)
    }

    fn command(self, copy: &Copy) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(["test", "--release", "--offline"])
            .args(self.arguments());
        let kind = if self == Self::Loom {
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

fn wait(mut child: Child) -> Outcome<Verdict> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(Verdict::Passed),
            Some(_) => return Ok(Verdict::Failed),
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            None => {
                let group = format!("-{}", child.id());
                let _ = Command::new("kill").args(["-9", "--", &group]).status();
                let _ = child.wait();
                return Ok(Verdict::Hung);
            }
        }
    }
}
