//! The plots of a report.

use super::{
    Report,
    svg::{Axis, Line, Plot, Shade},
};
use crate::{record::Hist, units::show_us};

/// Latency's quantiles second by second, by the second in which requests were due.
pub(super) fn latency_over_time(report: &Report, level_us: Option<f64>) -> Plot {
    let pick = [
        (
            "max",
            "c3",
            (|row| row.max_us) as fn(&super::TimelineRow) -> f64,
        ),
        ("p99", "c0", |row| row.p99_us),
        ("p90", "c1", |row| row.p90_us),
        ("p50", "c2", |row| row.p50_us),
    ];
    let lines = pick.map(|(name, class, value)| {
        let point = |row: &super::TimelineRow| {
            let us = value(row);
            // A second in which nothing was due has no latency.
            (
                row.second as f64 + 0.5,
                if row.cell.sent > 0 { us } else { f64::NAN },
            )
        };
        line(name, class, report.timeline.iter().map(point).collect())
    });
    let least = report.latency.min_us.min(level_us.unwrap_or(f64::MAX));
    let most = report.latency.max_us.max(level_us.unwrap_or(0.0));
    Plot {
        title: "Latency from the scheduled time, by second".to_owned(),
        x: seconds_axis(report),
        y: Axis::log("latency", least * 0.9, most * 1.15, short_us),
        lines: lines.into(),
        shades: shades(report),
        level: level_us.map(|us| (us, format!("limit {}", show_us(us)))),
    }
}

/// What was asked of the server and what it gave.
pub(super) fn rate_over_time(report: &Report) -> Plot {
    let rows = &report.timeline;
    let shown = whole_seconds(report);
    let series = |name, class, value: fn(&super::TimelineRow) -> u64| {
        let point = |row: &super::TimelineRow| (row.second as f64 + 0.5, value(row) as f64);
        line(name, class, rows.iter().take(shown).map(point).collect())
    };
    let mut lines = vec![
        series("scheduled", "c4", |row| row.cell.scheduled),
        series("answered", "c0", |row| row.cell.answered),
    ];
    // Where nothing went wrong two lines along the axis would hide each other.
    let wrong = [
        series("failed", "c3", |row| row.cell.errors),
        series("dropped", "c5", |row| row.cell.dropped),
    ];
    let is_there = |line: &Line| line.points.iter().any(|point| point.1 > 0.0);
    lines.extend(wrong.into_iter().filter(is_there));
    let top = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.1)
        .fold(1.0, f64::max);
    Plot {
        title: "Requests per second".to_owned(),
        x: seconds_axis(report),
        y: Axis::linear("requests/s", top * 1.15, short_count),
        lines,
        shades: shades(report),
        level: None,
    }
}

/// HdrHistogram's percentile curve: each step to the right is ten times rarer.
pub(super) fn percentile_curve(
    curves: &[(&str, &'static str, &Hist)],
    level_us: Option<f64>,
) -> Plot {
    let longest = curves
        .iter()
        .map(|curve| curve.2.len())
        .max()
        .unwrap_or(1)
        .max(10) as f64;
    let lines: Vec<Line> = curves
        .iter()
        .map(|(name, class, hist)| line(name, class, curve_points(hist)))
        .collect();
    let bounds = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.1);
    let (least, most) = bounds.fold((f64::MAX, 1.0_f64), |(l, h), us| (l.min(us), h.max(us)));
    let most = most.max(level_us.unwrap_or(0.0));
    let ticks = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999];
    let ticks = ticks
        .into_iter()
        .map(|q: f64| (1.0 / (1.0 - q), quantile_text(q)))
        // A tick at the very end would have its text cut off.
        .filter(|tick| tick.0.ln() <= longest.ln() * 0.97)
        .collect();
    Plot {
        title: "Percentile curve, every request of the run".to_owned(),
        x: Axis {
            label: "percentile".to_owned(),
            scale: super::svg::Scale::Log,
            low: 1.0,
            high: longest,
            ticks,
        },
        y: Axis::log("time", least.min(most) * 0.9, most * 1.15, short_us),
        lines,
        shades: Vec::new(),
        level: level_us.map(|us| (us, format!("limit {}", show_us(us)))),
    }
}

