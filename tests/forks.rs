//! Children of a process that has a pool: what they may do, which errors they get, what they leave alone.
#![cfg(all(feature = "mmap", target_os = "linux"))]
#![allow(unsafe_code)]

#[path = "support/children.rs"]
mod children;
#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/skip.rs"]
mod skip;

use children::{role, setting, spawn};
use hostbits::{
    AllocateError, AllocateExactError, Client, Durability, FileRefusal, Gateway, Pool, PoolSet,
    StatsLevel,
    file::{OpenError, RecoveryKind, SyncError},
    reconcile::ReconcilerError,
    set::TwinPools,
};
use ipnet::Ipv4Net;
use ledger::Ledger;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use scratch::{PAGE, Scratch, overwrite, read};
use skip::skip;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a child ends with.
const FINE: i32 = 0;
const WRONG: i32 = 1;
const NOT_ALLOWED: i32 = 77;

/// What a process does that another one began.
#[test]
fn child() {
    let Some((role, argument)) = role() else {
        return;
    };
    let path = PathBuf::from(argument);
    let code = match role.as_str() {
        "first-of-a-namespace" => in_child(|| first_of_a_namespace(&path)),
        "die-in-flight" => die_in_flight(&path),
        other => panic!("no role {other}"),
    };
    std::process::exit(code);
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

/// Forks, and returns the exit code of the child; -1 if it was killed, as it is after a while if it hangs.
fn in_child(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child calls nothing that takes a lock which another thread of this test binary may have held
    // at the fork, except the allocator, which glibc makes safe.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => end_with(body),
        ForkResult::Parent { child } => code_of(child),
    }
}

/// Runs like `in_child`, in a fork that no handler sees. Nothing is allocated there, as the
/// allocator does not see it either.
fn in_bare_clone(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: clone without a stack or anything shared is a fork, and the child allocates nothing.
    let child =
        unsafe { nix::libc::syscall(nix::libc::SYS_clone, Signal::SIGCHLD as i32, 0, 0, 0, 0) };
    if child == 0 {
        end_with(body);
    }
    code_of(Pid::from_raw(child as i32))
}

fn code_of(child: Pid) -> i32 {
    match waitpid(child, None).unwrap() {
        WaitStatus::Exited(_, code) => code,
        _ => -1,
    }
}

fn end_with(body: impl FnOnce() -> i32) -> ! {
    // SAFETY: alarm, _exit: neither has a requirement. Not through the test harness, which is the parent's.
    unsafe {
        nix::libc::alarm(40);
        let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(WRONG);
        nix::libc::_exit(code)
    }
}

fn fine_if(is_fine: bool) -> i32 {
    if is_fine { FINE } else { WRONG }
}

/// A container's first process forks into a namespace of its own: parent and child are both number 1. The child's
/// end is not the parent's leave, and no process may replace the file under the parent.
#[test]
fn a_child_with_its_parent_s_number_is_told_apart() {
    let scratch = Scratch::new("same-number");
    let path = scratch.path("pool");
    let mut child = spawn("first-of-a-namespace", path.to_str().unwrap());
    match child.wait().unwrap().code() {
        Some(NOT_ALLOWED) => skip("this user may not make a namespace of processes"),
        code => assert_eq!(code, Some(FINE)),
    }
}

fn new_namespace() -> bool {
    let alone = CloneFlags::CLONE_NEWPID;
    unshare(alone).is_ok() || unshare(alone | CloneFlags::CLONE_NEWUSER).is_ok()
}

