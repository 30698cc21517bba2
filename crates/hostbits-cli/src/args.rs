//! What may be said to `next` and `info`, and of any pool. The comments on the fields are the help texts.

use crate::help::{COMMON, POOL};
use crate::lists::{Reading, list_name};
use crate::output::Format;
use crate::values;
use clap::Args;
use hostbits::{BuildError, Builder, Gateway, Pool, StatsLevel};
use hostbits_ops::ListName;
use ipnet::IpNet;

/// What `next` takes.
#[derive(Args, Debug)]
pub(crate) struct NextArgs {
    /// How to read it.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read users who hold an address already from FILE, or FORMAT:FILE; `-` is standard input [default: nobody]
    ///
    /// Repeatable: all of them are one list
    #[arg(short, long, value_name = "LIST", value_parser = list_name())]
    pub(crate) users: Vec<ListName>,

    /// Print so many addresses, one per line: all of them or none
    #[arg(short = 'n', long, default_value = "1", value_parser = values::count)]
    pub(crate) count: u64,

    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,

    /// The pool.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// What `info` takes.
#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,

    /// The pool.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// The choices of a pool, the same for all commands.
#[derive(Args, Debug)]
pub(crate) struct PoolArgs {
    /// The network as address and prefix length: 10.0.0.0/24 or 2001:db8::/112
    #[arg(value_parser = values::network)]
    pub(crate) network: IpNet,

    /// Never hand out the gateway: auto, first, last, none or an address
    ///
    /// Auto is the first usable address of a network up to /30 (IPv4) or /126 (IPv6), otherwise none
    #[arg(long, default_value = "auto", value_parser = values::gateway, help_heading = POOL)]
    pub(crate) gateway: Gateway,

    /// Never hand out these addresses; repeatable
    ///
    /// A single ADDR=LABEL will do
    #[arg(long, value_name = "A-B=LABEL", value_parser = values::reserve, help_heading = POOL)]
    pub(crate) reserve: Vec<values::Reserve>,

    /// Hand out this free address: lowest, highest, next, spread, random or random:SEED
    ///
    /// Each run begins anew: next gives the lowest first and goes on upwards. A SEED (0 to 2^64-1) makes random
    /// reproducible; without one the system's random source is asked
    #[arg(long, default_value = "lowest", value_parser = values::policy, help_heading = POOL)]
    pub(crate) policy: values::PolicyChoice,

    /// Hand out addresses of this range alone; repeatable [default: the whole network]
    #[arg(long, value_name = "A-B", value_parser = values::range, help_heading = POOL)]
    pub(crate) range: Vec<values::AddrSpan>,

    /// Hand out prefixes of this length, 1 to 128 bits [default: single addresses, 32 or 128 bits]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=128), help_heading = POOL)]
    pub(crate) unit: Option<u8>,

    /// Use the first N slots alone [default: all; a pool has room for 2^32]
    ///
    /// One slot is one address, or one prefix of the unit. Reserved ones count
    #[arg(long, value_name = "N", help_heading = POOL)]
    pub(crate) at_most: Option<u64>,

    /// Hand out the network's own addresses too: network and broadcast, or the subnet-router anycast
    #[arg(long, help_heading = POOL)]
    pub(crate) no_edges: bool,
}

impl PoolArgs {
    /// Builds the pool that these choices describe.
    pub(crate) fn build(&self) -> Result<Pool, BuildError> {
        self.builder().build()
    }

    /// The pool that these choices describe, not yet built.
    pub(crate) fn builder(&self) -> Builder<IpNet> {
        let mut builder = Pool::builder(self.network)
            .gateway(self.gateway)
            .policy(self.policy.policy)
            .reserve_edges(!self.no_edges)
            .stats(StatsLevel::Full);
        for range in &self.range {
            builder = builder.range(range.clone());
        }
        for reserve in &self.reserve {
            builder = builder.reserve(reserve.range.clone(), &reserve.label);
        }
        if let Some(prefix_len) = self.unit {
            builder = builder.unit(prefix_len);
        }
        if let Some(slots) = self.at_most {
            builder = builder.at_most(slots);
        }
        builder
    }
}
