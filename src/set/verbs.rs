//! The methods of a set that allocate and release addresses.

use super::PoolSet;
use super::member::Member;
use super::proof::given_back;
use super::strategy::{Strategy, looks_full};
use crate::client::Client;
use crate::error::{AllocateError, AllocateExactError, ReleaseError};
use crate::file_refusal::FileRefusal;
use crate::network::Network;
use crate::pool::Left;

impl<N: Network> PoolSet<N> {
    /// Allocates a free address: the strategy chooses the member, and the member's policy chooses the address.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no member had anything to hand out. If all members
    /// that are not full are pool files that hand out nothing because of an error, that error is returned.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?])?;
    /// assert_eq!(set.allocate()?.to_string(), "10.0.0.2");
    /// assert!(set.allocate().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    // Always inlined: as `Pool::allocate`.
    #[inline(always)]
    pub fn allocate(&self) -> Result<N::Addr, AllocateError> {
        let Some(member) = self.likely_in_order() else {
            return self.allocate_by_strategy();
        };
        // There is nothing to note: it was the last one before, too.
        match member.pool.allocate_any() {
            Some(addr) => Ok(addr),
            None => self.allocate_beyond(member),
        }
    }

    /// Returns the member that was used last, if it is the first one with a free address, and that is what counts.
    #[inline(never)]
    fn likely_in_order(&self) -> Option<&Member<N>> {
        let last = self.chooser.last();
        if self.chooser.strategy() != Strategy::InOrder || !self.summary.is_lowest(last) {
            return None;
        }
        self.members.get(last).filter(|member| member.is_plain())
    }

    #[inline(never)]
    fn allocate_by_strategy(&self) -> Result<N::Addr, AllocateError> {
        match self.chooser.strategy() {
            Strategy::InOrder => self.allocate_anywhere(None),
            Strategy::RoundRobin | Strategy::MostFree | Strategy::Weighted => {
                self.allocate_by_turns()
            }
        }
    }

    /// Does the same for the strategies that may change the member with every call.
    #[inline(never)]
    fn allocate_by_turns(&self) -> Result<N::Addr, AllocateError> {
        if let Some(index) = self.chooser.likely(&self.summary, &self.members)
            && let Some(member) = self.members.get(index)
            && member.is_plain()
        {
            let Some(addr) = member.pool.allocate_any() else {
                return self.allocate_beyond(member);
            };
            self.chooser.note_taken(index, member);
            return Ok(addr);
        }
        self.allocate_anywhere(None)
    }

    /// Allocates after this member had nothing, or was refused by its file.
    #[inline(never)]
    fn allocate_beyond(&self, member: &Member<N>) -> Result<N::Addr, AllocateError> {
        let refused = match member.pool.exhausted() {
            Ok(addr) => return Ok(addr),
            Err(error) => error.of_file(),
        };
        self.allocate_anywhere(refused)
    }

    /// `refused` is the reason why the file of a member has already refused this call. It is not asked again.
    #[inline(never)]
    fn allocate_anywhere(&self, refused: Option<FileRefusal>) -> Result<N::Addr, AllocateError> {
        self.search_or_prove(|refusal| {
            *refusal = refused.map(AllocateError::from);
            let start = self.chooser.first(&self.members);
            let (index, addr) = self.walk_bands_last(start, refusal, Member::try_allocate)?;
            self.note(index);
            Some(addr)
        })
    }

