//! The addresses of a game: all that were free when it began.
//!
//! The rest of the pool is reserved, or held throughout by something outside the game, which amounts to the same.

use crate::Addr;

/// The addresses of a game, in ascending order.
#[derive(Clone, Debug)]
pub struct Ground(Vec<Addr>);

impl Ground {
    /// Creates a ground of these addresses.
    pub fn new(addrs: impl IntoIterator<Item = Addr>) -> Self {
        let mut addrs: Vec<_> = addrs.into_iter().collect();
        addrs.sort_unstable();
        addrs.dedup();
        Self(addrs)
    }

    /// Returns how many addresses there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns all addresses, in ascending order.
    pub fn addrs(&self) -> &[Addr] {
        &self.0
    }

    /// Returns the index of `addr`.
    pub fn index_of(&self, addr: Addr) -> Option<usize> {
        self.0.binary_search(&addr).ok()
    }

    /// Returns the index of the first address at or after `addr`.
    pub fn index_from(&self, addr: Addr) -> usize {
        self.0.partition_point(|&other| other < addr)
    }

    /// Returns how many addresses are in `first..=last`.
    pub fn count_in(&self, first: Addr, last: Addr) -> usize {
        self.0.partition_point(|&addr| addr <= last) - self.index_from(first)
    }

    /// Returns the first addresses of the aligned blocks of 2^`order` addresses that are completely in the ground.
    ///
    /// Every other block contains an address that cannot be allocated.
    pub fn blocks(&self, order: u32) -> Vec<Addr> {
        let of_one_block = |a: &Addr, b: &Addr| a >> order == b >> order;
        self.0
            .chunk_by(of_one_block)
            .filter(|addrs| addrs.len() == 1 << order)
            .map(|addrs| addrs[0])
            .collect()
    }
}
