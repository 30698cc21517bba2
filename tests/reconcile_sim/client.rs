//! Those who join and leave.

use crate::world::{Addr, Pool4, World};
use hostbits::GuardArc;
use ipnet::Ipv4Net;

/// What a client does next, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// Between an allocation and its written users; so many are written.
    Joining(usize),
    Using,
    /// Between the deleted users and the release.
    Leaving,
}

pub(crate) struct Client {
    state: State,
    pub(crate) due: u64,
    owner: u32,
    addrs: Vec<Addr>,
    /// By when the last user must be written.
    deadline: u64,
    guard: Option<GuardArc<Ipv4Net>>,
    block: Option<Ipv4Net>,
}

impl Client {
    pub(crate) fn new(due: u64) -> Self {
        Self {
            state: State::Idle,
            due,
            owner: 0,
            addrs: Vec::new(),
            deadline: 0,
            guard: None,
            block: None,
        }
    }

    fn clear(&mut self, due: u64) {
        *self = Self::new(due);
    }

    /// Nothing more of it is in the pool's process.
    fn forget_guard(&mut self) {
        if let Some(guard) = self.guard.take() {
            let _ = guard.keep();
        }
    }
}

impl World {
    /// Runs the next step of one client, which is due.
    pub(crate) fn step(&mut self, index: usize) {
        let mut client = std::mem::replace(&mut self.clients[index], Client::new(u64::MAX));
        self.now = self.now.max(client.due);
        self.counts.steps += 1;
        match client.state {
            State::Idle if self.is_quiet => client.due = u64::MAX,
            State::Idle => self.join(&mut client),
            State::Joining(written) => self.write_next(&mut client, written),
            State::Using if self.is_quiet => client.due = u64::MAX,
            State::Using => self.leave(&mut client),
            State::Leaving => self.release(&mut client),
        }
        self.clients[index] = client;
    }

    fn join(&mut self, client: &mut Client) {
        let pool = self.pool();
        client.addrs = self.allocate(&pool, client);
        if client.addrs.is_empty() {
            client.due = self.now + 1 + self.random.below(self.rules.grace / 2);
            return;
        }
        for &addr in &client.addrs {
            self.takes(addr);
        }
        self.next_owner += 1;
        client.owner = self.next_owner;
        client.state = State::Joining(0);
        client.deadline = self.now + self.rules.longest_join;
        client.due = self.now + self.gap(self.rules.longest_join);
    }

    fn allocate(&mut self, pool: &Pool4, client: &mut Client) -> Vec<Addr> {
        let host = self.random_addr();
        let count = 1 + self.random.below(4) as usize;
        if self.uses_locals && self.random.one_in(2) {
            return self.allocate_local().into_iter().collect();
        }
        match self.random.below(10) {
            0 => {
                self.leaks.disturb(host);
                pool.allocate_exact(host)
                    .map(|()| host)
                    .into_iter()
                    .collect()
            }
            1 => {
                self.leaks.disturb(host);
                pool.allocate_preferring(host).into_iter().collect()
            }
            2 => pool.allocate_many(count).unwrap_or_default(),
            3 => {
                let mut addrs = vec![host; count];
                let taken = pool.allocate_into(&mut addrs);
                addrs.truncate(taken);
                addrs
            }
            4 => {
                client.block = pool.allocate_block(30 + (count % 2) as u8).ok();
                let block = client.block.iter();
                block
                    .flat_map(|block| Ipv4Net::new(block.addr(), block.prefix_len()))
                    .flat_map(|block| {
                        (block.network().to_bits()..=block.broadcast().to_bits())
                            .map(Addr::from_bits)
                    })
                    .collect()
            }
            5 => pool
                .allocate_in(host..=self.last_addr())
                .into_iter()
                .collect(),
            6 => {
                client.guard = pool.guard_arc().ok();
                client.guard.iter().map(|guard| guard.addr()).collect()
            }
            _ => pool.allocate().into_iter().collect(),
        }
    }

