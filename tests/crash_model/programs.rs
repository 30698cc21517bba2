//! What the processes of `sessions` do in each of their lives.

use crate::sessions::{Copies, Mode, Op, Program};

use Op::{Allocate as A, Close as C, Reclaim as L, Release as R, Sync as S};

const QUIET: Program = Program {
    name: "",
    mode: Mode::Process,
    lives: [&[], &[]],
    cuts: 0,
    kills: 0,
    failures: 0,
    evictions: 0,
    losses: 0,
    copies: Copies::None,
    readers: 0,
    knows_boot: [true; 2],
};

/// Seconds in a debug build.
pub(crate) const SMALL: &[Program] = &[
    Program {
        name: "Process: a close | a close; nothing happens",
        lives: [&[&[A, C]], &[&[A, C]]],
        ..QUIET
    },
    Program {
        name: "Process: a / a | a / a; 1 cut, 1 death",
        lives: [&[&[A], &[A]], &[&[A], &[A]]],
        cuts: 1,
        kills: 1,
        ..QUIET
    },
    Program {
        name: "Process: a r close / a close / a; 2 cuts",
        lives: [&[&[A, R, C], &[A, C], &[A]], &[]],
        cuts: 2,
        ..QUIET
    },
    Program {
        name: "Process: a close / a / reclaim a; 1 cut that may take the newest slot",
        lives: [&[&[A, C], &[A], &[L, A]], &[]],
        cuts: 1,
        losses: 1,
        ..QUIET
    },
    Program {
        name: "Process: a / reclaim close / reclaim | a; 2 cuts",
        lives: [&[&[A], &[L, C], &[L]], &[&[A]]],
        cuts: 2,
        ..QUIET
    },
    Program {
        name: "Process: a sync close / a close / a; 1 cut, 1 failed sync, 1 death",
        lives: [&[&[A, S, C], &[A, C], &[A]], &[]],
        cuts: 1,
        kills: 1,
        failures: 1,
        ..QUIET
    },
    Program {
        name: "Process: a r a / a | a, and cannot read the boot id; 1 cut",
        lives: [&[&[A, R, A], &[A]], &[&[A]]],
        cuts: 1,
        knows_boot: [true, false],
        ..QUIET
    },
    Program {
        name: "Process: a sync close / a | a; 1 failed sync, 2 evictions",
        lives: [&[&[A, S, C], &[A]], &[&[A]]],
        failures: 1,
        evictions: 2,
        ..QUIET
    },
    Program {
        name: "Barrier: a sync a sync close / a | a; 1 failed sync, 2 evictions, 1 cut",
        mode: Mode::Barrier,
        lives: [&[&[A, S, A, S, C], &[A]], &[&[A]]],
        cuts: 1,
        failures: 1,
        evictions: 2,
        ..QUIET
    },
    Program {
        name: "Process: a / a, readers; 1 cut, 1 death",
        lives: [&[&[A], &[A], &[A]], &[]],
        cuts: 1,
        kills: 1,
        readers: 2,
        ..QUIET
    },
    Program {
        name: "Process: a / a, a copy; 1 death",
        lives: [&[&[A], &[A]], &[]],
        kills: 1,
        copies: Copies::InItsPlace,
        ..QUIET
    },
    Program {
        name: "Barrier: a sync / a, a copy; 1 death",
        mode: Mode::Barrier,
        lives: [&[&[A, S], &[A]], &[]],
        kills: 1,
        copies: Copies::InItsPlace,
        ..QUIET
    },
    Program {
        name: "Process: a close / a / a, a copy written into it; 1 death, 1 cut",
        lives: [&[&[A, C], &[A], &[A]], &[]],
        cuts: 1,
        kills: 1,
        copies: Copies::WrittenInto,
        ..QUIET
    },
    Program {
        name: "Barrier: a sync close / a sync / a, a copy written into it; 1 death, 1 cut",
        mode: Mode::Barrier,
        lives: [&[&[A, S, C], &[A, S], &[A]], &[]],
        cuts: 1,
        kills: 1,
        copies: Copies::WrittenInto,
        ..QUIET
    },
    Program {
        name: "Barrier: a sync r close / a | a sync / a; 1 cut, 1 death",
        mode: Mode::Barrier,
        lives: [&[&[A, S, R, C], &[A]], &[&[A, S], &[A]]],
        cuts: 1,
        kills: 1,
        ..QUIET
    },
    Program {
        name: "Strict: a r a / a | a / a; 1 cut, 1 death",
        mode: Mode::Strict,
        lives: [&[&[A, R, A], &[A]], &[&[A], &[A]]],
        cuts: 1,
        kills: 1,
        ..QUIET
    },
    Program {
        name: "Strict: a close / a | a close; 1 cut, 1 failed sync",
        mode: Mode::Strict,
        lives: [&[&[A, C], &[A]], &[&[A, C]]],
        cuts: 1,
        failures: 1,
        ..QUIET
    },
];

/// Minutes in a debug build.
pub(crate) const LARGE: &[Program] = &[
    Program {
        name: "Process: a r close / reclaim a close / a | a close / reclaim a; 2 cuts, 1 death, 1 failed sync",
        lives: [&[&[A, R, C], &[L, A, C], &[A]], &[&[A, C], &[L, A]]],
        cuts: 2,
        kills: 1,
        failures: 1,
        ..QUIET
    },
    Program {
        name: "Process: a sync r close / reclaim a / a | a close / reclaim a; 2 cuts, 1 failed sync, 1 slot",
        lives: [&[&[A, S, R, C], &[L, A], &[A]], &[&[A, C], &[L, A]]],
        cuts: 2,
        failures: 1,
        losses: 1,
        ..QUIET
    },
    Program {
        name: "Process: a r close / reclaim a / a | a r / reclaim a, and cannot read the boot id; 2 cuts, 1 death",
        lives: [&[&[A, R, C], &[L, A], &[A]], &[&[A, R], &[L, A]]],
        cuts: 2,
        kills: 1,
        knows_boot: [true, false],
        ..QUIET
    },
    Program {
        name: "Process: a close / a r / reclaim a | a; 1 cut, 2 deaths, a copy, 2 readers",
        lives: [&[&[A, C], &[A, R], &[L, A]], &[&[A]]],
        cuts: 1,
        kills: 2,
        copies: Copies::InItsPlace,
        readers: 2,
        ..QUIET
    },
    Program {
        name: "Barrier: a sync r a sync close / a r / a | a sync r close / a sync / a; 2 cuts, 1 death, 1 failed sync",
        mode: Mode::Barrier,
        lives: [
            &[&[A, S, R, A, S, C], &[A, R], &[A]],
            &[&[A, S, R, C], &[A, S], &[A]],
        ],
        cuts: 2,
        kills: 1,
        failures: 1,
        ..QUIET
    },
    Program {
        name: "Strict: a r a close / a r / a | a r a / a close; 2 cuts, 1 death, 1 failed sync, 1 slot",
        mode: Mode::Strict,
        lives: [&[&[A, R, A, C], &[A, R], &[A]], &[&[A, R, A], &[A, C]]],
        cuts: 2,
        kills: 1,
        failures: 1,
        losses: 1,
        ..QUIET
    },
    Program {
        name: "Strict: a close / a r / reclaim a | a / reclaim a; 1 cut, 1 death, 1 slot, a copy",
        mode: Mode::Strict,
        lives: [&[&[A, C], &[A, R], &[L, A]], &[&[A], &[L, A]]],
        cuts: 1,
        kills: 1,
        losses: 1,
        copies: Copies::InItsPlace,
        ..QUIET
    },
];
