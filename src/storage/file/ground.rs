//! Whether a store to the mapped file can need space on the disk, and what can be done about it.
//!
//! A file whose blocks are reserved and written has all its blocks. On most file systems, nothing more is ever needed.
//! A file system that writes overwritten data to another place needs a new block for it, and if there is none, the
//! store raises `SIGBUS` in the middle of an allocation. So every open checks this, and fails if it cannot be ruled
//! out.
//!
//! ```text
//! new:      mark the empty file (no copy-on-write)      where the file system has such a mark
//! opened:   reserve; map
//!           shared blocks? ──> fault in every page as if it were written, sync: they are the file's own now
//!           unknown layers below? ──> write a page unchanged, sync: has it moved?
//! ```
//!
//! Where a store raises a signal, faulting in returns an error; and it changes no byte, so other processes may have the
//! file open. It goes unnoticed if the blocks become shared again while the file is open (by a reflink copy or a
//! snapshot).

use super::file_system::{FileSystem, Overwrites};
use super::layout::{ALIGN, Kind, Layout};
use super::map::{Map, PageOptions};
use super::open::MappedDisk;
use super::poison;
use super::system::{self, RelaxedChecks};
use crate::open_error::OpenError;
use crate::storage::fork::OwnFile;
use nix::errno::Errno;
use nix::libc;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

const NO_COPY_ON_WRITE: libc::c_int = 0x0080_0000;

/// The first version of Linux in which a store to a marked file on Btrfs needs no free block (its commit 6599716de2d6).
const KEEPS_MARKS_SINCE: (u32, u32) = (6, 17);

/// What is known about a file's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Facts {
    /// Whether blocks can be reserved.
    is_reserved: bool,
    /// Whether the file is marked no-copy-on-write.
    is_marked: bool,
    /// Whether the kernel is new enough to honor the mark.
    keeps_marks: bool,
    /// Whether a quota is set, or may be set: it also refuses what needs no block.
    has_quota: bool,
    blocks: Blocks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocks {
    Own,
    /// Blocks are shared with a copy or a snapshot.
    Shared,
    Untold,
}

/// What must be done before any process may store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ready,
    Unshare,
    /// Overwrite something, and check where it goes.
    Try,
    Refuse(&'static str),
}

const ELSEWHERE: &str =
    "this file system writes every change to a new place. Use ext4 or XFS for the file";
const UNMARKED: &str = "the file is not marked no-copy-on-write. Copy it to a new one that is \
     (touch, chattr +C, cat), or to ext4 or XFS";
const OLD_KERNEL: &str = "before Linux 6.17, Btrfs needs room even for files without copy-on-write. Use ext4 or XFS for the file";
const QUOTA: &str =
    "this Btrfs has quotas with limits, or does not say. Use ext4 or XFS for the file";
const SHARED: &str =
    "its blocks are shared with a copy or a snapshot. Copy it without sharing (cp --reflink=never)";
const UNTOLD: &str =
    "this file system does not say where the file is. Use ext4 or XFS for the file";

/// Makes the whole decision. What is not listed is refused.
fn verdict(overwrites: Overwrites, facts: Facts) -> Verdict {
    match (overwrites, facts.blocks) {
        (Overwrites::InPlace, _) => Verdict::Ready,
        (Overwrites::Elsewhere, _) => Verdict::Refuse(ELSEWHERE),
        // XFS on zoned devices: nothing can be reserved, and nothing stays in place.
        (Overwrites::UnlessShared, _) if !facts.is_reserved => Verdict::Refuse(ELSEWHERE),
        (Overwrites::IfMarked, _) if !facts.is_marked => Verdict::Refuse(UNMARKED),
        (Overwrites::IfMarked, _) if !facts.keeps_marks => Verdict::Refuse(OLD_KERNEL),
        (Overwrites::IfMarked, _) if facts.has_quota => Verdict::Refuse(QUOTA),
        // Btrfs is below, which cannot be queried any further from here.
        (Overwrites::AsBelow, _) if facts.is_marked => Verdict::Refuse(QUOTA),
        (_, Blocks::Untold) => Verdict::Refuse(UNTOLD),
        (_, Blocks::Shared) => Verdict::Unshare,
        (Overwrites::AsBelow, Blocks::Own) => Verdict::Try,
        (Overwrites::UnlessShared | Overwrites::IfMarked, Blocks::Own) => Verdict::Ready,
    }
}

