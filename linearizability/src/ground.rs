//! The addresses a game is about: all that were free when it began.
//!
//! The rest of the pool is reserved, or held throughout by nobody in the game, and comes to the same.

use crate::Addr;

/// Ascending addresses.
#[derive(Clone, Debug)]
pub struct Ground(Vec<Addr>);

impl Ground {
    /// These addresses.
    pub fn new(addrs: impl IntoIterator<Item = Addr>) -> Self {
        let mut addrs: Vec<_> = addrs.into_iter().collect();
        addrs.sort_unstable();
        addrs.dedup();
        Self(addrs)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// All of them, ascending.
    pub fn addrs(&self) -> &[Addr] {
        &self.0
    }

    /// Where `addr` stands among them.
    pub fn index_of(&self, addr: Addr) -> Option<usize> {
        self.0.binary_search(&addr).ok()
    }

    /// The index of the first address at or after `addr`.
    pub fn index_from(&self, addr: Addr) -> usize {
        self.0.partition_point(|&other| other < addr)
    }

    /// How many are in `first..=last`.
    pub fn count_in(&self, first: Addr, last: Addr) -> usize {
        self.0.partition_point(|&addr| addr <= last) - self.index_from(first)
    }

    /// The first addresses of the aligned blocks of 2^`order` addresses that are wholly of the ground.
    ///
    /// Every other block has an address that nobody can get.
    pub fn blocks(&self, order: u32) -> Vec<Addr> {
        let of_one_block = |a: &Addr, b: &Addr| a >> order == b >> order;
        self.0
            .chunk_by(of_one_block)
            .filter(|addrs| addrs.len() == 1 << order)
            .map(|addrs| addrs[0])
            .collect()
    }
}
