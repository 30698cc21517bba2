//! A word of the pool in one thread's hands.

use super::Pool;
use super::holdings::Cell;
use super::pocket::Pocket;
use crate::bitmap::WordBits;
use crate::error::{AllocateError, ReleaseError};
use crate::geometry::Stretch;
use crate::network::Network;
use crate::policy::Policy;
use crate::slot::{Slot, bit_of, slot_at, word_of};
use crate::stats::{Event, LocalTally};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Up to 64 neighbouring addresses reserved for one thread: [`Local`] or [`LocalArc`].
///
/// Takes all that is free in one word of the pool with one atomic instruction, hands it out and takes
/// it back without any. When it has nothing left it takes the next word. What it still has when it is
/// dropped, on panic too, goes back to the pool.
///
/// **The price:** what a local has reserved counts as allocated for everyone else, in
/// [`Pool::allocated`], [`Pool::iter`] and [`Pool::status`] too. Others may be told `Exhausted` while a local
/// has free addresses: up to 64 of a word, and up to 16 that were released into it; `n` locals may keep `80 n`
/// addresses from the others. Drop a local that is not needed for a while.
///
/// The policy of the pool chooses the word. Within it addresses go out lowest first. Under
/// [`Policy::Lowest`] and [`Policy::Spread`] an address of the current word that is released here is
/// handed out here again; a local with fewer than 16 left takes any address that is released here. Under
/// [`Policy::Next`] and [`Policy::Random`], which promise that it is not the next to be handed out, it
/// goes back to the pool.
///
/// Addresses may be released anywhere, with [`Pool::release`] as well, whoever allocated them. As
/// everywhere, release an address once: a second release, when the address has come to a local
/// meanwhile, looks like an ordinary one.
///
/// **In a pool file** a local reserves nothing: it is a handle that passes every call on to the pool. A
/// process that dies could not give a reservation back, and a reconciliation pass of another process could
/// not tell it from addresses that nobody holds.
///
/// A reconciliation pass leaves alone what a local has, and all slots of its current word that it had or
/// has taken back since it came there: a leak among those is found when the local has moved on.
///
/// The statistics of a local's calls are added to the pool's when it takes the next word or is
/// dropped.
pub struct LocalPool<N: Network, P: Deref<Target = Pool<N>>> {
    pool: P,
    word_index: usize,
    /// Slots of the word that are reserved and not handed out.
    free: u64,
    /// The slots of the word that passes have been told of and whose addresses follow from one another: the
    /// fast way. None where the time of every allocation is noted.
    stretch: Stretch<N::Addr>,
    /// What the cell says of the word: at least `free`.
    told: u64,
    has_word: bool,
    takes_back: bool,
    /// Reserved slots of other words; none of the current one.
    pocket: Pocket,
    /// What a pass is told. None in a pool file, where nothing is reserved.
    cell: Option<Arc<Cell>>,
    tally: LocalTally,
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

/// A local that keeps its pool alive: for thread-locals, tasks and bindings.
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
    /// Begins a local: a reservation of up to 64 addresses at a time for one thread, for the price
    /// that [`LocalPool`] names.
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

    /// Begins a local that owns a share of the pool.
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

impl<N: Network> Pool<N> {
    /// Reserves all that is free in one word, which the policy chooses. `note` is told at once.
    fn reserve_word(&self, mut note: impl FnMut(WordBits)) -> Option<WordBits> {
        let reserved = self.claim(|bitmap| {
            let reserved = bitmap.claim_word(word_of(self.start_slot()))?;
            // Before the look at the gate that follows: a pass that this look does not see reads the note.
            note(reserved);
            Some(reserved)
        });
        // On the heap, where alone something is reserved, nobody refuses.
        let reserved = reserved.ok().flatten();
        if let Some((word_index, bits)) = reserved {
            self.hints.found(slot_at(word_index, bits.ilog2()));
            let slots = u64::from(bits.count_ones());
            self.counters.count(Event::InLocals, slots);
        } else {
            self.count_exhausted();
        }
        reserved
    }

    /// Marks what a local had or took back in its word, if a pass is running: it has handed some of it out,
    /// and when it is gone from there nothing else tells.
    fn leave_word(&self, cell: &Cell) {
        if self.words.gate().is_passing() {
            self.words.touch(&cell.current());
        }
    }

