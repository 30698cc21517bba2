//! Builds all mutants at once, in one copy, and then runs one after another, or several at the same time. Mutants that
//! cannot be built together with others follow, one at a time.

use super::checks::{Binaries, Check, CompileError, Ended, Worker, build, patience};
use super::harmless::argument;
use super::operators::Generated;
use super::records::{Fate, Record, Records};
use super::rooms::{self, Mutant};
use super::schemata::{MODULE, MODULE_TEXT, Schema};
use super::table;
use crate::Outcome;
use crate::copy::{Copy, root};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::ops::Range;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// The folder for everything that a run writes, from the root of the repository.
const FOLDER: &str = "target/mutants/generated";

const LIBRARY: &str = "src/lib.rs";

/// The rounds, by the time that checks took without a mutant: the quick checks of all mutants come first.
const ROUNDS: [Duration; 4] = [
    Duration::from_secs(3),
    Duration::from_secs(8),
    Duration::from_secs(25),
    Duration::MAX,
];

/// The default number of mutants to draw.
const SAMPLE: usize = 300;

pub(crate) struct Options {
    /// The number of mutants to draw.
    pub(crate) sample: usize,
    /// If not empty, only mutants whose names contain one of the words are drawn.
    pub(crate) words: Vec<String>,
    /// Whether to try mutants again that have a recorded outcome.
    pub(crate) again: bool,
    pub(crate) workers: usize,
    /// Whether to build each mutant alone: slow, and the reference for building all together.
    pub(crate) alone: bool,
    /// Whether only to list the mutants.
    pub(crate) list: bool,
    /// Whether only to write the recorded outcomes into the page.
    pub(crate) table: bool,
}

impl Options {
    pub(crate) fn read(arguments: &[String]) -> Outcome<Self> {
        let mut options = Self {
            sample: SAMPLE,
            words: Vec::new(),
            again: false,
            workers: 1,
            alone: false,
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
                "--alone" => options.alone = true,
                "--list" => options.list = true,
                "--table" => options.table = true,
                option if option.starts_with('-') => {
                    return Err(format!(
                        "{option} is no option: there are --sample N, --all, --again, --alone, --workers N, --list, --table"
                    ));
                }
                word => options.words.push(word.to_owned()),
            }
        }
        Ok(options)
    }
}

/// A mutant, its number among all, and the file that it changes.
#[derive(Clone)]
struct Numbered {
    number: usize,
    mutant: Mutant,
    source: String,
}

impl Numbered {
    fn change(&self) -> &Generated {
        &self.mutant.change
    }

    fn checks(&self) -> Vec<Check> {
        self.mutant.room.checks(self.change().operator)
    }
}

/// Runs the mutants, and returns whether every survivor is explained.
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
        let names = all.iter().map(|mutant| &mutant.change.name);
        names
            .filter(|name| chosen.contains(*name))
            .for_each(|name| println!("{name}"));
        return Ok(true);
    }
    let mut sources = HashMap::new();
    for file in all.iter().map(|mutant| &mutant.change.file) {
        let text =
            fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        sources.insert(file.clone(), text);
    }
    let with_number = |(number, mutant): (usize, &Mutant)| Numbered {
        number,
        mutant: mutant.clone(),
        source: sources[&mutant.change.file].clone(),
    };
    let all: Vec<_> = all.iter().enumerate().map(with_number).collect();
    let is_chosen = |numbered: &&Numbered| chosen.contains(&numbered.change().name);
    let records = Records::read(root.join("target/mutants/generated/records.tsv"));
    let is_open = |numbered: &&Numbered| match records.of(&numbered.mutant, &numbered.source) {
        _ if options.again => true,
        // A check may have become stronger.
        Some(Record {
            fate: Fate::Survived,
            ..
        }) => argument(&numbered.change().name).is_none(),
        Some(_) => false,
        None => true,
    };
    let mut queue: Vec<_> = all.iter().filter(is_chosen).filter(is_open).collect();
    if options.table {
        queue.clear();
    }
    // Mutants without an outcome come first; those that are expected to face every check come last.
    queue.sort_by_key(|numbered| {
        let is_explained = argument(&numbered.change().name).is_some();
        (is_explained, records.before(&numbered.mutant).is_some())
    });
    println!("{} to be tried", queue.len());
    let mut run = Run {
        records: Mutex::new(records),
        done: Mutex::new(0),
        begin: Instant::now(),
        count: queue.len(),
    };
    if !queue.is_empty() {
        // The whole sample as well: then every choice from it needs the same build.
        let sample = rooms::sample(all.iter().map(|numbered| &numbered.mutant), SAMPLE);
        let is_wanted = |numbered: &&Numbered| {
            let name = &numbered.change().name;
            sample.contains(name) || chosen.contains(name)
        };
        run.all_of(queue, all.iter().filter(is_wanted).collect(), options)?;
    }
    let records = run.records.into_inner().expect("no worker panicked");
    let tried: Vec<_> = all
        .iter()
        .filter(is_chosen)
        .map(|numbered| (&numbered.mutant, numbered.source.as_str()))
        .collect();
    table::tell(&tried, &records, all.len(), options.words.is_empty(), &root)
}

