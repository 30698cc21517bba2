//! A disk that loses whatever was not synced, for the tests of recovery and closing.
//!
//! Live words, and an image of what is durable. A crash may come before any call of [`Disk`]. Then each word of the
//! image is either the old one or the live one: the kernel may have written back any of them, in any order. Words are
//! stored at most once between two calls, so there are no other values.

use crate::bitmap::GateWord;
use crate::slot::Slot;
use crate::storage::file::disk::Disk;
use crate::storage::file::layout::Kind;
use crate::storage::file::leave::leave;
use crate::storage::file::poison;
use crate::storage::file::recover::{Opened, RecoveryBasis, recover as recover_as};
use crate::storage::file::state::tests::state as state_of;
use crate::storage::file::state::{Belief, Doubt, Phase, State, States};
use crate::sync::{AtomicU64, Ordering};
use std::cell::{Cell, RefCell};
use std::io;

const KINDS: [Kind; 6] = [
    Kind::Volatile,
    Kind::Nodes,
    Kind::Trust,
    Kind::Ready,
    Kind::Free,
    Kind::Quarantine,
];

/// The volatile words, up to the poison.
const VOLATILE_WORDS: usize = poison::AT + 1;

/// Two words of slots, and everything that belongs to them.
type Words = [Vec<u64>; KINDS.len()];

/// The second word is the one in which everything happens; the first one is vouched for.
const SLOTS: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Image {
    words: Words,
    states: [Option<State>; 2],
}

struct SimDisk {
    live: [Vec<AtomicU64>; KINDS.len()],
    image: RefCell<Image>,
    calls: Cell<u32>,
    /// The number of the call that is no longer made.
    crash_at: u32,
    /// The number of the call that returns an error, having written nothing.
    fail_at: u32,
    /// The state that was about to be written when the machine went down: it may be on the disk.
    on_its_way: Cell<Option<(usize, State)>>,
}

const NEVER: u32 = u32::MAX;

/// Returns the gate after a sync has failed with this error, in the middle of a pass.
fn poisoned_with(errno: i32) -> u64 {
    let gate = AtomicU64::new(0);
    GateWord(&gate).collect();
    GateWord(&gate).poison(errno);
    gate.into_inner()
}

impl SimDisk {
    /// Starts a machine with this image.
    fn boot(image: &Image) -> Self {
        Self {
            live: image
                .words
                .clone()
                .map(|words| words.into_iter().map(AtomicU64::new).collect()),
            image: RefCell::new(image.clone()),
            calls: Cell::new(0),
            crash_at: NEVER,
            fail_at: NEVER,
            on_its_way: Cell::new(None),
        }
    }

    fn live_words(&self) -> Words {
        let copy = |words: &Vec<AtomicU64>| {
            words
                .iter()
                .map(|word| word.load(Ordering::Relaxed))
                .collect()
        };
        self.live.each_ref().map(copy)
    }

    /// Returns every image that may be on the disk if the machine goes down now.
    fn after_crash(&self) -> Vec<Image> {
        let live = self.live_words();
        let places = (2..KINDS.len()).flat_map(|kind| (0..SLOTS).map(move |word| (kind, word)));
        let mut images = vec![self.image.borrow().clone()];
        if let Some((slot, state)) = self.on_its_way.get() {
            let mut written = images[0].clone();
            written.states[slot] = Some(state);
            images.push(written);
        }
        for (kind, word) in places {
            let Some(&now) = live[kind].get(word) else {
                continue;
            };
            for index in 0..images.len() {
                if images[index].words[kind][word] != now {
                    let mut other = images[index].clone();
                    other.words[kind][word] = now;
                    images.push(other);
                }
            }
        }
        images
    }

    fn call(&self) -> io::Result<()> {
        let call = self.calls.replace(self.calls.get() + 1);
        if call >= self.crash_at {
            return Err(io::Error::other("the machine is down"));
        }
        if call == self.fail_at {
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }

    fn get(&self, kind: Kind, word: usize) -> u64 {
        self.words(kind)[word].load(Ordering::Relaxed)
    }
}

impl Disk for SimDisk {
    fn words(&self, kind: Kind) -> &[AtomicU64] {
        let index = KINDS.iter().position(|&other| other == kind);
        // It has no records.
        index.map_or(&[], |index| &self.live[index])
    }

