//! A configuration as sets of pools: in memory, or in the files that it names.

use crate::family::Family;
use crate::model::{Config, MemberConfig, RangeConfig, SetConfig};
use hostbits::{
    ClientKey, DualStack, Pool, PoolSet,
    set::{NewMember, SubPool, TwinPools},
};
use ipnet::{Ipv4Net, Ipv6Net};
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A set as the configuration has it, to be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenSet<F: Family> {
    /// The set, drained and cordoned as the configuration says. Members have the numbers of its order.
    pub set: PoolSet<F>,
    /// The named ranges.
    pub ranges: Vec<OpenRange<F>>,
    /// What makes clients of names.
    pub client_key: Option<ClientKey>,
}

/// A named range of a set.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenRange<F: Family> {
    /// The range. It does not know of drains and cordons.
    pub pool: SubPool<F>,
    /// Its member is drained, or a cordon has some of it: take nothing new from it.
    pub is_closed: bool,
}

/// Two sets whose addresses are handed out together.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenPair {
    /// Any free address of each.
    Any(Box<DualStack>),
    /// The same index in both.
    Same(TwinPools),
}

/// Why a configuration cannot be used as it is asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// A pool file cannot be used.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    #[non_exhaustive]
    File {
        /// Which.
        path: PathBuf,
        /// The line of its member.
        line: usize,
        /// Why not.
        error: hostbits::file::OpenError,
    },
    /// A member has no pool file, and what is done to it would be forgotten.
    #[non_exhaustive]
    NoFile {
        /// Its addresses.
        member: String,
        /// Its line.
        line: usize,
    },
    /// There is no set, or no pair, of this name.
    #[non_exhaustive]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A set has addresses of the other family.
    #[non_exhaustive]
    WrongFamily {
        /// The line of the member.
        line: usize,
    },
    /// The configuration was changed after it was checked.
    #[non_exhaustive]
    Unfit {
        /// The line of what does not fit.
        line: usize,
        /// What the library says.
        message: String,
    },
}

impl SetConfig {
    /// Makes the set in memory, files or not: all addresses are free.
    ///
    /// # Errors
    ///
    /// [`OpenError::WrongFamily`] if the set is not of the family asked for; `IpNet` is of both.
    pub fn in_memory<F: Family>(&self) -> Result<OpenSet<F>, OpenError> {
        self.over(|member| {
            let builder = member.pool.builder::<F>();
            let builder = builder.ok_or(OpenError::WrongFamily { line: member.line })?;
            builder.build().map_err(|error| unfit(member.line, error))
        })
    }

    /// Opens the pool files of the members, as they are described. Creates none: that is for `Plan::apply`.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoFile`] if a member has none, [`OpenError::File`] if one is missing or holds another
    /// pool.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    pub fn open<F: Family>(&self) -> Result<OpenSet<F>, OpenError> {
        self.check_files()?;
        self.over(|member| {
            let line = member.line;
            let builder = member.file_builder::<F>();
            let (builder, path) = builder.ok_or(OpenError::WrongFamily { line })?;
            builder.open(path).map_err(|error| OpenError::File {
                path: path.to_owned(),
                line,
                error,
            })
        })
    }

    /// Refuses a set of which not all members have files.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoFile`] with the first one.
    pub fn check_files(&self) -> Result<(), OpenError> {
        let mut members = self.members.iter();
        match members.find(|member| member.file.is_none()) {
            None => Ok(()),
            Some(member) => Err(member.without_file()),
        }
    }

    /// Makes the set of pools from elsewhere: copies of pool files, for example. One for each member, which are
    /// asked for in their order. Whether each is the pool that its member describes nobody looks at.
    ///
    /// # Errors
    ///
    /// What `pool_of` says; [`OpenError::Unfit`] if pools overlap, or a cordon or a named range does not fit.
    pub fn over<F: Family>(
        &self,
        mut pool_of: impl FnMut(&MemberConfig) -> Result<Pool<F>, OpenError>,
    ) -> Result<OpenSet<F>, OpenError> {
        let mut builder = PoolSet::builder().strategy(self.strategy);
        let mut pools = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let pool = Arc::new(pool_of(member)?);
            pools.push(Arc::clone(&pool));
            let weighted = NewMember::new(pool).weight(member.weight);
            builder = builder.member(match member.band {
                Some(band) => weighted.band(band),
                None => weighted,
            });
        }
        let set = builder.build().map_err(|error| unfit(self.line, error))?;
        self.close(&set)?;
        let ranges = self.ranges.iter().map(|range| self.range(range, &pools));
        Ok(OpenSet {
            ranges: ranges.collect::<Result<_, _>>()?,
            client_key: self.key(),
            set,
        })
    }

    fn key(&self) -> Option<ClientKey> {
        self.client_key.map(|key| ClientKey::new(key.0))
    }

    /// Drains and cordons.
    fn close<F: Family>(&self, set: &PoolSet<F>) -> Result<(), OpenError> {
        let ids: Vec<_> = set.members().map(|member| member.id()).collect();
        for (member, id) in self.members.iter().zip(ids) {
            let line = member.line;
            if member.drained {
                set.drain(id).map_err(|error| unfit(line, error))?;
            }
            for cordon in &member.cordons {
                let span = F::span(cordon).ok_or(OpenError::WrongFamily { line })?;
                set.cordon(span).map_err(|error| unfit(line, error))?;
            }
        }
        for range in self.ranges.iter().filter(|range| range.exclusive) {
            let line = range.line;
            let span = F::span(&range.span).ok_or(OpenError::WrongFamily { line })?;
            set.cordon(span).map_err(|error| unfit(line, error))?;
        }
        Ok(())
    }

    fn range<F: Family>(
        &self,
        range: &RangeConfig,
        pools: &[Arc<Pool<F>>],
    ) -> Result<OpenRange<F>, OpenError> {
        let line = range.line;
        let span = F::span(&range.span).ok_or(OpenError::WrongFamily { line })?;
        let has_it = |member: &MemberConfig| member.contains(*range.span.start());
        let member = self.members.iter().position(has_it);
        let unknown = || unfit(line, "no member has these addresses");
        let index = member.ok_or_else(unknown)?;
        let (member, pool) = (&self.members[index], &pools[index]);
        let pool = SubPool::new(&*range.name, Arc::clone(pool), span, range.policy);
        Ok(OpenRange {
            pool: pool.map_err(|error| unfit(line, error))?,
            is_closed: member.drained
                || member.cordons.iter().any(|cordon| {
                    cordon.start() <= range.span.end() && range.span.start() <= cordon.end()
                }),
        })
    }
}

