//! Problems of a file that was read.

use hostbits::file;
use serde::Serialize;

/// A problem of a file.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// The library's description.
    #[serde(flatten)]
    pub problem: &'a file::Problem,
    /// Whether the problem is damage; otherwise it is a note.
    pub is_damage: bool,
    /// The problem as a sentence.
    pub message: String,
}

/// Reports whether any part of a file is damaged, even if it can be opened.
pub fn has_damage(view: &file::View) -> bool {
    let mut problems = view.problems.iter();
    problems.any(|problem| view.is_damage(problem))
}

/// Returns all problems of a file.
pub fn problems(view: &file::View) -> Vec<Problem<'_>> {
    let problem = |problem| Problem {
        problem,
        is_damage: view.is_damage(problem),
        message: problem.to_string(),
    };
    view.problems.iter().map(problem).collect()
}
