//! What a copy does not inherit, by which a file is distinguished from a copy of it, and from an older version of
//! itself.
//!
//! | what | says | what does not inherit it |
//! |---|---|---|
//! | inode | which file it is | a new file; but a number is reused when its file is gone |
//! | time of birth | which file it is | a new file, even with the same number |
//! | witness | how many states were ever written to it | older contents that are written into it |
//!
//! The witness is an extended attribute with the sequence number of the newest state. It is written after that state is
//! on the disk, so it is never ahead of a file that was not tampered with, and at most one behind.
//!
//! What is not available (on file systems without a time of birth or without attributes) says nothing.

use super::system;
use crate::open_error::OpenError;
use nix::errno::Errno;
use nix::libc;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

/// The name of the attribute.
const NAME: &CStr = c"user.hostbits";

/// The identity of a file, as it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) inode: u64,
    /// The time of birth in nanoseconds since 1970; 0 if the file system does not know it.
    pub(crate) born_ns: u64,
    pub(crate) witness: Witness,
}

/// How many states were written, according to the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Witness {
    /// There is no attribute.
    None,
    /// The sequence number of the newest state.
    Seq(u64),
    /// The attribute was not written by hostbits.
    Strange,
}

impl Identity {
    pub(crate) fn of(file: &File) -> Result<Self, OpenError> {
        let metadata = system::metadata(file)?;
        let born = metadata.created().ok();
        let since = born.and_then(|born| born.duration_since(SystemTime::UNIX_EPOCH).ok());
        Ok(Self {
            inode: metadata.ino(),
            born_ns: since.map_or(0, |since| since.as_nanos() as u64),
            witness: Witness::of(file)
                .map_err(|error| OpenError::io("read an attribute of the file", error))?,
        })
    }
}

impl Witness {
    /// Reads the attribute. If the system cannot tell, this is an error, because it means neither a witness nor its
    /// absence.
    fn of(file: &File) -> io::Result<Self> {
        let mut value = [0; size_of::<u64>()];
        // SAFETY: fgetxattr:
        // - the descriptor is open: `file` is borrowed;
        // - the name ends with a zero: it is a `CStr`;
        // - the value has room for as many bytes as we say, and nothing else refers to it.
        let len = unsafe {
            libc::fgetxattr(
                file.as_raw_fd(),
                NAME.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        match Errno::result(len) {
            Ok(len) if len as usize == value.len() => Ok(Self::Seq(u64::from_le_bytes(value))),
            // The value has another length.
            Ok(_) | Err(Errno::ERANGE) => Ok(Self::Strange),
            // There is none, it is not supported, or it is not accessible: the process that wrote the state found the
            // same.
            Err(
                Errno::ENODATA | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EPERM | Errno::EACCES,
            ) => Ok(Self::None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the attribute.
    pub(super) fn write(file: &File, seq: u64) -> io::Result<()> {
        let value = seq.to_le_bytes();
        // SAFETY: fsetxattr:
        // - descriptor and name: as in `of`;
        // - the value has as many bytes as we say, and is only read.
        let written = unsafe {
            libc::fsetxattr(
                file.as_raw_fd(),
                NAME.as_ptr(),
                value.as_ptr().cast(),
                value.len(),
                0,
            )
        };
        Errno::result(written)?;
        Ok(())
    }

    /// Writes the attribute; returns `false` if there is none, and cannot be one.
    pub(super) fn write_if_any(file: &File, seq: u64) -> io::Result<bool> {
        match Self::write(file, seq) {
            Ok(()) => Ok(true),
            Err(_) if matches!(Self::of(file), Ok(Self::None)) => Ok(false),
            // A witness that stays behind would make the file look like a copy at the next open but one.
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::file::system::tests::Scratch;

    /// What is written is read back, a strange value is recognized, and a new file has none.
    #[test]
    fn a_witness_is_of_its_file() {
        let scratch = Scratch::new("witness");
        let path = scratch.path("file");
        let make = || File::create_new(&path).unwrap();
        let file = make();
        let first = Identity::of(&file).unwrap();
        assert_eq!(first.witness, Witness::None);
        if Witness::write(&file, 7).is_err() {
            return; // A file system without attributes.
        }
        assert!(Witness::write_if_any(&file, 8).unwrap());
        assert_eq!(Identity::of(&file).unwrap().witness, Witness::Seq(8));
        // If it is overwritten, it keeps its witness; if it is created anew, it has none, even with the same number.
        std::fs::write(&path, "other").unwrap();
        assert_eq!(Identity::of(&file).unwrap().witness, Witness::Seq(8));
        drop(file);
        std::fs::remove_file(&path).unwrap();
        let second = Identity::of(&make()).unwrap();
        assert_eq!(second.witness, Witness::None);
        if first.born_ns != 0 {
            assert_ne!((first.inode, first.born_ns), (second.inode, second.born_ns));
        }
    }
}
