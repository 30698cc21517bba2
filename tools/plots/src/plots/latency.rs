//! How long the slow calls take, for each verb, size and kind of release.

use super::threads::releaser;
use super::{Picture, grouped, keep_two_of_ours};
use crate::data::Scaling;
use crate::error::Error;
use crate::lines::{Lines, Series};

/// Returns a picture for each verb, size and kind of release.
pub(super) fn pictures(records: &[Scaling]) -> Result<Vec<Picture>, Error> {
    let drawn = records.iter().filter(|record| verb(record).is_some());
    let key = |record: &Scaling| (record.bench.clone(), record.size, record.releases.clone());
    grouped(drawn, key)
        .into_iter()
        .map(|((_, size, releases), records)| (size, releases, busiest(&records)))
        .filter(|(_, _, records)| !records.is_empty())
        .map(|(size, releases, records)| {
            let verb = verb(records[0]).unwrap_or_default();
            let name = format!("latency-{verb}-{size}-{releases}.svg");
            Picture::of_lines(name, &lines(verb, size, &releases, &records))
        })
        .collect()
}

fn verb(record: &Scaling) -> Option<&str> {
    record.bench.strip_prefix("latency_")
}

/// Returns the records with a figure and the most threads that run at once on the machine: with more threads, the
/// scheduler decides the percentiles. If all records have more, those with the fewest threads.
fn busiest<'a>(records: &[&'a Scaling]) -> Vec<&'a Scaling> {
    let measured = || {
        records
            .iter()
            .copied()
            .filter(|record| record.p50.is_some())
    };
    let counts = || measured().map(|record| record.threads);
    let at_once = measured()
        .filter(|record| record.threads <= record.cores)
        .map(|record| record.threads);
    let Some(chosen) = at_once.max().or_else(|| counts().min()) else {
        return Vec::new();
    };
    measured()
        .filter(|record| record.threads == chosen)
        .collect()
}

fn lines(verb: &str, size: u8, releases: &str, records: &[&Scaling]) -> Lines {
    let mut series: Vec<Series> = records.iter().map(|record| series(record)).collect();
    keep_two_of_ours(&mut series);
    let (threads, clock) = (records[0].threads, records[0].clock_ns);
    let names = ["50", "99", "99.9", "99.99", "slowest"];
    Lines {
        title: format!(
            "How long does a slow {verb} take? /{size}, {threads} threads, {}",
            releaser(releases)
        ),
        x_label: format!("percentile of calls, per cent ({clock} ns of each are the clock's)"),
        y_label: "nanoseconds per call".into(),
        x_ticks: (0..).map(f64::from).zip(names.map(Into::into)).collect(),
        series,
        mark: None,
    }
}

fn series(record: &Scaling) -> Series {
    let percentiles = [
        record.p50,
        record.p99,
        record.p999,
        record.p9999,
        record.max,
    ];
    let places = (0..).map(f64::from);
    let point = |(place, time): (f64, Option<u64>)| Some((place, (time? as f64).max(1.0)));
    Series {
        name: record.contestant.clone(),
        ours: record.ours,
        points: places.zip(percentiles).filter_map(point).collect(),
        partial: false,
    }
}
