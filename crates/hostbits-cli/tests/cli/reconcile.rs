//! `hostbits check`, `reconcile`, `seed`, `reclaim`: a pool against the list of its users, from the outside.

use crate::run::{PoolFile, Run, file, run, run_with_input};
use hostbits::{Pool, open_file};
use ipnet::IpNet;
use serde_json::Value;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// Far enough apart for a test, and near enough to wait for it.
const GRACE: &str = "50ms";

/// A pool, its list and its plan, each with a name of the test's own.
struct Setup {
    pool: PoolFile,
    users: PathBuf,
    plan: PathBuf,
}

impl Setup {
    /// So many addresses are taken, from 10.0.0.2 on.
    fn new(name: &str, taken: u32, users: &str) -> Self {
        let pool = PoolFile::create(&format!("reconcile-{name}"), "10.0.0.0/24");
        if taken != 0 {
            pool.run("allocate", &format!("-n {taken}")).found();
        }
        let users = file(&format!("reconcile-{name}.csv"), users.as_bytes());
        let plan = users.with_extension("json");
        let _ = std::fs::remove_file(&plan);
        Self { pool, users, plan }
    }

    fn list(&self, users: &str) {
        std::fs::write(&self.users, users).unwrap();
    }

    fn open(&self) -> Pool<IpNet> {
        open_file(&self.pool.0).unwrap()
    }

    /// `hostbits VERB POOL --from USERS OPTIONS`.
    fn run(&self, verb: &str, options: &str) -> Run {
        let users = self.users.to_str().unwrap();
        let mut args = vec![verb, self.pool.name(), "--from", users];
        args.extend(options.split_whitespace());
        run(&args)
    }

    /// `hostbits reconcile VERB PLAN OPTIONS`.
    fn with_plan(&self, verb: &str, options: &str) -> Run {
        let mut args = vec!["reconcile", verb, self.plan.to_str().unwrap()];
        args.extend(options.split_whitespace());
        run(&args)
    }

    fn keep(&self, options: &str) -> Run {
        let plan = self.plan.to_str().unwrap();
        self.run("reconcile", &format!("-o {plan} {options}"))
    }

    fn apply(&self, options: &str) -> Value {
        answer(&self.with_plan("apply", &format!("{options} --format json")))
    }
}

/// Standard output of a run in JSON, whatever the exit code.
#[track_caller]
fn answer(run: &Run) -> Value {
    assert_eq!(
        (run.err.as_str(), run.out.lines().count()),
        ("", 1),
        "{run:?}"
    );
    serde_json::from_str(&run.out).expect("one JSON object")
}

fn pause() {
    sleep(Duration::from_millis(70));
}

/// 10.0.0.2 to 10.0.0.6 are taken; the list knows three of them, and more.
const DRIFTED: &str = "\
address,owner
10.0.0.2,a
10.0.0.3,b
10.0.0.3,c
10.0.0.3,b
10.0.0.4,d
10.0.0.77,e
10.0.0.1,f
10.9.9.9,g
::1,h
10.0.0.9/24,i
,j
word,k
";

