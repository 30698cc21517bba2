//! Which slots were orphans, and since when.
//!
//! A holder is half-way twice: when joining, between the allocation and the record of the user, and when leaving,
//! between deleting the record and the release. A list can meet each of these moments once, so an address that two
//! lists do not contain may still be held. A third list, read `grace` later, cannot miss it: by then the holder has
//! released the address, or is listed, or the next holder has left a mark.

use crate::slot::{SLOTS_PER_WORD, Slot, bits_within, slot_at};

/// Consecutive slots that were orphans at the same times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) first: Slot,
    pub(super) last: Slot,
    /// When the list that did not contain them had been read, in milliseconds since 1970.
    pub(super) since: u64,
    /// When the list of the first pass that began `grace` or more after that had been read.
    pub(super) again: Option<u64>,
    /// Whether another pass has begun `grace` or more after that one, too.
    pub(super) is_ripe: bool,
}

/// When a pass began, when its list had been read, and the grace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) began: u64,
    pub(super) finished: u64,
    pub(super) grace: u64,
}

impl Times {
    fn is_grace_after(self, earlier: u64) -> bool {
        earlier
            .checked_add(self.grace)
            .is_some_and(|ripe| ripe <= self.began)
    }

    fn fresh(self, first: Slot, last: Slot) -> Sighting {
        Sighting {
            first,
            last,
            since: self.finished,
            again: None,
            is_ripe: self.grace == 0,
        }
    }

    fn seen_again(self, before: Sighting, first: Slot, last: Slot) -> Sighting {
        let again = match before.again {
            Some(again) => Some(again),
            None => self.is_grace_after(before.since).then_some(self.finished),
        };
        let was_seen_twice = before.again.is_some_and(|again| self.is_grace_after(again));
        Sighting {
            first,
            last,
            since: before.since,
            again,
            is_ripe: self.grace == 0 || was_seen_twice,
        }
    }
}

/// Returns the orphans of a pass, with what earlier passes know about them. They come by word in ascending order: those
/// that were not touched since the last pass, and those that were. Words without orphans may be left out.
pub(super) fn see(
    before: &[Sighting],
    orphans: impl IntoIterator<Item = (usize, u64, u64)>,
    times: Times,
) -> Vec<Sighting> {
    let mut seen = Vec::new();
    let mut before = before.iter().copied().peekable();
    // Sightings that end in a word that is left out have nothing in common with a later one, and are skipped.
    for (word_index, known, mut rest) in orphans {
        let mut unseen = known;
        let mut parts = Vec::new();
        let word_last = slot_at(word_index, SLOTS_PER_WORD - 1);
        while let Some(&sighting) = before.peek() {
            // Empty if it begins after the word: then it ends there, too.
            let bits = known & bits_within(word_index, sighting.first, sighting.last);
            unseen &= !bits;
            parts.push((bits, Some(sighting)));
            if sighting.last > word_last {
                break;
            }
            before.next();
        }
        rest |= unseen;
        parts.push((rest, None));
        add_word(&mut seen, word_index, &parts, times);
    }
    seen
}

/// Adds the runs of one word in ascending order, and joins those that continue.
fn add_word(
    seen: &mut Vec<Sighting>,
    word_index: usize,
    parts: &[(u64, Option<Sighting>)],
    times: Times,
) {
    let mut all = parts.iter().fold(0, |all, (bits, _)| all | bits);
    while all != 0 {
        let bit_index = all.trailing_zeros();
        let part = parts.iter().find(|(bits, _)| bits >> bit_index & 1 == 1);
        let (bits, before) = part.copied().unwrap_or_default();
        let len = (bits >> bit_index).trailing_ones();
        let (first, last) = (
            slot_at(word_index, bit_index),
            slot_at(word_index, bit_index + len - 1),
        );
        all &= !bits_within(word_index, first, last);
        let sighting = match before {
            Some(before) => times.seen_again(before, first, last),
            None => times.fresh(first, last),
        };
        match seen.last_mut() {
            Some(latest) if latest.goes_on_as(&sighting) => latest.last = last,
            _ => seen.push(sighting),
        }
    }
}

impl Sighting {
    fn goes_on_as(&self, next: &Self) -> bool {
        self.last.checked_add(1) == Some(next.first)
            && (self.since, self.again, self.is_ripe) == (next.since, next.again, next.is_ripe)
    }

