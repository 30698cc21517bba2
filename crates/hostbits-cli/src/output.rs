//! Writing to the two standard streams. Neither a closed nor a full one may end in a panic.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{self, BufWriter, Write};

/// Writes to standard output, to the end.
///
/// A reader who has seen enough, as in `| head -1`, is no failure.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(Failure::Output),
    }
}

/// Writes to standard output, to the end, and minds a reader who does not read it.
///
/// For what nobody can ask for again.
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) fn print_whole(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out).and_then(|()| out.flush())
}

/// Writes one JSON object to standard output, on a line of its own.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(|out| {
        serde_json::to_writer(&mut *out, value)?;
        writeln!(out)
    })
}

/// Writes lines to standard error.
pub(crate) fn print_error_text(text: &str) {
    // There is nobody left to tell if this fails.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
