//! `hostbits next`: a network and its users in, the next free addresses out.

use crate::args::{Format, NextArgs};
use crate::failure::Failure;
use crate::notes::Notes;
use crate::output::{print, print_error_text, print_json};
use hostbits::{AllocateError, Pool};
use hostbits_ops::ReadList;
use ipnet::IpNet;
use serde::Serialize;

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    addresses: Vec<Given>,
    #[serde(flatten)]
    list: &'a ReadList,
}

/// One address of an answer.
#[derive(Serialize)]
pub(crate) struct Given {
    address: IpNet,
    /// Nothing counts them yet; the key is there for those who will read it.
    generation: Option<u64>,
}

/// Builds the pool, marks what the users hold, and prints what is free.
pub(crate) fn run(args: &NextArgs) -> Result<(), Failure> {
    let pool = args.pool.build().map_err(Failure::Build)?;
    let list = match args.users.is_empty() {
        true => ReadList::default(),
        false => adopt(&pool, args)?,
    };
    match allocate(&pool, args.count) {
        Ok(nets) => print_nets(nets, &list, args.format),
        Err(error) => Err(Failure::Exhausted {
            error,
            free: pool.available(),
            wanted: args.count,
            list: Box::new(list),
        }),
    }
}

/// Marks what the users hold. In plain format, says on standard error what was odd.
fn adopt(pool: &Pool, args: &NextArgs) -> Result<ReadList, Failure> {
    let mut users = crate::lists::open_all(&args.reading.of(&args.users))?;
    let adopted = pool.adopt_with(args.reading.unreadable(), &mut users);
    let read = users.finish().map_err(Failure::Unreadable)?;
    let report = match adopted {
        Ok(report) => report,
        Err(error) => return Err(Failure::refused(error, read)),
    };
    if args.format == Format::Plain {
        let notes = Notes {
            read: &read,
            report: &report,
            free: pool.available(),
        };
        print_error_text(&notes.to_string());
    }
    Ok(ReadList::new(report, &read))
}

/// All or nothing.
fn allocate(pool: &Pool, count: u64) -> Result<Vec<IpNet>, AllocateError> {
    if count == 1 {
        return Ok(vec![pool.allocate_net()?]);
    }
    let unit = pool.info().unit;
    // More than a pool can hold is as impossible as the most there can be.
    let addrs = pool.allocate_many(usize::try_from(count).unwrap_or(usize::MAX))?;
    // The unit fits its address: the pool was built with it.
    let net = |addr| IpNet::new(addr, unit).unwrap_or_else(|_| IpNet::from(addr));
    Ok(addrs.into_iter().map(net).collect())
}

fn print_nets(nets: Vec<IpNet>, list: &ReadList, format: Format) -> Result<(), Failure> {
    match format {
        Format::Plain => print(|out| nets.iter().try_for_each(|net| writeln!(out, "{net}"))),
        Format::Json => print_json(&Answer {
            addresses: nets.into_iter().map(Given::now).collect(),
            list,
        }),
    }
}

impl Given {
    /// An address that has just been found.
    pub(crate) fn now(address: IpNet) -> Self {
        Self {
            address,
            generation: None,
        }
    }
}
