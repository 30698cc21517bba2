//! One run of a target on one input: what was seen on the way, or the panic that ended it.

use crate::targets::Target;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// What a run has seen: results, error codes, sizes. An input that shows something new is worth
/// keeping; that is all the guidance there is.
#[derive(Default)]
pub(crate) struct Trace(pub(crate) BTreeSet<u64>);

impl Trace {
    pub(crate) fn note(&mut self, what: impl Hash) {
        // Not `RandomState`: campaigns with the same seed must do the same.
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        self.0.insert(hasher.finish());
    }
}

/// A panic that ended a run.
#[derive(Clone, Debug)]
pub(crate) struct Panic {
    /// The file, line and column of the panic.
    pub(crate) place: String,
    pub(crate) message: String,
}

thread_local! {
    /// `Some` while a panic of this thread counts as a finding.
    static CAUGHT: RefCell<Option<Option<Panic>>> = const { RefCell::new(None) };
}

/// Runs `target` on `input`.
pub(crate) fn run(target: &Target, input: &[u8]) -> Result<Trace, Panic> {
    static HOOK: Once = Once::new();
    HOOK.call_once(install_hook);
    CAUGHT.set(Some(None));
    let mut trace = Trace::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input, &mut trace)));
    let caught = CAUGHT.take().flatten();
    match outcome {
        Ok(()) => Ok(trace),
        Err(_) => Err(caught.expect("the hook has seen the panic")),
    }
}

/// Installs a hook that keeps the panics of a run for the report; all others are shown as usual.
fn install_hook() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let kept = CAUGHT.with_borrow_mut(|caught| match caught {
            Some(panic) => {
                *panic = Some(Panic {
                    place: info.location().map(ToString::to_string).unwrap_or_default(),
                    message: text_of(info.payload()),
                });
                true
            }
            None => false,
        });
        if !kept {
            usual(info);
        }
    }));
}

fn text_of(payload: &dyn std::any::Any) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("not a text").to_owned()
}
