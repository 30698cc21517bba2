//! What a pool costs on the heap, measured with a counting allocator, against what it says itself.
#![allow(unsafe_code)]

mod common;

use common::{POLICIES, SEARCHES, host, ten, v4};
use hostbits::{Policy, Pool, Search, StatsLevel};
use ipnet::Ipv4Net;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread has on the heap now, and the most since the last `measure`. Without
    /// destructors: an allocator may be called while a thread ends.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn add(bytes: isize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
    if bytes > 0 {
        CALLS.set(CALLS.get() + 1);
    }
}

// SAFETY: every call goes to `System` with the arguments it came with, and what `System` returns is handed on
// unchanged; the counters neither allocate nor unwind: they are `const` cells without a destructor. A `Layout`'s
// size is at most `isize::MAX`. `realloc` and `alloc_zeroed` are the provided ones, which call these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: the caller promises of `layout` what it asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: the caller promises that `ptr` came from `alloc` above, hence
        // from `System`, with this `layout`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What `make` leaves on the heap, the most it had there meanwhile, and what it made.
fn measure<T>(make: impl FnOnce() -> T) -> (usize, usize, T) {
    let before = LIVE.get();
    PEAK.set(before);
    let made = make();
    let (live, peak) = (LIVE.get() - before, PEAK.get() - before);
    (
        usize::try_from(live).unwrap(),
        usize::try_from(peak).unwrap(),
        made,
    )
}

/// How often `call` asked for memory.
fn calls_of<T>(call: impl FnOnce() -> T) -> u64 {
    let before = CALLS.get();
    let made = call();
    let calls = CALLS.get() - before;
    drop(made);
    calls
}

/// The counter counts: a kilobyte is a kilobyte.
#[test]
fn the_measure_measures() {
    let (live, peak, kept) = measure(|| {
        drop(vec![0u8; 5000]);
        vec![0u8; 1024]
    });
    assert_eq!((live, peak, kept.len()), (1024, 5000, 1024));
    assert_eq!(calls_of(|| vec![0u8; 9]), 1);
}

/// At most 1.1 bits per slot and 8 KiB, now and while it is built; and never more than it says.
#[test]
fn the_heap_holds_what_the_pool_says_and_no_more_than_the_bound() {
    for prefix_len in 8..=32 {
        let net = Ipv4Net::new(ten(0), prefix_len).unwrap();
        for policy in POLICIES {
            for search in SEARCHES {
                for level in [StatsLevel::Off, StatsLevel::Counts, StatsLevel::Full] {
                    let what = format!("{net} {policy:?} {search:?} {level:?}");
                    let builder = Pool::builder(net)
                        .policy(policy)
                        .search(search)
                        .stats(level);
                    let (live, peak, pool) = measure(|| builder.build().unwrap());
                    let info = pool.info();
                    let bound = (info.slots as f64 * 1.1 / 8.0) as usize + 8192;
                    assert!(
                        info.memory_bytes <= live,
                        "{what}: says {}, has {live}",
                        info.memory_bytes
                    );
                    assert!(live <= bound, "{what}: has {live}, bound {bound}");
                    assert!(peak <= bound, "{what}: had {peak}, bound {bound}");
                    let before = LIVE.get();
                    drop(pool);
                    assert_eq!(
                        before - LIVE.get(),
                        live as isize,
                        "{what}: all of it is given back"
                    );
                }
            }
        }
    }
}

/// Reservations and ranges are on the heap too, and are counted.
#[test]
fn reservations_and_ranges_are_part_of_what_the_pool_says() {
    let plain = Pool::new(v4("10.0.0.0/16")).unwrap().info().memory_bytes;
    let mut reserving = Pool::builder(v4("10.0.0.0/16"));
    let mut ranging = Pool::builder(v4("10.0.0.0/16"));
    for index in 0..200 {
        reserving = reserving.reserve(
            ten(index * 128 + 7)..=ten(index * 128 + 9),
            "a rather long label for a test",
        );
        ranging = ranging.range(ten(index * 128 + 1)..=ten(index * 128 + 100));
    }
    let (live, _, reserved) = measure(|| reserving.build().unwrap());
    assert!(reserved.info().memory_bytes <= live);
    assert!(
        reserved.info().memory_bytes >= plain + 200 * 30,
        "the labels alone"
    );
    let (live, _, ranged) = measure(|| ranging.build().unwrap());
    let info = ranged.info();
    assert!(info.memory_bytes <= live);
    assert!(
        live <= (info.slots as f64 * 1.1 / 8.0) as usize + 8192 + 200 * 64,
        "64 bytes per range"
    );
}

/// So is a lease pool's record of each slot: it says what it has, but for the little that every pool leaves out.
#[test]
fn records_are_part_of_what_a_lease_pool_says() {
    for prefix_len in [30, 24, 16] {
        let net = Ipv4Net::new(ten(0), prefix_len).unwrap();
        let builder = Pool::builder(net).leases();
        let (live, peak, pool) = measure(|| builder.build().unwrap());
        let info = pool.info();
        assert!(info.memory_bytes >= 16 * info.slots as usize);
        assert!(info.memory_bytes <= live, "{net}: has {live}");
        assert!(live <= info.memory_bytes + 8192, "{net}: has {live}");
        assert!(peak <= live + 8192, "{net}: had {peak}");
        let before = LIVE.get();
        drop(pool);
        assert_eq!(
            before - LIVE.get(),
            live as isize,
            "all of it is given back"
        );
    }
}

/// The hot path: no verb for one address asks for memory, nor does `allocate_into`, nor a fact.
#[test]
fn verbs_for_one_address_do_not_allocate_memory() {
    for (policy, search) in POLICIES
        .into_iter()
        .flat_map(|policy| SEARCHES.map(|search| (policy, search)))
    {
        for level in [StatsLevel::Off, StatsLevel::Counts, StatsLevel::Full] {
            hot_path(policy, search, level);
        }
    }
}

fn hot_path(policy: Policy, search: Search, level: StatsLevel) {
    let pool = Pool::builder(v4("10.0.0.0/22"))
        .policy(policy)
        .search(search)
        .stats(level)
        .build()
        .unwrap();
    let _ = pool.allocate();
    // To begin a local takes memory: there, a pass learns what the local has.
    let mut local = pool.local();
    let calls = calls_of(|| {
        let mut addrs = [host(0); 100];
        for _ in 0..20 {
            let addr = pool.allocate().unwrap();
            let _ = pool.allocate_net().unwrap();
            let _ = pool.allocate_preferring(addr).unwrap();
            let _ = pool.allocate_exact(addr).unwrap_err();
            let _ = pool.allocate_in(ten(500)..=ten(600)).unwrap();
            let _ = pool.allocate_from(ten(700)).unwrap();
            drop(pool.guard().unwrap());
            let reserved = local.allocate().unwrap();
            local.release(reserved).unwrap();
            pool.release(addr).unwrap();
            pool.release(addr).unwrap_err();
            let taken = pool.allocate_into(&mut addrs);
            assert_eq!(pool.release_many(&addrs[..taken]).released, taken as u64);
            let _ = (
                pool.is_available(addr),
                pool.status(addr),
                pool.slot_of(addr),
                pool.allocated(),
                pool.contains(addr),
                pool.is_allocated(addr),
            );
            let _ = (
                pool.network(),
                pool.prefix_len(),
                pool.gateway(),
                pool.first(),
                pool.last(),
            );
        }
        while pool.allocate().is_ok() {}
        pool.stats()
    });
    assert_eq!(calls, 0, "{policy:?} {search:?} {level:?}");
}
