//! Threads, with a table of holders that is stricter than the pool.
//!
//! A holder writes itself into the table when it has its answer, with the time before which no other may get the
//! address: the time before its call, the term, and the cooldown. Whatever comes too early, or ends too early, fails.

use super::*;

/// Who holds an address, as far as the threads know.
#[derive(Clone, Copy, Default)]
struct Entry {
    generation: u64,
    owner: Option<u64>,
    /// Until then no other caller may get the address, and the holder's release and renewal must succeed.
    until: Duration,
    /// It was released: only its own owner may come earlier than `until`.
    is_resting: bool,
}

/// A lease in the hands of a thread.
#[derive(Clone, Copy)]
struct Held {
    lease: Lease4,
    owner: Option<u64>,
}

struct Storm<'a> {
    pool: &'a Pool4,
    table: Vec<Mutex<Entry>>,
    /// The time, by the clock of the pool: never later than what a call reads that begins later.
    now: &'a (dyn Fn() -> Duration + Sync),
    cooldown: Duration,
    /// By how much the pool's clock may lag behind `now`.
    lag: Duration,
}

impl Storm<'_> {
    fn at(&self, addr: Ipv4Addr) -> std::sync::MutexGuard<'_, Entry> {
        let entry = &self.table[(addr.to_bits() & 0xffff) as usize];
        entry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when a holder is safe whose call began at `before`.
    fn safe_until(&self, before: Duration, term: Option<Duration>) -> Duration {
        let term = term.map_or(Duration::MAX, |term| term.saturating_sub(self.lag));
        before.saturating_add(term).saturating_add(self.cooldown)
    }

    /// Writes a new holder into the table.
    fn taken(&self, before: Duration, held: Held, term: Option<Duration>) {
        let Held { lease, owner } = held;
        let until = self.safe_until(before, term);
        let mut entry = self.at(lease.addr());
        let after = (self.now)();
        let is_back = owner.is_some() && entry.owner == owner;
        if entry.generation > lease.generation() {
            // Another holder is in the table already: it came after our time.
            assert!(after >= until, "{lease} is lost before {until:?}");
            return;
        }
        let is_same = entry.generation == lease.generation();
        if is_same {
            assert!(is_back && !entry.is_resting, "{lease} twice");
        } else {
            assert!(
                after >= entry.until || (entry.is_resting && is_back),
                "{lease} at {after:?}, and #{} is safe until {:?}",
                entry.generation,
                entry.until
            );
        }
        *entry = Entry {
            generation: lease.generation(),
            owner,
            until: if is_same {
                until.max(entry.until)
            } else {
                until
            },
            is_resting: false,
        };
    }

    fn release(&self, held: Held) {
        let Held { lease, owner } = held;
        let before = (self.now)();
        let was = {
            let mut entry = self.at(lease.addr());
            let was = *entry;
            if was.generation == lease.generation() {
                (entry.is_resting, entry.until) = (true, Duration::ZERO);
            }
            was
        };
        let released = self.pool.release(&lease).unwrap();
        let mut entry = self.at(lease.addr());
        let after = (self.now)();
        let is_current = was.generation == lease.generation();
        if released == Released::Ended {
            assert!(is_current, "{lease} was ended by a former holder");
            let until = before + self.cooldown.saturating_sub(self.lag);
            if entry.generation == lease.generation() {
                entry.until = until;
            } else {
                let is_back = owner.is_some() && entry.owner == owner;
                assert!(is_back || after >= until, "{lease} had no rest");
            }
        } else if is_current {
            assert!(
                after >= was.until,
                "{lease} had ended before {:?}",
                was.until
            );
        }
    }

    /// Renews a lease, and returns whether it still is one.
    fn renew(&self, lease: &Lease4, term: Option<Duration>) -> bool {
        let before = (self.now)();
        let was = self.at(lease.addr()).generation;
        let renewal = term.map_or(Term::Forever, Term::For);
        let answer = self.pool.renew(lease, renewal);
        let mut entry = self.at(lease.addr());
        let after = (self.now)();
        let is_current = entry.generation == lease.generation();
        match answer {
            Ok(()) => {
                assert!(
                    was <= lease.generation(),
                    "{lease} was renewed by a former holder"
                );
                let until = self.safe_until(before, term);
                if is_current {
                    entry.until = entry.until.max(until);
                } else {
                    assert!(after >= until, "{lease} is lost before {until:?}");
                }
                true
            }
            Err(error) => {
                assert!(["ended", "stale"].contains(&error.code()), "{error}");
                if is_current {
                    assert!(
                        after >= entry.until,
                        "{lease} ended before {:?}",
                        entry.until
                    );
                }
                false
            }
        }
    }

    /// What an owner's last lease says: as long as it is safe, the owner gets it again.
    fn is_safe(&self, lease: &Lease4) -> bool {
        let entry = self.at(lease.addr());
        let is_current = entry.generation == lease.generation() && !entry.is_resting;
        is_current && (self.now)() < entry.until
    }

    /// A thread that uses every verb, and forgets some of what it holds. What it still holds is returned.
    fn live(&self, thread: usize, is_over: impl Fn(usize) -> bool, terms: &[u64]) -> Vec<Lease4> {
        let mut dice = Dice::new(thread);
        let mut held: Vec<Held> = Vec::new();
        let mut former: Vec<Lease4> = Vec::new();
        for step in 0.. {
            if is_over(step) {
                break;
            }
            match dice.below(16) {
                0..7 => self.allocate(thread, &mut dice, &mut held, terms),
                7..10 if !held.is_empty() => {
                    let gone = held.swap_remove(dice.below(held.len()));
                    self.release(gone);
                    former.push(gone.lease);
                }
                10..13 if !held.is_empty() => {
                    let at = dice.below(held.len());
                    let term = Duration::from_millis(terms[dice.below(terms.len())]);
                    if !self.renew(&held[at].lease, Some(term)) {
                        former.push(held.swap_remove(at).lease);
                    }
                }
                // A lease is forgotten: its holder has died.
                13 if !held.is_empty() => {
                    held.swap_remove(dice.below(held.len()));
                }
                14 if !former.is_empty() => {
                    let old = former.swap_remove(dice.below(former.len()));
                    assert_ne!(self.pool.release(&old), Ok(Released::Ended), "{old}");
                    assert!(self.pool.renew(&old, Term::Forever).is_err(), "{old}");
                }
                _ => {
                    if dice.below(20) == 0 {
                        let _swept = self.pool.sweep();
                    }
                }
            }
            dice.dawdle();
        }
        held.into_iter().map(|held| held.lease).collect()
    }

    fn allocate(&self, thread: usize, dice: &mut Dice, held: &mut Vec<Held>, terms: &[u64]) {
        let term = Duration::from_millis(terms[dice.below(terms.len())]);
        let grant = if dice.below(2) == 0 {
            Grant::Offer(term)
        } else {
            Grant::Lease(Term::For(term))
        };
        let capacity = self.pool.capacity() as usize;
        let some = |dice: &mut Dice| ten(FIRST + dice.below(capacity) as u32);
        let before = (self.now)();
        let mut owner = None;
        let answer = match dice.below(10) {
            0..3 => self.pool.allocate(grant),
            3 => self.pool.allocate_exact(some(dice), grant),
            4 => self.pool.allocate_preferring(some(dice), grant),
            5 => {
                let (one, other) = (some(dice), some(dice));
                self.pool
                    .allocate_in(one.min(other)..=one.max(other), grant)
            }
            6 => {
                for lease in self.pool.allocate_many(2, grant).into_iter().flatten() {
                    let new = Held { lease, owner: None };
                    self.taken(before, new, Some(term));
                    held.push(new);
                }
                return;
            }
            _ => {
                // Owners of this thread alone.
                let number = (thread * 3 + dice.below(3)) as u64 + 1;
                owner = Some(number);
                let client = Client::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let last = held.iter().find(|held| held.owner == owner).copied();
                let answer = self.pool.allocate_for(client, grant);
                // Nothing but this thread renews or releases it: if it is safe after the call, it was so all the time.
                if let Some(last) = last.filter(|last| self.is_safe(&last.lease)) {
                    assert_eq!(answer, Ok(last.lease), "the owner holds it");
                }
                answer
            }
        };
        match answer {
            Ok(lease) => {
                let new = Held { lease, owner };
                self.taken(before, new, Some(term));
                held.retain(|old| old.lease != lease);
                held.push(new);
            }
            Err(error) => assert!(["exhausted", "not-free"].contains(&error.code()), "{error}"),
        }
    }
}

