//! Threads against throughput, for each size and kind of release.

use super::{Picture, grouped, keep_two_of_ours};
use crate::data::Scaling;
use crate::error::Error;
use crate::lines::{Lines, Series};

/// Returns a picture for each size and kind of release.
pub(super) fn pictures(records: &[Scaling]) -> Result<Vec<Picture>, Error> {
    let drawn = records.iter().filter(|record| record.bench == "throughput");
    grouped(drawn, |record| (record.size, record.releases.clone()))
        .into_iter()
        .filter(|(_, records)| {
            records
                .iter()
                .any(|record| record.pairs_per_second.is_some())
        })
        .map(|((size, releases), records)| {
            let name = format!("threads-{size}-{releases}.svg");
            Picture::of_lines(name, &lines(size, &releases, &records))
        })
        .collect()
}

fn lines(size: u8, releases: &str, records: &[&Scaling]) -> Lines {
    let mut series: Vec<Series> =
        grouped(records.iter().copied(), |record| record.contestant.clone())
            .into_iter()
            .map(|(name, records)| series(name, &records))
            .collect();
    keep_two_of_ours(&mut series);
    let cores = records[0].cores;
    Lines {
        title: format!(
            "How many pairs do threads get done together? /{size}, {}",
            releaser(releases)
        ),
        x_label: "threads, logarithmic".into(),
        y_label: "million pairs per second, all threads together".into(),
        x_ticks: ticks(records),
        series,
        mark: Some((
            place(cores),
            format!("hardware threads of the machine: {cores}"),
        )),
    }
}

fn series(name: String, records: &[&Scaling]) -> Series {
    let point = |record: &&Scaling| Some((place(record.threads), record.pairs_per_second? / 1e6));
    let mut points: Vec<(f64, f64)> = records.iter().filter_map(point).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    Series {
        name,
        ours: records[0].ours,
        points,
        partial: false,
    }
}

/// Returns a tick for every number of threads that was measured, and for that of the machine.
fn ticks(records: &[&Scaling]) -> Vec<(f64, String)> {
    let measured = records.iter().map(|record| record.threads);
    let mut counts: Vec<usize> = measured.chain([records[0].cores]).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
        .into_iter()
        .map(|threads| (place(threads), threads.to_string()))
        .collect()
}

fn place(threads: usize) -> f64 {
    (threads as f64).log2()
}

/// Returns the name of a kind of release on a picture.
pub(super) fn releaser(releases: &str) -> &'static str {
    match releases {
        "own" => "each thread releases its own",
        _ => "another thread releases",
    }
}
