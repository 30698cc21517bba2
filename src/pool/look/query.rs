//! Queries: hints that may be outdated when they are read, and weakly consistent listings.

use crate::geometry::Place;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::Slot;
use std::ops::RangeInclusive;

/// The state of an address at some moment.
///
/// ```
/// use hostbits::{Pool, Status};
///
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// assert_eq!(pool.status("10.0.0.255".parse()?).label(), Some("broadcast"));
/// assert!(matches!(pool.status("10.0.0.7".parse()?), Status::Free));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "status", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum Status<'a> {
    /// The address was free when it was checked. This is no promise: to get it, allocate it.
    Free,
    /// The address is allocated.
    #[non_exhaustive]
    Allocated {
        /// The generation of the holding. Pools do not count generations yet, so it is always `None`.
        generation: Option<u64>,
    },
    /// The address is reserved, and never handed out.
    #[non_exhaustive]
    Reserved {
        /// The reason: `network`, `broadcast`, `gateway`, `subnet-router anycast`, or the caller's label.
        label: &'a str,
    },
    /// The address is not in the pool.
    OutOfRange,
}

impl<'a> Status<'a> {
    /// Returns the reason why the address is reserved; `None` if it is not.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.status("10.0.0.1".parse()?).label(), Some("gateway"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn label(&self) -> Option<&'a str> {
        match self {
            Self::Reserved { label } => Some(label),
            _ => None,
        }
    }
}

