//! A campaign: takes an input, changes it, runs it, and keeps it if it showed something new.

use crate::minimise::minimise;
use crate::mutate::mutate;
use crate::random::Random;
use crate::run::{Panic, run};
use crate::targets::Target;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The most inputs to keep: more would only dilute each other.
const MAX_KEPT: usize = 20_000;

/// When to stop without a finding.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Elapsed(Duration),
    Runs(u64),
}

/// The outcome of a campaign.
pub(crate) struct Summary {
    pub(crate) runs: u64,
    pub(crate) kept: usize,
    pub(crate) elapsed: Duration,
    pub(crate) slowest: Duration,
    pub(crate) finding: Option<Finding>,
}

/// An input that makes the target panic.
pub(crate) struct Finding {
    pub(crate) input: Vec<u8>,
    /// Length of the input when it was found.
    pub(crate) found_len: usize,
    pub(crate) panic: Panic,
}

/// Runs a campaign; `watch` is called before each input runs, and when it ends.
pub(crate) fn campaign(
    target: &Target,
    seeds: Vec<Vec<u8>>,
    seed: u64,
    until: Until,
    watch: impl Fn(Option<&[u8]>),
) -> Summary {
    let mut random = Random::new(seed);
    let mut corpus = seeds.clone();
    let mut seen: HashSet<u64> = HashSet::new();
    let start = Instant::now();
    let mut summary = Summary {
        runs: 0,
        kept: corpus.len(),
        elapsed: Duration::ZERO,
        slowest: Duration::ZERO,
        finding: None,
    };
    let mut seeds = seeds.into_iter();
    while !is_over(until, start, summary.runs) {
        let is_seed = !seeds.as_slice().is_empty();
        let input = seeds
            .next()
            .unwrap_or_else(|| mutant(&corpus, target, &mut random));
        watch(Some(&input));
        let begun = Instant::now();
        let outcome = run(target, &input);
        summary.slowest = summary.slowest.max(begun.elapsed());
        watch(None);
        summary.runs += 1;
        match outcome {
            Ok(trace) => {
                let is_new = trace.0.iter().any(|event| !seen.contains(event));
                seen.extend(trace.0);
                if is_new && !is_seed && corpus.len() < MAX_KEPT {
                    corpus.push(input);
                }
            }
            Err(panic) => {
                summary.finding = Some(finding(target, &input, &panic));
                break;
            }
        }
    }
    summary.kept = corpus.len();
    summary.elapsed = start.elapsed();
    summary
}

fn is_over(until: Until, start: Instant, runs: u64) -> bool {
    match until {
        Until::Elapsed(most) => start.elapsed() >= most,
        Until::Runs(most) => runs >= most,
    }
}

fn mutant(corpus: &[Vec<u8>], target: &Target, random: &mut Random) -> Vec<u8> {
    let mut input = match corpus {
        [] => Vec::new(),
        some => random.one_of(some).clone(),
    };
    mutate(&mut input, corpus, target.words, random);
    input
}

/// Returns the finding with its input made small, and the message of the small input.
pub(crate) fn finding(target: &Target, input: &[u8], panic: &Panic) -> Finding {
    let smallest = minimise(target, input, &panic.place);
    let panic = run(target, &smallest)
        .err()
        .unwrap_or_else(|| panic.clone());
    Finding {
        found_len: input.len(),
        input: smallest,
        panic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::planted;

    /// A panic behind three words of a dictionary is found, and only those words are left of the input.
    #[test]
    fn a_planted_panic_is_found_and_made_small() {
        let target = planted::target();
        let seeds = vec![b"some text\nthat is\nof no use\n".to_vec()];
        let summary = campaign(&target, seeds, 1, Until::Runs(2_000_000), |_| {});
        let finding = summary.finding.expect("two million runs are enough");
        assert_eq!(finding.panic.message, "planted");
        assert_eq!(
            finding.input.len(),
            planted::SMALLEST_LEN,
            "{:?}",
            finding.input
        );
        assert!(finding.found_len >= finding.input.len());
    }

    /// Campaigns with the same seed do the same.
    #[test]
    fn a_campaign_can_be_repeated() {
        let target = planted::target();
        let [one, other] =
            [7, 7].map(|seed| campaign(&target, Vec::new(), seed, Until::Runs(500_000), |_| {}));
        assert_eq!((one.runs, one.kept), (other.runs, other.kept));
        let [one, other] = [one, other].map(|summary| summary.finding.map(|finding| finding.input));
        assert_eq!(one, other);
    }

    /// Every committed input passes. Each corpus must have some inputs: one that is loaded from the wrong place, or
    /// is empty, would pass, too.
    #[test]
    fn every_file_of_every_corpus_replays_cleanly() {
        for target in crate::targets::ALL {
            let corpus = crate::corpus::load(target).expect("a committed folder");
            assert!(corpus.len() >= 10, "{}: {}", target.name, corpus.len());
            for (path, input) in corpus {
                if let Err(panic) = run(target, &input) {
                    panic!("{}: {}: {}", path.display(), panic.place, panic.message);
                }
            }
        }
    }
}
