//! The members of a set: a list that only grows while it is shared.

use super::band::StaticBand;
use super::error::{AddError, Extent};
use super::member::Member;
use crate::network::Network;
use crate::pool::Pool;
use crate::sync::hint;
use crate::sync::{AtomicU64, Ordering, load_seq_cst};
use std::sync::{Arc, OnceLock};

pub(super) struct Members<N: Network> {
    list: Box<[OnceLock<Member<N>>]>,
    /// How many members there have ever been.
    len: AtomicU64,
    /// The sum of all weights up to each member.
    weights: Box<[hint::AtomicU64]>,
}

impl<N: Network> Members<N> {
    pub(super) fn new(room: usize) -> Self {
        Self {
            list: (0..room).map(|_| OnceLock::new()).collect(),
            len: AtomicU64::new(0),
            weights: (0..room).map(|_| hint::AtomicU64::new(0)).collect(),
        }
    }

    pub(super) fn room(&self) -> usize {
        self.list.len()
    }

    /// Returns how many members there have ever been; all numbers are below this.
    #[inline]
    pub(super) fn len(&self) -> usize {
        // SeqCst: the proof that a set had nothing reads it before and after.
        load_seq_cst(&self.len) as usize
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&Member<N>> {
        self.list.get(index)?.get()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Member<N>)> {
        let numbered = self.list[..self.len()].iter().enumerate();
        numbered.filter_map(|(index, place)| Some((index, place.get()?)))
    }

    /// Adds a member. One caller at a time.
    pub(super) fn push(
        &self,
        pool: Arc<Pool<N>>,
        band: Option<StaticBand>,
        weight: u32,
    ) -> Result<usize, AddError> {
        let index = self.len();
        let Some(place) = self.list.get(index) else {
            return Err(AddError::NoRoom { room: self.room() });
        };
        let before = index
            .checked_sub(1)
            .map_or(0, |index| self.weight_until(index));
        // Relaxed: a hint, and the number comes after it.
        self.weights[index].store(before + u64::from(weight), Ordering::Relaxed);
        let member = Member::new(pool, band);
        let placed = place.set(member);
        assert!(placed.is_ok(), "no other thread adds members");
        // SeqCst: after the member itself; a proof that reads the number before this reads it again afterwards.
        self.len.store(index as u64 + 1, Ordering::SeqCst);
        Ok(index)
    }

    /// Returns the sum of all weights up to this member.
    pub(super) fn weight_until(&self, index: usize) -> u64 {
        // Relaxed: a hint.
        self.weights[index].load(Ordering::Relaxed)
    }

    /// Takes a member out, and its weight.
    pub(super) fn take(&mut self, index: usize) -> Option<Member<N>> {
        let taken = self.list.get_mut(index)?.take()?;
        let before = index
            .checked_sub(1)
            .map_or(0, |index| self.weight_until(index));
        let weight = self.weight_until(index) - before;
        for later in &mut self.weights[index..] {
            *later.get_mut() = later.get_mut().saturating_sub(weight);
        }
        Some(taken)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.list) + size_of_val(&*self.weights)
    }

    /// Checks that no member shares addresses with `pool`.
    pub(super) fn check_overlap(&self, pool: &Pool<N>) -> Result<(), AddError> {
        let overlap = self
            .iter()
            .find_map(|(_, it)| Some((it, overlap(&it.pool, pool)?)));
        match overlap {
            None => Ok(()),
            Some((member, (first, last))) => Err(AddError::Overlaps {
                added: Box::new(Extent::of(pool)),
                member: Box::new(Extent::of(&member.pool)),
                first: first.into(),
                last: last.into(),
            }),
        }
    }
}

/// Returns the first range of addresses that both contain.
fn overlap<N: Network>(of: &Pool<N>, and: &Pool<N>) -> Option<(N::Addr, N::Addr)> {
    let (mut ours, mut theirs) = (of.stretches().peekable(), and.stretches().peekable());
    loop {
        let (&our, &their) = (ours.peek()?, theirs.peek()?);
        let (first, last) = (our.0.max(their.0), our.1.min(their.1));
        if first <= last {
            return Some((first, last));
        }
        if our.1 < their.1 {
            ours.next();
        } else {
            theirs.next();
        }
    }
}
