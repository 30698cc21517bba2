//! A pool file grows: within its capacity in place, beyond it by a larger file that takes its name.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/scratch.rs"]
mod scratch;

use hostbits::{
    Builder, Durability, Gateway, Pool,
    file::{OpenError, RecoveryKind},
};
use ipnet::Ipv4Net;
use ledger::Ledger;
use scratch::{
    PAGE, Scratch, change_header, forget_the_boot, lock_of_openers, overwrite, put_back, read,
};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the header has the length of the network's prefix.
const PREFIX_LEN_AT: usize = 0x51;
/// Where the two copies of the header are.
const HEADERS: [u64; 2] = [0, PAGE as u64];

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn kind(pool: &Pool<Ipv4Net>) -> RecoveryKind {
    pool.recovery().unwrap().kind
}

/// Takes everything there is.
fn drain(pool: &Pool<Ipv4Net>) -> BTreeSet<Ipv4Addr> {
    std::iter::from_fn(|| pool.allocate().ok()).collect()
}

/// A file whose configuration has outgrown its place is replaced by a larger one, and that is reported before.
#[test]
fn what_growth_would_do_is_what_grow_does() {
    let scratch = Scratch::new("told");
    let path = scratch.path("pool");
    let printer = Ipv4Addr::new(10, 0, 0, 9);
    let of = |label: &str| {
        let pool = Pool::builder(net("10.0.0.0/24"));
        pool.reserve(printer..=printer, label).in_file()
    };
    of("printer").create(&path).unwrap();
    let inode = || std::fs::metadata(&path).unwrap().ino();
    for (label, needs_more_room) in [("scanner", false), (&*"long ".repeat(1_000), true)] {
        let told = of(label).growth(&path).unwrap();
        assert_eq!((told.is_needed, told.added), (true, 0));
        assert_eq!(told.needs_more_room, needs_more_room);
        let before = inode();
        drop(of(label).grow(&path).unwrap());
        assert_eq!(inode() != before, needs_more_room);
        assert!(!of(label).growth(&path).unwrap().is_needed);
    }
}

/// Growth keeps what is held where it is, frees what is new, and knows its limits.
#[test]
fn a_file_grows_into_its_capacity() {
    let scratch = Scratch::new("grow");
    let path = scratch.path("pool");
    let small = Pool::builder(net("10.0.0.0/24"));
    let pool = small
        .clone()
        .in_file()
        .capacity(1024)
        .create(&path)
        .unwrap();
    let held = drain(&pool);
    let wide = || Pool::builder(net("10.0.0.0/23")).in_file();
    assert!(matches!(wide().grow(&path), Err(OpenError::InUse)));
    drop(pool);
    let pool = wide().grow(&path).unwrap();
    assert_eq!((pool.capacity(), pool.available()), (509, 256));
    assert_eq!(pool.iter().collect::<BTreeSet<_>>(), held);
    assert!(matches!(
        wide().open(&path).unwrap().recovery().unwrap().kind,
        RecoveryKind::Joined
    ));
    let found = drain(&pool);
    assert!(found.is_disjoint(&held) && found.len() == 256);
    drop(pool);
    assert!(
        matches!(small.open(&path), Err(OpenError::GeometryMismatch { .. })),
        "it is another now"
    );
    assert!(matches!(
        small.clone().in_file().grow(&path),
        Err(OpenError::GeometryMismatch { .. })
    ));
    let wider = Pool::builder(net("10.0.0.0/22")).in_file();
    assert_eq!(wider.grow(&path).unwrap().available(), 512);
    let inode = std::fs::metadata(&path).unwrap().ino();
    let pool = wider.grow(&path).unwrap();
    assert_eq!(kind(&pool), RecoveryKind::Clean, "nothing to grow");
    assert_eq!(pool.allocated(), 509);
    assert!(wider.grow(scratch.path("none")).is_err());
    drop(pool);
    let same = std::fs::metadata(&path).unwrap().ino() == inode;
    assert!(same, "what has room stays where it is");
    // Either copy of the header alone is the grown pool.
    let whole = read(&path);
    for header in [0, PAGE as u64] {
        put_back(&path, &whole);
        overwrite(&path, header, &[0; PAGE]);
        assert!(wider.open(&path).is_ok(), "header {header:#x}");
    }
}

