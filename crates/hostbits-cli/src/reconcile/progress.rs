//! A bar on standard error while a long list is read, if somebody is looking.

use crate::args::Format;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};

/// How many entries are read between two looks at the clock.
const STEP: u64 = 4096;

/// A bar, or nothing where nobody would see it.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of a list of so many entries, if that is known from another reading. Nothing is drawn before the
    /// first few thousand of them, nor into a file or a pipe, nor beside JSON.
    pub(super) fn new(format: Format, entries: Option<u64>) -> Self {
        let is_seen = format == Format::Plain && io::stderr().is_terminal();
        let bar = is_seen.then(|| {
            let bar = ProgressBar::with_draw_target(entries, ProgressDrawTarget::stderr());
            let template = match entries {
                Some(_) => "reading {bar:40} {human_pos} of {human_len} entries, {eta} left",
                None => "reading {spinner} {human_pos} entries, {per_sec}",
            };
            // A template that does not parse would be the default style, and is seen by the test.
            bar.set_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Self { bar }
    }

    /// The same items, counted.
    pub(super) fn over<I: Iterator>(&self, items: I) -> impl Iterator<Item = I::Item> {
        let mut count = 0u64;
        items.inspect(move |_| {
            count += 1;
            if let Some(bar) = &self.bar
                && count.is_multiple_of(STEP)
            {
                bar.inc(STEP);
            }
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
