//! Claiming addresses: from the method that is called to a bit, and from the bit to the result.
//!
//! | file | what it does |
//! |---|---|
//! | `allocate` | the methods, and the steps from `allocate()` down to one word |
//! | `policies` | the first step of two policies: the next address, or a random one |
//! | `answer` | from a claim to its result: reconciliation passes, and the wait for the disk |
//! | `in_file` | what a pool in a file does between the two |
//! | `batch` | all or nothing, across several pools |
//! | `sticky` | the same address for the same client |

mod allocate;
pub(super) mod answer;
mod batch;
pub(super) mod exact_block;
mod from;
pub(super) mod in_file;
mod policies;
mod sticky;

pub(crate) use batch::Batch;
