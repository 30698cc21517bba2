//! The plan of a pool as text: one choice per line; what cannot be read is left out.
//!
//! ```text
//! 10.0.0.0/24            the network (`interface 10.0.0.9/24`: by an address in it)
//! unit 28
//! edges off
//! gateway last           or first, none, auto, an address
//! at_most 300
//! range +16 +31          addresses, or counted from the first or (-) back from the last of the network
//! reserve 10.0.0.20 10.0.0.25
//! policy next            or lowest, spread, random
//! search linear
//! stats off              or counts, full
//! ```

use super::kind::{Kind, addr_of, bits_of, low};
use hostbits::{Builder, Gateway, Policy, Pool, Search, StatsLevel};
use ipnet::IpNet;
use std::net::IpAddr;

/// The words that the text of a plan is made of.
pub(crate) const WORDS: &[&str] = &[
    "unit ",
    "edges off\n",
    "gateway ",
    "at_most ",
    "range ",
    "reserve ",
    "first",
    "last",
    "none",
    "auto",
    "policy ",
    "search linear\n",
    "interface ",
    "+0 ",
    "+1 ",
    "-0\n",
    "-1\n",
    "+255",
    "+256",
    " +18446744073709551615",
];

#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) network: Option<IpNet>,
    pub(crate) is_interface: bool,
    pub(crate) unit: Option<u8>,
    pub(crate) edges_off: bool,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) at_most: Option<u64>,
    pub(crate) ranges: Vec<(IpAddr, IpAddr)>,
    pub(crate) reserve: Vec<(IpAddr, IpAddr)>,
    pub(crate) policy: Policy,
    pub(crate) search: Search,
    pub(crate) stats: StatsLevel,
}

impl Plan {
    pub(crate) fn read(text: &str) -> Self {
        let mut plan = Self::default();
        for line in text.lines() {
            plan.read_line(line.trim());
        }
        plan
    }

    fn read_line(&mut self, line: &str) -> Option<()> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match verb {
            "unit" => self.unit = Some(rest.parse().ok()?),
            "edges" => self.edges_off = rest == "off",
            "at_most" => self.at_most = Some(rest.parse().ok()?),
            "gateway" => {
                self.gateway = Some(match rest {
                    "first" => Gateway::First,
                    "last" => Gateway::Last,
                    "none" => Gateway::None,
                    "auto" => Gateway::Auto,
                    addr => Gateway::At(self.read_addr(addr)?),
                });
            }
            "range" => self.ranges.push(self.read_range(rest)?),
            "reserve" => self.reserve.push(self.read_range(rest)?),
            "policy" => {
                self.policy = Policy::of_name(rest, || 7).unwrap_or_default();
            }
            "search" => self.search = Search::Linear,
            "stats" => {
                self.stats = match rest {
                    "off" => StatsLevel::Off,
                    "full" => StatsLevel::Full,
                    _ => StatsLevel::Counts,
                }
            }
            "interface" => {
                self.network = Some(rest.parse().ok()?);
                self.is_interface = true;
            }
            network => {
                self.network = Some(network.parse().ok()?);
                self.is_interface = false;
            }
        }
        Some(())
    }

    fn read_range(&self, text: &str) -> Option<(IpAddr, IpAddr)> {
        let (first, last) = text.split_once([' ', '-'])?;
        Some((self.read_addr(first.trim())?, self.read_addr(last.trim())?))
    }

    fn read_addr(&self, text: &str) -> Option<IpAddr> {
        let around = self
            .network
            .unwrap_or_else(|| "10.0.0.0/8".parse().expect("a network"));
        let wide = around.addr().is_ipv6();
        let (first, last) = (bits_of(around.network()), bits_of(around.broadcast()));
        let width = low(if wide { 128 } else { 32 });
        if let Some(offset) = text.strip_prefix('+') {
            let offset: u128 = offset.parse().ok()?;
            Some(addr_of(wide, first.wrapping_add(offset) & width))
        } else if let Some(offset) = text.strip_prefix('-') {
            let offset: u128 = offset.parse().ok()?;
            Some(addr_of(wide, last.wrapping_sub(offset) & width))
        } else {
            text.parse().ok()
        }
    }

    /// Returns the builder of the pool, if this kind can express the whole plan.
    pub(crate) fn builder<N: Kind>(&self) -> Option<Builder<N>> {
        let range = |&(first, last): &(IpAddr, IpAddr)| Some(N::addr(first)?..=N::addr(last)?);
        let ranges = self.ranges.iter().map(range).collect::<Option<Vec<_>>>()?;
        let mut builder = match self.network {
            Some(network) if self.is_interface => Pool::interface(N::net(network)?),
            Some(network) => Pool::builder(N::net(network)?),
            None => Pool::over(ranges.clone()),
        };
        if self.network.is_some() {
            builder = ranges.into_iter().fold(builder, Builder::range);
        }
        for (index, reserve) in self.reserve.iter().enumerate() {
            builder = builder.reserve(range(reserve)?, format!("reserve {index}"));
        }
        if let Some(unit) = self.unit {
            builder = builder.unit(unit);
        }
        if let Some(gateway) = self.gateway {
            builder = builder.gateway(gateway);
        }
        if let Some(slots) = self.at_most {
            builder = builder.at_most(slots);
        }
        Some(
            builder
                .reserve_edges(!self.edges_off)
                .policy(self.policy)
                .search(self.search)
                .stats(self.stats),
        )
    }
}
