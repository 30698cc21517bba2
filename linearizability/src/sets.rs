//! Games on sets of pools: members that are added, resumed or uncordoned during the game, and pairs.
//!
//! To the checkers, a set is one pool. What is not part of it yet is held from the beginning by the thread that opens
//! it; its `add`, `resume` or `uncordon` releases all of that, each address at its own instant. A pair is a claim of
//! its IPv4 half. A pair that fails for lack of an IPv6 address leaves no trace in the history, and must not affect the
//! results of other threads.

use crate::Addr;
use crate::check::{Edge, check};
use crate::clock::{Clock, Stopwatch};
use crate::complete::{LARGEST_GROUND, explain_in_parts};
use crate::dice::Dice;
use crate::ground::Ground;
use crate::history::{Answer, Call, History, Log};
use crate::meeting::{Meeting, OverOnPanic};
use crate::tally::Tally;
use hostbits::{
    AllocateExactError, Client, DualStack, Pool, PoolSet, Search,
    set::{AllocatePairError, AllocatePairExactError, Pair, Strategy},
};
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Every strategy.
const STRATEGIES: [Strategy; 4] = [
    Strategy::InOrder,
    Strategy::RoundRobin,
    Strategy::MostFree,
    Strategy::Weighted,
];

/// Plays rounds on sets.
#[derive(Clone, Copy, Debug)]
pub struct SetStorm {
    /// The seed of the programs.
    pub seed: u64,
    /// The minimum number of calls in all.
    pub calls: u64,
}

/// Something that a thread holds.
enum Held {
    Addr(Ipv4Addr),
    Pair(Pair),
}

/// One round: a new set, and what will become part of it.
struct Round {
    both: DualStack,
    opening: Opening,
    ground: Ground,
    /// The addresses that the opening adds.
    later: Vec<Addr>,
    edge: Option<Edge>,
    threads: usize,
    steps: usize,
    has_pairs: bool,
}

/// How more addresses become part of the set.
enum Opening {
    Nothing,
    Add(Search),
    Resume,
    Uncordon,
}

impl SetStorm {
    /// Plays until there were enough calls.
    ///
    /// # Errors
    ///
    /// Describes the first history that has no explanation.
    pub fn run(&self) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let mut round = 0;
        while tally.calls < self.calls {
            let mut dice = Dice::new(self.seed, [round, u64::MAX]);
            let game = Round::new(&mut dice);
            let history = game.play(self.seed, round);
            let failure = |what: String, (from, to)| {
                let set = game.both.v4();
                format!(
                    "{what}\nseed {}, round {round}, {:?}, {set:?}\n{}",
                    self.seed,
                    set.strategy(),
                    history.excerpt(from, to, 60)
                )
            };
            let checked = check(&history, &game.ground, game.edge)
                .map_err(|violation| failure(violation.to_string(), violation.span()))?;
            tally.add(&history, checked, false);
            if game.ground.count() <= LARGEST_GROUND {
                let explained = explain_in_parts(&history, &game.ground)
                    .map_err(|span| failure("no order explains these answers".into(), span))?;
                tally.add_explained(explained);
            }
            round += 1;
        }
        Ok(tally)
    }
}

/// Returns the pool of member `index`, with a few addresses.
fn pool(index: u8, count: u8, search: Search) -> Pool<Ipv4Net> {
    let (first, last) = ([10, 0, index, 1], [10, 0, index, count]);
    let builder = Pool::over([Ipv4Addr::from(first)..=Ipv4Addr::from(last)]);
    builder.search(search).build().expect("a pool")
}

fn addrs_of(index: u8, count: u8) -> impl Iterator<Item = Addr> {
    (1..=count).map(move |octet| Ipv4Addr::new(10, 0, index, octet).to_bits())
}

