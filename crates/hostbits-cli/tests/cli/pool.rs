//! `hostbits pool`: every command and option on a file that no other process has open.

use crate::run::{PoolFile, run_line, run_with_input};

/// From nothing to nothing: what a shell script would do.
#[test]
fn a_pool_file_lives_from_command_to_command() {
    let file = PoolFile::absent("life");
    let created = file.run("create", "10.0.0.0/29");
    let expected = format!(
        "{}: created 10.0.0.0/29, 10.0.0.2 to 10.0.0.6, gateway 10.0.0.1, capacity 5, lowest, \
         durability process\n",
        file.name()
    );
    assert_eq!(created.found(), expected);
    assert_eq!(file.run("allocate", "").found(), "10.0.0.2/32\n");
    assert_eq!(
        file.run("allocate", "-n 2").found(),
        "10.0.0.3/32\n10.0.0.4/32\n"
    );
    assert_eq!(file.list(), ["10.0.0.2/32", "10.0.0.3/32", "10.0.0.4/32"]);
    assert_eq!(
        file.run("release", "10.0.0.3").found(),
        "released 10.0.0.3/32\n"
    );
    assert_eq!(file.run("allocate", "").found(), "10.0.0.3/32\n");
    let check = format!(
        "{}: good; clean: it was closed cleanly; 3 taken, 0 of them quarantined\n",
        file.name()
    );
    assert_eq!(file.run("check", "").found(), check);
    assert_eq!(
        file.run("release", "10.0.0.2/32 10.0.0.3/32 10.0.0.4")
            .found(),
        "released 10.0.0.2/32\nreleased 10.0.0.3/32\nreleased 10.0.0.4/32\n"
    );
    assert_eq!(file.list(), [""; 0]);
}

#[test]
fn the_options_of_create_decide_what_is_handed_out() {
    for (options, expected) in [
        ("10.0.0.0/24 --gateway none", "10.0.0.1/32"),
        (
            "10.0.0.0/24 --reserve 10.0.0.2-10.0.0.9=printers",
            "10.0.0.10/32",
        ),
        ("10.0.0.0/24 --range 10.0.0.77-10.0.0.99", "10.0.0.77/32"),
        ("10.0.0.0/24 --unit 28", "10.0.0.0/28"),
        ("10.0.0.0/24 --no-edges", "10.0.0.0/32"),
        ("10.0.0.0/8 --at-most 512", "10.0.0.2/32"),
        ("10.0.0.0/24 --policy next", "10.0.0.2/32"),
        ("10.0.0.0/24 --durability barrier", "10.0.0.2/32"),
        ("10.0.0.0/24 --durability strict", "10.0.0.2/32"),
        ("10.0.0.0/24 --capacity 4096", "10.0.0.2/32"),
        ("2001:db8::/112", "2001:db8::2/128"),
        ("2001:db8::/40 --unit 56", "2001:db8::/56"),
    ] {
        let file = PoolFile::create("create-options", options);
        let given = file.run("allocate", "");
        assert_eq!(given.found(), format!("{expected}\n"), "{options}");
        assert_eq!(file.list(), [expected], "{options}");
        // What was printed can be given back as it is.
        file.run("release", expected).found();
        assert_eq!(file.list(), [""; 0], "{options}");
    }
    for policy in ["spread", "random"] {
        let file = PoolFile::create("create-policy", &format!("10.0.0.0/24 --policy {policy}"));
        let mut given: Vec<String> = (0..2)
            .map(|_| file.run("allocate", "").found().trim().to_owned())
            .collect();
        given.sort();
        let mut listed = file.list();
        listed.sort();
        assert_eq!(listed, given, "{policy}");
        assert!(file.run("show", "").found().contains(policy));
    }
}

#[test]
fn an_exact_address_is_given_once() {
    let file = PoolFile::create("exact", "10.0.0.0/24");
    assert_eq!(
        file.run("allocate", "--ip 10.0.0.77").found(),
        "10.0.0.77/32\n"
    );
    for again in ["10.0.0.77", "10.0.0.77/32"] {
        let run = file.run("allocate", &format!("--ip {again}"));
        let expected = format!(
            "error: {0}: 10.0.0.77 is already allocated\n\
             hint: hostbits pool allocate {0} --near 10.0.0.77 takes another one if it is taken\n",
            file.name()
        );
        assert_eq!(run.failed(4), expected);
    }
    for (ip, message) in [
        ("10.0.0.1", "10.0.0.1 is reserved"),
        ("10.0.1.1", "10.0.1.1 is not an address of the pool"),
        ("::1", "::1 is not an address of the pool"),
        (
            "10.0.0.8/29",
            "10.0.0.8/29 is not one address of the pool: write 10.0.0.8, or 10.0.0.8/32",
        ),
        ("router", "\"router\" is neither an address nor a prefix"),
        ("010.0.0.5", "is neither an address nor a prefix"),
    ] {
        let run = file.run("allocate", &format!("--ip {ip}"));
        assert!(run.failed(2).contains(message), "{ip}: {run:?}");
    }
    assert_eq!(file.list(), ["10.0.0.77/32"]);
}

