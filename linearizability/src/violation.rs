//! What is wrong with a history, in words.

use crate::holds::Hold;
use crate::{Addr, Stamp};
use std::fmt;
use std::net::Ipv4Addr;

/// The invocation and the response of a call.
pub type Span = (Stamp, Stamp);

/// Why a history has no explanation.
#[derive(Clone, Debug)]
pub enum Violation {
    /// Two threads certainly held one address at the same time.
    TwoHolders {
        /// The address in question.
        addr: Addr,
        /// The two holds, ordered by time.
        holds: Box<[Hold; 2]>,
    },
    /// An address was handed out that was reserved, outside the pool, or held throughout.
    NotOfTheGround {
        /// The address in question.
        addr: Addr,
        /// The thread that received it.
        thread: usize,
        /// The span of the call.
        span: Span,
    },
    /// A release of an address that the caller did not hold succeeded.
    ReleasedUnheld {
        /// The address in question.
        addr: Addr,
        /// The thread that released it.
        thread: usize,
        /// The span of the call.
        span: Span,
    },
    /// The holder's own release returned "not allocated".
    ReleaseRefused {
        /// The address in question.
        addr: Addr,
        /// The thread that released it.
        thread: usize,
        /// The span of the call.
        span: Span,
    },
    /// A call returned "not allocated", although the address was certainly held throughout.
    FalseNotAllocated {
        /// The address in question.
        addr: Addr,
        /// The thread that made the call.
        thread: usize,
        /// The span of the call.
        span: Span,
    },
    /// A call returned "already allocated", although the address cannot have been held at any instant of the call.
    FalseAlreadyAllocated {
        /// The address in question.
        addr: Addr,
        /// The thread that made the call.
        thread: usize,
        /// The span of the call.
        span: Span,
    },
    /// A call returned "reserved", although the address is not reserved.
    FalseReserved {
        /// The address in question.
        addr: Addr,
        /// The thread that made the call.
        thread: usize,
        /// The span of the call.
        span: Span,
    },
    /// A call returned "exhausted", although there was enough at every instant of the call.
    FalseExhausted {
        /// Where the caller looked, in words.
        scope: String,
        /// The maximum number of addresses, or blocks, that can have been taken at one instant.
        most: i64,
        /// The number that must have been taken at one instant.
        needed: i64,
        /// The thread that made the call.
        thread: usize,
        /// The span of the call.
        span: Span,
    },
    /// With lowest or highest first, an address that comes earlier was free throughout the call.
    PassedOver {
        /// The address that was passed over.
        free: Addr,
        /// The address that was handed out.
        given: Addr,
        /// The thread that made the call.
        thread: usize,
        /// The span of the call.
        span: Span,
    },
    /// The preferred address was free throughout the call, but another one was handed out.
    PreferenceIgnored {
        /// The preferred address.
        preferred: Addr,
        /// The address that was handed out.
        given: Addr,
        /// The thread that made the call.
        thread: usize,
        /// The span of the call.
        span: Span,
    },
    /// In the end everything free was allocated, and this address was neither held nor handed out.
    Lost {
        /// The address in question.
        addr: Addr,
    },
}

impl Violation {
    /// Returns the time to look at.
    pub fn span(&self) -> Span {
        match self {
            Self::TwoHolders { holds, .. } => (holds[0].claimed.0, holds[1].claimed.1),
            Self::NotOfTheGround { span, .. }
            | Self::ReleasedUnheld { span, .. }
            | Self::ReleaseRefused { span, .. }
            | Self::FalseNotAllocated { span, .. }
            | Self::FalseAlreadyAllocated { span, .. }
            | Self::FalseReserved { span, .. }
            | Self::FalseExhausted { span, .. }
            | Self::PassedOver { span, .. }
            | Self::PreferenceIgnored { span, .. } => *span,
            Self::Lost { .. } => (Stamp::MAX, Stamp::MAX),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = Ipv4Addr::from_bits;
        let (from, to) = self.span();
        match *self {
            Self::TwoHolders { addr, ref holds } => write!(
                f,
                "two holders: thread {} was given {} by {} while thread {} held it from {} to {}",
                holds[1].thread,
                ip(addr),
                holds[1].claimed.1,
                holds[0].thread,
                holds[0].claimed.1,
                holds[0].released.0
            ),
            Self::NotOfTheGround { addr, thread, .. } => write!(
                f,
                "not free at all: thread {thread} was given {} between {from} and {to}",
                ip(addr)
            ),
            Self::ReleasedUnheld { addr, thread, .. } => write!(
                f,
                "released unheld: thread {thread} released {}, which it did not hold, between {from} and {to}",
                ip(addr)
            ),
            Self::ReleaseRefused { addr, thread, .. } => write!(
                f,
                "release refused: thread {thread} held {}, and its release between {from} and {to} returned \"not allocated\"",
                ip(addr)
            ),
            Self::FalseNotAllocated { addr, thread, .. } => write!(
                f,
                "false \"not allocated\": thread {thread} about {} between {from} and {to}, which was held throughout",
                ip(addr)
            ),
            Self::FalseAlreadyAllocated { addr, thread, .. } => write!(
                f,
                "false \"already allocated\": thread {thread} about {} between {from} and {to}, when no thread can have held it",
                ip(addr)
            ),
            Self::FalseReserved { addr, thread, .. } => write!(
                f,
                "false \"reserved\": thread {thread} about {} between {from} and {to}",
                ip(addr)
            ),
            Self::FalseExhausted {
                ref scope,
                most,
                needed,
                thread,
                ..
            } => write!(
                f,
                "false \"exhausted\": thread {thread} wanted {scope} between {from} and {to}; \
                 at most {most} can have been taken at once, and it takes {needed}"
            ),
            Self::PassedOver {
                free,
                given,
                thread,
                ..
            } => write!(
                f,
                "passed over: thread {thread} was given {} between {from} and {to}, when no thread can have held {}",
                ip(given),
                ip(free)
            ),
            Self::PreferenceIgnored {
                preferred,
                given,
                thread,
                ..
            } => write!(
                f,
                "preference ignored: thread {thread} was given {} between {from} and {to}, when no thread can have held {}",
                ip(given),
                ip(preferred)
            ),
            Self::Lost { addr } => write!(
                f,
                "lost: in the end {} was neither held nor given to the thread that allocated everything",
                ip(addr)
            ),
        }
    }
}
