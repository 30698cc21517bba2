//! Tests that the real library is linearizable: real threads, real pools, every verb.
//!
//! Threads play seeded random programs on a pool and record when each call was invoked and when it
//! responded. Two checkers then judge the history:
//!
//! * [`check`] works address by address and timeline by timeline, in O(n log n) for any length. It is
//!   *sound*: it rejects no linearizable history. It is not complete, because the conditions that it checks are
//!   necessary, but not sufficient. [`check`](mod@check) lists them, each with its proof.
//! * [`complete`] asks stateright whether *any* order of the calls explains the results. This takes exponential time,
//!   so it is limited to a dozen calls at a time.
//!
//! | file | what it does |
//! |---|---|
//! | `clock` | time stamps that order calls across threads |
//! | `history` | calls, results, and the logs that store them |
//! | `ground` | the addresses a game is about |
//! | `arena` | the pools: tiny, scattered over a tall tree, large |
//! | `program` | random programs, reproducible by seed |
//! | `play` | a thread that plays a program and records it |
//! | `meeting` | where threads meet |
//! | `storm` | rounds of play, each with its checks |
//! | `season` | storms on all pools, with all policies |
//! | `sets` | storms on sets of pools |
//! | `leases/` | lease pools: a sequential object that knows time, and storms |
//! | `holds`, `timeline`, `check`, `violation` | the checker for long histories |
//! | `sequential`, `complete` | the complete checker for short ones |
//! | `tally` | what was recorded, by verb and result |
//!
//! The same seed gives the same programs, but not the same schedule. A seed that failed once fails again sooner or
//! later: run it with a larger `HOSTBITS_ROUNDS`.

pub mod arena;
pub mod check;
pub mod clock;
pub mod complete;
pub mod dice;
pub mod ground;
pub mod history;
pub mod holds;
pub mod leases;
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

/// An IPv4 address, as a number.
pub type Addr = u32;

/// A time in nanoseconds, or a ticket of a counter; see [`clock`].
pub type Stamp = u64;

/// Returns the factor in `HOSTBITS_ROUNDS` by which more work is done than usual.
///
/// # Panics
///
/// If the variable is set but is not a number.
pub fn effort() -> u64 {
    let factor = std::env::var("HOSTBITS_ROUNDS").ok();
    factor.map_or(1, |text| text.parse().expect("HOSTBITS_ROUNDS is a number"))
}
