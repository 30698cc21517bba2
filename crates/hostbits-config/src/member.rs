//! The keys of a member.

use crate::document::{Node, Place, Placed, Table};
use crate::model::{FileConfig, LeaseConfig, MemberConfig, PoolConfig};
use crate::values::{self, AddrSpan, PolicyChoice};
use hostbits::{BuildError, Gateway, NetworkInfo, Policy, set::StaticBand};
use ipnet::IpNet;
use std::path::Path;

const MEMBER_KEYS: &[&str] = &[
    "network",
    "ranges",
    "unit",
    "gateway",
    "edges",
    "reserve",
    "at_most",
    "policy",
    "stats",
    "file",
    "durability",
    "capacity",
    "min_session",
    "leases",
    "cooldown",
    "weight",
    "band",
    "drained",
    "cordons",
];
const RESERVE_KEYS: &[&str] = &["range", "label"];

/// The maximum number of slots of a pool.
const MOST_SLOTS: u64 = 1 << 32;

/// The largest integer in TOML; no file is opened as often.
const MOST_SESSIONS: u64 = i64::MAX as u64;

/// A member, with the positions of its values.
pub(crate) struct MemberDraft<'d> {
    pub(crate) table: Table<'d>,
    pub(crate) cordon_places: Vec<Place>,
    pub(crate) config: MemberConfig,
}

/// The ranges in a list.
type Spans = Vec<Placed<AddrSpan>>;

/// Addresses to reserve, and why.
type Reserved = Placed<(AddrSpan, String)>;

/// Reads a member; returns `None` if its addresses cannot be determined.
pub(crate) fn read<'d>(table: Table<'d>, folder: &Path) -> Option<MemberDraft<'d>> {
    table.expect_keys(MEMBER_KEYS);
    let problems_before = table.document().problem_count();
    let (ranges, reserve) = (spans(&table, "ranges"), reserved(&table));
    let pool = pool(&table, &ranges, &reserve);
    // If a value is unreadable, further errors would only be consequences of it.
    let shape_is_read = table.document().problem_count() == problems_before;
    let file = file(&table, folder, &pool);
    let cordons = spans(&table, "cordons");
    let (weight, band) = (table.number("weight", u32::MAX.into()), band(&table));
    let drained = table.flag("drained").unwrap_or(false);
    let info = if shape_is_read {
        look(&table, &pool, &ranges, &reserve)
    } else {
        None
    };
    let config = MemberConfig {
        line: table.place.line,
        pool,
        info: info?,
        file,
        weight: weight.map_or(1, |weight| weight as u32),
        band,
        drained,
        cordons: cordons.iter().map(|it| it.value.clone()).collect(),
    };
    Some(MemberDraft {
        table,
        cordon_places: cordons.into_iter().map(|it| it.place).collect(),
        config,
    })
}

fn pool(table: &Table<'_>, ranges: &Spans, reserve: &[Reserved]) -> PoolConfig {
    if table.get("network").is_none() && table.get("ranges").is_none() {
        let message = "a member needs a network, or ranges, or both";
        table
            .document()
            .object(&table.place, "missing-key", message);
    }
    let lowest = PolicyChoice {
        policy: Policy::Lowest,
        is_seeded: false,
    };
    PoolConfig {
        network: table.parsed("network", values::network),
        ranges: ranges.iter().map(|it| it.value.clone()).collect(),
        unit: table.number("unit", 128).map(|unit| unit as u8),
        gateway: table
            .parsed("gateway", values::gateway)
            .unwrap_or(Gateway::Auto),
        edges: table.flag("edges").unwrap_or(true),
        reserve: reserve.iter().map(|it| it.value.clone()).collect(),
        at_most: table.number("at_most", MOST_SLOTS),
        policy: table.parsed("policy", values::policy).unwrap_or(lowest),
        stats: table.parsed("stats", values::stats).unwrap_or_default(),
    }
}

/// Reads a list of ranges, each with its position.
fn spans(table: &Table<'_>, name: &str) -> Spans {
    let span = |node: Node<'_>| {
        Some(Placed {
            value: node.parsed(values::range)?,
            place: node.place,
        })
    };
    table.array(name).into_iter().filter_map(span).collect()
}

fn reserved(table: &Table<'_>) -> Vec<Reserved> {
    let nodes = table.array("reserve");
    let tables = nodes.iter().filter_map(Node::table);
    let one = |entry: Table<'_>| {
        entry.expect_keys(RESERVE_KEYS);
        for name in RESERVE_KEYS {
            if entry.get(name).is_none() {
                let message = "write { range = \"10.0.0.10-10.0.0.19\", label = \"printers\" }";
                let place = &entry.place;
                entry.document().object(place, "missing-key", message);
                return None;
            }
        }
        let label = entry.parsed("label", |label| match label.trim() {
            "" => Err("a label says why the addresses are reserved".to_owned()),
            label if label.chars().any(char::is_control) => {
                Err("a label is a single line of text".to_owned())
            }
            label => Ok(label.to_owned()),
        });
        Some(Placed {
            value: (entry.parsed("range", values::range)?, label?),
            place: entry.place,
        })
    };
    tables.filter_map(one).collect()
}