/// Marks a file that is still empty, if that is useful. Whether it worked is checked later.
pub(super) fn mark(file: &File, file_system: FileSystem) {
    if file_system == FileSystem::Local(Overwrites::IfMarked) {
        let _ = flags(file).and_then(|flags| set_flags(file, flags | NO_COPY_ON_WRITE));
    }
}

/// Maps the file such that no store to it can meet a full disk. The first opener also reserves blocks that a copy has
/// lost.
pub(super) fn map(
    file: &Arc<OwnFile>,
    layout: &Layout,
    pages: PageOptions,
    relaxed: RelaxedChecks,
    is_first: bool,
) -> Result<MappedDisk, OpenError> {
    let file_system = FileSystem::of(file)?;
    let is_reserved = !is_first
        || system::reserve(file, layout.file_len)
            .map_err(|error| OpenError::io("reserve the file's blocks", error))?;
    let map = Map::new(file, layout.clone(), pages)
        .map_err(|error| OpenError::io("map the file", error))?;
    let disk = MappedDisk::new(map, Arc::clone(file));
    match file_system {
        // Memory that is there stays there. For a shared or unknown file system, the caller takes responsibility.
        FileSystem::InMemory | FileSystem::Remote { .. } | FileSystem::Unknown { .. } => {}
        // Refused earlier.
        FileSystem::Renumbers { .. } => {}
        FileSystem::Local(Overwrites::InPlace) => {}
        FileSystem::Local(_) if relaxed.copy_on_write => {}
        FileSystem::Local(overwrites) => {
            make_sure(&disk, layout, overwrites, is_reserved, is_first)?;
        }
    }
    Ok(disk)
}

fn make_sure(
    disk: &MappedDisk,
    layout: &Layout,
    overwrites: Overwrites,
    is_reserved: bool,
    is_first: bool,
) -> Result<(), OpenError> {
    let refuse = |why| Err(OpenError::CopyOnWrite { why });
    let look = || Facts::of(&disk.file, is_reserved);
    let mut found = verdict(overwrites, look());
    if found == Verdict::Unshare {
        disk.map
            .fault_in_everything()
            .map_err(|error| OpenError::io("get blocks of the file's own", error))?;
        sync(disk)?;
        found = verdict(overwrites, look());
    }
    match found {
        Verdict::Ready => Ok(()),
        Verdict::Unshare => refuse(SHARED),
        // The first opener has tried it.
        Verdict::Try if !is_first => Ok(()),
        Verdict::Try => match stays_in_place(disk, layout)? {
            Some(true) => Ok(()),
            Some(false) => refuse(ELSEWHERE),
            None => refuse(UNTOLD),
        },
        Verdict::Refuse(why) => refuse(why),
    }
}

/// Returns whether a page stays in place when it is written unchanged. Only for a process that is alone with the file.
fn stays_in_place(disk: &MappedDisk, layout: &Layout) -> Result<Option<bool>, OpenError> {
    let at = layout.extent(Kind::Volatile).offset as u64;
    let mut page = [0; ALIGN as usize];
    let place = || {
        extents(&disk.file, at, ALIGN)
            .ok()
            .and_then(|found| found.first().map(|extent| extent.physical_of(at)))
            .flatten()
    };
    sync(disk)?;
    let before = place();
    disk.file
        .read_exact_at(&mut page, at)
        .and_then(|()| disk.file.write_all_at(&page, at))
        .map_err(|error| OpenError::io("write the file", error))?;
    sync(disk)?;
    let after = place();
    Ok(before.and_then(|before| after.map(|after| before == after)))
}

