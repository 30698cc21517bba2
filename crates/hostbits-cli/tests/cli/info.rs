//! `hostbits info`.

use crate::run::{run, run_line};
use serde_json::{Value, json};

#[test]
fn info_in_plain_text() {
    let run = run_line("info 10.0.0.0/24 --reserve 10.0.0.10-10.0.0.19=printers --policy next");
    let (facts, memory) = run.found().rsplit_once("memory    ").unwrap();
    assert_eq!(
        facts,
        "\
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
policy    next
"
    );
    let bytes: u64 = memory.strip_suffix(" bytes\n").unwrap().parse().unwrap();
    assert!(
        (32..4096).contains(&bytes),
        "256 bits and a little: {bytes}"
    );
}

#[test]
fn info_in_json_has_the_names_of_the_library() {
    let run = run_line("info 10.0.0.0/29 --gateway last --format json");
    let mut info: Value = serde_json::from_str(run.found()).unwrap();
    assert!(info["memory_bytes"].as_u64().unwrap() > 0);
    info["memory_bytes"].take();
    assert_eq!(
        info,
        json!({
            "network": "10.0.0.0/29",
            "prefix_len": 29,
            "netmask": "255.255.255.248",
            "ranges": [{"first": "10.0.0.0", "last": "10.0.0.7"}],
            "first_usable": "10.0.0.1",
            "last_usable": "10.0.0.5",
            "gateway": "10.0.0.6",
            "unit": 32,
            "slots": 8,
            "capacity": 5,
            "reserved": 3,
            "reservations": [
                {"first": "10.0.0.0", "last": "10.0.0.0", "label": "network"},
                {"first": "10.0.0.6", "last": "10.0.0.6", "label": "gateway"},
                {"first": "10.0.0.7", "last": "10.0.0.7", "label": "broadcast"},
            ],
            "policy": "lowest",
            "search": "tree",
            "stats": "full",
            "memory_bytes": null,
        })
    );
}

/// A label is the caller's text: it can neither break a line nor command a terminal.
#[test]
fn info_escapes_labels() {
    let run = run(&[
        "info",
        "10.0.0.0/24",
        "--reserve",
        "10.0.0.9=a\n\u{1b}[31mb",
    ]);
    let expected = "          10.0.0.9: \"a\\n\\u{1b}[31mb\"\n";
    assert!(run.found().contains(expected), "{run:?}");
}

/// The seed of a random policy is a key.
#[test]
fn info_never_shows_a_seed() {
    for format in ["plain", "json"] {
        let args = format!("info 10.0.0.0/24 --policy random:987654321 --format {format}");
        let run = run_line(&args);
        assert!(run.found().contains("random"), "{run:?}");
        assert!(!run.found().contains("987654321"), "{run:?}");
    }
}

#[test]
fn info_of_special_networks() {
    for (args, expected) in [
        (
            "info 10.0.0.0/31",
            "gateway   none\ncapacity  2\nreserved  0\n",
        ),
        (
            "info 10.0.0.9/32",
            "usable    10.0.0.9\ngateway   none\ncapacity  1\n",
        ),
        (
            "info 10.0.0.9/32 --gateway first",
            "usable    none\ngateway   10.0.0.9\ncapacity  0\n",
        ),
        ("info 2001:db8::/112", "2001:db8::: subnet-router anycast\n"),
        (
            "info 2001:db8::/40 --unit 56",
            "capacity  65536\nreserved  0\nunit      /56\n",
        ),
        (
            "info 2001:db8::/64 --range 2001:db8::9-2001:db8::b --range 2001:db8::1:0-2001:db8::1:1",
            "range     2001:db8::9 to 2001:db8::b\nrange     2001:db8::1:0 to 2001:db8::1:1\n",
        ),
        ("info ::/0 --at-most 10", "usable    ::2 to ::9\n"),
        (
            "info 10.0.0.0/24 --no-edges",
            "gateway   none\ncapacity  256\n",
        ),
    ] {
        let run = run_line(args);
        assert!(run.found().contains(expected), "{args}: {run:?}");
    }
}
