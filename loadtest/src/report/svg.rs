//! Line plots as inline SVG: axes, ticks, series, shaded windows. Knows nothing of load tests.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 42.0;

/// How values run along an axis.
#[derive(Clone, Debug)]
pub(super) enum Scale {
    /// Evenly.
    Linear,
    /// By factors; values at or below zero sit at the axis.
    Log,
}

/// One axis.
pub(super) struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// How values run along it.
    pub scale: Scale,
    /// Ends.
    pub low: f64,
    /// Upper one.
    pub high: f64,
    /// Places and texts of its ticks.
    pub ticks: Vec<(f64, String)>,
}

/// One line.
pub(super) struct Line {
    /// Its name in the key.
    pub name: String,
    /// Class that gives its colour: `c0` to `c5`.
    pub class: &'static str,
    /// Points; a gap where y is not finite.
    pub points: Vec<(f64, f64)>,
    /// A dot at each point as well, with this text when pointed at.
    pub dots: Vec<String>,
}

/// A shaded stretch of the x axis.
pub(super) struct Shade {
    pub from: f64,
    pub to: f64,
    /// Its name, written at its top where there is room.
    pub name: String,
    /// Class that gives its colour.
    pub class: &'static str,
}

/// A whole plot.
pub(super) struct Plot {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
    pub shades: Vec<Shade>,
    /// A level line with its name, such as an objective.
    pub level: Option<(f64, String)>,
}

impl Axis {
    /// An even axis from 0, with round ticks.
    pub(super) fn linear(label: &str, high: f64, show: impl Fn(f64) -> String) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let step = round_step(high / 6.0);
        let count = (high / step + 1e-9).floor() as u32;
        let ticks = (0..=count)
            .map(|i| f64::from(i) * step)
            .map(|at| (at, show(at)))
            .collect();
        Self {
            label: label.to_owned(),
            scale: Scale::Linear,
            low: 0.0,
            high,
            ticks,
        }
    }

    /// An axis by factors that holds `low` to `high`, with ticks at 1, 2 and 5 where there is
    /// room, and at powers of ten elsewhere.
    pub(super) fn log(label: &str, low: f64, high: f64, show: impl Fn(f64) -> String) -> Self {
        let low = if low > 0.0 { low } else { 1.0 };
        let high = high.max(low * 1.5);
        let steps: &[f64] = if high / low < 500.0 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let ladder = |round: fn(f64) -> f64, value: f64| 10_f64.powf(round(value.log10()));
        let fits = |value: f64| value >= low * 0.999 && value <= high * 1.001;
        let (low_edge, high_edge) = (low, high);
        let mut ticks = Vec::new();
        let mut decade = ladder(f64::floor, low_edge);
        while decade <= high_edge {
            for at in steps
                .iter()
                .map(|step| step * decade)
                .filter(|at| fits(*at))
            {
                ticks.push((at, show(at)));
            }
            decade *= 10.0;
        }
        Self {
            label: label.to_owned(),
            scale: Scale::Log,
            low,
            high,
            ticks,
        }
    }

    fn share(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => {
                let value = value.max(self.low);
                (value / self.low).ln() / (self.high / self.low).ln()
            }
        };
        share.clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten, at or above the value.
fn round_step(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps
        .into_iter()
        .map(|s| s * power)
        .find(|s| *s >= value * 0.999)
        .unwrap_or(power * 10.0)
}

impl Plot {
    /// The plot as an SVG element that scales with its column.
    pub(super) fn svg(&self) -> String {
        let mut out = String::with_capacity(8 * 1024);
        self.write(&mut out).expect("writing to memory cannot fail");
        out
    }

    fn px(&self, x: f64) -> f64 {
        LEFT + self.x.share(x) * (WIDTH - LEFT - RIGHT)
    }

