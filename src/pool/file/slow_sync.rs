//! Claims that wait for the disk while passes run, and an adopt that waits for a reclaim.
//!
//! A thread leads the group commit of a pool and does not return, so the claim under test waits. Meanwhile, a pass
//! through another handle frees what it has claimed, and another thread allocates it.

#[path = "../../../tests/support/scratch.rs"]
mod scratch;

use crate::durability::Durability;
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::Pool;
use crate::pool::reconcile::Options;
use crate::set::pair::DualStack;
use crate::set::{NewMember, PoolSet, StaticBand, SubPool, TwinPools};
use crate::{Client, Policy};
use ipnet::{Ipv4Net, Ipv6Net};
use scratch::Scratch;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// A file whose claims wait, with two handles: the second one acts as another process.
struct Twice<N: Network> {
    ours: Arc<Pool<N>>,
    theirs: Pool<N>,
}

impl<N: Network> Twice<N> {
    fn new(path: &Path, net: &str) -> Self
    where
        N: std::str::FromStr<Err: std::fmt::Debug>,
    {
        let builder = Pool::builder(net.parse::<N>().unwrap()).durability(Durability::Strict);
        Self {
            ours: Arc::new(builder.create(path).unwrap()),
            theirs: builder.open(path).unwrap(),
        }
    }

    /// Returns how many claims are waiting for a sync.
    fn waiting(&self) -> u64 {
        self.ours.words.file().unwrap().commits().drawn()
    }

    /// Holds all syncs back until `release` says how they end.
    fn hold(&self, release: &mpsc::Receiver<std::io::Result<()>>, held: &mpsc::Sender<()>) {
        let sync = || {
            held.send(()).unwrap();
            let synced = release.recv().unwrap();
            if synced.is_err() {
                self.ours.words.gate_word().poison(5);
            }
            synced
        };
        let _ = self.ours.words.file().unwrap().commits().commit(sync);
    }

    /// Frees everything, because nothing is listed, and allocates it; returns what that was.
    fn free_and_take_all(&self) -> Vec<N::Addr> {
        let claimed: Vec<_> = self.theirs.iter().collect();
        assert!(!claimed.is_empty(), "something was claimed");
        let options = Options::new().grace(Duration::ZERO);
        let mut reconciler = self.theirs.reconciler_with(options).unwrap();
        let plan = reconciler.begin().unwrap().finish(0).unwrap();
        let freed = reconciler.apply_at_most(&plan, 1000).unwrap().freed;
        assert_eq!(freed, claimed.len() as u64);
        for &addr in &claimed {
            self.theirs.allocate_exact(addr).unwrap();
        }
        claimed
    }
}

fn wait_for(what: impl Fn() -> bool) {
    for _ in 0..60_000 {
        if what() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("nothing comes to wait");
}

/// Runs `verb`, which claims in `passed` and waits for `slow`. Its sync ends as `synced` says, after a pass has freed
/// what it had claimed and another thread has allocated that. Returns both results.
fn beside_a_pass<N: Network, S: Network, A: Send>(
    passed: &Twice<N>,
    slow: &Twice<S>,
    synced: std::io::Result<()>,
    verb: impl FnOnce() -> Vec<A> + Send,
) -> (Vec<N::Addr>, Vec<A>) {
    let (release, released) = mpsc::channel();
    let (held, is_held) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || slow.hold(&released, &held));
        is_held.recv().unwrap();
        let verb = scope.spawn(verb);
        wait_for(|| slow.waiting() == 2);
        let taken = passed.free_and_take_all();
        release.send(synced).unwrap();
        (taken, verb.join().unwrap())
    })
}

type Verb = fn(&Arc<Pool<Ipv4Net>>) -> Vec<Ipv4Addr>;

fn set_of(pool: &Arc<Pool<Ipv4Net>>) -> PoolSet<Ipv4Net> {
    let heap = Pool::new("10.0.1.0/28".parse().unwrap()).unwrap();
    PoolSet::new([Arc::clone(pool), Arc::new(heap)]).unwrap()
}

/// With a band, so that the search goes part by part.
fn banded_set_of(pool: &Arc<Pool<Ipv4Net>>) -> PoolSet<Ipv4Net> {
    let member = NewMember::new(Arc::clone(pool)).band(StaticBand::Lowest(4));
    PoolSet::builder().member(member).build().unwrap()
}

