//! Changing a set while it is used: add, drain, cordon; and remove, for whoever has it alone.

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
    /// Adds a pool behind the others, while others allocate: how a set grows. No allocated address changes.
    /// With a weight or a static band as a [`NewMember`].
    ///
    /// When the call returns, its addresses are the set's: whoever asks from then on is not told "exhausted"
    /// while it has something. A pool on the heap cannot grow itself, since its words would have to move
    /// under those who use them; a pool in a file can (`file::Builder::grow`).
    ///
    /// # Errors
    ///
    /// [`AddError::Overlaps`] names both networks; [`AddError::NoRoom`] if the set was built for fewer.
    ///
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

    /// Drains a member: nothing new is handed out from it. Releases go on, and
    /// [`stragglers`](Self::stragglers) lists what is still held.
    ///
    /// Calls that were in progress may still take an address of it; those that begin later do not.
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

    /// Removes a drained member that nobody holds an address of, and answers its pool.
    ///
    /// Only for whoever has the set alone: nobody can be in the middle of taking an address of it. A set
    /// that is shared is shrunk by building another one over the pools that stay, which are the same pools:
    /// what is allocated from them stays allocated.
    ///
    /// # Errors
    ///
    /// [`MemberError::NotDrained`], [`MemberError::NotEmpty`] with the number of stragglers, or
    /// [`MemberError::Unknown`]. Nothing has changed.
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

    /// Cordons a range of addresses: nothing new is handed out from it. Releases go on, and
    /// [`stragglers`](Self::stragglers) lists what is still held.
    ///
    /// No bit changes. Calls that were in progress may still take an address of the range; those that begin
    /// later do not. A member under a cordon is searched part by part, which costs more than its own way, and whoever
    /// is refused looks again if something was released there meanwhile, under the cordon or not.
    /// The range may span members, and reach beyond them; of units, those that it touches are cordoned. It
    /// binds the members that there are when it is drawn, and not those that are added later.
    ///
    /// # Errors
    ///
    /// [`CordonError::OutOfRange`] if it has no address of the set; [`CordonError::TooMany`] if a member has
    /// 16 cordons already, and then nothing has changed.
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
    /// [`CordonError::NotCordoned`] if no member that the range touches has a cordon that is all of the
    /// range there.
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

    /// What a range touches: by member, the slots of it.
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

    /// One change at a time. A change that panicked has left nothing half done that another one needs.
    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
