//! Releases quarantined addresses that a user list does not contain.
//!
//! A quarantined address cannot have been allocated since it was quarantined, because in the words it is taken. So an
//! address that is not listed is free, provided that the list contains everything that was allocated before. Each
//! suspect leaves the quarantine by one read-modify-write, and only the thread that took it out frees it: a release
//! that comes first has taken it out itself, and a second reclaim finds nothing.
//!
//! A list may contain an address that another list, read earlier, does not. So adopted addresses leave the quarantine
//! before they are taken. Between the two stores of a reclaim, no other thread can see that a slot is about to become
//! free. Therefore the two stores form a flight, and an adopt waits for it.

use crate::file_refusal::FileRefusal;
use crate::network::Network;
use crate::pool::Pool;
use crate::sync::Ordering;
use crate::users::{AdoptError, Adopted, Record, Unreadable};
use std::error::Error;
use std::fmt;

/// The effect of [`Pool::reclaim`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "it says which entries of the list were not what they should be"]
#[non_exhaustive]
pub struct Reclaimed {
    /// Addresses that were quarantined and not listed, and are now free.
    pub freed: u64,
    /// Addresses that were quarantined and listed, and are now allocated.
    pub held: u64,
    /// The result for the entries of the list. Listed addresses are allocated.
    pub adopted: Adopted,
}

/// Why nothing was reclaimed. Listed addresses were allocated nevertheless; nothing was freed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum ReclaimError {
    /// The pool is on the heap, and has no quarantine.
    NoFile,
    /// This process is a fork of the one that opened the pool: it must open the file itself.
    Forked,
    /// The list contains no address of the pool. If no address is held, call
    /// [`release_quarantine_unchecked`](Pool::release_quarantine_unchecked).
    EmptyList {
        /// How many addresses are quarantined.
        quarantined: u64,
    },
    /// The list has unclear entries, so it proves nothing about addresses that it does not contain.
    Unclear {
        /// The result for the entries.
        adopted: Box<Adopted>,
    },
    /// The pool file cannot be used. Only a [`LeasePool`](crate::lease::LeasePool) returns it: it makes leases. Reclaim again
    /// in a pool that was opened again.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl From<AdoptError> for ReclaimError {
    fn from(error: AdoptError) -> Self {
        match error {
            AdoptError::Unreadable { adopted } => Self::Unclear { adopted },
            AdoptError::File(FileRefusal::Forked) => Self::Forked,
            AdoptError::File(refusal) => Self::File(refusal),
        }
    }
}

impl ReclaimError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFile => "no-file",
            Self::Forked => "forked",
            Self::EmptyList { .. } => "empty-list",
            Self::Unclear { .. } => "unclear",
            Self::File(refusal) => refusal.code(),
        }
    }
}

impl fmt::Display for ReclaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("the pool is on the heap, and has no quarantine"),
            Self::Forked => FileRefusal::Forked.fmt(f),
            Self::EmptyList { quarantined } => write!(
                f,
                "the list contains no address of the pool, and {quarantined} are quarantined: if none \
                 of them is held, release the quarantine unchecked"
            ),
            Self::File(refusal) => refusal.fmt(f),
            Self::Unclear { adopted } => match adopted.unparseable {
                1 => f.write_str("1 entry of the list cannot be read: nothing was freed"),
                count => write!(
                    f,
                    "{count} entries of the list cannot be read: nothing was freed"
                ),
            },
        }
    }
}

impl Error for ReclaimError {}

/// Checks that every entry is clear.
pub(crate) fn check_clear(unreadable: Unreadable, adopted: &Adopted) -> Result<(), ReclaimError> {
    if adopted.is_unclear(unreadable) {
        return Err(ReclaimError::Unclear {
            adopted: Box::new(adopted.clone()),
        });
    }
    Ok(())
}

