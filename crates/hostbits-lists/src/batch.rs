//! Buffers of parsed records that wait to be read. The buffers are reused.

use crate::error::excerpt;
use crate::list::Counts;
use crate::record::{Address, Record};
use std::net::IpAddr;
use std::ops::Range;

/// A range of bytes in the text buffer.
pub(crate) type Span = Range<usize>;

#[derive(Debug)]
enum Kept {
    Addr(IpAddr),
    Text(Span),
    Block(Span),
    Own(Span),
    Broken(Span),
    Stray(Span),
}

#[derive(Debug)]
struct Item {
    address: Kept,
    owner: Option<Span>,
    state: Option<Span>,
    line: u64,
    element: u64,
}

/// The records that one line, or one JSON element, produced.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    text: String,
    items: Vec<Item>,
    taken: usize,
    /// The number of entries whose lease or assignment has ended.
    pub(crate) not_held: u64,
    /// The number of entries that a later entry replaced.
    pub(crate) superseded: u64,
    /// The number of records whose holder is disabled but may come back.
    pub(crate) disabled: u64,
    /// Whether anything in this format has been read, be it an entry or not.
    pub(crate) is_known: bool,
    /// Only for JSON: addresses that the filter marked as not held, until the caller takes them.
    pub(crate) released: Vec<String>,
    /// Only for JSON: the number of the value that the next records come from, counted from 1.
    pub(crate) element: u64,
}

impl Batch {
    /// Moves on to the next record. Returns `false` if there is none; the buffers are then empty.
    pub(crate) fn advance(&mut self) -> bool {
        if self.taken < self.items.len() {
            self.taken += 1;
            return true;
        }
        self.text.clear();
        self.items.clear();
        self.taken = 0;
        false
    }

    /// Returns the record that `advance` moved to.
    pub(crate) fn current(&self) -> Option<Record<'_>> {
        let item = self.items.get(self.taken.checked_sub(1)?)?;
        Some(Record {
            address: self.address(item),
            owner: self.resolve(&item.owner),
            state: self.resolve(&item.state),
            line: item.line,
            element: item.element,
        })
    }

    fn address(&self, item: &Item) -> Address<'_> {
        match &item.address {
            Kept::Addr(addr) => Address::Addr(*addr),
            Kept::Text(span) => Address::Text(&self.text[span.clone()]),
            Kept::Block(span) => Address::Block(&self.text[span.clone()]),
            Kept::Own(span) => Address::Own(&self.text[span.clone()]),
            Kept::Stray(span) => Address::Stray(&self.text[span.clone()]),
            Kept::Broken(span) => Address::Broken(&self.text[span.clone()]),
        }
    }

    /// Returns the addresses of the records from number `first` on.
    pub(crate) fn addresses_from(&self, first: usize) -> impl Iterator<Item = Address<'_>> {
        let items = self.items.get(first..).unwrap_or_default();
        items.iter().map(|item| self.address(item))
    }

    /// Returns how many records wait to be read.
    pub(crate) fn count(&self) -> usize {
        self.items.len()
    }

    /// Returns a text that was stored with `keep`.
    pub(crate) fn kept_text(&self, span: &Span) -> &str {
        &self.text[span.clone()]
    }

    /// Returns the counts, except for the number of lines.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            lines: 0,
            not_held: self.not_held,
            superseded: self.superseded,
            disabled: self.disabled,
            is_known: self.is_known,
        }
    }

    fn resolve(&self, span: &Option<Span>) -> Option<&str> {
        span.as_ref().map(|span| &self.text[span.clone()])
    }

    /// Stores a text. Invalid UTF-8 is replaced, so that an address with such bytes stays unreadable.
    pub(crate) fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.text.len();
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text.push_str(text),
            Err(_) => self.text.push_str(&String::from_utf8_lossy(bytes)),
        }
        start..self.text.len()
    }

    /// Stores the name of an owner or the word for a state; returns `None` if it is empty.
    pub(crate) fn keep_name(&mut self, bytes: &[u8]) -> Option<Span> {
        let name = bytes.trim_ascii();
        (!name.is_empty()).then(|| self.keep(name))
    }

    /// Adds a record whose address is text. An empty text is a user without an address.
    pub(crate) fn text(
        &mut self,
        line: u64,
        address: &[u8],
        owner: Option<Span>,
        state: Option<Span>,
    ) {
        let address = Kept::Text(self.keep(address.trim_ascii()));
        self.push(line, address, owner, state);
    }

    /// Adds a record of a route or a delegation, where a prefix always means the whole block.
    pub(crate) fn block(
        &mut self,
        line: u64,
        address: &[u8],
        owner: Option<Span>,
        state: Option<Span>,
    ) {
        let address = Kept::Block(self.keep(address.trim_ascii()));
        self.push(line, address, owner, state);
    }

    /// Adds an address that was found beside the recognized ones, in a list that does not say which fields count.
    pub(crate) fn stray(&mut self, line: u64, address: &[u8], owner: Option<Span>) {
        let address = Kept::Stray(self.keep(address.trim_ascii()));
        self.push(line, address, owner, None);
    }

    /// Adds a record of the router's own interface.
    pub(crate) fn own(&mut self, line: u64, address: &[u8], owner: Option<Span>) {
        let address = Kept::Own(self.keep(address.trim_ascii()));
        self.push(line, address, owner, None);
    }

    /// Adds a record whose address was already stored with `keep`.
    pub(crate) fn kept(
        &mut self,
        line: u64,
        address: Span,
        owner: Option<Span>,
        state: Option<Span>,
    ) {
        self.push(line, Kept::Text(address), owner, state);
    }

    /// Adds a record whose address is already parsed.
    pub(crate) fn addr(
        &mut self,
        line: u64,
        addr: IpAddr,
        owner: Option<Span>,
        state: Option<Span>,
    ) {
        self.push(line, Kept::Addr(addr), owner, state);
    }

    /// Adds an entry that cannot be used: `what` says why, and `text` is quoted in part.
    ///
    /// The colon and the blank between them keep any reader from taking the entry for an address.
    pub(crate) fn broken(&mut self, line: u64, what: &str, text: &[u8]) {
        let start = self.text.len();
        self.text.push_str(what);
        self.text.push_str(": ");
        self.text.push_str(&excerpt(text));
        let span = start..self.text.len();
        self.push(line, Kept::Broken(span), None, None);
    }

    fn push(&mut self, line: u64, address: Kept, owner: Option<Span>, state: Option<Span>) {
        self.items.push(Item {
            address,
            owner,
            state,
            line,
            element: self.element,
        });
    }
}
