//! A pool file with changed bytes: opening it succeeds or returns an error, never a panic or a signal. Unless a
//! checksum was made to fit, no held address is handed out.
//!
//! ```text
//! u8 PLACE OFFSET VALUE     one byte; PLACE is header, header2, state, state2, volatile, nodes, trust,
//! u64 PLACE OFFSET VALUE    ready, free, quarantine, touched, config, or file
//! config TEXT               the configuration, with its length and checksum; \n for a line feed
//! seal                      makes the checksums of headers and states fit
//! cut LENGTH                the file ends there
//! ```

use super::Target;
use crate::run::Trace;
use hostbits::{
    Pool,
    file::{self, OpenError, RecoveryKind},
};
use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub(crate) const TARGET: Target = Target {
    name: "file",
    words: &[
        "u8 ",
        "u64 ",
        "header ",
        "header2 ",
        "state ",
        "state2 ",
        "volatile ",
        "nodes ",
        "trust ",
        "ready ",
        "free ",
        "quarantine ",
        "touched ",
        "config ",
        "file ",
        "seal\n",
        "cut ",
        "hostbits pool 1\\n",
        "network 10.0.0.0/24\\n",
        "range 10.0.0.0 10.0.0.255\\n",
        "unit 32\\n",
        "gateway 10.0.0.1\\n",
        "reserve 10.0.0.0 10.0.0.0 network\\n",
        "policy lowest\\n",
        "0x08",
        "0x18",
        "0x20",
        "0x28",
        "0x40",
        "0x50",
        "0x52",
        "0x54",
        "0x58",
        "0x68",
        "0x70",
        "0x78",
        "0x80",
        "0x88",
        "0x90",
        "0x98",
        "0xa0",
        "0x1b0",
        "0x1f8",
        "0x1fc",
        "0x38",
        "0x30",
        "0xffffffffffffffff",
    ],
    run,
};

const PAGE: usize = 4096;
const BLOCK: usize = 512;
const BLOCKS: [usize; 4] = [0, PAGE, 2 * PAGE, 3 * PAGE];

/// The names of the places, in the order of the file. In the file of a /24 each is one page; the configuration has two.
const PLACES: [&str; 12] = [
    "header",
    "header2",
    "state",
    "state2",
    "volatile",
    "nodes",
    "trust",
    "ready",
    "free",
    "quarantine",
    "touched",
    "config",
];

/// A file that was left in order, and what was held in it.
struct Template {
    path: PathBuf,
    bytes: Vec<u8>,
    held: BTreeSet<IpAddr>,
}

impl Template {
    /// Makes the file once and returns it. Every run uses the same file, so its inode is the one in its states.
    fn get() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| {
            let in_memory = Path::new("/dev/shm");
            let directory = match in_memory.is_dir() {
                true => in_memory.to_owned(),
                false => std::env::temp_dir(),
            };
            remove_leftovers(&directory);
            let path = directory.join(format!("{NAME}{}", std::process::id()));
            let _ = fs::remove_file(&path);
            let net: ipnet::Ipv4Net = "10.0.0.0/24".parse().expect("a network");
            let pool = Pool::builder(net).create(&path).expect("a file");
            let held = pool.allocate_many(100).expect("there are 253");
            drop(pool);
            Self {
                bytes: fs::read(&path).expect("the file"),
                path,
                held: held.into_iter().map(IpAddr::from).collect(),
            }
        })
    }
}

impl Template {
    /// Sets the witness as if no state had been written since the file was made. Otherwise the file would be an older
    /// content, and nothing of it would be believed or handed out. A file system without attributes has no witness.
    #[allow(unsafe_code)]
    fn set_witness(&self) {
        let seq = |at: usize| {
            self.bytes[at + 8..]
                .first_chunk()
                .map(|it| u64::from_le_bytes(*it))
        };
        let value = seq(BLOCKS[2])
            .max(seq(BLOCKS[3]))
            .unwrap_or(0)
            .to_le_bytes();
        let file = fs::File::options().write(true).open(&self.path);
        let (file, name) = (file.expect("the file"), c"user.hostbits");
        // SAFETY: fsetxattr: the descriptor is open, the name ends with a zero, the value has so many bytes.
        unsafe {
            libc::fsetxattr(
                file.as_raw_fd(),
                name.as_ptr(),
                value.as_ptr().cast(),
                value.len(),
                0,
            );
        }
    }
}

/// The file name, up to the number of the process.
const NAME: &str = "hostbits-fuzz-";

