//! Reads who holds which IP address, from the lists that real programs write.
//!
//! ```
//! use hostbits_lists::{Format, List};
//!
//! let config = "[Peer]\nPublicKey = AAAA\nAllowedIPs = 10.0.0.2/32, fd00::2/128\n";
//! let mut addresses = Vec::new();
//! List::new(Format::Wireguard, "wg0.conf", config.as_bytes())
//!     .for_each(|record| addresses.push(record.to_buf()))?;
//! assert_eq!(addresses.len(), 2);
//! # Ok::<(), hostbits_lists::ListError>(())
//! ```
//!
//! A [`List`] is read one [`Record`] at a time, from a file, a directory, a pipe or memory. With the feature
//! `hostbits` (on by default), records convert to `hostbits::users::Record`s, which a pool takes.
//!
//! # The rules
//!
//! They are the same for the library and for every command that takes a list:
//!
//! | rule | what it means |
//! |---|---|
//! | fail closed | a list with an unreadable entry is refused as a whole, because that entry may hold any address. `hostbits::Unreadable` is the choice: `Refuse`, or a number of unreadable entries to tolerate. A list with lines but without a single entry is an error. For input that is not text, the error says what it looks like |
//! | a prefix has one meaning | with host bits set (`10.0.0.5/24`) it is the host. Without (`10.0.0.16/28`, `10.0.0.*`) it is the whole block, and so is a range (`10.0.0.10-10.0.0.19`). A route or a delegation ([`Address::Block`]) is always the whole block. A block that covers the pool's network is a route to it, and holds nothing; one that covers only the pool's ranges holds them |
//! | no address is not a broken address | an empty field, `(none)`, `<none>`, `None`, `null`, `NULL`, `\N`, `-`, `N/A`, `*`, `<nil>`, an absent field of an object |
//! | what may come back is held | entries of disabled clients are held, and counted separately. The caller leaves out what can no longer be held, by state ([`List::without`], which counts them) or by a filter |
//! | the router's own gateway | [`Address::Own`]: not a drift |
//! | owner and address | are taken from the same inner object; two owners of one address are a duplicate |
//! | other addresses | an address outside the recognized fields is reported as [`Address::Stray`]: where columns or fields are guessed, in the JSON of a known program, and beside other text in a field of a row or of a setting. If it belongs to the pool, the list counts as not understood. Remarks, and places that are known to contain no holdings, are exempt. A field that is misspelt, or occurs twice, never makes a user without an address. What your own filter leaves out is your decision |
//!
//! # What is held
//!
//! In doubt, an address is held: an address that is wrongly held is lost for a while, but one that is wrongly free is
//! given to two holders. A program's own word for a state is kept as it is.
//!
#![doc = include_str!("held.md")]
//!
//! If a missing end cannot be detected in the format, the caller has to detect it: pass a file that was renamed into
//! place once it was complete, or check the exit code of the program that writes into the pipe.
//!
//! * `json` and `ndjson` look for the usual names (`address`, `ip`, `owner`, `name`, `state`, ...), or run a jq filter
//!   ([`Query`]). An error of the filter ends the list. A top-level array, and an array that a filter iterates over
//!   (`.items[] | ...`), is read one element at a time.
//! * While its cleanup runs, Kea's list consists of several files. [`List::open`] reads `.completed`, or `.2` and `.1`,
//!   before the file itself. In a pipe, write them in that order. Lines are numbered across all of them.
//! * With `topology net30`, OpenVPN writes the first address of each /30 to `ipp.txt`, while the client has the third.
//!   Read such a file as `openvpn-ipp@net30`, which holds all four; the file does not show which topology it is.
//! * A lease that has expired by the clock is held until its program marks it as expired, which happens soon: Kea
//!   reclaims it, dhcpd marks it as free. For `radippool`, let the database select the rows.
//! * WireGuard keys are never quoted in reports or errors.
//!
//! # Memory
//!
//! A line may be up to 64 KiB long, and a JSON value up to 256 MiB; a longer one is broken. Nothing else grows with the
//! list, except for `odhcpd`, `kea` and `dhcpd`. There, later entries replace earlier ones, so the last entry of each
//! distinct address is kept until the end: about 60 bytes and the name of the owner. A `config.xml` is read as a whole,
//! up to 64 MiB.

mod address;
mod batch;
mod columns;
mod error;
mod format;
mod formats;
mod latest;
mod lines;
mod list;
mod meter;
mod preset;
mod query;
mod record;
mod sniff;

pub use columns::Columns;
pub use error::ListError;
pub use format::{Format, FormatError, Source};
pub use list::{Ended, List, Records};
pub use meter::Meter;
pub use preset::Preset;
pub use query::{Query, QueryError};
pub use record::{Address, Record, RecordBuf};
