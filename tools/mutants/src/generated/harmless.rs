//! Generated mutants that nothing notices: because there is nothing to notice, or, of orderings, because no
//! model can tell; each with the argument. Rows with a `*` speak of all of a kind: one that is caught is caught
//! all the same.

/// A name, in which `*` stands for anything, and why nothing notices.
pub(crate) type Harmless = (&'static str, &'static str);

pub(crate) const HARMLESS: &[Harmless] = &[
    (
        "gen: bitmap/*: lowered: *[SeqCst -> AcqRel]*",
        "No model can tell: the fence before the next load takes its place in the total order. The proofs need \
         it there; the instruction is the same on x86-64 and aarch64.",
    ),
    (
        "gen: bitmap/chunk.rs:take_some: lowered: *[SeqCst -> Acquire])",
        "No model can tell: the load of the newer word by a failed exchange follows the fences of the search. It \
         takes the place of the first look, which the proof wants in the total order.",
    ),
    (
        "gen: bitmap/chunk.rs:Chunk::with_free: lowered: *",
        "Nothing depends on it: the exchange decides, and before a hint is taken down `settle` looks again.",
    ),
    (
        "gen: bitmap/chunk.rs:try_take_first: lowered: load_seq_cst(word) -> Acquire",
        "Nothing depends on it: the exchange decides, and before a hint is taken down `settle` looks again.",
    ),
    (
        "gen: bitmap/chunk.rs:*take_near: lowered: word.load(Ordering::[Acquire -> Relaxed])",
        "Only a starting guess: the read-modify-write of `take_bit` decides, and acquires.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::is_lowest: lowered: *",
        "Nothing is concluded from the way down: what lowest-first passes over was seen FULL at one instant, and \
         that instant is a matter of the total order, which no model tells here.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::is_only: lowered: *",
        "Only a guess of the round robin: whether to ask the same member again. The claim decides.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::*_candidate: lowered: load_seq_cst(*",
        "\"Nothing free\" is never concluded on the way down: the root is read again between two readings of the \
         flights, and a search under watch reads `freed` before, which brings a fence.",
    ),
    (
        "gen: bitmap/tree.rs:MAX_HEIGHT: negated: NODE_SHIFT [== -> !=] 4",
        "A bound with room to spare: 26 levels where there are six, and six under loom, where no model has more.",
    ),
    (
        "gen: bitmap/block.rs:Bitmap::find_free: swapped: *",
        "A word that has nothing is announced: one hint too many, which the next search takes down.",
    ),
    (
        "gen: bitmap/block.rs:Bitmap::find_block_in_chunk: shifted: of.order [<= -> <] WORD_ORDER",
        "A block of exactly one word goes the way of those of several: one exchange, and a flight that nobody \
         needs.",
    ),
    (
        "gen: bitmap/batch.rs:Bitmap::gather: swapped: if left < missing *",
        "The evidence of a round that took something is thrown away: a look at the root, or at the flights, too \
         many.",
    ),
    (
        "gen: bitmap/block.rs:Bitmap::claim_words: swapped: if !words.clone().all(all_free) *",
        "A flight that has taken nothing when it ends: whoever waits for flights waits for one more, as short as \
         a look at the block.",
    ),
    (
        "gen: bitmap/chunk.rs:lowest_bits: return: break;",
        "It only ends early: of no bits at all, each further turn takes none away.",
    ),
    (
        "gen: bitmap/control.rs:Control::ask: shifted: turns [< -> <=] PATIENCE",
        "One pause more before somebody is pushed aside: the bound is one of patience, and of no promise.",
    ),
    (
        "gen: bitmap/control.rs:Control::count_freed: swapped: *",
        "Both come after our own store and before we land, and nobody reads both: who watches reads `freed`, and \
         who asks reads `returned`, which is counted last.",
    ),
    (
        "gen: bitmap/lane.rs:Lanes::given: lowered: load_seq_cst(word) -> Acquire",
        "No model can tell: the looks around it bring a fence. Whoever sees a bit taken acquires it from the \
         claim, and the flight began before.",
    ),
    (
        "gen: bitmap/word.rs:take_all: return: return 0;",
        "An exchange of a word that had nothing: with marks it takes nothing, and without marks what has been \
         released since, which is as good as what was there before.",
    ),
    (
        "gen: pool/claim/allocate.rs:Pool::claim_into: swapped: self.geometry.write_addrs(*",
        "Two halves of one slice, each to its place: neither reads the other.",
    ),
    (
        "gen: pool/claim/allocate.rs:Pool::claim_in: swapped: hints.found(slot); <> *",
        "A hint and a count, of which neither reads the other.",
    ),
    (
        "gen: pool/list/listing.rs:Listing::read: swapped: self.report.entries += 1; <> *",
        "What an entry says does not depend on how many came before it; the count is read afterwards.",
    ),
    (
        "gen: pool/list/listing.rs:Listing::name_word: swapped: self.latest.1 |= fresh; <> *",
        "What is listed and who listed it are two books, of which neither reads the other; `fresh` is known \
         already.",
    ),
    (
        "gen: pool/reconcile/fuse.rs:blown: swapped: if plan.is_unclear { *",
        "An age that nobody asks for is computed: it saturates, and changes nothing.",
    ),
    (
        "gen: pool/reconcile/pass.rs:Found::add: swapped: entries.*",
        "Sums of their own, of which none reads another.",
    ),
    (
        "gen: pool/reconcile/reconciler.rs:Reconciler::go_on_from: swapped: self.accepts = *",
        "Two fields of a value that this caller has alone; the gate is changed in both orders before anybody is \
         told.",
    ),
    (
        "gen: pool/reconcile/reconciler.rs:Pool::take_reconcile_slot: lowered: *",
        "No model can tell: the flag is no atomic of loom's. What the one before has left and the next one reads \
         is the gate and the marks, each read with an ordering of its own, and the lock of a file, which is the \
         kernel's.",
    ),
    (
        "gen: pool/reconcile/reconciler.rs:Reconciler::drop: swapped: if self.pool.words.file()*",
        "Only says earlier what is to be known: whether the gate is ours does not change meanwhile, since we have \
         the slot of the one who reconciles until the end.",
    ),
    (
        "gen: set/band.rs:StaticBand::slots_of: swapped: rest = (rest + edge).min(total); <> *",
        "Two numbers, of which neither reads the other.",
    ),
    (
        "gen: set/cordons.rs:push_allowed: swapped: if last < start { continue; } <> *",
        "A cordon that ends before the start begins before it, too: then nothing is pushed.",
    ),
    (
        "gen: set/cordons.rs:push_allowed: swapped: if let Some(before) = first.checked_sub(1) *",
        "The part that is pushed is from `start`, which has been read from `from` already.",
    ),
    (
        "gen: set/member.rs:Member::free_now: shifted: free [> -> >=] u64::MAX / 2",
        "No pool has so many addresses: what is this large is a difference below zero.",
    ),
    (
        "gen: set/members.rs:Members::take: swapped: *",
        "Both read, each its own field; whoever takes a member has the set alone.",
    ),
    (
        "gen: set/strategy.rs:Chooser::prefer_if_more: shifted: less [> -> >=] enough",
        "Stores the number that is there.",
    ),
    (
        "gen: set/strategy.rs:Chooser::with_most_free: shifted: 0[.. -> ..=]last.min(count)",
        "Asks the last member again, who had not enough, or one past the end, who is nobody.",
    ),
    (
        "gen: set/twins.rs:TwinPools::search_or_prove: swapped: if let Some(refusal) = self.v4.file_refusa *",
        "Of two pools that refuse, the other one is named. None is promised to come first.",
    ),
    (
        "gen: set/reconcile/error.rs:ApplyError::serialize: swapped: *",
        "The order of the fields of a JSON object is nobody's: readers go by their names.",
    ),
    (
        "gen: storage/file/recover.rs:dirty_every_page: lowered: *",
        "Nobody else is there: the exchange is made for its store, which makes the page dirty, and orders \
         nothing. Of pool files there are no models.",
    ),
    (
        "gen: storage/file/attached.rs:Attached::leave: swapped: self.volatile(at::ATTACHED).fetch_sub(1, O*",
        "Whoever changes the count or asks for the lock has the lock OPEN. If the kernel refuses to answer, the \
         count is one too high, and says that somebody died: which the file says then anyway.",
    ),
    (
        "gen: bitmap/collect.rs:Bitmap::looks_full: return: *",
        "A hint of a set: a linear member that is full is asked in vain once more. What is answered rests on a \
         proof, which looks by itself.",
    ),
    (
        "gen: bitmap/control.rs:Asked::done: exchanged: self.0 [& -> |] *",
        "As if the one who asked had died: the next one waits its turn for so many pauses, pushes nobody aside, \
         and asks with a ticket of its own.",
    ),
    (
        "gen: pool/claim/allocate.rs:Pool::allocate_*: dropped: self.check_process()?;",
        "The claim asks the same before it begins, and a refusal says why; it is only said earlier.",
    ),
    (
        "gen: set/cordons.rs:Cordons::lift: lowered: *",
        "Whoever has been told of it reads it, since it happened before; nothing else is promised to be read \
         after it.",
    ),
    (
        "gen: set/cordons.rs:Cordons::sorted: lowered: *",
        "No model can tell: whoever has been told of a cordon reads it, since it happened before, and the looks \
         at the words that follow bring a fence.",
    ),
    (
        "gen: set/strategy.rs:Chooser::compare_all: dropped: self.enough.store(second.max(1), Ordering::Relaxed);",
        "Then all members are compared at each allocation: slower, and never another answer.",
    ),
    (
        "gen: storage/file/attached.rs:Attached::is_sole: shifted: *",
        "Nobody is ever taken for alone, so every refusal looks through the words for what a dead process may \
         have left: slower, and never another answer.",
    ),
    (
        "gen: set/member.rs:Member::try_allocate_for: swapped: if self.is_plain() *",
        "The place of a client is only computed: for a plain member in vain.",
    ),
    (
        "gen: set/change.rs:PoolSet::lift: dropped: member.note_cordons();",
        "The member stays one that is searched part by part, with all of it as the only part: slower, and never \
         another answer.",
    ),
    (
        "gen: set/verbs.rs:PoolSet::walk: dropped: member.note_full();",
        "A hint which member is asked first: the next count, or the next look at its root, tells the same.",
    ),
    (
        "gen: storage/file/attached.rs:Attached::unlock_reconcile: swapped: *",
        "Whoever drops a reconciler in a child has gone back before: no child comes here.",
    ),
    (
        "gen: set/change.rs:PoolSet::cordon: swapped: let changing = self.change(); <> *",
        "While a set is shared, members only come: one that comes between the look and the lock is one that was added \
         later, and a cordon does not bind those.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::settle: swapped: if seen & (maybe | clearing) == 0 *",
        "With MAYBE set, the second sets CLEARING, and the first goes on; without it the second does nothing.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::settle: swapped: if !full *",
        "The condition does not read the child.",
    ),
    (
        "gen: pool/local/registry.rs:LocalRegistry::read: swapped: tell(inside.current()); <> *",
        "Both are read inside the cell's lock, where nothing changes, and told in either order.",
    ),
    (
        "gen: pool/local/verbs.rs:LocalPool::take_back: swapped: *",
        "Two numbers of a local that its caller has alone, of which neither reads the other.",
    ),
    (
        "gen: pool/local/spares.rs:SpareSlots::push: swapped: *",
        "Both are stored inside the cell's lock, to a place that was found before: nobody reads in between.",
    ),
    (
        "gen: pool/local/refill.rs:LocalPool::refill_noting: swapped: self.stand_at(word_index, free); <> *",
        "Two fields of a local that its caller has alone, of which neither reads the other.",
    ),
    (
        "gen: pool/reconcile/apply.rs:Reconciler::free_ripe: swapped: self.gate = *",
        "Whoever sees too soon that nobody is freeing any more asks the gate again after the claim, too.",
    ),
    (
        "gen: storage/barrier.rs:Words::marked_in_time: swapped: *",
        "A mark too many, on a slot that was claimed and is not answered: a later pass leaves it alone once more.",
    ),
    (
        "gen: storage/barrier.rs:Words::touched_or_new: shifted: *",
        "One word of marks more, of which nobody has a slot.",
    ),
    (
        "gen: storage/file/commit.rs:Commits::lead: swapped: match synced *",
        "The leader has the lock until both are done: whoever is woken reads nothing before.",
    ),
    (
        "gen: storage/file/recover.rs:recover_durably: swapped: forget_volatile(disk); <> *",
        "Words of different kinds, and nobody else has the file open; both come before the sync.",
    ),
    (
        "gen: bitmap/control.rs:Question::drop: dropped: *",
        "As if the one who asked had died: the next one waits its turn for so many pauses, and then asks. Nothing is \
         answered otherwise.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::settle: condition: [!]node .compare_exchange(seen, next, Ordering::SeqCst, Ordering::Relaxed) .is_err()",
        "Of phase 1: after a success the loop reads CLEARING, and goes on to phase 2 as who only helps. After a \
         failure phase 2 fails, too, unless another phase 1 has stored the same: then this helps, without a fence \
         in between, which no model tells here.",
    ),
];

/// The argument for a mutant of this name.
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
