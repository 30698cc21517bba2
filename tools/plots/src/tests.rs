//! Draws pictures from synthetic data, and tests the errors for missing data.

use crate::data::{self, Data, Instructions, Machine, Measured, Outcome, Ratio, Rival, Scaling};
use crate::error::Error;
use crate::numbers;
use crate::options::Options;
use crate::plots::{Picture, all};
use std::fs;
use std::path::PathBuf;

const CONTESTANTS: [&str; 3] = ["hostbits lowest", "Mutex<BTreeSet>", "linear scan"];

/// A picture must show what is measured, in which unit, and the name of each series.
#[test]
fn pictures_name_units_and_every_series_once() {
    let pictures = all(&synthetic()).expect("it can be drawn");
    let expected = [
        ("fill-16-lowest.svg", "nanoseconds per allocate and release"),
        (
            "threads-16-own.svg",
            "million pairs per second, all threads together",
        ),
        (
            "latency-allocate-16-own.svg",
            "nanoseconds per call, logarithmic",
        ),
        (
            "rivals-all-cores-16.svg",
            "nanoseconds per allocate and release",
        ),
    ];
    for (name, label) in expected {
        let texts = texts(picture(&pictures, name));
        assert!(texts.iter().any(|text| text == label), "{name}: {texts:?}");
        for contestant in &CONTESTANTS[..2] {
            assert_eq!(count(&texts, contestant), 1, "{name}: {texts:?}");
        }
    }
}

/// The horizontal axes have units too, and fills are not rounded.
#[test]
fn horizontal_axes_are_labelled() {
    let pictures = all(&synthetic()).expect("it can be drawn");
    let fills = texts(picture(&pictures, "fill-16-lowest.svg"));
    assert!(
        fills
            .iter()
            .any(|text| text.starts_with("addresses taken, per cent"))
    );
    for tick in ["0", "99.9", "full"] {
        assert_eq!(
            count(&fills, tick),
            if tick == "0" { 2 } else { 1 },
            "{fills:?}"
        );
    }
    let threads = texts(picture(&pictures, "threads-16-own.svg"));
    assert_eq!(count(&threads, "threads, logarithmic"), 1);
    assert_eq!(count(&threads, "hardware threads of the machine: 2"), 1);
}

/// A rival that would take too long is named; one that cannot do the job is not.
#[test]
fn who_was_not_run_is_named() {
    let pictures = all(&synthetic()).expect("it can be drawn");
    let fills = texts(picture(&pictures, "fill-16-lowest.svg"));
    assert_eq!(count(&fills, "linear scan (not run)"), 1);
    let bars = texts(picture(&pictures, "rivals-all-cores-16.svg"));
    assert_eq!(count(&bars, "linear scan"), 0);
}

/// Draws the two lines of ours that come first in the order of the pictures when there are many, and an unknown one
/// only after those that are known.
#[test]
fn two_lines_of_ours_are_drawn() {
    let mut data = synthetic();
    let more = ["hostbits new", "hostbits spread", "hostbits local"];
    data.machines[0]
        .rivals
        .extend(more.map(|name| rival(name, "pair", 0.0)));
    let pictures = all(&data).expect("it can be drawn");
    let fills = texts(picture(&pictures, "fill-16-lowest.svg"));
    let drawn = ["hostbits spread", "hostbits lowest"].map(|name| count(&fills, name));
    assert_eq!(drawn, [1, 1], "{fills:?}");
    let left_out = ["hostbits local", "hostbits new"].map(|name| count(&fills, name));
    assert_eq!(left_out, [0, 0], "{fills:?}");
    data.machines[0]
        .rivals
        .retain(|it| !it.ours || it.contestant == "hostbits new");
    let pictures = all(&data).expect("it can be drawn");
    let fills = texts(picture(&pictures, "fill-16-lowest.svg"));
    assert_eq!(count(&fills, "hostbits new"), 1, "{fills:?}");
}

/// A line that ends early is marked as such.
#[test]
fn who_was_run_in_part_is_named() {
    let mut data = synthetic();
    data.machines[0]
        .rivals
        .push(rival("Mutex<Vec>", "pair", 0.0));
    data.machines[0].rivals.push(Rival {
        outcome: Outcome::NotRun,
        ns_per_pair: None,
        ..rival("Mutex<Vec>", "pair", 99.9)
    });
    let pictures = all(&data).expect("it can be drawn");
    let fills = texts(picture(&pictures, "fill-16-lowest.svg"));
    assert_eq!(count(&fills, "Mutex<Vec> (in part)"), 1, "{fills:?}");
}

