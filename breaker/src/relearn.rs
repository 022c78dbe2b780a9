//! When slower is the new normal: soft verdicts that keep coming back.

use crate::settings::EvidenceSettings;
use std::collections::VecDeque;
use std::time::Duration;

/// Counts verdicts that broke only the relative threshold. Time is healthy time: a breaker that
/// is mostly open makes little of it, so its verdicts stay together however long it was open.
#[derive(Debug, Default)]
pub(crate) struct SoftVerdicts {
    healthy: Duration,
    at: VecDeque<Duration>,
}

impl SoftVerdicts {
    pub(crate) fn healthy_for(&mut self, time: Duration) {
        self.healthy += time;
    }

    /// A verdict with failures or over the ceiling: no new normal.
    pub(crate) fn hard(&mut self) {
        self.at.clear();
    }

    /// A soft verdict; true when it is the one that lets the baseline go.
    pub(crate) fn soft(&mut self, settings: &EvidenceSettings) -> bool {
        self.at.push_back(self.healthy);
        while self
            .at
            .front()
            .is_some_and(|&t| self.healthy - t > settings.healthy_time)
        {
            self.at.pop_front();
        }
        let enough = self.at.len() >= settings.soft_verdicts as usize;
        if enough {
            self.at.clear();
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_soft_verdicts_close_together_let_the_baseline_go() {
        let settings = EvidenceSettings::default();
        let mut verdicts = SoftVerdicts::default();
        assert!(!verdicts.soft(&settings));
        assert!(!verdicts.soft(&settings));
        assert!(verdicts.soft(&settings));
        assert!(!verdicts.soft(&settings));
    }

    #[test]
    fn health_in_between_or_a_hard_verdict_starts_over() {
        let settings = EvidenceSettings::default();
        let mut verdicts = SoftVerdicts::default();
        verdicts.soft(&settings);
        verdicts.soft(&settings);
        verdicts.hard();
        assert!(!verdicts.soft(&settings));
        verdicts.soft(&settings);
        verdicts.healthy_for(Duration::from_secs(601));
        assert!(!verdicts.soft(&settings));
    }
}
