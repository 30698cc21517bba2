//! The look of a series: point shape and line style distinguish it, and colour only in addition.

use plotters::style::RGBColor;

/// A point shape, a line style, a width and a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) marker: Marker,
    pub(crate) dash: Dash,
    /// The width of the line, in pixels.
    pub(crate) width: u32,
    pub(crate) colour: RGBColor,
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Disc,
    Square,
    Triangle,
    Diamond,
    Ring,
    OpenSquare,
    OpenTriangle,
    OpenDiamond,
    Fall,
    Cross,
    Plus,
}

/// The style of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    None,
    Long,
    Short,
    Dots,
}

/// Our markers: solid shapes.
const OURS: [Marker; 4] = [
    Marker::Disc,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
];
const RIVALS: [Marker; 7] = [
    Marker::Ring,
    Marker::OpenSquare,
    Marker::OpenTriangle,
    Marker::OpenDiamond,
    Marker::Cross,
    Marker::Plus,
    Marker::Fall,
];
/// Our line styles. 4 shapes and 3 styles have no common divisor, so 12 pairs pass before one repeats.
const OUR_DASHES: [Dash; 3] = [Dash::None, Dash::Long, Dash::Dots];
/// The rivals' line styles. 7 shapes and 3 styles have no common divisor, so 21 pairs pass before one repeats.
const DASHES: [Dash; 3] = [Dash::Long, Dash::Short, Dash::Dots];
/// The colours: people with colour blindness can distinguish them, and they are dark enough on white.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 90, 160),
    RGBColor(190, 75, 0),
    RGBColor(0, 120, 85),
    RGBColor(165, 60, 120),
    RGBColor(120, 95, 0),
];
const BLACK: RGBColor = RGBColor(0, 0, 0);

impl Look {
    /// Returns the look of our series number `index`.
    pub(crate) fn ours(index: usize) -> Self {
        Self {
            marker: OURS[index % OURS.len()],
            // Our lines often lie on top of each other: then the gaps of one show the other.
            dash: OUR_DASHES[index % OUR_DASHES.len()],
            width: 3,
            colour: BLACK,
        }
    }

    /// Returns the look of the rivals' series number `index`.
    pub(crate) fn rival(index: usize) -> Self {
        Self {
            marker: RIVALS[index % RIVALS.len()],
            dash: DASHES[index % DASHES.len()],
            width: 2,
            colour: COLOURS[index % COLOURS.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Look;

    /// In black and white, only shape and line style distinguish the series.
    #[test]
    fn no_two_series_look_alike_without_colour() {
        let looks: Vec<_> = (0..12)
            .map(Look::ours)
            .chain((0..21).map(Look::rival))
            .map(|look| (look.marker, look.dash))
            .collect();
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[..index].contains(look), "{index}: {look:?}");
        }
    }
}
