//! The names of the formats, and how a caller writes them.

use crate::columns::Columns;
use crate::preset::Preset;
use crate::query::Query;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;

/// The format of a list: what a program writes, or what people write by hand.
///
/// Parsed from its name, as in `FORMAT:FILE`; see [`Source`]. The [crate's documentation](crate) says which entries of
/// each format count as held.
///
/// ```
/// use hostbits_lists::Format;
///
/// assert_eq!("wg-dump".parse(), Ok(Format::WgDump));
/// let inventory: Format = "csv@IPAddress,Name".parse()?;
/// assert_eq!(inventory.name(), "csv");
/// let error = "dhcp".parse::<Format>().unwrap_err();
/// assert!(error.to_string().contains("dhcpd"));
/// # Ok::<(), hostbits_lists::FormatError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// One address per line, and nothing else.
    Lines,
    /// Columns separated by commas, semicolons or tabs.
    Csv(Columns),
    /// Columns separated by blanks, as commands print them.
    Columns(Columns),
    /// One JSON value per line: an address, or an object that contains one.
    Ndjson(Query),
    /// JSON values, or arrays of them.
    Json(Query),
    /// The JSON output of a known program.
    Preset(Preset),
    /// The configuration of a WireGuard or AmneziaWG interface, as `wg` and `wg-quick` read it.
    Wireguard,
    /// The output of `wg show all dump` or `wg show wg0 dump`, and the same commands of `awg`.
    WgDump,
    /// A WireGuard interface of systemd-networkd, as in systemd.netdev(5).
    Netdev,
    /// The lease file of dnsmasq, for IPv4 and IPv6.
    Dnsmasq,
    /// Fixed addresses of dnsmasq: `dhcp-host=` lines, `/etc/hosts` or `/etc/ethers`.
    DnsmasqHosts,
    /// The directory in which CNI's host-local plugin keeps a file per address of a network.
    HostLocal,
    /// The lease file of Kea's DHCPv4 or DHCPv6 server, as its memfile backend writes it.
    Kea,
    /// The reservations in a configuration file of Kea.
    KeaConf,
    /// `dhcpd.leases` or `dhcpd.conf` of ISC DHCP, for IPv4 or IPv6.
    Dhcpd,
    /// The state file of odhcpd, the DHCP server of OpenWrt.
    Odhcpd,
    /// The leases of the DHCP server in systemd-networkd.
    Networkd,
    /// `ipp.txt` of OpenVPN, which `ifconfig-pool-persist` names.
    #[non_exhaustive]
    OpenvpnIpp {
        /// Whether the server uses `topology net30`, so that each entry stands for the four addresses of its /30.
        net30: bool,
    },
    /// The status file of an OpenVPN server, in version 1, 2 or 3.
    OpenvpnStatus,
    /// The directory of per-client configurations of an OpenVPN server (`client-config-dir`).
    OpenvpnCcd,
    /// The static maps, reservations and WireGuard peers in `config.xml` of OPNsense.
    Opnsense,
    /// The static maps, reservations and WireGuard peers in `config.xml` of pfSense.
    Pfsense,
    /// The table `radippool` of FreeRADIUS, exported with a header and with commas or tabs.
    Radippool,
}

/// The one table of formats. Each row has the pattern, the format without options, its name, a description, which
/// entries are held, which are not held but counted, and how a missing end is detected. The test
/// `tables_are_those_of_the_formats` writes all other tables from this one.
macro_rules! formats {
    ($($pattern:pat => $format:expr, $name:literal, $about:literal, $held:literal, $not_held:literal, $end:literal;)+) => {
        /// All formats except the presets, without options, in the order of the documentation.
        static PLAIN: &[Format] = &[$($format),+];

        impl Format {
            /// Returns the name of the format, without its options.
            pub const fn name(&self) -> &'static str {
                match self {
                    $($pattern => $name,)+
                    Self::Preset(preset) => preset.name(),
                }
            }

            /// Returns a short description of the list.
            pub const fn about(&self) -> &'static str {
                match self {
                    $($pattern => $about,)+
                    Self::Preset(preset) => preset.about(),
                }
            }

            /// Returns which entries are held, which are not held but counted, and how a missing end is detected.
            #[cfg(test)]
            const fn holdings(&self) -> [&'static str; 3] {
                match self {
                    $($pattern => [$held, $not_held, $end],)+
                    Self::Preset(_) => ["what its filter yields", "what its filter marks as not held", "something is not closed"],
                }
            }
        }
    };
}

