//! JSON: the field names are fixed with the first release. `vectors/json.json` maps a name to what it
//! must look like; a change there is a breaking change.
#![cfg(feature = "serde")]

mod common;

use common::{a6, drain, host, ip, net, v4, v6};
use hostbits::{
    BuildError, DualStack, Gateway, Policy, Pool, PoolSet, Search, StatsLevel, next_free,
    reconcile::{self, Reconciler},
    set::{NewMember, StaticBand, Strategy, TwinPools},
};
use ipnet::Ipv4Net;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

fn vectors() -> Map<String, Value> {
    serde_json::from_str(include_str!("vectors/json.json")).unwrap()
}

/// What was serialised, by the name of its vector.
#[derive(Default)]
struct Given(Map<String, Value>);

impl Given {
    fn put(&mut self, name: &str, value: &impl serde::Serialize) {
        // By way of text: a count of slots may be larger than a `Value` can be made of.
        let text = serde_json::to_string(value).unwrap();
        let value = serde_json::from_str(&text).unwrap();
        assert!(
            self.0.insert(name.to_owned(), value).is_none(),
            "{name} twice"
        );
    }

    fn put_error(&mut self, name: &str, error: &impl serde::Serialize, code: &str) {
        self.put(name, error);
        assert_eq!(self.0[name]["code"], code, "{name}");
    }

    /// All vectors whose name begins with `group`, no more and no fewer.
    fn check(self, group: &str) {
        let vectors = vectors();
        let expected = vectors
            .iter()
            .filter(|(name, _)| name.split('/').next() == Some(group));
        let expected: Map<_, _> = expected
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, value) in &self.0 {
            assert_eq!(Some(value), expected.get(name), "{name}: {value}");
        }
        assert_eq!(
            self.0.len(),
            expected.len(),
            "vectors of {group} that nothing was compared with"
        );
    }
}

fn full(policy: Policy) -> Pool<Ipv4Net> {
    let pool = Pool::builder(v4("10.0.0.0/29"))
        .policy(policy)
        .build()
        .unwrap();
    let _ = drain(&pool);
    pool
}

/// Networks, ranges and units; the memory depends on how many threads the machine runs.
#[test]
fn info_has_its_fixed_names() {
    let mut given = Given::default();
    let mut put = |name: &str, mut info: hostbits::NetworkInfo| {
        assert!(info.memory_bytes > 0);
        info.memory_bytes = 0;
        given.put(name, &info);
    };
    put("info/network", Pool::new(v4("10.0.0.0/24")).unwrap().info());
    let reserving = Pool::builder(net("2001:db8::/112"))
        .reserve(ip("2001:db8::10")..=ip("2001:db8::1f"), "routers");
    put(
        "info/choices",
        reserving
            .policy(Policy::Next)
            .search(Search::Linear)
            .stats(StatsLevel::Full)
            .build()
            .unwrap()
            .info(),
    );
    let over = Pool::<Ipv4Net>::over([host(10)..=host(19), host(40)..=host(49)]);
    put(
        "info/ranges",
        over.policy(Policy::Spread)
            .stats(StatsLevel::Off)
            .build()
            .unwrap()
            .info(),
    );
    put(
        "info/units",
        Pool::builder(v6("2001:db8::/40"))
            .unit(56)
            .gateway(Gateway::First)
            .build()
            .unwrap()
            .info(),
    );
    put(
        "info/nothing usable",
        Pool::builder(v4("10.0.0.7/32"))
            .gateway(Gateway::First)
            .build()
            .unwrap()
            .info(),
    );
    let random = Pool::builder(v6("2001:db8::/126")).policy(Policy::Random(7));
    put("info/random", random.build().unwrap().info());
    given.check("info");
}

/// The seed of a random pool is a key: what is shown to people and machines does not tell it.
#[test]
fn info_does_not_tell_the_seed() {
    let seed = 7_426_153_908_162_534;
    let pool = Pool::builder(v4("10.0.0.0/24"))
        .policy(Policy::Random(seed))
        .build()
        .unwrap();
    let text = serde_json::to_string(&pool.info()).unwrap();
    assert!(text.contains("random"), "{text}");
    assert!(!text.contains(&seed.to_string()), "{text}");
}

