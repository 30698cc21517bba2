//! One list for all members: which members an entry is for.
//!
//! Each entry goes to the member that contains its address, which reads it with its own geometry; a block may go to
//! several members. Addresses outside all members, and entries that are not addresses, are counted here. So every entry
//! is counted once. If there is only one member, it reads and counts all entries.

use super::member::Member;
use super::{MemberPlan, PoolSet};
use crate::network::Network;
use crate::plan::EntryCounts;
use crate::pool::BlockSays;
use crate::users::{
    Adopted, Entry, Listed, Problem, ProblemKind, Quoted, Record, Unreadable, join_problems, read,
};
use ipnet::IpNet;
use std::net::IpAddr;

pub(super) struct Router<'s, N: Network> {
    set: &'s PoolSet<N>,
    /// Members from this number on were added later, and are left out.
    end: usize,
    /// The only member: it reads every entry, and recognizes addresses outside it itself.
    only: Option<usize>,
    /// One address of each family that the members have.
    families: Vec<N::Addr>,
    /// The counts of entries that are for no member; its number of entries is that of the whole list.
    pub(super) elsewhere: Adopted,
}

impl<'s, N: Network> Router<'s, N> {
    /// Creates a list for the current members.
    pub(super) fn new(set: &'s PoolSet<N>) -> Self {
        Self::up_to(set, set.members.len())
    }

    /// Creates a list for the members whose numbers are below `end`.
    pub(super) fn up_to(set: &'s PoolSet<N>, end: usize) -> Self {
        let mut families: Vec<N::Addr> = Vec::new();
        let members = || set.members.iter().take_while(|&(index, _)| index < end);
        for (_, member) in members() {
            let addr = member.pool.first_addr();
            let is_known = |&known: &N::Addr| N::addr_width(known) == N::addr_width(addr);
            if !families.iter().any(is_known) {
                families.push(addr);
            }
        }
        Self {
            set,
            end,
            only: match (members().next(), members().nth(1)) {
                (Some((index, _)), None) => Some(index),
                _ => None,
            },
            families,
            elsewhere: Adopted::default(),
        }
    }

    /// Returns the name of a member.
    pub(super) fn name_of(&self, index: usize) -> String {
        let member = self.set.members.get(index);
        member.map_or_else(String::new, Member::name)
    }

    /// Returns the position of the latest entry, counted from 1.
    pub(super) fn position(&self) -> u64 {
        self.elsewhere.entries
    }

    /// Returns the members that the next entry is for.
    pub(super) fn route(&mut self, user: &impl Record) -> Route {
        self.elsewhere.entries += 1;
        if let Some(member) = self.only {
            return Route::One(member);
        }
        let listed = user.listed();
        match read(listed) {
            Entry::Addr(addr) => match self.home_of(addr) {
                Some(member) => Route::One(member),
                None => {
                    self.count_stranger(addr, listed, user.owner());
                    Route::None
                }
            },
            Entry::Net(net) => match self.unit_of(net) {
                Some(member) => Route::One(member),
                // A prefix with host bits may be that of a host.
                None if self.is_route(net) && net != net.trunc() => {
                    match self.home_of(net.addr()) {
                        Some(member) => Route::One(member),
                        None => Route::None,
                    }
                }
                None if self.is_route(net) => {
                    self.elsewhere.routes += 1;
                    Route::None
                }
                None => self.route_all(net.network(), net.broadcast(), listed, user.owner()),
            },
            Entry::Range(first, last) => self.route_all(first, last, listed, user.owner()),
            Entry::Unassigned => {
                self.elsewhere.unassigned += 1;
                Route::None
            }
            Entry::Unparseable => {
                self.note(ProblemKind::Unparseable, listed, user.owner());
                Route::None
            }
            Entry::Stray(first, last) => {
                let members = self.set.members.iter();
                let mut members = members.take_while(|&(index, _)| index < self.end);
                match members.any(|(_, member)| member.pool.hands_out(first, last)) {
                    true => self.note(ProblemKind::Stray, listed, user.owner()),
                    false => self.elsewhere.passed += 1,
                }
                Route::None
            }
        }
    }

