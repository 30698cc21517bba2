//! What a contestant is, in words and yes or no.

/// Which address comes next: the service by which contestants are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The lowest free address, exactly, on one thread.
    LowestFirst,
    /// Any free address.
    AnyAddress,
}

impl Order {
    /// Returns the name of the service in tables and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::LowestFirst => "lowest",
            Self::AnyAddress => "any",
        }
    }
}

/// How several threads use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// At the same time, without locks.
    LockFree,
    /// At the same time, with a lock for each part.
    ShardedLocks,
    /// One thread at a time, behind one lock.
    OneLock,
}

/// What a contestant is and what it can do.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name in tables and records.
    pub name: &'static str,
    /// Whether this is hostbits.
    pub ours: bool,
    /// Which address comes next.
    pub order: Order,
    /// How several threads use it.
    pub threads: Threads,
    /// Whether a caller can ask for a given address.
    pub exact_claim: bool,
    /// Whether it can say if an address is taken.
    pub membership: bool,
    /// Whether it notices that a released address was not taken.
    pub notices_double_release: bool,
    /// Whether "nothing free" is true at some instant of the call while others are at work.
    pub exhausted_is_exact: bool,
    /// Whether an allocation may take time in proportion to what is taken.
    pub walks: bool,
}

impl Profile {
    /// Describes the least capable contestant: one lock, no abilities.
    pub const fn new(name: &'static str, order: Order) -> Self {
        Self {
            name,
            ours: false,
            order,
            threads: Threads::OneLock,
            exact_claim: false,
            membership: false,
            notices_double_release: false,
            exhausted_is_exact: true,
            walks: false,
        }
    }

    /// Describes a set of addresses or bits: every address can be asked for, looked up, and seen to be free.
    pub const fn with_membership(mut self) -> Self {
        self.exact_claim = true;
        self.membership = true;
        self.notices_double_release = true;
        self
    }

    /// Marks the contestant as used by several threads at the same time.
    pub const fn concurrent(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Marks the contestant as inexact: its "nothing free" may mean that the free address moved behind the search.
    pub const fn may_miss_what_moves(mut self) -> Self {
        self.exhausted_is_exact = false;
        self
    }

    /// Marks the contestant as slow on full pools: an allocation walks over all that is taken.
    pub const fn walking(mut self) -> Self {
        self.walks = true;
        self
    }

    /// Returns what it cannot do at all, separated by `; `.
    pub fn cannot(&self) -> String {
        let abilities = [
            (self.order == Order::LowestFirst, "lowest first"),
            (self.exact_claim, "exact claim"),
            (self.membership, "membership"),
            (self.notices_double_release, "notice a double release"),
            (self.exhausted_is_exact, "exact \"exhausted\""),
            (self.threads != Threads::OneLock, "threads at a time"),
            (self.threads == Threads::LockFree, "lock-free"),
        ];
        let missing = abilities.iter().filter(|(able, _)| !able);
        missing
            .map(|(_, what)| *what)
            .collect::<Vec<_>>()
            .join("; ")
    }
}
