//! The clock of a file of leases: seconds that all its processes count alike, and that go on over a reboot.
//!
//! ```text
//! tick = base tick + seconds of the coarse clock since then + seconds of suspension since then
//! ```
//!
//! The base is in the file. Within one boot it stays, so that time goes on while no process has the file open. After
//! another boot, the first opener sets a new one: time goes on from the last tick that a process has seen, so the time in
//! between does not count. Errors can only prolong leases.

use super::records::at;
use super::system;
use crate::sync::{AtomicU64, Ordering};
use nix::time::{ClockId, clock_gettime};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// What the clocks of the machine say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The name of the boot; zero if it is unknown.
    pub(super) boot: [u8; 16],
    /// The name of the clock; 0 if it is unknown.
    pub(super) clock: u64,
    /// The second of the coarse clock.
    pub(super) second: u64,
    /// How many seconds the machine was suspended in this boot: at least so many.
    pub(super) suspended: u64,
    /// The same: at most so many.
    pub(super) suspended_at_most: u64,
}

impl Reading {
    pub(super) fn now() -> Self {
        Self {
            boot: system::boot_id(),
            clock: clock_name(),
            second: coarse_time().second(),
            suspended: suspended_seconds(),
            suspended_at_most: suspended_seconds_at_most(),
        }
    }
}

/// Starts the clock of a file. Only for a first opener: no other process reads it.
///
/// The name of the boot goes first and comes last. If the process dies in between, the base is that of no boot, and is
/// not believed.
pub(super) fn start(facts: &[AtomicU64], now: Reading) {
    // SeqCst: as in `start_by`.
    start_by(facts, now, |at, value| {
        facts[at].store(value, Ordering::SeqCst);
    });
}

fn start_by(facts: &[AtomicU64], now: Reading, mut store: impl FnMut(usize, u64)) {
    // SeqCst, and so are all stores: in this order, also for a process that finds what a dead one has left.
    let load = |at: usize| facts[at].load(Ordering::SeqCst);
    let boot = boot_words(now.boot);
    let is_known = now.boot != [0; 16] && now.clock != 0;
    let is_same_boot =
        is_known && [load(at::BOOT), load(at::BOOT + 1)] == boot && load(at::CLOCK) == now.clock;
    let is_later =
        now.second >= load(at::BASE_SECOND) && now.suspended_at_most >= load(at::BASE_SUSPENDED);
    if is_same_boot && is_later {
        // Nothing else is noticed: no thread of an earlier process is about to write a time.
        let suspended = now.suspended.saturating_sub(load(at::BASE_SUSPENDED));
        store(at::SUSPENDED, suspended.min(u32::MAX.into()) << 32);
        return;
    }
    store(at::BOOT, 0);
    store(at::BOOT + 1, 0);
    store(at::BASE_TICK, load(at::LAST_TICK));
    store(at::BASE_SECOND, now.second);
    // What is counted from here on is never too much.
    store(at::BASE_SUSPENDED, now.suspended_at_most);
    store(at::SUSPENDED, 0);
    store(at::CLOCK, now.clock);
    if is_known {
        store(at::BOOT, boot[0]);
        store(at::BOOT + 1, boot[1]);
    }
}

fn boot_words(boot: [u8; 16]) -> [u64; 2] {
    let number = u128::from_ne_bytes(boot);
    [number as u64, (number >> 64) as u64]
}

/// Returns whether a process counts by the clock of the file: it is not in another time namespace.
pub(super) fn is_that_of(facts: &[AtomicU64], now: Reading) -> bool {
    // SeqCst: as in `start`. In doubt, no: two clocks without a name may differ.
    now.clock != 0 && facts[at::CLOCK].load(Ordering::SeqCst) == now.clock
}

