//! The operator: passes, applies, undoes, hands over, and gives up half-way.

use crate::books::{after_apply, after_taking, blown, wrong_report};
use crate::reading::{Reading, hand_all, read};
use crate::rules::Violation;
use crate::world::{Pool4, World};
use hostbits::reconcile::{self, ApplyError, Fuse, Plan, Reconciler};
use ipnet::Ipv4Net;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// The world: the library's clock has a share of it, and lets the others run in the middle of its calls.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("nobody panics with it")
    }

    /// The clock of the reconciler: while it is asked, the others go on.
    fn clock(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let shared = self.clone();
        move || {
            let mut world = shared.lock();
            let before = world.now;
            world.in_the_middle();
            // Read before or after the others went on: both are what a stalled thread may see.
            world.clock = if world.random.one_in(2) {
                before
            } else {
                world.now
            };
            world.at_clock = Some(world.pool().snapshot());
            SystemTime::UNIX_EPOCH + Duration::from_millis(world.clock)
        }
    }

    fn options(&self) -> reconcile::Options {
        let told = self.lock().rules.told;
        reconcile::Options::new()
            .grace(Duration::from_millis(told))
            .clock(self.clock())
    }
}

/// A plan, and what is known of its list from outside.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) plan: Plan,
    pub(crate) listed: u64,
    pub(crate) listed_before: Option<u64>,
    pub(crate) garbage: u64,
}

/// Passes of one reconciler after the other.
pub(crate) struct Operator<'p> {
    shared: Shared,
    pool: &'p Pool4,
    reconciler: Option<Reconciler<'p, Ipv4Net>>,
    latest: Option<Made>,
    older: Option<Made>,
    /// No pass has begun since the latest plan was made.
    is_current: bool,
    listed_before: Option<u64>,
    /// Overrides every rule about numbers, by the number.
    allows: bool,
}

impl<'p> Operator<'p> {
    pub(crate) fn new(shared: &Shared, pool: &'p Pool4) -> Self {
        let mut world = shared.lock();
        let allows = !world.rules.is_broken() && world.random.one_in(2);
        drop(world);
        let mut operator = Self {
            shared: shared.clone(),
            pool,
            reconciler: None,
            latest: None,
            older: None,
            is_current: false,
            listed_before: None,
            allows,
        };
        operator.begin_anew();
        operator
    }

    /// Another reconciler, which knows nothing of the one before.
    pub(crate) fn begin_anew(&mut self) {
        self.reconciler = None;
        let reconciler = self.pool.reconciler_with(self.shared.options());
        self.reconciler = Some(reconciler.expect("nobody else reconciles"));
        self.shared.lock().leaks.disturb_all();
        self.listed_before = None;
        self.is_current = false;
    }

