//! A pool inside a packet loop, as a 5G user plane or a VPN gateway has it: addresses are given out and
//! taken back between packets, and the session table is a plain array indexed by slot.
//!
//! `cargo run --release --example data_plane`

use hostbits::{Policy, Pool, StatsLevel};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

enum Packet {
    Attach,
    Data { from: Ipv4Addr, bytes: u64 },
    Detach { addr: Ipv4Addr },
}

/// What the data plane keeps of a client: found by slot, with no hashing and no lock.
#[derive(Clone, Copy, Default)]
struct Client {
    bytes: u64,
}

struct DataPlane {
    pool: Pool<Ipv4Net>,
    clients: Vec<Client>,
    dropped: u64,
}

impl DataPlane {
    fn new(network: Ipv4Net) -> Result<Self, hostbits::BuildError> {
        let pool = Pool::builder(network)
            .policy(Policy::Next)
            .stats(StatsLevel::Counts)
            .build()?;
        let slots = pool.info().slots as usize;
        Ok(Self {
            pool,
            clients: vec![Client::default(); slots],
            dropped: 0,
        })
    }

    /// Returns the address of a client that has just attached.
    fn handle(&mut self, packet: Packet) -> Option<Ipv4Addr> {
        match packet {
            Packet::Attach => {
                let addr = self.pool.allocate().ok()?;
                let slot = self.pool.slot_of(addr)?;
                self.clients[slot as usize] = Client::default();
                Some(addr)
            }
            Packet::Data { from, bytes } => {
                match self.pool.slot_of(from) {
                    Some(slot) => self.clients[slot as usize].bytes += bytes,
                    None => self.dropped += 1,
                }
                None
            }
            Packet::Detach { addr } => {
                if self.pool.release(addr).is_err() {
                    self.dropped += 1;
                }
                None
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut plane = DataPlane::new("10.45.0.0/16".parse()?)?;
    let mut attached = Vec::new();
    for round in 0..100_000u64 {
        attached.extend(plane.handle(Packet::Attach));
        for &from in attached.iter().rev().take(4) {
            plane.handle(Packet::Data { from, bytes: 1400 });
        }
        if round % 3 == 0 {
            let addr = attached.swap_remove((round as usize * 7919) % attached.len());
            plane.handle(Packet::Detach { addr });
        }
    }
    plane.handle(Packet::Data {
        from: Ipv4Addr::new(192, 0, 2, 1),
        bytes: 64,
    });

    let stats = plane.pool.stats();
    println!(
        "{} attached, {} detached, {} held",
        stats.allocations.any,
        stats.releases,
        plane.pool.allocated()
    );
    println!("{} packets dropped: not from a client", plane.dropped);
    assert_eq!(plane.pool.allocated() as usize, attached.len());
    assert_eq!(plane.dropped, 1);
    Ok(())
}
