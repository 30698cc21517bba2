//! How full a pool or a set is: percent used, the limit of a monitor, and what is for terminals alone.

use crate::run::{PoolFile, Run, command, file, run};
use serde_json::Value;

fn json_of(run: &Run) -> Value {
    assert_eq!(run.err, "", "{run:?}");
    serde_json::from_str(&run.out).expect("one JSON object")
}

/// A monitor asks: the answer is the same, and the exit code says whether it is too full.
#[test]
fn a_pool_that_is_too_full_is_exit_code_10() {
    let pool = PoolFile::create("full", "10.0.0.0/28 --gateway none");
    pool.run("allocate", "-n 7").found();
    let show = pool.run("show", "");
    assert!(show.found().contains("used      50.0 %\n"), "{show:?}");
    for (limit, code) in [("49", 10), ("50", 0), ("51", 0), ("100", 0), ("0", 10)] {
        let shown = pool.run("show", &format!("--fail-above {limit}"));
        assert_eq!(
            (shown.code, &*shown.out),
            (Some(code), &*show.out),
            "{limit}"
        );
        let shown = pool.run("show", &format!("--fail-above {limit} --format json"));
        assert_eq!(shown.code, Some(code), "{limit}");
        assert_eq!(json_of(&shown)["used_percent"], 50.0, "{limit}");
    }
    pool.run("allocate", "-n 6").found();
    // 13 of 14: never rounded up to what it is not.
    assert!(pool.run("show", "").found().contains("used      92.8 %\n"));
    for limit in ["101", "-1", "x", "90%"] {
        let wrong = pool.run("show", &format!("--fail-above={limit}"));
        assert!(wrong.failed(2).contains("from 0 to 100"), "{wrong:?}");
    }
}

/// What is drained or under a cordon is no room: a set is full when it can hand out nothing.
#[test]
fn a_set_counts_what_it_can_hand_out() {
    let (a, b) = (PoolFile::absent("full-a"), PoolFile::absent("full-b"));
    let write = |drained: bool| {
        let text = format!(
            "[[sets.v4.members]]\nnetwork = '10.0.0.0/29'\nfile = '{}'\n\
             [[sets.v4.members]]\nnetwork = '10.0.1.0/29'\nfile = '{}'\ndrained = {drained}\n",
            a.name(),
            b.name()
        );
        file("full-set.toml", text.as_bytes())
    };
    let config = write(false);
    let config = config.to_str().unwrap();
    run(&["set", "apply", config]).found();
    run(&["set", "allocate", config, "v4", "-n", "5"]).found();
    let half = run(&["set", "show", config, "--fail-above", "50"]);
    assert!(half.found().contains("50.0 % used"), "{half:?}");
    write(true);
    let full = run(&["set", "show", config, "--fail-above", "99"]);
    assert_eq!(full.code, Some(10), "{full:?}");
    assert!(full.out.contains("100.0 % used"), "{full:?}");
    let answer = json_of(&run(&["set", "show", config, "--format", "json"]));
    assert_eq!(answer["sets"][0]["used_percent"], 100.0, "{answer}");
    assert_eq!(
        answer["sets"][0]["members"][1]["used_percent"], 0.0,
        "{answer}"
    );
}

/// Only a terminal gets colours, whatever it is called, unless the user insists.
#[test]
fn colours_are_for_terminals() {
    let pool = PoolFile::create("colours", "10.0.0.0/24");
    pool.run("allocate", "-n 250").found();
    let show = |name: &str, value: &str| {
        let mut command = command(&["pool", "show", pool.name()]);
        for unset in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(unset);
        }
        Run::of(
            command
                .env("TERM", "xterm-256color")
                .env(name, value)
                .output()
                .unwrap(),
        )
    };
    let plain = show("CLICOLOR", "1");
    assert!(!plain.found().contains('\u{1b}'), "{plain:?}");
    let forced = show("CLICOLOR_FORCE", "1");
    assert!(forced.found().contains('\u{1b}'), "{forced:?}");
    // The same text.
    let mut bare = String::new();
    for (at, part) in forced.out.split('\u{1b}').enumerate() {
        bare += if at == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        };
    }
    assert_eq!(bare, plain.out);
}

/// A user who wants to copy a line sees which addresses may still be held.
#[test]
fn quarantined_addresses_are_marked_in_lists() {
    let pool = PoolFile::create("marked", "10.0.0.0/29");
    pool.run("allocate", "").found();
    let copy = PoolFile::absent("marked-copy");
    pool.run("backup", copy.name()).found();
    assert_eq!(
        copy.list(),
        [
            "10.0.0.2/32",
            "10.0.0.3/32  quarantined",
            "10.0.0.4/32  quarantined",
            "10.0.0.5/32  quarantined",
            "10.0.0.6/32  quarantined"
        ]
    );
    let listed = copy.json("list", "");
    assert_eq!(listed["addresses"].as_array().unwrap().len(), 5);
    let quarantined: Vec<_> = listed["quarantined"].as_array().unwrap().iter().collect();
    assert_eq!(
        quarantined,
        ["10.0.0.3/32", "10.0.0.4/32", "10.0.0.5/32", "10.0.0.6/32"]
    );
    assert_eq!(
        pool.json("list", "")["quarantined"]
            .as_array()
            .unwrap()
            .len(),
        0
    );

    let config = format!(
        "[[sets.v4.members]]\nnetwork = '10.0.0.0/29'\nfile = '{}'\n",
        copy.name()
    );
    let config = file("marked.toml", config.as_bytes());
    let config = config.to_str().unwrap();
    let listed = run(&["set", "list", config]);
    assert_eq!(
        listed.found().lines().nth(1),
        Some("10.0.0.3/32  quarantined")
    );
    let listed = json_of(&run(&["set", "list", config, "--format", "json"]));
    assert_eq!(
        listed["sets"][0]["quarantined"].as_array().unwrap().len(),
        4
    );
}
