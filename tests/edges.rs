//! The edge table: what each network reserves, who its gateway is, and exactly which addresses it
//! hands out. The model counts in `u128` and knows nothing of slots.

mod common;

use common::{POLICIES, SEARCHES, a6, bits, drain, host, ip, like, net, ten, v4, v6};
use hostbits::{
    AllocateError, BuildError, Builder, Gateway, Network, NetworkInfo, Pool, RangeProblem,
    StatsLevel, Status,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is asked of a pool of one network.
#[derive(Clone, Copy, Debug)]
struct Asked {
    net: IpNet,
    unit: u8,
    edges: bool,
    gateway: Gateway,
    at_most: u128,
}

const NO_LIMIT: u128 = u128::MAX;

/// What the table says about it, in units counted from the first address.
struct Expected {
    total: u128,
    gateway: Option<IpAddr>,
    reserved: BTreeMap<u128, &'static str>,
}

impl Asked {
    fn plain(net: IpNet) -> Self {
        Self {
            net,
            unit: net.max_prefix_len(),
            edges: true,
            gateway: Gateway::Auto,
            at_most: NO_LIMIT,
        }
    }

    fn shift(&self) -> u8 {
        self.net.max_prefix_len() - self.unit
    }

    fn unit_addr(&self, unit: u128) -> IpAddr {
        let addr = self.net.network();
        like(addr, bits(addr) + (unit << self.shift()))
    }

    fn unit_last(&self, unit: u128) -> IpAddr {
        let first = self.unit_addr(unit);
        like(first, bits(first) + ((1u128 << self.shift()) - 1))
    }

    /// The table of semantics.md, as dumb as it can be.
    fn expected(&self) -> Result<Expected, BuildError> {
        let (first, last) = (bits(self.net.network()), bits(self.net.broadcast()));
        let addr = |bits| like(self.net.network(), bits);
        let single = self.unit == self.net.max_prefix_len();
        let (low, high) = match (self.net, self.net.prefix_len()) {
            _ if !single || !self.edges => (None, None),
            (IpNet::V4(_), 0..=30) => (Some("network"), Some("broadcast")),
            (IpNet::V6(_), 0..=126) => (Some("subnet-router anycast"), None),
            _ => (None, None),
        };
        let first_usable = first + if low.is_some() { 1 } else { 0 };
        let last_usable = last - if high.is_some() { 1 } else { 0 };
        let gateway = match self.gateway {
            Gateway::Auto if low.is_some() => Some(addr(first_usable)),
            Gateway::Auto | Gateway::None => None,
            Gateway::First => Some(addr(first_usable)),
            Gateway::Last => Some(addr(last_usable)),
            Gateway::At(gateway) if !self.net.contains(&gateway) => {
                let network = Some(self.net);
                return Err(BuildError::GatewayOutside { gateway, network });
            }
            Gateway::At(gateway) => {
                for (edge, label) in [(first, low), (last, high)] {
                    if let Some(label) = label.filter(|_| bits(gateway) == edge) {
                        return Err(BuildError::GatewayReserved { gateway, label });
                    }
                }
                Some(gateway)
            }
            _ => unreachable!(),
        };
        let total = ((last - first) >> self.shift()).saturating_add(1);
        let total = total.min(self.at_most);
        let mut reserved = BTreeMap::new();
        let gateway_mark = gateway.map(|gateway| (bits(gateway), "gateway"));
        let edges = [
            low.map(|label| (first, label)),
            high.map(|label| (last, label)),
        ];
        for (addr, label) in [gateway_mark].into_iter().chain(edges).flatten() {
            let unit = (addr - first) >> self.shift();
            if unit < total {
                reserved.insert(unit, label);
            }
        }
        Ok(Expected {
            total,
            gateway,
            reserved,
        })
    }

    fn of<N: Network>(&self, mut builder: Builder<N>) -> Builder<N> {
        builder = builder.reserve_edges(self.edges).gateway(self.gateway);
        if self.at_most != NO_LIMIT {
            builder = builder.at_most(self.at_most as u64);
        }
        builder.unit(self.unit)
    }
}

impl Expected {
    fn capacity(&self) -> u128 {
        self.total - self.reserved.len() as u128
    }

    fn usable(&self) -> impl DoubleEndedIterator<Item = u128> + '_ {
        (0..self.total).filter(|unit| !self.reserved.contains_key(unit))
    }
}

/// Builds what is asked through `builder` and compares all that can be seen from outside.
fn verify<N: Network>(asked: Asked, builder: Builder<N>, own: impl Fn(IpAddr) -> N::Addr) {
    let (builder, what) = (asked.of(builder), format!("{asked:?}"));
    let expected = match asked.expected() {
        Ok(expected) => expected,
        Err(error) => return assert_eq!(builder.build().unwrap_err(), error, "{what}"),
    };
    let pool = builder
        .build()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let first = expected.usable().next();
    let last = expected.usable().next_back();
    verify_info(&asked, &expected, &pool.info(), (first, last));
    assert_eq!(u128::from(pool.capacity()), expected.capacity(), "{what}");
    assert_eq!(pool.allocated(), 0, "{what}");
    for (&unit, &label) in &expected.reserved {
        let addr = own(asked.unit_addr(unit));
        assert_eq!(pool.status(addr).label(), Some(label), "{what}: {addr}");
        assert!(pool.allocate_exact(addr).is_err(), "{what}: {addr}");
        assert!(pool.release(addr).is_err(), "{what}: {addr}");
    }
    for unit in [first, last].into_iter().flatten() {
        let addr = own(asked.unit_addr(unit));
        assert_eq!(pool.status(addr), Status::Free, "{what}: {addr}");
        pool.allocate_exact(addr).unwrap();
        assert!(pool.iter().eq([addr]), "{what}: {addr}");
        pool.release(addr).unwrap();
    }
    let lowest = pool.allocate().ok();
    assert_eq!(
        lowest,
        first.map(|unit| own(asked.unit_addr(unit))),
        "{what}"
    );
    verify_outside(&asked, &expected, &pool, own);
}

