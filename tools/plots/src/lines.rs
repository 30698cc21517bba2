//! Draws lines through measured points, each with its name at its end.

use crate::canvas::{Align, Canvas, Drawn, Point, Style, page};
use crate::look::Look;
use crate::scale::{Scale, short};

/// A picture of several series over the same horizontal axis.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) title: String,
    /// The label of the horizontal axis, with its unit.
    pub(crate) x_label: String,
    /// The label of the vertical axis, with its unit.
    pub(crate) y_label: String,
    /// The ticks of the horizontal axis: the position and the text of each.
    pub(crate) x_ticks: Vec<(f64, String)>,
    pub(crate) series: Vec<Series>,
    /// A vertical line with a remark, if there is one: its position and the text.
    pub(crate) mark: Option<(f64, String)>,
}

/// One line with its name.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Whether this is hostbits.
    pub(crate) ours: bool,
    /// The points from left to right, in the coordinates of the ticks and the unit of the vertical axis. If there are
    /// none, it was not run.
    pub(crate) points: Vec<(f64, f64)>,
    /// Whether other points are missing because they would have taken too long.
    pub(crate) partial: bool,
}

const WIDTH: i32 = 1230;
const LEFT: i32 = 125;
const RIGHT: i32 = 745;
const TOP: i32 = 60;
const BOTTOM: i32 = 500;
const HEIGHT: i32 = 580;
/// The space between the frame and the outermost points.
const INDENT: i32 = 25;
const NAMES_LEFT: i32 = RIGHT + 45;
/// The distance from one name to the next.
const NAMES_STEP: i32 = 22;
/// The most lines of ours in one picture: more would lie on top of each other, and show nothing.
const MOST_OF_OURS: usize = 2;

impl Lines {
    /// Draws the picture as SVG.
    pub(crate) fn svg(&self) -> Result<String, String> {
        if self.series.iter().filter(|series| series.ours).count() > MOST_OF_OURS {
            return Err(format!("more than {MOST_OF_OURS} lines of ours"));
        }
        let plot = Placed::new(self);
        let names = plot.names();
        // Many names make the page longer.
        let names_end = names.iter().map(|name| name.y + 20).max().unwrap_or(0);
        let size = (WIDTH as u32, HEIGHT.max(names_end) as u32);
        page(size, |canvas| {
            canvas.text(&self.title, (LEFT, 28), Style::new(Align::Left).sized(20))?;
            plot.frame(canvas)?;
            plot.mark(canvas)?;
            plot.series(canvas)?;
            names.iter().try_for_each(|name| name.draw(canvas))
        })
    }
}

impl Series {
    /// Returns the text at the end of the line.
    fn entry(&self) -> String {
        match (self.points.is_empty(), self.partial) {
            (true, _) => format!("{} (not run)", self.name),
            (false, true) => format!("{} (in part)", self.name),
            (false, false) => self.name.clone(),
        }
    }
}

/// A picture with its scales.
struct Placed<'a> {
    lines: &'a Lines,
    y: Scale,
    /// The leftmost and the rightmost tick.
    x_ends: (f64, f64),
}

impl<'a> Placed<'a> {
    fn new(lines: &'a Lines) -> Self {
        let points = lines.series.iter().flat_map(|series| &series.points);
        let ticks = || lines.x_ticks.iter().map(|tick| tick.0);
        Self {
            lines,
            y: Scale::fitting(points.map(|point| point.1)),
            x_ends: (
                ticks().fold(f64::INFINITY, f64::min),
                ticks().fold(f64::NEG_INFINITY, f64::max),
            ),
        }
    }

    fn x_of(&self, value: f64) -> i32 {
        let (first, last) = self.x_ends;
        let (left, right) = (LEFT + INDENT, RIGHT - INDENT);
        if first == last {
            return (left + right) / 2;
        }
        left + ((value - first) / (last - first) * f64::from(right - left)).round() as i32
    }

    fn y_of(&self, value: f64) -> i32 {
        BOTTOM - (self.y.position(value) * f64::from(BOTTOM - TOP)).round() as i32
    }

