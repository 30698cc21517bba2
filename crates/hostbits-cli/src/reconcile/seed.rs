//! `seed`: takes what is listed. It never frees; a list that cannot be read, all of it, is refused.

use super::args::{SeedArgs, refuse_two_inputs};
use super::progress::Progress;
use super::target::{Named, Target};
use crate::failure::Failure;
use crate::lists::Reading;
use crate::notes::Notes;
use crate::output::{print, print_error_text, print_json};
use crate::waiting::{in_flight, naming_others};
use hostbits_ops::{ListName, ReadList, UserRecords};
use serde::Serialize;

/// The answer as JSON.
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
    adopt(
        &args.target.target()?,
        &args.lists.from,
        &args.lists.reading,
    )
}

/// Takes what the lists name.
pub(super) fn adopt(target: &Target, lists: &[ListName], reading: &Reading) -> Result<(), Failure> {
    refuse_two_inputs(lists)?;
    let lists = reading.of(lists);
    // Before it is said that the list had no end: what was taken is meant to stay.
    let (users, adopted, free) = target.with(|set| {
        let sources = lists.iter().map(|list| &list.source);
        let mut users = UserRecords::open(sources).map_err(Failure::Unreadable)?;
        let progress = Progress::new(target.format(), None);
        let adopted = naming_others(
            target.format(),
            || in_flight(set),
            || set.adopt_with(reading.unreadable(), progress.over(users.by_ref())),
        );
        drop(progress);
        target.sync(set)?;
        Ok((users, adopted, set.available()))
    })?;
    let read = users.finish().map_err(Failure::Unreadable)?;
    let report = match adopted {
        Ok(report) => report,
        Err(error) => return Err(Failure::refused(error, read)),
    };
    if target.is_plain() {
        let notes = Notes {
            read: &read,
            report: &report,
            free,
        };
        print_error_text(&notes.to_string());
        return print(|out| {
            let (taken, already) = (report.taken, report.already);
            writeln!(
                out,
                "{}: {taken} taken, {already} taken before",
                target.name()
            )
        });
    }
    print_json(&Answer {
        file: &target.file(),
        set: target.set(),
        taken: report.taken,
        already: report.already,
        list: &ReadList::new(report, &read),
    })
}
