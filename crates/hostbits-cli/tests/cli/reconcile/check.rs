//! `check`: every category, and nothing changed.

use super::{DRIFTED, GRACE, Setup, answer, pause};
use crate::run::command;
use serde_json::Value;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};

#[test]
fn check_counts_every_category_and_changes_nothing() {
    let setup = Setup::new("categories", 5, DRIFTED);
    let before = std::fs::read(&setup.pool.0).unwrap();
    let run = setup.run("check", "--format json");
    assert_eq!(run.code, Some(1));
    let found = answer(&run);
    let entries = serde_json::json!({
        "total": 12, "matched": 3, "missing": 2, "conflict_taken": 0, "duplicate": 1, "repeated": 1,
        "reserved_in_use": 1, "out_of_range": 1, "wrong_family": 1, "own": 0, "blocks": 0, "routes": 0, "passed": 0,
        "unassigned": 1, "unparseable": 1
    });
    assert_eq!(found["entries"], entries, "{found}");
    let slots = serde_json::json!({
        "total": 253, "matched": 3, "orphan": 2, "in_flight": 0, "missing": 2, "conflict_taken": 0,
        "quarantined": 0, "free": 246, "ripe": 0
    });
    assert_eq!(found["slots"], slots, "{found}");
    // Two orphans, two missing, and of the entries one duplicate, reserved and unparseable each.
    assert_eq!(
        (&found["drift"], &found["is_live"]),
        (&7.into(), &false.into())
    );
    assert_eq!(found["problem_lines"], serde_json::json!([13, 4, 8, 9, 10]));
    assert_eq!(found["problem_files"].as_array().unwrap().len(), 5);
    assert_eq!(found["ranges"][0]["first"], "10.0.0.5");
    assert_eq!(found["ranges"][0]["count"], 2);
    assert_eq!(std::fs::read(&setup.pool.0).unwrap(), before, "not a byte");

    let run = setup.run("check", "");
    assert_eq!(run.code, Some(1));
    for row in [
        "entries                    12",
        "  matched                   3  taken in the pool",
        "  unparseable               1  no address",
        "addresses                 253",
        "  orphan                    2  taken and not listed",
        "  free                    246  free and not listed",
        "orphan  10.0.0.5 to 10.0.0.6 (2), first seen ",
        "missing 10.0.0.9\n",
        "\ndrift\n",
    ] {
        assert!(run.out.contains(row), "{row}: {}", run.out);
    }
    let users = setup.users.to_str().unwrap();
    let note = format!("{users}:4: \"10.0.0.3\" is claimed by \"c\", and by \"b\" on line 3\n");
    assert!(run.err.contains(&note), "{run:?}");
}

#[test]
fn check_answers_0_when_they_agree() {
    let setup = Setup::new("agree", 2, "10.0.0.2\n10.0.0.3\n10.9.9.9\n::1\n");
    let run = setup.run("check", "");
    assert!(run.found().ends_with("no drift\n"), "{run:?}");
    // Entries of other pools say nothing of this one.
    assert!(run.out.contains("out_of_range              1"), "{run:?}");
}

/// The right to read is enough, and a process that has the pool open does not notice.
#[test]
fn check_needs_no_right_to_write_and_leaves_sightings_alone() {
    let setup = Setup::new("readable", 2, "10.0.0.2\n");
    let live = setup.open();
    assert_eq!(setup.keep(&format!("--grace {GRACE}")).code, Some(1));
    let run = setup.run("check", "");
    assert!(run.out.contains("\ndrift. The pool is open"), "{run:?}");
    pause();
    assert_eq!(setup.apply("")["is_anew"], false, "the barrier is still up");
    drop(live);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o400);
    std::fs::set_permissions(&setup.pool.0, mode).unwrap();
    assert_eq!(setup.run("check", "").code, Some(1));
}

