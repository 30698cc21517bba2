//! The result of a pass, and what to do next.

use crate::found::{Grace, ListNotes, write_found};
use crate::output::{Format, Utc, note, print, print_json};
use hostbits::reconcile::Applied;
use hostbits_ops::files::{Next, Outcome, Target};
use hostbits_ops::trouble::Exit;
use hostbits_ops::{Failure, Found, Lookout};
use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    plan: Option<&'a str>,
    is_anew: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    began_anew: Option<&'a [String]>,
    unwritten: &'a [String],
    applied: Option<&'a Applied>,
    is_barrier_up: bool,
    others: u32,
    next: Next,
    not_before_ms: Option<u64>,
    #[serde(flatten)]
    found: Found<'a>,
}

/// Prints the result, and returns whether everything that was found has been repaired.
pub(super) fn print_outcome(
    target: &Target,
    outcome: &Outcome,
    format: Format,
) -> Result<ExitCode, Failure> {
    let set = target.set();
    match format {
        Format::Plain => {
            note(&ListNotes(&outcome.sighted).to_string());
            print(|out| {
                write_found(out, &outcome.sighted, &target.name(), Lookout::Pass)?;
                write_done(out, target, outcome)?;
                write_next(out, target, outcome)
            })?;
        }
        Format::Json => print_json(&Answer {
            file: &target.file(),
            set,
            plan: outcome.plan_file.as_deref(),
            is_anew: !outcome.began_anew.is_empty(),
            began_anew: set.map(|_| &*outcome.began_anew),
            unwritten: &outcome.unwritten,
            applied: outcome.applied.as_ref(),
            is_barrier_up: outcome.is_barrier_up,
            others: outcome.others,
            next: outcome.next(),
            not_before_ms: outcome.not_before_ms(),
            found: outcome.sighted.found(Lookout::Pass),
        })?,
    }
    Ok(match outcome.left() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(Exit::Drift.code()),
    })
}

fn write_done(out: &mut dyn Write, target: &Target, outcome: &Outcome) -> io::Result<()> {
    let name = target.name();
    if !outcome.began_anew.is_empty() {
        write!(out, "the sightings")?;
        if target.set().is_some() {
            write!(out, " of {}", outcome.began_anew.join(", "))?;
        }
        writeln!(
            out,
            " start over: every process had closed the pool, or it has been reconciled since"
        )?;
    }
    for list in &outcome.unwritten {
        writeln!(
            out,
            "{list} has not been written to since the pass before: right if it is what its program keeps, \
             wrong if it is a dump"
        )?;
    }
    match &outcome.applied {
        Some(applied) => writeln!(
            out,
            "{name}: {} freed, {} spared, {} taken, {} in conflict",
            applied.freed, applied.spared, applied.adopted, applied.conflicts
        ),
        None => writeln!(out, "{name}: nothing has been changed"),
    }
}

fn write_next(out: &mut dyn Write, target: &Target, outcome: &Outcome) -> io::Result<()> {
    let grace = Grace(outcome.sighted.plan.grace_ms);
    match (outcome.next(), &outcome.plan_file) {
        (Next::Nothing, _) => Ok(()),
        (_, Some(plan)) if outcome.sighted.plan.grace_ms == 0 => writeln!(
            out,
            "next: hostbits reconcile apply {plan}, within 15 minutes; until then no user may join or leave"
        ),
        (_, Some(plan)) => {
            write!(out, "next: hostbits reconcile apply {plan}")?;
            match outcome.not_before_ms() {
                Some(ms) => writeln!(
                    out,
                    ", not before {}: the third pass that sees an orphan frees it",
                    Utc(ms.div_ceil(1000))
                ),
                None => writeln!(out),
            }
        }
        (_, None) => writeln!(
            out,
            "next: an orphan is freed at the third pass that sees it, {grace} apart: --wait makes them all, \
             -o PLAN keeps this one for reconcile apply"
        ),
    }?;
    if outcome.is_barrier_up && outcome.others == 0 {
        let what = match target.set() {
            None => "no other process has the pool open, so the barrier is not kept",
            Some(_) => "no other process has all pools open, so the barriers are not kept",
        };
        writeln!(
            out,
            "{what}: the next command starts over. Use --wait, or let a process keep it open"
        )?;
    }
    Ok(())
}
