//! `json` and `ndjson`.

use crate::read::read;
use crate::samples::{JSON, NDJSON};

#[test]
fn an_array_of_addresses_and_objects() {
    let expected = [
        "2 10.0.0.2 owner=alice",
        "3 10.0.0.3/32 owner=bob \"the, ] builder\" state=active",
        "4 10.0.0.4",
        "5 10.0.0.5",
        "5 2001:db8::5",
    ];
    assert_eq!(read("json", JSON).whole(), expected);
    for nothing in ["[]", " [ \n ] \n", "\u{feff}[]"] {
        assert_eq!(read("json", nothing).whole(), [""; 0], "{nothing}");
    }
    let one_line = r#"["10.0.0.2",{"IP Address":"10.0.0.3"},"10\u002e0.0.4"]"#;
    let expected = ["1 10.0.0.2", "1 10.0.0.3", "1 10.0.0.4"];
    assert_eq!(read("json", one_line).whole(), expected);
}

#[test]
fn a_value_per_line() {
    let expected = [
        "1 10.0.0.2 owner=alice",
        "2 10.0.0.3/32 owner=bob state=active",
        "4 10.0.0.4",
        "5 10.0.0.5",
        "5 2001:db8::5",
        "6  owner=dave",
    ];
    assert_eq!(read("ndjson", NDJSON).whole(), expected);
    let unended = "\"10.0.0.2\"\n\"10.0.0.3\"";
    assert_eq!(
        read("ndjson", unended).whole(),
        ["1 10.0.0.2", "2 10.0.0.3"]
    );
}

/// A value that is cut, or two on a line: reported, and the next line is itself again.
#[test]
fn a_broken_line_is_reported() {
    for broken in [
        "{\"ip\":\"10.0.0.3\"",
        "\"10.0.0.3\" \"10.0.0.4\"",
        "{\"ip\":\"10.0.0.3\"}}",
        "10.0.0.3",
        "{\"ip\":\"\u{1}\"}",
        "[1,2",
    ] {
        let outcome = read("ndjson", format!("{broken}\n\"10.0.0.5\"\n"));
        let entries = outcome.whole();
        assert_eq!(entries.len(), 2, "{entries:?}");
        assert!(entries[0].starts_with("1 !no JSON value: "), "{entries:?}");
        assert_eq!(entries[1], "2 10.0.0.5");
    }
}

/// In doubt an object has an address that was not found: it is never taken for a user without one.
#[test]
fn an_object_without_the_field_is_broken() {
    for (format, value) in [
        ("ndjson", "{\"owner\":\"bob\"}"),
        ("ndjson", "{}"),
        ("ndjson", "7"),
        ("ndjson", "null"),
        ("ndjson", "true"),
        ("ndjson", "[\"10.0.0.2\"]"),
        ("ndjson", "{\"ip\":7}"),
        ("ndjson", "{\"ip\":{\"address\":\"10.0.0.2\"}}"),
        ("ndjson@spec.ip", "{\"spec\":{\"IP\":\"10.0.0.2\"}}"),
        ("ndjson@spec.ip", "{\"Spec\":{\"ip\":\"10.0.0.2\"}}"),
        ("ndjson@spec.ip", "{\"spec\":\"10.0.0.2\"}"),
        ("ndjson@spec.ip", "\"10.0.0.2\""),
        ("ndjson@ip", "{\"IP\":\"10.0.0.2\"}"),
    ] {
        let outcome = read(format, value);
        let entries = outcome.whole();
        assert_eq!(entries.len(), 1, "{value}: {entries:?}");
        assert!(
            entries[0].starts_with("1 !no address where one should be: "),
            "{value}: {entries:?}"
        );
    }
    for value in [
        "{\"ip\":null}",
        "{\"ip\":\"\"}",
        "{\"ip\":\" \"}",
        "{\"ips\":[]}",
    ] {
        assert_eq!(read("ndjson", value).whole(), ["1 "], "{value}");
    }
}

