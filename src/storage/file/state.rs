//! The state slots: which process had the file last, and how it was closed.
//!
//! Two slots on separate pages take turns. Pure: conversions between bytes and values. This module decides what a pair
//! of slots says about the past; any doubt counts as a machine that went down.

use super::bytes::{
    Block, MAX_COUNT, Unknown, first_in_use, get, get_count, get_u32, get_u64, is_sealed, put,
    put_u32, put_u64, seal,
};
use super::identity::{Identity, Witness};
use crate::durability::{Durability, RecoveryKind};
use crate::table::numbers;

const MAGIC: [u8; 8] = *b"IPBSTATE";

mod at {
    pub(super) const MAGIC: usize = 0x00;
    pub(super) const SEQ: usize = 0x08;
    pub(super) const UUID: usize = 0x10;
    pub(super) const BOOT_ID: usize = 0x20;
    pub(super) const PHASE: usize = 0x30;
    pub(super) const MODE: usize = 0x34;
    pub(super) const INODE: usize = 0x38;
    pub(super) const SESSION: usize = 0x40;
    pub(super) const OPENED: usize = 0x48;
    pub(super) const GENERATION: usize = 0x50;
    pub(super) const CRASHES: usize = 0x58;
    pub(super) const QUARANTINED: usize = 0x60;
    pub(super) const BORN: usize = 0x68;
    pub(super) const SUM: usize = 0x70;
    pub(super) const IS_WITNESSED: usize = 0x78;
    pub(super) const REASON: usize = 0x7c;
    /// Up to the checksum: reserved for later kinds of pool, zero.
    pub(super) const RESERVED: usize = 0x80;
    pub(super) const CHECKSUM: usize = super::super::bytes::CHECKSUM_AT;
}

/// The condition of the file when the slot was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The last process closed it cleanly.
    Clean,
    /// A process has it open, or died with it open.
    Open,
    /// It was made by `backup` or `restore`: nothing vouches for its words.
    Backup,
}

