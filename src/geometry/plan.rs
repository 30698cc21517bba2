//! Turns what the caller asked for into a layout, or into the error that says what does not fit.

use super::reserved::{sorted, usable_runs};
use super::{Geometry, MainRun, Run, Segment, low_bits};
use crate::error::{BuildError, RangeProblem};
use crate::network::Network;
use crate::run_map::RunMap;
use crate::slot::{MAX_SLOTS, Slot};
use crate::table::names;
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// Slots and addresses have the same alignment up to this many slots.
const ALIGNED_SLOTS: u128 = 512;

/// Which address of a network is its gateway. The gateway is reserved, and never handed out.
///
/// ```
/// use hostbits::{Gateway, Pool};
///
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// let pool = Pool::builder(net).gateway(Gateway::Last).build()?;
/// assert_eq!(pool.info().gateway, Some("10.0.0.254".parse()?));
/// assert_eq!(pool.allocate()?.to_string(), "10.0.0.1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gateway {
    /// The first usable address if the network reserves addresses for itself, which it does up to /30 (IPv4) or /126
    /// (IPv6) with single addresses as slots; otherwise there is no gateway.
    #[default]
    Auto,
    /// The first usable address of the network.
    First,
    /// The last usable address of the network.
    Last,
    /// A given address.
    At(IpAddr),
    /// No gateway is reserved.
    None,
}

// The name of `At` appears only in messages; the value itself is written as its address.
names! {
    pub Gateway {
        Auto = "auto",
        First = "first",
        Last = "last",
        None = "none",
        At(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) = "an address",
    }
}

impl Gateway {
    /// Parses `auto`, `first`, `last`, `none` or an address.
    ///
    /// ```
    /// use hostbits::Gateway;
    ///
    /// assert_eq!(Gateway::of_name("last"), Some(Gateway::Last));
    /// assert_eq!(Gateway::of_name("10.0.0.1").unwrap().to_string(), "10.0.0.1");
    /// ```
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let plain = Self::ALL.into_iter().find(|gateway| gateway.name() == name);
        match plain {
            Some(Self::At(_)) | None => name.parse().ok().map(Self::At),
            plain @ Some(Self::Auto | Self::First | Self::Last | Self::None) => plain,
        }
    }
}

/// Writes the form that [`of_name`](Gateway::of_name) parses.
impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(addr) => addr.fmt(f),
            Self::Auto | Self::First | Self::Last | Self::None => f.write_str(self.name()),
        }
    }
}

/// What the caller asked for.
#[derive(Clone, Debug)]
pub(crate) struct Plan<N: Network> {
    pub(crate) network: Option<N>,
    pub(crate) ranges: Vec<(N::Addr, N::Addr)>,
    pub(crate) reserve: Vec<(N::Addr, N::Addr, String)>,
    pub(crate) unit: Option<u8>,
    pub(crate) edges: bool,
    pub(crate) gateway: Gateway,
    pub(crate) at_most: Option<u64>,
    /// Whether overlapping ranges are merged.
    pub(crate) merges: bool,
    /// Whether the parts of reservations outside the pool are ignored.
    pub(crate) clips: bool,
    /// Whether a pool may have no address at all.
    pub(crate) allows_nothing: bool,
}

/// A range of addresses, as numbers.
#[derive(Clone, Copy)]
struct Span {
    first: u128,
    last: u128,
}

impl Span {
    fn contains(self, other: Span) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

/// The addresses that a network reserves for itself.
struct Edges {
    first: Option<&'static str>,
    last: Option<&'static str>,
}

impl<N: Network> Plan<N> {
    pub(crate) fn new(network: Option<N>) -> Self {
        Self {
            network,
            ranges: Vec::new(),
            reserve: Vec::new(),
            unit: None,
            edges: true,
            gateway: Gateway::Auto,
            at_most: None,
            merges: false,
            clips: false,
            allows_nothing: false,
        }
    }

