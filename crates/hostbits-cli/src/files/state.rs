//! The state of a file that was read, as text.

use hostbits::file::{self, RecoveryKind};
use hostbits_ops::files::{Problem, has_damage};

/// Returns the name of a problem's kind.
pub(crate) fn kind(problem: &Problem<'_>) -> &'static str {
    match problem.is_damage {
        true => "damage",
        false => "note",
    }
}

/// Describes the state of a file that was read.
pub(crate) fn verdict(view: &file::View) -> &'static str {
    let is_poisoned = view.health.poison.is_some();
    match !has_damage(view) {
        true if !view.is_settled => "another process is opening or closing it: check again",
        true => "good",
        false if is_poisoned && view.found == RecoveryKind::Joined => {
            "poisoned: nothing is handed out until it is opened again"
        }
        false => "damaged but usable: doubtful addresses count as taken",
    }
}
