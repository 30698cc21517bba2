//! Tests of `host-local`, whose lists are directories.

use crate::read::{Outcome, all, read};
use hostbits_lists::{Format, List};
use std::fs;
use std::path::PathBuf;

/// A directory for one test.
struct Network(PathBuf);

impl Network {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder =
            std::env::temp_dir().join(format!("hostbits-cni-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        Self(folder)
    }

    /// Returns the entries of the directory in the order of the addresses, without the numbers of the files.
    fn read(&self) -> Outcome {
        let mut outcome = all(List::open(Format::HostLocal, &self.0).unwrap());
        for entry in &mut outcome.entries {
            *entry = entry.split_once(' ').unwrap().1.to_owned();
        }
        outcome.entries.sort();
        outcome
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_file_of_an_address_is_held() {
    let network = Network::new(
        "held",
        &[
            ("lock", ""),
            ("last_reserved_ip.0", "10.0.0.9"),
            ("last_reserved_ip.1", "fd00::9"),
            ("10.0.0.2", "0123abcd\r\neth0"),
            ("10.0.0.3", "4567cdef"),
            ("10.0.0.4", ""),
            ("10.0.0.5", "  padded\neth1\n"),
            ("fd00::2", "0123abcd\r\neth0"),
            ("fd00__3", "of another system\r\neth0"),
        ],
    );
    let outcome = network.read();
    let expected = [
        "10.0.0.2 owner=0123abcd",
        "10.0.0.3 owner=4567cdef",
        "10.0.0.4 state=empty",
        "10.0.0.5 owner=padded",
        "fd00::2 owner=0123abcd",
        "fd00::3 owner=of another system",
    ];
    assert_eq!(outcome.whole(), expected);
    assert_eq!((outcome.ended().lines, outcome.ended().records), (9, 6));
}

#[test]
fn a_file_of_another_name_is_reported() {
    let network = Network::new(
        "odd",
        &[("10.0.0.2.tmp", "x"), ("10.0.0.02", "x"), ("10.0.0.3", "y")],
    );
    let expected = [
        "!the file's name is not an address: 10.0.0.02",
        "!the file's name is not an address: 10.0.0.2.tmp",
        "10.0.0.3 owner=y",
    ];
    assert_eq!(network.read().whole(), expected);
    let empty = Network::new("empty", &[]);
    assert_eq!(empty.read().whole(), [""; 0]);
}

/// The directory of all networks is not the directory of one network.
#[test]
fn a_directory_of_directories_is_an_error() {
    let networks = Network::new("networks", &[]);
    fs::create_dir(networks.0.join("cbr0")).unwrap();
    let outcome = networks.read();
    assert!(outcome.error().contains("directory of directories"));
}

#[test]
fn what_is_no_directory_is_an_error() {
    let missing = List::open(Format::HostLocal, "/no/such/directory").unwrap_err();
    assert_eq!(missing.code(), "unreadable");
    assert!(
        read("host-local", "10.0.0.2\n")
            .error()
            .contains("is a directory")
    );
    let file = Network::new("file", &[("10.0.0.2", "x")]);
    assert!(List::open(Format::HostLocal, file.0.join("10.0.0.2")).is_err());
}
