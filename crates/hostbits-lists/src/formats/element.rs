//! One JSON value: an address, or an object that has one somewhere.
//!
//! The value is walked, not built: of a large object only the fields that were asked for are kept, and
//! of a name that comes twice, both.

use crate::batch::{Batch, Span};
use crate::fields::{Fields, ROLES, Role, usual_role};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// How large a value may be, in bytes.
pub(super) const MAX_ELEMENT_BYTES: usize = 1 << 20;

/// Reads values, one after the other.
pub(super) struct Elements {
    fields: Fields,
    addresses: Vec<Span>,
}

impl Elements {
    pub(super) fn new(fields: Fields) -> Self {
        Self {
            fields,
            addresses: Vec::new(),
        }
    }

    /// Adds what the value says. With an error, which is about JSON, nothing is added.
    pub(super) fn read(
        &mut self,
        value: &[u8],
        line: u64,
        out: &mut Batch,
    ) -> serde_json::Result<()> {
        self.addresses.clear();
        let mut found = Found {
            out,
            addresses: &mut self.addresses,
            owner: None,
            state: None,
            is_wrong: false,
            is_unassigned: false,
        };
        let mut deserializer = serde_json::Deserializer::from_slice(value);
        let walk = Walk {
            fields: &self.fields,
            at: At::Top,
            found: &mut found,
        };
        walk.deserialize(&mut deserializer)?;
        deserializer.end()?;
        found.give(value, line);
        Ok(())
    }
}

/// What was found in one value.
struct Found<'a> {
    out: &'a mut Batch,
    addresses: &'a mut Vec<Span>,
    owner: Option<Span>,
    state: Option<Span>,
    /// Something else stands where an address should be.
    is_wrong: bool,
    /// The place of the address is there, and empty.
    is_unassigned: bool,
}

impl Found<'_> {
    fn give(self, value: &[u8], line: u64) {
        let is_empty = self.addresses.is_empty();
        for address in self.addresses.drain(..) {
            self.out
                .kept(line, address, self.owner.clone(), self.state.clone());
        }
        if self.is_wrong || (is_empty && !self.is_unassigned) {
            self.out
                .broken(line, "no address where one should be", value);
        } else if is_empty {
            self.out.text(line, b"", self.owner, self.state);
        }
    }

    /// A text in the place of a role. The first owner and the first state count.
    fn text(&mut self, role: Role, text: &str) {
        let text = text.trim();
        match role {
            Role::Address if text.is_empty() => self.is_unassigned = true,
            Role::Address => {
                let span = self.out.keep(text.as_bytes());
                self.addresses.push(span);
            }
            Role::Owner if self.owner.is_none() => self.owner = self.out.keep_name(text.as_bytes()),
            Role::State if self.state.is_none() => self.state = self.out.keep_name(text.as_bytes()),
            Role::Owner | Role::State => {}
        }
    }
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum At<'a> {
    /// It is all there is.
    Top,
    /// What is left of the path to each role; nothing is left of it in its place.
    In([Option<&'a [String]>; 3]),
}

impl<'a> At<'a> {
    /// Where the field of that name stands; `None` if it is of no interest.
    fn field(self, name: &str, fields: &'a Fields) -> Option<Self> {
        let mut rest = [None; 3];
        for role in ROLES {
            let path = match self {
                Self::Top => fields.path(role),
                Self::In(paths) => paths[role as usize],
            };
            rest[role as usize] = match path {
                Some([first, rest @ ..]) if first == name => Some(rest),
                // Without paths, the usual names count at the top.
                None if matches!(self, Self::Top) && usual_role(name) == Some(role) => {
                    Some(&[][..])
                }
                _ => None,
            };
        }
        rest.iter().any(Option::is_some).then_some(Self::In(rest))
    }

    /// The roles whose place this is.
    fn roles(self, fields: &Fields) -> impl Iterator<Item = Role> {
        let is_usual = fields.path(Role::Address).is_none();
        ROLES.into_iter().filter(move |&role| match self {
            // A text that is all there is, is an address, unless it should be an object.
            Self::Top => is_usual && role == Role::Address,
            Self::In(paths) => paths[role as usize].is_some_and(<[String]>::is_empty),
        })
    }

    /// Whether an address is looked for here or below.
    fn leads_to_address(self) -> bool {
        match self {
            Self::Top => true,
            Self::In(paths) => paths[Role::Address as usize].is_some(),
        }
    }

    fn is_address(self, fields: &Fields) -> bool {
        self.roles(fields).any(|role| role == Role::Address)
    }
}

/// Walks a value. No deeper than the parser goes, which is 128 levels.
struct Walk<'a, 'f, 'o> {
    fields: &'a Fields,
    at: At<'a>,
    found: &'f mut Found<'o>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Walk<'_, '_, '_> {
    /// A number, or true or false: good for an owner.
    fn other(self, value: impl fmt::Display) {
        for role in self.at.roles(self.fields) {
            if role != Role::Address {
                self.found.text(role, &value.to_string());
            }
        }
        self.found.is_wrong |= self.at.leads_to_address();
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let is_address = self.at.is_address(self.fields);
        for role in self.at.roles(self.fields) {
            self.found.text(role, text);
        }
        self.found.is_wrong |= self.at.leads_to_address() && !is_address;
        Ok(())
    }

    /// Somebody without an address, if it stands where the address or what leads to it should be.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self.at {
            At::Top => self.found.is_wrong = true,
            At::In(_) => self.found.is_unassigned |= self.at.leads_to_address(),
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.other(value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.other(value);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.other(value);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.other(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let is_top = matches!(self.at, At::Top);
        self.found.is_wrong |= is_top;
        let mut is_empty = true;
        loop {
            let more = match self.at {
                At::Top => seq.next_element::<IgnoredAny>()?.map(drop),
                at => seq.next_element_seed(Walk {
                    fields: self.fields,
                    at,
                    found: &mut *self.found,
                })?,
            };
            if more.is_none() {
                break;
            }
            is_empty = false;
        }
        self.found.is_unassigned |= is_empty && !is_top && self.at.leads_to_address();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let is_place = !matches!(self.at, At::Top) && self.at.is_address(self.fields);
        self.found.is_wrong |= is_place;
        let mut leads_on = false;
        while let Some(at) = map.next_key_seed(Key {
            at: self.at,
            fields: self.fields,
        })? {
            match at {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(at) => {
                    leads_on |= at.leads_to_address();
                    map.next_value_seed(Walk {
                        fields: self.fields,
                        at,
                        found: &mut *self.found,
                    })?;
                }
            }
        }
        // The path ends here: a misspelt one must not make a list of users without addresses.
        self.found.is_wrong |= self.at.leads_to_address() && !is_place && !leads_on;
        Ok(())
    }
}

/// Reads the name of a field for where its value stands.
struct Key<'a> {
    at: At<'a>,
    fields: &'a Fields,
}

impl<'a, 'de> DeserializeSeed<'de> for Key<'a> {
    type Value = Option<At<'a>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Option<At<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.at.field(name, self.fields))
    }
}
