//! Programs for ThreadSanitizer: two with a data race, which it must report, and two without, for
//! which it must report nothing. `campaigns/tsan` runs them; nothing else does.
//!
//! ```text
//! plain          two threads write one cell                                    race
//! shared-slot    two threads write the cell of an address that neither holds   race
//! handover       each writes the cell of the address that it holds             clean
//! handover-many  the same with batches, blocks, guards and exact addresses     clean
//! ```
//!
//! The cells are plain memory. What the last holder wrote can only be read without a race because a
//! release happens before the next allocation of the address: the pool is all that orders them.

mod cells;

use cells::Cells;
use hostbits::{Policy, Pool, Search};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::process::ExitCode;

type Pool4 = Pool<Ipv4Net>;

/// More threads than addresses, so that every cell passes from thread to thread.
const THREADS: usize = 4;
const ROUNDS: usize = 2000;

fn main() -> ExitCode {
    let program = std::env::args().nth(1).unwrap_or_default();
    match &*program {
        "plain" => plain(),
        "shared-slot" => for_all_pools(|pool| shared_slot(&pool)),
        "handover" => for_all_pools(|pool| handover(&pool)),
        "handover-many" => for_all_pools(|pool| handover_many(&pool)),
        other => {
            eprintln!(
                "usage: planted-race plain|shared-slot|handover|handover-many, not {other:?}"
            );
            return ExitCode::from(2);
        }
    }
    println!("{program}: done");
    ExitCode::SUCCESS
}

fn for_all_pools(program: impl Fn(Pool4)) {
    for policy in [
        Policy::Lowest,
        Policy::Next,
        Policy::Spread,
        Policy::Random(7),
    ] {
        for search in [Search::Tree, Search::Linear] {
            // Three addresses, or one more than a word.
            for slots in [3, 65] {
                let first = Ipv4Addr::new(10, 0, 0, 0);
                let last = Ipv4Addr::from_bits(first.to_bits() + slots - 1);
                let pool = Pool::over([first..=last]).policy(policy).search(search);
                program(pool.build().expect("a range"));
            }
        }
    }
}

/// Runs `work` on every thread, and joins them: ThreadSanitizer sees a join.
fn together(work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || work(thread)))
            .collect();
        for thread in threads {
            thread.join().expect("no thread panics");
        }
    });
}

/// Races without any pool, to show that ThreadSanitizer is active.
fn plain() {
    let cells = Cells::new(1);
    together(|thread| cells.write_unordered(0, thread as u64));
}

/// Allocates and releases correctly, but writes to a cell that belongs to another thread.
fn shared_slot(pool: &Pool4) {
    let cells = Cells::new(pool.info().slots);
    together(|thread| {
        for round in 0..ROUNDS {
            let held = pool.allocate();
            cells.write_unordered(0, (thread * ROUNDS + round) as u64);
            if let Ok(addr) = held {
                pool.release(addr).expect("it is held");
            }
        }
    });
}

/// Writes only to the cell of the address that the thread holds.
fn handover(pool: &Pool4) {
    let cells = Cells::new(pool.info().slots);
    together(|_| {
        for _ in 0..ROUNDS {
            let Ok(addr) = pool.allocate() else {
                continue;
            };
            cells.hold(pool, addr);
            pool.release(addr).expect("it is held");
        }
    });
    cells.expect_use();
}

/// Writes only to the cells of held addresses, with every verb that allocates or releases.
fn handover_many(pool: &Pool4) {
    let cells = Cells::new(pool.info().slots);
    together(|thread| {
        for round in 0..ROUNDS {
            match (thread + round) % 8 {
                0 => {
                    let addr = Ipv4Addr::new(10, 0, 0, (round % 3) as u8);
                    if pool.allocate_exact(addr).is_ok() {
                        cells.hold(pool, addr);
                        pool.release(addr).expect("it is held");
                    }
                }
                1 => {
                    let addrs = pool.allocate_many(2).unwrap_or_default();
                    addrs.iter().for_each(|&addr| cells.hold(pool, addr));
                    assert_eq!(pool.release_many(&addrs).released, addrs.len() as u64);
                }
                2 => {
                    let mut addrs = [Ipv4Addr::UNSPECIFIED; 40];
                    let taken = pool.allocate_into(&mut addrs);
                    addrs[..taken]
                        .iter()
                        .for_each(|&addr| cells.hold(pool, addr));
                    assert_eq!(pool.release_many(&addrs[..taken]).released, taken as u64);
                }
                3 => {
                    if let Ok(block) = pool.allocate_block(31) {
                        block.hosts().for_each(|addr| cells.hold(pool, addr));
                        pool.release_block(block).expect("it is held");
                    }
                }
                4 => {
                    if let Ok(guard) = pool.guard() {
                        cells.hold(pool, guard.addr());
                    }
                }
                5 => {
                    if let Ok(addr) = pool.allocate_preferring(Ipv4Addr::new(10, 0, 0, 1)) {
                        cells.hold(pool, addr);
                        pool.release(addr).expect("it is held");
                    }
                }
                6 => {
                    let part = Ipv4Addr::new(10, 0, 0, 1)..=Ipv4Addr::new(10, 0, 0, 2);
                    if let Ok(addr) = pool.allocate_in(part) {
                        cells.hold(pool, addr);
                        pool.release(addr).expect("it is held");
                    }
                }
                _ => {
                    let addr = Ipv4Addr::new(10, 0, 0, 2);
                    if pool.adopt([addr]).unwrap().taken == 1 {
                        cells.hold(pool, addr);
                        pool.release(addr).expect("it is held");
                    }
                }
            }
        }
    });
    cells.expect_use();
}
