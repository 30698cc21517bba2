//! `kea-conf`: the reservations in the configuration of Kea's DHCPv4 or DHCPv6 server. It is JSON with comments.
//!
//! The addresses and prefixes of reservations are held: those of subnets, of shared networks, and global ones. A
//! configuration whose reservations are in a database does not name all of them, and is refused.

use super::beside::Elsewhere;

/// The places of the addresses of subnets, routers and servers.
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

/// Selects the reservations, wherever they stand.
pub(super) const FILTER: &str = r#"
def first_of(f): [f | select(. != null and . != "")][0];
def one: {owner: first_of(.hostname, .["hw-address"], .duid, .["client-id"], .["flex-id"]),
          state: "reserved",
          addresses: ([.["ip-address"], .["ip-addresses"][]?, .prefixes[]?] | map(select(. != null and . != "")))};
if type != "object" or (.Dhcp4 == null and .Dhcp6 == null) then error("this is not a configuration of Kea") else . end
| (.Dhcp4, .Dhcp6 | select(. != null)) as $server
| if ($server | [.["hosts-database"], .["hosts-databases"]] | map(select(. != null)) | length) > 0
  then error("reservations are in a database: read them from there, too")
  else $server | .. | objects | .reservations | select(. != null) | .[] | one end
"#;
