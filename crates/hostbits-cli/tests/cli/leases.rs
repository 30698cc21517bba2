//! `hostbits pool` on the file of a pool of leases.

use crate::run::{PoolFile, Run, file, run_line, run_with_input};

/// The lease that was printed, without the end of its line.
fn lease(run: &Run) -> String {
    run.found().trim().to_owned()
}

fn addr(lease: &str) -> &str {
    lease.split_once('#').expect("a lease has a generation").0
}

#[test]
fn a_lease_lives_from_command_to_command() {
    let file = PoolFile::absent("leases-life");
    let created = file.run("create", "10.0.0.0/29 --leases --cooldown 5m");
    let expected = "durability process, leases with a cooldown of 300s\n";
    assert!(created.found().ends_with(expected), "{created:?}");
    let first = lease(&file.run("allocate", "--for 30s"));
    assert_eq!(addr(&first), "10.0.0.2");
    let second = lease(&file.run("allocate", "--forever"));
    assert_eq!(addr(&second), "10.0.0.3");
    let renewed = file.run("renew", &format!("{first} --for 1h"));
    assert_eq!(renewed.found(), format!("renewed {first} for 1h\n"));
    let renewed = file.run("renew", &format!("{first} --forever"));
    assert_eq!(renewed.found(), format!("renewed {first} for ever\n"));
    let released = file.run("release", &first);
    assert_eq!(released.found(), format!("released {first}\n"));
    let again = file.run("release", &first);
    assert_eq!(again.found(), "");
    assert_eq!(
        again.err,
        format!("{}: {first} had already ended\n", file.name())
    );
    // It rests for five minutes.
    let third = lease(&file.run("allocate", "--for 30s"));
    assert_eq!(addr(&third), "10.0.0.4");
    let show = file.run("show", "");
    for text in [
        "leases    1 offered, 1 leased, 1 cooling\n",
        "cooldown  300s\n",
    ] {
        assert!(show.found().contains(text), "{text}: {}", show.out);
    }
    let swept = file.run("sweep", "");
    let start = format!("{}: freed 0; the next is due in ", file.name());
    assert!(swept.found().starts_with(&start), "{swept:?}");
}

/// Without a cooldown, the address is handed out again at once, and the former holder cannot take it away.
#[test]
fn a_stale_lease_is_exit_code_7() {
    let file = PoolFile::create("leases-stale", "10.0.0.0/30 --leases --cooldown 0");
    let old = lease(&file.run("allocate", "--forever"));
    file.run("release", &old).found();
    let new = lease(&file.run("allocate", "--forever"));
    assert_eq!(addr(&old), addr(&new));
    assert_ne!(old, new);
    let released = file.run("release", &old);
    assert!(released.failed(7).contains("is stale"), "{released:?}");
    let renewed = file.run("renew", &format!("{old} --forever"));
    assert!(renewed.failed(7).contains("is stale"), "{renewed:?}");
    // A stale one beside a good one: both are tried.
    let both = file.run("release", &format!("{old} {new}"));
    assert_eq!(
        (both.code, both.out),
        (Some(7), format!("released {new}\n"))
    );
    let ended = file.run("renew", &format!("{new} --for 1h"));
    assert!(
        ended.failed(7).contains("has ended: allocate again"),
        "{ended:?}"
    );
}

#[test]
fn an_unfenced_release_asks_for_no_generation() {
    let file = PoolFile::create("leases-unfenced", "10.0.0.0/24 --leases");
    let held = lease(&file.run("allocate", "--forever --ip 10.0.0.77"));
    let bare = file.run("release", "10.0.0.77");
    assert!(bare.failed(8).contains("--unfenced"), "{bare:?}");
    let mixed = file.run("release", &format!("{held} 10.0.0.78"));
    assert!(
        mixed.failed(2).contains("10.0.0.78 has no generation"),
        "{mixed:?}"
    );
    let released = file.run("release", "--unfenced 10.0.0.77/32");
    assert_eq!(released.found(), format!("released {held}\n"));
    let free = file.run("release", "--unfenced 10.0.0.77");
    assert!(free.failed(5).contains("10.0.0.77"), "{free:?}");
    for (addr, code) in [("10.0.0.1", 2), ("10.9.9.9", 2), ("10.0.0.8/29", 2)] {
        file.run("release", &format!("--unfenced {addr}"))
            .failed(code);
    }
}

