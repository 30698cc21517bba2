//! A worker, which allocates and releases, by every verb, until it is killed, stopped, forked or asked to end.

use crate::board::{Board, MAIN_ROW, Mistake, Number, OfCell, OfRow, Verb, now, phase, place};
use crate::storm::Dice;
use crate::{board::Kind, fork, slow};
use hostbits::{Client, Pool, PoolSet, file::OpenError, set};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// The three pools, open, and the set of them.
pub(crate) struct Pools {
    pub(crate) members: Vec<Arc<Pool<Ipv4Net>>>,
    pub(crate) set: Arc<PoolSet<Ipv4Net>>,
}

impl Pools {
    pub(crate) fn open(board: &Board) -> Result<Self, OpenError> {
        let mut members = Vec::new();
        for (member, net) in board.kind().networks().iter().enumerate() {
            let builder = Pool::builder(net.parse::<Ipv4Net>().unwrap());
            let builder = builder.in_file().lock_timeout(PATIENCE);
            members.push(Arc::new(builder.open(board.pool(member))?));
        }
        let set = Arc::new(PoolSet::new(members.iter().cloned()).unwrap());
        Ok(Self { members, set })
    }

    pub(crate) fn member_of(&self, addr: Ipv4Addr) -> &Arc<Pool<Ipv4Net>> {
        let has = |pool: &&Arc<Pool<Ipv4Net>>| pool.slot_of(addr).is_some();
        self.members.iter().find(has).unwrap()
    }
}

/// No process is ever stopped for so long: an opening that gives up is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a thread holds.
pub(crate) enum Held {
    Addr(Ipv4Addr),
    Block(Ipv4Net),
    Guard(set::GuardArc<Ipv4Net>),
}

impl Held {
    fn addrs(&self) -> Vec<Ipv4Addr> {
        match self {
            Self::Addr(addr) => vec![*addr],
            Self::Block(block) => addrs_of(*block).collect(),
            Self::Guard(guard) => vec![guard.addr()],
        }
    }
}

fn addrs_of(block: Ipv4Net) -> impl Iterator<Item = Ipv4Addr> {
    (block.network().to_bits()..=block.broadcast().to_bits()).map(Ipv4Addr::from_bits)
}

/// The most that a thread holds.
const MOST_HELD: usize = 48;

/// One thread of one process, and what it holds.
pub(crate) struct Actor {
    pub(crate) board: &'static Board,
    pub(crate) cell: usize,
    pub(crate) row: usize,
    pub(crate) holder: u64,
    pub(crate) dice: Dice,
    pub(crate) held: Vec<Held>,
    /// How many addresses that is.
    pub(crate) count: usize,
    pub(crate) is_fork: bool,
}

/// Why nothing was allocated.
type Code = &'static str;

impl Actor {
    pub(crate) fn new(board: &'static Board, cell: usize, row: usize) -> Self {
        let serial = board.cell(cell, OfCell::Serial).load(SeqCst);
        let gap = board.row(cell, row, OfRow::Gap);
        // Unlike the gaps of all other processes: one that waits for a gap to end does not take another for it.
        gap.store(serial << 32, SeqCst);
        let seed = board.get(Number::Seed) ^ (serial << 8 | row as u64);
        Self {
            board,
            cell,
            row,
            holder: serial << 8 | (row as u64 + 1),
            dice: Dice::new(seed as usize),
            held: Vec::new(),
            count: 0,
            is_fork: false,
        }
    }

    pub(crate) fn word(&self, word: OfRow) -> &std::sync::atomic::AtomicU64 {
        self.board.row(self.cell, self.row, word)
    }

