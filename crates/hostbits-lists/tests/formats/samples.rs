//! A list in each format, as its program writes it.

pub(crate) const LINES: &str = "# exported\n10.0.0.2\n\n10.0.0.3/32\n2001:db8::5\n10.0.0.16/28\n";

pub(crate) const CSV: &str = "\
address,owner
10.0.0.2,alice
10.0.0.3/32,\"Smith, Bob\"

# the lab
2001:db8::5,carol,sales
10.0.0.4
";

pub(crate) const NDJSON: &str = r#"{"ip":"10.0.0.2","user":"alice"}
{"name":"bob","address":"10.0.0.3/32","state":"active"}

"10.0.0.4"
{"addresses":["10.0.0.5","2001:db8::5"],"owner":{"x":1},"id":7}
{"ip":null,"user":"dave"}
"#;

pub(crate) const JSON: &str = r#"[
  {"ip": "10.0.0.2", "user": "alice"},
  {"name": "bob \"the, ] builder\"", "address": "10.0.0.3/32", "state": "active"},
  "10.0.0.4",
  {"ips": ["10.0.0.5",
           "2001:db8::5"]}
]
"#;

pub(crate) const WIREGUARD: &str = "\
[Interface]
Address = 10.0.0.1/24, fd00::1/64
ListenPort = 51820
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
PostUp = iptables -A FORWARD -i %i -j ACCEPT # and so on = 1
SaveConfig = true

