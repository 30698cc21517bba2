//! Sets of pools: the exact "exhausted" of the whole set, members that are added while other threads allocate, and
//! pairs.
#![cfg(loom)]

use hostbits::{
    Client, DualStack, Network, Pool, PoolSet, Search, StatsLevel,
    set::{MemberId, TwinPools},
};
use ipnet::{Ipv4Net, Ipv6Net};
use loom_tests::race;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

type Set = PoolSet<Ipv4Net>;
type Held = Option<Ipv4Addr>;

/// The addresses of the two members.
const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 0);

/// Creates a pool of the addresses from `first` to `last`, all free.
fn pool<N: Network>(first: N::Addr, last: N::Addr, search: Search) -> Pool<N> {
    let builder = Pool::over([first..=last]).stats(StatsLevel::Off);
    builder.search(search).build().unwrap()
}

fn one(addr: Ipv4Addr, search: Search) -> Pool<Ipv4Net> {
    pool(addr, addr, search)
}

/// Creates a set of members with one address each.
fn set_of(pools: impl IntoIterator<Item = Pool<Ipv4Net>>) -> Set {
    PoolSet::builder().room(2).members(pools).build().unwrap()
}

/// Creates a set of two members with one address each; that of the first one is taken.
fn second_is_free(searches: [Search; 2]) -> Set {
    let set = set_of([one(A, searches[0]), one(B, searches[1])]);
    assert_eq!(set.allocate(), Ok(A));
    set
}

fn allocate(set: &Set) -> Held {
    set.allocate().ok()
}

/// Moves the one free address from member to member and back. Returns what it holds at the end; `None` if another
/// thread took the free one.
fn shuttle(set: &Set, moves: usize, release: impl Fn(&Set, Ipv4Addr)) -> Held {
    let (mut held, mut free) = (A, B);
    for _ in 0..moves {
        release(set, held);
        set.allocate_exact(free).ok()?;
        (held, free) = (free, held);
    }
    Some(held)
}

fn through_the_set(set: &Set, addr: Ipv4Addr) {
    set.release(addr).unwrap();
}

fn through_the_pool(set: &Set, addr: Ipv4Addr) {
    set.member_of(addr).unwrap().pool().release(addr).unwrap();
}

/// Asserts that the searcher found something, because one of the two addresses is free at every instant.
fn found_something(set: &Set, held: [Held; 2]) {
    assert!(held[1].is_some(), "an address was free all the time");
    // Nothing is lost: every address that is not held can be allocated.
    let rest = set.capacity() - held.iter().flatten().count() as u64;
    let found = std::iter::from_fn(|| set.allocate().ok()).count() as u64;
    assert_eq!(found, rest);
}

/// A search through all members is not fooled by a free address that moves behind it.
#[test]
fn a_set_is_not_exhausted_because_its_free_address_moves() {
    const TREES: [Search; 2] = [Search::Tree, Search::Tree];
    let roles: [fn(&Set) -> Held; 2] = [|set| shuttle(set, 3, through_the_set), allocate];
    race(
        "trees",
        Some(3),
        || second_is_free(TREES),
        roles,
        found_something,
    );
    let roles: [fn(&Set) -> Held; 2] = [|set| shuttle(set, 3, through_the_pool), allocate];
    race(
        "behind its back",
        Some(3),
        || second_is_free(TREES),
        roles,
        found_something,
    );
}

/// Nor is one that begins at the second member, and goes around to the first one.
#[test]
fn the_next_address_of_a_set_is_not_missed_while_it_moves() {
    let world = || second_is_free([Search::Tree, Search::Tree]);
    let next: fn(&Set) -> Held = |set| set.allocate_from(B).ok();
    let roles = [|set: &Set| shuttle(set, 2, through_the_set), next];
    race("", Some(3), world, roles, found_something);
}

/// The same for a member without a summary, which is watched instead.
#[test]
fn a_set_with_a_linear_member_is_not_exhausted_because_its_free_address_moves() {
    for searches in [
        [Search::Linear, Search::Tree],
        [Search::Tree, Search::Linear],
    ] {
        let roles: [fn(&Set) -> Held; 2] = [|set| shuttle(set, 2, through_the_set), allocate];
        let world = move || second_is_free(searches);
        race(
            &format!("{searches:?}"),
            Some(3),
            world,
            roles,
            found_something,
        );
    }
}

/// A cordon over a part of each member: the parts are watched.
#[test]
fn a_set_with_cordons_is_not_exhausted_because_its_free_address_moves() {
    let world = || {
        let next = |addr: Ipv4Addr| Ipv4Addr::from_bits(addr.to_bits() + 1);
        let set = set_of([A, B].map(|addr| pool(addr, next(addr), Search::Tree)));
        for addr in [A, B] {
            set.cordon(next(addr)..=next(addr)).unwrap();
        }
        assert_eq!(set.allocate(), Ok(A));
        set
    };
    let roles: [fn(&Set) -> Held; 2] = [|set| shuttle(set, 2, through_the_set), allocate];
    race("", Some(3), world, roles, |set, held| {
        assert!(held[1].is_some(), "an address was free all the time");
        assert_eq!(set.allocated(), held.iter().flatten().count() as u64);
    });
}

