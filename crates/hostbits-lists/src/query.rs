//! jq filters that say what in a JSON value is an address.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, unwrap_valr};
use jaq_json::Val;

/// A filter in the language of jq, or none: then the usual names are looked for.
///
/// It is run on each element of an array at the top, and on each other value as a whole. It yields texts, which
/// are addresses, or objects with `address` (or `addresses`), and perhaps `owner` and `state`; null and empty
/// texts are users without an address. Objects with `held` false are counted, and hold nothing. An object with
/// `unclear` says why the address of somebody is not known: the entry cannot be read.
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

/// A filter that is none.
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
    /// The usual names.
    pub const USUAL: Self = Self { text: None };

    /// A filter.
    ///
    /// # Errors
    ///
    /// If it is none, or names something that jq does not have.
    pub fn new(text: &str) -> Result<Self, QueryError> {
        Filter::compile(text)?;
        Ok(Self {
            text: Some(text.into()),
        })
    }

    /// The filter as it was written; `None` where the usual names count.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The filter, ready to run.
    pub(crate) fn filter(&self) -> Option<Filter> {
        Filter::compile(self.text.as_deref()?).ok()
    }
}

/// A filter that is ready to run.
pub(crate) struct Filter(jaq_core::Filter<JustLut<Val>>);

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
                    Some((name, _)) => format!("{name:?} is not known to jq"),
                    None => "this is no jq filter".to_owned(),
                })
            })?;
        Ok(Self(filter))
    }

    /// Runs it, and tells each value that it yields; at an error what that says, and there it ends.
    pub(crate) fn run(&self, value: Val, mut each: impl FnMut(Result<Val, String>)) {
        let ctx = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        for yielded in self.0.id.run((ctx, value)).map(unwrap_valr) {
            match yielded {
                Ok(value) => each(Ok(value)),
                Err(error) => return each(Err(error.to_string())),
            }
        }
    }
}

fn of_load(errors: &jaq_core::load::Errors<&str, ()>) -> String {
    use jaq_core::load::Error as Load;
    let first = errors.iter().next();
    let near = |text: &str| match text.trim() {
        "" => "the filter ends too early".to_owned(),
        text => format!(
            "the filter cannot be read from here on: {:?}",
            crate::error::excerpt(text.as_bytes())
        ),
    };
    match first.map(|(_, error)| error) {
        Some(Load::Lex(errors)) => errors.first().map(|(_, text)| near(text)),
        Some(Load::Parse(errors)) => errors.first().map(|(_, text)| near(text)),
        Some(Load::Io(_)) => Some("a filter has no modules".to_owned()),
        None => None,
    }
    .unwrap_or_else(|| "this is no jq filter".to_owned())
}
