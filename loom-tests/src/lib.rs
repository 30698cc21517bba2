//! Models of hostbits under loom; see `tests`. Without `--cfg loom`, this crate is empty.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p loom-tests
//! HOSTBITS_LOOM_WIDE_CHUNKS=1 ...        the same with chunks of two words instead of one
//! HOSTBITS_LOOM_DEEPER=1 ...             one preemption more than each model's own bound
//! LOOM_MAX_PREEMPTIONS=4 ...             another bound than the models' own
//! cargo test ... -- --nocapture          executions and time of every model
//! ```
//!
//! A `Program` is a bitmap, its initial state, and *roles* that run at the same time. The roles are run in every order,
//! the last one on the main thread: loom 0.7.3 misses some interleavings (tokio-rs/loom#166, #392), and different ones
//! in each order. A role returns the slots that it holds at the end. Then the accounts must balance: every slot is
//! either held by exactly one role or can be claimed.
//!
//! Each slot has a payload that its holder writes, so that loom distinguishes Acquire from Relaxed: with a weaker
//! ordering, two holders write without one happening before the other.

#![cfg(loom)]

pub mod leases;

use hostbits::Slot;
use hostbits::model::Model;
use loom::cell::UnsafeCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// The number of slots of a chunk: 64, or 128 in a wide build.
pub const CHUNK: Slot = Model::SLOTS_PER_CHUNK;
/// The first slot of chunk 0.
pub const LOW: Slot = 0;
/// The last slot of chunk 0. In a wide build it is in another word than [`LOW`].
pub const HIGH: Slot = CHUNK - 1;
/// A slot of chunk 2. With three chunks, 0 and 2 are in different nodes of the first level.
pub const FAR: Slot = 2 * CHUNK;

/// The number of a chunk that there is not.
const NO_CHUNK: usize = u32::MAX as usize;

/// The actions of one thread; returns the slots that it holds at the end.
pub type Role = Arc<dyn Fn(&World) -> Vec<Slot> + Send + Sync>;

/// Makes a role from a closure.
pub fn role(act: impl Fn(&World) -> Vec<Slot> + Send + Sync + 'static) -> Role {
    Arc::new(act)
}

/// Returns a role that moves the one free slot back and forth: it releases what it holds, then claims the other slot.
///
/// At every instant a slot is free, or another role has claimed one. Three moves fool a search that looks at one slot
/// after another *twice*, the second time under watch.
pub fn shuttle(held: Slot, free: Slot, moves: usize) -> Role {
    role(move |world| {
        let (mut held, mut free) = (held, free);
        for _ in 0..moves {
            world.release(held);
            if world.allocate_exact(free).is_none() {
                return vec![];
            }
            (held, free) = (free, held);
        }
        vec![held]
    })
}

/// Ranges of slots, both ends included.
type Ranges = &'static [(Slot, Slot)];

/// A bitmap in its initial state, and how thoroughly to explore.
#[derive(Clone)]
pub struct Program {
    chunk_count: u32,
    linear: bool,
    free: Ranges,
    taken: Ranges,
    stale_hint: bool,
    payloads: Vec<Slot>,
    preemptions: Option<usize>,
}

impl Program {
    /// Creates a bitmap with a summary and two children per node: one or two chunks make one level, three make two.
    pub fn tree(chunk_count: u32, free: Ranges, taken: Ranges) -> Self {
        Self {
            chunk_count,
            linear: false,
            free,
            taken,
            stale_hint: false,
            payloads: slots_of_ranges(free)
                .chain(slots_of_ranges(taken))
                .filter(|_| slots_of_ranges(free).chain(slots_of_ranges(taken)).count() <= 4)
                .collect(),
            preemptions: None,
        }
    }

    /// Creates a bitmap without a summary.
    pub fn linear(chunk_count: u32, free: Ranges, taken: Ranges) -> Self {
        Self {
            linear: true,
            ..Self::tree(chunk_count, free, taken)
        }
    }

