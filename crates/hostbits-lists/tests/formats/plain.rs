//! Tests of `lines` and `csv`. Single lines are tested next to the reader.

use crate::read::read;
use crate::samples::{CSV, LINES};

#[test]
fn lines_are_addresses() {
    let expected = [
        "2 10.0.0.2",
        "4 10.0.0.3/32",
        "5 2001:db8::5",
        "6 10.0.0.16/28",
    ];
    assert_eq!(read("lines", LINES).whole(), expected);
    let odd = "  10.0.0.2 # spare\r\n\t\n10.0.0.3,bob\naddress\n10.0.0.4";
    let expected = ["1 10.0.0.2", "3 10.0.0.3,bob", "4 address", "5 10.0.0.4"];
    assert_eq!(read("lines", odd).whole(), expected, "no owner, no header");
}

#[test]
fn csv_has_owners() {
    let expected = [
        "2 10.0.0.2 owner=alice",
        "3 10.0.0.3/32 owner=Smith, Bob",
        "6 2001:db8::5 owner=carol",
        "7 10.0.0.4",
    ];
    assert_eq!(read("csv", CSV).whole(), expected);
}

#[test]
fn a_header_stands_on_the_first_line_with_text_alone() {
    let expected = ["2 10.0.0.2", "3 address owner=owner"];
    let text = "IP Address,Name\n10.0.0.2\naddress,owner\n";
    assert_eq!(read("csv", text).whole(), expected);
    let text = "10.0.0.2\naddress\n";
    assert_eq!(read("csv", text).whole(), ["1 10.0.0.2", "2 address"]);
}

/// The text begins and ends like an address, but is not one.
#[test]
fn a_cut_line_is_broken_and_the_next_is_whole() {
    let blanks = " ".repeat(1 << 20);
    let text = format!("10.0.0.3{blanks}5\n10.0.0.4\n10.0.0.5,{blanks}\n");
    for format in ["lines", "csv"] {
        let outcome = read(format, &text);
        let entries = outcome.whole();
        assert!(
            entries[0].starts_with("1 !a line longer than 64 KiB: 10.0.0.3"),
            "{entries:?}"
        );
        assert_eq!(entries[1], "2 10.0.0.4", "{format}");
        assert!(entries[2].contains('!'), "{format}");
        // An address that can be read is held.
        assert_eq!(entries.get(3), (format == "csv").then_some(&"3 10.0.0.5"));
    }
}

/// The header names the address column, in any spelling and with any separator, or the caller chooses columns.
#[test]
fn headers_and_choices_say_which_column_it_is() {
    for (format, text, expected) in [
        (
            "csv",
            "ScopeId;IPAddress;Name\n10.0.0.0;10.0.0.2;pc\n",
            &["2 10.0.0.2 owner=pc", "2 ?10.0.0.0 owner=pc"][..],
        ),
        (
            "csv@ip-address,Name",
            "Name\tIP Address\npc\t10.0.0.2\n",
            &["2 10.0.0.2 owner=pc"],
        ),
        (
            "csv@2,3",
            "10.0.0.1,10.0.0.2,pc\n",
            &["1 10.0.0.2 owner=pc"],
        ),
        (
            "csv@2,1",
            "name;addr\npc;10.0.0.2\n",
            &["2 10.0.0.2 owner=pc"],
        ),
        (
            "csv@2,1,3",
            "pc,10.0.0.2,up\n",
            &["1 10.0.0.2 owner=pc state=up"],
        ),
        (
            "csv",
            "name,ipv4,ipv6\npc,10.0.0.2,fd00::2\nphone,,\n",
            &[
                "2 10.0.0.2 owner=pc",
                "2 fd00::2 owner=pc",
                "3  owner=phone",
            ],
        ),
        (
            "csv",
            "10.0.0.2;pc\n10.0.0.3;tv\n",
            &["1 10.0.0.2 owner=pc", "2 10.0.0.3 owner=tv"],
        ),
    ] {
        assert_eq!(read(format, text).whole(), expected, "{format} {text:?}");
    }
    let error = read("csv@ip", "10.0.0.2,pc\n").error();
    assert!(
        error.contains("does not name the chosen columns"),
        "{error}"
    );
    assert!(read("csv@3", "10.0.0.2,pc\n").is_unclear());
}

