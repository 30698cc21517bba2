//! Copies of a pool file, older contents of it, words that another program has changed, backups, and looks at a
//! file while others open and close it, or die with it.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/children.rs"]
mod children;
#[path = "support/scratch.rs"]
mod scratch;

use children::{role, setting, spawn};
use hostbits::{
    Durability, Pool, Status,
    file::{self, OpenError, RecoveryKind},
};
use ipnet::Ipv4Net;
use scratch::{PAGE, STATE_SLOTS, Scratch, overwrite, poison, put_back, read};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

const DURABILITIES: [Durability; Durability::ALL.len()] = Durability::ALL;

/// What a process does that another one began.
#[test]
fn child() {
    let Some((role, argument)) = role() else {
        return;
    };
    assert_eq!(role, "come-and-go");
    loop {
        if let Ok(pool) = builder().open(&argument)
            && let Ok(addr) = pool.allocate()
        {
            let _ = pool.release(addr);
        }
    }
}

fn builder() -> hostbits::Builder<Ipv4Net> {
    Pool::builder("10.0.0.0/22".parse().unwrap())
}

fn kind(pool: &Pool<Ipv4Net>) -> RecoveryKind {
    pool.recovery().unwrap().kind
}

/// Every durability on a disk, and the one that there is in memory.
fn places() -> Vec<(Durability, Scratch)> {
    let on_disk = DURABILITIES.map(|durability| (durability, Scratch::new("copies")));
    let in_memory = (Durability::Process, Scratch::in_memory("copies"));
    on_disk.into_iter().chain([in_memory]).collect()
}

