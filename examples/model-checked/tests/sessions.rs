//! The session table in every interleaving of two clients who want the same single address.
#![cfg(loom)]

use hostbits::{Pool, StatsLevel};
use loom::sync::Arc;
use model_checked_example::Sessions;
use std::net::Ipv4Addr;

fn try_everything(detach: fn(&Sessions, Ipv4Addr)) {
    loom::model(move || {
        let network = "10.0.0.0/30".parse::<ipnet::Ipv4Net>().unwrap();
        // Counters would multiply nothing and show nothing here.
        let pool = Pool::builder(network)
            .stats(StatsLevel::Off)
            .build()
            .unwrap();
        let sessions = Arc::new(Sessions::new(pool));
        let other = {
            let sessions = Arc::clone(&sessions);
            loom::thread::spawn(move || come_and_go(&sessions, 1, detach))
        };
        come_and_go(&sessions, 2, detach);
        other.join().unwrap();
    });
}

fn come_and_go(sessions: &Sessions, client: u32, detach: fn(&Sessions, Ipv4Addr)) {
    if let Some((addr, left_behind)) = sessions.attach(client) {
        assert_eq!(left_behind, None, "somebody is still noted for {addr}");
        detach(sessions, addr);
    }
}

/// A client that gets an address finds no other client noted for it.
#[test]
fn an_address_comes_without_its_last_client() {
    try_everything(Sessions::detach);
}

/// Loom finds the mistake.
#[test]
#[should_panic(expected = "somebody is still noted")]
fn releasing_first_is_found_out() {
    try_everything(Sessions::detach_in_the_wrong_order);
}
