//! Signal handlers that use a pool beside a call of the very thread that they have interrupted.
#![cfg(all(feature = "mmap", target_os = "linux"))]
#![allow(unsafe_code)]

#[path = "support/scratch.rs"]
mod scratch;

use hostbits::{AllocateError, Pool, StatsLevel};
use ipnet::Ipv4Net;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use scratch::Scratch;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

type Net = Pool<Ipv4Net>;

/// The one address that is free when no thread is in a batch.
const LAST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);

/// What the handler uses.
static POOL: AtomicPtr<Net> = AtomicPtr::new(std::ptr::null_mut());
static FORKS: AtomicBool = AtomicBool::new(false);
static IS_CHILD: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);
static REFUSALS: AtomicU64 = AtomicU64::new(0);
static WRONG: AtomicU64 = AtomicU64::new(0);

/// One pool and one handler at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

extern "C" fn handle(_: i32) {
    // SAFETY: as_ref: null, or a pool that lives until no signal is sent any more.
    let Some(pool) = (unsafe { POOL.load(Ordering::SeqCst).as_ref() }) else {
        return;
    };
    if FORKS.load(Ordering::SeqCst) && CALLS.load(Ordering::SeqCst).is_multiple_of(8) {
        // SAFETY: the child uses the pool and nothing else that another thread may have locked.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                // SAFETY: alarm has no requirement.
                unsafe { nix::libc::alarm(40) };
                IS_CHILD.store(true, Ordering::SeqCst);
                use_pool(pool);
                return;
            }
            Ok(ForkResult::Parent { child }) => match waitpid(child, None) {
                Ok(WaitStatus::Exited(_, 0)) => {}
                _ => drop(WRONG.fetch_add(1, Ordering::SeqCst)),
            },
            Err(_) => drop(WRONG.fetch_add(1, Ordering::SeqCst)),
        }
    }
    use_pool(pool);
    CALLS.fetch_add(1, Ordering::SeqCst);
}

/// Every verb for one address: each may be refused because of the batch that is interrupted, and none may wait
/// for it.
fn use_pool(pool: &Net) {
    let code = |error: AllocateError| error.code();
    let taken = [
        pool.allocate().map_err(code),
        pool.allocate_in(LAST..=LAST).map_err(code),
        pool.allocate_preferring(LAST).map_err(code),
        match pool.allocate_exact(LAST) {
            Ok(()) => Ok(LAST),
            Err(error) => Err(error.code()),
        },
    ];
    for answer in taken {
        match answer {
            Ok(addr) if pool.release(addr).is_ok() => {}
            Err("exhausted" | "already-allocated") => {
                REFUSALS.fetch_add(1, Ordering::SeqCst);
            }
            _ => drop(WRONG.fetch_add(1, Ordering::SeqCst)),
        }
    }
}

/// Sends signals to a thread that is in a batch all the time.
fn interrupt_batches(pool: &Net, forks: bool, signals: u64) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let action = SigAction::new(
        SigHandler::Handler(handle),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    // SAFETY: sigaction: the handler calls verbs for one address, which may be called there, and what `fork` needs.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
    while pool.allocated() < pool.capacity() - 1 {
        pool.allocate().unwrap();
    }
    assert!(pool.is_available(LAST));
    for counter in [&CALLS, &REFUSALS, &WRONG] {
        counter.store(0, Ordering::SeqCst);
    }
    FORKS.store(forks, Ordering::SeqCst);
    POOL.store(std::ptr::from_ref(pool).cast_mut(), Ordering::SeqCst);
    let is_over = AtomicBool::new(false);
    // SAFETY: pthread_self has no requirement.
    let target = unsafe { nix::libc::pthread_self() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut calls, mut since) = (0, Instant::now());
            while calls < signals {
                // SAFETY: pthread_kill: the thread waits for this one, and so is alive.
                unsafe { nix::libc::pthread_kill(target, nix::libc::SIGUSR1) };
                // Of different lengths, so that the batch is interrupted everywhere.
                std::thread::sleep(Duration::from_micros(5 + calls % 7));
                let now = CALLS.load(Ordering::SeqCst);
                if now != calls {
                    (calls, since) = (now, Instant::now());
                } else if since.elapsed() > Duration::from_secs(60) {
                    eprintln!("the handler waits for the thread that it has interrupted");
                    std::process::abort();
                }
            }
            is_over.store(true, Ordering::SeqCst);
        });
        while !is_over.load(Ordering::SeqCst) {
            // The handler gives back what it takes, so there is never more than one.
            let is_refused = pool.allocate_many(2).is_err();
            if IS_CHILD.load(Ordering::SeqCst) {
                // Out of the handler and of the batch: the pool is the child's own, and works.
                let is_whole = pool.allocate() == Ok(LAST) && pool.release(LAST).is_ok();
                let is_right = is_refused && is_whole && WRONG.load(Ordering::SeqCst) == 0;
                // SAFETY: _exit has no requirement.
                unsafe { nix::libc::_exit(i32::from(!is_right)) };
            }
            assert!(is_refused);
        }
    });
    POOL.store(std::ptr::null_mut(), Ordering::SeqCst);
    assert_eq!(WRONG.load(Ordering::SeqCst), 0);
    assert_ne!(
        REFUSALS.load(Ordering::SeqCst),
        0,
        "no batch was ever interrupted"
    );
    assert_eq!(pool.allocate(), Ok(LAST), "nothing is lost");
}

