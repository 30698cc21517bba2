//! Numbers in blocks of 512 bytes, little-endian, and the checksum at their end.
//!
//! The offsets are constants of `header` and `state`. Nothing here reads a length or an offset out of
//! the bytes.

/// A header or a state slot.
pub(crate) const BLOCK_BYTES: usize = 512;

/// Where the checksum of everything before it is.
pub(crate) const CHECKSUM_AT: usize = 0x1fc;

pub(crate) type Block = [u8; BLOCK_BYTES];

pub(super) fn get_u32(block: &Block, at: usize) -> u32 {
    u32::from_le_bytes(get(block, at))
}

pub(super) fn get_u64(block: &Block, at: usize) -> u64 {
    u64::from_le_bytes(get(block, at))
}

/// A count by ones that can go on for ever; `None` for a number that nobody can have counted to.
pub(super) fn get_count(block: &Block, at: usize) -> Option<u64> {
    Some(get_u64(block, at)).filter(|&count| count <= u64::MAX / 2)
}

pub(super) fn get<const LEN: usize>(block: &Block, at: usize) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    bytes.copy_from_slice(&block[at..at + LEN]);
    bytes
}

pub(super) fn put_u32(block: &mut Block, at: usize, value: u32) {
    put(block, at, value.to_le_bytes());
}

pub(super) fn put_u64(block: &mut Block, at: usize, value: u64) {
    put(block, at, value.to_le_bytes());
}

pub(super) fn put<const LEN: usize>(block: &mut Block, at: usize, bytes: [u8; LEN]) {
    block[at..at + LEN].copy_from_slice(&bytes);
}

/// Writes the checksum. The last thing to do to a block.
pub(super) fn seal(block: &mut Block) {
    let checksum = crc32c(&block[..CHECKSUM_AT]);
    put_u32(block, CHECKSUM_AT, checksum);
}

pub(super) fn is_sealed(block: &Block) -> bool {
    get_u32(block, CHECKSUM_AT) == crc32c(&block[..CHECKSUM_AT])
}

/// CRC-32C (Castagnoli), as of iSCSI and ext4.
///
/// By a table of our own: what is summed is a few kilobytes per opening, too little for a dependency.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        sum >> 8 ^ CRC_TABLE[usize::from(sum as u8 ^ byte)]
    })
}

const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the catalogue of CRCs, and those of RFC 3720, B.4.
    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&[]), 0);
    }
}
