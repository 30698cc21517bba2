//! Plans from process to process: applied, taken back, refused.

use super::{GRACE, Setup, answer, pause};
use crate::run::run;

/// The barrier is in memory, which is gone when the last process has closed the file.
#[test]
fn a_pool_that_was_closed_begins_anew() {
    let setup = Setup::new("closed", 3, "10.0.0.2\n");
    let run = setup.keep(&format!("--grace {GRACE}"));
    assert!(
        run.out.contains("no other process has the pool open"),
        "{run:?}"
    );
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
    assert!(run.out.contains("the sightings start over"), "{run:?}");
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
        "{somebody} is taken: never freed, or allocated again since\n{name}: 2 taken back, 1 not free\n"
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

/// A plan of grace 0 is what the operator has looked at: it is applied as it is, once, and not after another pass.
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
    // A plan that is older than another process's pass.
    setup.keep("--grace 0");
    setup.run("reconcile", "--max-free 0");
    assert!(
        setup
            .with_plan("apply", "")
            .failed(8)
            .contains("begin a new pass")
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
        run.failed(8).contains("the plan belongs to another pool"),
        "{run:?}"
    );
    other.keep("--grace 0");
    let run = other.with_plan("apply", &format!("--pool {}", setup.pool.name()));
    assert!(
        run.failed(8).contains("the plan belongs to another pool"),
        "{run:?}"
    );
    other.with_plan("apply", "--max-free 3").found();
    let run = other.with_plan("undo", &format!("--pool {}", setup.pool.name()));
    assert!(
        run.failed(8).contains("the plan belongs to another pool"),
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
        ("{\"version\": 1}", "is a plan of version 1"),
        ("{\"version\": 2}", "is a plan of version 2"),
        ("{\"version\": 3}", "is no plan: missing field"),
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
            run.failed(8)
                .contains("this pool is already being reconciled"),
            "{run:?}"
        );
    }
    drop(reconciler);
}
