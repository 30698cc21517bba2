//! A table of the known file systems: whether other machines share them, and where they write overwritten data.
//!
//! A file system that is not in the table is not assumed to be local. There are two questions. Does it share memory and
//! locks with everything that may use the file? And can a store to an existing byte need space on the disk? If it can,
//! a full disk raises a signal in the middle of an allocation; see `ground`.

use super::system::RelaxedChecks;
use crate::durability::Durability;
use crate::open_error::OpenError;
use nix::sys::statfs::fstatfs;
use std::fs::File;

/// The kind of file system that a file is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// Used by this machine alone, on a disk.
    Local(Overwrites),
    /// In memory: it is gone with the machine, so a file that exists was written since the machine started.
    InMemory,
    /// Other machines may use it, too, or a sync has no effect there.
    Remote {
        magic: u32,
    },
    Unknown {
        magic: u32,
    },
    /// Inode numbers change, so each pool file would be taken for a copy.
    Renumbers {
        magic: u32,
    },
}

/// What a store to an existing byte needs on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrites {
    /// Nothing.
    InPlace,
    /// Nothing, unless the block is shared with a copy.
    UnlessShared,
    /// Nothing, if the file is marked accordingly and its blocks are not shared.
    IfMarked,
    /// A new block.
    Elsewhere,
    /// Whatever the file system below it needs.
    AsBelow,
}

/// A row of the table.
#[derive(Clone, Copy)]
enum Is {
    On(Overwrites),
    Memory,
    Shared,
    Renumbering,
}

use Is::{Memory, On, Renumbering, Shared};
use Overwrites::{AsBelow, Elsewhere, IfMarked, InPlace, UnlessShared};

/// The known file systems, by the number that `statfs` reports, with their names in docs/design/file-format.md.
#[rustfmt::skip]
const KNOWN: [(u32, &str, Is); 51] = [
    (0x0000_ef53, "ext4", On(InPlace)),
    (0x0000_ef51, "ext2", On(InPlace)),
    (0xf2f5_2010, "F2FS", On(InPlace)),
    (0x3153_464a, "JFS", On(InPlace)),
    (0x5265_4973, "ReiserFS", On(InPlace)),
    (0x7366_746e, "NTFS", On(InPlace)),
    (0x0000_4244, "HFS", On(InPlace)),
    (0x0000_482b, "HFS+", On(InPlace)),
    (0x0001_1954, "UFS", On(InPlace)),
    (0x1501_3346, "UDF", On(InPlace)),
    (0x5846_5342, "XFS", On(UnlessShared)),
    (0x9123_683e, "Btrfs", On(IfMarked)),
    (0xca45_1a4e, "bcachefs", On(Elsewhere)),
    (0x2fc1_2fc1, "ZFS", On(Elsewhere)),
    (0x0000_3434, "NILFS2", On(Elsewhere)),
    (0x2405_1905, "UBIFS", On(Elsewhere)),
    (0x0000_72b6, "JFFS2", On(Elsewhere)),
    (0x794c_7630, "overlayfs", On(AsBelow)),
    (0x6175_6673, "aufs", On(AsBelow)),
    (0x0000_f15f, "eCryptfs", On(AsBelow)),
    (0x0102_1994, "tmpfs", Memory),
    (0x8584_58f6, "ramfs", Memory),
    // Inode numbers are invented at lookup, and there are no attributes.
    (0x0000_4d44, "FAT", Renumbering),
    (0x2011_bab0, "exFAT", Renumbering),
    // A sync has no effect there.
    (0x9584_58f6, "hugetlbfs", Shared),
    (0x0000_6969, "NFS", Shared),
    (0x0000_517b, "SMB", Shared),
    (0xfe53_4d42, "SMB2", Shared),
    (0xff53_4d42, "CIFS", Shared),
    (0x0000_564c, "NCP", Shared),
    (0x5346_414f, "AFS", Shared),
    (0x6b41_4653, "kAFS", Shared),
    (0x7375_7245, "Coda", Shared),
    (0x0102_1997, "9p", Shared),
    // GlusterFS, MooseFS, JuiceFS, sshfs, virtiofs: the backend is unknown.
    (0x6573_5546, "FUSE", Shared),
    (0x00c3_6400, "Ceph", Shared),
    (0x0bd0_0bd0, "Lustre", Shared),
    (0x4750_4653, "GPFS", Shared),
    (0x1983_0326, "BeeGFS", Shared),
    (0x2003_0528, "OrangeFS", Shared),
    (0x0116_1970, "GFS2", Shared),
    (0x7461_636f, "OCFS2", Shared),
    (0x6163_6673, "ACFS", Shared),
    (0xaad7_aaea, "PanFS", Shared),
    (0x1803_1977, "WekaFS", Shared),
    (0x0131_11a8, "Ibrix", Shared),
    (0xbeef_dead, "StorNext", Shared),
    (0x786f_4256, "VirtualBox shared folders", Shared),
    (0xbacb_acbc, "VMware shared folders", Shared),
    (0x7c7c_6673, "Parallels shared folders", Shared),
    (0x00c0_ffee, "hostfs", Shared),
];

impl FileSystem {
    pub(crate) fn of(file: &File) -> Result<Self, OpenError> {
        let stat = fstatfs(file)
            .map_err(|error| OpenError::io("look at the file system", error.into()))?;
        // Some are sign-extended, depending on the platform: the low half is the number.
        Ok(Self::of_magic(stat.filesystem_type().0 as u32))
    }

