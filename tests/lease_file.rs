//! Lease pools in files: what outlives a process, what several processes see of each other, and what is refused.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/children.rs"]
mod children;
#[path = "support/old_header.rs"]
mod old_header;
#[path = "support/scratch.rs"]
mod scratch;

use children::{role, spawn};
use hostbits::file::{self, OpenError, RecoveryKind};
use hostbits::lease::{
    Lease, LeaseBuilder, LeasePool, LeaseStatus, OfferError, Released, RenewError, Term,
};
use hostbits::{Client, Durability, Pool};
use ipnet::Ipv4Net;
use scratch::{Scratch, change_header, forget_the_boot, read, record_at};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const OFFER: Duration = Duration::from_secs(60);
/// How many owners several processes ask for at the same time.
const RACED: u64 = 20_000;

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn builder(text: &str) -> LeaseBuilder<Ipv4Net> {
    LeasePool::builder(net(text))
}

/// What a process does that another one began.
#[test]
fn child() {
    let Some((role, argument)) = role() else {
        return;
    };
    let path = PathBuf::from(argument);
    match role.as_str() {
        "die-with-offers" => {
            let pool = builder("10.0.0.0/29").open(&path).unwrap();
            while pool.allocate(Duration::from_secs(1)).is_ok() {}
            std::process::abort();
        }
        "die-with-leases" => {
            let pool = builder("10.0.0.0/24").open(&path).unwrap();
            pool.allocate_many(10, Term::Forever).unwrap();
            let ended = pool.allocate_many(10, Term::Forever).unwrap();
            ended.iter().for_each(|lease| drop(pool.release(lease)));
            std::process::abort();
        }
        "die-with-one-lease" => {
            let pool = builder("10.0.0.0/29").open(&path).unwrap();
            let lease = pool.allocate(Term::Forever).unwrap();
            pool.sync().unwrap();
            std::fs::write(path.with_extension("lease"), lease.to_string()).unwrap();
            std::process::abort();
        }
        "for-owners" => {
            let pool = builder("10.0.0.0/16").open(&path).unwrap();
            let me = std::process::id();
            std::fs::write(path.with_extension(format!("{me}.ready")), "").unwrap();
            while !path.with_extension("go").exists() {
                std::hint::spin_loop();
            }
            for owner in 1..=RACED {
                pool.allocate_for(client(owner), OFFER).unwrap();
            }
        }
        "hold-an-owner-and-die" => {
            let pool = builder("10.0.0.0/25").open(&path).unwrap();
            pool.allocate_for(client(1), Term::Forever).unwrap();
            std::process::abort();
        }
        other => panic!("no role {other}"),
    }
}

