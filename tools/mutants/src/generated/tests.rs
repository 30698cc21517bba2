//! Each operator on a small piece of text; names, samples, and the table of arguments.

use super::harmless::{HARMLESS, matches};
use super::operators::{Operator, changes_of};
use super::rooms::{self, ROOMS};
use super::stages::{Stage, first_failure};
use crate::copy::root;
use std::collections::BTreeSet;
use std::fs;

/// What the operator makes of the body of a function, in the order of the text.
fn made_of(operator: Operator, body: &str) -> Vec<String> {
    let head = "fn example() { ";
    let text = format!("{head}{body} }}");
    let changes = changes_of("src/room.rs", &text).expect("Rust");
    let of_operator = changes.iter().filter(|change| change.operator == operator);
    let made = of_operator.map(|change| {
        let after = change.applied_to(&text);
        after[head.len()..after.len() - 2].to_owned()
    });
    made.collect()
}

#[test]
fn comparisons_are_negated_and_shifted() {
    assert_eq!(made_of(Operator::Negated, "a < b"), ["a >= b"]);
    assert_eq!(made_of(Operator::Shifted, "a < b"), ["a <= b"]);
    assert_eq!(made_of(Operator::Negated, "a == b"), ["a != b"]);
    assert!(made_of(Operator::Shifted, "a == b").is_empty());
    assert_eq!(made_of(Operator::Shifted, "a != 0"), ["a != 0 + 1"]);
    assert_eq!(
        made_of(Operator::Shifted, "a..b - 1"),
        ["a..=b - 1", "a..b - 0 * 1"]
    );
}

#[test]
fn orderings_are_lowered_by_one_step() {
    let lowered = |body| made_of(Operator::Lowered, body);
    assert_eq!(
        lowered("w.load(Ordering::SeqCst)"),
        ["w.load(Ordering::Acquire)"]
    );
    assert_eq!(
        lowered("w.load(Ordering::Acquire)"),
        ["w.load(Ordering::Relaxed)"]
    );
    assert_eq!(
        lowered("w.store(1, Ordering::SeqCst)"),
        ["w.store(1, Ordering::Release)"]
    );
    assert_eq!(
        lowered("w.swap(1, Ordering::SeqCst)"),
        ["w.swap(1, Ordering::AcqRel)"]
    );
    assert_eq!(
        lowered("w.swap(1, Ordering::AcqRel)"),
        [
            "w.swap(1, Ordering::Acquire)",
            "w.swap(1, Ordering::Release)"
        ]
    );
    assert_eq!(
        lowered("w.compare_exchange(1, 2, Ordering::SeqCst, Ordering::SeqCst)"),
        [
            "w.compare_exchange(1, 2, Ordering::AcqRel, Ordering::SeqCst)",
            "w.compare_exchange(1, 2, Ordering::SeqCst, Ordering::Acquire)",
        ]
    );
    assert_eq!(
        lowered("load_seq_cst(&w[0])"),
        ["(&w[0]).load(crate::sync::Ordering::Acquire)"]
    );
    assert!(lowered("w.load(Ordering::Relaxed)").is_empty());
}

#[test]
fn masks_are_exchanged() {
    let exchanged = |body| made_of(Operator::Exchanged, body);
    assert_eq!(exchanged("a & b"), ["a | b", "a & !(b)"]);
    assert_eq!(exchanged("a & !b"), ["a | !b", "a & b"]);
    assert_eq!(exchanged("a |= b"), ["a &= b"]);
    assert_eq!(exchanged("1 << b"), ["1 << (b + 1)"]);
    assert_eq!(
        exchanged("w.fetch_or(b, Relaxed)"),
        ["w.fetch_and(b, Relaxed)"]
    );
}

#[test]
fn statements_are_dropped_and_swapped() {
    assert_eq!(
        made_of(Operator::Dropped, "a(); let _flight = b(); c()"),
        [" let _flight = b(); c()", "a();  c()"]
    );
    assert_eq!(
        made_of(Operator::Swapped, "a(); let b = c(); d(b)"),
        ["let b = c(); a(); d(b)"]
    );
    // It would not compile, and nobody could tell.
    assert!(made_of(Operator::Swapped, "let a = b(); c(a);").is_empty());
    assert!(made_of(Operator::Swapped, "let a = 1; let b = 2;").is_empty());
}

#[test]
fn conditions_are_turned_round() {
    let turned = |body| made_of(Operator::Condition, body);
    assert_eq!(turned("if a.is_b() {}"), ["if !(a.is_b()) {}"]);
    assert_eq!(turned("if !a.is_b() {}"), ["if a.is_b() {}"]);
    assert_eq!(
        turned("while a && b {}"),
        ["while !(a && b) {}", "while a || b {}"]
    );
    assert_eq!(
        turned("match a { b if c() => d }"),
        ["match a { b if !(c()) => d }"]
    );
    assert!(turned("if let a = b {}").is_empty());
    // The operators of comparisons do this one.
    assert!(turned("if a == b {}").is_empty());
}

#[test]
fn nobody_goes_back_early() {
    assert_eq!(
        made_of(Operator::Return, "if a { return b; } c"),
        ["if a {  } c"]
    );
    assert_eq!(made_of(Operator::Return, "loop { break; }"), ["loop {  }"]);
}