impl Round {
    fn new(dice: &mut Dice) -> Self {
        let has_pairs = dice.below(3) == 0;
        let search = |dice: &mut Dice| match dice.below(4) {
            0 => Search::Linear,
            _ => Search::Tree,
        };
        let strategy = dice.pick(&STRATEGIES);
        let members = 1 + dice.below(3) as u8;
        let counts: Vec<u8> = (0..=members).map(|_| 1 + dice.below(3) as u8).collect();
        let opening = match dice.below(4) {
            0 => Opening::Add(search(dice)),
            1 => Opening::Resume,
            2 => Opening::Uncordon,
            _ => Opening::Nothing,
        };
        let mut builder = PoolSet::builder().strategy(strategy).room(8);
        for (index, &count) in counts[..counts.len() - 1].iter().enumerate() {
            builder = builder.member(pool(index as u8, count, search(dice)));
        }
        let (last, last_count) = (members, counts[usize::from(members)]);
        if matches!(opening, Opening::Resume | Opening::Uncordon) {
            builder = builder.member(pool(last, last_count, search(dice)));
        }
        let v4 = builder.build().expect("members that do not overlap");
        let ends = Ipv4Addr::new(10, 0, last, 0)..=Ipv4Addr::new(10, 0, last, 255);
        match opening {
            Opening::Resume => {
                let last = v4.members().last().expect("a member").id();
                v4.drain(last).expect("a member");
            }
            Opening::Uncordon => v4.cordon(ends).expect("a member"),
            Opening::Add(_) | Opening::Nothing => {}
        }
        let later: Vec<Addr> = match opening {
            Opening::Nothing => Vec::new(),
            _ => addrs_of(last, last_count).collect(),
        };
        let ground = (0..members)
            .zip(&counts)
            .flat_map(|(index, &count)| addrs_of(index, count));
        let ground = Ground::new(ground.chain(later.iter().copied()));
        let v6_count = 1 + dice.below(3) as u128;
        let first = Ipv6Addr::from_bits(0xfd00 << 112);
        let v6 =
            Pool::<Ipv6Net>::over([first..=Ipv6Addr::from_bits(first.to_bits() + v6_count - 1)]);
        let v6 = PoolSet::new([v6.build().expect("a pool")]).expect("one member");
        Self {
            both: DualStack::new(v4, v6),
            opening,
            ground,
            later,
            // A pair that fails temporarily holds what it gives back, and is not in the history. And what another
            // thread opens becomes available one address at a time.
            edge: (strategy == Strategy::InOrder && !has_pairs).then_some(Edge::Lowest),
            threads: 2 + dice.below(3),
            steps: 4 + dice.below(24),
            has_pairs,
        }
    }

    fn play(&self, seed: u64, round: u64) -> History {
        let clock = Clock::tickets();
        let start = Meeting::new(self.threads + 1);
        let mut logs: Vec<Log> = std::thread::scope(|scope| {
            let players: Vec<_> = (0..self.threads)
                .map(|thread| {
                    let (clock, start) = (&clock, &start);
                    let mut dice = Dice::new(seed, [round, thread as u64]);
                    scope.spawn(move || {
                        let _end = OverOnPanic(start);
                        let mut player = Player::new(self, clock);
                        start.wait();
                        player.play(&mut dice);
                        player.log
                    })
                })
                .collect();
            let mut dice = Dice::new(seed, [round, u64::MAX - 1]);
            let opener = self.open(&clock, &start, &mut dice);
            let logs = players
                .into_iter()
                .map(|player| player.join().expect("a player"));
            logs.chain([opener]).collect()
        });
        let mut last = Player::new(self, &clock);
        while last.allocate() {}
        logs.push(last.log);
        History {
            logs,
            drained: true,
        }
    }

    /// Opens what is not part of the set yet, at some time in the round.
    fn open(&self, clock: &Clock, start: &Meeting, dice: &mut Dice) -> Log {
        let mut log = Log::with_room(8, 8);
        let mut watch = Stopwatch::new(clock);
        if !self.later.is_empty() {
            let span = (watch.invoke(), watch.respond());
            let later = self.later.iter().copied();
            log.push(
                Call::Many(self.later.len() as u32),
                Answer::Claimed,
                later,
                span,
            );
        }
        start.wait();
        if self.later.is_empty() {
            return log;
        }
        for _ in 0..dice.below(2000) {
            std::hint::spin_loop();
        }
        let set = self.both.v4();
        let added = Ipv4Addr::from_bits(self.later[0]).octets()[2];
        let new = match self.opening {
            Opening::Add(search) => Some(pool(added, self.later.len() as u8, search)),
            _ => None,
        };
        let invoked = watch.invoke();
        match self.opening {
            Opening::Add(_) => {
                set.add(new.expect("a pool")).expect("room");
            }
            Opening::Resume => {
                let last = set.members().last().expect("a member").id();
                set.resume(last).expect("a member");
            }
            Opening::Uncordon => {
                let ends = Ipv4Addr::new(10, 0, added, 0)..=Ipv4Addr::new(10, 0, added, 255);
                set.uncordon(ends).expect("the cordon");
            }
            Opening::Nothing => {}
        }
        let span = (invoked, watch.respond());
        let later = self.later.iter().copied();
        log.push(Call::ReleaseMany, Answer::Released, later, span);
        log
    }
}

/// A thread that releases only what it holds.
struct Player<'a> {
    round: &'a Round,
    watch: Stopwatch<'a>,
    log: Log,
    held: Vec<Held>,
}

impl<'a> Player<'a> {
    fn new(round: &'a Round, clock: &'a Clock) -> Self {
        Self {
            round,
            watch: Stopwatch::new(clock),
            log: Log::with_room(round.steps, round.steps),
            held: Vec::with_capacity(round.steps),
        }
    }

