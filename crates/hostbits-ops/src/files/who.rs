//! What an address is, and who holds it: in a pool file, in the sets of a configuration, in lists of users.
//!
//! Files are read without a lock, and nothing is changed; but the file of a pool of leases is opened.

use crate::failure::Failure;
use crate::files::config_file::ConfigFile;
use crate::files::pool_file::PoolFile;
use crate::lists::name::{ListName, unreadable};
use crate::lists::read::ReadToEnd;
use crate::lists::records::UserRecords;
use crate::observer::Observer;
use crate::text::{net_of, printable, printable_path};
use crate::trouble::Exit;
use crate::watched::Watched;
use hostbits::lease::{LeasePool, LeaseStatus};
use hostbits::{Gateway, Pool, Status, file, users::Record as _};
use hostbits_config::{OpenError, SetConfig};
use hostbits_lists::RecordBuf;
use ipnet::IpNet;
use serde::Serialize;
use std::net::IpAddr;
use std::sync::Arc;

/// Where to look an address up, besides in lists.
#[derive(Clone, Debug)]
pub enum Where {
    /// In no pool.
    Nowhere,
    /// In a pool file.
    Pool(PoolFile),
    /// In all sets of a configuration.
    Sets(ConfigFile),
}

/// What is known of an address.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The address; an IPv4-mapped one is converted to IPv4.
    pub address: IpAddr,
    /// Whether the address is held, as far as pools and lists know. A quarantined address may be in use.
    pub held: bool,
    /// Each pool that contains the address; there may be several in sets that are separate routing domains.
    pub places: Vec<Place>,
    /// Each entry of the lists that names it.
    pub holders: Vec<Holder>,
    /// Number of entries that cannot be read and were tolerated: any of them might name the address.
    pub unreadable: u64,
}

/// What a pool reports of an address.
#[derive(Debug, Serialize)]
pub struct Place {
    /// The state of the address in the pool.
    pub state: State,
    /// The label of a reserved address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The lease, in a pool of leases.
    #[serde(flatten)]
    pub lease: Option<LeaseSeen>,
    /// The unit that is allocated: the address, or the prefix that contains it.
    pub unit: IpNet,
    /// The pool file; for a set, the configuration.
    pub file: String,
    /// The set and its member, for a pool of a set.
    #[serde(flatten)]
    pub member: Option<InSet>,
}

/// What a pool of leases reports of an address that is not free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeaseSeen {
    /// The state of the address.
    #[serde(skip)]
    pub state: State,
    /// The lease, as `10.0.0.5#7`; of a cooling address, the last one.
    pub lease: String,
    /// The generation of the lease.
    pub generation: u64,
    /// The number of the owner in hexadecimal digits, if the lease was made for one, and is not an offer.
    pub owner: Option<String>,
    /// How long the state lasts, unless it is renewed, in seconds; `None` for ever.
    pub remaining_seconds: Option<u64>,
}

impl LeaseSeen {
    /// Returns what is known of the lease of an address; `None` if it never had one, or is free.
    pub(crate) fn of(pool: &LeasePool, addr: IpAddr) -> Option<Self> {
        let (state, generation, owner, remaining) = match pool.status(addr) {
            LeaseStatus::Offered {
                generation,
                remaining,
                ..
            } => (State::Offered, generation, None, Some(remaining)),
            LeaseStatus::Leased {
                generation,
                owner,
                remaining,
                ..
            } => (State::Held, generation, owner, remaining),
            LeaseStatus::Cooling {
                generation,
                owner,
                remaining,
                ..
            } => (State::Cooling, generation, owner, Some(remaining)),
            _ => return None,
        };
        Some(Self {
            state,
            lease: format!("{addr}#{generation}"),
            generation,
            owner: owner.map(|owner| format!("{owner:016x}")),
            remaining_seconds: remaining.map(|it| it.as_secs()),
        })
    }
}

/// The member of a set that contains an address.
#[derive(Debug, Serialize)]
pub struct InSet {
    /// The name of the set.
    pub set: String,
    /// The network of the member, or its first and last address.
    pub member: String,
    /// The file of the member.
    pub pool_file: String,
    /// Why no new addresses are handed out there: `drained`, `cordoned`.
    pub closed: Vec<&'static str>,
    /// The named ranges that contain the address.
    pub ranges: Vec<String>,
}

