//! Where a pool lives: on the heap, or in a file in memory that outlives it.

use crate::scratch::{Scratch, forget_the_boot};
use crate::world::{Pool4, World};
use hostbits::{
    Builder, Durability, Pool,
    file::{ReclaimError, RecoveryKind},
    users::Unreadable,
};
use ipnet::Ipv4Net;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) struct Home {
    builder: Builder<Ipv4Net>,
    file: Option<Scratch>,
}

impl Home {
    pub(crate) fn new(world: &mut World) -> Self {
        Self {
            builder: Pool::builder(world.net).policy(world.policy),
            file: (!world.rules.is_broken() && world.random.one_in(32))
                .then(|| Scratch::in_memory("reconcile-sim")),
        }
    }

    fn path(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|scratch| scratch.path("pool"))
    }

    pub(crate) fn create(&self) -> Pool4 {
        Arc::new(match self.path() {
            None => self.builder.build().expect("a pool"),
            Some(path) => self.in_file().create(path).expect("a file"),
        })
    }

    fn in_file(&self) -> hostbits::file::Builder<Ipv4Net> {
        self.builder.clone().durability(Durability::Process)
    }

    /// The handle of the operator: of another process, where there is a file.
    pub(crate) fn of_operator(&self, pool: &Pool4) -> Pool4 {
        match self.path() {
            None => Arc::clone(pool),
            Some(path) => Arc::new(self.in_file().open(path).expect("a second handle")),
        }
    }

    /// The process ends and another one begins. On the heap it seeds its pool from the list; a file remembers,
    /// after a crash of the machine with a quarantine.
    pub(crate) fn restart(&self, world: &mut World, old: Pool4) -> Pool4 {
        world.counts.restarts += 1;
        world.everybody_half_way_dies(self.file.is_none());
        world.drop_pool();
        drop(old);
        let now = world.now;
        let entries: Vec<_> = world.list.at(now, 0).collect();
        let Some(path) = self.path() else {
            let pool = self.create();
            // At a start the operator has looked at what cannot be read.
            let all = Unreadable::Skip { at_most: u64::MAX };
            let _ = pool.adopt_with(all, &entries).unwrap();
            world.begins_again(Arc::clone(&pool), true);
            return pool;
        };
        world.counts.files += 1;
        if world.random.one_in(2) {
            forget_the_boot(&path);
        }
        let pool = Arc::new(self.in_file().open(path).expect("the file"));
        if pool.recovery().map(|recovery| recovery.kind) == Some(RecoveryKind::MachineCrash) {
            match pool.reclaim(&entries) {
                Ok(_) => {}
                Err(ReclaimError::EmptyList { .. }) => {
                    pool.release_quarantine_unchecked().expect("a quarantine");
                }
                Err(error) => world.blame(format!("nothing was reclaimed: {error}")),
            }
        }
        world.begins_again(Arc::clone(&pool), false);
        pool
    }
}
