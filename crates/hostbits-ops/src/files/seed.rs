//! Allocates listed addresses, and frees nothing. A list that cannot be read completely is refused.

use crate::failure::Failure;
use crate::files::target::Target;
use crate::files::waiting::{in_flight, naming_others};
use crate::lists::name::{ListName, unreadable};
use crate::lists::read::ReadList;
use crate::lists::records::UserRecords;
use crate::observer::Observer;
use crate::watched::Watched;

/// The result of a seed.
#[derive(Debug)]
pub struct Seeded {
    /// Addresses that were free.
    pub taken: u64,
    /// Addresses that were already allocated.
    pub already: u64,
    /// What was read of the list.
    pub list: ReadList,
}

/// Allocates the addresses that the lists name; frees nothing. At most `skip_unreadable` entries may be unreadable.
///
/// # Errors
///
/// Fails if the target cannot be opened; if too many entries cannot be read, in which case nothing was allocated; or if
/// a list cannot be read to its end, in which case what was read until then is allocated and stays so.
pub fn seed(
    target: &Target,
    lists: &[ListName],
    skip_unreadable: u64,
    observer: &dyn Observer,
) -> Result<Seeded, Failure> {
    // Before the missing end of the list is reported: what was allocated is to stay.
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
