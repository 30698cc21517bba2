//! Tests of `json` and `ndjson`.

use crate::read::read;
use crate::samples::{JSON, NDJSON};
use hostbits_lists::Preset;

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

/// A value that is cut off, or two values on a line, is reported; the next line is unaffected.
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
        assert!(
            entries[0].starts_with("1 !not a JSON value: "),
            "{entries:?}"
        );
        assert_eq!(entries[1], "2 10.0.0.5");
    }
}

/// A value in the place of an address that is not one is broken. An object without such a place is a user without an
/// address.
#[test]
fn a_value_that_is_neither_is_broken() {
    for (format, value) in [
        ("ndjson", "7"),
        ("ndjson", "null"),
        ("ndjson", "true"),
        ("ndjson", "[\"10.0.0.2\"]"),
        ("ndjson", "{\"ip\":7}"),
    ] {
        let outcome = read(format, value);
        let entries = outcome.whole();
        assert!(
            entries[0].starts_with("1 !something else in the place of an address: "),
            "{value}: {entries:?}"
        );
    }
    for value in [
        "{\"ip\":null}",
        "{\"ip\":\"\"}",
        "{\"ip\":\" \"}",
        "{\"ips\":[]}",
        "{}",
        "{\"id\":7}",
    ] {
        assert_eq!(read("ndjson", value).whole(), ["1 "], "{value}");
    }
}

/// What can be read beside something unreadable is still held, and the list is unclear.
#[test]
fn what_can_be_read_is_held() {
    let text = "{\"ips\":[\"10.0.0.2\",7,\"10.0.0.3\"],\"name\":\"bob\"}\n";
    let outcome = read("ndjson", text);
    let expected = ["1 10.0.0.2 owner=bob", "1 10.0.0.3 owner=bob"];
    assert_eq!(outcome.whole()[..2], expected);
    assert!(outcome.whole()[2].starts_with("1 !"));
    // The same name twice, and two different names: both values count.
    let text = "{\"ip\":\"10.0.0.2\",\"ip\":\"10.0.0.3\",\"ipv6\":\"2001:db8::5\"}\n";
    let expected = ["1 10.0.0.2", "1 10.0.0.3", "1 2001:db8::5"];
    assert_eq!(read("ndjson", text).whole(), expected);
}

/// An address under an unusual name is reported. The pool decides whether the list is understood.
#[test]
fn other_addresses_of_an_object_are_told() {
    for (value, expected) in [
        (
            r#"{"ip":"10.0.0.2","spare":["10.0.0.3","x"],"n":{"a":{"b":"10.0.0.4/24"}}}"#,
            &["1 10.0.0.2", "1 ?10.0.0.3", "1 ?10.0.0.4/24"][..],
        ),
        (
            r#"{"name":"a","ips":["10.0.0.2"],"again":"10.0.0.2"}"#,
            &["1 10.0.0.2 owner=a"],
        ),
        (r#"{"10.0.0.2":"alice"}"#, &["1 ", "1 ?10.0.0.2"]),
        (
            r#"{"ip":"10.0.0.2","name":"10.0.0.3"}"#,
            &["1 10.0.0.2 owner=10.0.0.3", "1 ?10.0.0.3 owner=10.0.0.3"],
        ),
    ] {
        assert_eq!(read("ndjson", value).whole(), expected, "{value}");
        assert_eq!(read("json", value).whole(), expected, "{value}");
    }
}

/// A name that is nested deeper, or in the object around it, is not the owner.
#[test]
fn an_owner_is_of_the_same_object() {
    for (value, expected) in [
        (
            r#"{"vm":{"name":"a","owner":"b"},"ip":"10.0.0.2"}"#,
            "1 10.0.0.2",
        ),
        (
            r#"{"ip":"10.0.0.2","tags":[{"name":"a"}],"name":"c"}"#,
            "1 10.0.0.2 owner=c",
        ),
    ] {
        assert_eq!(read("json", value).whole(), [expected], "{value}");
    }
}

#[test]
fn a_filter_says_what_an_address_is() {
    let pods = r#"{"items": [
{"status":{"phase":"Running","podIPs":[{"ip":"10.0.0.5"},{"ip":"fd00::5"}]},"metadata":{"name":"web-0"}},
{"metadata":{"name":"web-1"},"status":{"phase":"Pending"}},
{"metadata":{"name":"job"},"status":{"phase":"Succeeded","podIP":"10.0.0.9"}}
]}"#;
    let filter = ".items[] | select(.status.phase != \"Succeeded\") \
                  | {addresses: [.status.podIPs[]?.ip], owner: .metadata.name, state: .status.phase}";
    let expected = [
        "2 10.0.0.5 owner=web-0 state=Running",
        "2 fd00::5 owner=web-0 state=Running",
        "3  owner=web-1 state=Pending",
    ];
    assert_eq!(filtered("json", filter, pods).whole(), expected);
    let lines = "{\"a\":\"10.0.0.2\"}\n\n{\"a\":null}\n";
    assert_eq!(
        filtered("ndjson", ".a", lines).whole(),
        ["1 10.0.0.2", "3 "]
    );
    // Elements of an array, one at a time.
    let array = "[{\"a\":\"10.0.0.2\"},\n{\"a\":[\"10.0.0.3\"]}]";
    let given = filtered("json", "{address: .a}", array);
    assert_eq!(given.whole(), ["1 10.0.0.2", "2 10.0.0.3"]);
}

