//! The driver, which begins the processes, does them harm at random, and watches.

use crate::board::{
    Board, CELLS, Kind, MAIN_ROW, Mistake, Number, OfCell, OfRow, ROWS, Slots, Verb, now, phase,
};
use crate::children::spawn;
use crate::disk::Probe;
use crate::passes;
use crate::scratch::{PAGE, Scratch, is_lane_held, read};
use crate::storm::Dice;
use crate::worker::Pools;
use crate::{fork, worker};
use hostbits::{Durability, Pool};
use ipnet::Ipv4Net;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

/// One storm: over one set of files, until so many faults were done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) durability: Durability,
    pub(crate) faults: u64,
    pub(crate) seed: u64,
    pub(crate) in_memory: bool,
    pub(crate) mistake: Mistake,
    pub(crate) bound: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Role {
    Worker,
    Blocks,
    Refused,
    Reconciler,
    Fork,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Blocks => "blocks",
            Self::Refused => "refused",
            Self::Reconciler => "reconciler",
            Self::Fork => "fork",
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    pub(crate) long_stops: u64,
    pub(crate) forks: u64,
    /// Ends of forks, and ends of those whose fork lives on.
    pub(crate) ends_of_forks: u64,
    pub(crate) orphaned: u64,
    pub(crate) most_processes: u64,
    pub(crate) stocks: u64,
    pub(crate) leaked: u64,
    pub(crate) calls: u64,
    pub(crate) refused: u64,
    pub(crate) forked: u64,
    pub(crate) openings: u64,
    pub(crate) passes: u64,
    pub(crate) freed: u64,
    pub(crate) slow_syncs: u64,
    pub(crate) disk_stalled_ms: u64,
    pub(crate) longest_ms: u64,
    pub(crate) longest_refusal_ms: u64,
}

impl Tally {
    pub(crate) fn faults(&self) -> u64 {
        self.kills + self.stops + self.long_stops + self.forks + self.ends_of_forks + self.orphaned
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.stops += other.stops;
        self.long_stops += other.long_stops;
        self.forks += other.forks;
        self.ends_of_forks += other.ends_of_forks;
        self.orphaned += other.orphaned;
        self.most_processes = self.most_processes.max(other.most_processes);
        self.stocks += other.stocks;
        self.leaked += other.leaked;
        self.calls += other.calls;
        self.refused += other.refused;
        self.forked += other.forked;
        self.openings += other.openings;
        self.passes += other.passes;
        self.freed += other.freed;
        self.slow_syncs += other.slow_syncs;
        self.disk_stalled_ms += other.disk_stalled_ms;
        self.longest_ms = self.longest_ms.max(other.longest_ms);
        self.longest_refusal_ms = self.longest_refusal_ms.max(other.longest_refusal_ms);
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} faults ({} killed, {} stopped, {} of them for long, {} forks, {} of which ended, {} whose parent \
             was killed before), up to {} processes, {} openings; {} calls, {} refused, {} as forked, {} slow \
             syncs; {} passes freed {}; stock taken {} times, {} leaked by the dead and found; longest call \
             {} ms, longest refusal {} ms; the disk stalled for {} ms",
            self.faults(),
            self.kills + self.orphaned,
            self.stops + self.long_stops,
            self.long_stops,
            self.forks,
            self.ends_of_forks,
            self.orphaned,
            self.most_processes,
            self.openings,
            self.calls,
            self.refused,
            self.forked,
            self.slow_syncs,
            self.passes,
            self.freed,
            self.stocks,
            self.leaked,
            self.longest_ms,
            self.longest_refusal_ms,
            self.disk_stalled_ms,
        )
    }
}

struct Process {
    cell: usize,
    serial: u64,
    pid: Pid,
    role: Role,
    /// The parent of a fork, as long as that one lives.
    parent: Option<u64>,
    stopped: Option<Stop>,
}

