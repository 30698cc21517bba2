//! From a network and its users to the next free addresses.

use crate::failure::Failure;
use crate::lists::name::{ListName, unreadable};
use crate::lists::read::ReadList;
use crate::lists::records::UserRecords;
use crate::observer::Observer;
use crate::text::net_of;
use crate::watched::Watched;
use hostbits::{AllocateError, Pool};
use ipnet::IpNet;

/// Marks the addresses of the listed users in a pool on the heap. Returns the next free addresses, all of them or none,
/// and what was read of the lists. At most `skip_unreadable` entries may be unreadable.
///
/// # Errors
///
/// Fails if the lists cannot be read, or too few addresses are free.
pub fn next(
    pool: &Pool,
    lists: &[ListName],
    skip_unreadable: u64,
    count: u64,
    observer: &dyn Observer,
) -> Result<(Vec<IpNet>, ReadList), Failure> {
    let list = match lists.is_empty() {
        true => ReadList::default(),
        false => adopt(pool, lists, skip_unreadable, observer)?,
    };
    match allocate(pool, count) {
        Ok(nets) => Ok((nets, list)),
        Err(error) => Err(Failure::Exhausted {
            error,
            free: pool.available(),
            wanted: count,
            list: Box::new(list),
        }),
    }
}

/// Marks the addresses of the users.
fn adopt(
    pool: &Pool,
    lists: &[ListName],
    skip_unreadable: u64,
    observer: &dyn Observer,
) -> Result<ReadList, Failure> {
    let mut users = UserRecords::open_all(lists)?;
    let watched = Watched::begin(observer, &users, None);
    let adopted = pool.adopt_with(unreadable(skip_unreadable), watched.over(users.by_ref()));
    drop(watched);
    let read = users.finish().map_err(Failure::Unreadable)?;
    let report = match adopted {
        Ok(report) => report,
        Err(error) => return Err(Failure::refused(error, read)),
    };
    observer.adopted(&read, &report, pool.available());
    Ok(ReadList::new(report, &read))
}

/// Allocates all of the addresses or none.
fn allocate(pool: &Pool, count: u64) -> Result<Vec<IpNet>, AllocateError> {
    if count == 1 {
        return Ok(vec![pool.allocate_net()?]);
    }
    let unit = pool.info().unit;
    // More than a pool can hold is as impossible as the largest number.
    let addrs = pool.allocate_many(usize::try_from(count).unwrap_or(usize::MAX))?;
    Ok(addrs.into_iter().map(|addr| net_of(addr, unit)).collect())
}