fn first_of_a_namespace(path: &Path) -> i32 {
    if !new_namespace() {
        return NOT_ALLOWED;
    }
    in_child(|| {
        assert_eq!(std::process::id(), 1);
        let builder = Pool::builder(net("10.0.0.0/24"));
        let mut owned = Some(builder.create(path).unwrap());
        let held = owned.as_ref().unwrap().allocate().unwrap();
        if !new_namespace() {
            return NOT_ALLOWED;
        }
        let of_child = in_child(|| {
            assert_eq!(std::process::id(), 1);
            let pool = owned.take().unwrap();
            let is_told = matches!(
                pool.allocate_many(2),
                Err(AllocateError::File(FileRefusal::Forked))
            );
            drop(pool);
            fine_if(is_told)
        });
        assert_eq!(of_child, FINE);
        // From elsewhere: with another open file.
        let other = builder.open(path).unwrap();
        assert_eq!(other.recovery().unwrap().kind, RecoveryKind::Joined);
        drop(other);
        let grown = Pool::builder(net("10.0.0.0/20"))
            .gateway(Gateway::At("10.0.0.1".parse().unwrap()))
            .in_file()
            .grow(path);
        assert!(matches!(grown, Err(OpenError::InUse)), "{grown:?}");
        let pool = owned.unwrap();
        fine_if(pool.release(held).is_ok() && pool.sync().is_ok())
    })
}

/// A child that no handler saw, of a process that has a full pool open, beside another process that is in the
/// middle of a claim and does not go on: its call is refused at once, and does not wait for that claim.
#[test]
fn a_bare_clone_waits_for_no_claim_of_another_process() {
    let scratch = Scratch::in_memory("no-wait");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let pool = builder.create(&path).unwrap();
    let other = builder.open(&path).unwrap();
    pool.allocate_many(100).unwrap();
    other.allocate_many(153).unwrap();
    // Theirs is the second lane.
    let lane = 4 * PAGE + 0x200 + 8;
    let landed = read(&path)[lane];
    assert_ne!(landed, 0, "it has claimed");
    overwrite(&path, lane as u64, &[landed | 1]);
    let code =
        in_bare_clone(|| fine_if(pool.allocate() == Err(AllocateError::File(FileRefusal::Forked))));
    overwrite(&path, lane as u64, &[landed]);
    assert_eq!(code, FINE, "it was not told, or it waited");
}

