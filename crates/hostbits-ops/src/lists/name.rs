//! Lists, as the caller names them.

use hostbits::users::Unreadable;
use hostbits_lists::{Format, FormatError, Query, Source};
use std::ffi::OsStr;
use std::path::Path;

/// A list, and its format as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListName {
    /// The list.
    pub source: Source,
    /// `FORMAT:`, with everything that was added to it.
    format: String,
}

impl ListName {
    /// Parses `FILE` or `FORMAT:FILE`.
    ///
    /// # Errors
    ///
    /// Fails if the format has an unknown variant, or its columns are invalid.
    pub fn read(text: &OsStr) -> Result<Self, FormatError> {
        let source = Source::with_default(Format::CSV, text)?;
        let bytes = text.as_encoded_bytes();
        let path_len = source.path.as_os_str().len();
        // The path is the end of the text; the name of a format is in front of it.
        let format = match std::str::from_utf8(&bytes[..bytes.len() - path_len]) {
            Ok(format) if !format.is_empty() => format.to_owned(),
            _ => "csv:".to_owned(),
        };
        Ok(Self { source, format })
    }

    /// Returns the list with a filter, or `None` if its values are not JSON.
    pub fn filtered(&self, query: Query) -> Option<Self> {
        let mut filtered = self.clone();
        filtered.source.format = self.source.format.filtered(query)?;
        Some(filtered)
    }

    /// Returns the list without the entries in some states, or `None` if its format has no states.
    pub fn without(mut self, states: &[String]) -> Option<Self> {
        if !states.is_empty() && !self.source.format.has_states() {
            return None;
        }
        self.source.without.extend_from_slice(states);
        Some(self)
    }

    /// Returns the filter that was given for the list.
    pub fn filter(&self) -> Option<&str> {
        filter_of(&self.source.format)
    }

    /// Reports whether the list is standard input, which can be read once.
    pub fn is_stdin(&self) -> bool {
        self.source.path == Path::new("-")
    }

    /// Returns the name as text that is valid in every folder; `None` if the path is not UTF-8.
    pub fn absolute(&self) -> Option<String> {
        let path = match self.is_stdin() {
            true => self.source.path.clone(),
            false => std::path::absolute(&self.source.path).ok()?,
        };
        Some(format!("{}{}", self.format, path.to_str()?))
    }
}

/// Refuses a second use of standard input, which can be read once.
///
/// # Errors
///
/// Returns what to write instead, if standard input is named twice.
pub fn refuse_two_inputs(lists: &[ListName]) -> Result<(), String> {
    match lists.iter().filter(|list| list.is_stdin()).count() {
        0 | 1 => Ok(()),
        _ => Err("standard input can be read once: name - once".to_owned()),
    }
}

/// Returns the option that tolerates this many unreadable entries.
pub fn unreadable(at_most: u64) -> Unreadable {
    match at_most {
        0 => Unreadable::Refuse,
        at_most => Unreadable::Skip { at_most },
    }
}

/// Returns the filter that the caller gave for a list.
pub(crate) fn filter_of(format: &Format) -> Option<&str> {
    match format {
        Format::Json(query) | Format::Ndjson(query) => query.text(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plan may be read in another folder, and by another user.
    #[test]
    fn a_list_keeps_its_format_and_gets_a_whole_path() {
        let folder = std::env::current_dir().unwrap();
        let whole = |text: &str| ListName::read(text.as_ref()).unwrap().absolute().unwrap();
        let expected = |format: &str, file: &str| format!("{format}:{}/{file}", folder.display());
        assert_eq!(whole("users.csv"), expected("csv", "users.csv"));
        assert_eq!(whole("kea:a:b"), expected("kea", "a:b"));
        let columns = "csv@IPAddress,Name:reservations";
        assert_eq!(
            whole(columns),
            expected("csv@IPAddress,Name", "reservations")
        );
        assert_eq!(whole("lines:/tmp/x"), "lines:/tmp/x");
        assert_eq!(
            (whole("-"), whole("wg-dump:-")),
            ("csv:-".into(), "wg-dump:-".into())
        );
        for text in ["csv:/a b/c", "openvpn-ipp@net30:/x", "csv:-"] {
            assert_eq!(whole(text), text);
            assert_eq!(whole(&whole(text)), text);
        }
    }
}
