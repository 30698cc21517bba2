//! One process and one pool file: made, opened, refused, damaged, recovered.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/scratch.rs"]
mod scratch;

use hostbits::{
    AllocateError, AllocateExactError, Durability, FileRefusal, Gateway, Policy, Pool, PoolSet,
    Search, StatsLevel, Status,
    file::{OpenError, ReclaimError, RecoveryKind, SyncError},
};
use ipnet::{IpNet, Ipv4Net};
use scratch::{
    PAGE, STATE_SLOTS, Scratch, forget_the_boot, forget_the_past, overwrite, poison, put_back, read,
};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const DURABILITIES: [Durability; Durability::ALL.len()] = Durability::ALL;

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn kind<N: hostbits::Network>(pool: &Pool<N>) -> RecoveryKind {
    pool.recovery().unwrap().kind
}

/// Takes everything there is.
fn drain(pool: &Pool<Ipv4Net>) -> BTreeSet<Ipv4Addr> {
    std::iter::from_fn(|| pool.allocate().ok()).collect()
}

/// A pool of nothing and one of merged ranges are what they are after a close, too, and for who knows nothing of them.
#[test]
fn pools_that_were_asked_for_are_the_same_in_a_file() {
    let scratch = Scratch::new("asked");
    let nothing = Pool::<Ipv4Net>::over([]).allow_empty(true);
    let merged = Pool::<Ipv4Net>::over([
        ip("10.0.0.1")..=ip("10.0.0.9"),
        ip("10.0.0.5")..=ip("10.0.0.20"),
    ]);
    for (name, builder, capacity) in [
        ("nothing", nothing, 0),
        ("merged", merged.merge_ranges(true), 20),
    ] {
        let path = scratch.path(name);
        let pool = builder.create(&path).unwrap();
        assert_eq!(drain(&pool).len() as u64, capacity);
        drop(pool);
        assert_eq!(builder.open(&path).unwrap().capacity(), capacity);
        let pool = hostbits::file::open(&path).unwrap();
        assert_eq!((pool.capacity(), pool.allocated()), (capacity, capacity));
        assert!(pool.allocate().is_err());
    }
}

/// A copy on the heap needs no file, has no quarantine, and takes what is quarantined for allocated.
#[test]
fn a_copy_on_the_heap_needs_no_file() {
    let scratch = Scratch::new("to-heap");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24")).policy(Policy::Next);
    let pool = builder.create(&path).unwrap();
    let held: Vec<_> = pool.allocate_many(10).unwrap();
    let copy = pool.to_heap();
    assert!(copy.recovery().is_none() && pool.recovery().is_some());
    assert!(copy.iter().eq(held.iter().copied()));
    assert_eq!(
        copy.allocate(),
        Ok(ip("10.0.0.12")),
        "where the policy stood"
    );
    assert_eq!(pool.allocated(), 10);
    let open = read(&path);
    drop(pool);
    put_back(&path, &open);
    forget_the_boot(&path);
    let pool = builder.open(&path).unwrap();
    assert_eq!(pool.health().unwrap().quarantined, 243);
    let quarantined = pool.to_heap();
    std::fs::remove_file(&path).unwrap();
    drop(pool);
    assert_eq!(quarantined.allocated(), 253);
    quarantined.release(ip("10.0.0.99")).unwrap();
    assert_eq!(quarantined.allocate(), Ok(ip("10.0.0.99")));
    assert_eq!(copy.allocated(), 11);
}

/// What was allocated is allocated after a close and an open, whatever the durability and the policy.
#[test]
fn a_file_remembers() {
    let scratch = Scratch::new("remembers");
    for (index, durability) in DURABILITIES.into_iter().enumerate() {
        for policy in Policy::ALL {
            let path = scratch.path(&format!("{index}-{policy}"));
            let builder = Pool::builder(net("10.0.0.0/22"))
                .policy(policy)
                .durability(durability);
            let pool = builder.create(&path).unwrap();
            assert_eq!(kind(&pool), RecoveryKind::Created);
            let block = pool.allocate_block(25).unwrap();
            let mut held: BTreeSet<_> = pool.allocate_many(100).unwrap().into_iter().collect();
            held.extend((0..50).map(|_| pool.allocate().unwrap()));
            held.extend(block.hosts().chain([block.network(), block.broadcast()]));
            let back = *held.iter().nth(17).unwrap();
            pool.release(back).unwrap();
            held.remove(&back);
            assert_eq!(pool.allocated(), held.len() as u64);
            drop(pool);
            for round in 0..3 {
                let pool = builder.open(&path).unwrap();
                assert_eq!(
                    kind(&pool),
                    RecoveryKind::Clean,
                    "{durability} {policy}, round {round}"
                );
                assert_eq!(pool.iter().collect::<BTreeSet<_>>(), held);
                assert_eq!(pool.recovery().unwrap().session, round + 2);
                let rest = drain(&pool);
                assert!(rest.is_disjoint(&held));
                assert_eq!(rest.len() + held.len(), pool.capacity() as usize);
                assert_eq!(
                    pool.release_many(&rest.into_iter().collect::<Vec<_>>())
                        .errors(),
                    0
                );
            }
        }
    }
    let files = Durability::ALL.len() * Policy::ALL.len();
    assert_eq!(scratch.names().len(), files, "nothing else is left behind");
}

trait Errors {
    fn errors(&self) -> u64;
}

impl Errors for hostbits::ReleasedMany {
    fn errors(&self) -> u64 {
        self.not_allocated + self.reserved + self.out_of_range + self.misaligned
    }
}

