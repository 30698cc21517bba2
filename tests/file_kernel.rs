//! What the kernel sees of a pool file: pages that become dirty, descriptors, processes that are stopped at
//! the worst moment. And files of other versions of this crate.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/children.rs"]
mod children;
#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/skip.rs"]
mod skip;

use children::{role, spawn};
use hostbits::{AllocateError, Durability, FileRefusal, Pool, file::RecoveryKind};
use ipnet::Ipv4Net;
use ledger::Ledger;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scratch::{PAGE, Scratch, change_header, overwrite, poison, put_back, read};
use skip::skip;
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[test]
fn child() {
    let Some((role, argument)) = role() else {
        return;
    };
    let path = PathBuf::from(argument);
    match role.as_str() {
        "without-streams" => without_streams(&path),
        "claims" => claims(&path),
        other => panic!("no role {other}"),
    }
}

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

/// Bytes of pages that this thread has made dirty on a disk, as the kernel counts them.
fn dirtied_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "))?;
    line.parse().ok()
}

/// Whether the kernel counts pages that become dirty in this directory; says why if not.
fn pages_are_counted(scratch: &Scratch) -> bool {
    let Some(before) = dirtied_bytes() else {
        skip("no /proc/thread-self/io");
        return false;
    };
    let mut file = std::fs::File::create(scratch.path("probe")).unwrap();
    file.write_all(&[1; PAGE]).unwrap();
    file.sync_all().unwrap();
    let is_counted = dirtied_bytes().unwrap() >= before + PAGE as u64;
    if !is_counted {
        skip("the file system of temporary files counts no pages");
    }
    is_counted
}

/// S4: an opening that must not trust clean pages makes every page of T, F and Q dirty, so that its sync writes
/// them. (`fetch_or(0)` would make none dirty, which would go unnoticed until a disk fails.)
#[test]
fn what_must_be_written_again_becomes_dirty() {
    let scratch = Scratch::new("dirty");
    if !pages_are_counted(&scratch) {
        return;
    }
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/12")).durability(Durability::Barrier);
    let pool = builder.create(&path).unwrap();
    pool.allocate_many(1_000).unwrap();
    pool.sync().unwrap();
    let open = read(&path);
    drop(pool);
    let clean = {
        let before = dirtied_bytes().unwrap();
        drop(builder.open(&path).unwrap());
        dirtied_bytes().unwrap() - before
    };
    put_back(&path, &open);
    std::fs::File::open(&path).unwrap().sync_all().unwrap();
    let before = dirtied_bytes().unwrap();
    let pool = builder.open(&path).unwrap();
    let dirtied = dirtied_bytes().unwrap() - before;
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::ProcessCrash);
    // 2^20 slots: 128 KiB of F, as much of Q, a page of T.
    let maps = (128 << 10) * 2 + PAGE as u64;
    println!("{dirtied} bytes, {maps} of maps; {clean} where everything was left in order");
    assert!(dirtied >= maps, "{dirtied} bytes became dirty");
    assert!(clean < maps / 2, "the count is of something else: {clean}");
}

/// S5: one allocation that waits for the disk writes at most 64 sectors, in a file of megabytes: the kernel
/// keeps what is dirty by what was written at once, so the file was written by pages.
#[test]
fn one_durable_allocation_is_a_small_write() {
    let scratch = Scratch::new("small");
    if !pages_are_counted(&scratch) {
        return;
    }
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/8")).durability(Durability::Strict);
    let pool = builder.create(&path).unwrap();
    pool.allocate().unwrap();
    for (what, addr) in [("near", "10.0.0.99"), ("far", "10.99.0.0")] {
        let before = dirtied_bytes().unwrap();
        pool.allocate_exact(addr.parse().unwrap()).unwrap();
        let dirtied = dirtied_bytes().unwrap() - before;
        println!("{what}: {dirtied} bytes");
        assert!(dirtied > 0, "{what}: nothing was written");
        assert!(dirtied <= 64 * 512, "{what}: {dirtied} bytes");
    }
}

fn without_streams(path: &Path) {
    for stream in 0..3 {
        let _ = nix::unistd::close(stream);
    }
    let builder = Pool::builder(net("10.0.0.0/24"));
    let created = builder.create(path).unwrap();
    let joined = builder.open(path).unwrap();
    let _view = hostbits::file::read(path).unwrap();
    let held = created.allocate().unwrap();
    for line in 0..100 {
        println!("a stray line {line}");
        eprintln!("another one {line}");
    }
    // By the inode: a file that was made without a name is shown without one.
    let inode = std::fs::metadata(path).unwrap().ino();
    let mut found = 0;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let entry = entry.unwrap();
        if std::fs::metadata(entry.path()).is_ok_and(|file| file.ino() == inode) {
            found += 1;
            let number: i32 = entry.file_name().to_str().unwrap().parse().unwrap();
            assert!(number > 2, "the pool is stream {number}");
        }
    }
    assert_eq!(found, 2);
    assert!(joined.iter().eq([held]));
}