    /// Checks all requests, and lays out the pool.
    pub(crate) fn lay_out(&self) -> Result<Geometry<N>, BuildError> {
        let like = self.any_addr()?;
        let whole = self.network.map(check_network::<N>).transpose()?;
        let unit_shift = self.unit_shift(like)?;
        let spans = self.spans(like, whole, unit_shift)?;
        let edges = self.edges(like, unit_shift);
        let gateway = self.gateway(like, whole, &spans, &edges)?;

        let is_nothing = self.is_nothing();
        let at_most = if is_nothing { Some(1) } else { self.at_most };
        let segments = number_slots::<N>(like, &spans, unit_shift, at_most)?;
        let reserved = {
            let mut marks = Marks {
                like,
                unit_shift,
                segments: &segments,
                reservations: RunMap::default(),
            };
            if let Some(whole) = whole {
                marks.edges(whole, &edges);
            }
            // Before the empty pool, so that the label is the same when the layout is made from a file.
            if let Some(gateway) = gateway {
                marks.mark(gateway, gateway, "gateway");
            }
            if is_nothing {
                marks.mark(0, u128::MAX, "empty pool");
            }
            self.mark_reservations(&mut marks, whole)?;
            sorted(marks.reservations)
        };
        let all: Vec<Run> = segments.iter().map(Segment::run).collect();
        let runs = usable_runs(&all, &reserved);
        let main_run = main_run::<N>(&runs, &segments, unit_shift);
        Ok(Geometry {
            network: self.network,
            gateway: gateway.map(|bits| N::addr_like(like, bits)),
            unit_shift,
            main_run,
            slot_count: segments.last().map_or(0, |last| u64::from(last.last) + 1),
            segments: segments.into(),
            capacity: runs.iter().copied().map(Run::slot_count).sum(),
            runs,
            reserved,
        })
    }

    /// Reports whether the pool has no address, and may have none. Then its only slot is reserved: the first one, or the
    /// unspecified address, which no list assigns to a user.
    fn is_nothing(&self) -> bool {
        let has_none = self.network.is_none() && self.ranges.is_empty();
        self.allows_nothing && (has_none || self.at_most == Some(0))
    }

    /// Returns some address of the pool, which determines the family.
    fn any_addr(&self) -> Result<N::Addr, BuildError> {
        match (self.network, self.ranges.first()) {
            (Some(network), _) => Ok(network.written_addr()),
            (None, Some(&(first, _))) => Ok(first),
            (None, None) if self.is_nothing() => Ok(N::unspecified()),
            (None, None) => Err(BuildError::Empty),
        }
    }

    fn unit_shift(&self, like: N::Addr) -> Result<u8, BuildError> {
        let longest = N::addr_width(like);
        // A unit of /0 would be the whole address space, which no shift can express.
        let shortest = self.network.map_or(0, N::mask_len).max(1);
        let unit = self.unit.unwrap_or(longest);
        if (shortest..=longest).contains(&unit) {
            Ok(longest - unit)
        } else {
            Err(BuildError::BadUnit {
                unit,
                shortest,
                longest,
            })
        }
    }

    /// Returns the ranges that the pool consists of, in ascending order.
    fn spans(
        &self,
        like: N::Addr,
        whole: Option<Span>,
        unit_shift: u8,
    ) -> Result<Vec<Span>, BuildError> {
        let mut spans = Vec::new();
        for &(first, last) in &self.ranges {
            let bad = |reason| bad_range::<N>(first, last, reason);
            let span = span_of::<N>(like, first, last)?;
            if whole.is_some_and(|whole| !whole.contains(span)) {
                return Err(bad(RangeProblem::Outside));
            }
            let low = low_bits(unit_shift);
            if span.first & low != 0 || span.last & low != low {
                return Err(bad(RangeProblem::Misaligned));
            }
            spans.push(span);
        }
        spans.sort_by_key(|span| span.first);
        if self.merges {
            spans = merged(spans);
        }
        if spans.is_empty() && whole.is_none() {
            spans.push(Span {
                first: N::addr_bits(like),
                last: N::addr_bits(like) | low_bits(unit_shift),
            });
        }
        if let Some(pair) = spans.windows(2).find(|pair| pair[1].first <= pair[0].last) {
            let (first, last) = addrs_of::<N>(like, pair[1]);
            return Err(bad_range::<N>(first, last, RangeProblem::Overlaps));
        }
        if let (true, Some(whole)) = (spans.is_empty(), whole) {
            spans.push(whole);
        }
        Ok(joined(spans))
    }

    /// Returns the first and the last address of the network, if they are not for hosts.
    fn edges(&self, like: N::Addr, unit_shift: u8) -> Edges {
        let none = Edges {
            first: None,
            last: None,
        };
        let Some(network) = self.network.filter(|_| self.edges && unit_shift == 0) else {
            return none;
        };
        match (N::addr_width(like), network.mask_len()) {
            // RFC 3021: both addresses of a /31 are for hosts.
            (32, 0..=30) => Edges {
                first: Some("network"),
                last: Some("broadcast"),
            },
            // RFC 4291, 2.6.1, except where RFC 6164 says otherwise. IPv6 has no broadcast.
            (128, 0..=126) => Edges {
                first: Some("subnet-router anycast"),
                last: None,
            },
            _ => none,
        }
    }

