//! The same for sets: one list for all members, one plan, and nothing is freed anywhere if one of them is kept
//! from it.

use super::answer;
use super::check::reading_from_a_pipe;
use crate::run::{PoolFile, Run, file, run, run_with_input};
use crate::set::Sets;
use hostbits::{Pool, file};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// Two networks of one set, the second one drained, and another set of the other family.
pub(super) const TWO: &str = "
[sets.v4]
[[sets.v4.members]]
network = '10.0.0.0/24'
file = 'a.pool'
[[sets.v4.members]]
network = '10.0.1.0/24'
file = 'b.pool'
durability = 'barrier'
[[sets.v6.members]]
network = '2001:db8::/112'
file = 'c.pool'
";

pub(super) struct Setup {
    pub(super) sets: Sets,
    pub(super) users: PathBuf,
    pub(super) plan: PathBuf,
}

impl Setup {
    /// Makes two networks, of which `taken` addresses each are taken, from .2 on.
    pub(super) fn new(name: &str, taken: [u8; 2], users: &str) -> Self {
        let sets = Sets::new(&format!("reconcile-{name}"), TWO);
        sets.run("apply", "").found();
        for (name, taken) in ["a.pool", "b.pool"].into_iter().zip(taken) {
            let pool = file::open(sets.path(name)).unwrap();
            let _ = pool.allocate_many(taken.into()).unwrap();
        }
        let users = file(&format!("reconcile-set-{name}.csv"), users.as_bytes());
        let plan = sets.path("plan.json");
        Self { sets, users, plan }
    }

    pub(super) fn list(&self, users: &str) {
        std::fs::write(&self.users, users).unwrap();
    }

    /// `hostbits set VERB CONFIG v4 --from USERS OPTIONS`.
    pub(super) fn run(&self, verb: &str, options: &str) -> Run {
        let users = self.users.display();
        self.sets.run(verb, &format!("v4 --from {users} {options}"))
    }

    pub(super) fn json(&self, verb: &str, options: &str) -> Value {
        answer(&self.run(verb, &format!("{options} --format json")))
    }

    /// `hostbits set reconcile VERB PLAN OPTIONS`.
    pub(super) fn with_plan(&self, verb: &str, options: &str) -> Run {
        let plan = self.plan.to_str().unwrap();
        let mut args = vec!["set", "reconcile", verb, plan];
        args.extend(options.split_whitespace());
        run(&args)
    }

    pub(super) fn apply(&self, options: &str) -> Value {
        answer(&self.with_plan("apply", &format!("{options} --format json")))
    }

    pub(super) fn keep(&self, options: &str) -> Run {
        let plan = self.plan.display();
        self.run("reconcile", &format!("-o {plan} {options}"))
    }

    pub(super) fn open(&self) -> [Pool<IpNet>; 2] {
        ["a.pool", "b.pool"].map(|name| file::open(self.sets.path(name)).unwrap())
    }

    pub(super) fn taken(&self) -> Vec<String> {
        let listed = self.sets.run("list", "v4");
        let lines = listed.found().lines();
        let last = |net: &str| {
            net.trim_start_matches("10.0.")
                .trim_end_matches("/32")
                .to_owned()
        };
        lines.map(last).collect()
    }
}

const DRIFTED: &str = "\
address,owner
10.0.0.2,a
10.0.1.2,b
10.0.1.2,c
10.0.1.77,d
10.0.0.1,e
10.9.9.9,f
2001:db8::7,g
10.0.1.9/24,h
word,i
";