fn verify_info(
    asked: &Asked,
    expected: &Expected,
    info: &NetworkInfo,
    (first, last): (Option<u128>, Option<u128>),
) {
    let what = format!("{asked:?}");
    assert_eq!(info.network, Some(asked.net), "{what}");
    assert_eq!(info.prefix_len, Some(asked.net.prefix_len()), "{what}");
    assert_eq!(info.netmask, Some(asked.net.netmask()), "{what}");
    assert_eq!(info.gateway, expected.gateway, "{what}");
    assert_eq!(info.unit, asked.unit, "{what}");
    assert_eq!(u128::from(info.slots), expected.total, "{what}");
    assert_eq!(u128::from(info.capacity), expected.capacity(), "{what}");
    assert_eq!(info.reserved as usize, expected.reserved.len(), "{what}");
    assert_eq!(
        info.first_usable,
        first.map(|unit| asked.unit_addr(unit)),
        "{what}"
    );
    assert_eq!(
        info.last_usable,
        last.map(|unit| asked.unit_last(unit)),
        "{what}"
    );
    let listed: Vec<_> = info
        .reservations
        .iter()
        .map(|reservation| (reservation.first, reservation.last, &*reservation.label))
        .collect();
    let reserved: Vec<_> = expected
        .reserved
        .iter()
        .map(|(&unit, &label)| (asked.unit_addr(unit), asked.unit_last(unit), label))
        .collect();
    assert_eq!(listed, reserved, "{what}");
}

/// The addresses just beyond both ends are not of the pool.
fn verify_outside<N: Network>(
    asked: &Asked,
    expected: &Expected,
    pool: &Pool<N>,
    own: impl Fn(IpAddr) -> N::Addr,
) {
    let addr = asked.net.network();
    let most = u128::MAX >> (128 - asked.net.max_prefix_len());
    let below = bits(addr).checked_sub(1);
    let above = bits(asked.unit_last(expected.total - 1)).checked_add(1);
    for outside in [below, above.filter(|&above| above <= most)]
        .into_iter()
        .flatten()
    {
        let outside = own(like(addr, outside));
        assert_eq!(
            pool.status(outside),
            Status::OutOfRange,
            "{asked:?}: {outside}"
        );
        assert!(pool.slot_of(outside).is_none(), "{asked:?}: {outside}");
    }
}

fn verify_all_kinds(asked: Asked) {
    verify(asked, Pool::builder(asked.net), |addr| addr);
    match asked.net {
        IpNet::V4(net) => verify(asked, Pool::builder(net), own4),
        IpNet::V6(net) => verify(asked, Pool::builder(net), own6),
    }
}

fn own4(addr: IpAddr) -> Ipv4Addr {
    match addr {
        IpAddr::V4(addr) => addr,
        IpAddr::V6(addr) => panic!("{addr} in an IPv4 pool"),
    }
}

fn own6(addr: IpAddr) -> Ipv6Addr {
    match addr {
        IpAddr::V6(addr) => addr,
        IpAddr::V4(addr) => panic!("{addr} in an IPv6 pool"),
    }
}

/// Every gateway worth asking for: the kinds, both ends, the middle, beyond the ends, the other
/// family.
fn gateways(net: IpNet) -> Vec<Gateway> {
    let (first, last) = (bits(net.network()), bits(net.broadcast()));
    let most = u128::MAX >> (128 - net.max_prefix_len());
    let at = [
        Some(first),
        first.checked_add(1),
        Some(first + (last - first) / 2),
        last.checked_sub(1),
        Some(last),
        first.checked_sub(1),
        last.checked_add(1),
    ];
    let at = at
        .into_iter()
        .flatten()
        .filter(|&bits| bits <= most)
        .map(|bits| Gateway::At(like(net.network(), bits)));
    let other = match net {
        IpNet::V4(_) => ip("2001:db8::1"),
        IpNet::V6(_) => ip("10.0.0.1"),
    };
    let kinds = [Gateway::Auto, Gateway::First, Gateway::Last, Gateway::None];
    kinds
        .into_iter()
        .chain(at)
        .chain([Gateway::At(other)])
        .collect()
}

fn network_around(text: &str, prefix_len: u8) -> IpNet {
    IpNet::new(ip(text), prefix_len).unwrap().trunc()
}

