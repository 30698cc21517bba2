//! Input that no run can use: an exit code and a sentence, never a panic.

use crate::run::{file, next_with_users, run, run_line};

#[test]
fn networks_that_do_not_work_say_what_would() {
    for (args, message) in [
        (
            "10.0.0.0",
            "10.0.0.0 has no prefix length: write 10.0.0.0/24, for example",
        ),
        (
            "2001:db8::",
            "2001:db8:: has no prefix length: write 2001:db8::/112, for example",
        ),
        (
            "office",
            "\"office\" is not a network: write 10.0.0.0/24 or 2001:db8::/112, for example",
        ),
        ("10.0.0.0/33", "is not a network"),
        ("10.0.0.0/255.255.255.0", "is not a network"),
        ("010.0.0.0/24", "is not a network"),
        (
            "10.0.0.5/24",
            "error: 10.0.0.5/24 has host bits set: write 10.0.0.0/24 for the whole network, or \
             10.0.0.0/24 with the range 10.0.0.5 to 10.0.0.255\n\
             hint: write 10.0.0.0/24, or 10.0.0.0/24 --range 10.0.0.5-10.0.0.255\n",
        ),
        ("::ffff:10.0.0.0/120", "write it as an IPv4 network"),
        (
            "10.0.0.0/24 --gateway 10.0.0.0",
            "gateway 10.0.0.0 is the network address",
        ),
        (
            "10.0.0.0/24 --gateway 10.0.0.255",
            "gateway 10.0.0.255 is the broadcast address",
        ),
        (
            "10.0.0.0/24 --gateway 10.0.1.1",
            "gateway 10.0.1.1 is outside 10.0.0.0/24",
        ),
        (
            "10.0.0.0/24 --gateway ::1",
            "gateway ::1 is outside 10.0.0.0/24",
        ),
        (
            "10.0.0.0/24 --range 10.0.0.9-10.0.0.5",
            "ends before it begins",
        ),
        ("10.0.0.0/24 --range 10.0.0.9-10.0.1.5", "is not inside"),
        ("10.0.0.0/24 --range 10.0.0.9-::5", "is not inside"),
        (
            "10.0.0.0/24 --range 10.0.0.5-10.0.0.9 --range 10.0.0.9-10.0.0.12",
            "overlaps",
        ),
        (
            "10.0.0.0/24 --unit 28 --range 10.0.0.5-10.0.0.9",
            "is not aligned to the units",
        ),
        ("10.0.0.0/24 --reserve 10.0.1.5=x", "is not inside"),
        ("10.0.0.0/24 --reserve ::1-::2=x", "is not inside"),
        ("10.0.0.0/24 --unit 20", "must be /24 to /32"),
        ("10.0.0.0/24 --unit 33", "must be /24 to /32"),
        ("10.0.0.0/24 --at-most 0", "needs at least one slot"),
    ] {
        for command in ["next", "info"] {
            let run = run_line(&format!("{command} {args}"));
            assert!(run.failed(2).contains(message), "{command} {args}: {run:?}");
        }
    }
}

#[test]
fn a_network_that_is_too_large_names_the_ways_out() {
    for args in [
        "next ::/0",
        "info 2001:db8::/64",
        "info ::/0 --unit 64",
        "info ::/0 --unit 127",
    ] {
        let run = run_line(args);
        let err = run.failed(2);
        for text in [
            "2^",
            "range",
            "unit",
            "fewer slots",
            "--range",
            "--unit",
            "--at-most",
        ] {
            assert!(err.contains(text), "{args}: {text}: {err}");
        }
    }
}

