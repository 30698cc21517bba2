//! What a shell and a reader get: help of every command, completions, man pages.

use crate::run::{run, run_line};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Every command as its words, found by asking each for its help.
fn commands() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut at = 0;
    while at < all.len() {
        let help = run_line(&format!("{} -h", all[at]));
        if let Some((_, list)) = help.found().split_once("Commands:\n") {
            let lines = list.lines().take_while(|line| line.starts_with("  "));
            let names = lines.filter_map(|line| line.split_whitespace().next());
            let below: Vec<_> = names.map(|name| format!("{} {name}", all[at])).collect();
            all.extend(below);
        }
        at += 1;
    }
    assert!(all.len() > 35, "{all:?}");
    all
}

/// `-h` fits on a screen; `--help` has examples and exit codes, own options before those that are shared.
#[test]
fn every_command_has_a_short_help_and_a_long_one() {
    for command in commands() {
        let short = run_line(&format!("{command} -h"));
        let lines = short.found().lines().count();
        assert!(lines <= 48, "{command}: {lines} lines\n{}", short.out);
        assert!(!short.out.contains("Exit codes:"), "{command}");
        let long = run_line(&format!("{command} --help"));
        for heading in ["Examples:", "Exit codes:", "\n  0  "] {
            assert!(long.found().contains(heading), "{command}: {heading}");
        }
        let place = |heading: &str| long.out.find(&format!("\n{heading}:\n"));
        if let Some(own) = place("Options") {
            for shared in ["The pool", "How lists are read", "Common options"] {
                assert!(
                    place(shared).is_none_or(|it| it > own),
                    "{command}: {shared}"
                );
            }
        }
        assert!(place("Common options").is_some(), "{command}");
    }
}

/// "Release addresses", not "Releases addresses": one manner for all commands and options.
#[test]
fn help_is_in_the_imperative() {
    for command in commands() {
        let help = run_line(&format!("{command} -h"));
        let word = help.found().split_whitespace().next().unwrap();
        let is_verb = !word.ends_with('s') || word.ends_with("ss");
        assert!(is_verb && word != "Several", "{command}: {word}");
    }
}

/// A verb names the exit codes that it has, and no others.
#[test]
fn exit_codes_are_those_of_the_verb() {
    for (command, codes) in [
        ("next", "0123"),
        ("info", "02"),
        ("pool create", "028"),
        ("pool allocate", "023468"),
        ("pool release", "02578"),
        ("pool renew", "0278"),
        ("pool sweep", "028"),
        ("pool show", "02810"),
        ("pool list", "028"),
        ("pool import", "0128"),
        ("check", "0128"),
        ("reconcile", "01289"),
        ("set apply", "0289"),
        ("set allocate", "023468"),
        ("set show", "02810"),
    ] {
        let help = run_line(&format!("{command} --help"));
        let (_, codes_text) = help.found().split_once("Exit codes:\n").unwrap();
        let lines = codes_text.lines().take_while(|line| line.starts_with("  "));
        let found: String = lines
            .map(|line| line.split_whitespace().next().unwrap())
            .collect();
        assert_eq!(found, codes, "{command}");
    }
}

/// Commands that do something themselves, without those that only have others below them.
fn leaves() -> Vec<String> {
    let all = commands();
    let has_more = |command: &String| {
        let below = format!("{command} ");
        all.iter().any(|it| it.starts_with(&below))
    };
    // What is done with a plan is the same, whatever it was made for.
    let is_again = |command: &String| command.starts_with(" set reconcile ");
    let leaves = all
        .iter()
        .filter(|it| !has_more(it) && !it.is_empty() && !is_again(it));
    leaves.map(|it| format!("hostbits{it}")).collect()
}

/// The guide names every command, and the page about JSON has an example of what each prints.
#[test]
fn every_command_is_in_the_guide_and_has_an_example_in_json() {
    let guide = include_str!("../../../../docs/guide/command-line.md");
    let examples = [
        include_str!("../vectors/pool.json"),
        include_str!("../vectors/set.json"),
    ];
    let prints_no_json = ["hostbits completions", "hostbits man"];
    // Those two are older than the files of examples, and have their tests elsewhere.
    let elsewhere = ["hostbits next", "hostbits info"];
    for command in leaves() {
        assert!(
            guide.contains(&command),
            "docs/guide/command-line.md: {command}"
        );
        if !prints_no_json.contains(&&*command) && !elsewhere.contains(&&*command) {
            let example = format!("\"{command} ");
            assert!(
                examples.iter().any(|it| it.contains(&example)),
                "tests/vectors: {command}"
            );
        }
    }
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run_line(&format!("completions {shell}"));
        for word in ["fail-above", "reconcile", "allocate", "durability"] {
            assert!(script.found().contains(word), "{shell}: {word}");
        }
    }
    assert!(
        run_line("completions tcsh")
            .failed(2)
            .contains("possible values")
    );
    assert!(run_line("completions").failed(2).contains("<SHELL>"));
}

/// One page for each command, in a folder that need not be there.
#[test]
fn every_command_has_a_man_page() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("man/man1");
    let _ = std::fs::remove_dir_all(&folder);
    run(&["man", folder.to_str().unwrap()]).found();
    let entries = std::fs::read_dir(&folder).unwrap();
    let found: BTreeSet<String> = entries
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    let pages = commands().into_iter().map(|command| {
        let words: Vec<_> = ["hostbits"]
            .into_iter()
            .chain(command.split_whitespace())
            .collect();
        format!("{}.1", words.join("-"))
    });
    assert_eq!(found, pages.collect());
    let page = std::fs::read_to_string(folder.join("hostbits-pool-release.1")).unwrap();
    for text in [".TH", "standard input", "Exit codes"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let nowhere = run_line("man /proc/none");
    assert!(nowhere.failed(2).contains("/proc/none"), "{nowhere:?}");
}
