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
//! `hostbits` (on by default) records are `hostbits::UserRecord`s, to be handed to a pool.
//!
//! # What is held
//!
//! In doubt, an address is held: what is wrongly held is lost for a while, what is wrongly free is given to
//! two. The program's own word for a state is kept as it is.
//!
//! | name | the list | held | not held, counted | its end is missing |
//! |---|---|---|---|---|
//! | `lines` | an address per line; blank lines and `#` comments | every line | | cannot be seen |
//! | `csv` | `address` or `address,owner`; header, quotes, comments | every line | | cannot be seen |
//! | `ndjson` | a JSON value per line: an address, or an object with one | every value | | cannot be seen |
//! | `json` | one JSON array of the same | every element | | the array is not closed |
//! | `wireguard` | configuration for `wg` or `wg-quick` | a peer's `AllowedIPs`, the interface's `Address` | | cannot be seen |
//! | `wg-dump` | `wg show all dump`, `wg show wg0 dump` | a peer's allowed IPs | | the last line is not ended |
//! | `host-local` | the directory of one network of the CNI plugin | every file of an address, empty ones, too | files that went meanwhile | the directory cannot be read |
//! | `kea` | Kea's memfile, DHCPv4 and DHCPv6 | all states but `expired-reclaimed`: also `declined`, `released` | `expired-reclaimed`; a valid lifetime of 0, which deletes | a row lacks columns: reported, and its address held |
//! | `dhcpd` | ISC's `dhcpd.leases`, IPv4 and IPv6 | all states but those; reserved leases; fixed addresses of hosts | `free`; of IPv6 also `expired`, `released` | a block is not closed |
//! | `openvpn-ipp` | `ipp.txt` | every client | | the last line is not ended: reported, and what it says held |
//! | `openvpn-status` | versions 1, 2, 3 of a server | clients' virtual addresses, the routing table | hardware addresses | there is no `END` |
//! | `radippool` | FreeRADIUS's table as CSV or with tabs, with a header | all rows but those; every `status` but `dynamic` | expiry null or zero; no session | a quote is not closed |
//!
//! An end that cannot be seen is the caller's to see: give `hostbits` a file that was renamed into its place
//! when it was whole, or look at the exit code of the program that writes into the pipe.
//!
//! * A prefix is given as it stands (`10.0.0.16/28`); how it is read is the pool's choice. WireGuard and
//!   delegations mean all of it.
//! * `json` and `ndjson` look for the usual names (`address`, `ip`, `owner`, `name`, `state`, ...), or
//!   follow paths: `json@status.podIPs.ip,metadata.name`. An object without the field is broken; null or an
//!   empty text there is a user without an address.
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
//! A line may have 64 KiB, a JSON value 1 MiB; beyond that it is broken. Nothing else grows with the list,
//! except for `kea` and `dhcpd`: their later entries take the place of earlier ones, so that the last one of
//! each address has to be kept until the end, some 60 bytes and the owner's name for each distinct address.

mod address;
mod batch;
mod error;
mod fields;
mod format;
mod formats;
mod latest;
mod lines;
mod list;
mod record;

pub use error::ListError;
pub use fields::Fields;
pub use format::{Format, FormatError, Source};
pub use list::{Ended, List, Records};
pub use record::{Address, Record, RecordBuf};
