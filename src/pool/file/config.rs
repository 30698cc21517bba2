//! The description of the pool in the file, as text: one line per fact.
//!
//! ```text
//! hostbits pool 1
//! network 10.0.0.0/24
//! range 10.0.0.0 10.0.0.255
//! unit 32
//! gateway 10.0.0.1
//! reserve 10.0.0.0 10.0.0.0 network
//! policy lowest
//! ```
//!
//! The facts are those of the layout, not of the builder: every reservation is in the list with its label, so that
//! different ways to say the same become the same text. Capacity and durability are in the header. The seed of a random
//! policy is a key, and is not stored.

use crate::error::BuildError;
use crate::geometry::{Change, Gateway, Geometry, Plan};
use crate::network::Network;
use crate::open_error::{Mismatch, OpenError};
use crate::policy::Policy;
use crate::storage::file::Facts;
use ipnet::IpNet;
use std::fmt::{self, Write};
use std::net::IpAddr;

const FIRST_LINE: &str = "hostbits pool 1";

/// The configuration of a pool in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    network: Option<IpNet>,
    ranges: Vec<(IpAddr, IpAddr)>,
    unit: u8,
    gateway: Option<IpAddr>,
    reservations: Vec<(IpAddr, IpAddr, String)>,
    /// The policy; a random one has seed 0, because the text contains none.
    policy: Policy,
}

impl Config {
    pub(super) fn of<N: Network>(geometry: &Geometry<N>, policy: Policy) -> Self {
        let segments = geometry.segments().iter();
        let reservations = geometry.reservations().iter();
        Self {
            network: geometry.network().map(Into::into),
            ranges: segments
                .map(|segment| {
                    (
                        segment.base.into(),
                        geometry.last_addr_of(segment.last).into(),
                    )
                })
                .collect(),
            unit: geometry.unit(),
            gateway: geometry.gateway().map(Into::into),
            reservations: reservations
                .map(|run| {
                    let first = geometry.addr_of(run.first).into();
                    let last = geometry.last_addr_of(run.last).into();
                    (first, last, run.label.to_string())
                })
                .collect(),
            policy: policy.seeded(|| 0),
        }
    }

    /// Returns the policy, with this seed if it needs one.
    pub(super) fn policy(&self, seed: impl FnOnce() -> u64) -> Policy {
        self.policy.seeded(seed)
    }

    /// Returns the layout that this configuration describes.
    pub(super) fn lay_out(&self) -> Result<Geometry<IpNet>, OpenError> {
        // Such a pool existed, so a newer version must have written this.
        let unknown = |_: BuildError| OpenError::UnknownContent {
            what: "a pool like that of the configuration".to_owned(),
        };
        self.plan().lay_out().map_err(unknown)
    }

    fn plan(&self) -> Plan<IpNet> {
        let mut plan = Plan::new(self.network);
        plan.ranges.clone_from(&self.ranges);
        plan.reserve.clone_from(&self.reservations);
        plan.unit = Some(self.unit);
        // The network's own addresses are among the reservations.
        plan.edges = false;
        plan.gateway = self.gateway.map_or(Gateway::None, Gateway::At);
        plan
    }

    /// Checks that a header belongs to the same pool as this configuration.
    pub(super) fn check_header(&self, in_header: Facts) -> Result<(), OpenError> {
        let is_same = facts(&self.lay_out()?, in_header.mode) == in_header;
        is_same.then_some(()).ok_or(OpenError::Corrupt {
            what: "the header and the configuration contradict each other",
        })
    }

    /// Returns the slots that can be handed out in `larger` but not here, as ascending ranges. Returns `None` if that
    /// is not growth: an address would get another slot, or could no longer be handed out.
    pub(super) fn change_into(&self, other: &Self) -> Option<Change> {
        if self.policy != other.policy {
            return None;
        }
        let (old, new) = (self.lay_out().ok()?, other.lay_out().ok()?);
        old.change_into(&new).ok()
    }

    /// Returns the [`mismatches`](Self::mismatches), and that `taken`, which would be reserved, is allocated.
    pub(super) fn mismatches_for(&self, asked: &Self, taken: IpAddr) -> Vec<Mismatch> {
        let mut mismatches = self.mismatches(asked);
        mismatches.push(Mismatch {
            field: Mismatch::TAKEN,
            in_file: taken.to_string(),
            asked: "a reserved address".to_owned(),
        });
        mismatches
    }

