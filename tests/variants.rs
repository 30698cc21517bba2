//! Every variant of what is written down somewhere survives the way there and back: names, pool files, JSON.
//!
//! The configuration has the same in `crates/hostbits-config/tests/variants.rs`, the command line in
//! `crates/hostbits-cli/tests/cli/variants.rs`. All of them go over `ALL`, so a new variant is in them.

#[cfg(all(feature = "mmap", target_os = "linux"))]
#[path = "support/scratch.rs"]
mod scratch;

use hostbits::{
    Gateway, Policy, Pool, Search, StatsLevel,
    set::{StaticBand, Strategy},
};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::fmt::Debug;

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

/// A name is kebab case, shown as it is, read again, and unique.
fn check_names<T: Copy + PartialEq + Debug + ToString>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
    of_name: impl Fn(&str) -> Option<T>,
) {
    for &variant in all {
        let name = name(variant);
        let is_kebab = |byte: u8| byte == b'-' || byte.is_ascii_lowercase();
        assert!(name.bytes().all(is_kebab), "{name}");
        assert_eq!(variant.to_string(), name);
        assert_eq!(of_name(name), Some(variant), "{name}");
        assert_eq!(of_name(&name.to_uppercase()), None, "{name}");
        assert_eq!(of_name(&format!("{name} ")), None, "{name}");
    }
    let names: BTreeSet<_> = all.iter().map(|&variant| name(variant)).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn every_name_is_read_again() {
    check_names(&Policy::ALL, Policy::name, |name| {
        Policy::of_name(name, || 0)
    });
    check_names(&Strategy::ALL, Strategy::name, Strategy::of_name);
    check_names(&StatsLevel::ALL, StatsLevel::name, StatsLevel::of_name);
    check_names(&Search::ALL, Search::name, Search::of_name);
}

/// Those that hold a value are written as the value.
#[test]
fn every_gateway_and_every_band_is_read_again() {
    for gateway in Gateway::ALL {
        assert_eq!(Gateway::of_name(&gateway.to_string()), Some(gateway));
    }
    for band in StaticBand::ALL {
        assert_eq!(StaticBand::of_name(&band.to_string()), Some(band));
    }
    assert_eq!(Gateway::of_name("an address"), None);
    assert_eq!(StaticBand::of_name("a number of addresses"), None);
    assert_eq!(StaticBand::of_name("-1"), None);
}

/// The seed of a name that has none is asked for, and only then.
#[test]
fn a_seed_is_asked_for_where_there_is_one() {
    for policy in Policy::ALL {
        let mut asked = 0;
        let read = Policy::of_name(policy.name(), || {
            asked += 1;
            7
        });
        let is_random = matches!(policy, Policy::Random(_));
        assert_eq!(read != Some(policy), is_random, "{policy}");
        assert_eq!(asked, u32::from(is_random), "{policy}");
        assert_eq!(Policy::of_name("best", || unreachable!()), None);
    }
}

/// Whatever the choices, a pool says what they were, and hands out all that it has once.
#[test]
fn every_choice_makes_a_pool() {
    for (policy, search) in Policy::ALL
        .into_iter()
        .flat_map(|policy| Search::ALL.map(|it| (policy, it)))
    {
        for (gateway, level) in Gateway::ALL
            .into_iter()
            .flat_map(|it| StatsLevel::ALL.map(|level| (it, level)))
        {
            let gateway = match gateway {
                Gateway::At(_) => Gateway::of_name("10.0.0.9").unwrap(),
                other => other,
            };
            let builder = Pool::builder(net("10.0.0.0/28"));
            let builder = builder
                .policy(policy)
                .search(search)
                .gateway(gateway)
                .stats(level);
            let pool = builder.build().unwrap();
            let info = pool.info();
            assert_eq!(
                (info.policy, info.search, info.stats),
                (policy, search, level)
            );
            let held: BTreeSet<_> = std::iter::from_fn(|| pool.allocate().ok()).collect();
            assert_eq!(
                held.len(),
                14 - usize::from(info.gateway.is_some()),
                "{policy} {gateway}"
            );
            assert!(held.iter().all(|&addr| Some(addr.into()) != info.gateway));
            assert!(pool.allocate().is_err());
        }
    }
}

#[cfg(all(feature = "mmap", target_os = "linux"))]
mod file {
    use super::{check_names, net};
    use crate::scratch::Scratch;
    use hostbits::{
        Durability, Gateway, Policy, Pool,
        file::{self, RecoveryKind},
    };

    #[test]
    fn every_name_is_read_again() {
        check_names(&Durability::ALL, Durability::name, Durability::of_name);
        check_names(
            &RecoveryKind::ALL,
            RecoveryKind::name,
            RecoveryKind::of_name,
        );
    }

    /// Created, looked at, opened with and without a description, grown in place and into a larger file, copied
    /// and put back: what it is stays the same.
    #[test]
    fn every_policy_and_durability_survives_a_file() {
        let choices = Policy::ALL
            .into_iter()
            .flat_map(|policy| Durability::ALL.map(|durability| (policy, durability)));
        for (policy, durability) in choices {
            let scratch = Scratch::new("variants");
            let (path, copy) = (scratch.path("pool"), scratch.path("copy"));
            let of = |text| {
                Pool::builder(net(text))
                    .policy(policy)
                    .durability(durability)
            };
            let check = |path: &_| {
                let view = file::read(path).unwrap();
                assert_eq!(view.info.policy.name(), policy.name());
                assert_eq!(view.durability, durability, "{policy}");
                let pool = file::open(path).unwrap();
                assert_eq!(pool.info().policy.name(), policy.name());
                assert_eq!(pool.health().unwrap().durability, durability, "{policy}");
            };
            drop(of("10.0.0.0/24").create(&path).unwrap());
            check(&path);
            drop(of("10.0.0.0/24").open(&path).unwrap());
            drop(of("10.0.0.0/23").grow(&path).unwrap());
            check(&path);
            drop(of("10.0.0.0/22").grow(&path).unwrap());
            check(&path);
            file::backup(&path, &copy).unwrap();
            check(&copy);
            file::restore(&copy, &path, 0).unwrap();
            check(&path);
            for other in Policy::ALL {
                let opened = of("10.0.0.0/22").open(&path).map(drop);
                assert!(opened.is_ok());
                let asked = Pool::builder(net("10.0.0.0/22")).policy(other).open(&path);
                assert_eq!(asked.is_ok(), other == policy, "{policy} {other}");
            }
            for other in Durability::ALL {
                let asked = Pool::builder(net("10.0.0.0/22"))
                    .policy(policy)
                    .durability(other);
                assert_eq!(asked.open(&path).is_ok(), other == durability, "{policy}");
            }
        }
    }

    /// What the file keeps of a gateway is its address.
    #[test]
    fn every_gateway_survives_a_file() {
        for gateway in Gateway::ALL {
            let gateway = match gateway {
                Gateway::At(_) => Gateway::of_name("10.0.0.9").unwrap(),
                other => other,
            };
            let scratch = Scratch::new("gateways");
            let path = scratch.path("pool");
            let builder = Pool::builder(net("10.0.0.0/24")).gateway(gateway);
            let made = builder.build().unwrap().info().gateway;
            drop(builder.create(&path).unwrap());
            assert_eq!(file::read(&path).unwrap().info.gateway, made, "{gateway}");
            assert!(builder.open(&path).is_ok(), "{gateway}");
        }
    }
}

/// In JSON each of them is its name.
#[cfg(feature = "serde")]
#[test]
fn every_name_is_the_one_in_json() {
    fn check<T: serde::Serialize + ToString>(all: impl IntoIterator<Item = T>) {
        for variant in all {
            let json = serde_json::to_value(&variant).unwrap();
            assert_eq!(json, variant.to_string());
        }
    }
    check(Policy::ALL);
    check(Strategy::ALL);
    check(StatsLevel::ALL);
    check(Search::ALL);
    #[cfg(all(feature = "mmap", target_os = "linux"))]
    {
        check(hostbits::Durability::ALL);
        check(hostbits::file::RecoveryKind::ALL);
    }
}
