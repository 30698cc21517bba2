//! What the bare instructions of an operation cost on this machine: the same loads and locked instructions on a word of
//! the heap, and an address that crosses to the caller and back, with no pool around them.
//!
//! Two read-modify-writes say how fast the machine's locked instructions are. A floor says how near an operation of its
//! shape can come to them. Each floor converts slots into addresses and back, finds the word of an address, and checks
//! what its instructions answer, because an operation that does not cannot be right.

use crate::ratio::time;
use crate::rivals::{addr_of, random_victims, slot_of};
use crate::rows::{RowName, Work};
use hostbits::AllocateError;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A floor: its name in tables, and the operation.
pub struct Floor {
    /// The name of the shape.
    pub name: &'static str,
    /// The bare operation.
    pub work: Work,
}

/// Returns the floor of a row of `ratios`, if there is one of its shape.
pub fn floor(row: RowName<'_>) -> Option<Floor> {
    if row.strategy().is_some() {
        return Some(of("lowest", Words::new(24), Words::lowest));
    }
    let words = || Words::new(row.number as u8);
    if let Some(batch) = row.batch() {
        let work = move |words: &mut Words, count| words.batches(batch, count);
        return Some(of("batch", words(), work));
    }
    Some(match row.what {
        "lowest_empty" | "mid" => of("lowest", words(), Words::lowest),
        "held" => of("held", words(), Words::held),
        "spread" | "random" => of("spread", words(), Words::spread),
        "next" => of("next", words(), Words::next),
        "exact" => of("exact", words(), Words::exact),
        "local" | "local_held" => of("local", words(), Words::local),
        "full_random" | "spread_full_random" | "local_full_random" | "nearly_full" => {
            of("full", words(), Words::full)
        }
        "exhausted" => of("refusal", Refuser::new(), Refuser::refusals),
        "fill" => of("batch", words(), |words, count| words.batches(1, count)),
        _ => return None,
    })
}

fn of<S: 'static>(
    name: &'static str,
    mut state: S,
    run: impl Fn(&mut S, u64) -> f64 + 'static,
) -> Floor {
    let work = Box::new(move |count| run(&mut state, count));
    Floor { name, work }
}

/// The bare words of a network, one bit for each address, and addresses to ask for.
struct Words {
    words: Box<[AtomicU64]>,
    victims: Vec<Ipv4Addr>,
}

impl Words {
    /// Returns the words of 10.0.0.0/`prefix_len`. Everything is free.
    fn new(prefix_len: u8) -> Self {
        let capacity = 1u32 << (32 - prefix_len);
        let words = (0..capacity / 64).map(|_| AtomicU64::new(u64::MAX));
        Self {
            words: words.collect(),
            victims: random_victims(capacity, 1 << 16, 1),
        }
    }

    /// Returns the word and the bit of an address.
    #[inline(always)]
    fn place(&self, addr: Ipv4Addr) -> (&AtomicU64, u32) {
        let slot = slot_of(addr);
        (&self.words[(slot / 64) as usize], slot % 64)
    }

    /// Load, compare-exchange, address; then `lock bts`.
    fn lowest(&mut self, count: u64) -> f64 {
        let this = black_box(&*self);
        time(count, || {
            let addr = black_box(claim_lowest(&this.words[0]));
            this.release(addr);
        })
    }

    /// As `lowest`, but what is released is the oldest of sixteen.
    fn held(&mut self, count: u64) -> f64 {
        let this = black_box(&*self);
        let mut held = [(); 16].map(|()| claim_lowest(&this.words[0]));
        let mut index = 0;
        let cost = time(count, || {
            let addr = black_box(claim_lowest(&this.words[0]));
            let oldest = std::mem::replace(&mut held[index % 16], addr);
            this.release(oldest);
            index += 1;
        });
        held.into_iter().for_each(|addr| this.release(addr));
        cost
    }

    /// The first free bit from a given one on, `lock btr`, address; then `lock bts`.
    fn spread(&mut self, count: u64) -> f64 {
        let this = black_box(&*self);
        let start = black_box(7);
        time(count, || {
            let word = &this.words[0];
            let seen = word.load(Ordering::Relaxed);
            let bit = first_from(seen, start);
            assert!(claim(word, bit));
            this.release(black_box(addr_of(bit)));
        })
    }

    /// The first free bit from the cursor on, compare-exchange, the cursor, address; then `lock bts`.
    fn next(&mut self, count: u64) -> f64 {
        let this = black_box(&*self);
        let cursor = black_box(Box::new(AtomicU32::new(0)));
        let last_word = this.words.len() as u32 - 1;
        time(count, || {
            let from = cursor.load(Ordering::Relaxed);
            let word_index = (from / 64) & last_word;
            let word = &this.words[word_index as usize];
            let seen = word.load(Ordering::Relaxed);
            let bit = first_from(seen, from % 64);
            let rest = seen & !(1 << bit);
            let claimed = word.compare_exchange(seen, rest, Ordering::SeqCst, Ordering::Relaxed);
            assert!(claimed.is_ok());
            let slot = word_index * 64 + bit;
            cursor.store(slot + 1, Ordering::Relaxed);
            this.release(black_box(addr_of(slot)));
        })
    }

    /// `lock btr` of a given address; then `lock bts`.
    fn exact(&mut self, count: u64) -> f64 {
        let this = black_box(&*self);
        let mut victims = this.victims[..1 << 12].iter().cycle();
        time(count, || {
            let addr = *victims.next().expect("a cycle");
            let (word, bit) = this.place(black_box(addr));
            assert!(claim(word, bit));
            this.release(addr);
        })
    }

