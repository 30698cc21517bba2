//! The mutants of lease files.

use crate::checks::Check::{Test, Unit, UnitIn};
use crate::list::{Mutant, edit, mutant};

const RECORDS: &str = "src/storage/file/records.rs";
const CLOCK: &str = "src/storage/file/clock.rs";
const OWNER: &str = "src/lease/owner.rs";

pub(crate) const MUTANTS: &[Mutant] = &[
    mutant(
        "lease file: the epoch is not raised",
        &[edit(
            RECORDS,
            "        set(at::EPOCH, next_epoch(fact(at::EPOCH) % EPOCHS, seed));\n",
            "        let _ = seed;\n",
        )],
        &[Unit("simulated_leases")],
    ),
    mutant(
        "lease file: a quarantined record reaches the disk after T vouches for it",
        &[edit(
            "src/storage/file/recover.rs",
            "        disk.sync(&kinds)?;\n",
            "        if !is_of_leases {\n            disk.sync(&kinds)?;\n        }\n",
        )],
        &[Unit("simulated_leases")],
    ),
    mutant(
        "lease file: the floor is the limit",
        &[edit(
            RECORDS,
            "set(at::FLOOR, fact(at::LIMIT) + 1);",
            "set(at::FLOOR, fact(at::LIMIT));",
        )],
        &[Unit("simulated_leases")],
    ),
    mutant(
        "lease file: a copy is believed",
        &[edit(
            RECORDS,
            "        Belief::Nothing(_) => false,",
            "        Belief::Nothing(_) => is_vouched_for(word_index),",
        )],
        &[Unit("simulated_leases")],
    ),
    mutant(
        "lease file: the sum knows no records",
        &[edit(
            RECORDS,
            "    sum.add_map(&words[FACT_WORDS..], &load);\n",
            "",
        )],
        &[Test("lease_file", "a_changed_record_is_noticed")],
    ),
    mutant(
        "lease file: a sweep repairs nothing",
        &[edit(
            "src/lease/sweep.rs",
            "is_some_and(|file| !file.is_sole())",
            "is_some_and(|file| file.is_forked())",
        )],
        &[UnitIn("src/lease/file.rs", "file")],
    ),
    mutant(
        "lease file: a placement outside is not told",
        &[edit(
            OWNER,
            "            && !owner.homes.contains(slot)\n",
            "            && owner.homes.contains(slot)\n",
        )],
        &[Test(
            "lease_file",
            "an_owner_has_one_lease_whichever_process_is_asked",
        )],
    ),
    mutant(
        "lease file: owners are not locked against other processes",
        &[edit(
            OWNER,
            "                Some(locked)\n",
            "                drop(locked);\n                None::<()>\n",
        )],
        &[Test(
            "lease_file",
            "processes_that_ask_for_the_same_owners_end_with_one_lease_each",
        )],
    ),
    mutant(
        "lease file: the name of the boot is not cleared first",
        &[edit(
            CLOCK,
            "    store(at::BOOT, 0);\n    store(at::BOOT + 1, 0);\n",
            "",
        )],
        &[UnitIn(CLOCK, "clock")],
    ),
    mutant(
        "lease file: any clock will do",
        &[edit(
            CLOCK,
            "    now.clock != 0 && facts",
            "    now.clock == 0 || facts",
        )],
        &[UnitIn(CLOCK, "clock")],
    ),
];