/// X4: in a process without standard streams the pool does not become one, and stray prints harm nothing.
#[test]
fn a_pool_is_never_a_standard_stream() {
    let scratch = Scratch::in_memory("streams");
    let path = scratch.path("pool");
    let status = spawn("without-streams", path.to_str().unwrap())
        .wait()
        .unwrap();
    assert!(status.success(), "{status}");
    let pool = Pool::builder(net("10.0.0.0/24")).open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
    assert_eq!(pool.allocated(), 1);
}

const CLAIMED: usize = 0;
const VERDICT: usize = 1;
const CLAIMERS: u64 = 2;

/// Claims and releases until the pool is reported as poisoned.
fn claims(path: &Path) {
    let ledger = Ledger::open(&path.with_extension("ledger"), 1 << 12);
    let pool = Pool::builder(net("10.0.0.0/20")).open(path).unwrap();
    std::thread::scope(|scope| {
        for thread in 1..=CLAIMERS {
            let (pool, ledger) = (&pool, &ledger);
            scope.spawn(move || {
                loop {
                    let claimed = match pool.allocate() {
                        Ok(addr) => addr,
                        Err(AllocateError::File(FileRefusal::Poisoned { errno: 5 })) => return,
                        Err(other) => panic!("{other}"),
                    };
                    let claims = ledger.counter(CLAIMED).fetch_add(1, Ordering::SeqCst);
                    let slot = pool.slot_of(claimed).unwrap();
                    ledger.take(slot, thread).unwrap();
                    // Some stay, and never all.
                    if claims % 64 != 0 || claims > 64_000 {
                        ledger.give(slot, thread).unwrap();
                        pool.release(claimed).unwrap();
                    }
                }
            });
        }
    });
    let held = ledger.held(1 << 12).len() as u64;
    let is_right = pool.allocated() == held;
    ledger
        .counter(VERDICT)
        .store(if is_right { 1 } else { 2 }, Ordering::SeqCst);
}

/// The error that is reported is the one with which the sync failed, whichever it was.
#[test]
fn the_error_of_a_failed_sync_is_told_as_it_was() {
    for errno in [1u16, 4, 5, 28, 122] {
        let scratch = Scratch::in_memory("errno");
        let path = scratch.path("pool");
        let pool = Pool::builder(net("10.0.0.0/24")).create(&path).unwrap();
        let word = 1u64 << 15 | u64::from(errno) << 16;
        overwrite(&path, 4 * PAGE as u64 + 0x148, &word.to_ne_bytes());
        assert_eq!(pool.health().unwrap().poison, Some(errno.into()));
    }
}

/// C5: a process is stopped anywhere in its claims, the pool is poisoned meanwhile, and it goes on. Each thread
/// returns at most the claim that it was in, and loses nothing. `file_steps`, which poisons between given
/// instructions, shows whether that one may return.
#[test]
fn whoever_was_stopped_in_a_claim_hears_of_the_poison() {
    for round in 0..40u64 {
        let scratch = Scratch::in_memory("stopped");
        let path = scratch.path("pool");
        drop(Pool::builder(net("10.0.0.0/20")).create(&path).unwrap());
        let ledger = Ledger::open(&path.with_extension("ledger"), 1 << 12);
        let mut child = spawn("claims", path.to_str().unwrap());
        let claimed = || ledger.counter(CLAIMED).load(Ordering::SeqCst);
        wait_for("claims", || claimed() > 100 + 37 * round);
        let pid = Pid::from_raw(child.id() as i32);
        kill(pid, Signal::SIGSTOP).unwrap();
        let stat = format!("/proc/{pid}/task");
        wait_for("the stop", || threads_are_stopped(&stat));
        let before = claimed();
        poison(&path);
        kill(pid, Signal::SIGCONT).unwrap();
        let ended = ends_within(&mut child, Duration::from_secs(20));
        assert!(ended, "round {round}: it does not hear of the poison");
        assert_eq!(
            ledger.counter(VERDICT).load(Ordering::SeqCst),
            1,
            "round {round}"
        );
        let after = claimed() - before;
        assert!(
            after <= CLAIMERS,
            "round {round}: {after} claims were answered"
        );
    }
}

/// Whether the child ends well, and in time; it is gone in any case.
fn ends_within(child: &mut std::process::Child, patience: Duration) -> bool {
    let started = Instant::now();
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return status.success(),
            None if started.elapsed() > patience => {
                child.kill().unwrap();
                child.wait().unwrap();
                return false;
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn threads_are_stopped(tasks: &str) -> bool {
    let states = std::fs::read_dir(tasks).unwrap().map(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('T'))
    });
    states.into_iter().all(|is_stopped| is_stopped)
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{what} does not come"
        );
        std::thread::yield_now();
    }
}

