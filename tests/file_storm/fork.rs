//! Children of a worker: they have its memory, its locks and its pools, and go on without it.

use crate::board::{Number, OfCell, phase};
use crate::worker::{Actor, Pools, enter_work, leave_work, open};
use nix::sys::signal::kill;
use nix::unistd::{ForkResult, Pid, fork};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// What the cell of the parent is asked: the serial of the child, and in the low byte its cell.
pub(crate) fn request(child_cell: usize, serial: u64) -> u64 {
    serial << 8 | child_cell as u64
}

/// Forks if this process has been asked to. The other threads are wherever they are.
#[allow(unsafe_code)]
pub(crate) fn if_asked(main: &Actor, pools: &Pools) {
    let asked = main.board.cell(main.cell, OfCell::PleaseFork);
    let request = asked.load(SeqCst);
    if request == 0 {
        return;
    }
    // SAFETY: fork: the child goes on with this thread alone. What it calls takes no lock that another thread
    // may have held, but for the C library's own, which it makes fit; it ends by `_exit`.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            let (serial, cell) = (request >> 8, (request & 0xff) as usize);
            live(main, cell, serial, pools);
        }
        Ok(ForkResult::Parent { child }) => {
            let cell = (request & 0xff) as usize;
            let pid = main.board.cell(cell, OfCell::Pid);
            pid.store(child.as_raw() as u64, SeqCst);
            asked.store(0, SeqCst);
        }
        Err(error) => {
            main.board.wrong(&format!("fork: {error}"));
            asked.store(0, SeqCst);
        }
    }
}

/// The life of a child. Does not return: the stack below is the parent's.
#[allow(unsafe_code)]
fn live(parent: &Actor, cell: usize, serial: u64, pools: &Pools) -> ! {
    let board = parent.board;
    let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        board.cell(cell, OfCell::Serial).store(serial, SeqCst);
        let mut me = Actor::new(board, cell, 0);
        me.is_fork = true;
        match me.dice.below(3) {
            // Holds on to everything, and does nothing.
            0 => idle(&me),
            1 => go_on(&mut me, pools),
            // For all others: opens the pools itself.
            _ => {
                enter_work(board, cell);
                let own = open(&me);
                leave_work(board, cell);
                me.is_fork = false;
                go_on(&mut me, &own);
            }
        }
    }));
    if lived.is_err() {
        board.wrong(&format!("process {serial}, a fork, has panicked"));
    }
    board.cell(cell, OfCell::HasEnded).store(1, SeqCst);
    // SAFETY: `_exit` has no requirements: nothing of the parent's is run.
    unsafe { nix::libc::_exit(0) }
}

fn is_to_end(me: &Actor) -> bool {
    let please_end = me.board.cell(me.cell, OfCell::PleaseEnd).load(SeqCst) != 0;
    let driver = Pid::from_raw(me.board.get(Number::Driver) as i32);
    please_end || me.board.get(Number::Phase) == phase::END || kill(driver, None).is_err()
}

fn idle(me: &Actor) {
    while !is_to_end(me) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Single claims and releases, and now and then what is refused.
fn go_on(me: &mut Actor, pools: &Pools) {
    enter_work(me.board, me.cell);
    while !is_to_end(me) && me.may_go_on() {
        me.act(pools);
        std::thread::sleep(Duration::from_micros(50));
        if me.is_fork && me.dice.below(50) == 0 {
            let refused = pools.members[0].reconciler().map(drop);
            let code = refused.map_err(|error| error.code());
            if code != Err("forked") {
                me.board.wrong(&format!(
                    "refused: a fork that reconciles was told {code:?}"
                ));
            }
        }
    }
    me.leave_everything(pools);
    leave_work(me.board, me.cell);
}
