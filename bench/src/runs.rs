//! Several runs of the bench as one account: the median of each figure, and whether it keeps its bar.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{bars::Bar, spread::Spread};

/// What an account needs of one run: a part of what `--json` writes.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    /// The commit it measured.
    pub commit: Option<String>,
    bars: Vec<Bar>,
}

/// One figure over all runs.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The medians, against the bar.
    pub bar: Bar,
    /// What each run measured; none where it did not.
    pub each: Vec<Option<f64>>,
}

/// Reads what earlier runs have written.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Run>> {
    let one = |path: &Path| -> Result<Run> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
    let named = |path: &PathBuf| one(path).with_context(|| path.display().to_string());
    paths.iter().map(named).collect()
}

/// Every figure that any of the runs has, in their order.
pub(crate) fn judge(runs: &[Run]) -> Vec<Judged> {
    let mut names: Vec<&str> = Vec::new();
    for bar in runs.iter().flat_map(|run| &run.bars) {
        if !names.contains(&bar.what.as_str()) {
            names.push(&bar.what);
        }
    }
    names
        .into_iter()
        .filter_map(|what| over(what, runs))
        .collect()
}

fn over(what: &str, runs: &[Run]) -> Option<Judged> {
    let of_run = |run: &'_ Run| run.bars.iter().find(|bar| bar.what == what).cloned();
    let bars: Vec<Option<Bar>> = runs.iter().map(of_run).collect();
    let median = |figure: fn(&Bar) -> Option<f64>| {
        let each = bars.iter().flatten().filter_map(figure);
        Spread::of(each).map(|spread| spread.median)
    };
    let like = bars.iter().flatten().next()?.clone();
    let bar = Bar {
        measured: median(|bar| bar.measured),
        raw: median(|bar| bar.raw),
        ..like
    };
    let each = bars.iter().map(|bar| bar.as_ref()?.measured).collect();
    Some(Judged { bar, each })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(figures: &[(&str, Option<f64>)]) -> Run {
        let bar = |(what, measured): &(&str, Option<f64>)| {
            json!({"what": what, "measured": measured, "raw": null, "unit": "µs",
                   "side": "at_most", "bar": 10.0, "aim": null})
        };
        let bars: Vec<_> = figures.iter().map(bar).collect();
        serde_json::from_value(json!({"commit": "c", "bars": bars, "rounds": 5})).unwrap()
    }

    #[test]
    fn the_median_of_the_runs_is_judged() {
        let runs = [
            run(&[("a", Some(11.0)), ("b", Some(1.0))]),
            run(&[("a", Some(9.0))]),
            run(&[("a", Some(8.0)), ("b", None)]),
        ];
        let judged = judge(&runs);
        let [a, b] = judged.as_slice() else {
            panic!("{judged:?}");
        };
        assert_eq!((a.bar.measured, a.bar.verdict()), (Some(9.0), "held"));
        assert_eq!(a.each, [Some(11.0), Some(9.0), Some(8.0)]);
        // A run that did not measure it has no say.
        assert_eq!(
            (b.bar.measured, &b.each[..]),
            (Some(1.0), &[Some(1.0), None, None][..])
        );
    }
}