    /// Returns everything in which the file differs from the request.
    pub(super) fn mismatches(&self, asked: &Self) -> Vec<Mismatch> {
        let mut mismatches = Vec::new();
        let mut compare = |field, in_file: String, asked: String| {
            if in_file != asked {
                mismatches.push(Mismatch {
                    field,
                    in_file,
                    asked,
                });
            }
        };
        compare("network", or_none(self.network), or_none(asked.network));
        compare("ranges", ranges(&self.ranges), ranges(&asked.ranges));
        compare(
            "unit",
            format!("/{}", self.unit),
            format!("/{}", asked.unit),
        );
        compare("gateway", or_none(self.gateway), or_none(asked.gateway));
        compare(
            "reservations",
            reservations(&self.reservations),
            reservations(&asked.reservations),
        );
        compare("policy", self.policy.to_string(), asked.policy.to_string());
        mismatches
    }

    /// Parses what [`Display`](fmt::Display) wrote. The checksum of the text is correct, so unreadable text was written
    /// by a newer version.
    pub(super) fn parse(text: &str) -> Result<Self, OpenError> {
        let unknown = |what: String| OpenError::UnknownContent { what };
        let mut lines = text.split_terminator('\n');
        let first_line = lines.next().unwrap_or_default();
        if first_line != FIRST_LINE {
            return Err(OpenError::unknown(first_line));
        }
        let mut draft = Draft::default();
        for line in lines {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            if draft.has(key) {
                return Err(unknown(format!("a second `{key}`")));
            }
            let read = draft.read(key, value);
            read.ok_or_else(|| OpenError::unknown(line))?;
        }
        if !text.ends_with('\n') {
            return Err(unknown("a configuration without an end".to_owned()));
        }
        let without = |key| unknown(format!("a configuration without `{key}`"));
        Ok(Self {
            network: draft.network,
            ranges: draft.ranges,
            unit: draft.unit.ok_or_else(|| without("unit"))?,
            gateway: draft.gateway,
            reservations: draft.reservations,
            policy: draft.policy.ok_or_else(|| without("policy"))?,
        })
    }
}

/// Returns what a header says about a layout, for readers that do not parse the text.
pub(super) fn facts<N: Network>(geometry: &Geometry<N>, mode: u8) -> Facts {
    let is_reserved = |slot| u8::from(geometry.label_of(slot).is_some());
    let last = (geometry.slot_count() - 1) as u32;
    let segment = &geometry.segments()[0];
    let bytes = N::addr_bits(segment.base).to_be_bytes();
    let width = geometry.addr_width();
    let mut base = [0; 16];
    let octets = usize::from(width / 8);
    base[..octets].copy_from_slice(&bytes[16 - octets..]);
    Facts {
        family: if width == 32 { 4 } else { 6 },
        prefix_len: geometry.network().map_or(u8::MAX, N::mask_len),
        mode,
        edges: match geometry.network() {
            Some(_) => is_reserved(0) | is_reserved(last) << 1,
            None => 0,
        },
        base,
        slot_count: geometry.slot_count(),
        first_host: geometry.runs().first().map_or(0, |run| run.first.into()),
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(network) = self.network {
            writeln!(f, "network {network}")?;
        }
        for (first, last) in &self.ranges {
            writeln!(f, "range {first} {last}")?;
        }
        writeln!(f, "unit {}", self.unit)?;
        if let Some(gateway) = self.gateway {
            writeln!(f, "gateway {gateway}")?;
        }
        for (first, last, label) in &self.reservations {
            writeln!(f, "reserve {first} {last} {}", Escaped(label))?;
        }
        writeln!(f, "policy {}", self.policy)
    }
}

/// A label on one line.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut label = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        label.push(match char {
            '\\' => match chars.next()? {
                'n' => '\n',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(label)
}

/// The part that was read so far.
#[derive(Default)]
struct Draft {
    network: Option<IpNet>,
    ranges: Vec<(IpAddr, IpAddr)>,
    unit: Option<u8>,
    gateway: Option<IpAddr>,
    reservations: Vec<(IpAddr, IpAddr, String)>,
    policy: Option<Policy>,
}

