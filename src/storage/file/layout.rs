//! The layout of the file: regions, offsets, lengths. Pure and checked arithmetic.
//!
//! ```text
//! 0x0000 header A   0x1000 header B   0x2000 state slot 0   0x3000 state slot 1
//! 0x4000 volatile block | nodes | trust | ready | free | quarantine | touched | configuration | records of leases
//! ```
//!
//! A layout that was read from a file is trusted only after `Layout::check`: every region that we use exists, is long
//! enough for the capacity, aligned, within the file, and does not overlap another one.

use super::records;
use crate::bitmap::Shape;
use crate::slot::{MAX_SLOTS, SLOTS_PER_WORD};
use crate::sync::WORDS_PER_CHUNK;
use crate::table::numbers;

/// Regions begin and end at multiples of this, and so does a mapping.
pub(crate) const ALIGN: u64 = 4096;

pub(crate) const HEADER_AT: [u64; 2] = [0, ALIGN];
pub(crate) const STATE_AT: [u64; 2] = [2 * ALIGN, 3 * ALIGN];

const FIRST_REGION_AT: u64 = 4 * ALIGN;
const WORD_BYTES: u64 = 8;

/// The maximum number of regions in a header.
pub(crate) const MAX_REGIONS: usize = 12;

/// The maximum number of words of a pool.
pub(crate) const MAX_WORDS: u64 = MAX_SLOTS / SLOTS_PER_WORD as u64;

/// The contents of a region. The numbers are those in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Counters of the attached processes. A first opener never trusts them.
    Volatile,
    /// The summary tree. A first opener rebuilds it.
    Nodes,
    /// One bit per word: the word on the disk is true. 0 means that nothing vouches for it.
    Trust,
    /// One bit per word, volatile: reserved for a later durability.
    Ready,
    /// One bit per slot: 1 means free.
    Free,
    /// One bit per slot: 1 means that it may have been handed out before the machine went down.
    Quarantine,
    /// One bit per slot that was claimed during a pass. Old marks are cleared when the next pass begins.
    Touched,
    /// Two copies of the configuration, as text.
    Config,
    /// The records of leases, after a page of facts about them. Only a file of leases has it.
    Records,
}

// In the order of the file.
numbers! {
    all Kind: u32 {
        Volatile = 1,
        Nodes = 2,
        Trust = 3,
        Ready = 4,
        Free = 5,
        Quarantine = 6,
        Touched = 7,
        Config = 8,
        Records = 9,
    }
}

const _: () = assert!(Kind::ALL.len() <= MAX_REGIONS);

/// One entry of the directory. All zeros: no region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Region {
    fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.len)
    }
}

/// The directory of a file, with its sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The number of words that the file has room for; a multiple of the words of a chunk.
    pub(crate) capacity_words: u64,
    pub(crate) file_len: u64,
    pub(crate) regions: [Region; MAX_REGIONS],
}

/// A range of bytes of the file, known to be within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

impl Layout {
    /// Returns the layout of a new file with room for `capacity_slots` and for two configurations of `config_bytes`.
    /// Returns `None` if a pool cannot have so many slots.
    pub(crate) fn plan(capacity_slots: u64, config_bytes: u64, has_records: bool) -> Option<Self> {
        let chunk_words = WORDS_PER_CHUNK as u64;
        let capacity_words = capacity_slots
            .div_ceil(SLOTS_PER_WORD.into())
            .checked_next_multiple_of(chunk_words)?;
        if capacity_words == 0 || capacity_words > MAX_WORDS {
            return None;
        }
        let config_half = config_bytes.checked_next_multiple_of(ALIGN)?.max(ALIGN);
        let mut regions = [Region::default(); MAX_REGIONS];
        let mut offset = FIRST_REGION_AT;
        for (region, kind) in regions.iter_mut().zip(kinds(has_records)) {
            let len = match kind {
                Kind::Config => config_half.checked_mul(2)?,
                Kind::Volatile
                | Kind::Nodes
                | Kind::Trust
                | Kind::Ready
                | Kind::Free
                | Kind::Quarantine
                | Kind::Touched
                | Kind::Records => {
                    least_len(kind, capacity_words).checked_next_multiple_of(ALIGN)?
                }
            };
            *region = Region {
                kind: kind.number(),
                flags: 0,
                offset,
                len,
            };
            offset = region.end()?;
        }
        Some(Self {
            capacity_words,
            file_len: offset,
            regions,
        })
    }

