//! What is compared with a list: a pool file, or a set of a configuration. Both are sets of pools here, and a
//! pool file is a set of one.

use crate::args::Format;
use crate::closing::using;
use crate::failure::Failure;
use crate::pool::{Cause, FileArgs, PoolFailure};
use crate::set::{ConfigArgs, LookArgs};
use hostbits::{Durability, FileView, MemberId, Pool, PoolSet};
use hostbits_config::{MemberConfig, OpenError, SetConfig};
use ipnet::IpNet;
use std::path::{Path, PathBuf};

/// What is compared with a list.
#[derive(Debug)]
pub(crate) enum Target {
    /// A pool file.
    Pool(FileArgs),
    /// A set, all of whose members have files.
    Set(ConfigArgs, Box<SetConfig>),
}

/// What the arguments of a command name.
pub(crate) trait Named: clap::Args + std::fmt::Debug {
    /// Ways to reconcile it, as its help has them.
    const WAYS: &str;

    /// How to print.
    fn format(&self) -> Format;

    /// What is named.
    fn target(&self) -> Result<Target, Failure>;
}

impl Named for FileArgs {
    const WAYS: &str = "\
Ways to do it:
  in one process, which takes twice GRACE:
    hostbits reconcile vpn.pool --from users.csv --wait
  in three, GRACE apart, while somebody has the pool open; run the second line again and again:
    hostbits reconcile vpn.pool --from users.csv -o plan.json
    hostbits reconcile apply plan.json
  with everybody stopped:
    hostbits reconcile vpn.pool --from users.csv --grace 0

With -o alone nothing is changed. Otherwise what is missing (listed, free) is taken at once.
What apply freed can be taken back: hostbits reconcile undo plan.json. A plan that nobody will apply
leaves the barrier up, which costs each allocation a few nanoseconds: hostbits reconcile close vpn.pool.";

    fn format(&self) -> Format {
        self.format
    }

    fn target(&self) -> Result<Target, Failure> {
        Ok(Target::Pool(self.clone()))
    }
}

impl Named for LookArgs {
    const WAYS: &str = "\
Ways to do it:
  in one process, which takes twice GRACE:
    hostbits set reconcile sets.toml v4 --from users.csv --wait
  in three, GRACE apart, while somebody has the pool files open; run the second line again and again:
    hostbits set reconcile sets.toml v4 --from users.csv -o plan.json
    hostbits set reconcile apply plan.json
  with everybody stopped:
    hostbits set reconcile sets.toml v4 --from users.csv --grace 0

The list is that of the whole set, in one file or in several: every member is compared with it, drained ones
and those with cordons, too. If something keeps one member from freeing, nothing is freed in any: so a file
that was forgotten costs nobody an address. The same limits are those of the list as a whole, and the N of
--max-free is for all members together. SET may be left out where there is one. Entries of other networks
and of the other family are no drift.

With -o alone nothing is changed. Otherwise what is missing (listed, free) is taken at once.
What apply freed can be taken back: hostbits set reconcile undo plan.json. A plan that nobody will apply
leaves the barriers up, which costs each allocation a few nanoseconds: hostbits set reconcile close sets.toml v4.";

    fn format(&self) -> Format {
        self.config.format
    }

    fn target(&self) -> Result<Target, Failure> {
        let config = self.config.read()?;
        let set = match (&self.set, &config.sets[..]) {
            (Some(name), _) => self.config.set(&config, name)?,
            (None, [only]) => only,
            (None, sets) => {
                let names: Vec<_> = sets.iter().map(|set| &*set.name).collect();
                return Err(Failure::Usage(format!(
                    "{} has several sets: name one of {}",
                    self.config.name(),
                    names.join(", ")
                )));
            }
        };
        Ok(Target::Set(self.config.clone(), Box::new(set.clone())))
    }
}

impl Target {
    /// What was kept of a target, as a whole path.
    pub(super) fn kept(path: &Path, set: Option<&str>, format: Format) -> Result<Self, Failure> {
        let path = path.to_owned();
        match set {
            // What a plan was made for it knows by itself.
            None => FileArgs {
                path,
                format,
                min_session: None,
            }
            .target(),
            Some(set) => LookArgs {
                config: ConfigArgs { path, format },
                set: Some(set.to_owned()),
            }
            .target(),
        }
    }

    /// The file: that of the pool, or the configuration.
    pub(super) fn path(&self) -> &PathBuf {
        match self {
            Self::Pool(file) => &file.path,
            Self::Set(config, _) => &config.path,
        }
    }

