//! The three types of network that a pool can have, and their arithmetic.
//!
//! Each family counts in its own width, so that the hot path of an IPv4 pool never touches 128 bits.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::panic::{RefUnwindSafe, UnwindSafe};

mod private {
    pub trait Sealed {}
    impl Sealed for ipnet::Ipv4Net {}
    impl Sealed for ipnet::Ipv6Net {}
    impl Sealed for ipnet::IpNet {}
}

/// A type of network: [`Ipv4Net`], [`Ipv6Net`], or [`IpNet`] if the family is known only at run time.
///
/// Sealed: it cannot be implemented outside this crate.
///
/// ```
/// use hostbits::{Network, Pool};
///
/// /// Works for pools of either family.
/// fn first_three<N: Network>(pool: &Pool<N>) -> Vec<N::Addr> {
///     (0..3).filter_map(|_| pool.allocate().ok()).collect()
/// }
///
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// assert_eq!(first_three(&pool).len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Network:
    private::Sealed
    + Copy
    + Eq
    + Ord
    + Hash
    + Debug
    + Display
    + Into<IpNet>
    + Send
    + Sync
    + UnwindSafe
    + RefUnwindSafe
    + 'static
{
    /// The type of an address of such a network.
    type Addr: Copy
        + Eq
        + Ord
        + Hash
        + Debug
        + Display
        + Into<IpAddr>
        + Send
        + Sync
        + UnwindSafe
        + RefUnwindSafe
        + 'static;

    /// An address that is counted from, in the form in which that takes the fewest steps: a number, where an address
    /// is kept as it is sent.
    #[doc(hidden)]
    type Origin: Copy + Debug + Send + Sync + UnwindSafe + RefUnwindSafe + 'static;

    /// Returns the origin at an address.
    #[doc(hidden)]
    fn origin_at(addr: Self::Addr) -> Self::Origin;
    /// Returns the address of an origin.
    #[doc(hidden)]
    fn addr_at(origin: Self::Origin) -> Self::Addr;
    /// Returns the origin so many addresses above this one, or below it. Wraps around.
    #[doc(hidden)]
    fn moved(origin: Self::Origin, above: i64) -> Self::Origin;
    /// Returns the address as written, with its host bits.
    #[doc(hidden)]
    fn written_addr(self) -> Self::Addr;
    #[doc(hidden)]
    fn mask_len(self) -> u8;
    /// Returns the network with `mask_len` bits that contains `addr`.
    #[doc(hidden)]
    fn around(addr: Self::Addr, mask_len: u8) -> Self;
    /// Returns the unspecified address; the IPv4 one where both families are possible.
    #[doc(hidden)]
    fn unspecified() -> Self::Addr;
    /// Returns the width of an address in bits: 32 or 128.
    #[doc(hidden)]
    fn addr_width(addr: Self::Addr) -> u8;
    #[doc(hidden)]
    fn addr_bits(addr: Self::Addr) -> u128;
    /// Returns the address with these bits, in the family of `like`.
    #[doc(hidden)]
    fn addr_like(like: Self::Addr, bits: u128) -> Self::Addr;
    /// Returns `addr` in the family of `like`; an IPv4-mapped address becomes the IPv4 address that it stands for.
    #[doc(hidden)]
    fn addr_in_family_of(like: Self::Addr, addr: IpAddr) -> Option<Self::Addr>;
    /// Returns how many units of 2^`unit_shift` addresses `addr` is above `base`, if that fits into a slot number.
    #[doc(hidden)]
    fn units_above(base: Self::Addr, addr: Self::Addr, unit_shift: u8) -> Option<u32>;
    /// Does the same, but only if `addr` begins a unit. Wraps around: an address below `base` is far above it.
    #[doc(hidden)]
    fn whole_units_above(base: Self::Origin, addr: Self::Addr, unit_shift: u8) -> Option<u32>;
    /// Returns how many addresses `addr` is above `base`, if that fits into a slot number. Wraps around like
    /// `whole_units_above`.
    #[doc(hidden)]
    fn addrs_above(base: Self::Origin, addr: Self::Addr) -> Option<u32>;
    /// Returns the address `count` addresses above `base`. The caller knows that it exists.
    #[doc(hidden)]
    fn addr_after(base: Self::Origin, count: u32) -> Self::Addr;
    /// Returns the address `units` units above `base`. The caller knows that it exists.
    #[doc(hidden)]
    fn addr_above(base: Self::Origin, units: u32, unit_shift: u8) -> Self::Addr;
}

impl Network for Ipv4Net {
    type Addr = Ipv4Addr;
    type Origin = u32;

    #[inline]
    fn origin_at(addr: Ipv4Addr) -> u32 {
        addr.to_bits()
    }

    #[inline]
    fn addr_at(origin: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(origin)
    }

    #[inline]
    fn moved(origin: u32, above: i64) -> u32 {
        origin.wrapping_add(above as u32)
    }

