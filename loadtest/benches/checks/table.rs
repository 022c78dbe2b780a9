//! Figures over rounds, and whether they hold.

use std::fmt::Write;

/// What a figure must keep to.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Share of the wanted value that the figure may be off.
    Within {
        wanted: f64,
        share: f64,
    },
}

struct Row {
    name: String,
    rounds: Vec<f64>,
    judged: f64,
    how: &'static str,
    bound: Bound,
}

/// All figures.
pub(crate) struct Table {
    rows: Vec<Row>,
}

/// Rounds of each check.
pub(crate) fn rounds() -> u64 {
    std::env::var("CHECK_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5)
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Judges the median.
    pub(crate) fn median(&mut self, name: impl Into<String>, rounds: Vec<f64>, bound: Bound) {
        let judged = median(&rounds);
        self.add(name.into(), rounds, judged, "median", bound);
    }

    /// Judges the best round, for figures that others on the machine can only spoil.
    pub(crate) fn least(&mut self, name: impl Into<String>, rounds: Vec<f64>, bound: Bound) {
        let judged = rounds.iter().copied().fold(f64::MAX, f64::min);
        self.add(name.into(), rounds, judged, "best", bound);
    }

    fn add(
        &mut self,
        name: String,
        rounds: Vec<f64>,
        judged: f64,
        how: &'static str,
        bound: Bound,
    ) {
        let row = Row {
            name,
            rounds,
            judged,
            how,
            bound,
        };
        eprintln!("  {}", row.text());
        self.rows.push(row);
    }

    pub(crate) fn has_missed(&self) -> bool {
        self.rows.iter().any(|row| !row.holds())
    }

    pub(crate) fn text(&self) -> String {
        self.rows.iter().map(|row| row.text() + "\n").collect()
    }
}

impl Row {
    fn holds(&self) -> bool {
        match self.bound {
            Bound::AtMost(limit) => self.judged <= limit,
            Bound::AtLeast(limit) => self.judged >= limit,
            Bound::Within { wanted, share } => (self.judged / wanted - 1.0).abs() <= share,
        }
    }

    fn text(&self) -> String {
        let low = self.rounds.iter().copied().fold(f64::MAX, f64::min);
        let high = self.rounds.iter().copied().fold(f64::MIN, f64::max);
        let mut text = format!(
            "{:<6} {:<44} {} {:>10.3}  ({low:.3} to {high:.3} over {})",
            if self.holds() { "held" } else { "MISSED" },
            self.name,
            self.how,
            self.judged,
            self.rounds.len()
        );
        let bound = match self.bound {
            Bound::AtMost(limit) => write!(text, "  at most {limit:.3}"),
            Bound::AtLeast(limit) => write!(text, "  at least {limit:.3}"),
            Bound::Within { wanted, share } => {
                let off = (self.judged / wanted - 1.0) * 100.0;
                write!(
                    text,
                    "  {off:+.2} % off {wanted:.3}, {:.0} % allowed",
                    share * 100.0
                )
            }
        };
        bound.expect("writing to memory cannot fail");
        text
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
