//! Random numbers, the same for the same seed.

/// xorshift64*: nothing here needs better numbers.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Creates an independent generator for each seed and each of `lanes`, such as round and thread.
    pub fn new(seed: u64, lanes: [u64; 2]) -> Self {
        let mut state = seed;
        for lane in lanes {
            state = scramble(state ^ lane.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        Self(state | 1)
    }

    /// Returns a random number.
    pub fn roll(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// Returns a random number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.roll()) * bound as u64) >> 32) as usize
    }

    /// Returns one of `choices`.
    ///
    /// # Panics
    ///
    /// If `choices` is empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Makes neighboring seeds differ (the finalizer of splitmix64).
fn scramble(mut state: u64) -> u64 {
    state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ state >> 31
}
