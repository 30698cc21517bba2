//! Passes over pool files: from another process's handle, with the dead, after a crash.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/clock.rs"]
mod clock;
#[path = "support/scratch.rs"]
mod scratch;

use clock::Clock;
use hostbits::{
    Durability, Pool,
    reconcile::{Plan, Reconciler},
};
use ipnet::Ipv4Net;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use scratch::{Scratch, forget_the_boot, put_back, read};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const LATER: u64 = 720;

fn net() -> Ipv4Net {
    "10.0.0.0/24".parse().unwrap()
}

fn open(path: &Path, durability: Durability) -> Pool<Ipv4Net> {
    let builder = Pool::builder(net()).durability(durability);
    builder.open_or_create(path).unwrap()
}

fn pass(reconciler: &mut Reconciler<'_, Ipv4Net>, list: &[Ipv4Addr]) -> Plan {
    let mut pass = reconciler.begin().unwrap();
    pass.read(list);
    pass.finish(list.len() as u64).unwrap()
}

/// Dies in a child process, in the middle of `act`: nothing is dropped, and no lock is given back but by the
/// kernel.
#[allow(unsafe_code)]
fn in_a_child_that_dies(act: impl FnOnce()) {
    // SAFETY: fork: the child calls only what this process's other threads may be in the middle of as well
    // (the allocator, which the C library makes fit for it), and ends without running anything of ours.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            act();
            std::process::abort();
        }
        ForkResult::Parent { child } => {
            let status = waitpid(child, None).unwrap();
            assert!(matches!(status, WaitStatus::Signaled(..)), "{status:?}");
        }
    }
}

/// Two handles exclude each other, and what one allocates the pass of the other one sees.
#[test]
fn a_pass_of_another_handle_sees_every_allocation() {
    for durability in [Durability::Process, Durability::Barrier, Durability::Strict] {
        let (scratch, clock) = (Scratch::new("pass"), Clock::default());
        let path = scratch.path("pool");
        let (live, other) = (open(&path, durability), open(&path, durability));
        let lost = live.allocate_many(3).unwrap();
        let mut reconciler = other.reconciler_with(clock.at_first_sight()).unwrap();
        assert_eq!(live.reconciler().unwrap_err().code(), "busy");
        let pass = reconciler.begin().unwrap();
        let new = live.allocate().unwrap();
        live.allocate_exact("10.0.0.99".parse().unwrap()).unwrap();
        let mut local = live.local();
        let through = local.allocate().unwrap();
        let plan = pass.finish(0).unwrap();
        assert_eq!(
            (plan.slots.in_flight, plan.slots.ripe),
            (3, 3),
            "{durability:?}"
        );
        assert_eq!(reconciler.apply_at_most(&plan, 3).unwrap().freed, 3);
        assert!(lost.iter().all(|&addr| live.is_available(addr)));
        assert!(!live.is_available(new) && !live.is_available(through));
        drop(reconciler);
        assert!(live.reconciler().is_ok());
    }
}

/// A local in a file reserves nothing: a process that dies with it has lost what it had handed out.
#[test]
fn a_local_in_a_file_reserves_nothing() {
    let scratch = Scratch::new("through");
    let pool = open(&scratch.path("pool"), Durability::Barrier);
    let mut local = pool.local();
    let addr = local.allocate().unwrap();
    assert_eq!((local.reserved(), pool.allocated()), (0, 1));
    local.release(addr).unwrap();
    assert_eq!(pool.allocated(), 0);
    assert!(local.release(addr).is_err());
}

