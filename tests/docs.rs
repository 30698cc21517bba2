//! Pages name only checks and scripts that exist, their links lead somewhere, and comments are in plain English.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGES: [&str; 5] = [
    "docs/design/correctness.md",
    "docs/design/mutants.md",
    "docs/design/tests.md",
    "docs/house.md",
    "README.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the texts between backticks.
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

/// A script that a page names exists, and every script is named by a page.
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
    let table = page("docs/design/mutants.md");
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

/// Every page of the repository that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in [
        "",
        "docs",
        "docs/guide",
        "docs/design",
        "crates/hostbits-config",
    ] {
        let files = fs::read_dir(root().join(folder)).expect("a folder");
        let files = files.map(|entry| entry.expect("a file").path());
        pages.extend(files.filter(|file| file.extension().is_some_and(|end| end == "md")));
    }
    pages
}

/// The links of a page: where they lead, and the label of those that are references.
fn links(text: &str) -> Vec<(String, Option<String>)> {
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES);
    let starts = parser.filter_map(|event| match event {
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            id,
            ..
        }) => Some((link_type, dest_url, id)),
        Event::Start(Tag::Image { dest_url, .. }) => Some((LinkType::Inline, dest_url, "".into())),
        _ => None,
    });
    let label = |kind, id: CowStr<'_>| match kind {
        LinkType::Inline | LinkType::Autolink | LinkType::Email => None,
        _ => Some(id.into_string()),
    };
    starts
        .map(|(kind, to, id)| (to.into_string(), label(kind, id)))
        .collect()
}

/// What the heading is called in a link, on the web page of a repository.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let kept = |char: char| char.is_alphanumeric() || "-_ ".contains(char);
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        title
            .chars()
            .filter(|&char| kept(char))
            .collect::<String>()
            .replace(' ', "-")
    };
    headings.map(anchor).collect()
}

fn assert_leads_somewhere(page: &Path, link: &str) {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => page.to_owned(),
        _ => page.parent().expect("a folder").join(file),
    };
    let name = page.display();
    assert!(target.exists(), "{name} leads to {link}");
    if !anchor.is_empty() {
        let text = fs::read_to_string(&target).expect("a page");
        assert!(anchors(&text).contains(anchor), "{name} leads to {link}");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut followed = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for (link, _) in links(&text) {
            // Of the web, and where `rustdoc` looks for items: checked there.
            let is_elsewhere = link.starts_with("https://") || link.starts_with("crate::");
            if !is_elsewhere {
                followed += 1;
                assert_leads_somewhere(&page, &link);
            }
        }
    }
    assert!(followed > 50, "only {followed}: are they still found?");
}

/// A page that is in the documentation, too, has no link that leads somewhere in the repository alone.
#[test]
fn links_of_documentation_have_targets_in_it() {
    let known = page("docs/rustdoc-links.md");
    let known: BTreeSet<&str> = known
        .lines()
        .filter_map(|line| {
            line.strip_prefix('[')?
                .split_once("]: crate::")
                .map(|parts| parts.0)
        })
        .collect();
    let library = page("src/lib.rs");
    let included = library.split("include_str!(\"../").skip(1);
    let included = included.map(|rest| rest.split('"').next().unwrap_or_default());
    let mut seen = 0;
    for name in
        included.filter(|name| name.starts_with("docs/guide/") || name.starts_with("docs/design/"))
    {
        for (link, label) in links(&page(name)) {
            if link.starts_with("https://docs.rs/hostbits/") || !link.starts_with("https://") {
                seen += 1;
                let is_known = label.as_deref().is_some_and(|label| known.contains(label));
                assert!(is_known || link.starts_with('#'), "{name}: {link}");
            }
        }
    }
    assert!(seen > 50, "only {seen}: are they still found?");
}

/// The listing of an allocation and a release is short enough to be read, and each source in it has its explanation.
#[test]
fn the_listing_is_short_and_explained() {
    let text = page("docs/design/performance.md");
    let (_, listing) = text
        .split_once("<!-- listing -->\n```text\n")
        .expect("it begins");
    let (listing, rest) = listing
        .split_once("```\n<!-- /listing -->\n")
        .expect("it ends");
    let table = rest.split("\n#").next().unwrap_or_default();
    let lines: Vec<&str> = listing.lines().collect();
    assert!((20..=60).contains(&lines.len()), "{} lines", lines.len());
    for line in lines.iter().filter(|line| !line.starts_with("-- ")) {
        let source = line.split(' ').next().unwrap_or_default();
        assert!(
            table.contains(&format!("\n| `{source}` | ")),
            "nothing explains {source}"
        );
    }
    let explained = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for source in explained {
        let is_listed = lines
            .iter()
            .any(|line| line.starts_with(&format!("{source} ")));
        assert!(is_listed, "{source} is explained, and not in the listing");
    }
}

/// What each policy promises has a row.
#[test]
fn every_policy_has_its_promise() {
    let table = page("docs/design/correctness.md");
    for policy in hostbits::Policy::ALL {
        let name = policy.name();
        let variant = format!("| `Policy::{}{}`", name[..1].to_uppercase(), &name[1..]);
        assert!(table.contains(&variant), "no row begins with {variant}");
    }
}

