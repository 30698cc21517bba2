//! Several processes and one pool file: who creates it, who dies with it, who waits for whom.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/children.rs"]
mod children;
#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/scratch.rs"]
mod scratch;

use children::{role, setting, spawn};
use hostbits::{
    AllocateError, Durability, Pool, StatsLevel,
    file::{OpenError, RecoveryKind},
};
use ipnet::Ipv4Net;
use ledger::Ledger;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scratch::{PAGE, Scratch, lock_of_openers, poison, read};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a process does that another one began.
#[test]
fn child() {
    let Some((role, argument)) = role() else {
        return;
    };
    let path = PathBuf::from(argument);
    match role.as_str() {
        "open-or-create" => open_or_create(&path),
        "storm" => storm(&path),
        "die-in-flight" => die_in_flight(&path),
        "hold" => hold(&path),
        "batches" => batches(&path),
        "drain" => {
            let pool = Pool::builder(net("10.0.0.0/12")).open(&path).unwrap();
            std::fs::write(path.with_extension("ready"), "").unwrap();
            wait_for("the cut", || path.with_extension("cut").exists());
            while pool.allocate().is_ok() {}
        }
        other => panic!("no role {other}"),
    }
}

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{what} does not come"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

const CREATED: usize = 0;
const JOINED: usize = 1;
const READY: usize = 2;
const GO: usize = 3;
const OPENERS: u64 = 32;

fn open_or_create(path: &Path) {
    let ledger = Ledger::open(&path.with_extension("ledger"), 0);
    ledger.counter(READY).fetch_add(1, Ordering::SeqCst);
    while ledger.counter(GO).load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    let pool = Pool::builder(net("10.0.0.0/24"))
        .open_or_create(path)
        .unwrap();
    let counter = match pool.recovery().unwrap().kind {
        RecoveryKind::Created => CREATED,
        RecoveryKind::Joined => JOINED,
        other => panic!("{other}"),
    };
    pool.allocate().unwrap();
    ledger.counter(counter).fetch_add(1, Ordering::SeqCst);
    let opened = || [CREATED, JOINED].map(|counter| ledger.counter(counter).load(Ordering::SeqCst));
    wait_for("everybody", || opened().iter().sum::<u64>() == OPENERS);
}

/// M1: of 32 processes that open or create one path at once, one creates, 31 join, and nothing else is
/// left.
#[test]
fn one_of_many_creates() {
    for scratch in [Scratch::new("many"), Scratch::in_memory("many")] {
        let path = scratch.path("pool");
        let ledger = Ledger::open(&path.with_extension("ledger"), 0);
        let children: Vec<_> = (0..OPENERS)
            .map(|_| spawn("open-or-create", path.to_str().unwrap()))
            .collect();
        let ready = ledger.counter(READY);
        wait_for("readiness", || ready.load(Ordering::SeqCst) == OPENERS);
        ledger.counter(GO).store(1, Ordering::SeqCst);
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(ledger.counter(CREATED).load(Ordering::SeqCst), 1);
        assert_eq!(ledger.counter(JOINED).load(Ordering::SeqCst), OPENERS - 1);
        assert_eq!(scratch.names(), ["pool", "pool.ledger"]);
        let pool = Pool::builder(net("10.0.0.0/24")).open(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
        assert_eq!(pool.allocated(), OPENERS);
    }
}

const OPERATIONS: usize = 4;
const DUPLICATES: usize = 5;
const LOST: usize = 6;
/// 250 addresses: nearly exhausted all the time, so that refusals and waits are part of it.
const STORM_NET: &str = "10.0.0.0/24";
const STORM_SLOTS: u32 = 256;
const STORM_THREADS: u64 = 2;

fn storm(path: &Path) {
    let ledger = Ledger::open(&path.with_extension("ledger"), STORM_SLOTS as usize);
    let builder = Pool::builder(net(STORM_NET)).stats(StatsLevel::Off);
    let pool = builder.open(path).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..STORM_THREADS {
            let (pool, ledger) = (&pool, &ledger);
            scope.spawn(move || storm_thread(pool, ledger, thread));
        }
    });
}