numbers! {
    Phase: u32 {
        Clean = 1,
        Open = 2,
        Backup = 3,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Counts the writes of state slots: the highest number is the newest.
    pub(crate) seq: u64,
    pub(crate) uuid: [u8; 16],
    /// The identifier of the boot. All zeros: unknown, and equal to nothing.
    pub(crate) boot_id: [u8; 16],
    pub(crate) phase: Phase,
    pub(crate) mode: u32,
    pub(crate) inode: u64,
    /// Counts the first opens.
    pub(crate) session: u64,
    pub(crate) opened_ns: u64,
    /// The generation of the header under which the slot was written.
    pub(crate) generation: u64,
    pub(crate) crashes: u64,
    pub(crate) quarantined: u64,
    /// When the file was created, according to its file system; 0 if that does not know.
    pub(crate) born_ns: u64,
    /// The sum of the words of F and Q if the file was closed cleanly; otherwise 0.
    pub(crate) sum: u64,
    /// Whether the file had a witness when this was written.
    pub(crate) is_witnessed: bool,
    /// Why addresses were last quarantined.
    pub(crate) reason: Option<RecoveryKind>,
}

impl State {
    pub(crate) fn encode(&self) -> Block {
        let mut block = [0; _];
        put(&mut block, at::MAGIC, MAGIC);
        put_u64(&mut block, at::SEQ, self.seq);
        put(&mut block, at::UUID, self.uuid);
        put(&mut block, at::BOOT_ID, self.boot_id);
        put_u32(&mut block, at::PHASE, self.phase.number());
        put_u32(&mut block, at::MODE, self.mode);
        put_u64(&mut block, at::INODE, self.inode);
        put_u64(&mut block, at::SESSION, self.session);
        put_u64(&mut block, at::OPENED, self.opened_ns);
        put_u64(&mut block, at::GENERATION, self.generation);
        put_u64(&mut block, at::CRASHES, self.crashes);
        put_u64(&mut block, at::QUARANTINED, self.quarantined);
        put_u64(&mut block, at::BORN, self.born_ns);
        put_u64(&mut block, at::SUM, self.sum);
        put_u32(&mut block, at::IS_WITNESSED, self.is_witnessed.into());
        put_u32(
            &mut block,
            at::REASON,
            self.reason.map_or(0, RecoveryKind::number),
        );
        seal(&mut block);
        block
    }

    /// Decodes a state slot; returns `None` if it is none, damaged, or from a newer version: see [`States::unknown`].
    pub(crate) fn decode(block: &Block) -> Option<Self> {
        if get(block, at::MAGIC) != MAGIC || !is_sealed(block) {
            return None;
        }
        if Self::unknown_in(block).is_some() {
            return None;
        }
        Some(Self {
            seq: get_count(block, at::SEQ)?,
            uuid: get(block, at::UUID),
            boot_id: get(block, at::BOOT_ID),
            phase: Phase::of_number(get_u32(block, at::PHASE))?,
            mode: get_u32(block, at::MODE),
            inode: get_u64(block, at::INODE),
            session: get_count(block, at::SESSION)?,
            opened_ns: get_u64(block, at::OPENED),
            generation: get_u64(block, at::GENERATION),
            crashes: get_count(block, at::CRASHES)?,
            quarantined: get_u64(block, at::QUARANTINED),
            born_ns: get_u64(block, at::BORN),
            sum: get_u64(block, at::SUM),
            is_witnessed: get_u32(block, at::IS_WITNESSED) == 1,
            reason: RecoveryKind::of_number(get_u32(block, at::REASON)),
        })
    }

    /// Returns what a state with a correct checksum contains that this version does not know.
    fn unknown_in(block: &Block) -> Option<Unknown> {
        let number = |at| get_u32(block, at);
        let (phase, mode) = (number(at::PHASE), number(at::MODE));
        let (is_witnessed, reason) = (number(at::IS_WITNESSED), number(at::REASON));
        let durability = u8::try_from(mode).ok().and_then(Durability::of_number);
        let is_reason = reason == 0 || RecoveryKind::of_number(reason).is_some();
        let in_use = first_in_use(block, at::RESERVED..at::CHECKSUM);
        Unknown::first(&[
            ("byte of a state", in_use, in_use == 0),
            (
                "phase of a state",
                phase.into(),
                Phase::of_number(phase).is_some(),
            ),
            ("durability of a state", mode.into(), durability.is_some()),
            ("witness of a state", is_witnessed.into(), is_witnessed <= 1),
            ("reason of a state", reason.into(), is_reason),
        ])
    }
}

/// Which of the words in memory can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belief {
    /// All of them: they are those of the last process.
    Exact,
    /// The machine went down, or may have gone down: those that T vouches for.
    Vouched,
    /// None, whatever T says: they belong to another file, are older than what was stored, or have an unknown past.
    Nothing(Doubt),
}

/// Why no word is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// No state can be read.
    NoState,
    /// A sync has failed since the last recovery.
    WriteFailed,
    /// It was made as a backup, or restored from one.
    Backup,
    /// It is a copy of the file, or an older version of it.
    Copy,
    /// The words differ from those at the last clean close.
    Changed,
}

/// What is known about a file besides its states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// The identifier of the current boot.
    pub(crate) boot_id: &'a [u8; 16],
    pub(crate) identity: Identity,
    /// Whether the file would be gone if the machine had gone down.
    pub(crate) forgets: bool,
    /// Whether a sync has failed since the last recovery.
    pub(crate) is_poisoned: bool,
}

/// What the two slots together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct States {
    /// The newest readable slot of this file.
    pub(crate) newest: Option<State>,
    /// The slot to write next: never the newest readable one.
    pub(crate) next_slot: usize,
    /// Whether both slots are readable, belong to this file, and are consecutive. Otherwise, a slot may be missing that
    /// was newer than the remaining one.
    pub(crate) is_whole: bool,
}

impl States {
    pub(crate) fn read(slots: [&Block; 2], uuid: &[u8; 16]) -> Self {
        let decode = |block| State::decode(block).filter(|state| state.uuid == *uuid);
        match slots.map(decode) {
            [None, None] => Self {
                newest: None,
                next_slot: 0,
                is_whole: false,
            },
            [Some(state), None] => Self {
                newest: Some(state),
                next_slot: 1,
                is_whole: false,
            },
            [None, Some(state)] => Self {
                newest: Some(state),
                next_slot: 0,
                is_whole: false,
            },
            [Some(a), Some(b)] => Self {
                newest: Some(if a.seq > b.seq { a } else { b }),
                next_slot: usize::from(a.seq > b.seq),
                is_whole: a.seq.abs_diff(b.seq) == 1,
            },
        }
    }

