//! Which files mutants are made of, and which checks stand behind them.

use super::checks::Check;
use super::operators::{Generated, Operator, changes_of};
use crate::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::iter;
use std::path::Path;

pub(crate) struct Room {
    pub(crate) name: &'static str,
    folder: &'static str,
    /// The files of the folder that belong to the protocol; if there are none here, all of them do.
    only: &'static [&'static str],
    behind: Behind,
}

/// The checks of a room, in addition to those of all rooms.
struct Behind {
    tests: &'static [&'static str],
    /// The files of loom models; pool files are not built under loom.
    loom: &'static [&'static str],
}

pub(crate) const ROOMS: &[Room] = &[
    Room {
        name: "bitmap",
        folder: "src/bitmap",
        only: &[],
        behind: BITMAP,
    },
    Room {
        name: "pool",
        folder: "src/pool",
        only: &[
            "claim/allocate",
            "claim/answer",
            "claim/batch",
            "claim/in_file",
            "guard",
            "list/adopt",
            "list/listing",
            "local/refill",
            "local/registry",
            "local/spares",
            "local/verbs",
            "member",
            "release",
        ],
        behind: POOL,
    },
    Room {
        name: "passes",
        folder: "src/pool/reconcile",
        only: &[],
        behind: POOL,
    },
    Room {
        name: "set",
        folder: "src/set",
        only: &[
            "adopt", "band", "change", "cordons", "guard", "many", "member", "members", "pair",
            "proof", "strategy", "sub_pool", "twins", "verbs",
        ],
        behind: SET,
    },
    Room {
        name: "set passes",
        folder: "src/set/reconcile",
        only: &[],
        behind: SET,
    },
    Room {
        name: "file",
        folder: "src/storage/file",
        only: &["attached", "commit", "leave", "peers", "poison", "recover"],
        behind: FILE,
    },
    // The heap uses the same barrier.
    Room {
        name: "barrier",
        folder: "src/storage",
        only: &["barrier"],
        behind: POOL,
    },
];

/// The tests of all rooms. The storms of threads are left out: they find faults only by chance, and if other programs
/// use the processors, some fail without a mutant.
const TESTS: &[&str] = &[
    "edges",
    "errors",
    "field_networks",
    "field_reconcile",
    "file_kernel",
    "file_steps",
    "forks",
    "grow",
    "local",
    "owners",
    "properties",
    "reconcile",
    "reconcile_file",
    "reconcile_sim",
    "serde",
    "set_lists",
    "set_properties",
    "set_reconcile",
    "sets",
    "sets_file",
    "signals",
    "users",
    "verbs",
];

const BITMAP: Behind = Behind {
    tests: &[],
    loom: &[
        "proof",
        "batch",
        "block",
        "lanes",
        "single",
        "pool",
        "pass",
        "adopt",
        "guards",
        "sub_pools",
        "pass_of_members",
        "set",
        "twins",
    ],
};

const POOL: Behind = Behind {
    tests: &["file_life"],
    loom: &[
        "pool",
        "local",
        "pass",
        "pass_of_locals",
        "adopt",
        "guards",
        "sub_pools",
        "pass_of_members",
        "set",
    ],
};

const SET: Behind = Behind {
    tests: &[],
    loom: &["set", "pass_of_members", "guards", "twins", "sub_pools"],
};

const FILE: Behind = Behind {
    tests: &[
        "crash_model",
        "file_copies",
        "file_growth",
        "file_life",
        "file_processes",
        "file_system_calls",
    ],
    loom: &[],
};

impl Room {
    /// Returns the checks to try a mutant with. Only models notice a weaker ordering: an x86-64 runs it no weaker.
    pub(crate) fn checks(&self, operator: Operator) -> Vec<Check> {
        let loom = self.behind.loom.iter().copied().map(Check::Loom);
        if operator == Operator::Lowered {
            return loom.collect();
        }
        let tests = TESTS.iter().chain(self.behind.tests).copied();
        let tests = tests.map(Check::Test);
        iter::once(Check::Unit).chain(tests).chain(loom).collect()
    }

    /// Returns all files of the room, sorted by name.
    pub(crate) fn files(&self, root: &Path) -> Outcome<Vec<String>> {
        if !self.only.is_empty() {
            let file = |name: &&str| format!("{}/{name}.rs", self.folder);
            return Ok(self.only.iter().map(file).collect());
        }
        let entries = fs::read_dir(root.join(self.folder));
        let entries = entries.map_err(|error| format!("{}: {error}", self.folder))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut files: Vec<_> = names
            .filter(|name| name.ends_with(".rs") && name != "mod.rs")
            .map(|name| format!("{}/{name}", self.folder))
            .collect();
        files.sort();
        Ok(files)
    }

    fn mutants(&'static self, root: &Path) -> Outcome<Vec<Mutant>> {
        let mut mutants = Vec::new();
        for file in self.files(root)? {
            let text =
                fs::read_to_string(root.join(&file)).map_err(|error| format!("{file}: {error}"))?;
            let changes = changes_of(&file, &text)?;
            mutants.extend(
                changes
                    .into_iter()
                    .map(|change| Mutant { room: self, change }),
            );
        }
        Ok(mutants)
    }
}

/// A change, and the room that it is in.
#[derive(Clone)]
pub(crate) struct Mutant {
    pub(crate) room: &'static Room,
    pub(crate) change: Generated,
}

/// Returns all mutants of all rooms, file by file.
pub(crate) fn all(root: &Path) -> Outcome<Vec<Mutant>> {
    let mut all = Vec::new();
    for room in ROOMS {
        all.extend(room.mutants(root)?);
    }
    Ok(all)
}

/// Returns the names of about `wanted` mutants: each operator in each room has its share, and at least one. The names
/// are the same as long as the source is the same, and mostly the same after a change.
pub(crate) fn sample<'m>(all: impl Iterator<Item = &'m Mutant>, wanted: usize) -> BTreeSet<String> {
    let mut drawers: BTreeMap<(&str, Operator), Vec<&Mutant>> = BTreeMap::new();
    let mut count = 0;
    for mutant in all {
        let drawer = (mutant.room.name, mutant.change.operator);
        drawers.entry(drawer).or_default().push(mutant);
        count += 1;
    }
    let mut names = BTreeSet::new();
    for drawer in drawers.values_mut() {
        let share = (drawer.len() as u128 * wanted as u128).div_ceil(count);
        let share = drawer
            .len()
            .min(usize::try_from(share).unwrap_or(usize::MAX));
        drawer.sort_by_key(|mutant| hash(&mutant.change.name));
        names.extend(drawer[..share].iter().map(|one| one.change.name.clone()));
    }
    names
}

/// Returns the FNV-1a hash of a text, with the seed of the sample in its offset. It need only be the same in every run.
pub(crate) fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mixed = text.bytes().fold(0xcbf2_9ce4_8422_2325 ^ 13, step);
    // Names that differ only at their end differ only in the low bits.
    mixed.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
