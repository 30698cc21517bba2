//! One JSON value: an address, or an object that has one under a usual name.
//!
//! The value is visited without being built, and if a name occurs twice, both values count. Anything else in it that
//! looks like an address is reported, too; if it belongs to the pool, the list counts as not understood.

use super::beside::addresses_in;
use crate::batch::{Batch, Span};
use crate::columns::{Role, usual_role};
use memchr::memchr2;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The maximum number of reported addresses outside the recognized fields, for one value.
pub(super) const MOST_STRAYS: usize = 1 << 16;

/// Reads values, one after another.
#[derive(Default)]
pub(super) struct Elements {
    addresses: Vec<Span>,
    strays: Vec<String>,
}

impl Elements {
    /// Adds the records of a value. On an error, the text is not valid JSON and nothing is added.
    pub(super) fn read(
        &mut self,
        value: &[u8],
        line: u64,
        out: &mut Batch,
    ) -> serde_json::Result<()> {
        self.addresses.clear();
        self.strays.clear();
        let mut found = Found {
            out,
            addresses: &mut self.addresses,
            strays: &mut self.strays,
            owner: None,
            state: None,
            is_wrong: false,
        };
        let mut deserializer = serde_json::Deserializer::from_slice(value);
        let walk = Walk {
            at: At::Top,
            found: &mut found,
        };
        walk.deserialize(&mut deserializer)?;
        deserializer.end()?;
        found.give(value, line);
        Ok(())
    }
}

/// The findings in one value.
struct Found<'a> {
    out: &'a mut Batch,
    addresses: &'a mut Vec<Span>,
    strays: &'a mut Vec<String>,
    owner: Option<Span>,
    state: Option<Span>,
    /// Whether something other than an address stands in the place of one.
    is_wrong: bool,
}

impl Found<'_> {
    fn give(self, value: &[u8], line: u64) {
        let is_empty = self.addresses.is_empty();
        let known: Vec<IpAddr> = self
            .addresses
            .iter()
            .filter_map(|span| host_of(self.out.kept_text(span)))
            .collect();
        for address in self.addresses.drain(..) {
            self.out
                .kept(line, address, self.owner.clone(), self.state.clone());
        }
        if self.is_wrong {
            self.out
                .broken(line, "something else in the place of an address", value);
        } else if is_empty {
            self.out.text(line, b"", self.owner.clone(), self.state);
        }
        if self.strays.len() > MOST_STRAYS {
            self.out
                .broken(line, "too many addresses in one value", value);
        }
        for stray in self.strays.drain(..) {
            if host_of(&stray).is_none_or(|addr| !known.contains(&addr)) {
                self.out.stray(line, stray.as_bytes(), self.owner.clone());
            }
        }
    }

    fn text(&mut self, role: Role, text: &str) {
        let text = text.trim();
        match role {
            Role::Address if text.is_empty() => {}
            Role::Address => {
                let span = self.out.keep(text.as_bytes());
                self.addresses.push(span);
            }
            Role::Owner if self.owner.is_none() => self.owner = self.out.keep_name(text.as_bytes()),
            Role::State if self.state.is_none() => self.state = self.out.keep_name(text.as_bytes()),
            Role::Owner | Role::State => {}
        }
    }

    fn other(&mut self, text: &str) {
        if self.strays.len() > MOST_STRAYS {
            return;
        }
        let listed = listed_addresses(text).map(str::to_owned);
        self.strays.extend(listed);
        if text.trim_start().starts_with(['{', '[']) {
            self.strays.extend(addresses_in(text));
        }
    }
}

/// Returns the address in `10.0.0.5:9100` or `[fd00::5]:9100`, or the text as it is.
fn without_port(text: &str) -> &str {
    match text.trim().parse::<SocketAddr>() {
        Ok(_) => text
            .rsplit_once(':')
            .map_or(text, |(addr, _)| addr.trim_matches([' ', '[', ']'])),
        Err(_) => text,
    }
}

/// Returns the address at the beginning of a text, if the text is an address with or without a prefix length.
fn host_of(text: &str) -> Option<IpAddr> {
    let (addr, _) = text.split_once('/').unwrap_or((text, ""));
    addr.trim().parse().ok()
}

/// Returns whether a text is an address, a prefix or a range.
pub(super) fn looks_like_address(text: &str) -> bool {
    let text = text.trim();
    let is_long_enough = text.len() > 1 && text.contains(['.', ':']);
    is_long_enough
        && (host_of(text).is_some()
            || text
                .split_once('-')
                .is_some_and(|(first, last)| host_of(first).is_some() && host_of(last).is_some()))
}

/// Returns the addresses in a text that begins with one: a single address, perhaps with a port or a sign beside it, or
/// a list of addresses. A note that mentions an address is not a list.
pub(super) fn listed_addresses(text: &str) -> impl Iterator<Item = &str> {
    let is_range = text.contains('-') && !text.contains([',', ';']) && looks_like_address(text);
    let separates =
        move |char: char| !is_range && (matches!(char, ',' | ';') || char.is_whitespace());
    let is_sign = |char: char| !char.is_ascii_alphanumeric() && char != ':';
    let parts = text.trim().split(separates);
    let parts = parts.map(move |part| {
        let part = without_port(part).trim_matches(is_sign);
        // A colon may stand beside an IPv4 address, but belongs to an IPv6 address.
        match looks_like_address(part) {
            true => part,
            false => part.trim_matches(':'),
        }
    });
    let mut parts = parts.filter(|part| !part.is_empty()).peekable();
    let is_list =
        text.contains(['.', ':']) && parts.peek().is_some_and(|it| looks_like_address(it));
    parts.filter(move |part| is_list && looks_like_address(part))
}

