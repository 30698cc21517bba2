//! The thread's local: a word of the pool that belongs to the thread.
//!
//! For all other threads, the addresses of a local are taken from the call in which it took the word until it is
//! dropped. This is what is recorded: the word as one claim, and what the local gives back as a release. Other threads
//! cannot see which addresses it hands out from the word, or keeps when they are released to it.

use super::claim::or_exhausted;
use super::give_back::release_answer;
use super::{Held, Player};
use crate::Addr;
use crate::arena::Pool4;
use crate::history::{Answer, Call};
use hostbits::Local;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// How many addresses are released to a local that keeps none.
const PATIENCE: usize = 4;

/// A local, and the addresses that it has.
pub(super) struct Reserve<'a> {
    local: Local<'a, Ipv4Net>,
    addrs: Vec<Addr>,
}

impl Reserve<'_> {
    fn take_one(&mut self) -> Addr {
        let addr = self.local.allocate().expect("it has some").to_bits();
        let at = self.addrs.iter().position(|&reserved| reserved == addr);
        self.addrs
            .swap_remove(at.expect("it hands out what it has"))
    }
}

impl<'a> Player<'a> {
    pub(super) fn local(&mut self) {
        let mut reserve = self.local.take().unwrap_or_else(|| Reserve {
            local: self.arena.pool.local(),
            addrs: Vec::new(),
        });
        if reserve.addrs.is_empty() {
            self.take_word(&mut reserve);
        } else {
            self.held.push(Held::Addr(reserve.take_one()));
        }
        self.local = Some(reserve);
    }

    fn take_word(&mut self, reserve: &mut Reserve<'a>) {
        let (first, span) = self.timed(|_| reserve.local.allocate());
        let Some(first) = or_exhausted(first) else {
            return self.log.push(Call::Local, Answer::Exhausted, [], span);
        };
        // Its addresses can be learned only by taking them, so all are allocated and then released.
        let mut taken = vec![first.to_bits()];
        while reserve.local.reserved() != 0 {
            taken.push(reserve.local.allocate().expect("it has some").to_bits());
        }
        expect_one_word(&self.arena.pool, &taken);
        self.held_count += taken.len();
        self.log
            .push(Call::Local, Answer::Claimed, taken.iter().copied(), span);
        self.held.push(Held::Addr(taken[0]));
        for (index, &addr) in taken[1..].iter().enumerate() {
            if index < PATIENCE || !reserve.addrs.is_empty() {
                self.give_to(reserve, addr);
            } else {
                self.held.push(Held::Addr(addr));
            }
        }
    }

    /// Releases an address through the local, if there is one.
    pub(super) fn release_locally(&mut self, addr: Addr) {
        let Some(mut reserve) = self.local.take() else {
            return self.release_addr(addr);
        };
        self.give_to(&mut reserve, addr);
        self.local = Some(reserve);
    }

    fn give_to(&mut self, reserve: &mut Reserve<'a>, addr: Addr) {
        let before = reserve.local.reserved();
        let given_back = Ipv4Addr::from_bits(addr);
        let (outcome, span) = self.timed(|_| reserve.local.release(given_back));
        if reserve.local.reserved() != before {
            assert_eq!(outcome, Ok(()), "it has {given_back} again");
            return reserve.addrs.push(addr);
        }
        self.log
            .push(Call::LocalRelease, release_answer(outcome), [addr], span);
        self.held_count -= 1;
    }

    pub(super) fn drop_local(&mut self) {
        let Some(Reserve { local, addrs }) = self.local.take() else {
            return;
        };
        assert_eq!(local.reserved() as usize, addrs.len(), "what it has");
        let ((), span) = self.timed(|_| drop(local));
        if !addrs.is_empty() {
            self.held_count -= addrs.len();
            self.log
                .push(Call::LocalDrop, Answer::Released, addrs, span);
        }
    }
}

fn expect_one_word(pool: &Pool4, addrs: &[Addr]) {
    let word_of = |addr: &Addr| {
        let slot = pool.slot_of(Ipv4Addr::from_bits(*addr));
        slot.expect("an address of the pool") / 64
    };
    let word = word_of(&addrs[0]);
    assert!(
        addrs.iter().all(|addr| word_of(addr) == word),
        "a local takes one word at a time: {addrs:?}"
    );
}