#[test]
fn standard_input_may_have_leases() {
    let file = PoolFile::create("leases-input", "10.0.0.0/24 --leases");
    let leases = file.run("allocate", "-n 3 --forever");
    let none = run_with_input(&["pool", "release", file.name(), "-"], b"# none\n");
    assert_eq!(none.found(), "");
    let text = format!("# all\n{}nonsense#7\n", leases.found());
    let run = run_with_input(&["pool", "release", file.name(), "-"], text.as_bytes());
    assert_eq!((run.code, run.out.lines().count()), (Some(2), 3), "{run:?}");
    assert!(
        run.err
            .contains("standard input:5: \"nonsense#7\" is not a lease"),
        "{run:?}"
    );
}

#[test]
fn wishes_and_counts_are_those_of_plain_pools() {
    let file = PoolFile::create("leases-wishes", "10.0.0.0/29 --leases");
    let exact = lease(&file.run("allocate", "--for 1h --ip 10.0.0.5/32"));
    assert_eq!(addr(&exact), "10.0.0.5");
    let taken = file.run("allocate", "--for 1h --ip 10.0.0.5");
    assert!(
        taken.failed(4).contains("10.0.0.5 is not free"),
        "{taken:?}"
    );
    assert!(taken.err.contains("--near 10.0.0.5"), "{taken:?}");
    let near = lease(&file.run("allocate", "--for 1h --near 10.0.0.6"));
    assert_eq!(addr(&near), "10.0.0.6");
    let many = file.run("allocate", "-n 4 --forever");
    assert!(many.failed(3).contains("exhausted"), "{many:?}");
    assert_eq!(
        file.run("allocate", "-n 3 --forever")
            .found()
            .lines()
            .count(),
        3
    );
    let full = file.run("allocate", "--forever");
    assert!(
        full.failed(3).contains("the next one is free in "),
        "{full:?}"
    );
    for (options, code, text) in [
        ("--for 0", 2, "does not fit"),
        ("--for 100y", 2, "does not fit"),
        ("--for soon", 2, "write 10m"),
        ("--for 1h --forever", 2, "cannot be used with"),
        ("--forever --block /30", 2, "cannot be used with"),
        ("--ip 10.0.0.1 --forever", 2, "reserved"),
        ("--ip 10.9.0.1 --forever", 2, "not in this pool"),
        ("--ip 10.0.0.0/30 --forever", 2, "is not one address"),
    ] {
        let run = file.run("allocate", options);
        assert!(run.failed(code).contains(text), "{options}: {run:?}");
    }
    for lease in [
        "10.0.0.5",
        "10.0.0.5#x",
        "10.0.0.5#0",
        "10.0.0.5#9007199254740992",
        "x#7",
    ] {
        let run = file.run("renew", &format!("{lease} --forever"));
        assert!(run.failed(2).contains("is not a lease"), "{lease}: {run:?}");
    }
    assert!(file.run("renew", &exact).failed(2).contains("--for <TIME>"));
}