/// Every verb of a child says that the pool is not its own, and changes nothing: not by being asked, and not by
/// the ends of what the child has copies of.
#[test]
fn a_child_changes_nothing() {
    for durability in [Durability::Process, Durability::Barrier, Durability::Strict] {
        let scratch = Scratch::new("told");
        let path = scratch.path("pool");
        let builder = Pool::builder(net("10.0.0.0/24")).durability(durability);
        let mut owned = Some(std::sync::Arc::new(builder.create(&path).unwrap()));
        let pool = owned.as_ref().unwrap();
        let mut guard = Some(pool.guard_arc().unwrap());
        let mut local = Some(pool.local_arc());
        let held = local.as_mut().unwrap().allocate().unwrap();
        let block = pool.allocate_block(28).unwrap();
        let set = PoolSet::new([std::sync::Arc::clone(pool)]).unwrap();
        let mut reconciler = Some(pool.reconciler().unwrap());
        let before: Vec<_> = pool.iter().collect();
        let code = in_child(|| {
            let mut buffer = [held; 4];
            let free = "10.0.0.99".parse().unwrap();
            let is_forked = |error| error == AllocateError::File(FileRefusal::Forked);
            let refusals = [
                pool.sync() == Err(SyncError::File(FileRefusal::Forked)),
                pool.allocate().is_err_and(is_forked),
                pool.allocate_net().is_err_and(is_forked),
                pool.guard().is_err_and(is_forked),
                pool.allocate_many(2).is_err_and(is_forked),
                pool.allocate_many(1000).is_err_and(is_forked),
                pool.allocate_block(28).is_err_and(is_forked),
                pool.allocate_preferring(free).is_err_and(is_forked),
                pool.allocate_in(free..=free).is_err_and(is_forked),
                pool.allocate_exact(free)
                    .is_err_and(|e| e.code() == "forked"),
                pool.allocate_exact(held)
                    .is_err_and(|e| e.code() == "forked"),
                local.as_mut().unwrap().allocate().is_err_and(is_forked),
                pool.allocate_into(&mut buffer) == 0,
                pool.allocate_into(&mut buffer[..1]) == 0,
                pool.release(held).is_err_and(|e| e.code() == "forked"),
                local.as_mut().unwrap().release(held).is_err(),
                pool.release_block(block)
                    .is_err_and(|e| e.code() == "forked"),
                pool.release_many(&[held]).released == 0,
                pool.adopt([free]).unwrap().taken == 0,
                pool.health().is_some_and(|health| !health.is_good()),
                matches!(
                    pool.reconciler(),
                    Err(ReconcilerError::File(FileRefusal::Forked))
                ),
                set.allocate().is_err_and(is_forked),
                set.allocate_many(3).is_err_and(is_forked),
                set.allocate_block(28).is_err_and(is_forked),
                set.allocate_into(&mut buffer) == 0,
                set.release(held).is_err(),
            ];
            let first_wrong = refusals.iter().position(|&is_right| !is_right);
            drop((guard.take(), local.take(), reconciler.take(), owned.clone()));
            first_wrong.map_or(FINE, |index| 100 + index as i32)
        });
        assert_eq!(code, FINE, "{durability}: 100 and the number of the verb");
        assert!(pool.iter().eq(before), "{durability}");
        assert!(pool.health().unwrap().is_good());
        assert!(matches!(pool.reconciler(), Err(ReconcilerError::Busy)));
        drop(reconciler);
        drop(guard);
        pool.release(held).unwrap();
        pool.release_block(block).unwrap();
        drop((local, set, owned.take()));
        let pool = builder.open(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
        assert_eq!(pool.allocated(), 0);
    }
}

/// Under a cordon, in a band or in twins a child is refused, too.
#[test]
fn a_child_is_told_in_every_kind_of_set() {
    let scratch = Scratch::new("sets");
    let open = |name: &str, of: &str| {
        let path = scratch.path(name);
        std::sync::Arc::new(Pool::builder(net(of)).create(path).unwrap())
    };
    let pool = open("a", "10.0.0.0/24");
    let set = PoolSet::new([std::sync::Arc::clone(&pool)]).unwrap();
    let cordoned = "10.0.0.64".parse().unwrap()..="10.0.0.95".parse().unwrap();
    set.cordon(cordoned).unwrap();
    let v6 = Pool::new("fd00::/120".parse::<ipnet::Ipv6Net>().unwrap()).unwrap();
    let twins = TwinPools::new(std::sync::Arc::clone(&pool), v6).unwrap();
    let code = in_child(|| {
        let refusals = [
            set.allocate() == Err(AllocateError::File(FileRefusal::Forked)),
            set.allocate_preferring("10.0.0.9".parse().unwrap())
                == Err(AllocateError::File(FileRefusal::Forked)),
            set.allocate_block_exact(net("10.0.0.32/27"))
                == Err(AllocateExactError::File(FileRefusal::Forked)),
            twins
                .allocate_pair()
                .is_err_and(|error| error.code() == "forked"),
        ];
        let first_wrong = refusals.iter().position(|&is_right| !is_right);
        first_wrong.map_or(FINE, |index| 100 + index as i32)
    });
    assert_eq!(code, FINE);
    assert_eq!(pool.allocated(), 0);
    // With nothing free, and a flight whose end is not known.
    let all = pool.allocate_many(253).unwrap();
    let code = in_child(|| {
        fine_if(
            twins
                .allocate_pair()
                .is_err_and(|error| error.code() == "forked"),
        )
    });
    assert_eq!(code, FINE);
    assert_eq!(pool.release_many(&all).released, 253);
}

/// A child opens the file itself, and that pool is its own; its own child is refused.
#[test]
fn what_a_child_opens_is_its_own() {
    let scratch = Scratch::new("own");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let parents = builder.create(&path).unwrap();
    let held = parents.allocate().unwrap();
    let code = in_child(|| {
        let own = builder.open(&path).unwrap();
        let mine = own.allocate().unwrap();
        let of_grandchild = in_child(|| {
            let is_told = own.allocate() == Err(AllocateError::File(FileRefusal::Forked))
                && parents.allocate() == Err(AllocateError::File(FileRefusal::Forked));
            let opened = builder.open(&path).unwrap();
            let third = opened.allocate().unwrap();
            opened.release(third).unwrap();
            fine_if(is_told && third != mine && third != held)
        });
        own.release(mine).unwrap();
        let is_whole = own.health().unwrap().is_good() && own.sync().is_ok();
        drop(own);
        fine_if(of_grandchild == FINE && is_whole && mine != held)
    });
    assert_eq!(code, FINE);
    assert_eq!(parents.allocated(), 1);
    drop(parents);
    let pool = builder.open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
}

/// A bare `clone` calls no handler: the child is refused all the same, and its end is not the parent's leave.
#[test]
fn a_bare_clone_is_told() {
    let scratch = Scratch::new("clone");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let mut owned = Some(builder.create(&path).unwrap());
    let held = owned.as_ref().unwrap().allocate().unwrap();
    let code = in_bare_clone(|| {
        let pool = owned.take().unwrap();
        let is_told = pool.allocate() == Err(AllocateError::File(FileRefusal::Forked))
            && pool.release(held).is_err()
            && pool.sync() == Err(SyncError::File(FileRefusal::Forked));
        drop(pool);
        fine_if(is_told)
    });
    assert_eq!(code, FINE);
    let other = builder.open(&path).unwrap();
    assert_eq!(other.recovery().unwrap().kind, RecoveryKind::Joined);
    assert_eq!(owned.unwrap().allocated(), 1);
}

/// Each verb by itself, the first thing that a child asks: none relies on what another one has noticed before, nor
/// on what the handlers of a fork have put in the place of the mapping, which they do in no bare clone.
#[test]
fn every_verb_by_itself_tells_a_bare_clone() {
    for durability in [Durability::Process, Durability::Barrier, Durability::Strict] {
        let scratch = Scratch::new("verbs");
        let builder = Pool::builder(net("10.0.0.0/24")).durability(durability);
        let pool = builder.create(scratch.path("pool")).unwrap();
        let held = pool.allocate().unwrap();
        let block = pool.allocate_block(28).unwrap();
        let free = "10.0.0.99".parse().unwrap();
        let before: Vec<_> = pool.iter().collect();
        let is_forked = |error| error == AllocateError::File(FileRefusal::Forked);
        let verbs: [(&str, &dyn Fn() -> bool); 11] = [
            ("allocate", &|| pool.allocate().is_err_and(is_forked)),
            ("allocate_net", &|| {
                pool.allocate_net().is_err_and(is_forked)
            }),
            ("allocate_exact", &|| {
                let answer = pool.allocate_exact(free);
                answer.is_err_and(|error| error.code() == "forked")
            }),
            ("allocate_preferring", &|| {
                pool.allocate_preferring(free).is_err_and(is_forked)
            }),
            ("allocate_in", &|| {
                pool.allocate_in(free..=free).is_err_and(is_forked)
            }),
            ("allocate_many", &|| {
                pool.allocate_many(2).is_err_and(is_forked)
            }),
            ("allocate_into", &|| pool.allocate_into(&mut [held; 4]) == 0),
            ("allocate_block", &|| {
                pool.allocate_block(28).is_err_and(is_forked)
            }),
            ("release", &|| {
                let answer = pool.release(held);
                answer.is_err_and(|error| error.code() == "forked")
            }),
            ("release_many", &|| {
                let report = pool.release_many(&[held, free, free]);
                (report.released, report.forked) == (0, 3)
            }),
            ("release_block", &|| {
                let answer = pool.release_block(block);
                answer.is_err_and(|error| error.code() == "forked")
            }),
        ];
        for (name, is_refused) in verbs {
            let code = in_bare_clone(|| fine_if(is_refused()));
            assert_eq!(code, FINE, "{durability}: {name}");
            assert!(
                pool.iter().eq(before.iter().copied()),
                "{durability}: {name}"
            );
        }
    }
}

/// Between the fork and the exec of a program that another thread starts, a child has our descriptors, and no
/// handler was called. A pool that was closed is unlocked all the same.
#[test]
fn a_closed_pool_is_locked_by_no_copy_of_its_descriptor() {
    let scratch = Scratch::new("closed");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let pool = builder.create(&path).unwrap();
    // SAFETY: as in `a_bare_clone_is_told`; this child does nothing but sleep.
    let child =
        unsafe { nix::libc::syscall(nix::libc::SYS_clone, Signal::SIGCHLD as i32, 0, 0, 0, 0) };
    if child == 0 {
        end_with(|| {
            // SAFETY: pause has no requirement.
            unsafe { nix::libc::pause() };
            FINE
        });
    }
    drop(pool);
    let again = builder.open(&path).unwrap();
    let (kind, health) = (again.recovery().unwrap().kind, again.health().unwrap());
    end_all(&mut vec![Pid::from_raw(child as i32)]);
    assert_eq!((kind, health.processes), (RecoveryKind::Clean, 1));
}

/// Takes and gives back most of a pool all the time, beside a child that does nothing, until it is killed.
fn die_in_flight(path: &Path) -> i32 {
    let pool = Pool::builder(net("10.0.0.0/16")).open(path).unwrap();
    // SAFETY: the child only waits.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => end_with(|| {
            // Not before: as long as it has not come out of its fork, it has what its parent has.
            std::fs::write(path.with_extension("child"), Pid::this().to_string()).unwrap();
            std::fs::write(path.with_extension("ready"), "").unwrap();
            std::thread::sleep(Duration::from_secs(30));
            FINE
        }),
        ForkResult::Parent { .. } => {}
    }
    loop {
        let _ = pool
            .allocate_many(60_000)
            .map(|addrs| pool.release_many(&addrs));
    }
}

