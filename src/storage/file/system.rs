//! Wrappers of system calls, one small function each.

use crate::open_error::OpenError;
use crate::storage::fork::OwnFile;
use nix::fcntl::{AT_FDCWD, AtFlags, FallocateFlags, OFlag, RenameFlags, fallocate, renameat2};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{Uid, linkat};
use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Where the system lists descriptors by name, if `/proc` is there.
const DESCRIPTORS: &str = "/proc/self/fd";

/// The permission bits that let group or others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The checks that the caller may relax.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RelaxedChecks {
    pub(crate) owner: bool,
    pub(crate) mode: bool,
    pub(crate) links: bool,
    pub(crate) remote: bool,
    pub(crate) copy_on_write: bool,
}

/// Opens a pool file for reading and writing.
///
/// Always both: on an overlay file system, a read-only descriptor may refer to another file.
pub(crate) fn open(path: &Path) -> Result<OwnFile, OpenError> {
    open_regular(path, File::options().read(true).write(true))
}

/// Opens a pool file for inspection.
pub(crate) fn open_to_read(path: &Path) -> Result<OwnFile, OpenError> {
    open_regular(path, File::options().read(true))
}

fn open_regular(path: &Path, options: &mut OpenOptions) -> Result<OwnFile, OpenError> {
    // Non-blocking: if it is a pipe, this is reported as an error.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    options.custom_flags(flags.bits());
    let opened = beyond_standard_streams(|| options.open(path));
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OpenError::NotFound,
        io::ErrorKind::IsADirectory => OpenError::NotRegularFile,
        _ if error.raw_os_error() == Some(nix::libc::ELOOP) => OpenError::Symlink,
        _ if error.raw_os_error() == Some(nix::libc::ENXIO) => OpenError::NotRegularFile,
        _ => OpenError::io("open the file", error),
    })?;
    if !metadata(&file)?.file_type().is_file() {
        return Err(OpenError::NotRegularFile);
    }
    Ok(file)
}

/// Opens something with a descriptor that is not one of the standard streams; otherwise, a stray print would go to the
/// pool.
fn beyond_standard_streams(mut open: impl FnMut() -> io::Result<File>) -> io::Result<OwnFile> {
    let mut in_the_way = Vec::new();
    OwnFile::open(|| {
        loop {
            let file = open()?;
            if file.as_raw_fd() > 2 {
                return Ok(file);
            }
            in_the_way.push(file);
        }
    })
}

pub(crate) fn metadata(file: &File) -> Result<Metadata, OpenError> {
    file.metadata()
        .map_err(|error| OpenError::io("look at the file", error))
}

/// Returns whether the path still names this very file.
pub(crate) fn is_still_at(path: &Path, metadata: &Metadata) -> bool {
    std::fs::symlink_metadata(path)
        .is_ok_and(|named| (named.dev(), named.ino()) == (metadata.dev(), metadata.ino()))
}

/// Checks that no other user may change the file.
pub(crate) fn check_owner(metadata: &Metadata, relaxed: RelaxedChecks) -> Result<(), OpenError> {
    let (uid, us) = (metadata.uid(), Uid::effective().as_raw());
    if !relaxed.owner && uid != us && uid != 0 {
        return Err(OpenError::WrongOwner { uid });
    }
    let mode = metadata.mode() & 0o7777;
    if !relaxed.mode && mode & WRITABLE_BY_OTHERS != 0 {
        return Err(OpenError::InsecureMode { mode });
    }
    let links = metadata.nlink();
    if !relaxed.links && links != 1 {
        return Err(OpenError::HardLinked { links });
    }
    Ok(())
}

/// A new file without a name, or with a temporary one where the file system does not support that.
pub(crate) struct Unpublished {
    pub(crate) file: Arc<OwnFile>,
    temporary: Option<PathBuf>,
}

