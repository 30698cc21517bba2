//! `reclaim`: the quarantine against a list of users.

use super::args::ReclaimArgs;
use super::failure::Cause;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{print, print_error_text, print_json};
use crate::reconcile::ListName;
use crate::users::{Notes, ReadList, ReadToEnd, UserRecords};
use hostbits::{Adopted, Durability, Pool, ReclaimError};
use hostbits_lists::RecordBuf;
use serde::Serialize;

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    freed: u64,
    held: u64,
    #[serde(flatten)]
    list: &'a ReadList,
}

/// A list that was read to its end.
struct Users {
    records: Vec<RecordBuf>,
    read: ReadToEnd,
}

/// Frees what is quarantined and not listed: `hostbits reclaim` and `hostbits pool reclaim`.
pub(crate) fn run(args: &ReclaimArgs) -> Result<(), Failure> {
    let users = match args.nobody {
        true => None,
        false => Some(read_whole(&args.users)?),
    };
    let pool = args.file.open()?;
    let (freed, held, list) = match users {
        Some(users) => by_list(args, &pool, users)?,
        None => {
            let freed = pool.release_quarantine_unchecked();
            let list = Box::default();
            let refuse = |error| args.file.refuse(Cause::Reclaim { error, list });
            (freed.map_err(refuse)?, 0, ReadList::default())
        }
    };
    let durability = pool.health().map(|health| health.durability);
    if durability != Some(Durability::Process) {
        pool.sync()
            .map_err(|error| args.file.refuse(Cause::Sync(error)))?;
    }
    let file = args.file.name();
    match args.file.format {
        Format::Plain => print(|out| writeln!(out, "{file}: {freed} freed, {held} held")),
        Format::Json => print_json(&Answer {
            file: &file,
            freed,
            held,
            list: &list,
        }),
    }
}

/// Reads all of the list before anything is done with it: half a list would free what the other half holds.
fn read_whole(lists: &[ListName]) -> Result<Users, Failure> {
    let sources = lists.iter().map(|list| &list.source);
    let mut users = UserRecords::open(sources).map_err(Failure::Unreadable)?;
    let records = users.by_ref().collect();
    Ok(Users {
        records,
        read: users.finish().map_err(Failure::Unreadable)?,
    })
}

fn by_list(args: &ReclaimArgs, pool: &Pool, users: Users) -> Result<(u64, u64, ReadList), Failure> {
    let Users { records, read } = users;
    let note = |report: &Adopted| {
        if args.file.format == Format::Plain {
            let notes = Notes {
                read: &read,
                report,
                ambiguous: args.ambiguous,
                free: pool.available(),
            };
            print_error_text(&notes.to_string());
        }
    };
    match pool.reclaim_reading(args.ambiguous.into(), records) {
        Ok(reclaimed) => {
            note(&reclaimed.adopted);
            let list = ReadList::new(reclaimed.adopted, &read);
            Ok((reclaimed.freed, reclaimed.held, list))
        }
        Err(error) => {
            let mut list = Box::default();
            if let ReclaimError::Unclear { adopted } = &error {
                note(adopted);
                list = Box::new(ReadList::new(Adopted::clone(adopted), &read));
            }
            Err(args.file.refuse(Cause::Reclaim { error, list }))
        }
    }
}
