//! Syncs that take their time.
//!
//! The pool writes its pages by `msync`. The one of this binary, which comes before the C library's, waits for a
//! while in front of it where the storm is of that kind. What a caller waits for there is no part of its gap
//! between pool and ledger: the library has to ask again, after the sync, whether the address is still its own.
#![allow(unsafe_code)]

use crate::board::{Board, Kind, Number, OfRow};
use crate::storm::Dice;
use crate::worker::Actor;
use nix::libc::{SYS_msync, c_int, c_void, size_t, syscall};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

struct Here {
    board: &'static Board,
    gap: &'static AtomicU64,
    dice: Dice,
}

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// From now on the syncs of this thread are slow, if the storm is of that kind.
pub(crate) fn here(actor: &Actor) {
    let board = actor.board;
    if board.kind() == Kind::Slow {
        let gap = board.row(actor.cell, actor.row, OfRow::Gap);
        let dice = Dice::new(actor.holder as usize);
        HERE.set(Some(Here { board, gap, dice }));
    }
}

fn wait_a_little() {
    HERE.with_borrow_mut(|here| {
        let Some(Here { board, gap, dice }) = here else {
            return;
        };
        let was_half_way = gap.load(SeqCst) % 2 == 1;
        if was_half_way && dice.below(4) == 0 {
            gap.fetch_add(1, SeqCst);
            std::thread::sleep(Duration::from_micros(dice.below(30_000) as u64));
            gap.fetch_add(1, SeqCst);
            board.add(Number::SlowSyncs, 1);
        }
    });
}

/// In the place of the C library's.
#[unsafe(no_mangle)]
extern "C" fn msync(addr: *mut c_void, len: size_t, flags: c_int) -> c_int {
    wait_a_little();
    // SAFETY: the system call takes what its caller of the same signature has given, and reads or writes no
    // memory of ours.
    unsafe { syscall(SYS_msync, addr, len, flags) as c_int }
}
