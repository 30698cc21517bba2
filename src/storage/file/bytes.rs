//! Little-endian numbers in blocks of 512 bytes, the checksum at the end of a block, and a checksum for maps.
//!
//! The offsets are constants of `header` and `state`. Nothing here reads a length or an offset from the bytes.

use crate::open_error::OpenError;
use std::ops::Range;

/// The size of a header or a state slot, in bytes.
pub(crate) const BLOCK_BYTES: usize = 512;

/// The offset of the checksum of everything before it.
pub(crate) const CHECKSUM_AT: usize = 0x1fc;

pub(crate) type Block = [u8; BLOCK_BYTES];

/// A number that this version does not know, in a block whose checksum is correct: a newer version wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(super) what: &'static str,
    pub(super) number: u64,
}

impl Unknown {
    /// Returns the first unknown number. A row has a description, the number, and whether it is known.
    pub(super) fn first(rows: &[(&'static str, u64, bool)]) -> Option<Self> {
        let row = rows.iter().find(|(.., is_known)| !is_known);
        row.map(|&(what, number, _)| Self { what, number })
    }
}

impl From<Unknown> for OpenError {
    fn from(Unknown { what, number }: Unknown) -> Self {
        Self::unknown(&format!("{what} {number}"))
    }
}

/// Returns the offset of the first byte that is not zero; 0 if there is none.
pub(super) fn first_in_use(block: &Block, kept: Range<usize>) -> u64 {
    let mut at = kept;
    at.find(|&at| block[at] != 0).unwrap_or(0) as u64
}

pub(super) fn get_u32(block: &Block, at: usize) -> u32 {
    u32::from_le_bytes(get(block, at))
}

pub(super) fn get_u64(block: &Block, at: usize) -> u64 {
    u64::from_le_bytes(get(block, at))
}

/// The largest number that can be reached by counting in ones.
pub(super) const MAX_COUNT: u64 = u64::MAX / 2;

/// Reads a counter that can be incremented for ever; returns `None` for a number that cannot be reached by counting.
pub(super) fn get_count(block: &Block, at: usize) -> Option<u64> {
    Some(get_u64(block, at)).filter(|&count| count <= MAX_COUNT)
}

pub(super) fn get<const LEN: usize>(block: &Block, at: usize) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    bytes.copy_from_slice(&block[at..at + LEN]);
    bytes
}

pub(super) fn put_u32(block: &mut Block, at: usize, value: u32) {
    put(block, at, value.to_le_bytes());
}

pub(super) fn put_u64(block: &mut Block, at: usize, value: u64) {
    put(block, at, value.to_le_bytes());
}

pub(super) fn put<const LEN: usize>(block: &mut Block, at: usize, bytes: [u8; LEN]) {
    block[at..at + LEN].copy_from_slice(&bytes);
}

/// Writes the checksum. This must be the last change to a block.
pub(super) fn seal(block: &mut Block) {
    let checksum = crc32c(&block[..CHECKSUM_AT]);
    put_u32(block, CHECKSUM_AT, checksum);
}

pub(super) fn is_sealed(block: &Block) -> bool {
    get_u32(block, CHECKSUM_AT) == crc32c(&block[..CHECKSUM_AT])
}

/// Returns the CRC-32C (Castagnoli), as in iSCSI and ext4.
///
/// It uses a table of its own: each open sums only a few kilobytes, too little for a dependency.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        sum >> 8 ^ CRC_TABLE[usize::from(sum as u8 ^ byte)]
    })
}

const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

/// A checksum of words, for maps of megabytes, with four independent lanes (eight are slower).
///
/// Each step is a bijection of the word and of the lane, so words that differ in one place never have the same sum, and
/// others have it with a probability of 2^-64. It does not protect against deliberate changes.
#[derive(Clone, Copy)]
pub(crate) struct WordSum {
    lanes: [u64; SUM_LANES],
}

/// Words come in groups of this many.
pub(crate) const SUM_LANES: usize = 4;

/// Odd, and half of its bits are set: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl WordSum {
    pub(crate) fn new() -> Self {
        Self {
            lanes: std::array::from_fn(|lane| lane as u64 + 1),
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, words: [u64; SUM_LANES]) {
        for (lane, word) in self.lanes.iter_mut().zip(words) {
            *lane = step(*lane, word);
        }
    }

    /// Adds all words of a map. The last group is padded with zeros.
    pub(crate) fn add_map<W>(&mut self, words: &[W], load: impl Fn(&W) -> u64) {
        let (groups, rest) = words.as_chunks();
        groups
            .iter()
            .for_each(|group| self.add(group.each_ref().map(&load)));
        if !rest.is_empty() {
            let mut rest = rest.iter();
            self.add(std::array::from_fn(|_| rest.next().map_or(0, &load)));
        }
    }

    /// Returns the sum of maps that were read, one after the other.
    pub(crate) fn of(maps: [&[u64]; 2]) -> u64 {
        let mut sum = Self::new();
        maps.iter().for_each(|map| sum.add_map(map, |word| *word));
        sum.finish()
    }

    pub(crate) fn finish(self) -> u64 {
        let [first, rest @ ..] = self.lanes;
        rest.into_iter().fold(step(first, 0), step)
    }
}

#[inline]
fn step(lane: u64, word: u64) -> u64 {
    (lane ^ word).wrapping_mul(SPREAD).rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No word can change, and no two words can be swapped, without a change of the sum.
    #[test]
    fn a_sum_of_words_knows_each_word_and_its_place() {
        let sum = |words: &[u64]| WordSum::of([words, &[]]);
        let words = [0, u64::MAX, 0, 1, 0, 0, 2, 0, u64::MAX, 0, 0, 0, 0, 0, 0, 7];
        let good = sum(&words);
        assert_eq!(sum(&words), good);
        assert_ne!(sum(&[0; 16]), sum(&[0; 8]), "zeros count");
        for at in 0..words.len() {
            for bit in 0..64 {
                let mut other = words;
                other[at] ^= 1 << bit;
                assert_ne!(sum(&other), good, "bit {bit} of word {at}");
            }
            for with in 0..at {
                let mut other = words;
                other.swap(at, with);
                assert_eq!(sum(&other) == good, other == words, "{at} and {with}");
            }
        }
    }

    /// The check value of the catalogue of CRCs, and those of RFC 3720, B.4.
    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&[]), 0);
    }
}
