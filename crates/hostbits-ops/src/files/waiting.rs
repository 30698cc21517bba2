//! The processes that a command waits for, because they have claims of several addresses in flight.
//!
//! Such a claim takes microseconds, unless its process is stopped. So a process that is in flight at several checks in
//! a row is reported, once, and the command continues to wait.

use crate::observer::Observer;
use hostbits::{Network, PoolSet};
use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// Number of consecutive checks at which a process must be in flight before it is reported.
const LOOKS: u32 = 4;

/// Runs a function that may have to wait for other processes, and reports them to an observer that wants names.
pub(crate) fn naming_others<T>(
    observer: &dyn Observer,
    in_flight: impl Fn() -> Vec<u32> + Sync,
    work: impl FnOnce() -> T,
) -> T {
    if !observer.wants_names() {
        return work();
    }
    let in_flight = &in_flight;
    std::thread::scope(|scope| {
        let (end, ended) = channel::<()>();
        scope.spawn(move || {
            let mut seen = BTreeMap::new();
            while ended.recv_timeout(BETWEEN_LOOKS) == Err(RecvTimeoutError::Timeout) {
                let late = look(&mut seen, &in_flight());
                if !late.is_empty() {
                    observer.waiting_for(&late);
                }
            }
        });
        let done = work();
        drop(end);
        done
    })
}

/// Returns the processes that have now been seen often enough to be reported.
fn look(seen: &mut BTreeMap<u32, u32>, in_flight: &[u32]) -> Vec<u32> {
    let own = std::process::id();
    let others = in_flight.iter().filter(|&&pid| pid != own);
    *seen = others
        .map(|&pid| {
            (
                pid,
                seen.get(&pid).map_or(1, |looks| looks.saturating_add(1)),
            )
        })
        .collect();
    let late = seen.iter().filter(|&(_, &looks)| looks == LOOKS);
    late.map(|(&pid, _)| pid).collect()
}

/// Returns the processes whose claims are in flight in any member.
pub(crate) fn in_flight<N: Network>(set: &PoolSet<N>) -> Vec<u32> {
    let members = set.members();
    let pids = members.filter_map(|member| member.pool().processes_in_flight());
    pids.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that lands in between is not waited for, and no process is named twice.
    #[test]
    fn who_stays_in_flight_is_named_once() {
        let mut seen = BTreeMap::new();
        let own = std::process::id();
        let looks = [
            vec![1, 2, own],
            vec![2, own],
            vec![1, 2],
            vec![1, 2],
            vec![1, 2],
            vec![1, 2],
        ];
        let named: Vec<Vec<u32>> = looks.iter().map(|now| look(&mut seen, now)).collect();
        assert_eq!(named, [vec![], vec![], vec![], vec![2], vec![], vec![1]]);
    }
}
