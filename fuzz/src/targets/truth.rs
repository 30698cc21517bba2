//! Lists of which it is known who holds what, damaged: either they are refused, or every address that is still written
//! in them is held.
//!
//! The input is a script: which format, which hosts, which damage where, and as what the list is read.

use super::Target;
use crate::run::Trace;
use hostbits::Pool;
use hostbits_lists::{Format, List, RecordBuf};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

pub(crate) const TARGET: Target = Target {
    name: "truth",
    words: &[],
    run,
};

/// Most hosts that a list names.
const MOST_HOSTS: usize = 12;

/// Reads the script; zeros after its end.
struct Script<'a>(std::slice::Iter<'a, u8>);

impl Script<'_> {
    fn byte(&mut self) -> usize {
        self.0.next().copied().unwrap_or_default().into()
    }
}

fn run(input: &[u8], trace: &mut Trace) {
    let mut script = Script(input.iter());
    let kind = script.byte() % KINDS.len();
    let count = script.byte() % MOST_HOSTS;
    // No address is the beginning of another one: all have three digits at the end.
    let mut hosts: Vec<u8> = (0..count)
        .map(|_| 100 + (script.byte() % 100) as u8)
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    let (name, write) = KINDS[kind];
    let mut list = write(&hosts).into_bytes();
    let mut read_as = name;
    for _ in 0..script.byte() % 3 {
        let damage = script.byte() % 9;
        trace.note((name, "damage", damage));
        match damage {
            8 => read_as = KINDS[script.byte() % KINDS.len()].0,
            damage => do_damage(damage, &mut list, script.byte() * 256 + script.byte()),
        }
    }
    let Some(records) = read(read_as, &list) else {
        return trace.note((name, read_as, "refused by its reader"));
    };
    let net: Ipv4Net = "10.0.0.0/24".parse().expect("a network");
    let pool = Pool::new(net).expect("a pool");
    if pool.adopt(&records).is_err() {
        assert_eq!(pool.allocated(), 0, "a refused list takes nothing");
        return trace.note((name, read_as, "refused"));
    }
    trace.note((name, read_as, "read", hosts.len().checked_ilog2()));
    for host in hosts {
        let addr = Ipv4Addr::new(10, 0, 0, host);
        let is_written = is_written(&list, &addr.to_string());
        assert!(
            !is_written || !pool.is_available(addr),
            "{addr} is in the {name} list, read as {read_as}, and free: {}",
            list.escape_ascii()
        );
    }
}

fn read(format: &str, list: &[u8]) -> Option<Vec<RecordBuf>> {
    let format: Format = format.parse().expect("a format");
    let mut records = List::new(format, "list", list).records();
    let read: Vec<RecordBuf> = records.by_ref().map_while(Result::ok).collect();
    records.finish().ok().map(|_| read)
}

/// Whether an address stands in the list as it was, with nothing of a number beside it.
fn is_written(list: &[u8], addr: &str) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'.');
    let mut windows = list.windows(addr.len()).enumerate();
    windows.any(|(at, window)| {
        let before = at.checked_sub(1).and_then(|at| list.get(at));
        window == addr.as_bytes() && !is_part(before) && !is_part(list.get(at + addr.len()))
    })
}

fn do_damage(damage: usize, list: &mut Vec<u8>, number: usize) {
    let at = number % (list.len() + 1);
    match damage {
        0 => list.truncate(at),
        1 => {
            *list = String::from_utf8_lossy(list)
                .replace('\n', "\r\n")
                .into_bytes()
        }
        2 => drop(list.splice(0..0, *b"\xEF\xBB\xBF")),
        3 => {
            let text = String::from_utf8_lossy(list).into_owned();
            let marked = ["", "\u{feff}"][number % 2].to_owned() + &text;
            *list = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
        }
        4 => drop(list.splice(0..0, *b"\x1f\x8b\x08\0")),
        5 => list.clear(),
        // A long line between two others.
        6 => {
            let before = list[..at].iter().rposition(|byte| *byte == b'\n');
            let start = before.map_or(0, |at| at + 1);
            let line = std::iter::repeat_n(b'x', 1 << 17).chain([b'\n']);
            drop(list.splice(start..start, line));
        }
        // The rest once more, as a writer that begins again leaves it.
        _ => {
            let rest = list[at..].to_vec();
            list.extend(rest);
        }
    }
}