    /// Returns the names from top to bottom; series that were not run come last.
    fn names(&self) -> Vec<Name<'a>> {
        let name = |(series, look): (&'a Series, Look)| {
            let end = series.points.last();
            let end = end.map(|&(x, y)| (self.x_of(x), self.y_of(y)));
            let y = end.map_or(BOTTOM, |end| end.1);
            Name {
                series,
                look,
                end,
                y,
            }
        };
        let mut names: Vec<Name<'a>> = looks(&self.lines.series).into_iter().map(name).collect();
        names.sort_by_key(|name| (name.end.is_none(), name.y));
        let mut heights: Vec<i32> = names.iter().map(|name| name.y).collect();
        spread_out(&mut heights);
        names
            .iter_mut()
            .zip(heights)
            .for_each(|(name, y)| name.y = y);
        names
    }

    fn frame(&self, canvas: &Canvas<'_>) -> Drawn {
        for value in self.y.ticks() {
            let y = self.y_of(value);
            canvas.grid_line((LEFT, y), (RIGHT, y))?;
            canvas.text(&short(value), (LEFT - 10, y), Style::new(Align::Right))?;
        }
        for (value, text) in &self.lines.x_ticks {
            let x = self.x_of(*value);
            canvas.grid_line((x, TOP), (x, BOTTOM))?;
            canvas.text(text, (x, BOTTOM + 20), Style::new(Align::Middle))?;
        }
        canvas.axis_line((LEFT, TOP), (LEFT, BOTTOM))?;
        canvas.axis_line((LEFT, BOTTOM), (RIGHT, BOTTOM))?;
        self.labels(canvas)
    }

    fn labels(&self, canvas: &Canvas<'_>) -> Drawn {
        let below = ((LEFT + RIGHT) / 2, BOTTOM + 52);
        let beside = (24, (TOP + BOTTOM) / 2);
        let y_label = format!("{}{}", self.lines.y_label, self.y.kind());
        canvas.text(&self.lines.x_label, below, Style::new(Align::Middle))?;
        canvas.text(&y_label, beside, Style::new(Align::Middle).upwards())
    }

    fn mark(&self, canvas: &Canvas<'_>) -> Drawn {
        let Some((value, remark)) = &self.lines.mark else {
            return Ok(());
        };
        let x = self.x_of(*value);
        canvas.axis_line((x, TOP), (x, BOTTOM))?;
        canvas.text(remark, (x + 6, TOP + 12), Style::new(Align::Left).sized(14))
    }

    fn series(&self, canvas: &Canvas<'_>) -> Drawn {
        let looks = looks(&self.lines.series);
        // Ours are drawn last, so that nothing covers them.
        let (ours, rivals): (Vec<_>, Vec<_>) =
            looks.into_iter().partition(|(series, _)| series.ours);
        for (series, look) in rivals.into_iter().chain(ours) {
            let place = |point: &(f64, f64)| (self.x_of(point.0), self.y_of(point.1));
            let points: Vec<Point> = series.points.iter().map(place).collect();
            canvas.line(&points, look)?;
            for point in points {
                canvas.marker(point, look)?;
            }
        }
        Ok(())
    }
}

/// The name of a series, at or near the height of the last point of its line.
struct Name<'a> {
    series: &'a Series,
    look: Look,
    /// The end of its line, if it was run.
    end: Option<Point>,
    y: i32,
}

impl Name<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        if let Some(end) = self.end {
            canvas.grid_line((end.0 + 9, end.1), (RIGHT, end.1))?;
            canvas.grid_line((RIGHT, end.1), (NAMES_LEFT - 22, self.y))?;
            canvas.marker((NAMES_LEFT - 12, self.y), self.look)?;
        }
        let style = Style::new(Align::Left).bold(self.series.ours);
        canvas.text(&self.series.entry(), (NAMES_LEFT, self.y), style)
    }
}

/// Moves heights apart that are less than a step from each other, from the top down, and then back up into the page if
/// the lowest ones are too low. The heights are in order.
fn spread_out(heights: &mut [i32]) {
    let mut least = i32::MIN;
    for height in heights.iter_mut() {
        *height = least.max(*height);
        least = *height + NAMES_STEP;
    }
    let mut most = BOTTOM;
    for height in heights.iter_mut().rev() {
        *height = most.min(*height);
        most = *height - NAMES_STEP;
    }
    // If they do not all fit, start at the top, and the page becomes longer.
    let mut least = TOP;
    for height in heights {
        *height = least.max(*height);
        least = *height + NAMES_STEP;
    }
}

/// Returns the look of each series: ours and the rivals are numbered separately.
fn looks(series: &[Series]) -> Vec<(&Series, Look)> {
    let (mut ours, mut rivals) = ((0..).map(Look::ours), (0..).map(Look::rival));
    let look = |series: &Series| {
        if series.ours {
            ours.next()
        } else {
            rivals.next()
        }
    };
    let looks: Vec<_> = series.iter().map(look).collect();
    let looks = looks
        .into_iter()
        .map(|look| look.expect("there is always another"));
    series.iter().zip(looks).collect()
}
