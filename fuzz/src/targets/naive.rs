//! Computes what a plan should give, from the documentation, with plain numbers.

use super::kind::{bits_of, low};
use super::plan::Plan;
use hostbits::Gateway;
use std::net::IpAddr;

/// The most slots to build: larger pools would be slow and show nothing new.
const MOST_BUILT: u128 = 1 << 20;
/// Above this number of slots no pool can be built, whatever gaps its ranges have.
const SURELY_TOO_LARGE: u128 = 1 << 33;

/// The first and the last number, both included.
pub(crate) type Span = (u128, u128);

pub(crate) enum Expected {
    /// The builder refuses it.
    Refused,
    /// It could be built, but that takes too long.
    TooSlow,
    Layout(Layout),
}

/// The layout of a pool, in numbers.
pub(crate) struct Layout {
    pub(crate) wide: bool,
    /// The binary logarithm of the number of addresses in a unit.
    pub(crate) shift: u8,
    pub(crate) shortest_block: u8,
    /// The first and the last address of the network, if the pool has one.
    pub(crate) network: Option<Span>,
    /// Units of the pool, ascending, with gaps in between.
    pub(crate) ranges: Vec<Span>,
    /// Reserved units, in any order; they may overlap, and may lie outside the pool.
    reserved: Vec<Span>,
    pub(crate) gateway: Option<u128>,
}

impl Layout {
    pub(crate) fn width(&self) -> u8 {
        if self.wide { 128 } else { 32 }
    }

    pub(crate) fn unit(&self) -> u8 {
        self.width() - self.shift
    }

    /// Returns the first address of a unit.
    pub(crate) fn addr(&self, unit: u128) -> u128 {
        unit << self.shift
    }

    /// Returns the last address of a unit.
    pub(crate) fn last_addr(&self, unit: u128) -> u128 {
        self.addr(unit) | low(self.shift)
    }

    pub(crate) fn contains(&self, unit: u128) -> bool {
        holds(&self.ranges, unit)
    }

    pub(crate) fn is_reserved(&self, unit: u128) -> bool {
        holds(&self.reserved, unit)
    }

    pub(crate) fn slots(&self) -> u128 {
        self.ranges
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum()
    }

    pub(crate) fn units(&self) -> impl Iterator<Item = u128> + '_ {
        self.ranges.iter().flat_map(|&(first, last)| first..=last)
    }

    pub(crate) fn usable(&self) -> impl Iterator<Item = u128> + '_ {
        self.units().filter(|&unit| !self.is_reserved(unit))
    }

    /// Returns the lowest and the highest unit that can be handed out.
    pub(crate) fn usable_ends(&self) -> Option<Span> {
        let first = self.usable().next()?;
        let backwards = self
            .ranges
            .iter()
            .rev()
            .flat_map(|&(first, last)| (first..=last).rev());
        let last = backwards
            .into_iter()
            .find(|&unit| !self.is_reserved(unit))?;
        Some((first, last))
    }
}

fn holds(spans: &[Span], unit: u128) -> bool {
    spans
        .iter()
        .any(|&(first, last)| first <= unit && unit <= last)
}

/// Returns what the documentation promises for a plan.
pub(crate) fn expected(plan: &Plan) -> Expected {
    let Some(layout) = layout(plan) else {
        return Expected::Refused;
    };
    match layout.slots() {
        slots if slots > SURELY_TOO_LARGE => Expected::Refused,
        slots if slots > MOST_BUILT => Expected::TooSlow,
        _ => Expected::Layout(layout),
    }
}

