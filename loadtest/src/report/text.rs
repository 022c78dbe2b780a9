//! The summary printed when a run has ended.

use std::fmt::Write;

use super::{Report, is_latency};
use crate::{record::Quantiles, run::Load, threshold::Verdict, units::show_us};

/// The summary as text.
pub(crate) fn summary(report: &Report) -> String {
    let mut out = String::with_capacity(2048);
    write_summary(report, &mut out).expect("writing to memory cannot fail");
    out
}

fn write_summary(report: &Report, out: &mut String) -> std::fmt::Result {
    let counts = &report.counts;
    let load = match &report.plan.load {
        Load::Open(schedule) => format!("open loop, {} arrivals", schedule.arrivals.name()),
        Load::Closed { connections, .. } => format!("closed loop, {connections} connections"),
    };
    writeln!(
        out,
        "{} {}",
        report.plan.target.method, report.plan.target.url
    )?;
    writeln!(
        out,
        "  {load}, {:.0} s measured, seed {}",
        report.duration_s, report.seed
    )?;
    writeln!(
        out,
        "  scheduled {} ({:.1}/s), sent {}, dropped {}, answered {} ({:.1}/s), failed {} ({:.3} %)",
        counts.scheduled,
        report.offered_rate,
        counts.sent,
        counts.dropped,
        counts.answered,
        report.rate,
        counts.failed,
        report.error_rate * 100.0
    )?;
    for (status, count) in &report.status {
        writeln!(out, "  status {status}: {count}")?;
        if let Some(sample) = report.samples.get(status) {
            writeln!(out, "    such as: {}", one_line(sample))?;
        }
    }
    for (kind, count) in &report.errors {
        writeln!(out, "  error {kind}: {count}")?;
    }
    writeln!(
        out,
        "  {:<10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "p50", "p90", "p99", "p99.9", "max", "mean"
    )?;
    row(out, "latency", &report.latency)?;
    if report.counts.failed > 0 {
        row(out, "  of ok", &report.latency_ok)?;
    }
    if report.latency_by_status.len() > 1 {
        for (status, latency) in &report.latency_by_status {
            row(out, &format!("  {status}"), latency)?;
        }
    }
    row(out, "service", &report.service)?;
    row(out, "send lag", &report.send_lag)?;
    if report.stages.len() > 1 {
        for stage in &report.stages {
            row(out, &stage.name, &stage.latency)?;
        }
    }
    writeln!(
        out,
        "  generator: {:.1} µs of CPU per request, {} connections opened during the run",
        report.generator.cpu_us_per_request, counts.connections
    )?;
    if report.partial {
        writeln!(out, "  PARTIAL: a worker was lost")?;
    }
    if !report.valid {
        for reason in &report.invalid_reasons {
            writeln!(out, "INVALID: {reason}")?;
        }
        return Ok(());
    }
    if report.nothing_succeeded() {
        writeln!(
            out,
            "FAILED: no request was answered with a status below 400"
        )?;
    }
    for verdict in &report.thresholds {
        let word = if verdict.failed { "FAILED" } else { "held" };
        writeln!(
            out,
            "{word}: {} (measured {})",
            verdict.expression,
            show_actual(verdict)
        )?;
    }
    Ok(())
}

/// A body's beginning without what would upset a terminal.
pub(super) fn one_line(sample: &str) -> String {
    const SHOWN: usize = 200;
    let plain = sample.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = plain.take(SHOWN).collect();
    if sample.chars().count() > SHOWN {
        line.push('…');
    }
    line
}

fn row(out: &mut String, name: &str, q: &Quantiles) -> std::fmt::Result {
    let cells = [q.p50_us, q.p90_us, q.p99_us, q.p999_us, q.max_us, q.mean_us].map(show_us);
    let [p50, p90, p99, p999, max, mean] = cells;
    writeln!(
        out,
        "  {name:<10} {p50:>9} {p90:>9} {p99:>9} {p999:>9} {max:>9} {mean:>9}"
    )
}

/// A verdict's measured value with its unit.
pub(super) fn show_actual(verdict: &Verdict) -> String {
    if is_latency(verdict) {
        show_us(verdict.actual)
    } else if verdict.expression.trim_start().starts_with("error_rate") {
        format!("{:.3} %", verdict.actual * 100.0)
    } else {
        format!("{:.1}/s", verdict.actual)
    }
}
