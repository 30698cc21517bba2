//! A small pool of leases for two or three roles.

use crate::Payload;
use hostbits::lease::{Lease, LeasePool, ManualClock, Released, Term};
use hostbits::{Gateway, Pool, StatsLevel};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The first address of each pool.
pub const FIRST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
/// The second one.
pub const SECOND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Longer than any offer, cooldown or term of these models.
pub const LATER: Duration = Duration::from_secs(1000);

/// A lease that a role may hold at the end.
pub type Held = Option<Lease<Ipv4Addr>>;

/// A pool of a few addresses, and what their holders touch.
pub struct Net {
    /// The pool.
    pub pool: LeasePool<Ipv4Net>,
    /// Its clock.
    pub clock: ManualClock,
    payloads: [Payload; 3],
    /// The lease with which the model begins.
    pub lease: Held,
}

/// Creates a pool of so many addresses that rest for so many seconds.
pub fn net(count: u8, cooldown: u64) -> Net {
    let clock = ManualClock::new();
    let last = Ipv4Addr::new(10, 0, 0, count - 1);
    let builder = Pool::over([FIRST..=last])
        .gateway(Gateway::None)
        .stats(StatsLevel::Off);
    let builder = builder.leases().clock(&clock);
    Net {
        pool: builder
            .cooldown(Duration::from_secs(cooldown))
            .build()
            .unwrap(),
        clock,
        payloads: std::array::from_fn(|_| Payload::new()),
        lease: None,
    }
}

impl Net {
    /// Lets the model begin with the first address leased for ever.
    pub fn leased(self) -> Self {
        let lease = self.allocate();
        assert_eq!(lease.unwrap().addr(), FIRST);
        Self { lease, ..self }
    }

    /// Lets the model begin with so many offers whose time has passed.
    pub fn due(self, count: usize) -> Self {
        let offer = Duration::from_secs(30);
        let offers: Vec<_> = (0..count).map(|_| self.pool.allocate(offer)).collect();
        self.clock.advance(LATER);
        let lease = offers[0].as_ref().ok().copied();
        Self { lease, ..self }
    }

    /// Returns the lease with which the model began.
    pub fn first(&self) -> Lease<Ipv4Addr> {
        self.lease.expect("the model begins with a lease")
    }

    /// Touches what only the holder of this address may.
    pub fn touch(&self, lease: Lease<Ipv4Addr>) {
        self.payloads[usize::from(lease.addr().octets()[3])].touch();
    }

    /// Allocates any address for ever, and touches its payload.
    pub fn allocate(&self) -> Held {
        let lease = self.pool.allocate(Term::Forever).ok()?;
        self.touch(lease);
        Some(lease)
    }

    /// The same, where something must be free.
    pub fn must_allocate(&self) -> Held {
        let lease = self.allocate();
        assert!(lease.is_some(), "an address was free, or due");
        lease
    }

    /// Releases a lease that the caller holds, after its last touch.
    pub fn release(&self, lease: Lease<Ipv4Addr>) -> Held {
        self.touch(lease);
        assert_eq!(self.pool.release(&lease), Ok(Released::Ended));
        None
    }

    /// Sweeps, and returns how many addresses became free.
    pub fn sweep(&self) -> u64 {
        self.pool.sweep().freed
    }

    /// Checks that these leases are held, each once, and that all other addresses can be had, each once.
    pub fn settle(&self, held: &[Held]) {
        let mut held: Vec<_> = held.iter().flatten().copied().collect();
        for &lease in &held {
            assert_eq!(self.pool.lease_of(lease.addr()), Some(lease));
            self.touch(lease);
        }
        self.clock.advance(LATER);
        while let Some(lease) = self.allocate() {
            held.push(lease);
        }
        held.sort_unstable();
        held.dedup_by_key(|lease| lease.addr());
        assert_eq!(held.len() as u64, self.pool.capacity(), "one is lost");
        assert_eq!(self.pool.iter().collect::<Vec<_>>(), held);
    }
}
