//! The inputs that are kept beside the sources, and the place where failures go.

use crate::targets::Target;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every file of the target's corpus, in the order of the names.
pub(crate) fn load(target: &Target) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let files = std::fs::read_dir(here().join("corpus").join(target.name))?;
    let mut paths = files
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    paths
        .into_iter()
        .map(|path| Ok((path.clone(), std::fs::read(path)?)))
        .collect()
}

/// Writes an input that fails to `failures/TARGET-HASH`.
pub(crate) fn save_failure(target: &Target, input: &[u8]) -> io::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let folder = here().join("failures");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}-{:016x}", target.name, hasher.finish()));
    std::fs::write(&path, input)?;
    Ok(path)
}
