//! Which fields of a JSON object name the address, the owner and the state.

/// Names of fields, as paths: `spec.ip` is the field `ip` of the object in the field `spec`. An array on
/// the way stands for each of its elements.
///
/// Without paths, the usual names are looked for at the top of each object, in any spelling (`ipAddress`,
/// `ip_address`, `IP Address`).
///
/// ```
/// use hostbits_lists::{Fields, Format, List};
///
/// let pods = r#"[{"metadata": {"name": "web-0"}, "status": {"podIPs": [{"ip": "10.0.0.5"}]}}]"#;
/// let fields = Fields::parse("status.podIPs.ip,metadata.name").expect("two paths");
/// let mut list = List::new(Format::Json(fields), "pods", pods.as_bytes());
/// let record = list.read()?.expect("a pod");
/// assert_eq!(record.owner, Some("web-0"));
/// # Ok::<(), hostbits_lists::ListError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fields {
    paths: Option<[Vec<String>; 3]>,
}

/// What a field may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Address,
    Owner,
    State,
}

pub(crate) const ROLES: [Role; 3] = [Role::Address, Role::Owner, Role::State];

const ADDRESS_NAMES: [&str; 15] = [
    "address",
    "addr",
    "ip",
    "ipaddress",
    "ipaddr",
    "ipv4",
    "ipv6",
    "ipv4address",
    "ipv6address",
    "cidr",
    "addresses",
    "ips",
    "ipaddresses",
    "allowedips",
    "podip",
];
const OWNER_NAMES: [&str; 7] = [
    "owner", "user", "username", "name", "hostname", "client", "holder",
];
const STATE_NAMES: [&str; 2] = ["state", "status"];

impl Fields {
    /// The usual names.
    pub const USUAL: Self = Self { paths: None };

    /// Reads paths: `ADDRESS`, `ADDRESS,OWNER` or `ADDRESS,OWNER,STATE`; `None` if it is none of those.
    pub fn parse(text: &str) -> Option<Self> {
        let mut paths = [Vec::new(), Vec::new(), Vec::new()];
        for (index, part) in text.split(',').enumerate() {
            *paths.get_mut(index)? = part.split('.').map(str::to_owned).collect();
        }
        let is_good = paths.iter().flatten().all(|name| !name.is_empty());
        is_good.then_some(Self { paths: Some(paths) })
    }

    /// The path of a role; empty if nobody said so, `None` where the usual names count.
    pub(crate) fn path(&self, role: Role) -> Option<&[String]> {
        let paths = self.paths.as_ref()?;
        Some(&paths[role as usize])
    }
}

/// What a name usually means.
pub(crate) fn usual_role(name: &str) -> Option<Role> {
    if name.len() > 64 {
        return None;
    }
    let letters = name.chars().filter(|char| char.is_alphanumeric());
    let plain = letters.collect::<String>().to_lowercase();
    if ADDRESS_NAMES.contains(&&*plain) {
        Some(Role::Address)
    } else if OWNER_NAMES.contains(&&*plain) {
        Some(Role::Owner)
    } else if STATE_NAMES.contains(&&*plain) {
        Some(Role::State)
    } else {
        None
    }
}
