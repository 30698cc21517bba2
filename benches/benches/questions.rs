//! Asks one question at a time: what does the policy cost, what the fill, what the size?
//!
//! `cargo bench -p hostbits-benches --bench questions` asks all of them, about two minutes; words after
//! `--` choose the benches whose names contain them, and `-- --test` runs everything once. Absolute
//! times are those of one machine: for ratios that carry over to others, see `ratios.rs`.
//!
//! What is measured is first built and checked to work, outside the measured time, and only if its bench
//! was chosen.

use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use hostbits::{Policy, Pool, StatsLevel, next_free, users};
use hostbits_benches::fills::{Fill, fill_to, random_addrs};
use hostbits_benches::pool_of;
use ipnet::Ipv4Net;
use std::cell::LazyCell;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Short times, because there are many benches. Two runs on a quiet machine agree within a few percent.
const WARM_UP: Duration = Duration::from_millis(300);
const MEASUREMENT: Duration = Duration::from_millis(700);
const SAMPLES: usize = 20;
const RESAMPLES: usize = 10_000;

const POLICIES: [Policy; Policy::ALL.len()] = Policy::ALL;
const FILLS: [Fill; 6] = [
    Fill::EMPTY,
    Fill(500),
    Fill(900),
    Fill(990),
    Fill(999),
    Fill::FULL,
];
const PREFIX_LENS: [u8; 6] = [29, 24, 20, 16, 12, 8];
const STATS_LEVELS: [StatsLevel; 3] = [StatsLevel::Off, StatsLevel::Counts, StatsLevel::Full];

/// More addresses than the branch predictor can memorize.
const VICTIMS: usize = 1 << 16;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(WARM_UP)
        .measurement_time(MEASUREMENT)
        .sample_size(SAMPLES)
        .nresamples(RESAMPLES)
        .configure_from_args();
    for question in [
        by_policy_and_fill,
        by_size,
        by_stats,
        exact,
        release_by_thread,
        batches,
        blocks,
        exhausted,
        iterate,
        count,
        build,
        next_free_by_users,
    ] {
        question(&mut criterion);
    }
    criterion.final_summary();
}

fn by_policy_and_fill(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("allocate_release/by_policy_and_fill");
    for policy in POLICIES {
        for fill in FILLS {
            let id = format!("policy={policy}/size=16/fill={fill}");
            bench_pairs(&mut group, &id, fill, || {
                pool_of(16, policy, StatsLevel::default())
            });
        }
    }
}

fn by_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("allocate_release/by_size");
    for fill in [Fill::EMPTY, Fill::FULL] {
        for prefix_len in PREFIX_LENS {
            let id = format!("size={prefix_len}/fill={fill}");
            bench_pairs(&mut group, &id, fill, || lowest(prefix_len));
        }
    }
}

fn by_stats(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("allocate_release/by_stats");
    for level in STATS_LEVELS {
        let id = format!("stats={level:?}/size=16").to_lowercase();
        bench_pairs(&mut group, &id, Fill::EMPTY, || {
            pool_of(16, Policy::Lowest, level)
        });
    }
}

/// Claims a random address that is known, and releases it.
fn exact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exact/claim_release");
    for prefix_len in [24, 16, 8] {
        let prepared = LazyCell::new(|| {
            let pool = lowest(prefix_len);
            let addrs = random_addrs(&pool, VICTIMS);
            pool.allocate_exact(addrs[0]).expect("an empty pool");
            assert!(pool.allocate_exact(addrs[0]).is_err());
            pool.release(addrs[0]).expect("just allocated");
            assert_eq!(pool.allocated(), 0);
            (pool, addrs)
        });
        group.bench_function(format!("size={prefix_len}"), |bencher| {
            let (pool, addrs) = &*prepared;
            let mut addrs = addrs.iter().cycle();
            bencher.iter(|| {
                let addr = *addrs.next().expect("a cycle");
                pool.allocate_exact(addr).expect("it is free");
                pool.release(addr).expect("just allocated");
            });
        });
    }
}

