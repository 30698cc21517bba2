//! What is compared with a list: a pool file, or a set of a configuration. Both are sets of pools here; a pool file is
//! a set of one.

use crate::failure::Failure;
use crate::files::closing::using;
use crate::files::config_file::ConfigFile;
use crate::files::pool_failure::{Cause, PoolFailure};
use crate::files::pool_file::PoolFile;
use crate::files_failure::FilesFailure;
use crate::text::printable_path;
use hostbits::{Durability, Pool, PoolSet, file, set::MemberId};
use hostbits_config::{MemberConfig, OpenError, SetConfig};
use ipnet::IpNet;
use std::path::{Path, PathBuf};

/// What is compared with a list.
#[derive(Debug)]
pub enum Target {
    /// A pool file.
    Pool(PoolFile),
    /// A set, all of whose members have files.
    Set(ConfigFile, Box<SetConfig>),
}

impl Target {
    /// Returns the set of this name, or the only one, of a configuration.
    ///
    /// # Errors
    ///
    /// Fails if the configuration is invalid, has no such set, or has several and no name was given.
    pub fn of_set(file: ConfigFile, name: Option<&str>) -> Result<Self, Failure> {
        let config = file.read()?;
        let set = match (name, &config.sets[..]) {
            (Some(name), _) => file.set(&config, name)?,
            (None, [only]) => only,
            (None, sets) => {
                let names: Vec<_> = sets.iter().map(|set| &*set.name).collect();
                return Err(Failure::Usage(format!(
                    "{} has several sets: name one of {}",
                    file.name(),
                    names.join(", ")
                )));
            }
        };
        let set = Box::new(set.clone());
        Ok(Self::Set(file, set))
    }

    /// Returns the target that a plan names, by its absolute path. The plan itself identifies the pools it was made
    /// for.
    pub(crate) fn kept(path: &Path, set: Option<&str>) -> Result<Self, Failure> {
        let path = path.to_owned();
        match set {
            None => Ok(Self::Pool(PoolFile {
                path,
                min_session: 0,
            })),
            Some(set) => Self::of_set(ConfigFile { path }, Some(set)),
        }
    }

    /// Returns the path of the pool file, or of the configuration.
    pub(crate) fn path(&self) -> &PathBuf {
        match self {
            Self::Pool(file) => &file.path,
            Self::Set(config, _) => &config.path,
        }
    }

    /// Returns the path of the pool file, or of the configuration, in printable form.
    pub fn file(&self) -> String {
        match self {
            Self::Pool(file) => file.name(),
            Self::Set(config, _) => config.name(),
        }
    }

    /// Returns the name of the set.
    pub fn set(&self) -> Option<&str> {
        match self {
            Self::Pool(_) => None,
            Self::Set(_, set) => Some(&set.name),
        }
    }

    /// Returns the name by which messages refer to the target.
    pub fn name(&self) -> String {
        match self {
            Self::Pool(file) => file.name(),
            Self::Set(config, set) => format!("{} of {}", set.name, config.name()),
        }
    }

