//! `next`: from a configuration and a list of users to the next free addresses. Reads no pool file.

use super::args::NextArgs;
use crate::next::Given;
use crate::output::{Format, print, print_json};
use crate::screen::Screen;
use hostbits_ops::{Failure, ReadList, files};
use serde::Serialize;

/// The result as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    set: &'a str,
    addresses: Vec<Given>,
    #[serde(flatten)]
    list: &'a ReadList,
}

pub(super) fn run(args: &NextArgs) -> Result<(), Failure> {
    let (nets, list) = files::next_of_set(
        &args.config.file(),
        &args.set,
        &args.reading.of(&args.users),
        args.reading.skip_unreadable,
        args.count,
        &Screen::new(args.config.format),
    )?;
    match args.config.format {
        Format::Plain => print(|out| nets.iter().try_for_each(|net| writeln!(out, "{net}"))),
        Format::Json => print_json(&Answer {
            file: &args.config.name(),
            set: &args.set,
            addresses: nets.into_iter().map(Given::now).collect(),
            list: &list,
        }),
    }
}
