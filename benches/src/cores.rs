//! Whether threads had the cores for themselves while they were timed.
//!
//! Two threads on one core take turns, and what they do together then says nothing. A thread that had to make room for
//! another program was switched away against its will, which the kernel counts; time that went to another virtual machine
//! is in `/proc/stat`. Elsewhere than on Linux neither is known, and nothing is found.

use std::fs;

/// Returns how often this thread was switched away against its will.
pub(crate) fn interruptions() -> i64 {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let usage = getrusage(UsageWho::RUSAGE_THREAD);
        usage.map_or(0, |usage| usage.involuntary_context_switches())
    }
    #[cfg(not(target_os = "linux"))]
    0
}

/// The time of all cores so far, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CoreTime {
    stolen: u64,
    all: u64,
}

impl CoreTime {
    /// Reads the clocks of the cores.
    pub(crate) fn now() -> Self {
        Self::of(&fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    fn of(stat: &str) -> Self {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "));
        let fields = line.unwrap_or_default().split_whitespace();
        // User, nice, system, idle, waiting for a disk, two kinds of interrupts, stolen.
        let ticks: Vec<u64> = fields.take(8).flat_map(str::parse).collect();
        Self {
            stolen: ticks.get(7).copied().unwrap_or_default(),
            all: ticks.iter().sum(),
        }
    }

    /// Returns the share that other virtual machines took since `before`, in per cent.
    pub(crate) fn stolen_percent_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.stolen.saturating_sub(before.stolen) as f64 * 100.0 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::{CoreTime, interruptions};

    /// Stolen time is the eighth field of the first line.
    #[test]
    fn stolen_time_is_a_share_of_all() {
        let at = |idle, stolen| {
            CoreTime::of(&format!(
                "cpu  100 0 50 {idle} 0 0 0 {stolen} 7 7\ncpu0 1 2 3\n"
            ))
        };
        assert_eq!(at(170, 30).stolen_percent_since(at(100, 0)), 30.0);
        assert_eq!(
            CoreTime::of("").stolen_percent_since(CoreTime::default()),
            0.0
        );
    }

    /// More threads than cores cannot all run at once, and it shows.
    #[test]
    fn threads_that_take_turns_are_interrupted() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let total: i64 = std::thread::scope(|scope| {
            let spin = || {
                let before = interruptions();
                let start = std::time::Instant::now();
                while start.elapsed().as_millis() < 200 {}
                interruptions() - before
            };
            let handles: Vec<_> = (0..cores * 2).map(|_| scope.spawn(spin)).collect();
            let join = |handle: std::thread::ScopedJoinHandle<'_, i64>| handle.join();
            handles
                .into_iter()
                .map(|handle| join(handle).expect("no panic"))
                .sum()
        });
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let are_counted = status.contains("nonvoluntary_ctxt_switches");
        assert!(total > 0 || !are_counted);
    }
}
