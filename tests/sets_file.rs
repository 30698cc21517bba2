//! Sets over pool files: two handles, a machine that went down, a poisoned member, processes that die in a
//! pair, members that grow.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/children.rs"]
mod children;
#[path = "support/scratch.rs"]
mod scratch;

use children::{role, spawn};
use hostbits::{
    AllocateError, Builder, DualStack, FileRefusal, Pool, PoolSet, StatsLevel,
    file::RecoveryKind,
    reconcile,
    set::{AllocatePairError, NewMember, StaticBand},
};
use ipnet::{Ipv4Net, Ipv6Net};
use scratch::{Scratch, forget_the_boot, poison, put_back, read};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a process does that another one began.
#[test]
fn child() {
    if let Some((role, argument)) = role() {
        assert_eq!(role, "pairs");
        let both = pairs_at(&PathBuf::from(argument));
        loop {
            if let Ok(pair) = both.allocate_pair() {
                both.release_pair(pair).unwrap();
            }
        }
    }
}

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn v4(text: &str) -> Builder<Ipv4Net> {
    Pool::builder(net(text)).stats(StatsLevel::Off)
}

fn open(path: &Path, nets: &[(&str, &str)]) -> PoolSet<Ipv4Net> {
    let pools = nets.iter();
    let pools = pools.map(|(name, net)| v4(net).open_or_create(path.with_extension(name)).unwrap());
    PoolSet::new(pools).unwrap()
}

fn everything(set: &PoolSet<Ipv4Net>) -> BTreeSet<Ipv4Addr> {
    std::iter::from_fn(|| set.allocate().ok()).collect()
}

const NETS: [(&str, &str); 2] = [("a", "10.0.0.0/28"), ("b", "10.0.1.0/28")];

/// Two sets over the same files, in another order: one owner for each address, and what one gives back the
/// other one finds.
#[test]
fn two_sets_over_the_same_files_share_their_addresses() {
    let scratch = Scratch::new("two-sets");
    let path = scratch.path("pool");
    let (mut turned, mut rest) = (NETS, BTreeSet::new());
    turned.reverse();
    let (ours, theirs) = (open(&path, &NETS), open(&path, &turned));
    let (mine, yours) = (
        ours.allocate_many(15).unwrap(),
        theirs.allocate_many(6).unwrap(),
    );
    rest.extend(everything(&ours));
    let all: BTreeSet<_> = mine
        .iter()
        .chain(&yours)
        .copied()
        .chain(rest.iter().copied())
        .collect();
    assert_eq!((all.len(), ours.capacity()), (26, 26));
    assert!(theirs.allocate().is_err() && theirs.allocate_many(1).is_err());
    ours.release(mine[0]).unwrap();
    assert_eq!(
        theirs.allocate(),
        Ok(mine[0]),
        "found, though nobody told this set of it"
    );
}

/// Batches of two sets over the same files in two orders: no batch waits for ever, and nothing is lost.
#[test]
fn batches_over_the_same_files_in_two_orders_do_not_lock_each_other_out() {
    let scratch = Scratch::in_memory("orders");
    let path = scratch.path("pool");
    let mut turned = NETS;
    turned.reverse();
    let sets = [open(&path, &NETS), open(&path, &turned)];
    std::thread::scope(|scope| {
        for set in sets.iter().chain(&sets) {
            scope.spawn(move || {
                for _ in 0..300 {
                    if let Ok(addrs) = set.allocate_many(17) {
                        assert_eq!(addrs.iter().collect::<BTreeSet<_>>().len(), 17);
                        addrs
                            .into_iter()
                            .for_each(|addr| set.release(addr).unwrap());
                    }
                }
            });
        }
    });
    assert_eq!(everything(&sets[0]).len(), 26);
}

/// The words of a pool that was not left in order, after the machine went down.
fn crash(path: &Path, pool: Pool<Ipv4Net>) {
    let open = read(path);
    drop(pool);
    put_back(path, &open);
    forget_the_boot(path);
}

