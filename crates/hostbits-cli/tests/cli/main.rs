//! The real binary, from the outside: standard output, standard error and exit code.

mod bad_input;
mod example;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod export;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod faults;
mod formats;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod fullness;
mod help;
mod info;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod leases;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod lists;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod newer;
mod options;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod pool;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod pool_crash;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod pool_files;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod pool_json;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod pool_live;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod quiet;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod reconcile;
mod run;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod set;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod set_json;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod shell;
mod streams;
mod users_file;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod variants;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod who;