    /// Makes a call, and sees that it does not take too long. A call that has `plenty` to take from, and succeeds,
    /// has not waited for another process that was stopped.
    pub(crate) fn call<T, E>(
        &self,
        verb: Verb,
        plenty: bool,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let stopped = || self.board.cell(self.cell, OfCell::Stopped).load(SeqCst);
        let anybody = || self.board.get(Number::AnybodyStopped);
        let disk = || self.board.get(Number::DiskStalled);
        let (stopped_then, anybody_then, disk_then) = (stopped(), anybody(), disk());
        self.word(OfRow::DiskThen).store(disk_then, SeqCst);
        self.word(OfRow::StoppedThen).store(stopped_then, SeqCst);
        self.word(OfRow::AnybodyThen).store(anybody_then, SeqCst);
        self.word(OfRow::Verb).store(verb as u64, SeqCst);
        let began = now();
        self.word(OfRow::Began).store(began, SeqCst);
        let outcome = act();
        let took = now() - began;
        self.word(OfRow::Began).store(0, SeqCst);
        let excused = if plenty && outcome.is_ok() {
            stopped() - stopped_then
        } else {
            anybody() - anybody_then
        };
        let waited = took.saturating_sub(excused + disk() - disk_then);
        let longest = match outcome {
            Ok(_) => Number::LongestNs,
            Err(_) => Number::LongestRefusalNs,
        };
        self.board.number(longest).fetch_max(waited, SeqCst);
        self.board.add(Number::Calls, 1);
        if outcome.is_err() {
            self.board.add(Number::Refused, 1);
        }
        if waited > self.board.bound().as_nanos() as u64 {
            let end = if outcome.is_ok() {
                "was done"
            } else {
                "was refused"
            };
            self.board.wrong(&format!(
                "waited: process {} row {}: {verb:?} {end} after {} ms, {} ms of which count",
                self.holder >> 8,
                self.row,
                took / 1_000_000,
                waited / 1_000_000,
            ));
        }
        outcome
    }

    /// Is half-way between pool and ledger, with so many addresses at stake.
    pub(crate) fn half_way<T>(&mut self, stake: usize, act: impl FnOnce(&mut Self) -> T) -> T {
        self.word(OfRow::Stake).store(stake as u64, SeqCst);
        self.word(OfRow::Gap).fetch_add(1, SeqCst);
        let done = act(self);
        self.word(OfRow::Gap).fetch_add(1, SeqCst);
        self.word(OfRow::Stake).store(0, SeqCst);
        done
    }

    fn take(&self, addr: Ipv4Addr) {
        if let Err(other) = self.board.ledger.take(self.place(addr), self.holder) {
            let (me, other) = (self.holder, self.board.report_of_holder(other));
            let me = self.board.report_of_holder(me);
            self.board.wrong(&format!(
                "doubled: {addr} was given to {me}, and {other} holds it"
            ));
        }
    }

    fn give(&self, addr: Ipv4Addr) {
        if let Err(other) = self.board.ledger.give(self.place(addr), self.holder) {
            let other = self.board.report_of_holder(other);
            let me = self.board.report_of_holder(self.holder);
            self.board
                .wrong(&format!("doubled: {addr} of {me} has come to {other}"));
        }
    }

    fn place(&self, addr: Ipv4Addr) -> u32 {
        place(self.board.kind(), addr)
    }

    /// Allocates by `act`, and writes down what it gave.
    pub(crate) fn join(
        &mut self,
        verb: Verb,
        stake: usize,
        plenty: bool,
        act: impl FnOnce() -> Result<Vec<Held>, Code>,
    ) {
        let outcome = self.half_way(stake, |me| {
            let outcome = me.call(verb, plenty, act);
            for held in outcome.iter().flatten() {
                held.addrs().into_iter().for_each(|addr| me.take(addr));
            }
            outcome
        });
        match outcome {
            Ok(held) => {
                self.count += held.iter().map(|held| held.addrs().len()).sum::<usize>();
                self.held.extend(held);
            }
            Err("exhausted" | "already-allocated" | "reserved") => {}
            Err("forked") if self.is_fork => self.board.add(Number::Forked, 1),
            Err(code) => self.board.wrong(&format!(
                "refused: {} was told {code} by {verb:?}",
                self.board.report_of_holder(self.holder)
            )),
        }
    }