fn sync(disk: &MappedDisk) -> Result<(), OpenError> {
    poison::unless_ok(disk, disk.file.sync_data()).map_err(|error| OpenError::sync(&error))
}

impl Facts {
    fn of(file: &File, is_reserved: bool) -> Self {
        let is_marked = flags(file).is_ok_and(|flags| flags & NO_COPY_ON_WRITE != 0);
        Self {
            is_reserved,
            is_marked,
            keeps_marks: is_marked && release().is_some_and(|release| release >= KEEPS_MARKS_SINCE),
            has_quota: is_marked && has_quota(file, Path::new("/sys/fs/btrfs")),
            blocks: match extents(file, 0, u64::MAX) {
                Ok(found) if found.iter().any(Extent::is_shared) => Blocks::Shared,
                Ok(_) => Blocks::Own,
                Err(_) => Blocks::Untold,
            },
        }
    }
}

/// Returns the version of the kernel.
fn release() -> Option<(u32, u32)> {
    release_of(nix::sys::utsname::uname().ok()?.release().to_str()?)
}

fn release_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

/// Returns whether some quota of the file's Btrfs has a limit, or whether this cannot be determined.
fn has_quota(file: &File, all: &Path) -> bool {
    let Ok(name) = btrfs_name(file) else {
        return true;
    };
    has_limit(&all.join(name))
}

fn has_limit(btrfs: &Path) -> bool {
    match std::fs::read_dir(btrfs.join("qgroups")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => !btrfs.is_dir(),
        Err(_) => true,
        Ok(mut groups) => groups.any(|group| {
            let Ok(group) = group.map(|group| group.path()) else {
                return true;
            };
            let is_unlimited = || {
                let flags = std::fs::read_to_string(group.join("limit_flags"));
                flags.is_ok_and(|flags| matches!(flags.trim(), "0" | "0x0"))
            };
            group.is_dir() && !is_unlimited()
        }),
    }
}

/// One run of blocks, as FS_IOC_FIEMAP reports it.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Extent {
    logical: u64,
    physical: u64,
    len: u64,
    reserved: [u64; 2],
    flags: u32,
    more_reserved: [u32; 3],
}

const LAST: u32 = 0x1;
/// The place is unknown (UNKNOWN), not yet chosen (DELALLOC), or shared with other files (INLINE, TAIL).
const NO_PLACE: u32 = 0x2 | 0x4 | 0x200 | 0x400;
const IS_SHARED: u32 = 0x2000;
const EXTENTS_AT_ONCE: usize = 64;

impl Extent {
    fn is_shared(&self) -> bool {
        self.flags & IS_SHARED != 0
    }

    /// Returns where on the disk a byte of the file is.
    fn physical_of(&self, at: u64) -> Option<u64> {
        let offset = at.checked_sub(self.logical).filter(|&it| it < self.len)?;
        (self.flags & NO_PLACE == 0).then(|| self.physical.wrapping_add(offset))
    }
}

/// `struct fiemap`, with room for extents after it.
#[repr(C)]
struct Fiemap {
    start: u64,
    len: u64,
    flags: u32,
    mapped: u32,
    count: u32,
    reserved: u32,
    extents: [Extent; EXTENTS_AT_ONCE],
}

const FIEMAP_HEAD_BYTES: usize = 32;
const _: () = assert!(size_of::<Extent>() == 56);
const _: () = assert!(std::mem::offset_of!(Fiemap, extents) == FIEMAP_HEAD_BYTES);