    fn gateway(
        &self,
        like: N::Addr,
        whole: Option<Span>,
        spans: &[Span],
        edges: &Edges,
    ) -> Result<Option<u128>, BuildError> {
        let hull = Span {
            first: spans[0].first,
            last: spans[spans.len() - 1].last,
        };
        let around = whole.unwrap_or(hull);
        let first_usable = around.first + u128::from(edges.first.is_some());
        let has_none = self.network.is_none() && self.ranges.is_empty();
        match self.gateway {
            Gateway::None => Ok(None),
            // The unspecified address is not a gateway.
            Gateway::First | Gateway::Last if has_none => Ok(None),
            Gateway::Auto => Ok(edges.first.map(|_| first_usable)),
            Gateway::First => Ok(Some(first_usable)),
            Gateway::Last => Ok(Some(around.last - u128::from(edges.last.is_some()))),
            Gateway::At(gateway) => {
                let outside = BuildError::GatewayOutside {
                    gateway,
                    network: self.network.map(Into::into),
                };
                let Some(addr) = N::addr_in_family_of(like, gateway) else {
                    return Err(outside);
                };
                let bits = N::addr_bits(addr);
                let Some(whole) = whole else {
                    return Ok(Some(bits));
                };
                let on_edge = [(whole.first, edges.first), (whole.last, edges.last)]
                    .into_iter()
                    .find_map(|(edge, label)| label.filter(|_| bits == edge));
                match on_edge {
                    Some(label) => Err(BuildError::GatewayReserved { gateway, label }),
                    None if bits < whole.first || whole.last < bits => Err(outside),
                    None => Ok(Some(bits)),
                }
            }
        }
    }

    fn is_of_other_family(&self, like: N::Addr, first: N::Addr, last: N::Addr) -> bool {
        let is_other = |addr: N::Addr| N::addr_in_family_of(like, addr.into()).is_none();
        is_other(first) && is_other(last)
    }

    fn mark_reservations(
        &self,
        marks: &mut Marks<'_, N>,
        whole: Option<Span>,
    ) -> Result<(), BuildError> {
        for (first, last, label) in &self.reserve {
            let span = match span_of::<N>(marks.like, *first, *last) {
                // It is in the other address family: all of it is outside. One end alone is a mistake.
                Err(BuildError::BadRange {
                    reason: RangeProblem::Outside,
                    ..
                }) if self.clips && self.is_of_other_family(marks.like, *first, *last) => continue,
                other => other?,
            };
            let marked = marks.mark(span.first, span.last, label);
            let inside = whole.map_or(marked, |whole| whole.contains(span));
            if !inside && !self.clips {
                return Err(bad_range::<N>(*first, *last, RangeProblem::Outside));
            }
        }
        Ok(())
    }
}

/// Returns the longest run; one without a slot if everything is reserved.
fn main_run<N: Network>(runs: &[Run], segments: &[Segment<N::Addr>], unit_shift: u8) -> MainRun<N> {
    let longest = runs.iter().max_by_key(|run| run.slot_count());
    let first = longest.map_or(segments[0].first, |run| run.first);
    let index = segments.partition_point(|segment| segment.last < first);
    let segment = &segments[index];
    MainRun {
        base: N::origin_at(segment.addr_of::<N>(first, unit_shift)),
        first,
        len: longest.map_or(0, |run| run.slot_count()),
        len_of_singles: longest
            .filter(|_| unit_shift == 0)
            .map_or(0, |run| run.slot_count()),
    }
}

/// Reservations by address, which are being converted to slots.
struct Marks<'a, N: Network> {
    like: N::Addr,
    unit_shift: u8,
    segments: &'a [Segment<N::Addr>],
    reservations: RunMap<Box<str>>,
}

impl<N: Network> Marks<'_, N> {
    fn edges(&mut self, whole: Span, edges: &Edges) {
        if let Some(label) = edges.first {
            self.mark(whole.first, whole.first, label);
        }
        if let Some(label) = edges.last {
            self.mark(whole.last, whole.last, label);
        }
    }

    /// Reserves every unit that shares an address with `first..=last`, and returns whether there was one.
    fn mark(&mut self, first: u128, last: u128, label: &str) -> bool {
        let (first, last) = (first >> self.unit_shift, last >> self.unit_shift);
        let mut marked = false;
        for segment in self.segments {
            let base = N::addr_bits(segment.base) >> self.unit_shift;
            let end = base + u128::from(segment.last - segment.first);
            if first <= end && base <= last {
                let slot = |unit: u128| segment.first + (unit - base) as Slot;
                let slots = slot(first.max(base))..=slot(last.min(end));
                self.reservations.insert(slots, label.into());
                marked = true;
            }
        }
        marked
    }
}

