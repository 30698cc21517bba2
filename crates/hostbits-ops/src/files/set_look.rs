//! The pool files of a set as they are: read without a lock, and nothing is written.

use crate::failure::Failure;
use crate::files::config_file::ConfigFile;
use crate::files::set_failure::Cause;
use crate::map::Map;
use crate::text::{net_of, printable_path};
use hostbits::{NetworkInfo, file, set::Member};
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
/// # Errors
///
/// The configuration is wrong, has no such set, or a file cannot be read.
pub fn show_sets(file: &ConfigFile, name: Option<&str>) -> Result<Vec<ShownSet>, Failure> {
    let config = file.read()?;
    let sets = file.sets(&config, name)?.into_iter();
    let sets = sets.map(|set| {
        let seen = see(file, set)?;
        shown_set(set, &seen).map_err(|error| file.refuse_open(error))
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
        let addresses = see(file, set)?.into_iter().flat_map(|seen| {
            let unit = seen.view.info.unit;
            let nets = seen.view.snapshot.iter().map(|addr| net_of(addr, unit));
            nets.collect::<Vec<_>>()
        });
        sets.push(ListedSet {
            set: set.name.clone(),
            addresses: addresses.collect(),
        });
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
fn shown_set(set: &SetConfig, seen: &[SeenMember]) -> Result<ShownSet, OpenError> {
    let mut views = seen.iter().map(|it| &it.view);
    let open = set.over(|_| Ok(views.next().expect("each member was read").to_pool()))?;
    let ranges = set.ranges.iter().zip(&open.ranges);
    let ranges = ranges.map(|(range, open)| ShownRange {
        range: range.name.clone(),
        exclusive: range.exclusive,
        capacity: open.pool.capacity(),
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
        ranges: ranges.collect(),
        members: members
            .map(|((config, seen), member)| shown_member(config, seen, &member))
            .collect(),
    })
}

fn shown_member(
    config: &MemberConfig,
    seen: &SeenMember,
    member: &Member<'_, IpNet>,
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
        quarantined: view.quarantined,
        processes: view.health.processes,
        drained: member.is_drained(),
        cordons: cordons.map(|it| part((*it.start(), *it.end()))).collect(),
        band: member.band().map(part),
        map: Map::of(pool, &view.info),
        info: view.info.clone(),
    }
}
