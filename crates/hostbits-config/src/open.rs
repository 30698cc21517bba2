//! Opens a configuration as sets of pools: in memory, or in the files that it names.

use crate::family::Family;
use crate::model::{Config, MemberConfig, RangeConfig, SetConfig};
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
use hostbits::lease::{LeaseBuilder, LeasePool};
use hostbits::{
    ClientKey, DualStack, Pool, PoolSet,
    set::{NewMember, SubPool, TwinPools},
};
use ipnet::{Ipv4Net, Ipv6Net};
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// An open set of a configuration.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenSet<F: Family> {
    /// The set, with the drains and cordons of the configuration. Its members have the order of the configuration.
    pub set: PoolSet<F>,
    /// The named ranges, in the order of the file.
    pub ranges: Vec<OpenRange<F>>,
    /// The key that turns names into clients; `None` if there are no sticky clients.
    pub client_key: Option<ClientKey>,
}

/// An open range of a set.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenRange<F: Family> {
    /// The range. It ignores drains and cordons: see [`is_closed`](Self::is_closed).
    pub pool: SubPool<F>,
    /// Whether the range's member is drained, or a cordon overlaps the range. Do not allocate from it then.
    pub is_closed: bool,
}

/// Two open sets whose addresses are handed out together.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenPair {
    /// Any free address of each set.
    Any(Box<DualStack>),
    /// Addresses with the same index in both sets.
    Same(TwinPools),
}

/// Why a configuration cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// A pool file cannot be used.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    #[non_exhaustive]
    File {
        /// The path of the pool file.
        path: PathBuf,
        /// The line of its member.
        line: usize,
        /// Why the file cannot be used.
        error: hostbits::file::OpenError,
    },
    /// A member has no pool file, so its allocations would be lost.
    #[non_exhaustive]
    NoFile {
        /// The member, by its network or its first and last address.
        member: String,
        /// The line of the member.
        line: usize,
    },
    /// A member is a pool of leases, and those are opened one by one: see [`MemberConfig::open_leases`].
    #[non_exhaustive]
    Leases {
        /// The member, by its network or its first and last address.
        member: String,
        /// The line of the member.
        line: usize,
    },
    /// There is no set, or no pair, of this name.
    #[non_exhaustive]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The existing names.
        known: Vec<String>,
    },
    /// A set has addresses of another family than the requested one.
    #[non_exhaustive]
    WrongFamily {
        /// The line of the member.
        line: usize,
    },
    /// The configuration was changed after it was checked, and is no longer consistent.
    #[non_exhaustive]
    Unfit {
        /// The line of the value that does not fit.
        line: usize,
        /// The error message of the library.
        message: String,
    },
}

impl SetConfig {
    /// Creates the set in memory, ignoring pool files: all addresses are free.
    ///
    /// # Errors
    ///
    /// [`OpenError::WrongFamily`] if the set is not of the family `F`; [`IpNet`](ipnet::IpNet) takes both.
    pub fn in_memory<F: Family>(&self) -> Result<OpenSet<F>, OpenError> {
        self.over(|member| {
            let builder = member.pool.builder::<F>();
            let builder = builder.ok_or(OpenError::WrongFamily { line: member.line })?;
            builder.build().map_err(|error| unfit(member.line, error))
        })
    }

    /// Opens the pool files of the members, and checks that they match the configuration. Does not create files;
    /// [`Plan::apply`](crate::Plan::apply) does.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoFile`] if a member has no file, [`OpenError::File`] if a file is missing, or holds another pool.
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