/// Beyond the capacity: another file of the same name, with all that was held at the same slots, of the same
/// session and mode; the one it replaces is no pool any more, and nothing else is left behind.
#[test]
fn a_file_grows_beyond_its_capacity() {
    for (durability, scratch) in [
        (Durability::Process, Scratch::in_memory("beyond")),
        (Durability::Process, Scratch::new("beyond")),
        (Durability::Barrier, Scratch::new("beyond")),
        (Durability::Strict, Scratch::new("beyond")),
    ] {
        let path = scratch.path("pool");
        let small = Pool::builder(net("10.0.0.0/24")).durability(durability);
        let pool = small.create(&path).unwrap();
        let held: BTreeSet<_> = pool.allocate_many(200).unwrap().into_iter().collect();
        let session = pool.recovery().unwrap().session;
        drop(pool);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let old = std::fs::File::open(&path).unwrap();
        let wide = || Pool::builder(net("10.0.0.0/16")).in_file();
        let pool = wide().grow(&path).unwrap();
        assert_eq!(kind(&pool), RecoveryKind::Clean);
        assert!(pool.recovery().unwrap().session > session);
        assert_eq!(pool.iter().collect::<BTreeSet<_>>(), held);
        assert_eq!(pool.available(), 65_533 - 200);
        assert_eq!(pool.health().unwrap().durability, durability);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(scratch.names(), ["pool"]);
        assert_eq!(old.metadata().unwrap().nlink(), 0);
        let mut magic = [1; 8];
        old.read_exact_at(&mut magic, 0).unwrap();
        assert_eq!(magic, [0; 8], "the old file is no pool");
        assert!(drain_some(&pool).is_disjoint(&held));
        drop(pool);
        let pool = wide().open(&path).unwrap();
        assert_eq!(kind(&pool), RecoveryKind::Clean);
        assert_eq!(hostbits::file::read(&path).unwrap().problems, []);
        drop(pool);
        // And again: the place of the other name is free.
        let wider = Pool::builder(net("10.0.0.0/14")).in_file();
        assert_eq!(wider.grow(&path).unwrap().allocated(), 1_200);
        assert_eq!(scratch.names(), ["pool"]);
    }
}

fn drain_some(pool: &Pool<Ipv4Net>) -> BTreeSet<Ipv4Addr> {
    pool.allocate_many(1_000).unwrap().into_iter().collect()
}

/// More room for the same pool, and never less.
#[test]
fn room_is_made_without_more_addresses() {
    let scratch = Scratch::new("room");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let held = builder.create(&path).unwrap().allocate().unwrap();
    let room = || hostbits::file::read(&path).unwrap().capacity;
    for (asked, expected) in [(512, 512), (5_000, 5_120), (600, 5_120)] {
        let pool = builder.clone().in_file().capacity(asked).grow(&path);
        assert!(pool.unwrap().iter().eq([held]));
        assert_eq!(room(), expected);
    }
    let wide = Pool::builder(net("10.0.0.0/19")).in_file();
    assert_eq!(wide.grow(&path).unwrap().available(), 8_188);
    assert_eq!(room(), 8_192);
}

/// What a crash had left in doubt is as doubtful in the larger file, new slots excepted.
#[test]
fn suspects_stay_suspects_in_the_larger_file() {
    for is_machine_crash in [false, true] {
        let scratch = Scratch::new("doubt");
        let path = scratch.path("pool");
        let builder = Pool::builder(net("10.0.0.0/24"));
        let pool = builder.create(&path).unwrap();
        let held = pool.allocate_many(10).unwrap();
        let open = read(&path);
        drop(pool);
        put_back(&path, &open);
        if is_machine_crash {
            forget_the_boot(&path);
        }
        let pool = Pool::builder(net("10.0.0.0/22"))
            .in_file()
            .grow(&path)
            .unwrap();
        let (expected, suspects) = match is_machine_crash {
            true => (RecoveryKind::MachineCrash, 243),
            false => (RecoveryKind::ProcessCrash, 0),
        };
        assert_eq!(kind(&pool), expected);
        assert_eq!(pool.recovery().unwrap().quarantined, suspects);
        assert_eq!(pool.health().unwrap().quarantined, suspects);
        assert_eq!(pool.available(), 1_021 - 10 - suspects);
        let list: Vec<_> = held.iter().map(Ipv4Addr::to_string).collect();
        assert_eq!(pool.reclaim(&list).unwrap().freed, suspects);
        assert_eq!(pool.iter().collect::<Vec<_>>(), held);
    }
}

