//! The verbs that release, and calls that must be refused.

use super::{Held, Player};
use crate::Addr;
use crate::arena::addrs_of;
use crate::history::{Answer, Call};
use crate::program::Step;
use hostbits::{AllocateExactError, Guard, GuardArc, ReleaseError};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

impl Player<'_> {
    pub(super) fn release(&mut self, step: Step) {
        let things = self.held.len() + usize::from(self.local.is_some());
        if things == 0 {
            return;
        }
        let chosen = step.pick as usize % things;
        if chosen == self.held.len() {
            return self.drop_local();
        }
        match self.held.swap_remove(chosen) {
            Held::Addr(addr) if step.size.is_multiple_of(3) => self.release_locally(addr),
            Held::Addr(addr) => self.release_addr(addr),
            Held::Guard(guard) => self.drop_guard(guard.addr(), step.size, guard),
            Held::GuardArc(guard) => self.drop_guard(guard.addr(), step.size, guard),
            Held::Block(block) if step.size.is_multiple_of(2) => {
                let (outcome, span) = self.timed(|pool| pool.release_block(block));
                let answer = release_answer(outcome);
                self.log
                    .push(Call::ReleaseBlock, answer, addrs_of(block), span);
                self.held_count -= addrs_of(block).count();
            }
            Held::Block(block) => self.give_back(addrs_of(block).collect()),
        }
    }

    fn drop_guard(&mut self, addr: Ipv4Addr, size: u32, guard: impl Keep) {
        if size.is_multiple_of(8) {
            // From now on it is an ordinary address.
            return self.held.push(Held::Addr(guard.keep_addr()));
        }
        let ((), span) = self.timed(|_| drop(guard));
        self.log
            .push(Call::Drop, Answer::Released, [addr.to_bits()], span);
        self.held_count -= 1;
    }

    pub(super) fn release_addr(&mut self, addr: Addr) {
        let given_back = Ipv4Addr::from_bits(addr);
        let (outcome, span) = self.timed(|pool| pool.release(given_back));
        self.log
            .push(Call::Release, release_answer(outcome), [addr], span);
        self.held_count -= 1;
    }

    pub(super) fn release_many(&mut self, step: Step) {
        let wanted = self.some_count(step);
        let mut addrs = Vec::with_capacity(wanted);
        self.held.retain(|held| match held {
            Held::Addr(addr) if addrs.len() < wanted => {
                addrs.push(*addr);
                false
            }
            _ => true,
        });
        if addrs.is_empty() {
            return self.release(step);
        }
        self.give_back(addrs);
    }

    fn give_back(&mut self, addrs: Vec<Addr>) {
        let given_back: Vec<_> = addrs
            .iter()
            .map(|&addr| Ipv4Addr::from_bits(addr))
            .collect();
        let (report, span) = self.timed(|pool| pool.release_many(&given_back));
        let all = report.released == addrs.len() as u64;
        let answer = if all {
            Answer::Released
        } else {
            Answer::NotAllocated
        };
        self.held_count -= addrs.len();
        self.log.push(Call::ReleaseMany, answer, addrs, span);
    }

    pub(super) fn reserved(&mut self, step: Step) {
        let Some(addr) = self.arena.reserved else {
            return self.any_or_own(step);
        };
        let reserved = Ipv4Addr::from_bits(addr);
        if step.size.is_multiple_of(2) {
            let (outcome, span) = self.timed(|pool| pool.release(reserved));
            self.log
                .push(Call::Release, release_answer(outcome), [addr], span);
        } else {
            let (outcome, span) = self.timed(|pool| pool.allocate_exact(reserved));
            assert!(
                matches!(outcome, Err(AllocateExactError::Reserved { .. })),
                "{reserved} is reserved: {outcome:?}"
            );
            self.log.push(Call::Exact(addr), Answer::Reserved, [], span);
        }
    }

    pub(super) fn release_free(&mut self, step: Step) {
        if self.rules.own.is_none() {
            // Releasing a free address could release one that another thread is given next.
            return self.any(step.size);
        }
        let addr = self.some_addr(step);
        let is_held = |held: &Held<'_>| matches!(held, Held::Addr(held) if *held == addr);
        match self.held.iter().position(is_held) {
            Some(at) => {
                self.held.swap_remove(at);
                self.release_addr(addr);
            }
            None => {
                let free = Ipv4Addr::from_bits(addr);
                let (outcome, span) = self.timed(|pool| pool.release(free));
                self.log
                    .push(Call::Release, release_answer(outcome), [addr], span);
            }
        }
    }
}

/// A guard of either kind.
trait Keep {
    fn keep_addr(self) -> Addr;
}

impl Keep for Guard<'_, Ipv4Net> {
    fn keep_addr(self) -> Addr {
        self.keep().to_bits()
    }
}

impl Keep for GuardArc<Ipv4Net> {
    fn keep_addr(self) -> Addr {
        self.keep().to_bits()
    }
}

pub(super) fn release_answer(outcome: Result<(), ReleaseError>) -> Answer {
    match outcome {
        Ok(()) => Answer::Released,
        Err(ReleaseError::NotAllocated { .. }) => Answer::NotAllocated,
        Err(ReleaseError::Reserved { .. }) => Answer::Reserved,
        Err(other) => panic!("a release with good arguments: {other}"),
    }
}
