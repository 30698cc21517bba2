//! Grows a pool on the heap.

use super::{Builder, Pool};
use crate::geometry::{Run, slot_count};
use crate::grow_error::GrowError;
use crate::network::Network;
use crate::slot::{bits_within, words_within};
use std::mem::swap;

impl<N: Network> Builder<N> {
    /// Grows a pool on the heap into the one described here: a network with a shorter prefix that begins at the same
    /// address, more ranges after the others, or fewer reservations. Returns how many more addresses can be handed out.
    ///
    /// Allocated addresses stay allocated, at the same slots, and the counters continue if the same things are counted.
    /// The policy and the search may differ; the position of [`Policy::Next`](crate::Policy::Next) starts anew. The
    /// pool is borrowed exclusively: to add room while other threads allocate, add a member to a
    /// [`PoolSet`](crate::PoolSet::add). A pool in a file grows with `file::Builder::grow`.
    ///
    /// # Errors
    ///
    /// Returns a [`GrowError`] if an address would get another slot or could no longer be handed out, or if the choices
    /// do not fit together. Nothing was changed.
    ///
    /// ```
    /// use hostbits::Pool;
    /// use ipnet::Ipv4Net;
    ///
    /// let mut pool = Pool::new("10.0.0.0/24".parse::<Ipv4Net>()?)?;
    /// let addr = pool.allocate()?;
    /// let wider = Pool::builder("10.0.0.0/22".parse::<Ipv4Net>()?);
    /// // One more than the rest of the network: 10.0.0.255 is no longer a broadcast address.
    /// assert_eq!(wider.grow(&mut pool)?, 768);
    /// assert_eq!((pool.allocated(), pool.iter().next()), (1, Some(addr)));
    ///
    /// let narrower = Pool::builder("10.0.0.0/24".parse::<Ipv4Net>()?);
    /// assert_eq!(narrower.grow(&mut pool).unwrap_err().code(), "address-lost");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grow(&self, pool: &mut Pool<N>) -> Result<u64, GrowError> {
        if pool.is_in_file() {
            return Err(GrowError::InFile);
        }
        let mut grown = self.build()?;
        let added = pool.geometry.growth_into(&grown.geometry);
        let added = added.map_err(|addr| GrowError::AddressLost { addr: addr.into() })?;
        grown.take_over(pool);
        *pool = grown;
        Ok(slot_count(&added))
    }
}

impl<N: Network> Pool<N> {
    /// Takes over the allocations and the counters of the other pool.
    fn take_over(&mut self, smaller: &mut Self) {
        let free = smaller.bitmap().words();
        let held = self.take_words(|| {
            let runs = smaller.geometry.runs().iter();
            runs.flat_map(|&Run { first, last }| {
                let free = &free;
                words_within(first, last).map(move |word_index| {
                    let usable = bits_within(word_index, first, last);
                    (word_index, usable & !free[word_index])
                })
            })
        });
        if self.counters.level() == smaller.counters.level() {
            swap(&mut self.counters, &mut smaller.counters);
        } else {
            self.count_adopted(held);
        }
    }
}