formats! {
    Self::Lines => Format::Lines, "lines", "an address per line",
        "every line", "", "not detected";
    Self::Csv(_) => Format::CSV, "csv", "the default; csv@IP,NAME selects columns by name, csv@2,1 by number",
        "every row", "", "not detected";
    Self::Columns(_) => Format::COLUMNS, "columns", "the output of a command, with a header; columns@IP or columns@3,1",
        "every row", "", "not detected";
    Self::Ndjson(_) => Format::NDJSON, "ndjson", "a JSON value per line",
        "every value", "", "not detected";
    Self::Json(_) => Format::JSON, "json", "JSON: addresses, or objects with `address` or `ip`; or --filter",
        "every value; with a filter, what it yields", "", "something is not closed";
    Self::Wireguard => Format::Wireguard, "wireguard", "wg0.conf: AllowedIPs and Address; also AmneziaWG",
        "a peer's `AllowedIPs`, including commented-out ones; the interface's `Address`", "", "not detected";
    Self::WgDump => Format::WgDump, "wg-dump", "wg show all dump",
        "a peer's allowed IPs", "", "the last line has no line end";
    Self::Netdev => Format::Netdev, "netdev", "systemd.netdev with WireGuard peers",
        "`AllowedIPs` of peers", "", "not detected";
    Self::Dnsmasq => Format::Dnsmasq, "dnsmasq", "dnsmasq.leases",
        "every lease", "", "the last line has no line end: reported";
    Self::DnsmasqHosts => Format::DnsmasqHosts, "dnsmasq-hosts", "dhcp-host= lines, /etc/hosts, /etc/ethers",
        "every address", "", "not detected";
    Self::HostLocal => Format::HostLocal, "host-local", "the directory of a network of the CNI plugin",
        "every file of an address, even an empty one", "files that disappear while the list is read", "the directory cannot be read";
    Self::Kea => Format::Kea, "kea", "Kea's lease file (memfile)",
        "every state except `expired-reclaimed`, including `declined` and `released`", "`expired-reclaimed`; a valid lifetime of 0, which deletes the lease", "a row lacks columns: reported, and its address held";
    Self::KeaConf => Format::KeaConf, "kea-conf", "Kea's configuration: reservations",
        "reservations at any depth", "", "something is not closed";
    Self::Dhcpd => Format::Dhcpd, "dhcpd", "ISC's dhcpd.leases, or the hosts of dhcpd.conf",
        "every other state; reserved leases; fixed addresses of hosts at any depth", "`free`; for IPv6 also `expired`, `released`; deleted hosts", "a block is not closed";
    Self::Odhcpd => Format::Odhcpd, "odhcpd", "odhcpd's state file (OpenWrt)",
        "every lease", "", "the last line has no line end: reported";
    Self::Networkd => Format::Networkd, "networkd", "leases of systemd-networkd's server",
        "leases and static leases", "", "something is not closed";
    Self::OpenvpnIpp { .. } => Format::OpenvpnIpp { net30: false }, "openvpn-ipp", "ipp.txt; openvpn-ipp@net30 for topology net30",
        "every client", "", "the last line has no line end: reported, and its address held";
    Self::OpenvpnStatus => Format::OpenvpnStatus, "openvpn-status", "the status file of a server, version 1 to 3",
        "clients' virtual addresses, the routing table", "hardware addresses", "there is no `END`";
    Self::OpenvpnCcd => Format::OpenvpnCcd, "openvpn-ccd", "the directory of client configurations",
        "`ifconfig-push`, `ifconfig-ipv6-push`, `iroute`, `iroute-ipv6`", "", "the directory cannot be read";
    Self::Opnsense => Format::Opnsense, "opnsense", "config.xml: static maps, reservations, WireGuard peers",
        "static maps, reservations, WireGuard peers, the interfaces' own addresses", "leases, which the file does not contain", "the root is not closed";
    Self::Pfsense => Format::Pfsense, "pfsense", "config.xml: static maps, reservations, WireGuard peers",
        "static maps, reservations, WireGuard peers, the interfaces' own addresses", "leases, which the file does not contain", "the root is not closed";
    Self::Radippool => Format::Radippool, "radippool", "the table of FreeRADIUS as CSV with a header",
        "every other row; every row whose `status` is not `dynamic`", "expiry null or zero; no session", "a quote is not closed";
}

/// Every format, without options.
static ALL: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let presets = Preset::ALL.iter().map(|&preset| Format::Preset(preset));
    PLAIN.iter().cloned().chain(presets).collect()
});

static NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| ALL.iter().map(Format::name).collect());

impl Format {
    /// CSV whose columns are found by the header; without a header, the first column is the address.
    pub const CSV: Self = Self::Csv(Columns::USUAL);
    /// Columns separated by blanks, found by the header.
    pub const COLUMNS: Self = Self::Columns(Columns::USUAL);
    /// JSON in which the usual names are looked for.
    pub const JSON: Self = Self::Json(Query::USUAL);
    /// JSON values, one per line, in which the usual names are looked for.
    pub const NDJSON: Self = Self::Ndjson(Query::USUAL);

    /// Returns all formats, without options.
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// Returns the names of all formats.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|format| format.name() == name)
    }

    /// Returns the format with the options that follow its name and `@`.
    fn with(&self, more: &str) -> Option<Self> {
        match self {
            Self::Csv(_) => Columns::parse(more).map(Self::Csv),
            Self::Columns(_) => Columns::parse(more).map(Self::Columns),
            Self::OpenvpnIpp { .. } if more == "net30" => Some(Self::OpenvpnIpp { net30: true }),
            _ => None,
        }
    }

    /// Returns the format with a jq filter that selects the addresses in its values; see [`Query`]. Returns `None` if
    /// the format is not JSON, or has a filter of its own.
    ///
    /// ```
    /// use hostbits_lists::{Format, Query};
    ///
    /// let query = Query::new(".status.podIPs[]?.ip")?;
    /// assert!(Format::JSON.filtered(query.clone()).is_some());
    /// assert!(Format::Kea.filtered(query).is_none());
    /// # Ok::<(), hostbits_lists::QueryError>(())
    /// ```
    pub fn filtered(&self, query: Query) -> Option<Self> {
        match self {
            Self::Json(_) => Some(Self::Json(query)),
            Self::Ndjson(_) => Some(Self::Ndjson(query)),
            _ => None,
        }
    }

    /// Returns whether entries may have a state, by which they can be [left out](crate::List::without).
    pub fn has_states(&self) -> bool {
        match self {
            Self::Csv(_) | Self::Columns(_) | Self::Ndjson(_) | Self::Json(_) => true,
            Self::Preset(preset) => preset.has_states(),
            Self::HostLocal | Self::Kea | Self::KeaConf | Self::Dhcpd => true,
            Self::Wireguard | Self::OpenvpnStatus | Self::Radippool => true,
            Self::Lines | Self::WgDump | Self::Netdev => false,
            Self::Dnsmasq | Self::DnsmasqHosts | Self::Odhcpd | Self::Networkd => false,
            Self::OpenvpnIpp { .. } | Self::OpenvpnCcd | Self::Opnsense | Self::Pfsense => false,
        }
    }

    /// Returns whether [`Record::line`](crate::Record::line) counts files instead of lines.
    pub const fn counts_files(&self) -> bool {
        matches!(self, Self::HostLocal | Self::OpenvpnCcd)
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

/// A list and its format, as a caller writes them: `FORMAT:FILE`, where the file `-` is standard input.
///
/// ```
/// use hostbits_lists::{Format, Source};
///
/// let source: Source = "kea:/var/lib/kea/kea-leases4.csv".parse()?;
/// assert_eq!(source.format, Format::Kea);
/// let source = Source::with_default(Format::CSV, "users.csv".as_ref())?;
/// assert_eq!((source.format, source.path), (Format::CSV, "users.csv".into()));
/// # Ok::<(), hostbits_lists::FormatError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The format of the list.
    pub format: Format,
    /// The path of the list; `-` is standard input.
    pub path: PathBuf,
    /// The states whose entries are [left out](crate::List::without).
    pub without: Vec<String>,
}

impl Source {
    /// Creates a source with a given format and path; no state is left out.
    pub fn new(format: Format, path: impl Into<PathBuf>) -> Self {
        Self {
            format,
            path: path.into(),
            without: Vec::new(),
        }
    }

    /// Parses `FORMAT:FILE`, or `FILE` for the default format.
    ///
    /// If all characters before the first colon can be part of a format's name, they are taken for one. If there is no
    /// such format, but the whole text is the name of an existing file, that file is meant.
    ///
    /// # Errors
    ///
    /// If there is neither such a format nor such a file, or the format does not have such options.
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

    /// Opens the list.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(&self) -> Result<crate::List<'static>, crate::ListError> {
        let list = crate::List::open(self.format.clone(), &self.path)?;
        Ok(match self.without.is_empty() {
            true => list,
            false => list.without(self.without.iter().cloned()),
        })
    }
}

