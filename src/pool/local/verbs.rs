//! A word of the pool that belongs to one thread.

use super::registry::Cell;
use super::spares::SpareSlots;
use crate::error::{AllocateError, ReleaseError};
use crate::geometry::Stretch;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::{Slot, bit_of, slot_at, word_of};
use crate::stats::LocalTally;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Up to 64 neighboring addresses that are reserved for one thread: [`Local`] or [`LocalArc`].
///
/// A local takes all free slots of one word of the pool with one atomic instruction, and hands them out and takes them
/// back without any. When it has no address left, it takes the next word. What it still has when it is dropped, even on
/// panic, returns to the pool: each address by itself, as if by [`Pool::release`], and not all at one instant.
///
/// **The price:** addresses that a local has reserved count as allocated for every other caller, and also in
/// [`Pool::allocated`], [`Pool::iter`] and [`Pool::status`]. Other callers may get `Exhausted` while a local has free
/// addresses: up to 64 of a word, and up to 16 that were released into it. `n` locals may withhold up to `80 n`
/// addresses. Drop a local that is not needed for a while.
///
/// The pool's policy chooses the word. Within it, addresses are handed out lowest first, with every policy. With
/// [`Policy::Lowest`], [`Policy::Highest`] and [`Policy::Spread`], an address of the current word that is released here
/// is handed out here again, and a local with fewer than 16 addresses left keeps any address that is released here.
/// With [`Policy::Next`] and [`Policy::Random`], which promise not to hand out such an address next, it returns to the
/// pool.
///
/// Addresses may be released anywhere, also with [`Pool::release`], no matter which thread allocated them. As always,
/// release an address only once: if it has meanwhile come to a local, a second release looks like an ordinary one.
///
/// **In a pool file**, a local reserves nothing: it is a handle that passes every call on to the pool. A process that
/// dies could not give a reservation back, and a reconciliation pass of another process could not distinguish it from
/// addresses without a holder.
///
/// [`Policy::Lowest`]: crate::Policy::Lowest
/// [`Policy::Highest`]: crate::Policy::Highest
/// [`Policy::Spread`]: crate::Policy::Spread
/// [`Policy::Next`]: crate::Policy::Next
/// [`Policy::Random`]: crate::Policy::Random
///
/// A reconciliation pass leaves alone what a local has, and all slots of its current word that it had or has taken back
/// since it came there: a leak among those is found after the local has moved on. A local that moves to another word,
/// and a pass that reads what it has, wait for each other: for a few instructions, unless the scheduler preempts one of
/// them there.
///
/// **After a `fork`**, a child has a copy of the pool, and of what its parent's locals had. Its passes do not wait for
/// locals of threads that do not exist there. But if another thread was just creating or dropping a local, or beginning
/// a pass, at the moment of the fork, then doing any of these in the child waits for ever. Fork only while no other
/// thread does that.
///
/// The statistics of a local are added to those of the pool when it takes the next word, and when it is dropped.
pub struct LocalPool<N: Network, P: Deref<Target = Pool<N>>> {
    pub(in crate::pool) pool: P,
    word_index: usize,
    /// The slots of the word that are reserved and not handed out, and are in the stretch: the fast path.
    near: u64,
    /// Those that are not in the stretch. They are higher than all near ones.
    far: u64,
    /// The slots of the word that passes know of and whose addresses follow from one another, up to the first that is
    /// different. Empty if the time of every allocation is recorded.
    stretch: Stretch<N>,
    takes_back: bool,
    /// The slots of the stretch if released addresses are kept here; otherwise none.
    returnable: u64,
    /// What passes read about the word, and the reserved slots of other words. `None` in a pool file, where nothing is
    /// reserved.
    pub(in crate::pool) cell: Option<Arc<Cell>>,
    pub(in crate::pool) tally: LocalTally,
}

/// A local that borrows its pool.
///
/// ```
/// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let mut local = pool.local();
/// let addr = local.allocate()?;
/// assert_eq!(addr.to_string(), "10.0.0.2");
/// local.release(addr)?;
///
/// assert_eq!(pool.allocated(), 62, "slots 2 to 63 are reserved for the local");
/// assert_eq!(pool.allocate()?.to_string(), "10.0.0.64");
/// drop(local);
/// assert_eq!(pool.allocated(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Local<'a, N> = LocalPool<N, &'a Pool<N>>;