/// Returns the runs of blocks that contain these bytes.
fn extents(file: &File, mut from: u64, len: u64) -> io::Result<Vec<Extent>> {
    let end = from.saturating_add(len);
    let mut found = Vec::new();
    while from < end {
        let mut map = Fiemap {
            start: from,
            len: end - from,
            flags: 0,
            mapped: 0,
            count: EXTENTS_AT_ONCE as u32,
            reserved: 0,
            extents: [Extent::default(); EXTENTS_AT_ONCE],
        };
        let request = nix::request_code_readwrite!(b'f', 11, FIEMAP_HEAD_BYTES);
        // SAFETY: ioctl(FS_IOC_FIEMAP):
        // - the descriptor is that of `file`, which is borrowed;
        // - the argument is a `struct fiemap` with room for `count` extents behind it: `repr(C)`, sizes and
        //   offsets asserted above; the kernel writes no more extents than `count`;
        // - alive and exclusive: a local variable, and the call keeps no pointer;
        // - every pattern of bits is a value of its integers.
        let answer = unsafe { libc::ioctl(file.as_raw_fd(), request, &raw mut map) };
        Errno::result(answer)?;
        let told = &map.extents[..EXTENTS_AT_ONCE.min(map.mapped as usize)];
        found.extend_from_slice(told);
        match told.last() {
            Some(last) if last.flags & LAST == 0 && last.logical + last.len > from => {
                from = last.logical + last.len;
            }
            _ => break,
        }
    }
    Ok(found)
}

fn flags(file: &File) -> io::Result<libc::c_int> {
    let mut flags = 0;
    // SAFETY: ioctl(FS_IOC_GETFLAGS): the descriptor is that of `file`, which is borrowed; the kernel writes an
    // `int`, whatever the number of the call says, into a local variable that is one, and keeps no pointer.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) };
    Errno::result(answer)?;
    Ok(flags)
}

fn set_flags(file: &File, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: ioctl(FS_IOC_SETFLAGS): as for `flags`, and the kernel reads the `int`.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags) };
    Errno::result(answer)?;
    Ok(())
}

