//! Files that cannot be used: exit code 8, a sentence, nothing changed, never a panic.

use crate::run::{PoolFile, file};
use std::fs;

/// Every verb that opens a file, with what it needs besides.
const VERBS: [(&str, &str); 8] = [
    ("allocate", ""),
    ("release", "10.0.0.2"),
    ("show", ""),
    ("list", ""),
    ("check", ""),
    ("sync", ""),
    ("grow", "10.0.0.0/24"),
    ("reclaim", "--nobody"),
];

#[track_caller]
fn refuses(file: &PoolFile, message: &str) {
    for (verb, options) in VERBS {
        let run = file.run(verb, options);
        let err = run.failed(8);
        assert!(
            err.starts_with(&format!("error: {}: ", file.name())),
            "{verb}: {run:?}"
        );
        assert!(err.contains(message), "{verb}: {run:?}");
        let error = file
            .run(verb, &format!("{options} --format json"))
            .failed_json(8);
        assert_eq!(error["file"], file.name(), "{verb}");
        assert!(error["error"]["code"].is_string(), "{verb}: {error}");
    }
}

#[test]
fn a_missing_file_says_how_to_make_one() {
    let file = PoolFile::absent("missing");
    refuses(&file, "no such file: create it first");
    refuses(
        &file,
        &format!("hint: hostbits pool create {} 10.0.0.0/24", file.name()),
    );
    assert!(!file.0.exists());
}

#[test]
fn a_file_that_is_no_pool_is_left_alone() {
    for (name, contents) in [
        ("text.pool", &b"10.0.0.0/24\n"[..]),
        ("empty.pool", b""),
        ("zeros.pool", &[0; 60_000]),
        ("ones.pool", &[0xFF; 60_000]),
    ] {
        let other = PoolFile(file(name, contents));
        fs::set_permissions(
            &other.0,
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        refuses(&other, "");
        let run = other.run("create", "10.0.0.0/24");
        assert!(run.failed(8).contains("the file already exists"), "{run:?}");
        assert_eq!(fs::read(&other.0).unwrap(), contents, "{name}");
    }
}

#[test]
fn create_replaces_nothing() {
    let file = PoolFile::create("twice", "10.0.0.0/24");
    file.run("allocate", "").found();
    let before = fs::read(&file.0).unwrap();
    let run = file.run("create", "10.9.0.0/24");
    let expected = format!(
        "error: {0}: the file already exists: open it instead\n\
         hint: hostbits pool show {0} shows what it holds\n",
        file.name()
    );
    assert_eq!(run.failed(8), expected);
    assert_eq!(fs::read(&file.0).unwrap(), before);
}

/// Touching what is missing would kill the process.
#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let file = PoolFile::create("cut", "10.0.0.0/24");
    let whole = fs::read(&file.0).unwrap();
    for len in [whole.len() - 1, whole.len() / 2, 0x4000, 0x1000, 511] {
        fs::write(&file.0, &whole[..len]).unwrap();
        refuses(&file, "");
    }
    fs::write(&file.0, &whole[..whole.len() - 1]).unwrap();
    refuses(
        &file,
        &format!("the file is truncated: it has {} bytes", whole.len() - 1),
    );
}

#[test]
fn a_damaged_file_is_refused_or_reported() {
    let file = PoolFile::create("damaged", "10.0.0.0/24");
    let whole = fs::read(&file.0).unwrap();
    let with = |at: &[usize]| {
        let mut bytes = whole.clone();
        at.iter().for_each(|&at| bytes[at] ^= 1);
        fs::write(&file.0, bytes).unwrap();
    };
    // One header of two: it can be used, and the check says so.
    with(&[0x60]);
    let run = file.run("check", "");
    assert_eq!(run.code, Some(8), "{run:?}");
    assert!(
        run.out
            .contains("damage: one of the two headers is damaged\n"),
        "{run:?}"
    );
    assert!(run.out.contains("damaged but usable"), "{run:?}");
    let checked = file.json("check", "");
    assert_eq!(checked["is_good"], false);
    assert_eq!(checked["problems"][0]["code"], "one-header");
    assert_eq!(checked["problems"][0]["is_damage"], true);
    file.run("list", "").found();
    // Both.
    with(&[0x60, 0x1060]);
    refuses(&file, "");
}