/// A reconciler that dies at any step leaves a pool that allocates, and the next pass is a whole one.
#[test]
fn a_reconciler_that_dies_half_way_is_in_nobody_s_way() {
    for steps in 0..4 {
        let (scratch, clock) = (Scratch::new("half"), Clock::default());
        let path = scratch.path("pool");
        let live = open(&path, Durability::Barrier);
        let lost = live.allocate_many(5).unwrap();
        in_a_child_that_dies(|| {
            let pool = open(&path, Durability::Barrier);
            let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
            if steps == 0 {
                std::process::abort();
            }
            let mut pass = reconciler.begin().unwrap();
            pass.read([lost[4]]);
            if steps == 1 {
                std::process::abort();
            }
            let plan = pass.finish(1).unwrap();
            if steps == 2 {
                std::process::abort();
            }
            let _ = reconciler.apply(&plan).unwrap();
        });
        let new = live.allocate().unwrap();
        let mut reconciler = live.reconciler_with(clock.at_first_sight()).unwrap();
        let plan = pass(&mut reconciler, &[lost[4], new]);
        let left = if steps == 3 { 0 } else { 4 };
        // What was allocated under the barrier of the dead one is listed by now.
        assert_eq!(
            (plan.slots.matched, plan.slots.ripe),
            (2, left),
            "step {steps}"
        );
        assert_eq!(reconciler.apply(&plan).unwrap().freed, left);
        drop(reconciler);
        assert_eq!(live.allocated(), 2);
    }
}

/// Sightings go on in another process, as long as the session and the barrier are the same.
#[test]
fn sightings_are_handed_on_to_another_process() {
    let (scratch, clock) = (Scratch::new("hand"), Clock::default());
    let path = scratch.path("pool");
    let live = open(&path, Durability::Barrier);
    let _ = live.allocate_many(3).unwrap();
    let first_sights = {
        let pool = open(&path, Durability::Barrier);
        let mut reconciler = pool.reconciler_with(clock.options()).unwrap();
        pass(&mut reconciler, &[]);
        clock.wait(LATER);
        let plan = pass(&mut reconciler, &[]);
        reconciler.leave_open(plan)
    };
    clock.wait(LATER);
    let moved: Ipv4Addr = "10.0.0.2".parse().unwrap();
    live.release(moved).unwrap();
    assert_eq!(live.allocate(), Ok(moved));
    {
        let pool = open(&path, Durability::Barrier);
        let mut reconciler = pool
            .resume_reconciler(clock.options(), &first_sights)
            .unwrap();
        let plan = pass(&mut reconciler, &[]);
        assert_eq!((plan.slots.orphan, plan.slots.ripe), (3, 2));
        let _plan = reconciler.leave_open(plan);
    }
    drop(live);
    let again = open(&path, Durability::Barrier);
    let error = again
        .resume_reconciler(clock.options(), &first_sights)
        .unwrap_err();
    assert_eq!(error.code(), "other-pool", "another session");
    assert!(again.reconciler().is_ok());
}

/// What is quarantined is left to `reclaim`, listed or not.
#[test]
fn quarantined_addresses_are_no_orphans() {
    let (scratch, clock) = (Scratch::new("suspects"), Clock::default());
    let path = scratch.path("pool");
    let pool = open(&path, Durability::Process);
    let held = pool.allocate_many(3).unwrap();
    // The words of a pool that was not left in order, on a machine that went down.
    let words = read(&path);
    drop(pool);
    put_back(&path, &words);
    forget_the_boot(&path);
    let pool = open(&path, Durability::Process);
    assert_eq!(pool.recovery().unwrap().quarantined, 250);
    let mut reconciler = pool.reconciler_with(clock.at_first_sight()).unwrap();
    let listed = [held[0], "10.0.0.99".parse().unwrap()];
    let plan = pass(&mut reconciler, &listed);
    assert_eq!((plan.slots.matched, plan.slots.quarantined), (2, 249));
    assert_eq!((plan.slots.orphan, plan.slots.ripe), (2, 2));
    assert_eq!(reconciler.apply(&plan).unwrap().freed, 2);
}

/// A user in the list, by address, and how often each thread has been between two operations.
struct Club {
    list: Mutex<BTreeSet<Ipv4Addr>>,
    rounds: [AtomicU64; THREADS],
    stop: AtomicBool,
    /// What is held, by the last octet: to see an address that is returned twice.
    held: [AtomicBool; 256],
}

const THREADS: usize = 3;

impl Club {
    fn join(&self, addr: Ipv4Addr) {
        let was_held = self.held[usize::from(addr.octets()[3])].swap(true, Ordering::SeqCst);
        assert!(!was_held, "{addr} is answered twice");
        std::thread::yield_now();
        self.list.lock().unwrap().insert(addr);
    }

