//! Real threads over a set of three pools and one pool of the other family, beside passes over both with one
//! list.
//!
//! What is new against one pool: batches that span members, pairs of which the other half is not to be had, members
//! that are drained while another thread takes an address of them, and releases behind the back of the set.

use crate::ledger::{self, Ledger};
use crate::random::Random;
use crate::threads::{is_ripe, pause};
use hostbits::{
    Client, DualStack, Network, Pool, PoolSet,
    set::{self, Strategy},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const TURNS: usize = 1_000;
/// Places of a member in the ledger.
const PLACES: usize = 32;
const MEMBERS: usize = 3;

struct Stage {
    both: DualStack,
    ledger: Ledger,
}

/// How many were freed and how many passes there were.
pub(crate) fn run(seed: u64) -> (u64, u64) {
    let stage = Stage::new(seed);
    ledger::run(
        seed,
        |worker, random| stage.work(worker, random),
        || stage.operate(seed),
    )
}

fn addr(slot: usize) -> IpAddr {
    let (member, place) = (slot / PLACES, slot % PLACES);
    match member {
        MEMBERS => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, place as u16).into(),
        _ => Ipv4Addr::new(10, 0, member as u8, place as u8).into(),
    }
}

fn slot(addr: IpAddr) -> usize {
    match addr {
        IpAddr::V4(addr) => usize::from(addr.octets()[2]) * PLACES + usize::from(addr.octets()[3]),
        IpAddr::V6(addr) => MEMBERS * PLACES + usize::from(addr.segments()[7]),
    }
}

impl Stage {
    fn new(seed: u64) -> Self {
        let strategies = [
            Strategy::InOrder,
            Strategy::RoundRobin,
            Strategy::MostFree,
            Strategy::Weighted,
        ];
        let nets = ["10.0.0.0/29", "10.0.1.0/27", "10.0.2.0/28"];
        let pools = nets.map(|net| Pool::new(net.parse().expect("a network")).expect("a pool"));
        let v4 = PoolSet::builder()
            .strategy(strategies[(seed % 4) as usize])
            .members(pools)
            .build()
            .expect("a set");
        // Fewer than there are of the other family: halves go back.
        let net = "2001:db8::/124".parse().expect("a network");
        let v6 = PoolSet::new([Pool::new(net).expect("a pool")]).expect("a set");
        Self {
            both: DualStack::new(v4, v6),
            ledger: Ledger::new((MEMBERS + 1) * PLACES),
        }
    }

    fn work(&self, worker: usize, mut random: Random) {
        let mut held = Vec::new();
        for _ in 0..TURNS {
            pause(&mut random);
            self.ledger.note_half_way(worker);
            if held.is_empty() || random.one_in(2) {
                self.join(worker, &mut held, &mut random);
            } else {
                let index = random.below(held.len() as u64) as usize;
                self.leave(worker, held.swap_remove(index), &mut random);
            }
            self.ledger.note_half_way(worker);
        }
        self.ledger.goes_home();
    }

    fn join(&self, worker: usize, held: &mut Vec<IpAddr>, random: &mut Random) {
        let got = self.allocate(random);
        for &addr in &got {
            self.ledger.take(worker, slot(addr));
        }
        for addr in got {
            pause(random);
            if random.one_in(30) {
                self.ledger.lose(slot(addr));
            } else {
                self.ledger.list(slot(addr), true);
                held.push(addr);
            }
        }
    }

