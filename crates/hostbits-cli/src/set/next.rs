//! `next`: the configuration and a list of users in, the next free addresses out. No file is looked at.

use super::args::NextArgs;
use super::change::{as_usize, nets_of, take_all};
use super::failure::Cause;
use crate::args::Format;
use crate::failure::Failure;
use crate::next::Given;
use crate::notes::Notes;
use crate::output::{print, print_error_text, print_json};
use hostbits::PoolSet;
use hostbits_ops::ReadList;
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
    let list = match args.users.is_empty() {
        true => ReadList::default(),
        false => read_list(&set, args)?,
    };
    let taken = match args.count > set.capacity() {
        true => set.allocate_many(as_usize(args.count)),
        false => take_all(args.count, || set.allocate(), |addr| set.release(addr)),
    };
    let addrs = match taken {
        Ok(addrs) => addrs,
        Err(error) => {
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
fn read_list(set: &PoolSet, args: &NextArgs) -> Result<ReadList, Failure> {
    let mut users = crate::lists::open_all(&args.reading.of(&args.users))?;
    let adopted = set.adopt_with(args.reading.unreadable(), &mut users);
    let read = users.finish().map_err(Failure::Unreadable)?;
    let report = match adopted {
        Ok(report) => report,
        Err(error) => return Err(Failure::refused(error, read)),
    };
    if args.config.format == Format::Plain {
        let notes = Notes {
            read: &read,
            report: &report,
            free: set.available(),
        };
        print_error_text(&notes.to_string());
    }
    Ok(ReadList::new(report, &read))
}