/// Every counter, none of them zero.
#[test]
fn stats_have_their_fixed_names() {
    let mut given = Given::default();
    let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
    given.put("stats/new", &pool.stats());
    let _ = pool.allocate_preferring(host(99)).unwrap();
    let _ = pool.allocate_preferring(host(99)).unwrap();
    let _ = (
        pool.allocate_many(5).unwrap(),
        pool.allocate_block(28).unwrap(),
    );
    (100..104).for_each(|last| pool.allocate_exact(host(last)).unwrap());
    let _ = pool.allocate().unwrap();
    assert_eq!(
        pool.adopt(["10.0.0.110", "10.0.0.111", "10.0.0.112"])
            .unwrap()
            .taken,
        3
    );
    (100..104).for_each(|last| pool.release(host(last)).unwrap());
    (0..6).for_each(|_| drop(pool.release(host(100))));
    (0..7).for_each(|_| drop(pool.allocate_many(250)));
    (0..8).for_each(|_| drop(pool.allocate_exact(host(99))));
    (0..9).for_each(|_| drop(pool.allocate_exact(host(1))));
    (0..10).for_each(|_| drop(pool.allocate_exact(common::ten(999))));
    given.put("stats/every counter", &pool.stats());
    given.check("stats");
}

/// The time of the last allocation, as serde writes a `SystemTime`.
#[test]
fn the_last_allocation_is_seconds_and_nanoseconds() {
    let pool = Pool::builder(v4("10.0.0.0/24"))
        .stats(StatsLevel::Full)
        .build()
        .unwrap();
    let _ = pool.allocate().unwrap();
    let stats = serde_json::to_value(pool.stats()).unwrap();
    let since = pool
        .stats()
        .last_allocation
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert_eq!(
        stats["last_allocation"],
        json!({ "secs_since_epoch": since.as_secs(), "nanos_since_epoch": since.subsec_nanos() })
    );
}

