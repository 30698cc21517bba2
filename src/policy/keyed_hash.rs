//! SipHash 2-4 of two numbers under a key: without the key, no output reveals another one.
//!
//! The standard library has it for any number of bytes, and spends more instructions on how many there are than on the
//! rounds. Here there are always two words, and several hashes that share the first word share the work on it.

/// The state after the key, or after a word.
#[derive(Clone, Copy)]
pub(super) struct KeyedHash {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl KeyedHash {
    /// Begins with the two words of a key.
    #[inline]
    pub(super) fn new(k0: u64, k1: u64) -> Self {
        Self {
            v0: k0 ^ 0x736f_6d65_7073_6575,
            v1: k1 ^ 0x646f_7261_6e64_6f6d,
            v2: k0 ^ 0x6c79_6765_6e65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573,
        }
    }

    /// Takes in one word of the message.
    #[inline]
    pub(super) fn word(mut self, word: u64) -> Self {
        self.v3 ^= word;
        self = self.round().round();
        self.v0 ^= word;
        self
    }

    /// Returns the hash of a message of exactly two words.
    #[inline]
    pub(super) fn of_two_words(self) -> u64 {
        // The last word of a message has its length in bytes at the top, above the bytes that fill no word.
        let mut end = self.word(16 << 56);
        end.v2 ^= 0xff;
        let end = end.round().round().round().round();
        end.v0 ^ end.v1 ^ end.v2 ^ end.v3
    }

    #[inline]
    fn round(self) -> Self {
        let Self { v0, v1, v2, v3 } = self;
        let v0 = v0.wrapping_add(v1);
        let v1 = v1.rotate_left(13) ^ v0;
        let v0 = v0.rotate_left(32);
        let v2 = v2.wrapping_add(v3);
        let v3 = v3.rotate_left(16) ^ v2;
        let v0 = v0.wrapping_add(v3);
        let v3 = v3.rotate_left(21) ^ v0;
        let v2 = v2.wrapping_add(v1);
        let v1 = v1.rotate_left(17) ^ v2;
        let v2 = v2.rotate_left(32);
        Self { v0, v1, v2, v3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the standard library says.
    #[allow(deprecated)]
    fn by_the_standard_library((k0, k1): (u64, u64), words: [u64; 2]) -> u64 {
        use std::hash::{Hasher, SipHasher};
        let mut hasher = SipHasher::new_with_keys(k0, k1);
        let _ = words.map(|word| hasher.write(&word.to_le_bytes()));
        hasher.finish()
    }

    /// Words with all bits, with one bit, and any.
    fn words() -> impl Iterator<Item = u64> {
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let any = std::iter::repeat_with(move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        });
        let single = (0..u64::BITS).map(|bit| 1 << bit);
        [0, u64::MAX].into_iter().chain(single).chain(any)
    }

    /// Each word of the key and of the message goes through all of these, beside others that change.
    #[test]
    fn it_is_the_hash_of_the_standard_library() {
        let mut others = words().skip(66);
        let mut other = || others.next().unwrap();
        for word in words().take(5000) {
            for place in 0..4 {
                let mut all = [other(), other(), other(), other()];
                all[place] = word;
                let [k0, k1, first, second] = all;
                let ours = KeyedHash::new(k0, k1).word(first).word(second);
                assert_eq!(
                    ours.of_two_words(),
                    by_the_standard_library((k0, k1), [first, second]),
                    "{all:x?}"
                );
            }
        }
    }

    /// The vector of the paper that describes SipHash has 15 bytes, so this is the next one of its authors' table.
    #[test]
    fn it_is_the_hash_of_the_table_of_its_authors() {
        let word = |first: u64| (0..8).fold(0, |word, byte| word | (first + byte) << (8 * byte));
        let hash = KeyedHash::new(word(0), word(8)).word(word(0)).word(word(8));
        assert_eq!(hash.of_two_words(), 0x3f2a_cc7f_57c2_9bdb);
    }
}