impl<A> Segment<A> {
    fn run(&self) -> Run {
        Run {
            first: self.first,
            last: self.last,
        }
    }
}

/// Assigns slots to each span: one span after another, aligned like the addresses as far as matters for a block that
/// fits into the span.
fn number_slots<N: Network>(
    like: N::Addr,
    spans: &[Span],
    unit_shift: u8,
    at_most: Option<u64>,
) -> Result<Vec<Segment<N::Addr>>, BuildError> {
    let mut segments = Vec::new();
    let mut next_slot = 0u128;
    // One slot more than the maximum shows that there are too many, without counting to 2^128.
    let mut left = u128::from(at_most.unwrap_or(MAX_SLOTS + 1));
    let mut wanted = 0u128;
    for span in spans {
        let units = units_of(*span, unit_shift);
        wanted = wanted.saturating_add(units);
        let len = units.min(left);
        if len == 0 {
            continue;
        }
        left -= len;
        let unit_index = span.first >> unit_shift;
        let alignment = ALIGNED_SLOTS.min(1 << len.ilog2());
        let first = next_slot + (unit_index.wrapping_sub(next_slot) & (alignment - 1));
        next_slot = first + len;
        if next_slot <= u128::from(MAX_SLOTS) {
            segments.push(Segment {
                base: N::addr_like(like, span.first),
                first: first as Slot,
                last: (next_slot - 1) as Slot,
            });
        }
    }
    if next_slot > u128::from(MAX_SLOTS) {
        return Err(BuildError::TooLarge {
            slots: wanted.max(next_slot),
            max: MAX_SLOTS,
        });
    }
    if segments.is_empty() {
        return Err(BuildError::Empty);
    }
    Ok(segments)
}

/// Merges overlapping ones of ascending spans.
fn merged(spans: Vec<Span>) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(before) if span.first <= before.last => before.last = before.last.max(span.last),
            _ => merged.push(span),
        }
    }
    merged
}

/// Joins adjacent spans, because a block may lie across the seam.
fn joined(spans: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(before) if before.last.checked_add(1) == Some(span.first) => {
                before.last = span.last;
            }
            _ => joined.push(span),
        }
    }
    joined
}

fn units_of(span: Span, unit_shift: u8) -> u128 {
    // The count minus one always fits; the count itself does not for ::/0.
    let less_one = (span.last - span.first) >> unit_shift;
    less_one.saturating_add(1)
}

/// Returns the network as a span, if it has no host bits set.
fn check_network<N: Network>(network: N) -> Result<Span, BuildError> {
    let given: IpNet = network.into();
    let addr = network.written_addr();
    let host_bits = N::addr_width(addr) - network.mask_len();
    let first = N::addr_bits(addr);
    let last = first | low_bits(host_bits);
    if first & low_bits(host_bits) != 0 {
        return Err(BuildError::HostBitsSet {
            given,
            network: given.trunc(),
            last: N::addr_like(addr, last).into(),
        });
    }
    let mapped = matches!(given, IpNet::V6(net)
        if net.prefix_len() >= 96 && net.addr().to_ipv4_mapped().is_some());
    if mapped {
        return Err(BuildError::MappedPrefix { network: given });
    }
    Ok(Span { first, last })
}

fn span_of<N: Network>(like: N::Addr, first: N::Addr, last: N::Addr) -> Result<Span, BuildError> {
    let bad = |reason| bad_range::<N>(first, last, reason);
    let bits = |addr: N::Addr| {
        N::addr_in_family_of(like, addr.into())
            .map(N::addr_bits)
            .ok_or_else(|| bad(RangeProblem::Outside))
    };
    let span = Span {
        first: bits(first)?,
        last: bits(last)?,
    };
    if span.last < span.first {
        return Err(bad(RangeProblem::Backwards));
    }
    let is_mapped =
        |addr: N::Addr| matches!(addr.into(), IpAddr::V6(addr) if addr.to_ipv4_mapped().is_some());
    if N::addr_width(like) == 128 && (is_mapped(first) || is_mapped(last)) {
        return Err(bad(RangeProblem::Mapped));
    }
    Ok(span)
}

fn addrs_of<N: Network>(like: N::Addr, span: Span) -> (N::Addr, N::Addr) {
    (
        N::addr_like(like, span.first),
        N::addr_like(like, span.last),
    )
}

fn bad_range<N: Network>(first: N::Addr, last: N::Addr, reason: RangeProblem) -> BuildError {
    BuildError::BadRange {
        first: first.into(),
        last: last.into(),
        reason,
    }
}
