//! Runs the binary. Knows nothing of what it should print.

use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the command writes UTF-8");
        let run = Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(!run.err.contains("panicked"), "{run:?}");
        run
    }

    /// Standard output of a run that found something.
    #[track_caller]
    pub(crate) fn found(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        &self.out
    }

    /// Standard error of a run that ended with this exit code and printed no answer.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!((self.code, &*self.out), (Some(code), ""), "{self:?}");
        &self.err
    }

    /// Standard error of a failed run in JSON format, which is one object on one line.
    #[track_caller]
    pub(crate) fn failed_json(&self, code: i32) -> Value {
        let err = self.failed(code);
        assert_eq!(err.lines().count(), 1, "{self:?}");
        serde_json::from_str(err).expect("one JSON object")
    }
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostbits"));
    command.args(args);
    command
}

/// Runs with nothing on standard input.
pub(crate) fn run(args: &[&str]) -> Run {
    let output = command(args).stdin(Stdio::null()).output();
    Run::of(output.expect("the binary can be started"))
}

/// Runs a line of arguments without blanks in them.
pub(crate) fn run_line(args: &str) -> Run {
    run(&args.split_whitespace().collect::<Vec<_>>())
}

/// Runs with these bytes on standard input.
pub(crate) fn run_with_input(args: &[&str], input: &[u8]) -> Run {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    std::thread::scope(|scope| {
        // From a thread of its own: the child may write before it has read everything.
        scope.spawn(move || stdin.write_all(input));
        Run::of(
            child
                .wait_with_output()
                .expect("the child can be waited for"),
        )
    })
}

/// `next 10.0.0.0/24` with these lines as its users, and with more options.
pub(crate) fn next_with_users(users: &[u8], options: &str) -> Run {
    let mut args = vec!["next", "10.0.0.0/24", "--users", "-"];
    args.extend(options.split_whitespace());
    run_with_input(&args, users)
}

/// Writes a file for one test. The name must be the test's own.
pub(crate) fn file(name: &str, contents: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, contents).expect("the folder for tests can be written to");
    path
}

/// A pool file of one test, and commands for it. The name must be the test's own.
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
#[derive(Debug)]
pub(crate) struct PoolFile(pub(crate) PathBuf);

#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
impl PoolFile {
    /// No file yet.
    pub(crate) fn absent(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pool"));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    /// A file that `hostbits pool create` made.
    pub(crate) fn create(name: &str, options: &str) -> Self {
        let file = Self::absent(name);
        file.run("create", options).found();
        file
    }

    pub(crate) fn name(&self) -> &str {
        self.0.to_str().expect("the name is UTF-8")
    }

    /// `hostbits pool VERB FILE OPTIONS`, options without blanks in them.
    pub(crate) fn run(&self, verb: &str, options: &str) -> Run {
        let mut args = vec!["pool", verb, self.name()];
        args.extend(options.split_whitespace());
        run(&args)
    }

    /// Standard output in JSON format.
    #[track_caller]
    pub(crate) fn json(&self, verb: &str, options: &str) -> Value {
        let run = self.run(verb, &format!("{options} --format json"));
        assert_eq!(
            (run.err.as_str(), run.out.lines().count()),
            ("", 1),
            "{run:?}"
        );
        serde_json::from_str(&run.out).expect("one JSON object")
    }

    /// The lines of `list`.
    #[track_caller]
    pub(crate) fn list(&self) -> Vec<String> {
        let list = self.run("list", "");
        list.found().lines().map(str::to_owned).collect()
    }
}

#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
impl Drop for PoolFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