    /// Checks that a layout that was read can be used. The error says what is wrong with it.
    pub(crate) fn check(&self, has_records: bool) -> Result<(), &'static str> {
        let words = self.capacity_words;
        if words == 0 || words > MAX_WORDS || !words.is_multiple_of(WORDS_PER_CHUNK as u64) {
            return Err("impossible capacity");
        }
        if isize::try_from(self.file_len).is_err() {
            return Err("impossible file length");
        }
        let mut spans = Vec::with_capacity(MAX_REGIONS);
        for region in &self.regions {
            if *region == Region::default() {
                continue;
            }
            let end = region.end().filter(|&end| end <= self.file_len);
            let Some(end) = end else {
                return Err("a region reaches beyond the file");
            };
            if region.offset < FIRST_REGION_AT
                || !(region.offset | region.len).is_multiple_of(ALIGN)
            {
                return Err("a region is not aligned");
            }
            spans.push((region.offset, end));
        }
        spans.sort_unstable();
        if spans.windows(2).any(|pair| pair[1].0 < pair[0].1) {
            return Err("regions overlap");
        }
        for kind in kinds(has_records) {
            let mut found = self
                .regions
                .iter()
                .filter(|region| region.kind == kind.number());
            match (found.next(), found.next()) {
                (Some(region), None) if region.len >= least_len(kind, words) => {}
                _ => return Err("a region is missing, too short, or there twice"),
            }
        }
        Ok(())
    }

    /// Returns where a region is. Every layout that was planned or checked has it; without records, theirs is empty.
    pub(crate) fn extent(&self, kind: Kind) -> Extent {
        let region = self
            .regions
            .iter()
            .find(|region| region.kind == kind.number());
        let region = region.copied().unwrap_or_default();
        Extent {
            offset: region.offset as usize,
            len: region.len as usize,
        }
    }

    /// Returns where the configuration for a header of this generation is. Generations alternate, so that the one in
    /// force is never overwritten.
    pub(crate) fn config_extent(&self, generation: u64) -> Extent {
        let whole = self.extent(Kind::Config);
        let half = whole.len / 2;
        Extent {
            offset: whole.offset + half * (generation % 2) as usize,
            len: half,
        }
    }
}

/// Returns the regions that a file must have.
fn kinds(has_records: bool) -> impl Iterator<Item = Kind> {
    Kind::ALL
        .into_iter()
        .filter(move |&kind| has_records || kind != Kind::Records)
}

/// Returns how many bytes a region needs for this many words.
fn least_len(kind: Kind, capacity_words: u64) -> u64 {
    let chunk_count = capacity_words / WORDS_PER_CHUNK as u64;
    match kind {
        Kind::Volatile => ALIGN,
        Kind::Nodes => WORD_BYTES * Shape::tree(chunk_count as usize).node_count() as u64,
        Kind::Trust | Kind::Ready => WORD_BYTES * capacity_words.div_ceil(SLOTS_PER_WORD.into()),
        Kind::Free | Kind::Quarantine | Kind::Touched => WORD_BYTES * capacity_words,
        Kind::Config => 2 * ALIGN,
        Kind::Records => WORD_BYTES * records::words_for(capacity_words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_design() {
        let len = |slots| Layout::plan(slots, 200, false).unwrap().file_len;
        assert_eq!(len(1), 52 << 10);
        assert_eq!(len(256), 52 << 10, "a /24 takes at most 56 KiB");
        assert!(len(1 << 16) <= 64 << 10);
        assert!(len(1 << 24) <= 7 << 20, "a /8 takes at most 7 MiB");
        assert!(Layout::plan(MAX_SLOTS, 200, false).is_some());
        assert!(Layout::plan(MAX_SLOTS + 1, 200, false).is_none());
        assert!(Layout::plan(0, 200, false).is_none());
        assert!(Layout::plan(u64::MAX, 200, false).is_none());
        assert!(Layout::plan(256, u64::MAX, false).is_none());
    }

    #[test]
    fn what_is_planned_passes_the_check_and_nothing_overlaps() {
        for slots in [1, 64, 512, 513, 65_536, 1 << 20, 1 << 24, MAX_SLOTS] {
            let layout = Layout::plan(slots, 5000, false).unwrap();
            assert_eq!(layout.check(false), Ok(()), "{slots} slots");
            let halves = [layout.config_extent(1), layout.config_extent(2)];
            assert_eq!(halves[0].offset, halves[1].offset + halves[1].len);
            assert!(halves[0].len >= 5000);
        }
    }

    /// Absurd numbers in a directory are an error, not an overflow.
    #[test]
    fn absurd_layouts_are_refused() {
        let good = Layout::plan(256, 200, false).unwrap();
        let bad = |change: &dyn Fn(&mut Layout)| {
            let mut layout = good.clone();
            change(&mut layout);
            layout.check(false).unwrap_err()
        };
        assert_eq!(bad(&|l| l.capacity_words = 0), "impossible capacity");
        assert_eq!(bad(&|l| l.capacity_words = 7), "impossible capacity");
        assert_eq!(bad(&|l| l.capacity_words = u64::MAX), "impossible capacity");
        assert_eq!(bad(&|l| l.file_len = u64::MAX), "impossible file length");
        let beyond = "a region reaches beyond the file";
        assert_eq!(bad(&|l| l.file_len -= ALIGN), beyond);
        assert_eq!(bad(&|l| l.regions[2].offset = u64::MAX), beyond);
        assert_eq!(bad(&|l| l.regions[2].len = u64::MAX), beyond);
        assert_eq!(
            bad(&|l| l.regions[2].offset += 8),
            "a region is not aligned"
        );
        assert_eq!(bad(&|l| l.regions[2].offset = 0), "a region is not aligned");
        assert_eq!(bad(&|l| l.regions[2].offset -= ALIGN), "regions overlap");
        let missing = "a region is missing, too short, or there twice";
        assert_eq!(bad(&|l| l.regions[2] = Region::default()), missing);
        assert_eq!(bad(&|l| l.regions[2].kind = 5), missing);
        assert_eq!(bad(&|l| l.regions[4].len = 0), missing);
        assert_eq!(bad(&|l| l.capacity_words = MAX_WORDS), missing);
    }
}