/// Everything ends, and two ticks after its time all of it is free again, each address once.
fn all_is_free_again(pool: &Pool4, wait: impl Fn()) {
    wait();
    let _swept = pool.sweep();
    let capacity = pool.capacity();
    assert_eq!(counts(pool), [capacity, 0, 0, 0, 0]);
    let mut cells = [0; 64];
    pool.fill(16, &mut cells);
    assert_eq!(u64::from(cells.iter().sum::<u32>()), capacity, "tokens");
    let all = pool
        .allocate_many(capacity as usize, Term::Forever)
        .unwrap();
    let addrs: BTreeSet<_> = all.iter().map(Lease::addr).collect();
    assert_eq!(addrs.len() as u64, capacity);
    assert!(pool.allocate(Term::Forever).is_err());
}

fn table() -> Vec<Mutex<Entry>> {
    (0..1 << 16).map(|_| Mutex::default()).collect()
}

/// The first address of the pools is 10.0.0.60.
const FIRST: u32 = 60;

fn small_pool(count: u32, cooldown: Duration) -> LeaseBuilder<Ipv4Net> {
    let builder = Pool::builder(v4("10.0.0.0/16")).range(ten(FIRST)..=ten(FIRST + count - 1));
    builder.stats(StatsLevel::Off).leases().cooldown(cooldown)
}

