//! What a pass found, and what became of it.

use crate::users::{Adopted, Problem};
use std::net::IpAddr;

/// Which pool a plan is of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PoolIdentity {
    /// The network, if there is one around the ranges.
    pub network: Option<String>,
    /// The first and the last address that the pool can hand out.
    pub first: IpAddr,
    /// See `first`.
    pub last: IpAddr,
    /// How many addresses it can hand out.
    pub capacity: u64,
    /// The file, of a pool that has one.
    pub file: Option<FileIdentity>,
    /// A random number of a pool on the heap: it is gone with the process, and so is its plan. Zero where
    /// there is a file.
    pub instance: u64,
}

/// Which file, and which life of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FileIdentity {
    /// The random name of the file, in hexadecimal digits.
    pub id: String,
    /// One more with every first opener; see `Recovery::session`.
    pub session: u64,
}

/// What became of the entries of the list: each is in exactly one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct EntryCounts {
    /// How many entries there were.
    pub total: u64,
    /// The address was taken when the pass began.
    pub matched: u64,
    /// The address is free: its holder is not safe. Applying the plan takes it.
    pub missing: u64,
    /// The address was free when the pass began, and somebody has taken it since: there may be two holders.
    pub conflict_taken: u64,
    /// Another owner had claimed the address before.
    pub duplicate: u64,
    /// The address came before, without another owner.
    pub repeated: u64,
    /// The address is reserved, and never handed out.
    pub reserved_in_use: u64,
    /// The gateway, by the router that it is.
    pub own: u64,
    /// The address is not of the pool.
    pub out_of_range: u64,
    /// The address is of the other family.
    pub wrong_family: u64,
    /// A block or a range of several addresses, of which it is the first to name one.
    pub blocks: u64,
    /// A prefix that covers all of the pool's network: a route that leads to it, and holds nothing.
    pub routes: u64,
    /// An address beside those of the list, and none of the pool's.
    pub passed: u64,
    /// A user without an address.
    pub unassigned: u64,
    /// No address at all.
    pub unparseable: u64,
}

impl EntryCounts {
    /// Those that are what they are whatever the pool has.
    pub(crate) fn odd(report: &Adopted) -> Self {
        Self {
            total: report.entries,
            duplicate: report.duplicate,
            repeated: report.repeated,
            reserved_in_use: report.reserved,
            own: report.own,
            out_of_range: report.out_of_range,
            wrong_family: report.wrong_family,
            blocks: report.blocks,
            routes: report.routes,
            passed: report.passed,
            unassigned: report.unassigned,
            unparseable: report.unparseable,
            ..Self::default()
        }
    }

    /// Adds those that others have read of the same list.
    pub(crate) fn add(&mut self, more: &Self) {
        self.total += more.total;
        self.matched += more.matched;
        self.missing += more.missing;
        self.conflict_taken += more.conflict_taken;
        self.duplicate += more.duplicate;
        self.repeated += more.repeated;
        self.reserved_in_use += more.reserved_in_use;
        self.out_of_range += more.out_of_range;
        self.wrong_family += more.wrong_family;
        self.own += more.own;
        self.blocks += more.blocks;
        self.routes += more.routes;
        self.passed += more.passed;
        self.unassigned += more.unassigned;
        self.unparseable += more.unparseable;
    }

    /// Whether an entry deserves a look, whatever the pool has.
    pub(crate) fn has_odd(&self) -> bool {
        let odd = self.duplicate
            + self.reserved_in_use
            + self.out_of_range
            + self.wrong_family
            + self.unparseable;
        odd != 0
    }
}

/// What became of the addresses of the pool: each is in exactly one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SlotCounts {
    /// How many there are.
    pub total: u64,
    /// Taken and listed.
    pub matched: u64,
    /// Taken, not listed, not touched while the pass ran.
    pub orphan: u64,
    /// Not listed, and allocated while the pass ran, or reserved by a local.
    pub in_flight: u64,
    /// Listed and free.
    pub missing: u64,
    /// Listed, free when the pass began, and taken since.
    pub conflict_taken: u64,
    /// Not listed, and quarantined: left to `reclaim`.
    pub quarantined: u64,
    /// Free and not listed.
    pub free: u64,
    /// How many orphans applying the plan would free: some of `orphan`.
    pub ripe: u64,
}

impl SlotCounts {
    /// How many were taken when the pass began, as far as the pass is concerned.
    pub(crate) fn taken(&self) -> u64 {
        self.matched + self.orphan + self.quarantined
    }

