//! The way back: a growing share of traffic, each step judged by its own requests.

use crate::settings::EvidenceSettings;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ramp {
    step: usize,
    failed: u32,
    began: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RampMove {
    /// Another share from now on.
    Step(Ramp),
    /// The last step passed.
    Completed,
    /// It failed at the lowest share, or too often.
    Failed,
}

impl Ramp {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            step: 0,
            failed: 0,
            began: now,
        }
    }

    pub(crate) fn percent(&self, settings: &EvidenceSettings) -> u32 {
        settings.ramp_percent.get(self.step).copied().unwrap_or(100)
    }

    /// The process stood still for `gap`: the step gets its time again.
    pub(crate) fn stood_still(self, gap: Duration) -> Self {
        Self {
            began: self.began + gap,
            ..self
        }
    }

    pub(crate) fn due(&self, step: Duration) -> Instant {
        self.began + step
    }

    pub(crate) fn advance(self, now: Instant, settings: &EvidenceSettings) -> RampMove {
        if self.step + 1 >= settings.ramp_percent.len() {
            return RampMove::Completed;
        }
        RampMove::Step(Self {
            step: self.step + 1,
            began: now,
            ..self
        })
    }

    pub(crate) fn retreat(self, now: Instant, settings: &EvidenceSettings) -> RampMove {
        let failed = self.failed + 1;
        if self.step == 0 || failed >= settings.ramp_failures {
            return RampMove::Failed;
        }
        RampMove::Step(Self {
            step: self.step - 1,
            failed,
            began: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn stepped(moved: RampMove) -> Ramp {
        match moved {
            RampMove::Step(ramp) => ramp,
            other => panic!("expected a step, got {other:?}"),
        }
    }

    #[test]
    fn four_good_steps_complete_it() {
        let (now, settings) = (origin(), EvidenceSettings::default());
        let mut ramp = Ramp::new(now);
        let mut shares = vec![ramp.percent(&settings)];
        for _ in 0..3 {
            ramp = stepped(ramp.advance(now, &settings));
            shares.push(ramp.percent(&settings));
        }
        assert_eq!(shares, [5, 10, 25, 50]);
        assert_eq!(ramp.advance(now, &settings), RampMove::Completed);
    }

    #[test]
    fn fails_at_the_lowest_share_or_at_the_third_failure() {
        let (now, settings) = (origin(), EvidenceSettings::default());
        assert_eq!(Ramp::new(now).retreat(now, &settings), RampMove::Failed);
        let mut ramp = Ramp {
            step: 3,
            failed: 0,
            began: now,
        };
        ramp = stepped(ramp.retreat(now, &settings));
        ramp = stepped(ramp.retreat(now, &settings));
        assert_eq!(ramp.percent(&settings), 10);
        assert_eq!(ramp.retreat(now, &settings), RampMove::Failed);
    }
}
