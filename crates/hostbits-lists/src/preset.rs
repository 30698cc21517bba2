//! JSON of programs whose form is known: a jq filter for each.

/// A named filter: what a program prints as JSON, and how to read it.
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
    /// Pods of Kubernetes.
    K8sPods,
    /// Services of Kubernetes.
    K8sServices,
    /// Nodes of Kubernetes: their blocks for pods.
    K8sNodes,
    /// Containers, or networks with their containers.
    Docker,
    /// The same of podman.
    Podman,
    /// Instances of LXD, with their reservations; leases of its networks.
    Lxd,
    /// The same of Incus.
    Incus,
    /// Addresses and ranges of NetBox.
    Netbox,
    /// Answers of Kea's lease and host commands.
    KeaApi,
    /// Nodes of Headscale.
    Headscale,
    /// Status or devices of Tailscale.
    Tailscale,
    /// Peers of NetBird.
    Netbird,
    /// Clients of wg-easy.
    WgEasy,
    /// Network interfaces of AWS.
    AwsEni,
    /// Blocks of Calico, or its workload endpoints.
    CalicoIpam,
    /// Nodes of Cilium.
    CiliumNode,
    /// Pools of Whereabouts.
    Whereabouts,
    /// The status file of a network of libvirt.
    Libvirt,
    /// Pods with additional networks.
    Multus,
}

