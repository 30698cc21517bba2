//! Entries that the caller leaves out by state.

use crate::read::{Outcome, all};
use hostbits_lists::{Format, List};

fn without(format: &str, text: &str, states: &[&str]) -> Outcome {
    let format: Format = format.parse().unwrap();
    let list = List::new(format, "list", text.as_bytes());
    all(list.without(states.iter().copied()))
}

/// A format, a list, the states to leave out, all entries, and the number left out for each state.
type Row = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [u64],
);

/// An entry without a state, in another state, or unreadable is never left out.
const LISTS: &[Row] = &[
    (
        "csv",
        "address,owner,state\n10.0.0.2,a,Expired\n10.0.0.3,b,active\n10.0.0.4,c,\n10.0.0.5,d,expired soon\n",
        &["expired"],
        &["2 10.0.0.2", "3 10.0.0.3", "4 10.0.0.4", "5 10.0.0.5"],
        &[1],
    ),
    (
        "columns",
        "IP NAME STATE\n10.0.0.2 a DONE\n10.0.0.3 b UP\n",
        &["done", "down"],
        &["2 10.0.0.2", "3 10.0.0.3"],
        &[1, 0],
    ),
    (
        "ndjson",
        "{\"ip\":\"10.0.0.2\",\"state\":\"gone\"}\n{\"ip\":\"10.0.0.3\"}\n{\"ip\":7,\"state\":\"gone\"}\n",
        &["gone"],
        &[
            "1 10.0.0.2",
            "2 10.0.0.3",
            "3 !something else in the place of an address",
        ],
        &[1],
    ),
    (
        "k8s-pods",
        "{\"items\": [\n{\"metadata\": {\"name\": \"a\"}, \"status\": {\"phase\": \"Running\", \"podIP\": \"10.0.0.2\"}},\n\
         {\"metadata\": {\"name\": \"b\"}, \"status\": {\"phase\": \"Succeeded\", \"podIP\": \"10.0.0.3\"}},\n\
         {\"metadata\": {\"name\": \"c\"}, \"status\": {\"phase\": \"Failed\", \"podIPs\": [{\"ip\": \"10.0.0.4\"}, {\"ip\": \"fd00::4\"}]}},\n\
         {\"metadata\": {\"name\": \"d\"}, \"status\": {\"podIP\": \"10.0.0.3\"}}]}",
        &["Succeeded", "Failed"],
        &[
            "2 10.0.0.2",
            "3 10.0.0.3",
            "4 10.0.0.4",
            "4 fd00::4",
            "5 10.0.0.3",
        ],
        &[1, 2],
    ),
    (
        "dhcpd",
        "lease 10.0.0.2 {\n binding state expired;\n}\nlease 10.0.0.3 {\n binding state active;\n}\n\
         lease 10.0.0.4 {\n binding state released;\n reserved;\n}\nlease 10.0.0.2 {\n binding state active;\n}\n\
         lease 10.0.0.5 {\n binding state active;\n}\nlease 10.0.0.5 {\n binding state released;\n}\nhost x { fixed-address 10.0.0.6; }\n",
        &["expired", "released"],
        &[
            "20 10.0.0.6",
            "4 10.0.0.3",
            "7 10.0.0.4",
            "11 10.0.0.2",
            "17 10.0.0.5",
        ],
        &[0, 1],
    ),
    (
        "kea",
        "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n\
         10.0.0.2,,,3600,1700003600,1,0,0,a,0\n10.0.0.3,,,3600,1700003600,1,0,0,b,1\n10.0.0.4,,,3600,1700003600,1,0,0,c,7\n",
        &["declined"],
        &["2 10.0.0.2", "3 10.0.0.3", "4 10.0.0.4"],
        &[1],
    ),
    (
        "wireguard",
        "[Peer]\nAllowedIPs = 10.0.0.2/32\n# [Peer]\n# AllowedIPs = 10.0.0.3/32\n",
        &["disabled"],
        &["4 block:10.0.0.3/32", "2 block:10.0.0.2/32"],
        &[1],
    ),
    (
        "radippool",
        "framedipaddress,username,expiry_time,status\n10.0.0.2,a,2026-01-01 00:00:00,dynamic\n10.0.0.3,b,2026-01-01 00:00:00,declined\n",
        &["declined"],
        &["2 10.0.0.2", "3 10.0.0.3"],
        &[1],
    ),
];

#[test]
fn what_is_left_out_is_counted_and_all_else_is_held() {
    for (format, text, states, held, counts) in LISTS {
        let addresses = |outcome: &Outcome| -> Vec<String> {
            let entries = outcome.whole().into_iter();
            let entries = entries.map(|entry| match entry.split_once(" !") {
                Some((line, what)) => format!("{line} !{}", what.split(':').next().unwrap()),
                None => entry.split(' ').take(2).collect::<Vec<_>>().join(" "),
            });
            entries.collect()
        };
        let all = without(format, text, &[]);
        assert_eq!(addresses(&all), *held, "{format}");
        assert!(all.ended().left_out.is_empty());
        let some = without(format, text, states);
        let left = some.ended();
        let expected: Vec<_> = states
            .iter()
            .map(|it| (*it).to_owned())
            .zip(counts.iter().copied())
            .collect();
        assert_eq!(left.left_out, expected, "{format}");
        let is_left_out = |entry: &str| {
            let (_, state) = entry.rsplit_once("state=").unwrap_or_default();
            states
                .iter()
                .any(|unwanted| unwanted.eq_ignore_ascii_case(state))
        };
        let kept: Vec<_> = all
            .whole()
            .into_iter()
            .filter(|entry| !is_left_out(entry))
            .collect();
        assert_eq!(some.whole(), kept, "{format}");
        assert_eq!(left.records as usize, kept.len(), "{format}");
        assert_eq!(
            kept.len() as u64 + counts.iter().sum::<u64>(),
            all.ended().records,
            "{format}"
        );
        // Reading all records at once gives the same result.
        let list = List::new(format.parse().unwrap(), "list", text.as_bytes());
        let mut count = 0;
        let ended = list
            .without(states.iter().copied())
            .for_each(|_| count += 1);
        assert_eq!((ended.unwrap(), count), (left, kept.len()), "{format}");
    }
}

/// A list from which every entry was left out is still understood; one without any entry is not.
#[test]
fn all_of_a_list_can_be_left_out() {
    let lease = "lease 10.0.0.2 { binding state expired; }\n";
    assert_eq!(without("dhcpd", lease, &["expired"]).whole(), [""; 0]);
    assert!(
        without("csv", "# a\n# b\n", &["expired"])
            .error()
            .contains("another format")
    );
}

/// States cannot be left out in a format that does not know them.
#[test]
fn formats_know_whether_they_have_states() {
    let mut with_states = 0;
    for (name, text) in crate::samples::all() {
        let format: Format = name.parse().unwrap();
        let outcome = crate::read::read(name, text);
        let has_some = outcome.entries.iter().any(|entry| entry.contains("state="));
        assert!(!has_some || format.has_states(), "{name}");
        with_states += usize::from(has_some);
    }
    assert!(with_states > 10, "{with_states}");
    assert!(!Format::Lines.has_states() && !Format::Dnsmasq.has_states());
}