#[test]
fn tests_comments_and_attributes_are_left_alone() {
    let text = "
        //! a == b
        #[cfg(all(test, not(loom)))]
        mod tests { fn one() { a == b } }
        #[cfg(test)]
        fn two() { a == b }
        #[test]
        fn three() { a == b }
        impl fmt::Debug for Four { fn fmt(&self) { a == b } }
        #[cfg(all(loom, feature = \"_loom\"))]
        mod five { fn five() { a == b } }
        /// a == b
        #[doc(alias = \"a == b\")]
        #[cfg(not(all(loom, feature = \"_loom\")))]
        fn six() { assert!(a == b); /* a == b */ }
    ";
    let changes = changes_of("src/room.rs", text).expect("Rust");
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn a_name_stays_when_lines_move_and_tells_the_second_from_the_first() {
    let names = |text| -> Vec<String> {
        let changes = changes_of("src/room.rs", text).expect("Rust");
        changes.into_iter().map(|change| change.name).collect()
    };
    let before = names("struct A; impl A { fn b() { c == d } }");
    assert_eq!(before, ["gen: room.rs:A::b: negated: c [== -> !=] d"]);
    let moved =
        "struct A;\n// More.\nfn other() {}\n\nimpl A {\n  fn b() {\n  // c\n    c ==\n d\n  }\n}";
    assert_eq!(names(moved), before);
    let twice = names("fn b() { c == d; c == d; }");
    let of_second = "gen: room.rs:b: negated: c [== -> !=] d (2)".to_owned();
    assert!(twice.contains(&of_second), "{twice:?}");
}

#[test]
fn all_names_are_different_and_every_room_has_mutants_of_most_kinds() {
    let all = rooms::all(&root().expect("a root")).expect("the rooms");
    let names: BTreeSet<_> = all.iter().map(|mutant| &mutant.change.name).collect();
    assert_eq!(names.len(), all.len());
    for room in ROOMS {
        let of_room = all.iter().filter(|mutant| mutant.room.name == room.name);
        let kinds: BTreeSet<_> = of_room.map(|mutant| mutant.change.operator).collect();
        assert!(kinds.len() >= 5, "{}: {kinds:?}", room.name);
    }
}

/// Of a sample: to read all of them takes a minute.
#[test]
fn every_mutant_changes_its_file_and_what_it_makes_can_still_be_read() {
    let root = root().expect("a root");
    let all = rooms::all(&root).expect("the rooms");
    for mutant in rooms::sample(&all, 100) {
        let change = &mutant.change;
        let text = fs::read_to_string(root.join(&change.file)).expect("a file");
        let after = change.applied_to(&text);
        assert_ne!(after, text, "{}", change.name);
        assert!(syn::parse_file(&after).is_ok(), "{}", change.name);
    }
}

#[test]
fn a_sample_is_the_same_twice_and_has_its_share_of_every_kind() {
    let all = rooms::all(&root().expect("a root")).expect("the rooms");
    let names = |count| -> BTreeSet<String> {
        let sample = rooms::sample(&all, count);
        sample
            .into_iter()
            .map(|mutant| mutant.change.name)
            .collect()
    };
    let sample = names(300);
    assert_eq!(sample, names(300));
    assert!((300..400).contains(&sample.len()), "{}", sample.len());
    for operator in Operator::ALL {
        let word = format!(": {operator}: ");
        assert!(sample.iter().any(|name| name.contains(&word)), "{operator}");
    }
    // A larger one has the smaller one in it.
    assert!(names(600).is_superset(&sample));
    assert_eq!(names(usize::MAX).len(), all.len());
}

/// An argument for a mutant that is no more says nothing, and whoever changes the line has to think again.
#[test]
fn every_argument_is_of_a_mutant_that_exists() {
    let all = rooms::all(&root().expect("a root")).expect("the rooms");
    for (pattern, why) in HARMLESS {
        let is_of_one = all
            .iter()
            .any(|mutant| matches(pattern, &mutant.change.name));
        assert!(is_of_one, "nothing is called {pattern}");
        assert!(why.len() > 10, "{pattern}: {why}");
    }
    let patterns: BTreeSet<_> = HARMLESS.iter().map(|(pattern, _)| pattern).collect();
    assert_eq!(patterns.len(), HARMLESS.len());
}

#[test]
fn patterns_match_whole_names() {
    assert!(matches("a: b", "a: b"));
    assert!(!matches("a: b", "a: b (2)"));
    assert!(matches("a*c*", "a: b: c: d"));
    assert!(!matches("a*c", "a: b: c: d"));
    assert!(matches("*d", "a: b: c: d"));
    assert!(!matches("a: b: c*c: d", "a: b: c: d"));
}

#[test]
fn stages_name_files_that_exist() {
    let root = root().expect("a root");
    for room in ROOMS {
        for operator in Operator::ALL {
            for stage in room.stages(operator) {
                let (folder, files) = match stage {
                    Stage::Tests(files) => ("tests", files),
                    Stage::Loom(files) => ("loom-tests/tests", files),
                    Stage::Unit | Stage::Storms => continue,
                };
                for file in files {
                    let at = root.join(folder).join(file);
                    let exists = at.with_extension("rs").is_file() || at.join("main.rs").is_file();
                    assert!(exists, "{folder}/{file}");
                }
            }
        }
    }
}

#[test]
fn the_first_failure_is_named_with_its_file() {
    let printed = "     Running tests/verbs/main.rs (target/mutants/quick/debug/deps/verbs-1)\n\
        test one ... ok\n\
        test two::three ... FAILED\n\
        test four ... FAILED\n";
    assert_eq!(first_failure(printed).as_deref(), Some("verbs::two::three"));
    let printed = "     Running tests/set.rs (target/mutants/quick-loom/debug/deps/set-1)\ntest one ... FAILED\n";
    assert_eq!(first_failure(printed).as_deref(), Some("loom::set::one"));
    let printed = "     Running unittests src/lib.rs (target/mutants/quick/debug/deps/hostbits-1)\n\
        test a::b ... FAILED\n";
    assert_eq!(first_failure(printed).as_deref(), Some("unit::a::b"));
    assert_eq!(first_failure("test one ... ok\n"), None);
}
