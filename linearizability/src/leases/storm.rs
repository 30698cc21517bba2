//! Real threads on tiny lease pools. Every round has a pool of its own, a few calls of each thread, and then one thread
//! that waits until all has ended, and takes everything.

use super::{Answer, Call, Judgement, Lease, Verb, explain};
use crate::clock::{Clock, Stopwatch};
use crate::dice::Dice;
use crate::meeting::{Meeting, Over, OverOnPanic};
use hostbits::lease::{Grant, LeasePool, ManualClock, Released, Term};
use hostbits::{Client, Policy, Pool};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How many steps are tried to explain one round.
const PATIENCE: u64 = 50_000;
/// How many rounds the threads play before they are judged.
const AT_ONCE: u64 = 200;
/// How many calls a thread makes in a round.
const STEPS: usize = 5;

/// Plays rounds.
#[derive(Clone, Copy, Debug)]
pub struct LeaseStorm {
    /// The seed of the programs.
    pub seed: u64,
    /// The number of rounds.
    pub rounds: u64,
}

/// What came of a storm.
#[derive(Clone, Debug, Default)]
pub struct LeaseTally {
    /// The number of calls.
    pub calls: u64,
    /// The number of rounds in which some calls overlapped.
    pub overlaps: u64,
    /// The number of rounds in which no order was found in time.
    pub given_up: u64,
    /// How often which verb had which answer.
    pub answers: BTreeMap<(&'static str, &'static str), u64>,
}

impl LeaseTally {
    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.overlaps += other.overlaps;
        self.given_up += other.given_up;
        for (&key, count) in &other.answers {
            *self.answers.entry(key).or_default() += count;
        }
    }

    /// Returns what never came up.
    pub fn missing(&self) -> Vec<(&'static str, &'static str)> {
        let all = [
            ("allocate", "got"),
            ("allocate", "refused"),
            ("allocate_exact", "got"),
            ("allocate_exact", "refused"),
            ("allocate_for", "got"),
            ("allocate_for", "refused"),
            ("renew", "done"),
            ("renew", "ended"),
            ("renew", "stale"),
            ("release", "done"),
            ("release", "ended"),
            ("release", "stale"),
            ("sweep", "swept"),
        ];
        let is_missing = |key: &(&str, &str)| !self.answers.contains_key(key);
        all.into_iter().filter(is_missing).collect()
    }

    fn add(&mut self, calls: &[Call]) {
        self.calls += calls.len() as u64;
        let overlap = |one: &Call| {
            let others = calls.iter().filter(|other| other.thread != one.thread);
            others.into_iter().any(|other| other.overlaps(one))
        };
        self.overlaps += u64::from(calls.iter().any(overlap));
        for call in calls {
            let verb = match call.verb {
                Verb::Any(_) => "allocate",
                Verb::Exact(..) => "allocate_exact",
                Verb::For(..) => "allocate_for",
                Verb::Renew(..) => "renew",
                Verb::Release(_) => "release",
                Verb::Sweep => "sweep",
            };
            let answer = match call.answer {
                Answer::Got(_) => "got",
                Answer::Refused => "refused",
                Answer::Done => "done",
                Answer::Ended => "ended",
                Answer::Stale => "stale",
                Answer::Swept => "swept",
            };
            *self.answers.entry((verb, answer)).or_default() += 1;
        }
    }
}

/// A pool of some addresses, and its clock.
struct Arena {
    pool: LeasePool<Ipv4Net>,
    clock: ManualClock,
    addrs: Vec<Ipv4Addr>,
    cooldown: u64,
}

impl Arena {
    fn new(dice: &mut Dice) -> Self {
        let clock = ManualClock::new();
        let cooldown = dice.pick(&[0, 0, 1, 2]);
        // In one word, or in two, so that an owner's homes may be full.
        let first = dice.pick(&[2, 62, 63]);
        let count = dice.pick(&[1, 2, 2, 3]);
        let addrs: Vec<_> = (first..first + count)
            .map(|last| Ipv4Addr::new(10, 0, 0, last))
            .collect();
        let pool = Pool::over([addrs[0]..=addrs[addrs.len() - 1]])
            .policy(dice.pick(&Policy::ALL))
            .leases()
            .cooldown(Duration::from_secs(cooldown))
            .clock(&clock)
            .build()
            .expect("a pool");
        Self {
            pool,
            clock,
            addrs,
            cooldown,
        }
    }
}

