//! `hostbits pool export` and `import`: a pool file as a list, and back.

use crate::run::{PoolFile, file, run, run_with_input};
use serde_json::Value;

/// Out of one file and into another one, whatever the pool is made of.
#[test]
fn what_is_exported_and_imported_is_held() {
    for options in [
        "10.0.0.0/24",
        "10.0.0.0/24 --unit 28",
        "10.0.0.0/30",
        "10.0.0.0/31",
        "2001:db8::/112",
        "2001:db8::/40 --unit 56",
        "10.0.0.0/24 --gateway none --no-edges --range 10.0.0.16-10.0.0.31",
    ] {
        let pool = PoolFile::create("export", options);
        // All that there is, with and without a neighbour.
        while pool.run("allocate", "").code == Some(0) && pool.list().len() < 9 {}
        if pool.list().len() > 3 {
            let second = pool.list()[1].clone();
            pool.run("release", &second).found();
        }
        let exported = pool.run("export", "");
        assert_eq!(exported.found().lines().next(), Some("address,owner,state"));
        let empty = PoolFile::create("import", options);
        let args = ["pool", "import", empty.name(), "--from", "-"];
        run_with_input(&args, exported.out.as_bytes()).found();
        assert_eq!(empty.list(), pool.list(), "{options}");
        assert_eq!(empty.run("export", "").found(), exported.out, "{options}");
    }
}

/// Whole pools, too: a prefix that covers the network would be a route, and hold nothing.
#[test]
fn a_pool_of_one_unit_comes_back() {
    for options in [
        "10.0.0.0/32 --gateway none --no-edges",
        "10.0.0.0/28 --unit 28 --gateway none --no-edges",
    ] {
        let pool = PoolFile::create("export-one", options);
        pool.run("allocate", "").found();
        let exported = pool.run("export", "");
        let empty = PoolFile::create("import-one", options);
        let args = ["pool", "import", empty.name(), "--from", "-"];
        run_with_input(&args, exported.found().as_bytes()).found();
        assert_eq!(empty.list(), pool.list(), "{options}: {}", exported.out);
    }
}

/// Owners come from the list beside it, and names with commas and quotes survive.
#[test]
fn owners_are_of_the_list_beside_it() {
    let pool = PoolFile::create("export-owner", "10.0.0.0/24");
    pool.run("allocate", "-n 4").found();
    let list = file(
        "export-owner.csv",
        b"address,owner\n10.0.0.2,\"Smith, \"\"J\"\"\"\n10.0.0.4/31,router\n10.0.0.77,nobody here\n",
    );
    let exported = run(&[
        "pool",
        "export",
        pool.name(),
        "--users",
        list.to_str().unwrap(),
    ]);
    assert_eq!(
        exported.found(),
        "address,owner,state\n10.0.0.2/32,\"Smith, \"\"J\"\"\",held\n10.0.0.3/32,,held\n\
         10.0.0.4/32,router,held\n10.0.0.5/32,router,held\n"
    );
    let args = ["pool", "export", pool.name(), "--users", "-"];
    let again = run_with_input(&args, exported.out.as_bytes());
    assert_eq!(again.found(), exported.out);
    let json = run(&[
        "pool",
        "export",
        pool.name(),
        "--users",
        list.to_str().unwrap(),
        "--format",
        "json",
    ]);
    let json: Value = serde_json::from_str(json.found()).unwrap();
    assert_eq!(json["users"][0]["owner"], "Smith, \"J\"");
    assert_eq!(json["users"][1]["owner"], Value::Null);
    assert_eq!(json["users"][3]["address"], "10.0.0.5/32");
}

/// Whatever an owner is called, an address is one line: no name makes another entry, or keeps the list from being read.
#[test]
fn a_name_of_several_lines_is_one_line() {
    let pool = PoolFile::create("export-lines", "10.0.0.0/24");
    pool.run("allocate", "-n 2").found();
    let json = r#"[{"address":"10.0.0.2","owner":"al\nice\u001b[1m"},
        {"address":"10.0.0.3","owner":"x\r\n192.0.2.9,\"z"}]"#;
    let list = file("export-lines.json", json.as_bytes());
    let options = format!("--users json:{}", list.display());
    let exported = pool.run("export", &options);
    assert_eq!(
        exported.found(),
        "address,owner,state\n\
         10.0.0.2/32,al\\nice\\u{1b}[1m,held\n\
         10.0.0.3/32,\"x\\r\\n192.0.2.9,\"\"z\",held\n"
    );
    let copy = PoolFile::create("export-lines-copy", "10.0.0.0/24");
    let args = ["pool", "import", copy.name(), "--from", "-"];
    run_with_input(&args, exported.out.as_bytes()).found();
    assert_eq!(copy.list(), pool.list());
}

/// In doubt an address is held. A user who knows better leaves the state out.
#[test]
fn the_quarantine_is_told_apart() {
    let pool = PoolFile::create("export-quarantine", "10.0.0.0/29");
    pool.run("allocate", "").found();
    let copy = PoolFile::absent("export-quarantine-copy");
    pool.run("backup", copy.name()).found();
    let exported = copy.run("export", "");
    assert_eq!(exported.found().matches(",quarantined\n").count(), 4);
    for (options, count) in [(&[][..], 5), (&["--drop-state", "quarantined"][..], 1)] {
        let empty = PoolFile::create("import-quarantine", "10.0.0.0/29");
        let args = [&["pool", "import", empty.name(), "--from", "-"], options].concat();
        run_with_input(&args, exported.out.as_bytes()).found();
        assert_eq!(empty.list().len(), count);
    }
}
