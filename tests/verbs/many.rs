//! Many addresses at once.

use super::*;

/// What a call of `release_many` says, from one release after the other into a pool with the same contents. Those of
/// one word that follow each other are one step, which is reported in the order of their addresses.
fn one_by_one<N: Network>(pool: &Pool<N>, addrs: &[N::Addr]) -> ([u64; 5], Option<ReleaseError>) {
    let mut counts = [0; 5];
    let mut first_error = None;
    let mut step: Vec<(u32, Option<ReleaseError>)> = Vec::new();
    let end_of_step = |step: &mut Vec<(u32, Option<ReleaseError>)>, first: &mut Option<_>| {
        step.sort_by_key(|&(slot, _)| slot);
        if let Some(error) = step.drain(..).find_map(|(_, error)| error) {
            first.get_or_insert(error);
        }
    };
    for &addr in addrs {
        match pool.release(addr) {
            outcome @ (Ok(()) | Err(ReleaseError::NotAllocated { .. })) => {
                let slot = pool.slot_of(addr).unwrap();
                let is_near = |&(other, _): &(u32, _)| other / 64 == slot / 64 && other != slot;
                if !step.iter().all(is_near) {
                    end_of_step(&mut step, &mut first_error);
                }
                counts[usize::from(outcome.is_err())] += 1;
                step.push((slot, outcome.err()));
            }
            Err(error) => {
                end_of_step(&mut step, &mut first_error);
                counts[match error {
                    ReleaseError::Reserved { .. } => 2,
                    ReleaseError::OutOfRange { .. } => 3,
                    ReleaseError::Misaligned { .. } => 4,
                    other => panic!("{other:?}"),
                }] += 1;
                first_error.get_or_insert(error);
            }
        }
    }
    end_of_step(&mut step, &mut first_error);
    (counts, first_error)
}

/// Returns a list of addresses in rows, upwards and downwards, of which some come twice.
fn some_rows<A: Copy>(all: &[A], numbers: &mut Numbers) -> Vec<A> {
    let mut addrs = Vec::new();
    for _ in 0..numbers.below(6) {
        let first = numbers.below(all.len() as u64) as usize;
        let most = [4, 150][numbers.below(2) as usize];
        let len = numbers.below(most) as usize;
        let row = all[first..]
            .iter()
            .copied()
            .take(len)
            .collect::<Vec<A>>()
            .into_iter();
        match numbers.below(4) {
            0 => addrs.extend(row.rev()),
            1 => addrs.extend(row.step_by(2)),
            _ => addrs.extend(row),
        }
    }
    addrs
}

fn check<N: Network>(build: impl Fn() -> Pool<N>, all: &[N::Addr]) {
    let (pool, twin) = (build(), build());
    let mut numbers = Numbers(11);
    for step in 0..400 {
        for addr in some_rows(all, &mut numbers) {
            let taken = pool.allocate_exact(addr).is_ok();
            assert_eq!(twin.allocate_exact(addr).is_ok(), taken);
        }
        let addrs = some_rows(all, &mut numbers);
        let (counts, first_error) = one_by_one(&twin, &addrs);
        let report = pool.release_many(&addrs);
        let told = [
            report.released,
            report.not_allocated,
            report.reserved,
            report.out_of_range,
            report.misaligned,
        ];
        assert_eq!(told, counts, "step {step}: {addrs:?}");
        assert_eq!(report.first_error, first_error, "step {step}: {addrs:?}");
        assert!(pool.iter().eq(twin.iter()), "step {step}");
    }
}

/// Rows, holes, doubles, reserved, foreign and misaligned addresses, of both families.
#[test]
fn release_many_answers_like_one_release_after_the_other() {
    let v4_addrs: Vec<_> = (0..1100).map(ten).collect();
    check(
        || {
            let builder = Pool::builder(v4("10.0.0.0/22"));
            builder
                .reserve(ten(300)..=ten(310), "hole")
                .build()
                .unwrap()
        },
        &v4_addrs,
    );
    check(
        || {
            let ranges = [ten(3)..=ten(70), ten(90)..=ten(400), ten(700)..=ten(701)];
            Pool::<Ipv4Net>::over(ranges).build().unwrap()
        },
        &v4_addrs,
    );
    let any: Vec<_> = v4_addrs.iter().map(|&addr| IpAddr::V4(addr)).collect();
    check(
        || Pool::new("10.0.0.0/23".parse::<IpNet>().unwrap()).unwrap(),
        &any,
    );
    let v6: Vec<_> = (0..600u128)
        .map(|index| Ipv6Addr::from_bits(0x2001_0db8 << 96 | index))
        .collect();
    check(
        || Pool::new("2001:db8::/119".parse::<Ipv6Net>().unwrap()).unwrap(),
        &v6,
    );
    // Units of four, and addresses within them.
    check(
        || {
            let builder = Pool::builder(v4("10.0.0.0/23")).unit(30);
            builder.build().unwrap()
        },
        &v4_addrs,
    );
    let units: Vec<_> = (0..300).map(|unit| ten(4 * unit)).collect();
    check(
        || Pool::builder(v4("10.0.0.0/22")).unit(30).build().unwrap(),
        &units,
    );
}

/// A batch is what as many single calls return, with each policy that has an order; a shorter one is all that is free.
#[test]
fn a_batch_takes_what_single_calls_would_take() {
    every_way(|policy, search| {
        if policy == Policy::Spread {
            return;
        }
        let build = || {
            Pool::builder(v4("10.0.0.0/20"))
                .policy(policy)
                .search(search)
        };
        let [batches, singles] = [(); 2].map(|()| build().build().unwrap());
        let mut numbers = Numbers(7);
        let mut held = Vec::new();
        for step in 0..500 {
            let mut addrs = [ten(0); 200];
            let count = numbers.below(if step % 5 == 0 { 200 } else { 20 }) as usize;
            let taken = batches.allocate_into(&mut addrs[..count]);
            let expected: Vec<_> = (0..count).map_while(|_| singles.allocate().ok()).collect();
            assert_eq!(
                addrs[..taken],
                expected,
                "{policy:?} {search:?}, step {step}"
            );
            held.extend(expected);
            let most = [10, 40, 300][step / 100 % 3];
            let back = numbers.below(most).min(held.len() as u64) as usize;
            let at = numbers.below((held.len() - back) as u64 + 1) as usize;
            let back: Vec<_> = held.drain(at..at + back).collect();
            for pool in [&batches, &singles] {
                assert_eq!(pool.release_many(&back).released, back.len() as u64);
            }
        }
    });
}
