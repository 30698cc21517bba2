//! The command where there are no pool files: `cargo test -p hostbits-cli --no-default-features --test no_files`.

#![cfg(not(all(feature = "mmap", target_os = "linux", target_has_atomic = "64")))]

use std::process::{Command, Output};

fn hostbits(args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostbits"));
    command.args(args.split(' ')).output().unwrap()
}

/// Whatever needs a pool file says the same, and what needs none goes on.
#[test]
fn commands_of_pool_files_say_that_there_are_none() {
    for args in [
        "who 10.0.0.2 --pool a.pool",
        "check a.pool --from users.csv",
        "reconcile apply plan.json",
        "seed a.pool --from users.csv",
        "reclaim a.pool --nobody",
        "pool create a.pool 10.0.0.0/24",
        "set plan sets.toml",
    ] {
        let plain = hostbits(args);
        let error = String::from_utf8(plain.stderr).unwrap();
        assert_eq!(
            error,
            "error: pool files are not supported on this platform\n"
        );
        assert_eq!((plain.status.code(), plain.stdout.len()), (Some(8), 0));
        let json = hostbits(&format!("{args} --format json"));
        assert_eq!(
            String::from_utf8(json.stderr).unwrap(),
            "{\"error\":{\"code\":\"unsupported\"},\"message\":\"pool files are not supported on this platform\"}\n"
        );
        assert_eq!((json.status.code(), json.stdout.len()), (Some(8), 0));
    }
    assert_eq!(hostbits("next 10.0.0.0/24").stdout, b"10.0.0.2/32\n");
    let help = String::from_utf8(hostbits("--help").stdout).unwrap();
    assert!(
        help.contains("  next ") && !help.contains("  pool "),
        "{help}"
    );
}
