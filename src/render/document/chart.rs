//! Charts as SVG without a colour of their own: what plotters draws in marked colours takes those of the page's style sheet, so that one
//! picture serves light, dark and paper. Computes nothing but scales.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::render::markdown::shorten;
use crate::render::quantity::{decimals, duration, signed_decimals, time};
use crate::render::text::bars;

/// A picture of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What it shows, in words, for those who cannot see it.
    pub(crate) description: String,
    /// Names of the colours in it, in their order.
    pub(crate) legend: Vec<String>,
    pub(crate) plot: Plot,
}

/// What kind of picture.
#[derive(Debug, Clone)]
pub(crate) enum Plot {
    /// Lines over time, each `(µs since 1970 UTC, value)`; the first is filled. Stretches `(from, to)` and moments are marked.
    Course {
        lines: Vec<Vec<(i64, f64)>>,
        stretches: Vec<(i64, i64)>,
        moments: Vec<i64>,
        /// The least that the scale reaches to, so that small change does not look large.
        reaches: f64,
    },
    /// Executions by duration: `(µs, calls)`.
    Histogram(Vec<(i64, i64)>),
    /// Parts of a change by name, in the order of the legend; to the right what adds, to the left what takes away.
    Parts(Vec<(String, Vec<f64>)>),
}

const WIDTH: u32 = 760;
const HEIGHT: u32 = 200;
const SMALL_HEIGHT: u32 = 120;
const BAR_HEIGHT: u32 = 22;
const FONT: &str = "sans-serif";
const FONT_SIZE: u32 = 12;
/// Characters of a name beside its bar, and pixels for them.
const NAME_MAX: usize = 34;
const NAME_WIDTH: i32 = 250;
const SERIES: usize = 5;
/// Marked colours, which the page's style sheet gives their meaning.
const INK: RGBColor = RGBColor(0, 1, 0);
const GRID: RGBColor = RGBColor(0, 2, 0);
const MARK: RGBColor = RGBColor(0, 3, 0);
const COLORS: [(&str, &str); 3 + SERIES] = [
    ("\"#000100\"", "\"var(--ink)\""),
    ("\"#000200\"", "\"var(--line)\""),
    ("\"#000300\"", "\"var(--mark)\""),
    ("\"#000001\"", "\"var(--s1)\""),
    ("\"#000002\"", "\"var(--s2)\""),
    ("\"#000003\"", "\"var(--s3)\""),
    ("\"#000004\"", "\"var(--s4)\""),
    ("\"#000005\"", "\"var(--s5)\""),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Chart {
    /// Whether there is nothing to see.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.plot {
            Plot::Course { lines, .. } => lines.iter().all(|line| line.len() < 2),
            Plot::Histogram(bins) => bins.is_empty(),
            Plot::Parts(parts) => parts.is_empty(),
        }
    }

    /// The first line in one line of text, of at most so many columns.
    pub(crate) fn sparkline(&self, columns: usize) -> Option<String> {
        let Plot::Course { lines, .. } = &self.plot else {
            return None;
        };
        let line = lines.first().filter(|line| line.len() > 1)?;
        let merge = line.len().div_ceil(columns.max(1));
        let means = line.chunks(merge);
        let means =
            means.map(|points| points.iter().map(|(_, value)| value).sum::<f64>() / points.len() as f64);
        // Thousandths: bars take whole numbers.
        Some(bars(&means.map(|mean| (mean * 1e3) as i64).collect::<Vec<_>>()))
    }

    /// As SVG, to be put into a page that has the colours.
    pub(crate) fn svg(&self) -> String {
        let height = match &self.plot {
            Plot::Course { .. } => HEIGHT,
            Plot::Histogram(_) => SMALL_HEIGHT,
            Plot::Parts(parts) => BAR_HEIGHT * parts.len() as u32 + 2 * BAR_HEIGHT,
        };
        let mut svg = String::new();
        let drawn = {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
            match &self.plot {
                Plot::Course {
                    lines,
                    stretches,
                    moments,
                    reaches,
                } => course(&area, lines, (stretches, moments), *reaches),
                Plot::Histogram(bins) => histogram(&area, bins),
                Plot::Parts(parts) => parts_of_changes(&area, parts),
            }
        };
        // Drawing into a string fails for nothing but a scale without length, which no caller makes; then there is no picture.
        if drawn.is_err() {
            return String::new();
        }
        let label = format!(
            "<svg role=\"img\" aria-label=\"{}\" ",
            attribute(&self.description)
        );
        let size = format!("width=\"{WIDTH}\" height=\"{height}\" ");
        let svg = svg.replacen("<svg ", &label, 1).replacen(&size, "", 1);
        COLORS
            .iter()
            .fold(svg, |svg, (marked, color)| svg.replace(marked, color))
    }
}

