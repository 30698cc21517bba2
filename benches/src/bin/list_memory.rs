//! Serves `campaigns/reconcile-memory`: makes a long list, and measures the peak memory of a command.
//!
//! `list_memory list COUNT [owners]` writes COUNT addresses of 10.0.0.0/8, ascending from 10.0.0.2, each on a
//! line, with an owner if asked for. `list_memory peak FILE COMMAND...` runs a command, exits with its code,
//! and writes to the file how many KiB it used at most.

use std::io::{BufWriter, Write};
use std::net::Ipv4Addr;
use std::process::{Command, ExitCode};

/// The first address of a list: 10.0.0.2.
const FIRST: u32 = 0x0a00_0002;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["list", count] => list(count, false),
        ["list", count, "owners"] => list(count, true),
        ["peak", file, command, ..] => peak(file, command, &args[3..]),
        _ => Err("list COUNT [owners], or peak FILE COMMAND...".into()),
    };
    done.unwrap_or_else(|error| {
        eprintln!("list_memory: {error}");
        ExitCode::from(2)
    })
}

fn list(count: &str, has_owners: bool) -> Outcome<ExitCode> {
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    for index in 0..count.parse()? {
        let addr = Ipv4Addr::from_bits(FIRST + index);
        if has_owners {
            writeln!(out, "{addr},user-{index}")?;
        } else {
            writeln!(out, "{addr}")?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn peak(file: &str, command: &str, args: &[String]) -> Outcome<ExitCode> {
    let status = Command::new(command).args(args).status()?;
    std::fs::write(file, format!("{}\n", peak_of_children_kib()?))?;
    let code = status.code().ok_or("the command was killed")?;
    Ok(ExitCode::from(u8::try_from(code)?))
}

#[cfg(target_os = "linux")]
fn peak_of_children_kib() -> Outcome<i64> {
    use nix::sys::resource::{UsageWho, getrusage};
    // Only one child was started.
    Ok(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss())
}

#[cfg(not(target_os = "linux"))]
fn peak_of_children_kib() -> Outcome<i64> {
    Err("only Linux tells it in KiB".into())
}