    /// Claims everything free first, so that the summary still says "maybe" for full chunks.
    ///
    /// The slots that were free are then taken, and any role may release them.
    pub fn with_stale_hints(mut self) -> Self {
        self.stale_hint = true;
        self
    }

    /// Omits payloads, for programs in which one role releases what another one holds.
    pub fn without_payloads(mut self) -> Self {
        self.payloads.clear();
        self
    }

    /// Uses payloads only at these slots.
    pub fn with_payloads(mut self, slots: &[Slot]) -> Self {
        self.payloads = slots.to_vec();
        self
    }

    /// Explores executions with at most this many preemptions, instead of all executions.
    pub fn preemptions(mut self, bound: usize) -> Self {
        self.preemptions = Some(bound);
        self
    }

    /// Runs the roles in every order.
    pub fn run<const N: usize>(self, roles: [Role; N]) {
        self.run_and_judge(roles, |_, _| ());
    }

    /// Runs the roles in every order. `judge` sees the world and what each role holds, before the accounts are settled.
    pub fn run_and_judge<const N: usize>(
        self,
        roles: [Role; N],
        judge: impl Fn(&World, &[Vec<Slot>; N]) + Send + Sync + 'static,
    ) {
        let judge = Arc::new(judge);
        for order in orders::<N>() {
            let roles = order.map(|index| Arc::clone(&roles[index]));
            let (program, judge) = (self.clone(), Arc::clone(&judge));
            let body = move || {
                let world = Arc::new(program.world());
                let held_in_order = act(&world, &roles);
                let mut held = [const { Vec::new() }; N];
                for (index, slots) in order.into_iter().zip(held_in_order) {
                    held[index] = slots;
                }
                judge(&world, &held);
                world.settle_accounts(held.into_iter().flatten().collect());
            };
            explore(&format!("{order:?}"), self.preemptions, body);
        }
    }

    fn world(&self) -> World {
        let model = if self.linear {
            Model::linear(self.chunk_count, self.free)
        } else {
            Model::tree(self.chunk_count, self.free)
        };
        if self.stale_hint {
            for slot in slots_of_ranges(self.free) {
                assert!(model.claim_exact(slot), "nobody else is there yet");
            }
        }
        let usable = slots_of_ranges(self.free).chain(slots_of_ranges(self.taken));
        World {
            model,
            usable: usable.collect(),
            payloads: self
                .payloads
                .iter()
                .map(|&slot| (slot, UnsafeCell::new(())))
                .collect(),
        }
    }
}

/// The bitmap, and a payload for each slot.
pub struct World {
    /// The bitmap, for operations without a method here.
    pub model: Model,
    usable: BTreeSet<Slot>,
    payloads: Vec<(Slot, UnsafeCell<()>)>,
}

#[allow(unsafe_code)]
// SAFETY: the payloads are empty and their pointers are never followed; loom is here to check whether accesses to them
// are ordered. The other fields are Sync.
unsafe impl Sync for World {}

impl World {
    /// Writes the payload, as only the holder may.
    pub fn touch(&self, slot: Slot) {
        let payload = self.payloads.iter().find(|&&(of, _)| of == slot);
        if let Some((_, payload)) = payload {
            payload.with_mut(|_| ());
        }
    }

    fn touch_all(&self, slots: Vec<Slot>) -> Vec<Slot> {
        for &slot in &slots {
            self.touch(slot);
        }
        slots
    }

    /// Records a claimed slot.
    pub fn hold(&self, slot: Option<Slot>) -> Option<Slot> {
        slot.inspect(|&slot| self.touch(slot))
    }

    /// Claims the lowest free slot, by the summary alone. In the chunk of the last claim it need not be asked, and would
    /// be free to be wrong; see `allocate_after`.
    pub fn allocate(&self) -> Option<Slot> {
        self.allocate_after(NO_CHUNK)
    }

