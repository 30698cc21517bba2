//! Damaged lists whose holders are known: either a list is refused, or every address that it still names
//! is held.
//!
//! The input is a script: which format, which hosts, which damage where, and in which format the list is read.
//!
//! Any damage is allowed except two kinds, which no reader can tell from the truth. Another digit in an address makes
//! another address, so digits are left alone. A sign that begins a comment makes a comment, so what
//! follows one on its line is not named. What is gone altogether is not named either.

mod damage;
mod writers;

use super::Target;
use crate::run::Trace;
use hostbits::Pool;
use hostbits_lists::{Format, List, ListError, RecordBuf};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use writers::{KINDS, Kind, Names};

pub(crate) const TARGET: Target = Target {
    name: "truth",
    words: &[],
    run,
};

/// The most hosts that a list names.
const MOST_HOSTS: usize = 12;

/// Reads the script, and zeros after its end.
struct Script<'a>(std::slice::Iter<'a, u8>);

impl Script<'_> {
    fn byte(&mut self) -> usize {
        self.0.next().copied().unwrap_or_default().into()
    }

    /// Reads a kind: its name on a line and a byte that chooses among those of that name, or, in random scripts, only
    /// a number.
    fn kind(&mut self) -> &'static Kind {
        let rest = self.0.as_slice();
        let named = KINDS.iter().find_map(|kind| {
            let after = rest.strip_prefix(kind.name.as_bytes())?;
            Some((kind.name, after.strip_prefix(b"\n")?))
        });
        let Some((name, after)) = named else {
            return &KINDS[self.byte() % KINDS.len()];
        };
        self.0 = after.iter();
        let of_name: Vec<&Kind> = KINDS.iter().filter(|kind| kind.name == name).collect();
        of_name[self.byte() % of_name.len()]
    }

    /// Reads the hosts. No address is the beginning of another one: all end with three digits.
    fn hosts(&mut self) -> Vec<u8> {
        let count = self.byte() % MOST_HOSTS;
        let mut hosts: Vec<u8> = (0..count)
            .map(|_| 100 + (self.byte() % 100) as u8)
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }
}

fn run(input: &[u8], trace: &mut Trace) {
    let mut script = Script(input.iter());
    let kind = script.kind();
    let hosts = script.hosts();
    let mut named = vec![(kind, hosts.clone())];
    let mut list = (kind.write)(&hosts).into_bytes();
    let mut reader = kind;
    for _ in 0..script.byte() % 4 {
        let damage = script.byte() % (damage::KINDS + 2);
        trace.note((kind.name, "damage", damage));
        match damage.checked_sub(damage::KINDS) {
            None => damage::damage(damage, &mut list, &mut script),
            Some(0) => reader = script.kind(),
            Some(_) => {
                let other = script.kind();
                let others = script.hosts();
                list.extend((other.write)(&others).bytes());
                named.push((other, others));
            }
        }
    }
    judge(&list, &named, reader, trace);
}

/// Checks that the list is refused, or that all that it names is held.
fn judge(list: &[u8], named: &[(&Kind, Vec<u8>)], reader: &Kind, trace: &mut Trace) {
    let written_as: Vec<&str> = named.iter().map(|(kind, _)| kind.name).collect();
    let Some(records) = read(reader.name, list) else {
        return trace.note((written_as, reader.name, "refused by its reader"));
    };
    let net: Ipv4Net = "10.0.0.0/24".parse().expect("a network");
    let pool = Pool::new(net).expect("a pool");
    if pool.adopt(&records).is_err() {
        assert_eq!(pool.allocated(), 0, "a refused list takes nothing");
        return trace.note((written_as, reader.name, "refused"));
    }
    trace.note((&written_as, reader.name, "read"));
    for (kind, hosts) in named {
        for &host in hosts {
            let addr = Ipv4Addr::new(10, 0, 0, host);
            assert!(
                !names(list, kind, reader, hosts, host) || !pool.is_available(addr),
                "{addr} is in the {} list, read as {}, and free: {}",
                kind.name,
                reader.name,
                list.escape_ascii()
            );
        }
    }
}

fn read(format: &str, list: &[u8]) -> Option<Vec<RecordBuf>> {
    let format: Format = format.parse().expect("a format");
    let read = |list: List<'_>| {
        let mut records = list.records();
        let read: Vec<RecordBuf> = records.by_ref().map_while(Result::ok).collect();
        records.finish().map(|_| read)
    };
    if format.counts_files() {
        return directory(list, |path| read(List::open(format, path)?));
    }
    read(List::new(format, "list", list)).ok()
}

