//! Records that wait to be read, in buffers that are used over and over.

use crate::error::excerpt;
use crate::list::Counts;
use crate::record::{Address, Record};
use std::net::IpAddr;
use std::ops::Range;

/// Where a text stands in the buffer.
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

/// What one line, or one element, came to.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    text: String,
    items: Vec<Item>,
    taken: usize,
    /// Rows of a holding that has ended.
    pub(crate) not_held: u64,
    /// Rows that a later one takes the place of.
    pub(crate) superseded: u64,
    /// Records of holders that are switched off and may come back.
    pub(crate) disabled: u64,
    /// Whether anything was read that is of the format, an entry or not.
    pub(crate) is_known: bool,
    /// Of JSON: addresses that a filter has named as not held, until somebody takes them.
    pub(crate) released: Vec<String>,
    /// Of JSON: which of the values the next records are of, from 1.
    pub(crate) element: u64,
}

impl Batch {
    /// Goes on to the next record; `false` if there is none, and then the buffers are empty.
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

    /// The record that `advance` went to.
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

    /// The addresses of the records from that number on.
    pub(crate) fn addresses_from(&self, first: usize) -> impl Iterator<Item = Address<'_>> {
        let items = self.items.get(first..).unwrap_or_default();
        items.iter().map(|item| self.address(item))
    }

    /// How many records wait.
    pub(crate) fn count(&self) -> usize {
        self.items.len()
    }

    /// A text that was kept.
    pub(crate) fn kept_text(&self, span: &Span) -> &str {
        &self.text[span.clone()]
    }

    /// What was counted, but for the lines.
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

    /// Keeps a text. Bytes that are no text are replaced: an address among them is none.
    pub(crate) fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.text.len();
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text.push_str(text),
            Err(_) => self.text.push_str(&String::from_utf8_lossy(bytes)),
        }
        start..self.text.len()
    }

    /// Keeps the name of an owner, or the word for a state, if there is one.
    pub(crate) fn keep_name(&mut self, bytes: &[u8]) -> Option<Span> {
        let name = bytes.trim_ascii();
        (!name.is_empty()).then(|| self.keep(name))
    }

    /// A record whose address is text. An empty text is a user without an address.
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

    /// A record of a route or a delegation: a prefix means all of it.
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

    /// An address that stands beside those that were read, where nobody has said which fields count.
    pub(crate) fn stray(&mut self, line: u64, address: &[u8], owner: Option<Span>) {
        let address = Kept::Stray(self.keep(address.trim_ascii()));
        self.push(line, address, owner, None);
    }

    /// A record of the router's own interface.
    pub(crate) fn own(&mut self, line: u64, address: &[u8], owner: Option<Span>) {
        let address = Kept::Own(self.keep(address.trim_ascii()));
        self.push(line, address, owner, None);
    }

    /// The same of a text that is kept already.
    pub(crate) fn kept(
        &mut self,
        line: u64,
        address: Span,
        owner: Option<Span>,
        state: Option<Span>,
    ) {
        self.push(line, Kept::Text(address), owner, state);
    }

    /// A record of an address that has been read.
    pub(crate) fn addr(
        &mut self,
        line: u64,
        addr: IpAddr,
        owner: Option<Span>,
        state: Option<Span>,
    ) {
        self.push(line, Kept::Addr(addr), owner, state);
    }

    /// Something that cannot be used. `what` says why, and `text` is the beginning of it.
    ///
    /// The colon and the blank see to it that no reader takes it for an address.
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
