//! Fuzzes hostbits with nothing but a stable toolchain.
//!
//! ```text
//! cargo run --profile fuzz -p hostbits-fuzz -- list
//! cargo run --profile fuzz -p hostbits-fuzz -- TARGET --seconds 30 [--seed N]
//! cargo run --profile fuzz -p hostbits-fuzz -- TARGET --runs 20000 --seed 1    the same each time
//! cargo run --profile fuzz -p hostbits-fuzz -- TARGET FILE...      replays inputs
//! ```
//!
//! `targets` defines what each target takes and what must hold; `engine` mutates the corpus and keeps
//! what shows something new; `minimise` makes the input of a panic small, which is written to `failures/`. There is
//! no instrumentation: the targets themselves record what they have seen.

mod corpus;
mod engine;
mod minimise;
mod mutate;
mod random;
mod run;
mod targets;
mod watchdog;

use engine::{Finding, Until};
use run::Panic;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use targets::Target;

const USAGE: &str =
    "usage: hostbits-fuzz list | TARGET (--seconds N | --runs N) [--seed N] | TARGET FILE...";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match perform(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Does what the words say, and returns whether nothing was found.
fn perform(words: &[String]) -> Result<bool, String> {
    let (name, rest) = words.split_first().ok_or("nothing to do")?;
    if name == "list" {
        targets::ALL
            .iter()
            .for_each(|target| println!("{}", target.name));
        return Ok(true);
    }
    let target = targets::ALL.iter().find(|target| target.name == name);
    let target = target.ok_or_else(|| format!("no target {name}"))?;
    if rest.iter().any(|word| word.starts_with("--")) {
        fuzz(target, until(rest)?, number(rest, "--seed")?)
    } else if rest.is_empty() {
        Err("--seconds, --runs or files are missing".into())
    } else {
        replay(target, rest)
    }
}

fn until(words: &[String]) -> Result<Until, String> {
    match (number(words, "--seconds")?, number(words, "--runs")?) {
        (Some(seconds), None) => Ok(Until::Elapsed(Duration::from_secs(seconds))),
        (None, Some(runs)) => Ok(Until::Runs(runs)),
        _ => Err("either --seconds or --runs is needed".into()),
    }
}

fn number(words: &[String], option: &str) -> Result<Option<u64>, String> {
    let Some(at) = words.iter().position(|word| word == option) else {
        return Ok(None);
    };
    let number = words.get(at + 1).and_then(|word| word.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| format!("{option} wants a number"))
}

fn replay(target: &'static Target, files: &[String]) -> Result<bool, String> {
    let mut is_clean = true;
    for file in files {
        let input = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        match run::run(target, &input) {
            Ok(_) => println!("{file}: clean"),
            Err(panic) => {
                is_clean = false;
                println!("{file}: {}", shown(&panic));
            }
        }
    }
    Ok(is_clean)
}

fn fuzz(target: &'static Target, until: Until, seed: Option<u64>) -> Result<bool, String> {
    let corpus =
        corpus::load(target).map_err(|error| format!("corpus of {}: {error}", target.name))?;
    let seeds = corpus.into_iter().map(|(_, input)| input).collect();
    let seed = seed.unwrap_or_else(seed_of_now);
    let watchdog = watchdog::Watchdog::start(move |input| {
        println!(
            "{}: seed {seed}: a run does not end\n{}",
            target.name,
            saved(target, input)
        );
        std::process::exit(1);
    });
    let summary = engine::campaign(target, seeds, seed, until, |input| watchdog.watch(input));
    println!(
        "{}: seed {seed}: {} runs in {:.0?} ({:.0} per second), {} inputs kept, slowest run {:.0?}: {}",
        target.name,
        summary.runs,
        summary.elapsed,
        summary.runs as f64 / summary.elapsed.as_secs_f64(),
        summary.kept,
        summary.slowest,
        if summary.finding.is_some() {
            "FAILED"
        } else {
            "clean"
        }
    );
    if let Some(finding) = &summary.finding {
        report(target, finding);
    }
    Ok(summary.finding.is_none())
}

fn report(target: &Target, finding: &Finding) {
    println!("{}", shown(&finding.panic));
    println!(
        "{} bytes of {}: {}",
        finding.input.len(),
        finding.found_len,
        finding.input.escape_ascii()
    );
    println!("{}", saved(target, &finding.input));
}

fn shown(panic: &Panic) -> String {
    format!("panic at {}: {}", panic.place, panic.message)
}

fn saved(target: &Target, input: &[u8]) -> String {
    match corpus::save_failure(target, input) {
        Ok(path) => format!("written to {}", path.display()),
        Err(error) => format!("not written: {error}"),
    }
}

fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos() as u64)
}
