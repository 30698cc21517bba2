//! `hostbits check`, `reconcile`, `seed`, `reclaim`: a pool against the list of its users, from the outside.

mod check;
mod fuses;
mod lists;
mod passes;
mod plans;
mod set_plans;
mod sets;

use crate::run::{PoolFile, Run, file, run};
use hostbits::{Pool, file};
use ipnet::IpNet;
use serde_json::Value;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// Far enough apart for a test, and near enough to wait for it.
const GRACE: &str = "50ms";

/// A pool, its list and its plan, each with a name of the test's own.
struct Setup {
    pool: PoolFile,
    users: PathBuf,
    plan: PathBuf,
}

impl Setup {
    /// Makes a pool of which `taken` addresses are taken, from 10.0.0.2 on.
    fn new(name: &str, taken: u32, users: &str) -> Self {
        let pool = PoolFile::create(&format!("reconcile-{name}"), "10.0.0.0/24");
        if taken != 0 {
            pool.run("allocate", &format!("-n {taken}")).found();
        }
        let users = file(&format!("reconcile-{name}.csv"), users.as_bytes());
        let plan = users.with_extension("json");
        let _ = std::fs::remove_file(&plan);
        Self { pool, users, plan }
    }

    fn list(&self, users: &str) {
        std::fs::write(&self.users, users).unwrap();
    }

    fn open(&self) -> Pool<IpNet> {
        file::open(&self.pool.0).unwrap()
    }

    /// `hostbits VERB POOL --from USERS OPTIONS`.
    fn run(&self, verb: &str, options: &str) -> Run {
        let users = self.users.to_str().unwrap();
        let mut args = vec![verb, self.pool.name(), "--from", users];
        args.extend(options.split_whitespace());
        run(&args)
    }

    /// `hostbits reconcile VERB PLAN OPTIONS`.
    fn with_plan(&self, verb: &str, options: &str) -> Run {
        let mut args = vec!["reconcile", verb, self.plan.to_str().unwrap()];
        args.extend(options.split_whitespace());
        run(&args)
    }

    fn keep(&self, options: &str) -> Run {
        let plan = self.plan.to_str().unwrap();
        self.run("reconcile", &format!("-o {plan} {options}"))
    }

    fn apply(&self, options: &str) -> Value {
        answer(&self.with_plan("apply", &format!("{options} --format json")))
    }
}

/// Standard output of a run in JSON, whatever the exit code.
#[track_caller]
fn answer(run: &Run) -> Value {
    assert_eq!(
        (run.err.as_str(), run.out.lines().count()),
        ("", 1),
        "{run:?}"
    );
    serde_json::from_str(&run.out).expect("one JSON object")
}

fn pause() {
    sleep(Duration::from_millis(70));
}

/// 10.0.0.2 to 10.0.0.6 are taken; the list knows three of them, and more.
const DRIFTED: &str = "\
address,owner
10.0.0.2,a
10.0.0.3,b
10.0.0.3,c
10.0.0.3,b
10.0.0.4,d
10.0.0.77,e
10.0.0.1,f
10.9.9.9,g
::1,h
10.0.0.9/24,i
,j
word,k
";

impl Run {
    /// Standard error of a run that printed what it found, and refused.
    #[track_caller]
    fn failed_after_table(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.out.contains("\naddresses "), "{self:?}");
        &self.err
    }
}
