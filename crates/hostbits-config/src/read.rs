//! The keys of sets, ranges and pairs.

use crate::check;
use crate::document::{Document, Node, Placed, Table};
use crate::member;
use crate::model::{Config, PairConfig, RangeConfig, SetConfig};
use crate::problem::{ConfigError, ConfigProblem};
use crate::values::{self, AddrSpan};
use hostbits::Policy;
use std::fs;
use std::path::Path;
use toml::de::DeTable;

const ROOT_KEYS: &[&str] = &["sets", "pairs"];
const SET_KEYS: &[&str] = &["strategy", "client_key", "owner_key", "members", "ranges"];
const RANGE_KEYS: &[&str] = &["range", "policy", "exclusive"];
const PAIR_KEYS: &[&str] = &["v4", "v6", "index"];

/// The maximum number of members of a set, as in [`hostbits::set::Builder::room`].
const MOST_MEMBERS: usize = 1 << 16;

/// A set with the positions of its values, for the checks.
pub(crate) struct SetDraft<'d> {
    pub(crate) members: Vec<member::MemberDraft<'d>>,
    pub(crate) ranges: Vec<(Table<'d>, RangeConfig)>,
    pub(crate) config: SetConfig,
}

impl Config {
    /// Parses a configuration. Relative paths of pool files are kept as written.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Bad`] with all problems, ordered by line.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::parse_in(text, Path::new(""))
    }

    /// Reads a configuration from a file. Relative paths of pool files are resolved against its folder.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the file cannot be read, or has problems.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse_in(&text, folder).map_err(|error| error.in_file(path))
    }

    fn parse_in(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let document = Document::new(text);
        let root = match DeTable::parse(text) {
            Ok(root) => root,
            Err(error) => return Err(not_toml(&document, &error)),
        };
        let config = read(&document.root(&root), folder);
        match document.into_problems() {
            problems if problems.is_empty() => Ok(config),
            problems => Err(bad(problems)),
        }
    }
}

fn bad(problems: Vec<ConfigProblem>) -> ConfigError {
    let path = None;
    ConfigError::Bad { path, problems }
}

fn not_toml(document: &Document, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    bad(vec![ConfigProblem {
        line: document.line_of(at),
        key: String::new(),
        code: "not-toml",
        message: format!("not TOML: {}", error.message().replace('\n', "; ")),
    }])
}

fn read(root: &Table<'_>, folder: &Path) -> Config {
    root.expect_keys(ROOT_KEYS);
    let named = root.named_tables("sets").into_iter();
    let sets: Vec<_> = named
        .map(|(name, table)| set(name, table, folder))
        .collect();
    if root.get("sets").is_none() {
        let message = "the configuration has no set: begin with [[sets.NAME.members]]";
        root.document().object(&root.place, "no-set", message);
    }
    let named = root.named_tables("pairs").into_iter();
    let pairs: Vec<_> = named
        .filter_map(|(name, table)| Some((pair(name, &table)?, table)))
        .collect();
    check::all(&sets, &pairs);
    let finished = |draft: SetDraft<'_>| SetConfig {
        members: draft.members.into_iter().map(|it| it.config).collect(),
        ranges: draft.ranges.into_iter().map(|(_, range)| range).collect(),
        ..draft.config
    };
    Config {
        sets: sets.into_iter().map(finished).collect(),
        pairs: pairs.into_iter().map(|(pair, _)| pair).collect(),
    }
}

fn set<'d>(name: Placed<String>, table: Table<'d>, folder: &Path) -> SetDraft<'d> {
    table.expect_keys(SET_KEYS);
    let nodes = table.array("members");
    if table.get("members").is_none() || (nodes.is_empty() && table.document().problem_count() == 0)
    {
        let message = format!("the set has no member: add [[sets.{}.members]]", name.value);
        let place = table.place_of("members");
        table.document().object(&place, "no-member", message);
    }
    if nodes.len() > MOST_MEMBERS {
        let message = format!("a set has at most {MOST_MEMBERS} members");
        let place = table.place_of("members");
        table.document().object(&place, "too-many-members", message);
    }
    let tables = nodes.iter().take(MOST_MEMBERS).filter_map(Node::table);
    let members: Vec<_> = tables
        .filter_map(|table| member::read(table, folder))
        .collect();
    let named = table.named_tables("ranges").into_iter();
    let ranges = named.filter_map(|(name, table)| Some((range(name, &table)?, table)));
    let ranges = ranges.map(|(range, table)| (table, range)).collect();
    let config = SetConfig {
        name: name.value,
        line: name.place.line,
        strategy: table
            .parsed("strategy", values::strategy)
            .unwrap_or_default(),
        client_key: table.parsed("client_key", values::key),
        owner_key: table.parsed("owner_key", values::key),
        members: Vec::new(),
        ranges: Vec::new(),
    };
    SetDraft {
        members,
        ranges,
        config,
    }
}

fn range(name: Placed<String>, table: &Table<'_>) -> Option<RangeConfig> {
    table.expect_keys(RANGE_KEYS);
    let policy = table.parsed("policy", values::policy);
    let exclusive = table.flag("exclusive").unwrap_or(false);
    let span: AddrSpan = needed(table, "range", |table| table.parsed("range", values::range))?;
    Some(RangeConfig {
        name: name.value,
        line: name.place.line,
        span,
        policy: policy.map_or(Policy::Lowest, |choice| choice.policy),
        exclusive,
    })
}

fn pair(name: Placed<String>, table: &Table<'_>) -> Option<PairConfig> {
    table.expect_keys(PAIR_KEYS);
    let same_index = table.parsed("index", |text| match text {
        "any" => Ok(false),
        "same" => Ok(true),
        _ => Err(format!("{text:?} is not an index: write any or same")),
    });
    let v4 = needed(table, "v4", |table| table.text("v4"));
    let v6 = needed(table, "v6", |table| table.text("v6"));
    Some(PairConfig {
        name: name.value,
        line: name.place.line,
        v4: v4?.value.to_owned(),
        v6: v6?.value.to_owned(),
        same_index: same_index.unwrap_or(false),
    })
}

/// Returns the value of a required key.
fn needed<'d, T>(
    table: &Table<'d>,
    name: &str,
    read: impl FnOnce(&Table<'d>) -> Option<T>,
) -> Option<T> {
    if table.get(name).is_none() {
        let message = format!("the key {name} is missing");
        table
            .document()
            .object(&table.place, "missing-key", message);
    }
    read(table)
}
