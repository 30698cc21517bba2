//! `wg-dump`: what `wg show all dump` prints, or `wg show wg0 dump`.
//!
//! Held is what the allowed IPs of a peer name. The fields of a line are separated by tabs: for an
//! interface private key, public key, port, mark; for a peer public key, preshared key, endpoint, allowed
//! IPs, last handshake, bytes received, bytes sent, keepalive. With `all`, the name of the interface comes
//! first. Lines are never quoted: they hold keys.

use super::by_line::{LineFormat, fields, next_field};
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;

/// What `wg` writes where there is nothing.
const NONE: &[u8] = b"(none)";
/// A key in base64.
const KEY_BYTES: usize = 44;

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
        let (fields, count) = fields::<9>(text, b'\t');
        let (key, allowed_ips) = match count {
            _ if line.is_cut => (&[][..], &[][..]),
            4 | 5 => return Ok(()),
            8 => (fields[0], fields[3]),
            9 => (fields[1], fields[4]),
            _ => (&[][..], &[][..]),
        };
        if key.len() != KEY_BYTES || !key.ends_with(b"=") {
            out.broken(line.number, "not a line of wg show dump", b"not shown");
            return Ok(());
        }
        let owner = out.keep_name(key);
        let allowed_ips = if allowed_ips == NONE {
            b""
        } else {
            allowed_ips
        };
        let mut rest = Some(allowed_ips);
        while let Some(item) = next_field(&mut rest, b',') {
            out.text(line.number, item, owner.clone(), None);
        }
        Ok(())
    }

    /// `wg` ends every line: without its end, the writer was stopped, and peers are missing.
    fn end(&mut self, count: u64, _: &mut Batch) -> Result<bool, Fault> {
        match self.is_cut_short {
            true => Err(Fault::truncated("the last line is not whole", count)),
            false => Ok(false),
        }
    }
}
