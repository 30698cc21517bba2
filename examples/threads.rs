//! Sessions on many threads, each holding its address by a guard: whatever way a session ends, its
//! address comes back.
//!
//! `cargo run --example threads`

use hostbits::{GuardArc, Policy, Pool};
use ipnet::Ipv4Net;
use std::sync::Arc;
use std::thread;

/// One client of a gateway. The address is given back when the session is dropped.
struct Session {
    addr: GuardArc<Ipv4Net>,
    packets: u32,
}

impl Session {
    fn serve(&mut self) {
        self.packets += 1;
        if self.packets == 3 && u32::from(self.addr.addr()) % 64 == 7 {
            panic!("a session that crashes");
        }
    }
}

fn serve_clients(pool: &Arc<Pool<Ipv4Net>>, clients: u32) -> Result<u32, hostbits::AllocateError> {
    let mut packets = 0;
    for _ in 0..clients {
        let mut session = Session {
            addr: pool.guard_arc()?,
            packets: 0,
        };
        for _ in 0..5 {
            session.serve();
        }
        packets += session.packets;
    }
    Ok(packets)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let network: Ipv4Net = "10.0.0.0/24".parse()?;
    let pool = Arc::new(Pool::builder(network).policy(Policy::Next).build()?);

    // The crashes below are part of the show; their messages are not.
    std::panic::set_hook(Box::new(|_| {}));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || serve_clients(&pool, 200))
        })
        .collect();
    let crashed = workers
        .into_iter()
        .map(thread::JoinHandle::join)
        .filter(Result::is_err)
        .count();

    println!("{crashed} of 4 workers crashed in the middle of a session");
    println!("addresses still held: {}", pool.allocated());
    assert_eq!(pool.allocated(), 0, "every address came back");
    Ok(())
}
