//! Holds the only reconciler slot of a pool.

use super::options::{Options, millis};
use super::pass::Pass;
use super::sightings::Sighting;
use crate::bitmap::{Gate, Mark};
use crate::network::Network;
use crate::plan::{FileIdentity, Plan, PlanRange, PoolIdentity, ReconcilerError};
use crate::pool::Pool;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// Compares a pool with the list of its users, pass by pass, and repairs it.
///
/// Each pool has at most one reconciler at a time, across all processes. From its first pass until it is dropped, every
/// allocation leaves a mark, so that a later pass knows which addresses have been orphans all the time. An orphan is
/// freed when three passes have seen it, each of which began [`grace`](Options::grace) or more after the list of the
/// previous one had been read. Allocations continue meanwhile, and cost a few nanoseconds more.
///
/// It can be dropped at any time, with or without applying a plan, without leaving anything half-done. The same is true
/// if its process dies.
///
/// ```
/// use hostbits::{Pool, reconcile};
/// use std::time::Duration;
///
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let (alice, lost) = (pool.allocate()?, pool.allocate()?);
///
/// // No user joins or leaves meanwhile, so the first sighting is enough.
/// let options = reconcile::Options::new().grace(Duration::ZERO);
/// let mut reconciler = pool.reconciler_with(options)?;
/// let mut pass = reconciler.begin()?;
/// pass.read([(alice, "alice")]);             // read the list only now
/// let plan = pass.finish(1)?;                // it has one entry
/// assert_eq!((plan.slots.matched, plan.slots.ripe), (1, 1));
/// assert_eq!(reconciler.apply(&plan)?.freed, 1);
/// assert!(pool.is_available(lost));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reconciler<'a, N: Network> {
    pub(super) pool: &'a Pool<N>,
    pub(super) options: Options,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    /// The gate as we left it, once the barrier is up.
    pub(super) gate: Option<Gate>,
    /// The number of the plan that may be applied.
    pub(super) accepts: Option<u32>,
    /// The orphans of the latest plan.
    pub(super) seen: Vec<Sighting>,
    /// The slots that were touched since that plan and before the current pass.
    pub(super) touched: Vec<u64>,
    /// How many addresses the longest list contained since something was freed.
    pub(super) listed_before: Option<u64>,
    /// Whether the barrier stays up for another reconciler that continues.
    stays_up: bool,
}

