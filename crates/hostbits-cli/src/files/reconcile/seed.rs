//! `seed`: allocates listed addresses, and frees nothing. A list that cannot be read completely is refused.

use super::args::SeedArgs;
use crate::files::confirm::confirm;
use crate::files::target::Named;
use crate::lists::Reading;
use crate::output::{Format, print_json};
use crate::screen::Screen;
use hostbits_ops::files::{self, Target};
use hostbits_ops::{Failure, ListName, ReadList, refuse_two_inputs};
use serde::Serialize;

/// The result as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    taken: u64,
    already: u64,
    #[serde(flatten)]
    list: &'a ReadList,
}

/// `hostbits seed`, and `hostbits set seed`.
pub(crate) fn run<T: Named>(args: &SeedArgs<T>) -> Result<(), Failure> {
    let lists = &args.lists;
    let format = args.target.format();
    adopt(&args.target.target()?, &lists.from, &lists.reading, format)
}

/// Allocates the addresses that the lists name.
pub(super) fn adopt(
    target: &Target,
    lists: &[ListName],
    reading: &Reading,
    format: Format,
) -> Result<(), Failure> {
    refuse_two_inputs(lists).map_err(Failure::Usage)?;
    let (lists, screen) = (reading.of(lists), Screen::new(format));
    let seeded = files::seed(target, &lists, reading.skip_unreadable, &screen)?;
    let (taken, already) = (seeded.taken, seeded.already);
    match format {
        Format::Plain => confirm(|out| {
            let name = target.name();
            writeln!(out, "{name}: {taken} taken, {already} taken before")
        }),
        Format::Json => print_json(&Answer {
            file: &target.file(),
            set: target.set(),
            taken,
            already,
            list: &seeded.list,
        }),
    }
}