/// Never one in place of the other.
#[test]
fn create_and_open_do_not_stand_in_for_each_other() {
    let scratch = Scratch::new("either");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    assert!(matches!(builder.open(&path), Err(OpenError::NotFound)));
    assert!(scratch.names().is_empty());
    let pool = builder.create(&path).unwrap();
    let held = pool.allocate().unwrap();
    assert!(matches!(
        builder.create(&path),
        Err(OpenError::AlreadyExists)
    ));
    drop(pool);
    assert!(matches!(
        builder.create(&path),
        Err(OpenError::AlreadyExists)
    ));
    let pool = builder.open_or_create(&path).unwrap();
    assert!(pool.iter().eq([held]), "an existing file is never replaced");
    std::fs::write(scratch.path("text"), "hello").unwrap();
    assert!(matches!(
        builder.create(scratch.path("text")),
        Err(OpenError::AlreadyExists)
    ));
    assert!(matches!(
        builder.open_or_create(scratch.path("text")),
        Err(OpenError::BadMagic)
    ));
    assert_eq!(read(&scratch.path("text")), b"hello");
    assert!(matches!(
        builder.create(scratch.path("no such directory/pool")),
        Err(OpenError::Io { .. })
    ));
    assert!(matches!(
        Pool::builder(net("10.0.0.5/24")).create(scratch.path("x")),
        Err(OpenError::Build(_))
    ));
    assert!(matches!(
        Pool::builder(net("10.0.0.0/24"))
            .search(Search::Linear)
            .create(scratch.path("x")),
        Err(OpenError::LinearSearch)
    ));
    assert_eq!(scratch.names(), ["pool", "text"]);
}

