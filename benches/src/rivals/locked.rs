//! A data structure for one thread, behind a mutex.

use super::addresses::{addr_of, slot_of};
use super::{Profile, Rival, Session};
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Slots that one thread takes and gives back.
pub trait Store: Send + 'static {
    /// Takes a slot out.
    fn allocate(&mut self) -> Option<u32>;

    /// Gives a slot back. Returns false if it is known that it was not taken.
    fn release(&mut self, slot: u32) -> bool;

    /// Takes exactly `slot`, and returns whether this call took it; `None` if this is not supported.
    fn allocate_exact(&mut self, slot: u32) -> Option<bool> {
        let _ = slot;
        None
    }

    /// Takes `count` more slots, as [`Rival::take`] does.
    fn take(&mut self, count: u32) {
        for _ in 0..count {
            self.allocate().expect("fewer are taken than there are");
        }
    }

    /// Returns the most bytes that it holds for `capacity` slots.
    fn memory_bytes(&self, capacity: u32) -> f64;
}

/// A [`Store`] behind a mutex.
pub struct Locked<S> {
    profile: Profile,
    store: Mutex<S>,
}

impl<S: Store> Locked<S> {
    /// Puts a lock around `store`.
    pub fn new(profile: Profile, store: S) -> Self {
        Self {
            profile,
            store: Mutex::new(store),
        }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, S> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store> Rival for Locked<S> {
    type Session<'a> = &'a Self;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn session(&self) -> &Self {
        self
    }

    fn take(&mut self, count: u32) {
        self.lock().take(count);
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        self.lock().memory_bytes(capacity)
    }
}

impl<S: Store> Session for &Locked<S> {
    #[inline]
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        self.lock().allocate().map(addr_of)
    }

    #[inline]
    fn release(&mut self, addr: Ipv4Addr) -> bool {
        self.lock().release(slot_of(addr))
    }

    fn allocate_exact(&mut self, addr: Ipv4Addr) -> Option<bool> {
        self.lock().allocate_exact(slot_of(addr))
    }
}
