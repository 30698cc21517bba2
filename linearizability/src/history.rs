//! Calls, their results, and the logs that store them.
//!
//! This module does not depend on pools: a history may be recorded, or written by hand.

use crate::{Addr, Stamp};
use std::fmt;
use std::net::Ipv4Addr;
use std::ops::Range;

/// A verb with its arguments. The addresses that it returned are in its [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A call of `allocate`.
    Allocate,
    /// A call of `allocate_net`.
    AllocateNet,
    /// A call of `guard`.
    Guard,
    /// A call of `guard_arc`.
    GuardArc,
    /// A call of `allocate_exact`.
    Exact(Addr),
    /// A call of `adopt` with one address.
    Adopt(Addr),
    /// A call of `allocate_preferring`.
    Preferring(Addr),
    /// A call of `allocate_many`.
    Many(u32),
    /// A call of `allocate_into` with a slice of that length.
    Into(u32),
    /// A call of `allocate_block` with that prefix length.
    Block(u8),
    /// A call of `allocate_block_exact` for this prefix.
    BlockExact(Addr, u8),
    /// A call of `allocate_in`, from the first address to the second.
    In(Addr, Addr),
    /// A call of `allocate_from` this address.
    From(Addr),
    /// An allocation by a local that takes the next word. The event contains all addresses that the local then has.
    Local,
    /// A call of `release`.
    Release,
    /// A release by a local that does not keep the address. If it keeps it, no other thread can see that.
    LocalRelease,
    /// The drop of a local, with everything that it still has.
    LocalDrop,
    /// The drop of a guard.
    Drop,
    /// A call of `release_many`.
    ReleaseMany,
    /// A call of `release_block`.
    ReleaseBlock,
}

impl Call {
    /// Returns the name of the verb.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allocate => "allocate",
            Self::AllocateNet => "allocate_net",
            Self::Guard => "guard",
            Self::GuardArc => "guard_arc",
            Self::Exact(_) => "allocate_exact",
            Self::Adopt(_) => "adopt",
            Self::Preferring(_) => "allocate_preferring",
            Self::Many(_) => "allocate_many",
            Self::Into(_) => "allocate_into",
            Self::Block(_) => "allocate_block",
            Self::BlockExact(..) => "allocate_block_exact",
            Self::In(..) => "allocate_in",
            Self::From(_) => "allocate_from",
            Self::Local => "local",
            Self::Release => "release",
            Self::LocalRelease => "local release",
            Self::LocalDrop => "local drop",
            Self::Drop => "drop",
            Self::ReleaseMany => "release_many",
            Self::ReleaseBlock => "release_block",
        }
    }

    /// Returns whether the call may temporarily hold addresses that it then gives back.
    pub fn may_be_a_flight(self) -> bool {
        // A block of up to 64 slots is a single exchange.
        matches!(
            self,
            Self::Many(_) | Self::Block(..26) | Self::BlockExact(_, ..26)
        )
    }
}

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Everything that was requested was allocated: the addresses of the event.
    Claimed,
    /// Fewer addresses than requested were allocated: the addresses of the event.
    Fewer,
    /// Nothing was allocated, because nothing was free.
    Exhausted,
    /// Nothing was allocated, because the address was taken.
    AlreadyAllocated,
    /// The address is reserved; it is never handed out.
    Reserved,
    /// The addresses of the event were released.
    Released,
    /// Some addresses of the event were not allocated.
    NotAllocated,
}

impl Answer {
    /// Returns the name of the result, for the tally.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Fewer => "fewer",
            Self::Exhausted => "exhausted",
            Self::AlreadyAllocated => "already allocated",
            Self::Reserved => "reserved",
            Self::Released => "released",
            Self::NotAllocated => "not allocated",
        }
    }
}

/// One call of one thread, from its invocation to its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The verb and its arguments.
    pub call: Call,
    /// The result of the call.
    pub answer: Answer,
    /// The addresses of the log that were claimed or released.
    pub addrs: Range<u32>,
    /// A time not later than the beginning of the call.
    pub invoked: Stamp,
    /// A time not earlier than the end of the call.
    pub responded: Stamp,
}