/// Every difference is an error that names both values.
#[test]
fn a_file_of_another_pool_is_refused() {
    let scratch = Scratch::new("mismatch");
    let path = scratch.path("pool");
    let base = || Pool::builder(net("10.0.0.0/24"));
    drop(base().in_file().capacity(1000).create(&path).unwrap());
    let refused = |builder: hostbits::file::Builder<Ipv4Net>| match builder.open(&path).unwrap_err()
    {
        OpenError::GeometryMismatch { mismatches } => mismatches
            .into_iter()
            .map(|mismatch| (mismatch.field, mismatch.in_file, mismatch.asked))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let named = |field, in_file: &str, asked: &str| (field, in_file.to_owned(), asked.to_owned());
    assert_eq!(
        refused(Pool::builder(net("10.0.0.0/25")).in_file())[0],
        named("network", "10.0.0.0/24", "10.0.0.0/25")
    );
    assert_eq!(
        refused(base().range(ip("10.0.0.0")..=ip("10.0.0.99")).in_file())[0],
        named("ranges", "10.0.0.0 to 10.0.0.255", "10.0.0.0 to 10.0.0.99")
    );
    assert_eq!(
        refused(base().gateway(Gateway::None).in_file())[0],
        named("gateway", "10.0.0.1", "none")
    );
    let mismatches = refused(
        base()
            .reserve(ip("10.0.0.9")..=ip("10.0.0.10"), "printers")
            .in_file(),
    );
    assert_eq!(mismatches[0].0, "reservations");
    assert!(mismatches[0].2.contains("10.0.0.9 to 10.0.0.10 (printers)"));
    assert_eq!(
        refused(
            base()
                .unit(30)
                .gateway(Gateway::None)
                .reserve_edges(false)
                .in_file()
        )
        .iter()
        .map(|mismatch| mismatch.0)
        .collect::<Vec<_>>(),
        ["unit", "gateway", "reservations"]
    );
    assert_eq!(
        refused(base().policy(Policy::Next).in_file()),
        [named("policy", "lowest", "next")]
    );
    assert_eq!(
        refused(base().in_file().capacity(5000)),
        [named("capacity", "1024", "5000")]
    );
    assert!(matches!(
        base().durability(Durability::Strict).open(&path),
        Err(OpenError::ModeMismatch {
            in_file: Durability::Process,
            asked: Durability::Strict
        })
    ));
    // Another way to say the same is the same.
    drop(
        base()
            .gateway(Gateway::At(ip("10.0.0.1").into()))
            .in_file()
            .capacity(1024)
            .open(&path)
            .unwrap(),
    );
    // And IpNet is the same network.
    let any = Pool::builder("10.0.0.0/24".parse::<IpNet>().unwrap())
        .open(&path)
        .unwrap();
    assert_eq!(kind(&any), RecoveryKind::Clean);
}

/// A tool finds out what the file holds without being given its type.
#[test]
fn open_file_finds_out_what_the_pool_is() {
    let scratch = Scratch::new("any");
    let path = scratch.path("pool");
    let v6: ipnet::Ipv6Net = "2001:db8::/40".parse().unwrap();
    let pool = Pool::builder(v6)
        .unit(56)
        .reserve(
            "2001:db8::".parse().unwrap()..="2001:db8:0:3ff::".parse().unwrap(),
            "core\nnet",
        )
        .policy(Policy::Random(99))
        .create(&path)
        .unwrap();
    let held = pool.allocate_net().unwrap();
    let any = hostbits::file::open(&path).unwrap();
    assert_eq!(kind(&any), RecoveryKind::Joined);
    let mut info = any.info();
    info.memory_bytes = pool.info().memory_bytes;
    // The seed is a key, and is not in the file.
    assert_eq!(info.policy.to_string(), "random");
    info.policy = pool.info().policy;
    assert_eq!(info, pool.info());
    assert!(any.iter().eq([std::net::IpAddr::from(held.network())]));
    any.allocate_block(50).unwrap();
    assert_eq!(pool.allocated(), 65);
}

/// Two pools on one file in one process: one pool.
#[test]
fn two_handles_share_everything() {
    let scratch = Scratch::new("handles");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let first = builder.create(&path).unwrap();
    let second = builder.open(&path).unwrap();
    assert_eq!(kind(&second), RecoveryKind::Joined);
    assert_eq!(first.health().unwrap().processes, 2);
    assert_eq!(
        second.recovery().unwrap().session,
        first.recovery().unwrap().session
    );
    let addr = first.allocate().unwrap();
    assert!(matches!(second.status(addr), Status::Allocated { .. }));
    assert!(matches!(
        second.allocate_exact(addr),
        Err(AllocateExactError::AlreadyAllocated { .. })
    ));
    second.release(addr).unwrap();
    assert_eq!(drain(&first).len(), 253);
    assert!(matches!(
        second.allocate(),
        Err(AllocateError::Exhausted {
            capacity: 253,
            quarantined: 0,
            ..
        })
    ));
    second.release(addr).unwrap();
    assert_eq!(first.allocate(), Ok(addr));
    drop(first);
    assert_eq!(second.health().unwrap().processes, 1);
    assert_eq!(second.allocated(), 253);
    drop(second);
    assert_eq!(kind(&builder.open(&path).unwrap()), RecoveryKind::Clean);
}

/// X1 and X2 of the catalogue: what is not safe to open is not opened, and says why.
#[test]
fn unsafe_files_are_refused() {
    let scratch = Scratch::new("unsafe");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    drop(builder.create(&path).unwrap());
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let link = scratch.path("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(builder.open(&link), Err(OpenError::Symlink)));
    assert!(matches!(
        builder.create(&link),
        Err(OpenError::AlreadyExists)
    ));
    assert!(matches!(
        builder.open(scratch.path("")),
        Err(OpenError::NotRegularFile)
    ));
    let pipe = scratch.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(
        builder.open(&pipe),
        Err(OpenError::NotRegularFile)
    ));
    assert!(matches!(
        builder.open("/dev/null"),
        Err(OpenError::NotRegularFile)
    ));

    let other_name = scratch.path("other");
    std::fs::hard_link(&path, &other_name).unwrap();
    assert!(matches!(
        builder.open(&path),
        Err(OpenError::HardLinked { links: 2 })
    ));
    assert!(
        builder
            .clone()
            .in_file()
            .allow_hard_links(true)
            .open(&path)
            .is_ok()
    );
    std::fs::remove_file(&other_name).unwrap();

    let chmod = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod(0o666);
    assert!(matches!(
        builder.open(&path),
        Err(OpenError::InsecureMode { mode: 0o666 })
    ));
    assert!(
        builder
            .clone()
            .in_file()
            .allow_shared_mode(true)
            .open(&path)
            .is_ok()
    );
    chmod(0o600);
    if nix::unistd::Uid::effective().is_root() {
        nix::unistd::chown(&path, Some(nix::unistd::Uid::from_raw(4242)), None).unwrap();
        assert!(matches!(
            builder.open(&path),
            Err(OpenError::WrongOwner { uid: 4242 })
        ));
        assert!(
            builder
                .clone()
                .in_file()
                .allow_other_owner(true)
                .open(&path)
                .is_ok()
        );
    } else {
        chmod(0o400);
        assert!(matches!(builder.open(&path), Err(OpenError::Io { .. })));
    }
}

/// E4: a file that ends too early is an error at any length, never a signal.
#[test]
fn a_truncated_file_is_an_error() {
    let scratch = Scratch::in_memory("truncated");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    drop(builder.create(&path).unwrap());
    let whole = read(&path);
    for len in (0..whole.len()).step_by(512) {
        std::fs::write(&path, &whole[..len]).unwrap();
        match builder.open(&path).unwrap_err() {
            OpenError::BadMagic => assert!(len < 8, "{len}"),
            OpenError::Truncated { len: told, need } => {
                assert!(told == len as u64 && need > told, "{len}");
            }
            other => panic!("cut to {len}: {other:?}"),
        }
    }
}

/// H3: zeros over any page of a closed file: refused, or addresses lost, never one that is held handed
/// out again.
#[test]
fn zeros_anywhere_never_hand_out_what_is_held() {
    for (durability, scratch) in [
        (Durability::Process, Scratch::in_memory("zeros")),
        (Durability::Barrier, Scratch::new("zeros")),
    ] {
        let path = scratch.path("pool");
        let builder = Pool::builder(net("10.0.0.0/17")).durability(durability);
        let pool = builder.create(&path).unwrap();
        let held: BTreeSet<_> = pool.allocate_many(20_000).unwrap().into_iter().collect();
        drop(pool);
        let whole = read(&path);
        let mut opened = 0;
        for page in 0..whole.len() / PAGE {
            put_back(&path, &whole);
            overwrite(&path, (page * PAGE) as u64, &[0; PAGE]);
            let Ok(pool) = builder.open(&path) else {
                continue;
            };
            opened += 1;
            let found = drain(&pool);
            assert!(found.is_disjoint(&held), "{durability}, page {page}");
        }
        assert!(opened > 10, "most pages are not needed to open the file");
    }
}

/// H1: any bit of either header, on the file itself. The other copy is enough, and the first opener writes
/// the damaged one again from it. Both damaged: refused, and left as it is.
#[test]
fn one_damaged_header_is_repaired() {
    let scratch = Scratch::in_memory("header");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let held = builder.create(&path).unwrap().allocate().unwrap();
    let whole = read(&path);
    let flip = |at: u64, bit: usize| {
        let byte = whole[at as usize + bit / 8] ^ 1 << (bit % 8);
        overwrite(&path, at + bit as u64 / 8, &[byte]);
    };
    let headers = |path: &Path| read(path)[..2 * PAGE].to_vec();
    for bit in 0..512 * 8 {
        for header in [0, PAGE as u64] {
            flip(header, bit);
            let pool = builder.open(&path).unwrap();
            assert!(pool.iter().eq([held]), "bit {bit} of {header:#x}");
            assert_eq!(
                headers(&path),
                whole[..2 * PAGE],
                "bit {bit} of {header:#x}"
            );
        }
        flip(0, bit);
        flip(PAGE as u64, bit);
        let damaged = headers(&path);
        assert!(builder.open(&path).is_err(), "bit {bit} of both");
        assert_eq!(headers(&path), damaged, "bit {bit} of both");
        overwrite(&path, 0, &whole[..2 * PAGE]);
    }
}

/// A joiner repairs nothing: it is the first opener who is alone.
#[test]
fn a_joiner_leaves_a_damaged_header_alone() {
    let scratch = Scratch::in_memory("joiner");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let pool = builder.create(&path).unwrap();
    overwrite(&path, 0, &[0; 512]);
    drop(builder.open(&path).unwrap());
    let problems = || hostbits::file::read(&path).unwrap().problems;
    assert_eq!(problems(), [hostbits::file::Problem::OneHeader]);
    drop(pool);
    drop(builder.open(&path).unwrap());
    assert_eq!(problems(), []);
}

/// Any bit of either state slot: nothing that is held is handed out, whatever is believed.
#[test]
fn any_bit_of_a_state_may_be_wrong() {
    for (durability, scratch) in [
        (Durability::Process, Scratch::in_memory("state")),
        (Durability::Barrier, Scratch::new("state")),
    ] {
        let path = scratch.path("pool");
        let builder = Pool::builder(net("10.0.0.0/26")).durability(durability);
        let pool = builder.create(&path).unwrap();
        let held: BTreeSet<_> = pool.allocate_many(20).unwrap().into_iter().collect();
        drop(pool);
        let whole = read(&path);
        // On a disk every opening waits for it: some of the bits.
        let step = if durability == Durability::Process {
            1
        } else {
            37
        };
        for bit in (0..512 * 8).step_by(step) {
            for slot in STATE_SLOTS {
                put_back(&path, &whole);
                let at = slot as usize + bit / 8;
                overwrite(&path, at as u64, &[whole[at] ^ 1 << (bit % 8)]);
                let pool = builder.open(&path).unwrap();
                let found = drain(&pool);
                assert!(found.is_disjoint(&held), "bit {bit} of {slot:#x}");
                assert!(held.iter().all(|&addr| pool.release(addr).is_ok()));
            }
        }
    }
}

/// H2: state slots that leave a doubt are a machine that went down.
#[test]
fn doubtful_states_are_a_machine_crash() {
    let scratch = Scratch::new("states");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24")).durability(Durability::Process);
    let pool = builder.create(&path).unwrap();
    pool.allocate().unwrap();
    // The state of a process that has just been killed: open, and no word is vouched for.
    let killed = read(&path);
    drop(pool);
    let slots: [&[u8]; 2] = STATE_SLOTS.map(|at| &killed[at as usize..at as usize + 512]);
    let zero = [0; 512];
    let garbage = [0x5a; 512];
    let expect = |states: [&[u8]; 2], expected, what| {
        // Over the bytes of the file itself: a copy has another inode, and is doubtful by that alone.
        put_back(&path, &killed);
        for (at, state) in STATE_SLOTS.into_iter().zip(states) {
            overwrite(&path, at, state);
        }
        let pool = builder.open(&path).unwrap();
        assert_eq!(kind(&pool), expected, "{what}");
        let quarantined = if expected.quarantines() { 252 } else { 0 };
        assert_eq!(pool.health().unwrap().quarantined, quarantined, "{what}");
        assert_eq!(pool.allocate().is_ok(), quarantined == 0, "{what}");
    };
    let (crash, unknown) = (RecoveryKind::MachineCrash, RecoveryKind::NoState);
    expect(slots, RecoveryKind::ProcessCrash, "as it was left");
    expect(
        [slots[1], slots[0]],
        RecoveryKind::ProcessCrash,
        "in the other order",
    );
    expect([&zero, &zero], unknown, "none");
    expect([&garbage, &garbage], unknown, "garbage");
    expect([slots[0], &zero], crash, "one missing");
    expect([slots[0], slots[0]], crash, "twice the same");
    // The older one alone is what an older content would have.
    let older = RecoveryKind::Copy;
    expect([&zero, slots[1]], older, "the newer missing");
}

/// Q3: a copy of a live pool, opened in the same boot, is not taken for the pool; an old copy that was put
/// back shows by its session.
#[test]
fn copies_are_noticed() {
    let scratch = Scratch::new("copies");
    let (path, copy) = (scratch.path("pool"), scratch.path("copy"));
    let builder = Pool::builder(net("10.0.0.0/24"));
    let pool = builder.create(&path).unwrap();
    pool.allocate().unwrap();
    std::fs::copy(&path, &copy).unwrap();
    let old = read(&path);
    let copied = builder.open(&copy).unwrap();
    assert_eq!(kind(&copied), RecoveryKind::Copy);
    assert!(copied.allocate().is_err());
    drop(pool);
    let seen_before = builder.clone().in_file().min_session(1);
    let missing = scratch.path("missing");
    assert!(matches!(
        seen_before.open(&missing),
        Err(OpenError::NotFound)
    ));
    assert!(matches!(
        seen_before.open_or_create(&missing),
        Err(OpenError::StaleFile { session: 0, min: 1 })
    ));
    assert!(
        !missing.exists(),
        "a file that was seen before is not begun anew"
    );
    let pool = builder.open(&path).unwrap();
    let session = pool.recovery().unwrap().session;
    drop(pool);
    std::fs::write(&path, old).unwrap();
    let opened = builder.clone().in_file().min_session(session).open(&path);
    assert!(
        matches!(opened, Err(OpenError::StaleFile { session: 1, min: 2 })),
        "{opened:?}"
    );
}

/// Every durability on a disk, and the one that there is in memory.
fn durabilities_and_places() -> Vec<(Durability, Scratch)> {
    let on_disk = DURABILITIES.map(|durability| (durability, Scratch::new("place")));
    let in_memory = (Durability::Process, Scratch::in_memory("place"));
    on_disk.into_iter().chain([in_memory]).collect()
}

/// Q3: a copy of a live pool, put in its place in the same boot. What it vouches for is as old as the rest
/// of it, whatever the durability, so nothing of it is believed but that it suspects.
#[test]
fn a_copy_in_place_of_the_pool_is_not_believed() {
    for (durability, scratch) in durabilities_and_places() {
        let (path, copy) = (scratch.path("pool"), scratch.path("copy"));
        let builder = Pool::builder(net("10.0.0.0/24")).durability(durability);
        let pool = builder.create(&path).unwrap();
        let mut held = pool.allocate_many(5).unwrap();
        pool.sync().unwrap();
        std::fs::copy(&path, &copy).unwrap();
        held.extend(pool.allocate_many(5).unwrap());
        pool.sync().unwrap();
        drop(pool);
        std::fs::rename(&copy, &path).unwrap();

        let pool = builder.open(&path).unwrap();
        let place = path.display();
        assert_eq!(kind(&pool), RecoveryKind::Copy, "{durability}, {place}");
        assert_eq!(
            pool.health().unwrap().quarantined,
            248,
            "{durability}, {place}"
        );
        assert!(pool.allocate().is_err(), "{durability}, {place}");
        let list: Vec<_> = held.iter().map(Ipv4Addr::to_string).collect();
        let reclaimed = pool.reclaim(&list).unwrap();
        assert_eq!((reclaimed.freed, reclaimed.held), (243, 5));
        assert!(drain(&pool).is_disjoint(&held.into_iter().collect()));
        drop(pool);
        let pool = builder.open(&path).unwrap();
        assert_eq!(kind(&pool), RecoveryKind::Clean, "the copy is the pool now");
    }
}

/// Without a state that can be read, the owner of the file is unknown.
#[test]
fn a_file_without_a_past_is_not_believed() {
    for (durability, scratch) in durabilities_and_places() {
        let path = scratch.path("pool");
        let builder = Pool::builder(net("10.0.0.0/24")).durability(durability);
        drop(builder.create(&path).unwrap());
        forget_the_past(&path);
        let pool = builder.open(&path).unwrap();
        assert_eq!(kind(&pool), RecoveryKind::NoState, "{durability}");
        assert_eq!(pool.health().unwrap().quarantined, 253, "{durability}");
    }
}

/// The disk may know that a suspect was freed by its bit in F, and not yet by its bit in Q. By its bit in Q it
/// would be freed again, although it may have a new holder.
#[test]
fn what_is_free_is_no_suspect() {
    let scratch = Scratch::new("overlap");
    for durability in [Durability::Barrier, Durability::Strict] {
        let path = scratch.path(&durability.to_string());
        let builder = Pool::builder(net("10.0.0.0/24")).durability(durability);
        let pool = builder.create(&path).unwrap();
        let held = pool.allocate_many(10).unwrap();
        pool.sync().unwrap();
        let open = read(&path);
        drop(pool);
        put_back(&path, &open);
        let quarantine = open.len() - 4 * PAGE;
        overwrite(&path, quarantine as u64, &[0xff; 32]);
        forget_the_boot(&path);
        let pool = builder.open(&path).unwrap();
        assert_eq!(kind(&pool), RecoveryKind::MachineCrash);
        assert_eq!(
            pool.health().unwrap().quarantined,
            10,
            "held, or not: the list says"
        );
        let mine = pool.allocate().unwrap();
        let list: Vec<_> = held.iter().map(Ipv4Addr::to_string).collect();
        let reclaimed = pool.reclaim(&list).unwrap();
        assert_eq!((reclaimed.freed, reclaimed.held), (0, 10));
        assert!(matches!(pool.status(mine), Status::Allocated { .. }));
    }
}

/// After the machine went down: quarantine, and the way out of it.
#[test]
fn a_machine_crash_quarantines_what_was_free() {
    let scratch = Scratch::new("machine");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let crash = |path: &Path| {
        // The words of a pool that was not left in order.
        let pool = builder.open_or_create(path).unwrap();
        let addrs = pool.allocate_many(10).unwrap();
        let open = read(path);
        drop(pool);
        put_back(path, &open);
        forget_the_boot(path);
        addrs
    };
    let held = crash(&path);
    let pool = builder.open(&path).unwrap();
    let recovery = pool.recovery().unwrap();
    assert_eq!(
        (recovery.kind, recovery.quarantined),
        (RecoveryKind::MachineCrash, 243)
    );
    let error = pool.allocate().unwrap_err();
    assert!(matches!(
        error,
        AllocateError::Exhausted {
            capacity: 253,
            quarantined: 243,
            ..
        }
    ));
    assert_eq!(
        error.to_string(),
        "exhausted: too few of the pool's 253 addresses are free, and 243 are quarantined: \
         reclaim them with a list of who holds what"
    );
    let unsynced = ip("10.0.0.200");
    assert!(
        pool.allocate_exact(unsynced).is_err(),
        "unknown reads as taken"
    );
    // A holder that the words had forgotten comes back, and is gone before the next look.
    pool.release(unsynced).unwrap();
    assert_eq!(pool.health().unwrap().quarantined, 242);
    assert_eq!(pool.allocate(), Ok(unsynced));

    let listed = |addrs: &[Ipv4Addr]| {
        addrs
            .iter()
            .map(|addr| addr.to_string())
            .collect::<Vec<_>>()
    };
    let unclear = pool.reclaim(["10.0.0.2", "10.0.0.03"]).unwrap_err();
    assert!(matches!(unclear, ReclaimError::Unclear { .. }));
    let nobody: [&str; 0] = [];
    assert!(matches!(
        pool.reclaim(nobody),
        Err(ReclaimError::EmptyList { quarantined: 242 })
    ));
    assert!(
        pool.allocate().is_err(),
        "nothing was freed by a list that proves nothing"
    );

    // One that was allocated in the last moment before the crash: the list knows of it, the words do not.
    let mut list = listed(&held);
    list.push("10.0.0.99".to_owned());
    let reclaimed = pool.reclaim(&list).unwrap();
    assert_eq!((reclaimed.freed, reclaimed.held), (241, 1));
    assert_eq!(reclaimed.adopted.problems, []);
    assert_eq!(pool.health().unwrap().quarantined, 0);
    let found = drain(&pool);
    assert_eq!(found.len(), 253 - 10 - 2);
    for taken in held.iter().chain([&unsynced, &ip("10.0.0.99")]) {
        assert!(!found.contains(taken), "{taken}");
    }
    assert_eq!(
        pool.reclaim(&list).unwrap().freed,
        0,
        "a second time finds nothing"
    );

    drop(pool);
    crash(&scratch.path("again"));
    let pool = builder.open(scratch.path("again")).unwrap();
    assert_eq!(pool.release_quarantine_unchecked(), Ok(243));
    assert_eq!(drain(&pool).len(), 243);
}

/// A look foretells what an opening finds, whatever had happened, and does not do it.
#[test]
fn a_look_sees_what_an_opening_will_find() {
    let scratch = Scratch::new("foresee");
    let path = scratch.path("pool");
    for durability in DURABILITIES {
        for accident in ["none", "death", "boot", "past", "poison"] {
            let _ = std::fs::remove_file(&path);
            let builder = Pool::builder(net("10.0.0.0/22")).durability(durability);
            let pool = builder.create(&path).unwrap();
            pool.allocate_many(700).unwrap();
            let some: Vec<_> = pool.iter().skip(3).step_by(7).collect();
            assert_eq!(pool.release_many(&some).errors(), 0);
            pool.sync().unwrap();
            let open = read(&path);
            drop(pool);
            if accident != "none" {
                put_back(&path, &open);
            }
            match accident {
                "boot" => forget_the_boot(&path),
                "past" => forget_the_past(&path),
                "poison" => poison(&path),
                _ => {}
            }
            let before = read(&path);
            let view = hostbits::file::read(&path).unwrap();
            let what = format!("{durability}, {accident}");
            assert!(read(&path) == before, "{what}");
            let pool = builder.open(&path).unwrap();
            assert_eq!(kind(&pool), view.found, "{what}");
            assert_eq!(
                pool.health().unwrap().quarantined,
                view.quarantined,
                "{what}"
            );
            assert!(
                view.snapshot
                    .iter()
                    .eq(pool.iter().map(std::net::IpAddr::from)),
                "{what}"
            );
            let poison = (accident == "poison").then_some(5);
            assert_eq!(view.health.poison, poison, "{what}");
        }
    }
}

/// Barrier and Strict believe the disk.
#[test]
fn durable_pools_have_no_quarantine() {
    let scratch = Scratch::new("durable");
    for durability in [Durability::Barrier, Durability::Strict] {
        let path = scratch.path(&durability.to_string());
        let builder = Pool::builder(net("10.0.0.0/24")).durability(durability);
        let pool = builder.create(&path).unwrap();
        let held: BTreeSet<_> = pool.allocate_many(100).unwrap().into_iter().collect();
        pool.sync().unwrap();
        let open = read(&path);
        drop(pool);
        put_back(&path, &open);
        forget_the_boot(&path);
        let pool = builder.open(&path).unwrap();
        assert_eq!(kind(&pool), RecoveryKind::MachineCrash);
        assert_eq!(pool.health().unwrap().quarantined, 0);
        assert_eq!(pool.iter().collect::<BTreeSet<_>>(), held);
        assert!(drain(&pool).is_disjoint(&held));
    }
}

/// Quarantined addresses leave the quarantine by every verb that releases, a local's too.
#[test]
fn every_release_takes_a_suspect_out_of_the_quarantine() {
    let scratch = Scratch::new("suspects");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"))
        .reserve_edges(false)
        .gateway(Gateway::None);
    let pool = builder.create(&path).unwrap();
    let open = read(&path);
    drop(pool);
    put_back(&path, &open);
    forget_the_boot(&path);
    let pool = builder.open(&path).unwrap();
    assert_eq!(pool.health().unwrap().quarantined, 256);
    pool.release(ip("10.0.0.1")).unwrap();
    assert_eq!(
        pool.release_many(&[ip("10.0.0.2"), ip("10.0.0.3"), ip("10.0.0.99")])
            .released,
        3
    );
    pool.release_block(net("10.0.0.16/28")).unwrap();
    pool.release_block(net("10.0.0.128/25")).unwrap();
    assert!(
        pool.release_block(net("10.0.0.0/26")).is_err(),
        "a part of it is free"
    );
    let left = 256 - 1 - 3 - 16 - 128;
    assert_eq!(pool.health().unwrap().quarantined, left);
    {
        let mut local = pool.local();
        let got = local.allocate().unwrap();
        assert_eq!(got, ip("10.0.0.1"));
        local.release(ip("10.0.0.40")).unwrap();
        local.release(got).unwrap();
    }
    assert_eq!(pool.health().unwrap().quarantined, left - 1);
    assert_eq!(pool.allocated(), left - 1);
    // Addresses that were allocated since are not freed under their holders.
    let mine = pool.allocate_exact(ip("10.0.0.40"));
    assert_eq!(mine, Ok(()));
    let freed = pool.reclaim(["10.0.0.60"]).unwrap().freed;
    assert_eq!(freed, left - 2);
    assert!(matches!(
        pool.status(ip("10.0.0.40")),
        Status::Allocated { .. }
    ));
    assert!(matches!(
        pool.status(ip("10.0.0.60")),
        Status::Allocated { .. }
    ));
    assert_eq!(pool.allocated(), 2);
}

/// A suspect is given to a user by hand: the user is written, then adopted. A reclaim whose list was read before
/// that must not free the address.
#[test]
fn what_is_adopted_is_no_suspect_to_an_older_list() {
    for in_set in [false, true] {
        let scratch = Scratch::in_memory("adopted");
        let path = scratch.path("pool");
        let builder = Pool::builder(net("10.0.0.0/24"));
        let pool = builder.create(&path).unwrap();
        let open = read(&path);
        drop(pool);
        put_back(&path, &open);
        forget_the_past(&path);
        let set = PoolSet::new([builder.open(&path).unwrap()]).unwrap();
        let pool = set.members().next().unwrap().pool().clone();
        assert_eq!(pool.health().unwrap().quarantined, 253);
        let read_late = ["10.0.0.60", "10.0.0.61"].iter().inspect(|user| {
            if **user == "10.0.0.61" {
                let adopted = match in_set {
                    false => pool.adopt(["10.0.0.40"]),
                    true => set.adopt(["10.0.0.40"]),
                };
                assert_eq!(adopted.unwrap().already, 1);
            }
        });
        let reclaimed = match in_set {
            false => pool
                .reclaim(read_late)
                .map(|it| (it.freed, it.held))
                .unwrap(),
            true => set
                .reclaim(read_late)
                .map(|it| (it.freed, it.held))
                .unwrap(),
        };
        assert_eq!(reclaimed, (250, 2));
        assert_eq!(pool.health().unwrap().quarantined, 0);
        assert!(!drain(&pool).contains(&ip("10.0.0.40")), "two holders");
    }
}

/// A heap pool has none of this.
#[test]
fn heap_pools_say_so() {
    let pool = Pool::new(net("10.0.0.0/24")).unwrap();
    assert_eq!(pool.sync(), Err(SyncError::NoFile));
    assert_eq!((pool.recovery(), pool.health()), (None, None));
    assert_eq!(pool.reclaim(["10.0.0.2"]), Err(ReclaimError::NoFile));
    assert_eq!(
        pool.release_quarantine_unchecked(),
        Err(ReclaimError::NoFile)
    );
}

/// Modes that promise more than memory can keep are refused there.
#[test]
fn memory_promises_no_durability() {
    let scratch = Scratch::in_memory("tmpfs");
    for durability in [Durability::Barrier, Durability::Strict] {
        let builder = Pool::builder(net("10.0.0.0/24")).durability(durability);
        let refused = builder.create(scratch.path("pool"));
        assert!(matches!(refused, Err(OpenError::NotDurable { .. })));
        assert!(scratch.names().is_empty());
    }
    // And a file that is still in memory is of this boot, whatever its states say.
    let builder = Pool::builder(net("10.0.0.0/24"));
    let path = scratch.path("pool");
    drop(builder.create(&path).unwrap());
    forget_the_boot(&path);
    let pool = builder.open(&path).unwrap();
    assert_eq!(kind(&pool), RecoveryKind::Clean);
    assert_eq!(drain(&pool).len(), 253);
}

/// Statistics are of the process; what is allocated is of the file.
#[test]
fn statistics_are_of_the_process() {
    let scratch = Scratch::new("stats");
    let path = scratch.path("pool");
    for level in [StatsLevel::Off, StatsLevel::Counts, StatsLevel::Full] {
        let builder = Pool::builder(net("10.0.0.0/24")).stats(level);
        let pool = builder.open_or_create(&path).unwrap();
        let before = pool.allocated();
        pool.allocate().unwrap();
        assert_eq!(pool.allocated(), before + 1);
        let counted = u64::from(level != StatsLevel::Off);
        assert_eq!(pool.stats().allocations.any, counted);
    }
}

/// Sizes of the issue: a /24 in 56 KiB, a /8 in 7 MiB.
#[test]
fn files_are_small() {
    let scratch = Scratch::new("sizes");
    for (network, most) in [("10.0.0.0/24", 56 << 10), ("10.0.0.0/8", 7 << 20)] {
        let path = scratch.path("pool");
        let pool = Pool::builder(net(network)).create(&path).unwrap();
        let len = std::fs::metadata(&path).unwrap().len();
        assert!(len <= most, "{network}: {len}");
        assert_eq!(pool.health().unwrap().len, Some(len));
        std::fs::remove_file(&path).unwrap();
    }
}

/// M4, and a check of a file: a look takes no lock, so it hides no crash from the next opener; it works on a
/// file that others use, and it sees what is wrong.
#[test]
fn a_look_is_in_nobodys_way() {
    let scratch = Scratch::new("look");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let pool = builder
        .clone()
        .in_file()
        .capacity(1000)
        .create(&path)
        .unwrap();
    let held = pool.allocate_many(3).unwrap();
    let view = hostbits::file::read(&path).unwrap();
    assert!(
        view.snapshot
            .iter()
            .eq(held.iter().copied().map(std::net::IpAddr::from))
    );
    assert_eq!(
        (view.session, view.is_left_in_order, view.capacity),
        (Some(1), false, 1024)
    );
    assert_eq!((view.quarantined, &*view.problems), (0, &[][..]));
    assert_eq!(pool.health().unwrap().processes, 1, "it is not there");
    assert_eq!(
        (view.found, view.health.processes),
        (RecoveryKind::Joined, 1)
    );
    let copy = view.to_pool();
    assert!(copy.iter().eq(pool.iter().map(std::net::IpAddr::from)));
    let mut info = pool.info();
    info.memory_bytes = 0;
    assert_eq!(view.info, info);
    drop(pool);
    let view = hostbits::file::read(&path).unwrap();
    assert!(view.is_left_in_order);
    assert_eq!(
        (view.found, view.health.processes),
        (RecoveryKind::Clean, 0)
    );

    let whole = read(&path);
    let free = whole.len() - 2 * PAGE - 3 * PAGE;
    let nodes = 5 * PAGE;
    let problems = |at: usize, bytes: &[u8]| {
        put_back(&path, &whole);
        overwrite(&path, at as u64, bytes);
        let view = hostbits::file::read(&path).unwrap();
        assert_eq!(
            read(&path)[at..at + bytes.len()],
            *bytes,
            "nothing is changed"
        );
        view.problems
            .iter()
            .map(hostbits::file::Problem::code)
            .collect::<Vec<_>>()
    };
    assert_eq!(problems(PAGE, &[0]), ["one-header"]);
    assert_eq!(problems(3 * PAGE, &[0]), ["doubtful"]);
    assert_eq!(problems(free, &[0xff]), ["changed", "stray-bits"]);
    let both = problems(free + PAGE + 8, &[1]);
    assert_eq!(both, ["changed", "free-suspects"]);
    assert_eq!(problems(free + PAGE, &[1]), ["changed"]);
    // Of no use any more: the next opening makes it anew.
    assert_eq!(problems(nodes, &[0; 8]), [""; 0]);
    put_back(&path, &whole);
    let pool = builder.open(&path).unwrap();
    overwrite(&path, nodes as u64, &[0; 8]);
    let view = hostbits::file::read(&path).unwrap();
    assert_eq!(view.problems, [hostbits::file::Problem::HiddenSlots]);
    assert!(
        !view.is_damage(&view.problems[0]),
        "those who use it see to it"
    );
    drop(pool);
    assert!(matches!(
        hostbits::file::read(scratch.path("none")),
        Err(OpenError::NotFound)
    ));
    assert!(matches!(
        hostbits::file::read("/dev/null"),
        Err(OpenError::NotRegularFile)
    ));
    overwrite(&path, 0, &[0; 2 * PAGE]);
    assert!(matches!(
        hostbits::file::read(&path),
        Err(OpenError::BadMagic)
    ));
}

/// Closing a pool returns how that went; dropping it cannot.
#[test]
fn a_close_tells_what_a_drop_cannot() {
    let scratch = Scratch::new("close");
    let path = scratch.path("pool");
    let builder = Pool::builder("10.0.0.0/24".parse::<Ipv4Net>().unwrap());
    assert_eq!(builder.create(&path).unwrap().close(), Ok(()));
    let (first, last) = (builder.open(&path).unwrap(), builder.open(&path).unwrap());
    assert_eq!(first.recovery().unwrap().kind, RecoveryKind::Clean);
    assert_eq!((first.close(), last.close()), (Ok(()), Ok(())));
    let pool = builder.open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
    poison(&path);
    assert!(matches!(
        pool.close(),
        Err(SyncError::File(FileRefusal::Poisoned { errno: 5 }))
    ));
    assert_eq!(
        builder.open(&path).unwrap().recovery().unwrap().kind,
        RecoveryKind::WriteFailed
    );
    assert_eq!(
        Pool::new("10.0.0.0/24".parse::<Ipv4Net>().unwrap())
            .unwrap()
            .close(),
        Ok(())
    );
}
