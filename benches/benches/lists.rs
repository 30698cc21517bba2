//! Reads lists of 1,000,000 addresses, against the time that std needs to parse the same texts.
//!
//! `cargo bench -p hostbits-benches --bench lists`; `-- --test` reads everything once.

use hostbits_benches::{measure_ratio, per_operation};
use hostbits_lists::{Address, Format, List, Preset, Query};
use std::fmt::Write;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Instant;

/// The number of addresses in each list.
const ADDRESSES: u32 = 1_000_000;
const ROUNDS: usize = 15;
/// The number of pods in the JSON that the filter benches read.
const PODS: u32 = 100_000;

fn main() {
    let is_test = std::env::args().any(|word| word == "--test");
    let addrs: Vec<Ipv4Addr> = (0..ADDRESSES).map(scattered).collect();
    let texts: Vec<String> = addrs.iter().map(Ipv4Addr::to_string).collect();
    let plain = joined(&texts, |_| String::new());
    let owners = joined(&texts, |index| format!(",user-{index}"));
    let json = format!("[\"{}\"]", texts.join("\",\n\""));
    check(Format::Lines, &plain, &addrs);
    check(Format::CSV, &plain, &addrs);
    check(Format::CSV, &owners, &addrs);
    check(Format::JSON, &json, &addrs);
    let rounds = if is_test { 1 } else { ROUNDS };
    println!("{ADDRESSES} addresses, as a ratio to std's parser on the same texts, one by one");
    for (name, format, list, target) in [
        ("lines", Format::Lines, &plain, 1.5),
        ("csv, addresses alone", Format::CSV, &plain, 1.5),
        ("csv with owners", Format::CSV, &owners, 2.5),
        ("json", Format::JSON, &json, f64::INFINITY),
    ] {
        let row = measure_ratio(
            name,
            rounds,
            || ours(format.clone(), list),
            || reference(&texts),
        );
        println!(
            "{name:22} {:6.1} ns, std {:5.1} ns: {:5.2} (target {target})",
            row.ours_ns, row.reference_ns, row.ratio
        );
    }
    println!("{PODS} pods, as a ratio to serde_json making a Value of the same bytes");
    let json = pods_json();
    let query = Query::new(".items[] | {address: .status.podIPs[].ip, owner: .metadata.name}");
    let filter = Format::Json(query.expect("a filter"));
    for (name, format, target) in [
        ("json with a jq filter", filter, 3.0),
        ("k8s-pods", Format::Preset(Preset::K8sPods), f64::INFINITY),
    ] {
        pods_row(name, &format, &json, target, rounds.min(5));
    }
}

/// The pods of a large cluster, as `kubectl get pods -o json` prints them, without the fields that are never read.
fn pods_json() -> String {
    let pods = (0..PODS).map(|index| {
        let addr = scattered(index);
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"web-{index}","namespace":"shop","labels":{{"app":"web","tier":"front"}},"uid":"{index:08x}-0000-4000-8000-000000000000"}},"spec":{{"containers":[{{"name":"web","image":"registry.example/web:1.2.3","ports":[{{"containerPort":8080,"protocol":"TCP"}}]}}],"nodeName":"node-{}"}},"status":{{"phase":"Running","podIP":"{addr}","podIPs":[{{"ip":"{addr}"}}]}}}}"#,
            index % 100
        )
    });
    let pods: Vec<String> = pods.collect();
    format!(r#"{{"kind":"List","items":[{}]}}"#, pods.join(","))
}

/// All pods; a jq filter picks what is meant. A named filter also examines what it has left out.
fn pods_row(name: &'static str, format: &Format, json: &str, target: f64, rounds: usize) {
    let row = measure_ratio(
        name,
        rounds,
        || {
            let start = Instant::now();
            let ended = List::new(format.clone(), "memory", json.as_bytes()).for_each(|record| {
                black_box(record);
            });
            assert_eq!(ended.expect("a whole list").records, u64::from(PODS));
            per_operation(start.elapsed(), PODS.into())
        },
        || {
            let start = Instant::now();
            let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
            black_box(&value);
            per_operation(start.elapsed(), PODS.into())
        },
    );
    println!(
        "{name:22} {:6.1} ns, serde_json {:5.1} ns: {:5.2} (target {target})",
        row.ours_ns, row.reference_ns, row.ratio
    );
}

/// Addresses of 10.0.0.0/8 in an unpredictable order.
fn scattered(index: u32) -> Ipv4Addr {
    let host = index.wrapping_mul(0x9E37_79B1) >> 8;
    Ipv4Addr::from(0x0A00_0000 | host)
}

fn joined(texts: &[String], more: impl Fn(usize) -> String) -> String {
    let mut list = String::new();
    for (index, text) in texts.iter().enumerate() {
        writeln!(list, "{text}{}", more(index)).expect("memory can be written to");
    }
    list
}

fn check(format: Format, list: &str, addrs: &[Ipv4Addr]) {
    let mut expected = addrs.iter();
    let ended = List::new(format, "memory", list.as_bytes()).for_each(|record| {
        let addr = match record.address {
            Address::Addr(addr) => addr,
            Address::Text(text) => text.parse().expect("an address"),
            other => panic!("{other:?}"),
        };
        assert_eq!(Some(addr), expected.next().map(|&addr| addr.into()));
    });
    assert_eq!(ended.expect("a whole list").records, u64::from(ADDRESSES));
}

fn ours(format: Format, list: &str) -> f64 {
    let start = Instant::now();
    let ended = List::new(format, "memory", list.as_bytes()).for_each(|record| {
        black_box(record);
    });
    assert!(ended.is_ok());
    per_operation(start.elapsed(), ADDRESSES.into())
}

fn reference(texts: &[String]) -> f64 {
    let start = Instant::now();
    for text in texts {
        black_box(black_box(text).parse::<Ipv4Addr>().expect("an address"));
    }
    per_operation(start.elapsed(), ADDRESSES.into())
}
