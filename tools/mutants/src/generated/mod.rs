//! Mutants that nobody thought of: made by operators from the syntax of the rooms of the protocol.
//!
//! `--generated` draws a sample, the same from the same source, and tries each against the checks of its room,
//! cheap ones first. Records are kept (`target/mutants/generated.tsv`): a run that was stopped goes on. Who
//! survives must be in the table of `harmless`, with the argument.

mod harmless;
mod operators;
mod records;
mod rooms;
mod run;
mod stages;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use run::{Options, run};
