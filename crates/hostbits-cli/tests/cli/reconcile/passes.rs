//! What passes free, when, and beside whom.

use super::{GRACE, Setup, answer, pause};
use crate::run::run_with_input;
use std::time::Duration;

/// Grace 0, all processes stopped: one command, on a file that no other process has open.
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

/// Sightings that are too near count for nothing, however many they are.
#[test]
fn a_sighting_that_is_too_early_counts_for_nothing() {
    let setup = Setup::new("early", 3, "10.0.0.2\n");
    let live = setup.open();
    setup.keep("--grace 1h");
    for _ in 0..4 {
        let early = setup.apply("");
        assert_eq!(
            (&early["is_anew"], &early["slots"]["ripe"]),
            (&false.into(), &0.into())
        );
        assert!(early["ranges"][0]["again_ms"].is_null(), "{early}");
    }
    assert_eq!(live.allocated(), 3);
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
    // Where there is nothing to wait for, no command waits, and standard input cannot be read three times.
    setup.list("10.0.0.2\n10.0.0.3\n10.0.0.4\n10.0.0.5\n10.0.0.6\n10.0.0.77\n");
    setup.run("reconcile", "--wait --grace 100d").found();
    let args = ["reconcile", setup.pool.name(), "--from", "-", "--wait"];
    assert!(
        run_with_input(&args, b"")
            .failed(2)
            .contains("standard input can be read once")
    );
}

/// Passes beside a thread that takes and gives back all the time, and is in no list while it does.
#[test]
fn passes_work_beside_a_live_process() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let setup = Setup::new("live", 3, "10.0.0.2\n");
    let live = setup.open();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let started = std::time::Instant::now();
            // Not for ever: if the other thread fails, it never reports that it is done.
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
        // More, if a claim met the end of a pass: such an address stays taken without a holder.
        assert!(freed >= 2, "the two orphans are free: {freed}");
        is_done.store(true, Ordering::Relaxed);
        worker.join().unwrap();
    });
}