    fn write_next(&mut self, client: &mut Client, written: usize) {
        if self.random.one_in(self.rules.crash_one_in) && !self.is_quiet {
            return self.dies(client);
        }
        self.list
            .write(client.addrs[written], client.owner, self.now);
        if self.rules.two_owners && self.random.one_in(3) {
            let other = client.owner + 1_000_000;
            self.list.write(client.addrs[written], other, self.now);
        }
        if written + 1 < client.addrs.len() {
            client.state = State::Joining(written + 1);
            client.due = self.now
                + self
                    .random
                    .below(client.deadline.saturating_sub(self.now) + 1);
        } else {
            client.state = State::Using;
            client.due = self.now + self.stay();
        }
    }

    fn stay(&mut self) -> u64 {
        let longest = self.rules.grace * if self.random.one_in(2) { 1 } else { 6 };
        self.random.below(longest)
    }

    fn leave(&mut self, client: &mut Client) {
        for &addr in &client.addrs {
            self.list.delete(addr, client.owner, self.now);
            self.list.delete(addr, client.owner + 1_000_000, self.now);
        }
        if self.random.one_in(self.rules.crash_one_in) {
            return self.dies(client);
        }
        client.state = State::Leaving;
        client.due = self.now + self.gap(self.rules.longest_leave);
    }

    fn release(&mut self, client: &mut Client) {
        if self.random.one_in(self.rules.crash_one_in) && !self.is_quiet {
            return self.dies(client);
        }
        let pool = self.pool();
        for &addr in &client.addrs {
            self.gives(addr);
        }
        let way = self.random.below(3);
        let mut refused = 0;
        if let Some(guard) = client.guard.take() {
            drop(guard);
        } else if let Some(block) = client.block.filter(|_| way == 0 && !self.rules.is_broken()) {
            refused += u64::from(pool.release_block(block).is_err());
        } else if way == 1 {
            let released = pool.release_many(&client.addrs);
            refused += released.not_allocated;
        } else {
            for &addr in &client.addrs {
                let released = match self.some_local() {
                    Some(local) => local.release(addr),
                    None => pool.release(addr),
                };
                refused += u64::from(released.is_err());
            }
        }
        if refused != 0 {
            self.releaser_was_told(refused);
        }
        self.after_release(&client.addrs);
        client.clear(self.now + self.random.below(self.rules.grace / 2));
    }

    /// Dies with its addresses: they are never released, and no list has them, or soon no more.
    fn dies(&mut self, client: &mut Client) {
        client.forget_guard();
        for &addr in &client.addrs {
            self.list.delete(addr, client.owner, self.now);
            self.list.delete(addr, client.owner + 1_000_000, self.now);
            self.gives(addr);
            self.leaked(addr);
        }
        client.clear(self.now + self.random.below(self.rules.grace));
    }

    /// The process of the pool ends: who was half-way is gone with it. Users that are written stay, and so
    /// does what they hold.
    pub(crate) fn everybody_half_way_dies(&mut self, pool_forgets: bool) {
        for index in 0..self.clients.len() {
            let mut client = std::mem::replace(&mut self.clients[index], Client::new(u64::MAX));
            client.forget_guard();
            // A batch with some of its users written is half-way, too: its last addresses are lost.
            let lost_from = match client.state {
                State::Joining(written) => Some(written),
                State::Leaving => Some(0),
                State::Idle | State::Using => None,
            };
            if let Some(from) = lost_from {
                for addr in client.addrs.split_off(from) {
                    self.gives(addr);
                    if !pool_forgets {
                        self.leaked(addr);
                    }
                }
                client.block = None;
                client.state = State::Using;
                if client.addrs.is_empty() {
                    client.clear(self.now + self.random.below(self.rules.grace));
                }
            }
            self.clients[index] = client;
        }
    }
}
