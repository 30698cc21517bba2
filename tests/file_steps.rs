//! C2 and C5: a process dies between any two instructions of a verb, or the pool is poisoned there. By single
//! steps (`ptrace`): what the file holds after each of them is what a death there would leave. Without `ptrace`
//! these tests say so and do nothing.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/skip.rs"]
mod skip;

use hostbits::{
    AllocateError, Pool,
    file::{self, RecoveryKind},
};
use ipnet::Ipv4Net;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use scratch::{Scratch, poison, put_back};
use std::collections::BTreeSet;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::Path;

const CAPACITY: usize = 253;
/// How many are held before most verbs, by a process that lives on.
const HELD: usize = 100;
/// A verb that does not end after so many steps does not end.
const MOST_STEPS: usize = 3_000_000;

/// What is done, instruction by instruction; of the addresses that are held it may release the first five.
type Verb = fn(&Pool<Ipv4Net>, &[Ipv4Addr]);

const VERBS: [(&str, usize, Verb); 9] = [
    ("allocate", HELD, |pool, _| drop_ok(pool.allocate())),
    ("allocate_exact", HELD, |pool, _| {
        drop_ok(pool.allocate_exact(Ipv4Addr::new(10, 0, 0, 200)));
    }),
    ("allocate_many", HELD, |pool, _| {
        drop_ok(pool.allocate_many(70))
    }),
    ("a batch that is given back", HELD, |pool, _| {
        assert!(pool.allocate_many(CAPACITY - HELD + 1).is_err());
    }),
    ("allocate_block", HELD, |pool, _| {
        drop_ok(pool.allocate_block(28))
    }),
    // The summary goes down, and up again.
    ("allocate the last one", CAPACITY - 1, |pool, _| {
        drop_ok(pool.allocate());
    }),
    ("release into a full pool", CAPACITY, |pool, held| {
        drop_ok(pool.release(held[0]));
    }),
    ("release", HELD, |pool, held| drop_ok(pool.release(held[0]))),
    ("release_many", HELD, |pool, held| {
        assert_eq!(pool.release_many(&held[..5]).released, 5);
    }),
];

fn drop_ok<T, E: std::fmt::Debug>(result: Result<T, E>) {
    result.unwrap();
}

fn builder() -> hostbits::file::Builder<Ipv4Net> {
    Pool::builder("10.0.0.0/24".parse::<Ipv4Net>().unwrap()).in_file()
}

/// A process that has the file open and is stopped before the verb.
#[allow(unsafe_code)]
fn begin(path: &Path, verb: Verb, held: &[Ipv4Addr]) -> Pid {
    // SAFETY: the child calls nothing that takes a lock which another thread of this test binary may have
    // held at the fork, except the allocator, which glibc makes safe.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let done = std::panic::catch_unwind(|| {
                ptrace::traceme().unwrap();
                let pool = builder().open(path).unwrap();
                raise(Signal::SIGSTOP).unwrap();
                verb(&pool, held);
                raise(Signal::SIGSTOP).unwrap();
            });
            // Not through the test harness, which is the parent's.
            let _ = done;
            let _ = kill(Pid::this(), Signal::SIGKILL);
            unreachable!("it is dead");
        }
        ForkResult::Parent { child } => child,
    }
}

/// Whether the child has come to its stop before the verb; otherwise why not.
fn is_stopped(child: Pid) -> bool {
    match waitpid(child, None) {
        Ok(WaitStatus::Stopped(_, Signal::SIGSTOP)) => true,
        other => {
            skip::skip(format!("no ptrace: {other:?}"));
            false
        }
    }
}

/// One instruction; `false` if the verb is over.
fn step(child: Pid) -> bool {
    ptrace::step(child, None).unwrap();
    match waitpid(child, None).unwrap() {
        WaitStatus::Stopped(_, Signal::SIGTRAP) => true,
        WaitStatus::Stopped(_, Signal::SIGSTOP) => false,
        other => panic!("the verb fails: {other:?}"),
    }
}

fn end(child: Pid) {
    kill(child, Signal::SIGKILL).unwrap();
    while !matches!(waitpid(child, None), Ok(WaitStatus::Signaled(..)) | Err(_)) {}
}

/// After which steps the file was another one than before, and its bytes then.
fn moments(path: &Path, child: Pid) -> Vec<(usize, Vec<u8>)> {
    let file = File::open(path).unwrap();
    let mut now = vec![0; file.metadata().unwrap().len() as usize];
    let mut moments: Vec<(usize, Vec<u8>)> = Vec::new();
    for steps in 0.. {
        assert!(steps < MOST_STEPS);
        file.read_exact_at(&mut now, 0).unwrap();
        if moments.last().is_none_or(|(_, last)| *last != now) {
            moments.push((steps, now.clone()));
        }
        if !step(child) {
            return moments;
        }
    }
    unreachable!("it ends")
}

/// Takes `count` addresses. If these are all, the refused batch makes the summary say so.
fn hold(pool: &Pool<Ipv4Net>, count: usize) -> Vec<Ipv4Addr> {
    let held = pool.allocate_many(count).unwrap();
    assert_eq!(pool.allocate_many(CAPACITY - count + 1).ok(), None);
    held
}

fn drain(pool: &Pool<Ipv4Net>) -> BTreeSet<Ipv4Addr> {
    std::iter::from_fn(|| pool.allocate().ok()).collect()
}

