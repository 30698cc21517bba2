//! A face that is no command line: values in, values out.

#![cfg(all(feature = "mmap", target_os = "linux", target_has_atomic = "64"))]

use hostbits::{Durability, Pool};
use hostbits_ops::files::{
    self, ConfigFile, Lists, Next, PassOptions, PoolFile, PoolSpec, Target, Wanted, WantedOfSet,
};
use hostbits_ops::trouble::{Exit, Retry};
use hostbits_ops::{Failure, ListName, Observer, ReadToEnd, Silent};
use ipnet::IpNet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hostbits-ops-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn pool(&self, network: &str) -> PoolFile {
        let file = PoolFile {
            path: self.file("a.pool"),
            min_session: 0,
        };
        files::create(&file, spec(network), Durability::Process).unwrap();
        file
    }

    fn list(&self, text: &str) -> ListName {
        let path = self.file("users.csv");
        fs::write(&path, text).unwrap();
        list(&path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn list(path: &Path) -> ListName {
    ListName::read(path.as_os_str()).unwrap()
}

fn spec(network: &str) -> PoolSpec {
    let network: IpNet = network.parse().unwrap();
    PoolSpec {
        builder: Pool::builder(network),
        is_seeded: false,
        capacity: None,
        leases: None,
    }
}

fn json(failure: &Failure) -> serde_json::Value {
    serde_json::to_value(failure.report()).unwrap()
}

/// Code, exit code, whether to try again, and a hint that names the file: without a command line.
#[test]
fn a_failure_says_what_a_face_needs() {
    let folder = Folder::new("failure");
    let file = folder.pool("10.0.0.0/30");
    let nets = files::allocate(&file, Wanted::Any(1), &Silent).unwrap();
    assert_eq!(nets, ["10.0.0.2/32".parse().unwrap()]);

    let named = "10.0.0.2".parse().unwrap();
    let taken = files::allocate(&file, Wanted::Exact(named), &Silent).unwrap_err();
    let row = taken.row();
    assert_eq!((row.code, row.exit), ("already-allocated", Exit::Taken));
    let name = file.name();
    let hint =
        format!("hostbits pool allocate {name} --near 10.0.0.2 takes another one if it is taken");
    assert_eq!(taken.hint(), Some(hint));
    assert_eq!(json(&taken)["error"]["code"], "already-allocated");
    assert_eq!(json(&taken)["file"], *name);

    let full = files::allocate(&file, Wanted::Any(1), &Silent).unwrap_err();
    assert_eq!(
        (full.row().exit, full.row().retry),
        (Exit::Exhausted, Retry::Later)
    );

    // The second mention is none of ours, and the first is not taken back for it.
    let released = files::release(&file, &[named, named]).unwrap();
    let errors: Vec<bool> = released.iter().map(|it| it.error.is_some()).collect();
    assert_eq!(errors, [false, true]);
    assert_eq!(file.read().unwrap().snapshot.allocated(), 0);
}

/// A service hands them from thread to thread.
#[test]
fn failures_and_targets_can_be_sent() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Failure>();
    check::<Target>();
    check::<PassOptions>();
}

/// Counts what is reported to it.
#[derive(Default)]
struct Counting {
    readings: AtomicU64,
    ends: AtomicU64,
    entries: AtomicU64,
    adopted: AtomicU64,
}

impl Observer for Counting {
    fn reading(&self, _entries: Option<u64>) {
        // Relaxed, as of all counts here: read by the thread that has waited for the call.
        self.readings.fetch_add(1, Relaxed);
    }

    fn read(&self, more: u64) {
        self.entries.fetch_add(more, Relaxed);
    }

    fn reading_is_over(&self) {
        self.ends.fetch_add(1, Relaxed);
    }

    fn adopted(&self, _read: &ReadToEnd, report: &hostbits::users::Adopted, _free: u64) {
        self.adopted.fetch_add(report.taken, Relaxed);
    }
}

/// Seed takes, a pass frees what has no holder, and the caller sees the progress of both.
#[test]
fn a_pool_is_brought_in_line_with_its_list() {
    let folder = Folder::new("reconcile");
    let file = folder.pool("10.0.0.0/16");
    let host = |host: u32| std::net::Ipv4Addr::from(0x0a00_0000 + host);
    let users: String = (2..10_002).map(|it| format!("{}\n", host(it))).collect();
    let counting = Counting::default();
    let target = Target::Pool(file.clone());
    let seeded = files::seed(&target, &[folder.list(&users)], 0, &counting).unwrap();
    assert_eq!((seeded.taken, seeded.already), (10_000, 0));
    assert_eq!(counting.adopted.load(Relaxed), 10_000);
    assert_eq!(counting.entries.load(Relaxed), 8_192);
    assert_eq!(
        (counting.readings.load(Relaxed), counting.ends.load(Relaxed)),
        (1, 1)
    );

    let short = users.lines().skip(1).map(|line| format!("{line}\n"));
    let lists = Lists {
        lists: vec![folder.list(&short.collect::<String>())],
        ..Lists::default()
    };
    let found = files::check(&target, &lists, &Silent).unwrap();
    assert_eq!((found.sighted.drift(), found.is_live), (1, false));
    let options = PassOptions {
        lists: lists.clone(),
        grace: Duration::ZERO,
        max_free: None,
        output: None,
        wait: false,
    };
    let outcome = files::reconcile(&target, &options, &counting).unwrap();
    assert_eq!(outcome.applied.as_ref().unwrap().freed, 1);
    assert_eq!((outcome.left(), outcome.next()), (0, Next::Nothing));
    assert_eq!(
        files::check(&target, &lists, &Silent)
            .unwrap()
            .sighted
            .drift(),
        0
    );

    // A list of another network would free every address: a fuse, with the number and what was found.
    let empty = PassOptions {
        lists: Lists {
            lists: vec![folder.list("192.0.2.1\n")],
            ..Lists::default()
        },
        ..options
    };
    let blown = files::reconcile(&target, &empty, &counting).unwrap_err();
    assert_eq!(
        (blown.row().exit, blown.row().retry),
        (Exit::Refused, Retry::WithNumber)
    );
    assert!(
        blown.hint().unwrap().starts_with("--max-free 9999 "),
        "{blown}"
    );
    assert_eq!(blown.sighted().unwrap().1.plan.slots.ripe, 9_999);
    assert_eq!(
        (counting.readings.load(Relaxed), counting.ends.load(Relaxed)),
        (3, 3)
    );
}

/// The same verbs over a configuration.
#[test]
fn a_set_is_applied_allocated_from_and_shown() {
    let folder = Folder::new("set");
    let path = folder.file("sets.toml");
    fs::write(
        &path,
        "[[sets.v4.members]]\nnetwork = '10.0.0.0/30'\nfile = 'a.pool'\n",
    )
    .unwrap();
    let file = ConfigFile { path };
    let missing = files::allocate_in_set(&file, "v4", &WantedOfSet::Any(1), &Silent).unwrap_err();
    assert_eq!(missing.row().code, "not-found");
    assert_eq!(
        missing.hint(),
        Some(format!("hostbits set apply {}", file.name()))
    );

    assert!(files::plan_config(&file, None).unwrap().changes_files());
    files::apply_config(&file, None).unwrap();
    let nets = files::allocate_in_set(&file, "v4", &WantedOfSet::Any(1), &Silent).unwrap();
    let shown = files::show_sets(&file, None, None).unwrap();
    assert_eq!((shown[0].allocated, shown[0].available), (1, 0));
    assert_eq!(
        files::list_sets(&file, Some("v4")).unwrap()[0].addresses,
        nets
    );
    let unknown = files::list_sets(&file, Some("v5")).unwrap_err();
    assert_eq!(
        (unknown.row().code, unknown.row().exit),
        ("unknown-name", Exit::Input)
    );
}
