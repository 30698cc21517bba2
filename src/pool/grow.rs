//! A pool on the heap that becomes a larger one.

use super::{Builder, Pool};
use crate::geometry::{Run, slot_count};
use crate::grow_error::GrowError;
use crate::network::Network;
use crate::slot::{bits_within, words_within};
use std::mem::swap;

impl<N: Network> Builder<N> {
    /// Lets a pool on the heap grow into the one described here: a network with a shorter prefix that begins
    /// at the same address, more ranges behind the others, fewer reservations. Answers how many more
    /// addresses can be handed out.
    ///
    /// What is allocated stays so, at the same slots, and its counters go on if the same is counted. Policy and
    /// search may be others; where [`Policy::Next`](crate::Policy::Next) stands begins anew. Nobody else has
    /// the pool meanwhile: to add room while others allocate, add a member to a
    /// [`PoolSet`](crate::PoolSet::add). A pool in a file grows by `file::Builder::grow`.
    ///
    /// # Errors
    ///
    /// [`GrowError`] names an address that would have another slot, or could no longer be handed out; or says
    /// what does not fit together. Nothing has changed.
    ///
    /// ```
    /// use hostbits::Pool;
    /// use ipnet::Ipv4Net;
    ///
    /// let mut pool = Pool::new("10.0.0.0/24".parse::<Ipv4Net>()?)?;
    /// let addr = pool.allocate()?;
    /// let wider = Pool::builder("10.0.0.0/22".parse::<Ipv4Net>()?);
    /// // One more than the rest of the network: 10.0.0.255 is no broadcast address any more.
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
    /// Takes what the other pool has taken, and its counters.
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