/// A local that keeps its pool alive, for thread-locals, tasks and language bindings.
///
/// ```
/// use std::sync::Arc;
///
/// let pool = Arc::new(hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?);
/// let mut local = pool.local_arc();
/// let worker = std::thread::spawn(move || local.allocate());
/// let addr = worker.join().unwrap()?;
/// assert_eq!(pool.allocated(), 1, "the rest came back with the thread's end");
/// pool.release(addr)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type LocalArc<N> = LocalPool<N, Arc<Pool<N>>>;

impl<N: Network> Pool<N> {
    /// Creates a local, which reserves up to 64 addresses at a time for one thread. See [`LocalPool`] for what this
    /// costs other callers.
    ///
    /// Nothing is reserved before its first allocation.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut local = pool.local();
    /// for _ in 0..253 {
    ///     local.allocate()?;
    /// }
    /// assert!(local.allocate().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn local(&self) -> Local<'_, N> {
        LocalPool::new(self)
    }

    /// Creates a local that shares ownership of the pool.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?);
    /// assert_eq!(pool.local_arc().allocate()?.to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn local_arc(self: &Arc<Self>) -> LocalArc<N> {
        LocalPool::new(Arc::clone(self))
    }
}

impl<N: Network, P: Deref<Target = Pool<N>>> LocalPool<N, P> {
    fn new(pool: P) -> Self {
        let stretch = pool.geometry.no_stretch();
        let cell = (!pool.is_in_file()).then(|| pool.locals.join());
        let takes_back = cell.is_some() && pool.hints.policy().reuses_at_once();
        Self {
            pool,
            word_index: 0,
            near: 0,
            far: 0,
            stretch,
            takes_back,
            returnable: 0,
            cell,
            tally: LocalTally::default(),
        }
    }

