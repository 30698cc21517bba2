//! The JSON of every command, against the one file of test vectors.

use crate::run::{PoolFile, file, run};
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../vectors/pool.json");

/// What differs from run to run.
fn masked(mut value: Value) -> Value {
    match &mut value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                *value = match key.as_str() {
                    "memory_bytes" | "created_unix" | "began_ms" | "finished_ms" => json!("NUMBER"),
                    "generation" | "next_in_seconds" | "remaining_seconds" if value.is_u64() => {
                        json!("NUMBER")
                    }
                    "lease" | "leases" if value.is_string() => json!("LEASE"),
                    "since_ms" | "not_before_ms" if value.is_u64() => json!("NUMBER"),
                    "file" => json!("FILE"),
                    "copy" | "backup" => json!("COPY"),
                    "plan" if value.is_string() => json!("PLAN"),
                    "problem_files" => json!("FILES"),
                    "message" => json!(value.as_str().map(|_| "TEXT")),
                    _ => masked(value.take()),
                };
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| *value = masked(value.take())),
        _ => {}
    }
    value
}

/// The steps are one session, in their order. To write the file anew: `HOSTBITS_WRITE_VECTORS=1`.
#[test]
fn every_command_answers_as_documented() {
    let pool = PoolFile::absent("vectors");
    // A duplicate, an entry of another network, and one that is missing.
    let users = file(
        "vectors.csv",
        b"10.0.0.2,a\n10.0.0.2,b\n10.9.9.9,c\n10.0.0.6,d\n",
    );
    let plan = users.with_extension("json");
    // Of a pool of leases, and what was allocated there last.
    let records = PoolFile::absent("vectors-leases");
    let key = file("vectors.key", b"00112233445566778899aabbccddeeff");
    let mut lease = String::new();
    let copy = PoolFile::absent("vectors-copy");
    let steps: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let mut seen = Vec::new();
    for step in &steps {
        let line = step["command"]
            .as_str()
            .unwrap()
            .replace("FILE", pool.name())
            .replace("RECORDS", records.name())
            .replace("LEASE", &lease)
            .replace("KEY", key.to_str().unwrap())
            .replace("LIST", users.to_str().unwrap())
            .replace("PLAN", plan.to_str().unwrap())
            .replace("COPY", copy.name());
        let mut args: Vec<&str> = line.split_whitespace().skip(1).collect();
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
        if let Some(allocated) = answer["addresses"][0]["lease"].as_str() {
            lease = allocated.to_owned();
        }
        let mut now = json!({"command": step["command"], "exit": run.code});
        now[stream] = masked(answer);
        seen.push(now);
    }
    if std::env::var_os("HOSTBITS_WRITE_VECTORS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/pool.json");
        std::fs::write(path, serde_json::to_string_pretty(&seen).unwrap() + "\n").unwrap();
        return;
    }
    for (seen, step) in seen.iter().zip(&steps) {
        assert_eq!(seen, step);
    }
}
