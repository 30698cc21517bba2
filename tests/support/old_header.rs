//! How a library without leases reads a header, as it was at commit 757626d: frozen, so that it shows what such a library
//! says to a file of today. Do not bring it up to date.

/// What that library finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    BadMagic,
    Damaged,
    /// `OpenError::UnsupportedVersion`
    Version(u32),
    /// `OpenError::UnsupportedFeatures`
    Features(u64),
    /// It goes on, to the facts of the pool.
    Understood,
}

pub(crate) fn decode(block: &[u8]) -> Found {
    let number = |at: usize| u64::from_le_bytes(block[at..at + 8].try_into().unwrap());
    let half = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
    if block[..8] != [0x89, b'I', b'P', b'B', b'M', b'\r', b'\n', 0x1a] {
        return Found::BadMagic;
    }
    if half(0x1fc) != crc32c(&block[..0x1fc]) {
        return Found::Damaged;
    }
    match half(0x08) {
        2 => {}
        other => return Found::Version(other),
    }
    match number(0x20) {
        0 => {}
        unknown => return Found::Features(unknown),
    }
    // What is kept is zero.
    match block[0x1b0..0x1f8].iter().all(|&byte| byte == 0) {
        true => Found::Understood,
        false => Found::Damaged,
    }
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}
