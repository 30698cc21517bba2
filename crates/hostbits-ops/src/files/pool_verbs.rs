//! Operations on one pool file: create, grow, allocate, release, sync.

use crate::failure::Failure;
use crate::files::closing::using;
use crate::files::leases::sync_leases;
use crate::files::pool_failure::{Cause, Nets};
use crate::files::pool_file::PoolFile;
use crate::files::release::{Released, ReleasedOnce};
use crate::files::reopened::reopened;
use crate::files::waiting::naming_others;
use crate::observer::Observer;
use crate::text::{Named, net_of};
use hostbits::{
    Builder, Durability, Network, NetworkInfo, Pool, Reservation,
    file::{self, SyncError},
    lease::{LeaseBuilder, LeasePool},
};
use ipnet::IpNet;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// A pool as it is to be stored in a file.
#[derive(Debug)]
pub struct PoolSpec {
    /// The network and options.
    pub builder: Builder<IpNet>,
    /// Whether a seed was given: it is refused, because a file does not store it.
    pub is_seeded: bool,
    /// Number of slots to reserve space for, to grow into later; `None` for the number of slots of the pool.
    pub capacity: Option<u64>,
    /// Whether it is a pool of leases, and with which choices; a file that grows stays what it is.
    pub leases: Option<LeaseSpec>,
}

/// The choices of a pool of leases.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeaseSpec {
    /// How long an address rests between two holders; `None` for a minute, or that of the file.
    pub cooldown: Option<Duration>,
}

/// A file that was created or has grown.
#[derive(Debug)]
pub struct Made {
    /// The facts of the pool.
    pub info: NetworkInfo,
    /// What its allocations survive.
    pub durability: Durability,
    /// Number of times the file was opened while no other process had it open.
    pub session: u64,
    /// How long an address rests between two holders, in a pool of leases.
    pub cooldown: Option<Duration>,
    /// What was reserved before, and can be handed out from now on. A mistake, if it is still in use.
    pub reopened: Vec<Reservation>,
}

/// What to allocate.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// This many addresses: all of them or none.
    Any(u64),
    /// Exactly this address.
    Exact(Named),
    /// This address if it is free, and any other if not.
    Near(IpAddr),
    /// A block: an aligned prefix of this length.
    Block(u8),
}

/// Creates the file, with all usable addresses free; never replaces another file.
///
/// # Errors
///
/// Fails if the pool is invalid, the file already exists, or it cannot be as durable as requested.
pub fn create(file: &PoolFile, spec: PoolSpec, durability: Durability) -> Result<Made, Failure> {
    refuse_seed(file, &spec)?;
    let mut builder = spec.builder.durability(durability);
    builder = builder.min_session(file.min_session);
    if let Some(slots) = spec.capacity {
        builder = builder.capacity(slots);
    }
    if let Some(leases) = spec.leases {
        let pool = leases.of(builder).create(&file.path);
        return made_of_leases(file, pool.map_err(|error| file.refuse_open(error))?);
    }
    let pool = builder
        .create(&file.path)
        .map_err(|error| file.refuse_open(error))?;
    made(file, pool)
}

impl LeaseSpec {
    fn of(self, builder: file::Builder<IpNet>) -> LeaseBuilder<IpNet> {
        let builder = builder.leases();
        match self.cooldown {
            Some(cooldown) => builder.cooldown(cooldown),
            None => builder,
        }
    }
}

/// Grows the pool; no other process may have the file open.
///
/// # Errors
///
/// Fails if the file cannot be opened, is in use, or addresses would be lost or renumbered.
pub fn grow(file: &PoolFile, spec: PoolSpec) -> Result<Made, Failure> {
    refuse_seed(file, &spec)?;
    let mut builder = spec.builder.in_file();
    builder = builder.min_session(file.min_session);
    if let Some(slots) = spec.capacity {
        builder = builder.capacity(slots);
    }
    // If the file cannot be read, `grow` refuses it below.
    let before = hostbits::file::read(&file.path).ok();
    let made = match before.as_ref().is_some_and(|view| view.cooldown.is_some()) {
        true => {
            let pool = LeaseSpec::default().of(builder).grow(&file.path);
            made_of_leases(file, pool.map_err(|error| file.refuse_open(error))?)?
        }
        false => {
            let pool = builder.grow(&file.path);
            made(file, pool.map_err(|error| file.refuse_open(error))?)?
        }
    };
    let reopened = before.map(|view| reopened(&view.info, &made.info));
    Ok(Made {
        reopened: reopened.unwrap_or_default(),
        ..made
    })
}