/// What a crash has put in doubt in one member is in the error of the set, once the others are full; a list
/// for the whole set brings it back.
#[test]
fn a_set_is_exhausted_with_what_its_members_have_in_quarantine() {
    let scratch = Scratch::new("quarantine");
    let path = scratch.path("pool");
    let crashed = v4("10.0.0.0/28").create(path.with_extension("a")).unwrap();
    let held = crashed.allocate_many(5).unwrap();
    crash(&path.with_extension("a"), crashed);
    let set = open(&path, &NETS);
    let member = set.members().next().unwrap();
    assert_eq!(
        member.pool().recovery().unwrap().kind,
        RecoveryKind::MachineCrash
    );
    assert_eq!(everything(&set).len(), 13, "the other member has something");
    let error = set.allocate().unwrap_err();
    let AllocateError::Exhausted {
        capacity,
        quarantined,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((capacity, quarantined), (26, 8));
    assert!(set.allocate_many(1).is_err() && set.allocate_block(32).is_err());
    let _ = member.pool().reclaim(&held).unwrap();
    assert_eq!(everything(&set).len(), 8);
}

/// One call makes all members durable; those on the heap have nothing to make.
#[test]
fn a_set_syncs_all_of_its_files() {
    let scratch = Scratch::new("set-sync");
    let path = scratch.path("pool");
    let set = open(&path, &NETS);
    let heap = Pool::new("10.0.9.0/24".parse::<Ipv4Net>().unwrap()).unwrap();
    set.add(heap).unwrap();
    let _ = set.allocate_many(20).unwrap();
    assert_eq!(set.sync(), Ok(()));
    let heap = Pool::new("10.0.9.0/24".parse::<Ipv4Net>().unwrap()).unwrap();
    let on_heap = PoolSet::new([heap]).unwrap();
    assert_eq!(on_heap.sync().unwrap_err().code(), "no-file");
}

/// The quarantines of all members against one list: all of them, or nothing.
#[test]
fn a_list_reclaims_the_quarantines_of_all_members_or_of_none() {
    let scratch = Scratch::new("set-reclaim");
    let path = scratch.path("pool");
    let mut held = Vec::new();
    for (name, net) in NETS {
        let crashed = v4(net).create(path.with_extension(name)).unwrap();
        held.extend(crashed.allocate_many(5).unwrap());
        crash(&path.with_extension(name), crashed);
    }
    let set = open(&path, &NETS);
    let texts: Vec<String> = held.iter().map(ToString::to_string).collect();
    let quarantined = || -> u64 {
        let health = set.members().map(|it| it.pool().health().unwrap());
        health.map(|health| health.quarantined).sum()
    };
    assert_eq!(quarantined(), 16);
    // The second network was forgotten; something cannot be read, wherever it may be.
    let error = set.reclaim(&texts[..5]).unwrap_err();
    assert_eq!(
        (error.code(), error.member.as_deref()),
        ("empty-list", Some("10.0.1.0/28"))
    );
    let unclear = texts.iter().map(String::as_str);
    let error = set
        .reclaim(unclear.clone().chain(["10.9.0.x"]))
        .unwrap_err();
    assert_eq!((error.code(), error.member), ("unclear", None));
    assert_eq!((quarantined(), set.available()), (16, 0));
    // One that the list names is in the quarantine: its way to the disk was too long.
    let users = unclear.chain(["10.0.0.12", "10.9.9.9"]);
    let reclaimed = set.reclaim(users).unwrap();
    assert_eq!((reclaimed.freed, reclaimed.held), (15, 1));
    let of_members = reclaimed
        .members
        .iter()
        .map(|it| (&*it.name, it.freed, it.held));
    let expected = [("10.0.0.0/28", 7, 1), ("10.0.1.0/28", 8, 0)];
    assert_eq!(of_members.collect::<Vec<_>>(), expected);
    let adopted = reclaimed.adopted;
    assert_eq!(
        (adopted.entries, adopted.already, adopted.out_of_range),
        (12, 11, 1)
    );
    assert_eq!(quarantined(), 0);
    assert_eq!(
        set.allocate(),
        Ok(Ipv4Addr::new(10, 0, 0, 7)),
        "in order, at once"
    );
    assert_eq!(everything(&set).len(), 14);
    let heap = PoolSet::new([Pool::new(net("10.0.0.0/24")).unwrap()]).unwrap();
    let error = heap.reclaim(&texts).unwrap_err();
    assert_eq!(
        error.to_string(),
        "10.0.0.0/24: the pool is on the heap, and has no quarantine"
    );
    assert_eq!(heap.allocated(), 0);
}

/// A member that was poisoned after the list had been read keeps the plan from being applied in any.
#[test]
fn a_poisoned_member_keeps_all_from_being_reconciled() {
    let scratch = Scratch::in_memory("set-pass-poison");
    let path = scratch.path("pool");
    let set = open(&path, &NETS);
    set.allocate_many(16).unwrap();
    let options = reconcile::Options::new().grace(Duration::ZERO);
    let mut reconciler = set.reconciler_with(options).unwrap();
    let plan = reconciler.begin().unwrap().finish(0).unwrap();
    poison(&path.with_extension("b"));
    let error = reconciler.apply_at_most(&plan, 16).unwrap_err();
    assert_eq!(error.code(), "poisoned");
    assert!(error.to_string().starts_with("10.0.1.0/28: "), "{error}");
    assert_eq!(
        (set.allocated(), reconciler.undo(&plan).unwrap_err().code()),
        (16, "poisoned")
    );
    assert_eq!(
        reconciler.begin().err().map(|error| error.id.index()),
        Some(1)
    );
}

/// A member that has been poisoned gives nothing, and the others go on; when they are full, the poison is the
/// reason. What is held there can be released.
#[test]
fn a_poisoned_member_is_passed_over_and_is_the_reason_at_the_end() {
    let scratch = Scratch::in_memory("poison");
    let path = scratch.path("pool");
    let set = open(&path, &NETS);
    let held = set.allocate().unwrap();
    poison(&path.with_extension("a"));
    let batch = set.allocate_many(9).unwrap();
    let mut addrs = [Ipv4Addr::UNSPECIFIED; 8];
    assert_eq!(set.allocate_into(&mut addrs), 4);
    assert!(
        batch
            .iter()
            .chain(&addrs[..4])
            .all(|addr| addr.octets()[2] == 1)
    );
    let errors = [
        set.allocate().unwrap_err(),
        set.allocate_many(1).unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(
                error,
                AllocateError::File(FileRefusal::Poisoned { errno: 5 })
            ),
            "{error}"
        );
    }
    set.release(held).unwrap();
    assert!(set.allocate().is_err());
    set.release(batch[0]).unwrap();
    assert_eq!(set.allocate(), Ok(batch[0]));
}