fn attribute(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

fn series(index: usize) -> RGBColor {
    RGBColor(0, 0, (index % SERIES) as u8 + 1)
}

fn course(
    area: &Area<'_>,
    lines: &[Vec<(i64, f64)>],
    (stretches, moments): (&[(i64, i64)], &[i64]),
    reaches: f64,
) -> Drawn {
    let points = || lines.iter().flatten();
    let begin = points().map(|point| point.0).min().unwrap_or(0);
    let end = points().map(|point| point.0).max().unwrap_or(1).max(begin + 1);
    let most = points()
        .map(|point| point.1)
        .fold(reaches, f64::max)
        .max(f64::MIN_POSITIVE)
        * 1.05;
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .x_label_area_size(22)
        .y_label_area_size(48)
        .build_cartesian_2d(Moments(begin..end), 0.0..most)?;
    let font = (FONT, FONT_SIZE).into_font().color(&INK);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(GRID)
        .label_style(font)
        .y_labels(4)
        .y_label_formatter(&|value| decimals(*value))
        .draw()?;
    for (from, to) in stretches {
        let corners = [((*from).max(begin), most), ((*to).min(end), 0.0)];
        chart.draw_series([Rectangle::new(corners, MARK.mix(0.25).filled())])?;
    }
    for (index, line) in lines.iter().enumerate() {
        let color = series(index);
        if index == 0 {
            chart.draw_series(AreaSeries::new(line.iter().copied(), 0.0, color.mix(0.15)))?;
        }
        chart.draw_series(LineSeries::new(line.iter().copied(), color.stroke_width(2)))?;
    }
    for moment in moments {
        chart.draw_series(LineSeries::new(
            [(*moment, 0.0), (*moment, most)],
            MARK.stroke_width(2),
        ))?;
    }
    area.present()?;
    Ok(())
}

/// Columns a decade of durations.
const COLUMNS_A_DECADE: f64 = 8.0;

fn histogram(area: &Area<'_>, bins: &[(i64, i64)]) -> Drawn {
    let column = |us: i64| ((us.max(1) as f64).log10() * COLUMNS_A_DECADE).floor() as i64;
    let mut columns = std::collections::BTreeMap::<i64, i64>::new();
    for (us, calls) in bins {
        *columns.entry(column(*us)).or_default() += calls;
    }
    let decade = |column: i64| column as f64 / COLUMNS_A_DECADE;
    let first = columns
        .keys()
        .next()
        .map_or(0.0, |column| decade(*column).floor());
    let last = columns
        .keys()
        .next_back()
        .map_or(1.0, |column| decade(*column + 1).ceil());
    let most = columns.values().copied().max().unwrap_or(1) as f64 * 1.05;
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .x_label_area_size(22)
        .y_label_area_size(48)
        .build_cartesian_2d(first..last.max(first + 1.0), 0.0..most)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(GRID)
        .label_style((FONT, FONT_SIZE).into_font().color(&INK))
        .y_labels(3)
        .y_label_formatter(&|calls| decimals(*calls))
        .x_labels((last - first) as usize + 1)
        .x_label_formatter(&|decade| match decade.fract() {
            0.0 => duration(10_f64.powf(*decade).round() as i64)
                .replace(".00", "")
                .replace(".0", ""),
            _ => String::new(),
        })
        .draw()?;
    let bars = columns.iter().map(|(column, calls)| {
        let corners = [(decade(*column), 0.0), (decade(*column + 1), *calls as f64)];
        Rectangle::new(corners, series(0).filled())
    });
    chart.draw_series(bars)?;
    area.present()?;
    Ok(())
}

fn parts_of_changes(area: &Area<'_>, parts: &[(String, Vec<f64>)]) -> Drawn {
    let sum = |values: &[f64], is_wanted: fn(f64) -> bool| -> f64 {
        values.iter().copied().filter(|value| is_wanted(*value)).sum()
    };
    let most = parts
        .iter()
        .map(|(_, values)| sum(values, |value| value > 0.0))
        .fold(0.0, f64::max);
    let least = parts
        .iter()
        .map(|(_, values)| sum(values, |value| value < 0.0))
        .fold(0.0, f64::min);
    let length = (most - least).max(f64::MIN_POSITIVE);
    let (left, right) = (NAME_WIDTH + 60, WIDTH as i32 - 70);
    let x = |value: f64| left + ((value - least) / length * f64::from(right - left)) as i32;
    let font = || (FONT, FONT_SIZE).into_font().color(&INK);
    for (at, (name, values)) in parts.iter().enumerate() {
        let top = (at as u32 * BAR_HEIGHT + BAR_HEIGHT) as i32;
        area.draw(&Text::new(shorten(name, NAME_MAX), (4, top + 2), font()))?;
        let (mut above, mut below) = (0.0, 0.0);
        for (index, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            let from = if *value > 0.0 { &mut above } else { &mut below };
            let corners = [(x(*from), top), (x(*from + value), top + BAR_HEIGHT as i32 - 8)];
            *from += value;
            area.draw(&Rectangle::new(corners, series(index).filled()))?;
        }
        let change = signed_decimals(values.iter().sum());
        area.draw(&Text::new(change, (x(above) + 5, top + 2), font()))?;
    }
    let bottom = (parts.len() as u32 * BAR_HEIGHT + BAR_HEIGHT) as i32;
    area.draw(&PathElement::new(
        [(x(0.0), BAR_HEIGHT as i32 - 4), (x(0.0), bottom)],
        GRID.stroke_width(1),
    ))?;
    area.present()?;
    Ok(())
}

/// A scale of times with a label at midnights.
struct Moments(Range<i64>);

const HOUR_US: i64 = 3_600_000_000;
/// Hours between labels; the first that leaves room enough is taken.
const STEPS_H: [i64; 9] = [1, 3, 6, 12, 24, 48, 168, 336, 720];
const LABELS_MAX: i64 = 9;

impl Moments {
    fn step_us(&self) -> i64 {
        let length_us = self.0.end - self.0.start;
        let fits = |step_h: &&i64| length_us / (**step_h * HOUR_US) < LABELS_MAX;
        STEPS_H.iter().find(fits).unwrap_or(&STEPS_H[STEPS_H.len() - 1]) * HOUR_US
    }
}

impl Ranged for Moments {
    type FormatOption = NoDefaultFormatting;
    type ValueType = i64;

    fn map(&self, value: &i64, limit: (i32, i32)) -> i32 {
        let share = (value - self.0.start) as f64 / (self.0.end - self.0.start) as f64;
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<i64> {
        let step_us = self.step_us();
        let first = self.0.start.div_euclid(step_us) * step_us;
        (0..=LABELS_MAX + 1)
            .map(|step| first + step * step_us)
            .filter(|moment| (self.0.start..=self.0.end).contains(moment))
            .collect()
    }

    fn range(&self) -> Range<i64> {
        self.0.clone()
    }
}

impl ValueFormatter<i64> for Moments {
    fn format_ext(&self, value: &i64) -> String {
        let time = time(*value);
        if self.step_us() < 24 * HOUR_US {
            time.get(11..16).unwrap_or_default().to_owned()
        } else {
            time.get(5..10).unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(plot: Plot) -> String {
        let chart = Chart {
            title: "Load".to_owned(),
            description: "load <by> \"hour\"".to_owned(),
            legend: Vec::new(),
            plot,
        };
        chart.svg()
    }

    #[test]
    fn no_colour_is_left_to_the_picture() {
        let line = |factor: f64| {
            (0..48)
                .map(|hour| (hour * HOUR_US, hour as f64 * factor))
                .collect::<Vec<_>>()
        };
        let plots = [
            Plot::Course {
                lines: vec![line(1.0), line(2.0)],
                stretches: vec![(5 * HOUR_US, 7 * HOUR_US)],
                moments: vec![9 * HOUR_US],
                reaches: 1.0,
            },
            Plot::Histogram(vec![(500, 3), (1_200, 40), (90_000, 2)]),
            Plot::Parts(vec![
                ("SELECT <a>".to_owned(), vec![1.0, 2.0, 0.0, -0.5]),
                ("b".to_owned(), vec![-1.0, 0.0, 0.0, 0.0]),
            ]),
        ];
        for plot in plots {
            let svg = svg(plot);
            assert!(svg.contains("var(--s1)") && svg.contains("var(--ink)"), "{svg}");
            assert!(!svg.contains("\"#"), "{svg}");
            assert!(
                svg.contains("aria-label=\"load &lt;by> &quot;hour&quot;\""),
                "{svg}"
            );
            assert!(!svg.contains("<a>"), "{svg}");
        }
    }

    #[test]
    fn a_scale_of_times_has_labels_at_midnight() {
        let moments = Moments(5 * HOUR_US..8 * 24 * HOUR_US);
        let days: Vec<i64> = moments.key_points(10).iter().map(|us| us / HOUR_US).collect();
        assert_eq!(days, [24, 48, 72, 96, 120, 144, 168, 192]);
        assert_eq!(moments.format_ext(&(24 * HOUR_US)), "01-02");
        assert_eq!(Moments(0..6 * HOUR_US).format_ext(&HOUR_US), "01:00");
    }
}
