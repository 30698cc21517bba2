//! What was reserved in a pool file, and is handed out from now on.

use hostbits::{NetworkInfo, Reservation};
use std::net::IpAddr;

/// The reservations of `before` that `after` lacks, or has a part of alone. The first and last address of a network that
/// has grown are not among them: nobody has asked for those.
pub(crate) fn reopened(before: &NetworkInfo, after: &NetworkInfo) -> Vec<Reservation> {
    let edges = before.network.map(|it| [it.network(), it.broadcast()]);
    let is_edge = |of: &Reservation| {
        of.first == of.last && edges.is_some_and(|edges| edges.contains(&of.first))
    };
    let gone = |of: &&Reservation| !is_edge(of) && !is_within(of, &after.reservations);
    before.reservations.iter().filter(gone).cloned().collect()
}

/// Whether all of it is reserved by these, which ascend.
fn is_within(one: &Reservation, all: &[Reservation]) -> bool {
    let last = bits_of(one.last);
    let mut next = Some(bits_of(one.first));
    for it in all {
        next = match next {
            Some(from) if bits_of(it.first) <= from && from <= bits_of(it.last) => {
                bits_of(it.last).checked_add(1)
            }
            other => other,
        };
    }
    next.is_none_or(|next| next > last)
}

fn bits_of(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_bits().into(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}