#[test]
fn errors_of_the_library_keep_their_code_in_json() {
    for (args, code) in [
        ("10.0.0.5/24", "host-bits-set"),
        ("::ffff:10.0.0.0/120", "mapped-prefix"),
        ("::/0", "too-large"),
        ("10.0.0.0/24 --gateway 10.0.1.1", "gateway-outside"),
        ("10.0.0.0/24 --gateway 10.0.0.0", "gateway-reserved"),
        ("10.0.0.0/24 --range 10.0.0.9-10.0.0.5", "bad-range"),
        ("10.0.0.0/24 --unit 20", "bad-unit"),
        ("10.0.0.0/24 --at-most 0", "empty"),
    ] {
        for command in ["next", "info"] {
            let run = run_line(&format!("{command} {args} --format json"));
            let error = run.failed_json(2);
            assert_eq!(error["error"]["code"], code, "{args}");
            assert!(error["message"].is_string(), "{args}");
            assert_eq!(error.get("list"), None, "no list was read");
        }
    }
    let error = run_line("next 10.0.0.5/24 --format json").failed_json(2);
    assert_eq!(error["error"]["network"], "10.0.0.0/24");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let missing = format!("{folder}/no-such-file.csv");
    for path in [folder, &*missing, "a\u{1b}[31m\nfile"] {
        let run = run(&["next", "10.0.0.0/24", "--users", path]);
        assert_eq!(run.failed(2).lines().count(), 1, "{run:?}");
        assert!(!run.err.contains('\u{1b}'), "{run:?}");
        if !path.contains('\n') {
            assert!(
                run.err.starts_with(&format!("error: cannot read {path}: ")),
                "{run:?}"
            );
        }
    }
    let args = [
        "next",
        "10.0.0.0/24",
        "--format",
        "json",
        "--users",
        &missing,
    ];
    let error = run(&args).failed_json(2);
    assert_eq!(error["error"]["code"], "unreadable");
    assert_eq!(error["error"]["file"], *missing);
}

/// An address that can be read is held, whatever encoding its owner's name is in; a line that is no text may
/// mean any address.
#[test]
fn bytes_that_are_no_text_are_refused_and_owners_may_be_in_any_encoding() {
    let users = b"10.0.0.2\n\xFF\xFE\x01\n10.0.0.3,M\xFCller\n\x01\x02\n10.0.0.4\n";
    let path = file("binary.csv", users);
    let path = path.to_str().unwrap();
    let args = ["next", "10.0.0.0/24", "--users", path, "-n", "2"];
    let refused = run(&args);
    let expected = [
        format!("{path}:2: \"\u{fffd}\u{fffd}\\u{{1}}\" is not an address"),
        format!("{path}:4: \"\\u{{1}}\\u{{2}}\" is not an address"),
    ];
    let lines: Vec<&str> = refused.failed(1).lines().collect();
    assert_eq!(lines[..2], expected, "{refused:?}");
    let skipped = run(&[&args[..], &["--skip-unreadable", "2"]].concat());
    assert_eq!(skipped.found(), "10.0.0.5/32\n10.0.0.6/32\n");
    assert!(
        skipped.err.contains("3 taken, 2 unparseable"),
        "{skipped:?}"
    );
}

/// Reproducible noise: a generator of 64 bits whose top bytes are used.
#[test]
fn a_file_of_noise_is_no_text() {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    })
    .take(300_000)
    .collect();
    let run = next_with_users(&noise, "");
    assert!(run.failed(2).contains("this is not text"), "{run:?}");
    let plain: Vec<u8> = noise.into_iter().filter(|byte| *byte != 0).collect();
    let run = next_with_users(&plain, "");
    assert!(
        run.failed(1).lines().count() == 53,
        "50, the rest, error and hint"
    );
    let controls = |char: char| char.is_control() && char != '\n';
    assert!(
        !run.err.contains(controls),
        "control characters are escaped"
    );
}

/// 10 MB without a line end, and the user on the next line is seen all the same. It begins like an
/// address and ends like one, and is none.
#[test]
fn an_endless_line_is_unparseable() {
    let mut users = b"10.0.0.2\n10.0.0.3".to_vec();
    users.resize(10_000_000, b' ');
    users.extend(b"5\n10.0.0.4\n");
    let starts = "standard input:2: \"a line longer than 64 KiB: 10.0.0.3\" is not an address\n";
    assert!(
        next_with_users(&users, "-n 2")
            .failed(1)
            .starts_with(starts)
    );
    let run = next_with_users(&users, "-n 2 --skip-unreadable 1");
    assert_eq!(run.found(), "10.0.0.3/32\n10.0.0.5/32\n");
    assert!(run.err.starts_with(starts), "{run:?}");
}
