//! Allocates many addresses in one call, from as many members as needed.

use super::PoolSet;
use super::cordons::Parts;
use super::member::Member;
use super::proof::given_back;
use crate::bitmap::Gate;
use crate::error::AllocateError;
use crate::file_refusal::FileRefusal;
use crate::network::Network;
use crate::pool::Batch;
use crate::stats::Event;
use crate::sync::{Snooze, thread_index};

/// The batches, with the numbers of their members.
type Batches<'s, N> = Vec<(usize, Batch<'s, N>)>;

/// Consecutive addresses of a result that are all from one member.
struct Group {
    index: usize,
    /// The gate of the member since which they are known to be ours.
    since: Gate,
    count: usize,
}

impl<N: Network> PoolSet<N> {
    /// Allocates `count` addresses, or none.
    ///
    /// All of them come from the first member that the strategy chooses, if that has enough and neither a band nor a
    /// cordon. Otherwise, they come from as many members as needed, in address order. While they are being collected,
    /// calls that would report "exhausted" because of them wait, as for
    /// [`Pool::allocate_many`](crate::Pool::allocate_many).
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call the set had fewer than `count` addresses to hand
    /// out; nothing is allocated then. More than the capacity is refused immediately. Pool files that hand out nothing
    /// because of an error count as full; if they are the reason, that error is returned.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/29".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.1.0/29".parse()?)?,
    /// ])?;
    /// assert_eq!(set.allocate_many(8)?.len(), 8);
    /// assert!(set.allocate_many(3).is_err());
    /// assert_eq!((set.allocated(), set.capacity()), (8, 10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_many(&self, count: usize) -> Result<Vec<N::Addr>, AllocateError> {
        // There can never be so many, so no other call is made to wait. Members that are added meanwhile are too late.
        if count as u64 > self.capacity() {
            return Err(self.exhausted(None));
        }
        let refused = match self.allocate_many_at_home(count) {
            Ok(addrs) => return Ok(addrs),
            Err(refused) => refused,
        };
        loop {
            let mut refusal = refused.map(AllocateError::from);
            let mut batches = Vec::new();
            let missing = self.collect(count as u64, &mut batches, &mut refusal);
            if missing == 0 {
                match self.keep_all(batches)? {
                    Some(addrs) => return Ok(addrs),
                    None => continue,
                }
            }
            let evidence = self.evidence_of_none();
            // Everything is given back, and the flights have ended, before we wait for others: two batches that each
            // hold what the other one lacks both let go. What we had is part of what was given back.
            self.give_back(batches);
            let Some(evidence) = evidence else { continue };
            if given_back(&evidence) < count as u64 {
                return Err(self.exhausted(refusal));
            }
            // Together there were enough: pauses of different lengths keep two batches from colliding again.
            let snooze = Snooze::default();
            (0..=thread_index() % 4).for_each(|_| snooze.snooze());
        }
    }

    /// Allocates up to `addrs.len()` addresses into `addrs`, from its beginning, and returns how many.
    ///
    /// Each address is claimed on its own: the strategy chooses the member, which gives as many as it has. The result
    /// is smaller than `addrs.len()` only if at some instant of the call there was nothing to hand out, or because of
    /// an error of the remaining pool files.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// # use std::net::Ipv4Addr;
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/29".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.1.0/29".parse()?)?,
    /// ])?;
    /// let mut addrs = [Ipv4Addr::UNSPECIFIED; 12];
    /// assert_eq!(set.allocate_into(&mut addrs), 10);
    /// assert_eq!((addrs[4].to_string(), addrs[5].to_string()), ("10.0.0.6".into(), "10.0.1.2".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "only that many addresses are yours"]
    pub fn allocate_into(&self, addrs: &mut [N::Addr]) -> usize {
        let (mut taken, mut groups) = (0, Vec::new());
        loop {
            taken += self.allocate_groups(&mut addrs[taken..], &mut groups);
            // After the last sync: while it was waited for, passes may have run over the earlier addresses.
            let kept = self.keep_groups(addrs, &mut groups);
            if kept == taken {
                return taken;
            }
            taken = kept;
        }
    }

    /// Fills the slice, and returns how many; `groups` says where they come from.
    fn allocate_groups(&self, addrs: &mut [N::Addr], groups: &mut Vec<Group>) -> usize {
        let mut taken = 0;
        while taken < addrs.len() {
            let rest = &mut addrs[taken..];
            let found = self.search_or_prove(|refusal| {
                let start = self.chooser.first(&self.members);
                let ask = |member: &Member<N>, with_band| member.try_allocate_into(with_band, rest);
                let (index, (since, count)) = self.walk_bands_last(start, refusal, ask)?;
                self.note_many(index, count as u64);
                Some(Group {
                    index,
                    since,
                    count,
                })
            });
            let Ok(group) = found else { break };
            taken += group.count;
            groups.push(group);
        }
        taken
    }

    /// Moves the addresses that are still ours to the front, and returns how many. The rest is neither returned nor
    /// given back: some of them are free, or belong to other holders.
    fn keep_groups(&self, addrs: &mut [N::Addr], groups: &mut Vec<Group>) -> usize {
        let (mut seen, mut kept) = (0, 0);
        groups.retain_mut(|group| {
            let places = seen..seen + group.count;
            seen = places.end;
            let member = self.members.get(group.index);
            let since =
                member.and_then(|it| it.pool.ours_since(group.since, &addrs[places.clone()]));
            if let Some(since) = since {
                group.since = since;
                addrs.copy_within(places, kept);
                kept += group.count;
            }
            since.is_some()
        });
        kept
    }

    /// Allocates everything from the first member, if no part of it is closed or to be used last.
    fn allocate_many_at_home(&self, count: usize) -> Result<Vec<N::Addr>, Option<FileRefusal>> {
        let start = self.chooser.first(&self.members);
        let (index, member) = self.first_open_from(start).ok_or(None)?;
        if !member.is_plain() {
            return Err(None);
        }
        match member.pool.allocate_many(count) {
            Ok(addrs) => {
                self.note_many(index, count as u64);
                Ok(addrs)
            }
            Err(error) => {
                // The batch may have held everything for a moment.
                self.summary.publish(index);
                Err(error.of_file())
            }
        }
    }

    fn note_many(&self, index: usize, count: u64) {
        if let Some(member) = self.members.get(index)
            && let Some(others) = count.checked_sub(1)
        {
            self.chooser.note_taken(index, member);
            self.chooser.note_named(member, others);
        }
    }

    /// Collects up to `wanted` addresses, from static bands last, and returns how many are missing.
    fn collect<'s>(
        &'s self,
        wanted: u64,
        batches: &mut Batches<'s, N>,
        refusal: &mut Option<AllocateError>,
    ) -> u64 {
        let mut missing = wanted;
        for (index, member) in self.in_order_of_addresses() {
            if missing == 0 {
                return 0;
            }
            if member.looks_full() {
                continue;
            }
            match member.pool.begin_batch() {
                Ok(mut batch) => {
                    missing -= batch.take(member.all_parts(false).as_slice(), missing);
                    batches.push((index, batch));
                }
                Err(error) => {
                    refusal.get_or_insert(error);
                }
            }
        }
        for (index, batch) in batches {
            if let Some(member) = self.members.get(*index)
                && missing != 0
            {
                missing -= batch.take(member.all_parts(true).as_slice(), missing);
            }
        }
        missing
    }

    /// Returns the members, always in the same order, whichever set they are in; see [`Batch`].
    fn in_order_of_addresses(&self) -> Vec<(usize, &Member<N>)> {
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by_key(|(_, member)| member.pool.first_addr());
        members
    }

    /// Keeps all of a batch; or nothing, if a file cannot make its part durable, or if a pass has freed any of it
    /// meanwhile.
    fn keep_all(&self, mut batches: Batches<'_, N>) -> Result<Option<Vec<N::Addr>>, AllocateError> {
        let waited = batches
            .iter()
            .try_for_each(|(_, batch)| batch.wait_until_durable());
        // After the last one: while one member is waited for, passes over the others may run.
        let is_whole = batches.iter_mut().all(|(_, batch)| batch.is_whole());
        if waited.is_err() || !is_whole {
            self.give_back(batches);
            return waited.map(|()| None);
        }
        let mut addrs = Vec::new();
        for (index, batch) in batches {
            let count = batch.keep(&mut addrs);
            self.note_many(index, count);
        }
        Ok(Some(addrs))
    }

    /// Gives everything back and publishes it: while a batch held all of a member, other threads may have taken it for
    /// full.
    fn give_back(&self, batches: Batches<'_, N>) {
        for (index, batch) in batches {
            drop(batch);
            self.summary.publish(index);
        }
    }
}

