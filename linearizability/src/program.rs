//! Random programs: which verbs, in which mix. The same seed gives the same program.
//!
//! A step does not name what it releases, because that depends on what its thread holds by then.

use crate::dice::Dice;

/// The verb of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Claims one address with `allocate`, `allocate_net`, `guard` or `guard_arc`.
    Any,
    /// Claims a given address with `allocate_exact` or `adopt`.
    Exact,
    /// Claims with `allocate_preferring`.
    Preferring,
    /// Claims with `allocate_many`.
    Many,
    /// Claims with `allocate_into`.
    Into,
    /// Claims with `allocate_block`.
    Block,
    /// Claims with `allocate_in`.
    In,
    /// A call of `allocate_from`.
    From,
    /// Claims one address through the thread's local, which takes a word when it has no address left.
    Local,
    /// Releases one thing that the thread holds, in the way that suits it.
    Release,
    /// Releases some of what the thread holds with `release_many`.
    ReleaseMany,
    /// Releases, or claims exactly, a reserved address.
    Reserved,
    /// Releases a free address in the thread's own part.
    ReleaseFree,
}

/// A step of a program, with numbers that choose its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The verb of the step.
    pub verb: Verb,
    /// Chooses the address or the thing.
    pub pick: u32,
    /// Chooses how many, or which kind.
    pub size: u32,
    /// Chooses how long to wait before the step.
    pub pause: u32,
}

/// Verbs with weights.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// The name of the mix, for messages.
    pub name: &'static str,
    weights: &'static [(Verb, u32)],
    /// Whether every thread claims within its own part, and may release what it does not hold.
    pub own_parts: bool,
}

/// A mix of every verb.
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

/// One address at a time, so that nothing is ever held only temporarily.
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

/// Batches that fail, beside exact claims that must not be affected.
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

/// Blocks, and single claims that break them.
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

/// Words that belong to threads, and claims beside them.
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

/// Moves back and forth between the few free addresses. A thread that may hold no more releases one address and claims
/// one, so free addresses move behind every search.
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

/// Threads that share words and nodes, but no address.
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

/// Every mix.
pub const MIXES: [Mix; 7] = [
    EVERYTHING, SINGLES, BATCHES, BLOCKS, LOCALS, SHUTTLE, OWN_PARTS,
];

impl Mix {
    /// Returns a program of this many steps.
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
