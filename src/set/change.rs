//! Changes a set while it is in use: add, drain, cordon; and remove, with exclusive access.

use super::cordons::MOST_CORDONS;
use super::directory::Directory;
use super::error::{AddError, CordonError, MemberError};
use super::member::Member;
use super::{MemberId, NewMember, PoolSet};
use crate::network::Network;
use crate::pool::{Part, Pool};
use std::ops::RangeInclusive;
use std::sync::{Arc, MutexGuard, PoisonError};

/// The slots of a range in one member.
type Touched<'s, N> = (usize, &'s Member<N>, Part);

impl<N: Network> PoolSet<N> {
    /// Adds a pool after the others, while other threads allocate. This is how a set grows. No allocated address
    /// changes. To give it a weight or a static band, pass a [`NewMember`].
    ///
    /// When the call returns, the pool's addresses belong to the set: an allocation that begins later does not report
    /// "exhausted" while the pool has a free address. A pool on the heap cannot grow while it is shared, because its
    /// words would have to move; a pool in a file can (`file::Builder::grow`).
    /// # Errors
    ///
    /// [`AddError::Overlaps`] names both networks; [`AddError::NoRoom`] if the set was built for fewer.
    /// [`AddError::Overlaps`] with both networks; [`AddError::NoRoom`] if the set was built for fewer members.
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?])?;
    /// set.allocate()?;
    /// assert!(set.allocate().is_err());
    /// set.add(Pool::new("10.0.4.0/22".parse()?)?)?;
    /// assert_eq!(set.allocate()?.to_string(), "10.0.4.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&self, member: impl Into<NewMember<N>>) -> Result<MemberId, AddError> {
        let _changing = self.change();
        let id = self.push(member.into())?;
        if self.directory.is_behind(self.members.len()) {
            self.directory.renew(&self.members);
        }
        Ok(id)
    }

    /// Drains a member: no new addresses are handed out from it. Releases still work, and
    /// [`stragglers`](Self::stragglers) returns the addresses that are still allocated.
    ///
    /// Calls in progress may still take one of its addresses; calls that begin later do not.
    ///
    /// # Errors
    ///
    /// [`MemberError::Unknown`] if there is no such member.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.1.0/24".parse()?)?,
    /// ])?;
    /// let held = set.allocate()?;
    /// set.drain(set.member_of(held).unwrap().id())?;
    /// assert_eq!(set.allocate()?.to_string(), "10.0.1.2");
    /// assert!(set.stragglers().eq([held]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(&self, member: MemberId) -> Result<(), MemberError> {
        let _changing = self.change();
        self.known(member)?.set_drained(true);
        Ok(())
    }

    /// Hands out addresses of a drained member again.
    ///
    /// # Errors
    ///
    /// [`MemberError::Unknown`] if there is no such member.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let member = set.members().next().unwrap().id();
    /// set.drain(member)?;
    /// assert!(set.allocate().is_err());
    /// set.resume(member)?;
    /// assert!(set.allocate().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume(&self, member: MemberId) -> Result<(), MemberError> {
        let _changing = self.change();
        self.known(member)?.set_drained(false);
        self.note_opening(member.index());
        Ok(())
    }

    /// Removes a drained member without allocated addresses, and returns its pool.
    ///
    /// This needs exclusive access, so that no thread is in the middle of taking one of its addresses. To shrink a set
    /// that is shared, build another set over the pools that remain. They are the same pools: addresses allocated from
    /// them stay allocated.
    ///
    /// # Errors
    ///
    /// [`MemberError::NotDrained`], [`MemberError::NotEmpty`] with the number of stragglers, or
    /// [`MemberError::Unknown`]. Nothing was changed.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let mut set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let member = set.members().next().unwrap().id();
    /// set.drain(member)?;
    /// let pool = set.remove(member)?;
    /// assert_eq!((pool.capacity(), set.capacity()), (253, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&mut self, member: MemberId) -> Result<Arc<Pool<N>>, MemberError> {
        let it = self.known(member)?;
        if !it.is_drained() {
            return Err(MemberError::NotDrained { member });
        }
        let allocated = it.pool.taken_in(it.pool.whole()).count() as u64;
        if allocated != 0 {
            return Err(MemberError::NotEmpty { member, allocated });
        }
        let taken = self.members.take(member.index());
        self.directory = Directory::new(self.members.room());
        self.directory.renew(&self.members);
        taken
            .map(|it| it.pool)
            .ok_or(MemberError::Unknown { member })
    }

    /// Cordons a range of addresses: no new addresses are handed out from it. Releases still work, and
    /// [`stragglers`](Self::stragglers) returns the addresses that are still allocated.
    ///
    /// No bit changes. Calls in progress may still take an address of the range; calls that begin later do not. A
    /// member with a cordon is searched part by part, which costs more than its normal search, and a call searches
    /// again before it is refused if an address of the member was released meanwhile, cordoned or not. The range may
    /// span several members, and extend beyond them. Units that share an address with it are cordoned. It affects the
    /// existing members, but not members that are added later.
    ///
    /// # Errors
    ///
    /// [`CordonError::OutOfRange`] if the range contains no address of the set; [`CordonError::TooMany`] if a member
    /// already has 16 cordons. Nothing was changed then.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let range = "10.0.0.0".parse()?..="10.0.0.127".parse()?;
    /// let held = set.allocate()?;
    /// set.cordon(range.clone())?;
    /// assert_eq!(set.allocate()?.to_string(), "10.0.0.128");
    /// assert!(set.stragglers().eq([held]));
    /// set.release(held)?;
    /// set.uncordon(range)?;
    /// assert_eq!(set.allocate()?, held);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cordon(&self, range: RangeInclusive<N::Addr>) -> Result<(), CordonError> {
        let changing = self.change();
        let touched = self.parts_of(&range)?;
        for (done, &(_, member, part)) in touched.iter().enumerate() {
            if !member.cordons.draw(part) {
                for &(index, member, part) in &touched[..done] {
                    self.lift(&changing, index, member, part);
                }
                return Err(CordonError::TooMany { most: MOST_CORDONS });
            }
            member.note_cordons();
        }
        Ok(())
    }

    /// Lifts the cordon of exactly this range: its free addresses are handed out again.
    ///
    /// # Errors
    ///
    /// [`CordonError::NotCordoned`] if no member that the range touches has a cordon that covers exactly the part of
    /// the range there.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let range = "10.0.0.0".parse()?..="10.0.0.127".parse()?;
    /// set.cordon(range.clone())?;
    /// set.uncordon(range.clone())?;
    /// assert!(set.uncordon(range).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn uncordon(&self, range: RangeInclusive<N::Addr>) -> Result<(), CordonError> {
        let changing = self.change();
        let mut was_cordoned = false;
        for (index, member, part) in self.parts_of(&range)? {
            was_cordoned |= self.lift(&changing, index, member, part);
        }
        if was_cordoned {
            return Ok(());
        }
        Err(CordonError::NotCordoned {
            first: (*range.start()).into(),
            last: (*range.end()).into(),
        })
    }

    fn lift(
        &self,
        _changing: &MutexGuard<'_, ()>,
        index: usize,
        member: &Member<N>,
        part: Part,
    ) -> bool {
        let was_cordoned = member.cordons.lift(part);
        member.note_cordons();
        self.note_opening(index);
        was_cordoned
    }

    /// Returns the slots of a range, by member.
    fn parts_of(
        &self,
        range: &RangeInclusive<N::Addr>,
    ) -> Result<Vec<Touched<'_, N>>, CordonError> {
        let touched: Vec<_> = self
            .members
            .iter()
            .filter_map(|(index, member)| Some((index, member, member.part_of(range)?)))
            .collect();
        if touched.is_empty() {
            return Err(CordonError::OutOfRange {
                first: (*range.start()).into(),
                last: (*range.end()).into(),
            });
        }
        Ok(touched)
    }

    fn known(&self, member: MemberId) -> Result<&Member<N>, MemberError> {
        let known = self.members.get(member.index());
        known.ok_or(MemberError::Unknown { member })
    }

    /// Serializes changes. A change that panicked has left nothing half-done that another one needs.
    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