/// Whatever batch sizes were measured are drawn, in the order of their sizes.
#[test]
fn all_batch_sizes_are_drawn() {
    let mut data = synthetic();
    data.machines[0].ratios = [512, 1, 64]
        .map(|size| ratio(&format!("into{size}/16")))
        .into();
    data.machines[0].ratios.push(ratio("into64/8"));
    let pictures = all(&data).expect("it can be drawn");
    let texts = texts(picture(&pictures, "batches-16.svg"));
    let ticks = texts
        .iter()
        .filter(|text| ["1", "64", "512"].contains(&&***text));
    assert!(ticks.eq(["1", "64", "512"]), "{texts:?}");
    assert_eq!(count(&texts, "addresses per batch, logarithmic"), 1);
    assert_eq!(count(&texts, "hostbits, allocate_into"), 1);
}

/// The error names a bench that did not run.
#[test]
fn a_missing_file_is_named() {
    let scratch = Scratch::new("missing");
    scratch.write("ratios.json", &report("a", RATIOS));
    let error = Measured::read(&scratch.0).expect_err("two are missing");
    assert!(matches!(error, Error::Read { .. }));
    let message = error.to_string();
    assert!(
        message.starts_with("cannot read ") && message.contains("rivals.json"),
        "{message}"
    );
}

/// The error names a file that holds something else, or nothing.
#[test]
fn broken_and_empty_files_are_named() {
    for (text, expected) in [
        ("{".to_owned(), "is not as expected"),
        (report("a", "[]"), "nothing to draw"),
    ] {
        let scratch = Scratch::new(&expected.replace(' ', "-"));
        scratch.write("ratios.json", &text);
        let message = Measured::read(&scratch.0).expect_err("no rows").to_string();
        assert!(
            message.contains(expected) && message.contains("ratios.json"),
            "{message}"
        );
    }
}

/// Half an update would mix two runs.
#[test]
fn an_update_copies_all_or_nothing() {
    let (from, to) = (Scratch::new("from"), Scratch::new("to"));
    from.write("ratios.json", &report("a", RATIOS));
    data::update(&from.0, &to.0).expect_err("two are missing");
    from.write("rivals.json", &report("a", RIVALS));
    from.write("scaling.json", &report("b", SCALING));
    let mixed = data::update(&from.0, &to.0).expect_err("of another commit");
    assert!(matches!(mixed, Error::Mixed { .. }), "{mixed}");
    assert_eq!(fs::read_dir(&to.0).expect("it exists").count(), 0);
    from.write("scaling.json", &report("a", SCALING));
    data::update(&from.0, &to.0).expect("all are there");
    let of = Measured::read(&to.0.join("maker-line-7")).expect("they were copied");
    assert_eq!(of.rivals[0].outcome, Outcome::NotRun);
    assert_eq!(of.scaling[0].p9999, Some(7000));
}

/// A budget that is not kept has a reason, and one that is kept has none: the next count would be allowed to be higher.
#[test]
fn budgets_that_are_missed_have_a_reason() {
    for (line, is_right) in [
        ("local/16/off 40.0 40", true),
        ("local/16/off 40.0 -", true),
        ("local/16/off 52.0 40 missed: two more loads", true),
        ("local/16/off 52.0 40", false),
        ("local/16/off 52.0 40 missed: ", false),
        ("local/16/off 39.0 40 missed: two more loads", false),
        ("local/16/off 52.0 40 later", false),
        ("local/16/off 52.0", false),
    ] {
        let root = Scratch::new("budgets");
        fs::create_dir_all(root.0.join("benches")).expect("a temporary directory");
        root.write(
            "benches/instructions.txt",
            &format!("# a comment\n{line}\n"),
        );
        let dir = Options::read([]).expect("nothing is needed").data;
        assert_eq!(Data::read(&dir, &root.0).is_ok(), is_right, "{line}");
    }
}

/// What a bench writes, at a commit.
fn report(commit: &str, rows: &str) -> String {
    format!(
        r#"{{"machine": {{"processor": "Maker(R) Line(TM) Processor 7, family 1 model 2", "hardware_threads": 2,
        "compiler": "rustc 1", "date": "2026-11-25", "commit": "{commit}"}}, "rows": {rows}}}"#
    )
}

/// Records as the benches write them, including fields that are not drawn.
const RATIOS: &str =
    r#"[{"name": "into64/16", "ours_ns": 1.2, "reference_ns": 10.1, "ratio": 0.12}]"#;
