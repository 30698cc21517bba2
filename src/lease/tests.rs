//! What only records that are written by hand can show: the last generation, tokens without a free record, damage.

use super::time::Tick;
use super::word::{LAST_GENERATION, State, Word};
use super::{Lease, LeasePool, LeaseStatus, ManualClock, Released, Term};
use crate::users::Unreadable;
use crate::{Client, ReleaseError};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;
const RECORD: u64 = u32::MAX as u64;
const OFFER: Duration = Duration::from_secs(10);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn pool(net: &str, cooldown: u64) -> (LeasePool<Ipv4Net>, ManualClock) {
    let clock = ManualClock::new();
    let net: Ipv4Net = net.parse().unwrap();
    let builder = LeasePool::builder(net).cooldown(seconds(cooldown));
    (builder.clock(&clock).build().unwrap(), clock)
}

fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// Writes a record, whatever it was.
fn write(pool: &LeasePool<Ipv4Net>, addr: Ipv4Addr, word: Word) {
    let slot = pool.pool.slot_of(addr).unwrap();
    let before = pool.records.load(slot);
    pool.records.exchange(slot, before, word).unwrap();
}

fn give_token(pool: &LeasePool<Ipv4Net>, addr: Ipv4Addr) {
    pool.pool.give_token(pool.pool.slot_of(addr).unwrap());
}

/// A pool of one address, whose next holder is the last of all generations.
fn worn(cooldown: u64) -> (LeasePool<Ipv4Net>, ManualClock) {
    let (pool, clock) = pool("10.0.0.0/30", cooldown);
    let word = Word::new(State::Free, Tick::ZERO, LAST_GENERATION - 1);
    write(&pool, host(2), word);
    (pool, clock)
}

fn begins_again(pool: &LeasePool<Ipv4Net>, last: &Lease<Ipv4Addr>) {
    let first = pool.allocate(OFFER).unwrap();
    assert_eq!(first.generation() & RECORD, 1);
    assert_eq!(pool.release(last), Ok(Released::Stale));
    assert_eq!(pool.renew(last, Term::Forever).unwrap_err().code(), "stale");
    assert_eq!(pool.lease_of(host(2)), Some(first));
}

/// After a release in its last generation an address rests for a day, or for the cooldown if that is longer.
#[test]
fn after_the_last_generation_an_address_rests_for_a_day() {
    for (cooldown, rest) in [(0, DAY), (60, DAY), (3 * DAY, 3 * DAY)] {
        let (pool, clock) = worn(cooldown);
        let last = pool.allocate(Term::Forever).unwrap();
        assert_eq!(last.generation() & RECORD, RECORD);
        assert_eq!(pool.release(&last), Ok(Released::Ended));
        assert_eq!(pool.release(&last), Ok(Released::AlreadyEnded));
        clock.advance(seconds(rest));
        let error = pool.allocate(OFFER).unwrap_err();
        assert!(error.to_string().contains("in 1s"), "{error}");
        clock.advance(seconds(1));
        begins_again(&pool, &last);
    }
}

/// So it does if the last lease ended by itself.
#[test]
fn a_last_lease_that_ends_by_itself_is_followed_by_a_day_of_rest() {
    for cooldown in [0, 60] {
        let (pool, clock) = worn(cooldown);
        let last = pool.allocate(OFFER).unwrap();
        clock.advance(seconds(11 + cooldown));
        assert_eq!(pool.sweep().freed, 0);
        assert_eq!((pool.census().offered, pool.census().cooling), (0, 1));
        assert_eq!(
            pool.renew(&last, Term::Forever).unwrap_err().code(),
            "ended"
        );
        clock.advance(seconds(DAY));
        assert!(pool.allocate(OFFER).is_err());
        clock.advance(seconds(1));
        begins_again(&pool, &last);
    }
}

/// An owner does not get its own address back from this rest: there is no next generation.
#[test]
fn an_owner_waits_for_the_day_of_rest() {
    let (pool, clock) = worn(0);
    let alice = Client::from_hash(7);
    let last = pool.allocate_for(alice, OFFER).unwrap();
    assert_eq!(pool.release(&last), Ok(Released::Ended));
    assert!(pool.allocate_for(alice, OFFER).is_err());
    assert_eq!(pool.owned_by(alice).count(), 0);
    clock.advance(seconds(DAY + 1));
    let first = pool.allocate_for(alice, OFFER).unwrap();
    assert_eq!(first.generation() & RECORD, 1);
}

/// A list takes an address out of this rest, too: generations begin again at 1.
#[test]
fn a_list_begins_the_generations_again() {
    for owner in [None, Some(Client::from_hash(7))] {
        let (pool, clock) = worn(0);
        let last = pool.allocate(OFFER).unwrap();
        assert_eq!(pool.release(&last), Ok(Released::Ended));
        let list = [("10.0.0.2", "alice")];
        let adopted = pool.adopt(Unreadable::default(), list, |_| owner).unwrap();
        assert_eq!(adopted.leases[0].generation() & RECORD, 1);
        clock.advance(seconds(2 * DAY));
        assert!(pool.allocate(OFFER).is_err());
        assert_eq!(pool.release(&adopted.leases[0]), Ok(Released::Ended));
        let next = pool.allocate(OFFER).unwrap();
        assert_eq!(next.generation() & RECORD, 2);
    }
}