impl<N: Network> Pool<N> {
    /// Returns whether `addr` was free when it was checked. This is a hint: it may be outdated when you read it.
    ///
    /// Returns `false` for addresses that are reserved or not in the pool.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert!(pool.is_available("10.0.0.7".parse()?));
    /// assert!(!pool.is_available("10.0.0.1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_available(&self, addr: N::Addr) -> bool {
        match self.geometry.place_of(addr) {
            Place::Usable(slot) => self.bitmap().is_free(slot),
            Place::Reserved(_) | Place::Outside => false,
        }
    }

    /// Returns the state of `addr`. Free and allocated are hints: they may be outdated when you read them.
    ///
    /// ```
    /// use hostbits::{Pool, Status};
    ///
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addr = pool.allocate()?;
    /// assert!(matches!(pool.status(addr), Status::Allocated { .. }));
    /// assert_eq!(pool.status("10.9.9.9".parse()?), Status::OutOfRange);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(&self, addr: N::Addr) -> Status<'_> {
        match self.geometry.place_of(addr) {
            Place::Usable(slot) if self.bitmap().is_free(slot) => Status::Free,
            Place::Usable(_) => Status::Allocated { generation: None },
            Place::Reserved(slot) => Status::Reserved {
                label: self.geometry.label_of(slot).unwrap_or_default(),
            },
            Place::Outside => Status::OutOfRange,
        }
    }

    /// Returns the slot whose unit contains an address, including reserved slots.
    ///
    /// In a pool of one network, slots count from 0 at its first address. In a pool of ranges, they have the order of
    /// the addresses, with gaps between ranges. All are below [`info().slots`](crate::NetworkInfo::slots).
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.slot_of("10.0.0.7".parse()?), Some(7));
    /// assert_eq!(pool.slot_of("10.0.1.0".parse()?), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn slot_of(&self, addr: N::Addr) -> Option<Slot> {
        self.geometry.slot_of(addr)
    }

    /// Returns the first address of a slot's unit; `None` if the pool has no such slot.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.addr_of(7), Some("10.0.0.7".parse()?));
    /// assert_eq!(pool.addr_of(256), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn addr_of(&self, slot: Slot) -> Option<N::Addr> {
        self.geometry.checked_addr_of(slot)
    }

    /// Returns the allocated addresses, in ascending order.
    ///
    /// Weakly consistent: an address that is allocated during the whole iteration is returned, one that is free during
    /// all of it is not, and any other address may or may not be.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addrs = pool.allocate_many(3)?;
    /// assert!(pool.iter().eq(addrs));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = N::Addr> + '_ {
        self.taken_from(Some(0))
    }

    /// Returns the allocated addresses from `addr` on, in ascending order, for paging. Weakly consistent like
    /// [`iter`](Self::iter).
    ///
    /// `addr` need not be in the pool; addresses compare as numbers. If it is of the other family, nothing is returned.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let _ = pool.allocate_many(10)?;
    /// assert_eq!(pool.iter_from("10.0.0.9".parse()?).count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter_from(&self, addr: N::Addr) -> impl Iterator<Item = N::Addr> + '_ {
        self.taken_from(self.geometry.first_slot_from(addr))
    }

    /// Returns the free addresses from `addr` on, in ascending order, for paging and display. Weakly consistent like
    /// [`iter`](Self::iter): to get an address, allocate it.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let _ = pool.allocate_many(10)?;
    /// assert_eq!(pool.free_from("10.0.0.0".parse()?).next(), Some("10.0.0.12".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn free_from(&self, addr: N::Addr) -> impl Iterator<Item = N::Addr> + '_ {
        let bitmap = self.bitmap();
        self.runs_from(self.geometry.first_slot_from(addr))
            .flat_map(move |run| bitmap.free_slots(run.first, run.last))
            .map(|slot| self.geometry.addr_of(slot))
    }

    /// Returns how many addresses of a range are allocated. The range may extend beyond the pool. O(words).
    ///
    /// Units count only if they lie completely within the range.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let _ = pool.allocate_many(10)?;
    /// assert_eq!(pool.count_in("10.0.0.5".parse()?..="10.0.0.200".parse()?), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count_in(&self, range: RangeInclusive<N::Addr>) -> u64 {
        let Some((first, last)) = self.geometry.slots_inside(&range) else {
            return 0;
        };
        let bitmap = self.bitmap();
        self.geometry
            .runs_within(first, last)
            .map(|run| run.slot_count() - bitmap.count_free(run.first, run.last))
            .sum()
    }

    /// Fills `cells` with the number of free slots in each cell of 2^`depth` slots, from slot 0 on, for maps of the
    /// address space. It takes one pass over the words.
    ///
    /// Returns how many cells the pool has; elements of `cells` beyond that are not changed. A count that does not fit
    /// is `u32::MAX`, which needs a `depth` of 32.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let _ = pool.allocate_many(10)?;
    /// let mut cells = [0; 4];
    /// assert_eq!(pool.fill(6, &mut cells), 4);
    /// assert_eq!(cells, [52, 64, 64, 63]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fill(&self, depth: u32, cells: &mut [u32]) -> u64 {
        let slot_count = self.geometry.slot_count();
        // Larger cells than the maximum number of slots make no difference.
        let cell_slots = 1u64 << depth.min(32);
        let cell_count = slot_count.div_ceil(cell_slots);
        let bitmap = self.bitmap();
        for (index, cell) in (0..cell_count).zip(cells) {
            let first = index * cell_slots;
            let last = (first + cell_slots).min(slot_count) - 1;
            // Reserved slots and padding are never free, so the runs do not matter.
            let free = bitmap.count_free(first as Slot, last as Slot);
            *cell = u32::try_from(free).unwrap_or(u32::MAX);
        }
        cell_count
    }

    fn taken_from(&self, first: Option<Slot>) -> impl Iterator<Item = N::Addr> + '_ {
        let bitmap = self.bitmap();
        self.runs_from(first)
            .flat_map(move |run| bitmap.taken_slots(run.first, run.last))
            .map(|slot| self.geometry.addr_of(slot))
    }

    fn runs_from(&self, first: Option<Slot>) -> impl Iterator<Item = crate::geometry::Run> + '_ {
        first
            .into_iter()
            .flat_map(|first| self.geometry.runs_within(first, Slot::MAX))
    }
}
