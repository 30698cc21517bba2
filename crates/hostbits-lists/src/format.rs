//! The names of the formats, and how a caller writes one.

use crate::fields::Fields;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The form that a list has. Each is what a real program writes, or what people write by hand.
///
/// Read from its name, as in `FORMAT:FILE`; see [`Source`]. The [crate's documentation](crate) says which
/// entries of each format count as held.
///
/// ```
/// use hostbits_lists::Format;
///
/// assert_eq!("wg-dump".parse(), Ok(Format::WgDump));
/// let pods: Format = "json@status.podIPs.ip,metadata.name".parse()?;
/// assert_eq!(pods.name(), "json");
/// let error = "dhcp".parse::<Format>().unwrap_err();
/// assert!(error.to_string().contains("dhcpd"));
/// # Ok::<(), hostbits_lists::FormatError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// One address per line.
    Lines,
    /// `address` or `address,owner` per line, with a header or without.
    Csv,
    /// One JSON value per line: an address, or an object that has one.
    Ndjson(Fields),
    /// One JSON array of addresses, or of objects that have one.
    Json(Fields),
    /// The configuration of a WireGuard interface, for `wg` or for `wg-quick`.
    Wireguard,
    /// What `wg show all dump` prints, or `wg show wg0 dump`.
    WgDump,
    /// The directory of a network of CNI's host-local plugin: a file for each address.
    HostLocal,
    /// The lease file of Kea, DHCPv4 or DHCPv6 (memfile).
    Kea,
    /// `dhcpd.leases` of ISC's server, IPv4 or IPv6.
    Dhcpd,
    /// `ipp.txt` of OpenVPN (`ifconfig-pool-persist`).
    #[non_exhaustive]
    OpenvpnIpp {
        /// The server has `topology net30`: each address stands for the four of its /30.
        net30: bool,
    },
    /// The status file of an OpenVPN server, version 1, 2 or 3.
    OpenvpnStatus,
    /// The table `radippool` of FreeRADIUS, written as CSV or with tabs, with a header.
    Radippool,
}

/// Every format, with nothing added, in the order of the documentation.
static ALL: [Format; 12] = [
    Format::Lines,
    Format::Csv,
    Format::NDJSON,
    Format::JSON,
    Format::Wireguard,
    Format::WgDump,
    Format::HostLocal,
    Format::Kea,
    Format::Dhcpd,
    Format::OpenvpnIpp { net30: false },
    Format::OpenvpnStatus,
    Format::Radippool,
];

const NAMES: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = ALL[index].name();
        index += 1;
    }
    names
};

impl Format {
    /// A JSON array in which the usual names are looked for.
    pub const JSON: Self = Self::Json(Fields::USUAL);
    /// JSON values on lines of their own, in which the usual names are looked for.
    pub const NDJSON: Self = Self::Ndjson(Fields::USUAL);

    /// The names of all formats.
    pub const fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// The name of the format, without what may be added to it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Csv => "csv",
            Self::Ndjson(_) => "ndjson",
            Self::Json(_) => "json",
            Self::Wireguard => "wireguard",
            Self::WgDump => "wg-dump",
            Self::HostLocal => "host-local",
            Self::Kea => "kea",
            Self::Dhcpd => "dhcpd",
            Self::OpenvpnIpp { .. } => "openvpn-ipp",
            Self::OpenvpnStatus => "openvpn-status",
            Self::Radippool => "radippool",
        }
    }

    fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|format| format.name() == name)
    }

    /// The format with what stands behind its name and `@`.
    fn with(&self, more: &str) -> Option<Self> {
        match self {
            Self::Ndjson(_) => Fields::parse(more).map(Self::Ndjson),
            Self::Json(_) => Fields::parse(more).map(Self::Json),
            Self::OpenvpnIpp { .. } if more == "net30" => Some(Self::OpenvpnIpp { net30: true }),
            _ => None,
        }
    }

    /// Whether [`Record::line`](crate::Record::line) counts files, and not lines.
    pub const fn counts_files(&self) -> bool {
        matches!(self, Self::HostLocal)
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let (name, more) = match text.split_once('@') {
            Some((name, more)) => (name, Some(more)),
            None => (text, None),
        };
        let format = Self::named(name).and_then(|format| match more {
            None => Some(format.clone()),
            Some(more) => format.with(more),
        });
        format.ok_or_else(|| FormatError {
            text: text.to_owned(),
        })
    }
}

/// A list and its format, as a caller names them: `FORMAT:FILE`. `-` is standard input.
///
/// ```
/// use hostbits_lists::{Format, Source};
///
/// let source: Source = "kea:/var/lib/kea/kea-leases4.csv".parse()?;
/// assert_eq!(source.format, Format::Kea);
/// let source = Source::with_default(Format::Csv, "users.csv".as_ref())?;
/// assert_eq!((source.format, source.path), (Format::Csv, "users.csv".into()));
/// # Ok::<(), hostbits_lists::FormatError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// How to read it.
    pub format: Format,
    /// Where it is.
    pub path: PathBuf,
}

