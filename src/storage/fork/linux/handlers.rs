//! The functions that the C library calls around a fork (`pthread_atfork`).
//!
//! They do only what is safe in a signal handler: atomics, and system calls that take no lock of this process. A bare
//! `clone` calls none of them.

use super::{own, witness};
use nix::libc;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static ARE_INSTALLED: AtomicBool = AtomicBool::new(false);
/// How many forks have begun. If handlers are installed twice, each fork counts twice.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static OVER: AtomicU64 = AtomicU64::new(0);

/// Installs the handlers, unless they are installed.
///
/// Two threads may install them twice, which does no harm. A lock would, because it could stay locked in a child.
pub(super) fn install() -> io::Result<()> {
    // Acquire: pairs with the Release below; from there on every fork counts.
    if ARE_INSTALLED.load(Ordering::Acquire) {
        return Ok(());
    }
    // SAFETY: libc::pthread_atfork:
    // - the three are functions of no argument, and live as long as the program (where it is unloaded before
    //   its end, the C library takes them off its list);
    // - they do nothing in the child that is unsafe after a fork of several threads.
    let errno = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    if errno != 0 {
        return Err(io::Error::from_raw_os_error(errno));
    }
    // Release: as above.
    ARE_INSTALLED.store(true, Ordering::Release);
    Ok(())
}

/// Returns how many forks have begun, if all of them are over.
pub(super) fn forks_if_over() -> Option<u64> {
    // SeqCst, both: in this order. If as many are over as have begun later, no fork was in progress at the second load.
    let over = OVER.load(Ordering::SeqCst);
    (forks_begun() == over).then_some(over)
}

pub(super) fn forks_begun() -> u64 {
    // SeqCst: after the caller's store, which a child must see. A fork that is not counted here begins after it, and
    // its child has what was stored.
    BEGUN.load(Ordering::SeqCst)
}

extern "C" fn before() {
    // SeqCst: before the fork; see `forks_begun`.
    BEGUN.fetch_add(1, Ordering::SeqCst);
}

/// Also called after a fork that failed.
extern "C" fn in_parent() {
    // SeqCst: after the fork; see `forks_if_over`.
    OVER.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    // SeqCst, both, though it is not needed: there is one thread. Forks of other threads, which do not exist here, will
    // never be over in this process.
    OVER.store(BEGUN.load(Ordering::SeqCst), Ordering::SeqCst);
    witness::forget();
    own::leave_all_behind();
}
