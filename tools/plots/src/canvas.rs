//! A white page in pixels, and the few shapes that plots are made of.
//!
//! Only this module uses the drawing library. Text is written as text: no fonts are needed to draw,
//! and a viewer shows the picture with its own fonts.

use crate::look::{Dash, Look, Marker};
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::element::PointCollection;
use plotters::element::{
    Circle, DashedPathElement, Drawable, PathElement, Polygon, Rectangle, Text,
};
use plotters::prelude::{
    BLACK, Color, DrawingArea, FontDesc, FontFamily, FontStyle, FontTransform, IntoDrawingArea,
    RGBColor, ShapeStyle, WHITE,
};
use plotters::style::TextStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A place on the page: pixels from the left, and from the top.
pub(crate) type Point = (i32, i32);
/// The outcome of drawing: the error says why something was not drawn.
pub(crate) type Drawn = Result<(), String>;

/// Grey enough to stay behind, dark enough to print.
const GRID: RGBColor = RGBColor(205, 205, 205);
const MARKER_RADIUS: i32 = 6;
/// The drawing library divides sizes by this number when it writes them into the picture.
const SIZE_UNIT: f64 = 1.24;

/// A page that is being drawn.
pub(crate) struct Canvas<'a>(DrawingArea<SVGBackend<'a>, Shift>);

/// How a text is written.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    /// The height of the letters, in pixels.
    pub(crate) size: i32,
    pub(crate) align: Align,
    pub(crate) bold: bool,
    /// Whether the text runs from the bottom upwards.
    pub(crate) upwards: bool,
}

/// Which end of a text is at the point where it is put.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    Left,
    Middle,
    Right,
}

impl Style {
    /// Returns the style of text of the usual size.
    pub(crate) const fn new(align: Align) -> Self {
        Self {
            size: 16,
            align,
            bold: false,
            upwards: false,
        }
    }

    pub(crate) const fn sized(mut self, size: i32) -> Self {
        self.size = size;
        self
    }

    pub(crate) const fn bold(mut self, bold: bool) -> Self {
        self.bold = bold;
        self
    }

    pub(crate) const fn upwards(mut self) -> Self {
        self.upwards = true;
        self
    }
}