/// By the tool that people use.
fn cp(options: &[&str], from: &Path, to: &Path) {
    let mut cp = Command::new("cp");
    let status = cp.args(options).arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

type BringBack = fn(&Path, &Path);

/// The ways in which a copy comes back.
const WAYS: [(&str, BringBack); 6] = [
    ("moved", |copy, pool| std::fs::rename(copy, pool).unwrap()),
    ("written into it", |copy, pool| cp(&[], copy, pool)),
    ("written into it, with its times", |copy, pool| {
        cp(&["--preserve=mode,timestamps"], copy, pool);
    }),
    ("removed, and copied", |copy, pool| {
        std::fs::remove_file(pool).unwrap();
        cp(&[], copy, pool);
    }),
    ("removed, and copied with all attributes", |copy, pool| {
        std::fs::remove_file(pool).unwrap();
        cp(&["-a"], copy, pool);
    }),
    ("by hand", |copy, pool| {
        std::fs::write(pool, read(copy)).unwrap();
    }),
];

/// A copy that comes back in the same boot, by any way, made while the pool was in use or after it was left in
/// order: nothing of it is believed, and the sentence says what it is. (Removed and copied, it often has the
/// inode that it had.)
#[test]
fn a_copy_is_noticed_however_it_comes_back() {
    for (durability, scratch) in places() {
        let builder = builder().durability(durability);
        for (index, (way, bring_back)) in WAYS.into_iter().enumerate() {
            for is_live in [false, true] {
                let path = scratch.path(&format!("pool-{index}-{is_live}"));
                let copy = path.with_extension("copy");
                let pool = builder.create(&path).unwrap();
                let mut held: BTreeSet<_> = pool.allocate_many(5).unwrap().into_iter().collect();
                pool.sync().unwrap();
                if is_live {
                    cp(&["-a"], &path, &copy);
                    held.extend(pool.allocate_many(5).unwrap());
                    drop(pool);
                } else {
                    drop(pool);
                    cp(&["-a"], &path, &copy);
                    held.extend(builder.open(&path).unwrap().allocate_many(5).unwrap());
                }
                bring_back(&copy, &path);
                let what = format!("{durability}, {}, {way}, live {is_live}", path.display());

                let view = file::read(&path).unwrap();
                assert_eq!(view.found, RecoveryKind::Copy, "{what}");
                assert_eq!(view.problems, [], "{what}: it is no damage");
                assert_eq!(view.quarantined_by, Some(RecoveryKind::Copy), "{what}");
                let pool = builder.open(&path).unwrap();
                assert_eq!(kind(&pool), RecoveryKind::Copy, "{what}");
                assert!(pool.allocate().is_err(), "{what}");
                let list: Vec<_> = held.iter().map(Ipv4Addr::to_string).collect();
                let _ = pool.reclaim(&list).unwrap();
                assert!(
                    held.iter().all(|&addr| pool.allocate_exact(addr).is_err()),
                    "{what}"
                );
                pool.allocate().unwrap();
                drop(pool);
                let view = file::read(&path).unwrap();
                assert_eq!(
                    view.found,
                    RecoveryKind::Clean,
                    "{what}: it is the pool now"
                );
                assert_eq!(view.problems, [], "{what}");
                assert_eq!(view.quarantined_by, None, "{what}");
            }
        }
    }
}

/// The limit, as the documentation has it: with its attributes, into the same inode. If this is ever noticed,
/// the documentation may say so.
#[test]
fn a_copy_that_carries_the_witness_into_the_file_is_not_noticed() {
    let scratch = Scratch::new("limit");
    let (path, copy) = (scratch.path("pool"), scratch.path("copy"));
    drop(builder().create(&path).unwrap());
    cp(&["-a"], &path, &copy);
    drop(builder().open(&path).unwrap());
    cp(&["-a"], &copy, &path);
    let found = file::read(&path).unwrap().found;
    // Where there are no attributes, or the tool knows none, it is as for any other copy.
    assert!(
        [RecoveryKind::Clean, RecoveryKind::Copy].contains(&found),
        "{found}"
    );
    let seen = file::open_since(&path, 3).unwrap_err();
    assert!(matches!(seen, OpenError::StaleFile { .. }), "{seen}");
}

/// Random or older sectors of F and Q, under the states of a file that was left in order: an opener finds that, and
/// hands out nothing that is held. 300 mixes.
#[test]
fn changed_words_of_a_closed_file_are_noticed() {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 16) as usize % limit
    };
    let (mut changed, mut same) = (0, 0);
    for (durability, scratch) in places().into_iter().skip(1) {
        let path = scratch.path("pool");
        let builder =
            Pool::builder("10.0.0.0/16".parse::<Ipv4Net>().unwrap()).durability(durability);
        let pool = builder.create(&path).unwrap();
        let mut held: BTreeSet<_> = pool.allocate_many(9_000).unwrap().into_iter().collect();
        drop(pool);
        let older = read(&path);
        let pool = builder.open(&path).unwrap();
        for addr in held.iter().copied().step_by(3).collect::<Vec<_>>() {
            pool.release(addr).unwrap();
            held.remove(&addr);
        }
        held.extend(pool.allocate_many(12_000).unwrap());
        drop(pool);
        let newer = read(&path);
        // F and Q, of two pages each, before M and the configuration.
        let end = newer.len() - 4 * PAGE;
        let maps = end - 4 * PAGE..end;
        for mix in 0..100 {
            put_back(&path, &newer);
            let mut bytes = newer.clone();
            for sector in maps.clone().step_by(512) {
                match next(8) {
                    0 => bytes[sector..sector + 512].copy_from_slice(&older[sector..sector + 512]),
                    1 if next(4) == 0 => bytes[sector..sector + 512].fill_with(|| next(256) as u8),
                    2 if next(4) == 0 => bytes[sector + next(512)] ^= 1 << next(8),
                    _ => {}
                }
            }
            overwrite(&path, maps.start as u64, &bytes[maps.clone()]);
            let is_changed = bytes != newer;
            let what = format!("{durability}, mix {mix}");
            let view = file::read(&path).unwrap();
            let pool = builder.open(&path).unwrap();
            let expected = match is_changed {
                true => RecoveryKind::Changed,
                false => RecoveryKind::Clean,
            };
            assert_eq!((view.found, kind(&pool)), (expected, expected), "{what}");
            assert_eq!(view.problems.contains(&file::Problem::Changed), is_changed);
            let is_free = |addr: &&Ipv4Addr| pool.status(**addr) == Status::Free;
            assert_eq!(held.iter().filter(is_free).count(), 0, "{what}");
            if is_changed {
                changed += 1;
            } else {
                same += 1;
            }
        }
    }
    println!("{changed} changed, {same} as they were");
    assert!(changed > 250 && changed + same == 300);
}

