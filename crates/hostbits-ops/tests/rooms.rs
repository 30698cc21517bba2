//! Rules of imports: this crate prints nothing and knows no arguments, and no room of it or of the command line is
//! a large circle of files.
//!
//! A file imports another if a path in its code (in a `use`, or where it stands) leads there: through `crate`, `super`,
//! `self` or the name of a file below it. A path leads to the file with the longest beginning of it, so whatever is
//! handed on by a `mod.rs` is an import of that, and of all that it hands on. Tests do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// `files::pool::args` as its parts; the root has none.
type Module = Vec<String>;

const LARGEST_CIRCLE: usize = 5;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The code of every file below, without comments and tests.
fn modules(folder: &Path, above: &[String], found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut module = above.to_vec();
        if !["mod", "lib", "main"].contains(&&*name) {
            module.push(name);
        }
        if path.is_dir() {
            modules(&path, &module, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let lines = text.lines().map(|line| line.split("//").next().unwrap());
            found.insert(module, lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// Every path in some code, with the groups of `use` written out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut tokens = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(char) = chars.next() {
        let is_word = |char: &char| char.is_alphanumeric() || *char == '_';
        if is_word(&char) {
            let mut word = char.to_string();
            while let Some(next) = chars.next_if(is_word) {
                word.push(next);
            }
            tokens.push(word);
        } else if char == ':' && chars.next_if_eq(&':').is_some() {
            tokens.push("::".to_owned());
        } else if !char.is_whitespace() {
            tokens.push(char.to_string());
        }
    }
    let (mut paths, mut path) = (Vec::new(), Vec::new());
    let mut groups = vec![Vec::new()];
    let mut goes_on = false;
    for token in tokens {
        let is_word = token.starts_with(|it: char| it.is_alphanumeric() || it == '_')
            || token == "*" && goes_on;
        if !goes_on && token != "::" {
            paths.push(std::mem::take(&mut path));
        }
        match &*token {
            "{" => groups.push(std::mem::take(&mut path)),
            "}" if groups.len() > 1 => drop(groups.pop()),
            _ if is_word && !goes_on => {
                path.clone_from(groups.last().unwrap());
                path.push(token.clone());
            }
            _ if is_word => path.push(token.clone()),
            _ => {}
        }
        goes_on = token == "::";
    }
    paths.push(path);
    paths
}

/// Returns the files that a file imports.
fn imports(of: &Module, code: &str, all: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let is_below =
        |name: &String| all.contains_key(&[&of[..], std::slice::from_ref(name)].concat());
    let whole = |path: Vec<String>| -> Option<Module> {
        // `pub(crate)` imports nothing.
        path.get(1)?;
        let ups = path.iter().take_while(|part| *part == "super").count();
        match path.first().map(|first| &**first)? {
            "crate" => Some(path[1..].to_vec()),
            "super" => Some([&of[..of.len().checked_sub(ups)?], &path[ups..]].concat()),
            "self" => Some([&of[..], &path[1..]].concat()),
            _ if is_below(&path[0]) => Some([&of[..], &path[..]].concat()),
            _ => None,
        }
    };
    let file = |path: Module| {
        let beginnings = (0..=path.len()).rev().map(|len| path[..len].to_vec());
        beginnings.into_iter().find(|it| all.contains_key(it))
    };
    let paths = paths(code).into_iter().filter_map(whole);
    let mut files: BTreeSet<Module> = paths.filter_map(file).collect();
    files.remove(of);
    files
}

/// Files that import each other, over whatever others.
fn circles(folder: &Path) -> Vec<Vec<String>> {
    let mut all = BTreeMap::new();
    modules(folder, &[], &mut all);
    let graph: BTreeMap<&Module, BTreeSet<Module>> = all
        .iter()
        .map(|(module, code)| (module, imports(module, code, &all)))
        .collect();
    let reached = |from| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(graph[module].iter().filter(|it| seen.insert(*it)));
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        all.keys().map(|module| (module, reached(module))).collect();
    let circle = |of: &Module| {
        let together = reached[of].iter().filter(|it| reached[**it].contains(of));
        together.map(|it| it.join("::")).collect::<Vec<_>>()
    };
    let circles: BTreeSet<Vec<String>> = all.keys().map(circle).collect();
    circles.into_iter().filter(|it| !it.is_empty()).collect()
}

#[test]
fn no_circle_is_large() {
    for name in ["src", "../hostbits-cli/src"] {
        for circle in circles(&folder(name)) {
            let size = circle.len();
            assert!(size <= LARGEST_CIRCLE, "{name}: {size} files: {circle:?}");
        }
    }
}

/// The counting finds what there is: in the files that three lines of code describe.
#[test]
fn circles_are_found() {
    let parsed = paths("use crate::{a::B, c::{self, d}};\nfn f() -> super::E { x::y() }");
    let texts: Vec<String> = parsed.iter().map(|path| path.join("::")).collect();
    for path in [
        "crate::a::B",
        "crate::c::self",
        "crate::c::d",
        "super::E",
        "x::y",
    ] {
        assert!(texts.iter().any(|it| it == path), "{path}: {texts:?}");
    }
    let folder = std::env::temp_dir().join(format!("hostbits-rooms-{}", std::process::id()));
    fs::create_dir_all(folder.join("b")).unwrap();
    for (file, code) in [
        ("main.rs", "mod a; mod b; fn main() { a::run() }"),
        (
            "a.rs",
            "use crate::b::{self, c::run as go}; pub fn run() { go() }",
        ),
        ("b/mod.rs", "pub mod c; pub(crate) fn f() {}"),
        ("b/c.rs", "pub fn run() { crate::a::run() } // crate::b"),
    ] {
        fs::write(folder.join(file), code).unwrap();
    }
    let found = circles(&folder);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(found, [["a", "b::c"]]);
}

/// What is printed, read from a command line, or ends the process is for the faces.
#[test]
fn nothing_is_printed_and_no_argument_is_known() {
    let mut all = BTreeMap::new();
    modules(&folder("src"), &[], &mut all);
    assert!(all.len() > 30, "{}", all.len());
    for (module, code) in &all {
        for word in [
            "print!",
            "println!",
            "dbg!",
            "clap",
            "stdout()",
            "stderr()",
            "process::exit",
        ] {
            // `eprint!` ends in `print!`.
            assert!(!code.contains(word), "{module:?} has {word}");
        }
    }
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    assert!(!manifest.contains("clap") && !manifest.contains("indicatif"));
}
