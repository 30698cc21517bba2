//! Checks across values: members of a set, ranges in members, sets in pairs, and one file per member.

use crate::document::{Document, Place, Table};
use crate::family::Family;
use crate::member::MemberDraft;
use crate::model::PairConfig;
use crate::read::SetDraft;
use crate::values::AddrSpan;
use hostbits::set::Strategy;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Component, PathBuf};

/// The maximum number of cordons of a member, as in [`hostbits::PoolSet::cordon`].
const MOST_CORDONS: usize = 16;

/// Checks everything that involves more than one value.
pub(crate) fn all(sets: &[SetDraft<'_>], pairs: &[(PairConfig, Table<'_>)]) {
    files(sets);
    for set in sets {
        weights(set);
        overlaps(set);
        let homes: Vec<_> = set
            .ranges
            .iter()
            .map(|(_, it)| member_of(set, &it.span))
            .collect();
        cordons(set, &homes);
        ranges(set, &homes);
        shared_ranges(set);
    }
    for (config, table) in pairs {
        pair(sets, config, table);
    }
}

/// Two members with the same file would hand out the same addresses, and neither would know of the other's drain.
fn files(sets: &[SetDraft<'_>]) {
    let mut lines: HashMap<PathBuf, usize> = HashMap::new();
    for member in sets.iter().flat_map(|set| &set.members) {
        let Some(file) = &member.config.file else {
            continue;
        };
        // Two spellings of one path. Folders that are links are found by a plan.
        let parts = file.path.components();
        let path = parts.filter(|part| *part != Component::CurDir).collect();
        if let Some(line) = lines.insert(path, member.config.line) {
            let message = format!("the member of line {line} already uses this file");
            object(&member.table, "file", "shared-file", message);
        }
    }
}

fn weights(set: &SetDraft<'_>) {
    if set.config.strategy == Strategy::Weighted {
        return;
    }
    for member in &set.members {
        if member.table.get("weight").is_some() {
            let message = "weights are for strategy = \"weighted\"";
            object(&member.table, "weight", "no-strategy", message);
        }
    }
}

fn overlaps(set: &SetDraft<'_>) {
    let stretches = |(index, member): (usize, &MemberDraft<'_>)| {
        let ranges = member.config.info.ranges.iter();
        let ends = ranges.map(|range| (range.first, range.last, index));
        ends.collect::<Vec<_>>()
    };
    let mut stretches: Vec<_> = set.members.iter().enumerate().flat_map(stretches).collect();
    stretches.sort_unstable();
    // Among the members that begin earlier, the range that ends last.
    let mut furthest: Option<(IpAddr, usize)> = None;
    for (first, last, index) in stretches {
        if let Some((reach, other)) = furthest
            && first <= reach
            && index != other
        {
            overlap(
                set,
                index.min(other),
                index.max(other),
                first,
                last.min(reach),
            );
        }
        if furthest.is_none_or(|(reach, _)| last > reach) {
            furthest = Some((last, index));
        }
    }
}

fn overlap(set: &SetDraft<'_>, earlier: usize, later: usize, first: IpAddr, last: IpAddr) {
    let (earlier, later) = (&set.members[earlier], &set.members[later]);
    let message = format!(
        "{} overlaps {} of line {}: both have {first} to {last}",
        later.config, earlier.config, earlier.config.line
    );
    let key = match later.table.get("network") {
        Some(_) => "network",
        None => "ranges",
    };
    object(&later.table, key, "overlaps", message);
}

fn cordons(set: &SetDraft<'_>, homes: &[Option<usize>]) {
    let mut exclusive = vec![0; set.members.len()];
    for ((_, range), home) in set.ranges.iter().zip(homes) {
        if let Some(home) = home.filter(|_| range.exclusive) {
            exclusive[home] += 1;
        }
    }
    for member in &set.members {
        for (cordon, place) in member.config.cordons.iter().zip(&member.cordon_places) {
            let document = member.table.document();
            span_is_of(document, place, cordon, member);
        }
    }
    for (member, exclusive) in set.members.iter().zip(exclusive) {
        if member.config.cordons.len() + exclusive > MOST_CORDONS {
            let message = format!(
                "a member has at most {MOST_CORDONS} cordons, including exclusive ranges: join some, or \
                 drain it"
            );
            object(&member.table, "cordons", "too-many-cordons", message);
        }
    }
}

fn span_is_of(
    document: &Document,
    place: &Place,
    span: &AddrSpan,
    member: &MemberDraft<'_>,
) -> bool {
    let (first, last) = (*span.start(), *span.end());
    if first > last {
        let message = format!("range {first} to {last} ends before it begins");
        document.object(place, "backwards", message);
        return false;
    }
    let is_inside = member.config.contains(first) && member.config.contains(last);
    if !is_inside {
        let message = format!("{first} to {last} is not inside {}", member.config);
        document.object(place, "out-of-range", message);
    }
    is_inside
}

/// Returns the member that contains the first address of a range.
fn member_of(set: &SetDraft<'_>, span: &AddrSpan) -> Option<usize> {
    let mut members = set.members.iter();
    members.position(|member| member.config.contains(*span.start()))
}

fn ranges(set: &SetDraft<'_>, homes: &[Option<usize>]) {
    for ((table, range), home) in set.ranges.iter().zip(homes) {
        let place = table.place_of("range");
        let (first, last) = (*range.span.start(), *range.span.end());
        let Some(index) = *home else {
            // A member that could not be read may contain it.
            if table.document().problem_count() == 0 {
                let message = format!("no member has {first}");
                table.document().object(&place, "out-of-range", message);
            }
            continue;
        };
        let member = &set.members[index];
        if !span_is_of(table.document(), &place, &range.span, member) {
            continue;
        }
        let unit = member.config.info.unit;
        if !is_aligned(first, last, unit) {
            let message = format!("{first} to {last} is not aligned to a /{unit}");
            table.document().object(&place, "misaligned", message);
        }
    }
}

/// Returns whether the addresses are the first and the last one of prefixes of this length.
fn is_aligned(first: IpAddr, last: IpAddr, unit: u8) -> bool {
    let (bits, width): (fn(IpAddr) -> u128, u8) = match first {
        IpAddr::V4(_) => (bits_of, 32),
        IpAddr::V6(_) => (bits_of, 128),
    };
    let low = match width.saturating_sub(unit) {
        128 => u128::MAX,
        shift => (1 << shift) - 1,
    };
    bits(first) & low == 0 && bits(last) & low == low
}

pub(crate) fn bits_of(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_bits().into(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// An exclusive range of a tenant must not share addresses with another range.
fn shared_ranges(set: &SetDraft<'_>) {
    for (at, (table, range)) in set.ranges.iter().enumerate() {
        let mut earlier = set.ranges[..at].iter();
        let shared = earlier.find(|(_, other)| {
            (range.exclusive || other.exclusive)
                && range.span.start() <= other.span.end()
                && other.span.start() <= range.span.end()
        });
        if let Some((_, other)) = shared {
            let message = format!(
                "{} of line {} has some of these addresses, and one of the two is exclusive",
                other.name, other.line
            );
            object(table, "range", "overlaps", message);
        }
    }
}

fn pair(sets: &[SetDraft<'_>], config: &PairConfig, table: &Table<'_>) {
    let v4 = side::<Ipv4Net>(sets, &config.v4, table, "v4", "IPv4");
    let v6 = side::<Ipv6Net>(sets, &config.v6, table, "v6", "IPv6");
    if !config.same_index {
        return;
    }
    for (set, key) in [(v4, "v4"), (v6, "v6")] {
        if let Some(reason) = set.and_then(no_twin) {
            let message = format!("index = \"same\" requires {reason}");
            object(table, key, "no-common-index", message);
        }
    }
}

fn side<'s, 'd, F: Family>(
    sets: &'s [SetDraft<'d>],
    name: &str,
    table: &Table<'_>,
    key: &str,
    family: &str,
) -> Option<&'s SetDraft<'d>> {
    let Some(set) = sets.iter().find(|set| set.config.name == name) else {
        let names: Vec<&str> = sets.iter().map(|set| &*set.config.name).collect();
        let message = format!("there is no set {name:?}; there are {}", names.join(", "));
        object(table, key, "unknown-set", message);
        return None;
    };
    let is_of_family = |member: &MemberDraft<'_>| {
        member.config.pool.builder::<F>().is_some()
            && member.config.cordons.iter().all(|it| F::span(it).is_some())
    };
    let all_members = set.members.iter().all(is_of_family);
    if !all_members || !set.ranges.iter().all(|(_, it)| F::span(&it.span).is_some()) {
        let message = format!("not all addresses of the set {name} are {family}");
        object(table, key, "wrong-family", message);
        return None;
    }
    Some(set)
}

/// Returns why a set cannot be one side of twins.
fn no_twin(set: &SetDraft<'_>) -> Option<&'static str> {
    let [member] = &set.members[..] else {
        return Some("a set of one member");
    };
    let member = &member.config;
    if member.info.ranges.len() != 1 {
        return Some("a member of one network, or one range");
    }
    let is_open = !member.drained && member.cordons.is_empty() && member.band.is_none();
    if !is_open || set.ranges.iter().any(|(_, range)| range.exclusive) {
        return Some("a member without drain, cordons, band and exclusive ranges");
    }
    None
}

fn object(table: &Table<'_>, key: &str, code: &'static str, message: impl std::fmt::Display) {
    table.document().object(&table.place_of(key), code, message);
}
