//! Leases as text and in JSON.

use super::*;
use std::net::Ipv6Addr;

fn problem<A: std::str::FromStr + Copy>(text: &str) -> ParseLeaseProblem {
    let error = match text.parse::<Lease<A>>() {
        Ok(_) => panic!("{text:?} is a lease"),
        Err(error) => error,
    };
    assert_eq!(error.text, text);
    assert!(
        error
            .to_string()
            .starts_with(&format!("{text:?} is not a lease: "))
    );
    error.problem
}

/// A lease reads as it was written.
#[test]
fn a_lease_reads_as_it_was_written() {
    for generation in [1, 7, 1 << 32, (1 << 32) + 1, (1 << 53) - 1] {
        let lease = Lease::from_parts(host(5), generation).unwrap();
        assert_eq!((lease.addr(), lease.generation()), (host(5), generation));
        assert_eq!(lease.to_string(), format!("10.0.0.5#{generation}"));
        assert_eq!(lease.to_string().parse(), Ok(lease));
        let any = Lease::from_parts(ip("10.0.0.5"), generation).unwrap();
        assert_eq!(lease.to_string().parse(), Ok(any));
        let v6 = Lease::from_parts(a6("2001:db8::5"), generation).unwrap();
        assert_eq!(v6.to_string(), format!("2001:db8::5#{generation}"));
        assert_eq!(v6.to_string().parse(), Ok(v6));
    }
    let (pool, _clock) = pool(24, 60);
    for _ in 0..10 {
        let lease = pool.allocate(seconds(1)).unwrap();
        assert!(lease.generation() > RECORD && lease.generation() < 1 << 53);
        assert_eq!(lease.to_string().parse(), Ok(lease));
    }
}

/// Leases are ordered by address, then generation, and differ if either does.
#[test]
fn leases_are_compared_by_both_parts() {
    let lease = |last, generation| Lease::from_parts(host(last), generation).unwrap();
    assert!(lease(5, 9) < lease(6, 1) && lease(5, 1) < lease(5, 2));
    assert_ne!(lease(5, 1), lease(5, 2));
    assert_ne!(lease(5, 1), lease(6, 1));
    let set = std::collections::HashSet::from([lease(5, 1), lease(5, 1), lease(5, 2)]);
    assert_eq!(set.len(), 2);
}

/// A generation is 1 to 2^53 - 1.
#[test]
fn generations_have_limits() {
    for generation in [0, 1 << 53, (1 << 53) + 1, u64::MAX] {
        assert_eq!(Lease::from_parts(host(5), generation), None);
        let text = format!("10.0.0.5#{generation}");
        assert_eq!(problem::<Ipv4Addr>(&text), ParseLeaseProblem::BadGeneration);
    }
}

/// What is no lease says what is wrong with it. Zeros before a number are read as in any number.
#[test]
fn texts_that_are_no_lease_are_refused() {
    use ParseLeaseProblem::{BadAddress, BadGeneration, NoGeneration};
    let wrong = [
        ("10.0.0.5", NoGeneration),
        ("", NoGeneration),
        ("7", NoGeneration),
        ("10.0.0.5/7", NoGeneration),
        ("#7", BadAddress),
        ("#", BadAddress),
        (" 10.0.0.5#7", BadAddress),
        ("10.0.0.5 #7", BadAddress),
        ("10.0.0.256#7", BadAddress),
        ("010.0.0.5#7", BadAddress),
        ("2001:db8::5#7", BadAddress),
        ("x#x", BadAddress),
        ("10.0.0.5#", BadGeneration),
        ("10.0.0.5#x", BadGeneration),
        ("10.0.0.5#+7", BadGeneration),
        ("10.0.0.5#-7", BadGeneration),
        ("10.0.0.5# 7", BadGeneration),
        ("10.0.0.5#7 ", BadGeneration),
        ("10.0.0.5#7\n", BadGeneration),
        ("10.0.0.5##7", BadGeneration),
        ("10.0.0.5#7#7", BadGeneration),
        ("10.0.0.5#7.0", BadGeneration),
        ("10.0.0.5#0x7", BadGeneration),
        ("10.0.0.5#٧", BadGeneration),
        ("10.0.0.5#000", BadGeneration),
        ("10.0.0.5#18446744073709551616", BadGeneration),
        ("10.0.0.5#99999999999999999999999999", BadGeneration),
    ];
    for (text, expected) in wrong {
        assert_eq!(problem::<Ipv4Addr>(text), expected, "{text:?}");
    }
    assert_eq!(problem::<Ipv6Addr>("10.0.0.5#7"), BadAddress);
    assert_eq!(problem::<IpAddr>("10.0.0.5#x"), BadGeneration);
    assert_eq!(
        "10.0.0.5#007".parse(),
        Ok(Lease::from_parts(host(5), 7).unwrap())
    );
    let codes = [NoGeneration, BadAddress, BadGeneration].map(|problem| {
        let text = String::new();
        let mut error = text.parse::<Lease4>().unwrap_err();
        error.problem = problem;
        error.code()
    });
    assert_eq!(codes, ["no-generation", "bad-address", "bad-generation"]);
}

