//! The pool files of a set, read without a lock and without changes.

use crate::failure::Failure;
use crate::files::config_file::ConfigFile;
use crate::files::set_failure::Cause;
use crate::map::Map;
use crate::text::{net_of, printable_path};
use crate::used::Used;
use hostbits::{NetworkInfo, PoolSet, file, set::Member};
use hostbits_config::{MemberConfig, OpenError, Plan, SetConfig};
use ipnet::IpNet;
use serde::Serialize;
use std::net::IpAddr;

/// A set and its usage.
#[derive(Debug, Serialize)]
pub struct ShownSet {
    /// The name of the set.
    pub set: String,
    /// Number of addresses that the set can hand out.
    pub capacity: u64,
    /// Number of allocated addresses.
    pub allocated: u64,
    /// Number of addresses that are free, and neither drained nor cordoned.
    pub available: u64,
    /// Share of the addresses in use, not counting drained and cordoned ones.
    pub used_percent: Used,
    /// The members, in the order of the configuration.
    pub members: Vec<ShownMember>,
    /// The named ranges.
    pub ranges: Vec<ShownRange>,
}

/// A member of a set.
#[derive(Debug, Serialize)]
pub struct ShownMember {
    /// The network of the member, or its first and last address.
    pub member: String,
    /// The file of the member.
    pub pool_file: String,
    /// The facts of the pool.
    pub info: NetworkInfo,
    /// Number of allocated addresses.
    pub allocated: u64,
    /// Share of the addresses in use, drained or not.
    pub used_percent: Used,
    /// Number of allocated addresses that are quarantined.
    pub quarantined: u64,
    /// Number of processes that have the file open.
    pub processes: u32,
    /// Whether the member is drained: it hands out no new addresses.
    pub drained: bool,
    /// The parts from which no new addresses are handed out.
    pub cordons: Vec<Part>,
    /// The part that is reserved for addresses that are requested by name.
    pub band: Option<Part>,
    /// The map of its addresses.
    pub map: Map,
}

/// A part of a member.
#[derive(Debug, Serialize)]
pub struct Part {
    /// The first address of the part.
    pub first: IpAddr,
    /// The last address of the part.
    pub last: IpAddr,
    /// Number of allocated addresses in the part.
    pub allocated: u64,
}

/// A named range of a set.
#[derive(Debug, Serialize)]
pub struct ShownRange {
    /// The name of the range.
    pub range: String,
    /// Whether only requests to the range get its addresses.
    pub exclusive: bool,
    /// Number of addresses that the range can hand out.
    pub capacity: u64,
    /// Share of the addresses in use.
    pub used_percent: Used,
    /// Whether the member of the range is drained, or part of the range is cordoned.
    #[serde(skip)]
    pub is_closed: bool,
    /// The addresses of the range.
    #[serde(flatten)]
    pub part: Part,
}

/// The allocated addresses of a set.
#[derive(Debug, Serialize)]
pub struct ListedSet {
    /// The name of the set.
    pub set: String,
    /// The allocated prefixes, each of the unit length of its member, member by member.
    pub addresses: Vec<IpNet>,
    /// Those of them that are quarantined, in the same order.
    pub quarantined: Vec<IpNet>,
}

/// The files of sets, and what applying the configuration would do to them.
#[derive(Debug)]
pub struct CheckedSets {
    /// All members of all sets.
    pub members: Vec<SeenMember>,
    /// What applying the configuration would do, and what it would refuse.
    pub plan: Plan,
}

/// A member, and the contents of its file.
#[derive(Debug)]
pub struct SeenMember {
    /// The name of the set.
    pub set: String,
    /// The network of the member, or its first and last address.
    pub member: String,
    /// The file of the member.
    pub pool_file: String,
    /// The contents of the file.
    pub view: file::View,
}

/// Returns the set of this name, or all sets, with every member. The files are read without a lock.
///
/// Lines of the maps fit into `columns` columns, if given.
///
/// # Errors
///
/// Fails if the configuration is invalid or has no such set, or a file cannot be read.
pub fn show_sets(
    file: &ConfigFile,
    name: Option<&str>,
    columns: Option<usize>,
) -> Result<Vec<ShownSet>, Failure> {
    let config = file.read()?;
    let sets = file.sets(&config, name)?.into_iter();
    let sets = sets.map(|set| {
        let seen = see(file, set)?;
        shown_set(set, &seen, columns).map_err(|error| file.refuse_open(error))
    });
    sets.collect()
}

