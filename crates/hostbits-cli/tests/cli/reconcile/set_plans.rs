//! Plans of sets from process to process, and what keeps one from being made or applied.

use super::sets::{Setup, TWO};
use super::{GRACE, answer, pause};
use crate::run::run as run_now;
use hostbits::file;
use serde_json::json;

/// All three passes in one process.
#[test]
fn waiting_makes_all_sightings() {
    let setup = Setup::new("wait", [3, 3], "10.0.0.2\n10.0.1.2\n");
    let plan = setup.plan.display();
    let done = setup.json("reconcile", &format!("--wait --grace {GRACE} -o {plan}"));
    assert_eq!(
        (&done["applied"]["freed"], &done["next"]),
        (&json!(4), &json!("nothing"))
    );
    assert_eq!(setup.taken(), ["0.2", "1.2"]);
    let undone = answer(&setup.with_plan("undo", "--format json"));
    assert_eq!(
        (&undone["taken_back"], &undone["set"]),
        (&json!(4), &json!("v4"))
    );
    assert_eq!(setup.taken().len(), 6);
    let run = setup.sets.run("reconcile", "v4 --from - --wait");
    assert!(
        run.failed(2).contains("standard input can be read once"),
        "{run:?}"
    );
}

/// A plan goes on from process to process while another process has the files open, and is undone at the end.
#[test]
fn a_plan_goes_on_from_process_to_process() {
    let setup = Setup::new("plan", [3, 3], "10.0.0.2\n10.0.1.2\n10.0.1.70\n");
    let live = setup.open();
    let run = setup.keep(&format!("--grace {GRACE}"));
    let next = format!(
        "next: hostbits reconcile apply {}, not before ",
        setup.plan.display()
    );
    assert!(run.out.contains(&next), "{run:?}");
    assert!(run.out.contains("nothing has been changed\n"), "{run:?}");
    assert!(
        !run.out.contains("no other process has all pools open"),
        "{run:?}"
    );
    pause();
    let second = setup.apply("");
    assert_eq!(
        (&second["applied"]["freed"], &second["applied"]["adopted"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(
        (&second["next"], &second["others"]),
        (&json!("apply"), &json!(1))
    );
    pause();
    // One of them moves on: touched, and seen for the first time.
    let moved = "10.0.1.4".parse().unwrap();
    live[1].release(moved).unwrap();
    live[1].allocate_exact(moved).unwrap();
    // The plan says what it is of: the other command goes on with it as well.
    let plan = setup.plan.to_str().unwrap();
    let third = answer(&run_now(&["reconcile", "apply", plan, "--format", "json"]));
    assert_eq!(
        (&third["applied"]["freed"], &third["is_anew"]),
        (&json!(3), &json!(false))
    );
    assert_eq!(
        (&third["is_barrier_up"], &third["set"]),
        (&json!(true), &json!("v4"))
    );
    assert_eq!(setup.taken(), ["0.2", "1.2", "1.4", "1.70"]);
    let somebody = live[0].allocate().unwrap();
    let run = setup.with_plan("undo", "");
    assert_eq!(run.code, Some(1), "{run:?}");
    let config = setup.sets.path("sets.toml");
    let expected = format!(
        "{somebody} is taken: never freed, or allocated again since\nv4 of {}: 2 taken back, 1 not free\n",
        config.display()
    );
    assert_eq!(run.out, expected);
    let again = answer(&setup.with_plan("undo", "--format json"));
    assert_eq!(again["taken_back"], 0, "once");
}

/// Members that no process has kept open begin anew, and the others go on.
#[test]
fn a_member_that_was_closed_begins_anew_alone() {
    let setup = Setup::new("closed", [3, 3], "10.0.0.2\n10.0.1.2\n");
    let first = file::open(setup.sets.path("a.pool")).unwrap();
    let run = setup.keep(&format!("--grace {GRACE}"));
    assert!(
        run.out.contains("no other process has all pools open"),
        "{run:?}"
    );
    pause();
    let second = setup.apply("");
    assert_eq!(second["began_anew"], json!(["10.0.1.0/24"]));
    pause();
    let run = setup.with_plan("apply", "");
    assert_eq!(run.code, Some(1), "{run:?}");
    let says = "the sightings of 10.0.1.0/24 start over: every process had closed the pool";
    assert!(
        run.out.contains(says) && run.out.contains(": 2 freed, 0 spared"),
        "{run:?}"
    );
    assert_eq!(setup.taken(), ["0.2", "1.2", "1.3", "1.4"]);
    let config = setup.sets.path("sets.toml");
    let run = run_now(&["set", "reconcile", "close", config.to_str().unwrap(), "v4"]);
    assert_eq!(
        run.found(),
        format!("v4 of {}: the barriers are down\n", config.display())
    );
    let added =
        "[[sets.v4.members]]\nnetwork = '10.0.2.0/24'\nfile = 'd.pool'\n[[sets.v6.members]]";
    setup
        .sets
        .write("sets.toml", &TWO.replace("[[sets.v6.members]]", added));
    setup.sets.run("apply", "").found();
    let plan = setup.apply("");
    let anew = json!(["10.0.0.0/24", "10.0.1.0/24"]);
    assert_eq!(plan["members"][2]["member"], "10.0.2.0/24");
    assert_eq!(plan["began_anew"], anew, "the barrier was down");
    drop(first);
}

/// If the list of one network was forgotten, nothing is freed in the others either.
#[test]
fn a_fuse_of_one_member_keeps_all_from_freeing() {
    let setup = Setup::new(
        "fuse",
        [9, 4],
        "10.0.0.2\n10.0.0.3\n10.0.0.4\n10.0.0.5\n10.0.0.6\n10.0.0.80\n",
    );
    let run = setup.run("reconcile", "--grace 0");
    let config = setup.sets.path("sets.toml");
    let error = format!(
        "error: {}: v4: 10.0.1.0/24: the list contains no address of the pool; if that is right, allow the number: 8\n\
         hint: --max-free 8 allows that; nothing was freed or taken\n",
        config.display()
    );
    assert!(run.failed_after_table(9).ends_with(&error), "{run:?}");
    assert_eq!(
        setup.taken().len(),
        13,
        "the listed one was not taken either"
    );
    let error = setup
        .run("reconcile", "--grace 0 --format json")
        .failed_json(9);
    let code = &error["error"];
    assert_eq!(
        (&code["code"], &code["ripe"]),
        (&json!("empty-list"), &json!(8))
    );
    assert_eq!(
        (&error["set"], &error["member"]),
        (&json!("v4"), &json!("10.0.1.0/24"))
    );
    assert_eq!(
        (
            &error["slots"]["ripe"],
            error["members"].as_array().map(Vec::len)
        ),
        (&json!(8), Some(2))
    );
    let run = setup.run("reconcile", "--grace 0 --max-free 7");
    assert!(
        run.failed_after_table(9).contains("at most 7 may be"),
        "{run:?}"
    );
    let done = setup.json("reconcile", "--grace 0 --max-free 8");
    assert_eq!(
        (&done["applied"]["freed"], &done["applied"]["adopted"]),
        (&json!(8), &json!(1))
    );
    assert_eq!(setup.taken().len(), 6);
    // What cannot be read may be of any member.
    setup.list("10.0.0.2\n10.0.0.3\nx\n");
    let error = setup
        .run("reconcile", "--grace 0 --max-free 99 --format json")
        .failed_json(9);
    assert_eq!(
        (&error["error"]["code"], error.get("member")),
        (&json!("unclear"), None)
    );
    assert_eq!(setup.taken().len(), 6);
    // A kept plan keeps its sightings, and goes on with the number that the message names.
    setup.list("10.0.0.2\n10.0.0.3\n10.0.0.4\n");
    let live = setup.open();
    setup.keep("--grace 0 --max-free 1");
    let refused = setup.with_plan("apply", "");
    assert!(
        refused
            .failed_after_table(9)
            .contains("--max-free 3 allows that"),
        "{refused:?}"
    );
    assert_eq!(setup.apply("--max-free 3")["applied"]["freed"], 3);
    drop(live);
}

/// What a plan is not of, and what is not there.
#[test]
fn sets_and_plans_that_do_not_fit_are_refused() {
    let setup = Setup::new("unfit", [2, 2], "10.0.0.2\n10.0.1.2\n");
    let from = format!("--from {}", setup.users.display());
    for verb in ["check", "reconcile", "seed", "reclaim"] {
        let run = setup.sets.run(verb, &from);
        assert!(
            run.failed(2)
                .contains("has several sets: name one of v4, v6"),
            "{verb}: {run:?}"
        );
        let run = setup.sets.run(verb, &format!("v5 {from}"));
        assert!(
            run.failed(2).contains("there is no \"v5\""),
            "{verb}: {run:?}"
        );
        let run = setup.sets.run(verb, "v4 --from /nowhere/list");
        assert!(run.failed(2).contains("/nowhere/list"), "{verb}: {run:?}");
    }
    let run = setup.sets.run("check", "v4 --entries 3");
    assert!(run.failed(2).contains("--from"), "{run:?}");
    // A member without a file; a file that is not there.
    setup
        .sets
        .write("sets.toml", &TWO.replace("file = 'a.pool'", ""));
    for verb in ["check", "reconcile", "seed", "reclaim"] {
        let error = setup.run(verb, "--format json").failed_json(2);
        assert_eq!(error["error"]["code"], "no-file", "{verb}");
    }
    setup
        .sets
        .write("sets.toml", &TWO.replace("a.pool", "x.pool"));
    for verb in ["check", "reconcile", "seed", "reclaim"] {
        let error = setup.run(verb, "--format json").failed_json(8);
        assert_eq!(error["error"]["code"], "not-found", "{verb}");
    }
    // Another process reconciles one of them: none is begun.
    setup.sets.write("sets.toml", TWO);
    let live = setup.open();
    let theirs = live[1].reconciler().unwrap();
    let error = setup
        .run("reconcile", "--grace 0 --format json")
        .failed_json(8);
    assert_eq!(
        (&error["error"]["code"], &error["member"]),
        (&json!("busy"), &json!("10.0.1.0/24"))
    );
    drop(theirs);
    // A plan of other files; a plan of grace 0 after another pass.
    setup.keep(&format!("--grace {GRACE}"));
    let other = Setup::new("unfit-other", [2, 2], "");
    let config = other.sets.path("sets.toml");
    let run = setup.with_plan("apply", &format!("--config {}", config.display()));
    assert!(
        run.failed(8)
            .contains("v4: the plan belongs to another pool"),
        "{run:?}"
    );
    setup.keep("--grace 0");
    setup.run("reconcile", "--max-free 0");
    let error = setup.with_plan("apply", "--format json").failed_json(8);
    assert_eq!(
        (&error["error"]["code"], &error["member"]),
        (&json!("superseded"), &json!("10.0.0.0/24"))
    );
    assert_eq!(setup.taken().len(), 4);
    drop(live);
}
