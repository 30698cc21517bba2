//! `hostbits who`: what an address is, and whose.

use crate::run::{PoolFile, Run, file, run, run_line, run_with_input};
use serde_json::{Value, json};

fn of_pool(pool: &PoolFile, addr: &str, more: &[&str]) -> Run {
    run(&[&["who", addr, "--pool", pool.name()], more].concat())
}

fn json_of(run: &Run) -> Value {
    assert_eq!(run.err, "", "{run:?}");
    serde_json::from_str(&run.out).expect("one JSON object")
}

/// An operator asks about an address: each state has its word, and the exit code says whether the address is held.
#[test]
fn an_address_of_a_pool_file_has_its_state() {
    let pool = PoolFile::create("who", "10.0.0.0/24 --reserve 10.0.0.10-10.0.0.19=printers");
    pool.run("allocate", "--ip 10.0.0.77").found();
    for (addr, code, line) in [
        ("10.0.0.77", 0, "10.0.0.77 is held"),
        ("10.0.0.78", 5, "10.0.0.78 is free"),
        ("10.0.0.12", 5, "10.0.0.12 is reserved: printers"),
        ("10.0.0.1", 5, "10.0.0.1 is the gateway"),
        ("10.0.0.255", 5, "10.0.0.255 is reserved: broadcast"),
        ("10.9.9.9", 5, "10.9.9.9 is outside"),
        ("::1", 5, "::1 is outside"),
        ("::ffff:10.0.0.77", 0, "10.0.0.77 is held"),
    ] {
        let run = of_pool(&pool, addr, &[]);
        let first = run.out.lines().next();
        assert_eq!((run.code, first), (Some(code), Some(line)), "{run:?}");
        assert_eq!(run.err, "");
    }
}

/// In a pool of prefixes, any address of a prefix names it.
#[test]
fn a_prefix_is_found_by_any_of_its_addresses() {
    let pool = PoolFile::create("who-unit", "10.0.0.0/24 --unit 28");
    pool.run("allocate", "").found();
    let run = of_pool(&pool, "10.0.0.9", &[]);
    assert!(run.found().starts_with("10.0.0.9 is held\n"), "{run:?}");
    assert!(run.out.contains("10.0.0.0/28"), "{run:?}");
    assert_eq!(of_pool(&pool, "10.0.0.16", &[]).code, Some(5));
}

/// A quarantined address is neither held nor free.
#[test]
fn a_quarantined_address_says_so() {
    let pool = PoolFile::create("who-quarantine", "10.0.0.0/24");
    pool.run("allocate", "").found();
    let copy = PoolFile::absent("who-quarantine-copy");
    pool.run("backup", copy.name()).found();
    for (addr, line) in [
        ("10.0.0.2", "10.0.0.2 is held"),
        ("10.0.0.3", "10.0.0.3 is quarantined"),
    ] {
        let run = of_pool(&copy, addr, &[]);
        assert_eq!(run.found().lines().next(), Some(line), "{run:?}");
    }
}

/// The list beside the pool says whose: also for an address that the pool has as free.
#[test]
fn a_list_beside_it_names_the_owner() {
    let pool = PoolFile::create("who-owner", "10.0.0.0/24");
    pool.run("allocate", "-n 2").found();
    let list = file(
        "who-owner.csv",
        b"address,owner\n10.0.0.2,alice\n10.0.0.0/24,route\n10.0.0.16/28,block\n10.0.0.40-10.0.0.49,span\n10.0.0.2/32,bob\n",
    );
    let list = list.to_str().unwrap();
    let who = |addr: &str| of_pool(&pool, addr, &["--users", list]);
    for (addr, code, state, owners) in [
        ("10.0.0.2", 0, "held", &["alice", "bob"][..]),
        ("10.0.0.3", 0, "held", &[]),
        ("10.0.0.4", 5, "free", &[]),
        ("10.0.0.17", 0, "free", &["block"]),
        ("10.0.0.45", 0, "free", &["span"]),
    ] {
        let plain = who(addr);
        let text = format!("{addr} is {state}");
        assert_eq!(plain.code, Some(code), "{addr}: {plain:?}");
        assert!(plain.out.starts_with(&text), "{addr}: {plain:?}");
        let answer = json_of(&of_pool(
            &pool,
            addr,
            &["--users", list, "--format", "json"],
        ));
        assert_eq!(answer["held"], code == 0, "{answer}");
        assert_eq!(answer["places"][0]["state"], state, "{answer}");
        let holders = answer["holders"].as_array().unwrap();
        let found: Vec<_> = holders
            .iter()
            .map(|it| it["owner"].as_str().unwrap())
            .collect();
        assert_eq!(found, owners, "{addr}");
        for owner in owners {
            assert!(plain.out.contains(owner), "{addr}: {plain:?}");
        }
    }
    let line = who("10.0.0.45");
    assert!(line.out.contains(&format!("{list}:5")), "{line:?}");
    assert!(line.out.contains("10.0.0.40-10.0.0.49"), "{line:?}");
}

