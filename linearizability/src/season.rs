//! Storms on many pools, with both search modes and all mixes.

use crate::arena::{Arena, SEARCHES, Terrain};
use crate::dice::Dice;
use crate::program::MIXES;
use crate::storm::{Failure, Storm};
use crate::tally::Tally;
use hostbits::Policy;

/// The games of a season.
#[derive(Clone, Copy, Debug)]
pub struct Season<'a> {
    /// The pools to play on.
    pub terrains: &'a [Terrain],
    /// The policy of the pools.
    pub policy: Policy,
    /// The seed of the programs.
    pub seed: u64,
    /// The minimum number of calls in all.
    pub calls: u64,
    /// Whether rounds have only a dozen calls. They are then short enough for the complete checker even if all calls
    /// overlap, as may happen on a machine with many processors. On a busy machine with few processors, long rounds
    /// have more overlaps of a few calls.
    pub brief: bool,
}

impl Season<'_> {
    /// Plays every mix on every terrain with both search modes.
    ///
    /// # Errors
    ///
    /// Returns the first history that has no explanation.
    pub fn run(&self) -> Result<Tally, Box<Failure>> {
        let mut tally = Tally::default();
        let combinations = (self.terrains.len() * SEARCHES.len() * MIXES.len()) as u64;
        let calls_each = self.calls.div_ceil(combinations);
        for &terrain in self.terrains {
            for search in SEARCHES {
                let arena = Arena::new(terrain, self.policy, search);
                for mix in 0..MIXES.len() {
                    tally.merge(&self.storm(terrain, mix, calls_each).run(&arena)?);
                }
            }
        }
        Ok(tally)
    }

    fn storm(&self, terrain: Terrain, mix: usize, calls: u64) -> Storm {
        let mut dice = Dice::new(self.seed, [terrain as u64, mix as u64]);
        let (threads, steps) = if self.brief {
            (2 + dice.below(2), 4)
        } else {
            (2 + dice.below(4), steps(terrain))
        };
        Storm {
            seed: self.seed,
            rounds: calls.div_ceil((threads * steps) as u64),
            threads,
            steps,
            mix: MIXES[mix],
            tickets: dice.below(4) == 0,
        }
    }
}

/// Returns the number of steps. Rounds are short where everything collides, because a lost slot shows at the end of a
/// history, where no later release can hide it. They are long where an end is expensive.
fn steps(terrain: Terrain) -> usize {
    match terrain {
        Terrain::Wide | Terrain::Vast => 1500,
        Terrain::Tall | Terrain::Blocks => 300,
        Terrain::Word | Terrain::Seventy | Terrain::Ranges => 120,
        _ => 40,
    }
}