    /// Returns what a slot of this file contains that this version does not know. Only a newer version can say which
    /// slot is the last.
    pub(crate) fn unknown(slots: [&Block; 2], uuid: &[u8; 16]) -> Option<Unknown> {
        let mut whole = slots.into_iter().filter(|slot| {
            get(slot, at::MAGIC) == MAGIC && is_sealed(slot) && get(slot, at::UUID) == *uuid
        });
        whole.find_map(State::unknown_in)
    }

    /// Returns which words can be trusted, according to the slots and other evidence. `sum` is that of the current
    /// words; it is called only if a state has one to compare.
    pub(crate) fn belief(&self, evidence: Evidence<'_>, sum: impl FnOnce() -> u64) -> Belief {
        // T is part of what was copied: in a copy, it vouches for what was handed out until then. And it vouches for
        // what is on the disk, not for what is in memory after a failed write-back.
        if evidence.is_poisoned {
            return Belief::Nothing(Doubt::WriteFailed);
        }
        let Some(newest) = self.newest else {
            return Belief::Nothing(Doubt::NoState);
        };
        if newest.phase == Phase::Backup {
            return Belief::Nothing(Doubt::Backup);
        }
        if !newest.is_of(&evidence.identity) {
            return Belief::Nothing(Doubt::Copy);
        }
        if newest.phase == Phase::Clean && newest.sum != sum() {
            return Belief::Nothing(Doubt::Changed);
        }
        let boot_id = evidence.boot_id;
        let is_same_boot = self.is_whole && *boot_id != [0; 16] && newest.boot_id == *boot_id;
        if is_same_boot || evidence.forgets {
            Belief::Exact
        } else {
            Belief::Vouched
        }
    }

    /// Returns the sequence number of the next state: higher than all that were ever written to this file, even if
    /// older contents were written into it.
    pub(crate) fn next_seq(&self, witness: Witness) -> u64 {
        let newest = self.newest.map_or(0, |state| state.seq);
        match witness {
            Witness::Seq(seq) if seq <= MAX_COUNT => newest.max(seq) + 1,
            _ => newest + 1,
        }
    }
}

