//! Addresses that are taken without a holder, and when a pass must have found them.
//!
//! The promise: a pass that begins when the address is a leak sees it; one that begins `grace` after the list
//! of that one had been read sees it again; and one that begins `grace` after that one finds it ripe. A mark
//! or a list that names it begins anew. A dropped or failed pass counts for nothing.

use crate::world::Addr;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Default)]
struct Sights {
    since: Option<u64>,
    again: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Leaks {
    all: BTreeMap<Addr, Sights>,
    /// Those that the running pass must see.
    candidates: BTreeSet<Addr>,
    /// Those that applying the latest plan must free.
    due: BTreeSet<Addr>,
}

impl Leaks {
    pub(crate) fn add(&mut self, addr: Addr) {
        self.all.insert(addr, Sights::default());
    }

    /// The address is held, or free.
    pub(crate) fn remove(&mut self, addr: Addr) -> bool {
        self.candidates.remove(&addr);
        self.due.remove(&addr);
        self.all.remove(&addr).is_some()
    }

    pub(crate) fn has(&self, addr: Addr) -> bool {
        self.all.contains_key(&addr)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// It may have been marked.
    pub(crate) fn disturb(&mut self, addr: Addr) {
        if let Some(sights) = self.all.get_mut(&addr) {
            *sights = Sights::default();
            self.candidates.remove(&addr);
            self.due.remove(&addr);
        }
    }

    pub(crate) fn disturb_all(&mut self) {
        self.all
            .values_mut()
            .for_each(|sights| *sights = Sights::default());
        self.candidates.clear();
        self.due.clear();
    }

    pub(crate) fn begin(&mut self) {
        self.due.clear();
        self.candidates = self.all.keys().copied().collect();
    }

    pub(crate) fn finish(
        &mut self,
        began: u64,
        finished: u64,
        grace: u64,
        listed: &BTreeSet<Addr>,
    ) {
        let is_grace_after = |earlier: u64| earlier + grace <= began;
        for (addr, sights) in &mut self.all {
            if listed.contains(addr) {
                *sights = Sights::default();
            } else if self.candidates.contains(addr) {
                if sights.again.is_some_and(is_grace_after) || grace == 0 {
                    self.due.insert(*addr);
                }
                if sights.again.is_none() && sights.since.is_some_and(is_grace_after) {
                    sights.again = Some(finished);
                }
                sights.since.get_or_insert(finished);
            }
        }
        self.candidates.clear();
    }

    /// Those that applying the latest plan must free.
    pub(crate) fn due(&self) -> Vec<Addr> {
        self.due.iter().copied().collect()
    }
}
