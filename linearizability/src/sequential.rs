//! The pool as a sequential object: a set of free addresses, and the possible results of each call.
//!
//! The policy does not matter: with several threads, every policy may return any free address. What `Lowest`
//! promises beyond that is rule 6 of [`check`](mod@crate::check).

use stateright::semantics::SequentialSpec;
use std::cell::Cell;
use std::rc::Rc;

/// Up to 64 addresses, as bits by index in the ground.
pub type Bits = u64;

/// The set of free addresses.
#[derive(Clone, Debug)]
pub struct Free {
    bits: Bits,
    patience: Patience,
}

/// How many more steps may be tried before the search is given up. All copies of a pool share it.
#[derive(Clone, Debug)]
pub struct Patience(Rc<Cell<u64>>);

impl Patience {
    /// Creates the patience for this many steps.
    pub fn new(steps: u64) -> Self {
        Self(Rc::new(Cell::new(steps)))
    }

    /// Returns whether it has run out. An explanation that was not found by then may still exist.
    pub fn is_over(&self) -> bool {
        self.0.get() == 0
    }

    pub(crate) fn spend(&self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// A request to the pool at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Claim any one of these addresses.
    Any(Bits),
    /// Claim one or more of these addresses.
    Several(Bits),
    /// Claim exactly this address.
    Exact(Bits),
    /// Claim this many addresses, or none.
    Many(u32),
    /// Claim any one of these blocks.
    Block(Vec<Bits>),
    /// Release these addresses.
    Release(Bits),
}

/// The reply to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These addresses changed hands.
    Done(Bits),
    /// Nothing changed.
    Refused,
}

impl Free {
    /// Creates a pool in which these addresses are free.
    pub fn new(bits: Bits, patience: Patience) -> Self {
        Self { bits, patience }
    }

    fn has(&self, bits: Bits) -> bool {
        self.bits & bits == bits
    }

    /// Returns whether a claim may take exactly these addresses.
    fn allows(&self, step: &Step, taken: Bits) -> bool {
        self.has(taken)
            && match step {
                Step::Any(within) => taken & !within == 0 && taken.count_ones() == 1,
                Step::Several(within) => taken & !within == 0 && taken != 0,
                Step::Exact(bit) => taken == *bit,
                Step::Many(count) => taken.count_ones() == *count,
                Step::Block(blocks) => blocks.contains(&taken),
                Step::Release(_) => false,
            }
    }

    /// Returns whether refusing the step is a correct reply.
    fn refuses(&self, step: &Step) -> bool {
        match step {
            Step::Any(within) | Step::Several(within) => self.bits & within == 0,
            Step::Exact(bit) => !self.has(*bit),
            Step::Many(count) => self.bits.count_ones() < *count,
            Step::Block(blocks) => !blocks.iter().any(|&block| self.has(block)),
            Step::Release(bit) => self.has(*bit),
        }
    }

    /// Returns the lowest addresses that a claim may take.
    fn choice(&self, step: &Step) -> Bits {
        let lowest = |bits: Bits| bits & bits.wrapping_neg();
        match step {
            Step::Any(within) | Step::Several(within) => lowest(self.bits & within),
            Step::Exact(bit) | Step::Release(bit) => *bit,
            Step::Many(count) => (0..*count).fold(0, |taken, _| taken | lowest(self.bits & !taken)),
            Step::Block(blocks) => *blocks.iter().find(|&&block| self.has(block)).unwrap_or(&0),
        }
    }
}

impl SequentialSpec for Free {
    type Op = Step;
    type Ret = Reply;

    fn invoke(&mut self, step: &Step) -> Reply {
        if self.refuses(step) {
            return Reply::Refused;
        }
        let bits = self.choice(step);
        self.bits ^= bits;
        Reply::Done(bits)
    }

    /// Also false when the patience has run out, which ends the search soon.
    fn is_valid_step(&mut self, step: &Step, reply: &Reply) -> bool {
        if self.patience.is_over() {
            return false;
        }
        self.patience.spend();
        match (step, *reply) {
            (_, Reply::Refused) => self.refuses(step),
            (Step::Release(bit), Reply::Done(given)) => {
                let is_held = self.bits & bit == 0;
                self.bits |= bit;
                is_held && given == *bit
            }
            (_, Reply::Done(taken)) => {
                let is_allowed = self.allows(step, taken);
                self.bits &= !taken;
                is_allowed
            }
        }
    }
}
