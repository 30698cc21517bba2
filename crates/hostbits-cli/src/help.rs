//! What stands below the options of a long help, and the headings of options that many commands share.

use hostbits_ops::trouble::Exit;

/// Options that are no matter of one command.
pub(crate) const COMMON: &str = "Common options";
/// Options of what a pool is.
pub(crate) const POOL: &str = "The pool";
/// Options of how lists are read.
pub(crate) const LISTS: &str = "How lists are read";

/// Examples, and the exit codes of the command beside 0.
pub(crate) fn after(examples: &str, exits: &[Exit]) -> String {
    after_with(examples, "done", exits)
}

/// The same, with what 0 means.
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
