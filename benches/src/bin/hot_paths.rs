//! Runs one hot operation a given number of times and does nothing else: for `campaigns/instructions`.
//!
//! `hot_paths NAME COUNT` runs it, `hot_paths list` prints the names. One thread, fixed seeds and no
//! clock in a loop: the same arguments execute the same instructions.

use hostbits::{Policy, Pool, StatsLevel};
use hostbits_benches::{Pairs, pool_of};
use ipnet::Ipv4Net;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::process::ExitCode;

/// An operation, with its name in `benches/instructions.txt`.
struct HotPath {
    name: &'static str,
    /// Sets up, then runs the operation this number of times.
    run: fn(u64),
}

const HOT_PATHS: &[HotPath] = &[
    HotPath {
        name: "lowest_empty/24/off",
        run: |count| pairs(24, Policy::Lowest, StatsLevel::Off, count),
    },
    HotPath {
        name: "lowest_empty/16/counts",
        run: |count| pairs(16, Policy::Lowest, StatsLevel::Counts, count),
    },
    HotPath {
        name: "spread/16/off",
        run: |count| pairs(16, Policy::Spread, StatsLevel::Off, count),
    },
    HotPath {
        name: "local/16/off",
        run: |count| {
            let pool = pool_of(16, Policy::Lowest, StatsLevel::Off);
            Pairs::empty(pool).local(count);
        },
    },
    HotPath {
        name: "full_random/16/counts",
        run: full_random,
    },
    HotPath {
        name: "exhausted/16/counts",
        run: exhausted,
    },
    HotPath {
        name: "into64_release_many/16/counts",
        run: batches,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    match args {
        [list] if list == "list" => {
            HOT_PATHS.iter().for_each(|path| println!("{}", path.name));
            Ok(())
        }
        [name, count] => {
            let path = HOT_PATHS.iter().find(|path| path.name == name);
            let path = path.ok_or_else(|| format!("no operation named {name}"))?;
            let count = count.parse().map_err(|_| format!("no count: {count}"))?;
            (path.run)(count);
            Ok(())
        }
        _ => Err("usage: hot_paths NAME COUNT, or hot_paths list".to_owned()),
    }
}

/// Allocates and releases on an empty pool. The time that `Pairs` measures is not used here.
fn pairs(prefix_len: u8, policy: Policy, stats: StatsLevel, count: u64) {
    let pairs = Pairs::empty(pool_of(prefix_len, policy, stats));
    pairs.allocate_release(count);
}

/// Releases a random address of a full pool and allocates it again.
fn full_random(count: u64) {
    let pairs = Pairs::full(default_pool());
    pairs.release_random_allocate(count);
}

fn exhausted(count: u64) {
    let pairs = Pairs::full(default_pool());
    pairs.exhausted(count);
}

/// Allocates 64 addresses at once, and releases them at once: together this is one operation.
fn batches(count: u64) {
    let pool = default_pool();
    let mut addrs = [Ipv4Addr::UNSPECIFIED; 64];
    for _ in 0..count {
        let taken = pool.allocate_into(&mut addrs);
        let report = pool.release_many(black_box(&addrs));
        assert_eq!((taken, report.released), (64, 64));
    }
    assert_eq!(pool.allocated(), 0);
}

fn default_pool() -> Pool<Ipv4Net> {
    pool_of(16, Policy::Lowest, StatsLevel::Counts)
}
