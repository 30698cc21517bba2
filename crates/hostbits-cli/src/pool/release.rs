//! `release`: each address for itself, and the exit code of the first that could not be.

use super::args::ReleaseArgs;
use super::failure::exit_code_of_release;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{print, print_error_text, print_json};
use hostbits::{Pool, ReleaseError};
use hostbits_ops::Named;
use hostbits_ops::net_of;
use ipnet::IpNet;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::process::ExitCode;

/// What became of one argument.
#[derive(Serialize)]
pub(crate) struct Outcome {
    address: IpNet,
    pub(crate) released: bool,
    pub(crate) error: Option<ReleaseError>,
    pub(crate) message: Option<String>,
}

impl Outcome {
    pub(crate) fn new(address: IpNet, error: Option<ReleaseError>) -> Self {
        Self {
            address,
            released: error.is_none(),
            message: error.as_ref().map(ReleaseError::to_string),
            error,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "released {}", self.address)
    }
}

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    released: usize,
    refused: usize,
    addresses: &'a [Outcome],
}

pub(super) fn run(args: &ReleaseArgs) -> Result<ExitCode, Failure> {
    let outcomes: Vec<Outcome> = args.file.with(|pool| {
        let mut done = Done::default();
        let named = args.named.iter();
        Ok(named.map(|&named| done.release(pool, named)).collect())
    })?;
    print_outcomes(args, &outcomes)?;
    let first_error = outcomes.iter().find_map(|outcome| outcome.error.as_ref());
    Ok(first_error.map_or(ExitCode::SUCCESS, |error| {
        ExitCode::from(exit_code_of_release(error))
    }))
}

fn print_outcomes(args: &ReleaseArgs, outcomes: &[Outcome]) -> Result<(), Failure> {
    let file = args.file.name();
    let released = outcomes.iter().filter(|outcome| outcome.released);
    if args.file.format == Format::Json {
        let released = released.count();
        return print_json(&Answer {
            file: &file,
            released,
            refused: outcomes.len() - released,
            addresses: outcomes,
        });
    }
    for message in outcomes
        .iter()
        .filter_map(|outcome| outcome.message.as_ref())
    {
        print_error_text(&format!("error: {file}: {message}"));
    }
    print(|out| {
        let mut released = released;
        released.try_for_each(|outcome| writeln!(out, "{outcome}"))
    })
}

/// What this command has released, as ranges that do not touch.
///
/// Somebody else may hold it by now, so a second mention must not reach the pool: to one bit it would be
/// that somebody's release.
#[derive(Default)]
pub(crate) struct Done(BTreeMap<IpAddr, IpAddr>);

impl Done {
    fn release(&mut self, pool: &Pool, named: Named) -> Outcome {
        let unit = pool.info().unit;
        let net = net_of(named.addr, named.prefix_len.unwrap_or(unit));
        self.once(net, named.addr, || match net.prefix_len() == unit {
            true => pool.release(named.addr),
            false => pool.release_block(net),
        })
    }

    /// Releases, unless some of it was released before.
    pub(crate) fn once(
        &mut self,
        net: IpNet,
        addr: IpAddr,
        release: impl FnOnce() -> Result<(), ReleaseError>,
    ) -> Outcome {
        let (first, last) = (net.network(), net.broadcast());
        if self.has_some_of(first, last) {
            return Outcome::new(net, Some(ReleaseError::NotAllocated { addr }));
        }
        let result = release();
        if result.is_ok() {
            self.0.insert(first, last);
        }
        Outcome::new(net, result.err())
    }

    fn has_some_of(&self, first: IpAddr, last: IpAddr) -> bool {
        let before = self.0.range(..=last).next_back();
        before.is_some_and(|(_, &end)| end >= first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::named;

    /// Between two mentions somebody else gets the address: it is theirs, and stays so.
    #[test]
    fn a_second_mention_releases_nothing() {
        let network: IpNet = "10.0.0.0/24".parse().unwrap();
        let pool = Pool::new(network).unwrap();
        let addr: IpAddr = "10.0.0.5".parse().unwrap();
        for mentions in [
            ["10.0.0.5", "10.0.0.5/32"],
            ["10.0.0.4/30", "10.0.0.5"],
            ["10.0.0.5", "10.0.0.4/30"],
        ] {
            let mut done = Done::default();
            for host in [4, 5, 6, 7] {
                let _ = pool.allocate_exact(IpAddr::from([10, 0, 0, host]));
            }
            assert!(done.release(&pool, named(mentions[0]).unwrap()).released);
            pool.allocate_exact(addr).unwrap();
            let second = done.release(&pool, named(mentions[1]).unwrap());
            assert!(!second.released, "{mentions:?}");
            assert!(!pool.is_available(addr), "{mentions:?}");
        }
    }
}
