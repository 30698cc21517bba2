//! Commands on a file that others have open at the same time.

use crate::run::{PoolFile, command};
use hostbits::file;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn every_command_works_beside_a_live_process() {
    let file = PoolFile::create("live", "10.0.0.0/24 --capacity 1024");
    let live = file::open(&file.0).unwrap();
    let addr = live.allocate().unwrap();
    assert_eq!(file.run("allocate", "").found(), "10.0.0.3/32\n");
    assert_eq!(file.list(), ["10.0.0.2/32", "10.0.0.3/32"]);
    assert_eq!(live.allocated(), 2);
    file.run("release", &addr.to_string()).found();
    assert!(live.is_available(addr));
    file.run("sync", "").found();
    let shown = file.run("show", "");
    assert!(
        shown
            .found()
            .contains("found     joined: another process has it open\n"),
        "{shown:?}"
    );
    assert!(shown.found().contains("processes 1\n"), "{shown:?}");
    let checked = file.run("check", "");
    assert!(
        checked
            .found()
            .contains("good; joined: another process has it open; 1 taken"),
        "{checked:?}"
    );
    file.run("reclaim", "--nobody").found();
    let run = file.run("grow", "10.0.0.0/22");
    assert!(
        run.failed(8).contains("the file is open elsewhere"),
        "{run:?}"
    );
    assert_eq!(
        file.run("grow", "10.0.0.0/22 --format json").failed_json(8)["error"]["code"],
        "in-use"
    );
    drop(live);
    file.run("grow", "10.0.0.0/22").found();
}

/// One process takes and gives back as fast as it can, and checks that no other process has its addresses; the
/// others are commands whose addresses stay taken.
#[test]
fn two_processes_never_get_the_same_address() {
    const COMMANDS: usize = 40;
    let file = PoolFile::create("shared", "10.0.0.0/24");
    let live = file::open(&file.0).unwrap();
    let is_done = AtomicBool::new(false);
    let (printed, rounds) = std::thread::scope(|scope| {
        let looping = scope.spawn(|| {
            let mut rounds = 0u64;
            let mut given = HashSet::new();
            while !is_done.load(Ordering::Relaxed) {
                let addrs = live.allocate_many(3).unwrap();
                given.extend(addrs.iter().copied());
                assert_eq!(
                    live.release_many(&addrs).released,
                    3,
                    "nobody else released them"
                );
                rounds += 1;
            }
            rounds
        });
        let printed: Vec<String> = (0..COMMANDS)
            .map(|_| file.run("allocate", "").found().trim().to_owned())
            .collect();
        is_done.store(true, Ordering::Relaxed);
        (printed, looping.join().unwrap())
    });
    let distinct: HashSet<&String> = printed.iter().collect();
    assert_eq!(distinct.len(), COMMANDS, "{printed:?}");
    assert!(rounds > 0);
    let listed = file.list();
    assert_eq!(
        listed.iter().collect::<HashSet<_>>(),
        distinct,
        "all of them, and no more"
    );
}

/// Two loops of commands, each a process of its own: what they print is never the same.
#[test]
fn commands_that_run_at_once_print_different_addresses() {
    let file = PoolFile::create("racing", "10.0.0.0/24");
    let printed: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut kept = Vec::new();
                    for round in 0..15 {
                        let run = file.run("allocate", "");
                        let addr = run.found().trim().to_owned();
                        if round % 3 == 0 {
                            file.run("release", &addr).found();
                        } else {
                            kept.push(addr);
                        }
                    }
                    kept
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let distinct: HashSet<&String> = printed.iter().collect();
    assert_eq!((distinct.len(), file.list().len()), (20, 20), "{printed:?}");
}

/// A write to the disk has failed in some process: the word that says so is in the file.
#[test]
fn a_poisoned_pool_is_exit_code_8() {
    let file = PoolFile::create("poisoned", "10.0.0.0/24");
    let live = file::open(&file.0).unwrap();
    let mut header = [0; 512];
    let bytes = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&file.0)
        .unwrap();
    bytes.read_exact_at(&mut header, 0).unwrap();
    let entries = header[0x90..0x1B0].chunks_exact(24);
    let volatile = entries.into_iter().find(|entry| entry[0] == 1).unwrap();
    let offset = u64::from_le_bytes(volatile[8..16].try_into().unwrap());
    bytes
        .write_all_at(&(5u64 << 16 | 1 << 15).to_ne_bytes(), offset + 0x148)
        .unwrap();
    assert!(live.allocate().is_err());
    let run = file.run("allocate", "");
    assert!(
        run.failed(8).contains("close the pool in every process"),
        "{run:?}"
    );
    assert_eq!(file.json("show", "")["health"]["poison"], 5);
    let run = file.run("show", "");
    assert!(
        run.found().contains("poison    Input/output error"),
        "{run:?}"
    );
    let run = file.run("check", "");
    assert_eq!(run.code, Some(8), "{run:?}");
    assert!(
        run.out.contains("a write to the disk has failed"),
        "{run:?}"
    );
    assert!(
        run.out.contains(": poisoned: nothing is handed out"),
        "{run:?}"
    );
    // Closed everywhere, it can be opened; but what was in memory is not believed after a failed write.
    drop(live);
    let run = file.run("allocate", "");
    assert!(!run.failed(6).contains("machine"), "{run:?}");
    let run = file.run("check", "");
    let reason = "253 of them quarantined: a write to the disk has failed\n";
    assert!(run.found().ends_with(reason), "{run:?}");
    file.run("reclaim", "--nobody").found();
    assert_eq!(file.run("allocate", "").found(), "10.0.0.2/32\n");
}

/// Makes it look as if a claim of ours were in flight, or had landed: we are the first with the file, so the first
/// lane is ours.
fn fly(file: &PoolFile, is_in_air: bool) {
    const LANE_AT: u64 = 4 * 4096 + 0x200;
    let raw = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&file.0)
        .unwrap();
    let mut word = [0; 8];
    raw.read_exact_at(&mut word, LANE_AT).unwrap();
    let word = u64::from_ne_bytes(word) & !1 | u64::from(is_in_air);
    raw.write_all_at(&word.to_ne_bytes(), LANE_AT).unwrap();
}

/// A process is stopped in a claim: `show` and `check` name it, and a command that waits for it says so.
#[test]
fn whom_a_command_waits_for_is_named() {
    let file = PoolFile::create("in-flight", "10.0.0.0/29");
    let live = file::open(&file.0).unwrap();
    // A first flight: before it, no caller waits for any.
    let _ = live.allocate_many(2).unwrap();
    while live.allocate().is_ok() {}
    let own = std::process::id();
    assert_eq!(file.json("show", "")["in_flight"], serde_json::json!([]));
    assert!(!file.run("show", "").found().contains("in flight"));
    fly(&file, true);
    assert_eq!(live.processes_in_flight(), Some(vec![own]));
    for verb in ["show", "check"] {
        assert_eq!(file.json(verb, "")["in_flight"], serde_json::json!([own]));
        let run = file.run(verb, "");
        let note = format!("a claim of process {own}: a call that would return");
        assert!(run.found().contains(&note), "{run:?}");
    }
    let mut waiter = command(&["pool", "allocate", file.name()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(waiter.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    fly(&file, false);
    assert_eq!(
        line,
        format!("waiting for process {own}, whose claim is in flight\n")
    );
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("exhausted"), "{rest}");
    assert_eq!(waiter.wait().unwrap().code(), Some(3));
}
