//! Every key, and everything that can be wrong with one, with its line.

use hostbits::{
    Durability, Gateway, Policy,
    set::{StaticBand, Strategy},
};
use hostbits_config::{Config, ConfigError};
use ipnet::{IpNet, Ipv4Net};
use std::path::Path;

/// All keys at once, none with its default value.
const ALL_KEYS: &str = r#"
[sets.v4]
strategy = "weighted"
client_key = "00112233445566778899aabbccddeeff"

[[sets.v4.members]]
network = "10.0.0.0/24"
ranges = ["10.0.0.0-10.0.0.99", "10.0.0.200-10.0.0.255"]
gateway = "10.0.0.2"
edges = false
reserve = [{ range = "10.0.0.10-10.0.0.19", label = "printers" }, { range = "10.0.0.3", label = "clock" }]
at_most = 128
policy = "next"
file = "pools/a.pool"
durability = "strict"
capacity = 4096
weight = 3
drained = true
cordons = ["10.0.0.30-10.0.0.39", "10.0.0.50"]

[[sets.v4.members]]
ranges = ["10.1.0.0-10.1.0.255"]
band = "kubernetes"

[[sets.v4.members]]
network = "10.2.0.0/24"
unit = 30
band = 8
file = '/var/b.pool'

[sets.v4.ranges.blue]
range = "10.1.0.16-10.1.0.31"
policy = "spread"
exclusive = true

[[sets.v6.members]]
network = "2001:db8::/112"

[pairs.both]
v4 = "v4"
v6 = "v6"
index = "any"
"#;

#[test]
fn the_keys_of_leases_arrive() {
    let key = "owner_key = '00112233445566778899aabbccddeeff'";
    let of = |lines: &str| {
        let text = format!(
            "[sets.a]\n{key}\n{}",
            member(&format!("file = 'x'\n{lines}"))
        );
        Config::parse(&text).unwrap().sets.remove(0)
    };
    let set = of("leases = true\ncooldown = '90s'");
    assert_eq!(set.owner_key.unwrap().0[..3], [0x00, 0x11, 0x22]);
    let leases = |set: &hostbits_config::SetConfig| set.members[0].file.as_ref().unwrap().leases;
    let cooldown = std::time::Duration::from_secs(90);
    assert_eq!(leases(&set).unwrap().cooldown, Some(cooldown));
    assert_eq!(leases(&of("leases = true")).unwrap().cooldown, None);
    assert!(leases(&of("leases = false")).is_none());
    assert!(leases(&of("")).is_none());
}

#[test]
fn every_key_arrives() {
    let config = Config::parse(ALL_KEYS).unwrap();
    let set = config.set("v4").unwrap();
    assert_eq!((set.line, set.strategy), (2, Strategy::Weighted));
    assert_eq!(set.client_key.unwrap().0[..3], [0x00, 0x11, 0x22]);
    assert!(format!("{config:?}").contains("client_key: Some(KeyBytes)"));
    let member = &set.members[0];
    assert_eq!((member.line, member.weight, member.drained), (6, 3, true));
    let pool = &member.pool;
    assert_eq!(pool.network, Some("10.0.0.0/24".parse().unwrap()));
    assert_eq!((pool.ranges.len(), pool.at_most), (2, Some(128)));
    assert_eq!(pool.gateway, Gateway::At("10.0.0.2".parse().unwrap()));
    assert_eq!((pool.edges, pool.policy.policy), (false, Policy::Next));
    assert_eq!(pool.reserve[0].1, "printers");
    let file = member.file.as_ref().unwrap();
    assert_eq!(file.path, Path::new("pools/a.pool"));
    assert_eq!(
        (file.durability, file.capacity),
        (Durability::Strict, Some(4096))
    );
    let cordons: Vec<_> = member
        .cordons
        .iter()
        .map(|it| it.start().to_string())
        .collect();
    assert_eq!(cordons, ["10.0.0.30", "10.0.0.50"]);
    assert_eq!(member.info.gateway, Some("10.0.0.2".parse().unwrap()));
    assert_eq!(set.members[1].band, Some(StaticBand::Kubernetes));
    assert_eq!(set.members[1].to_string(), "10.1.0.0-10.1.0.255");
    let third = &set.members[2];
    assert_eq!(
        (third.info.unit, third.band),
        (30, Some(StaticBand::Lowest(8)))
    );
    let range = &set.ranges[0];
    assert_eq!((range.name.as_str(), range.exclusive), ("blue", true));
    assert_eq!((range.policy, range.line), (Policy::Spread, 31));
    let pair = config.pair("both").unwrap();
    assert_eq!((&*pair.v4, &*pair.v6, pair.same_index), ("v4", "v6", false));
    assert!(config.set("v5").is_none() && config.pair("v4").is_none());
}

