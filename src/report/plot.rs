//! One series as an SVG picture: what was counted, what was expected, which buckets were flagged.
//!
//! Drawn twice as large as shown, because the backend places everything on whole pixels. A long series is thinned to the extremes of
//! each pixel column, so that no spike is lost and the file stays small. The bytes depend on the input alone.

use jiff::Zoned;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::detect::percent;
use super::ticks::{nice_step, number, time_ticks};
use crate::data::Series;
use crate::data::truth::Window;
use crate::detect::Band;

/// Size as shown, in pixels.
const SIZE: (i32, i32) = (960, 430);
/// Drawn pixels per shown one.
const SCALE: i32 = 2;
/// The frame of the data, as shown: left, top, right, bottom.
const FRAME: (i32, i32, i32, i32) = (64, 82, 944, 392);
/// Middle of the line below the title: what the values are, and the legend.
const SECOND_LINE: i32 = 48;
/// Train is drawn as far back as this many lengths of test.
const TRAIN_SHOWN: usize = 2;

const INK: RGBColor = RGBColor(0x33, 0x3B, 0x47);
const MUTED: RGBColor = RGBColor(0x6B, 0x74, 0x80);
const GRID: RGBColor = RGBColor(0xE6, 0xE9, 0xED);
const AXIS: RGBColor = RGBColor(0xA9, 0xB1, 0xBB);
const EXPECTED: RGBColor = RGBColor(0x1F, 0x77, 0xC9);
/// The band lets truth and grid shine through.
const BAND_OPACITY: f64 = 0.24;
const FLAG: RGBColor = RGBColor(0xD6, 0x27, 0x28);
const TRUTH: RGBColor = RGBColor(0xFB, 0xE3, 0xB0);

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// Nothing to draw.
    #[error("nothing to plot: the test range has no bucket, or no bucket has a value")]
    Empty,
    /// The drawing library refused.
    #[error("the plot cannot be drawn: {0}")]
    Draw(String),
}

/// What a picture shows.
#[derive(Debug, Clone, Copy)]
pub struct Plot<'a> {
    /// The title, for example `counts.csv, lgbm`.
    pub title: &'a str,
    /// What the values are, for example `tickets per day`.
    pub y_label: &'a str,
    /// Train; the part next to test is drawn.
    pub train: &'a Series,
    /// Test.
    pub test: &'a Series,
    /// Per test bucket, what was expected; empty for models without forecasts.
    pub bands: &'a [Band],
    /// Per test bucket, whether it was flagged.
    pub flagged: &'a [bool],
    /// The level of the interval.
    pub interval: f64,
    /// Anomalous windows, counted from the first bucket of train.
    pub truth: &'a [Window],
}

