//! `export`: the taken addresses, as a list.

use super::args::ExportArgs;
use crate::output::{Format, print, print_json};
use crate::screen::Screen;
use hostbits_ops::files::{self, COLUMNS, Exported, Row};
use hostbits_ops::{Failure, printable};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// The result as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    users: Rows<'a>,
}

/// The rows, written as they are found: there may be millions.
struct Rows<'a>(&'a Exported);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows())
    }
}

pub(super) fn run(args: &ExportArgs) -> Result<(), Failure> {
    let file = args.file.file();
    let lists = args.reading.of(&args.users);
    let screen = Screen::new(args.file.format);
    let exported = files::export(&file, &lists, args.reading.skip_unreadable, &screen)?;
    match args.file.format {
        Format::Plain => print(|out| {
            writeln!(out, "{}", COLUMNS.join(","))?;
            exported.rows().try_for_each(|row| {
                let Row {
                    address,
                    owner,
                    state,
                } = row;
                writeln!(
                    out,
                    "{address},{},{state}",
                    field(&printable(owner.unwrap_or_default()))
                )
            })
        }),
        Format::Json => print_json(&Answer {
            file: &file.name(),
            users: Rows(&exported),
        }),
    }
}

/// Formats a field of CSV, in quotes if the text needs them.
fn field(text: &str) -> Cow<'_, str> {
    match text.contains([',', '"']) {
        true => Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))),
        false => Cow::Borrowed(text),
    }
}
