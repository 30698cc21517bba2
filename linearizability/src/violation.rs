//! What is wrong with a history, in words.

use crate::holds::Hold;
use crate::{Addr, Stamp};
use std::fmt;
use std::net::Ipv4Addr;

/// Invocation and response of a call.
pub type Span = (Stamp, Stamp);

/// Why a history has no explanation.
#[derive(Clone, Debug)]
pub enum Violation {
    /// Two threads certainly held one address at the same time.
    TwoHolders {
        /// The address.
        addr: Addr,
        /// Their holds, by time.
        holds: Box<[Hold; 2]>,
    },
    /// An address was handed out that was reserved, not of the pool, or held all the time.
    NotOfTheGround {
        /// The address.
        addr: Addr,
        /// To whom.
        thread: usize,
        /// When.
        span: Span,
    },
    /// A release of what the caller did not hold was answered as if it had held it.
    ReleasedUnheld {
        /// The address.
        addr: Addr,
        /// Whose release.
        thread: usize,
        /// When.
        span: Span,
    },
    /// The holder's own release was answered "not allocated".
    ReleaseRefused {
        /// The address.
        addr: Addr,
        /// Whose release.
        thread: usize,
        /// When.
        span: Span,
    },
    /// "Not allocated", although somebody certainly held the address all the time.
    FalseNotAllocated {
        /// The address.
        addr: Addr,
        /// To whom.
        thread: usize,
        /// When.
        span: Span,
    },
    /// "Already allocated", although nobody can have held the address at any instant of the call.
    FalseAlreadyAllocated {
        /// The address.
        addr: Addr,
        /// To whom.
        thread: usize,
        /// When.
        span: Span,
    },
    /// "Reserved", although the address is not.
    FalseReserved {
        /// The address.
        addr: Addr,
        /// To whom.
        thread: usize,
        /// When.
        span: Span,
    },
    /// "Exhausted", although at every instant of the call there was enough.
    FalseExhausted {
        /// Where the caller looked, in words.
        scope: String,
        /// The most addresses, or blocks, that can have been taken at one instant.
        most: i64,
        /// How many must have been.
        needed: i64,
        /// To whom.
        thread: usize,
        /// When.
        span: Span,
    },
    /// Lowest first, but a lower address was free all the time.
    PassedOver {
        /// The lower address.
        free: Addr,
        /// What was handed out.
        given: Addr,
        /// To whom.
        thread: usize,
        /// When.
        span: Span,
    },
    /// Another address than the preferred one, which was free all the time.
    PreferenceIgnored {
        /// What was asked for.
        preferred: Addr,
        /// What was handed out.
        given: Addr,
        /// To whom.
        thread: usize,
        /// When.
        span: Span,
    },
    /// At the end everything free was allocated, and this address was neither held nor given.
    Lost {
        /// The address.
        addr: Addr,
    },
}

impl Violation {
    /// The time to look at.
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
                "release refused: thread {thread} held {}, and was told between {from} and {to} that it is not allocated",
                ip(addr)
            ),
            Self::FalseNotAllocated { addr, thread, .. } => write!(
                f,
                "false \"not allocated\": thread {thread} about {} between {from} and {to}, which was held throughout",
                ip(addr)
            ),
            Self::FalseAlreadyAllocated { addr, thread, .. } => write!(
                f,
                "false \"already allocated\": thread {thread} about {} between {from} and {to}, when nobody can have held it",
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
                "passed over: thread {thread} was given {} between {from} and {to}, when nobody can have held {}",
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
                "preference ignored: thread {thread} was given {} between {from} and {to}, when nobody can have held {}",
                ip(given),
                ip(preferred)
            ),
            Self::Lost { addr } => write!(
                f,
                "lost: in the end {} was neither held nor given to the one who allocated everything",
                ip(addr)
            ),
        }
    }
}
