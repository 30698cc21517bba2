//! The JSON output of known programs: a jq filter for each.

use crate::formats::beside::Elsewhere;

/// The JSON output of a known program, with the jq filter that reads it.
///
/// ```
/// use hostbits_lists::{Format, List, Preset};
///
/// let pods = r#"{"items": [{"metadata": {"namespace": "d", "name": "web-0"}, "status": {"podIP": "10.0.0.5"}}]}"#;
/// let mut list = List::new(Format::Preset(Preset::K8sPods), "pods", pods.as_bytes());
/// assert_eq!(list.read()?.and_then(|pod| pod.owner), Some("d/web-0"));
/// # Ok::<(), hostbits_lists::ListError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// Kubernetes pods.
    K8sPods,
    /// Kubernetes services.
    K8sServices,
    /// Kubernetes nodes, with the blocks that their pods get.
    K8sNodes,
    /// Docker containers, or networks with their containers.
    Docker,
    /// Podman containers, or networks with their containers.
    Podman,
    /// LXD instances with their reserved addresses, or the leases of LXD networks.
    Lxd,
    /// Incus instances with their reserved addresses, or the leases of Incus networks.
    Incus,
    /// NetBox IP addresses and IP ranges.
    Netbox,
    /// Responses of Kea's lease and host commands.
    KeaApi,
    /// Headscale nodes.
    Headscale,
    /// The status of Tailscale, or the devices of its API.
    Tailscale,
    /// NetBird peers.
    Netbird,
    /// wg-easy clients.
    WgEasy,
    /// AWS network interfaces.
    AwsEni,
    /// Calico IPAM blocks or workload endpoints.
    CalicoIpam,
    /// Cilium nodes.
    CiliumNode,
    /// Whereabouts IP pools.
    Whereabouts,
    /// The lease status file of a libvirt network.
    Libvirt,
    /// Kubernetes pods with additional networks, as Multus attaches them.
    Multus,
}

