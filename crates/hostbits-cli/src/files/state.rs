//! The state of a file that was looked at, as text.

use hostbits::file::{self, RecoveryKind};
use hostbits_ops::files::{Problem, has_damage};

/// What to call a problem.
pub(crate) fn kind(problem: &Problem<'_>) -> &'static str {
    match problem.is_damage {
        true => "damage",
        false => "note",
    }
}

/// What there is to say of a file that was looked at.
pub(crate) fn verdict(view: &file::View) -> &'static str {
    let is_poisoned = view.health.poison.is_some();
    match !has_damage(view) {
        true if !view.is_settled => {
            "somebody is opening or closing it, so nothing can be said: check again"
        }
        true => "good",
        false if is_poisoned && view.found == RecoveryKind::Joined => {
            "poisoned: nothing is handed out until it is opened again"
        }
        false => "damaged, and usable: what is doubtful counts as taken",
    }
}
