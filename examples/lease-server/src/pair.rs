//! Pairs: an address of IPv4 and one of IPv6 for the same owner.
//!
//! A pair is two lease pools, each asked for the same owner. They know nothing of each other, so every function here says
//! what becomes of a half.

use crate::Fatal;
use hostbits::lease::{Lease, LeasePool, OfferError, RenewError, Term};
use hostbits::{ClientKey, Durability, Network};
use ipnet::{Ipv4Net, Ipv6Net};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

const V4: &str = "10.0.0.0/26";
const V6: &str = "fd00::/120";

/// The leases of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its lease of IPv4.
    pub v4: Lease<Ipv4Addr>,
    /// Its lease of IPv6.
    pub v6: Lease<Ipv6Addr>,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.v4, self.v6)
    }
}

impl FromStr for Pair {
    type Err = Fatal;

    fn from_str(text: &str) -> Result<Self, Fatal> {
        let (v4, v6) = text.split_once(' ').ok_or("a pair is two leases")?;
        Ok(Self {
            v4: v4.parse()?,
            v6: v6.parse()?,
        })
    }
}

/// The two pools, in files.
pub struct Pairs {
    /// The pool of IPv4.
    pub v4: LeasePool<Ipv4Net>,
    /// The pool of IPv6.
    pub v6: LeasePool<Ipv6Net>,
    key: ClientKey,
}

impl Pairs {
    /// Opens the pools in this folder, or creates them.
    pub fn open(folder: &Path, cooldown: Duration) -> Result<Self, Fatal> {
        Ok(Self {
            key: ClientKey::new(key_in(folder)?),
            v4: open_pool(V4.parse::<Ipv4Net>()?, &folder.join("v4.pool"), cooldown)?,
            v6: open_pool(V6.parse::<Ipv6Net>()?, &folder.join("v6.pool"), cooldown)?,
        })
    }

    /// Offers the pair of this name: what it holds, what it had, or any that is free. Of a half without the other, nothing
    /// has to be taken back: it is an offer, and ends by itself.
    pub fn offer(&self, name: &str, offer: Duration) -> Result<Pair, OfferError> {
        let owner = self.key.client(name.as_bytes());
        let v4 = self.v4.allocate_for(owner, offer)?;
        let v6 = self.v6.allocate_for(owner, offer)?;
        Ok(Pair { v4, v6 })
    }

    /// Renews both leases; `false` if one of them has ended. Then the other may have been renewed: release the pair.
    pub fn renew(&self, pair: &Pair, term: Term) -> Result<bool, RenewError> {
        let is_held = |renewed| match renewed {
            Ok(()) => Ok(true),
            Err(RenewError::Ended { .. } | RenewError::Stale { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        Ok(is_held(self.v4.renew(&pair.v4, term))? && is_held(self.v6.renew(&pair.v6, term))?)
    }

    /// Returns whether both leases are held.
    pub fn holds(&self, pair: &Pair) -> bool {
        self.v4.lease_of(pair.v4.addr()) == Some(pair.v4)
            && self.v6.lease_of(pair.v6.addr()) == Some(pair.v6)
    }

    /// Releases both leases. A lease that has ended before stays as it is, so this can be repeated after a death.
    pub fn release(&self, pair: &Pair) -> Result<(), Fatal> {
        let _ = (self.v4.release(&pair.v4)?, self.v6.release(&pair.v6)?);
        Ok(())
    }
}

fn open_pool<N: Network>(net: N, path: &Path, cooldown: Duration) -> Result<LeasePool<N>, Fatal> {
    // `Barrier`: no offer waits for the disk. After a power cut, a lease that is lost is `Stale`, and its row is dropped at
    // the start. With `Strict`, all that was answered would be there.
    let builder = LeasePool::builder(net).cooldown(cooldown);
    let pool = builder
        .durability(Durability::Barrier)
        .open_or_create(path)?;
    if pool.health().is_some_and(|health| health.quarantined > 0) {
        // A copy, or a backup. `reclaim` makes new leases of the rows; this example does not.
        return Err(format!("{} has a quarantine: reclaim it", path.display()).into());
    }
    Ok(pool)
}

/// Returns the key that makes owners of names. It must never change, or no client gets back what it had.
fn key_in(folder: &Path) -> io::Result<[u8; 16]> {
    let path = folder.join("key");
    match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => {
            let key = read?.try_into();
            return key.map_err(|_| io::Error::other("the key is not 16 bytes"));
        }
    }
    let mut key = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    // It appears complete, or not at all.
    let new = folder.join("key.new");
    let mut file = File::create(&new)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(key)
}
