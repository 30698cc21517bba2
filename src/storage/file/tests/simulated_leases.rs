//! Random lives of a file of leases on a simulated machine, with a ledger of who holds what.
//!
//! Power cuts, deaths, failed syncs and copies are those of `simulated_lives`. Offers, renewals, releases, sweeps and
//! reclaims are modelled here; recovery, epochs, floors and closing are the code itself. One process at a time: what
//! several do at once is not about the disk.
//!
//! * A lease that was answered, as durably as its file promises, is held until it is released or its time has passed.
//! * No address has two holders.
//! * No lease is handed out twice: an answer that was lost with the machine never comes back to another caller.
//!
//! `HOSTBITS_SEEDS` is the number of lives, by default 500. Mutants: [`Variant`], and those of `tools/mutants`.

use super::simulated_lives::{Accident, Bytes, KINDS, Machine, Random, UUID, state};
use crate::durability::Durability;
use crate::slot::Slot;
use crate::storage::file::bytes::WordSum;
use crate::storage::file::disk::Disk;
use crate::storage::file::identity::{Identity, Witness};
use crate::storage::file::layout::Kind;
use crate::storage::file::leave::leave;
use crate::storage::file::poison;
use crate::storage::file::records::{
    self, FACT_WORDS, RECORD_WORDS, RESERVED_GENERATIONS, at, first_words,
};
use crate::storage::file::recover::{Opened, RecoveryBasis, recover, sum_of_maps, try_witness};
use crate::storage::file::state::{Belief, Evidence, Phase, State, States};
use crate::storage::heap::bits_of_ranges;
use crate::storage::records::{FREE, QUARANTINED, STATE_SHIFT};
use crate::sync::{AtomicU64, Ordering::Relaxed};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

const USABLE: [(Slot, Slot); 2] = [(0, 2), (64, 66)];
const OFFERED: u64 = 2;
const LEASED: u64 = 3;
const NEVER: u64 = (1 << 28) - 1;
/// How many ticks an offer lasts.
const OFFER: u64 = 4;

/// The protocol, and what it must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    AsBuilt,
    /// In `Strict`, a renewal is answered before it is durable.
    NoConfirmAtRenew,
    /// In `Strict`, an offer is answered before it is durable.
    NoConfirmAtTake,
    /// The epoch stays after records were quarantined.
    EpochNotRaised,
    /// The epoch is raised, and reaches the disk after the first offer.
    EpochRaisedLate,
    /// Generations do not jump after the machine went down.
    NoFloor,
    /// A generation beyond the limit is offered before the limit is durable.
    LimitNotDurable,
    /// Time goes on by more than has passed.
    ClockAhead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lease {
    slot: Slot,
    epoch: u64,
    generation: u64,
}

/// What a holder relies on.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// The true time until when it relies on it.
    until: u64,
}

#[derive(Debug, Default)]
struct Tally {
    offered: u64,
    renewed: u64,
    released: u64,
    ended: u64,
    reclaimed: u64,
    quarantined: u64,
    exact: u64,
    vouched: u64,
    nothing: u64,
    cuts: u64,
    copies: u64,
    raised_limits: u64,
}

struct Life<'a> {
    machine: Machine,
    variant: Variant,
    durability: Durability,
    boot: u8,
    inode: u64,
    copy: Option<Bytes>,
    /// The true time, and what the file's time is behind it.
    now: u64,
    behind: u64,
    /// The file's time when it was last durable.
    last_tick: u64,
    /// How often an epoch was drawn.
    draws: u64,
    /// The highest generation that this process may offer.
    limit: u64,
    held: BTreeMap<Lease, Held>,
    /// Answered, and to be relied upon after the next sync.
    unsynced: Vec<(Lease, Held)>,
    given: BTreeSet<Lease>,
    tally: &'a mut Tally,
    seed: u64,
}

fn word(state: u64, until: u64, generation: u64) -> u64 {
    state << STATE_SHIFT | until << 32 | generation
}

fn parts(word: u64) -> (u64, u64, u64) {
    (
        word >> STATE_SHIFT,
        word >> 32 & NEVER,
        word & u64::from(u32::MAX),
    )
}

