//! Applies random configurations in sequence, with holders in between. A plan that is not refused leads to a set equal
//! to a fresh one with the same holders; a refused plan changes no byte.
#![cfg(all(target_os = "linux", target_has_atomic = "64"))]

use hostbits::{AllocateError, PoolSet};
use hostbits_config::{ApplyError, Config, Plan};
use ipnet::IpNet;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The choices for one member: its network, its end, and options.
#[derive(Clone, Debug)]
struct Choice {
    is_there: bool,
    prefix_len: u8,
    has_reservation: bool,
    is_drained: bool,
    has_cordon: bool,
    band: u8,
}

fn choice() -> impl Strategy<Value = Choice> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (0..5u8, 24..=28u8, flags, 0..3u8).prop_map(
        |(presence, prefix_len, (has_reservation, is_drained, has_cordon), band)| Choice {
            is_there: presence != 0,
            prefix_len,
            has_reservation: has_reservation && prefix_len == 27,
            is_drained,
            has_cordon,
            band,
        },
    )
}

fn text(choices: &[Choice]) -> String {
    let mut text = String::new();
    for (index, choice) in choices.iter().enumerate().filter(|(_, it)| it.is_there) {
        let net = format!("10.0.{index}");
        text += &format!(
            "[[sets.a.members]]\nnetwork = '{net}.0/{}'\nfile = '{index}.pool'\ndrained = {}\nband = {}\n",
            choice.prefix_len,
            choice.is_drained,
            choice.band * 4
        );
        if choice.has_reservation {
            text += &format!("reserve = [{{ range = '{net}.4-{net}.5', label = 'x' }}]\n");
        }
        if choice.has_cordon {
            text += &format!("cordons = ['{net}.6-{net}.9']\n");
        }
    }
    text
}

/// Returns the contents of all pool files.
fn bytes(folder: &Path) -> Vec<Option<Vec<u8>>> {
    let file = |index: usize| fs::read(folder.join(format!("{index}.pool"))).ok();
    (0..3).map(file).collect()
}

/// Allocates until the set is exhausted, and returns the addresses.
fn rest(set: &PoolSet<IpNet>) -> Vec<IpAddr> {
    let mut addrs = Vec::new();
    loop {
        match set.allocate() {
            Ok(addr) => addrs.push(addr),
            Err(AllocateError::Exhausted { .. }) => return addrs,
            Err(error) => panic!("{error}"),
        }
    }
}

fn is_refused(config: &Config, old: Option<&Config>, folder: &Path) -> bool {
    let before = bytes(folder);
    let plan = Plan::of(config, old).unwrap();
    assert_eq!(bytes(folder), before, "a plan changes nothing");
    match Plan::apply(config, old) {
        Ok(done) => {
            assert_eq!(done.plan.steps, plan.steps);
            assert!(plan.refusals.is_empty());
            assert_eq!(plan.changes_files(), bytes(folder) != before);
            false
        }
        Err(ApplyError::Refused(refused)) => {
            assert_eq!(refused.refusals, plan.refusals);
            assert_eq!(bytes(folder), before, "a refusal changes nothing");
            true
        }
        Err(error) => panic!("{error}"),
    }
}

/// Compares the set in files with a fresh one in memory that has the same holders.
fn judge(config: &Config) {
    let open = config.sets[0].open::<IpNet>().unwrap().set;
    let holders: BTreeSet<IpAddr> = open.iter().collect();
    let fresh = config.sets[0].in_memory::<IpNet>().unwrap().set;
    for &addr in &holders {
        // Drains and cordons do not apply: the address was allocated before they existed.
        let member = fresh.member_of(addr).expect("no address has left the set");
        member
            .pool()
            .allocate_exact(addr)
            .expect("a holder keeps its address");
    }
    let in_file =
        |member: hostbits::set::Member<'_, IpNet>| (member.pool().info(), member.is_drained());
    for (ours, theirs) in open.members().zip(fresh.members()) {
        let ((mut our, drained), (mut their, also)) = (in_file(ours), in_file(theirs));
        (our.memory_bytes, their.memory_bytes) = (0, 0);
        assert_eq!((our, drained), (their, also));
    }
    assert_eq!(
        open.stragglers().collect::<Vec<_>>(),
        fresh.stragglers().collect::<Vec<_>>()
    );
    let given = rest(&open);
    assert_eq!(given, rest(&fresh), "the same addresses, in the same order");
    given.iter().for_each(|&addr| open.release(addr).unwrap());
    assert_eq!(open.iter().collect::<BTreeSet<_>>(), holders);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_plan_that_is_applied_is_a_fresh_set_with_the_same_holders(
        steps in prop::collection::vec(
            (prop::array::uniform3(choice()), prop::collection::vec(any::<u16>(), 0..40), any::<bool>()),
            2..6,
        )
    ) {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("property-{number}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let mut old: Option<Config> = None;
        for (choices, picks, with_old) in steps {
            let text = text(&choices);
            if text.is_empty() {
                continue;
            }
            let path = folder.join("sets.toml");
            fs::write(&path, text).unwrap();
            let config = Config::read(&path).unwrap();
            if is_refused(&config, old.as_ref().filter(|_| with_old), &folder) {
                continue;
            }
            prop_assert!(!is_refused(&config, Some(&config), &folder), "once more does nothing");
            prop_assert!(!Plan::of(&config, None).unwrap().changes_files());
            judge(&config);
            let set = config.sets[0].open::<IpNet>().unwrap().set;
            for pick in picks {
                let held: Vec<IpAddr> = set.iter().collect();
                if pick % 3 == 0 && !held.is_empty() {
                    set.release(held[usize::from(pick) % held.len()]).unwrap();
                } else {
                    let _ = set.allocate();
                }
            }
            drop(set);
            old = Some(config);
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}

fn cases() -> u32 {
    let factor = std::env::var("HOSTBITS_CASES")
        .ok()
        .and_then(|text| text.parse::<u32>().ok());
    60 * factor.unwrap_or(1)
}
