//! Which lists are meant.

use hostbits::users::Unreadable;
use hostbits_lists::{Format, FormatError, Query, Source};
use std::ffi::OsStr;
use std::path::Path;

/// A list, and how its format was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListName {
    /// The list.
    pub source: Source,
    /// `FORMAT:`, with all that was added to it.
    format: String,
}

impl ListName {
    /// Reads `FILE`, or `FORMAT:FILE`.
    ///
    /// # Errors
    ///
    /// The format has a variant that it does not know, or columns that are wrong.
    pub fn read(text: &OsStr) -> Result<Self, FormatError> {
        let source = Source::with_default(Format::CSV, text)?;
        let bytes = text.as_encoded_bytes();
        let path_len = source.path.as_os_str().len();
        // The path is the end of the text, and what stands before it is the name of a format.
        let format = match std::str::from_utf8(&bytes[..bytes.len() - path_len]) {
            Ok(format) if !format.is_empty() => format.to_owned(),
            _ => "csv:".to_owned(),
        };
        Ok(Self { source, format })
    }

    /// The same with a filter, if its values are JSON.
    pub fn filtered(&self, query: Query) -> Option<Self> {
        let mut filtered = self.clone();
        filtered.source.format = self.source.format.filtered(query)?;
        Some(filtered)
    }

    /// The same without the entries in some states, if its format has any.
    pub fn without(mut self, states: &[String]) -> Option<Self> {
        if !states.is_empty() && !self.source.format.has_states() {
            return None;
        }
        self.source.without.extend_from_slice(states);
        Some(self)
    }

    /// The filter that was given for it.
    pub fn filter(&self) -> Option<&str> {
        filter_of(&self.source.format)
    }

    /// Whether it is standard input, which can be read once.
    pub fn is_stdin(&self) -> bool {
        self.source.path == Path::new("-")
    }

    /// As text that means the same in every folder; `None` if the path is no text.
    pub fn absolute(&self) -> Option<String> {
        let path = match self.is_stdin() {
            true => self.source.path.clone(),
            false => std::path::absolute(&self.source.path).ok()?,
        };
        Some(format!("{}{}", self.format, path.to_str()?))
    }
}

/// Standard input can be read once.
///
/// # Errors
///
/// Says what to write instead, if it is named twice.
pub fn refuse_two_inputs(lists: &[ListName]) -> Result<(), String> {
    match lists.iter().filter(|list| list.is_stdin()).count() {
        0 | 1 => Ok(()),
        _ => Err("standard input can be read once: name - once".to_owned()),
    }
}

/// The choice of so many entries.
pub fn unreadable(at_most: u64) -> Unreadable {
    match at_most {
        0 => Unreadable::Refuse,
        at_most => Unreadable::Skip { at_most },
    }
}

/// The filter that the caller has given for a list.
pub(crate) fn filter_of(format: &Format) -> Option<&str> {
    match format {
        Format::Json(query) | Format::Ndjson(query) => query.text(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plan is read in another folder, by another user perhaps.
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
