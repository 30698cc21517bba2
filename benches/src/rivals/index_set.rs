//! `index-set`: an array of atomic words and a shared hint.

use super::addresses::{addr_of, slot_of};
use super::cascade::on_a_large_stack;
use super::{Order, Profile, Rival, Session, Threads};
use index_set::{AtomicBitSet, SharedBitSet};
use std::net::Ipv4Addr;

/// The taken slots, in `WORDS` words.
pub struct IndexSet<const WORDS: usize> {
    taken: Box<AtomicBitSet<WORDS>>,
}

const PROFILE: Profile = Profile::new("index-set AtomicBitSet", Order::AnyAddress)
    .with_membership()
    .concurrent(Threads::LockFree)
    .may_miss_what_moves()
    .walking();

impl<const WORDS: usize> IndexSet<WORDS> {
    /// Builds it with nothing taken.
    pub fn new() -> Self {
        Self {
            taken: on_a_large_stack(|| Box::new(AtomicBitSet::new())),
        }
    }
}

impl<const WORDS: usize> Default for IndexSet<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WORDS: usize> Rival for IndexSet<WORDS> {
    type Session<'a> = &'a Self;

    fn profile(&self) -> &Profile {
        &PROFILE
    }

    fn session(&self) -> &Self {
        self
    }

    fn memory_bytes(&self, _capacity: u32) -> f64 {
        size_of::<AtomicBitSet<WORDS>>() as f64
    }
}

impl<const WORDS: usize> Session for &IndexSet<WORDS> {
    #[inline]
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        let slot = self.taken.set_next_free_bit()?;
        Some(addr_of(slot as u32))
    }

    #[inline]
    fn release(&mut self, addr: Ipv4Addr) -> bool {
        self.taken.remove(slot_of(addr) as usize) == Some(true)
    }

    fn allocate_exact(&mut self, addr: Ipv4Addr) -> Option<bool> {
        let was_taken = self.taken.insert(slot_of(addr) as usize)?;
        Some(!was_taken)
    }
}