# alice
[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
PresharedKey = /UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=
Endpoint = 192.95.5.67:1234
AllowedIPs = 10.0.0.2/32, fd00::2/128
AllowedIPs = 10.0.0.16/28

[peer]
allowedips=10.0.0.3
publickey=TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
PersistentKeepalive = 25
";

pub(crate) const WG_DUMP: &str = "\
wg0\tyAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\tHIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=\t51820\toff
wg0\txTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\t(none)\t192.95.5.67:1234\t10.0.0.2/32,fd00::2/128\t1700000000\t1234\t5678\t25
wg0\tTrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\t/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=\t(none)\t(none)\t0\t0\t0\toff
wg1\tgN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=\t(none)\t[2607:5300:60:6b0::c05f:543]:2468\t10.0.0.3/32\t0\t0\t0\toff
";

pub(crate) const KEA4: &str = "\
address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id
10.0.0.2,00:11:22:33:44:55,01:00:11:22:33:44:55,3600,1700003600,1,0,0,alice&#x2claptop,0,,0
10.0.0.3,,01:02:03,3600,1700003600,1,0,0,,0,{ \"note\": \"a&#x2cb\" },0
10.0.0.2,00:11:22:33:44:66,,3600,1700007200,1,0,0,,0,,0
10.0.0.4,,,86400,1700086400,1,0,0,,1,,0
10.0.0.5,aa:bb:cc:dd:ee:05,,3600,1700003600,1,0,0,,0,,0
10.0.0.5,aa:bb:cc:dd:ee:05,,3600,1700003600,1,0,0,,2,,0
10.0.0.6,aa:bb:cc:dd:ee:06,,3600,1700003600,1,0,0,,0,,0
10.0.0.6,aa:bb:cc:dd:ee:06,,0,1700003600,1,0,0,,0,,0
10.0.0.7,aa:bb:cc:dd:ee:07,,3600,1700003600,1,0,0,,3,,0
10.0.0.8,aa:bb:cc:dd:ee:08,,4294967295,0,1,0,0,,9,,0
";

pub(crate) const KEA6: &str = "\
address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context,hwtype,hwaddr_source,pool_id
2001:db8::2,00:01:00:01:aa,4000,1700004000,1,3000,0,1,128,0,0,alice,,0,,,,0
2001:db8:1::,00:01:00:01:bb,4000,1700004000,1,3000,2,7,56,0,0,,,0,,,,0
2001:db8:2::,00:01:00:01:cc,4000,1700004000,1,3000,2,7,56,0,0,,,0,,,,0
2001:db8:2::,00:01:00:01:cc,4000,1700004000,1,3000,2,7,56,0,0,,,2,,,,0
2001:db8::4,00:01:00:01:dd,4000,1700004000,1,3000,0,1,128,0,0,,,4,,,,0
";

pub(crate) const DHCPD4: &str = r#"# The format of this file is documented in the dhcpd.leases(5) manual page.
# This lease file was written by isc-dhcp-4.4.1

# authoring-byte-order entry is generated, DO NOT DELETE
authoring-byte-order little-endian;

failover peer "dhcp" state {
  my state normal at 2 2023/11/14 22:13:20;
  partner state normal at 2 2023/11/14 22:13:20;
  mclt 1800;
}
server-duid "\000\001\000\001\037\001\002\003";

lease 10.0.0.2 {
  starts 2 2023/11/14 22:13:20;
  ends 2 2023/11/14 23:13:20;
  tstp 2 2023/11/14 23:13:20;
  cltt 2 2023/11/14 22:13:20;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 00:11:22:33:44:55;
  uid "\001\000\021\"3}DU";
  set vendor-class-identifier = "MSFT 5.0 { lease 10.9.9.9 {";
  client-hostname "alice";
  on expiry or release {
    if (exists agent.circuit-id) { set ddns-rev-name = "x;}"; }
  }
}
lease 10.0.0.3 {
  starts 2 2023/11/14 22:13:20;
  ends 2 2023/11/14 22:20:20;
  binding state active;
  hardware ethernet 00:11:22:33:44:66;
}
lease 10.0.0.3 {
  starts 2 2023/11/14 22:13:20;
  ends 2 2023/11/14 22:20:20;
  binding state free;
  hardware ethernet 00:11:22:33:44:66;
}
lease 10.0.0.4 {
  binding state abandoned;
  next binding state free;
  client-hostname "carol";
}
lease 10.0.0.5 {
  binding state backup;
}
lease 10.0.0.6 {
  ends never;
  uid "dave";
}
lease 10.0.0.7 {
  binding state free;
  reserved;
}
lease 10.0.0.8 {
  binding state expired;
}
host printer {
  dynamic;
  hardware ethernet 00:11:22:33:44:77;
  fixed-address 10.0.0.20, 10.0.0.21;
}
"#;

pub(crate) const DHCPD6: &str = r#"authoring-byte-order little-endian;
ia-na "\001\000\000\000\000\001\000\001alice" {
  cltt 2 2023/11/14 22:13:20;
  iaaddr 2001:db8::2 {
    binding state active;
    preferred-life 27000;
    max-life 43200;
    ends 3 2023/11/15 10:13:20;
    set x = "1";
  }
  iaaddr 2001:db8::3 {
    binding state expired;
    preferred-life 27000;
    max-life 43200;
  }
}
ia-pd "bob" {
  iaprefix 2001:db8:1::/56 {
    binding state active;
  }
}
ia-na "carol" {
  iaaddr 2001:db8::4 {
    binding state active;
  }
}
ia-na "carol" {
  iaaddr 2001:db8::4 {
    binding state released;
  }
}
ia-ta "dave" {
  iaaddr 2001:db8::5 {
    binding state abandoned;
  }
}
"#;

pub(crate) const IPP: &str = "\
# kept for those who come back
alice,10.0.0.4,fd00::1000
bob,10.0.0.8,
; old
carol,10.0.0.12
dave,,fd00::1003
";

pub(crate) const STATUS1: &str = "\
OpenVPN CLIENT LIST
Updated,2023-11-14 22:13:20
Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since
alice,192.0.2.10:1194,1234,5678,2023-11-14 20:00:00
END,192.0.2.11:1194,1,2,2023-11-14 20:00:00
ROUTING TABLE
Virtual Address,Common Name,Real Address,Last Ref
10.0.0.6,alice,192.0.2.10:1194,2023-11-14 22:13:19
10.9.0.0/24,alice,192.0.2.10:1194,2023-11-14 22:13:19
10.9.0.7C,alice,192.0.2.10:1194,2023-11-14 22:13:19
fd00::1000,END,192.0.2.11:1194,2023-11-14 22:13:19
00:ff:12:34:56:78,bob,192.0.2.12:1194,2023-11-14 22:13:19
GLOBAL STATS
Max bcast/mcast queue length,3
END
";

pub(crate) const STATUS2: &str = "\
TITLE,OpenVPN 2.6.3 x86_64-pc-linux-gnu
TIME,2023-11-14 22:13:20,1700000000
HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Virtual IPv6 Address,Bytes Received,Bytes Sent,Connected Since,Connected Since (time_t),Username,Client ID,Peer ID,Data Channel Cipher
CLIENT_LIST,alice,192.0.2.10:1194,10.0.0.6,fd00::1000,1234,5678,2023-11-14 20:00:00,1699992000,UNDEF,0,0,AES-256-GCM
CLIENT_LIST,UNDEF,192.0.2.11:1194,,,1,2,2023-11-14 20:00:00,1699992000,UNDEF,1,1,AES-256-GCM
HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)
ROUTING_TABLE,10.0.0.6,alice,192.0.2.10:1194,2023-11-14 22:13:19,1699999999
ROUTING_TABLE,00:ff:12:34:56:78@100,bob,192.0.2.12:1194,2023-11-14 22:13:19,1699999999
GLOBAL_STATS,Max bcast/mcast queue length,3
GLOBAL_STATS,dco_enabled,0
END
";

pub(crate) const RADIPPOOL: &str = "\
id,pool_name,framedipaddress,nasipaddress,calledstationid,callingstationid,expiry_time,username,pool_key
1,main,10.0.0.2,192.0.2.1,,00-11-22-33-44-55,2023-11-14 23:13:20,alice,42
2,main,10.0.0.3,,,,2023-11-14 22:13:20,,0
3,main,10.0.0.4,192.0.2.1,,aa,,bob,43
4,main,10.0.0.5,192.0.2.1,,aa,0000-00-00 00:00:00,bob,43
5,\"main, old\",10.0.0.6,192.0.2.1,,\"the \"\"boss\"\"\",2020-01-01 00:00:00,,44
6,main,2001:db8::5,192.0.2.1,,,2023-11-14 23:13:20,\"two
lines\",45
";

/// Returns every sample with the name of its format.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let more = crate::programs::SAMPLES.iter();
    ALL.into_iter()
        .chain(more.map(|(name, text, _)| (*name, *text)))
}

const ALL: [(&str, &str); 14] = [
    ("lines", LINES),
    ("csv", CSV),
    ("ndjson", NDJSON),
    ("json", JSON),
    ("wireguard", WIREGUARD),
    ("wg-dump", WG_DUMP),
    ("kea", KEA4),
    ("kea", KEA6),
    ("dhcpd", DHCPD4),
    ("dhcpd", DHCPD6),
    ("openvpn-ipp", IPP),
    ("openvpn-status", STATUS1),
    ("openvpn-status", STATUS2),
    ("radippool", RADIPPOOL),
];
