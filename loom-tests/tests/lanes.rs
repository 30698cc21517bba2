//! Claims in flight of several processes, some of which die in the middle, and releases that were never published; and
//! claims of threads that did not survive a fork.
#![cfg(loom)]

use hostbits::model::{Child, Model, Processes};
use loom_tests::{FAR, LOW, explore, race};
use std::sync::Arc;

/// A caller that waits for a dead process's claim is refused in the end, and does not wait for ever.
#[test]
fn nobody_waits_for_the_dead() {
    explore("one dead, one alive", None, || {
        let world = Processes::new(Model::tree(1, &[(LOW, LOW)]));
        let alive = world.begin(0).unwrap();
        world.begin(1).unwrap().die_in_flight(LOW);
        assert!(!alive.claim_exact(LOW), "the dead one took it");
        assert_eq!(alive.claim_lowest(), None);
    });
}

/// The same while the process dies: until it is dead its claim may be given back; afterwards it is not.
#[test]
fn whoever_waits_for_one_that_dies_goes_on() {
    race(
        "one waits, one dies",
        Some(3),
        || Processes::new(Model::tree(1, &[(LOW, LOW)])),
        [
            |world: &Processes| {
                let alive = world.begin(0).unwrap();
                usize::from(alive.claim_exact(LOW))
            },
            |world: &Processes| {
                world.begin(1).unwrap().die_in_flight(LOW);
                2
            },
        ],
        |_, _| (),
    );
}

/// The dead process's lane has a new owner, with a claim in flight that it gives back: that claim is not buried in
/// place of the dead one, and no caller relies on what it is about to undo.
#[test]
fn a_new_owner_is_not_buried_with_the_dead() {
    let world = || {
        let world = Processes::new(Model::tree(1, &[(LOW, LOW + 1)]));
        world.begin(1).unwrap().die_in_flight(LOW + 1);
        world
    };
    race(
        "exact",
        Some(4),
        world,
        [
            |world: &Processes| {
                let alive = world.begin(0).unwrap();
                assert!(!alive.claim_exact(LOW + 1), "the dead one took it");
                assert!(alive.claim_exact(LOW), "nobody keeps it");
            },
            |world: &Processes| {
                let heir = world.begin(1).unwrap();
                assert_eq!(heir.claim_all(2), None, "there are never so many");
            },
        ],
        |_, _| (),
    );
    race(
        "lowest",
        Some(4),
        world,
        [
            |world: &Processes| {
                let alive = world.begin(0).unwrap();
                assert!(!alive.claim_exact(LOW + 1), "the dead one took it");
                assert_eq!(alive.claim_lowest(), Some(LOW), "nobody keeps it");
            },
            |world: &Processes| {
                let heir = world.begin(1).unwrap();
                assert_eq!(heir.claim_all(2), None, "there are never so many");
            },
        ],
        |_, _| (),
    );
}

/// The system does not report a process's own lock to it. A claim of the own process is not taken for a dead one's.
#[test]
fn our_own_flight_is_not_buried() {
    explore("two threads of one process", Some(4), || {
        let world = Processes::new(Model::tree(1, &[(LOW, LOW)]));
        let process = loom::sync::Arc::new(world.begin(0).unwrap());
        let other = {
            let process = loom::sync::Arc::clone(&process);
            loom::thread::spawn(move || {
                assert_eq!(process.claim_all(2), None, "there are never so many");
            })
        };
        assert!(!process.claim_exact(LOW + 1), "nobody ever has that one");
        assert!(process.claim_exact(LOW), "nobody keeps it");
        other.join().unwrap();
    });
}

/// If batches of two processes each want everything, one gets it, and neither waits for ever.
#[test]
fn batches_of_two_processes_exclude_each_other() {
    race(
        "two processes",
        Some(3),
        || Processes::new(Model::tree(1, &[(LOW, LOW + 1)])),
        [
            |world: &Processes| world.begin(0).unwrap().claim_all(2).is_some(),
            |world: &Processes| world.begin(1).unwrap().claim_all(2).is_some(),
        ],
        |_: &Processes, got: [bool; 2]| assert!(got[0] != got[1], "exactly one"),
    );
}

