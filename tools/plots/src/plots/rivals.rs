//! Contestants side by side, for each job that is not already drawn against the fill.

use super::{Picture, grouped, service};
use crate::bars::{Bar, Bars, Section};
use crate::data::Rival;
use crate::error::Error;
use crate::scale::percent;

/// Returns a picture for each job, size and fill.
pub(super) fn pictures(records: &[Rival]) -> Result<Vec<Picture>, Error> {
    let drawn = records
        .iter()
        .filter(|record| question(&record.bench).is_some() && record.outcome.is_drawn());
    let jobs = grouped(drawn, |record| (record.bench.clone(), record.size));
    let mut pictures = Vec::new();
    for ((bench, size), records) in jobs {
        let fills = grouped(records, |record| percent(record.fill));
        let only = fills.len() == 1;
        for (fill, records) in fills {
            let part = if only {
                String::new()
            } else {
                format!("-{fill}")
            };
            let name = format!("rivals-{}-{size}{part}.svg", bench.replace('_', "-"));
            if records.iter().any(|record| record.ns_per_pair.is_some()) {
                pictures.push(Picture::of_bars(name, &bars(&records))?);
            }
        }
    }
    Ok(pictures)
}

fn bars(records: &[&Rival]) -> Bars {
    let first = records[0];
    let (question, fill) = (
        question(&first.bench).unwrap_or_default(),
        percent(first.fill),
    );
    let threads = match first.threads {
        1 => "one thread".to_owned(),
        count => format!("{count} threads"),
    };
    Bars {
        title: format!("{question} /{}, {fill} % taken, {threads}", first.size),
        label: "nanoseconds per allocate and release".into(),
        sections: grouped(records.iter().copied(), |record| record.order.clone())
            .into_iter()
            .map(|(order, records)| section(&order, &records))
            .collect(),
    }
}

/// Returns the bars of a service: the fastest first, contestants that were not run last.
fn section(order: &str, records: &[&Rival]) -> Section {
    let mut bars: Vec<Bar> = records.iter().map(|record| bar(record)).collect();
    let place = |bar: &Bar| bar.value.unwrap_or(f64::INFINITY);
    bars.sort_by(|one, other| place(one).total_cmp(&place(other)));
    Section {
        heading: format!("Asked for {}:", service(order)),
        bars,
    }
}

fn bar(record: &Rival) -> Bar {
    Bar {
        name: record.contestant.clone(),
        ours: record.ours,
        value: record.ns_per_pair,
    }
}

/// Returns the title for a job; none for jobs that are not drawn here.
fn question(bench: &str) -> Option<&'static str> {
    match bench {
        "full_random" => Some("How long do release and allocate take on a full pool?"),
        "full_burst" => Some("How long do 16 releases and 16 allocations take, per pair?"),
        "users" => Some("How long does one pair take among users?"),
        "all_cores" => Some("How long does one pair take with all cores at work?"),
        _ => None,
    }
}