    /// Allocates for a client, whose number chooses the member, and the place in it where the search begins. With every
    /// strategy, the same client usually gets the same address back.
    ///
    /// A member that is added takes its share of the clients, and the others stay where they were. If a client's member
    /// is full, the client goes to the next one. In a member with a cordon or a static band, a client's place counts
    /// only if it is free and open; otherwise, the client gets the address that the policy chooses.
    ///
    /// # Errors
    ///
    /// The same errors as [`allocate`](Self::allocate).
    ///
    /// ```
    /// use hostbits::{Client, Pool, PoolSet};
    ///
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.1.0/24".parse()?)?,
    /// ])?;
    /// let alice = Client::from_hash(0x9e37_79b9_7f4a_7c15);
    /// let addr = set.allocate_for(alice)?;
    /// set.release(addr)?;
    /// assert_eq!(set.allocate_for(alice)?, addr);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_for(&self, client: Client) -> Result<N::Addr, AllocateError> {
        self.search_or_prove(|refusal| {
            let start = self.home_of(client);
            let ask = |member: &Member<N>, with_band| member.try_allocate_for(client, with_band);
            let (index, addr) = self.walk_bands_last(start, refusal, ask)?;
            self.note(index);
            Some(addr)
        })
    }

    /// Returns the index of the member that is searched first for a client.
    pub(super) fn home_of(&self, client: Client) -> usize {
        let count = self.members.len().max(1) as u64;
        client.bucket_of(count) as usize
    }

    /// Allocates like [`allocate`](Self::allocate), and returns the slot as a network: `10.0.0.5/32`, or the prefix
    /// that the member delegates.
    ///
    /// # Errors
    ///
    /// The same errors as [`allocate`](Self::allocate).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let delegated = Pool::builder("2001:db8::/40".parse::<ipnet::Ipv6Net>()?).unit(56).build()?;
    /// let set = PoolSet::new([delegated])?;
    /// assert_eq!(set.allocate_net()?.to_string(), "2001:db8::/56");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_net(&self) -> Result<N, AllocateError> {
        let addr = self.allocate()?;
        let unit = self.member_at(addr).map(|(_, member)| member.pool.unit());
        Ok(N::around(addr, unit.unwrap_or(N::addr_width(addr))))
    }

    /// Allocates exactly `addr`, in whichever member it is.
    ///
    /// # Errors
    ///
    /// [`AllocateExactError::Cordoned`] if the address is cordoned, or its member is drained; otherwise, the errors of
    /// [`Pool::allocate_exact`](crate::Pool::allocate_exact).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// set.allocate_exact("10.0.0.7".parse()?)?;
    /// assert!(set.allocate_exact("10.0.0.7".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_exact(&self, addr: N::Addr) -> Result<(), AllocateExactError> {
        let Some((_, member)) = self.member_at(addr) else {
            return Err(AllocateExactError::OutOfRange { addr: addr.into() });
        };
        if !member.is_open_at(addr) {
            return Err(AllocateExactError::Cordoned { addr: addr.into() });
        }
        member.pool.allocate_exact(addr)?;
        self.chooser.note_named(member, 1);
        Ok(())
    }

    /// Allocates `addr` if it is free, and any other address otherwise.
    ///
    /// An unsuitable `addr` is not an error: if it is not in the set, reserved, cordoned or taken, it merely expresses
    /// no preference.
    ///
    /// # Errors
    ///
    /// The same errors as [`allocate`](Self::allocate).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let wanted = "10.0.0.99".parse()?;
    /// assert_eq!(set.allocate_preferring(wanted)?, wanted);
    /// assert_eq!(set.allocate_preferring(wanted)?.to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_preferring(&self, addr: N::Addr) -> Result<N::Addr, AllocateError> {
        if let Some((_, member)) = self.member_at(addr)
            && member.is_open_at(addr)
        {
            match member.pool.try_allocate_around(addr) {
                Ok(Some(addr)) => {
                    self.chooser.note_named(member, 1);
                    return Ok(addr);
                }
                Ok(None) => {}
                Err(error) => return self.allocate_anywhere(error.of_file()),
            }
        }
        self.allocate()
    }

    /// Allocates an aligned block from the first member that has one, with every strategy; see
    /// [`Pool::allocate_block`](crate::Pool::allocate_block). A cordon never touches the block.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no member had such a block completely free;
    /// [`AllocateError::BadBlock`] if no member can contain such a block.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/28".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.1.0/24".parse()?)?,
    /// ])?;
    /// assert_eq!(set.allocate_block(26)?.to_string(), "10.0.1.128/26");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_block(&self, prefix_len: u8) -> Result<N, AllocateError> {
        loop {
            if let Some(block) = self.try_allocate_block(prefix_len)? {
                return Ok(block);
            }
        }
    }

    /// Searches all members, each of them watched from before the first search until after the last one. `None` means
    /// to try again.
    fn try_allocate_block(&self, prefix_len: u8) -> Result<Option<N>, AllocateError> {
        let before = self.shape_now();
        let evidence: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| !member.is_drained())
            .map(|(_, member)| member.pool.watch_for_blocks(prefix_len))
            .collect();
        let (mut misfit, mut fits, mut refusal) = (None, false, None);
        for (_, member) in self.members.iter() {
            match member.try_allocate_block(prefix_len) {
                Ok(block) => {
                    self.chooser
                        .note_named(member, units_of(member, prefix_len));
                    return Ok(Some(block));
                }
                Err(AllocateError::Exhausted { .. }) => fits = true,
                Err(error @ AllocateError::BadBlock { .. }) => misfit = Some(error),
                // A drained member would not have given an address anyway.
                Err(_) if member.is_drained() => {}
                Err(error) => {
                    refusal.get_or_insert(error);
                }
            }
        }
        match (refusal, misfit) {
            (Some(refusal), _) => Err(refusal),
            (None, Some(misfit)) if !fits => Err(misfit),
            _ if self.still_holds(before, &evidence) && given_back(&evidence) == 0 => {
                Err(self.exhausted(None))
            }
            _ => Ok(None),
        }
    }

    /// Releases `addr`, whichever member it is in, also in drained members and under cordons.
    ///
    /// # Errors
    ///
    /// The same errors as [`Pool::release`](crate::Pool::release). Nothing was changed.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let addr = set.allocate()?;
    /// set.release(addr)?;
    /// assert!(set.release(addr).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    // Always inlined: otherwise, it saves registers around the two leaves that it calls.
    #[inline(always)]
    pub fn release(&self, addr: N::Addr) -> Result<(), ReleaseError> {
        let last = self.chooser.last();
        if let Some(member) = self.members.get(last)
            && let Some(slot) = member.pool.home_slot_of(addr)
        {
            return match member.pool.free(slot) {
                Left::Nothing if self.note_released_at_once(last) => Ok(()),
                left => self.finish_release(addr, last, left),
            };
        }
        self.release_elsewhere(addr)
    }

    /// Records a release if the summary has every hint about the member already; returns `false` if not.
    ///
    /// A leaf, as `Pool::free` is, and for the same reason. Call it after the pool has finished its part.
    #[inline(never)]
    fn note_released_at_once(&self, index: usize) -> bool {
        let is_published = self.summary.is_published(index);
        if is_published {
            self.chooser.note_released(index, 1, &self.members);
        }
        is_published
    }

    /// Does what is left after a first part that was not all of it.
    #[inline(never)]
    fn finish_release(&self, addr: N::Addr, index: usize, left: Left) -> Result<(), ReleaseError> {
        if let Some(member) = self.members.get(index)
            && let Some(slot) = member.pool.home_slot_of(addr)
        {
            member.pool.finish_release(addr, slot, left)?;
            self.note_released(index, 1);
        }
        Ok(())
    }

    #[inline(never)]
    fn release_elsewhere(&self, addr: N::Addr) -> Result<(), ReleaseError> {
        let Some((index, member)) = self.member_at(addr) else {
            return Err(ReleaseError::OutOfRange { addr: addr.into() });
        };
        member.pool.release(addr)?;
        self.note_released(index, 1);
        Ok(())
    }

    /// Releases a block that [`allocate_block`](Self::allocate_block) returned, or any aligned block of one member
    /// whose addresses are all allocated.
    ///
    /// # Errors
    ///
    /// The same errors as [`Pool::release_block`](crate::Pool::release_block).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let block = set.allocate_block(28)?;
    /// set.release_block(block)?;
    /// assert_eq!(set.allocated(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_block(&self, block: N) -> Result<(), ReleaseError> {
        let addr = block.written_addr();
        let Some((index, member)) = self.member_at(addr) else {
            return Err(ReleaseError::OutOfRange { addr: addr.into() });
        };
        member.pool.release_block(block)?;
        self.note_released(index, units_of(member, block.mask_len()));
        Ok(())
    }

    /// Calls `search` for the parts outside static bands first, if there are any, and then for all parts.
    pub(super) fn walk_bands_last<'s, T>(
        &'s self,
        start: usize,
        refusal: &mut Option<AllocateError>,
        mut ask: impl FnMut(&'s Member<N>, bool) -> Result<Option<T>, AllocateError>,
    ) -> Option<(usize, T)> {
        if self.has_bands() {
            let count = self.members.len();
            let mut around = (start..count).chain(0..start.min(count));
            let outside = around.find_map(|index| {
                let member = self.members.get(index)?;
                match ask(member, false) {
                    Ok(found) => Some((index, found?)),
                    // A drained member would not have given an address anyway.
                    Err(_) if member.is_drained() => None,
                    Err(error) => {
                        refusal.get_or_insert(error);
                        None
                    }
                }
            });
            if outside.is_some() {
                return outside;
            }
        }
        self.walk(start, refusal, |member| ask(member, true))
    }

    /// Tries the members that may have something, from `start` on and wrapping around, until one gives something.
    /// `refusal` is the first error of a pool file among them.
    fn walk<'s, T>(
        &'s self,
        start: usize,
        refusal: &mut Option<AllocateError>,
        mut ask: impl FnMut(&'s Member<N>) -> Result<Option<T>, AllocateError>,
    ) -> Option<(usize, T)> {
        for mut from in [start, 0] {
            while let Some(index) = self.summary.next(from) {
                if let Some(member) = self.members.get(index) {
                    match ask(member) {
                        Ok(Some(found)) => return Some((index, found)),
                        Ok(None) => {
                            member.note_full();
                            self.summary
                                .settle(index, || looks_full(&self.members, index));
                        }
                        Err(error) => {
                            refusal.get_or_insert(error);
                        }
                    }
                }
                from = index + 1;
            }
        }
        None
    }

    /// Returns the first member from `from` on, wrapping around, that may have something.
    pub(super) fn first_open_from(&self, from: usize) -> Option<(usize, &Member<N>)> {
        let next = self.summary.next(from);
        let index = next.or_else(|| self.summary.next(0))?;
        Some((index, self.members.get(index)?))
    }

    pub(super) fn note(&self, index: usize) {
        if let Some(member) = self.members.get(index) {
            self.chooser.note_taken(index, member);
        }
    }

    /// Records a release, after the pool has finished it.
    #[inline]
    fn note_released(&self, index: usize, count: u64) {
        self.summary.publish(index);
        self.chooser.note_released(index, count, &self.members);
    }

    /// Records addresses that were freed by a list, and not by their holders.
    pub(super) fn note_freed(&self, index: usize, count: u64) {
        if count != 0 {
            self.note_released(index, count);
        }
    }

    /// Records addresses that were allocated because a list contains them.
    pub(super) fn note_adopted(&self, index: usize, count: u64) {
        if let Some(member) = self.members.get(index) {
            self.chooser.note_named(member, count);
        }
    }

    /// Records a half that was given back to its pool.
    pub(super) fn note_return(&self, addr: N::Addr) {
        if let Some((index, _)) = self.member_at(addr) {
            self.note_released(index, 1);
        }
    }

    /// Returns the member that contains an address.
    pub(super) fn member_at(&self, addr: N::Addr) -> Option<(usize, &Member<N>)> {
        let index = self.directory.find(addr, &self.members)?;
        Some((index, self.members.get(index)?))
    }
}

/// Returns how many addresses of this member a block has.
pub(super) fn units_of<N: Network>(member: &Member<N>, prefix_len: u8) -> u64 {
    let order = u32::from(member.pool.unit().saturating_sub(prefix_len));
    1u64.checked_shl(order).unwrap_or(0)
}