/// A process that dies in a batch, and has a child that lives on, makes no other process wait.
#[test]
fn locks_die_with_the_parent() {
    let scratch = Scratch::in_memory("die");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/16"));
    let pool = builder.create(&path).unwrap();
    for round in 0..setting("HOSTBITS_ROUNDS", 10) {
        let ready = path.with_extension("ready");
        let _ = std::fs::remove_file(&ready);
        let mut parent = spawn("die-in-flight", path.to_str().unwrap());
        wait_for("the parent", || ready.exists());
        std::thread::sleep(Duration::from_micros(300 + 137 * round));
        parent.kill().unwrap();
        parent.wait().unwrap();
        assert_eq!(
            pool.health().unwrap().processes,
            1,
            "nobody has a lane but us"
        );
        let watchdog = Watchdog::new(Duration::from_secs(25));
        let rest: Vec<_> = std::iter::from_fn(|| pool.allocate().ok()).collect();
        assert!(matches!(
            pool.allocate(),
            Err(AllocateError::Exhausted { .. })
        ));
        drop(watchdog);
        assert_eq!(pool.release_many(&rest).released, rest.len() as u64);
        let leaked: Vec<_> = pool.iter().collect();
        assert_eq!(pool.release_many(&leaked).released, leaked.len() as u64);
        let orphan = std::fs::read_to_string(path.with_extension("child")).unwrap();
        kill(Pid::from_raw(orphan.parse().unwrap()), Signal::SIGKILL).unwrap();
    }
    drop(pool);
    assert_eq!(
        builder.open(&path).unwrap().recovery().unwrap().kind,
        RecoveryKind::Clean
    );
}

