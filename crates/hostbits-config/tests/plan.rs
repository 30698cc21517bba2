//! What a plan contains and refuses, and that applying it does exactly that.
#![cfg(all(target_os = "linux", target_has_atomic = "64"))]

use hostbits::file::{self, OpenError};
use hostbits_config::{ApplyError, Config, Plan, RefusalKind};
use ipnet::IpNet;
use std::fs;
use std::path::PathBuf;

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("plan-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn config(&self, text: &str) -> Config {
        let path = self.0.join("sets.toml");
        fs::write(&path, text).unwrap();
        Config::read(&path).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn member(lines: &str) -> String {
    format!("[[sets.a.members]]\n{lines}\n")
}

const FIRST: &str = "network = '10.0.0.0/24'\nfile = 'a.pool'";

#[track_caller]
fn apply(config: &Config) {
    Plan::apply(config, None).unwrap();
}

fn told(config: &Config, old: Option<&Config>) -> Vec<String> {
    let plan = Plan::of(config, old).unwrap();
    let refusals = plan
        .refusals
        .iter()
        .map(|it| format!("refused: {}", it.code.code()));
    plan.steps
        .iter()
        .map(ToString::to_string)
        .chain(refusals)
        .collect()
}

#[test]
fn a_plan_changes_nothing_and_apply_can_be_repeated() {
    let folder = Folder::new("repeat");
    let config =
        folder.config(&(member(FIRST) + &member("network = '10.0.4.0/22'\nfile = 'b.pool'")));
    let created = [
        "a: 10.0.0.0/24: create, capacity 253",
        "a: 10.0.4.0/22: create, capacity 1021",
    ];
    assert_eq!(told(&config, None), created);
    assert!(!folder.path("a.pool").exists());
    // The process crashed after the first member.
    apply(&folder.config(&member(FIRST)));
    assert_eq!(
        told(&config, None),
        ["a: 10.0.0.0/24: keep, 0 allocated", created[1]]
    );
    apply(&config);
    let bytes = fs::read(folder.path("a.pool")).unwrap();
    let done = Plan::apply(&config, None).unwrap();
    assert!(!done.plan.changes_files());
    assert_eq!(fs::read(folder.path("a.pool")).unwrap(), bytes);
}

#[test]
fn growth_keeps_what_is_allocated() {
    let folder = Folder::new("growth");
    apply(&folder.config(&member(FIRST)));
    let held = file::open(folder.path("a.pool"))
        .unwrap()
        .allocate()
        .unwrap();
    let larger = folder.config(&member(&FIRST.replace("/24", "/23")));
    assert_eq!(
        told(&larger, None),
        ["a: 10.0.0.0/23: grow by 256, 1 allocated"]
    );
    apply(&larger);
    let view = file::read(folder.path("a.pool")).unwrap();
    assert_eq!(view.snapshot.iter().collect::<Vec<_>>(), [held]);
    assert_eq!(
        view.info.network,
        Some("10.0.0.0/23".parse::<IpNet>().unwrap())
    );
    let room = folder.config(&member(
        &(FIRST.replace("/24", "/23") + "\ncapacity = 100000"),
    ));
    assert_eq!(
        told(&room, None),
        ["a: 10.0.0.0/23: grow by 0, 1 allocated, a larger file"]
    );
    apply(&room);
    assert_eq!(told(&room, None), ["a: 10.0.0.0/23: keep, 1 allocated"]);
}

#[test]
fn a_file_that_is_in_use_does_not_grow_and_can_later() {
    let folder = Folder::new("in-use");
    apply(&folder.config(&member(FIRST)));
    let live = file::open(folder.path("a.pool")).unwrap();
    let larger = folder.config(
        &(member("network = '10.9.0.0/24'\nfile = 'b.pool'")
            + &member(&FIRST.replace("/24", "/23"))),
    );
    let error = Plan::apply(&larger, None).unwrap_err();
    let ApplyError::File {
        line, error, done, ..
    } = error
    else {
        panic!("{error}")
    };
    assert!(matches!(error, OpenError::InUse), "{error}");
    assert_eq!((line, done.len()), (4, 1), "the other one was created");
    drop(live);
    apply(&larger);
}

/// A change that would renumber is refused, and the file stays the same, byte for byte.
#[test]
fn what_would_renumber_is_refused() {
    let folder = Folder::new("renumber");
    apply(&folder.config(&member(FIRST)));
    file::open(folder.path("a.pool"))
        .unwrap()
        .allocate()
        .unwrap();
    let bytes = fs::read(folder.path("a.pool")).unwrap();
    for (lines, expected) in [
        ("network = '10.0.1.0/24'", RefusalKind::NetworkChanged),
        ("network = '2001:db8::/112'", RefusalKind::NetworkChanged),
        ("network = '10.0.0.0/25'", RefusalKind::WouldShrink),
        (
            "network = '10.0.0.0/24'\nreserve = [{range='10.0.0.2', label='x'}]",
            RefusalKind::WouldShrink,
        ),
        (
            "network = '10.0.0.0/24'\ngateway = '10.0.0.2'",
            RefusalKind::WouldShrink,
        ),
        (
            "network = '10.0.0.0/24'\nunit = 31",
            RefusalKind::UnitChanged,
        ),
        (
            "network = '10.0.0.0/24'\npolicy = 'next'",
            RefusalKind::PolicyChanged,
        ),
        (
            "network = '10.0.0.0/24'\ndurability = 'strict'",
            RefusalKind::DurabilityChanged,
        ),
        (
            "network = '10.0.0.0/16'\nranges = ['10.0.0.0-10.0.0.9']",
            RefusalKind::WouldShrink,
        ),
    ] {
        let config = folder.config(&member(&format!("{lines}\nfile = 'a.pool'")));
        let plan = Plan::of(&config, None).unwrap();
        let codes: Vec<_> = plan.refusals.iter().map(|it| it.code).collect();
        assert_eq!(codes, [expected], "{lines}");
        assert_eq!(plan.refusals[0].line, Some(1));
        assert!(
            plan.refusals[0]
                .message
                .contains("1 addresses of it are allocated"),
            "{plan:?}"
        );
        assert!(plan.steps.is_empty());
        assert!(matches!(
            Plan::apply(&config, None),
            Err(ApplyError::Refused(_))
        ));
        assert_eq!(fs::read(folder.path("a.pool")).unwrap(), bytes);
    }
}

/// The holder that is in the way of a reservation is named, and the advice is not to build everything anew.
#[test]
fn who_is_in_the_way_of_a_reservation_is_named() {
    let folder = Folder::new("in-the-way");
    apply(&folder.config(&member(FIRST)));
    let pool = file::open(folder.path("a.pool")).unwrap();
    let held = pool.allocate_many(3).unwrap()[1];
    drop(pool);
    let lines = format!("{FIRST}\nreserve = [{{range='{held}', label='x'}}]");
    let plan = Plan::of(&folder.config(&member(&lines)), None).unwrap();
    let message = &plan.refusals[0].message;
    let advice = format!(
        "3 addresses of it are allocated, and {held} is one: release it, or reclaim it if it is quarantined, or put the \
         line back"
    );
    assert!(message.ends_with(&advice), "{message}");
}

/// Reservations, labels and the gateway change with the next apply, where no address is held.
#[test]
fn reservations_change_where_nobody_holds_an_address() {
    let folder = Folder::new("reserve");
    apply(&folder.config(&member(FIRST)));
    let pool = file::open(folder.path("a.pool")).unwrap();
    pool.allocate().unwrap();
    let lines = "network = '10.0.0.0/24'\ngateway = 'last'\nreserve = [{range='10.0.0.9', label='x'}]\nfile = 'a.pool'";
    let config = folder.config(&member(lines));
    let plan = Plan::of(&config, None).unwrap();
    assert!(plan.refusals.is_empty(), "{plan:?}");
    assert!(
        plan.steps[0]
            .to_string()
            .ends_with("grow by 1, reserve 2 more, 1 allocated"),
        "{}",
        plan.steps[0]
    );
    let busy = Plan::apply(&config, None).unwrap_err();
    assert!(
        matches!(
            busy,
            ApplyError::File {
                error: OpenError::InUse,
                ..
            }
        ),
        "{busy}"
    );
    drop(pool);
    apply(&config);
    let pool = file::open(folder.path("a.pool")).unwrap();
    assert_eq!(pool.status([10, 0, 0, 9].into()).label(), Some("x"));
    assert_eq!(pool.status([10, 0, 0, 254].into()).label(), Some("gateway"));
    assert!(pool.is_available([10, 0, 0, 1].into()));
    assert_eq!(pool.allocated(), 1);
}

#[test]
fn an_earlier_range_would_move_the_others() {
    let folder = Folder::new("move");
    let with =
        |ranges: &str| folder.config(&member(&format!("ranges = [{ranges}]\nfile = 'a.pool'")));
    apply(&with("'10.0.0.10-10.0.0.19'"));
    let plan = Plan::of(&with("'10.0.0.0-10.0.0.5', '10.0.0.10-10.0.0.19'"), None).unwrap();
    assert_eq!(plan.refusals[0].code, RefusalKind::WouldRenumber);
    assert!(
        plan.refusals[0].message.contains("none of its addresses"),
        "{plan:?}"
    );
    assert!(
        Plan::of(&with("'10.0.0.10-10.0.0.19', '10.0.0.30-10.0.0.39'"), None)
            .unwrap()
            .changes_files()
    );
}

#[test]
fn nothing_is_applied_if_anything_is_refused() {
    let folder = Folder::new("all-or-nothing");
    apply(&folder.config(&member(FIRST)));
    let config = folder.config(
        &(member("network = '10.9.0.0/24'\nfile = 'b.pool'")
            + &member(&FIRST.replace("/24", "/25"))),
    );
    assert!(matches!(
        Plan::apply(&config, None),
        Err(ApplyError::Refused(_))
    ));
    assert!(!folder.path("b.pool").exists());
}

#[test]
fn a_member_is_removed_drained_and_empty() {
    let folder = Folder::new("removed");
    let other = member("network = '10.9.0.0/24'\nfile = 'b.pool'");
    let old = folder.config(&(other.clone() + &member(FIRST)));
    let drained = folder.config(&(other.clone() + &member(FIRST) + "drained = true\n"));
    let new = folder.config(&other);
    // It was never applied, so nothing can be lost.
    assert_eq!(
        told(&new, Some(&old)),
        [
            "a: 10.9.0.0/24: create, capacity 253",
            "a: 10.0.0.0/24: remove"
        ]
    );
    apply(&old);
    let pool = file::open(folder.path("a.pool")).unwrap();
    let addr = pool.allocate().unwrap();
    let keep = "a: 10.9.0.0/24: keep, 0 allocated";
    assert_eq!(told(&new, Some(&old)), [keep, "refused: still-held"]);
    let kept = [keep, "a: 10.0.0.0/24: keep, 1 allocated"];
    assert_eq!(
        told(&drained, Some(&old)),
        [kept[0], kept[1], "a: 10.0.0.0/24: drain, 1 still allocated"]
    );
    assert_eq!(
        told(&old, Some(&drained)),
        [kept[0], kept[1], "a: 10.0.0.0/24: resume"]
    );
    pool.release(addr).unwrap();
    assert_eq!(told(&new, Some(&old)), [keep, "refused: not-drained"]);
    assert_eq!(told(&new, Some(&drained)), [keep, "a: 10.0.0.0/24: remove"]);
    Plan::apply(&new, Some(&drained)).unwrap();
    assert!(folder.path("a.pool").exists(), "files are not deleted");
}

#[test]
fn another_file_is_refused_until_it_is_the_same_one() {
    let folder = Folder::new("moved");
    let old = folder.config(&member(FIRST));
    let new = folder.config(&member(&FIRST.replace("a.pool", "b.pool")));
    apply(&old);
    let create = "a: 10.0.0.0/24: create, capacity 253";
    assert_eq!(told(&new, Some(&old)), [create, "refused: file-moved"]);
    let forgotten = folder.config(&member("network = '10.0.0.0/24'"));
    assert_eq!(told(&forgotten, Some(&old)), ["refused: file-moved"]);
    fs::rename(folder.path("a.pool"), folder.path("b.pool")).unwrap();
    let changed = told(&new, Some(&old));
    assert_eq!(changed[0], "a: 10.0.0.0/24: keep, 0 allocated");
    assert!(
        changed[1].contains("file: ") && changed.len() == 2,
        "{changed:?}"
    );
}

#[test]
fn members_in_memory_are_compared_by_what_they_could_hand_out() {
    let folder = Folder::new("memory");
    let with = |lines: &str| folder.config(&member(lines));
    let old = with("network = '10.0.0.0/24'");
    for (lines, expected) in [
        ("network = '10.0.0.0/23'", vec![]),
        ("network = '10.0.0.0/25'", vec!["refused: would-shrink"]),
        (
            "network = '10.0.0.0/24'\nunit = 31",
            vec!["refused: unit-changed"],
        ),
        (
            "network = '10.0.1.0/24'",
            vec!["a: 10.0.1.0/24: add", "refused: not-drained"],
        ),
        (
            "network = '10.0.0.0/24'\nband = 4",
            vec!["a: 10.0.0.0/24: band: none becomes 4"],
        ),
        (
            "network = '10.0.0.0/24'\ncordons = ['10.0.0.9']",
            vec!["a: 10.0.0.0/24: cordon 10.0.0.9"],
        ),
    ] {
        assert_eq!(told(&with(lines), Some(&old)), expected, "{lines}");
    }
    let cordoned = with("network = '10.0.0.0/24'\ncordons = ['10.0.0.9']");
    assert_eq!(
        told(&old, Some(&cordoned)),
        ["a: 10.0.0.0/24: uncordon 10.0.0.9"]
    );
}

#[test]
fn choices_of_sets_ranges_and_pairs_are_told() {
    let folder = Folder::new("choices");
    let v6 = "[[sets.b.members]]\nnetwork = '2001:db8::/112'\n[pairs.p]\nv4 = 'a'\nv6 = 'b'\n";
    let key = "client_key = '00112233445566778899aabbccddeeff'";
    let a = member("network = '10.0.0.0/24'");
    let ranges = "[sets.a.ranges.blue]\nrange = '10.0.0.9'\n";
    let old = folder.config(&format!("{a}{v6}{ranges}"));
    let new = folder.config(&format!(
        "[sets.a]\nstrategy = 'most-free'\n{key}\n{a}{v6}index = 'same'\n[sets.a.ranges.red]\nrange = '10.0.0.8'\n"
    ));
    assert_eq!(
        told(&new, Some(&old)),
        [
            "a: strategy: InOrder becomes MostFree",
            "a: client_key: none becomes a key",
            "a: range red: none becomes 10.0.0.8, lowest",
            "a: range blue: 10.0.0.9, lowest becomes none",
            "p: pair: a and b, index any becomes a and b, index same"
        ]
    );
}

#[test]
fn without_the_old_one_closed_parts_are_told_with_their_stragglers() {
    let folder = Folder::new("closed");
    apply(&folder.config(&member(FIRST)));
    file::open(folder.path("a.pool"))
        .unwrap()
        .allocate_many(10)
        .unwrap();
    let config = folder.config(&member(&format!(
        "{FIRST}\ncordons = ['10.0.0.8-10.0.0.99']\ndrained = true"
    )));
    assert_eq!(
        told(&config, None),
        [
            "a: 10.0.0.0/24: keep, 10 allocated",
            "a: 10.0.0.0/24: drain, 10 still allocated",
            "a: 10.0.0.0/24: cordon 10.0.0.8-10.0.0.99, 4 still allocated"
        ]
    );
}

/// A missing file that had been seen before. The plan used to say "create", and apply failed with an error about
/// copies.
#[test]
fn a_file_that_is_missing_is_not_created_anew() {
    let folder = Folder::new("missing");
    let config = folder.config(&member(&format!("{FIRST}\nmin_session = 7")));
    assert_eq!(told(&config, None), ["refused: file-missing"]);
    let plan = Plan::of(&config, None).unwrap();
    let told = plan.refusals[0].to_string();
    assert!(told.contains("pool restore BACKUP"), "{told}");
    let applied = Plan::apply(&config, None);
    assert!(
        matches!(applied, Err(ApplyError::Refused(_))),
        "{applied:?}"
    );
    assert!(!folder.path("a.pool").exists());
    // Without the number it is a new file, with session 1.
    apply(&folder.config(&member(FIRST)));
    let config = folder.config(&member(&format!("{FIRST}\nmin_session = 1")));
    assert_eq!(Plan::of(&config, None).unwrap().refusals, []);
}

#[test]
fn links_and_other_files_are_found() {
    let folder = Folder::new("links");
    fs::create_dir(folder.path("real")).unwrap();
    std::os::unix::fs::symlink("real", folder.path("link")).unwrap();
    let config = folder.config(
        "[[sets.a.members]]\nnetwork = '10.0.0.0/24'\nfile = 'real/a.pool'\n\
         [[sets.b.members]]\nnetwork = '10.0.0.0/24'\nfile = 'link/a.pool'\n",
    );
    assert!(matches!(
        Plan::apply(&config, None),
        Err(ApplyError::File { line: 4, .. })
    ));
    assert_eq!(told(&config, None).last().unwrap(), "refused: shared-file");
    fs::write(folder.path("a.pool"), "no pool").unwrap();
    let config = folder.config(&format!("\n{}", member(FIRST)));
    let error = Plan::of(&config, None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a.pool, of the member of line 2: "),
        "{error}"
    );
}

/// A member can have both a weight and a band.
#[test]
fn a_weight_and_a_band_arrive_at_the_set() {
    let folder = Folder::new("weight-and-band");
    let config = folder.config(
        "[sets.a]\nstrategy = 'weighted'\n\
         [[sets.a.members]]\nnetwork = '10.0.0.0/24'\nfile = 'a.pool'\n\
         [[sets.a.members]]\nnetwork = '10.0.1.0/24'\nfile = 'b.pool'\nweight = 3\nband = 16\n",
    );
    apply(&config);
    let open = config.set("a").unwrap().open::<IpNet>().unwrap();
    let addrs: Vec<_> = (0..80).map(|_| open.set.allocate().unwrap()).collect();
    let of_second: Vec<_> = addrs
        .iter()
        .filter(|addr| addr.to_string().starts_with("10.0.1."))
        .collect();
    assert!((58..=62).contains(&of_second.len()), "{}", of_second.len());
    assert_eq!(of_second[0].to_string(), "10.0.1.17");
}

/// A file of leases is created and grows; a plain one is not converted, nor a cooldown changed, without being asked.
#[test]
fn a_pool_of_leases_is_created_grows_and_stays_one() {
    let folder = Folder::new("leases");
    let leases = format!("{FIRST}\nleases = true\ncooldown = '2m'");
    let keyed = |lines: &str| {
        let key = "owner_key = '00112233445566778899aabbccddeeff'";
        folder.config(&format!("[sets.a]\n{key}\n{}", member(lines)))
    };
    let config = keyed(&leases);
    assert_eq!(
        told(&config, None),
        ["a: 10.0.0.0/24: create, capacity 253"]
    );
    apply(&config);
    let held = {
        let pool = config.sets[0].members[0].open_leases::<IpNet>().unwrap();
        assert_eq!(pool.cooldown(), std::time::Duration::from_secs(120));
        let owner = config.sets[0].owner_key().unwrap().client(b"alice");
        pool.allocate_for(owner, hostbits::lease::Term::Forever)
            .unwrap()
    };
    assert_eq!(told(&config, None), ["a: 10.0.0.0/24: keep, 1 allocated"]);
    let refused = config.sets[0].open::<IpNet>().unwrap_err();
    assert_eq!(refused.code(), "holds-leases");

    let wider = leases.replace("/24", "/23");
    let grown = keyed(&wider);
    assert_eq!(
        told(&grown, None),
        ["a: 10.0.0.0/23: grow by 256, 1 allocated, a larger file"]
    );
    apply(&grown);
    let pool = grown.sets[0].members[0].open_leases::<IpNet>().unwrap();
    assert_eq!(pool.lease_of(held.addr()), Some(held));
    drop(pool);

    for lines in [
        wider.replace("'2m'", "'3m'"),
        wider.replace("leases = true\ncooldown = '2m'", ""),
    ] {
        assert_eq!(told(&keyed(&lines), None), ["refused: leases-changed"]);
    }
    // Without a cooldown, that of the file counts.
    let any = keyed(&wider.replace("\ncooldown = '2m'", ""));
    assert_eq!(told(&any, None), ["a: 10.0.0.0/23: keep, 1 allocated"]);
    // What a record says is not known before the file is opened.
    let reserved = format!("{wider}\nreserve = [{{ range = '10.0.1.9', label = 'nas' }}]");
    assert_eq!(told(&keyed(&reserved), None), ["refused: would-shrink"]);

    let plain = FIRST.replace("a.pool", "plain.pool");
    apply(&keyed(&plain));
    let converted = keyed(&format!("{plain}\nleases = true"));
    let plan = Plan::of(&converted, None).unwrap();
    assert_eq!(plan.refusals[0].code, RefusalKind::LeasesChanged);
    assert!(
        plan.refusals[0].message.contains("pool convert"),
        "{}",
        plan.refusals[0]
    );
    assert!(converted.sets[0].members[0].open_leases::<IpNet>().is_err());
    assert_eq!(
        keyed(&plain).sets[0].members[0]
            .open_leases::<IpNet>()
            .unwrap_err()
            .code(),
        "no-file"
    );
}