fn dual_of(set: PoolSet<Ipv4Net>) -> DualStack {
    let heap = Pool::new("fd00::/124".parse::<Ipv6Net>().unwrap()).unwrap();
    DualStack::new(set, PoolSet::new([heap]).unwrap())
}

fn pair_of(set: PoolSet<Ipv4Net>) -> Vec<Ipv4Addr> {
    dual_of(set)
        .allocate_pair()
        .map(|pair| pair.v4)
        .into_iter()
        .collect()
}

fn adopt(pool: &Pool<Ipv4Net>, addr: &str) -> Vec<Ipv4Addr> {
    let _ = pool.adopt([addr]);
    Vec::new()
}

/// Every method that returns addresses, and what it returns if nothing goes wrong.
const VERBS: &[(&str, Verb)] = &[
    ("allocate", |pool| pool.allocate().into_iter().collect()),
    ("allocate_net", |pool| {
        let net = pool.allocate_net();
        net.map(|net| net.addr()).into_iter().collect()
    }),
    ("allocate_exact", |pool| {
        let addr = Ipv4Addr::new(10, 0, 0, 7);
        let claimed = pool.allocate_exact(addr);
        claimed.map(|()| addr).into_iter().collect()
    }),
    ("allocate_preferring", |pool| {
        let addr = Ipv4Addr::new(10, 0, 0, 7);
        pool.allocate_preferring(addr).into_iter().collect()
    }),
    ("allocate_in", |pool| {
        let range = Ipv4Addr::new(10, 0, 0, 4)..=Ipv4Addr::new(10, 0, 0, 9);
        pool.allocate_in(range).into_iter().collect()
    }),
    ("allocate_many", |pool| {
        pool.allocate_many(3).unwrap_or_default()
    }),
    ("allocate_into", |pool| {
        let mut addrs = [Ipv4Addr::UNSPECIFIED; 3];
        let count = pool.allocate_into(&mut addrs);
        addrs[..count].to_vec()
    }),
    ("allocate_into, one", |pool| {
        let mut addrs = [Ipv4Addr::UNSPECIFIED; 1];
        let count = pool.allocate_into(&mut addrs);
        addrs[..count].to_vec()
    }),
    ("allocate_block", |pool| {
        let block = pool.allocate_block(30);
        block.into_iter().flat_map(|net| net.hosts()).collect()
    }),
    ("allocate_block_exact", |pool| {
        let block: Ipv4Net = "10.0.0.4/30".parse().unwrap();
        let claimed = pool.allocate_block_exact(block);
        claimed.into_iter().flat_map(|()| block.hosts()).collect()
    }),
    ("allocate_for", |pool| {
        pool.allocate_for(Client::from_hash(3))
            .into_iter()
            .collect()
    }),
    ("allocate_from", |pool| {
        let addr = Ipv4Addr::new(10, 0, 0, 7);
        pool.allocate_from(addr).into_iter().collect()
    }),
    ("guard", |pool| {
        pool.guard().map(|of| of.keep()).into_iter().collect()
    }),
    ("guard_arc", |pool| {
        pool.guard_arc().map(|of| of.keep()).into_iter().collect()
    }),
    ("local", |pool| {
        pool.local().allocate().into_iter().collect()
    }),
    ("sub-pool", |pool| {
        let range = Ipv4Addr::new(10, 0, 0, 4)..=Ipv4Addr::new(10, 0, 0, 9);
        let tenant = SubPool::new("blue", Arc::clone(pool), range, Policy::Next).unwrap();
        tenant.allocate().into_iter().collect()
    }),
    ("set", |pool| set_of(pool).allocate().into_iter().collect()),
    ("set, with a band", |pool| {
        banded_set_of(pool).allocate().into_iter().collect()
    }),
    ("set, for", |pool| {
        let found = banded_set_of(pool).allocate_for(Client::from_hash(u64::MAX / 2));
        found.into_iter().collect()
    }),
    ("set, preferring", |pool| {
        let addr = Ipv4Addr::new(10, 0, 0, 7);
        set_of(pool).allocate_preferring(addr).into_iter().collect()
    }),
    ("set, from", |pool| {
        let addr = Ipv4Addr::new(10, 0, 0, 7);
        set_of(pool).allocate_from(addr).into_iter().collect()
    }),
    ("set, block", |pool| {
        let block = set_of(pool).allocate_block(30);
        block.into_iter().flat_map(|net| net.hosts()).collect()
    }),
    ("set, many", |pool| {
        banded_set_of(pool).allocate_many(3).unwrap_or_default()
    }),
    ("set, into", |pool| {
        let mut addrs = [Ipv4Addr::UNSPECIFIED; 3];
        let count = set_of(pool).allocate_into(&mut addrs);
        addrs[..count].to_vec()
    }),
    ("pair", |pool| pair_of(set_of(pool))),
    ("pair, with a band", |pool| pair_of(banded_set_of(pool))),
    ("pair, for", |pool| {
        let both = dual_of(set_of(pool));
        let pair = both.allocate_pair_for(Client::from_hash(3));
        pair.map(|pair| pair.v4).into_iter().collect()
    }),
    ("pair, for, with a band", |pool| {
        let both = dual_of(banded_set_of(pool));
        let pair = both.allocate_pair_for(Client::from_hash(u64::MAX / 2));
        pair.map(|pair| pair.v4).into_iter().collect()
    }),
    ("pair, exact", |pool| {
        let addr = Ipv4Addr::new(10, 0, 0, 7);
        let both = dual_of(set_of(pool));
        let claimed = both.allocate_pair_exact(addr, "fd00::7".parse().unwrap());
        claimed.map(|()| addr).into_iter().collect()
    }),
    ("twins, for", |pool| {
        let heap = Pool::new("fd00::/124".parse::<Ipv6Net>().unwrap()).unwrap();
        let twins = TwinPools::new(Arc::clone(pool), heap).unwrap();
        let pair = twins.allocate_pair_for(Client::from_hash(u64::MAX / 2));
        pair.map(|pair| pair.v4).into_iter().collect()
    }),
    ("set, block exact", |pool| {
        let block: Ipv4Net = "10.0.0.4/30".parse().unwrap();
        let claimed = set_of(pool).allocate_block_exact(block);
        claimed.into_iter().flat_map(|()| block.hosts()).collect()
    }),
    ("twins", |pool| {
        let heap = Pool::new("fd00::/124".parse::<Ipv6Net>().unwrap()).unwrap();
        let twins = TwinPools::new(Arc::clone(pool), heap).unwrap();
        let pair = twins.allocate_pair();
        pair.map(|pair| pair.v4).into_iter().collect()
    }),
    ("adopt", |pool| adopt(pool, "10.0.0.7")),
];

