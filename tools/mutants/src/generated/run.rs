//! One mutant after the other, or several at once, each in a copy of its worker's own.

use super::harmless::argument;
use super::records::{Fate, Record, Records};
use super::rooms::{self, Mutant};
use super::stages::{Ended, LONGEST, Stage};
use super::table;
use crate::Outcome;
use crate::copy::{Copy, root};
use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) struct Options {
    /// How many mutants to draw.
    pub(crate) sample: usize,
    /// Of those alone whose names contain one of the words.
    pub(crate) words: Vec<String>,
    /// Whatever the records say.
    pub(crate) again: bool,
    pub(crate) workers: usize,
    /// Only says what there is.
    pub(crate) list: bool,
    /// Only writes what the records say into the page.
    pub(crate) table: bool,
}

impl Options {
    pub(crate) fn read(arguments: &[String]) -> Outcome<Self> {
        let mut options = Self {
            sample: 300,
            words: Vec::new(),
            again: false,
            workers: 1,
            list: false,
            table: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let number = arguments.next().and_then(|text| text.parse().ok());
                number
                    .filter(|&number| number > 0)
                    .ok_or(format!("{argument} takes a number"))
            };
            match argument.as_str() {
                "--sample" => options.sample = number()?,
                "--all" => options.sample = usize::MAX,
                "--workers" => options.workers = number()?,
                "--again" => options.again = true,
                "--list" => options.list = true,
                "--table" => options.table = true,
                option if option.starts_with('-') => {
                    return Err(format!(
                        "{option} is no option: there are --sample N, --all, --again, --workers N, --list, --table"
                    ));
                }
                word => options.words.push(word.to_owned()),
            }
        }
        Ok(options)
    }
}

struct Run {
    records: Mutex<Records>,
    /// Those that are still to be tried, the next one last.
    queue: Mutex<Vec<(Mutant, String)>>,
    patience: HashMap<Stage, Duration>,
    begin: Instant,
    count: usize,
}

/// Whether every survivor is explained.
pub(crate) fn run(options: &Options) -> Outcome<bool> {
    let root = root()?;
    let all = rooms::all(&root)?;
    let chosen = choose(&all, options);
    if chosen.is_empty() {
        return Err(format!(
            "no generated mutant's name contains any of {:?}",
            options.words
        ));
    }
    println!("{} mutants in all, {} chosen", all.len(), chosen.len());
    if options.list {
        chosen
            .iter()
            .for_each(|mutant| println!("{}", mutant.change.name));
        return Ok(true);
    }
    let copies = (0..options.workers)
        .map(Copy::of_worker)
        .collect::<Outcome<Vec<_>>>()?;
    let source = |mutant: &Mutant| {
        let path = copies[0].tree().join(&mutant.change.file);
        fs::read_to_string(path).map_err(|error| format!("{}: {error}", mutant.change.file))
    };
    let records = Records::read(copies[0].target("generated.tsv"));
    let mut with_source = Vec::new();
    for mutant in chosen {
        let source = source(&mutant)?;
        with_source.push((mutant, source));
    }
    let is_open = |(mutant, source): &&(Mutant, String)| match records.of(mutant, source) {
        _ if options.again => true,
        // Maybe a check has become stronger.
        Some(Record {
            fate: Fate::Survived,
            ..
        }) => argument(&mutant.change.name).is_none(),
        Some(_) => false,
        None => true,
    };
    let mut queue: Vec<_> = with_source.iter().filter(is_open).cloned().collect();
    if options.table {
        queue.clear();
    }
    println!("{} to be tried", queue.len());
    queue.reverse();
    let run = Run {
        patience: patience(&queue, &copies)?,
        records: Mutex::new(records),
        count: queue.len(),
        queue: Mutex::new(queue),
        begin: Instant::now(),
    };
    let outcomes: Vec<Outcome<()>> = thread::scope(|scope| {
        let run = &run;
        let work = |copy| scope.spawn(move || run.work(copy));
        let workers: Vec<_> = copies.iter().map(work).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker panicked"))
            .collect()
    });
    outcomes.into_iter().collect::<Outcome<()>>()?;
    let records = run.records.into_inner().expect("no worker panicked");
    table::tell(
        &with_source,
        &records,
        all.len(),
        options.words.is_empty(),
        &root,
    )
}

fn choose(all: &[Mutant], options: &Options) -> Vec<Mutant> {
    if options.words.is_empty() {
        return rooms::sample(all, options.sample);
    }
    let contains = |mutant: &&Mutant| {
        let mut words = options.words.iter();
        words.any(|word| mutant.change.name.contains(word))
    };
    let named: Vec<_> = all.iter().filter(contains).cloned().collect();
    rooms::sample(&named, options.sample)
}

/// How long to wait for each stage that is needed: a multiple of what it takes where nothing is changed.
fn patience(queue: &[(Mutant, String)], copies: &[Copy]) -> Outcome<HashMap<Stage, Duration>> {
    let mut patience = HashMap::new();
    for (mutant, _) in queue {
        for stage in mutant.room.stages(mutant.change.operator) {
            if patience.contains_key(&stage) {
                continue;
            }
            let taken = stage.time_unchanged(&copies[0])?;
            println!("unchanged: {stage} passes, {:.1} s", taken.as_secs_f64());
            patience.insert(stage, (taken * 3 + Duration::from_secs(8)).min(LONGEST));
        }
    }
    Ok(patience)
}

impl Run {
    fn work(&self, copy: &Copy) -> Outcome<()> {
        loop {
            let next = self.queue.lock().expect("no panic").pop();
            let Some((mutant, source)) = next else {
                return Ok(());
            };
            let begin = Instant::now();
            let fate = self.try_out(&mutant, &source, copy)?;
            let seconds = begin.elapsed().as_secs_f64();
            let told = match &fate {
                Fate::Caught(by) => by,
                Fate::NotBuilt => "does not compile",
                Fate::Survived if argument(&mutant.change.name).is_some() => "nothing: harmless",
                Fate::Survived => "NOTHING",
            };
            let done = self.count - self.queue.lock().expect("no panic").len();
            let minutes = self.begin.elapsed().as_secs_f64() / 60.0;
            let name = &mutant.change.name;
            println!(
                "{done}/{} {minutes:.1} min, {seconds:5.1} s  {name}  |  {told}",
                self.count
            );
            let mut records = self.records.lock().expect("no panic");
            records.add(&mutant, &source, Record { fate, seconds })?;
        }
    }

    fn try_out(&self, mutant: &Mutant, source: &str, copy: &Copy) -> Outcome<Fate> {
        let change = &mutant.change;
        let _restored_at_the_end =
            copy.replace(&change.file, source, &change.applied_to(source))?;
        for stage in mutant.room.stages(change.operator) {
            match stage.run(copy, self.patience[&stage])? {
                Ended::Passed => {}
                Ended::Caught(by) => return Ok(Fate::Caught(by)),
                Ended::NotBuilt => return Ok(Fate::NotBuilt),
            }
        }
        Ok(Fate::Survived)
    }
}
