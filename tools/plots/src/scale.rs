//! Maps values to positions along an axis, and chooses its ticks.

/// An axis that maps values to positions from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

/// The ratio of the largest to the smallest value from which an axis is logarithmic: on a linear one, small values
/// would stick to the axis.
const WIDE: f64 = 12.0;

impl Scale {
    /// Returns an axis for `values`, which must be above 0; it is logarithmic if they differ much.
    pub(crate) fn fitting(values: impl IntoIterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0f64);
        for value in values {
            least = least.min(value);
            most = most.max(value);
        }
        if most / least < WIDE {
            return Self {
                low: 0.0,
                high: most * 1.08,
                logarithmic: false,
            };
        }
        Self {
            low: step_below(least),
            high: most * 1.2,
            logarithmic: true,
        }
    }

    /// Returns the axis for bars. If it is logarithmic, it begins at a power of ten clearly below all values, so that
    /// the shortest bar can be seen.
    pub(crate) fn for_bars(mut self) -> Self {
        if self.logarithmic {
            self.low = power(1.0, (self.low / 1.5).log10().floor() as i32);
        }
        self
    }

    /// Returns the position of `value`: 0 at the low end, 1 at the high end.
    pub(crate) fn position(&self, value: f64) -> f64 {
        if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// Returns the values that get a line and a number.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            self.logarithmic_ticks()
        } else {
            self.linear_ticks()
        }
    }

    /// Returns the note for the label of the axis.
    pub(crate) fn kind(&self) -> &'static str {
        if self.logarithmic {
            ", logarithmic"
        } else {
            ""
        }
    }

    fn logarithmic_ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let mantissas: &[f64] = if decades > 3.5 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let all =
            (first..=last).flat_map(|decade| mantissas.iter().map(move |m| power(*m, decade)));
        all.filter(|tick| (self.low * 0.999..=self.high).contains(tick))
            .collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let rough = self.high / 6.0;
        let decade = rough.log10().floor() as i32;
        let steps = [1.0, 2.0, 5.0, 10.0].map(|m| power(m, decade));
        let step = steps.into_iter().find(|step| *step >= rough);
        let step = step.expect("the last step is above");
        (0..)
            .map(|count| f64::from(count) * step)
            .take_while(|tick| *tick <= self.high)
            .collect()
    }
}

/// Formats a number as short as possible: three digits are all that a bench can show.
pub(crate) fn short(value: f64) -> String {
    let text = match value {
        v if v >= 99.5 => format!("{v:.0}"),
        v if v >= 9.95 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    };
    match text.split_once('.') {
        Some(_) => without_zeros(&text),
        None => with_thousands(&text),
    }
}

/// Formats a share in per cent: 99.9 must not become 100.
pub(crate) fn percent(value: f64) -> String {
    without_zeros(&format!("{value:.2}"))
}

/// Removes the zeros at the end of a decimal fraction.
fn without_zeros(text: &str) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn with_thousands(digits: &str) -> String {
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns the largest of 1, 2, 5, 10, 20, ... that is not above `value`.
fn step_below(value: f64) -> f64 {
    let decade = value.log10().floor() as i32;
    let steps = [5.0, 2.0, 1.0].map(|m| power(m, decade));
    let step = steps.into_iter().find(|step| *step <= value);
    step.unwrap_or(power(1.0, decade))
}

fn power(mantissa: f64, decade: i32) -> f64 {
    mantissa * 10f64.powi(decade)
}

#[cfg(test)]
mod tests {
    use super::{Scale, percent, short};

    /// Values of similar size are compared by length, so the axis begins at 0.
    #[test]
    fn a_narrow_range_is_linear_from_zero() {
        let scale = Scale::fitting([10.0, 30.0]);
        assert_eq!(scale.position(0.0), 0.0);
        assert_eq!(scale.ticks(), [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(scale.kind(), "");
    }

    /// An axis from 3 to 4000 has a line for each 1, 2 and 5, and shows both ends.
    #[test]
    fn a_wide_range_is_logarithmic() {
        let scale = Scale::fitting([3.0, 4000.0]);
        assert_eq!(
            scale.ticks(),
            [
                2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0
            ]
        );
        assert!((0.0..0.1).contains(&scale.position(3.0)));
        assert!((0.9..1.0).contains(&scale.position(4000.0)));
        assert_eq!(scale.kind(), ", logarithmic");
    }

    /// Every bar has a visible length.
    #[test]
    fn the_shortest_bar_has_a_length() {
        for least in [1.0, 1.9, 5.14, 9.9] {
            let scale = Scale::fitting([least, 1000.0]).for_bars();
            assert!(scale.position(least) > 0.05, "{least}: {scale:?}");
        }
    }

    /// Numbers are as a reader expects them on a picture.
    #[test]
    fn numbers_are_short() {
        let shown = [0.25, 2.0, 17.34, 250.4, 1_234_567.0].map(short);
        assert_eq!(shown, ["0.25", "2", "17.3", "250", "1,234,567"]);
        assert_eq!([0.0, 50.0, 99.9].map(percent), ["0", "50", "99.9"]);
    }
}