/// Row by row as semantics.md prints it, in literals: the model of this file is checked too.
#[test]
fn the_edge_table_holds_row_by_row() {
    type Row = (
        &'static str,
        u64,
        &'static [(&'static str, &'static str)],
        &'static str,
        u64,
        &'static str,
        &'static str,
    );
    let rows: [Row; 16] = [
        (
            "10.0.0.0/8",
            1 << 24,
            &[("10.0.0.0", "network"), ("10.255.255.255", "broadcast")],
            "10.0.0.1",
            (1 << 24) - 3,
            "10.0.0.2",
            "10.255.255.254",
        ),
        (
            "172.16.0.0/12",
            1 << 20,
            &[("172.16.0.0", "network"), ("172.31.255.255", "broadcast")],
            "172.16.0.1",
            (1 << 20) - 3,
            "172.16.0.2",
            "172.31.255.254",
        ),
        (
            "10.0.0.0/16",
            65_536,
            &[("10.0.0.0", "network"), ("10.0.255.255", "broadcast")],
            "10.0.0.1",
            65_533,
            "10.0.0.2",
            "10.0.255.254",
        ),
        (
            "10.0.0.0/24",
            256,
            &[("10.0.0.0", "network"), ("10.0.0.255", "broadcast")],
            "10.0.0.1",
            253,
            "10.0.0.2",
            "10.0.0.254",
        ),
        (
            "10.0.0.8/29",
            8,
            &[("10.0.0.8", "network"), ("10.0.0.15", "broadcast")],
            "10.0.0.9",
            5,
            "10.0.0.10",
            "10.0.0.14",
        ),
        (
            "10.0.0.4/30",
            4,
            &[("10.0.0.4", "network"), ("10.0.0.7", "broadcast")],
            "10.0.0.5",
            1,
            "10.0.0.6",
            "10.0.0.6",
        ),
        ("10.0.0.6/31", 2, &[], "", 2, "10.0.0.6", "10.0.0.7"),
        ("10.0.0.7/32", 1, &[], "", 1, "10.0.0.7", "10.0.0.7"),
        (
            "255.255.255.255/32",
            1,
            &[],
            "",
            1,
            "255.255.255.255",
            "255.255.255.255",
        ),
        (
            "2001:db8::/104",
            1 << 24,
            &[("2001:db8::", "subnet-router anycast")],
            "2001:db8::1",
            (1 << 24) - 2,
            "2001:db8::2",
            "2001:db8::ff:ffff",
        ),
        (
            "2001:db8::/112",
            65_536,
            &[("2001:db8::", "subnet-router anycast")],
            "2001:db8::1",
            65_534,
            "2001:db8::2",
            "2001:db8::ffff",
        ),
        (
            "2001:db8::/120",
            256,
            &[("2001:db8::", "subnet-router anycast")],
            "2001:db8::1",
            254,
            "2001:db8::2",
            "2001:db8::ff",
        ),
        (
            "2001:db8::4/126",
            4,
            &[("2001:db8::4", "subnet-router anycast")],
            "2001:db8::5",
            2,
            "2001:db8::6",
            "2001:db8::7",
        ),
        (
            "2001:db8::6/127",
            2,
            &[],
            "",
            2,
            "2001:db8::6",
            "2001:db8::7",
        ),
        (
            "2001:db8::7/128",
            1,
            &[],
            "",
            1,
            "2001:db8::7",
            "2001:db8::7",
        ),
        (
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
            2,
            &[],
            "",
            2,
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ),
    ];
    for (network, total, reserved, gateway, capacity, first, last) in rows {
        let pool = Pool::new(net(network)).unwrap();
        let info = pool.info();
        assert_eq!(info.slots, total, "{network}");
        assert_eq!(info.gateway, gateway.parse().ok(), "{network}");
        assert_eq!(
            (info.capacity, pool.capacity()),
            (capacity, capacity),
            "{network}"
        );
        assert_eq!(info.first_usable, Some(ip(first)), "{network}");
        assert_eq!(info.last_usable, Some(ip(last)), "{network}");
        let gateway = gateway.parse().ok().map(|addr: IpAddr| (addr, "gateway"));
        for (addr, label) in reserved
            .iter()
            .map(|&(addr, label)| (ip(addr), label))
            .chain(gateway)
        {
            assert_eq!(pool.status(addr).label(), Some(label), "{network}: {addr}");
        }
        assert_eq!(pool.allocate(), Ok(ip(first)), "{network}");
        if capacity > 1 {
            assert_eq!(
                pool.allocate_preferring(ip(last)),
                Ok(ip(last)),
                "{network}"
            );
        }
        let beyond = bits(ip(last))
            .checked_add(1)
            .filter(|&above| ip(last).is_ipv6() || above <= u32::MAX.into());
        if let Some(beyond) = beyond {
            assert!(!pool.is_available(like(ip(last), beyond)), "{network}");
        }
    }
}

/// Every IPv4 prefix length whose pool is small enough to build many times, with every gateway.
#[test]
fn ipv4_networks_have_the_edges_of_the_table() {
    for prefix_len in 8..=32 {
        for place in ["10.170.85.170", "255.255.255.255", "0.0.0.0"] {
            let net = network_around(place, prefix_len);
            let gateways = if prefix_len < 16 {
                vec![Gateway::Auto, Gateway::Last]
            } else {
                gateways(net)
            };
            for (gateway, edges) in gateways
                .into_iter()
                .flat_map(|of| [(of, true), (of, false)])
            {
                let asked = Asked {
                    edges,
                    gateway,
                    ..Asked::plain(net)
                };
                if prefix_len < 24 {
                    verify(asked, Pool::builder(net), |addr| addr);
                } else {
                    verify_all_kinds(asked);
                }
            }
        }
    }
}

/// IPv6 has no broadcast: the last address is for hosts.
#[test]
fn ipv6_networks_have_the_edges_of_the_table() {
    for prefix_len in 108..=128 {
        for place in [
            "2001:db8:aaaa:5555::aaaa:5555",
            "::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            let net = network_around(place, prefix_len);
            let gateways = if prefix_len < 112 {
                vec![Gateway::Auto, Gateway::Last]
            } else {
                gateways(net)
            };
            for (gateway, edges) in gateways
                .into_iter()
                .flat_map(|of| [(of, true), (of, false)])
            {
                let asked = Asked {
                    edges,
                    gateway,
                    ..Asked::plain(net)
                };
                if prefix_len < 120 {
                    verify(asked, Pool::builder(net), |addr| addr);
                } else {
                    verify_all_kinds(asked);
                }
            }
        }
    }
}

/// `at_most` cuts any network, ::/0 too, after so many slots; what lies beyond the cut is reserved
/// nowhere, and nothing overflows.
#[test]
fn at_most_cuts_networks_of_any_size() {
    for (place, prefix_lens) in [
        ("10.170.85.170", 0..=32),
        ("2001:db8:aaaa:5555::aaaa:5555", 0..=128),
    ] {
        for prefix_len in prefix_lens {
            let net = network_around(place, prefix_len);
            for at_most in [1, 2, 3, 64, 1000] {
                for gateway in gateways(net) {
                    for edges in [true, false] {
                        let asked = Asked {
                            edges,
                            gateway,
                            at_most,
                            ..Asked::plain(net)
                        };
                        verify(asked, Pool::builder(net), |addr| addr);
                    }
                }
            }
        }
    }
}

