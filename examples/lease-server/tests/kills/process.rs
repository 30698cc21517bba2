//! The server as a process.

use crate::{COOLDOWN, OFFER, TERM};
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

pub(crate) struct Process {
    child: Child,
    port: u16,
    /// Open until the end, or the server could not print.
    _printed: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a server, and returns it with what it has restored. It is ready when this returns.
    pub(crate) fn start(folder: &Path) -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lease-server"))
            .arg(folder)
            .arg("127.0.0.1:0")
            .args([OFFER, TERM, COOLDOWN].map(|time| time.as_secs().to_string()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server");
        let mut printed = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut line = || printed.next().expect("a line of the server").expect("text");
        let (restored, listening) = (line(), line());
        let port = listening.rsplit(':').next().expect("a port");
        let server = Self {
            child,
            port: port.parse().expect("a port"),
            _printed: printed,
        };
        (server, restored)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server with signal 9, whatever it is doing.
    pub(crate) fn kill(&mut self) {
        if self.child.try_wait().expect("a state").is_none() {
            self.child.kill().expect("a signal");
        }
        self.child.wait().expect("an end");
    }

    /// Starts the next server, and returns what it has restored.
    pub(crate) fn restart(&mut self, folder: &Path) -> String {
        let (server, restored) = Self::start(folder);
        *self = server;
        restored
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