/// The key makes a number of the name, and the file has only the number.
#[test]
fn an_owner_gets_the_same_lease_again() {
    let key = file("leases-owner.key", b"00112233445566778899aabbccddeeff\n");
    let key = format!("--key-file {}", key.display());
    let pool = PoolFile::create("leases-owner", "10.0.0.0/24 --leases");
    let alice = lease(&pool.run(
        "allocate",
        &format!("--for 1h --owner alice-and-her-laptop {key}"),
    ));
    for _ in 0..2 {
        let again = pool.run(
            "allocate",
            &format!("--forever --owner alice-and-her-laptop {key}"),
        );
        assert_eq!(lease(&again), alice);
    }
    let bob = lease(&pool.run("allocate", &format!("--forever --owner bob {key}")));
    assert_ne!(addr(&bob), addr(&alice));
    pool.run("release", &alice).found();
    let back = lease(&pool.run(
        "allocate",
        &format!("--for 1h --owner alice-and-her-laptop {key}"),
    ));
    assert_eq!(addr(&back), addr(&alice));
    assert_ne!(back, alice);
    let bytes = std::fs::read(&pool.0).unwrap();
    assert!(!bytes.windows(16).any(|it| it == b"alice-and-her-la"));

    let keyless = pool.run("allocate", "--forever --owner alice");
    assert!(
        keyless.failed(2).contains("hint: --key-file FILE"),
        "{keyless:?}"
    );
    let timeless = pool.run("allocate", &format!("--owner alice {key}"));
    assert!(
        timeless.failed(2).contains("--owner needs a time"),
        "{timeless:?}"
    );
    let short = file("leases-short.key", b"0011\n");
    for (path, text) in [
        (short.to_str().unwrap(), "32 hexadecimal digits"),
        ("/no/key", "cannot read the key"),
    ] {
        let run = pool.run(
            "allocate",
            &format!("--forever --owner alice --key-file {path}"),
        );
        assert!(run.failed(2).contains(text), "{run:?}");
        assert!(!run.err.contains("0011\n"), "the key is not repeated");
    }
}

/// What would bypass the records is refused, with the command to use; the rest works as on any file.
#[test]
fn every_verb_has_an_answer_on_a_file_of_leases() {
    let pool = PoolFile::create("leases-verbs", "10.0.0.0/24 --leases --durability barrier");
    let users = file("leases-verbs.csv", b"10.0.0.9,alice\n");
    let held = lease(&pool.run("allocate", "--forever"));
    let from = format!("--from {}", users.display());
    for (verb, options) in [
        ("allocate", ""),
        ("allocate", "--block /28"),
        ("allocate", "-n 2"),
        ("release", "10.0.0.2"),
        ("import", &*from),
        ("export", ""),
    ] {
        let run = pool.run(verb, options);
        let text = format!(
            "error: {0}: the file is that of a pool of leases\nhint: hostbits pool allocate {0} --for 30s",
            pool.name()
        );
        assert!(
            run.failed(8).starts_with(&text),
            "{verb} {options}: {run:?}"
        );
    }
    for command in ["check", "reconcile", "seed"] {
        let line = format!("{command} {} {from}", pool.name());
        let args: Vec<&str> = line.split_whitespace().collect();
        let run = crate::run::run(&args);
        assert!(
            run.failed(8).contains("a pool of leases"),
            "{command}: {run:?}"
        );
    }
    let json = pool.run("allocate", "--format json").failed_json(8);
    assert_eq!(json["error"]["code"], "holds-leases");
    assert_eq!(pool.list(), ["10.0.0.2/32"]);
    assert!(pool.run("check", "").found().contains(": good; "));
    assert!(pool.run("sync", "").found().contains("durable"));
    let grown = pool.run("grow", "10.0.0.0/23");
    assert!(
        grown.found().ends_with("leases with a cooldown of 60s\n"),
        "{grown:?}"
    );
    let copy = PoolFile::absent("leases-verbs-copy");
    pool.run("backup", copy.name()).found();
    assert!(
        copy.run("show", "")
            .found()
            .contains("0 offered, 0 leased, 0 cooling")
    );
    pool.run("release", &held).found();
    copy.run("restore", pool.name()).found();
    let stale = pool.run("release", &held);
    assert!(stale.failed(7).contains("is stale"), "{stale:?}");
    let full = pool.run("allocate", "--forever");
    let hint = format!("hint: hostbits pool reclaim {} --from LIST\n", pool.name());
    assert!(full.failed(6).ends_with(&hint), "{full:?}");
}

