//! `odhcpd`: its state file, on OpenWrt.
//!
//! A lease is a line that begins with `#`: interface, DUID or hardware address, IAID or `ipv4`, host name, expiry,
//! assigned id, prefix length, and then the addresses or prefixes. Other lines are names of leased addresses for the
//! name
//! server. All leases are held. If the prefix length is not the full one, the prefixes are delegated and wholly held.

use super::by_line::LineFormat;
use super::element::{hides_address, looks_like_address};
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;
use std::collections::HashSet;

/// How many words come before the addresses.
const BEFORE: usize = 7;

/// The state while reading. The file fits into the memory of a router.
#[derive(Default)]
pub(super) struct Odhcpd {
    leased: HashSet<String>,
    /// The lines for the name server, with their addresses.
    named: Vec<(u64, String)>,
}

impl LineFormat for Odhcpd {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(line.without_return());
        let text = text.trim();
        if text.is_empty() && !line.is_cut {
            return Ok(());
        }
        let Some(lease) = text.strip_prefix('#').filter(|_| !line.is_cut) else {
            // `ADDRESS NAME`, of a lease that has its own line, too.
            let mut words = text.split_whitespace();
            let addr = words.next().filter(|word| looks_like_address(word));
            match addr.filter(|_| !line.is_cut && !words.any(hides_address)) {
                Some(addr) => self.named.push((line.number, host_of(addr).to_owned())),
                None => out.broken(
                    line.number,
                    "not a line of odhcpd's state file",
                    text.as_bytes(),
                ),
            }
            return Ok(());
        };
        let words: Vec<&str> = lease.split_whitespace().collect();
        if !is_lease(&words) {
            out.broken(line.number, "not an odhcpd lease", text.as_bytes());
            return Ok(());
        }
        out.is_known = true;
        let name = if words[3] == "-" { words[1] } else { words[3] };
        let owner = out.keep_name(name.as_bytes());
        for address in &words[BEFORE..] {
            self.leased.insert(host_of(address).to_owned());
            out.block(line.number, address.as_bytes(), owner.clone(), None);
        }
        if words.len() == BEFORE {
            out.text(line.number, b"", owner, None);
        }
        if !line.is_ended {
            out.broken(
                line.number,
                "the last line may be incomplete",
                text.as_bytes(),
            );
        }
        Ok(())
    }

    fn end(&mut self, _: u64, out: &mut Batch) -> Result<bool, Fault> {
        for (line, addr) in self.named.drain(..) {
            if !self.leased.contains(&addr) {
                out.stray(line, addr.as_bytes(), None);
            }
        }
        Ok(false)
    }
}

/// Returns whether a lease has its seven words and none of them is an address: if a blank is lost, two words become
/// one.
fn is_lease(words: &[&str]) -> bool {
    let Some(before) = words.get(..BEFORE) else {
        return false;
    };
    let is_number = |word: &str| word.parse::<i64>().is_ok();
    is_number(before[4]) && is_number(before[6]) && !before.iter().any(|word| hides_address(word))
}

fn host_of(address: &str) -> &str {
    address.split('/').next().unwrap_or_default()
}
