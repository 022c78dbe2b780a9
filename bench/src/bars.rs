//! Figures against what they must keep to.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// Which side of a bar is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Not above it.
    AtMost,
    /// Not below it.
    AtLeast,
    /// Below it.
    Below,
}

/// One bar and what was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bar {
    /// What.
    pub what: String,
    /// The figure that is judged; none where it could not be had.
    pub measured: Option<f64>,
    /// The figure before it was scaled to the reference speed, where it was.
    pub raw: Option<f64>,
    /// Unit of both.
    pub unit: Cow<'static, str>,
    /// Which side is good.
    pub side: Side,
    /// What it must keep to.
    pub bar: f64,
    /// What it should reach.
    pub aim: Option<f64>,
}

impl Bar {
    /// A bar without an aim.
    pub fn new(
        what: impl Into<String>,
        measured: Option<f64>,
        unit: &'static str,
        side: Side,
        bar: f64,
    ) -> Self {
        Self {
            what: what.into(),
            measured,
            raw: None,
            unit: Cow::Borrowed(unit),
            side,
            bar,
            aim: None,
        }
    }

    /// And what it should reach.
    #[must_use]
    pub fn aiming_at(self, aim: f64) -> Self {
        Self {
            aim: Some(aim),
            ..self
        }
    }

    /// And what it was before it was scaled.
    #[must_use]
    pub fn before_scaling(self, raw: Option<f64>) -> Self {
        Self { raw, ..self }
    }

    fn keeps_to(&self, limit: f64) -> Option<bool> {
        self.measured.map(|measured| match self.side {
            Side::AtMost => measured <= limit,
            Side::AtLeast => measured >= limit,
            Side::Below => measured < limit,
        })
    }

    /// Whether it was measured and keeps to its bar.
    pub fn held(&self) -> bool {
        self.keeps_to(self.bar) == Some(true)
    }

    /// In a word.
    pub fn verdict(&self) -> &'static str {
        match (
            self.keeps_to(self.bar),
            self.aim.and_then(|aim| self.keeps_to(aim)),
        ) {
            (None, _) => "NOT MEASURED",
            (Some(false), _) => "MISSED",
            (Some(true), Some(true)) => "aim reached",
            (Some(true), _) => "held",
        }
    }

    /// The side and its limit.
    pub fn limit(&self, limit: f64) -> String {
        let sign = match self.side {
            Side::AtMost => "≤",
            Side::AtLeast => "≥",
            Side::Below => "<",
        };
        format!("{sign} {} {}", figure(limit), self.unit)
            .trim_end()
            .to_owned()
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = self.measured.map_or_else(|| "-".to_owned(), figure);
        let raw = self
            .raw
            .map_or_else(String::new, |raw| format!(" (as measured {})", figure(raw)));
        write!(
            out,
            "{:<12} {:<66} {measured:>9} {:<4} {:>12}{raw}",
            self.verdict(),
            self.what,
            self.unit,
            self.limit(self.bar),
        )
    }
}

/// With as many digits as anybody can use.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(measured: Option<f64>, side: Side) -> Bar {
        Bar::new("figure", measured, "µs", side, 10.0).aiming_at(if side == Side::AtLeast {
            20.0
        } else {
            5.0
        })
    }

    #[test]
    fn a_bar_is_held_on_its_good_side_only() {
        assert_eq!(bar(Some(10.0), Side::AtMost).verdict(), "held");
        assert_eq!(bar(Some(4.0), Side::AtMost).verdict(), "aim reached");
        assert_eq!(bar(Some(10.1), Side::AtMost).verdict(), "MISSED");
        assert_eq!(bar(Some(10.0), Side::Below).verdict(), "MISSED");
        assert_eq!(bar(Some(20.0), Side::AtLeast).verdict(), "aim reached");
        assert_eq!(bar(Some(9.0), Side::AtLeast).verdict(), "MISSED");
    }

    #[test]
    fn what_was_not_measured_is_not_held() {
        let bar = bar(None, Side::AtMost);
        assert_eq!((bar.held(), bar.verdict()), (false, "NOT MEASURED"));
        assert!(!self::bar(Some(f64::NAN), Side::AtMost).held());
    }
}
