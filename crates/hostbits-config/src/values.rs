//! Parsers of values as people write them. An error is a sentence that says what to write instead.
//!
//! The command line parses its options with the same functions.

use crate::model::KeyBytes;
use hostbits::{Durability, Gateway, Policy, StatsLevel, set::Strategy};
use ipnet::IpNet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A range of addresses, from the first to the last, both included.
pub type AddrSpan = RangeInclusive<IpAddr>;

/// A policy, and whether a seed was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyChoice {
    /// The policy, with its seed if one was given.
    pub policy: Policy,
    /// Whether the policy was written as `random:SEED`. A pool file would not store the seed.
    pub is_seeded: bool,
}

/// Parses a network such as `10.0.0.0/24`. Host bits are kept as written; the pool reports them.
///
/// # Errors
///
/// Returns a sentence that says what to write instead.
pub fn network(text: &str) -> Result<IpNet, String> {
    let Some((addr, prefix_len)) = text.split_once('/') else {
        return Err(match text.parse() {
            Ok(IpAddr::V4(addr)) => no_prefix_len(addr.into(), 24),
            Ok(IpAddr::V6(addr)) => no_prefix_len(addr.into(), 112),
            Err(_) => no_network(text),
        });
    };
    // The parser of ipnet accepts 010.0.0.0/08, but some programs read an octet with a leading zero as octal.
    let strict =
        addr.parse::<IpAddr>().is_ok() && !(prefix_len.len() > 1 && prefix_len.starts_with('0'));
    text.parse()
        .ok()
        .filter(|_| strict)
        .ok_or_else(|| no_network(text))
}

fn no_prefix_len(addr: IpAddr, example: u8) -> String {
    format!("{addr} has no prefix length: write {addr}/{example}, for example")
}

fn no_network(text: &str) -> String {
    format!("{text:?} is not a network: write 10.0.0.0/24 or 2001:db8::/112, for example")
}

/// Parses `auto`, `first`, `last`, `none` or an address.
///
/// # Errors
///
/// Returns a sentence that says what to write instead.
pub fn gateway(text: &str) -> Result<Gateway, String> {
    Gateway::of_name(text).ok_or_else(|| is_not(text, "gateway", &Gateway::ALL.map(Gateway::name)))
}

/// Parses the name of a policy, for example `lowest`, or `random:SEED`.
///
/// # Errors
///
/// Returns a sentence that says what to write instead.
pub fn policy(text: &str) -> Result<PolicyChoice, String> {
    match Policy::of_name(text, drawn_seed) {
        Some(policy) => Ok(PolicyChoice {
            policy,
            is_seeded: false,
        }),
        None => seeded_policy(text),
    }
}

fn seeded_policy(text: &str) -> Result<PolicyChoice, String> {
    match text.strip_prefix("random:").map(str::parse) {
        Some(Ok(seed)) => Ok(PolicyChoice {
            policy: Policy::Random(seed),
            is_seeded: true,
        }),
        Some(Err(_)) => Err(format!(
            "{text:?} has no valid seed: write a number from 0 to {}",
            u64::MAX
        )),
        None => {
            let names = Policy::ALL.map(Policy::name).into_iter();
            let all: Vec<_> = names.chain(["random:SEED"]).collect();
            Err(is_not(text, "policy", &all))
        }
    }
}

/// Parses `process`, `barrier` or `strict`.
///
/// # Errors
///
/// Returns a sentence that says what to write instead.
pub fn durability(text: &str) -> Result<Durability, String> {
    Durability::of_name(text)
        .ok_or_else(|| is_not(text, "durability", &Durability::ALL.map(Durability::name)))
}

/// Parses `in-order`, `round-robin`, `most-free` or `weighted`.
///
/// # Errors
///
/// Returns a sentence that says what to write instead.
pub fn strategy(text: &str) -> Result<Strategy, String> {
    Strategy::of_name(text)
        .ok_or_else(|| is_not(text, "strategy", &Strategy::ALL.map(Strategy::name)))
}

/// Reads `off`, `counts` or `full`.
///
/// # Errors
///
/// Returns a sentence that says what to write instead.
pub fn stats(text: &str) -> Result<StatsLevel, String> {
    StatsLevel::of_name(text).ok_or_else(|| {
        is_not(
            text,
            "level of statistics",
            &StatsLevel::ALL.map(StatsLevel::name),
        )
    })
}

/// Returns a sentence that lists the names to choose from.
pub(crate) fn is_not(text: &str, kind: &str, names: &[&str]) -> String {
    let list = match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    };
    format!("{text:?} is not a {kind}: write {list}")
}

/// Draws a seed that cannot be guessed: the standard library keys its hash tables from the system's random source.
fn drawn_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Parses `A-B`, or a single address. Addresses contain no hyphen.
///
/// # Errors
///
/// Returns a sentence that says what to write instead.
pub fn range(text: &str) -> Result<AddrSpan, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let addr = |text: &str| text.trim().parse::<IpAddr>().ok();
    match (addr(first), addr(last)) {
        (Some(first), Some(last)) => Ok(first..=last),
        _ => Err(format!(
            "{text:?} is not a range: write 10.0.0.100-10.0.0.199, for example"
        )),
    }
}

/// Parses `10m`, `1h 30m`, `90s`, or `0`.
pub fn duration(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        _ => humantime::parse_duration(text)
            .map_err(|error| format!("{error}: write 10m, 90s or 1h 30m, for example")),
    }
}

/// Parses a key: 32 hexadecimal digits. Messages do not repeat it.
pub fn key(text: &str) -> Result<KeyBytes, String> {
    let is_key = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u128::from_str_radix(text, 16) {
        Ok(key) if is_key => Ok(KeyBytes(key.to_be_bytes())),
        _ => Err("write 32 hexadecimal digits, drawn at random".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_strictly() {
        for good in [
            "10.0.0.0/24",
            "10.0.0.5/24",
            "0.0.0.0/0",
            "2001:DB8::/64",
            "::/0",
        ] {
            assert!(network(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "/24",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/024",
            "010.0.0.0/24",
            "10.0.0.00/24",
            " 10.0.0.0/24",
            "10.0.0.0/24 ",
            "10.0.0/24",
            "net",
            "10.0.0.0/24/24",
            "10.0.0.0/255.255.255.0",
        ] {
            assert!(network(bad).is_err(), "{bad:?}");
        }
    }

    /// Two draws are equal with a probability of 2^-64.
    #[test]
    fn seeds_are_drawn_anew() {
        assert_ne!(policy("random"), policy("random"));
        let seeded = PolicyChoice {
            policy: Policy::Random(7),
            is_seeded: true,
        };
        assert_eq!(policy("random:7"), Ok(seeded));
    }
}
