//! Everything but the operator: the clock, the pool, the list, who holds what, and those who join and leave.
//!
//! Holders are written down here and not asked of the pool: an address is held from the return of an allocation
//! until a release is called.

use crate::books::in_state;
use crate::client::Client;
use crate::leaks::Leaks;
use crate::list::List;
use crate::random::Random;
use crate::rules::Rules;
use hostbits::{LocalArc, Policy, Pool, Snapshot, reconcile::Plan};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

pub(crate) type Addr = Ipv4Addr;
pub(crate) type Pool4 = Arc<Pool<Ipv4Net>>;

/// What a reader wants to see counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) schedules: u64,
    pub(crate) steps: u64,
    pub(crate) allocated: u64,
    pub(crate) restarts: u64,
    /// Starts with a file.
    pub(crate) files: u64,
    pub(crate) passes: u64,
    /// Dropped, or with a list that failed on the way.
    pub(crate) no_plan: u64,
    pub(crate) applied: u64,
    pub(crate) fuses: u64,
    pub(crate) superseded: u64,
    pub(crate) freed: u64,
    pub(crate) spared: u64,
    pub(crate) adopted: u64,
    pub(crate) taken_back: u64,
    pub(crate) leaked: u64,
    pub(crate) leaks_due: u64,
    /// Held addresses that a pass has freed, or the release of another holding has.
    pub(crate) lost: u64,
    /// Held addresses that were handed out again.
    pub(crate) doubled: u64,
    /// What plans and errors said of it.
    pub(crate) reported: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.schedules, other.schedules),
            (&mut self.steps, other.steps),
            (&mut self.allocated, other.allocated),
            (&mut self.restarts, other.restarts),
            (&mut self.files, other.files),
            (&mut self.passes, other.passes),
            (&mut self.no_plan, other.no_plan),
            (&mut self.applied, other.applied),
            (&mut self.fuses, other.fuses),
            (&mut self.superseded, other.superseded),
            (&mut self.freed, other.freed),
            (&mut self.spared, other.spared),
            (&mut self.adopted, other.adopted),
            (&mut self.taken_back, other.taken_back),
            (&mut self.leaked, other.leaked),
            (&mut self.leaks_due, other.leaks_due),
            (&mut self.lost, other.lost),
            (&mut self.doubled, other.doubled),
            (&mut self.reported, other.reported),
        ];
        for (mine, more) in pairs {
            *mine += more;
        }
    }
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) random: Random,
    pub(crate) rules: Rules,
    pub(crate) net: Ipv4Net,
    pub(crate) policy: Policy,
    pub(crate) list: List,
    pub(crate) clients: Vec<Client>,
    pub(crate) leaks: Leaks,
    pub(crate) next_owner: u32,
    pub(crate) uses_locals: bool,
    /// No client joins or leaves any more; what is half-way is finished.
    pub(crate) is_quiet: bool,
    pub(crate) counts: Counts,
    /// How many hold an address: one, unless the contract is broken.
    pub(crate) held: BTreeMap<Addr, u32>,
    /// Held addresses that are free in the pool, since the contract was broken.
    pub(crate) lost: BTreeSet<Addr>,
    /// Handed out since the latest pass began.
    pub(crate) in_flight: BTreeSet<Addr>,
    /// The first thing that must not be.
    pub(crate) fault: Option<String>,
    /// What the reconciler's clock has said last, and the pool at that moment.
    pub(crate) clock: u64,
    pub(crate) at_clock: Option<Snapshot<Ipv4Net>>,
    /// The pool when the pass that runs had put its barrier up.
    pub(crate) at_begin: Option<Snapshot<Ipv4Net>>,
    pool: Option<Pool4>,
    locals: Vec<LocalArc<Ipv4Net>>,
    /// There have been some since a pass began or ended.
    had_locals: bool,
}

/// The most locals at once; more are not needed.
const LOCALS: usize = 2;

