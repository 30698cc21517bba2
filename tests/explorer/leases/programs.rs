//! Programs of two or three threads over one to three addresses.

use super::state::{Kind, NEVER, Record};
use super::{Of, Op, Program};

const FREE: Record = Record::new(Kind::Free, 0, 1);

const fn offered(until: u8) -> Record {
    Record::new(Kind::Offered, until, 1)
}

const fn leased(until: u8) -> Record {
    Record::new(Kind::Leased, until, 1)
}

const fn cooling(until: u8) -> Record {
    Record::new(Kind::Cooling, until, 1)
}

const fn a(offer: u8) -> Op {
    Op::Allocate { offer }
}

const fn e(slot: u8) -> Op {
    Op::Exact { slot, offer: 5 }
}

const fn many(count: u8) -> Op {
    Op::Many { count, offer: 5 }
}

/// Releases what this thread's operation number so-and-so got.
const fn r(of: u8) -> Op {
    Op::Release(Of::Op(of))
}

/// Releases the first lease of the slot.
const fn r1(slot: u8) -> Op {
    Op::Release(Of::First(slot))
}

const fn n(of: u8, term: u8) -> Op {
    Op::Renew(Of::Op(of), term)
}

const fn n1(slot: u8, term: u8) -> Op {
    Op::Renew(Of::First(slot), term)
}

const S: Op = Op::Sweep;
const ONE: Program = Program {
    name: "",
    slots_per_word: 1,
    records: &[FREE],
    cooldown: 1,
    last_tick: 3,
    moments: 1,
    deaths: 0,
    is_shared: false,
    threads: &[],
};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "take, release, take | take, release",
        threads: &[&[a(5), r(0), a(5)], &[a(5), r(0)]],
        ..ONE
    },
    Program {
        name: "without cooldown: take, release | take, release | take",
        cooldown: 0,
        last_tick: 1,
        threads: &[&[a(5), r(0)], &[a(5), r(0)], &[a(5)]],
        ..ONE
    },
    Program {
        name: "an offer ends, and a late release | take | sweep, sweep",
        threads: &[&[a(1), r(0)], &[a(5)], &[S, S]],
        ..ONE
    },
    Program {
        name: "a late renewal | take, release | sweep",
        records: &[offered(1)],
        threads: &[&[n1(0, 2), r1(0)], &[a(1), r(0)], &[S]],
        ..ONE
    },
    Program {
        name: "released by two | take, take",
        records: &[leased(NEVER)],
        threads: &[&[r1(0)], &[r1(0)], &[a(1), a(5)]],
        ..ONE
    },
    Program {
        name: "2 words, both due: take | take | take",
        records: &[cooling(2), cooling(2)],
        last_tick: 2,
        threads: &[&[a(5)], &[a(5)], &[a(5)]],
        ..ONE
    },
    Program {
        name: "1 word of 2, one due now and one later: take | take | take",
        slots_per_word: 2,
        records: &[cooling(2), cooling(3)],
        threads: &[&[a(5)], &[a(5)]],
        ..ONE
    },
    Program {
        name: "2 words, one ends and one is released: take | release | take",
        records: &[offered(1), leased(NEVER)],
        threads: &[&[a(5)], &[r1(1)], &[a(5)]],
        ..ONE
    },
    Program {
        name: "a pass, its undo | release, release | take",
        records: &[leased(NEVER)],
        threads: &[&[Op::Pass(1), Op::Undo], &[r1(0)], &[a(1), r(0)]],
        ..ONE
    },
    Program {
        name: "a pass, its undo | renewal | take",
        records: &[leased(2)],
        threads: &[&[Op::Pass(1), Op::Undo], &[n1(0, 3)], &[a(5)]],
        ..ONE
    },
    Program {
        name: "a pass, undone twice | release",
        records: &[leased(NEVER)],
        threads: &[&[Op::Pass(1), Op::Undo, Op::Undo], &[r1(0)]],
        ..ONE
    },
    Program {
        name: "half ticks: take, release | take",
        moments: 2,
        threads: &[&[a(1), r(0)], &[a(1)]],
        ..ONE
    },
    Program {
        name: "half ticks without cooldown: renewal | sweep",
        records: &[offered(2)],
        cooldown: 0,
        moments: 2,
        threads: &[&[n1(0, 1)], &[S]],
        ..ONE
    },
    Program {
        name: "a pass, its undo | take, renewal, a pass",
        records: &[leased(NEVER)],
        threads: &[&[Op::Pass(1), Op::Undo], &[a(1), n(0, 9), Op::Pass(1)]],
        ..ONE
    },
    Program {
        name: "this one, which is due | take, release | sweep",
        records: &[cooling(2)],
        threads: &[&[e(0)], &[a(1), r(0)], &[S]],
        ..ONE
    },
    Program {
        name: "without cooldown: this one | release | take",
        records: &[leased(NEVER)],
        cooldown: 0,
        last_tick: 1,
        threads: &[&[e(0)], &[r1(0)], &[a(5)]],
        ..ONE
    },
    Program {
        name: "2 in a word, both due: this one | take | that one",
        slots_per_word: 2,
        records: &[cooling(2), cooling(2)],
        last_tick: 2,
        threads: &[&[e(0)], &[a(1)], &[e(1)]],
        ..ONE
    },
    Program {
        name: "a death: this one | release | take, sweep",
        records: &[leased(NEVER)],
        cooldown: 0,
        deaths: 1,
        is_shared: true,
        last_tick: 2,
        threads: &[&[e(0)], &[r1(0)], &[a(1), S]],
        ..ONE
    },
    Program {
        name: "2 words: two at once | two at once",
        records: &[FREE, FREE],
        last_tick: 1,
        threads: &[&[many(2)], &[many(2)]],
        ..ONE
    },
    Program {
        name: "2 words: two at once with a short offer | sweep | sweep",
        records: &[FREE, leased(NEVER)],
        threads: &[&[Op::Many { count: 2, offer: 1 }], &[S], &[S]],
        ..ONE
    },
    Program {
        name: "2 words: all | take, release",
        records: &[FREE, FREE],
        threads: &[&[Op::All { offer: 1 }], &[a(5), r(0)]],
        ..ONE
    },
    Program {
        name: "a death: take, release | take, release | sweep with repair",
        last_tick: 2,
        deaths: 1,
        is_shared: true,
        threads: &[&[a(5), r(0)], &[a(1), r(0)], &[S]],
        ..ONE
    },
    Program {
        name: "a death without cooldown: release | take | take",
        records: &[leased(NEVER)],
        cooldown: 0,
        deaths: 1,
        is_shared: true,
        last_tick: 2,
        threads: &[&[r1(0)], &[a(5)], &[a(5)]],
        ..ONE
    },
    Program {
        name: "2 words: all | all, take",
        records: &[FREE, FREE],
        last_tick: 1,
        threads: &[&[Op::All { offer: 5 }], &[Op::All { offer: 5 }, a(5)]],
        ..ONE
    },
    Program {
        name: "a death: all | take",
        records: &[FREE, FREE],
        deaths: 1,
        is_shared: true,
        last_tick: 2,
        threads: &[&[Op::All { offer: 1 }], &[a(5)]],
        ..ONE
    },
];