#[test]
fn what_a_filter_should_not_yield_is_broken_and_its_error_is_the_end() {
    for filter in [
        "7",
        "[.]",
        "{}",
        "{adress: .}",
        "{address: 7}",
        "{address: ., more: 1}",
    ] {
        assert!(
            filtered("json", filter, "\"10.0.0.2\"").is_unclear(),
            "{filter}"
        );
    }
    let error = filtered("json", ".a.b", "[{\"a\":{\"b\":\"10.0.0.2\"}},{\"a\":7}]").error();
    assert!(error.contains("the filter has failed"), "{error}");
    for wrong in [
        ".items[",
        "nothing_like_it",
        "{address: .ip",
        "import \"a\" as a; .",
    ] {
        assert!(hostbits_lists::Query::new(wrong).is_err(), "{wrong}");
    }
}

fn filtered(format: &str, filter: &str, text: &str) -> crate::read::Outcome {
    let format: hostbits_lists::Format = format.parse().unwrap();
    let query = hostbits_lists::Query::new(filter).unwrap();
    crate::read::all(hostbits_lists::List::new(
        format.filtered(query).unwrap(),
        "list",
        text.as_bytes(),
    ))
}

#[test]
fn an_array_that_is_none_is_an_error() {
    for (text, error) in [
        ("[\"10.0.0.2\",", "list:1: the array is not closed"),
        ("[\"10.0.0.2\"\n", "list:1: the array is not closed"),
        ("[\"10.0.0.2]", "list:1: the array is not closed"),
        ("", "list: there is no JSON value"),
        ("\n\n", "list:2: there is no JSON value"),
        ("[\"10.0.0.2\",]", "list:1: an element is missing"),
        ("[,\"10.0.0.2\"]", "list:1: an element is missing"),
        ("[\"10.0.0.2\"\n\"10.0.0.3\"]", "list:1: this is not JSON"),
        ("[{\"ip\":\"10.0.0.2\"]", "list:1: the array is not closed"),
        ("[{\"ip\":\"10.0.0.2\"]}]", "list:1: this is not JSON"),
        ("{\"ip\":\"10.0.0.2\"", "list:1: the value is not closed"),
        ("\u{feff}\u{feff}[]", "this is not JSON"),
    ] {
        let outcome = read("json", text);
        assert!(outcome.error().contains(error), "{text}: {outcome:?}");
    }
}

/// The parser and the reader limit depth and length.
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
        read("json", &deep).error().contains("too deep"),
        "walked, not built"
    );
    // Large values are read completely.
    let long = format!("[\"{}\",\"10.0.0.2\"]", "x".repeat(2 << 20));
    assert_eq!(read("json", &long).whole()[1], "1 10.0.0.2");
    let long = format!("\"{}\"\n\"10.0.0.2\"\n", "x".repeat(2 << 20));
    assert_eq!(read("ndjson", &long).whole()[1], "2 10.0.0.2");
}

/// Presets that read `items` one element at a time yield what their filters yield for the whole value.
#[test]
fn presets_yield_what_their_filters_yield() {
    let mut by_element = 0;
    for &preset in Preset::ALL {
        let samples = crate::samples::all().find(|(name, _)| *name == preset.name());
        let (_, sample) = samples.expect("every preset has a sample");
        let ours = read(preset.name(), sample);
        let whole = filtered("json", &preset.filter(), sample);
        assert!(ours.end.is_ok() && whole.end.is_ok(), "{preset:?}");
        // Only presets report addresses that their filter does not yield.
        let mut yielded = without_lines(&ours);
        yielded.retain(|entry| !entry.starts_with('?'));
        assert_eq!(yielded, without_lines(&whole), "{preset:?}");
        by_element += usize::from(ours.entries != whole.entries);
    }
    assert!(by_element != 0, "some have elements on lines of their own");
}

/// Removes line numbers: an element has its own, while a whole value has that of its beginning.
fn without_lines(outcome: &crate::read::Outcome) -> Vec<&str> {
    let entries = outcome.entries.iter();
    entries
        .map(|entry| entry.split_once(' ').unwrap().1)
        .collect()
}