/// Draws a series as SVG text.
///
/// # Errors
/// [`PlotError`] when there is nothing to draw.
pub fn series_svg(plot: &Plot<'_>) -> Result<String, PlotError> {
    let canvas = Canvas::new(plot).ok_or(PlotError::Empty)?;
    let mut svg = String::new();
    let size = (SIZE.0 * SCALE, SIZE.1 * SCALE);
    {
        let backend = SVGBackend::with_string(&mut svg, (size.0.unsigned_abs(), size.1.unsigned_abs()));
        let area = backend.into_drawing_area();
        canvas.draw(&area, plot).and_then(|()| area.present()).map_err(|error| PlotError::Draw(error.to_string()))?;
    }
    // Shown at half of the drawn size.
    let drawn = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    let shown = format!("width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    Ok(svg.replacen(&drawn, &shown, 1))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;
type Pixel = (i32, i32);

/// A bucket that is drawn.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    x: i32,
    value: Option<f64>,
    band: Option<Band>,
    flagged: bool,
}

/// Scales and the buckets placed on them.
struct Canvas {
    buckets: Vec<Bucket>,
    /// First bucket drawn, counted from the first of train.
    from: usize,
    start: Zoned,
    end: Zoned,
    low: f64,
    high: f64,
}

impl Canvas {
    fn new(plot: &Plot<'_>) -> Option<Self> {
        let test = plot.test.len();
        let from = plot.train.len().saturating_sub(TRAIN_SHOWN * test);
        if test == 0 {
            return None;
        }
        let start = if from < plot.train.len() { plot.train.grid().stamp(from) } else { plot.test.grid().stamp(0) };
        let end = plot.test.grid().end(test - 1);
        let mut canvas = Self { buckets: Vec::new(), from, start, end, low: 0.0, high: 1.0 };
        canvas.buckets.reserve(plot.train.len() - from + test);
        for i in from..plot.train.len() {
            let x = canvas.middle(plot.train, i);
            canvas.buckets.push(Bucket { x, value: plot.train.values()[i], band: None, flagged: false });
        }
        for i in 0..test {
            let x = canvas.middle(plot.test, i);
            let band = plot.bands.get(i).copied().filter(|band| [band.expected, band.lower, band.upper].iter().all(|v| v.is_finite()));
            let flagged = plot.flagged.get(i).copied().unwrap_or(false);
            canvas.buckets.push(Bucket { x, value: plot.test.values()[i], band, flagged });
        }
        (canvas.low, canvas.high) = value_range(&canvas.buckets)?;
        Some(canvas)
    }

    fn middle(&self, series: &Series, i: usize) -> i32 {
        let (left, right) = (self.x(&series.grid().stamp(i)), self.x(&series.grid().end(i)));
        pixel(0.5 * (left + right))
    }

    fn x(&self, at: &Zoned) -> f64 {
        let seconds = |to: &Zoned| to.timestamp().duration_since(self.start.timestamp()).as_secs_f64();
        f64::from(FRAME.0) + f64::from(FRAME.2 - FRAME.0) * seconds(at) / seconds(&self.end)
    }

    fn y(&self, value: f64) -> i32 {
        let share = (value.clamp(self.low, self.high) - self.low) / (self.high - self.low);
        pixel(f64::from(FRAME.3) - f64::from(FRAME.3 - FRAME.1) * share)
    }

    /// Drawn x of bucket `i` counted from the first of train, half a bucket to the left.
    fn edge(&self, plot: &Plot<'_>, i: usize) -> i32 {
        let n = plot.train.len();
        let at = if i < n { plot.train.grid().stamp(i) } else { plot.test.grid().stamp(i - n) };
        pixel(self.x(&at))
    }

    fn draw<'a>(&self, area: &Area<'a>, plot: &Plot<'_>) -> Drawn<'a> {
        area.fill(&WHITE)?;
        self.draw_truth(area, plot)?;
        self.draw_axes(area, plot)?;
        self.draw_band(area)?;
        self.draw_boundary(area, plot)?;
        // Where pixels hold several buckets a broad line would run into a blot.
        let width = if self.buckets.len() > 900 { 2 } else { 3 };
        let expected = |bucket: &Bucket| bucket.band.map(|band| self.y(band.expected));
        self.draw_line(area, expected, EXPECTED.stroke_width(width))?;
        self.draw_line(area, |bucket| bucket.value.map(|value| self.y(value)), INK.stroke_width(width))?;
        self.draw_flags(area)?;
        self.draw_heading(area, plot)
    }

    fn draw_truth<'a>(&self, area: &Area<'a>, plot: &Plot<'_>) -> Drawn<'a> {
        let end = plot.train.len() + plot.test.len();
        let mut spans: Vec<(i32, i32)> = Vec::new();
        for window in plot.truth.iter().filter(|window| window.last >= self.from && window.first < end) {
            let left = self.edge(plot, window.first.max(self.from));
            let right = self.edge(plot, (window.last + 1).min(end)).max(left + 2 * SCALE);
            match spans.last_mut() {
                Some(before) if left <= before.1 => before.1 = before.1.max(right),
                _ => spans.push((left, right)),
            }
        }
        for (left, right) in spans {
            area.draw(&Rectangle::new([(left, FRAME.1 * SCALE), (right, FRAME.3 * SCALE)], TRUTH.filled()))?;
        }
        Ok(())
    }

    fn draw_axes<'a>(&self, area: &Area<'a>, plot: &Plot<'_>) -> Drawn<'a> {
        let (left, right, bottom) = (FRAME.0 * SCALE, FRAME.2 * SCALE, FRAME.3 * SCALE);
        let step = nice_step((self.high - self.low) / 5.0);
        let mut tick = (self.low / step).ceil();
        while tick * step <= self.high + 1e-9 * step {
            let y = self.y(tick * step);
            area.draw(&PathElement::new(vec![(left, y), (right, y)], GRID.stroke_width(2)))?;
            text(
                area,
                &number(tick * step, step, self.high.abs().max(self.low.abs())),
                (left - 8 * SCALE, y),
                12,
                MUTED,
                (HPos::Right, VPos::Center),
            )?;
            tick += 1.0;
        }
        area.draw(&PathElement::new(vec![(left, bottom), (right, bottom)], AXIS.stroke_width(2)))?;
        for (at, label) in time_ticks(&self.start, &self.end) {
            let x = pixel(self.x(&at));
            area.draw(&PathElement::new(vec![(x, bottom), (x, bottom + 5 * SCALE)], AXIS.stroke_width(2)))?;
            text(area, &label, (x, bottom + 9 * SCALE), 12, MUTED, (HPos::Center, VPos::Top))?;
        }
        let zone = plot.test.grid().stamp(0).time_zone().iana_name().filter(|name| *name != "UTC").map(str::to_owned);
        if let Some(zone) = zone {
            text(area, &format!("time ({zone})"), (right, bottom + 25 * SCALE), 11, MUTED, (HPos::Right, VPos::Top))?;
        }
        Ok(())
    }

    /// The interval as one polygon per run of buckets that have one.
    fn draw_band<'a>(&self, area: &Area<'a>) -> Drawn<'a> {
        let half = self.buckets.windows(2).map(|pair| pair[1].x - pair[0].x).min().unwrap_or(0) / 2;
        for run in self.buckets.split(|bucket| bucket.band.is_none()).filter(|run| !run.is_empty()) {
            let (mut upper, mut lower): (Vec<Pixel>, Vec<Pixel>) = (Vec::new(), Vec::new());
            for column in run.chunk_by(|a, b| a.x / SCALE == b.x / SCALE) {
                let ends = || column.iter().filter_map(|bucket| bucket.band).map(|band| (self.y(band.lower), self.y(band.upper)));
                upper.push((column[0].x, ends().map(|(_, upper)| upper).min().unwrap_or(0)));
                lower.push((column[0].x, ends().map(|(lower, _)| lower).max().unwrap_or(0)));
            }
            // A run of one bucket is as wide as the bucket.
            if let ([above], [below]) = (upper.as_slice(), lower.as_slice()) {
                let (x, above, below) = (above.0, above.1, below.1);
                (upper, lower) = (vec![(x - half, above), (x + half, above)], vec![(x - half, below), (x + half, below)]);
            }
            upper.extend(lower.into_iter().rev());
            area.draw(&Polygon::new(upper, EXPECTED.mix(BAND_OPACITY).filled()))?;
        }
        Ok(())
    }

    fn draw_boundary<'a>(&self, area: &Area<'a>, plot: &Plot<'_>) -> Drawn<'a> {
        if plot.train.is_empty() {
            return Ok(());
        }
        let (x, top, bottom) = (self.edge(plot, plot.train.len()), FRAME.1 * SCALE, FRAME.3 * SCALE);
        let mut y = top;
        while y < bottom {
            area.draw(&PathElement::new(vec![(x, y), (x, (y + 8).min(bottom))], MUTED.stroke_width(2)))?;
            y += 16;
        }
        text(area, "train", (x - 6 * SCALE, top - 5 * SCALE), 12, MUTED, (HPos::Right, VPos::Bottom))?;
        text(area, "test", (x + 6 * SCALE, top - 5 * SCALE), 12, MUTED, (HPos::Left, VPos::Bottom))
    }

    /// A line broken where a bucket has nothing to show; a bucket alone is a dot.
    fn draw_line<'a>(&self, area: &Area<'a>, y: impl Fn(&Bucket) -> Option<i32>, style: ShapeStyle) -> Drawn<'a> {
        let points: Vec<Option<Pixel>> = self.buckets.iter().map(|bucket| y(bucket).map(|y| (bucket.x, y))).collect();
        for run in points.split(Option::is_none).filter(|run| !run.is_empty()) {
            let run: Vec<Pixel> = run.iter().flatten().copied().collect();
            match thinned(&run) {
                one if one.len() == 1 => area.draw(&Circle::new(one[0], 3, style.filled()))?,
                path => area.draw(&PathElement::new(path, style))?,
            }
        }
        Ok(())
    }

    /// One mark per pixel column, on the value farthest from its interval's middle.
    fn draw_flags<'a>(&self, area: &Area<'a>) -> Drawn<'a> {
        let marked: Vec<(Pixel, f64)> = self
            .buckets
            .iter()
            .filter(|bucket| bucket.flagged)
            .filter_map(|bucket| {
                let value = bucket.value?;
                Some(((bucket.x, self.y(value)), bucket.band.map_or(0.0, |band| (value - band.expected).abs())))
            })
            .collect();
        let radius = if marked.len() > 200 { 5 } else { 8 };
        for column in marked.chunk_by(|a, b| a.0.0 / SCALE == b.0.0 / SCALE) {
            let worst = column.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(column[0].0, |mark| mark.0);
            area.draw(&Circle::new(worst, radius + 2, WHITE.filled()))?;
            area.draw(&Circle::new(worst, radius, FLAG.filled()))?;
        }
        Ok(())
    }

    fn draw_heading<'a>(&self, area: &Area<'a>, plot: &Plot<'_>) -> Drawn<'a> {
        text(area, &fitting(plot.title, 90), (FRAME.0 * SCALE, 12 * SCALE), 17, INK, (HPos::Left, VPos::Top))?;
        text(area, &fitting(plot.y_label, 40), (FRAME.0 * SCALE, SECOND_LINE * SCALE), 12, MUTED, (HPos::Left, VPos::Center))?;
        self.draw_legend(area, plot)
    }

    /// On the right of the second line.
    fn draw_legend<'a>(&self, area: &Area<'a>, plot: &Plot<'_>) -> Drawn<'a> {
        let mut entries: Vec<(String, Mark)> = vec![("observed".to_owned(), Mark::Line(INK))];
        if self.buckets.iter().any(|bucket| bucket.band.is_some()) {
            entries.push(("expected".to_owned(), Mark::Line(EXPECTED)));
            entries.push((format!("{} % interval", percent(plot.interval)), Mark::Box(EXPECTED.mix(BAND_OPACITY))));
        }
        entries.push(("flagged".to_owned(), Mark::Dot));
        if !plot.truth.is_empty() {
            entries.push(("truth".to_owned(), Mark::Box(TRUTH.mix(1.0))));
        }
        // The reader's font is not known: widths of words are estimates on the broad side.
        let width = |label: &str| i32::try_from(label.chars().count()).unwrap_or(0) * 14;
        let total: i32 = entries.iter().map(|(label, _)| width(label) + 42 * SCALE).sum();
        let (mut x, y) = (FRAME.2 * SCALE - total + 18 * SCALE, SECOND_LINE * SCALE);
        for (label, mark) in &entries {
            mark.draw(area, (x, y))?;
            text(area, label, (x + 24 * SCALE, y), 12, INK, (HPos::Left, VPos::Center))?;
            x += width(label) + 42 * SCALE;
        }
        Ok(())
    }
}

