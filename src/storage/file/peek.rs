//! A look at a file without a lock and without a mapping: for tools that must not be in anybody's way.
//!
//! Whoever only reads takes no presence lock, or the next first opener would not know that it is the first.
//! Every word is read once, at its own moment, into memory of our own.

use super::file_system::FileSystem;
use super::header::Header;
use super::layout::{HEADER_AT, Kind};
use super::locks::{self, Lock};
use super::open::{read_blocks, read_config, read_header, read_states};
use super::peers;
use super::poison;
use super::recover::Past;
use super::state::{Belief, States};
use super::system;
use crate::bitmap::{Bitmap, Chunk, Control, Lanes, Shape};
use crate::durability::{Durability, RecoveryKind};
use crate::open_error::OpenError;
use crate::slot::{SLOTS_PER_CHUNK, SLOTS_PER_WORD};
use crate::sync::{AtomicU64, Ordering, WORDS_PER_CHUNK};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

/// What a file held when it was looked at.
pub(crate) struct Peek {
    pub(crate) header: Header,
    pub(crate) durability: Durability,
    pub(crate) config: String,
    pub(crate) states: States,
    /// Both copies of the header can be read.
    pub(crate) has_both_headers: bool,
    /// In bytes.
    pub(crate) len: u64,
    /// The error of the sync that failed.
    pub(crate) poison: Option<i32>,
    /// How many have the file open.
    pub(crate) process_count: u32,
    /// Those of them that have a claim in flight.
    pub(crate) in_flight: Vec<u32>,
    /// Somebody has it open.
    is_in_use: bool,
    past: Past,
    /// The words in use, to the end of the last chunk.
    pub(crate) free: Vec<u64>,
    pub(crate) quarantine: Vec<u64>,
    trust: Vec<u64>,
    nodes: Vec<u64>,
}

impl Peek {
    pub(crate) fn at(path: &Path) -> Result<Self, OpenError> {
        let file = Arc::new(system::open_to_read(path)?);
        let metadata = system::metadata(&file)?;
        let len = metadata.len();
        let (header, _) = read_header(&file, len)?;
        let need = header.layout.file_len;
        if len < need {
            return Err(OpenError::Truncated { len, need });
        }
        let durability = Durability::of_header(&header)?;
        let copies = read_blocks(&file, HEADER_AT)?;
        let states = read_states(&file, &header)?;
        let poison = poison::get_unmapped(&file, &header.layout)
            .map_err(|error| OpenError::io("read the file", error))?;
        let forgets = FileSystem::of(&file)?.forgets();
        let past = Past::of(
            &states,
            &system::boot_id(),
            metadata.ino(),
            forgets,
            poison.is_some(),
            durability,
        );
        let chunk_count = header.facts.slot_count.div_ceil(SLOTS_PER_CHUNK.into()) as usize;
        let word_count = chunk_count * WORDS_PER_CHUNK;
        let words = |kind, count| read_words(&file, &header, kind, count);
        Ok(Self {
            config: read_config(&file, &header)?,
            has_both_headers: copies.iter().all(|copy| Header::decode(copy).is_ok()),
            // Where there are no locks, nobody can be asked.
            is_in_use: locks::is_held_by_others(&file, Lock::Presence).unwrap_or(false),
            process_count: peers::count_held(&file),
            in_flight: in_flight(&file, &header)?,
            free: words(Kind::Free, word_count)?,
            quarantine: words(Kind::Quarantine, word_count)?,
            trust: words(Kind::Trust, word_count.div_ceil(SLOTS_PER_WORD as usize))?,
            nodes: words(Kind::Nodes, Shape::tree(chunk_count).node_count())?,
            durability,
            states,
            len,
            poison,
            past,
            header,
        })
    }

    /// What an opening would find.
    pub(crate) fn kind(&self) -> RecoveryKind {
        match self.is_in_use {
            true => RecoveryKind::Joined,
            false => self.past.kind(),
        }
    }

    /// Does to the words that were read what an opening does to those of the file. `usable`: the bits of the
    /// slots that can be handed out, word by word.
    pub(crate) fn foresee(&mut self, mut usable: impl FnMut() -> u64) {
        let is_suspect = |word_index: usize| match self.past.belief {
            _ if self.is_in_use => false,
            Belief::Exact => false,
            Belief::Vouched => {
                let word = self.trust[word_index / SLOTS_PER_WORD as usize];
                word >> (word_index % SLOTS_PER_WORD as usize) & 1 == 0
            }
            Belief::Nothing => true,
        };
        let words = self.free.iter_mut().zip(&mut self.quarantine);
        for (word_index, (free, quarantine)) in words.enumerate() {
            if is_suspect(word_index) {
                *quarantine |= *free;
                *free = 0;
            }
            let usable = usable();
            *free &= usable;
            *quarantine &= usable & !*free;
        }
    }

    /// Whether some chunk has something free and the summary does not say so.
    pub(crate) fn has_hidden_slots(&self) -> bool {
        let chunks: Vec<Chunk> = self
            .free
            .as_chunks::<WORDS_PER_CHUNK>()
            .0
            .iter()
            .map(|words| Chunk::new(*words))
            .collect();
        let nodes: Vec<AtomicU64> = self.nodes.iter().copied().map(AtomicU64::new).collect();
        let shape = Shape::tree(chunks.len());
        Bitmap::new(&chunks, &nodes, &shape, &Control::default(), &Lanes::none()).scrub()
    }
}

/// The processes that are in the air.
fn in_flight(file: &File, header: &Header) -> Result<Vec<u32>, OpenError> {
    let count = header.layout.extent(Kind::Volatile).len / size_of::<u64>();
    let volatile: Vec<_> = read_words(file, header, Kind::Volatile, count)?
        .into_iter()
        .map(AtomicU64::new)
        .collect();
    let (lanes, owners) = peers::lanes_of(&volatile);
    // Relaxed: our own copy.
    let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
    let lanes = lanes.iter().map(load).zip(owners.iter().map(load));
    Ok(peers::in_flight(lanes, |lane| peers::is_held(file, lane)))
}

fn read_words(
    file: &File,
    header: &Header,
    kind: Kind,
    count: usize,
) -> Result<Vec<u64>, OpenError> {
    let mut bytes = vec![0; count * size_of::<u64>()];
    let offset = header.layout.extent(kind).offset as u64;
    file.read_exact_at(&mut bytes, offset)
        .map_err(|error| OpenError::io("read the file", error))?;
    let words = bytes.as_chunks().0.iter();
    Ok(words.map(|word| u64::from_ne_bytes(*word)).collect())
}
