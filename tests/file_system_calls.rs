//! What a pool file asks of the system, in which order, and what happens when the system refuses or the
//! process dies at a certain call. By `strace`; without it these tests say so and do nothing.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/children.rs"]
mod children;
#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/skip.rs"]
mod skip;

use children::{command, role};
use hostbits::{
    AllocateError, AllocateExactError, Client, DualStack, Durability, FileRefusal, Gateway, Policy,
    Pool, PoolSet,
    file::{OpenError, RecoveryKind, SyncError},
    reconcile,
    set::{AllocatePairError, NewMember, StaticBand, SubPool, TwinPools},
};
use ipnet::Ipv4Net;
use ledger::Ledger;
use scratch::Scratch;
use skip::skip;
use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[test]
fn child() {
    let Some((role, argument)) = role() else {
        return;
    };
    let path = PathBuf::from(argument);
    match role.as_str() {
        "create" => drop(builder(Durability::Process).create(&path).unwrap()),
        "no-space" => no_space(&path),
        "fill-the-disk" => fill_the_disk(&path),
        "grow-a-copy" => grow_a_copy(&path),
        "without-proc" => without_proc(&path),
        "tell" => tell(&path),
        "limited-create" => assert!(is_too_large(builder(Durability::Process).create(&path))),
        "limited-open" => assert!(is_too_large(builder(Durability::Process).open(&path))),
        "read-only" => read_only(&path),
        "life" => life(&path),
        "grow" => drop(wide().grow(&path).unwrap()),
        "change" => drop(changed().grow(&path).unwrap()),
        "try-to-grow" => drop(wide().grow(&path)),
        "strict-failing" => strict_failing(&path),
        "strict-slow" => strict_slow(&path),
        "open" => drop(builder(Durability::Process).open(&path).unwrap()),
        "look" => drop(hostbits::file::read(&path).unwrap()),
        "failing-sync" => failing_sync(&path),
        "told" => told(&path),
        "open-and-close" => open_and_close(&path),
        other => panic!("no role {other}"),
    }
}

fn builder(durability: Durability) -> hostbits::file::Builder<Ipv4Net> {
    Pool::builder("10.0.0.0/24".parse::<Ipv4Net>().unwrap()).durability(durability)
}

/// What the file grows into.
fn wide() -> hostbits::file::Builder<Ipv4Net> {
    Pool::builder("10.0.0.0/22".parse::<Ipv4Net>().unwrap()).in_file()
}

/// What the file is changed into: other reservations, and another gateway.
fn changed() -> hostbits::file::Builder<Ipv4Net> {
    let pool = Pool::builder("10.0.0.0/24".parse::<Ipv4Net>().unwrap());
    let printers = Ipv4Addr::new(10, 0, 0, 220)..=Ipv4Addr::new(10, 0, 0, 229);
    pool.gateway(Gateway::Last)
        .reserve(printers, "printers")
        .in_file()
}

/// A child under `strace`, or nothing where there is none.
fn traced(options: &[&str], role: &str, path: &Path) -> Option<(Output, String)> {
    let log = path.with_extension("strace");
    let child = command(role, path.to_str().unwrap());
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-o", log.to_str().unwrap()])
        .args(options);
    strace.arg(child.get_program()).args(child.get_args());
    for (key, value) in child.get_envs() {
        strace.env(key, value.unwrap_or_default());
    }
    match strace.output() {
        Ok(output) if refuses_to_trace(&output) => {
            skip(String::from_utf8_lossy(&output.stderr));
            None
        }
        Ok(output) => {
            let calls = std::fs::read_to_string(&log).unwrap_or_default();
            let _ = std::fs::remove_file(&log);
            Some((output, calls))
        }
        Err(error) => {
            skip(format!("strace: {error}"));
            None
        }
    }
}

/// It says so itself, where the system does not let it.
fn refuses_to_trace(output: &Output) -> bool {
    let told = String::from_utf8_lossy(&output.stderr);
    told.contains("strace: ") && told.contains("ptrace") && told.contains("not permitted")
}

/// Allocate, write, sync, name, sync of the directory: in this order, and nothing is named before.
#[test]
fn a_file_is_whole_and_durable_before_it_has_a_name() {
    let scratch = Scratch::new("order");
    let path = scratch.path("pool");
    let calls = "trace=openat,fallocate,pwrite64,fsync,fdatasync,linkat,renameat2,ftruncate";
    let Some((output, log)) = traced(&["-e", calls], "create", &path) else {
        return;
    };
    assert!(output.status.success(), "{log}");
    let position = |what: &str| {
        let at = log.lines().position(|line| line.contains(what));
        at.unwrap_or_else(|| panic!("no {what} in\n{log}"))
    };
    let last_write_before = |limit| {
        let lines: Vec<_> = log.lines().take(limit).collect();
        lines
            .iter()
            .rposition(|line| line.contains("pwrite64"))
            .unwrap()
    };
    let (reserved, named) = (position("fallocate("), position("linkat("));
    let synced = position("fsync(");
    let written = last_write_before(named);
    assert!(
        reserved < written && written < synced && synced < named,
        "{log}"
    );
    let after: Vec<_> = log.lines().skip(named + 1).collect();
    assert!(
        after[0].contains("openat(") && after[0].contains("\"/"),
        "{log}"
    );
    assert!(after[1].contains("fsync("), "{log}");
    assert!(!log.contains("ftruncate("), "{log}");
    // Every byte, in writes of a page: the kernel keeps what is dirty by what was written.
    let writes: Vec<_> = log
        .lines()
        .take(named)
        .filter(|line| line.contains("pwrite64"))
        .collect();
    assert_eq!(writes.len(), 13, "52 KiB");
    assert!(writes.iter().all(|line| line.contains(", 4096, ")), "{log}");
}

fn no_space(path: &Path) {
    let created = builder(Durability::Process).create(path);
    assert!(matches!(created, Err(OpenError::NoSpace)), "{created:?}");
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 0, "nothing is left");
}

/// What a mount that is not allowed ends with.
const NOT_ALLOWED: i32 = 77;

