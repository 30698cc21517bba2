//! Tests of `openvpn-ipp` and `openvpn-status`.

use crate::read::read;
use crate::samples::{IPP, STATUS1, STATUS2};

#[test]
fn everybody_who_may_come_back_is_held() {
    let expected = [
        "2 10.0.0.4 owner=alice",
        "2 fd00::1000 owner=alice",
        "3 10.0.0.8 owner=bob",
        "5 10.0.0.12 owner=carol",
        "6 fd00::1003 owner=dave",
    ];
    assert_eq!(read("openvpn-ipp", IPP).whole(), expected);
    assert_eq!(read("openvpn-ipp", "eve,,\n").whole(), ["1  owner=eve"]);
}

/// The file contains the first address of each /30, but the client has the third.
#[test]
fn with_net30_a_client_has_four_addresses() {
    let outcome = read("openvpn-ipp@net30", "alice,10.0.0.4,fd00::2\nbob,x\n");
    let expected = [
        "1 10.0.0.4 owner=alice",
        "1 10.0.0.5 owner=alice",
        "1 10.0.0.6 owner=alice",
        "1 10.0.0.7 owner=alice",
        "1 fd00::2 owner=alice",
        "2 x owner=bob",
    ];
    assert_eq!(outcome.whole(), expected);
    let last = read("openvpn-ipp@net30", "a,255.255.255.255\n");
    assert_eq!(last.whole()[3], "1 255.255.255.255 owner=a");
}

/// The server rewrites the file in place, so the last line may be incomplete.
#[test]
fn a_line_that_is_not_whole_is_reported() {
    let outcome = read("openvpn-ipp", "alice,10.0.0.4,\nbob,10.0.0.1");
    let expected = [
        "1 10.0.0.4 owner=alice",
        "2 10.0.0.1 owner=bob",
        "2 !the last line may be incomplete: bob,10.0.0.1",
    ];
    assert_eq!(outcome.whole(), expected);
    for broken in ["alice\n", "a,b,c,d\n"] {
        let outcome = read("openvpn-ipp", broken);
        assert!(outcome.whole()[0].starts_with("1 !not name,IPv4,IPv6"));
    }
}

#[test]
fn version_1_has_addresses_in_its_routing_table() {
    let outcome = read("openvpn-status", STATUS1);
    let expected = [
        "8 10.0.0.6 owner=alice",
        "9 10.9.0.0/24 owner=alice",
        "10 10.9.0.7 owner=alice state=C",
        "11 fd00::1000 owner=END",
    ];
    assert_eq!(outcome.whole(), expected);
    assert_eq!(outcome.ended().not_held, 1, "a hardware address");
}

#[test]
fn versions_2_and_3_have_them_in_both_tables() {
    let expected = [
        "4 10.0.0.6 owner=alice",
        "4 fd00::1000 owner=alice",
        "5 ",
        "7 10.0.0.6 owner=alice",
    ];
    let outcome = read("openvpn-status", STATUS2);
    assert_eq!(outcome.whole(), expected);
    assert_eq!(outcome.ended().not_held, 1);
    // The title contains no comma either, and the other separator is a tab.
    let third = STATUS2.replace(',', "\t");
    assert_eq!(read("openvpn-status", third).whole(), expected);
    // Older versions have fewer columns, in another order.
    let old = "TITLE,OpenVPN 2.3\nHEADER,CLIENT_LIST,Virtual Address,Common Name\nCLIENT_LIST,10.0.0.2,bob\nEND\n";
    assert_eq!(
        read("openvpn-status", old).whole(),
        ["3 10.0.0.2 owner=bob"]
    );
}

#[test]
fn without_its_end_a_status_is_an_error() {
    for text in [STATUS1, STATUS2] {
        let cut = text.strip_suffix("END\n").unwrap();
        let error = read("openvpn-status", cut).error();
        assert!(error.ends_with("there is no END"), "{error}");
    }
    assert_eq!(read("openvpn-status", "").error(), "list: there is no END");
    // A client of that name, where the rest of the line was cut off.
    let cut = STATUS1.split_inclusive("END").next().unwrap();
    assert!(read("openvpn-status", cut).end.is_err());
}

#[test]
fn what_does_not_fit_is_reported() {
    let comma = STATUS2.replace("CLIENT_LIST,alice", "CLIENT_LIST,Smith, Alice");
    let short = STATUS2.replace(",UNDEF,0,0,AES-256-GCM", "");
    let kind = STATUS2.replace("GLOBAL_STATS,dco", "SOMETHING,dco");
    let no_header = STATUS2.replace("HEADER,ROUTING_TABLE", "GLOBAL_STATS");
    let route = STATUS1.replace("10.0.0.6,alice,192.0.2.10:1194,", "10.0.0.6;");
    let more = format!("{STATUS1}10.0.0.9,left over\n");
    for text in [comma, short, kind, no_header, route, more] {
        let outcome = read("openvpn-status", &text);
        assert!(outcome.is_unclear() && outcome.end.is_ok(), "{outcome:?}");
    }
    for text in ["OpenVPN STATISTICS\nEND\n", "10.0.0.2\n", ">INFO:x\n"] {
        let error = read("openvpn-status", text).error();
        assert!(error.contains("not the status of an OpenVPN server"));
    }
}
