//! What a state consists of: words, root, records, clock, threads, and what the specification knows.

/// The most slots, and the most operations of a thread.
pub(crate) const MOST: usize = 4;

/// A time that never comes.
pub(crate) const NEVER: u8 = u8::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Free,
    Offered,
    Leased,
    Cooling,
    /// Ended by a pass, which can be undone: as Cooling to all others.
    Withdrawn,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) until: u8,
    pub(crate) generation: u8,
}

impl Record {
    pub(crate) const fn new(kind: Kind, until: u8, generation: u8) -> Self {
        Self {
            kind,
            until,
            generation,
        }
    }

    pub(crate) fn is_held(self) -> bool {
        matches!(self.kind, Kind::Offered | Kind::Leased)
    }

    pub(crate) fn is_lease(self, generation: u8) -> bool {
        self.is_held() && self.generation == generation
    }

    /// The tick from which a sweep may make it Free.
    pub(crate) fn due(self, cooldown: u8) -> u8 {
        match self.kind {
            Kind::Free => NEVER,
            Kind::Offered | Kind::Leased => self.until.saturating_add(cooldown),
            Kind::Cooling | Kind::Withdrawn => self.until,
        }
    }

    pub(crate) fn freed(self) -> Self {
        Self::new(Kind::Free, 0, self.generation)
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({})#{}", self.kind, self.until, self.generation)
    }
}

/// The only node of the tree: a hint for each word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Root {
    pub(crate) maybe: u8,
    pub(crate) clearing: u8,
    pub(crate) version: u8,
}

impl Root {
    pub(crate) fn candidates(self) -> u8 {
        self.maybe | self.clearing
    }
}

/// What is done when a token has been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    Finish,
    ScanOn,
    Search,
    RollBack,
    /// The exchange that should have been made before.
    Free(Record),
}

/// What a thread does next. Every variant but `Done` is one access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Reads the clock; the call begins with it.
    Clock,
    /// Loads the shared word that says which tick was swept, before a search.
    Round,
    /// Loads the root.
    Root,
    Word {
        word: u8,
    },
    /// Takes the lowest token of what was seen.
    Claim {
        word: u8,
        seen: u8,
    },
    Settle {
        word: u8,
    },
    Phase1 {
        word: u8,
        seen: Root,
    },
    Check {
        word: u8,
        seen: Root,
    },
    Phase2 {
        word: u8,
        seen: Root,
        full: bool,
    },
    /// Loads the record of the token.
    Look {
        slot: u8,
    },
    Take {
        slot: u8,
        seen: Record,
    },
    /// Loads the shared word again, after a search that found nothing.
    Swept,
    /// Loads a record for a sweep.
    Scan {
        slot: u8,
    },
    /// Due: to Free.
    Free {
        slot: u8,
        seen: Record,
    },
    /// Loads a word for a repair.
    Repair {
        slot: u8,
    },
    Raise,
    /// Sets the bit.
    Give {
        slot: u8,
        then: Then,
    },
    /// Loads the root on the way up.
    Publish {
        slot: u8,
        then: Then,
    },
    SetMaybe {
        slot: u8,
        then: Then,
    },
    /// Loads the record of a lease that is to be renewed or released.
    Own {
        slot: u8,
    },
    Renew {
        slot: u8,
        seen: Record,
    },
    Release {
        slot: u8,
        seen: Record,
    },
    /// Makes an end by a pass one that cannot be undone.
    EndForGood {
        slot: u8,
        seen: Record,
    },
    /// Gives back what a batch has taken last.
    RollBack,
    Snapshot {
        slot: u8,
    },
    Apply {
        slot: u8,
    },
    Undo {
        slot: u8,
    },
    /// Clears this very bit for a call that wants all of them.
    ClaimExact {
        slot: u8,
    },
    /// Makes the offers of a call that wants all of them leases for ever.
    Commit {
        slot: u8,
    },
    Done,
}

