//! The public reader: any format, from any input.

use crate::error::{Fault, ListError};
use crate::format::Format;
use crate::formats;
use crate::meter::Meter;
use crate::record::{Record, RecordBuf};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::iter::FusedIterator;
use std::path::Path;

/// A reader of one format.
pub(crate) trait Reader {
    /// Reads the next record; returns `None` at the proper end of the list.
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault>;

    /// Calls `each` with every remaining record, and returns how many there were.
    fn read_all(&mut self, each: &mut dyn FnMut(Record<'_>)) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(record) = self.read()? {
            each(record);
            count += 1;
        }
        Ok(count)
    }

    /// Returns what has been counted so far.
    fn counts(&self) -> Counts;

    /// Returns how many records were left out, for each state that the caller does not want.
    fn left_out(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

/// What a reader counts besides the records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    pub(crate) not_held: u64,
    pub(crate) superseded: u64,
    pub(crate) disabled: u64,
    /// Whether anything in this format has been read.
    pub(crate) is_known: bool,
}

/// A list of the users of addresses, read one record at a time.
///
/// Nothing is skipped silently. An entry that cannot be used becomes a record with
/// [`Address::Broken`](crate::Address::Broken), and reading continues: the list then does not name all users. An input that
/// cannot be read, or whose end is missing, is an error and ends the list.
///
/// Memory does not grow with the list, except as the [crate's documentation](crate) says.
///
/// ```
/// use hostbits_lists::{Format, List};
///
/// let text = "address,owner\n10.0.0.2,alice\n10.0.0.3,bob\n";
/// let mut owners = Vec::new();
/// let ended = List::new(Format::CSV, "users.csv", text.as_bytes())
///     .for_each(|record| owners.extend(record.owner.map(str::to_owned)))?;
/// assert_eq!(owners, ["alice", "bob"]);
/// assert_eq!((ended.lines, ended.records), (3, 2));
/// # Ok::<(), hostbits_lists::ListError>(())
/// ```
pub struct List<'input> {
    file: String,
    reader: Box<dyn Reader + 'input>,
    progress: Progress,
    records: u64,
    meter: Option<Meter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Reading,
    Ended,
    Failed,
}

/// The counts of a list that was read to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// The number of lines; for a directory, the number of files.
    pub lines: u64,
    /// The number of records that were returned.
    pub records: u64,
    /// The number of entries whose holding has ended, or that are not about an IP address.
    pub not_held: u64,
    /// The number of entries that a later entry for the same address replaced.
    pub superseded: u64,
    /// The number of records whose holder is disabled, but still holds the address.
    pub disabled: u64,
    /// The states that the caller [left out](List::without), each with the number of its entries.
    pub left_out: Vec<(String, u64)>,
}

impl<'input> List<'input> {
    /// Creates a reader of `input`. Errors refer to the list by `name`.
    ///
    /// `input` needs no buffer of its own. The formats that are directories, [`Format::HostLocal`] and
    /// [`Format::OpenvpnCcd`], can only be [opened](Self::open).
    pub fn new(format: Format, name: impl Into<String>, input: impl Read + 'input) -> Self {
        Self::of(name.into(), formats::reader(format, input))
    }

    fn of(file: String, reader: Box<dyn Reader + 'input>) -> Self {
        Self {
            file,
            reader,
            progress: Progress::Reading,
            records: 0,
            meter: None,
        }
    }

    /// Leaves out the entries in the given states. Use it for states whose holders do not come back.
    ///
    /// States are named in the program's own words; case does not matter. An entry without a state, or in any other
    /// state, is kept. [`Ended::left_out`] counts the entries that were left out.
    ///
    /// ```
    /// use hostbits_lists::{Format, List};
    ///
    /// let text = "lease 10.0.0.2 { binding state expired; }\nlease 10.0.0.3 { binding state active; }\n";
    /// let list = List::new(Format::Dhcpd, "dhcpd.leases", text.as_bytes()).without(["expired", "abandoned"]);
    /// let ended = list.for_each(|lease| assert_eq!(lease.state, Some("active")))?;
    /// assert_eq!((ended.records, &ended.left_out[0]), (1, &("expired".to_owned(), 1)));
    /// # Ok::<(), hostbits_lists::ListError>(())
    /// ```
    #[must_use]
    pub fn without<S: Into<String>>(self, states: impl IntoIterator<Item = S>) -> Self {
        let states = states.into_iter().map(|state| (state.into(), 0));
        Self {
            reader: Box::new(Without {
                reader: self.reader,
                states: states.collect(),
                current: None,
            }),
            ..self
        }
    }

    /// Returns how much of the list has been read, if it is one file whose size is known.
    pub fn meter(&self) -> Option<&Meter> {
        self.meter.as_ref()
    }

    /// Returns the name by which errors refer to the list.
    pub fn name(&self) -> &str {
        &self.file
    }

