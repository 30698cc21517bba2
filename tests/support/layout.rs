//! Pools to test: what to ask the builder for, and what a naive reading of the table in `semantics.md`
//! says it must contain.
//!
//! Works on plain numbers: an address is a `u128`, and so is the index of its unit (the address without
//! the bits inside the unit). Knows nothing of slots, words or searches.

use hostbits::{Builder, Gateway, Network, Policy, Pool, Search, StatsLevel};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The shortest unit there is: 0 would be one slot for all addresses of the family.
const SHORTEST_UNIT: u8 = 1;
/// The most slots a pool of these tests has: the model counts them one by one.
const MOST_SLOTS: u128 = 1600;

/// Numbers to addresses and networks. `wide`: 128 bits, where the type leaves the choice.
pub(crate) trait Family: Network {
    fn addr_from(wide: bool, bits: u128) -> Self::Addr;
    fn net_from(wide: bool, bits: u128, prefix_len: u8) -> Self;
}

impl Family for Ipv4Net {
    fn addr_from(_: bool, bits: u128) -> Ipv4Addr {
        Ipv4Addr::from_bits(bits as u32)
    }

    fn net_from(wide: bool, bits: u128, prefix_len: u8) -> Self {
        Ipv4Net::new_assert(Self::addr_from(wide, bits), prefix_len)
    }
}

impl Family for Ipv6Net {
    fn addr_from(_: bool, bits: u128) -> Ipv6Addr {
        Ipv6Addr::from_bits(bits)
    }

    fn net_from(wide: bool, bits: u128, prefix_len: u8) -> Self {
        Ipv6Net::new_assert(Self::addr_from(wide, bits), prefix_len)
    }
}

impl Family for IpNet {
    fn addr_from(wide: bool, bits: u128) -> IpAddr {
        if wide {
            Ipv6Net::addr_from(wide, bits).into()
        } else {
            Ipv4Net::addr_from(wide, bits).into()
        }
    }

    fn net_from(wide: bool, bits: u128, prefix_len: u8) -> Self {
        IpNet::new_assert(Self::addr_from(wide, bits), prefix_len)
    }
}

