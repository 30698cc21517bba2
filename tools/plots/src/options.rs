//! The command line.

use crate::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What to draw, and from what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Where the data is that the pictures are made from.
    pub(crate) data: PathBuf,
    /// Where the pictures go.
    pub(crate) out: PathBuf,
    /// Where the documents are that show its figures.
    pub(crate) root: PathBuf,
    /// Whether the last measurements replace the data first.
    pub(crate) update: bool,
}

impl Options {
    /// Reads the arguments, the program's name left out.
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

/// Where the benches write.
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

    /// Every option there is.
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

    /// No options: the committed data, and nothing is replaced.
    #[test]
    fn the_committed_data_is_the_default() {
        let options = read(&[]).expect("nothing is needed");
        assert!(options.data.ends_with("docs/plots/data") && options.out.ends_with("docs/plots"));
        assert!(!options.update);
    }

    /// A typing error must not draw something else.
    #[test]
    fn what_is_not_known_is_an_error() {
        for args in [&["--dada", "in"][..], &["--data"], &["in"]] {
            assert!(matches!(read(args), Err(Error::Usage(_))), "{args:?}");
        }
    }
}
