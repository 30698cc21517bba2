//! Tests with several processes: a test binary that runs itself as its own child.
#![allow(dead_code)]

use std::process::{Child, Command, Stdio};

const ROLE: &str = "HOSTBITS_TEST_ROLE";
const ARGUMENT: &str = "HOSTBITS_TEST_ARGUMENT";

/// What this process is to do, if it is a child.
pub(crate) fn role() -> Option<(String, String)> {
    let role = std::env::var(ROLE).ok()?;
    Some((role, std::env::var(ARGUMENT).unwrap_or_default()))
}

/// Begins a child: the test `child` of this binary, with a role.
pub(crate) fn spawn(role: &str, argument: &str) -> Child {
    command(role, argument).spawn().unwrap()
}

pub(crate) fn command(role: &str, argument: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture", "--test-threads=1", "-q"])
        .env(ROLE, role)
        .env(ARGUMENT, argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// A number that a longer campaign sets.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}