/// The behavior of a set in memory shows that every choice has an effect.
#[test]
fn a_configuration_becomes_a_set() {
    let config = Config::parse(ALL_KEYS).unwrap();
    let open = config.sets[0].in_memory::<Ipv4Net>().unwrap();
    let members: Vec<_> = open.set.members().collect();
    assert!(members[0].is_drained());
    assert_eq!(members[0].cordons().len(), 2);
    assert_eq!(members[1].band().unwrap().0.to_string(), "10.1.0.0");
    assert_eq!(open.set.strategy(), Strategy::Weighted);
    assert!(open.client_key.is_some());
    // The exclusive range is cordoned for the set, and open to its tenant.
    assert_eq!(members[1].cordons()[0].0.to_string(), "10.1.0.16");
    assert!(!open.ranges[0].is_closed);
    assert!(open.ranges[0].pool.allocate().is_ok());
    let of_blue = "10.1.0.20".parse().unwrap();
    assert_eq!(
        open.set.allocate_exact(of_blue).unwrap_err().code(),
        "cordoned"
    );
    let mixed = config.sets[1].in_memory::<Ipv4Net>().unwrap_err();
    assert_eq!(mixed.code(), "wrong-family");
    let error = config.sets[0].open::<IpNet>().unwrap_err();
    assert_eq!(error.code(), "no-file");
    assert!(
        error.to_string().contains("10.1.0.0-10.1.0.255 of line 21"),
        "{error}"
    );
}

#[test]
fn a_range_under_a_cordon_is_closed() {
    let text = "[[sets.a.members]]\nnetwork = '10.0.0.0/24'\ncordons = ['10.0.0.20-10.0.0.29']\n\
                [sets.a.ranges.b]\nrange = '10.0.0.25-10.0.0.40'\n\
                [sets.a.ranges.c]\nrange = '10.0.0.30-10.0.0.40'\n";
    let open = Config::parse(text).unwrap().sets[0]
        .in_memory::<IpNet>()
        .unwrap();
    let closed: Vec<_> = open.ranges.iter().map(|range| range.is_closed).collect();
    assert_eq!(closed, [true, false]);
}

