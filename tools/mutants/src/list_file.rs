//! The mutants of the pool file.

use crate::checks::Check::{self, Loom, Test, Tests, Unit};
use crate::list::{Mutant, edit, mutant, smoke};

const RECOVER: &str = "src/storage/file/recover.rs";
const LEAVE: &str = "src/storage/file/leave.rs";
const STATE: &str = "src/storage/file/state.rs";
const OPEN: &str = "src/storage/file/open.rs";
const CREATE: &str = "src/storage/file/create.rs";
const GROW: &str = "src/storage/file/grow.rs";
const ENLARGE: &str = "src/storage/file/enlarge.rs";
const REPAIR: &str = "src/storage/file/repair.rs";
const PEEK: &str = "src/storage/file/peek.rs";
const COMMIT: &str = "src/storage/file/commit.rs";
const ATTACHED: &str = "src/storage/file/attached.rs";
const LANE: &str = "src/bitmap/lane.rs";

const POISONED: Check = Test(
    "file_steps",
    "what_is_claimed_after_the_poison_is_not_answered",
);

pub(crate) const MUTANTS: &[Mutant] = &[
    smoke(mutant(
        "recovery: trusts F",
        &[edit(
            RECOVER,
            "        Belief::Vouched => quarantine(disk, |word_index| !is_vouched_for(disk, word_index))?,",
            "        Belief::Vouched => {}",
        )],
        &[Unit("simulated")],
    )),
    mutant(
        "file: a witness that cannot be read is a strange one",
        &[edit(
            "src/storage/file/identity.rs",
            "            Err(error) => Err(error.into()),",
            "            Err(_) => Ok(Self::Strange),",
        )],
        &[Test(
            "file_witness",
            "a_witness_that_cannot_be_read_costs_nothing",
        )],
    ),
    mutant(
        "state: what a newer version wrote is damage",
        &[edit(
            OPEN,
            "        Some(unknown) => Err(unknown.into()),\n        None => Ok(States::read(slots, &header.uuid)),",
            "        _ => Ok(States::read(slots, &header.uuid)),",
        )],
        &[Test("newer", "what_is_unknown_in_a_state_is_newer")],
    ),
    mutant(
        "header: one of a newer version is passed over beside a damaged one",
        &[edit(
            "src/storage/file/header.rs",
            "            [Err(problem), _] | [_, Err(problem)] if problem.intact => Err(problem.what),\n",
            "",
        )],
        &[Test("newer", "what_is_unknown_in_a_header_is_newer")],
    ),
    mutant(
        "restore: in the place of a file of a newer version",
        &[
            edit(
                "src/open_error.rs",
                "            | Self::UnknownContent { .. }\n            | Self::GeometryMismatch { .. }",
                "            | Self::GeometryMismatch { .. }",
            ),
            edit(
                "src/open_error.rs",
                "            Self::Corrupt { .. } | Self::Truncated { .. } | Self::Io { .. } => true,",
                "            Self::Corrupt { .. } | Self::Truncated { .. } | Self::Io { .. } | Self::UnknownContent { .. } => true,",
            ),
        ],
        &[Test("newer", "what_is_unknown_in_a_header_is_newer")],
    ),
    mutant(
        "recovery: Q is synced together with F",
        &[edit(
            RECOVER,
            "    disk.sync(&[Kind::Quarantine])?;\n    for (_, (free, _))",
            "    for (_, (free, _))",
        )],
        &[Unit("simulated")],
    ),
    mutant(
        "recovery: T before the sync of F",
        &[edit(RECOVER, "        disk.sync(&kinds)?;\n", "")],
        &[Unit("simulated")],
    ),
    mutant(
        "recovery: T believed of a file that nobody knows",
        &[edit(
            RECOVER,
            "        Belief::Nothing(_) => quarantine(disk, |_| true)?,",
            "        Belief::Nothing(_) => quarantine(disk, |word_index| !is_vouched_for(disk, word_index))?,",
        )],
        &[Unit("simulated"), Tests("file_life")],
    ),
    mutant(
        "recovery: what is free stays a suspect",
        &[edit(
            RECOVER,
            "keep(quarantine, usable & !free)",
            "keep(quarantine, usable)",
        )],
        &[Unit("simulated"), Tests("file_life")],
    ),
    mutant(
        "recovery: the poison goes first",
        &[edit(RECOVER, " && !std::ptr::eq(word, poison)", "")],
        &[Unit("simulated")],
    ),
    mutant(
        "recovery: a failed sync poisons nothing",
        &[edit(
            RECOVER,
            "poison::unless_ok(disk, recover_durably(disk, basis, usable, opened))?",
            "recover_durably(disk, basis, usable, opened)?",
        )],
        &[Unit("simulated"), Tests("file_system_calls")],
    ),
    smoke(mutant(
        "leaving: a poisoned pool is left in order",
        &[edit(
            LEAVE,
            "    if poison::get(disk).is_some() {\n        return Ok(());\n    }\n",
            "",
        )],
        &[Unit("simulated"), Tests("file_system_calls")],
    )),
    mutant(
        "leaving: a failed sync poisons nothing",
        &[edit(
            LEAVE,
            "poison::unless_ok(disk, leave_in_order(disk, states))",
            "leave_in_order(disk, states)",
        )],
        &[Unit("simulated"), Tests("file_system_calls")],
    ),
    mutant(
        "state: a copy is believed",
        &[edit(
            STATE,
            "self.inode == found.inode && is_born_then && is_last",
            "is_born_then && is_last",
        )],
        &[Unit("state")],
    ),
    mutant(
        "state: a file born again under its number is believed",
        &[edit(
            STATE,
            "self.inode == found.inode && is_born_then && is_last",
            "self.inode == found.inode && is_last",
        )],
        &[Unit("state")],
    ),
    smoke(mutant(
        "state: an older content of the file is believed",
        &[edit(
            STATE,
            "self.inode == found.inode && is_born_then && is_last",
            "self.inode == found.inode && is_born_then",
        )],
        &[Unit("simulated_lives"), Tests("file_copies")],
    )),
    mutant(
        "state: a file that has lost its witness is believed",
        &[edit(
            STATE,
            "Witness::None => !self.is_witnessed,",
            "Witness::None => true,",
        )],
        &[Unit("state")],
    ),
    mutant(
        "state: sequences go on from an older content",
        &[edit(
            STATE,
            "Witness::Seq(seq) if seq <= MAX_COUNT => newest.max(seq) + 1,",
            "Witness::Seq(seq) if seq <= MAX_COUNT => newest + 1,",
        )],
        &[Unit("state")],
    ),
    mutant(
        "state: changed words of a file that was left in order are believed",
        &[edit(
            STATE,
            "if newest.phase == Phase::Clean && newest.sum != sum() {",
            "if newest.phase == Phase::Clean && newest.sum != sum() && false {",
        )],
        &[Unit("simulated_lives"), Tests("file_copies")],
    ),
    mutant(
        "state: a backup is believed",
        &[edit(
            STATE,
            "        if newest.phase == Phase::Backup {\n            return Belief::Nothing(Doubt::Backup);\n        }\n",
            "",
        )],
        &[Unit("state"), Tests("file_copies")],
    ),
    mutant(
        "recovery: the witness is not written",
        &[edit(
            RECOVER,
            "    if disk.write_witness(state.seq)? {",
            "    if false {",
        )],
        &[Unit("simulated_lives"), Tests("file_copies")],
    ),
    mutant(
        "leaving: the witness is not written",
        &[edit(
            LEAVE,
            "    match disk.write_witness(seq) {",
            "    match Ok::<_, io::Error>(seq == 0) {",
        )],
        &[Unit("simulated_lives"), Tests("file_copies")],
    ),
    mutant(
        "opening: the witness stays behind",
        &[edit(
            RECOVER,
            "        Some(newest) if newest.seq != seq => {",
            "        Some(newest) if newest.seq == u64::MAX => {",
        )],
        &[Unit("simulated_lives")],
    ),
    mutant(
        "file: the sum of a growth hides what was changed before",
        &[edit(
            GROW,
            "        if left.sum != before {",
            "        if left.sum != before && false {",
        )],
        &[Tests("file_copies")],
    ),
    mutant(
        "file: a growth leaves the old sum",
        &[edit(
            GROW,
            "        self.reseal(grown.free, grown.closed)?;\n",
            "",
        )],
        &[Tests("file_copies"), Tests("file_growth")],
    ),
    mutant(
        "restore: in the place of a file that others have open",
        &[edit(
            "src/storage/file/backup.rs",
            "        if !locks::try_lock(&file, Lock::Presence, true).map_err(lock_failed)? {\n            return Err(OpenError::InUse);\n        }\n",
            "",
        )],
        &[Tests("file_copies")],
    ),
    mutant(
        "restore: the session goes back",
        &[edit(
            "src/pool/file/backup.rs",
            "        session = session.max(found.session());\n",
            "",
        )],
        &[Tests("file_copies")],
    ),
    mutant(
        "state: memory is believed after a failed sync",
        &[edit(
            STATE,
            "        if evidence.is_poisoned {\n            return Belief::Nothing(Doubt::WriteFailed);\n        }\n",
            "",
        )],
        &[Unit("state"), Tests("file_system_calls")],
    ),
    mutant(
        "recovery: slots that there are none stay free",
        &[edit(
            RECOVER,
            "        false => mask_unusable(disk, usable),",
            "        false => count(disk.words(Kind::Quarantine)),",
        )],
        &[Unit("simulated")],
    ),
    mutant(
        "leaving: T before the sync of F",
        &[edit(LEAVE, "    disk.sync(records::maps(disk))?;\n", "")],
        &[Unit("simulated")],
    ),
    mutant(
        "state: the boot is ignored",
        &[edit(
            STATE,
            "*boot_id != [0; 16] && newest.boot_id == *boot_id;",
            "true;",
        )],
        &[Unit("state")],
    ),
    mutant(
        "state: one slot is enough",
        &[edit(
            STATE,
            "let is_same_boot = self.is_whole && ",
            "let is_same_boot = ",
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
            "        if len < need {\n            return Err(OpenError::Truncated { len, need });\n        }\n        system::check_limit",
            "        system::check_limit",
        )],
        &[Tests("file_life")],
    ),
    mutant(
        "file: an opening whose first sync fails poisons nothing",
        &[edit(
            OPEN,
            "poison::unless_ok(&disk, self.file.sync_all()).map_err(sync_failed)?;",
            "self.file.sync_all().map_err(sync_failed)?;",
        )],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "file: the first opener of a name does not sync the directory",
        &[edit(
            OPEN,
            "older.is_none_or(|state| state.is_unopened())",
            "older.is_none()",
        )],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "file: who waited for it takes it though another one has its name",
        &[edit(
            OPEN,
            "if system::is_still_at(path, &metadata) {",
            "if system::is_still_at(path, &metadata) || true {",
        )],
        &[Tests("file_growth")],
    ),
    mutant(
        "file: a failed sync in a growth poisons nothing",
        &[edit(
            GROW,
            "        poison::set_unmapped(&self.file, &self.header.layout, error);\n",
            "",
        )],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "file: an address that is held is reserved",
        &[edit(
            "src/pool/file/builder.rs",
            "        if let Some(slot) = opening.first_taken(&change.removed)? {",
            "        if let Some(slot) = opening.first_taken(&[])? {",
        )],
        &[Tests("file_growth")],
    ),
    mutant(
        "file: what is taken is read from a file that was not left in order",
        &[edit(
            "src/pool/file/builder.rs",
            "        if !change.removed.is_empty() && !opening.is_left_in_order()? {",
            "        if !change.removed.is_empty() && opening.is_left_in_order().is_err() {",
        )],
        &[Tests("file_growth")],
    ),
    mutant(
        "file: a change of reservations leaves the old sum",
        &[edit(
            GROW,
            "self.sum(added, bits_of_ranges(closed.iter().copied()))?",
            "self.sum(added, || 0)?",
        )],
        &[Tests("file_growth")],
    ),
    mutant(
        "file: a slot that is reserved keeps its bit",
        &[
            edit(
                GROW,
                "        let is_closed = closed.iter().map(|&slots| (slots, false));\n",
                "        let is_closed = closed[..0].iter().map(|&slots| (slots, false));\n",
            ),
            edit(
                GROW,
                "self.sum(added, bits_of_ranges(closed.iter().copied()))?",
                "self.sum(added, || 0)?",
            ),
        ],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "file: a growth is over before the new bits are there",
        &[edit(
            GROW,
            "        self.change_bits(&header, grown.free, grown.closed)?;\n        self.reseal(grown.free, grown.closed)?;\n        self.write_header(&header, in_force)?;",
            "        self.write_header(&header, in_force)?;\n        self.change_bits(&header, grown.free, grown.closed)?;\n        self.reseal(grown.free, grown.closed)?;",
        )],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "file: a growth in place writes into holes",
        &[edit(GROW, "        drop(self.map(true)?);\n", "")],
        &[Test(
            "file_system_calls",
            "a_copy_with_holes_does_not_grow_on_a_full_disk",
        )],
    ),
    mutant(
        "look: nothing is looked at again",
        &[edit(
            PEEK,
            "                before.is_named && !before.is_locked && before == Frame::of(&file, path)?;",
            "                before.is_named && !before.is_locked;",
        )],
        &[Unit("peek")],
    ),
    mutant(
        "look: who is opening the file is no reason for another one",
        &[edit(
            PEEK,
            "locks::is_held_exclusively(file, Lock::Open).unwrap_or(false)",
            "false",
        )],
        &[Unit("peek")],
    ),
    mutant(
        "file: a larger one takes the place of one that others have open",
        &[edit(
            ENLARGE,
            "        if !self.be_alone()? {\n            return Err(OpenError::InUse);\n        }\n",
            "",
        )],
        &[Tests("file_growth")],
    ),
    mutant(
        "file: a larger one takes the place of one that has another name",
        &[edit(
            ENLARGE,
            "            1 => Ok(()),",
            "            _ if true => Ok(()),",
        )],
        &[Tests("file_growth")],
    ),
    mutant(
        "file: a larger one without the quarantine",
        &[edit(
            ENLARGE,
            "            quarantine: &mut quarantine,",
            "            quarantine: &mut || quarantine() & 0,",
        )],
        &[Tests("file_growth")],
    ),
    mutant(
        "file: a larger one without the sync of the directory",
        &[edit(
            ENLARGE,
            "        system::sync_directory(old.path).map_err(|error| OpenError::sync(&error))?;\n",
            "",
        )],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "file: the old one is retired before the larger one is durable",
        &[edit(
            ENLARGE,
            "        let file = self.unpublished.replace(old.path)?;\n",
            "        for at in HEADER_AT {\n            let _ = old.file.write_all_at(&[0; 512], at);\n        }\n        let file = self.unpublished.replace(old.path)?;\n",
        )],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "recovery: pages are made dirty by an exchange that stores nothing",
        &[edit(
            RECOVER,
            "let _ = page[0].compare_exchange(value, value, Ordering::SeqCst, Ordering::Relaxed);",
            "let _ = (value, page[0].fetch_or(0, Ordering::SeqCst));",
        )],
        &[Tests("file_kernel")],
    ),
    mutant(
        "file: a descriptor among the standard streams",
        &[edit(
            "src/storage/file/system.rs",
            "if file.as_raw_fd() > 2 {",
            "if file.as_raw_fd() >= 0 {",
        )],
        &[Tests("file_kernel")],
    ),
    mutant(
        "answer: the poison is not looked at after a claim",
        &[edit(
            "src/pool/claim/allocate.rs",
            "        if self.words.gate_again() != before {\n            return self.answer_beside_pass(",
            "        if self.words.gate_again().number() != before.number() {\n            return self.answer_beside_pass(",
        )],
        &[POISONED],
    ),
    mutant(
        "answer: the poison is not looked at after an exact claim",
        &[edit(
            "src/pool/claim/allocate.rs",
            "        if self.words.gate_again() != before {\n            return self.answer_exact_beside_pass(",
            "        if self.words.gate_again().number() != before.number() {\n            return self.answer_exact_beside_pass(",
        )],
        &[POISONED],
    ),
    mutant(
        "answer: a batch is answered without asking the file",
        &[edit(
            "src/pool/claim/answer.rs",
            "        let waited = self.wait_until_durable();\n        let ours",
            "        let waited = Ok::<(), FileRefusal>(());\n        let ours",
        )],
        &[POISONED],
    ),
    mutant(
        "file: the copy in force is repaired",
        &[edit(
            REPAIR,
            "let whole = &copies[1 - damaged];\n        self.file.write_all_at(whole, HEADER_AT[damaged])?;",
            "let whole = &copies[1 - damaged];\n        self.file.write_all_at(whole, HEADER_AT[1 - damaged])?;",
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
            "poison::unless_ok(&self.disk, self.disk.sync(&[kind]))",
            "self.disk.sync(&[kind])",
        )],
        &[Tests("file_system_calls")],
    ),
    mutant(
        "lane: the dead are buried without a look at the whole word",
        &[edit(
            LANE,
            "let _ = word.compare_exchange(seen.0, landed.0, Ordering::SeqCst, Ordering::Relaxed);",
            "word.store(landed.0, Ordering::SeqCst);",
        )],
        &[Loom("lanes", "a_new_owner_is_not_buried_with_the_dead")],
    ),
    mutant(
        "lane: our own flight is taken for a dead one's",
        &[edit(LANE, "lane == *own || ", "")],
        &[Loom("lanes", "our_own_flight_is_not_buried")],
    ),
    mutant(
        "lane: the heir keeps what the dead one left",
        &[edit(
            LANE,
            "        bury(word, LaneWord(word.load(Ordering::SeqCst)));\n",
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
    mutant(
        "release: the leaf does not ask for suspects",
        &[edit(
            "src/storage/mod.rs",
            "        !self.is_forked() && !self.has_suspects()\n",
            "        !self.is_forked()\n",
        )],
        &[Tests("file_life")],
    ),
];
