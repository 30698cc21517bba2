//! Publishes free bits whose release a process did not finish because it died between its two halves.
//!
//! To the tree, such a release has not finished, so "nothing free" is true without the slot. But that release will
//! never finish, and the slot would be lost until the file is opened anew. So among processes, no call reports "nothing
//! free" before every word was checked.

use super::Bitmap;

impl Bitmap<'_> {
    /// Publishes hidden free slots, and returns whether there were any.
    ///
    /// Reads every word, whatever the hints say. Idempotent, and safe beside everything else: publishing a chunk that
    /// may have a free slot is never wrong.
    #[cold]
    pub(crate) fn scrub(self) -> bool {
        let mut found = false;
        for (chunk_index, chunk) in self.chunks.iter().enumerate() {
            if !chunk.is_full() && !self.tree.is_published(chunk_index) {
                self.tree.publish(chunk_index);
                found = true;
            }
        }
        found
    }
}
