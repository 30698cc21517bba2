//! The header: what the file is. Conversions between bytes and values, pure, and without panics.
//!
//! There are two copies on separate pages. Growth writes the next generation over the older copy, so one of the two is
//! intact at every instant. `docs/design/file-format.md` has the offsets.

use super::bytes::{
    BLOCK_BYTES, Block, Unknown, first_in_use, get, get_count, get_u32, get_u64, is_sealed, put,
    put_u32, put_u64, seal,
};
use super::layout::{ALIGN, Kind, Layout, MAX_REGIONS, Region};
use crate::durability::Durability;
use crate::open_error::FORMAT;
use crate::slot::{MAX_SLOTS, SLOTS_PER_WORD};

/// "\x89IPBM\r\n\x1a": damaged by any program that treats the file as text or strips the eighth bit.
pub(crate) const MAGIC: [u8; 8] = [0x89, b'I', b'P', b'B', b'M', b'\r', b'\n', 0x1a];

const MINOR: u32 = 0;

/// The edges that a network can have: the first address and the last one.
const EDGES: u8 = 0b11;
const ENDIAN_TAG: u64 = 0x0102_0304_0506_0708;

mod at {
    pub(super) const MAGIC: usize = 0x00;
    pub(super) const MAJOR: usize = 0x08;
    pub(super) const MINOR: usize = 0x0c;
    pub(super) const COMPAT: usize = 0x10;
    pub(super) const RO_COMPAT: usize = 0x18;
    pub(super) const INCOMPAT: usize = 0x20;
    pub(super) const ENDIAN: usize = 0x28;
    pub(super) const UUID: usize = 0x30;
    pub(super) const GENERATION: usize = 0x40;
    pub(super) const CREATED: usize = 0x48;
    pub(super) const FAMILY: usize = 0x50;
    pub(super) const PREFIX_LEN: usize = 0x51;
    pub(super) const MODE: usize = 0x52;
    pub(super) const EDGES: usize = 0x53;
    pub(super) const ALIGN: usize = 0x54;
    pub(super) const BASE: usize = 0x58;
    pub(super) const SLOTS: usize = 0x68;
    pub(super) const FIRST_HOST: usize = 0x70;
    pub(super) const WORDS: usize = 0x78;
    pub(super) const CAPACITY_WORDS: usize = 0x80;
    pub(super) const FILE_LEN: usize = 0x88;
    pub(super) const DIRECTORY: usize = 0x90;
    /// Up to the length: zero in a plain pool, and reserved but for two fields in a pool of leases.
    pub(super) const RESERVED: usize = 0x1b0;
    pub(super) const RECORD_BYTES: usize = 0x1b4;
    pub(super) const COOLDOWN: usize = 0x1b8;
    /// What is reserved after them.
    pub(super) const RESERVED_TOO: usize = 0x1c0;
    pub(super) const HEADER_LEN: usize = 0x1f8;
}

/// The features without which a file cannot be understood: it has records of leases.
const HAS_RECORDS: u64 = 1;
/// The size of a record.
const RECORD_BYTES: u32 = 16;
/// The longest cooldown that a record can hold, in seconds.
const LONGEST_COOLDOWN: u64 = 1 << 27;

const REGION_BYTES: usize = 24;
const _: () = assert!(at::DIRECTORY + MAX_REGIONS * REGION_BYTES == at::RESERVED);

/// What the pool in the file is, as far as numbers express it; the rest is in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Features that a reader may ignore.
    pub(crate) compat: u64,
    /// Features without which a file may be read, but not written.
    pub(crate) ro_compat: u64,
    pub(crate) uuid: [u8; 16],
    pub(crate) generation: u64,
    pub(crate) created_ns: u64,
    pub(crate) facts: Facts,
    /// The cooldown of a pool of leases, in seconds; `None` for a plain pool.
    pub(crate) cooldown: Option<u32>,
    pub(crate) layout: Layout,
}

/// The facts about the pool's network, which are stored when the file is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The address family: 4 or 6.
    pub(crate) family: u8,
    /// The prefix length of the network; 255 for a pool that consists of ranges alone.
    pub(crate) prefix_len: u8,
    /// The number of the durability.
    pub(crate) mode: u8,
    /// Bit 0: the first address of the network is reserved; bit 1: the last one is.
    pub(crate) edges: u8,
    /// The address of slot 0.
    pub(crate) base: [u8; 16],
    pub(crate) slot_count: u64,
    /// The lowest slot that can be handed out.
    pub(crate) first_host: u64,
}

impl Facts {
    pub(crate) fn word_count(&self) -> u64 {
        self.slot_count.div_ceil(SLOTS_PER_WORD.into())
    }
}

