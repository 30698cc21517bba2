//! `hostbits set`: every command, every option, every exit code, both formats.

use crate::pool_crash::reboot;
use crate::run::{PoolFile, Run, command, run, run_with_input};
use hostbits::file;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of one test, with a configuration in it.
pub(crate) struct Sets(PathBuf);

impl Sets {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("set-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let sets = Self(path);
        sets.write("sets.toml", text);
        sets
    }

    fn applied(name: &str, text: &str) -> Self {
        let sets = Self::new(name, text);
        sets.run("apply", "").found();
        sets
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn name(&self) -> String {
        self.path("sets.toml").to_str().unwrap().to_owned()
    }

    /// `hostbits set VERB CONFIG OPTIONS`, options without blanks in them.
    pub(crate) fn run(&self, verb: &str, options: &str) -> Run {
        let name = self.name();
        let mut args = vec!["set", verb, &name];
        args.extend(options.split_whitespace());
        run(&args)
    }

    /// Runs a verb with another configuration of the folder.
    fn run_of(&self, config: &str, verb: &str, options: &str) -> Run {
        let config = self.path(config);
        let mut args = vec!["set", verb, config.to_str().unwrap()];
        args.extend(options.split_whitespace());
        run(&args)
    }

    #[track_caller]
    fn json(&self, verb: &str, options: &str, code: i32) -> Value {
        let run = self.run(verb, &format!("{options} --format json"));
        assert_eq!((run.code, &*run.err), (Some(code), ""), "{run:?}");
        serde_json::from_str(&run.out).expect("one JSON object")
    }
}

impl Drop for Sets {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Two subnets and a prefix, small enough to be emptied.
const BOTH: &str = "
[sets.v4]
client_key = '00112233445566778899aabbccddeeff'
[[sets.v4.members]]
network = '10.0.0.0/29'
file = 'a.pool'
[[sets.v4.members]]
network = '10.0.1.0/28'
file = 'b.pool'
durability = 'barrier'
cordons = ['10.0.1.14']
[sets.v4.ranges.blue]
range = '10.0.1.8-10.0.1.9'
exclusive = true
[sets.v4.ranges.closed]
range = '10.0.1.14'
[[sets.v6.members]]
network = '2001:db8::/126'
file = 'c.pool'
[pairs.both]
v4 = 'v4'
v6 = 'v6'
";

#[test]
fn addresses_come_from_the_members_in_their_order() {
    let sets = Sets::applied("order", BOTH);
    let run = sets.run("allocate", "v4 -n 6");
    assert_eq!(
        run.found(),
        "10.0.0.2/32\n10.0.0.3/32\n10.0.0.4/32\n10.0.0.5/32\n10.0.0.6/32\n10.0.1.2/32\n"
    );
    assert_eq!(
        sets.run("allocate", "v4 --ip 10.0.1.7").found(),
        "10.0.1.7/32\n"
    );
    assert_eq!(
        sets.run("allocate", "v4 --ip 10.0.1.6/32").found(),
        "10.0.1.6/32\n"
    );
    assert_eq!(sets.run("list", "v4").found().lines().count(), 8);
    assert_eq!(
        sets.run("release", "v4 10.0.0.3 10.0.1.7/32").found(),
        "released 10.0.0.3/32\nreleased 10.0.1.7/32\n"
    );
    let json = sets.json("allocate", "v4", 0);
    assert_eq!(json["addresses"][0]["address"], "10.0.0.3/32");
    assert_eq!(
        (&json["set"], &json["file"]),
        (&"v4".into(), &sets.name().into())
    );
}

#[test]
fn a_named_range_is_its_tenants_alone() {
    let sets = Sets::applied("range", BOTH);
    assert_eq!(
        sets.run("allocate", "v4 --range blue -n 2").found(),
        "10.0.1.8/32\n10.0.1.9/32\n"
    );
    let full = sets.run("allocate", "v4 --range blue");
    assert!(full.failed(3).contains("0 free, 1 asked for"), "{full:?}");
    let of_blue = sets.run("allocate", "v4 --ip 10.0.1.9");
    assert!(of_blue.failed(2).contains("is cordoned"), "{of_blue:?}");
    let unknown = sets.run("allocate", "v4 --range red");
    assert!(
        unknown.failed(2).contains("there are blue, closed"),
        "{unknown:?}"
    );
    let closed = sets.run("allocate", "v4 --range closed --format json");
    let error = closed.failed_json(2);
    assert_eq!(
        (&error["error"]["code"], &error["error"]["range"]),
        (&"cordoned".into(), &"closed".into())
    );
    let both = sets.run("allocate", "v4 --range blue --ip 10.0.1.9");
    both.failed(2);
}

/// 5 of the first, 13 of the second less one under the cordon and two of the range: 15 in all.
#[test]
fn exhausted_is_all_or_nothing_and_has_its_exit_codes() {
    let sets = Sets::applied("exhausted", BOTH);
    let many = sets.run("allocate", "v4 -n 16");
    assert!(many.failed(3).contains("15 free, 16 asked for"), "{many:?}");
    assert_eq!(
        sets.run("list", "").found(),
        "",
        "what was taken is given back"
    );
    sets.run("allocate", "v4 -n 15").found();
    let error = sets.run("allocate", "v4 --format json").failed_json(3);
    assert_eq!(error["error"]["code"], "exhausted");
    assert_eq!(error["file"], sets.name());
    sets.run("allocate", "v4 --client x").failed(3);
    let taken = sets.run("allocate", "v4 --ip 10.0.0.2");
    assert!(taken.failed(4).contains("10.0.0.2"), "{taken:?}");
    sets.run("allocate", "v4 --ip 10.0.0.1").failed(2);
    sets.run("allocate", "v4 --ip 10.9.0.1").failed(2);
    let block = sets.run("allocate", "v4 --ip 10.0.0.0/30");
    assert!(block.failed(2).contains("not one address"), "{block:?}");
}

#[test]
fn a_client_gets_its_address_again_and_needs_a_key() {
    let sets = Sets::applied("client", BOTH);
    let first = sets.run("allocate", "v4 --client alice");
    let addr = first.found().trim();
    sets.run("release", &format!("v4 {addr}")).found();
    assert_eq!(
        sets.run("allocate", "v4 --client alice").found().trim(),
        addr
    );
    let keyless = sets.run("allocate", "v6 --client alice");
    assert!(keyless.failed(2).contains("client_key = "), "{keyless:?}");
    let error = sets
        .run("allocate", "v6 --client alice --format json")
        .failed_json(2);
    assert_eq!(error["error"]["code"], "no-client-key");
}

/// The prefix has 4 addresses, of which anycast and gateway are reserved: 2 pairs, and then neither half.
#[test]
fn a_pair_is_both_or_none() {
    let sets = Sets::applied("pair", BOTH);
    let pair = sets.run("allocate", "both --pair");
    assert_eq!(pair.found(), "10.0.0.2/32\n2001:db8::2/128\n");
    sets.run("allocate", "both --pair").found();
    let before = sets.run("list", "").found().to_owned();
    let error = sets
        .run("allocate", "both --pair --format json")
        .failed_json(3);
    assert_eq!(
        (&error["error"]["code"], &error["error"]["side"]),
        (&"exhausted".into(), &"v6".into())
    );
    assert_eq!(sets.run("list", "").found(), before);
    let released = sets.run("release", "both 10.0.0.2 2001:db8::2");
    assert_eq!(
        released.found(),
        "released 10.0.0.2/32\nreleased 2001:db8::2/128\n"
    );
    let no_pair = sets.run("allocate", "v4 --pair");
    assert!(no_pair.failed(2).contains("there are both"), "{no_pair:?}");
    // All of the pairs, or none: there is one left.
    let held = sets.run("list", "").found().to_owned();
    let run = sets.run("allocate", "both --pair -n 2");
    assert!(run.failed(3).contains("IPv6: exhausted"), "{run:?}");
    assert_eq!(sets.run("list", "").found(), held);
    sets.run("release", "both 10.0.0.3 2001:db8::3").found();
    let pairs = "10.0.0.2/32\n2001:db8::2/128\n10.0.0.3/32\n2001:db8::3/128\n";
    assert_eq!(sets.run("allocate", "both --pair -n 2").found(), pairs);
    let no_set = sets.run("allocate", "both");
    assert!(no_set.failed(2).contains("both (a pair)"), "{no_set:?}");
}

/// A client of a pair gets its pair again. The key is that of the IPv4 set; without one there are no clients.
#[test]
fn a_client_gets_its_pair_again() {
    let sets = Sets::applied("client-pair", BOTH);
    let first = sets.run("allocate", "both --pair --client alice");
    let pair = first.found().to_owned();
    let addrs: Vec<_> = pair.lines().collect();
    assert_eq!(addrs.len(), 2, "{pair}");
    sets.run("release", &format!("both {}", addrs.join(" ")))
        .found();
    let again = sets.run("allocate", "both --pair --client alice");
    assert_eq!(again.found(), pair);
    let twins = |key: &str| {
        format!(
            "[sets.a]\n{key}[[sets.a.members]]\nnetwork='10.8.0.0/29'\nfile='a'\n[[sets.b.members]]\n\
             network='fd00::/112'\nfile='b'\n[pairs.p]\nv4='a'\nv6='b'\nindex='same'\n"
        )
    };
    let keyless = Sets::applied("keyless-twins", &twins(""));
    let error = keyless
        .run("allocate", "p --pair --client x --format json")
        .failed_json(2);
    assert_eq!(error["error"]["code"], "no-client-key");
    let key = "client_key='000102030405060708090a0b0c0d0e0f'\n";
    let sets = Sets::applied("client-twins", &twins(key));
    let first = sets.run("allocate", "p --pair --client alice");
    let pair = first.found().to_owned();
    let addrs: Vec<_> = pair.lines().collect();
    sets.run("release", &format!("p {}", addrs.join(" ")))
        .found();
    let again = sets.run("allocate", "p --pair --client alice");
    assert_eq!(again.found(), pair);
}

/// What is counted is the choice of each process: another level fits the same files.
#[test]
fn every_level_of_statistics_is_taken() {
    let text = |level: &str| {
        format!("[[sets.v4.members]]\nnetwork='10.0.0.0/24'\nfile='a'\nstats='{level}'\n")
    };
    let sets = Sets::applied("levels", &text("counts"));
    for (level, host) in hostbits::StatsLevel::ALL.into_iter().zip(2..) {
        std::fs::write(sets.name(), text(level.name())).unwrap();
        let addr = sets.run("allocate", "v4");
        assert_eq!(addr.found(), format!("10.0.0.{host}/32\n"), "{level:?}");
    }
}

#[test]
fn twins_have_the_same_index() {
    let text = "[[sets.a.members]]\nnetwork='10.8.0.0/29'\nfile='a'\n[[sets.b.members]]\n\
                network='fd00::/112'\nfile='b'\n[pairs.p]\nv4='a'\nv6='b'\nindex='same'\n";
    let sets = Sets::applied("twins", text);
    sets.run("allocate", "b --ip fd00::2").found();
    assert_eq!(
        sets.run("allocate", "p --pair").found(),
        "10.8.0.3/32\nfd00::3/128\n"
    );
    for _ in 0..3 {
        sets.run("allocate", "p --pair").found();
    }
    let error = sets
        .run("allocate", "p --pair --format json")
        .failed_json(3);
    assert_eq!(error["error"]["code"], "no-common-index");
}

#[test]
fn release_says_for_each_and_a_second_mention_releases_nothing() {
    let sets = Sets::applied("release", BOTH);
    sets.run("allocate", "v4 -n 2").found();
    let run = sets.run("release", "v4 10.0.0.2 10.0.0.2 10.0.0.9");
    assert_eq!((run.code, &*run.out), (Some(5), "released 10.0.0.2/32\n"));
    assert!(run.err.contains("10.0.0.2 is not allocated"), "{run:?}");
    assert_eq!(sets.run("release", "v4 10.9.9.9").code, Some(2));
    assert_eq!(
        sets.run("release", "v4 10.0.0.1").code,
        Some(2),
        "the gateway"
    );
    let json = sets.json("release", "v4 10.0.0.3 10.0.0.4", 5);
    assert_eq!(
        (&json["released"], &json["refused"]),
        (&1.into(), &1.into())
    );
    assert_eq!(json["addresses"][1]["error"]["code"], "not-allocated");
    sets.run("release", "v5 10.0.0.3").failed(2);
}

#[test]
fn next_keeps_nothing_and_needs_no_file() {
    let sets = Sets::new("next", &BOTH.replace("file = 'c.pool'", ""));
    let name = sets.name();
    let users = b"10.0.0.2,alice\n10.0.0.3\n10.0.0.2,bob\n2001:db8::2\n10.9.9.9\nx\n";
    let run = run_with_input(
        &[
            "set",
            "next",
            &name,
            "v4",
            "--users",
            "-",
            "-n",
            "2",
            "--skip-unreadable",
            "1",
        ],
        users,
    );
    assert_eq!(run.found(), "10.0.0.4/32\n10.0.0.5/32\n");
    assert!(
        run.err.contains("-:5: \"10.9.9.9\"") || run.err.contains(":5: \"10.9.9.9\""),
        "{run:?}"
    );
    assert!(!sets.path("a.pool").exists());
    assert_eq!(sets.run("next", "v6").found(), "2001:db8::2/128\n");
    let full = sets.run("next", "v4 -n 16 --format json").failed_json(3);
    assert_eq!(full["list"]["entries"], 0);
    let args = [
        "set", "next", &name, "v4", "--users", "-", "--format", "json",
    ];
    let run = run_with_input(&args, b"10.0.0.0/29\n");
    let json: Value = serde_json::from_str(run.found()).unwrap();
    assert_eq!(
        (&json["addresses"][0]["address"], &json["list"]["taken"]),
        (&"10.0.1.2/32".into(), &5.into())
    );
    sets.run("next", "v4 --users none.csv").failed(2);
    sets.run("next", "nowhere").failed(2);
}

#[test]
fn a_set_without_files_has_the_stateless_verbs_alone() {
    let sets = Sets::new("stateless", "[[sets.a.members]]\nnetwork = '10.0.0.0/24'\n");
    assert_eq!(
        sets.run("plan", "").found(),
        "apply would change no pool file\n"
    );
    for verb in ["allocate", "show", "list", "check"] {
        let run = sets.run(verb, "a");
        let err = run.failed(2);
        assert!(err.contains("10.0.0.0/24 of line 1 has no file"), "{err}");
        assert!(err.contains(" SET --users LIST"), "{err}");
        let error = sets.run(verb, "a --format json").failed_json(2);
        assert_eq!(
            (&error["error"]["code"], &error["error"]["line"]),
            (&"no-file".into(), &1.into())
        );
    }
    sets.run("release", "a 10.0.0.2").failed(2);
}

#[test]
fn a_configuration_that_is_wrong_is_told_by_line_and_key() {
    let sets = Sets::new(
        "wrong",
        "[[sets.a.members]]\nnetwork = '10.0.0.0'\nunits = 3\n",
    );
    for (verb, options) in [
        ("plan", ""),
        ("apply", ""),
        ("next", "a"),
        ("allocate", "a"),
        ("release", "a 10.0.0.2"),
        ("show", ""),
        ("list", ""),
        ("check", ""),
    ] {
        let run = sets.run(verb, options);
        let err = run.failed(2);
        assert!(
            err.contains("sets.toml: line 2: sets.a.members[0].network: "),
            "{err}"
        );
        assert!(
            err.contains("sets.toml: line 3: sets.a.members[0].units: "),
            "{err}"
        );
        assert!(err.lines().all(|line| line.starts_with("error: ")), "{err}");
        let error = sets
            .run(verb, &format!("{options} --format json"))
            .failed_json(2);
        assert_eq!(error["error"]["code"], "bad-config");
        let problem = &error["error"]["problems"][1];
        assert_eq!(
            (&problem["line"], &problem["code"]),
            (&3.into(), &"unknown-key".into())
        );
        assert_eq!(problem["key"], "sets.a.members[0].units");
    }
    let error = sets
        .run_of("none.toml", "plan", "--format json")
        .failed_json(2);
    assert_eq!(error["error"]["code"], "unreadable");
    sets.run("plan", "--now none.toml").failed(2);
}

#[test]
fn what_would_renumber_is_exit_code_9_and_changes_nothing() {
    let sets = Sets::applied("refused", BOTH);
    sets.run("allocate", "v4").found();
    sets.write(
        "new.toml",
        &(BOTH.replace("10.0.0.0/29", "10.0.2.0/29")
            + "[[sets.w.members]]\nnetwork='10.7.0.0/24'\nfile='w.pool'\n"),
    );
    let plan = sets.run_of("new.toml", "plan", "");
    assert_eq!(
        (plan.code, &*plan.err),
        (Some(9), ""),
        "the plan is the answer"
    );
    assert!(
        plan.out
            .contains("refused: line 4: v4: 10.0.2.0/29: the file holds another pool"),
        "{plan:?}"
    );
    assert!(
        plan.out
            .ends_with("nothing is done while anything is refused\n"),
        "{plan:?}"
    );
    let apply = sets.run_of("new.toml", "apply", "");
    assert!(
        apply.failed(9).contains("1 addresses of it are allocated"),
        "{apply:?}"
    );
    assert!(!sets.path("w.pool").exists());
    let error = sets
        .run_of("new.toml", "apply", "--format json")
        .failed_json(9);
    assert_eq!(error["error"]["refusals"][0]["code"], "network-changed");
    let run = sets.run_of("new.toml", "plan", "--format json");
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (run.code, &json["refusals"][0]["line"]),
        (Some(9), &4.into())
    );
    let error = sets
        .run_of("new.toml", "allocate", "v4 --format json")
        .failed_json(8);
    assert_eq!(
        (&error["error"]["code"], &error["error"]["line"]),
        (&"geometry-mismatch".into(), &4.into())
    );
    let check = sets.run_of("new.toml", "check", "v4");
    assert_eq!(check.code, Some(9), "{check:?}");
    assert_eq!(sets.run_of("new.toml", "check", "v6").code, Some(0));
}

#[test]
fn an_old_configuration_shows_what_is_gone() {
    let sets = Sets::applied("now", BOTH);
    let first = "[[sets.v4.members]]\nnetwork = '10.0.0.0/29'\nfile = 'a.pool'\n";
    sets.write("new.toml", &BOTH.replace(first, ""));
    let now = sets.path("sets.toml");
    let with_now = format!("--now {}", now.to_str().unwrap());
    sets.run_of("new.toml", "plan", "").found();
    let plan = sets.run_of("new.toml", "plan", &with_now);
    assert!(
        plan.out.contains("was not drained") && plan.code == Some(9),
        "{plan:?}"
    );
    let drained = first.to_owned() + "drained = true\n";
    sets.write("sets.toml", &BOTH.replace(first, &drained));
    let plan = sets.run_of("new.toml", "plan", &with_now);
    assert!(
        plan.found().contains("v4: 10.0.0.0/29: remove\n"),
        "{plan:?}"
    );
    assert_eq!(
        sets.run("allocate", "v4").found(),
        "10.0.1.2/32\n",
        "drained"
    );
    sets.run_of("new.toml", "apply", &with_now).found();
}

#[test]
fn apply_creates_grows_and_can_be_repeated() {
    let sets = Sets::new("apply", BOTH);
    let missing = sets.run("allocate", "v4");
    assert!(
        missing.failed(8).contains("hint: hostbits set apply"),
        "{missing:?}"
    );
    for verb in ["show", "list", "check"] {
        let error = sets.run(verb, "v4 --format json").failed_json(8);
        assert_eq!(error["error"]["code"], "not-found");
    }
    let json = sets.json("plan", "", 0);
    assert_eq!(
        (&json["applied"], &json["changes_files"]),
        (&false.into(), &true.into())
    );
    assert_eq!(json["steps"][0]["step"], "create");
    assert!(sets.run("apply", "").found().ends_with("done\n"));
    let json = sets.json("apply", "", 0);
    assert_eq!(
        (&json["applied"], &json["changes_files"]),
        (&true.into(), &false.into())
    );
    sets.run("allocate", "v4").found();
    sets.write("sets.toml", &BOTH.replace("10.0.0.0/29", "10.0.0.0/28"));
    let check = sets.run("check", "");
    assert!(
        check
            .found()
            .contains("not yet applied: v4: 10.0.0.0/28: grow by 8, 1 allocated"),
        "{check:?}"
    );
    // A live process: growth waits for it, and the rest goes on.
    let live = file::open(sets.path("a.pool")).unwrap();
    let busy = sets.run("apply", "");
    assert!(busy.failed(8).contains("apply again"), "{busy:?}");
    drop(live);
    let error = sets.run("allocate", "v4");
    assert!(
        error.failed(8).contains("set plan"),
        "not before it is applied: {error:?}"
    );
    sets.run("apply", "").found();
    assert_eq!(sets.run("allocate", "v4").found(), "10.0.0.3/32\n");
}

#[test]
fn commands_and_a_live_process_share_the_members() {
    let sets = Sets::applied("live", BOTH);
    let live = file::open(sets.path("a.pool")).unwrap();
    let ours = live.allocate().unwrap();
    assert_eq!(sets.run("allocate", "v4").found(), "10.0.0.3/32\n");
    assert_eq!(live.allocated(), 2);
    sets.run("release", &format!("v4 {ours}")).found();
    assert!(live.is_available(ours));
    let shown = sets.json("show", "v4", 0);
    assert_eq!(shown["sets"][0]["members"][0]["processes"], 1);
    sets.run("check", "").found();
}

#[test]
fn show_draws_every_member_with_a_legend() {
    let sets = Sets::applied("show", BOTH);
    sets.run("allocate", "v4 -n 7").found();
    let shown = sets.run("show", "v4");
    assert_eq!(
        shown.found().replace(&format!("{}/", sets.0.display()), ""),
        "v4: 7 of 18 allocated, 8 available, 46.6 % used\n\
         \n\
         10.0.0.0/29 in a.pool: 5 of 5 allocated, 100.0 % used\n\
         10.0.0.0  --#####-\n\
         one slot a character: . free, # taken, - never handed out\n\
         \n\
         10.0.1.0/28 in b.pool: 2 of 13 allocated, 15.3 % used\n\
         \u{20} cordon 10.0.1.14: 0 still allocated\n\
         10.0.1.0  --##...........-\n\
         one slot a character: . free, # taken, - never handed out\n\
         \n\
         range blue: 10.0.1.8 to 10.0.1.9, exclusive, 0 of 2 allocated, 0.0 % used\n\
         \n\
         range closed: 10.0.1.14, 0 of 1 allocated, 0.0 % used\n\
         \n"
    );
    assert!(
        sets.run("show", "")
            .found()
            .contains("\nv6: 0 of 2 allocated")
    );
    let json = sets.json("list", "", 0);
    assert_eq!(json["sets"][0]["addresses"].as_array().unwrap().len(), 7);
    assert_eq!(json["sets"][1]["set"], "v6");
    sets.run("show", "v7").failed(2);
}

#[test]
fn damage_is_exit_code_8() {
    let sets = Sets::applied("damage", BOTH);
    let mut bytes = fs::read(sets.path("a.pool")).unwrap();
    // The first of the two headers.
    bytes[200] ^= 0xff;
    fs::write(sets.path("a.pool"), &bytes).unwrap();
    let check = sets.run("check", "v4");
    assert_eq!(check.code, Some(8), "{check:?}");
    assert!(
        check.out.contains("a.pool: damage: one of the two headers"),
        "{check:?}"
    );
    let json = sets.json("check", "", 8);
    assert_eq!(
        (&json["is_good"], &json["members"][0]["is_good"]),
        (&false.into(), &false.into())
    );
    assert_eq!(json["members"][1]["is_good"], true);
    fs::write(sets.path("a.pool"), "no pool at all").unwrap();
    for verb in ["plan", "apply", "show", "check"] {
        let error = sets.run(verb, "--format json").failed_json(8);
        assert!(
            error["error"]["pool_file"]
                .as_str()
                .unwrap()
                .ends_with("a.pool"),
            "{error}"
        );
        assert_eq!(error["error"]["line"], 4);
    }
}

/// `check` looks at the set that is asked for, whatever becomes of the others.
#[test]
fn check_looks_at_the_named_set_alone() {
    let sets = Sets::applied("check-named", BOTH);
    fs::write(sets.path("c.pool"), "no pool file").unwrap();
    assert_eq!(sets.run("check", "").code, Some(8));
    assert_eq!(sets.run("check", "v6").code, Some(8));
    let json = sets.json("check", "v4", 0);
    let steps = json["plan"]["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["set"] == "v4"), "{json}");
    fs::remove_file(sets.path("c.pool")).unwrap();
    sets.run("check", "v4").found();
}

/// As many as there are, from several members: one call, and nothing is kept of one that fails.
#[test]
fn many_addresses_are_all_or_none() {
    let sets = Sets::applied("many", BOTH);
    let all = 5 + 13 - 1 - 2;
    let run = sets.run("allocate", &format!("v4 -n {}", all + 1));
    assert!(run.failed(3).contains("15 free, 16 asked for"), "{run:?}");
    assert_eq!(sets.run("list", "v4").found(), "");
    // One member has so many, the first one has not.
    let run = sets.run("allocate", "v4 -n 6");
    assert_eq!(run.found().lines().count(), 6);
    let rest = sets.run("allocate", &format!("v4 -n {}", all - 6));
    assert_eq!(rest.found().lines().count(), all - 6);
    assert_eq!(sets.run("allocate", "v4").code, Some(3));
}

#[test]
fn quarantine_is_exit_code_6() {
    let sets = Sets::applied(
        "quarantine",
        "[[sets.a.members]]\nnetwork='10.0.0.0/29'\nfile='a.pool'\n",
    );
    // A copy of a file that was in use: nothing vouches for what is free in it.
    let live = file::open(sets.path("a.pool")).unwrap();
    fs::copy(sets.path("a.pool"), sets.path("copy")).unwrap();
    drop(live);
    fs::rename(sets.path("copy"), sets.path("a.pool")).unwrap();
    let run = sets.run("allocate", "a");
    assert!(run.failed(6).contains("hostbits set reclaim"), "{run:?}");
}

/// After a kill at any moment of creating and growing, repeating the command does the rest, and no address is lost.
#[test]
fn an_apply_that_was_killed_is_repeated() {
    let text = |prefix_len: u8| -> String {
        let member = |index: u8| {
            format!(
                "[[sets.a.members]]\nnetwork='10.{index}.0.0/{prefix_len}'\nfile='{index}.pool'\n"
            )
        };
        (0..6).map(member).collect()
    };
    let mut killed = 0;
    for round in 0..24u32 {
        let sets = Sets::new("killed", &text(24));
        // Every second time, it is growth that dies, into a larger file.
        if round % 2 == 1 {
            sets.run("apply", "").found();
            sets.run("allocate", "a -n 300").found();
            sets.write("sets.toml", &text(20));
        }
        let held = sets.run("list", "").out;
        let mut child = command(&["set", "apply", &sets.name()])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(u64::from(round) * 400));
        child.kill().unwrap();
        killed += u32::from(child.wait().unwrap().code().is_none());
        assert!(sets.run("apply", "").found().ends_with("done\n"));
        assert_eq!(sets.json("apply", "", 0)["changes_files"], false);
        let check = sets.run("check", "");
        assert_eq!(check.code, Some(0), "round {round}: {check:?}");
        if round % 2 == 1 {
            assert_eq!(sets.run("list", "").found(), held, "round {round}");
        }
    }
    assert!(killed > 0, "nobody was killed");
}

/// What strict and barrier printed is held after the machine went down, and the rest is free.
#[test]
fn what_was_printed_is_held_after_a_crash() {
    for durability in ["strict", "barrier"] {
        let member = |set: &str, net: &str| {
            format!(
                "[[sets.{set}.members]]\nnetwork='{net}'\nfile='{set}.pool'\ndurability='{durability}'\n"
            )
        };
        let text =
            member("a", "10.0.0.0/24") + &member("b", "fd00::/112") + "[pairs.p]\nv4='a'\nv6='b'\n";
        let sets = Sets::applied("crash", &text);
        let crash = |name: &str| {
            let file = PoolFile(sets.path(name));
            reboot(&file);
            // The folder goes with the test, not the file with this name for it.
            std::mem::forget(file);
        };
        sets.run("allocate", "a -n 2").found();
        crash("a.pool");
        assert_eq!(
            sets.run("allocate", "p --pair").found(),
            "10.0.0.4/32\nfd00::2/128\n",
            "{durability}"
        );
        crash("a.pool");
        crash("b.pool");
        assert_eq!(
            sets.run("allocate", "p --pair").found(),
            "10.0.0.5/32\nfd00::3/128\n",
            "{durability}"
        );
    }
}

/// With no reader of its output, the address is still allocated, and the message says how to give it back.
#[test]
fn an_address_that_nobody_reads_is_told() {
    let sets = Sets::applied("unread", BOTH);
    let output = command(&["set", "allocate", &sets.name(), "v4"])
        .stdout(fs::File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        err.contains("set release ") && err.contains("v4 10.0.0.2/32"),
        "{err}"
    );
    sets.run("release", "v4 10.0.0.2/32").found();
}

/// A folder's name may be any bytes; the configuration's own names are text.
#[test]
fn a_folder_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let sets = Sets::new("bytes", BOTH);
    let folder = sets.0.join(std::ffi::OsStr::from_bytes(b"odd-\xff"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("sets.toml"), BOTH).unwrap();
    for format in ["plain", "json"] {
        for verb in ["plan", "apply", "show", "check"] {
            let mut command = command(&["set", verb, "--format", format]);
            let output = command.arg(folder.join("sets.toml")).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{verb} {format}: {output:?}");
            assert!(String::from_utf8(output.stdout).unwrap().len() > 10);
        }
    }
}

#[test]
fn every_command_has_help_with_the_exit_codes() {
    for verb in [
        "plan",
        "apply",
        "next",
        "allocate",
        "release",
        "show",
        "list",
        "check",
        "reconcile",
        "seed",
        "reclaim",
    ] {
        let help = run(&["set", verb, "--help"]);
        assert!(help.found().contains("--format"), "{verb}");
        run(&["set", verb]).failed(2);
    }
    let help = run(&["set", "--help"]);
    assert!(help.found().contains("hostbits set plan sets.toml"));
}

/// The shell examples of the pages are run, and their output is compared. The sets of one are those of the example.
#[test]
fn the_stories_of_the_guides_are_what_happens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = fs::read_to_string(root.join("examples/sets.toml")).unwrap();
    for (name, most) in [("sets", 25), ("files", 3), ("command-line", 2)] {
        let page = fs::read_to_string(root.join(format!("docs/guide/{name}.md"))).unwrap();
        let sets = Sets::new(&format!("story-{name}"), &example);
        let commands = tell(&page, &sets.0);
        assert!(commands >= most, "{name}: {commands}");
    }
}