/// Returns the allocated addresses of the set of this name, or of all sets.
///
/// # Errors
///
/// Fails as [`show_sets`] does.
pub fn list_sets(file: &ConfigFile, name: Option<&str>) -> Result<Vec<ListedSet>, Failure> {
    let config = file.read()?;
    let mut sets = Vec::new();
    for set in file.sets(&config, name)? {
        let mut listed = ListedSet {
            set: set.name.clone(),
            addresses: Vec::new(),
            quarantined: Vec::new(),
        };
        for SeenMember { view, .. } in see(file, set)? {
            let net = |addr| net_of(addr, view.info.unit);
            listed.addresses.extend(view.snapshot.iter().map(net));
            let quarantined = view.quarantined_addresses();
            listed.quarantined.extend(quarantined.map(net));
        }
        sets.push(listed);
    }
    Ok(sets)
}

/// Checks the files of the set of this name, or of all sets, for damage, and whether they match the configuration.
///
/// # Errors
///
/// Fails as [`show_sets`] does. Damage that leaves a file usable is not an error.
pub fn check_sets(file: &ConfigFile, name: Option<&str>) -> Result<CheckedSets, Failure> {
    let mut config = file.read()?;
    file.sets(&config, name)?;
    // Files of other sets may be damaged or missing.
    config
        .sets
        .retain(|set| name.is_none_or(|name| set.name == name));
    let mut members = Vec::new();
    for set in &config.sets {
        members.extend(see(file, set)?);
    }
    let plan = Plan::of(&config, None);
    let plan = plan.map_err(|error| file.refuse(Cause::Plan(error)))?;
    Ok(CheckedSets { members, plan })
}

/// Reads the files of a set.
fn see(file: &ConfigFile, set: &SetConfig) -> Result<Vec<SeenMember>, Failure> {
    let seen = set.members.iter().filter_map(|member| {
        let path = &member.file.as_ref()?.path;
        Some(match hostbits::file::read(path) {
            Ok(view) => Ok(SeenMember {
                set: set.name.clone(),
                member: member.to_string(),
                pool_file: printable_path(path),
                view,
            }),
            Err(error) => Err(file.refuse_open(OpenError::of_file(member, error))),
        })
    });
    seen.collect()
}

/// Builds the set over copies of its pools, so that the library counts drains, cordons, bands and ranges.
fn shown_set(
    set: &SetConfig,
    seen: &[SeenMember],
    columns: Option<usize>,
) -> Result<ShownSet, OpenError> {
    let mut views = seen.iter().map(|it| &it.view);
    let open = set.over(|_| Ok(views.next().expect("each member was read").to_pool()))?;
    let ranges = set.ranges.iter().zip(&open.ranges);
    let ranges = ranges.map(|(range, open)| ShownRange {
        range: range.name.clone(),
        exclusive: range.exclusive,
        capacity: open.pool.capacity(),
        used_percent: Used::of(open.pool.allocated(), open.pool.available()),
        is_closed: open.is_closed,
        part: Part {
            first: *range.span.start(),
            last: *range.span.end(),
            allocated: open.pool.allocated(),
        },
    });
    let members = set.members.iter().zip(seen).zip(open.set.members());
    Ok(ShownSet {
        set: set.name.clone(),
        capacity: open.set.capacity(),
        allocated: open.set.allocated(),
        available: open.set.available(),
        used_percent: Used::of(taken_where_open(&open.set), open.set.available()),
        ranges: ranges.collect(),
        members: members
            .map(|((config, seen), member)| shown_member(config, seen, &member, columns))
            .collect(),
    })
}

/// Returns the number of taken addresses that are neither drained nor cordoned.
fn taken_where_open(set: &PoolSet<IpNet>) -> u64 {
    let open = set.members().filter(|member| !member.is_drained());
    open.map(|member| {
        let pool = member.pool();
        let mut cordons = member.cordons();
        cordons.sort_unstable();
        let mut closed: Vec<(IpAddr, IpAddr)> = Vec::new();
        for (first, last) in cordons {
            match closed.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => closed.push((first, last)),
            }
        }
        let taken = |&(first, last): &(IpAddr, IpAddr)| pool.count_in(first..=last);
        pool.allocated() - closed.iter().map(taken).sum::<u64>()
    })
    .sum()
}

fn shown_member(
    config: &MemberConfig,
    seen: &SeenMember,
    member: &Member<'_, IpNet>,
    columns: Option<usize>,
) -> ShownMember {
    let (view, pool) = (&seen.view, member.pool());
    let part = |(first, last): (IpAddr, IpAddr)| Part {
        first,
        last,
        allocated: pool.count_in(first..=last),
    };
    let cordons = config.cordons.iter();
    ShownMember {
        member: seen.member.clone(),
        pool_file: seen.pool_file.clone(),
        allocated: view.snapshot.allocated(),
        used_percent: Used::of(pool.allocated(), pool.available()),
        quarantined: view.quarantined,
        processes: view.health.processes,
        drained: member.is_drained(),
        cordons: cordons.map(|it| part((*it.start(), *it.end()))).collect(),
        band: member.band().map(part),
        map: Map::fitting(pool, &view.info, columns),
        info: view.info.clone(),
    }
}