/// Why bytes are not a header that this version can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeaderProblem {
    pub(crate) what: Unreadable,
    /// Whether the checksum is correct, so that these bytes are what was meant to be written.
    intact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    BadMagic,
    OtherEndian,
    Version(u32),
    Features(u64),
    Unknown(Unknown),
    Corrupt(&'static str),
}

impl Header {
    pub(crate) fn encode(&self) -> Block {
        let mut block = [0; _];
        put(&mut block, at::MAGIC, MAGIC);
        put_u32(&mut block, at::MAJOR, FORMAT);
        put_u32(&mut block, at::MINOR, MINOR);
        put_u64(&mut block, at::COMPAT, self.compat);
        put_u64(&mut block, at::RO_COMPAT, self.ro_compat);
        if let Some(cooldown) = self.cooldown {
            put_u64(&mut block, at::INCOMPAT, HAS_RECORDS);
            put_u32(&mut block, at::RECORD_BYTES, RECORD_BYTES);
            put_u64(&mut block, at::COOLDOWN, cooldown.into());
        }
        put(&mut block, at::ENDIAN, ENDIAN_TAG.to_ne_bytes());
        put(&mut block, at::UUID, self.uuid);
        put_u64(&mut block, at::GENERATION, self.generation);
        put_u64(&mut block, at::CREATED, self.created_ns);
        self.facts.encode(&mut block);
        put_u32(&mut block, at::ALIGN, ALIGN as u32);
        put_u64(&mut block, at::CAPACITY_WORDS, self.layout.capacity_words);
        put_u64(&mut block, at::FILE_LEN, self.layout.file_len);
        for (index, region) in self.layout.regions.iter().enumerate() {
            let from = at::DIRECTORY + index * REGION_BYTES;
            put_u32(&mut block, from, region.kind);
            put_u32(&mut block, from + 4, region.flags);
            put_u64(&mut block, from + 8, region.offset);
            put_u64(&mut block, from + 16, region.len);
        }
        put_u32(&mut block, at::HEADER_LEN, BLOCK_BYTES as u32);
        seal(&mut block);
        block
    }

    pub(crate) fn decode(block: &Block) -> Result<Self, HeaderProblem> {
        let intact = is_sealed(block);
        let problem = |what| HeaderProblem { what, intact };
        let corrupt = |what| problem(Unreadable::Corrupt(what));
        if get(block, at::MAGIC) != MAGIC {
            return Err(problem(Unreadable::BadMagic));
        }
        // Before anything is trusted: all versions have the checksum in this place.
        if !intact {
            return Err(corrupt("the checksum does not match"));
        }
        let tag = get(block, at::ENDIAN);
        if u64::from_ne_bytes(tag) == ENDIAN_TAG.swap_bytes() {
            return Err(problem(Unreadable::OtherEndian));
        }
        match get_u32(block, at::MAJOR) {
            FORMAT => {}
            other => return Err(problem(Unreadable::Version(other))),
        }
        match get_u64(block, at::INCOMPAT) {
            0 | HAS_RECORDS => {}
            features => return Err(problem(Unreadable::Features(features & !HAS_RECORDS))),
        }
        let has_records = get_u64(block, at::INCOMPAT) == HAS_RECORDS;
        if u64::from_ne_bytes(tag) != ENDIAN_TAG {
            return Err(corrupt("the byte order is invalid"));
        }
        if let Some(unknown) = Self::unknown_in(block, has_records) {
            return Err(problem(Unreadable::Unknown(unknown)));
        }
        let header = Self {
            compat: get_u64(block, at::COMPAT),
            ro_compat: get_u64(block, at::RO_COMPAT),
            uuid: get(block, at::UUID),
            generation: get_count(block, at::GENERATION)
                .ok_or_else(|| corrupt("impossible number of growths"))?,
            created_ns: get_u64(block, at::CREATED),
            facts: Facts::decode(block),
            cooldown: has_records.then(|| get_u64(block, at::COOLDOWN) as u32),
            layout: Layout {
                capacity_words: get_u64(block, at::CAPACITY_WORDS),
                file_len: get_u64(block, at::FILE_LEN),
                regions: std::array::from_fn(|index| decode_region(block, index)),
            },
        };
        let words = get_u64(block, at::WORDS);
        if words != header.facts.word_count() || words > header.layout.capacity_words {
            return Err(corrupt("the numbers of words and slots do not match"));
        }
        header.layout.check(has_records).map_err(corrupt)?;
        Ok(header)
    }