/// Runs the commands of a page, one after the other, and says how many there are.
fn tell(page: &str, folder: &Path) -> usize {
    let mut commands = 0;
    let blocks = page.split("```console\n").skip(1);
    for block in blocks.map(|block| block.split("```").next().unwrap()) {
        for step in block.split("$ ").skip(1) {
            let (line, expected) = step.split_once('\n').unwrap();
            let script = line.replace("hostbits", env!("CARGO_BIN_EXE_hostbits"));
            let mut shell = std::process::Command::new("sh");
            let output = shell
                .args(["-c", &script])
                .current_dir(folder)
                .output()
                .unwrap();
            let text = [output.stdout, output.stderr].concat();
            assert_eq!(String::from_utf8(text).unwrap(), expected, "{line}");
            commands += 1;
        }
    }
    commands
}

/// A user who has drained a set sees that, and does not look for a leak.
#[test]
fn a_drained_set_says_so() {
    let sets = Sets::applied("drained-says", BOTH);
    sets.write(
        "sets.toml",
        &BOTH.replace("file = 'a.pool'", "file = 'a.pool'\ndrained = true"),
    );
    let toml = sets.path("sets.toml");
    let refused = sets.run("allocate", "v4 -n 12");
    let err = refused.failed(3);
    assert!(
        err.contains("free in drained members or under cordons"),
        "{err}"
    );
    assert!(
        err.contains(&format!("hint: hostbits set show {}", toml.display())),
        "{err}"
    );
    let error = sets
        .run("allocate", "v4 -n 12 --format json")
        .failed_json(3);
    assert_eq!(error["error"]["code"], "exhausted");
    assert!(error["error"]["closed"].as_u64().unwrap() >= 5, "{error}");
}
