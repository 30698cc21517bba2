//! `allocate` and `release`.

use super::args::{AllocateArgs, ConfigArgs, ReleaseArgs};
use super::failure::Cause;
use super::names;
use crate::args::Format;
use crate::closing::using;
use crate::failure::Failure;
use crate::next::Given;
use crate::output::{print, print_error_text, print_json, print_whole};
use crate::pool::{Done, Outcome, exit_code_of_release, needs_sync};
use crate::waiting::{in_flight, naming_others};
use hostbits::{AllocatePairError, Network, Pair, Pool, PoolSet, ReleaseError, SyncError};
use hostbits_config::{Config, Family, OpenPair, OpenSet, SetConfig};
use hostbits_ops::Named;
use hostbits_ops::net_of;
use ipnet::IpNet;
use serde::Serialize;
use std::collections::HashSet;
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;

/// What was allocated, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    set: &'a str,
    addresses: Vec<Given>,
}

/// What became of addresses that were to be released, as JSON.
#[derive(Serialize)]
struct Released<'a> {
    file: &'a str,
    set: &'a str,
    released: usize,
    refused: usize,
    addresses: &'a [Outcome],
}

/// Allocates, and prints what is as durable as the files promise.
pub(super) fn allocate(args: &AllocateArgs) -> Result<(), Failure> {
    let config = args.config.read()?;
    let nets = match args.pair {
        true => pair(args, &config)?,
        false => singles(args, &config)?,
    };
    let file = args.config.name();
    let printed = print_whole(|out| match args.config.format {
        Format::Plain => nets.iter().try_for_each(|net| writeln!(out, "{net}")),
        Format::Json => {
            let answer = Answer {
                file: &file,
                set: &args.set,
                addresses: nets.iter().copied().map(Given::now).collect(),
            };
            serde_json::to_writer(&mut *out, &answer)?;
            writeln!(out)
        }
    });
    // A reader who is gone is a failure here: these addresses are allocated, and nobody knows of it.
    let set = args.set.clone();
    printed.map_err(|error| args.config.refuse(Cause::Unprinted { set, nets, error }))
}

fn singles(args: &AllocateArgs, config: &Config) -> Result<Vec<IpNet>, Failure> {
    let set = args.config.set(config, &args.set)?;
    let open = set.open::<IpNet>();
    let open = open.map_err(|error| args.config.refuse_open(error))?;
    let allocate = |open: &OpenSet<IpNet>| {
        let others = || in_flight(&open.set);
        let addrs = naming_others(args.config.format, others, || take(args, set, open));
        let addrs = addrs.map_err(|cause| args.config.refuse(cause))?;
        let pools = addrs.iter().filter_map(|&addr| pool_of(&open.set, addr));
        sync(pools).map_err(|cause| {
            give_back(&addrs, |addr| open.set.release(addr));
            args.config.refuse(cause)
        })?;
        Ok(nets_of(&open.set, &addrs))
    };
    using(open, allocate, |nets, _, error| unclosed(args, nets, error))
}

fn unclosed(args: &AllocateArgs, nets: Vec<IpNet>, error: SyncError) -> Failure {
    let set = args.set.clone();
    args.config.refuse(Cause::Unclosed { set, nets, error })
}