    fn play(&mut self, dice: &mut Dice) {
        for _ in 0..self.round.steps {
            match dice.below(8) {
                0..3 if !self.held.is_empty() => self.release(dice.below(self.held.len())),
                3 if !self.round.has_pairs => self.exact(dice.pick(self.round.ground.addrs())),
                4 => {
                    let wanted = dice.pick(self.round.ground.addrs());
                    self.preferring(wanted);
                }
                5.. if self.round.has_pairs => self.some_pair(dice),
                _ => {
                    self.allocate();
                }
            }
            if dice.below(16) == 0 {
                std::thread::yield_now();
            }
        }
    }

    fn set(&self) -> &'a PoolSet<Ipv4Net> {
        self.round.both.v4()
    }

    fn claimed(
        &mut self,
        call: Call,
        addr: Option<Ipv4Addr>,
        refusal: Answer,
        invoked: u64,
    ) -> bool {
        let span = (invoked, self.watch.respond());
        let answer = addr.map_or(refusal, |_| Answer::Claimed);
        self.log
            .push(call, answer, addr.map(Ipv4Addr::to_bits), span);
        self.held.extend(addr.map(Held::Addr));
        addr.is_some()
    }

    fn allocate(&mut self) -> bool {
        let invoked = self.watch.invoke();
        let addr = self.set().allocate().ok();
        self.claimed(Call::Allocate, addr, Answer::Exhausted, invoked)
    }

    fn preferring(&mut self, wanted: Addr) {
        // There is no preference for an address that is not open yet, or that a failing pair holds.
        if self.round.has_pairs || self.round.later.contains(&wanted) {
            self.allocate();
            return;
        }
        let invoked = self.watch.invoke();
        let addr = self
            .set()
            .allocate_preferring(Ipv4Addr::from_bits(wanted))
            .ok();
        self.claimed(Call::Preferring(wanted), addr, Answer::Exhausted, invoked);
    }

    fn exact(&mut self, wanted: Addr) {
        let addr = Ipv4Addr::from_bits(wanted);
        let invoked = self.watch.invoke();
        let given = match self.set().allocate_exact(addr) {
            Ok(()) => Some(addr),
            Err(
                AllocateExactError::AlreadyAllocated { .. }
                | AllocateExactError::Cordoned { .. }
                | AllocateExactError::OutOfRange { .. },
            ) => None,
            Err(other) => panic!("allocate_exact of {addr}: {other}"),
        };
        self.claimed(
            Call::Exact(wanted),
            given,
            Answer::AlreadyAllocated,
            invoked,
        );
    }

    fn some_pair(&mut self, dice: &mut Dice) {
        let both = &self.round.both;
        match dice.below(4) {
            0 => self.exact_pair(dice.pick(self.round.ground.addrs()), dice.below(3) as u128),
            1 => {
                let client = Client::from_hash(u64::from(dice.roll()) << 32);
                self.pair(|| both.allocate_pair_for(client));
            }
            _ => self.pair(|| both.allocate_pair()),
        }
    }

    fn exact_pair(&mut self, wanted: Addr, sixth: u128) {
        let v4 = Ipv4Addr::from_bits(wanted);
        let v6 = Ipv6Addr::from_bits((0xfd00 << 112) + sixth);
        let invoked = self.watch.invoke();
        let given = match self.round.both.allocate_pair_exact(v4, v6) {
            Ok(()) => Some(v4),
            Err(AllocatePairExactError::V4(_)) => None,
            // It holds nothing, and never did.
            Err(_) => return,
        };
        let is_given = self.claimed(
            Call::Exact(wanted),
            given,
            Answer::AlreadyAllocated,
            invoked,
        );
        if is_given {
            self.held.pop();
            self.held.push(Held::Pair(Pair { v4, v6 }));
        }
    }

    fn pair(&mut self, allocate: impl FnOnce() -> Result<Pair, AllocatePairError>) {
        let invoked = self.watch.invoke();
        match allocate() {
            Ok(pair) => {
                self.claimed(Call::Allocate, Some(pair.v4), Answer::Exhausted, invoked);
                self.held.pop();
                self.held.push(Held::Pair(pair));
            }
            Err(AllocatePairError::V4(_)) => {
                self.claimed(Call::Allocate, None, Answer::Exhausted, invoked);
            }
            // The caller holds nothing, and never did.
            Err(AllocatePairError::V6(_)) => {}
            Err(other) => panic!("allocate_pair: {other}"),
        }
    }

    fn release(&mut self, index: usize) {
        let addr = match self.held.swap_remove(index) {
            Held::Addr(addr) => addr,
            Held::Pair(pair) => {
                self.round.both.v6().release(pair.v6).expect("it was held");
                pair.v4
            }
        };
        let invoked = self.watch.invoke();
        let released = self.set().release(addr);
        let span = (invoked, self.watch.respond());
        let answer = match released {
            Ok(()) => Answer::Released,
            Err(_) => Answer::NotAllocated,
        };
        self.log.push(Call::Release, answer, [addr.to_bits()], span);
    }
}
