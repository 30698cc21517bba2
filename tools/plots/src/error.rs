//! The errors, each with the name of the file that it is about.

use std::error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why no pictures were drawn, or not all of them.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line makes no sense.
    Usage(String),
    /// A file cannot be read.
    Read { path: PathBuf, source: io::Error },
    /// A file is not what the benches write.
    Parse {
        path: PathBuf,
        source: serde_json::Error,
    },
    /// A file contains nothing to draw.
    Empty { path: PathBuf },
    /// A file is of another machine or version than the one beside it.
    Mixed { path: PathBuf },
    /// A line of a table is not as expected.
    Line { path: PathBuf, line: String },
    /// A file or directory cannot be written.
    Write { path: PathBuf, source: io::Error },
    /// A document has marks without an end, or for an unknown table.
    Marks { document: String },
    /// A picture cannot be drawn.
    Draw { name: String, message: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => write!(
                f,
                "{message}; usage: hostbits-plots [--update] [--data DIR] [--out DIR] [--root DIR]"
            ),
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Parse { path, source } => {
                write!(f, "{} is not as expected: {source}", path.display())
            }
            Self::Empty { path } => write!(f, "nothing to draw in {}", path.display()),
            Self::Mixed { path } => write!(
                f,
                "{} is of another machine, compiler or commit than ratios.json: run all three benches",
                path.display()
            ),
            Self::Line { path, line } => write!(
                f,
                "{}: not `NAME COUNT BUDGET [missed: WHY]`, or a budget that is missed without a reason, or kept with one: {line}",
                path.display()
            ),
            Self::Write { path, source } => write!(f, "cannot write {}: {source}", path.display()),
            Self::Marks { document } => write!(
                f,
                "{document}: a mark `<!-- numbers: TABLE -->` without an end, or an unknown table"
            ),
            Self::Draw { name, message } => write!(f, "cannot draw {name}: {message}"),
        }
    }
}

impl error::Error for Error {}