    fn of_magic(magic: u32) -> Self {
        match KNOWN.iter().find(|known| known.0 == magic) {
            Some((.., On(overwrites))) => Self::Local(*overwrites),
            Some((.., Memory)) => Self::InMemory,
            Some((.., Shared)) => Self::Remote { magic },
            Some((.., Renumbering)) => Self::Renumbers { magic },
            None => Self::Unknown { magic },
        }
    }

    /// Checks that a pool of this durability can be stored here.
    pub(crate) fn check(
        self,
        durability: Durability,
        relaxed: RelaxedChecks,
    ) -> Result<(), OpenError> {
        let refused = |magic: u32| u64::from(magic);
        match self {
            Self::Remote { magic } if !relaxed.remote => Err(OpenError::RemoteFileSystem {
                magic: refused(magic),
            }),
            Self::Unknown { magic } if !relaxed.remote => Err(OpenError::UnknownFileSystem {
                magic: refused(magic),
            }),
            Self::Renumbers { magic } => Err(OpenError::RenumberingFileSystem {
                magic: refused(magic),
            }),
            Self::InMemory if durability.outlives_the_machine() => {
                Err(OpenError::NotDurable { durability })
            }
            Self::Local(_) | Self::InMemory | Self::Remote { .. } | Self::Unknown { .. } => Ok(()),
        }
    }

    /// Returns whether files are gone when the machine goes down, so that an existing one was written since it started.
    pub(crate) fn forgets(self) -> bool {
        self == Self::InMemory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const STRICT: RelaxedChecks = RelaxedChecks {
        owner: false,
        mode: false,
        links: false,
        remote: false,
        copy_on_write: false,
    };
    const LAX: RelaxedChecks = RelaxedChecks {
        remote: true,
        ..STRICT
    };

    /// GPFS, BeeGFS and OrangeFS used to count as local, and so did every unknown file system.
    #[test]
    fn what_is_shared_or_unknown_is_refused() {
        let check =
            |magic, relaxed| FileSystem::of_magic(magic).check(Durability::Process, relaxed);
        let shared = [
            0x6969,
            0x4750_4653,
            0x1983_0326,
            0x2003_0528,
            0xff53_4d42,
            0x6573_5546,
        ];
        for magic in shared {
            let refused = check(magic, STRICT);
            assert!(
                matches!(refused, Err(OpenError::RemoteFileSystem { magic: told }) if told == u64::from(magic)),
                "{magic:#x}: {refused:?}"
            );
            assert!(check(magic, LAX).is_ok(), "{magic:#x}");
        }
        let refused = check(0x1234_5678, STRICT);
        assert!(
            matches!(
                refused,
                Err(OpenError::UnknownFileSystem { magic: 0x1234_5678 })
            ),
            "{refused:?}"
        );
        assert!(check(0x1234_5678, LAX).is_ok());
    }

    /// These used to count as local. After each remount, all free addresses were quarantined, as in a copy.
    #[test]
    fn those_that_number_files_anew_are_refused_whatever_is_allowed() {
        for magic in [0x4d44, 0x2011_bab0] {
            for relaxed in [STRICT, LAX] {
                let refused = FileSystem::of_magic(magic).check(Durability::Process, relaxed);
                assert!(
                    matches!(refused, Err(OpenError::RenumberingFileSystem { magic: told }) if told == u64::from(magic)),
                    "{magic:#x}: {refused:?}"
                );
            }
        }
    }

    #[test]
    fn those_in_memory_promise_little() {
        let check = |magic, durability| FileSystem::of_magic(magic).check(durability, LAX);
        assert!(check(0xef53, Durability::Strict).is_ok(), "ext4");
        assert!(check(0x0102_1994, Durability::Process).is_ok());
        for durability in [Durability::Barrier, Durability::Strict] {
            assert!(matches!(
                check(0x0102_1994, durability),
                Err(OpenError::NotDurable { .. })
            ));
        }
    }

    /// Each number and each name occurs once, and the page about the file format lists each under its kind.
    #[test]
    fn the_documentation_has_this_table() {
        let numbers: BTreeSet<_> = KNOWN.iter().map(|known| known.0).collect();
        let names: BTreeSet<_> = KNOWN.iter().map(|known| known.1).collect();
        assert_eq!((numbers.len(), names.len()), (KNOWN.len(), KNOWN.len()));
        let docs = include_str!("../../../docs/design/file-format.md");
        for (heading, expected) in [
            ("| in place |", On(InPlace)),
            ("| in place, unless shared |", On(UnlessShared)),
            ("| in place, if marked and not shared |", On(IfMarked)),
            ("| elsewhere |", On(Elsewhere)),
            ("| as the one below |", On(AsBelow)),
            ("| in memory |", Memory),
            ("| renumbering |", Renumbering),
            ("| shared |", Shared),
        ] {
            let line = docs.lines().find(|line| line.starts_with(heading));
            let told = line.unwrap_or_else(|| panic!("no line {heading}"));
            let told = told.split('|').nth(2).unwrap().split(',').map(str::trim);
            let told: BTreeSet<_> = told.collect();
            let is_expected = |is: Is| match (is, expected) {
                (On(a), On(b)) => a == b,
                (a, b) => std::mem::discriminant(&a) == std::mem::discriminant(&b),
            };
            let known = KNOWN.iter().filter(|known| is_expected(known.2));
            assert_eq!(told, known.map(|known| known.1).collect(), "{heading}");
        }
    }
}
