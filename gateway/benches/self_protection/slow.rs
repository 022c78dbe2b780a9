//! At 80 % load the model turns five times slower for 30 s, and back.

use anyhow::Result;

use super::{
    Row,
    load::Load,
    process::{Gateway, RUN},
};

/// The deadline of every request, in milliseconds.
const DEADLINE_MS: f64 = 200.0;
/// What the generator and the event loop may add to a latency, in milliseconds.
const SLACK_MS: f64 = 20.0;

pub(crate) fn measure() -> Result<Vec<Row>> {
    let drill = "slow_from = \"20s\"\nslow_for = \"30s\"\nslow_factor = 5";
    let gateway = Gateway::start(drill, "[limits]\ndeadline = \"200ms\"")?;
    let seconds = [
        "--rate",
        "800",
        "--duration",
        "80s",
        "--seed",
        "7",
        "--candidates",
        "100",
    ];
    let report = Load::start(&gateway.url(), gateway.folder(), "slow", &seconds)?.finish()?;
    let slow_run_ms = RUN.as_secs_f64() * 5000.0;
    let slow_capacity = 2.0 * 1000.0 / slow_run_ms;
    let opened = gateway.metric(&[
        "fusebox_breaker_transitions_total",
        "to=\"open\"",
        "drilled",
    ])?;
    Ok(vec![
        Row::at_least(
            "slow: goodput before",
            report.good_per_second(5..18)?,
            780.0,
            "/s",
        ),
        Row::at_least(
            "slow: goodput while slow",
            report.good_per_second(23..48)?,
            0.7 * slow_capacity,
            "/s",
        ),
        Row::at_most(
            "slow: longest latency (deadline, one run, slack)",
            report.longest_ms(0..80)?,
            DEADLINE_MS + slow_run_ms + SLACK_MS,
            "ms",
        ),
        Row::at_least(
            "slow: goodput after",
            report.good_per_second(60..80)?,
            780.0,
            "/s",
        ),
        Row::at_most("slow: times the breaker opened", opened, 1.0, ""),
    ])
}
