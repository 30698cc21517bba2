//! Writes results as JSON into the target directory.

use crate::machine::Machine;
use serde::Serialize;
use std::path::PathBuf;

/// What a bench measured, and where.
#[derive(Serialize)]
struct Report<'a, T> {
    machine: Machine,
    rows: &'a [T],
}

/// Writes `rows`, with the machine that this runs on, to `name` in the target directory, and prints the path.
pub fn write_json(name: &str, rows: &[impl Serialize]) {
    let path = target_dir().join(name);
    let report = Report {
        machine: Machine::this(),
        rows,
    };
    let json = serde_json::to_string_pretty(&report).expect("rows are plain data");
    match std::fs::write(&path, json + "\n") {
        Ok(()) => println!("\nwritten: {}", path.display()),
        Err(error) => eprintln!("{} not written: {error}", path.display()),
    }
}

/// Returns the target directory, which is on a disk.
pub fn target_dir() -> PathBuf {
    // Benches run in the directory of their package.
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "../target".into());
    PathBuf::from(target)
}
