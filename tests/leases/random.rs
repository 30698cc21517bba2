//! Every verb in any order, against a table of records.
//!
//! The model is dumb on purpose. It knows records, times and owners, and nothing of tokens, words, homes and hints. What
//! it does not decide is which of several free addresses is handed out, and which of those that are due a refused
//! call frees before it goes on. It reads these two off the answers, and checks that they are possible.

use super::*;

/// Seconds since the base of the pool; `NEVER` for what has no end.
type Tick = u64;
const NEVER: Tick = u64::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Offered,
    Leased,
    Cooling,
}

use State::{Cooling, Free, Leased, Offered};

/// What is known of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    state: State,
    until: Tick,
    /// How many holders there were.
    generation: u64,
    /// The owner of the last of them, if it was made for one.
    owner: Option<u64>,
}

impl Record {
    const NEW: Self = Self {
        state: Free,
        until: 0,
        generation: 0,
        owner: None,
    };

    fn is_held(&self) -> bool {
        matches!(self.state, Offered | Leased)
    }

    /// When it becomes free by itself.
    fn free_at(&self, cooldown: u64) -> Tick {
        match self.state {
            Free => NEVER,
            Cooling => self.until,
            Offered | Leased => self.until.saturating_add(cooldown),
        }
    }
}

/// What is asked for, as the model sees it.
#[derive(Clone, Copy, Debug)]
struct Asked {
    state: State,
    /// Nanoseconds, if it ends.
    term: Option<u64>,
}