/// Growth is refused where a process could miss the larger file, or would not find everything in it; nothing is
/// changed.
#[test]
fn a_file_that_cannot_be_replaced_is_left_alone() {
    let scratch = Scratch::new("irreplaceable");
    let path = scratch.path("pool");
    let builder = Pool::builder(net("10.0.0.0/24"));
    let pool = builder.create(&path).unwrap();
    let wide = || {
        Pool::builder(net("10.0.0.0/16"))
            .in_file()
            .allow_hard_links(true)
    };
    assert!(matches!(wide().grow(&path), Err(OpenError::InUse)));
    drop(pool);
    let whole = read(&path);
    std::fs::hard_link(&path, scratch.path("other")).unwrap();
    assert!(matches!(
        wide().grow(&path),
        Err(OpenError::HardLinked { links: 2 })
    ));
    std::fs::remove_file(scratch.path("other")).unwrap();
    let stale = wide().min_session(99).grow(&path);
    assert!(matches!(stale, Err(OpenError::StaleFile { .. })));
    assert!(matches!(
        Pool::builder(net("10.0.1.0/24")).in_file().grow(&path),
        Err(OpenError::GeometryMismatch { .. })
    ));
    assert!(read(&path) == whole, "nothing was changed");
    // Something that a newer version has added, and that this one may ignore.
    for header in [0, PAGE] {
        scratch::change_header(&path, header as u64, |block| block[0x10] = 1);
    }
    assert!(matches!(wide().grow(&path), Err(OpenError::NoRoom)));
    assert!(builder.open(&path).is_ok());
    assert_eq!(scratch.names(), ["pool"]);
}

/// G3: an opener that waits for a file that is replaced meanwhile opens the new one.
#[test]
fn who_waits_for_a_replaced_file_opens_the_new_one() {
    let scratch = Scratch::new("replaced");
    let (path, other) = (scratch.path("pool"), scratch.path("other"));
    let builder = Pool::builder(net("10.0.0.0/24"));
    drop(builder.create(&path).unwrap());
    let held = builder.create(&other).unwrap().allocate().unwrap();
    let locked = lock_of_openers(&path);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| builder.open(&path).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!waits.is_finished());
        std::fs::rename(&other, &path).unwrap();
        drop(locked);
        assert!(waits.join().unwrap().iter().eq([held]));
    });
}

