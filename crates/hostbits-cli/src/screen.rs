//! What people see on standard error while something takes long: a bar, whom it waits for, what was odd. Beside JSON,
//! nothing: there standard error is for one object.

use crate::found::Grace;
use crate::notes::Notes;
use crate::output::{Format, print_error_text};
use hostbits::users::Adopted;
use hostbits_ops::{Observer, ReadToEnd};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Standard error, if somebody looks at it.
pub(crate) struct Screen {
    format: Format,
    /// What to call what takes long.
    name: String,
    bar: Mutex<Option<ProgressBar>>,
}

impl Screen {
    pub(crate) fn new(format: Format) -> Self {
        Self::of(format, String::new())
    }

    /// For several sightings of one pool, or of one set.
    pub(crate) fn of(format: Format, name: String) -> Self {
        Self {
            format,
            name,
            bar: Mutex::new(None),
        }
    }

    fn set_bar(&self, bar: Option<ProgressBar>) -> Option<ProgressBar> {
        let mut current = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut current, bar)
    }
}

impl Observer for Screen {
    /// Nothing is drawn before the first few thousand entries, nor into a file or a pipe.
    fn reading(&self, entries: Option<u64>) {
        let is_seen = self.format == Format::Plain && io::stderr().is_terminal();
        self.set_bar(is_seen.then(|| {
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
        }));
    }

    fn read(&self, more: u64) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &*bar {
            bar.inc(more);
        }
    }

    fn reading_is_over(&self) {
        if let Some(bar) = self.set_bar(None) {
            bar.finish_and_clear();
        }
    }

    fn adopted(&self, read: &ReadToEnd, report: &Adopted, free: u64) {
        if self.format == Format::Plain {
            print_error_text(&Notes { read, report, free }.to_string());
        }
    }

    fn wants_names(&self) -> bool {
        self.format == Format::Plain
    }

    fn waiting_for(&self, pids: &[u32]) {
        print_error_text(&format!(
            "waiting for {}, whose claim is in flight",
            processes(pids)
        ));
    }

    fn sighted(&self, sighting: u32, of: u32, orphans: u64, grace: Duration) {
        if self.format == Format::Plain {
            let (name, grace) = (&self.name, Grace(grace.as_millis() as u64));
            print_error_text(&format!(
                "{name}: sighting {sighting} of {of}, {orphans} orphans; waiting {grace}"
            ));
        }
    }
}

/// Processes by their numbers, for people.
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