/// What all filters may use.
const PRELUDE: &str = r#"
def each($kind):
  (if type == "object" and has("items") then (.items | if . == null then empty else .[] end) else . end)
  | if type != "object" then error("this is no " + $kind)
    elif (.kind // $kind) != $kind then error("this is a " + .kind + ", no " + $kind)
    elif has("metadata") | not then error("this is no " + $kind + ": it has no metadata")
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
def inspected:
  if has("NetworkSettings") then
    {owner: (.Name // .Id // "" | ltrimstr("/")), state: .State.Status?, addresses: some(
      .NetworkSettings | .IPAddress?, .GlobalIPv6Address?,
      (.Networks // {} | .[]? | .IPAddress?, .GlobalIPv6Address?, (.IPAMConfig // {} | .IPv4Address?, .IPv6Address?)))}
  elif has("Containers") then
    .Containers // {} | to_entries[] | {owner: (.value.Name // .key), addresses: some(.value | .IPv4Address, .IPv6Address)}
  elif has("containers") then
    .containers // {} | to_entries[]
    | {owner: (.value.name // .key), addresses: some(.value.interfaces // {} | .[]? | .subnets // [] | .[] | .ipnet)}
  else error("this is neither an inspected container nor an inspected network") end;
def instance:
  if has("hwaddr") and has("address") then {address: .address, owner: .hostname, state: .type}
  elif has("name") then
    {owner: .name, state: .status, addresses: some(
      (.state // {} | .network // {} | .[]? | .addresses // [] | .[] | select(.scope == "global") | .address),
      (.devices, .expanded_devices | . // {} | .[]? | .["ipv4.address"]?, .["ipv6.address"]?))}
  else error("this is neither an instance nor a lease") end;
"#;

/// The one table of presets: the variant, its name, what it is, its filter.
macro_rules! presets {
    ($($variant:ident, $name:literal, $about:literal, $filter:expr;)+) => {
        impl Preset {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name of the format.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The command that prints it, or what it is.
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
        }
    };
}

presets! {
    K8sPods, "k8s-pods", "kubectl get pods -A -o json",
    r#"each("Pod") | if .status == null then error("a pod without status") else . end
      | {owner: full, state: .status.phase, addresses: some(.status | .podIP?, .podIPs[]?.ip)}"#;
    K8sServices, "k8s-services", "kubectl get services -A -o json",
    r#"each("Service") | {owner: full, state: .spec.type, addresses: some(
        .spec.clusterIP, .spec.clusterIPs[]?, .spec.externalIPs[]?, .spec.loadBalancerIP,
        .status.loadBalancer.ingress[]?.ip, asked_for)}"#;
    K8sNodes, "k8s-nodes", "kubectl get nodes -o json: pod CIDRs",
    r#"each("Node") | {owner: .metadata.name, addresses: some(.spec.podCIDR, .spec.podCIDRs[]?)}"#;
    Docker, "docker", "docker network inspect, docker inspect", "inspected";
    Podman, "podman", "podman network inspect, podman inspect", "inspected";
    Lxd, "lxd", "lxc list --format json: addresses and reservations", "instance";
    Incus, "incus", "incus list --format json: addresses and reservations", "instance";
    Netbox, "netbox", "/api/ipam/ip-addresses/, ip-ranges/: all of it, not a page",
    r#"(if type == "object" and has("results") then
          if .next != null or .previous != null then error("this is one page of several: ask for all with ?limit=0") else .results[] end
        else . end)
      | {owner: first_of(.dns_name, .description), state: (.status.value? // .status)}
        + if has("start_address") then
            {address: ((.start_address | split("/")[0]) + "-" + (.end_address | split("/")[0]))}
          elif has("address") then {address: .address}
          else error("this is neither an address nor a range") end"#;
    KeaApi, "kea-api", "answers to lease4-get-all, lease6-get-all, reservation-get-all",
    r#"if has("result") | not then error("this is no answer of Kea")
       elif .result == 3 then empty
       elif .result != 0 then error("Kea says: " + (.text // "nothing"))
       elif .arguments.leases == null and .arguments.hosts == null then error("there are neither leases nor hosts")
       else .arguments | (.leases[]?, .hosts[]?) end
       | select(.state != 2)
       | {owner: first_of(.hostname, .["hw-address"], .duid, .["client-id"]),
          state: (.state | if type == "number" then {"0": "default", "1": "declined", "3": "released"}[tostring] // tostring else . end),
          addresses: some(
            (if .type == "IA_PD" then "\(.["ip-address"])/\(.["prefix-len"])" else .["ip-address"] end),
            .["ip-addresses"][]?, .prefixes[]?)}"#;
    Headscale, "headscale", "headscale nodes list -o json",
    r#"(if type == "object" and has("nodes") then .nodes[] else . end)
      | if has("ip_addresses") or has("ipAddresses") then
          {owner: (.given_name // .givenName // .name), addresses: some((.ip_addresses // .ipAddresses)[]?)}
        else error("this is no node") end"#;
    Tailscale, "tailscale", "tailscale status --json, or the devices of the API",
    r#"if has("Self") then .Self, (.Peer // {} | .[]) | {owner: .HostName, addresses: some(.TailscaleIPs[]?)}
       elif has("devices") then .devices[] | {owner: (.hostname // .name), addresses: some(.addresses[]?)}
       elif has("addresses") then {owner: (.hostname // .name), addresses: some(.addresses[]?)}
       else error("this is neither a status nor a device") end"#;
    Netbird, "netbird", "the peers of the API, or netbird status --json",
    r#"def of: . // "" | tostring | split("/")[0];
       if has("ip") then {owner: .name, addresses: some(.ip, .ipv6)}
       elif has("netbirdIp") then
         {owner: (.fqdn // "self"), address: (.netbirdIp | of)},
         (.peers.details // [] | .[] | {owner: .fqdn, state: .status, address: (.netbirdIp | of)})
       else error("this is neither a peer nor a status") end"#;
    WgEasy, "wg-easy", "wg0.json, or the clients of the API",
    r#"def client: {owner: .name, state: (if .enabled == false then "disabled" else "enabled" end),
         addresses: some(.address, .ipv4Address, .ipv6Address)};
       if has("clients") then
         (.server // {} | {owner: "(interface)", own: true, address: .address}),
         (.clients | .[] | client)
       elif has("address") or has("ipv4Address") then client
       else error("this has no clients") end"#;
    AwsEni, "aws-eni", "aws ec2 describe-network-interfaces",
    r#"(if has("NetworkInterfaces") then
          if .NextToken != null then error("this is one page of several") else .NetworkInterfaces[] end
        else . end)
      | if has("NetworkInterfaceId") | not then error("this is no network interface") else . end
      | {owner: .NetworkInterfaceId, state: .Status, addresses: some(
          .PrivateIpAddress, .PrivateIpAddresses[]?.PrivateIpAddress, .Ipv4Prefixes[]?.Ipv4Prefix,
          .Ipv6Addresses[]?.Ipv6Address, .Ipv6Prefixes[]?.Ipv6Prefix)}"#;
    CalicoIpam, "calico-ipam", "kubectl get ipamblocks -o json, or workloadendpoints",
    r#"(if has("items") then .items[] else . end)
      | if .spec.cidr? and .spec.allocations? then
          . as $block | .spec.allocations | to_entries[] | select(.value != null)
          | {owner: $block.spec.attributes[.value].handle_id?, address: nth_of($block.spec.cidr; .key)}
        elif .spec.ipNetworks? then {owner: full, addresses: some(.spec.ipNetworks[])}
        else error("this is neither a block nor an endpoint") end"#;
    CiliumNode, "cilium-node", "kubectl get ciliumnodes -o json",
    r#"each("CiliumNode")
      | {owner: .metadata.name, addresses: some(
          .spec.ipam.podCIDRs[]?, (.spec.ipam.pool // {} | keys[]), (.status.ipam.used? // {} | keys[]),
          (.spec.addresses[]? | select(.type == "CiliumInternalIP") | .ip),
          (.spec.ipam.pools.allocated[]?.cidrs[]?), .spec.health.ipv4?, .spec.health.ipv6?, .spec.ingress.ipv4?, .spec.ingress.ipv6?)}"#;
    Whereabouts, "whereabouts", "kubectl get ippools.whereabouts.cni.cncf.io -A -o json",
    r#"each("IPPool")
      | .spec.range as $range | .spec.allocations // {} | to_entries[]
      | {owner: (.value.podref // .value.id), address: nth_of($range; .key | tonumber)}"#;
    Libvirt, "libvirt", "/var/lib/libvirt/dnsmasq/virbr0.status",
    r#"if has("ip-address") then {address: .["ip-address"], owner: (.hostname // .["mac-address"])}
       else error("this is no lease of libvirt") end"#;
    Multus, "multus", "kubectl get pods -A -o json: the additional networks of the pods",
    r#"each("Pod") | {owner: full, state: .status.phase, addresses: some(
        .metadata.annotations["k8s.v1.cni.cncf.io/network-status"] // "[]" | fromjson[] | select(.default != true) | .ips[]?)}"#;
}

impl Preset {
    /// Whether the filter yields states.
    pub(crate) fn has_states(self) -> bool {
        let body = self.body();
        body.contains("state:") || ["inspected", "instance"].contains(&body)
    }

    /// Whether the filter begins with `each`: of a value with an array `items` it sees one element at a time, and
    /// nothing else.
    pub(crate) fn sees_items_only(self) -> bool {
        self.body().starts_with("each(")
    }

    /// The filter in the language of jq.
    pub fn filter(self) -> String {
        format!("{PRELUDE}{}", self.body())
    }
}
