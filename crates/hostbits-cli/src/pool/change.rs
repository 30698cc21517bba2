//! `create`, `allocate`, `sync`, `grow`.

use super::args::{AllocateArgs, CreateArgs, FileArgs, GrowArgs};
use super::failure::{Cause, one_address};
use crate::args::{Format, PoolArgs};
use crate::closing::using;
use crate::failure::Failure;
use crate::next::Given;
use crate::output::{print, print_json, print_whole};
use crate::waiting::naming_others;
use hostbits::{Durability, Network, NetworkInfo, Pool, SyncError};
use hostbits_ops::net_of;
use ipnet::IpNet;
use serde::Serialize;
use std::io;

/// A file that was created or has grown, as JSON.
#[derive(Serialize)]
struct Made<'a> {
    file: &'a str,
    info: NetworkInfo,
    durability: Durability,
    session: u64,
}

/// What was allocated, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    addresses: Vec<Given>,
}

#[derive(Serialize)]
struct Synced<'a> {
    file: &'a str,
    durability: Durability,
}

pub(super) fn create(args: &CreateArgs) -> Result<(), Failure> {
    refuse_seed(&args.file, &args.pool)?;
    let durability = args.durability.into();
    let mut builder = args.pool.builder().durability(durability);
    builder = builder.min_session(args.file.least_session());
    if let Some(slots) = args.capacity {
        builder = builder.capacity(slots);
    }
    let pool = builder
        .create(&args.file.path)
        .map_err(|error| args.file.refuse_open(error))?;
    print_made(&args.file, "created", pool)
}

pub(super) fn grow(args: &GrowArgs) -> Result<(), Failure> {
    refuse_seed(&args.file, &args.pool)?;
    let mut builder = args.pool.builder().in_file();
    builder = builder.min_session(args.file.least_session());
    if let Some(slots) = args.capacity {
        builder = builder.capacity(slots);
    }
    let pool = builder
        .grow(&args.file.path)
        .map_err(|error| args.file.refuse_open(error))?;
    print_made(&args.file, "holds", pool)
}

fn refuse_seed(file: &FileArgs, pool: &PoolArgs) -> Result<(), Failure> {
    match pool.policy.is_seeded {
        true => Err(file.refuse(Cause::Seed)),
        false => Ok(()),
    }
}

fn print_made(file: &FileArgs, verb: &str, pool: Pool) -> Result<(), Failure> {
    let name = file.name();
    let unclosed = |_, _, error| file.refuse(Cause::Sync(error));
    let (info, health) = using(pool, |pool| Ok((pool.info(), pool.health())), unclosed)?;
    let durability = health.map(|health| health.durability).unwrap_or_default();
    match file.format {
        Format::Plain => {
            print(|out| writeln!(out, "{name}: {verb} {info}, durability {durability}"))
        }
        Format::Json => print_json(&Made {
            file: &name,
            info,
            durability,
            session: health.map_or(0, |health| health.session),
        }),
    }
}

/// Allocates, and prints what is as durable as the file promises.
pub(super) fn allocate(args: &AllocateArgs) -> Result<(), Failure> {
    let file = &args.file;
    let allocate = |pool: &Pool| {
        let in_flight = || pool.processes_in_flight().unwrap_or_default();
        let nets = naming_others(file.format, in_flight, || take(args, pool));
        let nets = nets.map_err(|cause| file.refuse(cause))?;
        sync_if_promised(pool).map_err(|error| {
            give_back(pool, &nets);
            file.refuse(Cause::Sync(error))
        })?;
        Ok(nets)
    };
    let unclosed = |nets, _, error| file.refuse(Cause::Unclosed { nets, error });
    let nets = using(file.open()?, allocate, unclosed)?;
    print_nets(file, &nets).map_err(|error| file.refuse(Cause::Unprinted { nets, error }))
}

fn take(args: &AllocateArgs, pool: &Pool) -> Result<Vec<IpNet>, Cause> {
    let unit = pool.info().unit;
    let refuse = |wanted| {
        move |error| Cause::Allocate {
            error,
            free: pool.available(),
            wanted,
        }
    };
    if let Some(named) = args.ip {
        let addr = one_address(named, unit)?;
        pool.allocate_exact(addr).map_err(Cause::Exact)?;
        return Ok(vec![net_of(addr, unit)]);
    }
    if let Some(prefix_len) = args.block {
        return Ok(vec![pool.allocate_block(prefix_len).map_err(refuse(None))?]);
    }
    let one = refuse(Some(1));
    if let Some(addr) = args.near {
        let addr = pool.allocate_preferring(addr).map_err(one)?;
        return Ok(vec![net_of(addr, unit)]);
    }
    if args.count == 1 {
        return Ok(vec![pool.allocate_net().map_err(one)?]);
    }
    // More than a pool can hold is as impossible as the most there can be.
    let addrs = pool
        .allocate_many(usize::try_from(args.count).unwrap_or(usize::MAX))
        .map_err(refuse(Some(args.count)))?;
    Ok(addrs.into_iter().map(|addr| net_of(addr, unit)).collect())
}

/// Whoever reads an address uses it, so with `Barrier` it must be durable before it is printed. `Strict` has
/// waited already, and `Process` promises nothing that a write could keep.
fn sync_if_promised(pool: &Pool) -> Result<(), SyncError> {
    match needs_sync(pool) {
        true => pool.sync(),
        false => Ok(()),
    }
}

/// What was allocated and nobody has been told of.
fn give_back(pool: &Pool, nets: &[IpNet]) {
    let unit = pool.info().unit;
    for &net in nets {
        // Whoever has released it meanwhile has done our work.
        let _ = match net.prefix_len() == unit {
            true => pool.release(net.addr()),
            false => pool.release_block(net),
        };
    }
}

/// Whether what is printed is durable only after a sync.
pub(crate) fn needs_sync<N: Network>(pool: &Pool<N>) -> bool {
    let durability = pool.health().map(|health| health.durability);
    durability == Some(Durability::Barrier)
}

/// A reader who is gone is a failure here: these addresses are allocated, and nobody knows of it.
fn print_nets(file: &FileArgs, nets: &[IpNet]) -> io::Result<()> {
    print_whole(|out| match file.format {
        Format::Plain => nets.iter().try_for_each(|net| writeln!(out, "{net}")),
        Format::Json => {
            let answer = Answer {
                file: &file.name(),
                addresses: nets.iter().copied().map(Given::now).collect(),
            };
            serde_json::to_writer(&mut *out, &answer)?;
            writeln!(out)
        }
    })
}

pub(super) fn sync(file: &FileArgs) -> Result<(), Failure> {
    let health = file.with(|pool| {
        let synced = pool.sync();
        synced.map_err(|error| file.refuse(Cause::Sync(error)))?;
        Ok(pool.health())
    })?;
    let name = file.name();
    let durability = health.map(|health| health.durability).unwrap_or_default();
    match (file.format, durability) {
        (Format::Json, durability) => print_json(&Synced {
            file: &name,
            durability,
        }),
        (Format::Plain, Durability::Process) => print(|out| {
            writeln!(
                out,
                "{name}: written; durability process believes none of it after the machine went down"
            )
        }),
        (Format::Plain, _) => print(|out| writeln!(out, "{name}: durable")),
    }
}