/// Words that stand in for a technical term: another thread, another process, the caller, a user.
const VAGUE: [&str; 5] = ["somebody", "nobody", "whoever", "everybody", "told"];
/// Beginnings that say nothing where an editor shows the comment alone.
const FRAGMENTS: [&str; 7] = [
    "Of ",
    "As of ",
    "As there",
    "The same of ",
    "The same with",
    "Of who ",
    "So many",
];

/// Returns what is wrong with a comment, which begins with its slashes.
fn unclear(comment: &str) -> Option<String> {
    let text = comment.trim_start_matches(['/', '!']).trim_start();
    let is_doc = comment.starts_with("///") || comment.starts_with("//!");
    let fragment = FRAGMENTS.iter().find(|begin| text.starts_with(**begin));
    // A second line may begin with any word, but hardly with a capital letter.
    if let Some(fragment) = fragment.filter(|_| is_doc) {
        return Some(format!("begins with {fragment:?}"));
    }
    let is_only = ["Which.", "Who.", "What.", "Why.", "How."].contains(&text);
    if is_doc && is_only {
        return Some("is a single word".to_owned());
    }
    let words = text.split(|it: char| !it.is_alphanumeric() && !"-_".contains(it));
    let mut words = words.map(str::to_lowercase);
    let vague = words.find(|word| VAGUE.contains(&word.as_str()))?;
    // "Cannot be told from" is the usual phrase.
    (!text.contains("told from")).then(|| format!("says {vague:?}"))
}

/// A comment must be clear by itself, in an editor, to a reader who sees nothing else: in sources, tests and examples.
#[test]
fn comments_are_plain_english() {
    let rooms = [
        "src",
        "tests",
        "loom-tests",
        "linearizability",
        "examples",
        "benches",
        "fuzz",
        "tools",
        "planted-race",
    ];
    let mut folders: Vec<_> = rooms.iter().map(|room| root().join(room)).collect();
    for entry in fs::read_dir(root().join("crates")).expect("the crates") {
        let of = entry.expect("a crate").path();
        folders.extend(["src", "tests"].map(|room| of.join(room)));
    }
    let (mut lines, mut found) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.extend((!path.ends_with("target")).then_some(path));
                continue;
            }
            if path.extension().is_none_or(|end| end != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            for (at, line) in text.lines().enumerate() {
                let comment = line.trim_start();
                if comment.starts_with("//") {
                    lines += 1;
                    let wrong = unclear(comment);
                    found.extend(wrong.map(|it| format!("{}:{}: {it}", path.display(), at + 1)));
                }
            }
        }
    }
    assert!(lines > 14_000, "{lines} comments are not all of them");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn unclear_comments_are_found() {
    for comment in [
        "/// Of locals.",
        "/// Which.",
        "//! As of `open`.",
        "// Nobody waits for it.",
        "/// Whether it was told.",
    ] {
        assert!(unclear(comment).is_some(), "{comment}");
    }
    for comment in [
        "/// Frees what `--nobody` names.",
        "/// A copy cannot be told from the file.",
        "// Of these, one is free.",
    ] {
        assert_eq!(unclear(comment), None, "{comment}");
    }
}

/// Returns the names of the public methods of a type, from its `impl` blocks in these folders.
fn public_verbs(of: &str, rooms: &[&str]) -> BTreeSet<String> {
    let mut verbs = BTreeSet::new();
    for room in rooms {
        for text in sources(&root().join(room)) {
            for (at, _) in text.match_indices(of) {
                let block = &text[at..];
                let block = &block[..block.find("\n}").unwrap_or(block.len())];
                let names = block
                    .lines()
                    .filter_map(|line| line.strip_prefix("    pub fn "));
                verbs.extend(names.map(|line| {
                    let end = line.find(|c: char| !c.is_alphanumeric() && c != '_');
                    line[..end.unwrap_or(line.len())].to_owned()
                }));
            }
        }
    }
    verbs
}

fn sources(room: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(room).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    texts
}

/// A set has the methods of a pool. Those that it lacks are listed on its page, each with a reason, and no others.
#[test]
fn what_a_set_lacks_of_a_pool_is_named_with_its_reason() {
    let pool = public_verbs("\nimpl<N: Network> Pool<N> {", &["src/pool"]);
    let set = public_verbs("\nimpl<N: Network> PoolSet<N> {", &["src/set"]);
    assert!(pool.len() > 50 && set.len() > 50, "{pool:?} {set:?}");
    let guide = page("docs/guide/sets.md");
    let (_, table) = guide.split_once("## What a set does not have").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let named: BTreeSet<String> = rows
        .flat_map(|row| {
            let cells: Vec<_> = row.split(" | ").collect();
            assert!(cells.len() == 2 && cells[1].len() > 10, "a reason: {row}");
            quoted(cells[0]).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let lacking: BTreeSet<String> = pool.difference(&set).cloned().collect();
    assert_eq!(lacking, named);
}
