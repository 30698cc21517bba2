//! Other designs that hand out addresses, behind one trait, so that all of them do the same work.
//!
//! Every contestant returns and takes [`Ipv4Addr`]s of 10.0.0.0/`prefix_len`, all of whose addresses
//! may be handed out. Contestants that use slots convert in their adapter, as hostbits does inside.

mod addresses;
mod cascade;
mod check;
mod contestant;
mod dash_set;
mod duel;
mod field;
mod fixed_bits;
mod free_list;
mod free_set;
mod hostbits;
mod index_set;
mod locked;
mod original;
mod profile;
mod record;
mod registry;
mod roaring_bits;
mod sbitmap;
mod table;
mod taken_set;

pub use addresses::{addr_of, capacity_of, random_victims, slot_of};
pub use cascade::Cascade;
pub use check::{check_alone, check_together};
pub use contestant::{BURST, Contestant, Entrant};
pub use dash_set::ProbedDashSet;
pub use duel::{Figure, Limits, Timed, TimedLoop, interleaved};
pub use field::{Field, Row};
pub use fixed_bits::FixedBits;
pub use free_list::{Queue, Stack};
pub use free_set::FreeSet;
pub use hostbits::{Hostbits, HostbitsLocal};
pub use index_set::IndexSet;
pub use locked::{Locked, Store};
pub use original::Original;
pub use profile::{Order, Profile, Threads};
pub use record::{Bench, Outcome, RivalRecord};
pub use registry::{Entry, entries};
pub use roaring_bits::RoaringBits;
pub use sbitmap::{HintedSbitmap, LowestSbitmap};
pub use table::{print_abilities, print_table, print_winners};
pub use taken_set::TakenSet;

use std::net::Ipv4Addr;

/// Something that hands out the addresses of one network.
pub trait Rival: Send + Sync + Sized + 'static {
    /// What one thread keeps for itself: a hint, a reservation, or nothing but a reference.
    type Session<'a>: Session;

    /// Returns what it is and what it can do.
    fn profile(&self) -> &Profile;

    /// Begins a session for one thread.
    fn session(&self) -> Self::Session<'_>;

    /// Takes `count` more addresses, the lowest free ones if the order is lowest first. Not timed.
    ///
    /// Override where repeated allocation would take time that grows with the square.
    fn take(&mut self, count: u32) {
        let mut session = self.session();
        for _ in 0..count {
            session.allocate().expect("fewer are taken than there are");
        }
    }

    /// Returns the most bytes that it holds for a network of `capacity` slots, computed from its layout.
    fn memory_bytes(&self, capacity: u32) -> f64;
}

/// The operations that one thread calls.
pub trait Session {
    /// Takes an address out.
    fn allocate(&mut self) -> Option<Ipv4Addr>;

    /// Gives an address back. Returns false if it is known that it was not taken.
    fn release(&mut self, addr: Ipv4Addr) -> bool;

    /// Takes exactly `addr`, and returns whether this call took it; `None` if this is not supported.
    fn allocate_exact(&mut self, addr: Ipv4Addr) -> Option<bool> {
        let _ = addr;
        None
    }
}
