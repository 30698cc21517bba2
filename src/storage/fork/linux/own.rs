//! Files and mappings that belong to one process: a forked child gets their numbers, but not what they refer to.
//!
//! Locks belong to an open file description, which parent and child share, through the descriptor and through every
//! mapping. As long as the child had either, the locks of its parent would not be released when the parent dies. So
//! files and mappings are on a list. In a child, each listed descriptor is redirected to the end of a pipe that is
//! never written to, and each mapping to memory of the child's own, all zeros, in which nothing is free. Numbers and
//! addresses stay in use, so that dropping a copy of the file in the child does not release something else.
//!
//! ```text
//! begin:  no fork in progress? open or map; put it on the list; has a fork begun since? then begin again
//! drop:   release its locks; the pipe or zeros in its place; take it off the list; close or unmap it
//! child:  the pipe or zeros in place of everything on the list; the list is empty
//! ```
//!
//! So a child has no access to a file that has its first lock, whenever the child was forked. A child of a bare `clone`
//! has access until it ends or drops its copies.

use super::super::Side;
use super::handlers;
use memmap2::MmapRaw;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

const ENTRIES: usize = 64;
const NO_FD: RawFd = -1;

static LIST: Stretch = Stretch::new();
/// The end of the pipe.
static DECOY: AtomicI32 = AtomicI32::new(NO_FD);

/// A file that a forked child does not get.
pub(crate) struct OwnFile {
    file: File,
    side: Side,
    entry: &'static Entry,
}

/// A mapping that a forked child does not get.
pub(crate) struct OwnMap {
    raw: MmapRaw,
    entry: &'static Entry,
}

impl OwnFile {
    /// Opens a file with `open`, which is called again if a fork comes in between. It must not lock anything.
    pub(crate) fn open(mut open: impl FnMut() -> io::Result<File>) -> io::Result<Self> {
        handlers::install()?;
        decoy_or_new()?;
        between_forks(|| {
            let file = open()?;
            Ok(Self {
                entry: Entry::new(Thing::Descriptor(file.as_raw_fd())),
                side: Side::here(),
                file,
            })
        })
    }

    /// Returns whether this process has opened it. If not, results for the descriptor are not about the file.
    pub(crate) fn is_ours(&self) -> bool {
        Side::here() == self.side
    }

    fn thing(&self) -> Thing {
        Thing::Descriptor(self.file.as_raw_fd())
    }
}

impl OwnMap {
    /// Maps a file of ours with `map`, which is called again if a fork comes in between.
    pub(crate) fn map(
        file: &OwnFile,
        mut map: impl FnMut(&File) -> io::Result<MmapRaw>,
    ) -> io::Result<Self> {
        between_forks(|| {
            let raw = map(file)?;
            Ok(Self {
                entry: Entry::new(Thing::of_map(&raw)),
                raw,
            })
        })
    }
}

/// Calls `begin` and puts the result on the list, while no fork is in progress.
fn between_forks<T>(mut begin: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        if let Some(forks) = handlers::forks_if_over() {
            let begun = begin()?;
            if handlers::forks_begun() == forks {
                return Ok(begun);
            }
        }
        std::thread::yield_now();
    }
}

impl Deref for OwnFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Deref for OwnMap {
    type Target = MmapRaw;

    fn deref(&self) -> &MmapRaw {
        &self.raw
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        if self.is_ours() {
            give_up_locks(&self.file);
        }
        self.thing().leave(self.entry);
    }
}

impl Drop for OwnMap {
    fn drop(&mut self) {
        Thing::of_map(&self.raw).leave(self.entry);
    }
}

/// Releases every lock of a file. Closing its descriptor would be enough if there were no copies of it. But a thread
/// that starts a program has a child between fork and exec, for which no handler is called.
fn give_up_locks(file: &File) {
    let whole = libc::flock {
        l_type: libc::F_UNLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        // To the end, wherever that is.
        l_len: 0,
        l_pid: 0,
    };
    // If this fails, they end with the last copy.
    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&whole));
}

/// Something on the list.
#[derive(Clone, Copy)]
enum Thing {
    Descriptor(RawFd),
    /// A mapping, by address and length in bytes.
    Memory(usize, usize),
}

impl Thing {
    fn of_map(map: &MmapRaw) -> Self {
        Self::Memory(map.as_mut_ptr().expose_provenance(), map.len())
    }

