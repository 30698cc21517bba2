//! Two processes share one pool: this program, and itself again.
//!
//! `cargo run --example shared_pool`

#[cfg(all(feature = "mmap", target_os = "linux"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use hostbits::Pool;
    use std::collections::BTreeSet;
    use std::process::{Command, Stdio};

    let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    // The other process gets the path of the pool, allocates what it can, and prints the addresses.
    if let Some(path) = std::env::args().nth(1) {
        let pool = Pool::builder(net).open(path)?;
        for _ in 0..100 {
            println!("{}", pool.allocate()?);
        }
        return Ok(());
    }

    let path = std::env::temp_dir().join(format!("hostbits-shared-{}", std::process::id()));
    let pool = Pool::builder(net).create(&path)?;
    let other = Command::new(std::env::current_exe()?)
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()?;
    let ours: BTreeSet<_> = (0..100)
        .map(|_| pool.allocate())
        .collect::<Result<_, _>>()?;
    let output = other.wait_with_output()?;
    let theirs: BTreeSet<std::net::Ipv4Addr> = String::from_utf8(output.stdout)?
        .lines()
        .map(str::parse)
        .collect::<Result<_, _>>()?;

    assert!(ours.is_disjoint(&theirs), "no address has two holders");
    println!(
        "{} addresses here, {} there, {} in the pool",
        ours.len(),
        theirs.len(),
        pool.allocated()
    );
    // An address does not belong to a particular process: any process may release it.
    let theirs: Vec<_> = theirs.into_iter().collect();
    assert_eq!(pool.release_many(&theirs).released, 100);
    println!("{} after theirs were released here", pool.allocated());
    drop(pool);
    std::fs::remove_file(path)?;
    Ok(())
}

#[cfg(not(all(feature = "mmap", target_os = "linux")))]
fn main() {
    println!("pools in files need Linux, and the feature mmap");
}