const RIVALS: &str = r#"[{"bench": "full_random", "contestant": "linear scan", "ours": false,
    "order": "lowest", "size": 8, "fill": 100.0, "taken": 16777216, "threads": 1,
    "outcome": "not_run", "ns_per_pair": null, "beats_ours": false, "note": "hours"}]"#;
const SCALING: &str = r#"[{"bench": "latency_release", "contestant": "hostbits lowest", "ours": true,
    "size": 24, "releases": "foreign", "threads": 2, "cores": 2, "pairs_per_second": null,
    "speedup": null, "p50": 40, "p99": 60, "p999": 900, "p9999": 7000, "max": 100000,
    "clock_ns": 21}]"#;

/// Every table shows its figures, losses included, between the marks and nowhere else.
#[test]
fn documents_are_filled_between_their_marks() {
    let marked =
        |table| format!("before\n<!-- numbers: {table} -->\nold\n<!-- /numbers -->\nafter\n");
    for (table, wanted) in [
        ("machines", "* Maker Line, family 1: 2 hardware threads"),
        ("pictured", "2026-11-25, hostbits at `abc`. Two bare"),
        ("summary", "| a thread's `local()` |  | 0.43 |  |"),
        (
            "ratios",
            "| `into64/16` | 3.00 | 0.43 | 0.4 (missed) | 1.20, target 1.1 (missed) |",
        ),
        (
            "instructions",
            "| `local/16/off` | 52 | 40 | missed: two more loads |",
        ),
        (
            "winners",
            "| `Mutex<BTreeSet>` | lowest | /16, full, 1 random | 120 | 0.90 |",
        ),
        ("scaling-16", "| `hostbits lowest` | 40.0 | 40.0 |"),
    ] {
        let filled = numbers::fill("a page", &marked(table), &synthetic()).expect("a known table");
        assert!(filled.contains(wanted), "{filled}");
        assert!(filled.starts_with("before\n<!-- numbers: ") && filled.ends_with("-->\nafter\n"));
        assert!(!filled.contains("old"));
        let again = numbers::fill("a page", &filled, &synthetic()).expect("a known table");
        assert_eq!(again, filled);
    }
}

/// The figures of two machines stand side by side; what one of them has not measured is a dash.
#[test]
fn machines_are_shown_side_by_side() {
    let mut data = synthetic();
    let mut other = synthetic().machines.remove(0);
    other.machine.processor = "Other Line".to_owned();
    other.machine.commit = "def".to_owned();
    other.ratios.remove(0);
    other.ratios[0].ratio = 0.9;
    other.rivals.retain(|rival| rival.fill != 99.9);
    for rival in &mut other.rivals {
        rival.times_best = Some(1.1);
    }
    data.machines.push(other);
    for (table, wanted) in [
        ("machines", "* Other Line: 2 hardware threads"),
        ("machines", "ran different versions of hostbits"),
        ("summary", "| Maker Line · Other Line | /24 | /16 | /8 |"),
        ("summary", "| a thread's `local()` |  | 0.43 · 0.90 |  |"),
        (
            "ratios",
            "| Maker Line: ns | ratio | target | of floor | Other Line: ns |",
        ),
        ("ratios", "1.20, target 1.1 (missed) |  |  |  |  |"),
        (
            "winners",
            "| /16, full, 1 random | 120 · 120 | 0.90 · 1.10 |",
        ),
        ("winners", "| /16, 99.9 % full | 120 · – | 0.90 · – |"),
        ("scaling-16", "| `hostbits lowest` | 40.0 · 40.0 |"),
    ] {
        let marked = format!("<!-- numbers: {table} -->\n<!-- /numbers -->\n");
        let filled = numbers::fill("a page", &marked, &data).expect("a known table");
        assert!(filled.contains(wanted), "{filled}");
    }
}

/// A typing error in a document is reported with the document's name.
#[test]
fn unknown_tables_and_open_marks_are_errors() {
    for document in [
        "<!-- numbers: rations -->\n<!-- /numbers -->",
        "<!-- numbers: ratios -->\nno end",
    ] {
        let error = numbers::fill("a page", document, &synthetic()).expect_err("broken");
        assert!(error.to_string().starts_with("a page: "), "{error}");
    }
}

