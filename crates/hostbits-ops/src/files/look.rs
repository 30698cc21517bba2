//! What is wrong with a file that was read.

use hostbits::file;
use serde::Serialize;

/// Something that is wrong with a file.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// What the library says.
    #[serde(flatten)]
    pub problem: &'a file::Problem,
    /// Whether it is damage; otherwise it is a note.
    pub is_damage: bool,
    /// The same as a sentence.
    pub message: String,
}

/// Whether anything of a file is damaged, though it can be opened with it.
pub fn has_damage(view: &file::View) -> bool {
    let mut problems = view.problems.iter();
    problems.any(|problem| view.is_damage(problem))
}

/// All that is wrong with a file.
pub fn problems(view: &file::View) -> Vec<Problem<'_>> {
    let problem = |problem| Problem {
        problem,
        is_damage: view.is_damage(problem),
        message: problem.to_string(),
    };
    view.problems.iter().map(problem).collect()
}
