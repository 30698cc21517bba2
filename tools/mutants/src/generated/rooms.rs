//! Which files mutants are made of, and which checks stand behind them.

use super::operators::{Generated, Operator, changes_of};
use super::stages::Stage;
use crate::Outcome;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub(crate) struct Room {
    pub(crate) name: &'static str,
    folder: &'static str,
    /// Those files of the folder that are of the protocol; nothing says all of them.
    only: &'static [&'static str],
    /// From cheap to dear.
    stages: &'static [Stage],
}

pub(crate) const ROOMS: &[Room] = &[
    Room {
        name: "bitmap",
        folder: "src/bitmap",
        only: &[],
        stages: &[
            Stage::Unit,
            Stage::Tests(&["verbs", "properties", "edges", "local", "sets"]),
            Stage::Loom(&["proof", "batch", "block", "lanes"]),
            Stage::Tests(&["threads", "reconcile", "reconcile_sim", "file_steps"]),
            Stage::Loom(&["single", "pool", "set", "twins"]),
            Stage::Storms,
        ],
    },
    Room {
        name: "pool",
        folder: "src/pool",
        only: &[
            "adopt", "allocate", "barrier", "batch", "confirm", "guard", "holdings", "listing",
            "local", "member", "pocket", "refill", "release",
        ],
        stages: POOL,
    },
    Room {
        name: "passes",
        folder: "src/pool/reconcile",
        only: &[],
        stages: POOL,
    },
    Room {
        name: "set",
        folder: "src/set",
        only: &[
            "adopt", "band", "change", "cordons", "guard", "many", "member", "members", "pair",
            "proof", "strategy", "sub_pool", "twins", "verbs",
        ],
        stages: SET,
    },
    Room {
        name: "set passes",
        folder: "src/set/reconcile",
        only: &[],
        stages: SET,
    },
    Room {
        name: "file",
        folder: "src/storage/file",
        only: &["attached", "commit", "leave", "peers", "poison", "recover"],
        stages: FILE,
    },
    Room {
        name: "file barrier",
        folder: "src/storage",
        only: &["barrier"],
        stages: FILE,
    },
];

const POOL: &[Stage] = &[
    Stage::Unit,
    Stage::Tests(&[
        "verbs",
        "local",
        "reconcile",
        "users",
        "owners",
        "edges",
        "errors",
        "properties",
    ]),
    Stage::Loom(&[
        "pool",
        "local",
        "pass",
        "pass_of_locals",
        "adopt",
        "guards",
        "sub_pools",
    ]),
    Stage::Tests(&[
        "reconcile_sim",
        "reconcile_file",
        "file_life",
        "file_kernel",
        "file_steps",
        "sets",
        "threads",
    ]),
    Stage::Loom(&["pass_of_members", "set"]),
    Stage::Storms,
];

const SET: &[Stage] = &[
    Stage::Unit,
    Stage::Tests(&["sets", "set_properties", "set_lists", "set_reconcile"]),
    Stage::Loom(&["set", "pass_of_members", "guards", "twins", "sub_pools"]),
    Stage::Tests(&["sets_file", "reconcile_sim", "threads"]),
    Stage::Storms,
];

const FILE: &[Stage] = &[
    Stage::Unit,
    Stage::Tests(&[
        "file_life",
        "file_kernel",
        "file_growth",
        "file_system_calls",
        "reconcile_file",
    ]),
    Stage::Tests(&[
        "file_steps",
        "file_processes",
        "sets_file",
        "crash_model",
        "local",
    ]),
];

impl Room {
    /// What to try a mutant with. An x86-64 is no weaker for a weaker ordering: there the models alone can tell.
    pub(crate) fn stages(&self, operator: Operator) -> Vec<Stage> {
        let stages = self.stages.iter().copied();
        let can_tell = |stage: &Stage| operator != Operator::Lowered || stage.is_loom();
        stages.filter(can_tell).collect()
    }

    /// All of its files, by their names.
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

/// All mutants of all rooms, file by file.
pub(crate) fn all(root: &Path) -> Outcome<Vec<Mutant>> {
    let mut all = Vec::new();
    for room in ROOMS {
        all.extend(room.mutants(root)?);
    }
    Ok(all)
}

/// About `wanted` of them: as many of each operator in each room as it has of all, at least one, the same as
/// long as the source is the same, and mostly the same when it has changed.
pub(crate) fn sample(all: &[Mutant], wanted: usize) -> Vec<Mutant> {
    let mut drawers: BTreeMap<(&str, Operator), Vec<&Mutant>> = BTreeMap::new();
    for mutant in all {
        let drawer = (mutant.room.name, mutant.change.operator);
        drawers.entry(drawer).or_default().push(mutant);
    }
    let mut names = std::collections::BTreeSet::new();
    for drawer in drawers.values_mut() {
        let share = (drawer.len() as u128 * wanted as u128).div_ceil(all.len() as u128);
        let share = drawer
            .len()
            .min(usize::try_from(share).unwrap_or(usize::MAX));
        drawer.sort_by_key(|mutant| hash(&mutant.change.name));
        names.extend(drawer[..share].iter().map(|mutant| &mutant.change.name));
    }
    let drawn = |mutant: &&Mutant| names.contains(&mutant.change.name);
    all.iter().filter(drawn).cloned().collect()
}

/// FNV-1a, with the seed of the sample in its offset; of no other use than to be the same tomorrow.
pub(crate) fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mixed = text.bytes().fold(0xcbf2_9ce4_8422_2325 ^ 13, step);
    // Names that differ at their end alone differ in the low bits alone.
    mixed.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