/// One address in a set of two members, two threads: exactly one gets it.
#[test]
fn the_last_address_of_a_set_has_exactly_one_winner() {
    let world = || second_is_free([Search::Tree, Search::Tree]);
    race("", Some(6), world, [allocate, allocate], |set, held| {
        assert!(held[0].is_some() != held[1].is_some(), "{held:?}");
        assert!(set.allocate().is_err());
    });
}

/// A thread that releases an address of the first member finds it there again, even beside other searches.
#[test]
fn the_first_member_is_first_again_when_it_has_something() {
    let world = || {
        let set = set_of([
            one(A, Search::Tree),
            pool(B, Ipv4Addr::new(10, 0, 1, 1), Search::Tree),
        ]);
        assert_eq!(set.allocate(), Ok(A));
        set
    };
    fn release_and_allocate(set: &Set) -> Held {
        set.release(A).unwrap();
        allocate(set)
    }
    race(
        "",
        Some(4),
        world,
        [release_and_allocate, allocate],
        |_, held| {
            assert!(
                held.contains(&Some(A)),
                "it was free, and nobody got it: {held:?}"
            );
        },
    );
}

/// A member is added during an allocation. The first member becomes full only after that, so something is free
/// throughout.
#[test]
fn a_member_that_is_added_is_everybodys() {
    let world = || set_of([one(A, Search::Tree)]);
    fn add_and_take_the_other(set: &Set) -> Held {
        set.add(one(B, Search::Tree)).unwrap();
        set.allocate_exact(A).ok().map(|()| A)
    }
    race(
        "",
        Some(4),
        world,
        [add_and_take_the_other, allocate],
        |set, held| {
            assert!(held[1].is_some(), "an address was free all the time");
            assert_ne!(held[0], held[1]);
            set.release(held[1].unwrap()).unwrap();
            assert!(set.allocate().is_ok());
        },
    );
}

/// The same for a member that is resumed, and for a cordon that is lifted.
#[test]
fn what_is_opened_again_is_everybodys() {
    fn id(set: &Set) -> MemberId {
        set.member_of(B).unwrap().id()
    }
    let drained = || {
        let set = set_of([one(A, Search::Tree), one(B, Search::Tree)]);
        set.drain(id(&set)).unwrap();
        set
    };
    fn resume(set: &Set) -> Held {
        set.resume(id(set)).unwrap();
        set.allocate_exact(A).ok().map(|()| A)
    }
    let cordoned = || {
        let set = set_of([one(A, Search::Tree), one(B, Search::Tree)]);
        set.cordon(B..=B).unwrap();
        set
    };
    fn uncordon(set: &Set) -> Held {
        set.uncordon(B..=B).unwrap();
        set.allocate_exact(A).ok().map(|()| A)
    }
    race("resume", Some(4), drained, [resume, allocate], |_, held| {
        assert!(held[1].is_some(), "an address was free all the time");
    });
    race(
        "uncordon",
        Some(3),
        cordoned,
        [uncordon, allocate],
        |_, held| {
            assert!(held[1].is_some(), "an address was free all the time");
        },
    );
}

/// Only opening a member makes a look at it stale. The one free address moves from the third member to the second one
/// behind the search; the first member opens, and only then the second one becomes full. So something is free
/// throughout. A proof that has seen the first member closed, and the others full, must notice that the first one has
/// been opened before a caller relies on the proof.
#[test]
fn what_is_opened_behind_a_look_is_not_missed() {
    const FIRST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 0);
    fn members() -> Set {
        // The second one has no summary, so that no hint has to be cleared between its release and its claim.
        let pools = [
            one(FIRST, Search::Tree),
            one(A, Search::Linear),
            one(B, Search::Tree),
        ];
        let set = PoolSet::builder().room(3).members(pools).build().unwrap();
        set.allocate_exact(A).unwrap();
        set
    }
    fn move_open_and_take(set: &Set, open: impl Fn(&Set)) -> Held {
        through_the_pool(set, A);
        set.allocate_exact(B).ok()?;
        open(set);
        set.allocate_exact(A).ok().map(|()| A)
    }
    let drained = || {
        let set = members();
        set.drain(set.member_of(FIRST).unwrap().id()).unwrap();
        set
    };
    let cordoned = || {
        let set = members();
        set.cordon(FIRST..=FIRST).unwrap();
        set
    };
    fn resume(set: &Set) -> Held {
        move_open_and_take(set, |set| {
            set.resume(set.member_of(FIRST).unwrap().id()).unwrap();
        })
    }
    fn uncordon(set: &Set) -> Held {
        move_open_and_take(set, |set| set.uncordon(FIRST..=FIRST).unwrap())
    }
    fn judge(_: &Set, held: [Held; 2]) {
        assert!(held[1].is_some(), "an address was free all the time");
    }
    race("resume", Some(3), drained, [resume, allocate], judge);
    race("uncordon", Some(3), cordoned, [uncordon, allocate], judge);
}