    /// Claims the lowest free slot, where the last claim was in this chunk.
    pub fn allocate_after(&self, last_chunk: usize) -> Option<Slot> {
        self.hold(self.model.claim_lowest(last_chunk))
    }

    /// Claims the highest free slot.
    pub fn allocate_highest(&self) -> Option<Slot> {
        self.hold(self.model.claim_highest())
    }

    /// Claims the highest free slot of a part; searches under watch if needed.
    pub fn allocate_highest_within(&self, first: Slot, last: Slot) -> Option<Slot> {
        self.hold(self.model.claim_highest_within(first, last))
    }

    /// Claims exactly this many of the highest slots, or none.
    pub fn allocate_all_from_above(&self, wanted: u64) -> Option<Vec<Slot>> {
        let claimed = self.model.claim_all_from_above(wanted)?;
        Some(self.touch_all(slots_of(claimed)))
    }

    /// Claims the first free slot at or after `start`, and wraps around.
    pub fn allocate_from(&self, start: Slot) -> Option<Slot> {
        self.hold(self.model.claim_from(start))
    }

    /// Claims any slot of a part; searches under watch if needed.
    pub fn allocate_within(&self, first: Slot, last: Slot) -> Option<Slot> {
        self.hold(self.model.claim_within(first, first, last))
    }

    /// Claims exactly this slot.
    pub fn allocate_exact(&self, slot: Slot) -> Option<Slot> {
        self.hold(self.model.claim_exact(slot).then_some(slot))
    }

    /// Claims up to this many slots.
    pub fn allocate_up_to(&self, wanted: u64) -> Vec<Slot> {
        self.touch_all(slots_of(self.model.claim_up_to(wanted, 0)))
    }

    /// Claims exactly this many slots, or none.
    pub fn allocate_all(&self, wanted: u64) -> Option<Vec<Slot>> {
        let claimed = self.model.claim_all(wanted, 0)?;
        Some(self.touch_all(slots_of(claimed)))
    }

    /// Claims a block among `count` slots from slot 0 on, and returns all its slots.
    pub fn allocate_block(&self, count: u64, order: u32) -> Option<Vec<Slot>> {
        let first = self.model.claim_block(0, count, order)?;
        Some(self.touch_all((first..first + (1 << order)).collect()))
    }

    /// Releases a slot that the caller holds.
    pub fn release(&self, slot: Slot) {
        self.touch(slot);
        assert!(self.model.release(slot), "the holder releases slot {slot}");
    }

    /// Checks that every usable slot is held once or can be claimed.
    fn settle_accounts(&self, held: Vec<Slot>) {
        let mut accounts = BTreeSet::new();
        for slot in held {
            assert!(self.usable.contains(&slot), "slot {slot} is not usable");
            assert!(accounts.insert(slot), "slot {slot} is held twice");
        }
        for slot in slots_of(self.model.claim_up_to(u64::MAX, 0)) {
            assert!(accounts.insert(slot), "slot {slot} is held and was free");
            self.touch(slot);
        }
        assert_eq!(accounts, self.usable, "slots are lost");
    }
}

/// What the holder of one address alone may touch: loom checks that one holder happens before the next.
pub struct Payload(UnsafeCell<()>);

#[allow(unsafe_code)]
// SAFETY: the payload is empty and its pointer is never followed; loom is here to check whether accesses to it are
// ordered.
unsafe impl Sync for Payload {}

impl Payload {
    #[allow(clippy::new_without_default)]
    /// Creates one that no holder has touched.
    pub fn new() -> Self {
        Self(UnsafeCell::new(()))
    }

    /// Writes it, as only the holder may.
    pub fn touch(&self) {
        self.0.with_mut(|_| ());
    }
}