    /// Opens the pool file, or the files of all members; runs `work`, and closes them.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&PoolSet<IpNet>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let set = self.open()?;
        let ids: Vec<_> = set.members().map(|member| member.id()).collect();
        using(set, work, |_, index, error| {
            let id = ids[index];
            self.refuse(Cause::SyncOfMember { id, error })
        })
    }

    fn open(&self) -> Result<PoolSet<IpNet>, Failure> {
        match self {
            Self::Pool(file) => Ok(only(file.open()?)),
            Self::Set(config, set) => match set.open::<IpNet>() {
                Ok(open) => Ok(open.set),
                Err(error) => Err(config.refuse_open(error)),
            },
        }
    }

    /// Reads the files, without a lock, member by member.
    pub(crate) fn read(&self) -> Result<Vec<file::View>, Failure> {
        match self {
            Self::Pool(file) => {
                let view = file.read()?;
                file.refuse_leases(&view)?;
                Ok(vec![view])
            }
            Self::Set(config, set) => {
                set.check_files()
                    .map_err(|error| config.refuse_open(error))?;
                let views = set.members.iter().map(|member| {
                    let view = hostbits::file::read(path_of(member));
                    view.map_err(|error| config.refuse_open(OpenError::of_file(member, error)))
                });
                views.collect()
            }
        }
    }

    /// Returns copies in memory of what was read, if it matches the configuration.
    pub(crate) fn copy(&self, views: &[file::View]) -> Result<PoolSet<IpNet>, Failure> {
        match self {
            Self::Pool(_) => Ok(set_of(views.iter().map(file::View::to_pool))),
            Self::Set(config, set) => {
                let mut views = views.iter();
                let copy = set.over(|member| {
                    let view = views.next().expect("each member was read");
                    member.check(view)?;
                    Ok(view.to_pool())
                });
                match copy {
                    Ok(open) => Ok(open.set),
                    Err(error) => Err(config.refuse_open(error)),
                }
            }
        }
    }

    fn member(&self, id: MemberId) -> Option<&MemberConfig> {
        match self {
            Self::Pool(_) => None,
            Self::Set(_, set) => set.members.get(id.index()),
        }
    }

    /// Returns the name of a member, in the form that all commands on sets use.
    pub fn name_of(&self, id: MemberId) -> Option<String> {
        self.member(id).map(MemberConfig::to_string)
    }

    /// Returns a failure of this pool or set.
    pub(crate) fn refuse(&self, cause: Cause) -> Failure {
        let (id, name) = cause.member();
        FilesFailure::Pool(PoolFailure {
            file: self.file(),
            set: self.set().map(str::to_owned),
            member: match id {
                Some(id) => self.name_of(id),
                None => self.set().and(name).map(str::to_owned),
            },
            pool_file: id
                .and_then(|id| self.member(id))
                .map(|member| printable_path(path_of(member))),
            cause,
        })
        .into()
    }

    /// Makes what has been freed and allocated durable, where the files promise that.
    pub(crate) fn sync(&self, set: &PoolSet<IpNet>) -> Result<(), Failure> {
        for member in set.members() {
            let pool = member.pool();
            match pool.health().map(|health| health.durability) {
                None | Some(Durability::Process) => {}
                // Also with `Strict`: its releases have not waited for a write.
                Some(_) => pool.sync().map_err(|error| {
                    let id = member.id();
                    self.refuse(Cause::SyncOfMember { id, error })
                })?,
            }
        }
        Ok(())
    }

    /// Lowers the barriers, regardless of which process left them up.
    pub(crate) fn lower_barriers(&self, set: &PoolSet<IpNet>) -> Result<(), Failure> {
        let refuse = |error| self.refuse(Cause::Reconciler(error));
        let mut reconciler = set.reconciler().map_err(refuse)?;
        // A reconciler that begins a pass owns the barrier, and lowers it when it is dropped.
        drop(reconciler.begin().map_err(refuse)?);
        Ok(())
    }
}

/// Returns the number of other processes that have the pools open and so keep their barriers; for a set, the minimum
/// over its pools.
pub(crate) fn others(set: &PoolSet<IpNet>) -> u32 {
    let others = set.members().map(|member| {
        let health = member.pool().health();
        health.map_or(0, |health| health.processes.saturating_sub(1))
    });
    others.min().unwrap_or(0)
}

fn path_of(member: &MemberConfig) -> &Path {
    // The caller has checked that there is one.
    let file = member.file.as_ref();
    file.map_or(Path::new(""), |file| &file.path)
}

fn only(pool: Pool) -> PoolSet<IpNet> {
    set_of([pool])
}

fn set_of(pools: impl IntoIterator<Item = Pool>) -> PoolSet<IpNet> {
    PoolSet::new(pools).expect("one pool overlaps no other one")
}