impl<N: Network> Pool<N> {
    /// Frees the quarantined addresses that a list does not contain.
    ///
    /// The list must contain every address that was allocated before, with no holder missing: read it from the primary
    /// database, and only when it is complete. Listed addresses are allocated first, as by [`adopt`](Self::adopt).
    /// Other threads may allocate and release meanwhile, with one exception.
    ///
    /// **The list must also contain addresses whose record was already deleted, but whose release has not been called
    /// yet.** Otherwise such an address is freed here and may be allocated again at once; the late release then takes
    /// it from its new holder, which a single bit cannot detect. If your program deletes a record first and releases
    /// the address afterwards, as it should, either let those releases return before you read the list, or add their
    /// addresses to it.
    ///
    /// The quarantine contains the addresses that were free according to the file. A release that had not reached the
    /// disk when the machine went down is not among them, with any durability: according to the file, the address is
    /// held. Such an address is an ordinary leak, which this method does not find. With
    /// [`Durability::Process`](crate::Durability::Process), this can affect any release since the last
    /// [`sync`](Self::sync) or close.
    ///
    /// # Errors
    ///
    /// [`ReclaimError::Unclear`] if an entry cannot be read (see [`reclaim_with`](Self::reclaim_with)),
    /// [`ReclaimError::EmptyList`] if the list contains no address of the pool, [`ReclaimError::NoFile`] and
    /// [`ReclaimError::Forked`]. Nothing was freed.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-reclaim-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).create(&path)?;
    /// let reclaimed = pool.reclaim(["10.0.0.7"])?;
    /// assert_eq!((reclaimed.freed, reclaimed.held, reclaimed.adopted.taken), (0, 0, 1));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reclaim(
        &self,
        users: impl IntoIterator<Item = impl Record>,
    ) -> Result<Reclaimed, ReclaimError> {
        self.reclaim_with(Unreadable::Refuse, users)
    }

    /// Reclaims like [`reclaim`](Self::reclaim), with a choice of what to do with unreadable entries. The address that
    /// such an entry stands for may be freed.
    ///
    /// # Errors
    ///
    /// The same errors as [`reclaim`](Self::reclaim).
    ///
    /// ```
    /// # use hostbits::{Pool, users::Unreadable};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-reading-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).create(&path)?;
    /// assert!(pool.reclaim(["10.0.0.5", "10.0.0.x"]).is_err());
    /// let one = Unreadable::Skip { at_most: 1 };
    /// assert!(pool.reclaim_with(one, ["10.0.0.5", "10.0.0.x"]).is_ok());
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reclaim_with(
        &self,
        unreadable: Unreadable,
        users: impl IntoIterator<Item = impl Record>,
    ) -> Result<Reclaimed, ReclaimError> {
        self.check_reclaimable()?;
        let mut listing = self.read_list(users);
        self.take_all(&mut listing);
        let (adopted, listed) = listing.into_words();
        check_clear(unreadable, &adopted)?;
        self.check_listed(&listed)?;
        let (freed, held) = self.reclaim_unlisted(listed);
        Ok(Reclaimed {
            freed,
            held,
            adopted,
        })
    }

    /// Frees the whole quarantine, and returns how many addresses that were.
    ///
    /// The caller guarantees that none of them is held. Otherwise, two holders may share an address from now on.
    ///
    /// # Errors
    ///
    /// [`ReclaimError::NoFile`] and [`ReclaimError::Forked`].
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-risk-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).create(&path)?;
    /// assert_eq!(pool.release_quarantine_unchecked()?, 0);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_quarantine_unchecked(&self) -> Result<u64, ReclaimError> {
        self.check_reclaimable()?;
        Ok(self.empty_quarantine())
    }

    /// Checks whether a list with these slots, by words, may free anything here.
    pub(crate) fn check_listed(&self, listed: &[u64]) -> Result<(), ReclaimError> {
        if listed.iter().all(|&word| word == 0) && self.words.has_suspects() {
            return Err(ReclaimError::EmptyList {
                quarantined: self.quarantined(),
            });
        }
        Ok(())
    }

    /// Empties the quarantine and frees the slots that are not listed; returns how many were freed, and how many are
    /// held.
    pub(crate) fn reclaim_unlisted(&self, listed: Vec<u64>) -> (u64, u64) {
        let held = self.leave_quarantine(&listed);
        if self.had_suspects() {
            // Again, because another reclaim, whose list was read earlier, may have freed some of it.
            let taken = self.take_words(|| listed.iter().copied().enumerate());
            self.count_adopted(taken);
        }
        (self.empty_quarantine(), held)
    }

    pub(crate) fn check_reclaimable(&self) -> Result<(), ReclaimError> {
        match self.words.file() {
            None => Err(ReclaimError::NoFile),
            Some(file) if file.is_forked() => Err(ReclaimError::Forked),
            Some(_) => Ok(()),
        }
    }

    /// Empties the quarantine and frees its slots; returns how many.
    fn empty_quarantine(&self) -> u64 {
        let mut freed = 0;
        let quarantine = self.words.file().map(|file| file.quarantine());
        for (word_index, suspects) in quarantine.unwrap_or_default().iter().enumerate() {
            // Relaxed: a bit that is clear never returns; bits that are set are decided below.
            if suspects.load(Ordering::Relaxed) == 0 {
                continue;
            }
            // In flight until it is free; see `leave_quarantine`.
            let _flight = self.bitmap().begin_flight();
            let free = self.words.clear_suspects(word_index, u64::MAX);
            if free != 0 {
                self.give_back(word_index, free);
                freed += u64::from(free.count_ones());
            }
        }
        self.words.forget_suspects();
        freed
    }
}