/// The four states; `generation` is there from the start, and null.
#[test]
fn status_has_its_fixed_names() {
    let mut given = Given::default();
    let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
    let addr = pool.allocate().unwrap();
    given.put("status/free", &pool.status(host(9)));
    given.put("status/allocated", &pool.status(addr));
    given.put("status/reserved", &pool.status(host(255)));
    given.put("status/out of range", &pool.status(common::ten(999)));
    given.check("status");
    let text = serde_json::to_string(&pool.status(addr)).unwrap();
    assert_eq!(text, r#"{"status":"allocated","generation":null}"#);
}

/// A report of a user list: every count, and every kind of problem.
#[test]
fn reports_have_their_fixed_names() {
    let mut given = Given::default();
    let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
    given.put("adopted/empty", &pool.adopt([""; 0]).unwrap());
    let list = [
        ("10.0.0.5", "alice"),
        ("10.0.0.5", "bob"),
        ("10.0.0.5/32", "alice"),
        ("10.0.0.1", "carol"),
        ("10.9.9.9", "dave"),
        ("2001:db8::1", "erin"),
        ("10.0.0.16/28", "frank"),
        ("", "grace"),
        ("10.0.0.05", "heidi"),
    ];
    given.put(
        "adopted/every kind",
        &pool
            .adopt_with(hostbits::users::Unreadable::Skip { at_most: 1 }, list)
            .unwrap(),
    );
    given.put(
        "adopted/expanded again",
        &pool.adopt(["10.0.0.16/30"]).unwrap(),
    );
    given.check("adopted");
    let full = full(Policy::Lowest);
    let mut given = Given::default();
    given.put("released many/all", &full.release_many(&[host(2), host(3)]));
    given.put(
        "released many/errors",
        &full.release_many(&[host(3), host(4), host(0), common::ten(999)]),
    );
    let units = Pool::builder(v4("10.0.0.0/24")).unit(28).build().unwrap();
    given.put("released many/misaligned", &units.release_many(&[host(17)]));
    given.check("released many");
}

/// Members, and why something was not done with a set.
#[test]
fn sets_have_their_fixed_names() {
    let mut given = Given::default();
    let banded = NewMember::new(Pool::new(v4("10.0.0.0/24")).unwrap()).band(StaticBand::Kubernetes);
    let mut set = PoolSet::builder().room(1).member(banded).build().unwrap();
    let held = set.allocate().unwrap();
    let some = host(40)..=host(49);
    set.cordon(some.clone()).unwrap();
    let member = set.members().next().unwrap();
    let (id, mut view) = (member.id(), serde_json::to_value(&member).unwrap());
    assert!(view["info"]["memory_bytes"].take().is_u64());
    given.put("set/member", &view);
    given.put("set/strategy", &Strategy::MostFree);
    let unknown = set
        .drain(serde_json::from_value(json!(7)).unwrap())
        .unwrap_err();
    given.put_error("set/unknown member", &unknown, unknown.code());
    let not_drained = set.remove(id).unwrap_err();
    given.put_error("set/not drained", &not_drained, not_drained.code());
    set.drain(id).unwrap();
    let not_empty = set.remove(id).unwrap_err();
    given.put_error("set/not empty", &not_empty, not_empty.code());
    set.resume(id).unwrap();
    let not_cordoned = set.uncordon(host(40)..=host(48)).unwrap_err();
    given.put_error("set/not cordoned", &not_cordoned, not_cordoned.code());
    let outside = set
        .cordon("10.9.0.0".parse().unwrap()..="10.9.0.9".parse().unwrap())
        .unwrap_err();
    given.put_error("set/cordon outside", &outside, outside.code());
    for _ in 1..16 {
        set.cordon(some.clone()).unwrap();
    }
    let too_many = set.cordon(some).unwrap_err();
    given.put_error("set/too many cordons", &too_many, too_many.code());
    let overlaps = set
        .add(Pool::new(v4("10.0.0.128/25")).unwrap())
        .unwrap_err();
    given.put_error("set/overlaps", &overlaps, overlaps.code());
    let no_room = set.add(Pool::new(v4("10.0.1.0/24")).unwrap()).unwrap_err();
    given.put_error("set/no room", &no_room, no_room.code());
    let _ = held;
    pairs_have_theirs(&mut given);
    given.check("set");
}

fn pairs_have_theirs(given: &mut Given) {
    let v6s = || Pool::new(v6("2001:db8::/126")).unwrap();
    let of = |v4, v6| DualStack::new(PoolSet::new([v4]).unwrap(), PoolSet::new([v6]).unwrap());
    let both = of(Pool::new(v4("10.0.0.0/24")).unwrap(), v6s());
    let pair = both.allocate_pair().unwrap();
    given.put("set/pair", &pair);
    both.v6().release(pair.v6).unwrap();
    let not_released = both.release_pair(pair).unwrap_err();
    given.put("set/pair not released", &not_released);
    while both.allocate_pair().is_ok() {}
    let no_v6 = both.allocate_pair().unwrap_err();
    given.put_error("set/no v6", &no_v6, no_v6.code());
    let both = of(full(Policy::Lowest), v6s());
    let no_v4 = both.allocate_pair().unwrap_err();
    given.put_error("set/no v4", &no_v4, no_v4.code());
    let (taken, other) = (full(Policy::Lowest).iter().next(), "2001:db8::3");
    let not_exact = both.allocate_pair_exact(taken.unwrap(), other.parse().unwrap());
    let not_exact = not_exact.unwrap_err();
    given.put_error("set/no exact v4", &not_exact, not_exact.code());
    let twins = TwinPools::new(full(Policy::Lowest), v6s()).unwrap();
    let no_index = twins.allocate_pair().unwrap_err();
    given.put_error("set/no common index", &no_index, no_index.code());
}

/// What changed, as lists of addresses.
#[test]
fn diffs_have_their_fixed_names() {
    let mut given = Given::default();
    let pool = full(Policy::Lowest);
    let older = pool.snapshot();
    given.put("diff/nothing", &pool.snapshot().diff(&older).unwrap());
    pool.release(host(3)).unwrap();
    pool.release(host(5)).unwrap();
    let newer = pool.snapshot();
    given.put("diff/released", &newer.diff(&older).unwrap());
    given.put("diff/allocated", &older.diff(&newer).unwrap());
    let pool = Pool::new(v6("2001:db8::/120")).unwrap();
    let older = pool.snapshot();
    pool.allocate_exact(a6("2001:db8::99")).unwrap();
    given.put("diff/ipv6", &pool.snapshot().diff(&older).unwrap());
    given.check("diff");
}

/// Every variant of every error; its `code` in JSON is its `code()`.
#[test]
fn errors_have_their_fixed_names_and_their_code() {
    let mut given = Given::default();
    let range = |first, last| ip(first)..=ip(last);
    let of = |text| Pool::builder(net(text));
    for (name, built) in [
        ("host bits", Pool::new(net("10.0.0.5/24"))),
        ("mapped prefix", Pool::new(net("::ffff:10.0.0.0/120"))),
        ("too large", of("2001:db8::/88").build()),
        (
            "gateway outside",
            of("10.0.0.0/24")
                .gateway(Gateway::At(ip("10.0.1.1")))
                .build(),
        ),
        (
            "gateway of another family",
            Pool::over([range("10.0.0.1", "10.0.0.9")])
                .gateway(Gateway::At(ip("::1")))
                .build(),
        ),
        (
            "gateway reserved",
            of("10.0.0.0/24")
                .gateway(Gateway::At(ip("10.0.0.255")))
                .build(),
        ),
        (
            "backwards",
            of("10.0.0.0/24")
                .range(range("10.0.0.9", "10.0.0.5"))
                .build(),
        ),
        (
            "outside",
            of("10.0.0.0/24")
                .range(range("10.0.0.9", "10.0.1.5"))
                .build(),
        ),
        (
            "overlaps",
            Pool::over([range("::1", "::9"), range("::9", "::a")]).build(),
        ),
        (
            "misaligned",
            of("10.0.0.0/24")
                .unit(28)
                .range(range("10.0.0.1", "10.0.0.15"))
                .build(),
        ),
        ("bad unit", of("10.0.0.0/24").unit(20).build()),
        ("empty", Pool::over([]).build()),
    ] {
        let error = built.unwrap_err();
        given.put_error(&format!("error/build {name}"), &error, error.code());
    }
    let pool = full(Policy::Lowest);
    for (name, refused) in [
        ("exhausted", pool.allocate().map(drop)),
        ("bad block", pool.allocate_block(28).map(drop)),
        (
            "out of range",
            pool.allocate_in(host(9)..=host(19)).map(drop),
        ),
    ] {
        let error = refused.unwrap_err();
        given.put_error(&format!("error/allocate {name}"), &error, error.code());
    }
    let units = Pool::builder(v4("10.0.0.0/24")).unit(28).build().unwrap();
    for (name, refused) in [
        ("out of range", pool.allocate_exact(host(9))),
        ("reserved", pool.allocate_exact(host(7))),
        ("already allocated", pool.allocate_exact(host(5))),
        ("misaligned", units.allocate_exact(host(17))),
    ] {
        let error = refused.unwrap_err();
        given.put_error(&format!("error/exact {name}"), &error, error.code());
    }
    for (name, refused) in [
        ("out of range", pool.release(host(9))),
        ("reserved", pool.release(host(7))),
        ("not allocated", units.release(host(16))),
        ("misaligned", units.release_block(v4("10.0.0.16/30"))),
    ] {
        let error = refused.unwrap_err();
        given.put_error(&format!("error/release {name}"), &error, error.code());
    }
    let mut pool = Pool::new(net("10.0.0.0/24")).unwrap();
    for (name, larger) in [
        ("address lost", of("10.0.0.0/25")),
        ("host bits", of("10.0.0.5/23")),
    ] {
        let error = larger.grow(&mut pool).unwrap_err();
        given.put_error(&format!("error/grow {name}"), &error, error.code());
    }
    let exhausted = next_free(v4("10.0.0.0/30"), ["10.0.0.2"]).unwrap_err();
    given.put_error("error/next free exhausted", &exhausted, exhausted.code());
    let network = next_free(v4("10.0.0.5/24"), [""; 0]).unwrap_err();
    given.put_error("error/next free network", &network, network.code());
    given.check("error");
}

/// A count beyond 2^64 is written out in full, as text: most readers of JSON numbers would round it.
#[test]
fn a_count_of_slots_is_written_in_full() {
    let error: BuildError = Pool::new(net("::/0")).unwrap_err();
    assert_eq!(
        serde_json::to_string(&error).unwrap(),
        r#"{"code":"too-large","slots":"340282366920938463463374607431768211455","max":4294967296}"#
    );
}

/// Why a file cannot be used: the code, and the values that the message names.
#[cfg(all(feature = "mmap", target_os = "linux"))]
#[test]
fn errors_of_files_have_their_values() {
    use hostbits::{Durability, file::OpenError};
    let mut given = Given::default();
    let other_pool = {
        let path = std::env::temp_dir().join(format!("hostbits-serde-{}", std::process::id()));
        drop(Pool::builder(v4("10.0.0.0/24")).create(&path).unwrap());
        let refused = Pool::builder(v4("10.0.0.0/25")).open(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        refused
    };
    let durability = Durability::Strict;
    let (in_file, asked) = (Durability::Process, durability);
    let no_entry = std::io::Error::from_raw_os_error(13);
    for error in [
        OpenError::Build(BuildError::Empty),
        OpenError::NotFound,
        OpenError::AlreadyExists,
        OpenError::NotRegularFile,
        OpenError::Symlink,
        OpenError::WrongOwner { uid: 1000 },
        OpenError::InsecureMode { mode: 0o666 },
        OpenError::HardLinked { links: 2 },
        OpenError::RemoteFileSystem { magic: 0x6969 },
        OpenError::UnknownFileSystem { magic: 0x1234 },
        OpenError::RenumberingFileSystem { magic: 0x4d44 },
        OpenError::CopyOnWrite {
            why: "its blocks are shared",
        },
        OpenError::NotDurable { durability },
        OpenError::BadMagic,
        OpenError::EndianMismatch,
        OpenError::UnsupportedVersion { major: 2 },
        OpenError::UnsupportedFeatures { incompat: 1 },
        OpenError::ReadOnlyFeatures { ro_compat: 4 },
        OpenError::UnknownContent {
            what: "`policy best`".to_owned(),
        },
        OpenError::Corrupt {
            what: "regions overlap",
        },
        other_pool,
        OpenError::ModeMismatch { in_file, asked },
        OpenError::Truncated {
            len: 512,
            need: 53_248,
        },
        OpenError::NoSpace,
        OpenError::StaleFile { session: 1, min: 2 },
        OpenError::NoRoom,
        OpenError::InUse,
        OpenError::Busy,
        OpenError::TooManyProcesses { most: 224 },
        OpenError::Poisoned,
        OpenError::SyncFailed { errno: 5 },
        OpenError::OtherClock,
        OpenError::LinearSearch,
        OpenError::Io {
            action: "open the file",
            error: no_entry,
        },
    ] {
        given.put_error(&format!("file/{}", error.code()), &error, error.code());
    }
    given.check("file");
}

/// A plan that was kept in a file is the plan that was made, and can be applied.
#[test]
fn a_plan_comes_back_from_json_as_it_was() {
    let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>().unwrap()).unwrap();
    let lost = pool.allocate().unwrap();
    let options = reconcile::Options::new().grace(Duration::ZERO);
    let mut reconciler = pool.reconciler_with(options).unwrap();
    let mut pass = reconciler.begin().unwrap();
    pass.read([("10.0.0.7", "ann"), ("10.0.0.7", "bob"), ("x", "eve")]);
    let plan = pass.finish(3).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["version"], 2);
    assert_eq!(json["entries"]["duplicate"], 1);
    assert_eq!(json["ranges"][0]["first"], lost.to_string());
    assert_eq!(json["ranges"][0]["state"], "ripe");
    assert!(json["ranges"][0]["generation"].is_null());
    let read: hostbits::reconcile::Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(read, plan);
    assert_eq!(reconciler.undo(&read).unwrap().not_free, 1);
}