impl Unpublished {
    pub(crate) fn new(path: &Path) -> Result<Self, OpenError> {
        // Without it, an unnamed file cannot get a name.
        if !Path::new(DESCRIPTORS).exists() {
            return Self::named(path);
        }
        let unnamed = beyond_standard_streams(|| {
            File::options()
                .read(true)
                .write(true)
                .mode(0o600)
                .custom_flags(OFlag::O_TMPFILE.bits())
                .open(directory_of(path))
        });
        match unnamed {
            Ok(file) => Ok(Self {
                file: Arc::new(file),
                temporary: None,
            }),
            Err(error) if is_unsupported(&error) || error.kind() == io::ErrorKind::IsADirectory => {
                Self::named(path)
            }
            Err(error) => Err(OpenError::io("create a file in that directory", error)),
        }
    }

    fn named(path: &Path) -> Result<Self, OpenError> {
        let uuid = random_uuid()?.map(|byte| format!("{byte:02x}")).concat();
        let temporary = directory_of(path).join(format!(".hostbits.{uuid}.tmp"));
        let file = beyond_standard_streams(|| {
            // A descriptor among the standard streams is opened twice: the second time, the file exists.
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlag::O_NOFOLLOW.bits())
                .open(&temporary)
        })
        .map_err(|error| OpenError::io("create a file", error))?;
        Ok(Self {
            file: Arc::new(file),
            temporary: Some(temporary),
        })
    }

    /// Gives the file its name, unless that file exists.
    pub(crate) fn publish(mut self, path: &Path) -> Result<Arc<OwnFile>, OpenError> {
        let published = match self.temporary.take() {
            None => link_unnamed(&self.file, path),
            Some(temporary) => {
                let renamed = rename_noreplace(&temporary, path);
                if renamed.is_err() {
                    let _ = std::fs::remove_file(&temporary);
                }
                renamed
            }
        };
        match published {
            Ok(()) => Ok(Arc::clone(&self.file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(OpenError::AlreadyExists)
            }
            Err(error) => Err(OpenError::io("name the file", error)),
        }
    }
}

impl Unpublished {
    /// Gives the file the name of another one, which loses it: at every instant, the name refers to one of the two.
    /// Only for a caller that keeps all others from doing the same.
    pub(crate) fn replace(mut self, path: &Path) -> Result<Arc<OwnFile>, OpenError> {
        let failed = |error| OpenError::io("rename the file into place", error);
        if self.temporary.is_none() {
            // Always the same name, so that one that a dead process has left behind does not stay for long.
            let temporary = self.name_for_growth(path)?;
            let _ = std::fs::remove_file(&temporary);
            link_unnamed(&self.file, &temporary).map_err(failed)?;
            self.temporary = Some(temporary);
        }
        if let Some(temporary) = &self.temporary {
            std::fs::rename(temporary, path).map_err(failed)?;
            self.temporary = None;
        }
        Ok(Arc::clone(&self.file))
    }
}

impl Unpublished {
    /// Returns the file's name with a suffix or, if that may be too long, a name made from its inode number. A process
    /// that grows the file holds its lock, so no other one uses either name.
    fn name_for_growth(&self, path: &Path) -> Result<PathBuf, OpenError> {
        const LONGEST: usize = 128;
        if path.file_name().is_none_or(|name| name.len() <= LONGEST) {
            return Ok(sibling(path, "grown"));
        }
        let old = std::fs::symlink_metadata(path)
            .map_err(|error| OpenError::io("look at the file", error))?;
        let name = format!(".hostbits.{:x}.grown.tmp", old.ino());
        Ok(directory_of(path).join(name))
    }
}

/// Returns a temporary name beside `path`.
fn sibling(path: &Path, what: &str) -> PathBuf {
    let mut bytes = b".".to_vec();
    bytes.extend(path.file_name().unwrap_or_default().as_bytes());
    bytes.extend(format!(".{what}.tmp").as_bytes());
    directory_of(path).join(OsStr::from_bytes(&bytes))
}