fn client(number: u64) -> Client {
    Client::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn run(role: &str, path: &Path) {
    spawn(role, path.to_str().unwrap()).wait().unwrap();
}

/// What that child has written down.
fn one_lease(path: &Path) -> Lease<Ipv4Addr> {
    let text = std::fs::read_to_string(path.with_extension("lease")).unwrap();
    text.parse().unwrap()
}

/// Leases, owners, rests and the epoch are those from before, and nothing is quarantined.
#[test]
fn a_file_that_was_closed_has_everything() {
    for durability in Durability::ALL {
        let scratch = Scratch::new("lease-close");
        let path = scratch.path("pool");
        let builder = builder("10.0.0.0/24").durability(durability);
        let pool = builder.create(&path).unwrap();
        let forever = pool.allocate(Term::Forever).unwrap();
        let offered = pool.allocate(OFFER).unwrap();
        let owned = pool.allocate_for(client(7), Term::Forever).unwrap();
        let ended = pool.allocate(OFFER).unwrap();
        assert_eq!(pool.release(&ended).unwrap(), Released::Ended);
        let census = pool.census();
        assert_eq!(file::read(&path).unwrap().census, Some(census));
        pool.close().unwrap();
        assert_eq!(file::read(&path).unwrap().census, Some(census));

        let pool = builder.open(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
        assert_eq!(pool.census(), census);
        let leases: BTreeSet<_> = pool.iter().collect();
        assert_eq!(leases, BTreeSet::from([forever, offered, owned]));
        assert!(pool.owned_by(client(7)).eq([owned]));
        assert_eq!(pool.allocate_for(client(7), OFFER).unwrap(), owned);
        pool.renew(&offered, Term::Forever).unwrap();
        assert_eq!(pool.release(&forever).unwrap(), Released::Ended);
        assert_eq!(pool.release(&ended).unwrap(), Released::AlreadyEnded);
        assert_eq!(pool.release(&forever).unwrap(), Released::AlreadyEnded);
    }
}

/// A process dies with all addresses offered to it: they come back by themselves, without a reconciliation.
#[test]
fn offers_of_a_dead_process_end_by_themselves() {
    let scratch = Scratch::new("lease-dead");
    let path = scratch.path("pool");
    let builder = builder("10.0.0.0/29").cooldown(Duration::ZERO);
    drop(builder.create(&path).unwrap());
    run("die-with-offers", &path);

    let pool = builder.open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::ProcessCrash);
    assert_eq!(pool.census().quarantined, 0);
    let started = Instant::now();
    loop {
        match pool.allocate_many(5, OFFER) {
            Ok(_) => break,
            Err(error) => assert!(error.is_exhausted(), "{error}"),
        }
        assert!(
            started.elapsed() < Duration::from_secs(4),
            "something is lost"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The same while another process has the file open all the time.
#[test]
fn another_process_gets_what_a_dead_one_was_offered() {
    let scratch = Scratch::new("lease-beside");
    let path = scratch.path("pool");
    let builder = builder("10.0.0.0/29").cooldown(Duration::ZERO);
    let pool = builder.create(&path).unwrap();
    run("die-with-offers", &path);
    assert_eq!(pool.census().offered, 5);
    std::thread::sleep(Duration::from_millis(3100));
    assert_eq!(pool.allocate_many(5, OFFER).unwrap().len(), 5);
}

/// What a dead process leased is leased, and the epoch is the same.
#[test]
fn leases_of_a_dead_process_stay() {
    let scratch = Scratch::new("lease-stay");
    let path = scratch.path("pool");
    drop(builder("10.0.0.0/24").create(&path).unwrap());
    run("die-with-leases", &path);
    let pool = builder("10.0.0.0/24").open(&path).unwrap();
    let census = pool.census();
    assert_eq!(
        (census.leased, census.cooling, census.quarantined),
        (10, 10, 0)
    );
    for lease in pool.iter().collect::<Vec<_>>() {
        assert_eq!(pool.release(&lease).unwrap(), Released::Ended);
    }
}

/// Two pools on one file see the same records: a lease of one is renewed and released through the other, and calls for
/// one owner end with one lease.
#[test]
fn two_pools_of_one_file_are_one() {
    let scratch = Scratch::new("lease-two");
    let path = scratch.path("pool");
    let first = builder("10.0.0.0/24").create(&path).unwrap();
    let second = builder("10.0.0.0/24").open(&path).unwrap();
    assert_eq!(second.recovery().unwrap().kind, RecoveryKind::Joined);
    let lease = first.allocate(OFFER).unwrap();
    second.renew(&lease, Term::Forever).unwrap();
    assert_eq!(first.lease_of(lease.addr()), Some(lease));
    assert_eq!(second.release(&lease).unwrap(), Released::Ended);
    assert_eq!(first.release(&lease).unwrap(), Released::AlreadyEnded);
    let owned = first.allocate_for(client(1), OFFER).unwrap();
    assert_eq!(second.allocate_for(client(1), OFFER).unwrap(), owned);
}

/// Two pools of one file, and owners whose homes are full, so that most leases are elsewhere: no owner ever has two.
#[test]
fn an_owner_has_one_lease_whichever_process_is_asked() {
    let scratch = Scratch::in_memory("lease-owners");
    let path = scratch.path("pool");
    let builder = builder("10.0.0.0/20").cooldown(Duration::ZERO);
    let pools = [builder.create(&path).unwrap(), builder.open(&path).unwrap()];
    // Nearly full, so that homes are.
    let filler = pools[0].allocate_many(3900, Term::Forever).unwrap();
    let mut held: BTreeMap<u64, Lease<Ipv4Addr>> = BTreeMap::new();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for step in 0..6000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let pool = &pools[(random >> 5) as usize % 2];
        let owner = random >> 20 & 0xff;
        if random >> 8 & 3 == 0
            && let Some(lease) = held.remove(&owner)
        {
            assert_eq!(pool.release(&lease).unwrap(), Released::Ended);
            continue;
        }
        match pool.allocate_for(client(owner + 1), Term::Forever) {
            Ok(lease) => {
                let before = held.insert(owner, lease);
                assert!(before.is_none_or(|before| before == lease), "step {step}");
            }
            Err(error) => assert!(error.is_exhausted(), "step {step}: {error}"),
        }
        if step % 500 == 0 {
            let owned: Vec<_> = pools[1].owned_by(client(owner + 1)).collect();
            assert!(owned.len() <= 1, "step {step}: {owned:?}");
        }
    }
    assert!(held.len() > 100, "{}", held.len());
    assert_eq!(pools[0].census().leased, (held.len() + filler.len()) as u64);
}

/// Processes ask for the same owners at the same time.
#[test]
fn processes_that_ask_for_the_same_owners_end_with_one_lease_each() {
    let scratch = Scratch::new("lease-race");
    let path = scratch.path("pool");
    let pool = builder("10.0.0.0/16").create(&path).unwrap();
    let mut children: Vec<_> = (0..2)
        .map(|_| spawn("for-owners", path.to_str().unwrap()))
        .collect();
    while scratch.names().len() < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::fs::write(path.with_extension("go"), "").unwrap();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(pool.census().offered, RACED);
    assert_eq!(pool.owned_by(client(1)).count(), 1);
}

/// The lock of owners ends with the process that had it, and its lease is found by the next one.
#[test]
fn a_dead_process_blocks_no_owner() {
    let scratch = Scratch::new("lease-lock");
    let path = scratch.path("pool");
    drop(builder("10.0.0.0/25").create(&path).unwrap());
    run("hold-an-owner-and-die", &path);
    let pool = builder("10.0.0.0/25").open(&path).unwrap();
    let held: Vec<_> = pool.iter().collect();
    assert_eq!(pool.allocate_for(client(1), OFFER).unwrap(), held[0]);
}

/// A plain pool is not opened as a lease pool, nor a lease pool as a plain one, and neither is changed.
#[test]
fn a_file_is_opened_as_what_it_is() {
    let scratch = Scratch::new("lease-kind");
    let (plain, leases) = (scratch.path("plain"), scratch.path("leases"));
    drop(Pool::builder(net("10.0.0.0/24")).create(&plain).unwrap());
    drop(builder("10.0.0.0/24").create(&leases).unwrap());
    let before = (read(&plain), read(&leases));
    let refused = |error: OpenError| {
        assert_eq!(error.code(), "geometry-mismatch");
        error.to_string()
    };
    let as_plain = Pool::builder(net("10.0.0.0/24")).in_file();
    for error in [
        as_plain.open(&leases).err(),
        as_plain.grow(&leases).err(),
        as_plain.growth(&leases).err(),
        file::open(&leases).err(),
    ] {
        let text = refused(error.unwrap());
        assert!(text.contains("leases yes where no was asked for"), "{text}");
    }
    let text = refused(builder("10.0.0.0/24").open(&plain).unwrap_err());
    assert!(text.contains("leases no where yes was asked for"), "{text}");
    let other = builder("10.0.0.0/24").cooldown(Duration::from_secs(5));
    let text = refused(other.open(&leases).unwrap_err());
    assert!(
        text.contains("cooldown 60s where 5s was asked for"),
        "{text}"
    );
    assert!(
        before == (read(&plain), read(&leases)),
        "nothing is changed"
    );
    let minute = builder("10.0.0.0/24").cooldown(Duration::from_secs(60));
    assert_eq!(
        minute.open(&leases).unwrap().cooldown(),
        Duration::from_secs(60)
    );
}

/// A library without leases refuses the file of a lease pool by name, and reads that of a plain pool as ever.
#[test]
fn an_old_library_refuses_a_lease_file() {
    let scratch = Scratch::new("lease-old");
    let (plain, leases) = (scratch.path("plain"), scratch.path("leases"));
    drop(Pool::builder(net("10.0.0.0/24")).create(&plain).unwrap());
    drop(builder("10.0.0.0/24").create(&leases).unwrap());
    for header in [0, 4096] {
        let found = |path: &Path| old_header::decode(&read(path)[header..][..512]);
        assert_eq!(found(&plain), old_header::Found::Understood);
        assert_eq!(found(&leases), old_header::Found::Features(1));
    }
}

/// What this version does not know in the header of a lease file belongs to a newer one.
#[test]
fn what_is_unknown_in_the_header_of_a_lease_file_is_newer() {
    type Change = fn(&mut [u8]);
    let cases: [(&str, &str, Change); 5] = [
        ("unsupported-features", "features 0x2", |block| {
            block[0x20] = 3
        }),
        ("unknown-content", "`size of a record 24`", |block| {
            block[0x1b4] = 24
        }),
        ("unknown-content", "`cooldown ", |block| block[0x1bc] = 1),
        ("unknown-content", "`header byte 432`", |block| {
            block[0x1b0] = 1
        }),
        ("unknown-content", "`header byte 448`", |block| {
            block[0x1c0] = 1
        }),
    ];
    for (code, message, change) in cases {
        let scratch = Scratch::new("lease-newer");
        let path = scratch.path("pool");
        drop(builder("10.0.0.0/24").create(&path).unwrap());
        change_header(&path, 0, change);
        let before = read(&path);
        for error in [
            builder("10.0.0.0/24").open(&path).err().unwrap(),
            file::read(&path).err().unwrap(),
        ] {
            let text = error.to_string();
            assert_eq!(error.code(), code, "{text}");
            assert!(text.contains(message), "{text}");
        }
        assert!(read(&path) == before);
    }
}

/// A clock of the caller's own is no clock of several processes.
#[test]
fn a_manual_clock_is_refused() {
    let scratch = Scratch::new("lease-manual");
    let clock = hostbits::lease::ManualClock::new();
    let builder = builder("10.0.0.0/24").clock(&clock);
    let error = builder.create(scratch.path("pool")).unwrap_err();
    assert!(matches!(error, OpenError::OtherClock));
    assert!(scratch.names().is_empty());
}

/// A copy, and a backup that was restored: nothing of it is believed, and every lease from before is stale.
#[test]
fn in_a_copy_every_lease_is_stale() {
    let scratch = Scratch::new("lease-copy");
    let (path, copy) = (scratch.path("pool"), scratch.path("copy"));
    let builder = builder("10.0.0.0/29");
    let pool = builder.create(&path).unwrap();
    let lease = pool.allocate(Term::Forever).unwrap();
    let view = file::backup(&path, &copy).unwrap();
    assert_eq!(
        (view.quarantined, view.cooldown),
        (5, Some(Duration::from_secs(60)))
    );
    drop(pool);
    let copied = scratch.path("copied");
    std::fs::copy(&path, &copied).unwrap();
    for (path, kind) in [(copy, RecoveryKind::Backup), (copied, RecoveryKind::Copy)] {
        let foreseen = file::read(&path).unwrap().census;
        let pool = builder.open(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, kind);
        assert_eq!(pool.census().quarantined, 5);
        assert_eq!(foreseen, Some(pool.census()));
        assert_eq!(pool.health().unwrap().quarantined, 5);
        assert_eq!(pool.release(&lease).unwrap(), Released::Stale);
        let renewed = pool.renew(&lease, Term::Forever);
        assert!(matches!(renewed, Err(RenewError::Stale { .. })));
        assert!(pool.allocate(OFFER).unwrap_err().is_exhausted());
        assert_eq!(pool.status(lease.addr()), LeaseStatus::Quarantined);
    }
}

/// Another boot: in `Process` nothing is believed, and in the others everything.
#[test]
fn after_the_machine_went_down_only_durable_leases_are_believed() {
    for durability in Durability::ALL {
        let scratch = Scratch::new("lease-down");
        let path = scratch.path("pool");
        let builder = builder("10.0.0.0/29").durability(durability);
        drop(builder.create(&path).unwrap());
        run("die-with-one-lease", &path);
        let lease = one_lease(&path);
        forget_the_boot(&path);
        let pool = builder.open(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::MachineCrash);
        if durability == Durability::Process {
            assert_eq!(pool.census().quarantined, 5);
            assert_eq!(pool.release(&lease).unwrap(), Released::Stale);
        } else {
            assert_eq!(pool.census().quarantined, 0);
            // What was lost with the machine never comes back: generations jump.
            let next = pool.allocate(OFFER).unwrap();
            assert!(
                next.generation() > lease.generation() + (1 << 19),
                "{next} {lease}"
            );
            assert_eq!(pool.release(&lease).unwrap(), Released::Ended);
        }
    }
}

/// `file::read` shows what opening the file would find.
#[test]
fn a_look_at_the_file_shows_its_leases() {
    let scratch = Scratch::new("lease-look");
    let path = scratch.path("pool");
    let pool = builder("10.0.0.0/24").create(&path).unwrap();
    pool.allocate_many(10, OFFER).unwrap();
    let view = file::read(&path).unwrap();
    assert_eq!((view.snapshot.allocated(), view.quarantined), (10, 0));
    assert_eq!((view.found, view.problems.len()), (RecoveryKind::Joined, 0));
    drop(pool);
    let view = file::read(&path).unwrap();
    assert_eq!(
        (view.snapshot.allocated(), view.found),
        (10, RecoveryKind::Clean)
    );
    assert_eq!(view.problems, []);
}

/// A word of a record is changed in a file that was left in order.
#[test]
fn a_changed_record_is_noticed() {
    let scratch = Scratch::new("lease-changed");
    let path = scratch.path("pool");
    let builder = builder("10.0.0.0/29");
    drop(builder.create(&path).unwrap());
    let at = record_at(&path, 2);
    let mut word = read(&path)[at as usize..][..8].to_vec();
    word[0] ^= 1;
    scratch::overwrite(&path, at, &word);
    let pool = builder.open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Changed);
    assert_eq!(pool.census().quarantined, 5);
}

#[test]
fn terms_and_foreign_leases_answer_as_on_the_heap() {
    let scratch = Scratch::new("lease-bad");
    let pool = builder("10.0.0.0/29").create(scratch.path("pool")).unwrap();
    assert!(matches!(
        pool.allocate(Duration::ZERO),
        Err(OfferError::BadTerm(_))
    ));
    let lease = pool.allocate(OFFER).unwrap();
    assert!(matches!(
        pool.renew(&lease, Term::For(Duration::MAX)),
        Err(RenewError::BadTerm(_))
    ));
    let outside: Lease<Ipv4Addr> = "10.1.0.1#1".parse().unwrap();
    assert!(pool.release(&outside).is_err());
}

/// A larger file takes the place of a smaller one: leases, rests, owners, quarantine, epoch and generations stay. Owners
/// whose home is elsewhere now still have one lease.
#[test]
fn a_pool_that_grows_keeps_its_leases() {
    for durability in Durability::ALL {
        let scratch = Scratch::new("lease-grow");
        let path = scratch.path("pool");
        let pool = builder("10.0.0.0/25")
            .durability(durability)
            .create(&path)
            .unwrap();
        let forever = pool.allocate(Term::Forever).unwrap();
        let owned: Vec<_> = (1..=20)
            .map(|owner| pool.allocate_for(client(owner), Term::Forever).unwrap())
            .collect();
        let ended = pool.allocate(OFFER).unwrap();
        assert_eq!(pool.release(&ended).unwrap(), Released::Ended);
        let before = pool.census();
        drop(pool);
        let pool = builder("10.0.0.0/20").grow(&path).unwrap();
        let after = pool.census();
        assert_eq!(after.leased, before.leased);
        assert_eq!((after.cooling, after.quarantined), (1, 0));
        assert_eq!(after.free, pool.capacity() - after.leased - 1);
        for (owner, &lease) in (1..).zip(&owned) {
            assert_eq!(pool.allocate_for(client(owner), OFFER).unwrap(), lease);
        }
        assert_eq!(pool.release(&forever).unwrap(), Released::Ended);
        assert_eq!(pool.release(&ended).unwrap(), Released::AlreadyEnded);
        drop(pool);
        let pool = builder("10.0.0.0/20").grow(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
        assert_eq!(pool.census().leased, 20);
        assert_eq!(scratch.names(), ["pool"]);
    }
}

/// What would move an address, or take one out of the pool, is refused, and so is a file that is open.
#[test]
fn a_pool_that_cannot_grow_stays_as_it_is() {
    let scratch = Scratch::new("lease-stays");
    let path = scratch.path("pool");
    let pool = builder("10.0.0.0/24").create(&path).unwrap();
    let open = builder("10.0.0.0/23").grow(&path).unwrap_err();
    assert!(matches!(open, OpenError::InUse), "{open}");
    drop(pool);
    let before = read(&path);
    for net in ["10.0.0.0/25", "10.0.1.0/24"] {
        let error = builder(net).grow(&path).unwrap_err();
        assert_eq!(error.code(), "geometry-mismatch", "{error}");
    }
    let more = Pool::builder(net("10.0.0.0/24"));
    let more = more.reserve(
        "10.0.0.9".parse().unwrap()..="10.0.0.9".parse().unwrap(),
        "x",
    );
    let error = more.leases().grow(&path).unwrap_err();
    assert_eq!(error.code(), "geometry-mismatch", "{error}");
    assert!(read(&path) == before);
}

/// A plain pool becomes one of leases: what is taken is leased for ever, what is quarantined stays so, and what is free
/// is free.
#[test]
fn a_plain_file_is_converted() {
    let scratch = Scratch::new("lease-convert");
    let path = scratch.path("pool");
    let pool = Pool::builder(net("10.0.0.0/24")).create(&path).unwrap();
    let held = pool.allocate_many(30).unwrap();
    drop(pool);
    let refused = builder("10.0.0.0/24").grow(&path).unwrap_err();
    assert_eq!(refused.code(), "geometry-mismatch");
    let pool = builder("10.0.0.0/24").convert(&path).unwrap();
    assert!(
        pool.iter()
            .map(|lease| lease.addr())
            .eq(held.iter().copied())
    );
    let census = pool.census();
    assert_eq!(
        (census.leased, census.free, census.quarantined),
        (30, 223, 0)
    );
    assert_eq!(pool.cooldown(), Duration::from_secs(60));
    let lease = pool.lease_of(held[0]).unwrap();
    assert_eq!(pool.release(&lease).unwrap(), Released::Ended);
    drop(pool);
    let pool = builder("10.0.0.0/24").convert(&path).unwrap();
    assert_eq!(pool.census().leased, 29);
    drop(pool);
    assert_eq!(file::open(&path).unwrap_err().code(), "geometry-mismatch");

    // Of a copy, nothing that was free is believed.
    let (plain, copy) = (scratch.path("plain"), scratch.path("copy"));
    let pool = Pool::builder(net("10.0.0.0/24")).create(&plain).unwrap();
    pool.allocate_many(30).unwrap();
    drop(pool);
    std::fs::copy(&plain, &copy).unwrap();
    let pool = builder("10.0.0.0/23").convert(&copy).unwrap();
    let census = pool.census();
    assert_eq!(
        (census.leased, census.quarantined, census.free),
        (30, 223, 256)
    );
}

/// A backup is restored over the file, and its users get new leases.
#[test]
fn a_backup_is_restored_and_reclaimed() {
    let scratch = Scratch::new("lease-restore");
    let (path, copy) = (scratch.path("pool"), scratch.path("copy"));
    let pool = builder("10.0.0.0/24").create(&path).unwrap();
    let old = pool.allocate_for(client(1), Term::Forever).unwrap();
    file::backup(&path, &copy).unwrap();
    drop(pool);
    let plain = scratch.path("plain");
    drop(Pool::builder(net("10.0.0.0/24")).create(&plain).unwrap());
    let refused = file::restore(&copy, &plain, 0).unwrap_err();
    assert_eq!(refused.code(), "geometry-mismatch", "{refused}");
    file::restore(&copy, &path, 0).unwrap();
    let pool = builder("10.0.0.0/24").open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Backup);
    assert_eq!(pool.release(&old).unwrap(), Released::Stale);
    let empty: [&str; 0] = [];
    assert_eq!(
        pool.reclaim(empty, |_| None).unwrap_err().code(),
        "empty-list"
    );
    assert_eq!(
        pool.reclaim(["10.0.0.x"], |_| None).unwrap_err().code(),
        "unclear"
    );
    assert_eq!(pool.census().quarantined, 253);
    let users = [
        (old.addr().to_string(), "alice"),
        ("10.0.0.200".to_owned(), "bob"),
    ];
    let reclaimed = pool
        .reclaim(users, |name| (name == "alice").then(|| client(1)))
        .unwrap();
    assert_eq!((reclaimed.freed, reclaimed.leases.len()), (251, 2));
    assert_eq!(
        pool.allocate_for(client(1), OFFER).unwrap(),
        reclaimed.leases[0]
    );
    assert_ne!(reclaimed.leases[0], old);
    assert_eq!(pool.census().quarantined, 0);
    assert!(pool.health().unwrap().is_good());
    let heap = LeasePool::new(net("10.0.0.0/24")).unwrap();
    assert_eq!(
        heap.reclaim(["10.0.0.9"], |_| None).unwrap_err().code(),
        "no-file"
    );
}

/// A child of the process that opened the file gets `Forked`, and changes nothing.
#[test]
#[allow(unsafe_code)]
fn a_forked_child_is_refused() {
    let scratch = Scratch::new("lease-fork");
    let path = scratch.path("pool");
    let pool = builder("10.0.0.0/24").create(&path).unwrap();
    let lease = pool.allocate(Term::Forever).unwrap();
    let plan = pool.pass().unwrap().finish(0).unwrap();
    assert_eq!(plan.slots.ripe, 1);
    // SAFETY: the child calls nothing that takes a lock which another thread of this test binary may have held at the
    // fork, except the allocator, which glibc makes safe; and it ends without unwinding.
    match unsafe { nix::unistd::fork() }.unwrap() {
        nix::unistd::ForkResult::Child => {
            let codes = [
                pool.allocate(OFFER)
                    .map_or_else(|error| error.code(), |_| "ok"),
                pool.allocate_many(2, OFFER)
                    .map_or_else(|error| error.code(), |_| "ok"),
                pool.allocate_for(client(1), OFFER)
                    .map_or_else(|error| error.code(), |_| "ok"),
                pool.renew(&lease, Term::Forever)
                    .map_or_else(|error| error.code(), |()| "ok"),
                pool.release(&lease)
                    .map_or_else(|error| error.code(), |_| "ok"),
                pool.reclaim(["10.0.0.9"], |_| None)
                    .map_or_else(|error| error.code(), |_| "ok"),
                pool.pass().map_or_else(|error| error.code(), |_| "ok"),
                pool.apply_at_most(&plan, OFFER, 1)
                    .map_or_else(|error| error.code(), |_| "ok"),
                pool.undo(&plan).map_or_else(|error| error.code(), |_| "ok"),
            ];
            let _ = pool.sweep();
            drop(pool);
            let is_right = codes == ["forked"; 9];
            // SAFETY: _exit: any number is a status.
            unsafe { nix::libc::_exit(i32::from(!is_right)) }
        }
        nix::unistd::ForkResult::Parent { child } => {
            let ended = nix::sys::wait::waitpid(child, None).unwrap();
            assert_eq!(ended, nix::sys::wait::WaitStatus::Exited(child, 0));
        }
    }
    let census = pool.census();
    assert_eq!(
        (census.leased, census.free, census.quarantined),
        (1, 252, 0)
    );
    assert_eq!(pool.release(&lease).unwrap(), Released::Ended);
}

/// What carries the mark of a pass is held, or rests: an opener knows it.
#[test]
fn the_marks_of_a_pass_are_no_damage() {
    let scratch = Scratch::new("marks");
    let path = scratch.path("pool");
    let pool = builder("10.0.0.0/24").create(&path).unwrap();
    let leases = pool.allocate_many(3, Term::Forever).unwrap();
    let mut pass = pool.pass().unwrap();
    pass.read([leases[0].addr(), leases[1].addr()]);
    let plan = pass.finish(2).unwrap();
    assert_eq!(pool.apply(&plan, OFFER).unwrap().freed, 1);
    drop(pool);

    let pool = builder("10.0.0.0/24").open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().quarantined, 0);
    let census = pool.census();
    assert_eq!(
        (census.leased, census.cooling, census.quarantined),
        (2, 1, 0)
    );
    assert!(pool.health().unwrap().is_good());
    // The plan of another opening is void, and so is its undo.
    assert_eq!(pool.apply(&plan, OFFER).unwrap_err().code(), "other-pool");
    assert_eq!(pool.undo(&plan).unwrap_err().code(), "other-pool");
    assert_eq!(pool.iter().collect::<Vec<_>>(), leases[..2]);
}
