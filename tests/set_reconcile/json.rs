//! Plans and errors of sets as JSON: the field names are fixed with the first release.

use crate::{list, pass, set_of, take};
use hostbits::{Pool, PoolSet, reconcile, set};
use ipnet::Ipv4Net;
use serde_json::json;
use std::time::Duration;

/// A plan that was kept in a file is the plan that was made, and another process goes on with it.
#[test]
fn a_plan_of_a_set_comes_back_from_json_as_it_was() {
    let pools = ["10.0.0.0/24", "10.0.1.0/24"]
        .map(|net| Pool::<Ipv4Net>::new(net.parse().unwrap()).unwrap());
    let set = PoolSet::new(pools).unwrap();
    let lost = set.allocate().unwrap();
    let options = || reconcile::Options::new().grace(Duration::ZERO);
    let mut reconciler = set.reconciler_with(options()).unwrap();
    let mut pass = reconciler.begin().unwrap();
    pass.read([
        ("10.0.1.7", "ann"),
        ("10.0.1.7", "bob"),
        ("10.9.9.9", "eve"),
    ]);
    let plan = pass.finish(3).unwrap();
    let plan = reconciler.leave_open(plan);
    let text = serde_json::to_string(&plan).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entries = &json["entries"];
    assert_eq!(
        (&entries["duplicate"], &entries["out_of_range"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&json["slots"]["ripe"], &json["listed"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(json["members"][1]["name"], "10.0.1.0/24");
    let plan_of_first = &json["members"][0]["plan"];
    assert_eq!(plan_of_first["ranges"][0]["first"], lost.to_string());
    let read: set::Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(read, plan);
    let mut reconciler = set.resume_reconciler(options(), &read).unwrap();
    let applied = reconciler.apply_at_most(&read, 1).unwrap();
    let json = serde_json::to_value(&applied).unwrap();
    assert_eq!(
        (&json["total"]["freed"], &json["members"][1]["adopted"]),
        (&json!(1), &json!(1))
    );
    let undone = serde_json::to_value(reconciler.undo(&read).unwrap()).unwrap();
    assert_eq!(undone["total"]["taken_back"], 1);
}

#[test]
fn errors_have_their_code_and_their_member() {
    let set = set_of(&["10.0.0.0/24", "10.0.1.0/24"]);
    take(&set, 0, 2..=3);
    take(&set, 1, 2..=3);
    let options = reconcile::Options::new().grace(Duration::ZERO);
    let mut reconciler = set.reconciler_with(options).unwrap();
    let busy = serde_json::to_value(set.reconciler().unwrap_err()).unwrap();
    assert_eq!(
        busy,
        json!({"code": "busy", "id": 0, "member": "10.0.0.0/24"})
    );
    let plan = pass(&mut reconciler, &list(0, 2..=2));
    let fuse = serde_json::to_value(reconciler.apply(&plan).unwrap_err()).unwrap();
    let expected = json!({"code": "empty-list", "id": 1, "member": "10.0.1.0/24", "ripe": 3});
    assert_eq!(fuse, expected);
    let fuse = serde_json::to_value(reconciler.apply_at_most(&plan, 1).unwrap_err()).unwrap();
    assert_eq!(
        fuse,
        json!({"code": "too-many", "id": null, "member": null, "ripe": 3})
    );
    pass(&mut reconciler, &[]);
    let old = serde_json::to_value(reconciler.apply(&plan).unwrap_err()).unwrap();
    assert_eq!(
        old,
        json!({"code": "superseded", "id": 0, "member": "10.0.0.0/24", "ripe": null})
    );
}
