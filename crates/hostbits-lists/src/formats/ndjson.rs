//! `ndjson`: one JSON value per line.

use super::by_line::LineFormat;
use super::json::Reading;
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;
use crate::query::Query;

/// How long a line may be, in bytes.
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
        // A line that is none may be any number of users, if the values are those of a filter.
        let is_usual = matches!(self.reading, Reading::Usual(_));
        if line.is_cut {
            out.broken(line.number, "more than 256 MiB on one line", value);
        } else if is_too_deep(value) {
            out.broken(line.number, "a value goes too deep", value);
        } else if let Err(fault) = self.reading.read(value, false, line.number, out) {
            if !is_usual {
                return Err(fault);
            }
            out.broken(line.number, "no JSON value", value);
        }
        Ok(())
    }

    fn end(&mut self, _: u64, _: &mut Batch) -> Result<bool, Fault> {
        Ok(false)
    }
}

/// Whether the parsers would go too deep; brackets in texts are counted, too.
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
