//! A bar for each contestant, with its name and its figure, in sections.

use crate::canvas::{Align, Canvas, Drawn, Style, page};
use crate::scale::{Scale, short};

/// A picture of bars, one below the other, on one scale.
#[derive(Clone, Debug)]
pub(crate) struct Bars {
    pub(crate) title: String,
    /// The label of the horizontal axis, with its unit.
    pub(crate) label: String,
    pub(crate) sections: Vec<Section>,
}

/// Bars under a heading.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) bars: Vec<Bar>,
}

/// The bar of one contestant.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// Whether this is hostbits.
    pub(crate) ours: bool,
    /// The length of the bar; none if the contestant was not run.
    pub(crate) value: Option<f64>,
}

const WIDTH: i32 = 1080;
const LEFT: i32 = 330;
const RIGHT: i32 = 960;
const TOP: i32 = 60;
const STEP: i32 = 32;
const THICKNESS: i32 = 20;

impl Bars {
    /// Draws the picture as SVG.
    pub(crate) fn svg(&self) -> Result<String, String> {
        let bars = self.sections.iter().flat_map(|section| &section.bars);
        let scale = Scale::fitting(bars.filter_map(|bar| bar.value)).for_bars();
        let bottom = TOP + 10 + STEP * self.rows() as i32;
        page((WIDTH as u32, (bottom + 75) as u32), |canvas| {
            canvas.text(&self.title, (20, 28), Style::new(Align::Left).sized(20))?;
            self.frame(&scale, bottom, canvas)?;
            self.draw_sections(&scale, canvas)?;
            canvas.axis_line((LEFT, TOP), (LEFT, bottom))
        })
    }

    /// Returns the number of rows: one for each bar and each heading.
    fn rows(&self) -> usize {
        let rows = |section: &Section| 1 + section.bars.len();
        self.sections.iter().map(rows).sum()
    }

    fn draw_sections(&self, scale: &Scale, canvas: &Canvas<'_>) -> Drawn {
        let mut tops = (0..).map(|row| TOP + 10 + STEP * row);
        let mut top = || tops.next().expect("there is always another");
        for section in &self.sections {
            let heading = Style::new(Align::Left).sized(17);
            canvas.text(&section.heading, (20, top() + THICKNESS / 2), heading)?;
            for bar in &section.bars {
                draw(bar, scale, top(), canvas)?;
            }
        }
        Ok(())
    }

    fn frame(&self, scale: &Scale, bottom: i32, canvas: &Canvas<'_>) -> Drawn {
        for value in scale.ticks() {
            let x = x_of(scale, value);
            canvas.grid_line((x, TOP), (x, bottom))?;
            canvas.text(&short(value), (x, bottom + 18), Style::new(Align::Middle))?;
        }
        let label = format!("{}{}", self.label, scale.kind());
        let below = ((LEFT + RIGHT) / 2, bottom + 50);
        canvas.text(&label, below, Style::new(Align::Middle))
    }
}

fn draw(bar: &Bar, scale: &Scale, top: i32, canvas: &Canvas<'_>) -> Drawn {
    let middle = top + THICKNESS / 2;
    let name = Style::new(Align::Right).bold(bar.ours);
    canvas.text(&bar.name, (LEFT - 10, middle), name)?;
    let figure = Style::new(Align::Left);
    let Some(value) = bar.value else {
        return canvas.text("not run", (LEFT + 8, middle), figure);
    };
    let end = x_of(scale, value);
    canvas.bar([(LEFT, top), (end, top + THICKNESS)], bar.ours)?;
    canvas.text(&short(value), (end + 8, middle), figure.bold(bar.ours))
}

fn x_of(scale: &Scale, value: f64) -> i32 {
    LEFT + (scale.position(value) * f64::from(RIGHT - LEFT)).round() as i32
}