    /// Takes addresses off the ledger and releases them by `act`, which returns whether all of them
    /// were there to be released.
    pub(crate) fn leave(&mut self, verb: Verb, addrs: &[Ipv4Addr], act: impl FnOnce() -> bool) {
        self.count -= addrs.len();
        let (early, forgets) = (Mistake::ReleasesEarly, Mistake::Forgets);
        let forgets = self.board.has_mistake(forgets) && self.dice.below(40) == 0;
        let early = self.board.has_mistake(early);
        let all = self.half_way(addrs.len(), |me| {
            let release = |me: &Self| me.call(verb, false, || Ok::<_, Code>(act())) == Ok(true);
            if early {
                let all = release(me);
                addrs.iter().for_each(|&addr| me.give(addr));
                return all;
            }
            addrs.iter().for_each(|&addr| me.give(addr));
            forgets || release(me)
        });
        if !all {
            let me = self.board.report_of_holder(self.holder);
            self.board.wrong(&format!(
                "freed: {verb:?} of {addrs:?}, held by {me}, found them free"
            ));
        }
    }

    /// One call, whichever.
    pub(crate) fn act(&mut self, pools: &Pools) {
        if self.count < MOST_HELD && self.dice.below(2) == 0 {
            self.join_somehow(pools);
        } else if !self.held.is_empty() {
            self.leave_somehow(pools);
        }
        match self.dice.below(32) {
            0 => std::thread::sleep(Duration::from_micros(200)),
            1 => std::thread::yield_now(),
            _ => {}
        }
    }

