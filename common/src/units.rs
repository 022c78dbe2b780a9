//! Quantities as people write them in configuration: `"5ms"`, `"8MiB"`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UnitError {
    /// Not a number followed by one of the known units.
    #[error("`{text}` is not a {what}: write a number and a unit, such as {example}")]
    Malformed {
        /// What was written.
        text: String,
        /// What was expected.
        what: &'static str,
        /// One or two right ones.
        example: &'static str,
    },
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// A length of time in configuration: one or more numbers with a unit, such as `5ms`, `1.5s` or
/// `1m 30s`. The same grammar holds for every duration that a person writes in this workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        humantime::parse_duration(text)
            .ok()
            // A century bounds every later addition to an instant.
            .filter(|d| d.as_secs() < 100 * 365 * 86_400)
            .map(Self)
            .ok_or_else(|| UnitError::Malformed {
                text: text.into(),
                what: "time",
                example: "\"5ms\", \"30s\" or \"1m 30s\"",
            })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.as_nanos();
        match ns {
            0 => f.write_str("0ms"),
            _ if ns.is_multiple_of(1_000_000_000) => write!(f, "{}s", ns / 1_000_000_000),
            _ if ns.is_multiple_of(1_000_000) => write!(f, "{}ms", ns / 1_000_000),
            _ if ns.is_multiple_of(1_000) => write!(f, "{}us", ns / 1_000),
            _ => write!(f, "{ns}ns"),
        }
    }
}

/// A number of bytes in configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The size as a length in memory, saturating on small machines.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let factor = |unit| match unit {
            "B" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            _ => None,
        };
        split(text)
            .and_then(|(n, unit)| n.checked_mul(factor(unit)?))
            .map(Self)
            .ok_or_else(|| UnitError::Malformed {
                text: text.into(),
                what: "size",
                example: "\"64KiB\" or \"8MiB\"",
            })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
            if self.0 != 0 && self.0.is_multiple_of(1 << shift) {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}B", self.0)
    }
}

macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
as_text!(Span, ByteSize);

/// A [`Duration`] field written as a [`Span`]: `#[serde(with = "common::span")]`.
pub mod span {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, Span};

    /// Writes the duration with its unit.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        Span(*value).serialize(to)
    }

    /// Reads a number and a unit.
    ///
    /// # Errors
    /// The text is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Span::deserialize(from).map(|span| span.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_back_as_written() {
        for text in ["5ms", "30s", "250us", "7ns", "0ms"] {
            assert_eq!(
                text.parse::<Span>().map(|s| s.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["1MiB", "64KiB", "3GiB", "100B"] {
            assert_eq!(
                text.parse::<ByteSize>().map(|s| s.to_string()),
                Ok(text.to_owned())
            );
        }
        for (text, seconds) in [
            ("2m", 120.0),
            ("1m 30s", 90.0),
            ("1h30m", 5400.0),
            ("1.5s", 1.5),
        ] {
            assert_eq!(
                text.parse::<Span>().map(|s| s.0),
                Ok(Duration::from_secs_f64(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn bare_numbers_and_overflow_are_refused() {
        for bad in [
            "5",
            "",
            "ms",
            "-5ms",
            "1.2.3s",
            "99999999999999h",
            "200 years",
        ] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
        for bad in ["5", "5MB", "99999999999GiB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad:?}");
        }
    }
}
