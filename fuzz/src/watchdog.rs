//! Ends a campaign whose target does not return: an endless loop is a finding, too.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest time that a run may take. Runs take some microseconds; even on a busy machine none takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The input that runs at the moment.
#[derive(Clone, Default)]
pub(crate) struct Watchdog(Arc<Mutex<Option<Run>>>);

struct Run {
    since: Instant,
    input: Vec<u8>,
}

impl Watchdog {
    /// Starts a thread that watches, and calls `hung` at most once.
    pub(crate) fn start(hung: impl FnOnce(&[u8]) + Send + 'static) -> Self {
        let watchdog = Self::default();
        let current = watchdog.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let current = current.0.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(run) = &*current
                    && run.since.elapsed() > PATIENCE
                {
                    return hung(&run.input);
                }
            }
        });
        watchdog
    }

    /// Records the input that runs now, if any.
    pub(crate) fn watch(&self, input: Option<&[u8]>) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *current = input.map(|input| Run {
            since: Instant::now(),
            input: input.to_vec(),
        });
    }
}
