//! What the users file may look like, and what is said about it.

use crate::run::{file, next_with_users, run, run_line};

#[test]
fn no_users_and_an_empty_list_are_fine() {
    let alone = run_line("next 10.0.0.0/24");
    assert_eq!((alone.found(), &*alone.err), ("10.0.0.2/32\n", ""));
    for nothing in ["", "address,owner\n", "\u{feff}ip\r\n"] {
        let run = next_with_users(nothing.as_bytes(), "");
        assert_eq!(run.found(), "10.0.0.2/32\n", "{nothing:?}");
        let lines = nothing.lines().count();
        let noun = if lines == 1 { "line" } else { "lines" };
        assert_eq!(
            run.err,
            format!("standard input: {lines} {noun}, 0 entries: 0 taken; 253 free\n"),
            "{nothing:?}"
        );
    }
}

/// It has lines, and none of them is an entry: perhaps it is of another format.
#[test]
fn a_file_without_an_entry_is_no_list() {
    for nothing in [
        "\n\n",
        "\u{feff}\n",
        "# nobody yet\n",
        "#10.0.0.2\n# 10.0.0.3\n",
    ] {
        let run = next_with_users(nothing.as_bytes(), "");
        assert!(
            run.failed(2).contains("no line of it is an entry"),
            "{run:?}"
        );
    }
}

/// Each way to write the same three users, and the answer is the fourth address.
#[test]
fn every_form_of_a_file_says_the_same() {
    for text in [
        "10.0.0.2\n10.0.0.3\n10.0.0.4\n",
        "10.0.0.2\n10.0.0.3\n10.0.0.4",
        "10.0.0.2\r\n10.0.0.3\r\n10.0.0.4\r\n",
        "\u{feff}10.0.0.2\n10.0.0.3\n10.0.0.4\n",
        "\u{feff}address,owner\r\n10.0.0.2,a\r\n10.0.0.3,b\r\n10.0.0.4,c\r\n",
        "ip,name\n10.0.0.2,a\n\n  # comment\n10.0.0.3/32,b\n\t10.0.0.4 , c \n",
        "\"IP Address\",\"Owner\"\n\"10.0.0.2\",\"a, the \"\"first\"\"\"\n10.0.0.3,\"b\"\n10.0.0.4,c,x,y\n",
        "10.0.0.4,c\n::ffff:10.0.0.3,b\n10.0.0.2,a\n10.0.0.2,a\n",
        "10.0.0.2 # router, old\n10.0.0.3,#3\n10.0.0.4,\"open quote\n",
        "# B\u{fc}ro\n10.0.0.2\n10.0.0.3,M\u{fc}ller\n10.0.0.4\n",
    ] {
        let run = next_with_users(text.as_bytes(), "");
        assert_eq!(run.found(), "10.0.0.5/32\n", "{text:?}");
        assert_eq!(run.err.lines().count(), 1, "nothing odd: {text:?}: {run:?}");
        assert!(run.err.contains("3 taken"), "{run:?}");
    }
}

#[test]
fn a_header_is_a_header_on_the_first_line_with_text_alone() {
    let one = "--skip-unreadable 1";
    let run = next_with_users(b"# list\n\naddress,owner\n10.0.0.2\naddress,owner\n", one);
    assert_eq!(run.found(), "10.0.0.3/32\n");
    assert!(
        run.err
            .starts_with("standard input:5: \"address\" is not an address\n"),
        "{run:?}"
    );
    let run = next_with_users(b"hostname,owner\n10.0.0.2\n", one);
    assert!(
        run.err
            .starts_with("standard input:1: \"hostname\" is not an address\n"),
        "{run:?}"
    );
}