impl Asked {
    fn grant(self) -> Grant {
        match (self.state, self.term) {
            (Offered, Some(nanos)) => Grant::Offer(Duration::from_nanos(nanos)),
            (_, Some(nanos)) => Grant::Lease(Term::For(Duration::from_nanos(nanos))),
            (_, None) => Grant::Lease(Term::Forever),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Verb {
    Allocate(Asked),
    Exact(usize, Asked),
    Preferring(usize, Asked),
    In(usize, usize, Asked),
    Many(usize, Asked),
    For(u64, Asked),
    Adopt(usize, Option<u64>),
    Renew(usize, u64, Option<u64>),
    Release(usize, u64),
    Sweep,
    Wait(u64),
}

struct Game {
    pool: Pool4,
    clock: ManualClock,
    cooldown: u64,
    epoch: u64,
    /// The addresses that can be handed out, ascending, and their records.
    addrs: Vec<Ipv4Addr>,
    records: Vec<Record>,
    /// The second in which a refused call last found nothing due, and when something would be. Within this second, refused
    /// calls do not look again.
    round: Option<(Tick, Tick)>,
    numbers: Numbers,
    /// The last verbs, for a failure.
    story: Vec<(u64, Verb)>,
}

impl Game {
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let clock = ManualClock::new();
        let cooldown = [0, 0, 1, 3, 20][numbers.below(5) as usize];
        let net = Ipv4Net::new(ten(0), 22).unwrap();
        let policy = POLICIES[numbers.below(POLICIES.len() as u64) as usize];
        let mut builder = Pool::builder(net).policy(policy);
        // Mostly tiny, so that it is often full: in one word, or in several.
        let first = 1 + numbers.below(200) as u32;
        builder = match numbers.below(6) {
            0 => builder.range(ten(first)..=ten(first)),
            1 | 2 => builder.range(ten(first)..=ten(first + 4)),
            3 => builder.range(ten(62)..=ten(65)).range(ten(600)..=ten(602)),
            4 => builder
                .range(ten(first)..=ten(first + 11))
                .range(ten(300)..=ten(301))
                .range(ten(900)..=ten(903)),
            _ => builder
                .range(ten(50)..=ten(140))
                .reserve(ten(70)..=ten(80), "printers"),
        };
        let plain = builder.build().unwrap();
        let mut addrs = common::drain(&plain);
        addrs.sort_unstable();
        let leases = builder.leases().cooldown(seconds(cooldown));
        let pool = leases.clock(&clock).build().unwrap();
        // The epoch, from a lease that is handed out and ends.
        let probe = pool.allocate_exact(addrs[0], Term::Forever).unwrap();
        assert_eq!(pool.release(&probe), Ok(Released::Ended));
        let mut records = vec![Record::NEW; addrs.len()];
        records[0] = Record {
            state: if cooldown == 0 { Free } else { Cooling },
            until: cooldown + 1,
            generation: 1,
            owner: None,
        };
        assert_eq!(probe.generation() & RECORD, 1);
        Self {
            pool,
            clock,
            cooldown,
            epoch: probe.generation() & !RECORD,
            records,
            addrs,
            round: None,
            numbers,
            story: Vec::new(),
        }
    }

    fn now(&self) -> Tick {
        self.clock.now().as_secs()
    }

    fn below(&mut self, end: usize) -> usize {
        self.numbers.below(end as u64) as usize
    }

    /// The tick at which a term ends that begins now.
    fn end_of(&self, term: Option<u64>) -> Tick {
        term.map_or(NEVER, |nanos| {
            self.now() + nanos.div_ceil(1_000_000_000) + 1
        })
    }

    fn asked(&mut self) -> Asked {
        let state = if self.below(2) == 0 { Offered } else { Leased };
        let forever = state == Leased && self.below(4) == 0;
        let term = (!forever).then(|| self.term());
        Asked { state, term }
    }

    fn term(&mut self) -> u64 {
        let nanos = [
            1,
            400_000_000,
            1_000_000_000,
            2_000_000_000,
            3_100_000_000,
            30_000_000_000,
        ];
        nanos[self.below(nanos.len())]
    }

    /// A lease of this address: mostly that of now, sometimes an older one or one that never was.
    fn some_lease(&mut self) -> (usize, u64) {
        let at = self.below(self.addrs.len());
        let generation = self.records[at].generation;
        let wanted = match self.below(8) {
            0 => generation.saturating_sub(1),
            1 => self.numbers.below(generation + 1),
            2 => generation + 1,
            _ => generation,
        };
        (at, wanted)
    }

    fn verb(&mut self) -> Verb {
        let owner = self.numbers.below(6);
        let at = self.below(self.addrs.len());
        match self.below(40) {
            0..6 => Verb::Allocate(self.asked()),
            6..9 => Verb::Exact(at, self.asked()),
            9..11 => Verb::Preferring(at, self.asked()),
            11..13 => {
                let other = self.below(self.addrs.len());
                Verb::In(at.min(other), at.max(other), self.asked())
            }
            13..15 => {
                let most = self.addrs.len().min(7) + 1;
                Verb::Many(self.below(most + 1), self.asked())
            }
            15..21 => Verb::For(owner, self.asked()),
            21 => Verb::Adopt(at, (owner < 4).then_some(owner)),
            22..26 => {
                let (at, generation) = self.some_lease();
                let term = (self.below(8) != 0).then(|| self.term());
                Verb::Renew(at, generation, term)
            }
            26..33 => {
                let (at, generation) = self.some_lease();
                Verb::Release(at, generation)
            }
            33 => Verb::Sweep,
            _ => {
                let nanos = [
                    1,
                    300_000_000,
                    1_000_000_000,
                    1_000_000_000,
                    2_700_000_000,
                    9_000_000_000,
                ];
                Verb::Wait(nanos[self.below(nanos.len())])
            }
        }
    }

    fn is_free(&self, at: usize) -> bool {
        self.records[at].state == Free
    }

    fn is_due(&self, at: usize) -> bool {
        self.records[at].free_at(self.cooldown) <= self.now()
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.addrs.len()
    }

    /// When the next of these addresses becomes free by itself.
    fn next_in(&self, among: std::ops::Range<usize>) -> Option<Duration> {
        let next = among
            .map(|at| self.records[at].free_at(self.cooldown))
            .min();
        next.filter(|&next| next != NEVER)
            .map(|next| seconds(next.saturating_sub(self.now())))
    }

    fn index(&self, addr: Ipv4Addr) -> usize {
        self.addrs
            .binary_search(&addr)
            .expect("it can be handed out")
    }

    fn client(owner: u64) -> Client {
        Client::from_hash(owner.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn lease(&self, at: usize, generation: u64) -> Option<Lease4> {
        // Generation 0 is that of an address that was never handed out; no lease has it.
        Lease::from_parts(self.addrs[at], self.epoch | generation)
    }

    /// Frees in the model what the pool has freed of what is due among these.
    fn follow_sweeps(&mut self, among: std::ops::Range<usize>) {
        for at in among {
            if self.is_due(at) && is_free(&self.pool, self.addrs[at]) {
                self.records[at].state = Free;
            }
        }
    }

    /// A new holder of an address that was free, or due.
    fn hold(&mut self, lease: Lease4, asked: Asked, owner: Option<u64>) {
        let at = self.index(lease.addr());
        let generation = self.records[at].generation + 1;
        assert_eq!(lease.generation(), self.epoch | generation);
        self.records[at] = Record {
            state: asked.state,
            until: self.end_of(asked.term),
            generation,
            owner,
        };
    }

    /// What a call may be answered that takes any address among these. If none is free, all that are due may be freed.
    fn check_any(
        &mut self,
        among: std::ops::Range<usize>,
        answer: Result<Lease4, OfferError>,
        asked: Asked,
        owner: Option<u64>,
        next_in: impl Fn(&mut Self) -> Option<Duration>,
    ) {
        match answer {
            Ok(lease) => {
                let at = self.index(lease.addr());
                assert!(among.contains(&at), "not in the range");
                if among.clone().any(|at| self.is_free(at)) {
                    assert!(self.is_free(at), "another one was free");
                } else {
                    assert!(self.is_due(at), "neither free nor due");
                    self.records[at].state = Free;
                    self.follow_sweeps(among);
                }
                self.hold(lease, asked, owner);
            }
            Err(error) => {
                for at in among {
                    assert!(
                        !self.is_free(at) && !self.is_due(at),
                        "{} was to be had",
                        self.addrs[at]
                    );
                }
                let next_in = next_in(self);
                let capacity = self.addrs.len() as u64;
                assert!(
                    matches!(error, OfferError::Exhausted { capacity: all, next_in: next, .. }
                        if all == capacity && next == next_in),
                    "{error:?}, not {next_in:?}"
                );
            }
        }
    }

    /// When something is due, as a refused call of the whole pool knows it: as of the last look, in the same second.
    fn known_next_in(&mut self) -> Option<Duration> {
        let now = self.now();
        let next = match self.round {
            Some((looked, next)) if looked == now => next,
            _ => self
                .all()
                .map(|at| self.records[at].free_at(self.cooldown))
                .min()
                .unwrap(),
        };
        self.round = Some((now, next));
        (next != NEVER).then(|| seconds(next.saturating_sub(now)))
    }

    fn play(&mut self, verb: Verb) {
        match verb {
            Verb::Allocate(asked) => {
                let answer = self.pool.allocate(asked.grant());
                self.check_any(self.all(), answer, asked, None, Self::known_next_in);
            }
            Verb::Exact(at, asked) => {
                match self.pool.allocate_exact(self.addrs[at], asked.grant()) {
                    Ok(lease) => {
                        assert_eq!(lease.addr(), self.addrs[at]);
                        assert!(self.is_free(at) || self.is_due(at));
                        self.hold(lease, asked, None);
                    }
                    Err(error) => {
                        assert!(!self.is_free(at) && !self.is_due(at));
                        let expected = self.next_in(at..at + 1);
                        assert!(
                            matches!(error, OfferError::NotFree { addr, next_in, .. }
                                if addr == IpAddr::V4(self.addrs[at]) && next_in == expected),
                            "{error:?}, not {expected:?}"
                        );
                    }
                }
            }
            Verb::Preferring(at, asked) => {
                let answer = self.pool.allocate_preferring(self.addrs[at], asked.grant());
                if self.is_free(at) || self.is_due(at) {
                    let lease = answer.unwrap();
                    assert_eq!(lease.addr(), self.addrs[at]);
                    self.hold(lease, asked, None);
                } else {
                    self.check_any(self.all(), answer, asked, None, Self::known_next_in);
                }
            }
            Verb::In(first, last, asked) => {
                let range = self.addrs[first]..=self.addrs[last];
                let answer = self.pool.allocate_in(range, asked.grant());
                let among = first..last + 1;
                self.check_any(among.clone(), answer, asked, None, |game| {
                    game.next_in(among.clone())
                });
            }
            Verb::Many(count, asked) => self.play_many(count, asked),
            Verb::For(owner, asked) => self.play_for(owner, asked),
            Verb::Adopt(at, owner) => self.play_adopt(at, owner),
            Verb::Renew(at, generation, term) => self.play_renew(at, generation, term),
            Verb::Release(at, generation) => self.play_release(at, generation),
            Verb::Sweep => {
                let due: Vec<_> = self.all().filter(|&at| self.is_due(at)).collect();
                let swept = self.pool.sweep();
                assert_eq!(swept.freed, due.len() as u64);
                for at in due {
                    self.records[at].state = Free;
                }
                assert_eq!(swept.next_in, self.next_in(self.all()));
            }
            Verb::Wait(nanos) => self.clock.advance(Duration::from_nanos(nanos)),
        }
    }

    fn play_many(&mut self, count: usize, asked: Asked) {
        let free = self.all().filter(|&at| self.is_free(at)).count();
        let due = self.all().filter(|&at| self.is_due(at)).count();
        let answer = self.pool.allocate_many(count, asked.grant());
        if free < count {
            // All that is due is freed, whether that is enough or not.
            for at in self.all().filter(|&at| self.is_due(at)).collect::<Vec<_>>() {
                self.records[at].state = Free;
            }
        }
        match answer {
            Ok(leases) => {
                assert_eq!(leases.len(), count);
                assert!(free + due >= count);
                for lease in leases {
                    assert!(self.is_free(self.index(lease.addr())));
                    self.hold(lease, asked, None);
                }
            }
            Err(error) => {
                assert!(free + due < count, "{free} free, {due} due");
                let expected = self.next_in(self.all());
                assert!(
                    matches!(error, OfferError::Exhausted { next_in, .. } if next_in == expected),
                    "{error:?}, not {expected:?}"
                );
            }
        }
    }

    fn play_for(&mut self, owner: u64, asked: Asked) {
        let is_of = |record: &Record| record.owner == Some(owner);
        let those = |state: fn(&Record) -> bool| -> Vec<usize> {
            let all = self.all();
            all.filter(|&at| is_of(&self.records[at]) && state(&self.records[at]))
                .collect()
        };
        let held = those(Record::is_held);
        let cooling = those(|record| record.state == Cooling);
        let free = those(|record| record.state == Free);
        let answer = self.pool.allocate_for(Self::client(owner), asked.grant());
        if !held.is_empty() {
            let lease = answer.unwrap();
            let at = self.index(lease.addr());
            assert!(
                held.contains(&at),
                "the owner holds {held:?}, and got {lease}"
            );
            let until = self.end_of(asked.term);
            let record = &mut self.records[at];
            assert_eq!(lease.generation(), self.epoch | record.generation);
            if record.state == Offered {
                record.state = asked.state;
            }
            record.until = record.until.max(until);
            return;
        }
        let own = if cooling.is_empty() { free } else { cooling };
        if own.is_empty() {
            self.check_any(self.all(), answer, asked, Some(owner), Self::known_next_in);
            return;
        }
        let lease = answer.unwrap();
        let at = self.index(lease.addr());
        assert!(own.contains(&at), "the owner had {own:?}, and got {lease}");
        self.hold(lease, asked, Some(owner));
    }

    fn play_adopt(&mut self, at: usize, owner: Option<u64>) {
        let text = self.addrs[at].to_string();
        let list = [(text.as_str(), "an owner")];
        let adopted = self
            .pool
            .adopt(Unreadable::default(), list, |_| owner.map(Self::client))
            .unwrap();
        let record = &mut self.records[at];
        assert_eq!(adopted.report.taken, u64::from(!record.is_held()));
        assert_eq!(adopted.report.already, u64::from(record.is_held()));
        match record.state {
            Leased => {}
            Offered => (record.state, record.until) = (Leased, NEVER),
            Free | Cooling => {
                *record = Record {
                    state: Leased,
                    until: NEVER,
                    generation: record.generation + 1,
                    owner,
                };
            }
        }
        let lease = self.lease(at, self.records[at].generation).unwrap();
        assert_eq!(adopted.leases, [lease]);
    }

    fn play_renew(&mut self, at: usize, generation: u64, term: Option<u64>) {
        let Some(lease) = self.lease(at, generation) else {
            return;
        };
        let renewal = term.map_or(Term::Forever, |nanos| {
            Term::For(Duration::from_nanos(nanos))
        });
        let answer = self.pool.renew(&lease, renewal);
        let until = self.end_of(term);
        let record = &mut self.records[at];
        let code = answer.err().map(|error| error.code());
        if record.generation != generation {
            assert_eq!(code, Some("stale"));
        } else if !record.is_held() {
            assert_eq!(code, Some("ended"));
        } else {
            assert_eq!(code, None);
            record.state = Leased;
            record.until = record.until.max(until);
        }
    }

    fn play_release(&mut self, at: usize, generation: u64) {
        let Some(lease) = self.lease(at, generation) else {
            return;
        };
        let answer = self.pool.release(&lease).unwrap();
        let rested = self.now() + self.cooldown + 1;
        let record = &mut self.records[at];
        if record.generation != generation {
            assert_eq!(answer, Released::Stale);
        } else if !record.is_held() {
            assert_eq!(answer, Released::AlreadyEnded);
        } else {
            assert_eq!(answer, Released::Ended);
            record.state = if self.cooldown == 0 { Free } else { Cooling };
            record.until = rested;
        }
    }

    /// The status of an address is that of its record.
    fn check_status(&self, at: usize) {
        let record = &self.records[at];
        let addr = self.addrs[at];
        let left =
            (record.until != NEVER).then(|| seconds(record.until.saturating_sub(self.now())));
        let by = record.owner.map(Self::client);
        let number = self.epoch | record.generation;
        let status = self.pool.status(addr);
        let is_right = match status {
            LeaseStatus::Free => record.state == Free,
            LeaseStatus::Offered {
                generation,
                remaining,
                ..
            } => record.state == Offered && generation == number && Some(remaining) == left,
            LeaseStatus::Leased {
                generation,
                owner,
                remaining,
                ..
            } => record.state == Leased && generation == number && remaining == left && owner == by,
            LeaseStatus::Cooling {
                generation,
                owner,
                remaining,
                ..
            } => {
                record.state == Cooling
                    && generation == number
                    && Some(remaining) == left
                    && owner == by
            }
            _ => false,
        };
        assert!(is_right, "{addr} is {status:?}, and should be {record:?}");
        let lease = record
            .is_held()
            .then(|| self.lease(at, record.generation).unwrap());
        assert_eq!(self.pool.lease_of(addr), lease);
    }

    fn check_all(&self) {
        let mut expected = [0; 5];
        for at in self.all() {
            self.check_status(at);
            expected[self.records[at].state as usize] += 1;
        }
        assert_eq!(counts(&self.pool), expected);
        let held = |owner: Option<u64>| -> Vec<Lease4> {
            let held = self.all().filter(|&at| {
                let record = &self.records[at];
                record.is_held() && (owner.is_none() || record.owner == owner)
            });
            held.map(|at| self.lease(at, self.records[at].generation).unwrap())
                .collect()
        };
        assert_eq!(self.pool.iter().collect::<Vec<_>>(), held(None));
        for owner in 0..6 {
            let owned: Vec<_> = self.pool.owned_by(Self::client(owner)).collect();
            assert_eq!(owned, held(Some(owner)));
        }
        let mut cells = [0; 16];
        self.pool.fill(6, &mut cells);
        assert_eq!(u64::from(cells.iter().sum::<u32>()), expected[0], "tokens");
        let taken: Vec<_> = self.pool.snapshot().iter().collect();
        assert_eq!(taken.len() as u64, self.addrs.len() as u64 - expected[0]);
    }

    fn step(&mut self) {
        let verb = self.verb();
        if self.story.len() == 40 {
            self.story.remove(0);
        }
        self.story.push((self.clock.now().as_nanos() as u64, verb));
        self.play(verb);
        let at = self.below(self.addrs.len());
        self.check_status(at);
    }
}

impl Drop for Game {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{:?}, cooldown {}, round {:?}",
                self.pool, self.cooldown, self.round
            );
            for (at, record) in self.records.iter().enumerate() {
                eprintln!("{at}: {} {record:?}", self.addrs[at]);
            }
            for (nanos, verb) in &self.story {
                eprintln!("{nanos:>14} ns  {verb:?}");
            }
        }
    }
}

fn play(seeds: std::ops::Range<u64>) {
    let factor = std::env::var("HOSTBITS_CASES").ok();
    let factor: u64 = factor.map_or(1, |text| text.parse().expect("HOSTBITS_CASES is a number"));
    let count = seeds.end - seeds.start;
    for seed in seeds.start..seeds.start + count * factor {
        let mut game = Game::new(seed);
        for step in 0..STEPS {
            game.step();
            if step % 100 == 99 {
                game.check_all();
            }
        }
    }
}

const STEPS: u64 = 2000;

/// 500,000 steps.
#[test]
fn every_answer_is_that_of_a_table_of_records() {
    play(0..250);
}

/// As many again, beside them.
#[test]
fn every_answer_is_that_of_a_table_of_records_again() {
    play(1 << 40..(1 << 40) + 250);
}