/// Allocates on one thread, and releases on the same or on another one. Only the releases are timed.
fn release_by_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("release/by_whom");
    for releaser in ["same_thread", "other_thread"] {
        group.bench_function(format!("{releaser}/size=16"), |bencher| {
            bencher.iter_custom(|iters| release_elsewhere(iters, releaser == "other_thread"));
        });
    }
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batches/into_release_many");
    for batch in [1, 8, 64, 512] {
        let pool = LazyCell::new(|| {
            let pool = lowest(16);
            let mut addrs = vec![Ipv4Addr::UNSPECIFIED; batch];
            assert_eq!(pool.allocate_into(&mut addrs), batch);
            assert!(addrs.is_sorted_by(|one, next| one < next));
            assert_eq!(pool.release_many(&addrs).released, batch as u64);
            assert_eq!(pool.allocated(), 0);
            pool
        });
        let mut addrs = vec![Ipv4Addr::UNSPECIFIED; batch];
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("batch={batch}/size=16"), |bencher| {
            let pool = &*pool;
            bencher.iter(|| {
                let taken = pool.allocate_into(black_box(&mut addrs));
                pool.release_many(&addrs[..taken])
            });
        });
    }
}

fn blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("blocks/allocate_release");
    for prefix_len in [28, 26, 24] {
        let pool = LazyCell::new(|| {
            let pool = lowest(16);
            let block = pool.allocate_block(prefix_len).expect("an empty pool");
            assert_eq!(block.prefix_len(), prefix_len);
            assert_eq!(pool.allocated(), 1 << (32 - prefix_len));
            pool.release_block(block).expect("just allocated");
            assert_eq!(pool.allocated(), 0);
            pool
        });
        group.bench_function(format!("block={prefix_len}/size=16"), |bencher| {
            let pool = &*pool;
            bencher.iter(|| {
                let block = pool.allocate_block(prefix_len).expect("an empty pool");
                pool.release_block(black_box(block))
            });
        });
    }
}

/// Calls `allocate` on a full pool, which is refused.
fn exhausted(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exhausted/by_size");
    for prefix_len in [24, 16, 8] {
        let pool = LazyCell::new(|| {
            let pool = filled(prefix_len, Fill::FULL);
            assert!(pool.allocate().is_err());
            pool
        });
        group.bench_function(format!("size={prefix_len}"), |bencher| {
            let pool = &*pool;
            bencher.iter(|| pool.allocate().is_err());
        });
    }
}

/// Lists the allocated addresses. The throughput counts those.
fn iterate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("iterate/by_fill");
    for fill in [Fill(10), Fill(500), Fill::FULL] {
        let pool = LazyCell::new(|| {
            let pool = filled(16, fill);
            assert_eq!(pool.iter().count() as u64, pool.allocated());
            assert!(pool.iter().all(|addr| !pool.is_available(addr)));
            pool
        });
        let capacity = 1 << 16;
        group.throughput(Throughput::Elements(capacity - fill.free_count(capacity)));
        group.bench_function(format!("size=16/fill={fill}"), |bencher| {
            let pool = &*pool;
            bencher.iter(|| {
                for addr in pool.iter() {
                    black_box(addr);
                }
            });
        });
    }
}

/// Counts the allocated addresses: by their bits if no statistics are kept, otherwise as a sum of counters.
fn count(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("count/by_stats");
    for prefix_len in [16, 8] {
        for level in [StatsLevel::Off, StatsLevel::Counts] {
            let pool = LazyCell::new(|| {
                let pool = pool_of(prefix_len, Policy::Lowest, level);
                fill_to(&pool, Fill(900));
                pool
            });
            let id = format!("stats={level:?}/size={prefix_len}").to_lowercase();
            group.bench_function(id, |bencher| {
                let pool = &*pool;
                bencher.iter(|| pool.allocated());
            });
        }
    }
}

/// Builds a pool. Dropping it is not timed.
fn build(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build/by_size");
    for prefix_len in [24, 16, 8] {
        let capacity = LazyCell::new(|| {
            let capacity = lowest(prefix_len).capacity();
            assert_eq!(capacity, 1 << (32 - prefix_len));
            capacity
        });
        group.bench_function(format!("size={prefix_len}"), |bencher| {
            LazyCell::force(&capacity);
            bencher.iter_batched(
                || (),
                |()| lowest(black_box(prefix_len)),
                BatchSize::PerIteration,
            );
        });
    }
}

/// Finds the next free address from a list of users alone, which must be read completely.
fn next_free_by_users(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("next_free/by_users");
    for (users, prefix_len) in [(250, 24), (65_000, 16)] {
        let network = Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), prefix_len);
        // The first two are the network address and the gateway.
        let held = || network.hosts().skip(1).take(users);
        group.throughput(Throughput::Elements(users as u64));
        bench_next_free(&mut group, "addr", network, held);
        bench_next_free(&mut group, "text", network, || {
            held().map(|addr| addr.to_string())
        });
    }
}

