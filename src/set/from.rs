//! Allocating the next free address of a set from a given one on.

use super::PoolSet;
use super::cordons::Parts;
use super::member::Member;
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::Part;

/// A stretch of consecutive addresses of one member.
struct Stretch<'s, N: Network> {
    index: usize,
    member: &'s Member<N>,
    first: N::Addr,
    last: N::Addr,
    slots: Part,
}

impl<'s, N: Network> Stretch<'s, N> {
    fn whole(&self) -> (usize, &'s Member<N>, Part) {
        (self.index, self.member, self.slots)
    }
}

impl<N: Network> PoolSet<N> {
    /// Allocates the first free address at or after `addr`, whichever member contains it, or else the first of all.
    ///
    /// The order is that of the addresses, IPv4 before IPv6, and not that of the members. The strategy, policies and
    /// bands are ignored; drained and cordoned addresses are never handed out. `addr` need not be in the set. Looks at
    /// all members, and allocates memory for that.
    ///
    /// # Errors
    ///
    /// The same errors as [`allocate`](Self::allocate): exhausted if at some instant of the call no member had a free
    /// address.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.1.0/24".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.0.0/24".parse()?)?,
    /// ])?;
    /// assert_eq!(set.allocate_from("10.0.0.254".parse()?)?.to_string(), "10.0.0.254");
    /// assert_eq!(set.allocate_from("10.0.0.254".parse()?)?.to_string(), "10.0.1.2");
    /// assert_eq!(set.allocate_from("10.0.2.0".parse()?)?.to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_from(&self, addr: N::Addr) -> Result<N::Addr, AllocateError> {
        self.search_or_prove(|refusal| {
            let (index, found) = self.find_from(addr, refusal)?;
            self.note(index);
            Some(found)
        })
    }

    /// Claims the first free address from `addr` on, wrapping around. `None` proves nothing.
    fn find_from(
        &self,
        addr: N::Addr,
        refusal: &mut Option<AllocateError>,
    ) -> Option<(usize, N::Addr)> {
        for (index, member, part) in self.parts_from(addr) {
            match member.try_allocate_up(part) {
                Ok(Some(found)) => return Some((index, found)),
                Ok(None) => {}
                Err(error) => {
                    refusal.get_or_insert(error);
                }
            }
        }
        None
    }

    /// Returns all slots of all members, in the order of their addresses from `addr` on, wrapping around.
    fn parts_from(&self, addr: N::Addr) -> Vec<(usize, &Member<N>, Part)> {
        let mut stretches = self.stretches();
        stretches.sort_by_key(|stretch| stretch.first);
        let begin_later = stretches.partition_point(|stretch| stretch.first <= addr);
        let (before, after) = stretches.split_at(begin_later);
        // Of those before, the last one may hold `addr`: then it comes first from there on, and last up to there.
        let holder = before.last().filter(|stretch| addr <= stretch.last);
        let holder = holder.and_then(|stretch| {
            let start = stretch.member.pool.next_slot(addr)?;
            (start <= stretch.slots.1).then_some((stretch, start))
        });
        let Some((stretch, start)) = holder else {
            return after.iter().chain(before).map(Stretch::whole).collect();
        };
        let (first, last) = stretch.slots;
        let (index, member) = (stretch.index, stretch.member);
        let below = start.checked_sub(1).filter(|&below| first <= below);
        let below = below.map(|below| (index, member, (first, below)));
        let others = after.iter().chain(&before[..before.len() - 1]);
        let from_start = std::iter::once((index, member, (start, last)));
        let around = from_start.chain(others.map(Stretch::whole));
        around.chain(below).collect()
    }

    fn stretches(&self) -> Vec<Stretch<'_, N>> {
        let mut stretches = Vec::new();
        for (index, member) in self.members.iter() {
            let all = member.pool.stretches().zip(member.pool.stretch_slots());
            stretches.extend(all.map(|((first, last), slots)| Stretch {
                index,
                member,
                first,
                last,
                slots,
            }));
        }
        stretches
    }
}

impl<N: Network> Member<N> {
    /// Claims the lowest free address of these slots that may be handed out. `Ok(None)` proves nothing.
    fn try_allocate_up(&self, (first, last): Part) -> Result<Option<N::Addr>, AllocateError> {
        let Some(parts) = self.open_parts() else {
            return self.pool.try_allocate_up(&[(first, last)]);
        };
        let clipped = Parts::as_slice(&parts)
            .iter()
            .map(|&(from, to)| (from.max(first), to.min(last)));
        let clipped: Vec<Part> = clipped.filter(|part| part.0 <= part.1).collect();
        self.pool.try_allocate_up(&clipped)
    }
}
