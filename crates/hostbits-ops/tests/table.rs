//! The table of failures against the errors that there are, and against the page that describes them.
//!
//! The library's errors may grow, and so no match outside the library can be exhaustive over them. So its source is
//! read: each `fn code` with the names in it.

use hostbits_ops::trouble::{Kind, Retry, Row, TABLE, row};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The errors that reach a face, and the kinds that have their codes. `None`: it has no name of its own, or reaches none.
const ERRORS: &[(&str, Option<&[Kind]>)] = &[
    ("BuildError", Some(&[Kind::Network])),
    ("AllocateError", Some(&[Kind::Allocate])),
    ("set::AllocatePairError", Some(&[Kind::Allocate])),
    ("AllocateExactError", Some(&[Kind::Exact])),
    ("set::AllocatePairExactError", Some(&[Kind::Exact])),
    ("ReleaseError", Some(&[Kind::Release])),
    ("OfferError", Some(&[Kind::Offer])),
    ("RenewError", Some(&[Kind::Renew])),
    // Inside the errors of the verbs that a pool file can refuse.
    (
        "FileRefusal",
        Some(&[
            Kind::Allocate,
            Kind::Exact,
            Kind::Offer,
            Kind::Renew,
            Kind::Sync,
            Kind::Unclosed,
            Kind::Pass,
        ]),
    ),
    ("OpenError", Some(&[Kind::File])),
    ("SyncError", Some(&[Kind::Sync, Kind::Unclosed])),
    ("ReclaimError", Some(&[Kind::Reclaim])),
    ("ReconcilerError", Some(&[Kind::Pass])),
    ("PassError", Some(&[Kind::Pass])),
    ("ApplyError", Some(&[Kind::Pass])),
    ("Fuse", Some(&[Kind::Fuse])),
    ("config OpenError", Some(&[Kind::Config])),
    ("ConfigError", Some(&[Kind::Config])),
    ("ListError", Some(&[Kind::List])),
    ("PlanFailure", Some(&[Kind::PlanFile])),
    // Only hand on the codes of those above.
    ("set::ReclaimError", None),
    ("set::ReconcilerError", None),
    ("set::ApplyError", None),
    ("Error", None),
    // Of verbs that no face has: pools on the heap that grow, members and cordons of sets that are open.
    ("GrowError", None),
    ("NextFreeError", None),
    ("set::AddError", None),
    ("set::MemberError", None),
    ("set::CordonError", None),
    ("set::ReleasePairError", None),
    // A list that is refused is `unclear`, and two copies of different pools are `replaced`.
    ("AdoptError", None),
    ("SnapshotMismatch", None),
    // A lease that is not one is `usage`.
    ("ParseLeaseError", None),
    // Parts of an answer.
    ("Problem", None),
    ("RefusalKind", None),
];

/// Codes that are given here, and are no error of another crate.
const OWN: &[(Kind, &str)] = &[
    (Kind::Usage, "usage"),
    (Kind::Usage, "no-owner-key"),
    (Kind::File, "holds-leases"),
    (Kind::File, "no-leases"),
    (Kind::Output, "output"),
    (Kind::Platform, "unsupported"),
    (Kind::List, "unclear"),
    (Kind::Quarantine, "exhausted"),
    (Kind::Closed, "exhausted"),
    (Kind::Pass, "replaced"),
    (Kind::Config, "no-client-key"),
    (Kind::Config, "cordoned"),
    (Kind::ConfigApply, "refused"),
    (Kind::ConfigApply, "unfit"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files_below(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, extension, found);
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
}

/// The page of this title, wherever it is.
fn page(title: &str) -> String {
    let mut files = Vec::new();
    files_below(&root().join("docs"), "md", &mut files);
    let pages = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let mut titled = pages.filter(|text| text.lines().next() == Some(&format!("# {title}")));
    titled.next().expect("the page has another title now")
}

/// What stands between quotes.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned)
}

/// The codes of every error of the workspace, by its name.
fn codes() -> BTreeMap<String, BTreeSet<String>> {
    let mut codes = BTreeMap::new();
    for (of, folder) in [
        ("", "src"),
        ("set::", "src/set"),
        ("config ", "crates/hostbits-config/src"),
        ("", "crates/hostbits-lists/src"),
        ("", "crates/hostbits-ops/src/files"),
    ] {
        let mut files = Vec::new();
        files_below(&root().join(folder), "rs", &mut files);
        files.retain(|file| folder == "src/set" || !file.starts_with(root().join("src/set")));
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (at, _) in text.match_indices("fn code(") {
                if !text[at..].contains("-> &'static str {") {
                    continue;
                }
                let before = &text[..at];
                let name = &before[before.rfind("\nimpl").unwrap() + 5..];
                let name = name[..name.find('{').unwrap()].trim();
                let body = &text[at..];
                let body = &body[..body.find("\n    }\n").unwrap()];
                // Outside sets, names are unique but for one.
                let has_of = of == "set::" || name == "OpenError";
                let name = format!("{}{name}", if has_of { of } else { "" });
                let of_error: &mut BTreeSet<String> = codes.entry(name).or_default();
                // Attributes have quotes, too.
                let lines = body.lines().filter(|line| !line.trim().starts_with("#["));
                of_error.extend(lines.flat_map(quoted));
            }
        }
    }
    codes
}

