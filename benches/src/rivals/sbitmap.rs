//! `sbitmap`: a port of the Linux kernel's, one padded word for each cache line.

use super::addresses::{addr_of, slot_of};
use super::{Order, Profile, Rival, Session, Threads};
use sbitmap::Sbitmap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The set in its intended use: each thread keeps a hint.
pub struct HintedSbitmap {
    bits: Sbitmap,
    /// The number of sessions so far: each begins somewhere else, as in the kernel.
    sessions: AtomicUsize,
}

impl HintedSbitmap {
    /// What it is and what it can do. `test_bit` gives it membership, but no claim and no release says
    /// what it found.
    pub const PROFILE: Profile = Profile {
        membership: true,
        ..Profile::new("sbitmap, hint per thread", Order::AnyAddress)
            .concurrent(Threads::LockFree)
            .may_miss_what_moves()
            .walking()
    };

    /// Builds it with nothing taken.
    pub fn new(capacity: u32) -> Self {
        Self {
            bits: Sbitmap::new(capacity as usize, None, false),
            sessions: AtomicUsize::new(0),
        }
    }
}

impl Rival for HintedSbitmap {
    type Session<'a> = Hinted<'a>;

    fn profile(&self) -> &Profile {
        &Self::PROFILE
    }

    fn session(&self) -> Hinted<'_> {
        // Relaxed: only a number for a starting guess.
        let session = self.sessions.fetch_add(1, Ordering::Relaxed);
        let depth = self.bits.depth();
        Hinted {
            bits: &self.bits,
            hint: session.wrapping_mul(far_apart(depth)) % depth,
        }
    }

    fn take(&mut self, count: u32) {
        take_in_order(&self.bits, count);
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        padded_words_bytes(capacity)
    }
}

/// A session of one thread, with its hint.
pub struct Hinted<'a> {
    bits: &'a Sbitmap,
    hint: usize,
}

impl Session for Hinted<'_> {
    #[inline]
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        self.bits.get(&mut self.hint).map(|bit| addr_of(bit as u32))
    }

    #[inline]
    fn release(&mut self, addr: Ipv4Addr) -> bool {
        self.bits.put(slot_of(addr) as usize, &mut self.hint);
        true
    }
}

/// Searches always from the first word: the only way to get the lowest free slot.
pub struct LowestSbitmap {
    bits: Sbitmap,
}

impl LowestSbitmap {
    /// What it is and what it can do.
    pub const PROFILE: Profile = Profile {
        name: "sbitmap, hint always 0",
        order: Order::LowestFirst,
        ..HintedSbitmap::PROFILE
    };

    /// Builds it with nothing taken.
    pub fn new(capacity: u32) -> Self {
        Self {
            bits: Sbitmap::new(capacity as usize, None, false),
        }
    }
}

impl Rival for LowestSbitmap {
    type Session<'a> = &'a Self;

    fn profile(&self) -> &Profile {
        &Self::PROFILE
    }

    fn session(&self) -> &Self {
        self
    }

    fn take(&mut self, count: u32) {
        take_in_order(&self.bits, count);
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        padded_words_bytes(capacity)
    }
}

impl Session for &LowestSbitmap {
    #[inline]
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        self.bits.get(&mut 0).map(|bit| addr_of(bit as u32))
    }

    #[inline]
    fn release(&mut self, addr: Ipv4Addr) -> bool {
        self.bits.put(slot_of(addr) as usize, &mut 0);
        true
    }
}

/// Takes the lowest free bits. The hint follows, so that no word is looked at twice.
fn take_in_order(bits: &Sbitmap, count: u32) {
    let mut hint = 0;
    for _ in 0..count {
        let bit = bits.get(&mut hint);
        hint = bit.expect("fewer are taken than there are");
    }
}

/// Returns the golden ratio of the depth: any number of sessions begin far from each other.
fn far_apart(depth: usize) -> usize {
    (depth as f64 * 0.618) as usize
}

fn padded_words_bytes(capacity: u32) -> f64 {
    const CACHE_LINE_BYTES: f64 = 64.0;
    f64::from(capacity.div_ceil(usize::BITS)) * CACHE_LINE_BYTES
}