fn refuse_seed(file: &PoolFile, spec: &PoolSpec) -> Result<(), Failure> {
    match spec.is_seeded {
        true => Err(file.refuse(Cause::Seed)),
        false => Ok(()),
    }
}

fn made(file: &PoolFile, pool: Pool) -> Result<Made, Failure> {
    let unclosed = |_, _, error| file.refuse(Cause::Sync(error));
    let (info, health) = using(pool, |pool| Ok((pool.info(), pool.health())), unclosed)?;
    Ok(Made {
        info,
        durability: health.map(|health| health.durability).unwrap_or_default(),
        session: health.map_or(0, |health| health.session),
        cooldown: None,
        reopened: Vec::new(),
    })
}

pub(crate) fn made_of_leases(file: &PoolFile, pool: LeasePool) -> Result<Made, Failure> {
    let unclosed = |_, _, error| file.refuse(Cause::Sync(error));
    using(pool, |pool| Ok(made_of(pool)), unclosed)
}

pub(crate) fn made_of(pool: &LeasePool) -> Made {
    let health = pool.health();
    Made {
        info: pool.info(),
        durability: pool.durability().unwrap_or_default(),
        session: health.map_or(0, |health| health.session),
        cooldown: Some(pool.cooldown()),
        reopened: Vec::new(),
    }
}

/// Makes all allocations and releases so far durable, and returns the durability of the file.
///
/// # Errors
///
/// Fails if the file cannot be opened, or its disk fails.
pub fn sync(file: &PoolFile) -> Result<Durability, Failure> {
    if file.holds_leases() {
        return sync_leases(file);
    }
    let health = file.with(|pool| {
        let synced = pool.sync();
        synced.map_err(|error| file.refuse(Cause::Sync(error)))?;
        Ok(pool.health())
    })?;
    Ok(health.map(|health| health.durability).unwrap_or_default())
}

/// Allocates addresses. When this returns, they are as durable as the file promises. A caller that cannot pass them on
/// returns [`unprinted`].
///
/// # Errors
///
/// Fails if too few addresses are free, the address is taken, or the file cannot be used. Nothing is allocated then,
/// unless closing the file failed: that failure names the allocated addresses.
pub fn allocate(
    file: &PoolFile,
    wanted: Wanted,
    observer: &dyn Observer,
) -> Result<Vec<IpNet>, Failure> {
    let allocate = |pool: &Pool| {
        let in_flight = || pool.processes_in_flight().unwrap_or_default();
        let nets = naming_others(observer, in_flight, || take(wanted, pool));
        let nets = nets.map_err(|cause| file.refuse(cause))?;
        sync_if_promised(pool).map_err(|error| {
            give_back(pool, &nets);
            file.refuse(Cause::Sync(error))
        })?;
        Ok(nets)
    };
    let unclosed = |nets: Vec<IpNet>, _, error| {
        let nets = Nets::of(&nets);
        file.refuse(Cause::Unclosed { nets, error })
    };
    using(file.open()?, allocate, unclosed)
}

/// Returns the failure for addresses that are allocated but cannot be passed on to the caller.
pub fn unprinted(file: &PoolFile, nets: &[IpNet], error: io::Error) -> Failure {
    let nets = Nets::of(nets);
    file.refuse(Cause::Unprinted { nets, error })
}