    fn py(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.share(y) * (HEIGHT - TOP - BOTTOM)
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(&self.title)
        )?;
        self.write_shades(out)?;
        self.write_axes(out)?;
        if let Some((at, name)) = &self.level {
            let y = self.py(*at);
            let (from, to) = (LEFT, WIDTH - RIGHT);
            writeln!(out, "<path class=\"level\" d=\"M{from} {y:.1}H{to}\"/>")?;
            let text_y = if y < TOP + 14.0 { y + 13.0 } else { y - 4.0 };
            let name = escape(name);
            writeln!(
                out,
                "<text class=\"levelname\" x=\"{to}\" y=\"{text_y:.1}\">{name}</text>"
            )?;
        }
        for line in &self.lines {
            self.write_line(out, line)?;
        }
        out.push_str("</svg>\n");
        Ok(())
    }

    fn write_shades(&self, out: &mut String) -> std::fmt::Result {
        for shade in &self.shades {
            let (from, to) = (self.px(shade.from), self.px(shade.to));
            let (width, height) = ((to - from).max(0.5), HEIGHT - TOP - BOTTOM);
            writeln!(
                out,
                "<rect class=\"{}\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" \
                 height=\"{height}\"><title>{}</title></rect>",
                shade.class,
                escape(&shade.name)
            )?;
            // About 6 units a letter: a name that does not fit shows only when pointed at.
            if !shade.name.is_empty() && shade.name.chars().count() as f64 * 6.2 < width {
                // At the foot: the top belongs to the level line's name.
                let (x, y) = (f64::midpoint(from, to), HEIGHT - BOTTOM - 6.0);
                let name = escape(&shade.name);
                writeln!(
                    out,
                    "<text class=\"shadename\" x=\"{x:.1}\" y=\"{y}\">{name}</text>"
                )?;
            }
        }
        Ok(())
    }

    fn write_axes(&self, out: &mut String) -> std::fmt::Result {
        let (base, end) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for (at, text) in &self.y.ticks {
            let y = self.py(*at);
            writeln!(out, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{end}\"/>")?;
            let (x, y) = (LEFT - 6.0, y + 4.0);
            writeln!(
                out,
                "<text class=\"ytick\" x=\"{x}\" y=\"{y:.1}\">{}</text>",
                escape(text)
            )?;
        }
        for (at, text) in &self.x.ticks {
            let x = self.px(*at);
            let (tick, y) = (base + 4.0, base + 17.0);
            writeln!(out, "<path class=\"axis\" d=\"M{x:.1} {base}V{tick}\"/>")?;
            writeln!(
                out,
                "<text class=\"xtick\" x=\"{x:.1}\" y=\"{y}\">{}</text>",
                escape(text)
            )?;
        }
        writeln!(
            out,
            "<path class=\"axis\" d=\"M{LEFT} {TOP}V{base}H{end}\"/>"
        )?;
        let (x, y) = (f64::midpoint(LEFT, end), HEIGHT - 6.0);
        writeln!(
            out,
            "<text class=\"label\" x=\"{x}\" y=\"{y}\">{}</text>",
            escape(&self.x.label)
        )?;
        let y = f64::midpoint(TOP, base);
        writeln!(
            out,
            "<text class=\"label ylabel\" transform=\"translate(13 {y}) rotate(-90)\">{}</text>",
            escape(&self.y.label)
        )
    }

    fn write_line(&self, out: &mut String, line: &Line) -> std::fmt::Result {
        let mut pen_down = false;
        write!(out, "<path class=\"line {}\" d=\"", line.class)?;
        for (x, y) in &line.points {
            if !y.is_finite() {
                pen_down = false;
                continue;
            }
            let verb = if pen_down { 'L' } else { 'M' };
            write!(out, "{verb}{:.1} {:.1}", self.px(*x), self.py(*y))?;
            pen_down = true;
        }
        out.push_str("\"/>\n");
        for ((x, y), text) in line.points.iter().zip(&line.dots) {
            if y.is_finite() {
                let (x, y, text) = (self.px(*x), self.py(*y), escape(text));
                writeln!(
                    out,
                    "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{text}\
                     </title></circle>",
                    line.class
                )?;
            }
        }
        Ok(())
    }

    /// The plot as a picture of its own, with title and key, for documents.
    pub(super) fn picture(&self, style: &str) -> String {
        let mut keys = String::new();
        let mut x = LEFT;
        for line in &self.lines {
            let (class, name, text_x) = (line.class, escape(&line.name), x + 24.0);
            keys += &format!(
                "<path class=\"line {class}\" d=\"M{x:.0} -14h18\"/>\
                 <text x=\"{text_x:.0}\" y=\"-10\">{name}</text>\n"
            );
            x += 44.0 + 7.0 * line.name.chars().count() as f64;
        }
        let plot = self.svg();
        let inside = plot.split_once('>').map_or("", |(_, inside)| inside);
        let title = escape(&self.title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 -54 {WIDTH} {}\" role=\"img\" \
             aria-label=\"{title}\">\n<style>{style} .title{{font-size:15px;font-weight:600}}\
             </style>\n<rect x=\"0\" y=\"-54\" width=\"{WIDTH}\" height=\"{}\" fill=\"#fff\"/>\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"-32\">{title}</text>\n{keys}{inside}",
            HEIGHT + 54.0,
            HEIGHT + 54.0
        )
    }

    /// The key to its lines.
    pub(super) fn key(&self) -> String {
        let entry = |line: &Line| {
            format!(
                "<li><i class=\"{}\"></i>{}</li>",
                line.class,
                escape(&line.name)
            )
        };
        format!(
            "<ul class=\"key\">{}</ul>\n",
            self.lines.iter().map(entry).collect::<String>()
        )
    }

    /// The plot with its title and key, as a figure of the page.
    pub(super) fn figure(&self) -> String {
        let (title, key, svg) = (escape(&self.title), self.key(), self.svg());
        format!("<figure>\n<figcaption>{title}</figcaption>\n{key}{svg}</figure>\n")
    }
}

