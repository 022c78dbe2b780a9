//! `loadtest compare` and `loadtest report`.

use std::{fs, io::Write, path::PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::{Fault, check_writable, save};
use crate::{
    compare::{CompareOptions, Comparison, Finding, compare_reports},
    exit::Exit,
    report::{FORMAT, Report, comparison_html, curves_picture, html, summary},
    units::show_us,
};

/// Options of `compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Reports of `run --json`: before, after, and further pairs before, after, …
    #[arg(required = true, num_args = 2.., value_name = "JSON")]
    reports: Vec<PathBuf>,
    /// Probability of calling equal builds different
    #[arg(long, default_value_t = 0.01)]
    alpha: f64,
    /// Write the comparison as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the comparison as a page, with both curves
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write both percentile curves as a picture, named by the runs' labels
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Title of that picture
    #[arg(long, default_value = "Percentile curves", requires = "svg")]
    title: String,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Report of `run --json`
    #[arg(value_name = "JSON")]
    report: PathBuf,
    /// Where to write the page [default: the report's name with .html]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Makes a page of a report.
pub(super) fn report(args: &ReportArgs) -> Result<Exit, Fault> {
    let report = read(&args.report)?;
    let path = args
        .html
        .clone()
        .unwrap_or_else(|| args.report.with_extension("html"));
    save(&path, html(&report).as_bytes())?;
    drop(std::io::stdout().write_all(summary(&report).as_bytes()));
    println!("wrote {}", path.display());
    Ok(Exit::Held)
}

/// Compares: 0 where the second is not slower, 99 where it is, 75 where a run was INVALID.
pub(super) fn compare(args: &CompareArgs) -> Result<Exit, Fault> {
    if !args.reports.len().is_multiple_of(2) {
        return Err(Fault::usage(anyhow!(
            "reports come in pairs: before, after, before, after"
        )));
    }
    if !(args.alpha > 0.0 && args.alpha < 0.5) {
        return Err(Fault::usage(anyhow!("--alpha must lie between 0 and 0.5")));
    }
    let mut pairs = Vec::with_capacity(args.reports.len() / 2);
    for pair in args.reports.chunks_exact(2) {
        pairs.push((read(&pair[0])?, read(&pair[1])?));
    }
    for path in [&args.json, &args.svg, &args.html].into_iter().flatten() {
        check_writable(path)?;
    }
    let options = CompareOptions {
        alpha: args.alpha,
        ..CompareOptions::default()
    };
    let comparison = compare_reports(&pairs, options);
    print(&comparison);
    if let Some(path) = &args.json {
        let text = serde_json::to_vec_pretty(&comparison).map_err(Fault::internal)?;
        save(path, &text)?;
    }
    if let Some(path) = &args.svg {
        let (before, after) = (pool(&pairs, |pair| &pair.0), pool(&pairs, |pair| &pair.1));
        let name = |report: &Report, other: &str| report.label.clone().unwrap_or(other.to_owned());
        let runs = [
            (name(&before, "first"), &before.histograms.latency),
            (name(&after, "second"), &after.histograms.latency),
        ];
        save(path, curves_picture(&args.title, &runs).as_bytes())?;
    }
    if let Some(path) = &args.html {
        let (before, after) = (pool(&pairs, |pair| &pair.0), pool(&pairs, |pair| &pair.1));
        save(
            path,
            comparison_html(&comparison, &before, &after).as_bytes(),
        )?;
    }
    Ok(match comparison.finding {
        Finding::NotComparable => Exit::Invalid,
        Finding::Slower => Exit::Failed,
        Finding::Faster | Finding::NoDifferenceShown => Exit::Held,
    })
}

/// All runs of one side in one report, for its curve.
fn pool(pairs: &[(Report, Report)], side: fn(&(Report, Report)) -> &Report) -> Report {
    let mut pooled = side(&pairs[0]).clone();
    for pair in &pairs[1..] {
        pooled
            .histograms
            .latency
            .merge(&side(pair).histograms.latency);
    }
    pooled
}

fn read(path: &PathBuf) -> Result<Report, Fault> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the report {}", path.display()))
        .map_err(Fault::usage)?;
    let report: Report = serde_json::from_str(&text)
        .with_context(|| format!("{} is no report of `loadtest run --json`", path.display()))
        .map_err(Fault::usage)?;
    if report.format != FORMAT {
        return Err(Fault::usage(anyhow!(
            "{} has format {}, this version reads {FORMAT}; run it again",
            path.display(),
            report.format
        )));
    }
    Ok(report)
}

fn print(comparison: &Comparison) {
    println!("{}", comparison.finding.text());
    for d in &comparison.differences {
        println!(
            "  {:<4} {:>9} → {:>9}  {:+.1} %  ({:+.1} % to {:+.1} %)",
            d.quantile,
            show_us(d.before_us),
            show_us(d.after_us),
            d.change * 100.0,
            d.change_low * 100.0,
            d.change_high * 100.0
        );
    }
    println!(
        "  all intervals together with {:.0} % confidence",
        comparison.confidence * 100.0
    );
    for note in &comparison.notes {
        println!("  note: {note}");
    }
}
