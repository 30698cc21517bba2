//! Tests each operator on a small piece of text, the names, the samples, and the table of arguments.

use super::checks::{Check, error_of, first_failure};
use super::harmless::{HARMLESS, matches};
use super::operators::{Generated, Operator, changes_of};
use super::rooms::{self, ROOMS};
use super::schemata::{self, Schema};
use crate::copy::root;
use std::collections::BTreeSet;
use std::fs;

/// Returns what the operator makes of the body of a function, in the order of the text.
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
    // The swapped statements would not compile.
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
    // The operators for comparisons cover this case.
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

/// Checks a sample: reading all of them takes a minute.
#[test]
fn every_mutant_changes_its_file_and_what_it_makes_can_still_be_read() {
    let root = root().expect("a root");
    let all = rooms::all(&root).expect("the rooms");
    let sample = rooms::sample(all.iter(), 100);
    let changes = all.iter().map(|mutant| &mutant.change);
    for change in changes.filter(|change| sample.contains(&change.name)) {
        let text = fs::read_to_string(root.join(&change.file)).expect("a file");
        let after = change.applied_to(&text);
        assert_ne!(after, text, "{}", change.name);
        assert!(syn::parse_file(&after).is_ok(), "{}", change.name);
    }
}

#[test]
fn a_sample_is_the_same_twice_and_has_its_share_of_every_kind() {
    let all = rooms::all(&root().expect("a root")).expect("the rooms");
    let names = |count| rooms::sample(all.iter(), count);
    let sample = names(300);
    assert_eq!(sample, names(300));
    assert!((300..400).contains(&sample.len()), "{}", sample.len());
    for operator in Operator::ALL {
        let word = format!(": {operator}: ");
        assert!(sample.iter().any(|name| name.contains(&word)), "{operator}");
    }
    // A larger sample contains the smaller one.
    assert!(names(600).is_superset(&sample));
    assert_eq!(names(usize::MAX).len(), all.len());
}

/// An argument for a mutant that no longer exists is stale: after a change of the line it has to be made anew.
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
fn checks_are_files_that_exist_once_each() {
    let root = root().expect("a root");
    for room in ROOMS {
        for operator in Operator::ALL {
            let checks = room.checks(operator);
            let once: BTreeSet<_> = checks.iter().collect();
            assert_eq!(once.len(), checks.len(), "{}", room.name);
            for check in checks {
                let (folder, file) = match check {
                    Check::Test(file) => ("tests", file),
                    Check::Loom(file) => ("loom-tests/tests", file),
                    Check::Unit => continue,
                };
                let at = root.join(folder).join(file);
                let exists = at.with_extension("rs").is_file() || at.join("main.rs").is_file();
                assert!(exists, "{folder}/{file}");
            }
        }
    }
}

#[test]
fn the_first_failure_is_named() {
    let printed = "test one ... ok\ntest two::three ... FAILED\ntest four ... FAILED\n";
    assert_eq!(first_failure(printed), Some("two::three"));
    assert_eq!(first_failure("test one ... ok\n"), None);
}

#[test]
fn errors_of_the_compiler_tell_their_places() {
    let error = |level: &str, spans: &str| {
        let message = format!(
            r#"{{"message": {{"rendered": "no", "level": "{level}", "spans": [{spans}]}}}}"#
        );
        error_of(&serde_json::from_str(&message).expect("JSON"))
    };
    let span = r#"{"file_name": "src/a.rs", "line_start": 7}"#;
    let found = error("error", span).expect("an error");
    assert_eq!(found.places, [("src/a.rs".to_owned(), 7)]);
    assert!(error("warning", span).is_none());
    assert!(error("error", "").is_none());
}

/// Returns what is left of a text with all mutants when one of them is chosen by its number: the reader here knows
/// nothing of how it was written.
fn chosen(text: &str, number: Option<usize>) -> String {
    const HEAD: &str = "{ match crate::mutant::number() {";
    let mut left = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(HEAD) {
        left.push_str(before);
        let end = end_of_block(after);
        let wanted = number.map_or("_ =>".to_owned(), |number| format!("{number} =>"));
        let arms = &after[..end];
        let at = [format!("\n{wanted}"), "\n_ =>".to_owned()];
        let at = at.iter().find_map(|arm| Some(arms.find(arm)? + arm.len()));
        let body = arms[at.expect("an arm")..].trim_start();
        left.push_str(&body[..1 + end_of_block(&body[1..]) + 1]);
        rest = after[end + 1..].strip_prefix(" }").expect("the end");
    }
    left + rest
}