impl<N: Network> Pool<N> {
    /// Creates a reconciler, with a [`grace`](Options::grace) of ten minutes.
    ///
    /// # Errors
    ///
    /// [`ReconcilerError::Busy`] if the pool is already being reconciled, in this process or in another one. Otherwise,
    /// the pool file is poisoned, or this process is a fork.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let reconciler = pool.reconciler()?;
    /// assert!(pool.reconciler().is_err(), "one at a time");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reconciler(&self) -> Result<Reconciler<'_, N>, ReconcilerError> {
        self.reconciler_with(Options::default())
    }

    /// Creates a reconciler with options.
    ///
    /// # Errors
    ///
    /// The same errors as [`reconciler`](Self::reconciler).
    ///
    /// ```
    /// use hostbits::{reconcile, users::Unreadable};
    ///
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let options = reconcile::Options::new().unreadable(Unreadable::Skip { at_most: 1 });
    /// let mut pass_maker = pool.reconciler_with(options)?;
    /// let mut pass = pass_maker.begin()?;
    /// pass.read(["10.0.0.16/28", "10.0.0.2x"]);
    /// assert_eq!(pass.finish(2)?.slots.missing, 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reconciler_with(&self, options: Options) -> Result<Reconciler<'_, N>, ReconcilerError> {
        self.take_reconcile_slot()?;
        Ok(Reconciler {
            clock: options.start_clock(),
            options,
            pool: self,
            gate: None,
            accepts: None,
            seen: Vec::new(),
            touched: vec![0; self.words.word_count()],
            listed_before: None,
            stays_up: false,
        })
    }

    /// Creates a reconciler that continues where [`Reconciler::leave_open`] has stopped, in this process or in another
    /// one, with the sightings of its plan.
    ///
    /// # Errors
    ///
    /// [`ReconcilerError::OtherPool`] and [`ReconcilerError::Superseded`] if the sightings are void: the plan is of
    /// another pool or of another session of the file, or the pool was reconciled since. Otherwise, the errors of
    /// [`reconciler`](Self::reconciler).
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut first = pool.reconciler()?;
    /// let plan = first.begin()?.finish(0)?;
    /// let plan = first.leave_open(plan);
    /// let second = pool.resume_reconciler(Default::default(), &plan)?;
    /// # drop(second);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume_reconciler(
        &self,
        options: Options,
        plan: &Plan,
    ) -> Result<Reconciler<'_, N>, ReconcilerError> {
        if plan.pool != self.plan_identity() {
            return Err(ReconcilerError::OtherPool);
        }
        let mut reconciler = self.reconciler_with(options)?;
        match reconciler.go_on_from(plan) {
            true => Ok(reconciler),
            false => Err(ReconcilerError::Superseded),
        }
    }

    fn take_reconcile_slot(&self) -> Result<(), ReconcilerError> {
        if let Some(refusal) = self.words.file().and_then(|file| file.refusal()) {
            return Err(refusal.into());
        }
        // Acquire: pairs with the Release that gave it back.
        if self.is_reconciling.swap(true, Ordering::Acquire) {
            return Err(ReconcilerError::Busy);
        }
        let locked = match self.words.file().map(|file| file.try_lock_reconcile()) {
            None | Some(Ok(true)) => return Ok(()),
            Some(Ok(false)) => ReconcilerError::Busy,
            Some(Err(error)) => ReconcilerError::Lock {
                errno: error.raw_os_error().unwrap_or_default(),
            },
        };
        // Release: as in `give_reconcile_slot_back`.
        self.is_reconciling.store(false, Ordering::Release);
        Err(locked)
    }

    fn give_reconcile_slot_back(&self) {
        if let Some(file) = self.words.file() {
            file.unlock_reconcile();
        }
        // Release: the next reconciler finds the lock and the gate as we left them.
        self.is_reconciling.store(false, Ordering::Release);
    }

    pub(crate) fn plan_identity(&self) -> PoolIdentity {
        let runs = self.geometry.runs();
        let ends = runs.first().zip(runs.last());
        let ends = ends
            .map(|(first, last)| (first.first, last.last))
            .unwrap_or_default();
        let file = self.words.file().map(|file| file.identity());
        let file = file.map(|(id, session)| FileIdentity {
            id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            session,
        });
        let random = || RandomState::new().build_hasher().finish();
        PoolIdentity {
            network: self.geometry.network().map(|network| network.to_string()),
            first: self.geometry.addr_of(ends.0).into(),
            last: self.geometry.addr_of(ends.1).into(),
            capacity: self.capacity(),
            instance: match file {
                Some(_) => 0,
                None => *self.instance.get_or_init(random),
            },
            file,
        }
    }
}