#[test]
fn a_wish_is_met_if_it_can_be() {
    let file = PoolFile::create("near", "10.0.0.0/24");
    for (near, expected) in [
        ("10.0.0.77", "10.0.0.77/32"),
        ("10.0.0.77", "10.0.0.2/32"),
        ("10.0.0.1", "10.0.0.3/32"),
        ("10.9.9.9", "10.0.0.4/32"),
        ("::1", "10.0.0.5/32"),
    ] {
        let run = file.run("allocate", &format!("--near {near}"));
        assert_eq!(run.found(), format!("{expected}\n"), "{near}");
    }
    let run = file.run("allocate", "--near 10.0.0.0/24");
    assert!(run.failed(2).contains("is not an address"), "{run:?}");
}

#[test]
fn a_block_is_given_and_taken_back_whole() {
    let file = PoolFile::create("block", "10.0.0.0/24");
    let block = file
        .run("allocate", "--block /28")
        .found()
        .trim()
        .to_owned();
    assert!(block.ends_with("/28"), "{block}");
    assert_eq!(file.list().len(), 16);
    let second = file.run("allocate", "--block 28").found().trim().to_owned();
    assert_ne!(block, second);
    assert_eq!(
        file.run("release", &block).found(),
        format!("released {block}\n")
    );
    assert_eq!(file.list().len(), 16);
    for (size, message) in [
        ("/23", "a block of /23 does not fit: it must be /24 to /32"),
        ("/33", "does not fit"),
        (
            "/129",
            "\"/129\" is not a prefix length: write /28, for example",
        ),
        ("28x", "is not a prefix length"),
        ("/028", "is not a prefix length"),
        ("/", "is not a prefix length"),
    ] {
        let run = file.run("allocate", &format!("--block {size}"));
        assert!(run.failed(2).contains(message), "{size}: {run:?}");
    }
    // The edges are reserved, so no block has all addresses.
    file.run("allocate", "--block /24").failed(3);
    // A block with a hole is not given back in part.
    let inside = second.replace("/28", "");
    file.run("release", &inside).found();
    assert!(file.run("release", &second).failed(5).contains(&inside));
    assert_eq!(file.list().len(), 15);
}

#[test]
fn an_exhausted_pool_is_exit_code_3() {
    let file = PoolFile::create("exhausted", "10.0.0.0/29");
    let run = file.run("allocate", "-n 6");
    let expected = format!(
        "error: {0}: exhausted: too few of the pool's 5 addresses are free: 5 free, 6 asked for\n\
         hint: hostbits pool list {0} shows what is taken; release some of it, or let the pool grow\n",
        file.name()
    );
    assert_eq!(run.failed(3), expected);
    file.run("allocate", &format!("-n {}", u64::MAX)).failed(3);
    assert_eq!(file.list(), [""; 0], "all or nothing");
    file.run("allocate", "-n 5").found();
    file.run("allocate", "").failed(3);
    file.run("allocate", "--near 10.0.0.3").failed(3);
    file.run("allocate", "--block /32").failed(3);
}