/// Ends the test if it hangs.
struct Watchdog(std::sync::Arc<AtomicBool>);

impl Watchdog {
    fn new(patience: Duration) -> Self {
        let is_over = std::sync::Arc::new(AtomicBool::new(false));
        let seen = std::sync::Arc::clone(&is_over);
        std::thread::spawn(move || {
            let started = Instant::now();
            while !seen.load(Ordering::SeqCst) {
                if started.elapsed() > patience {
                    eprintln!("it hangs");
                    std::process::abort();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Self(is_over)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A thread forks all the time while others create, open and close files: no child has a lock of any of them,
/// whenever it was forked.
#[test]
fn children_that_are_forked_at_any_moment_have_no_lock() {
    let scratch = Scratch::in_memory("storm");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..2)
            .map(|opener| {
                let path = scratch.path(&format!("pool-{opener}"));
                scope.spawn(move || {
                    let builder = Pool::builder(net("10.0.0.0/24"));
                    drop(builder.create(&path).unwrap());
                    for _ in 0..setting("HOSTBITS_ROUNDS", 400) {
                        let pool = builder.open(&path).unwrap();
                        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
                        // As long as a child has not come out of its fork, it has what its parent has.
                        wait_for("all children", || pool.health().unwrap().processes == 1);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let mut children = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                // SAFETY: the child only waits.
                match unsafe { fork() }.unwrap() {
                    ForkResult::Child => end_with(|| {
                        std::thread::sleep(Duration::from_secs(30));
                        FINE
                    }),
                    ForkResult::Parent { child } => children.push(child),
                }
                if children.len() > 50 {
                    end_all(&mut children);
                }
            }
            end_all(&mut children);
        });
        let ended: Vec<_> = openers.into_iter().map(|opener| opener.join()).collect();
        is_over.store(true, Ordering::SeqCst);
        assert!(ended.iter().all(Result::is_ok));
    });
}

fn end_all(children: &mut Vec<Pid>) {
    for child in children.drain(..) {
        kill(child, Signal::SIGKILL).unwrap();
        waitpid(child, None).unwrap();
    }
}

/// A process of several threads forks while some of them are in a batch. Its child has a copy of a pool on the
/// heap, in which no thread is in a batch: every verb returns "exhausted" there when nothing is free.
#[test]
fn a_child_waits_for_no_thread_of_its_parent() {
    let pool = Pool::new(net("10.0.0.0/16")).unwrap();
    let set = PoolSet::new([Pool::new(net("10.1.0.0/16")).unwrap()]).unwrap();
    let is_over = AtomicBool::new(false);
    // Held, so that no batch of all there is ever succeeds: the threads are in one all the time.
    pool.allocate().unwrap();
    set.allocate().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    assert!(pool.allocate_many(65_533).is_err());
                    assert!(set.allocate_many(65_533).is_err());
                }
            });
        }
        let mut codes = Vec::new();
        for round in 0..setting("HOSTBITS_ROUNDS", 12) {
            std::thread::sleep(Duration::from_micros(700 + 391 * round));
            codes.push(in_child(|| told_when_nothing_is_left(&pool, &set)));
        }
        is_over.store(true, Ordering::SeqCst);
        assert!(codes.iter().all(|&code| code == FINE), "{codes:?}");
    });
}

