//! A list of users becomes leases: after a restart, or when a pool is first put to use.

use super::lease::Lease;
use super::pool::LeasePool;
use super::time::Tick;
use super::word::{LAST_GENERATION, State, Word};
use crate::client::Client;
use crate::file_refusal::FileRefusal;
use crate::network::Network;
use crate::slot::Slot;
use crate::stats::Event;
use crate::users::{AdoptError, Adopted, Record, Unreadable};

/// The result of adopting a list: what was odd about it, and the leases that its users hold now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "it has the leases, which are new ones"]
#[non_exhaustive]
pub struct AdoptedLeases<A> {
    /// The result for the entries.
    pub report: Adopted,
    /// The leases of all listed addresses, by ascending address. Store them with your records: those from before a
    /// restart are stale.
    pub leases: Vec<Lease<A>>,
}

impl<N: Network> LeasePool<N> {
    /// Leases the addresses of a user list for ever, and returns the leases.
    ///
    /// The whole list is read first; only then are its addresses taken. An address that is leased already stays as it
    /// is, and an offer is committed; one that rests is taken out of its rest. Adopting never ends a lease, is safe at
    /// any time while other threads allocate, and can be repeated. `owner` says who an entry's owner is, for
    /// [`allocate_for`](Self::allocate_for); the first entry of an address counts.
    ///
    /// # Errors
    ///
    /// [`AdoptError::Unreadable`] if more entries cannot be read than allowed: their addresses would be handed out.
    /// Nothing was taken. [`AdoptError::File`] if the pool file refuses it; some may have been taken then.
    ///
    /// ```
    /// use hostbits::{Client, lease::LeasePool, users::Unreadable};
    /// use std::time::Duration;
    ///
    /// // A keyed hash, such as `ClientKey`, in earnest.
    /// let client = |name: &str| Client::from_hash(name.len() as u64);
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let users = [("10.0.0.2", "alice"), ("10.0.0.3", "bob")];
    /// let adopted = pool.adopt(Unreadable::default(), users, |name| Some(client(name)))?;
    /// assert_eq!((adopted.report.taken, adopted.leases.len()), (2, 2));
    /// assert_eq!(pool.allocate_for(client("bob"), Duration::from_secs(30))?, adopted.leases[1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt(
        &self,
        unreadable: Unreadable,
        users: impl IntoIterator<Item = impl Record>,
        owner: impl Fn(&str) -> Option<Client>,
    ) -> Result<AdoptedLeases<N::Addr>, AdoptError> {
        let mut leases = Vec::new();
        let mut refused = self.refusal();
        let report = self.pool.adopt_slots(unreadable, users, |slot, name| {
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            let adopted = match (refused, name.and_then(&owner)) {
                (Some(refusal), _) => Err(refusal),
                (None, Some(owner)) => self.adopt_slot_for(slot, owner),
                (None, None) => self.adopt_slot(slot, |word| {
                    let leased = self.records.raised(word, State::Leased, Tick::NEVER);
                    let may_lease = self.may_offer(leased.generation());
                    let is_ours = may_lease && self.records.exchange(slot, word, leased).is_ok();
                    is_ours.then_some(leased)
                }),
            };
            match adopted {
                Ok((word, is_new)) => {
                    leases.push(self.lease_at(slot, word));
                    is_new
                }
                Err(refusal) => {
                    refused = Some(refusal);
                    false
                }
            }
        })?;
        match refused {
            Some(refusal) => return Err(refusal.into()),
            None => self.wait_until_durable()?,
        }
        self.count_allocated(Event::Adopted, report.taken);
        Ok(AdoptedLeases { report, leases })
    }

    /// Makes a slot leased, whatever it was; `lease` does it where it is not held. Returns its word, and whether it was not
    /// held.
    fn adopt_slot(
        &self,
        slot: Slot,
        mut lease: impl FnMut(Word) -> Option<Word>,
    ) -> Result<(Word, bool), FileRefusal> {
        loop {
            let word = self.records.load(slot);
            match word.state() {
                State::Leased | State::Offered => {
                    let until = match word.state() {
                        State::Leased => word.until(),
                        _ => Tick::NEVER,
                    };
                    // Even if nothing changes: a pass whose list is older may have marked the word since we read it.
                    let leased = word.changed(State::Leased, until);
                    if self.records.exchange(slot, word, leased).is_ok() {
                        return Ok((leased, false));
                    }
                }
                // It has had its last generation, and begins again: the list is more than its day of rest.
                State::Cooling if word.generation() == LAST_GENERATION => {
                    // If it fails, another thread has changed the record, and we look again.
                    let _changed = self.records.exchange(slot, word, Word::NEW);
                }
                State::Free | State::Cooling | State::Quarantined | State::Void => {
                    // Its token, if it has one. A claimer that has it already finds the record taken, and looks on.
                    self.pool.claim_token_of(slot);
                    if let Some(leased) = lease(word) {
                        return Ok((leased, true));
                    }
                    if let Some(refusal) = self.refusal() {
                        return Err(refusal);
                    }
                }
            }
        }
    }

    /// Does the same for an owner, as `allocate_for` does.
    fn adopt_slot_for(&self, slot: Slot, owner: Client) -> Result<(Word, bool), FileRefusal> {
        self.beside_others_of(owner, |owner, outside| {
            let adopted = self.adopt_slot(slot, |word| {
                let soon = self.soon();
                let offered = self.take_for(slot, word, soon, owner, outside)?;
                let leased = offered.changed(State::Leased, Tick::NEVER);
                let outcome = self.records.exchange(slot, offered, leased);
                outcome.is_ok().then_some(leased)
            });
            // Also if another owner holds it: it is only one more place to look.
            self.remember_outside(outside, owner, slot);
            adopted
        })?
    }
}