    fn unspecified() -> Self::Addr {
        Ipv4Addr::UNSPECIFIED
    }

    fn written_addr(self) -> Ipv4Addr {
        self.addr()
    }

    fn mask_len(self) -> u8 {
        self.prefix_len()
    }

    fn around(addr: Ipv4Addr, mask_len: u8) -> Self {
        Ipv4Net::new_assert(addr, mask_len).trunc()
    }

    fn addr_width(_: Ipv4Addr) -> u8 {
        32
    }

    fn addr_bits(addr: Ipv4Addr) -> u128 {
        addr.to_bits().into()
    }

    fn addr_like(_: Ipv4Addr, bits: u128) -> Ipv4Addr {
        Ipv4Addr::from_bits(bits as u32)
    }

    fn addr_in_family_of(_: Ipv4Addr, addr: IpAddr) -> Option<Ipv4Addr> {
        match addr.to_canonical() {
            IpAddr::V4(addr) => Some(addr),
            IpAddr::V6(_) => None,
        }
    }

    #[inline]
    fn units_above(base: Ipv4Addr, addr: Ipv4Addr, unit_shift: u8) -> Option<u32> {
        Some(addr.to_bits().checked_sub(base.to_bits())? >> (unit_shift % 32))
    }

    #[inline]
    fn whole_units_above(base: u32, addr: Ipv4Addr, unit_shift: u8) -> Option<u32> {
        let above = addr.to_bits().wrapping_sub(base);
        let units = above >> (unit_shift % 32);
        (units << (unit_shift % 32) == above).then_some(units)
    }

    #[inline]
    fn addrs_above(base: u32, addr: Ipv4Addr) -> Option<u32> {
        Some(addr.to_bits().wrapping_sub(base))
    }

    #[inline]
    fn addr_after(base: u32, count: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(base.wrapping_add(count))
    }

    #[inline]
    fn addr_above(base: u32, units: u32, unit_shift: u8) -> Ipv4Addr {
        Ipv4Addr::from_bits(base.wrapping_add(units << (unit_shift % 32)))
    }
}

impl Network for Ipv6Net {
    type Addr = Ipv6Addr;
    type Origin = u128;

    #[inline]
    fn origin_at(addr: Ipv6Addr) -> u128 {
        addr.to_bits()
    }

    #[inline]
    fn addr_at(origin: u128) -> Ipv6Addr {
        Ipv6Addr::from_bits(origin)
    }

    #[inline]
    fn moved(origin: u128, above: i64) -> u128 {
        origin.wrapping_add(i128::from(above) as u128)
    }

    fn unspecified() -> Self::Addr {
        Ipv6Addr::UNSPECIFIED
    }

    fn written_addr(self) -> Ipv6Addr {
        self.addr()
    }

    fn mask_len(self) -> u8 {
        self.prefix_len()
    }

    fn around(addr: Ipv6Addr, mask_len: u8) -> Self {
        Ipv6Net::new_assert(addr, mask_len).trunc()
    }

    fn addr_width(_: Ipv6Addr) -> u8 {
        128
    }

    fn addr_bits(addr: Ipv6Addr) -> u128 {
        addr.to_bits()
    }

    fn addr_like(_: Ipv6Addr, bits: u128) -> Ipv6Addr {
        Ipv6Addr::from_bits(bits)
    }

    fn addr_in_family_of(_: Ipv6Addr, addr: IpAddr) -> Option<Ipv6Addr> {
        match addr {
            IpAddr::V4(_) => None,
            IpAddr::V6(addr) => Some(addr),
        }
    }

    #[inline]
    fn units_above(base: Ipv6Addr, addr: Ipv6Addr, unit_shift: u8) -> Option<u32> {
        let above = addr.to_bits().checked_sub(base.to_bits())? >> (unit_shift % 128);
        u32::try_from(above).ok()
    }

    #[inline]
    fn whole_units_above(base: u128, addr: Ipv6Addr, unit_shift: u8) -> Option<u32> {
        let above = addr.to_bits().wrapping_sub(base);
        let units = above >> (unit_shift % 128);
        let units = u32::try_from(units).ok()?;
        (u128::from(units) << (unit_shift % 128) == above).then_some(units)
    }

    #[inline]
    fn addrs_above(base: u128, addr: Ipv6Addr) -> Option<u32> {
        u32::try_from(addr.to_bits().wrapping_sub(base)).ok()
    }

    #[inline]
    fn addr_after(base: u128, count: u32) -> Ipv6Addr {
        Ipv6Addr::from_bits(base.wrapping_add(count.into()))
    }

    #[inline]
    fn addr_above(base: u128, units: u32, unit_shift: u8) -> Ipv6Addr {
        let above = u128::from(units) << (unit_shift % 128);
        Ipv6Addr::from_bits(base.wrapping_add(above))
    }
}

/// An origin whose family is known only at run time.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum IpOrigin {
    V4(u32),
    V6(u128),
}