#[derive(Clone, Copy)]
struct Stop {
    since: u64,
    until: u64,
    is_long: bool,
}

pub(crate) struct Storm {
    plan: Plan,
    board: &'static Board,
    dice: Dice,
    processes: Vec<Process>,
    /// Forks that are dead and whose parent is not, which alone could take note of it.
    zombies: Vec<(u64, Pid)>,
    next_serial: u64,
    /// The time up to which stops are counted.
    counted: u64,
    /// Addresses that the dead may have leaked since stock was taken.
    at_stake: u64,
    tally: Tally,
    watched: u64,
    _disk: Probe,
    /// Last, so that it is there until all are dead.
    _instruments: Scratch,
    _scratch: Scratch,
}

/// The longest wait for anything when all processes are to come to an end.
const PATIENCE: Duration = Duration::from_secs(60);

impl Storm {
    /// Runs a storm and returns what was done, or what is wrong.
    pub(crate) fn run(plan: Plan) -> Result<Tally, String> {
        let mut storm = Self::begin(plan);
        storm
            .blow()
            .and_then(|()| storm.end())
            .map_err(|wrong| format!("{wrong}\n{plan:?}\nafter: {}", storm.tally_of_now()))?;
        Ok(storm.tally_of_now())
    }

    fn begin(plan: Plan) -> Self {
        let name = format!("storm-{}", plan.kind.name());
        let scratch = match plan.in_memory {
            true => Scratch::in_memory(&name),
            false => Scratch::new(&name),
        };
        let folder = scratch.path("");
        // What measures is in memory: on the disk, it would wait for the disk, and count that as a wait for the pool.
        let instruments = Scratch::in_memory(&format!("{name}-instruments"));
        for name in ["board", "ledger"] {
            std::os::unix::fs::symlink(instruments.path(name), scratch.path(name)).unwrap();
        }
        let slots = Slots::of(plan.kind).total;
        // Lives as long as this process: children are begun with it.
        let board = Box::leak(Box::new(Board::open(&folder, slots as usize)));
        let kind = Kind::ALL.iter().position(|&kind| kind == plan.kind);
        board.set(Number::Kind, kind.unwrap() as u64);
        board.set(Number::Mistake, plan.mistake as u64);
        board.set(Number::Seed, plan.seed);
        board.set(Number::BoundMs, plan.bound.as_millis() as u64);
        board.set(Number::Driver, std::process::id().into());
        for (member, net) in plan.kind.networks().iter().enumerate() {
            let builder = Pool::builder(net.parse::<Ipv4Net>().unwrap());
            let builder = builder.durability(plan.durability);
            drop(builder.create(board.pool(member)).unwrap());
        }
        nix::sys::prctl::set_child_subreaper(true).unwrap();
        Self {
            plan,
            board,
            dice: Dice::new(plan.seed as usize),
            processes: Vec::new(),
            zombies: Vec::new(),
            next_serial: 1,
            counted: now(),
            at_stake: 0,
            tally: Tally::default(),
            watched: 0,
            _disk: Probe::begin(board),
            _instruments: instruments,
            _scratch: scratch,
        }
    }

    fn roles(&self) -> Vec<Role> {
        let (role, count) = match self.plan.kind {
            Kind::Mixed => (Role::Worker, 6),
            Kind::Passes => (Role::Worker, 5),
            Kind::Slow => (Role::Worker, 4),
            Kind::Crowd => (Role::Worker, 44),
            Kind::Busy => (Role::Blocks, 24),
        };
        let mut roles = vec![role; count];
        match self.plan.kind {
            Kind::Passes | Kind::Slow => roles.push(Role::Reconciler),
            Kind::Busy => roles.extend([Role::Refused; 2]),
            _ => {}
        }
        roles
    }