/// What the list names is leased anew, and the leases are the answer.
#[test]
fn a_reclaim_hands_out_new_leases() {
    let pool = PoolFile::create("leases-reclaim", "10.0.0.0/29 --leases");
    let old = lease(&pool.run("allocate", "--forever"));
    let copy = PoolFile::absent("leases-reclaim-copy");
    pool.run("backup", copy.name()).found();
    copy.run("restore", pool.name()).found();
    let users = file("leases-reclaim.csv", b"10.0.0.2,alice\n10.0.0.5,bob\n");
    let none = file("leases-reclaim-none.csv", b"10.9.0.2,alice\n");
    let broken = file("leases-reclaim-broken.csv", b"10.0.0.2,alice\nnonsense\n");
    let from = |list: &std::path::Path| format!("--from {}", list.display());
    let refused = pool.run("reclaim", &from(&none));
    assert!(
        refused.failed(2).contains("--nobody frees all of them"),
        "{refused:?}"
    );
    let refused = pool.run("reclaim", &from(&broken));
    assert!(refused.code != Some(0), "{refused:?}");
    let skipped = pool.run("reclaim", &format!("{} --skip-unreadable 1", from(&broken)));
    assert!(
        skipped.failed(2).contains("leave out --skip-unreadable"),
        "{skipped:?}"
    );

    let run = pool.run("reclaim", &from(&users));
    let leases: Vec<&str> = run.found().lines().collect();
    let addrs: Vec<&str> = leases.iter().map(|it| addr(it)).collect();
    assert_eq!(addrs, ["10.0.0.2", "10.0.0.5"]);
    let note = format!("{}: 3 freed, 2 held\n", pool.name());
    assert!(run.err.ends_with(&note), "{run:?}");
    assert!(pool.run("release", &old).failed(7).contains("is stale"));
    pool.run("release", leases[0]).found();
    let again = pool.json("reclaim", &from(&users));
    assert_eq!(again["addresses"][1]["lease"], leases[1]);
    assert_eq!((&again["freed"], &again["held"]), (&0.into(), &2.into()));

    copy.run("restore", pool.name()).found();
    let all = pool.run("reclaim", "--nobody");
    assert_eq!(all.found(), format!("{}: 5 freed, 0 held\n", pool.name()));
    pool.run("allocate", "-n 5 --forever").found();
}

#[test]
fn a_plain_pool_has_no_leases() {
    let pool = PoolFile::create("leases-plain", "10.0.0.0/24");
    for (verb, options) in [
        ("allocate", "--for 30s"),
        ("allocate", "--forever"),
        ("renew", "10.0.0.2#7 --forever"),
        ("release", "10.0.0.2#7"),
        ("release", "--unfenced 10.0.0.2"),
        ("sweep", ""),
    ] {
        let run = pool.run(verb, options);
        assert!(
            run.failed(8).contains("the file is that of a plain pool"),
            "{verb}: {run:?}"
        );
    }
    let text = pool.run("create", "10.0.0.0/24 --cooldown 60s");
    assert!(text.failed(2).contains("--leases"), "{text:?}");
    let run = PoolFile::absent("leases-long").run("create", "10.0.0.0/24 --leases --cooldown 5y");
    assert!(run.failed(2).contains("cooldown"), "{run:?}");
}

/// What is printed must be durable first, and is given back if it cannot be printed.
#[test]
fn leases_are_as_durable_as_the_file() {
    for durability in ["process", "barrier", "strict"] {
        let options = format!("10.0.0.0/24 --leases --durability {durability}");
        let pool = PoolFile::create(&format!("leases-{durability}"), &options);
        let held = lease(&pool.run("allocate", "--for 1h"));
        pool.run("renew", &format!("{held} --forever")).found();
        pool.run("release", &held).found();
    }
}

