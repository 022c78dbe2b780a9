//! A report as one self-contained page: no script, no font, no picture from elsewhere.

mod page;

use super::{
    Report, is_latency, plots,
    svg::escape,
    text::{one_line, show_actual},
};
use crate::{
    compare::Comparison,
    record::Quantiles,
    run::Load,
    threshold::Threshold,
    units::show_us,
    validity::{self, LAG_SHARE},
};
pub(super) use page::page;

/// A run's page.
pub(crate) fn html(report: &Report) -> String {
    let level = latency_level(report);
    let allowed = level.unwrap_or(validity::DEFAULT_LATENCY_US) * LAG_SHARE;
    let latency = &report.histograms.latency;
    let service = &report.histograms.service;
    let curves = [("latency", "c0", latency), ("service", "c1", service)];
    let mut body = header(report);
    body += &cards(report);
    body += &thresholds(report);
    body += "<div class=\"plots\">\n";
    body += &plots::latency_over_time(report, level).figure();
    body += &plots::percentile_curve(&curves, level).figure();
    body += &plots::rate_over_time(report).figure();
    body += &plots::send_lag_over_time(report, allowed).figure();
    body += "</div>\n";
    body += &quantile_table(report);
    body += &counts_table(report);
    body += &phases_table(report);
    body += &circumstances(report);
    page(&title(report), &body)
}

/// A comparison's page.
pub(crate) fn comparison_html(comparison: &Comparison, before: &Report, after: &Report) -> String {
    let class = match comparison.finding {
        crate::compare::Finding::Slower => "bad",
        crate::compare::Finding::Faster => "good",
        crate::compare::Finding::NoDifferenceShown => "calm",
        crate::compare::Finding::NotComparable => "bad",
    };
    let mut body = format!(
        "<header><h1>The second build: <span class=\"badge {class}\">{}</span></h1>\n\
         <p>{}, all intervals together with {:.0} % confidence</p></header>\n",
        comparison.finding.text(),
        match comparison.pairs {
            1 => "one pair of runs".to_owned(),
            pairs => format!("{pairs} pairs of runs"),
        },
        comparison.confidence * 100.0
    );
    let curves = [
        ("first", "c4", &before.histograms.latency),
        ("second", "c0", &after.histograms.latency),
    ];
    body += "<div class=\"plots\">\n";
    body += &plots::percentile_curve(&curves, None).figure();
    body += "</div>\n<section><h2>Latency</h2><div class=\"scroll\"><table><tr><th></th>\
             <th>first</th><th>second</th><th>change</th><th>interval</th></tr>\n";
    for d in &comparison.differences {
        let interval = if d.change_high > 1e6 {
            "unknown".to_owned()
        } else {
            format!(
                "{:+.1} % to {:+.1} %",
                d.change_low * 100.0,
                d.change_high * 100.0
            )
        };
        body += &format!(
            "<tr><th>{}</th><td>{}</td><td>{}</td><td>{:+.1} %</td><td>{interval}</td></tr>\n",
            d.quantile,
            show_us(d.before_us),
            show_us(d.after_us),
            d.change * 100.0,
        );
    }
    body += "</table></div>\n";
    for note in &comparison.notes {
        body += &format!("<p class=\"note\">{}</p>\n", escape(note));
    }
    body += "</section>\n";
    page("Comparison of two load tests", &body)
}

/// The percentile curves of several runs as a picture of its own, in light colours.
pub(crate) fn curves_picture(title: &str, runs: &[(String, &crate::record::Hist)]) -> String {
    let classes = ["c3", "c0", "c1", "c2", "c4", "c5"];
    let named = runs
        .iter()
        .zip(classes)
        .map(|((name, hist), class)| (name.as_str(), class, *hist));
    let mut plot = plots::percentile_curve(&named.collect::<Vec<_>>(), None);
    plot.title = title.to_owned();
    // Where a document is shown decides on its colours, not where it is read.
    let light = page::STYLE.split("@media").next().unwrap_or_default();
    let rules = page::STYLE
        .split_once(".c0{")
        .map_or("", |(_, rules)| rules);
    let rules = rules.split("section{").next().unwrap_or_default();
    plot.picture(&format!(
        "{}.c0{{{rules}",
        light.replace("light dark", "light")
    ))
}

fn title(report: &Report) -> String {
    let name = report
        .label
        .clone()
        .unwrap_or_else(|| report.plan.target.url.clone());
    format!("Load test: {name}")
}

