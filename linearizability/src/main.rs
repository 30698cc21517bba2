//! The campaign: seasons with new seeds until the time is over, then the totals.
//!
//! Usage: `linearizability-campaign [minutes]`, by default 10. `HOSTBITS_SEED` repeats the programs of a campaign, but
//! not their schedule. Fails on the first history without an explanation. Also fails if some verb or some result never
//! occurred, because the campaign then proves nothing.

use hostbits::Policy;
use linearizability::arena::{POLICIES, TERRAINS, TINY};
use linearizability::leases::storm::{LeaseStorm, LeaseTally};
use linearizability::season::Season;
use linearizability::sets::SetStorm;
use linearizability::tally::Tally;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

const DEFAULT_MINUTES: f64 = 10.0;
/// The number of calls in one season.
const CALLS: u64 = 100_000;

fn main() -> ExitCode {
    let minutes = std::env::args().nth(1).map(|text| text.parse::<f64>());
    let minutes = match minutes.unwrap_or(Ok(DEFAULT_MINUTES)) {
        Ok(minutes) if minutes > 0.0 => minutes,
        _ => {
            eprintln!("usage: linearizability-campaign [minutes]");
            return ExitCode::FAILURE;
        }
    };
    let seed = first_seed();
    println!("{minutes} minutes, first seed {seed}");
    let (mut tally, mut leases) = (Tally::default(), LeaseTally::default());
    let time = Duration::from_secs_f64(minutes * 60.0);
    let outcome = campaign(seed, time, &mut tally, &mut leases);
    print!("{tally}");
    println!("leases: {leases:?}");
    if let Err(failure) = outcome {
        eprintln!("{failure}");
        return ExitCode::FAILURE;
    }
    let missing = tally.missing(&POLICIES);
    if !missing.is_empty() {
        eprintln!("never came up, so this campaign proves nothing: {missing:?}");
        return ExitCode::FAILURE;
    }
    let missing = leases.missing();
    if !missing.is_empty() {
        eprintln!("never came up for leases, so this campaign proves nothing: {missing:?}");
        return ExitCode::FAILURE;
    }
    println!("no violation");
    ExitCode::SUCCESS
}

fn campaign(
    seed: u64,
    time: Duration,
    tally: &mut Tally,
    leases: &mut LeaseTally,
) -> Result<(), String> {
    let begin = Instant::now();
    let mut next_seed = seed;
    while begin.elapsed() < time {
        let seeded = |policy| match policy {
            Policy::Random(_) => Policy::Random(next_seed),
            other => other,
        };
        let policies = Policy::ALL.map(seeded);
        for policy in policies {
            let long = Season {
                terrains: &TERRAINS,
                policy,
                seed: next_seed,
                calls: CALLS,
                brief: false,
            };
            let brief = Season {
                calls: CALLS / 20,
                brief: true,
                terrains: &TINY,
                ..long
            };
            tally.merge(&long.run().map_err(|failure| failure.to_string())?);
            tally.merge(&brief.run().map_err(|failure| failure.to_string())?);
        }
        let sets = SetStorm {
            seed: next_seed,
            calls: CALLS,
        };
        tally.merge(&sets.run()?);
        let storm = LeaseStorm {
            seed: next_seed,
            rounds: CALLS / 10,
        };
        leases.merge(&storm.run()?);
        println!(
            "{:>6.0} s  seed {next_seed}: {} calls, {} histories, {} overlaps explained, no violation",
            begin.elapsed().as_secs_f64(),
            tally.calls + leases.calls,
            tally.histories,
            tally.explained().overlaps
        );
        next_seed = next_seed.wrapping_add(1);
    }
    Ok(())
}

fn first_seed() -> u64 {
    let given = std::env::var("HOSTBITS_SEED").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(1, |now| now.as_secs())
    })
}
