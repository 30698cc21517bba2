//! A process takes addresses and kills itself with `kill -9`. The next one knows them all.
//!
//! `cargo run --example survives_kill`

#[cfg(all(feature = "mmap", target_os = "linux"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use hostbits::{Pool, file::RecoveryKind};
    use std::process::Command;

    let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    if let Some(path) = std::env::args().nth(1) {
        let pool = Pool::builder(net).open(path)?;
        for _ in 0..10 {
            pool.allocate()?;
        }
        // No destructor runs, and nothing is flushed.
        let kill = Command::new("kill")
            .args(["-9", &std::process::id().to_string()])
            .status()?;
        unreachable!("{kill}");
    }

    let path = std::env::temp_dir().join(format!("hostbits-kill-{}", std::process::id()));
    drop(Pool::builder(net).create(&path)?);
    for round in 1..=3 {
        let status = Command::new(std::env::current_exe()?).arg(&path).status()?;
        let pool = Pool::builder(net).open(&path)?;
        let recovery = pool.recovery().expect("it is in a file");
        println!(
            "round {round}: {status}; {}, {} allocated",
            recovery.kind,
            pool.allocated()
        );
        assert_eq!(recovery.kind, RecoveryKind::ProcessCrash);
        assert_eq!(pool.allocated(), 10 * round);
    }
    std::fs::remove_file(path)?;
    Ok(())
}

#[cfg(not(all(feature = "mmap", target_os = "linux")))]
fn main() {
    println!("pools in files need Linux, and the feature mmap");
}