fn told_when_nothing_is_left(pool: &Pool<Ipv4Net>, set: &PoolSet<Ipv4Net>) -> i32 {
    let last = std::iter::from_fn(|| pool.allocate().ok()).last();
    while set.allocate().is_ok() {}
    let is_exhausted = |error| matches!(error, AllocateError::Exhausted { .. });
    let mut local = pool.local();
    fine_if(
        pool.allocate_block(26).is_err_and(is_exhausted)
            && pool.allocate_many(3).is_err_and(is_exhausted)
            && last.is_none_or(|addr| pool.allocate_exact(addr).is_err())
            && pool.allocate_in("10.0.0.2".parse().unwrap()..="10.0.0.9".parse().unwrap()).is_err()
            && local.allocate().is_err_and(is_exhausted)
            && set.allocate_many(3).is_err_and(is_exhausted)
            && set.allocate_block(26).is_err_and(is_exhausted)
            // And its own batches count.
            && last.is_none_or(|addr| {
                pool.release(addr).is_ok() && pool.allocate_many(1) == Ok(vec![addr])
            }),
    )
}

/// The same where the first call of the child finds nothing: each verb may be that first call, whatever is counted.
#[test]
fn the_first_call_of_a_child_waits_for_no_thread_of_its_parent() {
    type Call = fn(&Pool<Ipv4Net>);
    let calls: [Call; 7] = [
        |pool| drop(pool.allocate()),
        |pool| drop(pool.allocate_many(2)),
        |pool| drop(pool.allocate_exact("10.0.0.2".parse().unwrap())),
        |pool| drop(pool.allocate_in("10.0.0.2".parse().unwrap()..="10.0.0.3".parse().unwrap())),
        |pool| drop(pool.local().allocate()),
        |pool| drop(pool.allocate_for(Client::from_hash(7))),
        |pool| drop(pool.allocate_from("10.0.0.4".parse().unwrap())),
    ];
    for level in [StatsLevel::Counts, StatsLevel::Off] {
        let network = Pool::builder(net("10.0.0.0/29")).stats(level);
        let pool = network.build().unwrap();
        let is_over = AtomicBool::new(false);
        // One is free, and a batch takes it and gives it back all the time.
        while pool.allocated() < pool.capacity() - 1 {
            pool.allocate().unwrap();
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    assert!(pool.allocate_many(2).is_err());
                }
            });
            let rounds = 0..setting("HOSTBITS_ROUNDS", 20);
            let mut children = rounds.flat_map(|round| calls.iter().map(move |call| (round, call)));
            let hung = children.position(|(round, call)| {
                std::thread::sleep(Duration::from_micros(100 + 7 * round));
                let code = in_child(|| {
                    call(&pool);
                    FINE
                });
                code != FINE
            });
            is_over.store(true, Ordering::SeqCst);
            assert_eq!(hung.map(|index| index % calls.len()), None, "{level:?}");
        });
    }
}

