//! Adopts a user list into a set.

use super::PoolSet;
use super::list::{Route, Router};
use crate::network::Network;
use crate::pool::{BlockSays, MemberListing};
use crate::users::{AdoptError, Adopted, Record, Unreadable};

impl<N: Network> PoolSet<N> {
    /// Marks the addresses of a user list as taken, whichever member they are in, and returns one report: every entry
    /// is in exactly one of its counts, as for [`Pool::adopt`](crate::Pool::adopt). `out_of_range` counts entries whose
    /// address is in no member.
    ///
    /// The whole list is read first. Adopting also takes addresses in drained members and under cordons, because they
    /// are held there as well. It never frees an address, is safe at any time while other threads allocate, and is
    /// idempotent. Members that are added meanwhile are not affected.
    ///
    /// # Errors
    ///
    /// [`AdoptError::Unreadable`] if an entry cannot be read, whichever member it is for. Nothing was taken.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.4.0/22".parse()?)?,
    /// ])?;
    /// let report = set.adopt([("10.0.0.2", "alice"), ("10.0.5.9", "bob"), ("10.9.9.9", "carol")])?;
    /// assert_eq!((report.entries, report.taken, report.out_of_range), (3, 2, 1));
    /// assert_eq!(set.allocate()?.to_string(), "10.0.0.3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt(
        &self,
        users: impl IntoIterator<Item = impl Record>,
    ) -> Result<Adopted, AdoptError> {
        self.adopt_with(Unreadable::default(), users)
    }

    /// Adopts like [`adopt`](Self::adopt), with a choice of what to do with unreadable entries.
    ///
    /// # Errors
    ///
    /// [`AdoptError::Unreadable`] if more entries cannot be read than allowed.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet, users::Unreadable};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/25".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.0.128/25".parse()?)?,
    /// ])?;
    /// let one = Unreadable::Skip { at_most: 1 };
    /// let report = set.adopt_with(one, ["10.0.0.100-10.0.0.150", "10.0.0.2x"])?;
    /// assert_eq!((report.taken, report.unparseable), (48, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt_with(
        &self,
        unreadable: Unreadable,
        users: impl IntoIterator<Item = impl Record>,
    ) -> Result<Adopted, AdoptError> {
        let (router, listings) = self.read_for_members(users);
        let unparseable = listings
            .iter()
            .flatten()
            .map(MemberListing::unparseable)
            .sum::<u64>();
        if unreadable.refuses(router.elsewhere.unparseable + unparseable) {
            let read: Vec<_> = listings
                .iter()
                .flatten()
                .map(MemberListing::report)
                .collect();
            return Err(AdoptError::Unreadable {
                adopted: Box::new(router.joined(read)),
            });
        }
        let reports = listings
            .into_iter()
            .enumerate()
            .filter_map(|(index, listing)| {
                let report = listing?.adopt();
                self.note_adopted(index, report.taken);
                Some(report)
            });
        let reports: Vec<_> = reports.collect();
        Ok(router.joined(reports))
    }

    /// Reads a list to its end; each entry is read by the members that it is for. The result is indexed by member, and
    /// empty for members without entries.
    pub(super) fn read_for_members(
        &self,
        users: impl IntoIterator<Item = impl Record>,
    ) -> (Router<'_, N>, Vec<Option<MemberListing<'_, N>>>) {
        let mut router = Router::new(self);
        let mut listings = Vec::new();
        for user in users {
            match router.route(&user) {
                Route::None => {}
                Route::One(index) => {
                    if let Some(listing) = self.listing_of(index, &mut listings) {
                        listing.read(router.position(), &user);
                    }
                }
                Route::Several(members) => {
                    let position = router.position();
                    let parts = members.into_iter().filter_map(|index| {
                        let listing = self.listing_of(index, &mut listings)?;
                        Some(listing.read_part(position, &user))
                    });
                    let says = parts.reduce(BlockSays::and);
                    router.count_several(says, &user);
                }
            }
        }
        (router, listings)
    }

    fn listing_of<'s, 'v>(
        &'s self,
        index: usize,
        listings: &'v mut Vec<Option<MemberListing<'s, N>>>,
    ) -> Option<&'v mut MemberListing<'s, N>> {
        if listings.len() <= index {
            listings.resize_with(index + 1, || None);
        }
        let listing = &mut listings[index];
        if listing.is_none() {
            *listing = Some(self.members.get(index)?.pool.member_listing());
        }
        listing.as_mut()
    }
}
