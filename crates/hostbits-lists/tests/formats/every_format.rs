//! Properties of every format.

use crate::read::{Outcome, all, read};
use crate::samples::all as samples;
use hostbits_lists::{Format, List};
use std::io::{self, ErrorKind, Read};

/// Returns one byte at a time, and an error after some of them.
struct Failing<'a>(&'a [u8], usize);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1 == 0 {
            return Err(ErrorKind::ConnectionReset.into());
        }
        self.1 -= 1;
        (&mut self.0).take(1).read(buffer)
    }
}

fn read_from(format: &str, input: impl Read) -> Outcome {
    all(List::new(format.parse::<Format>().unwrap(), "list", input))
}

fn same(one: &Outcome, other: &Outcome) {
    assert_eq!(one.entries, other.entries);
    assert_eq!(one.ended(), other.ended());
}

#[test]
fn every_sample_is_clear() {
    for (format, text) in samples() {
        let outcome = read(format, text);
        assert!(!outcome.is_unclear(), "{format}: {outcome:?}");
        assert!(outcome.entries.len() >= 3, "{format}: {outcome:?}");
        assert_eq!(outcome.ended().records, outcome.entries.len() as u64);
        assert_eq!(
            outcome.ended().lines,
            text.lines().count() as u64,
            "{format}"
        );
    }
}

/// However the input is split into reads, and wherever it fails: an error is never taken for the end.
#[test]
fn an_error_after_any_byte_ends_the_list() {
    for (format, text) in samples() {
        let whole = read(format, text);
        // A filter is compiled for each list, which takes time.
        let step = if is_preset(format) { 41 } else { 1 };
        for bytes in (0..=text.len()).step_by(step) {
            let outcome = read_from(format, Failing(text.as_bytes(), bytes));
            assert!(
                outcome.error().starts_with("cannot read list"),
                "{format}: {outcome:?}"
            );
            let prefix = &whole.entries[..outcome.entries.len()];
            assert_eq!(outcome.entries, prefix, "{format} after {bytes}");
        }
        same(
            &whole,
            &read_from(format, Failing(text.as_bytes(), usize::MAX)),
        );
    }
}

/// Files may come from other operating systems.
#[test]
fn carriage_returns_and_a_byte_order_mark_change_nothing() {
    for (format, text) in samples() {
        let whole = read(format, text);
        // Within a quoted value, they are part of the value.
        if format != "radippool" {
            same(&whole, &read(format, text.replace('\n', "\r\n")));
        }
        same(&whole, &read(format, format!("\u{feff}{text}")));
    }
}

/// A list that is cut off within a line never looks complete, if the format can show it.
#[test]
fn a_list_without_its_end_is_unclear() {
    let shows_it = ["wg-dump"];
    for (format, text) in samples() {
        let step = if is_preset(format) { 41 } else { 1 };
        for bytes in (0..text.trim_end().len()).step_by(step) {
            let Some(cut) = text.get(..bytes) else {
                continue;
            };
            let outcome = read(format, cut);
            let at_border = cut.is_empty() || cut.ends_with('\n');
            let should = match format {
                "json" | "openvpn-status" | "opnsense" | "pfsense" | "kea-conf" | "networkd" => {
                    true
                }
                _ if is_preset(format) => true,
                _ if at_border => false,
                _ => shows_it.contains(&format),
            };
            assert!(
                !should || outcome.is_unclear(),
                "{format}: {cut:?}: {outcome:?}"
            );
        }
    }
}

#[test]
fn nothing_at_all_is_no_list_where_there_is_an_end() {
    for name in Format::names() {
        let outcome = read(name, "");
        let needs_end = [
            "json",
            "openvpn-status",
            "host-local",
            "openvpn-ccd",
            "kea-conf",
            "networkd",
            "opnsense",
            "pfsense",
        ];
        let needs_end = needs_end.contains(name) || is_preset(name);
        assert_eq!(outcome.end.is_err(), needs_end, "{name}: {outcome:?}");
        assert!(outcome.entries.is_empty());
    }
}

#[test]
fn a_list_that_is_not_read_to_its_end_says_so() {
    for (format, text) in samples() {
        let mut list = List::new(format.parse().unwrap(), "list", text.as_bytes());
        assert!(list.read().unwrap().is_some());
        let error = list.finish().unwrap_err();
        assert_eq!(error.code(), "list-unfinished", "{format}");
        assert!(error.to_string().contains("was not read to its end"));
    }
}

/// The iterator returns what the reader returns, the error once, and then nothing.
#[test]
fn records_are_those_of_the_reader() {
    for (format, text) in samples() {
        let format: Format = format.parse().unwrap();
        let mut given = Vec::new();
        let ended = List::new(format.clone(), "list", text.as_bytes())
            .for_each(|record| given.push(record.to_buf()))
            .unwrap();
        let mut records = List::new(format.clone(), "list", text.as_bytes()).records();
        let owned: Vec<_> = records.by_ref().map(Result::unwrap).collect();
        assert_eq!((owned, records.finish().unwrap()), (given, ended));

        let mut failing = List::new(format, "list", Failing(text.as_bytes(), 20)).records();
        let failed = failing.by_ref().filter(Result::is_err).count();
        assert_eq!((failed, failing.next().is_none()), (1, true));
        assert!(failing.finish().is_err());
    }
}

