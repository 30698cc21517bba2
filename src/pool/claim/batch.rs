//! One pool's share of a batch that spans the members of a set.

use super::answer::Unanswered;
use crate::bitmap::{Flight, WordBits};
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::Pool;
use crate::pool::member::Part;
use crate::slot::slots_in;
use crate::stats::Event;

/// Addresses that are given back unless they are kept. Refusals of other threads wait for it.
///
/// In a pool file, a process has one flight at a time, and other threads that want one wait. So a thread begins at most
/// one batch per pool, and batches of several pools always in the same order: that of their addresses.
pub(crate) struct Batch<'a, N: Network> {
    pool: &'a Pool<N>,
    claimed: Vec<Unanswered<Vec<WordBits>>>,
    /// Dropped last: the flight ends when everything is free again, or kept.
    flight: Flight<'a>,
}

impl<N: Network> Pool<N> {
    /// Begins an empty batch.
    pub(crate) fn begin_batch(&self) -> Result<Batch<'_, N>, AllocateError> {
        self.check_process()?;
        Ok(Batch {
            pool: self,
            claimed: Vec::new(),
            flight: self.bitmap().begin_flight(),
        })
    }
}

impl<N: Network> Batch<'_, N> {
    /// Claims up to `wanted` addresses of these parts, and returns how many. A smaller number proves nothing.
    ///
    /// It searches again until it finds nothing: the search that takes the last slot leaves the hint set, and only the
    /// next one clears it. While the hint is set, it could not be proven that nothing is left.
    pub(crate) fn take(&mut self, parts: &[Part], wanted: u64) -> u64 {
        let mut taken = 0;
        while taken < wanted {
            match self.take_once(parts, wanted - taken) {
                0 => break,
                now => taken += now,
            }
        }
        taken
    }

    fn take_once(&mut self, parts: &[Part], wanted: u64) -> u64 {
        let pool = self.pool;
        let claimed = pool.claim_unanswered(|bitmap| {
            let mut claimed: Vec<WordBits> = Vec::new();
            for &(first, last) in parts {
                let missing = wanted - count_of(&claimed);
                let way = pool.hints.way(first, last, |slot| bitmap.is_free(slot));
                let sink = |word_index, bits| claimed.push((word_index, bits));
                bitmap.try_claim_many((first, way, last), missing, sink);
            }
            (!claimed.is_empty()).then_some(claimed)
        });
        let Some(claimed) = claimed else { return 0 };
        let last = claimed.look().last();
        if let Some(slot) = last.and_then(|&(word_index, bits)| slots_in(word_index, bits).last()) {
            pool.hints.found(slot);
        }
        let taken = claimed.count();
        self.claimed.push(claimed);
        taken
    }

    /// Waits until the claimed addresses are durable, or returns why they may not be handed out. There may be other
    /// waits after it: then call [`is_whole`](Self::is_whole).
    pub(crate) fn wait_until_durable(&self) -> Result<(), AllocateError> {
        if self.claimed.is_empty() {
            return Ok(());
        }
        self.pool.wait_until_durable().map_err(AllocateError::from)
    }

    /// Returns whether passes have left all addresses in place. Call it after the last wait, before
    /// [`keep`](Self::keep).
    pub(crate) fn is_whole(&mut self) -> bool {
        let count = self.claimed.len();
        let claimed = std::mem::take(&mut self.claimed).into_iter();
        self.claimed = claimed.filter_map(|of| self.pool.still_ours(of)).collect();
        self.claimed.len() == count
    }

    /// Keeps the addresses, and returns how many.
    pub(crate) fn keep(mut self, addrs: &mut Vec<N::Addr>) -> u64 {
        let claimed = std::mem::take(&mut self.claimed).into_iter();
        let claimed: Vec<_> = claimed.flat_map(Unanswered::asked).collect();
        let slots = claimed
            .iter()
            .flat_map(|&(word_index, bits)| slots_in(word_index, bits));
        let before = addrs.len();
        addrs.extend(slots.map(|slot| self.pool.geometry.addr_of(slot)));
        self.pool.put_in_order(&mut addrs[before..]);
        let count = count_of(&claimed);
        self.pool.counters.allocated(Event::Batch, count);
        count
    }
}

impl<N: Network> Drop for Batch<'_, N> {
    fn drop(&mut self) {
        for unanswered in self.claimed.drain(..) {
            // This includes what a pass has freed; at worst, another thread searches once more than necessary.
            self.flight.note_given_back(unanswered.count());
            self.pool.return_unanswered(unanswered);
        }
    }
}

fn count_of(claimed: &[WordBits]) -> u64 {
    let ones = |&(_, bits): &WordBits| u64::from(bits.count_ones());
    claimed.iter().map(ones).sum()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::Pool;
    use ipnet::Ipv4Net;

    /// A caller that is about to refuse because of a batch learns how much of it was given back.
    #[test]
    fn what_a_batch_gives_back_is_counted() {
        let pool = Pool::new("10.0.0.0/29".parse::<Ipv4Net>().unwrap()).unwrap();
        let mut batch = pool.begin_batch().unwrap();
        assert_eq!(batch.take(&[(0, 7)], 3), 3);
        let evidence = pool.watch_for_slots();
        drop(batch);
        assert_eq!(evidence.given_back(), 3);
    }
}