/// What is handed out is exactly the expected set, with every policy and both searches.
#[test]
fn a_drained_pool_has_handed_out_exactly_the_allocatable_addresses() {
    let small = (26..=32).map(|len| network_around("10.170.85.170", len));
    let small = small.chain((122..=128).map(|len| network_around("2001:db8::aaaa", len)));
    let mut cases = Vec::new();
    for net in small {
        for gateway in gateways(net) {
            cases.extend([true, false].map(|edges| Asked {
                edges,
                gateway,
                ..Asked::plain(net)
            }));
        }
    }
    for text in [
        "10.0.0.0/24",
        "10.0.252.0/22",
        "2001:db8::/120",
        "2001:db8::400/118",
    ] {
        for gateway in [Gateway::Auto, Gateway::Last, Gateway::None] {
            cases.extend([true, false].map(|edges| Asked {
                edges,
                gateway,
                ..Asked::plain(net(text))
            }));
        }
    }
    for (text, unit) in DELEGATIONS {
        cases.push(Asked {
            unit,
            at_most: 700,
            ..Asked::plain(net(text))
        });
    }
    cases.extend(["0.0.0.0/0", "::/0", "2001:db8::/64"].map(|text| Asked {
        at_most: 600,
        ..Asked::plain(net(text))
    }));
    for asked in cases {
        verify_drained(asked);
    }
}

fn verify_drained(asked: Asked) {
    let Ok(expected) = asked.expected() else {
        return;
    };
    let units: Vec<_> = expected
        .usable()
        .map(|unit| asked.unit_addr(unit))
        .collect();
    for policy in POLICIES {
        for search in SEARCHES {
            let what = format!("{asked:?} {policy:?} {search:?}");
            let builder = asked
                .of(Pool::builder(asked.net))
                .policy(policy)
                .search(search);
            let pool = builder.build().unwrap();
            let mut given = drain(&pool);
            let capacity = expected.capacity() as u64;
            assert_eq!(pool.allocated(), capacity, "{what}");
            let error = pool.allocate().unwrap_err();
            assert!(
                matches!(error, AllocateError::Exhausted { capacity: all, .. } if all == capacity),
                "{what}"
            );
            given.sort();
            assert_eq!(given, units, "{what}");
            assert_eq!(pool.release_many(&given).released, capacity, "{what}");
            assert_eq!(pool.iter().count(), 0, "{what}");
        }
    }
}

const DELEGATIONS: [(&str, u8); 10] = [
    ("10.0.0.0/16", 30),
    ("10.0.0.0/8", 24),
    ("10.0.0.0/20", 28),
    ("10.0.0.0/24", 24),
    ("10.0.0.0/24", 31),
    ("0.0.0.0/0", 16),
    ("2001:db8::/40", 56),
    ("2001:db8::/40", 64),
    ("2001:db8::/32", 64),
    ("fd00::/8", 40),
];

/// A unit shorter than an address: prefixes are handed out, all of them, with no edges and no gateway
/// unless one is named.
#[test]
fn delegated_prefixes_have_no_edges() {
    for (text, unit) in DELEGATIONS {
        for gateway in [Gateway::Auto, Gateway::None, Gateway::First, Gateway::Last] {
            let asked = Asked {
                unit,
                gateway,
                ..Asked::plain(net(text))
            };
            let at_most = (1 << (unit - net(text).prefix_len()).min(16)) as u128;
            verify_all_kinds(Asked { at_most, ..asked });
        }
    }
    for (text, unit, total, first, second, last) in [
        (
            "10.0.0.0/16",
            30,
            1 << 14,
            "10.0.0.0/30",
            "10.0.0.4/30",
            "10.0.255.252/30",
        ),
        (
            "10.0.0.0/20",
            28,
            256,
            "10.0.0.0/28",
            "10.0.0.16/28",
            "10.0.15.240/28",
        ),
        (
            "2001:db8::/40",
            56,
            1 << 16,
            "2001:db8::/56",
            "2001:db8:0:100::/56",
            "2001:db8:ff:ff00::/56",
        ),
        (
            "2001:db8::/40",
            64,
            1 << 24,
            "2001:db8::/64",
            "2001:db8:0:1::/64",
            "2001:db8:ff:ffff::/64",
        ),
        ("10.0.0.0/24", 24, 1, "10.0.0.0/24", "", "10.0.0.0/24"),
        ("2001:db8::/32", 32, 1, "2001:db8::/32", "", "2001:db8::/32"),
    ] {
        let pool = Pool::builder(net(text)).unit(unit).build().unwrap();
        assert_eq!(
            (pool.capacity(), pool.info().reserved),
            (total, 0),
            "{text}"
        );
        let top = pool.allocate_block(unit).unwrap();
        assert_eq!(top, net(last), "{text}");
        pool.release(top.network()).unwrap();
        assert_eq!(pool.allocate_net(), Ok(net(first)), "{text}");
        assert_eq!(pool.allocate_net().ok(), second.parse().ok(), "{text}");
    }
}

/// The pool of everything: 2^32 slots fit an index, not a count. 512 MiB once, the rest one by one.
#[test]
fn the_largest_networks_build_and_their_last_address_is_for_use() {
    let pool = Pool::builder(v4("0.0.0.0/0"))
        .reserve_edges(false)
        .stats(StatsLevel::Off)
        .build()
        .unwrap();
    assert_eq!(
        (pool.capacity(), pool.info().slots, pool.info().reserved),
        (1 << 32, 1 << 32, 0)
    );
    let last = Ipv4Addr::BROADCAST;
    pool.allocate_exact(last).unwrap();
    assert!(pool.allocate_exact(last).is_err());
    assert_eq!(pool.slot_of(last), Some(u32::MAX));
    assert_eq!(pool.addr_of(u32::MAX), Some(last));
    assert!(pool.iter_from(Ipv4Addr::new(255, 255, 0, 0)).eq([last]));
    assert_eq!(pool.count_in(last..=last), 1);
    assert_eq!(pool.allocate(), Ok(Ipv4Addr::UNSPECIFIED));
    assert_eq!(pool.allocate_block(32), Ok(v4("255.255.255.254/32")));
    pool.release(last).unwrap();
    assert_eq!(pool.allocate_block(8), Ok(v4("254.0.0.0/8")));
    pool.release_block(v4("254.0.0.0/8")).unwrap();
    pool.release(Ipv4Addr::UNSPECIFIED).unwrap();
    pool.release(Ipv4Addr::new(255, 255, 255, 254)).unwrap();
    assert_eq!(
        pool.allocate_block(0),
        Ok(v4("0.0.0.0/0")),
        "a block of 2^32"
    );
    assert!(pool.allocate_block(0).is_err());
    drop(pool);
    for prefix_len in 1..=7 {
        let net = Ipv4Net::new(Ipv4Addr::BROADCAST, prefix_len)
            .unwrap()
            .trunc();
        let pool = Pool::builder(net).stats(StatsLevel::Off).build().unwrap();
        assert_eq!(pool.capacity(), (1 << (32 - prefix_len)) - 3, "{net}");
        assert_eq!(pool.status(last).label(), Some("broadcast"), "{net}");
        pool.allocate_exact(Ipv4Addr::new(255, 255, 255, 254))
            .unwrap();
        assert_eq!(
            pool.allocate().unwrap().to_bits(),
            net.network().to_bits() + 2,
            "{net}"
        );
    }
}