/// Each error of a pass is reached, and looks as it did.
#[test]
fn errors_of_passes_have_their_fixed_names_and_their_code() {
    let mut given = Given::default();
    let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
    let other = Pool::new(v4("10.0.0.0/24")).unwrap();
    pool.allocate_many(40).unwrap();
    let now = Arc::new(AtomicU64::new(0));
    let clock = {
        let now = Arc::clone(&now);
        move || SystemTime::UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed))
    };
    let options = reconcile::Options::new().grace(Duration::ZERO).clock(clock);
    let mut reconciler = pool.reconciler_with(options.clone()).unwrap();
    given.put_error("pass/busy", &pool.reconciler().unwrap_err(), "busy");
    let mut pass = reconciler.begin().unwrap();
    pass.read(["10.0.0.2"]);
    given.put_error("pass/count", &pass.finish(2).unwrap_err(), "count-mismatch");

    let plan_of = |reconciler: &mut Reconciler<'_, Ipv4Net>, users: &[&str]| {
        let mut pass = reconciler.begin().unwrap();
        pass.read(users);
        pass.finish(users.len() as u64).unwrap()
    };
    let all: Vec<String> = pool.iter().map(|addr| addr.to_string()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let old = plan_of(&mut reconciler, &all);
    let users: [(&str, &[&str]); 4] = [
        ("empty-list", &[]),
        ("unclear", &["10.0.0.2", "ten"]),
        ("shrunk", &["10.0.0.2"]),
        ("too-many", &all[..22]),
    ];
    for (code, users) in users {
        let plan = plan_of(&mut reconciler, users);
        let refused = reconciler.apply(&plan).unwrap_err();
        given.put_error(&format!("pass/{code}"), &refused, code);
    }
    let plan = plan_of(&mut reconciler, &all[..39]);
    now.store(16 * 60, Ordering::Relaxed);
    given.put_error("pass/stale", &reconciler.apply(&plan).unwrap_err(), "stale");
    given.put_error(
        "pass/superseded",
        &reconciler.apply(&old).unwrap_err(),
        "superseded",
    );
    let mut newer = plan.clone();
    newer.version = 99;
    given.put_error(
        "pass/version",
        &reconciler.apply(&newer).unwrap_err(),
        "version",
    );
    let mut elsewhere = other.reconciler_with(options).unwrap();
    given.put_error(
        "pass/other pool",
        &elsewhere.apply(&plan).unwrap_err(),
        "other-pool",
    );
    given.check("pass");
}