/// Allocates and releases by all verbs until it is killed.
fn storm_thread(pool: &Pool<Ipv4Net>, ledger: &Ledger, thread: u64) {
    let holder = u64::from(std::process::id()) << 8 | (thread + 1);
    let mut random = holder.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut held: Vec<Ipv4Addr> = Vec::new();
    let slot_of = |addr: Ipv4Addr| pool.slot_of(addr).unwrap();
    let take = |addr: Ipv4Addr| {
        if ledger.take(slot_of(addr), holder).is_err() {
            ledger.counter(DUPLICATES).fetch_add(1, Ordering::SeqCst);
        }
    };
    let give = |addr: Ipv4Addr| {
        if ledger.give(slot_of(addr), holder).is_err() {
            ledger.counter(DUPLICATES).fetch_add(1, Ordering::SeqCst);
        }
    };
    let lost = || ledger.counter(LOST).fetch_add(1, Ordering::SeqCst);
    loop {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let before = held.len();
        match random % 8 {
            0 | 1 if held.len() < 40 => held.extend(pool.allocate().ok()),
            2 if held.len() < 40 => {
                let count = (random >> 8) % 24 + 1;
                held.extend(pool.allocate_many(count as usize).unwrap_or_default());
            }
            3 if held.len() < 40 => {
                let wanted = pool.addr_of((random >> 8) as u32 % STORM_SLOTS).unwrap();
                held.extend(pool.allocate_exact(wanted).ok().map(|()| wanted));
            }
            4 if held.len() < 40 => {
                let block = pool.allocate_block(28 + (random >> 8) as u8 % 4).ok();
                held.extend(block.into_iter().flat_map(|net| {
                    (u32::from(net.network())..=u32::from(net.broadcast())).map(Ipv4Addr::from)
                }));
            }
            5 if held.len() > 8 => {
                let back: Vec<_> = held.drain(..8).collect();
                back.iter().copied().for_each(give);
                if pool.release_many(&back).released != 8 {
                    lost();
                }
                ledger.counter(OPERATIONS).fetch_add(1, Ordering::Relaxed);
                continue;
            }
            _ => {
                if held.is_empty() {
                    continue;
                }
                let addr = held.swap_remove((random >> 8) as usize % held.len());
                give(addr);
                if pool.release(addr).is_err() {
                    lost();
                }
                ledger.counter(OPERATIONS).fetch_add(1, Ordering::Relaxed);
                continue;
            }
        }
        held[before..].iter().copied().for_each(take);
        ledger.counter(OPERATIONS).fetch_add(1, Ordering::Relaxed);
    }
}

/// C1: three processes of two threads, killed at random and replaced. The ledger outside the pool never
/// sees an address with two holders, or one that its holder cannot give back; a killed process leaks at
/// most what its threads were just about to write down.
#[test]
fn killed_processes_lose_and_double_nothing() {
    let kills = setting("HOSTBITS_KILLS", 300);
    let mut report = String::new();
    for (scratch, file_system) in [
        (Scratch::new("kill"), "temporary directory"),
        (Scratch::in_memory("kill"), "memory"),
    ] {
        let path = scratch.path("pool");
        let builder = Pool::builder(net(STORM_NET)).stats(StatsLevel::Off);
        drop(builder.create(&path).unwrap());
        let ledger = Ledger::open(&path.with_extension("ledger"), STORM_SLOTS as usize);
        let mut random = 0x2545_f491_4f6c_dd1du64 ^ u64::from(std::process::id());
        let mut killed = 0;
        let mut leaks = 0;
        while killed < kills {
            let round = (kills - killed).min(25);
            killing_round(&path, &ledger, round, &mut random);
            killed += round;
            leaks += take_stock(&path, &ledger, round + 3);
        }
        let operations = ledger.counter(OPERATIONS).load(Ordering::SeqCst);
        report += &format!(
            "{file_system}: {killed} kills, {operations} operations, {leaks} addresses leaked, \
             0 duplicates, 0 lost\n"
        );
    }
    println!("{report}");
}

