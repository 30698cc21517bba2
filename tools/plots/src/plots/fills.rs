//! Fill against the time of a pair, for each size and service.

use super::{Picture, grouped, keep_two_of_ours, service};
use crate::data::Rival;
use crate::error::Error;
use crate::lines::{Lines, Series};
use crate::scale::percent;

const PAIR: &str = "pair";
const FULL: &str = "full_random";

/// Returns a picture for each size and service.
pub(super) fn pictures(records: &[Rival]) -> Result<Vec<Picture>, Error> {
    let drawn = records
        .iter()
        .filter(|record| [PAIR, FULL].contains(&&*record.bench) && record.threads == 1)
        .filter(|record| record.outcome.is_drawn());
    grouped(drawn, |record| (record.size, record.order.clone()))
        .into_iter()
        .filter(|(_, records)| records.iter().any(|record| record.ns_per_pair.is_some()))
        .map(|((size, order), records)| {
            Picture::of_lines(
                format!("fill-{size}-{order}.svg"),
                &lines(size, &order, &records),
            )
        })
        .collect()
}

fn lines(size: u8, order: &str, records: &[&Rival]) -> Lines {
    let columns = columns(records);
    let column_of = |record: &Rival| {
        let column = columns.iter().position(|known| *known == column(record));
        column.expect("columns are of all records") as f64
    };
    let mut series: Vec<Series> =
        grouped(records.iter().copied(), |record| record.contestant.clone())
            .into_iter()
            .map(|(name, records)| Series {
                name,
                ours: records[0].ours,
                points: points(&records, column_of),
                partial: records.iter().any(|record| record.ns_per_pair.is_none()),
            })
            .collect();
    keep_two_of_ours(&mut series);
    Lines {
        title: format!(
            "How long does one pair take, by fill? /{size}, {}, one thread",
            service(order)
        ),
        x_label: "addresses taken, per cent (full: a random one is released and allocated again)"
            .into(),
        y_label: "nanoseconds per allocate and release".into(),
        x_ticks: (0..).map(f64::from).zip(columns).collect(),
        series,
        mark: None,
    }
}

fn points(records: &[&Rival], column_of: impl Fn(&Rival) -> f64) -> Vec<(f64, f64)> {
    let point = |record: &&Rival| Some((column_of(record), record.ns_per_pair?));
    let mut points: Vec<(f64, f64)> = records.iter().filter_map(point).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    points
}

/// Returns the fills in order, evenly spaced, because 99 and 99.9 per cent differ more than 50 and 90; full comes last.
fn columns(records: &[&Rival]) -> Vec<String> {
    let mut records = records.to_vec();
    let place = |record: &Rival| {
        if record.bench == FULL {
            f64::INFINITY
        } else {
            record.fill
        }
    };
    records.sort_by(|one, other| place(one).total_cmp(&place(other)));
    let mut columns: Vec<String> = records.into_iter().map(column).collect();
    columns.dedup();
    columns
}

fn column(record: &Rival) -> String {
    if record.bench == FULL {
        "full".into()
    } else {
        percent(record.fill)
    }
}
