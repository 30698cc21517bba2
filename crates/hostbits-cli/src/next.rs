//! `hostbits next`: from a network and its users to the next free addresses.

use crate::args::NextArgs;
use crate::output::{Format, print, print_json};
use crate::screen::Screen;
use hostbits_ops::{Failure, ReadList};
use ipnet::IpNet;
use serde::Serialize;

/// The result as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    addresses: Vec<Given>,
    #[serde(flatten)]
    list: &'a ReadList,
}

/// One address of a result.
#[derive(Serialize)]
pub(crate) struct Given {
    pub(crate) address: IpNet,
    /// The generation of a lease; null for an address without one.
    pub(crate) generation: Option<u64>,
    /// The lease as text, to be renewed and released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<String>,
}

/// Builds the pool, marks the addresses of the users, and prints free ones.
pub(crate) fn run(args: &NextArgs) -> Result<(), Failure> {
    let pool = args.pool.build().map_err(Failure::Build)?;
    let (nets, list) = hostbits_ops::next(
        &pool,
        &args.reading.of(&args.users),
        args.reading.skip_unreadable,
        args.count,
        &Screen::new(args.format),
    )?;
    match args.format {
        Format::Plain => print(|out| nets.iter().try_for_each(|net| writeln!(out, "{net}"))),
        Format::Json => print_json(&Answer {
            addresses: nets.into_iter().map(Given::now).collect(),
            list: &list,
        }),
    }
}

impl Given {
    /// Returns an address that has just been found.
    pub(crate) fn now(address: IpNet) -> Self {
        Self {
            address,
            generation: None,
            lease: None,
        }
    }
}
