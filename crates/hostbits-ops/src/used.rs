//! The usage of a pool.

use serde::{Serialize, Serializer};
use std::fmt;

/// The share of usable addresses that are taken, in tenths of a percent, never rounded up: 100 % means that none is
/// left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    tenths: u16,
    /// Whether the exact share is larger than those tenths.
    has_rest: bool,
}

impl Used {
    /// Returns the share of `taken` in `taken` and `free`. If both are 0, everything is used.
    pub fn of(taken: u64, free: u64) -> Self {
        let all = u128::from(taken) + u128::from(free);
        let thousand = u128::from(taken) * 1000;
        match all {
            0 => Self {
                tenths: 1000,
                has_rest: false,
            },
            // At most 1000.
            all => Self {
                tenths: (thousand / all) as u16,
                has_rest: !thousand.is_multiple_of(all),
            },
        }
    }

    /// Reports whether the share is above this many percent.
    pub fn is_above(self, percent: u8) -> bool {
        let limit = Self {
            tenths: u16::from(percent) * 10,
            has_rest: false,
        };
        self > limit
    }

    /// Returns the share in tenths of a percent.
    pub fn tenths(self) -> u16 {
        self.tenths
    }
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} %", self.tenths / 10, self.tenths % 10)
    }
}

/// Serialized as a number of percent.
impl Serialize for Used {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.tenths) / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_rounded_up() {
        for (taken, free, text) in [
            (0, 1, "0.0 %"),
            (1, 1, "50.0 %"),
            (13, 1, "92.8 %"),
            (u64::MAX, 1, "99.9 %"),
            (1, 0, "100.0 %"),
            (0, 0, "100.0 %"),
        ] {
            assert_eq!(Used::of(taken, free).to_string(), text);
        }
    }

    #[test]
    fn a_limit_is_compared_exactly() {
        assert!(!Used::of(90, 10).is_above(90));
        assert!(Used::of(90_001, 9_999).is_above(90));
        assert!(Used::of(1, u64::MAX).is_above(0));
        assert!(!Used::of(0, 1).is_above(0));
        assert!(!Used::of(5, 0).is_above(100));
    }
}