/// The strictest latency that a threshold names.
fn latency_level(report: &Report) -> Option<f64> {
    let parsed = report
        .thresholds
        .iter()
        .filter(|verdict| is_latency(verdict));
    let levels = parsed.filter_map(|v| v.expression.parse::<Threshold>().ok()?.latency_us());
    levels.reduce(f64::min)
}

fn header(report: &Report) -> String {
    let (class, word) = if !report.valid {
        ("bad", "INVALID")
    } else if report.has_failed() {
        ("bad", "failed")
    } else if report.thresholds.is_empty() {
        ("calm", "valid")
    } else {
        ("good", "held")
    };
    let load = match &report.plan.load {
        Load::Open(schedule) => {
            format!(
                "{} arrivals, {:.0}/s offered",
                schedule.arrivals.name(),
                report.offered_rate
            )
        }
        Load::Closed { connections, .. } => format!("closed loop over {connections} connections"),
    };
    let mut out = format!(
        "<header><h1>{} <span class=\"badge {class}\">{word}</span></h1>\n<p><code>{} {}</code>\
         </p><p>{load} for {:.0} s, seed {}</p>",
        escape(report.label.as_deref().unwrap_or("Load test")),
        escape(&report.plan.target.method),
        escape(&report.plan.target.url),
        report.duration_s,
        report.seed
    );
    for reason in &report.invalid_reasons {
        out += &format!("<p class=\"fault\">{}</p>", escape(reason));
    }
    out + "</header>\n"
}

fn cards(report: &Report) -> String {
    let card = |name: &str, value: String, note: String| {
        format!(
            "<div><b>{}</b><span>{name}</span><small>{note}</small></div>\n",
            escape(&value)
        )
    };
    let latency = &report.latency;
    let service = |us: f64| format!("service {}", show_us(us));
    let mut out = "<div class=\"cards\">\n".to_owned();
    out += &card(
        "P50",
        show_us(latency.p50_us),
        service(report.service.p50_us),
    );
    out += &card(
        "P99",
        show_us(latency.p99_us),
        service(report.service.p99_us),
    );
    out += &card(
        "P99.9",
        show_us(latency.p999_us),
        service(report.service.p999_us),
    );
    out += &card(
        "answered",
        format!("{:.0}/s", report.rate),
        format!("of {:.0}/s scheduled", report.offered_rate),
    );
    out += &card(
        "failed",
        format!("{:.2} %", report.error_rate * 100.0),
        format!("{} of {}", report.counts.failed, report.counts.sent),
    );
    out += &card(
        "send lag P99",
        show_us(report.send_lag.p99_us),
        format!("{} dropped", report.counts.dropped),
    );
    out + "</div>\n"
}

fn thresholds(report: &Report) -> String {
    if report.thresholds.is_empty() {
        return String::new();
    }
    let row = |verdict: &crate::threshold::Verdict| {
        let (class, word) = match (report.valid, verdict.failed) {
            (false, _) => ("calm", "not judged"),
            (true, true) => ("bad", "failed"),
            (true, false) => ("good", "held"),
        };
        format!(
            "<tr><td>fail if <code>{}</code></td><td>{}</td>\
             <td><span class=\"badge {class}\">{word}</span></td></tr>\n",
            escape(&verdict.expression),
            show_actual(verdict)
        )
    };
    let rows: String = report.thresholds.iter().map(row).collect();
    format!(
        "<section><h2>Thresholds</h2><div class=\"scroll\"><table>{rows}</table></div></section>\n"
    )
}

/// One of a distribution's figures, in microseconds.
type Time = fn(&Quantiles) -> f64;