/// What can be read beside something that cannot is held all the same, and the list unclear.
#[test]
fn what_can_be_read_is_held() {
    let text = "{\"ips\":[\"10.0.0.2\",7,\"10.0.0.3\"],\"name\":\"bob\"}\n";
    let outcome = read("ndjson", text);
    let expected = ["1 10.0.0.2 owner=bob", "1 10.0.0.3 owner=bob"];
    assert_eq!(outcome.whole()[..2], expected);
    assert!(outcome.whole()[2].starts_with("1 !"));
    // The same name twice, and two names: both.
    let text = "{\"ip\":\"10.0.0.2\",\"ip\":\"10.0.0.3\",\"ipv6\":\"2001:db8::5\"}\n";
    let expected = ["1 10.0.0.2", "1 10.0.0.3", "1 2001:db8::5"];
    assert_eq!(read("ndjson", text).whole(), expected);
}

#[test]
fn paths_lead_through_objects_and_arrays() {
    let pods = r#"[
{"status":{"phase":"Running","podIPs":[{"ip":"10.0.0.5"},{"ip":"fd00::5"}]},"metadata":{"name":"web-0","uid":7}},
{"metadata":{"name":"web-1"},"status":{"podIPs":[],"phase":"Pending"}},
{"metadata":{"name":"web-2"},"status":{"podIPs":null}}
]"#;
    let format = "json@status.podIPs.ip,metadata.name,status.phase";
    let expected = [
        "2 10.0.0.5 owner=web-0 state=Running",
        "2 fd00::5 owner=web-0 state=Running",
        "3  owner=web-1 state=Pending",
        "4  owner=web-2",
    ];
    assert_eq!(read(format, pods).whole(), expected);
    let numbered = "{\"a\":\"10.0.0.2\",\"b\":42}";
    assert_eq!(
        read("ndjson@a,b", numbered).whole(),
        ["1 10.0.0.2 owner=42"]
    );
}

#[test]
fn an_array_that_is_none_is_an_error() {
    for (text, error) in [
        ("[\"10.0.0.2\",", "list:1: the array is not closed"),
        ("[\"10.0.0.2\"\n", "list:1: the array is not closed"),
        ("[\"10.0.0.2]", "list:1: the array is not closed"),
        ("", "list: there is no array"),
        ("\n\n", "list:2: there is no array"),
        ("[\"10.0.0.2\",]", "list:1: an element is missing"),
        ("[,\"10.0.0.2\"]", "list:1: an element is missing"),
        ("[\"10.0.0.2\"\n\"10.0.0.3\"]", "list:1: this is no JSON"),
        ("[{\"ip\":\"10.0.0.2\"]", "list:1: the array is not closed"),
        ("[{\"ip\":\"10.0.0.2\"]}]", "list:1: this is no JSON"),
        (
            "[\"10.0.0.2\"]\n[\"10.0.0.3\"]",
            "list:2: something comes after the array",
        ),
        (
            "{\"ip\":\"10.0.0.2\"}",
            "one value per line is ndjson: \"{\"",
        ),
        ("\u{feff}\u{feff}[]", "does not begin with ["),
    ] {
        let outcome = read("json", text);
        assert!(outcome.error().contains(error), "{text}: {outcome:?}");
    }
}

/// Depth and length are bounded by the parser and by the reader.
#[test]
fn monsters_are_refused() {
    let deep = "[".repeat(100_000);
    assert!(read("json", &deep).is_unclear());
    assert!(read("ndjson", &deep).is_unclear());
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read("json", &deep).is_unclear());
    let deep = format!(
        "[{{\"ips\":{}{}}}]",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(
        read("json", &deep).error().contains("no JSON"),
        "walked, not built"
    );
    let long = format!("[\"{}\"]", "x".repeat(2 << 20));
    assert!(read("json", &long).error().contains("more than 1 MiB"));
    let long = format!("\"{}\"\n\"10.0.0.2\"\n", "x".repeat(2 << 20));
    let outcome = read("ndjson", &long);
    assert_eq!(outcome.whole()[1], "2 10.0.0.2");
    assert!(outcome.whole()[0].starts_with("1 !more than 1 MiB"));
}
