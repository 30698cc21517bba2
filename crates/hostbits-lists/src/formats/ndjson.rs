//! `ndjson`: one JSON value per line.

use super::by_line::LineFormat;
use super::element::Elements;
use crate::batch::Batch;
use crate::error::Fault;
use crate::fields::Fields;
use crate::lines::Line;

pub(super) struct Ndjson {
    elements: Elements,
}

impl Ndjson {
    pub(super) fn new(fields: Fields) -> Self {
        Self {
            elements: Elements::new(fields),
        }
    }
}

impl LineFormat for Ndjson {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let value = line.bytes.trim_ascii();
        if line.is_cut {
            out.broken(line.number, "more than 1 MiB on one line", value);
        } else if !value.is_empty() && self.elements.read(value, line.number, out).is_err() {
            out.broken(line.number, "no JSON value", value);
        }
        Ok(())
    }

    fn end(&mut self, _: u64, _: &mut Batch) -> Result<bool, Fault> {
        Ok(false)
    }
}