/// More than 2^32 slots is refused with the size, never cut in silence.
#[test]
fn networks_too_large_for_slots_are_refused_with_their_size() {
    for prefix_len in 0..=95u8 {
        let net = network_around("2001:db8::", prefix_len);
        let slots = 1u128
            .checked_shl(128 - u32::from(prefix_len))
            .unwrap_or(u128::MAX);
        let error = Pool::new(net).unwrap_err();
        assert_eq!(
            error,
            BuildError::TooLarge {
                slots,
                max: 1 << 32
            },
            "{net}"
        );
        let size = format!(
            "2^{} slots are more than the 2^32 a pool can have: ",
            128 - prefix_len
        );
        assert!(error.to_string().starts_with(&size), "{error}");
    }
    for (text, unit, too_large) in [
        ("2001:db8::/32", 64, false),
        ("2001:db8::/31", 64, true),
        ("::/0", 33, true),
    ] {
        let built = Pool::builder(v6(text))
            .unit(unit)
            .at_most((1 << 32) + 1)
            .stats(StatsLevel::Off);
        if too_large {
            assert!(
                matches!(built.build(), Err(BuildError::TooLarge { .. })),
                "{text} by /{unit}"
            );
        }
    }
    let cut_too_late = Pool::builder(v6("::/0")).at_most(u64::MAX).build();
    assert!(matches!(cut_too_late, Err(BuildError::TooLarge { .. })));
    let all = Ipv6Addr::UNSPECIFIED..=Ipv6Addr::from_bits(u128::MAX);
    let ranges = Pool::<Ipv6Net>::over([all]).build().unwrap_err();
    assert_eq!(
        ranges,
        BuildError::TooLarge {
            slots: u128::MAX,
            max: 1 << 32
        }
    );
}

/// 10.0.0.5/24: both readings are in the message, and neither is chosen.
#[test]
fn host_bits_are_an_error_that_shows_both_readings() {
    for (given, network, last) in [
        ("10.0.0.5/24", "10.0.0.0/24", "10.0.0.255"),
        ("10.0.0.1/31", "10.0.0.0/31", "10.0.0.1"),
        ("0.0.0.1/0", "0.0.0.0/0", "255.255.255.255"),
        ("255.255.255.255/1", "128.0.0.0/1", "255.255.255.255"),
        (
            "2001:db8::1/64",
            "2001:db8::/64",
            "2001:db8::ffff:ffff:ffff:ffff",
        ),
        ("::1/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::3/127", "::2/127", "::3"),
    ] {
        let error = Pool::new(net(given)).unwrap_err();
        let expected = BuildError::HostBitsSet {
            given: net(given),
            network: net(network),
            last: ip(last),
        };
        assert_eq!(error, expected);
        let first = net(given).addr();
        assert_eq!(
            error.to_string(),
            format!(
                "{given} has host bits set: write {network} for the whole network, or {network} with the range {first} to {last}"
            )
        );
        assert_eq!(
            Pool::builder(net(given)).at_most(4).build().unwrap_err(),
            expected
        );
    }
}

/// Both readings of the message work when they are written as it says.
#[test]
fn both_readings_of_host_bits_can_be_built() {
    let whole = Pool::new(v4("10.0.0.0/24")).unwrap();
    let rest = Pool::builder(v4("10.0.0.0/24"))
        .range(host(5)..=host(255))
        .build()
        .unwrap();
    assert_eq!((whole.capacity(), rest.capacity()), (253, 250));
    assert_eq!(
        (whole.allocate(), rest.allocate()),
        (Ok(host(2)), Ok(host(5)))
    );
    assert_eq!(rest.status(host(255)).label(), Some("broadcast"));
    assert_eq!(rest.status(host(2)), Status::OutOfRange);
}

/// A prefix of IPv4-mapped addresses has two readings, and neither is safe.
#[test]
fn mapped_prefixes_are_refused() {
    for text in [
        "::ffff:0:0/96",
        "::ffff:10.0.0.0/120",
        "::ffff:10.0.0.5/128",
        "::ffff:0.0.0.0/127",
    ] {
        let error = Pool::new(net(text)).unwrap_err();
        assert_eq!(
            error,
            BuildError::MappedPrefix { network: net(text) },
            "{text}"
        );
        assert!(
            Pool::builder(v6(text)).at_most(1).build().is_err(),
            "{text}"
        );
        assert!(Pool::interface(v6(text)).build().is_err(), "{text}");
    }
    for text in ["::fffe:0:0/96", "::/96", "64:ff9b::/96", "::1:0:0:0/96"] {
        assert!(
            Pool::builder(net(text)).at_most(8).build().is_ok(),
            "{text}"
        );
    }
}

