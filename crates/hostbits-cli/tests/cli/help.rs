//! Help and version, and the ways to use the command wrongly.

use crate::run::{run, run_line};

#[test]
fn help_has_every_option_an_example_and_the_exit_codes() {
    let help = run_line("next --help");
    for text in [
        "--users",
        "--count",
        "--format",
        "--gateway",
        "--reserve",
        "--policy",
        "--range",
        "--unit",
        "--at-most",
        "--no-edges",
        "--skip-unreadable",
        "--filter",
        "--filter-file",
        "k8s-pods",
        "1  the pool and the list differ, or entries of the list cannot be read",
        "default: auto",
        "default: lowest",
        "default: none",
        "default: 1",
        "hostbits next 10.0.0.0/24 --users users.csv",
        "0  found",
        "2  wrong usage",
        "3  exhausted",
        "address,owner",
    ] {
        assert!(help.found().contains(text), "{text}");
    }
    assert!(
        run_line("--help")
            .found()
            .contains("hostbits pool allocate vpn.pool")
    );
    assert!(run_line("--help").found().contains("3  exhausted"));
    assert_eq!(
        run_line("--version").found(),
        concat!("hostbits ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_why() {
    for (args, message) in [
        ("", "Usage: hostbits [OPTIONS] <COMMAND>"),
        ("take 10.0.0.0/24", "unrecognized subcommand"),
        ("next", "<NETWORK>"),
        ("next 10.0.0.0/24 --what", "--what"),
        (
            "next 10.0.0.0/24 --format xml",
            "[possible values: plain, json]",
        ),
        ("next 10.0.0.0/24 --skip-unreadable some", "invalid digit"),
        ("next 10.0.0.0/24 -n 0", "write 1 or more"),
        ("next 10.0.0.0/24 -n -1", "-1"),
        (
            "next 10.0.0.0/24 -n two",
            "write a whole number from 1 to 18446744073709551615",
        ),
        (
            "next 10.0.0.0/24 -n 18446744073709551616",
            "write a whole number",
        ),
        ("next 10.0.0.0/24 --unit 0", "0 is not in 1..=128"),
        ("next 10.0.0.0/24 --unit 129", "129 is not in 1..=128"),
        ("next 10.0.0.0/24 --at-most many", "many"),
        (
            "next 10.0.0.0/24 --gateway router",
            "write auto, first, last, none or an address",
        ),
        (
            "next 10.0.0.0/24 --policy best",
            "write lowest, highest, next, spread, random or random:SEED",
        ),
        (
            "next 10.0.0.0/24 --policy random:x",
            "write a number from 0 to 18446744073709551615",
        ),
        (
            "next 10.0.0.0/24 --range 10.0.0.9-x",
            "write 10.0.0.100-10.0.0.199, for example",
        ),
        (
            "next 10.0.0.0/24 --reserve 10.0.0.9",
            "has no label: write 10.0.0.10-10.0.0.19=printers",
        ),
        ("next 10.0.0.0/24 --reserve 10.0.0.9=", "has no label"),
        ("next 10.0.0.0/24 --reserve x=y", "\"x\" is not a range"),
        ("info 10.0.0.0/24 -n 2", "-n"),
    ] {
        let run = run_line(args);
        assert!(run.failed(2).contains(message), "{args}: {run:?}");
    }
}

#[test]
fn wrong_usage_in_json_is_one_object() {
    for args in [
        "next 10.0.0.0/24 -n 0 --format json",
        "next --format=json",
        "info 10.0.0.0 --format json",
    ] {
        let error = run_line(args).failed_json(2);
        assert_eq!(error["error"]["code"], "usage", "{args}");
        let message = error["message"].as_str().unwrap();
        assert!(
            !message.starts_with("error:") && !message.is_empty(),
            "{args}"
        );
    }
    assert!(
        run(&["next", "--format", "plain"])
            .failed(2)
            .starts_with("error:")
    );
}
