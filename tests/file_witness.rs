//! A witness that cannot be written, as on a full disk of XFS: nothing is lost by it. By `strace`; without it
//! these tests say so and do nothing.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/children.rs"]
mod children;
#[path = "support/scratch.rs"]
mod scratch;

use children::{command, role};
use hostbits::{
    Durability, Pool,
    file::{OpenError, RecoveryKind},
};
use ipnet::Ipv4Net;
use scratch::Scratch;
use std::path::{Path, PathBuf};
use std::process::Command;

const ENOSPC: i32 = 28;
const ALL: [Durability; 3] = [Durability::Process, Durability::Barrier, Durability::Strict];

fn builder(durability: Durability) -> hostbits::file::Builder<Ipv4Net> {
    Pool::builder("10.0.0.0/24".parse::<Ipv4Net>().unwrap()).durability(durability)
}

fn grown(durability: Durability) -> hostbits::file::Builder<Ipv4Net> {
    Pool::builder("10.0.0.0/23".parse::<Ipv4Net>().unwrap()).durability(durability)
}

#[test]
fn child() {
    let Some((role, argument)) = role() else {
        return;
    };
    let (durability, path) = argument.split_once(' ').unwrap();
    let durability = ALL[durability.parse::<usize>().unwrap()];
    match role.as_str() {
        "allocate-and-close" => {
            let pool = builder(durability).open(Path::new(path)).unwrap();
            pool.allocate().unwrap();
            pool.close().unwrap();
        }
        "is-refused" => {
            let refused = builder(durability).open(Path::new(path)).unwrap_err();
            // Before the first step of the opening, or at its last one.
            let is_no_space = matches!(refused, OpenError::NoSpace)
                || matches!(refused, OpenError::SyncFailed { errno } if errno == ENOSPC);
            assert!(is_no_space, "{refused:?}");
        }
        "look-is-refused" => {
            let path = Path::new(path);
            let refused = builder(durability).open(path).unwrap_err();
            assert_eq!(
                refused.to_string(),
                "cannot read an attribute of the file: Input/output error (os error 5)"
            );
            let refused = hostbits::file::read(path).unwrap_err();
            assert_eq!(refused.code(), "io", "{refused}");
        }
        "grow-is-refused" => {
            let refused = grown(durability).grow(Path::new(path));
            assert!(matches!(refused, Err(OpenError::NoSpace)), "{refused:?}");
        }
        other => panic!("no role {other}"),
    }
}

/// A child for whom the attribute finds no room from the `when`th time on; `false` where there is no `strace`.
fn on_a_full_disk(role: &str, durability: usize, path: &Path, when: usize) -> bool {
    let fault = format!("fsetxattr:error=ENOSPC:when={when}+");
    with_fault(&fault, role, durability, path)
}

/// A child in whom a call of the system fails.
fn with_fault(fault: &str, role: &str, durability: usize, path: &Path) -> bool {
    let call = fault.split(':').next().unwrap();
    let child = command(role, &format!("{durability} {}", path.display()));
    let log = path.with_extension("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", log.to_str().unwrap()]);
    strace.args(["-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={fault}")]);
    strace.arg(child.get_program()).args(child.get_args());
    for (key, value) in child.get_envs() {
        strace.env(key, value.unwrap_or_default());
    }
    let Ok(output) = strace.output() else {
        println!("skipped: no strace");
        return false;
    };
    assert!(output.status.success(), "{output:?}");
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("INJECTED"), "{log}");
    true
}

fn file(scratch: &Scratch, durability: usize, capacity: u64) -> PathBuf {
    let path = scratch.path(&format!("pool-{durability}"));
    let builder = builder(ALL[durability]).capacity(capacity);
    let pool = builder.create(&path).unwrap();
    pool.allocate().unwrap();
    pool.close().unwrap();
    path
}

/// On a disk that is full at the close everything is durable but the witness, which stays one behind. The next
/// openings find all as it was left, however often that happens.
#[test]
fn a_disk_that_is_full_at_the_close_costs_nothing() {
    let scratch = Scratch::new("full-close");
    for (durability, mode) in ALL.into_iter().enumerate() {
        let path = file(&scratch, durability, 256);
        for _ in 0..3 {
            // Two in an opening, which makes up for the one before, and the third in the close.
            if !on_a_full_disk("allocate-and-close", durability, &path, 3) {
                return;
            }
        }
        let pool = builder(mode).open(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
        assert_eq!(pool.available(), 249);
    }
}

/// A witness that cannot be read for an error of the disk says nothing of copies: the opening is refused, nothing
/// changes, and the next one finds all as it was.
#[test]
fn a_witness_that_cannot_be_read_costs_nothing() {
    let scratch = Scratch::new("unread");
    for (durability, mode) in ALL.into_iter().enumerate() {
        let path = file(&scratch, durability, 256);
        let before = std::fs::read(&path).unwrap();
        let fault = "fgetxattr:error=EIO:when=1+";
        if !with_fault(fault, "look-is-refused", durability, &path) {
            return;
        }
        assert!(before == std::fs::read(&path).unwrap(), "{mode}");
        let pool = builder(mode).open(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
        assert_eq!(pool.available(), 252);
    }
}

/// On a disk that is full at the opening it is refused, changes nothing, and so it is the tenth time.
#[test]
fn a_disk_that_is_full_at_the_opening_costs_nothing() {
    let scratch = Scratch::new("full-open");
    for (durability, mode) in ALL.into_iter().enumerate() {
        let path = file(&scratch, durability, 1024);
        for when in [1, 2, 1, 2, 2, 2, 1, 1] {
            if !on_a_full_disk("is-refused", durability, &path, when) {
                return;
            }
        }
        let pool = builder(mode).open(&path).unwrap();
        let recovery = pool.recovery().unwrap();
        assert_eq!(recovery.quarantined, 0, "{recovery:?}");
        assert_eq!(pool.available(), 252);
    }
}

/// The same for a growth, which has the new slots or not.
#[test]
fn a_disk_that_is_full_at_a_growth_costs_nothing() {
    let scratch = Scratch::new("full-growth");
    for (durability, mode) in ALL.into_iter().enumerate() {
        let path = file(&scratch, durability, 1024);
        for _ in 0..3 {
            if !on_a_full_disk("grow-is-refused", durability, &path, 1) {
                return;
            }
        }
        let pool = grown(mode).grow(&path).unwrap();
        let recovery = pool.recovery().unwrap();
        assert_eq!(recovery.quarantined, 0, "{recovery:?}");
        assert_eq!(pool.available(), 252 + 256);
    }
}
