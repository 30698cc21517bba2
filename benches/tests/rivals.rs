//! Every contestant of the benches does the job before it is measured.

use hostbits_benches::rivals::{Contestant, Threads, entries};

fn assert_no_faults(contestant: &dyn Contestant, faults: &[String]) {
    let name = contestant.profile().name;
    assert!(faults.is_empty(), "{name}: {faults:?}");
}

/// Each address comes once, then nothing; what is released comes back, the lowest first where that is
/// claimed; exact claims and double releases return the right result if they are supported at all.
#[test]
fn one_thread_gets_each_address_once() {
    for entry in entries() {
        let contestant = entry.build(24);
        assert_no_faults(&*contestant, &contestant.faults_alone());
    }
}

/// Every contestant does the job with a second level of nodes, too. Those that walk would take minutes.
#[test]
fn larger_networks_are_filled_as_well() {
    for entry in entries() {
        let contestant = entry.build(16);
        if !contestant.profile().walks {
            assert_no_faults(&*contestant, &contestant.faults_alone());
        }
    }
}

/// Two threads take and give back; each address has one holder at a time, and none is lost.
#[test]
fn two_threads_never_share_an_address() {
    for entry in entries() {
        let contestant = entry.build(24);
        assert_no_faults(&*contestant, &contestant.faults_together(2));
    }
}

/// Filling in advance, as the bench does, is the same as allocating.
#[test]
fn filling_in_advance_leaves_the_rest_free() {
    for entry in entries() {
        let mut contestant = entry.build(24);
        contestant.fill_to(100);
        contestant.fill_to(255);
        contestant.pairs(3);
        contestant.fill_to(256);
        let refused =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| contestant.pairs(1)));
        assert!(refused.is_err(), "{}", contestant.profile().name);
    }
}

/// A contestant says what it cannot do: the tables print it.
#[test]
fn profiles_say_what_is_missing() {
    let profiles: Vec<_> = entries()
        .iter()
        .map(|entry| entry.build(24).profile().clone())
        .collect();
    for profile in &profiles {
        let says_lock = profile.cannot().contains("threads at a time");
        assert_eq!(
            says_lock,
            profile.threads == Threads::OneLock,
            "{}",
            profile.name
        );
    }
    let ours = profiles.iter().find(|profile| profile.ours);
    assert_eq!(ours.expect("hostbits takes part").cannot(), "");
}