/// The state of an address in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Allocated; in a pool of leases, leased.
    Held,
    /// Offered, and not confirmed by a renewal.
    Offered,
    /// The lease has ended, and the address rests.
    Cooling,
    /// Neither free nor known to be held: see `reclaim`.
    Quarantined,
    /// Not allocated.
    Free,
    /// Never handed out: it is the gateway.
    Gateway,
    /// Never handed out: it is reserved.
    Reserved,
}

/// An entry of a list that names the address.
#[derive(Debug, Serialize)]
pub struct Holder {
    /// The holder, if the list names one.
    pub owner: Option<String>,
    /// The state of the lease, in its program's own word.
    pub state: Option<String>,
    /// The entry as written in the list.
    pub entry: String,
    /// The list.
    pub file: String,
    /// The line of the list.
    pub line: u64,
}

impl Answer {
    /// Returns the exit code if the address is not held, and `None` if it is.
    pub fn exit(&self) -> Option<Exit> {
        (!self.held).then_some(Exit::NotAllocated)
    }
}

/// Reports what an address is, and who holds it according to the lists. At most `skip_unreadable` entries may be
/// unreadable.
///
/// # Errors
///
/// Fails if a file or the configuration cannot be read, a list cannot be read to its end, or too many entries cannot be
/// read: any of them might name the address.
pub fn who(
    addr: IpAddr,
    place: &Where,
    lists: &[ListName],
    skip_unreadable: u64,
    observer: &dyn Observer,
) -> Result<Answer, Failure> {
    let addr = addr.to_canonical();
    let found = look(addr, place)?;
    let (holders, unreadable) = match lists.is_empty() {
        true => (Vec::new(), 0),
        false => {
            let readers = found.iter().flat_map(|it| it.readers(addr));
            read_lists(addr, readers.collect(), lists, skip_unreadable, observer)?
        }
    };
    let places: Vec<Place> = found.into_iter().map(|it| it.place).collect();
    let may_be_held =
        |it: &Place| matches!(it.state, State::Held | State::Offered | State::Quarantined);
    Ok(Answer {
        address: addr,
        held: !holders.is_empty() || places.iter().any(may_be_held),
        places,
        holders,
        unreadable,
    })
}

/// A pool that contains the address, and what it reports of it.
struct Found {
    /// The pools that decide what is a route: for a set, all of them.
    pools: Vec<Arc<Pool>>,
    place: Place,
}

impl Found {
    /// Returns the readers for the address's family.
    fn readers(&self, addr: IpAddr) -> impl Iterator<Item = Reader> {
        let unit = self.place.unit;
        let pools = self.pools.iter().filter(move |pool| {
            let info = pool.info();
            let first = info.ranges.first();
            first.is_some_and(|it| it.first.is_ipv4() == addr.is_ipv4())
        });
        pools.map(move |pool| Reader {
            pool: Arc::clone(pool),
            unit,
        })
    }
}

/// Reads an entry as a pool does.
struct Reader {
    pool: Arc<Pool>,
    /// The address that is looked up, or the prefix that is allocated with it.
    unit: IpNet,
}

impl Reader {
    fn finds(&self, record: &RecordBuf) -> bool {
        let named = self.pool.named_by(record.listed());
        named.is_some_and(|named| {
            named.start() <= &self.unit.broadcast() && &self.unit.network() <= named.end()
        })
    }
}

fn look(addr: IpAddr, place: &Where) -> Result<Vec<Found>, Failure> {
    match place {
        Where::Nowhere => Ok(Vec::new()),
        Where::Pool(file) => {
            let view = file.read()?;
            let mut place = place_in(addr, &view, file.name(), None);
            if let (Some(place), Some(_)) = (&mut place, view.cooldown) {
                see_lease(file, place)?;
            }
            Ok(Vec::from_iter(place.map(|place| Found {
                pools: vec![Arc::new(view.to_pool())],
                place,
            })))
        }
        Where::Sets(file) => {
            let config = file.read()?;
            let found = config.sets.iter().map(|set| look_in_set(addr, file, set));
            let found: Result<Vec<_>, Failure> = found.collect();
            Ok(found?.into_iter().flatten().collect())
        }
    }
}

/// Adds the lease. Only an open pool knows what time it is.
fn see_lease(file: &PoolFile, place: &mut Place) -> Result<(), Failure> {
    if !matches!(place.state, State::Held) {
        return Ok(());
    }
    let addr = place.unit.addr();
    place.lease = file.with_leases(|pool| Ok(LeaseSeen::of(pool, addr)))?;
    place.state = place.lease.as_ref().map_or(State::Free, |it| it.state);
    Ok(())
}

