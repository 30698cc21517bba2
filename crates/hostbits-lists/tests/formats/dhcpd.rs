//! Tests of `dhcpd`.

use crate::read::read;
use crate::samples::{DHCPD4, DHCPD6};

#[test]
fn the_last_lease_of_an_address_counts() {
    let outcome = read("dhcpd", DHCPD4);
    let expected = [
        "73 10.0.0.20 owner=printer state=fixed-address",
        "73 10.0.0.21 owner=printer state=fixed-address",
        "14 10.0.0.2 owner=00:11:22:33:44:55 state=active",
        "42 10.0.0.4 owner=carol state=abandoned",
        "47 10.0.0.5 state=backup",
        "50 10.0.0.6 owner=dave",
        "54 10.0.0.7 state=reserved",
        "58 10.0.0.8 state=expired",
    ];
    let mut entries = outcome.whole();
    entries.sort_by_key(|entry| !entry.contains("fixed"));
    let lines = |entries: &[&str]| -> Vec<String> {
        let of = |entry: &&str| entry.split_once(' ').unwrap().1.to_owned();
        entries.iter().map(of).collect()
    };
    assert_eq!(lines(&entries), lines(&expected));
    assert_eq!(
        (outcome.ended().not_held, outcome.ended().superseded),
        (1, 1)
    );
}

#[test]
fn associations_name_their_client() {
    let outcome = read("dhcpd", DHCPD6);
    let expected = [
        "4 2001:db8::2 owner=\\001\\000\\000\\000\\000\\001\\000\\001alice state=active",
        "18 block:2001:db8:1::/56 owner=bob state=active",
        "33 2001:db8::5 owner=dave state=abandoned",
    ];
    assert_eq!(outcome.whole(), expected);
    assert_eq!(outcome.ended().not_held, 2);
}

fn lease(state: &str) -> String {
    format!("lease 10.0.0.2 {{ binding state {state}; next binding state free; }}\n")
}

/// IPv4 leases that are `expired` or `released` wait for the other server of a failover pair.
#[test]
fn only_free_is_free() {
    for state in [
        "active",
        "expired",
        "released",
        "abandoned",
        "reset",
        "backup",
        "bootp",
        "x",
    ] {
        let outcome = read("dhcpd", lease(state));
        assert_eq!(outcome.whole(), [format!("1 10.0.0.2 state={state}")]);
        let freed = read("dhcpd", lease(state) + &lease("free"));
        assert_eq!(freed.whole(), [""; 0]);
        let taken = read("dhcpd", lease("free") + &lease(state));
        assert_eq!(taken.whole().len(), 1);
    }
    for (state, held) in [
        ("active", 1),
        ("free", 0),
        ("expired", 0),
        ("released", 0),
        ("x", 1),
    ] {
        let text = format!("ia-na \"a\" {{ iaaddr ::2 {{ binding state {state}; }} }}");
        assert_eq!(read("dhcpd", text).whole().len(), held, "{state}");
    }
}

/// A name or a comment may contain anything that looks like a lease, or like its end.
#[test]
fn texts_and_comments_are_no_leases() {
    let text = "lease 10.0.0.2 { # } lease 10.0.0.3 {\n client-hostname \"} lease 10.0.0.4 { \\\" }\";\n}\n";
    let expected = ["1 10.0.0.2 owner=} lease 10.0.0.4 { \\\" }"];
    assert_eq!(read("dhcpd", text).whole(), expected);
    let nested = "lease 10.0.0.2 {\n on release { binding state free; on x { binding state free; } }\n binding state active;}";
    assert_eq!(read("dhcpd", nested).whole(), ["1 10.0.0.2 state=active"]);
    let other = "class \"x\" { match if substring(hardware, 1, 3) = 10:0:0; }\nset x = 1;\n";
    assert_eq!(read("dhcpd", other).whole(), [""; 0]);
}

/// An entry within another block: the block before it is not closed, or a brace is missing.
#[test]
fn an_entry_in_another_one_is_not_passed_over() {
    for text in [
        "class \"x\" { lease 10.0.0.3 { binding state active; } }\n",
        "lease 10.0.0.2 {\n binding state active;\nlease 10.0.0.3 {\n}\n}\n",
        "host a {\n fixed-address 10.0.0.2;\nhost b {\n fixed-address 10.0.0.3; }\n}\n",
        "subnet 10.0.0.0 netmask 255.255.255.0 {\n hozt b { fixed-address 10.0.0.3; }\n}\n",
        "subnet 10.0.0.0 netmask 255.255.255.0 {\n host b { fixd-address 10.0.0.3; }\n}\n",
        "subnet 10.0.0.0 netmask 255.255.255.0 {\n hozt b { fixd-address 10.0.0.3; }\n}\n",
        "subnet 10.0.0.0 netmask 255.255.255.0 {\n lease 10.0.0.3 { }\n}\n",
        "lease 10.0.0.2 {\n fixed-address 10.0.0.3;\n}\n",
    ] {
        let outcome = read("dhcpd", text);
        assert!(outcome.is_unclear(), "{text}: {outcome:?}");
    }
}

