//! Status, counts, pictures, statistics.

use super::*;

/// Counts and listings agree with what was done.
#[test]
fn looks_agree_with_what_was_done() {
    let (pool, clock) = pool(24, 60);
    assert_eq!(counts(&pool), [253, 0, 0, 0, 0]);
    assert_eq!(pool.capacity(), 253);
    let offered = pool.allocate_exact(host(50), seconds(10)).unwrap();
    let leased = pool.allocate_exact(host(40), Term::Forever).unwrap();
    let ended = pool.allocate_exact(host(30), Term::Forever).unwrap();
    let owned = pool.allocate_for(at_home(60), term(10)).unwrap();
    assert_eq!(pool.release(&ended), Ok(Released::Ended));
    assert_eq!(counts(&pool), [249, 1, 2, 1, 0]);
    assert_eq!(pool.iter().collect::<Vec<_>>(), [leased, offered, owned]);
    assert_eq!(pool.owned_by(at_home(60)).collect::<Vec<_>>(), [owned]);
    assert_eq!(pool.owned_by(at_home(61)).count(), 0);
    for lease in [offered, leased, owned] {
        assert_eq!(pool.lease_of(lease.addr()), Some(lease));
    }
    for addr in [30, 31, 0, 1, 255]
        .map(host)
        .into_iter()
        .chain([a4("10.0.1.0")])
    {
        assert_eq!(pool.lease_of(addr), None, "{addr}");
    }
    // Whatever its time, it counts as what its record says.
    clock.advance(seconds(1000));
    assert_eq!(counts(&pool), [249, 1, 2, 1, 0]);
    assert_eq!(pool.sweep().freed, 3);
    assert_eq!(counts(&pool), [252, 0, 1, 0, 0]);
}

/// A status has its own name for each state.
#[test]
fn every_state_has_its_status() {
    let (pool, _clock) = pool(24, 60);
    let status = |addr| format!("{:?}", pool.status(addr));
    assert_eq!(status(host(2)), "Free");
    assert_eq!(status(host(0)), "Reserved { label: \"network\" }");
    assert_eq!(status(host(255)), "Reserved { label: \"broadcast\" }");
    assert_eq!(status(a4("10.0.1.0")), "OutOfRange");
    let lease = pool.allocate_for(at_home(2), seconds(1)).unwrap();
    let generation = lease.generation();
    assert_eq!(
        status(host(2)),
        format!("Offered {{ generation: {generation}, remaining: 2s }}")
    );
    let owner = format!("Some({:?})", at_home(2));
    pool.renew(&lease, Term::Forever).unwrap();
    assert_eq!(
        status(host(2)),
        format!("Leased {{ generation: {generation}, owner: {owner}, remaining: None }}")
    );
    assert_eq!(pool.release(&lease), Ok(Released::Ended));
    assert_eq!(
        status(host(2)),
        format!("Cooling {{ generation: {generation}, owner: {owner}, remaining: 61s }}")
    );
}

/// Pictures show what is free: what rests is not.
#[test]
fn pictures_show_what_is_free() {
    let (pool, clock) = pool(24, 60);
    let empty = pool.snapshot();
    let lease = pool.allocate_exact(host(100), seconds(10)).unwrap();
    let ended = pool.allocate_exact(host(200), seconds(10)).unwrap();
    assert_eq!(pool.release(&ended), Ok(Released::Ended));
    let diff = pool.snapshot().diff(&empty).unwrap();
    assert_eq!(diff.allocated, [lease.addr(), ended.addr()]);
    assert!(diff.released.is_empty());
    let mut cells = [9; 5];
    assert_eq!(pool.fill(6, &mut cells), 4);
    assert_eq!(cells[..4], [62, 63, 64, 62]);
    clock.advance(seconds(71));
    let _swept = pool.sweep();
    let diff = pool.snapshot().diff(&empty).unwrap();
    assert_eq!((diff.allocated.len(), diff.released.len()), (0, 0));
    assert_eq!(pool.fill(6, &mut cells), 4);
    assert_eq!(cells[..4], [62, 64, 64, 63]);
}

