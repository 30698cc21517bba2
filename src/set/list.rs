//! One list for all members: which of them an entry is for.
//!
//! Each entry goes to the member that has its address, which reads it with its own geometry; a block may go
//! to several. What no member has, and what is no address, is counted here. So every entry is counted once. If
//! there is one member alone, it reads and counts them all.

use super::member::Member;
use super::{MemberPlan, PoolSet};
use crate::network::Network;
use crate::reconcile::EntryCounts;
use crate::users::{
    Adopted, Ambiguous, Entry, Listed, Problem, ProblemKind, Quoted, UserRecord, join_problems,
    read,
};
use ipnet::IpNet;
use std::net::IpAddr;

pub(super) struct Router<'s, N: Network> {
    set: &'s PoolSet<N>,
    ambiguous: Ambiguous,
    /// Members from this number on have come later, and get nothing.
    end: usize,
    /// The only member: it reads every entry, and says itself what is not its own.
    only: Option<usize>,
    /// An address of each family that the members have.
    families: Vec<N::Addr>,
    /// What is for no member; its number of entries is that of the whole list.
    pub(super) elsewhere: Adopted,
    /// What that counts twice: as ambiguous, and as what became of it.
    pub(super) twice: Adopted,
    /// How often an ambiguous entry went to one member more.
    pub(super) repeats: u64,
}

impl<'s, N: Network> Router<'s, N> {
    /// For the members that there are now.
    pub(super) fn new(set: &'s PoolSet<N>, ambiguous: Ambiguous) -> Self {
        Self::up_to(set, ambiguous, set.members.len())
    }

    /// For the members whose numbers are below `end`.
    pub(super) fn up_to(set: &'s PoolSet<N>, ambiguous: Ambiguous, end: usize) -> Self {
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
            ambiguous,
            end,
            only: match (members().next(), members().nth(1)) {
                (Some((index, _)), None) => Some(index),
                _ => None,
            },
            families,
            elsewhere: Adopted::default(),
            twice: Adopted::default(),
            repeats: 0,
        }
    }

    /// What to call a member.
    pub(super) fn name_of(&self, index: usize) -> String {
        let member = self.set.members.get(index);
        member.map_or_else(String::new, Member::name)
    }

    /// The position of the latest entry, from 1.
    pub(super) fn position(&self) -> u64 {
        self.elsewhere.entries
    }

    /// The members that the next entry is for.
    pub(super) fn route(&mut self, user: &impl UserRecord) -> Route {
        self.elsewhere.entries += 1;
        if let Some(member) = self.only {
            return Route::One(member);
        }
        let listed = user.listed();
        match read(listed) {
            Entry::Addr(addr) => match self.home_of(addr) {
                Some(member) => Route::One(member),
                None => {
                    self.count_stranger(addr, listed);
                    Route::None
                }
            },
            Entry::Net(net) => self.route_net(net, listed),
            Entry::Unassigned => {
                self.elsewhere.unassigned += 1;
                Route::None
            }
            Entry::Unparseable => {
                self.elsewhere.unparseable += 1;
                self.note(ProblemKind::Unparseable, listed);
                Route::None
            }
        }
    }

    fn route_net(&mut self, net: IpNet, listed: Listed<'_>) -> Route {
        let home = self.home_of(net.addr());
        let is_unit = |index: usize| {
            let member = self.set.members.get(index);
            member.is_some_and(|member| member.pool.is_one_unit(net))
        };
        let members = match home {
            Some(member) if self.ambiguous != Ambiguous::Expand || is_unit(member) => vec![member],
            _ if self.ambiguous == Ambiguous::Expand => self.members_in(net),
            _ => Vec::new(),
        };
        match members[..] {
            [] if self.members_in(net).is_empty() => {
                // Nothing of a member, whatever it means.
                self.count_stranger(net.addr(), listed);
                Route::None
            }
            [] => {
                self.count_ambiguous_stranger(net, listed);
                Route::None
            }
            [member] => Route::One(member),
            _ => {
                self.repeats += members.len() as u64 - 1;
                Route::Several(members)
            }
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

    fn members_in(&self, net: IpNet) -> Vec<usize> {
        let ends = self.own(net.network()).zip(self.own(net.broadcast()));
        let Some((first, last)) = ends else {
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

    fn count_ambiguous_stranger(&mut self, net: IpNet, listed: Listed<'_>) {
        self.elsewhere.ambiguous += 1;
        self.note(ProblemKind::Ambiguous, listed);
        if self.ambiguous == Ambiguous::Reject {
            self.elsewhere.unparseable += 1;
            self.twice.unparseable += 1;
        } else if self.count_stranger(net.addr(), listed) {
            self.twice.out_of_range += 1;
        } else {
            self.twice.wrong_family += 1;
        }
    }

    /// Counts an address of no member; whether it is of a family that they have.
    fn count_stranger(&mut self, addr: IpAddr, listed: Listed<'_>) -> bool {
        let is_of_family = self.families.is_empty() || self.own(addr).is_some();
        if is_of_family {
            self.elsewhere.out_of_range += 1;
            self.note(ProblemKind::OutOfRange, listed);
        } else {
            self.elsewhere.wrong_family += 1;
            self.note(ProblemKind::WrongFamily, listed);
        }
        is_of_family
    }

    #[cold]
    fn note(&mut self, kind: ProblemKind, listed: Listed<'_>) {
        self.elsewhere.note(kind, Quoted(listed));
    }

    /// Whether an entry that is for no member leaves open what the list says.
    pub(super) fn is_unclear(&self) -> bool {
        self.elsewhere.is_unclear(self.ambiguous)
    }

    /// What became of the entries of the whole list, and the first of them that deserve a look, with what the
    /// members have made of theirs.
    pub(super) fn joined_plans(self, members: &[MemberPlan]) -> (EntryCounts, Vec<Problem>) {
        let mut entries = EntryCounts::odd(&self.elsewhere, &self.twice);
        let mut noted = vec![self.elsewhere.problems];
        for MemberPlan { plan, .. } in members {
            entries.add(&plan.entries);
            noted.push(plan.problems.clone());
        }
        entries.total = self.elsewhere.entries;
        entries.ambiguous -= self.repeats;
        (entries, join_problems(noted))
    }

    /// The report of the whole list, with those of the members.
    pub(super) fn joined(self, shares: impl IntoIterator<Item = Adopted>) -> Adopted {
        let mut report = self.elsewhere;
        let mut noted = vec![std::mem::take(&mut report.problems)];
        for mut share in shares {
            report.add(&share);
            noted.push(std::mem::take(&mut share.problems));
        }
        report.ambiguous -= self.repeats;
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

impl Route {
    /// Tells each member of it.
    pub(super) fn for_each(self, mut tell: impl FnMut(usize)) {
        match self {
            Self::None => {}
            Self::One(member) => tell(member),
            Self::Several(members) => members.into_iter().for_each(tell),
        }
    }
}
