//! Passes: of a process beside the others, with as little grace as the contract allows; and of the one that
//! takes stock, while all others wait.
//!
//! The clock of these passes stands still, and goes on by more than the grace when all processes have come to the
//! end that were half-way between pool and ledger while the list was read. So the grace is kept however slow the
//! machine is, and it is no longer than needed.

use crate::board::{Board, Kind, MAIN_ROW, Mistake, Number, OfCell, Slots, Verb, phase};
use crate::worker::{Actor, Pools, enter_work, leave_work, open};
use hostbits::{reconcile, set};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, SystemTime};

const GRACE: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn options(&self) -> reconcile::Options {
        let clock = self.clone();
        reconcile::Options::new().grace(GRACE).clock(move || {
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + clock.0.load(SeqCst))
        })
    }

    fn let_grace_go_by(&self) {
        self.0.fetch_add(GRACE.as_secs() + 1, SeqCst);
    }
}

/// The ledger, as a list of users.
fn users(board: &Board) -> Vec<Ipv4Addr> {
    let kind = board.kind();
    let firsts = Slots::of(kind).firsts;
    let nets = kind.networks().map(|net| net.parse::<Ipv4Net>().unwrap());
    let addr = |slot: u32| {
        let member = firsts.iter().rposition(|&first| first <= slot).unwrap();
        Ipv4Addr::from_bits(nets[member].network().to_bits() + (slot - firsts[member]))
    };
    board.held().into_iter().map(addr).collect()
}

fn pass(
    board: &Board,
    reconciler: &mut set::Reconciler<'_, Ipv4Net>,
) -> Result<set::Plan, &'static str> {
    let mut pass = reconciler.begin().map_err(|error| error.code())?;
    let users = users(board);
    pass.read(&users);
    pass.finish(users.len() as u64)
        .map_err(|error| error.code())
}

/// Makes three sightings while all processes wait, and returns how many addresses were freed.
pub(crate) fn take_stock(board: &Board, pools: &Pools) -> u64 {
    let clock = Clock::default();
    let mut reconciler = pools.set.reconciler_with(clock.options()).unwrap();
    let mut freed = 0;
    for _ in 0..3 {
        let plan = pass(board, &mut reconciler).unwrap();
        clock.let_grace_go_by();
        freed += reconciler
            .apply_at_most(&plan, u64::MAX)
            .unwrap()
            .total
            .freed;
    }
    freed
}

/// A process that makes one pass after the other.
pub(crate) fn reconcile(board: &'static Board, cell: usize) {
    let mut main = Actor::new(board, cell, MAIN_ROW);
    enter_work(board, cell);
    let pools = open(&main);
    while main.may_go_on() {
        if let Err(code) = some_passes(&mut main, &pools)
            && code != "busy"
        {
            board.wrong(&format!("refused: a pass was told {code}"));
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    drop(pools);
    leave_work(board, cell);
    board.cell(cell, OfCell::HasEnded).store(1, SeqCst);
}

fn some_passes(main: &mut Actor, pools: &Pools) -> Result<(), &'static str> {
    let (board, set) = (main.board, &pools.set);
    let clock = Clock::default();
    let refusal = |error: hostbits::set::ReconcilerError| error.code();
    let mut reconciler = set.reconciler_with(clock.options()).map_err(refusal)?;
    for _ in 0..3 + main.dice.below(20) {
        if board.get(Number::Phase) != phase::RUN {
            break;
        }
        let plan = main.call(Verb::Begin, false, || pass(board, &mut reconciler))?;
        let is_early = main.dice.below(2) == 0;
        if !is_early {
            let_them_come_to_an_end(board);
        }
        let applied = main.call(Verb::Apply, false, || {
            reconciler.apply_at_most(&plan, u64::MAX)
        });
        board.add(
            Number::Freed,
            applied.map_err(|error| error.code())?.total.freed,
        );
        board.add(Number::Passes, 1);
        if is_early {
            let_them_come_to_an_end(board);
        }
        clock.let_grace_go_by();
        if main.dice.below(8) == 0 {
            let plan = reconciler.leave_open(plan);
            let resumed = set.resume_reconciler(clock.options(), &plan);
            reconciler = resumed.map_err(refusal)?;
        }
        if board.kind() == Kind::Passes {
            std::thread::sleep(Duration::from_micros(main.dice.below(500) as u64));
        }
    }
    Ok(())
}

fn let_them_come_to_an_end(board: &Board) {
    if !board.has_mistake(Mistake::Hurries) {
        board.wait_for_gaps();
    }
}
