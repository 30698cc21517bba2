//! Weakens the library one line at a time, in a copy, and shows which check notices.
//!
//! `cargo run -p hostbits-mutants` tries all mutants, `-- --smoke` a few, at least one for each file of
//! loom models, `-- NAME ...` those whose names contain one of the words. A mutant that nothing catches,
//! or that no longer applies to the source, is a failure.
//!
//! `-- --generated` tries mutants that are made from the source: see `generated`.

mod checks;
mod copy;
mod generated;
mod list;
mod list_edges;
mod list_file;
mod list_fork;
mod list_formats;
mod list_lease_file;
mod list_lease_pass;
mod list_pass;
mod list_set;
mod list_sim;
mod list_stripes;

use checks::{Check, Verdict};
use copy::Copy;
use list::Mutant;
use std::process::ExitCode;
use std::time::Instant;

type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Outcome<bool> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "--generated") {
        return generated::run(&generated::Options::read(&words[1..])?);
    }
    let smoke = words.iter().any(|word| word == "--smoke");
    let is_unknown = |word: &&String| word.starts_with('-') && *word != "--smoke";
    if let Some(unknown) = words.iter().find(is_unknown) {
        return Err(format!(
            "{unknown} is no option: there are --smoke, --generated (first), and words of names"
        ));
    }
    let names: Vec<&String> = words.iter().filter(|word| *word != "--smoke").collect();
    let chosen = |mutant: &&Mutant| {
        (!smoke || mutant.smoke)
            && (names.is_empty() || names.iter().any(|name| mutant.name.contains(*name)))
    };
    let mutants: Vec<&Mutant> = list::all().filter(chosen).collect();
    if mutants.is_empty() {
        return Err(format!("no mutant's name contains any of {names:?}"));
    }
    let begin = Instant::now();
    let copy = Copy::new()?;
    for mutant in list::all() {
        mutant.changes(copy.tree())?;
    }
    for check in needed(&mutants) {
        match check.run(&copy)? {
            Verdict::Passed => println!("unchanged: {check} passes"),
            other => return Err(format!("unchanged, {check} fails: {other:?}")),
        }
    }
    println!("\n{:<58} {:>7}  caught by", "mutant", "seconds");
    let mut all_caught = true;
    for mutant in &mutants {
        let start = Instant::now();
        let caught_by = try_out(mutant, &copy)?;
        all_caught &= caught_by.is_some();
        println!(
            "{:<58} {:>7.1}  {}",
            mutant.name,
            start.elapsed().as_secs_f64(),
            caught_by.as_deref().unwrap_or("NOTHING"),
        );
    }
    let verdict = if all_caught {
        "all caught"
    } else {
        "not all caught"
    };
    let seconds = begin.elapsed().as_secs_f64();
    println!("\n{} mutants, {verdict}, {seconds:.0} s", mutants.len());
    Ok(all_caught)
}

/// Returns the checks that these mutants name, each once.
fn needed(mutants: &[&Mutant]) -> Vec<Check> {
    let mut needed = Vec::new();
    for &check in mutants.iter().flat_map(|mutant| mutant.checks) {
        if !needed.contains(&check) {
            needed.push(check);
        }
    }
    needed
}

/// Returns the first check that fails with the mutant, if one does.
fn try_out(mutant: &Mutant, copy: &Copy) -> Outcome<Option<String>> {
    let _restored_at_the_end = copy.weaken(mutant)?;
    let mut caught_by = None;
    for check in mutant.checks {
        match check.run(copy)? {
            Verdict::Passed => {}
            Verdict::Failed => {
                caught_by = Some(check.to_string());
                break;
            }
            Verdict::Hung => {
                caught_by = Some(format!("{check} (hangs)"));
                break;
            }
            Verdict::NotBuilt(why) => {
                return Err(format!("mutant {:?} does not compile:\n{why}", mutant.name));
            }
        }
    }
    Ok(caught_by)
}
