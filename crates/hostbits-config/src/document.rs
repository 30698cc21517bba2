//! The TOML document: keys and values with their lines, and the problems found so far. It does not depend on pools.

use crate::problem::ConfigProblem;
use std::cell::RefCell;
use std::fmt::Display;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The maximum length of a key that a message repeats, in characters.
const MOST_KEY_CHARS: usize = 64;

/// A text with its lines, and the problems in it.
pub(crate) struct Document {
    line_starts: Vec<usize>,
    problems: RefCell<Vec<ConfigProblem>>,
}

/// A position in the document: its line, and its key as a path.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) key: String,
}

/// A value, or the name of a table, with its position.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A table of the document.
pub(crate) struct Table<'d> {
    document: &'d Document,
    pub(crate) place: Place,
    entries: &'d DeTable<'d>,
}

/// A value that has not been read yet.
pub(crate) struct Node<'d> {
    document: &'d Document,
    pub(crate) place: Place,
    value: &'d DeValue<'d>,
}

impl Document {
    pub(crate) fn new(text: &str) -> Self {
        let after = |(at, byte): (usize, u8)| (byte == b'\n').then_some(at + 1);
        let starts = text.bytes().enumerate().filter_map(after);
        Self {
            line_starts: std::iter::once(0).chain(starts).collect(),
            problems: RefCell::default(),
        }
    }

    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= at)
    }

    /// Records a problem.
    pub(crate) fn object(&self, at: &Place, code: &'static str, message: impl Display) {
        self.problems.borrow_mut().push(ConfigProblem {
            line: at.line,
            key: at.key.clone(),
            code,
            message: message.to_string(),
        });
    }

    /// Returns how many problems were found so far.
    pub(crate) fn problem_count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Returns all problems, ordered by line.
    pub(crate) fn into_problems(self) -> Vec<ConfigProblem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    pub(crate) fn root<'d>(&'d self, root: &'d Spanned<DeTable<'d>>) -> Table<'d> {
        let place = Place {
            line: 1,
            key: String::new(),
        };
        Table {
            document: self,
            place,
            entries: root.get_ref(),
        }
    }
}

impl<'d> Table<'d> {
    pub(crate) fn document(&self) -> &'d Document {
        self.document
    }

    /// Reports every key that is not in `known`.
    pub(crate) fn expect_keys(&self, known: &[&str]) {
        for (key, _) in self.entries {
            if !known.contains(&&**key.get_ref()) {
                let place = self.place_of_key(key);
                let known = known.join(", ");
                let message = format!("unknown key; the keys are {known}");
                self.document.object(&place, "unknown-key", message);
            }
        }
    }

    fn place_of_key(&self, key: &Spanned<std::borrow::Cow<'_, str>>) -> Place {
        let key_text = shown(key.get_ref());
        Place {
            line: self.document.line_of(key.span().start),
            key: match &*self.place.key {
                "" => key_text,
                table => format!("{table}.{key_text}"),
            },
        }
    }

    /// Returns the value of a key, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'d>> {
        let (key, value) = self.entries.iter().find(|(key, _)| key.get_ref() == name)?;
        Some(Node {
            document: self.document,
            place: self.place_of_key(key),
            value: value.get_ref(),
        })
    }

    /// Returns the position of a key, or of the table if it has no such key.
    pub(crate) fn place_of(&self, name: &str) -> Place {
        self.get(name)
            .map_or_else(|| self.place.clone(), |node| node.place)
    }

    pub(crate) fn text(&self, name: &str) -> Option<Placed<&'d str>> {
        self.get(name)?.text()
    }

    /// Reads a string with a function whose error says what to write instead.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.get(name)?.parsed(parse)
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let node = self.get(name)?;
        match node.value {
            DeValue::Boolean(value) => Some(*value),
            _ => node.mistyped("true or false"),
        }
    }

    /// Reads an integer that is at most `most`.
    pub(crate) fn number(&self, name: &str, most: u64) -> Option<u64> {
        self.get(name)?.number(0, most)
    }

    /// Returns the values of an array; empty if there is none.
    pub(crate) fn array(&self, name: &str) -> Vec<Node<'d>> {
        self.get(name).map_or_else(Vec::new, |node| node.elements())
    }

    /// Returns the tables within a table, in the order of the file.
    pub(crate) fn named_tables(&self, name: &str) -> Vec<(Placed<String>, Table<'d>)> {
        let Some(outer) = self.get(name).and_then(|node| node.table()) else {
            return Vec::new();
        };
        let mut entries: Vec<_> = outer.entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let named = entries.into_iter().filter_map(|(key, value)| {
            let place = outer.place_of_key(key);
            let name = outer.document.name(key.get_ref(), &place)?;
            let node = Node {
                document: outer.document,
                place: place.clone(),
                value: value.get_ref(),
            };
            Some((Placed { value: name, place }, node.table()?))
        });
        named.collect()
    }
}

impl Document {
    /// Names are printed and used on command lines, so they consist of letters, digits, `-`, `_` and `.`.
    fn name(&self, name: &str, place: &Place) -> Option<String> {
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        let is_good = (1..=MOST_KEY_CHARS).contains(&name.len())
            && name.chars().all(is_plain)
            && !name.starts_with(['-', '.']);
        if !is_good {
            let message = "a name consists of 1 to 64 letters, digits, -, _ and ., and begins with a letter, a digit or _";
            self.object(place, "bad-name", message);
        }
        is_good.then(|| name.to_owned())
    }
}

impl<'d> Node<'d> {
    pub(crate) fn text(&self) -> Option<Placed<&'d str>> {
        match self.value {
            DeValue::String(text) => Some(Placed {
                value: text,
                place: self.place.clone(),
            }),
            _ => self.mistyped("a string in quotes"),
        }
    }

    pub(crate) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text()?;
        match parse(text.value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.document.object(&self.place, "bad-value", message);
                None
            }
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    pub(crate) fn number(&self, least: u64, most: u64) -> Option<u64> {
        let DeValue::Integer(digits) = self.value else {
            return self.mistyped("a whole number");
        };
        let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok();
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let message = format!("write a whole number from {least} to {most}");
            self.document.object(&self.place, "bad-value", message);
        }
        number
    }

    pub(crate) fn elements(&self) -> Vec<Node<'d>> {
        let DeValue::Array(array) = self.value else {
            self.mistyped::<()>("a list in brackets");
            return Vec::new();
        };
        let elements = array.iter().enumerate().map(|(index, element)| Node {
            document: self.document,
            place: Place {
                line: self.document.line_of(element.span().start),
                key: format!("{}[{index}]", self.place.key),
            },
            value: element.get_ref(),
        });
        elements.collect()
    }

    pub(crate) fn table(&self) -> Option<Table<'d>> {
        match self.value {
            DeValue::Table(entries) => Some(Table {
                document: self.document,
                place: self.place.clone(),
                entries,
            }),
            _ => self.mistyped("a table"),
        }
    }

    fn mistyped<T>(&self, wanted: &str) -> Option<T> {
        let found = self.value.type_str();
        let message = format!("write {wanted} here, not a value of type {found}");
        self.document.object(&self.place, "wrong-type", message);
        None
    }
}

/// Returns a key as a message can show it: without control characters, and not too long.
fn shown(key: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    if !key.is_empty() && key.len() <= MOST_KEY_CHARS && key.chars().all(is_bare) {
        return key.to_owned();
    }
    let some: String = key.chars().take(MOST_KEY_CHARS).collect();
    format!("{some:?}")
}
