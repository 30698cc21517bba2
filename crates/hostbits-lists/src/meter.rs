//! How much of a file has been read, for progress displays.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts how much of a list has been read, if it is a file of known size. Can be queried while the list is read.
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

    /// Returns the size of the file in bytes when it was opened.
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Returns the number of bytes that have been read. It exceeds the size if the file has grown since.
    pub fn read_bytes(&self) -> u64 {
        // Relaxed: a number for people, and nothing is read because of it.
        self.read.load(Relaxed)
    }

    /// Returns the same input, and counts what is read.
    pub(crate) fn over<R: Read>(&self, input: R) -> Metered<R> {
        Metered {
            input,
            read: Arc::clone(&self.read),
        }
    }
}

/// An input whose bytes are counted.
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