/// A line of 10 MB is not kept in memory, and is reported.
#[test]
fn an_endless_line_is_reported() {
    for name in Format::names() {
        if ["host-local", "openvpn-ccd"].contains(name) {
            continue;
        }
        let outcome = read_from(name, io::repeat(b'x').take(10_000_000));
        assert!(outcome.is_unclear(), "{name}: {outcome:?}");
        for text in outcome
            .entries
            .iter()
            .chain([&format!("{:?}", outcome.end)])
        {
            assert!(text.len() < 300, "{name}: {text}");
        }
    }
}

/// Arbitrary bytes cause no panic, and the printed error contains no control characters.
#[test]
fn noise_is_never_a_clear_list() {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    })
    .take(100_000)
    .collect();
    for name in Format::names() {
        let outcome = read(name, &noise);
        let reports = outcome.is_unclear();
        assert!(reports, "{name}");
        if let Err(error) = outcome.end {
            assert!(!error.to_string().contains(char::is_control), "{name}");
        }
    }
}

#[cfg(feature = "hostbits")]
#[test]
fn broken_entries_reach_the_pool_as_unparseable() {
    for (format, text) in [
        ("kea", "address,hwaddr,state\n10.0.0.2,aa,0\n10.0.0.3\n"),
        ("wg-dump", "10.0.0.3\n"),
        ("wireguard", "[Peer]\n10.0.0.3\n"),
        ("dhcpd", "10.0.0.3;\n"),
        ("openvpn-ipp", "10.0.0.3\n"),
        ("ndjson", "10.0.0.3\n"),
    ] {
        let records = List::new(format.parse().unwrap(), "list", text.as_bytes()).records();
        let records: Vec<_> = records.map(Result::unwrap).collect();
        let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>().unwrap()).unwrap();
        let all = hostbits::users::Unreadable::Skip { at_most: 9 };
        let report = pool.adopt_with(all, &records).unwrap();
        assert_eq!(report.unparseable, 1, "{format}: {records:?}");
        assert!(!pool.is_available("10.0.0.2".parse().unwrap()) || format != "kea");
    }
}

fn is_preset(name: &str) -> bool {
    hostbits_lists::Preset::ALL
        .iter()
        .any(|preset| preset.name() == name)
}

/// Rows of other programs, each with an address that none of the samples contains.
const ROWS_OF_OTHERS: [&str; 14] = [
    "# br-lan aabbccddeeff ipv4 h 1413845671 2 32 10.0.0.77/32",
    "1700000000 aa:bb:cc:dd:ee:ff 10.0.0.77 h *",
    "h,10.0.0.77,",
    " h  10.0.0.77  3d",
    "\"h\";\"10.0.0.77\";\"x\"",
    "{\"name\":\"h\",\"ip\":\"10.0.0.77\"}",
    "lease 10.0.0.77 {",
    "AllowedIPs = 10.0.0.77/32",
    "dhcp-host=aa:bb:cc:dd:ee:ff,10.0.0.77,h",
    "wg0\tk=\t(none)\t192.0.2.7:1234\t10.0.0.77/32\t1700000000\t12\t34\toff",
    "CLIENT_LIST,h,192.0.2.7:1194,10.0.0.77,,12,34,2023-11-14 20:00:00,1699992000,UNDEF,0,0",
    "7,main,10.0.0.77,192.0.2.1,aa,2023-11-14 23:13:20,h,42",
    "<staticmap><ipaddr>10.0.0.77</ipaddr></staticmap>",
    ":10.0.0.77:",
];

/// A lost line feed joins two rows. If the second one is of another program, it does not become a field of this row,
/// but part of its first or last field. No address in it may be lost.
#[test]
fn a_row_of_another_program_on_the_same_line_is_told() {
    let mut lost = Vec::new();
    for (format, text) in samples() {
        if is_preset(format) {
            continue;
        }
        let ends = text.match_indices('\n').map(|(at, _)| at);
        let starts = ends.clone().map(|at| at + 1).filter(|at| *at < text.len());
        for at in ends.chain([0]).chain(starts) {
            for row in ROWS_OF_OTHERS {
                let joined = format!("{}{row}{}", &text[..at], &text[at..]);
                if is_beside(format, &joined, at) {
                    continue;
                }
                let outcome = read(format, &joined);
                let is_told = outcome.is_unclear()
                    || outcome.entries.iter().any(|it| it.contains("10.0.0.77"));
                if !is_told {
                    let line = joined[..at].rfind('\n').map_or(0, |before| before + 1);
                    let line = joined[line..].lines().next().unwrap_or_default();
                    lost.push(format!("{format}: {line}"));
                }
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

/// Returns whether the row at `at` is in a comment, and not held.
fn is_beside(format: &str, text: &str, at: usize) -> bool {
    let signs: &[char] = match format {
        "lines" | "csv" | "columns" | "wireguard" | "dnsmasq-hosts" | "host-local" | "dhcpd"
        | "openvpn-ccd" => &['#'],
        "openvpn-ipp" | "netdev" => &['#', ';'],
        "kea-conf" => &['#', '/'],
        _ => &[],
    };
    let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
    let address = at + text[at..].find("10.0.0.77").unwrap_or_default();
    text[start..address].contains(signs)
}