fn take(
    args: &AllocateArgs,
    config: &SetConfig,
    open: &OpenSet<IpNet>,
) -> Result<Vec<IpAddr>, Cause> {
    let set = &open.set;
    let refuse = |error, free| Cause::Allocate {
        error,
        free,
        wanted: args.count,
        list: None,
    };
    if let Some(named) = args.ip {
        let addr = one_address(named, set)?;
        set.allocate_exact(addr).map_err(Cause::Exact)?;
        return Ok(vec![addr]);
    }
    if let Some(name) = &args.client {
        let key = open.client_key.as_ref().ok_or(Cause::NoKey)?;
        let addr = set.allocate_for(key.client(name.as_bytes()));
        return Ok(vec![addr.map_err(|error| refuse(error, set.available()))?]);
    }
    let Some(name) = &args.range else {
        let many = set.allocate_many(as_usize(args.count));
        return many.map_err(|error| refuse(error, set.available()));
    };
    let range = open.ranges.iter().find(|range| range.pool.name() == name);
    let Some(range) = range else {
        let known = config.ranges.iter().map(|range| range.name.clone());
        return Err(Cause::Unknown(name.clone(), known.collect()));
    };
    if range.is_closed {
        return Err(Cause::Closed(name.clone()));
    }
    let range = &range.pool;
    let capacity = range.capacity();
    if args.count > capacity {
        let wanted = args.count;
        return Err(Cause::TooMany { capacity, wanted });
    }
    take_all(args.count, || range.allocate(), |addr| range.release(addr))
        .map_err(|error| refuse(error, range.available()))
}

/// More than a pool can hold is as impossible as the most there can be.
pub(super) fn as_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// All of them, one after the other, or none: where nothing takes several at once. Whoever asks has seen that there
/// can be so many.
pub(super) fn take_all<A: Copy, E, R>(
    count: u64,
    allocate: impl Fn() -> Result<A, E>,
    release: impl Fn(A) -> Result<(), R>,
) -> Result<Vec<A>, E> {
    let mut addrs = Vec::new();
    for _ in 0..count {
        match allocate() {
            Ok(addr) => addrs.push(addr),
            Err(error) => {
                give_back(&addrs, release);
                return Err(error);
            }
        }
    }
    Ok(addrs)
}

/// More than one side can ever hand out: what that side says to it, at once.
fn refuse_more<T>(
    capacity: u64,
    count: u64,
    allocate_many: impl FnOnce(usize) -> Result<T, AllocatePairError>,
) -> Result<(), AllocatePairError> {
    match count > capacity {
        true => allocate_many(as_usize(count)).map(drop),
        false => Ok(()),
    }
}

/// What was allocated and nobody has been told of.
fn give_back<A: Copy, R>(addrs: &[A], release: impl Fn(A) -> Result<(), R>) {
    for &addr in addrs {
        // It was ours; whoever has released it meanwhile has done our work.
        let _ = release(addr);
    }
}

/// The address, and no more of it than is one of its member's.
fn one_address(named: Named, set: &PoolSet) -> Result<IpAddr, Cause> {
    let unit = set.member_of(named.addr).map(|it| it.pool().info().unit);
    match (named.prefix_len, unit) {
        (Some(prefix_len), Some(unit)) if prefix_len != unit => {
            Err(Cause::NotOneAddress(net_of(named.addr, prefix_len)))
        }
        _ => Ok(named.addr),
    }
}

fn pair(args: &AllocateArgs, config: &Config) -> Result<Vec<IpNet>, Failure> {
    if config.pair(&args.set).is_none() {
        let known = config.pairs.iter().map(|pair| pair.name.clone()).collect();
        return Err(args.config.refuse(Cause::Unknown(args.set.clone(), known)));
    }
    let open = config.open_pair(&args.set);
    let open = open.map_err(|error| args.config.refuse_open(error))?;
    using(
        open,
        |open| pairs(args, open),
        |nets, _, error| unclosed(args, nets, error),
    )
}

