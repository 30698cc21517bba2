//! `host-local`: the directory in which the CNI plugin `host-local` keeps the addresses of a network.
//!
//! Each held address is the name of a file, which contains the identifier of the container and, on a second line, the
//! name of its interface. Older versions wrote only the identifier. An empty file is left by a failed write; its
//! address is held, although its owner is unknown. `lock` and `last_reserved_ip.*` belong to the plugin itself. On
//! Windows, file names have underscores instead of colons.

use crate::batch::Batch;
use crate::error::Fault;
use crate::list::{Counts, Reader};
use crate::record::Record;
use std::fs::{self, DirEntry, File, ReadDir};
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::path::Path;

/// How much of a file is read, in bytes. The identifier of a container has 64 characters.
const MAX_FILE_BYTES: u64 = 4096;

pub(crate) struct HostLocal {
    directory: ReadDir,
    batch: Batch,
    file_count: u64,
    is_over: bool,
}

/// Opens the directory of one network.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Reader>, Fault> {
    match fs::read_dir(path) {
        Ok(directory) => Ok(Box::new(HostLocal {
            directory,
            batch: Batch::default(),
            file_count: 0,
            is_over: false,
        })),
        Err(error) => Err(Fault::io(error, 0)),
    }
}

impl HostLocal {
    fn step(&mut self) -> Result<(), Fault> {
        let failed = |error, count| Fault::io(error, count);
        match self.directory.next() {
            None => self.is_over = true,
            Some(Err(error)) => return Err(failed(error, self.file_count)),
            Some(Ok(entry)) => {
                self.file_count += 1;
                self.file(&entry)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, entry: &DirEntry) -> Result<(), Fault> {
        let (name, number) = (entry.file_name(), self.file_count);
        let name = name.to_string_lossy();
        if name == "lock" || name.starts_with("last_reserved_ip.") {
            return Ok(());
        }
        let kind = entry
            .file_type()
            .map_err(|error| Fault::io(error, number))?;
        if kind.is_dir() {
            let what = "this is a directory of directories: give the directory of one network";
            return Err(Fault::malformed(what, number, name.as_bytes()));
        }
        let Some(addr) = address(&name) else {
            self.batch
                .broken(number, "the file's name is not an address", name.as_bytes());
            return Ok(());
        };
        match read_beginning(&entry.path()) {
            Ok(text) => {
                let id = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
                let owner = self.batch.keep_name(id);
                let is_empty = text.trim_ascii().is_empty();
                let state = is_empty.then(|| self.batch.keep(b"empty"));
                self.batch.addr(number, addr, owner, state);
            }
            // The address was released after the directory was read.
            Err(error) if error.kind() == ErrorKind::NotFound => self.batch.not_held += 1,
            Err(error) => return Err(Fault::io(error, number)),
        }
        Ok(())
    }
}

fn address(name: &str) -> Option<IpAddr> {
    let of_windows = || name.replace('_', ":").parse().ok();
    name.parse().ok().or_else(of_windows)
}

fn read_beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(MAX_FILE_BYTES)
        .read_to_end(&mut text)?;
    Ok(text)
}

impl Reader for HostLocal {
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault> {
        while !self.batch.advance() {
            if self.is_over {
                return Ok(None);
            }
            self.step()?;
        }
        Ok(self.batch.current())
    }

    fn counts(&self) -> Counts {
        Counts {
            lines: self.file_count,
            not_held: self.batch.not_held,
            is_known: true,
            ..Counts::default()
        }
    }
}

/// Refuses input from a pipe, which cannot be a directory.
pub(super) struct NoDirectory;

impl Reader for NoDirectory {
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault> {
        let what = "a host-local list is a directory, and must be given by its path";
        Err(Fault::malformed(what, 0, b""))
    }

    fn counts(&self) -> Counts {
        Counts::default()
    }
}