/// Q2: quarantined addresses are released, all of them once, while two reclaims with a full list run and
/// others allocate whatever becomes free. No address has two holders, and none is lost.
#[test]
fn suspects_are_released_while_they_are_reclaimed() {
    for round in 0..20 {
        let scratch = Scratch::in_memory("reclaim");
        let path = scratch.path("pool");
        let builder = Pool::builder(net("10.0.0.0/22"));
        let pool = builder.create(&path).unwrap();
        let open = read(&path);
        drop(pool);
        // No state is of this file: all that was free is suspect.
        put_back(&path, &open);
        scratch::forget_the_past(&path);
        let pool = builder.open(&path).unwrap();
        assert_eq!(pool.health().unwrap().quarantined, 1_021, "round {round}");
        let ledger: Vec<AtomicU64> = (0..1 << 10).map(|_| AtomicU64::new(0)).collect();
        let slot = |addr| &ledger[pool.slot_of(addr).unwrap() as usize];
        // Every third was held when the machine went down.
        let held: Vec<std::net::Ipv4Addr> = (0..1_021)
            .step_by(3)
            .map(|n| std::net::Ipv4Addr::from(u32::from(std::net::Ipv4Addr::new(10, 0, 0, 2)) + n))
            .collect();
        held.iter()
            .for_each(|&addr| slot(addr).store(9, Ordering::SeqCst));
        let list: Vec<_> = held.iter().map(ToString::to_string).collect();
        let freed = AtomicU64::new(0);
        let start = std::sync::Barrier::new(5);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                for &addr in &held {
                    slot(addr).store(0, Ordering::SeqCst);
                    pool.release(addr).unwrap();
                }
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    freed.fetch_add(pool.reclaim(&list).unwrap().freed, Ordering::SeqCst);
                });
            }
            for me in 1..=2 {
                let (pool, slot, start) = (&pool, &slot, &start);
                scope.spawn(move || {
                    start.wait();
                    for _ in 0..3_000 {
                        let Ok(addr) = pool.allocate() else { continue };
                        let was = slot(addr).swap(me, Ordering::SeqCst);
                        assert_eq!(was, 0, "round {round}: {addr} has two holders");
                        assert_eq!(slot(addr).swap(0, Ordering::SeqCst), me);
                        pool.release(addr).unwrap();
                    }
                });
            }
        });
        assert_eq!(
            freed.load(Ordering::SeqCst),
            1_021 - held.len() as u64,
            "round {round}"
        );
        // What the list names is taken by `reclaim` if it was free already: its holder's release came first.
        let left: BTreeSet<_> = pool.iter().collect();
        assert!(left.iter().all(|addr| held.contains(addr)), "round {round}");
        assert_eq!(pool.health().unwrap().quarantined, 0, "round {round}");
    }
}

/// M7: what another version of this crate may have written, by the flags of the format. Something that may be
/// ignored is; what must be understood is refused, by name, and the file is not changed.
#[test]
fn files_of_other_versions_do_what_their_flags_say() {
    let scratch = Scratch::in_memory("versions");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let held = builder.create(&path).unwrap().allocate().unwrap();
    let whole = read(&path);
    let with = |change: &dyn Fn(&mut [u8])| {
        put_back(&path, &whole);
        for header in [0, PAGE as u64] {
            change_header(&path, header, change);
        }
    };
    type Change = &'static dyn Fn(&mut [u8]);
    let ignored: [(&str, Change); 3] = [
        ("a minor version", &|block| block[0x0c] = 9),
        ("a feature that may be ignored", &|block| block[0x10] = 0x80),
        ("a creation in the future", &|block| block[0x4f] = 0x7f),
    ];
    for (what, change) in ignored {
        with(change);
        let pool = builder.open(&path).unwrap();
        assert!(pool.iter().eq([held]), "{what}");
        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean, "{what}");
        drop(pool);
        let minor_and_compat = |bytes: &[u8]| (bytes[0x0c], bytes[0x10]);
        let mut expected = whole[..512].to_vec();
        change(&mut expected);
        assert_eq!(
            minor_and_compat(&read(&path)),
            minor_and_compat(&expected),
            "{what} is kept"
        );
        assert_eq!(hostbits::file::read(&path).unwrap().problems, [], "{what}");
    }
    let refused: [(&str, Change); 5] = [
        ("unsupported-version", &|block| block[0x08] = 3),
        ("unsupported-version", &|block| block[0x08] = 1),
        ("unsupported-features", &|block| block[0x20] = 2),
        ("read-only-features", &|block| block[0x18] = 4),
        ("unknown-content", &|block| block[0x1b0] = 1),
    ];
    for (code, change) in refused {
        with(change);
        let before = read(&path);
        let error = builder.open(&path).unwrap_err();
        assert_eq!(error.code(), code);
        let error = builder.clone().in_file().grow(&path).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(read(&path) == before, "{code}");
        let looked = hostbits::file::read(&path);
        match code {
            "read-only-features" => assert_eq!(looked.unwrap().snapshot.allocated(), 1),
            _ => assert_eq!(looked.unwrap_err().code(), code),
        }
    }
}
