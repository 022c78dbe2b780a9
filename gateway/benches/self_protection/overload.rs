//! Twice the capacity for a minute, half of it sheddable; then half the capacity.

use std::time::Duration;

use anyhow::Result;

use super::{Row, load::Load, process::Gateway};

/// By then an overload has all the connections and full queues that it will have.
const OVERLOAD_SETTLED: Duration = Duration::from_secs(15);

#[expect(clippy::disallowed_methods, reason = "a load is let run for a while")]
pub(crate) fn measure() -> Result<Vec<Row>> {
    let gateway = Gateway::start("", "")?;
    let (url, folder) = (gateway.url(), gateway.folder());
    let common = ["--candidates", "100", "--seed", "7", "--duration"];
    let run = |name: &str, duration: &str, more: &[&str]| -> Result<Load> {
        let arguments: Vec<&str> = common
            .iter()
            .copied()
            .chain([duration])
            .chain(more.iter().copied())
            .collect();
        Load::start(&url, folder, name, &arguments)
    };
    let peak = run("peak", "10s", &["--closed", "--connections", "8"])?
        .finish()?
        .good_per_second(2..10)?;
    let offered = format!("{peak:.0}");
    let half = format!("{:.0}", peak / 2.0);
    let before = run("before", "15s", &["--rate", &half])?
        .finish()?
        .good_share(5..15)?;

    let resident_before = gateway.resident_mib()?;
    let critical = run("critical", "60s", &["--rate", &offered])?;
    let sheddable = run(
        "sheddable",
        "60s",
        &["--rate", &offered, "--header", "X-Criticality: sheddable"],
    )?;
    // Flat under overload: the queues and connections it needs are there within seconds.
    std::thread::sleep(OVERLOAD_SETTLED);
    let resident_settled = gateway.resident_mib()?;
    let (critical, sheddable) = (critical.finish()?, sheddable.finish()?);
    let goodput = critical.good_per_second(5..60)? + sheddable.good_per_second(5..60)?;
    let resident_after = gateway.resident_mib()?;

    let after = run("after", "35s", &["--rate", &half])?
        .finish()?
        .good_share(25..35)?;
    let opened = gateway.metric(&[
        "fusebox_breaker_transitions_total",
        "to=\"open\"",
        "drilled",
    ])?;
    Ok(vec![
        Row::at_least(
            "overload: goodput at twice the capacity",
            goodput,
            0.9 * peak,
            "/s",
        ),
        Row::at_least(
            "overload: critical answered, in % of sheddable answered",
            100.0 * critical.good_share(5..60)? / sheddable.good_share(5..60)?.max(1e-9),
            110.0,
            "%",
        ),
        Row::at_least(
            "overload: share answered 30 s later, in % of before",
            100.0 * after / before,
            99.0,
            "%",
        ),
        Row::at_most(
            "overload: resident memory, at its end ÷ 15 s into it",
            resident_after / resident_settled,
            1.05,
            "",
        ),
        Row::at_most(
            "overload: resident memory it adds",
            resident_after - resident_before,
            64.0,
            "MiB",
        ),
        Row::at_most("overload: times the breaker opened", opened, 0.0, ""),
    ])
}