/// Text made safe inside of HTML and SVG.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>) -> Plot {
        Plot {
            title: "a < b".to_owned(),
            x: Axis::linear("seconds", 20.0, |at| format!("{at}")),
            y: Axis::log("ms", 1.0, 100.0, |at| format!("{at}")),
            lines: vec![Line {
                name: "p99".to_owned(),
                class: "c0",
                points,
                dots: Vec::new(),
            }],
            shades: Vec::new(),
            level: None,
        }
    }

    #[test]
    fn values_land_where_the_axes_say() {
        let plot = plot(Vec::new());
        assert_eq!(plot.px(0.0), LEFT);
        assert_eq!(plot.px(20.0), WIDTH - RIGHT);
        let middle = f64::midpoint(TOP, HEIGHT - BOTTOM);
        assert!((plot.py(10.0) - middle).abs() < 1e-9);
        assert_eq!(plot.py(0.0), HEIGHT - BOTTOM);
    }

    #[test]
    fn gaps_lift_the_pen_and_text_is_escaped() {
        let svg = plot(vec![(0.0, 5.0), (1.0, f64::NAN), (2.0, 5.0)]).svg();
        let path = svg
            .split("line c0\" d=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        assert_eq!(path.map(|path| path.matches('M').count()), Some(2), "{svg}");
        assert!(svg.contains("a &lt; b"));
    }

    #[test]
    fn ticks_are_round_and_few() {
        let axis = Axis::linear("", 47.0, |at| format!("{at}"));
        let texts: Vec<&str> = axis.ticks.iter().map(|tick| tick.1.as_str()).collect();
        assert_eq!(texts, ["0", "10", "20", "30", "40"]);
        let axis = Axis::log("", 90.0, 1_000.0, |at| format!("{at:.0}"));
        let texts: Vec<&str> = axis.ticks.iter().map(|tick| tick.1.as_str()).collect();
        assert_eq!(texts, ["100", "200", "500", "1000"]);
    }
}
