//! Every variant that a configuration can name is parsed from its name, and listed on the page of keys.
#![cfg(all(target_os = "linux", target_has_atomic = "64"))]

use hostbits::{
    Durability, Gateway, Policy, StatsLevel,
    set::{StaticBand, Strategy},
};
use hostbits_config::{Config, MemberConfig, values};

const KEYS: &str = include_str!("../KEYS.md");

fn read(set: &str, member: &str) -> Config {
    let text =
        format!("[sets.blue]\n{set}\n[[sets.blue.members]]\nnetwork = '10.0.0.0/24'\n{member}\n");
    Config::parse(&text).unwrap_or_else(|error| panic!("{text}{error:?}"))
}

fn member(line: &str) -> MemberConfig {
    read("", line).sets.remove(0).members.remove(0)
}

/// The line of a key on the page contains the name.
fn check_page(key: &str, name: &str) {
    let is_named =
        |line: &str| line.contains(&format!("`{key}`")) && line.contains(&format!("`{name}`"));
    assert!(KEYS.lines().any(is_named), "{key} {name}");
}

#[test]
fn every_policy_is_read() {
    for policy in Policy::ALL {
        let name = policy.name();
        let read = member(&format!("policy = '{name}'")).pool.policy;
        assert_eq!((read.policy.name(), read.is_seeded), (name, false));
        assert!(values::policy("best").unwrap_err().contains(name));
        check_page("policy", name);
    }
}

/// What is not written is the library's default, which costs least of what counts at all.
#[test]
fn every_level_of_statistics_is_read() {
    for level in StatsLevel::ALL {
        let pool = member(&format!("stats = '{level}'")).pool;
        let built = pool.builder::<ipnet::Ipv4Net>().unwrap().build().unwrap();
        assert_eq!((pool.stats, built.info().stats), (level, level));
        assert!(values::stats("all").unwrap_err().contains(level.name()));
        check_page("stats", level.name());
    }
    assert_eq!(member("").pool.stats, StatsLevel::default());
}

#[test]
fn every_durability_is_read() {
    for durability in Durability::ALL {
        let read = member(&format!("file = 'a'\ndurability = '{durability}'"))
            .file
            .unwrap();
        assert_eq!(read.durability, durability);
        assert!(
            values::durability("best")
                .unwrap_err()
                .contains(durability.name())
        );
        check_page("durability", durability.name());
    }
}

#[test]
fn every_strategy_is_read() {
    for strategy in Strategy::ALL {
        let read = read(&format!("strategy = '{strategy}'"), "");
        assert_eq!(read.sets[0].strategy, strategy);
        assert!(
            values::strategy("best")
                .unwrap_err()
                .contains(strategy.name())
        );
        check_page("strategy", strategy.name());
    }
}

#[test]
fn every_gateway_is_read() {
    for gateway in Gateway::ALL {
        let gateway = match gateway {
            Gateway::At(_) => Gateway::of_name("10.0.0.9").unwrap(),
            other => {
                check_page("gateway", other.name());
                other
            }
        };
        assert_eq!(
            member(&format!("gateway = '{gateway}'")).pool.gateway,
            gateway
        );
        assert!(values::gateway("best").unwrap_err().contains("an address"));
    }
}

/// A band that is a word is written in quotes; a number is not.
#[test]
fn every_band_is_read() {
    for band in StaticBand::ALL {
        let text = match band {
            StaticBand::Lowest(count) => count.to_string(),
            other => format!("'{other}'"),
        };
        assert_eq!(member(&format!("band = {text}")).band, Some(band));
    }
}
