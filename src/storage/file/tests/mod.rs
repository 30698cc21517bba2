//! Files whose disk and machine are simulated.
//!
//! | file | what it does |
//! |---|---|
//! | `simulated` | a disk that loses whatever was not synced, and a crash at every call of recovery and closing |
//! | `simulated_leases` | random lives of a file of leases, on the same machine |
//! | `simulated_lives` | random lives of a file: openings, copies, crashes, on a simulated machine |

mod simulated;
mod simulated_leases;
mod simulated_lives;