impl Network for IpNet {
    type Addr = IpAddr;
    type Origin = IpOrigin;

    #[inline]
    fn origin_at(addr: IpAddr) -> IpOrigin {
        match addr {
            IpAddr::V4(addr) => IpOrigin::V4(Ipv4Net::origin_at(addr)),
            IpAddr::V6(addr) => IpOrigin::V6(Ipv6Net::origin_at(addr)),
        }
    }

    #[inline]
    fn addr_at(origin: IpOrigin) -> IpAddr {
        match origin {
            IpOrigin::V4(origin) => Ipv4Net::addr_at(origin).into(),
            IpOrigin::V6(origin) => Ipv6Net::addr_at(origin).into(),
        }
    }

    #[inline]
    fn moved(origin: IpOrigin, above: i64) -> IpOrigin {
        match origin {
            IpOrigin::V4(origin) => IpOrigin::V4(Ipv4Net::moved(origin, above)),
            IpOrigin::V6(origin) => IpOrigin::V6(Ipv6Net::moved(origin, above)),
        }
    }

    fn unspecified() -> Self::Addr {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }

    fn written_addr(self) -> IpAddr {
        self.addr()
    }

    fn mask_len(self) -> u8 {
        self.prefix_len()
    }

    fn around(addr: IpAddr, mask_len: u8) -> Self {
        match addr {
            IpAddr::V4(addr) => Ipv4Net::around(addr, mask_len).into(),
            IpAddr::V6(addr) => Ipv6Net::around(addr, mask_len).into(),
        }
    }

    fn addr_width(addr: IpAddr) -> u8 {
        if addr.is_ipv4() { 32 } else { 128 }
    }

    fn addr_bits(addr: IpAddr) -> u128 {
        match addr {
            IpAddr::V4(addr) => Ipv4Net::addr_bits(addr),
            IpAddr::V6(addr) => Ipv6Net::addr_bits(addr),
        }
    }

    fn addr_like(like: IpAddr, bits: u128) -> IpAddr {
        match like {
            IpAddr::V4(like) => Ipv4Net::addr_like(like, bits).into(),
            IpAddr::V6(like) => Ipv6Net::addr_like(like, bits).into(),
        }
    }

    fn addr_in_family_of(like: IpAddr, addr: IpAddr) -> Option<IpAddr> {
        match like {
            IpAddr::V4(like) => Ipv4Net::addr_in_family_of(like, addr).map(IpAddr::V4),
            IpAddr::V6(like) => Ipv6Net::addr_in_family_of(like, addr).map(IpAddr::V6),
        }
    }

    #[inline]
    fn units_above(base: IpAddr, addr: IpAddr, unit_shift: u8) -> Option<u32> {
        match (base, addr) {
            (IpAddr::V4(base), IpAddr::V4(addr)) => Ipv4Net::units_above(base, addr, unit_shift),
            (IpAddr::V6(base), IpAddr::V6(addr)) => Ipv6Net::units_above(base, addr, unit_shift),
            (IpAddr::V4(base), IpAddr::V6(addr)) => {
                Ipv4Net::units_above(base, addr.to_ipv4_mapped()?, unit_shift)
            }
            (IpAddr::V6(_), IpAddr::V4(_)) => None,
        }
    }

    #[inline]
    fn whole_units_above(base: IpOrigin, addr: IpAddr, unit_shift: u8) -> Option<u32> {
        match (base, addr) {
            (IpOrigin::V4(base), IpAddr::V4(addr)) => {
                Ipv4Net::whole_units_above(base, addr, unit_shift)
            }
            (IpOrigin::V6(base), IpAddr::V6(addr)) => {
                Ipv6Net::whole_units_above(base, addr, unit_shift)
            }
            // An address of the other family, or mapped into it; the slow path decides.
            _ => None,
        }
    }

    #[inline]
    fn addrs_above(base: IpOrigin, addr: IpAddr) -> Option<u32> {
        match (base, addr) {
            (IpOrigin::V4(base), IpAddr::V4(addr)) => Ipv4Net::addrs_above(base, addr),
            (IpOrigin::V6(base), IpAddr::V6(addr)) => Ipv6Net::addrs_above(base, addr),
            // As in `whole_units_above`.
            _ => None,
        }
    }

    #[inline]
    fn addr_after(base: IpOrigin, count: u32) -> IpAddr {
        match base {
            IpOrigin::V4(base) => Ipv4Net::addr_after(base, count).into(),
            IpOrigin::V6(base) => Ipv6Net::addr_after(base, count).into(),
        }
    }

    #[inline]
    fn addr_above(base: IpOrigin, units: u32, unit_shift: u8) -> IpAddr {
        match base {
            IpOrigin::V4(base) => Ipv4Net::addr_above(base, units, unit_shift).into(),
            IpOrigin::V6(base) => Ipv6Net::addr_above(base, units, unit_shift).into(),
        }
    }
}