/// Both ways: an error without a row would end as `unknown`, and a row that no error has is dead.
#[test]
fn every_error_has_its_row_and_every_row_its_error() {
    let mut codes = codes();
    let mut expected: Vec<(Kind, String)> = OWN
        .iter()
        .map(|&(kind, code)| (kind, code.to_owned()))
        .collect();
    for (name, kinds) in ERRORS {
        let of_error = codes.remove(*name);
        let of_error = of_error.unwrap_or_else(|| panic!("there is no {name} any more"));
        let hands_on = [
            "set::ReclaimError",
            "set::ReconcilerError",
            "set::ApplyError",
            "Error",
        ]
        .contains(name);
        assert!(of_error.is_empty() || !hands_on, "{name}: {of_error:?}");
        for kind in kinds.unwrap_or_default() {
            expected.extend(of_error.iter().map(|code| (*kind, code.clone())));
        }
    }
    assert!(codes.is_empty(), "say which kind these are of: {codes:?}");
    for (kind, code) in &expected {
        assert_eq!(row(*kind, code).code, *code, "{kind:?} has no row of it");
    }
    for of_table in TABLE {
        let is_known =
            |(kind, code): &(Kind, String)| (*kind, &**code) == (of_table.kind, of_table.code);
        assert!(expected.iter().any(is_known), "{of_table:?} is no error");
    }
    assert!(expected.len() > 90, "only {}", expected.len());
    assert_eq!(row(Kind::File, "no such code").code, "unknown");
}

#[test]
fn every_row_is_there_once() {
    for (at, of_table) in TABLE.iter().enumerate() {
        let same = |it: &&Row| (it.kind, it.code) == (of_table.kind, of_table.code);
        assert_eq!(
            TABLE.iter().position(|it| same(&it)),
            Some(at),
            "{of_table:?}"
        );
    }
}

/// A hint with a placeholder that is never filled in would have a hole, and a number that may be allowed must be
/// named.
#[test]
fn hints_have_known_words() {
    const WORDS: [&str; 10] = [
        "file",
        "set",
        "pool_file",
        "nets",
        "addr",
        "number",
        "them",
        "network",
        "given",
        "last",
    ];
    for of_table in TABLE {
        for (_, hint) in of_table.hints {
            assert_eq!(
                hint.matches('{').count(),
                hint.matches('}').count(),
                "{hint}"
            );
            let words = hint.split('{').skip(1);
            for word in words.map(|rest| rest.split_once('}').unwrap().0) {
                assert!(WORDS.contains(&word), "{word}: {hint}");
            }
        }
        if of_table.retry == Retry::WithNumber {
            let has_number = |(_, hint): &(_, &str)| hint.contains("{number}");
            assert!(of_table.hints.iter().all(has_number), "{of_table:?}");
            assert!(!of_table.hints.is_empty(), "{of_table:?}");
        }
    }
}

/// A reader of the JSON finds every code on its page.
#[test]
fn every_code_is_on_the_page_of_json() {
    let page = page("The JSON of the command line");
    // Networks have too many, and the page names some of them.
    let rows = TABLE.iter().filter(|it| it.kind != Kind::Network);
    let missing: Vec<&str> = rows
        .map(|it| it.code)
        .filter(|code| !page.contains(&format!("`{code}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Enums of other crates of which some variants have a case of their own, and the rest, which may grow, share one.
/// Adding a variant means to list it here, and to check the places that match it.
#[test]
fn variants_that_are_told_apart_are_all_there_are() {
    for (file, name, known) in [
        (
            "src/set/reconcile/error.rs",
            "ApplyError",
            &["Member", "Fuse"][..],
        ),
        (
            "src/set/error.rs",
            "AllocatePairError",
            &["V4", "V6", "NoCommonIndex"],
        ),
        ("src/users/report.rs", "AdoptError", &["Unreadable", "File"]),
        (
            "crates/hostbits-config/src/apply.rs",
            "ApplyError",
            &["Plan", "Refused", "File", "Close"],
        ),
        (
            "crates/hostbits-config/src/open.rs",
            "OpenPair",
            &["Any", "Same"],
        ),
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let (_, body) = text.split_once(&format!("pub enum {name} {{\n")).unwrap();
        let body = &body[..body.find("\n}").unwrap()];
        // A variant is a word in the first column of the body; attributes and comments are none.
        let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
        let lines = lines.filter(|line| line.starts_with(|first: char| first.is_uppercase()));
        let variants: Vec<&str> = lines
            .map(|line| line.split([' ', '(', ',', '{']).next().unwrap())
            .collect();
        assert_eq!(variants, known, "{name} of {file}");
    }
}
