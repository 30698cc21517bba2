//! A full disk under a pool file, on real file systems: `campaigns/full-disk` runs this with
//! HOSTBITS_FULL_DISK, a mounted file system that may be filled. Without it nothing is tried.
#![cfg(all(feature = "mmap", target_os = "linux"))]

use hostbits::{Pool, file::OpenError};
use ipnet::Ipv4Net;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Takes what is left.
fn fill(dir: &Path) {
    for (name, len) in [("filler-1", 1 << 20), ("filler-2", 4096)] {
        let mut filler = std::fs::File::create(dir.join(name)).unwrap();
        while filler.write_all(&vec![1; len]).is_ok() {}
        let _ = filler.sync_all();
    }
}

/// A file whose blocks are shared with a copy, and one that never was, down to the last address. A signal would
/// be the end of this test.
#[test]
fn a_full_disk_is_an_error_or_nothing() {
    let Some(dir) = std::env::var_os("HOSTBITS_FULL_DISK").map(PathBuf::from) else {
        println!("skipped: no file system to fill");
        return;
    };
    let builder = Pool::builder("10.0.0.0/16".parse::<Ipv4Net>().unwrap());
    let path = |name: &str| dir.join(name);
    for name in ["plain", "shared", "late"] {
        match builder.create(path(name)) {
            Ok(_) => {}
            Err(error @ OpenError::CopyOnWrite { .. }) => return println!("refused: {error}"),
            Err(error) => panic!("{error}"),
        }
    }
    let share = |name: &str| {
        let (from, to) = (path(name), path(&format!("{name}-copy")));
        // A marked file is shared with a marked one alone.
        let made = std::fs::File::create(&to);
        let _ = Command::new("chattr").arg("+C").arg(&to).output();
        drop(made.unwrap());
        let copied = Command::new("cp")
            .arg("--reflink=always")
            .arg(from)
            .arg(to)
            .output();
        copied.unwrap().status.success()
    };
    println!("shared: {} {}", share("shared"), share("late"));
    // Room to grow into, and holes where nothing was written.
    drop(
        builder
            .clone()
            .in_file()
            .capacity(1 << 19)
            .create(path("roomy"))
            .unwrap(),
    );
    let copied = Command::new("cp")
        .arg("--sparse=always")
        .args([path("roomy"), path("holey")])
        .output();
    assert!(copied.unwrap().status.success());
    println!("shared: {}", share("roomy"));
    let pools = ["plain", "shared"].map(|name| builder.open(path(name)).unwrap());
    pools.iter().for_each(|pool| pool.sync().unwrap());
    fill(&dir);
    for pool in &pools {
        for _ in 0..2 {
            let all: Vec<_> = std::iter::from_fn(|| pool.allocate().ok()).collect();
            assert_eq!(all.len(), 65_533);
            pool.sync().unwrap();
            assert_eq!(pool.release_many(&all).released, 65_533);
            pool.sync().unwrap();
        }
    }
    // A close needs no room.
    pools.into_iter().for_each(|pool| pool.close().unwrap());
    for name in ["plain", "shared"] {
        match builder.open(path(name)) {
            Ok(_) | Err(OpenError::NoSpace) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
    // A growth has all the blocks that it needs, or changes nothing.
    let wide = Pool::builder("10.0.0.0/13".parse::<Ipv4Net>().unwrap()).in_file();
    for name in ["roomy", "holey"] {
        let before = std::fs::read(path(name)).unwrap();
        match wide.grow(path(name)) {
            Ok(pool) => {
                println!("{name}: grown");
                let reclaimed = pool.reclaim(["10.0.0.2"]).unwrap().freed;
                println!("{name}: {reclaimed} reclaimed, {} free", pool.available());
                while pool.allocate().is_ok() {}
                pool.sync().unwrap();
            }
            Err(OpenError::NoSpace) => {
                println!("{name}: no space");
                assert!(before == std::fs::read(path(name)).unwrap(), "{name}");
            }
            // A copy of a marked file need not be marked.
            Err(error @ OpenError::CopyOnWrite { .. }) => println!("{name}: {error}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
    // Its blocks are shared still, and there are none of its own.
    match builder.open(path("late")) {
        Ok(pool) => println!("late: {} free", pool.available()),
        Err(OpenError::NoSpace) => println!("late: no space"),
        Err(error) => panic!("{error}"),
    }
    for filler in ["filler-1", "filler-2"] {
        std::fs::remove_file(dir.join(filler)).unwrap();
    }
    for name in ["plain", "shared"] {
        let pool = builder.open(path(name)).unwrap();
        let recovery = pool.recovery().unwrap();
        assert_eq!(recovery.quarantined, 0, "{name}: {recovery:?}");
    }
}
