//! The reader that callers see: any format, from any input.

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

/// What reads one format.
pub(crate) trait Reader {
    /// The next record; `None` at the proper end of the list.
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault>;

    /// Calls `each` with every record that is left, and answers how many there were.
    fn read_all(&mut self, each: &mut dyn FnMut(Record<'_>)) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(record) = self.read()? {
            each(record);
            count += 1;
        }
        Ok(count)
    }

    /// What was counted up to here.
    fn counts(&self) -> Counts;

    /// How many records were left out of those in each of the states that the caller does not want.
    fn left_out(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

/// What a reader counts beside the records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    pub(crate) not_held: u64,
    pub(crate) superseded: u64,
    pub(crate) disabled: u64,
    /// Whether anything was read that is of the format.
    pub(crate) is_known: bool,
}

/// A list of who holds which address, read one record at a time.
///
/// Nothing is skipped in silence. A line that cannot be used becomes a record with
/// [`Address::Broken`](crate::Address::Broken): the list goes on, but does not tell all of its users.
/// An input that cannot be read, or that lacks its proper end, is an error and the end of the list.
///
/// Memory does not grow with the list, except as the table in the [crate's documentation](crate) says.
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

/// What is known of a list that was read to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// How many lines it had. In a directory: files.
    pub lines: u64,
    /// How many records it gave.
    pub records: u64,
    /// How many entries are of holdings that have ended, or of no IP address at all.
    pub not_held: u64,
    /// How many entries a later one of the same address has taken the place of.
    pub superseded: u64,
    /// How many records are of holders that are switched off, and hold their address all the same.
    pub disabled: u64,
    /// The states that the caller has [left out](List::without), and how many entries were in each.
    pub left_out: Vec<(String, u64)>,
}

impl<'input> List<'input> {
    /// Begins to read a list. `name` is what errors call it.
    ///
    /// No buffer is needed around `input`. [`Format::HostLocal`] is a directory and can only be
    /// [opened](Self::open).
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

    /// Leaves out the entries in some states, as their program calls them: the caller knows that such holders do not
    /// come back. What is left out is counted. An entry without a state, or in any other one, is kept; whether letters
    /// are small or capital does not matter.
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

    /// How much of it has been read, if it is one file whose size is known.
    pub fn meter(&self) -> Option<&Meter> {
        self.meter.as_ref()
    }

    /// What errors call the list.
    pub fn name(&self) -> &str {
        &self.file
    }

    /// Reads the next record; `None` at the end.
    ///
    /// # Errors
    ///
    /// If the list cannot be read to its end; from then on it has failed, whoever asks.
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

    /// Calls `each` with every record. The fastest way, because nothing is copied.
    ///
    /// # Errors
    ///
    /// If the list cannot be read to its end. What was seen until then proves nothing of the rest.
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

    /// The records as an iterator that owns what it gives.
    pub fn records(self) -> Records<'input> {
        Records {
            list: self,
            is_over: false,
        }
    }

    /// Says what the list had, if it was read to its end.
    ///
    /// # Errors
    ///
    /// If it was not, or failed; or if it has lines, and none of them says anything that is of the format.
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

    /// A list with lines of which none says anything that is of the format: it is another one.
    fn nothing_known(&self) -> Option<Fault> {
        let counts = self.reader.counts();
        let left_out = self.reader.left_out();
        let is_nothing = self.records == 0
            && left_out.iter().all(|&(_, count)| count == 0)
            && counts.not_held == 0
            && !counts.is_known;
        let what = "no line of it is an entry: is it of another format?";
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
    /// Opens a file, a directory where the format is one, or standard input for `-`.
    ///
    /// Of a Kea lease file, the files beside it that its cleanup leaves are read, too.
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

/// A pipe or a device has no size.
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

/// Whether the record is to be given; it is counted if it is not.
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

/// The records of a list, or the error that ends it. Ask [`finish`](Self::finish) how it ended.
#[derive(Debug)]
pub struct Records<'input> {
    list: List<'input>,
    is_over: bool,
}

impl Records<'_> {
    /// Says what the list had, if it was read to its end.
    ///
    /// # Errors
    ///
    /// If it was not, or failed.
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