impl Config {
    /// The key that makes clients of names for a pair: that of its IPv4 set.
    pub fn client_key_of_pair(&self, name: &str) -> Option<ClientKey> {
        self.set(&self.pair(name)?.v4)?.key()
    }

    /// Opens the pool files of a pair of sets.
    ///
    /// # Errors
    ///
    /// As [`SetConfig::open`]; [`OpenError::Unknown`] if there is no such pair.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    pub fn open_pair(&self, name: &str) -> Result<OpenPair, OpenError> {
        let unknown = || OpenError::Unknown {
            name: name.to_owned(),
            known: self.pairs.iter().map(|pair| pair.name.clone()).collect(),
        };
        let pair = self.pair(name).ok_or_else(unknown)?;
        let side = |set| self.set(set).ok_or_else(unknown);
        let v4 = side(&pair.v4)?.open::<Ipv4Net>()?.set;
        let v6 = side(&pair.v6)?.open::<Ipv6Net>()?.set;
        if !pair.same_index {
            return Ok(OpenPair::Any(Box::new(DualStack::new(v4, v6))));
        }
        let (v4, v6) = (only_pool(&v4), only_pool(&v6));
        let twins = v4.zip(v6).and_then(|(v4, v6)| TwinPools::new(v4, v6));
        let twins = twins.ok_or_else(|| unfit(pair.line, "twins are of one network each"));
        twins.map(OpenPair::Same)
    }
}

#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
fn only_pool<F: Family>(set: &PoolSet<F>) -> Option<Arc<Pool<F>>> {
    let mut members = set.members();
    let only = members.next()?;
    members.next().is_none().then(|| Arc::clone(only.pool()))
}

#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
impl MemberConfig {
    /// The pool in its file, not yet opened. `None` if it has none, or is not of this family.
    /// Checks that what was read of its pool file is the pool that it describes, as an opening does.
    ///
    /// # Errors
    ///
    /// [`OpenError::File`] with the mismatches; [`OpenError::NoFile`] without a file.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    pub fn check(&self, view: &hostbits::file::View) -> Result<(), OpenError> {
        let (builder, _) = self
            .file_builder::<ipnet::IpNet>()
            .ok_or_else(|| self.without_file())?;
        let checked = builder.check(view);
        checked.map_err(|error| OpenError::of_file(self, error))
    }

    fn without_file(&self) -> OpenError {
        OpenError::NoFile {
            member: self.to_string(),
            line: self.line,
        }
    }

    pub(crate) fn file_builder<F: Family>(
        &self,
    ) -> Option<(hostbits::file::Builder<F>, &std::path::Path)> {
        let file = self.file.as_ref()?;
        let builder = self.pool.builder::<F>()?;
        let builder = builder.durability(file.durability);
        Some((builder.min_session(file.min_session), &file.path))
    }
}

fn unfit(line: usize, message: impl fmt::Display) -> OpenError {
    OpenError::Unfit {
        line,
        message: message.to_string(),
    }
}

impl OpenError {
    /// The error of the pool file of a member.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    pub fn of_file(member: &MemberConfig, error: hostbits::file::OpenError) -> Self {
        let path = member.file.as_ref().map(|file| file.path.clone());
        Self::File {
            path: path.unwrap_or_default(),
            line: member.line,
            error,
        }
    }

    /// A stable name for logs and JSON: kebab case. Of a file, the code of its error.
    pub fn code(&self) -> &'static str {
        match self {
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::File { error, .. } => error.code(),
            Self::NoFile { .. } => "no-file",
            Self::Unknown { .. } => "unknown-name",
            Self::WrongFamily { .. } => "wrong-family",
            Self::Unfit { .. } => "unfit",
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::File { path, line, error } => {
                write!(
                    f,
                    "{}, of the member of line {line}: {error}",
                    path.display()
                )
            }
            Self::NoFile { member, line } => write!(
                f,
                "the member {member} of line {line} has no file, so nothing done to it would be \
                 remembered: give it file = \"...\""
            ),
            Self::Unknown { name, known } => {
                write!(f, "there is no {name:?}; there are: {}", known.join(", "))
            }
            Self::WrongFamily { line } => {
                write!(f, "line {line} has addresses of the other family")
            }
            Self::Unfit { line, message } => write!(f, "line {line}: {message}"),
        }
    }
}

impl Error for OpenError {}
