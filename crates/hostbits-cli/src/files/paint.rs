//! Colours, and the width of the terminal, if standard output is one. The text is the same without colours.

use crate::output::Format;
use console::{StyledObject, Term, style};
use hostbits_ops::Used;

/// Above this share, in percent, usage is shown as a warning.
const WARN_ABOVE: u8 = 75;
const ALARM_ABOVE: u8 = 90;

/// Returns the number of columns for text, or `None` if standard output is not a terminal.
pub(crate) fn columns(format: Format) -> Option<usize> {
    let term = Term::stdout();
    if format != Format::Plain || !term.is_term() {
        return None;
    }
    let (_, columns) = term.size_checked()?;
    Some(columns.into())
}

/// Colours a usage figure by its share.
pub(crate) fn used(used: Used) -> StyledObject<Used> {
    let plain = style(used);
    match used {
        used if used.is_above(ALARM_ABOVE) => plain.red().bold(),
        used if used.is_above(WARN_ABOVE) => plain.yellow(),
        _ => plain.green(),
    }
}

/// Colours a line of a map: each run of the same kind in its colour.
pub(crate) fn cells(cells: &str) -> String {
    let mut text = String::new();
    for run in cells.as_bytes().chunk_by(|a, b| kind(*a) == kind(*b)) {
        let run = String::from_utf8_lossy(run);
        let plain = style(&*run);
        let painted = match kind(run.as_bytes()[0]) {
            Cell::Full => plain.red(),
            Cell::Some => plain.yellow(),
            Cell::Free => plain.green(),
            Cell::Never => plain.dim(),
        };
        text += &painted.to_string();
    }
    text
}

#[derive(PartialEq, Eq)]
enum Cell {
    Full,
    Some,
    Free,
    Never,
}

fn kind(cell: u8) -> Cell {
    match cell {
        b'#' => Cell::Full,
        b'.' => Cell::Free,
        b'-' => Cell::Never,
        _ => Cell::Some,
    }
}
