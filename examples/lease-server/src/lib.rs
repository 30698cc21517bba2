//! A server that leases pairs of addresses, one of IPv4 and one of IPv6, and survives `kill -9` at any moment.
//!
//! ```sh
//! cargo run -p lease-server-example -- /tmp/leases 127.0.0.1:4600
//! nc 127.0.0.1 4600
//! ```
//!
//! Clients speak lines:
//!
//! | a client says | what happens | answer |
//! |---|---|---|
//! | `HELLO name` | the pair of this name is offered, the same as before where possible | `PAIR 10.0.0.5#7 fd00::5#9`, or `FULL` |
//! | `CONFIRM` | a row is written, durably; then the pair is leased for the term | `OK`, or `ENDED`: say `HELLO` again |
//! | `KEEP` | the pair is leased for another term | `OK`, or `ENDED` |
//! | `BYE` | the row is struck out, durably; then the pair is released | `OK` |
//!
//! The newest connection of a name counts: an older one is answered `REPLACED`. What makes no sense is answered `WRONG`.
//!
//! Whatever the moment of a death, one rule repairs it at the next start: *renew what a row names, and release again what
//! a row strikes out*. An offer without a row ends by itself. No pass over the pool is needed.
//!
//! | file | what it does |
//! |---|---|
//! | `pair` | two pools, and one owner in both |
//! | `rows` | the server's own record |
//! | `server` | the commands, and the start |
//! | `main` | the connections |
//!
//! `tests/kills` lets clients come, go, vanish and retry, kills the server, and checks what it promises.

#![cfg(target_os = "linux")] // Pool files need it.

pub mod pair;
pub mod rows;
pub mod server;

/// What ends the server: the next start repairs what was left.
pub type Fatal = Box<dyn std::error::Error + Send + Sync>;
