//! Pool files that a newer version wrote: exit code 8, said to be newer, hints that throw nothing away, and no byte
//! changed, whatever the command.

use crate::run::{PoolFile, Run, file, run};
use std::fs;

/// Every command that opens a pool file, or looks at it.
const COMMANDS: [&str; 20] = [
    "pool show FILE",
    "pool list FILE",
    "pool check FILE",
    "pool sync FILE",
    "pool allocate FILE",
    "pool allocate FILE --ip 10.0.0.9",
    "pool allocate FILE --block 28",
    "pool release FILE 10.0.0.2",
    "pool grow FILE 10.0.0.0/23",
    "pool grow FILE 10.0.0.0/16",
    "pool reclaim FILE --nobody",
    "pool reclaim FILE --from LIST",
    "pool backup FILE COPY",
    "pool restore BACKUP FILE",
    "pool restore FILE COPY",
    "reclaim FILE --nobody",
    "seed FILE --from LIST",
    "check FILE --from LIST",
    "reconcile FILE --from LIST",
    "reconcile FILE --from LIST --wait",
];

fn crc_32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg())
        })
    })
}

/// The configuration in force of a new file, with another policy in it.
fn set_policy(pool: &PoolFile, policy: &str) {
    let mut bytes = fs::read(&pool.0).unwrap();
    let is_text = |window: &[u8]| window == b"hostbits pool 1\n";
    let at: Vec<_> = (0..bytes.len() - 16)
        .filter(|&at| is_text(&bytes[at..at + 16]))
        .collect();
    for at in at {
        let len = u32::from_le_bytes(bytes[at - 8..at - 4].try_into().unwrap()) as usize;
        let text = String::from_utf8(bytes[at..at + len].to_vec()).unwrap();
        let text = text.replace("policy lowest", &format!("policy {policy}"));
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
        bytes[at - 8..at - 4].copy_from_slice(&(text.len() as u32).to_le_bytes());
        bytes[at - 4..at].copy_from_slice(&crc_32c(text.as_bytes()).to_le_bytes());
    }
    fs::write(&pool.0, bytes).unwrap();
}

#[track_caller]
fn refused(command: &str, run: &Run, what: &str) {
    let err = run.failed(8);
    let newer = format!(
        "made by a newer version: {what} is unknown to this version of hostbits; use a newer one"
    );
    assert!(err.contains(&newer), "{command}: {err}");
    assert!(err.contains("the file is not damaged"), "{command}: {err}");
    for wrong in ["file is damaged", "restore", "seed", "remove", "backup"] {
        assert!(!err.contains(wrong), "{command}: {err}");
    }
}

#[test]
fn every_command_says_newer_and_changes_nothing() {
    let pool = PoolFile::create("newer", "10.0.0.0/24");
    let (copy, backup) = (
        PoolFile::absent("newer-copy"),
        PoolFile::absent("newer-backup"),
    );
    let list = file("newer.list", b"10.0.0.9\n");
    pool.run("backup", backup.name()).found();
    set_policy(&pool, "best");
    let before = fs::read(&pool.0).unwrap();
    for command in COMMANDS {
        let line = command
            .replace("FILE", pool.name())
            .replace("LIST", list.to_str().unwrap())
            .replace("COPY", copy.name())
            .replace("BACKUP", backup.name());
        let words: Vec<_> = line.split_whitespace().collect();
        refused(command, &run(&words), "`policy best`");
        let json = run(&[&words[..], &["--format", "json"]].concat()).failed_json(8);
        assert_eq!(
            json["error"]["code"], "unknown-content",
            "{command}: {json}"
        );
        assert_eq!(json["error"]["what"], "`policy best`", "{command}: {json}");
        assert!(fs::read(&pool.0).unwrap() == before, "{command}");
        assert!(!copy.0.exists(), "{command}");
    }
}

/// A set of which one file is newer.
#[test]
fn a_set_with_a_newer_file_says_so_and_changes_nothing() {
    let pool = PoolFile::create("newer-member", "10.0.0.0/24");
    set_policy(&pool, "best");
    let text = format!(
        "[sets.blue]\n[[sets.blue.members]]\nnetwork = '10.0.0.0/24'\nfile = '{}'\n",
        pool.name()
    );
    let config = file("newer.toml", text.as_bytes());
    let before = fs::read(&pool.0).unwrap();
    for command in [
        "set show CONFIG",
        "set check CONFIG",
        "set plan CONFIG",
        "set apply CONFIG",
        "set allocate CONFIG blue",
        "set release CONFIG blue 10.0.0.9",
        "set reclaim CONFIG blue --nobody",
    ] {
        let line = command.replace("CONFIG", config.to_str().unwrap());
        let run = run(&line.split_whitespace().collect::<Vec<_>>());
        let err = run.failed(8);
        assert!(
            err.contains("made by a newer version: `policy best`"),
            "{command}: {err}"
        );
        assert!(!err.contains("is damaged"), "{command}: {err}");
        assert!(fs::read(&pool.0).unwrap() == before, "{command}");
    }
}
