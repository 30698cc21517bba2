//! Every option of `hostbits next`, with an answer that depends on it.

use crate::run::{next_with_users, run_line};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn the_options_of_the_pool_change_the_answer() {
    for (args, expected) in [
        ("10.0.0.0/24", "10.0.0.2/32"),
        ("10.0.0.0/24 --gateway auto", "10.0.0.2/32"),
        ("10.0.0.0/31", "10.0.0.0/32"),
        ("10.0.0.0/24 --gateway none", "10.0.0.1/32"),
        ("10.0.0.0/24 --gateway first", "10.0.0.2/32"),
        ("10.0.0.0/24 --gateway last", "10.0.0.1/32"),
        ("10.0.0.0/30 --gateway 10.0.0.2", "10.0.0.1/32"),
        (
            "10.0.0.0/24 --reserve 10.0.0.2-10.0.0.9=printers",
            "10.0.0.10/32",
        ),
        (
            "10.0.0.0/24 --reserve 10.0.0.2=nas --reserve 10.0.0.3=a=b-c",
            "10.0.0.4/32",
        ),
        ("10.0.0.0/24 --range 10.0.0.100-10.0.0.199", "10.0.0.100/32"),
        (
            "10.0.0.0/24 --range 10.0.0.0-10.0.0.1 --range 10.0.0.7-10.0.0.8",
            "10.0.0.7/32",
        ),
        ("10.0.0.0/24 --range 10.0.0.77", "10.0.0.77/32"),
        ("10.0.0.0/24 --no-edges", "10.0.0.0/32"),
        ("10.0.0.0/24 --unit 28", "10.0.0.0/28"),
        ("10.0.0.0/24 --unit 28 --reserve 10.0.0.5=x", "10.0.0.16/28"),
        ("10.0.0.0/8 --policy next", "10.0.0.2/32"),
        ("2001:db8::/112", "2001:db8::2/128"),
        ("2001:DB8::/112 --gateway last", "2001:db8::1/128"),
        (
            "2001:db8::/64 --range 2001:db8::a-2001:db8::f",
            "2001:db8::a/128",
        ),
        ("2001:db8::/64 --at-most 65536", "2001:db8::2/128"),
        ("2001:db8::/40 --unit 56", "2001:db8::/56"),
        ("::/0 --unit 32", "::/32"),
        ("0.0.0.0/0 --at-most 16", "0.0.0.2/32"),
    ] {
        let run = run_line(&format!("next {args}"));
        assert_eq!(run.found(), format!("{expected}\n"), "{args}");
        assert_eq!(run.err, "", "{args}");
    }
}

#[test]
fn at_most_counts_reserved_slots() {
    assert_eq!(
        run_line("next 10.0.0.0/24 --at-most 4 -n 2").found(),
        "10.0.0.2/32\n10.0.0.3/32\n"
    );
    run_line("next 10.0.0.0/24 --at-most 4 -n 3").failed(3);
}

/// All or nothing: one more than there are, and not even the first of them is printed.
#[test]
fn a_count_is_met_in_full_or_not_at_all() {
    let all = run_line("next 10.0.0.0/29 -n 5");
    let lines: Vec<&str> = all.found().lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!((lines[0], lines[4]), ("10.0.0.2/32", "10.0.0.6/32"));
    for count in ["6", "100", "18446744073709551615"] {
        let run = run_line(&format!("next 10.0.0.0/29 -n {count}"));
        let free = format!("5 free, {count} asked for\n");
        assert!(run.failed(3).ends_with(&free), "{run:?}");
    }
}

#[test]
fn a_count_of_units_is_a_list_of_prefixes() {
    assert_eq!(
        run_line("next 2001:db8::/40 --unit 56 --count 3").found(),
        "2001:db8::/56\n2001:db8:0:100::/56\n2001:db8:0:200::/56\n"
    );
}

#[test]
fn policy_next_begins_at_the_lowest_in_every_run() {
    for _ in 0..2 {
        let run = next_with_users(b"10.0.0.3\n10.0.0.200\n", "--policy next -n 3");
        assert_eq!(run.found(), "10.0.0.2/32\n10.0.0.4/32\n10.0.0.5/32\n");
    }
}

#[test]
fn policy_spread_gives_free_addresses() {
    let run = run_line("next 10.0.0.0/24 --policy spread -n 253");
    let addrs: BTreeSet<&str> = run.found().lines().collect();
    assert_eq!(addrs.len(), 253);
}

/// Three addresses of a /8 are alike by chance once in 2^72 times.
#[test]
fn policy_random_is_reproducible_with_its_seed_alone() {
    let draw = |policy: &str| {
        let run = run_line(&format!("next 10.0.0.0/8 -n 3 --policy {policy}"));
        let addrs: BTreeSet<String> = run.found().lines().map(str::to_owned).collect();
        assert_eq!(addrs.len(), 3, "{run:?}");
        addrs
    };
    assert_eq!(draw("random:7"), draw("random:7"));
    assert_ne!(draw("random:7"), draw("random:8"));
    assert_ne!(draw("random"), draw("random"));
}

#[test]
fn json_names_the_addresses_and_the_list() {
    let run = next_with_users(
        b"ip,name\n\n10.0.0.2,a\n10.0.0.2,b\nx\n",
        "--format json -n 2",
    );
    assert_eq!(run.err, "", "everything is in the object");
    let answer: Value = serde_json::from_str(run.found()).unwrap();
    assert_eq!(
        answer,
        json!({
            "addresses": [
                {"address": "10.0.0.3/32", "generation": null},
                {"address": "10.0.0.4/32", "generation": null},
            ],
            "list": {
                "entries": 3, "taken": 1, "already": 0, "repeated": 0, "duplicate": 1,
                "reserved": 0, "out_of_range": 0, "wrong_family": 0, "ambiguous": 0,
                "unassigned": 0, "unparseable": 1,
                "problems": [
                    {
                        "position": 2, "text": "10.0.0.2", "code": "duplicate",
                        "addr": "10.0.0.2", "owner": "b", "first_position": 1, "first_owner": "a",
                    },
                    {"position": 3, "text": "x", "code": "unparseable"},
                ],
            },
            "problem_lines": [4, 5],
        })
    );
    assert_eq!(run.out.lines().count(), 1);
}

#[test]
fn ambiguous_entries_are_read_as_asked_for() {
    let users = b"10.0.0.2/24\n10.0.0.3/29\n";
    for (choice, answer, note) in [
        ("host", "10.0.0.4/32\n", "read as the address alone"),
        ("reject", "10.0.0.2/32\n", "skipped"),
    ] {
        let run = next_with_users(users, &format!("--ambiguous {choice}"));
        assert_eq!(run.found(), answer, "{choice}");
        let expected = format!(
            "standard input:1: \"10.0.0.2/24\" may mean an address or a block: {note}\n\
             standard input:2: \"10.0.0.3/29\" may mean an address or a block: {note}\n"
        );
        assert!(run.err.starts_with(&expected), "{run:?}");
        assert_eq!(run.err.lines().count(), 3, "each is one problem: {run:?}");
    }
    let run = next_with_users(b"10.0.0.3/29\n", "--ambiguous expand");
    assert_eq!(run.found(), "10.0.0.8/32\n");
    assert!(run.err.contains("read as the whole block"), "{run:?}");
    assert!(
        run.err
            .contains("6 taken, 2 reserved, 1 ambiguous; 247 free"),
        "{run:?}"
    );
}
