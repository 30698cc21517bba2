//! Programs of two or three threads, two owners, and up to three addresses.

use super::state::{OWNERS, Record, Tag};
use super::{Op, Program};
use crate::leases::Kind;

const A: u8 = 0;
const B: u8 = 1;

type Slot = (Record, Tag);

const fn record(kind: Kind, until: u8, tagged: bool) -> Record {
    Record {
        kind,
        until,
        generation: 1,
        tagged,
    }
}

const fn tag(owner: u8) -> Tag {
    Tag {
        owner,
        generation: 1,
    }
}

const FREE: Slot = (record(Kind::Free, 0, false), Tag::NONE);

const fn free_of(owner: u8) -> Slot {
    (record(Kind::Free, 0, true), tag(owner))
}

/// Leased for ever by a caller without an owner.
const TAKEN: Slot = (record(Kind::Leased, u8::MAX, false), Tag::NONE);

const fn leased_to(owner: u8) -> Slot {
    (record(Kind::Leased, u8::MAX, true), tag(owner))
}

const fn cooling_of(owner: u8, until: u8) -> Slot {
    (record(Kind::Cooling, until, true), tag(owner))
}

const fn f(owner: u8, offer: u8) -> Op {
    Op::AllocateFor { owner, offer }
}

const fn a(offer: u8) -> Op {
    Op::Allocate { offer }
}

const S: Op = Op::Sweep;
const G0: Op = Op::Release(0);

const ONE: Program = Program {
    name: "",
    slots: &[FREE],
    homes: [0b111; OWNERS],
    locks: [0, 1],
    outside: [None; OWNERS],
    cooldown: 0,
    last_tick: 2,
    deaths: 0,
    threads: &[],
};

/// The first address is the home of both owners.
const OUTSIDE: Program = Program {
    homes: [0b001; OWNERS],
    ..ONE
};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "2 at home: for A | for A | take",
        slots: &[FREE, FREE],
        threads: &[&[f(A, 1)], &[f(A, 5)], &[a(5)]],
        ..ONE
    },
    Program {
        name: "1 cooling of A, 1 free: for A | for A, release | for B",
        slots: &[cooling_of(A, 2), FREE],
        cooldown: 1,
        threads: &[&[f(A, 5)], &[f(A, 5), G0], &[f(B, 5)]],
        ..ONE
    },
    Program {
        name: "1 cooling of A: for A | sweep, take",
        slots: &[cooling_of(A, 2)],
        cooldown: 1,
        threads: &[&[f(A, 5)], &[S, a(5)]],
        ..ONE
    },
    Program {
        name: "2 at home, A was there: for B | sweep, for A, all of B",
        slots: &[free_of(A), FREE],
        threads: &[&[f(B, 1)], &[S, f(A, 5), Op::OwnedBy(B)]],
        ..ONE
    },
    Program {
        name: "2 at home: sweep, for B | for A, sweep, for A, for A",
        slots: &[FREE, FREE],
        homes: [0b11, 0b01],
        last_tick: 3,
        threads: &[&[S, f(B, 1)], &[f(A, 1), S, f(A, 5), f(A, 5)]],
        ..ONE
    },
    Program {
        name: "home full, 2 outside: for A | for A | release at home",
        slots: &[TAKEN, FREE, FREE],
        last_tick: 1,
        threads: &[&[f(A, 5)], &[f(A, 5)], &[Op::ReleaseFirst(0)]],
        ..OUTSIDE
    },
    Program {
        name: "home full, A outside, 1 free: for B | sweep, take",
        slots: &[TAKEN, leased_to(A), FREE],
        outside: [Some(1), None],
        threads: &[&[f(B, 1)], &[S, a(5)]],
        ..OUTSIDE
    },
    Program {
        name: "home full, one lock, A outside: for B | release, take | for A",
        slots: &[TAKEN, leased_to(A), FREE],
        locks: [0, 0],
        outside: [Some(1), None],
        last_tick: 1,
        threads: &[
            &[f(B, 5), f(B, 5)],
            &[Op::ReleaseFirst(1), a(5)],
            &[f(A, 5)],
        ],
        ..OUTSIDE
    },
    Program {
        name: "home full, A cooling outside, one lock: for A, release | for B | sweep, take",
        slots: &[TAKEN, cooling_of(A, 2), FREE],
        locks: [0, 0],
        outside: [Some(1), None],
        cooldown: 1,
        threads: &[&[f(A, 5), G0], &[f(B, 5)], &[S, a(5)]],
        ..OUTSIDE
    },
    Program {
        name: "2 at home, A was there: for A | take, release",
        slots: &[free_of(A), TAKEN],
        last_tick: 1,
        threads: &[&[f(A, 5)], &[a(5), G0]],
        ..ONE
    },
    Program {
        name: "1 of A, 1 free: a pass, its undo | for A, for A | sweep, take",
        slots: &[leased_to(A), FREE],
        threads: &[&[Op::PassAndUndo(0)], &[f(A, 5), f(A, 5)], &[S, a(5)]],
        ..ONE
    },
    Program {
        name: "a death, home full, one lock, A outside: for B | release, take | for A",
        slots: &[TAKEN, leased_to(A), FREE],
        locks: [0, 0],
        outside: [Some(1), None],
        deaths: 1,
        threads: &[
            &[f(B, 1), f(B, 5)],
            &[Op::ReleaseFirst(1), a(5)],
            &[f(A, 5)],
        ],
        ..OUTSIDE
    },
    Program {
        name: "a death: for A | for A | for A",
        slots: &[FREE, FREE],
        homes: [0b01; OWNERS],
        deaths: 1,
        last_tick: 1,
        threads: &[&[f(A, 5)], &[f(A, 5)], &[f(A, 5)]],
        ..ONE
    },
    Program {
        name: "a death: for A | sweep, for B | sweep, all of A",
        slots: &[free_of(A), FREE],
        homes: [0b01; OWNERS],
        deaths: 1,
        threads: &[&[f(A, 1)], &[S, f(B, 5)], &[Op::OwnedBy(A)]],
        ..ONE
    },
];
