//! Filters that iterate over an array read one element at a time: they must yield what they yield for the whole value.
//! `. | FILTER` is the same filter, and gets the whole value.

use super::{JsonValues, Reading};
use crate::list::Reader;
use crate::query::Filter;
use crate::record::Address;
use std::io::{self, Read};
use std::rc::Rc;

/// A pseudo-random generator.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap() % sides
    }

    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

/// Returns a few bytes at a time, so that every position in a value is the end of a read at some time.
struct Sips<'a>(&'a [u8], Dice);

impl Read for Sips<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (1 + self.1.roll(9)).min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// Generates a value with everything that could confuse the reader.
fn value(dice: &mut Dice, depth: usize) -> String {
    let blank = dice.one_of(&["", "", " ", "\n", "\t\r\n"]);
    match dice.roll(if depth > 4 { 4 } else { 11 }) {
        0 => format!("\"10.0.0.{}\"{blank}", dice.roll(256)),
        1 => dice
            .one_of(&["null", "true", "-1.5e3", "7", "[]", "{}", "NaN"])
            .to_owned(),
        2 => {
            let texts = r#""items"  "a\"items"  "]}[{,:"  "\\"  "\u005d"  "x\\\""  "é\n""#;
            let texts: Vec<_> = texts.split("  ").collect();
            dice.one_of(&texts).to_owned()
        }
        3 => {
            let (host, name) = (dice.roll(256), dice.roll(9));
            format!("{blank}{{\"ip\":\"10.0.1.{host}\",\"name\":\"n{name}\"}}")
        }
        4 | 5 => {
            let values: Vec<_> = (0..dice.roll(4)).map(|_| value(dice, depth + 1)).collect();
            format!("[{blank}{}{blank}]", values.join(&format!("{blank},")))
        }
        _ => object(dice, depth),
    }
}

fn object(dice: &mut Dice, depth: usize) -> String {
    let blank = dice.one_of(&["", "", " ", "\n"]);
    let names = "items items data data ip kind metadata it\\u0065ms items\\n a\\\"items";
    let mut names: Vec<_> = names.split(' ').collect();
    let mut members = Vec::new();
    for _ in 0..dice.roll(5) {
        let name = names[dice.roll(names.len())];
        // Now and then, a name occurs twice.
        if dice.roll(12) != 0 {
            names.retain(|other| *other != name);
        }
        let inner = match (name, dice.roll(3)) {
            ("items", 1..) => {
                let values: Vec<_> = (0..dice.roll(4)).map(|_| value(dice, depth + 2)).collect();
                format!("[{}{blank}]", values.join(","))
            }
            ("data", 1..) if depth < 4 => object(dice, depth + 1),
            _ => value(dice, depth + 1),
        };
        members.push(format!("\"{name}\"{blank}:{blank}{inner}"));
    }
    format!("{{{}{blank}}}", members.join(&format!(",{blank}")))
}

/// Returns what a filter yields for a list: its entries, and the error that ended it, if any. Line numbers are left
/// out: an element has its own, while a whole value has that of its beginning.
fn run(filter: &Rc<Filter>, text: &[u8], seed: u64) -> (Vec<String>, Option<String>) {
    let mut values = JsonValues::new(Sips(text, Dice(seed)), Reading::Filtered(filter.clone()));
    let mut entries = Vec::new();
    loop {
        match values.read() {
            Ok(None) => return (entries, None),
            Err(fault) => return (entries, Some(format!("{fault:?}"))),
            Ok(Some(record)) => {
                let address = match record.address {
                    Address::Text(text) | Address::Broken(text) => text,
                    other => panic!("{other:?}"),
                };
                let (owner, element) = (record.owner, record.element);
                entries.push(format!("{element} {address} {owner:?}"));
            }
        }
    }
}

fn compile(filter: &str) -> Rc<Filter> {
    Rc::new(Filter::compile(filter).unwrap())
}

