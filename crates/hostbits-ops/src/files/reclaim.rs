//! Reclaims the quarantine of a pool, or of all pools of a set, using a list of users.

use crate::failure::Failure;
use crate::files::leases::Granted;
use crate::files::pool_failure::Cause;
use crate::files::pool_file::PoolFile;
use crate::files::target::Target;
use crate::lists::name::{ListName, unreadable};
use crate::lists::read::{ReadList, ReadToEnd};
use crate::lists::records::UserRecords;
use crate::observer::Observer;
use hostbits::{
    PoolSet,
    file::ReclaimError,
    lease::{LeasePool, ReclaimedLeases},
    set::{self, MemberReclaimed},
    users::Adopted,
};
use hostbits_lists::RecordBuf;
use ipnet::IpNet;

/// The result of a reclaim, and of reading the list.
#[derive(Debug, Default)]
pub struct Reclaimed {
    /// Addresses that are free now.
    pub freed: u64,
    /// Addresses that are held, according to the list.
    pub held: u64,
    /// The result for each member of a set; for a pool file, its only member.
    pub members: Vec<MemberReclaimed>,
    /// What was read of the list.
    pub list: ReadList,
    /// The leases of the listed addresses, in a pool of leases: those from before are stale.
    pub leases: Option<Granted>,
}

/// A complete list of users, read to its end before anything is changed: half a list would free the addresses of the
/// other half.
#[derive(Debug)]
pub struct Everybody {
    records: Vec<RecordBuf>,
    read: ReadToEnd,
    skip_unreadable: u64,
}

impl Everybody {
    /// Reads all lists. At most `skip_unreadable` entries may be unreadable.
    ///
    /// # Errors
    ///
    /// Fails if a list cannot be read to its end.
    pub fn read(lists: &[ListName], skip_unreadable: u64) -> Result<Self, Failure> {
        let mut users = UserRecords::open_all(lists)?;
        let records = users.by_ref().collect();
        Ok(Self {
            records,
            read: users.finish().map_err(Failure::Unreadable)?,
            skip_unreadable,
        })
    }
}

/// Frees quarantined addresses that are not listed. Without a list, frees all of them: the caller guarantees that they
/// are not in use.
///
/// # Errors
///
/// Fails if the files cannot be opened, or if the list is empty or any entry is unclear: then nothing was freed.
pub fn reclaim(
    target: &Target,
    users: Option<Everybody>,
    observer: &dyn Observer,
) -> Result<Reclaimed, Failure> {
    if let Target::Pool(file) = target
        && file.holds_leases()
    {
        return reclaim_leases(file, users, observer);
    }
    target.with(|set| {
        let done = match users {
            Some(users) => by_list(target, set, users, observer)?,
            None => everything(target, set)?,
        };
        target.sync(set)?;
        Ok(done)
    })
}

/// The same for a pool of leases. What the list names is leased for ever; without owners, which need a key.
fn reclaim_leases(
    file: &PoolFile,
    users: Option<Everybody>,
    observer: &dyn Observer,
) -> Result<Reclaimed, Failure> {
    file.with_leases(|pool| {
        let refuse = |error, list| {
            let id = None;
            file.refuse(Cause::Reclaim { id, error, list })
        };
        let done = match users {
            None => Reclaimed {
                freed: pool
                    .release_quarantine_unchecked()
                    .map_err(|error| refuse(error, Box::default()))?,
                ..Reclaimed::default()
            },
            Some(users) => lease_by_list(pool, users, observer, refuse)?,
        };
        let synced = pool.sync();
        synced.map_err(|error| file.refuse(Cause::Sync(error)))?;
        Ok(done)
    })
}

fn lease_by_list(
    pool: &LeasePool,
    users: Everybody,
    observer: &dyn Observer,
    refuse: impl FnOnce(ReclaimError, Box<ReadList>) -> Failure,
) -> Result<Reclaimed, Failure> {
    let Everybody {
        records,
        read,
        skip_unreadable,
    } = users;
    if skip_unreadable != 0 {
        let text = "a pool of leases is reclaimed with a list without unreadable entries: leave out --skip-unreadable";
        return Err(Failure::Usage(text.to_owned()));
    }
    match pool.reclaim(records, |_| None) {
        Ok(ReclaimedLeases {
            freed,
            report,
            leases,
            ..
        }) => {
            observer.adopted(&read, &report, pool.census().free);
            let unit = pool.info().unit;
            Ok(Reclaimed {
                freed,
                held: leases.len() as u64,
                list: ReadList::new(report, &read),
                leases: Some(Granted { leases, unit }),
                ..Reclaimed::default()
            })
        }
        Err(error) => {
            let mut list = Box::default();
            if let ReclaimError::Unclear { adopted } = &error {
                observer.adopted(&read, adopted, pool.census().free);
                list = Box::new(ReadList::new(Adopted::clone(adopted), &read));
            }
            Err(refuse(error, list))
        }
    }
}

/// Frees the whole quarantine.
fn everything(target: &Target, set: &PoolSet<IpNet>) -> Result<Reclaimed, Failure> {
    let members = set.release_quarantines_unchecked();
    let list = Box::default();
    let members = members.map_err(|set::ReclaimError { id, error, .. }| {
        target.refuse(Cause::Reclaim { id, error, list })
    })?;
    Ok(Reclaimed {
        freed: members.iter().map(|member| member.freed).sum(),
        members,
        ..Reclaimed::default()
    })
}

fn by_list(
    target: &Target,
    set: &PoolSet<IpNet>,
    users: Everybody,
    observer: &dyn Observer,
) -> Result<Reclaimed, Failure> {
    let Everybody {
        records,
        read,
        skip_unreadable,
    } = users;
    match set.reclaim_with(unreadable(skip_unreadable), records) {
        Ok(set::Reclaimed {
            freed,
            held,
            adopted,
            members,
            ..
        }) => {
            observer.adopted(&read, &adopted, set.available());
            Ok(Reclaimed {
                freed,
                held,
                members,
                list: ReadList::new(adopted, &read),
                leases: None,
            })
        }
        Err(set::ReclaimError { id, error, .. }) => {
            let mut list = Box::default();
            if let ReclaimError::Unclear { adopted } = &error {
                observer.adopted(&read, adopted, set.available());
                list = Box::new(ReadList::new(Adopted::clone(adopted), &read));
            }
            Err(target.refuse(Cause::Reclaim { id, error, list }))
        }
    }
}
