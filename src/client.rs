//! Clients, as numbers: the starting point of sticky allocation.

use std::fmt;

/// A client, represented by a keyed hash of its name.
///
/// The search for a client's address always begins at the same place, so that the client usually gets the same address
/// back, without a table. See [`Pool::allocate_for`](crate::Pool::allocate_for).
///
/// Compute the number with a keyed hash over something that identifies the client permanently: a MAC address or a user
/// name. With the feature `sticky`, `ClientKey` is such a hash. An attacker who knows the key can choose names that all
/// begin at one address. The number does not reveal the name unless the key is known.
///
/// ```
/// use hostbits::{Client, Pool};
///
/// let pool = Pool::new("10.0.0.0/16".parse::<ipnet::Ipv4Net>()?)?;
/// let client = Client::from_hash(0x9e37_79b9_7f4a_7c15);
/// let addr = pool.allocate_for(client)?;
/// pool.release(addr)?;
/// assert_eq!(pool.allocate_for(client)?, addr);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(u64);

/// The number in hexadecimal digits, as JSON has it: `{:016x}`.
///
/// ```
/// assert_eq!(format!("{:016x}", hostbits::Client::from_hash(0xbeef)), "000000000000beef");
/// ```
impl fmt::LowerHex for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl Client {
    /// Creates a client from a hash. All 64 bits should be well mixed.
    ///
    /// ```
    /// use hostbits::Client;
    ///
    /// assert_eq!(Client::from_hash(7), Client::from_hash(7));
    /// ```
    pub const fn from_hash(hash: u64) -> Self {
        Self(hash)
    }

    /// Returns the number that the client is.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// Returns one of `count` places, 0 to `count` - 1, all equally likely. `count` is at most 2^32.
    #[inline]
    pub(crate) fn place_of(self, count: u64) -> u64 {
        ((u128::from(self.0) * u128::from(count)) >> 64) as u64
    }

    /// Returns one of `count` buckets. If a bucket is added after the others, a client keeps its bucket or moves to the
    /// new one.
    ///
    /// This is the jump consistent hash of Lamping and Veach (2014). It steps through the counts at which this client
    /// would move, as a generator seeded with the client determines them, and stops before `count`.
    pub(crate) fn bucket_of(self, count: u64) -> u64 {
        let mut state = self.0;
        let mut bucket = 0;
        let mut next = 0u64;
        while next < count {
            bucket = next;
            state = state
                .wrapping_mul(2_862_933_555_777_941_757)
                .wrapping_add(1);
            let draw = (state >> 33) + 1;
            // (bucket + 1) * 2^31 / draw, rounded down: at most 2^63 for fewer than 2^32 buckets.
            next = ((bucket + 1) << 31) / draw;
        }
        bucket
    }
}

/// A key that turns names into clients, by SipHash-1-3, which is designed for keyed hashes of short names.
///
/// Store the key with the pool: with another key, every client gets another place. A client's number does not reveal
/// its name unless the key is known.
///
/// ```
/// use hostbits::ClientKey;
///
/// let key = ClientKey::new(*b"sixteen bytes..!");
/// assert_eq!(key.client(b"02:42:ac:11:00:02"), key.client(b"02:42:ac:11:00:02"));
/// assert_ne!(key.client(b"02:42:ac:11:00:02"), key.client(b"02:42:ac:11:00:03"));
/// ```
#[cfg(feature = "sticky")]
#[cfg_attr(docsrs, doc(cfg(feature = "sticky")))]
#[derive(Clone)]
pub struct ClientKey(siphasher::sip::SipHasher13);

#[cfg(feature = "sticky")]
impl ClientKey {
    /// Creates a key from 16 bytes. Take them from the system's random source if names must stay secret.
    pub fn new(key: [u8; 16]) -> Self {
        Self(siphasher::sip::SipHasher13::new_with_key(&key))
    }

    /// Returns the client with this name. Use a name that never changes.
    pub fn client(&self, name: &[u8]) -> Client {
        Client(self.0.hash(name))
    }
}

/// Does not show the key.
#[cfg(feature = "sticky")]
impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientKey")
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Numbers that look like hashes.
    fn clients(count: u64) -> impl Iterator<Item = Client> {
        (1..=count).map(|index| Client(index.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)))
    }

    #[test]
    fn a_new_bucket_takes_its_share_and_moves_nobody_else() {
        for count in [1u64, 2, 7, 16, 255] {
            let mut moved = 0;
            for client in clients(10_000) {
                let (before, after) = (client.bucket_of(count), client.bucket_of(count + 1));
                assert!(before < count);
                if before != after {
                    assert_eq!(after, count, "only the new one takes clients");
                    moved += 1;
                }
            }
            let share = 10_000 / (count + 1);
            assert!(moved > share / 2 && moved < share * 2, "{moved} of {share}");
        }
    }

    #[test]
    fn places_are_all_used_and_in_bounds() {
        let mut seen = [false; 100];
        for client in clients(10_000) {
            seen[client.place_of(100) as usize] = true;
        }
        assert!(seen.into_iter().all(|seen| seen));
        assert_eq!(Client(u64::MAX).place_of(1 << 32), u64::from(u32::MAX));
    }
}
