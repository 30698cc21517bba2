//! Compares an old configuration with a new one: which members are the same, what has changed, and which addresses are
//! lost.

use crate::check::bits_of;
use crate::model::{Config, MemberConfig, SetConfig, written};
use crate::plan::{Plan, PlanError, Refusal, RefusalKind, Step, StepKind, cordoned, view};
use hostbits::{NetworkInfo, file};
use std::net::IpAddr;

/// Why a pool is not an extension of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It hands out prefixes of another length.
    Unit,
    /// It has no address in common.
    Elsewhere,
    /// Some addresses of the old pool could no longer be handed out.
    Smaller,
}

/// Whether it is IPv6, and its first and last address as numbers.
type Stretch = (bool, u128, u128);

/// Returns what `new` lacks compared with `old`.
pub(crate) fn doubt(old: &NetworkInfo, new: &NetworkInfo) -> Option<Doubt> {
    let (before, after) = (usable(old), usable(new));
    let is_in = |inner: &Stretch, outer: &Stretch| {
        inner.0 == outer.0 && outer.1 <= inner.1 && inner.2 <= outer.2
    };
    let touches =
        |one: &Stretch, other: &Stretch| one.0 == other.0 && one.1 <= other.2 && other.1 <= one.2;
    let some_stays = before
        .iter()
        .any(|it| after.iter().any(|at| touches(it, at)));
    if !some_stays && !before.is_empty() {
        return Some(Doubt::Elsewhere);
    }
    if old.unit != new.unit {
        return Some(Doubt::Unit);
    }
    let all_stay = before.iter().all(|it| after.iter().any(|at| is_in(it, at)));
    (!all_stay).then_some(Doubt::Smaller)
}

/// Returns the addresses that can be handed out, as ascending ranges that do not touch.
fn usable(info: &NetworkInfo) -> Vec<Stretch> {
    let stretch = |first: IpAddr, last: IpAddr| (first.is_ipv6(), bits_of(first), bits_of(last));
    let ranges = info.ranges.iter().map(|it| stretch(it.first, it.last));
    let mut ranges: Vec<Stretch> = ranges.collect();
    ranges.sort_unstable();
    let mut reserved: Vec<Stretch> = info
        .reservations
        .iter()
        .map(|it| stretch(it.first, it.last))
        .collect();
    reserved.sort_unstable();
    let mut usable: Vec<Stretch> = Vec::new();
    let mut push = |(is_v6, first, last): Stretch| match usable.last_mut() {
        Some(before) if before.0 == is_v6 && before.2.checked_add(1) == Some(first) => {
            before.2 = last;
        }
        _ => usable.push((is_v6, first, last)),
    };
    for (is_v6, mut first, last) in ranges {
        let mut rest = true;
        let from = reserved.partition_point(|it| (it.0, it.2) < (is_v6, first));
        for taken in &reserved[from..] {
            if (taken.0, taken.1) > (is_v6, last) {
                break;
            }
            if taken.1 > first {
                push((is_v6, first, taken.1 - 1));
            }
            match taken.2.checked_add(1) {
                Some(next) if next <= last => first = next,
                _ => {
                    rest = false;
                    break;
                }
            }
        }
        if rest {
            push((is_v6, first, last));
        }
    }
    usable
}

/// A member of the new configuration, with its position.
type Found<'c> = (&'c SetConfig, &'c MemberConfig, (usize, usize));

/// Adds the differences from the old configuration to a plan.
pub(crate) fn with_old(plan: &mut Plan, new: &Config, old: &Config) -> Result<(), PlanError> {
    let mut known = Vec::new();
    for old_set in &old.sets {
        for old_member in &old_set.members {
            match successor(new, old_set, old_member) {
                Some(found) => {
                    known.push(found.2);
                    kept(plan, old_set, old_member, found)?;
                }
                None => removed(plan, old_set, old_member)?,
            }
        }
    }
    for found in members(new) {
        if !known.contains(&found.2) {
            added(plan, found)?;
        }
    }
    choices(plan, new, old);
    Ok(())
}

fn members(config: &Config) -> impl Iterator<Item = Found<'_>> {
    let sets = config.sets.iter().enumerate();
    sets.flat_map(|(set_index, set)| {
        let members = set.members.iter().enumerate();
        members.map(move |(index, member)| (set, member, (set_index, index)))
    })
}

/// Returns the same member in the new configuration: the one with the same file, or one of the same set that shares
/// addresses with it.
fn successor<'c>(new: &'c Config, set: &SetConfig, member: &MemberConfig) -> Option<Found<'c>> {
    let path = |member: &MemberConfig| member.file.as_ref().map(|file| file.path.clone());
    let old_path = path(member);
    let in_file = members(new).find(|(_, it, _)| old_path.is_some() && path(it) == old_path);
    let overlaps = |it: &MemberConfig| {
        let mut ours = member.info.ranges.iter();
        ours.any(|our| {
            let mut theirs = it.info.ranges.iter();
            theirs.any(|their| our.first <= their.last && their.first <= our.last)
        })
    };
    in_file.or_else(|| members(new).find(|(of, it, _)| of.name == set.name && overlaps(it)))
}

