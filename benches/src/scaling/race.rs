//! Threads that start together. Starting them is not timed.

use crate::cores::interruptions;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What threads did together.
pub struct Raced<T> {
    /// The time from the first start to the last end.
    pub elapsed: Duration,
    /// The results of the work.
    pub answers: Vec<T>,
    /// Whether each thread had a core for itself all the time.
    pub had_cores: bool,
}

/// Runs `work` on `threads` threads at the same time, each with what `prepare` returns for its index.
///
/// Returns the time from the first start to the last end, and the results of the work.
pub fn race<S, T: Send>(
    threads: usize,
    prepare: impl Fn(usize) -> S + Sync,
    work: impl Fn(S) -> T + Sync,
) -> (Duration, Vec<T>) {
    let raced = race_watched(threads, prepare, work);
    (raced.elapsed, raced.answers)
}

/// Does the same, and also returns whether the threads really ran at the same time.
pub fn race_watched<S, T: Send>(
    threads: usize,
    prepare: impl Fn(usize) -> S + Sync,
    work: impl Fn(S) -> T + Sync,
) -> Raced<T> {
    let waiting = AtomicUsize::new(threads);
    let run = |index| {
        let prepared = prepare(index);
        start_line(&waiting);
        let before = interruptions();
        let start = Instant::now();
        let answer = work(prepared);
        Lane {
            start,
            end: Instant::now(),
            was_interrupted: interruptions() != before,
            answer,
        }
    };
    let lanes: Vec<Lane<T>> = std::thread::scope(|scope| {
        let run = &run;
        let handles: Vec<_> = (0..threads)
            .map(|index| scope.spawn(move || run(index)))
            .collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, _>| handle.join();
        let joined = handles.into_iter().map(join);
        joined.map(|run| run.expect("no thread panics")).collect()
    });
    finish(lanes)
}

/// What one thread did.
struct Lane<T> {
    start: Instant,
    end: Instant,
    was_interrupted: bool,
    answer: T,
}

fn finish<T>(lanes: Vec<Lane<T>>) -> Raced<T> {
    let starts = || lanes.iter().map(|lane| lane.start);
    let start = starts().min().expect("some thread");
    let last_start = starts().max().expect("some thread");
    let end = lanes.iter().map(|lane| lane.end).max();
    let elapsed = end.expect("some thread") - start;
    // A thread that waited for a core before it began is not interrupted later.
    let began_together = (last_start - start) * 10 <= elapsed;
    Raced {
        elapsed,
        had_cores: began_together && !lanes.iter().any(|lane| lane.was_interrupted),
        answers: lanes.into_iter().map(|lane| lane.answer).collect(),
    }
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
