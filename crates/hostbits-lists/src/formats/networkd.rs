//! `networkd`: leases of systemd-networkd's DHCP server: `networkctl status --json`, its file of leases, or the old
//! `LEASES=` and `ADDRESS=` settings of a client's lease.
//!
//! In JSON every `Address` of `Leases` and `StaticLeases` is held; it is text, or an array of four numbers.

/// The leases, wherever they stand.
pub(super) const FILTER: &str = r#"
def addr: if type == "array" then map(tostring) | join(".") else . end;
def leases: .. | objects | (.Leases, .StaticLeases) | select(. != null) | .[];
if ([.. | objects | has("Leases") or has("StaticLeases")] | any | not)
then error("there are no leases of a server")
else leases | {owner: (.Hostname // (.HardwareAddress | if type == "array" then map(tostring) | join("-") else . end)),
               address: (.AddressString // (.Address | addr))} end
"#;
