//! `release -`, which reads standard input, and `-q`.

use crate::run::{PoolFile, file, run, run_with_input};
use serde_json::Value;

/// A script pipes what it has: each line for itself, and the exit code is that of the first that failed.
#[test]
fn release_reads_standard_input() {
    let pool = PoolFile::create("release-stdin", "10.0.0.0/24");
    pool.run("allocate", "-n 5").found();
    let args = ["pool", "release", pool.name(), "-"];
    let input = b"10.0.0.2\n\n# comment\n10.0.0.3/32  quarantined\nwhat?\n10.0.0.99\n10.0.0.4\r\n10.0.0.2\n";
    let run = run_with_input(&args, input);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert_eq!(
        run.out,
        "released 10.0.0.2/32\nreleased 10.0.0.3/32\nreleased 10.0.0.4/32\n"
    );
    let errors: Vec<_> = run.err.lines().collect();
    assert_eq!(errors.len(), 3, "{run:?}");
    assert!(
        errors[0].contains("standard input:5") && errors[0].contains("what?"),
        "{run:?}"
    );
    assert!(errors[1].contains("10.0.0.99 is not allocated"), "{run:?}");
    assert!(errors[2].contains("10.0.0.2 is not allocated"), "{run:?}");
    assert_eq!(pool.list(), ["10.0.0.5/32", "10.0.0.6/32"]);

    // A mark stands by itself: this is not a line of a list.
    let glued = run_with_input(&args, b"10.0.0.5quarantined\nquarantined\n");
    assert_eq!((glued.code, &*glued.out), (Some(2), ""), "{glued:?}");

    let missing = run_with_input(&args, b"10.0.0.99\n10.0.0.5\n");
    assert_eq!(
        (missing.code, &*missing.out),
        (Some(5), "released 10.0.0.5/32\n")
    );
    // Beside others, once.
    let args = ["pool", "release", pool.name(), "10.0.0.98", "-", "10.0.0.6"];
    let mixed = run_with_input(&args, b"");
    assert_eq!(
        (mixed.code, &*mixed.out),
        (Some(5), "released 10.0.0.6/32\n")
    );
    let twice = run_with_input(&["pool", "release", pool.name(), "-", "-"], b"");
    assert!(twice.failed(2).contains("once"), "{twice:?}");
    // Nothing to do is done.
    let nothing = run_with_input(&["pool", "release", pool.name(), "-"], b"");
    assert_eq!((nothing.code, &*nothing.out), (Some(0), ""));
}

#[test]
fn release_of_standard_input_in_json_is_one_object() {
    let pool = PoolFile::create("release-stdin-json", "10.0.0.0/24");
    pool.run("allocate", "").found();
    let args = ["pool", "release", pool.name(), "-", "--format", "json"];
    let run = run_with_input(&args, b"what?\n10.0.0.2\n");
    assert_eq!((run.code, &*run.err), (Some(2), ""), "{run:?}");
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (&answer["released"], &answer["refused"]),
        (&1.into(), &0.into())
    );
    assert_eq!(answer["unreadable"][0]["line"], 1);
    assert_eq!(answer["unreadable"][0]["text"], "what?");
    assert_eq!(answer["addresses"][0]["address"], "10.0.0.2/32");
}

#[test]
fn a_set_is_released_from_standard_input() {
    let pool = PoolFile::absent("release-stdin-set");
    let config = format!(
        "[[sets.v4.members]]\nnetwork = '10.0.0.0/29'\nfile = '{}'\n",
        pool.name()
    );
    let config = file("release-stdin.toml", config.as_bytes());
    let config = config.to_str().unwrap();
    run(&["set", "apply", config]).found();
    let given = run(&["set", "allocate", config, "v4", "-n", "3"]);
    let released = run_with_input(
        &["set", "release", config, "v4", "-"],
        given.found().as_bytes(),
    );
    assert_eq!(released.found().lines().count(), 3);
    assert_eq!(pool.list(), [""; 0]);
}

/// With -q a command prints its answer or an error: no notes, and no confirmation.
#[test]
fn quiet_is_answers_and_errors() {
    let pool = PoolFile::absent("quiet");
    assert_eq!(
        run(&["-q", "pool", "create", pool.name(), "10.0.0.0/24"]).found(),
        ""
    );
    assert_eq!(pool.run("allocate", "-q").found(), "10.0.0.2/32\n");
    assert_eq!(pool.run("release", "10.0.0.2 --quiet").found(), "");
    assert_eq!(pool.run("sync", "-q").found(), "");
    assert_eq!(pool.run("reclaim", "--nobody -q").found(), "");
    assert_eq!(run(&["reconcile", "close", pool.name(), "-q"]).found(), "");
    let config = PoolFile::absent("quiet-set");
    let text = format!(
        "[[sets.v4.members]]\nnetwork = '10.0.0.0/29'\nfile = '{}'\n",
        config.name()
    );
    let toml = file("quiet.toml", text.as_bytes());
    let toml = toml.to_str().unwrap();
    assert!(!run(&["set", "plan", toml, "-q"]).found().is_empty());
    assert_eq!(run(&["set", "apply", toml, "-q"]).found(), "");
    let refused = pool.run("release", "10.0.0.2 -q");
    assert!(
        refused.failed(5).contains("is not allocated"),
        "{refused:?}"
    );
    let args = ["next", "10.0.0.0/24", "-q", "--users", "-"];
    let next = run_with_input(&args, b"10.0.0.2\n10.9.9.9\n");
    assert_eq!((next.found(), &*next.err), ("10.0.0.3/32\n", ""));
    let args = ["seed", pool.name(), "--from", "-", "-q"];
    let seed = run_with_input(&args, b"10.0.0.2\n10.9.9.9\n");
    assert_eq!((seed.found(), &*seed.err), ("", ""));
    let args = ["check", pool.name(), "--from", "-", "-q"];
    let check = run_with_input(&args, b"10.0.0.3\n");
    assert_eq!((check.code, &*check.err), (Some(1), ""), "{check:?}");
    assert!(check.out.contains("drift"), "{check:?}");
}
