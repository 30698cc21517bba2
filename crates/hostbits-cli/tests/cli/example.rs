//! The main command of the README, against a second computation that shares no code with it.

use crate::run::command;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;

const ARGS: [&str; 4] = ["next", "10.0.0.0/24", "--users", "examples/users.csv"];

/// Every host number of 10.0.0.0/24 that a line of the file names, read as simply as can be.
fn held_hosts(text: &str) -> BTreeSet<u8> {
    let mut held = BTreeSet::new();
    for line in text.lines() {
        let field = line.split(',').next().unwrap_or_default().trim();
        let addr = field.split('/').next().unwrap_or_default();
        // std refuses leading zeros and numbers above 255.
        if let Ok(addr) = addr.parse::<Ipv4Addr>()
            && let [10, 0, 0, host] = addr.octets()
        {
            held.insert(host);
        }
    }
    held
}

/// .0 is the network, .1 the gateway, .255 the broadcast address.
#[test]
fn the_main_command_prints_the_lowest_address_that_nobody_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(ARGS[3])).unwrap();
    let held = held_hosts(&text);
    let lowest = (2..=254u8).find(|host| !held.contains(host)).unwrap();
    assert!(
        (3..254).contains(&lowest),
        "an answer in the middle: {lowest}"
    );
    assert!(
        held.iter().any(|&host| host > lowest),
        "a hole, not the end"
    );

    let output = command(&ARGS).current_dir(root).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let expected = format!("10.0.0.{lowest}/32\n");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);

    // The README shows this.
    assert_eq!(expected, "10.0.0.17/32\n");
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        err.lines().last().unwrap(),
        "examples/users.csv: 36 lines, 30 entries: 24 taken, 1 repeated, 1 duplicate, 1 reserved, \
         1 out of range, 1 of the other family, 1 unassigned; 229 free"
    );
}

/// A list in which something cannot be read is refused, and says what it is and how to go on.
#[test]
fn the_odd_example_is_refused_unless_its_two_lines_may_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let args = ["next", "10.0.0.0/24", "--users", "examples/users-odd.csv"];
    let output = command(&args).current_dir(&root).output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
    let err = String::from_utf8(output.stderr).unwrap();
    for says in [
        "examples/users-odd.csv:27: \"10.0.0.042\" is not an address\n",
        "examples/users-odd.csv:32: \"10.0.0.300\" is not an address\n",
        "error: 2 entries of examples/users-odd.csv cannot be read",
        "--skip-unreadable 2 ",
    ] {
        assert!(err.contains(says), "{says}: {err}");
    }
    let passed = [&args[..], &["--skip-unreadable", "2"]].concat();
    let output = command(&passed).current_dir(&root).output().unwrap();
    assert_eq!(output.stdout, b"10.0.0.17/32\n");
}

/// Adding the returned address to the users again and again walks through every hole to the end of the network.
#[test]
fn asking_until_nothing_is_left_visits_every_free_address_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(ARGS[3])).unwrap();
    let held = held_hosts(&text);
    let free: Vec<String> = (2..=254u8)
        .filter(|host| !held.contains(host))
        .map(|host| format!("10.0.0.{host}/32"))
        .collect();
    let count = free.len().to_string();
    let all = [&ARGS[..], &["-n", &count]].concat();
    let output = command(&all).current_dir(&root).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out.lines().collect::<Vec<_>>(), free);

    let one_more = (free.len() + 1).to_string();
    let too_many = [&ARGS[..], &["-n", &one_more]].concat();
    let output = command(&too_many).current_dir(&root).output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(3), vec![]));
}
