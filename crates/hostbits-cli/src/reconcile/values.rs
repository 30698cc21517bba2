//! The values of the options of this room.

use std::time::Duration;

/// Reads `10m`, `1h 30m`, `90s`, or `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        _ => humantime::parse_duration(text)
            .map_err(|error| format!("{error}: write 10m, 90s or 1h 30m, for example")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in [
            ("0", 0),
            ("0s", 0),
            ("10m", 600),
            ("1h 30m", 5400),
            ("90s", 90),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "10", "m", "-1m", "ten minutes"] {
            assert!(duration(bad).unwrap_err().contains("write 10m"), "{bad}");
        }
    }
}
