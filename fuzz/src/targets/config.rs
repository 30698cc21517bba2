//! Configurations of sets: nothing panics, every problem has a line of the text, what is accepted can be
//! built, and does nothing when it is compared with itself.

use super::Target;
use crate::run::Trace;
use hostbits::AllocateError;
use hostbits_config::{Config, ConfigError, SetConfig};
use ipnet::IpNet;

pub(crate) const TARGET: Target = Target {
    name: "config",
    words: &[
        "[sets.a]\n",
        "[[sets.a.members]]\n",
        "[[sets.b.members]]\n",
        "[sets.a.ranges.r]\n",
        "[pairs.p]\n",
        "network = '10.0.0.0/24'\n",
        "network = '10.0.1.0/26'\n",
        "network = '2001:db8::/116'\n",
        "ranges = ['10.0.0.8-10.0.0.99']\n",
        "range = '10.0.0.8-10.0.0.15'\n",
        "unit = 30\n",
        "gateway = 'last'\n",
        "edges = false\n",
        "reserve = [{ range = '10.0.0.9', label = 'x' }]\n",
        "at_most = 64\n",
        "policy = 'next'\n",
        "policy = 'random:7'\n",
        "file = 'a'\n",
        "capacity = 512\n",
        "durability = 'strict'\n",
        "weight = 3\n",
        "band = 'kubernetes'\n",
        "band = 4\n",
        "drained = true\n",
        "cordons = ['10.0.0.30-10.0.0.40']\n",
        "exclusive = true\n",
        "strategy = 'weighted'\n",
        "client_key = '00112233445566778899aabbccddeeff'\n",
        "v4 = 'a'\nv6 = 'b'\n",
        "index = 'same'\n",
    ],
    run,
};

/// The most slots of one set that a run can afford.
const MOST_SLOTS: u64 = 1 << 16;

fn run(input: &[u8], trace: &mut Trace) {
    let text = String::from_utf8_lossy(input);
    match Config::parse(&text) {
        Ok(config) => {
            let again = Config::parse(&text).expect("the same again");
            assert_eq!(format!("{config:?}"), format!("{again:?}"));
            judge(&config, trace);
        }
        Err(error) => judge_error(&error, &text, trace),
    }
}

fn judge_error(error: &ConfigError, text: &str, trace: &mut Trace) {
    let lines = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let problems = error.problems();
    assert!(!problems.is_empty(), "an error says why");
    assert!(problems.is_sorted_by_key(|problem| problem.line));
    for problem in problems {
        assert!((1..=lines).contains(&problem.line), "{problem:?}");
        assert!(
            !problem.to_string().contains(char::is_control),
            "{problem:?}"
        );
        trace.note((problem.code, problem.key.rsplit('.').next().map(str::len)));
    }
}

fn judge(config: &Config, trace: &mut Trace) {
    for set in &config.sets {
        assert!(!set.members.is_empty());
        let slots = set.members.iter().map(|member| member.info.slots);
        if slots.sum::<u64>() <= MOST_SLOTS {
            judge_set(set, trace);
        }
    }
    trace.note((config.sets.len(), config.pairs.len()));
    #[cfg(target_os = "linux")]
    judge_plan(config);
}

/// Checks that a configuration that was accepted can be built, and hands out what it describes.
fn judge_set(set: &SetConfig, trace: &mut Trace) {
    let open = set.in_memory::<IpNet>().expect("it was checked");
    let capacity: u64 = set.members.iter().map(|member| member.info.capacity).sum();
    assert_eq!(open.set.capacity(), capacity);
    let available = open.set.available();
    match open.set.allocate() {
        Ok(addr) => {
            let home = open.set.member_of(addr).expect("it is of a member");
            assert!(!home.is_drained());
            let closed = home.cordons();
            assert!(
                !closed
                    .iter()
                    .any(|&(first, last)| (first..=last).contains(&addr))
            );
            assert_eq!(open.set.available(), available - 1);
            open.set.release(addr).expect("it is ours");
        }
        Err(AllocateError::Exhausted { .. }) => assert_eq!(available, 0),
        Err(error) => panic!("{error}"),
    }
    for (range, described) in open.ranges.iter().zip(&set.ranges) {
        if let Ok(addr) = range.pool.allocate() {
            assert!(described.span.contains(&addr));
        }
        trace.note((range.is_closed, range.pool.capacity() != 0));
    }
    trace.note((set.members.len(), available != 0, open.client_key.is_some()));
}

/// Checks that a configuration compared with itself changes nothing. It skips those with files: their names would be
/// names of this machine.
#[cfg(target_os = "linux")]
fn judge_plan(config: &Config) {
    let mut members = config.sets.iter().flat_map(|set| &set.members);
    if members.all(|member| member.file.is_none()) {
        let plan = hostbits_config::Plan::of(config, Some(config)).expect("no file is read");
        assert!(plan.refusals.is_empty(), "{plan:?}");
        assert!(plan.steps.is_empty(), "{plan:?}");
    }
}
