//! What the callers promise each other, and the ways to break it.

use crate::random::Random;

/// One way to break the contract of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// The user is written, and the address used, longer after the allocation than `grace`.
    LateUser,
    /// Released longer after the user was deleted than `grace`.
    LateRelease,
    /// The list is behind by more than `grace`.
    StaleList,
    /// Gap and lag are each shorter than `grace`, and together longer.
    GapAndLag,
    /// The end of the list is missing, and the rows are not counted.
    Truncated,
    /// The end is missing, and the operator asks how many there should be.
    TruncatedAndCounted,
    /// The list is always empty.
    Empty,
    /// Paged by offset while users are deleted.
    Offset,
    /// Two users name the same address.
    TwoOwners,
    /// The operator deletes rows of the table, whose holders go on.
    RowsDeleted,
    /// The operator adds rows for addresses that have no holder.
    RowsAdded,
    /// The operator writes what is no address.
    Garbage,
    /// The list is read before the pass begins.
    ReadBefore,
    /// `grace` is zero, and all clients go on.
    NoGrace,
}

impl Violation {
    pub(crate) const ALL: [Self; 14] = [
        Self::LateUser,
        Self::LateRelease,
        Self::StaleList,
        Self::GapAndLag,
        Self::Truncated,
        Self::TruncatedAndCounted,
        Self::Empty,
        Self::Offset,
        Self::TwoOwners,
        Self::RowsDeleted,
        Self::RowsAdded,
        Self::Garbage,
        Self::ReadBefore,
        Self::NoGrace,
    ];

    /// What can be seen before anything is freed costs nothing.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::TruncatedAndCounted
                | Self::Empty
                | Self::TwoOwners
                | Self::RowsAdded
                | Self::Garbage
        )
    }
}

/// The lengths of a schedule, in milliseconds, and what is broken in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// What the callers know of the longest gap and of the staleness of the list.
    pub(crate) grace: u64,
    /// The grace that the reconciler is given.
    pub(crate) told: u64,
    pub(crate) longest_join: u64,
    pub(crate) longest_leave: u64,
    pub(crate) longest_lag: u64,
    /// Between two entries or pages of the list.
    pub(crate) longest_pause: u64,
    pub(crate) crash_one_in: u64,
    pub(crate) two_owners: bool,
    pub(crate) broken: Option<Violation>,
}

const GRACE: u64 = 600_000;

impl Rules {
    /// Gap and lag together are less than `grace`, mostly by very little.
    pub(crate) fn kept(random: &mut Random) -> Self {
        let longest_lag = match random.below(3) {
            0 => 0,
            1 => random.below(GRACE / 3),
            _ => random.below(GRACE - 2),
        };
        let longest_gap = GRACE - longest_lag - 1;
        Self {
            grace: GRACE,
            told: GRACE,
            longest_join: longest_gap,
            longest_leave: longest_gap,
            longest_lag,
            longest_pause: GRACE / [8, 8, 2][random.below(3) as usize],
            crash_one_in: [8, 20, 200][random.below(3) as usize],
            two_owners: false,
            broken: None,
        }
    }

    pub(crate) fn broken(random: &mut Random, violation: Violation) -> Self {
        let mut rules = Self::kept(random);
        rules.broken = Some(violation);
        match violation {
            Violation::LateUser => rules.longest_join = 6 * GRACE,
            Violation::LateRelease => rules.longest_leave = 6 * GRACE,
            Violation::StaleList => rules.longest_lag = 8 * GRACE,
            Violation::GapAndLag => {
                (rules.longest_join, rules.longest_leave) = (GRACE - 1, GRACE - 1);
                rules.longest_lag = GRACE - 1;
            }
            Violation::TwoOwners => rules.two_owners = true,
            Violation::NoGrace => rules.told = 0,
            _ => {}
        }
        rules
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    pub(crate) fn breaks(&self, violation: Violation) -> bool {
        self.broken == Some(violation)
    }
}