/// If two threads of one process each want everything, they take turns in its lane.
#[test]
fn batches_of_one_process_take_turns() {
    explore("two threads", Some(3), || {
        let world = Processes::new(Model::tree(1, &[(LOW, LOW + 1)]));
        let process = loom::sync::Arc::new(world.begin(0).unwrap());
        let other = {
            let process = loom::sync::Arc::clone(&process);
            loom::thread::spawn(move || process.claim_all(2).is_some())
        };
        let own = process.claim_all(2).is_some();
        assert!(own != other.join().unwrap(), "exactly one");
    });
}

/// A slot whose release was never published is found before "exhausted" is returned, whatever other threads settle
/// meanwhile.
#[test]
fn a_release_that_was_never_published_is_found() {
    let world = || {
        let world = Processes::new(Model::tree(3, &[]));
        world.begin(1).unwrap().die_in_release(FAR);
        world
    };
    race(
        "both want it",
        Some(3),
        world,
        [
            |world: &Processes| world.begin(0).unwrap().claim_lowest_or_scrub(),
            |world: &Processes| world.begin(1).unwrap().claim_lowest_or_scrub(),
        ],
        |_: &Processes, got: [Option<u32>; 2]| {
            let mut got = got.map(|slot| slot == Some(FAR));
            got.sort_unstable();
            assert_eq!(got, [false, true], "one of them has it");
        },
    );
    race(
        "while another one comes and goes",
        Some(3),
        world,
        [
            |world: &Processes| {
                let slot = world.begin(0).unwrap().claim_lowest_or_scrub();
                assert!(slot.is_some(), "one slot was free all the time");
            },
            |world: &Processes| {
                let other = world.begin(1).unwrap();
                assert!(other.release(LOW));
                if other.claim_exact(LOW) {
                    other.release(LOW);
                }
            },
        ],
        |_, _| (),
    );
}

/// Two threads of a child process enter for the first time, beside claims in flight of threads that the child does not
/// have. What those had claimed stays claimed, and no caller waits for them.
#[test]
fn a_child_waits_for_no_flight_of_its_parent() {
    race(
        "two in the air",
        Some(4),
        || Child::new(Model::tree(1, &[(LOW, LOW + 2)]), &[LOW, LOW + 1]),
        [
            |child: &Child| child.enter().claim_all(2, 0).map(|_| LOW),
            |child: &Child| child.enter().claim_lowest(0),
        ],
        |child: &Child, got| {
            assert_eq!(got, [None, Some(LOW + 2)]);
            assert!(!child.enter().claim_exact(LOW));
        },
    );
}

/// The flights of the parent are ended once, but not flights that have begun since: a thread that enters late and does
/// not know
/// yet that this was done must not bury a live flight. Otherwise, a call would report "exhausted"
/// because of a batch that gives everything back.
#[test]
fn a_late_comer_buries_no_flight_of_the_child() {
    type Role = fn(&Child) -> Option<u32>;
    fn batch(child: &Child) -> Option<u32> {
        assert_eq!(
            child.enter().claim_all(2, 0),
            None,
            "there are never so many"
        );
        None
    }
    let world = || Child::new(Model::tree(1, &[(LOW, LOW + 1)]), &[LOW + 1]);
    let exact: Role = |child| child.enter().claim_exact(LOW).then_some(LOW);
    let lowest: Role = |child| child.enter().claim_lowest(0);
    fn judge(_: &Child, got: [Option<u32>; 2]) {
        assert_eq!(got[1], Some(LOW), "nobody keeps it");
    }
    race("exact", Some(4), world, [batch, exact], judge);
    race("lowest", Some(4), world, [batch, lowest], judge);
    // A third thread enters, and has nothing else to do.
    explore("beside one who comes in", Some(2), move || {
        let child = Arc::new(world());
        let others = [batch, |child: &Child| child.enter().claim_from(LOW + 2)].map(|role| {
            let child = Arc::clone(&child);
            loom::thread::spawn(move || role(&child))
        });
        let got = lowest(&child);
        let others = others.map(|other| other.join().unwrap());
        assert!(
            got == Some(LOW) || others[1] == Some(LOW),
            "nobody keeps it"
        );
    });
}