    /// Allocates an address from the reserved word, or from the next one.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if the local has no address and at some instant of the call the pool had none.
    /// Other locals may still have some.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut local = pool.local();
    /// assert_eq!(local.allocate()?.to_string(), "10.0.0.2");
    /// assert!(local.allocate().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn allocate(&mut self) -> Result<N::Addr, AllocateError> {
        if self.near == 0 {
            return self.allocate_further();
        }
        Ok(self.take_near())
    }

    /// Takes the lowest of the near slots, of which there is one.
    #[inline]
    fn take_near(&mut self) -> N::Addr {
        let bit_index = self.near.trailing_zeros();
        self.near &= self.near - 1;
        self.stretch.addr_of(bit_index)
    }

    /// Allocates where no slot is near.
    #[inline(never)]
    fn allocate_further(&mut self) -> Result<N::Addr, AllocateError> {
        if self.far == 0 {
            if self.cell.is_none() {
                return self.allocate_through();
            }
            if !self.refill() {
                return self.pool.exhausted();
            }
            if self.near != 0 {
                return Ok(self.take_near());
            }
        }
        Ok(self.take_far())
    }

    #[inline(never)]
    fn allocate_through(&self) -> Result<N::Addr, AllocateError> {
        self.pool.allocate()
    }

    /// Takes the lowest of the far slots, of which there is one.
    #[inline(never)]
    fn take_far(&mut self) -> N::Addr {
        let bit_index = self.far.trailing_zeros();
        self.far &= self.far - 1;
        let pool = &*self.pool;
        pool.counters.note_time();
        pool.geometry.addr_of(slot_at(self.word_index, bit_index))
    }

    /// Releases an address, no matter which thread allocated it. Everything that its holder did happens before the
    /// address is allocated again.
    ///
    /// # Errors
    ///
    /// The same errors as [`Pool::release`].
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut local = pool.local();
    /// let addr = local.allocate()?;
    /// local.release(addr)?;
    /// assert!(local.release(addr).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn release(&mut self, addr: N::Addr) -> Result<(), ReleaseError> {
        // A slot that is taken in the pool and not reserved here has a holder.
        match self.stretch.bit_among(self.returnable & !self.near, addr) {
            Some(bit) if self.pool.bitmap().are_taken(self.word_index, bit) => {
                self.take_back(bit);
                Ok(())
            }
            _ => self.release_far(addr),
        }
    }

    #[inline]
    fn take_back(&mut self, bit: u64) {
        self.near |= bit;
        self.tally.taken_back();
    }

    /// Releases what is not of the stretch. First what takes the fewest steps: a local with nothing left.
    #[inline(never)]
    fn release_far(&mut self, addr: N::Addr) -> Result<(), ReleaseError> {
        if self.takes_back
            && let Some(slot) = self.pool.geometry.main_slot_of(addr)
            && self.take_back_first(slot)
        {
            self.tally.taken_back();
            return Ok(());
        }
        self.release_beside(addr)
    }

    /// Moves to the word of a slot that it takes back, if it has nothing left: then any word is as good as the last one.
    #[inline(always)]
    fn take_back_first(&mut self, slot: Slot) -> bool {
        let Some(cell) = &self.cell else { return false };
        let (word_index, bit) = (word_of(slot), bit_of(slot));
        let is_first = self.free() == 0 && cell.spares().len() == 0;
        let is_at = self.word_index == word_index;
        if !is_first || is_at || !self.pool.bitmap().are_taken(word_index, bit) {
            return false;
        }
        self.pool.go_on(cell, (word_index, bit));
        self.stand_at(word_index, bit);
        true
    }

    /// Releases while it has other slots, or into the pool.
    #[inline(never)]
    fn release_beside(&mut self, addr: N::Addr) -> Result<(), ReleaseError> {
        if self.takes_back
            && let Ok(slot) = self.pool.slot_to_release(addr)
        {
            if self.has_reserved(slot) {
                return Err(self.pool.refuse_free(addr));
            }
            if self.take_back_first(slot) || self.take_back_far(slot) {
                self.tally.taken_back();
                return Ok(());
            }
        }
        self.pool.release(addr)
    }

    /// Returns the slots of the word that are reserved and not handed out.
    fn free(&self) -> u64 {
        self.near | self.far
    }

    fn has_reserved(&self, slot: Slot) -> bool {
        let is_at = self.word_index == word_of(slot);
        is_at && self.free() & bit_of(slot) != 0 || self.spares().any(|other| other == slot)
    }

    fn spares(&self) -> impl Iterator<Item = Slot> {
        self.cell.iter().flat_map(|cell| cell.spares().slots())
    }

    fn spare_count(&self) -> u32 {
        self.cell.as_ref().map_or(0, |cell| cell.spares().len())
    }

    /// Takes back a slot of the word, or of any word if few are left.
    fn take_back_far(&mut self, slot: Slot) -> bool {
        let Some(cell) = &self.cell else { return false };
        let (word_index, bit) = (word_of(slot), bit_of(slot));
        if !self.pool.bitmap().are_taken(word_index, bit) {
            return false;
        }
        if self.word_index == word_index {
            let (_, told) = cell.current();
            if told & bit == 0 {
                cell.enter().move_to((word_index, told | bit));
            }
            self.stand_at(word_index, self.free() | bit);
        } else if self.reserved() < SpareSlots::CAPACITY {
            cell.enter().spares().push(slot);
        } else {
            return false;
        }
        true
    }

    /// Moves to a word of which `free` is reserved; passes already know of it.
    #[inline(always)]
    pub(in crate::pool) fn stand_at(&mut self, word_index: usize, free: u64) {
        self.word_index = word_index;
        if let Some(cell) = &self.cell
            && !self.pool.counters.notes_time()
        {
            let (_, told) = cell.current();
            self.stretch = self.pool.geometry.stretch_of(word_index, told);
            self.returnable = if self.takes_back {
                self.stretch.slots()
            } else {
                0
            };
        }
        self.near = free & self.stretch.slots();
        self.far = free ^ self.near;
    }

    /// Returns how many addresses are reserved and not handed out.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut local = pool.local();
    /// assert_eq!(local.reserved(), 0);
    /// local.allocate()?;
    /// assert_eq!(local.reserved(), 61);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserved(&self) -> u32 {
        self.free().count_ones() + self.spare_count()
    }

    /// Returns the pool, for its other methods.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let local = pool.local();
    /// local.pool().allocate_exact("10.0.0.7".parse()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pool(&self) -> &Pool<N> {
        &self.pool
    }
}

impl<N: Network, P: Deref<Target = Pool<N>>> Drop for LocalPool<N, P> {
    fn drop(&mut self) {
        self.tally.flush(&self.pool.counters, self.reserved());
        if self.free() != 0 {
            self.pool.return_word(self.word_index, self.free());
        }
        for slot in self.spares() {
            self.pool.return_word(word_of(slot), bit_of(slot));
        }
        // Only after everything was given back, or a pass could take it for orphans.
        if let Some(cell) = &self.cell {
            self.pool.leave_word(&cell.enter());
            self.pool.locals.leave(cell);
        }
    }
}

impl<N: Network, P: Deref<Target = Pool<N>>> fmt::Debug for LocalPool<N, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reserved = self.reserved();
        f.debug_struct("Local")
            .field("reserved", &reserved)
            .finish()
    }
}
