//! A disk that fails under a command: each sync of each command that writes, one after the other, is an error.
//! By `strace`; without it these tests say so and do nothing.

#[path = "../../../../tests/support/skip.rs"]
mod skip;

use crate::run::{Run, command, run};
use serde_json::Value;
use skip::skip;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The calls by which something is made durable.
const SYNCS: [&str; 3] = ["fdatasync", "fsync", "msync"];

/// Whether other programs can be traced here; says why if not.
fn can_trace() -> bool {
    let traced = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    match traced {
        Ok(output) if output.status.success() => return true,
        Ok(output) => skip(String::from_utf8_lossy(&output.stderr)),
        Err(error) => skip(format!("strace: {error}")),
    }
    false
}

/// A folder of one command.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn args<'a>(&self, line: &'a str) -> Vec<std::borrow::Cow<'a, str>> {
        // A word with a dot is a file of this folder, unless it is an address.
        let is_file =
            |word: &str| word.contains('.') && !word.starts_with(|c: char| c.is_ascii_digit());
        let path = |word| self.0.join(word).to_str().unwrap().to_owned();
        let words = line.split_whitespace();
        words
            .map(|word| match is_file(word) {
                true => path(word).into(),
                false => word.into(),
            })
            .collect()
    }

    fn run(&self, line: &str) -> Run {
        let args = self.args(line);
        run(&args.iter().map(|word| &**word).collect::<Vec<_>>())
    }

    /// The command, whose n-th call of this kind fails. `None` if it makes fewer of them.
    fn run_failing(&self, line: &str, call: &str, when: usize) -> (Run, bool) {
        let log = self.0.join("strace.log");
        let args = self.args(line);
        let child = command(&args.iter().map(|word| &**word).collect::<Vec<_>>());
        let output = Command::new("strace")
            .args(["-f", "-qq", "-o", log.to_str().unwrap()])
            .args(["-e", &format!("trace={call}")])
            .args(["-e", &format!("inject={call}:error=EIO:when={when}")])
            .arg(child.get_program())
            .args(child.get_args())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let is_injected = fs::read_to_string(log).unwrap().contains("INJECTED");
        (Run::of(output), is_injected)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const SETS: &str = "\
[[sets.v4.members]]
network = '10.0.0.0/24'
file = 'a.pool'
durability = 'barrier'
[[sets.v4.members]]
network = '10.2.0.0/24'
file = 'b.pool'
[[sets.v6.members]]
network = '2001:db8::/120'
file = 'c.pool'
durability = 'barrier'
[pairs.any]
v4 = 'v4'
v6 = 'v6'
";

const TWINS: &str = "\
[[sets.v4.members]]
network = '10.0.0.0/24'
file = 'a.pool'
[[sets.v6.members]]
network = '2001:db8::/120'
file = 'c.pool'
durability = 'barrier'
[pairs.same]
v4 = 'v4'
v6 = 'v6'
index = 'same'
";

const POOL: &str = "pool create a.pool 10.0.0.0/24 --durability barrier";

/// A name, what is there before the command, and the command.
type Case = (&'static str, &'static [&'static str], &'static str);

const OF_POOLS: &[Case] = &[
    ("create", &[], POOL),
    ("allocate", &[POOL], "pool allocate a.pool -n 2"),
    (
        "release",
        &[POOL, "pool allocate a.pool -n 2"],
        "pool release a.pool 10.0.0.2 10.0.0.3",
    ),
    ("sync", &[POOL, "pool allocate a.pool"], "pool sync a.pool"),
    (
        "grow",
        &[POOL, "pool allocate a.pool"],
        "pool grow a.pool 10.0.0.0/22",
    ),
    (
        "grow-in-place",
        &[
            "pool create a.pool 10.0.0.0/24 --capacity 1024",
            "pool allocate a.pool",
        ],
        "pool grow a.pool 10.0.0.0/22",
    ),
    (
        "reclaim",
        &[POOL, "pool allocate a.pool"],
        "pool reclaim a.pool --nobody",
    ),
    (
        "backup",
        &[POOL, "pool allocate a.pool"],
        "pool backup a.pool b.pool",
    ),
    (
        "restore",
        &[POOL, "pool backup a.pool b.pool"],
        "pool restore b.pool a.pool",
    ),
];

const OF_PASSES: &[Case] = &[
    ("seed", &[POOL], "seed a.pool --from list.csv"),
    (
        "adopt",
        &[POOL],
        "reconcile a.pool --from list.csv --mode adopt",
    ),
    (
        "pass",
        &[POOL, "pool allocate a.pool -n 3"],
        "reconcile a.pool --from list.csv --grace 0",
    ),
    (
        "wait",
        &[POOL, "pool allocate a.pool -n 3"],
        "reconcile a.pool --from list.csv --grace 1ms --wait",
    ),
    (
        "keep",
        &[POOL, "pool allocate a.pool -n 3"],
        "reconcile a.pool --from list.csv -o plan.json",
    ),
    (
        "apply",
        &[
            POOL,
            "pool allocate a.pool -n 3",
            "reconcile a.pool --from list.csv --grace 1ms -o plan.json",
        ],
        "reconcile apply plan.json",
    ),
    (
        "undo",
        &[
            POOL,
            "pool allocate a.pool -n 3",
            "reconcile a.pool --from list.csv --wait --grace 1ms -o plan.json",
        ],
        "reconcile undo plan.json",
    ),
    ("close", &[POOL], "reconcile close a.pool"),
];

const OF_SETS: &[Case] = &[
    ("set-apply", &[], "set apply sets.toml"),
    ("set-grow", &["set apply sets.toml"], "set apply wider.toml"),
    (
        "set-allocate",
        &["set apply sets.toml"],
        "set allocate sets.toml v4 -n 2",
    ),
    (
        "set-pair",
        &["set apply sets.toml"],
        "set allocate sets.toml any --pair",
    ),
    (
        "set-twins",
        &["set apply twins.toml"],
        "set allocate twins.toml same --pair",
    ),
    (
        "set-release",
        &["set apply sets.toml", "set allocate sets.toml v4 -n 2"],
        "set release sets.toml v4 10.0.0.2 10.2.0.2",
    ),
    (
        "set-seed",
        &["set apply sets.toml"],
        "set seed sets.toml v4 --from list.csv",
    ),
    (
        "set-reclaim",
        &["set apply sets.toml"],
        "set reclaim sets.toml v4 --nobody",
    ),
    (
        "set-pass",
        &["set apply sets.toml"],
        "set reconcile sets.toml v4 --from list.csv --grace 0",
    ),
    (
        "set-plan",
        &[
            "set apply sets.toml",
            "set reconcile sets.toml v4 --from list.csv --grace 1ms -o plan.json",
        ],
        "set reconcile apply plan.json",
    ),
    (
        "set-close",
        &["set apply sets.toml"],
        "set reconcile close sets.toml v4",
    ),
];

fn prepared(name: &str, before: &[&str]) -> Folder {
    let folder = Folder::new(name);
    folder.write("sets.toml", SETS);
    folder.write("twins.toml", TWINS);
    folder.write("wider.toml", &SETS.replace("10.2.0.0/24", "10.2.0.0/23"));
    folder.write("list.csv", "10.0.0.2,alice\n10.0.0.9,bob\n");
    for line in before {
        let run = folder.run(line);
        assert!(matches!(run.code, Some(0 | 1)), "{line}: {run:?}");
    }
    folder
}

/// Whenever a disk refuses a write, the command says so: with an exit code of its own, a sentence, and no answer. A
/// release, a pass and a step of a plan used to print theirs before they closed the file.
fn check(cases: &[Case]) {
    if !can_trace() {
        return;
    }
    let mut untold = Vec::new();
    for (name, before, line) in cases {
        let mut faults = 0;
        for call in SYNCS {
            for when in 1.. {
                let folder = prepared(name, before);
                let json = format!("{line} --format json");
                let (run, is_injected) = folder.run_failing(&json, call, when);
                let what = format!("{name}, {call} {when}: {run:?}");
                if !is_injected {
                    assert!(matches!(run.code, Some(0 | 1 | 5)), "{what}");
                    break;
                }
                faults += 1;
                if !is_told(&run) {
                    untold.push(what);
                }
            }
        }
        assert_ne!(faults, 0, "{name} syncs nothing");
        println!("{name}: {faults} faults");
    }
    assert!(untold.is_empty(), "{}", untold.join("\n"));
}

#[test]
fn a_sync_that_fails_is_an_error_of_a_command_on_pools() {
    check(OF_POOLS);
}

#[test]
fn a_sync_that_fails_is_an_error_of_a_pass() {
    check(OF_PASSES);
}

#[test]
fn a_sync_that_fails_is_an_error_of_a_command_on_sets() {
    check(OF_SETS);
}

/// Whether a run says that the disk has failed, and nothing else.
fn is_told(run: &Run) -> bool {
    let told: Value = serde_json::from_str(&run.err).unwrap_or_default();
    let code = match told["error"]["code"].as_str() {
        Some("sync-failed" | "poisoned" | "io") => 8,
        Some("unwritable") => 2,
        _ => return false,
    };
    let is_a_sentence = told["message"].as_str().is_some_and(|it| it.contains(": "));
    run.out.is_empty() && run.code == Some(code) && is_a_sentence
}

/// Addresses that were allocated when the close failed are named, so that they can be given back:
/// no caller has seen them.
#[test]
fn what_nobody_was_told_is_named() {
    if !can_trace() {
        return;
    }
    for (name, before, line) in [
        ("untold", POOL, "pool allocate a.pool -n 2"),
        (
            "untold-of-set",
            "set apply sets.toml",
            "set allocate sets.toml v4 -n 2",
        ),
    ] {
        let folder = prepared(name, &[before]);
        // The witness of who leaves: the last but that of the other member.
        let when = if name == "untold" { 2 } else { 3 };
        let (run, is_injected) = folder.run_failing(line, "fsync", when);
        assert!(is_injected, "{run:?}");
        let mut lines = run.failed(8).lines();
        let error = lines.next().unwrap();
        assert!(
            error.ends_with("; 2 allocated, but not reported"),
            "{run:?}"
        );
        let hint = lines
            .next()
            .unwrap()
            .strip_prefix("hint: hostbits ")
            .unwrap();
        assert!(hint.ends_with(" 10.0.0.2/32 10.0.0.3/32"), "{run:?}");
        let words: Vec<_> = hint.split(' ').collect();
        let released = crate::run::run(&words);
        assert_eq!(
            released.found(),
            "released 10.0.0.2/32\nreleased 10.0.0.3/32\n"
        );
    }
}

/// If the sync before the answer fails, what was allocated is given back, because no caller would ever release it.
#[test]
fn what_is_not_durable_is_given_back() {
    if !can_trace() {
        return;
    }
    for (name, before, line) in [
        ("given-back", POOL, "pool allocate a.pool --block /28"),
        (
            "set-given-back",
            "set apply sets.toml",
            "set allocate sets.toml v4 -n 2",
        ),
        (
            "pairs-given-back",
            "set apply sets.toml",
            "set allocate sets.toml any --pair -n 2",
        ),
    ] {
        let folder = prepared(name, &[before]);
        let (run, is_injected) = folder.run_failing(line, "msync", 1);
        assert!(is_injected && run.code == Some(8), "{run:?}");
        let view = hostbits::file::read(folder.0.join("a.pool")).unwrap();
        assert_eq!(view.snapshot.allocated(), 253, "{name}");
        assert_eq!(view.quarantined, 253, "{name}: nothing is held by nobody");
    }
}

const STRICT: &str = "\
[[sets.v4.members]]
network = '10.0.0.0/28'
file = 'a.pool'
durability = 'strict'
[sets.v4.ranges.some]
range = '10.0.0.4-10.0.0.7'
policy = 'lowest'
[[sets.v6.members]]
network = '2001:db8::/125'
file = 'c.pool'
durability = 'strict'
[pairs.any]
v4 = 'v4'
v6 = 'v6'
[pairs.same]
v4 = 'v4'
v6 = 'v6'
index = 'same'
";

/// More than there can ever be is refused at once: not a single address is taken for it, each of which would be
/// a write to the disk here.
#[test]
fn what_can_never_be_is_refused_without_a_try() {
    if !can_trace() {
        return;
    }
    let folder = Folder::new("never");
    folder.write("strict.toml", STRICT);
    folder.run("set apply strict.toml").found();
    for (line, code, capacity) in [
        ("pool allocate a.pool -n 14", "exhausted", 13),
        ("set allocate strict.toml v4 -n 14", "exhausted", 13),
        (
            "set allocate strict.toml v4 --range some -n 5",
            "exhausted",
            4,
        ),
        ("set allocate strict.toml any --pair -n 14", "exhausted", 13),
        ("set allocate strict.toml any --pair -n 8", "exhausted", 6),
        (
            "set allocate strict.toml same --pair -n 14",
            "exhausted",
            13,
        ),
    ] {
        let json = format!("{line} --format json");
        let (run, _) = folder.run_failing(&json, "msync", 99);
        let error = run.failed_json(3);
        assert_eq!(error["error"]["code"], code, "{line}");
        assert_eq!(error["error"]["capacity"], capacity, "{line}");
        let log = fs::read_to_string(folder.0.join("strace.log")).unwrap();
        assert_eq!(log.matches("msync(").count(), 0, "{line}: {log}");
    }
    let one = folder.run("set allocate strict.toml v4 --range some -n 4");
    assert_eq!(one.found().lines().count(), 4);
}
