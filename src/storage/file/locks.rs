//! Locks on single bytes of the file, far beyond its end: they need no bytes.
//!
//! They belong to the open file description (`F_OFD_SETLK`), so several pools in one process exclude each other like
//! several processes, and the kernel drops them when the last descriptor is closed: a process that dies leaves none
//! behind.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

/// What a lock stands for; each is one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Held shared by every pool that has the file open, and exclusively by one that is alone.
    Presence,
    /// Opening, recovery, closing, growth: one at a time.
    Open,
    /// The reconciler: one at a time.
    Reconcile,
    /// The claims in flight of a process; see `bitmap::Lane`.
    Lane(u32),
    /// The calls for some of the owners of leases: one at a time.
    Owner(u32),
}

const BASE: i64 = 0x4000_0000_0000;

impl Lock {
    /// Byte 2 is reserved for rotating batches.
    fn byte(self) -> i64 {
        match self {
            Self::Presence => BASE,
            Self::Open => BASE + 1,
            Self::Reconcile => BASE + 3,
            Self::Lane(lane) => BASE + 0x100 + i64::from(lane),
            Self::Owner(lock) => BASE + 0x1000 + i64::from(lock),
        }
    }

    fn request(self, kind: i32) -> libc::flock {
        libc::flock {
            l_type: kind as i16,
            l_whence: libc::SEEK_SET as i16,
            l_start: self.byte(),
            l_len: 1,
            l_pid: 0,
        }
    }
}

/// Takes a lock, or converts the one we have; returns `false` if another holder is in the way.
pub(crate) fn try_lock(file: &File, lock: Lock, exclusive: bool) -> io::Result<bool> {
    let kind = if exclusive {
        libc::F_WRLCK
    } else {
        libc::F_RDLCK
    };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&lock.request(kind))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Takes a lock exclusively, and waits for it as long as another holder has it.
pub(crate) fn lock(file: &File, lock: Lock) -> io::Result<()> {
    loop {
        match fcntl(file, FcntlArg::F_OFD_SETLKW(&lock.request(libc::F_WRLCK))) {
            Ok(_) => return Ok(()),
            // A signal.
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes a lock exclusively, and waits for it at most this long; returns `false` if it did not get it.
pub(crate) fn lock_within(file: &File, lock: Lock, patience: Duration) -> io::Result<bool> {
    wait_for(file, lock, true, patience)
}

/// Does the same with a shared lock, which keeps out exclusive holders.
pub(crate) fn share_within(file: &File, lock: Lock, patience: Duration) -> io::Result<bool> {
    wait_for(file, lock, false, patience)
}

fn wait_for(file: &File, lock: Lock, exclusive: bool, patience: Duration) -> io::Result<bool> {
    let started = Instant::now();
    let mut pause = Duration::from_micros(100);
    while !try_lock(file, lock, exclusive)? {
        if started.elapsed() >= patience {
            return Ok(false);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
    Ok(true)
}

pub(crate) fn unlock(file: &File, lock: Lock) -> io::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&lock.request(libc::F_UNLCK)))?;
    Ok(())
}

/// Returns whether another holder has the lock, shared or exclusively.
pub(crate) fn is_held_by_others(file: &File, lock: Lock) -> io::Result<bool> {
    is_in_the_way(file, lock, libc::F_WRLCK)
}

/// Returns whether another holder has the lock exclusively.
pub(crate) fn is_held_exclusively(file: &File, lock: Lock) -> io::Result<bool> {
    is_in_the_way(file, lock, libc::F_RDLCK)
}

fn is_in_the_way(file: &File, lock: Lock, kind: i32) -> io::Result<bool> {
    let mut request = lock.request(kind);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut request))?;
    Ok(i32::from(request.l_type) != libc::F_UNLCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::file::system::tests::Scratch;

    /// Two open descriptions of one file in one process exclude each other, and a lock ends with its file.
    #[test]
    fn locks_belong_to_the_open_file() {
        let scratch = Scratch::new("locks");
        let path = scratch.path("file");
        let open = || {
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
        };
        let (a, b) = (open().unwrap(), open().unwrap());
        assert!(try_lock(&a, Lock::Presence, false).unwrap());
        assert!(try_lock(&b, Lock::Presence, false).unwrap(), "shared");
        assert!(!try_lock(&a, Lock::Presence, true).unwrap(), "not alone");
        assert!(is_held_by_others(&a, Lock::Presence).unwrap());
        assert!(!is_held_by_others(&a, Lock::Open).unwrap());
        drop(b);
        assert!(!is_held_by_others(&a, Lock::Presence).unwrap());
        assert!(try_lock(&a, Lock::Presence, true).unwrap(), "converted");
        let c = open().unwrap();
        assert!(!lock_within(&c, Lock::Presence, Duration::from_millis(5)).unwrap());
        unlock(&a, Lock::Presence).unwrap();
        assert!(lock_within(&c, Lock::Presence, Duration::from_millis(5)).unwrap());
        assert!(
            try_lock(&c, Lock::Lane(3), true).unwrap(),
            "locks are one byte long"
        );
        assert!(try_lock(&a, Lock::Lane(4), true).unwrap());
    }
}
