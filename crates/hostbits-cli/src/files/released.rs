//! Addresses that were released, and those that could not be, as text and as JSON.

use crate::files::asked::Unreadable;
use crate::files::confirm::confirm;
use crate::output::{Format, print_error_text, print_json};
use hostbits::ReleaseError;
use hostbits_ops::Failure;
use hostbits_ops::files::Released;
use hostbits_ops::trouble::{Exit, Kind, row};
use ipnet::IpNet;
use serde::Serialize;
use std::process::ExitCode;

/// The result as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    released: usize,
    refused: usize,
    addresses: Vec<Outcome<'a>>,
    /// Lines of standard input that name no address.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unreadable: &'a [Unreadable],
}

/// The result for one argument.
#[derive(Serialize)]
struct Outcome<'a> {
    address: IpNet,
    released: bool,
    error: Option<&'a ReleaseError>,
    message: Option<String>,
}

impl<'a> Outcome<'a> {
    fn of(it: &'a Released) -> Self {
        Self {
            address: it.address,
            released: it.error.is_none(),
            error: it.error.as_ref(),
            message: it.error.as_ref().map(ReleaseError::to_string),
        }
    }
}

/// Prints the result for each address, and returns the exit code: that of bad input if a line names no address, and
/// otherwise that of the first address that could not be released.
pub(crate) fn print_released(
    format: Format,
    file: &str,
    set: Option<&str>,
    outcomes: &[Released],
    unreadable: &[Unreadable],
) -> Result<ExitCode, Failure> {
    let errors = || outcomes.iter().filter_map(|it| it.error.as_ref());
    let refused = errors().count();
    match format {
        Format::Json => print_json(&Answer {
            file,
            set,
            released: outcomes.len() - refused,
            refused,
            addresses: outcomes.iter().map(Outcome::of).collect(),
            unreadable,
        })?,
        Format::Plain => {
            for it in unreadable {
                let Unreadable { line, message, .. } = it;
                print_error_text(&format!("error: standard input:{line}: {message}"));
            }
            for message in errors() {
                print_error_text(&format!("error: {}: {message}", set.unwrap_or(file)));
            }
            confirm(|out| {
                let mut released = outcomes.iter().filter(|it| it.error.is_none());
                released.try_for_each(|it| writeln!(out, "released {}", it.address))
            })?;
        }
    }
    if !unreadable.is_empty() {
        return Ok(ExitCode::from(Exit::Input.code()));
    }
    Ok(errors().next().map_or(ExitCode::SUCCESS, |error| {
        ExitCode::from(row(Kind::Release, error.code()).exit.code())
    }))
}
