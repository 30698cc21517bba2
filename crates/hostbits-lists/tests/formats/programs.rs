//! A sample of each format, as its program writes it, with the entries that are held.

use crate::read::read;
use hostbits_lists::{Format, List, Preset};

/// The name of a format, a list, and the entries that it contains.
pub(crate) type Sample = (&'static str, &'static str, &'static [&'static str]);

pub(crate) const SAMPLES: &[Sample] = &[
    (
        "columns",
        "Address        Owner   State\n10.0.0.2       alice   up\n10.0.0.3       bob     up\n-              carol   down\n",
        &[
            "2 10.0.0.2 owner=alice state=up",
            "3 10.0.0.3 owner=bob state=up",
            "4 - owner=carol state=down",
        ],
    ),
    (
        "netdev",
        "[NetDev]\nName=wg7\nKind=wireguard\n\n[WireGuard]\nPrivateKeyFile=/etc/wg7.key\n\n[WireGuardPeer]\nPublicKey=alice\n\
         AllowedIPs=10.0.0.2/32,fd00::2/128\nAllowedIPs=10.0.0.16/28\n\n[WireGuardPeer]\nPublicKey=bob\nEndpoint=192.0.2.9:51820\nAllowedIPs=10.0.0.3/32\n",
        &[
            "10 block:10.0.0.2/32 owner=alice",
            "10 block:fd00::2/128 owner=alice",
            "11 block:10.0.0.16/28 owner=alice",
            "16 block:10.0.0.3/32 owner=bob",
        ],
    ),
    (
        "dnsmasq",
        "1700000000 aa:bb:cc:dd:ee:02 10.0.0.2 alice 01:aa:bb:cc:dd:ee:02\n1700000060 aa:bb:cc:dd:ee:03 10.0.0.3 * *\n\
         duid 00:01:00:01:aa\n1700000120 1276192316 fd00::4 carol 00:04:aa\n0 aa:bb:cc:dd:ee:05 10.0.0.5 dave *\n",
        &[
            "1 10.0.0.2 owner=alice",
            "2 10.0.0.3 owner=aa:bb:cc:dd:ee:03",
            "4 fd00::4 owner=carol",
            "5 10.0.0.5 owner=dave",
        ],
    ),
    (
        "dnsmasq-hosts",
        "# fixed\ndhcp-range=10.0.0.50,10.0.0.150,12h\ndhcp-host=aa:bb:cc:dd:ee:02,alice,10.0.0.2,infinite\n\
         dhcp-host=aa:bb:cc:dd:ee:03,set:tv,10.0.0.3,[fd00::3]\ndhcp-host=aa:bb:cc:dd:ee:09,ignore\naa:bb:cc:dd:ee:04,10.0.0.4,carol\n\
         127.0.0.1 localhost\n10.0.0.5\tdave dave.example # desk\naa:bb:cc:dd:ee:06 10.0.0.6\n",
        &[
            "3 10.0.0.2 owner=alice",
            "4 10.0.0.3 owner=aa:bb:cc:dd:ee:03",
            "4 fd00::3 owner=aa:bb:cc:dd:ee:03",
            "5  owner=aa:bb:cc:dd:ee:09",
            "6 10.0.0.4 owner=carol",
            "7 127.0.0.1 owner=localhost",
            "8 10.0.0.5 owner=dave",
            "9 10.0.0.6 owner=aa:bb:cc:dd:ee:06",
        ],
    ),
    (
        "kea-conf",
        "{\n// of the office\n\"Dhcp4\": {\n  \"reservations\": [{\"hw-address\": \"aa:02\", \"ip-address\": \"10.0.0.2\"}],\n  # floors\n  \
         \"shared-networks\": [{\"subnet4\": [{\"subnet\": \"10.0.0.0/24\", \"reservations\": [\n    \
         {\"duid\": \"03\", \"hostname\": \"bob\", \"ip-address\": \"10.0.0.3\"}, {\"client-id\": \"04\", \"hostname\": \"x\"}]}]}],\n  \
         \"subnet4\": [{\"subnet\": \"10.1.0.0/24\"}] /* none */\n}\n}\n",
        &[
            "1 10.0.0.2 owner=aa:02 state=reserved",
            "1 10.0.0.3 owner=bob state=reserved",
            "1  owner=x state=reserved",
        ],
    ),
    (
        "odhcpd",
        "# br-lan 000100011829adce e0ca94c7 laptop 1413845671 3fd 128 fd01::2/128 fd02::2/128\n\
         # br-lan 000100011829adcf 1 router 1413845671 40 56 fd01:0:0:100::/56\n# br-lan aabbccddeeff ipv4 - 1413845671 2 32 10.0.0.2/32\n\
         fd01::2\tlaptop.lan\n",
        &[
            "1 block:fd01::2/128 owner=laptop",
            "1 block:fd02::2/128 owner=laptop",
            "2 block:fd01:0:0:100::/56 owner=router",
            "3 block:10.0.0.2/32 owner=aabbccddeeff",
        ],
    ),
    (
        "networkd",
        "{\"Interfaces\": [{\"Name\": \"br0\", \"DHCPServer\": {\"PoolSize\": 100,\n\"Leases\": [{\"Address\": [10,0,0,2], \"Hostname\": \"alice\"}, \
         {\"Address\": [10,0,0,3], \"HardwareAddress\": [170,3]}],\n\"StaticLeases\": [{\"AddressString\": \"10.0.0.4\", \"HardwareAddress\": [170,4]}]}}]}\n",
        &[
            "1 10.0.0.2 owner=alice",
            "1 10.0.0.3 owner=170-3",
            "1 10.0.0.4 owner=170-4",
        ],
    ),
    (
        "opnsense",
        "<?xml version=\"1.0\"?>\n<opnsense>\n<interfaces><lan><descr>LAN</descr><ipaddr>10.0.0.1</ipaddr></lan><wan><ipaddr>dhcp</ipaddr></wan></interfaces>\n\
         <dhcpd><lan><range><from>10.0.0.50</from><to>10.0.0.99</to></range>\n\
         <staticmap><mac>aa:02</mac><ipaddr>10.0.0.2</ipaddr><hostname>alice</hostname></staticmap></lan></dhcpd>\n\
         <OPNsense><Kea><dhcp4><reservations><reservation><ip_address>10.0.0.3</ip_address><hostname>bob</hostname></reservation></reservations></dhcp4></Kea>\n\
         <wireguard><client><clients><client><name>carol</name><tunneladdress>10.0.0.16/28,fd00::2/128</tunneladdress></client></clients></client></wireguard></OPNsense>\n</opnsense>\n",
        &[
            "3 own:10.0.0.1 owner=LAN",
            "5 10.0.0.2 owner=alice",
            "6 10.0.0.3 owner=bob",
            "7 block:10.0.0.16/28 owner=carol",
            "7 block:fd00::2/128 owner=carol",
        ],
    ),
    (
        "pfsense",
        "<pfsense>\n<interfaces><opt1><ipaddr>10.0.0.1</ipaddr></opt1></interfaces>\n\
         <dhcpd><opt1><staticmap><mac>aa:02</mac><ipaddr>10.0.0.2</ipaddr></staticmap>\n\
         <staticmap><mac>aa:03</mac><ipaddr></ipaddr><descr><![CDATA[no address]]></descr></staticmap></opt1></dhcpd>\n\
         <dhcpdv6><opt1><staticmap><duid>1</duid><ipaddrv6>fd00::2</ipaddrv6><hostname>x</hostname></staticmap></opt1></dhcpdv6>\n</pfsense>\n",
        &[
            "2 own:10.0.0.1",
            "3 10.0.0.2 owner=aa:02",
            "5 fd00::2 owner=x",
        ],
    ),
    (
        "k8s-pods",
        "{\"kind\": \"List\", \"items\": [\n{\"kind\": \"Pod\", \"metadata\": {\"namespace\": \"shop\", \"name\": \"web-0\"}, \
         \"status\": {\"phase\": \"Running\", \"podIP\": \"10.0.0.2\", \"podIPs\": [{\"ip\": \"10.0.0.2\"}, {\"ip\": \"fd00::2\"}]}},\n\
         {\"kind\": \"Pod\", \"metadata\": {\"name\": \"job\"}, \"status\": {\"phase\": \"Pending\"}}]}\n",
        &[
            "2 10.0.0.2 owner=shop/web-0 state=Running",
            "2 fd00::2 owner=shop/web-0 state=Running",
            "3  owner=job state=Pending",
        ],
    ),
    (
        "k8s-services",
        "[{\"metadata\": {\"name\": \"api\"}, \"spec\": {\"type\": \"ClusterIP\", \"clusterIP\": \"10.0.0.2\", \"clusterIPs\": [\"10.0.0.2\"]}},\n\
         {\"metadata\": {\"name\": \"db\"}, \"spec\": {\"type\": \"ClusterIP\", \"clusterIP\": \"None\"}},\n\
         {\"metadata\": {\"name\": \"ext\"}, \"spec\": {\"type\": \"ExternalName\"}}]\n",
        &[
            "1 10.0.0.2 owner=api state=ClusterIP",
            "2 None owner=db state=ClusterIP",
            "3  owner=ext state=ExternalName",
        ],
    ),
    (
        "k8s-nodes",
        "{\"items\": [{\"metadata\": {\"name\": \"n1\"}, \"spec\": {\"podCIDR\": \"10.0.0.0/26\", \"podCIDRs\": [\"10.0.0.0/26\", \"fd00::/64\"]}},\n\
         {\"metadata\": {\"name\": \"n2\"}, \"spec\": {}}]}\n",
        &[
            "1 10.0.0.0/26 owner=n1",
            "1 fd00::/64 owner=n1",
            "2  owner=n2",
        ],
    ),
    (
        "docker",
        "[{\"Name\": \"lan\", \"IPAM\": {\"Config\": [{\"Subnet\": \"10.0.0.0/24\"}]}, \"Containers\": {\"c1\": {\"Name\": \"db\", \"IPv4Address\": \"10.0.0.2/24\", \"IPv6Address\": \"\"}}},\n\
         {\"Id\": \"c2\", \"Name\": \"/web\", \"State\": {\"Status\": \"exited\"}, \"NetworkSettings\": {\"Networks\": {\"lan\": {\"IPAddress\": \"\", \"IPAMConfig\": {\"IPv4Address\": \"10.0.0.3\"}}}}},\n\
         {\"Id\": \"c3\", \"Name\": \"/off\", \"NetworkSettings\": {\"Networks\": {\"lan\": {\"IPAddress\": \"\", \"IPAMConfig\": null}}}}]\n",
        &[
            "1 10.0.0.2/24 owner=db",
            "2 10.0.0.3 owner=web state=exited",
            "3  owner=off",
        ],
    ),
    (
        "podman",
        "[{\"name\": \"lan\", \"containers\": {\"c1\": {\"name\": \"db\", \"interfaces\": {\"eth0\": {\"subnets\": [{\"ipnet\": \"10.0.0.2/24\"}, {\"ipnet\": \"fd00::2/64\"}]}}}}},\n\
         {\"Id\": \"c2\", \"Name\": \"web\", \"NetworkSettings\": {\"Networks\": {\"lan\": {\"IPAddress\": \"10.0.0.3\"}}}}]\n",
        &[
            "1 10.0.0.2/24 owner=db",
            "1 fd00::2/64 owner=db",
            "2 10.0.0.3 owner=web",
        ],
    ),
    (
        "lxd",
        "[{\"name\": \"c1\", \"status\": \"Running\", \"devices\": {\"eth0\": {\"ipv4.address\": \"10.0.0.2\"}}, \"state\": {\"network\": {\"eth0\": {\"addresses\": \
         [{\"address\": \"10.0.0.2\", \"scope\": \"global\"}, {\"address\": \"fe80::1\", \"scope\": \"link\"}]}}}},\n\
         {\"name\": \"c2\", \"status\": \"Stopped\", \"expanded_devices\": {\"eth0\": {\"ipv4.address\": \"10.0.0.3\"}}, \"state\": null},\n{\"name\": \"c3\", \"status\": \"Stopped\", \"state\": null}]\n",
        &[
            "1 10.0.0.2 owner=c1 state=Running",
            "1 ?fe80::1",
            "2 10.0.0.3 owner=c2 state=Stopped",
            "3  owner=c3 state=Stopped",
        ],
    ),
    (
        "incus",
        "[{\"hostname\": \"c1\", \"hwaddr\": \"aa\", \"address\": \"10.0.0.2\", \"type\": \"DYNAMIC\"},\n{\"hostname\": \"c2\", \"hwaddr\": \"ab\", \"address\": \"10.0.0.3\", \"type\": \"STATIC\"},\n\
         {\"hostname\": \"gw\", \"hwaddr\": \"ac\", \"address\": \"10.0.0.4\", \"type\": \"GATEWAY\"}]\n",
        &[
            "1 10.0.0.2 owner=c1 state=DYNAMIC",
            "2 10.0.0.3 owner=c2 state=STATIC",
            "3 10.0.0.4 owner=gw state=GATEWAY",
        ],
    ),
    (
        "netbox",
        "{\"count\": 3, \"next\": null, \"results\": [{\"address\": \"10.0.0.2/24\", \"dns_name\": \"alice\", \"status\": {\"value\": \"active\"}},\n\
         {\"address\": \"10.0.0.3/24\", \"dns_name\": \"\", \"description\": \"bob\", \"status\": \"reserved\"},\n{\"start_address\": \"10.0.0.10/24\", \"end_address\": \"10.0.0.19/24\", \"description\": \"tv\"}]}\n",
        &[
            "1 10.0.0.2/24 owner=alice state=active",
            "1 10.0.0.3/24 owner=bob state=reserved",
            "1 10.0.0.10-10.0.0.19 owner=tv",
        ],
    ),
    (
        "kea-api",
        "[{\"result\": 0, \"arguments\": {\"leases\": [{\"ip-address\": \"10.0.0.2\", \"hostname\": \"alice\", \"hw-address\": \"aa\", \"state\": 0},\n\
         {\"ip-address\": \"10.0.0.3\", \"hostname\": \"\", \"hw-address\": \"ab\", \"state\": 1}, {\"ip-address\": \"10.0.0.9\", \"state\": 2},\n\
         {\"ip-address\": \"2001:db8:1::\", \"type\": \"IA_PD\", \"prefix-len\": 56, \"duid\": \"ac\", \"state\": 0}]}}, {\"result\": 3, \"text\": \"0 leases\"}]\n",
        &[
            "1 10.0.0.2 owner=alice state=default",
            "1 10.0.0.3 owner=ab state=declined",
            "1 2001:db8:1::/56 owner=ac state=default",
        ],
    ),
    (
        "headscale",
        "[{\"id\": 1, \"given_name\": \"alice\", \"ip_addresses\": [\"100.64.0.2\", \"fd7a::2\"]},\n{\"id\": 2, \"name\": \"bob\", \"ipAddresses\": [\"100.64.0.3\"]}]\n",
        &[
            "1 100.64.0.2 owner=alice",
            "1 fd7a::2 owner=alice",
            "2 100.64.0.3 owner=bob",
        ],
    ),
    (
        "tailscale",
        "{\"Self\": {\"HostName\": \"me\", \"TailscaleIPs\": [\"100.64.0.1\"]},\n\"Peer\": {\"k1\": {\"HostName\": \"alice\", \"TailscaleIPs\": [\"100.64.0.2\", \"fd7a::2\"]}}}\n",
        &[
            "1 100.64.0.1 owner=me",
            "1 100.64.0.2 owner=alice",
            "1 fd7a::2 owner=alice",
        ],
    ),
    (
        "netbird",
        "[{\"name\": \"alice\", \"ip\": \"100.64.0.2\", \"connected\": true},\n{\"name\": \"bob\", \"ip\": \"100.64.0.3\", \"ipv6\": \"fd00::3\", \"connected\": false}]\n",
        &[
            "1 100.64.0.2 owner=alice",
            "2 100.64.0.3 owner=bob",
            "2 fd00::3 owner=bob",
        ],
    ),
    (
        "wg-easy",
        "{\"server\": {\"privateKey\": \"x\", \"address\": \"10.0.0.1\"},\n\"clients\": {\"u1\": {\"name\": \"alice\", \"address\": \"10.0.0.2\", \"enabled\": true},\n\
         \"u2\": {\"name\": \"bob\", \"address\": \"10.0.0.3\", \"enabled\": false}}}\n",
        &[
            "1 own:10.0.0.1 owner=(interface)",
            "1 10.0.0.2 owner=alice state=enabled",
            "1 10.0.0.3 owner=bob state=disabled",
        ],
    ),
    (
        "aws-eni",
        "{\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"eni-1\", \"Status\": \"in-use\", \"PrivateIpAddress\": \"10.0.0.4\", \"PrivateIpAddresses\": [{\"PrivateIpAddress\": \"10.0.0.4\"}],\n\
         \"Ipv4Prefixes\": [{\"Ipv4Prefix\": \"10.0.0.16/28\"}]}, {\"NetworkInterfaceId\": \"eni-2\", \"Status\": \"available\", \"PrivateIpAddresses\": [{\"PrivateIpAddress\": \"10.0.0.6\"}]}]}\n",
        &[
            "1 10.0.0.16/28 owner=eni-1 state=in-use",
            "1 10.0.0.4 owner=eni-1 state=in-use",
            "1 10.0.0.6 owner=eni-2 state=available",
        ],
    ),
    (
        "calico-ipam",
        "{\"items\": [{\"kind\": \"IPAMBlock\", \"spec\": {\"cidr\": \"10.0.1.0/30\", \"allocations\": [null, 0, null, 1], \"attributes\": [{\"handle_id\": \"alice\"}, {\"handle_id\": \"bob\"}]}},\n\
         {\"kind\": \"WorkloadEndpoint\", \"metadata\": {\"namespace\": \"shop\", \"name\": \"web\"}, \"spec\": {\"ipNetworks\": [\"10.0.0.2/32\"]}}]}\n",
        &[
            "1 10.0.1.1 owner=alice",
            "1 10.0.1.3 owner=bob",
            "1 10.0.0.2/32 owner=shop/web",
        ],
    ),
    (
        "cilium-node",
        "{\"items\": [{\"kind\": \"CiliumNode\", \"metadata\": {\"name\": \"n1\"}, \"spec\": {\"addresses\": [{\"type\": \"InternalIP\", \"ip\": \"192.0.2.7\"}, {\"type\": \"CiliumInternalIP\", \"ip\": \"10.0.0.65\"}],\n\
         \"ipam\": {\"podCIDRs\": [\"10.0.0.0/26\"], \"pool\": {\"10.0.0.66\": {}}}}}]}\n",
        &[
            "1 10.0.0.0/26 owner=n1",
            "1 10.0.0.65 owner=n1",
            "1 10.0.0.66 owner=n1",
        ],
    ),
    (
        "whereabouts",
        "{\"items\": [{\"kind\": \"IPPool\", \"metadata\": {\"name\": \"p\"}, \"spec\": {\"range\": \"10.0.0.0/24\", \"allocations\": {\"2\": {\"podref\": \"shop/web-0\"}, \"17\": {\"id\": \"c2\"}}}},\n\
         {\"metadata\": {\"name\": \"q\"}, \"spec\": {\"range\": \"fd00::/64\", \"allocations\": {\"26\": {\"podref\": \"shop/web-1\"}}}}]}\n",
        &[
            "1 10.0.0.2 owner=shop/web-0",
            "1 10.0.0.17 owner=c2",
            "2 fd00::1a owner=shop/web-1",
        ],
    ),
    (
        "libvirt",
        "[\n{\"ip-address\": \"10.0.0.2\", \"mac-address\": \"aa:02\", \"hostname\": \"vm1\", \"expiry-time\": 1700000000},\n{\"ip-address\": \"10.0.0.3\", \"mac-address\": \"aa:03\", \"expiry-time\": 1700000000},\n\
         {\"ip-address\": \"10.0.0.4\", \"mac-address\": \"aa:04\", \"expiry-time\": 1}\n]\n",
        &[
            "2 10.0.0.2 owner=vm1",
            "3 10.0.0.3 owner=aa:03",
            "4 10.0.0.4 owner=aa:04",
        ],
    ),
    (
        "multus",
        "{\"items\": [{\"metadata\": {\"namespace\": \"shop\", \"name\": \"web-0\", \"annotations\": {\"k8s.v1.cni.cncf.io/network-status\": \
         \"[{\\\"name\\\": \\\"cbr0\\\", \\\"ips\\\": [\\\"10.9.0.2\\\"], \\\"default\\\": true}, {\\\"name\\\": \\\"lan\\\", \\\"ips\\\": [\\\"10.0.0.2\\\", \\\"fd00::2\\\"]}]\"}}, \"status\": {\"phase\": \"Running\"}},\n\
         {\"metadata\": {\"name\": \"plain\"}, \"status\": {\"phase\": \"Running\"}}]}\n",
        &[
            "1 10.0.0.2 owner=shop/web-0 state=Running",
            "1 fd00::2 owner=shop/web-0 state=Running",
            "2  owner=plain state=Running",
        ],
    ),
];

