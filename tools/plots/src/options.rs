//! Reads the command line.

use crate::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The options: what to draw, and from which data.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The directory of the data that is drawn.
    pub(crate) data: PathBuf,
    /// The directory for the pictures.
    pub(crate) out: PathBuf,
    /// The root of the repository: of the documents that show the figures, and of the table of instructions.
    pub(crate) root: PathBuf,
    /// Whether the latest measurements first replace the data.
    pub(crate) update: bool,
}

impl Options {
    /// Reads the arguments, without the program's name.
    pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let mut options = Self {
            data: workspace().join("docs/plots/data"),
            out: workspace().join("docs/plots"),
            root: workspace(),
            update: false,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let mut dir = || match args.next() {
                Some(dir) => Ok(PathBuf::from(dir)),
                None => Err(Error::Usage(format!("{} needs a value", arg.display()))),
            };
            match arg.to_str() {
                Some("--data") => options.data = dir()?,
                Some("--out") => options.out = dir()?,
                Some("--root") => options.root = dir()?,
                Some("--update") => options.update = true,
                _ => return Err(Error::Usage(format!("what is {}?", arg.display()))),
            }
        }
        Ok(options)
    }
}

/// Returns the directory that the benches write to.
pub(crate) fn measured() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => target.into(),
        None => workspace().join("target"),
    }
}

pub(crate) fn workspace() -> PathBuf {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = tool.ancestors().nth(2);
    workspace
        .expect("the tool is two levels below the workspace")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::Options;
    use crate::error::Error;
    use std::path::Path;

    fn read(args: &[&str]) -> Result<Options, Error> {
        Options::read(args.iter().map(Into::into))
    }

    /// Every option is read.
    #[test]
    fn options_are_read() {
        let options = read(&[
            "--update", "--data", "in", "--out", "pictures", "--root", "copy",
        ])
        .expect("all known");
        assert!(options.update);
        assert_eq!(options.data, Path::new("in"));
        assert_eq!(options.out, Path::new("pictures"));
        assert_eq!(options.root, Path::new("copy"));
    }

    /// Without options the committed data is drawn, and nothing is replaced.
    #[test]
    fn the_committed_data_is_the_default() {
        let options = read(&[]).expect("nothing is needed");
        assert!(options.data.ends_with("docs/plots/data") && options.out.ends_with("docs/plots"));
        assert!(!options.update);
    }

    /// A typing error is refused, and draws nothing else.
    #[test]
    fn what_is_not_known_is_an_error() {
        for args in [&["--dada", "in"][..], &["--data"], &["in"]] {
            assert!(matches!(read(args), Err(Error::Usage(_))), "{args:?}");
        }
    }
}