/// One column for each kind of time, so that the page of a run without stages fits a phone.
fn quantile_table(report: &Report) -> String {
    let mut columns = vec![("latency", &report.latency)];
    if report.counts.failed > 0 {
        columns.push(("of it, ok", &report.latency_ok));
    }
    let by_status = report.latency_by_status.iter();
    let by_status: Vec<_> = by_status
        .map(|(status, quantiles)| (status.to_string(), quantiles))
        .collect();
    if by_status.len() > 1 {
        columns.extend(by_status.iter().map(|(name, q)| (name.as_str(), *q)));
    }
    columns.extend([("service", &report.service), ("send lag", &report.send_lag)]);
    if report.stages.len() > 1 {
        let stages = report.stages.iter();
        columns.extend(stages.map(|stage| (stage.name.as_str(), &stage.latency)));
    }
    let heads: String = columns
        .iter()
        .map(|(name, _)| format!("<th>{}</th>", escape(name)))
        .collect();
    let row = |name: &str, cell: &dyn Fn(&Quantiles) -> String| {
        let cells: String = columns
            .iter()
            .map(|(_, quantiles)| format!("<td>{}</td>", cell(quantiles)))
            .collect();
        format!("<tr><th>{name}</th>{cells}</tr>\n")
    };
    let times: [(&str, Time); 7] = [
        ("p50", |q| q.p50_us),
        ("p90", |q| q.p90_us),
        ("p95", |q| q.p95_us),
        ("p99", |q| q.p99_us),
        ("p99.9", |q| q.p999_us),
        ("max", |q| q.max_us),
        ("mean", |q| q.mean_us),
    ];
    let mut rows: String = times
        .iter()
        .map(|(name, us)| row(name, &|quantiles| show_us(us(quantiles))))
        .collect();
    rows += &row("requests", &|quantiles| quantiles.count.to_string());
    format!(
        "<section><h2>Times</h2><p>Latency runs from the time a request was scheduled to the end \
         of its answer, service from its first byte sent, send lag between the two.</p>\
         <div class=\"scroll\"><table><tr><th></th>{heads}</tr>\n{rows}</table></div></section>\n"
    )
}

fn counts_table(report: &Report) -> String {
    let counts = &report.counts;
    let mut rows = vec![
        ("scheduled".to_owned(), counts.scheduled),
        ("sent".to_owned(), counts.sent),
        ("dropped".to_owned(), counts.dropped),
    ];
    let named = |status: &u16| match report.samples.get(status) {
        Some(sample) => format!("status {status}, such as {}", one_line(sample)),
        None => format!("status {status}"),
    };
    rows.extend(report.status.iter().map(|(status, n)| (named(status), *n)));
    rows.extend(
        report
            .errors
            .iter()
            .map(|(kind, n)| (kind.replace('_', " "), *n)),
    );
    let row = |(name, n): &(String, u64)| format!("<tr><th>{}</th><td>{n}</td></tr>", escape(name));
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<section><h2>Requests</h2><div class=\"scroll\"><table>{rows}</table></div></section>\n"
    )
}

fn phases_table(report: &Report) -> String {
    let Some(metrics) = report
        .server
        .as_ref()
        .filter(|server| !server.phases.is_empty())
    else {
        return String::new();
    };
    let row = |phase: &crate::metrics::Phase| {
        format!(
            "<tr><th>{}</th><td>{:.0}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(&phase.name),
            phase.count,
            show_us(phase.mean_us),
            show_us(phase.p50_us),
            show_us(phase.p99_us)
        )
    };
    let rows: String = metrics.phases.iter().map(row).collect();
    format!(
        "<section><h2>What the server says</h2><p>Growth of its time histograms during the run, \
         from <code>{}</code>.</p><div class=\"scroll\"><table><tr><th></th><th>count</th>\
         <th>mean</th><th>p50</th><th>p99</th></tr>\n{rows}</table></div></section>\n",
        escape(&metrics.url)
    )
}

fn circumstances(report: &Report) -> String {
    let machine = &report.machine;
    let rows = [
        (
            "machine",
            format!(
                "{} × {}, {} MiB",
                machine.cores, machine.cpu, machine.memory_mib
            ),
        ),
        ("kernel", machine.kernel.clone()),
        (
            "load average",
            format!(
                "{} before, {} after",
                machine.load_before, machine.load_after
            ),
        ),
        (
            "commit",
            report
                .commit
                .clone()
                .unwrap_or_else(|| "unknown".to_owned()),
        ),
        (
            "generator",
            format!(
                "{:.1} µs of CPU per request",
                report.generator.cpu_us_per_request
            ),
        ),
        ("connections opened", report.counts.connections.to_string()),
        ("loadtest", report.tool_version.clone()),
    ];
    let row = |(name, value): &(&str, String)| {
        format!("<tr><th>{name}</th><td>{}</td></tr>", escape(value))
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<section><h2>Circumstances</h2><div class=\"scroll\"><table class=\"left\">{rows}</table>\
         </div></section>\n"
    )
}
