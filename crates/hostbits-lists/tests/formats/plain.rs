//! `lines` and `csv`. What a single line may look like is tested beside the reader.

use crate::read::read;
use crate::samples::{CSV, LINES};

#[test]
fn lines_are_addresses() {
    let expected = [
        "2 10.0.0.2",
        "4 10.0.0.3/32",
        "5 2001:db8::5",
        "6 10.0.0.16/28",
    ];
    assert_eq!(read("lines", LINES).whole(), expected);
    let odd = "  10.0.0.2 # spare\r\n\t\n10.0.0.3,bob\naddress\n10.0.0.4";
    let expected = ["1 10.0.0.2", "3 10.0.0.3,bob", "4 address", "5 10.0.0.4"];
    assert_eq!(read("lines", odd).whole(), expected, "no owner, no header");
}

#[test]
fn csv_has_owners() {
    let expected = [
        "2 10.0.0.2 owner=alice",
        "3 10.0.0.3/32 owner=Smith, Bob",
        "6 2001:db8::5 owner=carol",
        "7 10.0.0.4",
    ];
    assert_eq!(read("csv", CSV).whole(), expected);
}

#[test]
fn a_header_stands_on_the_first_line_with_text_alone() {
    let expected = ["2 10.0.0.2", "3 address owner=owner"];
    let text = "IP Address,Name\n10.0.0.2\naddress,owner\n";
    assert_eq!(read("csv", text).whole(), expected);
    let text = "10.0.0.2\naddress\n";
    assert_eq!(read("csv", text).whole(), ["1 10.0.0.2", "2 address"]);
}

/// It begins like an address and ends like one, and is none.
#[test]
fn a_cut_line_is_broken_and_the_next_is_whole() {
    let blanks = " ".repeat(1 << 20);
    let text = format!("10.0.0.3{blanks}5\n10.0.0.4\n10.0.0.5,{blanks}\n");
    for format in ["lines", "csv"] {
        let outcome = read(format, &text);
        let entries = outcome.whole();
        assert_eq!(entries[0], "1 !10.0.0.3…", "{format}");
        assert_eq!(entries[1], "2 10.0.0.4", "{format}");
        assert_eq!(entries[2].contains('!'), format == "lines");
    }
}
