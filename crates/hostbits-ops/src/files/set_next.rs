//! From a configuration and a list of users to the next free addresses. Reads no pool file.

use crate::failure::Failure;
use crate::files::config_file::ConfigFile;
use crate::files::set_failure::Cause;
use crate::files::set_verbs::{as_usize, nets_of, take_all};
use crate::lists::name::{ListName, unreadable};
use crate::lists::read::ReadList;
use crate::lists::records::UserRecords;
use crate::observer::Observer;
use crate::watched::Watched;
use hostbits::PoolSet;
use ipnet::IpNet;

/// Returns the next addresses of a set that no listed user holds: all of them or none. At most `skip_unreadable`
/// entries may be unreadable.
///
/// # Errors
///
/// Fails if the configuration is invalid or has no such set, the lists cannot be read, or too few addresses are free.
pub fn next_of_set(
    file: &ConfigFile,
    name: &str,
    lists: &[ListName],
    skip_unreadable: u64,
    count: u64,
    observer: &dyn Observer,
) -> Result<(Vec<IpNet>, ReadList), Failure> {
    let config = file.read()?;
    let set = file.set(&config, name)?;
    let open = set.in_memory::<IpNet>();
    let set = open.map_err(|error| file.refuse_open(error))?.set;
    let list = match lists.is_empty() {
        true => ReadList::default(),
        false => read_list(&set, lists, skip_unreadable, observer)?,
    };
    let taken = match count > set.capacity() {
        true => set.allocate_many(as_usize(count)),
        false => take_all(count, || set.allocate(), |addr| set.release(addr)),
    };
    match taken {
        Ok(addrs) => Ok((nets_of(&set, &addrs), list)),
        Err(error) => Err(file.refuse(Cause::Allocate {
            error,
            free: set.available(),
            wanted: count,
            list: Some(Box::new(list)),
        })),
    }
}

/// Marks the addresses of the users.
fn read_list(
    set: &PoolSet,
    lists: &[ListName],
    skip_unreadable: u64,
    observer: &dyn Observer,
) -> Result<ReadList, Failure> {
    let mut users = UserRecords::open_all(lists)?;
    let watched = Watched::begin(observer, &users, None);
    let adopted = set.adopt_with(unreadable(skip_unreadable), watched.over(users.by_ref()));
    drop(watched);
    let read = users.finish().map_err(Failure::Unreadable)?;
    let report = match adopted {
        Ok(report) => report,
        Err(error) => return Err(Failure::refused(error, read)),
    };
    observer.adopted(&read, &report, set.available());
    Ok(ReadList::new(report, &read))
}