impl World {
    pub(crate) fn new(seed: u64, rules: Rules) -> Self {
        let mut random = Random::new(seed);
        let prefix_len = [29, 28, 27, 26, 25][random.below(5) as usize];
        let policies = [
            Policy::Lowest,
            Policy::Highest,
            Policy::Next,
            Policy::Spread,
            Policy::Random(seed),
        ];
        let policy = policies[random.below(5) as usize];
        let clients = 1 + random.below(if prefix_len < 28 { 12 } else { 5 });
        let uses_locals = prefix_len < 28 && !rules.is_broken() && random.one_in(3);
        let mut world = Self {
            now: 1_000_000_000,
            rules,
            net: Ipv4Net::new(Addr::new(10, 0, 0, 0), prefix_len).expect("a network"),
            policy,
            list: List::default(),
            clients: Vec::new(),
            leaks: Leaks::default(),
            next_owner: 0,
            uses_locals,
            is_quiet: false,
            counts: Counts::default(),
            held: BTreeMap::new(),
            lost: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            fault: None,
            clock: 0,
            at_clock: None,
            at_begin: None,
            pool: None,
            locals: Vec::new(),
            had_locals: false,
            random,
        };
        for _ in 0..clients {
            let due = world.now + world.random.below(world.rules.grace / 2);
            world.clients.push(Client::new(due));
        }
        world.counts.schedules = 1;
        world
    }

    pub(crate) fn pool(&self) -> Pool4 {
        Arc::clone(self.pool.as_ref().expect("a pool"))
    }

    pub(crate) fn set_pool(&mut self, pool: Pool4) {
        self.pool = Some(pool);
    }

    /// No client has a share of it any more.
    pub(crate) fn drop_pool(&mut self) {
        self.locals.clear();
        self.pool = None;
    }

    /// With another pool, or another handle of its file.
    pub(crate) fn begins_again(&mut self, pool: Pool4, is_seeded: bool) {
        if is_seeded {
            self.leaks = Leaks::default();
        }
        self.lost.clear();
        for addr in pool.iter() {
            if !self.held.contains_key(&addr) && !self.leaks.has(addr) {
                self.leaked(addr);
            }
        }
        self.set_pool(pool);
        self.check();
    }

    pub(crate) fn drop_locals(&mut self) {
        self.locals.clear();
    }

    pub(crate) fn blame(&mut self, what: impl Into<String>) {
        let now = self.now;
        self.fault
            .get_or_insert_with(|| format!("at {now}: {}", what.into()));
    }

    /// Lets time pass, and those who are due do what they do.
    pub(crate) fn advance(&mut self, millis: u64) {
        let until = self.now + millis;
        while let Some(index) = self.next_due(until) {
            self.step(index);
            self.change_locals();
        }
        self.now = until;
    }

    fn next_due(&self, until: u64) -> Option<usize> {
        let due = |index: &usize| self.clients[*index].due;
        let next = (0..self.clients.len()).min_by_key(due)?;
        (due(&next) <= until).then_some(next)
    }

    /// A moment in the middle of a call of the operator.
    pub(crate) fn in_the_middle(&mut self) {
        if self.random.one_in(2) {
            let longest = self.rules.grace / 3;
            let millis = self.random.below(longest);
            self.advance(millis);
        }
    }

    pub(crate) fn in_the_middle_of_a_page(&mut self) {
        if self.random.one_in(4) {
            let longest = self.rules.longest_pause;
            let millis = self.random.below(longest);
            self.advance(millis);
        }
    }

    /// Mostly as long as it may be: that is where it hurts.
    pub(crate) fn gap(&mut self, longest: u64) -> u64 {
        match self.random.below(4) {
            0 => self.random.below(longest / 16 + 1),
            1 => self.random.below(longest + 1),
            _ => longest - self.random.below(longest / 4 + 1),
        }
    }

    pub(crate) fn random_addr(&mut self) -> Addr {
        let hosts = self.net.network().to_bits();
        let count = u64::from(self.net.broadcast().to_bits() - hosts) + 1;
        Addr::from_bits(hosts + self.random.below(count) as u32)
    }

    /// Neither the network, nor the gateway, nor the broadcast address, nor beyond.
    pub(crate) fn is_usable(&self, addr: Addr) -> bool {
        let (first, last) = (self.net.network().to_bits(), self.net.broadcast().to_bits());
        (first + 2..last).contains(&addr.to_bits())
    }

    pub(crate) fn last_addr(&self) -> Addr {
        self.net.broadcast()
    }

    fn change_locals(&mut self) {
        if self.random.one_in(8) && !self.locals.is_empty() {
            let index = self.random.below(self.locals.len() as u64) as usize;
            self.locals.swap_remove(index);
        }
    }

    pub(crate) fn allocate_local(&mut self) -> Option<Addr> {
        if self.locals.len() < LOCALS && self.random.one_in(3) || self.locals.is_empty() {
            let local = self.pool().local_arc();
            self.locals.push(local);
            self.had_locals = true;
        }
        self.some_local()?.allocate().ok()
    }

