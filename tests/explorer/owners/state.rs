//! What a state of owners consists of.

use crate::leases::Kind;

/// The most slots, owners, operations of a thread, and generations.
pub(crate) const SLOTS: usize = 3;
pub(crate) const OWNERS: usize = 2;
pub(crate) const OPS: usize = 4;
pub(crate) const GENERATIONS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) until: u8,
    pub(crate) generation: u8,
    /// Its taker has an owner.
    pub(crate) tagged: bool,
}

impl Record {
    pub(crate) fn is_held(self) -> bool {
        matches!(self.kind, Kind::Offered | Kind::Leased)
    }

    /// Its owner may have it back.
    pub(crate) fn rests(self) -> bool {
        matches!(self.kind, Kind::Cooling | Kind::Withdrawn)
    }

    /// The tick from which a sweep may make it Free.
    pub(crate) fn due(self, cooldown: u8) -> u8 {
        match self.kind {
            Kind::Free => u8::MAX,
            Kind::Cooling | Kind::Withdrawn => self.until,
            Kind::Offered | Kind::Leased => self.until.saturating_add(cooldown),
        }
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tagged = if self.tagged { ", tagged" } else { "" };
        write!(
            f,
            "{:?}({})#{}{tagged}",
            self.kind, self.until, self.generation
        )
    }
}

/// The second word of a record: an owner, mixed with a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tag {
    pub(crate) owner: u8,
    pub(crate) generation: u8,
}

impl Tag {
    pub(crate) const NONE: Self = Self {
        owner: u8::MAX,
        generation: 0,
    };
}

/// What a thread does next. Every variant but `Done` is one access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Clock,
    /// Waits for the lock.
    Lock,
    /// Loads the record.
    Look {
        slot: u8,
    },
    /// Loads the tag.
    Owner {
        slot: u8,
        seen: Record,
    },
    /// The owner's own lease, for longer.
    Extend {
        slot: u8,
        seen: Record,
    },
    /// The owner's own cooling address, without a token.
    Retake {
        slot: u8,
        seen: Record,
    },
    /// Claims the token of the owner's own free address.
    ClaimOwn {
        slot: u8,
        seen: Record,
    },
    /// Takes the lowest token of the home, or of all.
    Claim,
    /// Loads the record of the token.
    Record {
        slot: u8,
    },
    /// Loads the tag that is to be exchanged.
    Before {
        slot: u8,
        seen: Record,
    },
    Take {
        slot: u8,
        seen: Record,
        before: Tag,
    },
    /// Exchanges the tag.
    Tag {
        before: Tag,
    },
    LoadTag,
    /// Loads the record again: is it still of this generation?
    CheckGeneration {
        before: Tag,
    },
    Unlock,
    /// Remembers a lease outside, without the lock.
    Remember,
    Own {
        slot: u8,
    },
    Release {
        slot: u8,
        seen: Record,
    },
    Scan {
        slot: u8,
    },
    Free {
        slot: u8,
        seen: Record,
    },
    Give {
        slot: u8,
    },
    /// Loads the record for a pass.
    Snapshot {
        slot: u8,
    },
    Apply {
        slot: u8,
        seen: Record,
    },
    Undo {
        slot: u8,
        seen: Record,
        written: Record,
    },
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    pub(crate) slot: u8,
    pub(crate) generation: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Thread {
    pub(crate) op_index: u8,
    pub(crate) step: Step,
    pub(crate) now: u8,
    pub(crate) leases: [Option<Lease>; OPS],
    /// What this call has taken or found.
    pub(crate) lease: Option<Lease>,
    /// The tag that its exchange expects.
    pub(crate) before: Option<Tag>,
    /// Which of the places is looked at.
    pub(crate) place: u8,
    /// The owner's last address, and its record as it was seen.
    pub(crate) had: Option<(u8, Record)>,
    /// The home has no token.
    pub(crate) anywhere: bool,
    /// It has looked, and found nothing.
    pub(crate) has_looked: bool,
}

impl Thread {
    pub(crate) const NEW: Self = Self {
        op_index: 0,
        step: Step::Done,
        now: 0,
        leases: [None; OPS],
        lease: None,
        before: None,
        place: 0,
        had: None,
        anywhere: false,
        has_looked: false,
    };
}

/// What is true of a slot, by the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Truth {
    pub(crate) is_live: bool,
    /// No other owner before this tick.
    pub(crate) rest: u8,
    /// By generation: the owner for whom it was taken.
    pub(crate) owners: [Option<u8>; GENERATIONS],
    /// A call of this owner has returned the lease that lives.
    pub(crate) answered: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) clock: u8,
    pub(crate) deaths: u8,
    pub(crate) tokens: u8,
    pub(crate) records: [Record; SLOTS],
    pub(crate) tags: [Tag; SLOTS],
    /// By number: the thread that holds the lock.
    pub(crate) locks: [Option<u8>; OWNERS],
    /// By owner: where its lock remembers a lease outside.
    pub(crate) outside: [Option<u8>; OWNERS],
    pub(crate) threads: Vec<Thread>,
    pub(crate) truths: [Truth; SLOTS],
}