/// A child in a mount namespace of its own, with a file system in memory at `mount`.
fn with_a_mount(options: &str, mount: &Path, role: &str, path: &Path) {
    let child = command(role, path.to_str().unwrap());
    let mut unshare = Command::new("unshare");
    let script =
        format!("mount -t tmpfs {options} tmpfs \"$0\" || exit {NOT_ALLOWED}; exec \"$@\"");
    unshare.args(["-Urm", "sh", "-c", &script]).arg(mount);
    unshare.arg(child.get_program()).args(child.get_args());
    for (key, value) in child.get_envs() {
        unshare.env(key, value.unwrap_or_default());
    }
    match unshare.output() {
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(NOT_ALLOWED) => skip(told),
                Some(1) if told.starts_with("unshare: ") => skip(told),
                _ => assert!(output.status.success(), "{output:?}"),
            }
        }
        Err(error) => skip(format!("unshare: {error}")),
    }
}

/// Runs a child like `with_a_mount`, on a disk of this size that holds the child's file.
fn on_a_small_disk(size: &str, role: &str, mount: &Path) {
    std::fs::create_dir(mount).unwrap();
    with_a_mount(&format!("-o size={size}"), mount, role, &mount.join("pool"));
}

/// E1: a full disk is an error, and leaves no file.
#[test]
fn a_full_disk_leaves_nothing() {
    let scratch = Scratch::new("full");
    on_a_small_disk("32k", "no-space", &scratch.path("small"));
}

/// Takes what is left of the disk, and then everything of the pool.
fn fill_the_disk(path: &Path) {
    let builder = Pool::builder("10.0.0.0/16".parse::<Ipv4Net>().unwrap());
    let pool = builder.create(path).unwrap();
    let mut filler = std::fs::File::create(path.with_extension("filler")).unwrap();
    while std::io::Write::write_all(&mut filler, &[1; 4096]).is_ok() {}
    assert_eq!(std::iter::from_fn(|| pool.allocate().ok()).count(), 65_533);
    let all: Vec<_> = pool.iter().collect();
    assert_eq!(pool.release_many(&all).released, 65_533);
    let held = pool.allocate().unwrap();
    pool.sync().unwrap();
    drop(pool);
    let pool = builder.open(path).unwrap();
    assert!(pool.iter().eq([held]));
    drop(pool);
    // A larger file has no room: the old one stays, and nothing beside it.
    let wider = Pool::builder("10.0.0.0/15".parse::<Ipv4Net>().unwrap()).in_file();
    assert!(matches!(wider.grow(path), Err(OpenError::NoSpace)));
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 2, "the pool and the filler");
    assert!(builder.open(path).unwrap().iter().eq([held]));
}

/// E2: a disk that becomes full later is no matter to a file that is there, down to its last address.
#[test]
fn a_disk_that_becomes_full_harms_no_pool() {
    let scratch = Scratch::new("fills");
    on_a_small_disk("256k", "fill-the-disk", &scratch.path("small"));
}

/// Grows a copy that has holes, and whose file system has nothing to fill them with.
fn grow_a_copy(path: &Path) {
    let narrow = Pool::builder("10.0.0.0/20".parse::<Ipv4Net>().unwrap()).in_file();
    let wide = Pool::builder("10.0.0.0/13".parse::<Ipv4Net>().unwrap()).in_file();
    let whole = path.with_extension("whole");
    let pool = narrow.clone().capacity(1 << 19).create(&whole).unwrap();
    let held = pool.allocate_many(20).unwrap();
    drop(pool);
    let copied = Command::new("cp")
        .arg("--sparse=always")
        .args([&whole, path])
        .status();
    assert!(copied.unwrap().success());
    std::fs::remove_file(&whole).unwrap();
    let metadata = std::fs::metadata(path).unwrap();
    let blocks = std::os::unix::fs::MetadataExt::blocks(&metadata);
    assert!(blocks * 512 < metadata.len() / 2, "it has no holes");
    let filler = path.with_extension("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
    drop(file);
    let before = std::fs::read(path).unwrap();
    assert!(matches!(wide.grow(path), Err(OpenError::NoSpace)));
    let opened = narrow.open(path);
    assert!(matches!(opened, Err(OpenError::NoSpace)), "{opened:?}");
    assert!(
        before == std::fs::read(path).unwrap(),
        "nothing was changed"
    );
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 2, "the pool and the filler");
    std::fs::remove_file(filler).unwrap();
    let pool = wide.grow(path).unwrap();
    // A copy is not believed: what is not held is to be reclaimed.
    assert_eq!(pool.available(), 0);
    let list: Vec<_> = held.iter().map(ToString::to_string).collect();
    let _ = pool.reclaim(&list).unwrap();
    let all = std::iter::from_fn(|| pool.allocate().ok()).count();
    assert_eq!(all, (1 << 19) - 3 - held.len());
}

/// E2: a growth of a file that has fewer blocks than bytes. Without room it is an error, and not a signal in a
/// later allocation.
#[test]
fn a_copy_with_holes_does_not_grow_on_a_full_disk() {
    let scratch = Scratch::new("holes");
    on_a_small_disk("400k", "grow-a-copy", &scratch.path("small"));
}

/// Everything that can be done to a file.
fn without_proc(path: &Path) {
    assert!(!Path::new("/proc/self").exists());
    let builder = builder(Durability::Barrier);
    let held = builder.create(path).unwrap().allocate().unwrap();
    let again = builder.create(path);
    assert!(matches!(again, Err(OpenError::AlreadyExists)), "{again:?}");
    assert!(hostbits::file::read(path).unwrap().problems.is_empty());
    assert!(builder.open(path).unwrap().iter().eq([held]));
    // Who dies with it there: no boot has a name, so what is believed is what was synced.
    let larger = wide().grow(path).unwrap();
    assert!(larger.iter().eq([held]));
    let copy = path.with_extension("copy");
    hostbits::file::backup(path, &copy).unwrap();
    drop(larger);
    hostbits::file::restore(&copy, path, 0).unwrap();
    let pool = wide().open(path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Backup);
    assert!(!pool.is_available(held));
    let nowhere = path.with_file_name("nowhere").join("pool");
    let Err(OpenError::Io { error, .. }) = builder.create(&nowhere) else {
        panic!("created in a directory that is not there");
    };
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 2, "the pool and its copy");
}

/// X5: a container without `/proc`. A file is made with a name that it does not keep, where it has none elsewhere.
#[test]
fn without_proc_everything_works() {
    let scratch = Scratch::new("proc");
    let path = scratch.path("pool");
    with_a_mount("", Path::new("/proc"), "without-proc", &path);
}