    /// One of the locals, now and then.
    pub(crate) fn some_local(&mut self) -> Option<&mut LocalArc<Ipv4Net>> {
        if self.locals.is_empty() {
            return None;
        }
        let index = self.random.below(self.locals.len() as u64) as usize;
        self.locals.get_mut(index)
    }

    fn in_locals(&self) -> u64 {
        self.locals
            .iter()
            .map(|local| u64::from(local.reserved()))
            .sum()
    }

    // The books.

    pub(crate) fn begins_pass(&mut self) {
        self.counts.passes += 1;
        self.in_flight.clear();
        self.disturb_by_locals();
        self.leaks.begin();
    }

    pub(crate) fn has_begun_pass(&mut self) {
        self.at_begin = self.at_clock.take();
        self.check();
    }

    pub(crate) fn has_pass_finished(&mut self, plan: &Plan, listed: &BTreeSet<Addr>) {
        self.disturb_by_locals();
        let told = self.rules.told;
        self.leaks
            .finish(plan.began_ms, plan.finished_ms, told, listed);
        let entries = &plan.entries;
        self.counts.reported += entries.missing
            + entries.conflict_taken
            + entries.duplicate
            + entries.reserved_in_use
            + entries.unparseable;
    }

    /// A leak in a word of a local is found when that has moved on: which words those are is not known here.
    fn disturb_by_locals(&mut self) {
        let has_locals = !self.locals.is_empty();
        if std::mem::replace(&mut self.had_locals, has_locals) || has_locals {
            self.leaks.disturb_all();
        }
    }

    /// Undoing looks at each address of the plan that was ripe, and marks it.
    pub(crate) fn disturb_ripe(&mut self, plan: &Plan) {
        for addr in in_state(plan, "ripe") {
            self.leaks.disturb(addr);
        }
    }

    /// An allocation has returned it.
    pub(crate) fn takes(&mut self, addr: Addr) {
        self.counts.allocated += 1;
        self.in_flight.insert(addr);
        if self.held.contains_key(&addr) {
            self.counts.doubled += 1;
            if !self.lost.remove(&addr) {
                self.blame(format!("{addr} was handed out while it is held"));
            }
        }
        if self.leaks.remove(addr) {
            self.blame(format!("{addr} was handed out while it is taken by nobody"));
        }
        *self.held.entry(addr).or_default() += 1;
    }

    /// Its holder is about to release it, or dies.
    pub(crate) fn gives(&mut self, addr: Addr) {
        match self.held.get_mut(&addr) {
            Some(holders) if *holders > 1 => *holders -= 1,
            _ => {
                self.held.remove(&addr);
            }
        }
    }

    pub(crate) fn leaked(&mut self, addr: Addr) {
        // Held by another client, or free in the pool: no leak.
        if !self.held.contains_key(&addr) && !self.lost.remove(&addr) {
            self.counts.leaked += 1;
            self.leaks.add(addr);
        }
    }

    /// Notes the refusals of a releaser that broke the contract.
    pub(crate) fn releaser_was_told(&mut self, refused: u64) {
        self.counts.reported += refused;
        if !self.rules.is_broken() {
            self.blame("a holder's release was refused");
        }
    }

    /// What others held there is free now.
    pub(crate) fn after_release(&mut self, addrs: &[Addr]) {
        for &addr in addrs {
            if self.held.contains_key(&addr) {
                self.loses(addr, "a release");
            } else {
                self.lost.remove(&addr);
                self.leaks.remove(addr);
            }
        }
    }

    /// A held address has become free.
    pub(crate) fn loses(&mut self, addr: Addr, by: &str) {
        if self.lost.insert(addr) {
            self.counts.lost += 1;
        }
        if !self.rules.is_broken() {
            self.blame(format!("{by} has freed {addr}, which is held"));
        }
    }

    /// Pool and books agree: what is held or leaked is taken, and nothing else is.
    pub(crate) fn check(&mut self) {
        let pool = self.pool();
        let held: Vec<_> = self.held.keys().copied().collect();
        for addr in held {
            if !self.lost.contains(&addr) && pool.is_available(addr) {
                self.loses(addr, "somebody");
            }
        }
        let known = (self.held.len() - self.lost.len() + self.leaks.len()) as u64;
        let (taken, reserved) = (pool.allocated(), self.in_locals());
        if taken != known + reserved {
            self.blame(format!(
                "{taken} are taken, {} held, {} leaked and {reserved} in locals",
                self.held.len() - self.lost.len(),
                self.leaks.len(),
            ));
        }
    }
}