/// Draws a page of `size` and returns it as SVG.
pub(crate) fn page(
    size: (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> Drawn,
) -> Result<String, String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(|error| error.to_string())?;
        let canvas = Canvas(area);
        draw(&canvas)?;
        canvas.0.present().map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

impl<'a> Canvas<'a> {
    /// Writes `text` beside `at`, in the middle of its height.
    pub(crate) fn text(&self, text: &str, at: Point, style: Style) -> Drawn {
        let horizontal = match style.align {
            Align::Left => HPos::Left,
            Align::Middle => HPos::Center,
            Align::Right => HPos::Right,
        };
        let weight = if style.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let size = f64::from(style.size) * SIZE_UNIT;
        let mut font = FontDesc::new(FontFamily::SansSerif, size, weight);
        if style.upwards {
            font = font.transform(FontTransform::Rotate270);
        }
        let style = TextStyle::from(font).pos(Pos::new(horizontal, VPos::Center));
        self.draw(&Text::new(text.to_owned(), at, style))
    }

    /// Draws a thin grey line.
    pub(crate) fn grid_line(&self, from: Point, to: Point) -> Drawn {
        self.draw(&PathElement::new(vec![from, to], GRID.stroke_width(1)))
    }

    /// Draws a black line: an axis.
    pub(crate) fn axis_line(&self, from: Point, to: Point) -> Drawn {
        self.draw(&PathElement::new(vec![from, to], BLACK.stroke_width(1)))
    }

    /// Draws a line through `points` in the given look.
    pub(crate) fn line(&self, points: &[Point], look: Look) -> Drawn {
        let points = points.to_vec();
        let style = look.colour.stroke_width(look.width);
        let dashed = |dash, gap| DashedPathElement::new(points.clone(), dash, gap, style);
        match look.dash {
            Dash::None => self.draw(&PathElement::new(points, style)),
            Dash::Long => self.draw(&dashed(12, 5)),
            Dash::Short => self.draw(&dashed(6, 4)),
            Dash::Dots => self.draw(&dashed(2, 4)),
        }
    }

    /// Draws the marker of a measured point.
    pub(crate) fn marker(&self, at: Point, look: Look) -> Drawn {
        let (filled, outline) = (look.colour.filled(), look.colour.stroke_width(2));
        match look.marker {
            Marker::Disc => self.draw(&Circle::new(at, MARKER_RADIUS, filled)),
            Marker::Square => self.polygon(at, &SQUARE, filled),
            Marker::Triangle => self.polygon(at, &TRIANGLE, filled),
            Marker::Diamond => self.polygon(at, &DIAMOND, filled),
            Marker::Ring => {
                self.draw(&Circle::new(at, MARKER_RADIUS, WHITE.filled()))?;
                self.draw(&Circle::new(at, MARKER_RADIUS, outline))
            }
            Marker::OpenSquare => self.outline(at, &SQUARE, outline),
            Marker::OpenTriangle => self.outline(at, &TRIANGLE, outline),
            Marker::OpenDiamond => self.outline(at, &DIAMOND, outline),
            Marker::Fall => self.outline(at, &FALL, outline),
            Marker::Cross => {
                self.stroke(at, &[(-1, -1), (1, 1)], outline)?;
                self.stroke(at, &[(-1, 1), (1, -1)], outline)
            }
            Marker::Plus => {
                self.stroke(at, &[(-1, 0), (1, 0)], outline)?;
                self.stroke(at, &[(0, -1), (0, 1)], outline)
            }
        }
    }

    /// Draws a bar between two corners: solid, or grey with an outline.
    pub(crate) fn bar(&self, corners: [Point; 2], solid: bool) -> Drawn {
        if solid {
            return self.draw(&Rectangle::new(corners, BLACK.filled()));
        }
        self.draw(&Rectangle::new(corners, GRID.filled()))?;
        self.draw(&Rectangle::new(corners, BLACK.stroke_width(1)))
    }

    fn polygon(&self, at: Point, shape: &[Point], style: ShapeStyle) -> Drawn {
        self.draw(&Polygon::new(around(at, shape), style))
    }

    /// Draws an outline that is white inside, so that lines do not shine through.
    fn outline(&self, at: Point, shape: &[Point], style: ShapeStyle) -> Drawn {
        self.polygon(at, shape, WHITE.filled())?;
        let closed: Vec<Point> = shape.iter().chain(&shape[..1]).copied().collect();
        self.stroke(at, &closed, style)
    }

    fn stroke(&self, at: Point, shape: &[Point], style: ShapeStyle) -> Drawn {
        self.draw(&PathElement::new(around(at, shape), style))
    }

    fn draw<E>(&self, element: &'_ E) -> Drawn
    where
        for<'e> &'e E: PointCollection<'e, Point>,
        E: Drawable<SVGBackend<'a>>,
    {
        self.0.draw(element).map_err(|error| error.to_string())
    }
}

/// The corners of the shapes, in units of the marker's radius.
const SQUARE: [Point; 4] = [(-1, -1), (1, -1), (1, 1), (-1, 1)];
const TRIANGLE: [Point; 3] = [(-1, 1), (0, -1), (1, 1)];
const FALL: [Point; 3] = [(-1, -1), (0, 1), (1, -1)];
const DIAMOND: [Point; 4] = [(0, -1), (1, 0), (0, 1), (-1, 0)];

fn around(at: Point, shape: &[Point]) -> Vec<Point> {
    let corner =
        |&(right, down): &Point| (at.0 + right * MARKER_RADIUS, at.1 + down * MARKER_RADIUS);
    shape.iter().map(corner).collect()
}
