//! A directory for one test, gone with it, and bytes of files in it.
#![allow(dead_code)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// On the file system of temporary files, which keeps what is synced.
    pub(crate) fn new(name: &str) -> Self {
        Self::within(&std::env::temp_dir(), name)
    }

    /// In memory.
    pub(crate) fn in_memory(name: &str) -> Self {
        Self::within(Path::new("/dev/shm"), name)
    }

    fn within(directory: &Path, name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("hostbits-{name}-{}-{next}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What is in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// Makes the file what it was, as if nothing had happened since: with the witness of that time. (By its bytes
/// alone it is an older content, which is noticed.)
pub(crate) fn put_back(path: &Path, bytes: &[u8]) {
    overwrite(path, 0, bytes);
    let seq = STATE_SLOTS.map(|at| {
        let at = at as usize + 8;
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    });
    set_witness(path, seq[0].max(seq[1]));
}

/// The attribute says how many states were written. Where there can be none, it is never asked for.
#[allow(unsafe_code)]
pub(crate) fn set_witness(path: &Path, seq: u64) {
    use std::os::fd::AsRawFd;
    let file = File::options().write(true).open(path).unwrap();
    let (value, name) = (seq.to_le_bytes(), c"user.hostbits");
    // SAFETY: fsetxattr: the descriptor is open, the name ends with a zero, the value has so many bytes.
    unsafe {
        nix::libc::fsetxattr(
            file.as_raw_fd(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        );
    }
}

pub(crate) const PAGE: usize = 4096;
pub(crate) const STATE_SLOTS: [u64; 2] = [0x2000, 0x3000];

/// No state can be read: the file has no past that could be believed.
pub(crate) fn forget_the_past(path: &Path) {
    for slot in STATE_SLOTS {
        overwrite(path, slot, &[0; 512]);
    }
}

/// Makes the next opener believe that the machine went down: the states are of another boot.
pub(crate) fn forget_the_boot(path: &Path) {
    for at in STATE_SLOTS {
        let mut slot = read(path)[at as usize..][..512].to_vec();
        slot[0x20..0x30].copy_from_slice(b"some other boot.");
        let checksum = crc32c(&slot[..0x1fc]);
        slot[0x1fc..].copy_from_slice(&checksum.to_le_bytes());
        overwrite(path, at, &slot);
    }
}

/// Changes one copy of the header, and makes its checksum fit.
pub(crate) fn change_header(path: &Path, at: u64, change: impl Fn(&mut [u8])) {
    let mut block = read(path)[at as usize..][..512].to_vec();
    change(&mut block);
    let checksum = crc32c(&block[..0x1fc]);
    block[0x1fc..].copy_from_slice(&checksum.to_le_bytes());
    overwrite(path, at, &block);
}

/// The lock of those who open or close the file, until it is dropped.
pub(crate) fn lock_of_openers(path: &Path) -> File {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let lock = lock_on(1);
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_OFD_SETLK(&lock)).unwrap();
    file
}

/// Whether a process that has the pool file open holds the lock of that lane.
pub(crate) fn is_lane_held(path: &Path, lane: u8) -> bool {
    let file = File::open(path).unwrap();
    let mut lock = lock_on(0x100 + i64::from(lane));
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_OFD_GETLK(&mut lock)).unwrap();
    lock.l_type != nix::libc::F_UNLCK as i16
}

/// An exclusive lock on one of the bytes that stand for locks of a pool file.
fn lock_on(byte: i64) -> nix::libc::flock {
    nix::libc::flock {
        l_type: nix::libc::F_WRLCK as i16,
        l_whence: nix::libc::SEEK_SET as i16,
        l_start: 0x4000_0000_0000 + byte,
        l_len: 1,
        l_pid: 0,
    }
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// Poisons a pool file as a sync does that fails with error 5.
pub(crate) fn poison(path: &Path) {
    overwrite(
        path,
        4 * PAGE as u64 + 0x148,
        &(1u64 << 15 | 5 << 16).to_ne_bytes(),
    );
}

/// Where the configuration of this generation is: in the region of kind 8, which has both.
pub(crate) fn config_at(path: &Path, generation: u64) -> u64 {
    let (offset, len) = region_of(path, 8);
    offset + len / 2 * (generation % 2)
}

/// Where the record of a slot is: in the region of kind 9, after a page of facts, two words a slot.
pub(crate) fn record_at(path: &Path, slot: u64) -> u64 {
    region_of(path, 9).0 + PAGE as u64 + 16 * slot
}

/// Offset and length of the region of this kind.
fn region_of(path: &Path, kind: u8) -> (u64, u64) {
    let header = &read(path)[..512];
    let number = |at: usize| u64::from_le_bytes(header[at..][..8].try_into().unwrap());
    let mut entries = (0x90..0x1b0).step_by(24);
    let region = entries.find(|&at| header[at] == kind).unwrap();
    (number(region + 8), number(region + 16))
}

/// The text of a configuration as it stands in a file.
pub(crate) fn with_prefix(text: &[u8]) -> Vec<u8> {
    let len = (text.len() as u32).to_le_bytes();
    [&len, &crc32c(text).to_le_bytes(), text].concat()
}

/// Changes the configuration of a new file, and makes its checksum fit.
pub(crate) fn change_config(path: &Path, change: impl FnOnce(&str) -> Vec<u8>) {
    let at = config_at(path, 1);
    let bytes = read(path);
    let place = &bytes[at as usize..];
    let len = u32::from_le_bytes(place[..4].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&place[8..][..len]).unwrap();
    overwrite(path, at, &with_prefix(&change(text)));
}
