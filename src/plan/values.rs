//! What a pass found, and what applying its plan did.

#[cfg(feature = "serde")]
use crate::users::is_zero;
use crate::users::{Adopted, Problem};
use std::net::IpAddr;

/// Identifies the pool that a plan belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PoolIdentity {
    /// The network; `None` if the pool consists of ranges alone.
    pub network: Option<String>,
    /// The first address that the pool can hand out.
    pub first: IpAddr,
    /// The last address that the pool can hand out.
    pub last: IpAddr,
    /// How many addresses the pool can hand out.
    pub capacity: u64,
    /// The pool file; `None` for a pool on the heap.
    pub file: Option<FileIdentity>,
    /// A random number that identifies a pool on the heap: its plans are void when the process ends. Zero for a pool in
    /// a file.
    pub instance: u64,
}

/// Identifies a pool file, and one of its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FileIdentity {
    /// The random identifier of the file, in hexadecimal digits.
    pub id: String,
    /// The session number, which grows with every first open; see `Recovery::session`.
    pub session: u64,
}

/// The entries of the list, by result. Each entry is in exactly one of these counts, except `other_generation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct EntryCounts {
    /// How many entries there were.
    pub total: u64,
    /// Entries whose address was taken when the pass began.
    pub matched: u64,
    /// Entries whose address is free, and could be given to another holder. Applying the plan takes it.
    pub missing: u64,
    /// Entries whose address was free when the pass began, and was taken since: there may be two holders.
    pub conflict_taken: u64,
    /// Entries whose address an earlier entry listed for another owner.
    pub duplicate: u64,
    /// Entries whose address an earlier entry listed, without another owner.
    pub repeated: u64,
    /// Entries whose address is reserved, and never handed out.
    pub reserved_in_use: u64,
    /// Entries for the gateway, listed as the router's own address.
    pub own: u64,
    /// Entries whose address is not in the pool.
    pub out_of_range: u64,
    /// Entries whose address belongs to the other family.
    pub wrong_family: u64,
    /// Entries that are a block or a range of several addresses, and the first to list one of them.
    pub blocks: u64,
    /// Entries that are a prefix of the pool's whole network: a route to it, which holds nothing.
    pub routes: u64,
    /// Entries with an address outside the recognized fields that is not in the pool.
    pub passed: u64,
    /// Entries of users without an address.
    pub unassigned: u64,
    /// Entries that cannot be read.
    pub unparseable: u64,
    /// Only in lease pools: entries whose address is offered. Its holder has written it down, and not renewed it yet.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_zero"))]
    pub offered: u64,
    /// Only in lease pools: entries whose lease has ended, and whose address rests.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_zero"))]
    pub cooling: u64,
    /// Only in lease pools: how many of these entries name another generation than the lease of their address has.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_zero"))]
    pub other_generation: u64,
}

impl EntryCounts {
    /// Returns the counts that do not depend on the state of the pool.
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
            other_generation: report.other_generation,
            ..Self::default()
        }
    }

    /// Adds the counts of another reader of the same list.
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
        self.offered += more.offered;
        self.cooling += more.cooling;
        self.other_generation += more.other_generation;
    }

    /// Returns whether some entry deserves attention, whatever the state of the pool.
    pub(crate) fn has_odd(&self) -> bool {
        let odd = self.duplicate
            + self.reserved_in_use
            + self.out_of_range
            + self.wrong_family
            + self.unparseable
            + self.other_generation;
        odd != 0
    }
}

/// The addresses of the pool, by result. Each address is in exactly one of these counts, except `ripe`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SlotCounts {
    /// How many addresses there are.
    pub total: u64,
    /// Addresses that are taken and listed.
    pub matched: u64,
    /// Addresses that are taken, not listed, and untouched while the pass ran.
    pub orphan: u64,
    /// Addresses that are not listed, but were allocated while the pass ran or belong to a local.
    pub in_flight: u64,
    /// Addresses that are listed, but free.
    pub missing: u64,
    /// Addresses that are listed, were free when the pass began, and were taken since.
    pub conflict_taken: u64,
    /// Addresses that are not listed, but quarantined; `reclaim` is responsible for them.
    pub quarantined: u64,
    /// Addresses that are free and not listed.
    pub free: u64,
    /// How many of the orphans applying the plan would free.
    pub ripe: u64,
    /// Only in lease pools: addresses that are listed, and offered.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_zero"))]
    pub offered: u64,
    /// Only in lease pools: addresses that are listed, and whose lease has ended.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_zero"))]
    pub cooling: u64,
}

impl SlotCounts {
    /// Returns how many addresses were taken when the pass began, as far as the pass can tell.
    pub(crate) fn taken(&self) -> u64 {
        self.matched + self.orphan + self.quarantined
    }

    /// Returns whether pool and list differ in some address.
    pub(crate) fn have_drift(&self) -> bool {
        self.orphan + self.missing + self.conflict_taken + self.quarantined + self.cooling != 0
    }