fn band(table: &Table<'_>) -> Option<StaticBand> {
    let node = table.get("band")?;
    if !node.is_text() {
        let count = node.number(0, u32::MAX.into())?;
        return Some(StaticBand::Lowest(count as u32));
    }
    // A number is not a string.
    node.parsed(|text| match StaticBand::of_name(text) {
        Some(band) if band.name() == text => Ok(band),
        _ => Err(values::is_not(
            text,
            "band",
            &StaticBand::ALL.map(StaticBand::name),
        )),
    })
}

fn file(table: &Table<'_>, folder: &Path, pool: &PoolConfig) -> Option<FileConfig> {
    let durability = table.parsed("durability", values::durability);
    let capacity = table.number("capacity", MOST_SLOTS);
    let min_session = table.number("min_session", MOST_SESSIONS);
    let leases = leases(table, pool);
    if table.get("file").is_none() {
        for name in [
            "durability",
            "capacity",
            "min_session",
            "leases",
            "cooldown",
        ] {
            if let Some(node) = table.get(name) {
                let message = "this key needs a pool file, and the member has no file";
                table.document().object(&node.place, "no-file", message);
            }
        }
        return None;
    }
    let path = table.parsed("file", |text| match text {
        "" => Err("write the path of a pool file".to_owned()),
        text if text.contains('\0') => Err("a path cannot contain a zero byte".to_owned()),
        text => Ok(folder.join(text)),
    });
    if pool.policy.is_seeded {
        let message =
            "a pool file does not store a seed: write random, and every open draws a new one";
        let place = table.place_of("policy");
        table.document().object(&place, "seed", message);
    }
    Some(FileConfig {
        path: path?,
        durability: durability.unwrap_or_default(),
        capacity,
        min_session: min_session.unwrap_or(0),
        leases,
    })
}

/// Reads the choices of a pool of leases. The longest cooldown is the library's to say.
fn leases(table: &Table<'_>, pool: &PoolConfig) -> Option<LeaseConfig> {
    let is_chosen = table.flag("leases").unwrap_or(false);
    let cooldown = table.parsed("cooldown", values::duration);
    if !is_chosen {
        if let Some(node) = table.get("cooldown") {
            let message = "only addresses of a pool of leases rest: write leases = true";
            table.document().object(&node.place, "no-leases", message);
        }
        return None;
    }
    if let Some((cooldown, builder)) = cooldown.zip(pool.builder::<IpNet>())
        && let Err(error @ BuildError::BadCooldown { .. }) =
            builder.at_most(1).leases().cooldown(cooldown).build()
    {
        let place = table.place_of("cooldown");
        table
            .document()
            .object(&place, error.code(), error.to_string());
    }
    Some(LeaseConfig { cooldown })
}

/// Returns the description of the pool. An error of the library is reported at the key that it is about.
fn look(
    table: &Table<'_>,
    pool: &PoolConfig,
    ranges: &Spans,
    reserve: &[Reserved],
) -> Option<NetworkInfo> {
    // A pool of `IpNet` takes addresses of both families.
    let error = match pool.builder::<IpNet>()?.info() {
        Ok(info) => return Some(info),
        Err(error) => error,
    };
    let place = match &error {
        BuildError::HostBitsSet { .. } | BuildError::MappedPrefix { .. } => {
            table.place_of("network")
        }
        BuildError::TooLarge { .. } if ranges.is_empty() => table.place_of("network"),
        BuildError::TooLarge { .. } => table.place_of("ranges"),
        BuildError::GatewayOutside { .. } | BuildError::GatewayReserved { .. } => {
            table.place_of("gateway")
        }
        BuildError::BadUnit { .. } => table.place_of("unit"),
        BuildError::BadRange { first, last, .. } => {
            let is_it = |span: &AddrSpan| (span.start(), span.end()) == (first, last);
            let range = ranges.iter().find(|range| is_it(&range.value));
            let reserve = reserve.iter().find(|reserve| is_it(&reserve.value.0));
            let place = range.map(|it| &it.place);
            let place = place.or(reserve.map(|it| &it.place));
            place.cloned().unwrap_or_else(|| table.place.clone())
        }
        BuildError::Empty if pool.at_most == Some(0) => table.place_of("at_most"),
        _ => table.place.clone(),
    };
    let message = match &error {
        BuildError::TooLarge { .. } => format!(
            "{error}: use ranges for a part of it, unit for prefixes, or at_most for the first slots"
        ),
        error => error.to_string(),
    };
    table.document().object(&place, error.code(), message);
    None
}
