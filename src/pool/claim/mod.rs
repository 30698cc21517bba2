//! Taking addresses: from a verb to a bit, and from the bit to the answer.
//!
//! | file | what it does |
//! |---|---|
//! | `allocate` | the verbs, and the ladder from `allocate()` down to one word |
//! | `answer` | from a claim to its answer: past the passes, through the wait for the disk |
//! | `in_file` | what a pool in a file does between the two |
//! | `batch` | all or nothing, over several pools |
//! | `sticky` | the same address for the same client |

mod allocate;
pub(super) mod answer;
mod batch;
pub(super) mod in_file;
mod sticky;

pub(crate) use batch::Batch;
