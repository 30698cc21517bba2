//! What growing a file would do.

use super::Builder;
use super::builder::{room, usable};
use super::config::Config;
use crate::geometry::slot_count;
use crate::network::Network;
use crate::open_error::OpenError;
use crate::storage::bits_of_ranges;
use crate::storage::file::{Peek, first_taken, has_room_for_config};
use std::path::Path;

/// The effect that [`Builder::grow`] would have on a file. Plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Growth {
    /// Whether anything would change: addresses, capacity, or the labels of reservations.
    pub is_needed: bool,
    /// How many more addresses could be handed out.
    pub added: u64,
    /// Number of addresses, all of them free, that would no longer be handed out.
    pub reserved: u64,
    /// Whether the file has no room for so many slots, or for the configuration, so that a larger file would take its
    /// name.
    pub needs_more_room: bool,
}

impl<N: Network> Builder<N> {
    /// Returns what [`grow`](Self::grow) would do to the file, by the same rules, without changing it: no lock is taken
    /// and nothing is written. Another process may change the file before it grows.
    ///
    /// # Errors
    ///
    /// The errors of [`grow`](Self::grow), except for those that only an attempt can reveal: whether other processes
    /// have the file open, whether there is space, and whether the file may be replaced by a larger one.
    /// [`OpenError::GeometryMismatch`] if an address would get another slot, or could no longer be handed out.
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-growth-{}", std::process::id()));
    /// let of = |net: &str| Pool::builder(net.parse::<ipnet::Ipv4Net>().unwrap()).in_file();
    /// of("10.0.0.0/24").create(&path)?;
    /// assert_eq!(of("10.0.0.0/23").growth(&path)?.added, 256);
    /// assert!(!of("10.0.0.0/24").growth(&path)?.is_needed);
    /// let smaller = of("10.0.0.0/25").growth(&path);
    /// assert!(matches!(smaller, Err(OpenError::GeometryMismatch { .. })));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn growth(&self, path: impl AsRef<Path>) -> Result<Growth, OpenError> {
        let geometry = self.lay_out()?;
        let mut peek = Peek::at(path.as_ref())?;
        self.content.check(peek.header.cooldown)?;
        self.check_durability(peek.durability)?;
        let in_file = Config::parse(&peek.config)?;
        in_file.check_header(peek.header.facts)?;
        let asked = Config::of(&geometry, self.builder.policy);
        let Some(change) = in_file.change_into(&asked) else {
            let mismatches = in_file.mismatches(&asked);
            return Err(OpenError::GeometryMismatch { mismatches });
        };
        // What a record says cannot be read before the file is opened: as `grow_leases` does.
        if peek.header.cooldown.is_some() && !change.removed.is_empty() {
            let mismatches = in_file.mismatches(&asked);
            return Err(OpenError::GeometryMismatch { mismatches });
        }
        // Addresses that the next open would quarantine count as taken.
        let before = in_file.lay_out()?;
        peek.foresee(bits_of_ranges(usable(&before).into_iter()));
        if let Some(slot) = first_taken(&peek.free, &change.removed) {
            let mismatches = in_file.mismatches_for(&asked, geometry.addr_of(slot).into());
            return Err(OpenError::GeometryMismatch { mismatches });
        }
        let room = room(peek.header.layout.capacity_words);
        // The file of a pool of leases is not changed in place.
        let is_replaced = peek.header.cooldown.is_some() && in_file != asked;
        let needs_more_room = is_replaced
            || self.capacity_slots(&geometry) > room
            || !has_room_for_config(&peek.header, &asked.to_string());
        Ok(Growth {
            is_needed: in_file != asked || needs_more_room,
            added: slot_count(&change.added),
            reserved: slot_count(&change.removed),
            needs_more_room,
        })
    }
}
