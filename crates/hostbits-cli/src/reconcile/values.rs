//! The values of the options of this room.

use clap::builder::{OsStringValueParser, TypedValueParser};
use hostbits_lists::{Format, FormatError, Source};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// A list, and how its format was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListName {
    /// The list.
    pub(crate) source: Source,
    /// `FORMAT:`, with all that was added to it.
    format: String,
}

impl ListName {
    /// Reads `FILE`, or `FORMAT:FILE`.
    pub(crate) fn read(text: &OsStr) -> Result<Self, FormatError> {
        let source = Source::with_default(Format::Csv, text)?;
        let bytes = text.as_encoded_bytes();
        let path_len = source.path.as_os_str().len();
        // The path is the end of the text, and what stands before it is the name of a format.
        let format = match std::str::from_utf8(&bytes[..bytes.len() - path_len]) {
            Ok(format) if !format.is_empty() => format.to_owned(),
            _ => "csv:".to_owned(),
        };
        Ok(Self { source, format })
    }

    /// Whether it is standard input, which can be read once.
    pub(crate) fn is_stdin(&self) -> bool {
        self.source.path == Path::new("-")
    }

    /// As text that means the same in every folder; `None` if the path is no text.
    pub(crate) fn absolute(&self) -> Option<String> {
        let path = match self.is_stdin() {
            true => self.source.path.clone(),
            false => std::path::absolute(&self.source.path).ok()?,
        };
        Some(format!("{}{}", self.format, path.to_str()?))
    }
}

/// Reads a [`ListName`].
pub(crate) fn list_name() -> impl TypedValueParser<Value = ListName> {
    OsStringValueParser::new().try_map(|text| ListName::read(&text))
}

/// Reads `10m`, `1h 30m`, `90s`, or `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        _ => humantime::parse_duration(text)
            .map_err(|error| format!("{error}: write 10m, 90s or 1h 30m, for example")),
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
        let fields = "json@spec.ip,metadata.name:pods.json";
        assert_eq!(
            whole(fields),
            expected("json@spec.ip,metadata.name", "pods.json")
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

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in [
            ("0", 0),
            ("0s", 0),
            ("10m", 600),
            ("1h 30m", 5400),
            ("90s", 90),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "10", "m", "-1m", "ten minutes"] {
            assert!(duration(bad).unwrap_err().contains("write 10m"), "{bad}");
        }
    }
}
