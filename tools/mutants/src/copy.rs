//! A copy of the tree, where weakening does no harm.

use crate::Outcome;
use crate::list::{Change, Mutant};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Copy {
    root: PathBuf,
    /// The folder of the tree and of what is built from it.
    folder: PathBuf,
    tree: PathBuf,
}

/// Returns the root of the repository.
pub(crate) fn root() -> Outcome<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().map_err(|error| error.to_string())
}

impl Copy {
    /// Copies what git tracks, as it is in the work tree, to `target/mutants/tree`.
    pub(crate) fn new() -> Outcome<Self> {
        Self::with("target/mutants", "tree", &BTreeMap::new())
    }

    /// Copies what git tracks to a tree in a folder, with other texts for some of the files.
    pub(crate) fn with(
        folder: &str,
        tree: &str,
        texts: &BTreeMap<String, String>,
    ) -> Outcome<Self> {
        let root = root()?;
        let folder = root.join(folder);
        let tree = folder.join(tree);
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(&root)
            .output()
            .map_err(|error| format!("git ls-files: {error}"))?;
        if !listed.status.success() {
            return Err("git ls-files failed: run this in a checkout".to_owned());
        }
        let copy = Self { root, folder, tree };
        let listed = String::from_utf8_lossy(&listed.stdout);
        for path in listed.split_terminator('\0') {
            if !texts.contains_key(path) {
                copy.refresh(Path::new(path))?;
            }
        }
        for (path, text) in texts {
            copy.write(Path::new(path), text.as_bytes())?;
        }
        Ok(copy)
    }

    pub(crate) fn tree(&self) -> &Path {
        &self.tree
    }

    /// Returns the folder where checks of this kind are built; it is kept from run to run.
    pub(crate) fn target(&self, kind: &str) -> PathBuf {
        self.folder.join(kind)
    }

    fn refresh(&self, path: &Path) -> Outcome<()> {
        let Ok(wanted) = fs::read(self.root.join(path)) else {
            // Tracked but deleted in the work tree.
            let _ = fs::remove_file(self.tree.join(path));
            return Ok(());
        };
        self.write(path, &wanted)
    }

    /// Writes the file anew only if it differs, so that cargo builds only what changed.
    fn write(&self, path: &Path, wanted: &[u8]) -> Outcome<()> {
        let to = self.tree.join(path);
        if fs::read(&to).is_ok_and(|present| present == wanted) {
            return Ok(());
        }
        let folder = to.parent().ok_or("a file without a folder")?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&to, wanted))
            .map_err(|error| format!("{}: {error}", to.display()))
    }

    /// Applies the mutant. Dropping the returned value restores the files, whatever happens to the work
    /// tree meanwhile.
    pub(crate) fn weaken(&self, mutant: &Mutant) -> Outcome<Weakened> {
        let mut weakened = Weakened(Vec::new());
        for Change {
            file,
            before,
            after,
        } in mutant.changes(&self.tree)?
        {
            let path = self.tree.join(file);
            weakened.0.push((path.clone(), before));
            fs::write(&path, after).map_err(|error| format!("{file}: {error}"))?;
        }
        Ok(weakened)
    }
}

/// The contents of the files before the mutant; its drop restores them.
pub(crate) struct Weakened(Vec<(PathBuf, String)>);

impl Drop for Weakened {
    fn drop(&mut self) {
        for (path, text) in &self.0 {
            if let Err(error) = fs::write(path, text) {
                eprintln!("{} is still weakened: {error}", path.display());
            }
        }
    }
}
