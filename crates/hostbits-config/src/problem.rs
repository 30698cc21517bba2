//! What is wrong with a configuration: which line, which key, and what to write instead.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong with a configuration. Plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The line, counted from 1.
    pub line: usize,
    /// The key as a path: `sets.v4.members[0].gateway`, members counted from 0. Empty for the whole file.
    pub key: String,
    /// A stable name in kebab case. Codes of [`hostbits::BuildError`] are its own.
    pub code: &'static str,
    /// What is wrong, as a sentence.
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
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// All that is wrong with it, by line.
    #[non_exhaustive]
    Bad {
        /// The file, if there is one.
        path: Option<PathBuf>,
        /// At least one.
        problems: Vec<ConfigProblem>,
    },
}

impl ConfigError {
    /// A stable name for logs and JSON: kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Bad { .. } => "bad-config",
        }
    }

    /// All that is wrong with it, by line; nothing if it cannot be read.
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