/// A mark in the legend, 18 shown pixels wide.
enum Mark {
    Line(RGBColor),
    Box(RGBAColor),
    Dot,
}

impl Mark {
    fn draw<'a>(&self, area: &Area<'a>, (x, y): Pixel) -> Drawn<'a> {
        let right = x + 18 * SCALE;
        match self {
            Self::Line(color) => area.draw(&PathElement::new(vec![(x, y), (right, y)], color.stroke_width(4))),
            Self::Box(color) => area.draw(&Rectangle::new([(x, y - 6 * SCALE), (right, y + 6 * SCALE)], color.filled())),
            Self::Dot => area.draw(&Circle::new((x + 9 * SCALE, y), 8, FLAG.filled())),
        }
    }
}

/// A text cut to the room there is, without the control characters that XML forbids.
fn fitting(words: &str, most: usize) -> String {
    let words: Vec<char> = words.chars().filter(|c| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}')).collect();
    if words.len() <= most { words.into_iter().collect() } else { words[..most - 1].iter().chain(&['…']).collect() }
}

fn pixel(shown: f64) -> i32 {
    (shown * f64::from(SCALE)).round() as i32
}

fn text<'a>(area: &Area<'a>, words: &str, at: Pixel, size: i32, color: RGBColor, (h, v): (HPos, VPos)) -> Drawn<'a> {
    // The backend divides the size by 1.24.
    let font = ("sans-serif", f64::from(size * SCALE) * 1.24).into_font();
    area.draw(&Text::new(words.to_owned(), at, TextStyle::from(font).color(&color).pos(Pos::new(h, v))))
}