/// What an opening, or else a creation, has to say.
fn tell(path: &Path) {
    let builder = builder(Durability::Process);
    let opened = match path.exists() {
        true => builder.open(path),
        false => builder.create(path),
    };
    let told = match &opened {
        Ok(_) => "ready".to_owned(),
        Err(OpenError::CopyOnWrite { why }) => (*why).to_owned(),
        Err(error) => error.to_string(),
    };
    std::fs::write(path.with_extension("told"), told).unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// File systems that are not here, and kernels: by what their calls would say. One that cannot be trusted with a
/// full disk is refused, with its own reason, and nothing is left of the file.
#[test]
fn what_other_file_systems_say_is_believed() {
    let is_on = |magic: u64| {
        format!(
            "inject=fstatfs:poke_exit=@arg2={}",
            hex(&magic.to_le_bytes())
        )
    };
    let (btrfs, xfs, zfs, overlay) = (
        is_on(0x9123_683e),
        is_on(0x5846_5342),
        is_on(0x2fc1_2fc1),
        is_on(0x794c_7630),
    );
    // Every question about flags is answered "no copy-on-write", every one about blocks "there are none".
    let marked = format!(
        "inject=ioctl:retval=0:poke_exit=@arg3={}",
        hex(&0x0080_0000u32.to_le_bytes())
    );
    let kernel = |release: &str| {
        let mut name = vec![0; 130];
        name.extend(release.bytes());
        name.push(0);
        format!("inject=uname:poke_exit=@arg1={}", hex(&name))
    };
    let (old, new) = (kernel("6.9.0"), kernel("6.17.0"));
    // One extent, the last one: with or without a place, of this file alone or not.
    let extent = |flags: u32, when: &str| {
        let mut map = [0u8; 32 + 56];
        map[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        map[20..24].copy_from_slice(&1u32.to_le_bytes());
        map[24..28].copy_from_slice(&64u32.to_le_bytes());
        map[40..48].copy_from_slice(&(1u64 << 30).to_le_bytes());
        map[48..56].copy_from_slice(&(1u64 << 20).to_le_bytes());
        map[72..76].copy_from_slice(&(flags | 1).to_le_bytes());
        format!(
            "inject=ioctl:retval=0:poke_exit=@arg3={}:when={when}",
            hex(&map)
        )
    };
    // Every look at a file asks for its flags first; overwriting something looks twice for its place alone.
    let (own, shared, nowhere) = (extent(0, "2+2"), extent(0x2000, "2+2"), extent(2, "2+1"));
    let no = |call: &str, error: &str| format!("inject={call}:error={error}");
    let untold = no("ioctl", "EOPNOTSUPP");
    let unreserved = no("fallocate", "EOPNOTSUPP");
    let cases: [(&str, &[&String], &str); 17] = [
        ("xfs", &[&xfs], "ready"),
        ("xfs, its own blocks", &[&xfs, &own], "ready"),
        ("xfs, shared", &[&xfs, &shared], "its blocks are shared"),
        ("xfs, does not say", &[&xfs, &untold], "does not say where"),
        (
            "xfs, on zones",
            &[&xfs, &unreserved],
            "every change to a new place",
        ),
        ("zfs", &[&zfs], "every change to a new place"),
        ("btrfs, no mark", &[&btrfs, &untold], "is not marked"),
        ("btrfs, old", &[&btrfs, &marked, &old], "before Linux 6.17"),
        (
            "btrfs, quota",
            &[&btrfs, &marked, &new],
            "quotas with limits",
        ),
        ("overlay", &[&overlay], "ready"),
        (
            "overlay of btrfs",
            &[&overlay, &marked],
            "quotas with limits",
        ),
        (
            "overlay, no place",
            &[&overlay, &nowhere],
            "does not say where",
        ),
        (
            "overlay, shared",
            &[&overlay, &shared],
            "its blocks are shared",
        ),
        // Kernels that do not know a call, and what a full disk says to who asks for blocks.
        ("no statx", &[&no("statx", "ENOSYS")], "ready"),
        ("no populate", &[&no("madvise", "EINVAL")], "ready"),
        (
            "no attributes",
            &[
                &no("fsetxattr", "EOPNOTSUPP"),
                &no("fgetxattr", "EOPNOTSUPP"),
            ],
            "ready",
        ),
        ("full", &[&no("fallocate", "ENOSPC")], "no space"),
    ];
    let scratch = Scratch::new("other");
    for (what, injected, expected) in cases {
        for is_there in [false, true] {
            if !is_there && injected.contains(&&nowhere) {
                // Two looks in a row, each with a question about flags.
                continue;
            }
            let path = scratch.path("pool");
            if is_there {
                drop(builder(Durability::Process).create(&path).unwrap());
            }
            let mut options = vec![
                "-e",
                "trace=fstatfs,ioctl,uname,fallocate,statx,madvise,fsetxattr,fgetxattr",
            ];
            options.extend(injected.iter().flat_map(|it| ["-e", it.as_str()]));
            let Some((output, log)) = traced(&options, "tell", &path) else {
                return;
            };
            assert!(output.status.success(), "{what}: {output:?}");
            let told = std::fs::read_to_string(path.with_extension("told")).unwrap();
            assert!(told.contains(expected), "{what}, {is_there}: {told}\n{log}");
            let is_left = is_there || told == "ready";
            assert_eq!(scratch.names().len(), 1 + usize::from(is_left), "{what}");
            for name in scratch.names() {
                std::fs::remove_file(scratch.path(&name)).unwrap();
            }
        }
    }
}

/// Where nothing may be written, a pool can be looked at, and no more.
fn read_only(path: &Path) {
    let builder = builder(Durability::Process);
    let held = builder.create(path).unwrap().allocate().unwrap();
    let mount = path.parent().unwrap();
    let remounted = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(mount)
        .status();
    assert!(remounted.unwrap().success());
    for opened in [
        builder.open(path),
        builder.open_or_create(path),
        wide().grow(path),
    ] {
        match opened.unwrap_err() {
            OpenError::Io { error, .. } => {
                assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
            }
            other => panic!("{other:?}"),
        }
    }
    let view = hostbits::file::read(path).unwrap();
    assert!(view.snapshot.iter().eq([std::net::IpAddr::from(held)]));
}

/// X2: a read-only mount.
#[test]
fn a_read_only_disk_can_be_looked_at() {
    let scratch = Scratch::new("ro");
    on_a_small_disk("256k", "read-only", &scratch.path("small"));
}

/// E3: a file system that cannot reserve blocks has them written, and an interrupted call is made again.
#[test]
fn blocks_that_cannot_be_reserved_are_written() {
    let scratch = Scratch::new("fallocate");
    for error in ["EOPNOTSUPP", "EINTR"] {
        let path = scratch.path(error);
        let inject = format!("inject=fallocate:error={error}:when=1");
        let Some((output, log)) =
            traced(&["-e", "trace=fallocate", "-e", &inject], "create", &path)
        else {
            return;
        };
        assert!(output.status.success(), "{output:?}");
        assert_eq!(log.matches("INJECTED").count(), 1, "{log}");
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.len(), 52 << 10);
        let blocks = std::os::unix::fs::MetadataExt::blocks(&metadata);
        assert!(blocks * 512 >= metadata.len(), "it has holes");
        assert_eq!(
            builder(Durability::Process)
                .open(&path)
                .unwrap()
                .available(),
            253
        );
    }
}

/// Opens or creates, takes addresses, syncs, gives some back, closes. Writes down what it holds.
fn life(path: &Path) {
    let ledger = Ledger::open(&path.with_extension("ledger"), 256);
    let pool = builder(Durability::Barrier).open_or_create(path).unwrap();
    for round in 0..3 {
        let addr = pool.allocate().unwrap();
        ledger.take(pool.slot_of(addr).unwrap(), 1).unwrap();
        let many = pool.allocate_many(3).unwrap();
        for &addr in &many {
            ledger.take(pool.slot_of(addr).unwrap(), 1).unwrap();
        }
        if round == 1 {
            pool.sync().unwrap();
        }
        ledger.give(pool.slot_of(many[0]).unwrap(), 1).unwrap();
        pool.release(many[0]).unwrap();
    }
}

/// C3: killed at the n-th call of every kind that matters, from creation to close. The next one opens the
/// file, or finds none and nothing left of it; what was held is held.
#[test]
fn killed_at_any_system_call() {
    let scratch = Scratch::new("calls");
    let mut kills = 0;
    let calls = [
        "fallocate",
        "pwrite64",
        "fsync",
        "fdatasync",
        "linkat",
        "fcntl",
        "mmap",
        "msync",
        "munmap",
        "statx",
        "newfstatat",
        "madvise",
    ];
    for call in calls {
        for when in 1.. {
            let path = scratch.path(&format!("{call}-{when}"));
            let ledger = Ledger::open(&path.with_extension("ledger"), 256);
            let inject = format!("inject={call}:signal=SIGKILL:when={when}");
            let trace = format!("trace={call}");
            let Some((output, _)) = traced(&["-e", &trace, "-e", &inject], "life", &path) else {
                return;
            };
            let killed = output.status.signal() == Some(9) || output.status.code() == Some(137);
            assert!(
                killed || output.status.success(),
                "{call} {when}: {output:?}"
            );
            let pool = builder(Durability::Barrier).open_or_create(&path).unwrap();
            let held = ledger.held(256);
            for &slot in &held {
                let addr = pool.addr_of(slot).unwrap();
                let again = pool.allocate_exact(addr);
                let taken = matches!(again, Err(AllocateExactError::AlreadyAllocated { .. }));
                assert!(taken, "{call} {when}: {addr} was held: {again:?}");
            }
            let leaked = pool.allocated() - held.len() as u64;
            assert!(leaked <= 3, "{call} {when}: {leaked} leaked");
            drop(pool);
            let strays = scratch
                .names()
                .into_iter()
                .filter(|name| name.ends_with(".tmp"));
            assert_eq!(strays.count(), 0, "{call} {when}");
            // Calls of the program's start and of its threads come first: enough is enough.
            if !killed || when > 60 {
                break;
            }
            kills += 1;
        }
    }
    println!("{kills} kills");
    assert!(kills > 50);
}

/// G2: killed at every call of a growth, in place or by a larger file. Old or new, and what is held is held;
/// the next one who grows it has all of it, and nothing is left beside it.
#[test]
fn killed_in_a_growth() {
    let scratch = Scratch::new("growth");
    let mut kills = 0;
    let in_place = ["pwrite64", "fdatasync", "pread64"];
    let by_a_larger_file = [
        "pwrite64",
        "fdatasync",
        "pread64",
        "fallocate",
        "fsync",
        "linkat",
        "rename",
        "fcntl",
        "mmap",
    ];
    let cases = in_place.map(|call| (call, 1024)).into_iter();
    for (call, capacity) in cases.chain(by_a_larger_file.map(|call| (call, 0))) {
        for when in 1.. {
            let path = scratch.path(&format!("{call}-{capacity}-{when}"));
            let builder = builder(Durability::Process);
            let pool = builder.clone().capacity(capacity).create(&path).unwrap();
            let held = pool.allocate_many(200).unwrap();
            drop(pool);
            let inject = format!("inject={call}:signal=SIGKILL:when={when}");
            let trace = format!("trace={call}");
            let Some((output, _)) = traced(&["-e", &trace, "-e", &inject], "grow", &path) else {
                return;
            };
            let killed = !output.status.success();
            let what = format!("{call} {when}, capacity {capacity}");
            let pool = match builder.open(&path) {
                Ok(old) => {
                    assert_eq!(old.available(), 53, "{what}");
                    assert!(old.iter().eq(held.iter().copied()), "{what}");
                    drop(old);
                    wide().grow(&path).unwrap()
                }
                Err(OpenError::GeometryMismatch { .. }) => wide().open(&path).unwrap(),
                Err(other) => panic!("{what}: {other:?}"),
            };
            assert!(pool.iter().eq(held.iter().copied()), "{what}");
            assert_eq!(pool.available(), 1021 - 200, "{what}");
            drop(pool);
            assert_eq!(
                wide().open(&path).unwrap().available(),
                1021 - 200,
                "{what}"
            );
            let names = scratch.names();
            let strays: Vec<_> = names.iter().filter(|name| name.ends_with(".tmp")).collect();
            // Named, and not yet renamed: of no harm, and gone with the next one that is needed.
            let is_named = call == "rename" && killed;
            assert!(strays.is_empty() || is_named, "{what}: {names:?}");
            std::fs::remove_file(&path).unwrap();
            let _ =
                std::fs::remove_file(scratch.path(&format!(".{call}-{capacity}-{when}.grown.tmp")));
            if !killed || when > 60 {
                break;
            }
            kills += 1;
        }
    }
    println!("{kills} kills");
    assert!(kills > 60);
}

/// Content, sync, name, sync of the directory, and only then is the old file made unusable.
#[test]
fn a_larger_file_is_durable_before_it_takes_the_name() {
    let scratch = Scratch::new("larger");
    let path = scratch.path("pool");
    drop(builder(Durability::Process).create(&path).unwrap());
    let calls = "trace=openat,fallocate,pwrite64,fsync,linkat,rename";
    let Some((output, log)) = traced(&["-e", calls], "grow", &path) else {
        return;
    };
    assert!(output.status.success(), "{log}");
    let lines: Vec<_> = log.lines().collect();
    let after = |from: usize, what: &str| {
        let at = lines[from..].iter().position(|line| line.contains(what));
        from + at.unwrap_or_else(|| panic!("no {what} after line {from} of\n{log}"))
    };
    let made = after(0, "O_TMPFILE");
    let named = after(made, "linkat(");
    let synced = after(made, "fsync(");
    let renamed = after(named, "rename(");
    let directory = after(renamed, "fsync(");
    let retired = after(renamed, "pwrite64(");
    assert!(synced < named && directory < retired, "{log}");
    let written = lines[..named]
        .iter()
        .rposition(|line| line.contains("pwrite64("));
    assert!(written.unwrap() < synced, "{log}");
    assert!(!log.contains("ftruncate("), "{log}");
}

/// A change of reservations that is cut off anywhere leaves the old pool or the new one: no reserved address is
/// handed out, no held one is lost, and the file is as good as before.
#[test]
fn killed_in_a_change_of_reservations() {
    let scratch = Scratch::new("change");
    let mut kills = 0;
    for call in [
        "pwrite64",
        "fdatasync",
        "pread64",
        "fsetxattr",
        "fsync",
        "fcntl",
        "mmap",
    ] {
        for when in 1.. {
            let path = scratch.path(&format!("{call}-{when}"));
            let builder = builder(Durability::Process);
            let pool = builder.create(&path).unwrap();
            let held = pool.allocate_many(200).unwrap();
            drop(pool);
            let inject = format!("inject={call}:signal=SIGKILL:when={when}");
            let trace = format!("trace={call}");
            let Some((output, _)) = traced(&["-e", &trace, "-e", &inject], "change", &path) else {
                return;
            };
            let killed = !output.status.success();
            let what = format!("{call} {when}");
            let pool = match builder.open(&path) {
                Ok(old) => {
                    assert_eq!(old.available(), 53, "{what}");
                    assert!(old.iter().eq(held.iter().copied()), "{what}");
                    drop(old);
                    changed().grow(&path).unwrap()
                }
                Err(OpenError::GeometryMismatch { .. }) => changed().open(&path).unwrap(),
                Err(other) => panic!("{what}: {other:?}"),
            };
            assert!(pool.iter().eq(held.iter().copied()), "{what}");
            // The gateway that was, and without the printers and the gateway that is.
            assert_eq!(pool.available(), 53 + 1 - 10 - 1, "{what}");
            let quarantined = pool.recovery().unwrap().quarantined;
            assert_eq!(quarantined, 0, "{what}");
            let taken: Vec<_> = std::iter::from_fn(|| pool.allocate().ok()).collect();
            assert_eq!(taken.len(), 53 + 1 - 10 - 1, "{what}");
            let is_reserved = |addr: &Ipv4Addr| (220..=229).contains(&addr.octets()[3]);
            assert!(!taken.iter().any(is_reserved), "{what}");
            drop(pool);
            let view = hostbits::file::read(&path).unwrap();
            assert_eq!(view.problems, [], "{what}");
            std::fs::remove_file(&path).unwrap();
            if !killed || when > 60 {
                break;
            }
            kills += 1;
        }
    }
    println!("{kills} kills");
    assert!(kills > 20);
}

/// A sync that fails in a growth is like any other: not tried again, reported, and remembered, though no process
/// has the file mapped. What dead processes had claimed may be among what the kernel gave up.
#[test]
fn a_failed_sync_in_a_growth_is_not_forgotten() {
    let scratch = Scratch::new("growth-eio");
    for when in 1..=5 {
        let path = scratch.path(&format!("in-place-{when}"));
        let builder = builder(Durability::Barrier);
        let pool = builder.clone().capacity(1024).create(&path).unwrap();
        let held = pool.allocate_many(20).unwrap();
        drop(pool);
        let inject = format!("inject=fdatasync:error=EIO:when={when}");
        let options = ["-e", "trace=fdatasync", "-e", &inject];
        let Some((_, log)) = traced(&options, "try-to-grow", &path) else {
            return;
        };
        assert_eq!(log.matches("INJECTED").count(), 1, "{log}");
        assert_eq!(
            log.matches("fdatasync(").count(),
            when,
            "nothing is tried again: {log}"
        );
        let pool = match builder.open(&path) {
            Err(OpenError::GeometryMismatch { .. }) => wide().open(&path).unwrap(),
            opened => opened.unwrap(),
        };
        let kind = pool.recovery().unwrap().kind;
        assert_eq!(kind, RecoveryKind::WriteFailed, "sync {when}");
        assert_eq!(pool.available(), 0, "sync {when}");
        let list: Vec<_> = held.iter().map(ToString::to_string).collect();
        let _ = pool.reclaim(&list).unwrap();
        assert_eq!(pool.iter().collect::<Vec<_>>(), held);
    }
}

/// The same where a larger file is made: the old one is there as it was, and nothing beside it.
#[test]
fn a_failed_sync_of_a_larger_file_leaves_the_old_one() {
    // The first two are of the witness of the old file, whose sync has failed then; the third of the new one.
    for (when, expected) in [
        (1, RecoveryKind::WriteFailed),
        (2, RecoveryKind::WriteFailed),
        (3, RecoveryKind::Clean),
    ] {
        let scratch = Scratch::new("larger-eio");
        let path = scratch.path("pool");
        let builder = builder(Durability::Barrier);
        let pool = builder.create(&path).unwrap();
        let held = pool.allocate_many(20).unwrap();
        drop(pool);
        let inject = format!("inject=fsync:error=EIO:when={when}");
        let options = ["-e", "trace=fsync", "-e", &inject];
        let Some((_, log)) = traced(&options, "try-to-grow", &path) else {
            return;
        };
        assert_eq!(log.matches("fsync(").count(), when, "{log}");
        assert_eq!(scratch.names(), ["pool"]);
        let pool = builder.open(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, expected);
        assert!(held.iter().all(|&addr| pool.release(addr).is_ok()));
    }
}

/// Killed at every call of an opening that repairs a header: one copy is whole at every instant.
#[test]
fn killed_in_a_repair() {
    let scratch = Scratch::new("repair");
    let mut kills = 0;
    for call in ["pwrite64", "fdatasync"] {
        for when in 1.. {
            let path = scratch.path(&format!("{call}-{when}"));
            let pool = builder(Durability::Barrier).create(&path).unwrap();
            let held = pool.allocate().unwrap();
            drop(pool);
            scratch::overwrite(&path, 0, &[0; 512]);
            let inject = format!("inject={call}:signal=SIGKILL:when={when}");
            let trace = format!("trace={call}");
            let options = ["-e", &trace, "-e", &inject];
            let Some((output, _)) = traced(&options, "open-and-close", &path) else {
                return;
            };
            let pool = builder(Durability::Barrier).open(&path).unwrap();
            assert!(pool.iter().any(|addr| addr == held), "{call} {when}");
            let problems = hostbits::file::read(&path).unwrap().problems;
            assert_eq!(problems, [], "{call} {when}: it is whole again");
            if output.status.success() {
                break;
            }
            kills += 1;
        }
    }
    println!("{kills} kills");
    assert!(kills >= 6);
}

/// The process that gave a file its name may have died before the name was durable: the first opener sees to that,
/// and no later one needs to.
#[test]
fn the_first_opener_of_a_name_makes_it_durable() {
    let scratch = Scratch::new("name");
    for (role, capacity) in [("create", None), ("grow", Some(0))] {
        let path = scratch.path(role);
        if let Some(capacity) = capacity {
            drop(
                builder(Durability::Process)
                    .capacity(capacity)
                    .create(&path)
                    .unwrap(),
            );
        }
        // The last sync before it is of the content, this one of the directory. Before a growth, the witness of
        // the old file, twice.
        let when = if role == "grow" { 4 } else { 2 };
        let inject = format!("inject=fsync:signal=SIGKILL:when={when}");
        let options = ["-e", "trace=fsync", "-e", &inject];
        let Some((output, _)) = traced(&options, role, &path) else {
            return;
        };
        assert!(!output.status.success());
        let syncs = |role| {
            let (output, log) = traced(&["-e", "trace=fsync"], role, &path).unwrap();
            assert!(output.status.success(), "{output:?}");
            log.matches("fsync(").count()
        };
        let open = if role == "grow" { "grow" } else { "open" };
        // Two are of the witness, at either end.
        assert_eq!(syncs(open), 3, "{role}");
        assert_eq!(syncs(open), 2, "{role}");
    }
}

/// A look needs no more than the right to read, takes no lock and writes nothing.
#[test]
fn a_look_only_reads() {
    let scratch = Scratch::new("look");
    let path = scratch.path("pool");
    let _pool = builder(Durability::Barrier).create(&path).unwrap();
    let calls = "trace=openat,fcntl,pwrite64,write,mmap,fallocate,fsync,fdatasync,msync";
    let Some((output, log)) = traced(&["-e", calls], "look", &path) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let name = path.to_str().unwrap();
    let begin = log.lines().position(|line| line.contains(name)).unwrap();
    // That it has no lock when it closes the file is said to the system, too.
    let takes_none = |line: &&str| !line.contains("F_UNLCK");
    let lines: Vec<_> = log.lines().skip(begin).filter(takes_none).collect();
    assert!(lines[0].contains("O_RDONLY"), "{log}");
    for never in [
        "F_OFD_SETLK",
        "pwrite64(",
        "fallocate(",
        "sync(",
        "MAP_SHARED",
    ] {
        assert!(
            !lines.iter().any(|line| line.contains(never)),
            "{never}: {log}"
        );
    }
    assert!(log.contains("F_OFD_GETLK"), "who is there is asked: {log}");
}

const SHOWN: usize = 0;
const SEEN: usize = 1;
const REFUSED: usize = 2;

fn wait(ledger: &Ledger, counter: usize, value: u64) {
    let started = Instant::now();
    while ledger.counter(counter).load(Ordering::SeqCst) < value {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "counter {counter}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Its first write to the disk fails.
fn failing_sync(path: &Path) {
    let ledger = Ledger::open(&path.with_extension("ledger"), 256);
    let pool = builder(Durability::Barrier).open(path).unwrap();
    let held = pool.allocate().unwrap();
    ledger.take(pool.slot_of(held).unwrap(), 1).unwrap();
    assert_eq!(
        pool.sync(),
        Err(SyncError::File(FileRefusal::SyncFailed { errno: 5 }))
    );
    assert_eq!(
        pool.sync(),
        Err(SyncError::File(FileRefusal::Poisoned { errno: 5 })),
        "there is no second attempt"
    );
    assert!(matches!(
        pool.allocate(),
        Err(AllocateError::File(FileRefusal::Poisoned { errno: 5 }))
    ));
    ledger.counter(SHOWN).store(1, Ordering::SeqCst);
    wait(&ledger, SEEN, 1);
}

/// S1 and S2: a failed sync poisons the pool in every process; releases and questions go on; the last one
/// out leaves it as it is; when all have closed it, it opens again, and believes nothing that was free.
#[test]
fn a_failed_sync_poisons_everybody_and_the_next_opener_recovers() {
    let scratch = Scratch::new("eio");
    let path = scratch.path("pool");
    let pool = builder(Durability::Barrier).create(&path).unwrap();
    let ours = pool.allocate_many(2).unwrap();
    let ledger = Ledger::open(&path.with_extension("ledger"), 256);
    std::thread::scope(|scope| {
        let child = scope.spawn(|| {
            let inject = "inject=msync:error=EIO:when=1";
            traced(&["-e", "trace=msync", "-e", inject], "failing-sync", &path)
        });
        while !child.is_finished() && ledger.counter(SHOWN).load(Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        if ledger.counter(SHOWN).load(Ordering::SeqCst) == 1 {
            assert_eq!(pool.health().unwrap().poison, Some(5));
            assert!(matches!(
                pool.allocate(),
                Err(AllocateError::File(FileRefusal::Poisoned { errno: 5 }))
            ));
            assert!(matches!(
                pool.allocate_many(2),
                Err(AllocateError::File(FileRefusal::Poisoned { .. }))
            ));
            assert!(matches!(
                pool.allocate_block(28),
                Err(AllocateError::File(FileRefusal::Poisoned { .. }))
            ));
            assert!(matches!(
                pool.allocate_exact("10.0.0.99".parse().unwrap()),
                Err(AllocateExactError::File(FileRefusal::Poisoned { .. }))
            ));
            assert_eq!(
                pool.allocate_into(&mut [std::net::Ipv4Addr::UNSPECIFIED; 9]),
                0
            );
            assert!(pool.local().allocate().is_err());
            assert_eq!(
                pool.sync(),
                Err(SyncError::File(FileRefusal::Poisoned { errno: 5 }))
            );
            assert!(matches!(
                builder(Durability::Barrier).open(&path),
                Err(OpenError::Poisoned)
            ));
            assert_eq!(pool.allocated(), 3, "what was refused was given back");
            pool.release(ours[0]).unwrap();
            assert_eq!(pool.allocated(), 2);
        }
        ledger.counter(SEEN).store(1, Ordering::SeqCst);
        if let Some((output, _)) = child.join().unwrap() {
            assert!(output.status.success(), "{output:?}");
        }
    });
    if pool.health().unwrap().poison.is_none() {
        return;
    }
    drop(pool);
    let view = hostbits::file::read(&path).unwrap();
    assert!(!view.is_left_in_order, "the poison is another process's");
    let pool = builder(Durability::Barrier).open(&path).unwrap();
    let kind = pool.recovery().unwrap().kind;
    assert_eq!(kind, RecoveryKind::WriteFailed, "memory may be stale");
    let health = pool.health().unwrap();
    assert_eq!((health.poison, health.quarantined), (None, 251));
    assert!(pool.allocate().is_err());
    let mut expected: Vec<_> = ledger
        .held(256)
        .into_iter()
        .map(|slot| pool.addr_of(slot).unwrap())
        .collect();
    expected.push(ours[1]);
    expected.sort();
    let list: Vec<_> = expected.iter().map(ToString::to_string).collect();
    assert_eq!(pool.reclaim(&list).unwrap().freed, 251);
    assert_eq!(pool.iter().collect::<Vec<_>>(), expected);
    pool.allocate().unwrap();
    drop(pool);
    let pool = builder(Durability::Barrier).open(&path).unwrap();
    assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
}

/// 64 callers that wait for the disk, whose first write fails.
fn strict_failing(path: &Path) {
    let ledger = Ledger::open(&path.with_extension("ledger"), 256);
    let pool = builder(Durability::Strict).open(path).unwrap();
    let start = std::sync::Barrier::new(64);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                start.wait();
                let counter = match pool.allocate() {
                    Ok(_) => SHOWN,
                    Err(AllocateError::File(FileRefusal::SyncFailed { errno: 5 })) => SEEN,
                    Err(AllocateError::File(FileRefusal::Poisoned { errno: 5 })) => REFUSED,
                    Err(other) => panic!("{other}"),
                };
                ledger.counter(counter).fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    assert_eq!(pool.allocated(), 0, "what was refused was given back");
}

type Refused = fn(Arc<Pool<Ipv4Net>>) -> Result<(), AllocateError>;

fn alone(pool: Arc<Pool<Ipv4Net>>) -> PoolSet<Ipv4Net> {
    PoolSet::new([pool]).unwrap()
}

/// With a band, so that it goes by parts.
fn banded(pool: Arc<Pool<Ipv4Net>>) -> PoolSet<Ipv4Net> {
    let member = NewMember::new(pool).band(StaticBand::Lowest(4));
    PoolSet::builder().member(member).build().unwrap()
}

const CLIENT: Client = Client::from_hash(u64::MAX / 2);
const NEAR: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 9);

/// Verbs that wait for the disk, by a name for their file.
const WAITING: [(&str, Refused); 21] = [
    ("any", |pool| pool.allocate().map(drop)),
    ("many", |pool| pool.allocate_many(3).map(drop)),
    ("block", |pool| pool.allocate_block(30).map(drop)),
    ("near", |pool| pool.allocate_preferring(NEAR).map(drop)),
    ("part", |pool| pool.allocate_in(NEAR..=NEAR).map(drop)),
    ("for", |pool| pool.allocate_for(CLIENT).map(drop)),
    ("local", |pool| pool.local().allocate().map(drop)),
    ("tenant", |pool| {
        let tenant = SubPool::new("blue", pool, NEAR..=NEAR, Policy::Lowest);
        tenant.unwrap().allocate().map(drop)
    }),
    ("set", |pool| alone(pool).allocate().map(drop)),
    ("set-net", |pool| alone(pool).allocate_net().map(drop)),
    ("set-near", |pool| {
        alone(pool).allocate_preferring(NEAR).map(drop)
    }),
    ("set-for", |pool| alone(pool).allocate_for(CLIENT).map(drop)),
    ("set-many", |pool| alone(pool).allocate_many(3).map(drop)),
    ("set-block", |pool| alone(pool).allocate_block(30).map(drop)),
    ("band", |pool| banded(pool).allocate().map(drop)),
    ("band-for", |pool| {
        banded(pool).allocate_for(CLIENT).map(drop)
    }),
    ("band-many", |pool| banded(pool).allocate_many(3).map(drop)),
    ("band-block", |pool| {
        banded(pool).allocate_block(30).map(drop)
    }),
    ("band-near", |pool| {
        banded(pool).allocate_preferring(NEAR).map(drop)
    }),
    ("pair", |pool| {
        let heap = Pool::new("fd00::/124".parse::<ipnet::Ipv6Net>().unwrap()).unwrap();
        let both = DualStack::new(banded(pool), PoolSet::new([heap]).unwrap());
        match both.allocate_pair() {
            Err(AllocatePairError::V4(error)) => Err(error),
            other => panic!("{other:?}"),
        }
    }),
    ("twins", |pool| {
        let heap = Pool::new("fd00::/120".parse().unwrap()).unwrap();
        match TwinPools::new(pool, heap).unwrap().allocate_pair() {
            Err(AllocatePairError::V4(error) | AllocatePairError::V6(error)) => Err(error),
            other => panic!("{other:?}"),
        }
    }),
];

/// Its first write to the disk fails, and the verb that its file is called after reports it.
fn told(path: &Path) {
    let name = path.file_name().unwrap();
    let (_, verb) = WAITING.iter().find(|(of, _)| name == *of).unwrap();
    let pool = Arc::new(builder(Durability::Strict).open(path).unwrap());
    let failed = AllocateError::File(FileRefusal::SyncFailed { errno: 5 });
    assert_eq!(verb(Arc::clone(&pool)), Err(failed));
    let poisoned = AllocateError::File(FileRefusal::Poisoned { errno: 5 });
    assert_eq!(verb(pool), Err(poisoned));
}

/// The call whose write fails reports just that, for pools and for sets; later ones report that one has failed.
#[test]
fn the_call_whose_write_fails_is_told_so() {
    let scratch = Scratch::new("told");
    let options = ["-e", "trace=msync", "-e", "inject=msync:error=EIO:when=1"];
    for (name, _) in WAITING {
        let path = scratch.path(name);
        drop(builder(Durability::Strict).create(&path).unwrap());
        let Some((output, _)) = traced(&options, "told", &path) else {
            return;
        };
        assert!(output.status.success(), "{name}: {output:?}");
    }
}

fn strict_slow(path: &Path) {
    let ledger = Ledger::open(&path.with_extension("ledger"), 256);
    let pool = builder(Durability::Strict).open(path).unwrap();
    let addr = pool.allocate().unwrap();
    ledger
        .counter(SHOWN)
        .store(u64::from(addr.octets()[3]), Ordering::SeqCst);
}

/// A disk that takes its time: if a pass of another process frees an address meanwhile, and another caller gets it,
/// the call that waits does not return it.
#[test]
fn what_is_freed_while_the_disk_takes_its_time_is_not_answered() {
    let scratch = Scratch::new("strict-slow");
    let path = scratch.path("pool");
    let pool = builder(Durability::Strict).create(&path).unwrap();
    let ledger = Ledger::open(&path.with_extension("ledger"), 256);
    let answered = || ledger.counter(SHOWN).load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        let child = scope.spawn(|| {
            let inject = "inject=msync:delay_enter=3000000:when=1";
            traced(&["-e", "trace=msync", "-e", inject], "strict-slow", &path)
        });
        while pool.allocated() == 0 && !child.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let claimed: Vec<_> = pool.iter().collect();
        let options = reconcile::Options::new().grace(Duration::ZERO);
        let mut reconciler = pool.reconciler_with(options).unwrap();
        let plan = reconciler.begin().unwrap().finish(0).unwrap();
        let is_in_time = answered() == 0;
        if is_in_time && !claimed.is_empty() {
            assert_eq!(reconciler.apply_at_most(&plan, 1).unwrap().freed, 1);
            pool.allocate_exact(claimed[0]).unwrap();
        }
        drop(reconciler);
        let Some((output, log)) = child.join().unwrap() else {
            return;
        };
        assert!(output.status.success(), "{output:?} {log}");
        if !is_in_time {
            skip("this machine is slower than its disk");
            return;
        }
        assert_ne!(answered(), u64::from(claimed[0].octets()[3]), "two holders");
        assert_eq!(pool.allocated(), 2, "each has its own");
    });
}

/// S3: of 64 callers that wait for a write that fails, none succeeds, and no call writes again.
#[test]
fn a_failed_write_fails_all_who_share_it() {
    let scratch = Scratch::new("strict-eio");
    let path = scratch.path("pool");
    drop(builder(Durability::Strict).create(&path).unwrap());
    let options = ["-e", "trace=msync", "-e", "inject=msync:error=EIO:when=1"];
    let Some((output, log)) = traced(&options, "strict-failing", &path) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(log.matches("msync(").count(), 1, "{log}");
    let ledger = Ledger::open(&path.with_extension("ledger"), 256);
    let count = |counter| ledger.counter(counter).load(Ordering::SeqCst);
    assert_eq!(count(SHOWN), 0, "nobody got an address");
    assert!(
        count(SEEN) >= 1,
        "whoever waited for it knows that it failed"
    );
    assert_eq!(count(SEEN) + count(REFUSED), 64);
    let pool = builder(Durability::Strict).open(&path).unwrap();
    assert_eq!(pool.health().unwrap().quarantined, 253);
}

fn open_and_close(path: &Path) {
    let Ok(pool) = builder(Durability::Barrier).open(path) else {
        return;
    };
    pool.allocate().unwrap();
}

/// A sync that fails in an opening or in the last close is like any other: it is not tried again, and the
/// next opener does not believe what is in memory.
#[test]
fn a_failed_sync_at_either_end_is_not_forgotten() {
    let scratch = Scratch::new("ends");
    // Left in order, an opening has one sync of data and a close two; otherwise the opening has one more.
    for (is_left_in_order, syncs) in [(true, 3), (false, 4)] {
        for when in 1..=syncs {
            let path = scratch.path(&format!("{is_left_in_order}-{when}"));
            let pool = builder(Durability::Barrier).create(&path).unwrap();
            pool.allocate().unwrap();
            pool.sync().unwrap();
            let open = std::fs::read(&path).unwrap();
            drop(pool);
            if !is_left_in_order {
                scratch::put_back(&path, &open);
            }
            let inject = format!("inject=fdatasync:error=EIO:when={when}");
            let options = ["-e", "trace=fdatasync", "-e", &inject];
            let Some((output, log)) = traced(&options, "open-and-close", &path) else {
                return;
            };
            assert!(output.status.success(), "{output:?}");
            assert_eq!(log.matches("INJECTED").count(), 1, "{log}");
            let tried = log.matches("fdatasync(").count();
            assert_eq!(tried, when, "nothing is tried after it: {log}");
            let view = hostbits::file::read(&path).unwrap();
            let pool = builder(Durability::Barrier).open(&path).unwrap();
            let kind = pool.recovery().unwrap().kind;
            assert_eq!(kind, RecoveryKind::WriteFailed, "sync {when}: {view:?}");
            let free = 253 - pool.allocated();
            assert_eq!(free, 0, "sync {when}");
            assert!(pool.health().unwrap().quarantined >= 251, "sync {when}");
        }
    }
}

/// A limit on the length of files is an error, where it was a signal, and harms no file that is there.
#[test]
fn a_limit_on_the_length_of_files_is_an_error() {
    let scratch = Scratch::new("limit");
    let (there, new) = (scratch.path("there"), scratch.path("new"));
    drop(builder(Durability::Process).create(&there).unwrap());
    for (role, path) in [("limited-create", &new), ("limited-open", &there)] {
        let child = command(role, path.to_str().unwrap());
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -f 8 && exec \"$@\"", "sh"]);
        limited.arg(child.get_program()).args(child.get_args());
        for (key, value) in child.get_envs() {
            limited.env(key, value.unwrap_or_default());
        }
        let output = limited.output().unwrap();
        assert!(output.status.success(), "{role}: {output:?}");
    }
    assert!(!new.exists());
    assert_eq!(
        builder(Durability::Process)
            .open(&there)
            .unwrap()
            .available(),
        253
    );
}

fn is_too_large(opened: Result<Pool<Ipv4Net>, OpenError>) -> bool {
    matches!(opened, Err(OpenError::Io { error, .. }) if error.kind() == std::io::ErrorKind::FileTooLarge)
}