/// Returns the place of the brace that closes a block whose opening brace comes before the text.
fn end_of_block(text: &str) -> usize {
    let mut depth = 1;
    let closes = |&(_, sign): &(usize, char)| {
        depth += i32::from(sign == '{') - i32::from(sign == '}');
        depth == 0
    };
    text.char_indices().find(closes).expect("a brace").0
}

/// Each operator, and two at one place, in functions, methods, and methods of a trait.
#[test]
fn of_all_in_one_text_no_number_runs_the_text_and_each_number_its_mutant() {
    let body = "{
        a(); let _b = c();
        if d < e + 1 || !f.g() { return h & j; }
        k.store(1, Ordering::SeqCst);
        k.fetch_or(load_seq_cst(&l), Ordering::AcqRel);
        for m in 0..n { while o() { break; } }
        p
    }";
    let text = format!(
        "fn one(q: R) -> S {body}\nimpl T {{ fn two<U>() {body} const V: W = 1 << 2; }}\n\
         trait X {{ fn three() {body} }}\nfn five() {{ fn six() {body} }}\n"
    );
    let changes = changes_of("src/room.rs", &text).expect("Rust");
    for operator in Operator::ALL {
        let is_there = |change: &Generated| change.operator == operator;
        assert!(changes.iter().any(is_there), "{operator}");
    }
    let schema = Schema::of(&text, changes.iter().enumerate());
    assert_eq!(chosen(&schema.text, None), text);
    assert!(syn::parse_file(&schema.text).is_ok(), "{}", schema.text);
    let mut alone = 0;
    for (number, change) in changes.iter().enumerate() {
        if change.body.is_none() {
            alone += 1;
            assert_eq!(chosen(&schema.text, Some(number)), text);
        } else {
            let after = chosen(&schema.text, Some(number));
            assert_eq!(after, change.applied_to(&text), "{}", change.name);
        }
    }
    // Only the constant of `T` is left out.
    assert_eq!(alone, 1);
}

#[test]
fn what_can_have_one_body_only_is_built_alone() {
    let bodies = |text| {
        let changes = changes_of("src/room.rs", text).expect("Rust");
        let bodies = changes.into_iter().map(|change| change.body.is_some());
        bodies.collect::<Vec<_>>()
    };
    assert_eq!(bodies("fn a() { b == c }"), [true]);
    assert_eq!(bodies("fn a() { const B: u64 = 1 << 2; }"), [true]);
    assert_eq!(bodies("const fn a() { b == c }"), [false]);
    assert_eq!(bodies("fn a() -> impl B { b == c }"), [false]);
    assert_eq!(bodies("const A: bool = b == c;"), [false]);
    assert_eq!(bodies("const fn a() { fn b() { c == d } }"), [true]);
}

#[test]
fn a_line_tells_whose_body_it_is_in() {
    let text = "fn a() {\n    b == c;\n    d == e;\n}\n";
    let changes = changes_of("src/room.rs", text).expect("Rust");
    let schema = Schema::of(text, changes.iter().enumerate());
    let found = |code: &str| {
        let mut lines = schema.text.lines();
        let line = lines.position(|line| line.contains(code)).expect(code) + 1;
        schema.mutant_at(line)
    };
    assert_eq!(found("b != c"), Some(0));
    assert_eq!(found("d != e"), Some(1));
    assert_eq!(found("number()"), None);
    assert_eq!(schema.mutant_at(schema.text.lines().count()), None);
}

#[test]
fn the_library_asks_for_the_number_that_the_run_gives() {
    assert!(schemata::MODULE_TEXT.contains(&format!("{:?}", schemata::NUMBER)));
    assert!(syn::parse_file(schemata::MODULE_TEXT).is_ok());
}
