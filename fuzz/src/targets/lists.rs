//! The readers of lists. Whatever a reader is given, its result does not depend on how the input is cut into pieces,
//! an error of the input is never taken for its end, and no address of a plain list is skipped.
//!
//! The first line names the format. If it does not, all formats read all of it.

use super::Target;
use crate::run::Trace;
use hostbits_lists::{Address, Format, List, RecordBuf};
use std::io::{self, Read};
use std::net::IpAddr;

pub(crate) const TARGET: Target = Target {
    name: "lists",
    words: &[
        "address,",
        "[Peer]\n",
        "AllowedIPs = ",
        "PublicKey = k\n",
        "lease 10.0.0.7 {\n",
        "binding state ",
        "free;\n",
        "}\n",
        "ia-na \"a\" { iaaddr ",
        "HEADER,CLIENT_LIST,",
        "CLIENT_LIST,",
        "ROUTING TABLE\n",
        "END\n",
        "framedipaddress,",
        "\"ip\":",
        "[",
        "]",
        "{",
        "\\\"",
        "\\",
        "kea\n",
        "csv@2,1\n",
        "k8s-pods\n",
        "{\"items\":[",
        "dnsmasq\n",
        "1 aa 10.0.0.2 * *\n",
        "dhcp-host=",
    ],
    run,
};

/// What a reader returned, and the text of its error.
#[derive(Debug, PartialEq)]
struct Outcome {
    records: Vec<RecordBuf>,
    error: Option<String>,
}

fn run(input: &[u8], trace: &mut Trace) {
    let end = input.iter().position(|&byte| byte == b'\n');
    let (first, rest) = end.map_or((input, &[][..]), |at| (&input[..at], &input[at + 1..]));
    let named = std::str::from_utf8(first).ok().map(str::parse::<Format>);
    match named {
        Some(Ok(format)) => judge(&format, rest, trace),
        _ => {
            for name in Format::names() {
                judge(&name.parse().expect("a name"), input, trace);
            }
        }
    }
}

fn judge(format: &Format, input: &[u8], trace: &mut Trace) {
    let whole = read(format, input);
    let pieces = read(format, Pieces(input, input.len()));
    assert_eq!(whole, pieces, "{format:?}: the same in pieces");
    let mut each = Vec::new();
    let list = List::new(format.clone(), "list", input);
    let ended = list.for_each(|record| each.push(record.to_buf()));
    assert_eq!(each, whole.records, "{format:?}: the same at once");
    assert_eq!(ended.is_ok(), whole.error.is_none());
    if let Ok(ended) = ended {
        assert_eq!(ended.records, each.len() as u64);
    }
    let half = read(format, Pieces(input, input.len() / 2).chain(Failing));
    assert!(half.error.is_some(), "{format:?}: an error is no end");
    if let Some(error) = &whole.error {
        assert!(!error.contains(char::is_control), "{error:?}");
        trace.note((format.name(), error.split('"').next()));
    }
    judge_records(format, &whole.records, trace);
    let is_plain = matches!(format, Format::Lines) || *format == Format::CSV;
    if is_plain && whole.error.is_none() {
        judge_plain(input, &whole.records);
    }
}

fn read(format: &Format, input: impl Read) -> Outcome {
    let mut records = Vec::new();
    let mut error = None;
    let mut list = List::new(format.clone(), "list", input).records();
    for record in list.by_ref() {
        match record {
            Ok(record) => records.push(record),
            Err(why) => error = Some(why.to_string()),
        }
    }
    if error.is_none() {
        error = list.finish().err().map(|why| why.to_string());
    }
    Outcome { records, error }
}

fn judge_records(format: &Format, records: &[RecordBuf], trace: &mut Trace) {
    trace.note((format.name(), records.len().checked_ilog2()));
    for record in records {
        let record = record.as_record();
        assert!(record.line > 0, "lines are counted from 1");
        let kind = match record.address {
            Address::Broken(text) => {
                assert!(text.parse::<IpAddr>().is_err(), "{text:?}");
                assert!(text.chars().count() <= 64 + 64, "{text:?}");
                text.split(": ").next()
            }
            Address::Stray(_) => Some("stray"),
            Address::Text("") => Some("nothing"),
            Address::Text(_) => Some("text"),
            _ => Some("address"),
        };
        trace.note((
            format.name(),
            kind,
            record.owner.is_some(),
            record.state.map(|state| state.len() < 12),
        ));
    }
}

/// Checks that every line that is an address, or begins with one and a comma, was read.
fn judge_plain(input: &[u8], records: &[RecordBuf]) {
    let input = input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input);
    for (line, number) in input.split(|&byte| byte == b'\n').zip(1..) {
        let text = String::from_utf8_lossy(line);
        let field = text.split(',').next().unwrap_or_default();
        let Ok(addr) = field.trim().parse::<IpAddr>() else {
            continue;
        };
        let named = records.iter().any(|record| {
            let record = record.as_record();
            record.line == number
                && match record.address {
                    Address::Addr(named) => named == addr,
                    Address::Text(named) | Address::Stray(named) => named.starts_with(field.trim()),
                    Address::Broken(named) => named.contains(field.trim()),
                    _ => false,
                }
        });
        assert!(named, "line {number}: {text:?} is skipped: {records:?}");
    }
}

/// A reader that returns the bytes a few at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let some = self.1.min(1 + self.1 % 7).min(buffer.len());
        self.1 -= some;
        (&mut self.0).take(some as u64).read(buffer)
    }
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}
