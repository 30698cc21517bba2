//! Tests of `kea`: one stream, and the files of a directory.

use crate::read::{all, read};
use crate::samples::{KEA4, KEA6};
use hostbits_lists::{Format, List};
use std::fs;
use std::path::{Path, PathBuf};

const HEADER: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n";

fn row(addr: &str, owner: &str, lifetime: u32, state: u32) -> String {
    format!("{addr},{owner},,{lifetime},1700000000,1,0,0,,{state},,0\n")
}

/// Renewed, declined, reclaimed, deleted, released, and in an unknown state.
#[test]
fn the_last_row_of_an_address_counts() {
    let outcome = read("kea", KEA4);
    let expected = [
        "3 10.0.0.3 owner=01:02:03 state=default",
        "4 10.0.0.2 owner=00:11:22:33:44:66 state=default",
        "5 10.0.0.4 state=declined",
        "10 10.0.0.7 owner=aa:bb:cc:dd:ee:07 state=released",
        "11 10.0.0.8 owner=aa:bb:cc:dd:ee:08 state=9",
    ];
    assert_eq!(outcome.whole(), expected);
    assert_eq!(
        (outcome.ended().not_held, outcome.ended().superseded),
        (2, 3)
    );
}

#[test]
fn leases_of_dhcpv6_are_addresses_and_prefixes() {
    let expected = [
        "2 2001:db8::2 owner=00:01:00:01:aa state=default",
        "3 block:2001:db8:1::/56 owner=00:01:00:01:bb state=default",
        "6 2001:db8::4 owner=00:01:00:01:dd state=registered",
    ];
    assert_eq!(read("kea", KEA6).whole(), expected);
}

/// An address that was freed and taken again is held, and one that was taken and freed again is not.
#[test]
fn an_address_may_come_and_go() {
    let mut text = HEADER.to_owned();
    for (line, lifetime) in (2..).zip([3600, 0, 3600, 0, 3600]) {
        text += &row("10.0.0.2", &format!("owner{line}"), lifetime, 0);
    }
    let expected = ["6 10.0.0.2 owner=owner6 state=default"];
    assert_eq!(read("kea", &text).whole(), expected);
    text += &row("10.0.0.2", "x", 3600, 2);
    assert_eq!(read("kea", &text).whole(), [""; 0]);
}

/// Older versions have no state, context or pool columns; some dumps have words for states.
#[test]
fn the_header_says_which_columns_there_are() {
    let old = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname\n\
               10.0.0.2,aa,,3600,1700000000,1,0,0,x\n";
    assert_eq!(read("kea", old).whole(), ["2 10.0.0.2 owner=aa"]);
    let words = "address,state,hwaddr,valid_lifetime\n10.0.0.2,declined,,1\n10.0.0.3,expired-reclaimed,a,1\n";
    assert_eq!(read("kea", words).whole(), ["2 10.0.0.2 state=declined"]);
    let again = format!("{HEADER}{}\n\n{old}", row("10.0.0.3", "b", 1, 0));
    let expected = ["2 10.0.0.3 owner=b state=default", "6 10.0.0.2 owner=aa"];
    assert_eq!(read("kea", again).whole(), expected);
}

/// The server crashed while it wrote a row and continued after it, or it is still writing.
#[test]
fn a_row_that_is_not_whole_is_reported_and_holds() {
    let text = format!(
        "{HEADER}10.0.0.2,aa:bb{}10.0.0.9,aa",
        row("10.0.0.3", "b", 1, 0)
    );
    let outcome = read("kea", text);
    let entries = outcome.whole();
    assert_eq!(entries.len(), 4, "{entries:?}");
    assert!(
        entries[0].starts_with("2 !a row whose columns do not match the header: 10.0.0.2,aa:bb10")
    );
    assert!(entries[1].starts_with("3 !a row whose columns do not match"));
    assert_eq!(entries[2..], ["2 10.0.0.2", "3 10.0.0.9"]);
    // The address itself may be cut off.
    let outcome = read("kea", format!("{HEADER}10.0.0.1"));
    assert_eq!(outcome.whole().len(), 1);
    assert!(outcome.whole()[0].starts_with("2 !"));
    // A broken row does not free what was held.
    let held = row("10.0.0.2", "a", 1, 0);
    let outcome = read("kea", format!("{HEADER}{held}10.0.0.2,a,,0,1\n"));
    assert_eq!(outcome.whole()[1..], ["3 10.0.0.2"]);
    let outcome = read("kea", format!("{HEADER}{}", row("10.0.0.300", "a", 1, 0)));
    assert!(outcome.whole()[0].starts_with("2 !a row without an address: 10.0.0.300,a"));
    // Complete except for its line feed.
    let whole = format!("{HEADER}{}", row("10.0.0.2", "a", 1, 0));
    let expected = ["2 10.0.0.2 owner=a state=default"];
    assert_eq!(read("kea", whole.trim_end()).whole(), expected);
}

