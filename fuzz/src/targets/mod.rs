//! The fuzz targets: each takes bytes, and panics if something does not hold.
//!
//! `network` and `ranges` read a [`plan`] and compare the pool with the [`naive`] layout. `users` adopts lists,
//! `lists` reads the files of lists, `truth` reads damaged ones whose holders are known, `config` reads
//! configurations of sets, `operations` compares calls with a set, and `file`
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

/// A target: its name, the words that its inputs are made of, and what to do with an input.
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
