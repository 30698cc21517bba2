//! Lists of other programs, by the name of their format.

use crate::run::{Run, file, run, run_with_input};
use std::fs;
use std::path::Path;

fn next(format: &str, list: &str) -> Run {
    let source = format!("{format}:-");
    run_with_input(
        &["next", "10.0.0.0/24", "--users", &source],
        list.as_bytes(),
    )
}

/// Each format names 10.0.0.2 and .4; .3 has no user any more.
#[test]
fn every_format_is_read_by_its_name() {
    let key = format!("{}=", "k".repeat(43));
    let dump = format!(
        "wg0\t{key}\t{key}\t1\toff\nwg0\t{key}\t(none)\te:1\t10.0.0.2/32,10.0.0.4/32\t0\t0\t0\toff\n"
    );
    for (format, list) in [
        ("lines", "10.0.0.2\n10.0.0.4\n"),
        ("csv", "ip,name\n10.0.0.2,a\n10.0.0.4,b\n"),
        ("ndjson", "{\"ip\":\"10.0.0.2\"}\n\"10.0.0.4\"\n"),
        ("json", "[{\"ip\":\"10.0.0.2\"},\n\"10.0.0.4\"]"),
        ("csv@2,1", "a;10.0.0.2\nb;10.0.0.4\n"),
        ("columns", "NAME  IP\na  10.0.0.2\nb  10.0.0.4\n"),
        ("dnsmasq", "1 aa:02 10.0.0.2 a *\n1 aa:04 10.0.0.4 b *\n"),
        (
            "wireguard",
            "[Interface]\nAddress = 10.0.0.2/24\n[Peer]\nAllowedIPs = 10.0.0.4/32\n",
        ),
        ("wg-dump", &dump),
        (
            "kea",
            "address,hwaddr,valid_lifetime,state\n10.0.0.2,a,1,0\n10.0.0.3,b,1,0\n10.0.0.4,c,1,1\n10.0.0.3,b,0,0\n",
        ),
        (
            "dhcpd",
            "lease 10.0.0.3 { binding state free; }\nlease 10.0.0.4 { binding state active; }\n\
             host x { fixed-address 10.0.0.2; }\n",
        ),
        ("openvpn-ipp", "a,10.0.0.2,\nb,10.0.0.4,\n"),
        (
            "openvpn-status",
            "OpenVPN CLIENT LIST\nROUTING TABLE\n10.0.0.2,a,b,c\n10.0.0.4,a,b,c\nEND\n",
        ),
        (
            "radippool",
            "framedipaddress,pool_key\n10.0.0.2,1\n10.0.0.3,0\n10.0.0.4,2\n",
        ),
    ] {
        let run = next(format, list);
        assert_eq!(run.found(), "10.0.0.3/32\n", "{format}: {run:?}");
        assert_eq!(run.err.lines().count(), 1, "{format}: nothing odd: {run:?}");
        assert!(run.err.contains("2 taken"), "{format}: {run:?}");
    }
}

#[test]
fn a_directory_is_a_list_of_files() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cni");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for name in ["10.0.0.2", "10.0.0.3", "lock", "last_reserved_ip.0"] {
        fs::write(folder.join(name), "id\r\neth0").unwrap();
    }
    let source = format!("host-local:{}", folder.display());
    let run = run(&["next", "10.0.0.0/24", "--users", &source]);
    assert_eq!(run.found(), "10.0.0.4/32\n");
    assert!(
        run.err
            .contains(": 4 files, 2 entries: 2 taken; 251 free\n"),
        "{run:?}"
    );
}

