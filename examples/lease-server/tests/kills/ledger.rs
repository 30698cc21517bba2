//! Who was promised which address, and from when until when.

use lease_server_example::pair::Pair;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

/// A time in which an address is one client's alone.
struct Promise {
    client: u64,
    from: Instant,
    until: Instant,
}

/// All promises of all addresses. They are entered after the answers, in whatever order the clients get to it.
#[derive(Default)]
pub(crate) struct Ledger(HashMap<IpAddr, Vec<Promise>>);

impl Ledger {
    /// Enters that a client has this pair, from an answer on. Fails if another client has one of the addresses in that time.
    pub(crate) fn promise(
        &mut self,
        client: u64,
        pair: &Pair,
        from: Instant,
        until: Instant,
    ) -> Result<(), String> {
        for addr in addrs(pair) {
            let promises = self.0.entry(addr).or_default();
            let of_others = promises.iter().filter(|other| other.client != client);
            let mut doubled = of_others.filter(|other| other.from < until && from < other.until);
            if let Some(other) = doubled.next() {
                let since = from.saturating_duration_since(other.from);
                let other = other.client;
                return Err(format!(
                    "{addr} is client {client}'s, {since:?} after it became client {other}'s"
                ));
            }
            promises.push(Promise {
                client,
                from,
                until,
            });
        }
        Ok(())
    }

    /// Enters that a client has given its pair back: the addresses are its own until then, and no longer.
    pub(crate) fn end(&mut self, client: u64, pair: &Pair, end: Instant) {
        for addr in addrs(pair) {
            let promises = self.0.entry(addr).or_default().iter_mut();
            for promise in promises.filter(|promise| promise.client == client) {
                promise.until = promise.until.min(end);
            }
        }
    }
}

fn addrs(pair: &Pair) -> [IpAddr; 2] {
    [pair.v4.addr().into(), pair.v6.addr().into()]
}