impl State {
    /// Returns whether this state was written to the file that is found now, and was the last one.
    pub(crate) fn is_of(&self, found: &Identity) -> bool {
        // A file system that does not know is no evidence either way.
        let is_born_then =
            [self.born_ns, found.born_ns].contains(&0) || self.born_ns == found.born_ns;
        let is_last = match found.witness {
            // It is written after the state: an interruption in between has left it one behind.
            Witness::Seq(seq) => seq == self.seq || seq.checked_add(1) == Some(self.seq),
            Witness::None => !self.is_witnessed,
            Witness::Strange => false,
        };
        self.inode == found.inode && is_born_then && is_last
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const UUID: [u8; 16] = *b"0123456789abcdef";
    const BOOT: [u8; 16] = *b"this boot's name";

    pub(crate) fn state(seq: u64, phase: Phase) -> State {
        State {
            seq,
            uuid: UUID,
            boot_id: BOOT,
            phase,
            mode: 0,
            inode: 42,
            session: 7,
            opened_ns: 1,
            generation: 1,
            crashes: 0,
            quarantined: 0,
            born_ns: 77,
            sum: 0,
            is_witnessed: true,
            reason: Some(RecoveryKind::Copy),
        }
    }

    pub(crate) const FOUND: Identity = Identity {
        inode: 42,
        born_ns: 77,
        witness: Witness::None,
    };

    #[test]
    fn what_is_written_is_read_again_and_every_flipped_bit_is_noticed() {
        for phase in [Phase::Clean, Phase::Open, Phase::Backup] {
            let state = State {
                sum: 1 << 63,
                ..state(9, phase)
            };
            let good = state.encode();
            assert_eq!(State::decode(&good), Some(state));
            for bit in 0..good.len() * 8 {
                let mut bad = good;
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(State::decode(&bad), None, "bit {bit}");
            }
        }
        assert_eq!(State::decode(&[0; _]), None);
    }

    /// One more than the largest number would be 0, and a session lower than all that were seen.
    #[test]
    fn numbers_that_nobody_has_counted_to_are_damage() {
        let state = state(9, Phase::Open);
        for most in [u64::MAX, u64::MAX / 2 + 1] {
            for absurd in [
                State { seq: most, ..state },
                State {
                    session: most,
                    ..state
                },
                State {
                    crashes: most,
                    ..state
                },
            ] {
                assert_eq!(State::decode(&absurd.encode()), None);
            }
        }
        let much = State {
            seq: u64::MAX / 2,
            ..state
        };
        assert_eq!(State::decode(&much.encode()), Some(much));
    }

    /// Only two intact, consecutive slots of this file can show that the boot is the same, and only one that names the
    /// inode can show that T belongs to this file.
    #[test]
    fn a_doubt_about_the_boot_leaves_t_and_a_doubt_about_the_file_leaves_nothing() {
        use Belief::{Exact, Nothing, Vouched};
        use Doubt::{Copy, NoState, WriteFailed};
        let plain = |seq, phase| State {
            is_witnessed: false,
            ..state(seq, phase)
        };
        let open = plain(8, Phase::Open);
        let clean = plain(7, Phase::Clean);
        let belief = |a: &Block, b: &Block, boot: &[u8; 16], inode| {
            let states = States::read([a, b], &UUID);
            let believed = |forgets, is_poisoned| {
                let evidence = Evidence {
                    boot_id: boot,
                    identity: Identity { inode, ..FOUND },
                    forgets,
                    is_poisoned,
                };
                states.belief(evidence, || 0)
            };
            assert_eq!(believed(false, true), Nothing(WriteFailed));
            assert_eq!(believed(true, true), Nothing(WriteFailed));
            let (in_memory, on_disk) = (believed(true, false), believed(false, false));
            let expected = match on_disk {
                Nothing(doubt) => Nothing(doubt),
                _ => Exact,
            };
            assert_eq!(in_memory, expected, "what is in memory is of this boot");
            on_disk
        };
        let (new, old) = (open.encode(), clean.encode());
        assert_eq!(belief(&new, &old, &BOOT, 42), Exact);
        assert_eq!(belief(&old, &new, &BOOT, 42), Exact, "in either order");
        let zero = [0; _];
        assert_eq!(
            belief(&zero, &zero, &BOOT, 42),
            Nothing(NoState),
            "both lost"
        );
        let newest_lost = belief(&zero, &old, &BOOT, 42);
        assert_eq!(newest_lost, Vouched, "the older one is clean");
        assert_eq!(belief(&new, &zero, &BOOT, 42), Vouched, "the older lost");
        assert_eq!(belief(&new, &new, &BOOT, 42), Vouched, "twice the same");
        let far = plain(5, Phase::Clean).encode();
        let gap = belief(&new, &far, &BOOT, 42);
        assert_eq!(gap, Vouched, "one in between is missing");
        assert_eq!(belief(&new, &old, b"some other boot.", 42), Vouched);
        let unknown_now = belief(&new, &old, &[0; 16], 42);
        assert_eq!(unknown_now, Vouched, "an unknown boot is no boot");
        assert_eq!(belief(&new, &old, &BOOT, 43), Nothing(Copy));
        let unknown = State {
            boot_id: [0; 16],
            ..open
        };
        assert_eq!(belief(&unknown.encode(), &old, &[0; 16], 42), Vouched);
        let foreign = State {
            uuid: *b"some other file.",
            ..open
        };
        assert_eq!(belief(&foreign.encode(), &old, &BOOT, 42), Vouched);
        assert_eq!(
            belief(&foreign.encode(), &zero, &BOOT, 42),
            Nothing(NoState)
        );
    }

    /// Every way in which contents can get into a file, on every kind of file system: what shows that they are not the
    /// last contents of this file. What a file system lacks shows nothing, and one of the others has to.
    #[test]
    fn a_copy_is_told_by_its_inode_its_birth_or_its_witness() {
        let witnessed = state(8, Phase::Open);
        let plain = State {
            is_witnessed: false,
            ..witnessed
        };
        let unborn = State {
            born_ns: 0,
            ..plain
        };
        let found = |inode, born_ns, witness| Identity {
            inode,
            born_ns,
            witness,
        };
        use Witness::{None, Seq, Strange};
        for (state, identity, is_of, what) in [
            (witnessed, found(42, 77, Seq(8)), true, "as it was left"),
            (
                witnessed,
                found(42, 77, Seq(7)),
                true,
                "cut off before the witness",
            ),
            (witnessed, found(42, 77, Seq(9)), false, "an older content"),
            (
                witnessed,
                found(42, 77, Seq(6)),
                false,
                "a content of another file",
            ),
            (witnessed, found(42, 77, Seq(u64::MAX)), false, "no count"),
            (witnessed, found(42, 77, Strange), false, "no number"),
            (
                witnessed,
                found(42, 77, None),
                false,
                "a new file without it",
            ),
            (plain, found(42, 77, None), true, "no attributes"),
            (
                plain,
                found(42, 77, Seq(8)),
                true,
                "written for the first time",
            ),
            (
                plain,
                found(42, 77, Seq(20)),
                false,
                "a content from elsewhere",
            ),
            (
                witnessed,
                found(43, 77, Seq(8)),
                false,
                "moved, with its witness",
            ),
            (
                witnessed,
                found(42, 78, Seq(8)),
                false,
                "the number of one that is gone",
            ),
            (
                plain,
                found(42, 78, None),
                false,
                "the same, without attributes",
            ),
            (witnessed, found(42, 0, Seq(8)), true, "no births any more"),
            (unborn, found(42, 77, None), true, "births from now on"),
            (unborn, found(42, 0, None), true, "neither"),
        ] {
            assert_eq!(state.is_of(&identity), is_of, "{what}");
        }
    }

    /// The words of a file that was closed cleanly must be unchanged. For one that was not, nothing is known about
    /// them, and they are not even read.
    #[test]
    fn words_that_were_left_in_order_have_a_sum() {
        let of = |phase, sum: u64| {
            let state = |seq, phase| State {
                sum,
                is_witnessed: false,
                ..state(seq, phase)
            };
            let slots = [state(7, Phase::Open), state(8, phase)].map(|state| state.encode());
            States::read([&slots[0], &slots[1]], &UUID)
        };
        for (boot_id, believed) in [
            (&BOOT, Belief::Exact),
            (b"some other boot.", Belief::Vouched),
        ] {
            let evidence = Evidence {
                boot_id,
                identity: FOUND,
                forgets: false,
                is_poisoned: false,
            };
            let clean = of(Phase::Clean, 5);
            assert_eq!(clean.belief(evidence, || 5), believed);
            let changed = Belief::Nothing(Doubt::Changed);
            assert_eq!(clean.belief(evidence, || 6), changed);
            let open = of(Phase::Open, 0);
            assert_eq!(open.belief(evidence, || unreachable!()), believed);
            let backup = of(Phase::Backup, 0);
            let doubt = Belief::Nothing(Doubt::Backup);
            assert_eq!(backup.belief(evidence, || unreachable!()), doubt);
        }
    }

    /// Higher than everything that was written to this file, so that the witness never goes back.
    #[test]
    fn sequences_never_go_back() {
        let slots = [7, 8].map(|seq| state(seq, Phase::Open).encode());
        let states = States::read([&slots[0], &slots[1]], &UUID);
        assert_eq!(states.next_seq(Witness::None), 9);
        assert_eq!(states.next_seq(Witness::Seq(8)), 9);
        assert_eq!(states.next_seq(Witness::Seq(7)), 9);
        assert_eq!(states.next_seq(Witness::Seq(20)), 21);
        assert_eq!(states.next_seq(Witness::Seq(u64::MAX)), 9, "no count");
        assert_eq!(states.next_seq(Witness::Strange), 9);
    }

    #[test]
    fn the_next_slot_is_never_the_newest() {
        let encoded = [7, 8].map(|seq| state(seq, Phase::Open).encode());
        let zero = [0; _];
        for (slots, next, newest) in [
            ([&encoded[0], &encoded[1]], 0, Some(8)),
            ([&encoded[1], &encoded[0]], 1, Some(8)),
            ([&encoded[0], &zero], 1, Some(7)),
            ([&zero, &encoded[0]], 0, Some(7)),
            ([&zero, &zero], 0, None),
        ] {
            let states = States::read(slots, &UUID);
            assert_eq!(
                (states.next_slot, states.newest.map(|state| state.seq)),
                (next, newest)
            );
        }
    }
}