    /// Returns what a header with a correct checksum contains that this version does not know.
    fn unknown_in(block: &Block, has_records: bool) -> Option<Unknown> {
        let facts = Facts::decode(block);
        let regions = (0..MAX_REGIONS).map(|index| decode_region(block, index));
        let known_regions = regions.filter(|region| Kind::of_number(region.kind).is_some());
        let flags = known_regions.fold(0, |flags, region| flags | region.flags);
        let header_len = get_u32(block, at::HEADER_LEN);
        let record_bytes = get_u32(block, at::RECORD_BYTES);
        let cooldown = get_u64(block, at::COOLDOWN);
        let reserved = [
            at::RESERVED..at::RECORD_BYTES,
            at::RESERVED_TOO..at::HEADER_LEN,
        ];
        let in_use = match has_records {
            false => first_in_use(block, at::RESERVED..at::HEADER_LEN),
            true => reserved
                .into_iter()
                .map(|bytes| first_in_use(block, bytes))
                .find(|&byte| byte != 0)
                .unwrap_or(0),
        };
        let align = get_u32(block, at::ALIGN).into();
        let durability = Durability::of_number(facts.mode);
        Unknown::first(&[
            (
                "header length",
                header_len.into(),
                header_len as usize == block.len(),
            ),
            ("header byte", in_use, in_use == 0),
            (
                "size of a record",
                record_bytes.into(),
                !has_records || record_bytes == RECORD_BYTES,
            ),
            (
                "cooldown",
                cooldown,
                !has_records || cooldown <= LONGEST_COOLDOWN,
            ),
            ("alignment", align, align == ALIGN),
            (
                "address family",
                facts.family.into(),
                matches!(facts.family, 4 | 6),
            ),
            ("durability", facts.mode.into(), durability.is_some()),
            ("edges", facts.edges.into(), facts.edges & !EDGES == 0),
            (
                "number of slots",
                facts.slot_count,
                (1..=MAX_SLOTS).contains(&facts.slot_count),
            ),
            ("flags of a region", flags.into(), flags == 0),
        ])
    }

    /// Returns which of the two copies is damaged, if exactly one is, and the other can be understood. A copy that a
    /// newer version has written is not damaged.
    pub(crate) fn damaged_copy(copies: [&Block; 2]) -> Option<usize> {
        match copies.map(Self::decode) {
            [Err(problem), Ok(_)] if !problem.intact => Some(0),
            [Ok(_), Err(problem)] if !problem.intact => Some(1),
            _ => None,
        }
    }

    /// Returns the header in force, and the other copy if it has an older generation: then a process died while the
    /// file grew.
    ///
    /// A damaged copy is skipped. A copy that is intact but not understood is not skipped, whatever the other one is: a
    /// newer version wrote it.
    pub(crate) fn choose(copies: [&Block; 2]) -> Result<(Self, Option<Self>), Unreadable> {
        match copies.map(Self::decode) {
            [Err(problem), _] | [_, Err(problem)] if problem.intact => Err(problem.what),
            [Ok(a), Ok(b)] if a.uuid != b.uuid => Err(Unreadable::Corrupt(
                "the two headers belong to different files",
            )),
            [Ok(a), Ok(b)] if a.generation == b.generation && a != b => {
                Err(Unreadable::Corrupt("the two headers contradict each other"))
            }
            [Ok(a), Ok(b)] if a.generation > b.generation => Ok((a, Some(b))),
            [Ok(a), Ok(b)] if a.generation < b.generation => Ok((b, Some(a))),
            [Ok(a), Ok(_)] => Ok((a, None)),
            [Ok(good), Err(_)] | [Err(_), Ok(good)] => Ok((good, None)),
            [Err(a), Err(_)] if a.what != Unreadable::BadMagic => Err(a.what),
            [Err(_), Err(b)] => Err(b.what),
        }
    }
}

impl Facts {
    fn encode(&self, block: &mut Block) {
        block[at::FAMILY] = self.family;
        block[at::PREFIX_LEN] = self.prefix_len;
        block[at::MODE] = self.mode;
        block[at::EDGES] = self.edges;
        put(block, at::BASE, self.base);
        put_u64(block, at::SLOTS, self.slot_count);
        put_u64(block, at::FIRST_HOST, self.first_host);
        put_u64(block, at::WORDS, self.word_count());
    }

    fn decode(block: &Block) -> Self {
        Self {
            family: block[at::FAMILY],
            prefix_len: block[at::PREFIX_LEN],
            mode: block[at::MODE],
            edges: block[at::EDGES],
            base: get(block, at::BASE),
            slot_count: get_u64(block, at::SLOTS),
            first_host: get_u64(block, at::FIRST_HOST),
        }
    }
}

