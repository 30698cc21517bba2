//! Reservations of a pool file that a change has removed.

use hostbits::{NetworkInfo, Reservation};
use std::net::IpAddr;

/// Returns the reservations of `before` that `after` does not have, or has only in part. Without the first and the last
/// address of a network that has grown: the caller has not chosen those.
pub(crate) fn reopened(before: &NetworkInfo, after: &NetworkInfo) -> Vec<Reservation> {
    let edges = before.network.map(|it| [it.network(), it.broadcast()]);
    let is_edge = |of: &Reservation| {
        of.first == of.last && edges.is_some_and(|edges| edges.contains(&of.first))
    };
    let gone = |of: &&Reservation| !is_edge(of) && !is_within(of, &after.reservations);
    before.reservations.iter().filter(gone).cloned().collect()
}

/// Returns whether all of it is reserved by `all`, which are ascending.
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
