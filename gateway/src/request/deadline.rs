//! The deadline of a request: the smallest of what the caller and the configuration give.

use std::time::{Duration, Instant};

use common::Deadline;

use super::metadata::{Metadata, MetadataKey};
use crate::failure::Failure;

/// The deadline from headers and configuration, counted from `arrived`; the body may tighten it.
pub(super) fn deadline(
    arrived: Instant,
    metadata: &impl Metadata,
    limit: Duration,
) -> Result<Deadline, Failure> {
    let configured = Deadline::after(arrived, limit);
    let Some(value) = metadata.get(MetadataKey::TimeoutMs) else {
        return Ok(configured);
    };
    let text = value.trim();
    match text
        .parse::<i64>()
        .ok()
        .and_then(|ms| u64::try_from(ms).ok())
    {
        Some(ms) if ms > 0 => Ok(configured.tightened(Duration::from_millis(ms))),
        _ => {
            let shown: String = text.chars().take(32).collect();
            Err(Failure::invalid(format!(
                "header X-Request-Timeout-Ms is \"{shown}\"; it must be a positive number of milliseconds"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;

    fn limit_of(value: Option<&'static str>) -> Result<u128, String> {
        let metadata: Vec<_> = value
            .map(|value| (MetadataKey::TimeoutMs, value))
            .into_iter()
            .collect();
        let arrived = ManualClock::new().now();
        deadline(arrived, &metadata, Duration::from_millis(800))
            .map(|d| d.limit().as_millis())
            .map_err(|f| f.message)
    }

    #[test]
    fn the_smaller_limit_holds() {
        assert_eq!(limit_of(None), Ok(800));
        assert_eq!(limit_of(Some("50")), Ok(50));
        assert_eq!(limit_of(Some("5000")), Ok(800));
        assert_eq!(limit_of(Some("9223372036854775807")), Ok(800));
    }

    #[test]
    fn nonsense_is_a_mistake_of_the_callers() {
        for bad in ["0", "-1", "soon", "", "1.5"] {
            assert!(limit_of(Some(bad)).is_err(), "{bad:?}");
        }
    }
}
