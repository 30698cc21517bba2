//! `backup` and `restore`: a copy that nobody takes for the file, and the way back.

use super::args::{BackupArgs, RestoreArgs};
use super::failure::Cause;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{print, print_json};
use hostbits::{FileView, OpenError};
use hostbits_ops::printable;
use serde::Serialize;
use std::path::Path;

/// A copy, as JSON.
#[derive(Serialize)]
struct Copied<'a> {
    file: &'a str,
    /// Of `backup`.
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<&'a str>,
    /// Of `restore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<&'a str>,
    session: u64,
    allocated: u64,
    quarantined: u64,
}

pub(super) fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let file = &args.file;
    // Also for what is wrong with the file itself, which is not of the copy.
    file.read()?;
    let view = match hostbits::backup_file(&file.path, &args.copy) {
        Ok(view) => view,
        Err(error @ OpenError::AlreadyExists) => {
            return Err(file.at(&args.copy).refuse(Cause::Backup(error)));
        }
        Err(error) => return Err(file.refuse_open(error)),
    };
    let (name, copy) = (file.name(), name_of(&args.copy));
    let (session, held, suspects) = numbers(&view);
    match file.format {
        Format::Plain => print(|out| {
            writeln!(
                out,
                "{copy}: backup of {name}, session {session}: {held} held, and {suspects} to be reclaimed when it is \
                 put back"
            )
        }),
        Format::Json => print_json(&Copied {
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
    // What is wrong with the backup is not of the file.
    let backup = file.at(&args.backup);
    hostbits::read_file(&backup.path).map_err(|error| backup.refuse(Cause::Backup(error)))?;
    let restored = hostbits::restore_file(&args.backup, &file.path, file.least_session());
    let view = restored.map_err(|error| match error {
        error @ (OpenError::GeometryMismatch { .. } | OpenError::BadMagic) => {
            file.refuse(Cause::Restore(error))
        }
        error => file.refuse_open(error),
    })?;
    let (name, backup) = (file.name(), backup.name());
    let (session, held, suspects) = numbers(&view);
    match file.format {
        Format::Plain => print(|out| {
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
        Format::Json => print_json(&Copied {
            file: &name,
            copy: None,
            backup: Some(&backup),
            session,
            allocated: held + suspects,
            quarantined: suspects,
        }),
    }
}

fn name_of(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// The session, what is held for all that is known, and what nobody knows of.
fn numbers(view: &FileView) -> (u64, u64, u64) {
    let suspects = view.quarantined;
    let held = view.snapshot.allocated() - suspects;
    (view.session.unwrap_or(0), held, suspects)
}
