//! Durations, rates and counts as people write them on a command line, and back again.

use std::time::Duration;

/// What could not be read, with an example of what can.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum UnitError {
    /// Not a duration with a unit.
    #[error(
        "`{0}` is not a duration; write a number and a unit, such as 250us, 11ms, 20s or 1m 30s"
    )]
    Duration(String),
    /// Not a positive number of requests per second.
    #[error("`{0}` is not a rate; write requests per second, such as 400 or 12.5")]
    Rate(String),
}

/// Reads `250us`, `1.5ms`, `20s`, `2m`, `1h 30m`: the grammar of every duration in this workspace. A
/// bare number is refused because its unit would be a guess.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let span = text.parse::<common::Span>();
    span.map(|span| span.0)
        .map_err(|_| UnitError::Duration(text.trim().to_owned()))
}

/// Reads a rate in requests per second; it must be finite and above zero.
pub(crate) fn parse_rate(text: &str) -> Result<f64, UnitError> {
    let rate = text.trim().trim_end_matches("/s").parse::<f64>();
    match rate {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err(UnitError::Rate(text.to_owned())),
    }
}

/// Microseconds as a floating number, the unit of every time in a report.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}

/// A time in microseconds for people: `85 µs`, `1.25 ms`, `3.2 s`.
pub(crate) fn show_us(us: f64) -> String {
    let magnitude = us.abs();
    if magnitude < 999.5 {
        format!("{us:.0} µs")
    } else if magnitude < 9_995.0 {
        format!("{:.2} ms", us / 1e3)
    } else if magnitude < 99_950.0 {
        format!("{:.1} ms", us / 1e3)
    } else if magnitude < 999_500.0 {
        format!("{:.0} ms", us / 1e3)
    } else {
        format!("{:.2} s", us / 1e6)
    }
}

/// Serialises a [`Duration`] as seconds, for reports and the worker protocol.
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(value.as_secs_f64())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(from)?;
        Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_may_be_fractions() {
        assert_eq!(parse_duration("11ms"), Ok(Duration::from_millis(11)));
        assert_eq!(parse_duration("1.5ms"), Ok(Duration::from_micros(1500)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        for bad in ["11", "", "ms", "-1s", "1.2.3s", "20 parsecs"] {
            assert!(parse_duration(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn rates_are_positive_and_finite() {
        assert_eq!(parse_rate("400"), Ok(400.0));
        assert_eq!(parse_rate("12.5/s"), Ok(12.5));
        for bad in ["0", "-3", "NaN", "inf", "many"] {
            assert!(parse_rate(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn times_are_shown_with_three_digits_at_most() {
        assert_eq!(show_us(85.4), "85 µs");
        assert_eq!(show_us(1250.0), "1.25 ms");
        assert_eq!(show_us(350_400.0), "350 ms");
        assert_eq!(show_us(3_200_000.0), "3.20 s");
    }
}
