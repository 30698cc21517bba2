//! Tests of `radippool`.

use crate::read::read;
use crate::samples::RADIPPOOL;

#[test]
fn rows_of_a_session_are_held() {
    let outcome = read("radippool", RADIPPOOL);
    let expected = [
        "2 10.0.0.2 owner=alice",
        "6 10.0.0.6 owner=the \"boss\"",
        "7 2001:db8::5 owner=two\nlines",
    ];
    assert_eq!(outcome.whole(), expected);
    assert_eq!(outcome.ended().not_held, 3, "cleared, null and zero");
}

/// Other columns, another order, upper case as in one schema, and states of the newest version.
#[test]
fn the_header_says_which_columns_there_are() {
    for (text, expected) in [
        ("FramedIPAddress\n10.0.0.2\n", &["2 10.0.0.2"][..]),
        (
            "username,FramedIPAddress\nbob,10.0.0.2\n",
            &["2 10.0.0.2 owner=bob"],
        ),
        (
            "expiry_time,framedipaddress\n2020-01-01,10.0.0.2\nNULL,10.0.0.3\n\\N,10.0.0.4\n",
            &["2 10.0.0.2"],
        ),
        (
            "address,status,expiry_time,owner\n10.0.0.2,static,,\n10.0.0.3,declined,NULL,\n10.0.0.4,dynamic,,x\n10.0.0.5,disabled,,\n10.0.0.6,dynamic,2020-01-01,x\n",
            &[
                "2 10.0.0.2 state=static",
                "3 10.0.0.3 state=declined",
                "5 10.0.0.5 state=disabled",
                "6 10.0.0.6 owner=x state=dynamic",
            ],
        ),
        (
            "nasipaddress\tframedipaddress\n192.0.2.1\t10.0.0.2\n\t10.0.0.3\n",
            &["2 10.0.0.2"],
        ),
        (
            "\"framedipaddress\",\"pool_key\"\r\n\"10.0.0.2\",\"7\"\r\n\r\n\"10.0.0.3\",\"0\"\r\n",
            &["2 10.0.0.2 owner=7"],
        ),
    ] {
        assert_eq!(read("radippool", text).whole(), expected, "{text}");
    }
}

#[test]
fn a_dump_without_a_header_is_an_error() {
    let error = read("radippool", "1,main,10.0.0.2\n").error();
    assert!(
        error.contains("does not name a column framedipaddress"),
        "{error}"
    );
}

#[test]
fn a_row_that_does_not_fit_is_reported() {
    let outcome = read(
        "radippool",
        "framedipaddress,username\n10.0.0.2\n10.0.0.3,a,b\n10.0.0.4,c\n",
    );
    let entries = outcome.whole();
    assert!(entries[0].starts_with("2 !a row whose columns do not match the header: 10.0.0.2"));
    assert!(entries[1].starts_with("3 !"));
    assert_eq!(entries[2], "4 10.0.0.4 owner=c");
}

/// A misplaced quote would hide the following rows within one field, and their addresses would look free.
#[test]
fn quotes_never_hide_rows() {
    let header = "framedipaddress,username\n";
    for (rows, error) in [
        ("10.0.0.2,\"bob\n10.0.0.3,alice\n", "a quote is not closed"),
        (
            "10.0.0.2,\"b\\\"ob\"\n10.0.0.3,\"a\\\"b\"\n",
            "unbalanced quotes",
        ),
        ("10.0.0.2,b\"ob\n10.0.0.3,a\"b\n", "unbalanced quotes"),
    ] {
        let outcome = read("radippool", format!("{header}{rows}"));
        assert!(outcome.error().contains(error), "{rows}: {outcome:?}");
    }
    let endless = format!("{header}10.0.0.2,\"{}", "x\n".repeat(100_000));
    assert!(
        read("radippool", endless)
            .error()
            .contains("longer than 64 KiB")
    );
}

/// A row may contain its own address in any column. Another address, in a column without addresses, is reported.
#[test]
fn an_address_within_a_column_that_has_none_is_told() {
    let row = |key: &str| format!("framedipaddress,pool_key\n10.0.0.2,{key}\n");
    assert_eq!(
        read("radippool", row("eth0 10.0.0.2")).whole(),
        ["2 10.0.0.2 owner=eth0 10.0.0.2"]
    );
    let outcome = read("radippool", row("42# br-lan 10.0.0.9/32"));
    assert!(outcome.whole().contains(&"2 ?10.0.0.9"), "{outcome:?}");
}
