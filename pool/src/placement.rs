//! Where a model's actors run: on the worker threads, or on threads of their own. Pure decisions.
//!
//! An actor on the worker thread that has the request costs no thread hop, but its run blocks that
//! thread's event loop: right for short runs, wrong for long ones.

use std::{num::NonZeroUsize, time::Duration};

use crate::repository::{ModelSource, manifest::Placement};

/// Dedicated actors of a model that does not say how many: two, so that one that hangs or restarts
/// leaves one to answer.
const DEFAULT_INSTANCES: usize = 2;

/// Whether a model whose run took `measured` at warm-up gets threads of its own.
#[must_use]
pub fn is_dedicated(source: &ModelSource, measured: Duration, long_run: Duration) -> bool {
    Decision::of(source.manifest.placement, measured, long_run).place == Place::Dedicated
}

/// How many dedicated actors a model gets where there are threads for them.
pub(crate) fn instances(stated: Option<NonZeroUsize>) -> usize {
    stated.map_or(DEFAULT_INSTANCES, NonZeroUsize::get)
}

/// Where a model's actors run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// One on each worker thread.
    Colocated,
    /// Each on a thread of its own.
    Dedicated,
}

/// A model's place and why.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) place: Place,
    pub(crate) reason: String,
    /// What the warm-up measured for one run; zero if nothing.
    pub(crate) measured: Duration,
}

impl Decision {
    /// Decides for a model whose run took `measured` at warm-up.
    pub(crate) fn of(wanted: Placement, measured: Duration, long_run: Duration) -> Self {
        let (us, limit) = (measured.as_micros(), common::Span(long_run));
        let (place, reason) = match wanted {
            Placement::Colocated => (Place::Colocated, "model.toml says so".to_owned()),
            Placement::Dedicated => (Place::Dedicated, "model.toml says so".to_owned()),
            Placement::Auto if measured.is_zero() => (
                Place::Colocated,
                "no run could be measured at warm-up".to_owned(),
            ),
            Placement::Auto if measured > long_run => (
                Place::Dedicated,
                format!("a run took {us} us at warm-up, above models.long_run = {limit}"),
            ),
            Placement::Auto => (
                Place::Colocated,
                format!("a run took {us} us at warm-up, within models.long_run = {limit}"),
            ),
        };
        Self {
            place,
            reason,
            measured,
        }
    }
}

/// Tells a model whose live runs have become long from one that was slow for a moment.
#[derive(Debug, Default)]
pub(crate) struct LiveRuns {
    runs_seen: u64,
    long_in_row: u32,
}

impl LiveRuns {
    /// Looks in a row at which the median must be too long, each with fresh runs.
    const LOOKS: u32 = 3;
    /// Fresh runs a look needs, as many as the median is taken of.
    const FRESH_RUNS: u64 = 100;

    /// A look at the slowest actor's median. True once it has been too long for long enough.
    pub(crate) fn too_long(&mut self, runs: u64, median: Duration, long_run: Duration) -> bool {
        if runs < self.runs_seen.saturating_add(Self::FRESH_RUNS) {
            return false;
        }
        self.runs_seen = runs;
        self.long_in_row = match median > long_run {
            true => self.long_in_row + 1,
            false => 0,
        };
        self.long_in_row >= Self::LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn auto_goes_by_the_measured_run_and_a_stated_place_by_itself() {
        let place = |wanted, us| Decision::of(wanted, Duration::from_micros(us), MS).place;
        assert_eq!(place(Placement::Auto, 184), Place::Colocated);
        assert_eq!(place(Placement::Auto, 1000), Place::Colocated);
        assert_eq!(place(Placement::Auto, 5000), Place::Dedicated);
        assert_eq!(place(Placement::Colocated, 5000), Place::Colocated);
        assert_eq!(place(Placement::Dedicated, 184), Place::Dedicated);
    }

    #[test]
    fn one_slow_moment_moves_nothing() {
        let mut live = LiveRuns::default();
        assert!(!live.too_long(100, 3 * MS, MS));
        assert!(!live.too_long(150, 3 * MS, MS), "no fresh runs");
        assert!(!live.too_long(200, 3 * MS, MS));
        assert!(!live.too_long(300, MS / 2, MS));
        assert!(!live.too_long(400, 3 * MS, MS));
        assert!(!live.too_long(500, 3 * MS, MS));
        assert!(live.too_long(600, 3 * MS, MS));
    }
}
