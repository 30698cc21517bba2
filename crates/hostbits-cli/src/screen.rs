//! Progress on standard error while something takes long: a bar, the processes that it waits for, notes. With JSON,
//! nothing: standard error is then for one object.

use crate::found::Grace;
use crate::notes::Notes;
use crate::output::{Format, is_quiet, note};
use hostbits::users::Adopted;
use hostbits_ops::{Observer, ReadToEnd};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Standard error, if it is a terminal.
pub(crate) struct Screen {
    format: Format,
    /// The name of what takes long.
    name: String,
    bar: Mutex<Option<Shown>>,
}

impl Screen {
    pub(crate) fn new(format: Format) -> Self {
        Self::of(format, String::new())
    }

    /// Returns a screen for several sightings of one pool or set.
    pub(crate) fn of(format: Format, name: String) -> Self {
        Self {
            format,
            name,
            bar: Mutex::new(None),
        }
    }

    /// Reports whether anything is shown: not with JSON, and not if notes are silenced.
    fn is_wanted(&self) -> bool {
        self.format == Format::Plain && !is_quiet()
    }

    /// Returns a line that is redrawn, or `None` if nothing is shown.
    fn bar(&self, len: Option<u64>, template: &str) -> Option<Shown> {
        let is_seen = self.is_wanted() && io::stderr().is_terminal();
        is_seen.then(|| {
            let bar = ProgressBar::with_draw_target(len, ProgressDrawTarget::stderr());
            bar.set_style(style_of(template));
            let what = What::Entries;
            Shown { bar, what }
        })
    }

    fn set_bar(&self, shown: Option<Shown>) -> Option<Shown> {
        let mut current = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut current, shown)
    }

    fn with_bar(&self, work: impl FnOnce(&ProgressBar)) {
        let current = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Shown {
            bar,
            what: What::Entries,
        }) = &*current
        {
            work(bar);
        }
    }

    fn clear(&self) {
        if let Some(shown) = self.set_bar(None) {
            shown.bar.finish_and_clear();
        }
    }
}

/// Parses a template. One that does not parse falls back to the default style, which the tests notice.
fn style_of(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The line that is drawn.
struct Shown {
    bar: ProgressBar,
    what: What,
}

/// What the position of a bar counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Entries,
    Bytes,
}

impl Observer for Screen {
    /// Nothing is drawn before the first few thousand entries, nor into a file or a pipe.
    fn reading(&self, entries: Option<u64>) {
        let template = match entries {
            Some(_) => {
                "reading {bar:40} {percent} %, {human_pos} of {human_len} entries, {eta} left"
            }
            None => "reading {spinner} {human_pos} entries, {per_sec}",
        };
        self.set_bar(self.bar(entries, template));
    }

    fn read(&self, more: u64) {
        self.with_bar(|bar| {
            bar.inc(more);
        });
    }

    fn read_bytes(&self, read: u64, len: u64) {
        let mut current = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shown) = current.as_mut() else {
            return;
        };
        if shown.what == What::Entries && shown.bar.length().is_none() {
            shown.bar.set_style(style_of(
                "reading {bar:40} {percent} %, {bytes} of {total_bytes}, {eta} left",
            ));
            shown.what = What::Bytes;
        }
        if shown.what == What::Bytes {
            // The file may have grown since.
            shown.bar.set_length(len.max(read));
            shown.bar.set_position(read);
        }
    }

    fn reading_is_over(&self) {
        self.clear();
    }

    fn adopted(&self, read: &ReadToEnd, report: &Adopted, free: u64) {
        if self.is_wanted() {
            note(&Notes { read, report, free }.to_string());
        }
    }

    fn wants_names(&self) -> bool {
        self.is_wanted()
    }

    fn waiting_for(&self, pids: &[u32]) {
        note(&format!(
            "waiting for {}, whose claim is in flight",
            processes(pids)
        ));
    }

    fn sighted(&self, sighting: u32, of: u32, orphans: u64, grace: Duration) {
        if self.is_wanted() {
            let (name, grace) = (&self.name, Grace(grace.as_millis() as u64));
            note(&format!(
                "{name}: sighting {sighting} of {of}, {orphans} orphans; waiting {grace}"
            ));
            self.set_bar(self.bar(None, "next sighting in {msg}"));
        }
    }

    fn waiting(&self, left: Duration) {
        if left.is_zero() {
            return self.clear();
        }
        // Whole seconds, down to 1.
        let left = Duration::from_secs(left.as_millis().div_ceil(1000) as u64);
        self.with_bar(|bar| bar.set_message(humantime::format_duration(left).to_string()));
    }
}

/// Formats process ids for people.
pub(crate) fn processes(pids: &[u32]) -> String {
    match pids {
        [pid] => format!("process {pid}"),
        _ => {
            let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
            format!("processes {}", pids.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_have_their_number() {
        assert_eq!(processes(&[7]), "process 7");
        assert_eq!(processes(&[7, 9]), "processes 7, 9");
    }
}
