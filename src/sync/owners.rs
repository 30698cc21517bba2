//! Which thread has which small number to itself.
//!
//! A thread is known by the address of a cell of its own, which no other living thread has. So an entry can stay when
//! its thread ends: soon a new thread gets that memory, and with it the number. A destructor that gives the number back
//! would have to be registered in a thread's first call. That takes memory from the allocator, and the call may be in a
//! signal handler, which must not do so.
//!
//! That hand-over is ordered: a system gives the memory of a thread to another one only after all that the first one did
//! there. Otherwise, the first one could overwrite the stack of the second one. So what the new owner adds to, it reads
//! as the previous owner left it.
//!
//! In a forked child, the numbers of its parent's other threads are free again when a thread gets their memory.

use super::{AtomicU64, Ordering};

/// The owners of the numbers below `N`, by the address of a cell; 0 for none yet.
pub(crate) struct Owners<const N: usize>(pub(super) [AtomicU64; N]);

impl<const N: usize> Owners<N> {
    #[cfg(all(loom, feature = "_loom"))]
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Returns the number of the thread that has a cell at `address`; takes one if it has none; `None` if there is none
    /// left.
    pub(crate) fn number_of(&self, address: u64) -> Option<usize> {
        self.0.iter().position(|owner| {
            // Relaxed: if it is our own address, we or the previous thread at this address stored it, and that is
            // ordered as the memory is. Any other address is never our own, however old it is.
            let seen = owner.load(Ordering::Relaxed);
            seen == address || seen == 0 && take(owner, address)
        })
    }
}

/// Returns whether the entry is now that of `address`.
fn take(owner: &AtomicU64, address: u64) -> bool {
    // Relaxed: an exchange is enough for a single owner. Nothing was done under a number without an owner.
    match owner.compare_exchange(0, address, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => true,
        // A signal handler of this thread was faster, or another thread.
        Err(now) => now == address,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_owner_and_an_owner_one_number() {
        let owners = Owners([const { AtomicU64::new(0) }; 2]);
        assert_eq!(
            [7, 9, 7, 8, 9].map(|address| owners.number_of(address)),
            [Some(0), Some(1), Some(0), None, Some(1)]
        );
    }
}