/// Returns the name of the file's Btrfs in sysfs: its UUID.
fn btrfs_name(file: &File) -> io::Result<String> {
    const INFO_BYTES: usize = 1024;
    const UUID_AT: usize = 16;
    let mut info = [0u8; INFO_BYTES];
    let request = nix::request_code_read!(0x94, 31, INFO_BYTES);
    // SAFETY: ioctl(BTRFS_IOC_FS_INFO): the descriptor is that of `file`, which is borrowed; the kernel writes
    // the 1024 bytes that the number of the call names, into a local array of so many bytes, and keeps no
    // pointer.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), request, info.as_mut_ptr()) };
    Errno::result(answer)?;
    let digits: String = (UUID_AT..UUID_AT + 16)
        .map(|at| format!("{:02x}", info[at]))
        .collect();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    Ok(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::file::system::tests::Scratch;

    /// Every row: each kind of file system with each possible result.
    #[test]
    fn every_row_of_the_decision() {
        let sound = Facts {
            is_reserved: true,
            is_marked: true,
            keeps_marks: true,
            has_quota: false,
            blocks: Blocks::Own,
        };
        let kinds = [
            Overwrites::InPlace,
            Overwrites::UnlessShared,
            Overwrites::IfMarked,
            Overwrites::Elsewhere,
            Overwrites::AsBelow,
        ];
        let mut rows = 0;
        for overwrites in kinds {
            for bits in 0..16 {
                let is = |bit: u32| bits >> bit & 1 == 1;
                for blocks in [Blocks::Own, Blocks::Shared, Blocks::Untold] {
                    let facts = Facts {
                        is_reserved: is(0),
                        is_marked: is(1),
                        keeps_marks: is(2),
                        has_quota: is(3),
                        blocks,
                    };
                    let marked = facts.is_marked && facts.keeps_marks && !facts.has_quota;
                    // Stated once more, from the other side: what each kind needs.
                    let may_stay = match overwrites {
                        Overwrites::InPlace => true,
                        Overwrites::UnlessShared => facts.is_reserved,
                        Overwrites::IfMarked => marked,
                        Overwrites::Elsewhere => false,
                        Overwrites::AsBelow => !facts.is_marked,
                    };
                    let found = verdict(overwrites, facts);
                    let row = format!("{overwrites:?} {facts:?}");
                    rows += 1;
                    if overwrites == Overwrites::InPlace {
                        assert_eq!(found, Verdict::Ready, "{row}");
                    } else if !may_stay || blocks == Blocks::Untold {
                        assert!(matches!(found, Verdict::Refuse(_)), "{row}: {found:?}");
                    } else if blocks == Blocks::Shared {
                        assert_eq!(found, Verdict::Unshare, "{row}");
                    } else if overwrites == Overwrites::AsBelow {
                        assert_eq!(found, Verdict::Try, "{row}");
                    } else {
                        assert_eq!(found, Verdict::Ready, "{row}");
                    }
                }
            }
        }
        assert_eq!(rows, 240);
        // Each reason is given where it applies.
        for (overwrites, facts, why) in [
            (Overwrites::Elsewhere, sound, ELSEWHERE),
            (
                Overwrites::UnlessShared,
                Facts {
                    is_reserved: false,
                    ..sound
                },
                ELSEWHERE,
            ),
            (
                Overwrites::IfMarked,
                Facts {
                    is_marked: false,
                    keeps_marks: false,
                    ..sound
                },
                UNMARKED,
            ),
            (
                Overwrites::IfMarked,
                Facts {
                    keeps_marks: false,
                    ..sound
                },
                OLD_KERNEL,
            ),
            (
                Overwrites::IfMarked,
                Facts {
                    has_quota: true,
                    ..sound
                },
                QUOTA,
            ),
            (Overwrites::AsBelow, sound, QUOTA),
            (
                Overwrites::UnlessShared,
                Facts {
                    blocks: Blocks::Untold,
                    ..sound
                },
                UNTOLD,
            ),
        ] {
            assert_eq!(verdict(overwrites, facts), Verdict::Refuse(why));
        }
    }

    #[test]
    fn releases_are_compared_by_number() {
        assert_eq!(release_of("6.17.0-rc3+"), Some((6, 17)));
        assert_eq!(release_of("5.14.0-427.el9.x86_64"), Some((5, 14)));
        assert_eq!(release_of("10.2"), Some((10, 2)));
        assert_eq!(release_of("unknown"), None);
        assert!(release_of("6.9.1").unwrap() < KEEPS_MARKS_SINCE);
        assert!(release().is_some());
    }

    /// A quota without a limit does not count. One that cannot be read may have a limit.
    #[test]
    fn a_quota_counts_if_it_has_a_limit() {
        let scratch = Scratch::new("quota");
        let btrfs = scratch.path("uuid");
        let group = |name: &str, flags: &str| {
            let group = btrfs.join("qgroups").join(name);
            std::fs::create_dir_all(&group).unwrap();
            std::fs::write(group.join("limit_flags"), flags).unwrap();
        };
        assert!(has_limit(&btrfs), "nothing is told");
        std::fs::create_dir(&btrfs).unwrap();
        assert!(!has_limit(&btrfs), "no quotas");
        group("0_5", "0\n");
        std::fs::write(btrfs.join("qgroups/enabled"), "1\n").unwrap();
        assert!(!has_limit(&btrfs), "no limits");
        group("0_256", "0x1\n");
        assert!(has_limit(&btrfs));
        assert!(
            has_quota(&File::open(&btrfs).unwrap(), Path::new("/")),
            "no Btrfs"
        );
    }

    /// A byte has a place only if the system reports it.
    #[test]
    fn a_place_is_told_or_not() {
        let extent = Extent {
            logical: 4096,
            physical: 1 << 20,
            len: 8192,
            ..Extent::default()
        };
        assert_eq!(extent.physical_of(8192), Some((1 << 20) + 4096));
        assert_eq!(extent.physical_of(0), None);
        assert_eq!(extent.physical_of(12_288), None);
        let unknown = Extent { flags: 2, ..extent };
        assert_eq!(unknown.physical_of(8192), None);
    }
}