    fn sync(&self, kinds: &[Kind]) -> io::Result<()> {
        self.call()?;
        let live = self.live_words();
        let mut image = self.image.borrow_mut();
        for (index, kind) in KINDS.iter().enumerate() {
            if kinds.contains(kind) {
                image.words[index] = live[index].clone();
            }
        }
        Ok(())
    }

    fn write_state(&self, slot: usize, state: &State) -> io::Result<()> {
        self.on_its_way.set(Some((slot, *state)));
        self.call()?;
        self.on_its_way.set(None);
        let mut image = self.image.borrow_mut();
        image.words = self.live_words();
        image.states[slot] = Some(*state);
        Ok(())
    }

    fn write_witness(&self, _: u64) -> io::Result<bool> {
        // `simulated_lives` tests what is trusted because of it; here it is just another sync.
        Ok(true)
    }

    fn sync_witness(&self) -> io::Result<()> {
        self.call()
    }
}

const USABLE: [(Slot, Slot); 1] = [(0, 120)];
const USABLE_BITS: [u64; SLOTS] = [u64::MAX, (1 << 57) - 1];

/// Which slots are held, and what the disk has.
struct Story {
    name: &'static str,
    trust: u64,
    free: [u64; SLOTS],
    quarantine: [u64; SLOTS],
    held: [u64; SLOTS],
}

/// Where T vouches, F contains no held slot; elsewhere, F may be arbitrarily stale.
const STORIES: [Story; 6] = [
    Story {
        name: "nothing is vouched for, and both words are stale",
        trust: 0,
        free: [0xff00, 0xffff_0000],
        quarantine: [0, 0],
        held: [0x0300, 0x000f_0000],
    },
    Story {
        name: "one word is vouched for",
        trust: 0b01,
        free: [0xff00, 0xff],
        quarantine: [0, 0],
        held: [0x00ff, 0x0f],
    },
    Story {
        name: "both are",
        trust: u64::MAX,
        free: [0xff00, 0xff],
        quarantine: [0, 0],
        held: [0x00ff, 0xff00],
    },
    Story {
        name: "a quarantine that nobody has emptied yet, and free slots beside it",
        trust: 0,
        free: [0xff00, 0xff],
        quarantine: [0x00f0, 0xff00],
        held: [0x0110, 0x0101],
    },
    Story {
        name: "bits of slots that there are none",
        trust: u64::MAX,
        free: [0xff00, u64::MAX << 50],
        quarantine: [0, u64::MAX << 60],
        held: [0x00ff, 0],
    },
    Story {
        name: "freed since it was a suspect, which the disk knows of F and not of Q",
        trust: u64::MAX,
        free: [0xff00, 0xff],
        quarantine: [0xf000, 0xf0f],
        held: [0x00ff, 0xff00],
    },
];

impl Story {
    fn image(&self) -> Image {
        let mut volatile = vec![7; VOLATILE_WORDS];
        volatile[poison::AT] = poisoned_with(7);
        Image {
            words: [
                volatile,
                vec![7; 2],
                vec![self.trust],
                vec![5],
                self.free.to_vec(),
                self.quarantine.to_vec(),
            ],
            states: [None, None],
        }
    }