    fn join_somehow(&mut self, pools: &Pools) {
        let member = self.dice.below(3);
        let pool = Arc::clone(&pools.members[member]);
        // The last pool of a crowd never has less than it is asked for.
        let plenty = member == 2 && self.board.kind() == Kind::Crowd;
        let set = Arc::clone(&pools.set);
        let is_of_set = self.dice.below(3) == 0;
        let plenty = plenty && !is_of_set;
        let (hash, size) = (self.dice.below(1 << 30), self.dice.below(24) + 1);
        let wanted = self.some_addr(&pool);
        let one = |addr: Ipv4Addr| vec![Held::Addr(addr)];
        let many = |addrs: Vec<Ipv4Addr>| addrs.into_iter().map(Held::Addr).collect::<Vec<_>>();
        match self.dice.below(13) {
            0 | 1 => self.join(Verb::Allocate, 1, plenty, || {
                let given = if is_of_set {
                    set.allocate()
                } else {
                    pool.allocate()
                };
                given.map(one).map_err(|error| error.code())
            }),
            2 => self.join(Verb::Exact, 1, plenty, || {
                let given = if is_of_set {
                    set.allocate_exact(wanted)
                } else {
                    pool.allocate_exact(wanted)
                };
                given.map(|()| one(wanted)).map_err(|error| error.code())
            }),
            3 => self.join(Verb::Preferring, 1, plenty, || {
                let given = if is_of_set {
                    set.allocate_preferring(wanted)
                } else {
                    pool.allocate_preferring(wanted)
                };
                given.map(one).map_err(|error| error.code())
            }),
            4 => self.join(Verb::In, 1, false, || {
                let last = Ipv4Addr::from_bits(wanted.to_bits() + size as u32);
                let given = pool.allocate_in(wanted..=last);
                given.map(one).map_err(|error| error.code())
            }),
            5 => self.join(Verb::For, 1, plenty, || {
                let client = Client::from_hash((hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let given = if is_of_set {
                    set.allocate_for(client)
                } else {
                    pool.allocate_for(client)
                };
                given.map(one).map_err(|error| error.code())
            }),
            6 | 7 => {
                let is_fork = self.is_fork;
                self.join(Verb::Many, size, plenty, || {
                    let given = if is_of_set {
                        set.allocate_many(size)
                    } else {
                        pool.allocate_many(size)
                    };
                    refuses_a_fork(
                        is_fork,
                        is_of_set,
                        given.map(many).map_err(|error| error.code()),
                    )
                });
            }
            8 => self.join(Verb::Into, size, plenty, || {
                let mut addrs = vec![Ipv4Addr::UNSPECIFIED; size];
                let given = if is_of_set {
                    set.allocate_into(&mut addrs)
                } else {
                    pool.allocate_into(&mut addrs)
                };
                addrs.truncate(given);
                Ok(many(addrs))
            }),
            9 | 10 => {
                let prefix_len = 31 - self.dice.below(7).saturating_sub(1) as u8;
                let is_fork = self.is_fork;
                self.join(Verb::Block, 1 << (32 - prefix_len), plenty, || {
                    let given = if is_of_set {
                        set.allocate_block(prefix_len)
                    } else {
                        pool.allocate_block(prefix_len)
                    };
                    let given = given.map(|block| vec![Held::Block(block)]);
                    refuses_a_fork(is_fork, is_of_set, given.map_err(|error| error.code()))
                });
            }
            11 => self.join(Verb::Guard, 1, false, || {
                let given = set.guard_arc();
                let held = given.map(|guard| vec![Held::Guard(guard)]);
                held.map_err(|error| error.code())
            }),
            _ => self.join(Verb::Local, 1, plenty, || {
                let given = pool.local().allocate();
                given.map(one).map_err(|error| error.code())
            }),
        }
        if self.dice.below(64) == 0 {
            self.sync(&pool);
        }
    }

    fn sync(&mut self, pool: &Pool<Ipv4Net>) {
        let synced = self.call(Verb::Sync, false, || pool.sync());
        let is_right = match synced {
            Ok(()) => !self.is_fork,
            Err(ref error) => self.is_fork && error.code() == "forked",
        };
        if !is_right {
            self.board
                .wrong(&format!("refused: a sync answered {synced:?}"));
        }
    }

    /// An address that is likely to be taken or free.
    fn some_addr(&mut self, pool: &Pool<Ipv4Net>) -> Ipv4Addr {
        let slots = pool.info().slots.min(900) as usize;
        pool.addr_of(self.dice.below(slots) as u32).unwrap()
    }

    fn leave_somehow(&mut self, pools: &Pools) {
        if self.board.has_mistake(Mistake::Steals) && self.dice.below(200) == 0 {
            let stolen = self.some_addr(&pools.members[0]);
            let _ = pools.members[0].release(stolen);
        }
        if self.board.has_mistake(Mistake::Hangs) && self.dice.below(200) == 0 {
            let _ = self.call(Verb::Allocate, false, || -> Result<(), ()> {
                loop {
                    std::thread::sleep(Duration::from_secs(1));
                }
            });
        }
        let at = self.dice.below(self.held.len());
        let kind = self.dice.below(4);
        match self.held.swap_remove(at) {
            Held::Guard(guard) => {
                let addr = guard.addr();
                self.leave(Verb::DropGuard, &[addr], || {
                    drop(guard);
                    true
                });
            }
            Held::Block(block) => self.leave_block(pools, block, kind),
            Held::Addr(addr) => self.leave_addr(pools, addr, kind),
        }
    }

    fn leave_block(&mut self, pools: &Pools, block: Ipv4Net, kind: usize) {
        let addrs: Vec<_> = addrs_of(block).collect();
        let pool = Arc::clone(pools.member_of(addrs[0]));
        match kind {
            0 => self.leave(Verb::ReleaseMany, &addrs, || {
                pool.release_many(&addrs).released == addrs.len() as u64
            }),
            1 => self.leave(Verb::ReleaseBlock, &addrs, || {
                pools.set.release_block(block).is_ok()
            }),
            _ => self.leave(Verb::ReleaseBlock, &addrs, || {
                pool.release_block(block).is_ok()
            }),
        }
    }

    fn leave_addr(&mut self, pools: &Pools, addr: Ipv4Addr, kind: usize) {
        let pool = Arc::clone(pools.member_of(addr));
        match kind {
            0 => {
                let mut addrs = vec![addr];
                self.held.retain(|held| match held {
                    Held::Addr(other) if addrs.len() < 12 && pool.slot_of(*other).is_some() => {
                        addrs.push(*other);
                        false
                    }
                    _ => true,
                });
                self.leave(Verb::ReleaseMany, &addrs, || {
                    pool.release_many(&addrs).released == addrs.len() as u64
                });
            }
            1 => self.leave(Verb::Local, &[addr], || pool.local().release(addr).is_ok()),
            2 => self.leave(Verb::Release, &[addr], || pools.set.release(addr).is_ok()),
            _ => self.leave(Verb::Release, &[addr], || pool.release(addr).is_ok()),
        }
    }

    pub(crate) fn leave_everything(&mut self, pools: &Pools) {
        while !self.held.is_empty() {
            self.leave_somehow(pools);
        }
    }

    /// Goes on when all may go on, and returns whether to go on at all.
    pub(crate) fn may_go_on(&self) -> bool {
        match self.board.get(Number::Phase) {
            phase::RUN => true,
            phase::PARK => {
                leave_work(self.board, self.cell);
                enter_work(self.board, self.cell);
                self.board.get(Number::Phase) != phase::END
            }
            _ => false,
        }
    }
}

/// A fork must be refused what would be done in its parent's name. A set all of whose members are full says so.
fn refuses_a_fork<T>(is_fork: bool, is_of_set: bool, outcome: Result<T, Code>) -> Result<T, Code> {
    match outcome {
        Err("forked") => Err("forked"),
        Err("exhausted") if is_of_set => Err("exhausted"),
        Err(_) if is_fork => Err("something else than that it is a fork"),
        Ok(_) if is_fork => Err("that a fork may have a batch"),
        outcome => outcome,
    }
}

/// Begins to work: not while all are to wait.
pub(crate) fn enter_work(board: &Board, cell: usize) {
    let working = board.cell(cell, OfCell::Working);
    loop {
        while board.get(Number::Phase) == phase::PARK {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Before the second look: the process that parks all others looks at this after it has set the phase.
        working.fetch_add(1, SeqCst);
        if board.get(Number::Phase) != phase::PARK {
            return;
        }
        working.fetch_sub(1, SeqCst);
    }
}

pub(crate) fn leave_work(board: &Board, cell: usize) {
    board.cell(cell, OfCell::Working).fetch_sub(1, SeqCst);
}

/// Opens the pools.
pub(crate) fn open(main: &Actor) -> Pools {
    match main.call(Verb::Open, false, || Pools::open(main.board)) {
        Ok(pools) => {
            main.board.add(Number::Openings, 1);
            pools
        }
        Err(error) => {
            main.board.wrong(&format!("opening: {error}"));
            std::process::exit(1);
        }
    }
}

/// A process of some threads, which now and then closes the pools and opens them again.
pub(crate) fn work(board: &'static Board, cell: usize, threads: usize) {
    let mut main = Actor::new(board, cell, MAIN_ROW);
    let mut actors: Vec<_> = (0..threads)
        .map(|row| Actor::new(board, cell, row))
        .collect();
    enter_work(board, cell);
    for sitting in 0.. {
        let pools = open(&main);
        let calls = match main.dice.below(4) {
            0 => main.dice.below(60),
            _ => main.dice.below(20_000),
        };
        // A worker that is asked to end in the middle of a sitting has one more, to release what it holds.
        let is_last = sitting > 6 || board.get(Number::Phase) == phase::END;
        sit(&mut main, &mut actors, &pools, calls, is_last);
        // Guards have a share of the pools.
        let guards = actors
            .iter_mut()
            .any(|actor| actor.held.iter().any(|held| matches!(held, Held::Guard(_))));
        if guards {
            actors.iter_mut().for_each(|actor| actor.keep_guards());
        }
        let _ = main.call(Verb::Close, false, || {
            drop(pools);
            Ok::<_, ()>(())
        });
        if is_last {
            break;
        }
    }
    leave_work(board, cell);
    board.cell(cell, OfCell::HasEnded).store(1, SeqCst);
}

impl Actor {
    /// Makes plain addresses of guards.
    fn keep_guards(&mut self) {
        for held in &mut self.held {
            if let Held::Guard(guard) = held {
                let addr = guard.addr();
                if let Held::Guard(guard) = std::mem::replace(held, Held::Addr(addr)) {
                    let _ = guard.keep();
                }
            }
        }
    }
}

/// Has each thread make so many calls; the first one beside them forks when it is asked to.
fn sit(main: &mut Actor, actors: &mut [Actor], pools: &Pools, calls: usize, is_last: bool) {
    let left = AtomicUsize::new(actors.len());
    std::thread::scope(|scope| {
        for actor in actors.iter_mut() {
            let left = &left;
            scope.spawn(move || {
                enter_work(actor.board, actor.cell);
                slow::here(actor);
                let mut done = 0;
                while done < calls && actor.may_go_on() {
                    actor.act(pools);
                    done += 1;
                }
                if is_last || !actor.may_go_on() {
                    actor.leave_everything(pools);
                }
                leave_work(actor.board, actor.cell);
                left.fetch_sub(1, SeqCst);
            });
        }
        while left.load(SeqCst) != 0 {
            fork::if_asked(main, pools);
            main.may_go_on();
            std::thread::sleep(Duration::from_micros(500));
        }
    });
}

/// Slots of the blocks that are taken and released all the time where refusals are to be in time.
pub(crate) const LARGE: u8 = 14;

/// Takes large blocks and gives them back, as fast as it can.
pub(crate) fn take_blocks(board: &'static Board, cell: usize, threads: usize) {
    let main = Actor::new(board, cell, MAIN_ROW);
    let mut actors: Vec<_> = (0..threads)
        .map(|row| Actor::new(board, cell, row))
        .collect();
    enter_work(board, cell);
    let pools = open(&main);
    leave_work(board, cell);
    std::thread::scope(|scope| {
        for actor in &mut actors {
            let pool = &pools.members[2];
            scope.spawn(move || {
                enter_work(actor.board, actor.cell);
                while actor.may_go_on() {
                    actor.take_block(pool);
                }
                leave_work(actor.board, actor.cell);
            });
        }
    });
    enter_work(board, cell);
    drop(pools);
    leave_work(board, cell);
    board.cell(cell, OfCell::HasEnded).store(1, SeqCst);
}

impl Actor {
    fn take_block(&mut self, pool: &Pool<Ipv4Net>) {
        self.half_way(1 << LARGE, |me| {
            let given = me.call(Verb::Block, false, || pool.allocate_block(32 - LARGE));
            let Ok(block) = given else {
                return;
            };
            // All blocks are of one size: the first address stands for all of it.
            me.take(block.network());
            me.give(block.network());
            let released = me.call(Verb::ReleaseBlock, false, || pool.release_block(block));
            if let Err(error) = released {
                me.board.wrong(&format!("freed: a block: {error}"));
            }
        });
    }
}

/// Asks for what it holds itself: it must be refused, and soon.
pub(crate) fn be_refused(board: &'static Board, cell: usize) {
    let mut main = Actor::new(board, cell, MAIN_ROW);
    enter_work(board, cell);
    let pools = open(&main);
    let pool = &pools.members[2];
    let first = pool.addr_of(2).unwrap();
    let last = Ipv4Addr::from_bits(first.to_bits() + 1000);
    main.join(Verb::In, 1, false, || {
        let given = pool.allocate_in(first..=last);
        given
            .map(|addr| vec![Held::Addr(addr)])
            .map_err(|error| error.code())
    });
    while main.may_go_on() {
        let Some(Held::Addr(own)) = main.held.first() else {
            board.wrong("refused: a pool with room had nothing");
            break;
        };
        let own = *own;
        let is_given = match main.dice.below(2) {
            0 => main
                .call(Verb::Exact, false, || pool.allocate_exact(own))
                .is_ok(),
            _ => main
                .call(Verb::In, false, || pool.allocate_in(own..=own))
                .is_ok(),
        };
        if is_given {
            board.wrong(&format!("doubled: {own} was given to its holder"));
        }
    }
    main.leave_everything(&pools);
    drop(pools);
    leave_work(board, cell);
    board.cell(cell, OfCell::HasEnded).store(1, SeqCst);
}