/// A file grows in place, killed or not, and a larger one takes its place: its words have changed, and it is still
/// the file that was left in order. If another program changed it before, it is not.
#[test]
fn a_file_that_grows_is_as_it_was_left() {
    for is_changed in [false, true] {
        for capacity in [4096, 0] {
            let scratch = Scratch::in_memory("grown");
            let path = scratch.path("pool");
            let builder = builder().in_file();
            drop(builder.clone().capacity(capacity).create(&path).unwrap());
            if is_changed {
                // The first word of F: one more address is held, which is as harmful as one less.
                let at = read(&path).len() - 5 * PAGE;
                overwrite(&path, at as u64, &[0xf8]);
            }
            let wider = Pool::builder("10.0.0.0/20".parse::<Ipv4Net>().unwrap()).in_file();
            let pool = wider.grow(&path).unwrap();
            let expected = match is_changed {
                true => RecoveryKind::Changed,
                false => RecoveryKind::Clean,
            };
            assert_eq!(kind(&pool), expected, "room for {capacity}");
            drop(pool);
            assert_eq!(kind(&wider.open(&path).unwrap()), RecoveryKind::Clean);
        }
    }
}

/// Each state has a sentence of its own, before and after the opening that finds it; the reason stays as long
/// as anything is quarantined, and no later one says that the machine went down.
#[test]
fn each_state_has_its_own_sentence() {
    let scratch = Scratch::in_memory("sentences");
    type Happens = fn(&Path);
    let all: [(RecoveryKind, Happens); 4] = [
        (RecoveryKind::WriteFailed, poison),
        (RecoveryKind::Copy, |path| {
            let bytes = read(path);
            std::fs::remove_file(path).unwrap();
            std::fs::write(path, bytes).unwrap();
            use std::os::unix::fs::PermissionsExt;
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(path, private).unwrap();
        }),
        (RecoveryKind::Changed, |path| {
            let at = read(path).len() - 5 * PAGE;
            overwrite(path, at as u64, &[0xf0]);
        }),
        (RecoveryKind::NoState, |path| {
            for slot in STATE_SLOTS {
                overwrite(path, slot, &[0; 512]);
            }
        }),
    ];
    for (index, (expected, happens)) in all.into_iter().enumerate() {
        let path = scratch.path(&index.to_string());
        drop(builder().create(&path).unwrap());
        happens(&path);
        let found = |when| {
            let view = file::read(&path).unwrap();
            assert_eq!(view.quarantined_by, Some(expected), "{when}");
            view.found
        };
        assert_eq!(found("before"), expected);
        let pool = builder().open(&path).unwrap();
        assert_eq!(kind(&pool), expected);
        assert_eq!(found("open"), RecoveryKind::Joined);
        let refused = pool.allocate().unwrap_err().to_string();
        assert!(!refused.contains("machine"), "{refused}");
        drop(pool);
        assert_eq!(found("closed"), RecoveryKind::Clean);
        let pool = builder().open(&path).unwrap();
        pool.release_quarantine_unchecked().unwrap();
        drop(pool);
        drop(builder().open(&path).unwrap());
        assert_eq!(file::read(&path).unwrap().quarantined_by, None);
    }
}

