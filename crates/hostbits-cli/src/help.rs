//! The text below the options of a long help, and the headings of options that many commands share.

use hostbits_ops::trouble::Exit;

/// Heading of the options that are not specific to one command.
pub(crate) const COMMON: &str = "Common options";
/// Heading of the options that describe a pool.
pub(crate) const POOL: &str = "The pool";
/// Heading of the options that say how lists are read.
pub(crate) const LISTS: &str = "How lists are read";

/// Returns the examples, and the exit codes of the command besides 0.
pub(crate) fn after(examples: &str, exits: &[Exit]) -> String {
    after_with(examples, "done", exits)
}

/// Returns the examples and the exit codes, with the meaning of 0.
pub(crate) fn after_with(examples: &str, zero: &str, exits: &[Exit]) -> String {
    let mut text = "Examples:\n".to_owned();
    for example in examples.lines() {
        text += &format!("  {example}\n");
    }
    text += &format!("\nExit codes:\n  0  {zero}");
    for exit in exits {
        text += &format!("\n  {}  {}", exit.code(), exit.sentence());
    }
    text
}