/// Reads a list as a directory of files: each line is the name of a file and its content. Any other line makes the
/// list invalid; so do two lines with one name, which no directory has, and a name that leads elsewhere.
fn directory(
    list: &[u8],
    read: impl FnOnce(&std::path::Path) -> Result<Vec<RecordBuf>, ListError>,
) -> Option<Vec<RecordBuf>> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only a unique number.
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder =
        std::env::temp_dir().join(format!("hostbits-truth-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).ok()?;
    let are_files = list
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .all(|line| {
            let line = String::from_utf8_lossy(line);
            line.split_once(": ").is_some_and(|(name, text)| {
                is_name(name) && write_new(&folder.join(name), text).is_ok()
            })
        });
    let records = are_files.then(|| read(&folder).ok()).flatten();
    std::fs::remove_dir_all(&folder).ok()?;
    records
}

/// Returns whether a file in a directory can have the name.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && name != "." && name != ".."
}

/// Writes a file that is not there yet.
fn write_new(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    std::io::Write::write_all(&mut std::fs::File::create_new(path)?, text.as_bytes())
}

/// Returns whether the list still names a host for this reader, which may be one of another format.
fn names(list: &[u8], kind: &Kind, reader: &Kind, hosts: &[u8], host: u8) -> bool {
    // `multus` reads only the additional networks, which the pods of this list do not have.
    if (kind.name, reader.name) == ("k8s-pods", "multus") {
        return false;
    }
    match &kind.names {
        Names::Address => is_written(list, reader, &format!("10.0.0.{host}")),
        Names::Beside(write, other) => {
            kind.name == reader.name
                && is_in(list, write(host).as_bytes())
                && is_in(list, other.as_bytes())
        }
        Names::Whole => {
            kind.name == reader.name && is_in(list, (kind.write)(hosts).trim_end().as_bytes())
        }
    }
}

fn is_in(list: &[u8], part: &[u8]) -> bool {
    part.is_empty() || list.windows(part.len()).any(|window| window == part)
}

/// Returns whether an address is in the list unchanged, not as part of a number or a name, and not behind the
/// sign of a comment.
fn is_written(list: &[u8], reader: &Kind, addr: &str) -> bool {
    let is_part = |byte: Option<&u8>| {
        byte.is_some_and(|it| {
            it.is_ascii_alphanumeric() || matches!(it, b'.' | b'-' | b'_') || *it >= 0x80
        })
    };
    let mut windows = list.windows(addr.len()).enumerate();
    windows.any(|(at, window)| {
        let before = at.checked_sub(1).and_then(|at| list.get(at));
        window == addr.as_bytes()
            && !is_part(before)
            && !is_part(list.get(at + addr.len()))
            && !is_comment(&list[..at], reader)
            && !is_name_of_file(&list[..at], reader)
            && !is_of_pod(&list[..at], reader)
    })
}