/// Programs with up to three million states.
pub(crate) const LARGE: &[Program] = &[
    Program {
        name: "a death, 2 words: two at once | take | release",
        records: &[FREE, leased(NEVER)],
        deaths: 1,
        is_shared: true,
        last_tick: 2,
        threads: &[&[many(2)], &[a(1)], &[r1(1)]],
        ..ONE
    },
    Program {
        name: "3 words, 2 due: take | take | release",
        records: &[cooling(2), offered(1), leased(NEVER)],
        last_tick: 2,
        threads: &[&[a(5)], &[a(5)], &[r1(2)]],
        ..ONE
    },
    Program {
        name: "a pass, its undo | take | renewal, release | sweep",
        records: &[leased(3)],
        threads: &[&[Op::Pass(1), Op::Undo], &[a(1)], &[n1(0, 2), r1(0)], &[S]],
        ..ONE
    },
    Program {
        name: "a death, 3 ticks: take, release | take, release | sweep with repair",
        deaths: 1,
        is_shared: true,
        threads: &[&[a(5), r(0)], &[a(1), r(0)], &[S]],
        ..ONE
    },
    Program {
        name: "2 words, without cooldown: take, release, take | take, release | take",
        records: &[FREE, leased(NEVER)],
        cooldown: 0,
        last_tick: 1,
        threads: &[&[a(5), r(0), a(5)], &[a(5), r(0)], &[r1(1), a(5)]],
        ..ONE
    },
    Program {
        name: "with repair: take, release | sweep, sweep | take",
        is_shared: true,
        threads: &[&[a(1), r(0)], &[S, S], &[a(5)]],
        ..ONE
    },
    Program {
        name: "1 word of 2: take, release | take, renewal, release | sweep with repair",
        slots_per_word: 2,
        records: &[FREE, FREE],
        is_shared: true,
        last_tick: 2,
        threads: &[&[a(1), r(0)], &[a(1), n(0, 2), r(0)], &[S]],
        ..ONE
    },
];