struct Player<'a> {
    arena: &'a Arena,
    watch: Stopwatch<'a>,
    thread: usize,
    calls: Vec<Call>,
    /// The leases that it got, held or not.
    leases: Vec<hostbits::lease::Lease<Ipv4Addr>>,
}

impl<'a> Player<'a> {
    fn new(arena: &'a Arena, clock: &'a Clock, thread: usize) -> Self {
        Self {
            arena,
            watch: Stopwatch::new(clock),
            thread,
            calls: Vec::with_capacity(STEPS),
            leases: Vec::with_capacity(STEPS),
        }
    }

    fn play(mut self, dice: &mut Dice) -> Vec<Call> {
        while self.calls.len() < STEPS {
            let term = dice.pick(&[Some(1), Some(1), Some(2), None]);
            let lease = match self.leases.len() {
                0 => None,
                count => Some(self.leases[dice.below(count)]),
            };
            match (dice.below(12), lease) {
                (0 | 1, _) => self.call(Verb::Any(term)),
                (2, _) => {
                    let at = dice.below(self.arena.addrs.len());
                    self.call(Verb::Exact(at, term));
                }
                (3 | 4, _) => self.call(Verb::For(dice.below(2) as u64, term)),
                (5 | 6, Some(lease)) => self.call(Verb::Renew(self.short(lease), term)),
                (7 | 8, Some(lease)) => self.call(Verb::Release(self.short(lease))),
                (9, _) if dice.below(3) == 0 => self.call(Verb::Sweep),
                _ => {
                    let nanos = dice.pick(&[400, 1000, 1000, 2600]);
                    self.arena.clock.advance(Duration::from_millis(nanos));
                }
            }
        }
        self.calls
    }

    /// Waits until everything has ended, and takes all there is.
    fn take_all(mut self) -> Vec<Call> {
        self.arena.clock.advance(Duration::from_secs(100));
        loop {
            self.call(Verb::Any(None));
            if self.calls.last().map(|call| call.answer) == Some(Answer::Refused) {
                return self.calls;
            }
        }
    }

    fn short(&self, lease: hostbits::lease::Lease<Ipv4Addr>) -> Lease {
        let at = self
            .arena
            .addrs
            .iter()
            .position(|&addr| addr == lease.addr());
        Lease {
            // Another address would be out of the range of the records, and no order explains it.
            at: at.unwrap_or(usize::MAX),
            generation: lease.generation() & u64::from(u32::MAX),
        }
    }

    fn full(&self, lease: Lease) -> hostbits::lease::Lease<Ipv4Addr> {
        let is_it = |full: &&_| self.short(**full) == lease;
        *self.leases.iter().find(is_it).expect("it was given")
    }

    fn call(&mut self, verb: Verb) {
        let arena = self.arena;
        let given = match verb {
            Verb::Renew(lease, _) | Verb::Release(lease) => Some(self.full(lease)),
            _ => None,
        };
        let first_tick = arena.clock.now().as_secs();
        let invoked = self.watch.invoke();
        let answered = answer(arena, verb, given);
        let responded = self.watch.respond();
        let last_tick = arena.clock.now().as_secs();
        let answer = match answered {
            Answered::Got(lease) => {
                self.leases.push(lease);
                Answer::Got(self.short(lease))
            }
            Answered::Other(answer) => answer,
        };
        self.calls.push(Call {
            thread: self.thread,
            span: (invoked, responded),
            ticks: (first_tick, last_tick),
            verb,
            answer,
        });
    }
}

enum Answered {
    Got(hostbits::lease::Lease<Ipv4Addr>),
    Other(Answer),
}