/// No allocation that begins after the drain returns an address of the member.
#[test]
fn nothing_comes_from_a_member_after_its_drain() {
    let world = || set_of([one(A, Search::Tree), one(B, Search::Tree)]);
    fn drain_and_allocate(set: &Set) -> Held {
        let id = set.member_of(A).unwrap().id();
        set.drain(id).unwrap();
        allocate(set)
    }
    race(
        "",
        Some(4),
        world,
        [drain_and_allocate, allocate],
        |set, held| {
            assert!(held[0].is_none_or(|addr| addr == B), "{held:?}");
            assert!(held[0].is_some() || held[1] == Some(B), "{held:?}");
            assert!(set.stragglers().all(|addr| held[1] == Some(addr)));
        },
    );
}

const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0);

/// An address outside all members.
const NO_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9);

/// Creates a dual stack with one address of each family, or without an IPv6 address.
fn dual(has_v6: bool) -> DualStack {
    let v6: Pool<Ipv6Net> = pool(V6, V6, Search::Tree);
    let both = DualStack::new(
        PoolSet::builder()
            .room(2)
            .member(one(A, Search::Tree))
            .build()
            .unwrap(),
        PoolSet::builder().room(2).member(v6).build().unwrap(),
    );
    if !has_v6 {
        both.v6().allocate().unwrap();
    }
    both
}

/// A pair that fails makes no other allocation fail: its half was never allocated.
#[test]
fn a_pair_that_fails_takes_nothing_from_a_single_claim() {
    let roles: [fn(&DualStack) -> bool; 2] = [
        |both| both.allocate_pair().is_ok(),
        |both| both.v4().allocate().is_ok(),
    ];
    race(
        "",
        Some(5),
        || dual(false),
        roles,
        |both, got| {
            assert_eq!(got, [false, true]);
            both.v4().release(A).unwrap();
            assert!(both.v4().allocate().is_ok(), "the half is lost");
        },
    );
}

/// Nor does an exact pair that fails, whatever asks for its address; nor one for a client.
#[test]
fn a_named_pair_that_fails_takes_nothing_from_an_exact_claim() {
    type Role = fn(&DualStack) -> bool;
    let pairs: [(&str, Role); 2] = [
        ("exact", |both| both.allocate_pair_exact(A, V6).is_ok()),
        ("client", |both| {
            both.allocate_pair_for(Client::from_hash(0)).is_ok()
        }),
    ];
    for (label, pair) in pairs {
        let roles: [Role; 2] = [pair, |both| both.v4().allocate_exact(A).is_ok()];
        race(
            label,
            Some(4),
            || dual(false),
            roles,
            |both, got| {
                assert_eq!(got, [false, true]);
                both.v4().release(A).unwrap();
                assert!(both.v4().allocate().is_ok(), "the half is lost");
            },
        );
    }
}

/// An exact pair does not fail with "already allocated" because of another one that fails.
#[test]
fn an_exact_pair_outlasts_one_that_fails() {
    let roles: [fn(&DualStack) -> bool; 2] = [
        |both| both.allocate_pair_exact(A, NO_V6).is_ok(),
        |both| both.allocate_pair_exact(A, V6).is_ok(),
    ];
    race(
        "",
        Some(4),
        || dual(true),
        roles,
        |_, got| {
            assert_eq!(got, [false, true]);
        },
    );
}

/// Two exact pairs ask for the same addresses: one fails because they are taken, and the other gets both.
#[test]
fn an_exact_pair_has_exactly_one_winner() {
    let take: fn(&DualStack) -> bool = |both| both.allocate_pair_exact(A, V6).is_ok();
    race(
        "",
        Some(3),
        || dual(true),
        [take, take],
        |both, got| {
            assert!(got[0] != got[1], "{got:?}");
            assert_eq!((both.v4().allocated(), both.v6().allocated()), (1, 1));
        },
    );
}

/// The other half is released meanwhile: either there is a pair, or both halves are free.
#[test]
fn a_pair_is_whole_or_nothing() {
    let roles: [fn(&DualStack) -> bool; 2] = [
        |both| both.allocate_pair().is_ok(),
        |both| both.v6().release(V6).is_ok(),
    ];
    race(
        "",
        Some(5),
        || dual(false),
        roles,
        |both, got| {
            let taken = u64::from(got[0]);
            assert_eq!(
                (both.v4().allocated(), both.v6().allocated()),
                (taken, taken)
            );
            assert_eq!(both.allocate_pair().is_ok(), !got[0]);
        },
    );
}