fn layout(plan: &Plan) -> Option<Layout> {
    let like = plan
        .network
        .map(|network| network.addr())
        .or(plan.ranges.first().map(|range| range.0))?;
    let wide = like.is_ipv6();
    let width = if wide { 128 } else { 32 };
    let whole = match plan.network {
        Some(_) => Some(whole(plan)?),
        None => None,
    };
    let prefix_len = plan.network.map(|network| network.prefix_len());
    let unit = plan.unit.unwrap_or(width);
    if unit < prefix_len.unwrap_or(0).max(1) || unit > width {
        return None;
    }
    let shift = width - unit;
    let inside = |span: Span| whole.is_none_or(|whole| whole.0 <= span.0 && span.1 <= whole.1);

    let mut spans = Vec::new();
    for &range in &plan.ranges {
        let span = span_of(wide, range)?;
        if !inside(span) || span.0 & low(shift) != 0 || span.1 & low(shift) != low(shift) {
            return None;
        }
        spans.push(span);
    }
    if spans.is_empty() {
        spans.extend(whole);
    }
    spans.sort_unstable();
    if spans.windows(2).any(|pair| pair[1].0 <= pair[0].1) {
        return None;
    }
    let hull = (spans.first()?.0, spans.last()?.1);
    let around = whole.unwrap_or(hull);

    let has_edges = !plan.edges_off && shift == 0;
    let first_edge = prefix_len.is_some_and(|len| has_edges && len <= width - 2);
    let last_edge = first_edge && !wide;
    let gateway = match plan.gateway.unwrap_or_else(|| interface_gateway(plan)) {
        Gateway::None => None,
        Gateway::First => Some(around.0 + u128::from(first_edge)),
        Gateway::Last => Some(around.1 - u128::from(last_edge)),
        Gateway::At(addr) => {
            let bits = bits_in(wide, addr)?;
            let on_edge = first_edge && bits == around.0 || last_edge && bits == around.1;
            if on_edge || !inside((bits, bits)) {
                return None;
            }
            Some(bits)
        }
        _ => first_edge.then(|| around.0 + 1),
    };

    let ranges = cut(&spans, shift, plan.at_most)?;
    let mut reserved = Vec::new();
    for &reserve in &plan.reserve {
        let span = span_of(wide, reserve)?;
        let units = (span.0 >> shift, span.1 >> shift);
        let touches = ranges
            .iter()
            .any(|range| range.0 <= units.1 && units.0 <= range.1);
        if !inside(span) || whole.is_none() && !touches {
            return None;
        }
        reserved.push(units);
    }
    reserved.extend(first_edge.then_some((around.0, around.0)));
    reserved.extend(last_edge.then_some((around.1, around.1)));
    reserved.extend(gateway.map(|gateway| (gateway >> shift, gateway >> shift)));
    Some(Layout {
        wide,
        shift,
        shortest_block: prefix_len.unwrap_or(unit.saturating_sub(32)),
        network: whole,
        ranges,
        reserved,
        gateway,
    })
}

fn interface_gateway(plan: &Plan) -> Gateway {
    match plan.network {
        Some(network) if plan.is_interface => Gateway::At(network.addr()),
        _ => Gateway::Auto,
    }
}

/// Returns the network, if it may be written like that.
fn whole(plan: &Plan) -> Option<Span> {
    let network = plan.network?;
    let first = bits_of(network.network());
    let is_mapped = network.addr().is_ipv6() && network.prefix_len() >= 96 && first >> 32 == 0xffff;
    let has_host_bits = bits_of(network.addr()) != first && !plan.is_interface;
    (!is_mapped && !has_host_bits).then(|| (first, bits_of(network.broadcast())))
}

/// Returns the address in the family of the pool; a mapped address is IPv4 in a pool of IPv4.
fn bits_in(wide: bool, addr: IpAddr) -> Option<u128> {
    match addr {
        IpAddr::V4(_) if wide => None,
        IpAddr::V6(addr) if !wide => {
            let bits = addr.to_bits();
            (bits >> 32 == 0xffff).then_some(bits & u128::from(u32::MAX))
        }
        addr => Some(bits_of(addr)),
    }
}

fn span_of(wide: bool, (first, last): (IpAddr, IpAddr)) -> Option<Span> {
    let span = (bits_in(wide, first)?, bits_in(wide, last)?);
    let is_mapped = |bits: u128| wide && bits >> 32 == 0xffff;
    (span.0 <= span.1 && !is_mapped(span.0) && !is_mapped(span.1)).then_some(span)
}

/// Returns the first `at_most` units, or `None` if there are none.
fn cut(spans: &[Span], shift: u8, at_most: Option<u64>) -> Option<Vec<Span>> {
    let mut left = at_most.map_or(u128::MAX, u128::from);
    let mut ranges: Vec<Span> = Vec::new();
    for &(first, last) in spans {
        let (first, last) = (first >> shift, last >> shift);
        if left == 0 {
            break;
        }
        // ::/0 has one address more than a u128 can count, and is too large in any case.
        let len = (last - first).min(left - 1).saturating_add(1);
        left -= len;
        let last = first + (len - 1);
        match ranges.last_mut() {
            Some(before) if before.1 + 1 == first => before.1 = last,
            _ => ranges.push((first, last)),
        }
    }
    (!ranges.is_empty()).then_some(ranges)
}
