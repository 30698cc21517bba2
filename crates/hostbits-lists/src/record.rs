//! One entry of a list.

use std::fmt;
use std::net::IpAddr;

/// An address as the list contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address<'a> {
    /// A parsed address.
    Addr(IpAddr),
    /// Text that is not parsed yet: an address, a prefix, an empty text, or not an address at all.
    Text(&'a str),
    /// Text of a route or a delegation, where a prefix always means the whole block.
    Block(&'a str),
    /// Text of an address of the network's own router; its prefix length is that of the network.
    Own(&'a str),
    /// Text of an address outside the recognized columns or fields. If it belongs to the pool, the list counts as not
    /// understood.
    Stray(&'a str),
    /// Why an entry cannot be used, with the beginning of its text. It is never an address. A list with such an entry
    /// does not name all of its users.
    Broken(&'a str),
}

/// The text as written in the list; of a broken entry, the quoted text.
impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Text(text)
            | Self::Block(text)
            | Self::Own(text)
            | Self::Stray(text)
            | Self::Broken(text) => f.write_str(text),
        }
    }
}

/// One entry of a list, borrowed from its reader until the next entry is read.
///
/// ```
/// use hostbits_lists::{Address, Format, List};
///
/// let mut list = List::new(Format::CSV, "users", &b"10.0.0.5,alice\n"[..]);
/// let record = list.read()?.expect("one entry");
/// assert_eq!(record.address, Address::Addr([10, 0, 0, 5].into()));
/// assert_eq!((record.owner, record.line), (Some("alice"), 1));
/// # Ok::<(), hostbits_lists::ListError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// The address that the entry is about.
    pub address: Address<'a>,
    /// The name of the holder, if the list has one.
    pub owner: Option<&'a str>,
    /// The program's own word for the state of the holding, if it has one: for example `declined` or `abandoned`, or a
    /// number that only a later version of the program knows.
    pub state: Option<&'a str>,
    /// The number of the line, counted from 1. In a directory, the number of the file.
    pub line: u64,
    /// Only for JSON: the number of the value, or of the filter's result, counted from 1. Otherwise 0.
    pub element: u64,
}

impl<'a> Record<'a> {
    pub(crate) fn new(address: Address<'a>, line: u64) -> Self {
        Self {
            address,
            owner: None,
            state: None,
            line,
            element: 0,
        }
    }

    /// Copies the record out of its reader. An address without an owner needs no memory on the heap.
    pub fn to_buf(&self) -> RecordBuf {
        RecordBuf {
            address: match self.address {
                Address::Addr(addr) => AddressBuf::Addr(addr),
                Address::Text(text) => AddressBuf::Text(text.into()),
                Address::Block(text) => AddressBuf::Block(text.into()),
                Address::Own(text) => AddressBuf::Own(text.into()),
                Address::Stray(text) => AddressBuf::Stray(text.into()),
                Address::Broken(text) => AddressBuf::Broken(text.into()),
            },
            owner: self.owner.map(Box::from),
            state: self.state.map(Box::from),
            line: self.line,
            element: self.element,
        }
    }
}

/// An owned [`Record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBuf {
    address: AddressBuf,
    owner: Option<Box<str>>,
    state: Option<Box<str>>,
    line: u64,
    element: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AddressBuf {
    Addr(IpAddr),
    Text(Box<str>),
    Block(Box<str>),
    Own(Box<str>),
    Stray(Box<str>),
    Broken(Box<str>),
}

impl RecordBuf {
    /// Creates an entry that cannot be used, for a reader that knows that something is missing.
    pub fn broken(what: &str, line: u64) -> Self {
        Self {
            address: AddressBuf::Broken(what.into()),
            owner: None,
            state: None,
            line,
            element: 0,
        }
    }

    /// Returns a borrowed view of the record.
    pub fn as_record(&self) -> Record<'_> {
        Record {
            address: match &self.address {
                AddressBuf::Addr(addr) => Address::Addr(*addr),
                AddressBuf::Text(text) => Address::Text(text),
                AddressBuf::Block(text) => Address::Block(text),
                AddressBuf::Own(text) => Address::Own(text),
                AddressBuf::Stray(text) => Address::Stray(text),
                AddressBuf::Broken(text) => Address::Broken(text),
            },
            owner: self.owner.as_deref(),
            state: self.state.as_deref(),
            line: self.line,
            element: self.element,
        }
    }

    /// Returns the number of the line, counted from 1. In a directory, the number of the file.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Only for JSON: returns the number of the value, counted from 1. Otherwise returns 0.
    pub fn element(&self) -> u64 {
        self.element
    }

    /// Returns the program's own word for the state of the holding, if it has one.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

#[cfg(feature = "hostbits")]
impl hostbits::users::Record for Record<'_> {
    fn listed(&self) -> hostbits::users::Listed<'_> {
        match self.address {
            Address::Addr(addr) => hostbits::users::Listed::Addr(addr),
            Address::Text(text) => hostbits::users::Listed::Text(text),
            Address::Block(text) => hostbits::users::Listed::Block(text),
            Address::Own(text) => hostbits::users::Listed::Own(text),
            Address::Stray(text) => hostbits::users::Listed::Stray(text),
            Address::Broken(text) => hostbits::users::Listed::Broken(text),
        }
    }

    fn owner(&self) -> Option<&str> {
        self.owner
    }
}

#[cfg(feature = "hostbits")]
impl hostbits::users::Record for RecordBuf {
    fn listed(&self) -> hostbits::users::Listed<'_> {
        match &self.address {
            AddressBuf::Addr(addr) => hostbits::users::Listed::Addr(*addr),
            AddressBuf::Text(text) => hostbits::users::Listed::Text(text),
            AddressBuf::Block(text) => hostbits::users::Listed::Block(text),
            AddressBuf::Own(text) => hostbits::users::Listed::Own(text),
            AddressBuf::Stray(text) => hostbits::users::Listed::Stray(text),
            AddressBuf::Broken(text) => hostbits::users::Listed::Broken(text),
        }
    }

    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
}
