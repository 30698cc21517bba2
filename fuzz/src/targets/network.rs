//! A network as text, with options: nothing panics, and the pool that is built is the one that was asked for.

use super::Target;
use super::judge::judge;
use super::plan::{Plan, WORDS};
use crate::run::Trace;
use hostbits::{NextFreeError, next_free};
use ipnet::IpNet;

pub(crate) const TARGET: Target = Target {
    name: "network",
    words: WORDS,
    run,
};

/// The most addresses that a run can afford, unless the input names a number.
const AT_MOST: u64 = 65_536;

fn run(input: &[u8], trace: &mut Trace) {
    let mut plan = Plan::read(&String::from_utf8_lossy(input));
    let Some(network) = plan.network else {
        return;
    };
    judge_next_free(network, trace);
    plan.at_most.get_or_insert(AT_MOST);
    judge(&plan, trace);
}

/// Checks that without users the next address is the first that is neither an edge nor the gateway, in networks of any
/// size.
fn judge_next_free(network: IpNet, trace: &mut Trace) {
    let none: [IpNet; 0] = [];
    let found = next_free(network, none);
    trace.note(found.is_ok());
    match found {
        Ok(net) => {
            assert!(network.contains(&net.addr()));
            assert_eq!(net.prefix_len(), net.max_prefix_len());
            assert_ne!(
                net.addr() == network.addr(),
                network.max_prefix_len() - network.prefix_len() > 1
            );
        }
        Err(NextFreeError::Network { error, .. }) => assert!(!error.to_string().is_empty()),
        Err(error) => panic!("{network} without users: {error}"),
    }
}
