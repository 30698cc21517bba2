//! Streams that break, fill up, or never seem to end.

use crate::run::{command, run_with_input};
use std::process::Stdio;

/// Standard output is closed early, like before `| head -1`: the output is far more than a pipe holds.
#[test]
fn a_closed_standard_output_is_no_failure() {
    for format in ["plain", "json"] {
        let args = ["next", "10.0.0.0/16", "-n", "60000", "--format", format];
        let mut child = command(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), output.stderr),
            (Some(0), vec![]),
            "{format}"
        );
    }
    for args in [&["--help"][..], &["info", "10.0.0.0/24"]] {
        let mut child = command(args).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
    }
}

#[test]
fn a_closed_standard_error_changes_no_answer() {
    for (args, code) in [
        (&["next", "10.0.0.0/24", "--users", "-"][..], 0),
        (&["next", "10.0.0.5/24"], 2),
        (&["next", "10.0.0.0"], 2),
    ] {
        let mut child = command(args)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_exit_code_2() {
    for args in [
        &["next", "10.0.0.0/24"][..],
        &["info", "10.0.0.0/24", "--format", "json"],
    ] {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = command(args).stdout(full).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            err.contains("cannot write to standard output") || err.contains("\"output\""),
            "{err}"
        );
    }
}

/// A socket that gives two lines and then an error instead of its end. What was read proves nothing
/// about the users that were not, so nothing is handed out.
#[cfg(unix)]
#[test]
fn an_error_in_the_middle_of_the_list_is_not_its_end() {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    for format in ["plain", "json"] {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        // With nothing more to read, it returns "try again" instead of waiting.
        theirs.set_nonblocking(true).unwrap();
        ours.write_all(b"10.0.0.2\n10.0.0.3\n").unwrap();
        let output = command(&["next", "10.0.0.0/24", "--users", "-", "--format", format])
            .stdin(OwnedFd::from(theirs))
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), output.stdout),
            (Some(2), vec![]),
            "{err}"
        );
        assert!(
            err.contains("cannot read standard input after line 2: "),
            "{err}"
        );
        assert_eq!(err.lines().count(), 1, "{err}");
        drop(ours);
    }
}

/// The most memory a process ever had, in bytes, while it waits for more input: without the pages of its
/// files, which are those of the command itself, and many where it is not optimised.
#[cfg(target_os = "linux")]
fn peak_memory_while_reading(users: &str, chunk: &[u8], chunk_count: usize) -> u64 {
    use std::io::Write;

    let mut child = command(&["next", "10.0.0.0/24", "--users", users])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for _ in 0..chunk_count {
        stdin.write_all(chunk).unwrap();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().code().is_some());
    let bytes = |name: &str| {
        let size = status.lines().find_map(|line| line.strip_prefix(name));
        let size = size.unwrap().trim().strip_suffix(" kB").unwrap();
        size.parse::<u64>().unwrap() * 1024
    };
    bytes("VmHWM:") - bytes("RssFile:")
}

/// 32 MB of one line, of comments and of one user over and over; half of that would be too much.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_hold_the_file() {
    let comments = "# nobody\n".repeat(7_000);
    let users = "10.0.0.2,alice\n".repeat(4_200);
    for chunk in [&[b'x'; 64_000][..], comments.as_bytes(), users.as_bytes()] {
        let peak = peak_memory_while_reading("-", chunk, 500);
        assert!(peak < 16 << 20, "{peak} bytes");
    }
}

/// 12 MB of the lists of programs; half of that would be too much. Journals keep the last word on each address, and there is one address.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_hold_the_list_of_a_program() {
    let values = "{\"ip\":\"10.0.0.2\",\"x\":[1]}\n\n".repeat(2_200);
    let peers = "[Peer]\nAllowedIPs = 10.0.0.2\nPublicKey = k\n".repeat(1_500);
    let rows = "address,hwaddr,valid_lifetime\n10.0.0.2,a,3600\n".repeat(1_300);
    let leases = "lease 10.0.0.2 { binding state active; }\nset x = 1;\n".repeat(1_200);
    for (format, chunk) in [
        ("ndjson:-", values),
        ("wireguard:-", peers),
        ("kea:-", rows),
        ("dhcpd:-", leases),
    ] {
        let peak = peak_memory_while_reading(format, chunk.as_bytes(), 200);
        assert!(peak < 6 << 20, "{format}: {peak} bytes");
    }
}

#[test]
fn a_long_list_is_read_to_its_end() {
    let all: String = (0..65_535u32)
        .map(|host| format!("10.1.{}.{}\n", host >> 8, host & 255))
        .filter(|line| line != "10.1.200.7\n")
        .collect();
    let run = run_with_input(&["next", "10.1.0.0/16", "--users", "-"], all.as_bytes());
    assert_eq!(run.found(), "10.1.200.7/32\n");
}