fn kept(
    plan: &mut Plan,
    old_set: &SetConfig,
    old: &MemberConfig,
    found: Found<'_>,
) -> Result<(), PlanError> {
    let (set, member, at) = found;
    let refuse = |code, message| Refusal {
        code,
        message,
        ..Refusal::of(set, member)
    };
    let old_path = old.file.as_ref().map(|file| &file.path);
    let new_path = member.file.as_ref().map(|file| &file.path);
    if old_path != new_path
        && let Some(path) = old_path
        && path.exists()
    {
        let message = format!(
            "its allocations are in {}, and the new file would not contain them: keep the \
             file, or rename it yourself",
            path.display()
        );
        plan.refusals.push(refuse(RefusalKind::FileMoved, message));
        return Ok(());
    }
    if old_path.is_none() {
        in_memory(plan, old, found);
    }
    let view = match new_path {
        Some(path) => view(path, member.line)?,
        None => None,
    };
    let step = Step::of(set, member, at);
    let mut push = |kind| {
        plan.steps.push(Step {
            kind,
            ..step.clone()
        });
    };
    for kind in closings(old, member, view.as_ref()) {
        push(kind);
    }
    let shown_path = |path: Option<&std::path::PathBuf>| path.map(|it| it.display().to_string());
    let changes = [
        change("file", shown_path(old_path), shown_path(new_path)),
        change("weight", Some(old.weight), Some(member.weight)),
        change("band", band(old), band(member)),
        change("set", Some(&old_set.name), Some(&set.name)),
    ];
    changes.into_iter().flatten().for_each(push);
    Ok(())
}

/// Compares members without a file. Holders may have any address that the old configuration could hand out.
fn in_memory(plan: &mut Plan, old: &MemberConfig, (set, member, _): Found<'_>) {
    let code = match doubt(&old.info, &member.info) {
        Some(Doubt::Unit) => RefusalKind::UnitChanged,
        Some(Doubt::Elsewhere) => RefusalKind::NetworkChanged,
        Some(Doubt::Smaller) => RefusalKind::WouldShrink,
        None => return,
    };
    plan.refusals.push(Refusal {
        code,
        message: format!(
            "{old} was larger, or handed out prefixes of another length, and the missing addresses may be \
             held: drain it first, and add another member"
        ),
        ..Refusal::of(set, member)
    });
}

/// Returns the drains and cordons that are new or gone.
fn closings(old: &MemberConfig, new: &MemberConfig, view: Option<&file::View>) -> Vec<StepKind> {
    let stragglers = view.map(|view| view.snapshot.allocated());
    let mut kinds = match (old.drained, new.drained) {
        (false, true) => vec![StepKind::Drain { stragglers }],
        (true, false) => vec![StepKind::Resume],
        _ => Vec::new(),
    };
    let drawn = new.cordons.iter().filter(|it| !old.cordons.contains(it));
    kinds.extend(drawn.map(|cordon| cordoned(cordon, view)));
    let lifted = old.cordons.iter().filter(|it| !new.cordons.contains(it));
    kinds.extend(lifted.map(|cordon| StepKind::Uncordon {
        range: written(cordon),
    }));
    kinds
}

fn band(member: &MemberConfig) -> Option<String> {
    member.band.map(|band| band.to_string())
}

/// A member may leave the set only when it is drained and empty.
fn removed(plan: &mut Plan, set: &SetConfig, member: &MemberConfig) -> Result<(), PlanError> {
    let view = match &member.file {
        Some(file) => view(&file.path, member.line)?,
        None => None,
    };
    let allocated = view.as_ref().map_or(0, |view| view.snapshot.allocated());
    // A file that does not exist was never used. For a pool in memory this is unknown.
    let was_used = view.is_some() || member.file.is_none();
    let refusal = if allocated != 0 {
        let message = format!(
            "{allocated} addresses of the removed member are allocated: put it back, drained = true, and wait \
             for their release"
        );
        Some((RefusalKind::StillHeld, message))
    } else if was_used && !member.drained {
        let message =
            "the removed member was not drained: put it back, drained = true, and apply that first";
        Some((RefusalKind::NotDrained, message.to_owned()))
    } else {
        None
    };
    match refusal {
        Some((code, message)) => plan.refusals.push(Refusal {
            code,
            message,
            line: None,
            ..Refusal::of(set, member)
        }),
        None => plan.steps.push(Step {
            kind: StepKind::Remove,
            at: None,
            ..Step::of(set, member, (0, 0))
        }),
    }
    Ok(())
}

/// Adds the step for a new member. If its file is to be created, that step says so already.
fn added(plan: &mut Plan, (set, member, at): Found<'_>) -> Result<(), PlanError> {
    let view = match &member.file {
        Some(file) => view(&file.path, member.line)?,
        None => None,
    };
    let step = Step::of(set, member, at);
    if member.file.is_none() || view.is_some() {
        plan.steps.push(step.clone());
    }
    plan.closed(set, member, at, view.as_ref());
    Ok(())
}

