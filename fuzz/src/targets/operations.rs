//! Reads bytes as calls of all verbs, and compares each result with that of a set.
//!
//! The first bytes choose a pool; then each byte is a verb, and those after it are its arguments. If
//! bytes are missing they are 0.

use super::Target;
use super::model::{Model, Pick};
use super::naive::{Expected, expected};
use super::plan::Plan;
use crate::run::Trace;
use hostbits::{Policy, Search, StatsLevel};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

pub(crate) const TARGET: Target = Target {
    name: "operations",
    words: &[
        "\x00",
        "\x01\x02\x00",
        "\x0c",
        "\x06\x03",
        "\x08\x01\x00\x00",
        "\x0a\x02\x00\x01\x00\x03\x00",
    ],
    run,
};

/// Pools of words and parts of words, several ranges with gaps, units, reservations, the ends of the families,
/// and one with a tree of two levels.
const LAYOUTS: [&str; 16] = [
    "10.0.0.0/24",
    "10.0.0.0/29",
    "192.0.2.0/31\nreserve +0 +0",
    "10.0.0.0/22\nedges off\ngateway none",
    "10.0.0.0/16\nrange +60 +70\nrange +200 +455\nrange +1000 +1003\nreserve +210 +230",
    "range 255.255.255.250 255.255.255.255\nrange 0.0.0.0 0.0.0.5",
    "10.0.0.0/16\nunit 24",
    "10.0.0.0/20\nunit 28\nreserve +100 +300\ngateway +17",
    "2001:db8::/64\nat_most 300",
    "2001:db8::/48\nunit 56",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120\nedges off\ngateway last",
    "::/0\nunit 9",
    "10.0.0.0/8\nat_most 700\nreserve +64 +127\nreserve +130 +130",
    "10.0.0.0/16\nrange +1 +62\nrange +64 +64\nrange +66 +191\nrange +193 +600",
    "0.0.0.0/0\nunit 8\nreserve +0 +16777216",
    "10.0.0.0/8\nat_most 8200",
];

/// The most calls: enough to fill and empty a pool of any layout several times.
const MOST_CALLS: usize = 50;

/// Takes arguments from the input, and 0 after its end.
pub(crate) struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    pub(crate) fn number(&mut self) -> usize {
        usize::from(self.byte()) | usize::from(self.byte()) << 8
    }

    pub(crate) fn pick(&mut self) -> Pick {
        Pick {
            of: self.byte(),
            index: self.number(),
        }
    }
}

fn run(input: &[u8], trace: &mut Trace) {
    let mut bytes = Bytes(input);
    let layout_index = match bytes.byte() {
        // The largest is a hundred times as slow as the others.
        byte if byte >= 252 => LAYOUTS.len() - 1,
        byte => usize::from(byte) % (LAYOUTS.len() - 1),
    };
    let choices = bytes.byte();
    let mut plan = Plan::read(LAYOUTS[layout_index]);
    plan.policy = match choices % 8 {
        0..=2 => Policy::Lowest,
        3 => Policy::Next,
        4 => Policy::Highest,
        5 => Policy::Spread,
        _ => Policy::Random(choices.into()),
    };
    plan.search = [Search::Tree, Search::Linear][usize::from(choices >> 3 & 1)];
    plan.stats = match choices >> 4 & 3 {
        0 => StatsLevel::Off,
        1 => StatsLevel::Full,
        _ => StatsLevel::Counts,
    };
    let Expected::Layout(layout) = expected(&plan) else {
        panic!("a layout of this list: {plan:?}");
    };
    trace.note((layout_index, choices % 8));
    if choices >> 6 == 0 {
        play(Model::<IpNet>::new(&plan, layout), &mut bytes, trace);
    } else if layout.wide {
        play(Model::<Ipv6Net>::new(&plan, layout), &mut bytes, trace);
    } else {
        play(Model::<Ipv4Net>::new(&plan, layout), &mut bytes, trace);
    }
}

fn play<N: super::kind::Kind>(mut model: Model<N>, bytes: &mut Bytes<'_>, trace: &mut Trace) {
    for _ in 0..MOST_CALLS {
        let Some(verb) = bytes.next() else {
            break;
        };
        let answer = model.call(verb, bytes);
        trace.note((verb % Model::<N>::VERBS, answer, model.fill_level()));
        model.judge_counts();
    }
    model.finish();
}
