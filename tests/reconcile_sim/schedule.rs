//! One random life: pools that end and begin again, operators that come and go.

use crate::home::Home;
use crate::operator::{Operator, Shared};
use crate::rules::{Rules, Violation};
use crate::world::{Counts, Pool4, World};
use std::sync::Arc;

/// Runs it; the first thing that must not be is an error.
pub(crate) fn run(seed: u64, rules: Rules) -> Result<Counts, String> {
    let shared = Shared::new(World::new(seed, rules));
    let home = Home::new(&mut shared.lock());
    let mut pool = begin(&mut shared.lock(), &home);
    let lives = 1 + shared.lock().random.below(3);
    for _ in 0..lives {
        one_life(&shared, &home.of_operator(&pool))?;
        pool = home.restart(&mut shared.lock(), pool);
        healthy(&shared)?;
    }
    come_to_rest(&shared, &pool)?;
    let mut world = shared.lock();
    world.drop_pool();
    Ok(world.counts)
}

fn healthy(shared: &Shared) -> Result<(), String> {
    shared.lock().fault.take().map_or(Ok(()), Err)
}

fn one_life(shared: &Shared, pool: &Pool4) -> Result<(), String> {
    let operators = 1 + shared.lock().random.below(2);
    for _ in 0..operators {
        let mut operator = Operator::new(shared, pool);
        let turns = 1 + shared.lock().random.below(10);
        for _ in 0..turns {
            pass_time(&mut shared.lock());
            healthy(shared)?;
            operator.turn();
            healthy(shared)?;
        }
    }
    Ok(())
}

fn pass_time(world: &mut World) {
    let grace = world.rules.grace;
    let millis = match world.random.below(4) {
        0 => world.random.below(grace),
        1 => world.random.below(3 * grace),
        // As soon as it counts.
        _ => grace + world.random.below(grace / 64),
    };
    world.advance(millis);
    break_rules(world);
}

fn break_rules(world: &mut World) {
    let now = world.now;
    match world.rules.broken {
        Some(Violation::RowsDeleted) if world.random.one_in(3) => {
            world.list.delete_one(now);
        }
        Some(Violation::RowsAdded) => {
            let addr = world.random_addr();
            world.list.add(addr, u32::MAX, now, false);
        }
        Some(Violation::Garbage) if world.random.one_in(4) => {
            let addr = world.random_addr();
            world.list.add(addr, u32::MAX, now, true);
        }
        _ => {}
    }
}

fn begin(world: &mut World, home: &Home) -> Pool4 {
    let pool = home.create();
    world.set_pool(Arc::clone(&pool));
    // Many were lost at once.
    if world.random.one_in(4) {
        let count = world.random.below(pool.capacity()) as usize;
        for addr in pool.allocate_many(count).expect("there are so many") {
            world.leaked(addr);
        }
    }
    pool
}

/// Finishes what is half-way, and then makes three passes and nothing else: pool and books must agree.
fn come_to_rest(shared: &Shared, pool: &Pool4) -> Result<(), String> {
    let mut world = shared.lock();
    let is_broken = world.rules.is_broken();
    let long = 20 * world.rules.grace;
    world.is_quiet = true;
    world.advance(long);
    let now = world.now;
    world.list.delete_garbage(now);
    world.drop_locals();
    world.check();
    drop(world);
    let mut operator = Operator::new(shared, pool);
    let turns = if is_broken { 1 } else { 3 };
    for _ in 0..turns {
        let mut world = shared.lock();
        let grace = world.rules.grace;
        world.advance(grace);
        drop(world);
        operator.careful_turn();
        healthy(shared)?;
    }
    let world = shared.lock();
    let held: Vec<_> = world.held.keys().copied().collect();
    if !is_broken && !pool.iter().eq(held.iter().copied()) {
        return Err(format!(
            "at rest {:?} are taken and {held:?} held",
            pool.iter().collect::<Vec<_>>()
        ));
    }
    Ok(())
}