#[test]
fn every_program_is_read_as_it_writes() {
    for (format, text, expected) in SAMPLES {
        assert_eq!(read(format, text).whole(), *expected, "{format}");
    }
}

/// A new format needs a sample, or is a directory with its own tests.
#[test]
fn every_format_has_a_sample() {
    let samples: Vec<&str> = crate::samples::all().map(|(name, _)| name).collect();
    for format in Format::all() {
        let is_directory = format.counts_files();
        assert_eq!(
            samples.contains(&format.name()),
            !is_directory,
            "{}",
            format.name()
        );
        assert!(!format.about().is_empty());
    }
}

/// The output of another program, or one page of several, is an error and never an empty list.
#[test]
fn presets_know_what_is_theirs() {
    for preset in Preset::ALL {
        for other in ["{\"a\": 1}", "[{\"a\": 1}]", "7", "[[]]"] {
            let outcome = read(preset.name(), other);
            assert!(
                outcome.is_unclear(),
                "{}: {other}: {outcome:?}",
                preset.name()
            );
        }
    }
    for (format, text, says) in [
        (
            "netbox",
            "{\"next\": \"/?offset=50\", \"results\": []}",
            "one page",
        ),
        (
            "kea-api",
            "[{\"result\": 1, \"text\": \"no such subnet\"}]",
            "no such subnet",
        ),
        (
            "k8s-pods",
            "{\"kind\": \"Service\", \"metadata\": {}}",
            "this is a Service",
        ),
        (
            "aws-eni",
            "{\"NetworkInterfaces\": [], \"NextToken\": \"x\"}",
            "one page",
        ),
        (
            "kea-conf",
            "{\"Dhcp4\": {\"hosts-database\": {\"type\": \"mysql\"}}}",
            "in a database",
        ),
        (
            "tailscale",
            "{\"Self\": {\"TailscaleIPs\": [\"10.0.0.99\"]}, \"PeEr\": {\"k\": {\"TailscaleIPs\": [\"10.0.xx\"]}}}",
            "without Peer",
        ),
        (
            "netbird",
            "{\"netbirdIp\": \"10.0.0.99/16\", \"peers\": {\"total\": 1, \"detailz\": [{\"netbirdIp\": \"10.0.xx\"}]}}",
            "without peers.details",
        ),
        ("opnsense", "<pfsense></pfsense>", "another program"),
        ("pfsense", "<pfsense><a>", "not closed"),
        (
            "networkd",
            "{\"Interfaces\": []}",
            "no lease of a DHCP server",
        ),
    ] {
        let error = read(format, text).error();
        assert!(error.contains(says), "{format}: {error}");
    }
}

