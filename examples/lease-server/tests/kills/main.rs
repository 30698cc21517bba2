//! Many clients come, go, vanish and retry, while their server is killed with `kill -9` at random moments.
//!
//! The clients keep a ledger of what they were answered. It must never show
//!
//! * an address that two clients have at once,
//! * a client who comes back in time and gets another pair, or none,
//! * a client who keeps its pair in time and loses it.
//!
//! After every kill, pools and rows are compared, with the clients at rest: as soon as the server has started, what is
//! leased is what the rows name, exactly. After some of the kills the clients rest for longer: two seconds after the last
//! offer, nothing has time left that no row names; and one cooldown later, nothing is taken that no row names.
//! At the end, when all have gone, the server that lives has nothing leased that no row names, and after a last kill, every
//! address can be had.
//!
//! `HOSTBITS_KILLS` says how often the server is killed, `HOSTBITS_SEED` chooses another run.

#![cfg(target_os = "linux")]

mod audit;
mod client;
mod ledger;
mod process;
mod random;

use audit::Audit;
use client::{Client, Shared};
use process::Process;
use random::Random;
use std::path::PathBuf;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

const OFFER: Duration = Duration::from_secs(1);
const TERM: Duration = Duration::from_secs(4);
const COOLDOWN: Duration = Duration::from_secs(1);
/// By how much a lease may last longer than its term: whole seconds.
const LONGER: Duration = Duration::from_secs(2);
/// The steps of the clock that the pools read.
const CLOCK: Duration = Duration::from_millis(50);

/// More than there are addresses of IPv4.
const CLIENTS: u64 = 80;

/// Between two kills: at least this long, and at most so much longer.
const SOON: Duration = Duration::from_millis(300);
const VARIED: Duration = Duration::from_millis(1700);

/// How long most clients ask at the same time before a kill, at most.
const RUSH: Duration = Duration::from_millis(60);

/// A long audit follows every so many kills.
const KILLS_PER_AUDIT: u64 = 5;

#[test]
fn killed_servers_lose_nothing_and_double_nothing() {
    let kills = setting("HOSTBITS_KILLS", 2);
    let seed = setting("HOSTBITS_SEED", 17);
    println!("seed {seed}, {kills} kills, {CLIENTS} clients");
    let folder = format!("lease-server-{}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);

    let (mut server, _) = Process::start(&folder);
    let shared = Shared::new(server.port());
    scope(|threads| {
        let _stop = shared.stop_at_the_end();
        for number in 0..CLIENTS {
            let shared = &shared;
            threads.spawn(move || Client::new(shared, number, seed).live());
        }
        let mut random = Random::new(seed);
        for kill in 1..=kills {
            // After a long audit, long enough that pairs of clients who vanished end.
            let is_long = kill > 1 && kill % KILLS_PER_AUDIT == 1;
            let least = if is_long {
                TERM + LONGER + COOLDOWN
            } else {
                SOON
            };
            sleep(random.between(least, least + VARIED));
            // Most kills hit a server in which many commands are under way.
            shared.rush(!random.one_in(4));
            sleep(random.between(Duration::ZERO, RUSH));
            server.kill();
            let killed = Instant::now();
            shared.rush(false);
            // The clients have noticed, and rest.
            let quiet = shared.at_rest();
            let restored = server.restart(&folder);
            shared.moved(server.port());
            println!("kill {kill}: {restored}");
            let audit = Audit::after_start(&folder);
            if kill % KILLS_PER_AUDIT == 0 || kill == kills {
                audit.after_offers(killed);
            }
            drop(quiet);
            if !shared.wrongs().is_empty() {
                break;
            }
        }
    });

    print!("{}", shared.counts);
    assert_eq!(shared.wrongs(), [""; 0]);
    for (what, count, least) in shared.counts.all() {
        assert!(count >= least, "not once: {what}");
    }
    Audit::while_it_lives(&folder);
    server.kill();
    println!("after all have gone: {}", server.restart(&folder));
    Audit::after_start(&folder).all_can_be_had();
    std::fs::remove_dir_all(&folder).expect("the folder of this run");
}

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect(name))
}