    /// Checks what a completed recovery must have left, in memory and on the disk.
    fn check(&self, disk: &SimDisk, trusts_the_disk: bool) {
        let image = disk.image.borrow();
        for (word, usable) in USABLE_BITS.into_iter().enumerate() {
            let (free, quarantine) = (disk.get(Kind::Free, word), disk.get(Kind::Quarantine, word));
            let name = self.name;
            assert_eq!(
                free & self.held[word],
                0,
                "{name}: held and free, word {word}"
            );
            assert_eq!(
                free & quarantine,
                0,
                "{name}: free and suspect, word {word}"
            );
            assert_eq!((free | quarantine) & !usable, 0, "{name}: no such slot");
            let suspects = (self.free[word] | self.quarantine[word]) & usable;
            assert_eq!(
                (free | quarantine) & suspects,
                suspects,
                "{name}: a suspect is lost"
            );
            assert_eq!(image.words[4][word], free, "{name}: F is not durable");
            let durable = image.words[5][word];
            assert_eq!(durable, quarantine, "{name}: Q is not durable");
        }
        let trust = if trusts_the_disk { u64::MAX } else { 0 };
        assert_eq!(disk.get(Kind::Trust, 0), trust);
        assert_eq!(image.words[2][0], trust, "{}: T is not durable", self.name);
        for kind in [Kind::Volatile, Kind::Nodes, Kind::Ready] {
            assert_eq!(disk.get(kind, 0), 0, "nothing volatile is believed");
        }
    }
}

/// A recovery by an opener that knows no states: both slots are written.
fn recover(disk: &SimDisk, basis: RecoveryBasis, usable: &[(Slot, Slot)]) -> io::Result<State> {
    let opened = Opened {
        states: States::read([&[0; _], &[0; _]], &[0; 16]),
        state: state_of(1, Phase::Open),
    };
    recover_as(disk, basis, usable, opened)
}

fn machine_crash(trusts_the_disk: bool) -> RecoveryBasis {
    RecoveryBasis {
        belief: Belief::Vouched,
        is_clean: false,
        trusts_the_disk,
    }
}

/// Recovers from `image` with crashes at every call, up to `depth`, and checks every outcome.
fn explore(story: &Story, image: &Image, trusts_the_disk: bool, depth: u32) -> u64 {
    let disk = SimDisk::boot(image);
    recover(&disk, machine_crash(trusts_the_disk), &USABLE).unwrap();
    story.check(&disk, trusts_the_disk);
    let mut ends = 1;
    if depth == 0 {
        return ends;
    }
    for crash_at in 0..disk.calls.get() {
        let disk = SimDisk {
            crash_at,
            ..SimDisk::boot(image)
        };
        recover(&disk, machine_crash(trusts_the_disk), &USABLE).unwrap_err();
        for image in disk.after_crash() {
            ends += explore(story, &image, trusts_the_disk, depth - 1);
        }
    }
    ends
}

/// P3: the machine goes down again during the recovery, and again, at every point, with any words written back. No held
/// slot becomes free, and no suspect is lost.
#[test]
fn recovery_survives_crashes_at_every_point() {
    let mut ends = 0;
    for story in &STORIES {
        for trusts_the_disk in [false, true] {
            ends += explore(story, &story.image(), trusts_the_disk, 2);
        }
    }
    println!("{ends} recoveries");
    assert!(ends > 500);
}

/// A sync that fails ends the recovery: nothing may rely on it, and the next one begins anew.
#[test]
fn a_failed_sync_ends_the_recovery() {
    for story in &STORIES {
        let calls = {
            let disk = SimDisk::boot(&story.image());
            recover(&disk, machine_crash(true), &USABLE).unwrap();
            disk.calls.get()
        };
        for fail_at in 0..calls {
            let disk = SimDisk {
                fail_at,
                ..SimDisk::boot(&story.image())
            };
            let error = recover(&disk, machine_crash(true), &USABLE).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(5));
            assert_eq!(disk.calls.get(), fail_at + 1, "nothing is tried after it");
            for image in disk.after_crash() {
                explore(story, &image, true, 0);
            }
        }
    }
}

/// What the next opener assumes about words that nothing vouches for, or that were poisoned.
const UNBELIEVED: RecoveryBasis = RecoveryBasis {
    belief: Belief::Nothing(Doubt::Copy),
    is_clean: false,
    trusts_the_disk: true,
};