#[test]
fn what_is_no_lease_file_is_an_error() {
    for text in [
        "10.0.0.2\n",
        "hwaddr,address\n",
        "lease 10.0.0.2 {\n",
        "\n\nx\n",
    ] {
        let outcome = read("kea", text);
        assert!(
            outcome.error().contains("not a lease file of Kea"),
            "{outcome:?}"
        );
    }
}

/// A directory for one test, with the files of a server.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder =
            std::env::temp_dir().join(format!("hostbits-kea-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (suffix, addr) in files {
            let text = format!("{HEADER}{}", row(addr, "a", 1, 0));
            fs::write(folder.join(format!("leases4.csv{suffix}")), text).unwrap();
        }
        Self(folder)
    }

    fn main(&self) -> PathBuf {
        self.0.join("leases4.csv")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn addresses(path: &Path) -> Vec<String> {
    let outcome = all(List::open(Format::Kea, path).unwrap());
    let entries = outcome.whole().into_iter();
    entries
        .map(|entry| entry.split(' ').nth(1).unwrap().to_owned())
        .collect()
}

/// While a cleanup runs, the lease file is almost empty, and the leases are in the files beside it.
#[test]
fn the_files_of_a_cleanup_are_read_too() {
    let all = [(".2", "10.0.0.2"), (".1", "10.0.0.3"), ("", "10.0.0.4")];
    let files = Files::new("running", &all);
    assert_eq!(
        addresses(&files.main()),
        ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
    );
    let moved = Files::new("moved", &[(".1", "10.0.0.3"), ("", "10.0.0.4")]);
    assert_eq!(addresses(&moved.main()), ["10.0.0.3", "10.0.0.4"]);
    let idle = Files::new("idle", &[(".2", "10.0.0.2"), ("", "10.0.0.4")]);
    assert_eq!(addresses(&idle.main()), ["10.0.0.2", "10.0.0.4"]);
    let alone = Files::new("alone", &[("", "10.0.0.4")]);
    assert_eq!(addresses(&alone.main()), ["10.0.0.4"]);
}

/// A finished cleanup has replaced both files, whether they still exist or not.
#[test]
fn a_completed_cleanup_is_read_instead_of_what_it_read() {
    let all = [
        (".completed", "10.0.0.9"),
        (".2", "10.0.0.2"),
        (".1", "10.0.0.3"),
        ("", "10.0.0.4"),
    ];
    let files = Files::new("completed", &all);
    assert_eq!(addresses(&files.main()), ["10.0.0.9", "10.0.0.4"]);
}

/// A row that a crashing server left unfinished must not swallow the header of the next file.
#[test]
fn an_unfinished_file_does_not_run_into_the_next() {
    let files = Files::new("unfinished", &[(".1", "10.0.0.3"), ("", "10.0.0.4")]);
    let path = files.0.join("leases4.csv.1");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.trim_end()).unwrap();
    assert_eq!(addresses(&files.main()), ["10.0.0.3", "10.0.0.4"]);
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let files = Files::new("missing", &[(".2", "10.0.0.2")]);
    let error = List::open(Format::Kea, files.main()).unwrap_err();
    assert_eq!(error.code(), "unreadable");
}