/// 10.0.0.1/24 as interfaces are configured: the network around it, its address the gateway.
#[test]
fn an_interface_is_a_network_with_its_gateway() {
    for (text, network, capacity, first) in [
        ("10.0.0.1/24", "10.0.0.0/24", 253, "10.0.0.2"),
        ("10.0.0.254/24", "10.0.0.0/24", 253, "10.0.0.1"),
        ("10.0.0.6/30", "10.0.0.4/30", 1, "10.0.0.5"),
        ("10.0.0.0/31", "10.0.0.0/31", 1, "10.0.0.1"),
        ("10.0.0.1/31", "10.0.0.0/31", 1, "10.0.0.0"),
        ("10.0.0.9/32", "10.0.0.9/32", 0, ""),
        ("2001:db8::1/120", "2001:db8::/120", 254, "2001:db8::2"),
        ("2001:db8::ff/120", "2001:db8::/120", 254, "2001:db8::1"),
        ("2001:db8::7/127", "2001:db8::6/127", 1, "2001:db8::6"),
    ] {
        let pool = Pool::interface(net(text)).build().unwrap();
        let info = pool.info();
        assert_eq!(info.network, Some(net(network)), "{text}");
        assert_eq!(info.gateway, Some(net(text).addr()), "{text}");
        assert_eq!(info.interface(net(text).addr()), net(text));
        assert_eq!(
            (pool.capacity(), pool.allocate().ok()),
            (capacity, first.parse().ok()),
            "{text}"
        );
    }
    for (text, label) in [
        ("10.0.0.0/24", "network"),
        ("10.0.0.255/24", "broadcast"),
        ("2001:db8::/120", "subnet-router anycast"),
    ] {
        let error = Pool::interface(net(text)).build().unwrap_err();
        let gateway = net(text).addr();
        assert_eq!(
            error,
            BuildError::GatewayReserved { gateway, label },
            "{text}"
        );
    }
}

/// A gateway on an edge is refused by name, one outside by network; where edges are not reserved,
/// they are addresses like any other.
#[test]
fn a_named_gateway_must_be_a_host_of_the_network() {
    let at = |text: &str| Gateway::At(ip(text));
    let build = |gateway| Pool::builder(net("10.0.0.0/24")).gateway(gateway).build();
    assert_eq!(
        build(at("10.0.0.255")).unwrap_err().to_string(),
        "gateway 10.0.0.255 is the broadcast address of its network"
    );
    assert_eq!(
        build(at("10.0.1.1")).unwrap_err().to_string(),
        "gateway 10.0.1.1 is outside 10.0.0.0/24"
    );
    assert_eq!(
        build(at("2001:db8::1")).unwrap_err().to_string(),
        "gateway 2001:db8::1 is outside 10.0.0.0/24"
    );
    assert_eq!(
        build(at("::ffff:10.0.0.9")).unwrap().info().gateway,
        Some(ip("10.0.0.9"))
    );
    let over = Pool::<Ipv4Net>::over([host(10)..=host(19)]);
    assert_eq!(
        over.clone()
            .gateway(at("::1"))
            .build()
            .unwrap_err()
            .to_string(),
        "gateway ::1 is not of the pool's address family"
    );
    let typed = over.clone().gateway_at(host(15)).build().unwrap();
    assert_eq!(typed.gateway(), Some(host(15)));
    let outside = Pool::builder(v4("10.0.0.0/24")).gateway_at(ten(256));
    assert_eq!(
        outside.build().unwrap_err(),
        build(at("10.0.1.0")).unwrap_err()
    );
    let named = over.clone().gateway(at("10.0.0.15")).build().unwrap();
    assert_eq!(
        (named.capacity(), named.status(host(15)).label()),
        (9, Some("gateway"))
    );
    let first = over.gateway(Gateway::First).build().unwrap();
    assert_eq!(
        (first.capacity(), first.info().gateway),
        (9, Some(ip("10.0.0.10")))
    );
}

/// Ranges of a network, in any order: the pool is made of exactly those.
#[test]
fn ranges_confine_a_network() {
    let pool = Pool::builder(v4("10.0.0.0/16"))
        .range(ten(0xff80)..=ten(0xffff))
        .range(ten(0)..=ten(9))
        .range(ten(10)..=ten(12))
        .range(ten(700)..=ten(700))
        .build()
        .unwrap();
    let expected: Vec<_> = (2..=12)
        .chain([700])
        .chain(0xff80..=0xfffe)
        .map(ten)
        .collect();
    assert_eq!(drain(&pool), expected);
    assert_eq!(pool.info().reserved, 3);
    let ranges = pool.info().ranges;
    let ranges: Vec<_> = ranges
        .iter()
        .map(|range| (range.first, range.last))
        .collect();
    let range = |first, last| (IpAddr::V4(ten(first)), IpAddr::V4(ten(last)));
    assert_eq!(
        ranges,
        [range(0, 12), range(700, 700), range(0xff80, 0xffff)]
    );
}

/// Ranges alone, aligned or not, adjacent or far apart: every policy hands out exactly those.
#[test]
fn pools_over_ranges_hand_out_exactly_the_ranges() {
    let v4 = |first: u128, last: u128| (0x0a00_0000 + first, 0x0a00_0000 + last);
    let v6 = |first: u128, last: u128| ((0x2001_0db8 << 96) + first, (0x2001_0db8 << 96) + last);
    let cases: [(&str, Vec<(u128, u128)>); 8] = [
        ("10.0.0.0", vec![v4(100, 199)]),
        ("10.0.0.0", vec![v4(0, 0)]),
        ("10.0.0.0", vec![v4(3, 61), v4(62, 70), v4(71, 71)]),
        ("10.0.0.0", vec![v4(5, 700), v4(701, 1800)]),
        (
            "10.0.0.0",
            vec![v4(0xff_fff0, 0xff_ffff), v4(1, 1), v4(513, 1030)],
        ),
        (
            "10.0.0.0",
            (0..40)
                .map(|index| v4(index * 97, index * 97 + index))
                .collect(),
        ),
        (
            "::",
            vec![
                v6(7, 600),
                v6(1 << 70, (1 << 70) + 65),
                v6(1 << 90, 1 << 90),
            ],
        ),
        ("::", vec![(0, 2), (u128::MAX - 2, u128::MAX)]),
    ];
    for (family, ranges) in cases {
        let addr = |bits| like(ip(family), bits);
        let mut expected: Vec<_> = ranges
            .iter()
            .flat_map(|&(first, last)| first..=last)
            .map(addr)
            .collect();
        expected.sort();
        for policy in POLICIES {
            for search in SEARCHES {
                let ranges = ranges.iter().map(|&(first, last)| addr(first)..=addr(last));
                let pool = Pool::<IpNet>::over(ranges)
                    .policy(policy)
                    .search(search)
                    .build()
                    .unwrap();
                let info = pool.info();
                assert_eq!(pool.capacity(), expected.len() as u64);
                assert_eq!((info.network, info.gateway, info.reserved), (None, None, 0));
                assert_eq!(info.first_usable, expected.first().copied());
                assert_eq!(info.last_usable, expected.last().copied());
                let mut given = drain(&pool);
                if policy == POLICIES[0] {
                    assert_eq!(given, expected, "{search:?}");
                }
                given.sort();
                assert_eq!(given, expected, "{policy:?} {search:?}");
                assert!(
                    pool.iter().eq(expected.iter().copied()),
                    "{policy:?} {search:?}"
                );
            }
        }
    }
}