    fn route_all(
        &mut self,
        first: IpAddr,
        last: IpAddr,
        listed: Listed<'_>,
        owner: Option<&str>,
    ) -> Route {
        let members = self.members_in(first, last);
        match members[..] {
            [] => {
                self.count_stranger(first, listed, owner);
                Route::None
            }
            // Also if there is only one: whether the block covers that member says nothing about the set.
            _ => Route::Several(members),
        }
    }

    /// Returns the member that hands out exactly this prefix.
    fn unit_of(&self, net: IpNet) -> Option<usize> {
        let home = self.home_of(net.addr())?;
        let member = self.set.members.get(home)?;
        member.pool.is_one_unit(net.trunc()).then_some(home)
    }

    /// Returns whether a prefix covers the networks of all members of its family.
    fn is_route(&self, net: IpNet) -> bool {
        let Some(first) = self.own(net.network()) else {
            return net.prefix_len() == 0;
        };
        let width = N::addr_width(first);
        let mut members = self
            .set
            .members
            .iter()
            .take_while(|&(index, _)| index < self.end)
            .map(|(_, member)| &member.pool)
            .filter(|pool| N::addr_width(pool.first_addr()) == width);
        members.all(|pool| pool.is_route(net))
    }

    /// Counts an entry that several members have read.
    #[cold]
    pub(super) fn count_several(&mut self, says: Option<BlockSays>, user: &impl Record) {
        if let Some(says) = says {
            says.count(&mut self.elsewhere, user.listed(), user.owner());
        }
    }

    fn home_of(&self, addr: IpAddr) -> Option<usize> {
        let (index, _) = self.set.member_at(self.own(addr)?)?;
        (index < self.end).then_some(index)
    }

    fn own(&self, addr: IpAddr) -> Option<N::Addr> {
        let mut families = self.families.iter();
        families.find_map(|&like| N::addr_in_family_of(like, addr))
    }

    fn members_in(&self, first: IpAddr, last: IpAddr) -> Vec<usize> {
        let Some((first, last)) = self.own(first).zip(self.own(last)) else {
            return Vec::new();
        };
        let members = self
            .set
            .members
            .iter()
            .take_while(|&(index, _)| index < self.end);
        let touched = members.filter(|(_, member)| member.part_of(&(first..=last)).is_some());
        touched.map(|(index, _)| index).collect()
    }

    /// Counts an address that is in no member.
    fn count_stranger(&mut self, addr: IpAddr, listed: Listed<'_>, owner: Option<&str>) {
        let is_of_family = self.families.is_empty() || self.own(addr).is_some();
        self.note(
            match is_of_family {
                true => ProblemKind::OutOfRange,
                false => ProblemKind::WrongFamily,
            },
            listed,
            owner,
        );
    }

    #[cold]
    fn note(&mut self, kind: ProblemKind, listed: Listed<'_>, owner: Option<&str>) {
        self.elsewhere.note(kind, Quoted(listed), owner);
    }

    /// Returns whether an entry that is for no member leaves open what the list says.
    pub(super) fn is_unclear(&self, unreadable: Unreadable) -> bool {
        self.elsewhere.is_unclear(unreadable)
    }

    /// Returns the counts and the first problems of the whole list, including those of the members.
    pub(super) fn joined_plans(self, members: &[MemberPlan]) -> (EntryCounts, Vec<Problem>) {
        let mut entries = EntryCounts::odd(&self.elsewhere);
        let mut noted = vec![self.elsewhere.problems];
        for MemberPlan { plan, .. } in members {
            entries.add(&plan.entries);
            noted.push(plan.problems.clone());
        }
        entries.total = self.elsewhere.entries;
        (entries, join_problems(noted))
    }

    /// Returns the report of the whole list, including those of the members.
    pub(super) fn joined(self, shares: impl IntoIterator<Item = Adopted>) -> Adopted {
        let mut report = self.elsewhere;
        let mut noted = vec![std::mem::take(&mut report.problems)];
        for mut share in shares {
            report.add(&share);
            noted.push(std::mem::take(&mut share.problems));
        }
        report.problems = join_problems(noted);
        report
    }
}

/// Where an entry goes.
pub(super) enum Route {
    None,
    One(usize),
    Several(Vec<usize>),
}