fn decode_region(block: &Block, index: usize) -> Region {
    let from = at::DIRECTORY + index * REGION_BYTES;
    Region {
        kind: get_u32(block, from),
        flags: get_u32(block, from + 4),
        offset: get_u64(block, from + 8),
        len: get_u64(block, from + 16),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn header(slot_count: u64) -> Header {
        Header {
            compat: 0,
            ro_compat: 0,
            uuid: *b"0123456789abcdef",
            generation: 1,
            created_ns: 1_700_000_000_000_000_000,
            facts: Facts {
                family: 4,
                prefix_len: 24,
                mode: 0,
                edges: 3,
                base: [0; 16],
                slot_count,
                first_host: 2,
            },
            cooldown: None,
            layout: Layout::plan(slot_count, 100, false).unwrap(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for slot_count in [1, 256, 1 << 24, MAX_SLOTS] {
            let header = header(slot_count);
            assert_eq!(Header::decode(&header.encode()), Ok(header));
        }
    }

    /// Every single bit of a header: no change goes unnoticed, and the other copy saves the file.
    #[test]
    fn every_flipped_bit_is_noticed_and_one_bad_copy_is_tolerated() {
        let header = header(256);
        let good = header.encode();
        for bit in 0..good.len() * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bad).is_err(), "bit {bit}");
            for copies in [[&bad, &good], [&good, &bad]] {
                assert_eq!(
                    Header::choose(copies),
                    Ok((header.clone(), None)),
                    "bit {bit}"
                );
            }
            assert!(Header::choose([&bad, &bad]).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn truncated_and_random_bytes_are_no_header() {
        let good = header(256).encode();
        for len in 0..good.len() - 1 {
            let mut cut = good;
            cut[len..].fill(0);
            if cut != good {
                assert!(Header::decode(&cut).is_err(), "cut at {len}");
            }
        }
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        for round in 0..20_000 {
            let mut block = if round % 2 == 0 { [0; _] } else { good };
            for _ in 0..8 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                block[random as usize % 508] = (random >> 32) as u8;
            }
            // With a matching checksum: now the geometry must notice.
            seal(&mut block);
            if let Ok(header) = Header::decode(&block) {
                assert_eq!(header.layout.check(header.cooldown.is_some()), Ok(()));
            }
        }
    }

    #[test]
    fn versions_features_and_byte_order_are_told_apart() {
        let change = |at: usize, byte: u8| {
            let mut block = header(256).encode();
            block[at] = byte;
            seal(&mut block);
            block
        };
        let what = |block: &Block| Header::decode(block).map_err(|problem| problem.what);
        let good = header(256).encode();
        for other in [1, 3] {
            let version = what(&change(at::MAJOR, other));
            assert_eq!(version, Err(Unreadable::Version(other.into())));
        }
        assert!(
            what(&change(at::MINOR, 9)).is_ok(),
            "a minor version changes nothing for us"
        );
        assert!(what(&change(at::COMPAT, 1)).is_ok());
        assert_eq!(what(&change(at::RO_COMPAT, 4)).unwrap().ro_compat, 4);
        assert_eq!(what(&change(at::INCOMPAT, 2)), Err(Unreadable::Features(2)));
        // An intact copy that is not understood is never skipped in favor of an older one.
        let newer = change(at::INCOMPAT, 2);
        assert_eq!(
            Header::choose([&newer, &good]),
            Err(Unreadable::Features(2))
        );
        assert_eq!(
            Header::choose([&good, &newer]),
            Err(Unreadable::Features(2))
        );
        let mut swapped = good;
        swapped[at::ENDIAN..at::ENDIAN + 8].reverse();
        seal(&mut swapped);
        assert_eq!(what(&swapped), Err(Unreadable::OtherEndian));
        assert_eq!(what(&[0; _]), Err(Unreadable::BadMagic));
        let unknown = |what, number| Err(Unreadable::Unknown(Unknown { what, number }));
        assert_eq!(
            what(&change(at::RESERVED, 1)),
            unknown("header byte", 0x1b0)
        );
        assert_eq!(what(&change(at::ALIGN + 1, 0)), unknown("alignment", 0));
        // Nor is one beside a damaged copy skipped because of the damage, and damage is not taken for a feature.
        let mut damaged = newer;
        damaged[at::UUID] ^= 1;
        let damage = Err(Unreadable::Corrupt("the checksum does not match"));
        assert_eq!(what(&damaged), damage);
        for copies in [[&newer, &damaged], [&damaged, &newer]] {
            assert_eq!(Header::choose(copies), Err(Unreadable::Features(2)));
        }
    }

    #[test]
    fn the_higher_generation_wins() {
        let (mut older, mut newer) = (header(256), header(256));
        older.generation = 6;
        newer.generation = 7;
        let (old, new) = (older.encode(), newer.encode());
        let both = (newer.clone(), Some(older.clone()));
        assert_eq!(Header::choose([&old, &new]), Ok(both.clone()));
        assert_eq!(Header::choose([&new, &old]), Ok(both));
        assert_eq!(Header::choose([&new, &new]), Ok((newer, None)));
        older.generation = 7;
        older.created_ns += 1;
        assert!(
            Header::choose([&older.encode(), &new]).is_err(),
            "a contradiction"
        );
    }
}
