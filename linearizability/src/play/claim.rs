//! The verbs that allocate.

use super::{Held, LONGEST, Player};
use crate::arena::{Pool4, addrs_of};
use crate::history::{Answer, Call};
use crate::program::Step;
use crate::{Addr, Stamp};
use hostbits::{AllocateError, AllocateExactError, Guard, GuardArc};
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};

impl Player<'_> {
    pub(super) fn any(&mut self, kind: u32) {
        match kind % 8 {
            0 => {
                let (net, span) = self.timed(Pool4::allocate_net);
                let net = or_exhausted(net);
                self.claimed_one(
                    Call::AllocateNet,
                    net.map(|net| net.addr()),
                    Answer::Exhausted,
                    span,
                );
            }
            1 => {
                let (guard, span) = self.timed(Pool4::guard);
                let guard = or_exhausted(guard);
                let addr = guard.as_ref().map(Guard::addr);
                self.log_claim(Call::Guard, addr, Answer::Exhausted, span);
                self.held.extend(guard.map(Held::Guard));
            }
            2 => {
                let pool = &self.arena.pool;
                let (guard, span) = self.timed(|_| pool.guard_arc());
                let guard = or_exhausted(guard);
                let addr = guard.as_ref().map(GuardArc::addr);
                self.log_claim(Call::GuardArc, addr, Answer::Exhausted, span);
                self.held.extend(guard.map(Held::GuardArc));
            }
            _ => {
                let (addr, span) = self.timed(Pool4::allocate);
                self.claimed_one(Call::Allocate, or_exhausted(addr), Answer::Exhausted, span);
            }
        }
    }

    pub(super) fn exact(&mut self, step: Step) {
        let addr = self.some_addr(step);
        let wanted = Ipv4Addr::from_bits(addr);
        if step.size % 4 < 3 {
            let (outcome, span) = self.timed(|pool| pool.allocate_exact(wanted));
            let given = match outcome {
                Ok(()) => Some(wanted),
                Err(AllocateExactError::AlreadyAllocated { .. }) => None,
                Err(other) => panic!("allocate_exact of {wanted}: {other}"),
            };
            self.claimed_one(Call::Exact(addr), given, Answer::AlreadyAllocated, span);
        } else {
            let (report, span) = self.timed(|pool| pool.adopt([wanted]).unwrap());
            let given = match (report.taken, report.already) {
                (1, 0) => Some(wanted),
                (0, 1) => None,
                _ => panic!("adopt of {wanted}: {report:?}"),
            };
            self.claimed_one(Call::Adopt(addr), given, Answer::AlreadyAllocated, span);
        }
    }

    pub(super) fn preferring(&mut self, addr: Addr) {
        let wanted = Ipv4Addr::from_bits(addr);
        let (given, span) = self.timed(|pool| pool.allocate_preferring(wanted));
        self.claimed_one(
            Call::Preferring(addr),
            or_exhausted(given),
            Answer::Exhausted,
            span,
        );
    }

    pub(super) fn many(&mut self, count: usize) {
        let (given, span) = self.timed(|pool| pool.allocate_many(count));
        let call = Call::Many(count as u32);
        match or_exhausted(given) {
            Some(addrs) => {
                assert_eq!(addrs.len(), count, "allocate_many gives what was asked for");
                self.claimed_several(call, Answer::Claimed, &addrs, span);
            }
            None => self.log.push(call, Answer::Exhausted, [], span),
        }
    }

    pub(super) fn up_to(&mut self, count: usize) {
        let mut addrs = [Ipv4Addr::UNSPECIFIED; LONGEST];
        let places = &mut addrs[..count];
        let (given, span) = self.timed(|pool| pool.allocate_into(places));
        let answer = if given == count {
            Answer::Claimed
        } else {
            Answer::Fewer
        };
        self.claimed_several(Call::Into(count as u32), answer, &addrs[..given], span);
    }

    pub(super) fn block(&mut self, prefix_len: u8) {
        let (block, span) = self.timed(|pool| pool.allocate_block(prefix_len));
        let call = Call::Block(prefix_len);
        match or_exhausted(block) {
            Some(block) => {
                assert_eq!(
                    block.prefix_len(),
                    prefix_len,
                    "a block of the size asked for"
                );
                self.log.push(call, Answer::Claimed, addrs_of(block), span);
                self.held_count += addrs_of(block).count();
                self.held.push(Held::Block(block));
            }
            None => self.log.push(call, Answer::Exhausted, [], span),
        }
    }

    pub(super) fn block_exact(&mut self, first: Addr, prefix_len: u8) {
        let block = Ipv4Net::new(Ipv4Addr::from_bits(first), prefix_len).expect("a block");
        let (claimed, span) = self.timed(|pool| pool.allocate_block_exact(block));
        let call = Call::BlockExact(first, prefix_len);
        match claimed {
            Ok(()) => {
                self.log.push(call, Answer::Claimed, addrs_of(block), span);
                self.held_count += addrs_of(block).count();
                self.held.push(Held::Block(block));
            }
            Err(AllocateExactError::AlreadyAllocated { addr, .. }) => {
                assert!(block.contains(&addr_of(addr)), "{addr} is not of {block}");
                self.log.push(call, Answer::AlreadyAllocated, [], span);
            }
            Err(other) => panic!("allocate_block_exact of {block}: {other}"),
        }
    }

    pub(super) fn within(&mut self, (first, last): (Addr, Addr)) {
        let range = Ipv4Addr::from_bits(first)..=Ipv4Addr::from_bits(last);
        let (given, span) = self.timed(|pool| pool.allocate_in(range.clone()));
        let given = or_exhausted(given);
        assert!(
            given.is_none_or(|addr| range.contains(&addr)),
            "{given:?} is not in {range:?}"
        );
        self.claimed_one(Call::In(first, last), given, Answer::Exhausted, span);
    }

    pub(super) fn from(&mut self, addr: Addr) {
        let start = Ipv4Addr::from_bits(addr);
        let (given, span) = self.timed(|pool| pool.allocate_from(start));
        self.claimed_one(
            Call::From(addr),
            or_exhausted(given),
            Answer::Exhausted,
            span,
        );
    }

    fn log_claim(
        &mut self,
        call: Call,
        given: Option<Ipv4Addr>,
        otherwise: Answer,
        span: (Stamp, Stamp),
    ) {
        let answer = if given.is_some() {
            Answer::Claimed
        } else {
            otherwise
        };
        self.log
            .push(call, answer, given.map(Ipv4Addr::to_bits), span);
        self.held_count += usize::from(given.is_some());
    }

    fn claimed_one(
        &mut self,
        call: Call,
        given: Option<Ipv4Addr>,
        otherwise: Answer,
        span: (Stamp, Stamp),
    ) {
        self.log_claim(call, given, otherwise, span);
        self.held
            .extend(given.map(|addr| Held::Addr(addr.to_bits())));
    }

    fn claimed_several(
        &mut self,
        call: Call,
        answer: Answer,
        addrs: &[Ipv4Addr],
        span: (Stamp, Stamp),
    ) {
        let addrs = || addrs.iter().map(|addr| addr.to_bits());
        self.log.push(call, answer, addrs(), span);
        self.held_count += addrs().count();
        self.held.extend(addrs().map(Held::Addr));
    }
}

fn addr_of(addr: IpAddr) -> Ipv4Addr {
    match addr {
        IpAddr::V4(addr) => addr,
        IpAddr::V6(addr) => panic!("{addr} is of no pool here"),
    }
}

pub(super) fn or_exhausted<T>(outcome: Result<T, AllocateError>) -> Option<T> {
    match outcome {
        Ok(given) => Some(given),
        Err(AllocateError::Exhausted { .. }) => None,
        Err(other) => panic!("a claim with good arguments: {other}"),
    }
}