    /// Faults until there were enough, and stock now and then.
    fn blow(&mut self) -> Result<(), String> {
        for role in self.roles() {
            self.start(role);
        }
        self.wait_until_all_work()?;
        let round = if self.plan.kind == Kind::Crowd {
            60
        } else {
            40
        };
        let mut stock_at = round.min(self.plan.faults / 2 + 1);
        let mut long_at = round;
        while self.tally.faults() < self.plan.faults {
            self.pause()?;
            self.do_harm()?;
            if self.plan.kind == Kind::Crowd && self.tally.faults() >= long_at {
                self.stop_in_batches()?;
                long_at = self.tally.faults() + 5 * round;
            }
            if self.tally.faults() >= stock_at {
                self.take_stock_beside_all()?;
                stock_at = self.tally.faults() + round;
            }
        }
        self.take_stock_beside_all()
    }

    /// Ends all processes, by themselves or not, so that nothing is left.
    fn end(&mut self) -> Result<(), String> {
        if self.dice.below(2) == 0 {
            self.kill_all();
        } else {
            self.board.set(Number::Phase, phase::END);
            let until = Instant::now() + PATIENCE;
            self.go_on_all();
            while !self.processes.is_empty() {
                self.tick()?;
                std::thread::sleep(Duration::from_millis(1));
                if Instant::now() > until {
                    return Err(format!("not all of them end\n{}", self.who_is_where()));
                }
            }
            self.reap_zombies();
        }
        self.board.set(Number::Phase, phase::PARK);
        self.take_stock()?;
        self.drain()
    }

    // It is waited for by its number, as are the forks, of which there is nothing but that.
    #[allow(clippy::zombie_processes)]
    fn start(&mut self, role: Role) {
        let cell = self.free_cell();
        let serial = self.begin_cell(cell, role);
        let argument = format!("{}|{cell}|{}", self.board.folder().display(), role.name());
        let child = spawn("storm", &argument);
        let pid = Pid::from_raw(child.id() as i32);
        self.board
            .cell(cell, OfCell::Pid)
            .store(child.id().into(), SeqCst);
        self.add(cell, serial, pid, role, None);
    }

    fn add(&mut self, cell: usize, serial: u64, pid: Pid, role: Role, parent: Option<u64>) {
        self.processes.push(Process {
            cell,
            serial,
            pid,
            role,
            parent,
            stopped: None,
        });
        let count = self.processes.len() as u64;
        self.tally.most_processes = self.tally.most_processes.max(count);
    }

    fn free_cell(&self) -> usize {
        let is_free = |cell: &usize| self.processes.iter().all(|it| it.cell != *cell);
        (0..CELLS).find(is_free).expect("a cell for each process")
    }

    fn begin_cell(&mut self, cell: usize, role: Role) -> u64 {
        let serial = self.next_serial;
        self.next_serial += 1;
        self.board.clear_cell(cell);
        self.board
            .cell(cell, OfCell::Role)
            .store(role as u64, SeqCst);
        self.board.cell(cell, OfCell::Serial).store(serial, SeqCst);
        serial
    }

    /// No process is harmed before all have opened the pools.
    fn wait_until_all_work(&mut self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        let has_called = |it: &Process| {
            let verb = |row| self.board.verb(it.cell, row);
            (0..ROWS).any(|row| !matches!(verb(row), Verb::Nothing | Verb::Open))
        };
        while !self.processes.iter().all(has_called) {
            std::thread::sleep(Duration::from_millis(1));
            if Instant::now() > until {
                return Err(format!("not all of them begin\n{}", self.who_is_where()));
            }
        }
        Ok(())
    }