/// An address that a pass has freed while its claim waited for a sync belongs to another holder: it is not returned a
/// second time. Every method continues and finds another address; an exact one finds the address taken.
#[test]
fn what_was_freed_during_a_sync_is_not_answered() {
    let scratch = Scratch::new("slow-sync");
    for (name, verb) in VERBS {
        let pool = Twice::new(&scratch.path(name), "10.0.0.0/28");
        let (taken, answered) = beside_a_pass(&pool, &pool, Ok(()), || verb(&pool.ours));
        for addr in &answered {
            assert!(!taken.contains(addr), "{name}: {addr} has two holders");
            let is_held = pool.ours.slot_of(*addr).is_none() || pool.theirs.release(*addr).is_ok();
            assert!(is_held, "{name}: {addr} is held");
        }
        for &addr in &taken {
            pool.theirs.release(addr).unwrap();
        }
        let finds_nothing_else = name.contains("exact") || *name == "adopt";
        assert_eq!(
            answered.is_empty(),
            finds_nothing_else,
            "{name}: {answered:?}"
        );
    }
}

/// Nor is such an address given back when the sync fails.
#[test]
fn what_was_freed_during_a_sync_that_fails_is_not_given_back() {
    let scratch = Scratch::new("no-sync");
    for (name, verb) in VERBS {
        let pool = Twice::new(&scratch.path(name), "10.0.0.0/28");
        let failed = Err(std::io::Error::from_raw_os_error(5));
        let (taken, _) = beside_a_pass(&pool, &pool, failed, || verb(&pool.ours));
        for addr in taken {
            assert!(pool.theirs.release(addr).is_ok(), "{name}: {addr} was free");
        }
    }
}

type PairVerb = fn(Arc<Pool<Ipv4Net>>, Arc<Pool<Ipv6Net>>) -> Vec<(Ipv4Addr, Ipv6Addr)>;

