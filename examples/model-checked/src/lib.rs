//! A session table over a pool, as a gateway has it; `tests/sessions.rs` tries all its interleavings.
//!
//! Run the models: `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p
//! model-checked-example`.

use hostbits::Pool;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering};

/// No client.
const NOBODY: u32 = 0;

/// The session that holds each address, indexed by slot.
pub struct Sessions {
    pool: Pool<Ipv4Net>,
    clients: Vec<AtomicU32>,
}

impl Sessions {
    /// An empty table for the addresses of a pool.
    pub fn new(pool: Pool<Ipv4Net>) -> Self {
        let clients = (0..pool.info().slots)
            .map(|_| AtomicU32::new(NOBODY))
            .collect();
        Self { pool, clients }
    }

    /// Gives `client` an address, and returns it with the client that is still noted for it: none, unless
    /// [`detach`](Self::detach) is wrong.
    pub fn attach(&self, client: u32) -> Option<(Ipv4Addr, Option<u32>)> {
        let addr = self.pool.allocate().ok()?;
        // Relaxed: the pool orders the last holder's writes before ours.
        let before = self.client_at(addr)?.swap(client, Ordering::Relaxed);
        Some((addr, (before != NOBODY).then_some(before)))
    }

    /// Takes the address back: the note first, the address second.
    pub fn detach(&self, addr: Ipv4Addr) {
        if let Some(client) = self.client_at(addr) {
            // Relaxed: before the release, which the next holder's allocation comes after.
            client.store(NOBODY, Ordering::Relaxed);
        }
        let _ = self.pool.release(addr);
    }

    /// The mistake: once released, the address may belong to another client, and so may the note.
    pub fn detach_in_the_wrong_order(&self, addr: Ipv4Addr) {
        let _ = self.pool.release(addr);
        if let Some(client) = self.client_at(addr) {
            client.store(NOBODY, Ordering::Relaxed);
        }
    }

    fn client_at(&self, addr: Ipv4Addr) -> Option<&AtomicU32> {
        self.clients.get(self.pool.slot_of(addr)? as usize)
    }
}