    pub(super) fn len(&self) -> u64 {
        u64::from(self.last - self.first) + 1
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const GRACE: u64 = 600;

    /// Returns the words that contain anything.
    fn words(known: [u64; 2], fresh: [u64; 2]) -> impl Iterator<Item = (usize, u64, u64)> {
        let words = (0..2).map(move |word| (word, known[word], fresh[word]));
        words.filter(|(_, known, fresh)| known | fresh != 0)
    }

    /// Runs passes at the given times over two words; returns what is ripe after each.
    fn passes(orphans: &[(u64, [u64; 2], [u64; 2])]) -> Vec<[u64; 2]> {
        let mut before = Vec::new();
        let mut ripe = Vec::new();
        for &(began, known, fresh) in orphans {
            let times = Times {
                began,
                finished: began + 10,
                grace: GRACE,
            };
            before = see(&before, words(known, fresh), times);
            let mut bits = [0; 2];
            for sighting in before.iter().filter(|sighting| sighting.is_ripe) {
                for (word, bits) in bits.iter_mut().enumerate() {
                    *bits |= bits_within(word, sighting.first, sighting.last);
                }
            }
            ripe.push(bits);
        }
        ripe
    }

    /// An orphan is ripe at the third sighting, if each is `grace` after the list of the previous one.
    #[test]
    fn three_sights_and_two_graces_make_an_orphan_ripe() {
        let all = [u64::MAX, 1];
        let no = [0, 0];
        let at = |began| (began, all, no);
        assert_eq!(passes(&[at(0), at(610), at(1230)]), [no, no, all]);
        assert_eq!(
            passes(&[at(0), at(610), at(1219)]),
            [no, no, no],
            "too early"
        );
        assert_eq!(
            passes(&[at(0), at(609), at(1230)]),
            [no, no, no],
            "seen again too early"
        );
        let often = [at(0), at(300), at(610), at(900), at(1220), at(1230)];
        assert_eq!(passes(&often), [no, no, no, no, all, all]);
    }

    /// An address that was touched, or was once no orphan, starts anew; its neighbors do not.
    #[test]
    fn whoever_was_touched_begins_anew() {
        let no = [0, 0];
        let three = |second, third| {
            let all = [0b1111, 0];
            passes(&[(0, all, no), (610, second, no), (1230, third, no)])[2]
        };
        assert_eq!(three([0b1111, 0], [0b1111, 0]), [0b1111, 0]);
        assert_eq!(three([0b1011, 0], [0b1111, 0]), [0b1011, 0]);
        assert_eq!(three([0b1111, 0], [0b0110, 0]), [0b0110, 0]);
        let touched = passes(&[
            (0, [0b11, 0], no),
            (610, [0b01, 0], [0b10, 0]),
            (1230, [0b11, 0], no),
        ]);
        assert_eq!(touched[2], [0b01, 0]);
    }

    /// Compares with a table of slots.
    #[test]
    fn random_passes_agree_with_a_table() {
        let mut random = 1u64;
        let mut draw = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for _ in 0..200 {
            let mut before = Vec::new();
            let mut table = [None; 128];
            let mut now = 0;
            for _ in 0..6 {
                now += 200 + draw() % 900;
                let times = Times {
                    began: now,
                    finished: now + 10,
                    grace: GRACE,
                };
                let known = [draw() | draw(), draw() | draw()];
                let fresh = [draw() & draw() & !known[0], draw() & draw() & !known[1]];
                before = see(&before, words(known, fresh), times);
                for slot in 0..128u32 {
                    let (word, bit) = ((slot / 64) as usize, slot % 64);
                    let entry = &mut table[slot as usize];
                    *entry = if known[word] >> bit & 1 == 1 {
                        Some(match *entry {
                            Some(old) => times.seen_again(old, slot, slot),
                            None => times.fresh(slot, slot),
                        })
                    } else {
                        (fresh[word] >> bit & 1 == 1).then(|| times.fresh(slot, slot))
                    };
                    let found = before
                        .iter()
                        .find(|of| (of.first..=of.last).contains(&slot))
                        .map(|of| Sighting {
                            first: slot,
                            last: slot,
                            ..*of
                        });
                    assert_eq!(found, *entry, "slot {slot}");
                }
                let ascending = before.windows(2).all(|pair| pair[0].last < pair[1].first);
                assert!(ascending);
            }
        }
    }
}