fn pairs(args: &AllocateArgs, open: &OpenPair) -> Result<Vec<IpNet>, Failure> {
    let format = args.config.format;
    let nets = match open {
        OpenPair::Any(both) => {
            let others = || [in_flight(both.v4()), in_flight(both.v6())].concat();
            let (allocate, release) = (|| both.allocate_pair(), |pair| both.release_pair(pair));
            let take = || {
                refuse_more(both.v4().capacity(), args.count, |many| {
                    both.v4().allocate_many(many).map_err(AllocatePairError::V4)
                })?;
                refuse_more(both.v6().capacity(), args.count, |many| {
                    both.v6().allocate_many(many).map_err(AllocatePairError::V6)
                })?;
                take_all(args.count, allocate, release)
            };
            let pairs = naming_others(format, others, take);
            let pairs = pairs.map_err(|error| args.config.refuse(Cause::Pair(error)))?;
            let finished = finish_pairs(&pairs, |pair| {
                (pool_of(both.v4(), pair.v4), pool_of(both.v6(), pair.v6))
            });
            finished.inspect_err(|_| give_back(&pairs, release))
        }
        OpenPair::Same(twins) => {
            let others = || {
                let (v4, v6) = (twins.v4(), twins.v6());
                let pids = [v4.processes_in_flight(), v6.processes_in_flight()];
                pids.into_iter().flatten().flatten().collect()
            };
            let (allocate, release) = (|| twins.allocate_pair(), |pair| twins.release_pair(pair));
            let take = || {
                refuse_more(twins.v4().capacity(), args.count, |many| {
                    twins
                        .v4()
                        .allocate_many(many)
                        .map_err(AllocatePairError::V4)
                })?;
                refuse_more(twins.v6().capacity(), args.count, |many| {
                    twins
                        .v6()
                        .allocate_many(many)
                        .map_err(AllocatePairError::V6)
                })?;
                take_all(args.count, allocate, release)
            };
            let pairs = naming_others(format, others, take);
            let pairs = pairs.map_err(|error| args.config.refuse(Cause::Pair(error)))?;
            let finished = finish_pairs(&pairs, |_| (Some(twins.v4()), Some(twins.v6())));
            finished.inspect_err(|_| give_back(&pairs, release))
        }
        // More kinds may come; there is none that nothing was allocated from.
        _ => Ok(Vec::new()),
    };
    nets.map_err(|cause| args.config.refuse(cause))
}

/// Where the halves of a pair are from.
type Homes<'p, V4, V6> = (Option<&'p Arc<Pool<V4>>>, Option<&'p Arc<Pool<V6>>>);

fn finish_pairs<'p, V4: Network, V6: Network>(
    pairs: &[Pair],
    homes_of: impl Fn(&Pair) -> Homes<'p, V4, V6>,
) -> Result<Vec<IpNet>, Cause> {
    sync(pairs.iter().filter_map(|pair| homes_of(pair).0))?;
    sync(pairs.iter().filter_map(|pair| homes_of(pair).1))?;
    let nets = pairs.iter().flat_map(|pair| {
        let (v4, v6) = homes_of(pair);
        let (v4_unit, v6_unit) = (
            v4.map(|pool| pool.info().unit),
            v6.map(|pool| pool.info().unit),
        );
        [
            net_of(pair.v4.into(), v4_unit.unwrap_or(32)),
            net_of(pair.v6.into(), v6_unit.unwrap_or(128)),
        ]
    });
    Ok(nets.collect())
}

fn pool_of<F: Family>(set: &PoolSet<F>, addr: F::Addr) -> Option<&Arc<Pool<F>>> {
    set.member_of(addr).map(|member| member.pool())
}

/// The addresses with the prefix lengths of their members.
pub(super) fn nets_of(set: &PoolSet, addrs: &[IpAddr]) -> Vec<IpNet> {
    let net = |&addr: &IpAddr| {
        let width = if addr.is_ipv4() { 32 } else { 128 };
        net_of(
            addr,
            pool_of(set, addr).map_or(width, |pool| pool.info().unit),
        )
    };
    addrs.iter().map(net).collect()
}

/// Waits until what is about to be printed is as durable as its file promises, once for each file.
fn sync<'p, N: Network>(pools: impl Iterator<Item = &'p Arc<Pool<N>>>) -> Result<(), Cause> {
    let mut synced = HashSet::new();
    for pool in pools {
        if needs_sync(pool) && synced.insert(Arc::as_ptr(pool)) {
            pool.sync().map_err(Cause::Sync)?;
        }
    }
    Ok(())
}

