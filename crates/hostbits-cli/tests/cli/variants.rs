//! Every variant that an option can name is taken from the command line, kept by a pool file, and shown again.

use crate::run::{PoolFile, run, run_line};
use hostbits::{Durability, Gateway, Policy};
use serde_json::Value;

fn json(args: &[&str]) -> Value {
    let args: Vec<_> = args.iter().chain(&["--format", "json"]).copied().collect();
    serde_json::from_str(run(&args).found()).unwrap()
}

#[test]
fn every_policy_is_taken_kept_and_shown() {
    for policy in Policy::ALL {
        let (name, pool) = (policy.name(), PoolFile::absent("variants-policy"));
        let create = [
            "pool",
            "create",
            pool.name(),
            "10.0.0.0/24",
            "--policy",
            name,
        ];
        run(&create).found();
        let shown = json(&["pool", "show", pool.name()]);
        assert_eq!(shown["info"]["policy"], name, "{shown}");
        assert!(run(&["pool", "show", pool.name()]).found().contains(name));
        run(&["pool", "check", pool.name()]).found();
        run(&["pool", "allocate", pool.name()]).found();
        run(&["pool", "grow", pool.name(), "10.0.0.0/23", "--policy", name]).found();
        assert_eq!(json(&["pool", "show", pool.name()])["info"]["policy"], name);
        let info = json(&["info", "10.0.0.0/24", "--policy", name]);
        assert_eq!(info["policy"], name, "{info}");
        run(&["next", "10.0.0.0/24", "--policy", name]).found();
        // The words that may be written are named where one is not, and in the help.
        assert!(
            run_line("next 10.0.0.0/24 --policy best")
                .failed(2)
                .contains(name)
        );
        assert!(run_line("next --help").found().contains(name), "{name}");
    }
}

#[test]
fn every_durability_is_taken_kept_and_shown() {
    for durability in Durability::ALL {
        let (name, pool) = (durability.name(), PoolFile::absent("variants-durability"));
        let create = [
            "pool",
            "create",
            pool.name(),
            "10.0.0.0/24",
            "--durability",
            name,
        ];
        run(&create).found();
        let shown = json(&["pool", "show", pool.name()]);
        assert_eq!(shown["health"]["durability"], name, "{shown}");
        assert!(run(&["pool", "show", pool.name()]).found().contains(name));
        run(&["pool", "check", pool.name()]).found();
        run(&["pool", "allocate", pool.name()]).found();
    }
}

#[test]
fn every_gateway_is_taken() {
    for gateway in Gateway::ALL {
        let gateway = match gateway {
            Gateway::At(_) => Gateway::of_name("10.0.0.9").unwrap(),
            other => other,
        };
        let info = json(&["info", "10.0.0.0/24", "--gateway", &gateway.to_string()]);
        let builder = hostbits::Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>().unwrap());
        let made = builder.gateway(gateway).build().unwrap().info().gateway;
        assert_eq!(info["gateway"], serde_json::json!(made), "{gateway}");
    }
}
