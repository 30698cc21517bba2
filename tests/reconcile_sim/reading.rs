//! How the operator reads the list: in pages, while the others go on.

use crate::list::{Cursor, Entry, Paging};
use crate::operator::Shared;
use crate::rules::Violation;
use crate::world::{Addr, World};
use hostbits::reconcile::Pass;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;

/// What was read in one pass.
pub(crate) struct Reading {
    pub(crate) entries: Vec<Entry>,
    /// A page did not come.
    pub(crate) has_failed: bool,
    /// The end is missing, and the operator asks how many there should be.
    pub(crate) is_short: bool,
}

impl Reading {
    pub(crate) fn listed(&self) -> BTreeSet<Addr> {
        let clear = self.entries.iter().filter(|entry| !entry.is_garbage);
        clear.map(|entry| entry.addr).collect()
    }

    pub(crate) fn garbage(&self) -> u64 {
        self.entries.iter().filter(|entry| entry.is_garbage).count() as u64
    }

    /// How many there should be.
    pub(crate) fn announced(&self) -> u64 {
        self.entries.len() as u64 + u64::from(self.is_short)
    }
}

/// Where the list breaks off or fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// Without a word, after so many entries.
    Cut(usize),
    /// With an error.
    Fails(usize),
}

/// Reads all of it, and hands each page to the pass as it comes.
pub(crate) fn read(
    shared: &Shared,
    pass: &mut Option<&mut Pass<'_, '_, Ipv4Net>>,
    careful: bool,
) -> Reading {
    let (mut cursor, end, page_len) = begin(&mut shared.lock(), careful);
    let mut reading = Reading {
        entries: Vec::new(),
        has_failed: false,
        is_short: false,
    };
    loop {
        let mut page = next_page(&mut shared.lock(), &mut cursor, page_len, careful);
        let is_last = page.is_empty();
        let left = match end {
            End::Whole => usize::MAX,
            End::Cut(at) | End::Fails(at) => at - reading.entries.len(),
        };
        let is_over = page.len() > left;
        page.truncate(left);
        reading.entries.extend(page.iter().cloned());
        let fails = is_over && matches!(end, End::Fails(_));
        reading.has_failed |= fails;
        reading.is_short |= is_over && shared.lock().rules.breaks(Violation::TruncatedAndCounted);
        if let Some(pass) = pass {
            hand_over(shared, pass, page, fails);
        }
        if is_last || is_over {
            return reading;
        }
    }
}

/// Hands what was read before to a pass that began later.
pub(crate) fn hand_all(shared: &Shared, pass: &mut Pass<'_, '_, Ipv4Net>, reading: &Reading) {
    hand_over(shared, pass, reading.entries.clone(), reading.has_failed);
}

fn hand_over(shared: &Shared, pass: &mut Pass<'_, '_, Ipv4Net>, page: Vec<Entry>, fails: bool) {
    // The others go on between two entries, too: inside the library's own loop.
    let entries = page
        .into_iter()
        .inspect(|_| shared.lock().in_the_middle_of_a_page());
    if fails {
        let failing = entries.map(Ok).chain([Err("the database went away")]);
        let outcome = pass.try_read(failing);
        if outcome.is_ok() {
            shared.lock().blame("an error in the list was not seen");
        }
    } else {
        pass.read(entries);
    }
}

fn begin(world: &mut World, careful: bool) -> (Cursor, End, usize) {
    let lag = if careful { 0 } else { world.rules.longest_lag };
    let snapshot = world.now - world.random.below(lag + 1);
    let paging = match world.random.below(2) {
        _ if careful => Paging::AtOnce,
        _ if world.rules.breaks(Violation::Offset) => Paging::ByOffset,
        0 => Paging::AtOnce,
        _ => Paging::ByKey,
    };
    let count = world.list.at(snapshot, 0).count() as u64;
    let somewhere = |world: &mut World| world.random.below(count.max(1)) as usize;
    let is_cut = [Violation::Truncated, Violation::TruncatedAndCounted];
    let end = match world.rules.broken {
        _ if careful => End::Whole,
        Some(Violation::Empty) => End::Cut(0),
        Some(violation) if is_cut.contains(&violation) => {
            // Mostly a few at the end, as when the last page is lost.
            let lost = 1 + world.random.below(3);
            End::Cut(count.saturating_sub(lost) as usize)
        }
        None if world.random.one_in(5) => End::Fails(somewhere(world)),
        _ => End::Whole,
    };
    (
        Cursor::new(paging, snapshot),
        end,
        1 + world.random.below(6) as usize,
    )
}

fn next_page(world: &mut World, cursor: &mut Cursor, len: usize, careful: bool) -> Vec<Entry> {
    world.in_the_middle_of_a_page();
    let lag = if careful { 0 } else { world.rules.longest_lag };
    let time = world.now - world.random.below(lag + 1);
    cursor.page(&world.list, time, len)
}
