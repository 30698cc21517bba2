//! Writes results as JSON into the target directory.

use serde::Serialize;
use std::path::PathBuf;

/// Writes `rows` to `name` in the target directory, and prints the path.
pub fn write_json(name: &str, rows: &[impl Serialize]) {
    let path = target_dir().join(name);
    let json = serde_json::to_string_pretty(rows).expect("rows are plain data");
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
