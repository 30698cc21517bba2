//! Free bits that nobody has published: a process died between the two halves of a release.
//!
//! To the tree such a slot is one whose release has not finished, so "nothing free" is the truth without
//! it. But that release will never finish, and the slot would be lost until the file is opened afresh.
//! So among processes nobody is told "nothing free" before a look at every word.

use super::Bitmap;

impl Bitmap<'_> {
    /// Publishes what is free and hidden; answers whether there was any.
    ///
    /// Looks at every word, by no hint. Idempotent, and safe beside everything else: to publish a chunk
    /// that may have something free is never wrong.
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
