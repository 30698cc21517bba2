//! Operations on the file of a lease pool: allocate, renew, release, sweep.

use crate::failure::Failure;
use crate::files::closing::using;
use crate::files::pool_failure::{Cause, Nets};
use crate::files::pool_file::PoolFile;
use crate::files::pool_verbs::{LeaseSpec, Made, made_of, one_address};
use crate::files::who::LeaseSeen;
use crate::text::{Named, net_of, printable_path};
use hostbits::lease::{Grant, Lease, LeasePool, OfferError, Released, RenewError, Swept, Term};
use hostbits::{Client, ClientKey, Durability, ReleaseError, file::SyncError};
use hostbits_config::values;
use ipnet::IpNet;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// What to lease.
#[derive(Clone, Debug)]
pub enum WantedLease {
    /// This many addresses: all of them or none.
    Any(u64),
    /// Exactly this address.
    Exact(Named),
    /// This address if it is free, and any other if not.
    Near(IpAddr),
    /// The one that the owner holds, or had last, or any other.
    For(Owner),
}

/// An owner by name, and the file of the key that makes a number of the name. The pool file has only the number.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The name.
    pub name: String,
    /// A file with 32 hexadecimal digits.
    pub key_file: Option<PathBuf>,
}

impl Owner {
    /// Returns the number of the owner.
    pub(crate) fn client(&self, file: &PoolFile) -> Result<Client, Failure> {
        let Some(path) = &self.key_file else {
            return Err(file.refuse(Cause::NoOwnerKey));
        };
        let refuse = |why: String| Failure::Usage(format!("{}: {why}", printable_path(path)));
        let text = std::fs::read_to_string(path)
            .map_err(|error| refuse(format!("cannot read the key: {error}")))?;
        let key = values::key(text.trim()).map_err(refuse)?;
        Ok(ClientKey::new(key.0).client(self.name.as_bytes()))
    }
}

/// Leases that were allocated.
#[derive(Debug)]
pub struct Granted {
    /// The leases.
    pub leases: Vec<Lease<IpAddr>>,
    /// The prefix length of an address of the pool.
    pub unit: u8,
}

/// The leases of an owner.
#[derive(Debug)]
pub struct OwnedBy {
    /// The number that stands for the owner in the file, in hexadecimal digits.
    pub owner: String,
    /// The leases, ascending, and what is known of each.
    pub leases: Vec<LeaseSeen>,
}

/// Returns the leases of an owner.
///
/// # Errors
///
/// Fails if the key of owners is missing, or the file cannot be opened.
pub fn owned_by(file: &PoolFile, owner: &Owner) -> Result<OwnedBy, Failure> {
    let client = owner.client(file)?;
    file.with_leases(|pool| {
        let leases = pool.owned_by(client);
        Ok(OwnedBy {
            owner: format!("{client:016x}"),
            leases: leases
                .filter_map(|lease| LeaseSeen::of(pool, lease.addr()))
                .collect(),
        })
    })
}

/// An address to release whatever its lease is.
#[derive(Clone, Copy, Debug)]
pub struct Unfenced(pub Named);

/// The result of releasing one lease.
#[derive(Debug)]
pub struct ReleasedLease {
    /// The address.
    pub address: IpNet,
    /// The lease; `None` if the address was named without one, and was not held.
    pub lease: Option<Lease<IpAddr>>,
    /// What became of it.
    pub result: Result<Released, ReleaseError>,
}

impl PoolFile {
    /// Opens the file of a lease pool, runs `work`, and closes it.
    pub(crate) fn with_leases<T>(
        &self,
        work: impl FnOnce(&LeasePool) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let unclosed = |_, _, error| self.refuse(Cause::Sync(error));
        using(self.open_leases()?, work, unclosed)
    }
}

/// Allocates leases. When this returns, they are as durable as the file promises. A caller that cannot pass them on
/// returns [`unprinted_leases`].
///
/// # Errors
///
/// Fails if too few addresses are free, the address is taken, the time does not fit, the key of owners is missing, or the
/// file cannot be used. Nothing is allocated then, unless closing the file failed: that failure names the leases.
pub fn allocate_lease(
    file: &PoolFile,
    wanted: &WantedLease,
    grant: Grant,
) -> Result<Granted, Failure> {
    let owner = match wanted {
        WantedLease::For(owner) => Some(owner.client(file)?),
        WantedLease::Any(_) | WantedLease::Exact(_) | WantedLease::Near(_) => None,
    };
    let allocate = |pool: &LeasePool| {
        let leases = take(pool, wanted, owner, grant).map_err(|cause| file.refuse(cause))?;
        sync_if_promised(pool).map_err(|error| {
            // What an owner held before stays.
            if owner.is_none() {
                for lease in &leases {
                    let _ = pool.release(lease);
                }
            }
            file.refuse(Cause::Sync(error))
        })?;
        let unit = pool.info().unit;
        Ok(Granted { leases, unit })
    };
    let unclosed = |granted: Granted, _, error| {
        let nets = Nets::of(&granted.leases);
        file.refuse(Cause::Unclosed { nets, error })
    };
    using(file.open_leases()?, allocate, unclosed)
}