/// Returns the name of this process' clock: that of its time namespace, with its offsets, because the number of a
/// namespace that is gone is used again. 0 if the system does not say.
fn clock_name() -> u64 {
    const ONLY_ONE: u64 = 1;
    match std::fs::metadata("/proc/self/ns/time") {
        Ok(namespace) => {
            let offsets = std::fs::read("/proc/self/timens_offsets").unwrap_or_default();
            u64::from(super::bytes::crc32c(&offsets)) << 32 | namespace.ino() & u64::from(u32::MAX)
        }
        // Before Linux 5.6, there is one clock.
        Err(_) if std::fs::metadata("/proc/self/ns/mnt").is_ok() => ONLY_ONE,
        Err(_) => 0,
    }
}

/// Returns how long the machine has been suspended since it was booted: at least so many seconds.
pub(crate) fn suspended_seconds() -> u64 {
    // In this order: a pause between the two makes the difference smaller, which prolongs leases.
    let boot = read(ClockId::CLOCK_BOOTTIME);
    boot.saturating_sub(read(ClockId::CLOCK_MONOTONIC))
        .as_secs()
}

/// Returns the same, as what others are counted from: at most so many seconds. Otherwise, a difference just below a whole
/// second could be rounded down now and up later, and a lease would end a second early.
pub(crate) fn suspended_seconds_at_most() -> u64 {
    // In this order: a pause between the two makes the difference larger.
    let monotonic = read(ClockId::CLOCK_MONOTONIC);
    let suspended = read(ClockId::CLOCK_BOOTTIME).saturating_sub(monotonic);
    suspended.as_secs() + u64::from(suspended.subsec_nanos() != 0)
}

/// A reading of the coarse clock in one word: seconds, and 30 bits of nanoseconds.
#[derive(Clone, Copy)]
pub(crate) struct CoarseTime(pub(crate) u64);

impl CoarseTime {
    #[inline(always)]
    pub(crate) fn new(second: u64, nanosecond: u64) -> Self {
        Self(second << 30 | nanosecond)
    }

    #[inline(always)]
    pub(crate) fn second(self) -> u64 {
        self.0 >> 30
    }
}

#[inline]
pub(crate) fn coarse_time() -> CoarseTime {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE);
    time.map_or(CoarseTime(0), |time| {
        CoarseTime::new(time.tv_sec() as u64, time.tv_nsec() as u64)
    })
}