/// Tables that commands print, by the header or by number.
#[test]
fn tables_are_read_by_column() {
    let virsh = "\
 Expiry Time           MAC address         Protocol   IP address       Hostname   Client ID or DUID
----------------------------------------------------------------------------------------------------
 2025-03-04 16:55:08   52:54:00:00:00:02   ipv4       10.0.0.2/24      vm         ff:00
";
    assert_eq!(read("columns", virsh).whole(), ["3 10.0.0.2/24 owner=vm"]);
    let pods = "\
NAMESPACE   NAME    READY   STATUS    RESTARTS      AGE   IP         NODE
shop        web-0   1/1     Running   1 (2d ago)    3d    10.0.0.2   n1
shop        web-1   0/1     Pending   0             1s    <none>     <none>
";
    let expected = [
        "2 10.0.0.2 owner=web-0 state=Running",
        "3 <none> owner=web-1 state=Pending",
    ];
    assert_eq!(read("columns", pods).whole(), expected);
    let neighbours =
        "10.0.0.2 dev eth0 lladdr aa:bb:cc:dd:ee:02 REACHABLE\n10.0.0.3 dev eth0  FAILED\n";
    assert_eq!(
        read("columns@1", neighbours).whole(),
        ["1 10.0.0.2", "2 10.0.0.3"]
    );
    let arp = "? (10.0.0.2) at aa:bb:cc:dd:ee:02 [ether] on eth0\n";
    assert_eq!(read("columns@2", arp).whole(), ["1 10.0.0.2"]);
    assert!(read("columns", neighbours).error().contains("columns@3,1"));
    let shifted = pods.replace("1 (2d ago)    3d", "1  3d");
    assert!(read("columns", shifted).is_unclear() || expected == read("columns", pods).whole()[..]);
}

/// Several addresses in one field other than the address column, with an unknown owner. A note that mentions an address
/// is not a list of addresses.
#[test]
fn lists_in_one_text_are_told() {
    let json = r#"{"name": "a", "ip": "10.0.0.2", "more": "LIST"}"#;
    for (format, text) in [
        ("json", json),
        ("ndjson", json),
        ("csv", "ip,name,more\n10.0.0.2,a,\"LIST\"\n"),
        ("csv", "10.0.0.2;a;LIST\n"),
        ("columns", "NAME  IP  MORE\na  10.0.0.2  LIST\n"),
        (
            "libvirt",
            r#"[{"hostname": "a", "ip-address": "10.0.0.2", "more": "LIST"}]"#,
        ),
        (
            "opnsense",
            "<opnsense><dhcpd><lan><staticmap><ipaddr>10.0.0.2</ipaddr><more>LIST</more></staticmap></lan></dhcpd></opnsense>",
        ),
    ] {
        for list in [
            "10.0.0.3, 10.0.0.4",
            "10.0.0.3 10.0.0.4",
            "10.0.0.3:80,10.0.0.4:80",
        ] {
            let outcome = read(format, text.replace("LIST", list));
            let entries: Vec<&str> = outcome.whole().into_iter().collect();
            for told in ["?10.0.0.3", "?10.0.0.4"] {
                let is_told = entries
                    .iter()
                    .any(|entry| entry.split(' ').nth(1) == Some(told));
                assert!(is_told, "{format}: {list}: {entries:?}");
            }
        }
        let outcome = read(format, text.replace("LIST", "once 10.0.0.3"));
        // If no column has a name, two lines may have been joined. The output of a command contains no notes.
        let is_told = outcome.whole().iter().any(|entry| entry.contains('?'));
        let has_no_notes = text.contains(";a;") || format == "columns";
        assert_eq!(is_told, has_no_notes, "{format}");
    }
}