/// The words of a copy, or of memory after a failed write-back: T is 1 as always in `Barrier` and `Strict`, and F is
/// stale. Crashes at every call, twice, never cause them to be trusted.
#[test]
fn words_of_an_unknown_file_are_not_believed_whatever_t_says() {
    for story in &STORIES {
        let stale = Story {
            name: "stale, and vouched for",
            trust: u64::MAX,
            held: story.free.map(|free| free & 0x5555_5555_5555_5555),
            ..*story
        };
        let disk = SimDisk::boot(&stale.image());
        recover(&disk, UNBELIEVED, &USABLE).unwrap();
        stale.check(&disk, true);
        for crash_at in 0..disk.calls.get() {
            let disk = SimDisk {
                crash_at,
                ..SimDisk::boot(&stale.image())
            };
            recover(&disk, UNBELIEVED, &USABLE).unwrap_err();
            for image in disk.after_crash() {
                let is_settled = image.states != [None, None];
                // The state is written last. Until it is there, the file is as unknown as before.
                let basis = RecoveryBasis {
                    belief: if is_settled {
                        Belief::Vouched
                    } else {
                        UNBELIEVED.belief
                    },
                    ..UNBELIEVED
                };
                let disk = SimDisk::boot(&image);
                recover(&disk, basis, &USABLE).unwrap();
                stale.check(&disk, true);
            }
        }
    }
}

/// The poison survives a process that dies in the recovery from it, and a recovery whose sync fails poisons the file
/// for the next one, because memory may be dropped. Only a completed recovery clears it.
#[test]
fn poison_goes_when_nothing_stale_is_left_and_not_before() {
    let story = &STORIES[2];
    for belief in [Belief::Exact, Belief::Vouched, UNBELIEVED.belief] {
        let basis = RecoveryBasis {
            belief,
            ..UNBELIEVED
        };
        let calls = {
            let disk = SimDisk::boot(&story.image());
            recover(&disk, basis, &USABLE).unwrap();
            assert_eq!(poison::get(&disk), None);
            disk.calls.get()
        };
        for call in 0..calls {
            // A call that is no longer made returns an error without a number. If the poison has that error, the
            // earlier poison was gone, and a process that died instead would have left none.
            let before = poisoned_with(28);
            let dies = SimDisk {
                crash_at: call,
                ..SimDisk::boot(&story.image())
            };
            poison::word(&dies).store(before, Ordering::Relaxed);
            recover(&dies, basis, &USABLE).unwrap_err();
            let left = poison::word(&dies).load(Ordering::Relaxed);
            assert_eq!(left, before, "the poison is gone at call {call}");

            let fails = SimDisk {
                fail_at: call,
                ..SimDisk::boot(&story.image())
            };
            poison::word(&fails).store(0, Ordering::Relaxed);
            recover(&fails, basis, &USABLE).unwrap_err();
            assert_eq!(poison::get(&fails), Some(5), "no poison at call {call}");
        }
    }
}

/// The last process to close a poisoned pool, whichever process poisoned it, leaves everything as it is: a sync now
/// would succeed. And a sync that fails there poisons the file.
#[test]
fn a_poisoned_file_is_left_as_it_is() {
    let image = Image {
        states: [1, 2].map(|seq| Some(state_of(seq, Phase::Open))),
        ..STORIES[0].image()
    };
    let leave = |disk: &SimDisk| leave(disk, open_states(&image));
    let poisoned = SimDisk::boot(&image);
    leave(&poisoned).unwrap();
    assert_eq!(poisoned.calls.get(), 0, "nothing is synced");
    assert_eq!(poisoned.live_words(), image.words, "T says nothing new");

    for fail_at in 0..3 {
        let disk = SimDisk {
            fail_at,
            ..SimDisk::boot(&image)
        };
        poison::word(&disk).store(0, Ordering::Relaxed);
        leave(&disk).unwrap_err();
        assert_eq!(poison::get(&disk), Some(5));
        let calls = disk.calls.get();
        leave(&disk).unwrap();
        assert_eq!(disk.calls.get(), calls, "nothing is tried again");
    }
}

