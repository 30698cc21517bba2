//! What is fuzzed: bytes in, a panic if something does not hold.
//!
//! `network` and `ranges` read a [`plan`] and hold the pool against the [`naive`] layout, `users` reads
//! lists that were read, `lists` the files they are read from, `truth` damaged ones of which it is known what they name, `config` configurations of sets, `operations` plays calls against a set, `file`
//! changes bytes of a pool file. None of them looks into the pool.

mod adoption;
mod config;
#[cfg(target_os = "linux")]
mod file;
mod judge;
mod kind;
mod listed;
mod lists;
mod model;
mod naive;
mod network;
mod operations;
mod plan;
#[cfg(test)]
pub(crate) mod planted;
mod ranges;
mod truth;
mod users;

use crate::run::Trace;

/// A name, words that its inputs are made of, and what to do with an input.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) words: &'static [&'static str],
    pub(crate) run: fn(&[u8], &mut Trace),
}

pub(crate) const ALL: &[Target] = &[
    network::TARGET,
    ranges::TARGET,
    users::TARGET,
    lists::TARGET,
    truth::TARGET,
    config::TARGET,
    operations::TARGET,
    #[cfg(target_os = "linux")]
    file::TARGET,
];