/// A file that is opened and closed all the time grows in some gap, again and again, and no address ever has
/// two holders, whichever file it is of.
#[test]
fn a_file_grows_between_those_who_use_it() {
    let scratch = Scratch::in_memory("gaps");
    let path = scratch.path("pool");
    let prefixes = [24, 22, 20, 18, 16];
    let ledger = Ledger::open(&scratch.path("ledger"), 1 << 16);
    drop(Pool::builder(net("10.0.0.0/24")).create(&path).unwrap());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 1..=2 {
            let (ledger, stop, path) = (&ledger, &stop, &path);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let pool = hostbits::file::open(path).unwrap();
                    let taken: Vec<_> = std::iter::from_fn(|| pool.allocate().ok())
                        .take(5)
                        .collect();
                    let slots: Vec<_> = taken
                        .iter()
                        .map(|&addr| pool.slot_of(addr).unwrap())
                        .collect();
                    for &slot in &slots {
                        ledger.take(slot, thread).expect("nobody else has it");
                    }
                    // One in five stays.
                    for (&addr, &slot) in taken.iter().zip(&slots).skip(1) {
                        ledger.give(slot, thread).expect("it is ours");
                        pool.release(addr).unwrap();
                    }
                    drop(pool);
                    std::thread::yield_now();
                }
            });
        }
        for prefix in &prefixes[1..] {
            let wider = Pool::builder(net(&format!("10.0.0.0/{prefix}"))).in_file();
            loop {
                match wider.grow(&path) {
                    Ok(_) => break,
                    Err(OpenError::InUse) => std::thread::yield_now(),
                    Err(other) => panic!("{other}"),
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let pool = Pool::builder(net("10.0.0.0/16")).open(&path).unwrap();
    let held: Vec<_> = ledger.held(1 << 16);
    let taken: Vec<_> = pool
        .iter()
        .map(|addr| pool.slot_of(addr).unwrap())
        .collect();
    assert_eq!(taken, held);
    assert_eq!(scratch.names(), ["ledger", "pool"]);
}

/// What is in a file grows there, with whatever else has it open in mind.
#[test]
fn a_pool_in_a_file_is_not_grown_as_one_on_the_heap() {
    let scratch = Scratch::new("heap");
    let mut pool = Pool::builder(net("10.0.0.0/24"))
        .create(scratch.path("pool"))
        .unwrap();
    let refused = Pool::builder(net("10.0.0.0/23"))
        .grow(&mut pool)
        .unwrap_err();
    assert_eq!((refused.code(), pool.capacity()), ("in-file", 253));
}

/// The name that a larger file has for a moment is no longer than names may be.
#[test]
fn a_file_with_a_long_name_grows_beyond_its_capacity() {
    let scratch = Scratch::new("long");
    let path = scratch.path(&"n".repeat(250));
    drop(Pool::builder(net("10.0.0.0/24")).create(&path).unwrap());
    let pool = Pool::builder(net("10.0.0.0/20"))
        .in_file()
        .grow(&path)
        .unwrap();
    assert_eq!(pool.available(), 4093);
    let names = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(names, 1);
}

/// A header with a right checksum that is of another pool than the configuration: neither the growth nor the
/// question what it would do believes one of the two, and the file stays as it is.
#[test]
fn a_header_that_contradicts_the_configuration_does_not_grow() {
    let scratch = Scratch::new("contradiction");
    let path = scratch.path("pool");
    let of = |of: &str| Pool::builder(net(of)).in_file().capacity(1024);
    drop(of("10.0.0.0/24").create(&path).unwrap());
    // What the header says of the network: its length.
    for copy in HEADERS {
        change_header(&path, copy, |block| {
            assert_eq!(block[PREFIX_LEN_AT], 24);
            block[PREFIX_LEN_AT] = 25;
        });
    }
    let before = read(&path);
    let (told, grown) = (
        of("10.0.0.0/23").growth(&path),
        of("10.0.0.0/23").grow(&path),
    );
    assert!(matches!(told, Err(OpenError::Corrupt { .. })), "{told:?}");
    assert!(matches!(grown, Err(OpenError::Corrupt { .. })), "{grown:?}");
    assert_eq!(read(&path), before);
}

/// Reserves what `reserve` names beside the gateway.
fn reserving(reserve: &[(&str, &str)], gateway: Gateway) -> Builder<Ipv4Net> {
    let ip = |text: &str| text.parse::<Ipv4Addr>().unwrap();
    let mut builder = Pool::builder(net("10.0.0.0/24")).gateway(gateway);
    for (span, label) in reserve {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        builder = builder.reserve(ip(first)..=ip(last), *label);
    }
    builder
}

/// Reservations, their labels and the gateway change where no address is held; what is held stays.
#[test]
fn reservations_change_where_nobody_holds_an_address() {
    let ip = |host: u8| Ipv4Addr::new(10, 0, 0, host);
    for durability in Durability::ALL {
        let scratch = Scratch::new("reserve");
        let path = scratch.path("pool");
        let first = reserving(&[("10.0.0.50-10.0.0.59", "printers")], Gateway::First);
        let pool = first.clone().durability(durability).create(&path).unwrap();
        let held = pool.allocate_many(20).unwrap();
        let other = reserving(
            &[("10.0.0.55-10.0.0.99", "cameras"), ("10.0.0.200", "nas")],
            Gateway::Last,
        );
        let change = || other.clone().durability(durability);
        assert!(matches!(change().grow(&path), Err(OpenError::InUse)));
        drop(pool);
        let told = change().growth(&path).unwrap();
        // 60 to 99, 200, 254; and 1, 50 to 54.
        assert_eq!(
            (told.reserved, told.added, told.needs_more_room),
            (42, 6, false)
        );
        let pool = change().grow(&path).unwrap();
        assert_eq!(kind(&pool), RecoveryKind::Clean);
        assert_eq!(pool.iter().collect::<Vec<_>>(), held);
        assert_eq!(pool.status(ip(99)).label(), Some("cameras"));
        assert_eq!(pool.status(ip(254)).label(), Some("gateway"));
        let all = drain(&pool);
        assert!(all.contains(&ip(1)) && all.contains(&ip(54)));
        assert!(
            !all.iter()
                .any(|addr| [55, 99, 200, 254].map(ip).contains(addr))
        );
        assert_eq!(all.len(), 253 - 10 - 36 - 20);
        drop(pool);
        let pool = change().open(&path).unwrap();
        assert_eq!(kind(&pool), RecoveryKind::Clean);
        assert_eq!(pool.available(), 0);
        assert_eq!(hostbits::file::read(&path).unwrap().problems, []);
    }
}

/// A holder keeps its address: nothing is changed, and the address is named. What is quarantined may be held.
#[test]
fn an_address_that_may_be_held_is_not_reserved() {
    let scratch = Scratch::new("reserve-held");
    let (path, copy) = (scratch.path("pool"), scratch.path("copy"));
    let plain = || reserving(&[], Gateway::First);
    let pool = plain().create(&path).unwrap();
    pool.allocate_exact(Ipv4Addr::new(10, 0, 0, 55)).unwrap();
    drop(pool);
    hostbits::file::backup(&path, &copy).unwrap();
    let refused = |path: &std::path::Path, span: &str, addr: &str| {
        let before = read(path);
        let asked = || reserving(&[(span, "printers")], Gateway::First).in_file();
        for error in [
            asked().grow(path).unwrap_err(),
            asked().growth(path).unwrap_err(),
        ] {
            assert_eq!(error.code(), "geometry-mismatch");
            let text = error.to_string();
            let named = format!("allocated {addr} where a reserved address was asked for");
            assert!(text.contains(&named), "{text}");
        }
        before == read(path)
    };
    assert!(
        refused(&path, "10.0.0.50-10.0.0.59", "10.0.0.55"),
        "nothing was changed"
    );
    // As what it is, it is opened once, so that its words are known; then everything of it is quarantined.
    refused(&copy, "10.0.0.50-10.0.0.54", "10.0.0.50");
    // The gateway moves to an address that is free, and not elsewhere.
    let held = Gateway::At(Ipv4Addr::new(10, 0, 0, 55).into());
    let moved = reserving(&[], held).in_file().grow(&path);
    assert!(
        matches!(moved, Err(OpenError::GeometryMismatch { .. })),
        "{moved:?}"
    );
    assert!(plain().open(&path).is_ok());
}

/// For a file whose last process has died, an opening first finds out what is taken.
#[test]
fn a_crash_before_a_change_is_recovered_from_first() {
    let scratch = Scratch::new("reserve-crash");
    let path = scratch.path("pool");
    let pool = reserving(&[], Gateway::First).create(&path).unwrap();
    let held = pool.allocate_many(10).unwrap();
    let open = read(&path);
    drop(pool);
    put_back(&path, &open);
    let asked = |span| reserving(&[(span, "x")], Gateway::First).in_file();
    let refused = asked("10.0.0.5").grow(&path);
    assert!(
        matches!(refused, Err(OpenError::GeometryMismatch { .. })),
        "{refused:?}"
    );
    put_back(&path, &open);
    let pool = asked("10.0.0.50").grow(&path).unwrap();
    assert_eq!(pool.iter().collect::<Vec<_>>(), held);
    assert_eq!(pool.available(), 253 - 10 - 1);
    drop(pool);
    // A machine that went down: what was free is quarantined, and may have a holder.
    put_back(&path, &open);
    forget_the_boot(&path);
    let refused = asked("10.0.0.50").grow(&path);
    assert!(
        matches!(refused, Err(OpenError::GeometryMismatch { .. })),
        "{refused:?}"
    );
}

/// A range that would go, in part, is no reservation.
#[test]
fn addresses_are_reserved_and_never_lost() {
    let scratch = Scratch::new("reserve-lost");
    let path = scratch.path("pool");
    let ip = |host: u8| Ipv4Addr::new(10, 0, 0, host);
    let over = |ranges: &[(u8, u8)]| {
        let ranges = ranges.iter().map(|&(first, last)| ip(first)..=ip(last));
        Pool::<Ipv4Net>::over(ranges.collect::<Vec<_>>()).in_file()
    };
    drop(over(&[(10, 99)]).create(&path).unwrap());
    for ranges in [&[(10, 89)][..], &[(11, 99)], &[(10, 19), (30, 99)]] {
        let lost = over(ranges).grow(&path);
        assert!(
            matches!(lost, Err(OpenError::GeometryMismatch { .. })),
            "{ranges:?}"
        );
    }
}