#[test]
fn the_json_has_generations() {
    let pool = PoolFile::create("leases-json", "10.0.0.0/24 --leases");
    let given = pool.json("allocate", "--for 30s");
    let one = &given["addresses"][0];
    let lease = one["lease"].as_str().unwrap().to_owned();
    assert_eq!(one["address"], "10.0.0.2/32");
    assert_eq!(lease, format!("10.0.0.2#{}", one["generation"]));
    let renewed = pool.json("renew", &format!("{lease} --for 1500ms"));
    assert_eq!(
        (&renewed["generation"], &renewed["seconds"]),
        (&one["generation"], &2.into())
    );
    let shown = pool.json("show", "");
    assert_eq!(
        (&shown["census"]["leased"], &shown["cooldown_seconds"]),
        (&1.into(), &60.into())
    );
    for (outcome, released, already) in [("ended", 1, 0), ("already-ended", 0, 1)] {
        let answer = pool.json("release", &lease);
        assert_eq!(answer["addresses"][0]["outcome"], outcome);
        assert_eq!(answer["addresses"][0]["generation"], one["generation"]);
        assert_eq!(
            (&answer["released"], &answer["already_ended"]),
            (&released.into(), &already.into())
        );
    }
    let over = pool.run("renew", &format!("{lease} --forever --format json"));
    assert_eq!(over.failed_json(7)["error"]["code"], "ended");
    assert_eq!(pool.json("sweep", "")["freed"], 0);
}

fn who(line: &str) -> Run {
    run_line(&format!("who {line}"))
}

#[test]
fn who_knows_the_lease_of_an_address() {
    let key = file("leases-who.key", b"00112233445566778899aabbccddeeff");
    let pool = PoolFile::create("leases-who", "10.0.0.0/24 --leases");
    let (of, key) = (format!("--pool {}", pool.name()), key.display());
    let offered = lease(&pool.run("allocate", "--for 1h --ip 10.0.0.10"));
    let run = who(&format!("10.0.0.10 {of}"));
    let start = format!(
        "10.0.0.10 is offered\npool      {}\nlease     {offered}\nlasts     ",
        pool.name()
    );
    assert!(run.found().starts_with(&start), "{run:?}");
    assert!(run.out.ends_with("s, unless it is renewed\n"), "{run:?}");
    pool.run("renew", &format!("{offered} --forever")).found();
    let run = who(&format!("10.0.0.10 {of}"));
    assert!(run.found().starts_with("10.0.0.10 is held\n"), "{run:?}");
    assert!(run.out.ends_with("lasts     for ever\n"), "{run:?}");
    pool.run("release", &offered).found();
    let run = who(&format!("10.0.0.10 {of}"));
    assert_eq!(run.code, Some(5), "{run:?}");
    assert!(run.out.starts_with("10.0.0.10 is cooling\n"), "{run:?}");
    assert!(run.out.contains(&offered), "{run:?}");
    for (addr, state) in [("10.0.0.99", "free"), ("10.0.0.1", "the gateway")] {
        let run = who(&format!("{addr} {of}"));
        assert_eq!(run.code, Some(5), "{run:?}");
        assert!(
            run.out.starts_with(&format!("{addr} is {state}\n")),
            "{run:?}"
        );
        assert!(!run.out.contains("\nlease"), "{run:?}");
    }

    let owned = format!("--forever --owner alice --key-file {key}");
    let alice = lease(&pool.run("allocate", &owned));
    let of_alice = who(&format!("--owner alice --key-file {key} {of}"));
    assert_eq!(of_alice.found(), format!("{alice}  for ever\n"));
    let json = who(&format!(
        "--owner alice --key-file {key} {of} --format json"
    ));
    let json: serde_json::Value = serde_json::from_str(json.found()).unwrap();
    assert_eq!(json["leases"][0]["lease"], alice);
    assert_eq!(json["leases"][0]["state"], "held");
    let at = who(&format!("{} {of} --format json", addr(&alice)));
    let at: serde_json::Value = serde_json::from_str(at.found()).unwrap();
    assert_eq!(at["places"][0]["owner"], json["owner"]);
    assert_eq!(at["places"][0]["lease"], alice);
    assert_eq!(
        at["places"][0]["remaining_seconds"],
        serde_json::Value::Null
    );
    let of_bob = who(&format!("--owner bob --key-file {key} {of}"));
    assert_eq!((of_bob.code, &*of_bob.out), (Some(5), ""));

    let keyless = who(&format!("--owner alice {of}"));
    assert!(
        keyless.failed(2).contains("hint: --key-file FILE"),
        "{keyless:?}"
    );
    for line in [
        format!("10.0.0.2 --owner alice --key-file {key} {of}"),
        format!("--owner alice --key-file {key}"),
        format!("10.0.0.2 --key-file {key} {of}"),
        of.clone(),
    ] {
        who(&line).failed(2);
    }
    let plain = PoolFile::create("leases-who-plain", "10.0.0.0/24");
    let run = who(&format!(
        "--owner alice --key-file {key} --pool {}",
        plain.name()
    ));
    assert!(run.failed(8).contains("a plain pool"), "{run:?}");
}