    fn return_word(&self, word_index: usize, free: u64) {
        self.bitmap().release_bits(word_index, free);
        let slots = u64::from(free.count_ones());
        self.counters.count(Event::InLocals, slots.wrapping_neg());
    }
}

impl<N: Network, P: Deref<Target = Pool<N>>> LocalPool<N, P> {
    fn new(pool: P) -> Self {
        let stretch = pool.geometry.no_stretch();
        let cell = (!pool.is_in_file()).then(|| pool.holdings.join());
        let takes_back =
            cell.is_some() && matches!(pool.hints.policy(), Policy::Lowest | Policy::Spread);
        Self {
            pool,
            word_index: 0,
            free: 0,
            stretch,
            told: 0,
            has_word: false,
            takes_back,
            pocket: Pocket::default(),
            cell,
            tally: LocalTally::default(),
        }
    }

    /// Allocates an address, out of the reserved word or of the next one.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if the local has none and at some instant of the call the pool had
    /// none. Other locals may still have some.
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
        if self.free == 0 {
            if self.cell.is_none() {
                return self.allocate_through();
            }
            if !self.refill() {
                return self.pool.exhausted();
            }
        }
        let bit_index = self.free.trailing_zeros();
        self.free &= self.free - 1;
        match self.stretch.addr_of::<N>(bit_index) {
            Some(addr) => Ok(addr),
            None => Ok(self.far_addr_of(bit_index)),
        }
    }

    #[inline(never)]
    fn allocate_through(&self) -> Result<N::Addr, AllocateError> {
        self.pool.allocate()
    }

    #[inline(never)]
    fn far_addr_of(&self, bit_index: u32) -> N::Addr {
        let pool = &*self.pool;
        pool.counters.note_time();
        pool.geometry.addr_of(slot_at(self.word_index, bit_index))
    }

    /// Releases an address, whoever allocated it. What its holder did happens before the next
    /// allocation of it.
    ///
    /// # Errors
    ///
    /// As [`Pool::release`].
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
        match self.stretch.bit_of::<N>(addr) {
            Some(bit) if self.takes_back && self.is_held(bit) => {
                self.take_back(bit);
                Ok(())
            }
            _ => self.release_far(addr),
        }
    }

    /// Whether a slot of the word is taken in the pool and not in our hands: somebody holds it.
    #[inline]
    fn is_held(&self, bit: u64) -> bool {
        self.free & bit == 0 && self.pool.bitmap().are_taken(self.word_index, bit)
    }

    #[inline]
    fn take_back(&mut self, bit: u64) {
        self.free |= bit;
        self.tally.taken_back();
    }

    /// Lets passes know of more slots of the current word.
    fn tell_more(&mut self, bits: u64) {
        self.told |= bits;
        if let Some(cell) = &self.cell {
            cell.widen_to(self.told);
        }
        self.stretch_to(self.word_index);
    }

    fn stretch_to(&mut self, word_index: usize) {
        if !self.pool.counters.notes_time() {
            self.stretch = self.pool.geometry.stretch_of(word_index).within(self.told);
        }
    }

    #[inline(never)]
    fn release_far(&mut self, addr: N::Addr) -> Result<(), ReleaseError> {
        if self.takes_back
            && let Ok(slot) = self.pool.slot_to_release(addr)
        {
            if self.has_reserved(slot) {
                return Err(self.pool.refuse_free(addr));
            }
            if self.take_back_far(slot) {
                return Ok(());
            }
        }
        self.pool.release(addr)
    }

    fn has_reserved(&self, slot: Slot) -> bool {
        let word_index = word_of(slot);
        let reserved = if self.is_at(word_index) {
            self.free
        } else {
            self.pocket.bits_of(word_index)
        };
        reserved & bit_of(slot) != 0
    }

    /// Takes back a slot of the word, or of any word if there is little left.
    fn take_back_far(&mut self, slot: Slot) -> bool {
        let (word_index, bit) = (word_of(slot), bit_of(slot));
        let is_at = self.is_at(word_index);
        let has_room = is_at || self.reserved() < Pocket::CAPACITY;
        if !has_room || !self.pool.bitmap().are_taken(word_index, bit) {
            return false;
        }
        if is_at {
            if self.told & bit == 0 {
                self.tell_more(bit);
            }
            self.take_back(bit);
            return true;
        }
        if self.reserved() == 0 {
            // With nothing left, any word is as good as the last one.
            self.tell((word_index, bit));
            self.move_to(word_index, bit);
        } else {
            let (place, bits) = self.pocket.push(word_index, bit);
            if let Some(cell) = &self.cell {
                cell.pocket(place, word_index, bits);
            }
        }
        self.tally.taken_back();
        true
    }

    #[inline]
    fn is_at(&self, word_index: usize) -> bool {
        self.has_word && self.word_index == word_index
    }

    /// Lets passes know of another word.
    fn tell(&self, reserved: WordBits) {
        if let Some(cell) = &self.cell {
            self.pool.leave_word(cell);
            cell.move_to(reserved.0, reserved.1);
        }
    }

    /// Passes may have been told of a word that was given up: we are still where we were.
    fn tell_where_it_is(&self) {
        let here = (self.word_index, self.told);
        if self
            .cell
            .as_ref()
            .is_some_and(|cell| cell.current() != here)
        {
            self.tell(here);
        }
    }

    /// Goes to another word, of which `free` is reserved, as passes have been told.
    fn move_to(&mut self, word_index: usize, free: u64) {
        (self.word_index, self.free, self.has_word) = (word_index, free, true);
        self.told = free;
        self.stretch_to(word_index);
    }

    /// Counts the addresses that are reserved and not handed out.
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
        self.free.count_ones() + self.pocket.len()
    }

    /// The pool behind it, for the other verbs.
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

    /// Takes the next word, of the pocket or of the pool; `false` if the pool has nothing.
    #[inline(never)]
    fn refill(&mut self) -> bool {
        self.refill_telling(Self::tell)
    }

    #[inline(always)]
    fn refill_telling(&mut self, tell: impl Fn(&Self, WordBits)) -> bool {
        if let Some((word_index, bits)) = self.pocket.pop_word() {
            self.tell((word_index, bits));
            if let Some(cell) = &self.cell {
                cell.pocket(self.pocket.last_popped(), word_index, 0);
            }
            self.move_to(word_index, bits);
            return true;
        }
        self.tally.flush(&self.pool.counters, self.reserved());
        let Some((word_index, bits)) = self.pool.reserve_word(|reserved| tell(self, reserved))
        else {
            self.tell_where_it_is();
            return false;
        };
        self.move_to(word_index, bits);
        self.tally.begin(self.reserved());
        true
    }
}