/// An address that comes or goes while the list is read is not called an orphan, nor missing.
#[test]
fn check_tells_what_changes_while_it_reads() {
    let setup = Setup::new("meanwhile", 2, "");
    let live = setup.open();
    let (child, mut input) = check_from_a_pipe(&setup);
    let (joined, unlisted) = (live.allocate().unwrap(), live.allocate().unwrap());
    live.release([10, 0, 0, 2].into()).unwrap();
    writeln!(input, "10.0.0.3\n{joined}").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let slots = &found["slots"];
    assert_eq!(
        (&slots["orphan"], &slots["missing"]),
        (&0.into(), &0.into()),
        "{found}"
    );
    assert_eq!(slots["in_flight"], 2, "{unlisted} and 10.0.0.2");
    assert_eq!(
        (&slots["conflict_taken"], &slots["matched"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        (&found["drift"], output.status.code()),
        (&0.into(), Some(0))
    );
    assert_eq!(found["is_live"], true);
}

/// Replacing the file while the list is read never gives a mixture of two pools.
#[test]
fn check_notices_another_pool_in_its_place() {
    let setup = Setup::new("replaced", 2, "");
    let (child, mut input) = check_from_a_pipe(&setup);
    std::fs::remove_file(&setup.pool.0).unwrap();
    setup.pool.run("create", "10.0.0.0/25").found();
    writeln!(input, "10.0.0.3").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(
        (&error["error"]["code"], output.status.code()),
        (&"replaced".into(), Some(8))
    );
}

/// A command that is reading its list when this returns.
fn check_from_a_pipe(setup: &Setup) -> (Child, ChildStdin) {
    reading_from_a_pipe(&["check", setup.pool.name()])
}

/// Starts a command that reads its list from a pipe.
pub(super) fn reading_from_a_pipe(args: &[&str]) -> (Child, ChildStdin) {
    let args = [args, &["--from", "-", "--format", "json"]].concat();
    let mut child = command(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // More than a pipe holds: when all of it has been taken, it is reading.
    input
        .write_all("# wait\n".repeat(20_000).as_bytes())
        .unwrap();
    (child, input)
}

/// Standard error as a user at a terminal sees it.
fn seen_on_a_terminal(args: &[&str]) -> String {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let mut run = command(args);
    run.stdout(Stdio::null()).stderr(terminal.slave);
    let mut child = run.spawn().unwrap();
    // Its copy of the terminal's other end: without it the reading below comes to an end.
    drop(run);
    let mut seen = Vec::new();
    // At the end, a read fails because no process has the other side open for writing.
    let _ = std::fs::File::from(terminal.master).read_to_end(&mut seen);
    assert!(child.wait().unwrap().success());
    String::from_utf8_lossy(&seen).into_owned()
}

/// A bar with a share for a terminal, since the size of a file is known; nothing of it for a pipe, or with -q.
#[test]
fn a_terminal_sees_a_bar() {
    let setup = Setup::new("bar", 1, &"10.0.0.2\n".repeat(300_000));
    let users = setup.users.to_str().unwrap();
    let args = ["check", setup.pool.name(), "--from", users];
    let seen = seen_on_a_terminal(&args);
    assert!(
        seen.contains("reading") && seen.contains(" %, ") && seen.contains("iB of 2.57 MiB, "),
        "{seen:?}"
    );
    assert_eq!(seen_on_a_terminal(&[&args[..], &["-q"]].concat()), "");
    let piped = setup.run("check", "");
    assert_eq!(
        piped.err,
        format!("{users}: read to its end, 300000 entries\n")
    );
}

/// A user who waits between sightings sees how long.
#[test]
fn a_terminal_sees_a_countdown() {
    let setup = Setup::new("countdown", 3, "10.0.0.2\n");
    let users = setup.users.to_str().unwrap();
    let args = [
        "reconcile",
        setup.pool.name(),
        "--from",
        users,
        "--wait",
        "--grace",
        "2s",
    ];
    let seen = seen_on_a_terminal(&args);
    for text in [
        "sighting 1 of 3",
        "next sighting in 2s",
        "next sighting in 1s",
        "sighting 2 of 3",
    ] {
        assert!(seen.contains(text), "{text}: {seen:?}");
    }
}