/// All that can be released are; the exit code is that of the first that could not.
#[test]
fn each_address_is_released_for_itself() {
    let file = PoolFile::create("release", "10.0.0.0/24");
    file.run("allocate", "-n 4").found();
    for (named, out, err, code) in [
        (
            "10.0.0.2 10.0.0.9",
            "released 10.0.0.2/32\n",
            &["10.0.0.9 is not allocated"][..],
            5,
        ),
        (
            "10.0.0.1 10.0.0.9 10.0.0.3",
            "released 10.0.0.3/32\n",
            &["10.0.0.1 is reserved", "10.0.0.9 is not allocated"],
            2,
        ),
        (
            "10.0.0.9 ::1",
            "",
            &[
                "10.0.0.9 is not allocated",
                "::1 is not an address of the pool",
            ],
            5,
        ),
        (
            "10.0.0.4/31 10.0.0.4",
            "released 10.0.0.4/31\n",
            &["10.0.0.4 is not allocated"],
            5,
        ),
        (
            "10.0.0.5/31",
            "",
            &["10.0.0.5 is inside 10.0.0.4/31: name it by 10.0.0.4"],
            2,
        ),
    ] {
        let run = file.run("release", named);
        let prefix = format!("error: {}: ", file.name());
        let err: String = err.iter().map(|line| format!("{prefix}{line}\n")).collect();
        assert_eq!(
            (&*run.out, &*run.err, run.code),
            (out, &*err, Some(code)),
            "{named}"
        );
    }
    // Not one of them is released where one is not even an address.
    file.run("allocate", "").found();
    let run = file.run("release", "10.0.0.2 10.0.0.x");
    assert!(run.failed(2).contains("is neither an address nor a prefix"));
    assert_eq!(file.list(), ["10.0.0.2/32"]);
}

#[test]
fn a_pool_grows() {
    let file = PoolFile::create("grow", "10.0.0.0/24 --capacity 1024");
    file.run("allocate", "-n 253").found();
    file.run("allocate", "").failed(3);
    let expected = "holds 10.0.0.0/22, 10.0.0.2 to 10.0.3.254, gateway 10.0.0.1, capacity 1021";
    let run = file.run("grow", "10.0.0.0/22");
    assert!(run.found().contains(expected), "{run:?}");
    assert_eq!(file.run("allocate", "").found(), "10.0.0.255/32\n");
    for (options, message) in [
        (
            "10.0.0.0/24",
            "network 10.0.0.0/22 where 10.0.0.0/24 was asked for",
        ),
        (
            "10.0.0.0/22 --policy next",
            "policy lowest where next was asked for",
        ),
    ] {
        let run = file.run("grow", options);
        assert!(run.failed(8).contains(message), "{options}: {run:?}");
    }
    assert_eq!(file.list().len(), 254);
    let room = || file.json("show", "")["room"].as_u64();
    assert_eq!(room(), Some(1024));
    // Beyond that there has to be another file, which has the name and all that was taken.
    file.run("grow", "10.0.0.0/22 --capacity 3000").found();
    assert_eq!(room(), Some(3072));
    let run = file.run("grow", "10.0.0.0/19");
    assert!(run.found().contains("capacity 8189"), "{run:?}");
    assert_eq!((room(), file.list().len()), (Some(8192), 254));
    assert_eq!(file.run("allocate", "").found(), "10.0.1.0/32\n");
}

#[test]
fn sync_says_what_it_is_worth() {
    for (durability, message) in [
        (
            "process",
            "written; with durability process, none of it is trusted after a crash of the machine",
        ),
        ("barrier", "durable"),
        ("strict", "durable"),
    ] {
        let file = PoolFile::create("sync", &format!("10.0.0.0/24 --durability {durability}"));
        let expected = format!("{}: {message}\n", file.name());
        assert_eq!(file.run("sync", "").found(), expected);
    }
}

/// The whole picture: one slot a character, in lines of 64.
#[test]
fn show_draws_a_map() {
    let file = PoolFile::create(
        "show",
        "10.0.0.0/24 --reserve 10.0.0.10-10.0.0.19=printers --capacity 1024",
    );
    file.run("allocate", "-n 3").found();
    file.run("allocate", "--ip 10.0.0.77").found();
    file.run("allocate", "--block /28").found();
    file.run("release", "10.0.0.2").found();
    let shown = file.run("show", "");
    let (facts, rest) = shown.found().split_once("memory    ").unwrap();
    let expected = format!(
        "\
file      {}
network   10.0.0.0/24
netmask   255.255.255.0
range     10.0.0.0 to 10.0.0.255
usable    10.0.0.2 to 10.0.0.254
gateway   10.0.0.1
capacity  243
reserved  13
          10.0.0.0: network
          10.0.0.1: gateway
          10.0.0.10 to 10.0.0.19: printers
          10.0.0.255: broadcast
unit      /32
policy    lowest
",
        file.name()
    );
    assert_eq!(facts, expected);
    let (_, rest) = rest.split_once("room      ").unwrap();
    let (room, rest) = rest.split_once("created   2").unwrap();
    assert_eq!(room, "1024 slots\n");
    let (_, rest) = rest.split_once(" UTC\n").unwrap();
    assert_eq!(
        rest,
        "\
found     clean: it was closed cleanly
durable   process
session   5
processes 0
suspects  0 quarantined
taken     19
free      224
used      7.8 %

10.0.0.0    --.##.....----------............................................
10.0.0.64   .............#..................................................
10.0.0.128  ................................................................
10.0.0.192  ................................################...............-
one slot a character: . free, # taken, - never handed out
"
    );
}