/// Nothing that is held is free, everything that is free can be had, and refusals are right.
fn judge(pool: &Pool<Ipv4Net>, held: &[Ipv4Addr], what: &str) {
    let taken = pool.allocated() as usize;
    let found = drain(pool);
    assert!(
        held[5..].iter().all(|addr| !found.contains(addr)),
        "{what}: held, and free"
    );
    assert_eq!(found.len() + taken, CAPACITY, "{what}");
    let refused = pool.allocate();
    assert!(
        matches!(refused, Err(AllocateError::Exhausted { .. })),
        "{what}"
    );
    assert!(pool.allocate_exact(held[50]).is_err(), "{what}");
    assert!(pool.allocate_many(2).is_err(), "{what}");
}

/// All processes die there: the next opener finds exactly what was held.
#[test]
fn all_may_die_between_any_two_instructions() {
    for (name, count, verb) in VERBS {
        let scratch = Scratch::in_memory("steps");
        let path = scratch.path("pool");
        let pool = builder().create(&path).unwrap();
        let held = hold(&pool, count);
        let child = begin(&path, verb, &held);
        if !is_stopped(child) {
            return;
        }
        let moments = moments(&path, child);
        end(child);
        drop(pool);
        println!(
            "{name}: {} steps, {} moments",
            moments.last().unwrap().0,
            moments.len()
        );
        assert!(moments.len() > 1, "{name} changes nothing");
        for (steps, bytes) in moments {
            let what = format!("{name}, after {steps} steps");
            put_back(&path, &bytes);
            let problems = hostbits::file::read(&path).unwrap().problems;
            let harmless = |problem: &file::Problem| *problem == file::Problem::HiddenSlots;
            assert!(problems.iter().all(harmless), "{what}: {problems:?}");
            let pool = builder().open(&path).unwrap();
            assert_eq!(
                pool.recovery().unwrap().kind,
                RecoveryKind::ProcessCrash,
                "{what}"
            );
            judge(&pool, &held, &what);
        }
    }
}

/// One dies there, and another lives on: it waits for nothing, and misses nothing.
#[test]
fn one_may_die_between_any_two_instructions_beside_another() {
    for (name, count, verb) in VERBS {
        let mut after = Vec::new();
        for round in 0.. {
            let scratch = Scratch::in_memory("beside");
            let path = scratch.path("pool");
            let pool = builder().create(&path).unwrap();
            let held = hold(&pool, count);
            let child = begin(&path, verb, &held);
            if !is_stopped(child) {
                return;
            }
            if round == 0 {
                after = moments(&path, child)
                    .into_iter()
                    .map(|(steps, _)| steps)
                    .collect();
                end(child);
                continue;
            }
            let Some(&steps) = after.get(round - 1) else {
                end(child);
                break;
            };
            for _ in 0..steps {
                assert!(step(child), "{name}: the same steps as before");
            }
            end(child);
            judge(&pool, &held, &format!("{name}, dead after {steps} steps"));
        }
    }
}

/// Claims that another thread may be in the middle of when the pool is poisoned.
const CLAIMS: [(&str, Verb); 4] = [
    ("allocate", |pool, _| drop(pool.allocate())),
    ("allocate_exact", |pool, _| {
        drop(pool.allocate_exact(Ipv4Addr::new(10, 0, 0, 200)));
    }),
    ("allocate_many", |pool, _| drop(pool.allocate_many(70))),
    ("allocate_block", |pool, _| drop(pool.allocate_block(28))),
];

fn allocated_in(path: &Path) -> u64 {
    hostbits::file::read(path).unwrap().snapshot.allocated()
}

/// The verb to its end, all at once.
fn finish(child: Pid) {
    ptrace::cont(child, None).unwrap();
    assert!(is_stopped(child));
    end(child);
}

/// The pool is poisoned in the middle of a claim, as another process would: what had not been claimed by then is
/// refused, and given back. At 32 instructions from the first to the claim, and at a few behind it.
#[test]
fn what_is_claimed_after_the_poison_is_not_answered() {
    for (name, verb) in CLAIMS {
        let (mut answered, mut refused) = (0, 0);
        let mut last_change = 0;
        for part in 0..40 {
            let steps = last_change * part / 32;
            let scratch = Scratch::in_memory("poisoned");
            let path = scratch.path("pool");
            let pool = builder().create(&path).unwrap();
            let held = hold(&pool, HELD);
            let child = begin(&path, verb, &held);
            if !is_stopped(child) {
                return;
            }
            if last_change == 0 {
                last_change = moments(&path, child).last().unwrap().0;
                end(child);
                continue;
            }
            if !(0..steps).all(|_| step(child)) {
                end(child);
                break;
            }
            let claimed_before = allocated_in(&path);
            poison(&path);
            finish(child);
            let claimed = allocated_in(&path);
            match claimed > HELD as u64 {
                true => answered += 1,
                false => refused += 1,
            }
            assert!(
                claimed == HELD as u64 || claimed == claimed_before,
                "{name}: poisoned after {steps} steps with {claimed_before} claimed, and answered with {claimed}"
            );
        }
        println!("{name}: {answered} answered, {refused} refused");
        assert!(answered != 0 && refused != 0, "{name}");
    }
}