/// Splits off the name of a format. A single letter is not a format, but a drive of Windows.
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

/// Why a text does not name a format: there is none of that name, or it does not have such options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    text: String,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.text.split('@').next().unwrap_or_default();
        if let Some(format) = Format::named(name).filter(|_| self.text.contains('@')) {
            return match format {
                Format::Csv(_) | Format::Columns(_) => write!(
                    f,
                    "{:?} does not select columns: write {name}@IP, {name}@IP,OWNER or {name}@IP,OWNER,STATE with \
                     names or numbers of columns",
                    self.text
                ),
                Format::Json(_) | Format::Ndjson(_) => write!(
                    f,
                    "{name} takes a jq filter of its own: {name}:FILE --filter '.[] | {{address: .ip, owner: .name}}'"
                ),
                Format::OpenvpnIpp { .. } => write!(f, "write {name} or {name}@net30"),
                _ => write!(f, "{name:?} has no options: write {name}:FILE"),
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
            ("kea@x", "\"kea\" has no options"),
            ("openvpn-ipp@p2p", "openvpn-ipp@net30"),
            ("csv@", "does not select columns"),
            ("csv@0", "does not select columns"),
            ("columns@a,b,c,d", "does not select columns"),
            ("json@a.b", "--filter"),
            ("ndjson@a", "--filter"),
            ("k8s-pods@a", "has no options"),
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
        let default = |text: &str| Source::with_default(Format::CSV, text.as_ref());
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
                Ok(Source::new(Format::CSV, plain)),
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
        // A bare name inside the directory cannot be tested without changing the working directory of every other test.
        // A path never begins with the name of a format.
        let source = Source::with_default(Format::CSV, path.as_os_str());
        assert_eq!(source, Ok(Source::new(Format::CSV, path)));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// The tables for people are written from the one in this file. To update them:
/// `UPDATE_TABLES=1 cargo test -p hostbits-lists --lib tables`.
#[cfg(test)]
mod tables {
    use super::*;
    use std::fmt::Write;

    fn held() -> String {
        let mut table = String::from(
            "| name | the list | held | counted as not held | a missing end is detected if |\n|---|---|---|---|---|\n",
        );
        for format in Format::all() {
            let [held, not_held, end] = format.holdings();
            let (name, about) = (format.name(), format.about());
            writeln!(
                table,
                "| `{name}` | {about} | {held} | {not_held} | {end} |"
            )
            .unwrap();
        }
        table
    }

    fn about() -> String {
        let mut table = String::from("| format | list |\n|---|---|\n");
        for format in Format::all() {
            writeln!(table, "| `{}` | {} |", format.name(), format.about()).unwrap();
        }
        table
    }

    /// Returns the text, with the table between the marks of that name replaced.
    fn with_table(text: &str, table: &str) -> String {
        let (begin, end) = ("<!-- formats -->\n", "<!-- /formats -->");
        let start = text.find(begin).expect("the mark before the table") + begin.len();
        let length = text[start..].find(end).expect("the mark after the table");
        format!("{}{table}{}", &text[..start], &text[start + length..])
    }

    #[test]
    fn tables_are_those_of_the_formats() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (file, table) in [
            ("src/held.md", held()),
            ("../../docs/guide/lists.md", about()),
        ] {
            let path = here.join(file);
            let text = std::fs::read_to_string(&path).unwrap();
            let expected = with_table(&text, &table);
            if std::env::var_os("UPDATE_TABLES").is_some() {
                std::fs::write(&path, &expected).unwrap();
            } else {
                assert_eq!(text, expected, "{file} is not up to date");
            }
        }
    }

    #[test]
    fn the_readme_counts_the_formats() {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
        let readme = std::fs::read_to_string(readme).unwrap();
        let count = format!("lists of users in {} formats", Format::all().len());
        assert!(readme.contains(&count), "it does not say: {count}");
    }

    /// Every format has a place in the table of programs, where operators look for it.
    #[test]
    fn every_format_is_in_the_row_of_a_program() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/lists.md");
        let page = std::fs::read_to_string(page).unwrap();
        let rows: Vec<&str> = page
            .lines()
            .take_while(|line| !line.starts_with("## "))
            .filter(|line| line.starts_with("| "))
            .collect();
        let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '-';
        for name in Format::names() {
            let is_named = rows.iter().any(|row| {
                row.split(|char| !is_of_name(char))
                    .any(|word| word == *name)
            });
            assert!(is_named, "{name}");
        }
    }
}
