//! The static band: the lower part of a member, which dynamic allocations use last.

use crate::network::Network;
use crate::pool::{Part, Pool};
use crate::slot::Slot;
use crate::table::names;
use std::fmt;

/// The lower part of a pool, which is kept for exact requests: an allocation of any address comes from the rest of the
/// set first, and from the band only when no member has any other address.
///
/// A set with a band searches its members one by one, without the summary of full members.
///
/// A band lowers the risk that a requested address is already taken; it does not reserve anything. An exact request
/// succeeds inside and outside the band.
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
    /// The formula that Kubernetes uses for service addresses (KEP-3070, in its API server since 1.24). For a network
    /// of n addresses, including unusable ones, the band has `min(max(16, n / 16), 256)` addresses, counted from the
    /// first address after the network address. There is no band if n is at most 16, as for an IPv4 /28 or an IPv6
    /// /124, because it would be the whole network. The band of a /27 has 16 of its 30 addresses, and that of a network
    /// larger than a /20 has 256.
    Kubernetes,
    /// This many addresses, including the gateway and reservations among them.
    Lowest(u32),
}

// The name of `Lowest` appears only in messages; the value itself is written as its number.
names! {
    pub StaticBand {
        Kubernetes = "kubernetes",
        Lowest(0) = "a number of addresses",
    }
}

impl StaticBand {
    /// Parses `kubernetes` or a number of addresses.
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

    /// Returns how many addresses the band of a network with `total` addresses has.
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

    /// Returns the slots of the band, from the first address after the network address.
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

/// Writes the form that [`of_name`](StaticBand::of_name) parses.
impl fmt::Display for StaticBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubernetes => f.write_str(self.name()),
            Self::Lowest(count) => count.fmt(f),
        }
    }
}
