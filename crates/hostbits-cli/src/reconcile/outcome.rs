//! What was done, and what comes next.

use super::report::{Found, Grace, Lookout, Sighted};
use super::target::Target;
use crate::args::Format;
use crate::failure::{EXIT_DRIFT, Failure};
use crate::output::{Utc, print, print_error_text, print_json};
use hostbits::{Applied, SetPlan};
use hostbits_lists::Source;
use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A pass and what became of its plan.
pub(super) struct Outcome<'a> {
    pub(super) target: &'a Target,
    pub(super) sighted: Sighted,
    /// The file of the plan, if it is kept.
    pub(super) plan_file: Option<String>,
    /// The pools of which the sightings of an older plan were worth nothing.
    pub(super) began_anew: Vec<String>,
    /// Lists that nobody has written to since the pass before.
    pub(super) unwritten: Vec<String>,
    /// What applying the plan did; `None` if it was not applied.
    pub(super) applied: Option<Applied>,
    pub(super) is_barrier_up: bool,
    /// How many others have the pool open, and keep the barrier.
    pub(super) others: u32,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Next {
    /// Nothing that a pass could do.
    Nothing,
    /// `reconcile apply` with the plan.
    Apply,
    /// More passes are needed, and there is no plan to go on from.
    MorePasses,
}

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

impl Outcome<'_> {
    fn plan(&self) -> &SetPlan {
        &self.sighted.plan
    }

    fn next(&self) -> Next {
        let slots = &self.plan().slots;
        let waiting = slots.orphan - slots.ripe;
        let to_apply = match self.applied {
            Some(_) => 0,
            None => slots.ripe + slots.missing,
        };
        match (waiting + to_apply, &self.plan_file) {
            (0, _) => Next::Nothing,
            (_, Some(_)) => Next::Apply,
            (_, None) => Next::MorePasses,
        }
    }

    /// When the next pass can make some orphan riper.
    fn not_before_ms(&self) -> Option<u64> {
        let plan = self.plan();
        let ranges = self.sighted.ranges();
        let orphans = ranges.filter(|range| range.state == "orphan");
        let latest = orphans.filter_map(|range| range.again_ms.or(range.since_ms));
        let earliest = latest.min()?.saturating_add(plan.grace_ms);
        (self.next() != Next::Nothing).then_some(earliest)
    }

    /// Whether what was found has been put right.
    fn exit_code(&self) -> ExitCode {
        let left = match &self.applied {
            Some(applied) => self.sighted.left_after(applied),
            None => self.sighted.drift(),
        };
        match left {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(EXIT_DRIFT),
        }
    }

    pub(super) fn print(&self) -> Result<ExitCode, Failure> {
        let set = self.target.set();
        match self.target.format() {
            Format::Plain => {
                print_error_text(&self.sighted.notes().to_string());
                print(|out| {
                    self.sighted
                        .write(out, &self.target.name(), Lookout::Pass)?;
                    self.write_done(out)?;
                    self.write_next(out)
                })?;
            }
            Format::Json => print_json(&Answer {
                file: &self.target.file(),
                set,
                plan: self.plan_file.as_deref(),
                is_anew: !self.began_anew.is_empty(),
                began_anew: set.map(|_| &*self.began_anew),
                unwritten: &self.unwritten,
                applied: self.applied.as_ref(),
                is_barrier_up: self.is_barrier_up,
                others: self.others,
                next: self.next(),
                not_before_ms: self.not_before_ms(),
                found: self.sighted.found(Lookout::Pass),
            })?,
        }
        Ok(self.exit_code())
    }

    fn write_done(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = self.target.name();
        if !self.began_anew.is_empty() {
            write!(out, "the sightings")?;
            if self.target.set().is_some() {
                write!(out, " of {}", self.began_anew.join(", "))?;
            }
            writeln!(
                out,
                " begin anew: everybody had closed the pool, or somebody has reconciled it since"
            )?;
        }
        for list in &self.unwritten {
            writeln!(
                out,
                "{list} has not been written to since the pass before: right if it is what its program keeps, \
                 wrong if it is a dump"
            )?;
        }
        match &self.applied {
            Some(applied) => writeln!(
                out,
                "{name}: {} freed, {} spared, {} taken, {} in conflict",
                applied.freed, applied.spared, applied.adopted, applied.conflicts
            ),
            None => writeln!(out, "{name}: nothing has been changed"),
        }
    }

    fn write_next(&self, out: &mut dyn Write) -> io::Result<()> {
        let grace = Grace(self.plan().grace_ms);
        match (self.next(), &self.plan_file) {
            (Next::Nothing, _) => Ok(()),
            (_, Some(plan)) if self.plan().grace_ms == 0 => writeln!(
                out,
                "next: hostbits reconcile apply {plan}, within 15 minutes; until then nobody may join or leave"
            ),
            (_, Some(plan)) => {
                write!(out, "next: hostbits reconcile apply {plan}")?;
                match self.not_before_ms() {
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
        if self.is_barrier_up && self.others == 0 {
            let what = match self.target.set() {
                None => "nobody else has the pool open, so nobody keeps the barrier",
                Some(_) => "nobody else has all pools open, so nobody keeps all barriers",
            };
            writeln!(
                out,
                "{what}: the next command begins anew. Use --wait, or let a process keep it open"
            )?;
        }
        Ok(())
    }
}

/// Which of the lists are files that nobody has written to since then.
pub(super) fn unwritten<'a>(
    sources: impl IntoIterator<Item = &'a Source>,
    since_ms: u64,
) -> Vec<String> {
    let since = UNIX_EPOCH.checked_add(Duration::from_millis(since_ms));
    let is_older = |source: &&Source| {
        let modified = std::fs::metadata(&source.path).and_then(|found| found.modified());
        // A pipe or standard input has nothing to compare.
        let modified = modified.ok().filter(|_| source.path.is_file());
        modified
            .zip(since)
            .is_some_and(|(modified, since): (SystemTime, _)| modified < since)
    };
    let sources = sources.into_iter().filter(is_older);
    sources
        .map(|source| hostbits_ops::printable(&source.path.display().to_string()))
        .collect()
}
