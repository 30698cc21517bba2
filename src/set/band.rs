//! The static band: the lower part of a member, which dynamic allocations use last.

use crate::network::Network;
use crate::pool::{Part, Pool};
use crate::slot::Slot;
use crate::table::names;
use std::fmt;

/// The lower part of a pool, kept for addresses that somebody names: whoever takes any address gets one from
/// the rest of the set first, and from here only when no member has anything else.
///
/// A set with a band asks its members one by one, without the summary of those that are full.
///
/// It lowers the risk that a named address is taken already; it reserves nothing. Whoever names an address
/// gets it wherever it is.
///
/// ```
/// use hostbits::{Pool, PoolSet, set::StaticBand};
///
/// let pool = Pool::new("10.96.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let set = PoolSet::builder().banded(pool, StaticBand::Kubernetes).build()?;
/// // 10.96.0.1 to 10.96.0.16 is the band.
/// assert_eq!(set.allocate()?.to_string(), "10.96.0.17");
/// set.allocate_exact("10.96.0.10".parse()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StaticBand {
    /// The formula of Kubernetes for the addresses of services (KEP-3070, in its API server since 1.24): of a
    /// network of n addresses, those included that nobody can have, `min(max(16, n / 16), 256)`, counted from
    /// the first address after the one that names the network. None where n is at most 16, as for an IPv4 /28
    /// or an IPv6 /124: there the band would be all that there is. A /27 has 16 of its 30 addresses in it,
    /// and whatever is larger than a /20 has 256.
    Kubernetes,
    /// So many addresses, gateway and reservations among them included.
    Lowest(u32),
}

// That of a number is for a sentence about what to write: it is written as the number.
names! {
    pub StaticBand {
        Kubernetes = "kubernetes",
        Lowest(0) = "a number of addresses",
    }
}

impl StaticBand {
    /// Reads `kubernetes` or a number of addresses.
    ///
    /// ```
    /// use hostbits::set::StaticBand;
    ///
    /// assert_eq!(StaticBand::of_name("kubernetes"), Some(StaticBand::Kubernetes));
    /// assert_eq!(StaticBand::of_name("16"), Some(StaticBand::Lowest(16)));
    /// ```
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let plain = Self::ALL.into_iter().find(|band| band.name() == name);
        match plain {
            Some(Self::Lowest(_)) | None => name.parse().ok().map(Self::Lowest),
            plain @ Some(Self::Kubernetes) => plain,
        }
    }

    /// How many addresses the band of a network of `total` addresses has.
    ///
    /// ```
    /// use hostbits::set::StaticBand;
    ///
    /// let band_of = |prefix_len: u32| StaticBand::Kubernetes.len_for(1 << (32 - prefix_len));
    /// assert_eq!([28, 27, 24, 20, 16].map(band_of), [0, 16, 16, 256, 256]);
    /// ```
    pub fn len_for(self, total: u64) -> u64 {
        match self {
            Self::Kubernetes if total <= 16 => 0,
            Self::Kubernetes => (total / 16).clamp(16, 256),
            Self::Lowest(count) => u64::from(count).min(total),
        }
    }

    /// The slots of the band: from the first address after the one that names the network.
    pub(super) fn slots_of<N: Network>(self, pool: &Pool<N>) -> Option<Part> {
        let len_of = |(first, last): Part| u64::from(last - first) + 1;
        let total = pool.stretch_slots().map(len_of).sum();
        let edge = u64::from(pool.has_an_edge_below());
        let mut rest = self.len_for(total);
        if rest == 0 {
            return None;
        }
        rest = (rest + edge).min(total);
        let first = pool.stretch_slots().next()?.0 + edge as Slot;
        let mut stretches = pool.stretch_slots();
        let last = stretches.find_map(|stretch| {
            if rest <= len_of(stretch) {
                return Some(stretch.0 + (rest - 1) as Slot);
            }
            rest -= len_of(stretch);
            None
        })?;
        (first <= last).then_some((first, last))
    }
}

/// What [`of_name`](StaticBand::of_name) reads.
impl fmt::Display for StaticBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubernetes => f.write_str(self.name()),
            Self::Lowest(count) => count.fmt(f),
        }
    }
}