/// Kills that many of three processes, one after the other, and the last three at the end.
fn killing_round(path: &Path, ledger: &Ledger, kills: u64, random: &mut u64) {
    let begin = || spawn("storm", path.to_str().unwrap());
    let mut children: Vec<Child> = (0..3).map(|_| begin()).collect();
    for _ in 0..kills {
        let before = ledger.counter(OPERATIONS).load(Ordering::Relaxed);
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        // A process that waits for a dead one's claim goes on after a while: all of them must move.
        wait_for("progress", || {
            ledger.counter(OPERATIONS).load(Ordering::Relaxed) > before + *random % 3000
        });
        let victim = *random as usize / 7 % children.len();
        let mut dead = std::mem::replace(&mut children[victim], begin());
        dead.kill().unwrap();
        dead.wait().unwrap();
    }
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// With all processes dead: compares pool and ledger, gives everything back, and returns how much had leaked.
fn take_stock(path: &Path, ledger: &Ledger, kills: u64) -> u64 {
    let count = |counter| ledger.counter(counter).load(Ordering::SeqCst);
    assert_eq!(count(DUPLICATES), 0, "an address had two holders");
    assert_eq!(count(LOST), 0, "an address was taken from its holder");
    let pool = Pool::builder(net(STORM_NET)).open(path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::ProcessCrash);
    let taken: BTreeSet<u32> = pool.iter().filter_map(|addr| pool.slot_of(addr)).collect();
    let held: BTreeSet<u32> = ledger.held(STORM_SLOTS).into_iter().collect();
    assert!(
        held.is_subset(&taken),
        "held and free: {:?}",
        held.difference(&taken)
    );
    let leaks = (taken.len() - held.len()) as u64;
    // A batch or a block that was just about to be written down.
    assert!(leaks <= kills * STORM_THREADS * 24, "{leaks} leaked");
    for slot in &held {
        ledger.slot(*slot).store(0, Ordering::SeqCst);
    }
    for addr in pool.iter().collect::<Vec<_>>() {
        pool.release(addr).unwrap();
    }
    assert_eq!(std::iter::from_fn(|| pool.allocate().ok()).count(), 253);
    let all: Vec<_> = pool.iter().collect();
    assert_eq!(pool.release_many(&all).released, 253);
    leaks
}

/// Batches without end, which want more than there is most of the time.
fn die_in_flight(path: &Path) {
    let pool = Pool::builder(net("10.0.0.0/16")).open(path).unwrap();
    std::fs::write(path.with_extension("ready"), "").unwrap();
    loop {
        let _ = pool
            .allocate_many(60_000)
            .map(|addrs| pool.release_many(&addrs));
    }
}

/// A process that dies inside a claim that others wait for does not make them wait for ever.
#[test]
fn nobody_waits_for_the_dead() {
    let scratch = Scratch::in_memory("flight");
    let path = scratch.path("pool");
    let pool = Pool::builder(net("10.0.0.0/16")).create(&path).unwrap();
    let kept: Vec<_> = (0..10).map(|_| pool.allocate().unwrap()).collect();
    for round in 0..20 {
        let ready = path.with_extension("ready");
        let _ = std::fs::remove_file(&ready);
        let mut child = spawn("die-in-flight", path.to_str().unwrap());
        wait_for("the child", || ready.exists());
        std::thread::sleep(Duration::from_micros(300 + 137 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // Refusals of every kind, each of which waits for claims in flight.
        assert!(pool.allocate_exact(kept[0]).is_err());
        assert!(pool.allocate_many(65_534).is_err());
        let rest: Vec<_> = std::iter::from_fn(|| pool.allocate().ok()).collect();
        assert!(matches!(
            pool.allocate(),
            Err(AllocateError::Exhausted { .. })
        ));
        pool.release_many(&rest)
            .released
            .eq(&(rest.len() as u64))
            .then_some(())
            .unwrap();
        // What the dead one had is leaked; take it back for the next round.
        let leaked: Vec<_> = pool.iter().filter(|addr| !kept.contains(addr)).collect();
        assert_eq!(pool.release_many(&leaked).released, leaked.len() as u64);
    }
    assert_eq!(pool.allocated(), 10);
}

const MANY: usize = 41;

/// 200 batches of a few addresses, and then waits for the end.
fn batches(path: &Path) {
    let pool = Pool::builder(net("10.0.0.0/16")).open(path).unwrap();
    let tell = |what: &str| {
        let name = format!("{what}-{}", std::process::id());
        std::fs::write(path.with_extension(name), "").unwrap();
    };
    tell("ready");
    wait_for("the start", || path.with_extension("go").exists());
    for _ in 0..200 {
        let addrs = pool.allocate_many(20).unwrap();
        assert_eq!(pool.release_many(&addrs).released, 20);
    }
    tell("done");
    wait_for("the end", || path.with_extension("end").exists());
}

/// More processes than lanes of an earlier version, and the last one to come is stopped in a batch: the
/// batches of the others go on, they are counted one by one, and whom a waiter waits for has a name.
#[test]
fn a_stopped_batch_of_one_of_many_processes_holds_nobody_up() {
    let scratch = Scratch::in_memory("many");
    let path = scratch.path("pool");
    let pool = Pool::builder(net("10.0.0.0/16")).create(&path).unwrap();
    let count = |what: &str| {
        let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(what)).count()
    };
    let mut children: Vec<_> = (0..MANY)
        .map(|_| spawn("batches", path.to_str().unwrap()))
        .collect();
    wait_for("everybody", || count("ready-") == MANY);
    let stopped = spawn("die-in-flight", path.to_str().unwrap());
    wait_for("the last one", || path.with_extension("ready").exists());
    let pid = Pid::from_raw(stopped.id() as i32);
    wait_for("a stop in a batch", || {
        kill(pid, Signal::SIGCONT).unwrap();
        std::thread::sleep(Duration::from_micros(300));
        kill(pid, Signal::SIGSTOP).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        pool.processes_in_flight() == Some(vec![stopped.id()]) && pool.available() > 2_000
    });
    assert_eq!(pool.health().unwrap().processes as usize, MANY + 2);
    let view = hostbits::file::read(&path).unwrap();
    assert_eq!(view.health.processes as usize, MANY + 2);
    assert_eq!(view.in_flight, [stopped.id()]);
    std::fs::write(path.with_extension("go"), "").unwrap();
    wait_for("200 batches of everybody", || count("done-") == MANY);
    std::fs::write(path.with_extension("end"), "").unwrap();
    children.push(stopped);
    let last = children.len() - 1;
    children[last].kill().unwrap();
    for child in &mut children {
        child.wait().unwrap();
    }
    assert_eq!(pool.processes_in_flight(), Some(vec![]), "dead");
    assert_eq!(pool.health().unwrap().processes, 1);
}

/// One lane for each process. When all are taken, an opener is refused, and comes in when another process has left.
#[test]
fn as_many_as_there_are_lanes_can_open_a_file() {
    let scratch = Scratch::in_memory("lanes");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let mut pools = vec![builder.create(&path).unwrap()];
    let refused = loop {
        match builder.open(&path) {
            Ok(pool) => pools.push(pool),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, OpenError::TooManyProcesses { most: 224 }));
    assert_eq!((refused.code(), pools.len()), ("too-many-processes", 224));
    // The last one's batches and refusals are like those of all others.
    let addrs = pools[223].allocate_many(253).unwrap();
    assert!(pools[100].allocate_many(1).is_err());
    assert_eq!(pools[7].release_many(&addrs).released, 253);
    pools.remove(50);
    builder.open(&path).unwrap();
}

fn hold(path: &Path) {
    let _pool = Pool::builder(net("10.0.0.0/24")).open(path).unwrap();
    std::fs::write(path.with_extension("ready"), "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

/// Joiners see the poison-free pool of the others; the last one out, killed, leaves nothing locked.
#[test]
fn the_dead_leave_no_lock_behind() {
    let scratch = Scratch::new("locks");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    drop(builder.create(&path).unwrap());
    let mut child = spawn("hold", path.to_str().unwrap());
    wait_for("the child", || path.with_extension("ready").exists());
    let pool = builder.open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Joined);
    assert_eq!(pool.health().unwrap().processes, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(pool.health().unwrap().processes, 1);
    // A process died in this session, but not the last one.
    drop(pool);
    assert_eq!(
        builder.open(&path).unwrap().recovery().unwrap().kind,
        RecoveryKind::Clean
    );

    std::fs::remove_file(path.with_extension("ready")).unwrap();
    let mut child = spawn("hold", path.to_str().unwrap());
    wait_for("the child", || path.with_extension("ready").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        builder.open(&path).unwrap().recovery().unwrap().kind,
        RecoveryKind::ProcessCrash
    );
}

/// The file counts the processes that have it open. Were too few counted, a process would take itself for alone
/// beside others that may die in a claim; were too many, every refusal would look for the dead.
#[test]
fn whoever_leaves_is_counted_off_once() {
    let scratch = Scratch::in_memory("counted");
    let path = scratch.path("pool");
    let attached = |path: &Path| {
        let at = 4 * PAGE + 8;
        u64::from_ne_bytes(read(path)[at..at + 8].try_into().unwrap())
    };
    let builder = Pool::builder(net("10.0.0.0/24"));
    let _first = builder.create(&path).unwrap();
    let second = builder.open(&path).unwrap();
    let third = builder.open(&path).unwrap();
    assert_eq!(attached(&path), 3);
    third.close().unwrap();
    assert_eq!(attached(&path), 2, "closed");
    drop(second);
    assert_eq!(attached(&path), 1, "dropped");
    poison(&path);
    assert!(matches!(builder.open(&path), Err(OpenError::Poisoned)));
    assert_eq!(attached(&path), 1, "it has never had the file open");
}

/// C4: a process that is stopped while it holds the lock of openers makes others wait, and not for ever.
#[test]
fn a_stopped_opener_makes_others_busy_and_no_more() {
    let scratch = Scratch::new("stopped");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let pool = builder.create(&path).unwrap();
    let locked = lock_of_openers(&path);
    let impatient = builder
        .clone()
        .in_file()
        .lock_timeout(Duration::from_millis(50));
    assert!(matches!(impatient.open(&path), Err(OpenError::Busy)));
    pool.allocate().unwrap();
    drop(locked);
    assert!(impatient.open(&path).is_ok());
}

/// M3: one closes while another opens, again and again. Who finds the file left in order was alone.
#[test]
fn closers_and_openers_race() {
    let scratch = Scratch::in_memory("race");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    drop(builder.create(&path).unwrap());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let pool = builder.open(&path).unwrap();
                    let kind = pool.recovery().unwrap().kind;
                    assert!(
                        matches!(kind, RecoveryKind::Clean | RecoveryKind::Joined),
                        "{kind}"
                    );
                    let addr = pool.allocate().unwrap();
                    pool.release(addr).unwrap();
                }
            });
        }
        std::thread::sleep(Duration::from_millis(setting("HOSTBITS_RACE_MS", 1500)));
        stop.store(true, Ordering::Relaxed);
    });
    let pool = builder.open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
    assert_eq!(pool.allocated(), 0);
}

