//! Power cuts on a real file system: `campaigns/power-cut` runs this with HOSTBITS_POWER_CUTS set.
//!
//! Processes write to pools on an ext4 in a loop device. They are stopped, the file behind the device is
//! copied as it is, and the copy is mounted: what the file system had not written is not in it. The ledgers
//! are outside. Needs root, a mount namespace of its own, and a boot id that can be changed: the machine
//! that mounts the copy is the one that wrote it.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/children.rs"]
mod children;
#[path = "support/ledger.rs"]
mod ledger;

use children::{role, setting, spawn};
use hostbits::{
    AllocateError, Durability, Pool, StatsLevel, Status,
    file::{self, RecoveryKind},
};
use ipnet::Ipv4Net;
use ledger::Ledger;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::Ordering;
use std::time::Duration;

const SLOTS: u32 = 1024;
/// Counters of the ledgers.
const OPERATIONS: usize = 0;
const CREATED: usize = 1;
/// Files that the creator leaves behind it.
const KEPT_FILES: u64 = 8;

#[test]
fn child() {
    let Some((role, argument)) = role() else {
        return;
    };
    let base = PathBuf::from(argument);
    match role.as_str() {
        "create" => create(&base),
        name => write(&base, name),
    }
}

fn builder(name: &str) -> file::Builder<Ipv4Net> {
    let durability = match name {
        "process" => Durability::Process,
        "barrier" => Durability::Barrier,
        "strict" => Durability::Strict,
        other => panic!("no role {other}"),
    };
    let net: Ipv4Net = "10.0.0.0/22".parse().unwrap();
    let builder = Pool::builder(net).stats(StatsLevel::Off);
    builder.durability(durability)
}

fn ledger(base: &Path, name: &str) -> Ledger {
    Ledger::open(&base.join(format!("{name}.ledger")), SLOTS as usize)
}

/// Allocates and releases until it is killed, and writes down what it holds.
fn write(base: &Path, name: &str) {
    let pool = builder(name).open(base.join("live").join(name)).unwrap();
    let ledger = ledger(base, name);
    std::thread::scope(|scope| {
        for thread in 1..=2 {
            let (pool, ledger) = (&pool, &ledger);
            scope.spawn(move || write_on_thread(pool, ledger, thread));
        }
    });
}

fn write_on_thread(pool: &Pool<Ipv4Net>, ledger: &Ledger, thread: u64) {
    let holder = u64::from(std::process::id()) << 8 | thread;
    let mut random = holder.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut held = Vec::new();
    loop {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if held.len() < 180 && random & 3 != 0 {
            let got = pool.allocate_many((random >> 8) as usize % 8 + 1);
            let got = got.unwrap_or_default();
            if pool.recovery().is_some() && pool.health().unwrap().durability == Durability::Barrier
            {
                pool.sync().unwrap();
            }
            for addr in got {
                ledger.take(pool.slot_of(addr).unwrap(), holder).unwrap();
                held.push(addr);
            }
        } else if !held.is_empty() {
            let addr = held.swap_remove((random >> 8) as usize % held.len());
            ledger.give(pool.slot_of(addr).unwrap(), holder).unwrap();
            pool.release(addr).unwrap();
        }
        ledger.counter(OPERATIONS).fetch_add(1, Ordering::Relaxed);
    }
}

