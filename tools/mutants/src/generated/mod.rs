//! Mutants that are not written by hand: made by operators from the syntax of the rooms of the protocol.
//!
//! `--generated` draws a sample, the same from the same source, and builds a library that has all of them
//! (`schemata`). Each is tried against the checks of its room, quick ones first. Outcomes are recorded
//! (`target/mutants/generated/records.tsv`): a run that was stopped continues. A survivor must be in the table of
//! `harmless`, with an argument.

mod checks;
mod harmless;
mod operators;
mod records;
mod rooms;
mod run;
mod schemata;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use run::{Options, run};