/// A drained member has no say in why nothing is left, poisoned or not.
#[test]
fn a_poisoned_member_that_is_drained_is_no_reason() {
    let scratch = Scratch::in_memory("drained-poison");
    let path = scratch.path("pool");
    let file = v4("10.0.0.0/28").open_or_create(&path).unwrap();
    let other = NewMember::new(v4("10.0.1.0/28").build().unwrap());
    let set = PoolSet::builder()
        .member(file)
        .member(other.band(StaticBand::Lowest(4)))
        .build()
        .unwrap();
    set.drain(set.members().next().unwrap().id()).unwrap();
    poison(&path);
    assert_eq!(everything(&set).len(), 13);
    let v6 = Pool::new("2001:db8::/120".parse::<Ipv6Net>().unwrap()).unwrap();
    let both = DualStack::new(set, PoolSet::new([v6]).unwrap());
    let errors = [
        both.v4().allocate().unwrap_err(),
        both.v4().allocate_many(2).unwrap_err(),
        both.v4().allocate_block(30).unwrap_err(),
        match both.allocate_pair().unwrap_err() {
            AllocatePairError::V4(error) => error,
            other => panic!("{other}"),
        },
    ];
    for error in errors {
        assert!(error.is_exhausted(), "{error}");
    }
    assert_eq!(both.v4().allocate_into(&mut [Ipv4Addr::UNSPECIFIED; 2]), 0);
}

