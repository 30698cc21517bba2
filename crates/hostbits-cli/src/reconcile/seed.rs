//! `seed`: takes what is listed. It never frees, so half a list does no harm: what was read stays taken.

use super::args::{SeedArgs, refuse_two_inputs};
use super::progress::Progress;
use super::sight::sync;
use super::values::ListName;
use crate::args::{AmbiguousChoice, Format};
use crate::failure::Failure;
use crate::output::{print, print_error_text, print_json};
use crate::pool::FileArgs;
use crate::users::{Notes, ReadList, UserRecords};
use serde::Serialize;

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    taken: u64,
    already: u64,
    #[serde(flatten)]
    list: &'a ReadList,
}

/// `hostbits seed`.
pub(crate) fn run(args: &SeedArgs) -> Result<(), Failure> {
    adopt(&args.file, &args.lists.from, args.lists.ambiguous)
}

/// Takes what the lists name.
pub(super) fn adopt(
    file: &FileArgs,
    lists: &[ListName],
    ambiguous: AmbiguousChoice,
) -> Result<(), Failure> {
    refuse_two_inputs(lists)?;
    let pool = file.open()?;
    let sources = lists.iter().map(|list| &list.source);
    let mut users = UserRecords::open(sources).map_err(Failure::Unreadable)?;
    let progress = Progress::new(file.format, None);
    let report = pool.adopt_reading(ambiguous.into(), progress.over(users.by_ref()));
    drop(progress);
    // Before it is said that the list had no end: what was taken is meant to stay.
    sync(file, &pool)?;
    let read = users.finish().map_err(Failure::Unreadable)?;
    let name = file.name();
    if file.format == Format::Plain {
        let notes = Notes {
            read: &read,
            report: &report,
            ambiguous,
            free: pool.available(),
        };
        print_error_text(&notes.to_string());
        return print(|out| {
            let (taken, already) = (report.taken, report.already);
            writeln!(out, "{name}: {taken} taken, {already} taken before")
        });
    }
    print_json(&Answer {
        file: &name,
        taken: report.taken,
        already: report.already,
        list: &ReadList::new(report, &read),
    })
}
