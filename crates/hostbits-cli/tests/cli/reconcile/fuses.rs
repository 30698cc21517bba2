//! What keeps a plan from freeing, and which number allows it.

use super::{GRACE, Setup, answer, pause};

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
            "fuse-passed",
            5,
            "10.0.0.2\nword\n",
            "unclear",
            "--skip-unreadable 1",
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
    let undone = answer(&setup.with_plan("undo", "--format json"));
    assert_eq!(
        undone["not_free"], 0,
        "nothing was freed, nothing is taken back"
    );
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
    live.allocate_many(17).unwrap();
    for _ in 0..2 {
        pause();
        setup.apply("");
    }
    pause();
    assert_eq!(
        setup.with_plan("apply", "").code,
        Some(9),
        "17 are ripe, one too many without a number"
    );
}
