//! Generated mutants that no check notices, each with the reason: there is nothing to notice, or, for orderings, no
//! model can tell the two apart. A row with a `*` covers all mutants of a kind; one of them that a check does catch
//! still counts as caught.

/// The name of a mutant, in which `*` stands for anything, and the reason why no check notices it.
pub(crate) type Harmless = (&'static str, &'static str);

pub(crate) const HARMLESS: &[Harmless] = &[
    (
        "gen: bitmap/*: lowered: *[SeqCst -> AcqRel]*",
        "No model can tell the two apart: the fence before the next load takes the place of this access in the \
         total order. The proofs need it there; the instruction is the same on x86-64 and aarch64.",
    ),
    (
        "gen: bitmap/chunk.rs:take_some: lowered: *[SeqCst -> Acquire])",
        "No model can tell the two apart: when an exchange fails, it loads the newer word after the fences of the \
         search. That load takes the place of the first look, which the proof needs in the total order.",
    ),
    (
        "gen: bitmap/chunk.rs:Chunk::with_free: lowered: *",
        "Nothing depends on this load: the exchange decides, and `settle` looks again before it takes a hint \
         down.",
    ),
    (
        "gen: bitmap/chunk.rs:try_take_first: lowered: load_seq_cst(word) -> Acquire",
        "Nothing depends on this load: the exchange decides, and `settle` looks again before it takes a hint \
         down.",
    ),
    (
        "gen: bitmap/chunk.rs:*take_near: lowered: word.load(Ordering::[Acquire -> Relaxed])",
        "Only a starting guess: the read-modify-write of `take_bit` decides, and acquires.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::is_lowest: lowered: *",
        "The search concludes nothing on the way down. Whatever lowest-first passes over was seen FULL at one \
         instant; that instant depends on the total order, in which no model can tell a difference here.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::is_only: lowered: *",
        "Only a guess of the round robin: whether to try the same member again. The claim decides.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::*_candidate: lowered: load_seq_cst(*",
        "\"Nothing free\" is never concluded on the way down: the root is read again between two readings of the \
         flights, and a search under watch first reads `freed`, which brings a fence.",
    ),
    (
        "gen: bitmap/tree.rs:MAX_HEIGHT: negated: NODE_SHIFT [== -> !=] 4",
        "A bound with room to spare: 26 levels instead of six. Under loom it becomes six, and no model has more.",
    ),
    (
        "gen: bitmap/block.rs:Bitmap::find_free: swapped: *",
        "A word with no free slot is published: one hint too many, which the next search takes down.",
    ),
    (
        "gen: bitmap/block.rs:Bitmap::find_block_in_chunk: shifted: of.order [<= -> <] WORD_ORDER",
        "A block of exactly one word is claimed like one of several words: by one exchange, with a flight that is \
         not needed.",
    ),
    (
        "gen: bitmap/batch.rs:Bitmap::gather: swapped: if left < missing *",
        "What a round that took something has proved is thrown away: one more look at the root or at the flights \
         than needed.",
    ),
    (
        "gen: bitmap/block.rs:Bitmap::claim_words: swapped: if !words.clone().all(all_free) *",
        "A flight that has taken nothing when it ends: a caller that waits for flights waits for one more, which \
         is as short as a look at the block.",
    ),
    (
        "gen: bitmap/chunk.rs:lowest_bits: return: break;",
        "It only ends the loop early: once no bits are left, each further turn removes none.",
    ),
    (
        "gen: bitmap/control.rs:Control::ask: shifted: turns [< -> <=] PATIENCE",
        "One more pause before an earlier caller is pushed aside: the bound is a matter of patience, and nothing \
         promises it.",
    ),
    (
        "gen: bitmap/control.rs:Control::count_freed: swapped: *",
        "Both counts come after our own store and before the flight lands, and no thread reads both: a search \
         under watch reads `freed`, and a caller that asks reads `returned`, which is counted last.",
    ),
    (
        "gen: bitmap/lane.rs:Lanes::given: lowered: load_seq_cst(word) -> Acquire",
        "No model can tell the two apart: the loads around it bring a fence. A thread that sees a bit taken \
         acquires it from the claim, and the flight began before that claim.",
    ),
    (
        "gen: bitmap/word.rs:take_all: return: return 0;",
        "An exchange of a word that had nothing free: with marks it takes nothing, and without marks it takes \
         what has been released since, which is as good as what was there before.",
    ),
    (
        "gen: pool/claim/allocate.rs:Pool::claim_into: swapped: self.geometry.write_addrs(*",
        "Two halves of one slice, each written to its own place: neither reads the other.",
    ),
    (
        "gen: pool/claim/allocate.rs:Pool::claim_in: swapped: hints.found(slot); <> *",
        "A hint and a count: neither reads the other.",
    ),
    (
        "gen: pool/list/listing.rs:Listing::read: swapped: self.report.entries += 1; <> *",
        "What an entry means does not depend on how many came before it; the count is read afterwards.",
    ),
    (
        "gen: pool/list/listing.rs:Listing::name_word: swapped: self.latest.1 |= fresh; <> *",
        "Which slots are listed, and which entry listed them, are recorded separately, and neither record reads \
         the other; `fresh` is known already.",
    ),
    (
        "gen: pool/reconcile/fuse.rs:blown: swapped: if plan.is_unclear { *",
        "An age that is not used is computed: the computation saturates, and changes nothing.",
    ),
    (
        "gen: pool/reconcile/pass.rs:Found::add: swapped: entries.*",
        "Separate sums: none reads another.",
    ),
    (
        "gen: pool/reconcile/reconciler.rs:Reconciler::go_on_from: swapped: self.accepts = *",
        "Two fields of a value that only this caller has; in either order, the gate is changed before the call \
         returns.",
    ),
    (
        "gen: pool/reconcile/reconciler.rs:Pool::take_reconcile_slot: lowered: *",
        "No model can tell the two apart: the flag is not one of loom's atomics. What one reconciler leaves and \
         the next one reads is the gate and the marks, each read with an ordering of its own, and the lock of a \
         file, which belongs to the kernel.",
    ),
    (
        "gen: pool/reconcile/reconciler.rs:Reconciler::drop: swapped: if self.pool.words.file()*",
        "The same fact is only read earlier: whether the gate is ours does not change meanwhile, since we hold \
         the reconciler's slot until the end.",
    ),
    (
        "gen: set/band.rs:StaticBand::slots_of: swapped: rest = (rest + edge).min(total); <> *",
        "Two numbers: neither reads the other.",
    ),
    (
        "gen: set/cordons.rs:push_allowed: swapped: if last < start { continue; } <> *",
        "A cordon that ends before the start also begins before it, so nothing is pushed.",
    ),
    (
        "gen: set/cordons.rs:push_allowed: swapped: if let Some(before) = first.checked_sub(1) *",
        "The part that is pushed begins at `start`, which has been read from `from` already.",
    ),
    (
        "gen: set/member.rs:Member::free_now: shifted: free [> -> >=] u64::MAX / 2",
        "No pool has that many addresses: a value this large is a difference below zero.",
    ),
    (
        "gen: set/members.rs:Members::take: swapped: *",
        "Both only read, each its own field, and the caller that takes a member has exclusive access to the set.",
    ),
    (
        "gen: set/strategy.rs:Chooser::prefer_if_more: shifted: less [> -> >=] enough",
        "It stores the number that is already there.",
    ),
    (
        "gen: set/strategy.rs:Chooser::with_most_free: shifted: 0[.. -> ..=]last.min(count)",
        "It tries the last member again, which did not have enough, or an index past the end, where there is no \
         member.",
    ),
    (
        "gen: set/twins.rs:TwinPools::search_or_prove: swapped: if let Some(refusal) = self.v4.file_refusa *",
        "If both pools refuse, the other one is named. Neither is promised to come first.",
    ),
    (
        "gen: set/reconcile/error.rs:ApplyError::serialize: swapped: *",
        "Nothing depends on the order of the fields of a JSON object: readers find them by name.",
    ),
    (
        "gen: storage/file/recover.rs:dirty_every_page: lowered: *",
        "No other process has the file open: the exchange is there for its store, which makes the page dirty, and \
         orders nothing. No models cover pool files.",
    ),
    (
        "gen: storage/file/attached.rs:Attached::leave: swapped: self.volatile(at::ATTACHED).fetch_sub(1, O*",
        "A process that changes the count or asks for the lock holds the lock OPEN. If the kernel refuses, the \
         count is one too high and says that a process died, which the file then says anyway.",
    ),
    (
        "gen: bitmap/collect.rs:Bitmap::looks_full: return: *",
        "A hint of a set: a linear member that is full is tried in vain once more. The result rests on a proof, \
         which looks for itself.",
    ),
    (
        "gen: bitmap/control.rs:Asked::done: exchanged: self.0 [& -> |] *",
        "As if the caller that asked had died: the next one waits for its number of pauses, pushes no caller \
         aside, and asks with a ticket of its own.",
    ),
    (
        "gen: pool/claim/allocate.rs:Pool::allocate_*: dropped: self.check_process()?;",
        "The claim makes the same check before it begins, and a refusal gives the reason; this check only reports \
         it earlier.",
    ),
    (
        "gen: set/cordons.rs:Cordons::lift: lowered: *",
        "A thread that learned of the lifted cordon from the caller reads the change, since it happened before; \
         nothing else is promised to be read after it.",
    ),
    (
        "gen: set/cordons.rs:Cordons::sorted: lowered: *",
        "No model can tell the two apart: a thread that learned of a cordon from the caller reads it, since it \
         happened before, and the looks at the words that follow bring a fence.",
    ),
    (
        "gen: set/strategy.rs:Chooser::compare_all: dropped: self.enough.store(second.max(1), Ordering::Relaxed);",
        "Then every allocation compares all members: slower, and never a different result.",
    ),
    (
        "gen: storage/file/attached.rs:Attached::is_sole: shifted: *",
        "Then no process is ever taken for the only one, so every refusal searches the words for what a dead \
         process may have left: slower, and never a different result.",
    ),
    (
        "gen: set/member.rs:Member::try_allocate_for: swapped: if self.is_plain() *",
        "The place of a client is only computed; for a plain member it is not used.",
    ),
    (
        "gen: set/change.rs:PoolSet::lift: dropped: member.note_cordons();",
        "The member is still searched part by part, with all of it as the only part: slower, and never a \
         different result.",
    ),
    (
        "gen: set/verbs.rs:PoolSet::walk: dropped: member.note_full();",
        "A hint which member to try first: the next count, or the next look at its root, shows the same.",
    ),
    (
        "gen: storage/file/attached.rs:Attached::unlock_reconcile: swapped: *",
        "A child that drops a reconciler has returned before this point, so no child comes here.",
    ),
    (
        "gen: set/change.rs:PoolSet::cordon: swapped: let changing = self.change(); <> *",
        "While a set is shared, members are only added: a member that is added between the look and the lock \
         counts as added later, and a cordon does not apply to those.",
    ),
    (
        "gen: bitmap/tree.rs:clear: swapped: if seen & both == 0 *",
        "With MAYBE set, the second statement sets CLEARING, and the first one continues; without MAYBE the \
         second does nothing.",
    ),
    (
        "gen: pool/local/registry.rs:LocalRegistry::read: swapped: tell(inside.current()); <> *",
        "Both are read inside the cell's lock, where nothing changes, and may be passed on in either order.",
    ),
    (
        "gen: pool/local/verbs.rs:LocalPool::take_back: swapped: *",
        "Two numbers of a local that only its caller has: neither reads the other.",
    ),
    (
        "gen: pool/local/spares.rs:SpareSlots::push: swapped: *",
        "Both are stored inside the cell's lock, at a place that was found before: no thread reads in between.",
    ),
    (
        "gen: pool/local/refill.rs:LocalPool::refill_noting: swapped: self.stand_at(word_index, free); <> *",
        "Two fields of a local that only its caller has: neither reads the other.",
    ),
    (
        "gen: pool/reconcile/apply.rs:Reconciler::free_ripe: swapped: self.gate = *",
        "A claim that sees too early that no plan is being applied any more still reads the gate again after it \
         has its slot.",
    ),
    (
        "gen: storage/barrier.rs:Words::marked_in_time: swapped: *",
        "One mark too many, on a slot that was claimed and is not returned: a later pass leaves it alone once \
         more.",
    ),
    (
        "gen: storage/barrier.rs:Words::touched_or_new: shifted: *",
        "One more word of marks, in which no caller has a slot.",
    ),
    (
        "gen: storage/file/commit.rs:Commits::lead: swapped: match synced *",
        "The leader holds the lock until both are done: a waiter that is woken reads nothing before that.",
    ),
    (
        "gen: storage/file/recover.rs:recover_durably: swapped: forget_volatile(disk); <> *",
        "Words of different kinds, and no other process has the file open; both are done before the sync.",
    ),
    (
        "gen: bitmap/control.rs:Question::drop: dropped: *",
        "As if the caller that asked had died: the next one waits for its number of pauses, and then asks. The \
         result is the same.",
    ),
    (
        "gen: bitmap/tree.rs:clear: condition: [!]node .compare_exchange(seen, next, Ordering::SeqCst, Ordering::Relaxed) .is_err()",
        "This is phase 1. After a success the loop reads CLEARING, and continues with phase 2 as a helper would. \
         After a failure phase 2 fails, too, unless another thread's phase 1 has stored the same: then this \
         thread helps, without a fence in between, in which no model can tell a difference here.",
    ),
];

/// Returns the reason why no check notices a mutant of this name, if there is one.
pub(crate) fn argument(name: &str) -> Option<&'static str> {
    let found = HARMLESS
        .iter()
        .find(|(pattern, _)| matches(pattern, name))?;
    Some(found.1)
}

pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}
