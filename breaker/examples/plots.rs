//! Draws what the breaker does on six traces: `docs/breaker/*.svg`.
//!
//! `cargo run --release -p breaker --example plots [-- DIR]`. Seeds are fixed: the same files each
//! time.

use breaker::sim::{Correlation, Driver, FaultSpan, Level, Shape, Traffic};
use breaker::{BreakerSettings, KeyProfile, Outcome, State};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const SEED: u64 = 7;
const STEP_S: f64 = 1.0;

struct Scene {
    file: &'static str,
    title: &'static str,
    traffic: Traffic,
    from_s: f64,
    until_s: f64,
}

/// One second of a trace.
struct Point {
    t_s: f64,
    /// P99 of what arrived, admitted or not, over the last five seconds.
    p99_ms: f64,
    threshold_ms: Option<f64>,
    baseline_ms: Option<f64>,
    state: State,
    admitted: f64,
}

fn main() -> ExitCode {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or("docs/breaker".to_owned()));
    for scene in scenes() {
        let path = folder.join(format!("{}.svg", scene.file));
        if let Err(error) = std::fs::write(&path, draw(&scene, &record(&scene))) {
            eprintln!(
                "plots: {}: {error}; run it from the workspace's root",
                path.display()
            );
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn scenes() -> Vec<Scene> {
    let calm = || Traffic::new(100.0, Shape::LogNormal { sigma: 0.5 }, 30.0);
    let scene = |file, title, traffic, until_s| Scene {
        file,
        title,
        traffic,
        from_s: 240.0,
        until_s,
    };
    let failing = FaultSpan {
        from_s: 300.0,
        until_s: 345.0,
        share: 1.0,
        outcome: Outcome::Failure,
        short_deadline: false,
        latency_ms: None,
    };
    let step = |until_s, factor| Level::Step {
        at_s: 300.0,
        until_s,
        factor,
    };
    vec![
        scene(
            "step",
            "Twice as slow for 20 s",
            calm().with_level(step(320.0, 2.0)),
            420.0,
        ),
        scene(
            "failure",
            "Total failure for 45 s",
            calm().with_fault(failing),
            480.0,
        ),
        scene(
            "ramp",
            "10 % slower every 5 s",
            calm().with_level(Level::Ramp {
                from_s: 300.0,
                factor: 1.1,
            }),
            420.0,
        ),
        scene(
            "permanent",
            "A heavier model: 2.2 times as slow for good",
            calm().with_level(step(1e9, 2.2)),
            600.0,
        ),
        scene(
            "heavy_tail",
            "Healthy, heavy tail (Pareto 2.5): nothing to do",
            Traffic::new(100.0, Shape::Pareto { alpha: 2.5 }, 30.0),
            600.0,
        ),
        scene(
            "correlated",
            "Known limit: correlated latency (AR(1) 0.95, sigma 1)",
            Traffic {
                correlation: Correlation::Ar1 { rho: 0.95 },
                ..Traffic::new(100.0, Shape::LogNormal { sigma: 1.0 }, 30.0)
            },
            1_800.0,
        ),
    ]
}

fn record(scene: &Scene) -> Vec<Point> {
    let mut driver = Driver::new(&BreakerSettings::default(), KeyProfile::default(), SEED);
    let mut source = scene.traffic.generate(SEED).peekable();
    let mut recent: Vec<(f64, f64)> = Vec::new();
    let mut points = Vec::new();
    let mut t_s = 0.0;
    let (mut offered, mut admitted) = (0, 0);
    while t_s < scene.until_s {
        t_s += STEP_S;
        while let Some(arrival) = source.next_if(|a| a.at.as_secs_f64() < t_s) {
            recent.push((
                arrival.at.as_secs_f64(),
                arrival.fate.latency.as_secs_f64() * 1e3,
            ));
            driver.offer(arrival);
        }
        driver.advance(Duration::from_secs_f64(t_s));
        recent.retain(|(at, _)| *at >= t_s - 5.0);
        let share =
            (driver.admitted() - admitted) as f64 / (driver.offered() - offered).max(1) as f64;
        (offered, admitted) = (driver.offered(), driver.admitted());
        if t_s < scene.from_s {
            continue;
        }
        let seen = driver.snapshot();
        points.push(Point {
            t_s,
            p99_ms: p99(&recent),
            threshold_ms: seen.learned.threshold_us.map(|us| us / 1e3),
            baseline_ms: seen.learned.baseline_us.map(|us| us / 1e3),
            state: seen.state,
            admitted: share,
        });
    }
    points
}

fn p99(recent: &[(f64, f64)]) -> f64 {
    let mut sorted: Vec<f64> = recent.iter().map(|(_, ms)| *ms).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
        .get(sorted.len().saturating_sub(sorted.len() / 100 + 1))
        .copied()
        .unwrap_or(1.0)
}

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
/// The latency panel ends and the panel of the admitted share lies below.
const PANEL: (f64, f64) = (40.0, 230.0);
const SHARE: (f64, f64) = (245.0, 295.0);
const MS: (f64, f64) = (5.0, 1_000.0);

fn draw(scene: &Scene, points: &[Point]) -> String {
    let x = |t_s: f64| {
        let part = (t_s - scene.from_s) / (scene.until_s - scene.from_s);
        LEFT + part * (WIDTH - LEFT - RIGHT)
    };
    let y = |ms: f64| {
        let part = (ms.clamp(MS.0, MS.1) / MS.0).ln() / (MS.1 / MS.0).ln();
        PANEL.1 - part * (PANEL.1 - PANEL.0)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"14\" font-weight=\"bold\">{}</text>\n",
        scene.title
    );
    bands(&mut svg, points, &x);
    axes(&mut svg, scene, &x, &y);
    let p99: Vec<_> = points
        .iter()
        .map(|p| Some((x(p.t_s), y(p.p99_ms))))
        .collect();
    let threshold: Vec<_> = points
        .iter()
        .map(|p| p.threshold_ms.map(|ms| (x(p.t_s), y(ms))))
        .collect();
    let baseline: Vec<_> = points
        .iter()
        .map(|p| p.baseline_ms.map(|ms| (x(p.t_s), y(ms))))
        .collect();
    let share = |p: &Point| SHARE.1 - p.admitted.min(1.0) * (SHARE.1 - SHARE.0);
    let admitted: Vec<_> = points.iter().map(|p| Some((x(p.t_s), share(p)))).collect();
    line(&mut svg, &p99, "#1f4e9c", "");
    line(&mut svg, &threshold, "#c0392b", "6 3");
    line(&mut svg, &baseline, "#7f8c8d", "2 3");
    line(&mut svg, &admitted, "#1e8449", "");
    svg.push_str(
        "<text x=\"480\" y=\"18\" fill=\"#1f4e9c\">P99 (5 s)</text>\
         <text x=\"550\" y=\"18\" fill=\"#c0392b\">threshold</text>\
         <text x=\"620\" y=\"18\" fill=\"#7f8c8d\">baseline</text>\
         <text x=\"680\" y=\"18\" fill=\"#1e8449\">admitted</text>\n</svg>\n",
    );
    svg
}

/// Background by state.
fn bands(svg: &mut String, points: &[Point], x: &impl Fn(f64) -> f64) {
    let mut from = 0;
    for i in 1..=points.len() {
        if i < points.len() && points[i].state == points[from].state {
            continue;
        }
        let colour = match points[from].state {
            State::Closed => None,
            State::Open => Some("#f5b7b1"),
            State::HalfOpen => Some("#fdebd0"),
            State::Ramp => Some("#d5f5e3"),
        };
        let (start, end) = (x(points[from].t_s - STEP_S), x(points[i - 1].t_s));
        if let Some(colour) = colour {
            let _ = writeln!(
                svg,
                "<rect x=\"{start:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\">\
                 <title>{}</title></rect>",
                PANEL.0,
                end - start,
                SHARE.1 - PANEL.0,
                points[from].state.name()
            );
        }
        from = i;
    }
}

fn axes(svg: &mut String, scene: &Scene, x: &impl Fn(f64) -> f64, y: &impl Fn(f64) -> f64) {
    for ms in [10.0, 30.0, 100.0, 300.0, 1_000.0] {
        let at = y(ms);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{ms} ms</text>",
            WIDTH - RIGHT,
            LEFT - 5.0,
            at + 4.0
        );
    }
    for (percent, at) in [(100, SHARE.0), (0, SHARE.1)] {
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at}\" y2=\"{at}\" stroke=\"#bbb\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{percent} %</text>",
            WIDTH - RIGHT,
            LEFT - 5.0,
            at + 4.0
        );
    }
    let span = scene.until_s - scene.from_s;
    let every = if span > 900.0 { 300.0 } else { 60.0 };
    let mut t_s = (scene.from_s / every).ceil() * every;
    while t_s <= scene.until_s {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{t_s} s</text>",
            x(t_s),
            SHARE.1 + 18.0
        );
        t_s += every;
    }
}

fn line(svg: &mut String, points: &[Option<(f64, f64)>], colour: &str, dash: &str) {
    let mut path = String::new();
    let mut pen_down = false;
    for point in points {
        if let Some((x, y)) = point {
            let _ = write!(path, "{}{x:.1} {y:.1} ", if pen_down { 'L' } else { 'M' });
        }
        pen_down = point.is_some();
    }
    let _ = writeln!(
        svg,
        "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\" \
         stroke-dasharray=\"{dash}\"/>",
        path.trim_end()
    );
}
