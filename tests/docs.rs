//! The pages that say how promises are checked name only checks that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGES: [&str; 4] = [
    "docs/correctness.md",
    "docs/house.md",
    "docs/mutants.md",
    "README.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The files in which `file::test` may be, `loom::file::test`, `linearizability::file::test`.
fn places(name: &str) -> Option<(Vec<PathBuf>, &str)> {
    let parts: Vec<&str> = name.split("::").collect();
    let is_name = |part: &&str| {
        let mut chars = part.chars();
        chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    if !parts.iter().all(|part| is_name(part) && !part.is_empty()) {
        return None;
    }
    match parts[..] {
        ["loom", file, test] => Some((vec![format!("loom-tests/tests/{file}.rs").into()], test)),
        ["linearizability", file, test] => Some((
            vec![format!("linearizability/tests/{file}.rs").into()],
            test,
        )),
        [file, test] => {
            let folder = fs::read_dir(root().join(format!("tests/{file}")));
            let rooms = folder.into_iter().flatten().flatten();
            let mut files: Vec<PathBuf> = rooms.map(|entry| entry.path()).collect();
            files.push(format!("tests/{file}.rs").into());
            Some((files, test))
        }
        _ => None,
    }
}

fn exists(name: &str) -> bool {
    let Some((files, test)) = places(name) else {
        return false;
    };
    files.into_iter().any(|file| {
        let text = fs::read_to_string(root().join(file)).unwrap_or_default();
        text.contains(&format!("fn {test}("))
    })
}

/// A promise that names a check which was renamed or removed is a promise without a check.
#[test]
fn named_checks_exist() {
    let mut named = 0;
    for name in PAGES {
        let text = page(name);
        for check in quoted(&text).filter(|quoted| places(quoted).is_some()) {
            named += 1;
            assert!(exists(check), "{name} names {check}");
        }
    }
    assert!(named > 150, "only {named}: are they still found?");
    assert!(!exists("verbs::nothing_like_this"));
}

/// The same of scripts.
#[test]
fn named_scripts_exist() {
    let mut named = BTreeSet::new();
    for name in PAGES {
        let text = page(name);
        for quoted in quoted(&text) {
            let script = quoted.split(' ').next().unwrap_or_default();
            if script.starts_with("campaigns/") || script.starts_with(".ci/") {
                assert!(root().join(script).is_file(), "{name} names {script}");
                named.insert(script.to_owned());
            }
        }
    }
    for entry in fs::read_dir(root().join("campaigns")).expect("the campaigns") {
        let file = entry.expect("a file").file_name();
        let script = format!("campaigns/{}", file.to_string_lossy());
        let is_script = !script.contains(".suppressions");
        assert!(
            !is_script || named.contains(&script),
            "no page names {script}"
        );
    }
}

/// The table of mutants lists those that there are.
#[test]
fn the_table_of_mutants_is_that_of_the_list() {
    let rooms = fs::read_dir(root().join("tools/mutants/src")).expect("the lists");
    let names = rooms.map(|entry| entry.expect("a file").file_name().into_string());
    let lists = names.flatten().filter(|name| name.starts_with("list"));
    let list: String = lists
        .map(|name| page(&format!("tools/mutants/src/{name}")))
        .collect();
    let table = page("docs/mutants.md");
    let names = list.split("mutant(\n").skip(1).filter_map(|entry| {
        let name = entry.trim_start().strip_prefix('"')?;
        name.split("\",\n").next()
    });
    let names: Vec<_> = names.map(|name| name.replace("\\\"", "\"")).collect();
    assert!(
        names.len() > 80,
        "only {}: are they still found?",
        names.len()
    );
    for name in &names {
        let rows = [format!("| {name} |"), format!("| {name} (CI) |")];
        assert!(
            rows.iter().any(|row| table.contains(row)),
            "no row for {name:?}"
        );
    }
    let (_, after) = table.split_once("|---|---|---|\n").expect("a table");
    let rows = after.lines().take_while(|line| line.starts_with("| "));
    assert_eq!(rows.count(), names.len(), "rows of what is no more");
}

/// What each policy promises has a row.
#[test]
fn every_policy_has_its_promise() {
    let table = page("docs/correctness.md");
    for policy in hostbits::Policy::ALL {
        let name = policy.name();
        let variant = format!("| `Policy::{}{}`", name[..1].to_uppercase(), &name[1..]);
        assert!(table.contains(&variant), "no row begins with {variant}");
    }
}
