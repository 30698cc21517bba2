//! Runs one hot operation a given number of times and does nothing else: for `campaigns/instructions`.
//!
//! `hot_paths NAME COUNT` runs it, `hot_paths list` prints the names. One thread, fixed seeds and no
//! clock in a loop: the same arguments execute the same instructions.

use hostbits_benches::work;
use std::process::ExitCode;

/// The operations, by their names in `benches/instructions.txt`. `ratios` has rows of the same names.
const HOT_PATHS: &[&str] = &[
    "lowest_empty/24/off",
    "lowest_empty/16/off",
    "lowest_empty/8/off",
    "lowest_empty/16/counts",
    "mapped/16/off",
    "mapped/16/counts",
    "mid/16/off",
    "held/16/off",
    "spread/16/off",
    "next/16/off",
    "random/16/off",
    "exact/16/off",
    "local/16/off",
    "local_full_random/16/off",
    "exhausted/16/off",
    "exhausted/16/counts",
    "exhausted_after_batch/16/off",
    "full_random/16/off",
    "full_random/16/counts",
    "full_random/8/off",
    "nearly_full/16/off",
    "nearly_full/8/off",
    "into1/16",
    "into8/16",
    "into64/16",
    "into64_release_many/16/counts",
    "set/1/off",
    "set/16/off",
    "set/16/counts",
    "set_turns/16/off",
    "set_most/16/off",
    "lease/16/off",
    "lease_commit/16/off",
    "lease_owner/16/off",
    "lease_exhausted/16/off",
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    match args {
        [list] if list == "list" => {
            HOT_PATHS.iter().for_each(|name| println!("{name}"));
            Ok(())
        }
        [name, count] => {
            let unknown = || format!("no operation named {name}");
            let count = count.parse().map_err(|_| format!("no count: {count}"))?;
            let is_listed = HOT_PATHS.contains(&name.as_str());
            let mut work = is_listed
                .then(|| work(name))
                .flatten()
                .ok_or_else(unknown)?;
            // The time is not used here.
            work(count);
            Ok(())
        }
        _ => Err("usage: hot_paths NAME COUNT, or hot_paths list".to_owned()),
    }
}