/// What is wrong with a range is said, with its ends.
#[test]
fn bad_ranges_are_refused_with_the_reason() {
    use RangeProblem::{Backwards, Misaligned, Outside, Overlaps};
    let range = |first, last| ip(first)..=ip(last);
    let of = |text| Pool::builder(net(text));
    let over = |first, last| Pool::<IpNet>::over([range(first, last)]);
    let cases = [
        (
            of("10.0.0.0/24").range(range("10.0.0.9", "10.0.0.5")),
            "10.0.0.9",
            "10.0.0.5",
            Backwards,
        ),
        (
            over("10.0.0.9", "10.0.0.5"),
            "10.0.0.9",
            "10.0.0.5",
            Backwards,
        ),
        (
            of("10.0.0.0/24").range(range("10.0.0.9", "10.0.1.0")),
            "10.0.0.9",
            "10.0.1.0",
            Outside,
        ),
        (
            of("10.0.0.0/24").range(range("9.255.255.255", "10.0.0.9")),
            "9.255.255.255",
            "10.0.0.9",
            Outside,
        ),
        (
            of("10.0.0.0/24").range(range("2001:db8::1", "2001:db8::2")),
            "2001:db8::1",
            "2001:db8::2",
            Outside,
        ),
        (
            over("10.0.0.1", "2001:db8::2"),
            "10.0.0.1",
            "2001:db8::2",
            Outside,
        ),
        (
            over("10.0.0.1", "10.0.0.5").range(range("::1", "::2")),
            "::1",
            "::2",
            Outside,
        ),
        (
            over("10.0.0.1", "10.0.0.5").range(range("10.0.0.5", "10.0.0.9")),
            "10.0.0.5",
            "10.0.0.9",
            Overlaps,
        ),
        (
            over("10.0.0.1", "10.0.0.9").range(range("10.0.0.3", "10.0.0.4")),
            "10.0.0.3",
            "10.0.0.4",
            Overlaps,
        ),
        (
            of("10.0.0.0/24")
                .unit(28)
                .range(range("10.0.0.1", "10.0.0.31")),
            "10.0.0.1",
            "10.0.0.31",
            Misaligned,
        ),
        (
            of("10.0.0.0/24")
                .unit(28)
                .range(range("10.0.0.16", "10.0.0.32")),
            "10.0.0.16",
            "10.0.0.32",
            Misaligned,
        ),
        (
            over("10.0.0.0", "10.0.0.14").unit(28),
            "10.0.0.0",
            "10.0.0.14",
            Misaligned,
        ),
        (
            of("10.0.0.0/24").reserve(range("10.0.0.9", "10.0.0.5"), "x"),
            "10.0.0.9",
            "10.0.0.5",
            Backwards,
        ),
        (
            of("10.0.0.0/24").reserve(range("10.0.0.9", "10.0.1.5"), "x"),
            "10.0.0.9",
            "10.0.1.5",
            Outside,
        ),
        (
            of("10.0.0.0/24").reserve(range("::", "::1"), "x"),
            "::",
            "::1",
            Outside,
        ),
        (
            over("10.0.0.1", "10.0.0.9").reserve(range("10.0.0.10", "10.0.0.11"), "x"),
            "10.0.0.10",
            "10.0.0.11",
            Outside,
        ),
    ];
    for (builder, first, last, reason) in cases {
        let expected = BuildError::BadRange {
            first: ip(first),
            last: ip(last),
            reason,
        };
        assert_eq!(builder.build().unwrap_err(), expected);
    }
}

/// A unit lies between the prefix length of the network and the width of an address.
#[test]
fn units_that_do_not_fit_are_refused() {
    for (text, unit, shortest, longest) in [
        ("10.0.0.0/24", 23, 24, 32),
        ("10.0.0.0/24", 33, 24, 32),
        ("10.0.0.0/24", 128, 24, 32),
        ("10.0.0.0/24", 0, 24, 32),
        ("2001:db8::/64", 63, 64, 128),
        ("2001:db8::/64", 129, 64, 128),
        ("2001:db8::/64", 255, 64, 128),
    ] {
        let error = Pool::builder(net(text)).unit(unit).build().unwrap_err();
        assert_eq!(
            error,
            BuildError::BadUnit {
                unit,
                shortest,
                longest
            }
        );
    }
    let over = Pool::<Ipv4Net>::over([host(0)..=host(255)])
        .unit(33)
        .build()
        .unwrap_err();
    assert_eq!(
        over,
        BuildError::BadUnit {
            unit: 33,
            shortest: 1,
            longest: 32
        }
    );
}

