//! Atomics that record which cache lines a thread reads and writes. All unit tests run over them, and recording is off
//! unless a test asks for it.

use super::Ordering;
use core::sync::atomic;
use std::cell::RefCell;

/// One access to a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) address: usize,
    /// Also for an exchange that fails: the processor needs the line for itself all the same.
    pub(crate) writes: bool,
}

const LINE_BYTES: usize = 64;

impl Access {
    pub(crate) fn line(self) -> usize {
        self.address / LINE_BYTES
    }
}

/// A part of a pool's memory: its first address, the address after it, and what it is.
pub(crate) type Place = (usize, usize, &'static str);

/// Returns where `part` is.
pub(crate) fn place<T: ?Sized>(part: &T, name: &'static str) -> Place {
    let first = std::ptr::from_ref(part).cast::<u8>().addr();
    let end = first + size_of_val(part);
    (first, end, name)
}

thread_local! {
    static RECORD: RefCell<Option<Vec<Access>>> = const { RefCell::new(None) };
}

/// Returns what `act` returns, and its accesses in their order.
pub(crate) fn record<T>(act: impl FnOnce() -> T) -> (T, Vec<Access>) {
    RECORD.set(Some(Vec::new()));
    let done = act();
    (done, RECORD.take().expect("it was set above"))
}

fn note<T>(cell: &T, writes: bool) {
    let address = std::ptr::from_ref(cell).addr();
    // A thread that is being destroyed records nothing.
    let _ = RECORD.try_with(|record| {
        if let Some(accesses) = record.borrow_mut().as_mut() {
            accesses.push(Access { address, writes });
        }
    });
}

macro_rules! traced {
    ($name:ident, $value:ty) => {
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub(crate) struct $name(atomic::$name);

        // Every ordering is the caller's, who says why.
        impl $name {
            pub(crate) const fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                note(self, false);
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                note(self, true);
                self.0.store(value, order);
            }
        }
    };
}

traced!(AtomicU32, u32);
traced!(AtomicU64, u64);

macro_rules! exchanges {
    ($($method:ident)*) => {
        // As above.
        impl AtomicU64 {
            $(
                pub(crate) fn $method(&self, value: u64, order: Ordering) -> u64 {
                    note(self, true);
                    self.0.$method(value, order)
                }
            )*
        }
    };
}

exchanges!(swap fetch_add fetch_sub fetch_and fetch_or fetch_max);

impl AtomicU64 {
    pub(crate) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        note(self, true);
        // The orderings are the caller's.
        self.0.compare_exchange(current, new, success, failure)
    }

    #[cfg(pool_files)]
    pub(crate) fn into_inner(self) -> u64 {
        self.0.into_inner()
    }

    pub(crate) fn get_mut(&mut self) -> &mut u64 {
        self.0.get_mut()
    }
}
