//! Many mutants in one text: a function has a body for each of its mutants, and a number, read once when the
//! program begins, selects the body that runs. All mutants are thus built at once.

use super::operators::Generated;
use std::collections::BTreeMap;
use std::ops::Range;

/// The environment variable with the number.
pub(super) const NUMBER: &str = "HOSTBITS_MUTANT";

/// The file of the module that reads the number.
pub(super) const MODULE: &str = "src/mutant.rs";

pub(super) const MODULE_TEXT: &str = r#"//! Which mutant is run: none without a number.

use std::sync::OnceLock;

// Not loom's: a model does not branch here.
static NUMBER: OnceLock<usize> = OnceLock::new();

pub(crate) fn number() -> usize {
    *NUMBER.get_or_init(|| {
        let number = std::env::var("HOSTBITS_MUTANT").ok();
        number.map_or(usize::MAX, |number| number.parse().expect("a number"))
    })
}
"#;

/// A file with the mutants in it.
pub(super) struct Schema {
    pub(super) text: String,
    /// The first line and the one after the last of each mutant's body, and its number.
    bodies: Vec<(Range<usize>, usize)>,
}

impl Schema {
    /// Builds the text from the changes, each with its number. Changes that need a build of their own are left out.
    pub(super) fn of<'c>(
        text: &str,
        changes: impl IntoIterator<Item = (usize, &'c Generated)>,
    ) -> Self {
        let mut functions: BTreeMap<usize, (Range<usize>, Vec<_>)> = BTreeMap::new();
        for (number, change) in changes {
            if let Some(body) = &change.body {
                let function = functions
                    .entry(body.start)
                    .or_insert((body.clone(), vec![]));
                function.1.push((number, change));
            }
        }
        let mut schema = Self {
            text: String::new(),
            bodies: Vec::new(),
        };
        let mut told = 0;
        for (body, changes) in functions.into_values() {
            schema.tell(&text[told..body.start]);
            schema.tell("{ match crate::mutant::number() {\n");
            for (number, change) in changes {
                let first = schema.line();
                let changed = change.applied_within(text, body.clone());
                schema.tell(&format!("{number} => {changed},\n"));
                schema.bodies.push((first..schema.line(), number));
            }
            schema.tell(&format!("_ => {} }} }}", &text[body.clone()]));
            told = body.end;
        }
        schema.tell(&text[told..]);
        schema
    }

    /// Returns the number of the mutant whose body contains this line.
    pub(super) fn mutant_at(&self, line: usize) -> Option<usize> {
        let found = self.bodies.iter().find(|(lines, _)| lines.contains(&line));
        found.map(|&(_, number)| number)
    }

    fn tell(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn line(&self) -> usize {
        self.text.matches('\n').count() + 1
    }
}