impl Source {
    /// A list of a known format.
    pub fn new(format: Format, path: impl Into<PathBuf>) -> Self {
        Self {
            format,
            path: path.into(),
        }
    }

    /// Reads `FORMAT:FILE`, or `FILE` for the default format.
    ///
    /// What stands before the first colon is taken for the name of a format if it is made of the
    /// characters of one. If there is no such format, but a file of the whole name, that is meant.
    ///
    /// # Errors
    ///
    /// If there is neither.
    pub fn with_default(default: Format, text: &OsStr) -> Result<Self, FormatError> {
        let Some((name, path)) = text.to_str().and_then(split) else {
            return Ok(Self::new(default, text));
        };
        match name.parse() {
            Ok(format) => Ok(Self::new(format, path)),
            Err(_) if Path::new(text).exists() => Ok(Self::new(default, text)),
            Err(error) => Err(error),
        }
    }

    /// Begins to read it.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(&self) -> Result<crate::List<'static>, crate::ListError> {
        crate::List::open(self.format.clone(), &self.path)
    }
}

/// The name of a format, and the rest. A single letter is a drive of Windows.
fn split(text: &str) -> Option<(&str, &str)> {
    let (name, path) = text.split_once(':')?;
    let (word, _) = name.split_once('@').unwrap_or((name, ""));
    let is_name = word.len() > 1
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    is_name.then_some((name, path))
}

impl FromStr for Source {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text.split_once(':') {
            Some((name, path)) => Ok(Self::new(name.parse()?, path)),
            None => Err(FormatError {
                text: text.to_owned(),
            }),
        }
    }
}

impl From<&Source> for OsString {
    fn from(source: &Source) -> Self {
        let mut text = Self::from(source.format.name());
        text.push(":");
        text.push(&source.path);
        text
    }
}

/// There is no format of that name, or nothing of the kind can be added to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    text: String,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.text.split('@').next().unwrap_or_default();
        if let Some(format) = Format::named(name).filter(|_| self.text.contains('@')) {
            return match format {
                Format::Json(_) | Format::Ndjson(_) => write!(
                    f,
                    "{:?} does not say which fields: write {name}@ip,owner,state with names or with \
                     paths like spec.ip",
                    self.text
                ),
                Format::OpenvpnIpp { .. } => write!(f, "write {name} or {name}@net30"),
                _ => write!(f, "nothing can be added to {name:?}: write {name}:FILE"),
            };
        }
        write!(
            f,
            "{:?} is not a format: write one of {} and a colon before the file, or ./ before a file \
             with a colon in its name",
            self.text,
            NAMES.join(", ")
        )
    }
}

impl Error for FormatError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_is_the_name() {
        for &name in Format::names() {
            let format: Format = name.parse().unwrap();
            assert_eq!(format.name(), name);
            let source: Source = format!("{name}:a:b").parse().unwrap();
            assert_eq!((source.format, source.path), (format, "a:b".into()));
        }
    }

    #[test]
    fn additions_are_read_or_refused() {
        let net30 = Format::OpenvpnIpp { net30: true };
        assert_eq!("openvpn-ipp@net30".parse(), Ok(net30));
        for (text, says) in [
            ("kea@x", "nothing can be added to \"kea\""),
            ("openvpn-ipp@p2p", "openvpn-ipp@net30"),
            ("json@", "which fields"),
            ("json@a..b", "which fields"),
            ("ndjson@a,b,c,d", "which fields"),
            ("JSON", "wg-dump"),
            ("", "radippool"),
            ("dhcpd.leases", "dhcpd"),
        ] {
            let error = text.parse::<Format>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_plain_file_is_of_the_default_format() {
        let default = |text: &str| Source::with_default(Format::Csv, text.as_ref());
        for plain in [
            "users.csv",
            "-",
            "./a:b",
            "c:\\users.csv",
            "/x/kea:y",
            "a.b:c",
            "Kea:x",
        ] {
            assert_eq!(
                default(plain),
                Ok(Source::new(Format::Csv, plain)),
                "{plain}"
            );
        }
        assert_eq!(default("lines:-"), Ok(Source::new(Format::Lines, "-")));
        assert_eq!(default("kea:"), Ok(Source::new(Format::Kea, "")));
        assert!(default("users:2024").is_err(), "no such format");
        assert!("users.csv".parse::<Source>().is_err(), "no format at all");
    }

    #[test]
    fn a_file_that_exists_is_meant() {
        let name = format!("users:{}", std::process::id());
        let folder = std::env::temp_dir().join("hostbits-lists-colon");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(&name);
        std::fs::write(&path, "").unwrap();
        // The name alone, from within the folder, cannot be tested without changing the folder for
        // every other test; a path never begins with the name of a format.
        let source = Source::with_default(Format::Csv, path.as_os_str());
        assert_eq!(source, Ok(Source::new(Format::Csv, path)));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
