//! The look of a series: distinguished by point shape and line style, and only in addition by colour.

use plotters::style::RGBColor;

/// A point shape, a line style, a width and a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) marker: Marker,
    pub(crate) dash: Dash,
    /// Pixels.
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

/// What a line is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    None,
    Long,
    Short,
    Dots,
}

/// Solid shapes are ours.
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
/// 4 and 3 have no common divisor, nor have 7 and 3 below.
const OUR_DASHES: [Dash; 3] = [Dash::None, Dash::Long, Dash::Dots];
/// 7 shapes and 3 dashes have no common divisor, so 21 pairs pass before one returns.
const DASHES: [Dash; 3] = [Dash::Long, Dash::Short, Dash::Dots];
/// Told apart by the colour-blind, and dark enough on white.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 90, 160),
    RGBColor(190, 75, 0),
    RGBColor(0, 120, 85),
    RGBColor(165, 60, 120),
    RGBColor(120, 95, 0),
];
const BLACK: RGBColor = RGBColor(0, 0, 0);

impl Look {
    /// The look of our series number `index`.
    pub(crate) fn ours(index: usize) -> Self {
        Self {
            marker: OURS[index % OURS.len()],
            // Ours often lie on each other: then the gaps of one show that there is another.
            dash: OUR_DASHES[index % OUR_DASHES.len()],
            width: 3,
            colour: BLACK,
        }
    }

    /// The look of the rivals' series number `index`.
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

    /// In black and white, shape and line are all there is.
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
