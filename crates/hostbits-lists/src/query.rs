//! jq filters that select the addresses in a JSON value.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use jaq_core::data::JustLut;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::path::{Part, Path};
use jaq_core::{Compiler, Ctx, Vars, unwrap_valr};
use jaq_json::{Map, Val};

/// A jq filter that selects the addresses in JSON values. Without one, the usual names are looked for.
///
/// The filter runs on each element of a top-level array, and on every other value as a whole. It yields addresses as
/// strings, or objects with `address` (or `addresses`) and optionally `owner` and `state`. Null and an empty string are
/// users without an address. An object with `held: false` is counted, and holds nothing. An object with `unclear` is an
/// unreadable entry; its value says why.
///
/// If the filter begins by iterating over an array, as `.items[]` does, the array is read one element at a time; the
/// results are the same. A name that occurs twice in an object ends the list, because one of its values would be lost.
///
/// ```
/// use hostbits_lists::{Format, List, Query};
///
/// let pods = r#"{"items": [{"metadata": {"name": "web-0"}, "status": {"podIPs": [{"ip": "10.0.0.5"}]}}]}"#;
/// let query = Query::new(".items[] | {address: .status.podIPs[]?.ip, owner: .metadata.name}")?;
/// let mut list = List::new(Format::Json(query), "pods", pods.as_bytes());
/// assert_eq!(list.read()?.and_then(|pod| pod.owner), Some("web-0"));
/// assert!(Query::new(".items[").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    text: Option<Arc<str>>,
}

/// Why a text is not a jq filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    what: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for QueryError {}

impl Query {
    /// Looks for the usual names, without a filter.
    pub const USUAL: Self = Self { text: None };

    /// Parses a filter.
    ///
    /// # Errors
    ///
    /// If `text` is not a valid filter, or uses a name that jq does not know.
    pub fn new(text: &str) -> Result<Self, QueryError> {
        Filter::compile(text)?;
        Ok(Self {
            text: Some(text.into()),
        })
    }

    /// Returns the filter as it was written; `None` if the usual names are looked for.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Returns the filter, ready to run.
    pub(crate) fn filter(&self) -> Option<Filter> {
        Filter::compile(self.text.as_deref()?).ok()
    }
}

/// A compiled filter.
pub(crate) struct Filter {
    compiled: jaq_core::Filter<JustLut<Val>>,
    /// The names on the path to the array that it iterates over, if it sees one element at a time and nothing else.
    way: Vec<String>,
}

impl Filter {
    pub(crate) fn compile(text: &str) -> Result<Self, QueryError> {
        let error = |what: String| QueryError { what };
        let defs = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs());
        let funs = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs());
        let arena = Arena::default();
        let program = File {
            code: text,
            path: (),
        };
        let modules = Loader::new(defs)
            .load(&arena, program)
            .map_err(|errors| error(of_load(&errors)))?;
        let filter = Compiler::default()
            .with_funs(funs)
            .compile(modules)
            .map_err(|errors| {
                let mut names = errors.iter().flat_map(|(_, errors)| errors);
                error(match names.next() {
                    Some((name, _)) => format!("{name:?} is unknown to jq"),
                    None => "this is not a jq filter".to_owned(),
                })
            })?;
        Ok(Self {
            compiled: filter,
            way: jaq_core::load::parse(text, |parser| parser.term())
                .and_then(|term| way_of(&term))
                .unwrap_or_default(),
        })
    }

    /// Returns the same filter, marked as one that iterates over the array `name`, if there is one, and sees one
    /// element at a time and nothing else. The caller guarantees this.
    pub(crate) fn over(self, name: &str) -> Self {
        Self {
            way: vec![name.to_owned()],
            ..self
        }
    }

    /// Returns the names on the path to the array that may be read one element at a time; empty if there is no such
    /// array.
    pub(crate) fn way(&self) -> &[String] {
        &self.way
    }

    /// Returns a value with only the path to the array, and one element in it. What the filter yields for these values
    /// one after another is what it yields for the whole array.
    pub(crate) fn alone(&self, element: Val) -> Val {
        let array: Val = std::iter::once(element).collect();
        self.way.iter().rfold(array, |value, name| {
            let name = Val::utf8_str(name.clone());
            Val::obj(Map::from_iter([(name, value)]))
        })
    }

    /// Runs the filter on `value`, and calls `each` with every result. An error is the last result.
    pub(crate) fn run(&self, value: Val, mut each: impl FnMut(Result<Val, String>)) {
        let ctx = Ctx::<JustLut<Val>>::new(&self.compiled.lut, Vars::new([]));
        for yielded in self.compiled.id.run((ctx, value)).map(unwrap_valr) {
            match yielded {
                Ok(value) => each(Ok(value)),
                Err(error) => return each(Err(error.to_string())),
            }
        }
    }
}

