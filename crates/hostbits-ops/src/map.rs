//! The address space as characters: at most 1024 of them, each a run of slots, in lines of 64 or of the width of a
//! terminal.
//!
//! `.` is free, `#` taken, `-` never handed out; `1` to `9` are tenths taken.

use crate::text::net_of;
use hostbits::{NetworkInfo, Pool};
use serde::Serialize;
use std::net::IpAddr;
use std::ops::RangeInclusive;

const CELLS_PER_LINE: usize = 64;
const MAX_CELLS: u64 = 1024;
/// A line on a terminal has one of these lengths, so that each line begins at a round address.
const LENGTHS: [usize; 4] = [256, 128, 64, 32];

/// The slots of a pool, one character for each run of them.
#[derive(Debug, Serialize)]
pub struct Map {
    /// Number of slots per character.
    pub slots_per_cell: u64,
    /// The lines, at most 16 unless they are made for a terminal.
    pub lines: Vec<Line>,
}

/// A line of a [`Map`].
#[derive(Debug, Serialize)]
pub struct Line {
    /// The first address of the line; `None` if its slots have no address.
    pub first: Option<IpAddr>,
    /// The characters, at most 64 unless they are made for a terminal.
    pub cells: String,
}

impl Map {
    /// Returns the map of a pool. Other threads may change the pool in the meantime. `info` comes from the same pool.
    pub fn of(pool: &Pool, info: &NetworkInfo) -> Self {
        Self::with_lines_of(pool, info, CELLS_PER_LINE)
    }

    /// Returns the map with lines that fit into this many columns next to their addresses; of 64 characters if the
    /// number of columns is unknown.
    pub fn fitting(pool: &Pool, info: &NetworkInfo, columns: Option<usize>) -> Self {
        let Some(columns) = columns else {
            return Self::of(pool, info);
        };
        let ranges = info.ranges.iter();
        let label_len = ranges
            .map(|it| it.last.to_string().len())
            .max()
            .unwrap_or(0);
        let room = columns.saturating_sub(label_len + 2);
        let fitting = LENGTHS.into_iter().find(|&it| it <= room);
        Self::with_lines_of(pool, info, fitting.unwrap_or(LENGTHS[LENGTHS.len() - 1]))
    }

    fn with_lines_of(pool: &Pool, info: &NetworkInfo, cells_per_line: usize) -> Self {
        let depth = depth_for(info.slots);
        let slots_per_cell = 1u64 << depth;
        // As many as there are lines' worth, at most: it fits.
        let cell_count = info.slots.div_ceil(slots_per_cell) as usize;
        let mut free = vec![0; cell_count];
        pool.fill(depth, &mut free);
        let cells: Vec<char> = usable_cells(pool, info, slots_per_cell, cell_count)
            .iter()
            .zip(&free)
            .map(|(&usable, &free)| character(usable, free.into()))
            .collect();
        let first_slots = (0u64..)
            .step_by(cells_per_line)
            .map(|cell| cell * slots_per_cell);
        let lines = cells.chunks(cells_per_line).zip(first_slots);
        Self {
            slots_per_cell,
            lines: lines
                .map(|(cells, slot)| Line {
                    first: u32::try_from(slot).ok().and_then(|slot| pool.addr_of(slot)),
                    cells: cells.iter().collect(),
                })
                .collect(),
        }
    }
}

/// Returns the smallest binary logarithm of slots per cell with which all slots fit.
fn depth_for(slots: u64) -> u32 {
    (0..32)
        .find(|depth| slots.div_ceil(1 << depth) <= MAX_CELLS)
        .unwrap_or(32)
}

/// Returns the number of slots of each cell that can be handed out.
fn usable_cells(
    pool: &Pool,
    info: &NetworkInfo,
    slots_per_cell: u64,
    cell_count: usize,
) -> Vec<u64> {
    let mut usable = vec![0u64; cell_count];
    let mut add = |first: IpAddr, last: IpAddr, sign: fn(u64, u64) -> u64| {
        let slots = slots_between(pool, info, first, last);
        for (cell, count) in cells_of(slots, slots_per_cell) {
            if let Some(cell) = usable.get_mut(cell) {
                *cell = sign(*cell, count);
            }
        }
    };
    for range in &info.ranges {
        add(range.first, range.last, u64::saturating_add);
    }
    for reserved in &info.reservations {
        add(reserved.first, reserved.last, u64::saturating_sub);
    }
    usable
}

fn slots_between(
    pool: &Pool,
    info: &NetworkInfo,
    first: IpAddr,
    last: IpAddr,
) -> Option<RangeInclusive<u64>> {
    let slot = |addr| pool.slot_of(net_of(addr, info.unit).network());
    Some(slot(first)?.into()..=slot(last)?.into())
}

/// Returns the cells that a run of slots touches, and how many of its slots are in each.
fn cells_of(
    slots: Option<RangeInclusive<u64>>,
    slots_per_cell: u64,
) -> impl Iterator<Item = (usize, u64)> {
    slots.into_iter().flat_map(move |slots| {
        let (first, last) = slots.into_inner();
        (first / slots_per_cell..=last / slots_per_cell).map(move |cell| {
            let begin = first.max(cell * slots_per_cell);
            let end = last.min(cell * slots_per_cell + slots_per_cell - 1);
            (cell as usize, end - begin + 1)
        })
    })
}

fn character(usable: u64, free: u64) -> char {
    let taken = usable.saturating_sub(free);
    match (usable, taken, free) {
        (0, ..) => '-',
        (_, 0, _) => '.',
        (_, _, 0) => '#',
        // Less than a tenth is a trace all the same: 1.
        _ => char::from_digit((taken * 10 / usable).clamp(1, 9) as u32, 10).unwrap_or('#'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_slots_have_a_place() {
        for (slots, depth) in [
            (1, 0),
            (256, 0),
            (1_024, 0),
            (1_025, 1),
            (65_536, 6),
            (1 << 24, 14),
            (1 << 32, 22),
        ] {
            assert_eq!(depth_for(slots), depth, "{slots}");
        }
    }

    /// However wide the terminal is, a line fits, and begins at a round address.
    #[test]
    fn lines_are_as_long_as_a_terminal_has_room_for() {
        let pool = Pool::new("10.0.0.0/16".parse::<ipnet::IpNet>().unwrap()).unwrap();
        let info = pool.info();
        for (columns, length) in [
            (None, 64),
            (Some(0), 32),
            (Some(80), 64),
            (Some(78), 64),
            (Some(77), 32),
            (Some(142), 128),
            (Some(1000), 256),
        ] {
            let map = Map::fitting(&pool, &info, columns);
            assert_eq!(map.lines[0].cells.len(), length, "{columns:?}");
            assert_eq!(map.lines.len() * length, 1024);
            assert_eq!(
                map.lines[1].first.unwrap().to_string(),
                format!("10.0.{}.0", length / 4)
            );
        }
    }

    #[test]
    fn characters_say_how_much_is_taken() {
        for (usable, free, expected) in [
            (0, 0, '-'),
            (1, 1, '.'),
            (1, 0, '#'),
            (64, 64, '.'),
            (64, 63, '1'),
            (64, 32, '5'),
            (64, 1, '9'),
            (64, 0, '#'),
        ] {
            assert_eq!(character(usable, free), expected, "{free} of {usable}");
        }
    }
}