#[test]
fn a_map_of_a_large_pool_counts_in_tenths() {
    let file = PoolFile::create(
        "wide",
        "10.0.0.0/16 --reserve 10.0.1.0-10.0.1.63=x --gateway none",
    );
    file.run("allocate", "-n 100").found();
    let shown = file.run("show", "");
    let (_, map) = shown.found().split_once("\n\n").unwrap();
    let lines: Vec<&str> = map.lines().collect();
    assert_eq!(lines.len(), 17);
    let free = ".".repeat(59);
    assert_eq!(lines[0], format!("10.0.0.0    #5..-{free}"));
    assert!(lines[15].starts_with("10.0.240.0  ...."));
    assert_eq!(
        lines[16],
        "64 slots a character: . free, 1 to 9 tenths taken, # all taken, - never handed out"
    );
}

/// Ranges far apart, units, one slot, and as many slots as there can be drawn.
#[test]
fn maps_of_odd_pools() {
    for (options, first_line) in [
        ("10.0.0.9/32", "10.0.0.9  ."),
        ("10.0.0.0/31", "10.0.0.0  .."),
        ("10.0.0.9/32 --gateway first", "10.0.0.9  -"),
        (
            "10.0.0.0/24 --unit 28 --reserve 10.0.0.17=x",
            "10.0.0.0  .-..............",
        ),
        ("2001:db8::/125", "2001:db8::  --......"),
    ] {
        let file = PoolFile::create("odd-map", options);
        let shown = file.run("show", "");
        let (_, map) = shown.found().split_once("\n\n").unwrap();
        assert_eq!(map.lines().next(), Some(first_line), "{options}");
        assert_eq!(map.lines().count(), 2, "{options}");
    }
    let file = PoolFile::create(
        "far-map",
        "10.0.0.0/8 --range 10.0.0.0-10.0.0.3 --range 10.9.0.0-10.9.0.1",
    );
    let shown = file.json("show", "");
    let cells: String = shown["map"]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["cells"].as_str().unwrap())
        .collect();
    let per_cell = shown["map"]["slots_per_cell"].as_u64().unwrap();
    assert_eq!(per_cell, 1, "{shown}");
    let usable = cells.chars().filter(|&cell| cell == '.').count();
    assert_eq!(
        usable as u64,
        shown["available"].as_u64().unwrap(),
        "{shown}"
    );
}

#[test]
fn wrong_usage_of_pool_is_exit_code_2() {
    let file = PoolFile::create("usage", "10.0.0.0/24");
    for (verb, options, message) in [
        ("create", "", "<NETWORK>"),
        ("create", "10.0.0.0", "has no prefix length"),
        (
            "create",
            "10.0.0.0/24 --durability power-loss",
            "possible values: process, barrier, strict",
        ),
        ("create", "10.0.0.0/24 --capacity many", "many"),
        (
            "create",
            "10.0.0.0/24 --policy random:7",
            "a pool file does not store a seed",
        ),
        ("create", "10.0.0.5/24", "hint: write 10.0.0.0/24"),
        ("create", "::/0", "2^32"),
        (
            "grow",
            "10.0.0.0/22 --policy random:7",
            "a pool file does not store a seed",
        ),
        ("allocate", "-n 0", "write 1 or more"),
        ("allocate", "-n 2 --ip 10.0.0.5", "cannot be used with"),
        (
            "allocate",
            "--near 10.0.0.5 --ip 10.0.0.5",
            "cannot be used with",
        ),
        (
            "allocate",
            "--near 10.0.0.5 --block /28",
            "cannot be used with",
        ),
        ("allocate", "-n 2 --block /28", "cannot be used with"),
        ("release", "", "<IP>"),
        ("reclaim", "", "--from <LIST>"),
        ("reclaim", "--nobody --users x", "cannot be used with"),
        ("show", "x", "unexpected argument"),
        ("drop", "", "unrecognized subcommand"),
    ] {
        let run = file.run(verb, options);
        assert!(run.failed(2).contains(message), "{verb} {options}: {run:?}");
    }
    assert_eq!(file.list(), [""; 0]);
    for verb in [
        "create", "allocate", "release", "show", "list", "check", "sync", "grow", "reclaim",
    ] {
        let help = run_line(&format!("pool {verb} --help"));
        assert!(help.found().contains("0  done"), "{verb}");
        assert!(run_line("pool --help").found().contains(verb), "{verb}");
        assert!(
            run_line(&format!("pool {verb}"))
                .failed(2)
                .contains("<POOL>"),
            "{verb}"
        );
    }
}