    /// A bit of a thread's own mask, address; then a look at the shared word, the mask, and a counter.
    fn local(&mut self, count: u64) -> f64 {
        let this = black_box(&*self);
        let word = &this.words[0];
        word.store(0, Ordering::Relaxed);
        let taken_back = black_box(Box::new(AtomicU64::new(0)));
        let mut free = black_box(u64::MAX);
        let cost = time(count, || {
            assert!(free != 0);
            let bit = free.trailing_zeros();
            free &= free - 1;
            let bit = slot_of(black_box(addr_of(bit)));
            assert!(bit < 64);
            let bit = 1 << bit;
            assert!(free & bit == 0 && word.load(Ordering::Acquire) & bit == 0);
            free |= bit;
            let more = taken_back.load(Ordering::Relaxed) + 1;
            taken_back.store(more, Ordering::Relaxed);
        });
        word.store(u64::MAX, Ordering::Relaxed);
        cost
    }

    /// `lock bts` of a random address; then load, compare-exchange and address in its word, which is known.
    fn full(&mut self, count: u64) -> f64 {
        let this = black_box(&*self);
        this.words
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
        let mut victims = this.victims.iter().cycle();
        time(count, || {
            let victim = *victims.next().expect("a cycle");
            this.release(victim);
            let (word, _) = this.place(victim);
            let addr = claim_lowest_at(word, slot_of(victim) & !63);
            assert_eq!(black_box(addr), victim);
        })
    }

    /// For each word of a batch: load, compare-exchange, addresses. Returns the time of an address.
    fn batches(&mut self, batch: usize, count: u64) -> f64 {
        let this = black_box(&*self);
        this.words
            .iter()
            .for_each(|word| word.store(u64::MAX, Ordering::Relaxed));
        let mut addrs = vec![Ipv4Addr::UNSPECIFIED; batch];
        let mut word_index = 0;
        let batches = count.min(this.words.len() as u64 * 64) / batch as u64;
        let per_batch = time(batches, || {
            for addrs in addrs.chunks_mut(64) {
                let word = &this.words[word_index];
                let seen = word.load(Ordering::Relaxed);
                let bit = seen.trailing_zeros();
                let rest = seen & !(u64::MAX >> (64 - addrs.len()) << bit);
                let claimed =
                    word.compare_exchange(seen, rest, Ordering::SeqCst, Ordering::Relaxed);
                assert!(claimed.is_ok());
                let slots = word_index as u32 * 64 + bit..;
                addrs
                    .iter_mut()
                    .zip(slots)
                    .for_each(|(addr, slot)| *addr = addr_of(slot));
                word_index += usize::from(rest == 0);
            }
            black_box(&addrs);
        });
        per_batch / batch as f64
    }

    #[inline(always)]
    fn release(&self, addr: Ipv4Addr) {
        let (word, bit) = self.place(addr);
        let bit = 1 << bit;
        assert!(word.fetch_or(bit, Ordering::SeqCst) & bit == 0);
    }
}

/// Claims the lowest free bit of the first word.
#[inline(always)]
fn claim_lowest(word: &AtomicU64) -> Ipv4Addr {
    claim_lowest_at(word, 0)
}

/// Claims the lowest free bit of the word that begins with a slot.
#[inline(always)]
fn claim_lowest_at(word: &AtomicU64, first: u32) -> Ipv4Addr {
    let seen = word.load(Ordering::Relaxed);
    assert!(seen != 0);
    let rest = seen & (seen - 1);
    let claimed = word.compare_exchange(seen, rest, Ordering::SeqCst, Ordering::Relaxed);
    assert!(claimed.is_ok());
    addr_of(first + seen.trailing_zeros())
}

/// Claims one bit. Returns whether it was free.
#[inline(always)]
fn claim(word: &AtomicU64, bit: u32) -> bool {
    let bit = 1 << bit;
    word.fetch_and(!bit, Ordering::SeqCst) & bit != 0
}

/// Returns the first bit of a word from `start` on, or the first of all if there is none.
#[inline(always)]
fn first_from(word: u64, start: u32) -> u32 {
    let after = word & (u64::MAX << start);
    let found = if after == 0 { word } else { after };
    assert!(found != 0);
    found.trailing_zeros()
}

/// What a full pool looks at before it refuses.
struct Refuser {
    gate: AtomicU64,
    root: AtomicU64,
    capacity: u64,
}

/// An error of the size of ours.
#[allow(dead_code)]
enum Refusal {
    Exhausted {
        capacity: u64,
        quarantined: u64,
        closed: u64,
    },
    OutOfRange {
        first: IpAddr,
        last: IpAddr,
    },
}

const _: () = assert!(size_of::<Refusal>() == size_of::<AllocateError>());

impl Refuser {
    fn new() -> Box<Self> {
        Box::new(Self {
            gate: AtomicU64::new(0),
            root: AtomicU64::new(0),
            capacity: 1 << 16,
        })
    }

    /// A look at the gate, at the root, and at the gate again; an error.
    fn refusals(this: &mut Box<Self>, count: u64) -> f64 {
        let this = black_box(&*this);
        time(count, || {
            assert!(black_box(this.allocate()).is_err());
        })
    }

    #[inline(always)]
    fn allocate(&self) -> Result<Ipv4Addr, Refusal> {
        let gate = self.gate.load(Ordering::Acquire);
        let root = self.root.load(Ordering::Acquire);
        if gate != 0 || root != 0 || self.gate.load(Ordering::Acquire) != gate {
            return Ok(Ipv4Addr::UNSPECIFIED);
        }
        Err(Refusal::Exhausted {
            capacity: self.capacity,
            quarantined: 0,
            closed: 0,
        })
    }
}