/// The first half of a pair is returned when the second one is durable: passes until then count.
#[test]
fn the_first_half_of_a_pair_waits_for_the_second_one() {
    let scratch = Scratch::new("halves");
    let v6_net = "fd00::/124";
    let pairs: [(&str, PairVerb); 2] = [
        ("pair", |v4, v6| {
            let both = DualStack::new(PoolSet::new([v4]).unwrap(), PoolSet::new([v6]).unwrap());
            let pair = both.allocate_pair().unwrap();
            vec![(pair.v4, pair.v6)]
        }),
        ("twins", |v4, v6| {
            let twins = TwinPools::new(v4, v6).unwrap();
            let pair = twins.allocate_pair().unwrap();
            let counted = twins.v4().stats().allocations.exact;
            assert_eq!(counted, 1, "what was lost is not counted");
            vec![(pair.v4, pair.v6)]
        }),
    ];
    for (name, verb) in pairs {
        let v4 = Twice::<Ipv4Net>::new(&scratch.path(&format!("{name}-4")), "10.0.0.0/28");
        let v6 = Twice::<Ipv6Net>::new(&scratch.path(&format!("{name}-6")), v6_net);
        let (ours, theirs) = (Arc::clone(&v4.ours), Arc::clone(&v6.ours));
        let (taken, answered) = beside_a_pass(&v4, &v6, Ok(()), || verb(ours, theirs));
        let [(half, other)] = answered[..] else {
            panic!("{name}: {answered:?}");
        };
        assert!(!taken.contains(&half), "{name}: {half} has two holders");
        assert_eq!(
            (v4.theirs.allocated(), v6.theirs.allocated()),
            (2, 1),
            "{name}"
        );
        v4.theirs.release(half).unwrap();
        v6.theirs.release(other).unwrap();
    }
}

/// If the second half cannot be made durable, and a pass has freed the first half, the first half is not given back.
#[test]
fn the_first_half_of_a_pair_is_not_given_back_if_a_pass_has_freed_it() {
    let scratch = Scratch::new("lost-halves");
    let v4 = Twice::<Ipv4Net>::new(&scratch.path("4"), "10.0.0.0/28");
    let v6 = Twice::<Ipv6Net>::new(&scratch.path("6"), "fd00::/124");
    let failed = Err(std::io::Error::from_raw_os_error(5));
    let (taken, answered) = beside_a_pass(&v4, &v6, failed, || {
        let sides = (Arc::clone(&v4.ours), Arc::clone(&v6.ours));
        let twins = TwinPools::new(sides.0, sides.1).unwrap();
        twins.allocate_pair().into_iter().collect()
    });
    assert!(answered.is_empty(), "{answered:?}");
    for addr in taken {
        assert!(v4.theirs.release(addr).is_ok(), "{addr} was free");
    }
}

/// What a set allocates from one member into a slice is returned when the part of the next member is durable. Passes
/// until then count, and what was lost is allocated again.
#[test]
fn what_one_member_gave_waits_for_the_next_one() {
    let scratch = Scratch::new("members");
    for band in [0, 4].map(StaticBand::Lowest) {
        let path = |name: &str| scratch.path(&format!("{band:?}-{name}"));
        let first = Twice::<Ipv4Net>::new(&path("first"), "10.0.0.0/28");
        let second = Twice::<Ipv4Net>::new(&path("second"), "10.0.1.0/28");
        let members = [&first, &second].map(|of| Arc::clone(&of.ours));
        let (taken, mut answered) = beside_a_pass(&first, &second, Ok(()), || {
            let [first, second] = members;
            let set = PoolSet::builder()
                .member(NewMember::new(first).band(band))
                .member(second)
                .build()
                .unwrap();
            let mut addrs = [Ipv4Addr::UNSPECIFIED; 16];
            let count = set.allocate_into(&mut addrs);
            addrs[..count].to_vec()
        });
        for addr in &answered {
            assert!(!taken.contains(addr), "{band:?}: {addr} has two holders");
        }
        let all = first.theirs.allocated() + second.theirs.allocated();
        assert_eq!(all, (taken.len() + answered.len()) as u64, "{band:?}");
        let left = 26 - taken.len();
        assert_eq!(answered.len(), left.min(16), "{band:?}: filled up again");
        answered.extend(taken);
        for addr in answered {
            let of = if addr.octets()[2] == 0 {
                &first
            } else {
                &second
            };
            assert!(of.theirs.release(addr).is_ok(), "{band:?}: {addr} was free");
        }
    }
}

