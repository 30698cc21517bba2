//! A look at a file without a lock and without a mapping: for tools that must not be in anybody's way.
//!
//! Whoever only reads takes no presence lock, or the next first opener would not know that it is the first.
//! Every word is read once, at its own moment, into memory of our own.

use super::header::Header;
use super::layout::{HEADER_AT, Kind};
use super::open::{read_blocks, read_config, read_header, read_states};
use super::state::States;
use super::system;
use crate::bitmap::{Bitmap, Chunk, Control, Shape};
use crate::open_error::OpenError;
use crate::slot::SLOTS_PER_CHUNK;
use crate::sync::{AtomicU64, WORDS_PER_CHUNK};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a file held when it was looked at.
pub(crate) struct Peek {
    pub(crate) header: Header,
    pub(crate) config: String,
    pub(crate) states: States,
    /// Both copies of the header can be read.
    pub(crate) has_both_headers: bool,
    /// The words in use, to the end of the last chunk.
    pub(crate) free: Vec<u64>,
    pub(crate) quarantine: Vec<u64>,
    nodes: Vec<u64>,
}

impl Peek {
    pub(crate) fn at(path: &Path) -> Result<Self, OpenError> {
        let file = system::open_to_read(path)?;
        let len = system::metadata(&file)?.len();
        let (header, _) = read_header(&file, len)?;
        let need = header.layout.file_len;
        if len < need {
            return Err(OpenError::Truncated { len, need });
        }
        let copies = read_blocks(&file, HEADER_AT)?;
        let has_both_headers = copies.iter().all(|copy| Header::decode(copy).is_ok());
        let chunk_count = header.facts.slot_count.div_ceil(SLOTS_PER_CHUNK.into()) as usize;
        let words = |kind, count| read_words(&file, &header, kind, count);
        Ok(Self {
            config: read_config(&file, &header)?,
            states: read_states(&file, &header)?,
            has_both_headers,
            free: words(Kind::Free, chunk_count * WORDS_PER_CHUNK)?,
            quarantine: words(Kind::Quarantine, chunk_count * WORDS_PER_CHUNK)?,
            nodes: words(Kind::Nodes, Shape::tree(chunk_count).node_count())?,
            header,
        })
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
        Bitmap::new(&chunks, &nodes, &shape, &Control::default(), None).scrub()
    }
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