    /// Checks that every member has a file, and that it is that of a plain pool.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoFile`] with the first member that has none; [`OpenError::Leases`] with the first that is a pool of
    /// leases.
    pub fn check_files(&self) -> Result<(), OpenError> {
        for member in &self.members {
            match &member.file {
                None => return Err(member.without_file()),
                Some(file) if file.leases.is_some() => {
                    return Err(OpenError::Leases {
                        member: member.to_string(),
                        line: member.line,
                    });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Returns the key that turns names into owners of leases.
    pub fn owner_key(&self) -> Option<ClientKey> {
        self.owner_key.map(|key| ClientKey::new(key.0))
    }

    /// Creates the set from other pools, for example copies of the pool files. Calls `pool_of` for each member in
    /// order. Whether a pool matches its member is not checked.
    ///
    /// # Errors
    ///
    /// Any error of `pool_of`; [`OpenError::Unfit`] if pools overlap, or if a cordon or a named range does not fit.
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

    /// Applies drains and cordons.
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
    /// Returns the key that turns names into clients of a pair: the key of its IPv4 set.
    pub fn client_key_of_pair(&self, name: &str) -> Option<ClientKey> {
        self.set(&self.pair(name)?.v4)?.key()
    }

    /// Opens the pool files of a pair of sets.
    ///
    /// # Errors
    ///
    /// The errors of [`SetConfig::open`], and [`OpenError::Unknown`] if there is no such pair.
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
        let twins = twins.ok_or_else(|| {
            unfit(
                pair.line,
                "each set of the pair must have exactly one network",
            )
        });
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
    /// Checks that a pool file, as it was inspected, holds the pool of this member, just as opening it does.
    ///
    /// # Errors
    ///
    /// [`OpenError::File`] with the mismatches, [`OpenError::NoFile`] if the member has no file.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    pub fn check(&self, view: &hostbits::file::View) -> Result<(), OpenError> {
        let checked = match self.lease_builder::<ipnet::IpNet>() {
            Some((builder, _)) => builder.check(view),
            None => {
                let builder = self.file_builder::<ipnet::IpNet>();
                let (builder, _) = builder.ok_or_else(|| self.without_file())?;
                builder.check(view)
            }
        };
        checked.map_err(|error| OpenError::of_file(self, error))
    }

    /// Opens the file of a member that is a pool of leases, and checks that it matches the configuration.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoFile`] if the member has no file of leases, [`OpenError::WrongFamily`], and [`OpenError::File`] if the
    /// file is missing, or holds another pool.
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("hostbits-doc-open-leases-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let file = folder.join("a.toml");
    /// use hostbits::lease::Term;
    /// use hostbits_config::{Config, Plan};
    ///
    /// std::fs::write(&file, "[[sets.a.members]]\nnetwork = '10.0.0.0/24'\nfile = 'a.pool'\nleases = true")?;
    /// let config = Config::read(&file)?;
    /// Plan::apply(&config, None)?;
    /// let pool = config.sets[0].members[0].open_leases::<ipnet::Ipv4Net>()?;
    /// assert_eq!(pool.allocate(Term::Forever)?.addr().to_string(), "10.0.0.2");
    /// # drop(pool);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_leases<F: Family>(&self) -> Result<LeasePool<F>, OpenError> {
        let leases = self.file.as_ref().and_then(|file| file.leases);
        leases.ok_or_else(|| self.without_file())?;
        let line = self.line;
        let builder = self.lease_builder::<F>();
        let (builder, path) = builder.ok_or(OpenError::WrongFamily { line })?;
        let pool = builder.open(path);
        pool.map_err(|error| OpenError::of_file(self, error))
    }

    /// Returns the builder of a pool of leases; `None` if the member is none, or of another family.
    pub(crate) fn lease_builder<F: Family>(&self) -> Option<(LeaseBuilder<F>, &std::path::Path)> {
        let leases = self.file.as_ref()?.leases?;
        let (builder, path) = self.file_builder::<F>()?;
        let builder = match self.file.as_ref()?.capacity {
            Some(slots) => builder.capacity(slots).leases(),
            None => builder.leases(),
        };
        Some(match leases.cooldown {
            Some(cooldown) => (builder.cooldown(cooldown), path),
            None => (builder, path),
        })
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
    /// Returns the error for the pool file of a member.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    pub fn of_file(member: &MemberConfig, error: hostbits::file::OpenError) -> Self {
        let path = member.file.as_ref().map(|file| file.path.clone());
        Self::File {
            path: path.unwrap_or_default(),
            line: member.line,
            error,
        }
    }

    /// Returns a stable name in kebab case, for logs and JSON. For a file, it is the code of the file's error.
    pub fn code(&self) -> &'static str {
        match self {
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::File { error, .. } => error.code(),
            Self::NoFile { .. } => "no-file",
            Self::Leases { .. } => "holds-leases",
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
                "the member {member} of line {line} has no file, so no change to it would be \
                 remembered: give it file = \"...\""
            ),
            Self::Leases { member, line } => write!(
                f,
                "the member {member} of line {line} is a pool of leases, and sets have none yet: use its file by itself"
            ),
            Self::Unknown { name, known } => {
                write!(
                    f,
                    "there is no {name:?}; the names are: {}",
                    known.join(", ")
                )
            }
            Self::WrongFamily { line } => {
                write!(f, "line {line} has addresses of another family")
            }
            Self::Unfit { line, message } => write!(f, "line {line}: {message}"),
        }
    }
}

impl Error for OpenError {}