fn bench_next_free<U: users::Record, I: Iterator<Item = U>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    kind: &str,
    network: Ipv4Net,
    held: impl Fn() -> I,
) {
    let prepared = LazyCell::new(|| {
        let users: Vec<U> = held().collect();
        let expected = Ipv4Addr::from(u32::from(network.addr()) + 2 + users.len() as u32);
        let found = next_free(network, &users).expect("one is free");
        assert_eq!(found.addr(), expected);
        users
    });
    let id = format!(
        "users={}/as={kind}/size={}",
        held().count(),
        network.prefix_len()
    );
    group.bench_function(id, |bencher| {
        let users = &*prepared;
        bencher.iter(|| next_free(network, black_box(users)));
    });
}

/// Allocates and releases on a pool of which the share `fill` is allocated; on a full pool, releases first.
fn bench_pairs(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: &str,
    fill: Fill,
    build: impl Fn() -> Pool<Ipv4Net>,
) {
    let prepared = LazyCell::new(|| {
        let pool = build();
        fill_to(&pool, fill);
        check_pair(&pool, fill);
        let victims = random_addrs(&pool, VICTIMS);
        (pool, victims)
    });
    group.bench_function(id, |bencher| {
        let (pool, victims) = &*prepared;
        if fill == Fill::FULL {
            let mut victims = victims.iter().cycle();
            bencher.iter(|| {
                let victim = *victims.next().expect("a cycle");
                pool.release(victim).expect("the pool is full");
                let addr = pool.allocate().expect("one is free");
                assert_eq!(addr, victim);
            });
        } else {
            bencher.iter(|| {
                let addr = pool.allocate().expect("not exhausted");
                pool.release(black_box(addr)).expect("just allocated");
            });
        }
    });
}

/// Checks that each free address is allocated once and comes back, and that the counts are right.
fn check_pair(pool: &Pool<Ipv4Net>, fill: Fill) {
    let allocated = pool.allocated();
    if fill == Fill::FULL {
        assert!(pool.allocate().is_err());
        let victim = random_addrs(pool, 1)[0];
        pool.release(victim).expect("the pool is full");
        assert_eq!(pool.allocate().expect("one is free"), victim);
    } else {
        let addr = pool.allocate().expect("not exhausted");
        assert!(!pool.is_available(addr));
        assert_eq!(pool.allocated(), allocated + 1);
        pool.release(addr).expect("just allocated");
        assert!(pool.is_available(addr));
    }
    assert_eq!(pool.allocated(), allocated);
}

/// Measures how long `count` releases take, in portions that a /16 can hold.
fn release_elsewhere(count: u64, on_other_thread: bool) -> Duration {
    const PORTION: u64 = 1 << 15;
    let pool = lowest(16);
    let (to_releaser, orders) = mpsc::channel::<Vec<Ipv4Addr>>();
    let (to_us, times) = mpsc::channel();
    let elapsed = thread::scope(|scope| {
        let pool = &pool;
        scope.spawn(move || {
            for addrs in orders {
                to_us.send(time_releases(pool, &addrs)).expect("we wait");
            }
        });
        let mut elapsed = Duration::ZERO;
        let mut missing = count;
        while missing != 0 {
            let portion = missing.min(PORTION);
            let addrs = allocate_one_by_one(pool, portion);
            elapsed += if on_other_thread {
                to_releaser.send(addrs).expect("the releaser waits");
                times.recv().expect("the releaser answers")
            } else {
                time_releases(pool, &addrs)
            };
            missing -= portion;
        }
        drop(to_releaser);
        elapsed
    });
    assert_eq!(pool.allocated(), 0);
    elapsed
}

fn allocate_one_by_one(pool: &Pool<Ipv4Net>, count: u64) -> Vec<Ipv4Addr> {
    let allocate = |_| pool.allocate().expect("not exhausted");
    (0..count).map(allocate).collect()
}

fn time_releases(pool: &Pool<Ipv4Net>, addrs: &[Ipv4Addr]) -> Duration {
    let start = Instant::now();
    for &addr in addrs {
        pool.release(addr).expect("allocated by the other side");
    }
    start.elapsed()
}

/// Returns an empty pool with default settings.
fn lowest(prefix_len: u8) -> Pool<Ipv4Net> {
    pool_of(prefix_len, Policy::Lowest, StatsLevel::default())
}

fn filled(prefix_len: u8, fill: Fill) -> Pool<Ipv4Net> {
    let pool = lowest(prefix_len);
    fill_to(&pool, fill);
    pool
}
