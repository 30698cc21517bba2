//! A file as it is after the machine went down: written in another boot.

use crate::run::{PoolFile, Run, file, run, run_with_input};
use std::fs::File;
use std::os::unix::fs::FileExt;

const STATE_SLOTS: [u64; 2] = [0x2000, 0x3000];
const BOOT: usize = 0x20;
const PHASE: usize = 0x30;
const CHECKSUM: usize = 0x1FC;

/// Says that another boot had the file open, in both slots, with a checksum that is right.
pub(crate) fn reboot(file: &PoolFile) -> File {
    let bytes = File::options()
        .read(true)
        .write(true)
        .open(&file.0)
        .unwrap();
    for slot in STATE_SLOTS {
        let mut state = [0; 512];
        bytes.read_exact_at(&mut state, slot).unwrap();
        state[BOOT..BOOT + 16].copy_from_slice(b"some other boot.");
        state[PHASE..PHASE + 4].copy_from_slice(&2u32.to_le_bytes());
        let checksum = crc_32c(&state[..CHECKSUM]);
        state[CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
        bytes.write_all_at(&state, slot).unwrap();
    }
    bytes
}

/// The same for a file that does not vouch for its words.
fn crash(file: &PoolFile) {
    let bytes = reboot(file);
    // A file that was left in order vouches for its words; one that is open with durability process does
    // not.
    let mut header = [0; 512];
    bytes.read_exact_at(&mut header, 0).unwrap();
    let entries = header[0x90..0x1B0].chunks_exact(24);
    let trust = entries.into_iter().find(|entry| entry[0] == 3).unwrap();
    let offset = u64::from_le_bytes(trust[8..16].try_into().unwrap());
    bytes.write_all_at(&[0; 4096], offset).unwrap();
}

fn crc_32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg())
        })
    })
}

/// A pool with two addresses allocated, and all the others quarantined.
fn crashed(name: &str) -> PoolFile {
    let file = PoolFile::create(name, "10.0.0.0/24");
    file.run("allocate", "-n 2").found();
    crash(&file);
    file
}

fn reclaim(file: &PoolFile, users: &[u8], options: &[&str]) -> Run {
    let args = [&["pool", "reclaim", file.name(), "--users", "-"], options].concat();
    run_with_input(&args, users)
}

#[test]
fn the_checksum_is_crc_32c() {
    assert_eq!(crc_32c(b"123456789"), 0xE306_9283);
}

#[test]
fn a_pool_in_quarantine_is_exit_code_6_until_it_is_reclaimed() {
    let file = crashed("quarantine");
    let expected = format!(
        "error: {0}: exhausted: too few of the pool's 253 addresses are free, and 251 are quarantined: \
         reclaim them with a list of who holds what: 0 free, 1 asked for\n\
         hint: hostbits pool reclaim {0} --from LIST\n",
        file.name()
    );
    assert_eq!(file.run("allocate", "").failed(6), expected);
    let error = file.run("allocate", "--format json").failed_json(6);
    assert_eq!(error["error"]["code"], "exhausted");
    assert_eq!(error["error"]["quarantined"], 251);
    file.run("allocate", "--near 10.0.0.9").failed(6);
    file.run("allocate", "--block /28").failed(6);
    file.run("allocate", "--ip 10.0.0.9").failed(4);
    let checked = file.run("check", "");
    assert!(
        checked
            .found()
            .contains("253 taken, 251 of them quarantined"),
        "{checked:?}"
    );
    let shown = file.run("show", "");
    assert!(
        shown
            .found()
            .contains("suspects  251 quarantined: the machine went down"),
        "{shown:?}"
    );

    let reclaimed = reclaim(&file, b"10.0.0.2\n10.0.0.3\n10.0.0.200\n", &[]);
    let expected = format!("{}: 250 freed, 1 held\n", file.name());
    assert_eq!(reclaimed.found(), expected);
    assert_eq!(file.list(), ["10.0.0.2/32", "10.0.0.3/32", "10.0.0.200/32"]);
    assert_eq!(file.run("allocate", "").found(), "10.0.0.4/32\n");
}

/// Before any process has opened it, and afterwards; the address that is released leaves the quarantine.
#[test]
fn show_says_that_the_machine_went_down() {
    let file = crashed("show-crash");
    let shown = file.json("show", "");
    assert_eq!(shown["found"], "machine-crash");
    assert_eq!(shown["health"]["quarantined"], 251);
    assert_eq!(shown["available"], 0);
    let run = file.run("show", "");
    assert!(
        run.found()
            .contains("found     machine-crash: the machine went down, or"),
        "{run:?}"
    );
    assert_eq!(file.list().len(), 253, "unknown reads as taken");
    file.run("release", "10.0.0.99").found();
    assert_eq!(file.json("show", "")["health"]["quarantined"], 250);
    assert_eq!(file.run("allocate", "").found(), "10.0.0.99/32\n");
}

