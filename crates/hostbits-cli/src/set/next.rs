//! `next`: the configuration and a list of users in, the next free addresses out. No file is looked at.

use super::args::NextArgs;
use super::change::{Refused, nets_of, take_all};
use super::failure::Cause;
use crate::args::Format;
use crate::failure::Failure;
use crate::next::Given;
use crate::output::{print, print_error_text, print_json};
use crate::users::{Notes, ReadList, UserRecords};
use hostbits::{Adopted, Ambiguous, PoolSet, UserRecord};
use hostbits_lists::Source;
use ipnet::IpNet;
use serde::Serialize;

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    set: &'a str,
    addresses: Vec<Given>,
    #[serde(flatten)]
    list: &'a ReadList,
}

pub(super) fn run(args: &NextArgs) -> Result<(), Failure> {
    let config = args.config.read()?;
    let set = args.config.set(&config, &args.set)?;
    let open = set.in_memory::<IpNet>();
    let set = open.map_err(|error| args.config.refuse_open(error))?.set;
    let list = match &args.users {
        Some(source) => read_list(&set, source, args)?,
        None => ReadList::default(),
    };
    let addrs = match take_all(args.count, || set.allocate(), |addr| set.release(addr)) {
        Ok(addrs) => addrs,
        Err(Refused { error }) => {
            return Err(args.config.refuse(Cause::Allocate {
                error,
                free: set.available(),
                wanted: args.count,
                list: Some(Box::new(list)),
            }));
        }
    };
    let nets = nets_of(&set, &addrs);
    match args.config.format {
        Format::Plain => print(|out| nets.iter().try_for_each(|net| writeln!(out, "{net}"))),
        Format::Json => print_json(&Answer {
            file: &args.config.name(),
            set: &args.set,
            addresses: nets.into_iter().map(Given::now).collect(),
            list: &list,
        }),
    }
}

/// Marks what the users hold. In plain format, says on standard error what was odd.
fn read_list(set: &PoolSet, source: &Source, args: &NextArgs) -> Result<ReadList, Failure> {
    let mut users = UserRecords::open([source]).map_err(Failure::Unreadable)?;
    let report = adopt(set, args.ambiguous.into(), &mut users);
    let read = users.finish().map_err(Failure::Unreadable)?;
    if args.config.format == Format::Plain {
        let notes = Notes {
            read: &read,
            report: &report,
            ambiguous: args.ambiguous,
            free: set.available(),
        };
        print_error_text(&notes.to_string());
    }
    Ok(ReadList::new(report, &read))
}

/// Tells every member of every entry, and makes one report of it. An address that was named before counts as
/// repeated, whoever named it.
fn adopt<R: UserRecord>(
    set: &PoolSet,
    ambiguous: Ambiguous,
    users: impl Iterator<Item = R>,
) -> Adopted {
    let mut all = Adopted::default();
    for user in users {
        all.entries += 1;
        let told = set
            .members()
            .map(|member| member.pool().adopt_reading(ambiguous, [&user]));
        join(&mut all, told);
    }
    all
}

/// What the members said of one entry, as one entry of the report.
fn join(all: &mut Adopted, told: impl Iterator<Item = Adopted>) {
    const MOST_PROBLEMS: usize = 100;
    let told: Vec<Adopted> = told.collect();
    let is_elsewhere = |it: &&Adopted| it.out_of_range + it.wrong_family != 0 && it.taken == 0;
    let here = told.iter().filter(|it| !is_elsewhere(it));
    let of_its_family = told.iter().filter(|it| it.wrong_family == 0);
    let (here, of_its_family): (Vec<_>, Vec<_>) = (here.collect(), of_its_family.collect());
    let (taken, already): (u64, u64) = here.iter().fold((0, 0), |(taken, already), it| {
        (taken + it.taken, already + it.already)
    });
    all.taken += taken;
    // One of them speaks for all, of what is of the entry and not of addresses.
    let first = told.first();
    let Some(voice) = here.first().or(of_its_family.first()).or(first.as_ref()) else {
        return;
    };
    all.repeated += u64::from(already != 0 && taken == 0);
    all.reserved += here.iter().map(|it| it.reserved).sum::<u64>();
    all.out_of_range += voice.out_of_range;
    all.wrong_family += voice.wrong_family;
    all.ambiguous += voice.ambiguous;
    all.unassigned += voice.unassigned;
    all.unparseable += voice.unparseable;
    for problem in &voice.problems {
        if all.problems.len() < MOST_PROBLEMS {
            let mut problem = problem.clone();
            problem.position = all.entries;
            all.problems.push(problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostbits::Pool;

    #[test]
    fn every_entry_is_counted_once() {
        let nets = ["10.0.0.0/24", "10.0.1.0/24", "2001:db8::/112"];
        let pool = |net: &str| Pool::new(net.parse::<IpNet>().unwrap()).unwrap();
        let set = PoolSet::new(nets.map(pool)).unwrap();
        let list = [
            "10.0.0.5",
            "10.0.1.5/32",
            "2001:db8::5",
            "10.0.0.5",
            "10.0.1.1",
            "10.9.9.9",
            "2001:db9::1",
            "",
            "nobody",
        ];
        let report = adopt(&set, Ambiguous::Host, list.iter().copied());
        assert_eq!((report.entries, report.taken, report.repeated), (9, 3, 1));
        assert_eq!((report.reserved, report.out_of_range), (1, 2));
        assert_eq!((report.unassigned, report.unparseable), (1, 1));
        assert_eq!(set.allocated(), 3);
        let positions: Vec<_> = report.problems.iter().map(|it| it.position).collect();
        assert_eq!(positions, [5, 6, 7, 9]);
    }

    /// A block over two members is held in both.
    #[test]
    fn a_block_may_be_of_several_members() {
        let pool = |net: &str| Pool::new(net.parse::<IpNet>().unwrap()).unwrap();
        let set = PoolSet::new(["10.0.0.0/24", "10.0.1.0/24"].map(pool)).unwrap();
        let report = adopt(&set, Ambiguous::Expand, ["10.0.0.0/23"].into_iter());
        assert_eq!((report.entries, report.taken), (1, 506));
        assert_eq!(set.available(), 0);
    }
}
