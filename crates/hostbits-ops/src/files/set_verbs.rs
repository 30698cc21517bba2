//! Operations on the pool files of a set: allocate and release.

use crate::failure::Failure;
use crate::files::closing::using;
use crate::files::config_file::{ConfigFile, names};
use crate::files::pool_verbs::needs_sync;
use crate::files::release::{Released, ReleasedOnce};
use crate::files::set_failure::Cause;
use crate::files::waiting::{in_flight, naming_others};
use crate::observer::Observer;
use crate::text::{Named, net_of};
use hostbits::{
    Client, Network, Pool, PoolSet, ReleaseError,
    file::SyncError,
    set::{AllocatePairError, Pair},
};
use hostbits_config::{Config, Family, OpenPair, OpenSet, SetConfig};
use ipnet::IpNet;
use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// What to allocate from a set.
#[derive(Clone, Debug)]
pub enum WantedOfSet {
    /// This many addresses: all of them or none; from one member if it has enough, and from several otherwise.
    Any(u64),
    /// Exactly this address.
    Exact(Named),
    /// The address that this client usually gets.
    Client(String),
    /// This many addresses of this named range.
    Range(String, u64),
}

impl WantedOfSet {
    fn count(&self) -> u64 {
        match self {
            Self::Any(count) | Self::Range(_, count) => *count,
            Self::Exact(_) | Self::Client(_) => 1,
        }
    }
}

/// What to allocate from a pair of sets.
#[derive(Clone, Debug)]
pub enum WantedPairs {
    /// This many pairs: all of them or none.
    Any(u64),
    /// The pair that this client usually gets.
    Client(String),
}

impl WantedPairs {
    fn count(&self) -> u64 {
        match self {
            Self::Any(count) => *count,
            Self::Client(_) => 1,
        }
    }
}

/// One call, for a set or a pair.
#[derive(Clone, Copy)]
struct Call<'a> {
    file: &'a ConfigFile,
    set: &'a str,
    count: u64,
    observer: &'a dyn Observer,
}

/// Allocates addresses. When this returns, they are as durable as the files promise. A caller that cannot pass them on
/// returns [`unprinted_of_set`].
///
/// # Errors
///
/// Fails if the configuration is invalid or has no such set, too few addresses are free, the address is taken, or a
/// file cannot be used. Nothing is allocated then, unless closing a file failed: that failure names the allocated
/// addresses.
pub fn allocate_in_set(
    file: &ConfigFile,
    set: &str,
    wanted: &WantedOfSet,
    observer: &dyn Observer,
) -> Result<Vec<IpNet>, Failure> {
    let config = file.read()?;
    let call = Call {
        file,
        set,
        count: wanted.count(),
        observer,
    };
    singles(call, wanted, &config)
}

/// Allocates this many pairs, all of them or none: the IPv4 and the IPv6 address of each, one pair after the other.
/// `name` is the name of the pair. A caller that cannot pass them on returns [`unprinted_of_set`].
///
/// # Errors
///
/// Fails as [`allocate_in_set`] does.
pub fn allocate_pairs(
    file: &ConfigFile,
    name: &str,
    wanted: &WantedPairs,
    observer: &dyn Observer,
) -> Result<Vec<IpNet>, Failure> {
    let config = file.read()?;
    let call = Call {
        file,
        set: name,
        count: wanted.count(),
        observer,
    };
    pair(call, wanted, &config)
}

/// Returns the failure for addresses of a set that are allocated but cannot be passed on to the caller.
pub fn unprinted_of_set(
    file: &ConfigFile,
    set: &str,
    nets: Vec<IpNet>,
    error: io::Error,
) -> Failure {
    let set = set.to_owned();
    file.refuse(Cause::Unprinted { set, nets, error })
}

fn singles(call: Call<'_>, wanted: &WantedOfSet, config: &Config) -> Result<Vec<IpNet>, Failure> {
    let set = call.file.set(config, call.set)?;
    let open = set.open::<IpNet>();
    let open = open.map_err(|error| call.file.refuse_open(error))?;
    let allocate = |open: &OpenSet<IpNet>| {
        let others = || in_flight(&open.set);
        let addrs = naming_others(call.observer, others, || take(call, wanted, set, open));
        let addrs = addrs.map_err(|cause| call.file.refuse(cause))?;
        let pools = addrs.iter().filter_map(|&addr| pool_of(&open.set, addr));
        sync(pools).map_err(|cause| {
            give_back(&addrs, |addr| open.set.release(addr));
            call.file.refuse(cause)
        })?;
        Ok(nets_of(&open.set, &addrs))
    };
    using(open, allocate, |nets, _, error| unclosed(call, nets, error))
}