/// What a program writes for these hosts.
type Writer = fn(&[u8]) -> String;

fn lines(hosts: &[u8], each: impl Fn(u8) -> String) -> String {
    hosts.iter().map(|&host| each(host)).collect()
}

fn joined(hosts: &[u8], each: impl Fn(u8) -> String) -> String {
    let parts: Vec<String> = hosts.iter().map(|&host| each(host)).collect();
    parts.join(",\n")
}

const KINDS: [(&str, Writer); 14] = [
    ("lines", |hosts| {
        lines(hosts, |host| format!("10.0.0.{host}\n"))
    }),
    ("csv", |hosts| {
        "name,IP Address,note\n".to_owned()
            + &lines(hosts, |host| format!("h{host},10.0.0.{host},\"a, b\"\n"))
    }),
    ("columns", |hosts| {
        "NAME  IP  AGE\n".to_owned() + &lines(hosts, |host| format!("h{host}  10.0.0.{host}  3d\n"))
    }),
    ("ndjson", |hosts| {
        lines(hosts, |host| {
            format!("{{\"name\":\"h{host}\",\"ip\":\"10.0.0.{host}\"}}\n")
        })
    }),
    ("json", |hosts| {
        let values = joined(hosts, |host| {
            format!("{{\"name\":\"h{host}\",\"x\":{{\"y\":\"10.0.0.{host}\"}}}}")
        });
        format!("[{values}]\n")
    }),
    ("k8s-pods", |hosts| {
        let pods = joined(hosts, |host| {
            format!(
                "{{\"metadata\":{{\"name\":\"h{host}\"}},\"status\":{{\"podIPs\":[{{\"ip\":\"10.0.0.{host}\"}}]}}}}"
            )
        });
        format!("{{\"kind\":\"List\",\"items\":[{pods}]}}\n")
    }),
    ("wireguard", |hosts| {
        "[Interface]\nAddress = 10.0.0.1/24\n".to_owned()
            + &lines(hosts, |host| {
                format!("[Peer]\nPublicKey = k{host}\nAllowedIPs = 10.0.0.{host}/32\n")
            })
    }),
    ("netdev", |hosts| {
        "[NetDev]\nKind=wireguard\n".to_owned()
            + &lines(hosts, |host| {
                format!("[WireGuardPeer]\nPublicKey=k{host}\nAllowedIPs=10.0.0.{host}/32\n")
            })
    }),
    ("dnsmasq", |hosts| {
        lines(hosts, |host| {
            format!("1700000000 aa:bb:cc:dd:ee:ff 10.0.0.{host} h{host} *\n")
        })
    }),
    ("dnsmasq-hosts", |hosts| {
        lines(hosts, |host| {
            format!("dhcp-host=aa:bb:cc:dd:ee:ff,10.0.0.{host},h{host}\n")
        })
    }),
    ("dhcpd", |hosts| {
        lines(hosts, |host| {
            format!(
                "lease 10.0.0.{host} {{\n  binding state active;\n  client-hostname \"h{host}\";\n}}\n"
            )
        })
    }),
    ("kea", |hosts| {
        "address,hwaddr,valid_lifetime,state\n".to_owned()
            + &lines(hosts, |host| format!("10.0.0.{host},aa,3600,0\n"))
    }),
    ("openvpn-ipp", |hosts| {
        lines(hosts, |host| format!("h{host},10.0.0.{host},\n"))
    }),
    ("opnsense", |hosts| {
        let maps = lines(hosts, |host| {
            format!("<staticmap><ipaddr>10.0.0.{host}</ipaddr></staticmap>\n")
        });
        format!("<opnsense>\n<dhcpd><lan>\n{maps}</lan></dhcpd>\n</opnsense>\n")
    }),
];