/// If two clients want the only pair, one gets it, and the other holds nothing.
#[test]
fn the_last_pair_has_exactly_one_winner() {
    let take: fn(&DualStack) -> bool = |both| both.allocate_pair().is_ok();
    race(
        "",
        Some(4),
        || dual(true),
        [take, take],
        |both, got| {
            assert!(got[0] != got[1], "{got:?}");
            assert_eq!((both.v4().allocated(), both.v6().allocated()), (1, 1));
        },
    );
}

/// Creates twins with two indices.
fn twins() -> TwinPools {
    let v4 = pool(A, Ipv4Addr::new(10, 0, 0, 1), Search::Tree);
    let v6 = pool(V6, Ipv6Addr::from_bits(V6.to_bits() + 1), Search::Tree);
    TwinPools::new(Arc::new(v4), Arc::new(v6)).expect("one range each")
}

/// Two clients, two indices: each gets one, with both halves.
#[test]
fn twins_are_shared_by_index() {
    type Index = Option<[u32; 2]>;
    let take: fn(&TwinPools) -> Index = |twins| {
        let pair = twins.allocate_pair().ok()?;
        Some([pair.v4.to_bits() & 1, (pair.v6.to_bits() & 1) as u32])
    };
    race("", Some(3), twins, [take, take], |_, got| {
        let [Some(first), Some(second)] = got else {
            panic!("two indices, two clients: {got:?}");
        };
        assert!(first[0] == first[1] && second[0] == second[1], "{got:?}");
        assert_ne!(first, second);
    });
}

/// The only index that is free on both sides moves; one is free at every instant.
#[test]
fn twins_are_not_fooled_by_an_index_that_moves() {
    let world = || {
        let twins = twins();
        twins.v4().allocate_exact(A).unwrap();
        twins
    };
    fn move_index(twins: &TwinPools) -> bool {
        let other = Ipv4Addr::new(10, 0, 0, 1);
        twins.v4().release(A).unwrap();
        twins.v4().allocate_exact(other).is_ok()
            && twins.v4().release(other).is_ok()
            && twins.v4().allocate_exact(A).is_ok()
    }
    let roles: [fn(&TwinPools) -> bool; 2] = [move_index, |twins| twins.allocate_pair().is_ok()];
    race("", Some(3), world, roles, |_, got| {
        assert!(got[1], "an index was free on both sides all the time");
    });
}

/// No client gets the index, because its other half is lost half-way: the half that goes back makes no allocation fail.
#[test]
fn a_twin_that_goes_back_takes_nothing_from_a_single_claim() {
    let world = || {
        let twins = TwinPools::new(pool(A, A, Search::Tree), pool(V6, V6, Search::Tree));
        twins.expect("one range each")
    };
    fn take_both_alone(twins: &TwinPools) -> bool {
        if twins.v6().allocate_exact(V6).is_err() {
            return false;
        }
        assert_eq!(twins.v4().allocate(), Ok(A), "no pair can keep it");
        true
    }
    let roles: [fn(&TwinPools) -> bool; 2] =
        [|twins| twins.allocate_pair().is_ok(), take_both_alone];
    race("", Some(3), world, roles, |_, got| {
        assert!(got[0] != got[1], "one of them has both");
    });
}

/// Two batches of all addresses each hold what the other one lacks. They give way: one gets everything in the end, and
/// a batch that failed did so while the other one had everything.
#[test]
fn a_batch_over_members_is_whole_or_nothing() {
    let many = |set: &Set| set.allocate_many(2).map_or(0, |addrs| addrs.len());
    let world = || set_of([one(A, Search::Tree), one(B, Search::Tree)]);
    let roles: [fn(&Set) -> usize; 2] = [many, many];
    race("two batches", Some(2), world, roles, |set, got| {
        assert_eq!(got.iter().sum::<usize>(), 2, "all or nothing");
        assert_eq!(set.allocated(), 2);
    });
}

/// A batch that fails makes no single claim fail: an address was free throughout.
#[test]
fn a_batch_that_fails_takes_nothing_from_a_single_claim() {
    let roles: [fn(&Set) -> usize; 2] = [
        |set| set.allocate_many(3).map_or(0, |addrs| addrs.len()),
        |set| usize::from(set.allocate().is_ok()),
    ];
    let world = || set_of([one(A, Search::Tree), one(B, Search::Tree)]);
    race("", Some(2), world, roles, |set, got| {
        assert_eq!(got, [0, 1]);
        assert_eq!(set.allocated(), 1);
    });
}