/// At most four points per pixel column: where the line enters, its extremes in order, where it leaves.
fn thinned(run: &[Pixel]) -> Vec<Pixel> {
    let mut path: Vec<Pixel> = Vec::new();
    for column in run.chunk_by(|a, b| a.0 / SCALE == b.0 / SCALE) {
        let extreme = |pick: fn(usize, usize) -> bool| {
            (0..column.len()).fold(0, |best, i| {
                let (a, b) = (usize::try_from(column[i].1).unwrap_or(0), usize::try_from(column[best].1).unwrap_or(0));
                if pick(a, b) { i } else { best }
            })
        };
        let mut kept = [0, extreme(|a, b| a < b), extreme(|a, b| a > b), column.len() - 1];
        kept.sort_unstable();
        for i in kept {
            if path.last() != Some(&column[i]) {
                path.push(column[i]);
            }
        }
    }
    path
}

/// The values drawn: all observed ones, and the intervals as far as they do not dwarf them; from zero where zero is near.
fn value_range(buckets: &[Bucket]) -> Option<(f64, f64)> {
    let fold = |values: &mut dyn Iterator<Item = f64>| values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let (low, high) = fold(&mut buckets.iter().filter_map(|bucket| bucket.value));
    if low > high {
        return None;
    }
    let span = if high > low { high - low } else { high.abs().max(1.0) };
    let (band_low, _) = fold(&mut buckets.iter().filter_map(|bucket| bucket.band.map(|band| band.lower)));
    let (_, band_high) = fold(&mut buckets.iter().filter_map(|bucket| bucket.band.map(|band| band.upper)));
    let (mut bottom, mut top) = (low.min(band_low).max(low - 0.5 * span), high.max(band_high).min(high + 0.5 * span));
    if bottom >= 0.0 && bottom < 0.5 * top {
        bottom = 0.0;
    }
    if low >= 0.0 && bottom < 0.0 && -bottom < 0.02 * top {
        bottom = 0.0;
    }
    if top <= bottom {
        (bottom, top) = (low - 0.5 * span, high + 0.5 * span);
    }
    top += 0.04 * (top - bottom);
    (top - bottom).is_finite().then_some((bottom, top))
}