fn take(
    pool: &LeasePool,
    wanted: &WantedLease,
    owner: Option<Client>,
    grant: Grant,
) -> Result<Vec<Lease<IpAddr>>, Cause> {
    let one = match (wanted, owner) {
        (_, Some(owner)) => pool.allocate_for(owner, grant),
        (WantedLease::Exact(named), _) => {
            pool.allocate_exact(one_address(*named, pool.info().unit)?, grant)
        }
        (WantedLease::Near(addr), _) => pool.allocate_preferring(*addr, grant),
        (WantedLease::Any(count), _) if *count != 1 => {
            // More than a pool can hold is as impossible as the largest number.
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            let many = pool.allocate_many(count, grant);
            return many.map_err(|error| refused(pool, error));
        }
        _ => pool.allocate(grant),
    };
    one.map(|one| vec![one])
        .map_err(|error| refused(pool, error))
}

fn refused(pool: &LeasePool, error: OfferError) -> Cause {
    let quarantined = match error.is_exhausted() {
        true => pool.census().quarantined,
        false => 0,
    };
    Cause::Offer { error, quarantined }
}

/// Returns the failure for leases that are allocated but cannot be passed on to the caller.
pub fn unprinted_leases(file: &PoolFile, leases: &[Lease<IpAddr>], error: io::Error) -> Failure {
    let nets = Nets::of(leases);
    file.refuse(Cause::Unprinted { nets, error })
}

/// Makes the file of a plain pool one of leases, and returns all leases: what was taken is leased for ever. No other process
/// may have the file open. The file of a lease pool stays what it is.
///
/// # Errors
///
/// Fails if the file cannot be opened, is in use, or is one of leases with another cooldown.
pub fn convert(file: &PoolFile, spec: LeaseSpec) -> Result<(Made, Granted), Failure> {
    let pool = hostbits::lease::convert_since(&file.path, file.min_session, spec.cooldown)
        .map_err(|error| file.refuse_open(error))?;
    let look = |pool: &LeasePool| {
        let made = made_of(pool);
        let (leases, unit) = (pool.iter().collect(), made.info.unit);
        Ok((made, Granted { leases, unit }))
    };
    using(pool, look, |_, _, error| file.refuse(Cause::Sync(error)))
}

/// Renews a lease. When this returns, that is as durable as the file promises.
///
/// # Errors
///
/// Fails if the lease is over, the time does not fit, or the file cannot be used.
pub fn renew(file: &PoolFile, lease: &Lease<IpAddr>, term: Term) -> Result<(), Failure> {
    let refuse = |error: RenewError| file.refuse(Cause::Renew(error));
    file.with_leases(|pool| {
        pool.renew(lease, term).map_err(refuse)?;
        sync_if_promised(pool).map_err(|error| file.refuse(Cause::Sync(error)))
    })
}

/// Releases leases, and then addresses whatever their leases are, each on its own. A release can be repeated.
///
/// # Errors
///
/// Fails if the file cannot be opened, its disk fails, or an address without a lease is a block: then nothing was released.
pub fn release_leases(
    file: &PoolFile,
    leases: &[Lease<IpAddr>],
    unfenced: &[Unfenced],
) -> Result<Vec<ReleasedLease>, Failure> {
    file.with_leases(|pool| {
        let unit = pool.info().unit;
        let unfenced: Result<Vec<_>, _> = unfenced
            .iter()
            .map(|&Unfenced(named)| one_address(named, unit))
            .collect();
        let unfenced = unfenced.map_err(|cause| file.refuse(cause))?;
        let by_lease = leases.iter().map(|lease| ReleasedLease {
            address: net_of(lease.addr(), unit),
            lease: Some(*lease),
            result: pool.release(lease),
        });
        let by_addr = unfenced.into_iter().map(|addr| {
            let lease = pool.lease_of(addr);
            ReleasedLease {
                address: net_of(addr, unit),
                lease,
                result: match &lease {
                    Some(lease) => pool.release(lease),
                    None => why_not_held(pool, addr),
                },
            }
        });
        Ok(by_lease.chain(by_addr).collect())
    })
}

/// Returns why an address without a lease cannot be released: it is not allocated, or cannot be.
fn why_not_held(pool: &LeasePool, addr: IpAddr) -> Result<Released, ReleaseError> {
    // No lease has the first generation of all.
    match Lease::from_parts(addr, 1).map(|none| pool.release(&none)) {
        Some(Err(error)) => Err(error),
        _ => Err(ReleaseError::NotAllocated { addr }),
    }
}

/// Frees what is due.
///
/// # Errors
///
/// Fails if the file cannot be opened, or its disk fails.
pub fn sweep(file: &PoolFile) -> Result<Swept, Failure> {
    file.with_leases(|pool| Ok(pool.sweep()))
}

/// Makes everything durable that was done so far.
pub(crate) fn sync_leases(file: &PoolFile) -> Result<Durability, Failure> {
    file.with_leases(|pool| {
        let synced = pool.sync();
        synced.map_err(|error| file.refuse(Cause::Sync(error)))?;
        Ok(pool.durability().unwrap_or_default())
    })
}

/// With `Barrier`, what is printed must be durable before it is; see the same for plain pools.
fn sync_if_promised(pool: &LeasePool) -> Result<(), SyncError> {
    match pool.durability() {
        None | Some(Durability::Process | Durability::Strict) => Ok(()),
        Some(Durability::Barrier | _) => pool.sync(),
    }
}