/// Each verb counts where it belongs, and an end that nothing asked for counts nowhere.
#[test]
fn every_verb_counts_where_it_belongs() {
    let (pool, clock) = pool(29, 0);
    let any = pool.allocate(seconds(10)).unwrap();
    pool.allocate_in(host(2)..=host(6), seconds(10)).unwrap();
    pool.allocate_exact(host(6), seconds(10)).unwrap();
    pool.allocate_exact(host(6), seconds(10)).unwrap_err();
    pool.allocate_exact(host(0), seconds(10)).unwrap_err();
    pool.allocate_exact(host(9), seconds(10)).unwrap_err();
    pool.allocate_in(host(9)..=host(9), seconds(10))
        .unwrap_err();
    pool.allocate_preferring(host(6), seconds(10)).unwrap();
    pool.allocate_many(2, seconds(10)).unwrap_err();
    let batch = pool.allocate_many(1, seconds(10)).unwrap();
    pool.allocate(seconds(10)).unwrap_err();
    assert_eq!(pool.release(&batch[0]), Ok(Released::Ended));
    pool.allocate_for(at_home(2), seconds(10)).unwrap();
    pool.allocate_for(at_home(2), seconds(10)).unwrap();
    assert_eq!(pool.release(&batch[0]), Ok(Released::Stale));
    pool.renew(&any, term(10)).unwrap();
    assert_eq!(pool.release(&any), Ok(Released::Ended));
    assert_eq!(pool.release(&any), Ok(Released::AlreadyEnded));
    let outside = Lease::from_parts(host(9), 1).unwrap();
    assert!(pool.release(&outside).is_err());
    let adopted = pool.adopt(Unreadable::default(), ["10.0.0.2"], |_| None);
    assert_eq!(adopted.unwrap().report.taken, 1);
    let stats = pool.stats();
    let allocated = stats.allocations;
    assert_eq!(
        [
            allocated.any,
            allocated.exact,
            allocated.preferred,
            allocated.batch,
            allocated.adopted
        ],
        [2, 1, 2, 1, 1]
    );
    let failures = stats.failures;
    assert_eq!(
        [
            failures.exhausted,
            failures.taken,
            failures.reserved,
            failures.out_of_range
        ],
        [2, 1, 1, 2]
    );
    assert_eq!((stats.releases, stats.release_errors), (2, 3));
    clock.advance(seconds(100));
    let _swept = pool.sweep();
    assert_eq!(pool.stats().releases, 2);
    pool.reset_stats();
    assert_eq!(pool.stats().releases, 0);
    assert_eq!(pool.stats_total().releases, 2);
    assert_eq!(counts(&pool), [4, 0, 1, 0, 0]);
    let silent = Pool::builder(v4("10.0.0.0/29"))
        .stats(StatsLevel::Off)
        .leases()
        .build()
        .unwrap();
    silent.allocate(seconds(1)).unwrap();
    assert_eq!(silent.stats().allocations.any, 0);
    assert_eq!(silent.info().stats, StatsLevel::Off);
}

/// Sixteen bytes a slot beside what a plain pool takes; and what is said of the layout is what a plain pool says.
#[test]
fn a_record_is_sixteen_bytes() {
    for prefix_len in [30, 24, 16] {
        let net = Ipv4Net::new(ten(0), prefix_len).unwrap();
        let plain = Pool::builder(net).stats(StatsLevel::Off).build().unwrap();
        let leases = Pool::builder(net)
            .stats(StatsLevel::Off)
            .leases()
            .build()
            .unwrap();
        let (plain, info) = (plain.info(), leases.info());
        let records = 16 * info.slots as usize;
        // Locks: at most one for 64 slots, and at most 256.
        let locks = 64 * (info.slots as usize / 64).clamp(1, 256);
        assert!(info.memory_bytes >= plain.memory_bytes + records);
        assert!(info.memory_bytes <= plain.memory_bytes + records + locks);
        assert_eq!(
            (info.slots, info.capacity, info.gateway, info.first_usable),
            (
                plain.slots,
                plain.capacity,
                plain.gateway,
                plain.first_usable
            )
        );
        assert_eq!(format!("{leases:?}"), format!("LeasePool({info})"));
    }
}
