//! What was done, for whoever wants to know.

use crate::output::{is_quiet, print};
use hostbits_ops::Failure;
use std::io::{self, Write};

/// Writes to standard output that something was done, unless nobody wants to know.
pub(crate) fn confirm(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    match is_quiet() {
        true => Ok(()),
        false => print(write),
    }
}
