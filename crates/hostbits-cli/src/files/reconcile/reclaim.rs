//! `reclaim`: the quarantine of a pool, or of all pools of a set, against a list of users.

use super::args::ReclaimArgs;
use crate::files::confirm::confirm;
use crate::files::granted::leased;
use crate::files::target::Named;
use crate::next::Given;
use crate::output::{Format, note, print, print_json};
use crate::screen::Screen;
use hostbits_ops::files::{self, Everybody};
use hostbits_ops::{Failure, ReadList};
use serde::Serialize;

/// The result as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    freed: u64,
    held: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<ReclaimedOf>>,
    /// The new leases, in a pool of leases.
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Option<Vec<Given>>,
    #[serde(flatten)]
    list: &'a ReadList,
}

/// What was reclaimed in one member of a set.
#[derive(Serialize)]
struct ReclaimedOf {
    member: String,
    freed: u64,
    held: u64,
}

/// Frees quarantined addresses that are not listed: `hostbits reclaim`, also called `hostbits pool reclaim`, and
/// `hostbits set reclaim`.
pub(crate) fn run<T: Named>(args: &ReclaimArgs<T>) -> Result<(), Failure> {
    let reading = &args.reading;
    let users = match args.nobody {
        true => None,
        false => Some(Everybody::read(
            &reading.of(&args.users),
            reading.skip_unreadable,
        )?),
    };
    let target = args.target.target()?;
    let screen = Screen::new(args.target.format());
    let done = files::reclaim(&target, users, &screen)?;
    let members = done.members.iter().map(|it| ReclaimedOf {
        member: target.name_of(it.id).unwrap_or_default(),
        freed: it.freed,
        held: it.held,
    });
    let (freed, held) = (done.freed, done.held);
    if let (Format::Plain, Some(granted)) = (args.target.format(), &done.leases) {
        // The leases are the result: those from before are stale.
        note(&format!("{}: {freed} freed, {held} held", target.name()));
        let mut leases = granted.leases.iter();
        return print(|out| leases.try_for_each(|lease| writeln!(out, "{lease}")));
    }
    match args.target.format() {
        Format::Plain => confirm(|out| {
            if target.set().is_some() {
                for it in members {
                    let (name, freed, held) = (&it.member, it.freed, it.held);
                    writeln!(out, "in {name}: {freed} freed, {held} held")?;
                }
            }
            writeln!(out, "{}: {freed} freed, {held} held", target.name())
        }),
        Format::Json => print_json(&Answer {
            file: &target.file(),
            set: target.set(),
            freed: done.freed,
            held: done.held,
            members: target.set().map(|_| members.collect()),
            addresses: done.leases.as_ref().map(leased),
            list: &done.list,
        }),
    }
}
