//! Lists that real programs and operators write, each with the commands that read them and the output they must print.
//!
//! A case is a file in `tests/lists`: its source, what is expected in words, its input files (`== NAME`), and
//! command lines (`$`), each with its exit code (`exit`), its whole output (`answer`, and a line `>` for each),
//! parts of its output (`has`), and what standard error must say (`says`).

use crate::run::Run;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What one command must do.
#[derive(Debug, Default)]
struct Step {
    args: Vec<String>,
    code: i32,
    answer: Option<Vec<String>>,
    has: Vec<String>,
    says: Vec<String>,
}

#[derive(Debug, Default)]
struct Case {
    source: String,
    expected: String,
    files: Vec<(String, Vec<u8>)>,
    steps: Vec<Step>,
}

impl Case {
    fn read(text: &str) -> Self {
        let mut case = Self::default();
        for line in text.split_inclusive('\n') {
            let plain = line.trim_end_matches('\n');
            let is_in_file = !case.files.is_empty() && case.steps.is_empty();
            if let Some(head) = plain.strip_prefix("== ") {
                let (name, kind) = head.split_once(' ').unwrap_or((head, ""));
                let content = kind.strip_prefix("generated ").map(generated);
                case.files
                    .push((name.to_owned(), content.unwrap_or_default()));
                if kind == "hex" {
                    case.files.last_mut().unwrap().0.push_str(" hex");
                }
            } else if let Some(args) = plain.strip_prefix("$ ") {
                case.steps.push(Step {
                    args: words(args),
                    ..Step::default()
                });
            } else if is_in_file {
                case.files.last_mut().unwrap().1.extend(line.bytes());
            } else if let Some(step) = case.steps.last_mut() {
                step.expect(plain);
            } else if let Some(source) = plain.strip_prefix("source: ") {
                case.source = source.to_owned();
            } else if let Some(expected) = plain.strip_prefix("expected: ") {
                case.expected = expected.to_owned();
            } else {
                panic!("{plain:?}");
            }
        }
        for (name, content) in &mut case.files {
            if let Some(plain) = name.strip_suffix(" hex") {
                *name = plain.to_owned();
                *content = bytes_of(&String::from_utf8_lossy(content));
            }
        }
        case
    }

    fn write_files(&self, folder: &Path) {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).unwrap();
        for (name, content) in &self.files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }
}

impl Step {
    fn expect(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "exit" => self.code = rest.parse().unwrap(),
            "answer" => self.answer = Some(Vec::new()),
            ">" => self.answer.as_mut().unwrap().push(rest.to_owned()),
            "has" => self.has.push(rest.to_owned()),
            "says" => self.says.push(rest.to_owned()),
            _ => panic!("{line:?}"),
        }
    }

    fn check(&self, run: &Run, what: &str) {
        assert_eq!(run.code, Some(self.code), "{what}: {self:?}: {run:?}");
        if let Some(answer) = &self.answer {
            let lines: Vec<&str> = run.out.lines().collect();
            assert_eq!(&lines, answer, "{what}: {self:?}: {run:?}");
        }
        for part in &self.has {
            assert!(run.out.contains(part), "{what}: {part:?}: {run:?}");
        }
        for part in &self.says {
            assert!(run.err.contains(part), "{what}: {part:?}: {run:?}");
        }
    }
}

/// The words of a command line; what stands between single quotes is one.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in text.split('\'').enumerate() {
        match index % 2 {
            0 => {
                for (at, word) in part.split(' ').enumerate() {
                    if at != 0 {
                        words.push(String::new());
                    }
                    words.last_mut().unwrap().push_str(word);
                }
            }
            _ => words.last_mut().unwrap().push_str(part),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.trim().bytes().collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Lists that are too long to be written down.
fn generated(name: &str) -> Vec<u8> {
    let mut text = String::new();
    match name {
        "kea-leases" => {
            let leases = (0..6000u32).map(|host| {
                let [_, b, c, d] = host.to_be_bytes();
                format!(
                    r#"{{"cltt":1700000000,"client-id":"01:aa:bb:cc:dd:ee","fqdn-fwd":false,"fqdn-rev":true,"hostname":"a-rather-long-name-of-a-host.example.org.","hw-address":"aa:bb:cc:dd:ee:ff","ip-address":"10.{b}.{c}.{d}","state":0,"subnet-id":44,"valid-lft":3600}}"#
                )
            });
            let leases: Vec<String> = leases.collect();
            text = format!(
                r#"[{{"result":0,"arguments":{{"leases":[{}]}}}}]"#,
                leases.join(",")
            );
            assert!(text.len() > 1 << 20);
        }
        "pods" => {
            let pods = (2..1002u32).map(|host| {
                let [_, _, c, d] = host.to_be_bytes();
                let filling = "x".repeat(2000);
                format!(
                    r#"{{"metadata":{{"name":"p{host}","note":"{filling}"}},"status":{{"podIPs":[{{"ip":"10.0.{c}.{d}"}}]}}}}"#
                )
            });
            let pods: Vec<String> = pods.collect();
            text = format!(r#"{{"items":[{}]}}"#, pods.join(","));
        }
        "both-families" => {
            for host in 2..122 {
                writeln!(text, "10.0.0.{host},u{host}\nfd00::{host:x},u{host}").unwrap();
            }
            text += "10.0.0.200:51820,z\n";
        }
        "other-networks" => {
            let pods = (0..150).map(|host| (format!("h{host}"), format!("192.168.1.{host}")));
            let pods = pods.chain([("bad".to_owned(), "10.0.0.2x".to_owned())]);
            let pods: Vec<String> = pods
                .map(|(name, ip)| {
                    format!(r#"{{"metadata":{{"name":"{name}"}},"status":{{"podIPs":[{{"ip":"{ip}"}}]}}}}"#)
                })
                .collect();
            text = format!("[{}]", pods.join(","));
        }
        other => panic!("{other}"),
    }
    text.into_bytes()
}

fn run_in(folder: &Path, args: &[String]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_hostbits"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the binary can be started");
    Run::of(output)
}

#[test]
fn every_case_is_answered_as_expected() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists");
    let mut files: Vec<PathBuf> = std::fs::read_dir(cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 51, "cases are missing");
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case = Case::read(&std::fs::read_to_string(&path).unwrap());
        let is_told = !case.source.is_empty() && !case.expected.is_empty();
        assert!(is_told && !case.steps.is_empty(), "{name}");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("list-{name}"));
        case.write_files(&folder);
        for step in &case.steps {
            step.check(&run_in(&folder, &step.args), &name);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