fn take(wanted: Wanted, pool: &Pool) -> Result<Vec<IpNet>, Cause> {
    let unit = pool.info().unit;
    let refuse = |wanted| {
        move |error| Cause::Allocate {
            error,
            free: pool.available(),
            wanted,
        }
    };
    match wanted {
        Wanted::Exact(named) => {
            let addr = one_address(named, unit)?;
            pool.allocate_exact(addr).map_err(Cause::Exact)?;
            Ok(vec![net_of(addr, unit)])
        }
        Wanted::Block(prefix_len) => {
            Ok(vec![pool.allocate_block(prefix_len).map_err(refuse(None))?])
        }
        Wanted::Near(addr) => {
            let addr = pool.allocate_preferring(addr).map_err(refuse(Some(1)))?;
            Ok(vec![net_of(addr, unit)])
        }
        Wanted::Any(1) => Ok(vec![pool.allocate_net().map_err(refuse(Some(1)))?]),
        Wanted::Any(count) => {
            // More than a pool can hold is as impossible as the largest number.
            let addrs = pool
                .allocate_many(usize::try_from(count).unwrap_or(usize::MAX))
                .map_err(refuse(Some(count)))?;
            Ok(addrs.into_iter().map(|addr| net_of(addr, unit)).collect())
        }
    }
}

/// An address is used as soon as it is read, so with `Barrier` it must be durable before it is printed. `Strict` has
/// already waited, and `Process` does not promise anything that a write could keep.
fn sync_if_promised(pool: &Pool) -> Result<(), SyncError> {
    match needs_sync(pool) {
        true => pool.sync(),
        false => Ok(()),
    }
}

/// Releases addresses that were allocated but not reported.
fn give_back(pool: &Pool, nets: &[IpNet]) {
    let unit = pool.info().unit;
    for &net in nets {
        // If another process has released it in the meantime, the work is done.
        let _ = match net.prefix_len() == unit {
            true => pool.release(net.addr()),
            false => pool.release_block(net),
        };
    }
}

/// Reports whether what is printed is durable only after a sync. True if the durability is not known here.
pub(crate) fn needs_sync<N: Network>(pool: &Pool<N>) -> bool {
    pool.health().is_some_and(|health| match health.durability {
        Durability::Process | Durability::Strict => false,
        Durability::Barrier | _ => true,
    })
}

/// Returns the address, if it stands for exactly one unit of the pool.
pub(crate) fn one_address(named: Named, unit: u8) -> Result<IpAddr, Cause> {
    match named.prefix_len {
        None => Ok(named.addr),
        Some(prefix_len) if prefix_len == unit => Ok(named.addr),
        Some(prefix_len) => Err(Cause::NotOneAddress {
            named: net_of(named.addr, prefix_len),
            unit,
        }),
    }
}

/// Releases each address on its own, and returns the results in the same order. A repeated address is released once.
///
/// # Errors
///
/// Fails if the file cannot be opened, or its disk fails.
pub fn release(file: &PoolFile, named: &[Named]) -> Result<Vec<Released>, Failure> {
    file.with(|pool| {
        let mut once = ReleasedOnce::default();
        let named = named.iter();
        Ok(named
            .map(|&named| release_one(pool, &mut once, named))
            .collect())
    })
}

fn release_one(pool: &Pool, once: &mut ReleasedOnce, named: Named) -> Released {
    let unit = pool.info().unit;
    let net = net_of(named.addr, named.prefix_len.unwrap_or(unit));
    once.release(net, named.addr, || match net.prefix_len() == unit {
        true => pool.release(named.addr),
        false => pool.release_block(net),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If another process gets the address between two mentions, it keeps it.
    #[test]
    fn a_second_mention_releases_nothing() {
        let network: IpNet = "10.0.0.0/24".parse().unwrap();
        let pool = Pool::new(network).unwrap();
        let addr: IpAddr = "10.0.0.5".parse().unwrap();
        for mentions in [
            ["10.0.0.5", "10.0.0.5/32"],
            ["10.0.0.4/30", "10.0.0.5"],
            ["10.0.0.5", "10.0.0.4/30"],
        ] {
            let mut once = ReleasedOnce::default();
            for host in [4, 5, 6, 7] {
                let _ = pool.allocate_exact(IpAddr::from([10, 0, 0, host]));
            }
            let mut release = |text: &str| release_one(&pool, &mut once, text.parse().unwrap());
            assert!(release(mentions[0]).error.is_none());
            pool.allocate_exact(addr).unwrap();
            assert!(release(mentions[1]).error.is_some(), "{mentions:?}");
            assert!(!pool.is_available(addr), "{mentions:?}");
        }
    }
}