/// Returns the names before the first `[]` of a filter that begins with it, as `.items[] | ...` does. Such a filter
/// then sees one element at a time, unless it refers back to the whole, as `.items[] as $pod | .` and `.items[][.at]`
/// do.
fn way_of(term: &Term<&str>) -> Option<Vec<String>> {
    match term {
        Term::Def(_, body) => way_of(body),
        Term::BinOp(first, BinaryOp::Pipe(None), _) => way_of(first),
        Term::Path(head, Path(parts)) if matches!(**head, Term::Id) => {
            let parts = || parts.iter().map(|(part, _)| part);
            let is_fixed = |part: &Part<Term<&str>>| match part {
                Part::Index(at) => name_of(at).is_some() || matches!(at, Term::Num(_)),
                Part::Range(from, to) => from.is_none() && to.is_none(),
            };
            if !parts().all(is_fixed) {
                return None;
            }
            let mut way = Vec::new();
            for part in parts() {
                match part {
                    Part::Index(at) => way.push(name_of(at)?.to_owned()),
                    Part::Range(..) => return Some(way),
                }
            }
            None
        }
        _ => None,
    }
}

/// Returns the text of a string literal without interpolation.
fn name_of<'a>(term: &Term<&'a str>) -> Option<&'a str> {
    match term {
        Term::Str(None, parts) => match parts.as_slice() {
            [StrPart::Str(name)] => Some(name),
            _ => None,
        },
        _ => None,
    }
}

fn of_load(errors: &jaq_core::load::Errors<&str, ()>) -> String {
    use jaq_core::load::Error as Load;
    let first = errors.iter().next();
    let near = |text: &str| match text.trim() {
        "" => "the filter ends too early".to_owned(),
        text => format!(
            "the filter cannot be parsed from here: {:?}",
            crate::error::excerpt(text.as_bytes())
        ),
    };
    match first.map(|(_, error)| error) {
        Some(Load::Lex(errors)) => errors.first().map(|(_, text)| near(text)),
        Some(Load::Parse(errors)) => errors.first().map(|(_, text)| near(text)),
        Some(Load::Io(_)) => Some("a filter cannot use modules".to_owned()),
        None => None,
    }
    .unwrap_or_else(|| "this is not a jq filter".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a filter that sees the elements one at a time is given them one at a time.
    #[test]
    fn only_what_sees_single_elements_has_a_way() {
        for (filter, way) in [
            (".items[]", &["items"][..]),
            (".items[]?", &["items"]),
            (".items[] | {address: .ip}", &["items"]),
            (".items[] | .a, .b | [.]", &["items"]),
            (".items[].status.podIPs[]?.ip", &["items"]),
            (".items[].ips[0]", &["items"]),
            ("def f: .ip; .items[] | f", &["items"]),
            (".data.\"the pods\"[] | .ip | .[0]", &["data", "the pods"]),
            (".[\"items\"][] | select(.a // .b)", &["items"]),
            (".items[], .others[]", &[]),
            (".items[] as $pod | .kind", &[]),
            (".items[] // .others[]", &[]),
            (".items[][.at]", &[]),
            (".items[1:][]", &[]),
            (".items[][.at:]", &[]),
            (".items[0][]", &[]),
            ("[.items[]] | .[]", &[]),
            (". as $all | .items[] | $all.kind", &[]),
            ("first(.items[])", &[]),
            ("reduce .items[] as $x (0; . + 1)", &[]),
            (".items[] += 1", &[]),
            ("(.items[])?", &[]),
            (".items", &[]),
            (".[] | .ip", &[]),
            (".\"it\\u0065ms\"[]", &[]),
            (".\"\\(.name)\"[]", &[]),
            ("..", &[]),
        ] {
            let compiled = Filter::compile(filter).unwrap();
            assert_eq!(compiled.way(), way, "{filter}");
        }
    }
}
