//! Takes what is listed. It never frees; a list that cannot be read, all of it, is refused.

use crate::failure::Failure;
use crate::files::target::Target;
use crate::files::waiting::{in_flight, naming_others};
use crate::lists::name::{ListName, unreadable};
use crate::lists::read::ReadList;
use crate::lists::records::UserRecords;
use crate::observer::Observer;
use crate::watched::Watched;

/// What was taken.
#[derive(Debug)]
pub struct Seeded {
    /// Addresses that were free.
    pub taken: u64,
    /// Addresses that were taken before.
    pub already: u64,
    /// What became of the list.
    pub list: ReadList,
}

/// Takes what the lists name; frees nothing. So many entries may be unreadable.
///
/// # Errors
///
/// The target cannot be opened; entries cannot be read, and nothing was taken; or a list has no end, and what was read
/// until then is taken, and stays.
pub fn seed(
    target: &Target,
    lists: &[ListName],
    skip_unreadable: u64,
    observer: &dyn Observer,
) -> Result<Seeded, Failure> {
    // Before it is said that the list had no end: what was taken is meant to stay.
    let (users, adopted, free) = target.with(|set| {
        let sources = lists.iter().map(|list| &list.source);
        let mut users = UserRecords::open(sources).map_err(Failure::Unreadable)?;
        let watched = Watched::begin(observer, &users, None);
        let adopted = naming_others(
            observer,
            || in_flight(set),
            || set.adopt_with(unreadable(skip_unreadable), watched.over(users.by_ref())),
        );
        drop(watched);
        target.sync(set)?;
        Ok((users, adopted, set.available()))
    })?;
    let read = users.finish().map_err(Failure::Unreadable)?;
    let report = match adopted {
        Ok(report) => report,
        Err(error) => return Err(Failure::refused(error, read)),
    };
    observer.adopted(&read, &report, free);
    Ok(Seeded {
        taken: report.taken,
        already: report.already,
        list: ReadList::new(report, &read),
    })
}