/// If the end of a statement is missing, the next statement is read as more of its words.
#[test]
fn a_statement_in_another_one_is_not_passed_over() {
    let subnet = |rest: &str| format!("subnet 10.0.0.0 netmask 255.255.255.0 {{\n{rest}\n}}\n");
    let host = |rest: &str| subnet(&format!("host a {{\n{rest}\n}}"));
    let lease = |rest: &str| format!("lease 10.0.0.2 {{\n{rest}\n}}\n");
    for text in [
        host("option routers 10.0.0.1\n fixed-address 10.0.0.3;"),
        host("option routers 10.0.0.1\n fixd-address 10.0.0.3;"),
        host("option domain-name \"x\"\n fixd-address 10.0.0.3;"),
        host("hardware ethernet aa:bb:cc:dd:ee:ff\n fixed-address 10.0.0.3;"),
        host("hardware ethernet aa:bb:cc:dd:ee:ff\n fixed-address printer.example;"),
        host("next-server 10.0.0.1\n fixed-address6 2001:db8::3;"),
        host("server-name \"x\"\n fixed-prefix6 2001:db8::/56;"),
        host("dynamic\n fixed-address 10.0.0.3;"),
        host("option routers 10.0.0.1, fixd-address 10.0.0.3;"),
        host("option routers 10.0.0.1, fixd-address, 10.0.0.3;"),
        host("option routers 10.0.0.1 fixd.address, 10.0.0.3;"),
        host("option routers 10.0.0.1, fixd.address 10.0.0.3;"),
        subnet("range 10.0.0.50 10.0.0.60\n fixed-address 10.0.0.3;"),
        lease("binding state free;\n next binding state free\n reserved;"),
        lease("binding state free\n reserved;"),
        lease("binding state free;\n hardware ethernet aa:02\n reserved;"),
        lease("binding state free;\n client-hostname \"x\"\n binding state active;"),
        "subnet 10.0.0.0 netmask 255.255.255.0\nlease 10.0.0.3 {\n}\n".to_owned(),
        "subnet 10.0.0.0 netmask 255.255.255.0\nleas 10.0.0.3 {\n}\n".to_owned(),
        "zone example.org\nlease 10.0.0.3 {\n}\n".to_owned(),
        "if known\nlease 10.0.0.3 {\n}\n".to_owned(),
    ] {
        let outcome = read("dhcpd", &text);
        assert!(outcome.is_unclear(), "{text}: {outcome:?}");
    }
    // Nothing is missing in these.
    for text in [
        subnet("option routers 10.0.0.1, 10.0.0.2;\n range dynamic-bootp 10.0.0.50 10.0.0.60;"),
        subnet("option routes 24 10.1.0.0 10.0.0.1, 16 10.2.0.0 10.0.0.1;"),
        subnet("option slp-directory-agent true 10.0.0.1, 10.0.0.2;"),
        subnet("option routers gate.example, 10.0.0.1;"),
        subnet("option domain-name-servers 10.0.0.1, ns.example, 10.0.0.2;"),
        subnet("option ntp-servers 10.0.0.1 , a.example ,\n b.example, 10.0.0.2;"),
        subnet("option domain-name \"fixed-address 10.0.0.3\";\n option x \"fixed-address\";"),
        lease("binding state free;\n next binding state free;\n client-hostname \"reserved\";"),
        lease("rewind binding state free;\n binding state free;\n client-hostname \"binding\";"),
        "if option x = 10.0.0.1 { next-server 10.0.0.1; }\n".to_owned(),
        "zone 0.0.10.in-addr.arpa. { primary 10.0.0.1; }\n".to_owned(),
    ] {
        assert_eq!(read("dhcpd", &text).whole(), [""; 0], "{text}");
    }
}

/// What exceeds the reader's memory is not skipped: the last address is held just like the first.
#[test]
fn a_statement_that_is_too_long_is_an_error() {
    let with = |count: usize| {
        let addresses = vec!["10.0.0.5"; count].join(", ");
        format!("host h {{\n  fixed-address {addresses}, 10.0.0.9;\n}}\n")
    };
    assert_eq!(read("dhcpd", with(400)).whole().len(), 401);
    let long = "x".repeat(40_000);
    let texts = format!("host h {{\n  option a \"{long}\"\n\"{long}\";\n}}\n");
    for text in [with(1024), texts] {
        let error = read("dhcpd", &text).error();
        assert!(error.contains("a statement is too long"), "{error}");
    }
}

#[test]
fn a_lease_that_is_not_whole_is_an_error() {
    for text in [
        "lease 10.0.0.2 {\n binding state active;\n",
        "lease 10.0.0.2 {\n binding sta",
        "lease 10.0.0.2",
        "lease 10.0.0.3 { binding state active; }\nia-na \"a\" {\n",
    ] {
        let outcome = read("dhcpd", text);
        assert!(outcome.error().contains("the last entry is incomplete"));
        assert!(
            outcome.entries.is_empty(),
            "half a journal says nothing: {outcome:?}"
        );
    }
}

#[test]
fn what_is_not_known_is_reported() {
    for (text, expected) in [
        (
            "lese 10.0.0.2 { uid x; }\n",
            "1 !not known in a lease file: lese 10.0.0.2",
        ),
        ("10.0.0.2;\n", "1 !not known in a lease file: 10.0.0.2;"),
        (
            "lease { binding state active; }\n",
            "1 !a lease without an address: ",
        ),
        (
            "lease 10.0.0.300 { }\n",
            "1 !a lease without an address: 10.0.0.300",
        ),
        ("}\n", "1 !a block is closed that is not open: }"),
        (
            "set x = \"abc;\n;",
            "1 !a quote is not closed: set x = \"abc;",
        ),
        (
            "lease 10.0.0.2 { binding state free }\n",
            "1 !a statement has no end",
        ),
        (
            "ia-na \"x\" { iaaddr 2001:db8::/200 { } }\n",
            "1 !a lease without an address: ",
        ),
    ] {
        let outcome = read("dhcpd", text);
        let entries = outcome.whole();
        assert!(entries[0].starts_with(expected), "{text}: {entries:?}");
        assert_eq!(entries.len(), 1, "{text}: {entries:?}");
    }
    let deep = "a {".repeat(100);
    assert!(read("dhcpd", deep).error().contains("too deep"));
}