/// A process of several threads forks while some of them change what their locals have. A pass of its child looks
/// at all of them, and waits for none of those threads, which it does not have.
#[test]
fn a_pass_of_a_child_waits_for_no_local_of_its_parent() {
    let pool = Pool::new(net("10.0.0.0/24")).unwrap();
    let mut held: Vec<_> = std::iter::from_fn(|| pool.allocate().ok()).collect();
    // Neighbours in the list are of different words.
    held.sort_by_key(|addr| addr.octets()[3] % 64);
    let (is_over, have_begun) = (AtomicBool::new(false), Barrier::new(3));
    let (pool, is_over, have_begun) = (&pool, &is_over, &have_begun);
    std::thread::scope(|scope| {
        for half in held.chunks(held.len().div_ceil(2)) {
            scope.spawn(move || {
                let mut local = pool.local();
                have_begun.wait();
                while !is_over.load(Ordering::SeqCst) {
                    for &addr in half {
                        // With nothing left it goes to the word of the address, each time.
                        local.release(addr).unwrap();
                        assert_eq!(local.allocate(), Ok(addr));
                    }
                }
                have_begun.wait();
            });
        }
        have_begun.wait();
        let pass_of_a_child = |round| {
            std::thread::sleep(Duration::from_micros(50 + 97 * (round % 7)));
            in_child(|| {
                let mut reconciler = pool.reconciler().unwrap();
                let plan = reconciler.begin().unwrap().finish(0).unwrap();
                fine_if(plan.slots.orphan + plan.slots.in_flight == held.len() as u64)
            })
        };
        let mut rounds = 0..setting("HOSTBITS_ROUNDS", 300);
        let hangs = rounds.find(|&round| pass_of_a_child(round) != FINE);
        is_over.store(true, Ordering::SeqCst);
        have_begun.wait();
        assert_eq!(hangs, None, "the round of a child that is not fine");
    });
}

/// The witness is not the number of the process, and neither are the pools of a thread that forks twice.
#[test]
fn children_of_one_parent_are_told_apart_from_it_each() {
    let scratch = Scratch::new("siblings");
    let path = scratch.path("pool");
    let verdicts = Ledger::open(&path.with_extension("ledger"), 1);
    let pool = Pool::builder(net("10.0.0.0/24")).create(&path).unwrap();
    for index in 0..3 {
        let code = in_child(|| {
            verdicts.counter(index).store(1, Ordering::SeqCst);
            fine_if(pool.allocate() == Err(AllocateError::File(FileRefusal::Forked)))
        });
        assert_eq!(code, FINE);
        assert_eq!(verdicts.counter(index).load(Ordering::SeqCst), 1);
    }
    assert!(pool.allocate().is_ok());
}