impl Draft {
    /// Reads a line; returns `None` if this version does not know it.
    fn read(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "network" => self.network = Some(value.parse().ok()?),
            "range" => self.ranges.push(parse_range(value)?),
            "unit" => self.unit = Some(value.parse().ok()?),
            "gateway" => self.gateway = Some(value.parse().ok()?),
            "reserve" => {
                let (first, rest) = value.split_once(' ')?;
                let (last, label) = rest.split_once(' ')?;
                let (first, last) = (first.parse().ok()?, last.parse().ok()?);
                self.reservations.push((first, last, unescaped(label)?));
            }
            "policy" => self.policy = Some(Policy::of_name(value, || 0)?),
            _ => return None,
        }
        Some(())
    }

    /// Returns whether a key that may occur only once has occurred.
    fn has(&self, key: &str) -> bool {
        match key {
            "network" => self.network.is_some(),
            "unit" => self.unit.is_some(),
            "gateway" => self.gateway.is_some(),
            "policy" => self.policy.is_some(),
            _ => false,
        }
    }
}

fn parse_range(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (first, last) = text.split_once(' ')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn or_none(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn ranges(ranges: &[(IpAddr, IpAddr)]) -> String {
    let range = |(first, last): &(IpAddr, IpAddr)| format!("{first} to {last}");
    ranges.iter().map(range).collect::<Vec<_>>().join(" and ")
}

fn reservations(reservations: &[(IpAddr, IpAddr, String)]) -> String {
    if reservations.is_empty() {
        return "none".to_owned();
    }
    let one = |(first, last, label): &(IpAddr, IpAddr, String)| {
        if first == last {
            format!("{first} ({label})")
        } else {
            format!("{first} to {last} ({label})")
        }
    };
    reservations
        .iter()
        .map(one)
        .collect::<Vec<_>>()
        .join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use ipnet::Ipv4Net;

    fn config<N: Network>(pool: &Pool<N>) -> Config {
        Config::of(&pool.geometry, pool.hints.policy())
    }

    fn pools() -> Vec<Pool<IpNet>> {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        vec![
            Pool::new(net("10.0.0.0/24")).unwrap(),
            Pool::new(net("10.0.0.0/31")).unwrap(),
            Pool::new(net("10.0.0.7/32")).unwrap(),
            Pool::new(net("2001:db8::/112")).unwrap(),
            Pool::builder(net("10.0.0.0/24"))
                .gateway(Gateway::Last)
                .reserve(
                    ip("10.0.0.200")..=ip("10.0.0.255"),
                    "odd \\ label\nin two lines ",
                )
                .reserve(ip("10.0.0.0")..=ip("10.0.0.9"), "")
                .policy(Policy::Random(7))
                .build()
                .unwrap(),
            Pool::builder(net("10.0.0.0/16"))
                .range(ip("10.0.1.7")..=ip("10.0.1.99"))
                .range(ip("10.0.9.0")..=ip("10.0.9.255"))
                .reserve_edges(false)
                .policy(Policy::Next)
                .build()
                .unwrap(),
            Pool::builder(net("2001:db8::/40"))
                .unit(56)
                .at_most(1000)
                .reserve(ip("2001:db8::")..=ip("2001:db8:0:5ff::"), "core")
                .policy(Policy::Spread)
                .build()
                .unwrap(),
            Pool::over([
                ip("10.0.0.3")..=ip("10.0.0.90"),
                ip("10.2.0.0")..=ip("10.2.0.9"),
            ])
            .gateway(Gateway::First)
            .build()
            .unwrap(),
            Pool::builder(net("10.0.0.0/24"))
                .reserve_edges(false)
                .gateway(Gateway::First)
                .at_most(0)
                .allow_empty(true)
                .build()
                .unwrap(),
            Pool::over([])
                .gateway(Gateway::Last)
                .allow_empty(true)
                .build()
                .unwrap(),
        ]
    }

    /// Text, configuration and layout are equivalent, whichever is derived from which.
    #[test]
    fn a_layout_survives_the_way_through_the_text() {
        for pool in pools() {
            let config = config(&pool);
            let text = config.to_string();
            assert_eq!(Config::parse(&text).unwrap(), config, "{text}");
            let geometry = config.lay_out().unwrap();
            let policy = config.policy(|| 7);
            assert_eq!(Config::of(&geometry, policy), config, "{text}");
            assert!(geometry.same_layout(&pool.geometry), "{text}");
            assert!(
                !text.contains('7') || !text.contains("random 7"),
                "no seed is written"
            );
        }
    }

    /// Any truncation and any changed character gives an error or another configuration, never a panic.
    #[test]
    fn damaged_texts_are_refused_or_something_else() {
        for pool in pools() {
            let config = config(&pool);
            let text = config.to_string();
            for cut in (0..text.len()).filter(|&cut| text.is_char_boundary(cut)) {
                let parsed = Config::parse(&text[..cut]);
                assert!(
                    parsed.is_err() || parsed.unwrap() != config,
                    "cut at {cut}: {text}"
                );
            }
            for at in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1;
                if let Ok(changed) = String::from_utf8(bytes)
                    && let Ok(parsed) = Config::parse(&changed)
                {
                    assert_ne!(parsed, config, "{changed}");
                    let _ = parsed.lay_out();
                }
            }
        }
    }

    /// Growth moves no address and takes none away.
    #[test]
    fn growth_keeps_every_address() {
        let net = |text: &str| text.parse::<Ipv4Net>().unwrap();
        let ip = |text: &str| text.parse::<std::net::Ipv4Addr>().unwrap();
        let of = |builder: crate::Builder<Ipv4Net>| config(&builder.build().unwrap());
        let small = of(Pool::builder(net("10.0.0.0/24")));
        let grown = |larger| {
            let change = small.change_into(&of(larger))?;
            change.removed.is_empty().then_some(change.added)
        };
        assert_eq!(
            grown(Pool::builder(net("10.0.0.0/23"))),
            Some(vec![(255, 510)])
        );
        assert_eq!(grown(Pool::builder(net("10.0.0.0/24"))), Some(vec![]));
        let open = Pool::builder(net("10.0.0.0/24"))
            .reserve_edges(false)
            .gateway(Gateway::None);
        assert_eq!(grown(open), Some(vec![(0, 1), (255, 255)]));
        assert_eq!(grown(Pool::builder(net("10.0.0.0/25"))), None, "smaller");
        assert_eq!(grown(Pool::builder(net("10.0.1.0/24"))), None, "elsewhere");
        assert_eq!(
            grown(Pool::builder(net("10.0.0.0/23")).policy(Policy::Next)),
            None
        );
        assert_eq!(
            grown(Pool::builder(net("10.0.0.0/23")).gateway(Gateway::Last)),
            Some(vec![(1, 1), (255, 509)])
        );
        let taken = Pool::builder(net("10.0.0.0/23")).reserve(ip("10.0.0.9")..=ip("10.0.0.9"), "x");
        assert_eq!(grown(taken), None, "somebody may hold it");
        let ranges = |second: &str| {
            let ranges = [
                ip("10.0.0.10")..=ip("10.0.0.19"),
                ip(second)..=ip("10.0.0.99"),
            ];
            of(Pool::<Ipv4Net>::over(ranges))
        };
        assert_eq!(
            ranges("10.0.0.95").change_into(&ranges("10.0.0.90")),
            None,
            "addresses move"
        );
        let one = of(Pool::<Ipv4Net>::over([ip("10.0.0.10")..=ip("10.0.0.19")]));
        assert!(
            one.change_into(&ranges("10.0.0.90"))
                .is_some_and(|change| !change.added.is_empty() && change.removed.is_empty())
        );
    }

    #[test]
    fn every_difference_is_named_with_both_values() {
        let net: Ipv4Net = "10.0.0.0/24".parse().unwrap();
        let file = config(&Pool::new(net).unwrap());
        let asked = Pool::builder(net)
            .gateway(Gateway::Last)
            .policy(Policy::Next)
            .build()
            .unwrap();
        let mismatches = file.mismatches(&config(&asked));
        let fields: Vec<_> = mismatches.iter().map(|mismatch| mismatch.field).collect();
        assert_eq!(fields, ["gateway", "reservations", "policy"]);
        assert_eq!(
            OpenError::GeometryMismatch { mismatches }.to_string(),
            "the file holds another pool: gateway 10.0.0.1 where 10.0.0.254 was asked for, \
             reservations 10.0.0.0 (network) and 10.0.0.1 (gateway) and 10.0.0.255 (broadcast) where \
             10.0.0.0 (network) and 10.0.0.254 (gateway) and 10.0.0.255 (broadcast) was asked for, \
             policy lowest where next was asked for"
        );
    }
}