/// One line of each kind, with blank lines and comments in between that shift the numbers.
#[test]
fn every_oddity_is_named_with_its_line() {
    let users = "\
address,owner

10.0.0.2,alice
# a comment
10.0.0.2,bob
10.0.0.2,alice
10.0.0.1,carol
10.0.0.255
10.0.0.50,dave

192.168.0.1,erin
2001:db8::1,frank
10.0.0.9/24,grace
10.0.0.010,heidi
10.0.0.4:80,ivan
,judy
\u{1b}[31mred,mallory
";
    let path = file("oddities.csv", users.as_bytes());
    let path = path.to_str().unwrap();
    let args = [
        "next",
        "10.0.0.0/24",
        "--users",
        path,
        "--reserve",
        "10.0.0.50=lab",
        "--skip-unreadable",
        "3",
    ];
    let run = run(&args);
    assert_eq!(run.found(), "10.0.0.3/32\n");
    let expected = [
        r#"14: "10.0.0.010" is not an address"#,
        r#"15: "10.0.0.4:80" is not an address"#,
        r#"17: "\u{1b}[31mred" is not an address"#,
        r#"5: "10.0.0.2" is claimed by "bob", and by "alice" on line 3"#,
        r#"7: "10.0.0.1" is reserved: gateway"#,
        r#"8: "10.0.0.255" is reserved: broadcast"#,
        r#"9: "10.0.0.50" is reserved: lab"#,
        r#"11: "192.168.0.1" is not in the pool"#,
        r#"12: "2001:db8::1" belongs to the other address family"#,
        " 17 lines, 13 entries: 2 taken, 1 repeated, 1 duplicate, 3 reserved, 1 out of range, \
         1 of the other family, 1 unassigned, 3 unparseable; 250 free. \
         What an unparseable line meant may be handed out",
    ];
    let expected: Vec<String> = expected
        .iter()
        .map(|line| format!("{path}:{line}"))
        .collect();
    assert_eq!(run.err.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_wrong_family_is_named_in_ipv6_too() {
    let path = file(
        "families.csv",
        b"10.0.0.5,a\n2001:db8::2\n2001:0DB8::0003/128\n",
    );
    let path = path.to_str().unwrap();
    let run = run(&[
        "next",
        "2001:db8::/64",
        "--at-most",
        "1000",
        "--users",
        path,
    ]);
    assert_eq!(run.found(), "2001:db8::4/128\n");
    assert!(
        run.err
            .contains("1: \"10.0.0.5\" belongs to the other address family\n"),
        "{run:?}"
    );
}

/// What could cost an address comes first, each kind has its own limit, and nothing is lost in the counts.
#[test]
fn problems_come_by_weight_and_the_rest_is_counted_by_kind() {
    let mut users = "::1\n".repeat(120);
    users += &"10.0.0.1\n".repeat(12);
    users += &"192.168.0.1\n".repeat(7);
    users += &"y\n".repeat(57);
    users += "10.0.0.9,a\n10.0.0.9,b\n";
    let run = next_with_users(users.as_bytes(), "--skip-unreadable 57");
    assert_eq!(run.found(), "10.0.0.2/32\n");
    let lines: Vec<&str> = run.err.lines().collect();
    let expected = [
        (0, "standard input:140: \"y\" is not an address"),
        (50, "standard input: ... and 7 more unparseable"),
        (
            51,
            "standard input:198: \"10.0.0.9\" is claimed by \"b\", and by \"a\" on line 197",
        ),
        (52, "standard input:121: \"10.0.0.1\" is reserved: gateway"),
        (62, "standard input: ... and 2 more reserved"),
        (63, "standard input:133: \"192.168.0.1\" is not in the pool"),
        (68, "standard input: ... and 2 more out of range"),
        (
            69,
            "standard input:1: \"::1\" belongs to the other address family",
        ),
        (74, "standard input: ... and 115 more of the other family"),
    ];
    for (at, line) in expected {
        assert_eq!(lines[at], line, "{run:?}");
    }
    assert_eq!(lines.len(), 76);
}

#[test]
fn long_texts_are_quoted_in_part() {
    let long = "z".repeat(1000);
    let users = format!("{long}\n10.0.0.2,{long}a\n10.0.0.2,{long}b\n");
    let run = next_with_users(users.as_bytes(), "--skip-unreadable 1");
    let quoted = format!("{:?}", "z".repeat(64));
    assert_eq!(run.err.matches(&quoted).count(), 3, "{run:?}");
    assert!(!run.err.contains(&"z".repeat(65)), "{run:?}");
}

/// `-` is standard input; a file of that name is `./-`.
#[test]
fn a_hyphen_is_standard_input() {
    let run = next_with_users(b"10.0.0.2\n", "");
    assert_eq!(run.found(), "10.0.0.3/32\n");
    assert_eq!(
        run.err,
        "standard input: 1 line, 1 entry: 1 taken; 252 free\n"
    );
}

#[test]
fn a_full_network_is_exit_code_3() {
    let all: String = (2..=254).map(|host| format!("10.0.0.{host}\n")).collect();
    let run = next_with_users(all.as_bytes(), "");
    assert!(run.failed(3).ends_with("0 free, 1 asked for\n"), "{run:?}");
    let run = next_with_users(all.as_bytes(), "--format json");
    let error = run.failed_json(3);
    assert_eq!(error["error"]["code"], "exhausted");
    assert_eq!(error["error"]["capacity"], 253);
    assert_eq!(error["list"]["taken"], 253);
    let but_one = all.replace("10.0.0.99\n", "");
    assert_eq!(
        next_with_users(but_one.as_bytes(), "").found(),
        "10.0.0.99/32\n"
    );
}