fn live(seed: u64, variant: Variant, tally: &mut Tally) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let durability = Durability::ALL[random.below(Durability::ALL.len() as u64) as usize];
    let mut words = first_words(7, bits_of_ranges(USABLE.into_iter()));
    let mut region: Vec<u64> = (0..FACT_WORDS + 128 * RECORD_WORDS)
        .map(|_| words())
        .collect();
    // So that limits are met.
    region[at::LIMIT] = 1;
    let mut sum = WordSum::new();
    records::add_to_sum(&mut sum, &region, |word| *word);
    let slot = |seq| {
        Some(State {
            sum: sum.finish(),
            ..state(seq, Phase::Clean, 1, 1, durability, 0)
        })
    };
    let lens = KINDS.map(|(_, len)| len);
    let mut first = Bytes {
        words: lens.map(|len| vec![0; len]),
        slots: [slot(1), slot(2)],
    };
    first.words[2] = vec![u64::MAX];
    first.words[6] = region;
    let mut life = Life {
        machine: Machine::new(&first, random),
        variant,
        durability,
        boot: 1,
        inode: 1,
        copy: None,
        now: 10,
        behind: 0,
        last_tick: 0,
        draws: 0,
        limit: 0,
        held: BTreeMap::new(),
        unsynced: Vec::new(),
        given: BTreeSet::new(),
        tally,
        seed,
    };
    for _ in 0..12 {
        life.session();
        life.between_sessions();
    }
}

