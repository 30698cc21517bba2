//! The shortest useful program: seed a pool from the users, take the next address, give it back.
//!
//! `cargo run --example minimal`

use hostbits::Pool;
use ipnet::Ipv4Net;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = Pool::new("10.0.0.0/24".parse::<Ipv4Net>()?)?;

    let users = [
        ("10.0.0.2", "alice"),
        ("10.0.0.3/32", "bob"),
        ("10.0.0.5", "carol"),
    ];
    let report = pool.adopt(users)?;
    println!(
        "{} of {} users marked as taken",
        report.taken, report.entries
    );

    let addr = pool.allocate()?;
    println!(
        "the next free address is {addr}; {} are left",
        pool.available()
    );
    assert_eq!(addr.to_string(), "10.0.0.4");

    pool.release(addr)?;
    println!(
        "a second release is an error: {}",
        pool.release(addr).unwrap_err()
    );
    Ok(())
}
