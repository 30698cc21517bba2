//! `allocate` and `release`.

use super::args::{AllocateArgs, ReleaseArgs};
use crate::files::asked::read_asked;
use crate::files::granted::print_granted;
use crate::files::released::print_released;
use crate::screen::Screen;
use hostbits_ops::Failure;
use hostbits_ops::files::{self, WantedOfSet, WantedPairs};
use std::process::ExitCode;

/// Allocates addresses, and prints them once they are as durable as the files promise.
pub(super) fn allocate(args: &AllocateArgs) -> Result<(), Failure> {
    let (file, format, set) = (args.config.file(), args.config.format, &*args.set);
    let screen = Screen::new(format);
    let nets = match args.pair {
        true => files::allocate_pairs(&file, set, &wanted_pairs(args), &screen)?,
        false => files::allocate_in_set(&file, set, &wanted(args), &screen)?,
    };
    print_granted(format, &file.name(), Some(set), &nets)
        .map_err(|error| files::unprinted_of_set(&file, set, nets, error))
}

/// Returns which of the mutually exclusive options was given.
fn wanted(args: &AllocateArgs) -> WantedOfSet {
    match (args.ip, &args.client, &args.range) {
        (Some(named), ..) => WantedOfSet::Exact(named),
        (None, Some(client), _) => WantedOfSet::Client(client.clone()),
        (None, None, Some(range)) => WantedOfSet::Range(range.clone(), args.count),
        (None, None, None) => WantedOfSet::Any(args.count),
    }
}

fn wanted_pairs(args: &AllocateArgs) -> WantedPairs {
    match &args.client {
        Some(client) => WantedPairs::Client(client.clone()),
        None => WantedPairs::Any(args.count),
    }
}

pub(super) fn release(args: &ReleaseArgs) -> Result<ExitCode, Failure> {
    let file = args.config.file();
    let asked = read_asked(&args.named)?;
    if let Some(lease) = asked.leases.first() {
        let text = format!(
            "{lease} is a lease, and sets have none: write {}",
            lease.addr()
        );
        return Err(Failure::Usage(text));
    }
    let released = files::release_in_set(&file, &args.set, &asked.named)?;
    let (format, set) = (args.config.format, Some(&*args.set));
    print_released(format, &file.name(), set, &released, &asked.unreadable)
}