/// The calls of one thread, in order.
#[derive(Clone, Debug, Default)]
pub struct Log {
    events: Vec<Event>,
    addrs: Vec<Addr>,
}

impl Log {
    /// Creates an empty log with room for this many calls and addresses, so that recording does not allocate.
    pub fn with_room(calls: usize, addrs: usize) -> Self {
        Self {
            events: Vec::with_capacity(calls),
            addrs: Vec::with_capacity(addrs),
        }
    }

    /// Adds a call.
    pub fn push(
        &mut self,
        call: Call,
        answer: Answer,
        addrs: impl IntoIterator<Item = Addr>,
        (invoked, responded): (Stamp, Stamp),
    ) {
        let first = self.addrs.len() as u32;
        self.addrs.extend(addrs);
        self.events.push(Event {
            call,
            answer,
            addrs: first..self.addrs.len() as u32,
            invoked,
            responded,
        });
    }

    /// Returns the calls with their addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&Event, &[Addr])> {
        let of = |event: &Event| event.addrs.start as usize..event.addrs.end as usize;
        self.events
            .iter()
            .map(move |event| (event, &self.addrs[of(event)]))
    }
}

/// The calls of all threads.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The logs, one per thread.
    pub logs: Vec<Log>,
    /// Whether the last log is of a thread that allocated until nothing was free, after all others had finished.
    pub drained: bool,
}

impl History {
    /// Returns all calls: thread, call, addresses.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Event, &[Addr])> {
        self.logs
            .iter()
            .enumerate()
            .flat_map(|(thread, log)| log.iter().map(move |(event, addrs)| (thread, event, addrs)))
    }

    /// Returns how many calls there are.
    pub fn call_count(&self) -> usize {
        self.logs.iter().map(|log| log.events.len()).sum()
    }

    /// Returns up to `limit` calls that overlap a time, as lines of text.
    pub fn excerpt(&self, from: Stamp, to: Stamp, limit: usize) -> String {
        let mut lines: Vec<_> = self
            .iter()
            .filter(|(_, event, _)| event.invoked <= to && from <= event.responded)
            .map(|(thread, event, addrs)| (event.invoked, Line(thread, event, addrs).to_string()))
            .collect();
        lines.sort();
        let left_out = lines.len().saturating_sub(limit);
        let mut text: String = lines
            .into_iter()
            .take(limit)
            .map(|(_, line)| line + "\n")
            .collect();
        if left_out != 0 {
            text += &format!("... and {left_out} more\n");
        }
        text
    }
}

/// Displays a call on one line.
struct Line<'a>(usize, &'a Event, &'a [Addr]);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(thread, event, addrs) = self;
        let (invoked, responded) = (event.invoked, event.responded);
        write!(f, "{invoked:>12} to {responded:>12}  thread {thread}  ")?;
        write!(f, "{}", event.call.name())?;
        match event.call {
            Call::Exact(addr) | Call::Adopt(addr) | Call::Preferring(addr) | Call::From(addr) => {
                write!(f, " {}", Ipv4Addr::from_bits(addr))?;
            }
            Call::Many(count) | Call::Into(count) => write!(f, " {count}")?,
            Call::Block(prefix_len) => write!(f, " /{prefix_len}")?,
            Call::BlockExact(addr, prefix_len) => {
                write!(f, " {}/{prefix_len}", Ipv4Addr::from_bits(addr))?;
            }
            Call::In(first, last) => {
                let (first, last) = (Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last));
                write!(f, " {first}..={last}")?;
            }
            _ => {}
        }
        write!(f, ": {}", event.answer.name())?;
        const SHOWN: usize = 8;
        for &addr in addrs.iter().take(SHOWN) {
            write!(f, " {}", Ipv4Addr::from_bits(addr))?;
        }
        if addrs.len() > SHOWN {
            write!(f, " and {} more", addrs.len() - SHOWN)?;
        }
        Ok(())
    }
}