/// What a caller has in its hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    pub(crate) slot: u8,
    pub(crate) generation: u8,
    /// The how-manieth lease of the slot it is, by the specification.
    pub(crate) serial: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Thread {
    pub(crate) op_index: u8,
    pub(crate) step: Step,
    /// The moment at which the call has read the clock, and the tick that it has read.
    pub(crate) begun: u8,
    pub(crate) now: u8,
    /// By operation: what it got.
    pub(crate) leases: [Option<Lease>; MOST],
    /// By slot: what a batch has taken so far, or a pass has seen.
    pub(crate) seen: [Option<Record>; MOST],
    /// By slot: what the exchange of a pass has written.
    pub(crate) written: [Option<Record>; MOST],
    /// A sweep has found something.
    pub(crate) found: bool,
    /// Everything that was due had been offered when the search began.
    pub(crate) swept: bool,
    /// Takes of an address that the batch had taken before.
    pub(crate) again: u8,
    /// Tokens that were not worth anything.
    pub(crate) dropped: u8,
    /// What was due when the call began and has not been touched since.
    pub(crate) owed: u8,
    /// There was an instant of the call without a token.
    pub(crate) saw_none: bool,
    /// There was one without a token, and without anything in `owed`.
    pub(crate) saw_instant: bool,
}

impl Thread {
    pub(crate) const NEW: Self = Self {
        op_index: 0,
        step: Step::Done,
        begun: 0,
        now: 0,
        leases: [None; MOST],
        seen: [None; MOST],
        written: [None; MOST],
        found: false,
        swept: false,
        again: 0,
        dropped: 0,
        owed: 0,
        saw_none: false,
        saw_instant: false,
    };

    /// At the next operation, with what it has got so far.
    pub(crate) fn next(self) -> Self {
        Self {
            op_index: self.op_index + 1,
            leases: self.leases,
            // What a pass has written is kept for its undo.
            seen: self.seen,
            written: self.written,
            ..Self::NEW
        }
    }
}

/// What is true of a slot, by the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Truth {
    /// The lease that lives, or 0.
    pub(crate) live: u8,
    /// How many leases there have been.
    pub(crate) leases: u8,
    /// When the lease that lives ends, or the last one ended.
    pub(crate) until: u8,
    /// No other holder before this tick.
    pub(crate) rest: u8,
    /// When a sweep must find it: its time, or the tick after the exchange that wrote a time that had passed.
    pub(crate) due_from: u8,
    /// The lease that a pass has ended, if it may still be undone.
    pub(crate) withdrawn: u8,
    /// The last lease of which a caller knows that it has ended.
    pub(crate) gone: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// In moments.
    pub(crate) clock: u8,
    pub(crate) deaths: u8,
    /// Tokens of each word.
    pub(crate) words: [u8; MOST],
    pub(crate) root: Root,
    pub(crate) swept: u8,
    pub(crate) records: [Record; MOST],
    pub(crate) threads: Vec<Thread>,
    /// Tokens that are there by a gift that has finished.
    pub(crate) known: u8,
    /// By slot: the threads whose gift has not finished.
    pub(crate) giving: [u8; MOST],
    pub(crate) truths: [Truth; MOST],
}

impl State {
    /// Gives the versions small numbers again: only which of them are equal matters.
    pub(crate) fn renumber_versions(&mut self) {
        let seen = |it: &Thread| match it.step {
            Step::Phase1 { seen, .. } | Step::Check { seen, .. } | Step::Phase2 { seen, .. } => {
                Some(seen.version)
            }
            _ => None,
        };
        let mut versions: Vec<u8> = self.threads.iter().filter_map(seen).collect();
        versions.push(self.root.version);
        versions.sort_unstable();
        versions.dedup();
        let number = |version: &mut u8| {
            *version = versions.binary_search(version).expect("it was collected") as u8;
        };
        number(&mut self.root.version);
        for it in &mut self.threads {
            match &mut it.step {
                Step::Phase1 { seen, .. }
                | Step::Check { seen, .. }
                | Step::Phase2 { seen, .. } => number(&mut seen.version),
                _ => {}
            }
        }
    }
}
