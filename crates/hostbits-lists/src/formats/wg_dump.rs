//! `wg-dump`: the output of `wg show all dump` or `wg show wg0 dump`, or of the same commands of `awg`.
//!
//! The allowed IPs of peers are held. Tabs separate the fields of a line. An interface has private key, public key,
//! port and mark (AmneziaWG has more numbers before the mark). A peer has public key, preshared key, endpoint, allowed
//! IPs, last handshake, bytes received, bytes sent and keepalive (AmneziaWG has one more). With `all`, the name of the
//! interface comes first. The kind of a line is recognized by the form of its fields. A line of neither kind is broken,
//! as in a dump from which keys were cut. Lines are never quoted, because they contain keys.

use super::by_line::{LineFormat, next_field};
use super::element::{hides_address, hides_another, looks_like_address};
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;

/// The text that `wg` writes for an absent value.
const NONE: &[u8] = b"(none)";
/// The length of a key in base64, in bytes.
const KEY_BYTES: usize = 44;
/// How many fields a peer has, without the name of the interface.
const PEER_FIELDS: std::ops::RangeInclusive<usize> = 8..=9;

#[derive(Default)]
pub(super) struct WgDump {
    is_cut_short: bool,
}

impl LineFormat for WgDump {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        self.is_cut_short = !line.is_ended;
        let text = line.without_return();
        if text.is_empty() {
            return Ok(());
        }
        let fields: Vec<&[u8]> = text.split(|&byte| byte == b'\t').collect();
        // The name of an interface has at most 15 characters.
        let rest = match fields
            .first()
            .is_some_and(|name| name.len() < 16 && *name != NONE)
        {
            true if hides_address(&String::from_utf8_lossy(fields[0])) => &[],
            true => &fields[1..],
            false => &fields[..],
        };
        let is_whole = !line.is_cut;
        if is_whole && is_interface(rest) {
            out.is_known = true;
        } else if is_whole && is_peer(rest) {
            out.is_known = true;
            let owner = out.keep_name(rest[0]);
            let mut items = Some(rest[3]);
            while let Some(item) = next_field(&mut items, b',') {
                out.block(line.number, item, owner.clone(), None);
            }
        } else {
            out.broken(line.number, "not a line of wg show dump", b"not shown");
        }
        Ok(())
    }

    /// `wg` ends every line. If the last one has no end, the writer was interrupted and peers may be missing.
    fn end(&mut self, count: u64, _: &mut Batch) -> Result<bool, Fault> {
        match self.is_cut_short {
            true => Err(Fault::truncated("the last line is incomplete", count)),
            false => Ok(false),
        }
    }
}

fn is_key(field: &[u8]) -> bool {
    field.len() == KEY_BYTES && field.ends_with(b"=")
}

fn is_key_or_none(field: &[u8]) -> bool {
    field == NONE || is_key(field)
}

fn is_number(field: &[u8]) -> bool {
    !field.is_empty() && field.iter().all(u8::is_ascii_digit)
}

/// Returns whether the fields are private key, public key, port, the numbers of AmneziaWG, and mark.
fn is_interface(fields: &[&[u8]]) -> bool {
    let is_mark = |field: &[u8]| {
        let hex = field.strip_prefix(b"0x");
        field == b"off" || hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    match fields {
        [private, public, port, more @ .., mark] => {
            // A peer that was joined to this line is not one of its numbers.
            let is_other =
                |field: &&[u8]| is_key(field) || hides_address(&String::from_utf8_lossy(field));
            is_key_or_none(private)
                && is_key_or_none(public)
                && is_number(port)
                && is_mark(mark)
                && !more.iter().any(is_other)
        }
        _ => false,
    }
}

/// Returns whether the fields are public key, preshared key, endpoint, allowed IPs, and numbers.
fn is_peer(fields: &[&[u8]]) -> bool {
    let [
        public,
        preshared,
        endpoint,
        allowed,
        handshake,
        received,
        sent,
        more @ ..,
    ] = fields
    else {
        return false;
    };
    let hides = |field: &&[u8]| hides_address(&String::from_utf8_lossy(field));
    let is_endpoint = *endpoint == NONE
        || (memchr::memchr(b':', endpoint).is_some()
            && !hides_another(&String::from_utf8_lossy(endpoint)));
    let are_addresses = *allowed == NONE
        || String::from_utf8_lossy(allowed)
            .split(',')
            .all(|item| looks_like_address(item) && !hides_another(item));
    PEER_FIELDS.contains(&fields.len())
        && is_key(public)
        && is_key_or_none(preshared)
        && is_endpoint
        && are_addresses
        && [handshake, received, sent]
            .into_iter()
            .all(|field| is_number(field))
        && !more.iter().any(hides)
}