/// Tokens of slots that are held, as a repair may give them, make no second holder, whatever the verb.
#[test]
fn a_token_too_many_makes_no_holder() {
    let (pool, _clock) = pool("10.0.0.0/29", 0);
    let held = pool.allocate_many(5, Term::Forever).unwrap();
    let refused = |what: &str, is_refused: &dyn Fn() -> bool| {
        give_token(&pool, host(3));
        give_token(&pool, host(5));
        assert!(is_refused(), "{what}");
        assert_eq!(pool.iter().collect::<Vec<_>>(), held, "{what}");
    };
    refused("allocate", &|| pool.allocate(OFFER).is_err());
    refused("exact", &|| pool.allocate_exact(host(3), OFFER).is_err());
    refused("preferring", &|| {
        pool.allocate_preferring(host(3), OFFER).is_err()
    });
    refused("in", &|| {
        pool.allocate_in(host(2)..=host(6), OFFER).is_err()
    });
    refused("many", &|| pool.allocate_many(2, OFFER).is_err());
    refused("for", &|| {
        pool.allocate_for(Client::from_hash(1), OFFER).is_err()
    });
    for lease in &held {
        assert_eq!(pool.release(lease), Ok(Released::Ended));
    }
    assert_eq!(pool.allocate_many(5, OFFER).unwrap().len(), 5);
    assert!(pool.allocate(OFFER).is_err());
}

/// A batch that has taken some and cannot have the rest gives back what it took, at once and without a rest.
#[test]
fn a_batch_gives_back_what_it_took() {
    for cooldown in [0, 60] {
        let (pool, clock) = pool("10.0.0.0/29", cooldown);
        let all = pool.allocate_many(5, Term::Forever).unwrap();
        assert_eq!(pool.release(&all[2]), Ok(Released::Ended));
        clock.advance(seconds(61));
        let _swept = pool.sweep();
        give_token(&pool, host(3));
        assert!(pool.allocate_many(2, OFFER).unwrap_err().is_exhausted());
        assert!(matches!(pool.status(host(4)), LeaseStatus::Free));
        let next = pool.allocate(OFFER).unwrap();
        assert_eq!(next.addr(), host(4));
        // It was held for a moment.
        assert_eq!(next.generation(), all[2].generation() + 2);
    }
}

/// Leases outside of their owners' homes are forgotten when they are no more.
#[test]
fn what_is_remembered_of_owners_stays_small() {
    let (pool, _clock) = pool("10.0.0.0/20", 0);
    let all = pool.allocate_many(4093, Term::Forever).unwrap();
    assert_eq!(pool.release(&all[2000]), Ok(Released::Ended));
    let mut most = 0;
    for number in 1..5000_u64 {
        let owner = Client::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let lease = pool.allocate_for(owner, OFFER).unwrap();
        assert_eq!(pool.allocate_for(owner, OFFER), Ok(lease));
        assert_eq!(pool.release(&lease), Ok(Released::Ended));
        most = most.max(pool.owners.remembered());
    }
    // 64 locks, each of which looks for what has ended when there are 16.
    assert!((100..=64 * 17).contains(&most), "{most}");
}

/// Whatever is in a record, nothing overflows or panics, and what cannot be read is not handed out.
#[test]
fn damaged_records_give_nothing_away() {
    const LAST: u32 = (1 << 28) - 1;
    for cooldown in [0, 60, 4 * 365 * DAY] {
        for passed in [0, 100, u64::from(LAST) - 1] {
            for until in [0, 1, 100, LAST - 1, LAST] {
                for generation in [0, 1, LAST_GENERATION - 1, LAST_GENERATION] {
                    for bits in 0..16 {
                        let (pool, clock) = pool("10.0.0.0/30", cooldown);
                        clock.advance(seconds(passed));
                        let low = Word::new(State::Void, Tick::of_number(until), generation);
                        write(&pool, host(2), Word(bits << 60 | low.0));
                        try_every_verb(&pool, bits >> 1);
                    }
                }
            }
        }
    }
}

fn try_every_verb(pool: &LeasePool<Ipv4Net>, state: u64) {
    let owner = Client::from_hash(1);
    let lease = pool.lease_of(host(2));
    // 6 and 7 are a lease and a rest with the mark of a pass.
    assert_eq!(lease.is_some(), [2, 3, 6].contains(&state));
    let is_unknown = state == 0 || state == 5;
    let status = pool.status(host(2));
    assert_eq!(matches!(status, LeaseStatus::Quarantined), is_unknown);
    assert_eq!(pool.census().quarantined, u64::from(is_unknown));
    let _swept = pool.sweep();
    let offered = [
        pool.allocate_exact(host(2), OFFER),
        pool.allocate(Term::Forever),
        pool.allocate_in(host(2)..=host(2), OFFER),
        pool.allocate_for(owner, Term::Forever),
    ];
    let offered = offered.into_iter().flatten().count();
    assert!(offered <= 1 && (!is_unknown || offered == 0));
    if let Some(lease) = lease {
        let renewed = pool.renew(&lease, Term::Forever).is_ok();
        let released = pool.release(&lease);
        assert_eq!(renewed, released == Ok(Released::Ended));
    }
    let outside = Lease::from_parts(host(9), 1).unwrap();
    let addr = host(9).into();
    assert_eq!(
        pool.release(&outside),
        Err(ReleaseError::OutOfRange { addr })
    );
    let adopted = pool.adopt(Unreadable::default(), ["10.0.0.2"], |_| Some(owner));
    let adopted = adopted.unwrap().leases[0];
    assert_eq!(pool.lease_of(host(2)), Some(adopted));
}
