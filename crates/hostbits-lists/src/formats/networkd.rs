//! `networkd`: leases of systemd-networkd's DHCP server: the output of `networkctl status --json`, its lease file, or
//! the older `LEASES=` and `ADDRESS=` settings of a client's lease.
//!
//! In JSON, every `Address` in `Leases` and `StaticLeases` is held. It is a string or an array of four numbers.

use super::beside::Elsewhere;

/// The places of the interfaces' own and other addresses.
pub(super) const ELSEWHERE: Elsewhere = Elsewhere {
    names: &[
        "Addresses",
        "Routes",
        "DNS",
        "FallbackDNS",
        "NTP",
        "SIP",
        "Neighbors",
        "NextHops",
        "RoutingPolicyRules",
        "LLDP",
        "DNR",
        "DHCPv4Client",
        "DHCPv6Client",
        "ServerAddress",
        "HardwareAddress",
        "PermanentHardwareAddress",
        "ClientId",
    ],
    has_numbers: true,
};

/// Selects the leases, wherever they stand.
pub(super) const FILTER: &str = r#"
def addr: if type == "array" then map(tostring) | join(".") else . end;
def leases: .. | objects | (.Leases, .StaticLeases) | select(. != null) | .[];
if ([.. | objects | has("Leases") or has("StaticLeases")] | any | not)
then error("there is no lease of a DHCP server")
else leases
  | (.Hostname // (.HardwareAddress | if type == "array" then map(tostring) | join("-") else . end)) as $owner
  | (.AddressString // (.Address | addr)) as $address
  | if $address == null then {owner: $owner, unclear: "a lease without an address"} else {owner: $owner, address: $address} end
end
"#;
