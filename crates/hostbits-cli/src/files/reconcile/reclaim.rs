//! `reclaim`: the quarantine of a pool, or of all pools of a set, against a list of users.

use super::args::ReclaimArgs;
use crate::files::confirm::confirm;
use crate::files::target::Named;
use crate::output::{Format, print_json};
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
    match args.target.format() {
        Format::Plain => confirm(|out| {
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
