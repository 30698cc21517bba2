//! Runs the same pairs in two builds of the library: one as it is, one that does not look at the barrier.
//!
//! Both are monomorphized here, with the same options, so that they differ only in the two looks.

use crate::ratio::time;
use ipnet::Ipv4Net;
use std::hint::black_box;
use std::net::Ipv4Addr;

/// Runs this number of pairs, and returns nanoseconds per pair.
type Timed = Box<dyn FnMut(u64) -> f64>;

macro_rules! pairs {
    ($name:expr, $hostbits:ident) => {{
        let parts: Vec<&str> = $name.split('/').collect();
        let prefix_len = parts[1].parse().expect("a prefix length");
        let network = Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), prefix_len).expect("a network");
        let policy = match parts[0] {
            "barrier_spread" => $hostbits::Policy::Spread,
            _ => $hostbits::Policy::Lowest,
        };
        let stats = match parts[2] {
            "off" => $hostbits::StatsLevel::Off,
            _ => $hostbits::StatsLevel::default(),
        };
        let builder = $hostbits::Pool::builder(network).reserve_edges(false);
        let built = builder.policy(policy).stats(stats).build();
        let pool = built.expect("a valid pool");
        let wanted = pool.addr_of(7).expect("a slot of the pool");
        if parts[0] == "barrier_exact" {
            Box::new(move |operations| {
                time(operations, || {
                    pool.allocate_exact(black_box(wanted)).expect("it is free");
                    pool.release(wanted).expect("just allocated");
                })
            }) as Timed
        } else {
            Box::new(move |operations| {
                time(operations, || {
                    let addr = pool.allocate().expect("not exhausted");
                    pool.release(black_box(addr)).expect("just allocated");
                })
            })
        }
    }};
}

/// Returns the pairs of a row of `ratios`, in the library as it is.
pub fn with(row: &str) -> Timed {
    pairs!(row, hostbits)
}

/// Returns the pairs of a row of `ratios`, in the build without the barrier.
pub fn without(row: &str) -> Timed {
    pairs!(row, hostbits_without_barrier)
}

#[cfg(test)]
mod tests {
    use ipnet::Ipv4Net;

    /// In the library as it is, a pass sees what is claimed meanwhile. In the other build, the look at the gate sees
    /// nothing, so no pass ends.
    #[test]
    fn the_one_has_a_barrier_and_the_other_has_none() {
        macro_rules! orphans {
            ($hostbits:ident) => {{
                let network: Ipv4Net = "10.0.0.0/24".parse().unwrap();
                let pool = $hostbits::Pool::new(network).unwrap();
                let mut reconciler = pool.reconciler().unwrap();
                let pass = reconciler.begin().unwrap();
                pool.allocate().unwrap();
                pass.finish(0)
                    .map(|plan| plan.slots.orphan + plan.slots.ripe)
            }};
        }
        assert_eq!(orphans!(hostbits).unwrap(), 0);
        assert!(orphans!(hostbits_without_barrier).is_err());
    }
}