/// A list alone knows no pool: it has the address, or not.
#[test]
fn a_list_alone_says_whether_it_has_the_address() {
    let who = |addr: &str, list: &str| {
        run_with_input(
            &["who", addr, "--users", list],
            b"10.0.0.2,alice\n10.0.0.3,bob\n",
        )
    };
    let listed = who("10.0.0.3", "-");
    assert_eq!(
        listed.found(),
        "10.0.0.3 is listed\nlisted    bob: 10.0.0.3 (standard input:2)\n"
    );
    let unlisted = who("10.0.0.4", "-");
    assert_eq!(
        (unlisted.code, &*unlisted.out),
        (Some(5), "10.0.0.4 is not listed\n")
    );
    // Here too: if something cannot be read, an address cannot be said to be unlisted.
    let broken = run_with_input(&["who", "10.0.0.4", "--users", "-"], b"10.0.0.2,a\nwhat?\n");
    assert!(broken.failed(1).contains("cannot be read"), "{broken:?}");
    let passed = run_with_input(
        &["who", "10.0.0.2", "--users", "-", "--skip-unreadable", "1"],
        b"10.0.0.2,a\nwhat?\n",
    );
    assert_eq!(passed.code, Some(0), "{passed:?}");
}

/// Sets may be tenants with the same addresses: each that has the address is named, with its member.
#[test]
fn every_set_with_the_address_is_named() {
    let (a, b) = (PoolFile::absent("who-set-a"), PoolFile::absent("who-set-b"));
    let config = format!(
        "[[sets.v4.members]]\nnetwork = '10.0.0.0/24'\nfile = '{}'\ndrained = true\n\
         [sets.v4.ranges.guests]\nrange = '10.0.0.64-10.0.0.127'\n\
         [[sets.other.members]]\nnetwork = '10.0.0.0/25'\nfile = '{}'\n",
        a.name(),
        b.name()
    );
    let config = file("who-set.toml", config.as_bytes());
    let config = config.to_str().unwrap();
    run(&["set", "apply", config]).found();
    run(&["set", "allocate", config, "other", "--ip", "10.0.0.77"]).found();
    let plain = run(&["who", "10.0.0.77", "--set", config]);
    let text = plain.found();
    assert!(
        text.contains("10.0.0.77 is free\nset       v4 of"),
        "{text}"
    );
    assert!(
        text.contains("10.0.0.77 is held\nset       other of"),
        "{text}"
    );
    assert!(
        text.contains("drained") && text.contains("guests"),
        "{text}"
    );
    let answer = json_of(&run(&[
        "who",
        "10.0.0.77",
        "--set",
        config,
        "--format",
        "json",
    ]));
    assert_eq!(answer["held"], true);
    let (v4, other) = (&answer["places"][0], &answer["places"][1]);
    assert_eq!(
        (&v4["set"], &v4["state"], &v4["closed"]),
        (&json!("v4"), &json!("free"), &json!(["drained"]))
    );
    assert_eq!(v4["ranges"], json!(["guests"]));
    assert_eq!(
        (&other["member"], &other["state"]),
        (&json!("10.0.0.0/25"), &json!("held"))
    );
    assert_eq!(other["pool_file"], b.name());
    let outside = run(&["who", "10.9.9.9", "--set", config]);
    assert_eq!(
        (outside.code, outside.out.lines().next()),
        (Some(5), Some("10.9.9.9 is outside"))
    );
}

/// Nothing is to be looked at, or two things at once.
#[test]
fn what_is_looked_at_must_be_said() {
    let none = run_line("who 10.0.0.2");
    assert!(none.failed(2).contains("--pool"), "{none:?}");
    let both = run_line("who 10.0.0.2 --pool a.pool --set b.toml");
    assert!(both.failed(2).contains("cannot be used with"), "{both:?}");
    let missing = run_line("who 10.0.0.2 --pool no-such.pool");
    assert!(
        missing.failed(8).contains("no such file: create it first"),
        "{missing:?}"
    );
    let help = run_line("who --help");
    assert!(help.found().contains("5  "), "{help:?}");
}
