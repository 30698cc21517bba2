//! `reclaim`: the quarantine of a pool, or of all pools of a set, against a list of users.

use super::args::ReclaimArgs;
use super::failure::Cause;
use crate::args::Format;
use crate::failure::Failure;
use crate::notes::Notes;
use crate::output::{print, print_error_text, print_json};
use crate::reconcile::{Named, Target};
use hostbits::{Adopted, MemberReclaimed, PoolSet, ReclaimError, SetReclaimed};
use hostbits_lists::RecordBuf;
use hostbits_ops::{ListName, ReadList, ReadToEnd};
use ipnet::IpNet;
use serde::Serialize;

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    freed: u64,
    held: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Reclaimed>>,
    #[serde(flatten)]
    list: &'a ReadList,
}

/// What was reclaimed of one member of a set.
#[derive(Serialize)]
struct Reclaimed {
    member: String,
    freed: u64,
    held: u64,
}

/// A list that was read to its end.
struct Users {
    records: Vec<RecordBuf>,
    read: ReadToEnd,
}

/// What was done, and what the list was.
#[derive(Default)]
struct Done {
    freed: u64,
    held: u64,
    members: Vec<MemberReclaimed>,
    list: ReadList,
}

/// Frees what is quarantined and not listed: `hostbits reclaim`, which is `hostbits pool reclaim`, and
/// `hostbits set reclaim`.
pub(crate) fn run<T: Named>(args: &ReclaimArgs<T>) -> Result<(), Failure> {
    let users = match args.nobody {
        true => None,
        false => Some(read_whole(&args.reading.of(&args.users))?),
    };
    let target = args.target.target()?;
    let done = target.with(|set| {
        let done = match users {
            Some(users) => by_list(args, &target, set, users)?,
            None => everything(&target, set)?,
        };
        target.sync(set)?;
        Ok(done)
    })?;
    let members = done.members.iter().map(|it| Reclaimed {
        member: target.name_of(it.id).unwrap_or_default(),
        freed: it.freed,
        held: it.held,
    });
    match target.format() {
        Format::Plain => print(|out| {
            if target.set().is_some() {
                for it in members {
                    let (name, freed, held) = (&it.member, it.freed, it.held);
                    writeln!(out, "in {name}: {freed} freed, {held} held")?;
                }
            }
            let (freed, held) = (done.freed, done.held);
            writeln!(out, "{}: {freed} freed, {held} held", target.name())
        }),
        Format::Json => print_json(&Answer {
            file: &target.file(),
            set: target.set(),
            freed: done.freed,
            held: done.held,
            members: target.set().map(|_| members.collect()),
            list: &done.list,
        }),
    }
}

/// Reads all of the list before anything is done with it: half a list would free what the other half holds.
fn read_whole(lists: &[ListName]) -> Result<Users, Failure> {
    let mut users = crate::lists::open_all(lists)?;
    let records = users.by_ref().collect();
    Ok(Users {
        records,
        read: users.finish().map_err(Failure::Unreadable)?,
    })
}

/// Nobody holds anything of it.
fn everything(target: &Target, set: &PoolSet<IpNet>) -> Result<Done, Failure> {
    let members = set.release_quarantines_unchecked();
    let list = Box::default();
    let members = members.map_err(|error| target.refuse(Cause::Reclaim { error, list }))?;
    Ok(Done {
        freed: members.iter().map(|member| member.freed).sum(),
        members,
        ..Done::default()
    })
}

fn by_list<T: Named>(
    args: &ReclaimArgs<T>,
    target: &Target,
    set: &PoolSet<IpNet>,
    users: Users,
) -> Result<Done, Failure> {
    let Users { records, read } = users;
    let note = |report: &Adopted| {
        if target.is_plain() {
            let notes = Notes {
                read: &read,
                report,
                free: set.available(),
            };
            print_error_text(&notes.to_string());
        }
    };
    match set.reclaim_with(args.reading.unreadable(), records) {
        Ok(SetReclaimed {
            freed,
            held,
            adopted,
            members,
            ..
        }) => {
            note(&adopted);
            Ok(Done {
                freed,
                held,
                members,
                list: ReadList::new(adopted, &read),
            })
        }
        Err(error) => {
            let mut list = Box::default();
            if let ReclaimError::Unclear { adopted } = &error.error {
                note(adopted);
                list = Box::new(ReadList::new(Adopted::clone(adopted), &read));
            }
            Err(target.refuse(Cause::Reclaim { error, list }))
        }
    }
}
