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
//! `hostbits` (on by default) records are `hostbits::users::Record`s, to be handed to a pool.
//!
//! # The rules
//!
//! The same for the library, and for every command that takes a list:
//!
//! | rule | what it means |
//! |---|---|
//! | fail closed | a list in which something cannot be read gives nothing: whoever that is may hold any address. The choice is `hostbits::users::Unreadable`: `Refuse`, or so many entries may pass. A list with lines of which none is an entry is an error, and what is no text says what it looks like |
//! | a prefix means one thing | with host bits set (`10.0.0.5/24`) the host; without (`10.0.0.16/28`, `10.0.0.*`) all of the block, and so is a range (`10.0.0.10-10.0.0.19`). A route or a delegation ([`Address::Block`]) is always all of it. What covers the pool's network is a route to it, and holds nothing; what covers its ranges alone is a block |
//! | no address is not a broken one | nothing, `(none)`, `<none>`, `None`, `null`, `NULL`, `\N`, `-`, `N/A`, `*`, `<nil>`, an absent field of an object |
//! | what may come back, holds | switched off clients are counted apart; whoever cannot hold any more is left out by the caller, by state ([`List::without`], counted) or by a filter |
//! | the router's own gateway | [`Address::Own`]: no drift |
//! | owner and address | are of the same inner object; two owners of one address are a duplicate |
//! | what nobody asked for | where columns or fields are guessed, and in the JSON of a program whose filter is named, any other address beside them is told ([`Address::Stray`]), but for places that are known to have no holdings, and for remarks; and so is one in a field of a row, or of a setting, that has something else: if it is of the pool, the list is not understood. A field that is misspelt, or comes twice, never makes a user without an address. What a filter of your own leaves out is your choice |
//!
//! # What is held
//!
//! In doubt, an address is held: what is wrongly held is lost for a while, what is wrongly free is given to
//! two. The program's own word for a state is kept as it is.
//!
#![doc = include_str!("held.md")]
//!
//! An end that cannot be seen is the caller's to see: give `hostbits` a file that was renamed into its place
//! when it was whole, or look at the exit code of the program that writes into the pipe.
//!
//! * `json` and `ndjson` look for the usual names (`address`, `ip`, `owner`, `name`, `state`, ...), or run a
//!   jq filter: [`Query`]. An error of the filter ends the list. An array at the top, and one that a filter goes over
//!   (`.items[] | ...`), is read one element at a time.
//! * Kea's list is several files while its cleanup runs: [`List::open`] reads `.completed`, or `.2` and `.1`,
//!   before the file itself. Through a pipe, write them in that order. Lines are counted through all.
//! * With `topology net30` OpenVPN writes the first address of each /30 to `ipp.txt`, and the client has the
//!   third: read that as `openvpn-ipp@net30`, which holds all four. The file does not say which it is.
//! * Leases that have expired by the clock, but are not called so by their program, are held. Their program
//!   says so soon: Kea reclaims them, dhcpd calls them free. For `radippool` let the database choose the rows.
//! * Keys of WireGuard are never quoted in reports or errors.
//!
//! # Memory
//!
//! A line may have 64 KiB, a JSON value 256 MiB; beyond that it is broken. Nothing else grows with the list,
//! except for `odhcpd`, and for `kea` and `dhcpd`: their later entries take the place of earlier ones, so that the last one of
//! each address has to be kept until the end, some 60 bytes and the owner's name for each distinct address. A
//! `config.xml` is read whole, up to 64 MiB.

mod address;
mod batch;
mod columns;
mod error;
mod format;
mod formats;
mod latest;
mod lines;
mod list;
mod preset;
mod query;
mod record;
mod sniff;

pub use columns::Columns;
pub use error::ListError;
pub use format::{Format, FormatError, Source};
pub use list::{Ended, List, Records};
pub use preset::Preset;
pub use query::{Query, QueryError};
pub use record::{Address, Record, RecordBuf};