/// The README, the page on performance and the pictures show the figures that were measured.
#[test]
fn the_committed_documents_and_pictures_show_the_committed_data() {
    let options = Options::read([]).expect("nothing is needed");
    let data = Data::read(&options.data, &options.root).expect("it is committed");
    for name in numbers::DOCUMENTS {
        let document = fs::read_to_string(options.root.join(name)).expect("it is committed");
        assert!(
            document.contains("<!-- numbers: "),
            "{name} shows no figures"
        );
        let filled = numbers::fill(name, &document, &data).expect("all marks are good");
        assert_eq!(
            filled, document,
            "run `cargo run --release -p hostbits-plots`"
        );
    }
    for picture in all(&data).expect("it can be drawn") {
        let committed = fs::read_to_string(options.out.join(&picture.name));
        // Not `assert_eq!`: two pictures are unreadable as text.
        let is_same = committed.ok() == Some(picture.svg);
        assert!(is_same, "{} shows other data", picture.name);
    }
}

fn synthetic() -> Data {
    let mut rivals = Vec::new();
    for contestant in CONTESTANTS {
        for (bench, fill) in [
            ("pair", 0.0),
            ("pair", 99.9),
            ("full_random", 100.0),
            ("all_cores", 50.0),
        ] {
            rivals.push(rival(contestant, bench, fill));
        }
    }
    let benches = ["throughput", "latency_allocate"];
    let scaling = benches.iter().flat_map(|bench| {
        let contestants = &CONTESTANTS[..2];
        let of = |threads| {
            contestants
                .iter()
                .map(move |name| scaling(name, bench, threads))
        };
        of(1).chain(of(2))
    });
    let measured = Measured {
        ratios: vec![ratio("into64/16"), ratio("local/16/off")],
        rivals,
        scaling: scaling.collect(),
        machine: Machine {
            processor: "Maker Line, family 1".to_owned(),
            hardware_threads: 2,
            compiler: "rustc 1".to_owned(),
            date: "2026-11-25".to_owned(),
            commit: "abc".to_owned(),
        },
    };
    Data {
        machines: vec![measured],
        instructions: vec![Instructions {
            operation: "local/16/off".to_owned(),
            count: 52.0,
            budget: Some(40.0),
            missed: Some("two more loads".to_owned()),
        }],
    }
}

fn ratio(name: &str) -> Ratio {
    Ratio {
        name: name.to_owned(),
        ours_ns: 3.0,
        reference_ns: 7.0,
        ratio: 3.0 / 7.0,
        target: Some(0.4),
        floor_ratio: Some(1.2),
        floor_target: Some(1.1),
    }
}

fn rival(contestant: &str, bench: &str, fill: f64) -> Rival {
    let scans = contestant == "linear scan";
    Rival {
        bench: bench.to_owned(),
        contestant: contestant.to_owned(),
        ours: contestant.starts_with("hostbits"),
        order: "lowest".to_owned(),
        size: 16,
        fill,
        threads: if bench == "all_cores" { 2 } else { 1 },
        outcome: match (scans, bench) {
            (true, "all_cores") => Outcome::Cannot,
            (true, _) => Outcome::NotRun,
            (false, _) => Outcome::Measured,
        },
        ns_per_pair: (!scans).then_some(20.0 + fill),
        times_best: (!scans).then_some(0.9),
    }
}

fn scaling(contestant: &str, bench: &str, threads: usize) -> Scaling {
    let slow = |time| (bench != "throughput").then_some(time);
    Scaling {
        bench: bench.to_owned(),
        contestant: contestant.to_owned(),
        ours: contestant.starts_with("hostbits"),
        size: 16,
        releases: "own".to_owned(),
        threads,
        cores: 2,
        pairs_per_second: (bench == "throughput").then_some(4e7),
        p50: slow(30),
        p99: slow(60),
        p999: slow(900),
        p9999: slow(7000),
        max: slow(1_000_000),
        clock_ns: 21,
    }
}

fn picture<'a>(pictures: &'a [Picture], name: &str) -> &'a str {
    let found = pictures.iter().find(|picture| picture.name == name);
    let names: Vec<&str> = pictures.iter().map(|picture| &*picture.name).collect();
    &found
        .unwrap_or_else(|| panic!("no {name} in {names:?}"))
        .svg
}

/// Returns the texts on a picture.
fn texts(svg: &str) -> Vec<String> {
    let inside = |element: &str| {
        let (_, content) = element.split_once('>').expect("the tag ends");
        let (text, _) = content.split_once("</text>").expect("the element ends");
        text.trim().replace("&lt;", "<").replace("&gt;", ">")
    };
    svg.split("<text").skip(1).map(inside).collect()
}

fn count(texts: &[String], wanted: &str) -> usize {
    texts.iter().filter(|text| *text == wanted).count()
}

/// A directory that exists for the duration of a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = format!("hostbits-plots-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(dir);
        fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("a temporary file");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A temporary directory that cannot be removed is no failure of a test.
        let _ = fs::remove_dir_all(&self.0);
    }
}
