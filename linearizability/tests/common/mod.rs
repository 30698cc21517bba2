//! Histories written by hand, and a watchdog.

// Each test uses only a part of it.
#![allow(dead_code)]

use linearizability::ground::Ground;
use linearizability::history::{Answer, Call, History, Log};
use linearizability::{Addr, Stamp, effort};
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// The address 10.0.0.0.
pub(crate) const BASE: Addr = 0x0a00_0000;

/// Thread, invocation and response, call, result, addresses (as host numbers).
pub(crate) type Entry<'a> = (usize, (Stamp, Stamp), Call, Answer, &'a [Addr]);

/// Builds a history. The calls of each thread must be in order.
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

/// Builds a history whose last thread allocated everything that was free.
pub(crate) fn drained(entries: &[Entry<'_>]) -> History {
    History {
        drained: true,
        ..history(entries)
    }
}

/// Returns the first `count` addresses from 10.0.0.0 on.
pub(crate) fn ground(count: u32) -> Ground {
    Ground::new(BASE..BASE + count)
}

/// Aborts the process if it is not dropped in time, so that a test may fail, but never hang.
pub(crate) struct Watchdog {
    _alive: Sender<()>,
}

pub(crate) fn watchdog() -> Watchdog {
    let (alive, gone) = channel::<()>();
    let patience = Duration::from_secs(400 * effort());
    std::thread::spawn(move || {
        if gone.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            // `eprintln!` would be captured by the test harness.
            let _ = writeln!(std::io::stderr(), "no end after {patience:?}");
            std::process::abort();
        }
    });
    Watchdog { _alive: alive }
}
