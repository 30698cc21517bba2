//! The lists of a command, and how they are read.

use crate::help::LISTS;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use hostbits_lists::Query;
use hostbits_ops::ListName;
use std::path::PathBuf;

/// Reads a [`ListName`].
pub(crate) fn list_name() -> impl TypedValueParser<Value = ListName> {
    OsStringValueParser::new().try_map(|text| ListName::read(&text))
}

/// The options for reading lists, as written on the command line. The comments are the help texts.
#[derive(Args, Clone, Debug, Default)]
struct Written {
    /// Find addresses in the preceding list, json: or ndjson:, with this jq filter
    ///
    /// It runs on each element of an array, or on any other value as a whole, and yields texts, or objects with address
    /// (or addresses), owner, state: '.items[] | {address: .status.podIP, owner: .metadata.name}'
    #[arg(long, value_name = "JQ", help_heading = LISTS)]
    filter: Vec<String>,

    /// Read the filter from a file
    #[arg(long, value_name = "FILE", help_heading = LISTS)]
    filter_file: Vec<PathBuf>,

    /// Leave out entries of the preceding list that are in one of these states: none of them will need its address
    /// again
    ///
    /// States are written as its program writes them, and the report counts what was left out. For k8s-pods:
    /// Succeeded,Failed; for dhcpd: expired,released
    #[arg(long, value_name = "STATES", value_delimiter = ',', help_heading = LISTS)]
    drop_state: Vec<String>,

    /// Tolerate this many entries that cannot be read: the addresses of those users are not protected
    ///
    /// If there are more, or any without this option, nothing is done
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = LISTS)]
    skip_unreadable: u64,
}

/// How lists are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Number of entries that may be unreadable.
    pub(crate) skip_unreadable: u64,
    /// Filters, each with the number of its list.
    filters: Vec<(usize, Query)>,
    /// States whose entries are left out, each with the number of its list.
    dropped: Vec<(usize, String)>,
}

impl Reading {
    /// Returns the lists with their filters and states, which were checked when the command line was parsed.
    pub(crate) fn of(&self, lists: &[ListName]) -> Vec<ListName> {
        let mut lists = lists.to_vec();
        for (at, query) in &self.filters {
            if let Some(list) = lists.get_mut(*at)
                && let Some(filtered) = list.filtered(query.clone())
            {
                *list = filtered;
            }
        }
        for (at, state) in &self.dropped {
            if let Some(list) = lists.get_mut(*at) {
                list.source.without.push(state.clone());
            }
        }
        lists
    }
}

impl Args for Reading {
    fn augment_args(command: Command) -> Command {
        Written::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Written::augment_args_for_update(command)
    }
}

impl FromArgMatches for Reading {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let written = Written::from_arg_matches(matches)?;
        let lists = lists_of(matches);
        let mut filters = Vec::new();
        for (at, text) in indices(matches, "filter").zip(&written.filter) {
            filters.push((at, text.clone()));
        }
        for (at, path) in indices(matches, "filter_file").zip(&written.filter_file) {
            let text = std::fs::read_to_string(path)
                .map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
            filters.push((at, text));
        }
        let filters = filters.into_iter().map(|(at, text)| {
            let before = lists.iter().rposition(|(list, _)| *list < at);
            let Some(list) = before else {
                return Err(wrong(
                    "a filter stands after its list: --from json:FILE --filter ...".to_owned(),
                ));
            };
            let query = Query::new(&text).map_err(|error| wrong(format!("no filter: {error}")))?;
            match lists[list].1.filtered(query.clone()) {
                Some(_) => Ok((list, query)),
                None => Err(wrong(
                    "a filter is for JSON: write json:FILE or ndjson:FILE before it".to_owned(),
                )),
            }
        });
        let filters: Vec<(usize, Query)> = filters.collect::<Result<_, _>>()?;
        let is_twice =
            |&(at, _): &(usize, Query)| filters.iter().filter(|it| it.0 == at).count() > 1;
        if filters.iter().any(is_twice) {
            return Err(wrong("a list has one filter".to_owned()));
        }
        let states = indices(matches, "drop_state").zip(&written.drop_state);
        let dropped = states.map(|(at, state)| {
            let before = lists.iter().rposition(|(list, _)| *list < at);
            let Some(list) = before else {
                return Err(wrong(
                    "states stand after their list: --from k8s-pods:FILE --drop-state ..."
                        .to_owned(),
                ));
            };
            let format = &lists[list].1.source.format;
            match (state.trim(), format.has_states()) {
                ("", _) => Err(wrong(
                    "a state has a name: --drop-state expired,released".to_owned(),
                )),
                (_, false) => Err(wrong(format!("entries of {} have no state", format.name()))),
                (state, true) => Ok((list, state.to_owned())),
            }
        });
        let dropped = dropped.collect::<Result<_, _>>()?;
        Ok(Self {
            skip_unreadable: written.skip_unreadable,
            filters,
            dropped,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the lists of a command, whatever option names them, with their positions on the command line.
fn lists_of(matches: &ArgMatches) -> Vec<(usize, ListName)> {
    let name = ["from", "users"]
        .into_iter()
        .find(|name| has(matches, name));
    let Some(name) = name else { return Vec::new() };
    let lists = matches.get_many::<ListName>(name).into_iter().flatten();
    indices(matches, name).zip(lists.cloned()).collect()
}

fn has(matches: &ArgMatches, name: &str) -> bool {
    matches.ids().any(|id| id.as_str() == name)
}

fn indices<'m>(matches: &'m ArgMatches, name: &str) -> impl Iterator<Item = usize> + 'm {
    let indices = has(matches, name)
        .then(|| matches.indices_of(name))
        .flatten();
    indices.into_iter().flatten()
}

fn wrong(what: String) -> Error {
    Error::raw(ErrorKind::ValueValidation, what + "\n")
}