/// Returns the addresses within a text that is not an address itself: between signs, as where lines were joined or the
/// format is another one. They belong to some holder, but it is unclear to which.
pub(super) fn hidden_addresses(text: &str) -> impl Iterator<Item = &str> {
    let is_of_one = |char: char| char.is_ascii_hexdigit() || matches!(char, '.' | ':');
    let is_one = |word: &str| word.len() > 2 && word.parse::<IpAddr>().is_ok();
    let words = text.split(move |char| !is_of_one(char));
    words.flat_map(move |word| {
        // Here a colon stands beside the address, not in it.
        let is_whole = is_one(word) && !is_hardware_and_more(word);
        let parts = word.split(move |char| !is_whole && char == ':');
        parts.filter(move |part| is_one(part))
    })
}

/// Returns whether a hardware address and an IPv4 address were joined. To a parser, this is an IPv6 address.
pub(super) fn is_hardware_and_more(word: &str) -> bool {
    let parts = word.rsplit_once(':');
    parts.is_some_and(|(head, tail)| is_hardware(head) && tail.parse::<Ipv4Addr>().is_ok())
}

/// Returns whether a word is a hardware address.
pub(super) fn is_hardware(word: &str) -> bool {
    let mut parts = word.split(':');
    parts.clone().count() == 6 && parts.all(|part| part.len() <= 2 && !part.is_empty())
}

/// Returns whether an address, possibly with a port, stands in a text after its beginning.
pub(super) fn hides_another(text: &str) -> bool {
    let text = text.trim().trim_start_matches('[');
    let mut hidden = hidden_addresses(text);
    let is_one_word = !text.contains([' ', '\t', ',', ';']);
    hidden
        .next()
        .is_some_and(|first| !is_one_word || !text.starts_with(first) || hidden.next().is_some())
}

/// Reports addresses in the fields of a row that should not contain held addresses: two rows were joined, or the row
/// belongs to another table. The row's own address may appear in a name.
pub(super) fn tell_others<'a>(
    fields: impl Iterator<Item = &'a [u8]>,
    own: &[u8],
    line: u64,
    out: &mut Batch,
) {
    for field in fields.filter(|field| memchr2(b'.', b':', field).is_some()) {
        let text = String::from_utf8_lossy(field);
        let others = hidden_addresses(&text).filter(|other| other.as_bytes() != own);
        for other in others {
            out.stray(line, other.as_bytes(), None);
        }
    }
}

/// Returns the addresses of a setting that does not contain held ones, if they belong to something else: they are part
/// of a word, or follow a value and a word that is not a value. `has_value` says whether a value came before them.
pub(super) fn addresses_of_another<'a>(
    words: impl Iterator<Item = &'a str>,
    mut has_value: bool,
) -> impl Iterator<Item = &'a str> {
    let mut is_another = false;
    words.map(str::trim).flat_map(move |word| {
        let is_value = looks_like_address(word) && !hides_another(word);
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        is_another |= !is_value && (hides_address(word) || (has_value && !is_number));
        has_value |= is_value;
        let is_told = is_another;
        hidden_addresses(word).filter(move |_| is_told)
    })
}

/// The error where [`is_header_and_more`] is true.
pub(super) const JOINED: &str = "an address among the names of columns";

/// Returns whether an address stands among the names of columns, because a header and a row were joined.
pub(super) fn is_header_and_more(header: &str) -> bool {
    let is_of_one = |char: char| char.is_ascii_digit() || char == '.';
    let mut numbers = header.split(|char| !is_of_one(char));
    hides_address(header) || numbers.any(|number| number.parse::<Ipv4Addr>().is_ok())
}

/// Returns whether a text contains hidden addresses.
pub(super) fn hides_address(text: &str) -> bool {
    hidden_addresses(text).next().is_some()
}

/// The position of a JSON value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// The whole text is this value.
    Top,
    /// Under a usual name of the outermost object.
    In(Role),
    /// Anywhere else.
    Beside,
}

impl At {
    fn wants_address(self) -> bool {
        matches!(self, Self::Top | Self::In(Role::Address))
    }
}

/// Visits a value, down to the 128 levels that the parser allows.
struct Walk<'f, 'o> {
    at: At,
    found: &'f mut Found<'o>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Walk<'_, '_> {
    /// Visits a number or a boolean, which may be the name of an owner.
    fn other(self, value: impl fmt::Display) {
        match self.at {
            At::In(role) if role != Role::Address => self.found.text(role, &value.to_string()),
            at => self.found.is_wrong |= at.wants_address(),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.at {
            At::Top => self.found.text(Role::Address, text),
            At::In(role) => self.found.text(role, text),
            At::Beside => {}
        }
        if !self.at.wants_address() {
            self.found.other(text);
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.found.is_wrong |= self.at == At::Top;
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
        self.found.is_wrong |= self.at == At::Top;
        let at = match self.at {
            At::In(Role::Address) => self.at,
            _ => At::Beside,
        };
        let found = self.found;
        while seq.next_element_seed(Walk { at, found })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.found.is_wrong |= self.at == At::In(Role::Address);
        let found = self.found;
        let is_top = self.at == At::Top;
        while let Some(at) = map.next_key_seed(Key { is_top, found })? {
            map.next_value_seed(Walk { at, found })?;
        }
        Ok(())
    }
}

/// Reads the name of a field, which determines the position of its value.
struct Key<'f, 'o> {
    is_top: bool,
    found: &'f mut Found<'o>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = At;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<At, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = At;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<At, E> {
        self.found.other(name);
        let role = usual_role(name).filter(|_| self.is_top);
        Ok(role.map_or(At::Beside, At::In))
    }
}
