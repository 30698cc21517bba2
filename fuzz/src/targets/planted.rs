//! A target with a known panic, to see that the harness finds one.

use super::Target;
use crate::run::Trace;

/// The three words and nothing else; none of them begins as another one ends.
pub(crate) const SMALLEST_LEN: usize = "/3310.0.0.5,bob".len();

pub(crate) fn target() -> Target {
    Target {
        name: "planted",
        words: &[],
        run,
    }
}

fn run(input: &[u8], trace: &mut Trace) {
    let holds = |word: &[u8]| input.windows(word.len()).any(|window| window == word);
    let depth = [&b"/33"[..], b"10.0.0.5", b",bob"]
        .iter()
        .take_while(|word| holds(word))
        .count();
    trace.note(depth);
    assert!(depth < 3, "planted");
}