/// A failed sync is a problem of its own, while the file is open and after.
#[test]
fn a_poisoned_file_is_not_good() {
    let scratch = Scratch::in_memory("poisoned");
    let path = scratch.path("pool");
    let pool = builder().create(&path).unwrap();
    poison(&path);
    let problems = || file::read(&path).unwrap().problems;
    assert_eq!(problems(), [file::Problem::WriteFailed { errno: 5 }]);
    drop(pool);
    assert_eq!(problems(), [file::Problem::WriteFailed { errno: 5 }]);
    let view = file::read(&path).unwrap();
    assert!(view.is_damage(&view.problems[0]));
    assert_eq!(view.found, RecoveryKind::WriteFailed);
    drop(builder().open(&path).unwrap());
    assert_eq!(problems(), []);
}

/// Looks beside processes that open and close the file, and are killed while they do: no sound file is called
/// damaged. A creator who dies before the summary is finished leaves a sound file, too.
#[test]
fn a_look_never_cries_wolf() {
    let scratch = Scratch::in_memory("wolf");
    let path = scratch.path("pool");
    drop(builder().create(&path).unwrap());
    let (looks, kills) = (setting("HOSTBITS_LOOKS", 400), AtomicBool::new(true));
    let mut settled = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut delay = 0;
            while kills.load(Ordering::Relaxed) {
                let mut children =
                    [0, 1].map(|_| spawn("come-and-go", &path.display().to_string()));
                delay = (delay * 7 + 3) % 40;
                std::thread::sleep(std::time::Duration::from_millis(20 + delay));
                for child in &mut children {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
                if delay % 3 == 0 {
                    // No process comes for a while: what the dead have left is looked at.
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }
        });
        for look in 0..looks {
            let view = file::read(&path).unwrap();
            settled += u64::from(view.is_settled);
            let damage: Vec<_> = view
                .problems
                .iter()
                .filter(|it| view.is_damage(it))
                .collect();
            assert_eq!(
                damage,
                [] as [&file::Problem; 0],
                "look {look}: {:?}",
                view.found
            );
        }
        kills.store(false, Ordering::Relaxed);
    });
    assert!(
        settled * 2 > looks,
        "{settled} of {looks} looks saw anything"
    );
    // As its creator leaves it before the first opening has come to its end.
    let created = scratch.path("created");
    drop(builder().create(&created).unwrap());
    let nodes = 5 * PAGE as u64;
    overwrite(&created, nodes, &[0; 64]);
    assert_eq!(file::read(&created).unwrap().problems, []);
}

/// A backup beside those who allocate and release: they go on, and the copy has every address as taken or
/// suspect that was held all the while. However it is put back, nothing of it is handed out before a list.
#[test]
fn a_backup_beside_others_can_always_be_put_back() {
    for (durability, scratch) in places() {
        let (path, copy) = (scratch.path("pool"), scratch.path("copy"));
        let builder = builder().durability(durability);
        let pool = builder.create(&path).unwrap();
        let held = pool.allocate_many(100).unwrap();
        let goes_on = AtomicBool::new(true);
        let view = std::thread::scope(|scope| {
            scope.spawn(|| {
                while goes_on.load(Ordering::Relaxed) {
                    let addr = pool.allocate().unwrap();
                    pool.release(addr).unwrap();
                }
            });
            let view = file::backup(&path, &copy);
            goes_on.store(false, Ordering::Relaxed);
            view.unwrap()
        });
        assert_eq!(view.found, RecoveryKind::Backup, "{durability}");
        assert_eq!(view.problems, [], "{durability}");
        assert!((100..=101).contains(&(view.snapshot.allocated() - view.quarantined)));
        let again = file::backup(&path, &copy);
        assert!(matches!(again, Err(OpenError::AlreadyExists)));
        let session = pool.recovery().unwrap().session;
        let later = pool.allocate_many(10).unwrap();
        let in_use = file::restore(&copy, &path, 0);
        assert!(matches!(in_use, Err(OpenError::InUse)), "{in_use:?}");
        drop(pool);
        for index in 0..4 {
            let to = match index {
                0 => {
                    file::restore(&copy, &path, 0).unwrap();
                    path.clone()
                }
                1 => {
                    cp(&["-a"], &copy, &path);
                    path.clone()
                }
                2 => scratch.path("moved"),
                _ => {
                    let to = scratch.path("fresh");
                    file::restore(scratch.path("moved"), &to, 0).unwrap();
                    to
                }
            };
            if index == 2 {
                cp(&[], &copy, &to);
            }
            let opened = builder.open(&to).unwrap();
            let what = format!("{durability}, way {index}");
            assert_eq!(opened.available(), 0, "{what}");
            assert!(opened.recovery().unwrap().session > session, "{what}");
            if index == 0 {
                assert_eq!(kind(&opened), RecoveryKind::Backup, "{what}");
                let list: Vec<_> = held.iter().chain(&later).map(Ipv4Addr::to_string).collect();
                let _ = opened.reclaim(&list).unwrap();
                assert!(
                    later
                        .iter()
                        .all(|&addr| opened.allocate_exact(addr).is_err())
                );
                opened.allocate().unwrap();
            }
        }
    }
}

