//! A run's figures in Prometheus' text format, for a textfile collector or a push gateway.

use std::fmt::Write;

use super::Report;
use crate::record::Quantiles;

/// The figures as text. Times are in seconds.
pub(crate) fn prometheus_text(report: &Report) -> String {
    let mut out = String::with_capacity(2048);
    write_all(report, &mut out).expect("writing to memory cannot fail");
    out
}

fn write_all(report: &Report, out: &mut String) -> std::fmt::Result {
    let run = format!(
        "target=\"{}\",label=\"{}\"",
        escaped(&report.plan.target.url),
        escaped(report.label.as_deref().unwrap_or_default())
    );
    let mut gauge = |name: &str, help: &str, value: f64| {
        writeln!(out, "# HELP loadtest_{name} {help}")?;
        writeln!(out, "# TYPE loadtest_{name} gauge")?;
        writeln!(out, "loadtest_{name}{{{run}}} {value}")
    };
    let counts = &report.counts;
    gauge(
        "valid",
        "Whether the run is valid (1) or INVALID (0).",
        f64::from(u8::from(report.valid)),
    )?;
    gauge(
        "scheduled_requests",
        "Requests of the schedule.",
        counts.scheduled as f64,
    )?;
    gauge("sent_requests", "Requests sent.", counts.sent as f64)?;
    gauge(
        "failed_requests",
        "Requests without an answer below 400.",
        counts.failed as f64,
    )?;
    gauge(
        "offered_rate",
        "Requests per second of the schedule.",
        report.offered_rate,
    )?;
    gauge("answered_rate", "Answers per second.", report.rate)?;
    writeln!(out, "# HELP loadtest_answers Answers by status.")?;
    writeln!(out, "# TYPE loadtest_answers gauge")?;
    for (status, count) in &report.status {
        writeln!(out, "loadtest_answers{{{run},status=\"{status}\"}} {count}")?;
    }
    for (name, help, quantiles) in [
        (
            "latency",
            "From the scheduled time to the end of the answer.",
            &report.latency,
        ),
        (
            "service",
            "From the first byte written to the end of the answer.",
            &report.service,
        ),
        (
            "send_lag",
            "From the scheduled time to the first byte written.",
            &report.send_lag,
        ),
    ] {
        writeln!(out, "# HELP loadtest_{name}_seconds {help}")?;
        writeln!(out, "# TYPE loadtest_{name}_seconds summary")?;
        summary(out, name, &run, quantiles)?;
    }
    Ok(())
}

fn summary(out: &mut String, name: &str, run: &str, q: &Quantiles) -> std::fmt::Result {
    let points = [
        ("0.5", q.p50_us),
        ("0.9", q.p90_us),
        ("0.99", q.p99_us),
        ("0.999", q.p999_us),
        ("1", q.max_us),
    ];
    for (quantile, us) in points {
        let seconds = us / 1e6;
        writeln!(
            out,
            "loadtest_{name}_seconds{{{run},quantile=\"{quantile}\"}} {seconds}"
        )?;
    }
    let sum = q.mean_us * q.count as f64 / 1e6;
    writeln!(out, "loadtest_{name}_seconds_sum{{{run}}} {sum}")?;
    writeln!(out, "loadtest_{name}_seconds_count{{{run}}} {}", q.count)
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