/// Looking leaves nothing behind: no session, no recovery, no changed byte.
#[test]
fn a_look_changes_nothing() {
    let file = PoolFile::create("look", "10.0.0.0/24");
    file.run("allocate", "-n 5").found();
    let before = fs::read(&file.0).unwrap();
    for command in ["show", "list", "check"] {
        file.run(command, "").found();
        file.run(command, "--format json").found();
        assert!(fs::read(&file.0).unwrap() == before, "{command}");
    }
}

/// A bit of an address that can never be handed out.
#[test]
fn check_finds_stray_bits_in_the_tail() {
    let file = PoolFile::create("stray", "10.0.0.0/29");
    let mut bytes = fs::read(&file.0).unwrap();
    let free = region(&bytes, 5);
    // Slot 9 of a pool of 8.
    bytes[free + 1] |= 2;
    fs::write(&file.0, bytes).unwrap();
    let run = file.run("check", "");
    assert_eq!(run.code, Some(8), "{run:?}");
    assert!(
        run.out
            .contains("the bit of 1 slot that cannot be handed out is set"),
        "{run:?}"
    );
    // Whatever it was that has written to a file that was left in order: no word is believed.
    let changed = "damage: it was modified or damaged since it was closed cleanly";
    assert!(run.out.contains(changed), "{run:?}");
    file.run("allocate", "-n 5").failed(6);
    file.run("reclaim", "--nobody").found();
    assert_eq!(file.run("allocate", "-n 5").found().lines().count(), 5);
    file.run("allocate", "").failed(3);
}

/// The tree says that nothing is free, in a file that no process has open. Such a file is of no use and is made
/// anew. A creator that dies before it has finished leaves one like it.
#[test]
fn check_compares_the_tree_with_the_leaves() {
    let file = PoolFile::create("tree", "10.0.0.0/24");
    let mut bytes = fs::read(&file.0).unwrap();
    let tree = region(&bytes, 2);
    bytes[tree..tree + 4096].fill(0);
    fs::write(&file.0, bytes).unwrap();
    let run = file.run("check", "");
    assert!(run.found().contains(": good; clean: "), "{run:?}");
    assert_eq!(
        file.run("allocate", "").found(),
        "10.0.0.2/32\n",
        "built anew"
    );
}

/// Where the directory of header A says that a kind of region begins.
fn region(bytes: &[u8], kind: u32) -> usize {
    let entries = bytes[0x90..0x1B0].chunks_exact(24);
    let entry = entries
        .into_iter()
        .find(|entry| entry[..4] == kind.to_le_bytes())
        .expect("the directory has it");
    u64::from_le_bytes(entry[8..16].try_into().unwrap()) as usize
}

#[test]
fn files_that_others_could_change_are_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let file = PoolFile::create("insecure", "10.0.0.0/24");
    let link = PoolFile::absent("insecure-link");
    symlink(&file.0, &link.0).unwrap();
    let run = link.run("allocate", "");
    assert!(
        run.failed(8)
            .contains("a symbolic link: give the path of the file itself"),
        "{run:?}"
    );
    fs::set_permissions(&file.0, PermissionsExt::from_mode(0o666)).unwrap();
    let run = file.run("allocate", "");
    assert!(run.failed(8).contains("chmod go-w"), "{run:?}");
    let folder = PoolFile(env!("CARGO_TARGET_TMPDIR").into());
    for (verb, options) in VERBS {
        folder.run(verb, options).failed(8);
    }
    let nowhere = PoolFile(file.0.join("below"));
    assert!(
        nowhere
            .run("create", "10.0.0.0/24")
            .failed(8)
            .starts_with("error: ")
    );
}

#[test]
fn a_name_cannot_command_the_terminal() {
    let file = PoolFile::absent("esc\u{1b}[31m");
    let run = file.run("list", "");
    assert!(!run.failed(8).contains('\u{1b}'), "{run:?}");
}