impl Life<'_> {
    fn below(&self, limit: u64) -> u64 {
        self.machine.random.borrow_mut().below(limit)
    }

    fn slots() -> impl Iterator<Item = Slot> + Clone {
        USABLE.into_iter().flat_map(|(first, last)| first..=last)
    }

    fn fact(&self, at: usize) -> &AtomicU64 {
        &self.machine.words(Kind::Records)[at]
    }

    fn record(&self, slot: Slot) -> &AtomicU64 {
        &self.machine.words(Kind::Records)[FACT_WORDS + slot as usize * RECORD_WORDS]
    }

    fn token(&self, slot: Slot) -> (&AtomicU64, u64) {
        let words = self.machine.words(Kind::Free);
        (&words[slot as usize / 64], 1 << (slot % 64))
    }

    fn has_token(&self, slot: Slot) -> bool {
        let (free, bit) = self.token(slot);
        free.load(Relaxed) & bit != 0
    }

    fn is_poisoned(&self) -> bool {
        poison::get(&self.machine).is_some()
    }

    fn states(&self) -> States {
        let blocks = self.machine.live_slots.get();
        let blocks = blocks.map(|slot| slot.map_or([0; _], |state| state.encode()));
        States::read([&blocks[0], &blocks[1]], &UUID)
    }

    /// The time by which the file counts.
    fn tick(&self) -> u64 {
        match self.variant {
            Variant::ClockAhead => self.now + self.behind,
            _ => self.now - self.behind,
        }
    }

    /// Forgets leases whose time has truly passed: no holder relies on them.
    fn forget_ended(&mut self) {
        let now = self.now;
        self.held.retain(|_, held| held.until > now);
        self.unsynced.retain(|(_, held)| held.until > now);
    }

    fn session(&mut self) {
        self.machine.over.set(None);
        // Some openings are more dangerous than what follows; the mistakes are noticed sooner without that.
        let peril = self.machine.peril;
        if self.variant == Variant::AsBuilt && self.below(3) == 0 {
            self.machine.peril = 4;
        }
        let opened = self.open();
        self.machine.peril = peril;
        let Ok(belief) = opened else {
            return;
        };
        self.check(belief);
        for _ in 0..self.below(16) {
            if self.machine.over.get().is_some() {
                return;
            }
            self.machine.write_back(6);
            self.forget_ended();
            match self.below(12) {
                0..=3 => self.take(),
                4 | 5 => self.renew(),
                6 => self.release(),
                7 => self.sync(),
                8 => self.sweep(),
                9 => self.reclaim(),
                10 if self.copy.is_none() => self.copy = Some(self.machine.snapshot()),
                _ => self.now += 1,
            }
        }
        if self.below(3) != 0 && self.machine.over.get().is_none() {
            let _ = leave(&self.machine, self.states());
        }
    }

    /// Does the same as `Opening::first_opener`.
    fn open(&mut self) -> io::Result<Belief> {
        let states = self.states();
        let witness = match self.machine.witness[0].get() {
            0 => Witness::None,
            seq => Witness::Seq(seq),
        };
        let evidence = Evidence {
            boot_id: &[self.boot; 16],
            identity: Identity {
                inode: self.inode,
                born_ns: 0,
                witness,
            },
            forgets: false,
            is_poisoned: self.is_poisoned(),
        };
        let sum = || sum_of_maps(&self.machine);
        let basis = RecoveryBasis::of(&states, evidence, sum, self.durability);
        match basis.belief {
            Belief::Exact => self.tally.exact += 1,
            Belief::Vouched => self.tally.vouched += 1,
            Belief::Nothing(_) => self.tally.nothing += 1,
        }
        if !basis.is_clean {
            poison::unless_ok(
                &self.machine,
                self.machine.sync(&KINDS.map(|(kind, _)| kind)),
            )?;
            poison::unless_ok(&self.machine, self.machine.sync_witness())?;
        }
        try_witness(&self.machine, &states, &evidence.identity)?;
        let seq = states.next_seq(witness);
        let session = states.newest.map_or(0, |state| state.session) + 1;
        self.draws += 1;
        let state = State {
            is_witnessed: witness != Witness::None,
            // So that no epoch is drawn twice.
            opened_ns: seq ^ self.draws,
            ..state(
                seq,
                Phase::Open,
                self.boot,
                self.inode,
                self.durability,
                session,
            )
        };
        let (epoch, floor) = (self.fact(at::EPOCH), self.fact(at::FLOOR));
        let before = (epoch.load(Relaxed), floor.load(Relaxed));
        let recovered = recover(&self.machine, basis, &USABLE, Opened { states, state })?;
        self.tally.quarantined += recovered.quarantined;
        match self.variant {
            Variant::EpochNotRaised => self.fact(at::EPOCH).store(before.0, Relaxed),
            // In memory, and not on the disk until something else is synced.
            Variant::EpochRaisedLate => {
                self.machine.disk.borrow_mut().words[6][at::EPOCH] = before.0;
            }
            Variant::NoFloor => self.fact(at::FLOOR).store(before.1, Relaxed),
            _ => {}
        }
        // It may have been reserved by a process that has died since; it is on the disk after a recovery.
        self.limit = self.fact(at::LIMIT).load(Relaxed);
        Ok(basis.belief)
    }

    /// What was promised is so.
    fn check(&mut self, belief: Belief) {
        self.unsynced.clear();
        self.forget_ended();
        let (seed, epoch) = (self.seed, self.fact(at::EPOCH).load(Relaxed));
        for slot in Self::slots() {
            let (state, _, _) = parts(self.record(slot).load(Relaxed));
            assert_eq!(
                self.has_token(slot),
                state == FREE,
                "seed {seed}: token of {slot}"
            );
        }
        for lease in self.held.keys() {
            let (state, _, generation) = parts(self.record(lease.slot).load(Relaxed));
            let is_same = epoch == lease.epoch && generation == lease.generation;
            let is_held = is_same && matches!(state, OFFERED | LEASED);
            let is_kept = match belief {
                Belief::Exact => true,
                Belief::Vouched => self.durability.trusts_the_disk(),
                Belief::Nothing(_) => false,
            };
            // The epoch of a lease from before a quarantine is an older one, until it is reclaimed.
            let was_stale = epoch != lease.epoch;
            // Or a reclaim has leased it again, and died before it could say so.
            let is_kept_for_it = match state {
                QUARANTINED => !is_kept || was_stale,
                LEASED => was_stale,
                _ => false,
            };
            assert!(
                is_held || is_kept_for_it,
                "seed {seed}: {lease:?} is lost: state {state}, generation {generation}, epoch {epoch}, {belief:?}"
            );
        }
    }

    fn take(&mut self) {
        let from = self.below(6) as usize;
        let mut slots = Self::slots().cycle().skip(from).take(6);
        let Some(slot) = slots.find(|&slot| self.has_token(slot)) else {
            return;
        };
        let (free, bit) = self.token(slot);
        free.fetch_and(!bit, Relaxed);
        let (state, _, generation) = parts(self.record(slot).load(Relaxed));
        if self.is_poisoned() || state != FREE {
            return;
        }
        let floor = self.fact(at::FLOOR).load(Relaxed);
        let generation = (generation + 1).max(floor);
        if generation > self.limit && !self.raise_limit(generation) {
            return;
        }
        let until = self.tick() + OFFER;
        self.record(slot)
            .store(word(OFFERED, until, generation), Relaxed);
        let lease = Lease {
            slot,
            epoch: self.fact(at::EPOCH).load(Relaxed),
            generation,
        };
        let until = self.now + OFFER;
        let waits = self.variant != Variant::NoConfirmAtTake;
        self.answer(lease, Held { until }, waits);
    }

    fn raise_limit(&mut self, generation: u64) -> bool {
        let wanted = generation;
        self.fact(at::LIMIT).fetch_max(wanted, Relaxed);
        self.tally.raised_limits += 1;
        let waits = self.durability.trusts_the_disk() && self.variant != Variant::LimitNotDurable;
        if waits && !self.sync_records() {
            return false;
        }
        self.limit = wanted;
        true
    }

    /// Returns an answer to a caller, as durable as the file promises.
    fn answer(&mut self, lease: Lease, held: Held, waits: bool) {
        if self.durability == Durability::Strict && waits && !self.sync_records() {
            return;
        }
        let seed = self.seed;
        if !self.held.contains_key(&lease) && !self.unsynced.iter().any(|(it, _)| *it == lease) {
            let is_new = self.given.insert(lease);
            assert!(is_new, "seed {seed}: {lease:?} was handed out before");
        }
        match self.durability {
            Durability::Process | Durability::Strict => self.rely_on(lease, held),
            Durability::Barrier => self.unsynced.push((lease, held)),
        }
        self.tally.offered += 1;
    }

    fn rely_on(&mut self, lease: Lease, held: Held) {
        let seed = self.seed;
        let mut others = self.held.keys();
        let other = others.find(|it| it.slot == lease.slot && **it != lease);
        assert!(other.is_none(), "seed {seed}: {lease:?} beside {other:?}");
        let relied = self.held.entry(lease).or_insert(held);
        relied.until = relied.until.max(held.until);
    }

    fn sync_records(&mut self) -> bool {
        if self.is_poisoned() {
            return false;
        }
        let synced = self.machine.sync(&[Kind::Records]);
        if self.machine.over.get().is_some() {
            return false;
        }
        let is_ok = poison::unless_ok(&self.machine, synced).is_ok();
        if is_ok {
            self.last_tick = self.tick();
        }
        is_ok
    }

    fn sync(&mut self) {
        if self.sync_records() {
            for (lease, held) in std::mem::take(&mut self.unsynced) {
                self.rely_on(lease, held);
            }
        } else {
            self.unsynced.clear();
        }
    }

    fn any_lease(&self) -> Option<Lease> {
        let known = self
            .held
            .keys()
            .chain(self.unsynced.iter().map(|(it, _)| it));
        let known: Vec<_> = known.copied().collect();
        let chosen = self.below(known.len().max(1) as u64) as usize;
        known.get(chosen).copied()
    }

    /// Returns the record of a lease, if it is held.
    fn word_of(&self, lease: Lease) -> Option<u64> {
        let word = self.record(lease.slot).load(Relaxed);
        let (state, _, generation) = parts(word);
        let epoch = self.fact(at::EPOCH).load(Relaxed);
        let is_same = (lease.epoch, lease.generation) == (epoch, generation);
        (is_same && matches!(state, OFFERED | LEASED)).then_some(word)
    }

    fn renew(&mut self) {
        let Some(lease) = self.any_lease() else {
            return;
        };
        if self.word_of(lease).is_none() || self.is_poisoned() {
            return;
        }
        self.record(lease.slot)
            .store(word(LEASED, NEVER, lease.generation), Relaxed);
        let waits = self.variant != Variant::NoConfirmAtRenew;
        self.answer(lease, Held { until: u64::MAX }, waits);
        self.tally.renewed += 1;
    }

    fn release(&mut self) {
        let Some(lease) = self.any_lease() else {
            return;
        };
        // A holder lets go whatever the answer is.
        self.held.remove(&lease);
        self.unsynced.retain(|(it, _)| *it != lease);
        if self.word_of(lease).is_some() {
            self.free(lease.slot, lease.generation);
            self.tally.released += 1;
        }
    }

    /// The record first, then the token; a process may die in between.
    fn free(&self, slot: Slot, generation: u64) {
        self.record(slot).store(word(FREE, 0, generation), Relaxed);
        self.machine.write_back(6);
        let (free, bit) = self.token(slot);
        free.fetch_or(bit, Relaxed);
    }

    fn sweep(&mut self) {
        for slot in Self::slots() {
            let (state, until, generation) = parts(self.record(slot).load(Relaxed));
            let is_due = matches!(state, OFFERED | LEASED) && until != NEVER;
            if is_due && until <= self.tick() {
                self.free(slot, generation);
                self.tally.ended += 1;
            }
        }
    }

    /// Reclaims with a list of all whose leases are held: they get new ones.
    fn reclaim(&mut self) {
        for slot in Self::slots() {
            let (state, _, generation) = parts(self.record(slot).load(Relaxed));
            let is_lost = state == LEASED && self.held.keys().any(|it| it.slot == slot);
            if !(state == QUARANTINED || is_lost) || self.is_poisoned() {
                continue;
            }
            let known = self
                .held
                .keys()
                .chain(self.unsynced.iter().map(|(it, _)| it));
            let Some(old) = known.copied().find(|lease| lease.slot == slot) else {
                self.free(slot, generation);
                continue;
            };
            if is_lost && self.word_of(old).is_some() {
                continue;
            }
            let floor = self.fact(at::FLOOR).load(Relaxed);
            let generation = match is_lost {
                true => generation,
                false => (generation + 1).max(floor),
            };
            if generation > self.limit && !self.raise_limit(generation) {
                return;
            }
            self.record(slot)
                .store(word(LEASED, NEVER, generation), Relaxed);
            let epoch = self.fact(at::EPOCH).load(Relaxed);
            let new = Lease {
                slot,
                epoch,
                generation,
            };
            // The user's row has the new lease once it is durable; until then it has the old one, which is stale.
            if self.durability == Durability::Process || self.sync_records() {
                self.held.remove(&old);
                self.unsynced.retain(|(it, _)| *it != old);
                assert!(self.given.insert(new), "seed {}: {new:?} again", self.seed);
                self.rely_on(new, Held { until: u64::MAX });
                self.tally.reclaimed += 1;
            }
        }
    }

    fn between_sessions(&mut self) {
        self.unsynced.clear();
        if self.machine.over.get().is_some() {
            let poison_then = self.machine.poison_then.get();
            poison::word(&self.machine).store(poison_then, Relaxed);
        }
        self.now += self.below(4);
        if self.machine.over.get() == Some(Accident::Cut) || self.below(6) == 0 {
            self.machine.cut();
            self.boot += 1;
            self.tally.cuts += 1;
            // Time goes on from the last tick that is on the disk.
            self.behind = self.now - self.last_tick.min(self.now);
        }
        if self.below(8) == 0
            && let Some(copy) = self.copy.take()
        {
            self.machine.load(&copy);
            *self.machine.disk.borrow_mut() = copy;
            self.inode += 1;
            self.tally.copies += 1;
        }
    }
}

