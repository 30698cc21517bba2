//! Calls, their answers, and the logs they are kept in.
//!
//! Knows nothing of pools: a history may be recorded, or written by hand.

use crate::{Addr, Stamp};
use std::fmt;
use std::net::Ipv4Addr;
use std::ops::Range;

/// A verb with its arguments; what it gives back is in the addresses of its [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `allocate`
    Allocate,
    /// `allocate_net`
    AllocateNet,
    /// `guard`
    Guard,
    /// `guard_arc`
    GuardArc,
    /// `allocate_exact`
    Exact(Addr),
    /// `adopt` of one address.
    Adopt(Addr),
    /// `allocate_preferring`
    Preferring(Addr),
    /// `allocate_many`
    Many(u32),
    /// `allocate_into` a slice of that length.
    Into(u32),
    /// `allocate_block` of that prefix length.
    Block(u8),
    /// `allocate_block_exact` of this prefix.
    BlockExact(Addr, u8),
    /// `allocate_in` from the first to the second.
    In(Addr, Addr),
    /// `allocate_from`
    From(Addr),
    /// An allocation by a local that takes the next word: all that the local then has.
    Local,
    /// `release`
    Release,
    /// A release by a local that does not keep the address. If it does, nobody else sees that.
    LocalRelease,
    /// The drop of a local, with all that it still has.
    LocalDrop,
    /// The drop of a guard.
    Drop,
    /// `release_many`
    ReleaseMany,
    /// `release_block`
    ReleaseBlock,
}

impl Call {
    /// The name of the verb.
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

    /// Whether it is a claim that may hold for a while what it then gives back.
    pub fn may_be_a_flight(self) -> bool {
        // Blocks of up to 64 slots are one exchange.
        matches!(
            self,
            Self::Many(_) | Self::Block(..26) | Self::BlockExact(_, ..26)
        )
    }
}

/// What a call answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Everything that was asked for: the addresses of the event.
    Claimed,
    /// Fewer than asked for: the addresses of the event.
    Fewer,
    /// Nothing.
    Exhausted,
    /// Nothing: somebody has that address, or one of that block.
    AlreadyAllocated,
    /// The address is never handed out, or was not.
    Reserved,
    /// The addresses of the event are given back.
    Released,
    /// Of the addresses of the event, some were not allocated.
    NotAllocated,
}

impl Answer {
    /// A name for the tally.
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
    /// What was called.
    pub call: Call,
    /// What came back.
    pub answer: Answer,
    /// Which addresses of the log were taken, or were given back.
    pub addrs: Range<u32>,
    /// Not later than the beginning of the call.
    pub invoked: Stamp,
    /// Not earlier than its end.
    pub responded: Stamp,
}

/// The calls of one thread, in its order.
#[derive(Clone, Debug, Default)]
pub struct Log {
    events: Vec<Event>,
    addrs: Vec<Addr>,
}

impl Log {
    /// An empty log with room for so many calls, so that recording does not allocate.
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

    /// The calls with their addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&Event, &[Addr])> {
        let of = |event: &Event| event.addrs.start as usize..event.addrs.end as usize;
        self.events
            .iter()
            .map(move |event| (event, &self.addrs[of(event)]))
    }
}

/// What all threads did.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// One per thread.
    pub logs: Vec<Log>,
    /// The last log is of a thread that, when all others were done, allocated until nothing was free.
    pub drained: bool,
}

impl History {
    /// All calls: thread, call, addresses.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Event, &[Addr])> {
        self.logs
            .iter()
            .enumerate()
            .flat_map(|(thread, log)| log.iter().map(move |(event, addrs)| (thread, event, addrs)))
    }

    /// How many calls there are.
    pub fn call_count(&self) -> usize {
        self.logs.iter().map(|log| log.events.len()).sum()
    }

    /// The calls that overlap a time, as lines of text: at most `limit` of them.
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

/// A call in one line.
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