/// Definitions that all filters may use.
const PRELUDE: &str = r#"
def each($kind):
  (if type == "object" and has("items") then (.items | if . == null then empty else .[] end) else . end)
  | if type != "object" then error("this is not a " + $kind)
    elif (.kind // $kind) != $kind then error("this is a " + .kind + ", not a " + $kind)
    elif has("metadata") | not then error("this is not a " + $kind + ": it has no metadata")
    else . end;
def full: [.metadata.namespace, .metadata.name] | map(select(. != null)) | join("/");
def first_of(f): [f | select(. != null and . != "")][0];
def some(f): [f | select(. != null and . != "")] | unique;
def asked_for: .metadata.annotations // {} | to_entries[]
  | select(.key | ascii_downcase
      | endswith("/loadbalancerips") or . == "lbipam.cilium.io/ips" or . == "io.cilium/lb-ipam-ips")
  | .value | split(",")[] | trim;
def ip4: split(".") | map(tonumber) | .[0] * 16777216 + .[1] * 65536 + .[2] * 256 + .[3];
def as_ip4: [(. / 16777216 | floor), (. / 65536 | floor) % 256, (. / 256 | floor) % 256, . % 256] | map(tostring) | join(".");
def hex: if . < 16 then "0123456789abcdef"[.:. + 1] else (. / 16 | floor | hex) + (. % 16 | hex) end;
def nth_of($cidr; $index):
  ($cidr | split("/")[0]) as $base
  | if $base | contains(":") | not then ($base | ip4) + $index | as_ip4
    elif $index < 65536 and ($base | endswith("::")) then $base + ($index | hex)
    else error("an address is too far in the block " + $cidr) end;
def unless(says; $what): if .addresses == [] and (says | not) then {owner, unclear: $what} else . end;
def is_one_of(f): . as $word | [f] | any(. == $word);
def inspected:
  if has("NetworkSettings") then
    .NetworkSettings as $net
    | {owner: (.Name // .Id // "" | ltrimstr("/")), state: .State.Status?, addresses: some($net
        | .IPAddress?, .GlobalIPv6Address?, (.SecondaryIPAddresses // [], .SecondaryIPv6Addresses // [] | .[]? | .Addr),
          (.Networks // {} | .[]? | .IPAddress?, .GlobalIPv6Address?, (.IPAMConfig // {} | .IPv4Address?, .IPv6Address?)))}
    | unless($net | if .Networks | type == "object" then .Networks | all(.[]; has("IPAddress")) else has("IPAddress") end;
        "a container whose addresses are not where they should be")
  elif has("Containers") then
    (.Containers // {} | to_entries[]
      | (.value | has("IPv4Address") or has("IPv6Address")) as $is_known
      | {owner: (.value.Name // .key), addresses: some(.value | .IPv4Address, .IPv6Address)}
      | unless($is_known; "a container whose addresses are not where they should be")),
    (.Services // {} | to_entries[]
      | {owner: .key, addresses: some(.value | .VIP, .Tasks[]?.EndpointIP)}),
    (.IPAM.Config // [] | .[]
      | (.AuxiliaryAddresses // {} | to_entries[] | {owner: .key, address: .value}),
        (select(.Gateway // "" != "") | {owner: "(gateway)", own: true, address: .Gateway}))
  elif has("containers") then
    (.containers // {} | to_entries[]
      | {owner: (.value.name // .key), addresses: some(.value.interfaces // {} | .[]? | .subnets // [] | .[] | .ipnet)}
      | unless(false; "a container whose addresses are not where they should be")),
    (.subnets // [] | .[] | select(.gateway // "" != "") | {owner: "(gateway)", own: true, address: .gateway})
  else error("this is neither an inspected container nor an inspected network") end;
def instance:
  if has("hwaddr") and has("address") then {address: .address, owner: .hostname, state: .type}
  elif has("name") and (has("status") or has("state") or has("devices") or has("expanded_devices")) then
    . as $it
    | {owner: .name, state: .status, addresses: some(
      (.state // {} | .network // {} | .[]? | .addresses // [] | .[] | select(.scope == "global") | .address),
      (.devices, .expanded_devices | . // {} | .[]?
        | .["ipv4.address"], .["ipv6.address"], .["ipv4.routes"], .["ipv6.routes"],
          .["ipv4.routes.external"], .["ipv6.routes.external"] | . // "" | split(",")[] | ltrimstr(" ")))}
    | unless($it | .status != "Running" or (.state.network? | type) == "object";
        "a running instance without its network")
  else error("this is neither an instance nor a lease") end;
"#;

/// Paths in the output of container engines under which there are addresses that no user holds.
const OF_ENGINES: &[&str] = &[
    "Gateway",
    "IPv6Gateway",
    "Subnet",
    "IPRange",
    "Subnets",
    "Peers",
    "Host IP",
    "HostIp",
    "HostConfig",
    "Options",
    "Labels",
    "Env",
    "Cmd",
    "Args",
    "gateway",
    "subnet",
    "lease_range",
    "network_dns_servers",
    "routes",
    "labels",
    "options",
];

/// The one table of presets. Each row has the variant, its name, a description, its filter, and the paths of addresses
/// that are not holdings. Any other address that the filter does not yield makes the list unclear; see `beside`.
macro_rules! presets {
    ($($variant:ident, $name:literal, $about:literal, $filter:expr, $elsewhere:expr;)+) => {
        impl Preset {
            /// All presets, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name of the format.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Returns the command that prints the list, or a short description of it.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)+
                }
            }

            const fn body(self) -> &'static str {
                match self {
                    $(Self::$variant => $filter,)+
                }
            }

            const fn elsewhere_names(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => $elsewhere,)+
                }
            }
        }
    };
}

presets! {
    K8sPods, "k8s-pods", "kubectl get pods -A -o json",
    r#"each("Pod") | if .status | type != "object" then error("a pod without status") else . end
      | {owner: full, state: .status.phase, addresses: some(
          (.status | .podIP, .podIPs[]?.ip),
          (.metadata.annotations // {}
            | .["cni.projectcalico.org/podIP"], .["cni.projectcalico.org/podIPs"]
            | . // "" | split(",")[] | rtrimstr("/32") | rtrimstr("/128")))}
      | unless(.state | is_one_of("Pending", "Failed", "Succeeded", "Unknown"); "a running pod without podIP")"#,
    &["spec", "hostIP", "hostIPs", "managedFields"];
    K8sServices, "k8s-services", "kubectl get services -A -o json",
    r#"each("Service")
      | {owner: full, state: .spec.type, addresses: some(
        .spec.clusterIP, .spec.clusterIPs[]?, .spec.externalIPs[]?, .spec.loadBalancerIP,
        .status.loadBalancer.ingress[]?.ip, asked_for)}
      | unless(.state == "ExternalName"; "a service without clusterIP")"#,
    &["externalName", "loadBalancerSourceRanges", "managedFields"];
    K8sNodes, "k8s-nodes", "kubectl get nodes -o json: pod CIDRs",
    r#"each("Node") | if .spec | type != "object" then error("a node without spec")
        elif .spec | has("addresses") or has("ipam") then error("this is a CiliumNode, not a Node") else . end
      | {owner: .metadata.name, addresses: some(.spec.podCIDR, .spec.podCIDRs[]?)}"#,
    &["addresses", "annotations", "managedFields"];
    Docker, "docker", "docker network inspect, docker inspect", "inspected", OF_ENGINES;
    Podman, "podman", "podman network inspect, podman inspect", "inspected", OF_ENGINES;
    Lxd, "lxd", "lxc list --format json: addresses and reservations", "instance",
    &["ipv4.gateway", "ipv6.gateway", "ipv4.host_address", "ipv6.host_address"];
    Incus, "incus", "incus list --format json: addresses and reservations", "instance",
    &["ipv4.gateway", "ipv6.gateway", "ipv4.host_address", "ipv6.host_address"];
    Netbox, "netbox", "/api/ipam/ip-addresses/, ip-ranges/: all of it, not a page",
    r#"(if type == "object" and has("results") then
          if .next != null or .previous != null or has("next") == false then
            error("this is one page of several: ask for all with ?limit=0")
          elif .count != (.results | length) then error("the response is incomplete: it does not have as many results as count says")
          else .results[] end
        else . end)
      | {owner: first_of(.dns_name, .description), state: (.status.value? // .status)}
        + if has("start_address") then
            {address: ((.start_address | split("/")[0]) + "-" + (.end_address | split("/")[0]))}
          elif has("address") then {address: .address}
          else error("this is neither an address nor a range") end"#,
    &["nat_inside", "nat_outside"];
    KeaApi, "kea-api", "responses to lease4-get-all, lease6-get-all, reservation-get-all",
    r#"if has("result") | not then error("this is not a response of Kea")
       elif .result == 3 then empty
       elif .result != 0 then error("Kea says: " + (.text // "nothing"))
       elif .arguments.leases == null and .arguments.hosts == null then error("there are neither leases nor hosts")
       elif .arguments.count != null and .arguments.count != (.arguments | [.leases[]?, .hosts[]?] | length) then
         error("the response is incomplete: it does not have as many entries as count says")
       else .arguments | (.leases[]? | . + {is_lease: true}), .hosts[]? end
       | .is_lease as $is_lease
       | (.state != 2) as $held
       | {owner: first_of(.hostname, .["hw-address"], .duid, .["client-id"]),
          state: (.state | if type == "number" then {"0": "default", "1": "declined", "3": "released"}[tostring] // tostring else . end),
          addresses: some(
            (if .type == "IA_PD" then "\(.["ip-address"])/\(.["prefix-len"])" else .["ip-address"] end),
            .["ip-addresses"][]?, .prefixes[]?)}
       | unless($is_lease != true; "a lease without ip-address")
       | if $held then . else . + {held: false} end"#,
    &["next-server", "option-data"];
    Headscale, "headscale", "headscale nodes list -o json",
    r#"(if type == "object" and has("nodes") then .nodes[] else . end)
      | if has("ip_addresses") or has("ipAddresses") then
          {owner: (.given_name // .givenName // .name), addresses: some((.ip_addresses // .ipAddresses)[]?)}
          | unless(false; "a node without addresses")
        else error("this is not a node") end"#,
    &["available_routes", "approved_routes", "subnet_routes", "availableRoutes", "approvedRoutes", "subnetRoutes",
      "endpoints", "host_info", "hostInfo"];
    Tailscale, "tailscale", "tailscale status --json, or the devices of the API",
    r#"def nodes: [.[] | objects | select(has("TailscaleIPs") or has("AllowedIPs"))] | length;
       if has("Self") then
         if has("Peer") | not then error("this is a status without Peer")
         elif ([del(.ExitNodeStatus) | ..] | nodes) != ([.Self, (.Peer // {} | .[])] | nodes) then
           error("there is a node outside Self and Peer") else . end
         | .Self, (.Peer // {} | .[])
         | if has("TailscaleIPs") then {owner: .HostName, addresses: some(.TailscaleIPs[]?)}
           else {owner: .HostName, unclear: "a node without TailscaleIPs"} end
       elif has("devices") then .devices[]
         | if has("addresses") then {owner: (.hostname // .name), addresses: some(.addresses[]?)}
           else {owner: (.hostname // .name), unclear: "a device without addresses"} end
       elif has("addresses") then {owner: (.hostname // .name), addresses: some(.addresses[]?)}
       else error("this is neither a status nor a device") end"#,
    &["AllowedIPs", "PrimaryRoutes", "advertisedRoutes", "enabledRoutes", "clientConnectivity"];
    Netbird, "netbird", "the peers of the API, or netbird status --json",
    r#"def of: . // "" | tostring | split("/")[0];
       def own: some(.netbirdIp, .netbirdIpv6 | of);
       if has("ip") then {owner: .name, addresses: some(.ip, .ipv6)}
       elif has("netbirdIp") then
         if .peers | type == "object" and has("details") | not then error("this is a status without peers.details") else . end
         | {owner: (.fqdn // "self"), addresses: own},
         (.peers.details // [] | .[]
           | if has("netbirdIp") then {owner: .fqdn, state: .status, addresses: own}
             else {owner: .fqdn, unclear: "a peer without netbirdIp"} end)
       else error("this is neither a peer nor a status") end"#,
    &["connection_ip", "networks", "routes", "dnsServers"];
    WgEasy, "wg-easy", "wg0.json, or the clients of the API",
    r#"def client: {owner: .name, state: (if .enabled == false then "disabled" else "enabled" end),
         addresses: some(.address, .ipv4Address, .ipv6Address, .serverAllowedIps[]?)}
         | unless(false; "a client without address");
       if has("clients") then
         (.server // {} | {owner: "(interface)", own: true, address: .address}),
         (.clients | .[] | client)
       elif has("address") or has("ipv4Address") then client
       else error("this has no clients") end"#,
    &["allowedIps", "allowedIPs", "dns", "endpoint", "serverEndpoint"];
    AwsEni, "aws-eni", "aws ec2 describe-network-interfaces",
    r#"(if has("NetworkInterfaces") then
          if .NextToken != null then error("this is one page of several")
          elif keys - ["NetworkInterfaces", "NextToken", "ResponseMetadata"] != [] then
            error("this has more than network interfaces: is it one page of several?")
          else .NetworkInterfaces[] end
        else . end)
      | if has("NetworkInterfaceId") | not then error("this is not a network interface") else . end
      | {owner: .NetworkInterfaceId, state: .Status, addresses: some(
          .PrivateIpAddress, .PrivateIpAddresses[]?.PrivateIpAddress, .Ipv4Prefixes[]?.Ipv4Prefix,
          .Ipv6Address, .Ipv6Addresses[]?.Ipv6Address, .Ipv6Prefixes[]?.Ipv6Prefix)}
      | unless(false; "a network interface without addresses")"#,
    &["Association", "TagSet"];
    CalicoIpam, "calico-ipam", "kubectl get ipamblocks -o json, or workloadendpoints",
    r#"(if has("items") then .items[] else . end)
      | if .spec.cidr? and .spec.allocations? then
          . as $block
          | (.spec.cidr | split("/")) as [$base, $prefix]
          | pow(2; (if $base | contains(":") then 128 else 32 end) - ($prefix | tonumber)) as $size
          | if $size != (.spec.allocations | length) then error("a block whose size does not match its cidr") else . end
          | .spec.allocations | to_entries[] | select(.value != null)
          | {owner: $block.spec.attributes[.value].handle_id?, address: nth_of($block.spec.cidr; .key)}
        elif .spec.ipNetworks? then
          {owner: full, addresses: some(.spec.ipNetworks[])} | unless(false; "an endpoint without addresses")
        else error("this is neither a block nor an endpoint") end"#,
    &["cidr", "ipNATs", "ipv4Gateway", "ipv6Gateway", "managedFields"];
    CiliumNode, "cilium-node", "kubectl get ciliumnodes -o json",
    r#"each("CiliumNode")
      | (all(.spec.addresses[]?;
          has("ip") and (.type
            | is_one_of("InternalIP", "ExternalIP", "InternalDNS", "ExternalDNS", "Hostname", "CiliumInternalIP")))) as $is_known
      | if $is_known then
          {owner: .metadata.name, addresses: some(
            .spec.ipam.podCIDRs[]?, (.spec.ipam.pool // {} | keys[]), (.status.ipam.used? // {} | keys[]),
            (.spec.addresses[]? | select(.type == "CiliumInternalIP") | .ip),
            (.spec.ipam.pools.allocated[]?.cidrs[]?), .spec.health.ipv4?, .spec.health.ipv6?, .spec.ingress.ipv4?, .spec.ingress.ipv6?,
            (.status.eni.enis? // {} | .[]? | .ip, .addresses[]?, .prefixes[]?))}
          | unless(false; "a node without addresses")
        else {owner: .metadata.name, unclear: "a node with an address of an unknown kind"} end"#,
    &["addresses", "annotations", "subnet", "vpc", "managedFields"];
    Whereabouts, "whereabouts", "kubectl get ippools.whereabouts.cni.cncf.io -A -o json",
    r#"each("IPPool")
      | if (.spec.allocations? | type) != "object" or (.spec.range? | type) != "string" then
          error("a pool without allocations or range")
        elif ([.. | objects | select(has("podref"))] | length) != ([.spec.allocations[] | select(.podref?)] | length) then
          error("there is a pod outside allocations")
        elif .spec | any(keys[]; . != "" and (explode | all(. >= 48 and . <= 57))) then
          error("there is an allocation outside allocations") else . end
      | .spec.range as $range | .spec.allocations | to_entries[]
      | {owner: (.value.podref // .value.id), address: nth_of($range; .key | tonumber)}"#,
    &["range", "managedFields"];
    Libvirt, "libvirt", "/var/lib/libvirt/dnsmasq/virbr0.status",
    r#"if has("ip-address") then {address: .["ip-address"], owner: (.hostname // .["mac-address"])}
       else error("this is not a lease of libvirt") end"#,
    &[];
    Multus, "multus", "kubectl get pods -A -o json: the additional networks of the pods",
    r#"each("Pod")
      | if .status.phase? | type != "string" then error("a pod without phase") else . end
      | (.metadata.annotations // {}) as $notes
      | ($notes["k8s.v1.cni.cncf.io/network-status"] // "[]" | fromjson) as $networks
      | {held: false, addresses: [$networks[] | select(.default == true) | .ips[]?]} as $usual
      | ($usual | select(.addresses != [])),
        ({owner: full, state: .status.phase, addresses: some($networks[] | select(.default != true) | .ips[]?)}
      | unless($networks != [] or ($notes | has("k8s.v1.cni.cncf.io/networks") | not)
          or (.state | is_one_of("Pending", "Failed", "Succeeded", "Unknown"));
          "a pod with additional networks that does not say its addresses"))"#,
    &["spec", "status", "managedFields"];
}

impl Preset {
    /// Returns whether the filter yields states.
    pub(crate) fn has_states(self) -> bool {
        let body = self.body();
        body.contains("state:") || ["inspected", "instance"].contains(&body)
    }

    /// Returns whether the filter begins with `each`, so that it sees the elements of an array `items` one at a time,
    /// and
    /// nothing else.
    pub(crate) fn sees_items_only(self) -> bool {
        self.body().starts_with("each(")
    }

    /// Returns the filter, in the language of jq.
    pub fn filter(self) -> String {
        format!("{PRELUDE}{}", self.body())
    }

    pub(crate) fn elsewhere(self) -> Elsewhere {
        Elsewhere {
            names: self.elsewhere_names(),
            has_numbers: false,
        }
    }
}