/// Returns whether this is the address of a pod itself, and the reader wants only additional networks.
fn is_of_pod(before: &[u8], reader: &Kind) -> bool {
    let keys: [&[u8]; 2] = [br#""podIP": ""#, br#""ip": ""#];
    reader.name == "multus" && keys.iter().any(|key| before.ends_with(key))
}

/// Returns whether this is the name of a file that names no address: in one format the names are those of clients,
/// in the other only the names are addresses.
fn is_name_of_file(before: &[u8], reader: &Kind) -> bool {
    let line = before.rsplit(|byte| *byte == b'\n').next();
    let is_first = line.is_none_or(<[u8]>::is_empty);
    match reader.name {
        "openvpn-ccd" => !is_in(line.unwrap_or_default(), b": "),
        "host-local" => !is_first,
        _ => false,
    }
}

fn is_comment(before: &[u8], reader: &Kind) -> bool {
    let line = before
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    reader.comments.iter().any(|sign| match *sign {
        "<!--" | "/*" => is_in(before, sign.as_bytes()),
        sign => is_in(line, sign.as_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A format that is added without a generator would not be tried.
    #[test]
    fn every_format_has_a_generator() {
        for name in Format::names() {
            assert!(KINDS.iter().any(|kind| kind.name == *name), "{name}");
        }
        for kind in KINDS {
            assert!(Format::names().contains(&kind.name), "{}", kind.name);
        }
    }

    /// The corpus has a script for each kind, by name: numbers go stale when a kind is added.
    #[test]
    fn every_kind_has_a_seed() {
        let corpus = crate::corpus::load(&TARGET).expect("a committed folder");
        let scripts = corpus.iter().filter(|(_, script)| script.contains(&b'\n'));
        let seeds: Vec<&Kind> = scripts
            .map(|(_, script)| Script(script.iter()).kind())
            .collect();
        for kind in KINDS {
            let is_there = seeds.iter().any(|seed| std::ptr::eq(*seed, kind));
            assert!(is_there, "{}", kind.name);
        }
        assert_eq!(seeds.len(), corpus.len(), "all of them by name");
    }

    /// Undamaged lists are read completely; otherwise the other checks prove nothing.
    #[test]
    fn every_list_is_read_whole() {
        for kind in KINDS {
            let hosts = [100, 107, 199];
            let list = (kind.write)(&hosts).into_bytes();
            let records = read(kind.name, &list).unwrap_or_else(|| panic!("{}", kind.name));
            let pool = Pool::new("10.0.0.0/24".parse::<Ipv4Net>().unwrap()).unwrap();
            let _ = pool
                .adopt(&records)
                .unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            for host in hosts {
                assert!(
                    names(&list, kind, kind, &hosts, host),
                    "{}: {host}",
                    kind.name
                );
                assert!(
                    !pool.is_available(Ipv4Addr::new(10, 0, 0, host)),
                    "{}: {host}",
                    kind.name
                );
            }
        }
    }

    /// The second file would take the place of the first, and its contents would never be read.
    #[test]
    fn a_directory_has_no_two_files_of_one_name() {
        let file = "h155: ifconfig-push 10.0.0.155 255.255.255.0\n";
        assert!(read("openvpn-ccd", file.as_bytes()).is_some());
        let twice = format!("{file}h155: ifc\n");
        assert!(read("openvpn-ccd", twice.as_bytes()).is_none());
    }

    /// A name that leads elsewhere does not name a file in the directory: it would never be read, and the test must
    /// not write there.
    #[test]
    fn a_directory_has_no_files_elsewhere() {
        for name in ["/hostbits-truth", "../hostbits-truth", "..", ".", "a/b", ""] {
            let file = format!("{name}: ifconfig-push 10.0.0.155 255.255.255.0\n");
            assert!(read("openvpn-ccd", file.as_bytes()).is_none(), "{name}");
            assert!(!std::path::Path::new("/hostbits-truth").exists());
        }
    }

    /// Every list is cut off at a selection of bytes; a campaign tries every byte.
    #[test]
    fn a_list_that_is_cut_off_is_refused_or_held() {
        let every: usize = std::env::var("HOSTBITS_EVERY")
            .ok()
            .and_then(|it| it.parse().ok())
            .unwrap_or(7);
        for kind in KINDS {
            let hosts = [101, 150];
            let list = (kind.write)(&hosts).into_bytes();
            for end in (0..list.len()).step_by(every) {
                judge(
                    &list[..end],
                    &[(kind, hosts.to_vec())],
                    kind,
                    &mut Trace::default(),
                );
            }
        }
    }

    /// Random scripts; a campaign tries more: `HOSTBITS_RUNS` says how many, `HOSTBITS_SEED` which, and `HOSTBITS_FORMAT`
    /// of which format alone. The test reports all findings at once, the shortest of each kind.
    #[test]
    fn whatever_is_damaged_is_refused_or_held() {
        let runs = std::env::var("HOSTBITS_RUNS").ok();
        let runs: u64 = runs.and_then(|it| it.parse().ok()).unwrap_or(4000);
        let seed = std::env::var("HOSTBITS_SEED").ok();
        let seed: u64 = seed.and_then(|it| it.parse().ok()).unwrap_or(1);
        let format = std::env::var("HOSTBITS_FORMAT").ok();
        let format = format.map_or(String::new(), |name| name + "\n");
        let mut random = crate::random::Random::new(seed);
        let mut found = std::collections::BTreeMap::<String, String>::new();
        for _ in 0..runs {
            let bytes = (0..40).map(|_| random.below(256) as u8);
            let script: Vec<u8> = format.bytes().chain(bytes).collect();
            if let Err(panic) = crate::run::run(&TARGET, &script) {
                let what: String = panic
                    .message
                    .split(": ")
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .skip(11)
                    .collect();
                let kept = found.entry(what).or_insert_with(|| panic.message.clone());
                if panic.message.len() < kept.len() {
                    *kept = panic.message;
                }
            }
        }
        let all: Vec<String> = found
            .into_values()
            .map(|it| it.chars().take(6000).collect())
            .collect();
        assert!(all.is_empty(), "{}", all.join("\n\n"));
    }
}