#[test]
fn check_counts_every_category_and_changes_nothing() {
    let setup = Setup::new("categories", 5, DRIFTED);
    let before = std::fs::read(&setup.pool.0).unwrap();
    let run = setup.run("check", "--format json");
    assert_eq!(run.code, Some(1));
    let found = answer(&run);
    let entries = serde_json::json!({
        "total": 12, "matched": 3, "missing": 1, "conflict_taken": 0, "duplicate": 1, "repeated": 1,
        "reserved_in_use": 1, "out_of_range": 1, "wrong_family": 1, "ambiguous": 1, "unassigned": 1,
        "unparseable": 1
    });
    assert_eq!(found["entries"], entries, "{found}");
    let slots = serde_json::json!({
        "total": 253, "matched": 3, "orphan": 2, "in_flight": 0, "missing": 2, "conflict_taken": 0,
        "quarantined": 0, "free": 246, "ripe": 0
    });
    assert_eq!(found["slots"], slots, "{found}");
    // Two orphans, two missing, and of the entries one duplicate, reserved, ambiguous and unparseable each.
    assert_eq!(
        (&found["drift"], &found["is_live"]),
        (&8.into(), &false.into())
    );
    assert_eq!(
        found["problem_lines"],
        serde_json::json!([4, 8, 9, 10, 11, 13])
    );
    assert_eq!(found["problem_files"].as_array().unwrap().len(), 6);
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

/// The right to read is enough, and whoever has the pool open does not notice.
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
    let pool = setup.pool.name();
    let mut child = crate::run::command(&["check", pool, "--from", "-", "--format", "json"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    use std::io::Write;
    // More than a pipe holds: when it has been taken, the command is reading.
    input
        .write_all("# wait\n".repeat(20_000).as_bytes())
        .unwrap();
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
    assert_eq!(found["problem_lines"], serde_json::json!([2, 2, 3]));
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

/// Grace 0, everybody stopped: one command, on a file that nobody else has open.
#[test]
fn at_grace_0_one_command_puts_all_right() {
    let setup = Setup::new("zero", 5, "10.0.0.2\n10.0.0.3\n10.0.0.77\n");
    let run = setup.run("reconcile", "--grace 0");
    assert!(
        run.found()
            .contains(": 3 freed, 0 spared, 1 taken, 0 in conflict\n"),
        "{run:?}"
    );
    assert!(
        run.err
            .starts_with("grace 0: an orphan is freed at first sight."),
        "{run:?}"
    );
    assert_eq!(
        setup.pool.list(),
        ["10.0.0.2/32", "10.0.0.3/32", "10.0.0.77/32"]
    );
    let run = setup.run("reconcile", "--grace 0s --format json");
    assert_eq!((run.code, &answer(&run)["drift"]), (Some(0), &0.into()));
}

/// One sighting frees nothing, and takes what is missing.
#[test]
fn one_pass_with_a_grace_frees_nothing() {
    let setup = Setup::new("once", 2, "10.0.0.2\n10.0.0.9\n");
    for _ in 0..4 {
        let run = setup.run("reconcile", "--grace 0ms --max-free 0");
        assert!(
            run.failed_after_table(9)
                .contains("--max-free 1 allows that"),
            "{run:?}"
        );
    }
    for taken in [1, 0, 0, 0] {
        let run = setup.run("reconcile", &format!("--grace {GRACE}"));
        assert_eq!(run.code, Some(1));
        assert!(
            run.out
                .contains(&format!(": 0 freed, 0 spared, {taken} taken")),
            "{run:?}"
        );
        assert!(run.out.contains("--wait makes them all"), "{run:?}");
        pause();
    }
    assert_eq!(
        answer(&setup.run("reconcile", "--format json"))["grace_ms"],
        600_000
    );
}

/// Three processes, one after the other, while a fourth has the pool open.
#[test]
fn the_third_sighting_frees() {
    let setup = Setup::new("three", 5, "10.0.0.2\n10.0.0.3\n10.0.0.77\n");
    let live = setup.open();
    let run = setup.keep(&format!("--grace {GRACE}"));
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("nothing has been changed"), "{run:?}");
    assert!(
        run.out.contains("next: hostbits reconcile apply "),
        "{run:?}"
    );
    assert_eq!(live.allocated(), 5);
    pause();
    let second = setup.apply("");
    assert_eq!(
        second["applied"],
        serde_json::json!({"freed": 0, "spared": 0, "adopted": 1, "conflicts": 0})
    );
    assert_eq!(
        (&second["next"], &second["is_barrier_up"], &second["others"]),
        (&"apply".into(), &true.into(), &1.into())
    );
    assert!(second["ranges"][0]["again_ms"].is_u64(), "{second}");
    // Too early: it counts for nothing, and does no harm.
    assert_eq!(setup.apply("")["applied"]["freed"], 0);
    // Joined since, and not in the list yet: marked.
    let late = live.allocate().unwrap();
    pause();
    let third = setup.apply("");
    assert_eq!(
        (&third["applied"]["freed"], &third["slots"]["ripe"]),
        (&3.into(), &3.into()),
        "{third}"
    );
    assert!(
        !live.is_available(late),
        "it is an orphan for the first time"
    );
    assert_eq!(third["is_anew"], false);
    assert_eq!(
        setup.pool.list(),
        [
            "10.0.0.2/32",
            "10.0.0.3/32",
            &format!("{late}/32"),
            "10.0.0.77/32"
        ]
    );
    assert_eq!(
        third["unwritten"],
        serde_json::json!([setup.users.to_str().unwrap()])
    );
    // Applied again, it frees nothing that is not ripe by itself.
    setup.list(&format!("{late}\n10.0.0.2\n10.0.0.3\n10.0.0.77\n"));
    let again = setup.apply("");
    assert_eq!(
        (&again["applied"]["freed"], &again["drift"]),
        (&0.into(), &0.into()),
        "{again}"
    );
    assert_eq!(
        (&again["is_barrier_up"], &again["next"]),
        (&false.into(), &"nothing".into())
    );
    assert_eq!(again["unwritten"], serde_json::json!([]), "the list is new");
    assert_eq!(
        setup.with_plan("apply", "").code,
        Some(0),
        "and again, anew"
    );
}

#[test]
fn one_process_waits_for_all_sightings() {
    let setup = Setup::new("wait", 5, "10.0.0.2\n10.0.0.3\n10.0.0.77\n");
    let plan = setup.plan.to_str().unwrap();
    let run = setup.run("reconcile", &format!("--wait --grace {GRACE} -o {plan}"));
    assert!(
        run.found().contains(": 3 freed, 0 spared, 1 taken"),
        "{run:?}"
    );
    assert_eq!(run.err.matches("waiting 50ms").count(), 2, "{run:?}");
    let run = setup.with_plan("undo", "");
    assert_eq!(
        run.found(),
        format!("{}: 3 taken back, 0 not free\n", setup.pool.name())
    );
    assert_eq!(setup.pool.list().len(), 6);
    // Nobody waits for what is not there, and standard input is no list for three readings.
    setup.list("10.0.0.2\n10.0.0.3\n10.0.0.4\n10.0.0.5\n10.0.0.6\n10.0.0.77\n");
    setup.run("reconcile", "--wait --grace 100d").found();
    let args = ["reconcile", setup.pool.name(), "--from", "-", "--wait"];
    assert!(
        run_with_input(&args, b"")
            .failed(2)
            .contains("standard input can be read once")
    );
}

/// The barrier is in memory that nobody keeps when everybody has closed the file.
#[test]
fn a_pool_that_was_closed_begins_anew() {
    let setup = Setup::new("closed", 3, "10.0.0.2\n");
    let run = setup.keep(&format!("--grace {GRACE}"));
    assert!(run.out.contains("nobody else has the pool open"), "{run:?}");
    for _ in 0..4 {
        pause();
        let applied = setup.apply("");
        assert_eq!(
            (&applied["is_anew"], &applied["applied"]["freed"]),
            (&true.into(), &0.into()),
            "{applied}"
        );
        assert_eq!(applied["others"], 0);
    }
    let run = setup.with_plan("apply", "");
    assert!(run.out.contains("the sightings begin anew"), "{run:?}");
    assert_eq!(setup.pool.list().len(), 3);
}

#[test]
fn what_was_freed_can_be_taken_back_where_it_is_free() {
    let setup = Setup::new("undo", 4, "10.0.0.2\n");
    let live = setup.open();
    setup.keep("--grace 0");
    let applied = setup.apply("");
    assert_eq!(
        (&applied["applied"]["freed"], &applied["next"]),
        (&3.into(), &"nothing".into()),
        "{applied}"
    );
    let somebody = live.allocate().unwrap();
    // A later session of the file is the same file.
    drop(live);
    let run = setup.with_plan("undo", "");
    assert_eq!(run.code, Some(1));
    let name = setup.pool.name();
    let expected = format!(
        "{somebody} is taken: never freed, or somebody has got it since\n{name}: 2 taken back, 1 not free\n"
    );
    assert_eq!(run.out, expected);
    let again = answer(&setup.with_plan("undo", "--format json"));
    assert_eq!(
        (&again["taken_back"], &again["not_free"]),
        (&0.into(), &0.into()),
        "once"
    );
    let other = Setup::new("undo-other", 0, "");
    let run = setup.with_plan("undo", &format!("--pool {}", other.pool.name()));
    assert_eq!(run.code, Some(0), "there is nothing to take back");
}

/// A plan of grace 0 is what somebody has looked at: as it is, once, and not after another pass.
#[test]
fn a_plan_of_grace_0_is_applied_once_as_it_is() {
    let setup = Setup::new("as-it-is", 4, "10.0.0.2\n");
    let live = setup.open();
    let run = setup.keep("--grace 0");
    assert!(run.out.contains("within 15 minutes"), "{run:?}");
    // Another list now: it is not read.
    setup.list("");
    live.release([10, 0, 0, 3].into()).unwrap();
    let taken_again = live.allocate().unwrap();
    let applied = setup.apply("");
    assert_eq!(applied["applied"]["freed"], 2);
    assert_eq!(applied["applied"]["spared"], 1, "touched since");
    assert!(!live.is_available(taken_again));
    let again = setup.with_plan("apply", "--format json").failed_json(8);
    assert_eq!(again["error"]["code"], "superseded");
    let run = setup.with_plan("apply", "--from x.csv");
    assert!(run.failed(2).contains("no list is read"), "{run:?}");
    // A plan that somebody else's pass has come after.
    setup.keep("--grace 0");
    setup.run("reconcile", "--max-free 0");
    assert!(
        setup
            .with_plan("apply", "")
            .failed(8)
            .contains("begin with a new pass")
    );
    drop(live);
    assert_eq!(
        setup.with_plan("apply", "--format json").failed_json(8)["error"]["code"],
        "other-pool"
    );
}

#[test]
fn a_plan_of_another_pool_does_nothing() {
    let (setup, other) = (Setup::new("mine", 3, ""), Setup::new("other", 3, ""));
    let (mine, theirs) = (setup.open(), other.open());
    setup.keep(&format!("--grace {GRACE}"));
    pause();
    let pool = format!("--pool {}", other.pool.name());
    let run = setup.with_plan("apply", &pool);
    assert!(
        run.failed(8).contains("the plan is of another pool"),
        "{run:?}"
    );
    other.keep("--grace 0");
    let run = other.with_plan("apply", &format!("--pool {}", setup.pool.name()));
    assert!(
        run.failed(8).contains("the plan is of another pool"),
        "{run:?}"
    );
    other.with_plan("apply", "--max-free 3").found();
    let run = other.with_plan("undo", &format!("--pool {}", setup.pool.name()));
    assert!(
        run.failed(8).contains("the plan is of another pool"),
        "{run:?}"
    );
    assert_eq!((mine.allocated(), theirs.allocated()), (3, 0));
}

#[test]
fn a_file_that_is_no_plan_is_exit_code_2() {
    let setup = Setup::new("no-plan", 1, "");
    assert!(
        setup
            .with_plan("apply", "")
            .failed(2)
            .contains("cannot read")
    );
    for (text, says) in [
        ("", "is no plan"),
        ("{}", "is no plan"),
        ("{\"version\": 2}", "is a plan of version 2"),
        ("{\"version\": 1}", "is no plan: missing field"),
        ("\u{fffd}", "is no plan"),
    ] {
        std::fs::write(&setup.plan, text).unwrap();
        for verb in ["apply", "undo"] {
            assert!(setup.with_plan(verb, "").failed(2).contains(says), "{text}");
            let error = setup.with_plan(verb, "--format json").failed_json(2);
            assert_eq!(error["error"]["code"], "bad-plan");
        }
    }
    // Where it cannot be kept, nothing stays behind: no plan, no barrier.
    let run = setup.run("reconcile", "-o /nowhere/plan.json");
    assert!(
        run.failed(2).contains("cannot write /nowhere/plan.json"),
        "{run:?}"
    );
}

#[test]
fn the_barrier_can_be_lowered() {
    let setup = Setup::new("close", 3, "10.0.0.2\n");
    let live = setup.open();
    setup.keep(&format!("--grace {GRACE}"));
    pause();
    assert_eq!(setup.apply("")["is_anew"], false);
    let closed = run(&["reconcile", "close", setup.pool.name()]);
    assert_eq!(
        closed.found(),
        format!("{}: the barrier is down\n", setup.pool.name())
    );
    assert_eq!(setup.apply("")["is_anew"], true);
    // A pass that runs in another process is not disturbed.
    let reconciler = live.reconciler().unwrap();
    let busy = run(&["reconcile", "close", setup.pool.name(), "--format", "json"]);
    assert_eq!(busy.failed_json(8)["error"]["code"], "busy");
    for run in [
        setup.run("reconcile", ""),
        setup.with_plan("apply", ""),
        setup.keep(""),
    ] {
        assert!(
            run.failed(8).contains("somebody else reconciles this pool"),
            "{run:?}"
        );
    }
    drop(reconciler);
}

impl Run {
    /// Standard error of a run that printed what it found, and refused.
    #[track_caller]
    fn failed_after_table(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.out.contains("\naddresses "), "{self:?}");
        &self.err
    }
}

/// Each fuse, by grace 0 and by the number that it names.
#[test]
fn every_fuse_is_exit_code_9_and_names_its_override() {
    for (name, taken, users, code, options) in [
        ("fuse-empty", 20, "", "empty-list", "--max-free 20"),
        (
            "fuse-many",
            20,
            "10.0.0.2\n10.0.0.3\n",
            "too-many",
            "--max-free 18",
        ),
        ("fuse-word", 2, "10.0.0.2\nword\n", "unclear", ""),
        (
            "fuse-block",
            20,
            "10.0.0.2/28\n",
            "unclear",
            "--ambiguous expand",
        ),
    ] {
        let setup = Setup::new(name, taken, users);
        let error = setup
            .run("reconcile", "--grace 0 --format json")
            .failed_json(9);
        assert_eq!(error["error"]["code"], code, "{error}");
        assert_eq!(
            error["slots"]["total"], 253,
            "what was found is told: {error}"
        );
        assert_eq!(setup.pool.list().len(), taken as usize);
        let run = setup.run("reconcile", "--grace 0");
        assert!(run.failed_after_table(9).contains("hint: "), "{run:?}");
        if code != "unclear" {
            assert!(
                run.err.contains(&format!("hint: {options} allows that")),
                "{run:?}"
            );
            let (_, number) = options.split_once(' ').unwrap();
            let fewer = number.parse::<u32>().unwrap() - 1;
            let error = setup.run(
                "reconcile",
                &format!("--grace 0 --max-free {fewer} --format json"),
            );
            assert_eq!(error.failed_json(9)["error"]["limit"], fewer);
        }
        if !options.is_empty() {
            let run = setup.run("reconcile", &format!("--grace 0 {options}"));
            assert!(run.out.contains("freed"), "{run:?}");
            assert!(setup.pool.list().len() < taken as usize, "{name}");
        }
    }
}

/// A list that has lost more than half blows the fuse also when what it lacks has become ripe meanwhile, and
/// however often it is tried.
#[test]
fn a_list_that_stays_short_is_measured_by_the_long_one() {
    let all: String = (2..12).map(|host| format!("10.0.0.{host}\n")).collect();
    let setup = Setup::new("shrunk", 10, &all);
    let live = setup.open();
    let orphan = live.allocate().unwrap();
    setup.keep(&format!("--grace {GRACE}"));
    setup.list("10.0.0.2\n10.0.0.3\n");
    let mut codes = Vec::new();
    for _ in 0..5 {
        pause();
        let run = setup.with_plan("apply", "--format json");
        codes.push(run.code.unwrap());
        if run.code == Some(9) {
            assert_eq!(run.failed_json(9)["error"]["code"], "shrunk");
        }
    }
    assert_eq!(
        codes,
        [1, 9, 9, 9, 9],
        "the old orphan is ripe at the third sight"
    );
    assert_eq!(live.allocated(), 11);
    let run = setup.with_plan("apply", "--max-free 9 --format json");
    assert_eq!(answer(&run)["applied"]["freed"], 9, "{run:?}");
    assert!(live.is_available(orphan));
}

/// The number is kept in the plan, and is good for one time.
#[test]
fn max_free_is_kept_and_used_up() {
    let setup = Setup::new("max-free", 20, "10.0.0.2\n10.0.0.3\n");
    let live = setup.open();
    setup.keep(&format!("--grace {GRACE} --max-free 18"));
    pause();
    setup.apply("");
    // An orphan of its own, for the barrier to stay up.
    live.allocate_exact([10, 0, 0, 200].into()).unwrap();
    pause();
    assert_eq!(setup.apply("")["applied"]["freed"], 18);
    live.allocate_many(20).unwrap();
    for _ in 0..2 {
        pause();
        setup.apply("");
    }
    pause();
    assert_eq!(setup.with_plan("apply", "").code, Some(9), "21 are ripe");
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
        let run = setup.run(verb, options);
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
    let seeded = answer(&setup.run("seed", "--format json"));
    assert_eq!(
        (
            &seeded["taken"],
            &seeded["already"],
            &seeded["list"]["unparseable"]
        ),
        (&0.into(), &2.into(), &1.into())
    );
    assert_eq!(seeded["problem_lines"], serde_json::json!([3]));
    // Half a list does no harm: it is taken, and the command says what is wrong.
    let args = ["seed", setup.pool.name(), "--from", "json:-"];
    let run = run_with_input(&args, b"[\"10.0.0.88\",");
    assert!(run.failed(2).contains("the array is not closed"), "{run:?}");
    assert!(setup.pool.list().contains(&"10.0.0.88/32".to_owned()));
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
        "9  a fuse",
        "apply",
        "undo",
        "close",
    ] {
        assert!(help.found().contains(text), "{text}: {help:?}");
    }
}

/// Passes beside somebody who takes and gives back all the time, and is in no list while it does.
#[test]
fn passes_work_beside_a_live_process() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let setup = Setup::new("live", 3, "10.0.0.2\n");
    let live = setup.open();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let started = std::time::Instant::now();
            // Not for ever: if the other thread fails, nobody says that it is done.
            while !is_done.load(Ordering::Relaxed) && started.elapsed() < Duration::from_secs(20) {
                // Never in the list: each time it is allocated it is marked.
                let addr = live.allocate().unwrap();
                live.release(addr).expect("nobody else has released it");
            }
        });
        setup.keep(&format!("--grace {GRACE}"));
        let mut freed = 0;
        for _ in 0..3 {
            pause();
            freed += setup.apply("")["applied"]["freed"].as_u64().unwrap();
        }
        // More, if a claim met the end of a pass: such an address is left taken by nobody.
        assert!(freed >= 2, "the two orphans are free: {freed}");
        is_done.store(true, Ordering::Relaxed);
        worker.join().unwrap();
    });
}
