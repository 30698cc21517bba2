//! Histories written by hand, and a watchdog.

// Not every test needs all of it.
#![allow(dead_code)]

use linearizability::ground::Ground;
use linearizability::history::{Answer, Call, History, Log};
use linearizability::{Addr, Stamp, effort};
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// 10.0.0.0
pub(crate) const BASE: Addr = 0x0a00_0000;

/// Thread, invocation and response, call, answer, addresses (as numbers of hosts).
pub(crate) type Entry<'a> = (usize, (Stamp, Stamp), Call, Answer, &'a [Addr]);

/// Each thread's calls must be in its order.
pub(crate) fn history(entries: &[Entry<'_>]) -> History {
    let mut history = History::default();
    for &(thread, span, call, answer, hosts) in entries {
        if history.logs.len() <= thread {
            history.logs.resize(thread + 1, Log::default());
        }
        history.logs[thread].push(call, answer, hosts.iter().map(|host| BASE + host), span);
    }
    history
}

/// The same, and the last thread has allocated whatever was free.
pub(crate) fn drained(entries: &[Entry<'_>]) -> History {
    History {
        drained: true,
        ..history(entries)
    }
}

/// 10.0.0.0 up to so many addresses.
pub(crate) fn ground(count: u32) -> Ground {
    Ground::new(BASE..BASE + count)
}

/// Aborts the process if it is not dropped in time: a test may fail, but never hang.
pub(crate) struct Watchdog {
    _alive: Sender<()>,
}

pub(crate) fn watchdog() -> Watchdog {
    let (alive, gone) = channel::<()>();
    let patience = Duration::from_secs(400 * effort());
    std::thread::spawn(move || {
        if gone.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            // Not `eprintln!`, which the test harness would keep to itself.
            let _ = writeln!(std::io::stderr(), "no end after {patience:?}");
            std::process::abort();
        }
    });
    Watchdog { _alive: alive }
}