fn seeds() -> u64 {
    let seeds = std::env::var("HOSTBITS_SEEDS").ok();
    seeds.map_or(500, |text| {
        text.parse().expect("HOSTBITS_SEEDS is a number")
    })
}

/// No lease is lost before its time, no address has two holders, and no lease is handed out twice.
#[test]
fn no_life_loses_a_lease_or_gives_it_twice() {
    let seeds = seeds();
    let mut tally = Tally::default();
    for seed in 1..=seeds {
        live(seed, Variant::AsBuilt, &mut tally);
    }
    println!("{seeds} lives: {tally:?}");
    let Tally {
        offered,
        renewed,
        released,
        ended,
        reclaimed,
        quarantined,
        exact,
        vouched,
        nothing,
        cuts,
        copies,
        raised_limits,
    } = tally;
    for count in [
        offered,
        renewed,
        released,
        ended,
        reclaimed,
        quarantined,
        exact,
        vouched,
        nothing,
        cuts,
        copies,
        raised_limits,
    ] {
        assert!(
            seeds < 500 || count >= seeds / 20,
            "something is hardly tried"
        );
    }
}

/// Each mistake in the protocol is noticed, within 1,700 lives. The number is the life with which the search begins, so that
/// it does not take minutes.
#[test]
fn every_mistake_is_noticed() {
    for (variant, first) in [
        (Variant::NoConfirmAtRenew, 1400),
        (Variant::NoConfirmAtTake, 1),
        (Variant::EpochNotRaised, 1),
        (Variant::EpochRaisedLate, 1650),
        (Variant::NoFloor, 1),
        (Variant::LimitNotDurable, 1150),
        (Variant::ClockAhead, 1),
    ] {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let noticed = (first..first + 20_000).find(|&seed| {
            let mut tally = Tally::default();
            let life = AssertUnwindSafe(|| live(seed, variant, &mut tally));
            catch_unwind(life).is_err()
        });
        std::panic::set_hook(hook);
        println!("{variant:?}: noticed in life {noticed:?}");
        assert!(noticed.is_some(), "{variant:?}");
    }
}

const _: () = assert!(RESERVED_GENERATIONS > 2);
