//! Reclaims the quarantines of pool files with one list: in all members, or in none.

use super::member::Member;
use super::{MemberId, PoolSet};
use crate::file;
use crate::network::Network;
use crate::pool::MemberListing;
use crate::pool::file::check_clear;
use crate::users::{Adopted, Record, Unreadable};
use std::error::Error;
use std::fmt;

/// The effect of [`PoolSet::reclaim`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "it says which entries of the list were not what they should be"]
#[non_exhaustive]
pub struct Reclaimed {
    /// Addresses that were quarantined and not listed, and are now free.
    pub freed: u64,
    /// Addresses that were quarantined and listed, and are now allocated.
    pub held: u64,
    /// The result for the entries of the list; see [`PoolSet::adopt`].
    pub adopted: Adopted,
    /// The results for each member.
    pub members: Vec<MemberReclaimed>,
}

/// The result for one member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MemberReclaimed {
    /// The member.
    pub id: MemberId,
    /// Its network, or its first and last address.
    pub name: String,
    /// Addresses of this member that were quarantined and not listed, and are now free.
    pub freed: u64,
    /// Addresses of this member that were quarantined and listed, and are now allocated.
    pub held: u64,
}

/// Why nothing was reclaimed in any member. Listed addresses may have been allocated nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ReclaimError {
    /// The member that refuses; `None` for the list as a whole.
    pub id: Option<MemberId>,
    /// Its network, or its first and last address; `None` for the list as a whole.
    pub member: Option<String>,
    /// The reason.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub error: file::ReclaimError,
}

impl ReclaimError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        self.error.code()
    }
}

impl fmt::Display for ReclaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(member) = &self.member {
            write!(f, "{member}: ")?;
        }
        self.error.fmt(f)
    }
}

impl Error for ReclaimError {}

impl<N: Network> PoolSet<N> {
    /// Frees the quarantined addresses of all members that a list does not contain; see
    /// [`Pool::reclaim`](crate::Pool::reclaim), with everything that its caller has to ensure.
    ///
    /// There is one list for all members, and it is read once. If it may not free addresses in one member, it frees
    /// none at all. A member with a quarantine and without a listed address is refused, because its part of the list
    /// may have been forgotten. If none of its addresses is held, call
    /// [`release_quarantine_unchecked`](crate::Pool::release_quarantine_unchecked) of its pool; the rest can be
    /// reclaimed after that. Drained members are included.
    ///
    /// # Errors
    ///
    /// [`file::ReclaimError::Unclear`] if an entry cannot be read, whichever member it is for;
    /// [`file::ReclaimError::EmptyList`], [`file::ReclaimError::NoFile`] and [`file::ReclaimError::Forked`] with the
    /// member. Nothing was freed.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// # let path = |index| std::env::temp_dir().join(format!("hostbits-doc-set-{index}-{}", std::process::id()));
    /// # let create = |net: &str, index| Pool::builder(net.parse::<ipnet::Ipv4Net>().unwrap()).create(path(index));
    /// let set = PoolSet::new([create("10.0.0.0/24", 0)?, create("10.0.1.0/24", 1)?])?;
    /// let reclaimed = set.reclaim(["10.0.0.7", "10.0.1.9"])?;
    /// assert_eq!((reclaimed.freed, reclaimed.held, reclaimed.adopted.taken), (0, 0, 2));
    /// # (0..2).try_for_each(|index| std::fs::remove_file(path(index)))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reclaim(
        &self,
        users: impl IntoIterator<Item = impl Record>,
    ) -> Result<Reclaimed, ReclaimError> {
        self.reclaim_with(Unreadable::Refuse, users)
    }

    /// Reclaims like [`reclaim`](Self::reclaim), with a choice of what to do with unreadable entries; see
    /// [`Pool::reclaim_with`](crate::Pool::reclaim_with).
    ///
    /// # Errors
    ///
    /// The same errors as [`reclaim`](Self::reclaim).
    pub fn reclaim_with(
        &self,
        unreadable: Unreadable,
        users: impl IntoIterator<Item = impl Record>,
    ) -> Result<Reclaimed, ReclaimError> {
        let members = self.reclaimable()?;
        let (adopted, mut listed) = self.adopt_listed(users);
        listed.resize(self.members.room(), Vec::new());
        check_clear(unreadable, &adopted).map_err(|error| ReclaimError {
            id: None,
            member: None,
            error,
        })?;
        let allowed = members.iter();
        let allowed = allowed.map(|&(index, it)| it.pool.check_listed(&listed[index]));
        check_all(&members, allowed)?;
        let members = members.into_iter();
        let members = members.map(|at| self.reclaim_at(at, std::mem::take(&mut listed[at.0])));
        let members: Vec<_> = members.collect();
        Ok(Reclaimed {
            freed: members.iter().map(|member| member.freed).sum(),
            held: members.iter().map(|member| member.held).sum(),
            adopted,
            members,
        })
    }

    /// Frees the whole quarantine of every member, and returns how many addresses that were in each.
    ///
    /// The caller guarantees that none of them is held; see
    /// [`Pool::release_quarantine_unchecked`](crate::Pool::release_quarantine_unchecked).
    ///
    /// # Errors
    ///
    /// [`file::ReclaimError::NoFile`] and [`file::ReclaimError::Forked`] with the member. Nothing was freed.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-risks-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let set = PoolSet::new([Pool::builder(net).create(&path)?])?;
    /// assert_eq!(set.release_quarantines_unchecked()?[0].freed, 0);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_quarantines_unchecked(&self) -> Result<Vec<MemberReclaimed>, ReclaimError> {
        let members = self.reclaimable()?.into_iter();
        Ok(members.map(|at| self.reclaim_at(at, Vec::new())).collect())
    }

    /// Returns the members, if all of them have a quarantine. Members that are added later are left alone.
    fn reclaimable(&self) -> Result<Vec<(usize, &Member<N>)>, ReclaimError> {
        let members: Vec<_> = self.members.iter().collect();
        let checked = members.iter().map(|(_, it)| it.pool.check_reclaimable());
        check_all(&members, checked)?;
        Ok(members)
    }

    fn reclaim_at(
        &self,
        (index, member): (usize, &Member<N>),
        listed: Vec<u64>,
    ) -> MemberReclaimed {
        let (freed, held) = member.pool.reclaim_unlisted(listed);
        self.note_freed(index, freed);
        MemberReclaimed {
            id: MemberId(index as u32),
            name: member.name(),
            freed,
            held,
        }
    }

    /// Takes the listed addresses; returns the report, and the listed slots by member.
    fn adopt_listed(
        &self,
        users: impl IntoIterator<Item = impl Record>,
    ) -> (Adopted, Vec<Vec<u64>>) {
        let (router, listings) = self.read_for_members(users);
        let (mut reports, mut listed) = (Vec::new(), Vec::new());
        for (index, listing) in listings.into_iter().enumerate() {
            let (report, words) = listing.map(MemberListing::adopt_listed).unwrap_or_default();
            self.note_adopted(index, report.taken);
            reports.push(report);
            listed.push(words);
        }
        (router.joined(reports), listed)
    }
}

/// Returns the refusal of the first member that refuses.
fn check_all<N: Network>(
    members: &[(usize, &Member<N>)],
    checked: impl Iterator<Item = Result<(), file::ReclaimError>>,
) -> Result<(), ReclaimError> {
    let mut checked = members.iter().zip(checked);
    checked.try_for_each(|(&(index, member), checked)| {
        checked.map_err(|error| ReclaimError {
            id: Some(MemberId(index as u32)),
            member: Some(member.name()),
            error,
        })
    })
}
