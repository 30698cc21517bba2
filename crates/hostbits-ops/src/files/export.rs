//! All taken addresses of a pool file, with their owners where a list names them.

use crate::failure::Failure;
use crate::files::pool_file::PoolFile;
use crate::lists::name::{ListName, unreadable};
use crate::lists::records::UserRecords;
use crate::observer::Observer;
use crate::text::net_of;
use crate::watched::Watched;
use hostbits::{file, users::Record as _};
use ipnet::IpNet;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The taken addresses of a pool file, with their owners.
#[derive(Debug)]
pub struct Exported {
    view: file::View,
    /// The owners, by the first address of their unit.
    owners: BTreeMap<IpAddr, String>,
}

/// A taken address. A list of these rows, with the names of the fields as columns, can be imported.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    /// The address, or the prefix that is allocated as one unit.
    pub address: IpNet,
    /// The owner, if a list names one.
    pub owner: Option<&'a str>,
    /// `held`, or `quarantined` if it is not known whether the address is in use.
    pub state: &'static str,
}

/// The columns of the list.
pub const COLUMNS: [&str; 3] = ["address", "owner", "state"];

impl Exported {
    /// Returns all rows, ascending.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let unit = self.view.info.unit;
        let mut quarantined = self.view.quarantined_addresses().peekable();
        self.view.snapshot.iter().map(move |addr| Row {
            address: net_of(addr, unit),
            owner: self.owners.get(&addr).map(String::as_str),
            // Both are ascending, and every quarantined address is taken.
            state: match quarantined.next_if_eq(&addr) {
                None => "held",
                Some(_) => "quarantined",
            },
        })
    }
}

/// Reads which addresses of a pool file are taken, and their owners from lists: the first that names each. At most
/// `skip_unreadable` entries may be unreadable. Takes no lock, and changes nothing.
///
/// # Errors
///
/// Fails if the file cannot be read, a list cannot be read to its end, or too many entries cannot be read.
pub fn export(
    file: &PoolFile,
    lists: &[ListName],
    skip_unreadable: u64,
    observer: &dyn Observer,
) -> Result<Exported, Failure> {
    let view = file.read()?;
    file.refuse_leases(&view)?;
    let owners = match lists.is_empty() {
        true => BTreeMap::new(),
        false => owners(&view, lists, skip_unreadable, observer)?,
    };
    Ok(Exported { view, owners })
}

fn owners(
    view: &file::View,
    lists: &[ListName],
    skip_unreadable: u64,
    observer: &dyn Observer,
) -> Result<BTreeMap<IpAddr, String>, Failure> {
    let pool = view.to_pool();
    let unit = view.info.unit;
    let mut owners = BTreeMap::new();
    let mut users = UserRecords::open_all(lists)?;
    let watched = Watched::begin(observer, &users, None);
    let noted = watched.over(users.by_ref()).inspect(|record| {
        let named = pool.named_by(record.listed());
        let Some((named, owner)) = named.zip(record.owner()) else {
            return;
        };
        // The unit that contains the first address may begin before it.
        let first = net_of(*named.start(), unit).network();
        let taken = pool.iter_from(first).take_while(|it| it <= named.end());
        for addr in taken {
            owners.entry(addr).or_insert_with(|| owner.to_owned());
        }
    });
    // A copy: the file does not know of it. What cannot be read is refused as everywhere.
    let adopted = view
        .to_pool()
        .adopt_with(unreadable(skip_unreadable), noted);
    drop(watched);
    let read = users.finish().map_err(Failure::Unreadable)?;
    match adopted {
        Ok(_) => Ok(owners),
        Err(error) => Err(Failure::refused(error, read)),
    }
}