#[test]
fn paths_begin_in_the_folder_of_the_configuration() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("read-paths");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("sets.toml");
    std::fs::write(&path, ALL_KEYS).unwrap();
    let config = Config::read(&path).unwrap();
    let file = |index: usize| config.sets[0].members[index].file.as_ref().unwrap();
    assert_eq!(file(0).path, folder.join("pools/a.pool"));
    assert_eq!(file(2).path, Path::new("/var/b.pool"));
    let missing = Config::read(folder.join("none.toml")).unwrap_err();
    assert_eq!(
        (missing.code(), missing.problems().len()),
        ("unreadable", 0)
    );
    std::fs::write(&path, "[sets]\nv4 = 1").unwrap();
    let error = Config::read(&path).unwrap_err();
    assert!(
        error.to_string().starts_with(path.to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn the_example_is_a_configuration() {
    let config =
        Config::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sets.toml"));
    assert_eq!(config.unwrap().sets.len(), 2);
}

/// Returns a member with these lines after its network, which is in line 2.
fn member(lines: &str) -> String {
    format!("[[sets.a.members]]\nnetwork = '10.0.0.0/24'\n{lines}\n")
}

/// Returns the problems as `line code key`, and as text.
fn problems(text: &str) -> (Vec<String>, String) {
    match Config::parse(text) {
        Ok(_) => (Vec::new(), String::new()),
        Err(error @ ConfigError::Unreadable { .. }) => panic!("{error}"),
        Err(error) => {
            let problems = error.problems().iter();
            let short = problems.map(|it| format!("{} {} {}", it.line, it.code, it.key));
            (short.collect(), error.to_string())
        }
    }
}

#[track_caller]
fn refused(text: &str, expected: &str, says: &str) {
    let (short, message) = problems(text);
    assert_eq!(short, [expected], "{text}\n{message}");
    assert!(message.contains(says), "{message}");
}

/// Keys of a member, in line 3.
#[test]
fn every_value_of_a_member_is_checked_at_its_line() {
    for (lines, expected, says) in [
        (
            "netmask = 24",
            "unknown-key netmask",
            "the keys are network, ranges, unit",
        ),
        ("'a b' = 1", "unknown-key \"a b\"", "unknown key"),
        ("ranges = 'x'", "wrong-type ranges", "a list in brackets"),
        (
            "ranges = ['x']",
            "bad-value ranges[0]",
            "10.0.0.100-10.0.0.199",
        ),
        ("ranges = [7]", "wrong-type ranges[0]", "a string in quotes"),
        (
            "ranges = ['10.0.0.9-10.0.0.1']",
            "bad-range ranges[0]",
            "ends before it begins",
        ),
        (
            "ranges = ['10.0.1.0-10.0.1.9']",
            "bad-range ranges[0]",
            "is not inside",
        ),
        ("unit = '30'", "wrong-type unit", "a whole number"),
        ("unit = -1", "bad-value unit", "from 0 to 128"),
        ("unit = 129", "bad-value unit", "from 0 to 128"),
        ("unit = 12", "bad-unit unit", "12"),
        (
            "gateway = 'yes'",
            "bad-value gateway",
            "auto, first, last, none",
        ),
        (
            "gateway = '10.0.1.1'",
            "gateway-outside gateway",
            "10.0.1.1",
        ),
        (
            "gateway = '10.0.0.255'",
            "gateway-reserved gateway",
            "broadcast",
        ),
        ("edges = 'no'", "wrong-type edges", "true or false"),
        ("reserve = ['10.0.0.9']", "wrong-type reserve[0]", "a table"),
        (
            "reserve = [{ range = '10.0.0.9' }]",
            "missing-key reserve[0]",
            "label",
        ),
        (
            "reserve = [{ range = '10.0.0.9', label = ' ' }]",
            "bad-value reserve[0].label",
            "says why",
        ),
        (
            "reserve = [{ range = '10.0.0.9', label = \"a\\nb\" }]",
            "bad-value reserve[0].label",
            "single line",
        ),
        (
            "reserve = [{ range = '10.0.0.9', label = 'a', why = 1 }]",
            "unknown-key reserve[0].why",
            "range, label",
        ),
        (
            "reserve = [{ range = '10.0.0.9', label = 'a' }, { range = '10.9.0.0', label = 'b' }]",
            "bad-range reserve[1]",
            "10.9.0.0",
        ),
        ("at_most = 0", "empty at_most", ""),
        ("at_most = 4294967297", "bad-value at_most", "4294967296"),
        (
            "policy = 'first'",
            "bad-value policy",
            "lowest, highest, next, spread",
        ),
        ("policy = 'random:x'\n", "bad-value policy", "seed"),
        (
            "policy = 'random:1'\nfile = 'a'",
            "seed policy",
            "does not store a seed",
        ),
        ("file = ''", "bad-value file", "path"),
        ("file = \"a\\u0000b\"", "bad-value file", "zero byte"),
        (
            "durability = 'disk'\nfile = 'a'",
            "bad-value durability",
            "process, barrier",
        ),
        ("durability = 'strict'", "no-file durability", "has no file"),
        ("capacity = 9", "no-file capacity", "has no file"),
        (
            "capacity = 4294967297\nfile = 'a'",
            "bad-value capacity",
            "4294967296",
        ),
        ("weight = 2", "no-strategy weight", "weighted"),
        ("band = 'half'", "bad-value band", "kubernetes"),
        ("band = true", "wrong-type band", "a whole number"),
        ("drained = 1", "wrong-type drained", "true or false"),
        (
            "cordons = ['10.0.0.9-10.0.0.8']",
            "backwards cordons[0]",
            "before it begins",
        ),
        (
            "cordons = ['10.0.0.9-10.0.1.8']",
            "out-of-range cordons[0]",
            "10.0.0.0/24",
        ),
    ] {
        let (code, key) = expected.split_once(' ').unwrap();
        refused(
            &member(lines),
            &format!("3 {code} sets.a.members[0].{key}"),
            says,
        );
    }
}

#[test]
fn every_network_is_checked_at_its_line() {
    for (network, code, says) in [
        ("'10.0.0.0'", "bad-value", "write 10.0.0.0/24"),
        ("'10.0.0.5/24'", "host-bits-set", "10.0.0.0/24"),
        ("'::/0'", "too-large", "at_most"),
        ("'::ffff:10.0.0.0/120'", "mapped-prefix", ""),
        ("24", "wrong-type", "string in quotes"),
    ] {
        let text = format!("\n[[sets.a.members]]\nunit = 128\nnetwork = {network}");
        let text = if code == "host-bits-set" {
            text.replace("unit = 128", "")
        } else {
            text
        };
        refused(&text, &format!("4 {code} sets.a.members[0].network"), says);
    }
    refused(
        "[[sets.a.members]]\nedges = true",
        "1 missing-key sets.a.members[0]",
        "a network, or ranges",
    );
}

#[test]
fn sets_ranges_and_pairs_are_checked_at_their_lines() {
    let a = member("");
    let twice = |lines: &str| format!("{a}{}{lines}", a.replace("/24", "/25"));
    let v6 = "[[sets.b.members]]\nnetwork = '2001:db8::/112'\n";
    let many: Vec<String> = (2..19).map(|host| format!("'10.0.0.{host}'")).collect();
    let many = format!("cordons = [{}]", many.join(", "));
    for (text, expected, says) in [
        (String::new(), "1 no-set ", "[[sets.NAME.members]]"),
        ("[sets]\na = 1".to_owned(), "2 wrong-type sets.a", "a table"),
        (
            "[set.a]\n".to_owned() + &a,
            "1 unknown-key set",
            "sets, pairs",
        ),
        (
            "[sets.a]\n".to_owned(),
            "1 no-member sets.a",
            "[[sets.a.members]]",
        ),
        (
            "[sets.a]\nmembers = []".to_owned(),
            "2 no-member sets.a.members",
            "",
        ),
        (
            "[sets.'a b']\nmembers = []".to_owned(),
            "1 bad-name sets.\"a b\"",
            "letters",
        ),
        (
            "[sets.-a]\nmembers = []".to_owned(),
            "1 bad-name sets.-a",
            "letters",
        ),
        (
            format!("[sets.a]\nstrategy = 'any'\n{a}"),
            "2 bad-value sets.a.strategy",
            "round-robin",
        ),
        (
            format!("[sets.a]\nclient_key = 'ab'\n{a}"),
            "2 bad-value sets.a.client_key",
            "32",
        ),
        (
            format!("[sets.a]\nclient_key = '+0112233445566778899aabbccddeeff'\n{a}"),
            "2 bad-value sets.a.client_key",
            "32",
        ),
        (
            format!("[sets.a]\nowner_key = 'ab'\n{a}"),
            "2 bad-value sets.a.owner_key",
            "32",
        ),
        (
            member("leases = true"),
            "3 no-file sets.a.members[0].leases",
            "needs a pool file",
        ),
        (
            member("file = 'x'\ncooldown = '60s'"),
            "4 no-leases sets.a.members[0].cooldown",
            "leases = true",
        ),
        (
            member("file = 'x'\nleases = true\ncooldown = 'soon'"),
            "5 bad-value sets.a.members[0].cooldown",
            "write 10m",
        ),
        (
            member("file = 'x'\nleases = true\ncooldown = '5y'"),
            "5 bad-cooldown sets.a.members[0].cooldown",
            "cooldown",
        ),
        (
            format!("[sets.a]\nweight = 1\n{a}"),
            "2 unknown-key sets.a.weight",
            "strategy",
        ),
        (
            twice(""),
            "5 overlaps sets.a.members[1].network",
            "10.0.0.0/25 overlaps 10.0.0.0/24 of line 1: both have 10.0.0.0 to 10.0.0.127",
        ),
        (
            format!("{}{}file = './x'\n", member("file = 'x'"), v6),
            "6 shared-file sets.b.members[0].file",
            "line 1",
        ),
        (
            member(&many),
            "3 too-many-cordons sets.a.members[0].cordons",
            "16",
        ),
        (
            format!("{a}[sets.a.ranges.b]\n"),
            "4 missing-key sets.a.ranges.b",
            "range",
        ),
        (
            format!("{a}[sets.a.ranges.b]\nrange='1'"),
            "5 bad-value sets.a.ranges.b.range",
            "",
        ),
        (
            format!("{a}[sets.a.ranges.b]\nrange='10.0.9.9'"),
            "5 out-of-range sets.a.ranges.b.range",
            "no member has 10.0.9.9",
        ),
        (
            format!("{a}[sets.a.ranges.b]\nrange='10.0.0.9-10.0.9.9'"),
            "5 out-of-range sets.a.ranges.b.range",
            "is not inside 10.0.0.0/24",
        ),
        (
            format!("{a}[sets.a.ranges.b]\nrange='10.0.0.9'\nexclusive=1"),
            "6 wrong-type sets.a.ranges.b.exclusive",
            "true",
        ),
        (
            format!("{a}[sets.a.ranges.b]\nrange='10.0.0.9'\npolicy=''"),
            "6 bad-value sets.a.ranges.b.policy",
            "lowest",
        ),
        (
            format!("{a}[sets.a.ranges.b]\nrange='10.0.0.9'\nowner='x'"),
            "6 unknown-key sets.a.ranges.b.owner",
            "range, policy, exclusive",
        ),
        (
            format!(
                "{}[sets.a.ranges.b]\nrange='10.0.0.9-10.0.0.15'",
                member("unit = 30")
            ),
            "5 misaligned sets.a.ranges.b.range",
            "/30",
        ),
        (
            format!(
                "{a}[sets.a.ranges.b]\nrange='10.0.0.9'\n[sets.a.ranges.c]\nrange='10.0.0.8-10.0.0.9'\nexclusive=true"
            ),
            "7 overlaps sets.a.ranges.c.range",
            "b of line 4",
        ),
        (
            format!("{a}{v6}[pairs.p]\nv4='a'"),
            "6 missing-key pairs.p",
            "v6",
        ),
        (
            format!("{a}{v6}[pairs.p]\nv4='a'\nv6='c'"),
            "8 unknown-set pairs.p.v6",
            "there are a, b",
        ),
        (
            format!("{a}{v6}[pairs.p]\nv4='b'\nv6='b'"),
            "7 wrong-family pairs.p.v4",
            "IPv4",
        ),
        (
            format!("{a}{v6}[pairs.p]\nv4='a'\nv6='a'"),
            "8 wrong-family pairs.p.v6",
            "IPv6",
        ),
        (
            format!("{a}{v6}[pairs.p]\nv4='a'\nv6='b'\nindex='x'"),
            "9 bad-value pairs.p.index",
            "any or same",
        ),
        (
            format!("{a}{v6}[pairs.p]\nv4='a'\nv6='b'\nmode='x'"),
            "9 unknown-key pairs.p.mode",
            "v4, v6, index",
        ),
        (
            format!(
                "{}{v6}[pairs.p]\nv4='a'\nv6='b'\nindex='same'",
                member("band = 4")
            ),
            "7 no-common-index pairs.p.v4",
            "without drain, cordons, band",
        ),
        (
            format!(
                "{a}{v6}{}[pairs.p]\nv4='a'\nv6='b'\nindex='same'",
                v6.replace("db8", "db9")
            ),
            "10 no-common-index pairs.p.v6",
            "one member",
        ),
        ("a = [1,\n2\nb = 3".to_owned(), "3 not-toml ", "not TOML"),
        ("[a]\n[a]".to_owned(), "2 not-toml ", ""),
    ] {
        refused(&text, expected, says);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_by_line() {
    let text = "[sets.a]\nstrategy = 1\n[[sets.a.members]]\nunit = 1\nnetwork = 'x'\nweigth = 1\n";
    let (short, _) = problems(text);
    assert_eq!(
        short,
        [
            "2 wrong-type sets.a.strategy",
            "5 bad-value sets.a.members[0].network",
            "6 unknown-key sets.a.members[0].weigth"
        ]
    );
}

/// The keys that messages name are those that the page of keys explains.
#[test]
fn every_key_is_documented() {
    let page = include_str!("../KEYS.md");
    let texts = [
        "x = 1".to_owned(),
        format!(
            "[sets.a]\nx = 1\n{}",
            member("x = 1\nreserve = [{ range = '1', label = '1', x = 1 }]")
        ),
        format!("{}[sets.a.ranges.b]\nx = 1\n[pairs.p]\nx = 1\n", member("")),
    ];
    let mut keys = 0;
    for problem in texts.iter().flat_map(|text| {
        let error = Config::parse(text).unwrap_err();
        error.problems().to_vec()
    }) {
        let Some((_, known)) = problem.message.split_once("the keys are ") else {
            continue;
        };
        for key in known.split(", ") {
            keys += 1;
            let is_there = page.contains(&format!("`{key}`"))
                || page.contains(&format!("[{key}."))
                || page.contains(&format!(".{key}]"))
                || page.contains(&format!("{key} = "));
            assert!(is_there, "{key}");
        }
    }
    assert_eq!(keys, 2 + 5 + 19 + 2 + 3 + 3);
}
