//! The server's own metrics before and after a run, so that time in its queue and time in its
//! model can be told apart from time on the way. Reads Prometheus' text form, over plain HTTP.

mod fetch;
mod phases;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use fetch::fetch;
pub(crate) use phases::{Phase, phases};

/// Series by name and labels, as written.
pub type Series = BTreeMap<String, f64>;

/// Series beyond this many are left out; a page of metrics is no place for unbounded memory.
const MAX_SERIES: usize = 20_000;

/// What a server said about itself around a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServerMetrics {
    /// Where it was asked.
    pub url: String,
    /// Time histograms, their growth during the run.
    pub phases: Vec<Phase>,
    /// Every series that changed: its growth.
    pub delta: Series,
    /// Before the run.
    pub before: Series,
    /// After it.
    pub after: Series,
}

impl ServerMetrics {
    /// Puts two scrapes together.
    pub fn new(url: &str, before: Series, after: Series) -> Self {
        let grown = |(name, value): (&String, &f64)| {
            let growth = value - before.get(name).copied().unwrap_or(0.0);
            (growth != 0.0).then(|| (name.clone(), growth))
        };
        let delta: Series = after.iter().filter_map(grown).collect();
        Self {
            url: url.to_owned(),
            phases: phases(&delta),
            delta,
            before,
            after,
        }
    }
}

/// Reads the text form; comments, timestamps and what is not finite are left out.
pub(crate) fn parse(text: &str) -> Series {
    let mut series = Series::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') || series.len() >= MAX_SERIES {
            continue;
        }
        // Labels may hold blanks, so the value is looked for behind them.
        let name_end = line
            .rfind('}')
            .map_or_else(|| line.find(' '), |brace| Some(brace + 1));
        let Some((name, rest)) = name_end.map(|end| line.split_at(end)) else {
            continue;
        };
        let value = rest
            .split_whitespace()
            .next()
            .and_then(|value| value.parse::<f64>().ok());
        if let Some(value) = value.filter(|value| value.is_finite()) {
            series.insert(name.trim().to_owned(), value);
        }
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_read_and_oddities_are_left_out() {
        let text = "# HELP a b\n# TYPE a counter\na 3\nb{x=\"y z\",w=\"}\"} 4.5 1700000\n\
                    c NaN\nbroken\nd{le=\"+Inf\"} 7\n";
        let series = parse(text);
        assert_eq!(series.len(), 3);
        assert_eq!(series["a"], 3.0);
        assert_eq!(series["b{x=\"y z\",w=\"}\"}"], 4.5);
        assert_eq!(series["d{le=\"+Inf\"}"], 7.0);
    }

    #[test]
    fn only_growth_is_kept_apart() {
        let before = parse("a 3\nb 1\n");
        let after = parse("a 3\nb 5\nnew 2\n");
        let metrics = ServerMetrics::new("http://m", before, after);
        assert_eq!(
            metrics.delta,
            Series::from([("b".into(), 4.0), ("new".into(), 2.0)])
        );
    }
}