/// A list that names a user of an address marks the address as taken, in quarantine or not.
#[test]
fn reclaim_takes_what_the_list_names() {
    let file = PoolFile::create("adopt", "10.0.0.0/24 --durability barrier");
    let run = run_with_input(
        &["pool", "reclaim", file.name(), "--users", "-"],
        b"address,owner\n10.0.0.9,a\n10.0.0.12,b\n",
    );
    assert_eq!(run.found(), format!("{}: 0 freed, 0 held\n", file.name()));
    assert_eq!(
        run.err,
        "standard input: 3 lines, 2 entries: 2 taken; 251 free\n"
    );
    assert_eq!(file.list(), ["10.0.0.9/32", "10.0.0.12/32"]);
}

/// The addresses are taken, so a reader who is gone must not go unnoticed.
#[test]
fn addresses_that_cannot_be_printed_are_named_on_standard_error() {
    let file = PoolFile::create("full-device", "10.0.0.0/24");
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = crate::run::command(&["pool", "allocate", file.name(), "-n", "2"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8(output.stderr).unwrap();
    let hint = format!(
        "hint: hostbits pool release {} 10.0.0.2/32 10.0.0.3/32, unless they are in use\n",
        file.name()
    );
    assert!(err.contains("2 allocated, but cannot be written"), "{err}");
    assert!(err.ends_with(&hint), "{err}");
    assert_eq!(file.list().len(), 2);
}

/// A caller who forgets an option of the pool that grows is warned which addresses are reserved no longer:
/// the router's, for example.
#[test]
fn what_is_reserved_no_more_is_said() {
    let file = PoolFile::create(
        "reopened",
        "10.0.0.0/24 --gateway last --reserve 10.0.0.9-10.0.0.12=nas",
    );
    let kept = "10.0.0.0/24 --gateway last --reserve 10.0.0.8-10.0.0.10=nas --reserve 10.0.0.11-10.0.0.12=new";
    let kept = file.run("grow", kept);
    assert_eq!((kept.code, &*kept.err), (Some(0), ""), "{kept:?}");
    let grown = file.run("grow", "10.0.0.0/22 --reserve 10.0.0.8-10.0.0.10=nas");
    assert_eq!(grown.code, Some(0), "{grown:?}");
    let name = file.name();
    assert_eq!(
        grown.err,
        format!(
            "{name}: 10.0.0.11 to 10.0.0.12 (new) was reserved, and can be handed out now\n\
             {name}: 10.0.0.254 (gateway) was reserved, and can be handed out now\n"
        )
    );
    assert_eq!(file.run("grow", "10.0.0.0/21 --gateway none -q").err, "");
}

/// Printers get a range, and the router moves, while users keep their addresses; who has one of them is named.
#[test]
fn reservations_and_the_gateway_change_where_nobody_holds_an_address() {
    let file = PoolFile::create("change", "10.0.0.0/24");
    file.run("allocate", "--ip 10.0.0.77").found();
    let refused = file.run("grow", "10.0.0.0/24 --reserve 10.0.0.70-10.0.0.79=printers");
    let err = refused.failed(8);
    assert!(
        err.contains("allocated 10.0.0.77 where a reserved address was asked for"),
        "{err}"
    );
    assert!(
        err.contains("hint: nothing was changed; addresses that are to be reserved must be free"),
        "{err}"
    );
    let options = "10.0.0.0/24 --gateway last --reserve 10.0.0.80-10.0.0.89=printers";
    file.run("grow", options).found();
    for (addr, code, state) in [
        ("10.0.0.77", 0, "held"),
        ("10.0.0.85", 5, "reserved: printers"),
        ("10.0.0.254", 5, "the gateway"),
        ("10.0.0.1", 5, "free"),
    ] {
        let who = run_line(&format!("who {addr} --pool {}", file.name()));
        let line = format!("{addr} is {state}\n");
        assert!(
            who.code == Some(code) && who.out.starts_with(&line),
            "{who:?}"
        );
    }
    assert_eq!(file.run("allocate", "").found(), "10.0.0.1/32\n");
    file.run("check", "").found();
}