    /// Adds the counts of another pool.
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
        self.offered += more.offered;
        self.cooling += more.cooling;
    }
}

/// Consecutive addresses in the same state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PlanRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address; for units, the first address of the last unit.
    pub last: IpAddr,
    /// How many of these addresses the pool can hand out.
    pub count: u64,
    /// The state: `orphan` (seen once, or not often enough), `ripe` (an orphan that applying the plan frees), or
    /// `missing` (listed and free; applying the plan takes it). In a lease pool an orphan is `ripe` at once, applying the
    /// plan takes nothing, and there are `offered` (listed, and not renewed yet) and `cooling` (listed, and its lease
    /// has ended). Future versions may add states.
    pub state: String,
    /// When an orphan was first seen, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// When an orphan was seen again, `grace` or more later, in milliseconds since 1970.
    pub again_ms: Option<u64>,
    /// The generation of the leases. `None` for what is free, and in plain pools.
    pub generation: Option<u64>,
    /// When ripe leases end, in seconds by the clock of their pool. `None` for ever, and in plain pools.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub until: Option<u64>,
}

/// What a pass found, and what to do about it. Plain data, which can be stored in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Plan {
    /// The version of this form of plans: 1.
    pub version: u32,
    /// The pool that the plan belongs to.
    pub pool: PoolIdentity,
    /// The number of the pool's barrier, or of the pass over a lease pool. When it has another number, the plan is void.
    pub number: u32,
    /// When the barrier was up and the state of the pool was taken, in milliseconds since 1970.
    pub began_ms: u64,
    /// When the list had been read, in milliseconds since 1970.
    pub finished_ms: u64,
    /// The `grace` by which orphans were judged, in milliseconds.
    pub grace_ms: u64,
    /// The entries of the list, by result.
    pub entries: EntryCounts,
    /// The addresses of the pool, by result.
    pub slots: SlotCounts,
    /// How many addresses of the pool are listed.
    pub listed: u64,
    /// How many addresses the longest earlier list contained, since a plan last freed something. Comparing only with
    /// the previous list would not do: addresses that are missing now would be freed two passes later, if that list is
    /// as short.
    pub listed_before: Option<u64>,
    /// Whether more entries than allowed cannot be read, so that the list proves nothing about other addresses.
    pub is_unclear: bool,
    /// The addresses to free or take, and all orphans seen so far, in ascending order within each state.
    pub ranges: Vec<PlanRange>,
    /// Entries that deserve attention, the most dangerous first: up to 100 of each kind.
    pub problems: Vec<Problem>,
}

impl Plan {
    pub(crate) const VERSION: u32 = 2;
    pub(crate) const ORPHAN: &str = "orphan";
    pub(crate) const RIPE: &str = "ripe";
    pub(crate) const MISSING: &str = "missing";
    pub(crate) const OFFERED: &str = "offered";
    pub(crate) const COOLING: &str = "cooling";

    /// Returns whether pool and list agree as far as they can: nothing is orphaned, missing or in conflict, and every
    /// entry is clear.
    pub fn is_in_order(&self) -> bool {
        !self.slots.have_drift() && !self.entries.has_odd()
    }
}

/// The effect of applying a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use = "it says whether two may hold one address"]
#[non_exhaustive]
pub struct Applied {
    /// Orphans that were freed. In a lease pool, leases that have ended; their addresses rest.
    pub freed: u64,
    /// Orphans that were left alone, because they were touched since the pass, or were free already.
    pub spared: u64,
    /// Missing addresses that were taken.
    pub adopted: u64,
    /// Missing addresses that had been taken meanwhile: there may be two holders.
    pub conflicts: u64,
}

/// The effect of undoing a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use = "it says what could not be taken back"]
#[non_exhaustive]
pub struct Undone {
    /// Addresses that were free and are allocated again. In a lease pool, leases that hold again.
    pub taken_back: u64,
    /// Addresses that were not free: they were never freed, or were allocated again since. In a lease pool, leases that no
    /// pass had ended, or whose rest was over.
    pub not_free: u64,
    /// The first 100 addresses that were not free.
    pub not_free_addrs: Vec<IpAddr>,
}

impl Applied {
    /// Adds the effects on another pool.
    pub(crate) fn add(&mut self, more: &Self) {
        self.freed += more.freed;
        self.spared += more.spared;
        self.adopted += more.adopted;
        self.conflicts += more.conflicts;
    }
}

impl Undone {
    /// How many addresses a report names at most.
    pub(crate) const MOST_NAMED: usize = 100;

    /// Adds the effects on another pool.
    pub(crate) fn add(&mut self, more: &Self) {
        self.taken_back += more.taken_back;
        self.not_free += more.not_free;
        self.not_free_addrs.extend(&more.not_free_addrs);
        self.not_free_addrs.truncate(Self::MOST_NAMED);
    }
}