/// Returns the names of the mutants to try.
fn choose(all: &[Mutant], options: &Options) -> BTreeSet<String> {
    let contains = |mutant: &&Mutant| {
        let mut words = options.words.iter();
        options.words.is_empty() || words.any(|word| mutant.change.name.contains(word))
    };
    rooms::sample(all.iter().filter(contains), options.sample)
}

struct Run {
    records: Mutex<Records>,
    done: Mutex<usize>,
    begin: Instant,
    count: usize,
}

impl Run {
    /// Tries the mutants of the queue; `wanted` also has others, which are only built.
    fn all_of(
        &mut self,
        queue: Vec<&Numbered>,
        wanted: Vec<&Numbered>,
        options: &Options,
    ) -> Outcome<()> {
        let mut checks: Vec<Check> = queue.iter().flat_map(|one| one.checks()).collect();
        checks.sort_unstable();
        checks.dedup();
        let is_alone = |one: &Numbered| options.alone || one.change().body.is_none();
        let mut together = wanted;
        together.retain(|one| !is_alone(one));
        let mut schemata = Schemata::new(together, self.records.get_mut().expect("no panic"));
        let copy = schemata.write()?;
        let binaries = loop {
            match build(&copy, &checks)? {
                Ok(binaries) => break binaries,
                Err(errors) => {
                    for number in schemata.blame(&errors)? {
                        let not_built = schemata.take_out(number);
                        self.tell(not_built, Fate::NotBuilt, Duration::ZERO)?;
                    }
                    schemata.write()?;
                }
            }
        };
        println!("built: {:.1} min", self.minutes());
        let workers: Vec<_> = (0..options.workers)
            .map(|index| Worker::new(index, &copy))
            .collect();
        let before = |&check: &Check| {
            let taken = check.time_before(&binaries[&check]);
            (check, taken.unwrap_or_default())
        };
        let mut times = Times {
            before: checks.iter().map(before).collect(),
            unchanged: HashMap::new(),
        };
        let is_in = |one: &&Numbered| schemata.mutants.contains_key(&one.number);
        let together = queue.iter().copied().filter(is_in);
        // Mutants that are expected to face every check wait until all others are done.
        let is_explained = |one: &&Numbered| argument(&one.change().name).is_some();
        let (mut explained, others): (Vec<_>, Vec<_>) = together.partition(is_explained);
        // One after another, the quickest first: a run that is stopped has finished some of them.
        explained.sort_by_key(|one| times.of_all(one));
        let alone = queue.iter().copied().filter(|one| is_alone(one));
        let (explained_alone, others_alone): (Vec<_>, Vec<_>) = alone.partition(is_explained);
        for (together, rounds, alone) in [
            (others, &ROUNDS[..], others_alone),
            (explained, &[Duration::MAX], explained_alone),
        ] {
            self.in_rounds(together, rounds, &checks, &binaries, &mut times, &workers)?;
            for one in alone {
                self.alone(one, &times, &workers[0])?;
            }
        }
        Ok(())
    }