pub(super) fn release(args: &ReleaseArgs) -> Result<ExitCode, Failure> {
    let config = args.config.read()?;
    let sets = open_all(&args.config, &config, &args.set)?;
    let release = |sets: &Vec<PoolSet>| {
        let mut done = Done::default();
        let named = args.named.iter();
        let outcomes = named.map(|&named| release_one(sets, &mut done, named));
        Ok(outcomes.collect::<Vec<Outcome>>())
    };
    let outcomes = using(sets, release, |_, _, error| {
        args.config.refuse(Cause::Sync(error))
    })?;
    print_outcomes(args, &outcomes)?;
    let first_error = outcomes.iter().find_map(|outcome| outcome.error.as_ref());
    Ok(first_error.map_or(ExitCode::SUCCESS, |error| {
        ExitCode::from(exit_code_of_release(error))
    }))
}

/// The set of this name, or both sets of the pair.
fn open_all(args: &ConfigArgs, config: &Config, name: &str) -> Result<Vec<PoolSet>, Failure> {
    let sets = match (config.set(name), config.pair(name)) {
        (Some(set), _) => vec![set],
        (None, Some(pair)) => vec![args.set(config, &pair.v4)?, args.set(config, &pair.v6)?],
        _ => return Err(args.refuse(Cause::Unknown(name.to_owned(), names(config)))),
    };
    let open = |set: &SetConfig| Ok(set.open::<IpNet>()?.set);
    let open: Result<_, hostbits_config::OpenError> = sets.into_iter().map(open).collect();
    open.map_err(|error| args.refuse_open(error))
}

fn release_one(sets: &[PoolSet], done: &mut Done, named: Named) -> Outcome {
    let addr = named.addr;
    let found = sets
        .iter()
        .find_map(|set| Some((set, set.member_of(addr)?)));
    let Some((set, member)) = found else {
        let width = if addr.is_ipv4() { 32 } else { 128 };
        let net = net_of(addr, named.prefix_len.unwrap_or(width));
        return Outcome::new(net, Some(ReleaseError::OutOfRange { addr }));
    };
    let unit = member.pool().info().unit;
    let net = net_of(addr, named.prefix_len.unwrap_or(unit));
    done.once(net, addr, || match net.prefix_len() == unit {
        true => set.release(addr),
        false => set.release_block(net),
    })
}

fn print_outcomes(args: &ReleaseArgs, outcomes: &[Outcome]) -> Result<(), Failure> {
    let file = args.config.name();
    let released = outcomes.iter().filter(|outcome| outcome.released);
    if args.config.format == Format::Json {
        let released = released.count();
        return print_json(&Released {
            file: &file,
            set: &args.set,
            released,
            refused: outcomes.len() - released,
            addresses: outcomes,
        });
    }
    let messages = outcomes
        .iter()
        .filter_map(|outcome| outcome.message.as_ref());
    for message in messages {
        print_error_text(&format!("error: {}: {message}", args.set));
    }
    print(|out| {
        let mut released = released;
        released.try_for_each(|outcome| writeln!(out, "{outcome}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::named;

    /// Between two mentions somebody else gets the address: it is theirs, and stays so.
    #[test]
    fn a_second_mention_releases_nothing() {
        let pool = |net: &str| Pool::new(net.parse::<IpNet>().unwrap()).unwrap();
        let sets = [PoolSet::new(["10.0.0.0/24", "10.0.1.0/24"].map(pool)).unwrap()];
        let addr: IpAddr = "10.0.1.5".parse().unwrap();
        for mentions in [["10.0.1.5", "10.0.1.5/32"], ["10.0.1.4/30", "10.0.1.5"]] {
            let mut done = Done::default();
            for host in [4, 5, 6, 7] {
                let _ = sets[0].allocate_exact(IpAddr::from([10, 0, 1, host]));
            }
            let mut release = |text| release_one(&sets, &mut done, named(text).unwrap());
            assert!(release(mentions[0]).released);
            sets[0].allocate_exact(addr).unwrap();
            assert!(!release(mentions[1]).released, "{mentions:?}");
            assert_eq!(sets[0].release(addr), Ok(()), "{mentions:?}");
        }
    }
}
