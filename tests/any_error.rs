//! `hostbits::Error`: every error of the library is in it, and `?` takes it there from every verb.

use hostbits::{DualStack, Error, Pool, PoolSet, next_free};
use ipnet::{Ipv4Net, Ipv6Net};
use std::error::Error as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// The text of every file of the library, each from the beginning of a line.
fn library() -> String {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.map(|text| format!("\n{text}\n")).collect()
}

/// What stands behind `before`, up to the first of `ends`.
fn all_between<'t>(text: &'t str, before: &'t str, ends: &'t [char]) -> Vec<&'t str> {
    let rests = text.split(before).skip(1);
    let mut found: Vec<_> = rests.map(|rest| rest.split(ends).next().unwrap()).collect();
    found.sort_unstable();
    found
}

/// The rows of the table, without their path.
fn rows(library: &str) -> Vec<&str> {
    let (_, table) = library.split_once("\nerrors! {\n").expect("the table");
    let (table, _) = table.split_once("\n}\n").unwrap();
    let rows = table
        .lines()
        .map(str::trim)
        .filter_map(|line| line.strip_suffix("),"));
    let mut types: Vec<_> = rows
        .map(|row| row.split_once('(').unwrap().1.rsplit("::").next().unwrap())
        .collect();
    types.sort_unstable();
    types
}

/// The list is that of the sources: an error that is forgotten in the table is missing here.
#[test]
fn every_error_of_the_library_is_in_it() {
    let library = library();
    let mut errors = all_between(&library, "\nimpl Error for ", &[' ']);
    errors.extend(all_between(
        &library,
        "\nimpl std::error::Error for ",
        &[' '],
    ));
    errors.retain(|it| *it != "Error");
    errors.sort_unstable();
    assert!(errors.len() > 20, "{errors:?}");
    assert_eq!(rows(&library), errors);
}

/// Whatever can be exhausted is exhausted in it, too.
#[test]
fn every_error_that_can_be_exhausted_is_asked() {
    let library = library();
    let can_be = library
        .matches("pub fn is_exhausted(&self) -> bool {")
        .count();
    // It asks all but itself.
    let (_, own) = library.split_once("\nimpl Error {\n").unwrap();
    let (own, _) = own.split_once("\n}\n").unwrap();
    assert_eq!(
        own.matches("(error) => error.is_exhausted()").count(),
        can_be - 1
    );
}

fn v4(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn v6(text: &str) -> Ipv6Net {
    text.parse().unwrap()
}

/// Verbs fail one after another, and each error arrives as it was.
#[test]
fn a_question_mark_takes_the_errors_of_all_verbs_there() {
    fn run(fail_at: u32) -> Result<(), Error> {
        let fails = |step| step == fail_at;
        let addr = |last| Ipv4Addr::new(10, 0, 0, last);
        let mut pool = Pool::new(v4(if fails(0) {
            "10.0.0.5/29"
        } else {
            "10.0.0.0/29"
        }))?;
        let _ = pool.adopt([if fails(1) { "10.0.0.x" } else { "10.0.0.2" }])?;
        pool.allocate_exact(addr(if fails(2) { 2 } else { 3 }))?;
        pool.allocate_many(if fails(3) { 4 } else { 3 })?;
        pool.release(addr(if fails(4) { 1 } else { 3 }))?;
        let larger = v4(if fails(5) {
            "10.0.0.0/30"
        } else {
            "10.0.0.0/28"
        });
        Pool::builder(larger).grow(&mut pool)?;
        next_free(
            v4("10.0.0.0/30"),
            [if fails(6) { "10.0.0.2" } else { "10.0.0.9" }],
        )?;
        let held = pool.reconciler()?;
        if fails(7) {
            pool.reconciler()?;
        }
        drop(held);
        let mut set = PoolSet::new([Pool::new(v4("10.0.0.0/24"))?])?;
        let id = set.members().next().unwrap().id();
        let other = if fails(8) {
            "10.0.0.0/25"
        } else {
            "10.0.1.0/24"
        };
        set.add(Pool::new(v4(other))?)?;
        set.cordon(addr(8)..=addr(if fails(9) { 7 } else { 9 }))?;
        if fails(10) {
            set.remove(id)?;
        }
        let other = PoolSet::new([Pool::new(v6("2001:db8::/126"))?])?;
        let both = DualStack::new(set, other);
        let pair = both.allocate_pair()?;
        let _ = both.allocate_pair()?;
        if fails(11) {
            let _ = both.allocate_pair()?;
        }
        both.release_pair(pair)?;
        if fails(12) {
            both.release_pair(pair)?;
        }
        Ok(())
    }
    assert!(run(u32::MAX).is_ok(), "{:?}", run(u32::MAX));
    let codes = [
        "host-bits-set",
        "unreadable",
        "already-allocated",
        "exhausted",
        "reserved",
        "address-lost",
        "exhausted",
        "busy",
        "overlaps",
        "out-of-range",
        "not-drained",
        "exhausted",
        "not-allocated",
    ];
    for (fail_at, code) in (0..).zip(codes) {
        let error = run(fail_at).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(error.is_exhausted(), code == "exhausted", "{error}");
        assert!(error.source().is_none());
    }
}

/// A pair is exhausted where no index is common, which has a code of its own; one address never is.
#[test]
fn is_exhausted_says_what_no_caller_has_to_match() {
    let pool = Pool::new(v4("10.0.0.0/30")).unwrap();
    let addr = pool.allocate().unwrap();
    let error = pool.allocate().unwrap_err();
    assert!(error.is_exhausted() && Error::from(error).is_exhausted());
    let misfit = pool.allocate_block(8).unwrap_err();
    assert!(!misfit.is_exhausted() && !Error::from(misfit).is_exhausted());
    assert!(!Error::from(pool.allocate_exact(addr).unwrap_err()).is_exhausted());
    let full = next_free(v4("10.0.0.0/30"), ["10.0.0.2"]).unwrap_err();
    assert!(full.is_exhausted() && Error::from(full).is_exhausted());
}

/// Nothing that an error says about what is behind it gets lost.
#[cfg(all(feature = "mmap", target_os = "linux"))]
#[test]
fn files_are_in_it_with_what_is_behind() {
    let build = Pool::builder(v4("10.0.0.5/24")).open("/no/such/file");
    let error = Error::from(build.unwrap_err());
    assert_eq!(error.code(), "host-bits-set");
    let behind = error.source().unwrap();
    assert!(behind.is::<hostbits::BuildError>());
    let error = Error::from(hostbits::file::open("/no/such/file").map(drop).unwrap_err());
    assert_eq!(
        (error.code(), error.source().is_some()),
        ("not-found", false)
    );
    let error = Error::from(Pool::new(v4("10.0.0.0/24")).unwrap().sync().unwrap_err());
    assert_eq!(error.code(), "no-file");
}
