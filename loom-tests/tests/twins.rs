//! Twins: halves that are given back, indices that move with both halves, and networks that begin elsewhere.
#![cfg(loom)]

use hostbits::{
    Gateway, Network, Pool, StatsLevel,
    set::{Pair, TwinPools},
};
use loom::cell::UnsafeCell;
use loom_tests::race;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

const V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0);

fn pool<N: Network>(first: N::Addr, last: N::Addr) -> Arc<Pool<N>> {
    let builder = Pool::over([first..=last]).gateway(Gateway::None);
    Arc::new(builder.stats(StatsLevel::Off).build().unwrap())
}

/// Creates twins with this many indices.
fn twins(count: u32) -> TwinPools {
    let last_v4 = Ipv4Addr::from_bits(V4.to_bits() + count - 1);
    let last_v6 = Ipv6Addr::from_bits(V6.to_bits() + u128::from(count) - 1);
    TwinPools::new(pool(V4, last_v4), pool(V6, last_v6)).expect("one range each")
}

fn index_of(pair: Pair) -> u32 {
    let index = pair.v4.to_bits() - V4.to_bits();
    assert_eq!(u128::from(index), pair.v6.to_bits() - V6.to_bits());
    index
}

/// The other half of the only index is lost while one half is claimed: the half that is given back was never allocated.
#[test]
fn a_half_that_goes_back_takes_nothing_from_a_single_claim() {
    /// Whether there was a pair, or the address of each family.
    type Got = [bool; 2];
    fn pair(twins: &TwinPools) -> Got {
        [twins.allocate_pair().is_ok(); 2]
    }
    fn each(twins: &TwinPools) -> Got {
        let v6 = twins.v6().allocate().is_ok();
        [twins.v4().allocate().is_ok(), v6]
    }
    race(
        "",
        Some(5),
        || twins(1),
        [pair, each],
        |twins, got| {
            assert_eq!(got[1], [!got[0][0]; 2], "pair: {}", got[0][0]);
            assert_eq!((twins.v4().allocated(), twins.v6().allocated()), (1, 1));
        },
    );
}

/// An index whose halves are held and released together passes to the next holder as a pair, after everything that was
/// done.
#[test]
fn a_pair_passes_both_halves_on() {
    struct Net {
        twins: TwinPools,
        payload: UnsafeCell<()>,
    }
    #[allow(unsafe_code)]
    // SAFETY: the payload is empty and its pointer is never followed; loom is here to check whether accesses to it
    // are ordered. The twins are Sync.
    unsafe impl Sync for Net {}
    fn use_pair(net: &Net) -> bool {
        let Ok(pair) = net.twins.allocate_pair() else {
            return false;
        };
        net.payload.with_mut(|_| ());
        net.twins.release_pair(pair).unwrap();
        true
    }
    let world = || Net {
        twins: twins(1),
        payload: UnsafeCell::new(()),
    };
    race("", Some(3), world, [use_pair, use_pair], |net, got| {
        assert!(got[0] || got[1], "it was there before both");
        assert_eq!(net.twins.allocate_pair().map(index_of), Ok(0), "it is lost");
    });
}

/// The only index with both halves free moves, with both halves.
#[test]
fn twins_are_not_fooled_by_a_pair_that_moves() {
    /// Releases the first index and takes the second one, half by half.
    fn move_pair(twins: &TwinPools) -> Option<u32> {
        let next = (
            Ipv4Addr::from_bits(V4.to_bits() + 1),
            Ipv6Addr::from_bits(V6.to_bits() + 1),
        );
        twins.v4().release(V4).unwrap();
        twins.v6().release(V6).unwrap();
        twins.v4().allocate_exact(next.0).ok()?;
        twins.v6().allocate_exact(next.1).ok()?;
        Some(1)
    }
    let world = || {
        let twins = twins(2);
        twins.v4().allocate_exact(V4).unwrap();
        twins.v6().allocate_exact(V6).unwrap();
        twins
    };
    fn take(twins: &TwinPools) -> Option<u32> {
        twins.allocate_pair().ok().map(index_of)
    }
    race("", Some(3), world, [move_pair, take], |_, got| {
        assert!(got[1].is_some(), "there was an index all the time");
        assert_ne!(got[0], got[1]);
    });
}

/// Networks of different lengths and beginnings: the pairs are the indices that both have.
#[test]
fn the_last_index_that_both_sides_have_has_one_holder() {
    let world = || {
        let v4 = pool(V4, Ipv4Addr::from_bits(V4.to_bits() + 2));
        let v6 = pool(V6, Ipv6Addr::from_bits(V6.to_bits() + 1));
        let twins = TwinPools::new(v4, v6).expect("one range each");
        twins.v4().allocate_exact(V4).unwrap();
        twins
    };
    fn take(twins: &TwinPools) -> Option<u32> {
        twins.allocate_pair().ok().map(index_of)
    }
    race("", Some(3), world, [take, take], |twins, got| {
        let mut got = got;
        got.sort();
        assert_eq!(got, [None, Some(1)]);
        // The half without a counterpart is still free, and so is the one whose counterpart is taken.
        assert_eq!((twins.v4().allocated(), twins.v6().allocated()), (2, 1));
    });
}