/// Gives the same users access to a new file as to the one that it replaces.
pub(crate) fn keep_access(old: &File, new: &File) -> Result<(), OpenError> {
    let (was, is) = (metadata(old)?, metadata(new)?);
    if (was.uid(), was.gid()) != (is.uid(), is.gid()) {
        std::os::unix::fs::fchown(new, Some(was.uid()), Some(was.gid()))
            .map_err(|error| OpenError::io("set the owner of the new file", error))?;
    }
    new.set_permissions(was.permissions())
        .map_err(|error| OpenError::io("set the permissions of the new file", error))
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nothing more can be done: its name shows that it is temporary.
            let _ = std::fs::remove_file(temporary);
        }
    }
}

fn link_unnamed(file: &File, path: &Path) -> io::Result<()> {
    let by_descriptor = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    linkat(
        AT_FDCWD,
        by_descriptor.as_str(),
        AT_FDCWD,
        path,
        AtFlags::AT_SYMLINK_FOLLOW,
    )?;
    Ok(())
}

fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        Ok(()) => Ok(()),
        Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOSYS) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks that this process may write such a long file. Beyond its limit, a write raises a signal (`SIGXFSZ`).
pub(crate) fn check_limit(len: u64) -> Result<(), OpenError> {
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE)
        .map_err(|error| OpenError::io("read the limits of the process", error.into()))?;
    if len > limit {
        let error = io::Error::from_raw_os_error(nix::libc::EFBIG);
        return Err(OpenError::io(
            "write such a long file (see `ulimit -f`)",
            error,
        ));
    }
    Ok(())
}

/// Reserves the blocks of the file. Returns `false` if that is not supported; writing them has the same effect.
pub(crate) fn reserve(file: &File, len: u64) -> io::Result<bool> {
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, len as i64) {
            Ok(()) => return Ok(true),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => {
                let error = error.into();
                return if is_unsupported(&error) {
                    Ok(false)
                } else {
                    Err(error)
                };
            }
        }
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(nix::libc::EOPNOTSUPP | nix::libc::ENOSYS | nix::libc::EINVAL)
    )
}

/// Makes the names in the directory of `path` durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Returns the identifier of the current boot; all zeros if the system does not report it.
pub(crate) fn boot_id() -> [u8; 16] {
    read_uuid("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

pub(crate) fn random_uuid() -> Result<[u8; 16], OpenError> {
    let random = || {
        use std::io::Read;
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        // Version 4, variant 1.
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Ok(bytes)
    };
    random().map_err(|error| OpenError::io("draw a random identifier", error))
}

fn read_uuid(path: &str) -> Option<[u8; 16]> {
    let text = std::fs::read_to_string(path).ok()?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    Some(u128::from_str_radix(&digits, 16).ok()?.to_be_bytes())
}

pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A directory that is removed after the test.
    pub(crate) struct Scratch(PathBuf);

    impl Scratch {
        pub(crate) fn new(name: &str) -> Self {
            let uuid = u128::from_be_bytes(random_uuid().unwrap());
            let path = std::env::temp_dir().join(format!("hostbits-{name}-{uuid:x}"));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        pub(crate) fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn boots_and_files_have_names() {
        assert_ne!(boot_id(), [0; 16]);
        assert_eq!(boot_id(), boot_id());
        assert_ne!(random_uuid().unwrap(), random_uuid().unwrap());
        assert_eq!(read_uuid("/proc/no such file"), None);
    }

    /// If a file is published second, the caller gets an error and nothing is left behind, with either method.
    #[test]
    fn publishing_never_replaces() {
        let scratch = Scratch::new("publish");
        let path = scratch.path("pool");
        for make in [Unpublished::new, Unpublished::named] {
            let (first, second) = (make(&path).unwrap(), make(&path).unwrap());
            first.publish(&path).unwrap();
            let refused = second.publish(&path);
            assert!(matches!(refused, Err(OpenError::AlreadyExists)));
            let names = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
            assert_eq!(names, 1);
            std::fs::remove_file(&path).unwrap();
        }
    }
}
