//! A thread that plays a program and records what it did.
//!
//! It releases only what it holds, because a release does not say whose address it is about. The exception is a part of
//! the pool that only this thread uses.

mod claim;
mod give_back;
mod local;

use crate::arena::{Arena, Pool4};
use crate::clock::{Clock, Stopwatch};
use crate::history::Log;
use crate::program::{Step, Verb};
use crate::{Addr, Stamp};
use hostbits::{Guard, GuardArc};
use ipnet::Ipv4Net;
use local::Reserve;

/// The longest slice for `allocate_into`, and the largest batch.
const LONGEST: usize = 96;

/// Something that a thread holds.
enum Held<'a> {
    Addr(Addr),
    Guard(Guard<'a, Ipv4Net>),
    GuardArc(GuardArc<Ipv4Net>),
    Block(Ipv4Net),
}

/// The rules of a game.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The number of addresses from which on a thread releases instead of claiming.
    pub at_most: usize,
    /// The largest batch.
    pub batch: usize,
    /// The indices of the thread's own part, if each thread has one.
    pub own: Option<(usize, usize)>,
    /// Whether the thread waits a little now and then.
    pub dawdles: bool,
}

/// A thread that plays.
pub struct Player<'a> {
    arena: &'a Arena,
    rules: Rules,
    watch: Stopwatch<'a>,
    log: Log,
    held: Vec<Held<'a>>,
    local: Option<Reserve<'a>>,
    /// The number of held addresses, including those of the local.
    held_count: usize,
}

impl<'a> Player<'a> {
    /// Creates a player that holds nothing.
    pub fn new(arena: &'a Arena, clock: &'a Clock, rules: Rules, steps: usize) -> Self {
        Self {
            arena,
            rules,
            watch: Stopwatch::new(clock),
            log: Log::with_room(steps, steps * 4),
            held: Vec::with_capacity(steps),
            local: None,
            held_count: 0,
        }
    }

    /// Plays a program, and returns what happened. What the player still holds stays allocated.
    pub fn play(mut self, program: &[Step]) -> Log {
        for &step in program {
            if self.rules.dawdles {
                dawdle(step.pause);
            }
            self.step(step);
        }
        self.drop_local();
        for held in self.held {
            let _still_allocated = match held {
                Held::Guard(guard) => guard.keep(),
                Held::GuardArc(guard) => guard.keep(),
                Held::Addr(_) | Held::Block(_) => continue,
            };
        }
        self.log
    }

    /// Allocates alone until nothing is free, and returns what happened.
    pub fn drain(mut self) -> Log {
        loop {
            let before = self.held.len();
            if self.arena.ground.count() <= 2 * LONGEST {
                self.any(0);
            } else {
                self.up_to(LONGEST);
            }
            if self.held.len() == before {
                return self.log;
            }
        }
    }

    fn step(&mut self, step: Step) {
        let releases = matches!(step.verb, Verb::Release | Verb::ReleaseMany);
        let neutral = matches!(step.verb, Verb::Reserved | Verb::ReleaseFree);
        if !releases && !neutral && self.held_count >= self.rules.at_most {
            return self.release(step);
        }
        if releases && self.held.is_empty() {
            return self.any_or_own(step);
        }
        match step.verb {
            Verb::Any => self.any(step.size),
            Verb::Exact => self.exact(step),
            Verb::Preferring => self.preferring(self.some_addr(step)),
            Verb::Many => self.many(self.some_count(step)),
            Verb::Into => self.up_to(self.some_count(step)),
            Verb::Block => self.some_block(step),
            Verb::In => self.within(self.some_part(step)),
            Verb::From => self.from(self.some_addr(step)),
            Verb::Local => self.local(),
            Verb::Release => self.release(step),
            Verb::ReleaseMany => self.release_many(step),
            Verb::Reserved => self.reserved(step),
            Verb::ReleaseFree => self.release_free(step),
        }
    }

    /// Returns an address, half of the time among the first few, where most collisions are wanted.
    fn some_addr(&self, step: Step) -> Addr {
        let addrs = self.arena.ground.addrs();
        let (first, last) = self.rules.own.unwrap_or((0, addrs.len() - 1));
        let own = &addrs[first..=last];
        let few = if step.size.is_multiple_of(2) {
            16
        } else {
            own.len()
        };
        pick(&own[..few.min(own.len())], step.pick)
    }

    fn some_count(&self, step: Step) -> usize {
        1 + step.size as usize % self.rules.batch.min(LONGEST)
    }

    /// Half of the time a certain one.
    fn some_block(&mut self, step: Step) {
        let prefix_len = pick(self.arena.prefix_lens, step.pick);
        let blocks = self.arena.ground.blocks(u32::from(32 - prefix_len));
        if step.size.is_multiple_of(2) || blocks.is_empty() {
            return self.block(prefix_len);
        }
        self.block_exact(pick(&blocks, step.size / 2), prefix_len);
    }

    fn some_part(&self, step: Step) -> (Addr, Addr) {
        match self.rules.own {
            None => pick(&self.arena.parts, step.pick),
            Some((first, last)) => {
                let addrs = self.arena.ground.addrs();
                (addrs[first], addrs[last])
            }
        }
    }

    fn any_or_own(&mut self, step: Step) {
        match self.rules.own {
            None => self.any(step.size),
            Some(_) => self.within(self.some_part(step)),
        }
    }

    #[inline]
    fn timed<R>(&mut self, call: impl FnOnce(&'a Pool4) -> R) -> (R, (Stamp, Stamp)) {
        let pool: &'a Pool4 = &self.arena.pool;
        let invoked = self.watch.invoke();
        let answer = call(pool);
        (answer, (invoked, self.watch.respond()))
    }
}

fn pick<T: Copy>(choices: &[T], pick: u32) -> T {
    choices[pick as usize % choices.len()]
}

fn dawdle(pause: u32) {
    match pause % 32 {
        0 => std::thread::yield_now(),
        spins @ 1..6 => (0..spins * 20).for_each(|_| std::hint::spin_loop()),
        _ => {}
    }
}
