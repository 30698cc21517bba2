//! Names from outside, made safe to print on a terminal; and addresses as people write them.

use ipnet::IpNet;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

/// Returns a name that is safe to print on a terminal: control characters are escaped.
pub fn printable(name: &str) -> String {
    name.chars()
        .flat_map(|char| {
            let escape = char.is_control();
            let escaped = escape.then(|| char.escape_default());
            escaped
                .into_iter()
                .flatten()
                .chain((!escape).then_some(char))
        })
        .collect()
}

/// Returns the name of a file in printable form.
pub fn printable_path(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// Returns an address with the prefix length of its pool's unit, which is valid: the pool was built with it.
pub fn net_of(addr: IpAddr, unit: u8) -> IpNet {
    IpNet::new(addr, unit).unwrap_or_else(|_| addr.into())
}

/// An address or a prefix as a caller writes it, such as `allocate` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The address, as written.
    pub addr: IpAddr,
    /// The prefix length, if one was written.
    pub prefix_len: Option<u8>,
}

/// Parses `10.0.0.5`, or a prefix: `10.0.0.5/32`, `10.0.0.16/28`. The error says what to write.
impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let addr = text.parse().map(|addr| Self {
            addr,
            prefix_len: None,
        });
        let prefix = |_| {
            hostbits_config::values::network(text).map(|net| Self {
                addr: net.addr(),
                prefix_len: Some(net.prefix_len()),
            })
        };
        addr.or_else(prefix).map_err(|_| {
            format!("{text:?} is neither an address nor a prefix: write 10.0.0.5 or 10.0.0.16/28")
        })
    }
}
