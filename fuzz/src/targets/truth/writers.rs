//! Writes lists of given hosts as programs do: in every format, and for every named filter.

/// How a format writes a list, and when such a list names a host.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The signs that begin a comment: what follows on the line names no user.
    pub(super) comments: &'static [&'static str],
    pub(super) write: fn(&[u8]) -> String,
    pub(super) names: Names,
}

/// How a host is written.
pub(super) enum Names {
    /// The address as `10.0.0.HOST`.
    Address,
    /// By a text for the host, next to another text that must be there, too.
    Beside(fn(u8) -> String, &'static str),
    /// By the whole list that [`Kind::write`] returns.
    Whole,
}

const fn kind(
    name: &'static str,
    comments: &'static [&'static str],
    write: fn(&[u8]) -> String,
) -> Kind {
    Kind {
        name,
        comments,
        write,
        names: Names::Address,
    }
}

fn lines(hosts: &[u8], each: impl Fn(u8) -> String) -> String {
    hosts.iter().map(|&host| each(host)).collect()
}

fn joined(hosts: &[u8], each: impl Fn(u8) -> String) -> String {
    let parts: Vec<String> = hosts.iter().map(|&host| each(host)).collect();
    parts.join(",\n")
}

/// Writes a list of Kubernetes objects.
fn items(kind: &str, hosts: &[u8], each: impl Fn(u8) -> String) -> String {
    let items = joined(hosts, |host| {
        let rest = each(host);
        format!(
            "{{\"kind\": \"{kind}\", \"metadata\": {{\"namespace\": \"shop\", \"name\": \"h{host}\"}},\n{rest}}}"
        )
    });
    format!(
        "{{\"kind\": \"List\", \"items\": [\n{items}\n], \"metadata\": {{\"resourceVersion\": \"\"}}}}\n"
    )
}

fn key(host: u8) -> String {
    format!("{}{host}=", "A".repeat(40))
}

fn inspected(hosts: &[u8]) -> String {
    let containers = joined(hosts, |host| {
        format!(
            "\"c{host}\": {{\"Name\": \"h{host}\", \"EndpointID\": \"e\", \"IPv4Address\": \"10.0.0.{host}/24\", \"IPv6Address\": \"\"}}"
        )
    });
    let alone = lines(hosts, |host| {
        format!(
            ",\n{{\"Id\": \"c{host}\", \"Name\": \"/h{host}\", \"State\": {{\"Status\": \"exited\"}}, \"NetworkSettings\": {{\"Ports\": {{}},\n\
             \"Networks\": {{\"lan\": {{\"IPAMConfig\": {{\"IPv4Address\": \"10.0.0.{host}\"}}, \"IPAddress\": \"\", \"Gateway\": \"\"}}}}}}}}"
        )
    });
    format!(
        "[{{\"Name\": \"lan\", \"IPAM\": {{\"Config\": [{{\"Subnet\": \"10.0.0.0/24\", \"Gateway\": \"10.0.0.1\"}}]}},\n\
         \"Containers\": {{{containers}}}}}{alone}]\n"
    )
}

fn instances(hosts: &[u8]) -> String {
    let instances = joined(hosts, |host| {
        format!(
            "{{\"name\": \"h{host}\", \"status\": \"Running\", \"devices\": {{\"eth0\": {{\"type\": \"nic\"}}}}, \"state\": {{\"network\": {{\"eth0\":\n\
             {{\"addresses\": [{{\"family\": \"inet\", \"address\": \"10.0.0.{host}\", \"netmask\": \"24\", \"scope\": \"global\"}},\n\
             {{\"family\": \"inet6\", \"address\": \"fe80::{host}\", \"netmask\": \"64\", \"scope\": \"link\"}}]}}}}}}}}"
        )
    });
    format!("[{instances}]\n")
}

fn config_xml(root: &str, hosts: &[u8]) -> String {
    let maps = lines(hosts, |host| {
        format!(
            "<staticmap><mac>aa:{host}</mac><ipaddr>10.0.0.{host}</ipaddr>\n<hostname>h{host}</hostname></staticmap>\n"
        )
    });
    format!(
        "<?xml version=\"1.0\"?>\n<{root}>\n<interfaces><lan><ipaddr>10.0.0.1</ipaddr></lan></interfaces>\n<dhcpd><lan><range><from>10.0.0.50</from>\
         <to>10.0.0.60</to></range>\n{maps}</lan></dhcpd>\n</{root}>\n"
    )
}