    /// Reads the next record; returns `None` at the end.
    ///
    /// # Errors
    ///
    /// If the list cannot be read to its end. Every later call returns an error, too.
    pub fn read(&mut self) -> Result<Option<Record<'_>>, ListError> {
        if self.progress != Progress::Reading {
            return match self.progress {
                Progress::Ended => Ok(None),
                _ => Err(self.unfinished()),
            };
        }
        match self.reader.read() {
            Ok(Some(record)) => {
                self.records += 1;
                Ok(Some(record))
            }
            Ok(None) => {
                self.progress = Progress::Ended;
                Ok(None)
            }
            Err(fault) => {
                self.progress = Progress::Failed;
                Err(ListError {
                    file: self.file.clone(),
                    fault,
                })
            }
        }
    }

    /// Calls `each` with every record. This is the fastest way to read a list, because nothing is copied.
    ///
    /// # Errors
    ///
    /// If the list cannot be read to its end. The records seen until then prove nothing about the rest.
    pub fn for_each(mut self, mut each: impl FnMut(Record<'_>)) -> Result<Ended, ListError> {
        match self.progress {
            Progress::Reading => match self.reader.read_all(&mut each) {
                Ok(count) => {
                    self.records += count;
                    self.progress = Progress::Ended;
                    self.finish()
                }
                Err(fault) => Err(ListError {
                    file: self.file,
                    fault,
                }),
            },
            Progress::Ended | Progress::Failed => self.finish(),
        }
    }

    /// Returns an iterator over the records, as owned values.
    pub fn records(self) -> Records<'input> {
        Records {
            list: self,
            is_over: false,
        }
    }

    /// Returns the counts of a list that was read to its end.
    ///
    /// # Errors
    ///
    /// If it was not read to its end, if reading failed, or if the list has lines but nothing in them is of the format.
    pub fn finish(self) -> Result<Ended, ListError> {
        if self.progress != Progress::Ended {
            return Err(self.unfinished());
        }
        if let Some(fault) = self.nothing_known() {
            return Err(ListError {
                file: self.file,
                fault,
            });
        }
        let counts = self.reader.counts();
        Ok(Ended {
            lines: counts.lines,
            records: self.records,
            not_held: counts.not_held,
            superseded: counts.superseded,
            disabled: counts.disabled,
            left_out: self.reader.left_out(),
        })
    }

    /// Returns an error if the list has lines but nothing in them is of the format: it probably has another one.
    fn nothing_known(&self) -> Option<Fault> {
        let counts = self.reader.counts();
        let left_out = self.reader.left_out();
        let is_nothing = self.records == 0
            && left_out.iter().all(|&(_, count)| count == 0)
            && counts.not_held == 0
            && !counts.is_known;
        let what = "no line of it is an entry: is it in another format?";
        (is_nothing && counts.lines != 0).then(|| Fault::malformed(what, counts.lines, b""))
    }

    fn unfinished(&self) -> ListError {
        ListError {
            file: self.file.clone(),
            fault: Fault::unfinished(self.reader.counts().lines),
        }
    }
}

impl List<'static> {
    /// Opens a file, a directory if the format is one, or standard input for `-`.
    ///
    /// For Kea, the files beside the lease file that its cleanup leaves are read, too.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(format: Format, path: impl AsRef<Path>) -> Result<Self, ListError> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Ok(Self::new(format, "standard input", io::stdin()));
        }
        let file = path.display().to_string();
        let mut meter = None;
        let opened = match format {
            Format::HostLocal => formats::host_local::open(path),
            Format::OpenvpnCcd => formats::openvpn_ccd::open(path),
            Format::Kea => formats::kea_files::open(path),
            format => match File::open(path) {
                Ok(opened) => Ok(match meter_of(&opened) {
                    None => formats::reader(format, opened),
                    Some(it) => formats::reader(format, meter.insert(it).over(opened)),
                }),
                Err(error) => Err(Fault::io(error, 0)),
            },
        };
        match opened {
            Ok(reader) => Ok(Self {
                meter,
                ..Self::of(file, reader)
            }),
            Err(fault) => Err(ListError { file, fault }),
        }
    }
}

/// Returns a meter for a regular file. A pipe or a device has no size.
fn meter_of(file: &File) -> Option<Meter> {
    let metadata = file.metadata().ok()?;
    metadata.is_file().then(|| Meter::new(metadata.len()))
}

impl fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("file", &self.file)
            .field("progress", &self.progress)
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

/// A list without the records in some states.
struct Without<'input> {
    reader: Box<dyn Reader + 'input>,
    states: Vec<(String, u64)>,
    current: Option<RecordBuf>,
}

/// Returns whether the record is wanted; counts it if not.
fn is_wanted(states: &mut [(String, u64)], record: &Record<'_>) -> bool {
    let Some(state) = record.state else {
        return true;
    };
    let mut states = states.iter_mut();
    match states.find(|(unwanted, _)| unwanted.eq_ignore_ascii_case(state)) {
        Some((_, count)) => {
            *count += 1;
            false
        }
        None => true,
    }
}

impl Reader for Without<'_> {
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault> {
        self.current = loop {
            match self.reader.read()? {
                Some(record) if is_wanted(&mut self.states, &record) => {
                    break Some(record.to_buf());
                }
                Some(_) => {}
                None => break None,
            }
        };
        Ok(self.current.as_ref().map(RecordBuf::as_record))
    }

    fn read_all(&mut self, each: &mut dyn FnMut(Record<'_>)) -> Result<u64, Fault> {
        let mut count = 0;
        self.reader.read_all(&mut |record| {
            if is_wanted(&mut self.states, &record) {
                each(record);
                count += 1;
            }
        })?;
        Ok(count)
    }

    fn counts(&self) -> Counts {
        self.reader.counts()
    }

    fn left_out(&self) -> Vec<(String, u64)> {
        self.states.clone()
    }
}

/// Iterates over the records of a list. An error ends it. Call [`finish`](Self::finish) to see how the list ended.
#[derive(Debug)]
pub struct Records<'input> {
    list: List<'input>,
    is_over: bool,
}

impl Records<'_> {
    /// Returns the counts of a list that was read to its end.
    ///
    /// # Errors
    ///
    /// If it was not read to its end, or reading failed.
    pub fn finish(self) -> Result<Ended, ListError> {
        self.list.finish()
    }
}

impl Iterator for Records<'_> {
    type Item = Result<RecordBuf, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        match self.list.read() {
            Ok(Some(record)) => Some(Ok(record.to_buf())),
            outcome => {
                self.is_over = true;
                outcome.err().map(Err)
            }
        }
    }
}

impl FusedIterator for Records<'_> {}