/// What verbs say has fixed names, and texts that say what to do.
#[test]
fn answers_have_names_and_texts() {
    let (pool, _clock) = pool(30, 60);
    let lease = pool.allocate(seconds(10)).unwrap();
    let exhausted = pool.allocate(seconds(1)).unwrap_err();
    assert!(exhausted.is_exhausted());
    assert_eq!(
        exhausted.to_string(),
        "exhausted: too few of the pool's 1 addresses are free; the next one is free in 71s, unless it is renewed"
    );
    let not_free = pool.allocate_exact(host(2), seconds(1)).unwrap_err();
    assert!(!not_free.is_exhausted());
    assert_eq!(
        not_free.to_string(),
        "10.0.0.2 is not free; it will be free in 71s, unless it is renewed"
    );
    assert_eq!(pool.release(&lease), Ok(Released::Ended));
    let ended = pool.renew(&lease, term(1)).unwrap_err();
    assert_eq!(
        ended.to_string(),
        "the lease of 10.0.0.2 has ended: allocate again"
    );
    assert_eq!(Grant::from(seconds(1)), Grant::Offer(seconds(1)));
    assert_eq!(Grant::from(term(1)), Grant::Lease(term(1)));
    let bad = BadTermOf::renewing(&pool, &lease);
    assert_eq!(RenewError::from(bad).code(), OfferError::from(bad).code());
}

struct BadTermOf;

impl BadTermOf {
    fn renewing(pool: &Pool4, lease: &Lease4) -> BadTerm {
        match pool.renew(lease, term(0)) {
            Err(RenewError::BadTerm(bad)) => bad,
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(feature = "serde")]
mod json {
    use super::*;
    use serde_json::{Value, json};

    fn value(of: impl serde::Serialize) -> Value {
        serde_json::to_value(of).unwrap()
    }

    /// A lease goes through JSON unchanged, and generations that no pool hands out do not come in.
    #[test]
    fn a_lease_goes_through_json() {
        let lease = Lease::from_parts(host(5), (1 << 53) - 1).unwrap();
        let written = json!({"addr": "10.0.0.5", "generation": 9_007_199_254_740_991_u64});
        assert_eq!(value(lease), written);
        assert_eq!(serde_json::from_value::<Lease4>(written).unwrap(), lease);
        let (pool, _clock) = pool(24, 60);
        let given = pool.allocate(seconds(1)).unwrap();
        let text = serde_json::to_string(&given).unwrap();
        let read: Lease4 = serde_json::from_str(&text).unwrap();
        assert_eq!(pool.release(&read), Ok(Released::Ended));
        for wrong in [
            json!({"addr": "10.0.0.5", "generation": 0}),
            json!({"addr": "10.0.0.5", "generation": 9_007_199_254_740_992_u64}),
            json!({"addr": "10.0.0.5", "generation": -1}),
            json!({"addr": "10.0.0.5", "generation": "7"}),
            json!({"addr": "10.0.0.5", "generation": 7.5}),
            json!({"addr": "10.0.0.5"}),
            json!({"addr": "2001:db8::5", "generation": 7}),
            json!({"generation": 7}),
            json!("10.0.0.5#7"),
        ] {
            assert!(
                serde_json::from_value::<Lease4>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
    }

    /// Answers and looks have fixed names in JSON.
    #[test]
    fn answers_have_fixed_names_in_json() {
        let (pool, _clock) = pool(29, 60);
        let lease = pool
            .allocate_for(Client::from_hash(0x005a_5a5a_5a5a_5a5a), Term::Forever)
            .unwrap();
        let generation = lease.generation();
        assert_eq!(
            value(pool.status(lease.addr())),
            json!({
                "status": "leased",
                "generation": generation,
                "owner": "005a5a5a5a5a5a5a",
                "remaining": null
            })
        );
        let released = [Released::Ended, Released::AlreadyEnded, Released::Stale];
        assert_eq!(value(released), json!(["ended", "already-ended", "stale"]));
        assert_eq!(
            value(pool.census()),
            json!({"free": 4, "offered": 0, "leased": 1, "cooling": 0, "quarantined": 0})
        );
        assert_eq!(value(pool.sweep()), json!({"freed": 0, "next_in": null}));
        let error = pool.allocate_exact(host(9), seconds(1)).unwrap_err();
        assert_eq!(
            value(error),
            json!({"code": "out-of-range", "first": "10.0.0.9", "last": "10.0.0.9"})
        );
        let bad = pool.allocate(Duration::ZERO).unwrap_err();
        assert_eq!(value(bad)["code"], "bad-term");
        let stale = Lease::from_parts(lease.addr(), 1).unwrap();
        let stale = pool.renew(&stale, term(1)).unwrap_err();
        assert_eq!(value(stale), json!({"code": "stale", "addr": lease.addr()}));
        let parse = "x".parse::<Lease4>().unwrap_err();
        assert_eq!(value(parse), json!({"text": "x", "code": "no-generation"}));
        let adopted = pool.adopt(Unreadable::default(), ["10.0.0.3"], |_| None);
        assert_eq!(value(adopted.unwrap())["leases"][0]["addr"], "10.0.0.3");
    }
}
