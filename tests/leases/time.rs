//! Terms are rounded up, and whatever a clock does wrong prolongs leases.

use super::*;

/// Advances a clock in small steps, and returns how long it took until `ended`.
fn time_until(clock: &ManualClock, step: Duration, mut ended: impl FnMut() -> bool) -> Duration {
    let start = clock.now();
    while !ended() {
        clock.advance(step);
        assert!(clock.now() - start < seconds(1000), "it never ends");
    }
    clock.now() - start
}

const OFFSETS: [u64; 7] = [
    0,
    1,
    499_999_999,
    500_000_000,
    999_000_000,
    999_999_998,
    999_999_999,
];

/// Whenever within a second a lease begins, it lasts at least its term, and at most two seconds longer. So do a renewal
/// and a rest.
#[test]
fn terms_are_rounded_up_whenever_they_begin() {
    let step = Duration::from_millis(20);
    let terms = [
        1,
        10_000_000,
        999_999_999,
        1_000_000_000,
        1_000_000_001,
        2_500_000_000,
    ];
    let mut offsets = OFFSETS.to_vec();
    offsets.extend((0..25).map(|part| part * 40_000_000 + 7));
    for cooldown in [0, 3] {
        for offset in &offsets {
            for term in terms.map(Duration::from_nanos) {
                for way in 0..3 {
                    let (pool, clock) = pool(30, cooldown);
                    clock.advance(seconds(1000) + Duration::from_nanos(*offset));
                    let lease = pool.allocate(match way {
                        0 => Grant::Offer(term),
                        1 => Grant::Lease(Term::For(term)),
                        _ => Grant::Offer(Duration::from_nanos(1)),
                    });
                    let lease = lease.unwrap();
                    if way == 2 {
                        pool.renew(&lease, Term::For(term)).unwrap();
                    }
                    let lasted = time_until(&clock, step, || {
                        let _swept = pool.sweep();
                        is_free(&pool, lease.addr())
                    });
                    let least = term + seconds(cooldown);
                    assert!(lasted >= least, "{lasted:?} of {term:?} from {offset}");
                    assert!(
                        lasted <= least + seconds(2) + step,
                        "{lasted:?} of {term:?} from {offset}"
                    );
                }
            }
        }
    }
}

/// A rest lasts at least the cooldown, and at most two seconds longer.
#[test]
fn rests_are_rounded_up_whenever_they_begin() {
    let step = Duration::from_millis(20);
    for cooldown in [1, 999_999_999, 1_000_000_001, 5_000_000_000].map(Duration::from_nanos) {
        for offset in OFFSETS {
            let clock = ManualClock::new();
            let builder = LeasePool::builder(v4("10.0.0.0/30")).cooldown(cooldown);
            let pool = builder.clock(&clock).build().unwrap();
            clock.advance(Duration::from_nanos(offset));
            let lease = pool.allocate(Term::Forever).unwrap();
            assert_eq!(pool.release(&lease), Ok(Released::Ended));
            let rested = time_until(&clock, step, || pool.allocate(seconds(1)).is_ok());
            assert!(rested >= cooldown, "{rested:?} of {cooldown:?}");
            assert!(rested <= cooldown + seconds(2) + step, "{rested:?}");
        }
    }
}

/// A cooldown is rounded up to whole seconds, and is at most four years.
#[test]
fn cooldowns_are_whole_seconds() {
    let built = |cooldown| {
        let builder = LeasePool::builder(v4("10.0.0.0/30"));
        let pool = builder.cooldown(cooldown).build()?;
        Ok::<_, BuildError>(pool.cooldown())
    };
    assert_eq!(built(Duration::ZERO), Ok(Duration::ZERO));
    assert_eq!(built(Duration::from_nanos(1)), Ok(seconds(1)));
    assert_eq!(built(Duration::from_millis(1001)), Ok(seconds(2)));
    assert_eq!(built(seconds(FOUR_YEARS)), Ok(seconds(FOUR_YEARS)));
    for too_long in [
        seconds(FOUR_YEARS) + Duration::from_nanos(1),
        seconds(u64::MAX),
        Duration::MAX,
    ] {
        let error = built(too_long).unwrap_err();
        assert_eq!(error.code(), "bad-cooldown");
        assert!(
            matches!(error, BuildError::BadCooldown { given, longest, .. }
                if given == too_long && longest == seconds(FOUR_YEARS)),
            "{error:?}"
        );
    }
    let default = LeasePool::new(v4("10.0.0.0/30")).unwrap();
    assert_eq!(default.cooldown(), seconds(60));
}

