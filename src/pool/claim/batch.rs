//! One pool's part of a batch that spans the members of a set.

use super::answer::Unanswered;
use crate::bitmap::{Flight, WordBits};
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::Pool;
use crate::pool::member::Part;
use crate::slot::slots_in;
use crate::stats::Event;

/// Addresses that are given back unless they are kept, and for which others wait meanwhile.
///
/// In a pool file a process has one flight at a time, and whoever wants another one waits for it. So a
/// thread begins at most one batch for each pool, and the batches of several pools always in one order: that
/// of their addresses.
pub(crate) struct Batch<'a, N: Network> {
    pool: &'a Pool<N>,
    claimed: Vec<Unanswered<Vec<WordBits>>>,
    /// Dropped last: it lands when everything is free again, or somebody's.
    flight: Flight<'a>,
}

impl<N: Network> Pool<N> {
    /// Begins a batch that has nothing yet.
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
    /// Claims up to `wanted` addresses of these parts; answers how many. Fewer prove nothing.
    ///
    /// Looks again until it finds nothing: the look that takes the last one leaves its hint, and only the
    /// next one takes that down. With the hint up nobody could prove that there was no more.
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

    /// Waits until what was taken is durable, or says why it may not be answered. Others may have to be waited
    /// for yet: then ask [`is_whole`](Self::is_whole).
    pub(crate) fn wait_until_durable(&self) -> Result<(), AllocateError> {
        if self.claimed.is_empty() {
            return Ok(());
        }
        self.pool.wait_until_durable().map_err(AllocateError::from)
    }

    /// Whether passes have left everything where it was: ask when nothing is waited for any more, before
    /// [`keep`](Self::keep).
    pub(crate) fn is_whole(&mut self) -> bool {
        let count = self.claimed.len();
        let claimed = std::mem::take(&mut self.claimed).into_iter();
        self.claimed = claimed.filter_map(|of| self.pool.still_ours(of)).collect();
        self.claimed.len() == count
    }

    /// Keeps the addresses; answers how many.
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
            // What a pass has freed is counted, too: then somebody looks once more than he must.
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

    /// Whoever was about to refuse because of a batch finds out how much of it came back.
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
