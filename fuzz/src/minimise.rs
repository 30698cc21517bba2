//! Makes a failing input smaller, as long as it fails at the same place.

use crate::run::run;
use crate::targets::Target;
use std::time::{Duration, Instant};

/// The time limit: a failure should be shown soon, even if its input is not the smallest possible.
const PATIENCE: Duration = Duration::from_secs(20);

/// Leaves out lines, then chunks, then single bytes, until nothing more can go.
pub(crate) fn minimise(target: &Target, input: &[u8], place: &str) -> Vec<u8> {
    let still_fails =
        |input: &[u8]| matches!(run(target, input), Err(panic) if panic.place == place);
    let end = Instant::now() + PATIENCE;
    let mut smallest = input.to_vec();
    loop {
        let len_before = smallest.len();
        without_lines(&mut smallest, &still_fails, end);
        let mut chunk = smallest.len() / 2;
        while chunk > 0 {
            without_chunks(&mut smallest, chunk, &still_fails, end);
            chunk /= 2;
        }
        if smallest.len() == len_before || Instant::now() > end {
            return smallest;
        }
    }
}

fn without_lines(smallest: &mut Vec<u8>, still_fails: &impl Fn(&[u8]) -> bool, end: Instant) {
    let mut index = 0;
    while Instant::now() < end {
        let mut lines: Vec<&[u8]> = smallest.split_inclusive(|&byte| byte == b'\n').collect();
        if index >= lines.len() {
            return;
        }
        lines.remove(index);
        let shorter = lines.concat();
        if still_fails(&shorter) {
            *smallest = shorter;
        } else {
            index += 1;
        }
    }
}

fn without_chunks(
    smallest: &mut Vec<u8>,
    chunk: usize,
    still_fails: &impl Fn(&[u8]) -> bool,
    end: Instant,
) {
    let mut at = 0;
    while at < smallest.len() && Instant::now() < end {
        let mut shorter = smallest.clone();
        shorter.drain(at..(at + chunk).min(smallest.len()));
        if still_fails(&shorter) {
            *smallest = shorter;
        } else {
            at += chunk;
        }
    }
}
