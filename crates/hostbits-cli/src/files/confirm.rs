//! Confirmations of what was done; `-q` silences them.

use crate::output::{is_quiet, print};
use hostbits_ops::Failure;
use std::io::{self, Write};

/// Writes a confirmation to standard output, unless `-q` was given.
pub(crate) fn confirm(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    match is_quiet() {
        true => Ok(()),
        false => print(write),
    }
}
