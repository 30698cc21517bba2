//! Writing to the two standard streams. A stream that is closed or full never causes a panic.

use clap::ValueEnum;
use hostbits_ops::Failure;
use serde::Serialize;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::sync::OnceLock;

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people and shell scripts
    Plain,
    /// One JSON object
    Json,
}

/// Writes to standard output, to the end.
///
/// A closed pipe, as in `| head -1`, is not a failure.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(Failure::Output),
    }
}

/// Writes one JSON object to standard output, on a line of its own.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(|out| {
        serde_json::to_writer(&mut *out, value)?;
        writeln!(out)
    })
}

/// Whether only results and errors are wanted.
static IS_QUIET: OnceLock<bool> = OnceLock::new();

/// Sets once, before anything is printed, whether notes and confirmations are silenced.
pub(crate) fn set_quiet(is_quiet: bool) {
    // This is the only call.
    let _ = IS_QUIET.set(is_quiet);
}

/// Reports whether only results and errors are wanted.
pub(crate) fn is_quiet() -> bool {
    IS_QUIET.get().copied().unwrap_or(false)
}

/// Writes a note to standard error, unless notes are silenced.
pub(crate) fn note(text: &str) {
    if !is_quiet() {
        print_error_text(text);
    }
}

/// Writes lines to standard error.
pub(crate) fn print_error_text(text: &str) {
    // If this fails, the failure cannot be reported anywhere.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Seconds since 1970, shown as date and time.
pub(crate) struct Utc(pub(crate) u64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / 86_400, self.0 % 86_400);
        // Years that begin in March, in eras of 400 years: the leap day is the last of its year.
        let shifted = days + 719_468;
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, next_year) = match month {
            0..=9 => (month + 3, 0),
            _ => (month - 9, 1),
        };
        write!(
            f,
            "{:04}-{month:02}-{day_of_month:02} {:02}:{:02}:{:02} UTC",
            era * 400 + year + next_year,
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_704_067_199, "2023-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(Utc(seconds).to_string(), text);
        }
        // Every number that a file can contain has a text.
        let _ = Utc(u64::MAX / 1_000_000_000).to_string();
    }
}
