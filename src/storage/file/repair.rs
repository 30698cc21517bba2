//! Restores a damaged copy of the header from the other one.
//!
//! One copy is enough to open the file; two are needed so that the next damage is not fatal. Only the damaged copy is
//! written, by a process that is alone with the file. If it dies halfway, the state is the same as before: one intact
//! copy, and one damaged one. By then, it is known which pool the file holds, and an interrupted growth has been
//! completed.

use super::bytes::BLOCK_BYTES;
use super::header::Header;
use super::layout::HEADER_AT;
use super::open::Opening;
use std::io;
use std::os::unix::fs::FileExt;

impl Opening<'_> {
    /// Repairs the header. Nothing is written or synced if both copies are intact.
    pub(super) fn repair_header(&self) -> io::Result<()> {
        let mut copies = [[0; BLOCK_BYTES]; 2];
        for (copy, at) in copies.iter_mut().zip(HEADER_AT) {
            self.file.read_exact_at(copy, at)?;
        }
        let Some(damaged) = Header::damaged_copy([&copies[0], &copies[1]]) else {
            return Ok(());
        };
        // Byte by byte: it may contain facts of a newer version, which may be ignored but not lost.
        let whole = &copies[1 - damaged];
        self.file.write_all_at(whole, HEADER_AT[damaged])?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::file::bytes::Block;
    use crate::storage::file::header::tests::header;

    /// Some words of the repaired copy reach the disk, and others do not: the file holds the same pool, and any copy
    /// that can be read is the header in force.
    #[test]
    fn a_repair_that_is_cut_off_changes_nothing() {
        let whole = header(256).encode();
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        for damaged_bit in 0..BLOCK_BYTES * 8 {
            let mut damaged: Block = whole;
            damaged[damaged_bit / 8] ^= 1 << (damaged_bit % 8);
            if damaged_bit % 3 == 0 {
                // Like a page that was never written.
                damaged = [0; BLOCK_BYTES];
            }
            for _ in 0..16 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let mut torn = damaged;
                for word in (0..64).filter(|word| random >> word & 1 == 1) {
                    torn[word * 8..][..8].copy_from_slice(&whole[word * 8..][..8]);
                }
                for copies in [[&torn, &whole], [&whole, &torn]] {
                    let chosen = Header::choose(copies);
                    assert_eq!(chosen, Ok((header(256), None)), "bit {damaged_bit}");
                    let is_repaired = torn == whole;
                    assert_eq!(Header::damaged_copy(copies).is_none(), is_repaired);
                }
            }
        }
    }

    /// What a newer version has written is not damaged, and two damaged copies are beyond repair.
    #[test]
    fn only_damage_beside_a_whole_copy_is_repaired() {
        let whole = header(256).encode();
        let newer = {
            let mut block = whole;
            block[0x20] = 2;
            crate::storage::file::bytes::seal(&mut block);
            block
        };
        let zero = [0; BLOCK_BYTES];
        for (copies, expected) in [
            ([&whole, &whole], None),
            ([&zero, &whole], Some(0)),
            ([&whole, &zero], Some(1)),
            ([&zero, &zero], None),
            ([&newer, &whole], None),
            ([&whole, &newer], None),
            ([&newer, &zero], None),
        ] {
            assert_eq!(Header::damaged_copy(copies), expected);
        }
    }
}
