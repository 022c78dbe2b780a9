//! How many rows a run should hold, learned from what runs of several sizes cost.
//!
//! A run costs about `a·n + b` for n rows. Rows that run together share b; beyond some number there
//! is hardly anything left to share, and every further row only makes the others wait.

use std::time::Duration;

/// The sizes a model is measured at, in rows.
pub(crate) const MEASURED_ROWS: [usize; 5] = [1, 10, 50, 100, 200];
/// The fixed cost may take this share of a full run.
const FIXED_SHARE: f64 = 0.05;
/// Fewer would make every request a run of its own, and more costs rankers what they gain: caches
/// are left.
const WITHIN: std::ops::RangeInclusive<usize> = 16..=400;

/// The rows of a run, by a least-squares line through measured `(rows, time)`; `None` where the
/// measurements say nothing.
pub(crate) fn learned(measured: &[(usize, Duration)]) -> Option<usize> {
    let (per_row, fixed) = line(measured)?;
    if per_row <= 0.0 {
        // Rows cost nothing that could be measured.
        return Some(*WITHIN.end());
    }
    let rows = fixed.max(0.0) / per_row * (1.0 - FIXED_SHARE) / FIXED_SHARE;
    let rows = rows.round().min(*WITHIN.end() as f64) as usize;
    Some(rows.clamp(*WITHIN.start(), *WITHIN.end()))
}

/// Slope and intercept, in seconds, of the line that fits best.
fn line(measured: &[(usize, Duration)]) -> Option<(f64, f64)> {
    let points = || {
        let one = |(rows, took): &(usize, Duration)| (*rows as f64, took.as_secs_f64());
        measured.iter().map(one)
    };
    let count = measured.len() as f64;
    let (rows, time) = points().fold((0.0, 0.0), |(x, y), (rows, time)| (x + rows, y + time));
    let (mean_rows, mean_time) = (rows / count, time / count);
    let spread: f64 = points().map(|(x, _)| (x - mean_rows).powi(2)).sum();
    if measured.len() < 2 || spread == 0.0 {
        return None;
    }
    let both = points().map(|(x, y)| (x - mean_rows) * (y - mean_time));
    let slope = both.sum::<f64>() / spread;
    Some((slope, mean_time - slope * mean_rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(per_row_us: f64, fixed_us: f64) -> Vec<(usize, Duration)> {
        let at = |rows: usize| {
            let us = per_row_us * rows as f64 + fixed_us;
            (rows, Duration::from_secs_f64(us / 1e6))
        };
        MEASURED_ROWS.into_iter().map(at).collect()
    }

    #[test]
    fn a_run_is_as_long_as_its_fixed_cost_is_worth_sharing() {
        // 19 × 10 / 2: at 95 rows the fixed 10 µs are a twentieth of 200.
        assert_eq!(learned(&cost(2.0, 10.0)), Some(95));
        assert_eq!(learned(&cost(4.0, 0.0)), Some(16));
        assert_eq!(learned(&cost(0.01, 100.0)), Some(400));
        assert_eq!(learned(&cost(0.0, 100.0)), Some(400));
    }

    #[test]
    fn one_size_teaches_nothing() {
        assert_eq!(learned(&[]), None);
        assert_eq!(learned(&[(5, Duration::from_micros(3)); 4]), None);
    }
}