/// Removes the files of processes that are gone: a process cannot remove its own file at its very end.
fn remove_leftovers(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(NAME));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The bytes of a file, and what was done to them.
struct Edited {
    bytes: Vec<u8>,
    /// Whether a checksum was made to fit, or bits of a map were changed: then any content is possible.
    is_forged: bool,
}

fn run(input: &[u8], trace: &mut Trace) {
    let template = Template::get();
    let mut edited = Edited {
        bytes: template.bytes.clone(),
        is_forged: false,
    };
    for line in String::from_utf8_lossy(input).lines().take(64) {
        // A line that is not an instruction does nothing.
        let _ = edited.apply(line);
    }
    fs::write(&template.path, &edited.bytes).expect("room for a file");
    template.set_witness();
    look(&template.path, trace);
    let opened = hostbits::file::open(&template.path);
    trace.note(opened.as_ref().map_err(OpenError::code).err());
    match opened {
        Ok(pool) => use_it(pool, &edited, template, trace),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

impl Edited {
    fn apply(&mut self, line: &str) -> Option<()> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "seal" => self.seal(),
            "cut" => self.bytes.truncate(number(rest)? as usize),
            "config" => self.configure(&rest.replace("\\n", "\n"))?,
            "u8" | "u64" => {
                let mut words = rest.split(' ');
                let place = words.next()?;
                let page = PLACES.iter().position(|&name| name == place);
                let base = page.map_or(0, |page| page * PAGE);
                let at = base.checked_add(number(words.next()?)? as usize)?;
                let value = number(words.next()?)?.to_le_bytes();
                let width = if verb == "u8" { 1 } else { value.len() };
                let to = self.bytes.get_mut(at..at.checked_add(width)?)?;
                to.copy_from_slice(&value[..width]);
                // Behind the states: nothing there has a checksum, but for the configuration.
                self.is_forged |= (4 * PAGE..11 * PAGE).contains(&(at + width - 1));
            }
            _ => return None,
        }
        Some(())
    }

    fn seal(&mut self) {
        self.is_forged = true;
        for at in BLOCKS {
            if let Some(block) = self.bytes.get_mut(at..at + BLOCK) {
                let sum = crc32c(&block[..BLOCK - 4]).to_le_bytes();
                block[BLOCK - 4..].copy_from_slice(&sum);
            }
        }
    }

    fn configure(&mut self, text: &str) -> Option<()> {
        self.is_forged = true;
        for at in [11 * PAGE, 12 * PAGE] {
            let place = self.bytes.get_mut(at..at + 8 + text.len())?;
            place[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
            place[4..8].copy_from_slice(&crc32c(text.as_bytes()).to_le_bytes());
            place[8..].copy_from_slice(text.as_bytes());
        }
        Some(())
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Checks that a look at the file changes nothing, and describes every state in a sentence.
fn look(path: &Path, trace: &mut Trace) {
    match hostbits::file::read(path) {
        Ok(view) => {
            trace.note(view.snapshot.allocated());
            trace.note(view.quarantined);
            for problem in &view.problems {
                trace.note(problem.code());
                assert!(!problem.to_string().is_empty());
            }
        }
        Err(error) => {
            trace.note(("look", error.code()));
            assert!(!error.to_string().is_empty());
        }
    }
}

fn use_it(pool: Pool, edited: &Edited, template: &Template, trace: &mut Trace) {
    let recovery = pool.recovery().expect("it is a file");
    trace.note(recovery.kind);
    trace.note(recovery.quarantined);
    let found: BTreeSet<IpAddr> = std::iter::from_fn(|| pool.allocate().ok())
        .take(2_000)
        .collect();
    trace.note(found.len());
    if edited.bytes == template.bytes {
        // An unchanged file is clean and hands out all that is free: otherwise the checks below would prove nothing.
        assert_eq!(recovery.kind, RecoveryKind::Clean);
        assert_eq!(found.len() + template.held.len(), 253);
    }
    let is_right = edited.is_forged || found.is_disjoint(&template.held);
    assert!(is_right, "held, and handed out again");
    assert!(pool.allocated() <= pool.capacity());
    for addr in found {
        assert!(pool.release(addr).is_ok(), "{addr} cannot be given back");
    }
    drop(pool);
    let view = hostbits::file::read(&template.path).expect("a file that was just left");
    assert!(view.is_left_in_order);
    let left: Vec<_> = view.problems.iter().map(file::Problem::code).collect();
    assert!(left.is_empty(), "left with {left:?}");
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}