/// Runs a loom model, and prints its number of executions and its time.
pub fn explore(label: &str, preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000;
    let bound = preemptions.map(|bound| bound + deeper());
    builder.preemption_bound = builder.preemption_bound.or(bound);
    let bound = builder.preemption_bound;
    let began = Instant::now();
    let counter = Arc::clone(&executions);
    builder.check(move || {
        // Relaxed: only a number for the report.
        counter.fetch_add(1, Ordering::Relaxed);
        body();
    });
    println!(
        "{} {label}: {} executions, {:.2} s, {}",
        std::thread::current().name().unwrap_or("model"),
        executions.load(Ordering::Relaxed),
        began.elapsed().as_secs_f64(),
        bound.map_or("exhaustive".into(), |bound| format!("{bound} preemptions")),
    );
}

/// Runs roles in a world of any kind, in every order, the last one on the main thread. `judge` sees what they return, in
/// the order of `roles`.
pub fn race<W: Send + Sync + 'static, T: Send + 'static, const N: usize>(
    label: &str,
    preemptions: Option<usize>,
    world: impl Fn() -> W + Clone + Send + Sync + 'static,
    roles: [fn(&W) -> T; N],
    judge: fn(&W, [T; N]),
) {
    for order in orders::<N>() {
        let world = world.clone();
        let body = move || {
            let world = Arc::new(world());
            let (&last, spawned) = order.split_last().expect("there are roles");
            let spawn = |&index: &usize| {
                let (role, world) = (roles[index], Arc::clone(&world));
                (index, loom::thread::spawn(move || role(&world)))
            };
            let threads: Vec<_> = spawned.iter().map(spawn).collect();
            let mut returned = [const { None }; N];
            returned[last] = Some(roles[last](&world));
            for (index, thread) in threads {
                returned[index] = Some(thread.join().unwrap());
            }
            judge(&world, returned.map(|value| value.expect("all have run")));
        };
        explore(&format!("{label} {order:?}"), preemptions, body);
    }
}

/// Returns how many preemptions to add to each bound: 0 unless the environment says otherwise.
fn deeper() -> usize {
    let Ok(text) = std::env::var("HOSTBITS_LOOM_DEEPER") else {
        return 0;
    };
    text.parse()
        .unwrap_or_else(|_| panic!("HOSTBITS_LOOM_DEEPER is {text:?}: give a number"))
}

/// Runs all but the last role on threads of their own, in this order, and returns what they hold.
fn act(world: &Arc<World>, roles: &[Role]) -> Vec<Vec<Slot>> {
    let (last, spawned) = roles.split_last().expect("a program has roles");
    let spawn = |role: &Role| {
        let (role, world) = (Arc::clone(role), Arc::clone(world));
        loom::thread::spawn(move || role(&world))
    };
    let threads: Vec<_> = spawned.iter().map(spawn).collect();
    let last_held = last(world);
    let held = threads.into_iter().map(|thread| thread.join().unwrap());
    held.chain([last_held]).collect()
}

/// Returns all permutations of `0..N`.
fn orders<const N: usize>() -> Vec<[usize; N]> {
    let mut orders = Vec::new();
    let mut order = core::array::from_fn(|index| index);
    permute(&mut order, 0, &mut orders);
    orders
}

fn permute<const N: usize>(order: &mut [usize; N], from: usize, orders: &mut Vec<[usize; N]>) {
    if from == N {
        return orders.push(*order);
    }
    for index in from..N {
        order.swap(from, index);
        permute(order, from + 1, orders);
        order.swap(from, index);
    }
}

fn slots_of_ranges(ranges: Ranges) -> impl Iterator<Item = Slot> {
    ranges.iter().flat_map(|&(first, last)| first..=last)
}

fn slots_of(claimed: Vec<(usize, u64)>) -> Vec<Slot> {
    let slots = |(word_index, bits): (usize, u64)| {
        let bit_indices = (0..u64::BITS).filter(move |bit_index| bits >> bit_index & 1 == 1);
        bit_indices.map(move |bit_index| word_index as Slot * u64::BITS + bit_index)
    };
    claimed.into_iter().flat_map(slots).collect()
}
