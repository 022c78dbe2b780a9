//! A search as one self-contained page: the finding, the miss share by rate, and every step.

use super::{
    html::page,
    svg::{Axis, Line, Plot, escape},
};
use crate::{
    search::{Finding, StepResult},
    units::show_us,
};

/// A search's page.
pub(crate) fn search_html(finding: &Finding, url: &str) -> String {
    let (class, word) = match finding.rate {
        _ if finding.interrupted => ("bad", "interrupted".to_owned()),
        Some(_) if finding.generator_limited => ("bad", "INVALID".to_owned()),
        Some(rate) => ("good", format!("{rate:.1}/s")),
        None => ("bad", "no rate held".to_owned()),
    };
    let mut body = format!(
        "<header><h1>Capacity search <span class=\"badge {class}\">{}</span></h1>\n\
         <p><code>{}</code></p><p>at most {:.3} % of the requests may fail or take longer than {}</p>",
        escape(&word),
        escape(url),
        finding.objective.miss_share() * 100.0,
        show_us(finding.objective.limit_us),
    );
    for line in finding.text().lines() {
        body += &format!("<p>{}</p>", escape(line));
    }
    body += "</header>\n<div class=\"plots\">\n";
    body += &misses_by_rate(finding).figure();
    body += "</div>\n";
    body += &steps_table(&finding.steps);
    page("Capacity search", &body)
}

fn misses_by_rate(finding: &Finding) -> Plot {
    let mut steps: Vec<&StepResult> = finding.steps.iter().filter(|step| !step.spoilt).collect();
    steps.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let percent = |step: &&StepResult| (step.rate, step.tally.share() * 100.0);
    let points: Vec<(f64, f64)> = steps.iter().map(percent).collect();
    let highest = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).fold(1.0, f64::max);
    let limit = finding.objective.miss_share() * 100.0;
    let top = highest(|point| point.1).max(limit);
    Plot {
        title: "Requests that missed the objective".to_owned(),
        x: Axis::linear("requests/s", highest(|point| point.0) * 1.05, |rate| {
            format!("{rate:.0}")
        }),
        y: Axis::linear("% missed", top * 1.15, |share| format!("{share:.1}")),
        lines: vec![Line {
            name: "missed".to_owned(),
            class: "c0",
            dots: points
                .iter()
                .map(|(rate, share)| format!("{rate:.1}/s: {share:.3} %"))
                .collect(),
            points,
        }],
        shades: Vec::new(),
        level: Some((limit, "allowed".to_owned())),
    }
}

fn steps_table(steps: &[StepResult]) -> String {
    let row = |step: &StepResult| {
        let word = match (step.spoilt, step.holds) {
            (true, _) => "spoilt by the generator",
            (false, true) => "holds",
            (false, false) => "missed",
        };
        format!(
            "<tr><th>{:.1}/s</th><td>{}</td><td>{word}</td><td>{}</td><td>{:.3} %</td><td>{}</td>\
             <td>{:.1} s</td></tr>\n",
            step.rate,
            if step.confirms { "confirm" } else { "try" },
            step.tally.requests,
            step.tally.share() * 100.0,
            show_us(step.quantile_us),
            step.seconds,
        )
    };
    let rows: String = steps.iter().map(row).collect();
    format!(
        "<section><h2>Steps</h2><div class=\"scroll\"><table><tr><th>rate</th><th></th><th></th>\
         <th>requests</th><th>missed</th><th>at the quantile</th><th>time</th></tr>\n{rows}</table>\
         </div></section>\n"
    )
}