/// Makes a call; `given` is the lease that it is about.
fn answer(arena: &Arena, verb: Verb, given: Option<hostbits::lease::Lease<Ipv4Addr>>) -> Answered {
    let pool = &arena.pool;
    let term = |seconds: Option<u64>| match seconds {
        Some(seconds) => Term::For(Duration::from_secs(seconds)),
        None => Term::Forever,
    };
    let grant = |seconds: Option<u64>| match seconds {
        Some(seconds) if seconds == 1 => Grant::Offer(Duration::from_secs(seconds)),
        _ => Grant::Lease(term(seconds)),
    };
    let offered = match (verb, given) {
        (Verb::Any(term), _) => pool.allocate(grant(term)),
        (Verb::Exact(at, term), _) => pool.allocate_exact(arena.addrs[at], grant(term)),
        (Verb::For(owner, term), _) => {
            let client = Client::from_hash((owner + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            pool.allocate_for(client, grant(term))
        }
        (Verb::Renew(_, seconds), Some(lease)) => {
            return Answered::Other(match pool.renew(&lease, term(seconds)) {
                Ok(()) => Answer::Done,
                Err(error) if error.code() == "ended" => Answer::Ended,
                Err(error) if error.code() == "stale" => Answer::Stale,
                Err(error) => panic!("{error}"),
            });
        }
        (Verb::Release(_), Some(lease)) => {
            return Answered::Other(match pool.release(&lease) {
                Ok(Released::Ended) => Answer::Done,
                Ok(Released::AlreadyEnded) => Answer::Ended,
                Ok(Released::Stale) => Answer::Stale,
                other => panic!("{other:?}"),
            });
        }
        (Verb::Renew(..) | Verb::Release(_), None) => unreachable!("a lease is given"),
        (Verb::Sweep, _) => {
            let _swept = pool.sweep();
            return Answered::Other(Answer::Swept);
        }
    };
    match offered {
        Ok(lease) => Answered::Got(lease),
        Err(error) if ["exhausted", "not-free"].contains(&error.code()) => {
            Answered::Other(Answer::Refused)
        }
        Err(error) => panic!("{error}"),
    }
}

impl LeaseStorm {
    /// Plays all rounds.
    ///
    /// # Errors
    ///
    /// Returns the first round without an explanation, as text.
    pub fn run(&self) -> Result<LeaseTally, String> {
        let mut tally = LeaseTally::default();
        for first in (0..self.rounds).step_by(AT_ONCE as usize) {
            self.play(first, &mut tally)?;
        }
        Ok(tally)
    }

    fn play(&self, first: u64, tally: &mut LeaseTally) -> Result<(), String> {
        let mut dice = Dice::new(self.seed, [first, u64::MAX]);
        let clock = if dice.below(4) == 0 {
            Clock::tickets()
        } else {
            Clock::time()
        };
        let threads = 2 + dice.below(2);
        let arenas: Vec<Arena> = (0..AT_ONCE).map(|_| Arena::new(&mut dice)).collect();
        let start = Meeting::new(threads);
        let by_thread = std::thread::scope(|scope| {
            let (arenas, clock, start) = (&arenas, &clock, &start);
            let player = |thread: usize| {
                move || {
                    let _end = OverOnPanic(start);
                    let round = |(index, arena)| {
                        let lanes = [first + index as u64, thread as u64];
                        let mut dice = Dice::new(self.seed, lanes);
                        let player = Player::new(arena, clock, thread);
                        start.wait();
                        player.play(&mut dice)
                    };
                    arenas.iter().enumerate().map(round).collect::<Vec<_>>()
                }
            };
            let threads: Vec<_> = (0..threads)
                .map(|thread| scope.spawn(player(thread)))
                .collect();
            // They preempt some player at an arbitrary instruction.
            for _ in 0..2 {
                scope.spawn(|| {
                    while !start.is_over() {
                        std::thread::sleep(Duration::from_micros(20));
                    }
                });
            }
            let _end = Over(start);
            let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<Vec<Call>>>| {
                thread.join().expect("a player panicked")
            };
            threads.into_iter().map(join).collect::<Vec<_>>()
        });
        for (index, arena) in arenas.iter().enumerate() {
            let mut calls: Vec<Call> = by_thread
                .iter()
                .flat_map(|logs| logs[index].clone())
                .collect();
            calls.extend(Player::new(arena, &clock, threads).take_all());
            calls.sort_by_key(|call| call.span);
            tally.add(&calls);
            match explain(&calls, arena.addrs.len(), arena.cooldown, PATIENCE) {
                Judgement::Explained => {}
                Judgement::GivenUp => tally.given_up += 1,
                Judgement::Unexplained => {
                    let round = first + index as u64;
                    return Err(self.story(round, arena, &calls));
                }
            }
        }
        Ok(())
    }

    fn story(&self, round: u64, arena: &Arena, calls: &[Call]) -> String {
        let mut text = format!(
            "no order of these calls explains their answers: seed {}, round {round}, cooldown {} s, {}\n",
            self.seed,
            arena.cooldown,
            arena.pool.info()
        );
        for call in calls {
            let Call {
                thread,
                span: (invoked, responded),
                ticks: (first, last),
                verb,
                answer,
            } = call;
            text += &format!(
                "{invoked:>12} to {responded:>12}  seconds {first} to {last}  thread {thread}  {verb:?}: {answer:?}\n"
            );
        }
        text
    }
}
