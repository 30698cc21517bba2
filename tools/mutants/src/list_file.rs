//! The mutants of the pool file.

use crate::checks::Check::{Loom, Tests, Unit};
use crate::list::{Mutant, edit, mutant, smoke};

const RECOVER: &str = "src/storage/file/recover.rs";
const LEAVE: &str = "src/storage/file/leave.rs";
const STATE: &str = "src/storage/file/state.rs";
const OPEN: &str = "src/storage/file/open.rs";
const CREATE: &str = "src/storage/file/create.rs";
const COMMIT: &str = "src/storage/file/commit.rs";
const ATTACHED: &str = "src/storage/file/attached.rs";
const LANE: &str = "src/bitmap/lane.rs";

pub(crate) const MUTANTS: &[Mutant] = &[
    smoke(mutant(
        "recovery: trusts F",
        &[edit(
            RECOVER,
            "    if !past.is_exact {\n        quarantine_untrusted(disk)?;\n    }\n",
            "",
        )],
        &[Unit("simulated")],
    )),
    smoke(mutant(
        "recovery: Q is synced together with F",
        &[edit(
            RECOVER,
            "    disk.sync(&[Kind::Quarantine])?;\n    for (free, _)",
            "    for (free, _)",
        )],
        &[Unit("simulated")],
    )),
    smoke(mutant(
        "recovery: T before the sync of F",
        &[edit(
            RECOVER,
            "        disk.sync(&[Kind::Trust, Kind::Free, Kind::Quarantine])?;\n",
            "",
        )],
        &[Unit("simulated")],
    )),
    mutant(
        "recovery: slots that there are none stay free",
        &[edit(RECOVER, "    mask_unusable(disk, usable);\n", "")],
        &[Unit("simulated")],
    ),
    smoke(mutant(
        "leaving: T before the sync of F",
        &[edit(
            LEAVE,
            "    disk.sync(&[Kind::Free, Kind::Quarantine])?;\n",
            "",
        )],
        &[Unit("simulated")],
    )),
    mutant(
        "state: the boot is ignored",
        &[edit(
            STATE,
            "state.boot_id == *boot_id && state.inode == inode",
            "state.inode == inode",
        )],
        &[Unit("state")],
    ),
    mutant(
        "state: one slot is enough",
        &[edit(
            STATE,
            "        self.is_whole\n            && ",
            "        ",
        )],
        &[Unit("state"), Tests("file_life")],
    ),
    mutant(
        "open: a second opener takes itself for the first",
        &[edit(
            OPEN,
            "        let is_first = lock(true)?;",
            "        let is_first = lock(true)? || true;",
        )],
        &[Tests("file_life")],
    ),
    mutant(
        "open: a file that is too short is mapped",
        &[edit(
            OPEN,
            "        if len < need {\n            return Err(OpenError::Truncated { len, need });\n        }\n        let config",
            "        let config",
        )],
        &[Tests("file_life")],
    ),
    mutant(
        "create: without the sync of the directory",
        &[edit(
            CREATE,
            "if let Err(error) = system::sync_directory(path) {",
            "if let Err(error) = Ok::<_, std::io::Error>(()) {",
        )],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "create: named before it is synced",
        &[edit(
            CREATE,
            "    file.sync_all().map_err(|error| OpenError::sync(&error))",
            "    Ok(())",
        )],
        &[Tests("file_system_calls")],
    ),
    smoke(mutant(
        "commit: a sync that began before the claim counts",
        &[edit(
            COMMIT,
            "        let upto = self.drawn.load(Ordering::SeqCst);\n        let synced = sync();",
            "        let synced = sync();\n        let upto = self.drawn.load(Ordering::SeqCst);",
        )],
        &[Unit("commit")],
    )),
    mutant(
        "commit: a second attempt",
        &[edit(
            ATTACHED,
            "            if let Err(error) = &synced {\n                self.poison_with(error);\n            }\n",
            "",
        )],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "lane: the dead are buried without a look at the whole word",
        &[edit(
            LANE,
            "let _ = flights.compare_exchange(seen, seen & !mark, Ordering::SeqCst, Ordering::Relaxed);",
            "flights.fetch_and(!mark, Ordering::SeqCst);",
        )],
        &[Loom("lanes", "a_new_owner_is_not_buried_with_the_dead")],
    ),
    mutant(
        "lane: our own flight is taken for a dead one's",
        &[edit(LANE, "self.is_ours(lane) || ", "")],
        &[Loom("lanes", "our_own_flight_is_not_buried")],
    ),
    mutant(
        "lane: the heir keeps what the dead one left",
        &[edit(
            LANE,
            "        if index != SHARED_LANE {\n            lane.clear(flights);\n        }\n",
            "",
        )],
        &[Loom("lanes", "a_new_owner_is_not_buried_with_the_dead")],
    ),
    smoke(mutant(
        "scrub: finds nothing",
        &[edit(
            "src/bitmap/scrub.rs",
            "!self.tree.is_published(chunk_index)",
            "false",
        )],
        &[Loom("lanes", "a_release_that_was_never_published_is_found")],
    )),
    mutant(
        "release: a suspect stays in the quarantine",
        &[edit(
            "src/storage/mod.rs",
            "        self.clear_suspects(word_of(slot), bit_of(slot));\n",
            "",
        )],
        &[Tests("file_life")],
    ),
];