fn unclosed(call: Call<'_>, nets: Vec<IpNet>, error: SyncError) -> Failure {
    let set = call.set.to_owned();
    call.file.refuse(Cause::Unclosed { set, nets, error })
}

fn take(
    call: Call<'_>,
    wanted: &WantedOfSet,
    config: &SetConfig,
    open: &OpenSet<IpNet>,
) -> Result<Vec<IpAddr>, Cause> {
    let set = &open.set;
    let refuse = |error, free| Cause::Allocate {
        error,
        free,
        wanted: call.count,
        list: None,
    };
    let name = match wanted {
        WantedOfSet::Exact(named) => {
            let addr = one_address(*named, set)?;
            set.allocate_exact(addr).map_err(Cause::Exact)?;
            return Ok(vec![addr]);
        }
        WantedOfSet::Client(name) => {
            let key = open.client_key.as_ref().ok_or(Cause::NoKey)?;
            let addr = set.allocate_for(key.client(name.as_bytes()));
            return Ok(vec![addr.map_err(|error| refuse(error, set.available()))?]);
        }
        WantedOfSet::Any(count) => {
            let many = set.allocate_many(as_usize(*count));
            return many.map_err(|error| refuse(error, set.available()));
        }
        WantedOfSet::Range(name, _) => name,
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
    if call.count > capacity {
        let wanted = call.count;
        return Err(Cause::TooMany { capacity, wanted });
    }
    take_all(call.count, || range.allocate(), |addr| range.release(addr))
        .map_err(|error| refuse(error, range.available()))
}

/// Converts a count. More than a pool can hold is as impossible as the largest number.
pub(crate) fn as_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Allocates all of them one by one, or none, where no call takes several at once. The caller has checked that there
/// can be this many.
pub(crate) fn take_all<A: Copy, E, R>(
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

/// Refuses more than one side can ever hand out, with the error of that side.
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

/// Releases addresses that were allocated but not reported.
fn give_back<A: Copy, R>(addrs: &[A], release: impl Fn(A) -> Result<(), R>) {
    for &addr in addrs {
        // If another process has released it in the meantime, the work is done.
        let _ = release(addr);
    }
}

/// Returns the address, if it stands for exactly one unit of its member.
fn one_address(named: Named, set: &PoolSet) -> Result<IpAddr, Cause> {
    let unit = set.member_of(named.addr).map(|it| it.pool().info().unit);
    match (named.prefix_len, unit) {
        (Some(prefix_len), Some(unit)) if prefix_len != unit => {
            Err(Cause::NotOneAddress(net_of(named.addr, prefix_len)))
        }
        _ => Ok(named.addr),
    }
}

fn pair(call: Call<'_>, wanted: &WantedPairs, config: &Config) -> Result<Vec<IpNet>, Failure> {
    if config.pair(call.set).is_none() {
        let known = config.pairs.iter().map(|pair| pair.name.clone()).collect();
        return Err(call.file.refuse(Cause::Unknown(call.set.to_owned(), known)));
    }
    let client = match wanted {
        WantedPairs::Any(_) => None,
        WantedPairs::Client(name) => {
            let key = config.client_key_of_pair(call.set);
            let key = key.ok_or_else(|| call.file.refuse(Cause::NoKey))?;
            Some(key.client(name.as_bytes()))
        }
    };
    let open = config.open_pair(call.set);
    let open = open.map_err(|error| call.file.refuse_open(error))?;
    using(
        open,
        |open| pairs(call, client, open),
        |nets, _, error| unclosed(call, nets, error),
    )
}

fn pairs(call: Call<'_>, client: Option<Client>, open: &OpenPair) -> Result<Vec<IpNet>, Failure> {
    let nets = match open {
        OpenPair::Any(both) => {
            let others = || [in_flight(both.v4()), in_flight(both.v6())].concat();
            let release = |pair| both.release_pair(pair);
            let allocate = || match client {
                None => both.allocate_pair(),
                Some(client) => both.allocate_pair_for(client),
            };
            let take = || {
                refuse_more(both.v4().capacity(), call.count, |many| {
                    both.v4().allocate_many(many).map_err(AllocatePairError::V4)
                })?;
                refuse_more(both.v6().capacity(), call.count, |many| {
                    both.v6().allocate_many(many).map_err(AllocatePairError::V6)
                })?;
                take_all(call.count, allocate, release)
            };
            let pairs = naming_others(call.observer, others, take);
            let pairs = pairs.map_err(|error| call.file.refuse(Cause::Pair(error)))?;
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
            let release = |pair| twins.release_pair(pair);
            let allocate = || match client {
                None => twins.allocate_pair(),
                Some(client) => twins.allocate_pair_for(client),
            };
            let take = || {
                refuse_more(twins.v4().capacity(), call.count, |many| {
                    twins
                        .v4()
                        .allocate_many(many)
                        .map_err(AllocatePairError::V4)
                })?;
                refuse_more(twins.v6().capacity(), call.count, |many| {
                    twins
                        .v6()
                        .allocate_many(many)
                        .map_err(AllocatePairError::V6)
                })?;
                take_all(call.count, allocate, release)
            };
            let pairs = naming_others(call.observer, others, take);
            let pairs = pairs.map_err(|error| call.file.refuse(Cause::Pair(error)))?;
            let finished = finish_pairs(&pairs, |_| (Some(twins.v4()), Some(twins.v6())));
            finished.inspect_err(|_| give_back(&pairs, release))
        }
        // More kinds may be added; from none of them was anything allocated.
        _ => Ok(Vec::new()),
    };
    nets.map_err(|cause| call.file.refuse(cause))
}

/// The pools of the halves of a pair.
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

/// Returns the addresses with the prefix lengths of their members.
pub(crate) fn nets_of(set: &PoolSet, addrs: &[IpAddr]) -> Vec<IpNet> {
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

/// Releases each address on its own, and returns the results in the same order. A repeated address is released once.
/// `name` is the name of the set or the pair.
///
/// # Errors
///
/// Fails if the configuration is invalid or has no such set, a file cannot be opened, or a disk fails.
pub fn release_in_set(
    file: &ConfigFile,
    name: &str,
    named: &[Named],
) -> Result<Vec<Released>, Failure> {
    let config = file.read()?;
    let sets = open_all(file, &config, name)?;
    let release = |sets: &Vec<PoolSet>| {
        let mut once = ReleasedOnce::default();
        let named = named.iter();
        let released = named.map(|&named| release_one(sets, &mut once, named));
        Ok(released.collect())
    };
    using(sets, release, |_, _, error| file.refuse(Cause::Sync(error)))
}

/// Opens the set of this name, or both sets of the pair.
fn open_all(file: &ConfigFile, config: &Config, name: &str) -> Result<Vec<PoolSet>, Failure> {
    let sets = match (config.set(name), config.pair(name)) {
        (Some(set), _) => vec![set],
        (None, Some(pair)) => vec![file.set(config, &pair.v4)?, file.set(config, &pair.v6)?],
        _ => return Err(file.refuse(Cause::Unknown(name.to_owned(), names(config)))),
    };
    let open = |set: &SetConfig| Ok(set.open::<IpNet>()?.set);
    let open: Result<_, hostbits_config::OpenError> = sets.into_iter().map(open).collect();
    open.map_err(|error| file.refuse_open(error))
}

fn release_one(sets: &[PoolSet], once: &mut ReleasedOnce, named: Named) -> Released {
    let addr = named.addr;
    let found = sets
        .iter()
        .find_map(|set| Some((set, set.member_of(addr)?)));
    let Some((set, member)) = found else {
        let width = if addr.is_ipv4() { 32 } else { 128 };
        let net = net_of(addr, named.prefix_len.unwrap_or(width));
        return Released {
            address: net,
            error: Some(ReleaseError::OutOfRange { addr }),
        };
    };
    let unit = member.pool().info().unit;
    let net = net_of(addr, named.prefix_len.unwrap_or(unit));
    once.release(net, addr, || match net.prefix_len() == unit {
        true => set.release(addr),
        false => set.release_block(net),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If another process gets the address between two mentions, it keeps it.
    #[test]
    fn a_second_mention_releases_nothing() {
        let pool = |net: &str| Pool::new(net.parse::<IpNet>().unwrap()).unwrap();
        let sets = [PoolSet::new(["10.0.0.0/24", "10.0.1.0/24"].map(pool)).unwrap()];
        let addr: IpAddr = "10.0.1.5".parse().unwrap();
        for mentions in [["10.0.1.5", "10.0.1.5/32"], ["10.0.1.4/30", "10.0.1.5"]] {
            let mut once = ReleasedOnce::default();
            for host in [4, 5, 6, 7] {
                let _ = sets[0].allocate_exact(IpAddr::from([10, 0, 1, host]));
            }
            let mut release = |text: &str| release_one(&sets, &mut once, text.parse().unwrap());
            assert!(release(mentions[0]).error.is_none());
            sets[0].allocate_exact(addr).unwrap();
            assert!(release(mentions[1]).error.is_some(), "{mentions:?}");
            assert_eq!(sets[0].release(addr), Ok(()), "{mentions:?}");
        }
    }
}