/// Nothing is freed by a list that proves nothing.
#[test]
fn a_list_that_is_unclear_frees_nothing() {
    let file = crashed("unclear");
    for (users, message, hint) in [
        (
            &b"10.0.0.2\nnobody knows\n"[..],
            "1 entry of the list cannot be read",
            "correct the list",
        ),
        (
            b"",
            "the list contains no address of the pool, and 251 are quarantined",
            "--nobody",
        ),
        (
            b"192.168.0.1\n",
            "contains no address of the pool",
            "--nobody",
        ),
    ] {
        let run = reclaim(&file, users, &[]);
        let err = run.failed(2);
        assert!(err.contains(message) && err.contains(hint), "{run:?}");
    }
    let missing = run(&["pool", "reclaim", file.name(), "--users", "no-such-list"]);
    assert!(
        missing.failed(2).contains("cannot read no-such-list"),
        "{missing:?}"
    );
    assert_eq!(file.json("show", "")["health"]["quarantined"], 251);

    let error = reclaim(&file, b"10.0.0.2\n\nx\n", &["--format", "json"]).failed_json(2);
    assert_eq!(error["error"]["code"], "unclear");
    assert_eq!(error["list"]["unparseable"], 1);
    assert_eq!(error["problem_lines"], serde_json::json!([3]));
    assert_eq!(error["file"], file.name());

    let one = ["--skip-unreadable", "1"];
    let run = reclaim(&file, b"10.0.0.16/28\nx\n", &one);
    assert_eq!(
        run.found(),
        format!("{}: 235 freed, 16 held\n", file.name())
    );
}

/// Like the test above, for a list that a program wrote: a broken row is unclear, a missing end is an error, and
/// only a whole list frees what it does not name.
#[test]
fn a_list_of_another_program_frees_when_it_is_whole() {
    let file = crashed("formats");
    let reclaim = |list: &[u8]| {
        let args = ["pool", "reclaim", file.name(), "--users", "dhcpd:-"];
        run_with_input(&args, list)
    };
    let lease = "lease 10.0.0.9 { binding state active; }\n";
    let broken = reclaim(format!("{lease}lese 10.0.0.10 {{ }}\n").as_bytes());
    assert!(
        broken
            .failed(2)
            .contains("1 entry of the list cannot be read")
    );
    let cut = reclaim(format!("{lease}lease 10.0.0.10 {{\n").as_bytes());
    assert!(
        cut.failed(2).contains("the last entry is incomplete"),
        "{cut:?}"
    );
    assert_eq!(file.json("show", "")["health"]["quarantined"], 251);
    let freed = "lease 10.0.0.10 { binding state free; }\n";
    let whole = reclaim(format!("{lease}{freed}").as_bytes());
    assert_eq!(
        whole.found(),
        format!("{}: 250 freed, 1 held\n", file.name())
    );
}

/// A folder can be opened and not read: what comes of it is half a list, or none.
#[test]
fn a_list_that_cannot_be_read_to_its_end_frees_nothing() {
    let file = crashed("half-a-list");
    let folder = env!("CARGO_TARGET_TMPDIR");
    let run = run(&["pool", "reclaim", file.name(), "--users", folder]);
    assert!(run.failed(2).contains("cannot read"), "{run:?}");
    assert_eq!(file.json("show", "")["health"]["quarantined"], 251);
    assert_eq!(file.list().len(), 253);
}

#[test]
fn somebody_may_vouch_for_the_whole_quarantine() {
    let crashed = crashed("nobody");
    let run = crashed.run("reclaim", "--nobody");
    assert_eq!(
        run.found(),
        format!("{}: 251 freed, 0 held\n", crashed.name())
    );
    assert_eq!(crashed.list(), ["10.0.0.2/32", "10.0.0.3/32"]);
    let users = file("nobody-users.csv", b"10.0.0.2\n");
    let answer = crashed.json("reclaim", &format!("--users {}", users.display()));
    assert_eq!((&answer["freed"], &answer["held"]), (&0.into(), &0.into()));
}

/// What strict and barrier printed is held after the machine went down, and the rest is free.
#[test]
fn what_was_printed_is_held_after_a_crash() {
    for durability in ["strict", "barrier"] {
        let file = PoolFile::create("held", &format!("10.0.0.0/24 --durability {durability}"));
        file.run("allocate", "-n 2").found();
        reboot(&file);
        assert_eq!(
            file.run("allocate", "").found(),
            "10.0.0.4/32\n",
            "{durability}"
        );
    }
}
