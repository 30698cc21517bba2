//! The map of the address space, as text.

use crate::files::paint;
use hostbits_ops::{Line, Map};
use std::io::{self, Write};

/// Writes each line of the map, and a legend.
pub(crate) fn write_map(out: &mut dyn Write, map: &Map) -> io::Result<()> {
    let label = |line: &Line| line.first.map_or_else(String::new, |addr| addr.to_string());
    let width = map.lines.iter().map(|line| label(line).len()).max();
    let width = width.unwrap_or_default();
    for line in &map.lines {
        writeln!(
            out,
            "{:<width$}  {}",
            label(line),
            paint::cells(&line.cells)
        )?;
    }
    match map.slots_per_cell {
        1 => writeln!(
            out,
            "one slot a character: . free, # taken, - never handed out"
        ),
        slots => writeln!(
            out,
            "{slots} slots a character: . free, 1 to 9 tenths taken, # all taken, - never handed out"
        ),
    }
}
