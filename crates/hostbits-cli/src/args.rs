//! The arguments of `next` and `info`, and the options of every pool. The comments on the fields are the help texts.

use crate::help::{COMMON, POOL};
use crate::lists::{Reading, list_name};
use crate::output::Format;
use crate::values;
use clap::Args;
use hostbits::{BuildError, Builder, Gateway, Pool, StatsLevel};
use hostbits_ops::ListName;
use ipnet::IpNet;

/// The arguments of `next`.
#[derive(Args, Debug)]
pub(crate) struct NextArgs {
    /// How the lists are read.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read users who already hold an address from FILE, or FORMAT:FILE; `-` is standard input [default: none]
    ///
    /// Repeatable: together they are one list
    #[arg(short, long, value_name = "LIST", value_parser = list_name())]
    pub(crate) users: Vec<ListName>,

    /// Print this many addresses, one per line: all of them or none
    #[arg(short = 'n', long, default_value = "1", value_parser = values::count)]
    pub(crate) count: u64,

    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,

    /// The options of the pool.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// The arguments of `info`.
#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,

    /// The options of the pool.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// The options that describe a pool, the same for all commands.
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
    /// A single address is written ADDR=LABEL
    #[arg(long, value_name = "A-B=LABEL", value_parser = values::reserve, help_heading = POOL)]
    pub(crate) reserve: Vec<values::Reserve>,

    /// Choose the free address to hand out: lowest, highest, next, spread, random or random:SEED
    ///
    /// Each run starts afresh: next begins at the lowest address and continues upwards. A SEED (0 to 2^64-1) makes
    /// random reproducible; without one, the seed comes from the operating system
    #[arg(long, default_value = "lowest", value_parser = values::policy, help_heading = POOL)]
    pub(crate) policy: values::PolicyChoice,

    /// Hand out only addresses of this range; repeatable [default: the whole network]
    #[arg(long, value_name = "A-B", value_parser = values::range, help_heading = POOL)]
    pub(crate) range: Vec<values::AddrSpan>,

    /// Hand out prefixes of this length, 1 to 128 bits [default: single addresses, 32 or 128 bits]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=128), help_heading = POOL)]
    pub(crate) unit: Option<u8>,

    /// Use only the first N slots [default: all; a pool has at most 2^32]
    ///
    /// A slot is one address, or one prefix of the unit length. Reserved slots count
    #[arg(long, value_name = "N", help_heading = POOL)]
    pub(crate) at_most: Option<u64>,

    /// Also hand out the network and broadcast addresses, or the subnet-router anycast address
    #[arg(long, help_heading = POOL)]
    pub(crate) no_edges: bool,
}

impl PoolArgs {
    /// Builds the pool that these options describe.
    pub(crate) fn build(&self) -> Result<Pool, BuildError> {
        self.builder().build()
    }

    /// Returns a builder for the pool that these options describe.
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