    fn in_rounds(
        &self,
        mutants: Vec<&Numbered>,
        rounds: &[Duration],
        checks: &[Check],
        binaries: &Binaries,
        times: &mut Times,
        workers: &[Worker],
    ) -> Outcome<()> {
        let firsts = mutants.iter().filter_map(|one| self.caught_before_by(one));
        let firsts: HashSet<_> = firsts.collect();
        let mut left: Vec<_> = mutants
            .into_iter()
            .map(|one| (one, Duration::ZERO))
            .collect();
        let mut from = Duration::ZERO;
        for &to in rounds {
            // Time checks only when they are needed: the long ones take minutes, and most mutants never reach them.
            let is_due = |check: &Check| {
                let is_first = from.is_zero() && firsts.contains(check);
                let is_new = !times.unchanged.contains_key(check);
                is_new && (is_first || (from..to).contains(&times.before[check]))
            };
            let due: Vec<_> = checks.iter().copied().filter(is_due).collect();
            let taken = share(workers, due, |check, worker| {
                let taken = check.time_unchanged(&binaries[&check], worker)?;
                println!("unchanged: {check} passes, {:.1} s", taken.as_secs_f64());
                Ok((check, taken))
            })?;
            times.unchanged.extend(taken);
            let passed = share(workers, left, |(one, before), worker| {
                self.round(one, before, from..to, binaries, times, worker)
            })?;
            left = passed.into_iter().flatten().collect();
            for (one, _) in &left {
                println!(
                    "passes what takes less than {to:.0?}: {}",
                    one.change().name
                );
            }
            from = to;
        }
        Ok(())
    }

    /// Runs the checks of a round. Returns a mutant that passes, unless it is the last round, with the time that it has
    /// taken so far.
    fn round<'n>(
        &self,
        one: &'n Numbered,
        before: Duration,
        round: Range<Duration>,
        binaries: &Binaries,
        times: &Times,
        worker: &Worker,
    ) -> Outcome<Option<(&'n Numbered, Duration)>> {
        let begin = Instant::now();
        let first = self.caught_before_by(one);
        for check in in_order(one, first, times) {
            let is_due = match Some(check) == first {
                true => round.start.is_zero(),
                false => round.contains(&times.before[&check]),
            };
            if !is_due {
                continue;
            }
            let patience = patience(times.unchanged[&check]);
            let number = Some(one.number);
            if let Ended::Caught(by) = check.run(&binaries[&check], number, patience, worker)? {
                self.tell(one, Fate::Caught(by), before + begin.elapsed())?;
                return Ok(None);
            }
        }
        let taken = before + begin.elapsed();
        if round.end == Duration::MAX {
            self.tell(one, Fate::Survived, taken)?;
            return Ok(None);
        }
        Ok(Some((one, taken)))
    }

    /// Builds one mutant by itself, check by check.
    fn alone(&self, one: &Numbered, times: &Times, worker: &Worker) -> Outcome<()> {
        let begin = Instant::now();
        let change = one.change();
        let changed = (change.file.clone(), change.applied_to(&one.source));
        let copy = Copy::with(FOLDER, "alone", &BTreeMap::from([changed]))?;
        let mut fate = Fate::Survived;
        // Building takes longer here than running: the unit tests are built with the library.
        let first = self.caught_before_by(one).or(Some(Check::Unit));
        for check in in_order(one, first, times) {
            let patience = patience(times.unchanged[&check]);
            let Ok(binaries) = build(&copy, &[check])? else {
                fate = Fate::NotBuilt;
                break;
            };
            if let Ended::Caught(by) = check.run(&binaries[&check], None, patience, worker)? {
                fate = Fate::Caught(by);
                break;
            }
        }
        self.tell(one, fate, begin.elapsed())
    }

    /// Returns the check that caught the mutant before its file changed.
    fn caught_before_by(&self, one: &Numbered) -> Option<Check> {
        let records = self.records.lock().expect("no panic");
        let Fate::Caught(by) = records.before(&one.mutant)? else {
            return None;
        };
        let is_it = |check: &Check| {
            let test = by.strip_prefix(&check.to_string());
            test.is_some_and(|test| test.starts_with("::") || test.starts_with(" ("))
        };
        one.checks().into_iter().find(is_it)
    }

    fn tell(&self, one: &Numbered, fate: Fate, taken: Duration) -> Outcome<()> {
        let told = match &fate {
            Fate::Caught(by) => by,
            Fate::NotBuilt => "does not compile",
            Fate::Survived if argument(&one.change().name).is_some() => "nothing: harmless",
            Fate::Survived => "NOTHING",
        };
        let mut done = self.done.lock().expect("no panic");
        *done += 1;
        let (minutes, seconds) = (self.minutes(), taken.as_secs_f64());
        println!(
            "{done}/{} {minutes:.1} min, {seconds:5.1} s  {}  |  {told}",
            self.count,
            one.change().name
        );
        let mut records = self.records.lock().expect("no panic");
        records.add(&one.mutant, &one.source, Record { fate, seconds })
    }

    fn minutes(&self) -> f64 {
        self.begin.elapsed().as_secs_f64() / 60.0
    }
}