/// Zero, and more than four years, are refused by every verb that takes a term, and change nothing.
#[test]
fn terms_that_do_not_fit_are_refused() {
    let (pool, _clock) = pool(24, 60);
    let lease = pool.allocate(seconds(10)).unwrap();
    let wrong = [
        Duration::ZERO,
        seconds(FOUR_YEARS) + Duration::from_nanos(1),
        seconds(100 * 365 * 24 * 60 * 60),
        seconds(1 << 28),
        seconds(u64::from(u32::MAX) + 1),
        seconds(u64::MAX),
        Duration::MAX,
    ];
    for given in wrong {
        changes_nothing(&pool, || {
            let terms = [Grant::Offer(given), Grant::Lease(Term::For(given))];
            for grant in terms {
                let errors = [
                    pool.allocate(grant).unwrap_err(),
                    pool.allocate_exact(host(77), grant).unwrap_err(),
                    pool.allocate_preferring(host(77), grant).unwrap_err(),
                    pool.allocate_in(host(5)..=host(9), grant).unwrap_err(),
                    pool.allocate_many(3, grant).unwrap_err(),
                    pool.allocate_for(at_home(99), grant).unwrap_err(),
                ];
                for error in errors {
                    assert_eq!(error.code(), "bad-term");
                    let OfferError::BadTerm(bad) = error else {
                        panic!("{error:?}")
                    };
                    assert_eq!((bad.given, bad.longest), (given, seconds(FOUR_YEARS)));
                }
            }
            let error = pool.renew(&lease, Term::For(given)).unwrap_err();
            assert_eq!(error.code(), "bad-term");
            assert!(matches!(error, RenewError::BadTerm(bad) if bad.given == given));
        });
    }
    for fits in [Duration::from_nanos(1), seconds(FOUR_YEARS)] {
        pool.allocate(fits).unwrap();
        pool.renew(&lease, Term::For(fits)).unwrap();
    }
}

/// Near the end of what a record can hold, terms are refused and never wrapped; at the end the clock stands still, which
/// ends no lease. The longest term that an error names is one that fits.
#[test]
fn at_the_end_of_the_clock_nothing_wraps() {
    const END: u64 = (1 << 28) - 2;
    for (before_the_end, cooldown) in [0, 1, 2, 3, 5, 12, 100]
        .into_iter()
        .flat_map(|before| [0, 1, 60, FOUR_YEARS].map(|cooldown| (before, cooldown)))
    {
        let (pool, clock) = pool(24, cooldown);
        clock.advance(seconds(END - before_the_end));
        let released = pool.allocate(Term::Forever).unwrap();
        assert_eq!(pool.release(&released), Ok(Released::Ended));
        let forever = pool.allocate_for(at_home(70), Term::Forever).unwrap();
        let listed = [("10.0.0.90", "alice")];
        let adopted = pool.adopt(Unreadable::default(), listed, |_| Some(at_home(200)));
        assert_eq!(adopted.unwrap().leases[0].addr(), host(90));
        let mut offers = Vec::new();
        let ends = |given: u64| END - before_the_end + given + 1;
        for given in [1, 2, 5, 60, FOUR_YEARS] {
            match pool.allocate(seconds(given)) {
                Ok(lease) => {
                    assert!(ends(given) <= END, "{given} s");
                    offers.push((lease, ends(given)));
                }
                Err(OfferError::BadTerm(bad)) => {
                    assert!(ends(given) > END, "{given} s");
                    let fits = bad.longest.as_secs();
                    assert_eq!(fits, before_the_end.saturating_sub(1));
                    if fits != 0 {
                        pool.renew(&forever, term(fits)).unwrap();
                        offers.push((pool.allocate(seconds(fits)).unwrap(), ends(fits)));
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        for step in [before_the_end, 1, 1 << 40, u64::MAX] {
            clock.advance(seconds(step));
            let _swept = pool.sweep();
            assert_eq!(pool.lease_of(forever.addr()), Some(forever));
            assert!(pool.lease_of(host(90)).is_some());
            // Whatever the time, everything has a status.
            seen(&pool);
            for (lease, end) in &offers {
                // What would end after the end of the clock does not end.
                let is_held = pool.lease_of(lease.addr()) == Some(*lease);
                assert_eq!(is_held, end + cooldown > END, "{lease}");
            }
            let is_free = is_free(&pool, released.addr());
            let rests = if cooldown == 0 { 0 } else { cooldown + 1 };
            assert_eq!(is_free, rests <= before_the_end);
        }
        assert_eq!(pool.release(&forever), Ok(Released::Ended));
        let taken = pool.allocate_for(at_home(70), Term::Forever).unwrap();
        assert_eq!(taken.addr(), forever.addr());
    }
}

/// A manual clock adds, in all of its clones, and stops at its end.
#[test]
fn a_manual_clock_goes_only_forward() {
    let clock = ManualClock::new();
    let same = clock.clone();
    assert_eq!(clock.now(), Duration::ZERO);
    clock.advance(Duration::from_nanos(1_500_000_001));
    same.advance(Duration::from_nanos(1));
    assert_eq!(clock.now(), Duration::from_nanos(1_500_000_002));
    assert_eq!(ManualClock::default().now(), Duration::ZERO);
    clock.advance(Duration::MAX);
    assert_eq!(same.now(), Duration::from_nanos(u64::MAX));
    same.advance(Duration::MAX);
    assert_eq!(same.now(), Duration::from_nanos(u64::MAX));
}

/// The clock of the system goes on by itself.
#[test]
fn without_a_manual_clock_time_passes() {
    let builder = LeasePool::builder(v4("10.0.0.0/30")).cooldown(Duration::ZERO);
    let pool = builder.build().unwrap();
    let begin = Instant::now();
    let lost = pool.allocate(Duration::from_millis(1)).unwrap();
    let next = loop {
        match pool.allocate(seconds(10)) {
            Ok(next) => break next,
            Err(error) => assert!(error.is_exhausted()),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(next.addr(), lost.addr());
    // 20 ms: the coarse clock of the system.
    assert!(begin.elapsed() + Duration::from_millis(20) >= seconds(1));
}