/// What a journal reports at once stands before what it holds at the end, and on later lines.
#[test]
fn what_ended_is_counted_and_lines_are_those_of_the_file() {
    let list = "address,hwaddr,valid_lifetime,state\n10.0.0.2,a,1,0\n10.0.0.2,b,1,0\n10.0.0.9,c,1,2\n\
                10.0.0.1,d,1,0\n10.0.0.3,e\n";
    assert_eq!(next("kea", list).code, Some(1), "a row in doubt");
    let args = [
        "next",
        "10.0.0.0/24",
        "--users",
        "kea:-",
        "--skip-unreadable",
        "1",
    ];
    let run = run_with_input(&args, list.as_bytes());
    assert_eq!(run.found(), "10.0.0.4/32\n", "a row in doubt is held");
    let lines: Vec<&str> = run.err.lines().collect();
    assert_eq!(
        lines,
        [
            "standard input:6: \"a row whose columns do not match the header: 10.0.0.3,e\" is not an address",
            "standard input:5: \"10.0.0.1\" is reserved: gateway",
            "standard input: 6 lines, 4 entries: 2 taken, 1 reserved, 1 unparseable, 1 not held, \
             1 superseded; 251 free. What an unparseable line meant may be handed out",
        ]
    );
    let source = [
        "next",
        "10.0.0.0/24",
        "--users",
        "kea:-",
        "--skip-unreadable",
        "1",
        "--format",
        "json",
    ];
    let run = run_with_input(&source, list.as_bytes());
    let answer: serde_json::Value = serde_json::from_str(run.found()).unwrap();
    assert_eq!(answer["problem_lines"], serde_json::json!([6, 5]));
    assert_eq!(
        (&answer["not_held"], &answer["superseded"]),
        (&1.into(), &1.into())
    );
}

/// Half a list proves nothing about the other half: nothing is handed out.
#[test]
fn a_list_without_its_end_is_exit_code_2() {
    for (format, list, error) in [
        (
            "json",
            "[\"10.0.0.2\",",
            "error: standard input:1: the array is not closed\n",
        ),
        (
            "dhcpd",
            "lease 10.0.0.2 {\n",
            "error: standard input:1: the last entry is incomplete\n",
        ),
        (
            "openvpn-status",
            "TITLE,x\n",
            "error: standard input:1: there is no END\n",
        ),
        (
            "kea",
            "10.0.0.2\n",
            "does not begin with `address,`: \"10.0.0.2\"\n",
        ),
        ("host-local", "", "must be given by its path\n"),
    ] {
        let run = next(format, list);
        assert!(run.failed(2).ends_with(error), "{format}: {run:?}");
    }
    let args = [
        "next",
        "10.0.0.0/24",
        "--users",
        "json:-",
        "--format",
        "json",
    ];
    let error = run_with_input(&args, b"[\"10.0.0.2\",\n").failed_json(2);
    assert_eq!(error["error"]["code"], "list-truncated");
    assert_eq!(error["error"]["file"], "standard input");
    assert_eq!(error["error"]["after_line"], 1);
}

#[test]
fn a_format_that_there_is_not_is_wrong_usage() {
    for (source, message) in [
        (
            "dhcp:leases",
            "\"dhcp\" is not a format: write one of lines, csv, columns, ndjson, json, wireguard",
        ),
        ("json@:x", "json:FILE --filter"),
        ("csv@:x", "csv@IP,OWNER or csv@IP,OWNER,STATE"),
        ("kea@x:y", "\"kea\" has no options"),
    ] {
        let run = run(&["next", "10.0.0.0/24", "--users", source]);
        assert!(run.failed(2).contains(message), "{run:?}");
    }
}

/// The name of a file may have a colon, and what stands before it may look like a format.
#[test]
fn a_file_with_a_colon_is_a_file() {
    let path = file("users:2024", b"10.0.0.2\n");
    let folder = path.parent().unwrap();
    for name in ["users:2024", "./users:2024"] {
        let output = crate::run::command(&["next", "10.0.0.0/24", "--users", name])
            .current_dir(folder)
            .output()
            .unwrap();
        assert_eq!(output.stdout, b"10.0.0.3/32\n", "{name}: {output:?}");
    }
}
