//! What the probes of one half-open phase say.

use crate::binomial::exceeds;
use crate::settings::EvidenceSettings;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ProbeTally {
    pub(crate) probes: u64,
    /// Failed, timed out or over the ceiling; one probe counts once.
    pub(crate) bad: u64,
    /// Over the threshold.
    pub(crate) slow: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeVerdict {
    Undecided,
    Pass,
    /// Proven bad by failures, timeouts or calls over the ceiling.
    Failing,
    /// Proven slow, and nothing else.
    Slow,
}

impl ProbeTally {
    pub(crate) fn record(&mut self, bad: bool, slow: bool) {
        self.probes += 1;
        self.bad += u64::from(bad);
        self.slow += u64::from(slow);
    }

    /// `tolerated` is the share of bad probes that is normal for the key.
    pub(crate) fn verdict(&self, tolerated: f64, settings: &EvidenceSettings) -> ProbeVerdict {
        let complete = self.probes >= u64::from(settings.probes);
        let early = u64::from(settings.probe_early);
        if !complete && self.bad < early && self.slow < early {
            return ProbeVerdict::Undecided;
        }
        let alpha = settings.probe_alpha;
        if exceeds(self.probes, self.bad, tolerated, alpha) {
            return ProbeVerdict::Failing;
        }
        if exceeds(self.probes, self.slow, settings.probe_slow_share, alpha) {
            return ProbeVerdict::Slow;
        }
        if complete {
            ProbeVerdict::Pass
        } else {
            ProbeVerdict::Undecided
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(probes: u64, bad: u64, slow: u64, tolerated: f64) -> ProbeVerdict {
        ProbeTally { probes, bad, slow }.verdict(tolerated, &EvidenceSettings::default())
    }

    #[test]
    fn thirty_good_probes_pass_and_fewer_decide_nothing() {
        assert_eq!(verdict(29, 0, 0, 0.005), ProbeVerdict::Undecided);
        assert_eq!(verdict(30, 0, 0, 0.005), ProbeVerdict::Pass);
    }

    #[test]
    fn one_bad_probe_of_thirty_is_no_proof_and_two_are() {
        assert_eq!(verdict(30, 1, 1, 0.005), ProbeVerdict::Pass);
        assert_eq!(verdict(2, 2, 0, 0.005), ProbeVerdict::Failing);
        assert_eq!(verdict(30, 0, 2, 0.005), ProbeVerdict::Slow);
    }

    #[test]
    fn failures_that_were_normal_before_are_tolerated() {
        assert_eq!(verdict(30, 3, 0, 0.10), ProbeVerdict::Pass);
        assert_eq!(verdict(30, 7, 0, 0.10), ProbeVerdict::Failing);
    }
}