impl<N: Network, P: Deref<Target = Pool<N>>> Drop for LocalPool<N, P> {
    fn drop(&mut self) {
        self.tally.flush(&self.pool.counters, self.reserved());
        if self.free != 0 {
            self.pool.return_word(self.word_index, self.free);
        }
        while let Some((word_index, bits)) = self.pocket.pop_word() {
            self.pool.return_word(word_index, bits);
        }
        // Not before everything is back: it might be taken for orphans meanwhile.
        if let Some(cell) = &self.cell {
            self.pool.leave_word(cell);
            self.pool.holdings.leave(cell);
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use ipnet::Ipv4Net;

    /// Two passes begin while a local takes the last word, so that it gives that word up, and there is no
    /// other one. What it takes back afterwards in the word that it is still at must be told, and counts fit.
    #[test]
    fn a_word_that_was_given_up_leaves_the_local_where_it_was() {
        let pool = Pool::new("10.0.0.0/25".parse::<Ipv4Net>().unwrap()).unwrap();
        let mut local = pool.local();
        let held: Vec<_> = (0..62).map(|_| local.allocate().unwrap()).collect();
        let found = local.refill_telling(|local, reserved| {
            local.tell(reserved);
            let mut reconciler = pool.reconciler().unwrap();
            drop(reconciler.begin().unwrap());
            drop(reconciler.begin().unwrap());
        });
        assert!(!found, "the other word is nobody's now");
        local.release(held[7]).unwrap();
        assert_eq!(local.reserved(), 1);
        let slot = pool.slot_of(held[7]).unwrap();
        let mut told = 0;
        pool.holdings.read(|word_index, bits| {
            if word_index == word_of(slot) {
                told |= bits;
            }
        });
        assert_ne!(
            told & bit_of(slot),
            0,
            "a pass would free what the local has"
        );
        assert_eq!(pool.allocated(), pool.iter().count() as u64);
    }
}