/// Adds the changes of sets, ranges and pairs, as opposed to members.
fn choices(plan: &mut Plan, new: &Config, old: &Config) {
    let mut push = |of: &str, change: Option<StepKind>| {
        if let Some(kind) = change {
            plan.steps.push(Step {
                set: of.to_owned(),
                member: None,
                file: None,
                kind,
                at: None,
            });
        }
    };
    for set in &new.sets {
        let Some(before) = old.set(&set.name) else {
            continue;
        };
        let strategy = |set: &SetConfig| Some(format!("{:?}", set.strategy));
        push(
            &set.name,
            change("strategy", strategy(before), strategy(set)),
        );
        for (what, from, to) in [
            ("client_key", before.client_key, set.client_key),
            ("owner_key", before.owner_key, set.owner_key),
        ] {
            if from != to {
                // A key is never shown.
                let [from, to] = [from, to].map(|key| key.map(|_| "a key".to_owned()));
                let what = what.to_owned();
                push(&set.name, Some(StepKind::Change { what, from, to }));
            }
        }
        for (name, from, to) in both(&ranges(before), &ranges(set)) {
            push(&set.name, change(&format!("range {name}"), from, to));
        }
    }
    for (name, from, to) in both(&pairs(old), &pairs(new)) {
        push(&name, change("pair", from, to));
    }
}

type Named = Vec<(String, String)>;

fn ranges(set: &SetConfig) -> Named {
    let shown = |range: &crate::model::RangeConfig| {
        let exclusive = if range.exclusive { ", exclusive" } else { "" };
        let span = written(&range.span);
        (
            range.name.clone(),
            format!("{span}, {}{exclusive}", range.policy),
        )
    };
    set.ranges.iter().map(shown).collect()
}

fn pairs(config: &Config) -> Named {
    let shown = |pair: &crate::model::PairConfig| {
        let index = if pair.same_index { "same" } else { "any" };
        let sides = format!("{} and {}, index {index}", pair.v4, pair.v6);
        (pair.name.clone(), sides)
    };
    config.pairs.iter().map(shown).collect()
}

/// Returns every name with its old and its new value.
fn both(old: &Named, new: &Named) -> Vec<(String, Option<String>, Option<String>)> {
    let find = |list: &Named, name: &str| {
        let entry = list.iter().find(|(it, _)| it == name);
        entry.map(|(_, value)| value.clone())
    };
    let gone = old.iter().filter(|(name, _)| find(new, name).is_none());
    let names = new.iter().chain(gone).map(|(name, _)| name);
    names
        .map(|name| (name.clone(), find(old, name), find(new, name)))
        .collect()
}

fn change<T: ToString>(what: &str, from: Option<T>, to: Option<T>) -> Option<StepKind> {
    let text = |value: Option<T>| value.map(|value| value.to_string());
    let (from, to) = (text(from), text(to));
    (from != to).then(|| StepKind::Change {
        what: what.to_owned(),
        from,
        to,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostbits::{Gateway, Pool};
    use ipnet::IpNet;

    fn info(net: &str, reserve: &[&str]) -> NetworkInfo {
        let mut builder = Pool::builder(net.parse::<IpNet>().unwrap()).gateway(Gateway::None);
        for addr in reserve {
            let addr: IpAddr = addr.parse().unwrap();
            builder = builder.reserve(addr..=addr, "x");
        }
        builder.info().unwrap()
    }

    #[test]
    fn what_can_be_handed_out_is_what_is_not_reserved() {
        let stretches = usable(&info("10.0.0.0/29", &["10.0.0.3", "10.0.0.4"]));
        let hosts: Vec<_> = stretches
            .iter()
            .map(|it| (it.1 & 255, it.2 & 255))
            .collect();
        assert_eq!(hosts, [(1, 2), (5, 6)]);
        assert_eq!(usable(&info("::/128", &["::"])), []);
        let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/125";
        assert_eq!(usable(&info(last, &[]))[0].2 & 15, 7);
    }

    #[test]
    fn less_than_before_is_doubted() {
        let all = info("10.0.0.0/24", &[]);
        assert_eq!(doubt(&all, &all), None);
        assert_eq!(doubt(&all, &info("10.0.0.0/23", &[])), None);
        assert_eq!(doubt(&all, &info("10.0.0.0/25", &[])), Some(Doubt::Smaller));
        assert_eq!(
            doubt(&all, &info("10.0.0.0/24", &["10.0.0.9"])),
            Some(Doubt::Smaller)
        );
        assert_eq!(doubt(&info("10.0.0.0/24", &["10.0.0.9"]), &all), None);
        assert_eq!(
            doubt(&all, &info("10.0.1.0/24", &[])),
            Some(Doubt::Elsewhere)
        );
        assert_eq!(doubt(&all, &info("::/112", &[])), Some(Doubt::Elsewhere));
        let unit = Pool::builder("10.0.0.0/23".parse::<IpNet>().unwrap()).unit(31);
        assert_eq!(doubt(&all, &unit.info().unwrap()), Some(Doubt::Unit));
    }
}
