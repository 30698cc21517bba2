//! Words in a file, for builds without pool files: the feature is off, the system is another one, or a model checker
//! runs. No such value ever exists, so nothing here is ever called.

use crate::file_refusal::FileRefusal;
use crate::sync::AtomicU64;

/// A file that is never open.
pub(crate) enum Attached {}

impl Attached {
    pub(crate) fn quarantine(&self) -> &[AtomicU64] {
        match *self {}
    }

    pub(crate) fn had_suspects(&self) -> bool {
        match *self {}
    }

    pub(crate) fn touched(&self) -> &[AtomicU64] {
        match *self {}
    }

    pub(crate) fn try_lock_reconcile(&self) -> std::io::Result<bool> {
        match *self {}
    }

    pub(crate) fn is_reconciled_elsewhere(&self) -> bool {
        match *self {}
    }

    pub(crate) fn unlock_reconcile(&self) {
        match *self {}
    }

    pub(crate) fn identity(&self) -> ([u8; 16], u64) {
        match *self {}
    }

    pub(crate) fn is_forked(&self) -> bool {
        match *self {}
    }

    pub(crate) fn is_strict(&self) -> bool {
        match *self {}
    }

    pub(crate) fn is_sole(&self) -> bool {
        match *self {}
    }

    pub(crate) fn wait_until_durable(&self) -> Result<(), FileRefusal> {
        match *self {}
    }

    pub(crate) fn refusal(&self) -> Option<FileRefusal> {
        match *self {}
    }

    pub(crate) fn confirm(&self) -> Result<(), FileRefusal> {
        match *self {}
    }

    pub(crate) fn reserve_generations(&self, _: u32) -> Result<u64, FileRefusal> {
        match *self {}
    }
}