fn net() -> Ipv4Net {
    "10.0.0.0/29".parse().unwrap()
}

/// A batch is interrupted anywhere, and holds the only free address: the handler finds none, and does not wait for
/// the thread that it runs on.
#[test]
fn a_handler_does_not_wait_for_the_batch_that_it_interrupts() {
    for level in [StatsLevel::Counts, StatsLevel::Off] {
        let pool = Pool::builder(net()).stats(level).build().unwrap();
        interrupt_batches(&pool, false, 2_000);
    }
}

/// The same in a file, where a process has one lane for all of its threads.
#[test]
fn a_handler_does_not_wait_for_the_batch_that_it_interrupts_in_a_file() {
    let scratch = Scratch::in_memory("signals");
    let pool = Pool::builder(net()).create(scratch.path("pool")).unwrap();
    interrupt_batches(&pool, false, 2_000);
}

/// A handler that forks in the middle of a batch, on the heap: neither the handler nor what goes on after it waits
/// in the child, and the batch there ends as it would have.
#[test]
fn a_child_that_is_forked_in_a_batch_goes_on() {
    let pool = Pool::builder(net()).build().unwrap();
    interrupt_batches(&pool, true, 300);
}

/// The handler counts as well, in the middle of what it has interrupted, and nothing is lost or counted twice.
#[test]
fn statistics_are_exact_with_handlers() {
    for level in [StatsLevel::Counts, StatsLevel::Full] {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = Pool::builder(net()).stats(level).build().unwrap();
        let pairs = interrupt_pairs(&pool, 20_000);
        let handled = COUNTED.load(Ordering::SeqCst);
        let stats = pool.stats();
        assert_ne!(handled, 0, "no handler ran");
        assert_eq!(stats.allocations.any, pairs + handled);
        assert_eq!(stats.releases, pairs + handled);
        assert_eq!(pool.allocated(), 0);
    }
}

/// The pairs of allocate and release in the handler below.
static COUNTED: AtomicU64 = AtomicU64::new(0);

extern "C" fn allocate_and_release(_: i32) {
    // SAFETY: as_ref: as in `handle`.
    let Some(pool) = (unsafe { POOL.load(Ordering::SeqCst).as_ref() }) else {
        return;
    };
    let addr = pool.allocate().expect("there are five addresses");
    pool.release(addr).expect("it is the handler's");
    COUNTED.fetch_add(1, Ordering::SeqCst);
}

/// Allocates and releases until so many signals were sent to this thread, and returns how often it did.
fn interrupt_pairs(pool: &Net, signals: u64) -> u64 {
    let action = SigAction::new(
        SigHandler::Handler(allocate_and_release),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    // SAFETY: sigaction: the handler calls verbs for one address, which may be called there.
    unsafe { sigaction(Signal::SIGUSR2, &action) }.unwrap();
    COUNTED.store(0, Ordering::SeqCst);
    POOL.store(std::ptr::from_ref(pool).cast_mut(), Ordering::SeqCst);
    let is_over = AtomicBool::new(false);
    // SAFETY: pthread_self has no requirement.
    let target = unsafe { nix::libc::pthread_self() };
    let mut pairs = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..signals {
                // SAFETY: pthread_kill: the thread waits for this one, and so is alive.
                unsafe { nix::libc::pthread_kill(target, nix::libc::SIGUSR2) };
            }
            is_over.store(true, Ordering::SeqCst);
        });
        while !is_over.load(Ordering::SeqCst) {
            let addr = pool.allocate().unwrap();
            pool.release(addr).unwrap();
            pairs += 1;
        }
    });
    POOL.store(std::ptr::null_mut(), Ordering::SeqCst);
    pairs
}
