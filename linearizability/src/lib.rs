//! Linearizability of the real thing: real threads, the real library, every verb.
//!
//! Threads play seeded random programs on a pool and record when each call was invoked and when it
//! responded. Two checkers then judge the history:
//!
//! * [`check`] works address by address and timeline by timeline, in O(n log n) for any length. It is
//!   *sound*: it rejects no linearizable history. It is not complete: the conditions it checks are
//!   necessary, not sufficient. They are listed in [`check`](mod@check), each with its proof.
//! * [`complete`] asks stateright whether *any* order of the calls explains the answers. Exponential,
//!   hence for a dozen calls at a time.
//!
//! | file | what it does |
//! |---|---|
//! | `clock` | time stamps that order calls across threads |
//! | `history` | calls, answers, and the logs they are kept in |
//! | `ground` | the addresses a game is about |
//! | `arena` | real pools: tiny, scattered over a tall tree, large |
//! | `program` | random programs, the same for the same seed |
//! | `play` | a thread that plays a program and records it |
//! | `meeting` | where threads meet |
//! | `storm` | rounds of play, each with its checks |
//! | `season` | storms on all pools, by all policies |
//! | `sets` | storms on sets of pools |
//! | `holds`, `timeline`, `check`, `violation` | the checker for long histories |
//! | `sequential`, `complete` | the complete checker for short ones |
//! | `tally` | what was recorded, by verb and answer |
//!
//! The programs are the same for the same seed; what the scheduler makes of them is not. A seed that
//! failed once fails again sooner or later: run it with a larger `HOSTBITS_ROUNDS`.

pub mod arena;
pub mod check;
pub mod clock;
pub mod complete;
pub mod dice;
pub mod ground;
pub mod history;
pub mod holds;
pub mod meeting;
pub mod play;
pub mod program;
pub mod season;
pub mod sequential;
pub mod sets;
pub mod storm;
pub mod tally;
pub mod timeline;
pub mod violation;

/// An IPv4 address as a number.
pub type Addr = u32;

/// Nanoseconds, or tickets of a counter: see [`clock`].
pub type Stamp = u64;

/// `HOSTBITS_ROUNDS`: how much more work than usual.
///
/// # Panics
///
/// If it is set and not a number.
pub fn effort() -> u64 {
    let factor = std::env::var("HOSTBITS_ROUNDS").ok();
    factor.map_or(1, |text| text.parse().expect("HOSTBITS_ROUNDS is a number"))
}
