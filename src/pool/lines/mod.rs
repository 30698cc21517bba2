//! Which cache lines each verb writes, and what that means for many processors.
//!
//! Both tables of `docs/design/performance.md` are made here, from what the library does on a heap over recording
//! atomics, and a test compares them with the page. `HOSTBITS_WRITE_LINES=1 cargo test -p hostbits --lib lines` writes
//! them.

mod machine;
mod table;

use super::Pool;
use crate::StatsLevel;
use crate::network::Network;
use crate::policy::Policy;
use crate::stripes::pretended;
use crate::sync::pretend_index;
use crate::sync::traced::Place;
use ipnet::Ipv4Net;
use std::fs;
use std::path::Path;

type Net = Pool<Ipv4Net>;

const PAGE: &str = "docs/design/performance.md";

/// Every policy, by the name in the tables.
const POLICIES: [Policy; 5] = [
    Policy::Lowest,
    Policy::Highest,
    Policy::Next,
    Policy::Spread,
    Policy::Random(7),
];

/// Creates a pool as on a machine with so many processors.
fn pool_on(processors: usize, prefix_len: u8, policy: Policy, level: StatsLevel) -> Net {
    pretended::PROCESSORS.set(Some(processors));
    pretend_index(0);
    let net = Ipv4Net::new([10, 0, 0, 0].into(), prefix_len).expect("a length of IPv4");
    let builder = Pool::builder(net).policy(policy).stats(level);
    builder.build().expect("a network of that size is a pool")
}

impl<N: Network> Pool<N> {
    /// Returns the places of the pool that operations write to.
    fn places(&self) -> Vec<Place> {
        let mut places = self.words.places();
        places.extend(self.hints.places());
        places.extend(self.counters.places());
        places
    }
}

/// Checks that the page has this table between the marks, or writes it there.
fn compare(name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = fs::read_to_string(&path).expect("the page is in the repository");
    let (begin, end) = (format!("<!-- lines: {name} -->\n"), "<!-- /lines -->");
    let (before, rest) = page.split_once(&begin).expect("the page has the mark");
    let (now, after) = rest.split_once(end).expect("and its end");
    if std::env::var_os("HOSTBITS_WRITE_LINES").is_some() {
        let page = format!("{before}{begin}{table}{end}{after}");
        return fs::write(&path, page).expect("the page can be written");
    }
    assert_eq!(now, table, "{PAGE}: HOSTBITS_WRITE_LINES=1 writes it");
}

/// About one bit per slot, at most 1.1 bits and 8 KiB, however many processors there are.
#[test]
fn many_processors_cost_no_more_memory_than_is_said() {
    for prefix_len in 10..=32 {
        for (policy, level) in POLICIES
            .into_iter()
            .flat_map(|policy| StatsLevel::ALL.map(|level| (policy, level)))
        {
            let info = pool_on(256, prefix_len, policy, level).info();
            let bound = info.slots as f64 * 1.1 / 8.0 + 8192.0;
            let bytes = info.memory_bytes;
            assert!(
                bytes as f64 <= bound,
                "/{prefix_len} {policy} {level:?}: {bytes}, {bound}"
            );
        }
    }
}