    fn leave(&self, addr: Ipv4Addr) {
        self.list.lock().unwrap().remove(&addr);
        std::thread::yield_now();
        self.held[usize::from(addr.octets()[3])].store(false, Ordering::SeqCst);
    }

    /// Joins, leaves, and now and then loses an address. Returns how many it has lost.
    fn live(&self, thread: usize, pool: &Pool<Ipv4Net>) -> usize {
        let mut random = thread as u64 + 1;
        let (mut mine, mut lost) = (Vec::new(), 0);
        while !self.stop.load(Ordering::Relaxed) {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            match random >> 33 & 7 {
                0..4 if mine.len() < 40 => {
                    let addr = pool.allocate().expect("there is room");
                    // The first one soon, so that something is lost however short the storm is.
                    if lost == 0 || random >> 40 & 0xfff == 0 && lost < 5 {
                        lost += 1;
                    } else {
                        self.join(addr);
                        mine.push(addr);
                    }
                }
                _ if !mine.is_empty() => {
                    let addr = mine.swap_remove(random as usize % mine.len());
                    self.leave(addr);
                    pool.release(addr).expect("it was held");
                }
                _ => {}
            }
            self.rounds[thread].fetch_add(1, Ordering::SeqCst);
        }
        for addr in mine {
            self.leave(addr);
            pool.release(addr).expect("it was held");
        }
        lost
    }

    /// Waits until whatever is half-way now is done: that is what `grace` is.
    fn wait_a_grace(&self) {
        let then = self
            .rounds
            .each_ref()
            .map(|rounds| rounds.load(Ordering::SeqCst));
        let has_gone_on = |thread: usize| {
            let now = self.rounds[thread].load(Ordering::SeqCst);
            now > then[thread] || self.stop.load(Ordering::Relaxed)
        };
        while !(0..THREADS).all(has_gone_on) {
            std::thread::yield_now();
        }
    }
}

/// Threads join and leave at full speed and keep to the contract, and lose an address now and then. Pass
/// after pass is applied: nothing that is held is ever freed, and every leak is found.
fn storm(live: &Pool<Ipv4Net>, reconciled: &Pool<Ipv4Net>) {
    let clock = Clock::default();
    let club = Club {
        list: Mutex::default(),
        rounds: [const { AtomicU64::new(0) }; THREADS],
        stop: AtomicBool::new(false),
        held: [const { AtomicBool::new(false) }; 256],
    };
    let mut reconciler = reconciled.reconciler_with(clock.options()).unwrap();
    let mut one_pass = || {
        let mut pass = reconciler.begin().unwrap();
        let list: Vec<_> = club.list.lock().unwrap().iter().copied().collect();
        pass.read(&list);
        let plan = pass.finish(list.len() as u64).unwrap();
        club.wait_a_grace();
        clock.wait(LATER);
        reconciler
            .apply_at_most(&plan, u64::MAX)
            .map_or(0, |applied| applied.freed)
    };
    let (lost, mut freed) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let club = &club;
                scope.spawn(move || club.live(thread, live))
            })
            .collect();
        let mut freed = 0;
        for _ in 0..1000 {
            freed += one_pass();
        }
        club.stop.store(true, Ordering::Relaxed);
        let lost: usize = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        (lost as u64, freed)
    });
    for _ in 0..3 {
        freed += one_pass();
    }
    // Claims that a plan may have gone by were given up, and are leaks for the next pass.
    assert!(freed >= lost, "{freed} of {lost}");
    assert_eq!(live.allocated(), 0);
    assert_ne!(lost, 0, "nothing was lost: the test proves little");
}

#[test]
fn passes_over_a_heap_pool_at_full_speed_free_every_leak_and_nothing_else() {
    let pool = Pool::new(net()).unwrap();
    storm(&pool, &pool);
}

/// Like the test above, with the pass in another handle, like in another process.
#[test]
fn passes_over_a_file_at_full_speed_free_every_leak_and_nothing_else() {
    let scratch = Scratch::new("storm");
    let path = scratch.path("pool");
    let live = open(&path, Durability::Barrier);
    storm(&live, &open(&path, Durability::Barrier));
}