/// After the death of processes alone, the words are exact: nothing is quarantined, whatever T says.
#[test]
fn exact_words_are_kept() {
    let story = &STORIES[1];
    for is_clean in [false, true] {
        let disk = SimDisk::boot(&story.image());
        let basis = RecoveryBasis {
            belief: Belief::Exact,
            is_clean,
            trusts_the_disk: false,
        };
        recover(&disk, basis, &USABLE).unwrap();
        assert_eq!([0, 1].map(|word| disk.get(Kind::Free, word)), story.free);
        assert_eq!([0, 1].map(|word| disk.get(Kind::Quarantine, word)), [0, 0]);
    }
}

/// Processes died, and the machine goes down while the next one recovers: what they had claimed, and what had not
/// reached the disk, must not become something that T vouches for.
#[test]
fn a_crash_during_an_exact_recovery_vouches_for_nothing_stale() {
    let story = Story {
        name: "claims that the disk has not heard of",
        trust: 0,
        free: [0xffff, 0xff],
        quarantine: [0, 0],
        held: [0x0ff0, 0x0f],
    };
    let basis = RecoveryBasis {
        belief: Belief::Exact,
        is_clean: false,
        trusts_the_disk: true,
    };
    for crash_at in 0..=4 {
        let disk = SimDisk {
            crash_at,
            ..SimDisk::boot(&story.image())
        };
        for word in 0..SLOTS {
            disk.words(Kind::Free)[word].fetch_and(!story.held[word], Ordering::Relaxed);
        }
        let recovered = recover(&disk, basis, &USABLE);
        assert_eq!(recovered.is_ok(), crash_at == 4);
        for image in disk.after_crash() {
            let disk = SimDisk::boot(&image);
            recover(&disk, machine_crash(true), &USABLE).unwrap();
            for word in 0..SLOTS {
                let free = disk.get(Kind::Free, word);
                assert_eq!(free & story.held[word], 0, "crash at {crash_at}");
            }
        }
    }
}

fn open_states(image: &Image) -> States {
    let blocks = image
        .states
        .map(|state| state.map_or([0; _], |state| state.encode()));
    States::read([&blocks[0], &blocks[1]], &state_of(1, Phase::Open).uuid)
}

/// The last process is interrupted at every point of closing, with any words written back: either the next opener does
/// not trust the words that were not synced, or they were synced.
#[test]
fn leaving_survives_crashes_at_every_point() {
    let held = [0x00ff, 0xff00];
    for trusts_the_disk in [false, true] {
        let durable = Story {
            name: "leaving",
            trust: if trusts_the_disk { u64::MAX } else { 0 },
            free: [0xffff_ff00, 0xff],
            quarantine: [0, 0],
            held,
        };
        let mut image = durable.image();
        image.words[0][poison::AT] = 0;
        image.states = [1, 2].map(|seq| {
            let phase = if seq == 1 { Phase::Clean } else { Phase::Open };
            Some(state_of(seq, phase))
        });
        for crash_at in 0..=3 {
            let disk = SimDisk {
                crash_at,
                ..SimDisk::boot(&image)
            };
            if !trusts_the_disk {
                // Allocated since, and never synced: only words that T does not vouch for may be stale.
                disk.words(Kind::Free)[0].fetch_and(!0xff_0000, Ordering::Relaxed);
            }
            let left = leave(&disk, open_states(&image));
            let calls = disk.calls.get();
            assert_eq!(left.is_ok(), crash_at >= 3, "{calls} calls");
            let story = Story {
                held: if trusts_the_disk {
                    held
                } else {
                    [held[0] | 0xff_0000, held[1]]
                },
                ..Story {
                    name: "left",
                    ..durable
                }
            };
            for image in disk.after_crash() {
                if left.is_ok() {
                    let states = open_states(&image);
                    assert_eq!(states.newest.unwrap().phase, Phase::Clean);
                    assert!(states.is_whole);
                    assert_eq!(image.words[2], [u64::MAX], "everything is vouched for");
                }
                let disk = SimDisk::boot(&image);
                recover(&disk, machine_crash(trusts_the_disk), &USABLE).unwrap();
                for word in 0..SLOTS {
                    let free = disk.get(Kind::Free, word);
                    assert_eq!(
                        free & story.held[word],
                        0,
                        "held and free, crash at {crash_at}"
                    );
                }
            }
        }
    }
}
