//! Which columns of a table hold the address, the owner and the state.

/// Selects the columns of a table, by their names in the header or by their numbers.
///
/// Names match in any case, without regard to blanks and punctuation. Numbers count from 1.
///
/// ```
/// use hostbits_lists::{Columns, Format, List};
///
/// let table = "ScopeId,IPAddress,Name\n10.0.0.0,10.0.0.5,printer\n";
/// let columns = Columns::parse("IPAddress,Name").expect("two columns");
/// let mut list = List::new(Format::Csv(columns), "reservations", table.as_bytes());
/// let record = list.read()?.expect("a printer");
/// assert_eq!(record.owner, Some("printer"));
/// # Ok::<(), hostbits_lists::ListError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Columns {
    chosen: Option<[Option<Column>; 3]>,
}

/// A column as the caller chose it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Column {
    /// Its name, normalized by [`plain`].
    Name(String),
    /// Its number, from 0.
    At(usize),
}

/// The positions of the columns; there may be several for the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) addresses: Vec<usize>,
    pub(crate) owner: Option<usize>,
    pub(crate) state: Option<usize>,
}

impl Columns {
    /// Recognizes the columns by the usual names in the header.
    pub const USUAL: Self = Self { chosen: None };

    /// Parses `ADDRESS`, `ADDRESS,OWNER` or `ADDRESS,OWNER,STATE`, each a name or a number; returns `None` for anything
    /// else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut chosen = [None, None, None];
        for (index, part) in text.split(',').enumerate() {
            let place = chosen.get_mut(index)?;
            *place = Some(match part.parse::<usize>() {
                Ok(number) => Column::At(number.checked_sub(1)?),
                Err(_) if plain(part).is_empty() => return None,
                Err(_) => Column::Name(plain(part)),
            });
        }
        Some(Self {
            chosen: Some(chosen),
        })
    }

    /// Returns whether the caller left the choice to the header.
    pub(crate) fn is_usual(&self) -> bool {
        self.chosen.is_none()
    }

    /// Returns the positions if all columns were chosen by number.
    pub(crate) fn by_number(&self) -> Option<Places> {
        let number = |column: &Option<Column>| match column {
            Some(Column::At(at)) => Some(Some(*at)),
            None => Some(None),
            Some(Column::Name(_)) => None,
        };
        let [address, owner, state] = self.chosen.as_ref()?;
        Some(Places {
            addresses: vec![number(address)??],
            owner: number(owner)?,
            state: number(state)?,
        })
    }

    /// Returns the positions by a header line. Returns `None` if the line is not such a header: if it names no address,
    /// or lacks a chosen column.
    pub(crate) fn by_header<'a>(
        &self,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<Places> {
        let names: Vec<String> = names.map(plain).collect();
        let Some(chosen) = &self.chosen else {
            return usual(&names);
        };
        let find = |column: &Option<Column>| match column {
            None => Some(None),
            Some(Column::At(at)) => Some(Some(*at)),
            Some(Column::Name(wanted)) => {
                let at = names.iter().position(|name| name == wanted)?;
                Some(Some(at))
            }
        };
        let [address, owner, state] = chosen;
        Some(Places {
            addresses: vec![find(address)??],
            owner: find(owner)?,
            state: find(state)?,
        })
    }
}

fn usual(names: &[String]) -> Option<Places> {
    let all = |role| {
        let names = names.iter().enumerate();
        names.filter(move |(_, name)| usual_role(name) == Some(role))
    };
    let addresses: Vec<usize> = all(Role::Address).map(|(at, _)| at).collect();
    let first = |role| all(role).map(|(at, _)| at).next();
    (!addresses.is_empty()).then(|| Places {
        addresses,
        owner: first(Role::Owner),
        state: first(Role::State),
    })
}

/// The meaning of a column or field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Address,
    Owner,
    State,
}

const ADDRESS_NAMES: [&str; 30] = [
    "address",
    "addr",
    "ip",
    "ipaddress",
    "ipaddr",
    "ip4",
    "ip6",
    "ipv4",
    "ipv6",
    "ipv4addr",
    "ipv6addr",
    "ip4address",
    "ip6address",
    "ipv4address",
    "ipv6address",
    "cidr",
    "addresses",
    "ips",
    "ipaddrs",
    "ipaddresses",
    "ipv4addresses",
    "ipv6addresses",
    "allowedips",
    "podip",
    "podips",
    "internalip",
    "privateip",
    "framedipaddress",
    "clusterip",
    "ipadresse",
];
const OWNER_NAMES: [&str; 9] = [
    "owner", "user", "username", "name", "hostname", "host", "client", "holder", "device",
];
const STATE_NAMES: [&str; 2] = ["state", "status"];

/// Returns a name in lower case, without blanks and punctuation.
pub(crate) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|char| char.is_alphanumeric());
    letters.collect::<String>().to_lowercase()
}

/// Returns the usual meaning of a name.
pub(crate) fn usual_role(name: &str) -> Option<Role> {
    if name.len() > 64 {
        return None;
    }
    let plain = plain(name);
    let is_in = |names: &[&str]| names.contains(&&*plain);
    if is_in(&ADDRESS_NAMES) {
        Some(Role::Address)
    } else if is_in(&OWNER_NAMES) {
        Some(Role::Owner)
    } else if is_in(&STATE_NAMES) {
        Some(Role::State)
    } else {
        None
    }
}