fn place_in(addr: IpAddr, view: &file::View, file: String, member: Option<InSet>) -> Option<Place> {
    let pool = view.to_pool();
    let unit = net_of(addr, view.info.unit).trunc();
    let is_gateway = view.info.gateway.is_some_and(|it| unit.contains(&it));
    let (state, label) = match pool.status(addr) {
        Status::OutOfRange => return None,
        Status::Free => (State::Free, None),
        Status::Reserved { label, .. } if is_gateway => (State::Gateway, Some(label.to_owned())),
        Status::Reserved { label, .. } => (State::Reserved, Some(label.to_owned())),
        _ if is_quarantined(view, unit) => (State::Quarantined, None),
        _ => (State::Held, None),
    };
    Some(Place {
        state,
        label,
        lease: None,
        unit,
        file,
        member,
    })
}

fn is_quarantined(view: &file::View, unit: IpNet) -> bool {
    let mut up_to_it = view
        .quarantined_addresses()
        .take_while(|it| *it <= unit.broadcast());
    up_to_it.any(|it| unit.contains(&it))
}

/// Reads the file of the one member that has the address.
fn look_in_set(addr: IpAddr, file: &ConfigFile, set: &SetConfig) -> Result<Option<Found>, Failure> {
    let refuse = |error: OpenError| file.refuse_open(error);
    let open = set.in_memory::<IpNet>().map_err(refuse)?;
    let Some(member) = open.set.member_of(addr) else {
        return Ok(None);
    };
    let config = &set.members[member.id().index()];
    if config
        .file
        .as_ref()
        .is_some_and(|kept| kept.leases.is_some())
    {
        return set.check_files().map(|()| None).map_err(refuse);
    }
    let Some(kept) = &config.file else {
        return set.check_files().map(|()| None).map_err(refuse);
    };
    let path = &kept.path;
    let view = hostbits::file::read(path);
    let view = view.map_err(|error| refuse(OpenError::of_file(config, error)))?;
    config.check(&view).map_err(refuse)?;
    let mut cordons = member.cordons().into_iter();
    let is_cordoned = cordons.any(|(first, last)| (first..=last).contains(&addr));
    let closed = [
        member.is_drained().then_some("drained"),
        is_cordoned.then_some("cordoned"),
    ];
    let ranges = open.ranges.iter().filter(|it| it.pool.contains(addr));
    let in_set = InSet {
        set: set.name.clone(),
        member: config.to_string(),
        pool_file: printable_path(path),
        closed: closed.into_iter().flatten().collect(),
        ranges: ranges.map(|it| it.pool.name().to_owned()).collect(),
    };
    let place = place_in(addr, &view, file.name(), Some(in_set));
    let pools = open.set.members().map(|it| Arc::clone(it.pool()));
    Ok(place.map(|place| Found {
        pools: pools.collect(),
        place,
    }))
}

fn read_lists(
    addr: IpAddr,
    mut readers: Vec<Reader>,
    lists: &[ListName],
    skip_unreadable: u64,
    observer: &dyn Observer,
) -> Result<(Vec<Holder>, u64), Failure> {
    // A pool of this one address: an address next to an entry is unclear only if it is this one.
    let alone = Pool::over([addr..=addr]).gateway(Gateway::None);
    let alone = Arc::new(alone.build().map_err(Failure::Build)?);
    if readers.is_empty() {
        readers.push(Reader {
            unit: addr.into(),
            pool: Arc::clone(&alone),
        });
    }
    let mut users = UserRecords::open_all(lists)?;
    let mut found = Vec::new();
    let watched = Watched::begin(observer, &users, None);
    let noted = watched
        .over(users.by_ref())
        .zip(1..)
        .map(|(record, position)| {
            if readers.iter().any(|reader| reader.finds(&record)) {
                found.push((position, record.clone()));
            }
            record
        });
    let adopted = alone.adopt_with(unreadable(skip_unreadable), noted);
    drop(watched);
    let read = users.finish().map_err(Failure::Unreadable)?;
    match adopted {
        Ok(report) => {
            let holders = found.iter().map(|(at, record)| holder(*at, record, &read));
            Ok((holders.collect(), report.unparseable))
        }
        Err(error) => Err(Failure::refused(error, read)),
    }
}

fn holder(position: u64, record: &RecordBuf, read: &ReadToEnd) -> Holder {
    let (file, line) = read.place_of(position);
    Holder {
        owner: record.owner().map(printable),
        state: record.state().map(printable),
        entry: printable(&record.as_record().address.to_string()),
        file: file.to_owned(),
        line,
    }
}