/// Gives each thing to the next free worker, and returns all results, or the first error.
fn share<T: Send, A: Send>(
    workers: &[Worker],
    mut things: Vec<T>,
    work: impl Fn(T, &Worker) -> Outcome<A> + Sync,
) -> Outcome<Vec<A>> {
    things.reverse();
    let things = Mutex::new(things);
    let next = || things.lock().expect("no worker panicked").pop();
    let (next, work) = (&next, &work);
    let some = |worker| {
        let mut answers = Vec::new();
        while let Some(thing) = next() {
            answers.push(work(thing, worker)?);
        }
        Ok(answers)
    };
    let answers: Vec<Outcome<Vec<A>>> = thread::scope(|scope| {
        let start = |worker| scope.spawn(move || some(worker));
        let threads: Vec<_> = workers.iter().map(start).collect();
        let ends = threads.into_iter().map(|thread| thread.join());
        ends.map(|end| end.expect("a worker panicked")).collect()
    });
    let answers: Outcome<Vec<Vec<A>>> = answers.into_iter().collect();
    Ok(answers?.into_iter().flatten().collect())
}

/// The times that checks take.
struct Times {
    /// The time that each check took before, which assigns it to a round; zero if it is unknown.
    before: HashMap<Check, Duration>,
    /// The time without a mutant of each check of the rounds so far.
    unchanged: HashMap<Check, Duration>,
}

impl Times {
    /// Returns the time that a mutant takes if no check notices it.
    fn of_all(&self, one: &Numbered) -> Duration {
        one.checks().iter().map(|check| self.before[check]).sum()
    }
}

/// Returns the checks for a mutant: the one that caught it before, then tests, then models, the quickest first.
fn in_order(one: &Numbered, first: Option<Check>, times: &Times) -> Vec<Check> {
    let mut checks = one.checks();
    // A mutant makes a model slow more often than a test.
    let is_model = |check| matches!(check, Check::Loom(_));
    checks.sort_by_key(|&check| (Some(check) != first, is_model(check), times.before[&check]));
    checks
}

/// The source files with all mutants in them.
struct Schemata<'m> {
    mutants: BTreeMap<usize, &'m Numbered>,
    files: BTreeMap<String, Schema>,
}

impl<'m> Schemata<'m> {
    /// Leaves out the mutants that are recorded as not compiling.
    fn new(mutants: Vec<&'m Numbered>, records: &Records) -> Self {
        let compiles = |one: &&Numbered| {
            let known = records.of(&one.mutant, &one.source);
            known.is_none_or(|record| record.fate != Fate::NotBuilt)
        };
        let mutants = mutants.into_iter().filter(compiles);
        Self {
            mutants: mutants.map(|one| (one.number, one)).collect(),
            files: BTreeMap::new(),
        }
    }

    fn write(&mut self) -> Outcome<Copy> {
        let mut by_file: BTreeMap<&str, Vec<&Numbered>> = BTreeMap::new();
        for one in self.mutants.values() {
            by_file.entry(&one.change().file).or_default().push(one);
        }
        let schema = |(file, mutants): (&str, Vec<&Numbered>)| {
            let changes = mutants.iter().map(|one| (one.number, one.change()));
            (file.to_owned(), Schema::of(&mutants[0].source, changes))
        };
        self.files = by_file.into_iter().map(schema).collect();
        let root = root()?;
        let library = fs::read_to_string(root.join(LIBRARY));
        let library = library.map_err(|error| format!("{LIBRARY}: {error}"))?;
        let texts = self.files.iter();
        let mut texts: BTreeMap<_, _> = texts
            .map(|(file, schema)| (file.clone(), schema.text.clone()))
            .collect();
        texts.insert(LIBRARY.to_owned(), format!("{library}\nmod mutant;\n"));
        texts.insert(MODULE.to_owned(), MODULE_TEXT.to_owned());
        Copy::with(FOLDER, "tree", &texts)
    }

    /// Returns the numbers of the mutants whose bodies the compiler rejects.
    fn blame(&self, errors: &[CompileError]) -> Outcome<BTreeSet<usize>> {
        let mut blamed = BTreeSet::new();
        for error in errors {
            let mut places = error.places.iter();
            let mutant = places.find_map(|(file, line)| self.files.get(file)?.mutant_at(*line));
            blamed.insert(mutant.ok_or_else(|| error.told.clone())?);
        }
        Ok(blamed)
    }

    fn take_out(&mut self, number: usize) -> &'m Numbered {
        self.mutants.remove(&number).expect("it was blamed")
    }
}
