//! The quarantine against a list of who holds what.
//!
//! Nobody can have got a quarantined address since it was quarantined: to the words it is taken. So
//! what the list does not name is free, as long as the list has everything that was allocated before.
//! Each suspect leaves the quarantine by one read-modify-write, and only who took it out frees it: a
//! release that comes first has taken it out itself, and a second reclaim finds nothing.
//!
//! A list may name what another one, read before, does not. So what is adopted leaves the quarantine before it is
//! taken. Between the two stores of a reclaim nobody sees that a slot is about to be free: they are a flight,
//! and who adopts waits for it.

use crate::error::Refusal;
use crate::network::Network;
use crate::pool::Pool;
use crate::sync::Ordering;
use crate::users::{Adopted, Record, Unreadable};
use std::error::Error;
use std::fmt;

/// What [`Pool::reclaim`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Reclaimed {
    /// Addresses that are free now: quarantined before, and not listed.
    pub freed: u64,
    /// Addresses that are held, as the list says: quarantined before, and no longer.
    pub held: u64,
    /// What became of the entries of the list. What it names is taken.
    pub adopted: Adopted,
}

/// Why nothing was reclaimed. What the list names has been taken all the same; nothing was freed.
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
    /// The list names no address of the pool. If nobody holds any,
    /// [`release_quarantine_unchecked`](Pool::release_quarantine_unchecked) says so.
    EmptyList {
        /// How many addresses are quarantined.
        quarantined: u64,
    },
    /// The list has entries that say nothing clear, so it proves nothing about what it does not name.
    Unclear {
        /// What became of the entries.
        adopted: Box<Adopted>,
    },
}

impl ReclaimError {
    /// A stable name for logs, JSON and exit codes: kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFile => "no-file",
            Self::Forked => "forked",
            Self::EmptyList { .. } => "empty-list",
            Self::Unclear { .. } => "unclear",
        }
    }
}

impl fmt::Display for ReclaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("the pool is on the heap, and has no quarantine"),
            Self::Forked => Refusal::Forked.fmt(f),
            Self::EmptyList { quarantined } => write!(
                f,
                "the list names no address of the pool, and {quarantined} are quarantined: if nobody \
                 holds any, release the quarantine unchecked"
            ),
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

/// Whether every entry says something clear.
pub(crate) fn check_clear(unreadable: Unreadable, adopted: &Adopted) -> Result<(), ReclaimError> {
    if adopted.is_unclear(unreadable) {
        return Err(ReclaimError::Unclear {
            adopted: Box::new(adopted.clone()),
        });
    }
    Ok(())
}

impl<N: Network> Pool<N> {
    /// Frees what is quarantined, except what a list names.
    ///
    /// The list must have every address that was allocated before, whoever holds it, in full: read it from
    /// the primary, and only when it is complete. What it names is taken first, as by
    /// [`adopt`](Self::adopt). Others may allocate and release meanwhile, with one exception.
    ///
    /// **The list must also have the addresses whose record is deleted already, and whose release has not
    /// been called yet.** Such an address is freed here, somebody else may get it at once, and the release
    /// that comes then gives that one's address away, which no bit can see. If your program deletes a record
    /// first and releases after it, as it should, either let those releases return before you read the list,
    /// or add their addresses to it.
    ///
    /// The quarantine has what the file took for free. A release that had not come to the disk when the
    /// machine went down is not in it, with any durability: the file says that the address is held, so it is
    /// a plain leak, and this does not find it. With [`Durability::Process`](crate::Durability::Process) that
    /// may be any release since the last [`sync`](Self::sync) or close.
    ///
    /// # Errors
    ///
    /// [`ReclaimError::Unclear`] if an entry cannot be read (see [`reclaim_with`](Self::reclaim_with)); [`ReclaimError::EmptyList`] if the list names nothing;
    /// [`ReclaimError::NoFile`] and [`ReclaimError::Forked`]. Nothing was freed.
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

    /// Reclaims like [`reclaim`](Self::reclaim), with a choice of what to do with a list in
    /// which something cannot be read. What such an entry meant may be freed.
    ///
    /// # Errors
    ///
    /// As there.
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

    /// Frees the whole quarantine, and answers how many addresses that were.
    ///
    /// The caller vouches that nobody holds any of them: whoever does may share it with somebody else from
    /// now on.
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

    /// Whether a list that names these slots, by words, may free anything here.
    pub(crate) fn check_listed(&self, listed: &[u64]) -> Result<(), ReclaimError> {
        if listed.iter().all(|&word| word == 0) && self.words.has_suspects() {
            return Err(ReclaimError::EmptyList {
                quarantined: self.quarantined(),
            });
        }
        Ok(())
    }

    /// Takes everything out of the quarantine and frees what is not listed; how many are free now, and held.
    pub(crate) fn reclaim_unlisted(&self, listed: Vec<u64>) -> (u64, u64) {
        let held = self.leave_quarantine(&listed);
        if self.had_suspects() {
            // Once more: another reclaim, whose list was read before, may have freed some of it.
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

    /// Takes everything out of the quarantine and frees it; how much.
    fn empty_quarantine(&self) -> u64 {
        let mut freed = 0;
        let quarantine = self.words.file().map(|file| file.quarantine());
        for (word_index, suspects) in quarantine.unwrap_or_default().iter().enumerate() {
            // Relaxed: what is not there now never comes back; what is there is decided below.
            if suspects.load(Ordering::Relaxed) == 0 {
                continue;
            }
            // In the air until it is free: see `leave_quarantine`.
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