/// Creates one file after the other, and says when each is there.
fn create(base: &Path) {
    let ledger = ledger(base, "create");
    for number in ledger.counter(CREATED).load(Ordering::SeqCst) + 1.. {
        let _ = std::fs::remove_file(base.join(format!("live/new-{number}")));
        let pool = builder("process").create(base.join(format!("live/new-{number}")));
        drop(pool.unwrap());
        ledger.counter(CREATED).store(number, Ordering::SeqCst);
        if number > KEPT_FILES {
            let old = number - KEPT_FILES;
            std::fs::remove_file(base.join(format!("live/new-{old}"))).unwrap();
        }
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
}

fn mount(image: &Path, at: &Path) {
    std::fs::create_dir_all(at).unwrap();
    run(
        "mount",
        &["-o", "loop", image.to_str().unwrap(), at.to_str().unwrap()],
    );
}

/// Writers, who do not outlive the test, however it ends.
struct Writers(Vec<Child>);

impl Drop for Writers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(writers: &Writers, signal: Signal) {
    for child in &writers.0 {
        let pid = Pid::from_raw(child.id() as i32);
        kill(pid, signal).unwrap();
        if signal == Signal::SIGSTOP {
            waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
        }
    }
}

/// Copies the file behind the device at an instant: until nothing was written meanwhile.
fn copy_at_an_instant(image: &Path, copy: &Path) {
    loop {
        std::fs::copy(image, copy).unwrap();
        if std::fs::read(image).unwrap() == std::fs::read(copy).unwrap() {
            return;
        }
    }
}

#[derive(Debug, Default)]
struct Found {
    held: u64,
    leaked: u64,
    quarantined: u64,
}

/// Opens a pool of the copy: what was held when the power went is held.
fn check(copy: &Path, name: &str, held: &BTreeSet<u32>, found: &mut Found) {
    let pool = builder(name).open(copy.join(name)).unwrap();
    assert_eq!(
        pool.recovery().unwrap().kind,
        RecoveryKind::MachineCrash,
        "{name}"
    );
    for &slot in held {
        let status = pool.status(pool.addr_of(slot).unwrap());
        let is_held = matches!(status, Status::Allocated { .. });
        assert!(is_held, "{name}: {slot} is held and {status:?}");
    }
    let quarantined = pool.health().unwrap().quarantined;
    if name == "process" {
        let refused = pool.allocate();
        assert!(
            matches!(refused, Err(AllocateError::Exhausted { .. })),
            "{refused:?}"
        );
        let list = held
            .iter()
            .map(|&slot| pool.addr_of(slot).unwrap().to_string());
        let _ = pool.reclaim(list.collect::<Vec<_>>()).unwrap();
    } else {
        assert_eq!(quarantined, 0, "{name}");
    }
    let mut free = 0;
    while let Ok(addr) = pool.allocate() {
        let slot = pool.slot_of(addr).unwrap();
        assert!(!held.contains(&slot), "{name}: {slot} has two holders");
        free += 1;
    }
    found.held += held.len() as u64;
    found.quarantined += quarantined;
    found.leaked += pool.capacity() - held.len() as u64 - free;
}

/// P4: the power goes, again and again. No held address is free afterwards, and a file that was created is there.
#[test]
fn power_cuts_free_nothing_that_is_held() {
    let cuts = setting("HOSTBITS_POWER_CUTS", 0);
    if cuts == 0 {
        println!("skipped: campaigns/power-cut runs this");
        return;
    }
    let base = PathBuf::from(std::env::var("HOSTBITS_POWER_DIR").unwrap());
    let (image, image_copy) = (base.join("image"), base.join("image-copy"));
    let (live, copy) = (base.join("live"), base.join("copy"));
    std::fs::write(&image, vec![0; 24 << 20]).unwrap();
    run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
    mount(&image, &live);
    let names = ["process", "barrier", "strict"];
    let mut ledgers = Vec::new();
    for name in names {
        drop(builder(name).create(live.join(name)).unwrap());
        ledgers.push(ledger(&base, name));
    }
    let created = ledger(&base, "create");
    let roles = [
        "process", "process", "barrier", "barrier", "strict", "strict", "create",
    ];
    let writers = Writers(roles.map(|role| spawn(role, base.to_str().unwrap())).into());
    let mut found = names.map(|_| Found::default());
    let mut files = 0;
    let mut random = u64::from(std::process::id()) | 1 << 40;
    for cut in 0..cuts {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(20 + random % 300));
        signal(&writers, Signal::SIGSTOP);
        let held: Vec<BTreeSet<_>> = ledgers
            .iter()
            .map(|ledger| ledger.held(SLOTS).into_iter().collect())
            .collect();
        let last = created.counter(CREATED).load(Ordering::SeqCst);
        copy_at_an_instant(&image, &image_copy);
        signal(&writers, Signal::SIGCONT);
        std::fs::write(base.join("boot_id"), format!("{cut:032x}\n")).unwrap();
        mount(&image_copy, &copy);
        for ((name, held), found) in names.iter().zip(&held).zip(&mut found) {
            check(&copy, name, held, found);
        }
        // One more may have been removed since, and not been counted yet.
        for number in last.saturating_sub(KEPT_FILES - 2).max(1)..=last {
            let pool = builder("process").open(copy.join(format!("new-{number}")));
            assert!(pool.is_ok(), "new-{number} of {last}: {:?}", pool.err());
            files += 1;
        }
        run("umount", &[copy.to_str().unwrap()]);
    }
    drop(writers);
    run("umount", &[live.to_str().unwrap()]);
    for ((name, found), ledger) in names.iter().zip(&found).zip(&ledgers) {
        let operations = ledger.counter(OPERATIONS).load(Ordering::SeqCst);
        println!(
            "{name}: {cuts} cuts, {operations} operations; {} addresses held, none of them free; \
             {} quarantined, {} leaked",
            found.held, found.quarantined, found.leaked
        );
    }
    println!("{files} files created, all there");
}
