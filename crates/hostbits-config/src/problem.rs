//! Problems in a configuration: the line, the key, and what to write instead.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// A problem in a configuration. Plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The line of the problem, counted from 1.
    pub line: usize,
    /// The key as a path, for example `sets.v4.members[0].gateway`; members are counted from 0. Empty for the whole
    /// file.
    pub key: String,
    /// A stable name in kebab case. Values that the library refuses have the code of its [`hostbits::BuildError`].
    pub code: &'static str,
    /// A sentence that says what is wrong.
    pub message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.key {
            "" => write!(f, "line {}: {}", self.line, self.message),
            key => write!(f, "line {}: {key}: {}", self.line, self.message),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[non_exhaustive]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// The configuration has problems.
    #[non_exhaustive]
    Bad {
        /// The path of the file, if the configuration was read from one.
        path: Option<PathBuf>,
        /// The problems, ordered by line; never empty.
        problems: Vec<ConfigProblem>,
    },
}

impl ConfigError {
    /// Returns a stable name in kebab case, for logs and JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Bad { .. } => "bad-config",
        }
    }

    /// Returns the problems, ordered by line; empty if the file could not be read.
    pub fn problems(&self) -> &[ConfigProblem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Bad { problems, .. } => problems,
        }
    }

    pub(crate) fn in_file(self, file: &Path) -> Self {
        match self {
            Self::Bad { problems, .. } => Self::Bad {
                path: Some(file.to_owned()),
                problems,
            },
            other => other,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Bad { path, problems } => {
                for (index, problem) in problems.iter().enumerate() {
                    let line_end = if index == 0 { "" } else { "\n" };
                    f.write_str(line_end)?;
                    if let Some(path) = path {
                        write!(f, "{}: ", path.display())?;
                    }
                    problem.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

impl Error for ConfigError {}
