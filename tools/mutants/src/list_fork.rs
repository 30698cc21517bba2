//! The mutants of forks (which side is it, what stays behind, what does a child wait for?) and of signal handlers.

use crate::checks::Check::{Loom, Test, UnitIn};
use crate::list::{Mutant, edit, mutant};

const WITNESS: &str = "src/storage/fork/linux/witness.rs";
const OWN: &str = "src/storage/fork/linux/own.rs";
const HANDLERS: &str = "src/storage/fork/linux/handlers.rs";
const LANE: &str = "src/bitmap/lane.rs";
const STORAGE: &str = "src/storage/mod.rs";

pub(crate) const MUTANTS: &[Mutant] = &[
    mutant(
        "fork: the page goes over to the child",
        &[edit(
            WITNESS,
            "libc::MADV_WIPEONFORK)",
            "libc::MADV_NORMAL)",
        )],
        &[Test("forks", "a_child_changes_nothing")],
    ),
    mutant(
        "fork: a side is the number of its process",
        &[edit(
            WITNESS,
            "        number => number,\n",
            "        _ => std::process::id().into(),\n",
        )],
        &[Test(
            "forks",
            "a_child_with_its_parent_s_number_is_told_apart",
        )],
    ),
    mutant(
        "fork: the numbers begin again in a child",
        &[edit(
            WITNESS,
            "let fresh = NEXT.fetch_add(1, Ordering::Relaxed) + 1;",
            "let fresh = 1;",
        )],
        &[Test("forks", "a_child_changes_nothing")],
    ),
    mutant(
        "fork: where no page is wiped, the number stays",
        &[
            edit(
                WITNESS,
                "(advised == 0).then_some(page)",
                "(advised == 1).then_some(page)",
            ),
            edit(WITNESS, "    FALLBACK.store(0, Ordering::Relaxed);\n", ""),
        ],
        &[Test("forks", "a_child_changes_nothing")],
    ),
    mutant(
        "fork: no handler is called",
        &[edit(
            HANDLERS,
            "libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child))",
            "libc::pthread_atfork(None, None, None)",
        )],
        &[Test("forks", "locks_die_with_the_parent")],
    ),
    mutant(
        "fork: nothing stays behind",
        &[edit(HANDLERS, "    own::leave_all_behind();\n", "")],
        &[Test("forks", "locks_die_with_the_parent")],
    ),
    mutant(
        "fork: descriptors go over to the child",
        &[edit(
            OWN,
            "            Self::Descriptor(fd) => divert_descriptor(fd),",
            "            Self::Descriptor(_) => {}",
        )],
        &[Test("forks", "locks_die_with_the_parent")],
    ),
    mutant(
        "fork: mappings go over to the child",
        &[edit(
            OWN,
            "            Self::Memory(address, len) => divert_memory(address, len),",
            "            Self::Memory(..) => {}",
        )],
        &[Test("forks", "locks_die_with_the_parent")],
    ),
    mutant(
        "fork: one that begins in the middle of an opening is not noticed",
        &[edit(
            OWN,
            "if handlers::forks_begun() == forks {",
            "if handlers::forks_begun() >= forks {",
        )],
        &[UnitIn(OWN, "own")],
    ),
    mutant(
        "fork: who closes a file leaves its locks to copies of the descriptor",
        &[edit(
            OWN,
            "    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&whole));\n",
            "    let _ = whole;\n",
        )],
        &[Test(
            "forks",
            "a_closed_pool_is_locked_by_no_copy_of_its_descriptor",
        )],
    ),
    mutant(
        "fork: a copy that a child drops gives up the locks of the parent",
        &[edit(
            OWN,
            "        if self.is_ours() {\n            give_up_locks",
            "        if self.side == self.side {\n            give_up_locks",
        )],
        &[Test("forks", "a_bare_clone_is_told")],
    ),
    mutant(
        "fork: a child of a file releases",
        &[edit(
            STORAGE,
            "        if self.is_forked() {\n            return false;\n        }\n",
            "",
        )],
        &[Test("forks", "a_bare_clone_is_told")],
    ),
    mutant(
        "fork: a release in a file does not ask who opened it",
        &[edit(
            STORAGE,
            "        !self.is_forked() && !self.has_suspects()\n",
            "        !self.has_suspects()\n",
        )],
        &[Test("forks", "a_bare_clone_is_told")],
    ),
    mutant(
        "fork: a claim in a file does not ask who opened it",
        &[edit(
            "src/pool/claim/in_file.rs",
            "self.after_claim == AfterClaim::WaitUntilDurable || self.words.is_forked()",
            "self.after_claim == AfterClaim::WaitUntilDurable",
        )],
        &[Test("forks", "every_verb_by_itself_tells_a_bare_clone")],
    ),
    mutant(
        "fork: anybody is the opener of a file",
        &[edit(
            STORAGE,
            "opener: file.opener(),",
            "opener: Opener::anybody(),",
        )],
        &[Test("forks", "a_bare_clone_is_told")],
    ),
    mutant(
        "fork: the flights of the parent stay in the air",
        &[edit(
            STORAGE,
            "        self.lanes.bury_all_unless(control, is_done);\n",
            "        let _ = (control, is_done);\n",
        )],
        &[Loom("lanes", "a_child_waits_for_no_flight_of_its_parent")],
    ),
    mutant(
        "fork: one of several flights stays in the air",
        &[edit(
            LANE,
            "for (word, seen) in used.iter().zip(seen) {\n            bury",
            "for (word, seen) in used.iter().zip(seen).skip(1) {\n            bury",
        )],
        &[Loom("lanes", "a_child_waits_for_no_flight_of_its_parent")],
    ),
    mutant(
        "fork: asked whether it has been done before the lanes are read",
        &[edit(
            LANE,
            "        let seen = read(used);\n        if is_done() {\n            return;\n        }\n",
            "        if is_done() {\n            return;\n        }\n        let seen = read(used);\n",
        )],
        &[Loom("lanes", "a_late_comer_buries_no_flight_of_the_child")],
    ),
    mutant(
        "fork: nobody asks whether it has been done",
        &[edit(
            LANE,
            "        if is_done() {\n            return;\n        }\n        for",
            "        drop(is_done);\n        for",
        )],
        &[Loom("lanes", "a_late_comer_buries_no_flight_of_the_child")],
    ),
    mutant(
        "fork: a search does not ask on which side it is",
        &[edit(
            STORAGE,
            "control.lanes_used() == 0 || self.enter()",
            "control.lanes_used() != usize::MAX || self.enter()",
        )],
        &[Test(
            "forks",
            "the_first_call_of_a_child_waits_for_no_thread_of_its_parent",
        )],
    ),
    mutant(
        "fork: the root is believed to be proof where somebody has been in the air",
        &[edit(
            "src/bitmap/control.rs",
            "        self.tree.root_is_empty() && self.control.lanes_used() == 0\n",
            "        !self.tree.is_linear() && self.has_none()\n",
        )],
        &[Test(
            "forks",
            "the_first_call_of_a_child_waits_for_no_thread_of_its_parent",
        )],
    ),
    mutant(
        "signal: a handler waits for the batch that it has interrupted",
        &[edit(
            LANE,
            "if seen.is_in_air() && self.is_our_own(lane, word) {",
            "if seen.is_in_air() && self.is_our_own(lane, word) && lane == MOST_LANES {",
        )],
        &[Test(
            "signals",
            "a_handler_does_not_wait_for_the_batch_that_it_interrupts",
        )],
    ),
    mutant(
        "signal: who takes off leaves no note",
        &[edit(
            "src/sync.rs",
            "NOTE.try_with(Cell::get) == Ok(std::ptr::from_ref(it).addr())",
            "NOTE.try_with(Cell::get) == Ok(std::ptr::from_ref(it).addr() + 1)",
        )],
        &[Test(
            "signals",
            "a_handler_does_not_wait_for_the_batch_that_it_interrupts",
        )],
    ),
    mutant(
        "signal: who lands is nobody before that",
        &[edit(
            LANE,
            "        let landed = self.begun.landed(self.gave_back.get());\n",
            "        let landed = self.begun.landed(self.gave_back.get());\n        self.by.inspect(|by| by.store(0, Ordering::Relaxed));\n",
        )],
        &[Test(
            "signals",
            "a_handler_does_not_wait_for_the_batch_that_it_interrupts",
        )],
    ),
    mutant(
        "signal: every thread of the process is taken for the one that is interrupted",
        &[edit(
            LANE,
            "number != 0 && by.load(Ordering::Relaxed) == number",
            "number != 0 && by.load(Ordering::Relaxed) != 0",
        )],
        &[Test(
            "threads",
            "a_batch_that_is_rolled_back_makes_nobody_fail",
        )],
    ),
];