#[test]
fn check_compares_a_set_with_one_list() {
    let setup = Setup::new("check", [3, 2], DRIFTED);
    let run = setup.run("check", "");
    assert_eq!(run.code, Some(1), "{run:?}");
    let config = setup.sets.path("sets.toml");
    let heading = format!(
        "v4 of {} against {}\n",
        config.display(),
        setup.users.display()
    );
    assert!(run.out.starts_with(&heading), "{run:?}");
    for line in [
        "  matched                   2  taken in the pool\n",
        "  duplicate                 1  ",
        "  out_of_range              1  ",
        "  wrong_family              1  ",
        "  orphan                    3  ",
        "in 10.0.0.0/24: 1 matched, 2 orphan, 0 missing, 250 free\n",
        "in 10.0.1.0/24: 1 matched, 1 orphan, 2 missing, 249 free\n",
        "orphan  10.0.0.3 to 10.0.0.4 (2)",
        "missing 10.0.1.77\n",
    ] {
        assert!(run.out.contains(line), "{line}: {run:?}");
    }
    assert!(run.out.ends_with("\ndrift\n"), "{run:?}");
    assert!(
        run.err.contains(":10: \"word\" is not an address"),
        "{run:?}"
    );
    let found = setup.json("check", "");
    assert_eq!(
        (&found["set"], &found["is_live"]),
        (&json!("v4"), &json!(false))
    );
    assert_eq!(found["file"], config.to_str().unwrap());
    assert_eq!(
        (&found["drift"], &found["entries"]["total"]),
        (&json!(8), &json!(9))
    );
    let members = found["members"].as_array().unwrap();
    assert_eq!(
        (members.len(), &members[1]["member"]),
        (2, &json!("10.0.1.0/24"))
    );
    assert_eq!(
        (&members[0]["slots"]["orphan"], &members[1]["listed"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(
        (
            &members[1]["entries"]["missing"],
            &members[0]["listed_before"]
        ),
        (&json!(2), &Value::Null)
    );
    assert_eq!(found["ranges"].as_array().unwrap().len(), 4);
    assert!(found.get("grace_ms").is_none(), "it is no pass");
    let expected = ["0.2", "0.3", "0.4", "1.2", "1.3"];
    assert_eq!(setup.taken(), expected, "nothing was changed");
    // A live pool is said to be one; without a list it is about the files.
    let live = setup.open();
    assert!(setup.run("check", "").out.contains("The pool is open"));
    assert_eq!(setup.json("check", "")["is_live"], true);
    drop(live);
    let files = setup.sets.run("check", "v4");
    assert!(files.found().contains("good; 3 taken"), "{files:?}");
    // Several files are one list; nothing differs.
    setup.list("10.0.0.2\n10.0.0.3\n10.0.0.4\n");
    let second = file(
        "reconcile-set-check-2.csv",
        b"10.0.1.2,x\n10.0.1.3,y\n2001:db8::9,z\n",
    );
    let from = format!("--from {}", second.display());
    let run = setup.run("check", &from);
    assert!(run.found().ends_with("\nno drift\n"), "{run:?}");
    assert_eq!(
        setup.json("check", &format!("{from} --entries 6"))["drift"],
        0
    );
    let run = setup.run("check", &format!("{from} --entries 7 --format json"));
    let error = run.failed_json(2);
    assert_eq!(
        (&error["error"]["code"], &error["set"]),
        (&json!("count-mismatch"), &json!("v4"))
    );
}

/// What is done to any member while the list is read is no drift, and the next plan is of these files.
#[test]
fn check_tells_apart_what_changes_while_the_list_is_read() {
    let setup = Setup::new("live", [2, 2], "");
    let config = setup.sets.path("sets.toml");
    let words = ["set", "check", config.to_str().unwrap(), "v4"];
    let live = setup.open();
    let (child, mut input) = reading_from_a_pipe(&words);
    live[0].release("10.0.0.3".parse().unwrap()).unwrap();
    live[1]
        .allocate_exact("10.0.1.80".parse().unwrap())
        .unwrap();
    live[1]
        .allocate_exact("10.0.1.81".parse().unwrap())
        .unwrap();
    write!(input, "10.0.0.2\n10.0.1.2\n10.0.1.3\n10.0.1.81\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&found["drift"], output.status.code()),
        (&json!(0), Some(0)),
        "{found}"
    );
    let slots = [0, 1].map(|index| &found["members"][index]["slots"]);
    assert_eq!(
        (&slots[0]["in_flight"], &slots[1]["in_flight"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&slots[0]["matched"], &slots[1]["conflict_taken"]),
        (&json!(1), &json!(1))
    );
    // Another pool in the place of one of them.
    drop(live);
    let (child, input) = reading_from_a_pipe(&words);
    let second = setup.sets.path("b.pool");
    std::fs::remove_file(&second).unwrap();
    run(&["pool", "create", second.to_str().unwrap(), "10.0.1.0/25"]).found();
    let mut input = input;
    writeln!(input, "10.0.0.2").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(
        (&error["error"]["code"], output.status.code()),
        (&json!("replaced"), Some(8))
    );
    assert_eq!(error["member"], "10.0.1.0/24");
}

/// A list is not compared with a pool that the configuration does not describe: by no command.
#[test]
fn a_file_of_another_pool_is_refused() {
    let setup = Setup::new("other-pool", [1, 0], "10.0.0.2\n");
    let edited = TWO.replace("10.0.1.0/24", "10.0.1.0/25");
    setup.sets.write("sets.toml", &edited);
    for verb in ["check", "reconcile", "seed"] {
        let error = setup.run(verb, "--format json").failed_json(8);
        assert_eq!(
            error["error"]["code"], "geometry-mismatch",
            "{verb}: {error}"
        );
        assert_eq!(error["error"]["line"], 6, "{verb}: {error}");
    }
    setup.sets.write("sets.toml", TWO);
    setup.run("check", "").found();
}

#[test]
fn a_set_is_repaired_at_first_sight() {
    let setup = Setup::new(
        "at-once",
        [5, 4],
        "10.0.0.2\n10.0.0.3\n10.0.1.3\n10.0.1.90\n",
    );
    // Not the second network's allocations alone: those of a drained one, too.
    setup.sets.write(
        "sets.toml",
        &TWO.replace("durability", "drained = true\ndurability"),
    );
    let run = setup.run("reconcile", "--grace 0");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.err
            .contains("grace 0: an orphan is freed at first sight"),
        "{run:?}"
    );
    let config = setup.sets.path("sets.toml");
    let done = format!(
        "v4 of {}: 6 freed, 0 spared, 1 taken, 0 in conflict\n",
        config.display()
    );
    assert!(run.out.ends_with(&done), "{run:?}");
    assert!(
        run.out
            .contains("in 10.0.1.0/24: 1 matched, 3 orphan (3 ripe), 1 missing, 248 free\n")
    );
    assert_eq!(setup.taken(), ["0.2", "0.3", "1.3", "1.90"]);
    let again = setup.json("reconcile", "--grace 0");
    assert_eq!(
        (&again["set"], &again["next"], &again["drift"]),
        (&json!("v4"), &json!("nothing"), &json!(0))
    );
    assert_eq!(
        (&again["applied"]["freed"], &again["is_anew"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(again["began_anew"], json!([]));
}

#[test]
fn what_is_listed_is_taken_in_every_member() {
    let setup = Setup::new(
        "adopt",
        [1, 1],
        "10.0.0.2\n10.0.0.60\n10.0.1.70\n10.9.9.9\n",
    );
    let config = setup.sets.path("sets.toml");
    let name = format!("v4 of {}", config.display());
    let run = setup.run("reconcile", "--mode adopt");
    assert_eq!(run.found(), format!("{name}: 2 taken, 1 taken before\n"));
    assert!(
        run.err.contains("\"10.9.9.9\" is not in the pool"),
        "{run:?}"
    );
    assert_eq!(
        setup.run("seed", "").found(),
        format!("{name}: 0 taken, 3 taken before\n")
    );
    let json = setup.json("seed", "");
    assert_eq!((&json["set"], &json["already"]), (&json!("v4"), &json!(3)));
    assert_eq!(json["list"]["out_of_range"], 1);
    assert_eq!(setup.taken(), ["0.2", "0.60", "1.2", "1.70"]);
    let run = setup.run("reconcile", "--mode adopt --grace 1m");
    assert!(
        run.failed(2).contains("--grace is for --mode full"),
        "{run:?}"
    );
}

/// A set of one is named by its configuration alone, and a list comes from a pipe.
#[test]
fn the_only_set_needs_no_name() {
    let text = "[[sets.only.members]]\nnetwork = '10.0.0.0/24'\nfile = 'a.pool'\n";
    let sets = Sets::new("reconcile-only", text);
    sets.run("apply", "").found();
    sets.run("allocate", "only -n 3").found();
    let config = sets.path("sets.toml");
    let config = config.to_str().unwrap();
    let args = ["set", "reconcile", config, "--from", "-", "--grace", "0"];
    let run = run_with_input(&args, b"10.0.0.2\n");
    assert!(run.found().contains("only of "), "{run:?}");
    assert_eq!(sets.run("list", "").found(), "10.0.0.2/32\n");
}

/// After the machine went down: the quarantines of all members, by one list.
#[test]
fn the_quarantines_of_a_set_are_reclaimed_by_one_list() {
    let setup = Setup::new("reclaim", [2, 2], "10.0.0.2\n10.0.0.3\n");
    // Nothing vouches for what is free in a copy of a file that was in use.
    for (name, pool) in ["a.pool", "b.pool"].into_iter().zip(setup.open()) {
        std::fs::copy(setup.sets.path(name), setup.sets.path("copy")).unwrap();
        drop(pool);
        std::fs::rename(setup.sets.path("copy"), setup.sets.path(name)).unwrap();
    }
    let run = setup.sets.run("check", "v4");
    assert!(run.out.contains("quarantined"), "{run:?}");
    let run = setup.run("check", "");
    let reclaim = format!(
        "hostbits set reclaim {} v4 --from LIST",
        setup.sets.path("sets.toml").display()
    );
    assert!(run.out.contains(&reclaim), "{run:?}");
    let run = setup.run("reclaim", "");
    let hint = format!(
        "hostbits reclaim {} --nobody",
        setup.sets.path("b.pool").display()
    );
    let error = run.failed(2);
    assert!(
        error.contains("v4: 10.0.1.0/24: the list contains no address") && error.contains(&hint),
        "{error}"
    );
    setup.list("10.0.0.2\n10.0.0.3\n10.0.1.2\n10.0.1.3\nx\n");
    let error = setup.run("reclaim", "--format json").failed_json(2);
    assert_eq!(
        (&error["error"]["code"], &error["list"]["unparseable"]),
        (&json!("unclear"), &json!(1))
    );
    setup.list("10.0.0.2\n10.0.0.3\n10.0.1.2\n10.0.1.50\n");
    let done = setup.json("reclaim", "");
    let freed = [&done["members"][0]["freed"], &done["members"][1]["freed"]];
    assert_eq!(freed, [&json!(251), &json!(250)], "{done}");
    assert_eq!((&done["freed"], &done["held"]), (&json!(501), &json!(1)));
    assert_eq!(
        (&done["set"], &done["members"][1]["member"]),
        (&json!("v4"), &json!("10.0.1.0/24"))
    );
    assert_eq!(done["list"]["entries"], 4);
    assert_eq!(setup.taken(), ["0.2", "0.3", "1.2", "1.3", "1.50"]);
    let run = setup.sets.run("reclaim", "v4 --nobody");
    let config = setup.sets.path("sets.toml");
    let expected = format!(
        "in 10.0.0.0/24: 0 freed, 0 held\nin 10.0.1.0/24: 0 freed, 0 held\nv4 of {}: 0 freed, 0 held\n",
        config.display()
    );
    assert_eq!(run.found(), expected);
}

/// A pool file, and a set of that file alone, get the same reports.
#[test]
fn a_set_of_one_is_told_what_its_pool_is_told() {
    let pool = PoolFile::create("reconcile-one-of-set", "10.0.0.0/24");
    pool.run("allocate", "-n 4").found();
    let name = pool.name();
    let text = format!("[[sets.only.members]]\nnetwork = '10.0.0.0/24'\nfile = '{name}'\n");
    let sets = Sets::new("reconcile-one", &text);
    let users = file("reconcile-one-of-set.csv", super::DRIFTED.as_bytes());
    let options = format!("--from {} --format json", users.display());
    let mut args = vec!["check", name];
    args.extend(options.split_whitespace());
    let (alone, set) = (answer(&run(&args)), answer(&sets.run("check", &options)));
    for key in [
        "drift",
        "entries",
        "slots",
        "listed",
        "problems",
        "problem_lines",
        "is_unclear",
    ] {
        assert_eq!(alone[key], set[key], "{key}");
    }
    assert_eq!(alone["ranges"].as_array().map(Vec::len), Some(3));
    assert_eq!(set["ranges"].as_array().map(Vec::len), Some(3));
    assert!(alone.get("members").is_none() && alone.get("set").is_none());
}
