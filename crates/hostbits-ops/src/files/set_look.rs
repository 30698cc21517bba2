//! The pool files of a set as they are: read without a lock, and nothing is written.

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

/// A set, and how much of it is taken.
#[derive(Debug, Serialize)]
pub struct ShownSet {
    /// Its name.
    pub set: String,
    /// How many addresses it can hand out.
    pub capacity: u64,
    /// How many are allocated.
    pub allocated: u64,
    /// Free, and neither drained nor cordoned.
    pub available: u64,
    /// How much is taken of what is neither drained nor cordoned.
    pub used_percent: Used,
    /// In the order of the configuration.
    pub members: Vec<ShownMember>,
    /// The named ranges.
    pub ranges: Vec<ShownRange>,
}

/// A member of a set.
#[derive(Debug, Serialize)]
pub struct ShownMember {
    /// Its network, or its first and last address.
    pub member: String,
    /// Its file.
    pub pool_file: String,
    /// What the pool is.
    pub info: NetworkInfo,
    /// How many addresses are allocated.
    pub allocated: u64,
    /// How much of it is taken, drained or not.
    pub used_percent: Used,
    /// How many of them are quarantined.
    pub quarantined: u64,
    /// How many processes have it open.
    pub processes: u32,
    /// Whether nothing new is handed out.
    pub drained: bool,
    /// Where nothing new is handed out.
    pub cordons: Vec<Part>,
    /// The part that is kept for addresses that are asked for by name.
    pub band: Option<Part>,
    /// Its addresses in characters.
    pub map: Map,
}

/// A part of a member.
#[derive(Debug, Serialize)]
pub struct Part {
    /// Its first address.
    pub first: IpAddr,
    /// Its last address.
    pub last: IpAddr,
    /// How many of its addresses are allocated.
    pub allocated: u64,
}

/// A named range of a set.
#[derive(Debug, Serialize)]
pub struct ShownRange {
    /// Its name.
    pub range: String,
    /// Whether nobody gets its addresses who does not ask for the range.
    pub exclusive: bool,
    /// How many addresses it can hand out.
    pub capacity: u64,
    /// How much of it is taken.
    pub used_percent: Used,
    /// Whether its member is drained, or a cordon has some of it.
    #[serde(skip)]
    pub is_closed: bool,
    /// Where it is.
    #[serde(flatten)]
    pub part: Part,
}

/// The allocated addresses of a set.
#[derive(Debug, Serialize)]
pub struct ListedSet {
    /// Its name.
    pub set: String,
    /// Prefixes of the unit of their member, member by member.
    pub addresses: Vec<IpNet>,
    /// Those of them that are quarantined, in the same order.
    pub quarantined: Vec<IpNet>,
}

/// The files of sets, and what the configuration would make of them.
#[derive(Debug)]
pub struct CheckedSets {
    /// All members of all sets.
    pub members: Vec<SeenMember>,
    /// What applying the configuration would do, and refuse.
    pub plan: Plan,
}

/// A member with what its file held.
#[derive(Debug)]
pub struct SeenMember {
    /// The name of the set.
    pub set: String,
    /// Its network, or its first and last address.
    pub member: String,
    /// Its file.
    pub pool_file: String,
    /// What was read.
    pub view: file::View,
}

/// The set of this name, or all of them, with every member. The files are read without a lock.
///
/// Lines of the maps fit into so many columns, if there are columns.
///
/// # Errors
///
/// The configuration is wrong, has no such set, or a file cannot be read.
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

/// The allocated addresses of the set of this name, or of all of them.
///
/// # Errors
///
/// As of [`show_sets`].
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

/// Looks for damage of the files of the set of this name, or of all of them, and whether they are as the configuration
/// says.
///
/// # Errors
///
/// As of [`show_sets`]. Damage with which a file can be used is none.
pub fn check_sets(file: &ConfigFile, name: Option<&str>) -> Result<CheckedSets, Failure> {
    let mut config = file.read()?;
    file.sets(&config, name)?;
    // Files of other sets may be damaged, or not there.
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

/// The set over copies of its pools: drains, cordons, bands and ranges are counted by the library.
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

/// How many are taken that are neither drained nor under a cordon.
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