pub(crate) fn bits_of(addr: impl Into<IpAddr>) -> u128 {
    match addr.into() {
        IpAddr::V4(addr) => addr.to_bits().into(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// The type of pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    V4,
    V6,
    AnyV4,
    AnyV6,
}

impl Kind {
    pub(crate) fn is_wide(self) -> bool {
        matches!(self, Self::V6 | Self::AnyV6)
    }

    pub(crate) fn width(self) -> u8 {
        if self.is_wide() { 128 } else { 32 }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum GatewayChoice {
    Auto,
    First,
    Last,
    None,
    At(u128),
}

/// What the builder is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) kind: Kind,
    /// The first address and the prefix length.
    pub(crate) network: Option<(u128, u8)>,
    pub(crate) unit: u8,
    /// First and last address, whole units.
    pub(crate) ranges: Vec<(u128, u128)>,
    /// First and last address, whatever they are.
    pub(crate) reserve: Vec<(u128, u128)>,
    pub(crate) at_most: Option<u64>,
    pub(crate) edges: bool,
    pub(crate) gateway: GatewayChoice,
}

/// How the pool goes about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    pub(crate) policy: Policy,
    pub(crate) search: Search,
    pub(crate) stats: StatsLevel,
}

/// What a layout contains, unit by unit.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// First and last unit of each range that is left after the cut.
    pub(crate) ranges: Vec<(u128, u128)>,
    pub(crate) units: BTreeSet<u128>,
    pub(crate) reserved: BTreeSet<u128>,
}

/// The lowest `count` bits; all of them for 128.
pub(crate) fn low(count: u8) -> u128 {
    if count >= 128 {
        u128::MAX
    } else {
        (1 << count) - 1
    }
}

/// `value >> by`, 0 where all bits go.
pub(crate) fn down(value: u128, by: u8) -> u128 {
    value.checked_shr(by.into()).unwrap_or(0)
}

impl Layout {
    /// A whole network with single addresses as slots and the defaults of the builder.
    pub(crate) fn of_network(kind: Kind, base: u128, prefix_len: u8) -> Self {
        Self {
            kind,
            network: Some((
                base & low(kind.width()) & !low(kind.width() - prefix_len),
                prefix_len,
            )),
            unit: kind.width(),
            ranges: Vec::new(),
            reserve: Vec::new(),
            at_most: None,
            edges: true,
            gateway: GatewayChoice::Auto,
        }
    }

    /// log2 of the addresses in a unit.
    pub(crate) fn shift(&self) -> u8 {
        self.kind.width() - self.unit
    }

    fn whole(&self) -> Option<(u128, u128)> {
        let (base, prefix_len) = self.network?;
        Some((base, base | low(self.kind.width() - prefix_len)))
    }

    fn edge_labels(&self) -> (bool, bool) {
        let Some((_, prefix_len)) = self.network.filter(|_| self.edges && self.shift() == 0) else {
            return (false, false);
        };
        match (self.kind.is_wide(), prefix_len) {
            (false, 0..=30) => (true, true),
            (true, 0..=126) => (true, false),
            _ => (false, false),
        }
    }

    /// All ranges, ascending, as addresses; those without a gap between them are one.
    fn spans(&self) -> Vec<(u128, u128)> {
        let mut ranges = self.ranges.clone();
        if ranges.is_empty() {
            ranges.extend(self.whole());
        }
        ranges.sort_unstable();
        let mut spans: Vec<(u128, u128)> = Vec::new();
        for (first, last) in ranges {
            match spans.last_mut() {
                Some(before) if before.1.checked_add(1) == Some(first) => before.1 = last,
                _ => spans.push((first, last)),
            }
        }
        spans
    }

    /// Unit by unit, what is in the pool; `None` if that is nothing or too much for a model.
    pub(crate) fn content(&self) -> Option<Content> {
        self.content_up_to(MOST_SLOTS)
    }

    /// The same for a test that can afford more.
    pub(crate) fn content_up_to(&self, most_slots: u128) -> Option<Content> {
        let shift = self.shift();
        let mut left = self.at_most.map_or(most_slots + 1, u128::from);
        let mut content = Content {
            ranges: Vec::new(),
            units: BTreeSet::new(),
            reserved: BTreeSet::new(),
        };
        let spans = self.spans();
        for &(first, last) in &spans {
            let (first, last) = (down(first, shift), down(last, shift));
            if left == 0 {
                break;
            }
            let last = last.min(first.saturating_add(left - 1));
            left -= last - first + 1;
            content.ranges.push((first, last));
            content.units.extend(first..=last);
        }
        if content.units.is_empty() || content.units.len() as u128 > most_slots {
            return None;
        }
        let (first_edge, last_edge) = self.edge_labels();
        let hull = (spans.first()?.0, spans.last()?.1);
        let (first, last) = self.whole().unwrap_or(hull);
        let mut reserved = self.reserve.clone();
        if first_edge {
            reserved.push((first, first));
        }
        if last_edge {
            reserved.push((last, last));
        }
        let gateway = match self.gateway {
            GatewayChoice::None => None,
            GatewayChoice::Auto => first_edge.then(|| first + 1),
            GatewayChoice::First => Some(first + u128::from(first_edge)),
            GatewayChoice::Last => Some(last - u128::from(last_edge)),
            GatewayChoice::At(gateway) => Some(gateway),
        };
        reserved.extend(gateway.map(|gateway| (gateway, gateway)));
        for (first, last) in reserved {
            let units = content.units.range(down(first, shift)..=down(last, shift));
            content.reserved.extend(units);
        }
        Some(content)
    }

    pub(crate) fn builder<N: Family>(&self) -> Builder<N> {
        let wide = self.kind.is_wide();
        let addr = |bits| N::addr_from(wide, bits);
        let span = |&(first, last): &(u128, u128)| addr(first)..=addr(last);
        let mut builder = match self.network {
            Some((base, prefix_len)) => Pool::builder(N::net_from(wide, base, prefix_len)),
            None => Pool::over(self.ranges.iter().map(span)),
        };
        if self.network.is_some() {
            for range in &self.ranges {
                builder = builder.range(span(range));
            }
        }
        for (index, range) in self.reserve.iter().enumerate() {
            builder = builder.reserve(span(range), format!("reserve {index}"));
        }
        if let Some(slots) = self.at_most {
            builder = builder.at_most(slots);
        }
        builder
            .unit(self.unit)
            .reserve_edges(self.edges)
            .gateway(match self.gateway {
                GatewayChoice::Auto => Gateway::Auto,
                GatewayChoice::First => Gateway::First,
                GatewayChoice::Last => Gateway::Last,
                GatewayChoice::None => Gateway::None,
                GatewayChoice::At(gateway) => Gateway::At(addr(gateway).into()),
            })
    }

    pub(crate) fn pool<N: Family>(&self, choices: Choices) -> Pool<N> {
        self.builder()
            .policy(choices.policy)
            .search(choices.search)
            .stats(choices.stats)
            .build()
            .unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }
}

pub(crate) fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::V4),
        Just(Kind::V6),
        Just(Kind::AnyV4),
        Just(Kind::AnyV6),
    ]
}

pub(crate) fn any_choices() -> impl Strategy<Value = Choices> {
    let policy = prop_oneof![
        3 => Just(Policy::Lowest),
        3 => Just(Policy::Next),
        2 => prop::sample::select(&Policy::ALL[..]),
        1 => Just(Policy::Spread),
        1 => any::<u64>().prop_map(Policy::Random),
    ];
    let search = prop_oneof![Just(Search::Tree), Just(Search::Linear)];
    let stats = prop_oneof![
        Just(StatsLevel::Counts),
        Just(StatsLevel::Off),
        Just(StatsLevel::Full),
    ];
    (policy, search, stats).prop_map(|(policy, search, stats)| Choices {
        policy,
        search,
        stats,
    })
}

