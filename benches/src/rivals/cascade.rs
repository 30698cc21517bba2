//! A mutex around `bitmap-allocator`: a tree of 16-bit words.

use super::addresses::capacity_of;
use super::{Locked, Order, Profile, Store};
use bitmap_allocator::BitAlloc;

/// Without optimization, the default value of the largest cascade passes over the stack more than once.
const BUILDER_STACK_BYTES: usize = 64 << 20;

/// The free slots.
pub struct Cascade<B> {
    free: Box<B>,
}

impl<B: BitAlloc + Send + 'static> Cascade<B> {
    /// Builds it with all slots of 10.0.0.0/`prefix_len` free.
    pub fn locked(prefix_len: u8) -> Locked<Self> {
        Locked::new(PROFILE, Self::new(capacity_of(prefix_len)))
    }

    fn new(capacity: u32) -> Self {
        let mut free = on_a_large_stack(|| Box::new(B::DEFAULT));
        free.insert(0..capacity as usize);
        Self { free }
    }
}

const PROFILE: Profile =
    Profile::new("Mutex<bitmap-allocator>", Order::LowestFirst).with_membership();

/// Builds something that is too large for the stack of a test.
pub(super) fn on_a_large_stack<T: Send + 'static>(build: fn() -> T) -> T {
    let builder = std::thread::Builder::new().stack_size(BUILDER_STACK_BYTES);
    let thread = builder.spawn(build).expect("a thread can be started");
    thread.join().expect("building does not panic")
}

impl<B: BitAlloc + Send + 'static> Store for Cascade<B> {
    fn allocate(&mut self) -> Option<u32> {
        self.free.alloc().map(|slot| slot as u32)
    }

    fn release(&mut self, slot: u32) -> bool {
        self.free.dealloc(slot as usize)
    }

    fn allocate_exact(&mut self, slot: u32) -> Option<bool> {
        let slot = slot as usize;
        let is_free = self.free.test(slot);
        if is_free {
            self.free.remove(slot..slot + 1);
        }
        Some(is_free)
    }

    fn memory_bytes(&self, _capacity: u32) -> f64 {
        size_of::<B>() as f64
    }
}
