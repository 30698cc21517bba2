//! `backup` and `restore`: a copy that is never mistaken for the file, and the way back.

use super::args::{BackupArgs, RestoreArgs};
use crate::files::confirm::confirm;
use crate::output::{Format, print_json};
use hostbits_ops::files::{self, Copied};
use hostbits_ops::{Failure, printable_path};
use serde::Serialize;

/// A copy, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    /// The copy that `backup` made.
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<&'a str>,
    /// The backup that `restore` read.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<&'a str>,
    session: u64,
    allocated: u64,
    quarantined: u64,
}

pub(super) fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let file = &args.file;
    let Copied {
        session,
        held,
        quarantined: suspects,
        ..
    } = files::backup(&file.file(), &args.copy)?;
    let (name, copy) = (file.name(), printable_path(&args.copy));
    match file.format {
        Format::Plain => confirm(|out| {
            writeln!(
                out,
                "{copy}: backup of {name}, session {session}: {held} held, and {suspects} to be reclaimed when it is \
                 put back"
            )
        }),
        Format::Json => print_json(&Answer {
            file: &name,
            copy: Some(&copy),
            backup: None,
            session,
            allocated: held + suspects,
            quarantined: suspects,
        }),
    }
}

pub(super) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let file = &args.file;
    let Copied {
        session,
        held,
        quarantined: suspects,
        ..
    } = files::restore(&args.backup, &file.file())?;
    let (name, backup) = (file.name(), printable_path(&args.backup));
    match file.format {
        Format::Plain => confirm(|out| {
            writeln!(
                out,
                "{name}: put back from {backup}, session {session}: {held} held, and {suspects} to be reclaimed"
            )?;
            writeln!(
                out,
                "who holds what by now: hostbits reclaim {name} --from LIST"
            )?;
            writeln!(
                out,
                "then what was released since: hostbits reconcile {name} --from LIST --wait"
            )
        }),
        Format::Json => print_json(&Answer {
            file: &name,
            copy: None,
            backup: Some(&backup),
            session,
            allocated: held + suspects,
            quarantined: suspects,
        }),
    }
}