fn pairs_at(path: &Path) -> DualStack {
    let v6: Ipv6Net = "2001:db8::/120".parse().unwrap();
    let v6 = Pool::builder(v6).stats(StatsLevel::Off);
    let v6 = v6.open_or_create(path.with_extension("v6")).unwrap();
    DualStack::new(open(path, &NETS[..1]), PoolSet::new([v6]).unwrap())
}

/// Processes are killed in their pairs. What a dead one held of a pair is taken without a holder; no process waits
/// for it, and the list finds it.
#[test]
fn a_process_that_dies_in_a_pair_leaves_what_the_list_finds() {
    let scratch = Scratch::in_memory("pairs");
    let path = scratch.path("pool");
    let both = pairs_at(&path);
    let held: Vec<_> = (0..3).map(|_| both.allocate_pair().unwrap()).collect();
    let mut leaked = [0, 0];
    for round in 0..25u64 {
        let mut child = spawn("pairs", path.to_str().unwrap());
        let begin = Instant::now();
        // At work: something beside ours was taken at some moment.
        while both.v4().allocated() == 3 && begin.elapsed() < Duration::from_secs(20) {
            std::hint::spin_loop();
        }
        std::thread::sleep(Duration::from_micros(round * 37));
        child.kill().unwrap();
        child.wait().unwrap();
        // A caller that takes the rest gets all of it, though a process may have died in a claim.
        let rest = everything(both.v4());
        assert!(both.v4().allocate().is_err());
        rest.into_iter()
            .for_each(|addr| both.v4().release(addr).unwrap());
        let counts = [both.v4().allocated() - 3, both.v6().allocated() - 3];
        assert!(
            counts.iter().all(|&count| count <= 1),
            "one thread leaks one pair: {counts:?}"
        );
        leaked
            .iter_mut()
            .zip(counts)
            .for_each(|(sum, count)| *sum += count);
        // No client joins or leaves now, so one sight is enough.
        let options = || reconcile::Options::new().grace(Duration::ZERO);
        let freed = [
            reconcile(both.v4(), options(), held.iter().map(|pair| pair.v4)),
            reconcile(both.v6(), options(), held.iter().map(|pair| pair.v6)),
        ];
        assert_eq!(freed, counts);
    }
    println!(
        "25 kills: {} halves IPv4, {} IPv6 leaked",
        leaked[0], leaked[1]
    );
    assert!(both.v4().iter().eq(held.iter().map(|pair| pair.v4)));
    assert!(both.v6().iter().eq(held.iter().map(|pair| pair.v6)));
}

fn reconcile<N: hostbits::Network<Addr: hostbits::users::Record>>(
    set: &PoolSet<N>,
    options: reconcile::Options,
    users: impl Iterator<Item = N::Addr>,
) -> u64 {
    let member = set.members().next().unwrap();
    let mut reconciler = member.pool().reconciler_with(options).unwrap();
    let mut pass = reconciler.begin().unwrap();
    pass.read(users);
    let plan = pass.finish(3).unwrap();
    reconciler.apply(&plan).unwrap().freed
}

/// A member's file grows between two lives of the set: every address that was held is held, and at the same
/// place.
#[test]
fn growth_of_a_member_keeps_every_bit() {
    let scratch = Scratch::new("grow-member");
    let path = scratch.path("pool");
    let set = open(&path, &NETS);
    let held: BTreeSet<_> = set.allocate_many(20).unwrap().into_iter().collect();
    drop(set);
    drop(
        v4("10.0.0.0/24")
            .in_file()
            .grow(path.with_extension("a"))
            .unwrap(),
    );
    let set = open(&path, &[("a", "10.0.0.0/24"), NETS[1]]);
    assert_eq!(set.iter().collect::<BTreeSet<_>>(), held);
    assert_eq!(set.capacity(), 253 + 13);
    let rest = everything(&set);
    assert!(rest.is_disjoint(&held));
    assert_eq!(rest.len() + held.len(), 253 + 13);
    for addr in held {
        set.release(addr).unwrap();
    }
}