/// A file that holds something else is not replaced; a damaged one is, and the session never goes back.
#[test]
fn a_backup_takes_no_other_pools_place() {
    let scratch = Scratch::in_memory("restore");
    let path = |name| -> PathBuf { scratch.path(name) };
    let [pool, copy] = [path("pool"), path("copy")];
    drop(builder().create(&pool).unwrap());
    file::backup(&pool, &copy).unwrap();
    let refused = |to: &Path| file::restore(&copy, to, 0).unwrap_err();
    let untouched = |to: &Path, code: &str| {
        let before = read(to);
        assert_eq!(refused(to).code(), code);
        assert!(read(to) == before, "{code}");
    };

    std::fs::write(path("text"), "dear to somebody").unwrap();
    untouched(&path("text"), "bad-magic");
    let other = Pool::builder("10.9.0.0/22".parse::<Ipv4Net>().unwrap());
    drop(other.create(path("other")).unwrap());
    untouched(&path("other"), "geometry-mismatch");
    untouched(&copy, "in-use");
    std::fs::hard_link(&pool, path("second")).unwrap();
    untouched(&pool, "hard-linked");
    std::fs::remove_file(path("second")).unwrap();
    let no_backup = file::restore(path("none"), &pool, 0);
    assert!(matches!(no_backup, Err(OpenError::NotFound)));
    std::os::unix::fs::symlink(&pool, path("link")).unwrap();
    assert!(matches!(refused(&path("link")), OpenError::Symlink));

    // Five more sessions, of which the backup knows nothing.
    for _ in 0..5 {
        drop(builder().open(&pool).unwrap());
    }
    let view = file::restore(&copy, &pool, 0).unwrap();
    assert_eq!(view.session, Some(6));
    let opened = file::open_since(&pool, 6).unwrap();
    assert_eq!(opened.recovery().unwrap().session, 7);
    drop(opened);
    // Damaged beyond reading: the caller has to say what was seen last.
    overwrite(&pool, 0, &[0x5a; 64]);
    overwrite(&pool, 8, &[0x5a; 64]);
    overwrite(&pool, PAGE as u64 + 8, &[0x5a; 64]);
    overwrite(
        &pool,
        0,
        &[0x89, b'I', b'P', b'B', b'M', b'\r', b'\n', 0x1a],
    );
    assert!(file::open(&pool).is_err());
    let view = file::restore(&copy, &pool, 7).unwrap();
    assert_eq!(view.session, Some(7));
    assert!(file::open_since(&pool, 7).is_ok());
    assert!(matches!(
        file::open_since(&pool, 9),
        Err(OpenError::StaleFile { session: 8, min: 9 })
    ));
    let names = ["copy", "link", "other", "pool", "text"];
    assert_eq!(scratch.names(), names, "nothing is left behind");
}