/// How late the generator was: what a run's validity rests on.
pub(super) fn send_lag_over_time(report: &Report, allowed_us: f64) -> Plot {
    let point = |row: &super::TimelineRow| {
        let us = row.cell.send_lag_p99_us;
        (
            row.second as f64 + 0.5,
            if row.cell.sent > 0 { us } else { f64::NAN },
        )
    };
    let points: Vec<(f64, f64)> = report.timeline.iter().map(point).collect();
    let seen = points
        .iter()
        .map(|point| point.1)
        .filter(|us| us.is_finite());
    let (least, most) = seen.fold((f64::MAX, 1.0_f64), |(l, h), us| (l.min(us), h.max(us)));
    Plot {
        title: "Send lag P99, by second: the generator's own lateness".to_owned(),
        x: seconds_axis(report),
        y: Axis::log(
            "send lag",
            least.min(most) * 0.8,
            most.max(allowed_us) * 1.25,
            short_us,
        ),
        lines: vec![line("p99", "c1", points)],
        shades: shades(report),
        level: Some((
            allowed_us,
            format!("allowed for the whole run {}", show_us(allowed_us)),
        )),
    }
}

fn line(name: &str, class: &'static str, points: Vec<(f64, f64)>) -> Line {
    Line {
        name: name.to_owned(),
        class,
        points,
        dots: Vec::new(),
    }
}

/// Answers that came after the window would draw a last, partial second as a fall.
fn whole_seconds(report: &Report) -> usize {
    (report.duration_s.floor() as usize).max(1)
}

fn seconds_axis(report: &Report) -> Axis {
    Axis::linear("seconds since the warm-up", report.duration_s, short_count)
}

/// Stages by turns, and the seconds in which requests were dropped.
fn shades(report: &Report) -> Vec<Shade> {
    let mut shades = Vec::new();
    if report.stages.len() > 1 {
        for (index, stage) in report.stages.iter().enumerate() {
            let class = if index % 2 == 0 { "shade0" } else { "shade1" };
            let name = stage.name.clone();
            shades.push(Shade {
                from: stage.start_s,
                to: stage.end_s,
                name,
                class,
            });
        }
    }
    for row in report.timeline.iter().filter(|row| row.cell.dropped > 0) {
        let from = row.second as f64;
        let name = format!("{} dropped", row.cell.dropped);
        shades.push(Shade {
            from,
            to: from + 1.0,
            name,
            class: "shadebad",
        });
    }
    shades
}

/// (1/(1−q), time) for every distinct value, thinned where points would lie on each other.
fn curve_points(hist: &Hist) -> Vec<(f64, f64)> {
    let total = hist.len().max(1) as f64;
    let mut points = Vec::new();
    let (mut below, mut last_x) = (0.0, 0.0);
    for (us, count) in hist.values() {
        let x = total / (total - below);
        below += count as f64;
        if x > last_x * 1.004 {
            points.push((x, us));
            last_x = x;
        }
    }
    points.push((total, hist.max_us()));
    points
}

fn quantile_text(quantile: f64) -> String {
    let text = format!("{:.4}", quantile * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

fn short_us(us: f64) -> String {
    let (value, unit) = match us {
        us if us >= 1e6 => (us / 1e6, "s"),
        us if us >= 1e3 => (us / 1e3, "ms"),
        _ => (us, "µs"),
    };
    format!("{value} {unit}", value = (value * 1000.0).round() / 1000.0)
}

fn short_count(count: f64) -> String {
    if count >= 10_000.0 {
        format!("{}k", (count / 100.0).round() / 10.0)
    } else {
        format!("{}", (count * 100.0).round() / 100.0)
    }
}
