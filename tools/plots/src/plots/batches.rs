//! The size of a batch against the time of an address.

use super::Picture;
use crate::data::Ratio;
use crate::error::Error;
use crate::lines::{Lines, Series};

/// Returns one picture of the rows named like `into64/16`, with any number; none if there is no such row.
pub(super) fn picture(rows: &[Ratio]) -> Result<Option<Picture>, Error> {
    let mut batches: Vec<(u32, &Ratio)> = rows
        .iter()
        .filter_map(|row| Some((batch(&row.name)?, row)))
        .collect();
    batches.sort_by_key(|(size, _)| *size);
    if batches.is_empty() {
        return Ok(None);
    }
    Picture::of_lines("batches-16.svg".into(), &lines(&batches)).map(Some)
}

/// Returns the batch size in the name of a row.
fn batch(name: &str) -> Option<u32> {
    name.strip_prefix("into")?.strip_suffix("/16")?.parse().ok()
}

fn lines(batches: &[(u32, &Ratio)]) -> Lines {
    let series = |name: &str, ours, figure: fn(&Ratio) -> f64| Series {
        name: name.into(),
        ours,
        points: batches
            .iter()
            .map(|(size, row)| (place(*size), figure(row)))
            .collect(),
        partial: false,
    };
    Lines {
        title: "How long does an address of a batch take? /16, filled with allocate_into".into(),
        x_label: "addresses per batch, logarithmic".into(),
        y_label: "nanoseconds per address".into(),
        x_ticks: batches
            .iter()
            .map(|(size, _)| (place(*size), size.to_string()))
            .collect(),
        series: vec![
            series("hostbits, allocate_into", true, |row| row.ours_ns),
            series("two atomic read-modify-writes", false, |row| {
                row.reference_ns
            }),
        ],
        mark: None,
    }
}

fn place(batch: u32) -> f64 {
    f64::from(batch).log2()
}
