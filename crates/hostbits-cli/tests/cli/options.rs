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
    let users = b"ip,name\n\n10.0.0.2,a\n10.0.0.2,b\nx,c\n";
    let refused = next_with_users(users, "--format json -n 2").failed_json(1);
    assert_eq!(refused["error"]["code"], "unclear");
    assert_eq!(refused["list"]["unparseable"], 1);
    let run = next_with_users(users, "--format json -n 2 --skip-unreadable 1");
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
                "reserved": 0, "own": 0, "out_of_range": 0, "wrong_family": 0, "blocks": 0, "routes": 0,
                "passed": 0, "unassigned": 0, "unparseable": 1,
                "problems": [
                    {"position": 3, "text": "x", "holder": "c", "code": "unparseable"},
                    {
                        "position": 2, "text": "10.0.0.2", "holder": "b", "code": "duplicate",
                        "addr": "10.0.0.2", "owner": "b", "first_position": 1, "first_owner": "a",
                    },
                ],
            },
            "problem_lines": [5, 4],
        })
    );
    assert_eq!(run.out.lines().count(), 1);
}

/// `10.0.0.2/24` is a host in its network, `10.0.0.8/29` a block, and what covers the network is a route.
#[test]
fn prefixes_mean_one_thing() {
    for (users, answer, sum) in [
        (
            "10.0.0.2/24\n10.0.0.3/29\n",
            "10.0.0.4/32\n",
            "2 taken; 251 free",
        ),
        (
            "10.0.0.0/29\n",
            "10.0.0.8/32\n",
            "6 taken, 1 as blocks; 247 free",
        ),
        (
            "10.0.0.2-10.0.0.9\n",
            "10.0.0.10/32\n",
            "8 taken, 1 as blocks; 245 free",
        ),
        (
            "10.0.0.0/24\n0.0.0.0/0\n",
            "10.0.0.2/32\n",
            "0 taken, 2 as routes; 253 free",
        ),
    ] {
        let run = next_with_users(users.as_bytes(), "");
        assert_eq!(run.found(), answer, "{users}");
        assert_eq!(run.err.lines().count(), 1, "nothing odd: {run:?}");
        assert!(run.err.contains(sum), "{run:?}");
    }
}

/// A filter is for the list before it, and can be a file; another list has its own, or none.
#[test]
fn filters_belong_to_the_list_before_them() {
    let first = crate::run::file("filters-1.json", b"[{\"a\":{\"b\":\"10.0.0.2\"}}]");
    let second = crate::run::file("filters-2.json", b"{\"x\":[\"10.0.0.3\",\"10.0.0.4\"]}");
    let filter = crate::run::file("filters.jq", b".x[]\n");
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (first, second, filter) = (
        format!("json:{}", text(&first)),
        format!("json:{}", text(&second)),
        text(&filter),
    );
    let plain = crate::run::file("filters-3.csv", b"10.0.0.5\n");
    let args = [
        "next",
        "10.0.0.0/24",
        "--users",
        &first,
        "--filter",
        ".a.b",
        "--users",
        &text(&plain),
        "--users",
        &second,
        "--filter-file",
        &filter,
    ];
    assert_eq!(crate::run::run(&args).found(), "10.0.0.6/32\n");
    for (args, says) in [
        (
            &["--filter", ".a", "--users", &*first][..],
            "stands after its list",
        ),
        (
            &["--users", "kea:x", "--filter", ".a"],
            "a filter is for JSON",
        ),
        (&["--users", &first, "--filter", ".a["], "no filter: "),
        (
            &["--users", &first, "--filter", "nothing"],
            "is unknown to jq",
        ),
        (
            &["--users", &first, "--filter", ".a", "--filter", ".b"],
            "one filter",
        ),
        (
            &["--users", &first, "--filter-file", "/no/such"],
            "cannot read /no/such",
        ),
    ] {
        let args = [&["next", "10.0.0.0/24"], args].concat();
        let run = crate::run::run(&args);
        assert!(run.failed(2).contains(says), "{says}: {run:?}");
    }
}

/// Entries in states that the caller names are left out of the list before them, counted, and named in every
/// report. A filter that was given is reported too, because a reader cannot count what it left out.
#[test]
fn states_are_dropped_from_the_list_before_them_and_counted() {
    let leases = "lease 10.0.0.2 { binding state expired; }\n\
                  lease 10.0.0.3 { binding state active; }\n\
                  lease 10.0.0.4 { binding state released; }\n";
    let leases = crate::run::file("states.leases", leases.as_bytes());
    let leases = format!("dhcpd:{}", leases.display());
    let plain = crate::run::file("states.csv", b"ip,name,state\n10.0.0.5,a,expired\n");
    let plain = plain.to_str().unwrap();
    let run = |words: &[&str]| crate::run::run(words);
    let next = ["next", "10.0.0.0/24", "--users", &leases];
    assert_eq!(run(&next).found(), "10.0.0.5/32\n", "all leases are held");
    let dropped = ["--drop-state", "expired,RELEASED,what", "--users", plain];
    let dropped = [&next[..], &dropped].concat();
    let text = run(&dropped);
    assert_eq!(text.found(), "10.0.0.2/32\n");
    let says = "2 taken, 2 left out by their state (RELEASED 1, expired 1, what 0); 251 free";
    assert!(text.err.contains(says), "{text:?}");
    assert_eq!(
        run(&[&dropped[..], &["-n", "3"]].concat())
            .found()
            .lines()
            .last(),
        Some("10.0.0.6/32")
    );
    let json = run(&[&dropped[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(json.found()).unwrap();
    let expected = serde_json::json!({"RELEASED": 1, "expired": 1, "what": 0});
    assert_eq!(json["left_out"], expected);

    let values = crate::run::file(
        "states.json",
        b"[{\"a\":\"10.0.0.2\",\"s\":\"x\"},{\"a\":\"10.0.0.3\"}]",
    );
    let values = format!("json:{}", values.display());
    let filter = [
        "--filter",
        "\n{address: .a,\n state: .s}\n",
        "--drop-state",
        "X",
    ];
    let filtered = [&["next", "10.0.0.0/24", "--users", &*values][..], &filter].concat();
    let text = run(&filtered);
    assert_eq!(text.found(), "10.0.0.2/32\n");
    let says = "states.json: held is what the filter yields: {address: .a, state: .s}\n";
    assert!(text.err.contains(says), "{text:?}");
    assert!(
        text.err.contains("1 left out by their state (X 1)"),
        "{text:?}"
    );
    let json = run(&[&filtered[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(json.found()).unwrap();
    assert_eq!(json["filters"], serde_json::json!([filter[1]]));

    for (args, says) in [
        (
            &["--drop-state", "expired", "--users", plain][..],
            "states stand after their list",
        ),
        (
            &["--users", "dnsmasq:x", "--drop-state", "expired"],
            "entries of dnsmasq have no state",
        ),
        (
            &["--users", "k8s-nodes:x", "--drop-state", "Ready"],
            "entries of k8s-nodes have no state",
        ),
        (
            &["--users", plain, "--drop-state", "a,,b"],
            "a state has a name",
        ),
    ] {
        let args = [&["next", "10.0.0.0/24"], args].concat();
        let run = run(&args);
        assert!(run.failed(2).contains(says), "{says}: {run:?}");
    }
}