/// Layouts of every prefix length, with everything a builder can be asked for, of a size that the
/// model can count.
pub(crate) fn any_layout() -> impl Strategy<Value = Layout> {
    let network = (any_kind(), any::<u128>(), 0u8..=128, 0u8..=10);
    network
        .prop_flat_map(|(kind, base, len, host_bits)| {
            let width = kind.width();
            // Half of the units are single addresses; the others are `host_bits` below the network.
            let prefix_len = len % (width + 1);
            let deep = prefix_len.saturating_add(host_bits).min(width);
            (
                Just((kind, base, prefix_len)),
                prop_oneof![Just(width), Just(deep), prefix_len..=width],
                prop_oneof![3 => Just(0usize), 2 => 1usize..6],
                prop_oneof![4 => Just(false), 1 => Just(true)],
                (
                    prop::collection::vec((any_gap(), any_len()), 5),
                    any_origin(),
                ),
                prop::option::of(1u64..1500),
                prop::collection::vec((any::<u32>(), any_len(), any::<u64>()), 0..4),
                (any::<bool>(), 0u8..6, any::<u32>()),
            )
        })
        .prop_filter_map("nothing, or too much for a model", |parts| {
            let ((kind, base, prefix_len), unit, range_count, over, ranges, at_most, reserve, rest) =
                parts;
            let (edges, gateway, gateway_at) = rest;
            let mut layout = Layout {
                unit: unit.max(SHORTEST_UNIT),
                at_most,
                edges,
                ..Layout::of_network(kind, base, prefix_len)
            };
            let (gaps, origin) = ranges;
            place_ranges(&mut layout, &gaps[..range_count], origin);
            if over && !layout.ranges.is_empty() {
                layout.network = None;
            }
            if layout.at_most.is_none() && layout.content().is_none() {
                layout.at_most = Some(1 + base as u64 % 1200);
            }
            let content = layout.content()?;
            place_reservations(&mut layout, &content, &reserve);
            place_gateway(&mut layout, &content, gateway, gateway_at);
            layout.content()?;
            Some(layout)
        })
}

fn any_gap() -> impl Strategy<Value = u128> {
    prop_oneof![Just(0u128), 1u128..4, 4u128..700, 0u128..1 << 40]
}

fn any_len() -> impl Strategy<Value = u128> {
    prop_oneof![1u128..5, 1u128..140, 60u128..70, 100u128..600]
}

/// Where the first range begins: at the network's first unit, anywhere, or so that the ranges end
/// with the network.
fn any_origin() -> impl Strategy<Value = (u8, u128)> {
    (0u8..3, any::<u128>())
}

fn place_ranges(layout: &mut Layout, gaps: &[(u128, u128)], (place, random): (u8, u128)) {
    let shift = layout.shift();
    let Some((first, last)) = layout.whole() else {
        return;
    };
    let (first, last) = (down(first, shift), down(last, shift));
    let wanted: u128 = gaps.iter().map(|(gap, len)| gap + len).sum();
    let room = last - first;
    let mut next = first
        + match place {
            0 => 0,
            1 => random.checked_rem(room).unwrap_or(0),
            _ => room.saturating_sub(wanted.saturating_sub(1)),
        };
    for &(gap, len) in gaps {
        let Some(begin) = next.checked_add(gap).filter(|&begin| begin <= last) else {
            break;
        };
        let end = begin.saturating_add(len - 1).min(last);
        let end_addr = if shift >= 128 {
            u128::MAX
        } else {
            end << shift | low(shift)
        };
        layout
            .ranges
            .push((begin.checked_shl(shift.into()).unwrap_or(0), end_addr));
        match end.checked_add(1) {
            Some(after) => next = after,
            None => break,
        }
    }
    // The builder sorts them; the pool must not sort them again.
    if random.is_multiple_of(2) {
        layout.ranges.reverse();
    }
}

fn place_reservations(layout: &mut Layout, content: &Content, reserve: &[(u32, u128, u64)]) {
    let shift = layout.shift();
    let bound = match layout.whole() {
        Some((_, last)) => last,
        None => low(layout.kind.width()),
    };
    for &(index, len, inside) in reserve {
        let index = index as usize % content.units.len();
        let unit = *content.units.iter().nth(index).expect("there are units");
        let first = unit.checked_shl(shift.into()).unwrap_or(0) | (u128::from(inside) & low(shift));
        let len = len.checked_shl(shift.into()).unwrap_or(0) >> 1;
        let last = first.saturating_add(len).min(bound);
        layout.reserve.push((first, last));
    }
}

fn place_gateway(layout: &mut Layout, content: &Content, gateway: u8, at: u32) {
    let shift = layout.shift();
    layout.gateway = match gateway {
        0 => GatewayChoice::First,
        1 => GatewayChoice::Last,
        2 => GatewayChoice::None,
        3 => {
            let index = at as usize % content.units.len();
            let unit = *content.units.iter().nth(index).expect("there are units");
            let addr = unit.checked_shl(shift.into()).unwrap_or(0);
            let edges = layout.edge_labels();
            let on_edge = layout.whole().is_some_and(|(first, last)| {
                (edges.0 && addr == first) || (edges.1 && addr == last)
            });
            if on_edge {
                GatewayChoice::Auto
            } else {
                GatewayChoice::At(addr)
            }
        }
        _ => GatewayChoice::Auto,
    };
}
