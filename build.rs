//! Gives "there are pool files" a name, `cfg(pool_files)`: the feature `mmap`, on Linux, with atomics of 64 bits, and
//! not for the models of loom.

use std::env;

/// Also called by the script of `benches/without-barrier`.
pub fn main() {
    println!("cargo::rustc-check-cfg=cfg(pool_files)");
    println!("cargo::rerun-if-changed=build.rs");
    let is_set = |name| env::var_os(name).is_some();
    let has = |name, value| {
        let values = env::var(name).unwrap_or_default();
        values.split(',').any(|it| it == value)
    };
    let is_model = is_set("CARGO_CFG_LOOM") && is_set("CARGO_FEATURE__LOOM");
    if is_set("CARGO_FEATURE_MMAP")
        && has("CARGO_CFG_TARGET_OS", "linux")
        && has("CARGO_CFG_TARGET_HAS_ATOMIC", "64")
        && !is_model
    {
        println!("cargo::rustc-cfg=pool_files");
    }
}