    /// The same to be printed.
    pub(crate) fn file(&self) -> String {
        match self {
            Self::Pool(file) => file.name(),
            Self::Set(config, _) => config.name(),
        }
    }

    /// The name of the set.
    pub(crate) fn set(&self) -> Option<&str> {
        match self {
            Self::Pool(_) => None,
            Self::Set(_, set) => Some(&set.name),
        }
    }

    /// What to call it in a sentence.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Pool(file) => file.name(),
            Self::Set(config, set) => format!("{} of {}", set.name, config.name()),
        }
    }

    /// A command on it: `hostbits VERB POOL`, or `hostbits set VERB CONFIG SET`.
    pub(super) fn command(&self, verb: &str) -> String {
        match self {
            Self::Pool(file) => format!("hostbits {verb} {}", file.name()),
            Self::Set(config, set) => format!("hostbits set {verb} {} {}", config.name(), set.name),
        }
    }

    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Pool(file) => file.format,
            Self::Set(config, _) => config.format,
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.format() == Format::Plain
    }

    /// Joins those who have the pool file open, or the files of all members; does something, and leaves.
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
    pub(super) fn read(&self) -> Result<Vec<FileView>, Failure> {
        match self {
            Self::Pool(file) => Ok(vec![file.read()?]),
            Self::Set(config, set) => {
                set.check_files()
                    .map_err(|error| config.refuse_open(error))?;
                let views = set.members.iter().map(|member| {
                    let view = hostbits::read_file(path_of(member));
                    view.map_err(|error| config.refuse_open(OpenError::of_file(member, error)))
                });
                views.collect()
            }
        }
    }

    /// Copies in memory of what was read, if it is what the configuration describes.
    pub(super) fn copy(&self, views: &[FileView]) -> Result<PoolSet<IpNet>, Failure> {
        match self {
            Self::Pool(_) => Ok(set_of(views.iter().map(FileView::to_pool))),
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

    /// What to call a member: as every other command on sets.
    pub(crate) fn name_of(&self, id: MemberId) -> Option<String> {
        self.member(id).map(MemberConfig::to_string)
    }

    /// A failure of this pool, or of this set.
    pub(crate) fn refuse(&self, cause: Cause) -> Failure {
        let id = cause.member_id();
        Failure::Pool(Box::new(PoolFailure {
            file: self.file(),
            set: self.set().map(str::to_owned),
            member: match id {
                Some(id) => self.name_of(id),
                None => self.set().and(cause.member()).map(str::to_owned),
            },
            pool_file: id.and_then(|id| self.member(id)).map(|member| {
                let path = path_of(member).display().to_string();
                hostbits_ops::printable(&path)
            }),
            cause,
        }))
    }

    /// Makes durable what has been freed and taken, where the files promise that.
    pub(crate) fn sync(&self, set: &PoolSet<IpNet>) -> Result<(), Failure> {
        for member in set.members() {
            let pool = member.pool();
            match pool.health().map(|health| health.durability) {
                None | Some(Durability::Process) => {}
                // Strict, too: its releases have waited for no write.
                Some(_) => pool.sync().map_err(|error| {
                    let id = member.id();
                    self.refuse(Cause::SyncOfMember { id, error })
                })?,
            }
        }
        Ok(())
    }

    /// Lowers the barriers, whoever left them up.
    pub(super) fn lower_barriers(&self, set: &PoolSet<IpNet>) -> Result<(), Failure> {
        let refuse = |error| self.refuse(Cause::Reconciler(error));
        let mut reconciler = set.reconciler().map_err(refuse)?;
        // Whoever begins a pass owns the barrier, and takes it down when the reconciler is dropped.
        drop(reconciler.begin().map_err(refuse)?);
        Ok(())
    }
}

/// How many others have the pools open, and keep their barriers: of a set, of the pool with fewest.
pub(super) fn others(set: &PoolSet<IpNet>) -> u32 {
    let others = set.members().map(|member| {
        let health = member.pool().health();
        health.map_or(0, |health| health.processes.saturating_sub(1))
    });
    others.min().unwrap_or(0)
}

fn path_of(member: &MemberConfig) -> &Path {
    // Whoever asks has seen to it that there is one.
    let file = member.file.as_ref();
    file.map_or(Path::new(""), |file| &file.path)
}

fn only(pool: Pool) -> PoolSet<IpNet> {
    set_of([pool])
}

fn set_of(pools: impl IntoIterator<Item = Pool>) -> PoolSet<IpNet> {
    PoolSet::new(pools).expect("one pool overlaps no other one")
}