/// The clocks of Linux are always there; if one was not, its time would stand still, which ends no lease.
#[inline]
fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::file::records::FACT_WORDS;

    const BOOT: [u8; 16] = *b"this boot's name";

    fn facts() -> Vec<AtomicU64> {
        (0..FACT_WORDS).map(|_| AtomicU64::new(0)).collect()
    }

    fn reading(boot: &[u8; 16], second: u64, suspended: u64) -> Reading {
        Reading {
            boot: *boot,
            clock: 7,
            second,
            suspended,
            suspended_at_most: suspended,
        }
    }

    /// As `lease::clock` counts.
    fn tick(facts: &[AtomicU64], now: Reading) -> u64 {
        let load = |at: usize| facts[at].load(Ordering::SeqCst);
        let tick = load(at::BASE_TICK)
            + now.second.saturating_sub(load(at::BASE_SECOND))
            + (load(at::SUSPENDED) >> 32);
        facts[at::LAST_TICK].fetch_max(tick, Ordering::SeqCst);
        tick
    }

    /// Within one boot, time goes on while no process has the file open, and while the machine is suspended.
    #[test]
    fn time_goes_on_within_a_boot() {
        let facts = facts();
        start(&facts, reading(&BOOT, 1000, 50));
        assert_eq!(tick(&facts, reading(&BOOT, 1010, 50)), 10);
        let later = reading(&BOOT, 1100, 80);
        start(&facts, later);
        assert_eq!(tick(&facts, later), 130, "100 seconds, and 30 suspended");
    }

    /// What a suspend is counted from is rounded up: where it lies between two seconds, none is counted that has not passed.
    #[test]
    fn a_suspend_is_never_counted_too_long() {
        let facts = facts();
        let suspended = |second, suspended| Reading {
            suspended_at_most: 5,
            ..reading(&BOOT, second, suspended)
        };
        start(&facts, suspended(1000, 4));
        let later = suspended(1010, 5);
        start(&facts, later);
        assert_eq!(tick(&facts, later), 10);
    }

    /// After another boot, whatever its clock says, time goes on from the last tick that was seen.
    #[test]
    fn after_a_reboot_time_goes_on_from_the_last_tick() {
        let other = b"some other boot.";
        for second in [0, 5, 1010, 1_000_000] {
            let facts = facts();
            start(&facts, reading(&BOOT, 1000, 50));
            assert_eq!(tick(&facts, reading(&BOOT, 1010, 50)), 10);
            let now = reading(other, second, 3);
            start(&facts, now);
            assert_eq!(tick(&facts, now), 10, "second {second}");
            assert_eq!(tick(&facts, reading(other, second + 4, 3)), 14);
        }
    }

    /// An unknown boot, another namespace, a clock that went back, and a tick that was not written: time is late.
    #[test]
    fn a_doubt_about_the_clock_makes_time_late() {
        let unknown = reading(&[0; 16], 1_000_000, 50);
        let namespace = Reading {
            clock: 8,
            ..reading(&BOOT, 1_000_000, 50)
        };
        let nameless = Reading {
            clock: 0,
            ..reading(&BOOT, 1_000_000, 50)
        };
        let back = reading(&BOOT, 900, 50);
        let less_suspended = reading(&BOOT, 1_000_000, 49);
        for now in [unknown, namespace, nameless, back, less_suspended] {
            let facts = facts();
            start(&facts, reading(&BOOT, 1000, 50));
            assert_eq!(tick(&facts, reading(&BOOT, 1010, 50)), 10);
            start(&facts, now);
            assert_eq!(tick(&facts, now), 10, "{now:?}");
        }
        let facts = facts();
        start(&facts, unknown);
        start(&facts, unknown);
        assert_eq!(tick(&facts, unknown), 0);
    }

    /// The first opener dies after any of its stores: the next one never finds a time that is ahead, in the boot of before, in
    /// that of the dead one, or in a third.
    #[test]
    fn a_death_in_the_middle_of_a_start_makes_time_late() {
        let [second, third] = [b"some other boot.", b"and a third one."];
        for stores in 0..=9 {
            for (boot, seconds) in [(&BOOT, 1_000_010), (second, 5_000_000), (third, 7)] {
                let facts = facts();
                start(&facts, reading(&BOOT, 1_000_000, 50));
                assert_eq!(tick(&facts, reading(&BOOT, 1_000_010, 50)), 10);
                let mut left = stores;
                start_by(&facts, reading(second, 100, 0), |at, value| {
                    if left != 0 {
                        left -= 1;
                        facts[at].store(value, Ordering::SeqCst);
                    }
                });
                let now = reading(boot, seconds, 50);
                start(&facts, now);
                // If the dead one was done, time has gone on in its boot.
                let most = match boot == second && stores == 9 {
                    true => 10 + seconds - 100 + 50,
                    false => 10,
                };
                assert_eq!(tick(&facts, now), most, "{stores} stores, {seconds}");
            }
        }
    }

    #[test]
    fn a_process_of_another_namespace_counts_otherwise() {
        let facts = facts();
        let now = reading(&BOOT, 1000, 0);
        start(&facts, now);
        assert!(is_that_of(&facts, now));
        assert!(!is_that_of(&facts, Reading { clock: 8, ..now }));
        let nameless = Reading { clock: 0, ..now };
        start(&facts, nameless);
        assert!(!is_that_of(&facts, nameless), "in doubt, it is another one");
    }

    /// The clock of this process has a name, the same each time.
    #[test]
    fn this_clock_has_a_name() {
        assert_ne!(clock_name(), 0);
        assert_eq!(clock_name(), clock_name());
    }
}
