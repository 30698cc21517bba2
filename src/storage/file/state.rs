//! The state slots: who had the file last, and how they left it.
//!
//! Two slots on pages of their own take turns. Pure: bytes to values and back. What a pair of slots says
//! of the past is decided here, and whatever leaves a doubt counts as a machine that went down.

use super::bytes::{
    Block, get, get_count, get_u32, get_u64, is_sealed, put, put_u32, put_u64, seal,
};

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
    /// To the checksum: kept for later kinds of pool, zero.
    pub(super) const RESERVED: usize = 0x68;
    pub(super) const CHECKSUM: usize = super::super::bytes::CHECKSUM_AT;
}

/// How the file was left when the slot was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The last process took its leave.
    Clean = 1,
    /// Somebody has it open, or died with it.
    Open = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Counts the writes of state slots: the newest is the highest.
    pub(crate) seq: u64,
    pub(crate) uuid: [u8; 16],
    /// All zero: unknown, and equal to nothing.
    pub(crate) boot_id: [u8; 16],
    pub(crate) phase: Phase,
    pub(crate) mode: u32,
    pub(crate) inode: u64,
    /// Counts the first openers.
    pub(crate) session: u64,
    pub(crate) opened_ns: u64,
    /// Of the header that the slot was written under.
    pub(crate) generation: u64,
    pub(crate) crashes: u64,
    pub(crate) quarantined: u64,
}

impl State {
    pub(crate) fn encode(&self) -> Block {
        let mut block = [0; _];
        put(&mut block, at::MAGIC, MAGIC);
        put_u64(&mut block, at::SEQ, self.seq);
        put(&mut block, at::UUID, self.uuid);
        put(&mut block, at::BOOT_ID, self.boot_id);
        put_u32(&mut block, at::PHASE, self.phase as u32);
        put_u32(&mut block, at::MODE, self.mode);
        put_u64(&mut block, at::INODE, self.inode);
        put_u64(&mut block, at::SESSION, self.session);
        put_u64(&mut block, at::OPENED, self.opened_ns);
        put_u64(&mut block, at::GENERATION, self.generation);
        put_u64(&mut block, at::CRASHES, self.crashes);
        put_u64(&mut block, at::QUARANTINED, self.quarantined);
        seal(&mut block);
        block
    }

    /// `None`: not a state slot, or damaged.
    pub(crate) fn decode(block: &Block) -> Option<Self> {
        if get(block, at::MAGIC) != MAGIC || !is_sealed(block) {
            return None;
        }
        let reserved = &block[at::RESERVED..at::CHECKSUM];
        if reserved.iter().any(|&byte| byte != 0) {
            return None;
        }
        Some(Self {
            seq: get_count(block, at::SEQ)?,
            uuid: get(block, at::UUID),
            boot_id: get(block, at::BOOT_ID),
            phase: match get_u32(block, at::PHASE) {
                1 => Phase::Clean,
                2 => Phase::Open,
                _ => return None,
            },
            mode: get_u32(block, at::MODE),
            inode: get_u64(block, at::INODE),
            session: get_count(block, at::SESSION)?,
            opened_ns: get_u64(block, at::OPENED),
            generation: get_u64(block, at::GENERATION),
            crashes: get_count(block, at::CRASHES)?,
            quarantined: get_u64(block, at::QUARANTINED),
        })
    }
}

/// How much of the words in memory the past lets us believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belief {
    /// All of them: they are those of the last process.
    Exact,
    /// The machine has gone down, or may have: those that T vouches for.
    Vouched,
    /// None, whatever T says of them: they are those of another file, or older than what was stored, or of
    /// an unknown past.
    Nothing,
}

/// What the two slots say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct States {
    /// The newest readable slot of this file.
    pub(crate) newest: Option<State>,
    /// The slot to write next: never the newest readable one.
    pub(crate) next_slot: usize,
    /// Both slots are readable, of this file, and follow each other. Otherwise one may be missing that
    /// was newer than what is left.
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

    /// What the slots let us believe of the file with this inode, in this boot.
    ///
    /// `forgets`: the file would be gone if the machine had gone down. `is_poisoned`: a sync has failed
    /// since the last recovery.
    pub(crate) fn belief(
        &self,
        boot_id: &[u8; 16],
        inode: u64,
        forgets: bool,
        is_poisoned: bool,
    ) -> Belief {
        // T is a part of what was copied: in a copy, it vouches for what was handed out until then. And
        // it vouches for what is on the disk, not for what is in memory after a failed write-back.
        let Some(newest) = self.newest.filter(|state| state.inode == inode) else {
            return Belief::Nothing;
        };
        if is_poisoned {
            return Belief::Nothing;
        }
        let is_same_boot = self.is_whole && *boot_id != [0; 16] && newest.boot_id == *boot_id;
        if is_same_boot || forgets {
            Belief::Exact
        } else {
            Belief::Vouched
        }
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
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_every_flipped_bit_is_noticed() {
        for phase in [Phase::Clean, Phase::Open] {
            let state = state(9, phase);
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

    /// One more than the last number there is would be 0, and a session below all that were seen.
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

    /// Only two whole slots of this file that follow each other can say that the boot is the same, and
    /// only one that names the inode can say that this is the file whose T it is.
    #[test]
    fn a_doubt_about_the_boot_leaves_t_and_a_doubt_about_the_file_leaves_nothing() {
        use Belief::{Exact, Nothing, Vouched};
        let open = state(8, Phase::Open);
        let clean = state(7, Phase::Clean);
        let belief = |a: &Block, b: &Block, boot: &[u8; 16], inode| {
            let states = States::read([a, b], &UUID);
            assert_eq!(states.belief(boot, inode, false, true), Nothing, "poisoned");
            assert_eq!(states.belief(boot, inode, true, true), Nothing, "poisoned");
            let in_memory = states.belief(boot, inode, true, false);
            let on_disk = states.belief(boot, inode, false, false);
            let expected = if on_disk == Nothing { Nothing } else { Exact };
            assert_eq!(in_memory, expected, "what is in memory is of this boot");
            on_disk
        };
        let (new, old) = (open.encode(), clean.encode());
        assert_eq!(belief(&new, &old, &BOOT, 42), Exact);
        assert_eq!(belief(&old, &new, &BOOT, 42), Exact, "in either order");
        let zero = [0; _];
        assert_eq!(belief(&zero, &zero, &BOOT, 42), Nothing, "both lost");
        let newest_lost = belief(&zero, &old, &BOOT, 42);
        assert_eq!(newest_lost, Vouched, "the older one is clean");
        assert_eq!(belief(&new, &zero, &BOOT, 42), Vouched, "the older lost");
        assert_eq!(belief(&new, &new, &BOOT, 42), Vouched, "twice the same");
        let far = state(5, Phase::Clean).encode();
        let gap = belief(&new, &far, &BOOT, 42);
        assert_eq!(gap, Vouched, "one in between is missing");
        assert_eq!(belief(&new, &old, b"some other boot.", 42), Vouched);
        let unknown_now = belief(&new, &old, &[0; 16], 42);
        assert_eq!(unknown_now, Vouched, "an unknown boot is no boot");
        assert_eq!(belief(&new, &old, &BOOT, 43), Nothing, "a copy of the file");
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
        assert_eq!(belief(&foreign.encode(), &zero, &BOOT, 42), Nothing);
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
