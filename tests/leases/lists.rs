//! Lists of users become leases.

use super::*;

fn adopt(
    pool: &Pool4,
    list: &[(&str, &str)],
    owner: impl Fn(&str) -> Option<Client>,
) -> (u64, u64, Vec<Lease4>) {
    let adopted = pool.adopt(Unreadable::default(), list.iter().copied(), owner);
    let adopted = adopted.unwrap();
    (adopted.report.taken, adopted.report.already, adopted.leases)
}

fn named(name: &str) -> Option<Client> {
    (name != "-").then(|| Client::from_hash(u64::from(name.as_bytes()[0]) << 56))
}

fn is_leased_for_ever(pool: &Pool4, lease: Lease4, by: Option<Client>) -> bool {
    matches!(pool.status(lease.addr()), LeaseStatus::Leased { generation, owner, remaining: None, .. }
        if generation == lease.generation() && owner == by)
}

/// Whatever a listed address was, it is leased for ever afterwards: a lease stays, an offer is committed, what is free or
/// rests becomes a new lease. Twice is once.
#[test]
fn what_a_list_names_is_leased() {
    for with_owners in [false, true] {
        let (pool, _clock) = pool(24, 60);
        let owner = |name: &str| named(name).filter(|_| with_owners);
        let leased = pool.allocate_exact(host(10), term(100)).unwrap();
        let offered = pool.allocate_exact(host(11), seconds(100)).unwrap();
        let ended = pool.allocate_exact(host(12), Term::Forever).unwrap();
        assert_eq!(pool.release(&ended), Ok(Released::Ended));
        let list = [
            ("10.0.0.13", "dora"),
            ("10.0.0.10", "alice"),
            ("10.0.0.12", "carol"),
            ("10.0.0.11", "bob"),
        ];
        let (taken, already, leases) = adopt(&pool, &list, owner);
        assert_eq!((taken, already), (2, 2));
        assert_eq!(leases[..2], [leased, offered]);
        let addrs: Vec<_> = leases.iter().map(Lease::addr).collect();
        assert_eq!(addrs, [10, 11, 12, 13].map(host));
        assert_eq!(leases[2].generation(), ended.generation() + 1);
        assert!(is_leased_for_ever(&pool, leases[1], None));
        assert!(is_leased_for_ever(&pool, leases[2], owner("carol")));
        assert!(is_leased_for_ever(&pool, leases[3], owner("dora")));
        let status = pool.status(host(10));
        assert!(matches!(
            status,
            LeaseStatus::Leased {
                remaining: Some(_),
                ..
            }
        ));
        changes_nothing(&pool, || {
            assert_eq!(adopt(&pool, &list, owner), (0, 4, leases.clone()));
        });
        assert_eq!(pool.release(&ended), Ok(Released::Stale));
        assert_eq!(counts(&pool), [249, 0, 4, 0, 0]);
        // What was adopted is handed out to no other caller.
        let rest = pool.allocate_many(249, Term::Forever).unwrap();
        assert!(rest.iter().all(|lease| !addrs.contains(&lease.addr())));
        assert!(pool.allocate(Term::Forever).is_err());
        for lease in leases {
            assert_eq!(pool.release(&lease), Ok(Released::Ended));
        }
    }
}

/// An owner whose address was adopted, wherever it is, gets that lease from `allocate_for`, and its address sticks.
#[test]
fn owners_find_what_was_adopted_for_them() {
    let (pool, clock) = pool(20, 60);
    let names: Vec<String> = (0..200)
        .map(|number| format!("10.0.{}.{}", number / 20, number))
        .collect();
    let owner = |name: &str| {
        let number: u64 = name.parse().unwrap();
        Some(Client::from_hash(
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ))
    };
    let numbers: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let list = names.iter().zip(&numbers).skip(2);
    let list = list.map(|(addr, number)| (addr.as_str(), number.as_str()));
    let adopted = pool.adopt(Unreadable::default(), list, owner).unwrap();
    assert_eq!((adopted.report.taken, adopted.leases.len()), (198, 198));
    for (number, lease) in (2..).zip(&adopted.leases) {
        let owner = owner(&format!("{number}")).unwrap();
        assert_eq!(pool.owned_by(owner).collect::<Vec<_>>(), [*lease]);
        assert_eq!(pool.allocate_for(owner, seconds(1)), Ok(*lease));
        assert_eq!(pool.release(lease), Ok(Released::Ended));
        let again = pool.allocate_for(owner, seconds(1)).unwrap();
        assert_eq!(again.addr(), lease.addr());
        clock.advance(seconds(1));
    }
}

/// An owner with several adopted addresses gets one of those that it holds, as long as it holds any.
#[test]
fn an_owner_of_several_addresses_gets_one_that_it_holds() {
    let (pool, _clock) = pool(20, 60);
    let list: Vec<String> = (1..15).map(|third| format!("10.0.{third}.7")).collect();
    let list = list.iter().map(|addr| (addr.as_str(), "alice"));
    let adopted = pool.adopt(Unreadable::default(), list, named).unwrap();
    let alice = named("alice").unwrap();
    let mut held: BTreeSet<_> = adopted.leases.iter().copied().collect();
    let mut numbers = Numbers(1);
    while !held.is_empty() {
        let one = pool.allocate_for(alice, seconds(1)).unwrap();
        assert!(held.contains(&one), "{one} is none of {held:?}");
        assert_eq!(pool.owned_by(alice).collect::<BTreeSet<_>>(), held);
        let at = numbers.below(held.len() as u64) as usize;
        let gone = *held.iter().nth(at).unwrap();
        assert_eq!(pool.release(&gone), Ok(Released::Ended));
        held.remove(&gone);
    }
}

/// A list that cannot be read takes nothing; odd entries are counted, and the first owner of an address is the one.
#[test]
fn odd_lists_are_told() {
    let (pool, _clock) = pool(24, 60);
    let bad = [("10.0.0.9", "alice"), ("10.0.0.x", "bob")];
    changes_nothing(&pool, || {
        let error = pool.adopt(Unreadable::default(), bad, named).unwrap_err();
        assert!(matches!(error, AdoptError::Unreadable { .. }), "{error:?}");
    });
    let odd = [
        ("10.0.0.9", "alice"),
        ("10.0.0.9", "bob"),
        ("10.0.1.9", "carol"),
        ("10.0.0.1", "dora"),
        ("10.0.0.20", "-"),
    ];
    let adopted = pool.adopt(Unreadable::default(), odd, named).unwrap();
    assert_eq!((adopted.report.taken, adopted.leases.len()), (2, 2));
    assert!(is_leased_for_ever(&pool, adopted.leases[0], named("alice")));
    assert!(is_leased_for_ever(&pool, adopted.leases[1], None));
}
