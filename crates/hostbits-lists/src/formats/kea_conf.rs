//! `kea-conf`: the configuration of Kea, DHCPv4 or DHCPv6: its reservations. JSON with comments.
//!
//! Held are the addresses and prefixes of reservations, of subnets, shared networks and those of no subnet. A
//! configuration that keeps its reservations in a database says so, and does not tell all.

use super::beside::Elsewhere;

/// Where the addresses of subnets, routers and servers stand.
pub(super) const ELSEWHERE: Elsewhere = Elsewhere {
    names: &[
        "subnet",
        "pools",
        "pd-pools",
        "option-data",
        "option-def",
        "relay",
        "next-server",
        "server-hostname",
        "lease-database",
        "dhcp-ddns",
        "interfaces-config",
        "hooks-libraries",
        "loggers",
        "client-classes",
        "control-socket",
        "control-sockets",
        "config-control",
        "DhcpDdns",
        "Control-agent",
    ],
    has_numbers: false,
};

/// The reservations, wherever they stand.
pub(super) const FILTER: &str = r#"
def first_of(f): [f | select(. != null and . != "")][0];
def one: {owner: first_of(.hostname, .["hw-address"], .duid, .["client-id"], .["flex-id"]),
          state: "reserved",
          addresses: ([.["ip-address"], .["ip-addresses"][]?, .prefixes[]?] | map(select(. != null and . != "")))};
if type != "object" or (.Dhcp4 == null and .Dhcp6 == null) then error("this is no configuration of Kea") else . end
| (.Dhcp4, .Dhcp6 | select(. != null)) as $server
| if ($server | [.["hosts-database"], .["hosts-databases"]] | map(select(. != null)) | length) > 0
  then error("reservations are in a database: take them from there, too")
  else $server | .. | objects | .reservations | select(. != null) | .[] | one end
"#;