impl<N: Network> Member<N> {
    /// Returns where addresses may be handed out, in this order.
    fn all_parts(&self, with_band: bool) -> Parts {
        self.parts(with_band)
            .unwrap_or_else(|| Parts::from(self.pool.whole()))
    }

    /// Claims as many addresses as fit and are free, and returns the gate from before the first one. `Ok(None)` proves
    /// nothing.
    fn try_allocate_into(
        &self,
        with_band: bool,
        addrs: &mut [N::Addr],
    ) -> Result<Option<(Gate, usize)>, AllocateError> {
        let since = self.pool.gate();
        let mut taken = 0;
        match self.parts(with_band) {
            None => taken = self.pool.allocate_into(addrs),
            Some(parts) => {
                for addr in addrs {
                    match self.pool.try_allocate_in(parts.as_slice(), Event::Batch) {
                        Ok(Some(found)) => *addr = found,
                        Ok(None) => break,
                        Err(error) if taken == 0 => return Err(error),
                        Err(_) => break,
                    }
                    taken += 1;
                }
            }
        }
        match self.pool.file_refusal() {
            Some(refusal) if taken == 0 => Err(refusal),
            _ => Ok((taken != 0).then_some((since, taken))),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use ipnet::Ipv4Net;

    /// While a batch holds all of a member, other threads take it for full. That ends when the batch is given back.
    #[test]
    fn what_a_batch_gives_back_is_seen_again() {
        let pool = |net: &str| Pool::new(net.parse::<Ipv4Net>().unwrap()).unwrap();
        let set = PoolSet::new(["10.0.0.0/29", "10.0.1.0/29"].map(pool)).unwrap();
        let mut batches = Vec::new();
        assert_eq!(set.collect(5, &mut batches, &mut None), 0);
        let half = set.allocate_half().unwrap();
        assert_eq!(half.addr().octets()[2], 1, "the first member looks full");
        assert_eq!(set.first_open_from(0).unwrap().0, 1);
        set.give_back(batches);
        assert_eq!(set.first_open_from(0).unwrap().0, 0);
    }

    /// More than the capacity is refused immediately: nothing is claimed, and no call has to wait.
    #[test]
    fn more_than_the_capacity_waits_for_nobody() {
        let pool = |net: &str| Pool::new(net.parse::<Ipv4Net>().unwrap()).unwrap();
        let set = PoolSet::new(["10.0.0.0/29", "10.0.1.0/29"].map(pool)).unwrap();
        let mut batches = Vec::new();
        assert_eq!(set.collect(1, &mut batches, &mut None), 0);
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let set = &set;
            scope.spawn(move || tell.send(set.allocate_many(11)));
            let answer = told.recv_timeout(std::time::Duration::from_secs(20));
            set.give_back(batches);
            let answer = answer.expect("it waits for a batch");
            assert_eq!(answer.unwrap_err().code(), "exhausted");
        });
    }
}
