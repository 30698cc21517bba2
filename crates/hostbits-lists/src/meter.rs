//! How much of a file has been read, for whoever shows that.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How much of a list has been read: of a file whose size is known. It may be asked while the list is read.
///
/// ```
/// use hostbits_lists::{Format, List};
///
/// let path = std::env::temp_dir().join(format!("hostbits-doc-meter-{}", std::process::id()));
/// std::fs::write(&path, "10.0.0.5,alice\n")?;
/// let list = List::open(Format::CSV, &path)?;
/// let meter = list.meter().expect("a file has a size").clone();
/// assert_eq!((meter.read_bytes(), meter.len_bytes()), (0, 15));
/// list.for_each(|_| {})?;
/// assert_eq!(meter.read_bytes(), 15);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Meter {
    read: Arc<AtomicU64>,
    len_bytes: u64,
}

impl Meter {
    pub(crate) fn new(len_bytes: u64) -> Self {
        let read = Arc::default();
        Self { read, len_bytes }
    }

    /// How many bytes the file had when it was opened.
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// How many of them have been read. More than there were, if the file has grown since.
    pub fn read_bytes(&self) -> u64 {
        // Relaxed: a number for people, and nothing is read because of it.
        self.read.load(Relaxed)
    }

    /// The same input, measured.
    pub(crate) fn over<R: Read>(&self, input: R) -> Metered<R> {
        Metered {
            input,
            read: Arc::clone(&self.read),
        }
    }
}

/// An input that is measured.
pub(crate) struct Metered<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        // Relaxed: as in `read_bytes`.
        self.read.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}
