//! Lists: several, broken, from a pipe; `seed` and `reclaim`; wrong usage.

use super::{GRACE, Setup, answer, pause};
use crate::run::{file, run, run_with_input};

#[test]
fn several_lists_are_one() {
    let setup = Setup::new("several", 3, "10.0.0.2,a\nx\n");
    let other = file("reconcile-several-2", b"\n10.0.0.3\n");
    let third = file("reconcile-several-3.csv", b"10.0.0.4,c\n10.0.0.2,b\ny\n");
    let more = format!(
        "--from lines:{} --from {}",
        other.display(),
        third.display()
    );
    let found = answer(&setup.run("check", &format!("{more} --format json")));
    assert_eq!(
        (&found["entries"]["total"], &found["slots"]["matched"]),
        (&6.into(), &3.into())
    );
    assert_eq!(found["problem_lines"], serde_json::json!([2, 3, 2]));
    let files: Vec<&str> = found["problem_files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file.as_str().unwrap())
        .collect();
    let third = third.to_str().unwrap();
    assert_eq!(files, [setup.users.to_str().unwrap(), third, third]);
    let run = setup.run("check", &more);
    let first = setup.users.display();
    let note =
        format!("{third}:2: \"10.0.0.2\" is claimed by \"b\", and by \"a\" on line 1 of {first}\n");
    assert!(run.err.contains(&note), "{run:?}");
    // Counted together.
    assert!(
        setup
            .run("check", &format!("{more} --entries 5"))
            .failed(2)
            .contains("has 6 entries")
    );
    let two_inputs = [
        "check",
        setup.pool.name(),
        "--from",
        "-",
        "--from",
        "lines:-",
    ];
    assert!(
        run_with_input(&two_inputs, b"")
            .failed(2)
            .contains("name - once")
    );
}

/// Whatever the list is and wherever it ends, nothing is freed by half of it, and nothing is taken.
#[test]
fn a_list_that_fails_frees_nothing() {
    let setup = Setup::new("fails", 5, "10.0.0.2\n");
    let live = setup.open();
    let directory = std::env::temp_dir();
    let directory = directory.to_str().unwrap();
    let name = setup.pool.name();
    for from in [
        &format!("csv:{directory}"),
        "nowhere.csv",
        "json:-",
        "openvpn-status:-",
    ] {
        for verb in ["check", "reconcile"] {
            let args = [verb, name, "--from", from, "--format", "json"];
            let run = run_with_input(&args, b"[\"10.0.0.77\",");
            let error = run.failed_json(2);
            assert!(error["error"]["file"].is_string(), "{error}");
        }
    }
    // With the orphans ripe but for the last sight.
    setup.keep(&format!("--grace {GRACE}"));
    pause();
    setup.apply("");
    pause();
    let input = b"[\"10.0.0.2\", \"10.0.0.77\",";
    let plan = setup.plan.to_str().unwrap();
    let run = run_with_input(&["reconcile", "apply", plan, "--from", "json:-"], input);
    assert!(
        run.failed(2)
            .contains("standard input:1: the array is not closed"),
        "{run:?}"
    );
    assert_eq!(live.allocated(), 5);
    // The failed reading has ended the sightings.
    assert_eq!(setup.apply("")["is_anew"], true);
    let long = "z".repeat(1000);
    let run = run_with_input(&["check", name, "--from", "-"], long.as_bytes());
    assert!(
        run.err.contains(&"z".repeat(60)) && !run.err.contains(&"z".repeat(65)),
        "{run:?}"
    );
}

/// A list from a pipe, at every sighting.
#[test]
fn standard_input_is_a_list() {
    let setup = Setup::new("stdin", 3, "");
    let _live = setup.open();
    let (name, plan) = (setup.pool.name(), setup.plan.to_str().unwrap());
    let input = b"10.0.0.2\n";
    let args = [
        "reconcile",
        name,
        "--from",
        "lines:-",
        "--grace",
        GRACE,
        "-o",
        plan,
    ];
    assert_eq!(run_with_input(&args, input).code, Some(1));
    for freed in [0, 2] {
        pause();
        let args = ["reconcile", "apply", plan, "--format", "json"];
        let applied = answer(&run_with_input(&args, input));
        assert_eq!(applied["applied"]["freed"], freed, "{applied}");
        assert_eq!(applied["unwritten"], serde_json::json!([]));
    }
}

#[test]
fn seed_takes_and_frees_nothing() {
    let setup = Setup::new("seed", 2, "10.0.0.2\n10.0.0.77\nword\n");
    for (options, verb) in [("", "seed"), ("--mode adopt", "reconcile")] {
        let refused = setup.run(verb, options);
        assert!(
            refused.failed(1).contains("\"word\" is not an address"),
            "{refused:?}"
        );
        let run = setup.run(verb, &format!("{options} --skip-unreadable 1"));
        let taken = usize::from(verb == "seed");
        let expected = format!(
            "{}: {taken} taken, {} taken before\n",
            setup.pool.name(),
            2 - taken
        );
        assert_eq!(run.found(), expected);
        assert!(run.err.contains("\"word\" is not an address"), "{run:?}");
    }
    assert_eq!(
        setup.pool.list(),
        ["10.0.0.2/32", "10.0.0.3/32", "10.0.0.77/32"]
    );
    let seeded = answer(&setup.run("seed", "--skip-unreadable 1 --format json"));
    assert_eq!(
        (
            &seeded["taken"],
            &seeded["already"],
            &seeded["list"]["unparseable"]
        ),
        (&0.into(), &2.into(), &1.into())
    );
    assert_eq!(seeded["problem_lines"], serde_json::json!([3]));
    // Half a list is none: nothing of it is taken.
    let args = ["seed", setup.pool.name(), "--from", "json:-"];
    let run = run_with_input(&args, b"[\"10.0.0.88\",");
    assert!(run.failed(2).contains("the array is not closed"), "{run:?}");
    assert!(!setup.pool.list().contains(&"10.0.0.88/32".to_owned()));
    for option in [
        "--grace 1m",
        "--max-free 1",
        "--wait",
        "--entries 3",
        "-o plan.json",
    ] {
        let run = setup.run("reconcile", &format!("--mode adopt {option}"));
        assert!(
            run.failed(2).contains("adopt frees nothing"),
            "{option}: {run:?}"
        );
    }
}

/// Two names, one implementation.
#[test]
fn reclaim_has_two_names() {
    let setup = Setup::new("reclaim", 1, "10.0.0.2\n");
    let users = setup.users.to_str().unwrap();
    let expected = format!("{}: 0 freed, 0 held\n", setup.pool.name());
    let held = setup.run("reclaim", "");
    assert_eq!(held.found(), expected);
    for option in ["--from", "--users", "-u"] {
        let run = setup.pool.run("reclaim", &format!("{option} {users}"));
        assert_eq!((run.found(), &run.err), (&*expected, &held.err), "{option}");
    }
    let more = file("reconcile-reclaim-2.csv", b"10.0.0.9\n");
    let run = setup.run("reclaim", &format!("--from {}", more.display()));
    assert!(run.err.contains("2 lists: 2 lines, 2 entries"), "{run:?}");
    assert_eq!(setup.pool.list(), ["10.0.0.2/32", "10.0.0.9/32"]);
}

#[test]
fn wrong_usage_says_why() {
    let setup = Setup::new("usage", 0, "");
    let name = setup.pool.name();
    for (args, says) in [
        (vec!["check", name], "--from"),
        (vec!["reconcile"], "--from"),
        (vec!["reconcile", name], "--from"),
        (vec!["seed", name], "--from"),
        (vec!["reconcile", "apply"], "PLAN"),
        (
            vec!["reconcile", name, "--from", "x", "--grace", "10"],
            "write 10m, 90s or 1h 30m",
        ),
        (
            vec!["reconcile", name, "--from", "x", "--mode", "free"],
            "possible values: adopt, full",
        ),
        (vec!["check", name, "--from", "dhcp:x"], "is not a format"),
    ] {
        let run = run(&args);
        assert!(run.failed(2).contains(says), "{args:?}: {run:?}");
    }
    let missing = run(&["check", "nowhere.pool", "--from", "x"]);
    assert!(missing.failed(8).contains("nowhere.pool"), "{missing:?}");
    // Help tells the two checks apart, and what is promised.
    let help = run(&["pool", "check", "--help"]);
    assert!(help.found().contains("`hostbits check`"), "{help:?}");
    assert!(
        run(&["check", "--help"])
            .found()
            .contains("hostbits pool check")
    );
    let help = run(&["reconcile", "--help"]);
    for text in [
        "third pass",
        "--grace 0 frees at first sight",
        "9  refused",
        "apply",
        "undo",
        "close",
    ] {
        assert!(help.found().contains(text), "{text}: {help:?}");
    }
}

/// What is left out because of its state is free for every verb, also when a plan goes on in another
/// process, and the report says so.
#[test]
fn states_are_dropped_by_every_verb_and_kept_in_the_plan() {
    let users = "address,owner,state\n10.0.0.2,a,active\n10.0.0.3,b,Gone\n";
    let setup = Setup::new("states", 2, users);
    let drop = "--drop-state gone";
    let check = setup.run("check", "");
    assert_eq!(check.code, Some(0), "both are held: {check:?}");
    let check = setup.run("check", drop);
    assert_eq!(check.code, Some(1), "10.0.0.3 is an orphan: {check:?}");
    assert!(
        check.err.contains("1 left out by their state (gone 1)"),
        "{check:?}"
    );
    let json = setup.run("check", &format!("{drop} --format json"));
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["left_out"], serde_json::json!({"gone": 1}));
    let seed = setup.run("seed", drop);
    seed.found();
    assert!(
        seed.err.contains("1 left out by their state (gone 1)"),
        "{seed:?}"
    );
    let pool = setup.open();
    let kept = setup.keep(&format!("--grace {GRACE} {drop}"));
    assert_eq!(kept.code, Some(1), "10.0.0.3 is an orphan: {kept:?}");
    let mut last = kept;
    for _ in 0..2 {
        pause();
        let apply = setup.with_plan("apply", "");
        let says = "1 left out by their state (gone 1)";
        assert!(apply.err.contains(says), "the plan knows it: {apply:?}");
        last = apply;
    }
    assert_eq!(pool.allocated(), 1, "{last:?}");
    let held = "10.0.0.2".parse().unwrap();
    assert!(
        pool.allocate_exact(held).is_err(),
        "the other one was freed"
    );
}
