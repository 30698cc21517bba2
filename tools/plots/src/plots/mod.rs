//! Defines which pictures there are, and what is on them.

mod batches;
mod fills;
mod latency;
mod rivals;
mod threads;

use crate::bars::Bars;
use crate::data::Data;
use crate::error::Error;
use crate::lines::{Lines, Series};

/// A finished picture.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The name of the file.
    pub(crate) name: String,
    pub(crate) svg: String,
}

/// Draws all pictures, of the machine that was measured last.
pub(crate) fn all(data: &Data) -> Result<Vec<Picture>, Error> {
    let data = data.newest();
    let mut pictures = Vec::new();
    pictures.extend(fills::pictures(&data.rivals)?);
    pictures.extend(rivals::pictures(&data.rivals)?);
    pictures.extend(threads::pictures(&data.scaling)?);
    pictures.extend(latency::pictures(&data.scaling)?);
    pictures.extend(batches::picture(&data.ratios)?);
    Ok(pictures)
}

impl Picture {
    fn of_lines(name: String, lines: &Lines) -> Result<Self, Error> {
        Self::new(name, lines.svg())
    }

    fn of_bars(name: String, bars: &Bars) -> Result<Self, Error> {
        Self::new(name, bars.svg())
    }

    fn new(name: String, svg: Result<String, String>) -> Result<Self, Error> {
        match svg {
            Ok(svg) => Ok(Self { name, svg }),
            Err(message) => Err(Error::Draw { name, message }),
        }
    }
}

/// Splits `items` by `key`, in the order in which keys first appear.
fn grouped<'a, T, K: PartialEq>(
    items: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&T) -> K,
) -> Vec<(K, Vec<&'a T>)> {
    let mut groups: Vec<(K, Vec<&T>)> = Vec::new();
    for item in items {
        let key = key(item);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    groups
}

/// Keeps the two most informative of ours: the others lie close to them, and are in the tables. Ours come first.
fn keep_two_of_ours(series: &mut Vec<Series>) {
    const BEST_FIRST: [&str; 4] = [
        "hostbits spread",
        "hostbits lowest",
        "hostbits local",
        "hostbits lowest, stats off",
    ];
    // One that is not among them comes after them.
    let rank = |series: &Series| BEST_FIRST.iter().position(|name| *name == series.name);
    series.sort_by_key(|series| (!series.ours, rank(series).unwrap_or(BEST_FIRST.len())));
    let mut ours = 0;
    series.retain(|series| {
        ours += usize::from(series.ours);
        !series.ours || ours <= 2
    });
}

/// Returns the name of a service on a picture.
fn service(order: &str) -> &'static str {
    match order {
        "lowest" => "the lowest free address",
        _ => "any free address",
    }
}