impl<'a, N: Network> Reconciler<'a, N> {
    /// Begins a pass: puts the barrier up, and reads the state of the pool. Read the list only after this.
    ///
    /// It waits for locals that are just moving to another word, for a few instructions each. So do not call it in a
    /// signal handler, which may have interrupted one of them.
    ///
    /// # Errors
    ///
    /// The pool file is poisoned, or this process is a fork.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let mut reconciler = pool.reconciler()?;
    /// drop(reconciler.begin()?);             // nothing has changed
    /// let mut pass = reconciler.begin()?;
    /// let late = pool.allocate()?;           // marked: not an orphan, though no list has it yet
    /// assert_eq!(pass.finish(0)?.slots.orphan, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin(&mut self) -> Result<Pass<'_, 'a, N>, ReconcilerError> {
        let words = &self.pool.words;
        if let Some(refusal) = words.file().and_then(|file| file.refusal()) {
            return Err(refusal.into());
        }
        let marks = words.touched_or_new();
        self.accepts = None;
        // Before the barrier is up: a mark that is made after it belongs to the new pass.
        for (word_index, touched) in self.touched.iter_mut().enumerate() {
            let taken = marks.take(word_index);
            // Most words have none, and are not written.
            if taken != 0 {
                *touched |= taken;
            }
        }
        let gate = words.gate_word().collect();
        self.gate = Some(gate);
        let began = self.now_ms();
        // After the barrier: what a local takes or takes back later, it marks itself.
        self.pool
            .locals
            .read(|(word_index, bits)| marks.mark(word_index, bits));
        let free = self.pool.bitmap().snapshot();
        Ok(Pass::new(self, gate, began, free))
    }

    /// Continues from a plan of this pool; returns `false` if the pool was reconciled since. Begins no pass.
    pub(crate) fn go_on_from(&mut self, plan: &Plan) -> bool {
        let words = &self.pool.words;
        let gate = words.gate_again();
        if !gate.is_passing() || gate.number() != plan.number || plan.version != Plan::VERSION {
            // Not ours to take down: the one that left it up may come back for it.
            return false;
        }
        self.seen = self.seen_in(plan);
        self.listed_before = plan.listed_before.max(Some(plan.listed));
        self.accepts = Some(plan.number);
        // A new number: if the previous reconciler died while it applied, this phase must not be taken for that one.
        self.gate = Some(words.gate_word().collect());
        true
    }

    /// Stops, and leaves the barrier up for [`resume_reconciler`](Pool::resume_reconciler). Returns the plan in the
    /// form that has to be stored for that.
    ///
    /// Until then, allocations continue to leave marks. If no reconciler resumes, they do so until another one that has
    /// begun a pass is dropped. A reconciler that resumes compares the length of the next list with the longest one
    /// that the plan knows of, whether or not something was freed since.
    #[must_use = "the pass can be resumed only with the plan"]
    pub fn leave_open(self, mut plan: Plan) -> Plan {
        self.leave_open_for(&mut plan);
        plan
    }

    /// Does the same, changing the plan in place.
    pub(crate) fn leave_open_for(mut self, plan: &mut Plan) {
        if let Some(gate) = self.gate
            && self.accepts == Some(plan.number)
        {
            plan.number = gate.number();
            self.stays_up = true;
        }
    }

    pub(crate) fn pool(&self) -> &'a Pool<N> {
        self.pool
    }

    pub(super) fn now_ms(&self) -> u64 {
        millis((self.clock)())
    }

    /// Returns the orphans of a plan, as slots.
    pub(super) fn seen_in(&self, plan: &Plan) -> Vec<Sighting> {
        let is_orphan = |range: &&PlanRange| matches!(&*range.state, Plan::ORPHAN | Plan::RIPE);
        let mut seen: Vec<_> = plan
            .ranges
            .iter()
            .filter(is_orphan)
            .filter_map(|range| {
                let (first, last) = self.pool.slots_of_range(range)?;
                Some(Sighting {
                    first,
                    last,
                    since: range.since_ms?,
                    again: range.again_ms,
                    is_ripe: range.state == Plan::RIPE,
                })
            })
            .collect();
        seen.sort_by_key(|sighting| sighting.first);
        seen
    }
}

impl<N: Network> Drop for Reconciler<'_, N> {
    fn drop(&mut self) {
        if self.pool.words.file().is_some_and(|file| file.is_forked()) {
            return;
        }
        let is_ours = self.gate.is_some() && !self.stays_up;
        if is_ours {
            self.pool.words.gate_word().close();
        }
        self.pool.give_reconcile_slot_back();
    }
}

impl<N: Network> std::fmt::Debug for Reconciler<'_, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconciler")
            .field("options", &self.options)
            .field("is_up", &self.gate.is_some())
            .finish_non_exhaustive()
    }
}
