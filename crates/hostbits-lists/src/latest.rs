//! The last entry of each address, for files in which a later entry replaces an earlier one.
//!
//! Memory grows with the number of distinct addresses, not with the number of entries: about 60 bytes for each address,
//! and the name of its owner.

use crate::batch::Batch;
use std::collections::HashMap;
use std::net::IpAddr;

/// How many records are returned at a time.
const AT_A_TIME: usize = 512;
/// How many distinct words for states are stored. No program uses nearly as many.
const MAX_WORDS: usize = 64;
/// The word that stands for all further states.
const ONE_MORE_WORD: &str = "other";

/// What is held: an address, or a prefix of a given length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    addr: IpAddr,
    /// The length of a delegated prefix; `None` for a single address.
    prefix_len: Option<u8>,
}

impl Key {
    /// Returns the key of a single address.
    pub(crate) fn addr(addr: IpAddr) -> Self {
        Self {
            addr: addr.to_canonical(),
            prefix_len: None,
        }
    }

    /// Returns the key of a delegated prefix.
    pub(crate) fn prefix(addr: IpAddr, prefix_len: u8) -> Self {
        Self {
            addr,
            prefix_len: Some(prefix_len),
        }
    }
}

#[derive(Debug)]
struct Entry {
    key: Key,
    line: u64,
    owner: Option<Box<str>>,
    /// The index of the word for its state; `None` if it is no longer held.
    state: Option<u32>,
}

/// The last entry of each address.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    index: HashMap<Key, u32>,
    entries: Vec<Entry>,
    /// The distinct words for states.
    words: Vec<Box<str>>,
    given: usize,
    is_sorted: bool,
}

impl Latest {
    /// Records that the key is held, whatever earlier entries said. Returns whether there was an earlier entry.
    pub(crate) fn hold(&mut self, key: Key, line: u64, owner: &str, word: &str) -> bool {
        let state = Some(self.word(word));
        let owner = (!owner.is_empty()).then(|| owner.into());
        if let Some(&at) = self.index.get(&key) {
            let entry = &mut self.entries[at as usize];
            (entry.line, entry.owner, entry.state) = (line, owner, state);
            return true;
        }
        // More than 2^32 distinct addresses do not fit into memory anyway.
        let at = self.entries.len() as u32;
        self.index.insert(key, at);
        self.entries.push(Entry {
            key,
            line,
            owner,
            state,
        });
        false
    }

    /// Records that the key is no longer held. Returns whether there was an earlier entry.
    pub(crate) fn end(&mut self, key: Key) -> bool {
        let Some(&at) = self.index.get(&key) else {
            return false;
        };
        let entry = &mut self.entries[at as usize];
        (entry.owner, entry.state) = (None, None);
        true
    }

    fn word(&mut self, word: &str) -> u32 {
        let known = |word: &str| self.words.iter().position(|known| **known == *word);
        let (at, word) = match known(word) {
            None if self.words.len() >= MAX_WORDS => (known(ONE_MORE_WORD), ONE_MORE_WORD),
            at => (at, word),
        };
        let at = at.unwrap_or_else(|| {
            self.words.push(word.into());
            self.words.len() - 1
        });
        at as u32
    }

    /// Moves some of the held entries to `out`, in the order of their lines. Returns whether more are left.
    pub(crate) fn give(&mut self, out: &mut Batch) -> bool {
        if !self.is_sorted {
            self.index = HashMap::new();
            self.entries.retain(|entry| entry.state.is_some());
            self.entries.sort_unstable_by_key(|entry| entry.line);
            self.is_sorted = true;
        }
        let end = self.entries.len().min(self.given + AT_A_TIME);
        for entry in &self.entries[self.given..end] {
            let word = entry.state.and_then(|at| self.words.get(at as usize));
            let owner = entry
                .owner
                .as_ref()
                .and_then(|owner| out.keep_name(owner.as_bytes()));
            let state = word.and_then(|word| out.keep_name(word.as_bytes()));
            match entry.key.prefix_len {
                None => out.addr(entry.line, entry.key.addr, owner, state),
                Some(prefix_len) => {
                    let prefix = format!("{}/{prefix_len}", entry.key.addr);
                    out.block(entry.line, prefix.as_bytes(), owner, state);
                }
            }
        }
        self.given = end;
        self.given < self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that an attacker makes up must not fill the memory: the number of states is bounded by `MAX_WORDS`, that
    /// of addresses by the distinct addresses.
    #[test]
    fn memory_is_bounded_by_distinct_addresses() {
        let mut latest = Latest::default();
        let key = |host: u64| Key::addr(IpAddr::from([10, 0, 0, (host % 4) as u8]));
        for line in 1..=10_000 {
            if line % 3 == 0 {
                latest.end(key(line));
            } else {
                latest.hold(key(line), line, "alice", "active");
            }
        }
        assert_eq!((latest.entries.len(), latest.words.len()), (4, 1));
        for number in 0..10_000 {
            latest.hold(key(1), 1, "alice", &number.to_string());
        }
        assert!(latest.words.len() <= MAX_WORDS + 1);
    }

    #[test]
    fn the_last_word_counts_and_the_order_is_that_of_the_lines() {
        let mut latest = Latest::default();
        let key = |host| Key::addr(IpAddr::from([10, 0, 0, host]));
        assert!(!latest.hold(key(1), 1, "a", "active"));
        assert!(!latest.hold(key(2), 2, "b", "active"));
        assert!(!latest.end(key(3)), "nothing was said of it");
        assert!(latest.hold(key(1), 4, "c", "declined"));
        assert!(latest.end(key(2)));
        assert!(!latest.hold(key(3), 6, "", "active"));
        let mut batch = Batch::default();
        assert!(!latest.give(&mut batch));
        let mut given = Vec::new();
        while batch.advance() {
            let record = batch.current().unwrap();
            given.push((record.line, record.owner.map(str::to_owned)));
        }
        assert_eq!(given, [(4, Some("c".to_owned())), (6, None)]);
    }
}
