//! Random programs: which verbs in which mix. The same for the same seed.
//!
//! A step does not name what it releases: that depends on what its thread holds by then.

use crate::dice::Dice;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// One address: `allocate`, `allocate_net`, `guard`, `guard_arc`.
    Any,
    /// `allocate_exact`, `adopt`
    Exact,
    /// `allocate_preferring`
    Preferring,
    /// `allocate_many`
    Many,
    /// `allocate_into`
    Into,
    /// `allocate_block`, `allocate_block_exact`
    Block,
    /// `allocate_in`
    In,
    /// `allocate_from`
    From,
    /// One address through the thread's local, which reserves a word when it has nothing left.
    Local,
    /// Gives back one thing, in the way it wants to be given back.
    Release,
    /// `release_many` of some of what is held.
    ReleaseMany,
    /// A release of, or an exact claim of, what is reserved.
    Reserved,
    /// In a part of the thread's own: a release of what is free.
    ReleaseFree,
}

/// One step, with numbers to choose its arguments by.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What to do.
    pub verb: Verb,
    /// Chooses which.
    pub pick: u32,
    /// Chooses how many, or of which kind.
    pub size: u32,
    /// Chooses how long to wait before.
    pub pause: u32,
}

/// Verbs with weights.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// For messages.
    pub name: &'static str,
    weights: &'static [(Verb, u32)],
    /// Every thread claims within a part of its own, and may try to release what it does not hold.
    pub own_parts: bool,
}

/// Every verb.
pub const EVERYTHING: Mix = Mix {
    name: "everything",
    weights: &[
        (Verb::Any, 6),
        (Verb::Exact, 3),
        (Verb::Preferring, 3),
        (Verb::Many, 2),
        (Verb::Into, 2),
        (Verb::Block, 2),
        (Verb::In, 3),
        (Verb::From, 3),
        (Verb::Local, 3),
        (Verb::Release, 9),
        (Verb::ReleaseMany, 2),
        (Verb::Reserved, 1),
    ],
    own_parts: false,
};

/// One address at a time, so that nothing is ever taken for a while only.
pub const SINGLES: Mix = Mix {
    name: "singles",
    weights: &[
        (Verb::Any, 6),
        (Verb::Exact, 2),
        (Verb::Preferring, 3),
        (Verb::In, 2),
        (Verb::From, 3),
        (Verb::Release, 12),
    ],
    own_parts: false,
};

/// Batches that fail beside exact claims that must not notice.
pub const BATCHES: Mix = Mix {
    name: "batches",
    weights: &[
        (Verb::Any, 2),
        (Verb::Exact, 5),
        (Verb::Many, 6),
        (Verb::In, 2),
        (Verb::Release, 8),
        (Verb::ReleaseMany, 2),
    ],
    own_parts: false,
};

/// Blocks, and what breaks them.
pub const BLOCKS: Mix = Mix {
    name: "blocks",
    weights: &[
        (Verb::Any, 2),
        (Verb::Exact, 2),
        (Verb::Many, 1),
        (Verb::Block, 6),
        (Verb::In, 1),
        (Verb::Release, 9),
    ],
    own_parts: false,
};

/// Words in the hands of threads, and claims beside them.
pub const LOCALS: Mix = Mix {
    name: "locals",
    weights: &[
        (Verb::Any, 2),
        (Verb::Exact, 1),
        (Verb::Many, 1),
        (Verb::Block, 1),
        (Verb::In, 1),
        (Verb::Local, 8),
        (Verb::Release, 9),
        (Verb::ReleaseMany, 1),
    ],
    own_parts: false,
};

/// To and fro between the few addresses that are free: a thread that may hold no more releases one and
/// claims one, so free addresses move behind the back of every search.
pub const SHUTTLE: Mix = Mix {
    name: "shuttle",
    weights: &[
        (Verb::Any, 7),
        (Verb::Exact, 2),
        (Verb::In, 3),
        (Verb::From, 3),
        (Verb::Block, 1),
        (Verb::Release, 1),
    ],
    own_parts: false,
};

/// Threads that share words and nodes, and no address.
pub const OWN_PARTS: Mix = Mix {
    name: "own parts",
    weights: &[
        (Verb::Exact, 4),
        (Verb::In, 5),
        (Verb::Release, 7),
        (Verb::ReleaseMany, 1),
        (Verb::ReleaseFree, 3),
    ],
    own_parts: true,
};

/// All of them.
pub const MIXES: [Mix; 7] = [
    EVERYTHING, SINGLES, BATCHES, BLOCKS, LOCALS, SHUTTLE, OWN_PARTS,
];

impl Mix {
    /// So many steps.
    pub fn program(&self, dice: &mut Dice, steps: usize) -> Vec<Step> {
        let total: u32 = self.weights.iter().map(|&(_, weight)| weight).sum();
        let step = |dice: &mut Dice| Step {
            verb: self.verb_at(dice.below(total as usize) as u32),
            pick: dice.roll(),
            size: dice.roll(),
            pause: dice.roll(),
        };
        (0..steps).map(|_| step(dice)).collect()
    }

    fn verb_at(&self, mut point: u32) -> Verb {
        for &(verb, weight) in self.weights {
            if point < weight {
                return verb;
            }
            point -= weight;
        }
        Verb::Release
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed that failed is worth keeping.
    #[test]
    fn the_same_seed_gives_the_same_program() {
        let verbs = |seed| {
            let program = EVERYTHING.program(&mut Dice::new(seed, [3, 1]), 50);
            program.into_iter().map(|step| (step.verb, step.pick))
        };
        assert!(verbs(7).eq(verbs(7)));
        assert!(!verbs(7).eq(verbs(8)));
    }
}