    /// Whether an address says that pool and list differ.
    pub(crate) fn have_drift(&self) -> bool {
        self.orphan + self.missing + self.conflict_taken + self.quarantined != 0
    }

    /// Adds those of another pool.
    pub(crate) fn add(&mut self, more: &Self) {
        self.total += more.total;
        self.matched += more.matched;
        self.orphan += more.orphan;
        self.in_flight += more.in_flight;
        self.missing += more.missing;
        self.conflict_taken += more.conflict_taken;
        self.quarantined += more.quarantined;
        self.free += more.free;
        self.ripe += more.ripe;
    }
}

/// Addresses that follow each other, in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PlanRange {
    /// The first address.
    pub first: IpAddr,
    /// The last one; of units, the first address of the last one.
    pub last: IpAddr,
    /// How many addresses the pool hands out there.
    pub count: u64,
    /// `orphan`: seen once, or not often enough; `ripe`: an orphan that is freed when the plan is applied;
    /// `missing`: listed and free, taken when the plan is applied. There may be more some day.
    pub state: String,
    /// Of an orphan: when it was seen first, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// When it was seen again, `grace` or more later.
    pub again_ms: Option<u64>,
    /// Kept for pools whose addresses have generations.
    pub generation: Option<u64>,
}

/// What a pass found, and what is to be done about it. Plain data: it can be kept in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Plan {
    /// Of this form of plans: 1.
    pub version: u32,
    /// Which pool.
    pub pool: PoolIdentity,
    /// The number of the pool's barrier: a plan is good for nothing when that has another one.
    pub number: u32,
    /// When the barrier was up and the pool was looked at, in milliseconds since 1970.
    pub began_ms: u64,
    /// When the list had been read.
    pub finished_ms: u64,
    /// The `grace` that the orphans were judged by.
    pub grace_ms: u64,
    /// What became of the entries.
    pub entries: EntryCounts,
    /// What became of the addresses.
    pub slots: SlotCounts,
    /// How many addresses of the pool are listed.
    pub listed: u64,
    /// How many the longest list before this one had, since a plan freed something. Not only the list just
    /// before: what is missing from this one is freed two passes later, when that is as short.
    pub listed_before: Option<u64>,
    /// Whether more entries than allowed cannot be read, so that it is open what the list says.
    pub is_unclear: bool,
    /// What is to be done, and which orphans have been seen; ascending within each state.
    pub ranges: Vec<PlanRange>,
    /// Entries that deserve a look, by what they could cost: the first 100 of each kind.
    pub problems: Vec<Problem>,
}

impl Plan {
    pub(crate) const VERSION: u32 = 2;
    pub(crate) const ORPHAN: &str = "orphan";
    pub(crate) const RIPE: &str = "ripe";
    pub(crate) const MISSING: &str = "missing";

    /// Whether pool and list say the same, as far as they can: nothing is orphaned, missing or in conflict,
    /// and every entry says something clear.
    pub fn is_in_order(&self) -> bool {
        !self.slots.have_drift() && !self.entries.has_odd()
    }
}

/// What applying a plan did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Applied {
    /// Orphans that are free now.
    pub freed: u64,
    /// Orphans that were left alone: touched since, or free already.
    pub spared: u64,
    /// Missing addresses that are taken now.
    pub adopted: u64,
    /// Missing addresses that somebody else had taken meanwhile: there may be two holders.
    pub conflicts: u64,
}

/// What undoing a plan did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Undone {
    /// Addresses that were free and are taken again.
    pub taken_back: u64,
    /// Addresses that were not free: they were never freed, or somebody has got them since.
    pub not_free: u64,
    /// The first 100 of those.
    pub not_free_addrs: Vec<IpAddr>,
}

impl Applied {
    /// Adds what was done elsewhere.
    pub(crate) fn add(&mut self, more: &Self) {
        self.freed += more.freed;
        self.spared += more.spared;
        self.adopted += more.adopted;
        self.conflicts += more.conflicts;
    }
}

impl Undone {
    /// How many addresses a report names.
    pub(crate) const MOST_NAMED: usize = 100;

    /// Adds what was undone elsewhere.
    pub(crate) fn add(&mut self, more: &Self) {
        self.taken_back += more.taken_back;
        self.not_free += more.not_free;
        self.not_free_addrs.extend(&more.not_free_addrs);
        self.not_free_addrs.truncate(Self::MOST_NAMED);
    }
}