    /// Waits for a little while without a fault; for a longer one if a process has waited for long.
    fn pause(&mut self) -> Result<(), String> {
        let until = now() + self.dice.below(5_000_000) as u64;
        loop {
            self.tick()?;
            let left = until.saturating_sub(now());
            if left == 0 {
                break;
            }
            std::thread::sleep(Duration::from_nanos(left.min(1_000_000)));
        }
        // If a process has waited for long, all that are stopped go on: then a stop cannot be the reason.
        while self.longest_wait() > self.plan.bound / 4 {
            self.go_on_all();
            self.tick()?;
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Sees who has ended, who may go on, and who waits for too long.
    fn tick(&mut self) -> Result<(), String> {
        self.count_stopped_time();
        let time = now();
        let due = |it: &Process| it.stopped.is_some_and(|stop| stop.until <= time);
        let due: Vec<_> = (0..self.processes.len())
            .filter(|&at| due(&self.processes[at]))
            .collect();
        for at in due {
            self.go_on(at);
        }
        self.see_who_has_ended()?;
        if time - self.watched > 20_000_000 {
            self.watched = time;
            if let Some(wrong) = self.board.wrongs().first() {
                return Err(format!("{wrong}\n{}", self.who_is_where()));
            }
            self.watch()?;
        }
        Ok(())
    }

    fn do_harm(&mut self) -> Result<(), String> {
        let has_forks = matches!(self.plan.kind, Kind::Mixed | Kind::Passes);
        let forks = || self.processes.iter().filter(|it| it.role == Role::Fork);
        let living = forks().count();
        match self.dice.below(100) {
            0..15 if has_forks && living < 6 => self.fork(),
            15..22 if living != 0 => {
                let forks: Vec<_> = self.places(|it| it.role == Role::Fork);
                let at = forks[self.dice.below(forks.len())];
                self.tally.ends_of_forks += 1;
                match self.dice.below(2) {
                    0 => self.kill(at),
                    _ => {
                        let cell = self.processes[at].cell;
                        self.board.cell(cell, OfCell::PleaseEnd).store(1, SeqCst);
                    }
                }
                Ok(())
            }
            22..30 if living != 0 => {
                let parents: BTreeSet<_> = forks().filter_map(|it| it.parent).collect();
                let parents = self.places(|it| parents.contains(&it.serial));
                if !parents.is_empty() {
                    let at = parents[self.dice.below(parents.len())];
                    self.tally.orphaned += 1;
                    self.kill_in_a_batch(at);
                }
                Ok(())
            }
            0..60 => {
                let all = self.places(|it| it.role != Role::Fork);
                let at = all[self.dice.below(all.len())];
                self.tally.kills += 1;
                self.kill_and_replace(at);
                Ok(())
            }
            _ => {
                let going = self.places(|it| it.stopped.is_none());
                if !going.is_empty() {
                    let at = going[self.dice.below(going.len())];
                    let longest = if self.dice.below(10) == 0 { 200 } else { 20 };
                    let millis = self.dice.below(longest) as u64 + 1;
                    self.stop(at, Duration::from_millis(millis), false);
                    self.tally.stops += 1;
                }
                Ok(())
            }
        }
    }

    fn places(&self, is_one: impl Fn(&Process) -> bool) -> Vec<usize> {
        (0..self.processes.len())
            .filter(|&at| is_one(&self.processes[at]))
            .collect()
    }

    fn kill_and_replace(&mut self, at: usize) {
        let role = self.processes[at].role;
        self.kill(at);
        self.start(role);
    }

    /// Kills in the middle of a batch, if that comes soon.
    fn kill_in_a_batch(&mut self, at: usize) {
        let cell = self.processes[at].cell;
        let began = now();
        while self.batch_of(cell).is_none() && now() - began < 2_000_000 {
            std::hint::spin_loop();
        }
        self.kill_and_replace(at);
    }

    /// Has a process fork, and waits until the child is there.
    fn fork(&mut self) -> Result<(), String> {
        let workers = self.places(|it| it.role == Role::Worker && it.stopped.is_none());
        if workers.is_empty() {
            return Ok(());
        }
        let parent = &self.processes[workers[self.dice.below(workers.len())]];
        let (parent_cell, parent_serial) = (parent.cell, parent.serial);
        let cell = self.free_cell();
        let serial = self.begin_cell(cell, Role::Fork);
        let asked = self.board.cell(parent_cell, OfCell::PleaseFork);
        let request = fork::request(cell, serial);
        asked.store(request, SeqCst);
        let until = Instant::now() + Duration::from_secs(2);
        let pid = self.board.cell(cell, OfCell::Pid);
        loop {
            self.tick()?;
            let pid = pid.load(SeqCst);
            if pid != 0 {
                let pid = Pid::from_raw(pid as i32);
                self.add(cell, serial, pid, Role::Fork, Some(parent_serial));
                self.tally.forks += 1;
                return Ok(());
            }
            let is_there = self.processes.iter().any(|it| it.serial == parent_serial);
            let is_late = Instant::now() > until;
            let withdrawn = || asked.compare_exchange(request, 0, SeqCst, SeqCst).is_ok();
            if !is_there || is_late && withdrawn() {
                // It ended, or is just opening or closing.
                return Ok(());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn stop(&mut self, at: usize, duration: Duration, is_long: bool) {
        self.count_stopped_time();
        let process = &mut self.processes[at];
        let since = now();
        let until = since + duration.as_nanos() as u64;
        process.stopped = Some(Stop {
            since,
            until,
            is_long,
        });
        let _ = kill(process.pid, Signal::SIGSTOP);
    }

    fn go_on(&mut self, at: usize) {
        self.count_stopped_time();
        let process = &mut self.processes[at];
        if let Some(stop) = process.stopped.take() {
            let stopped = self.board.cell(process.cell, OfCell::Stopped);
            stopped.fetch_add(now() - stop.since, SeqCst);
            let _ = kill(process.pid, Signal::SIGCONT);
        }
    }

    /// All but those who were stopped to see who waits for them.
    fn go_on_all(&mut self) {
        for at in self.places(|it| it.stopped.is_some_and(|stop| !stop.is_long)) {
            self.go_on(at);
        }
    }

    fn count_stopped_time(&mut self) {
        let time = now();
        if self.processes.iter().any(|it| it.stopped.is_some()) {
            self.board.add(Number::AnybodyStopped, time - self.counted);
        }
        self.counted = time;
    }

    /// Stops some who are in the middle of a batch, for longer than any caller may wait.
    fn stop_in_batches(&mut self) -> Result<(), String> {
        let (began, mut stopped) = (now(), 0);
        while stopped < 5 && now() - began < 3_000_000_000 {
            self.tick()?;
            for at in self.places(|it| it.stopped.is_none()) {
                let cell = self.processes[at].cell;
                let Some(then) = self.batch_of(cell) else {
                    continue;
                };
                self.stop(at, self.plan.bound + Duration::from_millis(1500), true);
                std::thread::sleep(Duration::from_millis(1));
                if stopped == 5 || self.batch_of(cell) != Some(then) {
                    self.go_on(at);
                    continue;
                }
                stopped += 1;
                self.tally.long_stops += 1;
            }
        }
        while self.processes.iter().any(|it| it.stopped.is_some()) {
            self.tick()?;
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Since when a process has been in a batch or a block.
    fn batch_of(&self, cell: usize) -> Option<u64> {
        (0..MAIN_ROW).find_map(|row| {
            let began = self.board.row(cell, row, OfRow::Began).load(SeqCst);
            let is_batch = matches!(self.board.verb(cell, row), Verb::Many | Verb::Block);
            (began != 0 && is_batch).then_some(began)
        })
    }

    fn kill(&mut self, at: usize) {
        self.count_stopped_time();
        let process = self.processes.swap_remove(at);
        let _ = kill(process.pid, Signal::SIGKILL);
        self.wait_for_death(&process);
        self.bury(&process);
    }

    fn wait_for_death(&mut self, process: &Process) {
        match process.parent {
            Some(parent) => {
                while !is_dead(process.pid) {
                    std::thread::sleep(Duration::from_micros(100));
                }
                self.zombies.push((parent, process.pid));
            }
            None => {
                let _ = waitpid(process.pid, None);
            }
        }
    }

    /// Takes what a dead process had off the ledger: it will never be released.
    fn bury(&mut self, dead: &Process) {
        for row in 0..ROWS {
            self.at_stake += self.board.row(dead.cell, row, OfRow::Stake).load(SeqCst);
        }
        for slot in 0..Slots::of(self.plan.kind).total {
            let holder = self.board.ledger.slot(slot);
            if holder.load(SeqCst) >> 8 == dead.serial {
                holder.store(0, SeqCst);
                self.at_stake += 1;
            }
        }
        self.board.clear_cell(dead.cell);
        // Its forks are ours now.
        for process in &mut self.processes {
            if process.parent == Some(dead.serial) {
                process.parent = None;
            }
        }
        self.zombies.retain(|&(parent, pid)| {
            if parent == dead.serial {
                let _ = waitpid(pid, None);
            }
            parent != dead.serial
        });
    }

    fn see_who_has_ended(&mut self) -> Result<(), String> {
        let mut at = 0;
        while at < self.processes.len() {
            let process = &self.processes[at];
            let (pid, role, cell) = (process.pid, process.role, process.cell);
            let status = match process.parent {
                Some(_) if !is_dead(pid) => None,
                Some(_) => Some("a fork that is no more".to_owned()),
                None => match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
                    Ok(WaitStatus::StillAlive) => None,
                    status => Some(format!("{status:?}")),
                },
            };
            let Some(status) = status else {
                at += 1;
                continue;
            };
            let has_ended = self.board.cell(cell, OfCell::HasEnded).load(SeqCst) == 1;
            let dead = self.processes.swap_remove(at);
            if let Some(parent) = dead.parent {
                self.zombies.push((parent, pid));
            }
            let before = self.at_stake;
            self.bury(&dead);
            if !has_ended {
                let wrong = self.board.wrongs().join("\n");
                return Err(format!("a {role:?} ended by itself: {status}\n{wrong}"));
            }
            if self.at_stake != before {
                return Err(format!(
                    "a {role:?} ended and had released all, but the ledger has it"
                ));
            }
            if role != Role::Fork && self.board.get(Number::Phase) != phase::END {
                self.start(role);
            }
        }
        Ok(())
    }

    fn kill_all(&mut self) {
        while let Some(at) = self.processes.len().checked_sub(1) {
            self.kill(at);
        }
        self.reap_zombies();
    }

    fn reap_zombies(&mut self) {
        for (_, pid) in self.zombies.drain(..) {
            let _ = waitpid(pid, None);
        }
    }

    /// Returns the waits of those that are in a call: how long, less the time in which any process was stopped or
    /// the disk did not respond.
    fn waits(&self) -> impl Iterator<Item = (usize, usize, Duration)> + '_ {
        let anybody = self.board.get(Number::AnybodyStopped);
        let disk = self.board.get(Number::DiskStalled);
        let rows = self
            .processes
            .iter()
            .flat_map(|it| (0..ROWS).map(|row| (it.cell, row)));
        rows.filter_map(move |(cell, row)| {
            let began = self.board.row(cell, row, OfRow::Began).load(SeqCst);
            let then = self.board.row(cell, row, OfRow::AnybodyThen).load(SeqCst);
            let disk_then = self.board.row(cell, row, OfRow::DiskThen).load(SeqCst);
            let took = now().saturating_sub(began);
            let excused = anybody.saturating_sub(then) + disk.saturating_sub(disk_then);
            let waited = took.saturating_sub(excused);
            (began != 0).then_some((cell, row, Duration::from_nanos(waited)))
        })
    }

    fn longest_wait(&self) -> Duration {
        let waits = self.waits().map(|(_, _, waited)| waited);
        waits.max().unwrap_or_default()
    }

    fn watch(&self) -> Result<(), String> {
        let too_long = self
            .waits()
            .find(|&(_, _, waited)| waited > self.plan.bound);
        let Some((cell, row, waited)) = too_long else {
            return Ok(());
        };
        Err(format!(
            "waits: process {} row {row} is in {:?} for {} ms in which nobody was stopped and the disk answered\n{}",
            self.board.cell(cell, OfCell::Serial).load(SeqCst),
            self.board.verb(cell, row),
            waited.as_millis(),
            self.who_is_where(),
        ))
    }

    /// Says which process is in which call, which are stopped or dead, and whose claims are in flight.
    fn who_is_where(&self) -> String {
        let mut text = String::new();
        for process in &self.processes {
            let Process {
                cell, serial, role, ..
            } = *process;
            let parent = match (role, process.parent) {
                (Role::Fork, Some(parent)) => format!(", child of {parent}"),
                (Role::Fork, None) => ", child of a dead one".to_owned(),
                _ => String::new(),
            };
            let stopped = if process.stopped.is_some() {
                ", stopped"
            } else {
                ""
            };
            let _ = write!(
                text,
                "process {serial} ({role:?}{parent}{stopped}, pid {}):",
                process.pid
            );
            for row in 0..ROWS {
                let began = self.board.row(cell, row, OfRow::Began).load(SeqCst);
                if began != 0 {
                    let millis = now().saturating_sub(began) / 1_000_000;
                    let _ = write!(text, " {:?} for {millis} ms;", self.board.verb(cell, row));
                }
            }
            let _ = writeln!(text);
        }
        for member in 0..3 {
            let _ = writeln!(
                text,
                "pool {member}: {}",
                flights_of(&self.board.pool(member))
            );
        }
        text
    }

    /// Stock while all processes wait.
    fn take_stock_beside_all(&mut self) -> Result<(), String> {
        self.board.set(Number::Phase, phase::PARK);
        let until = Instant::now() + PATIENCE;
        let is_at_work = |it: &Process| self.board.cell(it.cell, OfCell::Working).load(SeqCst) != 0;
        while self.processes.iter().any(is_at_work) {
            self.go_on_all();
            self.tick()?;
            if Instant::now() > until {
                return Err(format!("not all of them wait\n{}", self.who_is_where()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.take_stock()?;
        self.board.set(Number::Phase, phase::RUN);
        Ok(())
    }

    /// Compares pools and ledger, while no process is half-way. What is taken and not in the ledger was lost by the
    /// dead, up to what they had at stake; three passes find all of it, and nothing else.
    fn take_stock(&mut self) -> Result<(), String> {
        let board = self.board;
        if let Some(wrong) = board.wrongs().first() {
            return Err(wrong.clone());
        }
        let pools = Pools::open(board).map_err(|error| format!("stock: {error}"))?;
        let compared = self.compare(&pools)?;
        let lost = compared.unlisted.len() as u64;
        // A claim that gives up beside a pass leaves its address to the next ones.
        if !self.plan.kind.has_passes() && lost > self.at_stake {
            return Err(format!(
                "lost: {lost} addresses are taken and held by nobody, and the dead had {} at stake: {:?}",
                self.at_stake, compared.unlisted
            ));
        }
        let freed = passes::take_stock(board, &pools);
        let left = self.compare(&pools)?.unlisted;
        if freed != lost || !left.is_empty() {
            return Err(format!(
                "lost: three passes freed {freed} of {lost}, and left {left:?}"
            ));
        }
        self.tally.leaked += lost;
        self.tally.stocks += 1;
        self.at_stake = 0;
        Ok(())
    }

    fn compare(&self, pools: &Pools) -> Result<Compared, String> {
        let slots = Slots::of(self.plan.kind);
        let mut taken = BTreeSet::new();
        for (pool, first) in pools.members.iter().zip(slots.firsts) {
            taken.extend(pool.iter().map(|addr| first + pool.slot_of(addr).unwrap()));
        }
        let held: BTreeSet<u32> = self.board.held().into_iter().collect();
        let freed: Vec<_> = held.difference(&taken).collect();
        if !freed.is_empty() {
            return Err(format!("freed: held, and free in the pool: {freed:?}"));
        }
        let unlisted = taken.difference(&held).copied().collect();
        Ok(Compared { unlisted })
    }

    /// With all processes gone: what is there can be allocated, to the last address.
    fn drain(&self) -> Result<(), String> {
        let pools = Pools::open(self.board).map_err(|error| format!("at the end: {error}"))?;
        for pool in &pools.members {
            // One by one, each would wait for a write to the disk.
            let all = pool.allocate_many(pool.capacity() as usize);
            if let Err(error) = all {
                return Err(format!("lost: not all is there in the end: {error}"));
            }
            if let Ok(addr) = pool.allocate() {
                return Err(format!("doubled: {addr}, when all was taken"));
            }
        }
        Ok(())
    }

    fn tally_of_now(&self) -> Tally {
        let board = self.board;
        Tally {
            calls: board.get(Number::Calls),
            refused: board.get(Number::Refused),
            forked: board.get(Number::Forked),
            openings: board.get(Number::Openings),
            passes: board.get(Number::Passes),
            freed: board.get(Number::Freed),
            slow_syncs: board.get(Number::SlowSyncs),
            disk_stalled_ms: board.get(Number::DiskStalled) / 1_000_000,
            longest_ms: board.get(Number::LongestNs) / 1_000_000,
            longest_refusal_ms: board.get(Number::LongestRefusalNs) / 1_000_000,
            ..self.tally
        }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.board.set(Number::Phase, phase::END);
        self.kill_all();
    }
}

struct Compared {
    /// Taken in a pool, and without a holder.
    unlisted: Vec<u32>,
}

/// Whether nothing of a process runs any more. It is a child of a child: that one does not wait for it, so the
/// number stays its own.
fn is_dead(pid: Pid) -> bool {
    if kill(pid, None) == Err(Errno::ESRCH) {
        return true;
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    matches!(state, None | Some('Z' | 'X'))
}

/// Whose claims are in flight in a pool file, and whose lock is held.
fn flights_of(path: &Path) -> String {
    let bytes = read(path);
    let at = |offset: usize| u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap());
    let lanes = (0..LANES).filter(|lane| at(LANES_AT + 8 * usize::from(*lane)) & 1 != 0);
    let held = |lane: u8| {
        let owner = at(OWNERS_AT + 8 * usize::from(lane));
        match is_lane_held(path, lane) {
            true => format!(" lane {lane} of process {owner} (its lock is held)"),
            false => format!(" lane {lane} of process {owner} (nobody has its lock)"),
        }
    };
    let in_flight: String = lanes.map(held).collect();
    format!("in flight:{in_flight}; gate {:#x}", at(VOLATILE + 0x148))
}

/// Where the words are that no process outlives.
const VOLATILE: usize = 4 * PAGE;

/// How many lanes there are, where they are, and whose they are: see the page of the file format.
const LANES: u8 = 224;
const LANES_AT: usize = VOLATILE + 0x200;
const OWNERS_AT: usize = VOLATILE + 0x900;

/// What a process does that a storm has begun.
pub(crate) fn child(argument: &str) {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).unwrap();
    let [folder, cell, role] = argument.split('|').collect::<Vec<_>>()[..] else {
        panic!("{argument}");
    };
    let board: &'static Board = Box::leak(Box::new(Board::join(Path::new(folder))));
    let cell = cell.parse().unwrap();
    let threads = match board.kind() {
        Kind::Crowd | Kind::Slow | Kind::Busy => 1,
        _ => 2,
    };
    match role {
        "worker" => worker::work(board, cell, threads),
        "blocks" => worker::take_blocks(board, cell, threads),
        "refused" => worker::be_refused(board, cell),
        "reconciler" => passes::reconcile(board, cell),
        other => panic!("no role {other}"),
    }
}