/// What is taken in a plain file is leased for ever, and what is quarantined stays so.
#[test]
fn a_plain_file_becomes_one_of_leases() {
    let pool = PoolFile::create("leases-convert", "10.0.0.0/28 --reserve 10.0.0.9=nas");
    pool.run("allocate", "-n 2").found();
    let converted = pool.run("convert", "--leases --cooldown 2m");
    let leases: Vec<String> = converted.found().lines().map(str::to_owned).collect();
    assert_eq!(
        converted.err,
        format!(
            "{}: a pool of leases with a cooldown of 120s; 2 leased\n",
            pool.name()
        )
    );
    let addrs: Vec<&str> = leases.iter().map(|it| addr(it)).collect();
    assert_eq!(addrs, ["10.0.0.2", "10.0.0.3"]);
    assert!(
        pool.run("show", "")
            .found()
            .contains("0 offered, 2 leased, 0 cooling")
    );
    assert!(pool.run("show", "").found().contains("nas"));
    // Once more, it only prints them.
    assert_eq!(pool.run("convert", "--leases").found(), converted.out);
    let other = pool.run("convert", "--leases --cooldown 1m");
    assert!(
        other
            .failed(8)
            .contains("cooldown 120s where 60s was asked for"),
        "{other:?}"
    );
    pool.run("release", &leases[0]).found();
    let next = pool.json("convert", "--leases");
    assert_eq!(next["cooldown_seconds"], 120);
    assert_eq!(next["addresses"][0]["lease"], leases[1]);
    assert!(pool.run("convert", "").failed(2).contains("--leases"));
    let none = PoolFile::absent("leases-convert-none");
    assert!(
        none.run("convert", "--leases")
            .failed(8)
            .contains("no such file")
    );
    let long = PoolFile::create("leases-convert-long", "10.0.0.0/28");
    long.run("convert", "--leases --cooldown 5y").failed(2);
    long.run("allocate", "").found();
}

/// A configuration creates the file of a pool of leases; the commands of sets say that it is none of theirs.
#[test]
fn a_configuration_describes_a_pool_of_leases() {
    let pool = PoolFile::absent("leases-config");
    let text = format!(
        "[[sets.a.members]]\nnetwork = '10.0.0.0/24'\nfile = '{}'\nleases = true\ncooldown = '5m'\n",
        pool.name()
    );
    let config = file("leases-config.toml", text.as_bytes());
    let config = config.to_str().unwrap();
    run_line(&format!("set apply {config}")).found();
    let held = lease(&pool.run("allocate", "--forever"));
    assert_eq!(addr(&held), "10.0.0.2");
    assert!(pool.run("show", "").found().contains("cooldown  300s\n"));
    let plan = run_line(&format!("set plan {config}"));
    assert!(plan.found().contains("keep, 1 allocated"), "{plan:?}");
    for command in ["set allocate", "set show", "set list", "set check"] {
        let set = if command == "set allocate" { " a" } else { "" };
        let run = run_line(&format!("{command} {config}{set}"));
        let err = run.failed(2);
        assert!(
            err.contains("is a pool of leases, and sets have none yet"),
            "{command}: {run:?}"
        );
        assert!(
            err.contains("hint: hostbits pool allocate FILE --for 30s"),
            "{command}: {run:?}"
        );
    }
    let who = run_line(&format!("who 10.0.0.2 --set {config}"));
    assert!(who.failed(2).contains("is a pool of leases"), "{who:?}");
}