    fn reconciler(&mut self) -> &mut Reconciler<'p, Ipv4Net> {
        self.reconciler.as_mut().expect("a reconciler")
    }

    /// A pass, and what may be done with its plan or an older one.
    pub(crate) fn turn(&mut self) {
        self.one_pass(false);
        for _ in 0..self.draw(4) {
            match self.draw(9) {
                0..=3 => self.apply(self.latest.clone()),
                4 => self.apply(self.older.clone()),
                5 => self.undo(),
                6 => self.hand_over(),
                7 => self.adopt(),
                _ => self.wait(),
            }
        }
    }

    /// A pass whose plan is applied whatever its numbers, with a good list.
    pub(crate) fn careful_turn(&mut self) {
        self.allows = true;
        self.one_pass(true);
        self.apply(self.latest.clone());
    }

    fn draw(&self, end: u64) -> u64 {
        self.shared.lock().random.below(end)
    }

    fn wait(&self) {
        let mut world = self.shared.lock();
        let longest = world.rules.grace;
        let millis = world.random.below(longest);
        world.advance(millis);
    }

    fn one_pass(&mut self, careful: bool) {
        let shared = self.shared.clone();
        let reads_early = !careful && shared.lock().rules.breaks(Violation::ReadBefore);
        let early = reads_early.then(|| read(&shared, &mut None, false));
        shared.lock().begins_pass();
        self.is_current = false;
        let begun = self.reconciler().begin();
        let mut pass = begun.expect("a pass can begin");
        shared.lock().has_begun_pass();
        let reading = match early {
            Some(reading) => {
                hand_all(&shared, &mut pass, &reading);
                reading
            }
            None => read(&shared, &mut Some(&mut pass), careful),
        };
        if !careful && shared.lock().random.one_in(12) {
            shared.lock().counts.no_plan += 1;
            return;
        }
        let made = pass.finish(reading.announced());
        shared.lock().check();
        match made {
            Ok(_) if reading.has_failed || reading.is_short => {
                shared
                    .lock()
                    .blame("a plan was made of a list that is not complete");
            }
            Ok(plan) => self.has_planned(plan, &reading),
            Err(error) => {
                let mut world = shared.lock();
                world.counts.no_plan += 1;
                world.counts.reported += u64::from(reading.is_short);
                if !reading.has_failed && !reading.is_short {
                    world.blame(format!("no plan: {error}"));
                }
            }
        }
    }

    fn has_planned(&mut self, plan: Plan, reading: &Reading) {
        let mut world = self.shared.lock();
        world.has_pass_finished(&plan, &reading.listed());
        if let Some(wrong) = wrong_report(&world, &plan, reading) {
            world.blame(wrong);
        }
        let listed = reading
            .listed()
            .into_iter()
            .filter(|&addr| world.is_usable(addr));
        let made = Made {
            listed: listed.count() as u64,
            listed_before: self.listed_before,
            garbage: reading.garbage(),
            plan,
        };
        drop(world);
        self.listed_before = made.listed_before.max(Some(made.listed));
        self.older = self.latest.replace(made);
        self.is_current = true;
    }

    fn apply(&mut self, made: Option<Made>) {
        let Some(made) = made else { return };
        let latest = self.latest.as_ref().expect("a latest plan");
        let is_latest = self.is_current && latest.plan.number == made.plan.number;
        let before = self.pool.snapshot();
        self.shared.lock().at_clock = None;
        let mut result = self.reconciler().apply(&made.plan);
        let mut allowed = false;
        if self.allows
            && let Err(ApplyError::Fuse { fuse, .. }) = &result
            && !matches!(fuse, Fuse::Unclear { .. } | Fuse::Stale { .. })
        {
            allowed = true;
            result = self
                .reconciler()
                .apply_at_most(&made.plan, made.plan.slots.ripe);
        }
        if result.as_ref().is_ok_and(|applied| applied.freed != 0) {
            self.listed_before = Some(made.listed);
        }
        let mut world = self.shared.lock();
        let before = world.at_clock.take().unwrap_or(before);
        let diff = self.pool.snapshot().diff(&before).expect("one pool");
        let expected = match is_latest {
            false => Some("superseded"),
            true => blown(&made, world.clock, allowed),
        };
        if result.as_ref().err().map(|error| error.code()) != expected {
            world.blame(format!(
                "{expected:?} was to be expected of a plan: {result:?}"
            ));
        }
        after_apply(&mut world, &made.plan, &result, &diff);
        world.check();
    }

    fn undo(&mut self) {
        let older = self.draw(2) == 0;
        let Some(made) = (if older { &self.older } else { &self.latest }).clone() else {
            return;
        };
        let before = self.pool.snapshot();
        let undone = self.reconciler().undo(&made.plan).expect("an undo");
        let mut world = self.shared.lock();
        let diff = self.pool.snapshot().diff(&before).expect("one pool");
        world.disturb_ripe(&made.plan);
        if undone.taken_back != diff.allocated.len() as u64 {
            world.blame(format!(
                "{undone:?}, and {} were taken",
                diff.allocated.len()
            ));
        }
        world.counts.taken_back += undone.taken_back;
        after_taking(&mut world, &diff);
        world.check();
    }

    /// Another reconciler goes on with the plan, as another process would.
    fn hand_over(&mut self) {
        let Some(latest) = self.latest.take() else {
            return;
        };
        let reconciler = self.reconciler.take().expect("a reconciler");
        let plan = reconciler.leave_open(latest.plan);
        self.wait();
        let options = self.shared.options();
        let resumed = self.pool.resume_reconciler(options, &plan);
        match resumed {
            Ok(reconciler) if self.is_current => {
                self.reconciler = Some(reconciler);
                self.listed_before = latest.listed_before.max(Some(latest.listed));
                self.latest = Some(Made { plan, ..latest });
            }
            Ok(_) => self
                .shared
                .lock()
                .blame("somebody goes on with a plan that is not the latest"),
            Err(_) if self.is_current => self.shared.lock().blame("nobody can go on"),
            Err(_) => {
                self.older = None;
                self.begin_anew();
            }
        }
    }

    /// Takes what a list names, while all go on.
    fn adopt(&mut self) {
        let mut world = self.shared.lock();
        let time = world.now - {
            let lag = world.rules.longest_lag;
            world.random.below(lag + 1)
        };
        let entries: Vec<_> = world.list.at(time, 0).collect();
        let before = self.pool.snapshot();
        // A list with something that cannot be read is refused, and nothing has changed.
        if self.pool.adopt(&entries).is_ok() {
            for entry in &entries {
                world.leaks.disturb(entry.addr);
            }
        }
        let diff = self.pool.snapshot().diff(&before).expect("one pool");
        after_taking(&mut world, &diff);
        world.check();
    }
}