    /// Returns it as two words, the first of which is not 0.
    fn to_words(self) -> (usize, usize) {
        match self {
            Self::Descriptor(fd) => (fd as usize + 1, 0),
            Self::Memory(address, len) => (address, len),
        }
    }

    fn of_words(first: usize, len: usize) -> Self {
        match len {
            0 => Self::Descriptor((first - 1) as RawFd),
            _ => Self::Memory(first, len),
        }
    }

    /// Gives it up as far as other processes are concerned: its owner closes or unmaps what stands in its place.
    fn leave(self, entry: &Entry) {
        // Before it is off the list: a child that is forked in between has nothing, either way.
        self.divert();
        // SeqCst: after that, and before the number or the address may be reused. Only if the entry is still ours: in a
        // child it is not, and may be in use by another one.
        let _ = entry.first.compare_exchange(
            self.to_words().0,
            Entry::FREE,
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
    }

    /// Puts the pipe, or zeros, in its place. Does only what is safe in a signal handler.
    fn divert(self) {
        match self {
            Self::Descriptor(fd) => divert_descriptor(fd),
            Self::Memory(address, len) => divert_memory(address, len),
        }
    }
}

fn divert_descriptor(fd: RawFd) {
    // Relaxed: there is no entry without it.
    let decoy = DECOY.load(Ordering::Relaxed);
    // SAFETY: libc::dup3:
    // - `decoy` stays open, and `fd` is a descriptor of an `OwnFile` that has not closed it: only that file uses the
    //   number afterwards, and finds a pipe behind it;
    // - it is safe in a signal handler.
    while unsafe { libc::dup3(decoy, fd, libc::O_CLOEXEC) } == -1 {
        if !matches!(Errno::last(), Errno::EINTR | Errno::EBUSY) {
            return;
        }
    }
}

fn divert_memory(address: usize, len: usize) {
    // SAFETY: libc::mmap, in the place of a mapping:
    // - the range is a mapping of an `OwnMap`, which has not unmapped it, from its first page on to the end of its
    //   last one: nothing else is there;
    // - what is borrowed of it is atomics, of which zeros are a value, and stays valid: it reads something else;
    // - it is a system call and no more, so it is safe in a signal handler.
    // If it fails, the memory is the file's, or gone; the kernel has no memory left then.
    unsafe {
        libc::mmap(
            ptr::with_exposed_provenance_mut(address),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
}

/// Called in a child: nothing on the list belongs to it. Does only what is safe in a signal handler.
pub(super) fn leave_all_behind() {
    let mut stretch = Some(&LIST);
    while let Some(current) = stretch {
        for entry in &current.entries {
            // Relaxed, both: there is one thread. What a child opens itself is not mistaken for its parent's.
            let first = entry.first.swap(Entry::FREE, Ordering::Relaxed);
            if !matches!(first, Entry::FREE | Entry::TAKEN) {
                Thing::of_words(first, entry.len.load(Ordering::Relaxed)).divert();
            }
        }
        stretch = current.next();
    }
}

/// An entry of the list.
struct Entry {
    first: AtomicUsize,
    len: AtomicUsize,
}

/// A segment of the list, which is never freed.
struct Stretch {
    entries: [Entry; ENTRIES],
    next: AtomicPtr<Stretch>,
}

impl Entry {
    const FREE: usize = 0;
    /// A thread is writing it, and checks for forks afterwards.
    const TAKEN: usize = usize::MAX;

    const fn free() -> Self {
        Self {
            first: AtomicUsize::new(Self::FREE),
            len: AtomicUsize::new(0),
        }
    }

    /// Puts something on the list.
    fn new(thing: Thing) -> &'static Self {
        let entry = Self::take();
        let (first, len) = thing.to_words();
        // Relaxed: the store below makes it count.
        entry.len.store(len, Ordering::Relaxed);
        // SeqCst: before the check whether a fork has begun; see `handlers::forks_begun`. Release, for the length.
        entry.first.store(first, Ordering::SeqCst);
        entry
    }

    fn take() -> &'static Self {
        let mut stretch = &LIST;
        loop {
            for entry in &stretch.entries {
                // Relaxed, both: only reserves the entry; its contents come later.
                let taken = entry.first.compare_exchange(
                    Self::FREE,
                    Self::TAKEN,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                if taken.is_ok() {
                    return entry;
                }
            }
            stretch = stretch.next_or_new();
        }
    }
}

impl Stretch {
    const fn new() -> Self {
        Self {
            entries: [const { Entry::free() }; ENTRIES],
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn next(&self) -> Option<&'static Self> {
        // Acquire: pairs with the Release of the thread that appended it.
        let next = self.next.load(Ordering::Acquire);
        // SAFETY: as_ref: null, or a box that was leaked before its address was stored here: valid, aligned,
        // initialised, alive for ever, and only ever shared.
        unsafe { next.as_ref() }
    }

    fn next_or_new(&self) -> &'static Self {
        if let Some(next) = self.next() {
            return next;
        }
        let fresh = Box::into_raw(Box::new(Self::new()));
        // AcqRel: Release, for `next`. Acquire on failure: the other thread's segment.
        let appended =
            self.next
                .compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire);
        match appended {
            // SAFETY: reborrow: our box, which is never freed from here on, and only ever shared.
            Ok(_) => unsafe { &*fresh },
            Err(others) => {
                // SAFETY: Box::from_raw: from a box, and its address was stored nowhere. Reborrow: as in `next`.
                unsafe {
                    drop(Box::from_raw(fresh));
                    &*others
                }
            }
        }
    }
}

fn decoy_or_new() -> io::Result<()> {
    // Relaxed: a number, which orders nothing.
    if DECOY.load(Ordering::Relaxed) != NO_FD {
        return Ok(());
    }
    let (reader, _) = io::pipe()?;
    // A copy of it, because a copy is never among the standard streams.
    let reader: OwnedFd = reader.as_fd().try_clone_to_owned()?;
    // SeqCst: before the first entry of the list, which comes after this call.
    let first = DECOY.compare_exchange(
        NO_FD,
        reader.as_raw_fd(),
        Ordering::SeqCst,
        Ordering::SeqCst,
    );
    if first.is_ok() {
        // It stays open for ever.
        let _ = reader.into_raw_fd();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More files than one segment has room for, opened and dropped by several threads: no entry is lost.
    #[test]
    fn the_list_has_every_file_that_is_open() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let files: Vec<OwnFile> = (0..40)
                            .map(|_| OwnFile::open(|| File::open("/dev/null")).unwrap())
                            .collect();
                        for own in &files {
                            let words = own.thing().to_words();
                            assert_eq!(own.entry.first.load(Ordering::SeqCst), words.0);
                        }
                    }
                });
            }
        });
    }

    /// A child that is forked between opening and listing has the file: it is not locked then, but opened again.
    #[test]
    fn an_opening_that_a_fork_comes_into_begins_again() {
        use nix::sys::wait::waitpid;
        use nix::unistd::{ForkResult, fork};
        let mut openings = 0;
        let file = OwnFile::open(|| {
            let opened = File::open("/dev/null");
            openings += 1;
            if openings == 1 {
                // SAFETY: fork: the child does nothing but end.
                match unsafe { fork() }.unwrap() {
                    // SAFETY: _exit has no requirement.
                    ForkResult::Child => unsafe { libc::_exit(0) },
                    ForkResult::Parent { child } => drop(waitpid(child, None).unwrap()),
                }
            }
            opened
        });
        assert!(file.unwrap().is_ours());
        // Other tests fork, too.
        assert!(openings > 1, "the child has what is open");
    }

    /// Where a mapping was, zeros are read, and stores there have no effect elsewhere.
    #[test]
    fn zeros_are_in_the_place_of_a_mapping() {
        let path = std::env::temp_dir().join(format!("hostbits-own-{}", std::process::id()));
        std::fs::write(&path, [7; 5000]).unwrap();
        let options = || File::options().read(true).write(true).open(&path);
        let file = OwnFile::open(options).unwrap();
        let map = OwnMap::map(&file, |file| MmapRaw::map_raw(file)).unwrap();
        let byte = |at: usize| {
            // SAFETY: in bounds of the mapping, which is alive, and nothing stores to it.
            unsafe { map.as_ptr().add(at).read_volatile() }
        };
        assert_eq!((byte(0), byte(4999)), (7, 7));
        Thing::of_map(&map).divert();
        assert_eq!((byte(0), byte(4999)), (0, 0));
        drop((map, file));
        assert_eq!(std::fs::read(&path).unwrap(), [7; 5000]);
        std::fs::remove_file(&path).unwrap();
    }
}
