//! What is done to one pool file: create, grow, allocate, release, sync.

use crate::failure::Failure;
use crate::files::closing::using;
use crate::files::pool_failure::Cause;
use crate::files::pool_file::PoolFile;
use crate::files::release::{Released, ReleasedOnce};
use crate::files::reopened::reopened;
use crate::files::waiting::naming_others;
use crate::observer::Observer;
use crate::text::{Named, net_of};
use hostbits::{Builder, Durability, Network, NetworkInfo, Pool, Reservation, file::SyncError};
use ipnet::IpNet;
use std::io;
use std::net::IpAddr;

/// A pool as it shall be in a file.
#[derive(Debug)]
pub struct PoolSpec {
    /// Its network and options.
    pub builder: Builder<IpNet>,
    /// Whether a seed was given, which no file keeps: it is refused.
    pub is_seeded: bool,
    /// Room for so many slots, to grow into later; `None` for as many as there are.
    pub capacity: Option<u64>,
}

/// A file that was created or has grown.
#[derive(Debug)]
pub struct Made {
    /// What the pool is.
    pub info: NetworkInfo,
    /// What it survives.
    pub durability: Durability,
    /// How often the file has been opened by a first process.
    pub session: u64,
    /// What was reserved before, and can be handed out from now on: a mistake if it is still in use.
    pub reopened: Vec<Reservation>,
}

/// What to allocate.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// So many addresses: all of them or none.
    Any(u64),
    /// This address and no other.
    Exact(Named),
    /// This address if it is free, and otherwise any.
    Near(IpAddr),
    /// A block: an aligned prefix of this length.
    Block(u8),
}

/// Creates the file, with all usable addresses free; never in the place of another.
///
/// # Errors
///
/// The pool does not fit together, there is such a file already, or it cannot be made as durable as asked.
pub fn create(file: &PoolFile, spec: PoolSpec, durability: Durability) -> Result<Made, Failure> {
    refuse_seed(file, &spec)?;
    let mut builder = spec.builder.durability(durability);
    builder = builder.min_session(file.min_session);
    if let Some(slots) = spec.capacity {
        builder = builder.capacity(slots);
    }
    let pool = builder
        .create(&file.path)
        .map_err(|error| file.refuse_open(error))?;
    made(file, pool)
}

/// Lets the pool grow into a larger one; nobody else may have it open.
///
/// # Errors
///
/// The file cannot be opened, is in use, or would lose or renumber addresses.
pub fn grow(file: &PoolFile, spec: PoolSpec) -> Result<Made, Failure> {
    refuse_seed(file, &spec)?;
    let mut builder = spec.builder.in_file();
    builder = builder.min_session(file.min_session);
    if let Some(slots) = spec.capacity {
        builder = builder.capacity(slots);
    }
    // What is not to be read is refused below, with all that is to be said of it.
    let before = hostbits::file::read(&file.path).ok();
    let pool = builder
        .grow(&file.path)
        .map_err(|error| file.refuse_open(error))?;
    let made = made(file, pool)?;
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
        reopened: Vec::new(),
    })
}

/// Makes durable what has been allocated and released so far, and returns what the file promises.
///
/// # Errors
///
/// The file cannot be opened, or its disk did not take it.
pub fn sync(file: &PoolFile) -> Result<Durability, Failure> {
    let health = file.with(|pool| {
        let synced = pool.sync();
        synced.map_err(|error| file.refuse(Cause::Sync(error)))?;
        Ok(pool.health())
    })?;
    Ok(health.map(|health| health.durability).unwrap_or_default())
}

/// Allocates what is as durable as the file promises when this returns. Whoever cannot pass it on answers with
/// [`unprinted`].
///
/// # Errors
///
/// Too few addresses are free, the address is taken, or the file cannot be used. Nothing is allocated then, but for
/// a failed close, whose failure names what is.
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
    let unclosed = |nets, _, error| file.refuse(Cause::Unclosed { nets, error });
    using(file.open()?, allocate, unclosed)
}

/// These addresses are allocated, and whoever asked for them cannot be told.
pub fn unprinted(file: &PoolFile, nets: Vec<IpNet>, error: io::Error) -> Failure {
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
            // More than a pool can hold is as impossible as the most there can be.
            let addrs = pool
                .allocate_many(usize::try_from(count).unwrap_or(usize::MAX))
                .map_err(refuse(Some(count)))?;
            Ok(addrs.into_iter().map(|addr| net_of(addr, unit)).collect())
        }
    }
}

/// Whoever reads an address uses it, so with `Barrier` it must be durable before it is printed. `Strict` has
/// waited already, and `Process` promises nothing that a write could keep.
fn sync_if_promised(pool: &Pool) -> Result<(), SyncError> {
    match needs_sync(pool) {
        true => pool.sync(),
        false => Ok(()),
    }
}

/// What was allocated and nobody has been told of.
fn give_back(pool: &Pool, nets: &[IpNet]) {
    let unit = pool.info().unit;
    for &net in nets {
        // Whoever has released it meanwhile has done our work.
        let _ = match net.prefix_len() == unit {
            true => pool.release(net.addr()),
            false => pool.release_block(net),
        };
    }
}

/// Whether what is printed is durable only after a sync. Of a durability that is not known here, it is.
pub(crate) fn needs_sync<N: Network>(pool: &Pool<N>) -> bool {
    pool.health().is_some_and(|health| match health.durability {
        Durability::Process | Durability::Strict => false,
        Durability::Barrier | _ => true,
    })
}

/// The address, and no more of it than is one of the pool's.
fn one_address(named: Named, unit: u8) -> Result<IpAddr, Cause> {
    match named.prefix_len {
        None => Ok(named.addr),
        Some(prefix_len) if prefix_len == unit => Ok(named.addr),
        Some(prefix_len) => Err(Cause::NotOneAddress {
            named: net_of(named.addr, prefix_len),
            unit,
        }),
    }
}

/// Releases each of them for itself, and returns what became of it, in their order. A second mention releases nothing.
///
/// # Errors
///
/// The file cannot be opened, or its disk did not take it.
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

    /// Between two mentions somebody else gets the address: it is theirs, and stays so.
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