/// The reason why a slice got nothing belongs to that call: another request of the same thread to another file has its
/// own result.
#[test]
fn a_refused_slice_leaves_no_reason_behind() {
    let scratch = Scratch::new("reasons");
    let poisoned = Twice::<Ipv4Net>::new(&scratch.path("poisoned"), "10.0.0.0/28");
    let sound = Twice::<Ipv4Net>::new(&scratch.path("sound"), "10.0.1.0/28");
    while sound.ours.allocate().is_ok() {}
    poisoned.ours.words.gate_word().poison(5);
    for len in [1, 2] {
        let mut addrs = vec![Ipv4Addr::UNSPECIFIED; len];
        assert_eq!(poisoned.ours.allocate_into(&mut addrs), 0, "{len}");
        let answer = sound.ours.allocate();
        let is_full = matches!(answer, Err(AllocateError::Exhausted { .. }));
        assert!(is_full, "{len}: {answer:?}");
    }
}

/// A pass that has begun but frees nothing does not disturb any caller.
#[test]
fn a_pass_that_frees_nothing_is_no_reason_to_begin_again() {
    let scratch = Scratch::new("idle-pass");
    let pool = Twice::<Ipv4Net>::new(&scratch.path("pool"), "10.0.0.0/28");
    let (release, released) = mpsc::channel();
    let (held, is_held) = mpsc::channel();
    std::thread::scope(|scope| {
        let slow = &pool;
        scope.spawn(move || slow.hold(&released, &held));
        is_held.recv().unwrap();
        let claims = scope.spawn(|| pool.ours.allocate_many(3).unwrap());
        wait_for(|| pool.waiting() == 2);
        let mut reconciler = pool.theirs.reconciler().unwrap();
        let plan = reconciler.begin().unwrap().finish(0).unwrap();
        assert_eq!(plan.slots.orphan, 3);
        assert_eq!(reconciler.apply_at_most(&plan, 3).unwrap().freed, 0);
        drop(reconciler);
        release.send(Ok(())).unwrap();
        assert_eq!(claims.join().unwrap().len(), 3);
    });
    assert_eq!(pool.theirs.allocated(), 3, "nothing was given up");
}

/// A reclaim has taken a suspect out of the quarantine but not freed it yet, which no other thread can see. An adopt
/// waits for it, and takes the address once it is free; otherwise, it would become free afterwards.
#[test]
fn an_adopt_waits_for_a_reclaim_between_its_stores() {
    let scratch = Scratch::in_memory("between-stores");
    let (path, copy) = (scratch.path("pool"), scratch.path("copy"));
    let builder = Pool::builder("10.0.0.0/24".parse::<Ipv4Net>().unwrap());
    drop(builder.create(&path).unwrap());
    std::fs::copy(&path, &copy).unwrap();
    let pool = builder.open(&copy).unwrap();
    let flight = pool.bitmap().begin_flight();
    assert_eq!(pool.words.clear_suspects(0, 1 << 9), 1 << 9);
    let adopted = std::thread::scope(|scope| {
        let adopt = scope.spawn(|| pool.adopt(["10.0.0.9"]).unwrap());
        std::thread::sleep(Duration::from_millis(100));
        assert!(!adopt.is_finished(), "it did not wait");
        pool.give_back(0, 1 << 9);
        drop(flight);
        adopt.join().unwrap()
    });
    assert_eq!((adopted.taken, adopted.already), (1, 0));
}

/// One side of the twins is full, and on the other side a claim does not finish. No pair is possible, so no call waits
/// for that claim.
#[test]
fn a_full_side_of_twins_waits_for_no_claim_on_the_other_side() {
    let sides = || {
        let v4 = Arc::new(Pool::<Ipv4Net>::new("10.0.0.0/28".parse().unwrap()).unwrap());
        let v6 = Arc::new(Pool::<Ipv6Net>::new("fd00::/124".parse().unwrap()).unwrap());
        let twins = TwinPools::new(Arc::clone(&v4), Arc::clone(&v6)).unwrap();
        (v4, v6, twins)
    };
    let (v4, v6, twins) = sides();
    while v4.allocate().is_ok() {}
    let flight = v6.bitmap().begin_flight();
    refuse_before_the_end_of(flight, &twins);
    let (v4, v6, twins) = sides();
    while v6.allocate().is_ok() {}
    let flight = v4.bitmap().begin_flight();
    refuse_before_the_end_of(flight, &twins);
}

fn refuse_before_the_end_of<F>(flight: F, twins: &TwinPools) {
    std::thread::scope(|scope| {
        let pair = scope.spawn(|| twins.allocate_pair());
        let is_refused = (0..20_000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            pair.is_finished()
        });
        drop(flight);
        assert!(pair.join().unwrap().is_err());
        assert!(is_refused, "it waited for the claim");
    });
}
