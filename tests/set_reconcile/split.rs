//! A pass over a set against passes over its members, each with its own part of the list.

use crate::clock::Clock;
use crate::{LATER, host, pool, set_of, sum};
use hostbits::{
    Pool,
    reconcile::{Plan, Reconciler},
    users::{self, Listed, Problem, ProblemKind},
};
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};

struct User {
    position: u64,
    text: String,
    owner: Option<String>,
}

impl users::Record for User {
    fn listed(&self) -> Listed<'_> {
        Listed::Text(&self.text)
    }

    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
}

/// The part of a list that names addresses of one network.
fn share<'u>(users: &'u [User], pool: &Pool<Ipv4Net>) -> Vec<&'u User> {
    let net = pool.info().network.unwrap();
    let is_for = |user: &&User| {
        let text = &user.text;
        match text.parse::<Ipv4Net>() {
            Ok(block) => net.contains(&IpAddr::V4(block.addr())),
            Err(_) => text.parse().is_ok_and(|addr: IpAddr| net.contains(&addr)),
        }
    };
    users.iter().filter(is_for).collect()
}

/// The same plan for another pool, whose part of the list has its own positions.
fn as_of(mut plan: Plan, of: &Plan, share: &[&User]) -> Plan {
    plan.pool = of.pool.clone();
    let whole = |position: u64| share[position as usize - 1].position;
    let problem = |problem: &mut Problem| {
        problem.position = whole(problem.position);
        if let ProblemKind::Duplicate { first_position, .. } = &mut problem.kind {
            *first_position = whole(*first_position);
        }
    };
    plan.problems.iter_mut().for_each(problem);
    plan
}

/// A pass over a set of pools makes the plans of passes over the pools, each with its own part of the list, and
/// frees and takes the same.
#[test]
fn a_pass_over_a_set_is_the_passes_of_its_members() {
    let mut random = 7u64;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    let (mut freed, mut refused) = (0, 0);
    for round in 0..200 {
        let nets = ["10.0.2.0/25", "10.0.0.0/26", "10.0.0.64/27", "10.0.0.96/29"];
        let nets = &nets[..1 + draw(4) as usize];
        let set = set_of(nets);
        let alone: Vec<_> = nets.iter().map(|net| pool(net)).collect();
        let clock = Clock::default();
        let options = || clock.options();
        let mut of_set = set.reconciler_with(options()).unwrap();
        let reconciler = |pool| Pool::reconciler_with(pool, options()).unwrap();
        let mut of_each: Vec<Reconciler<'_, _>> = alone.iter().map(reconciler).collect();
        let mut rows: Vec<Ipv4Addr> = Vec::new();
        for _ in 0..6 {
            for _ in 0..draw(40) {
                let addr = host([0, 0, 2][draw(3) as usize], draw(130) as u8);
                let mut pools = alone.iter();
                let taken = pools.any(|pool| pool.allocate_exact(addr).is_ok());
                assert_eq!(taken, set.allocate_exact(addr).is_ok());
                if taken && draw(3) != 0 {
                    rows.push(addr);
                }
            }
            let texts = rows.iter().map(ToString::to_string);
            let odd = (0..draw(4)).map(|_| {
                let addr = host([0, 2, 7][draw(3) as usize], draw(130) as u8);
                // With host bits, so that it is one of its members: blocks have tests of their own.
                let suffix = if draw(3) == 0 && !u32::from(addr).is_multiple_of(4) {
                    format!("/{}", 23 + draw(8))
                } else {
                    String::new()
                };
                let unreadable = if draw(9) == 0 { "x" } else { "" };
                format!("{addr}{suffix}{unreadable}")
            });
            let odd: Vec<_> = odd.collect();
            let users: Vec<User> = texts
                .chain(odd)
                .zip(1..)
                .map(|(text, position)| User {
                    position,
                    text,
                    owner: (draw(2) == 0).then(|| format!("user {}", draw(9))),
                })
                .collect();
            let mut pass = of_set.begin().unwrap();
            pass.read(&users);
            let plan = pass.finish(users.len() as u64).unwrap();
            assert_eq!(sum(&plan.entries), plan.entries.total, "round {round}");
            let mut plans = Vec::new();
            for ((pool, reconciler), member) in alone.iter().zip(&mut of_each).zip(&plan.members) {
                let share = match alone.len() {
                    // The only one reads all, and says what is not its own.
                    1 => users.iter().collect(),
                    _ => share(&users, pool),
                };
                let mut pass = reconciler.begin().unwrap();
                pass.read(&share);
                let mut single = pass.finish(share.len() as u64).unwrap();
                // What is unclear in one part is so for all of them.
                single.is_unclear = plan.is_unclear;
                assert_eq!(
                    as_of(single.clone(), &member.plan, &share),
                    member.plan,
                    "round {round}"
                );
                plans.push(single);
            }
            match of_set.apply_at_most(&plan, plan.slots.ripe) {
                Ok(applied) => {
                    let applied_of = |(reconciler, plan): (&mut Reconciler<'_, _>, &Plan)| {
                        reconciler.apply_at_most(plan, plan.slots.ripe).unwrap()
                    };
                    let singles: Vec<_> = of_each.iter_mut().zip(&plans).map(applied_of).collect();
                    assert_eq!(applied.members, singles, "round {round}");
                    freed += applied.total.freed;
                }
                Err(error) => {
                    assert_eq!(error.code(), "unclear");
                    refused += 1;
                }
            }
            let taken = alone.iter().flat_map(Pool::iter);
            assert!(set.iter().eq(taken), "round {round}");
            rows.retain(|_| draw(9) != 0);
            clock.wait(draw(2) * LATER);
        }
    }
    assert!(
        freed > 1_000 && refused > 20,
        "too little was tried: {freed}, {refused}"
    );
}