/// The files of clients with fixed addresses in OpenVPN.
#[test]
fn a_directory_of_clients() {
    let folder = std::env::temp_dir().join(format!("hostbits-ccd-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in [
        (
            "alice",
            "ifconfig-push 10.0.0.2 255.255.255.0\niroute 10.9.0.0 255.255.255.0 # home\n",
        ),
        (
            "bob",
            "ifconfig-push 10.0.0.9 10.0.0.10\nifconfig-ipv6-push fd00::9/64 fd00::1\n",
        ),
        ("carol", "push \"route 10.7.0.0 255.255.255.0\"\n"),
        ("dave", "ifconfig-push 10.0.0.x 255.255.255.0\n"),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let mut list = crate::read::all(List::open(Format::OpenvpnCcd, &folder).unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    for entry in &mut list.entries {
        *entry = entry.split_once(' ').unwrap().1.to_owned();
    }
    list.entries.sort();
    assert_eq!(
        list.whole(),
        [
            " owner=carol",
            "!an unreadable setting: ifconfig-push 10.0.0.x 255.255.255.0",
            "block:10.0.0.10 owner=bob",
            "block:10.0.0.2 owner=alice",
            "block:10.0.0.9 owner=bob",
            "block:10.9.0.0/24 owner=alice",
            "block:fd00::9 owner=bob",
        ]
    );
}

/// In the configuration of ISC DHCP, hosts may be at any depth. For hosts that the server wrote, the last declaration
/// counts.
#[test]
fn hosts_of_dhcpd_are_read_at_any_depth() {
    let conf = "option domain-name \"x\";\nsubnet 10.0.0.0 netmask 255.255.255.0 {\n  range 10.0.0.50 10.0.0.99;\n\
                group {\n host a { hardware ethernet aa:02; fixed-address 10.0.0.2; }\n }\n}\n\
                host b { fixed-address 10.0.0.3, printer.example; }\n";
    let expected = [
        "5 10.0.0.2 owner=a state=fixed-address",
        "8 10.0.0.3 owner=b state=fixed-address",
        "8 printer.example owner=b state=fixed-address",
    ];
    assert_eq!(read("dhcpd", conf).whole(), expected);
    let leases = "host a {\n dynamic;\n fixed-address 10.0.0.2;\n}\nhost a {\n dynamic;\n deleted;\n}\n\
                  host b {\n dynamic;\n fixed-address 10.0.0.3;\n}\nhost b {\n dynamic;\n fixed-address 10.0.0.4;\n}\n";
    assert_eq!(
        read("dhcpd", leases).whole(),
        ["15 10.0.0.4 owner=b state=fixed-address"]
    );
    assert!(read("dhcpd", "include \"/etc/dhcp/hosts.conf\";\n").is_unclear());
}

/// For something that is not a list, the error says what it looks like.
#[test]
fn what_is_no_text_is_refused_by_its_name() {
    let utf16: Vec<u8> = "\u{feff}10.0.0.2\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let unmarked = &utf16[2..];
    for (bytes, says) in [
        (&b"\x1f\x8b\x08\0\0\0\0\0\x02\x03"[..], "gzip"),
        (&utf16, "UTF-16"),
        (unmarked, "UTF-16"),
        (b"PK\x03\x04....", "zip"),
        (b"SQLite format 3\0", "SQLite"),
        (b"10.0.0.2\n\0\n", "not text"),
    ] {
        for name in Format::names() {
            let outcome = read(name, bytes);
            assert!(outcome.entries.is_empty(), "{name}: {outcome:?}");
            let is_directory = ["host-local", "openvpn-ccd"].contains(name);
            assert!(
                is_directory || outcome.error().contains(says),
                "{name}: {outcome:?}"
            );
        }
    }
    for name in ["lines", "csv", "columns", "wireguard", "dnsmasq-hosts"] {
        let error = read(name, "# nothing\n# here\n").error();
        assert!(
            error.contains("another format") || error.contains("no line"),
            "{name}: {error}"
        );
    }
}

/// A key is misspelt, by hand or by a change in the program: the addresses under it stay held, or the list is refused.
/// The same goes for a word that another one replaces.
#[cfg(feature = "hostbits")]
#[test]
fn a_misspelt_word_never_frees_an_address() {
    use hostbits::Pool;
    use std::net::IpAddr;

    let is_of_word = |char: char| char.is_ascii_alphabetic() || matches!(char, '_' | '-');
    for (format, text, expected) in SAMPLES {
        let mut words: Vec<&str> = text.split(|char| !is_of_word(char)).collect();
        words.retain(|word| word.len() > 2 && word.starts_with(|char: char| char.is_alphabetic()));
        words.sort_unstable();
        words.dedup();
        // Addresses in the sample that are not held are not expected either.
        let addrs = expected.iter().filter_map(|entry| {
            let entry = entry.split(' ').nth(1)?;
            let addr = entry.strip_prefix("block:").unwrap_or(entry);
            addr.split(['/', '-']).next()?.parse::<IpAddr>().ok()
        });
        let addrs: Vec<IpAddr> = addrs.collect();
        assert!(!addrs.is_empty(), "{format}");
        for word in words {
            let misspelt = text.replace(word, &format!("{word}x"));
            let records = List::new(format.parse().unwrap(), "list", misspelt.as_bytes()).records();
            let Ok(records) = records.collect::<Result<Vec<_>, _>>() else {
                continue;
            };
            for &addr in &addrs {
                let prefix_len = if addr.is_ipv4() { 16 } else { 112 };
                let net = ipnet::IpNet::new(addr, prefix_len).unwrap().trunc();
                let pool = Pool::new(net).unwrap();
                let is_refused = pool.adopt(&records).is_err();
                assert!(
                    is_refused || !pool.is_available(addr) || !misspelt.contains(&addr.to_string()),
                    "{format}: {word}: {addr}: {misspelt}"
                );
            }
        }
    }
}

/// Two damages at once, as a campaign of `truth` has found them: refused or held.
#[cfg(feature = "hostbits")]
#[test]
fn what_is_damaged_twice_is_refused_or_held() {
    use hostbits::Pool;
    use std::net::Ipv4Addr;

    let radippool =
        "id,pool_name,framedipaddress,nasipaddress,callingstationid,expiry_time,username,pool_key";
    for (format, text) in [
        ("dnsmasq-hosts", "10.0.0.145\th145= h145.e_xample\n"),
        ("dnsmasq-hosts", "10.0.0.145=h145\n"),
        ("dnsmasq-hosts", "aa:bb:cc:dd:ee:ff:10.0.0.145\n"),
        (
            "dnsmasq-hosts",
            "dhcp-host=aa:bb:cc:dd:ee:ff:10.0.0.145,h\n",
        ),
        ("dnsmasq-hosts", "%10.0.0.145\th145\n"),
        ("json", r#"[{"name":"h","a":"10.0.0.145+"}]"#),
        ("json", r#"[{"name":"h","a":"(10.0.0.145"}]"#),
        ("json", r#"[{"name":"h","a":":10.0.0.145"}]"#),
        ("json", r#"[{"name":"h","a":"10.0.0.145:"}]"#),
        (
            "opnsense",
            "<opnsense><dhcpd><staticmap><mac>aa</mac><ipaddr<10.0.0.145</></staticmap></dhcpd></opnsense>",
        ),
        (
            "pfsense",
            "<?xml version=\"1.0\"?\n<pfsense><dhcpd><staticmap><ipaddr>10.0.0.145</ipaddr></staticmap></dhcpd></pfsense>\n\
             <?xml version=\"1.0\"?>\n<pfsense><dhcpd></dhcpd></pfsense>\n",
        ),
        (
            "pfsense",
            "<pfsense><?a ?<dhcpd><staticmap><ipaddr>10.0.0.145</ipaddr></staticmap></dhcpd><?b ?></pfsense>",
        ),
        (
            "pfsense",
            "<pfsense><!-- a --<dhcpd><staticmap><ipaddr>10.0.0.145</ipaddr></staticmap></dhcpd><!-- b --></pfsense>",
        ),
        (
            "pfsense",
            "<pfsense><a><![CDATA[a]]</a><dhcpd><staticmap><ipaddr>10.0.0.145</ipaddr></staticmap></dhcpd>\
             <a><![CDATA[b]]></a></pfsense>",
        ),
        (
            "pfsense",
            "<!DOCTYPE a <pfsense><dhcpd><staticmap><ipaddr>10.0.0.145</ipaddr></staticmap></dhcpd></pfsense>><pfsense></pfsense>",
        ),
        (
            "pfsense",
            "<pfsense><dhcpd><staticmap><ipaddr>10.0.0.1&#52;5</ipaddr></staticmap></dhcpd></pfsense> 10.0.0.145",
        ),
        (
            "pfsense",
            "<pfsense><dhcpd><staticmap><ipaddr>10.0.0.1&#52;5</ipaddr></staticmap></dhcpd></pfsense>",
        ),
        (
            "pfsense",
            "<pfsense><dhcpd><staticmap><ipaddr>10.0.0.14&x;5</ipaddr></staticmap></dhcpd></pfsense>",
        ),
        (
            "pfsense",
            "<pfsense><dhpd><staticmapp><mac>aa</mac><ipaddrr>10.0.0.145</ipaddrr></staticmapp></dhpd></pfsense>",
        ),
        (
            "opnsense",
            "<opnsense><dhpd><staticmapp><ipaddrr>10.0.0.145</ipaddrr><mac>aa</mac></staticmapp></dhpd></opnsense>",
        ),
        (
            "headscale",
            r#"[{"name":"h","ipAddresses":[],"a":":10.0.0.145"}]"#,
        ),
        (
            "netdev",
            "[NetDev]\nPublicKey=k\nAll%wedIPs=10.0.0.145/32\n",
        ),
        ("netdev", "[WireGuard]\nAll%wedIPs=10.0.0.145/32\n"),
        (
            "radippool",
            &format!("{radippool}7,main,10.0.0.145,192.0.2.1,aa,2023-11-14 23:13:20,h,42\n"),
        ),
        (
            "radippool",
            &format!(
                "{radippool}\n7,main,10.0.0.189,192.0.2.1,aa,2023-11-14 23:13:20,h,42# br-lan aabbccddeeff ipv4 h \
                 1413845671 2 32 10.0.0.145/32\n"
            ),
        ),
        (
            "kea",
            "address,hwaddr,valid_lifetime,state10.0.0.145,aa,3600,1\n",
        ),
        ("csv", "address,owner10.0.0.145,h\n10.0.0.3,x,y\n"),
        (
            "csv",
            "name,ip,note\nh,10.0.0.2,\"a, b\"i: ifconfig-push 10.0.0.145 255.255.255.0\n",
        ),
        (
            "csv",
            "name,ip,note\nh,10.0.0.2,\"aa:bb:cc:dd:ee:ff 10.0.0.145\n",
        ),
        ("csv", "name,ip,note,more\nh,10.0.0.2,\"a, bb 10.0.0.145\n"),
        (
            "dhcpd",
            "host a {\n fixed-address 10.0.0.145;\n h~ost b {\n host c {\n fixed-address 10.0.0.3;\n }\n }\n}\n",
        ),
        (
            "dhcpd",
            "lease 10.0.0.145 {\n h~ost b {\n host c {\n fixed-address 10.0.0.3;\n }\n }\n}\n",
        ),
        (
            "dhcpd",
            "subnet 10.0.0.0 netlease 10.0.0.145 {\n binding state active;\n}\nlease 10.0.0.3 {\n binding state active;\n}\n",
        ),
        (
            "dhcpd",
            "zone 10.in-addr.lease 10.0.0.145 {\n binding state active;\n}\nlease 10.0.0.3 {\n binding state active;\n}\n",
        ),
        (
            "dhcpd",
            "subnet6 2001:db8::/64lease 10.0.0.145 {\n binding state active;\n}\nlease 10.0.0.3 {\n binding state active;\n}\n",
        ),
        (
            "dhcpd",
            "if option x = lease 10.0.0.145 {\n binding state active;\n}\nlease 10.0.0.3 {\n binding state active;\n}\n",
        ),
        (
            "dhcpd",
            "if knowlease 10.0.0.145 {\n binding state active;\n}\nlease 10.0.0.3 {\n binding state active;\n}\n",
        ),
        (
            "dhcpd",
            "zonlease 10.0.0.145 {\n binding state active;\n}\nlease 10.0.0.3 {\n binding state active;\n}\n",
        ),
        (
            "dhcpd",
            "zonhost h {\n fixed-address 10.0.0.145;\n}\nlease 10.0.0.3 {\n binding state active;\n}\n",
        ),
        (
            "dhcpd",
            "lease 10.0.0.3 lease 10.0.0.145 {\n binding state active;\n}\n",
        ),
        (
            "dhcpd",
            "lease 10.0.0.3 10.0.0.145 {\n binding state active;\n}\n",
        ),
        (
            "dhcpd",
            "host a fixed-address 10.0.0.145 {\n fixed-address 10.0.0.3;\n}\n",
        ),
        (
            "dhcpd",
            "ia-na \"a\" iaaddr 10.0.0.145 {\n iaaddr 10.0.0.3 {\n binding state active;\n }\n}\n",
        ),
        (
            "dhcpd",
            "ia-na \"a\" {\n iaaddr 10.0.0.3 x iaaddr 10.0.0.145 {\n binding state active;\n }\n}\n",
        ),
        (
            "pfsense",
            "<pfsense><dhpd><lan><statimap><ma>aa</ma><ipadzr>10.0.0.145</ipadzr><hostname>h</hostname></statimap></lan>\
             </dhpd></pfsense>",
        ),
        (
            "pfsense",
            "<pfsense><dhcPd><ln><stticmp><mc>b</mc><ipddr>10.0.0.145</ipddr><hostnme>h</hostnme></stticmp></ln></dhcPd>\
             </pfsense>",
        ),
        ("columns", "IP NAME10.0.0.145 h\n10.0.0.3 x y\n"),
        (
            "whereabouts",
            r#"{"kind": "IPPool", "metadata": {}, "spec": {"range": "10.0.0.0/24", "145": {"podref": "d/h"}, "allocations": {}}}"#,
        ),
        (
            "whereabouts",
            r#"{"kind": "IPPool", "metadata": {}, "spec": {"range": "10.0.0.0/24", "145": {"podreff": "d/h"}, "allocations": {}}}"#,
        ),
        (
            "openvpn-status",
            "OpenVPN CLIENT LIST\nUpdated,now\nCommon Name,Real Address\nROUTING TABLE\n\
             Virtual Address,Common Name,Real Address,Last Ref\r10.0.0.145,h,192.0.2.1:1194,now\n\
             GLOBAL STATS\nEND\n",
        ),
    ] {
        let records = List::new(format.parse().unwrap(), "list", text.as_bytes()).records();
        let Ok(records) = records.collect::<Result<Vec<_>, _>>() else {
            continue;
        };
        let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>().unwrap()).unwrap();
        let is_refused = pool.adopt(&records).is_err();
        let addr = Ipv4Addr::new(10, 0, 0, 145);
        assert!(is_refused || !pool.is_available(addr), "{format}: {text}");
    }
}

/// Requested addresses of services, lists that are null because they are empty, and the last page of several.
#[test]
fn presets_know_the_oddities_of_their_programs() {
    let service = r#"{"kind": "Service", "metadata": {"name": "web", "annotations": {
        "metallb.universe.tf/loadBalancerIPs": "10.0.0.3, fd00::3", "kube-vip.io/loadbalancerIPs": "10.0.0.4",
        "lbipam.cilium.io/ips": "10.0.0.5", "io.cilium/lb-ipam-ips": "10.0.0.6", "note": "10.0.0.7"}},
        "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.2"}}"#;
    let outcome = read("k8s-services", service);
    let entries = outcome.whole().into_iter();
    let held: Vec<_> = entries
        .map(|entry| entry.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        held,
        [
            "10.0.0.2",
            "10.0.0.3",
            "10.0.0.4",
            "10.0.0.5",
            "10.0.0.6",
            "fd00::3",
            "?10.0.0.7"
        ]
    );
    for (format, nothing) in [
        ("k8s-pods", r#"{"kind": "PodList", "items": null}"#),
        ("whereabouts", r#"{"kind": "IPPoolList", "items": null}"#),
    ] {
        assert_eq!(read(format, nothing).whole(), [""; 0], "{format}");
    }
    let status = r#"{"Self": {"HostName": "me", "TailscaleIPs": ["100.64.0.1"]}, "Peer": null}"#;
    assert_eq!(read("tailscale", status).whole(), ["1 100.64.0.1 owner=me"]);
    let status =
        r#"{"netbirdIp": "100.64.0.1/16", "fqdn": "me", "peers": {"total": 0, "details": null}}"#;
    assert_eq!(read("netbird", status).whole(), ["1 100.64.0.1 owner=me"]);
    let page = r#"{"count": 60, "next": null, "previous": "http://netbox/?limit=50", "results": [{"address": "10.0.0.2/24"}]}"#;
    assert!(read("netbox", page).error().contains("one page of several"));
}

/// Tailscale: a peer outside the list of peers still holds its address, even if the address is unreadable and only
/// its routes name it.
#[test]
fn a_node_of_tailscale_that_is_no_peer_is_told() {
    let own = r#""HostName": "me", "TailscaleIPs": ["100.64.0.1"]"#;
    let peer =
        r#"{"k": {"HostName": "a", "TailscaleIPs": ["100.6x"], "AllowedIPs": ["100.64.0.2/32"]}}"#;
    for text in [
        format!(r#"{{"Self": {{{own}}}, "PeEr": {peer}}}"#),
        format!(r#"{{"Self": {{{own}}}, "Peer": {{}}, "More": {{"Peer": {peer}}}}}"#),
        format!(r#"{{"Self": {{{own}, "Peer": {peer}}}}}"#),
        format!(r#"{{"Self": {{{own}}}, "Peer": {{"j": {{{own}, "Peer": {peer}}}}}}}"#),
        format!(r#"{{"Self": {{{own}}}, "PeEr": {peer}}}"#).replace("TailscaleIPs", "TailscaleIP"),
        format!(r#"{{"Self": {{{own}}}, "PeEr": {peer}}}"#).replace("AllowedIPs", "AllowedIP"),
    ] {
        assert!(read("tailscale", &text).is_unclear(), "{text}");
    }
    // Not held: the exit node is also a peer, and a newer version may write anything here.
    let exit = r#""ExitNodeStatus": {"ID": "x", "TailscaleIPs": ["100.64.0.2/32"]}"#;
    let peers = peer.replace("100.6x", "100.64.0.2");
    let text = format!(
        r#"{{"Version": "1", "Self": {{{own}}}, "Peer": {peers}, {exit}, "User": {{"1": {{"ID": 1}}}}, "New": {{"k": {{}}}}}}"#
    );
    let outcome = read("tailscale", &text);
    let expected = ["1 100.64.0.1 owner=me", "1 100.64.0.2 owner=a"];
    assert_eq!(outcome.whole(), expected);
}

/// A Cilium node whose own address has lost its name, in a place where addresses are not looked for either.
#[test]
fn a_node_of_cilium_without_its_own_address_is_told() {
    let text = r#"{"items": [{"kind": "CiliumNode", "metadata": {"name": "n"}, "spec": {"addresses": [
        {"type": "CiliumInternalIP", "ip": "10.0.0.5"}, {"type": "Hostname", "ip": "n"}], "ipam": {"podCIDRs": ["10.0.1.0/24"]}}}]}"#;
    assert!(!read("cilium-node", text).is_unclear());
    assert!(read("cilium-node", text.replacen("\"ip\"", "\"iip\"", 1)).is_unclear());
}

/// Free text in a remark holds nothing, for any of these programs. A value that is not a string is examined.
#[test]
fn a_remark_that_is_an_address_holds_nothing() {
    for (format, text) in [
        (
            "aws-eni",
            r#"{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.0.4", "Description": REMARK}]}"#,
        ),
        (
            "netbox",
            r#"[{"address": "10.0.0.4/24", "dns_name": "a", "description": REMARK, "comments": REMARK}]"#,
        ),
        (
            "kea-conf",
            r#"{"Dhcp4": {"reservations": [{"ip-address": "10.0.0.4", "user-context": {"comment": REMARK}}]}}"#,
        ),
    ] {
        let whole = read(format, text.replace("REMARK", r#""10.0.0.9""#));
        let entries = whole.whole();
        assert_eq!(entries.len(), 1, "{format}: {entries:?}");
        assert!(
            entries[0].starts_with("1 10.0.0.4"),
            "{format}: {entries:?}"
        );
        let told = read(
            format,
            text.replacen("REMARK", r#"["10.0.0.9"]"#, 1)
                .replace("REMARK", "1"),
        );
        let is_told = told.entries.iter().any(|entry| entry.contains("10.0.0.9"));
        assert!(told.end.is_err() || is_told, "{format}: {told:?}");
    }
}

/// JSON within a string that contains an invalid byte. It is still JSON, although the name with that byte is another
/// name.
#[test]
fn a_byte_that_is_no_text_hides_nothing_in_an_annotation() {
    let text = r#"{"items": [{"kind": "Pod", "metadata": {"name": "a", "annotations": {"k8s.v1.cni.cncf.io/network-status":
        "[{\"name\": \"lan\", \"ips\": [\"10.0.0.5\"]}]"}}, "status": {"phase": "Running"}}]}"#;
    assert_eq!(
        read("multus", text).whole(),
        ["1 10.0.0.5 owner=a state=Running"]
    );
    let mut bytes = text.as_bytes().to_vec();
    bytes[text.find("ips").expect("its name")] = 0x80;
    let outcome = read("multus", bytes);
    let is_told = outcome.entries.iter().any(|entry| entry == "1 ?10.0.0.5");
    assert!(is_told, "{outcome:?}");
}

/// Kubernetes objects without a kind are distinguished from those that the filter is for: addresses may stand in other
/// places in them.
#[test]
fn an_object_of_another_kind_without_its_kind_is_refused() {
    for (format, object) in [
        ("multus", r#""spec": {"ipNetworks": ["10.0.0.5/32"]}"#),
        (
            "multus",
            r#""spec": {"clusterIP": "10.0.0.5"}, "status": {"loadBalancer": {}}"#,
        ),
        ("k8s-pods", r#""spec": {"ipNetworks": ["10.0.0.5/32"]}"#),
        (
            "k8s-pods",
            r#""spec": {"clusterIP": "10.0.0.5"}, "status": {"loadBalancer": {}}"#,
        ),
        (
            "k8s-nodes",
            r#""spec": {"addresses": [{"type": "CiliumInternalIP", "ip": "10.0.0.5"}], "ipam": {}}, "status": {}"#,
        ),
    ] {
        let text = format!(r#"{{"items": [{{"metadata": {{"name": "a"}}, {object}}}]}}"#);
        assert!(read(format, &text).is_unclear(), "{format}: {object}");
    }
}