/// E5: a file that is cut while it is mapped kills a process that touches what is missing, rather than letting it
/// guess. A monitor sees it coming, and neither it nor a close dies of it.
#[test]
fn a_file_that_is_cut_under_a_process_ends_it() {
    let scratch = Scratch::new("cut");
    let path = scratch.path("pool");
    let pool = Pool::builder(net("10.0.0.0/12")).create(&path).unwrap();
    let mut child = spawn("drain", path.to_str().unwrap());
    wait_for("the child", || path.with_extension("ready").exists());
    assert!(pool.health().unwrap().is_good());
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(0).unwrap();
    std::fs::write(path.with_extension("cut"), "").unwrap();
    let status = child.wait().unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(Signal::SIGBUS as i32), "{status}");
    let health = pool.health().unwrap();
    assert!(!health.is_good());
    assert_eq!(health.len, Some(0));
    drop(pool);
}

/// Strict on 64 threads: every address is on the disk before it is handed out, and at least five of them share
/// a write. Counted, not timed.
#[test]
fn strict_callers_share_writes() {
    let scratch = Scratch::new("strict");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/20")).durability(Durability::Strict);
    let pool = builder.create(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..50 {
                    pool.allocate().unwrap();
                }
            });
        }
    });
    assert_eq!(pool.allocated(), 3_200);
    let syncs = pool.health().unwrap().syncs;
    println!("3200 addresses in {syncs} writes");
    assert!(syncs > 0 && syncs * 5 <= 3_200, "{syncs} writes");
}