/// In `wg show wg0 allowed-ips`, several addresses follow each other; the column begins with the first one.
#[test]
fn addresses_behind_the_column_are_of_it() {
    for (format, text, expected) in [
        (
            "columns@2",
            "key1\t10.0.0.2/32 fd00::2/128\nkey2\t10.0.0.3/32 10.0.0.4/32\nkey3\t(none)\n",
            &[
                "1 10.0.0.2/32",
                "1 fd00::2/128",
                "2 10.0.0.3/32",
                "2 10.0.0.4/32",
                "3 (none)",
            ][..],
        ),
        (
            "columns@1",
            "10.0.0.2 10.0.0.3 10.0.0.4\n",
            &["1 10.0.0.2", "1 10.0.0.3", "1 10.0.0.4"],
        ),
        (
            "columns@1,2",
            "10.0.0.2 192.0.2.2 10.0.0.4\n",
            &["1 10.0.0.2 owner=192.0.2.2"],
        ),
        ("columns@1", "10.0.0.2 via 10.0.0.4\n", &["1 10.0.0.2"]),
        (
            "columns@2",
            "web 10.0.0.2, 10.0.0.3, 10.0.0.4\ndb 10.0.0.5; 10.0.0.6,web\n",
            &[
                "1 10.0.0.2",
                "1 10.0.0.3",
                "1 10.0.0.4",
                "2 10.0.0.5",
                "2 10.0.0.6",
                "2 web",
            ],
        ),
        (
            "columns@IP,NAME",
            "IP NAME\n10.0.0.2 web\n10.0.0.3 10.0.0.4 db\n",
            &[
                "2 10.0.0.2 owner=web",
                "3 10.0.0.3 owner=10.0.0.4",
                "3 10.0.0.4 owner=10.0.0.4",
            ],
        ),
        (
            "columns@IP,GATEWAY",
            "IP GATEWAY\n10.0.0.2 10.0.0.9\n",
            &["2 10.0.0.2 owner=10.0.0.9"],
        ),
    ] {
        assert_eq!(read(format, text).whole(), expected, "{format}: {text}");
    }
}

/// A caller who chooses columns gives the others a meaning, too, but a row with more columns than the others may be two
/// joined lines.
#[test]
fn a_row_with_more_columns_than_were_chosen_from_is_told() {
    for (format, text, row) in [
        (
            "csv@2,1",
            "a,10.0.0.2,10.9.0.2\nb,10.0.0.3,10.9.0.3MORE\n",
            "c,10.0.0.4,x",
        ),
        (
            "csv@ip,name",
            "name,ip,nat\nb,10.0.0.3,10.9.0.3MORE\n",
            "c,10.0.0.4,x",
        ),
        (
            "csv@2,1",
            "a;10.0.0.2;10.9.0.2\nb;10.0.0.3;10.9.0.3MORE\n",
            "c;10.0.0.4;x",
        ),
        (
            "csv@ip,name",
            "name,ip,nat\nb,10.0.0.3,\"xMORE\n",
            " c 10.0.0.4 x",
        ),
        (
            "columns@2,1",
            "a 10.0.0.2 10.9.0.2\nb 10.0.0.3 10.9.0.3MORE\n",
            "c 10.0.0.4 x",
        ),
        (
            "columns@ip",
            "name ip nat\nb 10.0.0.3 10.9.0.3MORE\n",
            "c 10.0.0.4 x",
        ),
        (
            "columns@1",
            "10.0.0.2 via 10.9.0.2\n10.0.0.3 via 10.9.0.3MORE\n",
            "c 10.0.0.4 x",
        ),
    ] {
        let is_told = |entry: &&str| entry.contains(['?', '!']);
        let whole = read(format, text.replace("MORE", ""));
        assert!(!whole.whole().iter().any(is_told), "{format}: {whole:?}");
        let joined = read(format, text.replace("MORE", row));
        assert!(joined.whole().iter().any(is_told), "{format}: {joined:?}");
    }
}