/// Four threads beside a fifth that advances the clock: no address has two holders, none comes early, none ends early,
/// and none is lost.
#[test]
fn expiries_beside_threads_double_and_lose_nothing() {
    let _watchdog = watchdog("expiries_beside_threads_double_and_lose_nothing");
    for (count, cooldown) in [(1, 0), (2, 3), (5, 0), (9, 2), (70, 1), (200, 0)] {
        let clock = ManualClock::new();
        let cooldown = seconds(cooldown);
        let builder = small_pool(count, cooldown);
        let pool = builder.clock(&clock).build().unwrap();
        let storm = Storm {
            pool: &pool,
            table: table(),
            now: &|| clock.now(),
            cooldown,
            lag: Duration::ZERO,
        };
        let steps = 4000 * effort();
        together(5, |thread| {
            if thread < 4 {
                storm.live(thread, |step| step == steps, &[1, 500, 1000, 2500, 7000]);
                return;
            }
            let mut dice = Dice::new(99);
            for _ in 0..steps / 4 {
                clock.advance(Duration::from_millis(dice.below(900) as u64));
                dice.dawdle();
                std::thread::yield_now();
            }
        });
        all_is_free_again(&pool, || clock.advance(seconds(7 + 2) + cooldown));
    }
}

/// The same by the clock of the system, for some seconds: only where the code is as fast as in earnest.
#[test]
fn expiries_by_the_system_s_clock_double_and_lose_nothing() {
    if cfg!(debug_assertions) {
        return;
    }
    let _watchdog = watchdog("expiries_by_the_system_s_clock_double_and_lose_nothing");
    for (count, cooldown) in [(7, 0), (100, 1)] {
        let cooldown = seconds(cooldown);
        let pool = small_pool(count, cooldown).build().unwrap();
        let begin = Instant::now();
        let storm = Storm {
            pool: &pool,
            table: table(),
            now: &|| begin.elapsed(),
            cooldown,
            // The coarse clock of the system lags by one of its ticks.
            lag: Duration::from_millis(20),
        };
        let end = seconds(4 * effort() as u64);
        together(4, |thread| {
            storm.live(thread, |_| begin.elapsed() > end, &[1, 900, 1000])
        });
        all_is_free_again(&pool, || std::thread::sleep(seconds(3) + cooldown));
    }
}