#[test]
fn elements_alone_yield_what_their_array_yields() {
    const FILTERS: [&str; 9] = [
        ".items[]",
        ".items[]?",
        ".items[] | .ip?",
        ".items[] | {address: .ip?, owner: .name?}",
        ".items[] | select(.ip? != null), .ip?",
        ".data.items[] | .ip?",
        ".data.items[].ip",
        ".data.data.items[] | [.. | strings] | .[0]",
        "def ip: .ip?; .items[] | try ip catch empty",
    ];
    let filters = FILTERS.map(|filter| (compile(filter), compile(&format!(". | ({filter})"))));
    for (streamed, whole) in &filters {
        assert!(!streamed.way().is_empty() && whole.way().is_empty());
    }
    let mut dice = Dice(0x5eed);
    let (mut whole, mut refused, mut yielded) = (0, 0, 0);
    for round in 1..=20_000 {
        let mut text = String::new();
        for _ in 0..=dice.roll(8) / 7 {
            text += &match dice.roll(12) {
                0 => value(&mut dice, 0),
                _ => object(&mut dice, 0),
            };
        }
        let mut text = text.into_bytes();
        // Cut off or damaged.
        let at = dice.roll(text.len());
        match dice.roll(12) {
            0 => text.truncate(at),
            1 => drop(text.remove(at)),
            2 => text[at] = b"\"{}[],:\\ x"[dice.roll(10)],
            _ => {}
        }
        let at = dice.roll(FILTERS.len());
        let ours = run(&filters[at].0, &text, round);
        let expected = run(&filters[at].1, &text, round);
        let both = || {
            let text = String::from_utf8_lossy(&text);
            format!("{} of {text}: {ours:?} and {expected:?}", FILTERS[at])
        };
        assert_eq!(ours.1.is_some(), expected.1.is_some(), "{}", both());
        if ours.1.is_some() {
            refused += 1;
            continue;
        }
        assert_eq!(ours.0, expected.0, "{}", both());
        whole += 1;
        yielded += ours.0.len();
    }
    let counts = [whole, refused, yielded];
    assert!(counts.iter().all(|&count| count > 1000), "{counts:?}");
}

/// If there is no such array, or it is empty, the value as a whole decides.
#[test]
fn without_elements_the_whole_decides() {
    let filter = compile(".items[]");
    let error = |value: &str| run(&filter, value.as_bytes(), 7).1.unwrap_or_default();
    assert_eq!(run(&filter, b"{\"items\": []}", 7), (vec![], None));
    for value in [
        "{}",
        "{\"items\": null}",
        "{\"items\": 7}",
        "{\"item\": []}",
    ] {
        assert!(error(value).contains("the filter has failed"), "{value}");
    }
    let object = b"{\"items\": {\"a\": \"10.0.0.2\"}}";
    assert_eq!(run(&filter, object, 7).0, ["1 10.0.0.2 None"]);
    for (value, says) in [
        ("{\"items\": [\"10.0.0.2\"", "the array is not closed"),
        ("{\"items\": [\"10.0.0.2\"]", "the value is not closed"),
        ("{\"items\": [\"10.0.0.2\"], ", "the value is not closed"),
        ("{\"items\": [\"10.0.0.2\",]}", "an element is missing"),
        (
            "{\"items\": [\"10.0.0.2\" \"10.0.0.3\"]}",
            "this is not JSON",
        ),
        ("{\"items\": [\"10.0.0.2\"], \"a\"}", "this is not JSON"),
        ("{\"items\": [\"10.0.0.2\"]}}", "this is not JSON"),
        ("{\"items\": [], \"items\": []}", "a name comes twice"),
        ("{\"items\": [], \"items\": 7}", "a name comes twice"),
        (
            "{\"it\\u0065ms\": [1], \"items\": []}",
            "a name comes twice",
        ),
        ("{\"items\": [{\"b\": 1, \"b\": 1}]}", "a name comes twice"),
    ] {
        assert!(error(value).contains(says), "{value}: {}", error(value));
    }
}

/// The depth limit of an element does not depend on how the element is read.
#[test]
fn depth_is_counted_from_the_top() {
    let filter = ".a.items[] | [.. | numbers] | .[]";
    let (ours, whole) = (compile(filter), compile(&format!(". | {filter}")));
    for depth in [100, 116, 117, 118, 119, 120, 121] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let text = format!("{{\"a\":{{\"items\":[{open}{close}]}}}}");
        for filter in [&ours, &whole] {
            let is_read = run(filter, text.as_bytes(), 3).1.is_none();
            assert_eq!(is_read, depth <= 117, "{depth}");
        }
    }
}
