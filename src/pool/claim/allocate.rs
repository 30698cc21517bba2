//! The methods that allocate addresses.

use super::in_file::AfterClaim;
use crate::bitmap::{
    Attempt, BatchStep, Bitmap, BlockCandidates, Gate, LowestAttempt, Mark, Touched, Way, WordBits,
};
use crate::error::{AllocateError, AllocateExactError};
use crate::file_refusal::FileRefusal;
use crate::geometry::Place;
use crate::network::Network;
use crate::policy::{Hints, NO_CHUNK};
use crate::pool::Pool;
use crate::pool::member::Part;
use crate::slot::{MaybeSlot, Slot, slot_at, slots_in};
use crate::stats::Event;
use crate::storage::SlotRange;
use std::ops::RangeInclusive;

impl<N: Network> Pool<N> {
    /// Allocates a free address, chosen by the pool's [`Policy`](crate::Policy).
    ///
    /// [Lock-free](crate::Pool#lock-free): some caller always makes progress. No two holders ever share an address.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no address was free. An address
    /// released meanwhile may be free again when the caller reads this.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.2");
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    // Always inlined: returning a result that the caller takes apart costs as much as the claim.
    #[inline(always)]
    pub fn allocate(&self) -> Result<N::Addr, AllocateError> {
        match self.allocate_slot(Event::Any).get() {
            Some(slot) => Ok(self.geometry.addr_of(slot)),
            None => self.exhausted(),
        }
    }

    /// Allocates like [`allocate`](Self::allocate); returns `None` where [`exhausted`](Self::exhausted) says why.
    // Always inlined: as `allocate`.
    #[inline(always)]
    pub(crate) fn allocate_any(&self) -> Option<N::Addr> {
        let slot = self.allocate_slot(Event::Any).get()?;
        Some(self.geometry.addr_of(slot))
    }

