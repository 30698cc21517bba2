//! A file of a newer version is not damaged: what has a right checksum and something unknown in it is refused by
//! name, and stays as it is, byte for byte. A wrong checksum stays damage.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/scratch.rs"]
mod scratch;

use hostbits::{
    Durability, Policy, Pool,
    file::{self, OpenError},
};
use ipnet::Ipv4Net;
use proptest::prelude::*;
use scratch::{
    PAGE, STATE_SLOTS, Scratch, change_config, change_header, config_at, overwrite, read,
};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Done to a block before its checksum is made to fit.
type Change = fn(&mut [u8]);

const HEADERS: [u64; 2] = [0, PAGE as u64];

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

/// A file that was left in order, with something allocated.
fn create(path: &Path) {
    let builder = Pool::builder(net("10.0.0.0/24")).in_file().capacity(2048);
    let pool = builder.create(path).unwrap();
    pool.allocate_many(100).unwrap();
}

/// What a verb says of a file.
type Verb = (&'static str, fn(&Path, &Scratch) -> Option<OpenError>);

/// All that open a file, or look at it.
const VERBS: [Verb; 12] = [
    ("read", |path, _| file::read(path).err()),
    ("open any", |path, _| file::open(path).err()),
    ("open since", |path, _| file::open_since(path, 1).err()),
    ("open", |path, _| {
        Pool::builder(net("10.0.0.0/24")).open(path).err()
    }),
    ("open or create", |path, _| {
        Pool::builder(net("10.0.0.0/24")).open_or_create(path).err()
    }),
    ("grow in place", |path, _| {
        let builder = Pool::builder(net("10.0.0.0/23")).in_file();
        builder.grow(path).err()
    }),
    ("grow beyond", |path, _| {
        let builder = Pool::builder(net("10.0.0.0/20")).in_file();
        builder.grow(path).err()
    }),
    ("growth", |path, _| {
        let builder = Pool::builder(net("10.0.0.0/23")).in_file();
        builder.growth(path).err()
    }),
    ("back up", |path, scratch| {
        let copy = scratch.path("copy");
        let error = file::backup(path, &copy).err();
        assert!(!copy.exists());
        error
    }),
    ("restore it", |path, scratch| {
        let copy = scratch.path("copy");
        let error = file::restore(path, &copy, 0).err();
        assert!(!copy.exists());
        error
    }),
    ("restore over it", |path, scratch| {
        let (pool, copy) = (scratch.path("other"), scratch.path("backup"));
        create(&pool);
        file::backup(&pool, &copy).unwrap();
        let error = file::restore(&copy, path, 0).err();
        std::fs::remove_file(pool).unwrap();
        std::fs::remove_file(copy).unwrap();
        error
    }),
    ("create", |path, _| {
        match Pool::builder(net("10.0.0.0/24")).create(path) {
            Err(OpenError::AlreadyExists) => None,
            other => panic!("{other:?}"),
        }
    }),
];

/// The attributes that an opening could change, and all bytes.
fn everything(path: &Path) -> (Vec<u8>, u64, i64) {
    let metadata = std::fs::metadata(path).unwrap();
    (read(path), metadata.ino(), metadata.mtime_nsec())
}

/// Every verb refuses the file with this code and this in its message, and changes nothing.
#[track_caller]
fn check(path: &Path, scratch: &Scratch, code: &str, message: &str) {
    let before = everything(path);
    let names = scratch.names();
    for (verb, run) in VERBS {
        match run(path, scratch) {
            None => assert_eq!(verb, "create"),
            Some(error) => {
                let text = error.to_string();
                assert_eq!(error.code(), code, "{verb}: {text}");
                assert!(text.contains(message), "{verb}: {text}");
            }
        }
        assert!(everything(path) == before, "{verb} has changed the file");
        assert_eq!(scratch.names(), names, "{verb}");
    }
}

const UNKNOWN: &str = "unknown-content";

#[track_caller]
fn check_newer(path: &Path, scratch: &Scratch, what: &str) {
    let message = format!("{what} is unknown to this version of hostbits; use a newer one");
    check(path, scratch, UNKNOWN, &message);
}

/// Lines of the configuration.
#[test]
fn what_is_unknown_in_the_configuration_is_newer() {
    let cases: [(&str, &str, &str); 14] = [
        ("policy lowest", "policy best", "`policy best`"),
        (
            "policy lowest",
            "policy lowest first",
            "`policy lowest first`",
        ),
        ("policy lowest", "policy Lowest", "`policy Lowest`"),
        ("policy lowest", "policy lowest\ncolour red", "`colour red`"),
        ("policy lowest", "policy lowest\nword", "`word`"),
        ("policy lowest", "policy lowest\n", "``"),
        (
            "policy lowest",
            "policy lowest\npolicy next",
            "a second `policy`",
        ),
        ("policy lowest\n", "", "a configuration without `policy`"),
        ("unit 32\n", "", "a configuration without `unit`"),
        ("unit 32", "unit 300", "`unit 300`"),
        ("hostbits pool 1", "hostbits pool 2", "`hostbits pool 2`"),
        (
            "gateway 10.0.0.1",
            "gateway fe80::1%eth0",
            "`gateway fe80::1%eth0`",
        ),
        (
            "reserve 10.0.0.0 ",
            "reserve 10.0.0.0 \x1b[31m",
            r"`reserve 10.0.0.0 \u{1b}[31m10.0.0.0 network`",
        ),
        (
            "network 10.0.0.0/24",
            "network 10.0.0.0/24/255",
            "`network 10.0.0.0/24/255`",
        ),
    ];
    for (known, unknown, what) in cases {
        let scratch = Scratch::new("newer-config");
        let path = scratch.path("pool");
        create(&path);
        change_config(&path, |text| {
            assert!(text.contains(known), "{known}");
            text.replace(known, unknown).into_bytes()
        });
        check_newer(&path, &scratch, what);
    }
}

#[test]
fn a_configuration_that_is_no_text_or_no_pool_of_ours_is_newer() {
    let scratch = Scratch::new("newer-text");
    let path = scratch.path("pool");
    create(&path);
    change_config(&path, |_| vec![0xff, 0xfe, b'\n']);
    check_newer(&path, &scratch, "a configuration that is not text");
    std::fs::remove_file(&path).unwrap();
    create(&path);
    // More slots than a pool of this version can have.
    let larger = "network 0.0.0.0/0\nrange 0.0.0.0 255.255.255.255\nrange 2001:db8:: 2001:db8::ff";
    change_config(&path, |text| {
        let old = "network 10.0.0.0/24\nrange 10.0.0.0 10.0.0.255";
        text.replace(old, larger).into_bytes()
    });
    let before = everything(&path);
    let what = "a pool like that of the configuration is unknown to this version";
    for error in [file::read(&path).err(), file::open(&path).err()] {
        let error = error.unwrap();
        assert_eq!(error.code(), UNKNOWN);
        assert!(error.to_string().contains(what), "{error}");
    }
    assert!(everything(&path) == before);
}

/// A long word is not repeated at length.
#[test]
fn what_is_long_is_cut() {
    let scratch = Scratch::new("newer-long");
    let path = scratch.path("pool");
    create(&path);
    change_config(&path, |text| {
        text.replace("lowest", &"x".repeat(3000)).into_bytes()
    });
    check(&path, &scratch, UNKNOWN, "xxx...` is unknown");
    assert!(file::read(&path).unwrap_err().to_string().len() < 200);
}

/// Numbers of the header, in one copy or in both.
#[test]
fn what_is_unknown_in_a_header_is_newer() {
    let cases: [(&str, &str, Change); 13] = [
        ("unsupported-version", "format 3 is unknown", |block| {
            block[8] = 3
        }),
        ("unsupported-features", "features 0x2", |block| {
            block[0x20] = 2
        }),
        (UNKNOWN, "`durability 2`", |block| block[0x52] = 2),
        (UNKNOWN, "`durability 9`", |block| block[0x52] = 9),
        (UNKNOWN, "`address family 5`", |block| block[0x50] = 5),
        (UNKNOWN, "`edges 7`", |block| block[0x53] = 7),
        (UNKNOWN, "`alignment 65536`", |block| {
            block[0x54..0x58].copy_from_slice(&65536u32.to_le_bytes())
        }),
        (UNKNOWN, "`number of slots 0`", |block| {
            block[0x68..0x70].fill(0)
        }),
        (UNKNOWN, "`number of slots 8589934592`", |block| {
            block[0x68..0x70].copy_from_slice(&(1u64 << 33).to_le_bytes());
        }),
        (UNKNOWN, "`flags of a region 1`", |block| {
            block[0x90 + 4] = 1
        }),
        (UNKNOWN, "`header byte 432`", |block| block[0x1b0] = 1),
        (UNKNOWN, "`header byte 503`", |block| block[0x1f7] = 1),
        (UNKNOWN, "`header length 1024`", |block| block[0x1f9] = 4),
    ];
    for (code, message, change) in cases {
        for copies in [&HEADERS[..1], &HEADERS[1..], &HEADERS[..]] {
            let scratch = Scratch::new("newer-header");
            let path = scratch.path("pool");
            create(&path);
            for &at in copies {
                change_header(&path, at, change);
            }
            check(&path, &scratch, code, message);
            // Beside a damaged copy too.
            let other = HEADERS[usize::from(copies[0] == 0)];
            if copies.len() == 1 && message == "`durability 2`" {
                overwrite(&path, other + 0x60, &[7]);
                check(&path, &scratch, code, message);
            }
        }
    }
}

/// Features with which a file may be read: a writer is refused.
#[test]
fn a_file_that_may_only_be_read_is_not_written() {
    let scratch = Scratch::new("newer-read-only");
    let path = scratch.path("pool");
    create(&path);
    for at in HEADERS {
        change_header(&path, at, |block| block[0x18] = 4);
    }
    let before = everything(&path);
    assert!(file::read(&path).is_ok());
    for (verb, run) in VERBS {
        let reads = ["read", "growth", "back up", "restore it", "create"];
        if !reads.contains(&verb) {
            let error = run(&path, &scratch).expect(verb);
            assert_eq!(error.code(), "read-only-features", "{verb}");
            assert!(everything(&path) == before, "{verb}");
        }
    }
}

/// Numbers of a state, whichever slot it is.
#[test]
fn what_is_unknown_in_a_state_is_newer() {
    let cases: [(&str, Change); 6] = [
        ("`phase of a state 4`", |block| block[0x30] = 4),
        ("`durability of a state 2`", |block| block[0x34] = 2),
        ("`durability of a state 257`", |block| {
            block[0x34] = 1;
            block[0x35] = 1;
        }),
        ("`witness of a state 2`", |block| block[0x78] = 2),
        ("`reason of a state 11`", |block| block[0x7c] = 11),
        ("`byte of a state 128`", |block| block[0x80] = 1),
    ];
    for (what, change) in cases {
        for at in STATE_SLOTS {
            let scratch = Scratch::new("newer-state");
            let path = scratch.path("pool");
            create(&path);
            change_header(&path, at, change);
            check_newer(&path, &scratch, what);
        }
    }
}

/// A newer version that has the file open, or died in a growth, has not made it ours.
#[test]
fn what_is_unknown_before_an_unfinished_growth_is_newer() {
    let scratch = Scratch::new("newer-growth");
    let path = scratch.path("pool");
    create(&path);
    let before = read(&path);
    drop(
        Pool::builder(net("10.0.0.0/23"))
            .in_file()
            .grow(&path)
            .unwrap(),
    );
    // The second header is still that of before, and its configuration has something in it that we do not know.
    let old = &before[PAGE..][..512];
    let grown = read(&path);
    let at = HEADERS[usize::from(grown[..512] != grown[PAGE..][..512])];
    overwrite(&path, at, old);
    let place = config_at(&path, 1);
    let text = "hostbits pool 1\npolicy best\n";
    overwrite(&path, place, &scratch::with_prefix(text.as_bytes()));
    let unchanged = everything(&path);
    for error in [
        file::open(&path).err(),
        Pool::builder(net("10.0.0.0/23")).open(&path).err(),
        Pool::builder(net("10.0.0.0/22"))
            .in_file()
            .grow(&path)
            .err(),
    ] {
        assert_eq!(error.unwrap().code(), UNKNOWN);
        assert!(everything(&path) == unchanged);
    }
}

/// Every bit of the configuration, its length and its checksum: damage, and never another pool.
#[test]
fn every_flipped_bit_of_the_configuration_is_damage() {
    let scratch = Scratch::new("newer-bits");
    let path = scratch.path("pool");
    create(&path);
    let place = config_at(&path, 1);
    let whole = read(&path);
    let len = 8 + u32::from_le_bytes(whole[place as usize..][..4].try_into().unwrap()) as usize;
    let bytes = &whole[place as usize..][..len];
    for bit in 0..len * 8 {
        let mut bad = bytes.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        overwrite(&path, place, &bad);
        let error = file::read(&path).unwrap_err();
        assert_eq!(error.code(), "corrupt", "bit {bit}: {error}");
    }
    overwrite(&path, place, bytes);
    assert!(file::read(&path).is_ok());
}

/// What may have happened to the bytes of the configuration.
#[derive(Clone, Debug)]
enum Damage {
    Bytes(usize, Vec<u8>),
    Cut(usize),
    /// The first bytes of one, this many, and then those of another configuration.
    Torn(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0..500usize, prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Damage::Bytes(at, bytes)),
        (0..500usize).prop_map(Damage::Cut),
        (0..500usize).prop_map(Damage::Torn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Any damage to the area of the configuration is damage, or beside what is read: never another pool, and
    /// never a newer version.
    #[test]
    fn damage_is_never_misread(damages in prop::collection::vec(damage(), 1..4)) {
        let scratch = Scratch::new("newer-damage");
        let (path, other) = (scratch.path("pool"), scratch.path("other"));
        create(&path);
        let builder = Pool::builder(net("10.0.7.0/24")).policy(Policy::Next);
        drop(builder.durability(Durability::Process).create(&other).unwrap());
        let good = file::read(&path).unwrap();
        let place = config_at(&path, 1);
        let file = read(&path);
        let whole = &file[place as usize..][..512];
        let theirs = &read(&other)[config_at(&other, 1) as usize..][..512];
        let mut bad = whole.to_vec();
        for damage in damages {
            match damage {
                Damage::Bytes(at, bytes) => {
                    let end = (at + bytes.len()).min(512);
                    bad[at..end].copy_from_slice(&bytes[..end - at]);
                }
                Damage::Cut(at) => bad[at..].fill(0),
                Damage::Torn(at) => bad[at..].copy_from_slice(&theirs[at..]),
            }
        }
        overwrite(&path, place, &bad);
        let len = 8 + u32::from_le_bytes(whole[..4].try_into().unwrap()) as usize;
        match file::read(&path) {
            Ok(view) => {
                prop_assert_eq!(&bad[..len], &whole[..len], "what is read is whole");
                prop_assert_eq!(&view.info, &good.info);
            }
            Err(error) => prop_assert_eq!(error.code(), "corrupt", "{}", error),
        }
        let opened = file::open(&path).map(|pool| pool.info().network);
        match opened {
            Ok(network) => prop_assert_eq!(network, good.info.network),
            Err(error) => prop_assert_eq!(error.code(), "corrupt", "{}", error),
        }
    }
}
