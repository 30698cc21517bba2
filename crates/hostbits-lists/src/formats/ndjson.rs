//! `ndjson`: one JSON value per line.

use super::by_line::LineFormat;
use super::json::Reading;
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;
use crate::query::Query;

/// The maximum length of a line, in bytes.
pub(super) const MAX_LINE_BYTES: usize = 256 << 20;

pub(super) struct Ndjson {
    reading: Reading,
}

impl Ndjson {
    pub(super) fn new(query: &Query) -> Self {
        Self {
            reading: Reading::of(query),
        }
    }
}

impl LineFormat for Ndjson {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let value = line.bytes.trim_ascii();
        if value.is_empty() && !line.is_cut {
            return Ok(());
        }
        // With a filter, an invalid line may stand for any number of users.
        let is_usual = matches!(self.reading, Reading::Usual(_));
        if line.is_cut {
            out.broken(line.number, "a line longer than 256 MiB", value);
        } else if is_too_deep(value) {
            out.broken(line.number, "a value is nested too deep", value);
        } else if let Err(fault) = self.reading.read(value, false, line.number, out) {
            if !is_usual {
                return Err(fault);
            }
            out.broken(line.number, "not a JSON value", value);
        }
        Ok(())
    }

    fn end(&mut self, _: u64, _: &mut Batch) -> Result<bool, Fault> {
        Ok(false)
    }
}

/// Returns whether the value may be too deep for the parsers. Brackets within strings are counted, too.
fn is_too_deep(value: &[u8]) -> bool {
    let mut depth = 0u32;
    value.iter().any(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 1000
    })
}