fn status(hosts: &[u8], between: char) -> String {
    let clients = lines(hosts, |host| {
        format!(
            "CLIENT_LIST,h{host},192.0.2.{host}:1194,10.0.0.{host},,12,34,2023-11-14 20:00:00,1699992000,UNDEF,0,0\n"
        )
    });
    let routes = lines(hosts, |host| {
        format!(
            "ROUTING_TABLE,10.0.0.{host},h{host},192.0.2.{host}:1194,2023-11-14 22:13:19,1699999999\n"
        )
    });
    let all = format!(
        "TITLE,OpenVPN 2.6\nTIME,2023-11-14 22:13:20,1700000000\n\
         HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Virtual IPv6 Address,Bytes Received,Bytes Sent,Connected Since,\
         Connected Since (time_t),Username,Client ID,Peer ID\n{clients}\
         HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)\n{routes}GLOBAL_STATS,x,3\nEND\n"
    );
    all.replace(',', &between.to_string())
}

const HASH: &[&str] = &["#"];
const BOTH: &[&str] = &["#", ";"];

/// The kinds of lists: one for each format, for some formats several.
pub(super) static KINDS: &[Kind] = &[
    kind("lines", HASH, |hosts| {
        lines(hosts, |host| format!("10.0.0.{host}\n"))
    }),
    kind("csv", HASH, |hosts| {
        "name,IP Address,note\n".to_owned()
            + &lines(hosts, |host| format!("h{host},10.0.0.{host},\"a, b\"\n"))
    }),
    kind("csv", HASH, |hosts| {
        "Host;Adresse;IP;Notiz\n".to_owned()
            + &lines(hosts, |host| {
                format!("\"h{host}\";\"here\";\"10.0.0.{host}\";\"x \"\"y\"\"\"\n")
            })
    }),
    kind("csv", HASH, |hosts| {
        lines(hosts, |host| format!("10.0.0.{host},h{host}\n"))
    }),
    kind("columns", HASH, |hosts| {
        "NAME  IP  AGE\n".to_owned() + &lines(hosts, |host| format!("h{host}  10.0.0.{host}  3d\n"))
    }),
    kind("ndjson", &[], |hosts| {
        lines(hosts, |host| {
            format!("{{\"name\":\"h{host}\",\"ip\":\"10.0.0.{host}\"}}\n")
        })
    }),
    kind("json", &[], |hosts| {
        let values = joined(hosts, |host| {
            format!("{{\"name\":\"h{host}\",\n\"address\":\"10.0.0.{host}\"}}")
        });
        format!("[{values}]\n")
    }),
    kind("wireguard", HASH, |hosts| {
        "[Interface]\nAddress = 10.0.0.1/24\nPrivateKey = K\n".to_owned()
            + &lines(hosts, |host| {
                format!(
                    "\n# h{host}\n[Peer]\nPublicKey = {}\nAllowedIPs = 10.0.0.{host}/32\n",
                    key(host)
                )
            })
    }),
    kind("wg-dump", &[], |hosts| {
        format!("wg0\t{}\t{}\t51820\toff\n", key(101), key(102))
            + &lines(hosts, |host| {
                format!(
                    "wg0\t{}{}\t(none)\t192.0.2.7:1234\t10.0.0.{host}/32\t1700000000\t12\t34\toff\n",
                    "A".repeat(40),
                    format_args!("{host}=")
                )
            })
    }),
    kind("netdev", BOTH, |hosts| {
        "[NetDev]\nKind=wireguard\n".to_owned()
            + &lines(hosts, |host| {
                format!("[WireGuardPeer]\nPublicKey=k{host}\nAllowedIPs=10.0.0.{host}/32\n")
            })
    }),
    kind("dnsmasq", &[], |hosts| {
        lines(hosts, |host| {
            format!("1700000000 aa:bb:cc:dd:ee:ff 10.0.0.{host} h{host} *\n")
        })
    }),
    kind("dnsmasq-hosts", HASH, |hosts| {
        lines(hosts, |host| {
            format!("dhcp-host=aa:bb:cc:dd:ee:ff,10.0.0.{host},h{host}\n")
        })
    }),
    kind("dnsmasq-hosts", HASH, |hosts| {
        lines(hosts, |host| {
            format!("10.0.0.{host}\th{host} h{host}.example\n")
        })
    }),
    kind("dnsmasq-hosts", HASH, |hosts| {
        lines(hosts, |host| format!("aa:bb:cc:dd:ee:ff 10.0.0.{host}\n"))
    }),
    // A directory: a line is the name of a file, and what is in it.
    kind("host-local", &[], |hosts| {
        lines(hosts, |host| format!("10.0.0.{host}: c{host}\n"))
    }),
    kind("openvpn-ccd", BOTH, |hosts| {
        lines(hosts, |host| {
            format!("h{host}: ifconfig-push 10.0.0.{host} 255.255.255.0\n")
        })
    }),
    kind("kea", &[], |hosts| {
        "address,hwaddr,valid_lifetime,state\n".to_owned()
            + &lines(hosts, |host| format!("10.0.0.{host},aa,3600,1\n"))
    }),
    kind("kea-conf", &["#", "//", "/*"], |hosts| {
        let hosts = joined(hosts, |host| {
            format!("{{\"hw-address\": \"aa:{host}\",\n\"ip-address\": \"10.0.0.{host}\"}}")
        });
        format!(
            "{{\"Dhcp4\": {{\"subnet4\": [{{\"subnet\": \"10.0.0.0/24\", \"reservations\": [\n{hosts}\n]}}]}}}}\n"
        )
    }),
    kind("dhcpd", HASH, |hosts| {
        lines(hosts, |host| {
            format!(
                "lease 10.0.0.{host} {{\n  binding state active;\n  client-hostname \"h{host}\";\n}}\n"
            )
        })
    }),
    kind("dhcpd", HASH, |hosts| {
        let hosts = lines(hosts, |host| {
            format!(
                "  host h{host} {{\n    hardware ethernet aa:bb:cc:dd:ee:ff;\n    fixed-address 10.0.0.{host};\n  }}\n"
            )
        });
        format!("subnet 10.0.0.0 netmask 255.255.255.0 {{\n  option routers 10.0.0.1;\n{hosts}}}\n")
    }),
    kind("odhcpd", &[], |hosts| {
        lines(hosts, |host| {
            format!("# br-lan aabbccddeeff ipv4 h{host} 1413845671 2 32 10.0.0.{host}/32\n")
        })
    }),
    Kind {
        names: Names::Beside(|host| format!("[10,0,0,{host}]"), ""),
        ..kind("networkd", &[], |hosts| {
            let leases = joined(hosts, |host| {
                format!("{{\"Address\": [10,0,0,{host}],\n\"Hostname\": \"h{host}\"}}")
            });
            format!(
                "{{\"Interfaces\": [{{\"Name\": \"br0\", \"DHCPServer\": {{\"PoolSize\": 100, \"Leases\": [{leases}]}}}}]}}\n"
            )
        })
    },
    kind("openvpn-ipp", BOTH, |hosts| {
        lines(hosts, |host| format!("h{host},10.0.0.{host},\n"))
    }),
    kind("openvpn-status", &[], |hosts| {
        let clients = lines(hosts, |host| {
            format!("h{host},192.0.2.{host}:1194,12,34,2023-11-14 20:00:00\n")
        });
        let routes = lines(hosts, |host| {
            format!("10.0.0.{host},h{host},192.0.2.{host}:1194,2023-11-14 22:13:19\n")
        });
        format!(
            "OpenVPN CLIENT LIST\nUpdated,2023-11-14 22:13:20\nCommon Name,Real Address,Bytes Received,Bytes Sent,Connected Since\n{clients}\
             ROUTING TABLE\nVirtual Address,Common Name,Real Address,Last Ref\n{routes}GLOBAL STATS\nx,3\nEND\n"
        )
    }),
    kind("openvpn-status", &[], |hosts| status(hosts, ',')),
    kind("openvpn-status", &[], |hosts| status(hosts, '\t')),
    kind("opnsense", &["<!--"], |hosts| config_xml("opnsense", hosts)),
    kind("pfsense", &["<!--"], |hosts| config_xml("pfsense", hosts)),
    kind("radippool", &[], |hosts| {
        "id,pool_name,framedipaddress,nasipaddress,callingstationid,expiry_time,username,pool_key\n"
            .to_owned()
            + &lines(hosts, |host| {
                format!("7,main,10.0.0.{host},192.0.2.1,aa,2023-11-14 23:13:20,h{host},42\n")
            })
    }),
    kind("k8s-pods", &[], |hosts| {
        items("Pod", hosts, |host| {
            format!(
                "\"spec\": {{\"nodeName\": \"n\"}}, \"status\": {{\"phase\": \"Running\", \"hostIP\": \"192.0.2.7\",\n\
                 \"podIP\": \"10.0.0.{host}\", \"podIPs\": [{{\"ip\": \"10.0.0.{host}\"}}]}}"
            )
        })
    }),
    kind("k8s-services", &[], |hosts| {
        items("Service", hosts, |host| {
            format!("\"spec\": {{\"type\": \"ClusterIP\", \"clusterIP\": \"10.0.0.{host}\"}}")
        })
    }),
    kind("k8s-nodes", &[], |hosts| {
        items("Node", hosts, |host| {
            format!(
                "\"spec\": {{\"podCIDR\": \"10.0.0.{host}/32\", \"podCIDRs\": [\"10.0.0.{host}/32\"]}}"
            )
        })
    }),
    kind("docker", &[], inspected),
    kind("podman", &[], |hosts| {
        let containers = joined(hosts, |host| {
            format!(
                "\"c{host}\": {{\"name\": \"h{host}\", \"interfaces\": {{\"eth0\": {{\"subnets\": [{{\"ipnet\": \"10.0.0.{host}/24\", \"gateway\": \"10.0.0.1\"}}]}}}}}}"
            )
        });
        format!(
            "[{{\"name\": \"lan\", \"subnets\": [{{\"subnet\": \"10.0.0.0/24\", \"gateway\": \"10.0.0.1\"}}],\n\"containers\": {{{containers}}}}}]\n"
        )
    }),
    kind("lxd", &[], instances),
    kind("incus", &[], |hosts| {
        let leases = joined(hosts, |host| {
            format!(
                "{{\"hostname\": \"h{host}\", \"hwaddr\": \"aa\",\n\"address\": \"10.0.0.{host}\", \"type\": \"DYNAMIC\"}}"
            )
        });
        format!("[{leases}]\n")
    }),
    kind("netbox", &[], |hosts| {
        let results = joined(hosts, |host| {
            format!(
                "{{\"id\": 7, \"address\": \"10.0.0.{host}/24\", \"dns_name\": \"h{host}\",\n\"status\": {{\"value\": \"active\"}}}}"
            )
        });
        format!(
            "{{\"count\": {}, \"next\": null, \"previous\": null, \"results\": [\n{results}]}}\n",
            hosts.len()
        )
    }),
    kind("kea-api", &[], |hosts| {
        let leases = joined(hosts, |host| {
            format!("{{\"ip-address\": \"10.0.0.{host}\", \"hw-address\": \"aa\",\n\"state\": 1}}")
        });
        format!(
            "[{{\"result\": 0, \"text\": \"leases found\", \"arguments\": {{\"leases\": [\n{leases}]}}}}]\n"
        )
    }),
    kind("headscale", &[], |hosts| {
        let nodes = joined(hosts, |host| {
            format!(
                "{{\"id\": {host}, \"given_name\": \"h{host}\",\n\"ip_addresses\": [\"10.0.0.{host}\", \"fd7a::{host}\"]}}"
            )
        });
        format!("[{nodes}]\n")
    }),
    kind("tailscale", &[], |hosts| {
        let peers = joined(hosts, |host| {
            format!(
                "\"k{host}\": {{\"HostName\": \"h{host}\",\n\"TailscaleIPs\": [\"10.0.0.{host}\"], \"AllowedIPs\": [\"10.0.0.{host}/32\"]}}"
            )
        });
        format!(
            "{{\"Self\": {{\"HostName\": \"me\", \"TailscaleIPs\": [\"10.0.0.99\"]}},\n\"Peer\": {{{peers}}}}}\n"
        )
    }),
    kind("netbird", &[], |hosts| {
        let peers = joined(hosts, |host| {
            format!(
                "{{\"name\": \"h{host}\", \"ip\": \"10.0.0.{host}\",\n\"connection_ip\": \"192.0.2.7\"}}"
            )
        });
        format!("[{peers}]\n")
    }),
    kind("wg-easy", &[], |hosts| {
        let clients = joined(hosts, |host| {
            format!(
                "\"u{host}\": {{\"name\": \"h{host}\", \"address\": \"10.0.0.{host}\",\n\"enabled\": true}}"
            )
        });
        format!("{{\"server\": {{\"address\": \"10.0.0.1\"}},\n\"clients\": {{{clients}}}}}\n")
    }),
    kind("aws-eni", &[], |hosts| {
        let interfaces = joined(hosts, |host| {
            format!(
                "{{\"NetworkInterfaceId\": \"eni-{host}\", \"Status\": \"in-use\", \"PrivateIpAddress\": \"10.0.0.{host}\",\n\
                 \"PrivateIpAddresses\": [{{\"Primary\": true, \"PrivateIpAddress\": \"10.0.0.{host}\"}}]}}"
            )
        });
        format!("{{\"NetworkInterfaces\": [\n{interfaces}]}}\n")
    }),
    Kind {
        names: Names::Whole,
        ..kind("calico-ipam", &[], |hosts| {
            let allocations: Vec<String> = (0..=255u8)
                .map(|host| match hosts.iter().position(|it| *it == host) {
                    Some(at) => at.to_string(),
                    None => "null".to_owned(),
                })
                .collect();
            let attributes = joined(hosts, |host| format!("{{\"handle_id\": \"h{host}\"}}"));
            format!(
                "{{\"items\": [{{\"kind\": \"IPAMBlock\", \"spec\": {{\"cidr\": \"10.0.0.0/24\",\n\"allocations\": [{}],\n\
                 \"attributes\": [{attributes}]}}}}]}}\n",
                allocations.join(",")
            )
        })
    },
    kind("calico-ipam", &[], |hosts| {
        items("WorkloadEndpoint", hosts, |host| {
            format!("\"spec\": {{\"node\": \"n\", \"ipNetworks\": [\"10.0.0.{host}/32\"]}}")
        })
    }),
    kind("cilium-node", &[], |hosts| {
        items("CiliumNode", hosts, |host| {
            format!(
                "\"spec\": {{\"addresses\": [{{\"type\": \"CiliumInternalIP\",\n\"ip\": \"10.0.0.{host}\"}}], \"ipam\": {{\"podCIDRs\": [\"10.0.0.{host}/32\"]}}}}"
            )
        })
    }),
    Kind {
        names: Names::Beside(
            |host| format!("\"{host}\": {{"),
            "\"range\": \"10.0.0.0/24\"",
        ),
        ..kind("whereabouts", &[], |hosts| {
            let allocations = joined(hosts, |host| {
                format!("\"{host}\": {{\"podref\": \"shop/h{host}\"}}")
            });
            items("IPPool", &[1], |_| {
                format!(
                    "\"spec\": {{\"range\": \"10.0.0.0/24\",\n\"allocations\": {{{allocations}}}}}"
                )
            })
        })
    },
    kind("libvirt", &[], |hosts| {
        let leases = joined(hosts, |host| {
            format!(
                "{{\"ip-address\": \"10.0.0.{host}\",\n\"mac-address\": \"aa\", \"hostname\": \"h{host}\"}}"
            )
        });
        format!("[\n{leases}\n]\n")
    }),
    kind("multus", &[], |hosts| {
        let pods = joined(hosts, |host| {
            format!(
                "{{\"kind\": \"Pod\", \"metadata\": {{\"name\": \"h{host}\", \"annotations\": {{\"k8s.v1.cni.cncf.io/networks\": \"lan\", \"k8s.v1.cni.cncf.io/network-status\":\n\
                 \"[{{\\\"name\\\": \\\"lan\\\", \\\"ips\\\": [\\\"10.0.0.{host}\\\"]}}]\"}}}}, \"status\": {{\"phase\": \"Running\"}}}}"
            )
        });
        format!("{{\"kind\": \"List\", \"items\": [\n{pods}\n]}}\n")
    }),
];
