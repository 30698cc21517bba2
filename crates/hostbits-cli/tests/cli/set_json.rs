//! The JSON of every command on sets, against the one file of test vectors.

use crate::run::run;
use crate::set::Sets;
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../vectors/set.json");
const EXAMPLE: &str = include_str!("../../../../examples/sets.toml");

/// What differs from run to run. Of files, the names stay.
fn masked(value: Value, folder: &str) -> Value {
    match value {
        Value::Object(object) => {
            let masked_entry = |(key, value): (String, Value)| {
                let value = match key.as_str() {
                    "memory_bytes" => json!("NUMBER"),
                    "message" => json!(value.as_str().map(|_| "TEXT")),
                    _ => masked(value, folder),
                };
                (key, value)
            };
            object.into_iter().map(masked_entry).collect()
        }
        Value::Array(values) => values.into_iter().map(|it| masked(it, folder)).collect(),
        Value::String(text) => json!(text.replace(folder, "")),
        value => value,
    }
}

/// The steps are one session, in their order. To write the file anew: `HOSTBITS_WRITE_VECTORS=1`.
#[test]
fn every_command_on_sets_answers_as_documented() {
    let sets = Sets::new("vectors", EXAMPLE);
    let second = "10.0.4.0/24";
    sets.write("larger.toml", &EXAMPLE.replace(second, "10.0.4.0/23"));
    let moved = EXAMPLE.replace("2001:db8::/112", "2001:db9::/112");
    sets.write("moved.toml", &moved);
    sets.write(
        "wrong.toml",
        "[[sets.a.members]]\nnetwork = '10.0.0.5/24'\nbad = 1\n",
    );
    sets.write(
        "stateless.toml",
        "[[sets.a.members]]\nnetwork = '10.0.0.0/24'\n",
    );
    let twins = "[[sets.a.members]]\nnetwork = '10.9.0.0/24'\nfile = 'x.pool'\n[[sets.b.members]]\n\
                 network = 'fd00::/112'\nfile = 'y.pool'\n[pairs.p]\nv4 = 'a'\nv6 = 'b'\nindex = 'same'\n";
    sets.write("twins.toml", twins);
    let folder = format!(
        "{}/",
        sets.path("").display().to_string().trim_end_matches('/')
    );
    let steps: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let mut seen = Vec::new();
    for step in &steps {
        let line = step["command"].as_str().unwrap();
        let words: Vec<String> = line
            .split_whitespace()
            .skip(1)
            .map(|word| match word.ends_with(".toml") {
                true => format!("{folder}{word}"),
                false => word.to_owned(),
            })
            .collect();
        let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
        args.extend(["--format", "json"]);
        let run = run(&args);
        let (stream, text) = match run.out.is_empty() {
            true => ("stderr", &run.err),
            false => ("stdout", &run.out),
        };
        assert_eq!(
            run.out.len() + run.err.len(),
            text.len(),
            "one stream: {run:?}"
        );
        let answer: Value = serde_json::from_str(text).unwrap();
        let mut now = json!({"command": line, "exit": run.code});
        now[stream] = masked(answer, &folder);
        seen.push(now);
    }
    if std::env::var_os("HOSTBITS_WRITE_VECTORS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/set.json");
        std::fs::write(path, serde_json::to_string_pretty(&seen).unwrap() + "\n").unwrap();
        return;
    }
    assert!(seen.len() > 20);
    for (seen, step) in seen.iter().zip(&steps) {
        assert_eq!(seen, step);
    }
}