    fn allocate(&self, random: &mut Random) -> Vec<IpAddr> {
        let set = self.both.v4();
        let any = match addr(random.below((MEMBERS * PLACES) as u64) as usize) {
            IpAddr::V4(any) => any,
            IpAddr::V6(_) => unreachable!("the last member is not drawn"),
        };
        let pair = |pair: hostbits::set::Pair| vec![pair.v4.into(), pair.v6.into()];
        let one = |addr: Ipv4Addr| vec![IpAddr::from(addr)];
        match random.below(10) {
            0 => set
                .allocate_exact(any)
                .map(|()| one(any))
                .unwrap_or_default(),
            1 => set.allocate_preferring(any).map(one).unwrap_or_default(),
            2 | 3 => {
                let many = set.allocate_many(2 + random.below(9) as usize);
                many.unwrap_or_default()
                    .into_iter()
                    .map(Into::into)
                    .collect()
            }
            4 => {
                let client = Client::from_hash(random.below(u64::MAX));
                set.allocate_for(client).map(one).unwrap_or_default()
            }
            5 => set
                .guard()
                .map(|guard| one(guard.keep()))
                .unwrap_or_default(),
            6 | 7 => self.both.allocate_pair().map(pair).unwrap_or_default(),
            _ => set.allocate().map(one).unwrap_or_default(),
        }
    }

    fn leave(&self, worker: usize, addr: IpAddr, random: &mut Random) {
        self.ledger.list(slot(addr), false);
        pause(random);
        if random.one_in(30) {
            return self.ledger.lose(slot(addr));
        }
        self.ledger.give(worker, slot(addr));
        let released = match addr {
            IpAddr::V4(addr) => {
                let set = self.both.v4();
                match set.member_of(addr).filter(|_| random.one_in(3)) {
                    Some(member) => member.pool().release(addr),
                    None => set.release(addr),
                }
            }
            IpAddr::V6(addr) => self.both.v6().release(addr),
        };
        assert_eq!(released, Ok(()), "{addr} is held");
    }

    fn operate(&self, seed: u64) -> (u64, u64) {
        let mut random = Random::new(!seed);
        let (v4, v6) = (self.both.v4(), self.both.v6());
        let refused = "nobody else reconciles";
        let mut of_v4 = v4.reconciler_with(self.ledger.options()).expect(refused);
        let mut of_v6 = v6.reconciler_with(self.ledger.options()).expect(refused);
        let ids: Vec<_> = v4.members().map(|member| member.id()).collect();
        let (mut freed, mut passes, mut quiet) = (0, 0, 0);
        while quiet < 3 {
            quiet += u32::from(!self.ledger.is_anybody_at_work());
            let id = ids[random.below(ids.len() as u64) as usize];
            let changed = if random.one_in(3) {
                v4.drain(id)
            } else {
                v4.resume(id)
            };
            changed.expect("a member");
            let mut pass = of_v4.begin().expect("a pass can begin");
            let mut pass_of_v6 = of_v6.begin().expect("a pass can begin");
            pause(&mut random);
            // One list, read once.
            let rows: Vec<_> = self.ledger.rows().map(addr).collect();
            pass.read(&rows);
            pass_of_v6.read(&rows);
            let entries = pass.entries();
            let plan = pass.finish(entries).expect("a plan");
            let plan_of_v6 = pass_of_v6.finish(entries).expect("a plan");
            passes += 1;
            let seen = self.ledger.who_is_half_way();
            for _ in 0..random.below(3).max(u64::from(quiet == 3)) {
                freed += self.apply(&mut of_v4, &plan) + self.apply(&mut of_v6, &plan_of_v6);
                pause(&mut random);
            }
            self.ledger.wait_for(&seen);
        }
        drop((of_v4, of_v6));
        let taken: Vec<IpAddr> = v4
            .iter()
            .map(Into::into)
            .chain(v6.iter().map(Into::into))
            .collect();
        self.ledger.compare(|slot| taken.contains(&addr(slot)));
        (freed, passes)
    }

    fn apply<N: Network>(&self, reconciler: &mut set::Reconciler<'_, N>, plan: &set::Plan) -> u64 {
        self.ledger.clear_leaks(|slot| {
            let mut members = plan.members.iter();
            members.any(|member| is_ripe(&member.plan, addr(slot)))
        });
        let applied = reconciler.apply_at_most(plan, plan.slots.ripe);
        applied.expect("applied").total.freed
    }
}