/// A unit of /0 would be every address there is: refused, and never a shift by a whole address.
#[test]
fn the_whole_address_space_is_no_unit() {
    let bad = |longest| BuildError::BadUnit {
        unit: 0,
        shortest: 1,
        longest,
    };
    let built = Pool::builder(v4("0.0.0.0/0")).unit(0).build();
    assert_eq!(built.unwrap_err(), bad(32));
    let built = Pool::builder(v6("::/0")).unit(0).build();
    assert_eq!(built.unwrap_err(), bad(128));
    let halves = Pool::builder(v6("::/0")).unit(1).build().unwrap();
    assert_eq!(halves.allocate_net(), Ok(v6("::/1")));
    assert_eq!(halves.slot_of(a6("ffff::1")), Some(1));
}

/// No network, no range, no room: there is no pool of nothing.
#[test]
fn a_pool_without_a_slot_is_refused() {
    assert_eq!(
        Pool::<Ipv4Net>::over([]).build().unwrap_err(),
        BuildError::Empty
    );
    assert_eq!(
        Pool::builder(v4("10.0.0.0/24"))
            .at_most(0)
            .build()
            .unwrap_err(),
        BuildError::Empty
    );
    assert_eq!(
        Pool::builder(v6("::/0")).at_most(0).build().unwrap_err(),
        BuildError::Empty
    );
}

/// A pool may consist of reserved addresses only: it is built, and is exhausted from the start.
#[test]
fn a_pool_of_reserved_addresses_alone_is_exhausted() {
    for policy in POLICIES {
        for search in SEARCHES {
            let pool = Pool::builder(v4("10.0.0.0/24"))
                .at_most(2)
                .policy(policy)
                .search(search)
                .build()
                .unwrap();
            assert_eq!(
                (pool.capacity(), pool.available(), pool.info().slots),
                (0, 0, 2)
            );
            assert!(matches!(
                pool.allocate(),
                Err(AllocateError::Exhausted { capacity: 0, .. })
            ));
            assert!(pool.allocate_many(1).is_err());
            assert_eq!(pool.allocate_many(0), Ok(vec![]));
            assert!(pool.allocate_block(32).is_err());
            assert!(pool.allocate_in(host(0)..=host(255)).is_err());
            assert_eq!(pool.allocate_into(&mut [host(0); 3]), 0);
            assert_eq!(pool.info().first_usable, None);
            assert_eq!(pool.free_from(host(0)).count() + pool.iter().count(), 0);
        }
    }
}

/// The network's own addresses keep their names, then the gateway, then the earlier reservation.
#[test]
fn overlapping_reservations_are_named_by_the_first_come() {
    let pool = Pool::builder(v4("10.0.0.0/24"))
        .reserve(host(10)..=host(19), "first")
        .reserve(host(0)..=host(255), "second")
        .reserve(host(15)..=host(30), "third")
        .build()
        .unwrap();
    assert_eq!(pool.capacity(), 0);
    for last in 0..=255 {
        let expected = match last {
            0 => "network",
            1 => "gateway",
            10..=19 => "first",
            255 => "broadcast",
            _ => "second",
        };
        assert_eq!(pool.status(host(last)).label(), Some(expected), "{last}");
    }
    let reservations = pool.info().reservations;
    let labels: Vec<_> = reservations
        .iter()
        .map(|reservation| &*reservation.label)
        .collect();
    assert_eq!(
        labels,
        [
            "network",
            "gateway",
            "second",
            "first",
            "second",
            "broadcast"
        ]
    );
}

/// Reservations against a plain map of labels, at random, in networks, ranges and units.
#[test]
fn reservations_agree_with_a_map_of_labels() {
    let mut numbers = common::Numbers(7);
    for round in 0..60 {
        let unit = [32, 32, 31, 28][round % 4];
        let size = 1u32 << (32 - unit);
        let over = round % 3 == 0;
        let mut builder = if over {
            Pool::over([ten(0)..=ten(511), ten(1024)..=ten(1024 + 511)])
        } else {
            Pool::builder(v4("10.0.0.0/21"))
        };
        let exists = |index: u32| {
            if over {
                index < 512 || (1024..1536).contains(&index)
            } else {
                index < 2048
            }
        };
        let mut labels: BTreeMap<u32, String> = BTreeMap::new();
        if !over && unit == 32 {
            labels.extend([
                (0, "network".into()),
                (2047, "broadcast".into()),
                (1, "gateway".into()),
            ]);
        }
        for label in 0..6 {
            let first = numbers.below(500) as u32 + if numbers.below(2) == 0 { 1000 } else { 0 };
            let last = first + numbers.below(40) as u32;
            let touches = (first..=last).any(exists);
            if !touches {
                continue;
            }
            builder = builder.reserve(ten(first)..=ten(last), label.to_string());
            for unit in first / size..=last / size {
                if exists(unit * size) {
                    labels.entry(unit).or_insert_with(|| label.to_string());
                }
            }
        }
        let pool = builder.unit(unit).build().unwrap();
        let units: Vec<_> = (0..2048 / size)
            .filter(|&unit| exists(unit * size))
            .collect();
        assert_eq!(
            pool.capacity(),
            (units.len() - labels.len()) as u64,
            "round {round}"
        );
        for &unit in &units {
            let label = labels.get(&unit).map(String::as_str);
            assert_eq!(
                pool.status(ten(unit * size)).label(),
                label,
                "round {round}, unit {unit}"
            );
        }
        let free: Vec<_> = units
            .iter()
            .filter(|unit| !labels.contains_key(unit))
            .map(|unit| ten(unit * size))
            .collect();
        assert_eq!(drain(&pool), free, "round {round}");
    }
}

/// A reservation that touches a unit reserves the whole unit.
#[test]
fn a_unit_is_reserved_when_one_of_its_addresses_is() {
    let pool = Pool::builder(v4("10.0.0.0/24"))
        .unit(28)
        .reserve(host(31)..=host(32), "edge")
        .build()
        .unwrap();
    assert_eq!(pool.capacity(), 14);
    assert_eq!(pool.status(host(16)).label(), Some("edge"));
    assert_eq!(pool.status(host(47)).label(), Some("edge"));
    let reservations = pool.info().reservations;
    assert_eq!(
        (reservations[0].first, reservations[0].last),
        (ip("10.0.0.16"), ip("10.0.0.47"))
    );
}
