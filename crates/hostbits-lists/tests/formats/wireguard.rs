//! Tests of `wireguard` and `wg-dump`.

use crate::read::read;
use crate::samples::{WG_DUMP, WIREGUARD};

const ALICE: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const BOB: &str = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
const SECRET: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";

/// Allowed addresses may come before the key that names their owner.
#[test]
fn a_configuration_names_peers_and_the_interface() {
    let expected = [
        "2 own:10.0.0.1/24 owner=(interface)".to_owned(),
        "2 own:fd00::1/64 owner=(interface)".to_owned(),
        format!("13 block:10.0.0.2/32 owner={ALICE}"),
        format!("13 block:fd00::2/128 owner={ALICE}"),
        format!("14 block:10.0.0.16/28 owner={ALICE}"),
        format!("17 block:10.0.0.3 owner={BOB}"),
    ];
    assert_eq!(read("wireguard", WIREGUARD).whole(), expected);
}

#[test]
fn odd_settings() {
    for (text, expected) in [
        ("[Peer]\nAllowedIPs = 10.0.0.2\n", &["2 block:10.0.0.2"][..]),
        ("[Peer]\nAllowedIPs =\nPublicKey = k", &["2 block: owner=k"]),
        ("[Peer]\nPublicKey = k\nAllowedIPs =", &["3 block: owner=k"]),
        (
            "[PEER] # x\n ALLOWEDIPS=+10.0.0.2 , 10.0.0.3 # y\n",
            &["2 block:10.0.0.2", "2 block:10.0.0.3"],
        ),
        (
            "[Peer]\nAllowedIPs = 10.0.0.2,,x/y\n",
            &["2 block:10.0.0.2", "2 block:", "2 block:x/y"],
        ),
        (
            "[Interface]\nAddress = 10.0.0.1/x, ::1/\n",
            &[
                "2 own:10.0.0.1/x owner=(interface)",
                "2 own:::1/ owner=(interface)",
            ],
        ),
        (
            "[Peer]\nAllowedIPs = 10.0.0.2\n[Peer]\nPublicKey = k\n",
            &["2 block:10.0.0.2"],
        ),
    ] {
        assert_eq!(read("wireguard", text).whole(), expected, "{text}");
    }
}

/// A commented-out `AllowedIPs` belongs to a client that may come back, whatever text follows it.
#[test]
fn what_is_switched_off_is_held() {
    for (line, expected) in [
        ("#AllowedIPs = 10.0.0.3/32", &["10.0.0.3/32"][..]),
        (
            "  # AllowedIPs=10.0.0.3 , fd00::3/128",
            &["10.0.0.3", "fd00::3/128"],
        ),
        ("#[disabled] AllowedIPs = 10.0.0.3/32", &["10.0.0.3/32"]),
        (
            "### allowedips = 10.0.0.3/32 # left in May",
            &["10.0.0.3/32"],
        ),
        ("# AllowedIPs = 10.0.0.3/32 ; old laptop", &["10.0.0.3/32"]),
        (
            "# AllowedIPs = 10.0.0.3/32 10.0.0.4/32",
            &["10.0.0.3/32", "10.0.0.4/32"],
        ),
        (
            "# AllowedIPs = 10.0.0.3/32 (bob), (10.0.0.4)",
            &["10.0.0.3/32", "10.0.0.4"],
        ),
        ("# AllowedIPs = what the client may reach", &[]),
        ("# NoAllowedIPs = 10.0.0.3/32", &[]),
        ("# 10.0.0.3 is free again", &[]),
    ] {
        let outcome = read(
            "wireguard",
            format!("[Peer]\n{line}\n[Interface]\nDNS = 10.0.0.9\n"),
        );
        let expected: Vec<_> = expected
            .iter()
            .map(|it| format!("2 block:{it} state=disabled"))
            .collect();
        assert_eq!(outcome.whole(), expected, "{line}");
        assert_eq!(outcome.ended().disabled, expected.len() as u64, "{line}");
    }
    let long = format!("[Peer]\n#AllowedIPs = 10.0.0.3,{}\n", " ".repeat(70_000));
    assert!(read("wireguard", long).is_unclear());
}

/// A misspelt setting may be one that holds an address.
#[test]
fn what_is_not_known_is_broken() {
    for text in [
        "[Peer]\nAllowedIP = 10.0.0.2\n",
        "[Peer]\nAddress = 10.0.0.2\n",
        "[Interface]\nAllowedIPs = 10.0.0.2\n",
        "AllowedIPs = 10.0.0.2\n",
        "[Peer\nAllowedIPs = 10.0.0.2\n",
        "[WireGuardPeer]\nAllowedIPs = 10.0.0.2\n",
        "[Peer]\nAllowedIPs 10.0.0.2\n",
    ] {
        let outcome = read("wireguard", text);
        let entries = outcome.whole();
        assert_eq!(entries.len(), 1, "{text}: {entries:?}");
        assert!(entries[0].contains(" !"), "{text}: {entries:?}");
    }
}

/// A peer with a huge number of allowed IPs before its key does not fill the memory.
#[test]
fn a_monstrous_peer_loses_its_name_and_no_address() {
    let text = "AllowedIPs = 10.0.0.2\n".repeat(100_000);
    let outcome = read("wireguard", format!("[Peer]\n{text}PublicKey = k\n"));
    assert_eq!(outcome.whole().len(), 100_000);
    assert_eq!(outcome.whole()[0], "2 block:10.0.0.2");
}

#[test]
fn a_dump_names_peers() {
    let expected = [
        format!("2 block:10.0.0.2/32 owner={ALICE}"),
        format!("2 block:fd00::2/128 owner={ALICE}"),
        format!("3 block:(none) owner={BOB}"),
        "4 block:10.0.0.3/32 owner=gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=".to_owned(),
    ];
    assert_eq!(read("wg-dump", WG_DUMP).whole(), expected);
    let of_one = WG_DUMP.replace("wg0\t", "").replace("wg1\t", "");
    assert_eq!(read("wg-dump", of_one).whole(), expected);
}

#[test]
fn a_dump_that_is_cut_is_an_error() {
    let cut = WG_DUMP.trim_end();
    assert_eq!(
        read("wg-dump", cut).error(),
        "list:4: the last line is incomplete"
    );
}

/// Whatever is wrong with a line, text that may be a key appears in no report and no error.
#[test]
fn keys_are_never_shown() {
    for format in ["wireguard", "wg-dump"] {
        for text in [
            format!("wg0\t{SECRET}\tx\n"),
            format!("wg0\t{SECRET}\tx\ty\tz\t1\t2\n"),
            format!("wg0 {SECRET}\n"),
            format!("{SECRET}\n"),
            format!("[Interface]\n{SECRET}\n"),
            format!("[Peer]\nPresharedKey {SECRET}\n"),
            format!("[Peer]\nPresharedKy = {SECRET}\n"),
            format!("PrivateKey = {SECRET}\n"),
            format!(
                "[Interface]\nPrivateKey = {SECRET}{}\n",
                "x".repeat(100_000)
            ),
            format!("wg0\t{SECRET}\t{}\n", "x".repeat(100_000)),
        ] {
            let outcome = read(format, &text);
            let shown = format!("{outcome:?}").to_lowercase();
            let secret = SECRET[..12].to_lowercase();
            assert!(!shown.contains(&secret), "{format}: {shown}");
            // An unknown setting without addresses is ignored.
            assert!(
                outcome.is_unclear() || text.contains("PresharedKy"),
                "{format}: {shown}"
            );
        }
    }
}
