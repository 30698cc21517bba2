//! What a list says of one address.

use std::net::IpAddr;

/// An address as a list has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address<'a> {
    /// An address that has been read.
    Addr(IpAddr),
    /// Text that still has to be read: an address, a prefix, nothing, or no address at all.
    Text(&'a str),
    /// Text of which a prefix always means all of it: a route or a delegation.
    Block(&'a str),
    /// Text of the address of an interface of the network's own router; a prefix is that of its network.
    Own(&'a str),
    /// Text of an address that stands beside those that were read: where nobody has said which columns or fields
    /// count, or in a field of something else. If it is of the pool, the list is not understood.
    Stray(&'a str),
    /// What is the matter with something that cannot be used, and the beginning of it. Never an
    /// address. A list with such an entry does not tell all of its users.
    Broken(&'a str),
}

/// One entry of a list, borrowed from its reader until the next one is read.
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
    /// The address.
    pub address: Address<'a>,
    /// Who holds it, if the list says so.
    pub owner: Option<&'a str>,
    /// The word that the program itself has for the state of the holding, if it has one: `declined`,
    /// `abandoned`, a number that only a later version of it knows.
    pub state: Option<&'a str>,
    /// The line of the file, counted from 1. In a directory: which of its files.
    pub line: u64,
    /// Of JSON: which of its values, or of those that the filter yields, counted from 1; otherwise 0.
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

    /// Copies the record out of its reader. No memory is allocated for an address without a name.
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

/// A [`Record`] of its own.
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
    /// An entry that cannot be used, for a reader that knows that something is missing.
    pub fn broken(what: &str, line: u64) -> Self {
        Self {
            address: AddressBuf::Broken(what.into()),
            owner: None,
            state: None,
            line,
            element: 0,
        }
    }

    /// The record as its reader gave it.
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

    /// The line of the file, counted from 1. In a directory: which of its files.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Of JSON: which of its values, counted from 1; otherwise 0.
    pub fn element(&self) -> u64 {
        self.element
    }

    /// The program's own word for the state of the holding, if it has one.
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