    /// Allocates like [`allocate`](Self::allocate), and returns the slot as a network: `10.0.0.5/32`.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no address was free.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.allocate_net()?.to_string(), "10.0.0.2/32");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_net(&self) -> Result<N, AllocateError> {
        match self.allocate_slot(Event::Any).get() {
            Some(slot) => Ok(self.geometry.net_of(slot)),
            None => self.exhausted(),
        }
    }

    /// Allocates exactly `addr`.
    ///
    /// If several callers want the same address, exactly one gets it.
    ///
    /// # Errors
    ///
    /// [`AllocateExactError::AlreadyAllocated`] if at some instant of the call the address was allocated. Otherwise,
    /// the address is reserved, not in the pool, or within a unit without being its first address.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate_exact("10.0.0.7".parse()?)?;
    /// assert!(pool.allocate_exact("10.0.0.7".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn allocate_exact(&self, addr: N::Addr) -> Result<(), AllocateExactError> {
        let slot = self.slot_to_claim(addr)?;
        if self.claim_exact(slot) {
            Ok(())
        } else {
            let addr = addr.into();
            Err(self.refuse_exact(Event::Taken, AllocateExactError::AlreadyAllocated { addr }))
        }
    }

    /// The slot that `addr` names, if it can be handed out.
    #[inline]
    pub(in crate::pool) fn slot_to_claim(&self, addr: N::Addr) -> Result<Slot, AllocateExactError> {
        match self.geometry.main_slot_of(addr) {
            Some(slot) => Ok(slot),
            None => self.far_slot_to_claim(addr),
        }
    }

    #[inline(never)]
    pub(in crate::pool) fn claim_exact(&self, slot: Slot) -> bool {
        let before = self.words.gate();
        if !before.is_quiet() {
            return self.claim_exact_beside_pass(slot);
        }
        if !self.bitmap().try_claim_exact(slot) && !self.claim_exact_beside_flights(slot) {
            return false;
        }
        if self.words.gate_again() != before {
            return self.answer_exact_beside_pass(before, slot);
        }
        // Checked separately, as in `answer_claim`.
        if self.after_claim == AfterClaim::Nothing {
            return true;
        }
        self.finish_exact_claim(before, slot)
    }

    #[inline(never)]
    fn finish_exact_claim(&self, before: Gate, slot: Slot) -> bool {
        if self.must_ask_the_file() {
            return self.answer_exact_beside_pass(before, slot);
        }
        self.counters.allocated(Event::Exact, 1);
        true
    }

    #[inline(never)]
    fn claim_exact_beside_flights(&self, slot: Slot) -> bool {
        self.words.enter() && self.bitmap().claim_exact_beside_flights(slot)
    }

    #[cold]
    fn far_slot_to_claim(&self, addr: N::Addr) -> Result<Slot, AllocateExactError> {
        let (reason, error) = match self.geometry.place_of(addr) {
            Place::Usable(slot) if self.geometry.names_its_unit(addr) => return Ok(slot),
            Place::Usable(slot) => (
                Event::OutOfRange,
                AllocateExactError::Misaligned {
                    addr: addr.into(),
                    unit: self.geometry.net_of(slot).into(),
                },
            ),
            Place::Reserved(_) => (
                Event::Reserved,
                AllocateExactError::Reserved { addr: addr.into() },
            ),
            Place::Outside => (
                Event::OutOfRange,
                AllocateExactError::OutOfRange { addr: addr.into() },
            ),
        };
        Err(self.refuse_exact(reason, error))
    }

    /// Counts the refusal, and returns the error.
    #[cold]
    pub(in crate::pool) fn refuse_exact(
        &self,
        reason: Event,
        error: AllocateExactError,
    ) -> AllocateExactError {
        if self.is_in_file()
            && let Some(refusal) = self.refusal()
        {
            return refusal.into();
        }
        self.counters.count(reason, 1);
        error
    }

    /// Allocates `addr` if it is free, and any other address otherwise. Use it for the address that a DHCP client
    /// requests, or for a returning VPN client.
    ///
    /// An unsuitable `addr` is not an error: if it is of the other family, out of range, reserved or taken, it merely
    /// expresses no preference. An address within a unit stands for that unit.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no address was free.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let wanted = "10.0.0.99".parse()?;
    /// assert_eq!(pool.allocate_preferring(wanted)?, wanted);
    /// assert_eq!(pool.allocate_preferring(wanted)?.to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_preferring(&self, addr: N::Addr) -> Result<N::Addr, AllocateError> {
        if let Some(addr) = self.try_allocate_around(addr)? {
            return Ok(addr);
        }
        match self.allocate_slot(Event::Preferred).get() {
            Some(slot) => Ok(self.geometry.addr_of(slot)),
            None => self.exhausted(),
        }
    }

    /// Allocates `count` addresses, or none.
    ///
    /// They are the addresses that as many calls of [`allocate`](Self::allocate) would return on one thread, except
    /// that [`Policy::Spread`](crate::Policy::Spread) takes neighboring addresses.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call fewer than `count` were free.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/29".parse::<ipnet::Ipv4Net>()?)?;
    /// assert!(pool.allocate_many(6).is_err());
    /// assert_eq!(pool.allocate_many(5)?.len(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_many(&self, count: usize) -> Result<Vec<N::Addr>, AllocateError> {
        let wanted = count as u64;
        self.check_process()?;
        let claimed = self.claim(|bitmap| {
            if wanted > self.capacity() {
                return None;
            }
            self.claim_or_scrub(|| bitmap.claim_all(wanted, || self.next_step()))
        })?;
        let Some(claimed) = claimed else {
            self.count_exhausted();
            return self.exhausted();
        };
        self.note_batch(claimed.last(), wanted);
        let slots = claimed
            .into_iter()
            .flat_map(|(word, bits)| slots_in(word, bits));
        let mut addrs: Vec<_> = slots.map(|slot| self.geometry.addr_of(slot)).collect();
        self.put_in_order(&mut addrs);
        Ok(addrs)
    }

    /// Allocates up to `addrs.len()` addresses into `addrs`, from its beginning, and returns how many.
    ///
    /// Each address is claimed on its own. The result is smaller than `addrs.len()` only if at some instant of the call
    /// nothing was free; in a pool file it is also 0 if the pool is poisoned. This method costs less per address than
    /// any other: it claims up to 64 in one step.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// let pool = hostbits::Pool::new("10.0.0.0/29".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut addrs = [Ipv4Addr::UNSPECIFIED; 8];
    /// assert_eq!(pool.allocate_into(&mut addrs), 5);
    /// assert_eq!(addrs[0].to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "only that many addresses are yours"]
    pub fn allocate_into(&self, addrs: &mut [N::Addr]) -> usize {
        match addrs {
            [addr] => self.allocate_into_one(addr),
            addrs => self.allocate_into_many(addrs),
        }
    }

    #[inline]
    fn allocate_into_one(&self, addr: &mut N::Addr) -> usize {
        match self.allocate_slot(Event::Batch).get() {
            Some(slot) => {
                *addr = self.geometry.addr_of(slot);
                1
            }
            None => {
                // No caller asks for it, and it must not be taken for the reason of a later refusal.
                let _ = self.refusal();
                0
            }
        }
    }

    #[inline(never)]
    fn allocate_into_many(&self, addrs: &mut [N::Addr]) -> usize {
        if !self.words.enter() {
            return 0;
        }
        let wanted = addrs.len() as u64;
        let (missing, last) = loop {
            let before = self.words.gate();
            // Known here, so that the usual search has no place for marks.
            let claimed = match self.words.marks(before) {
                None => self.claim_into((), addrs),
                Some(touched) => self.claim_into_beside_pass(touched, addrs),
            };
            let taken = addrs.len() - claimed.0 as usize;
            if taken == 0 {
                break claimed;
            }
            match self.answer(before, self.slots_of_addrs(&addrs[..taken])) {
                Ok(Some(_)) => break claimed,
                Ok(None) => {}
                Err(_) => return 0,
            }
        };
        let taken = wanted - missing;
        self.note_batch(last.as_ref(), taken);
        self.put_in_order(&mut addrs[..taken as usize]);
        if missing != 0 {
            self.count_exhausted();
        }
        taken as usize
    }

    #[cold]
    #[inline(never)]
    fn claim_into_beside_pass(
        &self,
        touched: Touched<'_>,
        addrs: &mut [N::Addr],
    ) -> (u64, Option<WordBits>) {
        self.claim_into(touched, addrs)
    }

    /// Claims slots for `addrs`. Returns how many are missing, and the slots claimed last.
    #[inline]
    fn claim_into(&self, mark: impl Mark, addrs: &mut [N::Addr]) -> (u64, Option<WordBits>) {
        let bitmap = self.bitmap().marking(mark);
        let mut missing = addrs.len() as u64;
        let mut places = addrs;
        let mut last = None;
        loop {
            missing = bitmap.claim_up_to(
                missing,
                || self.next_step(),
                |word_index, bits| {
                    last = Some((word_index, bits));
                    let taken = bits.count_ones() as usize;
                    let (now, later) = std::mem::take(&mut places).split_at_mut(taken);
                    self.geometry.write_addrs(word_index, bits, now);
                    places = later;
                },
            );
            if missing == 0 || !self.scrub_found_something() {
                return (missing, last);
            }
        }
    }

    /// Allocates an aligned block of addresses: a prefix of length `prefix_len` within the pool.
    ///
    /// Blocks are taken from the top of the pool downwards, while single addresses are by default taken from the bottom
    /// upwards. A block never contains a reserved address. If you hand out only blocks, make the block the
    /// [unit](crate::Builder::unit) of the pool: this is much cheaper.
    ///
    /// Before it refuses, the call searches the pool again if a release has meanwhile freed a block of that size (or of
    /// 64 addresses, for larger blocks). As long as other threads keep doing so, it may keep searching.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no such block was completely free;
    /// [`AllocateError::BadBlock`] if the block would be larger than the network, or smaller than a slot.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.allocate_block(28)?.to_string(), "10.0.0.224/28");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_block(&self, prefix_len: u8) -> Result<N, AllocateError> {
        self.allocate_block_of(prefix_len, |candidates| candidates)
    }

    /// Allocates a block among the `chosen` candidates.
    pub(in crate::pool) fn allocate_block_of(
        &self,
        prefix_len: u8,
        chosen: impl FnOnce(Vec<BlockCandidates>) -> Vec<BlockCandidates>,
    ) -> Result<N, AllocateError> {
        let (shortest, longest) = (self.geometry.shortest_block(), self.geometry.unit());
        if !(shortest..=longest).contains(&prefix_len) {
            return Err(AllocateError::BadBlock {
                prefix_len,
                shortest,
                longest,
            });
        }
        self.check_process()?;
        let candidates = chosen(self.geometry.block_candidates(prefix_len));
        let order = u32::from(longest - prefix_len);
        let claimed = self.claim(|bitmap| {
            let first = self.claim_or_scrub(|| bitmap.claim_block(&candidates))?;
            Some(SlotRange(first, first + ((1u64 << order) - 1) as Slot))
        })?;
        let Some(SlotRange(slot, _)) = claimed else {
            self.count_exhausted();
            return self.exhausted();
        };
        self.counters.allocated(Event::Block, 1 << order);
        Ok(N::around(self.geometry.addr_of(slot), prefix_len))
    }

    /// Allocates a free address within a range.
    ///
    /// The pool's policy applies within the range: the lowest address, the next one after the last returned one if that
    /// is in the range, or a random one. The range may extend beyond the pool. Units count only if they lie completely
    /// within it.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no address of the range was free;
    /// [`AllocateError::OutOfRange`] if the range contains no address of the pool.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addr = pool.allocate_in("10.0.0.100".parse()?..="10.0.0.199".parse()?)?;
    /// assert_eq!(addr.to_string(), "10.0.0.100");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_in(&self, range: RangeInclusive<N::Addr>) -> Result<N::Addr, AllocateError> {
        let Some((first, last)) = self.geometry.slots_inside(&range) else {
            self.counters.count(Event::OutOfRange, 1);
            return Err(AllocateError::OutOfRange {
                first: (*range.start()).into(),
                last: (*range.end()).into(),
            });
        };
        match self.claim_in(&self.hints, (first, last))? {
            Some(slot) => Ok(self.geometry.addr_of(slot)),
            None => self.exhausted(),
        }
    }

    // The ladder from `allocate` down to one word. Each rung is called last by the one above it, with the same result in
    // one register, so that the call is a jump; and costs only calls that come so far. The usual call is a leaf: two
    // reads of the gate and one read-modify-write. It saves no registers, because restoring one is a load that waits
    // for the claim.
    //
    //   allocate_slot                  reads the gate; the policy chooses the word
    //   ├─ allocate_beside_pass        a pass is running: `answer.rs`, and `search_in` with marks
    //   ├─ allocate_in_first_chunk     lowest first, where the last claim was in the first chunk: its first word
    //   ├─ allocate_unless_full ────┐  lowest first, where nothing was free last time: nothing if the root is clear
    //   ├─ allocate_lowest          │  lowest first elsewhere: is that chunk the lowest
    //   │  ├─ allocate_in_chunk     │  the other words, or any word of that chunk
    //   │  │  └─ allocate_beyond ───┤  it is full: clears its hint
    //   │  ├─ allocate_after_loss ──┤  other threads were faster: steps back if contended
    //   │  └────────────────────────┴─► allocate_lowest_elsewhere  one way down the summary
    //   ├─ allocate_first_step         next and random: `policies.rs`  │
    //   │  └─ allocate_around          spread, where the word of the thread's last claim has nothing:
    //   │     │                        its chunk, then the word of the thread's last release
    //   │     └─► allocate_anywhere ◄──────────────────────────────────┘
    //   │         │                    all other words; nothing if the root is clear
    //   │         └─ allocate_by_search  by the summary: finds one, or proves that none was free
    //   └─ answer_claim                reads the gate again
    //      ├─ answer_beside_pass       a pass has begun meanwhile, or the disk must be waited for: `answer.rs`
    //      └─ finish_claim             updates the counters
    //
    // Beside it: `claim_exact` for one slot, `claim_in` for a part, `claim_into` and `Bitmap::claim_all` for many. The
    // rungs of the bitmap below are in `bitmap/single.rs`.

    #[inline(never)]
    pub(in crate::pool) fn allocate_slot(&self, event: Event) -> MaybeSlot {
        let gate = self.words.gate_word();
        let before = gate.look();
        if !before.is_quiet() {
            return self.allocate_beside_pass(event);
        }
        match self.hints.last_chunk() {
            // A small pool, or one with few holders: there is nothing to ask of the summary.
            Some(0) => self.allocate_in_first_chunk(event, before),
            Some(NO_CHUNK) => self.allocate_unless_full(event, before),
            Some(chunk) => self.allocate_lowest(event, before, chunk),
            None => match self.claim_near() {
                Some(slot) => self.answer_claim(slot, before, event),
                None => self.allocate_first_step(event, before),
            },
        }
    }

    /// Claims the lowest slot, which is likely in this chunk.
    #[inline(never)]
    fn allocate_lowest(&self, event: Event, before: Gate, last_chunk: usize) -> MaybeSlot {
        match self.bitmap().is_lowest(last_chunk) {
            // Not its first word first, as in the first chunk: it is one of eight.
            true => self.allocate_here(event, before, last_chunk),
            false => self.allocate_lowest_elsewhere(event, before),
        }
    }

    /// Claims the lowest slot where nothing was free last time: the root says whether that is still so.
    #[inline(always)]
    fn allocate_unless_full(&self, event: Event, before: Gate) -> MaybeSlot {
        match self.is_full_by_the_root() {
            true => self.refuse(),
            false => self.allocate_lowest_elsewhere(event, before),
        }
    }

    /// Claims the lowest slot where the chunk of the last claim has none: by one way down the summary.
    #[inline(never)]
    fn allocate_lowest_elsewhere(&self, event: Event, before: Gate) -> MaybeSlot {
        if !self.words.enter_to_search() {
            return MaybeSlot::NONE;
        }
        match self.bitmap().try_claim_lowest() {
            Attempt::Took(slot) => {
                self.hints.found_lowest(slot);
                self.answer_claim(slot, before, event)
            }
            Attempt::Empty => self.allocate_anywhere(event, before),
            Attempt::Lost => self.allocate_by_search(event, before),
        }
    }

    /// Claims the lowest slot where no chunk comes before.
    #[inline(always)]
    fn allocate_in_first_chunk(&self, event: Event, before: Gate) -> MaybeSlot {
        match self.bitmap().claim_in_first_word() {
            LowestAttempt::Claimed(slot) => self.answer_claim(slot, before, event),
            LowestAttempt::InLaterWord => self.allocate_in_chunk(event, before, 0),
            LowestAttempt::InOtherChunk => self.allocate_lowest_elsewhere(event, before),
            LowestAttempt::Lost => self.allocate_after_loss(event, before),
        }
    }

    /// Answers with a slot that was claimed since `before`.
    #[inline(always)]
    pub(super) fn answer_claim(&self, slot: Slot, before: Gate, event: Event) -> MaybeSlot {
        if self.words.gate_again() != before {
            return self.answer_beside_pass(before, slot, event);
        }
        // Checked separately: a jump table would cost more instructions than the usual case needs.
        if self.after_claim == AfterClaim::Nothing {
            return MaybeSlot::some(slot);
        }
        if self.after_claim == AfterClaim::Count && self.counters.count_alone(event, 1) {
            return MaybeSlot::some(slot);
        }
        if self.after_claim == AfterClaim::Shared
            && !self.words.is_forked()
            && self.counters.are_off()
        {
            return MaybeSlot::some(slot);
        }
        self.finish_claim(before, slot, event)
    }

    /// Does what is left to do after a claim; returns none if the slot had to be given back.
    #[inline(never)]
    fn finish_claim(&self, before: Gate, slot: Slot, event: Event) -> MaybeSlot {
        // Compared one by one, as in `answer_claim`.
        if self.after_claim != AfterClaim::Count {
            if self.must_ask_the_file() {
                return self.answer_beside_pass(before, slot, event);
            }
            if self.counters.are_off() {
                return MaybeSlot::some(slot);
            }
        }
        self.counters.allocated(event, 1);
        MaybeSlot::some(slot)
    }

    /// Claims the lowest slot when no chunk comes before this one.
    #[inline(never)]
    fn allocate_in_chunk(&self, event: Event, before: Gate, chunk_index: usize) -> MaybeSlot {
        self.allocate_here(event, before, chunk_index)
    }

    /// Does the same, inlined where it is frequent.
    #[inline(always)]
    fn allocate_here(&self, event: Event, before: Gate, chunk_index: usize) -> MaybeSlot {
        match self.bitmap().try_claim_lowest_in_chunk(chunk_index) {
            Attempt::Took(slot) => self.answer_claim(slot, before, event),
            Attempt::Empty => self.allocate_beyond(event, before, chunk_index),
            Attempt::Lost => self.allocate_after_loss(event, before),
        }
    }

    /// Claims the lowest slot when this chunk is empty; clears its hint for later searches.
    #[inline(never)]
    fn allocate_beyond(&self, event: Event, before: Gate, chunk_index: usize) -> MaybeSlot {
        self.bitmap().settle(chunk_index);
        self.allocate_lowest_elsewhere(event, before)
    }

    /// Claims the lowest slot after other threads were faster.
    #[inline(never)]
    fn allocate_after_loss(&self, event: Event, before: Gate) -> MaybeSlot {
        self.hints.after_loss();
        self.allocate_lowest_elsewhere(event, before)
    }

    /// Claims a slot near the thread's last one, if the thread has a hint to itself.
    #[inline(always)]
    fn claim_near(&self) -> Option<Slot> {
        let near = self.hints.near_own()?;
        self.bitmap()
            .try_claim_near(near.word_index, near.start_bit)
    }

    /// Claims a slot for a thread that has no index yet, or no hint to itself, or whose word is empty.
    #[inline(never)]
    pub(super) fn allocate_around(&self, event: Event, before: Gate) -> MaybeSlot {
        match self.claim_around() {
            Some(slot) => self.answer_claim(slot, before, event),
            None => self.allocate_anywhere(event, before),
        }
    }

    fn claim_around(&self) -> Option<Slot> {
        let near = self.hints.near()?;
        let bitmap = self.bitmap();
        if let Some(slot) = bitmap.claim_near(near.word_index, near.start_bit) {
            self.hints.found(slot);
            return Some(slot);
        }
        // The whole chunk is taken. In a nearly full pool, the thread's own last release is a better hint than the
        // summary. The thread does not move there, because it may be another thread's home.
        bitmap.try_claim_near(near.freed_word(), near.start_bit)
    }

    /// Claims the first free slot from where the policy starts. Also a leaf, because threads that wait for an address
    /// keep trying full pools.
    #[inline(never)]
    pub(super) fn allocate_anywhere(&self, event: Event, before: Gate) -> MaybeSlot {
        // Not with a random policy: a refused call draws a number, too.
        if self.is_full_by_the_root() && !self.hints.scatters() {
            self.hints.found_nothing();
            return self.refuse();
        }
        self.allocate_by_search(event, before)
    }

    /// Returns whether the root alone proves that nothing is free. Not in a file, where a dead process may have hidden
    /// something.
    #[inline(always)]
    fn is_full_by_the_root(&self) -> bool {
        self.bitmap().is_empty_by_the_root() && !self.is_in_file()
    }

    /// Refuses a claim from a pool that is not in a file.
    #[inline(always)]
    fn refuse(&self) -> MaybeSlot {
        if self.after_claim == AfterClaim::Nothing || self.counters.count_alone(Event::Exhausted, 1)
        {
            return MaybeSlot::NONE;
        }
        self.refuse_and_count()
    }

    #[cold]
    #[inline(never)]
    fn refuse_and_count(&self) -> MaybeSlot {
        self.count_exhausted();
        MaybeSlot::NONE
    }

    #[inline(never)]
    fn allocate_by_search(&self, event: Event, before: Gate) -> MaybeSlot {
        match self.search() {
            Some(slot) => self.answer_claim(slot, before, event),
            None => MaybeSlot::NONE,
        }
    }

    #[inline]
    fn search(&self) -> Option<Slot> {
        if !self.words.enter_to_search() {
            return None;
        }
        self.search_in(self.bitmap())
    }

    #[inline]
    pub(in crate::pool) fn search_in(&self, bitmap: Bitmap<'_, impl Mark>) -> Option<Slot> {
        let found = match self.hints {
            Hints::Lowest { .. } => self.claim_or_scrub(|| bitmap.claim_lowest()),
            Hints::Next(_) | Hints::Spread { .. } | Hints::Random(_) | Hints::Highest => {
                self.claim_or_scrub(|| self.claim_by_way(bitmap))
            }
        };
        match found {
            Some(slot) => self.hints.found(slot),
            None => {
                self.hints.found_nothing();
                self.count_exhausted();
            }
        }
        found
    }

    #[inline(never)]
    fn claim_by_way(&self, bitmap: Bitmap<'_, impl Mark>) -> Option<Slot> {
        match self.way() {
            Way::UpFrom(start) => bitmap.claim_from(start),
            Way::Down => bitmap.claim_highest(),
        }
    }

    /// Claims a slot of a part, as these hints choose it; returns `None` if at some instant of the call none was free.
    pub(in crate::pool) fn claim_in(
        &self,
        hints: &Hints,
        (first, last): Part,
    ) -> Result<Option<Slot>, FileRefusal> {
        let claimed = self.claim(|bitmap| {
            let way = hints.way(first, last, |slot| bitmap.is_free(slot));
            self.claim_or_scrub(|| bitmap.claim_within(first, way, last))
        })?;
        match claimed {
            Some(slot) => {
                hints.found(slot);
                self.counters.allocated(Event::Any, 1);
            }
            None => self.count_exhausted(),
        }
        Ok(claimed)
    }

    /// Returns the way in which the policy searches.
    pub(in crate::pool) fn way(&self) -> Way {
        let bitmap = self.bitmap();
        self.hints
            .way(0, self.last_slot(), |slot| bitmap.is_free(slot))
    }

    fn next_step(&self) -> BatchStep {
        let likely_chunk = self.hints.last_chunk();
        BatchStep {
            way: match likely_chunk {
                // Known without a look: lowest first.
                Some(_) => Way::UpFrom(0),
                None => self.way(),
            },
            at_most: if self.hints.scatters() { 1 } else { u64::MAX },
            likely_chunk,
        }
    }

    /// Sorts the addresses of a batch as the policy promises, if they were taken in another order.
    #[inline]
    pub(in crate::pool) fn put_in_order(&self, addrs: &mut [N::Addr]) {
        if self.hints.descends() {
            addrs.sort_unstable_by(|a, b| b.cmp(a));
        }
    }

    fn note_batch(&self, last: Option<&WordBits>, count: u64) {
        let Some(&(word_index, bits)) = last else {
            return;
        };
        self.hints.found(slot_at(word_index, bits.ilog2()));
        self.counters.allocated(Event::Batch, count);
    }

    #[inline]
    pub(in crate::pool) fn last_slot(&self) -> Slot {
        (self.geometry.slot_count() - 1) as Slot
    }

    #[cold]
    pub(in crate::pool) fn count_exhausted(&self) {
        self.counters.count(Event::Exhausted, 1);
    }

    /// Returns the error. It is built where it is returned, because copying it costs more than the failed claim; for a
    /// pool in a file it is copied, so that the other pools do not save registers for it.
    #[inline]
    pub(crate) fn exhausted<T>(&self) -> Result<T, AllocateError> {
        if self.is_in_file() {
            return Err(self.exhausted_in_file());
        }
        Err(AllocateError::Exhausted {
            capacity: self.capacity(),
            quarantined: 0,
            closed: 0,
        })
    }

    #[cold]
    #[inline(never)]
    fn exhausted_in_file(&self) -> AllocateError {
        if let Some(refusal) = FileRefusal::of_number(self.refusal_number()) {
            return refusal.into();
        }
        AllocateError::Exhausted {
            capacity: self.capacity(),
            quarantined: self.quarantined(),
            closed: 0,
        }
    }
}
