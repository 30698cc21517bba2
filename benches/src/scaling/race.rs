//! Threads that start together. Starting them is not timed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Runs `work` on `threads` threads at the same time, each with what `prepare` returns for its index.
///
/// Returns the time from the first start to the last end, and the results of the work.
pub fn race<S, T: Send>(
    threads: usize,
    prepare: impl Fn(usize) -> S + Sync,
    work: impl Fn(S) -> T + Sync,
) -> (Duration, Vec<T>) {
    let waiting = AtomicUsize::new(threads);
    let run = |index| {
        let prepared = prepare(index);
        start_line(&waiting);
        let start = Instant::now();
        let answer = work(prepared);
        (start, Instant::now(), answer)
    };
    let runs: Vec<_> = std::thread::scope(|scope| {
        let run = &run;
        let handles: Vec<_> = (0..threads)
            .map(|index| scope.spawn(move || run(index)))
            .collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, _>| handle.join();
        let joined = handles.into_iter().map(join);
        joined.map(|run| run.expect("no thread panics")).collect()
    });
    let start = runs.iter().map(|run| run.0).min().expect("some thread");
    let end = runs.iter().map(|run| run.1).max().expect("some thread");
    (end - start, runs.into_iter().map(|run| run.2).collect())
}

/// Waits until all threads have arrived. It spins, because a thread that sleeps would start late.
fn start_line(waiting: &AtomicUsize) {
    waiting.fetch_sub(1, Ordering::SeqCst);
    let mut turns = 0u32;
    while waiting.load(Ordering::SeqCst) != 0 {
        turns += 1;
        // With more threads than cores, the others need this thread's core.
        if turns.is_multiple_of(1024) {
            std::thread::yield_now();
        }
        std::hint::spin_loop();
    }
}
